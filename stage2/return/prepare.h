/* SPDX-License-Identifier: MIT */
/* What segue_load() does for a target that comes back: blocks/block_return.c calls these. */
#ifndef SEGUE_PREPARE_H
#define SEGUE_PREPARE_H

#include "common/loader.h"
#include "purgatory/purgatory.h"

/* Takes the return area, finds the saves, and lists the exchanges. */
int segue_return_prepare(struct job *job);
/* Tells the target the return address on its command line. */
int segue_return_tell(struct job *job);
/*
 * Gives what no segment covers of the target's memory a segment of its own: the host's bytes, which then stay, or zeros with
 * SEGUE_LOAD_CLEAR. Gives the target a stack with the return address.
 */
int segue_return_fill(struct job *job);
/* Fills in the return page, and segue_call()'s gate. */
void segue_return_write(const struct job *job, struct purgatory_params *params);

#endif
