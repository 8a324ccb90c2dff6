; SPDX-License-Identifier: MIT
;
; A firmware that gets things wrong: test_stage1.py puts this at BAD_BIOS when the firmware has just jumped to 0x7c00,
; and lets the CPU go on here. Real mode. What is wrong is chosen by definitions:
;   NO_41            INT 13h AH=41h: not there
;   NO_42            INT 13h AH=42h: not there
;   MOST=N           AH=42h refuses more sectors than N
;   FAIL=N,STATUS=S  the first N reads fail with status S
;   BAD_DRIVE=D      nothing can be read from drive D
;   DRIVE=D          what DL says at the start
;   CODE=S           the segment of CS: 0 or 0x7c0
;   SHUT_A20         A20 is shut at the start; NO_2401: INT 15h AX=2401h does not open it

BAD_BIOS	equ 0x600
BOOT_SECTOR	equ 0x7c00
VECTOR_DISK	equ 0x13 * 4
VECTOR_SYSTEM	equ 0x15 * 4
FLAGS_ON_STACK	equ 6			; from BP, that is pushed over IP and CS
FLAG_CARRY	equ 1
PORT_SYSTEM_A	equ 0x92
SYSTEM_A_A20	equ 1 << 1
STATUS_BAD_COMMAND equ 1
STATUS_BORDER	equ 9
STATUS_TIMEOUT	equ 0x80
SECTORS_PER_TRACK equ 63

%ifndef CODE
	%define CODE 0
%endif
%ifndef FAIL
	%define FAIL 0
	%define STATUS 0
%endif

	bits 16
	org BAD_BIOS
	jmp start

; What the test reads: how many calls of either kind have succeeded, the most sectors that one of them was for.
	align 4, db 0
by_packet	dw 0
by_cylinder	dw 0
most		dw 0
failures	dw FAIL
resets		dw 0
crossings	dw 0			; reads that go on in the next track

start:
	cli
	xor ax, ax
	mov ds, ax
	mov ax, [VECTOR_DISK]
	mov [old_disk], ax
	mov ax, [VECTOR_DISK + 2]
	mov [old_disk + 2], ax
	mov word [VECTOR_DISK], disk
	mov word [VECTOR_DISK + 2], 0
%ifdef NO_2401
	mov ax, [VECTOR_SYSTEM]
	mov [old_system], ax
	mov ax, [VECTOR_SYSTEM + 2]
	mov [old_system + 2], ax
	mov word [VECTOR_SYSTEM], system
	mov word [VECTOR_SYSTEM + 2], 0
%endif
%ifdef SHUT_A20
	in al, PORT_SYSTEM_A
	and al, ~SYSTEM_A_A20 & 0xff
	out PORT_SYSTEM_A, al
%endif
%ifdef DRIVE
	mov dl, DRIVE
%endif
	; nothing that a boot sector may count on
	mov ax, 0x1234
	mov ds, ax
	mov es, ax
	mov si, ax
	mov di, ax
	mov bx, ax
	mov cx, ax
	mov bp, ax
	std
	jmp CODE:BOOT_SECTOR - CODE * 16

disk:
	cmp ah, 0
	jne .not_reset
	inc word [cs:resets]
.not_reset:
	cmp ah, 0x41
	je .is_there
	cmp ah, 0x42
	je .by_packet
	cmp ah, 2
	je .by_cylinder
	jmp far [cs:old_disk]
.is_there:
%ifdef NO_41
	mov ah, STATUS_BAD_COMMAND
	jmp .fail
%else
	jmp far [cs:old_disk]
%endif
.by_packet:
%ifdef NO_42
	mov ah, STATUS_BAD_COMMAND
	jmp .fail
%endif
%ifdef MOST
	cmp word [si + 2], MOST
	jbe .not_too_many
	mov ah, STATUS_BORDER
	jmp .fail
.not_too_many:
%endif
	call check
	jc .fail
	push ax
	mov ax, [si + 2]
	call note_most
	pop ax
	pushf
	call far [cs:old_disk]
	jc .failed
	inc word [cs:by_packet]
	jmp .done
.by_cylinder:
	call check
	jc .fail
	push ax
	mov ah, 0
	call note_most
	push cx
	and cx, 0x3f
	add ax, cx
	pop cx
	cmp ax, SECTORS_PER_TRACK + 1
	pop ax
	jbe .in_track
	inc word [cs:crossings]
.in_track:
	pushf
	call far [cs:old_disk]
	jc .failed
	inc word [cs:by_cylinder]
.done:
	push bp
	mov bp, sp
	and word [bp + FLAGS_ON_STACK], ~FLAG_CARRY
	pop bp
	iret
.fail:
.failed:
	push bp
	mov bp, sp
	or word [bp + FLAGS_ON_STACK], FLAG_CARRY
	pop bp
	iret

; CF = 1, AH the status: this read is one to fail
check:
%ifdef BAD_DRIVE
	cmp dl, BAD_DRIVE
	jne .good
	mov ah, STATUS_TIMEOUT
	stc
	ret
.good:
%endif
	cmp word [cs:failures], 0
	je .no
	dec word [cs:failures]
	mov ah, STATUS
	stc
	ret
.no:
	clc
	ret

note_most:
	cmp ax, [cs:most]
	jbe .less
	mov [cs:most], ax
.less:
	ret

system:
	cmp ax, 0x2401
	je disk.fail
	jmp far [cs:old_system]

	align 4, db 0
old_disk	dd 0
old_system	dd 0
