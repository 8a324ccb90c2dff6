/* SPDX-License-Identifier: MIT */
/* A target that changes all of its state at each call, checks it at the next one, and comes back. */
#include <stddef.h>
#include "read_core.h"
#include "rules.h"
#include "spoil.h"
#include "start_info.h"
#include "segue_target.h"

#define COM1 0x3f8
#define COUNT (sizeof state / sizeof state[0])

static uint32_t state[2048], filled;

#define MULTIBOOT_BOOTED 0x2badb002u
#define MULTIBOOT2_BOOTED 0x36d76289u
#define MULTIBOOT2_CMDLINE 1u

_Noreturn void main(uint32_t magic, const uint32_t *info, uint32_t entry);
_Noreturn void come_back_badly(uint32_t entry, uint32_t word);

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void print(const char *text)
{
	while (*text)
		out8(COM1, (uint8_t)*text++);
}

static void print_number(uint32_t value)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = 28; shift >= 0; shift -= 4)
		out8(COM1, (uint8_t)digits[value >> shift & 15]);
}

_Noreturn void fail(const char *what, uint32_t value, uint32_t expected)
{
	print("BAD: target: ");
	print(what);
	print(" ");
	print_number(value);
	print(", not ");
	print_number(expected);
	print("\r\n");
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

void must_be(const char *what, uint32_t value, uint32_t expected)
{
	if (value != expected)
		fail(what, value, expected);
}

static const char *find(const char *line, const char *word)
{
	for (; *line; line++) {
		size_t i = 0;

		while (word[i] && line[i] == word[i])
			i++;
		if (!word[i])
			return line + i;
	}
	return NULL;
}

static uint32_t number(const char *at)
{
	uint32_t value = 0;

	for (; at && *at && *at != ' '; at++)
		value = value * 16 + (uint32_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return value;
}

/* Multiboot 0.6.96, 3.3; Multiboot 2, section 3.6: the tags begin after eight bytes, each at a multiple of eight. */
static const char *line_of(uint32_t magic, const uint32_t *info)
{
	const uint32_t *tag = info + 2;

	if (magic == START_INFO_MAGIC)
		return start_info_line(info);
	if (magic == MULTIBOOT_BOOTED)
		return (const char *)info[4];
	must_be("Multiboot's magic", magic, MULTIBOOT2_BOOTED);
	while (tag[0] != MULTIBOOT2_CMDLINE) {
		if (tag[0] == 0)
			fail("tag", 0, MULTIBOOT2_CMDLINE);
		tag += (tag[1] + 7) / 8 * 2;
	}
	return (const char *)(tag + 2);
}

/* The CPU is as at the first instruction, each time. */
static void check_cpu(void)
{
	uint32_t cr0, cr3, flags, cs;
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) idtr;

	__asm__ volatile("mov %%cr0, %0\n\tmov %%cr3, %1\n\tmov %%cs, %2\n\tpushfl\n\tpopl %3"
			 : "=r"(cr0), "=r"(cr3), "=r"(cs), "=r"(flags));
	__asm__ volatile("sidt %0" : "=m"(idtr));
	must_be("CR0", cr0, 0x11);
	must_be("CR3", cr3, 0);
	must_be("IF and DF", flags & 0x600, 0);
	must_be("IDT limit", idtr.limit, 0);
}

void main(uint32_t magic, const uint32_t *info, uint32_t entry)
{
	const char *line = line_of(magic, info), *ends, *spoils, *executed, *core;
	volatile struct segue_return_block *block = SEGUE_RETURN_BLOCK(entry);
	uint32_t count = 0, host, word;

	if (magic != START_INFO_MAGIC)
		must_be("Multiboot's magic", magic, find(line, " mb2") ? MULTIBOOT2_BOOTED : MULTIBOOT_BOOTED);
	must_be("kexec_jump_back_entry", number(find(line, " kexec_jump_back_entry=0x")), entry);
	must_be("the block's magic", block->magic, SEGUE_RETURN_MAGIC);
	must_be("the block's entry", block->entry, entry);
	ends = find(line, "badly");
	spoils = find(line, "spoil");
	executed = find(line, "executed");
	core = find(line, " core");
	host = block->word;
	for (;; count++) {
		check_cpu();
		if (magic == START_INFO_MAGIC)
			check_start_info(info, number(find(line, "ram=")), find(line, "module"), find(line, "rsdp"));
		/* For segue_exec() there is no word. */
		if (!executed) {
			if (!core)
				must_be("the host's word", host, host_word(count));
			must_be("the block's word", block->word, host);
			must_be("entries", block->entries, count + 1);
		}
		must_be("times filled", filled, count);
		for (uint32_t i = 0; i < COUNT && count > 0; i++)
			must_be("state", state[i], (count - 1) * 0x01000193u + i);
		for (uint32_t i = 0; i < COUNT; i++)
			state[i] = count * 0x01000193u + i;
		filled++;
		word = core ? read_core(entry, host, count) : target_word(count, host);
		if (spoils)
			spoil(entry);
		if (ends)
			come_back_badly(entry, word);
		host = segue_return(entry, word);
	}
}
