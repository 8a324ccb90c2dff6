/* SPDX-License-Identifier: MIT */
/* Sectors and the memory map from a simulated BIOS. */
#include "standalone_memory.h"
#include "drive.c"
#include "bios_memory.c"

#define BUFFER 0x10000u

static struct disk disk;

/* ---- the BIOS ---- */
static struct {
	bool edd, geometry, silent;
	uint32_t largest;             /* most sectors per call; a larger call fails with the status below */
	uint8_t too_large;
	uint64_t bad_sector;          /* unreadable sector */
	uint32_t bad_times;           /* how often it fails */
	uint32_t heads, sectors;
	uint64_t sector_count;
	uint32_t reads, resets, sectors_read;
	uint32_t counts[64];
	/* memory */
	struct { uint64_t base, length; uint32_t type, attributes, size; } map[8];
	uint32_t map_count, map_calls;
	bool map_endless, map_ends_by_carry, e801, e801_in_cx_dx, function_88;
} bios;

static void refuse_call(struct segue_bios_registers *r, uint8_t status)
{
	r->eflags |= SEGUE_BIOS_CARRY;
	r->eax = (r->eax & 0xffff00ffu) | (uint32_t)status << 8;
}

static void deliver(struct segue_bios_registers *r, uint64_t sector, uint32_t count)
{
	bios.counts[bios.reads++ % 64] = count;
	if (count > bios.largest) {
		refuse_call(r, bios.too_large);
	} else if (bios.bad_times && bios.bad_sector >= sector && bios.bad_sector < sector + count) {
		bios.bad_times--;
		refuse_call(r, 0x10);
	} else {
		bios.sectors_read += count;
		for (uint32_t i = 0; i < count; i++)
			put32(BUFFER + i * disk.sector_size, (uint32_t)sector + i);
	}
}

static void int13(struct segue_bios_registers *r)
{
	const uint8_t *packet = memory + r->ds * 16u + (r->esi & 0xffff);
	uint32_t cylinder, head, sector;

	assert_int_equal(r->edx & 255, 0x80);
	switch (r->eax >> 8 & 255) {
	case 0x00:
		bios.resets++;
		r->eax = 0;
		break;
	case 0x02:
		cylinder = (r->ecx >> 8 & 255) | (r->ecx & 0xc0) << 2;
		head = r->edx >> 8 & 255;
		sector = r->ecx & 63;
		assert_true(sector >= 1 && sector <= bios.sectors && head < bios.heads);
		assert_true(sector - 1 + (r->eax & 255) <= bios.sectors);
		assert_int_equal(r->es * 16u + (r->ebx & 0xffff), BUFFER);
		deliver(r, ((uint64_t)cylinder * bios.heads + head) * bios.sectors + sector - 1, r->eax & 255);
		break;
	case 0x08:
		if (!bios.geometry) {
			refuse_call(r, 1);
			break;
		}
		r->ecx = bios.sectors | 0xffc0;
		r->edx = (bios.heads - 1) << 8 | 1;
		break;
	case 0x41:
		assert_int_equal(r->ebx, 0x55aa);
		if (!bios.edd) {
			refuse_call(r, 1);
			break;
		}
		r->ebx = 0xaa55;
		r->ecx = 1;
		break;
	case 0x42:
		assert_true(bios.edd);
		assert_int_equal(packet[0], 16);
		assert_int_equal(packet[1], 0);
		assert_int_equal((packet[7] << 8 | packet[6]) * 16 + (packet[5] << 8 | packet[4]), BUFFER);
		deliver(r, le64(packet + 8), le16(packet + 2));
		break;
	case 0x48:
		if (!bios.sector_count) {
			refuse_call(r, 1);
			break;
		}
		assert_int_equal(le16(memory + r->ds * 16u + r->esi), 26);
		put64(r->ds * 16u + r->esi + 16, bios.sector_count);
		break;
	default:
		refuse_call(r, 1);
	}
	if (bios.silent && (r->eflags & SEGUE_BIOS_CARRY))
		r->eax &= 0xffff00ff;
}

static void e820(struct segue_bios_registers *r)
{
	uint32_t at = r->es * 16u + (r->edi & 0xffff), i = r->ebx;

	bios.map_calls++;
	assert_int_equal(r->edx, 0x534d4150);
	assert_int_equal(r->ecx, 24);
	if (bios.map_count == 0 || (i == bios.map_count && bios.map_ends_by_carry)) {
		refuse_call(r, 0x86);
		return;
	}
	if (bios.map_endless)
		i %= bios.map_count;
	put_map_entry(at, bios.map[i].base, bios.map[i].length, bios.map[i].type);
	if (bios.map[i].size == 24)
		put32(at + 20, bios.map[i].attributes);
	r->eax = 0x534d4150;
	r->ecx = bios.map[i].size;
	r->ebx = bios.map_endless || i + 1 < bios.map_count || bios.map_ends_by_carry ? r->ebx + 1 : 0;
}

static void int15(struct segue_bios_registers *r)
{
	if ((r->eax & 0xffff) == 0xe820) {
		e820(r);
	} else if ((r->eax & 0xffff) == 0xe801 && bios.e801) {
		r->eax = r->ebx = r->ecx = r->edx = 0;
		*(bios.e801_in_cx_dx ? &r->ecx : &r->eax) = 0x3c00;
		*(bios.e801_in_cx_dx ? &r->edx : &r->ebx) = 0x10;
	} else if ((r->eax & 0xff00) == 0x8800 && bios.function_88) {
		r->eax = 0xfc00;
	} else {
		refuse_call(r, 0x86);
	}
}

void bios_call(uint8_t vector, struct segue_bios_registers *r)
{
	r->eflags = 0x202;
	if (vector == 0x12)
		r->eax = 639;
	else if (vector == 0x13)
		int13(r);
	else if (vector == 0x15)
		int15(r);
	else
		fail_msg("INT %x", vector);
}

static void start(void)
{
	memset(memory, 0, sizeof memory);
	memset(&bios, 0, sizeof bios);
	bios.edd = true;
	bios.largest = 127;
	bios.too_large = 9;
	bios.heads = 16;
	bios.sectors = 63;
}

static void open_drive(bool optical)
{
	assert_true(disk_open(&disk, 0x80, optical, BUFFER));
}

/* ---- sectors ---- */
static void edd_disk(void **state)
{
	(void)state;
	start();
	bios.sector_count = 0x123456789;
	open_drive(false);
	assert_true(disk.edd);
	assert_int_equal(disk.sector_size, 512);
	assert_int_equal(disk.sector_count, 0x123456789);
	/* 128 are too many for this BIOS: 64, in all later calls too */
	assert_int_equal(disk_read(&disk, 0x100000007, 1000), 64);
	assert_int_equal(disk.limit, 64);
	assert_int_equal(disk_read(&disk, 7, 1000), 64);
	assert_int_equal(bios.reads, 3);
	assert_int_equal(bios.resets, 0);
	assert_int_equal(memory[BUFFER], 7);
	assert_int_equal(memory[BUFFER + 63 * 512], 70);
	assert_int_equal(disk_read(&disk, 7, 3), 3);
}

static void cd(void **state)
{
	(void)state;
	start();
	bios.largest = 32;
	open_drive(true);
	assert_int_equal(disk.sector_size, 2048);
	assert_int_equal(disk_read(&disk, 16, 1), 1);
	assert_int_equal(disk_read(&disk, 100, 1000), 32);
	assert_int_equal(bios.reads, 2);
	assert_int_equal(memory[BUFFER + 31 * 2048], 131);
}

static void one_sector_at_a_time(void **state)
{
	(void)state;
	start();
	bios.largest = 1;
	bios.too_large = 1;
	open_drive(false);
	assert_int_equal(disk_read(&disk, 5, 128), 1);
	assert_int_equal(bios.reads, 8);
	assert_int_equal(disk_read(&disk, 6, 127), 1);
	assert_int_equal(bios.reads, 9);
}

/* A BIOS with a smaller limit and another status: detected at the second call. */
static void too_large_without_saying(void **state)
{
	(void)state;
	start();
	bios.largest = 32;
	bios.too_large = 0x20;
	open_drive(false);
	assert_int_equal(disk_read(&disk, 5, 128), 32);
	assert_int_equal(disk.limit, 128);
	assert_int_equal(disk_read(&disk, 37, 128), 32);
	assert_int_equal(disk.limit, 32);
	bios.reads = bios.resets = 0;
	assert_int_equal(disk_read(&disk, 69, 128), 32);
	assert_int_equal(bios.reads, 1);
	assert_int_equal(bios.resets, 0);
}

static void error_once(void **state)
{
	(void)state;
	start();
	open_drive(true);
	bios.bad_sector = 110;
	bios.bad_times = 1;
	assert_int_equal(disk_read(&disk, 100, 32), 32);
	assert_int_equal(bios.reads, 2);
	assert_int_equal(bios.resets, 1);
	assert_int_equal(disk.limit, 32);
	/* several tries, but not endless */
	bios.bad_times = 8;
	assert_int_equal(disk_read(&disk, 110, 32), 1);
	assert_int_equal(disk_read(&disk, 111, 31), 31);
	assert_int_equal(disk.limit, 32);
}

static void error_always(void **state)
{
	uint64_t sector = 100;
	uint32_t count;

	(void)state;
	start();
	open_drive(true);
	bios.bad_sector = 110;
	bios.bad_times = 0xffffffff;
	while ((count = disk_read(&disk, sector, 32)) != 0)
		sector += count;
	assert_int_equal(sector, 110);
	assert_int_equal(disk.bad_sector, 110);
	assert_int_equal(disk.status, 0x10);
	assert_true(bios.reads < 100 && bios.resets < 100);
	assert_string_equal(disk_status(disk.status), "checksum wrong");
	assert_string_equal(disk_status(0x77), "read error");
	bios.silent = true;
	assert_int_equal(disk_read(&disk, 110, 32), 0);
	assert_string_equal(disk_status(disk.status), "the BIOS does not say why");
}

static void chs(void **state)
{
	(void)state;
	start();
	bios.edd = false;
	bios.geometry = true;
	open_drive(false);
	assert_false(disk.edd);
	assert_int_equal(disk.heads, 16);
	assert_int_equal(disk.sectors, 63);
	/* to the end of the track, then track by track */
	assert_int_equal(disk_read(&disk, 60, 128), 3);
	assert_int_equal(memory[BUFFER + 2 * 512], 62);
	assert_int_equal(disk_read(&disk, 63, 128), 63);
	assert_int_equal(memory[BUFFER], 63);
	/* cylinder 1023 has its upper bits in CL; there is none after it */
	assert_int_equal(disk_read(&disk, 1024 * 16 * 63 - 1, 2), 1);
	assert_int_equal(le32(memory + BUFFER), 1024 * 16 * 63 - 1);
	assert_int_equal(disk_read(&disk, 1024 * 16 * 63, 1), 0);
	assert_string_equal(disk_status(disk.status), "out of reach without EDD");
	assert_int_equal(disk_read(&disk, 0x100000000, 1), 0);
	assert_int_equal(disk.bad_sector, 0x100000000);
	bios.geometry = false;
	assert_false(disk_open(&disk, 0x80, false, BUFFER));
	assert_int_equal(disk.status, 1);
	bios.geometry = true;
	bios.sectors = 0;
	assert_false(disk_open(&disk, 0x80, false, BUFFER));
}

/* ---- memory ---- */
static struct segue_range map[BIOS_MAP_MAX];

static void assert_range(size_t i, uint64_t from, uint64_t end, uint32_t type)
{
	assert_int_equal(map[i].start, from);
	assert_int_equal(map[i].end, end);
	assert_int_equal(map[i].type, type);
	assert_int_equal(map[i].reserved, 0);
}

static void describe(uint64_t base, uint64_t length, uint32_t type, uint32_t size, uint32_t attributes)
{
	bios.map[bios.map_count].base = base;
	bios.map[bios.map_count].length = length;
	bios.map[bios.map_count].type = type;
	bios.map[bios.map_count].size = size;
	bios.map[bios.map_count++].attributes = attributes;
}

static void map_e820(void **state)
{
	(void)state;
	for (int by_carry = 0; by_carry < 2; by_carry++) {
		start();
		bios.map_ends_by_carry = by_carry;
		describe(0, 0x9fc00, 1, 20, 0);
		describe(0x9fc00, 0x400, 2, 24, 1);
		describe(0x200000, 0x1000, 5, 24, 0); /* to be ignored */
		describe(0x300000, 0, 2, 20, 0);
		describe(0x100000, 0xff00000, 1, 20, 0);
		describe(0xfffffffffffff000, 0x2000, 2, 24, 3);
		assert_int_equal(bios_memory_map(map, 0x8000), 4);
		assert_range(0, 0, 0x9fc00, 1);
		assert_range(1, 0x9fc00, 0xa0000, 2);
		assert_range(2, 0x100000, 0x10000000, 1);
		assert_range(3, 0xfffffffffffff000, UINT64_MAX, 2);
	}
	start();
	bios.map_endless = true;
	describe(0x100000, 0xff00000, 1, 20, 0);
	assert_int_equal(bios_memory_map(map, 0x8000), BIOS_MAP_MAX);
	assert_int_equal(bios.map_calls, BIOS_MAP_MAX);
}

static void map_fallbacks(void **state)
{
	(void)state;
	start();
	assert_int_equal(bios_memory_map(map, 0x8000), 0);
	/* a map that ends before a usable range */
	describe(0, 0x9fc00, 1, 20, 0);
	bios.function_88 = true;
	assert_int_equal(bios_memory_map(map, 0x8000), 3);
	assert_range(0, 0, 639 * 1024, 1);
	assert_range(1, 639 * 1024, 0x100000, 2);
	assert_range(2, 0x100000, 0x4000000, 1);
	bios.e801 = true;
	for (int in_cx = 0; in_cx < 2; in_cx++) {
		bios.e801_in_cx_dx = in_cx;
		assert_int_equal(bios_memory_map(map, 0x8000), 4);
		assert_range(2, 0x100000, 0x1000000, 1);
		assert_range(3, 0x1000000, 0x1100000, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edd_disk),
		cmocka_unit_test(cd),
		cmocka_unit_test(one_sector_at_a_time),
		cmocka_unit_test(too_large_without_saying),
		cmocka_unit_test(error_once),
		cmocka_unit_test(error_always),
		cmocka_unit_test(chs),
		cmocka_unit_test(map_e820),
		cmocka_unit_test(map_fallbacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
