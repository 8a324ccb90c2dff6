/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_PURGATORY_PARAMS_H
#define SEGUE_PURGATORY_PARAMS_H

#include "common/loader.h"

/* Where purgatory and its list will run, and where the list is until then. */
struct housing {
	addr_t home;
	uint32_t pages;               /* of purgatory */
	addr_t tables;                /* a page for high.asm; 0: no source is above 4 GiB */
	addr_t list;                  /* of its first page */
	addr_t list_source;
	uint32_t list_pages;
};

/* How many pages purgatory needs for this target. high: a source is above 4 GiB. */
uint32_t segue_purgatory_pages(const struct job *job, bool high);

/* May purgatory run at home? */
bool segue_is_good_home(const struct job *job, addr_t home, uint32_t pages);

/* Copies purgatory to the workspace and the catcher to its segment, and fills in their parameters (purgatory.h). */
void segue_write_purgatory(const struct job *job, const struct housing *housing);

#endif
