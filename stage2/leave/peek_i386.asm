; SPDX-License-Identifier: MIT
;
; segue_peek (walk.h), i386: a read that may fault.
;   mode      32-bit, CPL 0; DS and SS of one base
;   in        EAX   struct peek
;   out       EAX   not 0: peek.value is what is there; 0: it cannot be read
;   clobbers  ECX EDX EFLAGS; CS is loaded from peek.gdt where it cannot be read. CR2 is kept
%include "numbers/leave.inc"

bits 32
section .text
global segue_peek
global segue_peek_fault
segue_peek:
	pushfd
	cli
	mov ecx, cr2
	push ecx
	sub esp, 16
	sidt [esp]
	sgdt [esp + 8]
	mov edx, [eax + peek.at]
	lidt [eax + peek.idt]
	lgdt [eax + peek.gdt]
	stc
	mov ecx, [edx]
	mov edx, [edx + 4]
.after:
	lgdt [esp + 8]
	lidt [esp]
	mov [eax + peek.value], ecx
	mov [eax + peek.value + 4], edx
	sbb eax, eax
	add esp, 20
	popfd
	ret

; The read's #PF or #GP; on the stack: error code, EIP, CS, EFLAGS. No IRET: it would end the blocking of NMIs.
segue_peek_fault:
	add esp, 16
	mov ecx, [esp + 16]
	mov cr2, ecx
	clc
	jmp segue_peek.after

section .note.GNU-stack noalloc noexec nowrite progbits
