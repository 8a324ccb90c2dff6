/* SPDX-License-Identifier: MIT */
/*
 * Linux as an ELF file: what is taken for one, every byte of its zero page, what it claims, each refusal. Offsets are numbers from
 * Documentation/x86/boot.rst and zero-page.rst, so that the tests find a wrong one in linux_header.h.
 */
#include "elf_image.h"
#include "loader_job.h"
#include "common/long_entry.h"
#include "return/line.h"
#include "zero_page.h"

#define NOTES 0x2000u                 /* where they are in the image */
#define TEXT 0x1000000u
#define DATA 0x1800000u
#define TEXT_SIZE 0x800u
#define DATA_SIZE 0x400u
#define END (DATA + 0x300000u)        /* with the zeros of .bss and .brk */
#define PAGE_OFFSET 0xc0000000u

static struct image image;
static size_t notes_size;

static void add_note(const char *owner, uint32_t owner_size, uint32_t type, const void *desc, uint32_t size)
{
	uint8_t *p = image.at + NOTES + notes_size;

	put_le32(p, owner_size);
	put_le32(p + 4, size);
	put_le32(p + 8, type);
	memcpy(p + 12, owner, owner_size);
	p += 12 + ((owner_size + 3) & ~3u);
	memcpy(p, desc, size);
	p += (size + 3) & ~3u;
	notes_size = (size_t)(p - image.at) - NOTES;
}

/* As Debian's: a text, data with zeros after a gap, a segment of notes. */
static void new_kernel(bool is_64)
{
	new_image(&image, is_64, TEXT);
	notes_size = 0;
	memset(image.at + NOTES, 0, 0x1000);
}

static void end_kernel(void)
{
	const uint64_t base = image.is_64 ? 0xffffffff80000000 : PAGE_OFFSET;

	add_program_header(&image, 1, 0x400, base + TEXT, TEXT, TEXT_SIZE, TEXT_SIZE);
	add_program_header(&image, 1, 0xc00, base + DATA, DATA, DATA_SIZE, END - DATA);
	add_program_header(&image, 4, NOTES, base + TEXT + 0x700, TEXT + 0x700, notes_size, notes_size);
}

static void new_linux(bool is_64)
{
	new_kernel(is_64);
	add_note("GNU", 4, 3, "0123456789abcdefghi", 20);
	add_note("Linux", 6, 0x101, "\0\0\0", 4);
	add_note("Linux", 6, 0x100, "6.1.0-50-686", 13);
	end_kernel();
}

static struct loader_job *job_of_image(void)
{
	return new_job(image.at, image.size);
}

static void is_taken_for(const char *protocol, uint32_t flags)
{
	struct loader_job *t = job_of_image();

	t->args.flags = flags;
	run_loader(t, NULL);
	assert_non_null(t->job.protocol);
	assert_string_equal(t->job.protocol, protocol);
	free(t);
}

static void refused(uint32_t flags, int code, const char *words)
{
	struct loader_job *t = job_of_image();

	t->args.flags = flags;
	assert_int_equal(run_loader(t, NULL), code);
	assert_sentence(t, words);
	free(t);
}

static void test_whole_page(void **state)
{
	static const char line[] = "console=ttyS0 quiet";
	static const uint8_t initrd[5000] = {1};
	uint8_t expected[ZERO_PAGE_SIZE] = {0};
	struct loader_job *t;
	const uint8_t *page;
	const struct segment *s;

	(void)state;
	new_linux(false);
	t = job_of_image();
	t->machine = (struct segue_machine){ZERO_PAGE_MACHINE, .framebuffer.type = SEGUE_FRAMEBUFFER_NONE};
	t->args.machine = &t->machine;
	t->args.cmdline = line;
	add_module(t, initrd, sizeof initrd, NULL, NULL);
	assert_int_equal(run_loader(t, NULL), SEGUE_OK);
	assert_string_equal(t->job.protocol, "Linux");
	assert_false(t->job.is_64_bit);
	assert_int_equal(t->job.needs_memory, END - TEXT);
	/* 32-bit Boot Protocol: ESI the page, EBP, EDI and EBX 0, GDT 10 and 18 */
	assert_int_equal(t->job.entry.eip, TEXT);
	assert_int_equal(t->job.entry.selectors, ENTRY_CODE_10_DATA_18);
	assert_int_equal(t->job.entry.eax | t->job.entry.ebx | t->job.entry.ecx | t->job.entry.edx, 0);
	assert_int_equal(t->job.entry.edi | t->job.entry.ebp | t->job.entry.esp, 0);
	page = target(t, t->job.entry.esi, 0x1000);

	expect_machine(expected);
	put_le16(expected + 0x1f2, 1);        /* root_flags: read-only */
	put_le16(expected + 0x1fa, 0xffff);   /* vid_mode: normal */
	put_le16(expected + 0x1fe, 0xaa55);
	expected[0x200] = 0xeb;
	expected[0x201] = 0x6a;               /* the header ends at 0x26c */
	memcpy(expected + 0x202, "HdrS", 4);
	put_le16(expected + 0x206, 0x20f);
	expected[0x210] = 0xff;               /* type_of_loader */
	expected[0x211] = 1;                  /* LOADED_HIGH */
	put_le32(expected + 0x214, TEXT);
	s = segment_with(t, le32(page + 0x218));
	assert_non_null(s);
	assert_string_equal(s->name, "initrd");
	put_le32(expected + 0x218, (uint32_t)s->dest);
	put_le32(expected + 0x21c, sizeof initrd);
	put_le32(expected + 0x228, t->job.entry.esi + 0x1000);
	put_le32(expected + 0x22c, 0x7fffffff);
	put_le32(expected + 0x238, 2047);
	assert_zero_page(page, expected);
	assert_string_at(t, le32(page + 0x228), line);
	assert_int_equal(t->warnings, 0);
	free(t);
}

static void test_segments(void **state)
{
	struct loader_job *t;
	const struct segment *s;

	(void)state;
	new_linux(false);
	t = job_of_image();
	assert_int_equal(run_loader(t, NULL), SEGUE_OK);
	s = &t->job.segments[0];
	assert_int_equal(s->dest, TEXT);
	assert_int_equal(s->source.size, TEXT_SIZE);
	assert_int_equal(s->zero_size, 0);
	assert_int_equal(s->size, DATA - TEXT);       /* with the gap */
	s = &t->job.segments[1];
	assert_int_equal(s->dest, DATA);
	assert_int_equal(s->source.size, DATA_SIZE);
	assert_int_equal(s->zero_size, END - DATA - DATA_SIZE);
	assert_int_equal(s->size, END - DATA);
	assert_true(t->job.entry.esi + 0x1000 <= TEXT || t->job.entry.esi >= END);
	free(t);
}

/* Nothing goes between the kernel's segments, even if that is the only free memory, and also if they are listed in another order. */
static void test_nothing_lies_in_the_gap(void **state)
{
	static const struct segue_range map[] = {{TEXT, END, SEGUE_MEMORY_RAM, 0}};
	struct loader_job *t;
	uint8_t first[32];

	(void)state;
	for (int order = 0; order < 2; order++) {
		new_linux(false);
		if (order) {
			memcpy(first, segment_at(&image, 0), sizeof first);
			memcpy(segment_at(&image, 0), segment_at(&image, 1), sizeof first);
			memcpy(segment_at(&image, 1), first, sizeof first);
		}
		t = job_of_image();
		set_map(t, map, 1);
		assert_int_equal(run_loader(t, NULL), SEGUE_E_NO_PLACE);
		free(t);
	}
}

/* Each of these notes is enough. */
static void test_signs(void **state)
{
	static const struct {
		const char *owner;
		uint32_t owner_size, type;
		const char *desc;
		uint32_t size;
		bool is_linux;
	} cases[] = {
		{"Linux", 6, 0x100, "", 0, true}, {"Linux", 6, 0x100, "x", 2, true}, {"Linux", 6, 0x101, "\0\0\0", 4, true},
		{"Xen", 4, 6, "linux", 6, true}, {"Xen", 4, 6, "linux", 5, true}, {"Xen", 4, 6, "linux-pvh", 10, true},
		/* a vDSO's version; other owners, other types */
		{"Linux", 6, 0, "\0\1\6\0", 4, false}, {"Linux", 6, 0x102, "", 0, false}, {"Linux", 5, 0x100, "", 0, false},
		{"LinuX", 6, 0x100, "", 0, false}, {"Linux\0", 7, 0x100, "", 0, false}, {"GNU", 4, 0x100, "", 0, false},
		{"Xen", 4, 6, "linu", 4, false}, {"Xen", 4, 6, "minios", 7, false}, {"Xen", 4, 7, "linux", 6, false},
		{"Xen", 3, 6, "linux", 6, false}, {"", 0, 0x100, "", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		/* alone, and after others */
		for (int after = 0; after < 2; after++) {
			new_kernel(false);
			if (after) {
				add_note("GNU", 4, 3, "0123456789abcdefghi", 20);
				add_note("Xen", 4, 5, "xen-3.0", 8);
			}
			add_note(cases[i].owner, cases[i].owner_size, cases[i].type, cases[i].desc, cases[i].size);
			end_kernel();
			is_taken_for(cases[i].is_linux ? "Linux" : "ELF", 0);
			is_taken_for("Linux", SEGUE_LOAD_VMLINUX);
		}
	}
}

/* Notes that are broken, or end after their segment or the file, are no sign. */
static void test_broken_notes(void **state)
{
	uint8_t *notes, *header;

	(void)state;
	for (int change = 0; change < 9; change++) {
		new_kernel(false);
		add_note("Linux", 6, 0x100, "abcd", 4);
		end_kernel();
		notes = image.at + NOTES;
		header = segment_at(&image, 2);
		if (change == 0)
			put_le32(notes, 0xffffffff);
		else if (change == 1)
			put_le32(notes, 0x7ffffffc);
		else if (change == 2)
			put_le32(notes + 4, 0xffffffff);
		else if (change == 3)
			put_le32(notes + 4, 5);
		else if (change == 4)
			put_le32(header + 16, 23);            /* p_filesz */
		else if (change == 5)
			put_le32(header + 16, 11);
		else if (change == 6)
			put_le32(header + 4, IMAGE_SIZE - 20); /* p_offset */
		else if (change == 7)
			put_le32(header + 4, 0xfffffff0);
		else
			put_le32(header, 0x6474e550);         /* no PT_NOTE */
		is_taken_for("ELF", 0);
	}
	/* The last padding may be missing; of two segments of notes the first counts. */
	new_kernel(false);
	add_note("Linux", 6, 0x100, "abcde", 5);
	notes_size -= 3;
	end_kernel();
	is_taken_for("Linux", 0);
	new_kernel(false);
	add_note("GNU", 4, 3, "", 0);
	end_kernel();
	add_note("Linux", 6, 0x100, "", 0);
	add_program_header(&image, 4, NOTES, 0, 0, notes_size, notes_size);
	is_taken_for("ELF", 0);
	put_le32(segment_at(&image, 2), 0);
	is_taken_for("Linux", 0);
}

/* An executable only: a vDSO and a module have such notes too. A Multiboot header counts first. */
static void test_other_files(void **state)
{
	(void)state;
	new_linux(false);
	put_le16(image.at + 16, 3);
	is_taken_for("ELF", 0);
	is_taken_for("Linux", SEGUE_LOAD_VMLINUX);
	new_linux(false);
	put_le32(image.at + 0x400, 0x1badb002);
	put_le32(image.at + 0x404, 0);
	put_le32(image.at + 0x408, 0u - 0x1badb002);
	is_taken_for("Multiboot 1", 0);
	is_taken_for("Multiboot 1", SEGUE_LOAD_VMLINUX);
}

/*
 * 64-bit Boot Protocol: RSI the page, all other registers 0, the page tables and the GDT in memory that the kernel is told to leave
 * alone.
 */
static void is_wide(uint32_t flags)
{
	static const uint8_t initrd[5000] = {1};
	struct loader_job *t = job_of_image();
	const struct long_entry *wide;
	const struct segment *tables;
	const uint8_t *page;
	bool told = false;

	t->args.flags = flags;
	add_module(t, initrd, sizeof initrd, NULL, NULL);
	assert_int_equal(run_loader(t, NULL), SEGUE_OK);
	assert_string_equal(t->job.protocol, "Linux");
	assert_true(t->job.is_64_bit);
	assert_int_equal(t->job.entry.selectors, ENTRY_LONG_MODE);
	assert_int_equal(t->job.entry.eip, TEXT);
	wide = t->job.entry.wide;
	assert_int_equal(wide->rip, TEXT);
	for (size_t i = 0; i < LONG_REGISTERS; i++)
		assert_true((wide->registers[i] == 0) == (i != LONG_RSI));
	page = target(t, wide->registers[LONG_RSI], 0x1000);
	assert_memory_equal(page + 0x202, "HdrS", 4);
	assert_int_equal(le32(page + 0x214), TEXT);
	assert_int_equal(le32(page + 0x21c), sizeof initrd);
	tables = segment_with(t, wide->cr3);
	assert_non_null(tables);
	assert_string_equal(tables->name, "64-bit tables");
	assert_true(segment_with(t, wide->gdt) == tables);
	assert_true(tables->dest + tables->size <= TEXT || tables->dest >= END);
	for (size_t i = 0; i < page[0x1e8]; i++)
		told = told || (le64(page + 0x2d0 + 20 * i) == tables->dest && le64(page + 0x2d8 + 20 * i) == tables->size &&
				le32(page + 0x2e0 + 20 * i) == SEGUE_MEMORY_RESERVED);
	assert_true(told);
	assert_int_equal(t->job.segments[0].size, DATA - TEXT);
	free(t);
}

static void test_64_bit(void **state)
{
	(void)state;
	new_linux(true);
	is_wide(0);
	is_wide(SEGUE_LOAD_VMLINUX);
	is_wide(SEGUE_LOAD_ELF_ENTRY_32);
	is_wide(SEGUE_LOAD_LINUX_64);
	new_linux(false);
	put_le16(image.at + 18, 62);
	is_wide(0);
	new_kernel(true);
	end_kernel();
	refused(0, SEGUE_E_ELF_64BIT, "64-bit ELF entry");
	is_wide(SEGUE_LOAD_VMLINUX);
}

/* The memory between its segments must be the kernel's too. */
static void test_place(void **state)
{
	static const struct segue_range hole[] = {
		{0x100000, 0x1700000, SEGUE_MEMORY_RAM, 0}, {0x1700000, 0x1701000, SEGUE_MEMORY_RESERVED, 0},
		{0x1701000, 0x8000000, SEGUE_MEMORY_RAM, 0},
	};
	struct segue_range keep = {0x1700000, 0x1701000, 0, 0};
	struct loader_job *t;

	(void)state;
	new_linux(false);
	t = job_of_image();
	set_map(t, hole, 3);
	assert_int_equal(run_loader(t, NULL), SEGUE_E_VMLINUX_PLACE);
	assert_sentence(t, "vmlinux not in one piece of RAM: 0x1000000 to 0x1b00000");
	free(t);
	t = job_of_image();
	t->args.keep = &keep;
	t->args.keep_count = 1;
	assert_int_equal(run_loader(t, NULL), SEGUE_E_VMLINUX_PLACE);
	free(t);
}

static void test_refusals(void **state)
{
	(void)state;
	new_linux(false);
	put_le32(image.at + 24, 0x1800400);   /* e_entry, in the zeros */
	refused(0, SEGUE_E_ELF_ENTRY, "0x1800400");
	new_linux(false);
	add_program_header(&image, 3, 0x400, 0, 0, 16, 16);
	refused(0, SEGUE_E_ELF_INTERPRETER, "program header 3");
	new_linux(false);
	put_le32(segment_at(&image, 1) + 12, TEXT + 0x400);
	refused(0, SEGUE_E_SEGMENT_OVERLAP, "ELF segment 1 at 0x1000400");
	new_linux(false);
	put_le32(segment_at(&image, 1) + 12, 0x7f00000);
	refused(0, SEGUE_E_SEGMENT_NOT_RAM, "ELF segment 1 at 0x7f00000");
	new_linux(false);
	put_le32(segment_at(&image, 1) + 16, IMAGE_SIZE);
	refused(0, SEGUE_E_ELF_SEGMENT_FILE, "segment 1");
	/* What is broken is refused once, by the sentence of an ELF file. */
	new_linux(false);
	put_le16(image.at + 42, 31);
	refused(0, SEGUE_E_ELF_PHENTSIZE, "31 bytes, not 32");
	refused(SEGUE_LOAD_VMLINUX, SEGUE_E_ELF_PHENTSIZE, "31 bytes, not 32");
}

static void test_line(void **state)
{
	static char line[2049];
	struct loader_job *t;

	(void)state;
	new_linux(false);
	memset(line, 'x', 2047);
	t = job_of_image();
	t->args.cmdline = line;
	assert_int_equal(run_loader(t, NULL), SEGUE_OK);
	free(t);
	line[2047] = 'x';
	t = job_of_image();
	t->args.cmdline = line;
	assert_int_equal(run_loader(t, NULL), SEGUE_E_LINUX_CMDLINE);
	assert_sentence(t, "2048 bytes, at most 2047");
	free(t);
}

/* It gets the words of a Linux that comes back (SEGUE_LOAD_RETURN). */
static void test_is_for_linux(void **state)
{
	static const struct {
		bool sign;
		uint32_t flags;
	} cases[] = {{true, 0}, {true, SEGUE_LOAD_VMLINUX}, {false, SEGUE_LOAD_VMLINUX}, {false, 0}};
	struct loader_job *t;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		new_linux(false);
		if (!cases[i].sign)
			put_le32(image.at + NOTES, 0);
		t = job_of_image();
		t->args.flags = cases[i].flags;
		run_loader(t, NULL);
		assert_int_equal(segue_is_for_linux(&t->job), cases[i].sign || cases[i].flags);
		free(t);
	}
}

static void test_small_workspace(void **state)
{
	struct loader_job *t;
	int error;

	(void)state;
	new_linux(false);
	for (size_t size = 0; size < 0x8000; size += 64) {
		t = job_of_image();
		t->args.workspace_size = size;
		error = run_loader(t, NULL);
		assert_true(error == SEGUE_E_WORKSPACE_SMALL || error == SEGUE_OK);
		assert_true(error == SEGUE_OK || size < 0x7000);
		free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_page),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_nothing_lies_in_the_gap),
		cmocka_unit_test(test_signs),
		cmocka_unit_test(test_broken_notes),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_64_bit),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_is_for_linux),
		cmocka_unit_test(test_small_workspace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
