; SPDX-License-Identifier: MIT
;
; segue_exec and segue_park (include/segue.h), x86_64: the gate.
;   mode      64-bit, CPL 0, 4-level or 5-level paging
;   in        RDI   address of the workspace
;   out       does not return: purgatory is entered as points 1 to 5 of its contract say, or as point 23 says
;   uses      the workspace, under its lock; no stack of the host's
;
; The tables are exchanged in the order that exec_i386.asm explains. Paging can only be turned off in compatibility
; mode, for which the host may have no segment; and the moment it is off, the IDT is read as one of 8-byte gates. So
; flat_idt is both: the 64-bit gates of vectors that cannot occur (#DB, #BP, #OF, #BR, #NM, 9) have in their lower
; halves the 32-bit gates of NMI, #UD, #DF, #TS, #PF and #MC. Of the others each ends in #DF, and is printed as that.
%include "leave.inc"

CODE_64		equ 0x18
LEGACY_VECTORS	equ 1 << 2 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 14 | 1 << 18
MSR_EFER	equ 0xc0000080

struc pointers, leave.gates
	.gdt		resw 1
			resq 1
	.idt		resw 1
			resq 1
	.entry		resd 1			; from purgatory's beginning
endstruc
struc tables, leave_size
	.gdt		resq 4			; null, CODE, DATA, CODE_64
	.ldt_before	resq 2			; LDT descriptors, for S - 16 and for S + 8
	.code		resq 1			; the gate's code segment
	.ldt_behind	resq 2
	.idt		resq VECTORS * 2	; handlers in the gate where the host has it mapped
	.flat_idt	resq VECTORS * 2	; the same in the gate's copy, and the 32-bit gates
endstruc
%if tables_size + LEAVE_STACK > LEAVE_SIZE
	%error "LEAVE_SIZE, leave.h"
%endif
FLAT_CODE	equ DESCRIPTOR_CODE | DESCRIPTOR_32 | DESCRIPTOR_4G
FLAT_DATA	equ DESCRIPTOR_DATA | DESCRIPTOR_32 | DESCRIPTOR_4G
LONG_CODE	equ DESCRIPTOR_CODE | DESCRIPTOR_64 | DESCRIPTOR_4G

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
segue_gate:
segue_exec:
	endbr64
	cli
	mov eax, DR7_RESET
	mov dr7, rax
	; A CPU that parks may be in here. The lock is kept: whoever comes after this one has come too late.
	mov ecx, LOCK_PATIENCE
.try:
	mov edx, 1
	xchg edx, [rdi + LOCK_AT]
	test edx, edx
	jz .have
	pause
	loop .try
.have:
	xor edx, edx
leave_host:
	cld
	lea rsp, [rdi + HOST_STACK_TOP]
	mov rbp, [rdi + LEAVE_POINTER_AT]
	mov [rbp + pointers.entry], edx
	; TF, NT and AC go.
	push EFLAGS_FIXED
	popfq
	; CET ends before a handler of ours may run; with it on, that would have to keep to its rules.
	mov rsi, cr4
	btr rsi, CR4_CET_BIT
	mov cr4, rsi
	mov ebx, cs
	lea rdi, [rbp + tables.gdt + CODE]
	xor eax, eax
	mov edx, FLAT_CODE
	call put_descriptor
	mov edx, FLAT_DATA
	call put_descriptor
	mov edx, LONG_CODE
	call put_descriptor
	mov rcx, [rbp + leave.linear]
	lea rax, [rcx + tables.idt]
	mov [rbp + pointers.idt + 2], rax
	mov word [rbp + pointers.idt], VECTORS * 16 - 1
	add rcx, tables.code
	mov eax, ebx
	and al, ~SELECTOR_FLAGS
	sub rcx, rax
	mov word [rbp + pointers.gdt], 0xffff
	mov [rbp + pointers.gdt + 2], rcx
	call put_ldt
	xor eax, eax
	mov edx, LONG_CODE
	call put_descriptor
	call put_ldt
	lea rax, [handlers]
	mov edx, ebx
	call put_gates
	mov eax, [rbp + leave.gate]
	add eax, handlers - segue_gate
	mov edx, CODE_64
	call put_gates
	call put_legacy_gates

	lidt [rbp + pointers.idt]
	mov rsp, rbp
	; IRETQ loads SS, too: null is right in 64-bit mode whatever the GDT is.
	xor eax, eax
	mov ss, eax
	lgdt [rbp + pointers.gdt]
	mov eax, ebx
	and al, ~SELECTOR_FLAGS
	add eax, 8
	test bx, bx
	jns .near
	sub eax, 8 + 16
.near:
	lldt ax
	; One gate after the other: both selectors find the same.
	lea rdi, [rbp + tables.idt + 2]
	mov ecx, VECTORS
.gate:
	or byte [rdi], SELECTOR_TI
	add rdi, 16
	loop .gate
	or bl, SELECTOR_TI
	push rbx
	lea rax, [.own_code]
	push rax
	retfq
.own_code:
	mov rax, [rbp + leave.linear]
	add rax, tables.gdt
	mov [rbp + pointers.gdt + 2], rax
	lgdt [rbp + pointers.gdt]

	; PCID 0 before PCIDE goes. FRED and PGE go with it; that PGE changes flushes what is global.
	mov rax, cr3
	and rax, -PAGE
	mov cr3, rax
	and esi, CR4_KEPT
	mov cr4, rsi
	mov eax, [rbp + leave.root]
	test esi, CR4_LA57
	jz .root
	mov eax, [rbp + leave.wide_root]
.root:
	mov cr3, rax
	mov eax, [rbp + leave.gate]
	lea edx, [rax + .flat - segue_gate]
	jmp rdx
.flat:
	mov ebp, [rbp + leave.physical]
	mov esp, ebp
	lea rdx, [rbp + tables.gdt]
	mov [rbp + pointers.gdt + 2], rdx
	lgdt [rbp + pointers.gdt]
	lea rdx, [rbp + tables.flat_idt]
	mov [rbp + pointers.idt + 2], rdx
	lidt [rbp + pointers.idt]
	vmxoff
	stgi
	mov edx, DATA
	mov ss, edx
	mov ds, edx
	push CODE
	add eax, .compatibility - segue_gate
	push rax
	retfq
bits 32
.compatibility:
	mov eax, cr0
	and eax, ~CR0_PG
	mov cr0, eax
	jmp short .off
.off:
	; LME goes, or paging that is turned on again would be long mode.
	mov ecx, MSR_EFER
	xor eax, eax
	xor edx, edx
	wrmsr
	mov eax, [ebp + leave.purgatory]
	mov edx, [ebp + pointers.entry]
	add edx, eax
	jmp edx

bits 64
segue_park:
	endbr64
	cli
	mov eax, DR7_RESET
	mov dr7, rax
.try:
	mov edx, 1
	xchg edx, [rdi + LOCK_AT]
	test edx, edx
	jz .have
	pause
	jmp .try
.have:
	mov edx, PARK_ENTRY
	jmp leave_host

; in RAX base, EDX upper doubleword, RDI place; out EAX base's bits 32 to 63, RDI behind it
put_descriptor:
	mov dword [rdi], 0xffff
	mov [rdi + 4], edx
	mov [rdi + 2], ax
	shr rax, 16
	mov [rdi + 4], al
	mov [rdi + 7], ah
	shr rax, 16
	add rdi, 8
	ret

; in RCX base, RDI place; out RDI behind it; clobbers RAX RDX
put_ldt:
	mov rax, rcx
	mov edx, DESCRIPTOR_LDT
	call put_descriptor
	stosq
	ret

; in RAX first handler's address, EDX its selector, RDI place; out RDI behind them; clobbers RAX RCX R8
put_gates:
	mov ecx, VECTORS
.gate:
	mov r8, rax
	mov [rdi], r8w
	mov [rdi + 2], dx
	mov word [rdi + 4], GATE_INTERRUPT
	shr r8, 16
	mov [rdi + 6], r8w
	shr r8, 16
	mov [rdi + 8], r8
	add rdi, 16
	add rax, STUB_SIZE
	loop .gate
	ret

; in RBP struct leave; clobbers RAX RCX RDX RDI
put_legacy_gates:
	mov eax, [rbp + leave.gate]
	add eax, legacy_handlers - segue_gate
	mov ecx, LEGACY_VECTORS
.gate:
	bsf edx, ecx
	lea rdi, [rbp + tables.flat_idt + rdx * 8]
	mov [rdi], ax
	mov word [rdi + 2], CODE
	ror eax, 16
	mov [rdi + 6], ax
	ror eax, 16
	add eax, STUB_SIZE
	btr ecx, edx
	jecxz .done
	jmp .gate
.done:
	ret

handlers:
	stubs trap_64
%if $ - handlers != VECTORS * STUB_SIZE
	%error "a stub has not its size"
%endif
; Where 64-bit exceptions end: as trap_32 (leave.inc), and below RFLAGS are RSP and SS.
trap_64:
	cmp byte [rsp], VECTOR_NMI
	je .ignored
	cmp byte [rsp], VECTOR_UD
	jne .print
	push rax
	mov rax, [rsp + 16]
	mov eax, [rax]
	and eax, INSTRUCTION_MASK
	cmp eax, VMXOFF_BYTES
	je .skipped
	cmp eax, STGI_BYTES
	je .skipped
	pop rax
.print:
	pop rax
	xor ecx, ecx
	mov edx, WITH_ERROR_CODE
	bt edx, eax
	jnc .no_error_code
	pop rcx
.no_error_code:
	pop rbx
	mov rdx, cr2
	push rdx
	shr rdx, 32
	push rdx
	push rbx
	shr rbx, 32
	push rbx
	push rcx
	push rax
	jmp print
.skipped:
	add qword [rsp + 16], 3
	pop rax
.ignored:
	add rsp, 8
	iretq

legacy_handlers:
%assign vector 0
%rep 32
	%if LEGACY_VECTORS >> vector & 1
bits 32
	push byte vector
	jmp short trap_32
	%endif
	%assign vector vector + 1
%endrep
%macro no_upper_half 0
	push byte 0
%endmacro
	trap_32 no_upper_half
	printer "segue: exception ", TEXT_NUMBER, ", error code ", TEXT_NUMBER, ", RIP ", TEXT_NUMBER, TEXT_NUMBER, \
		", CR2 ", TEXT_NUMBER, TEXT_NUMBER, " before the target was entered; stopped", 13, 10
segue_gate_end:
%if segue_gate_end - segue_gate > GATE_LIMIT
	%error "the gate is larger than GATE_LIMIT"
%endif
section .note.GNU-stack noalloc noexec nowrite progbits
