/* SPDX-License-Identifier: MIT */
/* What purgatory quiets for a target: SEGUE_LOAD_QUIET_* of segue.h become what devices.asm reads. */
#ifndef SEGUE_QUIET_H
#define SEGUE_QUIET_H

#include "common/loader.h"

/*
 * Where purgatory will put the screen into text mode, the target is told of that and of nothing else: job->machine
 * becomes one that has no other. Refuses when the workspace is too small.
 */
int segue_foresee_screen(struct job *job);

/* Writes params.quiet and struct purgatory_devices into the workspace, where purgatory lies by then. */
void segue_write_quiet(const struct job *job);

#endif
