/* SPDX-License-Identifier: MIT */
/* segue_load(): all that can fail, in the order in which it can. */
#include "memory_functions.h"
#include "arrange.h"
#include "bytes.h"
#include "image.h"
#include "loaded.h"
#include "memory_map.h"

#define FOUR_GIB 0x100000000u

static int check_workspace(const struct job *job)
{
	const struct segue_load_args *args = job->args;
	uint64_t end;

	if ((uintptr_t)args->workspace % PURGATORY_PAGE != 0 || args->workspace_phys % PURGATORY_PAGE != 0)
		return segue_refuse(job, SEGUE_E_WORKSPACE_ALIGN, "the workspace at %x (physical %x) does not start on a page",
				    (uint64_t)(uintptr_t)args->workspace, args->workspace_phys);
	if (!add_u64(args->workspace_phys, args->workspace_size, &end) || end > FOUR_GIB)
		return segue_refuse(job, SEGUE_E_WORKSPACE_HIGH, "the workspace at physical %x with %z bytes is not below 4 GiB",
				    args->workspace_phys, (uint64_t)args->workspace_size);
	if (args->workspace_size < segue_workspace_size(0))
		return segue_refuse(job, SEGUE_E_WORKSPACE_SMALL, "the workspace of %z bytes is smaller than %z, the least there is",
				    (uint64_t)args->workspace_size, (uint64_t)segue_workspace_size(0));
	return SEGUE_OK;
}

static int check_args(const struct job *job)
{
	const struct segue_load_args *args = job->args;

	if (args->flags & ~SEGUE_LOAD_KNOWN_FLAGS)
		return segue_refuse(job, SEGUE_E_FLAGS, "flags %x: this version knows %x", (uint64_t)args->flags,
				    (uint64_t)SEGUE_LOAD_KNOWN_FLAGS);
	if (!args->blob.data && args->blob.size)
		return segue_refuse(job, SEGUE_E_ARGUMENT, "the blob has %z bytes and no address", (uint64_t)args->blob.size);
	if ((!args->modules && args->module_count) || (!args->memory_map && args->memory_map_count) ||
	    (!args->keep && args->keep_count))
		return segue_refuse(job, SEGUE_E_ARGUMENT, "a count is given without its array");
	if (args->blob.size == 0)
		return segue_refuse(job, SEGUE_E_EMPTY, "the blob has no bytes");
	return check_workspace(job);
}

/* "blob" or "module N", for sentences. */
static const char *part_name(size_t index)
{
	return index == 0 ? "blob" : "module";
}

static int check_part(const struct job *job, size_t index)
{
	const struct segue_part *part = &job->parts[index];
	uint32_t number = index == 0 ? 0 : (uint32_t)index - 1;
	uint64_t size = part->size, sum = 0, end;

	if (!part->data && part->size)
		return segue_refuse(job, SEGUE_E_ARGUMENT, "%s %u has %z bytes and no address", part_name(index), number,
				    size);
	if (size >= FOUR_GIB)
		return segue_refuse(job, SEGUE_E_TOO_LARGE, "%s %u has %z bytes: more than fits below 4 GiB", part_name(index),
				    number, size);
	if (!part->extents) {
		/* Contiguous, and where the pointer says. */
		if (!add_u64((uintptr_t)part->data, size, &end) || end > FOUR_GIB)
			return segue_refuse(job, SEGUE_E_EXTENT_HIGH, "%s %u lies at %x, above 4 GiB, which is not built yet",
					    part_name(index), number, (uint64_t)(uintptr_t)part->data);
		return SEGUE_OK;
	}
	for (size_t i = 0; i < part->extent_count; i++) {
		const struct segue_extent *extent = &part->extents[i];

		if (!add_u64(extent->addr, extent->size, &end) || !add_u64(sum, extent->size, &sum))
			return segue_refuse(job, SEGUE_E_EXTENTS, "%s %u: extent %z at %x with %z bytes wraps", part_name(index),
					    number, (uint64_t)i, extent->addr, extent->size);
		if (end > FOUR_GIB)
			return segue_refuse(job, SEGUE_E_EXTENT_HIGH,
					    "%s %u: extent %z ends at %x, above 4 GiB, which is not built yet", part_name(index),
					    number, (uint64_t)i, end);
	}
	if (sum != size)
		return segue_refuse(job, SEGUE_E_EXTENTS, "%s %u has %z bytes, its extents %z", part_name(index), number,
				    size, sum);
	return SEGUE_OK;
}

static int take_parts(struct job *job)
{
	const struct segue_load_args *args = job->args;
	size_t size, count = args->module_count + 1;
	struct segue_part *parts;

	if (count > SIZE_MAX / sizeof *parts)
		return segue_arena_refuse(job, SIZE_MAX);
	size = count * sizeof *parts;
	parts = segue_arena_take(&job->arena, size, sizeof(uint64_t));
	if (!parts)
		return segue_arena_refuse(job, size);
	parts[0] = args->blob;
	for (size_t i = 0; i < args->module_count; i++)
		parts[1 + i] = args->modules[i];
	job->parts = parts;
	job->part_count = count;
	for (size_t i = 0; i < count; i++) {
		int error = check_part(job, i);

		if (error != SEGUE_OK)
			return error;
	}
	return SEGUE_OK;
}

static int load(struct job *job)
{
	int error;

	if ((error = check_args(job)) != SEGUE_OK)
		return error;
	/* From here on the workspace is ours, and what was loaded in it is no more. */
	job->workspace = job->args->workspace;
	job->workspace_phys = job->args->workspace_phys;
	memset(job->workspace, 0, LOADED_AT + sizeof(struct loaded));
	job->arena.next = job->workspace + LOADED_AT + sizeof(struct loaded);
	job->arena.end = job->workspace + job->args->workspace_size;
	if ((error = take_parts(job)) != SEGUE_OK)
		return error;
	if ((error = segue_check_ranges(job, "range of the memory map", job->args->memory_map,
					job->args->memory_map_count)) != SEGUE_OK)
		return error;
	if ((error = segue_check_ranges(job, "range that the host keeps", job->args->keep, job->args->keep_count)) != SEGUE_OK)
		return error;
	if ((error = segue_find_ram(job)) != SEGUE_OK)
		return error;
	if ((error = segue_open_blob(job)) != SEGUE_OK)
		return error;
	if ((error = segue_load_kernel(job)) != SEGUE_OK)
		return error;
	return segue_arrange(job);
}

int segue_load(const struct segue_load_args *args)
{
	struct job job = {.args = args};
	int error;

	if (!args)
		return SEGUE_E_ARGUMENT;
	/* Nothing else of the structure is known to be there. */
	if (args->struct_size != sizeof *args)
		return SEGUE_E_STRUCT_SIZE;
	if (!args->workspace)
		return segue_refuse(&job, SEGUE_E_ARGUMENT, "no workspace is given");
	error = load(&job);
	if (error != SEGUE_OK && job.workspace)
		memset(job.workspace, 0, LOADED_AT + sizeof(struct loaded));
	return error;
}
