; SPDX-License-Identifier: MIT
;
; The first 2048 bytes of a CD's boot image. They read the rest of it, loader.asm and segue.elf, and enter loader.asm.
;
; On entry, from the firmware (El Torito 1.0, section 2.0: no emulation, load size 4 sectors of 512 bytes)
;   1. These bytes are at 0x7c00, entered at 0000:7C00 or at 07C0:0000: the code does not depend on CS.
;   2. DL is the drive. Some firmware passes a wrong one: if that drive does not have the second part, 0xff down to 0x80
;      are tried.
;   3. INT 13h AH=42h works for that drive, with sectors of 2048 bytes. AH=41h is not called: some firmware denies EDD for
;      CDs.
;   4. Segment registers, SP, DF and IF are set here; their values on entry do not matter.
;
; From the ISO's maker: bytes 8 to 64 are the boot information table that `xorriso -boot-info-table` writes. Only
; the boot image's LBA in it is used. Do not pass --grub2-boot-info: it writes into this image's code.
;
; On exit: the entry contract of loader.asm. Reads are retried and made smaller when refused (read.inc). If all fail, a
; sentence is printed on the screen and on COM1 (print.inc).

%include "stage1.inc"

SECTOR_SIZE	equ 2048
MEDIUM		equ STAGE1_CD
FIRST_DRIVE	equ 0x80
LAST_DRIVE	equ 0xff

	cpu 8086
	bits 16
	org BOOT_SECTOR

	jmp short start
	nop
	times 8 - ($ - $$) db 0
; mkisofs(8), "EL TORITO BOOT INFORMATION TABLE"
volume_lba	dd 0
image_lba	dd 0
image_size	dd 0
image_sum	dd 0
	times 64 - ($ - $$) db 0

start:
	xor ax, ax
	mov ss, ax
	mov sp, STACK_TOP
	mov ds, ax
	mov es, ax
	sti
	cld
	mov si, no_table_text
	mov ax, [image_lba]
	mov bx, [image_lba + 2]
	mov cx, ax
	or cx, bx
	jz stop
	add ax, 1
	adc bx, 0
	mov [packet_here + packet.lba], ax
	mov [packet_here + packet.lba + 2], bx
	mov si, packet_here
	call load
	; Keep this result: the error reported at the end is that of the drive which the BIOS named.
	pushf
	push ax
	mov dl, LAST_DRIVE
.other:
	push ds
	pop es
	mov si, packet_here
	call load
	dec dl
	cmp dl, FIRST_DRIVE
	jae .other
	pop ax
	popf

%include "read.inc"

no_table_text:
	db "Segue: this ISO was made without -boot-info-table", 0

	align 2, db 0
packet_here:
	dw packet.edd_end, 0, 0, LOADER_SEGMENT
	dq 0
	times 2048 - ($ - $$) db 0
