/* SPDX-License-Identifier: MIT */
/* A growing buffer of bytes. */
#ifndef SEGUE_OUTPUT_H
#define SEGUE_OUTPUT_H

#include "disk.h"

struct output {
	uint8_t *data;                /* allocated; the caller frees it */
	size_t size, room;
	unsigned inode;               /* of the last member, if the output is a cpio archive */
};

void put(struct output *out, const void *data, size_t size);
/* Appends zeros up to a multiple of align. */
void pad(struct output *out, size_t align);

#endif
