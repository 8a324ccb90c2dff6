/* SPDX-License-Identifier: MIT */
/*
 * How much workspace a plan needs: SEGUE_WORKSPACE_SIZE() for a scattered blob, SEGUE_WORKSPACE_SIZE_RETURN() for scattered
 * staging, and the size in a refusal's sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "elf_headers.h"
#include "purgatory/purgatory.h"
#include "segue.h"

#define MIB 0x100000u
#define PAGE 4096u
#define REGION (4 * MIB)              /* the target's, and the blob's */
#define WORKSPACE 0x80000000u
#define SEGMENTS 128u

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

/* A blob of which only the headers are read, in RAM with the target's region, some spare bytes and the workspace. */
struct machine {
	struct segue_load_args args;
	struct segue_range map[2];
	struct segue_extent *extents;
	uint8_t *data;
	size_t size;
};

static void open_machine(struct machine *m, size_t size, size_t extents)
{
	*m = (struct machine){.size = size, .extents = malloc(extents * sizeof *m->extents)};
	m->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true((void *)m->data != MAP_FAILED);
	m->args = (struct segue_load_args){
		.struct_size = sizeof m->args, .memory_map = m->map, .memory_map_count = 2, .log = take_sentence,
		.blob = {.data = m->data, .size = size, .extents = m->extents, .extent_count = extents},
		.workspace_phys = WORKSPACE,
	};
}

static void close_machine(struct machine *m)
{
	munmap(m->data, m->size);
	free(m->extents);
}

static int load(struct machine *m, size_t workspace_size, uint64_t ram_end, struct segue_description *d)
{
	int error;

	m->map[0] = (struct segue_range){REGION, ram_end, SEGUE_MEMORY_RAM, 0};
	m->map[1] = (struct segue_range){WORKSPACE, WORKSPACE + workspace_size, SEGUE_MEMORY_RAM, 0};
	m->args.workspace = aligned_alloc(PAGE, workspace_size);
	m->args.workspace_size = workspace_size;
	error = segue_load(&m->args);
	*d = (struct segue_description){.struct_size = sizeof *d};
	if (error == SEGUE_OK)
		assert_int_equal(segue_describe(m->args.workspace, d), SEGUE_OK);
	free(m->args.workspace);
	return error;
}

static void shuffle(uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t other = any(i + 1);

		order[i] = order[other];
		order[other] = i;
	}
}

/* Segments that fill RAM completely, in an order that differs from their bytes'. Returns the end of RAM. */
static uint64_t fill_ram(struct machine *m)
{
	uint32_t sizes[SEGMENTS], order[SEGMENTS];
	size_t total = 0, offset = 0;
	uint64_t at = REGION;

	shuffle(order, SEGMENTS);
	for (uint32_t i = 0; i < SEGMENTS; i++)
		total += sizes[i] = MIB + any(MIB);
	open_machine(m, total, SEGMENTS);
	put_elf_header(m->data, REGION, SEGMENTS);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		put_segment(m->data, i, (uint32_t)offset, REGION + (uint32_t)offset, sizes[i], sizes[i]);
		offset += sizes[i];
	}
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		m->extents[order[i]] = (struct segue_extent){.addr = at, .size = sizes[order[i]]};
		at += sizes[order[i]];
	}
	return at;
}

/* Exchanges may need more than SEGUE_WORKSPACE_SIZE(). The sentence names a size, with which it succeeds. */
static void test_refused_plan_names_its_need(void **state)
{
	(void)state;
	for (uint32_t number = 1; number <= 5; number++) {
		struct segue_description d;
		struct machine m;
		uint64_t ram_end;
		/* Without the extents that segments above 32 count as: this would suffice for 32-bit records. */
		size_t size = segue_workspace_size(SEGMENTS);
		unsigned turns = 0;
		int error;

		seed = number;
		ram_end = fill_ram(&m);
		while ((error = load(&m, size, ram_end, &d)) == SEGUE_E_PLAN_SPACE && turns++ < 3) {
			const char *more = strstr(sentence, " bytes, ");
			size_t needed = more ? strtoul(more + 8, NULL, 10) : 0;

			assert_true(needed > 0);
			assert_non_null(strstr(sentence, " more are needed"));
			size += (needed + PAGE - 1) & ~(size_t)(PAGE - 1);
		}
		if (error != SEGUE_OK)
			fail_msg("with %zu bytes: %s", size, sentence);
		print_message("%zu moves: %zu bytes of workspace, %zu refusals\n", d.move_count, size, (size_t)turns);
		assert_true(d.move_count > 1000 && turns > 0);
		close_machine(&m);
	}
}

/* Pages in random order in the target's region, each across two of its pages; spread over a larger region, or not. */
static void load_pages(uint32_t pages, uint32_t headers, uint32_t spread)
{
	struct segue_description d;
	struct machine m;
	uint32_t slots = (pages + 1) * spread, *order = malloc(slots * sizeof *order), size = pages * PAGE;
	int error;

	open_machine(&m, (size_t)(pages + 1) * PAGE, pages + 1);
	put_elf_header(m.data, REGION, 1);
	put_segment(m.data, 0, headers, REGION, size, size);
	shuffle(order, slots);
	for (uint32_t i = 0; i <= pages; i++)
		m.extents[i] = (struct segue_extent){.addr = REGION + (uint64_t)order[i] * PAGE, .size = PAGE};
	error = load(&m, segue_workspace_size(pages + 1), REGION + (uint64_t)(slots + pages / 3) * PAGE, &d);
	if (error != SEGUE_OK)
		fail_msg("%u pages, headers of %u bytes: %s", pages, headers, sentence);
	print_message("%u pages, headers of %u bytes, spread over %u times as much: %zu moves\n", pages, headers, spread,
		      d.move_count);
	assert_true(d.move_count > pages / 2);
	close_machine(&m);
	free(order);
}

static void test_promised_size_suffices(void **state)
{
	static const uint32_t headers[] = {PAGE, 0x200, 0x800, 0xe04};

	(void)state;
	assert_int_equal(segue_workspace_size(1000000) - segue_workspace_size(0), 128000000);
	for (uint32_t i = 0; i < sizeof headers / sizeof *headers; i++)
		for (uint32_t spread = 1; spread <= 2; spread++) {
			seed = 1;
			load_pages(60000, headers[i], spread);
		}
}

/* How the blob and staging of a target that comes back lie. */
enum lies { APART, SHARED, ODD, UNUSED, SPARSE, INSIDE };

static struct segue_range target, *unused;
static struct segue_extent *staged;

/* A page, or some bytes at its end. */
static struct segue_extent piece(uint64_t page, enum lies lies)
{
	uint32_t offset = lies == ODD ? any(PAGE) : 0;

	return (struct segue_extent){.addr = page * PAGE + offset, .size = PAGE - offset};
}

/*
 * The blob and staging are single pages in random order, or odd pieces: apart, or the same pages in another order; or the blob's
 * pages are those of target memory; or some bytes of every second page are unused. Returns what SEGUE_WORKSPACE_SIZE_RETURN()
 * promises.
 */
static size_t open_scattered(struct machine *m, uint32_t pages, enum lies lies)
{
	uint32_t room = pages * 3, *order = malloc(room * sizeof *order), count = 0;
	uint64_t first = REGION / PAGE, pool = first + pages, left = (uint64_t)(pages + 1) * PAGE;

	staged = malloc(room * sizeof *staged);
	open_machine(m, left, room);
	put_elf_header(m->data, REGION, 1);
	put_segment(m->data, 0, 0x204, REGION, (pages - 3) * PAGE, (pages - 3) * PAGE);
	shuffle(order, lies == INSIDE ? pages : room);
	for (; left > 0; left -= m->extents[count++].size) {
		if (lies == INSIDE)
			m->extents[count] = piece(count < pages ? first + order[count] : pool, lies);
		else
			m->extents[count] = piece(pool + order[count], lies);
		if (m->extents[count].size > left)
			m->extents[count].size = left;
	}
	m->args.blob.extent_count = count;
	if (lies == SHARED)
		shuffle(order, count);
	left = (uint64_t)pages * PAGE;
	for (count = 0; left > 0; left -= left < staged[count].size ? left : staged[count].size, count++)
		staged[count] = piece(pool + (lies == SHARED ? 0 : room) + order[count], lies);
	free(order);
	target = (struct segue_range){REGION, REGION + pages * PAGE, 0, 0};
	m->args.flags = SEGUE_LOAD_RETURN;
	m->args.target_memory = &target;
	m->args.target_memory_count = 1;
	m->args.staging = staged;
	m->args.staging_count = count;
	unused = calloc(pages, sizeof *unused);
	for (uint32_t i = 0; i + 1 < pages && lies == UNUSED; i += 2)
		unused[m->args.unused_count++] = (struct segue_range){REGION + i * PAGE + 100, REGION + i * PAGE + 200, 0, 0};
	m->args.unused = unused;
	return SEGUE_WORKSPACE_SIZE_RETURN(m->args.blob.extent_count, count + 5 * (1 + m->args.unused_count));
}

/* A small blob in a large target memory: each range of unused parts the bytes that no segment covers. */
static size_t open_sparse(struct machine *m, uint32_t pages)
{
	staged = malloc(sizeof *staged);
	unused = calloc(pages, sizeof *unused);
	open_machine(m, 3 * PAGE, 1);
	m->extents[0] = (struct segue_extent){REGION + pages * PAGE, 3 * PAGE};
	put_elf_header(m->data, REGION, 1);
	put_segment(m->data, 0, PAGE, REGION, 10, 10);
	*staged = (struct segue_extent){REGION + (pages + 3) * PAGE, (uint64_t)pages * PAGE};
	target = (struct segue_range){REGION, REGION + pages * PAGE, 0, 0};
	for (uint32_t i = 0; i < pages; i++)
		unused[i] = (struct segue_range){REGION + i * PAGE + 16, REGION + i * PAGE + 100, 0, 0};
	m->args.flags = SEGUE_LOAD_RETURN;
	m->args.target_memory = &target;
	m->args.target_memory_count = 1;
	m->args.staging = staged;
	m->args.staging_count = 1;
	m->args.unused = unused;
	m->args.unused_count = pages;
	return SEGUE_WORKSPACE_SIZE_RETURN(1, 1 + 5 * (1 + pages));
}

static void close_return(struct machine *m)
{
	close_machine(m);
	free(staged);
	free(unused);
}

/* 96 MiB of target memory, in pages. */
#define MANY 24576u

static void test_promised_size_suffices_to_come_back(void **state)
{
	static const struct {
		enum lies lies;
		uint32_t pages;
	} cases[] = {{APART, 4}, {APART, MANY}, {SHARED, MANY}, {ODD, 500}, {ODD, MANY}, {UNUSED, 2100}, {SPARSE, 1}, {SPARSE, 2100}};

	(void)state;
	assert_int_equal(segue_workspace_size_return(1000, 500), SEGUE_WORKSPACE_SIZE_RETURN(1000, 500));
	assert_true(segue_workspace_size_return(0, 0) > segue_workspace_size(0));
	for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct segue_description d;
		struct machine m;
		size_t promised;

		seed = 1;
		promised = cases[i].lies == SPARSE ? open_sparse(&m, cases[i].pages) : open_scattered(&m, cases[i].pages, cases[i].lies);
		if (load(&m, promised, WORKSPACE, &d) != SEGUE_OK)
			fail_msg("case %u: %s", i, sentence);
		print_message("%zu extents, %zu of staging, %zu unused: %zu moves, %zu bytes of workspace\n", m.args.blob.extent_count,
			      m.args.staging_count, m.args.unused_count, d.move_count, promised);
		close_return(&m);
	}
}

/*
 * The blob's pages are those of target memory, in random order: the plan exchanges them, after moves that fill pages of its list.
 * That may need more than is promised, and the sentence says how much.
 */
static void test_exchanges_after_many_moves(void **state)
{
	(void)state;
	for (uint32_t pages = 30; pages <= 8000; pages += pages / 2) {
		struct segue_description d;
		struct machine m;
		size_t size;
		int error;

		seed = pages;
		size = open_scattered(&m, pages, INSIDE);
		for (unsigned turns = 0; (error = load(&m, size, WORKSPACE, &d)) == SEGUE_E_PLAN_SPACE && turns < 2; turns++)
			size += (strtoul(strstr(sentence, " bytes, ") + 8, NULL, 10) + PAGE - 1) & ~(size_t)(PAGE - 1);
		if (error != SEGUE_OK)
			fail_msg("%u pages, %zu bytes: %s", pages, size, sentence);
		print_message("%u pages: %zu moves, %zu bytes of workspace\n", pages, d.move_count, size);
		close_return(&m);
	}
}

#if ADDRESS_MAX > UINT32_MAX
static struct machine *scattered_high;
static uint64_t translate_high(void *context, const void *address)
{
	const uint8_t *at = address;

	(void)context;
	if (at < scattered_high->data || at >= scattered_high->data + scattered_high->size)
		return WORKSPACE + (uint64_t)(at - (const uint8_t *)scattered_high->args.workspace);
	return 0x100000000 + (uint64_t)(at - scattered_high->data) / PAGE * 2 * PAGE + (uintptr_t)at % PAGE;
}
#endif

/* However many extents translate makes, the page for high.asm is near purgatory. */
static void test_the_page_for_high_moves_is_near(void **state)
{
	(void)state;
#if ADDRESS_MAX > UINT32_MAX
	const uint32_t pages = 0x24000;
	const struct purgatory_params *params;
	struct machine m;

	open_machine(&m, (size_t)pages * PAGE, 1);
	scattered_high = &m;
	put_elf_header(m.data, REGION, 1);
	put_segment(m.data, 0, PAGE, REGION, 5 * PAGE, 5 * PAGE);
	m.args.blob.extents = NULL;
	m.args.blob.extent_count = 0;
	m.args.translate = translate_high;
	m.args.flags = SEGUE_LOAD_RETURN;
	target = (struct segue_range){REGION, 2 * REGION, 0, 0};
	m.args.target_memory = &target;
	m.args.target_memory_count = 1;
	m.args.staging = &(struct segue_extent){2 * REGION, REGION};
	m.args.staging_count = 1;
	m.map[0] = (struct segue_range){REGION, 3 * REGION, SEGUE_MEMORY_RAM, 0};
	m.args.workspace_size = SEGUE_WORKSPACE_SIZE_RETURN(pages, 16);
	m.map[1] = (struct segue_range){WORKSPACE, WORKSPACE + m.args.workspace_size, SEGUE_MEMORY_RAM, 0};
	m.args.workspace = aligned_alloc(PAGE, m.args.workspace_size);
	if (segue_load(&m.args) != SEGUE_OK)
		fail_msg("%s", sentence);
	params = (const void *)((const uint8_t *)m.args.workspace + PURGATORY_PARAMS_AT);
	assert_int_equal(params->home, WORKSPACE);
	assert_in_range(params->tables, params->home + PAGE, params->home + 2 * MIB - 1);
	free(m.args.workspace);
	close_machine(&m);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_plan_names_its_need),
		cmocka_unit_test(test_promised_size_suffices),
		cmocka_unit_test(test_promised_size_suffices_to_come_back),
		cmocka_unit_test(test_exchanges_after_many_moves),
		cmocka_unit_test(test_the_page_for_high_moves_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
