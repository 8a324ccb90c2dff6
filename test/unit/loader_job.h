/* SPDX-License-Identifier: MIT */
/*
 * A job as segue_load() makes it, for tests of one loader: 128 MiB of RAM, the blob at 64 MiB, the workspace at 48 MiB,
 * modules from 80 MiB on, 1 MiB apart. The bytes that the loader adds can be read by their physical address in the target.
 */
#ifndef TEST_LOADER_JOB_H
#define TEST_LOADER_JOB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/bytes.h"
#include "common/placement.h"
#include "common/loader.h"
#include "common/memory_map.h"
#include "pc_map.h"

#define BLOB_AT 0x4000000u
#define WORKSPACE_AT 0x3000000u
#define MODULES_AT 0x5000000u
#define MODULE_STEP 0x100000u
#define WORKSPACE_SIZE 0x40000u
#define TEST_MODULES 400

struct loader_job {
	struct job job;
	struct segue_load_args args;
	struct segue_machine machine;
	struct segue_part parts[1 + TEST_MODULES];
	struct segue_extent extents[1 + TEST_MODULES];
	struct segue_range map[16];
	char sentence[512];           /* the last sentence of an error or a warning */
	int warnings;
	_Alignas(4096) uint8_t workspace[WORKSPACE_SIZE];
};

static void remember(void *context, int level, const char *sentence)
{
	struct loader_job *t = context;

	if (level > SEGUE_LOG_WARNING)
		return;
	t->warnings += level == SEGUE_LOG_WARNING;
	snprintf(t->sentence, sizeof t->sentence, "%s", sentence);
}

static const struct segue_range pc_map[] = {
	PC_MAP
};

static inline void set_map(struct loader_job *t, const struct segue_range *map, size_t count)
{
	assert_true(count <= sizeof t->map / sizeof *t->map);
	memcpy(t->map, map, count * sizeof *map);
	t->args.memory_map = t->map;
	t->args.memory_map_count = count;
}

static inline struct loader_job *new_job(const void *blob, size_t size)
{
	/* aligned_alloc: the workspace is page-aligned */
	struct loader_job *t = aligned_alloc(4096, (sizeof *t + 4095) & ~(size_t)4095);

	assert_non_null(t);
	memset(t, 0, sizeof *t);
	t->args.struct_size = sizeof t->args;
	t->args.log = remember;
	t->args.log_context = t;
	t->args.workspace = t->workspace;
	t->args.workspace_phys = WORKSPACE_AT;
	t->args.workspace_size = sizeof t->workspace;
	t->machine.framebuffer.type = SEGUE_FRAMEBUFFER_NONE;
	set_map(t, pc_map, sizeof pc_map / sizeof *pc_map);
	t->extents[0] = (struct segue_extent){BLOB_AT, size};
	t->parts[0] = (struct segue_part){.data = blob, .size = size, .extents = t->extents, .extent_count = 1};
	t->job.part_count = 1;
	return t;
}

static inline void add_module(struct loader_job *t, const void *data, size_t size, const char *name, const char *cmdline)
{
	size_t i = t->job.part_count++;

	t->extents[i] = (struct segue_extent){MODULES_AT + (i - 1) * MODULE_STEP, size};
	t->parts[i] = (struct segue_part){
		.data = data, .size = size, .extents = &t->extents[i], .extent_count = 1, .name = name, .cmdline = cmdline,
	};
}

/* Opens the blob and runs the loader on its kernel, which it must recognise; NULL: the loader that recognise.c finds. */
static inline int run_loader(struct loader_job *t, const struct segue_loader *loader)
{
	int error;

	t->job.args = &t->args;
	t->job.log.callback = t->args.log;
	t->job.log.context = t->args.log_context;
	t->job.machine = t->args.machine;
	t->job.arena.log = &t->job.log;
	t->job.arena.size = t->args.workspace_size;
	t->job.parts = t->parts;
	t->job.workspace = t->workspace;
	t->job.workspace_phys = t->args.workspace_phys;
	t->job.arena.next = t->workspace;
	t->job.arena.end = t->workspace + t->args.workspace_size;
	error = segue_index_extents(&t->job);
	if (!error)
		error = segue_find_ram(&t->job);
	if (!error)
		error = segue_open_blob(&t->job);
	if (error)
		return error;
	if (!loader)
		return segue_load_kernel(&t->job);
	assert_true(loader->recognise(&t->job.bundle.kernel));
	return loader->load(&t->job);
}

/* The segment that has the byte at addr; NULL: none. */
static inline const struct segment *segment_with(const struct loader_job *t, uint64_t addr)
{
	for (size_t i = 0; i < t->job.segment_count; i++) {
		const struct segment *s = &t->job.segments[i];

		if (addr >= s->dest && addr - s->dest < s->size)
			return s;
	}
	return NULL;
}

/* The bytes that the target finds at addr: size bytes of one segment's source. */
static inline const uint8_t *target(const struct loader_job *t, uint64_t addr, uint64_t size)
{
	const struct segment *s = segment_with(t, addr);

	assert_non_null(s);
	assert_true(fits(addr - s->dest, size, s->source.size));
	return s->source.data + (addr - s->dest);
}

static inline void assert_string_at(const struct loader_job *t, uint64_t addr, const char *expected)
{
	assert_string_equal((const char *)target(t, addr, strlen(expected) + 1), expected);
}

static inline void assert_sentence(const struct loader_job *t, const char *part)
{
	if (!strstr(t->sentence, part))
		fail_msg("the sentence \"%s\" does not say \"%s\"", t->sentence, part);
}

/* Runs the loader, as run_loader() does; any other code than the expected one is a failure. */
static inline struct loader_job *run_by(struct loader_job *t, const struct segue_loader *loader, int expected)
{
	int error = run_loader(t, loader);

	if (error != expected)
		fail_msg("code %d, not %d: %s", error, expected, t->sentence);
	return t;
}

/* The loader refuses with this code, and with this part of a sentence. Frees the job. */
static inline void refused_by(struct loader_job *t, const struct segue_loader *loader, int code, const char *part)
{
	run_by(t, loader, code);
	assert_sentence(t, part);
	free(t);
}

#endif
