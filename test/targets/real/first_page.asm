; SPDX-License-Identifier: MIT
;
; A Multiboot kernel that claims the first page of memory, where the BIOS has its vectors and data. It is a
; position-independent ELF (ET_DYN) at address 0, with its entry there, like memtest86+ 5.01's. It reports on COM1
; whether all of it is there.

	bits 32
	org 0

MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_LOADED	equ 0x2badb002
ET_DYN			equ 3
EM_386			equ 3
PT_LOAD			equ 1
FILE_AT			equ 0x1000	; where in the file memory's first byte is
SIZE			equ 0x1800
MEMORY_SIZE		equ 0x2800
COM1			equ 0x3f8
LINE_STATUS		equ COM1 + 5
READY			equ 0x20

header:
	db 0x7f, "ELF", 1, 1, 1, 0
	dq 0
	dw ET_DYN, EM_386
	dd 1
	dd 0			; e_entry
	dd program - header, 0, 0
	dw 52, 32, 1, 0, 0, 0
program:
	dd PT_LOAD, FILE_AT, 0, 0, SIZE, MEMORY_SIZE, 7, 0x1000
	align 4
	dd MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC
	times FILE_AT - ($ - header) db 0

image:
start:
	cmp eax, MULTIBOOT_LOADED
	jne bad
	mov esp, MEMORY_SIZE
	; the last bytes of the file, then the zeros
	cmp dword [SIZE - 4], "last"
	jne bad
	mov edi, SIZE
	mov ecx, MEMORY_SIZE - SIZE
	xor eax, eax
	cld
	repe scasb
	jne bad
	; below the BIOS data area's end lie our own bytes, numbered
	mov ecx, 0x500 - (numbers - image)
.next:
	cmp [numbers - image + ecx - 1], cl
	jne bad
	loop .next
	mov esi, good_text - image
	jmp print
bad:
	mov esi, bad_text - image
print:
	lodsb
	test al, al
	jz .halt
	mov ah, al
	mov dx, LINE_STATUS
.wait:
	in al, dx
	test al, READY
	jz .wait
	mov al, ah
	mov dx, COM1
	out dx, al
	jmp print
.halt:
	hlt
	jmp .halt

good_text:	db 13, 10, "FIRST-PAGE-OK", 13, 10, 0
bad_text:	db 13, 10, "FIRST-PAGE-BAD", 13, 10, 0

numbers:
%assign i 1
%rep 0x500 - (numbers - image)
	db i & 0xff
%assign i i + 1
%endrep
	times SIZE - 4 - ($ - image) db 0x90
	db "last"
