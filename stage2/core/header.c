/* SPDX-License-Identifier: MIT */
/* The ELF header of a core, its PT_LOADs and its notes: core.h. */
#include "core/core.h"
#include "common/memory_functions.h"
#include "core/notes_format.h"

void segue_core_write_header(struct elf64_header *header, uint32_t count, uint64_t notes_at, uint32_t notes_size)
{
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
	struct elf64_program_header *notes = (struct elf64_program_header *)(void *)(header + 1);

	for (size_t i = 0; i < sizeof ident; i++)
		header->e_ident[i] = ident[i];
	header->e_type = ET_CORE;
	header->e_machine = EM_X86_64;
	header->e_version = EV_CURRENT;
	header->e_phoff = sizeof *header;
	header->e_ehsize = sizeof *header;
	header->e_phentsize = sizeof *notes;
	header->e_phnum = (uint16_t)count;
	notes->p_type = PT_NOTE;
	notes->p_offset = notes->p_paddr = notes_at;
	notes->p_filesz = notes->p_memsz = notes_size;
}

void segue_core_write_load(struct elf64_program_header *load, uint64_t virt, uint64_t phys, uint64_t at, uint64_t size)
{
	load->p_type = PT_LOAD;
	load->p_flags = PF_X | PF_W | PF_R;
	load->p_offset = at;
	load->p_vaddr = virt;
	load->p_paddr = phys;
	load->p_filesz = load->p_memsz = size;
}

void segue_core_put_note(uint8_t *at, const char *name, uint32_t name_size, uint32_t type, const void *contents, uint32_t size)
{
	struct elf_note note = {.n_namesz = name_size, .n_descsz = size, .n_type = type};

	memcpy(at, &note, sizeof note);
	memcpy(at + sizeof note, name, name_size);
	memcpy(at + sizeof note + ALIGN_4(name_size), contents, size);
}
