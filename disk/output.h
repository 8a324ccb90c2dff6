/* SPDX-License-Identifier: MIT */
/* Bytes that grow at their end. */
#ifndef SEGUE_OUTPUT_H
#define SEGUE_OUTPUT_H

#include "disk.h"

struct output {
	uint8_t *data;                /* allocated; free(data) ends it */
	size_t size, room;
	unsigned inode;               /* of the last member, where it is a cpio archive */
};

void put(struct output *out, const void *data, size_t size);
/* Zeros up to a multiple of align. */
void pad(struct output *out, size_t align);

#endif
