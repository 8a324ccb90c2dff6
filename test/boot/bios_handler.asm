; SPDX-License-Identifier: MIT
;
; An interrupt handler for test_bios_call.py, at HANDLER in real mode: keeps what it was called with at SEEN, breaks all
; that a BIOS might, returns known values in every register, CF = 1 and DF = 1.

HANDLER		equ 0x600
SEEN		equ 0x700
PORT_SYSTEM_A	equ 0x92
SYSTEM_A_A20	equ 1 << 1
FLAG_CARRY	equ 1 << 0
FLAG_DIRECTION	equ 1 << 10

	bits 16
	org HANDLER
	mov [cs:SEEN], eax
	mov [cs:SEEN + 4], ebx
	mov [cs:SEEN + 8], ecx
	mov [cs:SEEN + 12], edx
	mov [cs:SEEN + 16], esi
	mov [cs:SEEN + 20], edi
	mov [cs:SEEN + 24], ebp
	mov [cs:SEEN + 28], ds
	mov [cs:SEEN + 30], es
	mov [cs:SEEN + 32], esp
	mov [cs:SEEN + 36], ss
	mov eax, cr0
	mov [cs:SEEN + 40], eax
	mov bp, sp
	mov ax, [bp + 4]		; FLAGS at INT
	mov [cs:SEEN + 44], ax
	or ax, FLAG_CARRY | FLAG_DIRECTION
	mov [bp + 4], ax
	sidt [cs:SEEN + 48]
	; as an extender of a BIOS may have left them
	o32 lgdt [cs:nonsense]
	in al, PORT_SYSTEM_A
	and al, ~SYSTEM_A_A20 & 0xff
	out PORT_SYSTEM_A, al
	mov ax, 0x1111
	mov fs, ax
	mov gs, ax
	mov ax, 0x2222
	mov ds, ax
	mov ax, 0x3333
	mov es, ax
	mov eax, 0xa0000001
	mov ebx, 0xa0000002
	mov ecx, 0xa0000003
	mov edx, 0xa0000004
	mov esi, 0xa0000005
	mov edi, 0xa0000006
	mov ebp, 0xa0000007
	iret
nonsense:
	dw 7
	dd 0x12345678
