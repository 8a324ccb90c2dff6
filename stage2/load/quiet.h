/* SPDX-License-Identifier: MIT */
/* Translates SEGUE_LOAD_QUIET_* of segue.h to the parameters of devices.asm. */
#ifndef SEGUE_QUIET_H
#define SEGUE_QUIET_H

#include "common/loader.h"

/*
 * If purgatory will set text mode, the target must be told of that screen only: replaces job->machine by a copy that has no
 * other screen. Refuses if the workspace is too small.
 */
int segue_foresee_screen(struct job *job);

/* Writes params.quiet and struct purgatory_devices to the workspace, after purgatory was copied there. */
void segue_write_quiet(const struct job *job);

#endif
