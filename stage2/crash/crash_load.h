/* SPDX-License-Identifier: MIT */
/* What segue_load() does for a crash: blocks/block_crash.c calls these. */
#ifndef SEGUE_CRASH_LOAD_H
#define SEGUE_CRASH_LOAD_H

#include "common/loader.h"

/* Checks the arguments, writes the notes, and finds what is saved into staging. Refuses with SEGUE_E_CRASH, SEGUE_E_STAGING. */
int segue_crash_prepare(struct job *job);
/* Tells Linux to use one CPU, since what the others do is not known. */
int segue_crash_tell(struct job *job);

#endif
