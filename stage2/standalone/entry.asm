; SPDX-License-Identifier: MIT
; Entry of segue.elf from a Multiboot loader or stage 1: headers, GDT, stack, and the exception stubs.

bits 32
%include "numbers/hardware.inc"
%include "numbers/standalone.inc"

extern standalone_main
extern exception_report
extern bss_start
extern image_end
global entry
global exception_stubs

; Multiboot 1, section 3.1
MULTIBOOT1_MAGIC	equ 0x1BADB002
MULTIBOOT1_PAGE_ALIGN	equ 1 << 0
MULTIBOOT1_MEMORY_INFO	equ 1 << 1
MULTIBOOT1_VIDEO	equ 1 << 2
MULTIBOOT1_FLAGS	equ MULTIBOOT1_PAGE_ALIGN | MULTIBOOT1_MEMORY_INFO | MULTIBOOT1_VIDEO
MULTIBOOT1_MODE_TEXT	equ 1

section .multiboot progbits alloc noexec nowrite align=8

; Asks for text, and accepts graphics. GRUB then keeps text mode on a BIOS and leaves a framebuffer
; on UEFI, where without this flag it would leave no screen.
multiboot1_header:
	dd MULTIBOOT1_MAGIC
	dd MULTIBOOT1_FLAGS
	dd -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)
	times 5 dd 0			; address fields: flag 16 is clear, the ELF headers count
	dd MULTIBOOT1_MODE_TEXT
	dd 80, 25, 0

	align 8, db 0
multiboot2_header:
	dd MULTIBOOT2_HEADER_MAGIC
	dd MULTIBOOT2_I386
	dd multiboot2_header_end - multiboot2_header
	dd -(MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_I386 + (multiboot2_header_end - multiboot2_header))

%macro tag 3				; type, flags, size without the padding
	align 8, db 0
	dw %1, %2
	dd %3
%endmacro

	tag MULTIBOOT2_HEADER_REQUEST, MULTIBOOT2_HEADER_OPTIONAL, 8 + 4 * 11
	dd 1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 17
	tag MULTIBOOT2_HEADER_ENTRY, MULTIBOOT2_HEADER_OPTIONAL, 12
	dd entry
	tag MULTIBOOT2_HEADER_CONSOLE, MULTIBOOT2_HEADER_OPTIONAL, 12
	dd MULTIBOOT2_CONSOLE_EGA_TEXT
	tag MULTIBOOT2_HEADER_FRAMEBUFFER, MULTIBOOT2_HEADER_OPTIONAL, 20
	dd 0, 0, 0			; any width, height, depth
	tag MULTIBOOT2_HEADER_MODULE_ALIGN, MULTIBOOT2_HEADER_OPTIONAL, 8
	tag MULTIBOOT2_HEADER_END, 0, 8
multiboot2_header_end:

%macro descriptor 3			; base, limit in pages, access
	dw (%2) & 0xFFFF
	dw (%1) & 0xFFFF
	db ((%1) >> 16) & 0xFF
	db %3
	db DESCRIPTOR_4K | DESCRIPTOR_32BIT | (((%2) >> 16) & 0x0F)
	db ((%1) >> 24) & 0xFF
%endmacro

RAM_PATTERN		equ 0x5E6E5EAF
UART_PATIENCE		equ 1000000
TEXT_GREY		equ 7
DIGIT			equ 1			; in the text: the next digit of the number

section .rodata

	align 8, db 0
gdt:
	dq 0
gdt_code equ $ - gdt
	descriptor 0, 0xFFFFF, ACCESS_CODE
gdt_data equ $ - gdt
	descriptor 0, 0xFFFFF, ACCESS_DATA
gdt_end:

	align 4, db 0
	dw 0				; so that the base is aligned
gdt_pointer:
	dw gdt_end - gdt - 1
	dd gdt

section .text

; In:  EAX the loader's magic number (or stage 1's), EBX its information; flat segments; GDT and stack are the loader's
; Out: does not return
; Mode: 32-bit protected, paging off (Multiboot 1, section 3.2; Multiboot 2, section 3.3; stage1.h)
entry:
	cli
	cld
	lgdt [gdt_pointer]
	jmp gdt_code:.own_code
.own_code:
	mov ecx, gdt_data
	mov ds, ecx
	mov es, ecx
	mov fs, ecx
	mov gs, ecx
	mov ss, ecx
	; A boot loader may load this program beyond the end of RAM without an error. Memory that reads back
	; what was written is RAM.
	mov esp, image_end - 4
	mov dword [esp], RAM_PATTERN
	cmp dword [esp], RAM_PATTERN
	jne no_ram
	; Clear .bss for the C code, as not every boot loader does; RAM survives a warm reset. EAX and EBX are the loader's.
	mov edx, eax
	mov edi, bss_start
	mov ecx, image_end
	sub ecx, edi
	xor eax, eax
	rep stosb
	mov eax, edx
	mov esp, stack_top
	xor ebp, ebp
	push ebx
	push eax
	call standalone_main
.stop:					; standalone_main() does not return
	cli
	hlt
	jmp .stop

; In:  only this code and its text, at the start of the program, need be in RAM
; Out: does not return: the sentence on COM1, port 0xE9 and the text screen's first line, and a halt
; Mode: 32-bit protected, paging off, no stack
no_ram:
	mov dx, COM1 + LCR
	mov al, LCR_DIVISOR
	out dx, al
	mov dx, COM1
	mov al, 1			; 115200
	out dx, al
	inc edx
	xor eax, eax
	out dx, al
	mov dx, COM1 + LCR
	mov al, LCR_8N1
	out dx, al
	mov esi, no_ram_text
	mov edi, VGA_TEXT
	mov ebp, image_end
.next:
	lodsb
	test al, al
	jz entry.stop
	cmp al, DIGIT
	jne .put
	rol ebp, 4
	mov eax, ebp
	and al, 15
	cmp al, 10			; the next three make a digit's character of 0 to 15
	sbb al, 0x69
	das
.put:
	mov ah, TEXT_GREY
	stosw
	out DEBUG_PORT, al
	mov ebx, eax
	mov ecx, UART_PATIENCE
	mov dx, COM1 + LSR
.wait:
	in al, dx
	test al, LSR_THRE
	loopz .wait
	mov dx, COM1
	mov eax, ebx
	out dx, al
	jmp .next

no_ram_text:
	db "Refused: segue.elf needs RAM from 0x00100000 to 0x"
	times 8 db DIGIT		; of image_end
	db ", and there is less.", 10, 0

; Vectors that push an error code by themselves (Intel SDM 3A, table 6-1).
%define has_error_code(vector) ((vector) == 8 || ((vector) >= 10 && (vector) <= 14) || (vector) == 17 || (vector) == 21 || (vector) == 29 || (vector) == 30)

%assign vector 0
%rep 32
stub_%[vector]:
	%if !has_error_code(vector)
	push dword 0
	%endif
	push dword vector
	jmp exception_common
%assign vector vector + 1
%endrep

; In:  stack: vector, error code, EIP, CS, EFLAGS
; Out: does not return
exception_common:
	cld
	push esp
	call exception_report
	jmp entry.stop

section .rodata

	align 4, db 0
exception_stubs:			; the addresses of the 32 handlers
%assign vector 0
%rep 32
	dd stub_%[vector]
%assign vector vector + 1
%endrep

section .bss

STACK_SIZE equ 16384
	alignb 16
	resb STACK_SIZE
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
