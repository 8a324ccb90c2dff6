/* SPDX-License-Identifier: MIT */
/*
 * What segue_load() can do without. The table stands alone in an object: the table of a host that links less replaces it
 * (segue.h, and SEGUE_EXTRAS in segue.mk).
 */
#include "segue.h"

#ifndef SEGUE_EXTRAS
#define SEGUE_EXTRA_exchange 1
#define SEGUE_EXTRA_replay 1
#define SEGUE_EXTRA_translate 1
#endif

const struct segue_load_extra *const segue_load_extras[] = {
#ifdef SEGUE_EXTRA_exchange
	&segue_extra_exchange,
#endif
#ifdef SEGUE_EXTRA_replay
	&segue_extra_replay,
#endif
#ifdef SEGUE_EXTRA_translate
	&segue_extra_translate,
#endif
	NULL
};
