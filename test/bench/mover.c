/* SPDX-License-Identifier: MIT */
/*
 * Purgatory's mover against the C library on the same buffers: bytes a second
 * of the one over those of the other, so more than 1 is faster. 32-bit, the
 * mover's own machine code.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/plan.h"

#define MEGABYTE 0x100000u

static void execute(const struct segue_move *list)
{
	__asm__ volatile(
		"push %%ebp\n\tpush %%ebx\n\tcall segue_purgatory_move\n\tpop %%ebx\n\tpop %%ebp\n\tcld"
		: "+S"(list) : : "eax", "ecx", "edx", "edi", "memory", "cc");
}

/* What the library offers for the same work; it has nothing for SWAP but three copies. */
static void library(const struct segue_move *move)
{
	static unsigned char third[65536];
	unsigned char *dst = (unsigned char *)(uintptr_t)move->dst, *src = (unsigned char *)(uintptr_t)move->src;

	switch (move->op) {
	case SEGUE_MOVE_ZERO:
		memset(dst, 0, move->size);
		break;
	case SEGUE_MOVE_SWAP_UP:
	case SEGUE_MOVE_SWAP_DOWN:
		for (uint32_t at = 0; at < move->size; at += sizeof(third)) {
			uint32_t size = move->size - at < sizeof(third) ? move->size - at : (uint32_t)sizeof(third);

			memcpy(third, dst + at, size);
			memcpy(dst + at, src + at, size);
			memcpy(src + at, third, size);
		}
		break;
	default:
		memmove(dst, src, move->size);
	}
	__asm__ volatile("" : : : "memory");
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The fastest of some turns, in bytes a second; each turn is about 4 ms. */
static double rate(const struct segue_move *list, bool ours)
{
	uint32_t repeat = 1;
	double best = 0, seconds;

	for (uint32_t turn = 0; turn < 12; turn++) {
		double start = now();

		for (uint32_t i = 0; i < repeat; i++) {
			if (ours)
				execute(list);
			else
				library(list);
		}
		seconds = now() - start;
		if (seconds < 0.003 && repeat < 1000000) {
			repeat *= 2;
			turn--;
			continue;
		}
		if (repeat * (double)list->size / seconds > best)
			best = repeat * (double)list->size / seconds;
	}
	return best;
}

int main(void)
{
	static const struct {
		const char *name;
		uint32_t op, dst, src; /* dst and src after the buffer's start; apart where they lie a buffer apart */
		bool apart;
	} cases[] = {
		{ "copy, both aligned", SEGUE_MOVE_COPY_UP, 0, 0, true },
		{ "copy, source + 1", SEGUE_MOVE_COPY_UP, 0, 1, true },
		{ "copy, destination + 3", SEGUE_MOVE_COPY_UP, 3, 0, true },
		{ "copy down in memory by 4096", SEGUE_MOVE_COPY_UP, 0, 4096, false },
		{ "copy down in memory by 1", SEGUE_MOVE_COPY_UP, 0, 1, false },
		{ "copy up in memory by 4096", SEGUE_MOVE_COPY_DOWN, 4096, 0, false },
		{ "copy up in memory by 300", SEGUE_MOVE_COPY_DOWN, 300, 0, false },
		{ "copy up in memory by 1", SEGUE_MOVE_COPY_DOWN, 1, 0, false },
		{ "zero, aligned", SEGUE_MOVE_ZERO, 0, 0, true },
		{ "zero, destination + 1", SEGUE_MOVE_ZERO, 1, 0, true },
		{ "swap, both aligned", SEGUE_MOVE_SWAP_UP, 0, 0, true },
		{ "swap, source + 1", SEGUE_MOVE_SWAP_UP, 0, 1, true },
	};
	static const uint32_t sizes[] = { 64, 4096, 65536, MEGABYTE, 32 * MEGABYTE };
	unsigned char *memory = aligned_alloc(4096, 66 * MEGABYTE);

	if (memory == NULL)
		return 1;
	memset(memory, 1, 66 * MEGABYTE);
	puts("mover: rate over the C library's memmove, memset or (for swap) three memcpy; in brackets the mover's GB/s");
	printf("%-28s", "");
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		printf("%16u", (unsigned)sizes[s]);
	puts("");
	for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		printf("%-28s", cases[c].name);
		for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			uint64_t base = (uintptr_t)memory;
			struct segue_move list[2] = { {
				.dst = base + cases[c].dst,
				.src = cases[c].op == SEGUE_MOVE_ZERO ? 0 : base + cases[c].src + (cases[c].apart ? 33 * MEGABYTE : 0),
				.size = sizes[s], .op = cases[c].op
			}, { .op = SEGUE_MOVE_END } };
			double ours = rate(list, true), theirs = rate(list, false);

			printf("%8.2f [%5.2f]", ours / theirs, ours / 1e9);
			fflush(stdout);
		}
		puts("");
	}
	return 0;
}
