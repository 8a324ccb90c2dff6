; SPDX-License-Identifier: MIT
;
; segue_cross (cross.inc), i386
;   mode      32-bit, CPL 0; no paging, 32-bit paging or PAE; segments as segue_ready() requires; DS equal to SS; interrupts
;             off
;   in        EAX   struct crossing, an offset in DS
;   clobbers  EAX ECX EDX EFLAGS
%include "leave/descend_i386.inc"

%macro keep 0
	push ebp
	push ebx
	push esi
	push edi
	push ds
	push es
	push fs
	push gs
	push eax
	mov edi, eax
	mov [edi + crossing.stack + 4], ss
	keep_cet
	test byte [edi + crossing.cpu], CPU_EFER
	jz .no_efer
	keep_msr MSR_EFER, efer
.no_efer:
%endmacro

%macro keep_cr4 0
	xor esi, esi
	test byte [edi + crossing.cpu], CPU_CR4
	jz .no_cr4
	; CET is turned off before one of the gate's handlers may run, and PGE, which flushes global pages, before the gate's
	; page tables are loaded.
	mov esi, cr4
	mov [edi + crossing.cr4], esi
	and esi, CR4_KEPT
	mov cr4, esi
.no_cr4:
%endmacro

; Sets ESI to the host's CR3, too.
%macro paging_on 0
	mov ecx, [ebp + leave.root]
	test byte [ebx + crossing.cpu], CPU_CR4
	jz .no_cr4
	mov eax, [ebx + crossing.cr4]
	and eax, CR4_KEPT
	mov cr4, eax
	test eax, CR4_PAE
	jz .no_cr4
	mov ecx, [ebp + leave.wide_root]
.no_cr4:
	mov cr3, ecx
	; Before paging, for the host's no-execute bits. LME would lead to long mode.
	test byte [ebx + crossing.cpu], CPU_EFER
	jz .no_efer
	and dword [ebx + crossing.efer], ~EFER_LME
	put_back_msr ebx, MSR_EFER, efer
.no_efer:
	mov esi, [ebx + crossing.cr3]
	mov edx, [ebx + crossing.cs]
	mov eax, [ebx + crossing.cr0]
	mov cr0, eax
	jmp short .paging
.paging:
%endmacro

%macro pop_selector 1
	pop eax
	load_selector %1, verr
%endmacro

%macro put_back 0
	lss esp, [edi + crossing.stack]
	pop edi				; struct crossing, an offset in the host's DS
	pop_selector gs
	pop_selector fs
	pop_selector es
	pop ds
	; For the gate's handlers, which print: still struct leave, in the host's DS.
	mov ebp, [edi + crossing.leave]
	put_back_cet edi
	lidt [edi + crossing.idtr]
	test byte [edi + crossing.cpu], CPU_CR4
	jz .no_cr4_left
	mov eax, [edi + crossing.cr4]
	mov cr4, eax
.no_cr4_left:
	pop edi
	pop esi
	pop ebx
	pop ebp
%endmacro

%define PICS eax
%include "leave/cross.inc"
