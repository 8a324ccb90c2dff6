/* SPDX-License-Identifier: MIT */
/*
 * The checks of what the host says that are linked. The table stands alone in an object: the table of a host that wants none
 * replaces it (segue.h, and SEGUE_CHECKS in segue.mk).
 */
#include "segue.h"

#ifndef SEGUE_CHECKS
#define SEGUE_CHECK_host 1
#endif

const struct segue_check *const segue_checks[] = {
#ifdef SEGUE_CHECK_host
	&segue_check_host,
#endif
	NULL
};
