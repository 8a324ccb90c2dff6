; SPDX-License-Identifier: MIT
; The i386 kernel's entry, vectors, and the last instructions before segue_exec.
%include "stacks.inc"
bits 32

; kernel.h: struct leaving
struc leaving
	.workspace	resd 1
	.flags		resd 1
	.stack		resd 1
	.keep_stack	resd 1
	.jump		resd 1
	.indirect	resd 1
	.gif		resd 1
	.endbranch	resd 1
	.data		resd 1
endstruc

CODE		equ 0x08
DATA		equ 0x10

section .text
global fault_task:function hidden
extern fault_begin

kernel_entry:
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	; The boot CPU enters first. Each CPU has its own stack, below the previous one; when all are started anew, too.
	inc	eax
	lock xadd [cpus_entered], eax
.again:
	cmp	eax, OTHER_CPUS
	jbe	.number
	sub	eax, OTHER_CPUS
	jmp	.again
.number:
	mov	ecx, eax
	shl	ecx, STACK_SHIFT
	mov	esp, main_stack_top
	sub	esp, ecx
	push	eax
	call	kernel_main

load_tables:
	mov	eax, [esp + 4]
	mov	edx, [esp + 8]
	lgdt	[eax]
	lidt	[edx]
	push	dword CODE
	push	dword .reload
	retf
.reload:
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	ret

load_task:
	ltr	[esp + 4]
	ret

load_ldt:
	lldt	[esp + 4]
	ret

load_code:
	push	dword [esp + 4]
	push	dword .reload
	retf
.reload:
	ret

call_on_stack:
	mov	eax, [esp + 4]
	mov	esp, [esp + 8]
	call	eax

; The task for double faults; the error code is on its stack.
fault_task:
	call	fault_begin

; in [esp+4] struct leaving; does not return
; kernel.h; on the stack: the arguments of segue_call(), and where to put ESP of the call and the return address
MARK	equ 0x84858600
global call_with_marks
extern segue_call
call_with_marks:
	push	ebp
	push	ebx
	push	esi
	push	edi
	mov	edx, [esp + 24]
	push	dword [esp + 20]
	mov	[edx], esp
	mov	dword [edx + 4], .back
	mov	ebx, MARK
	mov	esi, MARK + 3
	mov	edi, MARK + 4
	mov	ebp, MARK + 5
	call	segue_call
.back:
	pop	edx
	pop	edi
	pop	esi
	pop	ebx
	pop	ebp
	ret

; kernel.h; on the stack: a number; does not return
global stay_marked:function hidden
stay_marked:
	mov	eax, [esp + 4]
	shl	eax, 4
	add	eax, MARK
	lea	ebx, [eax + 1]
	lea	ecx, [eax + 2]
	lea	edx, [eax + 3]
	lea	esi, [eax + 4]
	lea	edi, [eax + 5]
	lea	ebp, [eax + 6]
.loop:
	pause
	jmp	.loop

leave_now:
	mov	ebx, [esp + 4]
	cmp	dword [ebx + leaving.endbranch], 0
	je	.no_endbranch
	mov	ecx, MSR_S_CET
	mov	eax, S_CET_BOTH
	xor	edx, edx
	wrmsr
.no_endbranch:
	mov	eax, [ebx + leaving.workspace]
	mov	edi, segue_exec
	mov	ecx, [ebx + leaving.jump]
	or	ecx, [ebx + leaving.indirect]
	mov	esi, [ebx + leaving.stack]
	cmp	dword [ebx + leaving.keep_stack], 0
	je	.new_stack
	lea	esi, [esp - 16]
.new_stack:
	cmp	dword [ebx + leaving.gif], 0
	jne	.gif
	clgi
.gif:
	mov	edx, [ebx + leaving.indirect]
	pushfd
	pop	ebp
	or	ebp, [ebx + leaving.flags]
	mov	ebx, [ebx + leaving.data]
	mov	ds, ebx
	mov	es, ebx
	test	ecx, ecx
	jnz	.jump
	push	ebp
	popfd
	call	segue_exec
.jump:
	test	edx, edx
	jnz	.indirect
	push	ebp
	popfd
	mov	esp, esi
	jmp	segue_exec
.indirect:
	push	ebp
	popfd
	mov	esp, esi
	jmp	edi

; The stubs exist twice: with indirect-branch tracking each begins with ENDBR, which a CPU before the Pentium Pro does
; not know.
%macro stubs 1
%assign vector 0
%rep VECTORS
	align	VECTOR_STUB
	%1
%if vector < 32 && (WITH_ERROR >> vector & 1)
%else
	push	dword 0
%endif
	push	dword vector
	jmp	near trap
%assign vector vector + 1
%endrep
	align	VECTOR_STUB
%endmacro
	align	VECTOR_STUB
vector_stubs:
	stubs	{}
tracked_stubs:
	stubs	endbr32

; On the stack: vector, error code, EIP, CS, EFLAGS.
trap:
	pushad
	push	ds
	push	es
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	cld
	lea	eax, [esp + 56]
	push	eax
	push	dword [esp + 52]
	push	dword [esp + 52]
	push	dword [esp + 52]
	call	handle_vector
	add	esp, 16
	pop	es
	pop	ds
	popad
	add	esp, 8
	iretd

section .note.GNU-stack noalloc noexec nowrite progbits
