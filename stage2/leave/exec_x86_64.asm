; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park (include/segue.h), x86_64: the gate.
;   mode      64-bit, CPL 0, 4-level or 5-level paging
;   in        RDI   address of the workspace
;   out       does not return: purgatory is entered as points 1 to 5 of its contract say, or as point 23 says
;   uses      the workspace, under its lock; no stack of the host's
%include "leave/descend_x86_64.inc"

%macro leave_virtual 0
	vmxoff
	stgi
%endmacro
%macro no_efer 0
	xor eax, eax
	xor edx, edx
%endmacro

bits 64
default rel
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
	endbr64
	cli
	mov eax, DR7_RESET
	mov dr7, rax
	lea rdx, [segue_known]
	find_target rdi, [rdx + rcx * 8 - 8]
	; From another CPU the target would find itself there while the boot CPU runs on.
	test byte [rdi + PARAMS_FLAGS + 1], BOOT_CPU_ONLY >> 8
	jz .right_cpu
	mov ecx, MSR_BASE
	rdmsr
	test eax, MSR_BASE_BSP
	jz near refuse_cpu
.right_cpu:
	; A CPU that parks may be in here. The lock is kept: whoever comes after this one has come too late.
	mov ecx, LOCK_PATIENCE
	take_lock rdi, loop
	xor edx, edx
leave_host:
	cld
	lea rsp, [rdi + HOST_STACK_TOP]
	mov rbp, [rdi + LEAVE_POINTER_AT]
	add edx, [rbp + leave.purgatory]
	mov [rbp + leave.entry], edx
	; TF, NT and AC go.
	push EFLAGS_FIXED
	popfq
	; CET ends before a handler of ours may run; with it on, that would have to keep to its rules.
	mov rsi, cr4
	btr rsi, CR4_CET_BIT
	mov cr4, rsi
	descend segue_gate, leave_virtual, no_efer

bits 64
segue_park:
	endbr64
	cli
	mov eax, DR7_RESET
	mov dr7, rax
	lea rdx, [segue_known]
	find_target rdi, [rdx + rcx * 8 - 8]
	take_lock rdi, jmp
	mov edx, PARK_ENTRY
	jmp leave_host

	descend_routines segue_gate
	printer "segue: exception ", TEXT_NUMBER, ", error code ", TEXT_NUMBER, ", RIP ", TEXT_NUMBER, TEXT_NUMBER, \
		", CR2 ", TEXT_NUMBER, TEXT_NUMBER, " before the target was entered; stopped", 13, 10
segue_gate_end:
%if segue_gate_end - segue_gate > GATE_LIMIT
	%error "the gate is larger than GATE_LIMIT"
%endif

bits 64
refuse_cpu:
	lea rsi, [not_boot_cpu_text]
	jmp short refuse_by
refuse_unknown:
	lea rsi, [unknown_text]
refuse_by:
	mov edx, [segue_known + KNOWN_SERIAL]
	refuser
section .note.GNU-stack noalloc noexec nowrite progbits
