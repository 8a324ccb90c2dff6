/* SPDX-License-Identifier: MIT */
/*
 * What the Multiboot loader can do without. The table stands alone in an object: the table of a host that links less replaces it
 * (segue.h, and SEGUE_EXTRAS in segue.mk).
 */
#include "segue.h"

#ifndef SEGUE_EXTRAS
#define SEGUE_EXTRA_sections 1
#endif

const struct segue_multiboot_extra *const segue_multiboot_extras[] = {
#ifdef SEGUE_EXTRA_sections
	&segue_extra_sections,
#endif
	NULL
};
