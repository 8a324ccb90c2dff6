; SPDX-License-Identifier: MIT
;
; The boot sector of a disk or stick: reads the second part's first sector, and enters it. That reads the rest.
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
;   1. A short jump and a NOP: some BIOSes take a sector without them for one that cannot be booted. Bytes 3 to 62 are
;      never looked at: some BIOSes write a BIOS parameter block there, into the sector that they have read from a stick.
;      Code follows up to 0x1b0 at most; the build says how much is used.
;   2. 0x1b0..0x1b8 is the second part's LBA in sectors of 512 bytes, 64 bits, written by `xorriso --grub2-mbr` or
;      `segue disk`. There is no other link between the two: how long it is stands in its first sector.
;   3. 0x1b8..0x1fe, the disk's signature and its partitions, is zero in the file and never looked at; 0x55 0xaa.
;
; A read is retried, and done by cylinder, head and sector where there is no EDD (read.inc). If nothing helps, a
; sentence shows on the screen and on COM1 (print.inc).

%include "stage1.inc"

SECTOR_SIZE	equ 512
MEDIUM		equ FIRST_SECTOR_ONLY
%define WITH_CHS
%define ONE_SECTOR

	cpu 8086
	bits 16
	org BOOT_SECTOR

	jmp short start
	nop
	times BPB_END - ($ - $$) db 0
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
boot_sector_used equ $ - $$ + packet.lba
	times MBR_PACKET - ($ - $$) db 0
packet_here:
	dw packet.edd_end, 0, 0, FIRST_SECTOR_SEGMENT
	dq 0				; the patched LBA
	times 510 - ($ - $$) db 0
	dw 0xaa55
