/* SPDX-License-Identifier: MIT */
/* What the host (hosts/calls.c) and the target (targets/call) say to each other: word number count of each. */
#ifndef CALL_RULES_H
#define CALL_RULES_H

#include <stdint.h>

static inline uint32_t host_word(uint32_t count)
{
	return count * 0x9e3779b1u + 0x1234567u;
}

static inline uint32_t target_word(uint32_t count, uint32_t host)
{
	return (count * 0x85ebca6bu) ^ (host >> 7 | host << 25) ^ 0x5a5a5a5au;
}

#endif
