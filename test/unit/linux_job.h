/* SPDX-License-Identifier: MIT */
/* A job for the Linux loader alone: what segue_load() sets up before a loader runs, and nothing after it. */
#ifndef LINUX_JOB_H
#define LINUX_JOB_H

#include <string.h>
#include "../../loaders/common/bytes.h"
#include "../../loaders/container/magic.h"
#include "../../loaders/linux.h"
#include "../../loaders/common/placement.h"
#include "../../loaders/common/memory_map.h"

#define WORKSPACE_PHYS 0x00800000u
#define WORKSPACE_SIZE 262144u
#define KERNEL_PHYS 0x02000000u
#define INITRD_PHYS 0x03000000u
#define MODULES_MAX 4

struct world {
	struct segue_load_args args;
	struct segue_part parts[1 + MODULES_MAX];
	struct segue_extent extents[1 + MODULES_MAX];
	struct member modules[MODULES_MAX];
	struct job job;
	int errors;                   /* sentences at SEGUE_LOG_ERROR */
	int warnings;
	char error[300], warning[300], info[300];
	_Alignas(4096) uint8_t workspace[WORKSPACE_SIZE];
};

static void world_log(void *context, int level, const char *sentence)
{
	struct world *w = context;

	if (level == SEGUE_LOG_ERROR) {
		w->errors++;
		strncpy(w->error, sentence, sizeof w->error - 1);
	} else if (level == SEGUE_LOG_WARNING) {
		w->warnings++;
		strncpy(w->warning, sentence, sizeof w->warning - 1);
	} else if (level == SEGUE_LOG_INFO) {
		strncpy(w->info, sentence, sizeof w->info - 1);
	}
}

/* A kernel of size bytes at KERNEL_PHYS, no initrd, no command line. */
static void world_begin(struct world *w, const uint8_t *kernel, size_t size,
			const struct segue_range *map, size_t map_count)
{
	memset(w, 0, offsetof(struct world, workspace));
	memset(w->workspace, 0xa5, sizeof w->workspace);
	w->args.struct_size = sizeof w->args;
	w->args.memory_map = map;
	w->args.memory_map_count = map_count;
	w->args.workspace = w->workspace;
	w->args.workspace_phys = WORKSPACE_PHYS;
	w->args.workspace_size = sizeof w->workspace;
	w->extents[0] = (struct segue_extent){KERNEL_PHYS, size};
	w->parts[0] = (struct segue_part){.data = kernel, .size = size, .extents = &w->extents[0], .extent_count = 1};
	w->job = (struct job){
		.log = {.callback = world_log, .context = w}, .args = &w->args,
		.arena = {w->workspace, w->workspace + sizeof w->workspace, sizeof w->workspace, &w->job.log},
		.parts = w->parts, .part_count = 1, .workspace_phys = WORKSPACE_PHYS, .workspace = w->workspace,
		.bundle = {.container = "", .kernel = {kernel, size, 0}, .modules = w->modules},
	};
}

/* Adds a file beside the kernel, in one physical run. */
static inline struct bytes world_part(struct world *w, const void *data, size_t size, uint64_t phys)
{
	uint32_t i = (uint32_t)w->job.part_count++;

	w->extents[i] = (struct segue_extent){phys, size};
	w->parts[i] = (struct segue_part){.data = data, .size = size, .extents = &w->extents[i], .extent_count = 1};
	return (struct bytes){data, size, i};
}

static inline void world_module(struct world *w, const void *data, size_t size, uint64_t phys)
{
	w->modules[w->job.bundle.module_count++].file = world_part(w, data, size, phys);
}

static inline void world_cmdline(struct world *w, const char *line)
{
	w->job.bundle.cmdline = (struct bytes){(const uint8_t *)line, strlen(line), PART_WORKSPACE};
}

static inline int world_prepare(struct world *w)
{
	int error;

	w->job.machine = w->args.machine;
	error = segue_index_extents(&w->job);

	return error != SEGUE_OK ? error : segue_find_ram(&w->job);
}

/* As recognise.c does it: a kernel that one loader passes is the next one's. */
static inline int world_run(struct world *w)
{
	static const struct segue_loader *const loaders[] = {&segue_loader_linux64, &segue_loader_linux};
	int error = LOADER_PASSES;

	for (size_t i = 0; i < 2 && error == LOADER_PASSES && segue_is_linux(&w->job.bundle.kernel); i++) {
		w->job.log.meanings = loaders[i]->meanings;
		error = loaders[i]->load(&w->job);
	}
	return error == LOADER_PASSES ? segue_loader_linux16.load(&w->job) : error;
}

static inline int world_load(struct world *w)
{
	int error = world_prepare(w);

	return error != SEGUE_OK ? error : world_run(w);
}

static inline const struct segment *world_segment(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->job.segment_count; i++)
		if (strcmp(w->job.segments[i].name, name) == 0)
			return &w->job.segments[i];
	return NULL;
}

/* The source bytes for a physical address of the target; NULL: no segment has source bytes there. */
static inline const uint8_t *world_at(const struct world *w, uint64_t address, size_t size)
{
	for (size_t i = 0; i < w->job.segment_count; i++) {
		const struct segment *s = &w->job.segments[i];

		if (address >= s->dest && address - s->dest <= s->source.size &&
		    size <= s->source.size - (size_t)(address - s->dest))
			return s->source.data + (address - s->dest);
	}
	return NULL;
}

#endif
