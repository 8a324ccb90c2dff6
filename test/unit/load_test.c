/* SPDX-License-Identifier: MIT */
/* segue_load() as a host calls it: arguments, the workspace's size, refusals that change nothing, descriptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/bytes.h"
#include "elf_headers.h"
#include "leave/known.h"
#include "leave/loaded.h"
#include "leave/list.h"
#include "purgatory/purgatory.h"
#include "segue.h"

#define MIB 0x100000u
#define PAGE 4096u
#define WORKSPACE_PHYS (48 * MIB)
#define BLOB_PHYS (32 * MIB)
#define ENTRY 0x200000u

/* The limit of an extent's addresses: load.c. */
#if ADDRESS_MAX > UINT32_MAX
#define REACH 0x10000000000000
#define REACHES "extent 0 is not below 0x10000000000000"
#else
#define REACH 0x100000000
#define REACHES "extent 0 is not below 0xfffff000"
#endif

struct host {
	struct segue_load_args args;
	struct segue_range map[4];
	struct segue_extent extent;
	uint8_t *workspace;
	char sentence[256];
	char warning[256];            /* the last sentence */
};

static void take_sentence(void *context, int level, const char *sentence)
{
	struct host *host = context;

	if (level == SEGUE_LOG_WARNING)
		snprintf(host->warning, sizeof host->warning, "%s", sentence);
	if (level == SEGUE_LOG_ERROR)
		snprintf(host->sentence, sizeof host->sentence, "%s", sentence);
}

/* An ELF32 with one segment of size bytes at dest, and memory_size in memory. */
static uint8_t *make_elf(size_t size, uint32_t dest, uint32_t memory_size, size_t *file_size)
{
	uint8_t *p = calloc(1, PAGE + size);

	put_elf_header(p, dest, 1);
	put_segment(p, 0, PAGE, dest, (uint32_t)size, memory_size);
	for (size_t i = 0; i < size; i++)
		p[PAGE + i] = (uint8_t)(i * 37 + i / 251);
	*file_size = PAGE + size;
	return p;
}

static void open_host(struct host *host, uint8_t *blob, size_t size, size_t workspace_size)
{
	memset(host, 0, sizeof *host);
	host->map[0] = (struct segue_range){.start = 0, .end = 0x9fc00, .type = SEGUE_MEMORY_RAM};
	host->map[1] = (struct segue_range){.start = 0x9fc00, .end = 0xa0000, .type = SEGUE_MEMORY_RESERVED};
	host->map[2] = (struct segue_range){.start = MIB, .end = 64 * MIB, .type = SEGUE_MEMORY_RAM};
	host->extent = (struct segue_extent){.addr = BLOB_PHYS, .size = size};
	host->workspace = aligned_alloc(PAGE, (workspace_size + PAGE - 1) / PAGE * PAGE);
	memset(host->workspace, 0xa5, workspace_size);
	host->args = (struct segue_load_args){
		.struct_size = sizeof host->args,
		.blob = {.data = blob, .size = size, .extents = &host->extent, .extent_count = 1},
		.memory_map = host->map, .memory_map_count = 3,
		.workspace = host->workspace, .workspace_phys = WORKSPACE_PHYS, .workspace_size = workspace_size,
		.log = take_sentence, .log_context = host,
	};
}

static void close_host(struct host *host)
{
	free((void *)(uintptr_t)host->args.blob.data);
	free(host->workspace);
}

static void open_small(struct host *host)
{
	size_t size;
	uint8_t *blob = make_elf(10000, ENTRY, 20000, &size);

	open_host(host, blob, size, SEGUE_WORKSPACE_SIZE(1));
}

static void test_describes_what_it_loads(void **state)
{
	struct host host;
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;
	struct segue_move_description m;

	(void)state;
	open_small(&host);
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	assert_int_equal(segue_describe(host.workspace, &d), SEGUE_OK);
	assert_string_equal(d.protocol, "ELF");
	assert_string_equal(d.container, "");
	assert_int_equal(d.entry, ENTRY);
	assert_int_equal(d.segment_count, 1);
	assert_int_equal(d.payload, 10000);
	assert_int_equal(d.moved, 10000);
	assert_int_equal(d.in_place, 0);
	assert_int_equal(d.set_aside, 0);
	assert_int_equal(d.zeroed, 10000);
	assert_int_equal(d.move_count, 2);
	assert_int_equal(d.purgatory, WORKSPACE_PHYS);
	assert_int_equal(segue_segment_at(host.workspace, 0, &s), SEGUE_OK);
	assert_int_equal(s.dest, ENTRY);
	assert_int_equal(s.size, 20000);
	assert_int_equal(s.file_size, 10000);
	assert_int_equal(s.source, BLOB_PHYS + PAGE);
	assert_int_equal(segue_segment_at(host.workspace, 1, &s), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_move_at(host.workspace, 0, &m), SEGUE_OK);
	assert_int_equal(m.kind, SEGUE_MOVE_KIND_COPY);
	assert_int_equal(m.source, BLOB_PHYS + PAGE);
	assert_int_equal(segue_move_at(host.workspace, 1, &m), SEGUE_OK);
	assert_int_equal(m.kind, SEGUE_MOVE_KIND_ZERO);
	assert_int_equal(m.dest, ENTRY + 10000);
	assert_int_equal(segue_move_at(host.workspace, 2, &m), SEGUE_E_ARGUMENT);
	d.struct_size--;
	assert_int_equal(segue_describe(host.workspace, &d), SEGUE_E_STRUCT_SIZE);
	close_host(&host);
}

static void test_unload_forgets(void **state)
{
	struct host host;
	struct segue_description d = {.struct_size = sizeof d};
	const char *why = NULL;

	(void)state;
	open_small(&host);
	assert_int_equal(segue_ready(host.workspace, &why), SEGUE_E_NOT_LOADED);
	assert_non_null(why);
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	/* This is a user program, so segue_ready() refuses. */
	assert_int_not_equal(segue_ready(host.workspace, &why), SEGUE_OK);
	assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_READY_PRIVILEGE);
	segue_unload(host.workspace);
	assert_int_equal(segue_describe(host.workspace, &d), SEGUE_E_NOT_LOADED);
	assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_NOT_LOADED);
	segue_unload(host.workspace);
	close_host(&host);
}

/* A workspace in which a CPU is parked, or about to park, must not change. */
static void test_a_workspace_with_parked_cpus_stays(void **state)
{
	struct host host;
	struct segue_description d = {.struct_size = sizeof d};
	struct parking *parking;
	uint8_t *before = malloc(SEGUE_WORKSPACE_SIZE(1));

	(void)state;
	for (int on_its_way = 0; on_its_way < 2; on_its_way++) {
		open_small(&host);
		assert_int_equal(segue_load(&host.args), SEGUE_OK);
		parking = (struct parking *)(void *)(host.workspace + PARKING_AT);
		*(on_its_way ? &parking->lock : &parking->count) = 1;
		memcpy(before, host.workspace, SEGUE_WORKSPACE_SIZE(1));
		assert_int_equal(segue_load(&host.args), SEGUE_E_WORKSPACE_PARKED);
		segue_unload(host.workspace);
		assert_memory_equal(host.workspace, before, SEGUE_WORKSPACE_SIZE(1));
		assert_int_equal(segue_describe(host.workspace, &d), SEGUE_OK);
		close_host(&host);
	}
	free(before);
}

/* A target that an earlier boot or another host left in the workspace is not accepted. */
static void test_what_was_there_before_is_not_believed(void **state)
{
	struct host before, host;
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;
	struct parking *parking;

	(void)state;
	open_small(&before);
	open_small(&host);
	assert_int_equal(segue_load(&before.args), SEGUE_OK);
	parking = (struct parking *)(void *)(before.workspace + PARKING_AT);
	parking->lock = 1;
	parking->count = 3;
	memcpy(host.workspace, before.workspace, host.args.workspace_size);
	((struct loaded *)(void *)(host.workspace + LOADED_AT))->workspace = host.workspace;
	assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_NOT_LOADED);
	assert_int_equal(segue_describe(host.workspace, &d), SEGUE_E_NOT_LOADED);
	assert_int_equal(segue_segment_at(host.workspace, 0, &s), SEGUE_E_NOT_LOADED);
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	parking = (struct parking *)(void *)(host.workspace + PARKING_AT);
	assert_int_equal(parking->lock, 0);
	assert_int_equal(parking->count, 0);
	assert_int_equal(segue_describe(host.workspace, &d), SEGUE_OK);
	/* After a refusal and after segue_unload() as well. */
	for (int refused = 0; refused < 2; refused++) {
		uint8_t *loaded = malloc(host.args.workspace_size);

		memcpy(loaded, host.workspace, host.args.workspace_size);
		host.args.blob.size -= refused;
		if (refused)
			assert_int_not_equal(segue_load(&host.args), SEGUE_OK);
		else
			segue_unload(host.workspace);
		host.args.blob.size += refused;
		memcpy(host.workspace, loaded, host.args.workspace_size);
		assert_int_equal(segue_describe(host.workspace, &d), SEGUE_E_NOT_LOADED);
		assert_int_equal(segue_load(&host.args), SEGUE_OK);
		free(loaded);
	}
	close_host(&before);
	close_host(&host);
}

/* The job has one address in every call: newer compilers' sanitizers move a function's frame each time, and pointers to it stay. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}

/* The result of segue_load() does not depend on the content of the workspace. */
static void test_a_fresh_workspace_may_hold_anything(void **state)
{
	static const uint8_t fills[] = {0x00, 0xff, 0x5a};
	size_t size = SEGUE_WORKSPACE_SIZE(1), untouched = 0;
	struct host host;
	uint8_t *seen[3];

	(void)state;
	open_small(&host);
	for (int i = 0; i < 3; i++) {
		memset(host.workspace, fills[i], size);
		assert_int_equal(segue_load(&host.args), SEGUE_OK);
		seen[i] = malloc(size);
		memcpy(seen[i], host.workspace, size);
	}
	/* Except the sum, which also covers bytes that were not written. */
	for (int i = 0; i < 3; i++)
		memset(seen[i] + LOADED_AT + offsetof(struct loaded, sum), 0, sizeof(uint32_t));
	for (size_t at = 0; at < size; at++) {
		if (seen[0][at] == seen[1][at] && seen[1][at] == seen[2][at])
			continue;
		untouched++;
		for (int i = 0; i < 3; i++)
			assert_int_equal(seen[i][at], fills[i]);
	}
	assert_true(untouched > 0 && untouched < size);
	for (int i = 0; i < 3; i++)
		free(seen[i]);
	close_host(&host);
}

/* Several may be loaded at a time; a host that frees workspaces without segue_unload() is not refused. */
static void test_the_last_eight_are_known(void **state)
{
	struct host host[9];
	struct segue_description d = {.struct_size = sizeof d};

	(void)state;
	for (int i = 0; i < 9; i++) {
		open_small(&host[i]);
		assert_int_equal(segue_load(&host[i].args), SEGUE_OK);
	}
	for (int i = 0; i < 9; i++)
		assert_int_equal(segue_describe(host[i].workspace, &d), i == 0 ? SEGUE_E_NOT_LOADED : SEGUE_OK);
	segue_unload(host[4].workspace);
	assert_int_equal(segue_load(&host[2].args), SEGUE_OK);
	for (int i = 0; i < 9; i++)
		assert_int_equal(segue_describe(host[i].workspace, &d), i == 0 || i == 4 ? SEGUE_E_NOT_LOADED : SEGUE_OK);
	for (int i = 0; i < 9; i++)
		close_host(&host[i]);
}

/* A workspace that overlaps arguments, code or the stack is refused. */
static void test_arguments_in_the_workspace(void **state)
{
	struct host host;
	size_t size = SEGUE_WORKSPACE_SIZE(1);
	struct segue_load_args *inside;
	uint8_t here;

	(void)state;
	open_small(&host);
	inside = (void *)(host.workspace + size - sizeof *inside);
	*inside = host.args;
	assert_int_equal(segue_load(inside), SEGUE_E_WORKSPACE_USED);
	assert_non_null(strstr(host.sentence, "stack"));
	assert_int_equal(inside->workspace_size, size);
	memcpy(host.workspace, host.map, sizeof host.map);
	host.args.memory_map = (void *)host.workspace;
	assert_int_equal(segue_load(&host.args), SEGUE_E_WORKSPACE_USED);
	assert_memory_equal(host.workspace, host.map, sizeof host.map);
	host.args.memory_map = host.map;
	host.args.cmdline = (char *)host.workspace;
	assert_int_equal(segue_load(&host.args), SEGUE_E_WORKSPACE_USED);
	host.args.cmdline = NULL;
	host.args.digest = host.workspace + 2 * PAGE;
	assert_int_equal(segue_load(&host.args), SEGUE_E_WORKSPACE_USED);
	host.args.digest = NULL;
	/* Also the stack that this function runs on. */
	host.args.workspace = (void *)(((uintptr_t)&here & ~(uintptr_t)(PAGE - 1)) - size + PAGE);
	assert_int_equal(segue_load(&host.args), SEGUE_E_WORKSPACE_USED);
	host.args.workspace = host.workspace;
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	close_host(&host);
}

/* A loaded workspace is valid only at the address that segue_load() got. */
static void test_a_workspace_that_moved_is_not_ready(void **state)
{
	struct host host;
	uint8_t *elsewhere;
	const char *why;

	(void)state;
	open_small(&host);
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	elsewhere = aligned_alloc(PAGE, host.args.workspace_size);
	memcpy(elsewhere, host.workspace, host.args.workspace_size);
	assert_int_equal(segue_ready(elsewhere, &why), SEGUE_E_READY_WORKSPACE);
	assert_non_null(strstr(why, "moved"));
	free(elsewhere);
	close_host(&host);
}

/* Each has one error, which the sentence must name. */
struct refusal {
	const char *name;
	void (*spoil)(struct host *host);
	int code;
	const char *sentence;         /* a part of the sentence; "": no sentence */
};

static void no_struct_size(struct host *h) { h->args.struct_size = 0; }
static void larger_struct(struct host *h) { h->args.struct_size += 8; }
static void no_workspace(struct host *h) { h->args.workspace = NULL; }
static void off_page(struct host *h) { h->args.workspace_phys += 16; }
static void off_page_virtual(struct host *h) { h->args.workspace = h->workspace + 16; }
static void based(struct host *h) { h->args.data_base = PAGE; }
static void code_based(struct host *h) { h->args.code_base = PAGE; }
static void off_page_based(struct host *h) { h->args.data_base = 0x123; }
static void too_high(struct host *h) { h->args.workspace_phys = 0x100000000 - PAGE; }
static void too_small(struct host *h) { h->args.workspace_size = PAGE; }
static void outside_the_map(struct host *h) { h->args.workspace_phys = 0xc0000000; }
static void outside_in_part(struct host *h) { h->map[2].end = WORKSPACE_PHYS + PAGE; }
static void unknown_flag(struct host *h) { h->args.flags = 0x80000000; }
static void empty(struct host *h) { h->args.blob.size = 0; h->extent.size = 0; }
static void no_data(struct host *h) { free((void *)(uintptr_t)h->args.blob.data); h->args.blob.data = NULL; }
static void no_modules(struct host *h) { h->args.module_count = 1; }
static void no_map_array(struct host *h) { h->args.memory_map = NULL; }
static struct segue_part some_module;
static void one_module(struct host *h) { h->args.modules = &some_module; h->args.module_count = 1; some_module = (struct segue_part){0}; }
static void modules_wrap(struct host *h) { one_module(h); h->args.module_count = (size_t)-1; }
static void modules_wrap_in_bytes(struct host *h) { one_module(h); h->args.module_count = SIZE_MAX / sizeof(struct segue_part) - 7; }
static void modules_beyond(struct host *h) { one_module(h); h->args.module_count = 0x10000; }
static void map_wraps(struct host *h) { h->args.memory_map_count = SIZE_MAX; }
static void keep_beyond(struct host *h) { h->args.keep = h->map; h->args.keep_count = 0x7fffffff; }
static void extents_wrap(struct host *h) { h->args.blob.extent_count = SIZE_MAX; }
static void extents_beyond(struct host *h) { one_module(h); some_module.extents = &h->extent; some_module.extent_count = 0xfffffff; }
static void no_extents(struct host *h) { h->args.blob.extents = NULL; }
static void on_state(struct host *h) { h->args.workspace = (void *)((uintptr_t)&segue_known & ~(uintptr_t)(PAGE - 1)); }
static void on_text(struct host *h) { h->args.workspace = (void *)((uintptr_t)segue_load & ~(uintptr_t)(PAGE - 1)); }
static void on_log(struct host *h) { h->args.workspace = (void *)((uintptr_t)take_sentence & ~(uintptr_t)(PAGE - 1)); }
static void extent_short(struct host *h) { h->extent.size -= 7; }
static void extent_long(struct host *h) { h->extent.size += 9; }
static void extent_high(struct host *h) { h->extent.addr = REACH - 5; }
static void extent_across(struct host *h) { h->extent.addr = 0x100000000 - 2 * PAGE; }
static void extent_to_the_last_page(struct host *h) { h->extent.addr = ADDRESS_LIMIT - h->extent.size + 1; }
static void extent_wraps(struct host *h) { h->extent.addr = UINT64_MAX - 5; }
static void in_workspace(struct host *h) { h->extent.addr = WORKSPACE_PHYS + 4 * PAGE; }
static void backwards(struct host *h) { h->map[1].end = h->map[1].start - 1; }
static void no_ram(struct host *h) { h->map[0].type = h->map[2].type = SEGUE_MEMORY_RESERVED; }
static void short_of_ram(struct host *h) { h->map[2].end = ENTRY + 15000; }
static void kept(struct host *h)
{
	static const struct segue_range keep = {.start = ENTRY + 0x1000, .end = ENTRY + 0x1001};

	h->args.keep = &keep;
	h->args.keep_count = 1;
}
static struct segue_range within[2];
static void within_nothing(struct host *h) { h->args.target_memory_count = 1; }
static void within_garbage(struct host *h) { h->args.target_memory = within; h->args.target_memory_count = 0x7fffffff; }
static void within_ranges(struct host *h, uint64_t start, uint64_t end)
{
	within[0] = (struct segue_range){.start = 0, .end = 0x10000};
	within[1] = (struct segue_range){.start = start, .end = end};
	h->args.target_memory = within;
	h->args.target_memory_count = 2;
}
static void within_backwards(struct host *h) { within_ranges(h, 2 * MIB, MIB); }
static void within_rom(struct host *h)
{
	within_ranges(h, 0xa0000, MIB);
	within[0] = within[1];
}
static void within_other(struct host *h) { within_ranges(h, 4 * MIB, 8 * MIB); }
/* A target that comes back, which has one error. */
static struct segue_range back_in[2], back_unused[2];
static struct segue_extent back_staging[3];
static void come_back(struct host *h)
{
	back_in[0] = (struct segue_range){.start = 2 * MIB, .end = 3 * MIB};
	back_in[1] = (struct segue_range){.start = 4 * MIB, .end = 4 * MIB + PAGE};
	back_staging[0] = (struct segue_extent){.addr = 12 * MIB, .size = MIB};
	back_staging[1] = (struct segue_extent){.addr = 16 * MIB, .size = 0};
	back_staging[2] = (struct segue_extent){.addr = 10 * MIB, .size = PAGE};
	back_unused[0] = (struct segue_range){.start = MIB, .end = MIB};
	back_unused[1] = (struct segue_range){.start = 5 * MIB, .end = 6 * MIB};
	h->args.flags = SEGUE_LOAD_RETURN;
	h->args.target_memory = back_in;
	h->args.target_memory_count = 2;
	h->args.staging = back_staging;
	h->args.staging_count = 3;
	h->args.unused = back_unused;
	h->args.unused_count = 2;
}
static void back_without_staging(struct host *h) { come_back(h); h->args.staging = NULL; h->args.staging_count = 0; }
static void back_staging_null(struct host *h) { come_back(h); h->args.staging = NULL; }
static void back_staging_garbage(struct host *h) { come_back(h); h->args.staging_count = 0x7fffffff; }
static void back_unused_null(struct host *h) { come_back(h); h->args.unused = NULL; }
static void back_unused_wraps(struct host *h) { come_back(h); h->args.unused_count = SIZE_MAX; }
static void back_staging_small(struct host *h) { come_back(h); back_staging[0].size -= 7; }
static void back_staging_overlaps(struct host *h) { come_back(h); back_staging[2] = (struct segue_extent){13 * MIB - 1, 2 * MIB}; }
static void back_staging_twice(struct host *h) { come_back(h); back_staging[1] = back_staging[0]; }
static void back_staging_in_workspace(struct host *h) { come_back(h); back_staging[2].addr = WORKSPACE_PHYS - PAGE + 1; }
static void back_staging_in_target(struct host *h) { come_back(h); back_staging[2].addr = 2 * MIB - 1; }
static void back_staging_high(struct host *h) { come_back(h); back_staging[2].addr = REACH - 5; }
static void back_staging_wraps(struct host *h) { come_back(h); back_staging[2].addr = UINT64_MAX - 5; }
static void back_staging_across(struct host *h) { come_back(h); back_staging[2].addr = 0x100000000 - PAGE; }
static void back_staging_nowhere(struct host *h) { come_back(h); back_staging[2].addr = 64 * MIB - 1; }
static void back_in_workspace(struct host *h) { come_back(h); back_in[1] = (struct segue_range){WORKSPACE_PHYS - 1, WORKSPACE_PHYS + 1, 0, 0}; }
static void back_anywhere(struct host *h) { come_back(h); h->args.target_memory_count = 0; }
static void back_unused_backwards(struct host *h) { come_back(h); back_unused[1].end--; back_unused[1].start = back_unused[1].end + 1; }
static void back_on_any_cpu(struct host *h) { come_back(h); h->args.flags |= SEGUE_LOAD_ANY_CPU; }
static void back_or_reboot(struct host *h) { come_back(h); h->args.flags |= SEGUE_LOAD_DIGEST_REBOOT; }
static struct segue_range back_kept;
static void back_keep(struct host *h, uint64_t start, uint64_t end)
{
	come_back(h);
	back_kept = (struct segue_range){.start = start, .end = end};
	h->args.keep = &back_kept;
	h->args.keep_count = 1;
}
static void back_staging_kept(struct host *h) { back_keep(h, 10 * MIB + PAGE - 1, 11 * MIB); }
static void back_target_kept(struct host *h) { back_keep(h, 3 * MIB - 1, 4 * MIB); }
static void back_target_high(struct host *h)
{
	come_back(h);
	h->map[3] = (struct segue_range){.start = 0x100000000, .end = 0x140000000, .type = SEGUE_MEMORY_RAM};
	h->args.memory_map_count = 4;
	back_in[0] = (struct segue_range){.start = 0x100000000, .end = 0x100000001};
}
static void clear_alone(struct host *h) { h->args.flags = SEGUE_LOAD_CLEAR; }
/* The same with a core. */
static struct segue_mapping core_mappings[2];
static void with_core(struct host *h)
{
	come_back(h);
	core_mappings[0] = (struct segue_mapping){.virt = 0xc0000000, .phys = 0, .size = MIB};
	core_mappings[1] = (struct segue_mapping){.virt = 0x80000000, .phys = 0, .size = PAGE};
	h->args.flags |= SEGUE_LOAD_CORE;
	h->args.mappings = core_mappings;
	h->args.mapping_count = 2;
}
static void core_alone(struct host *h) { h->args.flags = SEGUE_LOAD_CORE; }
static void core_mappings_null(struct host *h) { with_core(h); h->args.mappings = NULL; }
static void core_mappings_garbage(struct host *h) { with_core(h); h->args.mapping_count = 0x7fffffff; }
static void core_mapping_wraps(struct host *h) { with_core(h); core_mappings[1].virt = ADDRESS_MAX - PAGE + 2; }
static void core_mapping_phys_wraps(struct host *h) { with_core(h); core_mappings[1].phys = UINT64_MAX - PAGE + 1; }
static void core_mappings_overlap(struct host *h) { with_core(h); core_mappings[1].virt = 0xc0000000 - PAGE + 1; }
static void core_staging_offset(struct host *h) { with_core(h); back_staging[0].addr += 16; }
static void overlapping_map(struct host *h)
{
	h->map[3] = (struct segue_range){.start = ENTRY + 0x2000, .end = ENTRY + 0x2001, .type = SEGUE_MEMORY_NVS};
	h->args.memory_map_count = 4;
}

static void empty_keep(struct host *h)
{
	static const struct segue_range keep[] = {{.start = ENTRY + 5, .end = ENTRY + 5},
						  {.start = ENTRY + 0x1800, .end = ENTRY + 0x1900}};

	h->args.keep = keep;
	h->args.keep_count = 2;
}

/* A target for a crash, which has one error. */
static struct segue_note crash_notes[2];
static void crash(struct host *h)
{
	come_back(h);
	crash_notes[0] = (struct segue_note){"VMCOREINFO", 0, "x", 1};
	crash_notes[1] = (struct segue_note){"Host", 1, "y", 1};
	h->args.flags = SEGUE_LOAD_CRASH;
	h->args.notes = crash_notes;
	h->args.note_count = 2;
}
static void crash_and_return(struct host *h) { crash(h); h->args.flags |= SEGUE_LOAD_RETURN; }
static void crash_cleared(struct host *h) { crash(h); h->args.flags |= SEGUE_LOAD_RETURN | SEGUE_LOAD_CLEAR; }
static void crash_bus_masters(struct host *h) { crash(h); h->args.flags |= SEGUE_LOAD_KEEP_BUS_MASTERS; }
static void crash_anywhere(struct host *h) { crash(h); h->args.target_memory_count = 0; }
static void crash_in_workspace(struct host *h) { crash(h); back_in[1] = (struct segue_range){WORKSPACE_PHYS - 1, WORKSPACE_PHYS + 1, 0, 0}; }
static void crash_unused_backwards(struct host *h) { crash(h); back_unused[1].end = back_unused[1].start - 1; }
static void crash_staging_small(struct host *h) { crash(h); back_staging[0].size -= PAGE; }
static void crash_staging_nowhere(struct host *h) { crash(h); back_staging[2].addr = 64 * MIB; }
static void crash_target_kept(struct host *h) { back_keep(h, 3 * MIB - 1, 4 * MIB); h->args.flags = SEGUE_LOAD_CRASH; }
static void crash_cpus(struct host *h) { crash(h); h->args.cpu_count = 8193; }
static void crash_cpus_wrap(struct host *h) { crash(h); h->args.cpu_count = UINT32_MAX; }
static void crash_notes_null(struct host *h) { crash(h); h->args.notes = NULL; }
static void crash_notes_many(struct host *h) { crash(h); h->args.note_count = 65; }
static void crash_notes_wrap(struct host *h) { crash(h); h->args.note_count = SIZE_MAX; }
static void crash_note_nameless(struct host *h) { crash(h); crash_notes[1].name = NULL; }
static void crash_note_empty(struct host *h) { crash(h); crash_notes[0].name = ""; }
static void crash_note_long(struct host *h)
{
	crash(h);
	crash_notes[1].name = "a name of more than sixty-four bytes, which is what a note's name may have";
}
static void crash_note_null(struct host *h) { crash(h); crash_notes[1].data = NULL; }
static void crash_note_large(struct host *h) { crash(h); crash_notes[1].size = 65537; }
static void crash_note_wraps(struct host *h) { crash(h); crash_notes[1].size = SIZE_MAX; }

#define UNTOUCHED 15
static const struct refusal refusals[] = {
	{"no struct_size", no_struct_size, SEGUE_E_STRUCT_SIZE, ""},
	{"larger struct", larger_struct, SEGUE_E_STRUCT_SIZE, ""},
	{"no workspace", no_workspace, SEGUE_E_ARGUMENT, "workspace"},
	{"off page", off_page, SEGUE_E_WORKSPACE_ALIGN, "0x3000010"},
	{"off page, virtual", off_page_virtual, SEGUE_E_WORKSPACE_ALIGN, "page"},
	{"data base", based, SEGUE_E_ARGUMENT, "data_base are 0 in 64-bit mode"},
	{"code base", code_based, SEGUE_E_ARGUMENT, "code_base and"},
	{"off page by its base", off_page_based, SEGUE_E_WORKSPACE_ALIGN, "page"},
	{"too high", too_high, SEGUE_E_WORKSPACE_HIGH, "0xfffff000"},
	{"too small", too_small, SEGUE_E_WORKSPACE_SMALL, "4096"},
	{"outside the map", outside_the_map, SEGUE_E_WORKSPACE_PLACE, "0xc0000000 to 0xc0032000 is not in the memory map"},
	{"outside in part", outside_in_part, SEGUE_E_WORKSPACE_PLACE, "is not in the memory map"},
	{"over the library's state", on_state, SEGUE_E_WORKSPACE_USED, "Segue itself"},
	{"over the library's text", on_text, SEGUE_E_WORKSPACE_USED, "Segue itself"},
	{"over the host's text", on_log, SEGUE_E_WORKSPACE_USED, "Segue itself"},
	{"unknown flag", unknown_flag, SEGUE_E_FLAGS, "0x80000000"},
	{"empty", empty, SEGUE_E_EMPTY, "empty"},
	{"no data", no_data, SEGUE_E_ARGUMENT, "blob"},
	{"no modules", no_modules, SEGUE_E_ARGUMENT, "array"},
	{"no map array", no_map_array, SEGUE_E_ARGUMENT, "array"},
	{"module_count -1", modules_wrap, SEGUE_E_ARGUMENT, "module_count is "},
	{"module_count wraps in bytes", modules_wrap_in_bytes, SEGUE_E_ARGUMENT, "module_count is "},
	{"module_count garbage", modules_beyond, SEGUE_E_ARGUMENT, "module_count is 65536: more than the workspace can list"},
	{"memory_map_count -1", map_wraps, SEGUE_E_ARGUMENT, "memory_map_count is "},
	{"keep_count garbage", keep_beyond, SEGUE_E_ARGUMENT, "keep_count is 2147483647: "},
	{"extent_count -1", extents_wrap, SEGUE_E_ARGUMENT, "blob 0: extent_count is "},
	{"extent_count garbage", extents_beyond, SEGUE_E_ARGUMENT, "module 0: extent_count is 268435455: "},
	{"extents NULL", no_extents, SEGUE_E_ARGUMENT, "blob 0: extent_count is 1, and its array is NULL"},
	{"extent short", extent_short, SEGUE_E_EXTENTS, "7 bytes are in no extent"},
	{"extent long", extent_long, SEGUE_E_EXTENTS, "9 bytes too long"},
	{"extent high", extent_high, SEGUE_E_EXTENT_HIGH, REACHES},
	{"extent across 4 GiB", extent_across, SEGUE_E_EXTENT_HIGH, "0xfffff000"},
	{"extent to the last page", extent_to_the_last_page, SEGUE_E_EXTENT_HIGH, "extent 0"},
	{"extent wraps", extent_wraps, SEGUE_E_EXTENT_HIGH, "extent 0"},
	{"in the workspace", in_workspace, SEGUE_E_EXTENTS, "extent 0 overlaps the workspace"},
	{"map backwards", backwards, SEGUE_E_MEMORY_MAP, "memory map 1"},
	{"no RAM", no_ram, SEGUE_E_NO_RAM, "RAM"},
	{"short of RAM", short_of_ram, SEGUE_E_SEGMENT_NOT_RAM, "ELF segment 0 at 0x200000 to 0x204e20; RAM is 0x100000 to 0x203a98"},
	{"kept", kept, SEGUE_E_SEGMENT_KEPT, "0x201000 to 0x201001"},
	{"empty and real keep", empty_keep, SEGUE_E_SEGMENT_KEPT, "0x201800 to 0x201900"},
	{"target memory without an array", within_nothing, SEGUE_E_TARGET_MEMORY, "target_memory_count is 1, and its array is NULL"},
	{"target_memory_count garbage", within_garbage, SEGUE_E_TARGET_MEMORY, "target_memory_count is 2147483647: more than"},
	{"target memory backwards", within_backwards, SEGUE_E_TARGET_MEMORY, "range 1 is backwards"},
	{"target memory without RAM", within_rom, SEGUE_E_TARGET_MEMORY, "no RAM"},
	{"outside target memory", within_other, SEGUE_E_SEGMENT_OUTSIDE,
	 "ELF segment 0 at 0x200000 to 0x204e20; target_memory is 0x0 to 0x10000"},
	{"no staging", back_without_staging, SEGUE_E_STAGING, "1052672 more bytes are needed; ranges in unused need none"},
	{"staging without an array", back_staging_null, SEGUE_E_ARGUMENT, "staging_count is 3, and its array is NULL"},
	{"staging_count garbage", back_staging_garbage, SEGUE_E_ARGUMENT, "staging_count is 2147483647: more than the workspace can list"},
	{"unused without an array", back_unused_null, SEGUE_E_ARGUMENT, "unused_count is 2, and its array is NULL"},
	{"unused_count -1", back_unused_wraps, SEGUE_E_ARGUMENT, "unused_count is "},
	{"staging too small", back_staging_small, SEGUE_E_STAGING, "7 more bytes are needed; ranges in unused need none"},
	{"staging overlaps itself", back_staging_overlaps, SEGUE_E_STAGING, "extents 0 and 2 overlap, from 0xcfffff"},
	{"staging twice", back_staging_twice, SEGUE_E_STAGING, "extents 0 and 1 overlap, from 0xc00000"},
	{"staging in the workspace", back_staging_in_workspace, SEGUE_E_STAGING,
	 "extent 2, 0x2fff001 to 0x3000001, overlaps the workspace, 0x3000000 to 0x3032000"},
	{"staging in target memory", back_staging_in_target, SEGUE_E_STAGING,
	 "extent 2, 0x1fffff to 0x200fff, overlaps target_memory, 0x200000 to 0x300000"},
	{"staging out of reach", back_staging_high, SEGUE_E_STAGING, "extent 2 is not below 0x"},
	{"staging wraps", back_staging_wraps, SEGUE_E_STAGING, "extent 2 is not below 0x"},
	{"staging in the last page below 4 GiB", back_staging_across, SEGUE_E_STAGING, "or is in the page at 0xfffff000"},
	{"staging that is no memory", back_staging_nowhere, SEGUE_E_STAGING, "extent 2, 0x3ffffff to 0x4000fff, is not in the memory map"},
	{"workspace in target memory", back_in_workspace, SEGUE_E_RETURN,
	 "the workspace, 0x3000000 to 0x3032000, is in target_memory, 0x2ffffff to 0x3000001"},
	{"to come back from anywhere", back_anywhere, SEGUE_E_RETURN, "there is no target_memory"},
	{"unused backwards", back_unused_backwards, SEGUE_E_RETURN, "range 1 of unused ends before it starts"},
	{"to come back to any CPU", back_on_any_cpu, SEGUE_E_RETURN, "not with flags 0x40"},
	{"to come back or reboot", back_or_reboot, SEGUE_E_RETURN, "not with flags 0x10"},
	{"staging that is kept", back_staging_kept, SEGUE_E_STAGING, "extent 2 overlaps range 0 of keep"},
	{"target memory that is kept", back_target_kept, SEGUE_E_RETURN, "range 0 of keep is in target_memory"},
	{"target memory above 4 GiB", back_target_high, SEGUE_E_RETURN, "target_memory, range 0, has RAM above 0xfffff000"},
	{"SEGUE_LOAD_CLEAR alone", clear_alone, SEGUE_E_RETURN, "SEGUE_LOAD_CLEAR is given without it"},
	{"SEGUE_LOAD_CORE alone", core_alone, SEGUE_E_CORE, "SEGUE_LOAD_CORE is given without SEGUE_LOAD_RETURN"},
	{"mappings without an array", core_mappings_null, SEGUE_E_ARGUMENT, "mapping_count is 2, and its array is NULL"},
	{"mapping_count garbage", core_mappings_garbage, SEGUE_E_ARGUMENT, "mapping_count is 2147483647: more than the workspace can list"},
	{"a mapping wraps", core_mapping_wraps, SEGUE_E_CORE, "mapping 1, 0x1000 bytes at 0x"},
	{"a mapping wraps, physical", core_mapping_phys_wraps, SEGUE_E_CORE, "mapping 1, of 0x1000 bytes at physical 0xfffffffffffff000, wraps"},
	{"mappings overlap", core_mappings_overlap, SEGUE_E_CORE, "mappings 1 and 0 overlap, from virtual 0xc0000000"},
	{"staging not at the core's offsets", core_staging_offset, SEGUE_E_STAGING,
	 "4096 more bytes are needed; 4096, from extent 0 on, are not at the offset in a page that the core needs"},
	{"a crash and a return", crash_and_return, SEGUE_E_CRASH, "not with flags 0x100000"},
	{"a crash, cleared", crash_cleared, SEGUE_E_CRASH, "not with flags 0x300000"},
	{"a crash with bus masters", crash_bus_masters, SEGUE_E_CRASH, "not with flags 0x400000"},
	{"a crash anywhere", crash_anywhere, SEGUE_E_CRASH, "there is no target_memory"},
	{"a crash, workspace in target memory", crash_in_workspace, SEGUE_E_CRASH,
	 "the workspace, 0x3000000 to 0x3032000, is in target_memory, 0x2ffffff to 0x3000001"},
	{"a crash, unused backwards", crash_unused_backwards, SEGUE_E_CRASH, "range 1 of unused ends before it starts"},
	{"a crash, staging too small", crash_staging_small, SEGUE_E_STAGING, "4096 more bytes are needed; ranges in unused need none"},
	{"a crash, staging that is no memory", crash_staging_nowhere, SEGUE_E_STAGING, "extent 2, 0x4000000 to"},
	{"a crash, target memory that is kept", crash_target_kept, SEGUE_E_CRASH, "range 0 of keep is in target_memory"},
	{"a crash of too many CPUs", crash_cpus, SEGUE_E_CRASH, "cpu_count is 8193; the limit is 8192"},
	{"a crash, cpu_count -1", crash_cpus_wrap, SEGUE_E_CRASH, "cpu_count is 4294967295; the limit is 8192"},
	{"notes without an array", crash_notes_null, SEGUE_E_CRASH, "note_count is 2, and its array is NULL"},
	{"too many notes", crash_notes_many, SEGUE_E_CRASH, "note_count is 65, and its array is NULL, or it is above 64"},
	{"note_count -1", crash_notes_wrap, SEGUE_E_CRASH, "or it is above 64"},
	{"a note without a name", crash_note_nameless, SEGUE_E_CRASH, "note 1 has no name"},
	{"a note with an empty name", crash_note_empty, SEGUE_E_CRASH, "note 0 has no name"},
	{"a note with a long name", crash_note_long, SEGUE_E_CRASH, "or one of more than 64 bytes"},
	{"a note without data", crash_note_null, SEGUE_E_CRASH, "note 1, of 1 bytes, has no data"},
	{"a note that is too large", crash_note_large, SEGUE_E_CRASH, "note 1, of 65537 bytes, has no data, or more than 65536 bytes"},
	{"a note's size -1", crash_note_wraps, SEGUE_E_CRASH, "or more than 65536 bytes"},
	{"firmware's in the map's RAM", overlapping_map, SEGUE_E_SEGMENT_NOT_RAM, "0x202000"},
};

static void test_refusals_leave_no_trace(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const struct refusal *r = &refusals[i];
		struct host host;
		int code;

		open_small(&host);
		/* A target that was loaded before must be forgotten too; but a refused workspace is unchanged. */
		assert_int_equal(segue_load(&host.args), SEGUE_OK);
		if (i < UNTOUCHED)
			segue_unload(host.workspace);
		r->spoil(&host);
		code = segue_load(&host.args);
		if (code != r->code || !strstr(host.sentence, r->sentence) || (*r->sentence && !*host.sentence))
			fail_msg("%s: code %d, \"%s\"", r->name, code, host.sentence);
		assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_NOT_LOADED);
		close_host(&host);
	}
	assert_int_equal(segue_load(NULL), SEGUE_E_ARGUMENT);
}

/* context: the text to look for, and whether it was logged. */
struct search {
	const char *text;
	bool found;
};

static void look_for(void *context, int level, const char *sentence)
{
	struct search *search = context;

	if (level == SEGUE_LOG_WARNING && strcmp(sentence, search->text) == 0)
		search->found = true;
}

static bool warns(struct host *host, const char *text)
{
	struct search search = {.text = text};

	host->args.log = look_for;
	host->args.log_context = &search;
	assert_int_equal(segue_load(&host->args), SEGUE_OK);
	return search.found;
}

static void test_a_machine_that_was_not_cleared(void **state)
{
	struct segue_machine machine;
	struct host host;

	(void)state;
	open_small(&host);
	memset(&machine, 0xa5, sizeof machine);
	machine.vbe = NULL;
	host.args.machine = &machine;
	assert_true(warns(&host, "machine.rsdp is 0xa5a5a5a5a5a5a5a5, in no range of the memory map, and not used; was machine set to "
			  "zeros first?"));
	assert_true(warns(&host, "machine.hpet is 0xa5a5a5a5, not aligned to 256; was machine set to zeros first?"));
	assert_true(warns(&host, "machine.io_apic[0] is 0xa5a5a5a5, not aligned to 256; was machine set to zeros first?"));
	assert_true(warns(&host, "machine.framebuffer.type is 0xa5, unknown; was machine set to zeros first?"));
	machine.rsdp = UINT64_MAX;
	assert_true(warns(&host, "machine.rsdp is 0xffffffffffffffff, in no range of the memory map, and not used; was machine set to "
			  "zeros first?"));
	close_host(&host);
}

static void test_a_workspace_that_is_not_ram_is_warned_of(void **state)
{
	struct host host;

	(void)state;
	open_small(&host);
	host.map[3] = (struct segue_range){.start = WORKSPACE_PHYS + PAGE, .end = WORKSPACE_PHYS + 2 * PAGE,
					   .type = SEGUE_MEMORY_RESERVED};
	host.args.memory_map_count = 4;
	assert_true(warns(&host, "the workspace, 0x3000000 to 0x3032000, is in the memory map's range 3, which is not RAM"));
	close_host(&host);
}

/* The host writes to memory that belongs to Segue. */
static void test_what_was_written_over_is_not_ready(void **state)
{
	static const size_t kept[] = {0, PURGATORY_PARAMS_AT + 20, 3 * PAGE, LOADED_AT + 4};
	static const size_t written[] = {PAGE, LEAVE_AT, PARKING_AT + 40};
	struct host host;

	(void)state;
	open_small(&host);
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		host.workspace[kept[i]] ^= 1;
		assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_NOT_LOADED);
		host.workspace[kept[i]] ^= 1;
	}
	host.workspace[host.args.workspace_size - 1] ^= 1;
	assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_NOT_LOADED);
	host.workspace[host.args.workspace_size - 1] ^= 1;
	/* With a wrong number of CPUs a host would wait for ever; with a wrong size the sum would be of memory that is not there. */
	for (size_t i = LOADED_AT; i < LOADED_AT + sizeof(struct loaded); i++) {
		host.workspace[i] ^= 0x40;
		assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_NOT_LOADED);
		host.workspace[i] ^= 0x40;
	}
	/* As CPUs do when they park. */
	for (size_t i = 0; i < sizeof written / sizeof written[0]; i++)
		host.workspace[written[i]] ^= 1;
	assert_int_equal(segue_ready(host.workspace, NULL), SEGUE_E_READY_PRIVILEGE);
	close_host(&host);
}

static void load_again(void *context, int level, const char *sentence)
{
	struct host *host = context;
	struct segue_load_args args = host->args;

	(void)level, (void)sentence;
	args.log = take_sentence;
	assert_int_equal(segue_load(&args), SEGUE_E_BUSY);
	assert_string_equal(host->sentence, "another segue_load() is running");
	host->warning[0] = '!';
}

/* A second call, as from an interrupt handler or on another CPU. */
static void test_one_load_at_a_time(void **state)
{
	struct host host;

	(void)state;
	open_small(&host);
	one_module(&host);
	host.args.log = load_again;
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	assert_int_equal(host.warning[0], '!');
	host.args.log = take_sentence;
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	close_host(&host);
}

static void test_an_empty_module_is_warned_of(void **state)
{
	struct host host;

	(void)state;
	open_small(&host);
	one_module(&host);
	assert_true(warns(&host, "module 0 is empty"));
	close_host(&host);
}

/* A module follows the kernel. If RAM is so full that there is no place for purgatory then, it stays where it is. */
static void test_full_memory_leaves_a_module_in_place(void **state)
{
	static const uint32_t header[] = {0x1badb002, 0, 0u - 0x1badb002};
	const uint64_t kernel_end = MIB + 2 * PAGE, workspace_end = kernel_end + SEGUE_WORKSPACE_SIZE(2);

	(void)state;
	for (int full = 0; full < 2; full++) {
		struct host host;
		struct segue_segment s;
		size_t size;
		uint8_t *blob = make_elf(PAGE, MIB, 2 * PAGE, &size);
		/* its bytes are not read */
		struct segue_extent extent = {.addr = workspace_end, .size = 64 * MIB - workspace_end - (full ? 0 : MIB)};
		struct segue_part module = {.data = blob, .size = extent.size, .extents = &extent, .extent_count = 1};

		memcpy(blob + PAGE + 16, header, sizeof header);
		open_host(&host, blob, size, SEGUE_WORKSPACE_SIZE(2));
		host.extent.addr = 0x20000;
		host.args.workspace_phys = kernel_end;
		host.args.modules = &module;
		host.args.module_count = 1;
		assert_int_equal(segue_load(&host.args), SEGUE_OK);
		assert_string_equal(host.sentence, "");
		assert_string_equal(host.warning, full ? "so the modules stay where they are" : "");
		assert_int_equal(segue_segment_at(host.workspace, 1, &s), SEGUE_OK);
		assert_string_equal(s.name, "module");
		assert_int_equal(s.dest, full ? workspace_end : kernel_end);
		close_host(&host);
	}
}

/* Pages: the blob's are in reverse order; those of the workspace are contiguous, except a broken one. */
struct pages {
	const struct host *host;
	size_t hole, broken;          /* numbers of pages; SIZE_MAX: none */
	bool frames;                  /* translate knows addresses of page starts only */
	uint64_t high;                /* added to the blob's */
};

static uint64_t translate_pages(void *context, const void *address)
{
	const struct pages *pages = context;
	const uint8_t *data = pages->host->args.blob.data, *at = address;
	uintptr_t first = (uintptr_t)data / PAGE, page;

	if (at >= pages->host->workspace && at < pages->host->workspace + pages->host->args.workspace_size) {
		page = (uintptr_t)(at - pages->host->workspace) / PAGE;
		return WORKSPACE_PHYS + (uintptr_t)(at - pages->host->workspace) + (page == pages->broken ? 2 * PAGE : 0);
	}
	page = (uintptr_t)at / PAGE - first;
	if (page == pages->hole)
		return SEGUE_NOT_MAPPED;
	return pages->high + BLOB_PHYS - page * PAGE + (pages->frames ? 0 : (uintptr_t)at % PAGE);
}

static void open_translated(struct host *host, struct pages *pages)
{
	open_small(host);
	*pages = (struct pages){.host = host, .hole = SIZE_MAX, .broken = SIZE_MAX};
	host->args.blob.extents = NULL;
	host->args.blob.extent_count = 0;
	host->args.translate = translate_pages;
	host->args.translate_context = pages;
}

/* Each byte is moved from the address that translate returned. */
static void test_extents_are_made_by_translate(void **state)
{
	struct host host;
	struct pages pages;
	struct segue_move_description m;
	const uint8_t *data;
	uint64_t copied = 0;

	(void)state;
	open_translated(&host, &pages);
	data = host.args.blob.data;
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	for (size_t i = 0; segue_move_at(host.workspace, i, &m) == SEGUE_OK; i++) {
		const uint8_t *from = data + PAGE + (m.dest - ENTRY);

		if (m.kind != SEGUE_MOVE_KIND_COPY)
			continue;
		copied += m.size;
		assert_int_equal(m.source, translate_pages(&pages, from));
		assert_true(m.source % PAGE + m.size <= PAGE);
	}
	assert_int_equal(copied, 10000);
	close_host(&host);
}

static void test_translate_refuses(void **state)
{
	struct host host;
	struct pages pages;
	char expected[128];

	(void)state;
	open_translated(&host, &pages);
	pages.hole = 1;
	assert_int_equal(segue_load(&host.args), SEGUE_E_EXTENT_PLACE);
	assert_non_null(strstr(host.sentence, "of blob 0 is not mapped"));
	pages.hole = SIZE_MAX;
	/* malloc() never returns a page-aligned address here */
	assert_int_not_equal((uintptr_t)host.args.blob.data % PAGE, 0);
	pages.frames = true;
	assert_int_equal(segue_load(&host.args), SEGUE_E_EXTENT_PLACE);
	snprintf(expected, sizeof expected, "byte 0 of blob 0, at offset %u in its page, is at %#x: another offset",
		 (unsigned)((uintptr_t)host.args.blob.data % PAGE), BLOB_PHYS);
	assert_non_null(strstr(host.sentence, expected));
	pages.frames = false;
	pages.high = (uint64_t)1 << 52;
	assert_int_equal(segue_load(&host.args), SEGUE_E_EXTENT_HIGH);
	pages.high = 0;
	pages.broken = 7;
	assert_int_equal(segue_load(&host.args), SEGUE_E_WORKSPACE_PLACE);
	snprintf(expected, sizeof expected, "page 7 is at %#x by translate; expected %#x", WORKSPACE_PHYS + 9 * PAGE,
		 WORKSPACE_PHYS + 7 * PAGE);
	assert_non_null(strstr(host.sentence, expected));
	close_host(&host);
}

static void count_warnings(void *context, int level, const char *sentence)
{
	if (level == SEGUE_LOG_WARNING && strstr(sentence, "not in the memory map"))
		++*(int *)context;
}

/* An extent outside all ranges gives a warning, once a part; one in a reserved range or across two ranges does not. */
static void test_extents_outside_the_map(void **state)
{
	static const struct {
		uint64_t addr;
		int warnings;
	} cases[] = {{BLOB_PHYS, 0}, {0x9f000, 0}, {0x9f800, 1}, {0xd0000000, 1}, {64 * MIB - 4, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct host host;
		int warnings = 0;

		open_small(&host);
		if (cases[i].addr == 0x9f000) {
			host.map[3] = (struct segue_range){.start = 0xa0000, .end = MIB, .type = SEGUE_MEMORY_RESERVED};
			host.args.memory_map_count = 4;
		}
		host.extent.addr = cases[i].addr;
		host.args.log = count_warnings;
		host.args.log_context = &warnings;
		assert_int_equal(segue_load(&host.args), SEGUE_OK);
		assert_int_equal(warnings, cases[i].warnings);
		close_host(&host);
	}
}

/* A map without any memory of the host was made for the target: a warning, and no refusal. */
static void test_a_map_without_the_host(void **state)
{
	struct host host;
	int warnings = 0;

	(void)state;
	open_small(&host);
	host.map[2].end = 16 * MIB;
	host.args.log = count_warnings;
	host.args.log_context = &warnings;
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	assert_int_equal(warnings, 2);
	close_host(&host);
}

static void test_every_code_has_a_meaning_of_its_own(void **state)
{
	const char *none = segue_strerror(9999);
	int known = 0;

	(void)state;
	for (int code = 0; code < 256; code++) {
		const char *text = segue_strerror(code);

		if (text == none)
			continue;
		known++;
		for (int other = 0; other < code; other++)
			if (segue_strerror(other) != none)
				assert_string_not_equal(text, segue_strerror(other));
	}
	assert_int_equal(known, 121);
	assert_string_not_equal(segue_strerror(SEGUE_E_READY_PRIVILEGE), none);
}

/* Executes purgatory's list with its links on a model of physical memory. */
static void run_list(struct host *host, uint8_t *memory)
{
	const struct purgatory_params *params = (const void *)(host->workspace + PURGATORY_PARAMS_AT);
	uint32_t page = params->list, source = params->list_source;

	/* Like purgatory's relocate. */
	for (uint32_t i = 0; params->list != params->list_source && i < params->list_pages; i++) {
		memcpy(memory + page, memory + source, PAGE);
		source += PAGE;
		page = le32(memory + page + offsetof(struct list_page, link));
	}
	for (const uint8_t *at = memory + params->list;;) {
		struct segue_move m;

		memcpy(&m, at, sizeof m);
		at += sizeof m;
		if (m.op == SEGUE_MOVE_END)
			return;
		if (m.op == SEGUE_MOVE_LINK) {
			at = memory + m.dst;
			continue;
		}
		if (m.op == SEGUE_MOVE_ZERO) {
			memset(memory + m.dst, 0, m.size);
			continue;
		}
		if (m.op == SEGUE_MOVE_COPY_UP || m.op == SEGUE_MOVE_COPY_DOWN) {
			memmove(memory + m.dst, memory + m.src, m.size);
			continue;
		}
		for (uint32_t n = 0; n < m.size; n++) {
			uint32_t i = m.op == SEGUE_MOVE_SWAP_DOWN ? m.size - 1 - n : n;
			uint8_t byte = memory[m.dst + i];

			memory[m.dst + i] = memory[m.src + i];
			memory[m.src + i] = byte;
		}
	}
}

/* A blob of scattered pages, some where the target is placed; with a workspace that the target overlaps, or not. */
static void scattered(uint32_t pages, uint32_t workspace_at, bool expect_out)
{
	uint32_t memory_size = (uint32_t)(pages * 3 + 8192) * PAGE, room = pages * 3 / 2 + 64;
	size_t size, count = pages + 1, workspace_size = SEGUE_WORKSPACE_SIZE(count);
	uint8_t *blob = make_elf((size_t)pages * PAGE, ENTRY, pages * PAGE + 5000, &size);
	uint8_t *memory = calloc(1, memory_size);
	struct segue_extent *extents = malloc(count * sizeof *extents);
	uint32_t *slots = malloc(room * sizeof *slots);
	struct segue_description d = {.struct_size = sizeof d};
	struct host host;
	uint32_t seed = 12345;

	/* Slots of memory in random order: from MIB on, so that sources and destinations interleave. */
	for (uint32_t i = 0; i < room; i++)
		slots[i] = MIB + i * PAGE;
	for (uint32_t i = room - 1; i > 0; i--) {
		uint32_t j, slot = slots[i];

		seed = seed * 1664525 + 1013904223;
		j = (uint32_t)((uint64_t)seed * (i + 1) >> 32);
		slots[i] = slots[j];
		slots[j] = slot;
	}
	open_host(&host, blob, size, workspace_size);
	/* memory_size has room after the slots for a workspace that nothing overlaps */
	host.args.workspace_phys = workspace_at ? workspace_at : (memory_size - (uint32_t)workspace_size) & ~(PAGE - 1);
	host.map[2].end = memory_size;
	for (uint32_t i = 0, next = 0; i < count; i++) {
		/* no piece of the blob may be in the workspace */
		while (slots[next] < host.args.workspace_phys + workspace_size && slots[next] + PAGE > host.args.workspace_phys)
			next++;
		extents[i] = (struct segue_extent){.addr = slots[next++], .size = PAGE};
		memcpy(memory + extents[i].addr, blob + (size_t)i * PAGE, PAGE);
	}
	host.args.blob.extents = extents;
	host.args.blob.extent_count = count;
	if (segue_load(&host.args) != SEGUE_OK)
		fail_msg("%s", host.sentence);
	assert_int_equal(segue_describe(host.workspace, &d), SEGUE_OK);
	assert_true(d.moved <= d.payload + d.set_aside);
	assert_int_equal(d.purgatory != host.args.workspace_phys, expect_out);
	memcpy(memory + host.args.workspace_phys, host.workspace, workspace_size);
	run_list(&host, memory);
	assert_memory_equal(memory + ENTRY, blob + PAGE, (size_t)pages * PAGE);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(memory[ENTRY + pages * PAGE + i], 0);
	free(slots);
	free(extents);
	free(memory);
	close_host(&host);
}

static void test_scattered_pages(void **state)
{
	(void)state;
	scattered(5, 0, false);
	scattered(3000, 0, false);
	scattered(100000, 0, false);
}

static void test_scattered_pages_with_the_workspace_in_the_way(void **state)
{
	(void)state;
	scattered(3000, ENTRY + 100 * PAGE, true);
	scattered(20000, ENTRY, true);
	scattered(20000, ENTRY + 20000 * PAGE, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describes_what_it_loads),
		cmocka_unit_test(test_unload_forgets),
		cmocka_unit_test(test_a_workspace_with_parked_cpus_stays),
		cmocka_unit_test(test_what_was_there_before_is_not_believed),
		cmocka_unit_test(test_a_fresh_workspace_may_hold_anything),
		cmocka_unit_test(test_the_last_eight_are_known),
		cmocka_unit_test(test_arguments_in_the_workspace),
		cmocka_unit_test(test_a_workspace_that_moved_is_not_ready),
		cmocka_unit_test(test_refusals_leave_no_trace),
		cmocka_unit_test(test_a_machine_that_was_not_cleared),
		cmocka_unit_test(test_a_workspace_that_is_not_ram_is_warned_of),
		cmocka_unit_test(test_what_was_written_over_is_not_ready),
		cmocka_unit_test(test_one_load_at_a_time),
		cmocka_unit_test(test_an_empty_module_is_warned_of),
		cmocka_unit_test(test_full_memory_leaves_a_module_in_place),
		cmocka_unit_test(test_extents_are_made_by_translate),
		cmocka_unit_test(test_translate_refuses),
		cmocka_unit_test(test_extents_outside_the_map),
		cmocka_unit_test(test_a_map_without_the_host),
		cmocka_unit_test(test_every_code_has_a_meaning_of_its_own),
		cmocka_unit_test(test_scattered_pages),
		cmocka_unit_test(test_scattered_pages_with_the_workspace_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
