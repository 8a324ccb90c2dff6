/* SPDX-License-Identifier: MIT */
/* Shared by the planner's files; plan.c describes the steps. */
#ifndef SEGUE_STAGE2_PLAN_INTERNAL_H
#define SEGUE_STAGE2_PLAN_INTERNAL_H

#include <stdbool.h>

#include "plan/plan.h"
#include "plan/plan_sort.h"

#define PLAN_NONE UINT32_MAX

/* Sizes have 32 bits, here and in the list: a larger copy is split at a multiple of a page. */
#define PIECE_MAX 0xfffff000u

/* There are at most this many more cuts than pieces. */
#define PLAN_CUTS_SPARE 16u

/*
 * A run of up to PIECE_MAX bytes that moves. The structure is small because a scattered blob has a piece for each extent.
 * While the piece is waiting, [src, src+size) is unread and no other waiting piece reads any of it. A piece that is
 * already in place, or all of whose bytes come from other pieces' destinations, has size 0 and never waits.
 */
struct piece {
	addr_t dst, src;
	uint32_t size;
	uint32_t head;      /* bytes just before dst (and src) that are copied from other pieces' destinations at the end */
	union {
		uint32_t pending;   /* while waiting: bytes of the destination that other waiting pieces read */
		uint32_t cut_first; /* later: first of the cuts with the destination's former bytes; they are in order of src */
	};
	uint32_t slot;      /* blocked: place in the heap; put off: the piece put off before it; exchanged: first part */
	uint32_t blocks;    /* number of waiting pieces whose destination the source overlaps; PLAN_NONE: not waiting */
	uint32_t writer;    /* first piece whose destination ends past src */
	uint32_t reader;    /* first place in by_src whose source ends past dst */
	uint32_t cut_count; /* number of cuts; not 0: the union holds cut_first */
};

/* Bytes of a waiting piece that were at src and have been set aside at room. */
struct cut {
	addr_t src, room;
	uint32_t size;
	uint32_t next; /* while its piece is written: the next one in the direction of the copy */
};

/* A run of bytes in plan_exchange.c. The contents of junk do not matter, but its position does. */
struct part {
	addr_t dst, src;
	uint32_t size;
	uint32_t dst_prev, src_prev, src_next;
	uint32_t junk;
};

struct plan {
	const struct plan_input *in;
	struct plan_result *out;
	enum plan_status status; /* the first failure; nothing is emitted after it */

	/* The arena's unused middle: lasting memory is taken from low; copies, sorting and emit() use the high end. */
	unsigned char *start, *low, *high, *end;

	struct piece *pieces; /* by dst */
	uint32_t piece_count;
	uint32_t *by_src;     /* pieces with size > 0, by src */
	uint32_t node_count;

	uint32_t waiting;
	uint32_t *heap;       /* blocked pieces, fewest pending bytes first; from its end down, the ready ones */
	uint32_t heap_count, ready_count;
	uint32_t *sinks;      /* pieces that block no other piece */
	uint32_t sink_count;
	uint32_t put_off;     /* last of the pieces that are written after the core */

	struct cut *cuts;
	uint32_t cut_count;
	uint32_t cuts_open;   /* set aside and not yet written where they belong */

	/* The free ranges, counted as one run of bytes. */
	addr_t room_total, room_used, room_top; /* all, in use now, in use at most so far */
	addr_t room_at;     /* address of the next byte to use */
	uint32_t room;        /* the free range that has it */
};

static inline addr_t plan_min(addr_t a, addr_t b)
{
	return a < b ? a : b;
}

static inline addr_t plan_max(addr_t a, addr_t b)
{
	return a > b ? a : b;
}

/* For walks by source: prefetches the piece that comes this many steps later, because the pieces are sorted by dst. */
#define PLAN_AHEAD 12u
static inline void plan_fetch_ahead(const struct plan *p, uint32_t place)
{
	if (p->node_count - place > PLAN_AHEAD)
		__builtin_prefetch(&p->pieces[p->by_src[place + PLAN_AHEAD]]);
}

static inline bool plan_waits(const struct piece *piece)
{
	return piece->blocks != PLAN_NONE;
}

/* plan_steps.c */
void *segue_plan_take(struct plan *, uint32_t count, uint32_t size, bool high);
size_t segue_plan_left(const struct plan *);
void segue_plan_emit(struct plan *, uint32_t op, addr_t dst, addr_t src, size_t size);
void segue_plan_copy(struct plan *, addr_t dst, addr_t src, size_t size);

/*
 * A walk by address over a waiting piece's holes: source bytes that have been set aside, or that a piece in place has, or that no
 * piece writes to.
 */
struct hole_walk {
	addr_t at;                    /* the first source byte after the writers so far */
	uint32_t writer, cut;
	struct cut hole;
};
void segue_plan_begin_holes(const struct piece *, struct hole_walk *);
bool segue_plan_next_hole(const struct plan *, const struct piece *, struct hole_walk *);

/* plan_order.c: writes the pieces one after another. */
void segue_plan_order(struct plan *);

#endif
