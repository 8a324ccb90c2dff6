/* SPDX-License-Identifier: MIT */
/*
 * A host kernel for the tests, in two pieces. The boot stage (boot.asm, boot.c, paging.c) is 32-bit code at its
 * physical address. Multiboot loads it with the kernel inside. It lays out memory by its command line, fills struct
 * handover, and enters the kernel in the mode asked for. The boot stage is no longer mapped then. The kernel sets up
 * one host state and calls segue_load(), segue_ready() and segue_exec(). README.md in this folder lists the words of
 * the command line.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "segue.h"

#define PAGE 4096u
#define KERNEL_PHYS 0x120000u         /* boot.ld, kernel.ld */
#define KERNEL_ROOM 0xa0000u          /* boot.ld, kernel.ld */
#define TRAMPOLINE 0x70000u           /* where other CPUs start: RAM below 1 MiB that firmware leaves alone */
#define KERNEL_MAGIC 0x54534f48u      /* "HOST" */

enum host_mode { MODE_FLAT, MODE_4K, MODE_4M, MODE_PAE, MODE_LONG, MODE_LA57 };

/* The first bytes of the kernel's image, written by kernel.ld. Offsets count from the image's start. */
struct kernel_header {
	uint32_t magic, bits;
	uint64_t link;                /* address that the image's first byte is linked at */
	uint64_t entry, text_end, bss_start, bss_end;
	uint64_t handover, guard, shadow_stack;
	uint64_t relocations, relocations_end;
};
_Static_assert(sizeof(struct kernel_header) == 88, "kernel.ld");
_Static_assert(offsetof(struct kernel_header, entry) == 16, "kernel.ld");
_Static_assert(offsetof(struct kernel_header, handover) == 48, "kernel.ld");
_Static_assert(offsetof(struct kernel_header, relocations) == 72, "kernel.ld");

#define HOST_PARTS 4u
#define HOST_RANGES 48u
#define HIGH_START 0x100000000u       /* blob=high: RAM from here on */

/* Addresses are offsets in the host's data segment unless called physical. */
struct host_part {
	uint64_t data, size;
	uint64_t extents, extent_count; /* of struct segue_extent */
	uint64_t separate;            /* 1: data is a separate copy, to be wiped after segue_load() */
	char line[512];               /* the words that Multiboot passed; the file name is first */
};

/* calls=: a target that comes back */
#define HOST_CALLS 2u
struct host_call {
	struct segue_range memory[3]; /* target memory; empty ranges at the end */
	uint64_t staging_phys, staging_size; /* the memory that the extents of staging are cut from */
	uint64_t staging, staging_count; /* of struct segue_extent */
	uint64_t workspace, workspace_phys, workspace_size; /* of the second target; the first has the host's */
};

/* For segue_physical_call() with more than SEGUE_BIOS_DATA_MAX bytes */
#define BIOS_WORKSPACE_MORE 0x1000u
#define BIOS_WORKSPACE_SIZE (SEGUE_BIOS_WORKSPACE_SIZE + BIOS_WORKSPACE_MORE)

struct handover {
	uint64_t mode;
	uint64_t base;                /* the kernel's offset of physical p is p + base - shift= */
	uint64_t code_base, data_base;
	uint64_t cr3;                 /* tables that do not map the boot stage */
	uint64_t workspace, workspace_phys, workspace_size;
	uint64_t bios_workspace, bios_workspace_phys; /* of segue_bios() and segue_physical_call() */
	uint64_t call_count;          /* of calls: targets that are called in turn */
	struct host_call calls[HOST_CALLS];
	uint64_t unmapped;            /* an unmapped address, for a broken stack */
	uint64_t apic, io_apic, hpet, vga;
	uint64_t direct;              /* direct map of all RAM; NO_DIRECT: not mapped */
	uint64_t high_root, high_root_phys; /* cr3=high: a page above HIGH_START; 0: none */
	uint64_t root;                /* and the root table, cr3 */
	uint64_t high;                /* offset of HIGH_START; 0: not mapped. The kernel copies data to the extents there */
	uint64_t ram_end;             /* physical */
	uint64_t cpus;                /* number of running CPUs, this one included */
	uint64_t cpus_go;             /* not 0: the other CPUs may enter the kernel */
	uint64_t rsdp, rsdp_size;     /* acpi: physical; 0: none was found */
	uint8_t rsdp_copy[40];        /* a multiple of 8: the boot stage and the kernel must agree on what follows */
	uint64_t part_count, map_count;
	struct host_part part[HOST_PARTS];
	struct segue_range map[HOST_RANGES];
	char line[1024];
};
#define NO_DIRECT UINT64_MAX

/* Returns the text after a word's name in the line, or NULL. name ends in '=' or is the whole word. */
static inline const char *word(const char *line, const char *name)
{
	while (*line) {
		size_t i = 0;

		while (name[i] && line[i] == name[i])
			i++;
		if (!name[i] && i > 0 && (name[i - 1] == '=' || line[i] == ' ' || line[i] == 0))
			return line + i;
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	return NULL;
}

static inline bool word_is(const char *line, const char *name, const char *value)
{
	const char *at = word(line, name);

	while (at && *value && *at == *value) {
		at++;
		value++;
	}
	return at && !*value && (*at == ' ' || *at == 0);
}

/* Reads a hexadecimal number without 0x. */
static inline uint64_t word_number(const char *line, const char *name, uint64_t otherwise)
{
	const char *at = word(line, name);
	uint64_t value = 0;

	if (!at)
		return otherwise;
	for (; *at && *at != ' '; at++)
		value = value * 16 + (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return value;
}

/* Reads digits without 0x, and returns what follows them. */
static inline const char *read_hexadecimal(const char *at, uint64_t *number)
{
	for (*number = 0; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
		*number = *number * 16 + (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return at;
}

/* Reads NAME=START-END,START-END: at most limit ranges. Returns their number. */
static inline size_t read_ranges(const char *line, const char *name, struct segue_range *ranges, size_t limit)
{
	const char *at = word(line, name);
	size_t count = 0;

	for (; at && *at && *at != ' ' && count < limit; at += *at == ',') {
		struct segue_range *range = &ranges[count++];

		at = read_hexadecimal(at, &range->start);
		at = read_hexadecimal(at + (*at == '-'), &range->end);
	}
	return count;
}

/* Is name in the comma-separated list after this word? */
static inline bool word_names(const char *line, const char *list, const char *name)
{
	const char *at = word(line, list);

	while (at) {
		size_t i = 0;

		while (name[i] && at[i] == name[i])
			i++;
		if (!name[i] && (at[i] == ',' || at[i] == ' ' || !at[i]))
			return true;
		while (*at && *at != ' ' && *at != ',')
			at++;
		at = *at == ',' ? at + 1 : NULL;
	}
	return false;
}

/* output.c, in both pieces: %s, %x (uint64_t), %u (uint32_t) to COM1 */
void say_begin(void);
void say(const char *format, ...);
_Noreturn void stop(void);         /* also ends Bochs */

#endif
