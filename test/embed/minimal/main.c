/* SPDX-License-Identifier: MIT */
/* What a kernel has anyway: a line to print on, its memory map, a file. Here both are what Multiboot 1 passes. */
#include "segue.h"

void print(const char *text);
uint64_t physical_address(const void *pointer);
void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges);
void kernel_main(uint32_t information_at);

enum { COM1 = 0x3f8, LSR = 5, LSR_THRE = 1 << 5 };
enum { RANGES = 32 };

/* The linear address of physical address 0, where Multiboot's structures and the file are read. */
#ifndef BASE
#define BASE 0
#endif

struct multiboot_information {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};
struct multiboot_module {
	uint32_t start, end, string, reserved;
};

static struct segue_range map[RANGES];

static void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while (!(in8(COM1 + LSR) & LSR_THRE))
		;
	out8(COM1, (uint8_t)c);
}

void print(const char *text)
{
	for (; *text; text++)
		put(*text);
	put('\n');
}

/* Paging is off, or maps all of memory from BASE on. */
uint64_t physical_address(const void *pointer) { return (uintptr_t)pointer - BASE; }

static const void *at(uint32_t physical) { return (const void *)(uintptr_t)(BASE + physical); }

void kernel_main(uint32_t information_at)
{
	const struct multiboot_information *information = at(information_at);
	const struct multiboot_module *module = at(information->mods_addr);
	const char *words;
	size_t ranges;

	if (information->mods_count == 0) {
		print("no module");
		return;
	}
	/* The file's name stands in front. */
	words = at(module->string);
	while (*words && *words != ' ')
		words++;
	while (*words == ' ')
		words++;
	if (segue_range_from_multiboot(1, at(information->mmap_addr), information->mmap_length, map, RANGES,
				       &ranges) != SEGUE_OK) {
		print("no memory map");
		return;
	}
	print("starting the module");
	start_kernel(at(module->start), module->end - module->start, words, map, ranges);
	print("it was refused");
}
