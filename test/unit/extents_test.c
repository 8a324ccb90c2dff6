/* SPDX-License-Identifier: MIT */
/*
 * Blobs in pieces: up to a million extents of any length, order and place, also above 4 GiB. Tests that move bytes use this
 * program's addresses as physical ones, so that purgatory's moves are executed on real memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <cmocka.h>
#include "common/bytes.h"
#include "elf_headers.h"
#include "executor_model.h"
#include "leave/loaded.h"
#include "leave/list.h"
#include "purgatory/purgatory.h"
#include "segue.h"

#define MIB 0x100000u
#define HAS_HIGH (ADDRESS_MAX > UINT32_MAX)
#define LOW_AT 0x20000000u
#define LOW_SIZE (2 * MIB)
#define HIGH_SIZE (256 * 1024u)
#define EXTENTS_MAX 60u
#define SEGMENTS_MAX 4u
#define HEADERS ELF_HEADERS(SEGMENTS_MAX)

static uint32_t seed;
static char sentence[256];

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static void take_sentence(void *context, int level, const char *text)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR)
		snprintf(sentence, sizeof sentence, "%s", text);
}

/* A machine whose RAM is this program's memory: some below 4 GiB, and, if addr_t allows it, some above. */
struct world {
	uint8_t *low, *high;
	struct segue_load_args args;
	struct segue_range map[2];
	struct segue_extent extents[EXTENTS_MAX];
	struct { uint32_t offset, dest, size, memory_size; } segments[SEGMENTS_MAX];
	uint32_t segment_count;
	uint8_t *data;                /* the blob as the host reads it */
};

static void open_world(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->low = mmap((void *)(uintptr_t)LOW_AT, LOW_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(w->low, (void *)(uintptr_t)LOW_AT);
	w->high = mmap(NULL, HIGH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((uintptr_t)w->high > UINT32_MAX && (void *)w->high != MAP_FAILED);
	w->map[0] = (struct segue_range){LOW_AT, LOW_AT + LOW_SIZE, SEGUE_MEMORY_RAM, 0};
	w->map[1] = (struct segue_range){(uintptr_t)w->high, (uintptr_t)w->high + HIGH_SIZE, SEGUE_MEMORY_RAM, 0};
	w->args = (struct segue_load_args){
		.struct_size = sizeof w->args, .memory_map = w->map, .memory_map_count = 2, .log = take_sentence,
		.blob = {.extents = w->extents},
	};
}

static void close_world(struct world *w)
{
	munmap(w->low, LOW_SIZE);
	munmap(w->high, HIGH_SIZE);
}

static void place_workspace(struct world *w)
{
	w->args.workspace_size = SEGUE_WORKSPACE_SIZE(EXTENTS_MAX * 3);
	w->args.workspace_phys = LOW_AT + any((uint32_t)(LOW_SIZE - w->args.workspace_size) / PAGE) * PAGE;
	w->args.workspace = (void *)(uintptr_t)w->args.workspace_phys;
}

static uint32_t any_size(uint32_t most)
{
	switch (any(8)) {
	case 0:
		return 0;
	case 1:
		return 1 + any(7);
	case 2:
		return PAGE;
	default:
		return any(most);
	}
}

/* Anywhere in RAM except the workspace; sometimes directly after the previous one, or overlapping it. */
static uint64_t any_place(const struct world *w, uint32_t number, uint64_t size)
{
	const struct segue_extent *before = number && w->extents[number - 1].size ? &w->extents[number - 1] : NULL;
	uint64_t start, from = w->args.workspace_phys, to = from + w->args.workspace_size;

	for (;;) {
		uint32_t how = any(10);

		if (before && how == 0)
			start = before->addr + before->size;
		else if (before && how == 1)
			start = before->addr + any((uint32_t)before->size + 1);
		else if (HAS_HIGH && how < 5)
			start = (uintptr_t)w->high + any(HIGH_SIZE);
		else
			start = LOW_AT + any(LOW_SIZE);
		if (size == 0)
			return any(2) ? start : UINT64_MAX;
		if (start > UINT32_MAX ? start + size <= (uintptr_t)w->high + HIGH_SIZE && start >= (uintptr_t)w->high :
		    start + size <= LOW_AT + LOW_SIZE && (start + size <= from || start >= to))
			return start;
	}
}

static void scatter(struct world *w)
{
	uint32_t count = 1 + any(EXTENTS_MAX - 1);

	w->args.blob.size = 0;
	w->args.blob.extent_count = count;
	for (uint32_t i = 0; i < count; i++) {
		/* The headers are in one extent, so that they can be written before the others, which may share bytes, are chosen. */
		uint64_t size = i == 0 ? HEADERS + any(PAGE) : any_size(3 * PAGE);

		w->extents[i].addr = any_place(w, i, size);
		w->extents[i].size = size;
		w->args.blob.size += size;
	}
}

static bool lies_apart(const struct world *w, uint32_t dest, uint32_t size)
{
	for (uint32_t i = 0; i < w->segment_count; i++)
		if (dest < w->segments[i].dest + w->segments[i].memory_size && w->segments[i].dest < dest + size)
			return false;
	return dest + size <= LOW_AT + LOW_SIZE;
}

/* Segments with any bytes of the file, also shared ones, anywhere in low RAM. */
static void choose_segments(struct world *w)
{
	uint32_t file = (uint32_t)w->args.blob.size;
	uint8_t *header = (uint8_t *)(uintptr_t)w->extents[0].addr;

	w->segment_count = 0;
	for (uint32_t want = 1 + any(SEGMENTS_MAX); w->segment_count < want;) {
		uint32_t offset = any(file), size = 1 + any(file - offset), dest = LOW_AT + any(LOW_SIZE);
		uint32_t memory_size = size + (any(2) ? any_size(PAGE) : 0);

		if (!lies_apart(w, dest, memory_size))
			continue;
		w->segments[w->segment_count].offset = offset;
		w->segments[w->segment_count].dest = dest;
		w->segments[w->segment_count].size = size;
		w->segments[w->segment_count++].memory_size = memory_size;
	}
	put_elf_header(header, w->segments[0].dest, (uint16_t)w->segment_count);
	for (uint32_t i = 0; i < w->segment_count; i++)
		put_segment(header, i, w->segments[i].offset, w->segments[i].dest, w->segments[i].size,
			    w->segments[i].memory_size);
}

static void gather(struct world *w)
{
	uint8_t *at = w->data = malloc(w->args.blob.size);

	for (uint32_t i = 0; i < w->args.blob.extent_count; at += w->extents[i++].size)
		if (w->extents[i].size > 0)
			memcpy(at, (const void *)(uintptr_t)w->extents[i].addr, w->extents[i].size);
	w->args.blob.data = w->data;
}

static uint8_t *pointer(uint32_t physical)
{
	return (uint8_t *)(uintptr_t)physical;
}

static bool reaches_high(const uint8_t *list)
{
	for (const struct segue_move *move = (const void *)list; move->op != SEGUE_MOVE_END; move++) {
		if ((move->dst | move->src) >> 32 != 0)
			return true;
		if (move->op == SEGUE_MOVE_LINK)
			move = (const struct segue_move *)(uintptr_t)move->dst - 1;
	}
	return false;
}

/* As purgatory does: moves the list and itself, then executes the moves. Checks that nothing in use is overwritten. */
static void run(struct world *w)
{
	const struct purgatory_params *params = (const void *)((const uint8_t *)w->args.workspace + PURGATORY_PARAMS_AT);
	uint32_t list = params->list, page = list, source = params->list_source, home = params->home, tables = params->tables;
	uint32_t size = params->pages * PAGE, list_pages = list == source ? 0 : params->list_pages;
	uint8_t kept[PURGATORY_PAGES * PAGE];

	assert_int_equal(params->magic, PURGATORY_MAGIC);
	memcpy(kept, w->args.workspace, size);
	for (; list_pages > 0; list_pages--, source += PAGE) {
		memcpy(pointer(page), pointer(source), PAGE);
		page = le32(pointer(page) + offsetof(struct list_page, link));
	}
	assert_int_equal(params->flags & PURGATORY_HIGH, reaches_high(pointer(list)) ? PURGATORY_HIGH : 0);
	assert_int_equal(params->flags & PURGATORY_HIGH, tables ? PURGATORY_HIGH : 0);
	memmove(pointer(home), w->args.workspace, size);
	if (tables) {
		assert_true(tables % PAGE == 0 && tables >= home + size && tables - home < 2 * MIB);
		memset(pointer(tables), 0x3c, PAGE);
	}
	executor_model((const struct segue_move *)(const void *)pointer(list));
	assert_memory_equal(pointer(home), kept, size);
	for (uint32_t i = 0; tables && i < PAGE; i++)
		assert_int_equal(pointer(tables)[i], 0x3c);
}

/* The address of a byte of the blob, by its extents. */
static uint64_t physical_of(const struct world *w, uint64_t offset)
{
	const struct segue_extent *extent = w->extents;

	for (; offset >= extent->size; extent++)
		offset -= extent->size;
	return extent->addr + offset;
}

static void check_description(const struct world *w)
{
	struct segue_segment segment;

	for (uint32_t i = 0; i < w->segment_count; i++) {
		assert_int_equal(segue_segment_at(w->args.workspace, i, &segment), SEGUE_OK);
		assert_int_equal(segment.source, physical_of(w, w->segments[i].offset));
	}
}

static void check_segments(const struct world *w)
{
	for (uint32_t i = 0; i < w->segment_count; i++) {
		const uint8_t *at = pointer(w->segments[i].dest);

		assert_memory_equal(at, w->data + w->segments[i].offset, w->segments[i].size);
		for (uint32_t k = w->segments[i].size; k < w->segments[i].memory_size; k++)
			assert_int_equal(at[k], 0);
	}
}

static void test_random_scatterings(void **state)
{
	struct world w;
	uint32_t rounds = 2000, refused = 0, moved_out = 0, high = 0;

	(void)state;
	open_world(&w);
	for (uint32_t round = 0; round < rounds; round++) {
		const struct purgatory_params *params;
		int error;

		seed = round;
		for (uint32_t i = 0; i < LOW_SIZE; i += 4)
			put_le32(w.low + i, seed * 2654435761u + i);
		for (uint32_t i = 0; i < HIGH_SIZE; i += 4)
			put_le32(w.high + i, seed * 2246822519u + i);
		place_workspace(&w);
		scatter(&w);
		choose_segments(&w);
		gather(&w);
		error = segue_load(&w.args);
		if (error == SEGUE_OK) {
			params = (const void *)((const uint8_t *)w.args.workspace + PURGATORY_PARAMS_AT);
			moved_out += params->home != w.args.workspace_phys;
			high += (params->flags & PURGATORY_HIGH) != 0;
			check_description(&w);
			run(&w);
			check_segments(&w);
		} else {
			refused++;
			print_message("round %u: %s\n", round, sentence);
		}
		free(w.data);
	}
	print_message("%u rounds: %u with sources above 4 GiB, %u with purgatory moved out, %u refused\n", rounds, high,
		      moved_out, refused);
	assert_true(refused == 0 && moved_out > rounds / 20 && (!HAS_HIGH || high > rounds / 4));
	close_world(&w);
}

/* extents == NULL: data is the physical address. */
static void test_flat_above_4_gib(void **state)
{
	struct world w;
	int error;

	(void)state;
	open_world(&w);
	w.extents[0].addr = (uintptr_t)w.high + 5;
	w.extents[0].size = w.args.blob.size = HIGH_SIZE - 9;
	w.args.blob.extent_count = 1;
	place_workspace(&w);
	for (uint32_t i = 0; i < HIGH_SIZE; i++)
		w.high[i] = (uint8_t)(i * 37 + i / 251);
	choose_segments(&w);
	gather(&w);
	w.args.blob.data = w.high + 5;
	w.args.blob.extents = NULL;
	w.args.blob.extent_count = 0;
	error = segue_load(&w.args);
	if (HAS_HIGH) {
		assert_int_equal(error, SEGUE_OK);
		run(&w);
		check_segments(&w);
	} else {
		assert_int_equal(error, SEGUE_E_EXTENT_HIGH);
	}
	free(w.data);
	close_world(&w);
}

#define MANY 1000000u
#define SLOT 2048u
/* Slots: as dense as possible in low memory, so that many overlap the target. */
#define MANY_LOW (HAS_HIGH ? MANY * 15 / 16 : MANY)
#define MANY_HIGH (MANY / 4)
#define MANY_LOW_END 0xc0000000u
#define MANY_HIGH_END (0x100000000 + MANY_HIGH * SLOT)
#define MANY_WORKSPACE (MANY_LOW_END - 0x20000000u)
#define MANY_SECONDS 40                /* on an idle machine a quarter of this suffices, with sanitizers */

/* A blob larger than this machine's memory: pages that are never written to cost nothing. */
struct many {
	struct segue_load_args args;
	struct segue_range map[2];
	struct segue_extent *extents;
	size_t reserved;
	uint8_t *data;
};

/* Each extent in its own slot of all memory except the workspace, in random order, with odd addresses and lengths. */
static void open_many(struct many *m, size_t more)
{
	uint32_t low = MANY_LOW, high = HAS_HIGH ? MANY_HIGH : 0;
	uint32_t *slots = malloc((low + high) * sizeof *slots);
	size_t size = 0;

	*m = (struct many){.reserved = (size_t)MANY * SLOT};
	m->extents = malloc(MANY * sizeof *m->extents);
	for (uint32_t i = 0; i < low + high; i++) {
		uint32_t other = any(i + 1);

		slots[i] = slots[other];
		slots[other] = i;
	}
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t into = any(4) ? any(16) : any(SLOT - 16), slot = slots[i];

		m->extents[i].addr = slot < low ? MIB + (uint64_t)slot * SLOT : 0x100000000 + (uint64_t)(slot - low) * SLOT;
		m->extents[i].addr += into;
		m->extents[i].size = SLOT - into - any(16);
		size += m->extents[i].size;
	}
	free(slots);
	m->data = mmap(NULL, m->reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true((void *)m->data != MAP_FAILED);
	m->map[0] = (struct segue_range){MIB, MANY_LOW_END, SEGUE_MEMORY_RAM, 0};
	m->map[1] = (struct segue_range){0x100000000, MANY_HIGH_END, SEGUE_MEMORY_RAM, 0};
	m->args = (struct segue_load_args){
		.struct_size = sizeof m->args, .memory_map = m->map, .memory_map_count = 2, .log = take_sentence,
		.blob = {.data = m->data, .size = size, .extents = m->extents, .extent_count = MANY},
		.workspace_phys = MANY_WORKSPACE, .workspace_size = segue_workspace_size(MANY + more),
	};
	m->args.workspace = aligned_alloc(PAGE, m->args.workspace_size);
}

/* In CPU time, on which other programs have little influence. */
static double load_many(struct many *m)
{
	struct segue_description d = {.struct_size = sizeof d};
	clock_t start = clock();
	int error = segue_load(&m->args);
	double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;

	if (error != SEGUE_OK)
		fail_msg("%s", sentence);
	assert_int_equal(segue_describe(m->args.workspace, &d), SEGUE_OK);
	print_message("%zu segments, %zu moves, %zu bytes set aside, %.1f s\n", d.segment_count, d.move_count,
		      (size_t)d.set_aside, seconds);
	assert_true(d.move_count > MANY * 9 / 10);
	assert_true(d.set_aside > 0 && d.moved <= d.payload + d.set_aside);
	return seconds;
}

static void close_many(struct many *m)
{
	munmap(m->data, m->reserved);
	free(m->extents);
	free(m->args.workspace);
}

/* One segment with all bytes. */
static double load_one_segment(void)
{
	struct many m;
	uint32_t size;
	double seconds;

	seed = 1;
	open_many(&m, 0);
	size = (uint32_t)m.args.blob.size - HEADERS;
	put_elf_header(m.data, 2 * MIB, 1);
	put_segment(m.data, 0, HEADERS, 2 * MIB, size, size + 12345);
	seconds = load_many(&m);
	close_many(&m);
	return seconds;
}

/* A newc member (loaders/container/bundle.c), with headers a few pages apart. Returns the offset of the next member. */
static size_t put_member(struct many *m, size_t at, const char *name, uint32_t size, size_t *data)
{
	*data = at + 110 + strlen(name) + 1;
	*data = (*data + 3) & ~(size_t)3;
	assert_true(*data + size + PAGE <= m->args.blob.size);
	sprintf((char *)m->data + at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0u, 0x81a4u, 0u, 0u, 1u, 0u,
		size, 0u, 0u, 0u, 0u, (uint32_t)strlen(name) + 1, 0u);
	strcpy((char *)m->data + at + 110, name);
	return (*data + size + 3) & ~(size_t)3;
}

#define MANY_MODULES 8000u

/* A segment for each module, in reverse order of the archive, so that each starts a new search for its extents. */
static double load_modules(void)
{
	struct many m;
	size_t at, data;
	char name[40];
	double seconds;

	seed = 2;
	open_many(&m, 7 * MANY_MODULES);
	at = put_member(&m, 0, "kernel", 3 * PAGE, &data);
	put_elf_header(m.data + data, 2 * MIB, 1);
	put_segment(m.data + data, 0, PAGE, 2 * MIB, PAGE, PAGE);
	/* Multiboot 0.6.96, 3.1.1: magic, flags, checksum */
	put_le32(m.data + data + 256, 0x1badb002);
	put_le32(m.data + data + 264, -0x1badb002u);
	for (uint32_t i = 0; i < MANY_MODULES; i++) {
		snprintf(name, sizeof name, "modules/%05u-m", MANY_MODULES - i);
		at = put_member(&m, at, name, (uint32_t)(m.args.blob.size / MANY_MODULES - PAGE) & ~(PAGE - 1), &data);
	}
	put_member(&m, at, "TRAILER!!!", 0, &data);
	seconds = load_many(&m);
	close_many(&m);
	return seconds;
}

/* If each segment's search began at the first extent, the second case would take two and a half times as long. */
static void test_a_million_extents(void **state)
{
	double one, many;

	(void)state;
	one = load_one_segment();
	many = load_modules();
	assert_true(one < MANY_SECONDS && many < 2 * one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_scatterings),
		cmocka_unit_test(test_flat_above_4_gib),
		cmocka_unit_test(test_a_million_extents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
