/* SPDX-License-Identifier: MIT */
/* Describes the target that is loaded, from the workspace. */
#include "leave/loaded.h"
#include "leave/list.h"

int segue_describe(const void *workspace, struct segue_description *description)
{
	const struct loaded *loaded;

	if (!workspace || !description)
		return SEGUE_E_ARGUMENT;
	if (description->struct_size != sizeof *description)
		return SEGUE_E_STRUCT_SIZE;
	loaded = segue_loaded(workspace);
	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	*description = loaded->description;
	return SEGUE_OK;
}

int segue_segment_at(const void *workspace, size_t index, struct segue_segment *segment)
{
	const struct loaded *loaded;

	if (!workspace || !segment)
		return SEGUE_E_ARGUMENT;
	loaded = segue_loaded(workspace);
	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	if (index >= loaded->description.segment_count)
		return SEGUE_E_ARGUMENT;
	*segment = loaded->segments[index];
	return SEGUE_OK;
}

int segue_move_at(const void *workspace, size_t index, struct segue_move_description *description)
{
	const struct loaded *loaded;
	const struct segue_move *move;

	if (!workspace || !description)
		return SEGUE_E_ARGUMENT;
	loaded = segue_loaded(workspace);
	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	if (index >= loaded->description.move_count)
		return SEGUE_E_ARGUMENT;
	move = &loaded->list[index / LIST_MOVES].moves[index % LIST_MOVES];
	description->dest = move->dst;
	description->source = move->src;
	description->size = move->size;
	description->descending = move->op == SEGUE_MOVE_COPY_DOWN || move->op == SEGUE_MOVE_SWAP_DOWN;
	description->kind = move->op == SEGUE_MOVE_ZERO                                           ? SEGUE_MOVE_KIND_ZERO
			    : move->op == SEGUE_MOVE_SWAP_UP || move->op == SEGUE_MOVE_SWAP_DOWN ? SEGUE_MOVE_KIND_SWAP
												: SEGUE_MOVE_KIND_COPY;
	return SEGUE_OK;
}
