; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park (include/segue.h), i386: the gate.
;   mode      32-bit, CPL 0, paging off, 32-bit or PAE; segments as segue_ready() demands
;   in        EAX   offset of the workspace in SS
;   out       does not return: purgatory is entered as points 1 to 5 of its contract say, or as point 23 says
;   uses      the workspace, under its lock; no stack of the host's, no DS
;
; From LIDT on, an NMI finds at every instruction a handler, the handler's code segment, and on its way back
; the interrupted one. So the tables are exchanged in an order. First an IDT whose gates name the host's code
; selector S. Then a GDT whose base lies so far in front of our code descriptor that S finds it there. Then an LDT with
; the same base: with TI set, S finds the descriptor in it whatever the GDT is, and an S of an LDT stays good.
%include "leave.inc"

CPUID_ANY_CR4	equ 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 13 | 1 << 24 ; as in cpu.asm

struc pointers, leave.gates
	.gdt		resw 1
			resd 1
	.idt		resw 1
			resd 1
	.far		resd 1			; offset, selector
			resw 1
	.entry		resd 1			; from purgatory's beginning
endstruc
struc tables, leave_size
	.gdt		resq 3			; null, CODE, DATA
	.ldt_before	resq 1			; LDT descriptors, for S - 8 and for S + 8
	.code		resq 1			; the gate's code segment: base code_base
	.ldt_behind	resq 1
	.idt		resq VECTORS		; handlers in the gate, by the host's code segment
	.flat_idt	resq VECTORS		; the same in the gate's copy, by CODE
endstruc
%if tables_size + LEAVE_STACK > LEAVE_SIZE
	%error "LEAVE_SIZE, leave.h"
%endif
FLAT_CODE	equ DESCRIPTOR_CODE | DESCRIPTOR_32 | DESCRIPTOR_4G
FLAT_DATA	equ DESCRIPTOR_DATA | DESCRIPTOR_32 | DESCRIPTOR_4G

bits 32
section .text align=2048		; GATE_ALIGN: so the gate lies in one page (NASM takes no name here)
%if GATE_ALIGN != 2048
	%error "the section's alignment"
%endif
global segue_exec
global segue_park
global segue_gate
global segue_gate_end
segue_gate:
segue_exec:
	cli
	; In an interrupt handler DS may still be a user's.
	mov edx, ss
	mov ds, edx
	mov edx, DR7_RESET
	mov dr7, edx
	; A CPU that parks may be in here. The lock is kept: whoever comes after this one has come too late.
	mov ecx, LOCK_PATIENCE
.try:
	mov edx, 1
	xchg edx, [eax + LOCK_AT]
	test edx, edx
	jz .have
	pause
	loop .try
.have:
	xor edx, edx
leave_host:
	cld
	lea esp, [eax + HOST_STACK_TOP]
	mov ebp, [eax + LEAVE_POINTER_AT]
	mov [ebp + pointers.entry], edx
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
	xor ebx, ebx
	mov bx, cs
	lea edi, [ebp + tables.gdt + CODE]
	xor eax, eax
	mov edx, FLAT_CODE
	call put_descriptor
	mov edx, FLAT_DATA
	call put_descriptor
	mov ecx, [ebp + leave.linear]
	lea eax, [ecx + tables.idt]
	mov [ebp + pointers.idt + 2], eax
	mov word [ebp + pointers.idt], VECTORS * 8 - 1
	add ecx, tables.code
	mov eax, ebx
	and al, ~SELECTOR_FLAGS
	sub ecx, eax
	mov word [ebp + pointers.gdt], 0xffff
	mov [ebp + pointers.gdt + 2], ecx
	mov eax, ecx
	mov edx, DESCRIPTOR_LDT
	call put_descriptor
	mov eax, [ebp + leave.code_base]
	mov edx, FLAT_CODE
	call put_descriptor
	mov eax, ecx
	mov edx, DESCRIPTOR_LDT
	call put_descriptor
	mov eax, handlers
	mov edx, ebx
	call put_gates
	mov eax, [ebp + leave.gate]
	lea edx, [eax + .flat - segue_gate]
	mov [ebp + pointers.far], edx
	mov edx, CODE
	mov [ebp + pointers.far + 4], dx
	add eax, handlers - segue_gate
	call put_gates

	lidt [ebp + pointers.idt]
	mov esp, ebp
	lgdt [ebp + pointers.gdt]
	mov eax, ebx
	and al, ~SELECTOR_FLAGS
	add eax, 8
	test bx, bx
	jns .near
	sub eax, 16
.near:
	lldt ax
	; One gate after the other: both selectors find the same.
	lea edi, [ebp + tables.idt + 2]
	mov ecx, VECTORS
.gate:
	or byte [edi], SELECTOR_TI
	add edi, 8
	loop .gate
	or bl, SELECTOR_TI
	push ebx
	push dword .own_code
	retf
.own_code:
	mov eax, [ebp + leave.linear]
	add eax, tables.gdt
	mov [ebp + pointers.gdt + 2], eax
	lgdt [ebp + pointers.gdt]

	mov eax, [ebp + leave.root]
	test esi, CR4_PAE
	jz .root
	mov eax, [ebp + leave.wide_root]
.root:
	mov cr3, eax
	jmp far [ebp + pointers.far]
.flat:
	mov eax, [ebp + leave.physical]
	mov [ebp + pointers.far], eax
	mov byte [ebp + pointers.far + 4], DATA
	lss esp, [ebp + pointers.far]
	lds ebp, [ds:ebp + pointers.far]
	lea eax, [ebp + tables.gdt]
	mov [ebp + pointers.gdt + 2], eax
	lgdt [ebp + pointers.gdt]
	lea eax, [ebp + tables.flat_idt]
	mov [ebp + pointers.idt + 2], eax
	lidt [ebp + pointers.idt]
	vmxoff
	stgi
	mov eax, cr0
	and eax, ~CR0_PG
	mov cr0, eax
	jmp short .off
.off:
	mov eax, [ebp + leave.purgatory]
	mov edx, [ebp + pointers.entry]
	add edx, eax
	jmp edx

segue_park:
	cli
	mov edx, ss
	mov ds, edx
	mov edx, DR7_RESET
	mov dr7, edx
.try:
	mov edx, 1
	xchg edx, [eax + LOCK_AT]
	test edx, edx
	jz .have
	pause
	jmp .try
.have:
	mov edx, PARK_ENTRY
	jmp leave_host

; in EAX base, EDX upper doubleword, EDI place; out EAX 0 if it was less than 64 KiB, EDI behind it
put_descriptor:
	mov dword [edi], 0xffff
	mov [edi + 4], edx
	mov [edi + 2], ax
	shr eax, 16
	mov [edi + 4], al
	mov [edi + 7], ah
	add edi, 8
	ret

; in EAX first handler's offset, EDX its selector, EDI place; out EDI behind them; clobbers EAX ECX
put_gates:
	mov ecx, VECTORS
.gate:
	mov [edi], ax
	mov [edi + 2], dx
	mov word [edi + 4], GATE_INTERRUPT
	ror eax, 16
	mov [edi + 6], ax
	ror eax, 16
	add eax, STUB_SIZE
	add edi, 8
	loop .gate
	ret

handlers:
	stubs trap_32
%if $ - handlers != VECTORS * STUB_SIZE
	%error "a stub has not its size"
%endif
%macro no_upper_half 0
%endmacro
	trap_32 no_upper_half
	printer "segue: exception ", TEXT_NUMBER, ", error code ", TEXT_NUMBER, ", EIP ", TEXT_NUMBER, ", CR2 ", TEXT_NUMBER, \
		" before the target was entered; stopped", 13, 10
segue_gate_end:
%if segue_gate_end - segue_gate > GATE_LIMIT
	%error "the gate is larger than GATE_LIMIT"
%endif
section .note.GNU-stack noalloc noexec nowrite progbits
