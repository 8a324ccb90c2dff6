/* SPDX-License-Identifier: MIT */
/* The ELF sections that a Multiboot kernel gets, with its symbols. */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "common/placement.h"
#include "multiboot.h"

/* Sections that lie closer than this in the file are loaded as one, together with the bytes between them. */
#define SECTION_GAP 64u
/* A limit above what kernels have: the workspace cannot hold any number of segments for them. */
#define SECTION_RUNS_MAX 16u

/* Sections [first, end). Those of them that float lie in [start, stop) of the file. */
struct run {
	uint32_t first, end;
	addr_t start, stop;
};

/* Finds the sections from first on that are adjacent in the file and in no segment. */
static struct run find_run(const struct elf_file *elf, const uint8_t *headers, uint32_t first)
{
	struct run run = {.first = first, .end = first};
	bool any = false;

	for (; run.end < elf->section_header_count; run.end++) {
		struct elf_section s = segue_elf_section(elf->is_64, headers + (size_t)run.end * elf->section_header_size);

		if (!segue_elf_section_floats(&s))
			continue;
		if (!any) {
			run.first = run.end;
			/* keeps the alignment of every section */
			run.start = s.offset & ~(addr_t)(TABLE_ALIGN - 1);
			run.stop = s.offset;
			any = true;
		}
		if (s.offset < run.start || s.offset > run.stop + SECTION_GAP)
			break;
		if (s.offset + s.size > run.stop)
			run.stop = s.offset + s.size;
	}
	return run;
}

/*
 * Writes the run's addresses to the headers; with dest 0 clears the headers. Returns false if that clears the section
 * names.
 */
static bool settle_run(const struct elf_file *elf, uint8_t *headers, const struct run *run, uint32_t dest)
{
	uint32_t i;

	for (i = run->first; i < run->end; i++) {
		uint8_t *header = headers + (size_t)i * elf->section_header_size;
		struct elf_section s = segue_elf_section(elf->is_64, header);

		if (!segue_elf_section_floats(&s))
			continue;
		if (dest)
			segue_elf_set_section_address(elf->is_64, header, dest + (uint32_t)(s.offset - run->start));
		else
			memset(header, 0, elf->section_header_size);
		if (!dest && i == elf->section_names)
			return false;
	}
	return true;
}

static bool has_sections(const struct job *job, const struct elf_file *elf, addr_t *size)
{
	const uint8_t *headers;
	struct run run = {.end = 0};

	/* It checks that the headers are in the file. */
	if (!segue_elf_has_sections(job, elf))
		return false;
	headers = elf->file.data + (size_t)elf->section_headers;
	while (run.end < elf->section_header_count) {
		run = find_run(elf, headers, run.end);
		*size += (run.stop - run.start + TABLE_ALIGN - 1) & ~(addr_t)(TABLE_ALIGN - 1);
	}
	return true;
}

/*
 * Multiboot 1, section 3.3, bit 5; Multiboot 2, section 3.6.7: passes the section headers, and the sections that no segment holds, such as symbols, for a
 * debugger in the target. They are left out where there is no room: the kernel runs without them.
 */
static int place_sections(struct job *job, const struct elf_file *elf, struct multiboot_table *table, uint8_t *headers)
{
	struct multiboot_info *info = table->info;
	uint32_t size = elf->section_header_count * elf->section_header_size, names = elf->section_names, first, runs = 0;
	addr_t at = 0, dest, dropped = 0;
	struct place place;
	bool named = true;
	int error;

	if (size > SECTION_HEADERS_MAX || (!headers && !segue_multiboot_find_low(job, size, table, &place))) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "no room for %u section headers",
			  elf->section_header_count);
		return SEGUE_OK;
	}
	error = headers ? SEGUE_OK : segue_add_table(job, "ELF section headers", size, &place, &headers, &at);
	if (error)
		return error;
	memcpy(headers, elf->file.data + (size_t)elf->section_headers, size);
	for (first = 0; first < elf->section_header_count;) {
		struct run run = find_run(elf, headers, first);
		addr_t length = run.stop - run.start;

		place = segue_multiboot_place;
		place.min = table->kernel_end;
		if (!segue_find_free(job, length, &place, &dest))
			place.min = table->floor;
		if (length && (runs++ >= SECTION_RUNS_MAX || !segue_find_free(job, length, &place, &dest))) {
			dropped += length;
			named &= settle_run(elf, headers, &run, 0);
		} else if (length) {
			struct bytes source = segue_bytes_at(elf->file, (size_t)run.start, (size_t)length);

			error = segue_add_floating(job, "ELF section", run.first, &source, length, &place, &dest);
			if (error)
				return error;
			job->segments[job->segment_count - 1].optional = true;
			settle_run(elf, headers, &run, (uint32_t)dest);
		}
		first = run.end;
	}
	if (dropped)
		segue_say(&job->log, SEGUE_LOG_WARNING, "no RAM for %z bytes of the kernel's sections", dropped);
	if (names >= elf->section_header_count)
		names = 0;
	if (named && info) {
		info->elf_num = elf->section_header_count;
		info->elf_size = elf->section_header_size;
		info->elf_addr = (uint32_t)at;
		info->elf_shndx = names;
		info->flags |= MULTIBOOT_INFO_ELF_SECTIONS;
	} else if (named) {
		headers -= sizeof(struct multiboot2_sections);
		put_le32(headers + offsetof(struct multiboot2_sections, type), MULTIBOOT2_TAG_ELF_SECTIONS);
		put_le32(headers + offsetof(struct multiboot2_sections, size), (uint32_t)sizeof(struct multiboot2_sections) + size);
		put_le32(headers + offsetof(struct multiboot2_sections, num), elf->section_header_count);
		put_le32(headers + offsetof(struct multiboot2_sections, entsize), elf->section_header_size);
		put_le32(headers + offsetof(struct multiboot2_sections, shndx), names);
	}
	return SEGUE_OK;
}

const struct segue_multiboot_extra segue_extra_sections = {.has_sections = has_sections, .place_sections = place_sections};
