; SPDX-License-Identifier: MIT
; The least 64-bit kernel in the upper half: 2 MiB pages, 1 GiB of RAM from BASE on and nothing else (mode: 32-bit, paging off).
MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_FLAGS		equ 1 << 0 | 1 << 1	; modules on pages; memory map
BASE			equ 0xffffffff80000000

PRESENT			equ 1 << 0
WRITABLE		equ 1 << 1
LARGE			equ 1 << 7
LARGE_PAGE		equ 2 << 20
CR0_PG			equ 1 << 31
CR0_WP			equ 1 << 16
CR4_PAE			equ 1 << 5
MSR_EFER		equ 0xc0000080
EFER_LME		equ 1 << 8

bits 32
section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .boot progbits alloc exec nowrite align=16
global _start
_start:
	mov	edi, page_tables - BASE
	lea	eax, [edi + 4096 + PRESENT + WRITABLE]
	mov	[edi], eax
	mov	[edi + 511 * 8], eax
	lea	eax, [edi + 2 * 4096 + PRESENT + WRITABLE]
	mov	[edi + 4096], eax
	mov	[edi + 4096 + 510 * 8], eax
	mov	ecx, 512
.pages:
	lea	eax, [ecx - 1]
	imul	eax, LARGE_PAGE
	add	eax, PRESENT | WRITABLE | LARGE
	mov	[edi + 2 * 4096 + ecx * 8 - 8], eax
	loop	.pages
	mov	cr3, edi
	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, cr0
	or	eax, CR0_PG | CR0_WP
	mov	cr0, eax
	lgdt	[gdt_pointer]
	jmp	CODE:long_mode

bits 64
long_mode:
	mov	rax, high
	jmp	rax

CODE		equ 8
CODE_64		equ 0x9b << 40 | 0xa << 52	; present, code, readable; G and L
	align	8
gdt:	dq	0
	dq	CODE_64
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dd	gdt

section .text
extern kernel_main
high:
	mov	rsp, stack_top
	mov	rax, page_tables
	mov	qword [rax], 0
	mov	rax, cr3
	mov	cr3, rax
	mov	edi, ebx
	call	kernel_main
.stop:
	cli
	hlt
	jmp	.stop

section .bss nobits alloc noexec write align=4096
global page_tables
page_tables:
	resb	3 * 4096
	resb	16384
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
