; SPDX-License-Identifier: MIT
; Stage 1 and segue.elf as bytes of the segue command.

	section .rodata align=16
	global disk_boot_sector, disk_boot_image, disk_boot_image_end

disk_boot_sector:
	incbin MBR_BIN
%if $ - disk_boot_sector != 512
	%error "the boot sector does not have 512 bytes"
%endif
disk_boot_image:
	incbin BOOT_IMG
disk_boot_image_end:

; On a disk it is between the boot sector and the partition, without its first sector, which only CDs use.
%if disk_boot_image_end - disk_boot_image - 2048 > 2047 * 512
	%error "the boot image does not fit before a partition at 1 MiB"
%endif

	section .note.GNU-stack noalloc noexec nowrite progbits
