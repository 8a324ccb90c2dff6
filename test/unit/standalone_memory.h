/* SPDX-License-Identifier: MIT */
/* The first megabytes of a machine, with a boot loader's structures in them, for the pure parts of the standalone host. */
#ifndef STANDALONE_MEMORY_H
#define STANDALONE_MEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "standalone.h"
#include "boot_info.h"
#include "vbe_mode.c"                 /* boot_info.c needs it */

#ifndef MEMORY_SIZE
#define MEMORY_SIZE 0x200000u
#endif
static uint8_t memory[MEMORY_SIZE];

void *physical(uint32_t addr)
{
	assert_true(addr < MEMORY_SIZE);
	return memory + addr;
}

/* 0 for a pointer outside the machine's memory, such as a string literal of the code under test */
uint32_t physical_address(const void *pointer)
{
	const uint8_t *byte = pointer;

	return byte >= memory && byte < memory + MEMORY_SIZE ? (uint32_t)(byte - memory) : 0;
}

static inline void put32(uint32_t addr, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		memory[addr + (uint32_t)i] = (uint8_t)(value >> 8 * i);
}

static inline void put64(uint32_t addr, uint64_t value)
{
	put32(addr, (uint32_t)value);
	put32(addr + 4, (uint32_t)(value >> 32));
}

static inline void put_text(uint32_t addr, const char *text)
{
	memcpy(memory + addr, text, strlen(text) + 1);
}

#define INFO 0x10000u

/* Multiboot 2 information at INFO, tag by tag. */
static uint32_t tag_end;

static inline void tags_start(void)
{
	memset(memory, 0, sizeof memory);
	tag_end = INFO + 8;
}

/* Adds a tag of size bytes. Returns its start. */
static inline uint32_t tag_add(uint32_t type, uint32_t size)
{
	uint32_t tag = tag_end;

	put32(tag, type);
	put32(tag + 4, size);
	tag_end += (size + 7) & ~7u;
	return tag;
}

static inline void tag_add_text(uint32_t type, const char *text)
{
	put_text(tag_add(type, 8 + (uint32_t)strlen(text) + 1) + 8, text);
}

static inline void tag_add_module(uint32_t start, uint32_t end, const char *text)
{
	uint32_t tag = tag_add(3, 16 + (uint32_t)strlen(text) + 1);

	put32(tag + 8, start);
	put32(tag + 12, end);
	put_text(tag + 16, text);
}

static inline uint32_t tag_add_map(uint32_t type, uint32_t entry_size, uint32_t count)
{
	uint32_t tag = tag_add(type, 16 + entry_size * count);

	put32(tag + 8, entry_size);
	return tag + 16;
}

static inline void put_map_entry(uint32_t addr, uint64_t start, uint64_t size, uint32_t type)
{
	put64(addr, start);
	put64(addr + 8, size);
	put32(addr + 16, type);
}

static inline bool tags_read(struct boot_info *boot)
{
	tag_add(0, 8);
	put32(INFO, tag_end - INFO);
	return boot_info_read(boot, 0x36d76289, INFO);
}

#endif
