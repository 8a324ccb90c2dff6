; SPDX-License-Identifier: MIT
;
; The boot sector of a disk or stick. It reads the second part's first sector and enters it; that sector reads the rest.
;
; On entry, from the firmware
;   1. The sector is at 0x7c00, entered at 0000:7C00, or at 07C0:0000 by some firmware: the code does not depend on CS.
;   2. DL is the drive. Some firmware passes 0 or a wrong number for a hard disk: if DL is below 0x80 and that drive does
;      not have the second part, 0x80 is tried. For a stick started as a floppy disk, 0 is right.
;   3. Segment registers, SP, DF and IF are set here; their values on entry do not matter.
;
; On exit: the entry contract of loader.asm.
;
; Layout of the sector
;   1. A short jump and a NOP: some BIOSes do not boot a sector without them. Bytes 3 to 62 are never read: some BIOSes
;      write a BIOS parameter block there, into the copy of the sector that they have read from a stick.
;      Code follows up to 0x1b0 at most; the build prints how much is used.
;   2. 0x1b0..0x1b8: the second part's LBA in sectors of 512 bytes, 64 bits, written by `xorriso --grub2-mbr` or
;      `segue disk`. The second part's length is in its own first sector.
;   3. 0x1b8..0x1fe: the disk signature and the partition table, zero in the file and never read; then 0x55 0xaa.
;
; A read is retried, and done by cylinder, head and sector if there is no EDD (read.inc). If all reads fail, a
; sentence is printed on the screen and on COM1 (print.inc).

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
	inc dl				; preserves CF
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
