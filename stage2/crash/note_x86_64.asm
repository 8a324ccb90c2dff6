; SPDX-License-Identifier: MIT
;
; segue_crash_cpu() begins here, so that the caller's registers are known for the core (crash/crash_caller.h).
;   mode      64-bit, CPL 0, with a stack
;   in        RDI, ESI, RDX: the arguments
;   out       RAX: the result
;   clobbers  RAX RCX RDX RSI RDI R8 R9 R10 R11 RFLAGS
bits 64
default rel

extern segue_crash_from

section .text
global segue_crash_cpu
segue_crash_cpu:
	endbr64
	pushfq
	cld
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdx
	push rsi
	push rdi
	mov rdi, rsp
	; An interrupt's handler may have left the stack at any multiple of 8.
	mov rbx, rsp
	and rsp, -16
	call segue_crash_from
	mov rsp, rbx
	mov rbx, [rsp + 7 * 8]
	add rsp, 10 * 8
	ret
section .note.GNU-stack noalloc noexec nowrite progbits
