; SPDX-License-Identifier: MIT
;
; segue_call() begins here, so that the caller's registers are known for the core (return/caller.h).
;   mode      32-bit, CPL 0, with a stack
;   in        the argument on the stack, whatever the host's calling convention is (segue.h)
;   out       EAX: the result
;   clobbers  EAX ECX EDX EFLAGS
bits 32

extern segue_call_from

section .text
global segue_call
segue_call:
	pushfd
	push ebp
	push ebx
	push esi
	push edi
	mov eax, esp
	call segue_call_from
	add esp, 5 * 4
	ret
section .note.GNU-stack noalloc noexec nowrite progbits
