; SPDX-License-Identifier: MIT
;
; segue_bios_gate (bios.h), x86_64: the gate to real mode and back.
;   mode      64-bit, CPL 0, 4-level or 5-level paging; interrupts off
;   in        RDI   struct crossing, filled in
;   out       crossing.result, crossing.registers; all state that struct crossing names is restored
;   clobbers  RAX RCX RDX RSI RDI R8 to R11 RFLAGS
;
; The order is that of bios_gate_i386.asm.
%include "leave/descend_x86_64.inc"
%include "bios/bios.inc"

MSR_FS_BASE	equ 0xc0000100
MSR_GS_BASE	equ 0xc0000101
EFER_LME	equ 1 << 8
EFER_LMA	equ 1 << 10

struc bios_tables, TABLES_END
	.tss		resq 2			; the descriptor of the host's TSS, busy bit clear
	.cr3		resq 1			; the host's CR3, where the gate's own page tables map it
	.own_code	resq 1			; ascend.own_code, as the host addresses it
endstruc
%if TABLES_END + bios_tables_size + LEAVE_STACK > LEAVE_SIZE
	%error "LEAVE_SIZE, leave.h"
%endif
; test_window.py finds a gate's handlers by this name.
%define handlers bios_handlers

; SVME stays: clearing it while GIF is 0 is undefined (AMD APM vol. 2, 15.17).
%macro no_long_mode 0
	rdmsr
	and eax, ~(EFER_LME | EFER_LMA)
%endmacro

bits 64
default rel
section .text align=2048		; GATE_ALIGN: so the gate lies in one page (NASM takes no name here)
%if GATE_ALIGN != 2048
	%error "the section's alignment"
%endif
global segue_bios_gate
global segue_bios_gate_start
global segue_bios_gate_end
segue_bios_gate_start:
segue_bios_gate:
	endbr64
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	sgdt [rdi + crossing.gdtr]
	sidt [rdi + crossing.idtr]
	sldt [rdi + crossing.ldtr]
	str [rdi + crossing.tr]
	mov [rdi + crossing.cs], cs
	mov [rdi + crossing.ss], ss
	mov [rdi + crossing.ds], ds
	mov [rdi + crossing.es], es
	mov [rdi + crossing.fs], fs
	mov [rdi + crossing.gs], gs
	mov [rdi + crossing.stack], rsp
	mov rbp, [rdi + crossing.leave]
	mov rax, cr0
	mov [rdi + crossing.cr0], rax
	mov rax, cr3
	mov [rdi + crossing.cr3], rax
	mov [rbp + bios_tables.cr3], rax
	lea rax, [ascend.own_code]
	mov [rbp + bios_tables.own_code], rax
	mov eax, [rbp + leave.gate]
	add eax, ascend - segue_bios_gate
	mov [rdi + crossing.ascend], eax
	mov ecx, MSR_EFER
	rdmsr
	and eax, ~EFER_LMA		; must be written as 0 while paging is off (AMD APM vol. 2, 3.1.7)
	mov [rdi + crossing.efer], eax
	mov [rdi + crossing.efer + 4], edx
	mov ecx, MSR_FS_BASE
	rdmsr
	mov [rdi + crossing.fs_base], eax
	mov [rdi + crossing.fs_base + 4], edx
	mov ecx, MSR_GS_BASE
	rdmsr
	mov [rdi + crossing.gs_base], eax
	mov [rdi + crossing.gs_base + 4], edx
	; CET is turned off before one of the gate's handlers may run: these do not follow its rules.
	mov rsi, cr4
	mov [rdi + crossing.cr4], rsi
	btr rsi, CR4_CET_BIT
	mov cr4, rsi
	descend segue_bios_gate, nothing_more, no_long_mode

; ascend, in the gate's copy
;   mode      32-bit, flat, CPL 0, interrupts and paging off; GDT and IDT as descend left them
;   in        EBX   struct crossing, EBP struct leave, both physical
;   out       returns to the host's caller of the gate
bits 32
ascend:
	mov eax, [ebx + crossing.cr4]
	and eax, CR4_KEPT
	mov cr4, eax
	mov ecx, [ebp + leave.root]
	test eax, CR4_LA57
	jz .root
	mov ecx, [ebp + leave.wide_root]
.root:
	mov cr3, ecx
	mov eax, [ebx + crossing.efer]
	mov edx, [ebx + crossing.efer + 4]
	mov ecx, MSR_EFER
	wrmsr
	mov edx, [ebx + crossing.cs]
	mov eax, [ebx + crossing.cr0]
	mov cr0, eax
	jmp short .paging
.paging:
	mov eax, [ebp + leave.gate]
	add eax, .long - segue_bios_gate
	push dword CODE_64
	push eax
	retf
bits 64
.long:
	; Upper halves are undefined in 32-bit mode.
	mov ebp, ebp
	mov edx, edx
	mov rbx, [rbp + leave.linear]
	lea rax, [rbx + tables.gdt]
	mov [rbp + pointers.gdt + 2], rax
	lgdt [rbp + pointers.gdt]
	mov eax, LDT
	lldt ax
	lea rax, [rbx + tables.idt]
	mov [rbp + pointers.idt + 2], rax
	lidt [rbp + pointers.idt]
	; A handler's IRETQ loads SS, too; a null SS is valid in 64-bit mode with any GDT.
	xor eax, eax
	mov ss, eax
	mov rbp, rbx
	mov rsp, rbx
	or dl, SELECTOR_TI
	push rdx
	push qword [rbp + bios_tables.own_code]
	retfq
.own_code:
	; The PCID must be 0 until CR4.PCIDE is set. CR4, with PCIDE and PGE, and then the full CR3 come last.
	mov rax, [rbp + bios_tables.cr3]
	and rax, -PAGE
	mov cr3, rax
	mov rdi, rbp
	and rdi, -PAGE
	sub rdi, PAGE			; struct crossing
	; The host's own TSS descriptor has the busy bit set, which LTR refuses. TR is loaded from a copy, through a GDT base
	; at which the same selector finds the copy.
	movzx eax, word [rdi + crossing.tr]
	and eax, ~SELECTOR_FLAGS
	jz .no_task
	lea rcx, [rbp + bios_tables.tss]
	sub rcx, rax
	mov [rbp + pointers.gdt + 2], rcx
	lgdt [rbp + pointers.gdt]
	ltr ax
.no_task:
	lgdt [rdi + crossing.gdtr]
	; The host's GDT is back, so the gates' selector becomes the host's CS, and the gate's LDT is no longer needed.
	mov eax, [rdi + crossing.cs]
	lea rdx, [rbp + tables.idt + 2]
	mov ecx, VECTORS
.gate:
	mov [rdx], al
	add rdx, 16
	loop .gate
	push rax
	lea rax, [.host_code]
	push rax
	retfq
.host_code:
	lldt [rdi + crossing.ldtr]
	mov ss, [rdi + crossing.ss]
	mov rsp, [rdi + crossing.stack]
	mov ds, [rdi + crossing.ds]
	mov es, [rdi + crossing.es]
	mov fs, [rdi + crossing.fs]
	mov gs, [rdi + crossing.gs]
	mov eax, [rdi + crossing.fs_base]
	mov edx, [rdi + crossing.fs_base + 4]
	mov ecx, MSR_FS_BASE
	wrmsr
	mov eax, [rdi + crossing.gs_base]
	mov edx, [rdi + crossing.gs_base + 4]
	mov ecx, MSR_GS_BASE
	wrmsr
	lidt [rdi + crossing.idtr]
	mov rax, [rdi + crossing.cr4]
	mov cr4, rax
	mov rax, [rdi + crossing.cr3]
	mov cr3, rax
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

	descend_routines segue_bios_gate
	printer "segue: exception ", TEXT_NUMBER, ", error code ", TEXT_NUMBER, ", RIP ", TEXT_NUMBER, TEXT_NUMBER, \
		", CR2 ", TEXT_NUMBER, TEXT_NUMBER, " on the way to the BIOS or back; stopped", 13, 10
segue_bios_gate_end:
%if segue_bios_gate_end - segue_bios_gate > GATE_ALIGN
	%error "the gate is larger than GATE_ALIGN"
%endif

section .rodata
global segue_bios_ground
global segue_bios_ground_end
global segue_bios_tss_at
	align 4, db 0
segue_bios_tss_at:
	dd bios_tables.tss
segue_bios_ground:
	ground
segue_bios_ground_end:
section .note.GNU-stack noalloc noexec nowrite progbits
