/* SPDX-License-Identifier: MIT */
/* Placed segments -> plan -> replay -> purgatory's parameters, all in the workspace. */
#include "blocks/block.h"
#include "common/memory_functions.h"
#include "load/arrange.h"
#include "common/placement.h"
#include "leave/loaded.h"
#include "load/arrangement.h"
#include "return/return_page.h"

#define DIGEST_PIECE 0x80000000u       /* bytes of one entry, where one does not hold the size */

static addr_t physical_of(const struct job *job, const void *in_workspace)
{
	return job->workspace_phys + (addr_t)((const uint8_t *)in_workspace - job->workspace);
}

static int emit(void *context, const struct segue_move *move)
{
	struct list *list = context;
	uint32_t at = list->count++;
	size_t size = (size_t)segue_pages_for(list->count) * PAGE;

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
	struct list_page *low = list->end - segue_pages_for(list->count), *high = list->end - 1;

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
			.dst = s->dest, .src = a->housing.home + PURGATORY_DIGEST_AT, .op = SEGUE_MOVE_DIGEST,
		};
		addr_t left = s->source.size;

		if (!s->in_digest)
			continue;
		for (; is_high(left); left -= entry.size, entry.dst += entry.size) {
			entry.size = DIGEST_PIECE;
			emit(&a->list, &entry);
		}
		entry.size = (uint32_t)left;
		emit(&a->list, &entry);
	}
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
		.emit = emit, .context = &a->list, .exchange = a->replay ? a->replay->exchange : NULL,
	};
	enum plan_status status;
	size_t need, to_replay;

	a->list.count = 0;
	a->list.taken = PAGE;
	a->list.full = false;
	segue_list_copies(a->job, list);
	status = segue_plan(&input, &a->result);
	a->list.moves = a->list.count;
	need = segue_list_size(a) + a->result.memory_used;
	if (status == PLAN_MEMORY)
		return segue_refuse_space(a, segue_list_size(a) + segue_plan_memory(copies, a->runs.zero_count, SCRATCH_LIMIT));
	if (status == PLAN_ROOM)
		return segue_refuse(&a->job->log, SEGUE_E_EXTRA, "exchange, as no RAM is free to set bytes aside");
	/* The segments were checked to be disjoint and in RAM. */
	if (status != PLAN_OK)
		return segue_refuse(&a->job->log, SEGUE_E_PLAN_REPLAY, "planner, %u, %x to %x", (uint32_t)status,
				    (addr_t)a->result.at.start, (addr_t)a->result.at.end);
	a->result.memory_held = 0;
	add_digest(a);
	if (!a->list.full)
		return SEGUE_OK;
	to_replay = a->replay ? a->replay->replay_memory(a) : 0;
	return segue_refuse_space(a, need > to_replay ? need : to_replay);
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
		if (!a->moves_out || segue_pages_for(a->list.count) <= pages)
			break;
		pages = segue_pages_for(a->list.count);
		a->scratch = a->whole;
	}
	return error;
}

/* Writes the address of each page of the list, as a link, to the page before it. */
static void link_list(struct arrangement *a)
{
	struct housing *housing = &a->housing;

	housing->list_source = physical_of(a->job, a->list.pages);
	housing->list_pages = segue_pages_for(a->list.count);
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

static void note_sources(struct job *job)
{
	addr_t run;

	for (size_t i = 0; i < job->segment_count; i++) {
		struct segment *s = &job->segments[i];

		s->in_digest = is_in_digest(job, s);
		if (s->source.size > 0)
			segue_physical(job, &s->source, &s->source_at, &run);
	}
}

static void write_loaded(const struct arrangement *a, struct loaded *loaded)
{
	const struct job *job = a->job;

	loaded->arrangement = a;
	loaded->code_base = (addr_t)job->args->code_base;
	loaded->data_base = (addr_t)job->args->data_base;
	loaded->workspace = job->workspace;
	loaded->workspace_phys = job->workspace_phys;
	loaded->workspace_size = job->args->workspace_size;
	loaded->summed = (size_t)(job->arena.end - job->workspace);
	loaded->flags = job->args->flags;
	loaded->cpu_count = job->args->cpu_count;
	loaded->magic = LOADED_MAGIC;
}

/* Purgatory stays in the workspace unless the target is placed there. */
static int house_purgatory(struct arrangement *a)
{
	const struct job *job = a->job;
	struct housing *housing = &a->housing;
	uint32_t pages = segue_purgatory_pages(job);
	/* i386 has no such sources, which GCC cannot see. */
	bool high = ADDRESS_MAX > UINT32_MAX && a->runs.high;

	housing->pages = pages;
	housing->all_pages = pages + (high ? 1 : 0);
	housing->home = job->workspace_phys;
	a->moves_out = workspace_is_hit(job) || !segue_is_good_home(job, housing->home, pages);
	if (a->moves_out && job->return_page)
		return segue_refuse(&job->log, SEGUE_E_RETURN, "A20 is to be shut, and the workspace is at an odd MiB");
	if (a->moves_out)
		do
			if (!segue_take_pages(&a->scratch, a->housing.all_pages, &housing->home))
				return segue_refuse(&job->log, SEGUE_E_NO_PURGATORY, "%u pages", a->housing.all_pages);
		while (!segue_is_good_home(job, housing->home, pages));
	/* high.asm's page: in the workspace a table of the gate, which is not needed any more; else the page after purgatory. */
	if (high && job->return_page)
		housing->tables = job->return_page + RETURN_HIGH_AT;
	else if (high)
		housing->tables = housing->home + (a->moves_out ? pages * PURGATORY_PAGE : LEAVE_AT + PAGE);
	return SEGUE_OK;
}

static void find_replay(struct arrangement *a)
{
	for (const struct segue_load_extra *const *each = segue_load_extras; *each; each++)
		if ((*each)->replay && (!a->replay || (*each)->exchange))
			a->replay = *each;
}

int segue_arrange(struct job *job)
{
	struct loaded *loaded = segue_loaded_of(job);
	/* Too large for a kernel's stack. */
	struct arrangement *a = segue_arena_take(&job->arena, sizeof *a, sizeof(uint64_t));
	int error;

	if (!a)
		return SEGUE_E_WORKSPACE_SMALL;
	a->job = job;
	find_replay(a);
	note_sources(job);
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
	if (a->replay && (error = a->replay->replay(a)) != SEGUE_OK)
		return error;
	write_loaded(a, loaded);
	segue_prepare_leave(job);
	link_list(a);
	segue_write_purgatory(job, &a->housing);
	return SEGUE_OK;
}
