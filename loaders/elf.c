/* SPDX-License-Identifier: MIT */
/* ELF files: checks the headers and adds the segments. */
#include "common/bytes.h"
#include "elf_fields.h"

void segue_elf_read_words(bool is_64, const uint8_t *p, addr_t *words, size_t count)
{
	for (; count > 0; count--) {
		*words++ = is_64 ? le_addr(p) : le32(p);
		p += is_64 ? 8 : 4;
	}
}

OUT_OF_LINE uint64_t segue_elf_read_wide(bool is_64, const uint8_t *p)
{
	return is_64 ? le64(p) : le32(p);
}

/* The virtual address at `to` less that at `from`; ADDRESS_MAX if it is below or too far away. */
static addr_t virtual_distance(bool is_64, const uint8_t *from, const uint8_t *to)
{
	uint64_t distance = segue_elf_read_wide(is_64, to) - segue_elf_read_wide(is_64, from);

	return distance < ADDRESS_LIMIT ? (addr_t)distance : ADDRESS_MAX;
}

bool segue_elf_is_64_bit(const struct bytes *file)
{
	const size_t machine = offsetof(struct elf32_header, e_machine);

	return segue_is_elf(file) && file->size >= machine + 2 &&
	       (file->data[EI_CLASS] == ELFCLASS64 || le16(file->data + machine) == EM_X86_64);
}

/* The fields before those whose offset depends on the class: the valid values, and the code of the refusal. */
static const struct {
	uint8_t offset, value, or_value, code;
} ident[] = {
	{EI_CLASS, ELFCLASS32, ELFCLASS64, SEGUE_E_ELF_CLASS},
	{EI_DATA, ELFDATA2LSB, ELFDATA2LSB, SEGUE_E_ELF_DATA},
	{EI_VERSION, EV_CURRENT, EV_CURRENT, SEGUE_E_ELF_VERSION},
	{offsetof(struct elf32_header, e_version), EV_CURRENT, EV_CURRENT, SEGUE_E_ELF_VERSION},
	{offsetof(struct elf32_header, e_version) + 2, 0, 0, SEGUE_E_ELF_VERSION},
	{offsetof(struct elf32_header, e_machine), EM_386, EM_X86_64, SEGUE_E_ELF_MACHINE},
	{offsetof(struct elf32_header, e_type), ET_EXEC, ET_DYN, SEGUE_E_ELF_TYPE}, /* the last one: not of a core */
};

static int check_ident(const struct job *job, const struct bytes *file, bool is_64, uint32_t core)
{
	uint32_t size = SIZE_OF(is_64, header);

	if (file->size < size)
		return segue_refuse(&job->log, SEGUE_E_ELF_TRUNCATED, "%z bytes, header %u", (addr_t)file->size, size);
	for (size_t i = 0; i < sizeof ident / sizeof *ident - core; i++) {
		const uint8_t *p = file->data + ident[i].offset;
		uint32_t value = ident[i].offset < sizeof((struct elf32_header *)0)->e_ident ? *p : le16(p);

		if (value != ident[i].value && value != ident[i].or_value)
			return segue_refuse(&job->log, ident[i].code, "%u at offset %u", value, (uint32_t)ident[i].offset);
	}
	return SEGUE_OK;
}

bool segue_elf_is_inside(const struct elf_file *elf, uint64_t offset, uint64_t size)
{
	return offset <= elf->file.size && size <= elf->file.size - offset;
}

static int check_range(const struct job *job, const struct elf_file *elf, int code, const char *what, uint32_t number,
		       uint64_t offset, uint64_t size)
{
	if (segue_elf_is_inside(elf, offset, size))
		return SEGUE_OK;
	return segue_refuse(&job->log, code, "%s %u, %X bytes at offset %X, file's end %x", what, number, size, offset,
			    (addr_t)elf->file.size);
}

int segue_elf_open(const struct job *job, const struct bytes *file, struct elf_file *elf, uint32_t core)
{
	const uint8_t *p = file->data;
	bool is_64 = file->size > EI_CLASS && p[EI_CLASS] == ELFCLASS64;
	uint32_t entry_size, expected = SIZE_OF(is_64, program_header);
	addr_t words[3];
	int error = check_ident(job, file, is_64, core);

	if (error)
		return error;
	elf->file = *file;
	elf->is_64 = is_64;
	segue_elf_read_words(is_64, AT(is_64, p, header, e_entry), words, 3);
	elf->entry = words[0];
	elf->section_headers = words[2];
	elf->program_header_count = HALF(is_64, p, header, e_phnum);
	elf->section_header_size = HALF(is_64, p, header, e_shentsize);
	elf->section_header_count = HALF(is_64, p, header, e_shnum);
	elf->section_names = HALF(is_64, p, header, e_shstrndx);
	if (elf->program_header_count == 0)
		return segue_refuse(&job->log, SEGUE_E_ELF_NO_SEGMENTS, NULL);
	entry_size = HALF(is_64, p, header, e_phentsize);
	if (entry_size != expected)
		return segue_refuse(&job->log, SEGUE_E_ELF_PHENTSIZE, "%u bytes, not %u", entry_size, expected);
	error = check_range(job, elf, SEGUE_E_ELF_TRUNCATED, "program headers", elf->program_header_count,
			    segue_elf_read_wide(is_64, AT(is_64, p, header, e_phoff)), elf->program_header_count * expected);
	if (!error)
		elf->program_headers = p + (size_t)words[1];
	return error;
}

/* segue_elf_open() checked that the table is inside the file. */
const uint8_t *segue_elf_program_header(const struct elf_file *elf, uint32_t index)
{
	return elf->program_headers + (size_t)index * SIZE_OF(elf->is_64, program_header);
}

static IN_LINE uint32_t segment_type(const uint8_t *p)
{
	return le32(p + offsetof(struct elf32_program_header, p_type));
}

int segue_elf_refuse_interpreter(const struct job *job, const struct elf_file *elf)
{
	for (uint32_t i = 0; i < elf->program_header_count; i++)
		if (segment_type(segue_elf_program_header(elf, i)) == PT_INTERP)
			return segue_refuse(&job->log, SEGUE_E_ELF_INTERPRETER, "program header %u", i);
	return SEGUE_OK;
}

int segue_elf_add_segment(struct job *job, const struct elf_file *elf, uint32_t index, const addr_t *words)
{
	struct bytes source = {elf->file.data, (size_t)words[ELF_FILESZ], elf->file.part};
	const uint8_t *p = segue_elf_program_header(elf, index);
	uint64_t file_size = segue_elf_read_wide(elf->is_64, AT(elf->is_64, p, program_header, p_filesz));
	uint64_t size = segue_elf_read_wide(elf->is_64, AT(elf->is_64, p, program_header, p_memsz));

	if (size < file_size)
		return segue_refuse(&job->log, SEGUE_E_ELF_SEGMENT_SIZE, "segment %u, %X in the file, %X in memory",
				    index, file_size, size);
	if (!fits(words[ELF_PADDR], words[ELF_MEMSZ], ADDRESS_LIMIT))
		return segue_refuse(&job->log, SEGUE_E_ELF_SEGMENT_HIGH, "segment %u, %X bytes at %X", index, size,
				    segue_elf_read_wide(elf->is_64, AT(elf->is_64, p, program_header, p_paddr)));
	/* The offset of a segment without bytes in the file is meaningless and not checked. */
	if (words[ELF_FILESZ]) {
		int error = check_range(job, elf, SEGUE_E_ELF_SEGMENT_FILE, "segment", index,
					segue_elf_read_wide(elf->is_64, AT(elf->is_64, p, program_header, p_offset)), file_size);

		if (error)
			return error;
		source.data += words[ELF_OFFSET];
	}
	return segue_add_segment(job, "ELF segment", index, words[ELF_PADDR], &source, words[ELF_MEMSZ] - words[ELF_FILESZ], words[ELF_MEMSZ]);
}

/*
 * e_entry is a virtual address (gABI 4): the first segment whose virtual range contains it gives the physical address.
 * If there is none, e_entry may be the physical address itself, as in some higher-half kernels. Either way the entry
 * must lie in bytes of the file: zeros are not code.
 */
int segue_elf_load(struct job *job, const struct elf_file *elf, uint32_t *entry)
{
	const bool is_64 = elf->is_64;
	addr_t by_virtual = ADDRESS_MAX, by_physical = ADDRESS_MAX; /* none: no segment lies there */

	for (uint32_t i = 0; i < elf->program_header_count; i++) {
		const uint8_t *p = segue_elf_program_header(elf, i);
		addr_t words[ELF_WORDS], into;
		int error;

		segue_elf_read_words(is_64, AT(is_64, p, program_header, p_offset), words, ELF_WORDS);
		if (segment_type(p) != PT_LOAD || (words[ELF_MEMSZ] | words[ELF_FILESZ]) == 0)
			continue;
		error = segue_elf_add_segment(job, elf, i, words);
		if (error)
			return error;
		into = virtual_distance(is_64, AT(is_64, p, program_header, p_vaddr), AT(is_64, elf->file.data, header, e_entry));
		if (into < words[ELF_FILESZ] && by_virtual == ADDRESS_MAX)
			by_virtual = words[ELF_PADDR] + into;
		/* an entry below the segment wraps to a large number */
		if (elf->entry - words[ELF_PADDR] < words[ELF_FILESZ])
			by_physical = elf->entry;
	}
	if (job->segment_count == 0)
		return segue_refuse(&job->log, SEGUE_E_ELF_NO_SEGMENTS, "%u program headers", elf->program_header_count);
	if (!entry)
		return SEGUE_OK;
	if (by_virtual == ADDRESS_MAX)
		by_virtual = by_physical;
	*entry = (uint32_t)by_virtual;
	return by_virtual != ADDRESS_MAX ? SEGUE_OK :
		segue_refuse(&job->log, SEGUE_E_ELF_ENTRY, "%X", segue_elf_read_wide(is_64, AT(is_64, elf->file.data, header, e_entry)));
}
