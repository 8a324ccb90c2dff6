; SPDX-License-Identifier: MIT
;
; The floor: an El Torito image (no emulation) that reads SECTORS sectors of 2048 bytes from sector FIRST on by
; INT 13h, AH = 42h, 32 at a time and all to one place, and does nothing else. Prints the time-stamp counter at its
; first instruction and after the last read: "BIOS xxxxxxxxxxxxxxxx" and "READ xxxxxxxxxxxxxxxx".
bits 16
org 0x7c00
DEBUG_PORT	equ 0xe9
AT_ONCE		equ 32			; 64 KiB: SeaBIOS refuses more on a CD
BUFFER_SEGMENT	equ 0x1000
struc packet
	.size		resw 1
	.count		resw 1
	.offset		resw 1
	.segment	resw 1
	.sector		resq 1
endstruc

	jmp 0:start
start:
	xor ax, ax
	mov ds, ax
	mov [drive], dl
	mov si, bios_text
	call print_time
.next:
	mov eax, [left]
	test eax, eax
	jz .done
	cmp eax, AT_ONCE
	jbe .last
	mov eax, AT_ONCE
.last:
	mov [dap + packet.count], ax
	push eax
	mov ah, 0x42
	mov dl, [drive]
	mov si, dap
	int 0x13
	pop eax
	jc .failed
	add [dap + packet.sector], eax
	sub [left], eax
	jmp .next
.done:
	mov si, read_text
	call print_time
.stop:
	hlt
	jmp .stop
.failed:
	mov si, failed_text
	call print_text
	jmp .stop

; print_time: in SI a text; prints it, the time-stamp counter and a new line; clobbers EAX EBX ECX EDX EDI SI
print_time:
	rdtsc
	mov ebx, eax
	mov edi, edx
	call print_text
	mov cx, 16
.digit:
	mov eax, edi
	shr eax, 28
	cmp al, 10
	sbb al, 0x69
	das
	out DEBUG_PORT, al
	shld edi, ebx, 4
	shl ebx, 4
	loop .digit
	mov al, 10
	out DEBUG_PORT, al
	ret

; print_text: in SI a text; clobbers AL SI
print_text:
	lodsb
	test al, al
	jz .done
	out DEBUG_PORT, al
	jmp print_text
.done:
	ret

bios_text	db "BIOS ", 0
read_text	db "READ ", 0
failed_text	db "a read failed", 10, 0
drive		db 0
	align 4
left		dd SECTORS
dap:
	dw packet_size, 0, 0, BUFFER_SEGMENT
	dq FIRST
	times 2048 - ($ - $$) db 0
