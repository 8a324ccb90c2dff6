/* SPDX-License-Identifier: MIT */
/* Images that `segue iso` and `segue disk` have made, seen as what holds a blob. */
#ifndef SEGUE_MEDIA_FILE_H
#define SEGUE_MEDIA_FILE_H

#include "disk.h"

struct media {
	const char *kind;             /* "ISO", "disk image", or "": the file is none of them */
	uint64_t blob_at, blob_size;  /* bytes */
	const char *options;          /* of segue.elf; "": none. They last until the next image is looked at */
};

/* Looks at the first bytes only. Complains and returns false if the file cannot be read or contradicts itself. */
bool media_look(const char *path, struct media *media);

/* The blob of an image, or else what file_read_kernel() reads. Complains and returns false. */
bool media_read_blob(const char *path, struct file *file, struct media *media);

#endif
