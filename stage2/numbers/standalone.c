/* SPDX-License-Identifier: MIT */
/* For stage 1 and segue.elf. */
#include "common/multiboot_format.h"
#include "container/seal.h"
#include "elf.h"
#include "numbers/numbers.h"
#include "standalone/copy.h"
#include "standalone/media.h"
#include "standalone/stage1.h"

#define STAGE1(field) OFFSET(stage1, struct stage1, field)
#define HEADER(field) EQU("elf_header." #field, offsetof(struct elf32_header, e_##field))
#define SEGMENT(field) EQU("program_header." #field, offsetof(struct elf32_program_header, p_##field))

const struct number segue_numbers[] = {
	NUMBER(ONE_MIB),
	NUMBER(SEAL_SECTOR),

	NUMBER(MEDIA_BUFFER),
	NUMBER(STAGE1_MAGIC),
	NUMBER(STAGE1_CD),
	NUMBER(STAGE1_DISK),
	NUMBER(STAGE1_ISO_ON_DISK),
	STAGE1(size), STAGE1(medium), STAGE1(drive), STAGE1(a20_was_shut),
	SIZE_OF(stage1, struct stage1),

	OFFSET(copy_sums, struct copy_sums, sum), OFFSET(copy_sums, struct copy_sums, sum_of_sums),

	NUMBER(MULTIBOOT2_HEADER_MAGIC), NUMBER(MULTIBOOT2_I386), NUMBER(MULTIBOOT2_HEADER_OPTIONAL),
	NUMBER(MULTIBOOT2_HEADER_END), NUMBER(MULTIBOOT2_HEADER_REQUEST), NUMBER(MULTIBOOT2_HEADER_ENTRY),
	NUMBER(MULTIBOOT2_HEADER_CONSOLE), NUMBER(MULTIBOOT2_HEADER_FRAMEBUFFER), NUMBER(MULTIBOOT2_HEADER_MODULE_ALIGN),
	NUMBER(MULTIBOOT2_CONSOLE_EGA_TEXT),

	EQU("elf_header.magic", offsetof(struct elf32_header, e_ident)),
	EQU("elf_header.class_data", offsetof(struct elf32_header, e_ident) + 4),
	HEADER(machine), HEADER(entry), HEADER(phoff), HEADER(phentsize), HEADER(phnum),
	SEGMENT(type), SEGMENT(offset), SEGMENT(paddr), SEGMENT(filesz), SEGMENT(memsz),
	SIZE_OF(program_header, struct elf32_program_header),
	NUMBER(EM_386),
	NUMBER(PT_LOAD),
};
