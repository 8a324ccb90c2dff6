; SPDX-License-Identifier: MIT
;
; segue_exec (include/segue.h), i386
;   mode      as segue_ready() demands: 32-bit, CPL 0, flat, paging off
;   in        EAX   linear address of the workspace, which is its physical address too
;   out       does not return
;   uses      no stack, no register but EAX, no memory but the workspace
bits 32
section .text
global segue_exec
segue_exec:
	cli
	cld
	; Purgatory is the workspace's first page, its entry the first byte.
	jmp eax
section .note.GNU-stack noalloc noexec nowrite progbits
