/* SPDX-License-Identifier: MIT */
/* The files to start, from wherever they came. */
#ifndef STANDALONE_PARTS_H
#define STANDALONE_PARTS_H

#include "room.h"

struct parts {
	struct segue_part *parts;     /* [0] the blob, then the modules */
	size_t count;
	const char *cmdline;          /* the target's; NULL: what the blob brings */
	const uint8_t *digest;        /* 32 bytes; NULL: what the blob brings */
};

/* Those that a Multiboot loader has brought: one at least. Refuses where there is no memory for the list of them. */
void parts_from_modules(struct room *room, struct parts *parts);

#endif
