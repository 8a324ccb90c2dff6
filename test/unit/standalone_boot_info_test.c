/* SPDX-License-Identifier: MIT */
/* Boot information of Multiboot 1 and 2: each field that the standalone host reads. */
#include "standalone_memory.h"
#include "boot_info.c"
#include "boot_map.c"

static struct boot_info boot;

static void assert_range(size_t index, uint64_t start, uint64_t end, uint32_t type)
{
	struct segue_range range;

	assert_true(boot_range_at(&boot, index, &range));
	assert_int_equal(range.start, start);
	assert_int_equal(range.end, end);
	assert_int_equal(range.type, type);
	assert_int_equal(range.reserved, 0);
}

static void assert_module(size_t index, uint32_t addr, uint32_t size, const char *string)
{
	struct boot_module module;

	assert_true(boot_module_at(&boot, index, &module));
	assert_int_equal(module.addr, addr);
	assert_int_equal(module.size, size);
	assert_string_equal(module.string, string);
}

static bool is_occupied(uint64_t addr)
{
	struct segue_range range;

	for (size_t i = 0; boot_occupied_at(&boot, i, &range); i++)
		if (addr >= range.start && addr < range.end)
			return true;
	return false;
}

static void no_multiboot_magic(void **state)
{
	(void)state;
	assert_false(boot_info_read(&boot, 0x2badb003, INFO));
	assert_false(boot_info_read(&boot, 0, INFO));
}

static void multiboot1_start(uint32_t flags)
{
	memset(memory, 0, sizeof memory);
	put32(INFO, flags);
}

static void multiboot1_read(void)
{
	assert_true(boot_info_read(&boot, 0x2badb002, INFO));
	assert_int_equal(boot.protocol, 1);
}

static void multiboot1_nothing(void **state)
{
	(void)state;
	multiboot1_start(0);
	memset(memory + INFO + 4, 0x11, 116); /* no field is valid */
	multiboot1_read();
	assert_null(boot.cmdline);
	assert_null(boot.loader_name);
	assert_int_equal(boot.module_count, 0);
	assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_NONE);
	assert_null(boot.machine.vbe);
	assert_int_equal(boot.machine.has_boot_device, 0);
	assert_int_equal(boot.range_count, 2);
	assert_range(0, 0, 0, SEGUE_MEMORY_RAM);
	assert_range(1, 0x100000, 0x100000, SEGUE_MEMORY_RAM);
}

static void multiboot1_fields(void **state)
{
	(void)state;
	multiboot1_start(1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9);
	put32(INFO + 4, 639);
	put32(INFO + 8, 31 * 1024);
	put32(INFO + 12, 0x80010203);
	put32(INFO + 16, 0x20000);
	put_text(0x20000, "segue.elf quiet");
	put32(INFO + 20, 2);
	put32(INFO + 24, 0x21000);
	put32(0x21000, 0x400000);
	put32(0x21004, 0x400123);
	put32(0x21008, 0x22000);
	put_text(0x22000, "kernel args");
	memory[0] = 'x';              /* address 0 is no string */
	put32(0x21010, 0x500000);
	put32(0x21014, 0x500000);
	put32(INFO + 64, 0x23000);
	put_text(0x23000, "qemu");
	multiboot1_read();
	assert_string_equal(boot.cmdline, "segue.elf quiet");
	assert_int_equal(boot.cmdline_size, 16);
	assert_string_equal(boot.loader_name, "qemu");
	assert_int_equal(boot.machine.has_boot_device, 1);
	assert_int_equal(boot.machine.boot_device, 0x80010203);
	assert_int_equal(boot.module_count, 2);
	assert_module(0, 0x400000, 0x123, "kernel args");
	assert_module(1, 0x500000, 0, ""); /* no string at all */
	assert_false(boot_module_at(&boot, 2, &(struct boot_module){ 0, 0, NULL }));
	assert_range(0, 0, 639 * 1024, SEGUE_MEMORY_RAM);
	assert_range(1, 0x100000, 0x2000000, SEGUE_MEMORY_RAM);
	assert_int_equal(boot.range_count, 2);

	assert_true(is_occupied(INFO) && is_occupied(INFO + 115));
	assert_true(is_occupied(0x2000f) && !is_occupied(0x20010));
	assert_true(is_occupied(0x21000) && is_occupied(0x2101f) && !is_occupied(0x21020));
	assert_true(is_occupied(0x22000) && is_occupied(0x2200b) && !is_occupied(0x2200c));
	assert_true(is_occupied(0x23004) && !is_occupied(0x23005));
	assert_true(is_occupied(0x400122) && !is_occupied(0x400123));
	assert_false(is_occupied(0x500000));
}

static void multiboot1_map(void **state)
{
	(void)state;
	multiboot1_start(1 << 0 | 1 << 6);
	put32(INFO + 4, 1);
	put32(INFO + 44, 24 + 28 + 24);
	put32(INFO + 48, 0x20000);
	put32(0x20000, 20);
	put_map_entry(0x20004, 0, 0x9fc00, 1);
	put32(0x20018, 24);           /* with ACPI's extended attributes */
	put_map_entry(0x2001c, 0x100000000, 0x80000000, 3);
	put32(0x20034, 20);
	put_map_entry(0x20038, 0xfffffffffffff000, 0x2000, 2);
	multiboot1_read();
	assert_int_equal(boot.range_count, 3);
	assert_range(0, 0, 0x9fc00, 1);
	assert_range(1, 0x100000000, 0x180000000, 3);
	assert_range(2, 0xfffffffffffff000, UINT64_MAX, 2); /* it wraps: truncated */
	assert_true(is_occupied(0x20000) && is_occupied(0x2004b) && !is_occupied(0x2004c));
}

static void multiboot1_map_broken(void **state)
{
	(void)state;
	multiboot1_start(1 << 6);
	put32(INFO + 44, 24 + 23);    /* the second one is cut off */
	put32(INFO + 48, 0x20000);
	put32(0x20000, 20);
	put_map_entry(0x20004, 0, 0x9fc00, 1);
	put32(0x20018, 20);
	multiboot1_read();
	assert_int_equal(boot.range_count, 1);

	put32(INFO + 44, 24 + 24);
	put32(0x20000, 0);            /* would be an endless loop */
	multiboot1_read();
	assert_int_equal(boot.range_count, 1);

	put32(0x20000, 0xfffffffc);   /* would wrap to the same entry */
	multiboot1_read();
	assert_int_equal(boot.range_count, 1);
}

static void put_framebuffer(uint32_t addr)
{
	put64(addr, 0x1fd000000);
	put32(addr + 8, 3200);
	put32(addr + 12, 800);
	put32(addr + 16, 600);
	memory[addr + 20] = 32;
	memory[addr + 21] = SEGUE_FRAMEBUFFER_RGB;
}

static const uint8_t colors[6] = { 16, 8, 8, 7, 1, 6 };

static void assert_framebuffer(void)
{
	const struct segue_framebuffer *framebuffer = &boot.machine.framebuffer;

	assert_int_equal(framebuffer->addr, 0x1fd000000);
	assert_int_equal(framebuffer->pitch, 3200);
	assert_int_equal(framebuffer->width, 800);
	assert_int_equal(framebuffer->height, 600);
	assert_int_equal(framebuffer->bpp, 32);
	assert_int_equal(framebuffer->type, SEGUE_FRAMEBUFFER_RGB);
	assert_int_equal(framebuffer->red_position, 16);
	assert_int_equal(framebuffer->red_size, 8);
	assert_int_equal(framebuffer->green_position, 8);
	assert_int_equal(framebuffer->green_size, 7);
	assert_int_equal(framebuffer->blue_position, 1);
	assert_int_equal(framebuffer->blue_size, 6);
}

static void multiboot1_framebuffer(void **state)
{
	(void)state;
	multiboot1_start(1 << 12);
	put_framebuffer(INFO + 88);
	memcpy(memory + INFO + 110, colors, sizeof colors);
	multiboot1_read();
	assert_framebuffer();

	/* GRUB 2's offset for them */
	memset(memory + INFO + 110, 0, 2);
	memcpy(memory + INFO + 112, colors, sizeof colors);
	multiboot1_read();
	assert_framebuffer();
}

static void put_vbe_mode(uint32_t addr)
{
	memory[addr] = 0x90;          /* graphics, linear */
	memory[addr + 16] = 0x80;     /* 3200 bytes a line */
	memory[addr + 17] = 0x0c;
	memory[addr + 18] = 0x20;     /* 800 */
	memory[addr + 19] = 0x03;
	memory[addr + 20] = 0x58;     /* 600 */
	memory[addr + 21] = 0x02;
	memory[addr + 25] = 32;
	memory[addr + 27] = 6;        /* direct colour */
	memcpy(memory + addr + 31, "\x08\x10\x07\x08\x06\x01", 6);
	put32(addr + 40, 0xfd000000);
}

static void multiboot1_vbe(void **state)
{
	(void)state;
	multiboot1_start(1 << 11);
	put32(INFO + 72, 0x20000);
	put32(INFO + 76, 0x21000);
	put32(INFO + 80, 0x41 << 8 | 0x15 | 0x1234u << 16); /* mode 0x4115: linear */
	put32(INFO + 84, 0x5678 | 0x9abcu << 16);
	put_vbe_mode(0x21000);
	multiboot1_read();
	assert_ptr_equal(boot.machine.vbe, &boot.vbe);
	assert_ptr_equal(boot.vbe.control_info, memory + 0x20000);
	assert_ptr_equal(boot.vbe.mode_info, memory + 0x21000);
	assert_int_equal(boot.vbe.mode, 0x4115);
	assert_int_equal(boot.vbe.interface_seg, 0x1234);
	assert_int_equal(boot.vbe.interface_off, 0x5678);
	assert_int_equal(boot.vbe.interface_len, 0x9abc);
	assert_true(is_occupied(0x20000) && is_occupied(0x201ff) && !is_occupied(0x20200));
	assert_true(is_occupied(0x21000) && is_occupied(0x210ff) && !is_occupied(0x21100));
	/* the framebuffer follows from it */
	boot.machine.framebuffer.addr += 0x100000000;
	assert_framebuffer();

	put32(INFO + 80, 0x0115);     /* banked */
	multiboot1_read();
	assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_NONE);
	assert_non_null(boot.machine.vbe);
	put32(INFO + 80, 0x0003);     /* GRUB in text mode: no VBE mode, so the screen is unknown */
	multiboot1_read();
	assert_null(boot.machine.vbe);
	put32(INFO + 80, 0x4115);
	memory[0x21000] = 0x80;       /* text */
	multiboot1_read();
	assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_NONE);
}

static void multiboot2_fields(void **state)
{
	uint32_t tag;

	(void)state;
	tags_start();
	tag_add_text(1, "quiet");
	tag_add_text(2, "GRUB 2.06");
	tag_add_module(0x400000, 0x400123, "args");
	tag_add_module(0x500000, 0x500001, "");
	tag = tag_add(4, 16);
	put32(tag + 8, 639);
	put32(tag + 12, 1024);
	tag = tag_add(5, 20);
	put32(tag + 8, 0x80);
	put32(tag + 12, 2);
	put32(tag + 16, 0xffffffff);
	tag = tag_add(8, 38);
	put_framebuffer(tag + 8);
	memcpy(memory + tag + 32, colors, sizeof colors);
	tag = tag_add(7, 784);
	put32(tag + 8, 0x12344115);
	put32(tag + 12, 0x9abc5678);
	assert_true(tags_read(&boot));

	assert_int_equal(boot.protocol, 2);
	assert_string_equal(boot.cmdline, "quiet");
	assert_string_equal(boot.loader_name, "GRUB 2.06");
	assert_int_equal(boot.module_count, 2);
	assert_module(0, 0x400000, 0x123, "args");
	assert_module(1, 0x500000, 1, "");
	assert_false(boot_module_at(&boot, 2, &(struct boot_module){ 0, 0, NULL }));
	assert_range(0, 0, 639 * 1024, SEGUE_MEMORY_RAM);
	assert_range(1, 0x100000, 0x200000, SEGUE_MEMORY_RAM);
	assert_int_equal(boot.machine.has_boot_device, 1);
	assert_int_equal(boot.machine.boot_device, 0x8002ffff);
	assert_framebuffer();
	assert_ptr_equal(boot.machine.vbe, &boot.vbe);
	assert_ptr_equal(boot.vbe.control_info, memory + tag + 16);
	assert_ptr_equal(boot.vbe.mode_info, memory + tag + 528);
	assert_int_equal(boot.vbe.mode, 0x4115);
	assert_int_equal(boot.vbe.interface_seg, 0x1234);
	assert_int_equal(boot.vbe.interface_off, 0x5678);
	assert_int_equal(boot.vbe.interface_len, 0x9abc);
	assert_null(boot.machine.rsdp_copy);
	assert_true(is_occupied(INFO) && is_occupied(tag_end - 1) && !is_occupied(tag_end));
	assert_true(is_occupied(0x400122) && is_occupied(0x500000) && !is_occupied(0x500001));
}

static void multiboot2_map(void **state)
{
	uint32_t map;

	(void)state;
	tags_start();
	map = tag_add_map(17, 48, 1); /* tag 6 is used, at any position */
	put32(map, 7);
	put64(map + 24, 77);
	map = tag_add_map(6, 32, 2);  /* entries may be longer */
	put_map_entry(map, 0x100000, 0x1000, 1);
	put_map_entry(map + 32, 0x200000, 0x2000, 20);
	map = tag_add_map(17, 48, 1);
	put32(map, 7);
	assert_true(tags_read(&boot));
	assert_int_equal(boot.range_count, 2);
	assert_range(0, 0x100000, 0x101000, 1);
	assert_range(1, 0x200000, 0x202000, 20);
}

static void multiboot2_efi_map(void **state)
{
	static const uint32_t types[15] = {
		SEGUE_MEMORY_RESERVED, SEGUE_MEMORY_RAM, SEGUE_MEMORY_RAM, SEGUE_MEMORY_RAM, SEGUE_MEMORY_RAM,
		SEGUE_MEMORY_RESERVED, SEGUE_MEMORY_RESERVED, SEGUE_MEMORY_RAM, SEGUE_MEMORY_UNUSABLE,
		SEGUE_MEMORY_ACPI, SEGUE_MEMORY_NVS, SEGUE_MEMORY_RESERVED, SEGUE_MEMORY_RESERVED,
		SEGUE_MEMORY_RESERVED, SEGUE_MEMORY_RESERVED
	};
	uint32_t map;

	(void)state;
	tags_start();
	map = tag_add_map(17, 48, 15);
	for (uint32_t i = 0; i < 15; i++) {
		put32(map + 48 * i, i);
		put64(map + 48 * i + 8, 0x100000000 * i);
		put64(map + 48 * i + 24, 3);
	}
	assert_true(tags_read(&boot));
	assert_int_equal(boot.range_count, 15);
	for (uint32_t i = 0; i < 15; i++)
		assert_range(i, 0x100000000 * i, 0x100000000 * i + 0x3000, types[i]);
}

static void multiboot2_rsdp(void **state)
{
	uint32_t old, new;

	(void)state;
	for (int newer_first = 0; newer_first < 2; newer_first++) {
		tags_start();
		new = newer_first ? tag_add(15, 44) : 0;
		old = tag_add(14, 28);
		if (!newer_first) {
			assert_true(tags_read(&boot));
			assert_ptr_equal(boot.machine.rsdp_copy, memory + old + 8);
			assert_int_equal(boot.machine.rsdp_copy_size, 20);
			tag_end -= 8;
			new = tag_add(15, 44);
		}
		assert_true(tags_read(&boot));
		assert_ptr_equal(boot.machine.rsdp_copy, memory + new + 8);
		assert_int_equal(boot.machine.rsdp_copy_size, 36);
	}
}

static void multiboot2_broken(void **state)
{
	uint32_t tag;

	(void)state;
	for (uint32_t size = 0; size < 8; size++) {
		tags_start();
		tag_add_text(1, "seen");
		tag = tag_add(2, 8);
		put32(tag + 4, size);     /* too small for itself */
		assert_true(tags_read(&boot));
		assert_string_equal(boot.cmdline, "seen");
		assert_null(boot.loader_name);
	}
	tags_start();
	tag_add_text(1, "seen");
	tag = tag_add(2, 16);
	put32(tag + 4, 0x1000);       /* reaches past the end */
	assert_true(tags_read(&boot));
	assert_string_equal(boot.cmdline, "seen");
	assert_null(boot.loader_name);

	tags_start();                 /* without an end tag: up to the last byte, and one byte more */
	tag_add_text(1, "1234567");
	tag = tag_add(14, 28);
	put32(INFO, tag + 28 - INFO);
	assert_true(boot_info_read(&boot, 0x36d76289, INFO));
	assert_ptr_equal(boot.machine.rsdp_copy, memory + tag + 8);
	put32(INFO, tag + 27 - INFO);
	assert_true(boot_info_read(&boot, 0x36d76289, INFO));
	assert_null(boot.machine.rsdp_copy);
	put32(INFO, tag - INFO);
	assert_true(boot_info_read(&boot, 0x36d76289, INFO));
	assert_string_equal(boot.cmdline, "1234567");
	put32(INFO, tag - INFO + 7);
	assert_true(boot_info_read(&boot, 0x36d76289, INFO));
	assert_null(boot.machine.rsdp_copy);
	put32(INFO, 0);
	assert_true(boot_info_read(&boot, 0x36d76289, INFO));
	assert_null(boot.cmdline);

	for (uint32_t type = 1; type < 18; type++) { /* empty tags */
		tags_start();
		tag_add(type, 8);
		assert_true(tags_read(&boot));
		assert_null(boot.cmdline);
		assert_null(boot.loader_name);
		assert_int_equal(boot.module_count, 0);
		assert_int_equal(boot.range_count, 2);
		assert_null(boot.machine.vbe);
		assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_NONE);
		assert_int_equal(boot.machine.has_boot_device, 0);
		assert_null(boot.machine.rsdp_copy);
	}
	tags_start();                 /* a module without a byte for its string, then one with it */
	tag_add(3, 16);
	tag_add_module(0x400000, 0x400001, "");
	assert_true(tags_read(&boot));
	assert_int_equal(boot.module_count, 1);
	assert_module(0, 0x400000, 1, "");

	tags_start();
	tag_add_map(6, 0, 0);
	assert_true(tags_read(&boot));
	assert_int_equal(boot.range_count, 0);
	tags_start();
	tag_add_map(6, 23, 2);        /* smaller than the fields */
	assert_true(tags_read(&boot));
	assert_int_equal(boot.range_count, 0);
}

static void names_of_files(void **state)
{
	static const struct {
		const char *loader;
		bool name_first;
	} cases[] = {
		{ "GRUB 2.06-13+deb12u1", false }, { "GRUB 2", false }, { "GNU GRUB 0.97", true }, { "GRUB ", false },
		{ "qemu", true }, { "iPXE 1.21.1", true }, { "gPXE 1.0.1", true }, { "SYSLINUX 6.04", true },
		{ "PXELINUX 6.04", true }, { "ISOLINUX 6.04", true }, { "EXTLINUX 6.04", true }, { "kexec 2.0.25", true },
		{ "Segue 0.1.0", true }, { "Limine 8.0.1", false }, { "my loader", false }, { "qem", false }, { "", false }
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		boot = (struct boot_info){ .protocol = 1, .loader_name = cases[i].loader };
		assert_int_equal(boot_strings_name_file(&boot), cases[i].name_first);
	}
	boot.loader_name = NULL;
	assert_false(boot_strings_name_file(&boot));
}

/* Stage 1 passes a drive; map and command line come from the BIOS and the medium. */
static void stage1(void **state)
{
	static const struct segue_range map[] = { { 0, 0x9fc00, 1, 0 }, { 0x100000, 0x200000, 1, 0 } };
	char options[] = "quiet";

	(void)state;
	memset(memory, 0, sizeof memory);
	put32(INFO, 16);
	put32(INFO + 4, 2);
	put32(INFO + 8, 0x81);
	put32(INFO + 12, 1);
	assert_true(boot_info_read(&boot, 0x31676553, INFO));
	assert_int_equal(boot.protocol, BOOT_STAGE1);
	assert_int_equal(boot.medium, 2);
	assert_int_equal(boot.machine.boot_device, 0x81ffffff);
	assert_int_equal(boot.machine.has_boot_device, 1);
	assert_int_equal(boot.machine.a20_was_shut, 1);
	assert_int_equal(boot.module_count, 0);
	assert_false(boot_strings_name_file(&boot));
	boot_info_set_map(&boot, map, 2);
	assert_int_equal(boot.range_count, 2);
	assert_range(1, 0x100000, 0x200000, 1);
	assert_false(boot_range_at(&boot, 2, &(struct segue_range){ 0, 0, 0, 0 }));
	boot_info_set_cmdline(&boot, options);
	assert_string_equal(boot.cmdline, "quiet");
	assert_int_equal(boot.cmdline_size, 6);
	/* its structure may be overwritten */
	assert_false(is_occupied(INFO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_multiboot_magic),
		cmocka_unit_test(multiboot1_nothing),
		cmocka_unit_test(multiboot1_fields),
		cmocka_unit_test(multiboot1_map),
		cmocka_unit_test(multiboot1_map_broken),
		cmocka_unit_test(multiboot1_framebuffer),
		cmocka_unit_test(multiboot1_vbe),
		cmocka_unit_test(multiboot2_fields),
		cmocka_unit_test(multiboot2_map),
		cmocka_unit_test(multiboot2_efi_map),
		cmocka_unit_test(multiboot2_rsdp),
		cmocka_unit_test(multiboot2_broken),
		cmocka_unit_test(names_of_files),
		cmocka_unit_test(stage1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
