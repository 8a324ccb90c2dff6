; SPDX-License-Identifier: MIT
;
; A bzImage whose 64-bit entry makes one mistake, for the catcher: nasm -f bin -DCASE_NAME. Registers hold the patterns below
; at the faulting instruction, FAULT; of CASE_FIRST that is the entry.

ORIGIN		equ 0x1000000
FAULT		equ ORIGIN + 0x300	; test_linux64.py knows it
SETUP_SIZE	equ 1024
ABSENT		equ 0x123456789000

bits 64
org ORIGIN - SETUP_SIZE
start:
	times 0x1f1 db 0
; boot.rst, The Real-Mode Kernel Header
	db 1				; setup_sects
	dw 0
	dd (end - code) / 16
	dw 0, 0xffff, 0, 0xaa55
	db 0xeb, header_end - magic
magic:
	db "HdrS"
	dw 0x020f
	dd 0
	dw 0, 0
	db 0, 1				; type_of_loader, loadflags: LOADED_HIGH
	dw 0
	dd 0x100000
	dd 0, 0, 0
	dw 0
	db 0, 0
	dd 0, 0x7fffffff, 0x200000
	db 1, 21
	dw 3				; xloadflags
	dd 2047, 0
	dq 0
	dd 0, 0
	dq 0, ORIGIN
	dd 0x100000, 0, 0
header_end:
	times SETUP_SIZE - ($ - start) db 0

code:
	times 0x200 db 0xf4
%ifdef CASE_FIRST
	ud2
%elifdef CASE_GDT
	lgdt [rel gdt_pointer]
%elifdef CASE_TABLES
	mov rsi, cr3
	lea rdi, [rel table]
	mov rax, rdi
	mov ecx, 512
	rep movsq
	mov cr3, rax
%elifdef CASE_IDT
	lidt [rel no_idt]
%endif
	mov rax, 0xa0a1a2a3a4a5a6a7
	mov rbx, 0xb0b1b2b3b4b5b6b7
	mov rcx, 0xc0c1c2c3c4c5c6c7
	mov rdx, 0xd0d1d2d3d4d5d6d7
	mov rsi, 0x5152535455565758
	mov rdi, 0xd1d2d3d4d5d6d7d8
	mov rbp, 0xe0e1e2e3e4e5e6e7
	mov rsp, 0xf0f1f2f3f4f5f6f7
	mov r8, 0x0808080808080808
	mov r9, 0x0909090909090909
	mov r10, 0x1010101010101010
	mov r11, 0x1111111111111111
	mov r12, 0x1212121212121212
	mov r13, 0x1313131313131313
	mov r14, 0x1414141414141414
	mov r15, 0x1515151515151515
	jmp near fault
	times FAULT - ORIGIN - ($ - code) db 0xf4
fault:
%ifdef CASE_READ
	mov [qword ABSENT], rax
%elifdef CASE_SELECTOR
	mov ds, [rel selector]
%elifdef CASE_FETCH
	jmp [rel absent]
%elifdef CASE_DIVIDE
	div qword [rel zero]
%elifdef CASE_SPIN
	jmp $
%else
	ud2
%endif
	jmp $

	align 8, db 0
gdt:
	dq 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	dw gdt_pointer - gdt - 1
	dq gdt
no_idt:
	dw 0
	dq 0
selector:
	dw 0x30
zero:
	dq 0
absent:
	dq ABSENT
	; Not by ALIGN, which would align the file's start too.
	times 4096 - ($ - code) db 0
table:
	times 4096 db 0
end:
