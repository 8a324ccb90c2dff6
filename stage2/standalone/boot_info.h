/* SPDX-License-Identifier: MIT */
/* The boot loader's information in one form: that of Multiboot 1 and 2, read in place, or that of stage 1. */
#ifndef STANDALONE_BOOT_INFO_H
#define STANDALONE_BOOT_INFO_H

#include <stdbool.h>
#include "segue.h"

enum boot_map_kind { BOOT_MAP_NONE, BOOT_MAP_MULTIBOOT1, BOOT_MAP_MULTIBOOT2, BOOT_MAP_EFI, BOOT_MAP_BIOS };

#define BOOT_STAGE1 0u

struct boot_info {
	uint32_t protocol;            /* Multiboot's number, 1 or 2; BOOT_STAGE1 */
	uint32_t addr, size;          /* of the information itself */
	char *cmdline;                /* NULL: none */
	size_t cmdline_size;          /* with the NUL */
	const char *loader_name;      /* NULL: none */
	uint32_t medium;              /* stage 1: enum stage1_medium */
	size_t module_count;
	size_t range_count;           /* of the memory map */
	struct segue_machine machine; /* what the loader says of it; vbe points to the next field */
	struct segue_vbe vbe;

	enum boot_map_kind map_kind;
	uint32_t map_addr, map_size, map_entry_size;
	const struct segue_range *ranges; /* range_count of them, for BOOT_MAP_BIOS */
	uint32_t mem_lower, mem_upper; /* KiB, for BOOT_MAP_NONE */
	uint32_t modules_addr;        /* Multiboot 1 */
};

struct boot_module {
	uint32_t addr, size;
	const char *string;           /* never NULL */
};

/* Reads the information at addr. False: magic is neither a Multiboot loader's nor stage 1's. */
bool boot_info_read(struct boot_info *boot, uint32_t magic, uint32_t addr);

/* Replaces the loader's memory map. The map is not copied. */
void boot_info_set_map(struct boot_info *boot, const struct segue_range *ranges, size_t count);

/* Sets the command line, that of the medium. It is not copied. */
void boot_info_set_cmdline(struct boot_info *boot, char *cmdline);

/* [start, start + size), with an end that does not wrap. */
struct segue_range boot_range(uint64_t start, uint64_t size, uint32_t type);

/* Module and memory map range number index; false past the last. */
bool boot_module_at(const struct boot_info *boot, size_t index, struct boot_module *module);
bool boot_range_at(const struct boot_info *boot, size_t index, struct segue_range *range);

/* Bytes that hold boot information or a module, piece by piece; false past the last. May be empty. */
bool boot_occupied_at(const struct boot_info *boot, size_t index, struct segue_range *range);

/*
 * True if this loader's strings begin with the file's name. Only known loaders count: if the first word is not a name,
 * skipping it would lose an argument. A name that a GRUB 2 entry repeats by hand (module /ns /ns one) is an argument.
 */
bool boot_strings_name_file(const struct boot_info *boot);

#endif
