/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_LINUX_HIGH_H
#define SEGUE_LINUX_HIGH_H

#include "common/loader.h"

/*
 * The lowest or highest address above 4 GiB for size bytes, on a page and at most place->max, that no segment claims and no part lies
 * in: a move to one that meets a source might have to be made in an order, which high.asm does not keep. place->min is below 4 GiB.
 */
#if ADDRESS_MAX > UINT32_MAX
bool segue_linux_find_high(const struct job *job, addr_t size, const struct place *place, addr_t *at);
#else
#define segue_linux_find_high(job, size, place, at) false
#endif

#endif
