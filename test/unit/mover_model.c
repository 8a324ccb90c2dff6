/* SPDX-License-Identifier: MIT */
/*
 * Compares purgatory's mover with its C model: moves of every kind with random sizes, alignments and overlaps, single and in
 * linked lists. A 32-bit program, like the mover. A COPY always runs in the direction that does not overwrite bytes before
 * they are read; the planner makes no other.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "executor_model.h"

#define MEMORY 12288u
#define MOVES_MAX 12u

static unsigned char memory[MEMORY], before[MEMORY], expected[MEMORY];
static struct segue_move lists[2][MOVES_MAX + 1];
static unsigned long passed, failed;
static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* True if it returns with DF clear. */
static bool execute(const struct segue_move *first)
{
	uint32_t flags;

	__asm__ volatile(
		"push %%ebp\n\tpush %%ebx\n\tcall segue_purgatory_move\n\t"
		"pushf\n\tpop %0\n\tcld\n\tpop %%ebx\n\tpop %%ebp"
		: "=&a"(flags), "+S"(first)
		: : "ecx", "edx", "edi", "memory", "cc");
	return (flags & 0x400) == 0;
}

static struct segue_move random_move(uint32_t most)
{
	uint32_t size = 1 + chance(chance(3) ? (most > 40 ? 40 : most) : most);
	uint32_t src = chance(MEMORY - size + 1), dst = chance(MEMORY - size + 1);
	struct segue_move move = { .size = size, .op = 1 + chance(5) };

	/* Half of the time the addresses are near each other. */
	if (chance(2)) {
		uint32_t near = chance(2) ? chance(8) : chance(2 * size);

		if (chance(2) && src + near + size <= MEMORY)
			dst = src + near;
		else if (src >= near)
			dst = src - near;
	}
	if (move.op == SEGUE_MOVE_COPY_UP && dst > src && dst - src < size)
		move.op = SEGUE_MOVE_COPY_DOWN;
	else if (move.op == SEGUE_MOVE_COPY_DOWN && dst <= src)
		move.op = SEGUE_MOVE_COPY_UP;
	move.dst = (uintptr_t)memory + dst;
	move.src = move.op == SEGUE_MOVE_ZERO ? 0 : (uintptr_t)memory + src;
	return move;
}

static void check(uint32_t moves, uint32_t most)
{
	uint32_t half = moves / 2, n = 0;
	bool flags;

	for (uint32_t i = 0; i < MEMORY; i++)
		memory[i] = (unsigned char)chance(256);
	memcpy(before, memory, MEMORY);
	/* Two runs of entries, the first linked to the second. */
	for (uint32_t i = 0; i < half; i++)
		lists[0][n++] = random_move(most);
	lists[0][n] = (struct segue_move){ .dst = (uintptr_t)lists[1], .op = SEGUE_MOVE_LINK };
	for (n = 0; n < moves - half; n++)
		lists[1][n] = random_move(most);
	lists[1][n] = (struct segue_move){ .op = SEGUE_MOVE_END };

	executor_model(lists[0]);
	memcpy(expected, memory, MEMORY);
	memcpy(memory, before, MEMORY);
	flags = execute(lists[0]);
	if (flags && memcmp(memory, expected, MEMORY) == 0) {
		passed++;
		return;
	}
	if (failed++ < 5) {
		printf("FAILED: %s\n", flags ? "other bytes than the model's" : "DF is set");
		for (uint32_t l = 0; l < 2; l++)
			for (const struct segue_move *m = lists[l]; m->op != SEGUE_MOVE_END && m->op != SEGUE_MOVE_LINK; m++)
				printf("  op %u dst %u src %u size %u\n", (unsigned)m->op, (unsigned)(m->dst - (uintptr_t)memory),
					(unsigned)(m->src - (uintptr_t)memory), (unsigned)m->size);
	}
}

int main(void)
{
	for (uint32_t i = 0; i < 60000; i++)
		check(1, i % 8 ? 300 : MEMORY / 2);
	for (uint32_t i = 0; i < 20000; i++)
		check(1 + chance(MOVES_MAX), 200);
	check(0, 1);
	puts("purgatory's mover against the C model");
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
