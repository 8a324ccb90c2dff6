; SPDX-License-Identifier: MIT
;
; The boot sector of a disk or stick: reads the second part, loader.asm and segue.elf, and enters it.
;
; What the firmware gives
;   1. 512 bytes at 0x7c00, entered as 0000:7C00, or as 07C0:0000 by some: nothing here depends on CS.
;   2. DL, the drive. Some give 0 or nonsense for a hard disk: below 0x80, if the second part is not on it, 0x80 is
;      tried. A stick started as a floppy disk has a true 0.
;   3. Nothing else counts: segment registers, SP, DF and IF are set here.
;
; What it leaves to the second part: loader.asm.
;
; What the file is
;   1. Bytes 0 to 0x1b0 are code, at most; the build says how much of it is used.
;   2. 0x1b0..0x1b8 is the second part's LBA in sectors of 512 bytes, 64 bits, written by `xorriso --grub2-mbr` or
;      `segue disk`. There is no other link between the two: how long it is stands in its first sector.
;   3. 0x1b8..0x1fe, the disk's signature and its partitions, is zero in the file and never looked at; 0x55 0xaa.
;
; Reads are retried, made smaller when refused, done by cylinder, head and sector where there is no EDD (read.inc). If
; nothing helps, a sentence shows on the screen and on COM1 (print.inc).

%include "stage1.inc"

SECTOR_SIZE	equ 512
MEDIUM		equ STAGE1_DISK
%define WITH_CHS

	cpu 8086
	bits 16
	org BOOT_SECTOR

start:
	xor ax, ax
	mov ss, ax
	mov sp, STACK_TOP
	mov ds, ax
	sti
	cld
.drive:
	push ds
	pop es
	mov si, packet_here
	call load
	inc dl				; CF stays
	js .no_other
	mov dl, 0x80
	jmp .drive
.no_other:

%include "read.inc"

%ifdef MAP
	[map symbols MAP]
%endif
packet_at	equ PATCHED_LBA - packet.lba
boot_sector_used equ $ - $$ + packet.lba
	times packet_at - ($ - $$) db 0
packet_here:
	dw packet.edd_end, 0, 0, LOADER_SEGMENT
	dq 0				; the patched LBA
	times 510 - ($ - $$) db 0
	dw 0xaa55
