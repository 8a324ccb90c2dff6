/* SPDX-License-Identifier: MIT */
/* The list of moves, as purgatory executes it. */
#ifndef SEGUE_LIST_H
#define SEGUE_LIST_H

#include "plan/plan.h"
#include "purgatory/purgatory.h"

/* A page of the list: LIST_MOVES moves, then a LINK to the next page. */
#define LIST_MOVES (PURGATORY_PAGE / sizeof(struct segue_move) - 1)
struct list_page {
	struct segue_move moves[LIST_MOVES];
	struct segue_move link;
	uint8_t pad[PURGATORY_PAGE - (LIST_MOVES + 1) * sizeof(struct segue_move)];
};
_Static_assert(sizeof(struct list_page) == PURGATORY_PAGE, "a page");

#endif
