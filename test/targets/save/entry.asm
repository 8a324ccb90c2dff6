; SPDX-License-Identifier: MIT
; A Multiboot target that saves its host (main.c).

MAGIC	equ 0x1badb002
FLAGS	equ 2

bits 32
extern main
global start
section .header progbits alloc noexec nowrite align=4
	dd MAGIC, FLAGS, -(MAGIC + FLAGS)
section .text
start:
	pop ecx				; the return address
	mov esp, stack_top
	push ecx
	call main

section .bss nobits alloc noexec write align=16
	resb 8192
stack_top:
section .note.GNU-stack noalloc noexec nowrite progbits
