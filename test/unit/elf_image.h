/* SPDX-License-Identifier: MIT */
/* Makes small ELF files of both classes, for tests. Numbers of structures: gABI, chapters 4 and 5. */
#ifndef TEST_ELF_IMAGE_H
#define TEST_ELF_IMAGE_H

#include <string.h>
#include "common/bytes.h"
#include "elf.h"

#define IMAGE_SIZE 0x4000u
#define IMAGE_SEGMENTS 0x100u         /* where program headers are */
#define IMAGE_SECTIONS 0x3000u        /* where section headers are */

struct image {
	bool is_64;
	uint32_t segments, sections;
	size_t size;
	uint8_t at[IMAGE_SIZE];
};

static inline void put_word(const struct image *image, uint8_t *p, uint64_t value)
{
	if (image->is_64)
		put_le64(p, value);
	else
		put_le32(p, (uint32_t)value);
}
#define PUT(image, p, structure, field, value) \
	put_word(image, (p) + ((image)->is_64 ? offsetof(struct elf64_##structure, field) : \
						offsetof(struct elf32_##structure, field)), value)
#define FIELD_AT(image, structure, field) \
	((image)->is_64 ? offsetof(struct elf64_##structure, field) : offsetof(struct elf32_##structure, field))

static inline void new_image(struct image *image, bool is_64, uint64_t entry)
{
	static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 0, 1, 1};

	memset(image, 0, sizeof *image);
	image->is_64 = is_64;
	image->size = sizeof image->at;
	for (size_t i = sizeof ident; i < image->size; i++)
		image->at[i] = i < 0x400 ? 0 : (uint8_t)(i * 7 + i / 256);
	memcpy(image->at, ident, sizeof ident);
	image->at[4] = is_64 ? 2 : 1;
	put_le16(image->at + 16, 2);
	put_le16(image->at + 18, is_64 ? 62 : 3);
	put_le32(image->at + 20, 1);
	PUT(image, image->at, header, e_entry, entry);
	PUT(image, image->at, header, e_phoff, IMAGE_SEGMENTS);
	put_le16(image->at + FIELD_AT(image, header, e_phentsize), is_64 ? 56 : 32);
}

static inline uint8_t *segment_at(struct image *image, uint32_t index)
{
	return image->at + IMAGE_SEGMENTS + index * (image->is_64 ? 56u : 32u);
}

static inline void add_program_header(struct image *image, uint32_t type, uint64_t offset, uint64_t vaddr,
				      uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
	uint8_t *p = segment_at(image, image->segments++);

	put_le32(p, type);
	PUT(image, p, program_header, p_offset, offset);
	PUT(image, p, program_header, p_vaddr, vaddr);
	PUT(image, p, program_header, p_paddr, paddr);
	PUT(image, p, program_header, p_filesz, filesz);
	PUT(image, p, program_header, p_memsz, memsz);
	put_le16(image->at + FIELD_AT(image, header, e_phnum), (uint16_t)image->segments);
}

static inline uint8_t *section_at(struct image *image, uint32_t index)
{
	return image->at + IMAGE_SECTIONS + index * (image->is_64 ? 64u : 40u);
}

static inline void add_section(struct image *image, uint32_t type, uint64_t flags, uint64_t addr, uint64_t offset,
			       uint64_t size)
{
	uint8_t *p;

	if (image->sections == 0) {
		memset(image->at + IMAGE_SECTIONS, 0, image->size - IMAGE_SECTIONS);
		PUT(image, image->at, header, e_shoff, IMAGE_SECTIONS);
		put_le16(image->at + FIELD_AT(image, header, e_shentsize), image->is_64 ? 64 : 40);
	}
	p = section_at(image, image->sections++);
	put_le32(p + 4, type);
	PUT(image, p, section_header, sh_flags, flags);
	PUT(image, p, section_header, sh_addr, addr);
	PUT(image, p, section_header, sh_offset, offset);
	PUT(image, p, section_header, sh_size, size);
	put_le16(image->at + FIELD_AT(image, header, e_shnum), (uint16_t)image->sections);
	put_le16(image->at + FIELD_AT(image, header, e_shstrndx), (uint16_t)(image->sections - 1));
}

static inline uint64_t section_address(const struct image *image, const uint8_t *header)
{
	return image->is_64 ? le64(header + 16) : le32(header + 12);
}

#endif
