/* SPDX-License-Identifier: MIT */
/* Shared by the files of the two Multiboot loaders; PVH's places modules and its table in the same way. */
#ifndef SEGUE_MULTIBOOT_H
#define SEGUE_MULTIBOOT_H

#include "elf.h"
#include "common/multiboot_format.h"

#define MULTIBOOT_NEARLY_SEARCH 0x1000000u /* how far to search for a misplaced header, to warn of it */

/* The table's address in the target, and the offsets of its parts. */
struct multiboot_table {
	struct multiboot_info *info;  /* NULL: version 2, PVH */
	uint32_t dest;
	addr_t floor;                 /* segue_floor() */
	/* Its first address, and the end: sections and modules may follow. Not 0 before segue_multiboot_lay_out(): that is taken. */
	addr_t kernel, kernel_end;
	addr_t end;                   /* end of the kernel and the modules */
	addr_t modules_at;            /* address of the first module */
	size_t kernel_segments, module_count, modules, map_count, map, vbe, strings;
	const struct segue_multiboot_extra *sections; /* NULL: the kernel gets none */
};

/* multiboot_common.c */
extern const char segue_multiboot_loader_name[sizeof "Segue " SEGUE_VERSION_STRING] SEGUE_HIDDEN;
/* Member 0 is the kernel; the modules follow as the target counts them. May be put into *made. */
IN_REGISTER const struct member *segue_multiboot_member(const struct bundle *bundle, size_t i, struct member *made);

/* Writes a member's string to p unless p is NULL. Returns its size with the NUL; p has zeros. */
IN_REGISTER size_t segue_multiboot_put_string(const struct job *job, uint8_t *p, size_t i);

/* The segment that address fields describe. */
struct flat {
	struct bytes source;
	addr_t load, end;
	uint32_t entry;
};
/*
 * fields: header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr. offset is the header's. With log NULL no message is
 * logged.
 */
IN_REGISTER int segue_multiboot_read_addresses(const struct log *log, const struct bytes *kernel, size_t offset, const uint8_t *fields,
					       struct flat *flat);
/* fields: width, height, depth. */
IN_REGISTER void segue_multiboot_ask_video(struct job *job, const uint8_t *fields, bool wants_text);

/* KiB of RAM from 0 on, at most 640, and from 1 MiB on to the first hole */
static inline uint32_t segue_multiboot_lower(const struct segue_range *map, size_t count)
{
	addr_t end = segue_ram_end(map, count, 0);

	return (uint32_t)((end < 0xa0000u ? end : 0xa0000u) >> 10);
}
static inline uint32_t segue_multiboot_upper(const struct segue_range *map, size_t count)
{
	return (uint32_t)((segue_ram_end(map, count, ONE_MIB) - ONE_MIB) >> 10);
}

/*
 * multiboot_lay_out.c: places the modules and the catcher, after the kernel's own segments, and fills in table up to modules_at,
 * and sections (elf NULL: none). multiboot_place.c: the modules; the place of a table, above 1 MiB, or below 640 KiB if there is
 * room.
 */
#define TABLE_ALIGN 16u
extern const struct place segue_multiboot_place SEGUE_HIDDEN;
IN_REGISTER int segue_multiboot_lay_out(struct job *job, const struct elf_file *elf, struct multiboot_table *table);
IN_REGISTER int segue_multiboot_place_modules(struct job *job, struct multiboot_table *table, addr_t sections);
bool segue_multiboot_find_low(const struct job *job, size_t size, const struct multiboot_table *table, struct place *place);

/*
 * What the table in multiboot_extras.c names: the ELF sections (multiboot_sections.c). has_sections() says why not, and sets the
 * size of the sections after the kernel. place_sections() places them and their headers, and fills in the information. Version 2:
 * headers is where the headers go, after a struct multiboot2_sections of zeros, which is filled in last.
 */
#define SECTION_HEADERS_MAX 16384u    /* bytes; more than kernels have: the workspace cannot hold any number of them */
struct segue_multiboot_extra {
	bool (*has_sections)(const struct job *job, const struct elf_file *elf, addr_t *size);
	int (*place_sections)(struct job *job, const struct elf_file *elf, struct multiboot_table *table, uint8_t *headers);
};
extern const struct segue_multiboot_extra *const segue_multiboot_extras[] SEGUE_HIDDEN;

/* Version 1: places the modules, the information and the sections of elf (NULL: none), and fills in the information. */
int segue_multiboot_pass(struct job *job, const struct elf_file *elf, uint32_t *info);
/* Version 2: the same. modules_low: they need not follow the kernel. */
int segue_multiboot2_pass(struct job *job, const struct elf_file *elf, bool modules_low, uint32_t *info);

#endif
