; SPDX-License-Identifier: MIT
;
; A target that knows of the PICs alone: says how it finds the local APIC, opens the timer's line, says that ten of its
; interrupts came, and ends Bochs. A flat binary for a plain ELF at ENTRY (test_devices.py).

	bits 32
	org 0x200000

CODE		equ 0x08		; as Segue leaves it
GATE		equ 0x8e00		; present, ring 0, 32-bit interrupt gate
VECTOR		equ 0x20
LINES		equ 16
COM1		equ 0x3f8
LSR		equ 5
LSR_THRE	equ 1 << 5
LSR_TEMT	equ 1 << 6
MSR_APIC_BASE	equ 0x1b
PORT_SHUTDOWN	equ 0x8900		; Bochs's

start:
	mov esp, stack
	mov esi, text_base
	call print
	mov ecx, MSR_APIC_BASE
	rdmsr
	mov edx, eax
	mov ecx, 8
.digit:
	rol edx, 4
	mov eax, edx
	and eax, 15
	mov al, [digits + eax]
	call print_character
	loop .digit
	mov esi, text_line
	call print

	mov edi, idt + VECTOR * 8
	mov ecx, LINES
.gate:
	mov eax, interrupt
	mov [edi], ax
	mov word [edi + 2], CODE
	mov word [edi + 4], GATE
	shr eax, 16
	mov [edi + 6], ax
	add edi, 8
	loop .gate
	lidt [idt_pointer]
	; 8259A: ICW1 to ICW4, then all lines shut but the timer's
	mov al, 0x11
	out 0x20, al
	out 0xa0, al
	mov al, VECTOR
	out 0x21, al
	mov al, VECTOR + 8
	out 0xa1, al
	mov al, 4
	out 0x21, al
	mov al, 2
	out 0xa1, al
	mov al, 1
	out 0x21, al
	out 0xa1, al
	mov al, 0xff
	out 0xa1, al
	mov al, 0xfe
	out 0x21, al
	sti
.wait:
	hlt
	cmp dword [count], 10
	jb .wait
	cli
	mov esi, text_ticks
	call print
	mov edx, COM1 + LSR
.sending:
	in al, dx
	test al, LSR_TEMT
	jz .sending
	mov edx, PORT_SHUTDOWN
	mov esi, text_shutdown
	mov ecx, text_shutdown.end - text_shutdown
	rep outsb
.stop:
	hlt
	jmp .stop

interrupt:
	push eax
	inc dword [count]
	mov al, 0x20
	out 0x20, al
	pop eax
	iretd

; in ESI a text; clobbers AL ESI
print:
	lodsb
	test al, al
	jz .done
	call print_character
	jmp print
.done:
	ret

; in AL; clobbers nothing
print_character:
	push edx
	push eax
	mov edx, COM1 + LSR
.full:
	in al, dx
	test al, LSR_THRE
	jz .full
	pop eax
	mov edx, COM1
	out dx, al
	pop edx
	ret

digits:		db "0123456789ABCDEF"
text_base:	db "ticks: APIC base ", 0
text_ticks:	db "ticks: ten came", 10, 0
text_line:	db 10, 0
text_shutdown:	db "Shutdown"
.end:
	align 8
idt_pointer:	dw (VECTOR + LINES) * 8 - 1
		dd idt
count:		dd 0
	align 8
idt:		times (VECTOR + LINES) * 8 db 0
		times 256 db 0
stack:
