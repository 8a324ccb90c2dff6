/* SPDX-License-Identifier: MIT */
/* The files to start, from any source. */
#ifndef STANDALONE_PARTS_H
#define STANDALONE_PARTS_H

#include "room.h"

struct parts {
	struct segue_part *parts;     /* [0] the blob, then the modules */
	size_t count;
	const char *cmdline;          /* the target's; NULL: the blob's */
	const uint8_t *digest;        /* 32 bytes; NULL: the blob's */
};

/* Takes a Multiboot loader's modules, at least one. Refuses if there is no memory for their list. */
void parts_from_modules(struct room *room, struct parts *parts);

#endif
