; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park, i386 (exec.inc)
;   mode      32-bit, CPL 0; no paging, 32-bit paging or PAE; segments as segue_ready() requires
;   in        EAX   offset of the workspace in SS; DS may be anything
%include "leave/descend_i386.inc"

%macro begin_gate 0
	cli
	; In an interrupt handler DS may still be that of a user program.
	mov edx, ss
	mov ds, edx
	mov edx, DR7_RESET
	mov dr7, edx
	mov edi, eax
	find_target edi, [segue_known + ecx * 4 - 4]
%endmacro

; Sets ID: it stays set only if the CPU has CPUID, which take_cr4 tests.
%macro take_flags 0
	push dword EFLAGS_FIXED | EFLAGS_ID
	popfd
%endmacro

%macro take_cr4 0
	xor esi, esi
	pushfd
	pop eax
	test eax, EFLAGS_ID
	jz .no_cr4
	xor eax, eax
	cpuid
	test eax, eax
	jz .no_cr4
	mov eax, 1
	cpuid
	test edx, CPUID_ANY_CR4
	jz .no_cr4
	; CET is turned off before one of the gate's handlers may run, and PGE, which flushes global pages, before the gate's
	; page tables are loaded.
	mov esi, cr4
	and esi, CR4_KEPT
	mov cr4, esi
.no_cr4:
%endmacro

%include "leave/exec.inc"
