/* SPDX-License-Identifier: MIT */
/*
 * Writes the pieces one after another. A piece may be written once no
 * other waiting piece reads from its destination. These meetings of sources
 * and destinations are not stored: sources are disjoint and destinations are
 * disjoint, so the sources that meet a destination are one run of the order
 * by source, and the other way round.
 */
#include "plan/plan_internal.h"

/* A heap of the blocked pieces, with the fewest pending bytes on top. It is built at the first cycle. */

static void place(struct plan *p, uint32_t slot, uint32_t index)
{
	p->heap[slot] = index;
	p->pieces[index].slot = slot;
}

static void sift(struct plan *p, uint32_t slot, uint32_t index)
{
	const struct piece *pieces = p->pieces;
	const uint32_t *heap = p->heap;
	uint32_t pending = pieces[index].pending;

	while (slot > 0 && pieces[heap[(slot - 1) / 2]].pending > pending) {
		place(p, slot, heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	for (uint32_t child; (child = 2 * slot + 1) < p->heap_count; slot = child) {
		if (child + 1 < p->heap_count && pieces[heap[child + 1]].pending < pieces[heap[child]].pending)
			child++;
		if (pieces[heap[child]].pending >= pending)
			break;
		place(p, slot, heap[child]);
	}
	place(p, slot, index);
}

static void leave_heap(struct plan *p, uint32_t index)
{
	uint32_t last;

	if (p->heap_count == 0)
		return;
	last = p->heap[--p->heap_count];
	if (last != index)
		sift(p, p->pieces[index].slot, last);
}

/* The ready pieces are at the other end of the heap's array. */
static void make_ready(struct plan *p, uint32_t index)
{
	p->heap[p->node_count - ++p->ready_count] = index;
}

/* A walk over the pieces that write to, or read from, [at, at+size). */
struct meeting {
	addr_t at;
	uint32_t size;
	bool readers;
	uint32_t next;  /* in the order by source or by destination */
	uint32_t index; /* the piece met */
	addr_t from;  /* the first byte that both have */
	uint32_t shared; /* how many bytes both have */
};

/* Finds the next waiting piece; false at the end. */
static bool meet(const struct plan *p, struct meeting *m)
{
	addr_t end = m->at + m->size, from, to;
	const struct piece *piece;

	for (; m->next < (m->readers ? p->node_count : p->piece_count); m->next++) {
		m->index = m->readers ? p->by_src[m->next] : m->next;
		piece = &p->pieces[m->index];
		from = m->readers ? piece->src : piece->dst;
		if (from >= end)
			break;
		to = plan_min(from + piece->size, end);
		from = plan_max(from, m->at);
		if (from >= to || !plan_waits(piece))
			continue;
		m->next++;
		m->from = from;
		m->shared = (uint32_t)(to - from);
		return true;
	}
	return false;
}

static void begin_meeting(struct meeting *m, const struct piece *piece, bool readers)
{
	m->at = readers ? piece->dst : piece->src;
	m->next = readers ? piece->reader : piece->writer;
	m->size = piece->size;
	m->readers = readers;
}

/*
 * The piece no longer waits. A piece that waited for its source becomes ready if it has no other pending bytes.
 * A piece that it waited for becomes a sink if it blocks no other piece.
 */
static void retire(struct plan *p, uint32_t index)
{
	struct piece *piece = &p->pieces[index];
	struct meeting m;

	piece->blocks = PLAN_NONE;
	p->waiting--;
	for (begin_meeting(&m, piece, false); meet(p, &m); ) {
		struct piece *writer = &p->pieces[m.index];

		writer->pending -= m.shared;
		if (writer->pending == 0) {
			leave_heap(p, m.index);
			make_ready(p, m.index);
		} else if (p->heap_count != 0) {
			sift(p, writer->slot, m.index);
		}
	}
	for (begin_meeting(&m, piece, true); meet(p, &m); )
		if (--p->pieces[m.index].blocks == 0)
			p->sinks[p->sink_count++] = m.index;
}

/* Counts the meetings: pending bytes and blocked pieces. */
static void start(struct plan *p)
{
	uint32_t writer = 0, reader = 0;

	for (uint32_t i = 0; i < p->node_count; i++)
		p->pieces[p->by_src[i]].blocks = 0;
	for (uint32_t i = 0; i < p->node_count; i++) {
		struct piece *piece = &p->pieces[p->by_src[i]];
		struct meeting m;

		plan_fetch_ahead(p, i);
		while (writer < p->piece_count && p->pieces[writer].dst + p->pieces[writer].size <= piece->src)
			writer++;
		piece->writer = writer;
		for (begin_meeting(&m, piece, false); meet(p, &m); ) {
			if (m.index == p->by_src[i])
				continue;
			p->pieces[m.index].pending += m.shared;
			piece->blocks++;
		}
	}
	for (uint32_t i = 0; i < p->piece_count; i++) {
		struct piece *piece = &p->pieces[i];

		while (reader < p->node_count &&
		       p->pieces[p->by_src[reader]].src + p->pieces[p->by_src[reader]].size <= piece->dst)
			reader++;
		piece->reader = reader;
		if (piece->blocks == 0)
			p->sinks[p->sink_count++] = i;
		if (plan_waits(piece) && piece->pending == 0)
			make_ready(p, i);
	}
}

/* Cuts: bytes set aside. */

static void enter_room(struct plan *p, uint32_t room)
{
	p->room = room;
	p->room_at = p->in->free[room].start;
}

/* Copies size bytes to free RAM and records where, in cuts; false if there is no memory for another cut. */
static bool set_aside(struct plan *p, struct piece *writer, addr_t src, uint32_t size)
{
	while (size != 0) {
		uint32_t part = (uint32_t)plan_min(size, p->in->free[p->room].end - p->room_at);
		struct cut *cut = p->cuts + p->cut_count;

		if (part == 0) {
			enter_room(p, p->room + 1);
			continue;
		}
		if (p->cut_count == p->node_count + PLAN_CUTS_SPARE || segue_plan_left(p) < sizeof(*cut))
			return false;
		segue_plan_take(p, 1, sizeof(*cut), false);
		p->cut_count++;
		p->cuts_open++;
		writer->cut_count++;
		cut->src = src;
		cut->room = p->room_at;
		cut->size = part;
		segue_plan_copy(p, p->room_at, src, part);
		p->out->aside += part;
		p->room_at += part;
		p->room_used += part;
		p->room_top = plan_max(p->room_top, p->room_used);
		src += part;
		size -= part;
	}
	return true;
}

/* Sets aside the bytes of this piece's destination that other pieces have yet to read. */
static bool clear_destination(struct plan *p, uint32_t index)
{
	struct piece *piece = &p->pieces[index];
	struct meeting m;

	if (p->cuts_open == 0) {
		p->low = (unsigned char *)p->cuts;
		p->out->memory_held = (size_t)(p->low - p->start);
		p->cut_count = 0;
		p->room_used = 0;
		if (p->in->free_count != 0)
			enter_room(p, 0);
	}
	if (p->room_total - p->room_used < piece->pending)
		return false;
	piece->cut_first = p->cut_count;
	for (begin_meeting(&m, piece, true); meet(p, &m); )
		if (m.index != index && !set_aside(p, piece, m.from, m.shared))
			return false;
	return true;
}

static void restore(struct plan *p, const struct piece *piece, const struct cut *cut)
{
	segue_plan_copy(p, piece->dst + (cut->src - piece->src), cut->room, cut->size);
}

/* Copies the bytes that are still in the source, and those set aside, in the direction that its overlap needs. */
static void write_piece(struct plan *p, const struct piece *piece)
{
	bool down = piece->dst > piece->src;
	addr_t shift = piece->dst - piece->src, from = piece->src, to = from + piece->size;
	struct hole_walk walk;
	uint32_t first = PLAN_NONE, *link = &first;

	segue_plan_begin_holes(piece, &walk);
	while (segue_plan_next_hole(p, piece, &walk)) {
		uint32_t this = walk.cut - 1;

		if (walk.hole.room == walk.hole.src)
			continue;
		p->cuts[this].next = down ? first : PLAN_NONE;
		*link = this;
		if (!down)
			link = &p->cuts[this].next;
	}
	for (uint32_t i = first; i != PLAN_NONE; i = p->cuts[i].next) {
		addr_t start = p->cuts[i].src, end = start + p->cuts[i].size;

		if (down) {
			segue_plan_copy(p, end + shift, end, (size_t)(to - end));
			to = start;
		} else {
			segue_plan_copy(p, from + shift, from, (size_t)(start - from));
			from = end;
		}
		restore(p, piece, &p->cuts[i]);
		p->cuts_open--;
	}
	segue_plan_copy(p, from + shift, from, (size_t)(to - from));
}

/* Called when every waiting piece is blocked and blocks another. False if even the fewest pending bytes have no room. */
static bool break_cycle(struct plan *p)
{
	uint32_t index;

	if (p->heap_count == 0)
		for (uint32_t i = 0; i < p->piece_count; i++)
			if (plan_waits(&p->pieces[i]))
				sift(p, p->heap_count++, i);
	index = p->heap[0];
	if (!clear_destination(p, index))
		return false;
	leave_heap(p, index);
	retire(p, index);
	write_piece(p, &p->pieces[index]);
	return true;
}

/* A sink blocks no piece, so it can be written after all others. Until then it is not counted among the waiting pieces. */
static void put_off(struct plan *p, uint32_t index)
{
	if (!plan_waits(&p->pieces[index]))
		return;
	leave_heap(p, index);
	retire(p, index);
	p->pieces[index].slot = p->put_off;
	p->put_off = index;
}

static void exchange_rest(struct plan *p)
{
	if (!p->in->exchange) {
		p->status = PLAN_ROOM;
		return;
	}
	p->out->exchanged = p->waiting;
	p->in->exchange(p);
	for (uint32_t i = 0; i < p->piece_count && p->status == PLAN_OK; i++) {
		const struct piece *piece = &p->pieces[i];
		struct hole_walk walk;

		if (!plan_waits(piece))
			continue;
		segue_plan_begin_holes(piece, &walk);
		while (segue_plan_next_hole(p, piece, &walk))
			restore(p, piece, &walk.hole);
	}
}

void segue_plan_order(struct plan *p)
{
	p->heap = segue_plan_take(p, p->node_count, sizeof(*p->heap), false);
	p->sinks = segue_plan_take(p, p->node_count, sizeof(*p->sinks), false);
	p->cuts = (struct cut *)(void *)p->low;
	p->waiting = p->node_count;
	if (p->sinks == NULL)
		return;
	start(p);
	while (p->waiting != 0 && p->status == PLAN_OK) {
		if (p->ready_count != 0) {
			uint32_t index = p->heap[p->node_count - p->ready_count--];

			retire(p, index);
			write_piece(p, &p->pieces[index]);
		} else if (p->sink_count != 0) {
			put_off(p, p->sinks[--p->sink_count]);
		} else if (!break_cycle(p)) {
			exchange_rest(p);
			break;
		}
	}
	for (uint32_t i = p->put_off; i != PLAN_NONE && p->status == PLAN_OK; i = p->pieces[i].slot)
		write_piece(p, &p->pieces[i]);
}
