/* SPDX-License-Identifier: MIT */
/*
 * Loads a blob as a host would, and checks more than that nothing crashes. For every accepted blob it checks:
 * - the segments are in RAM and disjoint;
 * - their bytes come from the blob, the modules or the workspace;
 * - the entry is in loaded bytes;
 * - the plan, executed byte by byte on a simulated memory, puts every byte in its place and writes only RAM that it may
 *   write.
 *
 * The simulated machine has 4 MiB, and 1 MiB from 4 GiB on. The last eight bytes of the input describe its layout: flags, how the blob is
 * scattered, the places of the blob and the workspace, the number of modules, the ranges that the host keeps, and target
 * memory, from which the target may come back, or for which it may be loaded for a crash (check_return.h).
 */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include "fail.h"
#include "segue.h"

#define MEMORY_SIZE 0x400000u
#define FOUR_GIB 0x100000000u
#define HIGH_SIZE 0x100000u
#define BLOB_MAX 0x10000u
#define EXTENTS_MAX 64u
#define MODULES_MAX 3u
#define MODULE_SIZE_MAX 0x1800u
#define LAYOUT_SIZE 8u
#define CRASH_CPUS 4u
#define CRASH_NOTES 3u
/* The memory map's entry that makes a hole in another entry's RAM */
#define HOLE 5u

struct layout {
	uint8_t flags, scatter, blob, workspace, modules, map, keep, cmdline;
};

struct world {
	struct segue_load_args args;
	struct segue_part modules[MODULES_MAX];
	struct segue_extent extents[1 + MODULES_MAX][EXTENTS_MAX];
	struct segue_range map[HOLE + 1], keep[1], target_memory[2], unused[1];
	struct segue_extent staging[EXTENTS_MAX + 40];
	struct segue_mapping mappings[2];
	struct segue_note notes[CRASH_NOTES];
	uint8_t module_bytes[MODULES_MAX][MODULE_SIZE_MAX];
	uint64_t cursor;
	int error_sentences;
};

/* More flags than a layout's byte has room for; set by a fuzzer. */
static uint32_t fuzz_flags;

/* Static, because a new allocation for each input would cost more than everything else. */
static _Alignas(4096) uint8_t fuzz_workspace[SEGUE_WORKSPACE_SIZE_RETURN(EXTENTS_MAX + MODULES_MAX, EXTENTS_MAX + 40 + 15) +
						    SEGUE_WORKSPACE_SIZE_CORE(6 * EXTENTS_MAX) +
						    SEGUE_WORKSPACE_SIZE_CRASH(CRASH_CPUS, CRASH_NOTES * 340)];

/* Returns a copy with forbidden memory (ASan) directly before and after it. Only one exists at a time. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size)
{
	static uint8_t room[BLOB_MAX];
	uint8_t *copy = room + BLOB_MAX - size;

	CHECK(size <= BLOB_MAX, "a blob of %zu bytes", size);
	ASAN_UNPOISON_MEMORY_REGION(copy, size);
	ASAN_POISON_MEMORY_REGION(room, BLOB_MAX - size);
	return memcpy(copy, data, size);
}

static inline struct layout take_layout(const uint8_t *data, size_t *size)
{
	struct layout layout = {0};

	if (*size >= LAYOUT_SIZE) {
		*size -= LAYOUT_SIZE;
		memcpy(&layout, data + *size, LAYOUT_SIZE);
	}
	return layout;
}

/* A copy of the fuzzer's bytes that may be changed; NULL if these are fewer than least or too many. */
static inline uint8_t *raw_kernel(const uint8_t *data, size_t size, size_t least)
{
	static uint8_t kernel[BLOB_MAX];

	return size >= least && size <= BLOB_MAX ? memcpy(kernel, data, size) : NULL;
}

/* The same with ELF's magic; least is 4 or more. */
static inline uint8_t *raw_elf(const uint8_t *data, size_t size, size_t least)
{
	uint8_t *kernel = raw_kernel(data, size, least);

	return kernel ? memcpy(kernel, "\177ELF", 4) : NULL;
}

static inline uint64_t number_at(const uint8_t *p, size_t size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | p[size];
	return value;
}

static inline void fuzz_log(void *context, int level, const char *sentence)
{
	struct world *w = context;

	w->error_sentences += level == SEGUE_LOG_ERROR;
	CHECK(strlen(sentence) > 0, "an empty sentence");
	if (getenv("FUZZ_SAY"))
		fprintf(stderr, "%d: %s\n", level, sentence);
}

static inline bool meets(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

#include "check_return.h"

/* Takes physical memory for a source that overlaps nothing in use. */
static inline uint64_t take_memory(struct world *w, uint64_t size)
{
	uint64_t at;

	if (meets(w->cursor, size, w->args.workspace_phys, w->args.workspace_size))
		w->cursor = w->args.workspace_phys + w->args.workspace_size;
	at = w->cursor;
	w->cursor += size;
	CHECK(w->cursor <= MEMORY_SIZE, "the harness is out of memory");
	return at;
}

/* Lays out a part's bytes: contiguous, in pieces with gaps between them, or in such pieces in reverse order. */
static inline void lay_out(struct world *w, struct segue_part *part, struct segue_extent *extents, uint8_t scatter)
{
	size_t piece = (size_t)(scatter & 0x3f) * 64 + 1 + (scatter & 0x3f), count;

	if (!(scatter & 0xc0) || piece >= part->size)
		piece = part->size;
	if (piece * EXTENTS_MAX < part->size)
		piece = (part->size + EXTENTS_MAX - 1) / EXTENTS_MAX;
	count = part->size ? (part->size + piece - 1) / piece : 1;
	for (size_t i = 0; i < count; i++) {
		size_t index = (scatter & 0xc0) == 0xc0 ? count - 1 - i : i;
		size_t offset = index * piece, size = part->size - offset < piece ? part->size - offset : piece;

		extents[index].addr = take_memory(w, size);
		extents[index].size = size;
		if (scatter & 0x80)
			w->cursor += scatter & 0x7;
	}
	part->extents = extents;
	part->extent_count = count;
}

/* Is address in target memory? */
static inline bool is_targets(const struct world *w, uint64_t address)
{
	bool inside = w->args.target_memory_count == 0;

	for (size_t i = 0; i < w->args.target_memory_count; i++)
		inside = inside || (address >= w->target_memory[i].start && address < w->target_memory[i].end);
	return inside;
}

/* The first edge of target memory after address, at most end. */
static inline uint64_t next_edge(const struct world *w, uint64_t address, uint64_t end)
{
	for (size_t i = 0; i < w->args.target_memory_count; i++) {
		const struct segue_range *r = &w->target_memory[i];

		if (r->start > address && r->start < end)
			end = r->start;
		if (r->end > address && r->end < end)
			end = r->end;
	}
	return end;
}

/* Appends RAM; what is outside target memory is told as reserved. Ranges of one type that meet in one entry are one. */
static inline size_t tell_ram(const struct world *w, struct segue_range *told, size_t first, size_t count, uint64_t start,
			      uint64_t end, uint32_t type)
{
	for (uint64_t next; start < end; start = next) {
		uint32_t kind = type == SEGUE_MEMORY_RAM && !is_targets(w, start) ? SEGUE_MEMORY_RESERVED : type;

		next = next_edge(w, start, end);
		if (count > first && told[count - 1].end == start && told[count - 1].type == kind)
			told[count - 1].end = next;
		else
			told[count++] = (struct segue_range){start, next, kind, 0};
	}
	return count;
}

/* The map that the target must get: the host's, in its order, with the hole, the catcher and 64-bit tables cut out of RAM. */
#define TOLD_MAX 20
#define CUTS 4
static inline size_t told_map(const struct world *w, struct segue_range *told)
{
	struct segue_range cuts[CUTS] = {0}, swap;
	struct segue_segment s = {.name = ""};
	bool has_catcher = false;
	size_t count = 0, first;

	for (size_t i = 0; segue_segment_at(w->args.workspace, i, &s) == SEGUE_OK; i++) {
		bool is_catcher = !strcmp(s.name, "catcher");

		has_catcher = has_catcher || is_catcher;
		if (is_catcher || !strcmp(s.name, "64-bit tables"))
			cuts[is_catcher ? 0 : 2] = (struct segue_range){s.dest, s.dest + s.size, SEGUE_MEMORY_RESERVED, 0};
	}
	CHECK(has_catcher == !!(w->args.flags & SEGUE_LOAD_CATCHER), "the catcher");
	/* The hole is told by its own entry, the last. It may lie in the workspace, where tables may stay. */
	if (w->args.memory_map_count > HOLE)
		cuts[1] = (struct segue_range){w->map[HOLE].start, w->map[HOLE].end, 0, 0};
	if (meets(cuts[1].start, cuts[1].end - cuts[1].start, cuts[2].start, cuts[2].end - cuts[2].start)) {
		cuts[3] = cuts[2];
		cuts[2].end = cuts[1].start > cuts[2].start ? cuts[1].start : cuts[2].start;
		cuts[3].start = cuts[1].end < cuts[3].end ? cuts[1].end : cuts[3].end;
	}
	for (size_t i = 0; i < CUTS * CUTS; i++) {
		size_t k = i % (CUTS - 1);

		if (cuts[k].start > cuts[k + 1].start) {
			swap = cuts[k];
			cuts[k] = cuts[k + 1];
			cuts[k + 1] = swap;
		}
	}
	for (size_t i = 0; i < w->args.memory_map_count; i++) {
		struct segue_range r = w->map[i];

		first = count;
		for (size_t k = 0; k < CUTS && r.type == SEGUE_MEMORY_RAM; k++) {
			if (cuts[k].end <= r.start || cuts[k].start >= r.end)
				continue;
			if (r.start < cuts[k].start)
				count = tell_ram(w, told, first, count, r.start, cuts[k].start, SEGUE_MEMORY_RAM);
			if (cuts[k].type != 0)
				count = tell_ram(w, told, first, count, cuts[k].start, cuts[k].end, cuts[k].type);
			r.start = cuts[k].end;
		}
		if (r.start < r.end)
			count = tell_ram(w, told, first, count, r.start, r.end, r.type);
	}
	return count;
}

static inline void set_world(struct world *w, const uint8_t *blob, size_t size, const struct layout *layout)
{
	static const char *const cmdlines[] = {NULL, "", "a", "console=ttyS0 quiet"};
	struct segue_load_args *args = &w->args;

	memset(w, 0, sizeof *w);
	args->struct_size = sizeof *args;
	args->flags = (layout->flags & SEGUE_LOAD_KNOWN_FLAGS) | fuzz_flags;
	if (layout->cmdline & 4)
		args->flags |= SEGUE_LOAD_CATCHER;
	/* By a flag that Linux ignores, as other targets ignore this one. */
	if (args->flags & SEGUE_LOAD_ELF_ENTRY_32)
		args->flags |= SEGUE_LOAD_LINUX_64;
	args->log = fuzz_log;
	args->log_context = w;
	args->cmdline = cmdlines[layout->cmdline % 4];
	args->module_count = layout->modules % (MODULES_MAX + 1);
	args->modules = w->modules;
	args->workspace_size = sizeof fuzz_workspace;
	args->workspace_phys = 0x100000u + layout->workspace * 0x2000u;
	/* blob and modules at any alignment */
	w->cursor = 0x100000u + layout->blob * 0x2000u + (layout->blob & 7u) * 257u;
	args->blob.data = blob;
	args->blob.size = size;
	lay_out(w, &args->blob, w->extents[0], layout->scatter);
	for (size_t i = 0; i < args->module_count; i++) {
		struct segue_part *part = &w->modules[i];

		part->data = w->module_bytes[i];
		part->size = (size_t)(layout->modules >> 2) * 97;
		part->name = i == 0 ? "first" : NULL;
		part->cmdline = i == 1 ? "x y" : NULL;
		memset(w->module_bytes[i], 0x70 + (int)i, part->size);
		if (layout->modules & 0x80)
			w->cursor = (w->cursor + 4095) & ~(uint64_t)4095;
		lay_out(w, part, w->extents[1 + i], layout->modules);
	}
	args->memory_map = w->map;
	w->map[0] = (struct segue_range){0, 0x9fc00, SEGUE_MEMORY_RAM, 0};
	w->map[1] = (struct segue_range){0x9fc00, 0x100000, SEGUE_MEMORY_RESERVED, 0};
	w->map[2] = (struct segue_range){0x100000, MEMORY_SIZE, SEGUE_MEMORY_RAM, 0};
	w->map[3] = (struct segue_range){MEMORY_SIZE, FOUR_GIB, SEGUE_MEMORY_RESERVED, 0};
	w->map[4] = (struct segue_range){FOUR_GIB, FOUR_GIB + HIGH_SIZE, SEGUE_MEMORY_RAM, 0};
	args->memory_map_count = HOLE;
	if (layout->map) {
		/* sources may lie in it, since they are only read */
		w->map[HOLE] = (struct segue_range){layout->map * 0x4000u, layout->map * 0x4000u + 0x3000, SEGUE_MEMORY_ACPI, 0};
		args->memory_map_count++;
	}
	if (layout->keep) {
		w->keep[0] = (struct segue_range){layout->keep * 0x4000u + 0x800, layout->keep * 0x4000u + 0x1801, 0, 0};
		args->keep = w->keep;
		args->keep_count = 1;
	}
	if (layout->cmdline & 0xf8) {
		uint32_t place = layout->cmdline >> 3;

		/* at any alignment, below 1 MiB or across the end of RAM; the second one lies below, overlaps, or is empty */
		w->target_memory[0] = (struct segue_range){place * 0x1c001u, place * 0x1c001u + (place & 1 ? 0x140400 : 0x60400), 0, 0};
		w->target_memory[1] = (struct segue_range){0x10000, 0x10000 + (place & 7) * 0x28000u, 0, 0};
		args->target_memory = w->target_memory;
		args->target_memory_count = 2;
		/* In place of a flag that it excludes. A sample, because all of target memory is compared byte by byte. */
		if (layout->flags & SEGUE_LOAD_ANY_CPU && layout->blob % 32 == 0)
			set_return(w, layout);
		else if ((place & 24) == 24)
			w->target_memory[1] = (struct segue_range){FOUR_GIB + (place & 7) * 0x10001u, FOUR_GIB + 0x90000, 0, 0};
	}
}

/* Puts the sources into fuzz_memory. */
static inline void put_sources(const struct world *w)
{
	const struct segue_load_args *args = &w->args;

	for (size_t i = 0; i <= args->module_count; i++) {
		const struct segue_part *part = i == 0 ? &args->blob : &args->modules[i - 1];
		const uint8_t *data = part->data;

		for (size_t j = 0; j < part->extent_count; data += part->extents[j++].size)
			memcpy(fuzz_memory + part->extents[j].addr, data, part->extents[j].size);
	}
	memcpy(fuzz_memory + args->workspace_phys, args->workspace, args->workspace_size);
}

/* May [start, start + size) be written? */
static inline bool writable(const struct world *w, uint64_t start, uint64_t size)
{
	uint64_t first = start < FOUR_GIB ? 0 : FOUR_GIB, all = start < FOUR_GIB ? MEMORY_SIZE : HIGH_SIZE;

	if (size > all || start - first > all - size)
		return false;
	for (size_t i = 0; i < w->args.memory_map_count; i++)
		if (w->map[i].type != SEGUE_MEMORY_RAM && meets(start, size, w->map[i].start, w->map[i].end - w->map[i].start))
			return false;
	for (uint64_t at = start; at < start + size; at = next_edge(w, at, start + size))
		if (!is_targets(w, at))
			return false;
	return w->args.keep_count == 0 || !meets(start, size, w->keep[0].start, w->keep[0].end - w->keep[0].start);
}

/* Only segments that the target claims itself may overwrite the BIOS's data. */
static inline bool spares_bios(const struct world *w, uint64_t start)
{
	struct segue_segment s;

	for (size_t i = 0; start < 0x500 && segue_segment_at(w->args.workspace, i, &s) == SEGUE_OK; i++)
		if (start >= s.dest && start - s.dest < s.size)
			return !strcmp(s.name, "ELF segment") || !strcmp(s.name, "Multiboot image");
	return start >= 0x500;
}

/* The host's view of size bytes at a physical address; NULL if no source contains them all. */
static inline const uint8_t *source_bytes(const struct world *w, uint64_t addr, uint64_t size)
{
	const struct segue_load_args *args = &w->args;

	if (addr >= args->workspace_phys && addr - args->workspace_phys < args->workspace_size)
		return size <= args->workspace_size - (addr - args->workspace_phys) ?
			(const uint8_t *)args->workspace + (addr - args->workspace_phys) : NULL;
	for (size_t i = 0; i <= args->module_count; i++) {
		const struct segue_part *part = i == 0 ? &args->blob : &args->modules[i - 1];
		uint64_t offset = 0;

		for (size_t j = 0; j < part->extent_count; j++) {
			const struct segue_extent *e = &part->extents[j];

			if (addr >= e->addr && addr - e->addr < e->size) {
				offset += addr - e->addr;
				return size <= part->size - offset ? (const uint8_t *)part->data + offset : NULL;
			}
			offset += e->size;
		}
	}
	return NULL;
}

/* COPY and SWAP as plan.h defines them: byte by byte, upwards or downwards. */
FUZZ_UNTRACED static inline void move_bytes(uint8_t *dest, uint8_t *source, const struct segue_move_description *m)
{
	for (uint64_t j = 0; j < m->size; j++) {
		uint64_t at = m->descending ? m->size - 1 - j : j;
		uint8_t byte = dest[at];

		dest[at] = source[at];
		if (m->kind == SEGUE_MOVE_KIND_SWAP)
			source[at] = byte;
	}
}

/* The same, in one step if no byte is written before it is read. */
static inline void move(const struct segue_move_description *m)
{
	uint8_t *dest = fuzz_memory + m->dest, *source = fuzz_memory + m->source;
	bool reads_first = m->descending ? m->dest > m->source : m->dest < m->source;

	if (m->kind == SEGUE_MOVE_KIND_COPY && (reads_first || !meets(m->dest, m->size, m->source, m->size)))
		memmove(dest, source, m->size);
	else
		move_bytes(dest, source, m);
}

static inline void execute(const struct world *w, const struct segue_description *d)
{
	struct segue_move_description m;

	for (size_t i = 0; segue_move_at(w->args.workspace, i, &m) == SEGUE_OK; i++) {
		CHECK(m.size > 0 && (writable(w, m.dest, m.size) || returns_to(w, m.dest, m.size)) && spares_bios(w, m.dest), "move %zu writes %#llx bytes at %#llx", i,
		      (unsigned long long)m.size, (unsigned long long)m.dest);
		CHECK(!meets(m.dest, m.size, d->purgatory, d->purgatory_size), "move %zu writes over purgatory", i);
		if (m.kind == SEGUE_MOVE_KIND_ZERO) {
			memset(fuzz_memory + m.dest, 0, m.size);
			continue;
		}
		CHECK(m.source <= LOW_SIZE && m.size <= LOW_SIZE - m.source, "move %zu reads outside of memory", i);
		CHECK(m.dest < FOUR_GIB || !meets(m.dest, m.size, m.source, m.size), "move %zu: high.asm does not keep its direction", i);
		if (m.kind == SEGUE_MOVE_KIND_SWAP)
			CHECK(writable(w, m.source, m.size) || returns_to(w, m.source, m.size), "move %zu swaps with what may not be written", i);
		move(&m);
	}
}

static inline bool is_zero(const uint8_t *bytes, uint64_t size)
{
	return size == 0 || (bytes[0] == 0 && !memcmp(bytes, bytes + 1, size - 1));
}

static inline uint64_t entry_of(const struct segue_description *d)
{
	return d->entry | (uint64_t)d->entry_high << 32;
}

/* The tables of a kernel above 4 GiB, if the target has no RAM for them. */
static inline bool stays_in_workspace(const struct world *w, const struct segue_description *d, const struct segue_segment *s)
{
	return d->entry_high && !strcmp(s->name, "64-bit tables") && s->source == s->dest && s->dest >= w->args.workspace_phys &&
	       s->dest + s->size <= w->args.workspace_phys + w->args.workspace_size;
}

/* Checks the loaded target, and executes its plan on fuzz_memory. */
static inline void check_accepted(const struct world *w)
{
	static uint8_t *expected;
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s, other;
	void *workspace = w->args.workspace;
	bool entry = false, is_linux;

	if (!expected)
		expected = make_memory();
	CHECK(segue_describe(workspace, &d) == SEGUE_OK, "nothing is described");
	is_linux = !strcmp(d.protocol, "Linux");
	for (size_t i = 0; segue_segment_at(workspace, i, &s) == SEGUE_OK; i++) {
		bool stays = comes_back(w) && !strcmp(s.name, "memory as it is");
		/* fuzz_host has it when it is compared */
		const uint8_t *source = stays ? fuzz_host + s.source : source_bytes(w, s.source, s.file_size);

		CHECK(s.size > 0 && s.file_size <= s.size, "segment %zu: sizes", i);
		CHECK((writable(w, s.dest, s.size) && spares_bios(w, s.dest)) || stays_in_workspace(w, &d, &s), "segment %zu at %#llx is not in RAM", i, (unsigned long long)s.dest);
		for (size_t j = 0; j < i; j++) {
			segue_segment_at(workspace, j, &other);
			CHECK(!meets(s.dest, s.size, other.dest, other.size), "segments %zu and %zu meet", i, j);
		}
		CHECK(!meets(s.dest, s.size, d.purgatory, d.purgatory_size), "segment %zu lies over purgatory", i);
		CHECK(d.purgatory == w->args.workspace_phys || writable(w, d.purgatory, d.purgatory_size), "purgatory at %#x",
		      d.purgatory);
		if (s.file_size) {
			CHECK(source, "segment %zu: its bytes come from nowhere", i);
			CHECK(!stays || (s.source == s.dest && !s.in_digest), "segment %zu does not stay", i);
			if (!stays)
				memcpy(expected + s.dest, source, s.file_size);
		}
		if (entry_of(&d) >= s.dest && entry_of(&d) - s.dest < s.file_size)
			entry = true;
	}
	CHECK(entry, "the entry %#llx lies in no segment", (unsigned long long)entry_of(&d));
	for (size_t i = 0; segue_segment_at(workspace, i, &s) == SEGUE_OK; i++)
		memset(fuzz_memory + s.dest, 0xcc, s.size);
	put_sources(w);
	if (is_saved(w))
		note_host(w);
	execute(w, &d);
	for (size_t i = 0; segue_segment_at(workspace, i, &s) == SEGUE_OK; i++) {
		bool stays = comes_back(w) && !strcmp(s.name, "memory as it is");

		CHECK(!memcmp(fuzz_memory + s.dest, (stays ? fuzz_host : expected) + s.dest, s.file_size), "segment %zu arrives wrong", i);
		/* A bzImage claims init_size bytes but does not ask for zeros. */
		CHECK(is_linux || is_zero(fuzz_memory + s.dest + s.file_size, s.size - s.file_size), "segment %zu: not zero", i);
	}
	if (comes_back(w))
		check_return(w);
	else if (is_for_crash(w))
		check_crash(w);
}

static inline bool is_linux(const struct world *w)
{
	struct segue_description d = {.struct_size = sizeof d};

	return segue_describe(w->args.workspace, &d) == SEGUE_OK && !strncmp(d.protocol, "Linux", 5);
}

/*
 * Loads the blob (at most BLOB_MAX bytes) and checks the result. Returns segue_load()'s code. If the blob is accepted
 * and `also` is not NULL, calls `also` when everything is in place in fuzz_memory.
 */
static inline int check_load(const uint8_t *blob, size_t size, const struct layout *layout,
			     void (*also)(const struct world *))
{
	static struct world w;
	uint8_t *exact = exact_copy(blob, size);
	int error;

	if (!fuzz_memory)
		fuzz_memory = make_memory();
	set_world(&w, exact, size, layout);
	w.args.workspace = memset(fuzz_workspace, 0xa5, sizeof fuzz_workspace);
	error = segue_load(&w.args);
	CHECK(!memcmp(exact, blob, size), "the blob was changed");
	CHECK(error != SEGUE_E_PLAN_REPLAY, "the plan does not replay");
	if (error == SEGUE_OK) {
		check_accepted(&w);
		/* The command line of a target that comes back, or of one for a crash, is longer. */
		if (also && !(is_saved(&w) && is_linux(&w)))
			also(&w);
	} else {
		CHECK(w.error_sentences == 1, "code %d comes with %d sentences", error, w.error_sentences);
		CHECK(strcmp(segue_strerror(error), segue_strerror(-1)), "code %d has no meaning", error);
		CHECK(segue_describe(w.args.workspace, &(struct segue_description){.struct_size = sizeof(struct segue_description)}) ==
		      SEGUE_E_NOT_LOADED, "refused, but something is loaded");
	}
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
