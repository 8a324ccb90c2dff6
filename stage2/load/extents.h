/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_EXTENTS_H
#define SEGUE_EXTENTS_H

#include "common/loader.h"

/* Makes the extents of a part that has none, by translate(). They are in the arena. */
int segue_make_extents(struct job *job, struct segue_part *part, uint32_t index);

#endif
