; SPDX-License-Identifier: MIT
;
; A boot sector as a target. It reports through INT 10h and INT 14h (COM1) how it was entered. It reads its second
; sector by INT 13h from the drive in DL and prints it. If interrupts were enabled (memdisk disables them), it waits for
; a timer interrupt. Then it stops.
;
; -DPARTITION: the first sector of a partition; the partition's entry at DS:SI gives the second sector.

	bits 16
	org 0x7c00

PLACE		equ 0x7c00
SECTOR		equ 512
SECOND_AT	equ 0x7e00
TICKS		equ 0x46c		; BIOS data area: timer interrupts since midnight
FLAGS_IF	equ 1 << 9
PORT_SHUTDOWN	equ 0x8900		; Bochs's
PACKET_SIZE	equ 16
ENTRY_FIRST	equ 8			; partition entry: first sector

start:
	mov [cs:entered_si], si
	mov [cs:entered_ds], ds
	pushf
	pop word [cs:entered_flags]
	mov ax, cs
	mov [cs:entered_cs], ax
	mov ds, ax
	mov es, ax
	mov [drive], dx
	mov si, text_cs
	call print
	mov ax, [entered_cs]
	call print_word
	mov si, text_dx
	call print
	mov ax, [drive]
	call print_word
	mov si, text_ds
	call print
	mov ax, [entered_ds]
	call print_word
	mov si, text_si
	call print
	mov ax, [entered_si]
	call print_word
	mov si, text_flags
	call print
	mov ax, [entered_flags]
	call print_word
	call print_line_end

	mov dx, [drive]
%ifdef PARTITION
	les si, [entered_si]		; DS behind SI
	mov eax, [es:si + ENTRY_FIRST]
	inc eax
	mov [packet.sector], eax
	mov si, packet
	mov ah, 0x42			; extended read
%else
	mov bx, SECOND_AT
	mov ax, 0x0201			; read one sector
	mov cx, 0x0002			; cylinder 0, sector 2
	mov dh, 0			; head 0
%endif
	int 0x13
	jc .failed
	mov si, SECOND_AT
	call print
	test word [entered_flags], FLAGS_IF
	jz .stop
	call wait_tick
	mov si, text_tick
	call print
	; Bochs ends, when COM1 has sent all
	call wait_tick
	mov si, text_shutdown
	mov dx, PORT_SHUTDOWN
	mov cx, text_shutdown_end - text_shutdown
	rep outsb
	jmp .stop
.failed:
	mov si, text_failed
	call print
.stop:
	hlt
	jmp .stop

; clobbers EAX
wait_tick:
	mov eax, [TICKS]
.wait:
	hlt
	cmp eax, [TICKS]
	je .wait
	ret

; in SI text; clobbers AX BX SI
print:
	lodsb
	test al, al
	jz .done
	call print_character
	jmp print
.done:
	ret

; in AL; clobbers AX BX
print_character:
	push dx
	push ax
	mov ah, 0x0e
	mov bx, 7
	int 0x10
	pop ax
	mov ah, 1
	xor dx, dx
	int 0x14
	pop dx
	ret

print_line_end:
	mov si, text_line_end
	jmp print

; in AX; clobbers AX BX CX
print_word:
	mov cx, 4
.digit:
	rol ax, 4
	push ax
	and al, 15
	add al, '0'
	cmp al, '9'
	jbe .print
	add al, 'a' - '0' - 10
.print:
	call print_character
	pop ax
	loop .digit
	ret

text_cs		db "Boot sector: CS ", 0
text_dx		db " DX ", 0
text_ds		db " DS ", 0
text_si		db " SI ", 0
text_flags	db " FLAGS ", 0
text_tick	db "A timer interrupt came.", 13, 10, 0
text_shutdown	db "Shutdown"
text_shutdown_end:
text_failed	db "The second sector cannot be read."
text_line_end	db 13, 10, 0
%ifdef PARTITION
packet		db PACKET_SIZE, 0
		dw 1, SECOND_AT, 0
.sector		dq 0
%endif
drive		dw 0
entered_cs	dw 0
entered_flags	dw 0
entered_si	dw 0
entered_ds	dw 0

	times 510 - ($ - $$) db 0
	dw 0xaa55
second:
%ifdef PARTITION
	db "This is the second sector of a partition.", 13, 10, 0
%else
	db "This is the second sector of a floppy.", 13, 10, 0
%endif
	times 2 * SECTOR - ($ - $$) db 0
