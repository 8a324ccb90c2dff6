; SPDX-License-Identifier: MIT
;
; segue_cross (cross.inc), x86_64
;   mode      64-bit, CPL 0, 4-level or 5-level paging; interrupts off
;   in        RDI   struct crossing
;   clobbers  RAX RCX RDX RSI RDI R8 to R11 RFLAGS
%include "leave/descend_x86_64.inc"

; SVME is not changed: clearing it while GIF is 0 is undefined (AMD APM vol. 2, 15.17).
%macro no_long_mode 0
	rdmsr
	and eax, ~(EFER_LME | EFER_LMA)
%endmacro

%macro keep 0
	endbr64
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	mov [rdi + crossing.ss], ss
	mov [rdi + crossing.ds], ds
	mov [rdi + crossing.es], es
	mov [rdi + crossing.fs], fs
	mov [rdi + crossing.gs], gs
	keep_msr MSR_FS_BASE, fs_base
	keep_msr MSR_GS_BASE, gs_base
	keep_msr MSR_EFER, efer
	; LMA must be written as 0 while paging is off (AMD APM vol. 2, 3.1.7).
	and dword [rdi + crossing.efer], ~EFER_LMA
	keep_cet
%endmacro

%macro keep_cr4 0
	mov rax, [rdi + crossing.cr3]
	mov [rbp + cross_tables.cr3], rax
	lea rax, [rel ascend.own_code]
	mov [rbp + cross_tables.own_code], rax
	; CET is turned off before one of the gate's handlers may run: these do not follow its rules.
	mov rsi, cr4
	mov [rdi + crossing.cr4], rsi
	btr rsi, CR4_CET_BIT
	mov cr4, rsi
%endmacro

%macro paging_on 0
	mov eax, [ebx + crossing.cr4]
	and eax, CR4_KEPT
	mov cr4, eax
	mov ecx, [ebp + leave.root]
	test eax, CR4_LA57
	jz .root
	mov ecx, [ebp + leave.wide_root]
.root:
	mov cr3, ecx
	put_back_msr ebx, MSR_EFER, efer
	mov edx, [ebx + crossing.cs]
	mov eax, [ebx + crossing.cr0]
	mov cr0, eax
	jmp short .paging
.paging:
	mov eax, [ebp + leave.gate]
	add eax, .long - segue_cross
	push dword CODE_64
	push eax
	retf
width 64
.long:
	; Upper halves are undefined in 32-bit mode.
	mov ebp, ebp
	mov edx, edx
%endmacro

%macro put_back_selector 2
	mov eax, [rdi + crossing.%1]
	load_selector %1, %2
%endmacro

%macro put_back 0
	put_back_selector ss, verw
	mov rsp, [rdi + crossing.stack]
	put_back_selector ds, verr
	put_back_selector es, verr
	put_back_selector fs, verr
	put_back_selector gs, verr
	put_back_msr rdi, MSR_FS_BASE, fs_base
	put_back_msr rdi, MSR_GS_BASE, gs_base
	put_back_cet rdi
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
%endmacro

%define PICS rdi
%include "leave/cross.inc"
