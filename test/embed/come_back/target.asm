; SPDX-License-Identifier: MIT
; A Multiboot target around README's first instructions (start.inc), with its C in answer().
MULTIBOOT_MAGIC		equ 0x1badb002

bits 32
section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

section .text
global _start
extern answer
%include "start.inc"

section .bss nobits alloc noexec write align=16
	resb	4096
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
