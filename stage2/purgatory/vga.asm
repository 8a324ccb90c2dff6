; SPDX-License-Identifier: MIT
;
; Sets the VGA's text mode 3, 80 x 25 characters of 9 x 16 dots, without the BIOS. The registers and the BIOS's values are
; in the IBM PS/2 Hardware Interface Technical Reference, Video Subsystem. The display interface of Bochs and QEMU, which
; hides the registers while it is on, is in Bochs's VBE documentation.

DISPI_INDEX		equ 0x1ce
DISPI_DATA		equ 0x1cf
DISPI_ID		equ 0		; registers
DISPI_ENABLE		equ 4
DISPI_IDS		equ 0xb0c0	; up to 0xb0cf

VGA_ATTRIBUTE		equ 0x3c0	; index and data by turns
VGA_MISCELLANEOUS	equ 0x3c2
VGA_SEQUENCER		equ 0x3c4	; index; data in the next port
VGA_DAC_MASK		equ 0x3c6
VGA_DAC_INDEX		equ 0x3c8
VGA_DAC_DATA		equ 0x3c9
VGA_GRAPHICS		equ 0x3ce
VGA_CRTC		equ 0x3d4
VGA_STATUS_1		equ 0x3da	; a read makes the next byte to VGA_ATTRIBUTE an index
MISCELLANEOUS_TEXT	equ 0x67	; 28 MHz, 400 lines, colour, memory on
SEQUENCER_RUNS		equ 3 << 8 | 0	; out of reset: value and index
CRTC_UNLOCKED		equ 0x0e << 8 | 0x11
ATTRIBUTE_SHOWS		equ 1 << 5	; in the index: the palette is the CRT's again

VGA_PLANES		equ 0xa0000
VGA_TEXT_SIZE		equ 0x8000
BLANK			equ 0x0720	; grey on black
GLYPH			equ 32		; bytes of a character in plane 2
GLYPH_LINES		equ 16
COLOURS			equ 64
DAC_BRIGHT		equ 0x2a	; two thirds
DAC_DIM			equ 0x15	; one third

VIDEO_ROM		equ 0xc0000
ROM_SIGNATURE		equ 0xaa55
ROM_UNIT_SHIFT		equ 9		; its third byte counts 512 bytes
ROM_FONT		equ 256 * GLYPH_LINES
CHARACTER_SOLID		equ 0xdb

; quiet_vga
;   mode      32-bit, flat, paging off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
quiet_vga:
	mov edx, DISPI_INDEX
	mov eax, DISPI_ID
	out dx, ax
	inc edx
	in ax, dx
	and al, DISPI_IDS & 0xf0
	cmp ax, DISPI_IDS
	jne .no_dispi
	dec edx
	mov eax, DISPI_ENABLE
	out dx, ax
	inc edx
	xor eax, eax
	out dx, ax
.no_dispi:
	lea esi, [ebp + planes_registers]
	call set_planes
	mov edx, VGA_MISCELLANEOUS
	mov al, MISCELLANEOUS_TEXT
	out dx, al
	; Bit 7 of another register locks the first eight.
	mov edx, VGA_CRTC
	mov eax, CRTC_UNLOCKED
	out dx, ax
	mov ecx, CRTC_REGISTERS
	call set_registers
	call load_font
	lea esi, [ebp + text_registers]
	call set_planes
	call set_palette
	mov edi, VGA_TEXT
	mov ecx, VGA_TEXT_SIZE / 4
	mov eax, BLANK << 16 | BLANK
	rep stosd
	; Turn the picture on last.
	mov edx, VGA_STATUS_1
	in al, dx
	mov edx, VGA_ATTRIBUTE
	lea esi, [ebp + attribute_registers]
	mov ecx, ATTRIBUTE_REGISTERS
	xor eax, eax
.attribute:
	out dx, al
	mov ah, al
	lodsb
	out dx, al
	mov al, ah
	inc eax
	loop .attribute
	mov al, ATTRIBUTE_SHOWS
	out dx, al
	ret

; set_planes: sets how the CPU and the screen access video memory
;   in        ESI values for the sequencer and the graphics controller, as in text_registers
;   out       ESI after them
;   clobbers  EAX ECX EDX
set_planes:
	mov edx, VGA_SEQUENCER
	mov ecx, SEQUENCER_REGISTERS
	call set_registers
	mov eax, SEQUENCER_RUNS
	out dx, ax
	mov edx, VGA_GRAPHICS
	mov ecx, GRAPHICS_REGISTERS
; set_registers: in EDX index port, ECX number of registers, from 0 on, ESI values; out ESI after them; clobbers EAX ECX
set_registers:
	xor eax, eax
.next:
	mov ah, [esi]
	inc esi
	out dx, ax
	inc eax
	loop .next
	ret

; set_palette: sets the 64 colours of an EGA, bits rgbRGB of their number; clobbers EAX EBX ECX EDX
set_palette:
	mov edx, VGA_DAC_MASK
	mov al, 0xff
	out dx, al
	mov edx, VGA_DAC_INDEX
	xor eax, eax
	out dx, al
	inc edx
	xor ebx, ebx
.colour:
	mov ecx, 2			; red, green, blue
.part:
	bt ebx, ecx
	sbb al, al
	and al, DAC_BRIGHT
	add ecx, 3
	bt ebx, ecx
	sbb ah, ah
	and ah, DAC_DIM
	or al, ah
	out dx, al
	sub ecx, 4
	jns .part
	inc ebx
	cmp ebx, COLOURS
	jb .colour
	ret

; load_font: loads all 256 characters from the video ROM's font, if it is found there; else the font of ASCII in font.inc
;   mode      32-bit, flat; plane 2 is at VGA_PLANES
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
load_font:
	mov esi, VIDEO_ROM
	cmp word [esi], ROM_SIGNATURE
	jne .own
	movzx ebx, byte [esi + 2]
	shl ebx, ROM_UNIT_SHIFT
	sub ebx, ROM_FONT
	jbe .own
	add ebx, esi
	; A font is recognised by these: 0 and the blank are empty, one character is solid, and its neighbours are not.
.look:
	cmp byte [esi + CHARACTER_SOLID * GLYPH_LINES - 1], 0xff
	je .not_here
	cmp byte [esi + (CHARACTER_SOLID + 1) * GLYPH_LINES], 0
	jne .not_here
	or eax, -1
	lea edi, [esi + CHARACTER_SOLID * GLYPH_LINES]
	call is_glyph_of
	jne .not_here
	inc eax
	mov edi, esi
	call is_glyph_of
	jne .not_here
	lea edi, [esi + ' ' * GLYPH_LINES]
	call is_glyph_of
	je .found
.not_here:
	inc esi
	cmp esi, ebx
	jb .look
.own:
	mov edi, VGA_PLANES
	xor ebx, ebx
.drawn:
	mov eax, ebx
	sub eax, ' '
	jae .not_blank
	xor eax, eax
.not_blank:
	cmp eax, FONT_CHARACTERS
	jb .in_font
	mov eax, FONT_CHARACTERS - 1	; a box
.in_font:
	; In bands of FONT_BAND characters, line by line
	mov esi, eax
	and eax, FONT_BAND - 1
	sub esi, eax
	imul esi, esi, FONT_HEIGHT
	lea esi, [esi + ebp + font]
	add esi, eax
	xor eax, eax
	mov ecx, FONT_ABOVE
	rep stosb
	mov cl, FONT_HEIGHT
.line:
	mov al, [esi]
	add esi, FONT_BAND
	shl al, 1
	stosb
	loop .line
	mov cl, GLYPH - FONT_HEIGHT - FONT_ABOVE
	xor eax, eax
	rep stosb
	inc bl
	jnz .drawn
	ret
.found:
	mov edi, VGA_PLANES
	mov edx, ROM_FONT / GLYPH_LINES
.glyph:
	mov ecx, GLYPH_LINES / 4
	rep movsd
	xor eax, eax
	mov ecx, (GLYPH - GLYPH_LINES) / 4
	rep stosd
	dec edx
	jnz .glyph
	ret

; is_glyph_of: in EDI 16 bytes, EAX a pattern of four; out ZF = 1: all four dwords equal EAX; clobbers ECX EDI
is_glyph_of:
	mov ecx, GLYPH_LINES / 4
	repe scasd
	ret

; Sequencer: reset, clocking, planes written, font, memory; graphics controller
SEQUENCER_REGISTERS	equ 5
GRAPHICS_REGISTERS	equ 9
; Only the CPU accesses plane 2, and the picture is off.
planes_registers:
	db 0x01, 0x20, 0x04, 0x00, 0x06
	db 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x04, 0x00, 0xff
CRTC_REGISTERS		equ 25
	db 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f	; horizontal timing, vertical total, overflow
	db 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00	; 16 lines a row, cursor on the last ones, at 0
	db 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff	; vertical timing, 80 characters a row
text_registers:
	db 0x01, 0x00, 0x03, 0x00, 0x02
	db 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff
ATTRIBUTE_REGISTERS	equ 21
attribute_registers:
	db 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07	; the sixteen colours
	db 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
	db 0x0c, 0x00, 0x0f, 0x08, 0x00			; blinking, lines drawn to the ninth dot; all planes

FONT_ABOVE		equ 3		; empty lines
%include "font.inc"
FONT_CHARACTERS		equ ($ - font) / FONT_HEIGHT
