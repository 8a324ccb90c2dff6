/* SPDX-License-Identifier: MIT */
/* The partition of a disk that `segue disk` made. For segue.elf and the segue command. */
#ifndef STANDALONE_PARTITION_H
#define STANDALONE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#define PARTITION_SECTOR 512u

struct partition {
	uint64_t sector;              /* the blob's first */
	uint64_t size;                /* of the blob, seal included, in bytes */
	uint64_t end;                 /* past the partition's last sector */
	uint32_t version;             /* of its header */
	const char *options;          /* DISK_OPTIONS_SIZE bytes, until the next sector is read */
};

/* Reads a sector of PARTITION_SECTOR bytes. This overwrites the sector returned before. NULL: it cannot be read. */
typedef const uint8_t *partition_reader(void *disk, uint64_t sector);

/* NULL, or the reason of a refusal: one of these, or another sentence. */
extern const char partition_no_table[], partition_none[], partition_other_version[];
const char *partition_find(partition_reader *read, void *disk, struct partition *found);

#endif
