; SPDX-License-Identifier: MIT
;
; segue_exec() and segue_park() for hosts whose compiler has no regparm (include/segue.h).
;   mode      that of exec_i386.asm
;   in        the workspace on the stack (cdecl)
;   out       does not return

bits 32
section .text
extern segue_exec
extern segue_park
global segue_exec_from_stack
global segue_park_from_stack
segue_exec_from_stack:
	mov eax, [esp + 4]
	jmp segue_exec

segue_park_from_stack:
	mov eax, [esp + 4]
	jmp segue_park
section .note.GNU-stack noalloc noexec nowrite progbits
