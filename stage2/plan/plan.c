/* SPDX-License-Identifier: MIT */
/*
 * The planner, from the top:
 *   1. Refuse overlaps, join neighbours (collect).
 *   2. Give every source byte one reader. Other pieces that need the byte copy it
 *      from that reader's destination at the end. So shared sources add no
 *      ordering constraints, and n pieces meet at most 2n times (choose_readers).
 *   3. Order the pieces. Break cycles by setting bytes aside (plan_order.c) or,
 *      without room for that, by exchanging in place (plan_exchange.c).
 *   4. Copy the shared bytes, then write the zeros: every source byte has been read.
 */
#include "plan/plan_internal.h"

size_t segue_plan_memory(uint32_t copies, uint32_t zeros, uint32_t free_ranges)
{
	/* A core of n pieces takes up to 2n parts and 4n parts of junk in plan_exchange.c. */
	uint64_t bytes = (uint64_t)copies * (sizeof(struct piece) + 4 * sizeof(uint32_t) + sizeof(struct cut) +
		6 * sizeof(struct part)) + PLAN_CUTS_SPARE * sizeof(struct cut) + sizeof(struct part) + 64;

	if (copies > PLAN_MAX || zeros > PLAN_MAX || free_ranges > PLAN_MAX || bytes > SIZE_MAX)
		return 0;
	return (size_t)bytes;
}

/* 1: the pieces */

static void append_piece(struct plan *p, struct plan_copy copy)
{
	struct piece *piece = p->pieces + p->piece_count - 1;

	if (copy.dst == copy.src)
		p->out->in_place += copy.size;
	else
		p->out->payload += copy.size;
	while (copy.size != 0) {
		uint32_t size = (uint32_t)plan_min(copy.size, PIECE_MAX);

		if (p->piece_count == 0 || piece->dst + piece->size != copy.dst || piece->src + piece->size != copy.src ||
		    size > PIECE_MAX - piece->size) {
			piece = segue_plan_take(p, 1, sizeof(*piece), false);
			if (piece == NULL)
				return;
			*piece = (struct piece){ .dst = copy.dst, .src = copy.src, .blocks = PLAN_NONE };
			p->piece_count++;
		}
		piece->size += size;
		copy.dst += size;
		copy.src += size;
		copy.size -= size;
	}
}

static void refuse(struct plan *p, enum plan_status status, uint32_t index, addr_t start, addr_t end)
{
	if (p->status != PLAN_OK)
		return;
	p->status = status;
	p->out->index = index;
	p->out->at.start = start;
	p->out->at.end = end;
}

static void check_end(struct plan *p, uint32_t index, addr_t start, addr_t size)
{
	if (start + size < start)
		refuse(p, PLAN_WRAPS, index, start, start + size);
}

static void collect(struct plan *p)
{
	const struct plan_input *in = p->in;
	uint32_t most = in->copy_count + in->zero_count, copy = 0, zero = 0;
	addr_t reach = 0;

	p->pieces = (struct piece *)(void *)p->low;
	while (copy + zero < most && p->status == PLAN_OK) {
		struct plan_copy next;
		uint32_t index = copy;

		if (zero == in->zero_count || (copy < in->copy_count && in->copies[copy].dst <= in->zeros[zero].start)) {
			next = in->copies[copy++];
		} else {
			next.dst = next.src = in->zeros[zero].start;
			next.size = in->zeros[zero].end - next.dst;
			index = in->copy_count + zero++;
		}
		check_end(p, index, next.dst, next.size);
		check_end(p, index, next.src, next.size);
		if (next.size == 0)
			continue;
		if (next.dst < reach)
			refuse(p, PLAN_OVERLAP, index, next.dst, plan_min(next.dst + next.size, reach));
		reach = next.dst + next.size;
		if (index < in->copy_count)
			append_piece(p, next);
	}
	for (uint32_t i = 0; i < in->free_count; i++) {
		addr_t size = in->free[i].end - in->free[i].start;

		check_end(p, most + i, in->free[i].start, size);
		p->room_total += size;
	}
}

/* 2: one reader for every source byte */

static void cut_head(struct piece *piece, uint32_t size)
{
	piece->dst += size;
	piece->src += size;
	piece->size -= size;
	piece->head += size;
}

static addr_t source_key(const void *context, uint32_t index)
{
	return ((const struct piece *)context)[index].src;
}

/*
 * At the end of the covered sources, the piece that starts no later and
 * reaches furthest becomes the next reader. So a piece's other bytes are read
 * by at most two other pieces, and each reader's own part is one run at its end.
 */
static void choose_readers(struct plan *p)
{
	struct sort_entry *order = segue_plan_take(p, p->piece_count, sizeof(*order), true);
	struct sort_entry *spare = segue_plan_take(p, p->piece_count, sizeof(*order), true);
	struct piece *best = NULL;
	addr_t covered = 0, reach = 0;
	uint32_t next = 0;

	p->by_src = segue_plan_take(p, p->piece_count, sizeof(*p->by_src), false);
	if (p->by_src == NULL)
		return;
	segue_plan_sort(order, spare, p->piece_count, source_key, p->pieces);
	for (;;) {
		for (; next < p->piece_count; next++) {
			struct piece *piece = &p->pieces[order[next].index], *loser = piece;

			if (p->piece_count - next > PLAN_AHEAD)
				__builtin_prefetch(&p->pieces[order[next + PLAN_AHEAD].index]);
			if (piece->dst != piece->src) {
				if (piece->src > covered)
					break;
				if (piece->src + piece->size > reach) {
					reach = piece->src + piece->size;
					loser = best;
					best = piece;
				}
			}
			if (loser != NULL)
				cut_head(loser, loser->size);
		}
		if (best != NULL) {
			cut_head(best, (uint32_t)(covered - best->src));
			p->by_src[p->node_count++] = (uint32_t)(best - p->pieces);
			best = NULL;
			covered = reach;
		} else if (next < p->piece_count) {
			covered = p->pieces[order[next].index].src;
		} else {
			return;
		}
	}
}

/* 4: after all pieces are written */

static void copy_shared(struct plan *p, const struct piece *piece)
{
	addr_t src = piece->src - piece->head, shift = piece->dst - piece->src;
	size_t left = piece->head, size;
	uint32_t low = 0, high = p->node_count;
	const struct piece *reader;

	/* Find the reader of src: the first whose source ends past it. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		reader = &p->pieces[p->by_src[middle]];
		if (reader->src + reader->size > src)
			high = middle;
		else
			low = middle + 1;
	}
	for (; left != 0; left -= size) {
		reader = &p->pieces[p->by_src[low++]];
		size = (size_t)plan_min(left, reader->src + reader->size - src);
		segue_plan_copy(p, src + shift, reader->dst + (src - reader->src), size);
		src += size;
	}
}

static void finish(struct plan *p)
{
	p->out->scratch = p->room_top;
	for (uint32_t i = 0; i < p->piece_count && p->status == PLAN_OK; i++)
		if (p->pieces[i].head != 0 && p->pieces[i].dst != p->pieces[i].src)
			copy_shared(p, &p->pieces[i]);
	for (uint32_t i = 0; i < p->in->zero_count && p->status == PLAN_OK; i++) {
		const struct plan_range *zero = &p->in->zeros[i];

		segue_plan_emit(p, SEGUE_MOVE_ZERO, zero->start, 0, (size_t)(zero->end - zero->start));
	}
}

enum plan_status segue_plan(const struct plan_input *input, struct plan_result *result)
{
	struct plan plan = { .in = input, .out = result, .put_off = PLAN_NONE };

	*result = (struct plan_result){ .moves = 0 };
	if (input->copy_count > PLAN_MAX || input->zero_count > PLAN_MAX || input->free_count > PLAN_MAX)
		return PLAN_TOO_MANY;
	plan.start = plan.low = input->memory;
	plan.end = plan.start + (input->memory_size & ~(size_t)7);
	plan.high = plan.end - ((input->lent + 7) & ~(size_t)7);
	collect(&plan);
	plan.high = plan.end;
	choose_readers(&plan);
	plan.high = plan.end;
	if (plan.status == PLAN_OK)
		segue_plan_order(&plan);
	finish(&plan);
	return plan.status;
}
