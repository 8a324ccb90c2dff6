/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_PURGATORY_PARAMS_H
#define SEGUE_PURGATORY_PARAMS_H

#include "common/loader.h"

/* Where purgatory and its list will run, and where the list is until then. */
struct housing {
	addr_t home;
	uint32_t pages;               /* of purgatory */
	uint32_t all_pages;           /* with the page of high.asm */
	addr_t tables;                /* a page for high.asm; 0: no source is above 4 GiB */
	addr_t list;                  /* of its first page */
	addr_t list_source;
	uint32_t list_pages;
};

/* May purgatory run at home? */
bool segue_is_good_home(const struct job *job, addr_t home, uint32_t pages);

/* Copies purgatory and its blocks to the workspace, and fills in their parameters (purgatory.h). */
void segue_write_purgatory(const struct job *job, const struct housing *housing);

#endif
