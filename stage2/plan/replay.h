/* SPDX-License-Identifier: MIT */
/*
 * Replays a finished list of moves, on ranges instead of bytes, and checks that
 * it does what was asked. It shares only struct segue_move and the input's types
 * with the planner, so that each checks the other.
 */
#ifndef SEGUE_STAGE2_REPLAY_H
#define SEGUE_STAGE2_REPLAY_H

#include "plan/plan.h"

enum replay_status {
	REPLAY_OK = 0,
	REPLAY_MEMORY,    /* the arena is too small to say */
	REPLAY_BAD_INPUT, /* a range of the input wraps or ends before it starts: `at` */
	REPLAY_BAD_MOVE,  /* unknown op, size 0, or a range that wraps; `at` holds its dst range */
	REPLAY_OUTSIDE,   /* a move writes bytes that are neither destination nor allowed: `at` */
	REPLAY_WRONG      /* after the last move `at` does not hold what it has to */
};

struct replay_input {
	const struct plan_copy *copies;
	const struct plan_range *zeros;
	/* Further ranges that moves may write to: free RAM, and sources after an exchange. They may overlap any range. */
	const struct plan_range *writable;
	uint32_t copy_count;
	uint32_t zero_count;
	uint32_t writable_count;
	void *memory; /* aligned to 8 */
	size_t memory_size;
};

struct replay_result {
	uint32_t index;       /* number of the move at fault; REPLAY_WRONG: of the copy, or copy_count and more, the zero */
	struct plan_range at;
};

/* Feed with segue_replay_move() in list order between begin and end. */
struct replay {
	const struct replay_input *input;
	struct replay_result *result;
	void *nodes;
	uint32_t node_count;
	uint32_t used;
	uint32_t spare;    /* head of the list of freed nodes */
	uint32_t contents; /* root: which original bytes lie where */
	uint32_t allowed;  /* root: where moves may write */
	uint32_t moves;
	enum replay_status status;
};

/*
 * For a caller that does not keep arrays of copies and ranges for the input. It passes them one by one: the further
 * writable ranges before the first move, the copies after the last move.
 */
enum replay_status segue_replay_allow(struct replay *, addr_t start, addr_t end);
enum replay_status segue_replay_copy(struct replay *, uint32_t index, const struct plan_copy *);
enum replay_status segue_replay_begin(struct replay *, const struct replay_input *, struct replay_result *);
/* LINK and DIGEST are skipped; END and everything after a refusal is ignored. */
enum replay_status segue_replay_move(struct replay *, const struct segue_move *);
enum replay_status segue_replay_end(struct replay *);

/* The memory that is enough for a list of so many moves from segue_plan(). */
size_t segue_replay_memory(uint32_t copies, uint32_t zeros, uint32_t writable, uint32_t moves);

#endif
