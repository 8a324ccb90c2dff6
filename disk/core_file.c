/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "container/magic.h"
#include "core_file.h"
#include "disk.h"
#include "elf.h"

#define NOTES_MAX (16u << 20)

struct header {
	uint64_t programs, sections;  /* offsets */
	uint32_t count;               /* of program headers */
};

struct program {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz;
};

static bool refuse(struct core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(struct core *core, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(core->refusal, sizeof core->refusal, format, list);
	va_end(list);
	return false;
}

void core_damaged(struct core *core, const char *format, ...)
{
	va_list list;

	if (core->damage_count++ >= CORE_DAMAGES)
		return;
	va_start(list, format);
	vsnprintf(core->damages[core->damage_count - 1], CORE_SENTENCE, format, list);
	va_end(list);
}

/* A field of one name in the structures of both classes, an address or a size. */
#define WORD(core, p, structure, name) \
	((core)->is_64 ? le64((p) + offsetof(struct elf64_##structure, name)) : le32((p) + offsetof(struct elf32_##structure, name)))
#define HALF(core, p, structure, name) \
	le16((p) + ((core)->is_64 ? offsetof(struct elf64_##structure, name) : offsetof(struct elf32_##structure, name)))
#define SIZE(core, structure) ((core)->is_64 ? sizeof(struct elf64_##structure) : sizeof(struct elf32_##structure))

static bool read_bytes(struct core *core, uint64_t offset, void *to, size_t size, const char *what)
{
	if (!fits(offset, size, core->file_size))
		return refuse(core, "cut: the %s at offset 0x%" PRIx64 " of %zu bytes is past the end of the file at 0x%" PRIx64,
			      what, offset, size, core->file_size);
	errno = 0;
	if (!core->read(core, offset, to, size))
		return refuse(core, "the %s at offset 0x%" PRIx64 " cannot be read: %s", what, offset, strerror(errno));
	return true;
}

/* What a file that is no ELF may be. NULL: nothing that is known. */
static const char *other_format(const uint8_t *p, size_t size)
{
	struct bytes bytes = { p, size, 0 };

	if (segue_is_gzip(&bytes))
		return "gzip";
	return segue_compression(&bytes);
}

static bool is_at_start(const uint8_t *p, size_t size, const char *magic)
{
	return size >= strlen(magic) && !memcmp(p, magic, strlen(magic));
}

/* gABI, chapter 4, "ELF Identification" */
static bool check_ident(struct core *core, const uint8_t *p, size_t size)
{
	static const uint8_t elf[] = { 0x7f, 'E', 'L', 'F' };

	if (!size)
		return refuse(core, "the file is empty");
	if (size < sizeof elf || memcmp(p, elf, sizeof elf)) {
		const char *format = other_format(p, size);

		/* makedumpfile's own formats */
		if (is_at_start(p, size, "KDUMP   ") || is_at_start(p, size, "DISKDUMP") || is_at_start(p, size, "makedumpfile"))
			return refuse(core, "a dump in a format of makedumpfile; it writes an ELF core with -E and without -F");
		if (format)
			return refuse(core, "compressed by %s: unpack it first", format);
		return refuse(core, "not an ELF core: the first bytes are not those of an ELF file");
	}
	if (size < 16)
		return refuse(core, "cut: the ELF header ends with the file, after %zu bytes", size);
	if (p[4] != 1 && p[4] != 2)
		return refuse(core, "not an ELF core: its class is %u, neither 1 (32 bits) nor 2 (64 bits)", p[4]);
	if (p[5] != 1)
		return refuse(core, "an ELF file that is not little-endian: its data encoding is %u", p[5]);
	core->is_64 = p[4] == 2;
	return true;
}

static bool read_header(struct core *core, struct header *header)
{
	uint8_t h[sizeof(struct elf64_header)];
	size_t there = core->file_size < sizeof h ? (size_t)core->file_size : sizeof h;
	unsigned type, size;

	if (!read_bytes(core, 0, h, there, "ELF header") || !check_ident(core, h, there))
		return false;
	if (there < SIZE(core, header))
		return refuse(core, "cut: the ELF header ends with the file, after %zu bytes", there);
	type = HALF(core, h, header, e_type);
	core->machine = HALF(core, h, header, e_machine);
	if (type != ET_CORE)
		return refuse(core, "an ELF file, but no core: its type is %u, and a core's is %u", type, ET_CORE);
	if (core->machine != EM_386 && core->machine != EM_X86_64)
		return refuse(core, "a core of another machine than x86: its e_machine is %u", core->machine);
	header->programs = WORD(core, h, header, e_phoff);
	header->sections = WORD(core, h, header, e_shoff);
	header->count = HALF(core, h, header, e_phnum);
	size = HALF(core, h, header, e_phentsize);
	if (!header->count)
		return refuse(core, "a core without program headers");
	if (size != SIZE(core, program_header))
		return refuse(core, "its program headers have %u bytes each instead of %zu", size, SIZE(core, program_header));
	return true;
}

/* gABI, chapter 4, "e_phnum". A core with exactly 65,535 program headers and no section headers is a plain one. */
static bool read_extended_count(struct core *core, struct header *header)
{
	uint8_t section[sizeof(struct elf64_section_header)];

	if (header->count != PN_XNUM || !header->sections)
		return true;
	if (!read_bytes(core, header->sections, section, SIZE(core, section_header), "section header 0"))
		return false;
	header->count = le32(section + (core->is_64 ? offsetof(struct elf64_section_header, sh_info) :
					offsetof(struct elf32_section_header, sh_info)));
	if (!header->count || header->count > CORE_RANGES_MAX)
		return refuse(core, "section header 0 says that there are %" PRIu32 " program headers; 1 to %u are possible",
			      header->count, CORE_RANGES_MAX);
	return true;
}

static struct program read_program(const struct core *core, const uint8_t *p)
{
	/* p_type is the first field of both. */
	return (struct program){
		le32(p), WORD(core, p, program_header, p_offset), WORD(core, p, program_header, p_vaddr),
		WORD(core, p, program_header, p_paddr), WORD(core, p, program_header, p_filesz), WORD(core, p, program_header, p_memsz)
	};
}

/* How much of the bytes is in the file. */
static uint64_t in_file(const struct core *core, uint64_t offset, uint64_t size)
{
	uint64_t left = offset < core->file_size ? core->file_size - offset : 0;

	return size < left ? size : left;
}

static void take_segment(struct core *core, uint32_t number, const struct program *p)
{
	struct core_range range = { p->vaddr, p->paddr, p->filesz, p->offset };
	uint64_t end, size = p->memsz > p->filesz ? p->memsz : p->filesz;

	if (!core->is_64 && range.virt == UINT32_MAX)
		range.virt = CORE_NOWHERE;
	if (!size)
		return;
	if (!add_addr(range.phys, size, &end)) {
		core_damaged(core, "program header %" PRIu32 ": 0x%" PRIx64 " bytes at physical 0x%" PRIx64 " wrap", number, size, range.phys);
		return;
	}
	if (range.virt != CORE_NOWHERE && !add_addr(range.virt, size - 1, &end)) {
		core_damaged(core, "program header %" PRIu32 ": 0x%" PRIx64 " bytes at virtual 0x%" PRIx64 " wrap", number, size, range.virt);
		range.virt = CORE_NOWHERE;
	}
	core->left_out += size - p->filesz;
	range.size = in_file(core, range.offset, p->filesz);
	if (range.size < p->filesz)
		core_damaged(core, "cut: program header %" PRIu32 ", physical 0x%" PRIx64 ": 0x%" PRIx64 " of its 0x%" PRIx64
			     " bytes at offset 0x%" PRIx64 " are past the end of the file at 0x%" PRIx64, number, range.phys,
			     p->filesz - range.size, p->filesz, p->offset, core->file_size);
	if (range.size)
		core_add(&core->segments, range);
}

/* Appends a PT_NOTE to core->note_bytes, on a multiple of 4. False: it cannot be read. */
static bool read_notes(struct core *core, uint32_t number, const struct program *p, size_t *used)
{
	uint64_t size = in_file(core, p->offset, p->filesz);
	size_t start = (*used + 3) & ~(size_t)3;

	if (size < p->filesz)
		core_damaged(core, "cut: program header %" PRIu32 ": 0x%" PRIx64 " of 0x%" PRIx64 " bytes of notes at offset 0x%" PRIx64
			     " are past the end of the file at 0x%" PRIx64, number, p->filesz - size, p->filesz, p->offset, core->file_size);
	if (size > NOTES_MAX - start) {
		core_damaged(core, "program header %" PRIu32 ": of 0x%" PRIx64 " bytes of notes, 0x%zx are read: there may be 0x%x in all",
			     number, size, (size_t)(NOTES_MAX - start), NOTES_MAX);
		size = NOTES_MAX - start;
	}
	if (!size)
		return true;
	core->note_bytes = allocate_again(core->note_bytes, start + (size_t)size);
	memset(core->note_bytes + *used, 0, start - *used);
	*used = start + (size_t)size;
	return read_bytes(core, p->offset, core->note_bytes + start, (size_t)size, "PT_NOTE");
}

static bool take_programs(struct core *core, const uint8_t *table, uint32_t count)
{
	size_t used = 0;
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct program program = read_program(core, table + i * SIZE(core, program_header));

		if (program.type == PT_LOAD)
			take_segment(core, i, &program);
		else if (program.type == PT_NOTE && !read_notes(core, i, &program, &used))
			return false;
	}
	core_take_notes(core, used);
	return true;
}

static bool read_programs(struct core *core, const struct header *header)
{
	size_t size = header->count * SIZE(core, program_header);
	uint8_t *table;
	bool good;

	/* Before memory for them is taken */
	if (!fits(header->programs, size, core->file_size))
		return refuse(core, "cut: its %" PRIu32 " program headers at offset 0x%" PRIx64 " do not end in the file of 0x%" PRIx64 " bytes",
			      header->count, header->programs, core->file_size);
	table = allocate(size);
	good = read_bytes(core, header->programs, table, size, "table of program headers") && take_programs(core, table, header->count);
	free(table);
	return good;
}

/* Linux's /proc/vmcore has the bytes of each PT_LOAD at an offset of their own, also if two have one physical range. */
static bool same_bytes(struct core *core, uint64_t one, uint64_t other, uint64_t size, bool *same)
{
	uint8_t a[4096], b[sizeof a];

	*same = true;
	while (size && *same) {
		size_t part = size < sizeof a ? (size_t)size : sizeof a;

		if (!read_bytes(core, one, a, part, "memory") || !read_bytes(core, other, b, part, "memory"))
			return false;
		*same = memcmp(a, b, part) == 0;
		one += part;
		other += part;
		size -= part;
	}
	return true;
}

/* Makes core->memory of core->segments. False: they cannot be read. */
static bool sort_memory(struct core *core)
{
	bool good = true;
	struct core_list all = { 0 };
	size_t i;

	for (i = 0; i < core->segments.count; i++)
		core_add(&all, core->segments.at[i]);
	core_sort(&all);
	for (i = 0; good && i < all.count; i++) {
		struct core_range range = all.at[i], *last = core->memory.count ? &core->memory.at[core->memory.count - 1] : NULL;
		uint64_t end = last ? last->phys + last->size : 0;
		uint64_t skip = end > range.phys ? end - range.phys : 0;

		range.virt = CORE_NOWHERE;
		if (skip && !core->has_conflict && range.offset - range.phys != last->offset - last->phys) {
			bool same;

			good = same_bytes(core, range.phys - last->phys + last->offset, range.offset, skip < range.size ? skip : range.size, &same);
			core->has_conflict = !same;
			if (good && !same)
				core_damaged(core, "physical 0x%" PRIx64 " is in the file twice, at offsets 0x%" PRIx64 " and 0x%" PRIx64, range.phys,
					     range.phys - last->phys + last->offset, range.offset);
		}
		if (skip >= range.size)
			continue;
		range.phys += skip;
		range.offset += skip;
		range.size -= skip;
		core_add_merged(&core->memory, range, true);
	}
	core_list_free(&all);
	return good;
}

bool core_open(struct core *core)
{
	struct header header = { 0 };

	if (!read_header(core, &header) || !read_extended_count(core, &header) || !read_programs(core, &header))
		return false;
	if (!sort_memory(core))
		return false;
	if (core->has_host)
		core->width = core->host.width;
	else if (core->cpu_count)
		core->width = core->cpus[0].is_64 ? 64 : 32;
	else
		core->width = core->machine == EM_386 ? 32 : 64;
	return true;
}

void core_free(struct core *core)
{
	core_list_free(&core->segments);
	core_list_free(&core->memory);
	free(core->note_bytes);
	free(core->notes);
	free(core->cpus);
}

bool core_read(const struct core *core, uint64_t phys, void *to, size_t size)
{
	uint8_t *out = to;
	size_t i = core_find(&core->memory, phys);

	errno = 0;
	for (; size; i++) {
		const struct core_range *range = i < core->memory.count ? &core->memory.at[i] : NULL;
		size_t step = size;

		if (!range || phys < range->phys)
			return false;
		if (step > range->size - (phys - range->phys))
			step = (size_t)(range->size - (phys - range->phys));
		if (!core->read(core, range->offset + (phys - range->phys), out, step))
			return false;
		out += step;
		phys += step;
		size -= step;
	}
	return true;
}

static bool has_memory(const struct core *core, uint64_t phys, uint64_t size)
{
	size_t i = core_find(&core->memory, phys);

	for (; i < core->memory.count && core->memory.at[i].phys <= phys; i++) {
		uint64_t there = core->memory.at[i].phys + core->memory.at[i].size - phys;

		if (there >= size)
			return true;
		phys += there;
		size -= there;
	}
	return false;
}

const char *core_why_not_restored(const struct core *core)
{
	const struct segue_core_host *host = &core->host;

	if (!core->has_host)
		return "it is not the core of a host of Segue";
	if (!(host->flags & SEGUE_CORE_RESTORES) || !host->restore_entry)
		return "its note names no entry for that";
	if (core->damage_count)
		return "the file is damaged";
	if (!host->workspace_size || !fits(host->workspace, host->workspace_size, ADDRESS_LIMIT))
		return "its workspace is not below 4 GiB";
	if (host->restore_entry < host->workspace || host->restore_entry - host->workspace >= host->workspace_size)
		return "the entry is not in the workspace";
	/* What is left out is zeros. The entry is not; segue_load() checks the rest of the workspace. */
	if (!has_memory(core, core->left_out ? host->restore_entry : host->workspace, core->left_out ? 1 : host->workspace_size))
		return "its workspace is not in the file";
	return NULL;
}
