/* SPDX-License-Identifier: MIT */
/*
 * Writes the waiting pieces without any free RAM. W is the set of bytes that
 * they read or write. Bytes that are written but not read are junk. Junk moves
 * to the bytes that are read but not written, so that the whole is a
 * permutation of W: an exchange of intervals ("parts").
 *
 * One step works at W's end E (Rauzy's induction). a is the part whose
 * destination ends at E, b the one whose source ends there, l the length of the
 * shorter. Exchanging [E-l, E) with the last l bytes of a's source makes
 * [E-l, E) final, and the rest of W is an exchange of no more parts than
 * before. A part that overlaps itself would win many such steps in a row (for
 * example, a gigabyte rotated by a page); one looping exchange does them
 * together. So the length of the list grows with the number of parts and the
 * logarithm of their sizes, not with their sizes.
 *
 * Gaps in W do not matter: only the order does, and a part's source and its
 * destination are each one run.
 */
#include "plan/plan_internal.h"

struct exchange {
	struct plan *plan;
	struct part *parts;
	uint32_t count, real;
	uint32_t dst_last, src_last, src_first;
};

/* the list by source */

static void unlink_src(struct exchange *x, uint32_t index)
{
	struct part *part = &x->parts[index];

	if (part->src_prev != PLAN_NONE)
		x->parts[part->src_prev].src_next = part->src_next;
	else
		x->src_first = part->src_next;
	if (part->src_next != PLAN_NONE)
		x->parts[part->src_next].src_prev = part->src_prev;
	else
		x->src_last = part->src_prev;
}

static void insert_src(struct exchange *x, uint32_t index, uint32_t after)
{
	struct part *part = &x->parts[index];

	part->src_prev = after;
	part->src_next = after != PLAN_NONE ? x->parts[after].src_next : x->src_first;
	if (after != PLAN_NONE)
		x->parts[after].src_next = index;
	else
		x->src_first = index;
	if (part->src_next != PLAN_NONE)
		x->parts[part->src_next].src_prev = index;
	else
		x->src_last = index;
}

/* making the parts */

static void append(struct exchange *x, addr_t dst, addr_t src, uint32_t size, bool junk)
{
	struct part *part;

	if (size == 0)
		return;
	part = segue_plan_take(x->plan, 1, sizeof(*part), false);
	if (part == NULL)
		return;
	if (x->count == 0)
		x->parts = part;
	*part = (struct part){ .dst = dst, .src = src, .size = size, .junk = junk };
	x->count++;
}

/* Makes parts of the waiting bytes that have not been set aside, by destination. */
static void split_pieces(struct exchange *x)
{
	struct plan *p = x->plan;

	for (uint32_t i = 0; i < p->piece_count; i++) {
		struct piece *piece = &p->pieces[i];
		struct hole_walk walk = { .writer = piece->writer, .cut = PLAN_NONE };
		addr_t shift = piece->dst - piece->src, from = piece->src;

		if (!plan_waits(piece))
			continue;
		piece->slot = x->count;
		while (segue_plan_next_hole(p, piece, &walk)) {
			append(x, from + shift, from, (uint32_t)(walk.hole.src - from), false);
			from = walk.hole.src + walk.hole.size;
		}
		append(x, from + shift, from, (uint32_t)(piece->src + piece->size - from), false);
	}
	x->real = x->count;
}

static void link_by_src(struct exchange *x)
{
	struct plan *p = x->plan;

	for (uint32_t i = 0; i < p->node_count; i++) {
		const struct piece *piece = &p->pieces[p->by_src[i]];

		if (!plan_waits(piece))
			continue;
		for (uint32_t k = piece->slot; k < x->real; k++) {
			if (x->parts[k].src - piece->src >= piece->size)
				break;
			insert_src(x, k, x->src_last);
		}
	}
}

/* A walk over the bytes that are in one order and not in the other. */
struct difference {
	bool by_src;        /* source bytes that are no destination; else the reverse */
	uint32_t in, other; /* next parts of the two orders */
	addr_t at;
};

static uint32_t next_part(const struct exchange *x, uint32_t index, bool by_src)
{
	if (by_src)
		return x->parts[index].src_next;
	return index + 1 < x->real ? index + 1 : PLAN_NONE;
}

/* Puts the next run into *run. *run must be empty, and at the end it stays empty. */
static void next_run(const struct exchange *x, struct difference *walk, struct plan_range *run)
{
	while (walk->in != PLAN_NONE) {
		const struct part *in = &x->parts[walk->in], *other;
		addr_t start = walk->by_src ? in->src : in->dst, end = start + in->size;
		addr_t other_start = ADDRESS_MAX, other_end = ADDRESS_MAX;

		start = plan_max(start, walk->at);
		if (start >= end) {
			walk->in = next_part(x, walk->in, walk->by_src);
			continue;
		}
		if (walk->other != PLAN_NONE) {
			other = &x->parts[walk->other];
			other_start = walk->by_src ? other->dst : other->src;
			other_end = other_start + other->size;
		}
		if (other_end <= start) {
			walk->other = next_part(x, walk->other, !walk->by_src);
		} else if (other_start <= start) {
			walk->at = other_end;
		} else {
			run->start = start;
			run->end = walk->at = plan_min(end, other_start);
			return;
		}
	}
}

static void append_junk(struct exchange *x)
{
	struct difference given = { true, x->src_first, 0, 0 }, taken = { false, 0, x->src_first, 0 };
	struct plan_range to = { 0, 0 }, from = { 0, 0 };

	while (x->plan->status == PLAN_OK) {
		uint32_t size;

		if (to.start == to.end)
			next_run(x, &given, &to);
		if (from.start == from.end)
			next_run(x, &taken, &from);
		size = (uint32_t)plan_min(to.end - to.start, from.end - from.start);
		if (size == 0)
			break;
		append(x, to.start, from.start, size, true);
		to.start += size;
		from.start += size;
	}
}

/* Merges the real parts with the junk. Both are in the order of their destinations; the junk also in that of its sources. */
static void link_all(struct exchange *x)
{
	uint32_t real = 0, junk = x->real, after = PLAN_NONE, next = x->src_first;

	while (real < x->real || junk < x->count) {
		uint32_t least;

		if (junk == x->count || (real < x->real && x->parts[real].dst < x->parts[junk].dst))
			least = real++;
		else
			least = junk++;
		x->parts[least].dst_prev = x->dst_last;
		x->dst_last = least;
	}
	for (junk = x->real; junk < x->count; junk++) {
		for (; next != PLAN_NONE && x->parts[next].src < x->parts[junk].src; next = x->parts[next].src_next)
			after = next;
		insert_src(x, junk, after);
		after = junk;
	}
}

/* Moves. Bytes that are displaced without reaching their place count as set aside. */

static void displace(struct exchange *x, addr_t dst, addr_t src, size_t size)
{
	x->plan->out->aside += size;
	segue_plan_copy(x->plan, dst, src, size);
}

/* Bytes of the part `to` move from here to there, their place; bytes of `from`, which are at there, may go anywhere. */
static void trade(struct exchange *x, addr_t there, addr_t here, size_t size, bool to_junk, bool from_junk)
{
	if (!to_junk && !from_junk)
		segue_plan_emit(x->plan, SEGUE_MOVE_SWAP_UP, there, here, size);
	else if (!to_junk)
		segue_plan_copy(x->plan, there, here, size);
	else if (!from_junk)
		displace(x, here, there, size);
}

static void unlink_dst_last(struct exchange *x)
{
	x->dst_last = x->parts[x->dst_last].dst_prev;
}

/*
 * a's destination overlaps its source by at least the distance. All parts b
 * between a's source and the end pass below a's last bytes.
 */
static void slide_a(struct exchange *x)
{
	uint32_t index = x->dst_last;
	struct part *a = &x->parts[index];
	uint32_t left = a->size % (uint32_t)(a->dst - a->src), size = a->size - left;

	for (uint32_t i = x->src_last; i != index; i = x->parts[i].src_prev) {
		struct part *b = &x->parts[i];

		b->src -= size;
		if (a->junk && !b->junk)
			displace(x, b->src, b->src + size, b->size);
	}
	if (!a->junk)
		segue_plan_emit(x->plan, SEGUE_MOVE_SWAP_DOWN, a->dst + left, a->src + left, size);
	a->size = left;
	if (left == 0) {
		unlink_dst_last(x);
		unlink_src(x, index);
	}
}

/*
 * The mirror image: b slides down within its own bytes, by a multiple of the
 * distance. The lowest bytes that slide trade places with all parts a between
 * b's destination and the end, which travel up to the end.
 */
static void slide_b(struct exchange *x)
{
	uint32_t index = x->src_last, last = PLAN_NONE;
	struct part *b = &x->parts[index];
	uint32_t distance = (uint32_t)(b->src - b->dst), left = b->size % distance, size = b->size - left;
	uint32_t travel = b->junk ? 0 : size - distance;
	addr_t from = b->src + left;

	for (uint32_t i = x->dst_last; i != index; i = x->parts[i].dst_prev) {
		struct part *a = &x->parts[i];

		trade(x, a->dst - travel, a->src, a->size, a->junk, b->junk);
		a->dst -= size;
		a->junk = b->junk;
		last = i;
	}
	if (travel != 0)
		segue_plan_emit(x->plan, SEGUE_MOVE_SWAP_UP, from, from + distance, travel);
	b->size = left;
	if (left == 0) {
		x->parts[last].dst_prev = b->dst_prev;
		unlink_src(x, index);
	}
}

static void step(struct exchange *x)
{
	uint32_t a_index = x->dst_last, b_index = x->src_last;
	struct part *a = &x->parts[a_index], *b = &x->parts[b_index];
	uint32_t size = a->size < b->size ? a->size : b->size;
	addr_t from = a->src + (a->size - size);

	trade(x, b->src + (b->size - size), from, size, a->junk, b->junk);
	unlink_src(x, b_index);
	insert_src(x, b_index, a_index);
	if (a->size > size) {
		a->size -= size;
		b->src = from;
		return;
	}
	unlink_dst_last(x);
	unlink_src(x, a_index);
	if (b->size > size) {
		/* b's record becomes b's tail, at a's old place; a's record becomes the rest of b. */
		*a = (struct part){ b->dst, b->src, b->size - size, b->dst_prev, 0, 0, b->junk };
		b->dst_prev = a_index;
		b->dst += a->size;
		b->size = size;
		insert_src(x, a_index, x->src_last);
	}
	b->src = from;
}

void segue_plan_exchange(struct plan *p)
{
	struct exchange x = {
		.plan = p, .dst_last = PLAN_NONE, .src_last = PLAN_NONE, .src_first = PLAN_NONE
	};

	split_pieces(&x);
	if (p->status != PLAN_OK)
		return;
	link_by_src(&x);
	append_junk(&x);
	if (p->status != PLAN_OK)
		return;
	link_all(&x);
	while (x.dst_last != PLAN_NONE && p->status == PLAN_OK) {
		const struct part *a = &x.parts[x.dst_last], *b = &x.parts[x.src_last];

		if (a == b) {
			unlink_src(&x, x.src_last);
			unlink_dst_last(&x);
		} else if (a->size >= a->dst - a->src) {
			slide_a(&x);
		} else if (b->size >= b->src - b->dst) {
			slide_b(&x);
		} else {
			step(&x);
		}
	}
}
