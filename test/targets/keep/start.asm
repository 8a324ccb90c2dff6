; SPDX-License-Identifier: MIT
;
; A Multiboot kernel around purgatory's block of devices (main.c): entry, descriptor tables, interrupts, and the calls into
; purgatory, whose own bytes are here as the library has them.
%include "purgatory_blocks.inc"

bits 32
MULTIBOOT_MAGIC	equ 0x1badb002
ACCESS_CODE	equ 0x9b
ACCESS_DATA	equ 0x93
GATE		equ 0x8e00		; present, ring 0, 32-bit interrupt gate
VECTORS		equ 256
STUB_SIZE	equ 16

extern main, interrupt
global _start, in_purgatory
global core, core_end, block, block_end, block_at

section .multiboot progbits alloc noexec nowrite align=4
	dd MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

section .text
_start:
	cli
	mov esp, stack
	lgdt [gdt_pointer]
	jmp 8:.flat
.flat:
	mov eax, 16
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov ss, eax
	mov edi, idt
	mov eax, stubs
	mov ecx, VECTORS
.gate:
	mov [edi], ax
	mov word [edi + 2], 8
	mov word [edi + 4], GATE
	mov edx, eax
	shr edx, 16
	mov [edi + 6], dx
	add eax, STUB_SIZE
	add edi, 8
	loop .gate
	lidt [idt_pointer]
	push ebx			; the Multiboot information
	call main
.stop:
	hlt
	jmp .stop

; void in_purgatory(uint32_t page, uint32_t tables, uint32_t idt, uint32_t routine): calls a routine of purgatory, with its IDT.
; tables, idt and routine are the addresses of build_tables, of idt_pointer and of the routine.
in_purgatory:
	pushad
	mov ebp, [esp + 36]
	push dword [esp + 44]		; idt
	mov eax, [esp + 44]		; tables
	call eax
	pop eax
	lidt [eax]
	mov eax, [esp + 48]
	push ebp
	call eax
	pop ecx
	cmp ecx, ebp
	jne .wrong
	lidt [idt_pointer]
	popad
	ret
.wrong:
	ud2

align STUB_SIZE
stubs:
%assign vector 0
%rep VECTORS
	push dword vector
	jmp near .common
	align STUB_SIZE
	%assign vector vector + 1
%endrep
.common:
	pushad
	cld
	mov eax, esp
	push dword [eax + 36]		; EIP, or an error code
	push dword [eax + 32]		; vector
	call interrupt
	add esp, 8
	popad
	add esp, 4
	iretd

section .rodata
	align 8
gdt:
	dq 0
	dw 0xffff, 0
	db 0, ACCESS_CODE, 0xcf, 0
	dw 0xffff, 0
	db 0, ACCESS_DATA, 0xcf, 0
gdt_pointer:
	dw $ - gdt - 1
	dd gdt
idt_pointer:
	dw VECTORS * 8 - 1
	dd idt
core:
	incbin PURGATORY_BIN, block_core.start, block_core.size
core_end:
block:
	incbin PURGATORY_BIN, block_devices.start, block_devices.size
block_end:
	align 4
block_at:
	dd block_devices.at

section .bss nobits alloc noexec write align=16
idt:
	resb VECTORS * 8
	resb 16384
stack:
section .note.GNU-stack noalloc noexec nowrite progbits
