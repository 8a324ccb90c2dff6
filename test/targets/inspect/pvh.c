/* SPDX-License-Identifier: MIT */
/* PVH's start info: Xen, include/public/arch-x86/hvm/start_info.h, version 1. */
#include "state.h"
#include "inspect_output.h"

#define START_MAGIC	0x336ec578u

/* struct hvm_start_info */
enum {
	VERSION = 4,
	FLAGS = 8,
	MODULES = 12,
	MODULE_LIST = 16,
	CMDLINE = 24,
	RSDP = 32,
	MAP = 40,
	MAP_ENTRIES = 48,
	RESERVED = 52,
	START_BYTES = 56,
};
/* Not in the specification: loaders/README.md, "PVH" */
#define STACK_BYTES	256

/* struct hvm_modlist_entry, struct hvm_memmap_table_entry */
enum {
	MODULE_SIZE = 8,
	MODULE_CMDLINE = 16,
	MODULE_RESERVED = 24,
	MODULE_BYTES = 32,
	ENTRY_SIZE = 8,
	ENTRY_TYPE = 16,
	ENTRY_RESERVED = 20,
	ENTRY_BYTES = 24,
	TYPE_PMEM = 7,
	PAGE = 4096,
};

/* ACPI 6.5, section 5.2.5.3 */
enum {
	RSDP_BYTES = 20,
	RSDP_REVISION = 15,
	RSDP_RSDT = 16,
	RSDP_NEW_BYTES = 36,
};

static uint32_t module_at(uint32_t info, uint32_t i)
{
	return peek32(info + MODULE_LIST) + MODULE_BYTES * i;
}

static uint32_t entry_at(uint32_t info, uint32_t i)
{
	return peek32(info + MAP) + ENTRY_BYTES * i;
}

static bool is_start_info(const struct saved *state)
{
	return peek32(state->ebx) == START_MAGIC;
}

uint32_t pvh_command_line(const struct saved *state)
{
	return is_start_info(state) ? peek32(state->ebx + CMDLINE) : 0;
}

void pvh_print(const struct saved *state)
{
	uint32_t info = state->ebx, at, i;

	print("pvh.info = %x\n", info);
	print("pvh.magic = %x\n", peek32(info));
	if (!is_start_info(state))
		return;
	print("pvh.version = %u\n", peek32(info + VERSION));
	print("pvh.flags = %x\n", peek32(info + FLAGS));
	print("pvh.cmdline = %q\n", peek32(info + CMDLINE));
	print("pvh.rsdp = %X\n", peek64(info + RSDP));
	at = peek32(info + RSDP);
	if (at)
		print("pvh.rsdp.copy = revision %u rsdt %x\n", peek8(at + RSDP_REVISION), peek32(at + RSDP_RSDT));
	for (i = 0; i < peek32(info + MODULES); i++) {
		at = module_at(info, i);
		print("module = start %x end %x crc32 %x ", peek32(at), peek32(at) + peek32(at + MODULE_SIZE),
		      crc32(peek32(at), peek32(at + MODULE_SIZE)));
		if (peek32(at + MODULE_CMDLINE))
			print("string %q\n", peek32(at + MODULE_CMDLINE));
		else
			print("string none\n");
	}
	for (i = 0; i < peek32(info + MAP_ENTRIES); i++) {
		at = entry_at(info, i);
		print("mmap.%u = %X %X %u\n", i, peek64(at), peek64(at + ENTRY_SIZE), peek32(at + ENTRY_TYPE));
		map_add(peek64(at), peek64(at + ENTRY_SIZE), peek32(at + ENTRY_TYPE));
	}
}

static uint32_t string_end(uint32_t at)
{
	while (peek8(at))
		at++;
	return at + 1;
}

static void judge_placed(const char *name, uint32_t start, uint32_t end)
{
	bool apart = start != 0 && start <= end && !ranges_meet(start, end, image_start(), image_end());

	expect_that(apart && map_has_ram(start, end), name, "in available memory, outside the kernel", "[%x, %x)", start, end);
}

static void judge_modules(uint32_t info)
{
	uint32_t count = peek32(info + MODULES), list = peek32(info + MODULE_LIST);

	/* An address of 0: there is none. */
	if (count == 0) {
		expect64("protocol.modlist_paddr", peek64(info + MODULE_LIST), 0);
		return;
	}
	expect("protocol.modlist_paddr.high", peek32(info + MODULE_LIST + 4), 0);
	expect_masked("protocol.modlist_paddr", list, 0, 7);
	judge_placed("protocol.modlist", list, list + MODULE_BYTES * count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = module_at(info, i), start = peek32(at), end = start + peek32(at + MODULE_SIZE), meets;
		uint32_t line = peek32(at + MODULE_CMDLINE);

		expect("protocol.module.high", peek32(at + 4) | peek32(at + MODULE_SIZE + 4) | peek32(at + MODULE_CMDLINE + 4), 0);
		expect64("protocol.module.reserved", peek64(at + MODULE_RESERVED), 0);
		expect_masked("protocol.module.start", start, 0, PAGE - 1);
		judge_placed("protocol.module", start, end);
		if (line)
			judge_placed("protocol.module.cmdline", line, string_end(line));
		meets = ranges_meet(start, end, info, info + START_BYTES) + ranges_meet(start, end, list, list + MODULE_BYTES * count);
		for (uint32_t k = 0; k < i; k++) {
			uint32_t other = peek32(module_at(info, k));

			meets += ranges_meet(start, end, other, other + peek32(module_at(info, k) + MODULE_SIZE));
		}
		expect("protocol.module.overlaps", meets, 0);
	}
}

static void judge_map(uint32_t info)
{
	uint32_t count = peek32(info + MAP_ENTRIES), map = peek32(info + MAP), reserved = 0, types = 0;

	expect("protocol.memmap_paddr.high", peek32(info + MAP + 4), 0);
	expect_masked("protocol.memmap_paddr", map, 0, 7);
	expect_that(count > 0, "protocol.memmap_entries", "at least 1", "%u", count);
	judge_placed("protocol.memmap", map, map + ENTRY_BYTES * count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t type = peek32(entry_at(info, i) + ENTRY_TYPE);

		reserved |= peek32(entry_at(info, i) + ENTRY_RESERVED);
		types += type < 1 || type > TYPE_PMEM;
	}
	expect("protocol.memmap.reserved", reserved, 0);
	expect("protocol.memmap.unknown_types", types, 0);
	map_judge();
}

static uint32_t byte_sum(uint32_t start, uint32_t size)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < size; i++)
		sum += peek8(start + i);
	return sum & 0xff;
}

static void judge_rsdp(uint32_t info)
{
	uint32_t at = peek32(info + RSDP);

	expect("protocol.rsdp_paddr.high", peek32(info + RSDP + 4), 0);
	if (at == 0) {
		not_applicable("protocol.rsdp", "the loader knows of none");
		return;
	}
	expect("protocol.rsdp.signature", peek32(at) == 0x20445352 && peek32(at + 4) == 0x20525450, 1);
	expect("protocol.rsdp.sum", byte_sum(at, RSDP_BYTES), 0);
	if (peek8(at + RSDP_REVISION) >= 2)
		expect("protocol.rsdp.new_sum", byte_sum(at, RSDP_NEW_BYTES), 0);
	/* Not in memory that the kernel may use. */
	expect_that(!map_has_ram(at, (uint64_t)at + RSDP_BYTES) || at < 0x100000, "protocol.rsdp.place",
		    "not in available memory", "%x", at);
}

void pvh_judge(const struct saved *state, bool strict)
{
	uint32_t info = state->ebx, line = peek32(info + CMDLINE), map = peek32(info + MAP), stack = state->esp - STACK_BYTES;

	expect("protocol.magic", peek32(info), START_MAGIC);
	if (!is_start_info(state))
		return;
	expect("protocol.version", peek32(info + VERSION), 1);
	/* SIF_PRIVILEGED, SIF_INITDOMAIN and so on are for guests of Xen. */
	expect("protocol.flags", peek32(info + FLAGS), 0);
	expect("protocol.reserved", peek32(info + RESERVED), 0);
	judge_map(info);
	judge_placed("protocol.info", info, info + START_BYTES);
	expect("protocol.cmdline_paddr.high", peek32(info + CMDLINE + 4), 0);
	judge_placed("protocol.cmdline", line, line ? string_end(line) : line);
	judge_modules(info);
	judge_rsdp(info);
	if (strict) {
		judge_placed("segue.esp", stack, state->esp);
		expect("segue.esp.overlaps", ranges_meet(stack, state->esp, info, info + START_BYTES) ||
		       ranges_meet(stack, state->esp, map, map + ENTRY_BYTES * peek32(info + MAP_ENTRIES)) ||
		       ranges_meet(stack, state->esp, line, string_end(line)), 0);
		expect_masked("segue.ebx", info, 0, 15);
		expect_that(info >= 0x1000, "segue.ebx.low", "above the first page", "%x", info);
	}
}
