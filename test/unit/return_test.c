/* SPDX-License-Identifier: MIT */
/*
 * A target that comes back, on a simulated memory: segue_load() with SEGUE_LOAD_RETURN, its plan executed byte by byte, then
 * the exchanges of several more crossings. After each crossing every byte of memory must be where segue.h says.
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
#include "executor_model.h"
#include "leave/list.h"
#include "return/return_page.h"
#include "segue.h"

#define MIB 0x100000u
#define PAGE 4096u
#define LOW_SIZE 0x380000u
#define WORKSPACE 0x1c0000u
#define WORKSPACE_SIZE 0x80000u
#define POOL 0x240000u                /* memory of the host's from here to LOW_SIZE */
#define HIGH 0x123400000u             /* and here, where addresses have 64 bits */
#define HIGH_SIZE 0xc0000u
#define HIGH_RUN (HIGH + 0x80000u)
#define HAS_HIGH (ADDRESS_MAX > UINT32_MAX)
#define EXTENTS 800u
#define RANGES 6u
#define FILE_MAX 0x60000u
#define MODULES 2u

struct part_at {
	uint8_t *data;
	size_t size;
	struct segue_extent extents[EXTENTS];
	size_t extent_count;
};

struct machine {
	struct segue_load_args args;
	struct segue_range map[3], target[RANGES], unused[RANGES];
	struct segue_extent staging[EXTENTS];
	struct segue_part modules[MODULES];
	struct part_at parts[1 + MODULES];
	char sentence[256];
};

/* Physical memory. The copies are of the same layout: low memory, then what is at HIGH. */
#define MEMORY_SIZE (LOW_SIZE + HIGH_SIZE)
static uint8_t *memory;
static uint8_t before[MEMORY_SIZE], expected[MEMORY_SIZE], target_state[MEMORY_SIZE], host_state[MEMORY_SIZE];
/* What a byte is: at most one of these, then the flags. */
enum { OTHER, SAVED, UNUSED, STAGING, SPARE, KINDS = 7, UNKNOWN = 8 };
static uint8_t kind[MEMORY_SIZE];
static size_t first, last;            /* the ends of target memory */
static uint32_t seed;
static unsigned plans, exchanged, aside;

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static size_t index_of(uint64_t phys, uint64_t size)
{
	if (phys >= HIGH) {
		assert_true(phys - HIGH <= HIGH_SIZE && size <= HIGH_SIZE - (phys - HIGH));
		return LOW_SIZE + (size_t)(phys - HIGH);
	}
	if (phys > LOW_SIZE || size > LOW_SIZE - phys)
		fail_msg("%#llx, %llu bytes: not in memory", (unsigned long long)phys, (unsigned long long)size);
	return (size_t)phys;
}

static void take_sentence(void *context, int level, const char *text)
{
	struct machine *m = context;

	if (level == SEGUE_LOG_ERROR)
		snprintf(m->sentence, sizeof m->sentence, "%s", text);
}

/* building a machine */

static void scribble(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)any(256);
}

static void open_machine(struct machine *m, uint32_t number)
{
	memset(m, 0, sizeof *m);
	seed = number * 7919 + 1;
	if (!memory)
		memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)memory != MAP_FAILED);
	scribble(memory, 65536);
	for (size_t at = 65536; at < MEMORY_SIZE; at += 65536) {
		memcpy(memory + at, memory + at - 65536, 65536);
		for (size_t i = 0; i < 65536; i += 61)
			memory[at + i] ^= (uint8_t)(at >> 16) * 3 + 1;
	}
	m->map[0] = (struct segue_range){0, 0x9fc00, SEGUE_MEMORY_RAM, 0};
	m->map[1] = (struct segue_range){MIB, LOW_SIZE, SEGUE_MEMORY_RAM, 0};
	m->map[2] = (struct segue_range){HIGH, HIGH + HIGH_SIZE, SEGUE_MEMORY_RAM, 0};
	m->args = (struct segue_load_args){
		.struct_size = sizeof m->args, .flags = SEGUE_LOAD_RETURN, .memory_map = m->map, .memory_map_count = 3,
		.workspace = memory + WORKSPACE, .workspace_phys = WORKSPACE, .workspace_size = WORKSPACE_SIZE,
		.target_memory = m->target, .unused = m->unused, .staging = m->staging, .modules = m->modules,
		.log = take_sentence, .log_context = m,
	};
}

static void close_machine(struct machine *m)
{
	segue_unload(m->args.workspace);
	for (size_t i = 0; i < 1 + MODULES; i++)
		free(m->parts[i].data);
}

static void add_target(struct machine *m, uint64_t start, uint64_t end)
{
	m->target[m->args.target_memory_count++] = (struct segue_range){start, end, 0, 0};
}

static void add_unused(struct machine *m, uint64_t start, uint64_t end)
{
	m->unused[m->args.unused_count++] = (struct segue_range){start, end, 0, 0};
}

static void add_staging(struct machine *m, uint64_t start, uint64_t size)
{
	assert_true(m->args.staging_count < EXTENTS);
	m->staging[m->args.staging_count++] = (struct segue_extent){start, size};
}

/* An ELF32 kernel with a Multiboot header or without one. Its segments are sizes[i] bytes at dests[i], and zeros. */
static void make_kernel(struct machine *m, bool multiboot, unsigned count, const uint32_t *dests, const uint32_t *sizes,
			uint32_t zeros)
{
	static const uint32_t header[] = {0x1badb002, 0, 0u - 0x1badb002};
	struct part_at *part = &m->parts[0];
	size_t offset = 0x300;

	part->data = malloc(FILE_MAX);
	scribble(part->data, FILE_MAX);
	put_elf_header(part->data, dests[0], (uint16_t)count);
	if (multiboot)
		memcpy(part->data + 0x200, header, sizeof header);
	for (unsigned i = 0; i < count; i++) {
		put_segment(part->data, i, (uint32_t)offset, dests[i], sizes[i], sizes[i] + zeros);
		offset += sizes[i];
	}
	assert_true(offset <= FILE_MAX);
	part->size = offset;
}

static void make_module(struct machine *m, size_t size)
{
	struct part_at *part = &m->parts[++m->args.module_count];

	part->data = malloc(size + 1);
	part->size = size;
	scribble(part->data, size);
}

static void place(struct part_at *part, uint64_t phys, uint64_t size)
{
	assert_true(part->extent_count < EXTENTS);
	part->extents[part->extent_count++] = (struct segue_extent){phys, size};
}

/* Puts the rest of the part at this address. */
static void place_rest(struct part_at *part, uint64_t phys)
{
	uint64_t left = part->size;

	for (size_t i = 0; i < part->extent_count; i++)
		left -= part->extents[i].size;
	place(part, phys, left);
}

static int load(struct machine *m)
{
	m->args.blob = (struct segue_part){.data = m->parts[0].data, .size = m->parts[0].size, .extents = m->parts[0].extents,
					   .extent_count = m->parts[0].extent_count};
	for (size_t i = 0; i < m->args.module_count; i++)
		m->modules[i] = (struct segue_part){.data = m->parts[1 + i].data, .size = m->parts[1 + i].size,
						    .extents = m->parts[1 + i].extents, .extent_count = m->parts[1 + i].extent_count};
	for (size_t i = 0; i <= m->args.module_count; i++) {
		const struct part_at *part = &m->parts[i];
		size_t offset = 0;

		for (size_t k = 0; k < part->extent_count; offset += part->extents[k++].size)
			memcpy(memory + index_of(part->extents[k].addr, part->extents[k].size), part->data + offset, part->extents[k].size);
		assert_int_equal(offset, part->size);
	}
	return segue_load(&m->args);
}

/* what must be */

static bool is_ram(const struct machine *m, uint64_t at)
{
	for (size_t i = 0; i < m->args.memory_map_count; i++)
		if (at >= m->map[i].start && at < m->map[i].end)
			return true;
	return false;
}

static struct return_page *return_page(const struct machine *m)
{
	const struct purgatory_params *params = (const void *)(memory + m->args.workspace_phys + PURGATORY_PARAMS_AT);

	assert_true(params->return_page >= m->args.workspace_phys &&
		    params->return_page + RETURN_SIZE <= m->args.workspace_phys + m->args.workspace_size);
	return (void *)(memory + params->return_page);
}

/* Fills in kind[]. */
static void classify(const struct machine *m)
{
	size_t spare = (size_t)((uint8_t *)return_page(m) - memory) + RETURN_SPARE_AT, saved = 0;

	memset(kind, OTHER, sizeof kind);
	first = LOW_SIZE;
	last = 0;
	for (size_t i = 0; i < m->args.target_memory_count; i++)
		for (uint64_t at = m->target[i].start; at < m->target[i].end && at < LOW_SIZE; at++)
			if (is_ram(m, at)) {
				kind[at] = SAVED;
				first = at < first ? at : first;
				last = at >= last ? at + 1 : last;
			}
	for (size_t i = 0; i < m->args.unused_count; i++)
		for (uint64_t at = m->unused[i].start; at < m->unused[i].end && at < last; at++)
			if (kind[at] == SAVED)
				kind[at] = UNUSED;
	memset(kind + spare, SPARE, RETURN_SPARE_SIZE);
	for (size_t at = first; at < last; at++)
		saved += kind[at] == SAVED;
	/* Of staging only what is needed. */
	for (size_t i = 0; i < m->args.staging_count; i++) {
		size_t size = m->staging[i].size < saved ? m->staging[i].size : saved;

		memset(kind + index_of(m->staging[i].addr, size), STAGING, size);
		saved -= size;
	}
	assert_int_equal(saved, 0);
}

/* Moves may write to target memory, staging and the spare bytes of the workspace. */
static void check_written(uint64_t phys, uint64_t size)
{
	size_t at = index_of(phys, size);

	const uint8_t *other = memchr(kind + at, OTHER, (size_t)size);

	if (other)
		fail_msg("a move writes %llu bytes at %#llx, and %#llx must stay", (unsigned long long)size, (unsigned long long)phys,
			 (unsigned long long)phys + (size_t)(other - kind) - at);
}

/* The page of the list at this address. */
struct digested {
	uint64_t start[32], size[32];
	unsigned count;
};

static void run_list(uint64_t list, struct digested *digested)
{
	digested->count = 0;
	for (;; list += sizeof(struct segue_move)) {
		struct segue_move move;

		memcpy(&move, memory + index_of(list, sizeof move), sizeof move);
		if (move.op == SEGUE_MOVE_END)
			return;
		if (move.op == SEGUE_MOVE_LINK) {
			list = move.dst - sizeof move;
			continue;
		}
		if (move.op == SEGUE_MOVE_DIGEST) {
			assert_true(digested->count < 32);
			digested->start[digested->count] = move.dst;
			digested->size[digested->count++] = move.size;
			continue;
		}
		assert_int_equal(digested->count, 0);
		/* high.asm */
		if (move.op != SEGUE_MOVE_ZERO && (move.dst | move.src) >> 32 != 0)
			assert_true(move.dst + move.size <= move.src || move.src + move.size <= move.dst);
		check_written(move.dst, move.size);
		if (move.op == SEGUE_MOVE_SWAP_UP || move.op == SEGUE_MOVE_SWAP_DOWN) {
			check_written(move.src, move.size);
			exchanged++;
		}
		aside += kind[index_of(move.dst, 1)] == SPARE;
		move.dst = (uintptr_t)memory + index_of(move.dst, move.size);
		move.src = (uintptr_t)memory + index_of(move.op == SEGUE_MOVE_ZERO ? 0 : move.src, move.size);
		executor_model_move(&move);
	}
}

/* The bytes of the file or the table that a segment comes from. */
static const uint8_t *source_of(const struct machine *m, const struct segue_segment *s)
{
	if (s->source >= m->args.workspace_phys && s->source < m->args.workspace_phys + m->args.workspace_size)
		return before + s->source;
	for (size_t i = 0; i <= m->args.module_count; i++) {
		const struct part_at *part = &m->parts[i];
		uint64_t offset = 0;

		for (size_t k = 0; k < part->extent_count; offset += part->extents[k++].size)
			if (s->source >= part->extents[k].addr && s->source - part->extents[k].addr < part->extents[k].size) {
				offset += s->source - part->extents[k].addr;
				assert_true(s->file_size <= part->size - offset);
				return part->data + offset;
			}
	}
	fail_msg("%s %u comes from nowhere", s->name, s->number);
	return NULL;
}

/* Fills in expected[] for target memory at the first entry. Does not use the segments that stand for what no other covers. */
static void expect(const struct machine *m, const char *protocol)
{
	bool clear = m->args.flags & SEGUE_LOAD_CLEAR;
	struct segue_segment s;

	memcpy(expected, before, sizeof expected);
	for (size_t at = first; at < last; at++) {
		if (clear && (kind[at] == SAVED || kind[at] == UNUSED))
			expected[at] = 0;
		else if (kind[at] == UNUSED)
			kind[at] |= UNKNOWN;
	}
	for (size_t i = 0; segue_segment_at(m->args.workspace, i, &s) == SEGUE_OK; i++) {
		bool as_it_is = strcmp(s.name, "memory as it is") == 0, cleared = strcmp(s.name, "cleared memory") == 0;

		assert_true(s.size > 0 && s.file_size <= s.size);
		if (as_it_is || cleared) {
			assert_int_equal(s.in_digest, 0);
			assert_int_equal(s.file_size, as_it_is ? s.size : 0);
			assert_int_equal(s.source, as_it_is ? s.dest : 0);
			assert_int_equal(cleared, clear);
			continue;
		}
		if (s.file_size > 0)
			memcpy(expected + index_of(s.dest, s.size), source_of(m, &s), s.file_size);
		memset(expected + index_of(s.dest, s.size) + s.file_size, 0, s.size - s.file_size);
		for (uint64_t k = 0; k < s.size; k++) {
			kind[s.dest + k] &= KINDS;
			/* Linux claims more memory than its bytes take (init_size), and needs no zeros there. */
			if (strcmp(protocol, "Linux") == 0 && k >= s.file_size)
				kind[s.dest + k] |= UNKNOWN;
		}
	}
}

static void check_memory(const char *when, unsigned kinds, const uint8_t *right)
{
	for (size_t i = 0; i < MEMORY_SIZE; i++) {
		if (i % PAGE == 0 && memcmp(memory + i, right + i, PAGE) == 0)
			i += PAGE - 1;
		else if (kinds >> (kind[i] & KINDS) & 1 && !(kind[i] & UNKNOWN) && memory[i] != right[i])
			fail_msg("%s: %#zx, of kind %u, is %#x instead of %#x", when, i, kind[i], memory[i], right[i]);
	}
}

/* Does staging hold the saved bytes of this memory, in the order of their addresses? */
static void check_staging(const struct machine *m, const char *when, const uint8_t *right)
{
	size_t at = first;

	for (size_t i = 0; i < m->args.staging_count; i++)
		for (uint64_t k = 0; k < m->staging[i].size; k++) {
			while (at < last && (kind[at] & KINDS) != SAVED)
				at++;
			if (at == last)
				return;
			if (memory[index_of(m->staging[i].addr + k, 1)] != right[at] && !(right == expected && kind[at] & UNKNOWN))
				fail_msg("%s: byte %llu of extent %zu of staging is not that of %#zx", when, (unsigned long long)k, i, at);
			at++;
		}
}

static void change(unsigned kinds, uint8_t *copy)
{
	for (size_t i = first; i < last; i++)
		if (kinds >> (kind[i] & KINDS) & 1)
			memory[i] = (uint8_t)(memory[i] * 5 + any(7) + 1);
	memcpy(copy, memory, MEMORY_SIZE);
}

#define OF(name) (1u << (name))

/* Crosses six times: the plan, then exchanges. Target and host change their memory in between. */
static void cross(const struct machine *m)
{
	const struct purgatory_params *params = (const void *)(memory + m->args.workspace_phys + PURGATORY_PARAMS_AT);
	const unsigned targets = OF(SAVED) | OF(UNUSED);
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;
	struct digested digested;
	unsigned swaps = exchanged;
	uint64_t bytes = 0;

	assert_int_equal(segue_describe(m->args.workspace, &d), SEGUE_OK);
	assert_int_equal(d.purgatory, m->args.workspace_phys);
	assert_int_equal(params->home, m->args.workspace_phys);
	assert_int_equal(params->list, params->list_source);
	memcpy(before, memory, MEMORY_SIZE);
	classify(m);
	expect(m, d.protocol);
	/* payload is the target's bytes, with those that stay; the host's that are saved are moved too. */
	for (size_t i = 0; segue_segment_at(m->args.workspace, i, &s) == SEGUE_OK; i++)
		bytes += s.file_size;
	assert_int_equal(d.payload, bytes);
	for (size_t at = first; at < last; at++)
		bytes += (kind[at] & KINDS) == SAVED;
	assert_true(d.moved <= bytes - d.in_place + d.set_aside);
	run_list(params->list, &digested);
	plans += exchanged != swaps;
	check_memory("after the plan", targets, expected);
	check_memory("after the plan", OF(OTHER), before);
	check_staging(m, "after the plan", before);
	for (unsigned i = 0, k = 0; segue_segment_at(m->args.workspace, i, &s) == SEGUE_OK; i++) {
		if (!m->args.digest || !s.in_digest)
			continue;
		assert_true(k < digested.count);
		assert_int_equal(digested.start[k], s.dest);
		assert_int_equal(digested.size[k++], s.file_size);
	}
	assert_true(!m->args.digest || digested.count > 0);
	memcpy(host_state, before, MEMORY_SIZE);
	for (unsigned turn = 0; turn < 3; turn++) {
		if (turn > 0) {
			run_list(return_page(m)->exchanges, &digested);
			check_memory("in the target again", OF(SAVED), target_state);
			check_staging(m, "in the target again", host_state);
			check_memory("in the target again", OF(OTHER), before);
		}
		change(targets, target_state);
		run_list(return_page(m)->exchanges, &digested);
		check_memory("in the host again", OF(SAVED), host_state);
		check_memory("in the host again", OF(UNUSED), target_state);
		check_staging(m, "in the host again", target_state);
		check_memory("in the host again", OF(OTHER), before);
		change(targets, host_state);
	}
}

static void load_and_cross(struct machine *m)
{
	int error = load(m);

	if (error != SEGUE_OK)
		fail_msg("code %d: %s", error, m->sentence);
	cross(m);
	close_machine(m);
}

/* the layouts */

#define STAGE (POOL + 0x80000)          /* where most staging is */
#define T 0x120000u                   /* where most targets are */
#define T_SIZE 0x20000u

static void plain(struct machine *m, uint32_t number)
{
	static const uint32_t dests[] = {T + 0x1000, T + 0xb100}, sizes[] = {0x8765, 0x8001};

	open_machine(m, number);
	make_kernel(m, true, 2, dests, sizes, 777);
}

static void one_piece(struct machine *m)
{
	add_target(m, T, T + T_SIZE);
	place_rest(&m->parts[0], POOL);
	add_staging(m, STAGE, T_SIZE);
}

static void test_staging_in_one_piece(void **state)
{
	struct machine m;

	(void)state;
	for (uint32_t flags = 0; flags < 4; flags++) {
		plain(&m, flags);
		one_piece(&m);
		m.args.flags |= (flags & 1 ? SEGUE_LOAD_CLEAR : 0) | (flags & 2 ? SEGUE_LOAD_CATCHER : 0);
		load_and_cross(&m);
	}
}

static void test_digest_and_modules(void **state)
{
	static const uint8_t digest[32] = {1};
	struct machine m;

	(void)state;
	plain(&m, 5);
	one_piece(&m);
	make_module(&m, 0x3001);
	make_module(&m, 1);
	place_rest(&m.parts[1], POOL + 0x70003);
	place_rest(&m.parts[2], T + 0x18005);
	m.args.digest = digest;
	load_and_cross(&m);
}

/* A bzImage (Linux, Documentation/arch/x86/boot.rst) with an initrd. */
static void test_linux_with_an_initrd(void **state)
{
	static const uint32_t dests[] = {T}, sizes[] = {0x10000};
	struct machine m;
	uint8_t *p;

	(void)state;
	open_machine(&m, 7);
	make_kernel(&m, false, 1, dests, sizes, 0);
	p = m.parts[0].data;
	memset(p, 0, 0x300);
	p[0x1f1] = 1;
	put_le32(p + 0x1f4, (0x10300 - 1024) / 16);
	put_le16(p + 0x1fe, 0xaa55);
	put_le16(p + 0x200, 0x66eb);
	put_le32(p + 0x202, 0x53726448);
	put_le16(p + 0x206, 0x20f);
	p[0x211] = 1;
	put_le32(p + 0x214, MIB);
	put_le32(p + 0x22c, 0x7fffffff);
	put_le32(p + 0x230, 0x1000);
	p[0x234] = 1;
	p[0x235] = 12;
	put_le32(p + 0x238, 255);
	put_le32(p + 0x258, T);
	put_le32(p + 0x25c, 0);
	put_le32(p + 0x260, 0x18000);
	add_target(&m, T, T + 0x30000);
	add_target(&m, 0x10000, 0x30000);
	make_module(&m, 0x9345);
	place_rest(&m.parts[0], POOL);
	place_rest(&m.parts[1], POOL + 0x20000);
	add_staging(&m, STAGE, 0x70000);
	load_and_cross(&m);
}

static void shuffle(uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t other = any(i + 1);

		order[i] = order[other];
		order[other] = i;
	}
}

/* Single pages, and pieces of 1 to 799 bytes at any address, with empty extents between them. */
static void test_staging_in_pieces(void **state)
{
	uint32_t order[EXTENTS];
	struct machine m;

	(void)state;
	plain(&m, 11);
	add_target(&m, T, T + T_SIZE);
	place_rest(&m.parts[0], POOL);
	shuffle(order, T_SIZE / PAGE);
	for (uint32_t i = 0; i < T_SIZE / PAGE; i++)
		add_staging(&m, STAGE + order[i] * PAGE, PAGE);
	load_and_cross(&m);

	plain(&m, 12);
	add_target(&m, T + 5, T + T_SIZE - 3);
	place_rest(&m.parts[0], POOL + 1);
	shuffle(order, 600);
	for (uint32_t i = 0; i < 600; i++) {
		uint32_t size = i % 9 == 0 ? 1 : 1 + any(799);

		add_staging(&m, STAGE + order[i] * 800 + any(800 - size + 1), size);
		if (i % 50 == 7)
			add_staging(&m, i % 3 ? 0 : T + 5, 0);
	}
	load_and_cross(&m);
}

/* Three ranges of target memory, not in order, half of it unused; one of them below 1 MiB. */
static void test_three_ranges_half_unused(void **state)
{
	struct machine m;

	(void)state;
	for (uint32_t clear = 0; clear < 2; clear++) {
		plain(&m, 20 + clear);
		m.args.flags |= clear ? SEGUE_LOAD_CLEAR : 0;
		add_target(&m, T + 0xc001, T + T_SIZE);
		add_target(&m, 0x20000, 0x30000);
		add_target(&m, T, T + 0xc001);
		add_unused(&m, 0, 0x27fff);
		add_unused(&m, T + 0x8000, T + 0x10000);
		add_unused(&m, T + 0xf000, T + 0x14000);
		add_unused(&m, T + 0x18000, T + 0x18001);
		add_unused(&m, T + 0x19000, T + 0x19000);
		place_rest(&m.parts[0], POOL);
		add_staging(&m, STAGE + 7, T_SIZE);
		load_and_cross(&m);
	}
}

/* No byte of target memory is the host's: nothing is exchanged, and no staging is needed. */
static void test_all_unused(void **state)
{
	struct machine m;

	(void)state;
	plain(&m, 25);
	add_target(&m, T, T + T_SIZE);
	add_unused(&m, 0, LOW_SIZE);
	place_rest(&m.parts[0], POOL);
	m.args.staging = NULL;
	load_and_cross(&m);
}

/*
 * The blob's own memory is staging: the same bytes in one piece or page by page, shifted against it, or only a part of it
 * together with other memory. The plan exchanges in place.
 */
static void test_staging_is_the_blob(void **state)
{
	static const uint32_t dests[] = {T}, sizes[] = {T_SIZE};
	static const int shifts[] = {0, 1, -1, 0x300, 0x1234, -0x5003};
	struct machine m;

	(void)state;
	plans = 0;
	for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++)
		for (uint32_t parts = 1; parts <= (HAS_HIGH ? 8 : 4); parts++) {
			uint64_t blob = parts > 4 ? HIGH + 0x10000 : POOL + 0x10000;
			uint64_t start = blob + (uint64_t)shifts[i], size = T_SIZE / ((parts - 1) % 4 + 1);

			open_machine(&m, 30 + (uint32_t)i * 8 + parts);
			make_kernel(&m, false, 1, dests, sizes, 0);
			add_target(&m, T, T + T_SIZE);
			place_rest(&m.parts[0], blob);
			if (parts % 4 == 0)
				add_staging(&m, STAGE, T_SIZE - size);
			add_staging(&m, start, size);
			if (parts % 4 == 2 || parts % 4 == 3)
				add_staging(&m, STAGE, T_SIZE - size);
			load_and_cross(&m);
		}
	print_message("%u plans with exchanges\n", plans);
	assert_true(plans > 10);
}

static void test_staging_is_the_scattered_blob(void **state)
{
	static const uint32_t dests[] = {T}, sizes[] = {T_SIZE - PAGE};
	uint32_t order[T_SIZE / PAGE], other[T_SIZE / PAGE];
	struct machine m;

	(void)state;
	for (uint32_t shift = 0; shift < 3; shift++) {
		open_machine(&m, 60 + shift);
		make_kernel(&m, false, 1, dests, sizes, 0);
		add_target(&m, T, T + T_SIZE);
		shuffle(order, T_SIZE / PAGE);
		shuffle(other, T_SIZE / PAGE);
		for (uint32_t i = 0; i + 1 < T_SIZE / PAGE; i++)
			place(&m.parts[0], POOL + 0x10000 + order[i] * PAGE, PAGE);
		place_rest(&m.parts[0], POOL + 0x10000 + order[T_SIZE / PAGE - 1] * PAGE);
		for (uint32_t i = 0; i < T_SIZE / PAGE; i++)
			add_staging(&m, POOL + 0x10000 + other[i] * PAGE + shift * 777, PAGE);
		load_and_cross(&m);
	}
}

/* The blob lies in target memory: its bytes are read for the segments and for staging. */
static void test_the_blob_in_target_memory(void **state)
{
	struct machine m;

	(void)state;
	for (uint32_t at = 0; at < 8; at++) {
		plain(&m, 70 + at);
		add_target(&m, T, T + T_SIZE);
		place_rest(&m.parts[0], T + at * 0x2321);
		add_staging(&m, STAGE + at, T_SIZE);
		load_and_cross(&m);
	}
}

/* All RAM is target memory, workspace, blob and staging, without a free byte. */
static void test_a_full_machine(void **state)
{
	static const uint32_t dests[] = {MIB}, sizes[] = {0x30000};
	struct machine m;

	(void)state;
	open_machine(&m, 80);
	make_kernel(&m, false, 1, dests, sizes, WORKSPACE - MIB - 0x30000);
	m.map[0].end = 0;
	m.args.memory_map_count = 2;
	add_target(&m, MIB, WORKSPACE);
	place_rest(&m.parts[0], POOL);
	add_staging(&m, POOL + 1, WORKSPACE - MIB - 1);
	add_staging(&m, POOL, 1);
	load_and_cross(&m);
}

static void test_above_4_gib(void **state)
{
	struct machine m;

	(void)state;
	for (uint32_t number = 0; HAS_HIGH && number < 4; number++) {
		plain(&m, 90 + number);
		add_target(&m, T, T + T_SIZE);
		if (number & 1)
			place_rest(&m.parts[0], HIGH + 0x1001);
		else
			place_rest(&m.parts[0], POOL);
		add_staging(&m, HIGH + (number & 2 ? 0x1234 : HIGH_SIZE / 2), T_SIZE);
		load_and_cross(&m);
	}
}

/* random layouts */

#define SLOT 0x4000u
#define RUN 0x40000u

/* Gives out slots of the host's memory in random order, with some above 4 GiB. */
struct pool {
	uint32_t slots[(LOW_SIZE - POOL - RUN + HIGH_RUN - HIGH) / SLOT], next, count;
	uint64_t run;                 /* a large piece that no slot has; 0: taken */
};

static uint64_t take_slot(struct pool *pool)
{
	uint32_t slot, low = (LOW_SIZE - POOL - RUN) / SLOT;

	assert_true(pool->next < pool->count);
	slot = pool->slots[pool->next++];
	return slot < low ? POOL + RUN + (uint64_t)slot * SLOT : HIGH + (uint64_t)(slot - low) * SLOT;
}

/* Puts a part in pieces into slots; a few of them are in target memory, from *inside on. */
static void place_anywhere(struct part_at *part, struct pool *pool, uint64_t *inside)
{
	size_t left = part->size;
	uint32_t unit = any(3) == 0 ? SLOT : any(2) ? PAGE : 1 + any(SLOT);

	if (pool->run && any(2)) {
		place(part, pool->run + any(PAGE), left);
		pool->run = 0;
		return;
	}
	while (left > 0) {
		uint64_t slot = take_slot(pool);
		size_t room = SLOT, offset = any(2) ? 0 : any(PAGE);

		if (*inside && *inside < WORKSPACE - SLOT && any(4) == 0) {
			slot = *inside;
			*inside += SLOT + PAGE;
		}
		room -= offset;
		while (left > 0 && room > 0) {
			size_t size = unit < room ? unit : room;

			if (size > left)
				size = left;
			if (part->extent_count >= EXTENTS - 100)
				size = left < room ? left : room;
			place(part, slot + SLOT - room, size);
			room -= size;
			left -= size;
			if (any(8) == 0)
				place(part, 0, 0);
		}
	}
}

/* Adds a subrange to staging. */
static uint64_t stage(struct machine *m, uint64_t start, uint64_t size)
{
	uint64_t from = any(2) ? 0 : any((uint32_t)size), most = size - from, length = any(2) ? most : 1 + any((uint32_t)most);

	add_staging(m, start + from, length);
	return length;
}

/* False: refused, because there is no room. */
static bool random_layout(uint32_t number, bool high)
{
	uint64_t at = MIB, inside = 0, needed = 0, staged = 0;
	uint32_t dests[6], sizes[6], count = 0, ranges, order[EXTENTS];
	struct segue_extent swap;
	struct pool pool = {.count = (LOW_SIZE - POOL - RUN + (high ? HIGH_RUN - HIGH : 0)) / SLOT, .run = POOL};
	struct machine m;
	int error;

	open_machine(&m, number);
	ranges = 1 + any(3);
	if (high && any(2))
		pool.run = HIGH_RUN;
	shuffle(pool.slots, pool.count);
	for (uint32_t i = 0; i < ranges; i++) {
		uint32_t size = 0x8000 + any(0xc000);

		add_target(&m, at, at + size);
		needed += size;
		/* Segments in this range, up to its last third. */
		for (uint64_t next = at + any(PAGE); count < 6 && next + 0x3000 < at + size * 2 / 3 && any(4); count++) {
			dests[count] = (uint32_t)next;
			sizes[count] = 0x600 + any((uint32_t)(at + size * 2 / 3 - next));
			next += sizes[count] + 100 + any(PAGE);
		}
		if (any(3) == 0)
			add_unused(&m, at + any(size), at + size - any(size / 4));
		at += size + any(2) * any(0x10000);
	}
	if (count == 0) {
		dests[count] = (uint32_t)m.target[0].start;
		sizes[count++] = 0x600;
	}
	if (any(2))
		inside = m.target[any(ranges)].start + any(PAGE);
	if (ranges == 3) {
		struct segue_range swapped = m.target[0];

		m.target[0] = m.target[2];
		m.target[2] = swapped;
	}
	for (size_t i = 0; i < m.args.unused_count; i++)
		if (m.unused[i].end < m.unused[i].start)
			m.unused[i].end = m.unused[i].start;
	make_kernel(&m, any(2), count, dests, sizes, 99);
	if (any(3) == 0)
		make_module(&m, 1 + any(0x1800));
	m.args.flags |= (any(2) ? SEGUE_LOAD_CLEAR : 0) | (any(4) == 0 ? SEGUE_LOAD_CATCHER : 0);
	for (size_t i = 0; i <= m.args.module_count; i++)
		place_anywhere(&m.parts[i], &pool, &inside);
	/* First some of the blob's memory, then other memory. A large piece is cut in two, or it is shifted. */
	for (size_t i = 0; i < m.parts[0].extent_count && any(8); i++) {
		const struct segue_extent *e = &m.parts[0].extents[i];

		if (e->size > 0 && e->addr >= POOL && any(8) && m.args.staging_count < EXTENTS - 200)
			staged += stage(&m, e->addr + (m.parts[0].extent_count > 1 ? 0 : any(2) * any(PAGE)), e->size);
	}
	while (staged < needed)
		staged += stage(&m, take_slot(&pool), SLOT);
	if (any(2)) {
		shuffle(order, (uint32_t)m.args.staging_count);
		for (size_t i = 0; i < m.args.staging_count; i++) {
			swap = m.staging[i];
			m.staging[i] = m.staging[order[i]];
			m.staging[order[i]] = swap;
		}
	}
	error = load(&m);
	if (error == SEGUE_OK)
		cross(&m);
	else if (error != SEGUE_E_NO_PLACE || strstr(m.sentence, "must stay"))
		fail_msg("layout %u: code %d: %s", number, error, m.sentence);
	close_machine(&m);
	return error == SEGUE_OK;
}

static void test_random_layouts(void **state)
{
	uint32_t passed = 0, number;

	(void)state;
	plans = exchanged = aside = 0;
	for (number = 1; number <= 80; number++)
		passed += random_layout(number, false);
	if (HAS_HIGH)
		for (; number <= 120; number++)
			passed += random_layout(number, true);
	print_message("%u of %u layouts crossed; %u plans with exchanges, %u moves that set bytes aside\n", passed, number - 1, plans,
		      aside);
	assert_true(passed > number * 3 / 4);
	assert_true(plans > 5 && aside > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_staging_in_one_piece),
		cmocka_unit_test(test_digest_and_modules),
		cmocka_unit_test(test_linux_with_an_initrd),
		cmocka_unit_test(test_staging_in_pieces),
		cmocka_unit_test(test_three_ranges_half_unused),
		cmocka_unit_test(test_all_unused),
		cmocka_unit_test(test_staging_is_the_blob),
		cmocka_unit_test(test_staging_is_the_scattered_blob),
		cmocka_unit_test(test_the_blob_in_target_memory),
		cmocka_unit_test(test_a_full_machine),
		cmocka_unit_test(test_above_4_gib),
		cmocka_unit_test(test_random_layouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
