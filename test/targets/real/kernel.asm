; SPDX-License-Identifier: MIT
;
; A Linux kernel as a target, of any boot protocol, that consists of its 16-bit setup code. It reports through INT 10h
; and INT 14h (COM1) how it was entered. It prints what it finds where boot.rst says: its last setup sector, its
; "protected-mode" code, the command line, the initrd. It reads high memory by INT 15h, AH=87h.
;
; -DVERSION=0x2xx: the protocol version; without it a kernel from before 2.00. -DHIGH: a bzImage.

	bits 16
	org 0

SECTOR		equ 512
SETUP_SECTORS	equ 4
CODE_PARAGRAPHS	equ (code_end - code + 15) / 16
CL_MAGIC_AT	equ 0x20
CL_OFFSET_AT	equ 0x22
CL_MAGIC	equ 0xa33f
ENTRY_PARAGRAPHS equ 0x20
ACCESS_DATA	equ 0x93
TEXT_MAX	equ 64
%ifdef HIGH
CODE_AT		equ 0x100000
LOADFLAGS	equ 1
%else
CODE_AT		equ 0x10000
LOADFLAGS	equ 0
%endif
%ifndef VERSION
%define VERSION 0
%endif

	times 0x1f1 db 0
	db SETUP_SECTORS
	dw 0				; root_flags
	dd CODE_PARAGRAPHS		; syssize
	dw 0				; ram_size
	dw 0x0f00			; vid_mode
	dw 0				; root_dev
	dw 0xaa55
	; 0x200: CS:0
	jmp short start
%if VERSION
	db "HdrS"
	dw VERSION
	dd 0				; realmode_swtch
	dw 0x1000			; start_sys_seg
	dw release - 0x200
type_of_loader	db 0
loadflags	db LOADFLAGS
	dw 0x8000			; setup_move_size
	dd 0				; code32_start: none but the 16-bit entry
ramdisk_image	dd 0
ramdisk_size	dd 0
	dd 0
heap_end_ptr	dw 0
	dw 0
cmd_line_ptr	dd 0
	dd 0x37ffffff			; initrd_addr_max
	times 0x26c - ($ - $$) db 0
release		db "segue-test", 0
%endif
start:
	; offsets are from the boot sector, as DS has it if all is well: not relied on before it is printed
	pushf
	pop cx
	mov bp, ds
	mov di, cs
	sub di, ENTRY_PARAGRAPHS
	mov ds, di
	mov [entered_ds], bp
	mov [entered_sp], sp
	mov [entered_ss], ss
	mov [entered_es], es
	mov [entered_flags], cx
	mov es, di
	mov si, text_cs
	call print
	mov ax, cs
	call print_word
	mov si, text_ds
	call print
	mov ax, [entered_ds]
	call print_word
	mov si, text_es
	call print
	mov ax, [entered_es]
	call print_word
	mov si, text_ss
	call print
	mov ax, [entered_ss]
	call print_word
	mov si, text_sp
	call print
	mov ax, [entered_sp]
	call print_word
	mov si, text_flags
	call print
	mov ax, [entered_flags]
	call print_word
	call print_line_end
	mov si, last_sector
	call print
	mov eax, CODE_AT
	call print_high
	mov si, text_mode
	call print
	mov ax, [0x1fa]
	call print_word
	call print_line_end
	mov si, text_line
	call print
%if VERSION >= 0x202
	mov eax, [cmd_line_ptr]
	call print_high
%else
	cmp word [CL_MAGIC_AT], CL_MAGIC
	jne .no_line
	mov si, [CL_OFFSET_AT]
	call print
	call print_line_end
.no_line:
%endif
%if VERSION
	mov si, text_loader
	call print
	mov ah, [type_of_loader]
	mov al, [loadflags]
	call print_word
	call print_line_end
	cmp dword [ramdisk_size], 0
	je .no_initrd
	mov eax, [ramdisk_image]
	call print_high
.no_initrd:
%endif
	mov si, text_end
	call print
.stop:
	hlt
	jmp .stop

; prints the text at linear address EAX, less than TEXT_MAX characters, and ends the line
print_high:
	mov [copy_gdt.source], ax
	shr eax, 16
	mov [copy_gdt.source + 2], al
	mov [copy_gdt.source + 5], ah
	xor eax, eax
	mov ax, ds
	shl eax, 4
	add eax, text_high
	mov [copy_gdt.target], ax
	shr eax, 16
	mov [copy_gdt.target + 2], al
	mov si, copy_gdt
	mov cx, TEXT_MAX / 2
	mov ah, 0x87
	int 0x15
	mov si, text_high
	call print
print_line_end:
	mov si, text_line_end

; in DS:SI text; clobbers AX BX SI
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

text_cs		db "Kernel: CS ", 0
text_ds		db " DS ", 0
text_es		db " ES ", 0
text_ss		db " SS ", 0
text_sp		db " SP ", 0
text_flags	db " FLAGS ", 0
text_mode	db "Video mode ", 0
text_line	db "Command line: ", 0
text_loader	db "Loader and flags ", 0
text_end	db "That is all."
text_line_end	db 13, 10, 0
	align 8, db 0
copy_gdt:				; INT 15h, AH=87h: source at 10h, target at 18h
	times 16 db 0
	dw 0xffff
.source		dw 0
	db 0, ACCESS_DATA, 0, 0
	dw 0xffff
.target		dw 0
	db 0, ACCESS_DATA, 0, 0
	times 16 db 0
entered_ds	dw 0
entered_es	dw 0
entered_ss	dw 0
entered_sp	dw 0
entered_flags	dw 0
text_high	times TEXT_MAX db 0
		db 0

	times SETUP_SECTORS * SECTOR - ($ - $$) db 0
last_sector	db "This is the last setup sector.", 13, 10, 0
	times (SETUP_SECTORS + 1) * SECTOR - ($ - $$) db 0

code:
	db "This is the kernel's code.", 0
	times 3001 - ($ - code) db 0xcc
code_end:
