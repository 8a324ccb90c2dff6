/* SPDX-License-Identifier: MIT */
/*
 * Exchanges in place, for memory that is too full to set bytes aside: plan/plan_exchange.c. The replay comes with them, because
 * they are the part of the planner that is hardest to get right.
 */
#include "load/arrangement.h"

const struct segue_load_extra segue_extra_exchange = {
	.exchange = segue_plan_exchange, .replay = segue_replay_plan, .replay_memory = segue_replay_plan_memory,
};
