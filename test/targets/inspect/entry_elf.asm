; SPDX-License-Identifier: MIT
; Entry of the ELF variants. -DMULTIBOOT: with a Multiboot 1 header; -DVIDEO: that header
; also asks for a video mode. Without either: a plain ELF executable.
%include "save.inc"
%include "variant.inc"

global _start
global layout_init_size:data hidden
global layout_pref_address:data hidden
global layout_alignment:data hidden
extern save_and_inspect

bits 32

%ifdef MULTIBOOT
; Multiboot 0.6.96, 3.1.1
MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_PAGE_ALIGN	equ 1 << 0
MULTIBOOT_MEMORY_INFO	equ 1 << 1
MULTIBOOT_VIDEO		equ 1 << 2
%ifdef VIDEO
MULTIBOOT_FLAGS		equ MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO | MULTIBOOT_VIDEO
%else
MULTIBOOT_FLAGS		equ MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO
%endif

section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
%ifdef VIDEO
	dd	0, 0, 0, 0, 0		; address fields: not used by an ELF image
	dd	0, 800, 600, 32		; linear mode, width, height, depth
%endif
%endif

section .text
_start:
	mov	[state + saved.eax], eax
	mov	[state + saved.ecx], ecx
	mov	[state + saved.edx], edx
	mov	[state + saved.ebx], ebx
	mov	[state + saved.esp], esp
	mov	[state + saved.ebp], ebp
	mov	[state + saved.esi], esi
	mov	[state + saved.edi], edi
	mov	esp, stack_top
	mov	ebp, state
	mov	dword [state + saved.entry], _start
%ifdef VIDEO
	mov	eax, VARIANT_MULTIBOOT_VIDEO
%elifdef MULTIBOOT
	mov	eax, VARIANT_MULTIBOOT
%else
	mov	eax, VARIANT_ELF
%endif
	jmp	save_and_inspect

section .rodata
layout_init_size:	dd 0
layout_pref_address:	dd 0
layout_alignment:	dd 0

; not .bss: the inspector checks that the loader has zeroed .bss
section .state progbits alloc noexec write align=16
state:
	times saved_size db 0
	align 16
	times 8192 db 0
stack_top:
