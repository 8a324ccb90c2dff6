; SPDX-License-Identifier: MIT
; A target that the host calls again and again (main.c). It has headers of Multiboot 1 and 2. -DPVH: with Xen's note instead.

MAGIC	equ 0x1badb002
FLAGS	equ 2
MAGIC2	equ 0xe85250d6

bits 32
extern main
global start
%ifdef PVH
; Xen, include/public/elfnote.h. e_entry is another address.
section .xen_note progbits alloc noexec nowrite align=4
	dd 4, 4, 18			; XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dd pvh_start
section .text
start:
	jmp $				; not taken
pvh_start:
	mov eax, [ebx]			; the start info's magic, which Multiboot has in EAX
%else
section .header progbits alloc noexec nowrite align=8
	dd MAGIC, FLAGS, -(MAGIC + FLAGS)
	align 8, db 0
header2:
	dd MAGIC2, 0, header2_end - header2, -(MAGIC2 + header2_end - header2)
	dd 0, 8				; the end tag
header2_end:
section .text
start:
%endif
	pop ecx				; the return address
	mov edx, stack_top
	mov esp, edx
	push ecx
	push ebx
	push eax
	call main

; come_back_jumping: as segue_return(), but worse: by a jump, and with no stack, interrupts on, DF and AC set, and no GDT
;   in        stack: the return address, the word
global come_back_badly
come_back_badly:
	mov ebx, [esp + 4]
	mov eax, [esp + 8]
	push dword 0x00044602		; AC, IF, NT, DF
	popfd
	lgdt [none]
	xor esp, esp
	jmp ebx

section .bss nobits alloc noexec write align=16
	resb 8192
stack_top:
section .data
none:
	dw 0
	dd 0
section .note.GNU-stack noalloc noexec nowrite progbits
