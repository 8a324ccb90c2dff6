; SPDX-License-Identifier: MIT
; The least 64-bit kernel: Multiboot 1's header, an identity map of 4 GiB in 2 MiB pages, and kernel_main() (mode: 64-bit).
MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_FLAGS		equ 1 << 0 | 1 << 1	; modules on pages; memory map

PRESENT			equ 1 << 0
WRITABLE		equ 1 << 1
LARGE			equ 1 << 7
LARGE_PAGE		equ 2 << 20
CR0_PG			equ 1 << 31
CR4_PAE			equ 1 << 5
MSR_EFER		equ 0xc0000080
EFER_LME		equ 1 << 8

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
	mov	dword [level4], level3 + PRESENT + WRITABLE
	mov	ecx, 4
.directories:
	lea	eax, [ecx - 1]
	shl	eax, 12
	add	eax, level2 + PRESENT + WRITABLE
	mov	[level3 + ecx * 8 - 8], eax
	loop	.directories
	mov	ecx, 4 * 512
.pages:
	lea	eax, [ecx - 1]
	imul	eax, LARGE_PAGE
	add	eax, PRESENT | WRITABLE | LARGE
	mov	[level2 + ecx * 8 - 8], eax
	loop	.pages
	mov	eax, level4
	mov	cr3, eax
	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, cr0
	or	eax, CR0_PG
	mov	cr0, eax
	lgdt	[gdt_pointer]
	jmp	CODE:long_mode

bits 64
long_mode:
	mov	edi, ebx
	call	kernel_main
.stop:
	cli
	hlt
	jmp	.stop

section .rodata
CODE		equ 8
CODE_64		equ 0x9b << 40 | 0xa << 52	; present, code, readable; G and L
	align	8
gdt:	dq	0
	dq	CODE_64
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dd	gdt

section .bss nobits alloc noexec write align=4096
level4:	resb	4096
level3:	resb	4096
level2:	resb	4 * 4096
	resb	16384
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
