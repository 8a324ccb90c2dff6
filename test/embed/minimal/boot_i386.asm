; SPDX-License-Identifier: MIT
; The least kernel: Multiboot 1's header, a stack, and kernel_main() (mode: 32-bit, paging off).
MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_FLAGS		equ 1 << 0 | 1 << 1	; modules on pages; memory map

bits 32
section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .text
global _start
extern kernel_main
_start:
	mov	esp, stack_top
	push	ebx
	mov	eax, ebx		; where -mregparm=3 looks for it
	call	kernel_main
.stop:
	cli
	hlt
	jmp	.stop

section .bss nobits alloc noexec write align=16
	resb	16384
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
