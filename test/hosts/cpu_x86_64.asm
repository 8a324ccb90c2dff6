; SPDX-License-Identifier: MIT
; The x86_64 kernel's entry, vectors, and the last instructions before segue_exec.
%include "stacks.inc"
bits 64
default rel

; kernel.h: struct leaving
struc leaving
	.workspace	resq 1
	.flags		resq 1
	.stack		resq 1
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
	mov	edi, eax
	shl	eax, STACK_SHIFT
	lea	rsp, [main_stack_top]
	sub	rsp, rax
	call	kernel_main

load_tables:
	lgdt	[rdi]
	lidt	[rsi]
	push	CODE
	lea	rax, [.reload]
	push	rax
	retfq
.reload:
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	ret

load_task:
	ltr	di
	ret

load_ldt:
	lldt	di
	ret

load_code:
	movzx	edi, di
	push	rdi
	lea	rax, [.reload]
	push	rax
	retfq
.reload:
	ret

call_on_stack:
	mov	rsp, rsi
	call	rdi

; in RDI struct leaving; does not return
; kernel.h; RDI: the arguments of segue_call(); RSI: where to put RSP of the call and the return address
MARK	equ 0x8081828384858600
global call_with_marks
extern segue_call
call_with_marks:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	sub	rsp, 8
	mov	[rsi], rsp
	lea	rax, [.back]
	mov	[rsi + 8], rax
	mov	r15, MARK
	mov	r14, MARK + 1
	mov	r13, MARK + 2
	mov	r12, MARK + 3
	mov	rbp, MARK + 4
	mov	rbx, MARK + 5
	call	segue_call
.back:
	add	rsp, 8
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

; kernel.h; EDI: a number; does not return
global stay_marked:function hidden
stay_marked:
	shl	rdi, 4
	mov	rax, MARK
	add	rax, rdi
	lea	rbx, [rax + 1]
	lea	rcx, [rax + 2]
	lea	rdx, [rax + 3]
	lea	rsi, [rax + 4]
	lea	rdi, [rax + 5]
	lea	rbp, [rax + 6]
	lea	r8, [rax + 8]
	lea	r9, [rax + 9]
	lea	r10, [rax + 10]
	lea	r11, [rax + 11]
	lea	r12, [rax + 12]
	lea	r13, [rax + 13]
	lea	r14, [rax + 14]
	lea	r15, [rax + 15]
.loop:
	pause
	jmp	.loop

leave_now:
	mov	rbx, rdi
	cmp	dword [rbx + leaving.endbranch], 0
	je	.no_endbranch
	mov	ecx, MSR_S_CET
	mov	eax, S_CET_BOTH
	xor	edx, edx
	wrmsr
.no_endbranch:
	mov	rdi, [rbx + leaving.workspace]
	lea	rax, [segue_exec]
	mov	ecx, [rbx + leaving.jump]
	or	ecx, [rbx + leaving.indirect]
	mov	rsi, [rbx + leaving.stack]
	cmp	dword [rbx + leaving.keep_stack], 0
	je	.new_stack
	lea	rsi, [rsp - 32]
.new_stack:
	cmp	dword [rbx + leaving.gif], 0
	jne	.gif
	clgi
.gif:
	mov	edx, [rbx + leaving.indirect]
	pushfq
	pop	rbp
	or	rbp, [rbx + leaving.flags]
	mov	ebx, [rbx + leaving.data]
	mov	ds, ebx
	mov	es, ebx
	test	ecx, ecx
	jnz	.jump
	push	rbp
	popfq
	call	segue_exec
.jump:
	test	edx, edx
	jnz	.indirect
	push	rbp
	popfq
	mov	rsp, rsi
	jmp	segue_exec
.indirect:
	push	rbp
	popfq
	mov	rsp, rsi
	jmp	rax

; The stubs exist twice: with indirect-branch tracking each begins with ENDBR, which a CPU before the Pentium Pro does
; not know.
%macro stubs 1
%assign vector 0
%rep VECTORS
	align	VECTOR_STUB
	%1
%if vector < 32 && (WITH_ERROR >> vector & 1)
%else
	push	qword 0
%endif
	push	qword vector
	jmp	near trap
%assign vector vector + 1
%endrep
	align	VECTOR_STUB
%endmacro
	align	VECTOR_STUB
vector_stubs:
	stubs	{}
tracked_stubs:
	stubs	endbr64

; On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS.
trap:
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	; These for a crash only (crash.c).
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	cld
	mov	rdi, [rsp + 120]
	mov	rsi, [rsp + 128]
	mov	rdx, [rsp + 136]
	lea	rcx, [rsp + 152]
	call	handle_vector
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	add	rsp, 16
	iretq

section .note.GNU-stack noalloc noexec nowrite progbits
