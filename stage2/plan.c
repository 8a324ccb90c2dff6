/* SPDX-License-Identifier: MIT */
/*
 * The planner, from the top:
 *   1. Sort by destination, refuse overlaps, join neighbours (collect).
 *   2. Give every source byte one reader; whoever else wants it takes it from
 *      that reader's destination at the end. So shared sources add no order
 *      to obey, and n pieces meet at most 2n times (choose_readers).
 *   3. Order the pieces; break cycles by setting bytes aside (plan_order.c),
 *      or, out of room, by exchanging in place (plan_exchange.c).
 *   4. Shared bytes, then zeros: nothing unread lies anywhere by then.
 */
#include "plan_internal.h"

/* Entries carry 32-bit sizes; larger moves are cut at a multiple of a page. */
#define MOVE_MAX 0xfffff000u

/* arena */

static void *take(struct plan *p, uint32_t count, uint32_t size, bool high)
{
	uint64_t bytes = ((uint64_t)count * size + 7) & ~(uint64_t)7;
	unsigned char *taken = p->low;
	size_t used;

	if (p->status != PLAN_OK)
		return NULL;
	used = (size_t)(p->low - p->start) + (size_t)(p->end - p->high);
	if (bytes > (uint64_t)(p->high - p->low)) {
		p->status = PLAN_MEMORY;
		p->out->memory_need = bytes > SIZE_MAX - used ? SIZE_MAX : used + (size_t)bytes;
		return NULL;
	}
	used += (size_t)bytes;
	if (used > p->out->memory_used)
		p->out->memory_used = used;
	if (high)
		taken = p->high -= (size_t)bytes;
	else
		p->low += (size_t)bytes;
	return taken;
}

void *segue_plan_take_low(struct plan *p, uint32_t count, uint32_t size)
{
	return take(p, count, size, false);
}

void *segue_plan_take_high(struct plan *p, uint32_t count, uint32_t size)
{
	return take(p, count, size, true);
}

size_t segue_plan_memory(uint32_t copies, uint32_t zeros, uint32_t free_ranges)
{
	/* A core of n pieces takes up to n parts and 2n parts of junk in plan_exchange.c. */
	uint64_t bytes = (uint64_t)copies * (sizeof(struct piece) + sizeof(uint32_t) + sizeof(struct cut) +
		3 * sizeof(struct part)) + PLAN_CUTS_SPARE * sizeof(struct cut) +
		(uint64_t)zeros * (sizeof(struct plan_range) + 2 * sizeof(struct sort_entry)) +
		(uint64_t)free_ranges * sizeof(struct plan_range) + 64;

	if (copies > PLAN_MAX || zeros > PLAN_MAX || free_ranges > PLAN_MAX || bytes > SIZE_MAX)
		return 0;
	return (size_t)bytes;
}

/* emitting */

void segue_plan_emit(struct plan *p, uint32_t op, uint64_t dst, uint64_t src, uint64_t size)
{
	bool down = op == SEGUE_MOVE_COPY_DOWN || op == SEGUE_MOVE_SWAP_DOWN;

	while (size != 0 && p->status == PLAN_OK) {
		struct segue_move move = { dst, src, (uint32_t)plan_min(size, MOVE_MAX), op };

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

void segue_plan_copy(struct plan *p, uint64_t dst, uint64_t src, uint64_t size)
{
	bool down = dst > src && dst - src < size;

	p->out->moved += size;
	segue_plan_emit(p, down ? SEGUE_MOVE_COPY_DOWN : SEGUE_MOVE_COPY_UP, dst, src, size);
}

void segue_plan_swap(struct plan *p, uint32_t op, uint64_t dst, uint64_t src, uint64_t size)
{
	p->out->moved += 2 * size;
	p->out->aside += size;
	p->out->swaps++;
	segue_plan_emit(p, op, dst, src, size);
}

/* 1: sort by destination */

static bool wraps(struct plan *p, enum plan_kind kind, uint32_t index, uint64_t start, uint64_t end)
{
	if (start <= end)
		return false;
	p->status = PLAN_WRAPS;
	p->out->a_kind = kind;
	p->out->a = index;
	p->out->at.start = start;
	p->out->at.end = end;
	return true;
}

/* Entries number copies first, then zeros. */
static enum plan_kind destination(const struct plan *p, uint32_t entry, uint32_t *index, struct plan_range *range)
{
	if (entry >= p->in->copy_count) {
		*index = entry - p->in->copy_count;
		*range = p->in->zeros[*index];
		return PLAN_KIND_ZERO;
	}
	*index = entry;
	range->start = p->in->copies[entry].dst;
	range->end = range->start + p->in->copies[entry].size;
	return PLAN_KIND_COPY;
}

static void append_piece(struct plan *p, const struct plan_copy *copy)
{
	struct piece *piece = p->piece_count ? &p->pieces[p->piece_count - 1] : NULL;

	if (copy->dst == copy->src)
		p->out->in_place += copy->size;
	else
		p->out->payload += copy->size;
	if (piece != NULL && piece->dst + piece->size == copy->dst && piece->src + piece->size == copy->src) {
		piece->size += copy->size;
		return;
	}
	piece = segue_plan_take_low(p, 1, sizeof(*piece));
	if (piece == NULL)
		return;
	*piece = (struct piece){ .dst = copy->dst, .src = copy->src, .size = copy->size, .blocks = PLAN_NONE };
	if (p->piece_count++ == 0)
		p->pieces = piece;
}

static void collect(struct plan *p)
{
	uint32_t most = p->in->copy_count + p->in->zero_count, count = 0, last_index = 0;
	struct sort_entry *entries = segue_plan_take_high(p, most, sizeof(*entries));
	struct sort_entry *spare = segue_plan_take_high(p, most, sizeof(*entries));
	struct plan_range range, last = { 0, 0 };
	enum plan_kind kind, last_kind = PLAN_KIND_NONE;
	uint32_t index;

	if (spare == NULL)
		return;
	for (uint32_t i = 0; i < most; i++) {
		kind = destination(p, i, &index, &range);
		if (wraps(p, kind, index, range.start, range.end))
			return;
		if (kind == PLAN_KIND_COPY && wraps(p, kind, index, p->in->copies[index].src,
				p->in->copies[index].src + p->in->copies[index].size))
			return;
		if (range.start == range.end)
			continue;
		entries[count].key = range.start;
		entries[count++].index = i;
	}
	segue_plan_sort(entries, spare, count);
	for (uint32_t i = 0; i < count && p->status == PLAN_OK; i++) {
		kind = destination(p, entries[i].index, &index, &range);
		if (range.start < last.end) {
			p->status = PLAN_OVERLAP;
			p->out->a_kind = last_kind;
			p->out->a = last_index;
			p->out->b_kind = kind;
			p->out->b = index;
			p->out->at.start = range.start;
			p->out->at.end = plan_min(range.end, last.end);
			return;
		}
		if (kind == PLAN_KIND_COPY)
			append_piece(p, &p->in->copies[index]);
		else
			p->rooms[p->zero_rooms++] = range;
		last = range;
		last_kind = kind;
		last_index = index;
	}
}

/* 2: one reader for every source byte */

static void cut_head(struct piece *piece, uint64_t size)
{
	piece->dst += size;
	piece->src += size;
	piece->size -= size;
	piece->head += size;
}

/*
 * At the end of what has a reader, the piece that starts no later and reaches
 * furthest reads on. So a piece's remaining bytes are read by at most two
 * others, and each reader's own part is one run at its end.
 */
static void choose_readers(struct plan *p)
{
	struct sort_entry *entries = segue_plan_take_high(p, p->piece_count, sizeof(*entries));
	struct sort_entry *spare = segue_plan_take_high(p, p->piece_count, sizeof(*entries));
	uint64_t covered = 0, reach = 0;
	uint32_t count = 0, next = 0;
	struct piece *piece, *best = NULL;

	p->by_src = segue_plan_take_low(p, p->piece_count, sizeof(*p->by_src));
	if (p->by_src == NULL)
		return;
	for (uint32_t i = 0; i < p->piece_count; i++) {
		piece = &p->pieces[i];
		if (piece->dst == piece->src) {
			cut_head(piece, piece->size);
			continue;
		}
		entries[count].key = piece->src;
		entries[count++].index = i;
	}
	segue_plan_sort(entries, spare, count);
	for (;;) {
		for (; next < count && entries[next].key <= covered; next++) {
			piece = &p->pieces[entries[next].index];
			if (piece->src + piece->size > reach) {
				if (best != NULL)
					cut_head(best, best->size);
				best = piece;
				reach = piece->src + piece->size;
			} else {
				cut_head(piece, piece->size);
			}
		}
		if (best != NULL) {
			cut_head(best, covered - best->src);
			p->by_src[p->node_count++] = (uint32_t)(best - p->pieces);
			best = NULL;
			covered = reach;
		} else if (next < count) {
			covered = entries[next].key;
		} else {
			return;
		}
	}
}

/* Of each range of zeros, the largest part that no piece reads. */
static void find_rooms(struct plan *p)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < p->zero_rooms; i++) {
		struct plan_range best = { 0, 0 }, gap = p->rooms[i], zero = gap;

		for (;;) {
			const struct piece *piece = k < p->node_count ? &p->pieces[p->by_src[k]] : NULL;

			gap.end = piece != NULL ? plan_max(gap.start, plan_min(piece->src, zero.end)) : zero.end;
			if (gap.end - gap.start > best.end - best.start)
				best = gap;
			if (piece == NULL || piece->src + piece->size >= zero.end)
				break;
			gap.start = plan_max(gap.start, piece->src + piece->size);
			k++;
		}
		p->rooms[i] = best;
		p->room_total += best.end - best.start;
	}
	for (uint32_t i = 0; i < p->in->free_count; i++) {
		struct plan_range range = p->in->free[i];

		if (wraps(p, PLAN_KIND_FREE, i, range.start, range.end))
			return;
		p->rooms[p->zero_rooms + i] = range;
		p->room_total += range.end - range.start;
	}
	p->room_count = p->zero_rooms + p->in->free_count;
	p->room_left = p->room_total;
}

/* 4: what is left when all pieces are written */

static void copy_shared(struct plan *p, const struct piece *piece)
{
	uint64_t dst = piece->dst - piece->head, src = piece->src - piece->head, left = piece->head;
	uint32_t low = 0, high = p->node_count;

	/* The reader that holds src: the first that ends past it. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct piece *reader = &p->pieces[p->by_src[middle]];

		if (reader->src + reader->size > src)
			high = middle;
		else
			low = middle + 1;
	}
	for (; left != 0; low++) {
		const struct piece *reader = &p->pieces[p->by_src[low]];
		uint64_t size = plan_min(left, reader->src + reader->size - src);

		segue_plan_copy(p, dst, reader->dst + (src - reader->src), size);
		dst += size;
		src += size;
		left -= size;
	}
}

static void finish(struct plan *p)
{
	for (uint32_t i = 0; i < p->piece_count && p->status == PLAN_OK; i++)
		if (p->pieces[i].dst != p->pieces[i].src)
			copy_shared(p, &p->pieces[i]);
	for (uint32_t i = 0; i < p->in->zero_count && p->status == PLAN_OK; i++) {
		uint64_t size = p->in->zeros[i].end - p->in->zeros[i].start;

		segue_plan_emit(p, SEGUE_MOVE_ZERO, p->in->zeros[i].start, 0, size);
		p->out->zeroed += size;
	}
	if (p->status != PLAN_OK)
		return;
	for (uint32_t i = p->zero_rooms; i <= p->room_top && i < p->room_count; i++) {
		struct plan_range *range = &p->in->free[i - p->zero_rooms];
		uint64_t used = i < p->room_top ? range->end - range->start : p->room_used_top;

		range->start += used;
		p->out->scratch += used;
	}
}

enum plan_status segue_plan(const struct plan_input *input, struct plan_result *result)
{
	struct plan plan = { .in = input, .out = result, .put_off = PLAN_NONE };

	*result = (struct plan_result){ .moves = 0 };
	if (input->copy_count > PLAN_MAX || input->zero_count > PLAN_MAX || input->free_count > PLAN_MAX)
		return PLAN_TOO_MANY;
	plan.start = plan.low = input->memory;
	plan.high = plan.end = plan.start + (input->memory_size & ~(size_t)7);
	plan.rooms = segue_plan_take_low(&plan, input->zero_count + input->free_count, sizeof(*plan.rooms));
	collect(&plan);
	plan.high = plan.end;
	if (plan.status == PLAN_OK)
		choose_readers(&plan);
	plan.high = plan.end;
	if (plan.status == PLAN_OK)
		find_rooms(&plan);
	if (plan.status == PLAN_OK)
		segue_plan_order(&plan);
	if (plan.status == PLAN_OK)
		finish(&plan);
	return plan.status;
}
