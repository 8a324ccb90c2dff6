/* SPDX-License-Identifier: MIT */
/* Exchanges in place, for memory that is too full to set bytes aside: plan/plan_exchange.c. */
#include "load/arrangement.h"

const struct segue_load_extra segue_extra_exchange = {.exchange = segue_plan_exchange};
