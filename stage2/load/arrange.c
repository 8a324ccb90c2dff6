/* SPDX-License-Identifier: MIT */
/* Placed segments -> plan -> replay -> purgatory's parameters, all in the workspace. */
#include "blocks/block.h"
#include "common/memory_functions.h"
#include "load/arrange.h"
#include "common/placement.h"
#include "leave/loaded.h"
#include "leave/list.h"
#include "load/purgatory_params.h"
#include "plan/replay.h"
#include "return/return_page.h"
#include "load/runs.h"
#include "load/scratch.h"

/*
 * The list grows down from the end of the planner's memory, and the planner uses the memory below it, because neither size
 * is known beforehand. If the list meets the planner's memory, the rest is only counted, so that the refusal names a size.
 */
struct list {
	struct list_page *pages;      /* the first page, after turn_list() */
	struct list_page *end;        /* end of the memory */
	size_t memory_size;
	const size_t *held;           /* bytes of the memory that the planner uses, from its start */
	size_t taken;                 /* bytes of the list's pages */
	bool full;                    /* an entry had no room */
	uint32_t moves;
	uint32_t count;               /* of entries: the moves, then the ranges that the digest covers */
};

/* The large ones come last: i386 reaches the others by shorter instructions. */
struct arrangement {
	struct job *job;
	struct list list;
	struct housing housing;
	uint8_t *memory;              /* the planner's and the list's, then the replay's */
	size_t memory_size;
	bool moves_out;               /* purgatory and the list do not stay in the workspace */
	struct runs runs;
	struct plan_result result;
	struct scratch whole;         /* free RAM */
	struct scratch scratch;       /* the part that the planner may use */
	struct scratch reserve;       /* for the list; the planner does not use it */
};

struct verification {
	const struct job *job;
	struct replay replay;
	uint32_t count;               /* copies checked so far */
};

static OUT_OF_LINE uint32_t pages_for(uint32_t entries)
{
	/* An END follows the last entry, if necessary on another page. */
	return entries / LIST_MOVES + 1;
}

static addr_t physical_of(const struct job *job, const void *in_workspace)
{
	return job->workspace_phys + (addr_t)((const uint8_t *)in_workspace - job->workspace);
}

static int emit(void *context, const struct segue_move *move)
{
	struct list *list = context;
	uint32_t at = list->count++;
	size_t size = (size_t)pages_for(list->count) * PAGE;

	if (size > list->taken && size <= list->memory_size - *list->held)
		list->taken = size;
	list->full = list->full || size > list->taken;
	if (!list->full)
		list->end[-1 - (ptrdiff_t)(at / LIST_MOVES)].moves[at % LIST_MOVES] = *move;
	return SEGUE_OK;
}

/* Reverses the order of the pages. */
static void turn_list(struct list *list)
{
	struct list_page *low = list->end - pages_for(list->count), *high = list->end - 1;

	list->pages = low;
	for (; low < high; low++, high--)
		for (uint32_t i = 0; i < LIST_MOVES; i++) {
			struct segue_move move = low->moves[i];

			low->moves[i] = high->moves[i];
			high->moves[i] = move;
		}
}

/* Would a segment overwrite the workspace? A table that stays in place in the workspace would not. */
static OUT_OF_LINE bool workspace_is_hit(const struct job *job)
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

/* Takes the rest of the arena, up to its last page boundary. */
static int divide_workspace(struct arrangement *a)
{
	struct arena *arena = &a->job->arena;
	size_t least = PAGE + (size_t)a->runs.copy_count * sizeof(struct plan_copy);
	size_t left = (size_t)(arena->end - arena->next), padding = -(uintptr_t)arena->next & 7;

	a->memory = arena->next + padding;
	a->memory_size = left > padding ? (left - padding) & ~(size_t)7 : 0;
	a->memory_size -= a->memory_size > 0 ? (uintptr_t)(a->memory + a->memory_size) % PAGE : 0;
	if (a->memory_size < least || (uintptr_t)(a->memory + a->memory_size) % PAGE != 0) {
		segue_arena_refuse(arena, least + PAGE);
		return SEGUE_E_WORKSPACE_SMALL;
	}
	a->list.end = (struct list_page *)(void *)(a->memory + a->memory_size);
	a->list.memory_size = a->memory_size;
	a->list.held = &a->result.memory_held;
	return SEGUE_OK;
}

/* A bundle's own digest does not cover modules beside the bundle. */
static bool is_in_digest(const struct job *job, const struct segment *s)
{
	size_t parts = job->bundle.digest && !job->args->digest ? 1 : job->part_count;

	return s->source.size > 0 && s->source.part < parts && !s->optional;
}

static void add_digest(struct arrangement *a)
{
	const struct job *job = a->job;

	for (size_t i = 0; job->bundle.digest && i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];
		struct segue_move entry = {
			.dst = s->dest, .src = a->housing.home + PURGATORY_DIGEST_AT, .size = (uint32_t)s->source.size,
			.op = SEGUE_MOVE_DIGEST,
		};

		if (is_in_digest(job, s))
			emit(&a->list, &entry);
	}
}

/* need: bytes of memory. With more memory the plan may differ and need even more. */
static int refuse_space(const struct arrangement *a, size_t need)
{
	if (need <= a->memory_size)
		need = a->memory_size * 2;
	return segue_refuse(&a->job->log, SEGUE_E_PLAN_SPACE, "%z bytes, %z more are needed for %u moves or more",
			    (addr_t)a->job->args->workspace_size, (addr_t)(need - a->memory_size), a->list.count);
}

static size_t list_size(const struct arrangement *a)
{
	return (size_t)pages_for(a->list.count) * PAGE;
}

/* Bytes for the list and the replay. */
static size_t replay_memory(const struct arrangement *a)
{
	return list_size(a) + segue_replay_memory((uint32_t)(a->job->segment_count + a->job->save_count) + SCRATCH_LIMIT,
						  a->list.count);
}

static int plan_once(struct arrangement *a)
{
	uint32_t copies = a->runs.copy_count;
	size_t lent = ((size_t)copies * sizeof(struct plan_copy) + 7) & ~(size_t)7;
	struct plan_copy *list = (struct plan_copy *)(void *)((uint8_t *)a->list.end - lent);
	struct plan_input input = {
		.copies = list, .copy_count = copies, .lent = lent, .taken = &a->list.taken,
		.zeros = a->runs.zeros, .zero_count = a->runs.zero_count,
		.free = a->scratch.ranges, .free_count = a->scratch.count,
		.memory = a->memory, .memory_size = a->memory_size,
		.emit = emit, .context = &a->list,
	};
	enum plan_status status;
	size_t need;

	a->list.count = 0;
	a->list.taken = PAGE;
	a->list.full = false;
	segue_list_copies(a->job, list);
	status = segue_plan(&input, &a->result);
	a->list.moves = a->list.count;
	need = list_size(a) + a->result.memory_used;
	if (status == PLAN_MEMORY)
		return refuse_space(a, list_size(a) + segue_plan_memory(copies, a->runs.zero_count, SCRATCH_LIMIT));
	/* The segments were checked to be disjoint and in RAM. */
	if (status != PLAN_OK)
		return segue_refuse(&a->job->log, SEGUE_E_PLAN_REPLAY, "planner, %u, %x to %x", (uint32_t)status,
				    (addr_t)a->result.at.start, (addr_t)a->result.at.end);
	a->result.memory_held = 0;
	add_digest(a);
	if (a->list.full)
		return refuse_space(a, need > replay_memory(a) ? need : replay_memory(a));
	return SEGUE_OK;
}

/* Takes pages for the list before the planner sets bytes aside in them. */
static int reserve_pages(struct arrangement *a, uint32_t count)
{
	struct scratch *reserve = &a->reserve;
	addr_t page;

	reserve->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (reserve->count == SCRATCH_LIMIT || !segue_take_pages(&a->scratch, 1, &page))
			return segue_refuse(&a->job->log, SEGUE_E_NO_PURGATORY, "%u pages for the list", count);
		if (reserve->count > 0 && page + PURGATORY_PAGE == reserve->ranges[reserve->count - 1].start) {
			reserve->ranges[reserve->count - 1].start = page;
		} else {
			reserve->ranges[reserve->count].start = page;
			reserve->ranges[reserve->count++].end = page + PURGATORY_PAGE;
		}
	}
	return SEGUE_OK;
}

/* Plans with a number of pages reserved for the list, and again with more while the list needs more. */
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

/* Writes the address of each page of the list, as a link, to the page before it. */
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
	/* The END. Its page may contain entries of an earlier plan. */
	memset(&a->list.pages[a->list.count / LIST_MOVES].moves[a->list.count % LIST_MOVES], 0, sizeof(struct segue_move));
}

/* A plan may write to destinations, the needed part of staging, and scratch. */
static void allow_writes(const struct arrangement *a, struct verification *v)
{
	const struct job *job = a->job;

	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		segue_replay_allow(&v->replay, s->dest, s->dest + s->source.size + s->zero_size);
	}
	for (size_t i = 0; i < job->save_count; i++)
		segue_replay_allow(&v->replay, job->saves[i].dest, job->saves[i].dest + job->saves[i].size);
	for (uint32_t i = 0; i < a->scratch.count; i++)
		segue_replay_allow(&v->replay, a->scratch.ranges[i].start, a->scratch.ranges[i].end);
}

static const struct segue_move *entry_of(const void *list, uint32_t index)
{
	const struct list_page *pages = list;

	return &pages[index / LIST_MOVES].moves[index % LIST_MOVES];
}

static void check_copy(void *context, const struct plan_copy *copy)
{
	struct verification *v = context;

	segue_replay_check(&v->replay, v->count++, copy->dst, copy->size, copy->src);
}

/* The replay checks the plan independently of the planner: every segment must get its bytes. */
static int replay(struct arrangement *a)
{
	struct job *job = a->job;
	struct verification v = {.job = job};
	struct replay *r = &v.replay;

	segue_replay_begin(r, a->memory, (size_t)((uint8_t *)a->list.pages - a->memory));
	allow_writes(a, &v);
	segue_replay_moves(r, entry_of, a->list.pages, a->list.count);
	segue_each_copy(job, check_copy, &v);
	for (uint32_t i = 0; i < a->runs.zero_count; i++)
		segue_replay_check(r, v.count++, a->runs.zeros[i].start, a->runs.zeros[i].end - a->runs.zeros[i].start, REPLAY_ZEROS);
	if (r->status == REPLAY_OK)
		return SEGUE_OK;
	if (r->status == REPLAY_MEMORY)
		return refuse_space(a, replay_memory(a));
	return segue_refuse(&job->log, SEGUE_E_PLAN_REPLAY, "replay, %u, move %u, %x to %x", (uint32_t)r->status, r->index,
			    (addr_t)r->at.start, (addr_t)r->at.end);
}

static int write_segments(struct arrangement *a, struct loaded *loaded)
{
	struct job *job = a->job;
	size_t size = job->segment_count * sizeof *loaded->segments;

	loaded->segments = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!loaded->segments)
		return SEGUE_E_WORKSPACE_SMALL;
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];
		struct segue_segment *out = &loaded->segments[i];
		addr_t at = 0, run;

		out->dest = s->dest;
		out->size = s->size;
		out->file_size = s->source.size;
		if (s->source.size > 0)
			segue_physical(job, &s->source, &at, &run);
		out->source = at;
		out->name = s->name;
		out->number = s->number == NO_NUMBER ? 0 : s->number;
		out->in_digest = is_in_digest(job, s);
	}
	return SEGUE_OK;
}

/* With the page of high.asm. */
static IN_LINE uint32_t home_pages(const struct arrangement *a)
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
	d->is_64_bit = a->job->is_64_bit;
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
	loaded->tables = a->job->tables;
	loaded->flags = a->job->args->flags;
	loaded->cpu_count = a->job->args->cpu_count;
	loaded->list = a->list.pages;
	if (a->job->return_page)
		loaded->return_area = a->job->workspace + (a->job->return_page - a->job->workspace_phys);
	loaded->magic = LOADED_MAGIC;
}

/* Purgatory stays in the workspace unless the target is placed there. */
static int house_purgatory(struct arrangement *a)
{
	const struct job *job = a->job;
	struct housing *housing = &a->housing;
	uint32_t pages = segue_purgatory_pages(job);

	housing->pages = pages;
	housing->home = job->workspace_phys;
	a->moves_out = workspace_is_hit(job) || !segue_is_good_home(job, housing->home, pages);
	if (a->moves_out && job->return_page)
		return segue_refuse(&job->log, SEGUE_E_RETURN, "A20 is to be shut, and the workspace is at an odd MiB");
	if (a->moves_out)
		do
			if (!segue_take_pages(&a->scratch, home_pages(a), &housing->home))
				return segue_refuse(&job->log, SEGUE_E_NO_PURGATORY, "%u pages", home_pages(a));
		while (!segue_is_good_home(job, housing->home, pages));
	/* high.asm's page: in the workspace a table of the gate, which is not needed any more; else the page after purgatory. */
	if (a->runs.high && job->return_page)
		housing->tables = job->return_page + RETURN_HIGH_AT;
	else if (a->runs.high)
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
		return SEGUE_E_WORKSPACE_SMALL;
	a->job = job;
	if ((error = write_segments(a, loaded)) != SEGUE_OK)
		return error;
	if ((error = segue_find_runs(job, &a->runs)) != SEGUE_OK)
		return error;
	if (ADDRESS_MAX > UINT32_MAX && a->runs.high && (error = segue_need_block(job, BLOCK_HIGH)) != SEGUE_OK)
		return error;
	if ((error = segue_find_scratch(job, &a->runs, &a->scratch)) != SEGUE_OK)
		return error;
	if ((error = house_purgatory(a)) != SEGUE_OK)
		return error;
	if ((error = divide_workspace(a)) != SEGUE_OK)
		return error;
	if ((error = make_plan(a)) != SEGUE_OK)
		return error;
	turn_list(&a->list);
	if ((error = replay(a)) != SEGUE_OK)
		return error;
	write_description(a, loaded);
	segue_prepare_leave(job);
	link_list(a);
	segue_write_purgatory(job, &a->housing);
	return SEGUE_OK;
}
