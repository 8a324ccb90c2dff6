/* SPDX-License-Identifier: MIT */
/*
 * Which workspaces hold a target: the library's only state, in its .bss. RAM survives a warm reset, and memory that was never
 * cleared may hold anything, the magic numbers of an earlier boot's target too. So nothing in a workspace is believed
 * before its address stands here. The gates read it (leave.inc).
 */
#ifndef SEGUE_KNOWN_H
#define SEGUE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

#define KNOWN_WORKSPACES 8u

struct known {
	/* The one that was loaded last is the first; NULLs at the end. No entry is ever missing while others move. */
	const void *volatile workspaces[KNOWN_WORKSPACES];
	uint32_t serial;              /* I/O port that the last load was told of, for the gates' refusals; 0: none */
};
extern struct known segue_known SEGUE_HIDDEN;

/* One segue_load() at a time: false while another is under way, on this CPU or not. */
bool segue_begin(void);
void segue_end(void);

void segue_know(const void *workspace, uint32_t serial);
void segue_forget(const void *workspace);

#endif
