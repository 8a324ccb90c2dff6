; SPDX-License-Identifier: MIT
;
; A floppy's boot sector: disables A20 through the BIOS, then boots the first hard disk as the BIOS would. It stands for
; firmware that leaves A20 disabled, which no emulator's does.

	bits 16
	org 0x600

A20_SHUT	equ 0x2400		; INT 15h
A20_STATE	equ 0x2402		; AL 0: shut
HARD_DISK	equ 0x80
SECTORS		equ 0x7c00

	xor ax, ax
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov sp, SECTORS
	mov si, SECTORS
	mov di, 0x600
	mov cx, 256
	cld
	rep movsw
	jmp 0:.moved
.moved:
	mov ax, A20_SHUT
	int 0x15
	jc .failed
	mov ax, A20_STATE
	int 0x15
	test al, al
	jnz .failed
	mov ax, 0x0201			; read one sector
	mov cx, 1
	mov dx, HARD_DISK
	mov bx, SECTORS
	int 0x13
	jc .failed
	mov dx, HARD_DISK
	jmp 0:SECTORS
.failed:
	mov si, .text
.print:
	lodsb
	test al, al
	jz .stop
	mov ah, 0x0e
	mov bx, 7
	int 0x10
	jmp .print
.stop:
	hlt
	jmp .stop
.text:
	db "A20 stays open, or there is no hard disk.", 0

	times 510 - ($ - $$) db 0
	dw 0xaa55
