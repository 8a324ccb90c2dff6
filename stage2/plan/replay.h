/* SPDX-License-Identifier: MIT */
/*
 * Replays a finished list of moves, on ranges instead of bytes, and checks that
 * it does what was asked. It shares only struct segue_move and the sorting with the
 * planner, so that each checks the other; nothing is accepted for a wrong order.
 */
#ifndef SEGUE_STAGE2_REPLAY_H
#define SEGUE_STAGE2_REPLAY_H

#include "plan/plan.h"

enum replay_status {
	REPLAY_OK = 0,
	REPLAY_MEMORY,    /* the arena is too small to say */
	REPLAY_BAD_INPUT, /* a range that is allowed or checked wraps or ends before it starts: `at` */
	REPLAY_BAD_MOVE,  /* unknown op, size 0, a range that wraps, or a copy over its own source; `at` holds its dst range */
	REPLAY_OUTSIDE,   /* a move writes bytes that are neither destination nor allowed: `at` */
	REPLAY_WRONG      /* after the last move `at` does not hold what it has to */
};

typedef const struct segue_move *replay_list(const void *list, uint32_t index);

#define REPLAY_LEVELS 6u

struct replay {
	enum replay_status status; /* the first refusal; what follows it is ignored */
	uint32_t index;            /* of the move at fault; REPLAY_WRONG: as segue_replay_check() was told */
	struct plan_range at;

	unsigned char *low, *high, *end; /* of the memory: what is not taken is up to high */
	addr_t *allowed;           /* where moves may write: starts and ends */
	uint32_t allowed_count;
	uint32_t move_count;
	replay_list *move;
	const void *list;
	struct run *runs;
	uint32_t anchors;          /* the runs below this one are anchors */
	uint32_t near;             /* the anchor of what was checked last */
	struct run *spare;         /* the freed run to be used next */
	uint32_t *live[REPLAY_LEVELS]; /* a bit for each anchor, then for each word of the level below */
};

/* The steps, in this order. The memory is aligned to 8. */
void segue_replay_begin(struct replay *, void *memory, size_t size);

/* Moves may write here: destinations, free RAM, and sources after an exchange. The ranges may overlap. */
void segue_replay_allow(struct replay *, addr_t start, addr_t end);

/* move() returns the list's entry of any index below count; it is asked several times. LINK, DIGEST and END are skipped. */
void segue_replay_moves(struct replay *, replay_list *move, const void *list, uint32_t count);

/*
 * Does [dst, dst+size) hold what was at src before the first move, or zeros (REPLAY_ZEROS)? To ask in the order of the
 * addresses is fastest. Returns the status.
 */
#define REPLAY_ZEROS ADDRESS_MAX
enum replay_status segue_replay_check(struct replay *, uint32_t index, addr_t dst, addr_t size, addr_t src);

/* The memory that is enough for a list of so many moves from segue_plan(). */
size_t segue_replay_memory(uint32_t allowed, uint32_t moves);

#endif
