/* SPDX-License-Identifier: MIT */
/*
 * How the planner and its replay grow: n scattered 4 KiB pages, n from 10^3
 * to 10^6. "apart": sources somewhere in twice the destinations' memory,
 * cycles broken in 64 free pages; "full": sources and destinations are the
 * same pages in another order and no byte is free.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static const struct segue_move *entry(const void *context, uint32_t index)
{
	(void)context;
	return &list[index];
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

/* CPU seconds. */
struct times {
	double plan, replay;
};

static void replay(const struct plan_copy *copies, uint32_t n, void *memory, size_t size)
{
	struct replay r;

	segue_replay_begin(&r, memory, size);
	/* One segment, as segue_load() tells of it. */
	segue_replay_allow(&r, copies[0].dst, copies[n - 1].dst + PAGE);
	segue_replay_allow(&r, PAGE, 256 * PAGE);
	segue_replay_moves(&r, entry, NULL, list_count);
	for (uint32_t i = 0; i < n; i++)
		segue_replay_check(&r, i, copies[i].dst, PAGE, copies[i].src);
	if (r.status != REPLAY_OK)
		die("the replay refuses");
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static void show_time(double seconds, uint32_t n, double last)
{
	printf(" %8.4f %7.1f", seconds, 1e9 * seconds / n);
	if (last > 0)
		printf(" %6.1f", seconds / last);
	else
		printf(" %6s", "");
}

static struct times measure(const char *name, uint32_t n, uint32_t free_pages, uint32_t among, struct times last)
{
	struct plan_copy *copies = scatter(n, among);
	struct plan_range range = { PAGE, PAGE + free_pages * PAGE };
	uint32_t most = 2 * n + 16;
	size_t size = segue_replay_memory(2 * n + 1, most);
	struct plan_input input = {
		.copies = copies, .copy_count = n, .free = &range, .free_count = free_pages != 0,
		.memory_size = segue_plan_memory(n, 0, 1), .emit = emit, .context = &most,
		.exchange = segue_plan_exchange
	};
	struct plan_result result;
	struct times best = { 1e9, 1e9 };

	list = room(most * sizeof(*list));
	if (size < input.memory_size)
		size = input.memory_size;
	/* A workspace is there before it is used. */
	input.memory = room(size);
	memset(input.memory, 1, size);
	for (uint32_t turn = 0; turn < (n > 100000 ? 3 : 9); turn++) {
		double start = now(), middle;

		list_count = 0;
		if (segue_plan(&input, &result) != PLAN_OK)
			die("no plan");
		middle = now();
		best.plan = least(best.plan, middle - start);
		replay(copies, n, input.memory, size);
		best.replay = least(best.replay, now() - middle);
	}
	free(input.memory);
	free(list);
	free(copies);

	printf("%-6s %8u", name, n);
	show_time(best.plan, n, last.plan);
	show_time(best.replay, n, last.replay);
	show_time(best.plan + best.replay, n, last.plan + last.replay);
	printf(" %6.2f %8u %6.3f %6.3f %7.1f %9.1f\n", best.replay / best.plan, result.moves,
		(double)result.moved / (double)result.payload, (double)result.aside / (double)result.payload,
		(double)result.memory_used / n, (double)input.memory_size / n);
	return best;
}

static void measure_decades(const char *name, uint32_t free_pages, uint32_t spread)
{
	struct times last = { 0, 0 };

	for (uint32_t n = 1000; n <= 1000000; n *= 10)
		last = measure(name, n, free_pages, spread * n, last);
}

int main(void)
{
	puts("planner: scattered 4 KiB pages, CPU seconds; growth is over a tenth of the pages (n log n: 11 to 13)");
	printf("%-6s %8s %8s %7s %6s %8s %7s %6s %8s %7s %6s %6s %8s %6s %6s %7s %9s\n", "", "pages", "plan s", "ns/page", "growth",
		"replay s", "ns/page", "growth", "both s", "ns/page", "growth", "ratio", "moves", "moved", "aside", "B/page",
		"reserved");
	measure_decades("apart", 64, 2);
	measure_decades("full", 0, 1);
	puts("ratio: the replay's time over the plan's; moved, aside: bytes, over the bytes whose place changes;");
	puts("B/page: arena used by the planner, reserved: asked for, a page");
	return 0;
}
