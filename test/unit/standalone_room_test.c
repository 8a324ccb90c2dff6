/* SPDX-License-Identifier: MIT */
/* How the standalone host finds room for its workspace, and ACPI's root pointer. */
#include "standalone_memory.h"
#include "boot_info.c"
#include "boot_map.c"
#include "room.c"
#include "acpi.c"

static struct boot_info boot;
static struct room room = { .boot = &boot };

struct entry {
	uint64_t start, size;
	uint32_t type;
};

static void machine(const struct entry *entries, uint32_t count)
{
	uint32_t map = tag_add_map(6, 24, count);

	for (uint32_t i = 0; i < count; i++)
		put_map_entry(map + 24 * i, entries[i].start, entries[i].size, entries[i].type);
}

static const struct entry usual[] = {
	{ 0, 0x9fc00, 1 }, { 0x9fc00, 0x400, 2 }, { 0xf0000, 0x10000, 2 }, { 0x100000, 0x7ee0000, 1 },
	{ 0x7fe0000, 0x20000, 2 }, { 0xfffc0000, 0x40000, 2 }
};

static void start(void)
{
	tags_start();
	machine(usual, sizeof usual / sizeof *usual);
}

static uint32_t find(uint32_t size)
{
	assert_true(tags_read(&boot));
	return room_find(&room, ROOM_FLOOR, ROOM_CEILING, size);
}

static void below_the_top(void **state)
{
	(void)state;
	start();
	assert_int_equal(find(0x1000), 0x7fdf000);
	assert_int_equal(find(1), 0x7fdf000);
	assert_int_equal(find(0x1001), 0x7fde000);
	assert_int_equal(find(0x7ee0000), 0x100000);
	assert_int_equal(find(0x7ee0001), 0);
}

static void above_4_gib(void **state)
{
	const struct entry large[] = { { 0x100000000, 0x100000000, 1 }, { 0x100000, 0xfff00000, 1 } };
	const struct entry across[] = { { 0xfff00000, 0x200000, 1 } };

	(void)state;
	tags_start();
	machine(large, 2);
	assert_int_equal(find(0x1000), 0xfffff000);
	tags_start();
	machine(large, 1);
	assert_int_equal(find(0x1000), 0);
	tags_start();
	machine(across, 1);
	assert_int_equal(find(0x100000), 0xfff00000);
	assert_int_equal(find(0x101000), 0);
}

static void not_below_1_mib(void **state)
{
	const struct entry low[] = { { 0, 0xa0000, 1 } };

	(void)state;
	tags_start();
	machine(low, 1);
	assert_int_equal(find(0x1000), 0);
}

static void around_modules(void **state)
{
	(void)state;
	start();
	tag_add_module(0x7fdf800, 0x7fdf801, "one byte");
	assert_int_equal(find(0x1000), 0x7fde000);
	start();
	tag_add_module(0x7000000, 0x7fdf000, "");
	tag_add_module(0x6000000, 0x7000000, "");
	assert_int_equal(find(0x1000), 0x7fdf000);
	assert_int_equal(find(0x2000), 0x5ffe000);
	start();                      /* a hole just large enough */
	tag_add_module(0x7000000, 0x7fe0000, "");
	tag_add_module(0x6000000, 0x6ffe000, "");
	assert_int_equal(find(0x2000), 0x6ffe000);
	assert_int_equal(find(0x2001), 0x5ffd000);
	start();                      /* all of it */
	tag_add_module(0x100000, 0x7fe0000, "");
	assert_int_equal(find(1), 0);
}

static void around_reserved(void **state)
{
	const struct entry contradiction[] = { { 0x100000, 0x100000, 1 }, { 0x180000, 0x100000, 4 } };

	(void)state;
	tags_start();
	machine(contradiction, 2);
	assert_int_equal(find(0x1000), 0x17f000);
}

static void around_information(void **state)
{
	const struct entry small[] = { { 0x100000, 0x10000, 1 } };
	struct boot_info high;
	struct room high_room = { .boot = &high };

	(void)state;
	/* RAM that contains the information: Multiboot 1, its map, a module's list and string */
	memset(memory, 0, sizeof memory);
	put32(0x10e000, 1 << 3 | 1 << 6);
	put32(0x10e000 + 20, 1);
	put32(0x10e000 + 24, 0x10c000);
	put32(0x10c008, 0x10a000);
	put_text(0x10a000, "text");
	put32(0x10e000 + 44, 24);
	put32(0x10e000 + 48, 0x108000);
	put32(0x108000, 20);
	put_map_entry(0x108004, small[0].start, small[0].size, 1);
	assert_true(boot_info_read(&high, 0x2badb002, 0x10e000));
	assert_int_equal(room_find(&high_room, ROOM_FLOOR, ROOM_CEILING, 0x1000), 0x10f000);
	assert_int_equal(room_find(&high_room, ROOM_FLOOR, ROOM_CEILING, 0x2000), 0x106000);
}

static void around_taken(void **state)
{
	(void)state;
	start();
	room.taken_count = 0;
	assert_true(room_take(&room, 0x7fdf000, 0x7fdf000)); /* nothing */
	assert_int_equal(find(0x1000), 0x7fdf000);
	assert_true(room_take(&room, 0x7fdf000, 0x7fe0000));
	assert_int_equal(find(0x1000), 0x7fde000);
	assert_true(room_take(&room, 0x7fdd000, 0x7fde001));
	assert_int_equal(find(0x1000), 0x7fdc000);
	/* adjacent ranges are merged */
	assert_int_equal(room.taken_count, 2);
	for (uint32_t i = 1; i <= 2 * ROOM_TAKEN_MAX; i++)
		assert_true(room_take(&room, 0x7fdd000 - 0x1000 * i, 0x7fde000 - 0x1000 * i));
	assert_int_equal(room.taken_count, 2);
	for (uint32_t i = 2; i < ROOM_TAKEN_MAX; i++)
		assert_true(room_take(&room, 0x200000 + 0x2000 * i, 0x201000 + 0x2000 * i));
	assert_false(room_take(&room, 0x180000, 0x181000));
	assert_true(room_take(&room, 0x201000 + 0x4000, 0x202000 + 0x4000));
	room.taken_count = 0;
}

/* The caller's bounds, and the largest piece. */
static void within_bounds(void **state)
{
	(void)state;
	start();
	assert_true(tags_read(&boot));
	assert_int_equal(room_find(&room, 0x1000, 0x90000, 0x2000), 0x8e000);
	assert_int_equal(room_find(&room, ROOM_FLOOR, 0x1000000, 0x1000), 0xfff000);
	assert_int_equal(room_find(&room, 0x7fdf000, ROOM_CEILING, 0x1000), 0x7fdf000);
	assert_int_equal(room_find(&room, 0x7fdf001, ROOM_CEILING, 0x1000), 0);
	assert_int_equal(room_largest(&room, ROOM_FLOOR, ROOM_CEILING), 0x7ee0000);
	assert_true(room_take(&room, 0x1000000, 0x1001000));
	assert_int_equal(room_largest(&room, ROOM_FLOOR, ROOM_CEILING), 0x7fe0000 - 0x1001000);
	room.taken_count = 0;
}

static void free_or_not(void **state)
{
	(void)state;
	start();
	tag_add_module(0x300000, 0x300001, "one byte");
	assert_true(tags_read(&boot));
	assert_true(room_is_free(&room, 0x100000, 0x300000));
	assert_false(room_is_free(&room, 0x100000, 0x300001));
	assert_true(room_is_free(&room, 0x300001, 0x7fe0000));
	assert_false(room_is_free(&room, 0x300001, 0x7fe0001));
	assert_false(room_is_free(&room, 0xfffff, 0x101000));
	assert_false(room_is_free(&room, 0x200000, 0x200000));
	assert_true(room_take(&room, 0x200000, 0x201000));
	assert_false(room_is_free(&room, 0x200fff, 0x202000));
	assert_true(room_is_free(&room, 0x201000, 0x202000));
	room.taken_count = 0;
}

static void put_rsdp(uint32_t addr)
{
	uint8_t sum = 0;

	memcpy(memory + addr, "RSD PTR ", 8);
	for (uint32_t i = 0; i < 20; i++)
		sum = (uint8_t)(sum + memory[addr + i]);
	memory[addr + 8] = (uint8_t)(memory[addr + 8] - sum);
}

static uint32_t acpi_find_rsdp(struct boot_info *info)
{
	info->machine.rsdp = 0;
	info->machine.rsdp_copy = NULL;
	acpi_settle_rsdp(info);
	return (uint32_t)info->machine.rsdp;
}

/* A boot loader's copy, with and without the original. */
static void rsdp_copy(void **state)
{
	const struct entry efi[] = {{0x100000, 0x80000, 1}, {0x180000, 0x10000, 3}};
	uint8_t copy[36] = {0};

	(void)state;
	tags_start();
	machine(efi, 2);
	put_rsdp(0x180010);
	assert_true(tags_read(&boot));
	memcpy(copy, memory + 0x180010, 20);
	boot.machine.rsdp_copy = copy;
	boot.machine.rsdp_copy_size = sizeof copy;
	acpi_settle_rsdp(&boot);
	assert_ptr_equal(boot.machine.rsdp_copy, memory + 0x180010);
	assert_int_equal(boot.machine.rsdp_copy_size, 20);
	assert_int_equal(boot.machine.rsdp, 0x180010);
	/* the original differs: the copy is kept */
	copy[16]++;
	boot.machine.rsdp = 0;
	boot.machine.rsdp_copy = copy;
	boot.machine.rsdp_copy_size = sizeof copy;
	acpi_settle_rsdp(&boot);
	assert_ptr_equal(boot.machine.rsdp_copy, copy);
	assert_int_equal(boot.machine.rsdp, 0);
	/* in the BIOS area, and a newer one */
	put_rsdp(0xf0000);
	memory[0xf0000 + 15] = 2;
	memory[0xf0000 + 8] = (uint8_t)(memory[0xf0000 + 8] - 2);
	memcpy(copy, memory + 0xf0000, 20);
	acpi_settle_rsdp(&boot);
	assert_ptr_equal(boot.machine.rsdp_copy, memory + 0xf0000);
	assert_int_equal(boot.machine.rsdp_copy_size, 36);
	assert_int_equal(boot.machine.rsdp, 0xf0000);
}

static void rsdp(void **state)
{
	const struct entry efi[] = {
		{ 0x100000, 0x80000, 1 }, { 0x180000, 0x10000, 3 }, { 0x190000, 0x10000, 4 },
		{ 0x100000000, 0x1000, 3 }
	};

	(void)state;
	tags_start();
	machine(efi, 4);
	put_rsdp(0x100000);           /* in RAM: an old copy, which is ignored */
	assert_true(tags_read(&boot));
	assert_int_equal(acpi_find_rsdp(&boot), 0);
	put_rsdp(0x19ffe0);
	assert_int_equal(acpi_find_rsdp(&boot), 0x19ffe0);
	put_rsdp(0x180010);
	assert_int_equal(acpi_find_rsdp(&boot), 0x180010);
	memory[0x180010 + 8]++;       /* the checksum */
	assert_int_equal(acpi_find_rsdp(&boot), 0x19ffe0);
	put_rsdp(0x180010);
	memory[0x180010 + 7]++;       /* the signature's last byte, and the checksum with it */
	memory[0x180010 + 19]--;
	assert_int_equal(acpi_find_rsdp(&boot), 0x19ffe0);
	memory[0x180010] = 0;
	put_rsdp(0x180008);           /* not on a boundary of 16 */
	assert_int_equal(acpi_find_rsdp(&boot), 0x19ffe0);
	put_rsdp(0xf0000);            /* this comes first */
	assert_int_equal(acpi_find_rsdp(&boot), 0xf0000);
	memory[0xf0000] = 0;
	put_rsdp(0x9fc00 + 0x3e0);
	assert_int_equal(acpi_find_rsdp(&boot), 0x19ffe0);
	memory[0x40e] = 0x00;         /* a segment of 0 is ignored */
	put_rsdp(0);
	assert_int_equal(acpi_find_rsdp(&boot), 0x19ffe0);
	memory[0x40e] = 0xc0;         /* and this one, in the EBDA */
	memory[0x40f] = 0x9f;
	put_rsdp(0x9fc00 + 0x10);
	assert_int_equal(acpi_find_rsdp(&boot), 0x9fc10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_top),
		cmocka_unit_test(above_4_gib),
		cmocka_unit_test(not_below_1_mib),
		cmocka_unit_test(around_modules),
		cmocka_unit_test(around_reserved),
		cmocka_unit_test(around_information),
		cmocka_unit_test(around_taken),
		cmocka_unit_test(within_bounds),
		cmocka_unit_test(free_or_not),
		cmocka_unit_test(rsdp),
		cmocka_unit_test(rsdp_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
