/* SPDX-License-Identifier: MIT */
/* How the media that `segue iso` and `segue disk` make hold a blob. Exported to segue.elf and the segue command. */
#ifndef SEGUE_MEDIA_FORMAT_H
#define SEGUE_MEDIA_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/*
 * A disk that `segue disk` made: sector 0 the MBR, stage 1 and segue.elf in the gap from sector 1 on, and a
 * partition of this type whose first sector is the header below; the blob follows in the next sector.
 * All numbers are little-endian.
 *
 * The MBR finds the rest by 8 bytes at 0x1b0: the LBA, in sectors of 512 bytes, of what follows the CD's 2048 bytes in
 * boot.img. Here that is 1. xorriso --grub2-mbr writes it for an ISO, where it is 64 or more, for the sectors before
 * are no file's: so stage 1 tells STAGE1_DISK from STAGE1_ISO_ON_DISK.
 */
#define DISK_PARTITION_TYPE 0x7fu     /* "for individual or local use" in the usual lists */
#define DISK_HEADER_MAGIC "SegueDsk"  /* 8 bytes without the NUL */
#define DISK_OPTIONS_SIZE 488u
struct disk_header {
	uint8_t magic[8];
	uint8_t blob_size[8];         /* in bytes, the seal included */
	uint8_t header_size[4];       /* 512 */
	uint8_t version[4];           /* 1 */
	uint8_t options[DISK_OPTIONS_SIZE]; /* segue.elf's command line, NUL-terminated */
};
_Static_assert(sizeof(struct disk_header) == 512, "one sector");
_Static_assert(offsetof(struct disk_header, blob_size) == 8, "media_format.h");
_Static_assert(offsetof(struct disk_header, header_size) == 16, "media_format.h");
_Static_assert(offsetof(struct disk_header, version) == 20, "media_format.h");
_Static_assert(offsetof(struct disk_header, options) == 24, "media_format.h");

/* Where stage 2 looks for them on an ISO 9660 medium; the options (one line of text) may be missing. */
#define ISO_BLOB_PATH "/segue/blob"
#define ISO_OPTIONS_PATH "/segue/options"

#endif
