; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park, x86_64 (exec.inc)
;   mode      64-bit, CPL 0, 4-level or 5-level paging
;   in        RDI   address of the workspace
%include "leave/descend_x86_64.inc"

%macro begin_gate 0
	endbr64
	cli
	mov eax, DR7_RESET
	mov dr7, rax
	lea rdx, [rel segue_known]
	find_target rdi, [rdx + rcx * 8 - 8]
%endmacro

%macro take_flags 0
	push EFLAGS_FIXED
	popfq
%endmacro

; CET is turned off before one of the gate's handlers may run: these do not follow its rules.
%macro take_cr4 0
	mov rsi, cr4
	btr rsi, CR4_CET_BIT
	mov cr4, rsi
%endmacro

%include "leave/exec.inc"
