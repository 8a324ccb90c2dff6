/* SPDX-License-Identifier: MIT */
/*
 * What stage 1 passes to segue.elf: EAX is STAGE1_MAGIC, EBX the address of this structure. It lies below
 * 1 MiB, in memory that stage 2 may use again once it has read it. Otherwise the machine is as a Multiboot
 * loader would leave it: flat 32-bit segments, paging and interrupts off, A20 on. Laid out as struc stage1
 * in stage1.inc, where the map of the first megabyte is, too.
 */
#ifndef STAGE1_H
#define STAGE1_H

#include <stddef.h>
#include <stdint.h>

#define STAGE1_MAGIC 0x31676553u      /* "Seg1" */

/* What the firmware has started. */
enum stage1_medium {
	STAGE1_CD = 1,                /* El Torito, no emulation: sectors of 2048 bytes */
	STAGE1_DISK = 2,              /* the MBR of a disk that `segue disk` made: the blob is in a partition */
	STAGE1_ISO_ON_DISK = 3        /* the MBR of an ISO written to a disk or stick: sectors of 512 bytes */
};

struct stage1 {
	uint32_t size;                /* of this structure */
	uint32_t medium;              /* enum stage1_medium */
	uint32_t drive;               /* as the BIOS passed it in DL */
	uint32_t a20_was_shut;        /* 1: A20 was off when the firmware started stage 1 */
};
_Static_assert(sizeof(struct stage1) == 16, "stage1.inc: stage1_size");
_Static_assert(offsetof(struct stage1, medium) == 4, "stage1.inc: stage1.medium");
_Static_assert(offsetof(struct stage1, drive) == 8, "stage1.inc: stage1.drive");
_Static_assert(offsetof(struct stage1, a20_was_shut) == 12, "stage1.inc: stage1.a20_was_shut");

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
_Static_assert(offsetof(struct disk_header, blob_size) == 8, "stage1.h");
_Static_assert(offsetof(struct disk_header, header_size) == 16, "stage1.h");
_Static_assert(offsetof(struct disk_header, version) == 20, "stage1.h");
_Static_assert(offsetof(struct disk_header, options) == 24, "stage1.h");

/* Where stage 2 looks for them on an ISO 9660 medium; the options (one line of text) may be missing. */
#define ISO_BLOB_PATH "/segue/blob"
#define ISO_OPTIONS_PATH "/segue/options"

/*
 * The seal: the last 32 bytes of a blob on an image, so that what was read is known to be what was written.
 * A blob without one is started unchecked, with a sentence that says so.
 *
 * The bytes before the seal, with zeros up to a multiple of SEAL_SECTOR, are little-endian words of 32 bits.
 * sum is the sum of all of them; sum_of_sums adds up what sum is after each sector of SEAL_SECTOR bytes, so that
 * sectors in the wrong order do not pass. Both modulo 2^32.
 */
#define SEAL_MAGIC "SegueSeal 1\n"    /* 12 bytes without the NUL */
#define SEAL_SECTOR 2048u
struct seal {
	uint8_t magic[12];
	uint8_t size[8];              /* bytes before the seal */
	uint8_t sum[4];
	uint8_t sum_of_sums[4];
	uint8_t zero[4];
};
_Static_assert(sizeof(struct seal) == 32, "stage1.h");
_Static_assert(offsetof(struct seal, size) == 12, "stage1.h");
_Static_assert(offsetof(struct seal, sum) == 20, "stage1.h");
_Static_assert(offsetof(struct seal, sum_of_sums) == 24, "stage1.h");

#endif
