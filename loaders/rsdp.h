/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_RSDP_H
#define SEGUE_RSDP_H

#include "common/loader.h"

/*
 * *rsdp receives the RSDP's physical address as the target will find it; 0: unknown. If the host has only a copy, that is placed in
 * a page of its own, of type ACPI in the target's map, so that the target does not use the page. Call it before segue_target_map().
 */
int segue_place_rsdp(struct job *job, uint64_t *rsdp);

#endif
