/* SPDX-License-Identifier: MIT */
/*
 * A model in C of purgatory's mover: executes the moves of stage2/plan/plan.h byte by byte, on this program's own memory.
 */
#ifndef SEGUE_TEST_EXECUTOR_MODEL_H
#define SEGUE_TEST_EXECUTOR_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "plan/plan.h"

static inline void executor_model_move(const struct segue_move *move)
{
	unsigned char *dst = (unsigned char *)(uintptr_t)move->dst;
	unsigned char *src = (unsigned char *)(uintptr_t)move->src, byte;

	for (uint32_t n = 0; n < move->size; n++) {
		uint32_t i = n;

		if (move->op == SEGUE_MOVE_COPY_DOWN || move->op == SEGUE_MOVE_SWAP_DOWN)
			i = move->size - 1 - n;
		switch (move->op) {
		case SEGUE_MOVE_COPY_UP:
		case SEGUE_MOVE_COPY_DOWN:
			dst[i] = src[i];
			break;
		case SEGUE_MOVE_ZERO:
			dst[i] = 0;
			break;
		case SEGUE_MOVE_SWAP_UP:
		case SEGUE_MOVE_SWAP_DOWN:
			byte = dst[i];
			dst[i] = src[i];
			src[i] = byte;
			break;
		default:
			fprintf(stderr, "executor_model: op %u\n", (unsigned)move->op);
			abort();
		}
	}
}

static inline void executor_model(const struct segue_move *list)
{
	while (list->op != SEGUE_MOVE_END) {
		if (list->op == SEGUE_MOVE_LINK) {
			list = (const struct segue_move *)(uintptr_t)list->dst;
			continue;
		}
		executor_model_move(list++);
	}
}

#endif
