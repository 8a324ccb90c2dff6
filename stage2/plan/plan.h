/* SPDX-License-Identifier: MIT */
/*
 * The planner turns a set of copies and zeros into an ordered list of moves
 * that purgatory executes one after another. Sources may overlap destinations.
 * Pure C: no allocator, no libc, no recursion, no written global.
 */
#ifndef SEGUE_STAGE2_PLAN_H
#define SEGUE_STAGE2_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

/*
 * What a list entry does. i runs from 0 up (UP) or from size-1 down (DOWN);
 * the result is as if the bytes were done one after the other:
 *   COPY  [dst+i] = [src+i]; where the ranges overlap, op is the direction
 *         that reads every byte before it is written
 *   SWAP  exchange [dst+i] and [src+i]; if the ranges overlap, the block
 *         of |dst-src| bytes at the starting end travels to the other end
 *   ZERO  [dst+i] = 0; src is 0
 *   LINK  the list goes on at physical address dst; src and size are 0
 *   DIGEST  [dst, dst+size) is added to the SHA-256 at src; writes nothing else. op may have a sum of these bytes above
 *         its three lowest bits; 0: none
 *   END   the list ends; all other fields are 0
 * size is never 0 for COPY, SWAP, ZERO and DIGEST. The planner emits no DIGEST: arrange.c adds them after its moves.
 */
enum segue_move_op {
	SEGUE_MOVE_END = 0,
	SEGUE_MOVE_COPY_UP = 1,
	SEGUE_MOVE_COPY_DOWN = 2,
	SEGUE_MOVE_ZERO = 3,
	SEGUE_MOVE_SWAP_UP = 4,
	SEGUE_MOVE_SWAP_DOWN = 5,
	SEGUE_MOVE_LINK = 6,
	SEGUE_MOVE_DIGEST = 7
};

#define SEGUE_MOVE_OP_BITS 3u

/*
 * For a DIGEST: a 1 and then the bytes, as the digits of a number in this base, without its upper SEGUE_MOVE_OP_BITS bits. The base
 * is odd, so each change of one byte changes the sum, and the sum of zeros is not 0. digest.asm makes it too.
 */
#define SEGUE_MOVE_SUM_BASE 31u
#define SEGUE_MOVE_SUM_START 1u

/* One list entry; purgatory/move.asm reads it. */
struct segue_move {
	uint64_t dst;
	uint64_t src;
	uint32_t size;
	uint32_t op;
};

/* Copy size bytes from src to dst. */
struct plan_copy {
	addr_t dst;
	addr_t src;
	addr_t size;
};

/* [start, end) */
struct plan_range {
	addr_t start;
	addr_t end;
};

enum plan_status {
	PLAN_OK = 0,
	PLAN_WRAPS,        /* a copy, zero range or free range ends past ADDRESS_MAX or before it starts */
	PLAN_OVERLAP,      /* two destinations (of copies or zeros) share bytes, or are not in order */
	PLAN_MEMORY,       /* the arena is too small; see segue_plan_memory() */
	PLAN_TOO_MANY,     /* more than PLAN_MAX copies, zeros or free ranges */
	PLAN_ROOM,         /* there is no room to set bytes aside, and no exchange() */
	PLAN_EMIT          /* the callback refused; its answer is in emit_status */
};

#define PLAN_MAX 0x08000000u

/*
 * Takes the next entry of the list. A result other than 0 aborts the plan.
 * END and LINK are never emitted: the caller chains the list.
 */
typedef int plan_emit(void *context, const struct segue_move *move);

struct plan;
/* Writes what is left of a plan by exchanging bytes in place. A pointer, so that a program may do without plan_exchange.c. */
typedef void plan_exchange(struct plan *plan);
plan_exchange segue_plan_exchange;

struct plan_input {
	/* Sorted by dst. Destinations are disjoint; sources may overlap each other and the destinations. */
	const struct plan_copy *copies;
	/* Sorted by address. Disjoint from each other and from the destinations of the copies. */
	const struct plan_range *zeros;
	/*
	 * RAM in which bytes may be set aside: disjoint from each other and from
	 * all sources, destinations and zeros. The plan uses the first
	 * result->scratch bytes of it.
	 */
	const struct plan_range *free;
	uint32_t copy_count;
	uint32_t zero_count;
	uint32_t free_count;
	/* The arena: scratch memory of the planner, aligned to 8; unused once the call returns. */
	void *memory;
	size_t memory_size;
	/* `copies` may be stored in this many bytes at the end of memory. The planner overwrites them after it has read them. */
	size_t lent;
	/* Number of bytes at the end of memory that emit() has taken, up to memory_size - result->memory_held; NULL: none. */
	const size_t *taken;
	plan_emit *emit;
	void *context;
	plan_exchange *exchange; /* segue_plan_exchange; NULL: none */
};

struct plan_result {
	/* Valid if the plan succeeded. */
	addr_t payload;  /* bytes whose place changes: dst != src */
	uint64_t moved;  /* bytes written by COPY and SWAP (a SWAP writes twice its size) */
	uint64_t aside;  /* of these, at most this many were not written to their final place: moved <= payload + aside */
	addr_t in_place; /* bytes already in their final place; never written */
	addr_t zeroed;   /* bytes of zeros */
	addr_t scratch;  /* bytes used of the free ranges, from the start of the first */
	uint32_t moves;     /* entries emitted */
	uint32_t swaps;     /* of these, SWAPs */
	uint32_t exchanged; /* pieces exchanged in place for lack of free RAM */
	size_t memory_used; /* bytes of memory used at most, without those that emit() took */
	size_t memory_held; /* bytes in use at memory's start when emit() is called */
	uint32_t index;       /* the refused item: copies from 0, then the zeros, then the free ranges */
	struct plan_range at; /* PLAN_OVERLAP: the bytes that an earlier destination has too; PLAN_WRAPS: the range as given */
	int emit_status;      /* PLAN_EMIT */
};

/*
 * The plan writes only to destinations, zeros and the used part of `free`. If the RAM for setting aside runs out, it exchanges
 * bytes in place.
 */
enum plan_status segue_plan(const struct plan_input *input, struct plan_result *result);

/*
 * An arena size that is always enough if no copy is larger than 4 GiB. What emit() takes is needed in addition. 0 if
 * the counts are over PLAN_MAX. Most of it is for exchanges: without any, a quarter is enough.
 */
size_t segue_plan_memory(uint32_t copies, uint32_t zeros, uint32_t free_ranges);

#endif
