/* SPDX-License-Identifier: MIT */
/* Reads the blob from the medium to the places of its pieces. */
#ifndef STANDALONE_FETCH_H
#define STANDALONE_FETCH_H

#include "media.h"
#include "parts.h"

/*
 * Reads the blob: a bundle, a Fiwix blob, or a plain kernel (loaders/container/open.c). The pieces of the first two become
 * parts: the kernel, then the initrd, then the modules in their order. segue_load() treats the parts as it would treat
 * the blob, and purgatory has little to move. A blob is refused if it cannot be read, does not match its seal, begins as
 * a bundle but is none, or does not fit into memory.
 */
void fetch_parts(struct media *media, struct room *room, struct parts *parts);

#endif
