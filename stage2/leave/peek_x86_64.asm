; SPDX-License-Identifier: MIT
;
; segue_peek (walk.h), x86_64: a read that may fault.
;   mode      64-bit, CPL 0
;   in        RDI   struct peek
;   out       EAX   not 0: peek.value is what is there; 0: it cannot be read
;   clobbers  RCX RDX RFLAGS; CS is loaded from peek.gdt where it cannot be read. CR2 is kept
%include "numbers/leave.inc"

bits 64
default rel
section .text
global segue_peek
global segue_peek_fault
segue_peek:
	endbr64
	pushfq
	cli
	mov rcx, cr2
	sub rsp, 32
	sidt [rsp]
	sgdt [rsp + 16]
	mov rdx, [rdi + peek.at]
	lidt [rdi + peek.idt]
	lgdt [rdi + peek.gdt]
	stc
	mov rdx, [rdx]
.after:
	lgdt [rsp + 16]
	lidt [rsp]
	mov [rdi + peek.value], rdx
	sbb eax, eax
	add rsp, 32
	popfq
	ret

; The read's #PF or #GP; on the stack: error code, RIP, CS, RFLAGS, RSP, SS. No IRET: it would end the blocking of NMIs, and
; load SS from a GDT that may not have it. From a shadow stack, where there is one, CS, RIP and SSP go.
segue_peek_fault:
	endbr64
	mov rsp, [rsp + 32]
	mov cr2, rcx
	xor eax, eax
	db 0xf3, 0x48, 0x0f, 0x1e, 0xc8 ; RDSSPQ RAX
	test rax, rax
	jz .left
	mov eax, 3
	db 0xf3, 0x48, 0x0f, 0xae, 0xe8 ; INCSSPQ RAX
.left:
	clc
	jmp segue_peek.after

section .note.GNU-stack noalloc noexec nowrite progbits
