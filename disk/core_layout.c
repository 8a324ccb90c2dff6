/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "core_crash.h"
#include "core_layout.h"
#include "disk.h"
#include "elf.h"

#define PAGE 4096u
#define FOUR_GIB 0x100000000ull

static bool is_elf32(const struct core *core)
{
	return core->width == 32;
}

static bool too_many(const struct core *core)
{
	complain(core->path, "more than %u ranges would be needed", CORE_RANGES_MAX);
	return false;
}

/* An ELF32 file has no addresses from 4 GiB on, and the last one stands for nowhere. */
static bool cut_range(struct core_range *range)
{
	if (range->phys >= FOUR_GIB || range->virt >= UINT32_MAX)
		return false;
	if (range->size > FOUR_GIB - range->phys)
		range->size = FOUR_GIB - range->phys;
	if (range->size > FOUR_GIB - range->virt)
		range->size = FOUR_GIB - range->virt;
	return true;
}

/* The parts of mapped ranges that the core has. */
static bool add_mapped(const struct core *core, const struct core_list *mapped, struct core_layout *layout)
{
	size_t i, k;

	for (i = 0; i < mapped->count; i++) {
		struct core_range range = mapped->at[i];

		if (range.virt == CORE_NOWHERE || (is_elf32(core) && !cut_range(&range)))
			continue;
		for (k = core_find(&core->memory, range.phys); k < core->memory.count; k++) {
			const struct core_range *memory = &core->memory.at[k];
			uint64_t from = memory->phys > range.phys ? memory->phys : range.phys;
			uint64_t to = memory->phys + memory->size, end = range.phys + range.size;

			/* A piece may begin at the last address, too. */
			if (from >= end || (is_elf32(core) && range.virt + (from - range.phys) == UINT32_MAX))
				break;
			to = to < end ? to : end;
			if (!core_add(&layout->segments, (struct core_range){ range.virt + (from - range.phys), from, to - from, 0 }))
				return too_many(core);
		}
	}
	return true;
}

/* Calls take() for the parts of the core's memory that are in covered, and for those that are not. */
static bool split_memory(const struct core *core, const struct core_list *covered, struct core_layout *layout,
			 bool (*take)(const struct core *core, struct core_layout *layout, struct core_range part, bool is_covered))
{
	size_t i, k = 0;

	for (i = 0; i < core->memory.count; i++) {
		const struct core_range *memory = &core->memory.at[i];
		uint64_t at = memory->phys, end = memory->phys + memory->size;

		while (at < end) {
			uint64_t next = end;
			bool is_covered;

			while (k < covered->count && covered->at[k].phys + covered->at[k].size <= at)
				k++;
			is_covered = k < covered->count && covered->at[k].phys <= at;
			if (is_covered && covered->at[k].phys + covered->at[k].size < end)
				next = covered->at[k].phys + covered->at[k].size;
			else if (!is_covered && k < covered->count && covered->at[k].phys < end)
				next = covered->at[k].phys;
			if (!take(core, layout, (struct core_range){ CORE_NOWHERE, at, next - at, memory->offset + (at - memory->phys) }, is_covered))
				return false;
			at = next;
		}
	}
	return true;
}

/* Lays the part out after those that are there: p_offset and p_paddr are equal modulo 4096, as in any core of Segue's. */
static bool take_part(const struct core *core, struct core_layout *layout, struct core_range part, bool is_covered)
{
	struct core_range data = { part.offset, part.phys, part.size, 0 };
	const struct core_range *last = layout->data.count ? &layout->data.at[layout->data.count - 1] : NULL;

	if (!is_covered && is_elf32(core)) {
		uint64_t below = part.phys >= FOUR_GIB ? 0 : part.size < FOUR_GIB - part.phys ? part.size : FOUR_GIB - part.phys;

		layout->unmapped += below;
		layout->too_high += part.size - below;
		return true;
	}
	if (!is_covered) {
		if (!fits(part.phys, part.size, CORE_PHYSICAL_LIMIT)) {
			layout->too_high += part.size;
			return true;
		}
		part.virt = CORE_PHYSICAL_BASE + part.phys;
		part.offset = 0;
		if (!core_add(&layout->segments, part))
			return too_many(core);
	}
	/* Relative to the first data, until the size of the headers is known. */
	data.offset = layout->size + ((part.phys - layout->size) & (PAGE - 1));
	if (!last || last->phys + last->size != data.phys || last->virt + last->size != data.virt) {
		if (!core_add(&layout->data, data))
			return too_many(core);
	} else {
		layout->data.at[layout->data.count - 1].size += data.size;
	}
	layout->size = data.offset + data.size;
	return true;
}

/* The physical addresses of the segments, sorted and disjoint. */
static struct core_list union_of(const struct core_list *segments)
{
	struct core_list all = { 0 }, disjoint = { 0 };
	size_t i;

	for (i = 0; i < segments->count; i++)
		core_add(&all, (struct core_range){ CORE_NOWHERE, segments->at[i].phys, segments->at[i].size, 0 });
	core_sort(&all);
	for (i = 0; i < all.count; i++) {
		struct core_range range = all.at[i], *last = disjoint.count ? &disjoint.at[disjoint.count - 1] : NULL;

		if (last && range.phys <= last->phys + last->size) {
			if (range.phys + range.size > last->phys + last->size)
				last->size = range.phys + range.size - last->phys;
		} else {
			core_add(&disjoint, range);
		}
	}
	core_list_free(&all);
	return disjoint;
}

static int by_virt(const void *a, const void *b)
{
	const struct core_range *x = a, *y = b;

	if (x->virt != y->virt)
		return x->virt < y->virt ? -1 : 1;
	return x->phys < y->phys ? -1 : x->phys > y->phys;
}

/* Sorts the segments, finds where their bytes are, and merges them. */
static void place_segments(struct core_layout *layout)
{
	struct core_list merged = { 0 };
	size_t i;

	if (layout->segments.count)
		qsort(layout->segments.at, layout->segments.count, sizeof *layout->segments.at, by_virt);
	for (i = 0; i < layout->segments.count; i++) {
		struct core_range range = layout->segments.at[i];
		const struct core_range *data = &layout->data.at[core_find(&layout->data, range.phys)];

		range.offset = data->offset + (range.phys - data->phys);
		core_add_merged(&merged, range, true);
	}
	core_list_free(&layout->segments);
	layout->segments = merged;
}

static void put_word(bool is_64, uint8_t *p, size_t at_32, size_t at_64, uint64_t value)
{
	if (is_64)
		put_le64(p + at_64, value);
	else
		put_le32(p + at_32, (uint32_t)value);
}
#define PUT_WORD(is_64, p, structure, name, value) \
	put_word(is_64, p, offsetof(struct elf32_##structure, name), offsetof(struct elf64_##structure, name), value)
#define PUT_HALF(is_64, p, structure, name, value) \
	put_le16((p) + ((is_64) ? offsetof(struct elf64_##structure, name) : offsetof(struct elf32_##structure, name)), value)

/* gABI, chapter 4, "ELF Header"; count is the number of program headers */
static void put_header(bool is_64, struct output *out, size_t count)
{
	size_t size = is_64 ? sizeof(struct elf64_header) : sizeof(struct elf32_header);
	size_t program = is_64 ? sizeof(struct elf64_program_header) : sizeof(struct elf32_program_header);
	uint8_t h[sizeof(struct elf64_header)] = { 0x7f, 'E', 'L', 'F', is_64 ? 2 : 1, 1, 1 };

	PUT_HALF(is_64, h, header, e_type, ET_CORE);
	PUT_HALF(is_64, h, header, e_machine, is_64 ? EM_X86_64 : EM_386);
	put_le32(h + offsetof(struct elf32_header, e_version), 1);
	PUT_WORD(is_64, h, header, e_phoff, size);
	PUT_HALF(is_64, h, header, e_ehsize, (uint16_t)size);
	PUT_HALF(is_64, h, header, e_phentsize, (uint16_t)program);
	PUT_HALF(is_64, h, header, e_phnum, (uint16_t)(count < PN_XNUM ? count : PN_XNUM));
	if (count >= PN_XNUM) {
		PUT_WORD(is_64, h, header, e_shoff, size + count * program);
		PUT_HALF(is_64, h, header, e_shentsize, is_64 ? sizeof(struct elf64_section_header) : sizeof(struct elf32_section_header));
		PUT_HALF(is_64, h, header, e_shnum, 1);
	}
	put(out, h, size);
}

static void put_program(bool is_64, struct output *out, uint32_t type, const struct core_range *range)
{
	uint8_t p[sizeof(struct elf64_program_header)] = { 0 };

	put_le32(p, type);
	put_le32(p + (is_64 ? offsetof(struct elf64_program_header, p_flags) : offsetof(struct elf32_program_header, p_flags)),
		 type == PT_LOAD ? 7 : 0);
	PUT_WORD(is_64, p, program_header, p_offset, range->offset);
	PUT_WORD(is_64, p, program_header, p_vaddr, range->virt);
	PUT_WORD(is_64, p, program_header, p_paddr, range->phys);
	PUT_WORD(is_64, p, program_header, p_filesz, range->size);
	PUT_WORD(is_64, p, program_header, p_memsz, type == PT_LOAD ? range->size : 0);
	put(out, p, is_64 ? sizeof(struct elf64_program_header) : sizeof(struct elf32_program_header));
}

static void put_section_0(bool is_64, struct output *out, size_t count)
{
	uint8_t s[sizeof(struct elf64_section_header)] = { 0 };

	put_le32(s + (is_64 ? offsetof(struct elf64_section_header, sh_info) : offsetof(struct elf32_section_header, sh_info)),
		 (uint32_t)count);
	put(out, s, is_64 ? sizeof(struct elf64_section_header) : sizeof(struct elf32_section_header));
}

/* gdb takes pr_pid for a thread's number: different ones that are not 0. */
static bool has_good_pids(const struct core *core)
{
	size_t i, k;

	for (i = 0; i < core->cpu_count; i++) {
		if (!core_cpu_pid(&core->cpus[i]))
			return false;
		for (k = 0; k < i; k++)
			if (core_cpu_pid(&core->cpus[i]) == core_cpu_pid(&core->cpus[k]))
				return false;
	}
	return true;
}

static void put_note(const struct core_note *note, struct output *out)
{
	uint8_t h[12];

	put_le32(h, (uint32_t)note->name_size + 1);
	put_le32(h + 4, (uint32_t)note->desc_size);
	put_le32(h + 8, note->type);
	put(out, h, sizeof h);
	put(out, note->name, note->name_size);
	put(out, "", 1);
	pad(out, 4);
	put(out, note->desc, note->desc_size);
	pad(out, 4);
}

/* The registers of the CPU that has crashed, or NULL. */
static const struct core_note *crashed_cpu(const struct core *core)
{
	uint32_t number;
	size_t i;

	if (!core_crashed(core, &number))
		return NULL;
	for (i = 0; i < core->note_count; i++) {
		const struct core_cpu *cpu = core->notes[i].cpu;

		if (cpu && cpu->is_64 != is_elf32(core) && core_cpu_pid(cpu) == number + 1)
			return &core->notes[i];
	}
	return NULL;
}

/*
 * All notes, but for registers of the other width, which gdb would take for those of a CPU of this one. The CPU that has crashed is
 * the first CPU: gdb begins with it.
 */
static void put_notes(const struct core *core, struct core_layout *layout, struct output *out)
{
	bool keep_pids = has_good_pids(core), is_put = false;
	const struct core_note *crashed = keep_pids ? crashed_cpu(core) : NULL;
	size_t i;

	for (i = 0; i < core->note_count; i++) {
		const struct core_note *note = &core->notes[i];
		const struct core_cpu *cpu = note->cpu;
		size_t start;

		if (cpu && cpu->is_64 == is_elf32(core)) {
			layout->notes_left_out++;
			continue;
		}
		if (cpu && crashed && !is_put) {
			put_note(crashed, out);
			is_put = true;
		}
		if (note == crashed)
			continue;
		put_note(note, out);
		if (!cpu || keep_pids)
			continue;
		start = out->size - ((note->desc_size + 3) & ~(size_t)3);
		put_le32(out->data + start + (cpu->is_64 ? PRSTATUS_PID_64 : PRSTATUS_PID_32), (uint32_t)++layout->cpus_numbered);
	}
}

/* Makes the headers, and moves all offsets after them. */
static void put_headers(const struct core *core, struct core_layout *layout)
{
	bool is_64 = !is_elf32(core);
	struct core_range notes = { 0 };
	struct output bytes = { 0 };
	size_t count = layout->segments.count + 1, i;
	uint64_t first;

	put_notes(core, layout, &bytes);
	notes.size = bytes.size;
	notes.offset = (is_64 ? sizeof(struct elf64_header) : sizeof(struct elf32_header)) +
		       count * (is_64 ? sizeof(struct elf64_program_header) : sizeof(struct elf32_program_header));
	if (count >= PN_XNUM)
		notes.offset += is_64 ? sizeof(struct elf64_section_header) : sizeof(struct elf32_section_header);
	first = (notes.offset + notes.size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	put_header(is_64, &layout->headers, count);
	put_program(is_64, &layout->headers, PT_NOTE, &notes);
	for (i = 0; i < layout->segments.count; i++) {
		layout->segments.at[i].offset += first;
		put_program(is_64, &layout->headers, PT_LOAD, &layout->segments.at[i]);
	}
	if (count >= PN_XNUM)
		put_section_0(is_64, &layout->headers, count);
	put(&layout->headers, bytes.data, bytes.size);
	for (i = 0; i < layout->data.count; i++)
		layout->data.at[i].offset += first;
	layout->size += first;
	free(bytes.data);
}

bool core_lay_out(const struct core *core, const struct core_list *mapped, struct core_layout *layout)
{
	struct core_list covered;
	bool good;

	*layout = (struct core_layout){ 0 };
	if (core->has_conflict) {
		complain(core->path, "it has different bytes for one physical address, so it is not a core of a machine's memory");
		return false;
	}
	if (!add_mapped(core, mapped, layout))
		return false;
	covered = union_of(&layout->segments);
	good = split_memory(core, &covered, layout, take_part);
	core_list_free(&covered);
	if (!good)
		return false;
	place_segments(layout);
	put_headers(core, layout);
	if (!is_elf32(core) || layout->size < FOUR_GIB)
		return true;
	complain(core->path, "its ELF32 core would have 0x%" PRIx64 " bytes; the offsets in one end at 4 GiB", layout->size);
	return false;
}

void core_layout_free(struct core_layout *layout)
{
	core_list_free(&layout->segments);
	core_list_free(&layout->data);
	free(layout->headers.data);
}

bool core_suits_gdb(const struct core *core)
{
	size_t i;

	for (i = 0; i < core->segments.count; i++)
		if (core->segments.at[i].virt == CORE_NOWHERE)
			return false;
	return core->is_64 == (core->width == 64) && has_good_pids(core);
}
