/* SPDX-License-Identifier: MIT */
/* Files on an ISO 9660 medium (ECMA-119), by their path. For segue.elf and the segue command. */
#ifndef STANDALONE_ISO9660_H
#define STANDALONE_ISO9660_H

#include <stdint.h>

#define ISO_BLOCK 2048u

struct iso {
	/* Reads block number block. This overwrites the block returned before. NULL: it cannot be read. */
	const uint8_t *(*read)(const struct iso *iso, uint64_t block);
	void *medium;                 /* read's */
	const char *path;             /* that is looked for */
	uint32_t blocks;              /* of the file system; 0: not known yet */
};

struct iso_file {
	uint32_t block;               /* the first one */
	uint32_t size;                /* bytes */
};

/*
 * Finds the file at path, "/folder/name". Upper and lower case match, and "name;1", "name." and "name.;1" match
 * "name". NULL, or the reason: iso_none if the medium has no such file system, iso_missing if there is no such name, else
 * another sentence.
 */
extern const char iso_none[], iso_missing[];
const char *iso_find(struct iso *iso, const char *path, struct iso_file *file);

#endif
