/* SPDX-License-Identifier: MIT */
/*
 * Memory is a list of disjoint runs, sorted by address. A run holds the bytes that
 * were at some address before the first move, or zeros. A move replaces the runs of
 * its destination by copies of the runs of its source.
 *
 * First all addresses at which moves start are sorted. Each has a run reserved for
 * it, its anchor. A table has the anchors of each move's two addresses, so that a
 * move need not search the list. An anchor is live while it is in the list. A
 * bitmap with summaries marks the live anchors; with it the last live one at or
 * below any anchor is found in a few steps. Runs that start at other addresses
 * are in the list after the last live anchor below them.
 */
#include "plan/plan_sort.h"
#include "plan/replay.h"

#include <stdbool.h>

#define ZEROS REPLAY_ZEROS

/* The run FIRST is the anchor of address 0, always live. Run 0 ends the list: it starts at ADDRESS_MAX. */
#define FIRST 1u

/* The runs of the move that comes this many moves later are prefetched. */
#define AHEAD 8u

/* There are many runs, and a workspace is small: links have 32 bits, and the structure is packed. */
#if UINTPTR_MAX > UINT32_MAX
typedef uint32_t run_link;
#else
typedef struct run *run_link;
#endif

struct run {
	addr_t start;
	addr_t origin; /* where these bytes were before the first move, or ZEROS */
	run_link next; /* the next run in the list; of a freed run, the next freed one */
} __attribute__((packed, aligned(4)));

#if UINTPTR_MAX > UINT32_MAX
static struct run *next_of(const struct replay *r, const struct run *run)
{
	return r->runs + run->next;
}

static void set_next(const struct replay *r, struct run *run, const struct run *next)
{
	run->next = (uint32_t)(next - r->runs);
}
#else
static struct run *next_of(const struct replay *r, const struct run *run)
{
	(void)r;
	return run->next;
}

static void set_next(const struct replay *r, struct run *run, struct run *next)
{
	(void)r;
	run->next = next;
}
#endif

/* Runs that will be put into the list. The last one ends at `to`. */
struct chain {
	struct run *first, *last;
	addr_t to;
};

static void refuse(struct replay *r, enum replay_status status, addr_t start, addr_t end)
{
	if (r->status != REPLAY_OK)
		return;
	r->status = status;
	r->at.start = start;
	r->at.end = end;
}

/* memory */

static void *take(struct replay *r, size_t count, size_t size, bool high)
{
	unsigned char *taken = r->low;

	if (r->status != REPLAY_OK)
		return NULL;
	if (count >= (size_t)(r->high - r->low) / size) {
		r->status = REPLAY_MEMORY;
		return NULL;
	}
	size *= count;
	if (high)
		return r->high -= (size + 7) & ~(size_t)7;
	r->low += size;
	return taken;
}

/* Returns run 0 if the memory is used up. */
static struct run *new_run(struct replay *r, addr_t start, addr_t origin)
{
	struct run *run = r->spare;

	if (run != r->runs)
		r->spare = next_of(r, run);
	else if ((run = take(r, 1, sizeof(*run), false)) == NULL)
		return r->runs;
	run->start = start;
	run->origin = origin;
	return run;
}

static void release(struct replay *r, struct run *run)
{
	set_next(r, run, r->spare);
	r->spare = run;
}

/* the bitmap of live anchors */

static void set_live(struct replay *r, uint32_t anchor)
{
	for (uint32_t **level = r->live; level < r->live + REPLAY_LEVELS; level++, anchor /= 32)
		(*level)[anchor / 32] |= 1u << anchor % 32;
}

static void clear_live(struct replay *r, uint32_t anchor)
{
	uint32_t *word;

	for (uint32_t **level = r->live;; level++, anchor /= 32) {
		word = *level + anchor / 32;
		*word &= ~(1u << anchor % 32);
		if (*word != 0)
			return;
	}
}

static uint32_t last_live(const struct replay *r, uint32_t anchor)
{
	uint32_t *const *level = r->live, word;

	while ((word = (*level)[anchor / 32] & ((2u << anchor % 32) - 1)) == 0) {
		anchor = anchor / 32 - 1;
		level++;
	}
	anchor /= 32;
	for (;;) {
		anchor = anchor * 32 + 31 - (uint32_t)__builtin_clz(word);
		if (level == r->live)
			return anchor;
		word = (*--level)[anchor];
	}
}

/* runs */

/* The last anchor at or below `at`. The search starts at the given one, which must not be above `at`. */
static uint32_t anchor_at(const struct replay *r, uint32_t anchor, addr_t at)
{
	for (uint32_t step = 1; step != 0;) {
		if (step < r->anchors - anchor && r->runs[anchor + step].start <= at) {
			anchor += step;
			step *= 2;
		} else {
			step /= 2;
		}
	}
	return anchor;
}

/* The run that holds `at`. The anchor is the last one at or below `at`. */
static struct run *run_at(const struct replay *r, uint32_t anchor, addr_t at)
{
	struct run *run = &r->runs[last_live(r, anchor)], *next;

	while (run->start < at && (next = next_of(r, run))->start <= at)
		run = next;
	return run;
}

static addr_t origin_at(const struct run *run, addr_t at)
{
	return run->origin == ZEROS ? ZEROS : run->origin + (at - run->start);
}

/* Where the run ends, or `end` if that is lower. */
static addr_t end_of(const struct replay *r, const struct run *run, addr_t end)
{
	addr_t next = next_of(r, run)->start;

	return next < end ? next : end;
}

/* Makes a run start at `at` and returns it. The anchor must not be above `at`. */
static struct run *split(struct replay *r, uint32_t anchor, addr_t at)
{
	struct run *before, *run;
	addr_t origin;

	anchor = anchor_at(r, anchor, at);
	before = run_at(r, anchor, at);
	if (before->start == at)
		return before;
	origin = origin_at(before, at);
	run = &r->runs[anchor];
	if (run->start == at) {
		run->origin = origin;
		set_live(r, anchor);
	} else {
		run = new_run(r, at, origin);
	}
	run->next = before->next;
	set_next(r, before, run);
	return run;
}

/* Extends the chain by what [from, from+size) holds. The anchor must not be above from. */
static void append(struct replay *r, struct chain *chain, uint32_t anchor, addr_t from, addr_t size)
{
	struct run *run = run_at(r, anchor_at(r, anchor, from), from), *new;
	addr_t end = from + size, next, origin;

	for (; from != end && r->status == REPLAY_OK; run = next_of(r, run)) {
		next = end_of(r, run, end);
		origin = origin_at(run, from);
		/* Bytes whose origins end at ADDRESS_MAX do not go on as zeros. */
		if (chain->last == NULL || origin_at(chain->last, chain->to) != origin ||
		    (origin == ZEROS && chain->last->origin != ZEROS)) {
			new = new_run(r, chain->to, origin);
			if (chain->last == NULL)
				chain->first = new;
			else
				set_next(r, chain->last, new);
			chain->last = new;
		}
		chain->to += next - from;
		from = next;
	}
}

/* Replaces the runs from the anchor's address to the chain's end by the chain. */
static void put(struct replay *r, uint32_t anchor, const struct chain *chain)
{
	struct run *high = split(r, anchor, chain->to), *last = split(r, anchor, r->runs[anchor].start), *run, *next, *place;

	if (r->status != REPLAY_OK)
		return;
	for (run = next_of(r, last); run != high; run = next) {
		next = next_of(r, run);
		if (run < r->runs + r->anchors)
			clear_live(r, (uint32_t)(run - r->runs));
		else
			release(r, run);
	}
	next = chain->first;
	do {
		run = next;
		next = next_of(r, run);
		anchor = anchor_at(r, anchor, run->start);
		place = &r->runs[anchor];
		if (place->start == run->start) {
			place->origin = run->origin;
			set_live(r, anchor);
			release(r, run);
		} else {
			place = run;
		}
		set_next(r, last, place);
		last = place;
	} while (run != chain->last);
	set_next(r, last, high);
}

static void zero(struct replay *r, uint32_t anchor, addr_t size)
{
	addr_t start = r->runs[anchor].start;
	struct chain chain = { .to = start + size };

	chain.first = chain.last = new_run(r, start, ZEROS);
	put(r, anchor, &chain);
}

/* Checks that [start, start+size) holds the bytes from origin on, or zeros. The anchor must not be above start. */
static void check(struct replay *r, enum replay_status blame, uint32_t anchor, addr_t start, addr_t size, addr_t origin)
{
	const struct run want = { .start = start, .origin = origin }, *run = run_at(r, anchor, start);
	addr_t end = start + size, next;

	for (; start != end && r->status == REPLAY_OK; run = next_of(r, run)) {
		next = end_of(r, run, end);
		if (origin_at(run, start) != origin_at(&want, start))
			refuse(r, blame, start, next);
		start = next;
	}
}

/* the list */

/* The addresses 2i and 2i+1 are dst and src of move i; after these come the starts and ends of the allowed ranges. */
static addr_t address_at(const void *context, uint32_t index)
{
	const struct replay *r = context;
	const struct segue_move *move;

	if (index >= 2 * r->move_count)
		return r->allowed[index - 2 * r->move_count];
	move = r->move(r->list, index / 2);
	return (addr_t)(index % 2 == 0 ? move->dst : move->src);
}

/* Makes the anchors. Returns a table with the index of each address's anchor. */
static uint32_t *make_anchors(struct replay *r)
{
	uint32_t count = 2 * r->move_count + r->allowed_count;
	struct sort_entry *spare = take(r, count, sizeof(*spare), false), *sorted = take(r, count, sizeof(*sorted), true);
	uint32_t *anchors = (uint32_t *)spare;
	struct run *last;

	if (sorted == NULL)
		return NULL;
	segue_plan_sort(sorted, spare, count, address_at, r);
	r->low = (unsigned char *)spare + ((count * sizeof(*anchors) + 7) & ~(size_t)7);
	last = r->runs = take(r, FIRST + 1, sizeof(*last), false);
	if (last == NULL)
		return NULL;
	last->start = ADDRESS_MAX;
	(++last)->start = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t address = sorted[i].index;
		addr_t start = address_at(r, address);

		if (start > last->start) {
			/* The anchors may overwrite sorted entries, but only those that have been read. */
			if ((unsigned char *)(last + 2) > (unsigned char *)(sorted + i)) {
				r->status = REPLAY_MEMORY;
				return NULL;
			}
			(++last)->start = start;
		}
		anchors[address] = (uint32_t)(last - r->runs);
	}
	r->anchors = (uint32_t)(last - r->runs) + 1;
	return anchors;
}

/* Sets memory to its state before the first move. */
static void begin_pass(struct replay *r)
{
	uint32_t words = r->anchors;

	r->low = (unsigned char *)(r->runs + r->anchors);
	r->high = r->end;
	r->spare = r->runs;
	for (uint32_t level = 0; level < REPLAY_LEVELS; level++) {
		words = words / 32 + 1;
		r->live[level] = take(r, words, sizeof(uint32_t), true);
		for (uint32_t i = 0; i < words && r->live[level] != NULL; i++)
			r->live[level][i] = 0;
	}
	if (r->status != REPLAY_OK)
		return;
	r->runs[FIRST].origin = 0;
	set_next(r, &r->runs[FIRST], r->runs);
	set_live(r, FIRST);
}

static bool swaps(const struct segue_move *move)
{
	return move->op == SEGUE_MOVE_SWAP_UP || move->op == SEGUE_MOVE_SWAP_DOWN;
}

/* Checks that the move is valid and writes only allowed bytes. In the first pass these hold zeros, and no others do. */
static void check_move(struct replay *r, const struct segue_move *move, const uint32_t *anchors)
{
	addr_t dst = (addr_t)move->dst, src = (addr_t)move->src, size = move->size;
	/* If source and destination overlap, the copy's direction must be the one that reads each byte before it is written. */
	addr_t backwards = move->op == SEGUE_MOVE_COPY_UP ? dst - src : move->op == SEGUE_MOVE_COPY_DOWN ? src - dst : 0;

	if (size == 0 || move->op > SEGUE_MOVE_LINK || dst != move->dst || src != move->src || dst > ADDRESS_MAX - size ||
	    src > ADDRESS_MAX - size || r->runs[anchors[0]].start != dst || r->runs[anchors[1]].start != src ||
	    (backwards != 0 && backwards < size)) {
		refuse(r, REPLAY_BAD_MOVE, dst, dst + size);
		return;
	}
	check(r, REPLAY_OUTSIDE, anchors[0], dst, size, ZEROS);
	if (swaps(move))
		check(r, REPLAY_OUTSIDE, anchors[1], src, size, ZEROS);
}

static void make_move(struct replay *r, const struct segue_move *move, const uint32_t *anchors)
{
	bool upward = move->dst < move->src;
	uint32_t low_anchor = anchors[!upward], high_anchor = anchors[upward];
	addr_t low = r->runs[low_anchor].start, high = r->runs[high_anchor].start, distance = high - low, size = move->size;
	struct chain chain = { .to = (addr_t)move->dst }, other = { .to = high };
	addr_t turn = size, first, last;

	if (move->op == SEGUE_MOVE_ZERO) {
		zero(r, anchors[0], size);
		return;
	}
	if (!swaps(move)) {
		append(r, &chain, anchors[1], (addr_t)move->src, size);
		put(r, anchors[0], &chain);
		return;
	}
	if (distance == 0)
		return;
	/*
	 * A swap. Where both overlap, the block of `distance` bytes at one end travels to the other end. It is rotated by the
	 * remainder of the size over the distance. All other bytes shift the other way.
	 */
	chain.to = low;
	if (distance <= size)
		turn = size % distance;
	first = move->op == SEGUE_MOVE_SWAP_DOWN ? turn : size;
	last = turn + size - first;
	append(r, &chain, high_anchor, high + size - first, first);
	if (distance <= size) {
		append(r, &chain, low_anchor, low + last, distance - turn);
		append(r, &chain, low_anchor, low, last);
	} else {
		append(r, &other, low_anchor, low, size);
		put(r, high_anchor, &other);
	}
	put(r, low_anchor, &chain);
}

/* the steps */

void segue_replay_begin(struct replay *r, void *memory, size_t size)
{
	*r = (struct replay){ .low = memory, .allowed = memory };
	r->high = r->end = r->low + (size & ~(size_t)7);
}

void segue_replay_allow(struct replay *r, addr_t start, addr_t end)
{
	if (start > end)
		refuse(r, REPLAY_BAD_INPUT, start, end);
	if (start == end || take(r, 2, sizeof(addr_t), false) == NULL)
		return;
	r->allowed[r->allowed_count++] = start;
	r->allowed[r->allowed_count++] = end;
}

static bool is_digest(const struct segue_move *move)
{
	return (move->op & ((1u << SEGUE_MOVE_OP_BITS) - 1)) == SEGUE_MOVE_DIGEST;
}

void segue_replay_moves(struct replay *r, replay_list *move, const void *list, uint32_t count)
{
	uint32_t *anchors;

	r->move = move;
	r->list = list;
	r->move_count = count;
	anchors = make_anchors(r);
	for (uint32_t pass = 0; pass < 2 && r->status == REPLAY_OK; pass++) {
		begin_pass(r);
		for (uint32_t i = 0; pass == 0 && i < r->allowed_count && r->status == REPLAY_OK; i += 2)
			zero(r, anchors[2 * count + i], r->allowed[i + 1] - r->allowed[i]);
		for (uint32_t i = 0; i < count && r->status == REPLAY_OK; i++) {
			const struct segue_move *next = move(list, i);

			if (count - i > AHEAD) {
				__builtin_prefetch(&r->runs[anchors[2 * (i + AHEAD)]]);
				__builtin_prefetch(&r->runs[anchors[2 * (i + AHEAD) + 1]]);
			}
			if (next->op == SEGUE_MOVE_END || next->op == SEGUE_MOVE_LINK || is_digest(next))
				continue;
			r->index = i;
			if (pass == 0)
				check_move(r, next, anchors + 2 * i);
			else
				make_move(r, next, anchors + 2 * i);
		}
	}
	r->near = FIRST;
}

enum replay_status segue_replay_check(struct replay *r, uint32_t index, addr_t dst, addr_t size, addr_t src)
{
	if (r->status != REPLAY_OK)
		return r->status;
	r->index = index;
	if (dst > ADDRESS_MAX - size || (src != REPLAY_ZEROS && src > ADDRESS_MAX - size)) {
		refuse(r, REPLAY_BAD_INPUT, dst, dst + size);
		return r->status;
	}
	if (r->runs[r->near].start > dst)
		r->near = FIRST;
	r->near = anchor_at(r, r->near, dst);
	check(r, REPLAY_WRONG, r->near, dst, size, src);
	return r->status;
}

size_t segue_replay_memory(uint32_t ranges, uint32_t moves)
{
	/*
	 * Each range needs its two bounds. Each address, two for a range and two for a move, needs two sort entries; later it
	 * needs an anchor's index, two runs and its bits in the bitmap instead.
	 */
	uint64_t bytes = (uint64_t)ranges * (2 * sizeof(addr_t)) +
		((uint64_t)ranges + moves) * (2 * (sizeof(struct sort_entry) + 2 * sizeof(struct run) + 1)) + 1024;

	return bytes > SIZE_MAX ? 0 : (size_t)bytes;
}
