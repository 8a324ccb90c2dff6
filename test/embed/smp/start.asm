; SPDX-License-Identifier: MIT
; Where the other CPUs start: 16-bit code, copied to 0x8000, then flat 32-bit code and a stack for each.
START		equ 0x8000
CR0_PE		equ 1 << 0
CODE		equ 8
DATA		equ 16
STACK		equ 4096
CPUS_MOST	equ 16

section .text
global other_start
global other_start_end
global park_handler
extern other_cpu
extern park_this_cpu

bits 16
other_start:
	cli
	xor	ax, ax
	mov	ds, ax
	lgdt	[START + .gdt_pointer - other_start]
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	jmp	dword CODE:other_flat
	align	8
.gdt:	dq	0
	dq	0x00cf9b000000ffff	; flat code and data (Intel SDM vol. 3, 3.4.5)
	dq	0x00cf93000000ffff
.gdt_pointer:
	dw	.gdt_pointer - .gdt - 1
	dd	START + .gdt - other_start
other_start_end:
bits 32
other_flat:
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	eax, STACK
	lock xadd [taken], eax
	lea	esp, [stacks + eax + STACK]
	call	other_cpu

; The IPI's handler: interrupts are off, and no EOI was sent.
park_handler:
	call	park_this_cpu

section .data
taken:	dd	0

section .bss nobits alloc noexec write align=16
stacks:	resb	STACK * CPUS_MOST

section .note.GNU-stack noalloc noexec nowrite progbits
