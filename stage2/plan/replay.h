/* SPDX-License-Identifier: MIT */
/*
 * Replays a finished list of moves, on ranges instead of bytes, and checks that
 * it does what was asked. It shares only struct segue_move and the sorting with the
 * planner, so that each checks the other. It refuses a move if the sorting has
 * misplaced one of its addresses.
 */
#ifndef SEGUE_STAGE2_REPLAY_H
#define SEGUE_STAGE2_REPLAY_H

#include "plan/plan.h"

enum replay_status {
	REPLAY_OK = 0,
	REPLAY_MEMORY,    /* the arena is too small for the check */
	REPLAY_BAD_INPUT, /* a range that is allowed or checked wraps or ends before it starts: `at` */
	REPLAY_BAD_MOVE,  /* unknown op, size 0, a range that wraps, or source bytes overwritten before they are read; `at`: its dst */
	REPLAY_OUTSIDE,   /* a move writes bytes that are not allowed: `at` */
	REPLAY_WRONG      /* after the last move `at` does not hold what it should */
};

typedef const struct segue_move *replay_list(const void *list, uint32_t index);

#define REPLAY_LEVELS 6u

struct replay {
	enum replay_status status; /* the first refusal; later steps do nothing */
	uint32_t index;            /* of the refused move; REPLAY_WRONG: the argument of segue_replay_check() */
	struct plan_range at;

	unsigned char *low, *high, *end; /* of the memory; [low, high) is not in use */
	addr_t *allowed;           /* where moves may write: starts and ends */
	uint32_t allowed_count;
	uint32_t move_count;
	replay_list *move;
	const void *list;
	struct run *runs;
	uint32_t anchors;          /* the runs with a lower index are anchors */
	uint32_t near;             /* the anchor of the range checked last */
	struct run *spare;         /* first of the freed runs */
	uint32_t *live[REPLAY_LEVELS]; /* a bit for each anchor, then for each word of the level below */
};

/* The steps, in this order. The memory is aligned to 8. */
void segue_replay_begin(struct replay *, void *memory, size_t size);

/* Allows moves to write here: for destinations, free RAM, and sources if the plan exchanges. The ranges may overlap. */
void segue_replay_allow(struct replay *, addr_t start, addr_t end);

/* move() must return the entry of any index below count; it is called several times for each. Skips LINK, DIGEST and END. */
void segue_replay_moves(struct replay *, replay_list *move, const void *list, uint32_t count);

/*
 * Does [dst, dst+size) hold the bytes that were at src before the first move, or zeros (REPLAY_ZEROS)? Checks are fastest in
 * ascending order of dst. Returns the status.
 */
#define REPLAY_ZEROS ADDRESS_MAX
enum replay_status segue_replay_check(struct replay *, uint32_t index, addr_t dst, addr_t size, addr_t src);

/* Memory that is enough for this many allowed ranges and a list of this many moves from segue_plan(). */
size_t segue_replay_memory(uint32_t allowed, uint32_t moves);

#endif
