/* SPDX-License-Identifier: MIT */
/* ELF: segments, entry, and the sentence of each refusal. */
#include "elf_image.h"
#include "loader_job.h"

static struct image image;

/* Two segments: code at 1 MiB, and data followed by zeros at 2 MiB. */
static void two_segments(bool is_64)
{
	new_image(&image, is_64, 0x100010);
	add_program_header(&image, PT_LOAD, 0x400, 0x100000, 0x100000, 0x300, 0x300);
	add_program_header(&image, PT_LOAD, 0x801, 0x200000, 0x200000, 0x123, 0x1000);
}

static struct loader_job *load_image(int expected)
{
	struct loader_job *t = new_job(image.at, image.size);
	int error;

	t->args.flags = image.is_64 ? SEGUE_LOAD_ELF_ENTRY_32 : 0;
	error = run_loader(t, &segue_loader_elf);
	if (error != expected)
		fail_msg("code %d, not %d: %s", error, expected, t->sentence);
	return t;
}

static void refused(int code, const char *part)
{
	struct loader_job *t = load_image(code);

	assert_sentence(t, part);
	free(t);
}

static void segments_and_entry_state(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;
		const struct segment *s;
		struct entry_state expected = {.eip = 0x100010, .selectors = ENTRY_CODE_08_DATA_10};

		two_segments(is_64);
		t = load_image(SEGUE_OK);
		assert_int_equal(t->job.segment_count, 2);
		s = &t->job.segments[0];
		assert_int_equal(s->dest, 0x100000);
		assert_int_equal(s->size, 0x300);
		assert_int_equal(s->zero_size, 0);
		assert_ptr_equal(s->source.data, image.at + 0x400);
		assert_int_equal(s->source.size, 0x300);
		assert_int_equal(s->source.part, 0);
		assert_int_equal(s->number, 0);
		s = &t->job.segments[1];
		assert_int_equal(s->dest, 0x200000);
		assert_int_equal(s->size, 0x1000);
		assert_int_equal(s->zero_size, 0x1000 - 0x123);
		assert_ptr_equal(s->source.data, image.at + 0x801);
		assert_int_equal(s->source.size, 0x123);
		assert_int_equal(s->number, 1);
		assert_memory_equal(&t->job.entry, &expected, sizeof expected);
		assert_int_equal(t->warnings, 0);
		free(t);
	}
}

static void p_paddr_is_used(void **state)
{
	struct loader_job *t;

	(void)state;
	new_image(&image, false, 0xc0100020);
	add_program_header(&image, PT_LOAD, 0x400, 0xc0100000, 0x1000000, 0x300, 0x300);
	t = load_image(SEGUE_OK);
	assert_int_equal(t->job.segments[0].dest, 0x1000000);
	assert_int_equal(t->job.entry.eip, 0x1000020);
	free(t);
}

static void entry_translation(void **state)
{
	/* first segment: virtual, physical; second likewise; entry; where it is, 0: refused */
	static const struct {
		const char *what;
		uint64_t vaddr0, paddr0, vaddr1, paddr1, entry;
		uint32_t expected;
	} cases[] = {
		{"the same", 0x100000, 0x100000, 0x200000, 0x200000, 0x200004, 0x200004},
		{"virtual", 0x100000, 0x100000, 0xffffffff80200000, 0x200000, 0xffffffff80200004, 0x200004},
		{"physical already", 0xffffffff80100000, 0x100000, 0xffffffff80200000, 0x200000, 0x200004, 0x200004},
		{"virtual wins over physical", 0x400000, 0x100000, 0x100000, 0x200000, 0x100004, 0x200004},
		{"last byte of the file's", 0x100000, 0x100000, 0x200000, 0x200000, 0x2000ff, 0x2000ff},
		{"first zero", 0x100000, 0x100000, 0x200000, 0x200000, 0x200100, 0},
		{"first zero, physical", 0x700000, 0x100000, 0x800000, 0x200000, 0x200100, 0},
		{"below all", 0x100000, 0x100000, 0x200000, 0x200000, 0xfffff, 0},
		{"0", 0x100000, 0x100000, 0x200000, 0x200000, 0, 0},
		{"2^32 above", 0x100000, 0x100000, 0x200000, 0x200000, 0x100200004, 0},
		{"a virtual range up to 2^64", 0x100000, 0x100000, 0xffffffffffffff00, 0x200000, 0xffffffffffffffff, 0x2000ff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;

		new_image(&image, true, cases[i].entry);
		add_program_header(&image, PT_LOAD, 0x400, cases[i].vaddr0, cases[i].paddr0, 0x100, 0x200);
		add_program_header(&image, PT_LOAD, 0x500, cases[i].vaddr1, cases[i].paddr1, 0x100, 0x200);
		t = load_image(cases[i].expected ? SEGUE_OK : SEGUE_E_ELF_ENTRY);
		if (t->job.entry.eip != cases[i].expected)
			fail_msg("%s: %#x, not %#x", cases[i].what, t->job.entry.eip, cases[i].expected);
		free(t);
	}
}

static void entry_only_in_load_segments(void **state)
{
	(void)state;
	two_segments(false);
	add_program_header(&image, 4, 0x400, 0x300000, 0x300000, 0x100, 0x100);
	PUT(&image, image.at, header, e_entry, 0x300010);
	refused(SEGUE_E_ELF_ENTRY, "0x300010");
}

/* memtest86+ 5.01's: position-independent, with its first byte, which is its entry, at address 0. */
static void shared_object_at_0(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;

		new_image(&image, is_64, 0);
		add_program_header(&image, PT_LOAD, 0x400, 0, 0, 0x1000, 0x2000);
		put_le16(image.at + 16, 3);
		t = load_image(SEGUE_OK);
		assert_int_equal(t->job.entry.eip, 0);
		assert_int_equal(t->job.segments[0].dest, 0);
		assert_int_equal(t->warnings, 1);
		free(t);
	}
}

static void what_is_ignored(void **state)
{
	struct loader_job *t;

	(void)state;
	two_segments(false);
	/* an empty segment: its offset and addresses are ignored */
	add_program_header(&image, PT_LOAD, 0xfffffff0, 0xfffffff0, 0xfffffff0, 0, 0);
	/* no PT_LOAD */
	add_program_header(&image, 0x6474e551, 0xfffffff0, 0, 0, 0x1000, 0x10);
	/* zeros only: its offset is ignored */
	add_program_header(&image, PT_LOAD, 0xfffffff0, 0x300000, 0x300000, 0, 0x40);
	t = load_image(SEGUE_OK);
	assert_int_equal(t->job.segment_count, 3);
	assert_int_equal(t->job.segments[2].dest, 0x300000);
	assert_int_equal(t->job.segments[2].source.size, 0);
	assert_int_equal(t->job.segments[2].zero_size, 0x40);
	assert_int_equal(t->job.segments[2].number, 4);
	free(t);
}

/* Ignored headers after the end of the table: an interpreter, a segment over the BIOS's data, one with the entry. */
static void what_is_behind_the_table(void **state)
{
	static const uint32_t types[] = {PT_INTERP, PT_LOAD};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct loader_job *t;

		two_segments(false);
		add_program_header(&image, types[i], 0x400, 0, 0, 0x10, 0x10);
		put_le16(image.at + FIELD_AT(&image, header, e_phnum), 2);
		t = load_image(SEGUE_OK);
		assert_int_equal(t->job.segment_count, 2);
		free(t);
	}
	PUT(&image, image.at, header, e_entry, 8);
	refused(SEGUE_E_ELF_ENTRY, "0x8");
}

static void header_refusals(void **state)
{
	static const struct {
		size_t offset32, offset64;
		uint32_t value;
		int size, code;
		const char *part;
	} cases[] = {
		{4, 4, 0, 1, SEGUE_E_ELF_CLASS, ": 0"},
		{4, 4, 3, 1, SEGUE_E_ELF_CLASS, ": 3"},
		{5, 5, 2, 1, SEGUE_E_ELF_DATA, ": 2"},
		{6, 6, 0, 1, SEGUE_E_ELF_VERSION, ": 0 at offset 6"},
		{20, 20, 2, 4, SEGUE_E_ELF_VERSION, ": 2 at offset 20"},
		{20, 20, 0x10001, 4, SEGUE_E_ELF_VERSION, ": 1 at offset 22"},
		{16, 16, 1, 2, SEGUE_E_ELF_TYPE, ": 1 at offset 16"},
		{16, 16, 4, 2, SEGUE_E_ELF_TYPE, ": 4 at offset 16"},
		{18, 18, 40, 2, SEGUE_E_ELF_MACHINE, ": 40 at offset 18"},
		{44, 56, 0, 2, SEGUE_E_ELF_NO_SEGMENTS, "nothing to load"},
		{42, 54, 33, 2, SEGUE_E_ELF_PHENTSIZE, "33 bytes"},
		{28, 32, IMAGE_SIZE - 63, 4, SEGUE_E_ELF_TRUNCATED, "bytes at offset 0x3fc1"},
		{28, 32, 0xffffffff, 4, SEGUE_E_ELF_TRUNCATED, "bytes at offset 0xffffffff"},
		{44, 56, 0xffff, 2, SEGUE_E_ELF_TRUNCATED, "program headers 65535"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int is_64 = 0; is_64 < 2; is_64++) {
			uint8_t *p;

			two_segments(is_64);
			p = image.at + (is_64 ? cases[i].offset64 : cases[i].offset32);
			if (cases[i].size == 1)
				*p = (uint8_t)cases[i].value;
			else if (cases[i].size == 2)
				put_le16(p, (uint16_t)cases[i].value);
			else
				put_le32(p, cases[i].value);
			refused(cases[i].code, cases[i].part);
		}
}

static void segment_refusals(void **state)
{
	static const struct {
		uint64_t offset, paddr, filesz, memsz;
		int code;
		const char *part;
	} cases[] = {
		{0x400, 0x300000, 0x11, 0x10, SEGUE_E_ELF_SEGMENT_SIZE, "segment 2"},
		{0x400, 0x300000, 0x10, 0, SEGUE_E_ELF_SEGMENT_SIZE, "segment 2"},
		{IMAGE_SIZE - 0xf, 0x300000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_FILE, "offset 0x3ff1"},
		{0xffffffff, 0x300000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_FILE, "offset 0xffffffff"},
		{0x400, 0xffffeff0, 0x10, 0x11, SEGUE_E_ELF_SEGMENT_HIGH, "0xffffeff0"},
		{0x400, 0xfffffff0, 0x10, 0x20, SEGUE_E_ELF_SEGMENT_HIGH, "0xfffffff0"},
		{0x400, 0xfffffff0, 0x10, 0xffffffff, SEGUE_E_ELF_SEGMENT_HIGH, "0xffffffff"},
		{0x400, 0xffffeff0, 0x10, 0x10, SEGUE_E_SEGMENT_NOT_RAM, "0xffffeff0"},
		{0x400, 0x7fdfff1, 0x10, 0x10, SEGUE_E_SEGMENT_NOT_RAM, "0x7fdfff1"},
		{0x400, 0x9fbf1, 0x10, 0x10, SEGUE_E_SEGMENT_NOT_RAM, "0x9fbf1"},
		/* over the BIOS's data: a warning */
		{0x400, 0x4ff, 0x10, 0x10, SEGUE_OK, "ELF segment at 0x4ff to 0x50f takes the BIOS's vectors"},
		{0x400, 0, 0x10, 0x10, SEGUE_OK, "ELF segment at 0x0 to 0x10 takes the BIOS's vectors"},
		{0x400, 0x1002ff, 0x10, 0x10, SEGUE_E_SEGMENT_OVERLAP, "0x1002ff"},
		{0x400, 0x200fff, 0x10, 0x10, SEGUE_E_SEGMENT_OVERLAP, "0x200fff"},
		{0x400, 0x100000, 0x10, 0x10, SEGUE_E_SEGMENT_OVERLAP, "0x100000"},
		{0x400, 0x1ffff1, 0x10, 0x10, SEGUE_E_SEGMENT_OVERLAP, "0x1ffff1"},
		{0x400, 0x1ffff0, 0x10, 0x10, SEGUE_OK, ""},
		{0x400, 0x100300, 0x10, 0x10, SEGUE_OK, ""},
		{0x400, 0x7fdfff0, 0x10, 0x10, SEGUE_OK, ""},
		{0x400, 0x500, 0x10, 0x10, SEGUE_OK, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int is_64 = 0; is_64 < 2; is_64++) {
			two_segments(is_64);
			add_program_header(&image, PT_LOAD, cases[i].offset, 0x8000000, cases[i].paddr, cases[i].filesz,
					   cases[i].memsz);
			refused(cases[i].code, cases[i].part);
		}
}

static void segments_above_4_gib(void **state)
{
	static const struct {
		uint64_t offset, paddr, filesz, memsz;
		int code;
		const char *sentence;
	} cases[] = {
		{0x400, 0x100000000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_HIGH, "segment 2, 0x10 bytes at 0x100000000"},
		{0x400, 0xffffffff80100000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_HIGH, "segment 2, 0x10 bytes at 0xffffffff80100000"},
		{0x400, 0xffffffffffffffff, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_HIGH, "at 0xffffffffffffffff"},
		{0x400, 0x300000, 0x10, 0xffffffffffffffff, SEGUE_E_ELF_SEGMENT_HIGH, "segment 2, 0xffffffffffffffff bytes at 0x300000"},
		{0x400, 0x300000, 0x10, 0x100000000, SEGUE_E_ELF_SEGMENT_HIGH, "segment 2, 0x100000000 bytes"},
		{0xffffffffffffffff, 0x300000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_FILE, "segment 2, 0x10 bytes at offset 0xffffffffffffffff"},
		{0x100000400, 0x300000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_FILE, "at offset 0x100000400"},
		{0x400, 0x300000, 0x100000010, 0x10, SEGUE_E_ELF_SEGMENT_SIZE, "segment 2, 0x100000010 in the file, 0x10 in memory"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		two_segments(true);
		add_program_header(&image, PT_LOAD, cases[i].offset, 0x8000000, cases[i].paddr, cases[i].filesz, cases[i].memsz);
		refused(cases[i].code, cases[i].sentence);
	}
}

static void nothing_to_load(void **state)
{
	(void)state;
	new_image(&image, false, 0x100000);
	add_program_header(&image, 4, 0x400, 0x100000, 0x100000, 0x10, 0x10);
	add_program_header(&image, PT_LOAD, 0x400, 0x100000, 0x100000, 0, 0);
	refused(SEGUE_E_ELF_NO_SEGMENTS, "2 program headers");
}

static void kinds_of_program(void **state)
{
	struct loader_job *t;

	(void)state;
	two_segments(false);
	put_le16(image.at + 16, ET_DYN);
	free(load_image(SEGUE_OK));
	add_program_header(&image, PT_INTERP, 0x400, 0x100000, 0x100000, 0x10, 0x10);
	refused(SEGUE_E_ELF_INTERPRETER, "program header 2");
	put_le16(image.at + 16, ET_EXEC);
	refused(SEGUE_E_ELF_INTERPRETER, "program header 2");
	put_le32(segment_at(&image, 0), PT_INTERP);
	refused(SEGUE_E_ELF_INTERPRETER, "program header 0");

	two_segments(true);
	t = new_job(image.at, image.size);
	assert_int_equal(run_loader(t, &segue_loader_elf), SEGUE_E_ELF_64BIT);
	assert_sentence(t, "64-bit ELF");
	free(t);
}

/* A file truncated at any length is refused, and not read past its end (the buffer has the exact size, for ASan). */
static void every_truncation(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		two_segments(is_64);
		for (size_t size = 4; size < 0x924; size++) {
			uint8_t *bytes = malloc(size);
			struct loader_job *t;
			int error;

			assert_non_null(bytes);
			memcpy(bytes, image.at, size);
			t = new_job(bytes, size);
			t->args.flags = SEGUE_LOAD_ELF_ENTRY_32;
			error = run_loader(t, &segue_loader_elf);
			assert_int_equal(error, size < IMAGE_SEGMENTS + 2 * (is_64 ? 56u : 32u) ? SEGUE_E_ELF_TRUNCATED :
						SEGUE_E_ELF_SEGMENT_FILE);
			free(t);
			free(bytes);
		}
		image.size = 0x924;
		free(load_image(SEGUE_OK));
	}
}

static void what_a_plain_elf_does_not_get(void **state)
{
	struct loader_job *t;

	(void)state;
	two_segments(false);
	t = new_job(image.at, image.size);
	t->args.cmdline = "a b";
	add_module(t, "module", 6, NULL, NULL);
	assert_int_equal(run_loader(t, &segue_loader_elf), SEGUE_OK);
	assert_int_equal(t->warnings, 1);
	assert_int_equal(t->job.segment_count, 2);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_and_entry_state),
		cmocka_unit_test(p_paddr_is_used),
		cmocka_unit_test(entry_translation),
		cmocka_unit_test(entry_only_in_load_segments),
		cmocka_unit_test(shared_object_at_0),
		cmocka_unit_test(what_is_ignored),
		cmocka_unit_test(what_is_behind_the_table),
		cmocka_unit_test(header_refusals),
		cmocka_unit_test(segment_refusals),
		cmocka_unit_test(segments_above_4_gib),
		cmocka_unit_test(nothing_to_load),
		cmocka_unit_test(kinds_of_program),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(what_a_plain_elf_does_not_get),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
