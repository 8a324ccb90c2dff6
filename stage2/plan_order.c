/* SPDX-License-Identifier: MIT */
/*
 * Writes the pieces one after the other. A piece may be written once no
 * other waiting piece reads from its destination. Neither these meetings nor
 * the order are stored: sources are disjoint and destinations are disjoint,
 * so whoever meets a range stands in one run of the other order.
 */
#include "plan_internal.h"

/* a heap of blocked pieces, fewest pending bytes on top; made when a cycle is met first */

static void place(struct plan *p, uint32_t slot, uint32_t index)
{
	p->heap[slot] = index;
	p->pieces[index].slot = slot;
}

static void sift(struct plan *p, uint32_t slot, uint32_t index)
{
	uint64_t pending = p->pieces[index].pending;

	while (slot > 0 && p->pieces[p->heap[(slot - 1) / 2]].pending > pending) {
		place(p, slot, p->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	for (uint32_t child; (child = 2 * slot + 1) < p->heap_count; slot = child) {
		if (child + 1 < p->heap_count &&
		    p->pieces[p->heap[child + 1]].pending < p->pieces[p->heap[child]].pending)
			child++;
		if (p->pieces[p->heap[child]].pending >= pending)
			break;
		place(p, slot, p->heap[child]);
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

static void make_heap(struct plan *p)
{
	for (uint32_t i = 0; i < p->piece_count; i++)
		if (plan_waits(&p->pieces[i]))
			sift(p, p->heap_count++, i);
}

/* The ready ones stand at the other end of the heap's array. */
static void make_ready(struct plan *p, uint32_t index)
{
	p->heap[p->node_count - ++p->ready_count] = index;
}

/* Not waiting any more: whom it blocked may go on, and who blocked it is rid of it. */
static void retire(struct plan *p, uint32_t index)
{
	struct piece *piece = &p->pieces[index];

	piece->blocks = PLAN_NONE;
	p->waiting--;

	for (uint32_t i = piece->writer; i < p->piece_count; i++) {
		struct piece *writer = &p->pieces[i];
		uint64_t shared;

		if (writer->dst >= piece->src + piece->size)
			break;
		shared = plan_overlap(writer->dst, writer->size, piece->src, piece->size);
		if (shared == 0 || !plan_waits(writer))
			continue;
		writer->pending -= shared;
		if (writer->pending == 0) {
			leave_heap(p, i);
			make_ready(p, i);
		} else if (p->heap_count != 0) {
			sift(p, writer->slot, i);
		}
	}
	for (uint32_t i = piece->reader; i < p->node_count; i++) {
		struct piece *reader = &p->pieces[p->by_src[i]];

		if (reader->src >= piece->dst + piece->size)
			break;
		if (plan_waits(reader) && --reader->blocks == 0)
			p->sinks[p->sink_count++] = p->by_src[i];
	}
}

/* Counts who meets whom. */
static void start(struct plan *p)
{
	uint32_t writer = 0, reader = 0;

	for (uint32_t i = 0; i < p->node_count; i++) {
		struct piece *piece = &p->pieces[p->by_src[i]];

		while (writer < p->piece_count &&
		       p->pieces[writer].dst + p->pieces[writer].size <= piece->src)
			writer++;
		piece->writer = writer;
		piece->blocks = 0;
		for (uint32_t k = writer; k < p->piece_count; k++) {
			struct piece *other = &p->pieces[k];
			uint64_t shared;

			if (other->dst >= piece->src + piece->size)
				break;
			shared = plan_overlap(other->dst, other->size, piece->src, piece->size);
			if (shared != 0 && other != piece) {
				other->pending += shared;
				piece->blocks++;
			}
		}
	}
	for (uint32_t i = 0; i < p->piece_count; i++) {
		struct piece *piece = &p->pieces[i];

		while (reader < p->node_count &&
		       p->pieces[p->by_src[reader]].src + p->pieces[p->by_src[reader]].size <= piece->dst)
			reader++;
		piece->reader = reader;
		if (!plan_waits(piece))
			continue;
		if (piece->blocks == 0)
			p->sinks[p->sink_count++] = i;
		if (piece->pending == 0)
			make_ready(p, i);
	}
}

/* cuts: bytes set aside */

static bool in_place(const struct piece *piece)
{
	return piece->dst == piece->src;
}

struct hole_walk segue_plan_holes(const struct piece *piece)
{
	return (struct hole_walk){ piece->writer, PLAN_NONE };
}

bool segue_plan_next_hole(const struct plan *p, const struct piece *piece, struct hole_walk *walk, struct cut *hole)
{
	uint64_t end = piece->src + piece->size;

	for (; walk->writer < p->piece_count; walk->writer++, walk->cut = PLAN_NONE) {
		const struct piece *writer = &p->pieces[walk->writer];
		uint32_t low = writer->cut_first, high = low + writer->cut_count;

		if (writer->dst - writer->head >= end)
			break;
		if (in_place(writer)) {
			hole->src = plan_max(writer->dst - writer->head, piece->src);
			hole->size = plan_min(writer->dst, end) - hole->src;
			hole->room = hole->src;
			walk->writer++;
			return true;
		}
		if (low == high || writer->dst >= end)
			continue;
		if (walk->cut == PLAN_NONE) {
			/* The first cut that lies in this piece. */
			while (low < high) {
				uint32_t middle = low + (high - low) / 2;

				if (p->cuts[middle].src >= piece->src)
					high = middle;
				else
					low = middle + 1;
			}
			walk->cut = low;
		}
		if (walk->cut < writer->cut_first + writer->cut_count && p->cuts[walk->cut].src < end) {
			*hole = p->cuts[walk->cut++];
			return true;
		}
	}
	return false;
}

/* Copies size bytes to rooms and notes where; false if the notes' memory is used up. */
static bool set_aside(struct plan *p, struct piece *writer, uint64_t src, uint64_t size)
{
	while (size != 0) {
		const struct plan_range *room = &p->rooms[p->room];
		uint64_t part = plan_min(size, room->end - room->start - p->room_used);
		struct cut *cut;

		if (part == 0) {
			p->room++;
			p->room_used = 0;
			continue;
		}
		if (p->cut_count == p->node_count + PLAN_CUTS_SPARE || (size_t)(p->high - p->low) < sizeof(*cut))
			return false;
		cut = segue_plan_take_low(p, 1, sizeof(*cut));
		if (cut == NULL)
			return false;
		if (p->cut_count++ == 0)
			p->cuts = cut;
		writer->cut_count++;
		*cut = (struct cut){ .src = src, .room = room->start + p->room_used, .size = part };
		segue_plan_copy(p, cut->room, src, part);
		p->out->aside += part;
		p->cut_bytes += part;
		p->room_used += part;
		p->room_left -= part;
		src += part;
		size -= part;
		if (p->room > p->room_top || (p->room == p->room_top && p->room_used > p->room_used_top)) {
			p->room_top = p->room;
			p->room_used_top = p->room_used;
		}
	}
	return true;
}

/* Sets aside what others still read from the destination of this piece. */
static bool clear_destination(struct plan *p, struct piece *piece)
{
	if (p->cut_bytes == 0) {
		p->low -= p->cut_count * sizeof(*p->cuts);
		p->cut_count = 0;
		p->room = 0;
		p->room_used = 0;
		p->room_left = p->room_total;
	}
	if (p->room_left < piece->pending)
		return false;
	piece->cut_first = p->cut_count;
	piece->cut_count = 0;
	for (uint32_t i = piece->reader; i < p->node_count; i++) {
		const struct piece *reader = &p->pieces[p->by_src[i]];
		uint64_t from = plan_max(reader->src, piece->dst);

		if (reader->src >= piece->dst + piece->size)
			break;
		if (plan_waits(reader) && reader != piece && !set_aside(p, piece, from,
				plan_min(reader->src + reader->size, piece->dst + piece->size) - from))
			return false;
	}
	return true;
}

static void restore(struct plan *p, const struct piece *piece, const struct cut *cut)
{
	segue_plan_copy(p, piece->dst + (cut->src - piece->src), cut->room, cut->size);
}

/* What is still at its place in the order that the overlap with itself wants, then what was set aside. */
static void write_piece(struct plan *p, const struct piece *piece)
{
	bool down = piece->dst > piece->src;
	uint64_t shift = piece->dst - piece->src, from = piece->src, to = piece->src + piece->size;
	struct hole_walk walk = segue_plan_holes(piece);
	uint32_t first = PLAN_NONE, last = PLAN_NONE;
	struct cut hole;

	while (segue_plan_next_hole(p, piece, &walk, &hole)) {
		uint32_t this = walk.cut - 1;

		if (hole.room == hole.src)
			continue;
		p->cuts[this].next = down ? first : PLAN_NONE;
		if (down || first == PLAN_NONE)
			first = this;
		else
			p->cuts[last].next = this;
		last = this;
	}
	for (uint32_t i = first; i != PLAN_NONE; i = p->cuts[i].next) {
		const struct cut *cut = &p->cuts[i];

		if (down) {
			segue_plan_copy(p, cut->src + cut->size + shift, cut->src + cut->size, to - (cut->src + cut->size));
			to = cut->src;
		} else {
			segue_plan_copy(p, from + shift, from, cut->src - from);
			from = cut->src + cut->size;
		}
	}
	segue_plan_copy(p, from + shift, from, to - from);
	for (uint32_t i = first; i != PLAN_NONE; i = p->cuts[i].next) {
		restore(p, piece, &p->cuts[i]);
		p->cut_bytes -= p->cuts[i].size;
	}
}

/* Every waiting piece is blocked and blocks another. False if there is no room to set the least aside. */
static bool break_cycle(struct plan *p)
{
	uint32_t index;

	if (p->heap_count == 0)
		make_heap(p);
	index = p->heap[0];
	if (!clear_destination(p, &p->pieces[index]))
		return false;
	leave_heap(p, index);
	retire(p, index);
	write_piece(p, &p->pieces[index]);
	return true;
}

/* Nobody waits for it, so it would only be in the way when cycles are broken. */
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
	p->high = p->end;
	p->out->exchanged = p->waiting;
	segue_plan_exchange(p);
	for (uint32_t i = 0; i < p->node_count && p->status == PLAN_OK; i++) {
		const struct piece *piece = &p->pieces[p->by_src[i]];
		struct hole_walk walk = segue_plan_holes(piece);
		struct cut hole;

		if (plan_waits(piece))
			while (segue_plan_next_hole(p, piece, &walk, &hole))
				restore(p, piece, &hole);
	}
}

void segue_plan_order(struct plan *p)
{
	p->heap = segue_plan_take_high(p, p->node_count, sizeof(*p->heap));
	p->sinks = segue_plan_take_high(p, p->node_count, sizeof(*p->sinks));
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
