/* SPDX-License-Identifier: MIT */
/* What of memory is the host's, and where it lies while the target runs: core.h. */
#include "core/core.h"

/*
 * RAM by the map, but what another entry says is none. Of it staging and target memory are cut; what is saved of target memory
 * comes from job->saves. The workspace is added, because a host may lie in memory that firmware calls reserved.
 */
enum edge { EDGE_RAM, EDGE_OTHER, EDGE_CUT, EDGE_WORKSPACE, EDGES };

struct edges {
	struct core_key *keys;
	uint32_t count;
};

static void add_edges(struct edges *edges, enum edge edge, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	edges->keys[edges->count++] = (struct core_key){.at = start, .what = edge * 2u};
	edges->keys[edges->count++] = (struct core_key){.at = end, .what = edge * 2u + 1};
}

static void add_piece(struct core *core, uint64_t start, uint64_t end, uint64_t at)
{
	struct core_piece *last = core->piece_count > 0 ? &core->pieces[core->piece_count - 1] : NULL;

	if (last && last->end == start && last->at + (last->end - last->start) == at)
		last->end = end;
	else
		core->pieces[core->piece_count++] = (struct core_piece){start, end, at};
}

/* Adds the pieces that are saved, up to limit. */
static void add_saves(struct core *core, const struct core_key *order, uint32_t *next, uint64_t limit)
{
	for (; *next < core->job->save_count && order[*next].at < limit; ++*next) {
		const struct save *save = &core->job->saves[order[*next].what];

		add_piece(core, save->source, (uint64_t)save->source + save->size, save->dest);
	}
}

static void sweep(struct core *core, const struct edges *edges, const struct core_key *order)
{
	uint32_t open[EDGES] = {0}, saves = 0;
	uint64_t start = 0;
	bool was_in = false;

	for (uint32_t i = 0; i < edges->count;) {
		uint64_t at = edges->keys[i].at;
		bool in;

		for (; i < edges->count && edges->keys[i].at == at; i++)
			open[edges->keys[i].what / 2] += edges->keys[i].what % 2 ? -1u : 1u;
		in = open[EDGE_WORKSPACE] || (open[EDGE_RAM] && !open[EDGE_OTHER] && !open[EDGE_CUT]);
		if (in == was_in)
			continue;
		if (was_in) {
			add_saves(core, order, &saves, start);
			add_piece(core, start, at, start);
		}
		start = at;
		was_in = in;
	}
	add_saves(core, order, &saves, UINT64_MAX);
}

static void list_edges(const struct job *job, struct edges *edges)
{
	const struct segue_load_args *args = job->args;

	for (size_t i = 0; i < args->memory_map_count; i++)
		add_edges(edges, args->memory_map[i].type == SEGUE_MEMORY_RAM ? EDGE_RAM : EDGE_OTHER, args->memory_map[i].start,
			  args->memory_map[i].end);
	for (size_t i = 0; i < args->staging_count; i++)
		add_edges(edges, EDGE_CUT, args->staging[i].addr, args->staging[i].addr + args->staging[i].size);
	for (size_t i = 0; i < job->ram_count; i++)
		add_edges(edges, EDGE_CUT, job->ram[i].start, job->ram[i].end);
	add_edges(edges, EDGE_WORKSPACE, job->workspace_phys, (uint64_t)job->workspace_phys + args->workspace_size);
	segue_core_sort(edges->keys, edges->count);
}

int segue_core_find_pieces(struct core *core)
{
	struct job *job = core->job;
	const struct segue_load_args *args = job->args;
	size_t ranges = args->memory_map_count + args->staging_count + job->ram_count + 1;
	struct edges edges = {.keys = segue_core_borrow(job, ranges, 2 * sizeof *edges.keys)};
	struct core_key *order = edges.keys ? segue_core_borrow(job, job->save_count, sizeof *order) : NULL;

	/* A piece begins at an edge and ends at another one, or is a save. */
	core->pieces = order ? segue_core_borrow(job, ranges + job->save_count, sizeof *core->pieces) : NULL;
	if (!core->pieces)
		return SEGUE_E_WORKSPACE_SMALL;
	for (uint32_t i = 0; i < job->save_count; i++)
		order[i] = (struct core_key){.at = job->saves[i].source, .what = i};
	segue_core_sort(order, (uint32_t)job->save_count);
	list_edges(job, &edges);
	sweep(core, &edges, order);
	return SEGUE_OK;
}
