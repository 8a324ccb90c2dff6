/* SPDX-License-Identifier: MIT */
/*
 * Runs purgatory's SHA-256 on the build machine, through the mover, as for a list's DIGEST entries. Reads from stdin for
 * each digest, as u32: whether to use the SHA extensions, the number of runs, their sizes; then their bytes. Writes each
 * digest (32 bytes) to stdout. Exit status 3: the CPU lacks the extensions. With an argument, prints the time in seconds to
 * stderr. test/boot/test_digest.py compares the digests with hashlib's.
 */
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plan/plan.h"
#include "purgatory/purgatory.h"

static struct purgatory_digest state;

static void begin(void)
{
	void *at = &state;

	__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tcall sha256_begin\n\tpop %%ebx\n\tpop %%ebp"
			 : "+D"(at) : : "eax", "ecx", "edx", "esi", "memory", "cc");
}

static void finish(void)
{
	void *at = &state;

	__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tcall sha256_finish\n\tpop %%ebx\n\tpop %%ebp"
			 : "+D"(at) : : "eax", "ecx", "edx", "esi", "memory", "cc");
}

static void execute(const struct segue_move *first)
{
	__asm__ volatile("push %%ebp\n\tpush %%ebx\n\tcall segue_purgatory_move\n\tpop %%ebx\n\tpop %%ebp"
			 : "+S"(first) : : "eax", "ecx", "edx", "edi", "memory", "cc");
}

static bool is_fast(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

static bool read_words(uint32_t *words, size_t count)
{
	return fread(words, sizeof *words, count, stdin) == count;
}

int main(int argc, char **argv)
{
	uint32_t head[2];
	double seconds = 0;

	(void)argv;
	while (read_words(head, 2)) {
		uint32_t count = head[1], *sizes = calloc(count + 1, sizeof *sizes);
		struct segue_move *list = calloc(count + 1, sizeof *list);
		unsigned char **runs = calloc(count + 1, sizeof *runs);
		clock_t began;

		if (!sizes || !list || !runs || !read_words(sizes, count))
			return 1;
		for (uint32_t i = 0; i < count; i++) {
			/* Every alignment, with the allocation's end directly after the bytes. */
			unsigned shift = i & 15;

			runs[i] = malloc(sizes[i] + shift);
			if (!runs[i] || fread(runs[i] + shift, 1, sizes[i], stdin) != sizes[i])
				return 1;
			list[i] = (struct segue_move){
				.dst = (uintptr_t)(runs[i] + shift), .src = (uintptr_t)&state, .size = sizes[i],
				/* Some with a sum, which is nothing to the mover */
				.op = SEGUE_MOVE_DIGEST | i << SEGUE_MOVE_OP_BITS,
			};
		}
		if (head[0] && !is_fast())
			return 3;
		began = clock();
		begin();
		state.fast = head[0] != 0;
		execute(list);
		finish();
		seconds += (double)(clock() - began) / CLOCKS_PER_SEC;
		if (fwrite(state.hash, 1, 32, stdout) != 32)
			return 1;
		for (uint32_t i = 0; i < count; i++)
			free(runs[i]);
		free(runs);
		free(list);
		free(sizes);
	}
	if (argc > 1)
		fprintf(stderr, "%.3f\n", seconds);
	return fflush(stdout) != 0;
}
