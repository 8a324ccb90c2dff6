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

	align 16
state:
	times saved_size db 0
	align 16
	times 8192 db 0
stack_top:

section .rodata
layout_init_size:	dd LINUX_INIT_SIZE
layout_pref_address:	dd LINUX_PREF_ADDRESS
layout_alignment:	dd LINUX_ALIGNMENT
