/* SPDX-License-Identifier: MIT */
/*
 * Writes the waiting pieces without any free RAM. W is the set of bytes that
 * they read or write. Bytes that are written but not read are junk. Junk moves
 * to the bytes that are read but not written, so that the whole is a
 * permutation of W: an exchange of intervals ("parts"). Bytes that no piece writes to are not in W: they are holes.
 *
 * One step works at W's end E (Rauzy's induction). a is the part whose
 * destination ends at E, b the one whose source ends there, l the length of the
 * shorter. Exchanging [E-l, E) with the last l bytes of a's source makes
 * [E-l, E) final, and the rest of W is an exchange of no more parts than
 * before. A part that overlaps itself would take many such steps in a row (for
 * example, a gigabyte rotated by a page); one overlapping SWAP does them all.
 * So the length of the list grows with the number of parts and the
 * logarithm of their sizes, not with their sizes.
 *
 * Gaps in W do not matter: only the order of the bytes does, and no gap is
 * within a part's source or destination.
 */
#include "plan/plan_internal.h"

/*
 * Parts are stored in this order: the real ones, the head, the junk. The list by source is a ring. The head has no bytes: it
 * closes the ring and ends both orders.
 */
struct exchange {
	struct plan *plan;
	struct part *parts;
	uint32_t *by_src;     /* the real parts and the head */
	uint32_t count, real; /* of all parts; of the real ones, which is the head's index */
	uint32_t dst_last;
};

/* the list by source */

static void unlink_src(struct exchange *x, const struct part *part)
{
	x->parts[part->src_prev].src_next = part->src_next;
	x->parts[part->src_next].src_prev = part->src_prev;
}

static void insert_src(struct exchange *x, struct part *part, uint32_t before)
{
	struct part *next = &x->parts[before];

	part->src_next = before;
	part->src_prev = next->src_prev;
	next->src_prev = x->parts[part->src_prev].src_next = (uint32_t)(part - x->parts);
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
	*part = (struct part){ .dst = dst, .src = src, .size = size, .junk = junk };
	x->count++;
}

/* Makes parts of the waiting bytes that have not been set aside, by destination. */
static void split_pieces(struct exchange *x)
{
	struct plan *p = x->plan;
	struct part *part;

	x->parts = (struct part *)(void *)p->low;
	for (uint32_t i = 0; i < p->piece_count; i++) {
		struct piece *piece = &p->pieces[i];
		struct hole_walk walk;
		addr_t shift = piece->dst - piece->src, from = piece->src;

		if (!plan_waits(piece))
			continue;
		piece->slot = x->count;
		segue_plan_begin_holes(piece, &walk);
		while (segue_plan_next_hole(p, piece, &walk)) {
			append(x, from + shift, from, (uint32_t)(walk.hole.src - from), false);
			from = walk.hole.src + walk.hole.size;
		}
		append(x, from + shift, from, (uint32_t)(piece->src + piece->size - from), false);
	}
	x->real = x->count++;
	part = segue_plan_take(p, 1, sizeof(*part), false);
	if (part != NULL)
		*part = (struct part){ ADDRESS_MAX, ADDRESS_MAX, 0, 0, x->real, x->real, 0 };
	x->dst_last = x->real;
}

static void order_by_src(struct exchange *x)
{
	struct plan *p = x->plan;
	uint32_t count = 0;

	x->by_src = segue_plan_take(p, x->real + 1, sizeof(*x->by_src), true);
	for (uint32_t i = 0; i < p->node_count && p->status == PLAN_OK; i++) {
		const struct piece *piece = &p->pieces[p->by_src[i]];

		plan_fetch_ahead(p, i);
		for (uint32_t k = piece->slot; plan_waits(piece) && x->parts[k].src - piece->src < piece->size; k++)
			x->by_src[count++] = k;
	}
	if (p->status == PLAN_OK)
		x->by_src[count] = x->real;
}

/* A walk over the bytes that are sources and not destinations, or the reverse. */
struct difference {
	bool by_src;        /* true: sources that are not destinations */
	uint32_t in, other; /* next parts of the two orders */
	addr_t at;
};

/* The bytes of a real part, by its place in one of the orders. */
static struct plan_range bytes_of(const struct exchange *x, uint32_t place, bool by_src)
{
	const struct part *part = &x->parts[by_src ? x->by_src[place] : place];
	addr_t start = by_src ? part->src : part->dst;

	return (struct plan_range){ start, start + part->size };
}

/* Puts the next run into *run, which must be empty. It stays empty at the end of the walk. */
static void next_run(const struct exchange *x, struct difference *walk, struct plan_range *run)
{
	while (walk->in != x->real) {
		struct plan_range in = bytes_of(x, walk->in, walk->by_src), other = bytes_of(x, walk->other, !walk->by_src);

		in.start = plan_max(in.start, walk->at);
		if (in.start >= in.end) {
			walk->in++;
		} else if (other.end <= in.start) {
			walk->other++;
		} else if (other.start <= in.start) {
			walk->at = other.end;
		} else {
			in.end = walk->at = plan_min(in.end, other.start);
			*run = in;
			return;
		}
	}
}

static void append_junk(struct exchange *x)
{
	struct difference given = { true, 0, 0, 0 }, taken = { false, 0, 0, 0 };
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

/* Returns the next part in one of the orders, from the real ones or the junk. Each of the two is sorted in both orders. */
static uint32_t merge(const struct exchange *x, uint32_t *real, uint32_t *junk, bool by_src)
{
	struct plan_range next = bytes_of(x, *real, by_src);

	if (*junk == x->count || next.start < (by_src ? x->parts[*junk].src : x->parts[*junk].dst))
		return by_src ? x->by_src[(*real)++] : (*real)++;
	return (*junk)++;
}

static void link_all(struct exchange *x)
{
	uint32_t real = 0, junk = x->real + 1, real_src = 0, junk_src = junk;

	for (uint32_t i = 1; i < x->count; i++) {
		uint32_t next = merge(x, &real, &junk, false);

		x->parts[next].dst_prev = x->dst_last;
		x->dst_last = next;
		insert_src(x, &x->parts[merge(x, &real_src, &junk_src, true)], x->real);
	}
}

/* Moves. Bytes that are moved, but not to their final place, count as set aside. */

static void displace(struct exchange *x, addr_t dst, addr_t src, size_t size)
{
	x->plan->out->aside += size;
	segue_plan_copy(x->plan, dst, src, size);
}

/*
 * Exchanges the bytes at `here`, of the part `to`, with those at `there`, of the part `from`. `there` is where the bytes at
 * `here` belong. Junk need not be moved.
 */
static void trade(struct exchange *x, addr_t there, addr_t here, size_t size, bool to_junk, bool from_junk)
{
	if (!to_junk && !from_junk)
		segue_plan_emit(x->plan, SEGUE_MOVE_SWAP_UP, there, here, size);
	else if (!to_junk)
		segue_plan_copy(x->plan, there, here, size);
	else if (!from_junk)
		displace(x, here, there, size);
}

/*
 * a is not shorter than the distance that it moves up. One SWAP moves its last
 * bytes, a multiple of the distance, to their destination. All parts b between
 * a's source and the end move down by as many bytes.
 */
static void slide_a(struct exchange *x, struct part *a)
{
	uint32_t left = a->size % (uint32_t)(a->dst - a->src), size = a->size - left;

	for (struct part *b = &x->parts[x->real]; (b = &x->parts[b->src_prev]) != a; ) {
		b->src -= size;
		if (a->junk && !b->junk)
			displace(x, b->src, b->src + size, b->size);
	}
	if (!a->junk)
		segue_plan_emit(x->plan, SEGUE_MOVE_SWAP_DOWN, a->dst + left, a->src + left, size);
	a->size = left;
	if (left == 0) {
		x->dst_last = a->dst_prev;
		unlink_src(x, a);
	}
}

/*
 * The mirror image, for b, which moves down. Of its last bytes, a multiple of
 * the distance, the lowest (as many as the distance) are exchanged with all parts
 * a whose destinations are between b's destination and the end. Then one SWAP
 * moves b's other bytes down and the parts a up to the end.
 */
static void slide_b(struct exchange *x, struct part *b)
{
	uint32_t distance = (uint32_t)(b->src - b->dst), left = b->size % distance, size = b->size - left;
	uint32_t travel = b->junk ? 0 : size - distance;
	addr_t from = b->src + left;
	struct part *a;

	for (uint32_t i = x->dst_last; (a = &x->parts[i]) != b; i = a->dst_prev) {
		trade(x, a->dst - travel, a->src, a->size, a->junk, b->junk);
		a->dst -= size;
		a->junk = b->junk;
		/* If no bytes of b are left, the last of these parts takes b's place in the list. */
		if (left == 0 && &x->parts[a->dst_prev] == b) {
			a->dst_prev = b->dst_prev;
			break;
		}
	}
	if (travel != 0)
		segue_plan_emit(x->plan, SEGUE_MOVE_SWAP_UP, from, from + distance, travel);
	b->size = left;
	if (left == 0)
		unlink_src(x, b);
}

static void step(struct exchange *x, struct part *a, struct part *b)
{
	uint32_t a_index = x->dst_last, size = a->size < b->size ? a->size : b->size;
	addr_t from = a->src + (a->size - size);

	trade(x, b->src + (b->size - size), from, size, a->junk, b->junk);
	unlink_src(x, b);
	insert_src(x, b, a->src_next);
	if (a->size > size) {
		a->size -= size;
	} else {
		x->dst_last = a->dst_prev;
		unlink_src(x, a);
		if (b->size > size) {
			/* b's record becomes b's tail, at a's old place; a's record becomes the rest of b. */
			*a = (struct part){ b->dst, b->src, b->size - size, b->dst_prev, 0, 0, b->junk };
			b->dst_prev = a_index;
			b->dst += a->size;
			b->size = size;
			insert_src(x, a, x->real);
		}
	}
	b->src = from;
}

void segue_plan_exchange(struct plan *p)
{
	struct exchange x = { .plan = p };

	split_pieces(&x);
	order_by_src(&x);
	append_junk(&x);
	if (p->status != PLAN_OK)
		return;
	link_all(&x);
	while (x.dst_last != x.real && p->status == PLAN_OK) {
		struct part *a = &x.parts[x.dst_last], *b = &x.parts[x.parts[x.real].src_prev];

		if (a == b) {
			unlink_src(&x, a);
			x.dst_last = a->dst_prev;
		} else if (a->size >= a->dst - a->src) {
			slide_a(&x, a);
		} else if (b->size >= b->src - b->dst) {
			slide_b(&x, b);
		} else {
			step(&x, a, b);
		}
	}
}
