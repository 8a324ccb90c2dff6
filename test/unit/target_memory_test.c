/* SPDX-License-Identifier: MIT */
/*
 * target_memory: for targets of each protocol, all segments, moves and purgatory lie in it, and the map that the target gets
 * calls only its RAM RAM. Expected maps are made here address by address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/bytes.h"
#include "elf_image.h"
#include "leave/loaded.h"
#include "pc_map.h"
#include "purgatory/purgatory.h"
#include "segue.h"

#define MIB 0x100000u
#define PAGE 4096u
#define WORKSPACE_PHYS (48 * MIB)
#define BLOB_PHYS (64 * MIB)
#define MODULES_PHYS (80 * MIB)
#define RANGES_MAX 2048u
#define MODULE_SIZE 5000u
#define LINUX_SIZE (1024u + 5000u)
#define LINUX_INIT_SIZE (8 * MIB)

enum blob { PLAIN_ELF, MULTIBOOT, LINUX, LINUX_16, BOOT_SECTOR, BLOBS };
static const char *const names[BLOBS] = {"ELF", "Multiboot 1", "Linux", "Linux in real mode", "boot sector"};

/* A PC with 128 MiB, and 1 GiB above 4 GiB. */
static const struct segue_range pc[] = {
	PC_MAP,
	{0x100000000, 0x140000000, SEGUE_MEMORY_RAM, 0},
};

static struct image elf;
static uint8_t linux_kernel[LINUX_SIZE], sector[512], module_bytes[2][MODULE_SIZE];

static struct host {
	struct segue_load_args args;
	struct segue_range map[RANGES_MAX], within[RANGES_MAX];
	struct segue_extent extent, module_extents[2];
	struct segue_part modules[2];
	struct segue_range told[2 * RANGES_MAX];
	size_t told_count;
	char error[256], warnings[1024];
	uint8_t *workspace;
} h;

static void take_sentence(void *context, int level, const char *sentence)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR)
		snprintf(h.error, sizeof h.error, "%s", sentence);
	if (level == SEGUE_LOG_WARNING)
		snprintf(h.warnings + strlen(h.warnings), sizeof h.warnings - strlen(h.warnings), "%s\n", sentence);
}

/* Two segments from address on, a page apart, and symbols that no segment holds. */
static void make_elf(uint32_t address, bool multiboot)
{
	new_image(&elf, false, address + 0x20);
	add_program_header(&elf, PT_LOAD, 0x400, address, address, 0x300, 0x800);
	add_program_header(&elf, PT_LOAD, 0x1000, address + 2 * PAGE, address + 2 * PAGE, 0x1000, 0x1800);
	add_section(&elf, 0, 0, 0, 0, 0);
	add_section(&elf, 2, 0, 0, 0x2800, 0x200);
	add_section(&elf, 3, 0, 0, 0x2a00, 0x100);
	memset(elf.at + 0x400, 0, 12);
	if (!multiboot)
		return;
	put_le32(elf.at + 0x400, 0x1badb002);
	put_le32(elf.at + 0x404, 2);
	put_le32(elf.at + 0x408, 0u - 0x1badb002 - 2);
}

/* Protocol 2.15; relocatable: to 16 MiB or above; else at address. Offsets: Documentation/x86/boot.rst. */
static void make_linux(bool relocatable, uint32_t address)
{
	uint8_t *k = linux_kernel;

	memset(k, 0x90, sizeof linux_kernel);
	memset(k + 0x1f1, 0, 0x290 - 0x1f1);
	k[0x1f1] = 1;
	put_le32(k + 0x1f4, (LINUX_SIZE - 1024 + 15) / 16);
	put_le16(k + 0x1fe, 0xaa55);
	k[0x201] = 0x6a;
	memcpy(k + 0x202, "HdrS", 4);
	put_le16(k + 0x206, 0x20f);
	k[0x211] = 1;
	put_le32(k + 0x214, address);
	put_le32(k + 0x22c, 0x7fffffff);
	put_le32(k + 0x230, 0x200000);
	k[0x234] = relocatable;
	k[0x235] = 21;
	put_le32(k + 0x238, 2047);
	put_le64(k + 0x258, relocatable ? 16 * MIB : address);
	put_le32(k + 0x260, LINUX_INIT_SIZE);
}

/* address: where an ELF's segments are, and a Linux that is not relocatable. */
static void begin(enum blob blob, uint32_t address)
{
	const void *bytes = blob == PLAIN_ELF || blob == MULTIBOOT ? elf.at : blob == BOOT_SECTOR ? sector : linux_kernel;
	size_t size = blob == PLAIN_ELF || blob == MULTIBOOT ? sizeof elf.at : blob == BOOT_SECTOR ? sizeof sector : LINUX_SIZE;

	make_elf(address, blob == MULTIBOOT);
	make_linux(address == 0, address ? address : MIB);
	sector[510] = 0x55;
	sector[511] = 0xaa;
	h.error[0] = h.warnings[0] = 0;
	memcpy(h.map, pc, sizeof pc);
	h.extent = (struct segue_extent){.addr = BLOB_PHYS, .size = size};
	h.args = (struct segue_load_args){
		.struct_size = sizeof h.args, .memory_map = h.map, .memory_map_count = sizeof pc / sizeof *pc,
		.blob = {.data = bytes, .size = size, .extents = &h.extent, .extent_count = 1},
		.flags = SEGUE_LOAD_CATCHER, .log = take_sentence, .target_memory = h.within,
	};
	if (blob == LINUX_16)
		h.args.flags = SEGUE_LOAD_BIOS | SEGUE_LOAD_REAL_MODE;
	if (blob == BOOT_SECTOR)
		h.args.flags = SEGUE_LOAD_BIOS;
	if (blob == MULTIBOOT || blob == LINUX || blob == LINUX_16) {
		for (unsigned i = 0; i < 2; i++) {
			memset(module_bytes[i], 0x33 + (int)i, MODULE_SIZE);
			h.module_extents[i] = (struct segue_extent){MODULES_PHYS + i * MIB, MODULE_SIZE};
			h.modules[i] = (struct segue_part){.data = module_bytes[i], .size = MODULE_SIZE,
							   .extents = &h.module_extents[i], .extent_count = 1};
		}
		h.args.modules = h.modules;
		h.args.module_count = 2;
	}
}

static int load_with(size_t workspace_size, uint32_t workspace_phys)
{
	free(h.workspace);
	h.workspace = aligned_alloc(PAGE, workspace_size);
	h.args.workspace = h.workspace;
	h.args.workspace_phys = workspace_phys;
	h.args.workspace_size = workspace_size;
	return segue_load(&h.args);
}

static int load(void)
{
	return load_with(SEGUE_WORKSPACE_SIZE(20), WORKSPACE_PHYS);
}

/* The type at an address: by the map, for a range that is not RAM the first; 0: none. */
static uint32_t type_at(const struct segue_range *map, size_t count, uint64_t address)
{
	uint32_t type = 0;

	for (size_t i = 0; i < count; i++)
		if (address >= map[i].start && address < map[i].end && (type == 0 || type == SEGUE_MEMORY_RAM))
			type = map[i].type;
	return type;
}

static bool is_targets(uint64_t address)
{
	for (size_t i = 0; i < h.args.target_memory_count; i++)
		if (address >= h.within[i].start && address < h.within[i].end)
			return true;
	return h.args.target_memory_count == 0;
}

static bool is_targets_ram(uint64_t address)
{
	return is_targets(address) && type_at(h.map, h.args.memory_map_count, address) == SEGUE_MEMORY_RAM;
}

/* Is all of a range the target's RAM? Edges of ranges in these tests are at multiples of 256. */
static bool is_all_targets_ram(uint64_t start, uint64_t size)
{
	for (uint64_t at = start; at < start + size; at += 256 - at % 256)
		if (!is_targets_ram(at))
			return false;
	return size == 0 || is_targets_ram(start + size - 1);
}

static bool find_segment(const char *name, struct segue_segment *s)
{
	for (size_t i = 0; segue_segment_at(h.workspace, i, s) == SEGUE_OK; i++)
		if (!strcmp(s->name, name))
			return true;
	return false;
}

/* The bytes of a table, which are in the workspace. */
static const uint8_t *table(const char *name, struct segue_segment *s)
{
	assert_true(find_segment(name, s));
	assert_true(s->source >= h.args.workspace_phys && s->source - h.args.workspace_phys < h.args.workspace_size);
	return h.workspace + (s->source - h.args.workspace_phys);
}

static void take_told(uint64_t start, uint64_t size, uint32_t type)
{
	assert_true(h.told_count < sizeof h.told / sizeof *h.told && size > 0);
	h.told[h.told_count++] = (struct segue_range){start, start + size, type, 0};
}

/* Reads the map that the target gets. */
static void read_told(enum blob blob)
{
	struct segue_segment s;
	const uint8_t *p;

	h.told_count = 0;
	if (blob == MULTIBOOT) {
		uint32_t length, at;

		p = table("Multiboot information", &s);
		length = le32(p + 44);
		at = le32(p + 48) - (uint32_t)s.dest;
		for (uint32_t end = at + length; at < end; at += 24)
			take_told(le64(p + at + 4), le64(p + at + 12), le32(p + at + 20));
		return;
	}
	p = table("Linux boot parameters", &s);
	for (size_t i = 0; i < p[0x1e8]; i++)
		take_told(le64(p + 0x2d0 + 20 * i), le64(p + 0x2d8 + 20 * i), le32(p + 0x2e0 + 20 * i));
	if (le64(p + 0x250) != 0) {
		const uint8_t *node = p + (le64(p + 0x250) - s.dest);

		for (size_t i = 0; i < le32(node + 12) / 20; i++)
			take_told(le64(node + 16 + 20 * i), le64(node + 24 + 20 * i), le32(node + 32 + 20 * i));
	}
}

static uint32_t told_at(uint64_t address)
{
	uint32_t type = 0, ranges = 0;

	for (size_t i = 0; i < h.told_count; i++)
		if (address >= h.told[i].start && address < h.told[i].end) {
			type = h.told[i].type;
			ranges++;
		}
	if (ranges > 1 && type_at(h.map, h.args.memory_map_count, address) == SEGUE_MEMORY_RAM)
		fail_msg("%#llx is told in %u ranges", (unsigned long long)address, ranges);
	return type;
}

static void check_told_at(uint64_t address)
{
	uint32_t type = type_at(h.map, h.args.memory_map_count, address);
	struct segue_segment catcher = {.size = 0};

	find_segment("catcher", &catcher);
	if (!(h.args.flags & SEGUE_LOAD_CATCHER))
		catcher.size = 0;
	if (type == SEGUE_MEMORY_RAM && (!is_targets(address) || address - catcher.dest < catcher.size))
		type = SEGUE_MEMORY_RESERVED;
	if (told_at(address) != type)
		fail_msg("%#llx is told as %u, not %u", (unsigned long long)address, told_at(address), type);
}

static void check_told_around(const struct segue_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		check_told_at(ranges[i].start);
		check_told_at(ranges[i].end);
		if (ranges[i].start > 0)
			check_told_at(ranges[i].start - 1);
		if (ranges[i].end > 0)
			check_told_at(ranges[i].end - 1);
	}
}

/* KiB of RAM from an address on, as the target must be told. */
static uint32_t kib_from(uint64_t start, uint64_t end)
{
	uint64_t at = start;

	while (at < end && told_at(at) == SEGUE_MEMORY_RAM)
		at += 256;
	return (uint32_t)((at - start) / 1024);
}

static void check_map(enum blob blob)
{
	struct segue_segment s;
	const uint8_t *p;

	read_told(blob);
	check_told_around(h.map, h.args.memory_map_count);
	check_told_around(h.within, h.args.target_memory_count);
	check_told_around(h.told, h.told_count);
	if (blob == MULTIBOOT) {
		p = table("Multiboot information", &s);
		assert_int_equal(le32(p + 4), kib_from(0, 0xa0000));
		assert_int_equal(le32(p + 8), kib_from(MIB, 0x8000000));
	} else {
		p = table("Linux boot parameters", &s);
		assert_int_equal(le32(p + 0x1e0), kib_from(MIB, 0x8000000));
		assert_int_equal(le16(p + 2), le32(p + 0x1e0) > 0xffff ? 0xffff : le32(p + 0x1e0));
	}
}

/* Of the workspace nothing is written by moves. */
static void check_confined(enum blob blob)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_move_description m;
	struct segue_segment s;

	assert_int_equal(segue_describe(h.workspace, &d), SEGUE_OK);
	for (size_t i = 0; segue_segment_at(h.workspace, i, &s) == SEGUE_OK; i++)
		if (!is_all_targets_ram(s.dest, s.size))
			fail_msg("%s: %s %u at %#llx", names[blob], s.name, s.number, (unsigned long long)s.dest);
	for (size_t i = 0; segue_move_at(h.workspace, i, &m) == SEGUE_OK; i++)
		if (!is_all_targets_ram(m.dest, m.size))
			fail_msg("%s: move %zu to %#llx", names[blob], i, (unsigned long long)m.dest);
	if (d.purgatory != h.args.workspace_phys && !is_all_targets_ram(d.purgatory, d.purgatory_size))
		fail_msg("%s: purgatory at %#x", names[blob], d.purgatory);
	if (blob == MULTIBOOT || blob == LINUX)
		check_map(blob);
}

/* The ranges, where an ELF's segments are, and the protocols that fit. */
static const struct layout {
	const char *what;
	struct segue_range within[6];
	size_t count;
	uint32_t address;
	uint32_t blobs;               /* bit n: enum blob */
} layouts[] = {
	{"all RAM", {{0, UINT64_MAX, 0, 0}}, 1, 0x200000, 0x1f},
	{"low memory, and 16 MiB at 32 MiB", {{0, 0xa0000, 0, 0}, {0x2000000, 0x3000000, 0, 0}}, 2, 0x2000000, 0x1f},
	{"unsorted, overlapping, adjacent, empty; types are not read",
	 {{0x2c00000, 0x3000000, 9, 0}, {0x2000000, 0x2900000, 2, 0}, {0x10000, 0x9fc00, 3, 0}, {0x500000, 0x500000, 1, 0},
	  {0x2900000, 0x2c00000, 1, 0}, {0x2800000, 0x2a00000, 4, 0}}, 6, 0x2004000, 0x0f},
	{"partly RAM: into the BIOS's memory, and from ROM on", {{0x90000, 0xf8000, 0, 0}, {0xff000, 0x2000000, 0, 0}}, 2,
	 0x100000, 0x0f},
	{"only above 1 MiB", {{0x1000000, 0x2000000, 0, 0}}, 1, 0x1000100, 0x07},
	{"to the end of RAM, and above 4 GiB", {{0x7000000, 0x120000000, 0, 0}}, 1, 0x7000000, 0x07},
	{"only below 1 MiB", {{0x20000, 0x40000, 0, 0}}, 1, 0x20000, 0x03},
	{"only below 64 KiB", {{0, 0x10000, 0, 0}}, 1, 0x3000, 0x03},
	{"64 KiB", {{0x5000000, 0x5010000, 0, 0}}, 1, 0x5000000, 0x03},
	{"edges within pages", {{0x2000100, 0x2ffff00, 0, 0}, {0x10100, 0x9f900, 0, 0}}, 2, 0x2000100, 0x0f},
	/* the workspace is inside, and the target needs it */
	{"over the workspace", {{0x8000, 0x9f000, 0, 0}, {0x2ffe000, 0x3a00000, 0, 0}}, 2, 0x2ffe000, 0x0f},
};

static void begin_layout(const struct layout *layout, enum blob blob)
{
	begin(blob, blob == LINUX || blob == LINUX_16 ? 0 : layout->address);
	memcpy(h.within, layout->within, sizeof layout->within);
	h.args.target_memory_count = layout->count;
	if (layout->address < MIB) /* the catcher stays above */
		h.args.flags &= ~SEGUE_LOAD_CATCHER;
}

static void test_everything_is_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
		for (enum blob blob = 0; blob < BLOBS; blob++)
			for (unsigned stay = 0; stay < 2; stay++) {
				int error;

				if (!(layouts[i].blobs >> blob & 1))
					continue;
				begin_layout(&layouts[i], blob);
				h.args.flags |= stay ? SEGUE_LOAD_MODULES_STAY : 0;
				error = load();
				if (error != SEGUE_OK)
					fail_msg("%s: %s: %d, %s", names[blob], layouts[i].what, error, h.error);
				check_confined(blob);
			}
}

/* With one range of all addresses the target is placed and told as without. */
static void test_all_memory_is_as_none(void **state)
{
	(void)state;
	for (enum blob blob = 0; blob < BLOBS; blob++) {
		struct segue_segment with[16], without;
		struct segue_range told[sizeof pc / sizeof *pc + 2];
		size_t count = 0, told_count;

		begin_layout(&layouts[0], blob);
		assert_int_equal(load(), SEGUE_OK);
		while (segue_segment_at(h.workspace, count, &with[count]) == SEGUE_OK)
			count++;
		if (blob == MULTIBOOT || blob == LINUX) {
			read_told(blob);
			told_count = h.told_count;
			memcpy(told, h.told, told_count * sizeof *told);
		}
		h.args.target_memory_count = 0;
		assert_int_equal(load(), SEGUE_OK);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(segue_segment_at(h.workspace, i, &without), SEGUE_OK);
			assert_string_equal(with[i].name, without.name);
			assert_int_equal(with[i].dest, without.dest);
			assert_int_equal(with[i].size, without.size);
		}
		assert_int_equal(segue_segment_at(h.workspace, count, &without), SEGUE_E_ARGUMENT);
		if (blob == MULTIBOOT || blob == LINUX) {
			read_told(blob);
			assert_int_equal(h.told_count, told_count);
			assert_memory_equal(h.told, told, told_count * sizeof *told);
		}
	}
}

/* What is outside is one range of each entry, and an entry is split where target memory begins and ends. */
static void test_told_ranges(void **state)
{
	static const struct segue_range told[] = {
		{0, 0x10000, 2, 0}, {0x10000, 0x9fc00, 1, 0}, {0x9fc00, 0xa0000, 2, 0}, {0xf0000, 0x100000, 2, 0},
		{0x100000, 0x2000000, 2, 0}, {0x2000000, 0x3000000, 1, 0}, {0x3000000, 0x5000000, 2, 0}, {0x5000000, 0x5001000, 1, 0},
		{0x5001000, 0x7fe0000, 2, 0}, {0x7fe0000, 0x8000000, 3, 0}, {0xfffc0000, 0x100000000, 2, 0},
		{0x100000000, 0x140000000, 2, 0},
	};

	(void)state;
	for (enum blob blob = MULTIBOOT; blob <= LINUX; blob++) {
		begin(blob, blob == LINUX ? 0 : 0x2000000);
		h.args.flags = 0;
		h.within[0] = (struct segue_range){0x5000000, 0x5001000, 0, 0};
		h.within[1] = (struct segue_range){0x2000000, 0x3000000, 0, 0};
		h.within[2] = (struct segue_range){0x10000, 0xa0000, 0, 0};
		h.args.target_memory_count = 3;
		assert_int_equal(load(), SEGUE_OK);
		assert_string_equal(h.warnings, "");
		read_told(blob);
		assert_int_equal(h.told_count, sizeof told / sizeof *told);
		assert_memory_equal(h.told, told, sizeof told);
	}
}

/* Information and modules of a Multiboot target go by the usual rule as far as there is memory for it. */
static void test_where_multiboot_tables_go(void **state)
{
	static const struct {
		const char *what;
		struct segue_range within[2];
		size_t count;
		uint32_t address;
		uint64_t information, first_module;
	} cases[] = {
		{"low memory too", {{0, 0xa0000, 0, 0}, {0x2000000, 0x3000000, 0, 0}}, 2, 0x2000000, 0x10000, 0x2004000},
		{"below the kernel", {{0x2000000, 0x3000000, 0, 0}}, 1, 0x2100000, 0x2000000, 0x2104000},
		{"above the modules", {{0x2000000, 0x3000000, 0, 0}}, 1, 0x2000000, 0x2107390, 0x2004000},
		{"close above", {{0x2000000, 0x2010000, 0, 0}}, 1, 0x2000000, 0x2000800, 0x2004000},
		{"low memory alone", {{0x20000, 0xa0000, 0, 0}}, 1, 0x30000, 0x20000, 0x34000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct segue_segment s;

		begin(MULTIBOOT, cases[i].address);
		h.args.flags = 0;
		memcpy(h.within, cases[i].within, sizeof cases[i].within);
		h.args.target_memory_count = cases[i].count;
		assert_int_equal(load(), SEGUE_OK);
		assert_true(find_segment("Multiboot information", &s));
		if (s.dest != cases[i].information)
			fail_msg("%s: information at %#llx", cases[i].what, (unsigned long long)s.dest);
		assert_true(find_segment("module", &s));
		if (s.dest != cases[i].first_module)
			fail_msg("%s: module at %#llx", cases[i].what, (unsigned long long)s.dest);
	}
}

/* Each has a sentence that names what is outside, or what has no place. */
static void test_refusals(void **state)
{
	static const struct {
		const char *what;
		enum blob blob;
		uint32_t address;
		struct segue_range within[2];
		size_t count;
		int code;
		const char *sentence;
	} cases[] = {
		{"ELF below", PLAIN_ELF, 0x100000, {{0x2000000, 0x3000000, 0, 0}}, 1, SEGUE_E_SEGMENT_OUTSIDE,
		 "segment outside target_memory: ELF segment 0 at 0x100000 to 0x100800; target_memory is 0x2000000 to 0x3000000"},
		{"ELF above", PLAIN_ELF, 0x4000000, {{0x1000000, 0x2000000, 0, 0}, {0x10000, 0x20000, 0, 0}}, 2, SEGUE_E_SEGMENT_OUTSIDE,
		 "ELF segment 0 at 0x4000000 to 0x4000800; target_memory is 0x1000000 to 0x2000000"},
		{"the second segment", PLAIN_ELF, 0x1ffe000, {{0x1000000, 0x2000000, 0, 0}}, 1, SEGUE_E_SEGMENT_OUTSIDE,
		 "ELF segment 1 at 0x2000000 to 0x2001800"},
		{"by one byte at the end", PLAIN_ELF, 0x1000000, {{0x1000000, 0x10037ff, 0, 0}}, 1, SEGUE_E_SEGMENT_OUTSIDE,
		 "ELF segment 1 at 0x1002000 to 0x1003800; target_memory is 0x1000000 to 0x10037ff"},
		{"by one byte at the start", PLAIN_ELF, 0x1000000, {{0x1000001, 0x2000000, 0, 0}}, 1, SEGUE_E_SEGMENT_OUTSIDE,
		 "ELF segment 0 at 0x1000000"},
		{"over a hole", PLAIN_ELF, 0x1000000, {{0x1000000, 0x1002800, 0, 0}, {0x1002801, 0x2000000, 0, 0}}, 2,
		 SEGUE_E_SEGMENT_OUTSIDE, "ELF segment 1 at 0x1002000"},
		{"Multiboot", MULTIBOOT, 0x100000, {{0, 0xa0000, 0, 0}, {0x2000000, 0x3000000, 0, 0}}, 2, SEGUE_E_SEGMENT_OUTSIDE,
		 "ELF segment 0 at 0x100000 to 0x100800; target_memory is 0x0 to 0x9fc00"},
		{"boot sector", BOOT_SECTOR, 0, {{0x8000, 0x80000000, 0, 0}}, 1, SEGUE_E_SEGMENT_OUTSIDE, "boot sector 0 at 0x7c00 to 0x7e00"},
		/* in the ranges, but not RAM */
		{"ROM", PLAIN_ELF, 0xf0000, {{0, 0x3000000, SEGUE_MEMORY_NVS, 0}}, 1, SEGUE_E_SEGMENT_NOT_RAM,
		 "ELF segment 0 at 0xf0000 to 0xf0800; RAM is 0x0 to 0x9fc00"},
		{"Linux", LINUX, 0x100000, {{0x10000, 0xa0000, 0, 0}, {0x2000000, 0x3000000, 0, 0}}, 2, SEGUE_E_LINUX_PLACE,
		 "8388608 bytes, aligned to 0x1, between 0x100000 and 0x900000; the largest free piece has 0"},
		{"a relocatable Linux in less than it needs", LINUX, 0, {{0x10000, 0xa0000, 0, 0}, {0x2000000, 0x2400000, 0, 0}}, 2,
		 SEGUE_E_LINUX_PLACE, "8388608 bytes, aligned to 0x200000"},
		{"initrd", LINUX, 0, {{0x10000, 0xa0000, 0, 0}, {0x2000000, 0x2801000, 0, 0}}, 2, SEGUE_E_LINUX_INITRD,
		 "bytes, aligned to 0x1000"},
		{"Linux's boot parameters", LINUX, 0, {{0x10000, 0xa0000, 0, 0}, {0x2000000, 0x2803000, 0, 0}}, 2, SEGUE_E_NO_PLACE,
		 "between 0x100000"},
		{"Linux's setup code", LINUX_16, 0, {{0x1000000, 0x3000000, 0, 0}}, 1, SEGUE_E_LINUX_LOW, "no RAM below 640 KiB"},
		{"module", MULTIBOOT, 0x1000000, {{0x1000000, 0x1005000, 0, 0}}, 1, SEGUE_E_NO_PLACE, "module 0: 5000 bytes"},
		{"information", MULTIBOOT, 0x1000000, {{0x1000000, 0x1000800, 0, 0}, {0x1002000, 0x1003800, 0, 0}}, 2, SEGUE_E_NO_PLACE,
		 "Multiboot information"},
		{"catcher", PLAIN_ELF, 0x1000000, {{0x1000000, 0x1006000, 0, 0}}, 1, SEGUE_E_NO_PLACE, "catcher 0: 16384 bytes"},
		{"catcher below 1 MiB", PLAIN_ELF, 0x20000, {{0x20000, 0x90000, 0, 0}}, 1, SEGUE_E_NO_PLACE, "between 0x100000"},
		{"no array", PLAIN_ELF, 0x100000, {{0}}, 0, SEGUE_E_TARGET_MEMORY,
		 "wrong target_memory: target_memory_count is 1, and its array is NULL"},
		{"backwards", PLAIN_ELF, 0x100000, {{0, 0x8000000, 0, 0}, {0x2000000, 0x1ffffff, 0, 0}}, 2, SEGUE_E_TARGET_MEMORY,
		 "wrong target_memory: range 1 is backwards"},
		{"no RAM", PLAIN_ELF, 0x100000, {{0xa0000, 0x100000, 0, 0}, {0x7fe0000, 0x100000000, 0, 0}}, 2, SEGUE_E_TARGET_MEMORY,
		 "wrong target_memory: no RAM below 4 GiB"},
		{"only above 4 GiB", PLAIN_ELF, 0x100000, {{0x100000000, 0x140000000, 0, 0}}, 1, SEGUE_E_TARGET_MEMORY, "below 4 GiB"},
		{"empty", PLAIN_ELF, 0x100000, {{0x100000, 0x100000, 0, 0}}, 1, SEGUE_E_TARGET_MEMORY, "no RAM"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int code;

		begin(cases[i].blob, cases[i].address);
		if (cases[i].blob == LINUX || cases[i].blob == MULTIBOOT)
			h.args.flags = 0;
		if (!strcmp(cases[i].what, "information"))
			h.args.module_count = 0;
		memcpy(h.within, cases[i].within, sizeof cases[i].within);
		h.args.target_memory_count = cases[i].count;
		if (cases[i].count == 0) {
			h.args.target_memory = NULL;
			h.args.target_memory_count = 1;
		}
		code = load();
		if (code != cases[i].code || !strstr(h.error, cases[i].sentence))
			fail_msg("%s: code %d, \"%s\"", cases[i].what, code, h.error);
	}
	/* more than the workspace could list, as in a structure that was not set to zeros */
	begin(PLAIN_ELF, 0x100000);
	h.args.target_memory_count = SIZE_MAX;
	assert_int_equal(load(), SEGUE_E_TARGET_MEMORY);
	/* RAM that is kept is none */
	begin(PLAIN_ELF, 0x100000);
	h.within[0] = h.within[1] = (struct segue_range){0x1000000, 0x2000000, 0, 0};
	h.args.target_memory_count = h.args.keep_count = 1;
	h.args.keep = h.within + 1;
	assert_int_equal(load(), SEGUE_E_TARGET_MEMORY);
	/* without target memory, modules stay above 1 MiB */
	begin(MULTIBOOT, 0x30000);
	h.args.flags = 0;
	h.args.memory_map_count = 2;
	assert_int_equal(load_with(SEGUE_WORKSPACE_SIZE(20), 0x40000), SEGUE_E_NO_PLACE);
	begin(PLAIN_ELF, 0x100000);
	h.args.target_memory_count = 1;
	/* a map without RAM is another refusal */
	h.args.memory_map_count = 0;
	assert_int_equal(load(), SEGUE_E_NO_RAM);
}

static void test_an_array_in_the_workspace(void **state)
{
	(void)state;
	begin(PLAIN_ELF, 0x100000);
	assert_int_equal(load(), SEGUE_OK);
	h.args.target_memory = (void *)(h.workspace + PAGE);
	assert_int_equal(segue_load(&h.args), SEGUE_E_WORKSPACE_USED);
}

#define LACKS "Linux may panic without 64 KiB to 640 KiB in target_memory\n"
#define ASKS "the BIOS tells the target of RAM outside target_memory\n"

static void test_warnings(void **state)
{
	static const struct {
		enum blob blob;
		struct segue_range within[3];
		size_t count;
		const char *warnings;
	} cases[] = {
		{LINUX, {{0}}, 0, ""},
		{LINUX, {{0, UINT64_MAX, 0, 0}}, 1, ""},
		{LINUX, {{0x10000, 0xa0000, 0, 0}, {0x2000000, 0x3000000, 0, 0}}, 2, ""},
		/* what is above may be the BIOS's */
		{LINUX, {{0x2000000, 0x3000000, 0, 0}, {0x40000, 0x80000, 0, 0}, {0x8000, 0x40000, 0, 0}}, 3, ""},
		{LINUX, {{0x2000000, 0x3000000, 0, 0}, {0x10000, 0x7ffff, 0, 0}}, 2, LACKS},
		{LINUX, {{0x2000000, 0x3000000, 0, 0}, {0x11000, 0xa0000, 0, 0}}, 2, LACKS},
		{LINUX, {{0x2000000, 0x3000000, 0, 0}}, 1, LACKS},
		{MULTIBOOT, {{0x2000000, 0x3000000, 0, 0}}, 1, ""},
		{LINUX_16, {{0x10000, 0x90000, 0, 0}, {0x2000000, 0x3000000, 0, 0}}, 2, ASKS},
		{LINUX_16, {{0}}, 0, ""},
		{BOOT_SECTOR, {{0x7c00, 0x7e00, 0, 0}}, 1, ASKS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(cases[i].blob, cases[i].blob == MULTIBOOT ? 0x2000000 : 0);
		memcpy(h.within, cases[i].within, sizeof cases[i].within);
		h.args.target_memory_count = cases[i].count;
		assert_int_equal(load(), SEGUE_OK);
		if (strcmp(h.warnings, cases[i].warnings))
			fail_msg("%zu: \"%s\"", i, h.warnings);
	}
}

/* A workspace outside stays purgatory's home; one inside that the target takes makes it move, and stay inside. */
static void test_where_purgatory_goes(void **state)
{
	struct segue_description d = {.struct_size = sizeof d};

	(void)state;
	begin(PLAIN_ELF, 0x2ffe000);
	h.args.flags = 0;
	h.within[0] = (struct segue_range){0x2ffe000, 0x3002000, 0, 0};
	h.within[1] = (struct segue_range){0x1000000, 0x1010000, 0, 0};
	h.args.target_memory_count = 2;
	assert_int_equal(load_with(SEGUE_WORKSPACE_SIZE(20), 0x4800000), SEGUE_OK);
	segue_describe(h.workspace, &d);
	assert_int_equal(d.purgatory, 0x4800000);
	assert_int_equal(load_with(SEGUE_WORKSPACE_SIZE(20), 0x3000000), SEGUE_OK);
	segue_describe(h.workspace, &d);
	assert_true(d.purgatory >= 0x1000000 && d.purgatory + d.purgatory_size <= 0x1010000);
	h.args.target_memory_count = 1;
	assert_int_equal(load_with(SEGUE_WORKSPACE_SIZE(20), 0x3000000), SEGUE_E_NO_PURGATORY);
}

/* Purgatory must not probe for devices in RAM, also if the target may not use that RAM. */
static void test_no_device_is_sought_in_other_ram(void **state)
{
	const struct purgatory_devices *devices;

	(void)state;
	for (unsigned ram = 0; ram < 2; ram++) {
		begin(PLAIN_ELF, 0x2000000);
		h.args.flags = SEGUE_LOAD_QUIET_ALL;
		h.map[5] = (struct segue_range){0xfe000000, 0xff000000, ram ? SEGUE_MEMORY_RAM : SEGUE_MEMORY_RESERVED, 0};
		h.within[0] = (struct segue_range){0x2000000, 0x3000000, 0, 0};
		h.args.target_memory_count = 1;
		assert_int_equal(load(), SEGUE_OK);
		devices = (const void *)(h.workspace + segue_purgatory_devices.at);
		assert_int_equal(devices->usual_io_apic, ram ? 0 : 0xfec00000);
		assert_int_equal(devices->usual_hpet, ram ? 0 : 0xfed00000);
	}
}

/* The ranges need no more workspace than segue.h says. */
static void test_many_ranges(void **state)
{
	static const struct {
		size_t map, within;
	} cases[] = {{7, 249}, {7, 2000}, {1000, 1000}, {250, 6}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (enum blob blob = MULTIBOOT; blob <= LINUX; blob++) {
			size_t map = cases[i].map, within = cases[i].within, above = map + within - 256;
			struct segue_description d = {.struct_size = sizeof d};
			struct segue_segment s;
			int error;

			begin(blob, blob == LINUX ? 0 : 0x3f00000);
			h.extent.addr = 0x7000000;
			h.args.flags = 0;
			/* ranges of RAM above, of which target memory has the middle of each in turn */
			for (size_t k = 7; k < map; k++)
				h.map[k] = (struct segue_range){(uint64_t)(k + 80) << 28, (uint64_t)(k + 81) << 28, SEGUE_MEMORY_RAM, 0};
			h.args.memory_map_count = map;
			h.within[0] = (struct segue_range){0x2000000, 0x4000000, 0, 0};
			for (size_t k = 1; k < within; k++)
				h.within[k] = map > 7 ? (struct segue_range){((uint64_t)(k + 86) << 28) + PAGE, ((uint64_t)(k + 86) << 28) + 2 * PAGE, 0, 0} :
					(struct segue_range){0x100000 + k * 2 * PAGE, 0x100000 + k * 2 * PAGE + PAGE, 0, 0};
			h.args.target_memory_count = within;
			/* the blob, two modules of which each counts 5, and the ranges */
			error = load_with(SEGUE_WORKSPACE_SIZE(1 + 2 * 5 + 4 * above), blob == LINUX ? 0x2400000 : 0x3eff000);
			if (error != SEGUE_OK)
				fail_msg("%zu ranges in the map, %zu of target memory: %s", map, within, h.error);
			/* the target takes the workspace, so the list of RAM is needed to the end */
			segue_describe(h.workspace, &d);
			assert_true(d.purgatory >= 0x2000000 && d.purgatory + d.purgatory_size <= 0x4000000);
			for (size_t k = 0; segue_segment_at(h.workspace, k, &s) == SEGUE_OK; k++)
				assert_true(is_all_targets_ram(s.dest, s.size > PAGE ? PAGE : s.size));
			read_told(blob);
			assert_true(h.told_count > (map < within ? within : map));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_inside),
		cmocka_unit_test(test_all_memory_is_as_none),
		cmocka_unit_test(test_told_ranges),
		cmocka_unit_test(test_where_multiboot_tables_go),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_an_array_in_the_workspace),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_where_purgatory_goes),
		cmocka_unit_test(test_no_device_is_sought_in_other_ram),
		cmocka_unit_test(test_many_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
