/* SPDX-License-Identifier: MIT */
/* The notes of ELF files (gABI 5, "Note Section"): cores and PVH kernels are told by theirs. */
#include "common/memory_functions.h"
#include "elf_fields.h"

/* Name and contents are padded to a multiple of this. */
#define NOTE_ALIGN 4u

uint32_t segue_elf_read_program_header(const struct elf_file *elf, uint32_t index, addr_t *words)
{
	const uint8_t *p = segue_elf_program_header(elf, index);

	segue_elf_read_words(elf->is_64, AT(elf->is_64, p, program_header, p_offset), words, ELF_WORDS);
	return le32(p + offsetof(struct elf32_program_header, p_type));
}

bool segue_elf_find_note(const uint8_t *notes, addr_t left, const char *owner, uint32_t type, struct elf_found_note *found)
{
	addr_t owner_size = 1;

	while (owner[owner_size - 1])
		owner_size++;
	while (left >= sizeof(struct elf_note)) {
		addr_t name_size = le32(notes + offsetof(struct elf_note, n_namesz)), skip, end;
		addr_t size = le32(notes + offsetof(struct elf_note, n_descsz));
		const uint8_t *name = notes + sizeof(struct elf_note);
		bool is_it;

		left -= sizeof(struct elf_note);
		is_it = name_size == owner_size && left >= owner_size && le32(notes + offsetof(struct elf_note, n_type)) == type &&
			memcmp(name, owner, (size_t)owner_size) == 0;
		if (!align_up(name_size, NOTE_ALIGN, &skip))
			return false;
		if (is_it) {
			/* The padding of a name at the very end may be absent. */
			found->there = left < skip ? 0 : left - skip;
			found->contents = name + skip;
			found->size = size;
			return true;
		}
		if (!align_up(size, NOTE_ALIGN, &end) || !add_addr(skip, end, &skip) || skip > left)
			return false;
		notes = name + skip;
		left -= skip;
	}
	return false;
}
