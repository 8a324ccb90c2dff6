/* SPDX-License-Identifier: MIT */
/*
 * Protocol "PVH" (pvh_format.h): an ELF file with Xen's note 18 in a PT_NOTE, entered at the note's address in flat 32-bit mode
 * with paging off. EBX has the address of a start info of version 1. Linux's vmlinux is such a file.
 *
 * Segments lie at p_paddr, and e_entry is not used, as in QEMU and Xen. Where these two differ, in which of several notes 18
 * counts, they must agree here. Note 19, with which Xen may load a kernel elsewhere, is not read. There is no argv[0], as Xen
 * gives none.
 */
#include "common/memory_functions.h"
#include "common/placement.h"
#include "multiboot.h"
#include "pvh_format.h"
#include "rsdp.h"

/*
 * Reads the address in the notes. Returns LOADER_PASSES if there is no such note. What is left of notes after the file's end is
 * not read. No more bytes of notes are read than the file has: PT_NOTEs that overlap have more, and the time would be the square of
 * its size.
 */
static int read_notes(const struct log *log, const struct elf_file *elf, addr_t *entry)
{
	int result = LOADER_PASSES;
	addr_t unread = elf->file.size;

	for (uint32_t i = 0; i < elf->program_header_count; i++) {
		struct elf_found_note note;
		addr_t words[ELF_WORDS], address;

		if (segue_elf_read_program_header(elf, i, words) != PT_NOTE || words[ELF_OFFSET] >= elf->file.size)
			continue;
		note.contents = elf->file.data + words[ELF_OFFSET];
		note.there = elf->file.size - words[ELF_OFFSET];
		if (words[ELF_FILESZ] < note.there)
			note.there = words[ELF_FILESZ];
		if (!take_addr(&unread, note.there))
			break;
		while (segue_elf_find_note(note.contents, note.there, PVH_NOTE_OWNER, PVH_NOTE_ENTRY, &note)) {
			if ((note.size != 4 && note.size != 8) || note.size > note.there)
				return segue_refuse(log, SEGUE_E_PVH_NOTE, "program header %u: a note of %z bytes, of which %z are there",
						    i, note.size, note.size < note.there ? note.size : note.there);
			address = note.size == 8 ? le_addr(note.contents) : le32(note.contents);
			if (result == SEGUE_OK && *entry != address)
				return segue_refuse(log, SEGUE_E_PVH_TWICE, "%x and %x", *entry, address);
			*entry = address;
			result = SEGUE_OK;
			note.contents += note.size;
			note.there -= note.size;
		}
	}
	return result;
}

static bool recognise(const struct bytes *kernel)
{
	const struct job silent = {.args = NULL};
	struct elf_file elf;
	addr_t entry = 0;

	return segue_is_elf(kernel) && segue_elf_open(&silent, kernel, &elf, 0) == SEGUE_OK &&
	       read_notes(&silent.log, &elf, &entry) != LOADER_PASSES;
}

/* pvh.pandoc leaves ESP open, but QEMU enters with a stack, and Nanos calls a function before it has its own. */
#define TARGET_STACK_SIZE 256u

/* The start info, and after it modules, memory map, stack and strings; table NULL: only measured. */
struct writer {
	uint8_t *table;
	addr_t dest;
	size_t size;
};

/* A string whose address is put into the field at this offset. The table is zeroed, so its NUL is there. */
static void add_string(struct writer *w, size_t field, const struct bytes *text)
{
	if (w->table) {
		put_le32(w->table + field, (uint32_t)(w->dest + w->size));
		if (text->size)
			memcpy(w->table + w->size, text->data, text->size);
	}
	w->size += text->size + 1;
}

/* Stops at the workspace's size: the host may pass one string many times, and the sum would wrap. */
static void add_strings(struct writer *w, const struct job *job, const struct multiboot_table *layout)
{
	const struct segment *segment = job->segments + layout->kernel_segments;
	size_t at = sizeof(struct pvh_start_info);
	addr_t end = layout->modules_at;
	struct member made;

	add_string(w, offsetof(struct pvh_start_info, cmdline_paddr), &job->bundle.cmdline);
	for (size_t i = 1; i <= layout->module_count && w->size <= job->args->workspace_size; i++, at += sizeof(struct pvh_module)) {
		const struct member *member = segue_multiboot_member(&job->bundle, i, &made);

		if (member->args.size)
			add_string(w, at + offsetof(struct pvh_module, cmdline_paddr), &member->args);
		if (!w->table)
			continue;
		/* An empty module has no segment. */
		put_le32(w->table + at + offsetof(struct pvh_module, size), (uint32_t)member->file.size);
		if (member->file.size)
			end = (segment++)->dest;
		put_le32(w->table + at + offsetof(struct pvh_module, paddr), (uint32_t)end);
		end += member->file.size;
	}
}

/* The size of all; with a table, fills it in. */
static void fill(struct writer *w, const struct job *job, const struct multiboot_table *layout)
{
	size_t modules = sizeof(struct pvh_start_info), map_at = modules + layout->module_count * sizeof(struct pvh_module), count;
	uint8_t *p = w->table;
	struct segue_range *map;

	_Static_assert(sizeof(struct segue_range) == sizeof(struct pvh_memory) &&
		       offsetof(struct segue_range, type) == offsetof(struct pvh_memory, type) &&
		       offsetof(struct segue_range, reserved) == offsetof(struct pvh_memory, reserved),
		       "an entry is a range with its size instead of its end");
	w->size = map_at + layout->map_count * sizeof(struct pvh_memory) + TARGET_STACK_SIZE;
	add_strings(w, job, layout);
	if (!p)
		return;
	map = (struct segue_range *)(void *)(p + map_at);
	segue_target_map(job, map, layout->map_count, &count);
	for (size_t i = 0; i < count; i++) {
		map[i].end -= map[i].start;
		/* The firmware's own numbers are not PVH's. */
		if (map[i].type - 1 >= PVH_MEMORY_LAST)
			map[i].type = SEGUE_MEMORY_RESERVED;
	}
	put_le32(p + offsetof(struct pvh_start_info, magic), PVH_MAGIC);
	put_le32(p + offsetof(struct pvh_start_info, version), PVH_VERSION);
	put_le32(p + offsetof(struct pvh_start_info, nr_modules), (uint32_t)layout->module_count);
	if (layout->module_count)
		put_le32(p + offsetof(struct pvh_start_info, modlist_paddr), (uint32_t)(w->dest + modules));
	put_le32(p + offsetof(struct pvh_start_info, memmap_paddr), (uint32_t)(w->dest + map_at));
	put_le32(p + offsetof(struct pvh_start_info, memmap_entries), (uint32_t)count);
}

/* Places the modules, as for Multiboot (multiboot_place.c), and the start info. */
static int pass(struct job *job, addr_t entry)
{
	struct multiboot_table layout = {.kernel_end = 0};
	struct writer w = {.table = NULL};
	struct place place;
	uint64_t rsdp;
	int error = segue_multiboot_lay_out(job, NULL, &layout);

	if (!error)
		error = segue_place_rsdp(job, &rsdp);
	if (error)
		return error;
	segue_target_map(job, NULL, 0, &layout.map_count);
	fill(&w, job, &layout);
	segue_multiboot_find_low(job, w.size, &layout, &place);
	error = segue_add_table(job, "PVH start info", w.size, &place, &w.table, &w.dest);
	if (error)
		return error;
	fill(&w, job, &layout);
	put_le64(w.table + offsetof(struct pvh_start_info, rsdp_paddr), rsdp);
	/* pvh.pandoc, "PVH Specification": the rest is as purgatory leaves it. The stack ends at the first string. */
	job->entry = (struct entry_state){.ebx = (uint32_t)w.dest, .esp = le32(w.table + offsetof(struct pvh_start_info, cmdline_paddr)),
					  .eip = (uint32_t)entry, .selectors = ENTRY_CODE_08_DATA_10};
	return SEGUE_OK;
}

static int load(struct job *job)
{
	const struct segment *claim;
	struct elf_file elf;
	addr_t entry = 0;
	int error;

	if (job->args->flags & SEGUE_LOAD_VMLINUX)
		return segue_elf_pass_on(job, true);
	error = segue_elf_open(job, &job->bundle.kernel, &elf, 0);
	if (!error)
		error = read_notes(&job->log, &elf, &entry);
	if (!error)
		error = segue_elf_load(job, &elf, NULL);
	if (error)
		return error;
	job->is_64_bit = segue_elf_is_64_bit(&job->bundle.kernel);
	claim = segue_claim_that_meets(job, entry, entry + 1);
	if (!claim || entry - claim->dest >= claim->source.size)
		return segue_refuse(&job->log, SEGUE_E_PVH_ENTRY, "%x is in no segment's bytes", entry);
	return pass(job, entry);
}

_Static_assert(SEGUE_E_PVH_NOTE == 0xe6 && SEGUE_E_PVH_ENTRY == 0xe6 + 2, "meanings");
const struct segue_loader segue_loader_pvh = {
#if SEGUE_SENTENCES
	.meanings = "\xe6" "broken PVH note\0" "PVH notes differ\0" "PVH entry in no segment\0",
#endif
	.protocol = "PVH",
	.recognise = recognise,
	.load = load,
	.family = FAMILY_ELF,
	.is_linux = segue_elf_is_linux,
};
