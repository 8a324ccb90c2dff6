/* SPDX-License-Identifier: MIT */
/* The formats that a blob may be packed in. open.c says in which order they are tried. */
#ifndef SEGUE_CONTAINER_H
#define SEGUE_CONTAINER_H

#include <stdbool.h>
#include "container/bundle_reader.h"
#include "segue.h"

/* Of the first that recognises a blob, open() sets all of the bundle but its container. */
struct segue_container {
	const char *name;
	bool (*recognise)(const struct bytes *blob);
	int (*open)(struct arena *arena, struct bundle *bundle, const struct bytes *blob);
};

extern const struct segue_container *const segue_containers[] SEGUE_HIDDEN;

/*
 * Appends a zeroed module. Refuses and returns NULL if there is no room. The modules form one array, because nothing
 * else is taken from the arena while a blob is opened.
 */
struct member *segue_add_module(struct arena *arena, struct bundle *bundle);

#endif
