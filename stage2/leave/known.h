/* SPDX-License-Identifier: MIT */
/*
 * The workspaces in which a target is loaded. RAM survives a warm reset, and memory that was never cleared may contain the
 * magic numbers of an earlier boot's target. So the content of a workspace is used only if its address is listed here, in
 * .bss. The gates read this list too (leave.inc).
 */
#ifndef SEGUE_KNOWN_H
#define SEGUE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

#define KNOWN_WORKSPACES 8u

struct known {
	/* The last loaded comes first; NULLs at the end. The list is shifted so that no entry is ever missing. */
	const void *volatile workspaces[KNOWN_WORKSPACES];
	uint32_t serial;              /* serial port of the last load, for the gates' refusals; 0: none */
};
extern struct known segue_known SEGUE_HIDDEN;

/* Begins a segue_load(). False: another one is in progress, on this CPU or another. */
bool segue_begin(void);
void segue_end(void);

void segue_know(const void *workspace, uint32_t serial);
void segue_forget(const void *workspace);

#endif
