/* SPDX-License-Identifier: MIT */
/*
 * ELF files: what is checked, and what of them becomes a segment. Both classes are read by the
 * same code: a field is named once, and lies where the class says.
 */
#include "bytes.h"
#include "elf.h"

/* Where a field lies whose size is the class's: Elf32_Addr or Elf64_Addr, Elf32_Off or Elf64_Off ... */
#define AT(is_64, p, structure, field) \
	((p) + ((is_64) ? offsetof(struct elf64_##structure, field) : offsetof(struct elf32_##structure, field)))
/* Such a field; one above 4 GiB becomes ADDRESS_MAX, which no check lets pass. */
#define WORD(is_64, p, structure, field) read_word(is_64, AT(is_64, p, structure, field))
/* A field that has the same size in both. */
#define HALF(is_64, p, structure, field) le16(AT(is_64, p, structure, field))
#define SIZE_OF(is_64, structure) \
	((is_64) ? (uint32_t)sizeof(struct elf64_##structure) : (uint32_t)sizeof(struct elf32_##structure))

struct elf_segment {
	uint32_t type;
	uint64_t vaddr;
	addr_t offset, paddr, filesz, memsz;
};

static addr_t read_word(bool is_64, const uint8_t *p)
{
	return is_64 ? le_addr(p) : le32(p);
}

/* A virtual address, all of it. */
static uint64_t read_virtual(bool is_64, const uint8_t *p)
{
	return is_64 ? le64(p) : le32(p);
}

bool segue_is_elf(const struct bytes *file)
{
	return file->size >= 4 && le32(file->data) == 0x464c457fu;
}

/* What stands before the part that differs between the classes. */
static int check_ident(const struct job *job, const struct bytes *file, struct elf_file *elf)
{
	const uint8_t *p = file->data;
	uint32_t size;

	if (file->size < sizeof((struct elf32_header *)0)->e_ident)
		return segue_refuse(job, SEGUE_E_ELF_TRUNCATED, "%z bytes",
				    (addr_t)file->size);
	if (p[EI_CLASS] != ELFCLASS32 && p[EI_CLASS] != ELFCLASS64)
		return segue_refuse(job, SEGUE_E_ELF_CLASS, "%u",
				    (uint32_t)p[EI_CLASS]);
	if (p[EI_DATA] != ELFDATA2LSB)
		return segue_refuse(job, SEGUE_E_ELF_DATA, "%u",
				    (uint32_t)p[EI_DATA]);
	elf->is_64 = p[EI_CLASS] == ELFCLASS64;
	size = SIZE_OF(elf->is_64, header);
	if (file->size < size)
		return segue_refuse(job, SEGUE_E_ELF_TRUNCATED, "%z bytes, header %u",
				    (addr_t)file->size, size);
	if (p[EI_VERSION] != EV_CURRENT || le32(p + offsetof(struct elf32_header, e_version)) != EV_CURRENT)
		return segue_refuse(job, SEGUE_E_ELF_VERSION, "%u, %u",
				    (uint32_t)p[EI_VERSION], le32(p + offsetof(struct elf32_header, e_version)));
	return SEGUE_OK;
}

int segue_elf_open(const struct job *job, const struct bytes *file, struct elf_file *elf)
{
	const uint8_t *p = file->data;
	uint32_t type, machine, entry_size, expected;
	bool is_64;
	int error = check_ident(job, file, elf);

	if (error)
		return error;
	is_64 = elf->is_64;
	type = HALF(is_64, p, header, e_type);
	machine = HALF(is_64, p, header, e_machine);
	if (type != ET_EXEC && type != ET_DYN)
		return segue_refuse(job, SEGUE_E_ELF_TYPE, "e_type %u", type);
	if (machine != EM_386 && machine != EM_X86_64)
		return segue_refuse(job, SEGUE_E_ELF_MACHINE, "e_machine %u",
				    machine);
	elf->file = *file;
	elf->entry = read_virtual(is_64, AT(is_64, p, header, e_entry));
	elf->program_headers = WORD(is_64, p, header, e_phoff);
	elf->program_header_count = HALF(is_64, p, header, e_phnum);
	elf->section_headers = WORD(is_64, p, header, e_shoff);
	elf->section_header_size = HALF(is_64, p, header, e_shentsize);
	elf->section_header_count = HALF(is_64, p, header, e_shnum);
	elf->section_names = HALF(is_64, p, header, e_shstrndx);
	if (elf->program_header_count == 0)
		return segue_refuse(job, SEGUE_E_ELF_NO_SEGMENTS, NULL);
	entry_size = HALF(is_64, p, header, e_phentsize);
	expected = SIZE_OF(is_64, program_header);
	if (entry_size != expected)
		return segue_refuse(job, SEGUE_E_ELF_PHENTSIZE, "%u bytes, not %u",
				    entry_size, expected);
	if (!fits(elf->program_headers, (addr_t)elf->program_header_count * expected, file->size))
		return segue_refuse(job, SEGUE_E_ELF_TRUNCATED, "%u program headers at offset %x, file's end %x",
				    elf->program_header_count, elf->program_headers, (addr_t)file->size);
	return SEGUE_OK;
}

static struct elf_segment read_segment(const struct elf_file *elf, uint32_t index)
{
	bool is_64 = elf->is_64;
	/* segue_elf_open() has checked that the table is inside the file */
	const uint8_t *p = elf->file.data + (size_t)elf->program_headers + (size_t)index * SIZE_OF(is_64, program_header);

	return (struct elf_segment){
		.type = le32(p + offsetof(struct elf32_program_header, p_type)),
		.offset = WORD(is_64, p, program_header, p_offset),
		.vaddr = read_virtual(is_64, AT(is_64, p, program_header, p_vaddr)),
		.paddr = WORD(is_64, p, program_header, p_paddr),
		.filesz = WORD(is_64, p, program_header, p_filesz),
		.memsz = WORD(is_64, p, program_header, p_memsz),
	};
}

int segue_elf_refuse_interpreter(const struct job *job, const struct elf_file *elf)
{
	uint32_t i;

	for (i = 0; i < elf->program_header_count; i++)
		if (read_segment(elf, i).type == PT_INTERP)
			return segue_refuse(job, SEGUE_E_ELF_INTERPRETER,
					    "program header %u is PT_INTERP", i);
	return SEGUE_OK;
}

static int add_segment(struct job *job, const struct elf_file *elf, uint32_t index, const struct elf_segment *s)
{
	struct bytes source = { NULL, 0, elf->file.part };

	if (s->memsz < s->filesz)
		return segue_refuse(job, SEGUE_E_ELF_SEGMENT_SIZE,
				    "segment %u, %x in the file, %x in memory", index, s->filesz, s->memsz);
	if (s->paddr > ADDRESS_LIMIT || s->memsz > ADDRESS_LIMIT - s->paddr)
		return segue_refuse(job, SEGUE_E_ELF_SEGMENT_HIGH,
				    "segment %u, %x bytes at %x", index, s->memsz, s->paddr);
	if (s->filesz) {
		/* The offset of a segment without bytes says nothing: it may lie anywhere. */
		if (!fits(s->offset, s->filesz, elf->file.size))
			return segue_refuse(job, SEGUE_E_ELF_SEGMENT_FILE,
					    "segment %u, %x bytes at offset %x, file's end %x",
					    index, s->filesz, s->offset, (addr_t)elf->file.size);
		source = segue_bytes_at(elf->file, (size_t)s->offset, (size_t)s->filesz);
	}
	return segue_add_segment(job, "ELF segment", index, s->paddr, source, s->memsz - s->filesz, s->memsz);
}

/*
 * e_entry is a virtual address (gABI 4), so that the first segment whose virtual range has it says where it
 * is. If none has it, it may be what some higher-half kernels write there: the physical address itself. In both
 * cases it must meet bytes of the file: zeros are no code.
 */
static bool find_entry(const struct elf_file *elf, bool physical, uint32_t *entry)
{
	uint32_t i;

	for (i = 0; i < elf->program_header_count; i++) {
		struct elf_segment s = read_segment(elf, i);
		uint64_t into = elf->entry - (physical ? s.paddr : s.vaddr);

		/* an entry below the segment wraps to a large number */
		if (s.type == PT_LOAD && into < s.filesz) {
			/* below 4 GiB, as add_segment() has checked */
			*entry = (uint32_t)(s.paddr + into);
			return true;
		}
	}
	return false;
}

int segue_elf_load(struct job *job, const struct elf_file *elf, uint32_t *entry)
{
	bool any = false;
	uint32_t i;

	for (i = 0; i < elf->program_header_count; i++) {
		struct elf_segment s = read_segment(elf, i);
		int error;

		if (s.type != PT_LOAD || (!s.memsz && !s.filesz))
			continue;
		error = add_segment(job, elf, i, &s);
		if (error)
			return error;
		any = true;
	}
	if (!any)
		return segue_refuse(job, SEGUE_E_ELF_NO_SEGMENTS, "%u program headers",
				    elf->program_header_count);
	if (!find_entry(elf, false, entry) && !find_entry(elf, true, entry))
		return segue_refuse(job, SEGUE_E_ELF_ENTRY, "%x",
				    (addr_t)elf->entry);
	return SEGUE_OK;
}

struct elf_section segue_elf_section(bool is_64, const uint8_t *p)
{
	return (struct elf_section){
		.type = le32(p + offsetof(struct elf32_section_header, sh_type)),
		.flags = le32(AT(is_64, p, section_header, sh_flags)),
		.offset = WORD(is_64, p, section_header, sh_offset),
		.size = WORD(is_64, p, section_header, sh_size),
	};
}

bool segue_elf_section_floats(const struct elf_section *section)
{
	return !(section->flags & SHF_ALLOC) && section->type != SHT_NULL && section->type != SHT_NOBITS && section->size;
}

int segue_elf_check_sections(const struct job *job, const struct elf_file *elf)
{
	uint32_t size = SIZE_OF(elf->is_64, section_header), i;

	if (elf->section_header_size != size)
		return segue_refuse(job, SEGUE_E_ELF_SECTIONS, "%u bytes each, not %u",
				    elf->section_header_size, size);
	if (!fits(elf->section_headers, (addr_t)elf->section_header_count * size, elf->file.size))
		return segue_refuse(job, SEGUE_E_ELF_SECTIONS,
				    "%u at offset %x, file's end %x",
				    elf->section_header_count, elf->section_headers, (addr_t)elf->file.size);
	for (i = 0; i < elf->section_header_count; i++) {
		struct elf_section s = segue_elf_section(elf->is_64, elf->file.data + (size_t)elf->section_headers + (size_t)i * size);

		if (segue_elf_section_floats(&s) && !fits(s.offset, s.size, elf->file.size))
			return segue_refuse(job, SEGUE_E_ELF_SECTIONS,
					    "section %u, %x bytes at offset %x, file's end %x",
					    i, s.size, s.offset, (addr_t)elf->file.size);
	}
	return SEGUE_OK;
}

void segue_elf_set_section_address(bool is_64, uint8_t *p, uint32_t addr)
{
	if (is_64)
		put_le64(p + offsetof(struct elf64_section_header, sh_addr), addr);
	else
		put_le32(p + offsetof(struct elf32_section_header, sh_addr), addr);
}
