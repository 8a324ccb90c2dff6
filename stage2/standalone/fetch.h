/* SPDX-License-Identifier: MIT */
/* The blob, from the medium to where its pieces should end up. */
#ifndef STANDALONE_FETCH_H
#define STANDALONE_FETCH_H

#include "media.h"
#include "parts.h"

/*
 * Reads the blob: a bundle, a Fiwix blob, or a kernel as it is (loaders/container/open.c). The pieces of the first two
 * become parts of their own: the kernel, then the initrd, then the modules in their order; so segue_load() makes
 * of them what it would make of the blob, and purgatory has little to move. What cannot be read, does not match its
 * seal, is no bundle though it begins as one, or does not fit into memory, is refused.
 */
void fetch_parts(struct media *media, struct room *room, struct parts *parts);

#endif
