; SPDX-License-Identifier: MIT
; The least kernel in the upper half: 4 MiB pages, RAM from BASE on and nothing else (mode: 32-bit, paging off).
MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_FLAGS		equ 1 << 0 | 1 << 1	; modules on pages; memory map
BASE			equ 0xc0000000

PRESENT			equ 1 << 0
WRITABLE		equ 1 << 1
LARGE			equ 1 << 7
LARGE_PAGE		equ 4 << 20
PAGES			equ 64
CR0_PG			equ 1 << 31
CR0_WP			equ 1 << 16
CR4_PSE			equ 1 << 4

bits 32
section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .boot progbits alloc exec nowrite align=16
global _start
_start:
	mov	ecx, PAGES
.pages:
	lea	eax, [ecx - 1]
	imul	eax, LARGE_PAGE
	add	eax, PRESENT | WRITABLE | LARGE
	mov	[page_tables - BASE + BASE / LARGE_PAGE * 4 + ecx * 4 - 4], eax
	loop	.pages
	mov	dword [page_tables - BASE], PRESENT | WRITABLE | LARGE
	mov	eax, page_tables - BASE
	mov	cr3, eax
	mov	eax, CR4_PSE
	mov	cr4, eax
	mov	eax, cr0
	or	eax, CR0_PG | CR0_WP
	mov	cr0, eax
	mov	eax, high
	jmp	eax

section .text
extern kernel_main
high:
	mov	dword [page_tables], 0
	mov	eax, cr3
	mov	cr3, eax
	lgdt	[gdt_pointer]
	jmp	CODE:.own_code
.own_code:
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	esp, stack_top
	push	ebx
	call	kernel_main
.stop:
	cli
	hlt
	jmp	.stop

section .rodata
CODE		equ 8
DATA		equ 16
	align	8
gdt:	dq	0
	dq	0x00cf9b000000ffff	; flat code and data (Intel SDM vol. 3, 3.4.5)
	dq	0x00cf93000000ffff
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dd	gdt

section .bss nobits alloc noexec write align=4096
global page_tables
page_tables:
	resb	4096
	resb	16384
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
