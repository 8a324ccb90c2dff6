/* SPDX-License-Identifier: MIT */
/* segue_load() for a target that comes back: prepare.h. */
#include "return/prepare.h"
#include "common/memory_functions.h"
#include "common/placement.h"
#include "leave/list.h"
#include "leave/loaded.h"
#include "return/line.h"
#include "return/return_page.h"
#include "return/saves.h"

#define LINE_OPTION "kexec_jump_back_entry=0x"
#define LINE_ONE_CPU "nr_cpus=1"

static uint8_t *area(const struct job *job)
{
	return job->workspace + (job->return_page - job->workspace_phys);
}

static struct return_page *page_of(const struct job *job)
{
	return (struct return_page *)(void *)area(job);
}

/* The list for every crossing but the first: each byte of target memory changes places with its byte of staging. */
static int list_exchanges(struct job *job)
{
	size_t count = job->save_count, pages = count / LIST_MOVES + 1;
	struct list_page *list = segue_arena_take(&job->arena, pages * sizeof *list, PAGE);
	addr_t at;

	if (!list)
		return SEGUE_E_WORKSPACE_SMALL;
	at = job->workspace_phys + (addr_t)((uint8_t *)list - job->workspace);
	page_of(job)->exchanges = (uint32_t)at;
	for (size_t i = 0; i < count; i++)
		list[i / LIST_MOVES].moves[i % LIST_MOVES] = (struct segue_move){
			.dst = job->saves[i].source, .src = job->saves[i].dest, .size = (uint32_t)job->saves[i].size,
			.op = SEGUE_MOVE_SWAP_UP};
	for (size_t i = 1; i < pages; i++)
		list[i - 1].link = (struct segue_move){.dst = at + i * PAGE, .op = SEGUE_MOVE_LINK};
	return SEGUE_OK;
}

int segue_return_prepare(struct job *job)
{
	uint8_t *at;
	int error;

	if ((error = segue_check_return(job)) != SEGUE_OK)
		return error;
	at = segue_arena_take(&job->arena, RETURN_SIZE, PAGE);
	if (!at)
		return SEGUE_E_WORKSPACE_SMALL;
	job->return_page = job->workspace_phys + (addr_t)(at - job->workspace);
	job->spare = (struct range){job->return_page + RETURN_SPARE_AT, job->return_page + RETURN_SPARE_AT + RETURN_SPARE_SIZE};
	if ((error = segue_find_saves(job)) != SEGUE_OK || (error = list_exchanges(job)) != SEGUE_OK)
		return error;
	return segue_sort_saves(job);
}

int segue_return_tell(struct job *job)
{
	/* In front, because what follows "--" belongs to init. */
	int error = segue_is_for_linux(job) ? segue_add_to_line(job, true, LINE_ONE_CPU, 0) : SEGUE_OK;

	return error != SEGUE_OK ? error : segue_add_to_line(job, false, LINE_OPTION, (uint32_t)job->return_page + RETURN_ENTRY_AT);
}

/* Gives a segment to each part of [start, end) that no other one claims. */
static int fill_gaps(void *context, addr_t start, addr_t end)
{
	struct job *job = context;
	bool clear = job->args->flags & SEGUE_LOAD_CLEAR;
	int error = SEGUE_OK;

	while (start < end && error == SEGUE_OK) {
		const struct segment *claim = segue_claim_that_meets(job, start, end);
		addr_t next = claim ? claim->dest + claim->size : end, gap_end = claim ? claim->dest : end;
		struct segment s = {.name = clear ? "cleared memory" : "memory as it is", .number = NO_NUMBER, .dest = start};

		if (start < gap_end) {
			s.size = gap_end - start;
			if (clear)
				s.zero_size = s.size;
			else
				s.source = (struct bytes){.data = (const uint8_t *)(uintptr_t)start, .size = (size_t)s.size,
							  .part = (uint32_t)job->part_count};
			error = segue_add_known(job, &s);
		}
		start = next;
	}
	return error;
}

int segue_return_fill(struct job *job)
{
	int error = segue_each_saved(job, job->args->flags & SEGUE_LOAD_CLEAR, fill_gaps, job);

	/* A return address on the stack. */
	if (error == SEGUE_OK && job->entry.selectors == ENTRY_CODE_08_DATA_10)
		job->entry.esp = (uint32_t)job->return_page + RETURN_STACK_TOP;
	return error;
}

static void write_page(const struct job *job)
{
	struct return_page *page = page_of(job);
	uint8_t *bytes = area(job);
	uint32_t at = (uint32_t)job->return_page;

	memcpy(bytes + RETURN_ENTRY_AT, segue_purgatory_return.bytes, segue_purgatory_return.size);
	put_le32(bytes + RETURN_PATCH_1, at + (uint32_t)offsetof(struct return_page, ebp));
	put_le32(bytes + RETURN_PATCH_2, at);
	put_le32(bytes + RETURN_PATCH_3, at);
	put_le32(bytes + RETURN_STACK_TOP, at + RETURN_ENTRY_AT);
	page->block.magic = SEGUE_RETURN_MAGIC;
	page->block.size = sizeof page->block;
	page->block.entry = at + RETURN_ENTRY_AT;
	page->block.core = (uint32_t)job->core;
	page->block.core_size = job->core_size;
	page->purgatory = (uint32_t)job->workspace_phys;
	page->crossing = at + RETURN_CROSSING_AT;
}

/* The gate that segue_call() leaves by and comes back through. */
static void write_gate(const struct job *job)
{
	struct leave_tables tables = {.page = area(job) + RETURN_LEAVE_AT, .phys = (uint32_t)job->return_page + RETURN_LEAVE_AT};
	struct crossing *crossing = (struct crossing *)(void *)(area(job) + RETURN_CROSSING_AT);
	struct leave *leave;
	struct gate gate;

	segue_gate_is(&gate, segue_cross_start, segue_cross_end);
	leave = segue_prepare_gate(&tables, &gate, (addr_t)job->args->code_base, (addr_t)job->args->data_base);
	leave->purgatory = leave->entry = (uint32_t)job->workspace_phys;
	if (job->machine)
		leave->serial = (uint16_t)job->machine->serial_port;
	crossing->leave = (uintptr_t)leave;
	page_of(job)->leave = leave->physical;
}

void segue_return_write(const struct job *job, struct purgatory_params *params)
{
	write_page(job);
	write_gate(job);
	params->return_page = (uint32_t)job->return_page;
	params->kept = (uint32_t)job->return_page + RETURN_KEPT_AT;
	if (job->args->flags & SEGUE_LOAD_KEEP_BUS_MASTERS)
		params->keep = PURGATORY_KEEP_BUS_MASTERS;
}
