; SPDX-License-Identifier: MIT
; The Linux variant's 32-bit entry: first byte of the payload, at any address.
; ESI = boot_params; ESP undefined.
%include "save.inc"
%include "variant.inc"
%include "layout.inc"

global _start
global layout_init_size:data hidden
global layout_pref_address:data hidden
global layout_alignment:data hidden
extern save_and_inspect

bits 32
; boot_params.scratch is the kernel's to use; alt_mem_k before it is put back
ALT_MEM_K	equ 0x1e0
SCRATCH		equ 0x1e4

section .entry progbits alloc exec nowrite align=16
_start:
	mov	[esi + SCRATCH], esp
	mov	esp, [esi + ALT_MEM_K]
	xchg	esp, esi
	lea	esp, [esp + SCRATCH]
	call	.here
.here:
	xchg	esi, [esp]		; ESI = .here, alt_mem_k is back, EFLAGS not touched
	mov	[esi + state - .here + saved.eax], eax
	mov	[esi + state - .here + saved.ecx], ecx
	mov	[esi + state - .here + saved.edx], edx
	mov	[esi + state - .here + saved.ebx], ebx
	mov	[esi + state - .here + saved.ebp], ebp
	mov	[esi + state - .here + saved.edi], edi
	mov	eax, [esp + SCRATCH - ALT_MEM_K]
	mov	[esi + state - .here + saved.esp], eax
	lea	eax, [esp - ALT_MEM_K]
	mov	[esi + state - .here + saved.esi], eax
	lea	eax, [esi + _start - .here]
	mov	[esi + state - .here + saved.entry], eax
	lea	ebp, [esi + state - .here]
	lea	esp, [esi + stack_top - .here]
	mov	eax, VARIANT_LINUX
	jmp	save_and_inspect

; The 64-bit entry. RSI = boot_params; identity-mapped.
ENTRY_64	equ 0x200
MSR_EFER	equ 0xc0000080
MSR_FS_BASE	equ 0xc0000100
MSR_GS_BASE	equ 0xc0000101
CR0_PG		equ 1 << 31
struc wide
.registers	resq 16
.rip		resq 1
.rflags		resq 1
.cr0		resq 1
.cr2		resq 1
.cr3		resq 1
.cr4		resq 1
.efer		resq 1
.fs_base	resq 1
.gs_base	resq 1
.segments	resw 6
.ldtr		resw 1
.tr		resw 1
.gdt_pad	resw 3
.gdt_limit	resw 1
.gdt_base	resq 1
.idt_pad	resw 3
.idt_limit	resw 1
.idt_base	resq 1
endstruc
%define WIDE(name) rel saved_wide + wide. %+ name
	times ENTRY_64 - ($ - _start) db 0x90
	bits 64
entry_64:
	mov	[WIDE(registers)], rax
	mov	[WIDE(registers) + 8], rcx
	mov	[WIDE(registers) + 16], rdx
	mov	[WIDE(registers) + 24], rbx
	mov	[WIDE(registers) + 32], rsp
	mov	[WIDE(registers) + 40], rbp
	mov	[WIDE(registers) + 48], rsi
	mov	[WIDE(registers) + 56], rdi
%assign i 8
%rep 8
	mov	[WIDE(registers) + i * 8], r %+ i
%assign i i + 1
%endrep
	lea	rsp, [rel stack_top]
	pushfq
	pop	qword [WIDE(rflags)]
	cld
	lea	rax, [rel entry_64]
	mov	[WIDE(rip)], rax
	mov	rax, cr0
	mov	[WIDE(cr0)], rax
	mov	rax, cr2
	mov	[WIDE(cr2)], rax
	mov	rax, cr3
	mov	[WIDE(cr3)], rax
	mov	rax, cr4
	mov	[WIDE(cr4)], rax
%macro save_msr 2
	mov	ecx, %1
	rdmsr
	mov	[WIDE(%2)], eax
	mov	[WIDE(%2) + 4], edx
%endmacro
	save_msr MSR_EFER, efer
	save_msr MSR_FS_BASE, fs_base
	save_msr MSR_GS_BASE, gs_base
%assign i 0
%macro save_segment 1
	mov	eax, %1
	mov	[WIDE(segments) + i * 2], ax
%assign i i + 1
%endmacro
	save_segment cs
	save_segment ds
	save_segment es
	save_segment fs
	save_segment gs
	save_segment ss
	sldt	[WIDE(ldtr)]
	str	[WIDE(tr)]
	sgdt	[WIDE(gdt_limit)]
	sidt	[WIDE(idt_limit)]

	; Down to flat 32-bit mode, with the low halves as the state of the 32-bit entry
	lea	rbp, [rel state]
%assign i 0
%rep 8
	mov	eax, [WIDE(registers) + i * 8]
	mov	[rbp + i * 4], eax
%assign i i + 1
%endrep
	lea	rax, [rel _start]
	mov	[rbp + saved.entry], eax
	lea	rax, [rel down_gdt]
	mov	[rel down_gdt_pointer + 2], rax
	lgdt	[rel down_gdt_pointer]
	push	DOWN_CODE
	lea	rax, [rel .down]
	push	rax
	retfq
	bits 32
.down:
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	ecx, MSR_EFER
	xor	eax, eax
	xor	edx, edx
	wrmsr
	mov	cr4, eax
	mov	cr3, eax
	mov	eax, DOWN_DATA
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	mov	eax, VARIANT_LINUX64
	jmp	save_and_inspect

	align 8, db 0
DOWN_CODE	equ 0x08
DOWN_DATA	equ 0x10
down_gdt:
	dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
down_gdt_pointer:
	dw down_gdt_pointer - down_gdt - 1
	dq 0

	align 16, db 0
state:
	times saved_size db 0
	align 4, db 0
saved_wide:
	times wide_size db 0
	align 16, db 0
	times 8192 db 0
stack_top:

section .rodata
layout_init_size:	dd LINUX_INIT_SIZE
layout_pref_address:	dd LINUX_PREF_ADDRESS
layout_alignment:	dd LINUX_ALIGNMENT
