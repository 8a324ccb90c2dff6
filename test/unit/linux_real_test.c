/* SPDX-License-Identifier: MIT */
/*
 * Linux kernels of every protocol version by their 16-bit entry: the place of each piece, each field of the setup header, the
 * entry state, each refusal. Offsets are written as numbers, from Documentation/x86/boot.rst.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "linux_job.h"

#define SETUP_SIZE 2048u              /* three sectors and the boot sector */
#define CODE_SIZE 5000u
#define KERNEL_SIZE (SETUP_SIZE + CODE_SIZE)
#define OLD 0u                        /* stands for a kernel from before there was a version field */

static const struct segue_range usual_map[] = {
	{0, 0x9fc00, 1, 0}, {0x9fc00, 0xa0000, 2, 0}, {0xf0000, 0x100000, 2, 0},
	{0x100000, 0x7fe0000, 1, 0}, {0x7fe0000, 0x8000000, 2, 0}, {0xfffc0000, 0x100000000, 2, 0},
};
#define USUAL_MAP usual_map, sizeof usual_map / sizeof *usual_map

static struct world w;
static uint8_t kernel[KERNEL_SIZE];
static uint8_t large[0x90000];
static uint8_t initrd[10000];

static void make_kernel(uint8_t *k, size_t size, unsigned version, bool high)
{
	for (size_t i = 0; i < size; i++)
		k[i] = (uint8_t)(i * 7 + 1);
	memset(k + 0x1f1, 0, 0x290 - 0x1f1);
	k[0x1f1] = SETUP_SIZE / 512 - 1;
	put_le16(k + 0x1f4, (uint16_t)((size - SETUP_SIZE + 15) / 16));
	put_le16(k + 0x1fa, 0x0f04);             /* vid_mode */
	put_le16(k + 0x1fe, 0xaa55);
	if (version == OLD) {
		memset(k + 0x200, 0x90, 0x90);
		return;
	}
	k[0x200] = 0xeb;
	k[0x201] = 0x6a;
	memcpy(k + 0x202, "HdrS", 4);
	put_le16(k + 0x206, (uint16_t)version);
	put_le32(k + 0x208, 0x11223344);         /* realmode_swtch */
	put_le16(k + 0x20c, 0x1000);
	k[0x211] = (uint8_t)(high | 0x02 | 0x20 | 0x40);
	put_le16(k + 0x212, 0x8000);
	put_le32(k + 0x214, high ? 0x100000 : 0x1000);
	put_le32(k + 0x218, 0xdeadbeef);
	put_le32(k + 0x21c, 0xdeadbeef);
	put_le32(k + 0x22c, 0x7fffffff);
	put_le32(k + 0x238, 2047);
	put_le32(k + 0x230, 0x100000);
	put_le64(k + 0x258, 0x100000);
	put_le32(k + 0x260, 0x80000);
}

static void begin(unsigned version, bool high)
{
	make_kernel(kernel, sizeof kernel, version, high);
	world_begin(&w, kernel, sizeof kernel, USUAL_MAP);
	w.args.flags = SEGUE_LOAD_BIOS | SEGUE_LOAD_REAL_MODE;
}

static int load(void)
{
	int error = world_prepare(&w);

	if (error != SEGUE_OK)
		return error;
	return world_run(&w);
}

static void load_ok(void)
{
	int error = load();

	if (error != SEGUE_OK)
		print_message("refused with %d: %s\n", error, w.error);
	assert_int_equal(error, SEGUE_OK);
	assert_int_equal(w.errors, 0);
}

static void load_refused(int code, const char *part)
{
	int error = load();

	if (error != code || !strstr(w.error, part))
		print_message("got %d, wanted %d; '%s' should have '%s'\n", error, code, w.error, part);
	assert_int_equal(error, code);
	assert_int_equal(w.errors, 1);
	assert_non_null(strstr(w.error, part));
}

/* boot.rst, Running the Kernel */
static void assert_entry(uint32_t base, uint32_t heap_end)
{
	const struct entry_state *e = &w.job.entry;

	assert_int_equal(e->selectors, ENTRY_REAL_MODE);
	assert_int_equal(e->real_data, base / 16);
	assert_int_equal(e->real_code, base / 16 + 0x20);
	assert_int_equal(e->eip, 0);
	assert_int_equal(e->esp, heap_end);
	assert_false(e->real_interrupts);
	assert_int_equal(e->eax | e->ebx | e->ecx | e->edx | e->esi | e->edi | e->ebp, 0);
}

/* The setup code equals the file's except for these fields; zeros up to the heap's end; then the command line. */
static void assert_setup(uint32_t base, uint32_t heap_end, const uint8_t *expected, const char *line)
{
	const struct segment *header = world_segment(&w, "Linux setup header"), *code = world_segment(&w, "Linux setup code");
	const struct segment *text = world_segment(&w, "Linux command line");

	assert_int_equal(header->dest, base);
	assert_int_equal(header->size, 1024);
	assert_int_equal(header->source.size, 1024);
	for (size_t i = 0; i < 1024; i++)
		if (header->source.data[i] != expected[i])
			fail_msg("setup header at 0x%zx: 0x%02x, not 0x%02x", i, header->source.data[i], expected[i]);
	assert_int_equal(code->dest, base + 1024);
	assert_ptr_equal(code->source.data, kernel + 1024);
	assert_int_equal(code->source.size, SETUP_SIZE - 1024);
	assert_int_equal(code->zero_size, heap_end - SETUP_SIZE);
	assert_int_equal(code->size, heap_end - 1024);
	assert_true(code->optional);             /* a digest must not depend on the entry */
	assert_int_equal(text->dest, base + heap_end);
	assert_int_equal(text->source.size, strlen(line) + 1);
	assert_string_equal((const char *)text->source.data, line);
}

static void assert_code(uint32_t at, size_t size)
{
	const struct segment *s = world_segment(&w, "Linux kernel");

	assert_int_equal(s->dest, at);
	assert_ptr_equal(s->source.data, kernel + SETUP_SIZE);
	assert_int_equal(s->source.size, size);
}

static void test_bzimage_of_every_version(void **state)
{
	static const char line[] = "console=ttyS0 vga=0x305 quiet";
	uint8_t expected[1024];

	(void)state;
	for (unsigned version = 0x200; version <= 0x20f; version++) {
		bool old_line = version < 0x202;
		uint32_t base = old_line ? 0x90000 : 0x10000, heap_end = old_line ? 0x9800 : 0xe000;

		begin(version, true);
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS + 8);
		world_cmdline(&w, line);
		memcpy(expected, kernel, sizeof expected);
		load_ok();
		put_le16(expected + 0x1fa, 0x305);
		expected[0x210] = 0xff;
		expected[0x211] = version == 0x200 ? 0x01 : 0x81;
		put_le32(expected + 0x218, 0x7fdd000);
		put_le32(expected + 0x21c, sizeof initrd);
		if (version >= 0x201)
			put_le16(expected + 0x224, (uint16_t)(heap_end - 0x200));
		if (old_line) {
			put_le16(expected + 0x20, 0xa33f);
			put_le16(expected + 0x22, 0x9800);
			put_le16(expected + 0x212, 0x9800 + sizeof line);
		} else {
			put_le32(expected + 0x228, base + heap_end);
		}
		assert_setup(base, heap_end, expected, line);
		assert_entry(base, heap_end);
		assert_code(0x100000, CODE_SIZE);
		assert_int_equal(world_segment(&w, "initrd")->dest, 0x7fdd000);
		assert_int_equal(w.job.segment_count, 5);
		assert_non_null(strstr(w.info, ", 16-bit entry"));
	}
}

static void test_zimage_of_every_version(void **state)
{
	uint8_t expected[1024];

	(void)state;
	for (unsigned version = 0x200; version <= 0x20f; version++) {
		begin(version, false);
		/* a zImage uses the 16-bit entry without a flag */
		w.args.flags = SEGUE_LOAD_BIOS;
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS);
		memcpy(expected, kernel, sizeof expected);
		load_ok();
		put_le16(expected + 0x1fa, 0xffff);
		expected[0x210] = 0xff;
		expected[0x211] = version == 0x200 ? 0 : 0x80;
		put_le32(expected + 0x218, (uint32_t)world_segment(&w, "initrd")->dest);
		put_le32(expected + 0x21c, sizeof initrd);
		if (version >= 0x201)
			put_le16(expected + 0x224, 0x9600);
		if (version < 0x202) {
			put_le16(expected + 0x20, 0xa33f);
			put_le16(expected + 0x22, 0x9800);
			put_le16(expected + 0x212, 0x9801);
		} else {
			put_le32(expected + 0x228, 0x99800);
		}
		assert_setup(0x90000, 0x9800, expected, "");
		assert_entry(0x90000, 0x9800);
		assert_code(0x10000, CODE_SIZE);
	}
}

static void test_before_there_were_versions(void **state)
{
	uint8_t expected[1024];

	(void)state;
	begin(OLD, false);
	w.args.flags = SEGUE_LOAD_BIOS;
	assert_true(segue_loader_linux16.recognise(&w.job.bundle.kernel));
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS);
	world_cmdline(&w, "root=/dev/fd0 vga=ask");
	memcpy(expected, kernel, sizeof expected);
	load_ok();
	put_le16(expected + 0x1fa, 0xfffd);
	put_le16(expected + 0x20, 0xa33f);
	put_le16(expected + 0x22, 0x9800);
	assert_setup(0x90000, 0x9800, expected, "root=/dev/fd0 vga=ask");
	assert_entry(0x90000, 0x9800);
	assert_code(0x10000, CODE_SIZE);
	assert_null(world_segment(&w, "initrd"));
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.warning, "knows no initrd"));
	assert_string_equal(w.info, "Linux from before boot protocol 2.00, 16-bit entry");
}

/* The boot flag alone is not enough: disk images begin with it. */
static void test_recognition_of_old_ones(void **state)
{
	struct bytes file = {kernel, sizeof kernel, 0};

	(void)state;
	make_kernel(kernel, sizeof kernel, OLD, false);
	assert_true(segue_loader_linux16.recognise(&file));
	assert_false(segue_loader_linux.recognise(&file));
	/* 5000 bytes are 312.5 paragraphs; the last may be short, but not missing */
	file.size = SETUP_SIZE + 312 * 16 + 1;
	assert_true(segue_loader_linux16.recognise(&file));
	file.size = SETUP_SIZE + 312 * 16;
	assert_false(segue_loader_linux16.recognise(&file));
	file.size = sizeof kernel;
	put_le16(kernel + 0x1f4, 312);
	assert_false(segue_loader_linux16.recognise(&file));
	put_le16(kernel + 0x1f4, 314);
	assert_false(segue_loader_linux16.recognise(&file));
	put_le16(kernel + 0x1f4, 0);
	assert_false(segue_loader_linux16.recognise(&file));
	put_le16(kernel + 0x1f4, 313);
	kernel[0x1fe] = 0;
	assert_false(segue_loader_linux16.recognise(&file));
	kernel[0x1fe] = 0x55;
	/* no count of sectors: 4 */
	kernel[0x1f1] = 0;
	assert_false(segue_loader_linux16.recognise(&file));
	put_le16(kernel + 0x1f4, (KERNEL_SIZE - 2560 + 15) / 16);
	assert_true(segue_loader_linux16.recognise(&file));
	for (size_t size = 0; size < 0x206; size++) {
		uint8_t *exact = malloc(size ? size : 1);

		memcpy(exact, kernel, size);
		assert_false(segue_loader_linux16.recognise(&(struct bytes){exact, size, 0}));
		free(exact);
	}
}

static void test_the_bios_is_needed(void **state)
{
	(void)state;
	begin(0x20f, true);
	w.args.flags = SEGUE_LOAD_REAL_MODE;
	load_refused(SEGUE_E_LINUX_REAL_MODE, "asked for");
	begin(0x20f, false);
	w.args.flags = 0;
	load_refused(SEGUE_E_LINUX_REAL_MODE, "zImage");
	begin(OLD, false);
	w.args.flags = 0;
	load_refused(SEGUE_E_LINUX_REAL_MODE, "zImage");
	/* with a BIOS but without the flag: the 32-bit entry */
	begin(0x20f, true);
	put_le32(kernel + 0x1f4, (CODE_SIZE + 15) / 16);
	w.args.flags = SEGUE_LOAD_BIOS;
	load_ok();
	assert_int_equal(w.job.entry.selectors, ENTRY_CODE_10_DATA_18);
}

/* iPXE's lkrn */
static void test_no_32_bit_entry(void **state)
{
	(void)state;
	begin(0x207, true);
	w.args.flags = SEGUE_LOAD_BIOS;
	put_le32(kernel + 0x214, 0);
	load_ok();
	assert_code(0x100000, CODE_SIZE);
	assert_int_equal(le32(world_segment(&w, "Linux setup header")->source.data + 0x214), 0);
}

/* memdisk: its memory needs are unknown, so its initrd is placed as far away as possible */
static void test_no_size(void **state)
{
	(void)state;
	begin(0x203, true);
	w.args.flags = SEGUE_LOAD_BIOS;
	put_le32(kernel + 0x1f4, 0);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x200000);
	load_ok();
	assert_code(0x100000, CODE_SIZE);
	assert_int_equal(world_segment(&w, "initrd")->dest, 0x7fdd000);
	/* from 2.10 on init_size gives its memory needs */
	begin(0x20a, true);
	put_le32(kernel + 0x1f4, 0);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x200000);
	load_ok();
	assert_int_equal(world_segment(&w, "initrd")->dest, 0x200000);
}

static void test_a_kernel_that_moves(void **state)
{
	static const struct segue_range map[] = {{0, 0x9fc00, 1, 0}, {0x400000, 0x4000000, 1, 0}};
	const uint8_t *header;

	(void)state;
	begin(0x20f, true);
	kernel[0x234] = 1;
	put_le64(kernel + 0x258, 0x1000000);
	load_ok();
	assert_code(0x1000000, CODE_SIZE);
	assert_int_equal(le32(world_segment(&w, "Linux setup header")->source.data + 0x214), 0x1000000);

	/* RAM for init_size only at a multiple of a smaller alignment than kernel_alignment */
	begin(0x20f, true);
	w.args.memory_map = map;
	w.args.memory_map_count = 2;
	kernel[0x234] = 1;
	kernel[0x235] = 20;
	put_le32(kernel + 0x230, 0x2000000);
	put_le64(kernel + 0x258, 0x200000);
	put_le32(kernel + 0x260, 0x3a00000);
	load_ok();
	header = world_segment(&w, "Linux setup header")->source.data;
	assert_code(0x400000, CODE_SIZE);
	assert_int_equal(le32(header + 0x214), 0x400000);
	assert_int_equal(le32(header + 0x230), 0x400000);
}

static void test_video(void **state)
{
	static const struct { const char *line; uint16_t mode; } modes[] = {
		{"", 0xffff}, {"vga=normal", 0xffff}, {"vga=ext", 0xfffe}, {"a vga=ask b", 0xfffd}, {"vga=791", 791},
		{"vga=0x317", 0x317}, {"vga=0x317 vga=6", 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		begin(0x20f, true);
		world_cmdline(&w, modes[i].line);
		load_ok();
		assert_int_equal(le16(world_segment(&w, "Linux setup header")->source.data + 0x1fa), modes[i].mode);
		assert_int_equal(w.job.asks_video, SEGUE_VIDEO_NOT_ASKED); /* its setup code sets it */
	}
}

static void test_initrd_limits(void **state)
{
	(void)state;
	begin(0x203, true);
	put_le32(kernel + 0x22c, 0x3ffffff);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS);
	load_ok();
	assert_int_equal(world_segment(&w, "initrd")->dest, 0x3ffd000);
	begin(0x203, true);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS);
	world_cmdline(&w, "mem=32m");
	load_ok();
	assert_int_equal(world_segment(&w, "initrd")->dest, 0x1ffd000);
}

static void test_command_line_limits(void **state)
{
	static const unsigned versions[] = {OLD, 0x200, 0x202, 0x205, 0x206};
	static char line[2049];

	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		size_t limit = versions[i] == 0x206 ? 2047 : 255;

		memset(line, 'x', sizeof line);
		line[limit] = 0;
		begin(versions[i], versions[i] != OLD);
		world_cmdline(&w, line);
		load_ok();
		assert_string_equal((const char *)world_segment(&w, "Linux command line")->source.data, line);
		line[limit] = 'x';
		line[limit + 1] = 0;
		begin(versions[i], versions[i] != OLD);
		world_cmdline(&w, line);
		load_refused(SEGUE_E_LINUX_CMDLINE, limit == 255 ? "256 bytes, at most 255" : "2048 bytes, at most 2047");
	}
}

/* Setup code, heap and command line are 0xe001 or 0x9801 bytes here. */
static void test_low_memory(void **state)
{
	static struct segue_range map[] = {{0, 0, 1, 0}, {0x100000, 0x4000000, 1, 0}};

	(void)state;
	map[0].end = 0x10000 + 0xe001;
	begin(0x202, true);
	w.args.memory_map = map;
	w.args.memory_map_count = 2;
	load_ok();
	assert_entry(0x10000, 0xe000);
	map[0].end--;
	begin(0x202, true);
	w.args.memory_map = map;
	w.args.memory_map_count = 2;
	load_refused(SEGUE_E_LINUX_LOW, "57345 bytes for the setup code, its heap and the command line, from 0x10000 on");

	map[0].end = 0x99801;
	begin(0x201, true);
	w.args.memory_map = map;
	w.args.memory_map_count = 2;
	load_ok();
	map[0].end--;
	begin(0x201, true);
	w.args.memory_map = map;
	w.args.memory_map_count = 2;
	load_refused(SEGUE_E_LINUX_LOW, "38913 bytes for the setup code, its heap and the command line, from 0x90000 on");

	/* kept memory is avoided if the place is not fixed, and refused if it is */
	begin(0x202, true);
	w.args.keep = &(struct segue_range){0x10000, 0x10234, 0, 0};
	w.args.keep_count = 1;
	load_ok();
	assert_entry(0x10240, 0xe000);
	begin(0x201, true);
	w.args.keep = &(struct segue_range){0x8ffff, 0x90001, 0, 0};
	w.args.keep_count = 1;
	load_refused(SEGUE_E_LINUX_LOW, "0x90000");
}

static void test_a_large_zimage(void **state)
{
	(void)state;
	make_kernel(large, SETUP_SIZE + 0x80000, 0x202, false);
	world_begin(&w, large, SETUP_SIZE + 0x80000, USUAL_MAP);
	w.args.flags = SEGUE_LOAD_BIOS;
	assert_int_equal(world_prepare(&w), SEGUE_OK);
	assert_int_equal(world_run(&w), SEGUE_OK);
	assert_int_equal(world_segment(&w, "Linux kernel")->size, 0x80000);

	make_kernel(large, SETUP_SIZE + 0x80001, 0x202, false);
	world_begin(&w, large, SETUP_SIZE + 0x80001, USUAL_MAP);
	w.args.flags = SEGUE_LOAD_BIOS;
	assert_int_equal(world_prepare(&w), SEGUE_OK);
	assert_int_equal(world_run(&w), SEGUE_E_LINUX_LOW);

	/* bytes after its end in the file are ignored; missing bytes are refused */
	begin(0x202, false);
	put_le16(kernel + 0x1f4, 100);
	load_ok();
	assert_code(0x10000, 1600);
	/* 16 bits before 2.04, 32 from there on */
	begin(0x203, false);
	put_le32(kernel + 0x1f4, 0x12340000 + 100);
	load_ok();
	assert_code(0x10000, 1600);
	begin(0x204, false);
	put_le32(kernel + 0x1f4, 0x10000 + 100);
	load_refused(SEGUE_E_LINUX_TRUNCATED, "code to");
	begin(0x202, false);
	put_le16(kernel + 0x1f4, 314);
	load_refused(SEGUE_E_LINUX_TRUNCATED, "code to");
}

static void test_setup_code_size(void **state)
{
	(void)state;
	/* 0 sectors are 4 */
	begin(0x202, true);
	kernel[0x1f1] = 0;
	load_ok();
	assert_int_equal(world_segment(&w, "Linux setup code")->source.size, 2560 - 1024);
	/* the minimum: no setup code after the header's sector */
	begin(0x202, true);
	kernel[0x1f1] = 1;
	load_ok();
	assert_int_equal(world_segment(&w, "Linux setup code")->source.size, 0);
	assert_int_equal(world_segment(&w, "Linux setup code")->size, 0xe000 - 1024);
	/* 0x9800 less 4 KiB of stack are 67 sectors and the boot sector */
	for (unsigned sectors = 67; sectors <= 68; sectors++) {
		make_kernel(large, sizeof large, 0x201, true);
		large[0x1f1] = (uint8_t)sectors;
		put_le32(large + 0x1f4, 0);
		world_begin(&w, large, sizeof large, USUAL_MAP);
		w.args.flags = SEGUE_LOAD_BIOS | SEGUE_LOAD_REAL_MODE;
		assert_int_equal(world_prepare(&w), SEGUE_OK);
		assert_int_equal(world_run(&w), sectors == 67 ? SEGUE_OK : SEGUE_E_LINUX_HEADER);
	}
	assert_non_null(strstr(w.error, "setup code of 35328 bytes, at most 34816"));
}

static void test_small_workspace(void **state)
{
	(void)state;
	for (size_t size = 64; size < 8192; size += 64) {
		int error;

		begin(0x20f, true);
		w.job.arena.end = w.workspace + size;
		error = load();
		if (error == SEGUE_OK)
			return;
		assert_int_equal(error, SEGUE_E_WORKSPACE_SMALL);
		assert_int_equal(w.errors, 1);
	}
	fail_msg("8 KiB do not suffice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bzimage_of_every_version), cmocka_unit_test(test_zimage_of_every_version),
		cmocka_unit_test(test_before_there_were_versions), cmocka_unit_test(test_recognition_of_old_ones),
		cmocka_unit_test(test_the_bios_is_needed), cmocka_unit_test(test_no_32_bit_entry),
		cmocka_unit_test(test_no_size), cmocka_unit_test(test_a_kernel_that_moves), cmocka_unit_test(test_video),
		cmocka_unit_test(test_initrd_limits), cmocka_unit_test(test_command_line_limits),
		cmocka_unit_test(test_low_memory), cmocka_unit_test(test_a_large_zimage),
		cmocka_unit_test(test_setup_code_size), cmocka_unit_test(test_small_workspace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
