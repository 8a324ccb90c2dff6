; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park, i386 (exec.inc)
;   mode      32-bit, CPL 0, paging off, 32-bit or PAE; segments as segue_ready() demands
;   in        EAX   offset of the workspace in SS; DS may be anything
%include "leave/descend_i386.inc"

%macro begin_gate 0
	cli
	; In an interrupt handler DS may still be a user's.
	mov edx, ss
	mov ds, edx
	mov edx, DR7_RESET
	mov dr7, edx
	mov edi, eax
	find_target edi, [segue_known + ecx * 4 - 4]
%endmacro

; ID stays, where there is CPUID.
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
	; CET ends before a handler of ours may run, and PGE before our page tables: that flushes what is global.
	mov esi, cr4
	and esi, CR4_KEPT
	mov cr4, esi
.no_cr4:
%endmacro

%include "leave/exec.inc"
