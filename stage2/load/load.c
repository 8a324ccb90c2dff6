/* SPDX-License-Identifier: MIT */
/* segue_load(): everything that can fail. */
#include "blocks/block.h"
#include "common/memory_functions.h"
#include "load/arrange.h"
#include "common/placement.h"
#include "leave/known.h"
#include "leave/loaded.h"
#include "common/memory_map.h"
#include "leave/places.h"
#include "leave/processor.h"
#include "leave/reach.h"
#include "load/load_extra.h"

/* Returns what is wrong with an array of count elements, or NULL. The workspace has room for limit of them. */
static const char *count_is_wrong(const void *array, size_t count, size_t element, size_t limit)
{
	if (count == 0)
		return NULL;
	if (!array)
		return ", and its array is NULL";
	return count > limit || count > (UINTPTR_MAX - (uintptr_t)array) / element ? ": more than the workspace can list" : NULL;
}

/* Before the arrays are read: a structure that was not set to zeros has random counts. */
static int check_counts(const struct job *job)
{
	const struct segue_load_args *args = job->args;
	const struct {
		const char *name;
		const void *array;
		size_t count, element;
		int code;
	} arrays[] = {
		{"module_count", args->modules, args->module_count, sizeof *args->modules, SEGUE_E_ARGUMENT},
		{"memory_map_count", args->memory_map, args->memory_map_count, sizeof *args->memory_map, SEGUE_E_ARGUMENT},
		{"keep_count", args->keep, args->keep_count, sizeof *args->keep, SEGUE_E_ARGUMENT},
		{"target_memory_count", args->target_memory, args->target_memory_count, sizeof *args->target_memory, SEGUE_E_TARGET_MEMORY},
		{"staging_count", args->staging, args->staging_count, sizeof *args->staging, SEGUE_E_ARGUMENT},
		{"unused_count", args->unused, args->unused_count, sizeof *args->unused, SEGUE_E_ARGUMENT},
		{"mapping_count", args->mappings, args->mapping_count, sizeof *args->mappings, SEGUE_E_ARGUMENT},
	};
	const char *wrong;

	for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
		wrong = count_is_wrong(arrays[i].array, arrays[i].count, arrays[i].element, args->workspace_size / arrays[i].element);
		if (wrong)
			return segue_refuse(&job->log, arrays[i].code, "%s is %z%s", arrays[i].name, (addr_t)arrays[i].count, wrong);
	}
	for (size_t i = 0; i <= args->module_count; i++) {
		const struct segue_part *part = i == 0 ? &args->blob : &args->modules[i - 1];

		/* segue_index_extents() stores one address for 16 extents. */
		wrong = count_is_wrong(part->extents, part->extent_count, sizeof *part->extents,
				       args->workspace_size / sizeof(addr_t) * 16);
		if (wrong)
			return segue_refuse(&job->log, SEGUE_E_ARGUMENT, "%p: extent_count is %z%s", (uint32_t)i, (addr_t)part->extent_count, wrong);
	}
	return SEGUE_OK;
}

static int check_further(struct job *job, enum check_step step)
{
	int error = SEGUE_OK;

	for (const struct segue_check *const *each = segue_checks; *each && error == SEGUE_OK; each++)
		error = (*each)->steps[step](job);
	return error;
}

static int check_workspace(struct job *job)
{
	const struct segue_load_args *args = job->args;
	addr_t size = (addr_t)args->workspace_size, phys = (addr_t)args->workspace_phys;
	addr_t linear = (addr_t)(uintptr_t)args->workspace + (addr_t)args->data_base;
	int error;

	if ((linear | phys) % PURGATORY_PAGE != 0)
		return segue_refuse(&job->log, SEGUE_E_WORKSPACE_ALIGN, "%x, physical %x", linear, phys);
	if (sizeof(uintptr_t) > 4 && (args->code_base | args->data_base))
		return segue_refuse(&job->log, SEGUE_E_ARGUMENT, "code_base and data_base are 0 in 64-bit mode");
	if (phys != args->workspace_phys || !fits(phys, size, ADDRESS_LIMIT))
		return segue_refuse(&job->log, SEGUE_E_WORKSPACE_HIGH, "physical %x and %z bytes", phys, size);
	if (size < SEGUE_WORKSPACE_SIZE(0))
		return segue_refuse(&job->log, SEGUE_E_WORKSPACE_SMALL, "%z bytes; the minimum is %z", size,
				    (addr_t)SEGUE_WORKSPACE_SIZE(0));
	if ((error = check_counts(job)) != SEGUE_OK) {
		segue_unload(args->workspace);
		return error;
	}
	return check_further(job, CHECK_WORKSPACE);
}

static int check_args(struct job *job)
{
	const struct segue_load_args *args = job->args;

	if (args->flags & ~SEGUE_LOAD_KNOWN_FLAGS)
		return segue_refuse(&job->log, SEGUE_E_FLAGS, "%x", (addr_t)args->flags);
	if ((args->flags & (SEGUE_LOAD_CLEAR | SEGUE_LOAD_RETURN)) == SEGUE_LOAD_CLEAR)
		return segue_refuse(&job->log, SEGUE_E_RETURN, "SEGUE_LOAD_CLEAR is given without it");
	if ((args->flags & (SEGUE_LOAD_CORE | SEGUE_LOAD_RETURN | SEGUE_LOAD_CRASH)) == SEGUE_LOAD_CORE)
		return segue_refuse(&job->log, SEGUE_E_CORE, "SEGUE_LOAD_CORE is given without SEGUE_LOAD_RETURN");
	if (args->blob.size == 0)
		return segue_refuse(&job->log, SEGUE_E_EMPTY, NULL);
	return SEGUE_OK;
}

/* Checks that the sizes of a part's extents add up to its own, and that moves can read all of it. */
static int check_part(const struct job *job, uint32_t index)
{
	const struct segue_part *part = &job->parts[index];
	const struct segue_extent here = {.addr = (uintptr_t)part->data, .size = part->size};
	const struct segue_extent *extents = part->extents ? part->extents : &here;
	size_t count = part->extents ? part->extent_count : 1;
	addr_t left = part->size, end = segue_reach(); /* called once: in a virtual machine CPUID takes long */

	if (index > 0 && part->size == 0)
		segue_say(&job->log, SEGUE_LOG_WARNING, "%p is empty", index);
	if (!part->data && part->size)
		return segue_refuse(&job->log, SEGUE_E_ARGUMENT, "%p has %z bytes and no address", index, left);
	for (size_t i = 0; i < count; i++) {
		addr_t at = (addr_t)extents[i].addr, size = (addr_t)extents[i].size;

		if (extents[i].size == 0)
			continue;
		if (!segue_is_in_reach(&extents[i], end))
			return segue_refuse(&job->log, SEGUE_E_EXTENT_HIGH, "%p, extent %z is not below %x, or is in the page at %x", index,
					    (addr_t)i, end, (addr_t)ADDRESS_LIMIT);
		if (at < job->workspace_phys + job->args->workspace_size && job->workspace_phys < at + size)
			return segue_refuse(&job->log, SEGUE_E_EXTENTS, "%p, extent %z overlaps the workspace", index, (addr_t)i);
		if (size > left)
			return segue_refuse(&job->log, SEGUE_E_EXTENTS, "%p: extent %z is %z bytes too long", index, (addr_t)i, size - left);
		left -= size;
	}
	if (left != 0)
		return segue_refuse(&job->log, SEGUE_E_EXTENTS, "%p: %z bytes are in no extent", index, left);
	return SEGUE_OK;
}

static int make_extents(struct job *job, struct segue_part *part, uint32_t index)
{
	for (const struct segue_load_extra *const *each = segue_load_extras; *each; each++)
		if ((*each)->make_extents)
			return (*each)->make_extents(job, part, index);
	return segue_refuse(&job->log, SEGUE_E_EXTRA, "translate");
}

static int take_parts(struct job *job)
{
	const struct segue_load_args *args = job->args;
	/* check_counts() has limited the count to the workspace's size. */
	size_t count = args->module_count + 1;
	/* The last part, all memory, stays zero (bundle.h). */
	struct segue_part *parts = segue_arena_take(&job->arena, (count + 1) * sizeof *parts, sizeof(uint64_t));
	int error;

	if (!parts)
		return SEGUE_E_WORKSPACE_SMALL;
	parts[0] = args->blob;
	if (args->module_count > 0)
		memcpy(parts + 1, args->modules, args->module_count * sizeof *parts);
	job->parts = parts;
	job->part_count = count;
	for (size_t i = 0; i < count; i++) {
		error = !parts[i].extents && parts[i].data && args->translate ?
			make_extents(job, &parts[i], (uint32_t)i) : SEGUE_OK;
		if (error == SEGUE_OK)
			error = check_part(job, (uint32_t)i);
		if (error != SEGUE_OK)
			return error;
	}
	return segue_index_extents(job);
}

static int prepare(struct job *job)
{
	const struct segue_load_args *args = job->args;
	int error;

	error = segue_check_ranges(job, args->memory_map, args->memory_map_count, SEGUE_E_MEMORY_MAP, "memory map %z");
	if (error != SEGUE_OK)
		return error;
	if ((error = segue_check_ranges(job, args->keep, args->keep_count, SEGUE_E_MEMORY_MAP, "keep list %z")) != SEGUE_OK)
		return error;
	error = segue_check_ranges(job, args->target_memory, args->target_memory_count, SEGUE_E_TARGET_MEMORY,
				   "range %z is backwards");
	if (error != SEGUE_OK)
		return error;
	if ((error = segue_find_ram(job)) != SEGUE_OK)
		return error;
	/* Before the parts, whose extents may take much: high.asm's page must be less than 2 MiB above purgatory. */
	if ((error = segue_prepare_blocks(job)) != SEGUE_OK)
		return error;
	if ((error = take_parts(job)) != SEGUE_OK)
		return error;
	return check_further(job, CHECK_PARTS);
}

static void say_width(struct job *job)
{
	if (!SEGUE_SENTENCES || !job->is_64_bit)
		return;
	if (segue_has_long_mode())
		segue_say(&job->log, SEGUE_LOG_INFO, "the kernel needs a 64-bit CPU");
	else
		segue_say(&job->log, SEGUE_LOG_WARNING, "the kernel needs a 64-bit CPU, and this one has no 64-bit mode");
}

static int place_and_plan(struct job *job)
{
	int error;

	if ((error = segue_load_kernel(job)) != SEGUE_OK)
		return error;
	say_width(job);
	_Static_assert(ENTRY_REAL_MODE == BLOCK_REAL_MODE && ENTRY_LONG_MODE == BLOCK_LONG_MODE, "loader.h");
	if (job->entry.selectors >= ENTRY_REAL_MODE && (error = segue_need_block(job, job->entry.selectors)) != SEGUE_OK)
		return error;
	if ((error = segue_step_blocks(job, BLOCK_PLACED)) != SEGUE_OK)
		return error;
	return segue_arrange(job);
}

static OUT_OF_LINE int try_to_place(struct job *job)
{
	struct loaded *loaded = segue_loaded_of(job);
	int error;

	loaded->before = *job;
	error = place_and_plan(job);
	if (!segue_tries_again(&job->log, error))
		return error;
	*job = loaded->before;
	job->modules_stay = true;
	segue_say(&job->log, SEGUE_LOG_WARNING, "so the modules stay where they are");
	return place_and_plan(job);
}

static int load(struct job *job)
{
	int error;

	if ((error = check_args(job)) != SEGUE_OK)
		return error;
	if ((error = prepare(job)) != SEGUE_OK)
		return error;
	if ((error = segue_open_blob(job)) != SEGUE_OK)
		return error;
	if ((error = segue_step_blocks(job, BLOCK_OPENED)) != SEGUE_OK)
		return error;
	if (job->bundle.digest && (error = segue_need_block(job, BLOCK_DIGEST)) != SEGUE_OK)
		return error;
	if ((error = try_to_place(job)) != SEGUE_OK)
		return error;
	return check_further(job, CHECK_LAST);
}

/* A ROM may be mapped and in a range of the memory map too. */
static int check_memory(const struct job *job)
{
	for (size_t at = 0; at < job->args->workspace_size; at += PAGE) {
		volatile uint32_t *word = (volatile uint32_t *)(void *)(job->workspace + at);

		*word = LOADED_MAGIC ^ (uint32_t)at;
		if (*word != (LOADED_MAGIC ^ (uint32_t)at))
			return segue_refuse(&job->log, SEGUE_E_WORKSPACE_PLACE, "page %z, at %x, is not writable memory",
					    (addr_t)at / PAGE, job->workspace_phys + (addr_t)at);
	}
	return SEGUE_OK;
}

static void clear(uint8_t *workspace)
{
	memset(workspace, 0, LOADED_AT + sizeof(struct loaded));
}

/* Moves the job from the stack, which is small, to the workspace, if that is usable. */
static OUT_OF_LINE int begin(const struct segue_load_args *args)
{
	struct job job = {.args = args, .log = {.callback = args->log, .context = args->log_context}, .machine = args->machine};
	struct loaded *loaded;
	int error;

	if (!args->workspace)
		return segue_refuse(&job.log, SEGUE_E_ARGUMENT, "no workspace");
	error = check_workspace(&job);
	if (error != SEGUE_OK)
		return error;
	if (segue_is_parking(args->workspace))
		return segue_refuse(&job.log, SEGUE_E_WORKSPACE_PARKED, NULL);
	/* From here on the workspace is overwritten, so an earlier target in it is forgotten. */
	segue_forget(args->workspace);
	job.workspace = args->workspace;
	job.workspace_phys = (addr_t)args->workspace_phys;
	if ((error = check_memory(&job)) != SEGUE_OK)
		return error;
	clear(job.workspace);
	loaded = (void *)(job.workspace + LOADED_AT);
	job.arena = (struct arena){.next = (uint8_t *)(loaded + 1), .end = job.workspace + args->workspace_size,
				   .size = args->workspace_size, .log = &loaded->job.log};
	loaded->job = job;
	return SEGUE_OK;
}

static int load_alone(const struct segue_load_args *args)
{
	struct loaded *loaded;
	int error = begin(args);

	if (error != SEGUE_OK)
		return error;
	loaded = (void *)((uint8_t *)args->workspace + LOADED_AT);
	error = load(&loaded->job);
	if (error != SEGUE_OK) {
		clear(args->workspace);
		return error;
	}
	/* The first is a part of what the second is over. */
	loaded->head_sum = segue_loaded_head_sum(loaded);
	loaded->sum = segue_loaded_sum(loaded);
	segue_know(args->workspace, args->machine ? (uint16_t)args->machine->serial_port : 0);
	return SEGUE_OK;
}

int segue_load(const struct segue_load_args *args)
{
	struct log log;
	int error;

	/* The fields of a structure of another size are unknown. */
	if (!args)
		return SEGUE_E_ARGUMENT;
	if (args->struct_size != sizeof *args)
		return SEGUE_E_STRUCT_SIZE;
	/* Never waits: this load may be a panic's that interrupted the other one. */
	log = (struct log){.callback = args->log, .context = args->log_context};
	if (!segue_begin())
		return segue_refuse(&log, SEGUE_E_BUSY, NULL);
	error = load_alone(args);
	segue_end();
	return error;
}
