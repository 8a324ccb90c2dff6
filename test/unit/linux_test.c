/* SPDX-License-Identifier: MIT */
/*
 * The Linux loader, with kernels made here: each field that Linux gets, each place that is chosen, each refusal. Offsets are
 * written as numbers, from Documentation/x86/boot.rst and zero-page.rst, so that the tests find a wrong one in linux.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "linux_job.h"
#include "zero_page.h"

#define KERNEL_SIZE (1024u + 5000u)   /* one sector of setup, code of 5000 bytes */
#define CODE_SIZE 5000u
#define MIB 0x100000ull

static const struct segue_range usual_map[] = {
	PC_MAP
};
#define USUAL_MAP usual_map, sizeof usual_map / sizeof *usual_map

static struct world w;
static uint8_t kernel[KERNEL_SIZE];
static uint8_t initrd[10000];

/* A relocatable kernel: pref_address 16 MiB, aligned to 2 MiB or else 64 KiB, init_size 8 MiB. */
static void make_kernel(uint16_t version)
{
	static const char release[] = "6.1.0-test (who@where)";

	for (size_t i = 0; i < sizeof kernel; i++)
		kernel[i] = (uint8_t)(i * 7 + 1);
	memset(kernel + 0x1f1, 0, 0x290 - 0x1f1);
	kernel[0x1f1] = 1;                       /* setup_sects */
	put_le16(kernel + 0x1f2, 0x0101);        /* root_flags */
	put_le32(kernel + 0x1f4, (CODE_SIZE + 15) / 16);
	put_le16(kernel + 0x1fa, 0x0f04);        /* vid_mode */
	put_le16(kernel + 0x1fc, 0x0803);        /* root_dev */
	put_le16(kernel + 0x1fe, 0xaa55);
	kernel[0x200] = 0xeb;
	kernel[0x201] = 0x6a;
	memcpy(kernel + 0x202, "HdrS", 4);
	put_le16(kernel + 0x206, version);
	put_le32(kernel + 0x208, 0x11223344);    /* realmode_swtch */
	put_le16(kernel + 0x20c, 0x1000);
	put_le16(kernel + 0x20e, 0x100);         /* kernel_version: at 0x300 */
	memcpy(kernel + 0x300, release, sizeof release);
	kernel[0x211] = 0x01 | 0x02 | 0x20 | 0x40 | 0x80; /* LOADED_HIGH and all bits that the loader clears */
	put_le32(kernel + 0x214, 0x100000);
	put_le32(kernel + 0x218, 0xdeadbeef);
	put_le32(kernel + 0x21c, 0xdeadbeef);
	put_le16(kernel + 0x224, 0x57c0);
	put_le32(kernel + 0x22c, 0x7fffffff);
	put_le32(kernel + 0x230, 0x200000);
	kernel[0x234] = 1;
	kernel[0x235] = 16;
	put_le16(kernel + 0x236, 0x7f);
	put_le32(kernel + 0x238, 2047);
	put_le64(kernel + 0x240, 0x1122334455667788);
	put_le32(kernel + 0x248, 0x123);
	put_le32(kernel + 0x24c, 0x456);
	put_le64(kernel + 0x258, 0x1000000);
	put_le32(kernel + 0x260, 0x800000);
	put_le32(kernel + 0x264, 0x190);
	put_le32(kernel + 0x268, 0x1234);
}

static void begin(uint16_t version)
{
	make_kernel(version);
	world_begin(&w, kernel, sizeof kernel, USUAL_MAP);
}

static const uint8_t *page(void)
{
	const uint8_t *p = world_at(&w, w.job.entry.esi, 0x1000);

	assert_non_null(p);
	return p;
}

static void load_ok(void)
{
	int error = world_load(&w);

	if (error != SEGUE_OK)
		print_message("refused with %d: %s\n", error, w.error);
	assert_int_equal(error, SEGUE_OK);
	assert_int_equal(w.errors, 0);
	assert_int_equal(w.job.entry.selectors, ENTRY_CODE_10_DATA_18);
	assert_int_equal(w.job.entry.eip, world_segment(&w, "Linux kernel")->dest);
	assert_int_equal(w.job.entry.eax | w.job.entry.ebx | w.job.entry.ecx | w.job.entry.edx, 0);
	assert_int_equal(w.job.entry.edi | w.job.entry.ebp | w.job.entry.esp, 0);
}

/* Checks that it is refused with this code, and one sentence that contains this text. */
static void load_refused(int code, const char *part)
{
	int error = world_load(&w);

	if (error != code || !strstr(w.error, part))
		print_message("got %d, wanted %d; '%s' should have '%s'\n", error, code, w.error, part);
	assert_int_equal(error, code);
	assert_int_equal(w.errors, 1);
	assert_non_null(strstr(w.error, part));
}

static void test_whole_page(void **state)
{
	uint8_t expected[ZERO_PAGE_SIZE] = {0};
	static const char line[] = "console=ttyS0 quiet";
	struct segue_machine machine = {ZERO_PAGE_MACHINE};
	const struct segment *s;

	(void)state;
	begin(0x20f);
	machine.framebuffer.type = SEGUE_FRAMEBUFFER_NONE;
	w.args.machine = &machine;
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS + 8);
	world_cmdline(&w, line);
	load_ok();

	expect_machine(expected);
	memcpy(expected + 0x1f1, kernel + 0x1f1, 0x26c - 0x1f1);
	put_le16(expected + 0x1fa, 0xffff);
	expected[0x210] = 0xff;
	expected[0x211] = 0x01;
	put_le32(expected + 0x214, 0x1000000);
	put_le32(expected + 0x218, 0x7fdd000);           /* 10000 bytes in 3 pages below 0x7fe0000 */
	put_le32(expected + 0x21c, 10000);
	put_le32(expected + 0x228, w.job.entry.esi + 0x1000);
	assert_zero_page(page(), expected);
	assert_memory_equal(world_at(&w, w.job.entry.esi + 0x1000, sizeof line), line, sizeof line);

	s = world_segment(&w, "Linux kernel");
	assert_int_equal(s->dest, 0x1000000);
	assert_int_equal(s->size, 0x800000);
	assert_ptr_equal(s->source.data, kernel + 1024);
	assert_int_equal(s->source.size, CODE_SIZE);
	assert_int_equal(w.job.needs_memory, 0x800000);
	s = world_segment(&w, "initrd");
	assert_int_equal(s->dest, 0x7fdd000);
	assert_int_equal(s->size, 0x3000);               /* the last page belongs to it alone */
	assert_ptr_equal(s->source.data, initrd);
	assert_int_equal(s->source.size, 10000);
	assert_int_equal(world_segment(&w, "Linux boot parameters")->size, 0x1000 + sizeof line);
	assert_int_equal(s->zero_size, 0);
	assert_int_equal(world_segment(&w, "Linux kernel")->zero_size, 0);
	assert_int_equal(w.job.segment_count, 3);
	assert_string_equal(w.info, "Linux 6.1.0-test, boot protocol 2.15, 64-bit");
}

static void test_info(void **state)
{
	(void)state;
	/* xloadflags came with 2.12 */
	begin(0x20b);
	load_ok();
	assert_string_equal(w.info, "Linux 6.1.0-test, boot protocol 2.11, 32-bit");
	begin(0x20c);
	put_le16(kernel + 0x20e, 0);
	load_ok();
	assert_string_equal(w.info, "Linux , boot protocol 2.12, 64-bit");
	/* a string that is not in the setup code; one that goes to its end */
	begin(0x20c);
	put_le16(kernel + 0x20e, 0xffff);
	put_le16(kernel + 0x236, 0x7e);
	load_ok();
	assert_string_equal(w.info, "Linux , boot protocol 2.12, 32-bit");
	begin(0x20c);
	put_le16(kernel + 0x20e, 0x1fd);
	memset(kernel + 0x3fd, 'z', 6);
	load_ok();
	assert_non_null(strstr(w.info, "Linux zzz,"));
	assert_null(strstr(w.info, "zzzz"));
}

static void test_every_version(void **state)
{
	static const char line[] = "a b";

	(void)state;
	for (uint16_t version = 0x200; version <= 0x210; version++) {
		begin(version);
		kernel[0x201] = 0x6a;
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS);
		world_cmdline(&w, line);
		load_ok();
		assert_int_equal(le16(page() + 0x206), version);
		assert_int_equal(page()[0x210], 0xff);
		assert_int_equal(page()[0x211], 0x01);
		assert_int_equal(le32(page() + 0x21c), sizeof initrd);
		assert_int_equal(w.job.entry.eip, version >= 0x20a ? 0x1000000 : 0x100000);
		assert_int_equal(le32(page() + 0x214), w.job.entry.eip);
		if (version >= 0x202) {
			assert_true(w.job.entry.esi >= MIB);
			assert_int_equal(le16(page() + 0x20), 0);
			assert_string_equal((const char *)world_at(&w, le32(page() + 0x228), sizeof line), line);
		} else {
			assert_int_equal(w.job.entry.esi, 0x90000);
			assert_int_equal(le16(page() + 0x20), 0xa33f);
			assert_int_equal(le32(page() + 0x228), 0);
			assert_string_equal((const char *)world_at(&w, 0x90000 + le16(page() + 0x22), sizeof line), line);
		}
		if (version < 0x20a)             /* 4 times the code, from where the kernel runs: aligned to 2 MiB from 2.05 on */
			assert_int_equal(world_segment(&w, "Linux kernel")->size, 4 * CODE_SIZE + (version >= 0x205 ? MIB : 0));
	}
}

static void test_header_length(void **state)
{
	static const struct { uint16_t version; uint8_t distance; } least[] = {
		{0x200, 0x22}, {0x201, 0x24}, {0x202, 0x2a}, {0x203, 0x2e}, {0x204, 0x2e}, {0x205, 0x33}, {0x206, 0x3a},
		{0x207, 0x46}, {0x208, 0x4e}, {0x209, 0x56}, {0x20a, 0x62}, {0x20b, 0x62}, {0x20c, 0x62}, {0x20f, 0x62},
	};

	(void)state;
	for (size_t i = 0; i < sizeof least / sizeof *least; i++) {
		uint32_t end = 0x202u + least[i].distance;
		char sentence[60];

		begin(least[i].version);
		kernel[0x201] = least[i].distance;
		kernel[end] = 0x99;              /* not the header's: must not get into the page */
		load_ok();
		assert_int_equal(page()[end], 0);
		assert_int_equal(page()[0x1ef], 0); /* the sentinel */
		begin(least[i].version);
		kernel[0x201] = (uint8_t)(least[i].distance - 1);
		snprintf(sentence, sizeof sentence, "it ends at 0x%x, not in 0x%x to 0x290", end - 1, end);
		load_refused(SEGUE_E_LINUX_HEADER, sentence);
	}
	begin(0x20f);
	kernel[0x201] = 0x8e;
	kernel[0x28f] = 0x77;
	load_ok();
	assert_int_equal(page()[0x28f], 0x77);
	begin(0x20f);
	kernel[0x201] = 0x8f;
	load_refused(SEGUE_E_LINUX_HEADER, "it ends at 0x291, not in 0x264 to 0x290");
}

static void test_recognise(void **state)
{
	struct bytes file = {kernel, sizeof kernel, 0};

	(void)state;
	make_kernel(0x20f);
	assert_true(segue_loader_linux.recognise(&file));
	file.size = 0x206;
	assert_true(segue_loader_linux.recognise(&file));
	file.size = 0x205;
	assert_false(segue_loader_linux.recognise(&file));
	file.size = sizeof kernel;
	kernel[0x1ff] = 0;
	assert_false(segue_loader_linux.recognise(&file));
	make_kernel(0x20f);
	kernel[0x205] = 's';
	assert_false(segue_loader_linux.recognise(&file));
}

static void truncated_to(size_t size, const char *part)
{
	/* of its exact size, so that ASan sees a byte read too many */
	uint8_t *file = malloc(size);

	assert_non_null(file);
	make_kernel(0x20f);
	memcpy(file, kernel, size);
	world_begin(&w, file, size, USUAL_MAP);
	load_refused(SEGUE_E_LINUX_TRUNCATED, part);
	free(file);
}

static void test_truncated(void **state)
{
	(void)state;
	truncated_to(0x206, "518 bytes, header to 620");
	truncated_to(0x207, "519 bytes, header to 620");
	truncated_to(0x208, "520 bytes, header to 620");
	truncated_to(0x240, "576 bytes, header to 620");
	truncated_to(0x26b, "619 bytes, header to 620");
	truncated_to(0x26c, "620 bytes, code to 6017");
	truncated_to(1024, "1024 bytes, code to 6017");
	/* syssize names 313 paragraphs, of which the last may be short by 15 */
	truncated_to(1024 + 312 * 16, "6016 bytes, code to 6017");
	make_kernel(0x20f);
	world_begin(&w, kernel, 1024 + 312 * 16 + 1, USUAL_MAP);
	load_ok();
	/* before 2.04 syssize is not used */
	make_kernel(0x203);
	put_le16(kernel + 0x1f4, 0xffff);
	world_begin(&w, kernel, 1025, USUAL_MAP);
	load_ok();
	assert_int_equal(world_segment(&w, "Linux kernel")->source.size, 1);
	/* setup_sects 0 means 4 */
	begin(0x20f);
	kernel[0x1f1] = 0;
	put_le32(kernel + 0x1f4, 1);
	load_ok();
	assert_ptr_equal(world_segment(&w, "Linux kernel")->source.data, kernel + 2560);
	assert_int_equal(world_segment(&w, "Linux kernel")->source.size, KERNEL_SIZE - 2560);
	begin(0x20f);
	kernel[0x1f1] = 255;
	load_refused(SEGUE_E_LINUX_TRUNCATED, "6024 bytes, code to 136065");
}

static void test_version_refused(void **state)
{
	(void)state;
	begin(0x1ff);
	load_refused(SEGUE_E_LINUX_VERSION, ": 1.255");
	begin(0x300);
	load_refused(SEGUE_E_LINUX_VERSION, ": 3.0");
}

static void test_real_mode_refused(void **state)
{
	(void)state;
	begin(0x20f);
	kernel[0x211] = 0;
	load_refused(SEGUE_E_LINUX_REAL_MODE, "zImage");
	begin(0x207);
	put_le32(kernel + 0x214, 0);
	load_refused(SEGUE_E_LINUX_REAL_MODE, "code32_start 0");
	begin(0x203);
	put_le32(kernel + 0x1f4, 0);
	load_refused(SEGUE_E_LINUX_REAL_MODE, "syssize 0");
	begin(0x20f);
	put_le32(kernel + 0x1f4, 0);
	load_refused(SEGUE_E_LINUX_REAL_MODE, "syssize 0");
}

/* Before 2.04, syssize has 16 bits and is 0 for a kernel of 1 MiB as well. */
static void test_syssize_wraps(void **state)
{
	static uint8_t large[1024 + 0x100000];

	(void)state;
	make_kernel(0x203);
	put_le32(kernel + 0x1f4, 0x10000);
	memcpy(large, kernel, sizeof kernel);
	world_begin(&w, large, sizeof large - 15, USUAL_MAP);
	load_ok();
	world_begin(&w, large, sizeof large - 16, USUAL_MAP);
	load_refused(SEGUE_E_LINUX_REAL_MODE, "syssize 0");
	put_le16(large + 0x206, 0x204);
	world_begin(&w, large, sizeof large - 15, USUAL_MAP);
	load_ok();
	world_begin(&w, large, sizeof large - 16, USUAL_MAP);
	load_refused(SEGUE_E_LINUX_TRUNCATED, "code to 1049585");
	put_le32(large + 0x1f4, 0);
	world_begin(&w, large, sizeof large, USUAL_MAP);
	load_refused(SEGUE_E_LINUX_REAL_MODE, "syssize 0");
}

static void test_header_refused(void **state)
{
	(void)state;
	begin(0x20f);
	put_le32(kernel + 0x230, 0);
	load_refused(SEGUE_E_LINUX_HEADER, "kernel_alignment 0x0");
	begin(0x205);
	put_le32(kernel + 0x230, 0x300000);
	load_refused(SEGUE_E_LINUX_HEADER, "kernel_alignment 0x300000");
	begin(0x20f);
	kernel[0x235] = 32;
	load_refused(SEGUE_E_LINUX_HEADER, "min_alignment 32");
	begin(0x20f);
	put_le64(kernel + 0x258, 0x100000000);
	load_refused(SEGUE_E_LINUX_HEADER, "pref_address 0x100000000");
	begin(0x20f);
	put_le64(kernel + 0x258, 0xfffff000);
	load_refused(SEGUE_E_LINUX_HEADER, "pref_address 0xfffff000");
	/* it would move itself down to memory that is not claimed for it */
	begin(0x20f);
	kernel[0x234] = 0;
	put_le64(kernel + 0x258, 0xff000);
	load_refused(SEGUE_E_LINUX_HEADER, "pref_address 0xff000");
	begin(0x205);
	kernel[0x234] = 0;
	put_le32(kernel + 0x214, 0xfffff000);
	load_refused(SEGUE_E_LINUX_HEADER, "pref_address 0xfffff000");
	/* not relocatable: kernel_alignment is not read */
	begin(0x20f);
	put_le32(kernel + 0x230, 0);
	kernel[0x234] = 0;
	load_ok();
}

static void test_kernel_relocated(void **state)
{
	struct segue_range keep[2] = {{0x1400000, 0x1500000, 0, 0}};

	(void)state;
	/* 0x1500000 is not aligned to 2 MiB */
	begin(0x20f);
	w.args.keep = keep;
	w.args.keep_count = 1;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x1600000);
	assert_int_equal(le32(page() + 0x214), 0x1600000);
	assert_int_equal(le32(page() + 0x230), 0x200000);
	assert_int_equal(world_segment(&w, "Linux kernel")->size, 0x800000);

	/* Only at 1 MiB alignment is there a place; the kernel is told. */
	begin(0x20f);
	keep[1] = (struct segue_range){0x1d00000, 0x8000000, 0, 0};
	w.args.keep = keep;
	w.args.keep_count = 2;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x1500000);
	assert_int_equal(le32(page() + 0x230), 0x100000);

	/* Before 2.10 there is no min_alignment. */
	begin(0x209);
	put_le32(kernel + 0x214, 0x1000000);
	keep[0] = (struct segue_range){0x1000000, 0x1100000, 0, 0};
	keep[1] = (struct segue_range){0x1104e20, 0x8000000, 0, 0};
	w.args.keep = keep;
	w.args.keep_count = 2;
	load_refused(SEGUE_E_LINUX_PLACE, ": 20000 bytes, aligned to 0x200000, between 0x1000000 and 0xfffff000");

	/* One byte too little at min_alignment; memory below pref_address is not used. */
	begin(0x20f);
	keep[0] = (struct segue_range){0x1000000, 0x1010000, 0, 0};
	keep[1] = (struct segue_range){0x180ffff, 0x8000000, 0, 0};
	w.args.keep = keep;
	w.args.keep_count = 2;
	load_refused(SEGUE_E_LINUX_PLACE,
		     ": 8388608 bytes, aligned to 0x10000, between 0x1000000 and 0xfffff000; the largest free piece has "
		     "8388607");
	begin(0x20f);
	keep[1].start--;
	w.args.keep = keep;
	w.args.keep_count = 2;
	load_refused(SEGUE_E_LINUX_PLACE, "the largest free piece has 8388606");
	begin(0x20f);
	keep[1].start += 2;
	w.args.keep = keep;
	w.args.keep_count = 2;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x1010000);
}

static void test_kernel_relocated_oddly(void **state)
{
	struct segue_range keep[2] = {{0x1000000, 0x1001000, 0, 0}, {0x1f00000, 0x8000000, 0, 0}};

	(void)state;
	/* a min_alignment above kernel_alignment is ignored */
	begin(0x20f);
	kernel[0x235] = 22;
	w.args.keep = keep;
	w.args.keep_count = 1;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x1200000);
	begin(0x20f);
	kernel[0x235] = 22;
	keep[1].start = 0x19fffff;
	w.args.keep = keep;
	w.args.keep_count = 2;
	load_refused(SEGUE_E_LINUX_PLACE, "aligned to 0x200000");
	/* at an aligned address it needs exactly init_size, but at least its code's size */
	begin(0x20f);
	put_le64(kernel + 0x258, 0x1000400);
	w.args.keep = keep;
	w.args.keep_count = 1;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x1200000);
	assert_int_equal(world_segment(&w, "Linux kernel")->size, 0x800000);
	begin(0x20f);
	put_le32(kernel + 0x260, 1);
	w.args.keep = keep;
	w.args.keep_count = 1;
	load_ok();
	assert_int_equal(world_segment(&w, "Linux kernel")->size, CODE_SIZE);
}

static void test_kernel_not_relocatable(void **state)
{
	struct segue_range keep = {0x17ff000, 0x1800000, 0, 0};

	(void)state;
	/* Loaded at code32_start, it moves itself to pref_address: all of it is claimed. */
	begin(0x20f);
	kernel[0x234] = 0;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x100000);
	assert_int_equal(world_segment(&w, "Linux kernel")->size, 0x1000000 + 0x800000 - 0x100000);
	assert_int_equal(le32(page() + 0x230), 0x200000);
	begin(0x20f);
	kernel[0x234] = 0;
	w.args.keep = &keep;
	w.args.keep_count = 1;
	load_refused(SEGUE_E_LINUX_PLACE, "aligned to 0x1, between 0x100000 and 0x1800000");
	/* 2.04 and before have no relocation, so the byte is ignored. */
	begin(0x204);
	keep = (struct segue_range){0x100000, 0x101000, 0, 0};
	w.args.keep = &keep;
	w.args.keep_count = 1;
	load_refused(SEGUE_E_LINUX_PLACE, "between 0x100000 and 0x104e20");
	begin(0x205);
	w.args.keep = &keep;
	w.args.keep_count = 1;
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x200000);
}

/* Sums that go past 32 bits, for i386. */
static void test_kernel_wraps(void **state)
{
	static const struct segue_range high[] = {{0x100000, 0xf0000000, 1, 0}};
	static const uint32_t paragraphs[] = {0x10000001, 0x0fffffff, 0x08000000, 0x7ffffff, 0xffffffff, 0x10000139};
	static const struct { uint32_t preferred, alignment, init_size; bool relocatable; } cases[] = {
		{0x90000000, 0x80000000, 0x1000, true}, {0xef000000, 0x1000, 0xffffffff, true}, {0xefffe000, 0x1000, 0x11000000, true},
		{0x200000, 0x80000000, 0x80000000, true}, {0xef000000, 0x1000, 0x11000000, false}, {0x200000, 1, 0xfff00000, false},
		{0x200000, 1, 0xffe00000, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof paragraphs / sizeof *paragraphs; i++) {
		begin(0x204);
		put_le32(kernel + 0x1f4, paragraphs[i]);
		load_refused(SEGUE_E_LINUX_TRUNCATED, "6024 bytes, code to ");
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_kernel(0x20f);
		put_le64(kernel + 0x258, cases[i].preferred);
		put_le32(kernel + 0x230, cases[i].alignment);
		put_le32(kernel + 0x260, cases[i].init_size);
		kernel[0x234] = cases[i].relocatable;
		kernel[0x235] = 0;
		world_begin(&w, kernel, sizeof kernel, high, 1);
		load_refused(SEGUE_E_LINUX_PLACE, "aligned to");
	}
}

static void test_kernel_sizes(void **state)
{
	(void)state;
	/* init_size smaller than the code */
	begin(0x20f);
	put_le32(kernel + 0x260, 1);
	load_ok();
	assert_int_equal(world_segment(&w, "Linux kernel")->size, CODE_SIZE);
	/* a preferred address that is not aligned: the kernel runs above it */
	begin(0x20f);
	put_le64(kernel + 0x258, 0x1000400);
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x1000400);
	assert_int_equal(world_segment(&w, "Linux kernel")->size, 0x1200000 + 0x800000 - 0x1000400);
	/* 2.10 without a preferred address or an init_size */
	begin(0x20a);
	put_le64(kernel + 0x258, 0);
	put_le32(kernel + 0x260, 0);
	load_ok();
	assert_int_equal(w.job.entry.eip, 0x100000);
	assert_int_equal(world_segment(&w, "Linux kernel")->size, MIB + 4 * CODE_SIZE);
}

static uint64_t initrd_at(uint16_t version, uint64_t phys, uint32_t addr_max, const char *line)
{
	begin(version);
	put_le32(kernel + 0x22c, addr_max);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, phys);
	if (line)
		world_cmdline(&w, line);
	load_ok();
	assert_int_equal(le32(page() + 0x218), world_segment(&w, "initrd")->dest);
	assert_int_equal(le32(page() + 0x21c), sizeof initrd);
	return world_segment(&w, "initrd")->dest;
}

static void test_initrd_place(void **state)
{
	static const struct segue_range large[] = {{0, 0x9f000, 1, 0}, {0x100000, 0xe0000000, 1, 0}};

	(void)state;
	/* in place: on a page, in RAM, below the limit, outside what the kernel claims */
	assert_int_equal(initrd_at(0x20f, 0x3000000, 0x7fffffff, NULL), 0x3000000);
	assert_int_equal(initrd_at(0x20f, 0x1800000, 0x7fffffff, NULL), 0x1800000);
	assert_int_equal(initrd_at(0x20f, 0x100000, 0x7fffffff, NULL), 0x100000);
	/* elsewhere: under the kernel's init_size; not on a page; its last page is not RAM */
	assert_int_equal(initrd_at(0x20f, 0x17ff000, 0x7fffffff, NULL), 0x7fdd000);
	assert_int_equal(initrd_at(0x20f, 0x3000010, 0x7fffffff, NULL), 0x7fdd000);
	assert_int_equal(initrd_at(0x20f, 0x7fde000, 0x7fffffff, NULL), 0x7fdd000);
	/* the highest byte that the kernel allows is allowed */
	assert_int_equal(initrd_at(0x20f, 0x3000000, 0x3002fff, NULL), 0x3000000);
	assert_int_equal(initrd_at(0x20f, 0x3000000, 0x3001fff, NULL), 0x2fff000);
	/* not below 1 MiB */
	assert_int_equal(initrd_at(0x20f, 0x20000, 0x7fffffff, NULL), 0x7fdd000);
	/* before 2.03 the limit is 0x37ffffff, and the field is not read */
	make_kernel(0x202);
	put_le32(kernel + 0x22c, 0x200000);
	world_begin(&w, kernel, sizeof kernel, large, 2);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x40000000);
	load_ok();
	assert_int_equal(le32(page() + 0x218), 0x37ffd000);
	make_kernel(0x203);
	put_le32(kernel + 0x22c, 0xffffffff);
	world_begin(&w, kernel, sizeof kernel, large, 2);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x40000010);
	load_ok();
	assert_int_equal(le32(page() + 0x218), 0xdfffd000);
}

/* A 32-bit kernel copies what ends above its low memory, and needs room for it there: large ones go below. */
static void test_large_initrd_of_32_bits(void **state)
{
	static const struct segue_range map[] = {{0, 0x9f000, 1, 0}, {0x100000, 0xc0000000, 1, 0}};
	static const struct { size_t size; bool low, warned; } cases[] = {
		{0x1b000000, false, false}, {0x1b000001, true, false}, {0x30000000, true, false}, {0x30000001, true, true},
		{0x34000000, true, true}, {0x35000000, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int is_64 = 0; is_64 < 2; is_64++) {
			uint64_t end;

			make_kernel(0x20f);
			kernel[0x236] = (uint8_t)is_64;
			world_begin(&w, kernel, sizeof kernel, map, 2);
			w.job.bundle.initrd = world_part(&w, initrd, cases[i].size, 0x41000000);
			load_ok();
			end = world_segment(&w, "initrd")->dest + cases[i].size;
			assert_int_equal(w.job.is_64_bit, is_64);
			assert_int_equal(end <= 0x36000000, cases[i].low && !is_64);
			assert_int_equal(w.warnings, cases[i].warned && !is_64);
		}
}

static void test_initrd_below_mem_option(void **state)
{
	static const struct { const char *line; uint64_t at; } cases[] = {
		{"mem=64M", 0x3ffd000}, {"quiet mem=64M", 0x3ffd000}, {"mem=65536k quiet", 0x3ffd000}, {"mem=0x4000000", 0x3ffd000},
		{"mem=0X40M", 0x3ffd000}, {"mem=67108864", 0x3ffd000}, {"mem=100M mem=64M", 0x3ffd000},
		{"mem=4G", 0x7fdd000}, {"mem=1T", 0x7fdd000}, {"mem=1E", 0x7fdd000}, {"mem=nopentium", 0x7fdd000},
		{"mem=", 0x7fdd000}, {"quiet mem=", 0x7fdd000}, {"xmem=64M", 0x7fdd000}, {"mem=99999999999999999999M", 0x7fdd000},
		{"mem=0xffffffffffffG", 0x7fdd000}, {"mem=4294967295G", 0x7fdd000}, {"maxmem=64M", 0x7fdd000}, {"", 0x7fdd000},
		{"mem=67108864 quiet", 0x3ffd000}, {"mem=0x3fFE00f", 0x3ffb000}, {"mem=64m", 0x3ffd000},
		{"mem=3000000000", 0x7fdd000}, {"mem=67108864K", 0x7fdd000}, {"mem=268435456 ", 0x7fdd000},
		{"mem=6", 0}, {"mem=0x6", 0},
		/* C's notation; the least of several; Linux's words, quotes and end of options */
		{"mem=0100M", 0x3ffd000}, {"mem=0400000000", 0x3ffd000}, {"mem=64M mem=100M", 0x3ffd000},
		{"mem=64M mem=nopentium", 0x3ffd000}, {"quiet\tmem=64M", 0x3ffd000}, {"mem=64M\tquiet", 0x3ffd000},
		{"mem=\"64M\"", 0x3ffd000}, {"\"mem=64M\" x", 0x3ffd000}, {"a=\"b mem=64M\"", 0x7fdd000},
		{"quiet -- mem=64M", 0x7fdd000}, {"mem=64M -- mem=32M", 0x3ffd000}, {"a=--\nmem=64M", 0x3ffd000},
	};
	static const struct segue_range large[] = {{0x100000, 0x80000000, 1, 0}}, huge[] = {{0x100000, 0xe0000000, 1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (cases[i].at == 0) {
			begin(0x20f);
			w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x7000010);
			world_cmdline(&w, cases[i].line);
			load_refused(SEGUE_E_LINUX_INITRD, "between 0x100000 and 0x6;");
		} else {
			uint64_t at = initrd_at(0x20f, 0x7000010, 0x7fffffff, cases[i].line);

			if (at != cases[i].at)
				fail_msg("%s: initrd at 0x%jx", cases[i].line, (uintmax_t)at);
		}
	}
	make_kernel(0x20f);
	world_begin(&w, kernel, sizeof kernel, large, 1);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x7000010);
	world_cmdline(&w, "mem=1G");
	load_ok();
	assert_int_equal(le32(page() + 0x218), 0x3fffd000);
	world_begin(&w, kernel, sizeof kernel, huge, 1);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x7000010);
	put_le32(kernel + 0x22c, 0xffffffff);
	world_cmdline(&w, "mem=3000000000");
	load_ok();
	assert_int_equal(le32(page() + 0x218), (3000000000u - 10000) / 4096 * 4096 - 4096);
	/* an initrd above the end of memory is moved */
	assert_int_equal(initrd_at(0x20f, 0x7000000, 0x7fffffff, "mem=64M"), 0x3ffd000);
}

static void test_initrd_refused(void **state)
{
	static const struct segue_range tight[] = {{0x100000, 0x102000, 1, 0}, {0x1000000, 0x1802fff, 1, 0}};
	static const struct segue_range enough[] = {{0x100000, 0x102000, 1, 0}, {0x1000000, 0x1803000, 1, 0}};

	(void)state;
	make_kernel(0x20f);
	world_begin(&w, kernel, sizeof kernel, tight, 2);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x5000000);
	load_refused(SEGUE_E_LINUX_INITRD,
		     "no RAM for the initrd: 12288 bytes, aligned to 0x1000, between 0x100000 and 0x80000000; the largest "
		     "free piece has 12287");
	world_begin(&w, kernel, sizeof kernel, enough, 2);
	w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, 0x5000000);
	load_ok();
	assert_int_equal(le32(page() + 0x218), 0x1800000);
}

static void test_initrd_pages(void **state)
{
	static const struct { size_t size; uint64_t claim; } cases[] = {
		{1, 0x1000}, {4095, 0x1000}, {4096, 0x1000}, {4097, 0x2000}, {8191, 0x2000}, {8192, 0x2000}, {8193, 0x3000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(0x20f);
		w.job.bundle.initrd = world_part(&w, initrd, cases[i].size, 0x3000000);
		load_ok();
		assert_int_equal(world_segment(&w, "initrd")->size, cases[i].claim);
		assert_int_equal(le32(page() + 0x21c), cases[i].size);
	}
}

static void test_no_initrd(void **state)
{
	(void)state;
	begin(0x20f);
	load_ok();
	assert_int_equal(le32(page() + 0x218), 0);
	assert_int_equal(le32(page() + 0x21c), 0);
	assert_null(world_segment(&w, "initrd"));
	/* an empty module is ignored */
	begin(0x20f);
	world_module(&w, initrd, 0, 0x3000000);
	load_ok();
	assert_int_equal(le32(page() + 0x21c), 0);
}

static void test_several_initrds(void **state)
{
	const struct segment *s;
	uint64_t start;

	(void)state;
	begin(0x20f);
	w.job.bundle.initrd = world_part(&w, initrd, 10, 0x3000000);
	world_module(&w, initrd + 100, 4095, 0x3001000);
	world_module(&w, initrd + 300, 1, 0x3002000);
	w.modules[0].args = (struct bytes){(const uint8_t *)"y", 1, 0};
	w.modules[1].args = (struct bytes){(const uint8_t *)"root=x", 6, 0};
	load_ok();
	assert_int_equal(w.warnings, 2);
	assert_non_null(strstr(w.warning, "root=x"));
	start = le32(page() + 0x218);
	assert_int_equal(start, 0x7fde000);
	assert_int_equal(le32(page() + 0x21c), 12 + 4096 + 1);
	s = world_segment(&w, "initrd");
	assert_int_equal(s[0].dest, start);
	assert_int_equal(s[0].source.size, 10);
	assert_int_equal(s[0].zero_size, 2);
	assert_int_equal(s[0].size, 12);
	assert_int_equal(s[1].dest, start + 12);
	assert_ptr_equal(s[1].source.data, initrd + 100);
	assert_int_equal(s[1].zero_size, 1);
	assert_int_equal(s[2].dest, start + 12 + 4096);
	assert_ptr_equal(s[2].source.data, initrd + 300);
	assert_int_equal(s[2].dest + s[2].size, start + 0x2000);
	/* one module, and no initrd in the blob: it is the initrd */
	begin(0x20f);
	world_module(&w, initrd, sizeof initrd, 0x3000000);
	load_ok();
	assert_int_equal(le32(page() + 0x218), 0x3000000);
	assert_int_equal(w.warnings, 0);
	begin(0x20f);
	w.job.bundle.initrd = world_part(&w, initrd, 1, 0x3000000);
	world_module(&w, initrd + 5, 1, 0x3001000);
	load_ok();
	assert_int_equal(le32(page() + 0x21c), 5);
	assert_ptr_equal(world_segment(&w, "initrd")->source.data, initrd);
	/* more than 4 GiB */
	begin(0x20f);
	w.job.bundle.initrd = world_part(&w, initrd, 1, 0x3000000);
	world_module(&w, initrd, SIZE_MAX, 0x3000000);
	load_refused(SEGUE_E_TOO_LARGE, ": initrd");
}

static void test_command_line(void **state)
{
	static char line[2049];

	(void)state;
	memset(line, 'x', 2047);
	begin(0x20f);
	world_cmdline(&w, line);
	load_ok();
	assert_memory_equal(world_at(&w, le32(page() + 0x228), 2048), line, 2048);
	line[2047] = 'x';
	begin(0x20f);
	world_cmdline(&w, line);
	load_refused(SEGUE_E_LINUX_CMDLINE, ": 2048 bytes, at most 2047");
	memset(line, 0, sizeof line);
	memset(line, 'y', 256);
	begin(0x206);
	world_cmdline(&w, line);
	load_ok();
	line[255] = 0;
	begin(0x205);
	world_cmdline(&w, line);
	load_ok();
	line[255] = 'y';
	begin(0x205);
	world_cmdline(&w, line);
	load_refused(SEGUE_E_LINUX_CMDLINE, ": 256 bytes, at most 255");
	/* no command line: an empty string */
	begin(0x20f);
	load_ok();
	assert_int_equal(*world_at(&w, le32(page() + 0x228), 1), 0);
}

/* 0x90000 is not free. */
static void test_old_page_refused(void **state)
{
	static const struct segue_range map[] = {{0, 0x90800, 1, 0}, {0x100000, 0x8000000, 1, 0}};

	(void)state;
	make_kernel(0x201);
	world_begin(&w, kernel, sizeof kernel, map, 2);
	load_refused(SEGUE_E_NO_PLACE, "Linux boot parameters");
}

/* Kernels before 2.12 read the page where only low memory is mapped; the workspace may be high. */
static void test_page_is_low(void **state)
{
	(void)state;
	begin(0x20b);
	load_ok();
	assert_int_equal(w.job.entry.esi, 0x100000);
	begin(0x20c);
	load_ok();
	assert_in_range(w.job.entry.esi, WORKSPACE_PHYS, WORKSPACE_PHYS + WORKSPACE_SIZE - 1);
	assert_int_equal(w.job.entry.esi % 4096, 0);
}

static struct segue_range many[200];

static void begin_many(uint16_t version, size_t count)
{
	for (size_t i = 0; i < count; i++)
		many[i] = (struct segue_range){0x100000000 + i * 0x2000, 0x100000000 + i * 0x2000 + 0x1000, i % 5 + 1, 0};
	many[0] = (struct segue_range){0x100000, 0x8000000, 1, 0};
	make_kernel(version);
	world_begin(&w, kernel, sizeof kernel, many, count);
}

static void check_e820(const uint8_t *entry, const struct segue_range *range)
{
	assert_int_equal(le64(entry), range->start);
	assert_int_equal(le64(entry + 8), range->end - range->start);
	assert_int_equal(le32(entry + 16), range->type);
}

/* append_e820_table() ignores a map of one entry, so RAM is split into two entries. */
static void test_e820_of_one_range(void **state)
{
	static const struct { struct segue_range whole; uint64_t at; } cases[] = {
		{{0, 0x8000000, 1, 0}, 0x100000}, {{0x100000, 0x8000000, 1, 0}, 0x4080000}, {{0x100800, 0x8000800, 1, 0}, 0x4080000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct segue_range low = cases[i].whole, high = cases[i].whole;

		make_kernel(0x20f);
		world_begin(&w, kernel, sizeof kernel, &cases[i].whole, 1);
		load_ok();
		low.end = high.start = cases[i].at;
		assert_int_equal(page()[0x1e8], 2);
		check_e820(page() + 0x2d0, &low);
		check_e820(page() + 0x2d0 + 20, &high);
	}
}

static void test_e820(void **state)
{
	const uint8_t *node;

	(void)state;
	begin_many(0x20f, 128);
	load_ok();
	assert_int_equal(page()[0x1e8], 128);
	assert_int_equal(le64(page() + 0x250), 0);
	check_e820(page() + 0x2d0 + 127 * 20, &many[127]);
	/* above 128: a setup_data node, after which a list of the host's goes on */
	begin_many(0x20f, 200);
	put_le64(kernel + 0x250, 0x200000000);
	load_ok();
	assert_int_equal(page()[0x1e8], 128);
	check_e820(page() + 0x2d0 + 127 * 20, &many[127]);
	node = world_at(&w, le64(page() + 0x250), 16 + 72 * 20);
	assert_non_null(node);
	assert_int_equal(le64(page() + 0x250) % 8, 0);
	assert_int_equal(le64(node), 0x200000000);
	assert_int_equal(le32(node + 8), 1);
	assert_int_equal(le32(node + 12), 72 * 20);
	for (size_t i = 128; i < 200; i++)
		check_e820(node + 16 + (i - 128) * 20, &many[i]);
	assert_int_equal(w.warnings, 0);
	/* no two entries overlap, and the memory used to make the table is freed */
	for (size_t length = 0; length < 9; length++) {
		const struct segment *s;
		uint64_t more;

		begin_many(0x209, 129);
		world_cmdline(&w, &"12345678"[8 - length]);
		load_ok();
		more = le64(page() + 0x250);
		assert_string_equal((const char *)world_at(&w, le32(page() + 0x228), length + 1), &"12345678"[8 - length]);
		assert_int_equal(more, (w.job.entry.esi + 0x1000 + length + 1 + 7) / 8 * 8);
		s = world_segment(&w, "Linux boot parameters");
		assert_int_equal(s->size, more + 16 + 20 - s->dest);
		assert_int_equal(s->source.size, s->size);
		assert_ptr_equal(w.job.arena.next, s->source.data + s->size);
	}
	/* no setup_data before 2.09: a warning */
	begin_many(0x208, 129);
	load_ok();
	assert_int_equal(page()[0x1e8], 128);
	assert_int_equal(le64(page() + 0x250), 0);
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.warning, "128 of 129 memory ranges"));
}

static void test_setup_data(void **state)
{
	struct segue_range keep = {0x2000000, 0x2001000, 0, 0};

	(void)state;
	/* a list of the host in kept memory is passed on unchanged */
	begin(0x209);
	put_le64(kernel + 0x250, 0x2000000);
	w.args.keep = &keep;
	w.args.keep_count = 1;
	load_ok();
	assert_int_equal(le64(page() + 0x250), 0x2000000);
	begin(0x20f);
	put_le64(kernel + 0x250, 0xfffff0);
	load_ok();
	begin(0x20f);
	put_le64(kernel + 0x250, 0x1800000);
	load_ok();
	begin(0x20f);
	put_le64(kernel + 0x250, 0x17fffff);
	load_refused(SEGUE_E_LINUX_SETUP_DATA, "0x17fffff is not kept, Linux kernel is to lie there");
	begin(0x20f);
	put_le64(kernel + 0x250, 0xfffff1);
	load_refused(SEGUE_E_LINUX_SETUP_DATA, "Linux kernel");
	begin(0x20f);
	put_le64(kernel + 0x250, 0xfffffffffffffff8);
	load_refused(SEGUE_E_LINUX_SETUP_DATA, "no address");
	begin(0x209);
	put_le64(kernel + 0x250, 0x100000);
	load_refused(SEGUE_E_LINUX_SETUP_DATA, "0x100000 is not kept, Linux kernel is to lie there");
	/* before 2.09 the bytes there are something else (iPXE: a date) */
	begin(0x208);
	put_le64(kernel + 0x250, 0xfffffffffffffff8);
	load_ok();
}

static void test_rsdp_copy(void **state)
{
	static const uint8_t rsdp[36] = "RSD PTR copied here";
	struct segue_machine machine = {.rsdp_copy = rsdp, .rsdp_copy_size = sizeof rsdp};
	const struct segment *s;
	uint64_t at;

	(void)state;
	machine.framebuffer.type = SEGUE_FRAMEBUFFER_NONE;
	begin(0x20f);
	w.args.machine = &machine;
	load_ok();
	s = world_segment(&w, "RSDP");
	assert_non_null(s);
	at = le64(page() + 0x70);
	assert_int_equal(at, 0x7fdf000);
	assert_int_equal(s->dest, at);
	assert_int_equal(s->size, 0x1000);
	assert_int_equal(s->target_type, SEGUE_MEMORY_ACPI);
	assert_memory_equal(world_at(&w, at, sizeof rsdp), rsdp, sizeof rsdp);
	/* in the target's map the page is ACPI's, taken from the end of RAM */
	assert_int_equal(page()[0x1e8], 7);
	check_e820(page() + 0x2d0 + 3 * 20, &(struct segue_range){0x100000, 0x7fdf000, 1, 0});
	check_e820(page() + 0x2d0 + 4 * 20, &(struct segue_range){0x7fdf000, 0x7fe0000, 3, 0});
	/* no page for it */
	{
		static const struct segue_range tight[] = {{0x1000000, 0x1800fff, 1, 0}};

		make_kernel(0x20f);
		world_begin(&w, kernel, sizeof kernel, tight, 1);
		w.args.machine = &machine;
		load_refused(SEGUE_E_NO_PLACE, "RSDP");
	}
	/* an address that stays valid is preferred */
	machine.rsdp = 0xe0000;
	begin(0x20f);
	w.args.machine = &machine;
	load_ok();
	assert_int_equal(le64(page() + 0x70), 0xe0000);
	assert_null(world_segment(&w, "RSDP"));
}

static void begin_framebuffer(struct segue_machine *m)
{
	begin(0x20f);
	w.args.machine = m;
}

static void test_framebuffer(void **state)
{
	struct segue_machine m = {.framebuffer = {
		.addr = 0xfd000000, .pitch = 4096, .width = 1024, .height = 769, .bpp = 32, .type = SEGUE_FRAMEBUFFER_RGB,
		.red_position = 16, .red_size = 8, .green_position = 8, .green_size = 7, .blue_position = 0, .blue_size = 6,
	}};
	static const uint8_t colours[8] = {8, 16, 7, 8, 6, 0, 11, 21};
	static const uint8_t low_reserved[8] = {8, 24, 8, 16, 8, 8, 8, 0};

	(void)state;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x0f], 0x23);
	assert_int_equal(le16(page() + 0x12), 1024);
	assert_int_equal(le16(page() + 0x14), 769);
	assert_int_equal(le16(page() + 0x16), 32);
	assert_int_equal(le32(page() + 0x18), 0xfd000000);
	assert_int_equal(le32(page() + 0x1c), 49);       /* 4096 * 769 in 64 KiB, rounded up */
	assert_int_equal(le16(page() + 0x24), 4096);
	assert_memory_equal(page() + 0x26, colours, 8);
	assert_int_equal(le32(page() + 0x36), 0);
	assert_int_equal(le32(page() + 0x3a), 0);
	assert_int_equal(page()[0x06] | page()[0x07] | page()[0x0e], 0);

	m.framebuffer = (struct segue_framebuffer){
		.addr = 0x4012345000, .pitch = 4096, .width = 1024, .height = 768, .bpp = 32, .type = SEGUE_FRAMEBUFFER_RGB,
		.red_position = 24, .red_size = 8, .green_position = 16, .green_size = 8, .blue_position = 8, .blue_size = 8,
	};
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(le32(page() + 0x18), 0x12345000);
	assert_int_equal(le32(page() + 0x3a), 0x40);
	assert_int_equal(le32(page() + 0x36), 2);
	assert_int_equal(le32(page() + 0x1c), 48);
	assert_memory_equal(page() + 0x26, low_reserved, 8);

	m.framebuffer.addr = 0x100000000;
	m.framebuffer.pitch = 0xffff;
	m.framebuffer.red_position = 0;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(le32(page() + 0x18), 0);
	assert_int_equal(le32(page() + 0x36), 2);
	assert_int_equal(page()[0x2d], 24);
	m.framebuffer.red_position = 8;
	m.framebuffer.blue_position = 0;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x2d], 24);
	m.framebuffer.blue_position = 16;
	m.framebuffer.green_position = 0;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x2d], 24);
	m.framebuffer.addr = 0;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x0f], 1);

	/* 565: nothing reserved */
	m.framebuffer = (struct segue_framebuffer){
		.addr = 0xe0000000, .pitch = 1600, .width = 800, .height = 600, .bpp = 16, .type = SEGUE_FRAMEBUFFER_RGB,
		.red_position = 11, .red_size = 5, .green_position = 5, .green_size = 6, .blue_position = 0, .blue_size = 5,
	};
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x2c] | page()[0x2d], 0);

	m.framebuffer.type = SEGUE_FRAMEBUFFER_INDEXED;
	m.framebuffer.bpp = 8;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x0f], 0x23);
	assert_int_equal(le16(page() + 0x16), 8);
	assert_int_equal(le64(page() + 0x26), 0);

	/* too wide for the fields: text, and a warning */
	m.framebuffer.pitch = 0x10000;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x0f], 1);
	assert_int_equal(page()[0x07], 80);
	assert_int_equal(w.warnings, 1);
}

static void test_text_screen(void **state)
{
	struct segue_machine m = {.cursor_column = 3, .cursor_row = 49,
		.framebuffer = {.addr = 0xb8000, .pitch = 160, .width = 132, .height = 50, .type = SEGUE_FRAMEBUFFER_EGA_TEXT}};

	(void)state;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x00], 3);
	assert_int_equal(page()[0x01], 49);
	assert_int_equal(page()[0x06], 3);
	assert_int_equal(page()[0x07], 132);
	assert_int_equal(page()[0x0e], 50);
	assert_int_equal(page()[0x0f], 1);
	assert_int_equal(le16(page() + 0x10), 8);
	m.framebuffer.height = 40;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(le16(page() + 0x10), 16);
	/* a width or height of 0 is unknown, and so 80 by 25; the cursor is kept on that screen */
	for (int i = 0; i < 3; i++) {
		m.framebuffer.width = i == 1 ? 132 : 0;
		m.framebuffer.height = i == 2 ? 50 : 0;
		m.cursor_column = 256;
		m.cursor_row = 49;
		begin_framebuffer(&m);
		load_ok();
		assert_int_equal(page()[0x07], 80);
		assert_int_equal(page()[0x0e], 25);
		assert_int_equal(page()[0x0f], 1);
		assert_int_equal(page()[0x00], 79);
		assert_int_equal(page()[0x01], 24);
		assert_int_equal(w.warnings, 0);
	}
	/* 255 is the most that the field holds; a larger screen is not passed, and Linux does not touch it */
	m.framebuffer.width = m.framebuffer.height = 255;
	begin_framebuffer(&m);
	load_ok();
	assert_int_equal(page()[0x07], 255);
	assert_int_equal(page()[0x0e], 255);
	for (int i = 0; i < 2; i++) {
		static const uint8_t nothing[0x40];

		m.framebuffer.width = i ? 256 : 80;
		m.framebuffer.height = i ? 25 : 336;
		begin_framebuffer(&m);
		load_ok();
		put_le16((uint8_t *)(uintptr_t)page() + 2, 0); /* ext_mem_k, which is not part of the screen */
		assert_memory_equal(page(), nothing, 0x40);
		assert_int_equal(w.warnings, 1);
		assert_non_null(strstr(w.warning, i ? "no text screen of 256 by 25" : "no text screen of 80 by 336"));
	}
	/* an unknown screen: text, 80 by 25 */
	begin(0x20f);
	load_ok();
	assert_int_equal(page()[0x07], 80);
	assert_int_equal(page()[0x0e], 25);
	assert_int_equal(page()[0x0f], 1);
	assert_int_equal(le16(page() + 0x10), 16);
}

static void test_old_memory_sizes(void **state)
{
	/* a hole at 15 MiB; pieces out of order */
	static const struct segue_range hole[] = {{0x1000000, 0x8000000, 1, 0}, {0x800000, 0xf00000, 1, 0}, {0x100000, 0x800000, 1, 0}};
	static const struct segue_range large[] = {{0x100000, 0x180000000, 1, 0}};
	static const struct segue_range exact[] = {{0x100000, 0x4100000, 1, 0}};

	(void)state;
	make_kernel(0x20f);
	world_begin(&w, kernel, sizeof kernel, exact, 1);
	load_ok();
	assert_int_equal(le32(page() + 0x1e0), 0x10000);
	assert_int_equal(le16(page() + 0x02), 0xffff);
	world_begin(&w, kernel, sizeof kernel, hole, 3);
	load_ok();
	assert_int_equal(le32(page() + 0x1e0), 14 * 1024);
	assert_int_equal(le16(page() + 0x02), 14 * 1024);
	world_begin(&w, kernel, sizeof kernel, large, 1);
	load_ok();
	assert_int_equal(le32(page() + 0x1e0), 4095 * 1024 - 4); /* up to the reset vector's page */
	assert_int_equal(le16(page() + 0x02), 0xffff);
}

/* With any too small workspace there is a refusal with its sentence. */
static void test_small_workspace(void **state)
{
	int error = SEGUE_E_WORKSPACE_SMALL, refusals = 0;

	(void)state;
	for (size_t size = 0; error != SEGUE_OK; size += 256) {
		begin_many(0x20f, 128);
		w.job.bundle.initrd = world_part(&w, initrd, sizeof initrd, INITRD_PHYS);
		w.job.arena.end = w.workspace + size;
		error = world_load(&w);
		for (size_t i = size; i < sizeof w.workspace; i++)
			assert_int_equal(w.workspace[i], 0xa5);
		if (error != SEGUE_OK) {
			assert_int_equal(error, SEGUE_E_WORKSPACE_SMALL);
			assert_int_equal(w.errors, 1);
			assert_non_null(strstr(w.error, "too small"));
			refusals++;
		}
	}
	assert_in_range(refusals, 40, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_page),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_header_length),
		cmocka_unit_test(test_recognise),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_version_refused),
		cmocka_unit_test(test_real_mode_refused),
		cmocka_unit_test(test_syssize_wraps),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_kernel_relocated),
		cmocka_unit_test(test_kernel_relocated_oddly),
		cmocka_unit_test(test_kernel_not_relocatable),
		cmocka_unit_test(test_kernel_wraps),
		cmocka_unit_test(test_kernel_sizes),
		cmocka_unit_test(test_initrd_place),
		cmocka_unit_test(test_large_initrd_of_32_bits),
		cmocka_unit_test(test_initrd_below_mem_option),
		cmocka_unit_test(test_initrd_refused),
		cmocka_unit_test(test_initrd_pages),
		cmocka_unit_test(test_no_initrd),
		cmocka_unit_test(test_several_initrds),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_old_page_refused),
		cmocka_unit_test(test_page_is_low),
		cmocka_unit_test(test_e820),
		cmocka_unit_test(test_e820_of_one_range),
		cmocka_unit_test(test_setup_data),
		cmocka_unit_test(test_rsdp_copy),
		cmocka_unit_test(test_framebuffer),
		cmocka_unit_test(test_text_screen),
		cmocka_unit_test(test_old_memory_sizes),
		cmocka_unit_test(test_small_workspace),
	};

	return cmocka_run_group_tests_name("linux", tests, NULL, NULL);
}
