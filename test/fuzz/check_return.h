/* SPDX-License-Identifier: MIT */
/*
 * A target that comes back, or one for a crash, in check.h's simulated machine: staging and unused ranges from the layout, and what
 * must be where after the plan and after two exchanges.
 */
#ifndef FUZZ_CHECK_RETURN_H
#define FUZZ_CHECK_RETURN_H

#include "leave/list.h"
#include "return/return_page.h"

/* Staging that is not the blob's memory lies after the machine's RAM. */
#define STAGING_SIZE 0x80000u
#define STAGING_MAX (EXTENTS_MAX + 40u)

#define LOW_SIZE (MEMORY_SIZE + STAGING_SIZE)
/* By physical addresses, also above 4 GiB; nothing between. */
static uint8_t *fuzz_memory;
static bool fuzz_saved[MEMORY_SIZE];  /* of target memory */
static uint8_t fuzz_host[MEMORY_SIZE], fuzz_target[MEMORY_SIZE]; /* of the same bytes, in each of the two */

static inline uint8_t *make_memory(void)
{
	uint8_t *memory = mmap(NULL, FOUR_GIB + HIGH_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(memory != MAP_FAILED && mprotect(memory, LOW_SIZE, PROT_READ | PROT_WRITE) == 0 &&
	      mprotect(memory + FOUR_GIB, HIGH_SIZE, PROT_READ | PROT_WRITE) == 0, "the harness has no memory");
	return memory;
}

static inline bool comes_back(const struct world *w)
{
	return w->args.flags & SEGUE_LOAD_RETURN;
}

static inline bool is_for_crash(const struct world *w)
{
	return w->args.flags & SEGUE_LOAD_CRASH;
}

/* Is some of the host's memory saved into staging? */
static inline bool is_saved(const struct world *w)
{
	return comes_back(w) || is_for_crash(w);
}

static inline bool has_core(const struct world *w)
{
	return w->args.flags & (SEGUE_LOAD_CORE | SEGUE_LOAD_CRASH);
}

/* Instead of a return. Some notes are too many or too large. */
static inline void set_crash(struct world *w, const struct layout *layout)
{
	static const uint8_t bytes[300];

	w->args.flags = (w->args.flags & ~(SEGUE_LOAD_RETURN | SEGUE_LOAD_CLEAR)) | SEGUE_LOAD_CRASH;
	w->args.cpu_count = layout->modules % (CRASH_CPUS + 1);
	for (size_t i = 0; i < CRASH_NOTES; i++)
		w->notes[i] = (struct segue_note){&"A host"[i], (uint32_t)i, bytes, (size_t)(layout->workspace >> i) % sizeof bytes};
	if (layout->workspace == 0xff)
		w->notes[1].name = "";
	w->args.notes = w->notes;
	w->args.note_count = layout->scatter % (CRASH_NOTES + 1);
}

/* A core of the host's memory, for some with mappings, which may overlap in physical addresses. Staging is then whole pages. */
static inline void set_core(struct world *w, const struct layout *layout)
{
	uint64_t phys = layout->keep * 0x3001u;

	if (!is_for_crash(w) || layout->map & 1)
		w->args.flags |= SEGUE_LOAD_CORE;
	w->mappings[0] = (struct segue_mapping){0xc0000000u + phys, phys, 0x10000u * layout->scatter};
	w->mappings[1] = (struct segue_mapping){0x40000003u, layout->blob * 0x2000u, 0x123456u};
	w->args.mappings = w->mappings;
	w->args.mapping_count = layout->map & 4 ? 2 : 0;
}

/* Target memory, unused and staging. Extents of the blob that are neither in target memory nor in the workspace come first. */
static inline void set_return(struct world *w, const struct layout *layout)
{
	uint32_t place = layout->cmdline >> 3, piece = 0x777u + (uint32_t)layout->scatter * 64u, count = 0;
	uint64_t at = MEMORY_SIZE + (layout->blob & 7u);

	w->args.flags = (w->args.flags & ~SEGUE_LOAD_ANY_CPU) | SEGUE_LOAD_RETURN | (layout->map & 1 ? SEGUE_LOAD_CLEAR : 0);
	w->target_memory[0] = (struct segue_range){place * 0x1c001u, place * 0x1c001u + 0x20400, 0, 0};
	w->target_memory[1] = (struct segue_range){0x10000, 0x10000 + (place & 7) * 0x2000u, 0, 0};
	w->unused[0] = (struct segue_range){place * 0x1c001u + 0x10003, place * 0x1c001u + 0x10003 + (layout->keep & 15) * 0x1000u, 0, 0};
	w->args.unused = w->unused;
	w->args.unused_count = 1;
	if (layout->keep & 0x80)
		set_crash(w, layout);
	if (layout->map & 2 || is_for_crash(w)) {
		set_core(w, layout);
		piece = (piece + 4096) & ~4095u;
	}
	for (size_t i = 0; layout->scatter & 1 && i < w->args.blob.extent_count; i++) {
		const struct segue_extent *e = &w->args.blob.extents[i];
		bool hit = meets(e->addr, e->size, w->args.workspace_phys, w->args.workspace_size);

		for (size_t k = 0; k < 2; k++)
			hit = hit || meets(e->addr, e->size, w->target_memory[k].start, w->target_memory[k].end - w->target_memory[k].start);
		if (!hit)
			w->staging[count++] = *e;
	}
	for (; count < STAGING_MAX && at + piece < LOW_SIZE; at += piece + (piece & 3))
		w->staging[count++] = (struct segue_extent){at, piece};
	w->args.staging = w->staging;
	w->args.staging_count = count;
}

/* The end of the piece of staging that holds the byte at address; 0 if none does. */
FUZZ_UNTRACED static inline uint64_t staging_end(const struct world *w, uint64_t address)
{
	for (size_t i = 0; i < w->args.staging_count; i++)
		if (address >= w->staging[i].addr && address - w->staging[i].addr < w->staging[i].size)
			return w->staging[i].addr + w->staging[i].size;
	return 0;
}

FUZZ_UNTRACED static inline bool in_staging(const struct world *w, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < w->args.staging_count; i++)
		if (start >= w->staging[i].addr && size <= w->staging[i].size && start - w->staging[i].addr <= w->staging[i].size - size)
			return true;
	return false;
}

static inline const struct return_page *return_page(const struct world *w, uint64_t *phys)
{
	const struct purgatory_params *params = (const void *)((const uint8_t *)w->args.workspace + PURGATORY_PARAMS_AT);

	*phys = params->return_page;
	CHECK(*phys >= w->args.workspace_phys && *phys - w->args.workspace_phys + RETURN_SIZE <= w->args.workspace_size, "the return page");
	return (const void *)((const uint8_t *)w->args.workspace + (*phys - w->args.workspace_phys));
}

/* May a move of a target that comes back write here, besides target memory? Pieces of staging may touch. */
static inline bool returns_to(const struct world *w, uint64_t start, uint64_t size)
{
	uint64_t phys, end = start + size;

	if (!is_saved(w))
		return false;
	if (comes_back(w) && return_page(w, &phys) && start >= phys + RETURN_SPARE_AT && end <= phys + RETURN_SPARE_AT + RETURN_SPARE_SIZE)
		return true;
	while (start < end && (start = staging_end(w, start)) != 0)
		;
	return start != 0;
}

/* Target memory, in this order and disjoint, as far as the machine has it. Returns how many ranges there are. */
static inline size_t target_areas(const struct world *w, struct segue_range areas[2])
{
	size_t first = w->target_memory[0].start <= w->target_memory[1].start ? 0 : 1, count = 0;

	for (size_t i = 0; i < 2; i++) {
		struct segue_range r = w->target_memory[i ^ first];

		if (r.end > MEMORY_SIZE)
			r.end = MEMORY_SIZE;
		if (count > 0 && r.start < areas[0].end)
			r.start = areas[0].end;
		if (r.start < r.end)
			areas[count++] = r;
	}
	return count;
}

/* The next byte of fuzz_saved from at on that is `saved`; end if there is none before it. */
static inline uint64_t next_that_is(bool saved, uint64_t at, uint64_t end)
{
	const bool *found = at < end ? memchr(fuzz_saved + at, saved, end - at) : NULL;

	return found ? (uint64_t)(found - fuzz_saved) : end;
}

static inline void is_not_saved(uint64_t start, uint64_t end)
{
	if (end > MEMORY_SIZE)
		end = MEMORY_SIZE;
	if (start < end)
		memset(fuzz_saved + start, false, end - start);
}

/* Fills in fuzz_saved and fuzz_host, before the plan. All of fuzz_saved outside of target memory is false. */
static inline void note_host(const struct world *w)
{
	static struct segue_range areas[2];
	static size_t count;

	for (size_t i = 0; i < count; i++)
		is_not_saved(areas[i].start, areas[i].end);
	count = target_areas(w, areas);
	for (size_t i = 0; i < count; i++) {
		memset(fuzz_saved + areas[i].start, true, areas[i].end - areas[i].start);
		memcpy(fuzz_host + areas[i].start, fuzz_memory + areas[i].start, areas[i].end - areas[i].start);
	}
	for (size_t i = 0; i < w->args.memory_map_count; i++)
		if (w->map[i].type != SEGUE_MEMORY_RAM)
			is_not_saved(w->map[i].start, w->map[i].end);
	if (w->args.keep_count)
		is_not_saved(w->keep[0].start, w->keep[0].end);
	is_not_saved(w->unused[0].start, w->unused[0].end);
}

static inline uint64_t skipped(const struct world *w, uint64_t at, uint64_t staging)
{
	return has_core(w) ? (at - staging) & 4095 : 0;
}

/* The notes of a crash: the host, two for each CPU, the crash, and the host's own; to the last byte. */
static inline void check_notes(const struct world *w, const uint8_t *load)
{
	uint64_t at = le64(load + 8) - w->args.workspace_phys, end = at + le64(load + 32);
	const uint8_t *workspace = w->args.workspace;
	size_t count = 0, cpus = w->args.cpu_count ? w->args.cpu_count : 1;

	CHECK(at < end && end <= w->args.workspace_size, "the notes are at %#llx", (unsigned long long)at);
	for (; at < end; count++) {
		uint32_t name = le32(workspace + at), size = le32(workspace + at + 4);

		CHECK(name > 1 && workspace[at + 12 + name - 1] == 0, "the name of note %zu", count);
		at += 12 + ((name + 3) & ~3u) + ((size + 3) & ~3u);
	}
	CHECK(at == end && count == 2 + 2 * cpus + w->args.note_count, "%zu notes", count);
}

/* The core header after the plan: every byte of the host's that is saved is where it says; all else lies where it was. */
static inline void check_host_core(const struct world *w)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_range areas[2];
	const uint8_t *core;
	uint64_t saved = 0, found = 0, at, next;
	size_t count = target_areas(w, areas);

	CHECK(segue_describe(w->args.workspace, &d) == SEGUE_OK, "no description");
	CHECK((d.core != 0) == has_core(w), "a core or none");
	if (!d.core)
		return;
	core = (const uint8_t *)w->args.workspace + (d.core - w->args.workspace_phys);
	if (is_for_crash(w))
		check_notes(w, core + 64);
	for (uint32_t i = 1; i < le16(core + 56); i++) {
		const uint8_t *p = core + 64 + i * 56u;
		uint64_t offset = le64(p + 8), phys = le64(p + 24), size = le64(p + 32);

		/* No target that is saved for uses it. */
		if (phys >= FOUR_GIB) {
			CHECK(offset == phys && size > 0 && size <= HIGH_SIZE && phys - FOUR_GIB <= HIGH_SIZE - size, "PT_LOAD %u, above 4 GiB", i);
			continue;
		}
		CHECK((offset ^ phys) % 4096 == 0 && size > 0 && phys < MEMORY_SIZE && size <= MEMORY_SIZE - phys, "PT_LOAD %u", i);
		for (size_t k = 0; k < w->args.staging_count; k++)
			CHECK(!meets(phys, size, w->staging[k].addr, w->staging[k].size), "PT_LOAD %u has staging", i);
		at = next_that_is(offset == phys, phys, phys + size);
		CHECK(at == phys + size, "%#llx is saved or not", (unsigned long long)at);
		if (offset == phys)
			continue;
		CHECK(offset <= LOW_SIZE && size <= LOW_SIZE - offset, "PT_LOAD %u is at %#llx", i, (unsigned long long)offset);
		CHECK(!memcmp(fuzz_memory + offset, fuzz_host + phys, size), "PT_LOAD %u has other bytes", i);
		found += size;
	}
	for (size_t i = 0; i < count; i++)
		for (at = areas[i].start; (at = next_that_is(true, at, areas[i].end)) < areas[i].end; at = next) {
			next = next_that_is(false, at, areas[i].end);
			saved += next - at;
		}
	CHECK(w->args.mapping_count ? found >= saved : found == saved, "%llu bytes of %llu in the core", (unsigned long long)found,
	      (unsigned long long)saved);
}

/* Are the saved bytes of target memory in [at, end), of which all are, these, and does staging from in of *e on hold those? */
static inline void check_saved(const struct world *w, uint64_t at, uint64_t end, const struct segue_extent **e, uint64_t *in,
			       const uint8_t *here, const uint8_t *there)
{
	for (uint64_t size; at < end; at += size, *in += size) {
		/* With a core each byte stays at its offset in a page. */
		while (*in + skipped(w, at, (*e)->addr + *in) >= (*e)->size) {
			++*e;
			*in = 0;
			CHECK(*e < w->staging + w->args.staging_count, "there is no staging for %#llx", (unsigned long long)at);
		}
		*in += skipped(w, at, (*e)->addr + *in);
		size = end - at < (*e)->size - *in ? end - at : (*e)->size - *in;
		CHECK(!memcmp(fuzz_memory + (*e)->addr + *in, there + at, size), "staging has other bytes for %#llx bytes at %#llx",
		      (unsigned long long)size, (unsigned long long)at);
		CHECK(!here || !memcmp(fuzz_memory + at, here + at, size), "target memory has other bytes in %#llx bytes at %#llx",
		      (unsigned long long)size, (unsigned long long)at);
		if (!here)
			memcpy(fuzz_target + at, fuzz_memory + at, size);
	}
}

/* The same of all of target memory. here NULL: fills in fuzz_target. */
static inline void check_sides(const struct world *w, const uint8_t *here, const uint8_t *there)
{
	const struct segue_extent *e = w->staging;
	struct segue_range areas[2];
	uint64_t in = 0, at, next;
	size_t count = target_areas(w, areas);

	for (size_t i = 0; i < count; i++)
		for (at = areas[i].start; (at = next_that_is(true, at, areas[i].end)) < areas[i].end; at = next) {
			next = next_that_is(false, at, areas[i].end);
			check_saved(w, at, next, &e, &in, here, there);
		}
}

/* Runs the list of every crossing but the first. */
static inline void cross_back(const struct world *w)
{
	static uint8_t aside[MEMORY_SIZE];
	uint64_t phys, list = return_page(w, &phys)->exchanges;

	for (;; list += sizeof(struct segue_move)) {
		struct segue_move move;

		memcpy(&move, fuzz_memory + list, sizeof move);
		if (move.op == SEGUE_MOVE_END)
			return;
		if (move.op == SEGUE_MOVE_LINK) {
			list = move.dst - sizeof move;
			continue;
		}
		CHECK(move.op == SEGUE_MOVE_SWAP_UP && in_staging(w, move.src, move.size) && move.dst + move.size <= MEMORY_SIZE &&
		      !meets(move.dst, move.size, move.src, move.size), "an exchange of %u bytes at %#llx", move.size, (unsigned long long)move.dst);
		memcpy(aside, fuzz_memory + move.dst, move.size);
		memcpy(fuzz_memory + move.dst, fuzz_memory + move.src, move.size);
		memcpy(fuzz_memory + move.src, aside, move.size);
	}
}

/* After the plan of a crash: there is no way back. */
static inline void check_crash(const struct world *w)
{
	check_host_core(w);
	check_sides(w, NULL, fuzz_host);
}

/* After the plan, and after two exchanges. */
static inline void check_return(const struct world *w)
{
	check_host_core(w);
	check_sides(w, NULL, fuzz_host);
	cross_back(w);
	check_sides(w, fuzz_host, fuzz_target);
	cross_back(w);
	check_sides(w, fuzz_target, fuzz_host);
}

#endif
