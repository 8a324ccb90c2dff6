/* SPDX-License-Identifier: MIT */
/* Multiboot 1: the header, the kernel's place, and each field that is passed to it (specification 0.6.96). */
#include <time.h>
#include "elf_image.h"
#include "loader_job.h"

#define HEADER_AT 0x400u
#define MAGIC 0x1badb002u
/* Offsets in the header (section 3.1) and in the information (section 3.3), written independently of the loader's. */
enum { HEADER_ADDR = 12, LOAD_ADDR = 16, LOAD_END_ADDR = 20, BSS_END_ADDR = 24, ENTRY_ADDR = 28 };
enum {
	FLAGS = 0, MEM_LOWER = 4, MEM_UPPER = 8, BOOT_DEVICE = 12, CMDLINE = 16, MODS_COUNT = 20, MODS_ADDR = 24,
	SYMS_NUM = 28, SYMS_SIZE = 32, SYMS_ADDR = 36, SYMS_SHNDX = 40, MMAP_LENGTH = 44, MMAP_ADDR = 48,
	DRIVES_LENGTH = 52, CONFIG_TABLE = 60, LOADER_NAME = 64, APM_TABLE = 68, VBE_CONTROL = 72, VBE_MODE_INFO = 76,
	VBE_MODE = 80, VBE_SEG = 82, VBE_OFF = 84, VBE_LEN = 86, FB_ADDR = 88, FB_PITCH = 96, FB_WIDTH = 100,
	FB_HEIGHT = 104, FB_BPP = 108, FB_TYPE = 109, FB_COLOR = 112, INFO_SIZE = 120
};

static struct image image;

static void put_header(uint8_t *p, uint32_t flags)
{
	put_le32(p, MAGIC);
	put_le32(p + 4, flags);
	put_le32(p + 8, 0u - MAGIC - flags);
}

/* An ELF kernel at 1 MiB whose header has these flags. */
static void elf_kernel(bool is_64, uint32_t flags)
{
	new_image(&image, is_64, 0x100020);
	add_program_header(&image, PT_LOAD, 0x400, 0x100000, 0x100000, 0x300, 0x1000);
	memset(image.at + HEADER_AT, 0, 48);
	put_header(image.at + HEADER_AT, flags);
}

/* A flat kernel. Its header is at offset 0x400, address 0x100400. */
static void flat_kernel(uint32_t flags)
{
	uint8_t *p = image.at + HEADER_AT;

	elf_kernel(false, 0);
	image.at[0] = 0;
	put_header(p, flags | 0x10000);
	put_le32(p + HEADER_ADDR, 0x100400);
	put_le32(p + LOAD_ADDR, 0x100000);
	put_le32(p + ENTRY_ADDR, 0x100440);
}

static struct loader_job *run(struct loader_job *t, int expected)
{
	return run_by(t, &segue_loader_multiboot, expected);
}

static struct loader_job *load_image(int expected)
{
	return run(new_job(image.at, image.size), expected);
}

static void refused(int code, const char *part)
{
	refused_by(new_job(image.at, image.size), &segue_loader_multiboot, code, part);
}

static const uint8_t *info(const struct loader_job *t)
{
	return target(t, t->job.entry.ebx, INFO_SIZE);
}

static uint32_t field(const struct loader_job *t, size_t offset)
{
	return le32(info(t) + offset);
}

static bool has_flag(const struct loader_job *t, unsigned bit)
{
	return field(t, FLAGS) >> bit & 1;
}

static const uint8_t *module_entry(const struct loader_job *t, uint32_t index)
{
	return target(t, field(t, MODS_ADDR) + index * 16, 16);
}

static void entry_state(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;
		struct entry_state expected = {.eax = 0x2badb002, .eip = 0x100020, .selectors = ENTRY_CODE_08_DATA_10};

		elf_kernel(is_64, 0);
		t = load_image(SEGUE_OK);
		expected.ebx = t->job.entry.ebx;
		assert_memory_equal(&t->job.entry, &expected, sizeof expected);
		assert_int_equal(t->job.segments[0].dest, 0x100000);
		assert_int_equal(t->job.segments[0].size, 0x1000);
		assert_int_equal(t->job.segments[0].zero_size, 0xd00);
		assert_int_equal(expected.ebx, 0x10000);
		assert_int_equal(t->warnings, 0);
		free(t);
	}
}

static bool recognised(size_t size)
{
	struct bytes kernel = {image.at, size, 0};

	return segue_loader_multiboot.recognise(&kernel);
}

static void search_for_the_header(void **state)
{
	static const struct {
		size_t offset;
		bool found;
	} cases[] = {
		{0, true}, {4, true}, {0x1000, true}, {8180, true}, {8184, false}, {8188, false}, {8192, false},
		{1, false}, {2, false}, {3, false}, {0x1002, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memset(&image, 0x55, sizeof image);
		put_header(image.at + cases[i].offset, 0);
		assert_int_equal(recognised(IMAGE_SIZE), cases[i].found);
		assert_int_equal(recognised(cases[i].offset + 12), cases[i].found);
		assert_false(recognised(cases[i].offset + 11));
	}
	for (size_t size = 0; size < 12; size++)
		assert_false(recognised(size));
}

static void first_good_header_counts(void **state)
{
	struct loader_job *t;

	(void)state;
	flat_kernel(0);
	/* a broken header before it, and a valid one after it that could not be loaded */
	put_header(image.at + 0x100, 0);
	image.at[0x108]++;
	put_header(image.at + 0x800, 0x8000);
	t = load_image(SEGUE_OK);
	assert_int_equal(t->job.entry.eip, 0x100440);
	free(t);
}

static void broken_headers(void **state)
{
	(void)state;
	flat_kernel(0);
	image.at[HEADER_AT + 8]++;
	refused(SEGUE_E_MULTIBOOT_CHECKSUM, "offset 0x400");
	put_le32(image.at + HEADER_AT + 4, 0x12345678);
	refused(SEGUE_E_MULTIBOOT_CHECKSUM, "offset 0x400");
	/* after 8 KiB a broken header is ignored */
	memset(&image, 0, sizeof image);
	put_header(image.at + 8192, 0);
	image.at[8192 + 8]++;
	assert_false(recognised(IMAGE_SIZE));

	/* in an ELF file only bytes that look like a header count */
	elf_kernel(false, 3);
	image.at[HEADER_AT + 8]++;
	refused(SEGUE_E_MULTIBOOT_CHECKSUM, "offset 0x400");
	put_le32(image.at + HEADER_AT + 4, 0x00020003);
	assert_false(recognised(IMAGE_SIZE));
	put_header(image.at + HEADER_AT, 0x00020003);
	assert_true(recognised(IMAGE_SIZE));
}

static void put_header_2(uint8_t *p)
{
	put_le32(p, 0xe85250d6);
	put_le32(p + 8, 24);
	put_le32(p + 12, 0u - 0xe85250d6 - 24);
}

static void version_2_only(void **state)
{
	(void)state;
	elf_kernel(false, 0);
	memset(image.at + HEADER_AT, 0, 12);
	put_header_2(image.at + HEADER_AT);
	assert_false(recognised(IMAGE_SIZE));
	/* both headers: version 1 is used */
	elf_kernel(false, 0);
	put_header_2(image.at + HEADER_AT + 16);
	free(load_image(SEGUE_OK));
}

static void flags_that_must_be_known(void **state)
{
	(void)state;
	for (uint32_t bit = 0; bit < 32; bit++) {
		char part[16];

		elf_kernel(false, 1u << bit);
		snprintf(part, sizeof part, "bit %u ", bit);
		if (bit >= 3 && bit <= 15)
			refused(SEGUE_E_MULTIBOOT_FLAGS, part);
		else if (bit != 16)
			free(load_image(SEGUE_OK));
	}
	elf_kernel(false, 0x8047);
	refused(SEGUE_E_MULTIBOOT_FLAGS, "bit 6 ");
}

static void truncated_header(void **state)
{
	static const struct {
		uint32_t flags;
		size_t size;
	} cases[] = {{0x10000, 32}, {0x4, 48}, {0x10004, 48}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t size = 12; size < cases[i].size; size++) {
			/* exact, for ASan */
			uint8_t *bytes = calloc(1, size);
			struct loader_job *t;

			assert_non_null(bytes);
			put_header(bytes, cases[i].flags);
			t = run(new_job(bytes, size), SEGUE_E_MULTIBOOT_TRUNCATED);
			assert_sentence(t, "offset 0x0");
			free(t);
			free(bytes);
		}
	}
}

/* The flags determine the length of a header. */
static void short_header_at_the_end(void **state)
{
	(void)state;
	elf_kernel(false, 3);
	memset(image.at + HEADER_AT, 0, 12);
	put_header(image.at + 0x700 - 12, 3);
	image.size = 0x700;
	free(load_image(SEGUE_OK));
}

static void neither_elf_nor_addresses(void **state)
{
	(void)state;
	flat_kernel(0);
	put_header(image.at + HEADER_AT, 0);
	refused(SEGUE_E_MULTIBOOT_FORMAT, "no Multiboot load address");
}

static void flat_images(void **state)
{
	/* differences from flat_kernel(); then the expected segment (destination, file offset, size, zeros) and entry */
	static const struct {
		uint32_t header, load, load_end, bss_end, entry;
		uint32_t dest, offset, size, zeros;
	} cases[] = {
		{0x100400, 0x100000, 0, 0, 0x100000, 0x100000, 0, IMAGE_SIZE, 0},
		{0x100400, 0x100000, 0x101001, 0, 0x101000, 0x100000, 0, 0x1001, 0},
		{0x100400, 0x100000, 0x101000, 0x101000, 0x100440, 0x100000, 0, 0x1000, 0},
		{0x100400, 0x100000, 0x101000, 0x101001, 0x100440, 0x100000, 0, 0x1000, 1},
		{0x100400, 0x100000, 0x104000, 0x200000, 0x100440, 0x100000, 0, IMAGE_SIZE, 0xfc000},
		{0x100400, 0x100000, 0, 0x200000, 0x100440, 0x100000, 0, IMAGE_SIZE, 0xfc000},
		/* something before load_addr in the file is not loaded */
		{0x100400, 0x100400, 0, 0, 0x100400, 0x100400, 0x400, IMAGE_SIZE - 0x400, 0},
		{0x100020, 0x100001, 0x100101, 0, 0x100040, 0x100001, 0x3e1, 0x100, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *p = image.at + HEADER_AT;
		struct loader_job *t;
		const struct segment *s;

		flat_kernel(0);
		put_le32(p + HEADER_ADDR, cases[i].header);
		put_le32(p + LOAD_ADDR, cases[i].load);
		put_le32(p + LOAD_END_ADDR, cases[i].load_end);
		put_le32(p + BSS_END_ADDR, cases[i].bss_end);
		put_le32(p + ENTRY_ADDR, cases[i].entry);
		t = load_image(SEGUE_OK);
		s = &t->job.segments[0];
		assert_int_equal(s->dest, cases[i].dest);
		assert_ptr_equal(s->source.data, image.at + cases[i].offset);
		assert_int_equal(s->source.size, cases[i].size);
		assert_int_equal(s->zero_size, cases[i].zeros);
		assert_int_equal(s->size, cases[i].size + cases[i].zeros);
		assert_int_equal(t->job.entry.eip, cases[i].entry);
		free(t);
	}
}

static void address_refusals(void **state)
{
	static const struct {
		size_t field;
		uint32_t value;
		int code;
		const char *part;
	} cases[] = {
		{LOAD_ADDR, 0x100401, SEGUE_E_MULTIBOOT_ADDRESS, "load_addr 0x100401 is above header_addr 0x100400"},
		{LOAD_ADDR, 0xfffff, SEGUE_E_MULTIBOOT_ADDRESS, "load_addr 0xfffff is further below"},
		{HEADER_ADDR, 0xffffffff, SEGUE_E_MULTIBOOT_ADDRESS, "load_addr 0x100000 is further below"},
		{LOAD_END_ADDR, 0xfffff, SEGUE_E_MULTIBOOT_ADDRESS, "load_end_addr 0xfffff is below load_addr 0x100000"},
		{LOAD_END_ADDR, 0x104001, SEGUE_E_MULTIBOOT_ADDRESS, "load_end_addr 0x104001 is past the file's end 0x104000"},
		{LOAD_END_ADDR, 0xffffffff, SEGUE_E_MULTIBOOT_ADDRESS, "load_end_addr 0xffffffff is past"},
		{LOAD_END_ADDR, 0x100440, SEGUE_E_MULTIBOOT_ADDRESS, "entry_addr 0x100440 is outside"},
		{LOAD_END_ADDR, 0x100441, SEGUE_OK, ""},
		{BSS_END_ADDR, 0x103fff, SEGUE_E_MULTIBOOT_ADDRESS, "bss_end_addr 0x103fff is below"},
		{BSS_END_ADDR, 0x1, SEGUE_E_MULTIBOOT_ADDRESS, "bss_end_addr 0x1 is below"},
		{BSS_END_ADDR, 0xffffffff, SEGUE_E_SEGMENT_NOT_RAM, "0xffffffff"},
		{ENTRY_ADDR, 0xfffff, SEGUE_E_MULTIBOOT_ADDRESS, "entry_addr 0xfffff"},
		{ENTRY_ADDR, 0x104000, SEGUE_E_MULTIBOOT_ADDRESS, "entry_addr 0x104000"},
		{ENTRY_ADDR, 0, SEGUE_E_MULTIBOOT_ADDRESS, "entry_addr 0x0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		flat_kernel(0);
		put_le32(image.at + HEADER_AT + cases[i].field, cases[i].value);
		refused(cases[i].code, cases[i].part);
	}
	/* bytes before load_addr are not loaded, so the end of the file is that much lower in memory */
	flat_kernel(0);
	put_le32(image.at + HEADER_AT + HEADER_ADDR, 0x100000);
	put_le32(image.at + HEADER_AT + LOAD_END_ADDR, 0x103c01);
	refused(SEGUE_E_MULTIBOOT_ADDRESS, "load_end_addr 0x103c01 is past the file's end 0x103c00");
	put_le32(image.at + HEADER_AT + LOAD_END_ADDR, 0x103c00);
	free(load_image(SEGUE_OK));
	/* at the end of the address space */
	flat_kernel(0);
	put_le32(image.at + HEADER_AT + HEADER_ADDR, 0xfffff400);
	put_le32(image.at + HEADER_AT + LOAD_ADDR, 0xfffff000);
	put_le32(image.at + HEADER_AT + ENTRY_ADDR, 0xfffff400);
	refused(SEGUE_E_SEGMENT_NOT_RAM, "0xfffff000");
}

/* grub-invaders has both, and they differ: bit 16 wins, and no section headers are passed. */
static void addresses_win_over_elf(void **state)
{
	uint8_t *p = image.at + HEADER_AT;
	struct loader_job *t;

	(void)state;
	elf_kernel(false, 0x10000);
	add_section(&image, 0, 0, 0, 0, 0);
	add_section(&image, 3, 0, 0, 0x700, 0x20);
	put_le32(p + HEADER_ADDR, 0x300000);
	put_le32(p + LOAD_ADDR, 0x300000);
	put_le32(p + LOAD_END_ADDR, 0x300100);
	put_le32(p + BSS_END_ADDR, 0);
	put_le32(p + ENTRY_ADDR, 0x300024);
	t = load_image(SEGUE_OK);
	assert_int_equal(t->job.entry.eip, 0x300024);
	assert_int_equal(t->job.segments[0].dest, 0x300000);
	assert_ptr_equal(t->job.segments[0].source.data, p);
	/* not the ELF segment */
	assert_null(segment_with(t, 0x100000));
	assert_false(has_flag(t, 5));
	free(t);
}

static void fields_without_anything_known(void **state)
{
	static const size_t zero[] = {
		BOOT_DEVICE, MODS_COUNT, MODS_ADDR, SYMS_NUM, SYMS_SIZE, SYMS_ADDR, SYMS_SHNDX, DRIVES_LENGTH,
		DRIVES_LENGTH + 4, CONFIG_TABLE, APM_TABLE, VBE_CONTROL, VBE_MODE_INFO, VBE_MODE, VBE_OFF, FB_ADDR, FB_ADDR + 4,
		FB_PITCH, FB_WIDTH, FB_HEIGHT, FB_BPP, FB_BPP + 4,
	};

	(void)state;
	for (int machine = 0; machine < 2; machine++) {
		struct loader_job *t;

		elf_kernel(false, 0);
		t = new_job(image.at, image.size);
		if (machine)
			t->args.machine = &t->machine;
		run(t, SEGUE_OK);
		/* memory, command line, memory map, loader's name */
		assert_int_equal(field(t, FLAGS), 0x245);
		assert_string_at(t, field(t, CMDLINE), "kernel");
		assert_string_at(t, field(t, LOADER_NAME), "Segue 0.1.0");
		for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
			assert_int_equal(field(t, zero[i]), 0);
		free(t);
	}
}

static void memory_map(void **state)
{
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	elf_kernel(false, 2);
	t = load_image(SEGUE_OK);
	assert_true(has_flag(t, 0));
	assert_int_equal(field(t, MEM_LOWER), 639);
	assert_int_equal(field(t, MEM_UPPER), 0x7fe0000 / 1024 - 1024);
	assert_true(has_flag(t, 6));
	assert_int_equal(field(t, MMAP_LENGTH), 24 * sizeof pc_map / sizeof *pc_map);
	p = target(t, field(t, MMAP_ADDR), field(t, MMAP_LENGTH));
	for (size_t i = 0; i < sizeof pc_map / sizeof *pc_map; i++, p += 24) {
		assert_int_equal(le32(p), 20);
		assert_int_equal(le64(p + 4), pc_map[i].start);
		assert_int_equal(le64(p + 12), pc_map[i].end - pc_map[i].start);
		assert_int_equal(le32(p + 20), pc_map[i].type);
	}
	free(t);
}

/* Loads a kernel at an address that is RAM in all of the maps below. */
static struct loader_job *run_with_map(const struct segue_range *map, size_t count)
{
	struct loader_job *t;

	elf_kernel(false, 0);
	PUT(&image, segment_at(&image, 0), program_header, p_paddr, 0x120000);
	PUT(&image, segment_at(&image, 0), program_header, p_vaddr, 0x120000);
	PUT(&image, image.at, header, e_entry, 0x120000);
	t = new_job(image.at, image.size);
	set_map(t, map, count);
	run(t, SEGUE_OK);
	return t;
}

/* No entry of RAM has what another entry has, so a target can read the map entry by entry. */
static void overlapping_ranges(void **state)
{
	static const struct {
		const char *what;
		struct segue_range map[6], told[6];
		size_t count, told_count;
	} cases[] = {
		{"reserved after RAM",
		 {{0x100000, 0x8000000, 1, 0}, {0x7000000, 0x7032000, 2, 0}},
		 {{0x100000, 0x7000000, 1, 0}, {0x7032000, 0x8000000, 1, 0}, {0x7000000, 0x7032000, 2, 0}}, 2, 3},
		{"reserved before RAM",
		 {{0x7000000, 0x7032000, 2, 0}, {0x100000, 0x8000000, 1, 0}},
		 {{0x7000000, 0x7032000, 2, 0}, {0x100000, 0x7000000, 1, 0}, {0x7032000, 0x8000000, 1, 0}}, 2, 3},
		{"over both ends, and several in between",
		 {{0xff001, 0x100fff, 3, 0}, {0x100000, 0x8000000, 1, 0}, {0x200000, 0x210000, 4, 0}, {0x208000, 0x220001, 5, 0},
		  {0x7fff000, 0x8001000, 2, 0}},
		 {{0xff001, 0x100fff, 3, 0}, {0x100fff, 0x200000, 1, 0}, {0x220001, 0x7fff000, 1, 0}, {0x200000, 0x210000, 4, 0},
		  {0x208000, 0x220001, 5, 0}, {0x7fff000, 0x8001000, 2, 0}}, 5, 6},
		{"RAM twice",
		 {{0x100000, 0x4000000, 1, 0}, {0x200000, 0x300000, 1, 0}, {0x3000000, 0x8000000, 1, 0}, {0x100000, 0x8000000, 1, 0}},
		 {{0x100000, 0x4000000, 1, 0}, {0x4000000, 0x8000000, 1, 0}}, 4, 2},
		{"all of an entry; ranges that are empty or end where RAM begins; above 4 GiB",
		 {{0x100000, 0x8000000, 1, 0}, {0x140000000, 0x150000000, 1, 0}, {0x120000000, 0x180000000, 0, 0},
		  {0x5000000, 0x5000000, 2, 0}, {0x8000000, 0x8001000, 2, 0}, {0x100000000, 0x110000000, 1, 0}},
		 {{0x100000, 0x8000000, 1, 0}, {0x120000000, 0x180000000, 0, 0}, {0x8000000, 0x8001000, 2, 0},
		  {0x100000000, 0x110000000, 1, 0}}, 6, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;
		const uint8_t *p;
		size_t told;

		t = run_with_map(cases[i].map, cases[i].count);
		told = field(t, MMAP_LENGTH) / 24;
		p = target(t, field(t, MMAP_ADDR), field(t, MMAP_LENGTH));
		for (size_t k = 0; k < told; k++, p += 24) {
			const struct segue_range *want = &cases[i].told[k];

			if (k >= cases[i].told_count || le64(p + 4) != want->start || le64(p + 12) != want->end - want->start ||
			    le32(p + 20) != want->type)
				fail_msg("%s: range %zu is %#llx, %#llx bytes, %u", cases[i].what, k, (unsigned long long)le64(p + 4),
					 (unsigned long long)le64(p + 12), le32(p + 20));
		}
		if (told != cases[i].told_count)
			fail_msg("%s: %zu ranges", cases[i].what, told);
		free(t);
	}
}

/* The time must not grow with the cube of the number of entries: it took half a minute. */
static void many_overlapping_ranges(void **state)
{
	enum { COUNT = 2000 };
	static struct segue_range map[COUNT];
	struct segue_load_args args = {.memory_map = map, .memory_map_count = COUNT};
	struct job job = {.args = &args};
	clock_t start = clock();
	size_t count;

	(void)state;
	for (uint64_t i = 0; i < COUNT; i++)
		map[i] = (struct segue_range){i << 12, (i + COUNT) << 12, SEGUE_MEMORY_RAM, 0};
	segue_target_map(&job, NULL, 0, &count);
	assert_int_equal(count, COUNT);
	for (uint64_t i = 0; i < COUNT; i++)
		map[i].end = (2 * COUNT - i) << 12;
	segue_target_map(&job, NULL, 0, &count);
	assert_int_equal(count, 1);
	assert_true(clock() - start < 4 * CLOCKS_PER_SEC);
}

static void lower_and_upper_memory(void **state)
{
	static const struct {
		const char *what;
		struct segue_range map[6];
		size_t count;
		uint32_t lower, upper;
	} cases[] = {
		{"RAM through", {{0, 0x8000000, 1, 0}}, 1, 640, 0x7f00000 / 1024},
		{"in pieces, any order",
		 {{0x300000, 0x500000, 1, 0}, {0x100000, 0x180000, 1, 0}, {0x60000, 0x9f000, 1, 0}, {0, 0x60000, 1, 0},
		  {0x180000, 0x300000, 1, 0}}, 5, 636, 0x400000 / 1024},
		{"a hole, then RAM again", {{0, 0x9fc00, 1, 0}, {0x100000, 0x300000, 1, 0}, {0x400000, 0x8000000, 1, 0}}, 3,
		 639, 0x200000 / 1024},
		{"overlapping pieces", {{0, 0x9fc00, 1, 0}, {0x100000, 0x300000, 1, 0}, {0x200000, 0x8000000, 1, 0}}, 3,
		 639, 0x7f00000 / 1024},
		{"a reserved range inside RAM", {{0, 0x8000000, 1, 0}, {0x1000000, 0x1001000, 2, 0}, {0x2000000, 0x2001000, 4, 0}}, 3,
		 640, 0xf00000 / 1024},
		{"reserved over the start", {{0, 0x8000000, 1, 0}, {0, 0x1000, 2, 0}, {0xff000, 0x101000, 2, 0}}, 3, 0, 0},
		{"reserved comes first", {{0x4000000, 0x4001000, 3, 0}, {0, 0x8000000, 1, 0}}, 2, 640, 0x3f00000 / 1024},
		{"RAM from 1 on", {{1, 0x9fc00, 1, 0}, {0x100000, 0x8000000, 1, 0}}, 2, 0, 0x7f00000 / 1024},
		{"no RAM at 0 and at 1 MiB", {{0x1000, 0x9fc00, 1, 0}, {0x100001, 0x8000000, 1, 0}}, 2, 0, 0},
		{"ends within a KiB", {{0, 0x9fbff, 1, 0}, {0x100000, 0x80003ff, 1, 0}}, 2, 638, 0x7f00000 / 1024},
		{"to 4 GiB", {{0, 0x9fc00, 1, 0}, {0x100000, 0x100000000, 1, 0}}, 2, 639, 0x3ffffc - 1024},
		{"past 4 GiB", {{0, 0x9fc00, 1, 0}, {0x100000, 0x180000000, 1, 0}, {0x180000000, 0x400000000, 1, 0}}, 3, 639,
		 0x3ffffc - 1024},
		{"the PC's hole", {{0, 0x9fc00, 1, 0}, {0x100000, 0xc0000000, 1, 0}, {0x100000000, 0x140000000, 1, 0}}, 3,
		 639, 0xc0000000 / 1024 - 1024},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;

		t = run_with_map(cases[i].map, cases[i].count);
		if (field(t, MEM_LOWER) != cases[i].lower || field(t, MEM_UPPER) != cases[i].upper)
			fail_msg("%s: %u and %u, not %u and %u", cases[i].what, field(t, MEM_LOWER), field(t, MEM_UPPER),
				 cases[i].lower, cases[i].upper);
		free(t);
	}
}

static void command_lines(void **state)
{
	static const struct {
		const char *name, *cmdline;
		uint32_t flags;
		const char *expected;
	} cases[] = {
		{NULL, NULL, 0, "kernel"},
		{NULL, "", 0, "kernel"},
		{NULL, "a=1 b", 0, "kernel a=1 b"},
		{"xen", "a=1 b", 0, "xen a=1 b"},
		{"xen", NULL, 0, "xen"},
		{"xen", "xen", 0, "xen xen"},
		{"", "a", 0, "a"},
		{"", NULL, 0, ""},
		{"xen", "a=1 b", SEGUE_LOAD_NO_ARGV0, "a=1 b"},
		{"xen", NULL, SEGUE_LOAD_NO_ARGV0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;
		char expected[64];

		elf_kernel(false, 0);
		t = new_job(image.at, image.size);
		t->parts[0].name = cases[i].name;
		t->args.cmdline = cases[i].cmdline;
		t->args.flags = cases[i].flags;
		add_module(t, "x", 1, cases[i].name, cases[i].cmdline);
		run(t, SEGUE_OK);
		assert_true(has_flag(t, 2));
		assert_string_at(t, field(t, CMDLINE), cases[i].expected);
		/* the same rule for modules, with another name if none is known */
		snprintf(expected, sizeof expected, "%s%s", cases[i].name ? "" : "module",
			 cases[i].expected + (cases[i].name ? 0 : strlen("kernel")));
		assert_string_at(t, le32(module_entry(t, 0) + 8), expected);
		free(t);
	}
}

static void modules(void **state)
{
	static uint8_t first[5000], second[1];
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	memset(first, 0xab, sizeof first);
	second[0] = 0xcd;
	elf_kernel(false, 1);
	t = new_job(image.at, image.size);
	add_module(t, first, sizeof first, "one", "a b");
	add_module(t, "", 0, "two", NULL);
	add_module(t, second, sizeof second, NULL, NULL);
	run(t, SEGUE_OK);
	assert_true(has_flag(t, 3));
	assert_int_equal(field(t, MODS_COUNT), 3);
	p = module_entry(t, 0);
	assert_int_equal(le32(p), 0x101000);
	assert_int_equal(le32(p + 4), 0x101000 + sizeof first);
	assert_string_at(t, le32(p + 8), "one a b");
	assert_int_equal(le32(p + 12), 0);
	assert_ptr_equal(target(t, 0x101000, sizeof first), first);
	assert_int_equal(segment_with(t, 0x101000)->number, 0);
	assert_int_equal(segment_with(t, 0x103000)->number, 2);
	/* an empty module has the address of its place: kernels use the last one's end as the start of free memory */
	p = module_entry(t, 1);
	assert_int_equal(le32(p), 0x101000 + sizeof first);
	assert_int_equal(le32(p + 4), 0x101000 + sizeof first);
	assert_string_at(t, le32(p + 8), "two");
	p = module_entry(t, 2);
	assert_int_equal(le32(p), 0x103000);
	assert_int_equal(le32(p + 4), 0x103001);
	assert_string_at(t, le32(p + 8), "module");
	assert_ptr_equal(target(t, le32(p), 1), second);
	free(t);
}

/* After the kernel, on a page boundary, independent of the bytes' place and the header's flags. */
static void where_modules_go(void **state)
{
	/* place of the module's bytes; flags of the header; their place in the target with SEGUE_LOAD_MODULES_STAY */
	static const struct {
		uint64_t addr;
		uint32_t flags, stays;
	} cases[] = {
		{0x2000000, 1, 0x2000000},
		{0x2000000, 0, 0x2000000},
		{0x2000010, 1, 0x101000},
		{0x2000010, 0, 0x101000},
		/* the kernel's place */
		{0x100000, 1, 0x101000},
		{0x100ff0, 0, 0x101000},
		{0x101000, 0, 0x101000},
		/* below 1 MiB, above 4 GiB, and not in RAM */
		{0x10000, 1, 0x101000},
		{0xf1000, 1, 0x101000},
		{0x200000000, 1, 0x101000},
		{0x7fdf000, 1, 0x7fdf000},
		{0x7fdfff0, 0, 0x101000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int stay = 0; stay < 2; stay++) {
			static uint8_t module[0x800];
			struct loader_job *t;

			elf_kernel(false, cases[i].flags);
			t = new_job(image.at, image.size);
			t->args.flags = stay ? SEGUE_LOAD_MODULES_STAY : 0;
			add_module(t, module, sizeof module, NULL, NULL);
			t->extents[1].addr = cases[i].addr;
			run(t, SEGUE_OK);
			assert_int_equal(le32(module_entry(t, 0)), stay ? cases[i].stays : 0x101000);
			assert_int_equal(t->job.log.second_try, !stay && cases[i].addr != 0x101000);
			assert_int_equal(t->warnings, 0);
			free(t);
		}
}

static void scattered_module(void **state)
{
	static uint8_t module[0x2000];
	static const uint64_t second[] = {0x2002000, 0x2001000};

	(void)state;
	/* separate; adjacent, which count as one run */
	for (int one_run = 0; one_run < 2; one_run++)
		for (int stay = 0; stay < 2; stay++) {
			struct segue_extent extents[2] = {{0x2000000, 0x1000}, {second[one_run], 0x1000}};
			struct loader_job *t;
			uint32_t expected = stay && one_run ? 0x2000000 : 0x101000;

			elf_kernel(false, 1);
			t = new_job(image.at, image.size);
			t->args.flags = stay ? SEGUE_LOAD_MODULES_STAY : 0;
			add_module(t, module, sizeof module, NULL, NULL);
			t->parts[1].extents = extents;
			t->parts[1].extent_count = 2;
			run(t, SEGUE_OK);
			assert_int_equal(le32(module_entry(t, 0)), expected);
			assert_int_equal(le32(module_entry(t, 0) + 4), expected + 0x2000);
			free(t);
		}
}

/* The memory of a test: [start, end) of RAM besides the first 0x9fc00 bytes, and the kernel's place. */
static struct loader_job *load_with_modules(uint32_t kernel, const struct segue_range *ram, size_t ranges, size_t count,
					    const size_t *sizes)
{
	static uint8_t module[0x300000];
	struct segue_range map[4] = {{0, 0x9fc00, 1, 0}};
	struct loader_job *t;

	elf_kernel(false, 1);
	PUT(&image, segment_at(&image, 0), program_header, p_paddr, kernel);
	t = new_job(image.at, image.size);
	memcpy(map + 1, ram, ranges * sizeof *map);
	set_map(t, map, ranges + 1);
	for (size_t i = 0; i < count; i++)
		add_module(t, module, sizes[i], NULL, NULL);
	return t;
}

/* Full RAM, or a kernel at a high address: each case has the modules' places and the sentence. */
static void modules_where_room_is_short(void **state)
{
	static const struct {
		const char *what;
		uint32_t kernel;
		struct segue_range ram[3];
		size_t ranges, count, sizes[3];
		uint32_t at[3];
		const char *warning;
	} cases[] = {
		{"a kernel at 16 MiB", 0x1000000, {{0x100000, 0x8000000, 1, 0}}, 1, 2, {0x1800, 0x100},
		 {0x1001000, 0x1003000}, NULL},
		{"a hole after the kernel", 0x100000, {{0x100000, 0x103000, 1, 0}, {0x200000, 0x8000000, 1, 0}}, 2, 3,
		 {0x1000, 0x1001, 0x10}, {0x101000, 0x200000, 0x202000}, NULL},
		{"little RAM above the kernel", 0x7000000, {{0x100000, 0x7100000, 1, 0}}, 1, 2, {0x100, 0x200000},
		 {0x100000, 0x101000}, "after the kernel, which ends at 0x7001000"},
		{"no RAM above the kernel", 0x70ff000, {{0x100000, 0x7100000, 1, 0}}, 1, 1, {0x100}, {0x100000},
		 "after the kernel, which ends at 0x7100000"},
		{"a kernel below 1 MiB", 0x90000, {{0x100000, 0x7100000, 1, 0}}, 1, 1, {0x100}, {0x100000}, NULL},
		{"all RAM is used", 0x100000, {{0x100000, 0x402000, 1, 0}}, 1, 2, {0x300000, 0x1000}, {0x101000, 0x401000}, NULL},
		/* a large module fits only before the kernel, a small one only after it: not both in their order */
		{"one by one", 0x300000, {{0x100000, 0x302000, 1, 0}}, 1, 3, {0x1000, 0x1ff000, 0x1000},
		 {0x100000, 0x101000, 0x301000}, "after the kernel, which ends at 0x301000"},
		{"not in their order", 0x200000, {{0x100000, 0x302000, 1, 0}}, 1, 3, {0x80000, 0x101000, 0x80000},
		 {0x100000, 0x201000, 0x180000}, "nowhere in their order"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t = load_with_modules(cases[i].kernel, cases[i].ram, cases[i].ranges, cases[i].count,
							 cases[i].sizes);

		run(t, SEGUE_OK);
		for (uint32_t k = 0; k < cases[i].count; k++)
			if (le32(module_entry(t, k)) != cases[i].at[k])
				fail_msg("%s: module %u at %#x, not %#x", cases[i].what, k, le32(module_entry(t, k)), cases[i].at[k]);
		if (t->warnings != !!cases[i].warning)
			fail_msg("%s: %d warnings: %s", cases[i].what, t->warnings, t->sentence);
		if (cases[i].warning)
			assert_sentence(t, cases[i].warning);
		free(t);
	}
}

static void add_sections(void);

/* The placement depends on the target only, not on the place of the blob, the modules or the workspace. */
static void one_rule_for_all_ways(void **state)
{
	/* places of kernel, modules 0 and 1, workspace: as from a disk, from GRUB, from QEMU, in a host's pages */
	static const uint64_t ways[][4] = {
		{0x7000000, 0x6000000, 0x6800000, 0x7f00000},
		{0x124000, 0x171000, 0x471000, 0x7f00000},
		{0x1a0000, 0x201000, 0x300123, 0x10000},
		{0x101000, 0x100000, 0x180000, 0x900000},
		{0x400000, 0x101000, 0x102000, 0x100000},
		{0x180000000, 0x140000000, 0x200000008, 0x2000000},
	};
	static uint8_t first[0x1800], second[0x20];
	struct range expected[16];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct loader_job *t;

		elf_kernel(false, 1);
		add_sections();
		t = new_job(image.at, image.size);
		add_module(t, first, sizeof first, "one", NULL);
		add_module(t, second, sizeof second, "two", NULL);
		for (size_t k = 0; k < 3; k++)
			t->extents[k].addr = ways[i][k];
		t->args.workspace_phys = ways[i][3];
		run(t, SEGUE_OK);
		assert_int_equal(t->warnings, 0);
		assert_true(i == 0 || t->job.segment_count == count);
		count = t->job.segment_count;
		assert_true(count <= 16);
		for (size_t k = 0; k < count; k++) {
			struct range r = {t->job.segments[k].dest, t->job.segments[k].dest + t->job.segments[k].size};

			if (i == 0)
				expected[k] = r;
			assert_int_equal(r.start, expected[k].start);
			assert_int_equal(r.end, expected[k].end);
		}
		free(t);
	}
}

/* Fiwix uses the memory after the last string table, or after the last module, as free memory. */
static void sections_lie_between_kernel_and_modules(void **state)
{
	static uint8_t module[0x1800];

	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;
		uint64_t end = 0x101000;

		elf_kernel(is_64, 1);
		add_sections();
		t = new_job(image.at, image.size);
		add_module(t, module, sizeof module, NULL, NULL);
		run(t, SEGUE_OK);
		assert_int_equal(field(t, SYMS_ADDR) >> 16, 1);
		for (uint32_t i = 3; i < 8; i++) {
			const uint8_t *p = target(t, field(t, SYMS_ADDR), 8 * (is_64 ? 64 : 40)) + i * (is_64 ? 64 : 40);

			assert_true(section_address(&image, p) >= end && section_address(&image, p) < 0x102000);
			end = section_address(&image, p);
		}
		assert_int_equal(le32(module_entry(t, 0)), 0x102000);
		free(t);
	}
}

static void many_modules(void **state)
{
	static uint8_t module[TEST_MODULES][16];
	static char names[TEST_MODULES][16];
	struct loader_job *t;

	(void)state;
	elf_kernel(false, 1);
	t = new_job(image.at, image.size);
	for (uint32_t i = 0; i < TEST_MODULES; i++) {
		snprintf(names[i], sizeof names[i], "m%u", i);
		add_module(t, module[i], sizeof module[i], names[i], NULL);
		/* none on a page boundary: all of them move */
		t->extents[1 + i].addr = 0x2000008 + i * 16;
	}
	run(t, SEGUE_OK);
	assert_int_equal(field(t, MODS_COUNT), TEST_MODULES);
	for (uint32_t i = 0; i < TEST_MODULES; i++) {
		const uint8_t *p = module_entry(t, i);

		assert_int_equal(le32(p), 0x101000 + i * 0x1000);
		assert_int_equal(le32(p + 4), 0x101010 + i * 0x1000);
		assert_ptr_equal(target(t, le32(p), 16), module[i]);
		assert_string_at(t, le32(p + 8), names[i]);
	}
	free(t);
}

static void no_room_for_a_module(void **state)
{
	static const struct segue_range map[] = {{0, 0x9fc00, 1, 0}, {0x100000, 0x102000, 1, 0}};
	static uint8_t module[0x1001];
	struct loader_job *t;

	(void)state;
	elf_kernel(false, 1);
	t = new_job(image.at, image.size);
	set_map(t, map, 2);
	add_module(t, module, sizeof module, NULL, NULL);
	run(t, SEGUE_E_NO_PLACE);
	assert_sentence(t, "module 0");
	assert_sentence(t, "4097");
	free(t);
}

/* The initrd of a bundle is the first module, with the name initrd. */
static void initrd_of_a_bundle(void **state)
{
	static uint8_t initrd[100];
	struct bytes kernel = {image.at, image.size, 0};
	struct loader_job *t;
	struct member module;

	(void)state;
	elf_kernel(false, 0);
	t = new_job(image.at, image.size);
	add_module(t, initrd, sizeof initrd, NULL, NULL);
	t->job.args = &t->args;
	t->job.parts = t->parts;
	t->job.workspace = t->workspace;
	t->job.workspace_phys = WORKSPACE_AT;
	t->job.arena = (struct arena){t->workspace, t->workspace + WORKSPACE_SIZE, WORKSPACE_SIZE, &t->job.log};
	assert_int_equal(segue_index_extents(&t->job), 0);
	assert_int_equal(segue_find_ram(&t->job), 0);
	module = (struct member){
		.file = {initrd, 50, 1}, .name = {(const uint8_t *)"second", 6, 0}, .args = {(const uint8_t *)"c d ", 3, 0},
	};
	t->job.bundle = (struct bundle){
		.container = "bundle", .kernel = kernel, .kernel_name = {(const uint8_t *)"kernel", 6, 0},
		.cmdline = {(const uint8_t *)"quiet more", 5, 0}, .initrd = {initrd, sizeof initrd, 1},
		.modules = &module, .module_count = 1,
	};
	assert_int_equal(segue_loader_multiboot.load(&t->job), 0);
	assert_string_at(t, field(t, CMDLINE), "kernel quiet");
	assert_int_equal(field(t, MODS_COUNT), 2);
	assert_int_equal(le32(module_entry(t, 0) + 4) - le32(module_entry(t, 0)), sizeof initrd);
	assert_string_at(t, le32(module_entry(t, 0) + 8), "initrd");
	assert_int_equal(le32(module_entry(t, 1) + 4) - le32(module_entry(t, 1)), 50);
	assert_string_at(t, le32(module_entry(t, 1) + 8), "second c d");
	assert_string_equal(segment_with(t, le32(module_entry(t, 0)))->name, "initrd");
	free(t);
}

/* .text in a segment, .bss, then .comment, .symtab, .strtab, .shstrtab one after the other, and .note elsewhere. */
static void add_sections(void)
{
	add_section(&image, 0, 0, 0, 0, 0);
	add_section(&image, 1, 2, 0x100000, 0x400, 0x300);
	add_section(&image, 8, 0, 0x77, 0xfffffff0, 0x10000);
	add_section(&image, 1, 0, 0, 0x2005, 0x11);
	add_section(&image, 2, 0, 0, 0x2018, 0x20);
	add_section(&image, 3, 0, 0, 0x2038, 0x0f);
	add_section(&image, 7, 0, 0x104848, 0x480, 0x24);
	add_section(&image, 3, 0, 0, 0x2047, 0x33);
}

static void symbols(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		static const struct {
			uint32_t offset, size;
		} floating[8] = {[3] = {0x2005, 0x11}, [4] = {0x2018, 0x20}, [5] = {0x2038, 0x0f}, [6] = {0x480, 0x24},
				 [7] = {0x2047, 0x33}};
		uint32_t size = is_64 ? 64 : 40;
		struct loader_job *t;
		const uint8_t *headers;
		uint8_t before[8 * 64];

		elf_kernel(is_64, 0);
		add_sections();
		memcpy(before, image.at + IMAGE_SECTIONS, 8 * size);
		t = load_image(SEGUE_OK);
		assert_true(has_flag(t, 5));
		assert_false(has_flag(t, 4));
		assert_int_equal(field(t, SYMS_NUM), 8);
		assert_int_equal(field(t, SYMS_SIZE), size);
		assert_int_equal(field(t, SYMS_SHNDX), 7);
		headers = target(t, field(t, SYMS_ADDR), 8 * size);
		assert_int_equal(field(t, SYMS_ADDR) % 4, 0);
		for (uint32_t i = 0; i < 8; i++) {
			const uint8_t *p = headers + i * size;
			uint64_t addr = section_address(&image, p);

			if (floating[i].size) {
				assert_ptr_equal(target(t, addr, floating[i].size), image.at + floating[i].offset);
				assert_int_equal(addr % 16, floating[i].offset % 16);
			} else {
				assert_int_equal(addr, section_address(&image, before + i * size));
			}
			/* nothing but the address has changed */
			PUT(&image, before + i * size, section_header, sh_addr, addr);
			assert_memory_equal(p, before + i * size, size);
		}
		/* adjacent sections form one segment: kernel, information, headers, and three of sections */
		assert_int_equal(t->job.segment_count, 6);
		assert_ptr_equal(segment_with(t, section_address(&image, headers + 3 * size)),
				 segment_with(t, section_address(&image, headers + 5 * size)));
		assert_int_equal(t->warnings, 0);
		/* the file is unchanged */
		assert_int_equal(section_address(&image, section_at(&image, 4)), 0);
		free(t);
	}
}

static void sections_without_room(void **state)
{
	static const struct segue_range map[] = {{0, 0x9fc00, 1, 0}, {0x100000, 0x103000, 1, 0}, {0x3000000, 0x3000400, 1, 0}};
	struct loader_job *t;

	(void)state;
	/* there is no place for a large section, but for symbols and names */
	elf_kernel(false, 0);
	add_section(&image, 0, 0, 0, 0, 0);
	add_section(&image, 1, 0, 0, 0x400, 0x2100);
	add_section(&image, 2, 0, 0, 0x2800, 0x20);
	add_section(&image, 3, 0, 0, 0x2820, 0x20);
	t = new_job(image.at, image.size);
	set_map(t, map, 3);
	run(t, SEGUE_OK);
	assert_true(has_flag(t, 5));
	assert_int_equal(field(t, SYMS_NUM), 4);
	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "no RAM for 8448 bytes");
	{
		static const uint8_t nothing[40];
		const uint8_t *headers = target(t, field(t, SYMS_ADDR), 4 * 40);

		assert_memory_equal(headers + 40, nothing, 40);
		assert_ptr_equal(target(t, le32(headers + 2 * 40 + 12), 0x20), image.at + 0x2800);
		assert_ptr_equal(target(t, le32(headers + 3 * 40 + 12), 0x20), image.at + 0x2820);
	}
	free(t);

	/* the names are in the large one: no section headers, but the kernel is started */
	elf_kernel(false, 0);
	add_section(&image, 0, 0, 0, 0, 0);
	add_section(&image, 1, 0, 0, 0x400, 0x2100);
	add_section(&image, 3, 0, 0, 0x2500, 0x20);
	t = new_job(image.at, image.size);
	set_map(t, map, 3);
	run(t, SEGUE_OK);
	assert_false(has_flag(t, 5));
	assert_int_equal(field(t, SYMS_NUM), 0);
	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "8480 bytes");
	assert_int_equal(t->job.entry.eip, 0x100020);
	free(t);
}

/* A section without bytes does not separate its neighbours, and its header is unchanged. */
static void section_without_bytes_between(void **state)
{
	(void)state;
	for (int room = 0; room < 2; room++) {
		static const struct segue_range map[] = {{0x100000, 0x102000, 1, 0}, {0x3000000, 0x3000400, 1, 0}};
		struct loader_job *t;
		const uint8_t *headers;

		elf_kernel(false, 0);
		add_section(&image, 0, 0, 0, 0, 0);
		add_section(&image, 3, 0, 0, 0x2ff0, 0x10);
		add_section(&image, 1, 0, 0, 0x1000, 0x1000);
		add_section(&image, 8, 0, 0x77, 0x2000, 0x3000);
		add_section(&image, 2, 0, 0, 0x2000, 0x800);
		put_le16(image.at + 50, 1);
		t = new_job(image.at, image.size);
		if (!room)
			set_map(t, map, 2);
		run(t, SEGUE_OK);
		headers = target(t, field(t, SYMS_ADDR), 5 * 40);
		assert_int_equal(le32(headers + 3 * 40 + 4), 8);
		assert_int_equal(le32(headers + 3 * 40 + 12), 0x77);
		assert_int_equal(le32(headers + 3 * 40 + 20), 0x3000);
		assert_int_equal(t->warnings, !room);
		if (room)
			assert_int_equal(le32(headers + 4 * 40 + 12) - le32(headers + 2 * 40 + 12), 0x1000);
		else
			assert_int_equal(le32(headers + 4 * 40 + 4), 0);
		free(t);
	}
}

/* Sections far apart from each other are loaded one by one, but not more than 16 times. */
static void sections_far_apart(void **state)
{
	struct loader_job *t;
	const uint8_t *headers;

	(void)state;
	elf_kernel(false, 0);
	add_section(&image, 3, 0, 0, 0x2f00, 0x10);
	for (uint32_t i = 0; i < 17; i++)
		add_section(&image, 1, 0, 0, 0x400 + i * 0x200, 0x10);
	put_le16(image.at + 50, 0);
	t = load_image(SEGUE_OK);
	headers = target(t, field(t, SYMS_ADDR), 18 * 40);
	for (uint32_t i = 1; i < 18; i++)
		assert_int_equal(le32(headers + i * 40 + 4), i < 16);
	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "32 bytes");
	free(t);
}

static void more_section_headers_than_there_is_room_for(void **state)
{
	static uint8_t file[IMAGE_SIZE + 411 * 40];

	(void)state;
	for (uint16_t count = 409; count <= 410; count++) {
		struct loader_job *t;

		elf_kernel(false, 0);
		memcpy(file, image.at, IMAGE_SIZE);
		put_le32(file + 32, IMAGE_SIZE);
		put_le16(file + 46, 40);
		put_le16(file + 48, count);
		t = run(new_job(file, sizeof file), SEGUE_OK);
		assert_int_equal(has_flag(t, 5), count == 409);
		assert_int_equal(t->warnings, count == 410);
		free(t);
	}
}

/* Without section headers the kernel is started, and a warning says what is wrong with them. */
static void starts_without_sections(const char *part)
{
	struct loader_job *t = load_image(SEGUE_OK);

	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "the kernel gets no ELF sections: ");
	assert_sentence(t, part);
	assert_false(has_flag(t, 5));
	for (size_t i = 0; i < t->job.segment_count; i++)
		assert_null(strstr(t->job.segments[i].name, "section"));
	free(t);
}

static void broken_section_headers(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		elf_kernel(is_64, 0);
		add_sections();
		put_le16(image.at + (is_64 ? 58 : 46), is_64 ? 40 : 64);
		starts_without_sections(is_64 ? "40 bytes each, not 64" : "64 bytes each, not 40");
		put_le16(image.at + (is_64 ? 58 : 46), 0);
		starts_without_sections("0 bytes each");
		elf_kernel(is_64, 0);
		add_sections();
		PUT(&image, image.at, header, e_shoff, IMAGE_SIZE - 8 * (is_64 ? 64 : 40) + 1);
		starts_without_sections("section headers 8, ");
		elf_kernel(is_64, 0);
		add_sections();
		PUT(&image, section_at(&image, 4), section_header, sh_offset, IMAGE_SIZE - 0x1f);
		starts_without_sections("section 4, ");
		PUT(&image, section_at(&image, 4), section_header, sh_offset, 0xffffffff);
		starts_without_sections("bytes at offset 0xffffffff");
		/* section 0 too; headers after the end of the table are ignored */
		PUT(&image, section_at(&image, 4), section_header, sh_offset, 0x2018);
		put_le32(section_at(&image, 0) + 4, 1);
		PUT(&image, section_at(&image, 0), section_header, sh_size, IMAGE_SIZE + 1);
		starts_without_sections("section 0, ");
		put_le32(section_at(&image, 0) + 4, 0);
		add_section(&image, 1, 0, 0, 0, IMAGE_SIZE + 1);
		put_le16(image.at + (is_64 ? 60 : 48), 8);
		free(load_image(SEGUE_OK));
		/* no section headers: e_shoff is ignored */
		put_le16(image.at + (is_64 ? 60 : 48), 0);
		free(load_image(SEGUE_OK));
		/* e_shstrndx names a section that does not exist */
		elf_kernel(is_64, 0);
		add_sections();
		put_le16(image.at + (is_64 ? 62 : 50), 8);
		{
			struct loader_job *t = load_image(SEGUE_OK);

			assert_int_equal(field(t, SYMS_SHNDX), 0);
			free(t);
		}
	}
}

static void boot_device(void **state)
{
	struct loader_job *t;

	(void)state;
	elf_kernel(false, 0);
	t = new_job(image.at, image.size);
	t->args.machine = &t->machine;
	t->machine.boot_device = 0x8001ffff;
	t->machine.has_boot_device = 1;
	run(t, SEGUE_OK);
	assert_true(has_flag(t, 1));
	assert_int_equal(field(t, BOOT_DEVICE), 0x8001ffff);
	free(t);
}

static void framebuffers(void **state)
{
	static const struct segue_framebuffer screens[] = {
		{0xfd000000, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 16, 8, 8, 7, 1, 6},
		{0x12fd000000, 640, 640, 480, 8, SEGUE_FRAMEBUFFER_INDEXED, 0, 0, 0, 0, 0, 0},
		{0xb8000, 160, 80, 25, 16, SEGUE_FRAMEBUFFER_EGA_TEXT, 0, 0, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof screens / sizeof *screens; i++) {
		const struct segue_framebuffer *s = &screens[i];
		const uint8_t color[6] = {s->red_position, s->red_size, s->green_position, s->green_size, s->blue_position,
					  s->blue_size};
		struct loader_job *t;

		elf_kernel(false, 0);
		t = new_job(image.at, image.size);
		t->args.machine = &t->machine;
		t->machine.framebuffer = *s;
		run(t, SEGUE_OK);
		assert_true(has_flag(t, 12));
		assert_int_equal(le64(info(t) + FB_ADDR), s->addr);
		assert_int_equal(field(t, FB_PITCH), s->pitch);
		assert_int_equal(field(t, FB_WIDTH), s->width);
		assert_int_equal(field(t, FB_HEIGHT), s->height);
		assert_int_equal(info(t)[FB_BPP], s->bpp);
		assert_int_equal(info(t)[FB_TYPE], s->type);
		/* the palette of an indexed one: no colours, no address */
		assert_memory_equal(info(t) + FB_COLOR, color, 6);
		assert_false(has_flag(t, 11));
		free(t);
	}
}

/* A structure of zeros, which has the type INDEXED. */
static void unknown_framebuffer(void **state)
{
	struct loader_job *t;

	(void)state;
	elf_kernel(false, 0);
	t = new_job(image.at, image.size);
	t->args.machine = &t->machine;
	t->machine = (struct segue_machine){0};
	run(t, SEGUE_OK);
	assert_false(has_flag(t, 12));
	free(t);
}

static void vbe(void **state)
{
	uint8_t control[512], mode[256];
	struct segue_vbe vbe = {control, mode, 0x4118, 0xc000, 0x1234, 0x56};
	struct loader_job *t;

	(void)state;
	memset(control, 0x5a, sizeof control);
	memset(mode, 0xa5, sizeof mode);
	elf_kernel(false, 4);
	t = new_job(image.at, image.size);
	t->args.machine = &t->machine;
	t->machine.vbe = &vbe;
	run(t, SEGUE_OK);
	assert_true(has_flag(t, 11));
	assert_memory_equal(target(t, field(t, VBE_CONTROL), 512), control, 512);
	assert_memory_equal(target(t, field(t, VBE_MODE_INFO), 256), mode, 256);
	assert_int_equal(le16(info(t) + VBE_MODE), 0x4118);
	assert_int_equal(le16(info(t) + VBE_SEG), 0xc000);
	assert_int_equal(le16(info(t) + VBE_OFF), 0x1234);
	assert_int_equal(le16(info(t) + VBE_LEN), 0x56);
	assert_int_equal(t->warnings, 0);
	assert_string_at(t, field(t, CMDLINE), "kernel");
	free(t);
}

static void wish_for_a_video_mode(void **state)
{
	/* the header's mode type, width, height, depth; the present screen; a warning? */
	static const struct {
		uint32_t type, width, height, depth;
		struct segue_framebuffer screen;
		int warnings;
	} cases[] = {
		{0, 1024, 768, 32, {0, 0, 0, 0, 0, SEGUE_FRAMEBUFFER_NONE, 0, 0, 0, 0, 0, 0}, 1},
		{1, 80, 25, 0, {0, 0, 0, 0, 0, SEGUE_FRAMEBUFFER_NONE, 0, 0, 0, 0, 0, 0}, 0},
		{0, 1024, 768, 32, {1, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 0, 0, 0, 0, 0, 0}, 0},
		{0, 0, 0, 0, {1, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 0, 0, 0, 0, 0, 0}, 0},
		{0, 800, 768, 32, {1, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 0, 0, 0, 0, 0, 0}, 1},
		{0, 1024, 600, 32, {1, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 0, 0, 0, 0, 0, 0}, 1},
		{0, 1024, 768, 24, {1, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 0, 0, 0, 0, 0, 0}, 1},
		{0, 0, 0, 0, {0xb8000, 160, 80, 25, 16, SEGUE_FRAMEBUFFER_EGA_TEXT, 0, 0, 0, 0, 0, 0}, 1},
		{1, 80, 25, 0, {0xb8000, 160, 80, 25, 16, SEGUE_FRAMEBUFFER_EGA_TEXT, 0, 0, 0, 0, 0, 0}, 0},
		{1, 80, 25, 0, {1, 4096, 1024, 768, 32, SEGUE_FRAMEBUFFER_RGB, 0, 0, 0, 0, 0, 0}, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;
		uint8_t *p = image.at + HEADER_AT + 32;

		elf_kernel(false, 4);
		put_le32(p, cases[i].type);
		put_le32(p + 4, cases[i].width);
		put_le32(p + 8, cases[i].height);
		put_le32(p + 12, cases[i].depth);
		t = new_job(image.at, image.size);
		t->args.machine = &t->machine;
		t->machine.framebuffer = cases[i].screen;
		run(t, SEGUE_OK);
		if (t->warnings != cases[i].warnings)
			fail_msg("case %zu: %d warnings: %s", i, t->warnings, t->sentence);
		assert_int_equal(has_flag(t, 12), cases[i].screen.type != SEGUE_FRAMEBUFFER_NONE);
		assert_int_equal(t->job.asks_video, cases[i].type == 1 ? SEGUE_VIDEO_TEXT : SEGUE_VIDEO_GRAPHICS);
		assert_int_equal(t->job.video_width, cases[i].type == 1 ? 0 : cases[i].width);
		assert_int_equal(t->job.video_height, cases[i].type == 1 ? 0 : cases[i].height);
		assert_int_equal(t->job.video_depth, cases[i].depth);
		assert_int_equal(t->job.video_mode, 0);
		free(t);
		/* no warning for a host that will set the mode later */
		t = new_job(image.at, image.size);
		t->args.flags = SEGUE_LOAD_VIDEO;
		t->args.machine = &t->machine;
		t->machine.framebuffer = cases[i].screen;
		run(t, SEGUE_OK);
		assert_int_equal(t->warnings, 0);
		free(t);
	}
	elf_kernel(false, 3);
	struct loader_job *t = new_job(image.at, image.size);
	run(t, SEGUE_OK);
	assert_int_equal(t->job.asks_video, SEGUE_VIDEO_NOT_ASKED);
	free(t);
}

/*
 * Below 640 KiB, where kernels have mapped it before they read it, but not in memory that the firmware or Xen uses, and not
 * after a kernel that is there, because it may use the memory after its end. Else below the kernel, or above it at a
 * distance.
 */
static void where_the_information_goes(void **state)
{
	/* RAM below 640 KiB; the end of RAM; place of the kernel (0x1000 bytes); places of the information and headers */
	static const struct {
		uint32_t low, low_end, ram, kernel, info, headers;
	} cases[] = {
		{0, 0x9fc00, 0x8000000, 0x100000, 0x10000, 0x100c0},
		{0, 0x9fc00, 0x8000000, 0x1000000, 0x10000, 0x100c0},
		{0, 0x9fc00, 0x8000000, 0x20000, 0x10000, 0x100c0},
		{0x12340, 0x9fc00, 0x8000000, 0x100000, 0x12340, 0x12400},
		/* only a little room: for the information only */
		{0x10000, 0x100e0, 0x8000000, 0x1000000, 0x10000, 0x100000},
		/* after a kernel at a low address: from the top */
		{0, 0x9fc00, 0x8000000, 0, 0x7ff40, 0x7ff10},
		{0, 0x9fc00, 0x8000000, 0x10000, 0x7ff40, 0x7ff10},
		{0, 0x9fc00, 0x8000000, 0x10020, 0x7ff40, 0x7ff10},
		/* no RAM where it is safe */
		{0, 0x10000, 0x8000000, 0x1000000, 0x100000, 0x1000c0},
		{0x80000, 0x9fc00, 0x8000000, 0x100000, 0x201000, 0x2010c0},
		{0x80000, 0x9fc00, 0x8000000, 0x100200, 0x100000, 0x1000c0},
		{0x80000, 0x9fc00, 0x8000000, 0x100080, 0x201080, 0x100000},
		/* no room after it at a distance, or none at all */
		{0x80000, 0x9fc00, 0x200000, 0x100000, 0x101000, 0x1010c0},
		{0x80000, 0x9fc00, 0x201010, 0x100000, 0x101000, 0x1010c0},
		/* at the end of the usable address space */
		{0x80000, 0x9fc00, 0xffffffff, 0xffff0000, 0x100000, 0x1000c0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (uint32_t workspace = 0; workspace < 3; workspace++) {
			static const uint32_t at[] = {WORKSPACE_AT, 0x10000, 0x100000};
			const struct segue_range map[] = {
				{cases[i].low, cases[i].low_end, 1, 0}, {0x100000, cases[i].ram, 1, 0},
			};
			struct loader_job *t;

			elf_kernel(false, 0);
			add_section(&image, 0, 0, 0, 0, 0);
			put_le16(image.at + 50, 0);
			PUT(&image, segment_at(&image, 0), program_header, p_paddr, cases[i].kernel);
			t = new_job(image.at, image.size);
			set_map(t, map, 2);
			t->args.workspace_phys = at[workspace];
			run(t, SEGUE_OK);
			if (t->job.entry.ebx != cases[i].info || field(t, SYMS_ADDR) != cases[i].headers)
				fail_msg("case %zu: %#x and %#x", i, t->job.entry.ebx, field(t, SYMS_ADDR));
			/* a segment over the BIOS's data is allowed, with a warning */
			assert_int_equal(t->warnings, cases[i].kernel == 0);
			free(t);
		}
}

static void workspace_too_small(void **state)
{
	struct loader_job *t;

	(void)state;
	elf_kernel(false, 0);
	t = new_job(image.at, image.size);
	t->args.cmdline = "a long command line, and little more room than for the segments: 0123456789 0123456789 "
			  "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789";
	t->args.workspace_size = 6144;
	for (; t->args.workspace_size > 256; t->args.workspace_size -= 8) {
		int error;

		t->job = (struct job){.part_count = 1};
		error = run_loader(t, &segue_loader_multiboot);
		if (error) {
			assert_int_equal(error, SEGUE_E_WORKSPACE_SMALL);
			break;
		}
	}
	assert_true(t->args.workspace_size > 256);
	free(t);
}

/* The warning for a plain ELF with a nearly right header; and the sentence for an unknown file with one. */
static void headers_nearly_right(void **state)
{
	static uint8_t large[0x300000];
	static const struct {
		size_t at;
		uint32_t words[3];
		const char *sentence;         /* NULL: no sentence */
	} cases[] = {
		{0x2000, {MAGIC, 3, 0u - MAGIC - 3}, "at offset 0x2000 is not in the first 8192 bytes"},
		{0x1ff8, {MAGIC, 0, 0u - MAGIC}, "at offset 0x1ff8 is not in the first 8192 bytes"},
		{0x200000, {MAGIC, 3, 0u - MAGIC - 3}, "at offset 0x200000 is not in the first 8192 bytes"},
		{0x1402, {MAGIC, 3, 0u - MAGIC - 3}, "at offset 0x1402 is not at a multiple of 4"},
		{0x1400, {MAGIC, 0u - MAGIC, 1}, "at offset 0x1400 has no flags"},
		{0x1400, {MAGIC, 0u - MAGIC - 3, 1}, "at offset 0x1400 has no flags"},
		{0x1400, {MAGIC, 0x12345678, 1}, "at offset 0x1400 has a wrong checksum"},
		/* code may contain the magic to compare with it, and data after 8 KiB may contain it */
		{0x1402, {MAGIC, 0x12345678, 1}, NULL}, {0x2000, {MAGIC, 0x12345678, 1}, NULL},
	};

	(void)state;
	elf_kernel(false, 0);
	memset(image.at + HEADER_AT, 0x90, 48);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;
		struct bytes kernel = {large, sizeof large, 0};

		memset(large, 0x90, sizeof large);
		memcpy(large, image.at, image.size);
		for (size_t k = 0; k < 3; k++)
			put_le32(large + cases[i].at + 4 * k, cases[i].words[k]);
		assert_false(segue_loader_multiboot.recognise(&kernel));
		t = new_job(large, sizeof large);
		assert_int_equal(run_loader(t, NULL), SEGUE_OK);
		assert_string_equal(t->job.protocol, "ELF");
		assert_int_equal(t->warnings, cases[i].sentence != NULL);
		if (cases[i].sentence) {
			assert_sentence(t, "taken for a plain ELF: the Multiboot header ");
			assert_sentence(t, cases[i].sentence);
		}
		free(t);
	}
}

static void a_64_bit_cpu(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;

		elf_kernel(is_64, 0);
		t = load_image(SEGUE_OK);
		assert_int_equal(t->job.is_64_bit, is_64);
		free(t);
	}
	/* ELF32 for x86-64; and a flat kernel, which does not tell */
	elf_kernel(false, 0);
	put_le16(image.at + 18, 62);
	{
		struct loader_job *t = load_image(SEGUE_OK);

		assert_true(t->job.is_64_bit);
		free(t);
		flat_kernel(0);
		t = load_image(SEGUE_OK);
		assert_false(t->job.is_64_bit);
		free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_state),
		cmocka_unit_test(search_for_the_header),
		cmocka_unit_test(first_good_header_counts),
		cmocka_unit_test(broken_headers),
		cmocka_unit_test(headers_nearly_right),
		cmocka_unit_test(a_64_bit_cpu),
		cmocka_unit_test(version_2_only),
		cmocka_unit_test(flags_that_must_be_known),
		cmocka_unit_test(truncated_header),
		cmocka_unit_test(short_header_at_the_end),
		cmocka_unit_test(neither_elf_nor_addresses),
		cmocka_unit_test(flat_images),
		cmocka_unit_test(address_refusals),
		cmocka_unit_test(addresses_win_over_elf),
		cmocka_unit_test(fields_without_anything_known),
		cmocka_unit_test(memory_map),
		cmocka_unit_test(overlapping_ranges),
		cmocka_unit_test(many_overlapping_ranges),
		cmocka_unit_test(lower_and_upper_memory),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(modules),
		cmocka_unit_test(where_modules_go),
		cmocka_unit_test(scattered_module),
		cmocka_unit_test(modules_where_room_is_short),
		cmocka_unit_test(one_rule_for_all_ways),
		cmocka_unit_test(sections_lie_between_kernel_and_modules),
		cmocka_unit_test(many_modules),
		cmocka_unit_test(no_room_for_a_module),
		cmocka_unit_test(initrd_of_a_bundle),
		cmocka_unit_test(symbols),
		cmocka_unit_test(sections_without_room),
		cmocka_unit_test(section_without_bytes_between),
		cmocka_unit_test(sections_far_apart),
		cmocka_unit_test(more_section_headers_than_there_is_room_for),
		cmocka_unit_test(broken_section_headers),
		cmocka_unit_test(boot_device),
		cmocka_unit_test(framebuffers),
		cmocka_unit_test(unknown_framebuffer),
		cmocka_unit_test(vbe),
		cmocka_unit_test(wish_for_a_video_mode),
		cmocka_unit_test(where_the_information_goes),
		cmocka_unit_test(workspace_too_small),
	};

	return cmocka_run_group_tests_name("multiboot", tests, NULL, NULL);
}
