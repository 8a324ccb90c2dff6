/* SPDX-License-Identifier: MIT */
/* Shared by all steps of the planner: its memory, emitting moves, and walking over holes. */
#include "plan/plan_internal.h"

/* arena */

/* Arrays grow element by element, so the sizes of all elements must be multiples of this. */
#define ALIGNMENT _Alignof(struct piece)
_Static_assert(_Alignof(struct part) <= ALIGNMENT && _Alignof(struct cut) <= ALIGNMENT, "an array would have gaps");

void *segue_plan_take(struct plan *p, uint32_t count, uint32_t size, bool high)
{
	unsigned char *taken = p->low;
	size_t bytes, used;

	if (p->status != PLAN_OK)
		return NULL;
	if (count > segue_plan_left(p) / size) {
		p->status = PLAN_MEMORY;
		return NULL;
	}
	bytes = ((size_t)count * size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	/* Below what emit() has taken. */
	if (high)
		taken = (p->high -= bytes) - (p->in->taken ? *p->in->taken : 0);
	else
		p->low += bytes;
	p->out->memory_held = (size_t)(p->low - p->start);
	used = p->out->memory_held + (size_t)(p->end - p->high);
	if (used > p->out->memory_used)
		p->out->memory_used = used;
	return taken;
}

size_t segue_plan_left(const struct plan *p)
{
	size_t left = (size_t)(p->high - p->low), taken = p->in->taken ? *p->in->taken : 0;

	return left > taken ? left - taken : 0;
}

/* emitting */

void segue_plan_emit(struct plan *p, uint32_t op, addr_t dst, addr_t src, size_t size)
{
	bool down = op == SEGUE_MOVE_COPY_DOWN || op == SEGUE_MOVE_SWAP_DOWN;

	if (op == SEGUE_MOVE_ZERO)
		p->out->zeroed += size;
	else
		p->out->moved += size;
	if (op == SEGUE_MOVE_SWAP_UP || op == SEGUE_MOVE_SWAP_DOWN) {
		p->out->moved += size;
		p->out->aside += size;
		p->out->swaps++;
	}
	while (size != 0 && p->status == PLAN_OK) {
		struct segue_move move = { dst, src, (uint32_t)size, op };

		if (size > UINT32_MAX)
			move.size = PIECE_MAX;
		size -= move.size;
		if (down) {
			move.dst += size;
			move.src += size;
		} else {
			dst += move.size;
			if (op != SEGUE_MOVE_ZERO)
				src += move.size;
		}
		p->out->emit_status = p->in->emit(p->in->context, &move);
		if (p->out->emit_status != 0)
			p->status = PLAN_EMIT;
		p->out->moves++;
	}
}

void segue_plan_copy(struct plan *p, addr_t dst, addr_t src, size_t size)
{
	/* If dst is below src, the difference wraps and is huge. */
	bool down = dst - src < size;

	segue_plan_emit(p, down ? SEGUE_MOVE_COPY_DOWN : SEGUE_MOVE_COPY_UP, dst, src, size);
}

/* holes */

void segue_plan_begin_holes(const struct piece *piece, struct hole_walk *walk)
{
	walk->at = piece->src;
	walk->writer = piece->writer;
	walk->cut = PLAN_NONE;
}

/*
 * These bytes of the source must not move: an exchange leaves them out, and they are copied after it. So an exchange has no
 * other bytes than those of destinations.
 */
static bool leave_out(struct hole_walk *walk, addr_t end)
{
	if (end <= walk->at)
		return false;
	walk->hole.src = walk->hole.room = walk->at;
	walk->hole.size = (uint32_t)(end - walk->at);
	walk->at = end;
	return true;
}

bool segue_plan_next_hole(const struct plan *p, const struct piece *piece, struct hole_walk *walk)
{
	addr_t end = piece->src + piece->size;

	for (; walk->writer < p->piece_count; walk->writer++, walk->cut = PLAN_NONE) {
		const struct piece *writer = &p->pieces[walk->writer];
		uint32_t low = writer->cut_first, high = low + writer->cut_count;

		if (writer->dst - writer->head >= end)
			break;
		/* A piece in place has its bytes before dst. */
		if (leave_out(walk, writer->dst == writer->src ? plan_min(writer->dst, end) : writer->dst - writer->head))
			return true;
		walk->at = plan_max(walk->at, writer->dst + writer->size);
		if (low == high || writer->dst >= end)
			continue;
		if (walk->cut == PLAN_NONE) {
			/* Find the first cut in this piece's source. */
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
			walk->hole = p->cuts[walk->cut++];
			return true;
		}
	}
	return leave_out(walk, end);
}
