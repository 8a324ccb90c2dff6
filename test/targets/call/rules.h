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

/*
 * With the word core: the host's word is the physical address of this, which the target finds through the core header. It answers
 * with the sum of the host's memory. Ranges that change during the call are left out.
 */
#define CORE_MAGIC 0x45524f43u
#define CORE_RANGES 6u
struct core_question {
	uint32_t magic;
	uint32_t count;               /* of the call */
	uint64_t direct, direct_end;  /* virtual: where all of the host's memory is mapped */
	struct {
		uint32_t start, end;
	} left_out[CORE_RANGES];      /* empty ones at the end */
};

/* What some bytes of the dword at this address add to the sum; the others are 0. */
static inline uint32_t core_part(uint32_t address, uint32_t dword)
{
	return dword * ((address >> 2) * 0x9e3779b1u | 1u);
}

/* The sum of [start, end), whose bytes are at bytes. The address and the place have the same lowest bits. */
static inline uint32_t core_sum(const uint8_t *bytes, uint32_t start, uint32_t end)
{
	uint32_t sum = 0;

	for (; start < end && start % 4 != 0; start++)
		sum += core_part(start, (uint32_t)*bytes++ << start % 4 * 8);
	for (; end - start >= 4; start += 4, bytes += 4)
		sum += core_part(start, *(const uint32_t *)(const void *)bytes);
	for (; start < end; start++)
		sum += core_part(start, (uint32_t)*bytes++ << start % 4 * 8);
	return sum;
}

/* The same without what the question leaves out. */
static inline uint32_t core_sum_of(const struct core_question *question, const uint8_t *bytes, uint32_t start, uint32_t end)
{
	uint32_t sum = 0, at = start;

	while (at < end) {
		uint32_t next = end, skip = 0;

		for (uint32_t i = 0; i < CORE_RANGES; i++) {
			uint32_t from = question->left_out[i].start, to = question->left_out[i].end;

			if (from <= at && at < to)
				skip = to < end ? to : end;
			else if (at < from && from < next)
				next = from;
		}
		if (skip == 0)
			sum += core_sum(bytes + (at - start), at, next);
		at = skip ? skip : next;
	}
	return sum;
}

#endif
