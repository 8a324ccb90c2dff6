/* SPDX-License-Identifier: MIT */
/*
 * Exchanges in place, for memory that is too full to set bytes aside: plan/plan_exchange.c. They write to sources, and only the
 * replay checks that the host does not keep these.
 */
#include "load/arrangement.h"

const struct segue_load_extra segue_extra_exchange = {
	.exchange = segue_plan_exchange, .replay = segue_replay_plan, .replay_memory = segue_replay_plan_memory,
};
