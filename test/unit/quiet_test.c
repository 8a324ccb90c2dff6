/* SPDX-License-Identifier: MIT */
/* SEGUE_LOAD_QUIET_*: purgatory's parameters for devices, and the screen that the target is told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/bytes.h"
#include "elf_image.h"
#include "leave/loaded.h"
#include "multiboot.h"
#include "purgatory/purgatory.h"
#include "segue.h"

#define MIB 0x100000u
#define WORKSPACE_PHYS (48 * MIB)
#define BLOB_PHYS (32 * MIB)
#define ENTRY 0x200000u
#define EACH 0x1fe00u                 /* bits 9 to 16 */

static struct image kernel;
static uint8_t sector[512];
static struct segue_range map[3];
static struct segue_extent extent;
static struct segue_machine machine;
static struct segue_load_args args;
static uint8_t *workspace;

static void make_kernel(bool multiboot)
{
	new_image(&kernel, false, ENTRY);
	add_program_header(&kernel, 1, 0x1000, ENTRY, ENTRY, 16, 16);
	if (!multiboot)
		return;
	put_le32(kernel.at + 0x200, 0x1badb002);
	put_le32(kernel.at + 0x208, 0u - 0x1badb002);
}

static void begin(uint32_t flags, bool multiboot)
{
	make_kernel(multiboot);
	map[0] = (struct segue_range){0, 0x9fc00, SEGUE_MEMORY_RAM, 0};
	map[1] = (struct segue_range){MIB, 64 * MIB, SEGUE_MEMORY_RAM, 0};
	map[2] = (struct segue_range){0xf0000, MIB, SEGUE_MEMORY_RESERVED, 0};
	machine = (struct segue_machine){.framebuffer.type = SEGUE_FRAMEBUFFER_NONE};
	extent = (struct segue_extent){.addr = BLOB_PHYS, .size = kernel.size};
	args = (struct segue_load_args){
		.struct_size = sizeof args, .flags = flags, .blob = {.data = kernel.at, .size = kernel.size},
		.memory_map = map, .memory_map_count = 3, .machine = &machine,
		.workspace = workspace, .workspace_phys = WORKSPACE_PHYS, .workspace_size = SEGUE_WORKSPACE_SIZE(1),
	};
	args.blob.extents = &extent;
	args.blob.extent_count = 1;
}

static void begin_real_mode(uint32_t flags)
{
	begin(flags | SEGUE_LOAD_BIOS, false);
	sector[510] = 0x55;
	sector[511] = 0xaa;
	args.blob.data = sector;
	args.blob.size = extent.size = sizeof sector;
}

static const struct purgatory_params *load(void)
{
	assert_int_equal(segue_load(&args), SEGUE_OK);
	return (const void *)(workspace + PURGATORY_PARAMS_AT);
}

static const struct purgatory_devices *devices(void)
{
	return (const void *)(workspace + segue_purgatory_devices.at);
}

static void test_each_by_its_own_flag(void **state)
{
	(void)state;
	for (uint32_t flag = SEGUE_LOAD_QUIET_IOAPIC; flag <= SEGUE_LOAD_QUIET_VGA; flag <<= 1) {
		begin(flag, false);
		assert_int_equal(load()->quiet, flag);
		begin_real_mode(flag);
		assert_int_equal(load()->quiet, flag);
	}
	begin(0, false);
	assert_int_equal(load()->quiet, 0);
}

/* The block runs in the workspace, so it needs no room at purgatory's home. */
static void test_all(void **state)
{
	(void)state;
	begin(SEGUE_LOAD_QUIET_ALL, false);
	assert_int_equal(load()->quiet, EACH);
	assert_int_equal(load()->pages, PURGATORY_PLAIN_PAGES);
	begin_real_mode(SEGUE_LOAD_QUIET_ALL);
	assert_int_equal(load()->quiet, EACH & ~SEGUE_LOAD_QUIET_BUS_MASTERS);
	begin_real_mode(SEGUE_LOAD_QUIET_ALL | SEGUE_LOAD_QUIET_BUS_MASTERS);
	assert_int_equal(load()->quiet, EACH);
}

static void test_what_the_host_knows(void **state)
{
	static const uint8_t rsdp[36] = "RSD PTR and so on";

	(void)state;
	begin(SEGUE_LOAD_QUIET_ALL, false);
	args.machine = NULL;
	load();
	assert_int_equal(devices()->rsdp, 0);
	assert_int_equal(devices()->hpet, 0);
	assert_int_equal(devices()->io_apic[0], 0);
	assert_int_equal(devices()->usual_io_apic, 0xfec00000);
	assert_int_equal(devices()->usual_hpet, 0xfed00000);
	assert_int_equal(devices()->bios_masks, 0x0eb8);

	begin(SEGUE_LOAD_QUIET_ALL, false);
	machine.hpet = 0x12340000;
	machine.io_apic[0] = 0x11110000;
	machine.io_apic[7] = 0x77770000;
	machine.bios_pic_masks = 0x9a3c;
	machine.rsdp = 0xf1230;
	machine.rsdp_copy = rsdp;
	machine.rsdp_copy_size = sizeof rsdp;
	/* with so much RAM, device addresses overlap it, and probing would write to RAM */
	map[2] = (struct segue_range){0xfe000000, 0xffff0000, SEGUE_MEMORY_RAM, 0};
	load();
	assert_int_equal(devices()->rsdp, 0xf1230);
	assert_int_equal(devices()->hpet, 0x12340000);
	assert_memory_equal(devices()->io_apic, machine.io_apic, sizeof machine.io_apic);
	assert_int_equal(devices()->usual_io_apic, 0);
	assert_int_equal(devices()->usual_hpet, 0);
	assert_int_equal(devices()->bios_masks, 0x9a3c);

	machine.rsdp = 0x100000000;
	load();
	assert_int_equal(devices()->rsdp - WORKSPACE_PHYS, (const uint8_t *)devices()->rsdp_copy - workspace);
	assert_memory_equal(devices()->rsdp_copy, rsdp, sizeof rsdp);
	machine.rsdp_copy_size = sizeof rsdp + 1;
	load();
	assert_int_equal(devices()->rsdp, 0);
}

static const struct multiboot_info *information(void)
{
	struct segue_segment s;

	for (size_t i = 0; segue_segment_at(workspace, i, &s) == SEGUE_OK; i++)
		if (strcmp(s.name, "Multiboot information") == 0)
			return (const void *)(workspace + (s.source - WORKSPACE_PHYS));
	fail();
	return NULL;
}

static void test_the_target_is_told_of_text(void **state)
{
	static const uint8_t info[512];
	static const struct segue_vbe vbe = {.control_info = info, .mode_info = info};
	static const struct segue_framebuffer graphics = {
		.addr = 0xfd000000, .pitch = 4096, .width = 1024, .height = 768, .bpp = 32, .type = SEGUE_FRAMEBUFFER_RGB,
	};
	static const uint32_t flags[] = {SEGUE_LOAD_QUIET_VGA, SEGUE_LOAD_QUIET_ALL, 0};
	const struct multiboot_info *told;
	uint32_t addr;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(flags[i], true);
		machine.framebuffer = graphics;
		machine.vbe = &vbe;
		load();
		/* The host's structures are unchanged. */
		assert_ptr_equal(args.machine, &machine);
		assert_memory_equal(&machine.framebuffer, &graphics, sizeof graphics);
		told = information();
		memcpy(&addr, told->framebuffer_addr, sizeof addr);
		assert_true(told->flags & MULTIBOOT_INFO_FRAMEBUFFER);
		assert_int_equal(told->framebuffer_type, flags[i] ? SEGUE_FRAMEBUFFER_EGA_TEXT : SEGUE_FRAMEBUFFER_RGB);
		assert_int_equal(addr, flags[i] ? 0xb8000 : 0xfd000000);
		assert_int_equal(told->framebuffer_width, flags[i] ? 80 : 1024);
		assert_int_equal(told->framebuffer_height, flags[i] ? 25 : 768);
		assert_int_equal(told->framebuffer_pitch, flags[i] ? 160 : 4096);
		assert_int_equal(!(told->flags & MULTIBOOT_INFO_VBE), flags[i] != 0);
	}
	begin(SEGUE_LOAD_QUIET_VGA, true);
	args.machine = NULL;
	load();
	assert_true(information()->flags & MULTIBOOT_INFO_FRAMEBUFFER);
	assert_int_equal(information()->framebuffer_type, SEGUE_FRAMEBUFFER_EGA_TEXT);
}

/* A wrong digest is shown on the screen that purgatory sets. */
static void test_the_digest_has_a_screen(void **state)
{
	static const uint8_t digest[32];

	(void)state;
	begin(SEGUE_LOAD_QUIET_VGA, false);
	args.digest = digest;
	assert_int_equal(load()->screen, 0xb8000);
	args.flags = 0;
	assert_int_equal(load()->screen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_by_its_own_flag),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_what_the_host_knows),
		cmocka_unit_test(test_the_target_is_told_of_text),
		cmocka_unit_test(test_the_digest_has_a_screen),
	};
	int failed;

	workspace = aligned_alloc(PURGATORY_PAGE, SEGUE_WORKSPACE_SIZE(1));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(workspace);
	return failed;
}
