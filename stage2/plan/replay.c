/* SPDX-License-Identifier: MIT */
/*
 * Memory is a set of disjoint runs. A run holds the original bytes of some
 * address, or zeros, or lost bytes. Each move takes runs out and puts runs in.
 * The runs are kept in a treap (a search tree by address that is a heap by
 * random weights), because short loops can split and join it.
 */
#include "plan/replay.h"

#include <stdbool.h>

#define NO_NODE 0u

enum { RUN_ORIGINAL, RUN_ZERO, RUN_LOST, RUN_FORBIDDEN, RUN_ALLOWED };

struct run_node {
	addr_t start, end;
	addr_t shift; /* RUN_ORIGINAL: what is at x was at x + shift before the first move */
	uint32_t left, right;
	uint32_t kind;  /* of a freed node: the next freed one */
};

static struct run_node *node(const struct replay *r, uint32_t index)
{
	return (struct run_node *)r->nodes + index;
}

/* Trees stay flat if the weights look random; they need not be secret. */
static uint32_t weight(uint32_t index)
{
	index *= 0x9e3779b1u;
	index ^= index >> 15;
	return index * 0x85ebca77u;
}

static addr_t least(addr_t a, addr_t b)
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

/* Returns NO_NODE, which may be written to, if the memory is used up. */
static uint32_t new_run(struct replay *r, addr_t start, addr_t end, uint32_t kind, addr_t shift)
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
	*node(r, index) = (struct run_node){ start, end, shift, NO_NODE, NO_NODE, kind };
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

/* Splits a tree into the bytes below `at` and the rest. */
static void divide(struct replay *r, uint32_t tree, addr_t at, uint32_t *low, uint32_t *high)
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
	if (last == NO_NODE || run->end <= at)
		return;
	rest = new_run(r, at, run->end, run->kind, run->shift);
	run->end = at;
	*above = join(r, rest, *above);
}

static const struct run_node *find(const struct replay *r, uint32_t tree, addr_t at)
{
	for (;;) {
		const struct run_node *run = node(r, tree);

		if (at < run->start)
			tree = run->left;
		else if (at >= run->end)
			tree = run->right;
		else
			return run;
	}
}

/* Appends to tree the contents of [from, from+size), moved to `to`. */
static void append(struct replay *r, uint32_t *tree, addr_t from, addr_t size, addr_t to)
{
	addr_t end = from + size, shift = from - to;

	while (from != end && r->status == REPLAY_OK) {
		const struct run_node *run = find(r, r->contents, from);
		addr_t next = least(end, run->end);

		*tree = join(r, *tree, new_run(r, from - shift, next - shift, run->kind, run->shift + shift));
		from = next;
	}
}

/* Replaces the contents of [start, end) by tree. */
static void put(struct replay *r, uint32_t *root, addr_t start, addr_t end, uint32_t tree)
{
	uint32_t low, middle, high;

	divide(r, *root, start, &low, &high);
	divide(r, high, end, &middle, &high);
	release(r, middle);
	*root = join(r, join(r, low, tree), high);
}

static void fill(struct replay *r, uint32_t *root, addr_t start, addr_t end, uint32_t kind)
{
	if (start != end && r->status == REPLAY_OK)
		put(r, root, start, end, new_run(r, start, end, kind, 0));
}

static void copy(struct replay *r, addr_t dst, addr_t src, uint32_t size, bool down)
{
	uint32_t tree = NO_NODE;
	addr_t distance = down ? src - dst : dst - src;

	/* The ranges overlap, and the direction overwrites bytes before they are read. */
	if (distance != 0 && distance < size) {
		fill(r, &r->contents, dst, dst + size, RUN_LOST);
		return;
	}
	append(r, &tree, src, size, dst);
	put(r, &r->contents, dst, dst + size, tree);
}

static void swap(struct replay *r, addr_t low, addr_t high, uint32_t size, bool down)
{
	addr_t distance = high - low;
	uint32_t tree = NO_NODE, other = NO_NODE, turn;

	if (distance == 0)
		return;
	if (distance >= size) {
		append(r, &tree, high, size, low);
		append(r, &other, low, size, high);
		put(r, &r->contents, low, low + size, tree);
		put(r, &r->contents, high, high + size, other);
		return;
	}
	/*
	 * The block of `distance` bytes at one end travels to the other end. It is
	 * rotated by the remainder of the size over the distance. All other bytes
	 * shift the other way.
	 */
	turn = size % (uint32_t)distance;
	if (down) {
		append(r, &tree, high + size - turn, turn, low);
		append(r, &tree, low + size, distance - turn, low + turn);
		append(r, &tree, low, size, high);
	} else {
		append(r, &tree, high, size, low);
		append(r, &tree, low + turn, distance - turn, low + size);
		append(r, &tree, low, turn, high + size - turn);
	}
	put(r, &r->contents, low, high + size, tree);
}

static void refuse(struct replay *r, enum replay_status status, uint32_t index, addr_t start, addr_t end)
{
	if (r->status != REPLAY_OK)
		return;
	r->status = status;
	r->result->index = index;
	r->result->at.start = start;
	r->result->at.end = end;
}

enum replay_status segue_replay_allow(struct replay *r, addr_t start, addr_t end)
{
	if (start > end)
		refuse(r, REPLAY_BAD_INPUT, 0, start, end);
	fill(r, &r->allowed, start, end, RUN_ALLOWED);
	return r->status;
}

/* True if all of [start, end) is of this kind; for RUN_ORIGINAL, the original bytes of start + shift. */
static void check(struct replay *r, enum replay_status blame, uint32_t index, addr_t start, addr_t end, uint32_t kind, addr_t shift)
{
	while (start < end && r->status == REPLAY_OK) {
		const struct run_node *run = find(r, kind == RUN_ALLOWED ? r->allowed : r->contents, start);
		addr_t next = least(end, run->end);

		if (run->kind != kind || (kind == RUN_ORIGINAL && run->shift != shift))
			refuse(r, blame, index, start, next);
		start = next;
	}
}

enum replay_status segue_replay_begin(struct replay *r, const struct replay_input *input, struct replay_result *result)
{
	size_t count = input->memory_size / sizeof(struct run_node);

	*r = (struct replay){ .input = input, .result = result, .nodes = input->memory, .used = 1, .status = REPLAY_OK };
	*result = (struct replay_result){ .index = 0 };
	r->node_count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
	if (r->node_count < 3)
		return r->status = REPLAY_MEMORY;
	r->contents = new_run(r, 0, ADDRESS_MAX, RUN_ORIGINAL, 0);
	r->allowed = new_run(r, 0, ADDRESS_MAX, RUN_FORBIDDEN, 0);
	for (uint32_t i = 0; i < input->copy_count; i++)
		segue_replay_allow(r, input->copies[i].dst, input->copies[i].dst + input->copies[i].size);
	for (uint32_t i = 0; i < input->zero_count; i++)
		segue_replay_allow(r, input->zeros[i].start, input->zeros[i].end);
	for (uint32_t i = 0; i < input->writable_count; i++)
		segue_replay_allow(r, input->writable[i].start, input->writable[i].end);
	return r->status;
}

enum replay_status segue_replay_move(struct replay *r, const struct segue_move *move)
{
	addr_t dst = (addr_t)move->dst, src = (addr_t)move->src;
	uint32_t size = move->size, op = move->op;
	bool swaps = op == SEGUE_MOVE_SWAP_UP || op == SEGUE_MOVE_SWAP_DOWN;

	if (r->status != REPLAY_OK || op == SEGUE_MOVE_END || op == SEGUE_MOVE_LINK || op == SEGUE_MOVE_DIGEST)
		return r->status;
	if (size == 0 || op > SEGUE_MOVE_LINK || dst != move->dst || src != move->src || dst > ADDRESS_MAX - size ||
	    src > ADDRESS_MAX - size)
		refuse(r, REPLAY_BAD_MOVE, r->moves, dst, dst + size);
	check(r, REPLAY_OUTSIDE, r->moves, dst, dst + size, RUN_ALLOWED, 0);
	if (swaps)
		check(r, REPLAY_OUTSIDE, r->moves, src, src + size, RUN_ALLOWED, 0);
	if (r->status != REPLAY_OK)
		return r->status;
	if (swaps)
		swap(r, least(dst, src), dst > src ? dst : src, size, op == SEGUE_MOVE_SWAP_DOWN);
	else if (op == SEGUE_MOVE_ZERO)
		fill(r, &r->contents, dst, dst + size, RUN_ZERO);
	else
		copy(r, dst, src, size, op == SEGUE_MOVE_COPY_DOWN);
	r->moves++;
	return r->status;
}

enum replay_status segue_replay_copy(struct replay *r, uint32_t index, const struct plan_copy *c)
{
	check(r, REPLAY_WRONG, index, c->dst, c->dst + c->size, RUN_ORIGINAL, c->src - c->dst);
	return r->status;
}

enum replay_status segue_replay_end(struct replay *r)
{
	const struct replay_input *in = r->input;

	for (uint32_t i = 0; i < in->copy_count; i++)
		segue_replay_copy(r, i, &in->copies[i]);
	for (uint32_t i = 0; i < in->zero_count; i++)
		check(r, REPLAY_WRONG, in->copy_count + i, in->zeros[i].start, in->zeros[i].end, RUN_ZERO, 0);
	return r->status;
}

size_t segue_replay_memory(uint32_t copies, uint32_t zeros, uint32_t writable, uint32_t moves)
{
	uint64_t nodes = 2 * ((uint64_t)copies + zeros + writable) + 4 * (uint64_t)moves + 16;

	if (nodes > SIZE_MAX / sizeof(struct run_node))
		return 0;
	return (size_t)nodes * sizeof(struct run_node);
}
