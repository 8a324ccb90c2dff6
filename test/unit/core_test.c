/* SPDX-License-Identifier: MIT */
/*
 * The core header of the host's memory (SEGUE_LOAD_CORE), read by a reader of its own and compared with the arguments: at every
 * address at which a range, an extent, a mapping or a PT_LOAD begins or ends, and just before. Between two of these nothing changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "elf_headers.h"
#include "leave/list.h"
#include "plan/plan.h"
#include "return/return_page.h"
#include "segue.h"
#include "segue_core.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull
#define PAGE 4096u
#define WORKSPACE 0x1000000u
#define WORKSPACE_SIZE 0x800000u
#define BLOB 0x3000000u
#define TARGET 0x4000000u
#define MAP 12u
#define EXTENTS 40000u
#define RANGES 8u
#define MAPPINGS 70000u
#define LOADS 70000u

struct host {
	struct segue_load_args args;
	struct segue_range map[MAP], target[RANGES], unused[RANGES];
	struct segue_extent staging[EXTENTS];
	struct segue_mapping mappings[MAPPINGS];
	struct segue_extent blob;
	char sentence[256];
	uint8_t kernel[0x400];
	uint32_t seed;
};
static struct host host;
static _Alignas(PAGE) uint8_t workspace[WORKSPACE_SIZE];

/* One PT_LOAD */
struct range_seen {
	uint64_t offset, virt, phys, size;
};
static struct range_seen seen[LOADS];
static size_t seen_count;

static uint32_t any(uint32_t below)
{
	host.seed = host.seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)host.seed * below >> 32);
}

static void take_sentence(void *context, int level, const char *text)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR)
		snprintf(host.sentence, sizeof host.sentence, "%s", text);
}

static void add_map(uint64_t start, uint64_t end, uint32_t type)
{
	assert_true(host.args.memory_map_count < MAP);
	host.map[host.args.memory_map_count++] = (struct segue_range){start, end, type, 0};
}

static void add_target(uint64_t start, uint64_t end)
{
	host.target[host.args.target_memory_count++] = (struct segue_range){start, end, 0, 0};
}

static void add_unused(uint64_t start, uint64_t end)
{
	host.unused[host.args.unused_count++] = (struct segue_range){start, end, 0, 0};
}

static void add_staging(uint64_t start, uint64_t size)
{
	assert_true(host.args.staging_count < EXTENTS);
	host.staging[host.args.staging_count++] = (struct segue_extent){start, size};
}

static void add_mapping(uint64_t virt, uint64_t phys, uint64_t size)
{
	assert_true(host.args.mapping_count < MAPPINGS);
	host.mappings[host.args.mapping_count++] = (struct segue_mapping){virt, phys, size};
}

static void open_host(uint32_t seed)
{
	memset(&host, 0, sizeof host);
	host.seed = seed * 7919 + 1;
	put_elf_header(host.kernel, TARGET, 1);
	put_segment(host.kernel, 0, 0x100, TARGET, 0x100, 0x1000);
	host.blob = (struct segue_extent){BLOB, sizeof host.kernel};
	host.args = (struct segue_load_args){
		.struct_size = sizeof host.args, .flags = SEGUE_LOAD_RETURN | SEGUE_LOAD_CORE,
		.blob = {.data = host.kernel, .size = sizeof host.kernel, .extents = &host.blob, .extent_count = 1},
		.memory_map = host.map, .workspace = workspace, .workspace_phys = WORKSPACE, .workspace_size = WORKSPACE_SIZE,
		.target_memory = host.target, .staging = host.staging, .unused = host.unused, .mappings = host.mappings, .log = take_sentence,
	};
}

/* A PC with 128 MiB and some RAM above 4 GiB. */
static void open_pc(uint32_t seed)
{
	open_host(seed);
	add_map(0, 0x9fc00, SEGUE_MEMORY_RAM);
	add_map(0x9fc00, 0xa0000, SEGUE_MEMORY_RESERVED);
	add_map(0xf0000, MIB, SEGUE_MEMORY_RESERVED);
	add_map(MIB, 128 * MIB, SEGUE_MEMORY_RAM);
	add_map(4 * GIB, 5 * GIB, SEGUE_MEMORY_RAM);
}

/* the reader */

static struct return_page *return_page_of_target(void)
{
	const struct purgatory_params *params = (const void *)(workspace + PURGATORY_PARAMS_AT);

	return (void *)(workspace + (params->return_page - WORKSPACE));
}

static uint64_t core_at(uint32_t *size)
{
	struct segue_description d = {.struct_size = sizeof d};
	const struct return_page *page = return_page_of_target();

	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_true(d.core >= WORKSPACE && d.core % PAGE == 0 && d.core + d.core_size <= WORKSPACE + WORKSPACE_SIZE);
	assert_int_equal(page->block.core, d.core);
	assert_int_equal(page->block.core_size, d.core_size);
	*size = (uint32_t)d.core_size;
	return d.core;
}

static const uint8_t *note_of(const uint8_t *notes, uint32_t size, const char *name, uint32_t type, uint32_t *contents_size)
{
	for (uint32_t at = 0; at < size;) {
		uint32_t name_size = le32(notes + at), contents = le32(notes + at + 4);
		const uint8_t *its_name = notes + at + 12, *found = its_name + (name_size + 3) / 4 * 4;

		assert_true(found + contents <= notes + size && its_name[name_size - 1] == 0);
		if (strcmp((const char *)its_name, name) == 0 && le32(notes + at + 8) == type) {
			*contents_size = contents;
			return found;
		}
		at = (uint32_t)(found - notes) + (contents + 3) / 4 * 4;
		assert_true(at <= size);
	}
	return NULL;
}

static void read_notes(const uint8_t *notes, uint32_t size)
{
	uint32_t contents;
	const uint8_t *host_note = note_of(notes, size, "Segue", 0x5301, &contents), *status;
	struct segue_core_host said;

	/* It is the first. */
	assert_ptr_equal(host_note, notes + 12 + 8);
	assert_int_equal(contents, 72);
	assert_int_equal(contents, sizeof said);
	memcpy(&said, host_note, sizeof said);
	assert_int_equal(said.size, contents);
	assert_int_equal(said.version, SEGUE_VERSION);
	assert_int_equal(said.width, 64);
	assert_int_equal(said.workspace, WORKSPACE);
	assert_int_equal(said.workspace_size, host.args.workspace_size);
	assert_int_equal(said.return_entry % PAGE, RETURN_ENTRY_AT);
	status = note_of(notes, size, "CORE", 1, &contents);
	assert_non_null(status);
	assert_int_equal(contents, 336);
	assert_int_equal(le32(status + 32), 1);
}

static void read_core(void)
{
	uint32_t size;
	const uint8_t *core = workspace + (core_at(&size) - WORKSPACE);
	uint16_t count = le16(core + 56);

	assert_memory_equal(core, "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(le16(core + 16), 4);
	assert_int_equal(le16(core + 18), 62);
	assert_int_equal(le32(core + 20), 1);
	assert_int_equal(le64(core + 32), 64);
	assert_int_equal(le64(core + 40), 0);
	assert_int_equal(le16(core + 52), 64);
	assert_int_equal(le16(core + 54), 56);
	assert_int_equal(le16(core + 60), 0);
	assert_int_not_equal(count, 0xffff);
	assert_true(count >= 2);
	seen_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *p = core + 64 + i * 56u;
		struct range_seen *range = &seen[seen_count];

		assert_int_equal(le64(p + 32), le64(p + 40));
		if (i == 0) {
			uint64_t notes = le64(p + 8);

			assert_int_equal(le32(p), 4);
			assert_int_equal(notes, WORKSPACE + (core - workspace) + 64 + count * 56u);
			assert_int_equal(notes + le64(p + 32), WORKSPACE + (core - workspace) + size);
			read_notes(workspace + (notes - WORKSPACE), (uint32_t)le64(p + 32));
			continue;
		}
		assert_int_equal(le32(p), 1);
		assert_int_equal(le32(p + 4), 7);
		*range = (struct range_seen){le64(p + 8), le64(p + 16), le64(p + 24), le64(p + 32)};
		assert_true(range->size > 0);
		assert_int_equal(range->offset % PAGE, range->phys % PAGE);
		seen_count++;
	}
}

/* what must be */

static bool is_in(const struct segue_range *ranges, size_t count, uint64_t at)
{
	for (size_t i = 0; i < count; i++)
		if (at >= ranges[i].start && at < ranges[i].end)
			return true;
	return false;
}

static bool is_ram(uint64_t at)
{
	bool ram = false;

	for (size_t i = 0; i < host.args.memory_map_count; i++)
		if (is_in(&host.map[i], 1, at)) {
			if (host.map[i].type != SEGUE_MEMORY_RAM)
				return false;
			ram = true;
		}
	return ram;
}

static bool in_staging(uint64_t at)
{
	for (size_t i = 0; i < host.args.staging_count; i++)
		if (at - host.staging[i].addr < host.staging[i].size)
			return true;
	return false;
}

/* Where the byte of the host's lies while the target runs; UINT64_MAX: it is not to be in the core, 0: in staging. */
static uint64_t place_of(uint64_t at)
{
	if (at >= WORKSPACE && at < WORKSPACE + host.args.workspace_size)
		return at;
	if (!is_ram(at) || in_staging(at))
		return UINT64_MAX;
	if (!is_in(host.target, host.args.target_memory_count, at))
		return at;
	return is_in(host.unused, host.args.unused_count, at) ? UINT64_MAX : 0;
}

/* As the exchanges have it. */
static uint64_t staged(uint64_t at)
{
	const struct purgatory_params *params = (const void *)(workspace + PURGATORY_PARAMS_AT);
	const struct return_page *page = (const void *)(workspace + (params->return_page - WORKSPACE));
	const struct segue_move *move = (const void *)(workspace + (page->exchanges - WORKSPACE));

	for (;; move++) {
		assert_int_not_equal(move->op, SEGUE_MOVE_END);
		if (move->op == SEGUE_MOVE_LINK) {
			move = (const struct segue_move *)(const void *)(workspace + (move->dst - WORKSPACE)) - 1;
			continue;
		}
		if (at - move->dst < move->size)
			return move->src + (at - move->dst);
	}
}

static void check_address(uint64_t at)
{
	uint64_t place = place_of(at), virt[64];
	size_t wanted = 0, found = 0;

	if (place == 0 && at != 0)
		place = staged(at);
	if (place != UINT64_MAX) {
		for (size_t i = 0; i < host.args.mapping_count; i++)
			if (at - host.mappings[i].phys < host.mappings[i].size) {
				assert_true(wanted < 64);
				virt[wanted++] = host.mappings[i].virt + (at - host.mappings[i].phys);
			}
		if (wanted == 0)
			virt[wanted++] = host.args.mapping_count == 0 ? at : UINT64_MAX;
	}
	for (size_t i = 0; i < seen_count; i++) {
		const struct range_seen *range = &seen[i];
		uint64_t into = at - range->phys, has = range->virt == UINT64_MAX ? UINT64_MAX : range->virt + into;
		size_t k = 0;

		if (into >= range->size)
			continue;
		if (range->offset + into != place)
			fail_msg("%#llx is at %#llx in the core, and lies at %#llx", (unsigned long long)at,
				 (unsigned long long)(range->offset + into), (unsigned long long)place);
		while (k < wanted && virt[k] != has)
			k++;
		if (k == wanted)
			fail_msg("%#llx is not mapped at %#llx", (unsigned long long)at, (unsigned long long)has);
		virt[k] = 1; /* found once */
		found++;
	}
	if (found != wanted)
		fail_msg("%#llx is in %zu PT_LOADs, and should be in %zu", (unsigned long long)at, found, wanted);
}

static void check_edge(uint64_t at)
{
	check_address(at);
	if (at > 0)
		check_address(at - 1);
}

static void check_core(void)
{
	read_core();
	for (size_t i = 0; i < host.args.memory_map_count; i++) {
		check_edge(host.map[i].start);
		check_edge(host.map[i].end);
	}
	for (size_t i = 0; i < host.args.target_memory_count; i++) {
		check_edge(host.target[i].start);
		check_edge(host.target[i].end);
	}
	for (size_t i = 0; i < host.args.unused_count; i++) {
		check_edge(host.unused[i].start);
		check_edge(host.unused[i].end);
	}
	for (size_t i = 0; i < host.args.staging_count && i < 300; i++) {
		check_edge(host.staging[i].addr);
		check_edge(host.staging[i].addr + host.staging[i].size);
	}
	for (size_t i = 0; i < host.args.mapping_count && i < 300; i++) {
		check_edge(host.mappings[i].phys);
		check_edge(host.mappings[i].phys + host.mappings[i].size);
	}
	check_edge(WORKSPACE);
	check_edge(WORKSPACE + host.args.workspace_size);
	for (size_t i = 0; i < seen_count && i < 300; i++) {
		check_edge(seen[i].phys);
		check_edge(seen[i].phys + seen[i].size);
	}
	/* Neighbours are merged, and the order is that of p_vaddr, then p_paddr. */
	for (size_t i = 1; i < seen_count; i++) {
		const struct range_seen *a = &seen[i - 1], *b = &seen[i];

		assert_true(a->virt < b->virt || (a->virt == UINT64_MAX && b->virt == UINT64_MAX && a->phys < b->phys));
		assert_false(a->phys + a->size == b->phys && a->offset + a->size == b->offset &&
			     (a->virt + a->size == b->virt || (a->virt == UINT64_MAX && b->virt == UINT64_MAX)));
	}
}

/* Where the target has this byte of its memory between two calls; UINT64_MAX: that is none of its memory. */
static uint64_t targets(uint64_t at)
{
	if (!is_ram(at) || !is_in(host.target, host.args.target_memory_count, at))
		return UINT64_MAX;
	return is_in(host.unused, host.args.unused_count, at) ? at : staged(at);
}

static struct segue_target_extent extents[3000];
static _Alignas(8) uint8_t target_core[64 + 3001 * 56 + 356];

static void check_target_at(uint64_t at, size_t count)
{
	uint64_t place = UINT64_MAX;

	for (size_t i = 0; i < count; i++)
		if (at - extents[i].target < extents[i].size) {
			assert_true(place == UINT64_MAX);
			place = extents[i].addr + (at - extents[i].target);
		}
	if (place != targets(at))
		fail_msg("the target's %#llx is told at %#llx", (unsigned long long)at, (unsigned long long)place);
}

/* segue_target_extents(), and segue_target_core(), which has the same. */
static void check_target(void)
{
	size_t count, again, need, less;
	uint32_t contents;

	assert_int_equal(segue_target_extents(workspace, extents, 3000, &count), SEGUE_OK);
	for (size_t i = 0; i < count; i++) {
		check_target_at(extents[i].target, count);
		check_target_at(extents[i].target - 1, count);
		check_target_at(extents[i].target + extents[i].size - 1, count);
		check_target_at(extents[i].target + extents[i].size, count);
		if (i > 0)
			assert_true(extents[i - 1].target + extents[i - 1].size <= extents[i].target);
		if (i > 0 && extents[i - 1].target + extents[i - 1].size == extents[i].target)
			assert_true(extents[i - 1].addr + extents[i - 1].size != extents[i].addr);
	}
	for (size_t i = 0; i < host.args.target_memory_count; i++) {
		check_target_at(host.target[i].start, count);
		check_target_at(host.target[i].end - 1, count);
	}
	for (size_t i = 0; i < host.args.unused_count; i++) {
		check_target_at(host.unused[i].start, count);
		check_target_at(host.unused[i].end, count);
	}
	extents[count - 1].size = 0;
	assert_int_equal(segue_target_extents(workspace, extents, count - 1, &again), SEGUE_E_RANGE_LIMIT);
	assert_int_equal(again, count);
	assert_int_equal(extents[count - 1].size, 0);
	segue_target_extents(workspace, extents, count, &again);
	assert_int_equal(segue_target_core(workspace, NULL, 0, 0, &need), SEGUE_E_RANGE_LIMIT);
	assert_int_equal(need, 64 + (count + 1) * 56 + 12 + 8 + 336);
	memset(target_core, 0xa5, sizeof target_core);
	assert_int_equal(segue_target_core(workspace, target_core, 0x5000000, need - 1, &less), SEGUE_E_RANGE_LIMIT);
	assert_int_equal(target_core[0], 0xa5);
	assert_int_equal(segue_target_core(workspace, target_core, 0x5000000, sizeof target_core, &less), SEGUE_OK);
	assert_int_equal(less, need);
	assert_int_equal(target_core[need], 0xa5);
	assert_int_equal(le16(target_core + 16), 4);
	assert_int_equal(le16(target_core + 56), count + 1);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = target_core + 64 + (i + 1) * 56;

		assert_int_equal(le32(p), 1);
		assert_int_equal(le64(p + 8), extents[i].addr);
		assert_int_equal(le64(p + 16), extents[i].target);
		assert_int_equal(le64(p + 24), extents[i].target);
		assert_int_equal(le64(p + 32), extents[i].size);
		assert_int_equal(le64(p + 40), extents[i].size);
	}
	assert_int_equal(le32(target_core + 64), 4);
	assert_int_equal(le64(target_core + 72), 0x5000000 + 64 + (count + 1) * 56);
	assert_int_equal(le64(target_core + 64 + 32), 356);
	assert_non_null(note_of(target_core + 64 + (count + 1) * 56, 356, "CORE", 1, &contents));
	assert_int_equal(contents, 336);
}

static void load_and_check(void)
{
	int code = segue_load(&host.args);

	if (code != SEGUE_OK)
		fail_msg("%s", host.sentence);
	check_core();
	check_target();
	segue_unload(workspace);
}

static void refuses(int code, const char *words)
{
	assert_int_equal(segue_load(&host.args), code);
	if (!strstr(host.sentence, words))
		fail_msg("\"%s\" has no \"%s\"", host.sentence, words);
}

/* the tests */

static void test_one_range(void **state)
{
	(void)state;
	open_pc(1);
	add_target(TARGET, TARGET + MIB);
	add_staging(0x6000000, MIB);
	load_and_check();
	/* Base memory; up to target memory; that, in staging; up to staging; from there on; above 4 GiB. */
	assert_int_equal(seen_count, 6);
	assert_int_equal(seen[2].offset, 0x6000000);
	assert_int_equal(seen[5].phys, 4 * GIB);
}

static void test_base_memory_and_a_range(void **state)
{
	(void)state;
	open_pc(2);
	add_target(0x10000, 0xa0000);
	add_target(TARGET, TARGET + MIB);
	/* The RAM of the first ends at 0x9fc00: the last 1024 bytes of that page of staging stay unused. */
	add_staging(0x6000000, 0x90000 + MIB);
	load_and_check();
}

static void test_unused_memory(void **state)
{
	(void)state;
	open_pc(3);
	add_target(TARGET, TARGET + MIB);
	add_unused(TARGET + 0x1803, TARGET + 0x20001);
	add_unused(TARGET + 0xf0000, TARGET + 2 * MIB);
	add_staging(0x6000000, 0x1000);
	add_staging(0x6002003, 0xfffd);
	add_staging(0x6020000, MIB);
	load_and_check();
}

static void test_pages_that_are_scattered(void **state)
{
	(void)state;
	open_pc(4);
	add_target(TARGET, TARGET + MIB);
	for (unsigned i = 0; i < 256; i++)
		add_staging(0x6000000 + (i * 37 % 256) * 2 * PAGE, PAGE);
	load_and_check();
	/* As many between them, and two before them and after them less one. */
	assert_true(seen_count > 512 && seen_count < 520);
}

static void test_pages_in_order(void **state)
{
	(void)state;
	open_pc(5);
	add_target(TARGET, TARGET + MIB);
	for (unsigned i = 0; i < 256; i++)
		add_staging(0x6000000 + i * PAGE, PAGE);
	load_and_check();
	assert_int_equal(seen_count, 6);
}

static void test_mappings(void **state)
{
	(void)state;
	open_pc(6);
	add_target(TARGET, TARGET + MIB);
	add_staging(0x6000000, MIB);
	/* A direct map in four pieces, the kernel's image, and an alias of a part of target memory. */
	for (unsigned i = 4; i > 0; i--)
		add_mapping(0xc0000000 + (i - 1) * 8 * MIB, (i - 1) * 8 * MIB, 8 * MIB);
	add_mapping(0x10000000, 2 * MIB, 3 * MIB + 5);
	add_mapping(0x20000000, TARGET + 0x1000, 0x2000);
	add_mapping(0x30000000, TARGET + 0x1000, 0x1000);
	add_mapping(0x40000000, 0xa0000, 0x10000);
	add_mapping(0, 0, 0);
	load_and_check();
	/* The direct map: base memory, and from 1 MiB to 32; the image; the alias, twice; what is not mapped. */
	assert_int_equal(seen_count, 2 + 1 + 2 + 1 + 2 + 2 + 1);
}

static void test_mappings_of_nothing(void **state)
{
	(void)state;
	open_pc(7);
	add_target(TARGET, TARGET + MIB);
	add_staging(0x6000000, MIB);
	add_mapping(0x40000000, 0xa0000, 0x10000);
	load_and_check();
	assert_int_equal(seen[0].virt, UINT64_MAX);
}

static void test_a_workspace_that_is_not_ram(void **state)
{
	(void)state;
	open_host(8);
	add_map(MIB, WORKSPACE + 0x3000, SEGUE_MEMORY_RAM);
	add_map(WORKSPACE, WORKSPACE + 2 * WORKSPACE_SIZE, SEGUE_MEMORY_RESERVED);
	add_map(2 * WORKSPACE + 7, 128 * MIB, SEGUE_MEMORY_RAM);
	add_target(TARGET, TARGET + MIB);
	add_staging(0x6000000, MIB);
	load_and_check();
}

/* What the issue names: 96 MiB page by page. */
static void test_96_mib_by_pages(void **state)
{
	uint32_t size;

	(void)state;
	open_host(9);
	add_map(0, 0x9fc00, SEGUE_MEMORY_RAM);
	add_map(MIB, 2 * GIB, SEGUE_MEMORY_RAM);
	add_target(TARGET, TARGET + 96 * MIB);
	for (unsigned i = 0; i < 24576; i++)
		add_staging(0x20000000 + (i * 7ull % 24576) * PAGE, PAGE);
	host.args.workspace_size = SEGUE_WORKSPACE_SIZE_RETURN(10, 24576) + SEGUE_WORKSPACE_SIZE_CORE(24576 + 6);
	assert_true(host.args.workspace_size <= WORKSPACE_SIZE);
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	check_core();
	assert_int_equal(seen_count, 24576 + 4);
	core_at(&size);
	assert_true(size > 1376000 && size < 1380000);
	segue_unload(workspace);
}

/* Any 64 ranges may overlap, and so may mappings in physical addresses. */
static void random_host(uint32_t seed)
{
	uint64_t virt = 0x10000000, at = 0x6000000;
	unsigned count;

	open_host(seed);
	add_map(any(2) * 0x1000, 0x9f000 + any(0x1000), SEGUE_MEMORY_RAM);
	add_map(MIB, 64 * MIB + any(0x10000), SEGUE_MEMORY_RAM);
	add_map(64 * MIB - any(0x10000), 128 * MIB, SEGUE_MEMORY_RAM);
	for (count = any(5); count > 0; count--) {
		uint64_t start = any(2) ? 0x2000000 + any(0x100000) : 4 * GIB + any(0x10000000);

		add_map(start, start + any(0x20000), any(3) ? SEGUE_MEMORY_RESERVED : SEGUE_MEMORY_RAM);
	}
	if (any(2))
		add_map(4 * GIB, 4 * GIB + any(0x10000000), SEGUE_MEMORY_RAM);
	add_target(TARGET - any(0x3000), TARGET + 0x10000 + any(0x20000));
	if (any(2))
		add_target(0x10000 + any(0x8000), 0x50000 + any(0x50000));
	if (any(2))
		add_target(TARGET + 0x40000 + any(0x1000), TARGET + 0x41000 + any(0x20000));
	for (count = any(4); count > 0; count--) {
		uint64_t start = TARGET + any(0x40000);

		add_unused(start, start + any(0x8000));
	}
	while (at < 0x6200000 && host.args.staging_count < 250) {
		uint64_t size = any(3) ? PAGE * (1 + any(8)) : 1 + any(0x9000);

		add_staging(at, size);
		at += size + (any(2) ? 0 : any(0x3000));
		at = any(3) ? (at + PAGE - 1) & ~(uint64_t)(PAGE - 1) : at;
	}
	add_staging(at, MIB);
	for (count = any(4) * any(10); count > 0; count--) {
		const struct segue_mapping *last = host.args.mapping_count > 0 ? &host.mappings[host.args.mapping_count - 1] : NULL;
		uint64_t phys = any(4) == 0 && last ? last->phys + last->size :
				any(3) ? any(0x8000000) : any(2) ? TARGET + any(0x40000) : 4 * GIB + any(0x20000000);
		uint64_t size = any(20) ? any(0x400000) : 0;

		virt += any(3) ? 0 : any(0x100000);
		add_mapping(virt, phys, size);
		virt += size;
	}
	/* In any order. */
	for (size_t i = host.args.mapping_count; i > 1; i--) {
		size_t k = any((uint32_t)i);
		struct segue_mapping other = host.mappings[k];

		host.mappings[k] = host.mappings[i - 1];
		host.mappings[i - 1] = other;
	}
}

static void test_random_hosts(void **state)
{
	unsigned loaded = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 150; seed++) {
		random_host(seed);
		if (segue_load(&host.args) != SEGUE_OK) {
			/* The kernel's place may be cut away. */
			assert_non_null(strstr(host.sentence, "segment"));
			continue;
		}
		check_core();
		check_target();
		segue_unload(workspace);
		loaded++;
	}
	assert_true(loaded > 100);
}

static void open_one(void)
{
	open_pc(1);
	add_target(TARGET, TARGET + MIB);
	add_staging(0x6000000, MIB);
}

static void test_refusals(void **state)
{
	(void)state;
	open_one();
	host.args.flags = SEGUE_LOAD_CORE;
	refuses(SEGUE_E_CORE, "SEGUE_LOAD_CORE is given without SEGUE_LOAD_RETURN");
	open_one();
	add_mapping(0x1000, 0, 0x1000);
	add_mapping(ADDRESS_MAX - 0xfff, 0, 0x1001);
	refuses(SEGUE_E_CORE, "mapping 1, 0x1001 bytes at 0x");
	open_one();
	add_mapping(0x1000, UINT64_MAX - 0x7fff, 0x8000);
	refuses(SEGUE_E_CORE, "mapping 0, of 0x8000 bytes at physical 0xffffffffffff8000, wraps");
	open_one();
	add_mapping(0x5000, 0, 0x1000);
	add_mapping(0x1000, 0, 0x4001);
	refuses(SEGUE_E_CORE, "mappings 1 and 0 overlap, from virtual 0x5000");
	/* Also if a merged one does. */
	open_one();
	add_mapping(0x2000, 0x1000, 0x1000);
	add_mapping(0x1000, 0, 0x1000);
	add_mapping(0x2fff, 0x7000, 1);
	refuses(SEGUE_E_CORE, "mappings 0 and 2 overlap, from virtual 0x2fff");
	open_one();
	host.staging[0].addr += 0x10;
	refuses(SEGUE_E_STAGING, "4080 more bytes are needed; 4080, from extent 0 on, are not at the offset");
	open_one();
	host.args.workspace_size = SEGUE_WORKSPACE_SIZE_RETURN(10, 1);
	for (unsigned i = 0; i < 5000; i++)
		add_mapping(i * 0x2000, i * 0x2000, 0x1000);
	refuses(SEGUE_E_WORKSPACE_SMALL, "more are needed");
}

static void test_refusals_about_the_target(void **state)
{
	size_t count = 7;

	(void)state;
	open_one();
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	assert_int_equal(segue_target_extents(NULL, extents, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_target_extents(workspace, NULL, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_target_extents(workspace, extents, 1, NULL), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_target_core(workspace, NULL, 0, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_target_core(workspace, target_core + 4, 0, 1000, &count), SEGUE_E_ARGUMENT);
	segue_unload(workspace);
	assert_int_equal(segue_target_extents(workspace, extents, 1, &count), SEGUE_E_NOT_LOADED);
	assert_int_equal(count, 0);
	assert_int_equal(segue_target_core(workspace, target_core, 0, 1000, &count), SEGUE_E_NOT_LOADED);
	/* A restored host has no staging, and so no target. */
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	return_page_of_target()->result = SEGUE_RESTORED;
	assert_int_equal(segue_target_extents(workspace, extents, 1, &count), SEGUE_E_CALL_OVER);
	assert_int_equal(count, 0);
	assert_int_equal(segue_target_core(workspace, target_core, 0, 1000, &count), SEGUE_E_CALL_OVER);
	segue_unload(workspace);
	host.args.flags = 0;
	assert_int_equal(segue_load(&host.args), SEGUE_OK);
	assert_int_equal(segue_target_extents(workspace, extents, 1, &count), SEGUE_E_CALL_RETURN);
	assert_int_equal(segue_target_core(workspace, target_core, 0, 1000, &count), SEGUE_E_CALL_RETURN);
	segue_unload(workspace);
}

/* As many PT_LOADs as there can be, each second one of what no mapping contains. */
static void test_the_workspace_suffices(void **state)
{
	(void)state;
	open_one();
	for (unsigned i = 0; i < 32764; i++)
		add_mapping(0x10000000 + i * 2, MIB + i * 2, 1);
	host.args.workspace_size = SEGUE_WORKSPACE_SIZE_RETURN(1, 6) + SEGUE_WORKSPACE_SIZE_CORE(65533 + 32764);
	load_and_check();
	assert_int_equal(seen_count, 65533);
}

static void test_too_many_ranges(void **state)
{
	(void)state;
	/* With PT_NOTE that makes 65,534. */
	open_pc(1);
	add_target(TARGET, TARGET + MIB);
	add_staging(0x6000000, MIB);
	host.args.workspace_size = WORKSPACE_SIZE;
	for (unsigned i = 0; i < 32764; i++)
		add_mapping(0x10000000 + i * 2, MIB + i * 2, 1);
	load_and_check();
	assert_int_equal(seen_count, 65533);
	host.mappings[5].size = 0;
	add_mapping(0x10000000 + 32764 * 2, MIB + 32764 * 2, 1);
	load_and_check();
	assert_int_equal(seen_count, 65533);
	host.mappings[5].size = 1;
	refuses(SEGUE_E_CORE, "65535 ranges of memory, and a core has at most 65533");
}

/* 60,000 mappings of 24,577 pieces each: they are counted, not listed. */
static void test_the_count_takes_no_time(void **state)
{
	(void)state;
	open_host(9);
	add_map(MIB, 2 * GIB, SEGUE_MEMORY_RAM);
	add_target(TARGET, TARGET + 16 * MIB);
	for (unsigned i = 0; i < 8192; i++)
		add_staging(0x20000000 + i * 2ull * PAGE, PAGE);
	for (unsigned i = 0; i < 60000; i++)
		add_mapping(0x10000 * (uint64_t)i, 0x20000000 + i % 3, 0xff00);
	refuses(SEGUE_E_CORE, " ranges of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_range),
		cmocka_unit_test(test_base_memory_and_a_range),
		cmocka_unit_test(test_unused_memory),
		cmocka_unit_test(test_pages_that_are_scattered),
		cmocka_unit_test(test_pages_in_order),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_mappings_of_nothing),
		cmocka_unit_test(test_a_workspace_that_is_not_ram),
		cmocka_unit_test(test_96_mib_by_pages),
		cmocka_unit_test(test_random_hosts),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refusals_about_the_target),
		cmocka_unit_test(test_the_workspace_suffices),
		cmocka_unit_test(test_too_many_ranges),
		cmocka_unit_test(test_the_count_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
