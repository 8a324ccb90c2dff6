/* SPDX-License-Identifier: MIT */
/* What segue_call() keeps in the workspace, after struct crossing. */
#ifndef SEGUE_CALL_STATE_H
#define SEGUE_CALL_STATE_H

#include "return/return_page.h"

struct call_state {
	uintptr_t leave_pointer;      /* what is at LEAVE_POINTER_AT */
	uint32_t entries;             /* times that the target has been entered */
	/* Parameters of purgatory that a crossing changes. */
	uint32_t quiet;
	uint16_t flags;
};
_Static_assert(RETURN_STATE_AT + sizeof(struct call_state) <= RETURN_MSRS_AT, "return_page.h");

#endif
