; SPDX-License-Identifier: MIT
; A target in long mode (minimal/boot_x86_64.asm calls kernel_main) around include/README.md's routine: it answers with the sum of
; all questions, and with BROKEN if the routine has changed what it must preserve. It finds the return address on its command line.
INFO_CMDLINE	equ 16			; Multiboot 1, section 3.3
BLOCK_WORD	equ 12			; segue_target.h
BLOCK		equ ~4095
BROKEN		equ 0xbadbad

default rel
section .text
global kernel_main
; in RDI Multiboot's information
kernel_main:
	mov esi, [rdi + INFO_CMDLINE]
.find:
	inc esi
	mov rax, "kexec_ju"
	cmp [rsi - 1], rax
	jne .find
	mov rax, "y=0x"
.value:
	inc esi
	cmp [rsi - 4], eax
	jne .value
	xor ebx, ebx			; the return address
.digit:
	movzx eax, byte [rsi]
	inc esi
	sub al, "0"
	js .found
	cmp al, 9
	jbe .add
	sub al, "a" - "0" - 10
.add:
	shl ebx, 4
	or ebx, eax
	jmp .digit
.found:
	mov eax, ebx
	and eax, BLOCK
	mov r12d, [rax + BLOCK_WORD]	; the sum
	mov rbp, 0x123456789abcdef0
	mov r13, rbp
	mov r14, rbp
	mov r15, rbp
	lidt [own_idt]
.call:
	mov [kept], rsp
	mov [kept_rbx], rbx
	sgdt [kept_gdt]
	sidt [kept_idt]
	mov edi, ebx
	mov esi, r12d
	call come_back
	add r12d, eax
	cmp rsp, [kept]
	jne .broken
	cmp rbx, [kept_rbx]
	jne .broken
	mov rax, 0x123456789abcdef0
	cmp rbp, rax
	jne .broken
	cmp r13, rax
	jne .broken
	cmp r14, rax
	jne .broken
	cmp r15, rax
	jne .broken
	sgdt [now]
	mov rax, [now]
	cmp rax, [kept_gdt]
	jne .broken
	sidt [now]
	mov rax, [now]
	cmp rax, [kept_idt]
	jne .broken
	mov eax, cs
	cmp eax, 8
	je .call
.broken:
	mov r12d, BROKEN
	jmp .call

%include "come_back.inc"

section .rodata
own_idt:
	dw 0x7ff
	dq own_idt			; no interrupt comes
section .bss nobits alloc noexec write align=16
kept:		resq 1
kept_rbx:	resq 1
kept_gdt:	resq 2
kept_idt:	resq 2
now:		resq 2
section .note.GNU-stack noalloc noexec nowrite progbits
