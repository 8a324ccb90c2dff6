/* SPDX-License-Identifier: MIT */
/* How media made by `segue iso` and `segue disk` store a blob. Exported to segue.elf and the segue command. */
#ifndef SEGUE_MEDIA_FORMAT_H
#define SEGUE_MEDIA_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/*
 * A disk made by `segue disk`: sector 0 is the MBR. Stage 1 and segue.elf are in the gap from sector 1 on. The first
 * sector of a partition of this type is the header below, and the blob starts in the next sector. All numbers are
 * little-endian.
 *
 * The MBR finds stage 1 by the 8 bytes at 0x1b0. They hold the LBA, in sectors of 512 bytes, of the part of boot.img
 * that follows the CD's 2048 bytes. On a disk that LBA is 1. For an ISO, xorriso --grub2-mbr writes it, and it is 64 or
 * more, because the sectors below 64 belong to no file. Stage 1 tells STAGE1_DISK from STAGE1_ISO_ON_DISK by this.
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

/* Paths of the blob and the options on an ISO 9660 medium. The options are one line of text; the file may be missing. */
#define ISO_BLOB_PATH "/segue/blob"
#define ISO_OPTIONS_PATH "/segue/options"

#endif
