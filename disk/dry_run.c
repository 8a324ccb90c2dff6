/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "dry_run.h"

#define PAGE 4096u
#define FOUR_GIB 0x100000000u
/* Starts with the minimum, and doubles until the blob's modules fit. */
#define WORKSPACE_EXTENTS 64u
#define WORKSPACE_LIMIT (64u << 20)

static void take_sentence(void *context, int level, const char *text)
{
	struct dry_run *run = context;

	run->sentences = allocate_again(run->sentences, (run->sentence_count + 1) * sizeof *run->sentences);
	run->sentences[run->sentence_count++] = (struct sentence){ level, copy_string(text) };
}

static void drop_sentences(struct dry_run *run)
{
	while (run->sentence_count)
		free(run->sentences[--run->sentence_count].text);
}

const char *dry_run_refusal(const struct dry_run *run)
{
	size_t i = run->sentence_count;

	while (i--)
		if (run->sentences[i].level == SEGUE_LOG_ERROR)
			return run->sentences[i].text;
	return segue_strerror(run->error);
}

static struct segue_part part_of(const struct placed_file *placed)
{
	return (struct segue_part){
		.data = placed->file.data,
		.size = placed->file.size,
		.extents = &placed->extent,
		.extent_count = 1,
		.name = placed->name,
		.cmdline = placed->cmdline
	};
}

/* Opens with room for as many modules as the blob's size allows. */
int dry_run_open(struct dry_run *run)
{
	struct segue_load_args args = { .cmdline = run->cmdline };
	struct segue_part blob = part_of(&run->blob);
	size_t size = run->blob.file.size + PAGE;
	struct job job = { .log = { .callback = take_sentence, .context = run }, .args = &args, .parts = &blob, .part_count = 1 };

	drop_sentences(run);
	free(run->open_memory);
	run->open_memory = allocate(size);
	job.arena = (struct arena){ .next = run->open_memory, .end = (uint8_t *)run->open_memory + size, .size = size, .log = &job.log };
	run->error = segue_open_blob(&job);
	run->bundle = job.bundle;
	run->opened = run->error == SEGUE_OK;
	return run->error;
}

static bool overlap(uint64_t start, uint64_t size, uint64_t other, uint64_t other_size)
{
	return size && other_size && start < other + other_size && other < start + size;
}

/* The start of what is already placed in [start, start + size), or DRY_RUN_ANYWHERE. */
static uint64_t in_the_way(const struct dry_run *run, uint64_t start, uint64_t size)
{
	const struct placed_file *blob = &run->blob;
	size_t i;

	if (overlap(start, size, run->workspace_phys, run->workspace_size))
		return run->workspace_phys;
	if (overlap(start, size, blob->extent.addr, blob->extent.size))
		return blob->extent.addr;
	for (i = 0; i < run->module_count; i++)
		if (overlap(start, size, run->modules[i].extent.addr, run->modules[i].extent.size))
			return run->modules[i].extent.addr;
	return DRY_RUN_ANYWHERE;
}

/* Finds the highest page-aligned free RAM of this size below 4 GiB. */
static bool find_place(const struct dry_run *run, uint64_t size, uint64_t *place)
{
	size_t i;
	bool found = false;

	for (i = 0; i < run->map.count; i++) {
		const struct segue_range *range = &run->map.ranges[i];
		uint64_t end = range->end < FOUR_GIB ? range->end : FOUR_GIB;

		/* A host would not put its files into low memory. */
		while (range->type == SEGUE_MEMORY_RAM && end >= size && end - size >= range->start && end > 0x100000) {
			uint64_t start = (end - size) & ~(uint64_t)(PAGE - 1), way;

			if (start < range->start || (found && start < *place))
				break;
			way = in_the_way(run, start, size);
			if (way == DRY_RUN_ANYWHERE) {
				*place = start;
				found = true;
				break;
			}
			end = way;
		}
	}
	return found;
}

static bool is_ram(const struct machine_map *map, uint64_t start, uint64_t size)
{
	size_t i;

	for (i = 0; i < map->count; i++)
		if (map->ranges[i].type == SEGUE_MEMORY_RAM && fits(start, size, map->ranges[i].end) &&
		    start >= map->ranges[i].start)
			return true;
	return false;
}

static bool place_at(const struct dry_run *run, const char *what, uint64_t wanted, uint64_t size, uint64_t *place)
{
	if (wanted != DRY_RUN_ANYWHERE) {
		if (!is_ram(&run->map, wanted, size)) {
			complain(what, "its %s would lie outside RAM at 0x%llx", human_size(size), (unsigned long long)wanted);
			return false;
		}
		if (in_the_way(run, wanted, size) != DRY_RUN_ANYWHERE) {
			complain(what, "its %s at 0x%llx would overlap what is placed at 0x%llx", human_size(size),
				 (unsigned long long)wanted, (unsigned long long)in_the_way(run, wanted, size));
			return false;
		}
		*place = wanted;
		return true;
	}
	if (find_place(run, size, place))
		return true;
	complain(what, "the machine has no RAM below 4 GiB for its %s", human_size(size));
	return false;
}

static bool place_file(const struct dry_run *run, struct placed_file *placed)
{
	uint64_t place;

	placed->extent = (struct segue_extent){ 0, 0 };
	if (!place_at(run, placed->file.path, placed->at, placed->file.size, &place))
		return false;
	placed->extent = (struct segue_extent){ place, placed->file.size };
	return true;
}

/* Parts with a fixed place first, because the others can avoid them. */
static bool place_all(struct dry_run *run)
{
	size_t i;
	uint64_t place;

	run->workspace_phys = 0;
	run->blob.extent.size = 0;
	for (i = 0; i < run->module_count; i++)
		run->modules[i].extent.size = 0;
	if (!place_file(run, &run->blob))
		return false;
	{
		size_t size = run->workspace_size;

		/* It must not collide with itself. */
		run->workspace_size = 0;
		if (run->workspace_at != DRY_RUN_ANYWHERE &&
		    !place_at(run, "the workspace", run->workspace_at, size, &place))
			return false;
		if (run->workspace_at != DRY_RUN_ANYWHERE) {
			run->workspace_phys = place;
			run->workspace_size = size;
		}
		for (i = 0; i < run->module_count; i++)
			if (!place_file(run, &run->modules[i]))
				return false;
		if (run->workspace_at == DRY_RUN_ANYWHERE) {
			if (!place_at(run, "the workspace", DRY_RUN_ANYWHERE, size, &place))
				return false;
			run->workspace_phys = place;
			run->workspace_size = size;
		}
	}
	return true;
}

static void load(struct dry_run *run)
{
	struct segue_part *modules = allocate(run->module_count * sizeof *modules);
	struct segue_load_args args = {
		.struct_size = sizeof args,
		/* The imaginary PC has a BIOS. description.real_mode tells the user that the target needs one. */
		.flags = run->flags | SEGUE_LOAD_BIOS,
		.blob = part_of(&run->blob),
		.modules = modules,
		.module_count = run->module_count,
		.cmdline = run->cmdline,
		.memory_map = run->map.ranges,
		.memory_map_count = run->map.count,
		.workspace_phys = run->workspace_phys,
		.workspace_size = run->workspace_size,
		.target_memory = run->within,
		.target_memory_count = run->within_count,
		.log = take_sentence,
		.log_context = run
	};
	size_t i;

	for (i = 0; i < run->module_count; i++)
		modules[i] = part_of(&run->modules[i]);
	run->workspace_memory = allocate_again(run->workspace_memory, run->workspace_size + PAGE);
	run->workspace = (uint8_t *)run->workspace_memory + (-(uintptr_t)run->workspace_memory & (PAGE - 1));
	args.workspace = run->workspace;
	drop_sentences(run);
	run->error = segue_load(&args);
	free(modules);
	run->description.struct_size = sizeof run->description;
	if (!run->error)
		run->error = segue_describe(run->workspace, &run->description);
}

bool dry_run(struct dry_run *run)
{
	size_t size = segue_workspace_size(1 + run->module_count + WORKSPACE_EXTENTS);

	for (;; size *= 2) {
		run->workspace_size = size;
		if (!place_all(run))
			return false;
		load(run);
		if ((run->error != SEGUE_E_WORKSPACE_SMALL && run->error != SEGUE_E_PLAN_SPACE) || size > WORKSPACE_LIMIT)
			return true;
	}
}

uint64_t dry_run_entry(const struct dry_run *run)
{
	return run->description.entry | (uint64_t)run->description.entry_high << 32;
}

void dry_run_segment_name(const struct dry_run *run, size_t index, char *name, size_t size)
{
	struct segue_segment segment, other;
	bool several;
	size_t i;

	if (segue_segment_at(run->workspace, index, &segment))
		segment = (struct segue_segment){ .name = "" };
	several = segment.number != 0;
	for (i = 0; !several && !segue_segment_at(run->workspace, i, &other); i++)
		several = i != index && !strcmp(segment.name, other.name);
	if (several)
		snprintf(name, size, "%s %u", segment.name, segment.number);
	else
		snprintf(name, size, "%s", segment.name);
}

void dry_run_free(struct dry_run *run)
{
	size_t i;

	drop_sentences(run);
	free(run->sentences);
	file_free(&run->blob.file);
	for (i = 0; i < run->module_count; i++)
		file_free(&run->modules[i].file);
	free(run->modules);
	free(run->within);
	free(run->workspace_memory);
	free(run->open_memory);
	map_free(&run->map);
}
