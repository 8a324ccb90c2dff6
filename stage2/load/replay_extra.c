/* SPDX-License-Identifier: MIT */
/* The replay without exchanges: check_plan.c. */
#include "load/arrangement.h"

const struct segue_load_extra segue_extra_replay = {.replay = segue_replay_plan, .replay_memory = segue_replay_plan_memory};
