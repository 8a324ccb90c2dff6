/* SPDX-License-Identifier: MIT */
/* Section headers of ELF files. Only multiboot_sections.c needs them. */
#include "common/bytes.h"
#include "elf_fields.h"

struct elf_section segue_elf_section(bool is_64, const uint8_t *p)
{
	addr_t words[2];

	segue_elf_read_words(is_64, AT(is_64, p, section_header, sh_offset), words, 2);
	return (struct elf_section){
		.type = le32(p + offsetof(struct elf32_section_header, sh_type)),
		.flags = le32(AT(is_64, p, section_header, sh_flags)),
		.offset = words[0],
		.size = words[1],
	};
}

bool segue_elf_section_floats(const struct elf_section *section)
{
	return !(section->flags & SHF_ALLOC) && section->type != SHT_NULL && section->type != SHT_NOBITS && section->size;
}

static bool has_sections(const struct job *job, const struct elf_file *elf, const char *what, uint32_t number,
			 const uint8_t *offset, uint64_t size)
{
	uint64_t at = segue_elf_read_wide(elf->is_64, offset);

	if (segue_elf_is_inside(elf, at, size))
		return true;
	segue_say(&job->log, SEGUE_LOG_WARNING, "the kernel gets no ELF sections: %s %u, %X bytes at offset %X, file's end %x",
		  what, number, size, at, (addr_t)elf->file.size);
	return false;
}

bool segue_elf_has_sections(const struct job *job, const struct elf_file *elf)
{
	const bool is_64 = elf->is_64;
	uint32_t size = SIZE_OF(is_64, section_header), count = elf->section_header_count;

	if (count == 0)
		return false;
	if (elf->section_header_size != size) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "the kernel gets no ELF sections: headers of %u bytes each, not %u",
			  elf->section_header_size, size);
		return false;
	}
	if (!has_sections(job, elf, "section headers", count, AT(is_64, elf->file.data, header, e_shoff), (uint64_t)count * size))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *p = elf->file.data + (size_t)elf->section_headers + (size_t)i * size;
		struct elf_section s = segue_elf_section(is_64, p);

		if (segue_elf_section_floats(&s) &&
		    !has_sections(job, elf, "section", i, AT(is_64, p, section_header, sh_offset),
				  segue_elf_read_wide(is_64, AT(is_64, p, section_header, sh_size))))
			return false;
	}
	return true;
}

void segue_elf_set_section_address(bool is_64, uint8_t *p, uint32_t addr)
{
	if (is_64)
		put_le64(p + offsetof(struct elf64_section_header, sh_addr), addr);
	else
		put_le32(p + offsetof(struct elf32_section_header, sh_addr), addr);
}
