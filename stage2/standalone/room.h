/* SPDX-License-Identifier: MIT */
/* Free memory: the map's RAM without the boot information, the modules and the ranges already taken. */
#ifndef STANDALONE_ROOM_H
#define STANDALONE_ROOM_H

#include "boot_info.h"

#define ROOM_FLOOR 0x100000u          /* memory below is used by the firmware and the BIOS */
#define ROOM_CEILING 0x100000000u
#define ROOM_TAKEN_MAX 64             /* adjacent ranges are merged */

struct room {
	const struct boot_info *boot;
	struct segue_range taken[ROOM_TAKEN_MAX]; /* type is not used */
	size_t taken_count;
};

/*
 * The highest page-aligned free run of size bytes within [floor, ceiling); 0 if there is none. The run is in one range of
 * the map.
 */
uint32_t room_find(const struct room *room, uint64_t floor, uint64_t ceiling, uint32_t size);

/* The size of the largest such run, in whole pages. */
uint32_t room_largest(const struct room *room, uint64_t floor, uint64_t ceiling);

/* True if [start, end) is free. */
bool room_is_free(const struct room *room, uint64_t start, uint64_t end);

/* Marks [start, end) as not free. False: the list is full. */
bool room_take(struct room *room, uint64_t start, uint64_t end);

#endif
