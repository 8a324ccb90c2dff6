; SPDX-License-Identifier: MIT
; A BIOS interrupt handler that changes all the CPU state it can, in the data of a call of segue_bios().
;   mode      real mode, as segue_bios() documents it
;   in        DS = CS; BX offset of this copy; CX 0: no CR4 and no SSE; DX 0: keep TR null, as no instruction loads null
;   out       AX HOSTILE_DONE
CR0_PE		equ 1 << 0
CR4_OSFXSR	equ 1 << 9
CR4_TSD		equ 1 << 2
ACCESS_DATA	equ 0x93
ACCESS_LDT	equ 0x82
ACCESS_TSS	equ 0x89
DATA		equ 0x08
LDT		equ 0x10
TSS		equ 0x18
PIC1_MASK	equ 0x21
PIC2_MASK	equ 0xa1
PORT_SYSTEM_A	equ 0x92
SYSTEM_A_A20	equ 1 << 1
HOSTILE_DONE	equ 0x5e6e

section .rodata
bits 16
global hostile:data hidden
global hostile_end:data hidden
hostile:
	cli
	fninit
	fldpi
	mov eax, 0xdead0000
	mov cr2, eax
	jcxz .no_cr4
	mov eax, CR4_OSFXSR | CR4_TSD
	mov cr4, eax
	movd xmm0, eax
	movd xmm7, eax
.no_cr4:
	mov eax, ds
	shl eax, 4
	movzx ebx, bx
	add eax, ebx
	add eax, .gdt - hostile
	mov [bx + .gdt_at - hostile], eax
	lgdt [bx + .gdtr - hostile]
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp short .protected
.protected:
	mov ax, DATA
	mov fs, ax
	mov gs, ax
	mov ax, LDT
	lldt ax
	test dx, dx
	jz .no_task
	mov ax, TSS
	ltr ax
.no_task:
	mov eax, cr0
	and al, ~CR0_PE & 0xff
	mov cr0, eax
	jmp short .real
.real:
	mov al, 0x55
	out PIC1_MASK, al
	out PIC2_MASK, al
	in al, PORT_SYSTEM_A
	and al, ~SYSTEM_A_A20 & 0xff
	out PORT_SYSTEM_A, al
	mov ax, HOSTILE_DONE
	mov ebx, 0xdeadbeef
	mov ecx, ebx
	mov edx, ebx
	mov esi, ebx
	mov edi, ebx
	mov ebp, ebx
	mov ds, ax
	mov es, ax
	iret
	align 8, db 0
.gdt:
	dq 0
	dw 0xffff, 0x6660
	db 0x66, ACCESS_DATA, 0, 0
	dw 0x0fff, 0x7770
	db 0x77, ACCESS_LDT, 0, 0
	dw 0x0067, 0x8880
	db 0x88, ACCESS_TSS, 0, 0
.gdtr:
	dw .gdtr - .gdt - 1
.gdt_at:
	dd 0
hostile_end:
section .note.GNU-stack noalloc noexec nowrite progbits
