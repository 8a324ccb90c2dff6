/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "common/bytes.h"
#include "container/magic.h"
#include "elf.h"
#include "elf_look.h"

#define SHN_XINDEX 0xffffu

static bool is_64(const struct file *file)
{
	return file->data[EI_CLASS] == ELFCLASS64;
}

/* A field that has 16 bits in both classes, and one that is as wide as the class. */
#define HALF(file, p, structure, field) \
	le16((p) + (is_64(file) ? offsetof(struct elf64_##structure, field) : offsetof(struct elf32_##structure, field)))
#define WORD(file, p, structure, field) \
	(is_64(file) ? le64((p) + offsetof(struct elf64_##structure, field)) : le32((p) + offsetof(struct elf32_##structure, field)))
#define SIZE(file, structure) (is_64(file) ? sizeof(struct elf64_##structure) : sizeof(struct elf32_##structure))

unsigned elf_machine(const struct file *file)
{
	struct bytes bytes = { file->data, file->size, 0 };
	unsigned machine;

	if (!segue_is_elf(&bytes) || file->size < sizeof(struct elf32_header) || file->size < SIZE(file, header) ||
	    file->data[EI_DATA] != ELFDATA2LSB)
		return 0;
	machine = HALF(file, file->data, header, e_machine);
	return machine == (is_64(file) ? EM_X86_64 : EM_386) ? machine : 0;
}

/* Entry index of a table, or NULL if it is not inside the file. */
static const uint8_t *table_entry(const struct file *file, uint64_t table, size_t size, size_t least, size_t index)
{
	if (size < least || table > file->size || (file->size - table) / size <= index)
		return NULL;
	return file->data + table + index * size;
}

bool elf_is_dynamic(const struct file *file)
{
	size_t count = HALF(file, file->data, header, e_phnum), i;
	size_t size = HALF(file, file->data, header, e_phentsize);

	for (i = 0; i < count; i++) {
		const uint8_t *p = table_entry(file, WORD(file, file->data, header, e_phoff), size, SIZE(file, program_header), i);

		if (p && le32(p) == PT_INTERP)
			return true;
	}
	return false;
}

static const uint8_t *section(const struct file *file, size_t index)
{
	return table_entry(file, WORD(file, file->data, header, e_shoff), HALF(file, file->data, header, e_shentsize),
			   SIZE(file, section_header), index);
}

static const uint8_t *contents(const struct file *file, const uint8_t *header, size_t *size)
{
	uint64_t offset = header ? WORD(file, header, section_header, sh_offset) : 0;
	uint64_t length = header ? WORD(file, header, section_header, sh_size) : 0;

	if (!header || offset > file->size || length > file->size - offset)
		return NULL;
	*size = (size_t)length;
	return file->data + offset;
}

const uint8_t *elf_section(const struct file *file, const char *name, size_t *size)
{
	size_t count = HALF(file, file->data, header, e_shnum), length = strlen(name) + 1, names_size = 0, i;
	size_t names_index = HALF(file, file->data, header, e_shstrndx);
	const uint8_t *names = names_index == SHN_XINDEX ? NULL : contents(file, section(file, names_index), &names_size);

	for (i = 0; names && i < count; i++) {
		const uint8_t *header = section(file, i);
		uint32_t at = header ? le32(header) : UINT32_MAX;

		if (at < names_size && names_size - at >= length && !memcmp(names + at, name, length))
			return contents(file, header, size);
	}
	return NULL;
}
