/* SPDX-License-Identifier: MIT */
/*
 * Linux by its 64-bit entry, with kernels made here: each field of the entry state, the page tables and the GDT, where the
 * initrd goes, and each refusal. Offsets and bits are written as numbers, from Documentation/x86/boot.rst and the Intel SDM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "blocks/block.h"
#include "common/long_entry.h"
#include "leave/loaded.h"
#include "linux_job.h"
#include "load/arrangement.h"
#include "purgatory/purgatory.h"

#define HAS_HIGH (ADDRESS_MAX > UINT32_MAX)
#define CODE_SIZE 5000u
#define KERNEL_SIZE (1024u + CODE_SIZE)
#define GIB 0x40000000ull
#define TABLES_MIN 0x7000u            /* the GDT, the top table, one for 512 GiB, four for a GiB each */

/* 128 MiB below 4 GiB, and 12 GiB above with a hole. */
static const struct segue_range map[] = {
	{0, 0x9fc00, 1, 0}, {0xf0000, 0x100000, 2, 0}, {0x100000, 0x8000000, 1, 0}, {0xfffc0000, 0x100000000, 2, 0},
	{4 * GIB, 8 * GIB, 1, 0}, {8 * GIB, 8 * GIB + 0x100000, 2, 0}, {8 * GIB + 0x100000, 16 * GIB, 1, 0},
};
#define MAP map, sizeof map / sizeof *map
/* No hole at 8 GiB. */
static const struct segue_range without_hole[] = {{0, 0x9fc00, 1, 0}, {0x100000, 0x8000000, 1, 0}, {4 * GIB, 16 * GIB, 1, 0}};

static struct world w;
static uint8_t kernel[KERNEL_SIZE], initrd[10000];

static void make_kernel(uint16_t version, uint16_t xloadflags)
{
	memset(kernel, 0x90, sizeof kernel);
	memset(kernel + 0x1f1, 0, 0x290 - 0x1f1);
	kernel[0x1f1] = 1;
	put_le32(kernel + 0x1f4, (CODE_SIZE + 15) / 16);
	put_le16(kernel + 0x1fe, 0xaa55);
	kernel[0x201] = 0x6a;
	memcpy(kernel + 0x202, "HdrS", 4);
	put_le16(kernel + 0x206, version);
	kernel[0x211] = 1;
	put_le32(kernel + 0x214, 0x100000);
	put_le32(kernel + 0x22c, 0x7fffffff);
	put_le32(kernel + 0x230, 0x200000);
	kernel[0x234] = 1;
	kernel[0x235] = 21;
	put_le16(kernel + 0x236, xloadflags);
	put_le32(kernel + 0x238, 2047);
	put_le64(kernel + 0x258, 0x1000000);
	put_le32(kernel + 0x260, 0x800000);
}

static void confine(const struct segue_range *ranges, size_t count)
{
	w.args.target_memory = ranges;
	w.args.target_memory_count = count;
}

static void begin_with(uint16_t version, uint16_t xloadflags, uint32_t flags)
{
	make_kernel(version, xloadflags);
	world_begin(&w, kernel, sizeof kernel, MAP);
	w.args.flags = flags;
}

static void begin(void)
{
	begin_with(0x20f, 3, SEGUE_LOAD_LINUX_64);
}

static void load_ok(void)
{
	int error = world_load(&w);

	if (error != SEGUE_OK)
		fail_msg("refused with %d: %s", error, w.error);
	assert_int_equal(w.errors, 0);
}

static void load_64(void)
{
	load_ok();
	assert_int_equal(w.job.entry.selectors, ENTRY_LONG_MODE);
	assert_non_null(strstr(w.info, "64-bit entry"));
}

static void load_32(void)
{
	load_ok();
	assert_int_equal(w.job.entry.selectors, ENTRY_CODE_10_DATA_18);
	assert_null(world_segment(&w, "64-bit tables"));
	assert_null(strstr(w.info, "64-bit entry"));
}

static void refused(int code, const char *part)
{
	int error = world_load(&w);

	if (error != code || !strstr(w.error, part))
		fail_msg("got %d, wanted %d; '%s' should have '%s'", error, code, w.error, part);
	assert_int_equal(w.errors, 1);
}

/* Where the tables map an address; UINT64_MAX: nowhere. Counts the tables that lead there. */
static uint64_t mapped_to(uint64_t at)
{
	const struct segment *s = world_segment(&w, "64-bit tables");
	uint64_t entry = w.job.entry.wide->cr3 | 3;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		const uint8_t *table;

		assert_in_range(entry & ~0xfffull, s->dest + 0x1000, s->dest + s->size - 0x1000);
		table = world_at(&w, entry & ~0xfffull, 0x1000);
		entry = le64(table + (at >> shift & 511) * 8);
		if (entry == 0)
			return UINT64_MAX;
		/* present and writable; a page of 2 MiB; nothing else */
		assert_int_equal(entry & 0xfff, shift == 21 ? 0x83 : 3);
	}
	return (entry & ~0x1fffffull) | (at & 0x1fffff);
}

/* Exactly [0, 4 GiB) and the large pages of [start, end) and [start2, end2) are mapped, each to itself. */
static void check_both_maps(uint64_t start, uint64_t end, uint64_t start2, uint64_t end2)
{
	for (uint64_t at = 0; at < 20 * GIB; at += 0x200000) {
		bool there = at < 4 * GIB || (at < end && at + 0x200000 > start) || (at < end2 && at + 0x200000 > start2);
		uint64_t inside = at + 0x12345;

		if (mapped_to(inside) != (there ? inside : UINT64_MAX))
			fail_msg("0x%llx is mapped to 0x%llx", (unsigned long long)inside, (unsigned long long)mapped_to(inside));
	}
	for (uint64_t at = 64 * GIB; at < (1ull << 47); at += 64 * GIB)
		assert_int_equal(mapped_to(at), UINT64_MAX);
}

static void check_maps(uint64_t start, uint64_t end)
{
	check_both_maps(start, end, 0, 0);
}

static void test_state(void **state)
{
	static const uint64_t gdt[6] = {0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff};
	const struct segment *s;
	const struct long_entry *e;
	const uint8_t *page;

	(void)state;
	begin();
	world_cmdline(&w, "quiet");
	load_64();
	s = world_segment(&w, "64-bit tables");
	assert_int_equal(s->size, TABLES_MIN);
	assert_int_equal(s->target_type, SEGUE_MEMORY_RESERVED);
	assert_int_equal(s->dest & 0xfff, 0);
	assert_int_equal(s->zero_size, 0);
	e = w.job.entry.wide;
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(e->registers[i], i == 6 ? w.job.entry.wide->registers[LONG_RSI] : 0);
	assert_int_equal(e->registers[6], world_segment(&w, "Linux boot parameters")->dest);
	assert_int_equal(e->rip, 0x1000200);
	assert_int_equal(w.job.entry.eip, 0x1000200);
	assert_int_equal(e->rflags, 2);
	assert_int_equal(e->cr0, 0x80000011);
	assert_int_equal(e->cr3, s->dest + 0x1000);
	assert_int_equal(e->cr4, 0x20);
	assert_int_equal(e->efer, 0x100);
	assert_int_equal(e->pat, 0x0007040600070406);
	assert_int_equal(e->gdt, s->dest);
	assert_int_equal(e->gdt_limit, 47);
	assert_int_equal(e->code, 0x10);
	assert_int_equal(e->data, 0x18);
	assert_int_equal(e->tss, 0x20);
	page = world_at(&w, s->dest, 0x1000);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(le64(page + i * 8), gdt[i]);
	/* an available 64-bit TSS of limit 0x67 at 0x40 of the page, all zeros but the I/O map's base, which is its end */
	assert_int_equal(le64(page + 0x20), 0x0000890000000067 | (uint64_t)(s->dest + 0x40) % 0x1000000 << 16 |
			 (uint64_t)(s->dest + 0x40) >> 24 << 56);
	assert_int_equal(le64(page + 0x28), 0);
	for (unsigned i = 0x30; i < 0x1000; i++)
		assert_int_equal(page[i], i == 0x40 + 102 ? 104 : 0);
	check_maps(0, 0);
	assert_int_equal(le32(world_at(&w, e->registers[6], 0x1000) + 0x214), 0x1000000);
}

/* All that Linux is told is as with the 32-bit entry, but for the tables' reserved memory. */
static void test_boot_params(void **state)
{
	uint8_t narrow[0x1000], wide[0x1000];
	uint64_t tables;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin_with(0x20f, 3, i == 0 ? 0 : SEGUE_LOAD_LINUX_64);
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS + 8);
		world_cmdline(&w, "console=ttyS0");
		load_ok();
		if (i == 0)
			memcpy(narrow, world_at(&w, w.job.entry.esi, 0x1000), 0x1000);
		else
			memcpy(wide, world_at(&w, w.job.entry.wide->registers[LONG_RSI], 0x1000), 0x1000);
	}
	tables = world_segment(&w, "64-bit tables")->dest;
	assert_int_equal(wide[0x1e8], narrow[0x1e8] + (tables + TABLES_MIN == 0x8000000 ? 1 : 2));
	for (unsigned i = 0; i < wide[0x1e8]; i++) {
		uint64_t start = le64(wide + 0x2d0 + i * 20), end = start + le64(wide + 0x2d0 + i * 20 + 8);

		if (start < tables + TABLES_MIN && tables < end) {
			assert_int_equal(start, tables);
			assert_int_equal(end, tables + TABLES_MIN);
			assert_int_equal(le32(wide + 0x2d0 + i * 20 + 16), 2);
		}
	}
	memset(narrow + 0x1e8, 0, 1);
	memset(wide + 0x1e8, 0, 1);
	memset(narrow + 0x2d0, 0, 2560);
	memset(wide + 0x2d0, 0, 2560);
	/* the initrd may be lower: the tables are taken from the top after it, and the page goes where there is room */
	assert_int_equal(le32(narrow + 0x218), le32(wide + 0x218));
	/* the RAM that older kernels would count ends at the tables */
	for (unsigned i = 0; i < 2; i++) {
		memset((i ? narrow : wide) + 0x02, 0, 2);
		memset((i ? narrow : wide) + 0x1e0, 0, 4);
	}
	memset(narrow + 0x228, 0, 4);
	memset(wide + 0x228, 0, 4);
	assert_memory_equal(narrow, wide, 0x1000);
}

static const uint8_t *page_64(void)
{
	return world_at(&w, w.job.entry.wide->registers[LONG_RSI], 0x1000);
}

/* The initrd, by the zero page and by its segment. */
static void check_initrd(uint64_t at, uint64_t size)
{
	const struct segment *s = world_segment(&w, "initrd");

	assert_int_equal(s->dest, at);
	assert_int_equal(s->size, (size + 4095) & ~4095ull);
	assert_int_equal(le32(page_64() + 0x218) + ((uint64_t)le32(page_64() + 0xc0) << 32), at);
	assert_int_equal(le32(page_64() + 0x21c) + ((uint64_t)le32(page_64() + 0xc4) << 32), size);
	assert_int_equal(le32(page_64() + 0xc8), 0);
	check_maps(at < 4 * GIB ? 0 : at, at < 4 * GIB ? 0 : at + size);
}

/* A file of any size that nothing reads. */
static void begin_initrd(uint64_t size, uint64_t phys)
{
	begin();
	w.job.bundle.initrd = world_part(&w, initrd, (size_t)size, phys);
}

static void test_stays_high(void **state)
{
	(void)state;
	if (!HAS_HIGH)
		return;
	begin_initrd(sizeof initrd, 5 * GIB);
	load_64();
	check_initrd(5 * GIB, sizeof initrd);
	assert_int_equal(world_segment(&w, "64-bit tables")->size, TABLES_MIN + 0x1000);
	/* across an edge of a GiB: two tables */
	begin_initrd(2 * GIB, 5 * GIB + 0x1000);
	load_64();
	check_initrd(5 * GIB + 0x1000, 2 * GIB);
	assert_int_equal(world_segment(&w, "64-bit tables")->size, TABLES_MIN + 3 * 0x1000);
	/* more than 4 GiB; the whole of the piece */
	begin_initrd(6 * GIB + 5, 9 * GIB);
	load_64();
	check_initrd(9 * GIB, 6 * GIB + 5);
	/* its last page is its own: not in RAM */
	begin_initrd(4 * GIB - 0xfff, 4 * GIB);
	load_64();
	check_initrd(4 * GIB, 4 * GIB - 0xfff);
	begin_initrd(4 * GIB + 1, 4 * GIB);
	load_64();
	assert_int_not_equal(world_segment(&w, "initrd")->dest, 4 * GIB);
}

static void test_moves(void **state)
{
	static struct segue_extent pieces[2] = {{0x80000100, 6 * GIB / 2}, {12 * GIB, 6 * GIB / 2}};

	(void)state;
	/* not on a page, or not of a kernel that takes it there: below initrd_addr_max, as high as possible */
	begin_initrd(sizeof initrd, 5 * GIB + 8);
	if (!HAS_HIGH)
		begin_initrd(sizeof initrd, INITRD_PHYS + 8);
	load_64();
	check_initrd(0x8000000 - 0x3000, sizeof initrd);
	begin_with(0x20f, 1, SEGUE_LOAD_LINUX_64);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, HAS_HIGH ? 5 * GIB : INITRD_PHYS + 8);
	load_64();
	check_initrd(0x8000000 - 0x3000, sizeof initrd);
	if (!HAS_HIGH)
		return;
	/* too large to be below: above, at the top, where no file lies */
	begin_initrd(GIB, 4 * GIB + 8);
	load_64();
	check_initrd(15 * GIB, GIB);
	begin_initrd(GIB, 14 * GIB + GIB / 2 - 8);
	load_64();
	check_initrd(13 * GIB + GIB / 2 - 0x1000, GIB);
	/* the hole */
	begin_initrd(4 * GIB - 0x300000, 9 * GIB + 8);
	load_64();
	check_initrd(4 * GIB + 0x300000, 4 * GIB - 0x300000);
	/* in two pieces */
	begin_initrd(6 * GIB, 0);
	w.parts[1].extents = pieces;
	w.parts[1].extent_count = 2;
	refused(SEGUE_E_LINUX_INITRD, "between 0x100000 and 0x400000000000: the blob or a module lies in each free piece");
	pieces[0].addr = 15 * GIB + 0x100;
	pieces[0].size = GIB / 2;
	pieces[1].addr = 4 * GIB;
	pieces[1].size = GIB / 2;
	begin_initrd(GIB, 0);
	w.parts[1].extents = pieces;
	w.parts[1].extent_count = 2;
	load_64();
	check_initrd(14 * GIB, GIB);
	/* two files */
	begin();
	world_module(&w, initrd, 2 * GIB + 1, 4 * GIB);
	world_module(&w, initrd, 3, 7 * GIB);
	load_64();
	assert_int_equal(le32(page_64() + 0x218) + ((uint64_t)le32(page_64() + 0xc0) << 32), 14 * GIB - 0x1000);
	assert_int_equal(le32(page_64() + 0x21c), 2 * GIB + 7);
	assert_int_equal(world_segment(&w, "initrd")->dest, 14 * GIB - 0x1000);
	assert_int_equal(w.job.segments[2].dest, 14 * GIB - 0x1000 + 2 * GIB + 4);
	assert_int_equal(w.job.segments[2].zero_size, 0xff9);
}

/* RAM that other facts take away. */
static void test_limits(void **state)
{
	static const struct segue_range keep = {5 * GIB + 0x2000, 5 * GIB + 0x2001, 0, 0};
	static const struct segue_range within[] = {{0x1000000, 0x3000000, 0, 0}, {6 * GIB, 7 * GIB, 0, 0}};

	(void)state;
	if (!HAS_HIGH)
		return;
	begin_initrd(sizeof initrd, 5 * GIB);
	w.args.keep = &keep;
	w.args.keep_count = 1;
	load_64();
	check_initrd(0x8000000 - 0x3000, sizeof initrd);
	begin_initrd(sizeof initrd, 5 * GIB);
	world_cmdline(&w, "mem=5G");
	load_64();
	check_initrd(0x8000000 - 0x3000, sizeof initrd);
	begin_initrd(sizeof initrd, 5 * GIB);
	world_cmdline(&w, "mem=5121M");
	load_64();
	check_initrd(5 * GIB, sizeof initrd);
	begin_initrd(GIB, 4 * GIB + 8);
	world_cmdline(&w, "mem=10G");
	load_64();
	check_initrd(9 * GIB, GIB);
	begin_initrd(GIB, 4 * GIB + 8);
	world_cmdline(&w, "mem=5G");
	refused(SEGUE_E_LINUX_INITRD, "between 0x100000 and 0x140000000");
	begin_initrd(sizeof initrd, 5 * GIB);
	confine(within, 2);
	load_64();
	check_initrd(0x3000000 - 0x3000, sizeof initrd);
	begin_initrd(sizeof initrd, 6 * GIB);
	confine(within, 2);
	load_64();
	check_initrd(6 * GIB, sizeof initrd);
}

static const struct segue_range low_and_high[] = {{0x10000, 0xa0000, 0, 0}, {6 * GIB + 0x1000, 7 * GIB, 0, 0}};

/* Room for the kernel above 4 GiB only. */
static void begin_above(uint16_t xloadflags, uint32_t flags)
{
	begin_with(0x20f, xloadflags, flags);
	confine(low_and_high, 2);
}

/* The kernel at an address above 4 GiB, and the zero page and the command line after it; what else the state has of that. */
static void check_above(uint64_t at, const char *line)
{
	const struct segment *code = world_segment(&w, "Linux kernel"), *page = world_segment(&w, "Linux boot parameters");
	const struct long_entry *e = w.job.entry.wide;
	const uint8_t *zero = page_64();

	assert_int_equal(code->dest, at);
	assert_int_equal(code->size, 0x800000);
	assert_int_equal(code->source.size, CODE_SIZE);
	assert_int_equal(e->rip, at + 0x200);
	assert_int_equal(page->dest, at + 0x800000);
	assert_int_equal(e->registers[6], page->dest);
	assert_int_equal(le32(zero + 0x228), (uint32_t)(page->dest + 0x1000));
	assert_int_equal(le32(zero + 0xc8), (uint64_t)(page->dest + 0x1000) >> 32);
	assert_string_equal((const char *)world_at(&w, page->dest + 0x1000, strlen(line) + 1), line);
	/* no field for the kernel's place: as in the file */
	assert_int_equal(le32(zero + 0x214), 0x100000);
	assert_int_equal(le32(zero + 0x230), 0x200000);
}

static void test_above(void **state)
{
	static const struct segue_range kept = {0x100000, 0x7000000, 0, 0};
	const struct segment *s;
	uint64_t room;

	(void)state;
	begin_above(3, SEGUE_LOAD_LINUX_64);
	if (!HAS_HIGH) {
		refused(SEGUE_E_LINUX_PLACE, "8388608 bytes, aligned to 0x200000, between 0x1000000 and 0xfffff000; the largest free piece has 0");
		return;
	}
	world_cmdline(&w, "console=ttyS0");
	load_64();
	check_above(6 * GIB + 0x200000, "console=ttyS0");
	/* the tables stay in the workspace, which is no RAM of the target's */
	s = world_segment(&w, "64-bit tables");
	assert_ptr_equal(s->source.data, w.workspace + (s->dest - WORKSPACE_PHYS));
	assert_int_equal(s->dest & 0xfff, 0);
	assert_int_equal(s->size, TABLES_MIN + 0x1000);
	assert_int_equal(w.job.entry.wide->gdt, s->dest);
	assert_int_equal(w.job.entry.wide->cr3, s->dest + 0x1000);
	room = world_segment(&w, "Linux boot parameters")->dest + 0x2000;
	check_maps(6 * GIB + 0x200000, room);
	for (unsigned i = 0; i < page_64()[0x1e8]; i++) {
		const uint8_t *e = page_64() + 0x2d0 + i * 20;

		if (le32(e + 16) == 1)
			assert_true(le64(e) + le64(e + 8) <= 0xa0000 || le64(e) >= 6 * GIB);
	}
	assert_int_equal(w.warnings, 0);

	/* also without the flag */
	begin_above(3, 0);
	load_64();
	check_above(6 * GIB + 0x200000, "");
	/* RAM below that is enough for all but the kernel has the tables; the zero page goes with the kernel */
	begin_with(0x20f, 3, SEGUE_LOAD_LINUX_64);
	w.args.keep = &kept;
	w.args.keep_count = 1;
	put_le32(kernel + 0x260, 0x1400000);
	load_64();
	assert_int_equal(w.job.entry.wide->rip, 4 * GIB + 0x200);
	assert_int_equal(world_segment(&w, "Linux boot parameters")->dest, 4 * GIB + 0x1400000);
	assert_int_equal(world_segment(&w, "64-bit tables")->dest, 0x8000000 - TABLES_MIN - 0x1000);
	assert_int_equal(world_segment(&w, "64-bit tables")->target_type, SEGUE_MEMORY_RESERVED);
	check_maps(4 * GIB, 4 * GIB + 0x1402000);
}

/* The zero page differs in nothing but the addresses and the map. */
static void test_boot_params_above(void **state)
{
	uint8_t page[2][0x1000];

	(void)state;
	if (!HAS_HIGH)
		return;
	for (unsigned i = 0; i < 2; i++) {
		begin();
		if (i == 1)
			begin_above(3, SEGUE_LOAD_LINUX_64);
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 5 * GIB);
		world_cmdline(&w, "console=ttyS0");
		load_64();
		memcpy(page[i], page_64(), 0x1000);
		if (i == 1)
			check_above(6 * GIB + 0x200000, "console=ttyS0");
		else
			assert_int_equal(le32(page[i] + 0xc8), 0);
		memset(page[i] + 0xc8, 0, 4);
		memset(page[i] + 0x228, 0, 4);
		memset(page[i] + 0x214, 0, 4);
		/* the initrd; the map, and the size of RAM at 1 MiB that it shows */
		memset(page[i] + 0xc0, 0, 4);
		memset(page[i] + 0x218, 0, 4);
		memset(page[i] + 0x02, 0, 2);
		memset(page[i] + 0x1e0, 0, 4);
		memset(page[i] + 0x1e8, 0, 1);
		memset(page[i] + 0x2d0, 0, 2560);
	}
	assert_memory_equal(page[0], page[1], 0x1000);
}

/* Kernel and initrd above 4 GiB. */
static void test_both_above(void **state)
{
	static struct segue_range more[] = {{0x10000, 0xa0000, 0, 0}, {4 * GIB, 8 * GIB, 0, 0}, {9 * GIB, 16 * GIB, 0, 0}};
	const struct segment *s;
	uint64_t end;

	(void)state;
	if (!HAS_HIGH)
		return;
	/* the initrd stays, above or below the kernel; or moves to the top */
	for (unsigned i = 0; i < 3; i++) {
		static const uint64_t place[] = {6 * GIB + 0x40000000 - 0x3000, 6 * GIB + 0x1000, 5 * GIB};

		begin_above(3, SEGUE_LOAD_LINUX_64);
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, place[i]);
		load_64();
		s = world_segment(&w, "initrd");
		assert_int_equal(s->dest, i == 2 ? 7 * GIB - 0x3000 : place[i]);
		assert_int_equal(le32(page_64() + 0x218) + ((uint64_t)le32(page_64() + 0xc0) << 32), s->dest);
		check_above(6 * GIB + 0x200000, "");
		end = world_segment(&w, "Linux boot parameters")->dest + 0x2000;
		check_both_maps(6 * GIB + 0x200000, end, s->dest, s->dest + sizeof initrd);
	}
	/* no part lies where the kernel goes: each that does makes way */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(more, 3);
	w.extents[0].addr = 4 * GIB + 0x1ffff1;
	world_module(&w, initrd, 0x300001, 4 * GIB + 0x900000);
	world_module(&w, initrd, 5, 5 * GIB);
	load_64();
	check_above(4 * GIB + 0xe00000, "");
	assert_int_equal(world_segment(&w, "initrd")->dest, 16 * GIB - 0x301000);
	/* several tables of each level: one for 512 GiB and one for 1 GiB are shared */
	check_both_maps(4 * GIB + 0xe00000, 4 * GIB + 0x1602000, 16 * GIB - 0x301000, 16 * GIB);
	/* nor does a segment */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	more[2].start = 16 * GIB - 0x900000 - 0x300000;
	confine(more + 2, 1);
	world_module(&w, initrd, 0x300000, 5 * GIB);
	load_64();
	check_above(more[2].start, "");
	assert_int_equal(world_segment(&w, "initrd")->dest, 16 * GIB - 0x300000);
	more[2].start += 0x200000;
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(more + 2, 1);
	world_module(&w, initrd, 0x300000, 5 * GIB);
	refused(SEGUE_E_LINUX_INITRD, "3145728 bytes, aligned to 0x1000, between 0x100000 and ");
}

/* Addresses that are not as round as a kernel's usually are. */
static void test_odd_places_above(void **state)
{
	static struct segue_range odd[] = {{0x10000, 0xa0000, 0, 0}, {6 * GIB + 0x100, 7 * GIB, 0, 0}};
	static const struct segue_range kept = {0x100000, 0x8000000, 0, 0};
	static char line[2048];
	const struct segment *s;
	unsigned reserved = 0;

	(void)state;
	if (!HAS_HIGH)
		return;
	memset(line, 'a', sizeof line - 1);
	/* the command line begins where the lower half of an address is 0 */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	w.args.target_memory = odd;
	odd[1] = (struct segue_range){8 * GIB - 0x800000, 9 * GIB, 0, 0};
	w.args.memory_map = without_hole;
	w.args.memory_map_count = sizeof without_hole / sizeof *without_hole;
	put_le32(kernel + 0x260, 0x7ff000);
	world_cmdline(&w, line);
	load_64();
	assert_int_equal(w.job.entry.wide->registers[6], 8 * GIB - 0x1000);
	assert_int_equal(le32(page_64() + 0x228), 0);
	assert_int_equal(le32(page_64() + 0xc8), 2);
	/* a kernel_alignment below a page: the zero page is on one, and neither it nor the command line is where a source is */
	odd[1] = (struct segue_range){6 * GIB + 0x100, 7 * GIB, 0, 0};
	begin_above(3, SEGUE_LOAD_LINUX_64);
	w.args.target_memory = odd;
	put_le32(kernel + 0x230, 16);
	kernel[0x235] = 4;
	world_cmdline(&w, line);
	world_module(&w, initrd, 8, 6 * GIB + 0x802100);
	load_64();
	assert_int_equal(world_segment(&w, "Linux boot parameters")->size, 0x1800);
	assert_int_equal(w.job.entry.wide->registers[6], 6 * GIB + 0x1003000);
	assert_int_equal(w.job.entry.wide->rip, 6 * GIB + 0x803200);
	assert_int_equal(le32(page_64() + 0x230), 16);
	/* what the host keeps is RAM of the target's all the same, except the tables */
	begin();
	w.args.keep = &kept;
	w.args.keep_count = 1;
	load_64();
	s = world_segment(&w, "64-bit tables");
	assert_in_range(s->dest, WORKSPACE_PHYS, WORKSPACE_PHYS + WORKSPACE_SIZE - 0x8000);
	for (unsigned i = 0; i < page_64()[0x1e8]; i++) {
		const uint8_t *e = page_64() + 0x2d0 + i * 20;

		reserved += le64(e) == s->dest && le64(e + 8) == 0x8000 && le32(e + 16) == 2;
		if (le32(e + 16) == 1)
			assert_true(le64(e) + le64(e + 8) <= s->dest || le64(e) >= s->dest + 0x8000);
	}
	assert_int_equal(reserved, 1);
}

static void test_no_room_above(void **state)
{
	static const struct segue_range high = {6 * GIB, 7 * GIB, 0, 0};
	static const struct segue_range wide[] = {{0x10000, 0xa0000, 0, 0}, {9 * GIB, 16 * GIB, 0, 0}};
	static const struct segue_range exact[] = {{0x10000, 0xa0000, 0, 0}, {0x1000000, 0x1800000, 0, 0}, {6 * GIB, 7 * GIB, 0, 0}};
	static const struct segue_range workspace_only[] = {
		{0x10000, 0xa0000, 0, 0}, {WORKSPACE_PHYS, WORKSPACE_PHYS + WORKSPACE_SIZE, 0, 0}, {6 * GIB, 7 * GIB, 0, 0},
	};
	static uint8_t large[WORKSPACE_SIZE - 0x3000];

	(void)state;
	if (!HAS_HIGH)
		return;
	/* room below for the kernel, and for nothing else */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(exact, 3);
	load_64();
	check_above(6 * GIB, "");
	begin_above(1, SEGUE_LOAD_LINUX_64);
	confine(exact, 3);
	refused(SEGUE_E_NO_PLACE, "64-bit tables");
	begin_above(3, 0);
	confine(exact, 3);
	load_64();
	check_above(6 * GIB, "");
	/* the tables cannot stay where the initrd goes */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(workspace_only, 3);
	load_64();
	assert_in_range(world_segment(&w, "64-bit tables")->dest, WORKSPACE_PHYS, WORKSPACE_PHYS + WORKSPACE_SIZE - 0x8000);
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(workspace_only, 3);
	w.job.bundle.initrd = world_part(&w, large, sizeof large, INITRD_PHYS);
	refused(SEGUE_E_NO_PLACE, "64-bit tables 0: 32768 bytes");
	/* kernels that cannot lie there */
	begin_above(1, SEGUE_LOAD_LINUX_64);
	refused(SEGUE_E_LINUX_PLACE, "below 4 GiB, and it cannot lie above: bit 1 of its xloadflags is 0");
	begin_above(1, 0);
	refused(SEGUE_E_LINUX_PLACE, "8388608 bytes, aligned to 0x200000, between 0x1000000 and 0xfffff000; the largest free piece has 0");
	begin_above(3, SEGUE_LOAD_LINUX_64);
	kernel[0x234] = 0;
	refused(SEGUE_E_LINUX_PLACE, "bytes, aligned to 0x1, between 0x100000 and ");
	/* mem= ends the RAM above too */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	world_cmdline(&w, "mem=6155M");
	load_64();
	begin_above(3, SEGUE_LOAD_LINUX_64);
	world_cmdline(&w, "mem=6154M");
	refused(SEGUE_E_LINUX_PLACE, "8396800 bytes, aligned to 0x200000, between 0x1000000 and 0x180a00000; the largest free piece has 8388608");
	begin_above(3, SEGUE_LOAD_LINUX_64);
	world_cmdline(&w, "mem=6145M");
	refused(SEGUE_E_LINUX_PLACE, "between 0x1000000 and 0x180100000; the largest free piece has 0");
	/* of 7 GiB, the largest piece that is on such a boundary has 7 GiB */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(wide, 2);
	w.job.bundle.initrd = world_part(&w, initrd, 8 * GIB, 16 * GIB);
	refused(SEGUE_E_LINUX_INITRD, "8589934592 bytes, aligned to 0x1000, between 0x100000 and 0x400000000000; the largest free piece has 7507795968");
	/* all of target memory is above: Linux will miss low memory, and only a Linux finds room there */
	begin_above(3, SEGUE_LOAD_LINUX_64);
	confine(&high, 1);
	load_64();
	check_above(6 * GIB, "");
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.warning, "Linux may panic without 64 KiB to 640 KiB"));
	begin_above(1, SEGUE_LOAD_LINUX_64);
	confine(&high, 1);
	refused(SEGUE_E_LINUX_PLACE, "bit 1 of its xloadflags is 0");
}

/* Without the flag. */
static void test_by_itself(void **state)
{
	(void)state;
	begin_with(0x20f, 3, 0);
	load_32();
	begin_with(0x20f, 3, 0);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, HAS_HIGH ? 5 * GIB : INITRD_PHYS);
	load_32();
	if (!HAS_HIGH)
		return;
	/* no room below */
	begin_with(0x20f, 3, 0);
	w.job.bundle.initrd = world_part(&w, initrd, GIB, 5 * GIB);
	load_64();
	check_initrd(5 * GIB, GIB);
	begin_with(0x20f, 3, 0);
	w.job.bundle.initrd = world_part(&w, initrd, 5 * GIB, 9 * GIB);
	load_64();
	check_initrd(9 * GIB, 5 * GIB);
	/* and none above for this kernel */
	begin_with(0x20f, 1, 0);
	w.job.bundle.initrd = world_part(&w, initrd, GIB, 5 * GIB);
	refused(SEGUE_E_LINUX_INITRD, "1073741824 bytes");
	assert_non_null(strstr(w.error, "the largest free piece has "));
	begin_with(0x20f, 2, 0);
	w.job.bundle.initrd = world_part(&w, initrd, GIB, 5 * GIB);
	refused(SEGUE_E_LINUX_INITRD, "1073741824 bytes");
	begin_with(0x20f, 1, 0);
	w.job.bundle.initrd = world_part(&w, initrd, 5 * GIB, 9 * GIB);
	refused(SEGUE_E_TOO_LARGE, "initrd");
}

static void test_refusals(void **state)
{
	(void)state;
	begin_with(0x20f, 2, SEGUE_LOAD_LINUX_64);
	refused(SEGUE_E_LINUX_64, "no 64-bit entry: boot protocol 2.15, 32-bit");
	begin_with(0x20b, 3, SEGUE_LOAD_LINUX_64);
	refused(SEGUE_E_LINUX_64, "no 64-bit entry: boot protocol 2.11, 32-bit");
	begin_with(0x209, 3, SEGUE_LOAD_LINUX_64);
	refused(SEGUE_E_LINUX_64, "no 64-bit entry: boot protocol 2.09, 32-bit");
	begin();
	w.args.flags |= SEGUE_LOAD_REAL_MODE | SEGUE_LOAD_BIOS;
	refused(SEGUE_E_LINUX_64, "no 64-bit entry: it is to start in its 16-bit code");
	/* the code ends at the entry, or one byte after it */
	begin();
	w.job.bundle.kernel.size = 1024 + 0x200;
	put_le32(kernel + 0x1f4, 0x20);
	refused(SEGUE_E_LINUX_64, "no 64-bit entry: its code of 512 bytes ends before it");
	begin();
	w.job.bundle.kernel.size = 1024 + 0x201;
	put_le32(kernel + 0x1f4, 0x21);
	load_64();
	/* without the flag it is another entry's */
	begin_with(0x20f, 3, 0);
	w.job.bundle.kernel.size = 1024 + 0x200;
	put_le32(kernel + 0x1f4, 0x20);
	load_32();
	assert_string_equal(segue_strerror(SEGUE_E_LINUX_64), "no 64-bit entry");
	assert_string_equal(segue_strerror(SEGUE_E_LONG_MODE), "no 64-bit CPU");
	/* the host has not linked the loader */
	begin();
	assert_int_equal(world_prepare(&w), SEGUE_OK);
	assert_int_equal(segue_loader_linux.load(&w.job), SEGUE_E_NOT_LINKED);
	assert_non_null(strstr(w.error, "segue_loader_linux64"));
	begin();
	w.args.flags |= SEGUE_LOAD_REAL_MODE | SEGUE_LOAD_BIOS;
	assert_int_equal(world_prepare(&w), SEGUE_OK);
	assert_int_equal(segue_loader_linux.load(&w.job), SEGUE_E_NOT_LINKED);
	/* no RAM for the tables */
	begin();
	w.args.workspace_size = 0;
	w.job.arena.end = w.job.arena.next + 0x6000;
	assert_int_equal(world_load(&w), SEGUE_E_WORKSPACE_SMALL);
}

/* All of segue_load(): purgatory's parameters, and the plan of what moves above 4 GiB. */
static uint8_t *workspace;

static int load_all(struct segue_load_args *args, const struct segue_part *module, uint32_t flags)
{
	static struct segue_extent extent = {KERNEL_PHYS, KERNEL_SIZE};

	if (!workspace)
		workspace = aligned_alloc(4096, SEGUE_WORKSPACE_SIZE(64));
	assert_non_null(workspace);
	make_kernel(0x20f, 3);
	memset(&w, 0, offsetof(struct world, workspace));
	*args = (struct segue_load_args){
		.struct_size = sizeof *args, .flags = flags, .memory_map = map, .memory_map_count = sizeof map / sizeof *map,
		.blob = {.data = kernel, .size = KERNEL_SIZE, .extents = &extent, .extent_count = 1}, .modules = module,
		.module_count = module ? 1 : 0, .workspace = workspace, .workspace_phys = WORKSPACE_PHYS,
		.workspace_size = SEGUE_WORKSPACE_SIZE(64), .log = world_log, .log_context = &w,
	};
	return segue_load(args);
}

static void test_purgatory(void **state)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_load_args args;
	struct purgatory_params again = {0};
	const struct purgatory_params *params;
	const struct loaded *loaded;

	(void)state;
	assert_int_equal(load_all(&args, NULL, SEGUE_LOAD_LINUX_64), SEGUE_OK);
	params = (const void *)(workspace + PURGATORY_PARAMS_AT);
	loaded = (const void *)(workspace + LOADED_AT);
	assert_int_equal(params->flags & (PURGATORY_LONG_MODE | PURGATORY_REAL_MODE | PURGATORY_HIGH), PURGATORY_LONG_MODE);
	assert_memory_equal(workspace + segue_purgatory_long_mode.at, loaded->job.entry.wide, sizeof(struct long_entry));
	assert_true(params->pages * PURGATORY_PAGE >= segue_purgatory_long_mode.at + segue_purgatory_long_mode.size);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_int_equal(d.long_mode, 1);
	assert_int_equal(d.real_mode, 0);
	assert_int_equal(d.entry, 0x1000200);
	segue_unload(workspace);

	assert_int_equal(load_all(&args, NULL, 0), SEGUE_OK);
	assert_int_equal(params->flags & PURGATORY_LONG_MODE, 0);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_int_equal(d.long_mode, 0);
	segue_unload(workspace);

	/* the catcher is the other one */
	assert_int_equal(load_all(&args, NULL, SEGUE_LOAD_LINUX_64 | SEGUE_LOAD_CATCHER), SEGUE_OK);
	assert_memory_equal(loaded->job.catcher, segue_purgatory_catcher64.bytes, segue_purgatory_catcher64.size);
	assert_int_equal(params->catcher, loaded->job.catcher_dest);
	/* also if a host's table of blocks has them in the other order */
	segue_block_catcher.write(&loaded->job, &again);
	assert_memory_equal(loaded->job.catcher, segue_purgatory_catcher64.bytes, segue_purgatory_catcher64.size);
	assert_int_equal(again.catcher, loaded->job.catcher_dest);
	segue_unload(workspace);
	assert_int_equal(load_all(&args, NULL, SEGUE_LOAD_CATCHER), SEGUE_OK);
	assert_memory_equal(loaded->job.catcher, segue_purgatory_catcher.bytes, segue_purgatory_catcher.size);
	segue_unload(workspace);
}

/* All of segue_load() for a kernel above 4 GiB. */
static void test_purgatory_above(void **state)
{
	static const struct segue_range with_low[] = {{0x10000, 0xa0000, 0, 0}, {0x1000000, 0x1400000, 0, 0}, {6 * GIB, 7 * GIB, 0, 0}};
	static const uint8_t digest[32];
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_move_description move;
	struct segue_load_args args;
	struct segue_extent extent = {5 * GIB + 8, sizeof initrd};
	struct segue_part module = {.data = initrd, .size = sizeof initrd, .extents = &extent, .extent_count = 1};
	const struct purgatory_params *params;
	const struct loaded *loaded;
	const struct long_entry *entry;
	uint64_t copied = 0, zeroed = 0;
	const struct list *list;

	(void)state;
	if (!HAS_HIGH)
		return;
	load_all(&args, &module, SEGUE_LOAD_LINUX_64);
	segue_unload(workspace);
	params = (const void *)(workspace + PURGATORY_PARAMS_AT);
	loaded = (const void *)(workspace + LOADED_AT);
	entry = (const void *)(workspace + segue_purgatory_long_mode.at);
	args.target_memory = low_and_high;
	args.target_memory_count = 2;
	args.digest = digest;
	assert_int_equal(segue_load(&args), SEGUE_OK);
	assert_int_equal(params->flags & (PURGATORY_LONG_MODE | PURGATORY_HIGH), PURGATORY_LONG_MODE | PURGATORY_HIGH);
	assert_int_equal(entry->rip, 6 * GIB + 0x200200);
	assert_int_equal(entry->registers[6], 6 * GIB + 0xa00000);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_int_equal(d.long_mode, 1);
	assert_int_equal(d.entry, 0x80200200);
	assert_int_equal(d.entry_high, 1);
	assert_int_equal(d.purgatory, WORKSPACE_PHYS);
	assert_int_equal(d.needs_memory, 0x800000);
	for (size_t i = 0; segue_move_at(workspace, i, &move) == SEGUE_OK; i++) {
		assert_true(move.dest >= 6 * GIB + 0x200000);
		/* high.asm copies pieces upwards */
		assert_true(move.kind == SEGUE_MOVE_KIND_ZERO || move.source + move.size <= move.dest || move.dest + move.size <= move.source);
		copied += move.kind == SEGUE_MOVE_KIND_COPY ? move.size : 0;
		zeroed += move.kind == SEGUE_MOVE_KIND_ZERO ? move.size : 0;
	}
	assert_int_equal(copied, CODE_SIZE + sizeof initrd + 0x1001);
	assert_int_equal(zeroed, 0x3000 - sizeof initrd);
	list = &loaded->arrangement->list;
	assert_int_equal(list->count, list->moves + 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct segue_move *sum = &list->pages[(list->moves + i) / LIST_MOVES].moves[(list->moves + i) % LIST_MOVES];

		assert_int_equal(sum->op, SEGUE_MOVE_DIGEST);
		assert_int_equal(sum->dst, i == 0 ? 6 * GIB + 0x200000 : 7 * GIB - 0x3000);
		assert_int_equal(sum->size, i == 0 ? CODE_SIZE : sizeof initrd);
	}
	segue_unload(workspace);

	/* the catcher's RAM is below 4 GiB, above 1 MiB */
	args.flags |= SEGUE_LOAD_CATCHER;
	w.errors = 0;
	assert_int_equal(segue_load(&args), SEGUE_E_NO_PLACE);
	assert_int_equal(w.errors, 1);
	assert_non_null(strstr(w.error, "catcher 0: 16384 bytes, aligned to 0x4000, between 0x100000 and 0xfffff000"));
	args.target_memory = with_low;
	args.target_memory_count = 3;
	assert_int_equal(segue_load(&args), SEGUE_OK);
	assert_int_equal(entry->rip, 6 * GIB + 0x200);
	assert_in_range(loaded->job.catcher_dest, 0x1000000, 0x1400000 - CATCHER_SIZE);
	segue_unload(workspace);

	/* what such a target cannot have */
	args.flags = SEGUE_LOAD_LINUX_64 | SEGUE_LOAD_RETURN;
	args.digest = NULL;
	assert_int_equal(segue_load(&args), SEGUE_E_RETURN);
	assert_non_null(strstr(w.error, "target_memory, range 2, has RAM above"));
	args.target_memory = with_low + 2;
	args.target_memory_count = 1;
	assert_int_equal(segue_load(&args), SEGUE_E_TARGET_MEMORY);
	/* a kernel of another protocol, and one for the 32-bit entry */
	args.flags = 0;
	kernel[0x236] = 1;
	assert_int_equal(segue_load(&args), SEGUE_E_TARGET_MEMORY);
	assert_non_null(strstr(w.error, "no RAM below 4 GiB"));
	memset(kernel + 0x202, 0, 4);
	memcpy(kernel, "\177ELF\1\1\1", 7);
	assert_int_equal(segue_load(&args), SEGUE_E_TARGET_MEMORY);
	assert_non_null(strstr(w.error, "no RAM below 4 GiB"));
}

/* The bytes above 4 GiB that the list's DIGEST entries cover, which follow each other from start on. */
static uint64_t digested(uint64_t start)
{
	const struct loaded *loaded = (const void *)(workspace + LOADED_AT);
	uint64_t sum = 0;

	for (uint32_t i = loaded->arrangement->list.moves; i < loaded->arrangement->list.count; i++) {
		const struct segue_move *entry = &loaded->arrangement->list.pages[i / LIST_MOVES].moves[i % LIST_MOVES];

		assert_int_equal(entry->op, SEGUE_MOVE_DIGEST);
		if (entry->dst >= 4 * GIB) {
			assert_int_equal(entry->dst, start + sum);
			assert_true(entry->size > 0);
			sum += entry->size;
		}
	}
	return sum;
}

/* An initrd of 5 GiB, of which nothing is read: in place it needs no move; elsewhere its moves have 32-bit sizes. */
static void test_large(void **state)
{
	static const uint8_t digest[32];
	struct segue_extent extent = {9 * GIB, 5 * GIB};
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_load_args args;
	struct segue_part module = {.size = 5 * GIB, .extents = &extent, .extent_count = 1};
	struct segue_move_description move;
	const struct purgatory_params *params;
	uint64_t moved = 0;

	(void)state;
	if (!HAS_HIGH)
		return;
	module.data = mmap(NULL, 5 * GIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(module.data, MAP_FAILED);
	assert_int_equal(load_all(&args, &module, SEGUE_LOAD_LINUX_64), SEGUE_OK);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_true(d.in_place >= 5 * GIB);
	assert_true(d.moved < 0x100000);
	/* Purgatory does not touch it, so the block for that is not needed. */
	params = (const void *)(workspace + PURGATORY_PARAMS_AT);
	assert_int_equal(params->flags & PURGATORY_HIGH, 0);
	segue_unload(workspace);
	/* a digest over all of it */
	args.digest = digest;
	assert_int_equal(segue_load(&args), SEGUE_OK);
	assert_int_equal(params->flags & PURGATORY_HIGH, PURGATORY_HIGH);
	assert_int_equal(digested(9 * GIB), 5 * GIB);
	segue_unload(workspace);

	extent.addr += 8;
	assert_int_equal(load_all(&args, &module, SEGUE_LOAD_LINUX_64), SEGUE_E_LINUX_INITRD);
	extent.addr = 4 * GIB - 0x80000000ull;
	extent.size = module.size = 3 * GIB + 5;
	assert_int_equal(load_all(&args, &module, SEGUE_LOAD_LINUX_64), SEGUE_E_EXTENT_HIGH);
	extent.addr = 4 * GIB + 8;
	extent.size = module.size = 4 * GIB - 0x10;
	assert_int_equal(load_all(&args, &module, 0), SEGUE_OK);
	for (size_t i = 0; segue_move_at(workspace, i, &move) == SEGUE_OK; i++)
		if (move.dest >= 4 * GIB && move.kind == SEGUE_MOVE_KIND_COPY) {
			assert_in_range(move.dest, 12 * GIB, 16 * GIB - 1);
			assert_int_equal(move.dest - 12 * GIB, move.source - (4 * GIB + 8));
			moved += move.size;
		}
	assert_int_equal(moved, 4 * GIB - 0x10);
	segue_unload(workspace);

	/* a digest over all of it */
	args.digest = digest;
	assert_int_equal(segue_load(&args), SEGUE_OK);
	assert_int_equal(digested(12 * GIB), 4 * GIB - 0x10);
	segue_unload(workspace);
	munmap((void *)(uintptr_t)module.data, 5 * GIB);
}

/* segue.h, SEGUE_WORKSPACE_SIZE: 32 extents for each GiB of an initrd above 4 GiB, whose page tables are in the workspace too. */
static void test_workspace_of_a_large_initrd(void **state)
{
	static const struct segue_range large[] = {{0x100000, 0x8000000, 1, 0}, {4 * GIB, 64 * GIB, 1, 0}};
	struct segue_extent extent = {8 * GIB, 40 * GIB};
	struct segue_part module = {.size = (size_t)(40 * GIB), .extents = &extent, .extent_count = 1};
	struct segue_load_args args;

	(void)state;
	if (!HAS_HIGH)
		return;
	module.data = mmap(NULL, module.size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(module.data, MAP_FAILED);
	load_all(&args, &module, SEGUE_LOAD_LINUX_64);
	args.memory_map = large;
	args.memory_map_count = 2;
	args.workspace_size = SEGUE_WORKSPACE_SIZE(2 + 4);
	assert_int_equal(segue_load(&args), SEGUE_E_WORKSPACE_SMALL);
	args.workspace_size = SEGUE_WORKSPACE_SIZE(2 + 4 + 32 * 40);
	args.workspace = aligned_alloc(4096, args.workspace_size);
	assert_non_null(args.workspace);
	assert_int_equal(segue_load(&args), SEGUE_OK);
	segue_unload(args.workspace);
	free(args.workspace);
	munmap((void *)(uintptr_t)module.data, module.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state), cmocka_unit_test(test_boot_params), cmocka_unit_test(test_stays_high),
		cmocka_unit_test(test_moves), cmocka_unit_test(test_limits), cmocka_unit_test(test_by_itself),
		cmocka_unit_test(test_above), cmocka_unit_test(test_boot_params_above), cmocka_unit_test(test_both_above),
		cmocka_unit_test(test_odd_places_above),
		cmocka_unit_test(test_no_room_above),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_purgatory), cmocka_unit_test(test_purgatory_above), cmocka_unit_test(test_large),
		cmocka_unit_test(test_workspace_of_a_large_initrd),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(workspace);
	return failed;
}
