; SPDX-License-Identifier: MIT
;
; segue_call() begins here, so that the caller's registers are known for the core (return/caller.h).
;   mode      64-bit, CPL 0, with a stack
;   in        RDI: the argument
;   out       RAX: the result
;   clobbers  RAX RCX RDX RSI RDI R8 R9 R10 R11 RFLAGS
bits 64
default rel

extern segue_call_from

section .text
global segue_call
segue_call:
	endbr64
	pushfq
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdi
	mov rdi, rsp
	; the ABI's alignment
	sub rsp, 8
	call segue_call_from
	add rsp, 9 * 8
	ret
section .note.GNU-stack noalloc noexec nowrite progbits
