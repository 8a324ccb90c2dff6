; SPDX-License-Identifier: MIT
;
; segue_bios_gate (bios.h), i386: the gate to real mode and back.
;   mode      32-bit, CPL 0; no paging, 32-bit paging or PAE; segments as segue_ready() demands, DS as SS; interrupts off
;   in        EAX   struct crossing, filled in, an offset in DS
;   out       crossing.result, crossing.registers; all state that struct crossing names is restored
;   clobbers  EAX ECX EDX EFLAGS
;
; descend_i386.inc is the way down. The way up takes the same steps in reverse, so that at every instruction an NMI finds a
; handler: the gate's own tables stay until the host's state is restored; the host's IDT, then the rest of CR4, come last.
%include "leave/descend_i386.inc"
%include "bios/bios.inc"

struc bios_tables, TABLES_END
	.tss		resq 1			; the descriptor of the host's TSS, busy bit clear
endstruc
%if TABLES_END + bios_tables_size + LEAVE_STACK > LEAVE_SIZE
	%error "LEAVE_SIZE, leave.h"
%endif
; test_window.py finds a gate's handlers by this name.
%define handlers bios_handlers

bits 32
section .text align=2048		; GATE_ALIGN: so the gate lies in one page (NASM takes no name here)
%if GATE_ALIGN != 2048
	%error "the section's alignment"
%endif
global segue_bios_gate
global segue_bios_gate_start
global segue_bios_gate_end
segue_bios_gate_start:
segue_bios_gate:
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
	sgdt [edi + crossing.gdtr]
	sidt [edi + crossing.idtr]
	sldt [edi + crossing.ldtr]
	str [edi + crossing.tr]
	mov [edi + crossing.cs], cs
	mov [edi + crossing.stack], esp
	mov [edi + crossing.stack + 4], ss
	mov eax, cr0
	mov [edi + crossing.cr0], eax
	mov eax, cr3
	mov [edi + crossing.cr3], eax
	mov ebp, [edi + crossing.leave]
	mov eax, [ebp + leave.gate]
	add eax, ascend - segue_bios_gate
	mov [edi + crossing.ascend], eax
	xor esi, esi			; CR4, if the CPU has one
	test byte [edi + crossing.cpu], CPU_CR4
	jz .no_cr4
	; CET is turned off before one of the gate's handlers may run, and PGE, which flushes global pages, before the gate's
	; page tables are loaded.
	mov esi, cr4
	mov [edi + crossing.cr4], esi
	and esi, CR4_KEPT
	mov cr4, esi
.no_cr4:
	descend segue_bios_gate, nothing_more

; ascend, in the gate's copy
;   mode      32-bit, flat, CPL 0, interrupts and paging off; GDT, IDT and LDT as descend left them
;   in        EBX   struct crossing, EBP struct leave, both physical
;   out       returns to the host's caller of the gate
ascend:
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
	mov esi, [ebx + crossing.cr3]
	mov edx, [ebx + crossing.cs]
	mov eax, [ebx + crossing.cr0]
	mov cr0, eax
	jmp short .paging
.paging:
	mov ebx, [ebp + leave.linear]
	lea eax, [ebx + tables.gdt]
	mov [ebp + pointers.gdt + 2], eax
	lgdt [ebp + pointers.gdt]
	; The BIOS may have changed LDTR.
	mov eax, LDT
	lldt ax
	lea eax, [ebx + tables.idt]
	mov [ebp + pointers.idt + 2], eax
	lidt [ebp + pointers.idt]
	mov ebp, ebx
	mov esp, ebx
	or dl, SELECTOR_TI
	push edx
	push dword .own_code
	retf
.own_code:
	mov cr3, esi
	mov edi, ebp
	and edi, -PAGE
	sub edi, PAGE			; struct crossing
	; The host's own TSS descriptor has the busy bit set, which LTR refuses. TR is loaded from a copy, through a GDT base
	; at which the same selector finds the copy.
	movzx eax, word [edi + crossing.tr]
	and eax, ~SELECTOR_FLAGS
	jz .no_task
	lea ecx, [ebp + bios_tables.tss]
	sub ecx, eax
	mov [ebp + pointers.gdt + 2], ecx
	lgdt [ebp + pointers.gdt]
	ltr ax
.no_task:
	lgdt [edi + crossing.gdtr]
	; The host's GDT is back, so the gates' selector becomes the host's CS, and the gate's LDT is no longer needed.
	mov eax, [edi + crossing.cs]
	lea edx, [ebp + tables.idt + 2]
	mov ecx, VECTORS
.gate:
	mov [edx], al
	add edx, 8
	loop .gate
	push eax
	push dword .host_code
	retf
.host_code:
	lldt [edi + crossing.ldtr]
	lss esp, [edi + crossing.stack]
	pop ebp				; struct crossing
	pop gs
	pop fs
	pop es
	pop ds
	lidt [ebp + crossing.idtr]
	test byte [ebp + crossing.cpu], CPU_CR4
	jz .no_cr4_left
	mov eax, [ebp + crossing.cr4]
	mov cr4, eax
.no_cr4_left:
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret

	descend_routines segue_bios_gate
	printer "segue: exception ", TEXT_NUMBER, ", error code ", TEXT_NUMBER, ", EIP ", TEXT_NUMBER, ", CR2 ", TEXT_NUMBER, \
		" on the way to the BIOS or back; stopped", 13, 10
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
