/* SPDX-License-Identifier: MIT */
/*
 * How the planner and its replay grow: n scattered 4 KiB pages, n from 10^3
 * to 10^6. "apart": sources somewhere in twice the destinations' memory,
 * cycles broken in 64 free pages; "full": sources and destinations are the
 * same pages in another order and no byte is free.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plan/plan.h"
#include "plan/replay.h"

#define PAGE 4096u

static struct segue_move *list;
static uint32_t list_count;
static uint64_t seed = 0x9e3779b97f4a7c15;

static void die(const char *what)
{
	fprintf(stderr, "planner bench: %s\n", what);
	exit(1);
}

static void *room(size_t size)
{
	void *memory = malloc(size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed % below);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int emit(void *context, const struct segue_move *move)
{
	const uint32_t *most = context;

	if (list_count == *most)
		return 1;
	list[list_count++] = *move;
	return 0;
}

static struct plan_copy *scatter(uint32_t n, uint32_t among)
{
	struct plan_copy *copies = room(n * sizeof(*copies));
	uint32_t *order = room(among * sizeof(*order));

	for (uint32_t i = 0; i < among; i++) {
		uint32_t other = chance(i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (uint32_t i = 0; i < n; i++)
		copies[i] = (struct plan_copy){ (uint64_t)(i + 256) * PAGE, (uint64_t)(order[i] + 256) * PAGE, PAGE };
	free(order);
	return copies;
}

static double measure(const char *name, uint32_t n, uint32_t free_pages, uint32_t among, double last)
{
	struct plan_copy *copies = scatter(n, among);
	struct plan_range range = { PAGE, PAGE + free_pages * PAGE }, everything = { 0, UINT64_MAX };
	uint32_t most = 2 * n + 16;
	struct plan_input input = {
		.copies = copies, .copy_count = n, .free = &range, .free_count = free_pages != 0,
		.memory_size = segue_plan_memory(n, 0, 1), .emit = emit, .context = &most
	};
	struct plan_result result;
	struct replay_input check = { .copies = copies, .copy_count = n, .writable = &everything, .writable_count = 1 };
	struct replay_result where;
	struct replay replay;
	double best = 1e9, start, seconds;

	list = room(most * sizeof(*list));
	input.memory = room(input.memory_size);
	for (uint32_t turn = 0; turn < (n > 100000 ? 3 : 9); turn++) {
		struct plan_range fresh = range;

		input.free = &fresh;
		list_count = 0;
		start = now();
		if (segue_plan(&input, &result) != PLAN_OK)
			die("no plan");
		seconds = now() - start;
		if (seconds < best)
			best = seconds;
	}
	free(input.memory);

	check.memory_size = segue_replay_memory(n, 0, 1, list_count);
	check.memory = room(check.memory_size);
	start = now();
	segue_replay_begin(&replay, &check, &where);
	for (uint32_t i = 0; i < list_count; i++)
		segue_replay_move(&replay, &list[i]);
	if (segue_replay_end(&replay) != REPLAY_OK)
		die("the replay refuses");
	seconds = now() - start;
	free(check.memory);
	free(list);
	free(copies);

	printf("%-6s %8u %9.4f %7.1f ", name, n, best, 1e9 * best / n);
	if (last > 0)
		printf("%7.1f", best / last);
	else
		printf("%7s", "");
	printf(" %9.4f %9u %7.3f %7.3f %9.1f %9.1f\n", seconds, result.moves,
		(double)result.moved / (double)result.payload, (double)result.aside / (double)result.payload,
		(double)result.memory_used / n, (double)input.memory_size / n);
	return best;
}

int main(void)
{
	double last;

	puts("planner: scattered 4 KiB pages, CPU seconds; growth is over a tenth of the pages (n log n: 11 to 13)");
	printf("%-6s %8s %9s %7s %7s %9s %9s %7s %7s %9s %9s\n", "", "pages", "plan s", "ns/page", "growth", "replay s",
		"moves", "moved", "aside", "B/page", "reserved");
	last = 0;
	for (uint32_t n = 1000; n <= 1000000; n *= 10)
		last = measure("apart", n, 64, 2 * n, last);
	last = 0;
	for (uint32_t n = 1000; n <= 1000000; n *= 10)
		last = measure("full", n, 0, n, last);
	puts("moved, aside: bytes, over the bytes whose place changes; B/page: arena used, reserved: asked for, a page");
	return 0;
}
