/* SPDX-License-Identifier: MIT */
/* Placed segments -> plan, replayed -> what purgatory is told, all in the workspace. */
#include "memory_functions.h"
#include "arrange.h"
#include "image.h"
#include "loaded.h"
#include "purgatory_params.h"
#include "replay.h"
#include "runs.h"
#include "scratch.h"

/* Moves that cut pieces take beside the one for each run; exchanges in full RAM may take more, and then say so. */
#define SPARE_MOVES 256u

struct list {
	struct list_page *pages;
	uint32_t page_limit;
	uint32_t moves;
	uint32_t count;               /* of entries: the moves, then what the digest is over */
};

struct arrangement {
	struct job *job;
	struct runs runs;
	struct scratch whole;         /* what is free */
	struct scratch scratch;       /* of it, what the planner may use */
	struct scratch left;          /* and what it has left */
	struct scratch reserve;       /* for the list: out of the planner's reach */
	struct list list;
	struct plan_result result;
	void *memory;                 /* the planner's, then the replay's */
	struct plan_range *writable;  /* where moves may write beside their destinations */
	size_t memory_size;
	struct housing housing;
	bool moves_out;               /* purgatory and the list do not stay in the workspace */
};

static uint32_t pages_for(uint32_t entries)
{
	/* An END follows the last entry, in a page of its own if need be. */
	return entries / LIST_MOVES + 1;
}

static addr_t physical_of(const struct job *job, const void *in_workspace)
{
	return job->workspace_phys + (addr_t)((const uint8_t *)in_workspace - job->workspace);
}

static int emit(void *context, const struct segue_move *move)
{
	struct list *list = context;

	if (pages_for(list->count + 1) > list->page_limit)
		return SEGUE_E_PLAN_SPACE;
	list->pages[list->count / LIST_MOVES].moves[list->count % LIST_MOVES] = *move;
	list->count++;
	return SEGUE_OK;
}

/* Would a segment be written over the workspace? One that lies in it already is a table left in place. */
static bool workspace_is_hit(const struct job *job)
{
	addr_t start = job->workspace_phys, end = start + job->args->workspace_size;

	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		if (s->dest >= end || s->dest + s->size <= start)
			continue;
		if (s->source.part != PART_WORKSPACE || physical_of(job, s->source.data) != s->dest)
			return true;
	}
	return false;
}

/* What is left of the arena becomes memory for the planner and the replay, then the list. */
static int divide_workspace(struct arrangement *a)
{
	struct arena *arena = &a->job->arena;
	uint32_t copies = a->runs.copy_count, zeros = a->runs.zero_count, writable = copies + SCRATCH_LIMIT;
	size_t replay_size = segue_replay_memory(copies, zeros, writable, copies + zeros + SPARE_MOVES);
	struct list_page *pages;

	a->memory_size = segue_plan_memory(copies, zeros, SCRATCH_LIMIT);
	if (a->memory_size < replay_size)
		a->memory_size = replay_size;
	a->memory = segue_arena_take(arena, a->memory_size, sizeof(uint64_t));
	a->writable = segue_arena_take(arena, writable * sizeof *a->writable, sizeof(uint64_t));
	if (!a->memory || !a->writable)
		return segue_arena_refuse(a->job, a->memory_size + writable * sizeof *a->writable);
	pages = segue_arena_take(arena, sizeof *pages, sizeof *pages);
	if (!pages)
		return segue_arena_refuse(a->job, sizeof *pages);
	a->list.pages = pages;
	a->list.page_limit = (uint32_t)((size_t)(arena->end - (uint8_t *)pages) / sizeof *pages);
	return SEGUE_OK;
}

/* A bundle's own digest does not know what is handed over beside the bundle. */
static bool is_in_digest(const struct job *job, const struct segment *s)
{
	uint32_t parts = job->bundle.digest && !job->args->digest ? 1 : PART_WORKSPACE;

	return s->source.size > 0 && s->source.part < parts && !s->optional;
}

static int add_digest(struct arrangement *a)
{
	const struct job *job = a->job;
	int error = SEGUE_OK;

	for (size_t i = 0; job->bundle.digest && i < job->segment_count && error == SEGUE_OK; i++) {
		const struct segment *s = &job->segments[i];
		struct segue_move entry = {
			.dst = s->dest, .src = a->housing.home + PURGATORY_DIGEST_AT, .size = (uint32_t)s->source.size,
			.op = SEGUE_MOVE_DIGEST,
		};

		if (is_in_digest(job, s))
			error = emit(&a->list, &entry);
	}
	return error;
}

static int plan_once(struct arrangement *a)
{
	struct plan_input input = {
		.copies = a->runs.copies, .copy_count = a->runs.copy_count,
		.zeros = a->runs.zeros, .zero_count = a->runs.zero_count,
		.free = a->left.ranges, .free_count = a->scratch.count,
		.memory = a->memory, .memory_size = a->memory_size,
		.emit = emit, .context = &a->list,
	};
	enum plan_status status;

	a->left = a->scratch;
	a->list.count = 0;
	status = segue_plan(&input, &a->result);
	a->list.moves = a->list.count;
	if (status == PLAN_OK && add_digest(a) == SEGUE_OK)
		return SEGUE_OK;
	if (status == PLAN_OK || status == PLAN_EMIT)
		return segue_refuse(a->job, SEGUE_E_PLAN_SPACE, "%u moves fill it", a->list.count);
	/* Segments are apart and inside RAM by now, and the arena was made to measure. */
	return segue_refuse(a->job, SEGUE_E_PLAN_REPLAY, "planner, %u, %x to %x", (uint32_t)status, (addr_t)a->result.at.start,
			    (addr_t)a->result.at.end);
}

/* Takes pages for the list while the planner has not set anything aside in them. */
static int reserve_pages(struct arrangement *a, uint32_t count)
{
	struct scratch *reserve = &a->reserve;
	addr_t page;

	reserve->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (reserve->count == SCRATCH_LIMIT || !segue_take_pages(&a->scratch, 1, &page))
			return segue_refuse(a->job, SEGUE_E_NO_PURGATORY, "%u pages for the list", count);
		if (reserve->count > 0 && page + PURGATORY_PAGE == reserve->ranges[reserve->count - 1].start) {
			reserve->ranges[reserve->count - 1].start = page;
		} else {
			reserve->ranges[reserve->count].start = page;
			reserve->ranges[reserve->count++].end = page + PURGATORY_PAGE;
		}
	}
	return SEGUE_OK;
}

/* Plans, and again with more pages held back for as long as the list needs more than there are. */
static int make_plan(struct arrangement *a)
{
	uint32_t pages = a->moves_out ? 1 : 0;
	int error;

	a->whole = a->scratch;
	while ((error = reserve_pages(a, pages)) == SEGUE_OK && (error = plan_once(a)) == SEGUE_OK) {
		if (!a->moves_out || pages_for(a->list.count) <= pages)
			break;
		pages = pages_for(a->list.count);
		a->scratch = a->whole;
	}
	return error;
}

/* Puts the address of each page of the list, as a link, into the page before. */
static void link_list(struct arrangement *a)
{
	struct housing *housing = &a->housing;

	housing->list_source = physical_of(a->job, a->list.pages);
	housing->list_pages = pages_for(a->list.count);
	for (uint32_t i = 0; i < housing->list_pages; i++) {
		addr_t page = physical_of(a->job, &a->list.pages[i]);

		if (a->moves_out)
			segue_take_pages(&a->reserve, 1, &page);
		if (i == 0)
			housing->list = page;
		else
			a->list.pages[i - 1].link = (struct segue_move){.dst = page, .op = SEGUE_MOVE_LINK};
	}
	/* The END; its page may hold what an earlier plan left. */
	memset(&a->list.pages[a->list.count / LIST_MOVES].moves[a->list.count % LIST_MOVES], 0, sizeof(struct segue_move));
}

/* Scratch; and where RAM is so full that bytes are exchanged, the sources too, but not in what the host keeps. */
static uint32_t list_writable(const struct arrangement *a)
{
	uint32_t count = a->scratch.count;

	memcpy(a->writable, a->scratch.ranges, count * sizeof *a->writable);
	for (uint32_t i = 0; a->result.exchanged != 0 && i < a->runs.copy_count; i++) {
		const struct plan_copy *copy = &a->runs.copies[i];

		a->writable[count].start = copy->src;
		a->writable[count].end = copy->src + copy->size;
		if (segue_is_ram(a->job, copy->src, copy->src + copy->size))
			count++;
	}
	return count;
}

/* The replay knows nothing of the planner; what it accepts does what the segments ask for. */
static int replay(struct arrangement *a)
{
	struct job *job = a->job;
	struct replay_input input = {
		.copies = a->runs.copies, .copy_count = a->runs.copy_count,
		.zeros = a->runs.zeros, .zero_count = a->runs.zero_count,
		.writable = a->writable, .writable_count = list_writable(a),
		.memory = a->memory, .memory_size = a->memory_size,
	};
	struct replay_result result;
	struct replay state;
	enum replay_status status;

	status = segue_replay_begin(&state, &input, &result);
	for (uint32_t i = 0; i < a->list.count && status == REPLAY_OK; i++)
		status = segue_replay_move(&state, &a->list.pages[i / LIST_MOVES].moves[i % LIST_MOVES]);
	if (status == REPLAY_OK)
		status = segue_replay_end(&state);
	if (status == REPLAY_OK)
		return SEGUE_OK;
	/* An exchange writes into sources, and one of these must not be written. */
	if (status == REPLAY_OUTSIDE && a->result.exchanged != 0)
		return segue_refuse(job, SEGUE_E_NO_PLACE, "to set bytes aside; %x to %x must stay", (addr_t)result.at.start,
				    (addr_t)result.at.end);
	if (status == REPLAY_MEMORY)
		return segue_refuse(job, SEGUE_E_PLAN_SPACE, "to check %u moves", a->list.count);
	return segue_refuse(job, SEGUE_E_PLAN_REPLAY, "replay, %u, move %u, %x to %x", (uint32_t)status, result.index,
			    (addr_t)result.at.start, (addr_t)result.at.end);
}

static int write_segments(struct arrangement *a, struct loaded *loaded)
{
	struct job *job = a->job;
	size_t size = job->segment_count * sizeof *loaded->segments;

	loaded->segments = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!loaded->segments)
		return segue_arena_refuse(job, size);
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];
		struct segue_segment *out = &loaded->segments[i];
		addr_t at = 0, run;

		out->dest = s->dest;
		out->size = s->size;
		out->file_size = s->source.size;
		if (s->source.size > 0)
			segue_physical(job, s->source, &at, &run);
		out->source = at;
		out->name = s->name;
		out->number = s->number == NO_NUMBER ? 0 : s->number;
		out->in_digest = is_in_digest(job, s);
	}
	return SEGUE_OK;
}

/* With high.asm's. */
static uint32_t home_pages(const struct arrangement *a)
{
	return a->housing.pages + (a->runs.high ? 1 : 0);
}

static void write_description(const struct arrangement *a, struct loaded *loaded)
{
	struct segue_description *d = &loaded->description;

	d->struct_size = sizeof *d;
	d->entry = a->job->entry.eip;
	if (segue_is_real_mode(&a->job->entry)) {
		d->real_mode = 1;
		d->entry += (uint32_t)a->job->entry.real_code * 16;
	}
	d->protocol = a->job->protocol;
	d->container = a->job->bundle.container;
	d->segment_count = a->job->segment_count;
	d->move_count = a->list.moves;
	d->payload = a->result.payload + a->result.in_place;
	d->in_place = a->result.in_place;
	d->moved = a->result.moved;
	d->set_aside = a->result.aside;
	d->zeroed = a->result.zeroed;
	d->purgatory = (uint32_t)a->housing.home;
	d->purgatory_size = home_pages(a) * PURGATORY_PAGE;
	d->needs_memory = a->job->needs_memory;
	d->has_digest = a->job->bundle.digest != NULL;
	d->asks_video = a->job->asks_video;
	d->video_width = a->job->video_width;
	d->video_height = a->job->video_height;
	d->video_depth = a->job->video_depth;
	d->video_mode = a->job->video_mode;
	loaded->code_base = (addr_t)a->job->args->code_base;
	loaded->data_base = (addr_t)a->job->args->data_base;
	loaded->workspace = a->job->workspace;
	loaded->workspace_phys = a->job->workspace_phys;
	loaded->workspace_size = a->job->args->workspace_size;
	loaded->tables_known = a->job->tables_known;
	loaded->tables_offset = a->job->tables_offset;
	loaded->flags = a->job->args->flags;
	loaded->cpu_count = a->job->args->cpu_count;
	loaded->list = a->list.pages;
	loaded->magic = LOADED_MAGIC;
}

/* Purgatory stays in the workspace, unless the target goes there. */
static int house_purgatory(struct arrangement *a)
{
	const struct job *job = a->job;
	struct housing *housing = &a->housing;
	uint32_t pages = segue_purgatory_pages(job, a->runs.high);

	housing->pages = pages;
	housing->home = job->workspace_phys;
	a->moves_out = workspace_is_hit(job) || !segue_is_good_home(job, housing->home, pages);
	if (a->moves_out)
		do
			if (!segue_take_pages(&a->scratch, home_pages(a), &housing->home))
				return segue_refuse(job, SEGUE_E_NO_PURGATORY, "%u pages", home_pages(a));
		while (!segue_is_good_home(job, housing->home, pages));
	/* high.asm's page: by then the gate's first table is of no use; elsewhere it lies behind purgatory. */
	if (a->runs.high)
		housing->tables = housing->home + (a->moves_out ? pages * PURGATORY_PAGE : LEAVE_AT + PAGE);
	return SEGUE_OK;
}

int segue_arrange(struct job *job)
{
	struct loaded *loaded = (struct loaded *)(void *)(job->workspace + LOADED_AT);
	/* Too large for a kernel's stack. */
	struct arrangement *a = segue_arena_take(&job->arena, sizeof *a, sizeof(uint64_t));
	int error;

	if (!a)
		return segue_arena_refuse(job, sizeof *a);
	a->job = job;
	if ((error = write_segments(a, loaded)) != SEGUE_OK)
		return error;
	if ((error = segue_find_runs(job, &a->runs)) != SEGUE_OK)
		return error;
	if ((error = segue_find_scratch(job, &a->runs, &a->scratch)) != SEGUE_OK)
		return error;
	if ((error = house_purgatory(a)) != SEGUE_OK)
		return error;
	if ((error = divide_workspace(a)) != SEGUE_OK)
		return error;
	if ((error = make_plan(a)) != SEGUE_OK)
		return error;
	if ((error = replay(a)) != SEGUE_OK)
		return error;
	write_description(a, loaded);
	segue_prepare_leave(job);
	link_list(a);
	segue_write_purgatory(job, &a->housing);
	return SEGUE_OK;
}
