/* SPDX-License-Identifier: MIT */
/*
 * Tests the planner on all small worlds: every placement of up to four segments in a few bytes of memory, each byte copied
 * from anywhere or zero, with and without free cells. Each plan is executed byte by byte and its result is checked. The
 * replay must agree, for correct plans and for damaged ones. Then larger random worlds follow. Before these, all small worlds of a
 * target that comes back, with the exchanges of its later crossings.
 *
 * Linked with purgatory's mover (MOVER defined, 32-bit) or with its C model. Usage: plan_worlds [seconds], default 50.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "executor_model.h"
#include "plan/plan.h"
#include "plan/replay.h"

#define ARENA_MAX 200u
#define PIECES_MAX 24u
#define RANGES_MAX (ARENA_MAX + 2u)
#define LIST_MAX 1200u
#define GUARD 16u
#define GUARD_BYTE 0xee

/* A world's numbers are offsets from the arena's start. */
struct world {
	struct plan_copy copies[PIECES_MAX];
	struct plan_range zeros[PIECES_MAX], frees[RANGES_MAX];
	uint32_t copy_count, zero_count, free_count, cells;
};

static unsigned char guarded[ARENA_MAX + 2 * GUARD], *arena = guarded + GUARD;
static struct segue_move list[LIST_MAX + 1];
static uint32_t list_count;
static uint64_t plan_memory[65536], replay_memory[65536];

static unsigned long long worlds, replays, broken_cycles, exchanges, damaged, damaged_right, doubtful, calls_checked;
static uint32_t longest[PIECES_MAX + 1];
static unsigned long failures;

static void show(const struct world *w, const char *what, unsigned long at)
{
	if (++failures > 10)
		exit(1);
	printf("FAILED: %s (%lu); memory %u\n", what, at, w->cells);
	for (uint32_t i = 0; i < w->copy_count; i++)
		printf("  copy to %u from %u size %u\n", (unsigned)w->copies[i].dst, (unsigned)w->copies[i].src,
			(unsigned)w->copies[i].size);
	for (uint32_t i = 0; i < w->zero_count; i++)
		printf("  zero [%u, %u)\n", (unsigned)w->zeros[i].start, (unsigned)w->zeros[i].end);
	for (uint32_t i = 0; i < w->free_count; i++)
		printf("  free [%u, %u)\n", (unsigned)w->frees[i].start, (unsigned)w->frees[i].end);
	for (uint32_t i = 0; i < list_count; i++)
		printf("  move %u: op %u to %d from %d size %u\n", i, list[i].op,
			(int)(list[i].dst - (uintptr_t)arena), (int)(list[i].src - (uintptr_t)arena), list[i].size);
}

static int collect(void *context, const struct segue_move *move)
{
	(void)context;
	if (list_count == LIST_MAX)
		return 1;
	list[list_count++] = *move;
	return 0;
}

#ifdef MOVER
static void execute(void)
{
	const struct segue_move *first = list;

	__asm__ volatile(
		"push %%ebp\n\tpush %%ebx\n\tcall segue_purgatory_move\n\tpop %%ebx\n\tpop %%ebp\n\tcld"
		: "+S"(first) : : "eax", "ecx", "edx", "edi", "memory", "cc");
}
#else
static void execute(void)
{
	executor_model(list);
}
#endif

/* Runs the list on fresh memory; true if every cell is as it should be. */
static bool run(const struct world *w, const bool *writable, bool *outside)
{
	bool right = true;

	memset(guarded, GUARD_BYTE, sizeof(guarded));
	for (uint32_t i = 0; i < w->cells; i++)
		arena[i] = (unsigned char)(i + 1);
	list[list_count] = (struct segue_move){ .op = SEGUE_MOVE_END };
	execute();
	for (uint32_t i = 0; i < w->copy_count; i++)
		for (uint32_t k = 0; k < w->copies[i].size; k++)
			if (arena[w->copies[i].dst + k] != w->copies[i].src + k + 1)
				right = false;
	for (uint32_t i = 0; i < w->zero_count; i++)
		for (uint64_t k = w->zeros[i].start; k < w->zeros[i].end; k++)
			if (arena[k] != 0)
				right = false;
	*outside = false;
	for (uint32_t i = 0; i < w->cells; i++)
		if (!writable[i] && arena[i] != i + 1)
			*outside = true;
	for (uint32_t i = 0; i < GUARD; i++)
		if (guarded[i] != GUARD_BYTE || arena[w->cells + i] != GUARD_BYTE)
			*outside = true;
	return right;
}

/*
 * Is there an order of the copies, with adjacent ones joined, that reads every byte before it is written? Then nothing need
 * be set aside.
 */
static bool acyclic(const struct world *w)
{
	struct plan_copy copies[PIECES_MAX];
	uint32_t count = 0;
	bool picked = true;

	for (uint32_t i = 0; i < w->copy_count; i++)
		if (w->copies[i].dst != w->copies[i].src)
			copies[count++] = w->copies[i];
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < count; k++)
			if (copies[i].dst + copies[i].size == copies[k].dst && copies[i].src + copies[i].size == copies[k].src) {
				copies[i].size += copies[k].size;
				copies[k] = copies[--count];
				i = k = (uint32_t)-1;
				break;
			}
	while (picked) {
		picked = false;
		for (uint32_t v = 0; v < count && !picked; v++) {
			bool blocked = false;

			for (uint32_t u = 0; u < count; u++)
				if (u != v && copies[u].src < copies[v].dst + copies[v].size &&
				    copies[v].dst < copies[u].src + copies[u].size)
					blocked = true;
			if (!blocked) {
				copies[v] = copies[--count];
				picked = true;
			}
		}
	}
	return count == 0;
}

static const struct segue_move *entry(const void *context, uint32_t index)
{
	(void)context;
	return &list[index];
}

static struct world at; /* the world with the program's own addresses */

static enum replay_status replay(void)
{
	struct replay state;
	size_t size = segue_replay_memory(at.copy_count + at.zero_count + at.free_count, list_count + 1);
	uint32_t index = 0;

	if (size > sizeof(replay_memory))
		abort();
	segue_replay_begin(&state, replay_memory, size);
	for (uint32_t i = 0; i < at.free_count; i++)
		segue_replay_allow(&state, at.frees[i].start, at.frees[i].end);
	for (uint32_t i = 0; i < at.zero_count; i++)
		segue_replay_allow(&state, at.zeros[i].start, at.zeros[i].end);
	for (uint32_t i = 0; i < at.copy_count; i++) {
		const struct plan_copy *copy = &at.copies[i];

		segue_replay_allow(&state, copy->dst, copy->dst + copy->size);
	}
	segue_replay_moves(&state, entry, NULL, list_count + 1);
	for (uint32_t i = 0; i < at.copy_count; i++)
		segue_replay_check(&state, index++, at.copies[i].dst, at.copies[i].size, at.copies[i].src);
	for (uint32_t i = 0; i < at.zero_count; i++)
		segue_replay_check(&state, index++, at.zeros[i].start, at.zeros[i].end - at.zeros[i].start, REPLAY_ZEROS);
	return state.status;
}

static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Damages a correct list in one place: do the bytes and the replay agree? */
static void damage(const struct world *w, const bool *writable)
{
	uint32_t i = chance(list_count), k = chance(list_count);
	struct segue_move saved = list[i], other = list[k];
	enum replay_status verdict;
	bool backwards, right, outside;

	switch (chance(6)) {
	case 0:
		list[i] = other;
		list[k] = saved;
		break;
	case 1:
		list[i].dst += chance(2) ? 1u : (uint64_t)-1;
		break;
	case 2:
		if (saved.op != SEGUE_MOVE_ZERO)
			list[i].src += chance(2) ? 1u : (uint64_t)-1;
		break;
	case 3:
		if (list[i].size > 1)
			list[i].size--;
		else
			list[i].size++;
		break;
	case 4:
		list[i].op = 1 + chance(5);
		break;
	default:
		list[i] = other;
	}
	for (uint32_t n = 0; n < 2; n++) {
		const struct segue_move *move = &list[n ? i : k];
		int64_t distance = (int64_t)(move->dst - move->src);

		if (move->op != SEGUE_MOVE_ZERO &&
		    (move->src < (uintptr_t)guarded || move->src > (uintptr_t)guarded + sizeof(guarded) - ARENA_MAX / 2 - 1))
			goto out; /* a ZERO that became a COPY has no valid source */
		/* The mover need not behave like the model then. */
		backwards = (move->op == SEGUE_MOVE_COPY_UP && distance > 0 && distance < (int64_t)move->size) ||
			(move->op == SEGUE_MOVE_COPY_DOWN && distance < 0 && -distance < (int64_t)move->size);
		if (backwards)
			goto out;
	}
	right = run(w, writable, &outside);
	verdict = replay();
	damaged++;
	if (right && !outside)
		damaged_right++;
	/* A byte written outside may be restored, or be the same by chance, so the replay may refuse more than the bytes show. */
	if (verdict == REPLAY_OK && (!right || outside))
		show(w, "the replay accepts a list that is wrong", damaged);
	else if (verdict == REPLAY_WRONG && right)
		show(w, "the replay refuses a list that is right", damaged);
	else if (verdict == REPLAY_OUTSIDE && right && !outside)
		doubtful++;
	else if (verdict != REPLAY_OK && verdict != REPLAY_WRONG && verdict != REPLAY_OUTSIDE)
		show(w, "the replay refuses for another reason", (unsigned long)verdict);
out:
	list[i] = saved;
	if (k != i)
		list[k] = other;
}

static void check(const struct world *w)
{
	uintptr_t base = (uintptr_t)arena;
	struct plan_input input = {
		.copies = at.copies, .zeros = at.zeros, .free = at.frees,
		.copy_count = w->copy_count, .zero_count = w->zero_count, .free_count = w->free_count,
		.memory = plan_memory, .memory_size = segue_plan_memory(w->copy_count, w->zero_count, w->free_count),
		.emit = collect, .exchange = segue_plan_exchange
	};
	struct plan_result result;
	enum plan_status status;
	bool writable[ARENA_MAX] = { false }, outside;
	uint64_t payload = 0, in_place = 0, zeroed = 0, scratch = 0, moved = 0;

	at.copy_count = w->copy_count;
	at.zero_count = w->zero_count;
	at.free_count = w->free_count;
	for (uint32_t i = 0; i < w->copy_count; i++) {
		uint32_t k = i;

		/* Worlds are not in order, the planner's input is. */
		for (; k > 0 && at.copies[k - 1].dst > w->copies[i].dst + base; k--)
			at.copies[k] = at.copies[k - 1];
		at.copies[k] = w->copies[i];
		at.copies[k].dst += base;
		at.copies[k].src += base;
		if (w->copies[i].dst == w->copies[i].src)
			in_place += w->copies[i].size;
		else
			payload += w->copies[i].size;
		for (uint64_t k = 0; k < w->copies[i].size; k++)
			writable[w->copies[i].dst + k] = w->copies[i].dst != w->copies[i].src;
	}
	for (uint32_t i = 0; i < w->zero_count; i++) {
		at.zeros[i] = (struct plan_range){ w->zeros[i].start + base, w->zeros[i].end + base };
		zeroed += w->zeros[i].end - w->zeros[i].start;
		for (uint64_t k = w->zeros[i].start; k < w->zeros[i].end; k++)
			writable[k] = true;
	}
	for (uint32_t i = 0; i < w->free_count; i++)
		at.frees[i] = (struct plan_range){ w->frees[i].start + base, w->frees[i].end + base };
	if (input.memory_size > sizeof(plan_memory))
		abort();
	list_count = 0;
	worlds++;
	status = segue_plan(&input, &result);
	if (status != PLAN_OK) {
		show(w, "refused", (unsigned long)status);
		return;
	}
	for (uint32_t i = 0; i < w->free_count; i++) {
		uint64_t used = w->frees[i].end - w->frees[i].start;

		if (used > result.scratch - scratch)
			used = result.scratch - scratch;
		for (uint64_t k = 0; k < used; k++)
			writable[w->frees[i].start + k] = true;
		scratch += used;
		/* For the replay: what was taken. */
		at.frees[i].end = at.frees[i].start + used;
	}
	if (!run(w, writable, &outside))
		show(w, "wrong bytes", 0);
	if (outside)
		show(w, "bytes written outside", 0);
	for (uint32_t i = 0; i < list_count; i++)
		if (list[i].op == SEGUE_MOVE_COPY_UP || list[i].op == SEGUE_MOVE_COPY_DOWN)
			moved += list[i].size;
		else if (list[i].op != SEGUE_MOVE_ZERO)
			moved += 2 * (uint64_t)list[i].size;
	if (result.payload != payload || result.in_place != in_place || result.zeroed != zeroed ||
	    result.scratch != scratch || result.moves != list_count || result.moved != moved)
		show(w, "the plan's numbers are wrong", (unsigned long)result.payload);
	if (moved > payload + result.aside || moved > 3 * payload || moved < payload)
		show(w, "too many bytes moved", (unsigned long)moved);
	if (result.aside != 0 && acyclic(w))
		show(w, "bytes set aside without need", (unsigned long)result.aside);
	/* The replay takes as long as everything else together. */
	if (w->cells <= 6 || worlds % 4 == 0) {
		replays++;
		if (replay() != REPLAY_OK)
			show(w, "the replay refuses", 0);
	}
	if (result.exchanged)
		exchanges++;
	else if (result.aside)
		broken_cycles++;
	if (list_count > longest[w->copy_count])
		longest[w->copy_count] = list_count;
	if (list_count != 0 && worlds % 4 == 0)
		damage(w, writable);
}

/* Without free cells, with all unused cells, and with the first of them only. */
static void check_with_free(struct world *w)
{
	bool used[ARENA_MAX] = { false };

	for (uint32_t i = 0; i < w->copy_count; i++)
		for (uint64_t k = 0; k < w->copies[i].size; k++)
			used[w->copies[i].dst + k] = used[w->copies[i].src + k] = true;
	for (uint32_t i = 0; i < w->zero_count; i++)
		for (uint64_t k = w->zeros[i].start; k < w->zeros[i].end; k++)
			used[k] = true;
	w->free_count = 0;
	check(w);
	for (uint32_t i = 0; i < w->cells; i++) {
		if (used[i])
			continue;
		if (w->free_count != 0 && w->frees[w->free_count - 1].end == i)
			w->frees[w->free_count - 1].end++;
		else
			w->frees[w->free_count++] = (struct plan_range){ i, i + 1 };
	}
	if (w->free_count == 0)
		return;
	check(w);
	if (w->free_count == 1 && w->frees[0].end - w->frees[0].start == 1)
		return;
	w->frees[0].end = w->frees[0].start + 1;
	w->free_count = 1;
	check(w);
}

/* All placements of `left` more segments from cell `from` on. */
static void place(struct world *w, uint32_t left, uint32_t from)
{
	if (left == 0) {
		check_with_free(w);
		return;
	}
	for (uint32_t dst = from; dst < w->cells; dst++) {
		for (uint32_t size = 1; dst + size <= w->cells; size++) {
			for (uint32_t src = 0; src + size <= w->cells; src++) {
				w->copies[w->copy_count++] = (struct plan_copy){ dst, src, size };
				place(w, left - 1, dst + size);
				w->copy_count--;
			}
			w->zeros[w->zero_count++] = (struct plan_range){ dst, dst + size };
			place(w, left - 1, dst + size);
			w->zero_count--;
		}
	}
}

/*
 * Worlds of a target that comes back. Its memory is [target, target_end): some segments, and between them the host's bytes, or
 * zeros, or bytes that the host does not use. Saves take the host's bytes of it to any cells outside.
 */
#define SAVES_MAX 10u
enum gaps { GAPS_STAY, GAPS_CLEARED, GAPS_UNUSED, GAPS_KINDS };
struct calls {
	struct world w;
	struct plan_copy saves[SAVES_MAX]; /* by src */
	uint32_t save_count, target, target_end;
	bool taken[ARENA_MAX];        /* a segment or a save writes to it */
};

static void exchange(const struct calls *c)
{
	uintptr_t base = (uintptr_t)arena;

	for (list_count = 0; list_count < c->save_count; list_count++)
		list[list_count] = (struct segue_move){.dst = c->saves[list_count].src + base, .src = c->saves[list_count].dst + base,
						       .size = (uint32_t)c->saves[list_count].size, .op = SEGUE_MOVE_SWAP_UP};
	list[list_count] = (struct segue_move){ .op = SEGUE_MOVE_END };
	execute();
}

/* Crosses to the target by the plan, and by exchanges back, there, and back again. */
static void check_calls(const struct calls *c)
{
	unsigned char target[ARENA_MAX + 2 * GUARD], host[ARENA_MAX + 2 * GUARD];
	bool writable[ARENA_MAX] = { false }, outside;
	const struct world *w = &c->w;

	check(w);
	/* high.asm: where blob and staging are above 4 GiB, no move there overlaps itself. */
	for (uint32_t i = 0; i < list_count; i++)
		if (list[i].op != SEGUE_MOVE_ZERO && list[i].dst >= (uintptr_t)arena + c->target_end &&
		    list[i].src >= (uintptr_t)arena + c->target_end && list[i].dst < list[i].src + list[i].size &&
		    list[i].src < list[i].dst + list[i].size)
			show(w, "a move outside target memory overlaps itself", i);
	for (uint32_t i = 0; i < w->cells; i++)
		writable[i] = c->taken[i] || (i >= c->target && i < c->target_end);
	if (!run(w, writable, &outside))
		show(w, "wrong bytes in the target", 0);
	if (outside)
		show(w, "the plan of a call writes outside", 0);
	memcpy(target, guarded, sizeof guarded);
	memcpy(host, guarded, sizeof guarded);
	for (uint32_t i = 0; i < c->save_count; i++)
		for (uint64_t k = 0; k < c->saves[i].size; k++) {
			host[GUARD + c->saves[i].src + k] = (unsigned char)(c->saves[i].src + k + 1);
			host[GUARD + c->saves[i].dst + k] = target[GUARD + c->saves[i].src + k];
		}
	exchange(c);
	if (memcmp(guarded, host, sizeof host) != 0)
		show(w, "the host's bytes are not home", 1);
	exchange(c);
	if (memcmp(guarded, target, sizeof target) != 0)
		show(w, "the target's bytes are not back", 2);
	exchange(c);
	if (memcmp(guarded, host, sizeof host) != 0)
		show(w, "the host's bytes are not home", 3);
	calls_checked++;
}

static bool is_untouched(const struct calls *c, uint32_t at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (c->taken[at + i])
			return false;
	return true;
}

/* All ways to save what is left of target memory, from cell `from` on, in at most `left` pieces. */
static void save_rest(struct calls *c, uint32_t left, uint32_t from, enum gaps gaps)
{
	uint32_t most = 0;

	while (from < c->target_end && gaps == GAPS_UNUSED && !c->taken[from])
		from++;
	if (from == c->target_end) {
		struct world *w = &c->w;
		uint32_t copies = w->copy_count;

		for (uint32_t i = 0; i < c->save_count; i++)
			w->copies[w->copy_count++] = c->saves[i];
		check_calls(c);
		w->copy_count = copies;
		return;
	}
	if (left == 0)
		return;
	while (from + most < c->target_end && (gaps != GAPS_UNUSED || c->taken[from + most]))
		most++;
	for (uint32_t size = 1; size <= most; size++)
		for (uint32_t dst = 0; dst + size <= c->w.cells; dst++) {
			if ((dst + size > c->target && dst < c->target_end) || !is_untouched(c, dst, size))
				continue;
			memset(c->taken + dst, true, size);
			c->saves[c->save_count++] = (struct plan_copy){ dst, from, size };
			save_rest(c, left - 1, from + size, gaps);
			c->save_count--;
			memset(c->taken + dst, false, size);
		}
}

/* The segments are placed: each kind of gaps between them. */
static void fill_gaps(struct calls *c, uint32_t left)
{
	struct world *w = &c->w;
	uint32_t copies = w->copy_count, zeros = w->zero_count;

	for (enum gaps gaps = GAPS_STAY; gaps < GAPS_KINDS; gaps++) {
		bool read[ARENA_MAX] = { false };
		struct plan_range kept[PIECES_MAX];
		uint32_t zero = 0;

		memcpy(kept, w->zeros, zeros * sizeof *kept);
		w->free_count = w->zero_count = 0;
		for (uint32_t i = 0; i < copies; i++)
			for (uint64_t k = 0; k < w->copies[i].size; k++)
				read[w->copies[i].src + k] = true;
		for (uint32_t at = c->target; at < c->target_end; at++) {
			struct plan_range cell = { at, at + 1 };

			if (c->taken[at]) {
				if (zero < zeros && kept[zero].start == at)
					w->zeros[w->zero_count++] = kept[zero++];
			} else if (gaps == GAPS_CLEARED) {
				w->zeros[w->zero_count++] = cell;
			} else if (gaps == GAPS_STAY) {
				w->copies[w->copy_count++] = (struct plan_copy){ at, at, 1 };
			} else if (!read[at]) {
				w->frees[w->free_count++] = cell;
			}
		}
		save_rest(c, left, c->target, gaps);
		w->copy_count = copies;
		w->zero_count = zeros;
		w->free_count = 0;
		memcpy(w->zeros, kept, zeros * sizeof *kept);
	}
}

/* All placements of more segments in target memory, from cell `from` on; segments and saves are `left` more at most. */
static void place_calls(struct calls *c, uint32_t left, uint32_t from)
{
	struct world *w = &c->w;

	fill_gaps(c, left);
	/* At least one save. */
	if (left < 2)
		return;
	for (uint32_t dst = from; dst < c->target_end; dst++)
		for (uint32_t size = 1; dst + size <= c->target_end; size++) {
			memset(c->taken + dst, true, size);
			for (uint32_t src = 0; src + size <= w->cells; src++) {
				w->copies[w->copy_count++] = (struct plan_copy){ dst, src, size };
				place_calls(c, left - 1, dst + size);
				w->copy_count--;
			}
			w->zeros[w->zero_count++] = (struct plan_range){ dst, dst + size };
			place_calls(c, left - 1, dst + size);
			w->zero_count--;
			memset(c->taken + dst, false, size);
		}
}

static void place_targets(uint32_t cells, uint32_t pieces)
{
	for (uint32_t target = 0; target < cells; target++)
		for (uint32_t end = target + 1; end <= cells; end++) {
			struct calls c = { .w = { .cells = cells }, .target = target, .target_end = end };

			place_calls(&c, pieces, target);
		}
}

/* Target memory is the first cells. Segments fill most of it, from the cells above, where the saves go too. */
static void random_calls(void)
{
	uint32_t end = 4 + chance(24), others = end + chance(12), size;
	struct calls c = { .w = { .cells = end + others }, .target_end = end };
	struct world *w = &c.w;

	for (uint32_t at = 0; at < end && w->copy_count < SAVES_MAX; at += size) {
		size = 1 + chance(chance(2) ? end - at : 5) % (end - at);
		if (chance(4))
			w->copies[w->copy_count++] = (struct plan_copy){ at, end + chance(others - size + 1), size };
	}
	for (uint32_t at = 0, tries = 0; at < end; tries++) {
		uint32_t dst;

		if (c.save_count == SAVES_MAX || tries == 100)
			return;
		size = 1 + chance(chance(2) ? end - at : 5) % (end - at);
		dst = end + chance(others - size + 1);
		if (!is_untouched(&c, dst, size))
			continue;
		memset(c.taken + dst, true, size);
		c.saves[c.save_count++] = (struct plan_copy){ dst, at, size };
		at += size;
	}
	for (uint32_t i = 0; i < c.save_count; i++)
		w->copies[w->copy_count++] = c.saves[i];
	check_calls(&c);
}

/* Segments that nearly fill the memory, in an order that differs from their places. */
static void random_world(void)
{
	struct world w = { .cells = 8 + chance(ARENA_MAX - 8) };
	uint32_t dst = chance(4) ? 0 : chance(4), kind = chance(4);

	while (dst < w.cells && w.copy_count < PIECES_MAX && w.zero_count < PIECES_MAX) {
		uint32_t size = 1 + chance(kind == 0 ? 3 : kind == 1 ? 12 : w.cells / 2), src;

		if (size > w.cells - dst)
			size = w.cells - dst;
		src = chance(w.cells - size + 1);
		if (chance(12) == 0) {
			w.zeros[w.zero_count++] = (struct plan_range){ dst, dst + size };
		} else {
			uint32_t i = chance(w.copy_count + 1);

			w.copies[w.copy_count++] = w.copies[i];
			w.copies[i] = (struct plan_copy){ dst, src, size };
		}
		dst += size + (chance(6) ? 0 : chance(5));
	}
	check_with_free(&w);
}

/* The sources are a permutation of the destinations: nothing is free, and there are many cycles. */
static void random_permutation(void)
{
	struct world w = { .cells = 4 + chance(ARENA_MAX - 4) };
	uint32_t count = 2 + chance(PIECES_MAX - 2), src = 0, dst = 0, left = w.cells;
	uint32_t order[PIECES_MAX];
	struct plan_copy copies[PIECES_MAX];

	for (uint32_t i = 0; i < count; i++) {
		uint32_t k = chance(i + 1), size = i + 1 == count ? left : chance(left / 2 + 1);

		order[i] = order[k];
		order[k] = i;
		copies[i] = (struct plan_copy){ 0, src, size };
		src += size;
		left -= size;
	}
	for (uint32_t i = 0; i < count; i++) {
		copies[order[i]].dst = dst;
		dst += (uint32_t)copies[order[i]].size;
	}
	for (uint32_t i = 0; i < count; i++)
		if (copies[i].size != 0)
			w.copies[w.copy_count++] = copies[i];
	check_with_free(&w);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
	double start = now(), seconds = argc > 1 ? atof(argv[1]) : 50, last = 0, before;
	unsigned long long exhaustive, exhaustive_worlds = 0;
	uint32_t cells;

	/* The next arena has about four times as many. */
	for (cells = 1; cells <= 7 && now() - start + 4.5 * last < 0.4 * seconds; cells++) {
		before = now();
		place_targets(cells, 4);
		last = now() - before;
	}
	printf("all %llu worlds of a target that comes back, of up to 4 segments and saves in up to %u bytes\n",
		calls_checked, cells - 1);
	last = 0;
	/* The next arena has about five times as many worlds. */
	for (cells = 1; now() - start + 5.5 * last < 0.8 * seconds; cells++) {
		before = now();
		for (uint32_t k = 1; k <= 4; k++) {
			struct world w = { .cells = cells };

			exhaustive = worlds;
			place(&w, k, 0);
			printf("memory of %2u bytes, %u segments: %llu worlds\n", cells, k, worlds - exhaustive);
		}
		last = now() - before;
		exhaustive_worlds = worlds;
	}
	while (now() - start < seconds) {
		for (uint32_t i = 0; i < 200; i++) {
			random_world();
			random_permutation();
			random_calls();
		}
	}
	printf("all %llu worlds of up to 4 segments in up to %u bytes, then %llu random ones of up to %u in %u\n",
		exhaustive_worlds, cells - 1, worlds - exhaustive_worlds, PIECES_MAX, ARENA_MAX);
	printf("%llu plans broke cycles in free bytes, %llu exchanged in place; most moves for 1 to 4 copies: %u %u %u %u\n",
		broken_cycles, exchanges, longest[1], longest[2], longest[3], longest[4]);
	printf("%llu plans replayed, and %llu damaged ones, %llu of them still right; stray writes that left no trace in %llu\n",
		replays, damaged, damaged_right, doubtful);
#ifdef MOVER
	puts("executor: purgatory's mover");
#else
	puts("executor: the C model");
#endif
	printf("%llu passed, %lu failed\n", worlds - failures, failures);
	return failures != 0;
}
