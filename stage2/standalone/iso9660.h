/* SPDX-License-Identifier: MIT */
/* Files on an ISO 9660 medium (ECMA-119), by their path. */
#ifndef STANDALONE_ISO9660_H
#define STANDALONE_ISO9660_H

#include "media.h"

struct iso_file {
	uint32_t block;               /* the first one */
	uint32_t size;                /* bytes */
};

/*
 * Finds the file at path, "/folder/name". Upper and lower case match, and "name;1", "name." and "name.;1" match
 * "name". NULL, or the reason: iso_missing if there is no such name, else another sentence.
 */
extern const char iso_missing[];
const char *iso_find(struct media *media, const char *path, struct iso_file *file);

#endif
