/* SPDX-License-Identifier: MIT */
/*
 * All memory is a set of disjoint runs: "these bytes are the original ones of
 * that place", "zero", "lost". Each move takes runs out and puts runs in. The
 * runs are kept in a treap, a search tree by address that is a heap by random
 * numbers, because it can be cut in two and joined again by short loops.
 */
#include "replay.h"

#include <stdbool.h>

#define NO_NODE 0u

enum { RUN_ORIGINAL, RUN_ZERO, RUN_LOST, RUN_FORBIDDEN, RUN_ALLOWED };

struct run_node {
	uint64_t start, size;
	uint64_t origin; /* RUN_ORIGINAL: where the first byte was before the first move; else 0 */
	uint32_t left, right;
	uint32_t kind;   /* of a freed node: the next freed one */
};

static struct run_node *node(const struct replay *r, uint32_t index)
{
	return (struct run_node *)r->nodes + index;
}

/* Trees stay flat if weights look random; they need not be unknown to anybody. */
static uint32_t weight(uint32_t index)
{
	index *= 0x9e3779b1u;
	index ^= index >> 15;
	return index * 0x85ebca77u;
}

static uint64_t end_of(const struct run_node *run)
{
	return run->start + run->size;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void release(struct replay *r, uint32_t tree)
{
	if (tree == NO_NODE)
		return;
	node(r, tree)->kind = r->spare;
	r->spare = tree;
}

/* NO_NODE, which may be written to, when memory is used up. */
static uint32_t new_run(struct replay *r, uint64_t start, uint64_t size, uint32_t kind, uint64_t origin)
{
	uint32_t index = r->spare;

	if (index != NO_NODE) {
		r->spare = node(r, index)->kind;
		release(r, node(r, index)->left);
		release(r, node(r, index)->right);
	} else if (r->used < r->node_count) {
		index = r->used++;
	} else {
		r->status = REPLAY_MEMORY;
		return NO_NODE;
	}
	*node(r, index) = (struct run_node){ start, size, origin, NO_NODE, NO_NODE, kind };
	return index;
}

static uint32_t join(struct replay *r, uint32_t low, uint32_t high)
{
	uint32_t root = NO_NODE, *link = &root;

	while (low != NO_NODE && high != NO_NODE) {
		if (weight(low) > weight(high)) {
			*link = low;
			link = &node(r, low)->right;
			low = *link;
		} else {
			*link = high;
			link = &node(r, high)->left;
			high = *link;
		}
	}
	*link = low != NO_NODE ? low : high;
	return root;
}

/* Into the bytes below `at` and the rest. */
static void divide(struct replay *r, uint32_t tree, uint64_t at, uint32_t *low, uint32_t *high)
{
	uint32_t last = NO_NODE, rest, *above = high;
	struct run_node *run;

	while (tree != NO_NODE) {
		run = node(r, tree);
		if (run->start < at) {
			last = tree;
			*low = tree;
			low = &run->right;
			tree = run->right;
		} else {
			*high = tree;
			high = &run->left;
			tree = run->left;
		}
	}
	*low = NO_NODE;
	*high = NO_NODE;
	run = node(r, last);
	if (last == NO_NODE || end_of(run) <= at)
		return;
	rest = new_run(r, at, end_of(run) - at, run->kind, run->kind == RUN_ORIGINAL ? run->origin + (at - run->start) : 0);
	run->size = at - run->start;
	*above = join(r, rest, *above);
}

static const struct run_node *find(const struct replay *r, uint32_t tree, uint64_t at)
{
	for (;;) {
		const struct run_node *run = node(r, tree);

		if (at < run->start)
			tree = run->left;
		else if (at >= end_of(run))
			tree = run->right;
		else
			return run;
	}
}

/* Appends to tree what lies at [from, from+size), to be at `to`. */
static void append(struct replay *r, uint32_t *tree, uint64_t from, uint64_t size, uint64_t to)
{
	while (size != 0 && r->status == REPLAY_OK) {
		const struct run_node *run = find(r, r->contents, from);
		uint64_t part = least(size, end_of(run) - from);
		uint64_t origin = run->kind == RUN_ORIGINAL ? run->origin + (from - run->start) : 0;

		*tree = join(r, *tree, new_run(r, to, part, run->kind, origin));
		from += part;
		to += part;
		size -= part;
	}
}

/* Puts tree where [start, start+size) was. */
static void put(struct replay *r, uint32_t *root, uint64_t start, uint64_t size, uint32_t tree)
{
	uint32_t low, middle, high;

	divide(r, *root, start, &low, &high);
	divide(r, high, start + size, &middle, &high);
	release(r, middle);
	*root = join(r, join(r, low, tree), high);
}

static void fill(struct replay *r, uint32_t *root, uint64_t start, uint64_t size, uint32_t kind)
{
	if (size != 0)
		put(r, root, start, size, new_run(r, start, size, kind, 0));
}

static void copy(struct replay *r, uint64_t dst, uint64_t src, uint64_t size, bool down)
{
	uint32_t tree = NO_NODE;
	uint64_t distance = down ? src - dst : dst - src;

	/* Overlapping in the direction that overwrites what is still to be read. */
	if (distance != 0 && distance < size) {
		fill(r, &r->contents, dst, size, RUN_LOST);
		return;
	}
	append(r, &tree, src, size, dst);
	put(r, &r->contents, dst, size, tree);
}

static void swap(struct replay *r, uint64_t dst, uint64_t src, uint32_t size, bool down)
{
	uint64_t low = least(dst, src), distance = dst > src ? dst - src : src - dst;
	uint32_t tree = NO_NODE, turn;

	if (distance == 0)
		return;
	if (distance >= size) {
		uint32_t other = NO_NODE;

		append(r, &tree, src, size, dst);
		append(r, &other, dst, size, src);
		put(r, &r->contents, dst, size, tree);
		put(r, &r->contents, src, size, other);
		return;
	}
	/*
	 * The block of `distance` bytes at one end travels to the other, turned
	 * round itself by what the size is over a multiple of the distance;
	 * everything else shifts the other way.
	 */
	turn = size % (uint32_t)distance;
	if (down) {
		append(r, &tree, low + size + distance - turn, turn, low);
		append(r, &tree, low + size, distance - turn, low + turn);
		append(r, &tree, low, size, low + distance);
	} else {
		append(r, &tree, low + distance, size, low);
		append(r, &tree, low + turn, distance - turn, low + size);
		append(r, &tree, low, turn, low + size + distance - turn);
	}
	put(r, &r->contents, low, size + distance, tree);
}

static void refuse(struct replay *r, enum replay_status status, uint32_t index, uint64_t start, uint64_t size)
{
	if (r->status != REPLAY_OK)
		return;
	r->status = status;
	r->result->index = index;
	r->result->at.start = start;
	r->result->at.end = start + size;
}

static void allow(struct replay *r, uint64_t start, uint64_t end)
{
	if (start > end)
		refuse(r, REPLAY_BAD_INPUT, 0, start, end - start);
	else if (r->status == REPLAY_OK)
		fill(r, &r->allowed, start, end - start, RUN_ALLOWED);
}

static void check_allowed(struct replay *r, uint64_t start, uint64_t size)
{
	while (size != 0) {
		const struct run_node *run = find(r, r->allowed, start);
		uint64_t part = least(size, end_of(run) - start);

		if (run->kind != RUN_ALLOWED)
			refuse(r, REPLAY_OUTSIDE, r->moves, start, part);
		start += part;
		size -= part;
	}
}

enum replay_status segue_replay_begin(struct replay *r, const struct replay_input *input, struct replay_result *result)
{
	size_t count = input->memory_size / sizeof(struct run_node);

	*r = (struct replay){ .input = input, .result = result, .nodes = input->memory, .used = 1, .status = REPLAY_OK };
	*result = (struct replay_result){ .kind = PLAN_KIND_NONE };
	r->node_count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
	if (r->node_count < 3)
		return r->status = REPLAY_MEMORY;
	r->contents = new_run(r, 0, UINT64_MAX, RUN_ORIGINAL, 0);
	r->allowed = new_run(r, 0, UINT64_MAX, RUN_FORBIDDEN, 0);
	for (uint32_t i = 0; i < input->copy_count; i++)
		allow(r, input->copies[i].dst, input->copies[i].dst + input->copies[i].size);
	for (uint32_t i = 0; i < input->zero_count; i++)
		allow(r, input->zeros[i].start, input->zeros[i].end);
	for (uint32_t i = 0; i < input->writable_count; i++)
		allow(r, input->writable[i].start, input->writable[i].end);
	return r->status;
}

enum replay_status segue_replay_move(struct replay *r, const struct segue_move *move)
{
	uint64_t dst = move->dst, src = move->src;
	uint32_t size = move->size;
	bool swaps = move->op == SEGUE_MOVE_SWAP_UP || move->op == SEGUE_MOVE_SWAP_DOWN;

	if (r->status != REPLAY_OK || move->op == SEGUE_MOVE_END || move->op == SEGUE_MOVE_LINK)
		return r->status;
	if (size == 0 || move->op > SEGUE_MOVE_LINK || dst > UINT64_MAX - size || src > UINT64_MAX - size)
		refuse(r, REPLAY_BAD_MOVE, r->moves, dst, size);
	else
		check_allowed(r, dst, size);
	if (swaps && r->status == REPLAY_OK)
		check_allowed(r, src, size);
	if (r->status != REPLAY_OK)
		return r->status;
	if (swaps)
		swap(r, dst, src, size, move->op == SEGUE_MOVE_SWAP_DOWN);
	else if (move->op == SEGUE_MOVE_ZERO)
		fill(r, &r->contents, dst, size, RUN_ZERO);
	else
		copy(r, dst, src, size, move->op == SEGUE_MOVE_COPY_DOWN);
	r->moves++;
	return r->status;
}

/* [start, start+size) has to hold what was at src, or zeros. */
static void check_contents(struct replay *r, enum plan_kind kind, uint32_t index, uint64_t start, uint64_t size, uint64_t src)
{
	while (size != 0 && r->status == REPLAY_OK) {
		const struct run_node *run = find(r, r->contents, start);
		uint64_t part = least(size, end_of(run) - start);
		bool right = run->kind == RUN_ZERO;

		if (kind == PLAN_KIND_COPY)
			right = run->kind == RUN_ORIGINAL && run->origin + (start - run->start) == src;
		if (!right) {
			r->result->kind = kind;
			refuse(r, REPLAY_WRONG, index, start, part);
		}
		start += part;
		src += part;
		size -= part;
	}
}

enum replay_status segue_replay_end(struct replay *r)
{
	for (uint32_t i = 0; i < r->input->copy_count; i++) {
		const struct plan_copy *c = &r->input->copies[i];

		check_contents(r, PLAN_KIND_COPY, i, c->dst, c->size, c->src);
	}
	for (uint32_t i = 0; i < r->input->zero_count; i++) {
		const struct plan_range *zero = &r->input->zeros[i];

		check_contents(r, PLAN_KIND_ZERO, i, zero->start, zero->end - zero->start, 0);
	}
	return r->status;
}

size_t segue_replay_memory(uint32_t copies, uint32_t zeros, uint32_t writable, uint32_t moves)
{
	uint64_t nodes = 2 * ((uint64_t)copies + zeros + writable) + 4 * (uint64_t)moves + 16;

	if (nodes > SIZE_MAX / sizeof(struct run_node))
		return 0;
	return (size_t)nodes * sizeof(struct run_node);
}
