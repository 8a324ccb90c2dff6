/* SPDX-License-Identifier: MIT */
/* What blobs may be wrapped in. The order in which the rules are asked is in open.c. */
#ifndef SEGUE_CONTAINER_H
#define SEGUE_CONTAINER_H

#include "container/bundle_reader.h"

int segue_open_bundle(struct arena *arena, struct bundle *bundle, const struct bytes *blob);
int segue_open_fiwix(const struct log *log, struct bundle *bundle, const struct bytes *blob);

/*
 * One more module, zeroed; refuses and returns NULL if there is no room. They are an array because
 * nothing else is taken from the arena while a blob is opened.
 */
struct member *segue_add_module(struct arena *arena, struct bundle *bundle);

#endif
