; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park (include/segue.h), i386: the gate.
;   mode      32-bit, CPL 0, paging off, 32-bit or PAE; segments as segue_ready() demands
;   in        EAX   offset of the workspace in SS
;   out       does not return: purgatory is entered as points 1 to 5 of its contract say, or as point 23 says
;   uses      the workspace, under its lock; no stack of the host's, no DS
%include "leave/descend_i386.inc"

%macro leave_virtual 0
	vmxoff
	stgi
%endmacro

bits 32
section .text align=2048		; GATE_ALIGN: so the gate lies in one page (NASM takes no name here)
%if GATE_ALIGN != 2048
	%error "the section's alignment"
%endif
global segue_exec
global segue_park
global segue_gate
global segue_gate_end
extern segue_known
KNOWN_SERIAL	equ known.serial
segue_gate:
segue_exec:
	cli
	; In an interrupt handler DS may still be a user's.
	mov edx, ss
	mov ds, edx
	mov edx, DR7_RESET
	mov dr7, edx
	find_target eax, [segue_known + ecx * 4 - 4]
	; From another CPU the target would find itself there while the boot CPU runs on.
	test byte [eax + PARAMS_FLAGS + 1], BOOT_CPU_ONLY >> 8
	jz .right_cpu
	mov ebx, eax
	mov ecx, MSR_BASE
	rdmsr
	test eax, MSR_BASE_BSP
	jz near refuse_cpu
	mov eax, ebx
.right_cpu:
	; A CPU that parks may be in here. The lock is kept: whoever comes after this one has come too late.
	mov ecx, LOCK_PATIENCE
	take_lock eax, loop
	xor edx, edx
leave_host:
	cld
	lea esp, [eax + HOST_STACK_TOP]
	mov ebp, [eax + LEAVE_POINTER_AT]
	add edx, [ebp + leave.purgatory]
	mov [ebp + leave.entry], edx
	; TF, NT and AC go; ID stays where there is CPUID.
	push dword EFLAGS_FIXED | EFLAGS_ID
	popfd
	xor esi, esi			; CR4, where there is one
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
	descend segue_gate, leave_virtual

segue_park:
	cli
	mov edx, ss
	mov ds, edx
	mov edx, DR7_RESET
	mov dr7, edx
	find_target eax, [segue_known + ecx * 4 - 4]
	take_lock eax, jmp
	mov edx, PARK_ENTRY
	jmp leave_host

	descend_routines segue_gate
	printer "segue: exception ", TEXT_NUMBER, ", error code ", TEXT_NUMBER, ", EIP ", TEXT_NUMBER, ", CR2 ", TEXT_NUMBER, \
		" before the target was entered; stopped", 13, 10
segue_gate_end:
%if segue_gate_end - segue_gate > GATE_LIMIT
	%error "the gate is larger than GATE_LIMIT"
%endif

refuse_cpu:
	mov esi, not_boot_cpu_text
	jmp short refuse_by
refuse_unknown:
	mov esi, unknown_text
refuse_by:
	mov edx, [segue_known + KNOWN_SERIAL]
	refuser
section .note.GNU-stack noalloc noexec nowrite progbits
