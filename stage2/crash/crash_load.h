/* SPDX-License-Identifier: MIT */
/* What segue_load() does for a crash: blocks/block_crash.c calls these. */
#ifndef SEGUE_CRASH_LOAD_H
#define SEGUE_CRASH_LOAD_H

#include "common/loader.h"

struct purgatory_params;

/* Checks the arguments, writes the notes, and finds what is saved into staging. Refuses with SEGUE_E_CRASH, SEGUE_E_STAGING. */
int segue_crash_prepare(struct job *job);
/* Puts the sum of its bytes into each DIGEST of the list: the target may lie in memory for long, and be written over. */
void segue_crash_write(const struct job *job, struct purgatory_params *params);
/* Tells Linux to use one CPU, since what the others do is not known, unless the host says how many. */
int segue_crash_tell(struct job *job);

#endif
