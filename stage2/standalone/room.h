/* SPDX-License-Identifier: MIT */
#ifndef STANDALONE_ROOM_H
#define STANDALONE_ROOM_H

#include "boot_info.h"

/*
 * The highest page-aligned run of size bytes of RAM from 1 MiB to 4 GiB that holds no boot
 * information, no module and none of the ranges taken; 0 if there is none.
 */
uint32_t room_find(const struct boot_info *boot, const struct segue_range *taken, size_t taken_count,
	uint32_t size);

#endif
