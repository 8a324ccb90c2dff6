/* SPDX-License-Identifier: MIT */
/*
 * Tests of the planner that plan_worlds does not cover: refusals, cases that other planners get wrong, large addresses and
 * sizes, short lists, and growth. Plans on ranges that are too large to execute are checked by the replay, and the replay
 * is checked with the bytes of executor_model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "executor_model.h"
#include "plan/plan.h"
#include "plan/replay.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static struct segue_move *list;
static size_t list_count, list_room;
static struct plan_result result;

static int emit(void *context, const struct segue_move *move)
{
	(void)context;
	if (list_count == list_room) {
		list_room = list_room ? 2 * list_room : 1024;
		list = realloc(list, list_room * sizeof(*list));
		assert_non_null(list);
	}
	list[list_count++] = *move;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const addr_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* A copy in the order that the planner wants. The items begin with their address. */
static void *sorted(const void *items, uint32_t count, size_t size)
{
	void *copy = malloc(count * size + 1);

	assert_non_null(copy);
	if (count != 0)
		memcpy(copy, items, count * size);
	qsort(copy, count, size, by_start);
	return copy;
}

static enum plan_status plan(const struct plan_copy *copies, uint32_t copy_count, const struct plan_range *zeros,
	uint32_t zero_count, const struct plan_range *free_ranges, uint32_t free_count)
{
	size_t size = segue_plan_memory(copy_count, zero_count, free_count);
	struct plan_copy *sorted_copies = sorted(copies, copy_count, sizeof(*copies));
	struct plan_range *sorted_zeros = sorted(zeros, zero_count, sizeof(*zeros));
	struct plan_input input = {
		.copies = sorted_copies, .zeros = sorted_zeros, .free = free_ranges,
		.copy_count = copy_count, .zero_count = zero_count, .free_count = free_count,
		.memory = malloc(size), .memory_size = size, .emit = emit, .exchange = segue_plan_exchange
	};
	enum plan_status status;

	assert_non_null(input.memory);
	list_count = 0;
	status = segue_plan(&input, &result);
	free(input.memory);
	free(sorted_copies);
	free(sorted_zeros);
	if (status == PLAN_OK) {
		assert_int_equal(result.moves, list_count);
		assert_true(result.moved <= result.payload + result.aside);
		assert_true(result.memory_used <= size);
	}
	return status;
}

static const struct segue_move *entry(const void *context, uint32_t index)
{
	(void)context;
	return &list[index];
}

/* Replays the list. The memory is the replay's own, and freed. */
static enum replay_status replay_in(struct replay *r, void *memory, size_t size, const struct plan_copy *copies,
	uint32_t copy_count, const struct plan_range *zeros, uint32_t zero_count, const struct plan_range *writable,
	uint32_t writable_count)
{
	segue_replay_begin(r, memory, size);
	for (uint32_t i = 0; i < copy_count; i++)
		segue_replay_allow(r, copies[i].dst, copies[i].dst + copies[i].size);
	for (uint32_t i = 0; i < zero_count; i++)
		segue_replay_allow(r, zeros[i].start, zeros[i].end);
	for (uint32_t i = 0; i < writable_count; i++)
		segue_replay_allow(r, writable[i].start, writable[i].end);
	segue_replay_moves(r, entry, NULL, (uint32_t)list_count);
	for (uint32_t i = 0; i < copy_count; i++)
		segue_replay_check(r, i, copies[i].dst, copies[i].size, copies[i].src);
	for (uint32_t i = 0; i < zero_count; i++)
		segue_replay_check(r, copy_count + i, zeros[i].start, zeros[i].end - zeros[i].start, REPLAY_ZEROS);
	return r->status;
}

static enum replay_status replay(const struct plan_copy *copies, uint32_t copy_count, const struct plan_range *zeros,
	uint32_t zero_count, const struct plan_range *writable, uint32_t writable_count, struct replay *where)
{
	size_t size = segue_replay_memory(copy_count + zero_count + writable_count, (uint32_t)list_count);
	void *memory = malloc(size);

	assert_non_null(memory);
	replay_in(where, memory, size, copies, copy_count, zeros, zero_count, writable, writable_count);
	free(memory);
	return where->status;
}

/* Plans without free memory and replays the plan. */
static void plan_full(const struct plan_copy *copies, uint32_t count)
{
	struct replay where;

	assert_int_equal(plan(copies, count, NULL, 0, NULL, 0), PLAN_OK);
	assert_int_equal(replay(copies, count, NULL, 0, NULL, 0, &where), REPLAY_OK);
}

static void expect_move(size_t index, uint32_t op, uint64_t dst, uint64_t src, uint32_t size)
{
	assert_true(index < list_count);
	assert_int_equal(list[index].op, op);
	assert_true(list[index].dst == dst);
	assert_true(list[index].src == src);
	assert_int_equal(list[index].size, size);
}

/* refusals */

static void refuses_wrapping_ranges(void **state)
{
	struct plan_copy fine = { 0, 100, 10 };
	struct plan_copy dst[] = { fine, { UINT64_MAX - 4, 0, 6 } }, src[] = { fine, { 50, UINT64_MAX - 4, 6 } };
	struct plan_copy edge[] = { fine, { UINT64_MAX - 6, 0, 6 } };
	struct plan_range zero = { 8, 7 }, room[] = { { 1, 2 }, { 5, 4 } };

	(void)state;
	assert_int_equal(plan(dst, 2, NULL, 0, NULL, 0), PLAN_WRAPS);
	assert_int_equal(result.index, 1);
	assert_true(result.at.start == UINT64_MAX - 4);
	assert_int_equal(plan(src, 2, NULL, 0, NULL, 0), PLAN_WRAPS);
	assert_int_equal(result.index, 1);
	assert_true(result.at.start == UINT64_MAX - 4 && result.at.end == 1);
	assert_int_equal(plan(edge, 2, NULL, 0, NULL, 0), PLAN_OK);
	assert_int_equal(plan(NULL, 0, &zero, 1, NULL, 0), PLAN_WRAPS);
	assert_int_equal(plan(NULL, 0, NULL, 0, room, 2), PLAN_WRAPS);
	assert_int_equal(result.index, 1);
	assert_int_equal(list_count, 0);
}

static void refuses_overlapping_destinations(void **state)
{
	struct plan_copy copies[] = { { 100, 1000, 50 }, { 149, 2000, 10 }, { 500, 0, 100 } };
	struct plan_range zeros[] = { { 599, 605 }, { 700, 800 } }, pair[] = { { 0, 10 }, { 9, 12 } };

	(void)state;
	assert_int_equal(plan(copies, 3, NULL, 0, NULL, 0), PLAN_OVERLAP);
	assert_int_equal(result.index, 1);
	assert_true(result.at.start == 149 && result.at.end == 150);
	copies[1].dst = 150;
	assert_int_equal(plan(copies, 3, NULL, 0, NULL, 0), PLAN_OK);
	assert_int_equal(plan(copies, 3, zeros, 2, NULL, 0), PLAN_OVERLAP);
	assert_int_equal(result.index, 3);
	assert_true(result.at.start == 599 && result.at.end == 600);
	assert_int_equal(plan(NULL, 0, pair, 2, NULL, 0), PLAN_OVERLAP);
	assert_int_equal(result.index, 1);
}

static void refuses_what_is_not_in_order(void **state)
{
	struct plan_copy copies[] = { { 500, 0, 100 }, { 100, 1000, 50 } };
	struct plan_range zeros[] = { { 700, 800 }, { 600, 610 } };
	uint64_t memory[512];
	struct plan_input input = { .copies = copies, .copy_count = 2, .memory = memory, .memory_size = sizeof(memory), .emit = emit };

	(void)state;
	list_count = 0;
	assert_int_equal(segue_plan(&input, &result), PLAN_OVERLAP);
	assert_int_equal(result.index, 1);
	input.copy_count = 1;
	input.zeros = zeros;
	input.zero_count = 2;
	assert_int_equal(segue_plan(&input, &result), PLAN_OVERLAP);
	assert_int_equal(result.index, 2);
	assert_int_equal(list_count, 0);
}

static void refuses_too_many(void **state)
{
	(void)state;
	assert_true(segue_plan_memory(PLAN_MAX, 0, 0) != 0 || sizeof(size_t) == 4);
	assert_int_equal(segue_plan_memory(PLAN_MAX + 1, 0, 0), 0);
	assert_int_equal(segue_plan_memory(0, PLAN_MAX + 1, 0), 0);
	assert_int_equal(segue_plan_memory(0, 0, PLAN_MAX + 1), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct plan_input input = { .emit = emit };

		*(i == 0 ? &input.copy_count : i == 1 ? &input.zero_count : &input.free_count) = PLAN_MAX + 1;
		assert_int_equal(segue_plan(&input, &result), PLAN_TOO_MANY);
	}
}

/* With every arena size from 0 to enough: it succeeds, or asks for more than it had; it never writes outside. */
static void lives_in_any_arena(void **state)
{
	static const struct plan_copy copies[] = {
		{ 0, 40, 20 }, { 20, 0, 20 }, { 40, 20, 20 }, { 60, 63, 9 }, { 70, 90, 3 }, { 80, 63, 5 }, { 91, 70, 2 }
	};
	size_t enough = segue_plan_memory(COUNT(copies), 1, 1), step = 8, refused = 0;
	unsigned char *memory = malloc(enough + 64);

	(void)state;
	assert_non_null(memory);
	for (size_t size = 0; size <= enough; size += step) {
		struct plan_range zero = { 100, 110 }, room = { 200, 202 };
		struct plan_input input = {
			.copies = copies, .zeros = &zero, .free = &room, .copy_count = COUNT(copies), .zero_count = 1,
			.free_count = 1, .memory = memory, .memory_size = size, .emit = emit, .exchange = segue_plan_exchange
		};
		enum plan_status status;

		memset(memory, 0xa5, enough + 64);
		list_count = 0;
		status = segue_plan(&input, &result);
		for (size_t i = size; i < enough + 64; i++)
			assert_int_equal(memory[i], 0xa5);
		if (status == PLAN_OK)
			continue;
		assert_int_equal(status, PLAN_MEMORY);
		refused = size;
	}
	assert_in_range(refused, 100, enough - step);
	free(memory);
}

/* A caller without exchange() gets plans for which there is room, and a refusal of others. */
static void does_without_exchanges(void **state)
{
	static const struct plan_copy turned[] = { { 0, 100, 100 }, { 100, 0, 100 } }, straight[] = { { 0, 100, 100 }, { 100, 200, 100 } };
	struct plan_range room = { 500, 600 };
	uint64_t memory[512];
	struct plan_input input = {
		.copies = turned, .copy_count = 2, .free = &room, .memory = memory, .memory_size = sizeof(memory), .emit = emit
	};

	(void)state;
	list_count = 0;
	assert_int_equal(segue_plan(&input, &result), PLAN_ROOM);
	assert_int_equal(result.exchanged, 0);
	input.free_count = 1;
	assert_int_equal(segue_plan(&input, &result), PLAN_OK);
	room.end = 599;
	assert_int_equal(segue_plan(&input, &result), PLAN_ROOM);
	input.copies = straight;
	input.free_count = 0;
	assert_int_equal(segue_plan(&input, &result), PLAN_OK);
	input.copies = turned;
	input.exchange = segue_plan_exchange;
	assert_int_equal(segue_plan(&input, &result), PLAN_OK);
	assert_int_equal(result.exchanged, 2);
}

static int emit_three(void *context, const struct segue_move *move)
{
	(void)move;
	return ++*(int *)context == 3 ? 77 : 0;
}

static void stops_when_the_list_is_full(void **state)
{
	struct plan_copy copies[] = { { 0, 100, 5 }, { 10, 200, 5 }, { 20, 300, 5 }, { 30, 400, 5 } };
	uint64_t memory[512];
	int calls = 0;
	struct plan_input input = {
		.copies = copies, .copy_count = 4, .memory = memory, .memory_size = sizeof(memory),
		.emit = emit_three, .context = &calls
	};

	(void)state;
	assert_true(segue_plan_memory(4, 0, 0) <= sizeof(memory));
	assert_int_equal(segue_plan(&input, &result), PLAN_EMIT);
	assert_int_equal(result.emit_status, 77);
	assert_int_equal(calls, 3);
}

/* the form of plans */

static void leaves_what_is_in_place(void **state)
{
	struct plan_copy copies[] = { { 100, 100, 50 }, { 0, 120, 10 }, { 300, 300, 0 }, { 400, 7, 0 } };
	struct plan_range zero = { 5000, 5000 };

	(void)state;
	assert_int_equal(plan(copies, COUNT(copies), &zero, 1, NULL, 0), PLAN_OK);
	assert_int_equal(list_count, 1);
	expect_move(0, SEGUE_MOVE_COPY_UP, 0, 120, 10);
	assert_int_equal(result.in_place, 50);
	assert_int_equal(result.payload, 10);
	assert_int_equal(result.moved, 10);
}

static void joins_neighbours(void **state)
{
	struct plan_copy copies[64];

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		copies[i * 37 % 64] = (struct plan_copy){ 0x1000 + i * 4096, 0x400000 + i * 4096, 4096 };
	plan_full(copies, 64);
	assert_int_equal(list_count, 1);
	expect_move(0, SEGUE_MOVE_COPY_UP, 0x1000, 0x400000, 64 * 4096);
}

static void takes_the_direction_of_the_overlap(void **state)
{
	struct plan_copy up = { 0, 10, 100 }, down = { 10, 0, 100 }, apart = { 100, 0, 100 };

	(void)state;
	plan_full(&up, 1);
	expect_move(0, SEGUE_MOVE_COPY_UP, 0, 10, 100);
	plan_full(&down, 1);
	expect_move(0, SEGUE_MOVE_COPY_DOWN, 10, 0, 100);
	plan_full(&apart, 1);
	expect_move(0, SEGUE_MOVE_COPY_UP, 100, 0, 100);
}

/* A source of many moves adds no cycle: one move reads it, the others copy from its destination. */
static void shares_sources(void **state)
{
	struct plan_copy copies[100];

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		copies[i] = (struct plan_copy){ i * 1000, 200000 + i, 1000 };
	copies[50].src = 500;
	plan_full(copies, 100);
	assert_int_equal(result.aside, 0);
	assert_int_equal(result.moved, result.payload);
	assert_true(result.moves <= 300);
}

static void zeros_come_last(void **state)
{
	struct plan_copy copies[] = { { 0, 1000, 100 }, { 500, 1100, 100 } };
	struct plan_range zeros[] = { { 1050, 1150 }, { 900, 1000 } };
	struct replay where;

	(void)state;
	assert_int_equal(plan(copies, 2, zeros, 2, NULL, 0), PLAN_OK);
	assert_int_equal(list_count, 4);
	assert_int_equal(list[2].op, SEGUE_MOVE_ZERO);
	assert_int_equal(list[3].op, SEGUE_MOVE_ZERO);
	assert_int_equal(result.zeroed, 200);
	assert_int_equal(replay(copies, 2, zeros, 2, NULL, 0, &where), REPLAY_OK);
}

/* Two large pieces that overlap by a page: only the page is set aside, at the start of free memory. */
static void sets_little_aside(void **state)
{
	struct plan_copy copies[] = { { 0x1000000, 0x5000000, 0x2000000 }, { 0x6fff000, 0x2fff000, 0x1000000 } };
	struct plan_range room[] = { { 0x100, 0x100 }, { 0x10000, 0x10800 }, { 0x20000, 0x28000 }, { 0x40000, 0x50000 } };
	struct replay where;

	(void)state;
	copies[1].dst = 0x6000000;
	copies[1].src = 0x2fff000;
	assert_int_equal(plan(copies, 2, NULL, 0, room, 4), PLAN_OK);
	assert_int_equal(result.aside, 0x1000);
	assert_int_equal(result.scratch, 0x1000);
	assert_int_equal(result.moved, result.payload + 0x1000);
	assert_int_equal(result.exchanged, 0);
	/* The first of it, and no more. */
	room[2].end = 0x20800;
	assert_int_equal(replay(copies, 2, NULL, 0, room, 3, &where), REPLAY_OK);
}

/* Free RAM in tiny ranges: when there is no more room to record set-aside pieces, the rest is exchanged. */
static void gives_up_on_crumbs(void **state)
{
	struct plan_copy copies[] = { { 0x1000, 0x2000, 100 }, { 0x2000, 0x1000, 100 }, { 0x3000, 0x1064, 7 }, { 0x1064, 0x3000, 7 } };
	struct plan_range crumbs[200], whole = { 0x8000, 0x9000 };
	struct replay where;

	(void)state;
	for (uint32_t size = 1; size <= 8; size++) {
		for (uint32_t i = 0; i < 200; i++)
			crumbs[i] = (struct plan_range){ 0x8000 + 16 * i, 0x8000 + 16 * i + size };
		assert_int_equal(plan(copies, 4, NULL, 0, crumbs, 200), PLAN_OK);
		assert_int_equal(result.exchanged != 0, size < 5);
		assert_int_equal(replay(copies, 4, NULL, 0, &whole, 1, &where), REPLAY_OK);
	}
}

/* Many cycles use the same free page one after another. */
static void uses_free_ram_again(void **state)
{
	static struct plan_copy copies[2000];
	struct plan_range room = { 0, 4096 };

	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		copies[i] = (struct plan_copy){ 0x100000 + 8192 * i, 0x100000 + 8192 * (i ^ 1), 4096 };
	assert_int_equal(plan(copies, 2000, NULL, 0, &room, 1), PLAN_OK);
	assert_int_equal(result.exchanged, 0);
	assert_int_equal(result.scratch, 4096);
	assert_int_equal(result.aside, 1000 * 4096);
	assert_int_equal(list_count, 3000);
}

/*
 * Free RAM and records of set-aside pieces are reused: each group needs eight records, and is finished before the next
 * group, which costs more, begins.
 */
static void forgets_what_is_done(void **state)
{
	static struct plan_copy copies[9 * 200];
	struct plan_range room = { 0, 8 * 200 };

	(void)state;
	for (uint32_t group = 0; group < 200; group++) {
		uint64_t base = 0x10000 * (group + 1), size = group + 1;

		copies[9 * group] = (struct plan_copy){ base, base + 0x8000, 8 * size };
		for (uint32_t i = 0; i < 8; i++)
			copies[9 * group + 1 + i] = (struct plan_copy){ base + 0x8000 + (7 - i) * size, base + i * size, size };
	}
	assert_int_equal(plan(copies, COUNT(copies), NULL, 0, &room, 1), PLAN_OK);
	assert_int_equal(result.exchanged, 0);
	assert_int_equal(result.scratch, 8 * 200);
	assert_true(result.memory_used <= 102 * COUNT(copies));
}

/*
 * Two pages are exchanged, and a chain of small pieces depends on one of them. Setting the chain's bytes aside would be
 * cheap, but would not break the cycle.
 */
static void breaks_the_cycle_not_the_tail(void **state)
{
	struct plan_copy copies[] = {
		{ 0xff8, 0x5000, 0x1008 }, { 0x5000, 0x1000, 0x1000 },
		{ 0x6000, 0x9000, 0x8 }, { 0x9000, 0xa000, 0x10 }, { 0xa000, 0xb000, 0x20 }, { 0xb000, 0xc000, 0x30 }
	};
	struct plan_range room = { 0x100000, 0x200000 };
	struct replay where;

	(void)state;
	assert_int_equal(plan(copies, COUNT(copies), NULL, 0, &room, 1), PLAN_OK);
	assert_int_equal(result.aside, 0x1000);
	assert_int_equal(replay(copies, COUNT(copies), NULL, 0, &room, 1, &where), REPLAY_OK);
}

/* cases that other planners are known to get wrong */

static void syslinux_six_bytes(void **state)
{
	struct plan_copy copies[] = { { 3, 0, 2 }, { 1, 4, 2 } };

	(void)state;
	plan_full(copies, 2);
	assert_int_equal(result.payload, 4);
	assert_true(result.moved <= 8);
}

static void grub_order_by_source(void **state)
{
	struct plan_copy copies[] = { { 238, 92, 61 }, { 83, 29, 54 } };

	(void)state;
	plan_full(copies, 2);
	assert_int_equal(result.moved, result.payload);
	assert_int_equal(result.aside, 0);
}

/* Fiwix's RAM disk: the blob is directly below the kernel's destination, with the initrd after it; all moves up a little. */
static void blob_shifted_up(void **state)
{
	struct plan_copy copies[] = { { 0x1000000, 0xfff008, 0x600000 }, { 0x1600000, 0x15ff008, 0x1e00000 } };

	(void)state;
	plan_full(copies, 2);
	assert_int_equal(result.moved, result.payload);
	assert_int_equal(list_count, 1);
	assert_int_equal(list[0].op, SEGUE_MOVE_COPY_DOWN);
}

/* lists stay short without free memory */

static void turns_memory_in_place(void **state)
{
	static const uint64_t by[] = { 1, 2, 3, 4095, 4096, 0x12345678, 0x7fffffff, 0x80000000, 0x9e3779b1, 0xfffff000, 0xffffefff };
	uint64_t size = 0xfffff000;

	(void)state;
	for (uint32_t i = 0; i < COUNT(by); i++) {
		struct plan_copy copies[] = { { 0, by[i], size - by[i] }, { size - by[i], 0, by[i] } };

		if (by[i] >= size)
			continue;
		plan_full(copies, 2);
		assert_int_equal(result.exchanged, 2);
		assert_true(result.moves <= 64);
		assert_true(result.moved <= 2 * result.payload);
	}
}

static void swaps_sides_of_a_middle(void **state)
{
	(void)state;
	for (uint64_t a = 1; a < 0x40000000; a = 3 * a + 1) {
		for (uint64_t b = 1; b < 0x40000000; b = 5 * b + 2) {
			uint64_t middle = 0x40000000;
			struct plan_copy copies[] = { { 0, a + middle, b }, { b, a, middle }, { b + middle, 0, a } };

			plan_full(copies, 3);
			assert_true(result.moves <= 3 * 32);
		}
	}
}

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static unsigned bits(uint64_t number)
{
	unsigned count = 0;

	for (; number != 0; number >>= 1)
		count++;
	return count;
}

/* Exchanges of two intervals that fill memory: of nearly equal, very different, or nearly proportional lengths. */
static void exchanges_intervals(void **state)
{
	static struct plan_copy copies[1000];
	static uint32_t order[1000];

	(void)state;
	for (uint32_t round = 0; round < 1500; round++) {
		uint32_t k = round % 100 == 0 ? 1000 : 2 + (uint32_t)chance(40), kind = (uint32_t)chance(4);
		uint64_t most = (uint64_t)1 << (8 + chance(22)), total = 0, dst = 0;

		for (uint32_t i = 0; i < k; i++) {
			uint32_t other = (uint32_t)chance(i + 1);
			uint64_t size = 1 + (kind == 0 ? chance(most) : kind == 1 ? chance(most) >> chance(30) :
				kind == 2 ? (chance(8) ? chance(100) : chance(most)) : (chance(2) ? 0 : most) + chance(3));

			order[i] = order[other];
			order[other] = i;
			copies[i] = (struct plan_copy){ 0, total, size };
			total += size;
		}
		for (uint32_t i = 0; i < k; i++) {
			uint32_t next = round % 3 ? order[i] : k - 1 - i;

			copies[next].dst = dst;
			dst += copies[next].size;
		}
		plan_full(copies, k);
		assert_true(result.moves <= 2 * k * bits(total));
		assert_true(result.moved <= 2 * result.payload);
	}
}

/* Above 4 GiB, and larger than the size field of an entry. */
static void large_numbers(void **state)
{
	uint64_t g = 0x40000000;
	struct plan_copy up = { 100 * g, 101 * g, 11 * g }, down = { 101 * g, 100 * g, 11 * g };
	struct plan_range zero = { 300 * g, 309 * g + 1 };
	struct replay where;
	uint64_t sum = 0;

	(void)state;
	plan_full(&up, 1);
	assert_int_equal(list_count, 3);
	assert_int_equal(list[0].op, SEGUE_MOVE_COPY_UP);
	assert_true(list[0].dst == 100 * g && list[1].dst == 100 * g + list[0].size);
	plan_full(&down, 1);
	assert_int_equal(list_count, 3);
	assert_int_equal(list[0].op, SEGUE_MOVE_COPY_DOWN);
	assert_true(list[2].dst == 101 * g && list[2].src == 100 * g);
	assert_int_equal(plan(NULL, 0, &zero, 1, NULL, 0), PLAN_OK);
	for (size_t i = 0; i < list_count; i++) {
		assert_true(list[i].src == 0);
		assert_true(list[i].dst == zero.start + sum);
		sum += list[i].size;
	}
	assert_true(sum == 9 * g + 1);
	assert_int_equal(replay(NULL, 0, &zero, 1, NULL, 0, &where), REPLAY_OK);
}

struct times {
	double plan, replay;
};

static double seconds_since(clock_t start)
{
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* n scattered pages: half of them cyclic, a few free pages. */
static struct times time_pages(uint32_t n)
{
	struct plan_copy *copies = malloc(n * sizeof(*copies));
	uint32_t *order = malloc(2 * n * sizeof(*order));
	struct plan_range room = { 0x1000, 0x4000000 };
	struct replay where;
	struct times times;
	clock_t start;

	assert_true(copies != NULL && order != NULL);
	for (uint32_t i = 0; i < 2 * n; i++) {
		uint32_t other = (uint32_t)chance(i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (uint32_t i = 0; i < n; i++)
		copies[i] = (struct plan_copy){ 0x10000000 + (uint64_t)i * 4096, 0x10000000 + (uint64_t)order[i] * 4096, 4096 };
	start = clock();
	assert_int_equal(plan(copies, n, NULL, 0, &room, 1), PLAN_OK);
	times.plan = seconds_since(start);
	assert_true(result.moves <= n + 100);
	assert_true(result.memory_used <= 104 * (size_t)n + 1024);
	start = clock();
	assert_int_equal(replay(copies, n, NULL, 0, &room, 1, &where), REPLAY_OK);
	times.replay = seconds_since(start);
	free(order);
	free(copies);
	return times;
}

/* Without free memory: one exchange less than pages in each cycle, and little more memory. */
static void turns_pages_in_place(void **state)
{
	uint32_t n = 10000;
	struct plan_copy *copies = malloc(n * sizeof(*copies));

	(void)state;
	assert_non_null(copies);
	for (uint32_t i = 0; i < n; i++)
		copies[i] = (struct plan_copy){ (uint64_t)i * 4096, (uint64_t)(i * 7001 + 3) % n * 4096, 4096 };
	plan_full(copies, n);
	assert_true(result.moves < n);
	assert_int_equal(result.swaps, result.moves);
	assert_true(result.memory_used <= 112 * n);
	free(copies);
}

/* Ten times the pages: at most 13 times the work, plus cache effects; quadratic work would be a hundred times. */
static void grows_like_n_log_n(void **state)
{
	struct times last = { 0, 0 };

	(void)state;
	for (uint32_t n = 1000; n <= 1000000; n *= 10) {
		struct times times = time_pages(n);

		print_message("%8u pages: plan %.4f s, replay %.4f s\n", n, times.plan, times.replay);
		if (last.plan > 0.004)
			assert_true(times.plan < 45 * last.plan);
		if (last.replay > 0.004)
			assert_true(times.replay < 45 * last.replay);
		last = times;
	}
}

/* n pieces and one long piece that depend on each other, with thousands of pieces set aside. */
static void one_against_many(void **state)
{
	uint32_t n = 100000;
	struct plan_copy *copies = malloc((n + 1) * sizeof(*copies));
	uint64_t base = 0x10000000, size = (uint64_t)n * 8192;
	struct plan_range room = { 0x1000, 0x8000000 };
	clock_t start = clock();

	(void)state;
	assert_non_null(copies);
	for (uint32_t i = 0; i < n; i++)
		copies[i] = (struct plan_copy){ base + i * (uint64_t)8192, base + size + i * (uint64_t)8192, 16 };
	copies[n] = (struct plan_copy){ base + size + 8, base, size };
	assert_int_equal(plan(copies, n + 1, NULL, 0, &room, 1), PLAN_OK);
	assert_int_equal(result.exchanged, 0);
	assert_true(result.aside <= 16 * n);
	room.end = room.start + result.scratch;
	{
		struct replay where;

		assert_int_equal(replay(copies, n + 1, NULL, 0, &room, 1, &where), REPLAY_OK);
	}
	plan_full(copies, n + 1);
	assert_true(result.exchanged != 0);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
	free(copies);
}

/* the replay */

static void one_move(uint32_t op, uint64_t dst, uint64_t src, uint32_t size)
{
	struct segue_move move = { dst, src, size, op };

	list_count = 0;
	emit(NULL, &move);
}

static void replay_refuses(void **state)
{
	struct plan_copy copy = { 0, 10, 20 }, odd = { UINT64_MAX - 3, 10, 20 };
	struct plan_range zero = { 40, 50 }, reversed = { 2, 1 };
	struct replay where;

	(void)state;
	list_count = 0;
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_WRONG);
	assert_true(where.index == 0 && where.at.start == 0 && where.at.end == 20);
	assert_int_equal(replay(NULL, 0, &zero, 1, NULL, 0, &where), REPLAY_WRONG);
	assert_int_equal(replay(&odd, 1, NULL, 0, NULL, 0, &where), REPLAY_BAD_INPUT);
	assert_int_equal(replay(&copy, 1, &reversed, 1, NULL, 0, &where), REPLAY_BAD_INPUT);
	assert_int_equal(replay(&copy, 1, NULL, 0, &reversed, 1, &where), REPLAY_BAD_INPUT);

	one_move(SEGUE_MOVE_COPY_UP, 0, 10, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_OK);
	one_move(SEGUE_MOVE_COPY_DOWN, 0, 10, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_BAD_MOVE);
	one_move(SEGUE_MOVE_COPY_UP, 0, 10, 21);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_OUTSIDE);
	assert_true(where.index == 0 && where.at.start == 20 && where.at.end == 21);
	one_move(SEGUE_MOVE_SWAP_UP, 0, 10, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_OUTSIDE);
	assert_true(where.index == 0 && where.at.start == 20 && where.at.end == 30);
	assert_int_equal(replay(&copy, 1, NULL, 0, &(struct plan_range){ 10, 30 }, 1, &where), REPLAY_OK);
	one_move(SEGUE_MOVE_COPY_UP, 0, 10, 0);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_BAD_MOVE);
	one_move(SEGUE_MOVE_DIGEST, 0, 10, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_WRONG);
	one_move(SEGUE_MOVE_DIGEST | 5u << SEGUE_MOVE_OP_BITS, 0, 10, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_WRONG);
	one_move(SEGUE_MOVE_DIGEST + 1, 0, 10, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_BAD_MOVE);
	one_move(SEGUE_MOVE_COPY_UP, 0, UINT64_MAX - 5, 20);
	assert_int_equal(replay(&copy, 1, NULL, 0, NULL, 0, &where), REPLAY_BAD_MOVE);
}

/* Bytes from the last addresses, then zeros: the byte after the last one is neither a zero nor the byte at 0. */
static void replay_ends_at_the_last_address(void **state)
{
	const struct plan_copy last = { 0x200, ADDRESS_MAX - 4, 4 }, wrapped = { 0x205, 0, 2 };
	const struct plan_range room = { 0x100, 0x208 }, zeros = { 0x204, 0x208 };
	struct replay where;

	(void)state;
	list_count = 0;
	emit(NULL, &(struct segue_move){ 0x100, ADDRESS_MAX - 4, 4, SEGUE_MOVE_COPY_UP });
	emit(NULL, &(struct segue_move){ 0x104, 0, 4, SEGUE_MOVE_ZERO });
	emit(NULL, &(struct segue_move){ 0x200, 0x100, 8, SEGUE_MOVE_COPY_UP });
	assert_int_equal(replay(&last, 1, &zeros, 1, &room, 1, &where), REPLAY_OK);
	assert_int_equal(replay(&wrapped, 1, NULL, 0, &room, 1, &where), REPLAY_WRONG);
}

static void replay_in_any_arena(void **state)
{
	struct plan_copy copies[] = { { 0, 30, 20 }, { 20, 0, 20 }, { 40, 20, 10 }, { 60, 47, 3 } };
	struct replay run;
	size_t enough;
	unsigned char *memory;
	uint32_t refused = 0;

	(void)state;
	plan_full(copies, 4);
	enough = segue_replay_memory(4 + 1, (uint32_t)list_count);
	memory = malloc(enough);
	assert_non_null(memory);
	for (size_t size = 0; size <= enough; size += 4) {
		struct plan_range all = { 0, 100 };
		enum replay_status status;

		memset(memory, 0xa5, enough);
		status = replay_in(&run, memory, size, copies, 4, NULL, 0, &all, 1);
		for (size_t i = size; i < enough; i++)
			assert_int_equal(memory[i], 0xa5);
		assert_true(status == REPLAY_OK || status == REPLAY_MEMORY);
		refused += status == REPLAY_MEMORY;
		assert_true(status == REPLAY_OK || size < enough);
	}
	assert_true(refused > 10);
	free(memory);
}

/* Random moves: the replay must predict every byte of the model's memory. */
static void replay_sees_what_bytes_say(void **state)
{
	static unsigned char bytes[120];
	struct plan_copy copies[120];
	struct plan_range zeros[120], all = { (uintptr_t)bytes, (uintptr_t)bytes + sizeof(bytes) };
	struct replay where;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t copy_count = 0, zero_count = 0, moves = 1 + (uint32_t)chance(12), hurt;
		struct segue_move move;

		list_count = 0;
		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)(i + 1);
		for (uint32_t i = 0; i < moves; i++) {
			uint32_t size = 1 + (uint32_t)chance(chance(2) ? 60 : 8);

			move = (struct segue_move){
				all.start + chance(sizeof(bytes) - size + 1), all.start + chance(sizeof(bytes) - size + 1),
				size, 1 + (uint32_t)chance(5)
			};
			if (move.op == SEGUE_MOVE_COPY_UP && move.dst > move.src)
				move.op = SEGUE_MOVE_COPY_DOWN;
			else if (move.op == SEGUE_MOVE_COPY_DOWN && move.dst < move.src)
				move.op = SEGUE_MOVE_COPY_UP;
			emit(NULL, &move);
		}
		move = (struct segue_move){ .op = SEGUE_MOVE_END };
		emit(NULL, &move);
		executor_model(list);
		for (uint32_t i = 0; i < sizeof(bytes); i++)
			if (bytes[i] == 0)
				zeros[zero_count++] = (struct plan_range){ all.start + i, all.start + i + 1 };
			else
				copies[copy_count++] = (struct plan_copy){ all.start + i, all.start + bytes[i] - 1, 1 };
		assert_int_equal(replay(copies, copy_count, zeros, zero_count, &all, 1, &where), REPLAY_OK);
		if (copy_count == 0)
			continue;
		hurt = (uint32_t)chance(copy_count);
		copies[hurt].src ^= 1;
		assert_int_equal(replay(copies, copy_count, zeros, zero_count, &all, 1, &where), REPLAY_WRONG);
		assert_int_equal(where.index, hurt);
		assert_true(where.at.start == copies[hurt].dst);
	}
}

/* A little memory of which every byte is another, with room for moves that miss it by one. */
#define CELLS 160u
#define EDGE 4u
static unsigned char cells[CELLS + 2 * EDGE];
static bool writable_cells[CELLS + 2 * EDGE];

struct asked {
	struct plan_copy copies[32];
	struct plan_range zeros[32], writable[2];
	uint32_t copy_count, zero_count, writable_count;
};

static void ask_copy(struct asked *w, uint32_t dst, uint32_t src, uint32_t size)
{
	addr_t base = (uintptr_t)cells + EDGE;

	if (size != 0)
		w->copies[w->copy_count++] = (struct plan_copy){ base + dst, base + src, size };
}

/* Pieces side by side up to `end`, from anywhere, some of them zeros. */
static void ask_anything(struct asked *w, uint32_t end)
{
	addr_t base = (uintptr_t)cells + EDGE;

	for (uint32_t dst = 0, size; dst < end && w->copy_count + w->zero_count < 24; dst += size) {
		size = 1 + (uint32_t)chance(chance(3) ? 8 : 40);
		if (size > end - dst)
			size = end - dst;
		if (chance(8) == 0)
			w->zeros[w->zero_count++] = (struct plan_range){ base + dst, base + dst + size };
		else
			ask_copy(w, dst, (uint32_t)chance(end - size + 1), size);
	}
}

/* All of memory up to `end` in another order. */
static void ask_exchange(struct asked *w, uint32_t end)
{
	uint32_t size = 1 + (uint32_t)chance(end / 3), other = 1 + (uint32_t)chance(end / 3), middle = end - size - other;

	ask_copy(w, 0, size + middle, other);
	ask_copy(w, other, size, middle);
	ask_copy(w, other + middle, 0, size);
}

/* What the replay has to say of the list, by the bytes. */
static enum replay_status judge(const struct asked *w)
{
	struct segue_move end = { .op = SEGUE_MOVE_END };
	bool outside = false;

	for (size_t i = 0; i < list_count; i++) {
		const struct segue_move *m = &list[i];
		uint64_t ahead = m->op == SEGUE_MOVE_COPY_UP ? m->dst - m->src : m->op == SEGUE_MOVE_COPY_DOWN ? m->src - m->dst : 0;

		if (ahead != 0 && ahead < m->size)
			return REPLAY_BAD_MOVE;
		for (uint32_t k = 0; k < m->size; k++)
			if (!writable_cells[m->dst - (uintptr_t)cells + k] ||
			    ((m->op == SEGUE_MOVE_SWAP_UP || m->op == SEGUE_MOVE_SWAP_DOWN) && !writable_cells[m->src - (uintptr_t)cells + k]))
				outside = true;
	}
	if (outside)
		return REPLAY_OUTSIDE;
	for (uint32_t i = 0; i < sizeof(cells); i++)
		cells[i] = (unsigned char)(i + 1);
	emit(NULL, &end);
	executor_model(list);
	list_count--;
	for (uint32_t i = 0; i < w->copy_count; i++)
		for (uint32_t k = 0; k < w->copies[i].size; k++)
			if (cells[w->copies[i].dst - (uintptr_t)cells + k] != w->copies[i].src - (uintptr_t)cells + k + 1)
				return REPLAY_WRONG;
	for (uint32_t i = 0; i < w->zero_count; i++)
		for (addr_t at = w->zeros[i].start; at < w->zeros[i].end; at++)
			if (cells[at - (uintptr_t)cells] != 0)
				return REPLAY_WRONG;
	return REPLAY_OK;
}

/* Damages the list at one move. False if this damage does not apply. */
static bool damage(uint32_t kind, size_t at)
{
	struct segue_move move = list[at];

	switch (kind) {
	case 0: /* dropped */
		memmove(&list[at], &list[at + 1], (--list_count - at) * sizeof(*list));
		return true;
	case 1: /* doubled */
		emit(NULL, &move);
		memmove(&list[at + 1], &list[at], (list_count - 1 - at) * sizeof(*list));
		return true;
	case 2: /* swapped with the next */
		if (at + 1 == list_count)
			return false;
		list[at] = list[at + 1];
		list[at + 1] = move;
		return true;
	case 3:
		list[at].dst++;
		return true;
	case 4:
		list[at].dst--;
		return true;
	case 5:
		list[at].src++;
		return move.op != SEGUE_MOVE_ZERO;
	case 6:
		list[at].src--;
		return move.op != SEGUE_MOVE_ZERO;
	case 7:
		list[at].size++;
		return true;
	case 8:
		return --list[at].size != 0;
	case 9: /* the wrong one of two like ops */
		list[at].op = move.op == SEGUE_MOVE_SWAP_UP ? SEGUE_MOVE_SWAP_DOWN : SEGUE_MOVE_SWAP_UP;
		return move.op == SEGUE_MOVE_SWAP_UP || move.op == SEGUE_MOVE_SWAP_DOWN;
	default: /* zeros instead */
		list[at].op = SEGUE_MOVE_ZERO;
		return move.op != SEGUE_MOVE_ZERO;
	}
}

/* Every single move of many lists, damaged in every such way: the replay says what the bytes say. */
static void replay_catches_every_damage(void **state)
{
	const uint32_t kinds = 11;
	uint32_t verdicts[REPLAY_WRONG + 1] = { 0 };

	(void)state;
	for (uint32_t world = 0; world < 600; world++) {
		struct plan_range room = { (uintptr_t)cells + EDGE + CELLS - 20, (uintptr_t)cells + EDGE + CELLS };
		struct asked w = { .copy_count = 0 };
		struct segue_move *good;
		size_t good_count;
		struct replay where;

		if (world % 3 == 0)
			ask_exchange(&w, 6 + (uint32_t)chance(CELLS - 26));
		else
			ask_anything(&w, 6 + (uint32_t)chance(CELLS - 26));
		assert_int_equal(plan(w.copies, w.copy_count, w.zeros, w.zero_count, &room, world % 2), PLAN_OK);
		if (world % 2 != 0)
			w.writable[w.writable_count++] = room;
		memset(writable_cells, 0, sizeof(writable_cells));
		for (uint32_t i = 0; i < w.copy_count; i++)
			memset(writable_cells + (w.copies[i].dst - (uintptr_t)cells), 1, w.copies[i].size);
		for (uint32_t i = 0; i < w.zero_count; i++)
			memset(writable_cells + (w.zeros[i].start - (uintptr_t)cells), 1, w.zeros[i].end - w.zeros[i].start);
		for (uint32_t i = 0; i < w.writable_count; i++)
			memset(writable_cells + (w.writable[i].start - (uintptr_t)cells), 1, w.writable[i].end - w.writable[i].start);
		good_count = list_count;
		good = malloc(good_count * sizeof(*good) + 1);
		assert_non_null(good);
		memcpy(good, list, good_count * sizeof(*good));
		assert_int_equal(judge(&w), REPLAY_OK);
		for (uint32_t at = 0; at < good_count; at++) {
			for (uint32_t kind = 0; kind < kinds; kind++) {
				enum replay_status verdict, truth;

				list_count = good_count;
				memcpy(list, good, good_count * sizeof(*good));
				if (!damage(kind, at))
					continue;
				truth = judge(&w);
				verdict = replay(w.copies, w.copy_count, w.zeros, w.zero_count, w.writable, w.writable_count, &where);
				if (verdict != truth)
					fail_msg("world %u, move %u, damage %u: the replay says %u, the bytes say %u", (unsigned)world,
						(unsigned)at, (unsigned)kind, (unsigned)verdict, (unsigned)truth);
				verdicts[verdict]++;
			}
		}
		free(good);
	}
	print_message("damaged lists: %u still right, %u no moves, %u write outside, %u wrong\n", (unsigned)verdicts[REPLAY_OK],
		(unsigned)verdicts[REPLAY_BAD_MOVE], (unsigned)verdicts[REPLAY_OUTSIDE], (unsigned)verdicts[REPLAY_WRONG]);
	assert_true(verdicts[REPLAY_OK] > 1000 && verdicts[REPLAY_BAD_MOVE] > 100);
	assert_true(verdicts[REPLAY_OUTSIDE] > 1000 && verdicts[REPLAY_WRONG] > 10000);
}

/* 120 bytes have at most 120 runs and 120 anchors, for any number of moves. */
static void replay_needs_no_more_for_more_moves(void **state)
{
	static uint64_t memory[4 * 20000 + 5 * 400];
	struct plan_range all = { 1000, 1120 };
	struct replay run;

	(void)state;
	list_count = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t size = 1 + (uint32_t)chance(60);
		struct segue_move move = { all.start + chance(120 - size + 1), all.start + chance(120 - size + 1), size,
			1 + (uint32_t)chance(5) };

		if (move.op <= SEGUE_MOVE_COPY_DOWN)
			move.op = move.dst < move.src ? SEGUE_MOVE_COPY_UP : SEGUE_MOVE_COPY_DOWN;
		emit(NULL, &move);
	}
	assert_int_equal(replay_in(&run, memory, sizeof(memory), NULL, 0, NULL, 0, &all, 1), REPLAY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_wrapping_ranges),
		cmocka_unit_test(refuses_overlapping_destinations),
		cmocka_unit_test(refuses_what_is_not_in_order),
		cmocka_unit_test(refuses_too_many),
		cmocka_unit_test(lives_in_any_arena),
		cmocka_unit_test(does_without_exchanges),
		cmocka_unit_test(stops_when_the_list_is_full),
		cmocka_unit_test(leaves_what_is_in_place),
		cmocka_unit_test(joins_neighbours),
		cmocka_unit_test(takes_the_direction_of_the_overlap),
		cmocka_unit_test(shares_sources),
		cmocka_unit_test(zeros_come_last),
		cmocka_unit_test(sets_little_aside),
		cmocka_unit_test(gives_up_on_crumbs),
		cmocka_unit_test(uses_free_ram_again),
		cmocka_unit_test(forgets_what_is_done),
		cmocka_unit_test(breaks_the_cycle_not_the_tail),
		cmocka_unit_test(syslinux_six_bytes),
		cmocka_unit_test(grub_order_by_source),
		cmocka_unit_test(blob_shifted_up),
		cmocka_unit_test(turns_memory_in_place),
		cmocka_unit_test(swaps_sides_of_a_middle),
		cmocka_unit_test(exchanges_intervals),
		cmocka_unit_test(large_numbers),
		cmocka_unit_test(turns_pages_in_place),
		cmocka_unit_test(grows_like_n_log_n),
		cmocka_unit_test(one_against_many),
		cmocka_unit_test(replay_refuses),
		cmocka_unit_test(replay_ends_at_the_last_address),
		cmocka_unit_test(replay_in_any_arena),
		cmocka_unit_test(replay_sees_what_bytes_say),
		cmocka_unit_test(replay_catches_every_damage),
		cmocka_unit_test(replay_needs_no_more_for_more_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
