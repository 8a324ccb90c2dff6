; SPDX-License-Identifier: MIT
; Entry of the ELF variants. -DMULTIBOOT: with a Multiboot 1 header; -DVIDEO: that header
; also asks for a video mode. -DMULTIBOOT2: with a Multiboot 2 header. -DVMLINUX: with a note of Linux's. -DPVH: with Xen's notes.
; Without any: a plain ELF executable.
%include "save.inc"
%include "variant.inc"
%include "layout.inc"

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

%ifdef MULTIBOOT2
; Multiboot 2, sections 3.1.1 to 3.1.9. Every kind of information is requested that GRUB 2.06 knows.
MULTIBOOT2_MAGIC	equ 0xe85250d6

section .multiboot progbits alloc noexec nowrite align=8
header2:
	dd	MULTIBOOT2_MAGIC, 0, header2_end - header2
	dd	-(MULTIBOOT2_MAGIC + header2_end - header2)
	dw	1, 0
	dd	8 + 4 * 10
	dd	1, 2, 3, 4, 5, 6, 8, 9, 14, 21
	dw	4, 0
	dd	12, 2			; text can be used
	align	8, db 0
	dw	6, 0
	dd	8
	dw	77, 1			; unknown and optional
	dd	9, 0
	align	8, db 0
	dw	0, 0
	dd	8
header2_end:
%endif

%ifdef VMLINUX
; Linux, include/linux/build-salt.h
section .note.Linux note alloc noexec nowrite align=4
	dd	6, 8, 0x100
	db	"Linux", 0, 0, 0
	db	"inspect", 0
%endif

%ifdef PVH
; Xen, include/public/elfnote.h. The entry is in the last note, which has 4 bytes; e_entry is another address.
section .xen_notes progbits alloc noexec nowrite align=4
	dd	4, 8, 6			; XEN_ELFNOTE_GUEST_OS
	db	"Xen", 0, "Segue", 0, 0, 0
	dd	4, 4, 7			; XEN_ELFNOTE_GUEST_VERSION
	db	"Xen", 0, "1", 0, 0, 0
	dd	4, 4, 18		; XEN_ELFNOTE_PHYS32_ENTRY
	db	"Xen", 0
	dd	pvh_start
%endif

section .entry progbits alloc exec nowrite align=16
%ifdef PVH
_start:
	; Where e_entry leads: not taken.
	jmp	$
returns:
	ret
pvh_start:
	call	returns			; needs the loader's stack
%else
_start:
%endif
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
%ifdef PVH
	mov	dword [state + saved.entry], pvh_start
%else
	mov	dword [state + saved.entry], _start
%endif
%ifdef VIDEO
	mov	eax, VARIANT_MULTIBOOT_VIDEO
%elifdef MULTIBOOT
	mov	eax, VARIANT_MULTIBOOT
%elifdef MULTIBOOT2
	mov	eax, VARIANT_MULTIBOOT2
%elifdef VMLINUX
	mov	eax, VARIANT_LINUX
%elifdef PVH
	mov	eax, VARIANT_PVH
%else
	mov	eax, VARIANT_ELF
%endif
	jmp	save_and_inspect

section .rodata
%ifdef VMLINUX
layout_init_size:	dd LINUX_INIT_SIZE
%else
layout_init_size:	dd 0
%endif
layout_pref_address:	dd 0
layout_alignment:	dd 0

; not .bss: the inspector checks that the loader has zeroed .bss
section .state progbits alloc noexec write align=16
state:
	times saved_size db 0
	align 16
	times 8192 db 0
stack_top:
