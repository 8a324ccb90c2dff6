/* SPDX-License-Identifier: MIT */
/* ELF files that are loaded elsewhere than their headers say. Only Multiboot 2 has them. */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "elf_fields.h"

bool segue_elf_span(const struct elf_file *elf, addr_t *low, addr_t *high)
{
	const bool is_64 = elf->is_64;
	const uint8_t *p = elf->program_headers;

	*low = ADDRESS_MAX;
	*high = 0;
	for (uint32_t i = 0; i < elf->program_header_count; i++, p += SIZE_OF(is_64, program_header)) {
		addr_t at, size;

		if (le32(p + offsetof(struct elf32_program_header, p_type)) != PT_LOAD)
			continue;
		segue_elf_read_words(is_64, AT(is_64, p, program_header, p_paddr), &at, 1);
		segue_elf_read_words(is_64, AT(is_64, p, program_header, p_memsz), &size, 1);
		if (size == 0)
			continue;
		if (!fits(at, size, ADDRESS_LIMIT))
			return false;
		if (at < *low)
			*low = at;
		if (at + size > *high)
			*high = at + size;
	}
	return *high > 0;
}

int segue_elf_move(struct job *job, struct elf_file *elf, uint32_t distance)
{
	size_t size = (size_t)elf->program_header_count * SIZE_OF(elf->is_64, program_header);
	uint8_t *p = segue_arena_take(&job->arena, size, sizeof(uint64_t));

	if (!p)
		return SEGUE_E_WORKSPACE_SMALL;
	memcpy(p, elf->program_headers, size);
	elf->program_headers = p;
	if (elf->entry != ADDRESS_MAX)
		elf->entry = (uint32_t)(elf->entry + distance);
	for (uint32_t i = 0; i < elf->program_header_count; i++, p += SIZE_OF(elf->is_64, program_header)) {
		/* segue_elf_span() has seen that what is loaded lies below 4 GiB, before the move; so it does after it. */
		uint8_t *field = p + (elf->is_64 ? offsetof(struct elf64_program_header, p_paddr) :
					     offsetof(struct elf32_program_header, p_paddr));

		put_le32(field, le32(field) + distance);
	}
	return SEGUE_OK;
}
