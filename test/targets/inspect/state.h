/* SPDX-License-Identifier: MIT */
/* The saved entry state, and declarations that the inspector's files share. */
#ifndef INSPECT_STATE_H
#define INSPECT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* for the rest of each source file: the bzImage's payload runs at any address, without a GOT */
#pragma GCC visibility push(hidden)

/* the same numbers as in variant.inc */
enum variant {
	VARIANT_MULTIBOOT,
	VARIANT_MULTIBOOT_VIDEO,
	VARIANT_LINUX,
	VARIANT_ELF,
	VARIANT_MULTIBOOT2,
	VARIANT_LINUX64,
};

/* the same layout as in save.inc */
struct saved {
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t eflags;
	uint32_t cs, ds, es, fs, gs, ss;
	uint32_t cr0, cr2, cr3;
	uint32_t dr[4], dr6, dr7;
	uint16_t gdt_pad, gdt_limit;
	uint32_t gdt_base;
	uint16_t idt_pad, idt_limit;
	uint32_t idt_base;
	uint32_t ldtr, tr;
	uint32_t entry;
};

_Static_assert(offsetof(struct saved, eflags) == 32, "save.inc");
_Static_assert(offsetof(struct saved, cr0) == 60, "save.inc");
_Static_assert(offsetof(struct saved, dr6) == 88, "save.inc");
_Static_assert(offsetof(struct saved, gdt_limit) == 98, "save.inc");
_Static_assert(offsetof(struct saved, idt_base) == 108, "save.inc");
_Static_assert(offsetof(struct saved, entry) == 120, "save.inc");
_Static_assert(sizeof(struct saved) == 124, "save.inc");

/* What a 64-bit entry has, before it goes down to 32-bit mode. The same layout as in entry_linux.asm. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, WIDE_REGISTERS = 16 };
struct saved_wide {
	uint64_t registers[WIDE_REGISTERS];
	uint64_t rip, rflags, cr0, cr2, cr3, cr4, efer, fs_base, gs_base;
	uint16_t cs, ds, es, fs, gs, ss, ldtr, tr;
	uint16_t gdt_pad[3], gdt_limit;
	uint64_t gdt_base;
	uint16_t idt_pad[3], idt_limit;
	uint64_t idt_base;
};
_Static_assert(offsetof(struct saved_wide, rip) == 128 && offsetof(struct saved_wide, cs) == 200 &&
	       offsetof(struct saved_wide, gdt_limit) == 222 && offsetof(struct saved_wide, idt_base) == 240 &&
	       sizeof(struct saved_wide) == 248, "entry_linux.asm");
/* NULL: not entered by a 64-bit entry. */
const struct saved_wide *wide_state(const struct saved *state, enum variant variant);
void wide_print(const struct saved_wide *state);
/* Are all pages of [start, end) mapped to themselves, writable? */
bool wide_maps(const struct saved_wide *state, uint64_t start, uint64_t end);
void wide_judge(const struct saved_wide *state, bool strict, bool catcher);

/* A range of physical memory, end exclusive. */
struct range {
	uint64_t start, end;
	uint32_t type;		/* 1: available, as in E820 and Multiboot */
};

/* The memory map that the loader passed. */
enum { MAP_MAX = 1024 };

struct map {
	uint32_t count;
	uint32_t dropped;
	struct range range[MAP_MAX];
};

extern struct map memory_map;

void map_add(uint64_t start, uint64_t length, uint32_t type);
bool map_has_ram(uint64_t start, uint64_t end);
void map_judge(void);

/* The inspector's own place in memory, .bss included. */
uint32_t image_start(void);
uint32_t image_end(void);

bool ranges_meet(uint64_t a_start, uint64_t a_end, uint64_t b_start, uint64_t b_end);
uint32_t crc32(uint32_t start, uint32_t size);

/* Untrusted bytes at a physical address. */
uint32_t peek8(uint32_t address);
uint32_t peek16(uint32_t address);
uint32_t peek32(uint32_t address);
uint64_t peek64(uint32_t address);

void cpu_read(const struct saved *state);
void cpu_print(const struct saved *state);
void cpu_judge(const struct saved *state, enum variant variant, bool strict, bool catcher);

void multiboot_print(const struct saved *state);
void multiboot_judge(const struct saved *state, bool video, bool strict);
uint32_t multiboot_command_line(const struct saved *state);

void multiboot2_print(const struct saved *state);
void multiboot2_judge(const struct saved *state, bool strict);
uint32_t multiboot2_command_line(const struct saved *state);

void linux_print(const struct saved *state, const struct saved_wide *wide);
void linux_judge(const struct saved *state, const struct saved_wide *wide, bool strict);
uint32_t linux_command_line(const struct saved *state);
bool linux_is_elf(void);

uint32_t clear_bss(void);
void image_judge(bool loader_zeroes_bss, uint32_t nonzero_bss);

#endif
