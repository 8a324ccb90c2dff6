/* SPDX-License-Identifier: MIT */
/*
 * The containers that are linked. The table stands alone in an object: the table of a host that links less replaces it
 * (segue.h, and SEGUE_CONTAINERS in segue.mk).
 */
#include "segue.h"

#ifndef SEGUE_CONTAINERS
#define SEGUE_CONTAINER_bundle 1
#define SEGUE_CONTAINER_fiwix 1
#endif

const struct segue_container *const segue_containers[] = {
#ifdef SEGUE_CONTAINER_bundle
	&segue_container_bundle,
#endif
#ifdef SEGUE_CONTAINER_fiwix
	&segue_container_fiwix,
#endif
	NULL
};
