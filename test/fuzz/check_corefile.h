/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer's bytes are a core for `segue core`. It is refused with a sentence, or its ranges lie in the file, the core for gdb
 * that is made of it can be opened again and has the same bytes, and what its page tables map is what a second, independent
 * walk finds. What it says of a crash can be printed.
 */
#ifndef FUZZ_CHECK_COREFILE_H
#define FUZZ_CHECK_COREFILE_H

#include "fail.h"
#include "text.c"
#include "output.c"
#include "core_list.c"
#include "core_notes.c"
#include "core_file.c"
#include "core_pages.c"
#include "core_layout.c"
#include "core_crash.c"
#include "core_print.c"

/* disk/kernel_facts.c */
void fact(const char *label)
{
	printf("  %-14s  ", label);
}

#define FUZZ_TABLES 400u

static bool complained;

int complain(const char *file, const char *format, ...)
{
	(void)file;
	CHECK(*format, "an empty sentence");
	complained = true;
	return STATUS_REFUSED;
}

static inline bool read_input(const struct core *core, uint64_t offset, void *to, size_t size)
{
	CHECK(offset <= core->file_size && size <= core->file_size - offset, "a read outside of the file: %#jx, %zu", (uintmax_t)offset, size);
	memcpy(to, (const uint8_t *)core->data + offset, size);
	return true;
}

static inline void check_lists(const struct core *core)
{
	uint64_t end = 0;

	for (size_t i = 0; i < core->segments.count; i++) {
		const struct core_range *range = &core->segments.at[i];

		CHECK(range->size && range->offset <= core->file_size && range->size <= core->file_size - range->offset, "a segment outside");
		CHECK(range->phys + range->size > range->phys, "a segment that wraps");
		CHECK(range->virt == CORE_NOWHERE || range->virt + (range->size - 1) >= range->virt, "a virtual range that wraps");
	}
	for (size_t i = 0; i < core->memory.count; i++) {
		const struct core_range *range = &core->memory.at[i];

		CHECK(range->size && range->phys >= end, "memory that is not sorted or overlaps");
		CHECK(range->offset <= core->file_size && range->size <= core->file_size - range->offset, "memory outside of the file");
		end = range->phys + range->size;
	}
}

/* The offset in the file of a byte of physical memory, by a search of its own; UINT64_MAX: none. */
static inline uint64_t source_of(const struct core *core, uint64_t phys)
{
	for (size_t i = 0; i < core->segments.count; i++)
		if (phys - core->segments.at[i].phys < core->segments.at[i].size)
			return core->segments.at[i].offset + (phys - core->segments.at[i].phys);
	return UINT64_MAX;
}

/* For the new core: its headers, and zeros for its data. */
static inline bool read_made(const struct core *core, uint64_t offset, void *to, size_t size)
{
	const struct output *headers = core->data;

	CHECK(offset <= core->file_size && size <= core->file_size - offset, "a read outside of the new file");
	memset(to, 0, size);
	if (offset < headers->size)
		memcpy(to, headers->data + offset, size < headers->size - offset ? size : (size_t)(headers->size - offset));
	return true;
}

/* Physical memory may be in the file twice, with the same bytes. */
static inline bool is_source_of(const struct core *core, uint64_t phys, uint64_t offset)
{
	const uint8_t *bytes = core->data;
	bool found = false;

	for (size_t i = 0; i < core->segments.count; i++) {
		const struct core_range *each = &core->segments.at[i];

		if (phys - each->phys >= each->size)
			continue;
		CHECK(bytes[each->offset + (phys - each->phys)] == bytes[offset], "another byte than that at %#jx", (uintmax_t)each->offset);
		found = found || each->offset + (phys - each->phys) == offset;
	}
	return found;
}

/* The offset in the old file of a byte of the new one. */
static inline uint64_t old_offset(const struct core_layout *layout, uint64_t offset)
{
	for (size_t i = 0; i < layout->data.count; i++)
		if (offset - layout->data.at[i].offset < layout->data.at[i].size)
			return layout->data.at[i].virt + (offset - layout->data.at[i].offset);
	FAIL("offset %#jx of the new file is not copied from anywhere", (uintmax_t)offset);
}

static inline void check_segment(const struct core *core, const struct core_layout *layout, const struct core_range *range)
{
	CHECK(range->offset % 4096 == range->phys % 4096, "p_offset and p_paddr differ modulo 4096");
	CHECK(is_source_of(core, range->phys, old_offset(layout, range->offset)), "wrong bytes at the start");
	CHECK(is_source_of(core, range->phys + range->size - 1, old_offset(layout, range->offset + range->size - 1)), "wrong bytes at the end");
}

static inline void check_layout(const struct core *core, const struct core_list *mapped)
{
	struct core_layout layout;
	struct core made = { .read = read_made };
	uint64_t end;

	complained = false;
	if (!core_lay_out(core, mapped, &layout)) {
		CHECK(complained, "no sentence for a core that cannot be made");
		core_layout_free(&layout);
		return;
	}
	end = layout.headers.size;
	for (size_t i = 0; i < layout.data.count; i++) {
		CHECK(layout.data.at[i].offset >= end && layout.data.at[i].virt <= core->file_size &&
		      layout.data.at[i].size <= core->file_size - layout.data.at[i].virt, "wrong data");
		end = layout.data.at[i].offset + layout.data.at[i].size;
	}
	made.data = &layout.headers;
	made.file_size = layout.data.count ? layout.size : layout.headers.size;
	CHECK(core_open(&made), "the new core is refused: %s", made.refusal);
	CHECK(made.is_64 == (core->width == 64), "the new core has the wrong class");
	CHECK(!made.has_conflict && made.segments.count == layout.segments.count, "the new core has other ranges");
	CHECK(made.note_count + layout.notes_left_out == core->note_count, "notes are lost");
	for (size_t i = 0; i < made.segments.count; i++) {
		CHECK(!memcmp(&made.segments.at[i], &layout.segments.at[i], sizeof *made.segments.at), "range %zu is another", i);
		check_segment(core, &layout, &made.segments.at[i]);
	}
	CHECK(core_suits_gdb(&made) || made.width != core->width, "the new core is not for gdb");
	core_free(&made);
	core_layout_free(&layout);
}

/* Intel SDM, volume 3, tables "Formats of CR3 and Paging-Structure Entries": one address at a time. UINT64_MAX: not mapped. */
static inline uint64_t translate(const struct core *core, const struct core_walk *walk, uint64_t virt)
{
	bool old = walk->paging == CORE_PAGING_32;
	unsigned level = old ? 2 : walk->paging == CORE_PAGING_PAE ? 3 : walk->paging == CORE_PAGING_4_LEVEL ? 4 : 5, bits = old ? 10 : 9;
	uint64_t table = old ? walk->cr3 & 0xfffff000 : walk->paging == CORE_PAGING_PAE ? walk->cr3 & 0xffffffe0 : walk->cr3 << 12 >> 24 << 12;

	for (; level; level--) {
		unsigned shift = 12 + bits * (level - 1);
		uint64_t index = virt >> shift & ((1u << bits) - 1), entry;
		uint8_t bytes[8] = { 0 };

		if (walk->paging == CORE_PAGING_PAE && level == 3)
			index &= 3;
		if (!core_read(core, table + index * (old ? 4 : 8), bytes, old ? 4 : 8))
			return UINT64_MAX;
		entry = le64(bytes);
		if (!(entry & 1))
			return UINT64_MAX;
		if (old && level == 2 && entry & 0x80 && walk->large_pages)
			return (entry >> 22 << 22) + ((entry >> 13 & 255) << 32) + (virt & 0x3fffff);
		table = old ? entry & 0xfffff000 : entry << 12 >> 24 << 12;
		if (!old && entry & 0x80 && (level == 2 || (level == 3 && walk->paging != CORE_PAGING_PAE)))
			return (table >> shift << shift) + (virt & ((1ull << shift) - 1));
	}
	return table + (virt & 4095);
}

static inline void check_walk(const struct core *core, enum core_paging paging, uint64_t cr3, bool large_pages)
{
	struct core_walk walk = { .paging = paging, .cr3 = cr3, .large_pages = large_pages, .tables_left = FUZZ_TABLES };

	core_walk(core, &walk);
	for (size_t i = 0; i < walk.mapped.count; i++) {
		const struct core_range *range = &walk.mapped.at[i];

		CHECK(range->size && range->virt + (range->size - 1) >= range->virt, "a mapped range that wraps");
		CHECK(source_of(core, range->phys) != UINT64_MAX && source_of(core, range->phys + range->size - 1) != UINT64_MAX,
		      "mapped memory that the core does not have");
		CHECK(translate(core, &walk, range->virt) == range->phys, "%#jx is mapped otherwise", (uintmax_t)range->virt);
		CHECK(translate(core, &walk, range->virt + (range->size - 1)) == range->phys + (range->size - 1), "the end is mapped otherwise");
	}
	check_layout(core, &walk.mapped);
	core_list_free(&walk.mapped);
}

/* how: the paging mode, and whether there are 4 MiB pages */
static inline void check_corefile(const uint8_t *data, size_t size, uint8_t how, uint32_t cr3)
{
	struct core core = { .read = read_input, .data = data, .file_size = size };
	static bool quiet;

	if (!core_open(&core)) {
		CHECK(strlen(core.refusal) > 10, "no sentence");
	} else {
		CHECK(!*core.refusal, "a sentence for a core that is not refused");
		check_lists(&core);
		for (size_t i = 0; i < core.damage_count && i < CORE_DAMAGES; i++)
			CHECK(strlen(core.damages[i]) > 10, "no sentence");
		core_why_not_restored(&core);
		for (size_t i = 0; i < core.cpu_count; i++)
			core_cpu_pid(&core.cpus[i]);
		/* What is printed is of no interest here. */
		if (!quiet)
			quiet = freopen("/dev/null", "w", stdout) != NULL;
		core_print(&core, NULL);
		check_layout(&core, &core.segments);
		check_walk(&core, how % 5, cr3, how & 0x80);
		if (core.has_host)
			check_walk(&core, core_paging_of(&core.host), core.host.cr3, true);
	}
	core_free(&core);
}

#endif
