; SPDX-License-Identifier: MIT
; Shared by both entries: saves all state except the general registers, then replaces the loader's GDT by
; our own. Position-independent.
%include "save.inc"

extern inspect_main
global save_and_inspect:function hidden
global load_gdt_and_idt:function hidden
global try_rdmsr:function hidden
global try_rdmsr_instruction:data hidden
global try_rdmsr_failed:data hidden
global vector_stubs:data hidden
extern handle_exception

bits 32
section .text

OUR_CODE	equ 0x18
OUR_DATA	equ 0x20

; in: EBP = struct saved with the general registers filled in, ESP = our stack,
;     EAX = variant. EFLAGS still the loader's. Does not return.
save_and_inspect:
	pushfd
	pop	dword [ebp + saved.eflags]
	cld
	push	eax
	mov	eax, cs
	mov	[ebp + saved.cs], eax
	mov	eax, ds
	mov	[ebp + saved.ds], eax
	mov	eax, es
	mov	[ebp + saved.es], eax
	mov	eax, fs
	mov	[ebp + saved.fs], eax
	mov	eax, gs
	mov	[ebp + saved.gs], eax
	mov	eax, ss
	mov	[ebp + saved.ss], eax
	mov	eax, cr0
	mov	[ebp + saved.cr0], eax
	mov	eax, cr2
	mov	[ebp + saved.cr2], eax
	mov	eax, cr3
	mov	[ebp + saved.cr3], eax
%assign i 0
%rep 4
	mov	eax, dr %+ i
	mov	[ebp + saved.dr + 4 * i], eax
%assign i i + 1
%endrep
	mov	eax, dr6
	mov	[ebp + saved.dr6], eax
	mov	eax, dr7
	mov	[ebp + saved.dr7], eax
	sgdt	[ebp + saved.gdt_limit]
	sidt	[ebp + saved.idt_limit]
	xor	eax, eax
	sldt	ax
	mov	[ebp + saved.ldtr], eax
	str	ax
	mov	[ebp + saved.tr], eax
	pop	eax
	push	eax
	push	ebp
	call	inspect_main
.stop:
	hlt
	jmp	.stop

; void load_gdt_and_idt(const void *gdtr, const void *idtr)
; in: two pseudo-descriptors on the stack. clobbers EAX.
load_gdt_and_idt:
	mov	eax, [esp + 4]
	lgdt	[eax]
	mov	eax, [esp + 8]
	lidt	[eax]
	push	dword OUR_CODE
	call	.here
.here:
	add	dword [esp], .loaded - .here
	retf
.loaded:
	mov	eax, OUR_DATA
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	ret

; int try_rdmsr(uint32_t msr, uint32_t value[2]): 0 when the MSR faults
try_rdmsr:
	mov	ecx, [esp + 4]
try_rdmsr_instruction:
	rdmsr
	mov	ecx, [esp + 8]
	mov	[ecx], eax
	mov	[ecx + 4], edx
	mov	eax, 1
	ret
try_rdmsr_failed:
	xor	eax, eax
	ret

; One stub of 16 bytes for each of the 32 exceptions; all end with an error code
; and the vector on the stack.
	align 16
vector_stubs:
%assign vector 0
%rep 32
	%if vector != 8 && !(vector >= 10 && vector <= 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
	push	dword 0
	%endif
	push	dword vector
	jmp	near exception
	align 16
%assign vector vector + 1
%endrep

exception:
	pushad
	cld
	push	esp
	call	handle_exception
	add	esp, 4
	popad
	add	esp, 8
	iretd
