; SPDX-License-Identifier: MIT
;
; segue_crash_cpu() begins here, so that the caller's registers are known for the core (crash/crash_caller.h).
;   mode      32-bit, CPL 0, with a stack
;   in        the arguments on the stack, whatever the host's calling convention is (segue.h)
;   out       EAX: the result
;   clobbers  EAX ECX EDX EFLAGS
bits 32

extern segue_crash_from

section .text
global segue_crash_cpu
segue_crash_cpu:
	pushfd
	cld
	push ebp
	push ebx
	push esi
	push edi
	mov eax, esp
	call segue_crash_from
	add esp, 5 * 4
	ret
section .note.GNU-stack noalloc noexec nowrite progbits
