/* SPDX-License-Identifier: MIT */
/* Multiboot headers of both versions: 32-bit words, of which the first is the magic and the last makes the sum 0. */
#ifndef FUZZ_MEND_SUM_H
#define FUZZ_MEND_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Gives the first header that begins on a multiple of align below limit the right checksum, because a fuzzer seldom guesses it. */
static inline void mend_sum(uint8_t *kernel, size_t size, uint32_t magic, size_t words, size_t align, size_t limit)
{
	const size_t sum_at = (words - 1) * sizeof magic;

	for (size_t i = 0; i + words * sizeof magic <= size && i < limit; i += align)
		if (!memcmp(kernel + i, &magic, sizeof magic)) {
			uint32_t sum = 0, word;

			for (size_t at = 0; at < sum_at; at += sizeof word) {
				memcpy(&word, kernel + i + at, sizeof word);
				sum -= word;
			}
			memcpy(kernel + i + sum_at, &sum, sizeof sum);
			return;
		}
}

#endif
