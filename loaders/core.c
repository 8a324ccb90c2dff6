/* SPDX-License-Identifier: MIT */
/*
 * Protocol "ELF core": the memory of a host, as its target has saved it (segue_core.h). Its PT_LOADs are segments at their
 * p_paddr, and the host goes on at the address in its note. It gets neither a command line nor modules.
 */
#include "common/memory_functions.h"
#include "common/placement.h"
#include "elf_fields.h"
#include "segue_core.h"

_Static_assert(sizeof(struct segue_core_host) == 72, "segue_core.h");
_Static_assert(offsetof(struct segue_core_host, width) == 8, "segue_core.h");
_Static_assert(offsetof(struct segue_core_host, flags) == 12, "segue_core.h");
_Static_assert(offsetof(struct segue_core_host, workspace) == 16, "segue_core.h");
_Static_assert(offsetof(struct segue_core_host, workspace_size) == 24, "segue_core.h");
_Static_assert(offsetof(struct segue_core_host, restore_entry) == 32, "segue_core.h");

static bool is_core(const struct bytes *kernel)
{
	const size_t type = offsetof(struct elf32_header, e_type);

	return segue_is_elf(kernel) && kernel->size >= type + 2 && kernel->data[EI_DATA] == ELFDATA2LSB &&
	       le16(kernel->data + type) == ET_CORE;
}

/* Returns NULL after a refusal, which is *error. */
static const uint8_t *find_host(const struct job *job, const struct elf_file *elf, int *error)
{
	struct elf_found_note note;
	addr_t unread = elf->file.size;

	*error = SEGUE_OK;
	for (uint32_t i = 0; i < elf->program_header_count; i++) {
		addr_t words[ELF_WORDS];

		if (segue_elf_read_program_header(elf, i, words) != PT_NOTE)
			continue;
		if (!segue_elf_is_inside(elf, words[ELF_OFFSET], words[ELF_FILESZ])) {
			*error = segue_refuse(&job->log, SEGUE_E_CORE_NOTE_SIZE, "program header %u: the notes end after the file", i);
			return NULL;
		}
		/* More bytes of notes than the file has: they overlap, and the time would be the square of its size. */
		if (!take_addr(&unread, words[ELF_FILESZ]))
			break;
		if (!segue_elf_find_note(elf->file.data + words[ELF_OFFSET], words[ELF_FILESZ], SEGUE_CORE_NAME, SEGUE_CORE_HOST, &note))
			continue;
		if (note.size >= sizeof(struct segue_core_host) && note.size <= note.there)
			return note.contents;
		*error = segue_refuse(&job->log, SEGUE_E_CORE_NOTE_SIZE, "%z bytes, of which %z are there; it has %u", note.size,
				      note.there < note.size ? note.there : note.size, (uint32_t)sizeof(struct segue_core_host));
		return NULL;
	}
	*error = segue_refuse(&job->log, SEGUE_E_CORE_NOTE, "%u program headers", elf->program_header_count);
	return NULL;
}

/* How many of the `size` bytes after the first `skipped` are in the file, if file_size of all are? */
static OUT_OF_LINE addr_t in_file(addr_t file_size, addr_t skipped, addr_t size)
{
	return file_size <= skipped ? 0 : file_size - skipped < size ? file_size - skipped : size;
}

/*
 * Have a segment and the earlier one that claims it the same bytes, and then zeros, in [start, end)? They may be two parts of the
 * file: Linux's /proc/vmcore has the bytes of each segment once more.
 */
static bool is_same(const struct elf_file *elf, const addr_t *words, const struct segment *claim, addr_t start, addr_t end)
{
	addr_t skipped = start - words[ELF_PADDR], claim_skipped = start - claim->dest;
	addr_t size = in_file(words[ELF_FILESZ], skipped, end - start);

	if (size != in_file(claim->source.size, claim_skipped, end - start))
		return false;
	return size == 0 || (segue_elf_is_inside(elf, words[ELF_OFFSET], words[ELF_FILESZ]) &&
			     memcmp(elf->file.data + words[ELF_OFFSET] + skipped, claim->source.data + claim_skipped, (size_t)size) == 0);
}

/* Adds what no earlier segment has: a range that the host has mapped twice is in two segments. */
static int add(struct job *job, const struct elf_file *elf, uint32_t index, const addr_t *words)
{
	addr_t start = words[ELF_PADDR], end = start + words[ELF_MEMSZ];
	int error = SEGUE_OK;

	/* Refused. */
	if (!fits(start, words[ELF_MEMSZ], ADDRESS_LIMIT) || words[ELF_FILESZ] > words[ELF_MEMSZ])
		return segue_elf_add_segment(job, elf, index, words);
	while (start < end && error == SEGUE_OK) {
		const struct segment *claim = segue_claim_that_meets(job, start, end);
		addr_t gap_end = claim ? claim->dest : end, next = claim && claim->dest + claim->size < end ? claim->dest + claim->size : end;
		addr_t piece[ELF_WORDS] = {[ELF_OFFSET] = words[ELF_OFFSET] + (start - words[ELF_PADDR]), [ELF_PADDR] = start};

		if (gap_end < start)
			gap_end = start;
		/* With all up to next it is refused as an overlap. */
		piece[ELF_MEMSZ] = (claim && !is_same(elf, words, claim, gap_end, next) ? next : gap_end) - start;
		piece[ELF_FILESZ] = in_file(words[ELF_FILESZ], start - words[ELF_PADDR], piece[ELF_MEMSZ]);
		if (piece[ELF_MEMSZ] > 0)
			error = segue_elf_add_segment(job, elf, index, piece);
		start = next;
	}
	return error;
}

static int add_segments(struct job *job, const struct elf_file *elf)
{
	int error = SEGUE_OK;

	for (uint32_t i = 0; i < elf->program_header_count && error == SEGUE_OK; i++) {
		addr_t words[ELF_WORDS];

		if (segue_elf_read_program_header(elf, i, words) == PT_LOAD)
			error = add(job, elf, i, words);
	}
	return error;
}

/* The first byte of [start, end) that is in no segment; end if there is none. */
static addr_t first_gap(const struct job *job, addr_t start, addr_t end)
{
	const struct segment *claim;

	while (start < end && (claim = segue_claim_that_meets(job, start, end)) && claim->dest <= start)
		start = claim->dest + claim->size;
	return start < end ? start : end;
}

static int check_host(const struct job *job, const uint8_t *host)
{
	addr_t entry = le32(host + offsetof(struct segue_core_host, restore_entry));
	addr_t start = le_addr(host + offsetof(struct segue_core_host, workspace));
	addr_t size = le_addr(host + offsetof(struct segue_core_host, workspace_size)), gap;
	const struct segment *claim = segue_claim_that_meets(job, entry, entry + 1);

	if (!claim || entry - claim->dest >= claim->source.size)
		return segue_refuse(&job->log, SEGUE_E_CORE_ENTRY, "%x", entry);
	if (!fits(start, size, ADDRESS_LIMIT) || size == 0)
		return segue_refuse(&job->log, SEGUE_E_CORE_WORKSPACE, "it is %x bytes at %x", size, start);
	gap = first_gap(job, start, start + size);
	return gap == start + size ? SEGUE_OK :
		segue_refuse(&job->log, SEGUE_E_CORE_WORKSPACE, "it is %x bytes at %x; %x is in no segment", size, start, gap);
}

static int load(struct job *job)
{
	struct elf_file elf;
	const uint8_t *host;
	uint32_t flags, entry;
	int error = segue_elf_open(job, &job->bundle.kernel, &elf, 1);

	if (error != SEGUE_OK || !(host = find_host(job, &elf, &error)))
		return error;
	flags = le32(host + offsetof(struct segue_core_host, flags));
	entry = le32(host + offsetof(struct segue_core_host, restore_entry));
	if (!(flags & SEGUE_CORE_RESTORES) || entry == 0)
		return segue_refuse(&job->log, SEGUE_E_CORE_RESTORE, "flags %x, entry %x", (addr_t)flags, (addr_t)entry);
	if (job->return_page)
		return segue_refuse(&job->log, SEGUE_E_RETURN, "a host that goes on from a core does not come back");
	if ((error = add_segments(job, &elf)) != SEGUE_OK || (error = check_host(job, host)) != SEGUE_OK)
		return error;
	if (job->bundle.cmdline.size || job->bundle.initrd.size || job->bundle.module_count)
		segue_say(&job->log, SEGUE_LOG_WARNING, "a core gets no command line, initrd or modules");
	/* The host brings an IDT of its own, and its map says nothing of the catcher. */
	if (job->place_catcher)
		segue_say(&job->log, SEGUE_LOG_WARNING, "a core gets no catcher");
	job->is_64_bit = le32(host + offsetof(struct segue_core_host, width)) == 64;
	job->entry = (struct entry_state){ .eip = entry, .selectors = ENTRY_CODE_08_DATA_10 };
	return SEGUE_OK;
}

_Static_assert(SEGUE_E_CORE_NOTE == 0xdc && SEGUE_E_CORE_WORKSPACE == 0xdc + 4, "meanings");
const struct segue_loader segue_loader_core = {
#if SEGUE_SENTENCES
	.meanings = "\xdc" "foreign core\0" "broken core note\0" "core cannot go on\0" "core without entry\0" "core without workspace\0",
#endif
	.protocol = "ELF core",
	.recognise = is_core,
	.load = load,
	.family = FAMILY_CORE,
};
