/* SPDX-License-Identifier: MIT */
/*
 * What purgatory's mover does, in C: the words of stage2/plan.h, byte by byte.
 * Addresses are this program's own.
 */
#ifndef SEGUE_TEST_EXECUTOR_MODEL_H
#define SEGUE_TEST_EXECUTOR_MODEL_H

#include "plan.h"

void executor_model(const struct segue_move *list);

#endif
