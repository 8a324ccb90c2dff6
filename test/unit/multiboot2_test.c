/* SPDX-License-Identifier: MIT */
/* Multiboot 2: each header tag, the kernel's place, and each tag that is passed to it (specification 2.0). */
#include "elf_image.h"
#include "loader_job.h"

#define HEADER_AT 0x400u
#define MAGIC 0xe85250d6u
/* Numbers of the specification, written independently of the loader's. */
enum { REQUEST = 1, ADDRESS, ENTRY, CONSOLE, FRAMEBUFFER, ALIGN, EFI_SERVICES, EFI_32, EFI_64, RELOCATABLE };
enum {
	END = 0, CMDLINE = 1, LOADER_NAME = 2, MODULE = 3, MEMORY = 4, BOOT_DEVICE = 5, MMAP = 6, VBE = 7, FB = 8, SECTIONS = 9,
	SYSTEM_32 = 11, SYSTEM_64 = 12, RSDP_OLD = 14, RSDP_NEW = 15, EFI_MMAP = 17, LOAD_BASE = 21
};
#define OPTIONAL 1u

static struct image image;
static uint8_t *header, *next;

/* The header's length and checksum. */
static void seal(uint32_t length)
{
	put_le32(header, MAGIC);
	put_le32(header + 4, 0);
	put_le32(header + 8, length);
	put_le32(header + 12, 0u - MAGIC - length);
}

static void begin_header(uint8_t *at)
{
	header = at;
	next = at + 16;
	memset(at, 0, 0x200);
}

/* A tag; returns where its numbers are. */
static uint8_t *tag(uint32_t type, uint32_t flags, uint32_t size)
{
	uint8_t *p = next;

	put_le16(p, (uint16_t)type);
	put_le16(p + 2, (uint16_t)flags);
	put_le32(p + 4, size);
	next += (size + 7) & ~7u;
	return p + 8;
}

static void words(uint32_t type, uint32_t flags, uint32_t count, const uint32_t *values)
{
	uint8_t *p = tag(type, flags, 8 + 4 * count);

	for (uint32_t i = 0; i < count; i++)
		put_le32(p + 4 * i, values[i]);
}
#define WORDS(type, ...) words(type, 0, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static void end_header(void)
{
	tag(END, 0, 8);
	seal((uint32_t)(next - header));
}

/* An ELF kernel at 1 MiB. */
static void elf_kernel(bool is_64)
{
	new_image(&image, is_64, 0x100020);
	add_program_header(&image, PT_LOAD, 0x400, 0x100000, 0x100000, 0x300, 0x1000);
	begin_header(image.at + HEADER_AT);
}

static struct loader_job *job(void)
{
	return new_job(image.at, image.size);
}

static struct loader_job *run(struct loader_job *t, int expected)
{
	return run_by(t, NULL, expected);
}

static void refused(int code, const char *part)
{
	refused_by(job(), NULL, code, part);
}

static uint32_t info_size(const struct loader_job *t)
{
	return le32(target(t, t->job.entry.ebx, 8));
}

/* The tag number index of a type; NULL: none. Checks that all tags lie in the information, and the last one ends it. */
static const uint8_t *find(const struct loader_job *t, uint32_t type, uint32_t index)
{
	uint32_t size = info_size(t), at = 8;
	const uint8_t *info = target(t, t->job.entry.ebx, size), *found = NULL;

	assert_int_equal(le32(info + 4), 0);
	assert_int_equal(t->job.entry.ebx % 8, 0);
	for (;;) {
		assert_true(fits(at, 8, size));
		assert_true(le32(info + at + 4) >= 8 && fits(at, le32(info + at + 4), size));
		if (le32(info + at) == type && index-- == 0)
			found = info + at;
		if (le32(info + at) == END)
			break;
		at += (le32(info + at + 4) + 7) & ~7u;
	}
	assert_int_equal(at + 8, size);
	assert_int_equal(le32(info + at + 4), 8);
	return found;
}

static const uint8_t *passed(const struct loader_job *t, uint32_t type, uint32_t size)
{
	const uint8_t *p = find(t, type, 0);

	assert_non_null(p);
	assert_int_equal(le32(p + 4), size);
	assert_null(find(t, type, 1));
	return p + 8;
}

static void entry_state(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct entry_state expected = {.eax = 0x36d76289, .eip = 0x100020, .selectors = ENTRY_CODE_08_DATA_10};
		struct loader_job *t;

		elf_kernel(is_64);
		end_header();
		t = run(job(), SEGUE_OK);
		expected.ebx = t->job.entry.ebx;
		assert_memory_equal(&t->job.entry, &expected, sizeof expected);
		assert_int_equal(expected.ebx, 0x10000);
		assert_int_equal(t->job.segments[0].dest, 0x100000);
		assert_int_equal(t->job.segments[0].zero_size, 0xd00);
		assert_int_equal(t->job.is_64_bit, is_64);
		assert_int_equal(t->job.asks_video, SEGUE_VIDEO_TEXT);
		assert_string_equal(t->job.protocol, "Multiboot 2");
		assert_int_equal(t->warnings, 0);
		free(t);
	}
}

static void search_for_the_header(void **state)
{
	static const struct {
		size_t offset;
		bool found;
	} cases[] = {{0, true}, {8, true}, {0x7fe0, true}, {0x7ff0, true}, {0x7ff8, false}, {0x8000, false}, {4, false}, {12, false}};
	static uint8_t file[0x9000];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes kernel = {file, sizeof file, 0};

		memset(file, 0x55, sizeof file);
		header = file + cases[i].offset;
		seal(16);
		assert_int_equal(segue_loader_multiboot2.recognise(&kernel), cases[i].found);
		kernel.size = cases[i].offset + 16;
		assert_int_equal(segue_loader_multiboot2.recognise(&kernel), cases[i].found);
		kernel.size--;
		assert_false(segue_loader_multiboot2.recognise(&kernel));
		kernel.size++;
		header[12]++;
		assert_false(segue_loader_multiboot2.recognise(&kernel));
		/* MIPS */
		seal(16);
		header[4] = 4;
		put_le32(header + 12, le32(header + 12) - 4);
		assert_false(segue_loader_multiboot2.recognise(&kernel));
	}
}

static void nearly_a_header(void **state)
{
	static const struct {
		uint32_t offset, byte;
		const char *why;
	} cases[] = {
		{0x404, 0, "0x404 is not at a multiple of 8"}, {0x408, 12, "0x408 has a wrong checksum"}, {0x408, 4, "0x408 is for another architecture"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		elf_kernel(false);
		image.at[0] = 0;
		begin_header(image.at + cases[i].offset);
		end_header();
		if (cases[i].byte)
			header[cases[i].byte]++;
		if (cases[i].byte == 4)
			put_le32(header + 12, le32(header + 12) - 1);
		refused(SEGUE_E_UNKNOWN, cases[i].why);
	}
}

/* Each cut, of the header and of the file. */
static void truncated(void **state)
{
	uint32_t whole, tags;

	(void)state;
	elf_kernel(false);
	WORDS(CONSOLE, 2);
	WORDS(FRAMEBUFFER, 800, 600, 32);
	end_header();
	whole = (uint32_t)(next - header);
	for (uint32_t length = 0; length < whole; length++) {
		seal(length);
		refused(SEGUE_E_MULTIBOOT2_TRUNCATED, "truncated Multiboot 2");
	}
	seal(whole);
	for (image.size = HEADER_AT + 16; image.size < HEADER_AT + whole; image.size++)
		refused(SEGUE_E_MULTIBOOT2_TRUNCATED, "which must end by");
	image.size = IMAGE_SIZE;
	free(run(job(), SEGUE_OK));
	/* no end tag */
	seal(whole - 8);
	refused(SEGUE_E_MULTIBOOT2_TRUNCATED, "without an end tag");
	/* a tag that ends past the header */
	for (tags = 0; tags < 2; tags++) {
		elf_kernel(false);
		tag(tags ? 99 : ALIGN, OPTIONAL, 64);
		next -= 56;
		end_header();
		refused(SEGUE_E_MULTIBOOT2_TRUNCATED, tags ? "tag 99 at offset 0x410 has 64 bytes, the header ends at 0x420" : "tag 6 at");
	}
	put_le32(header + 20, 0xfffffff8);
	refused(SEGUE_E_MULTIBOOT2_TRUNCATED, "4294967288 bytes");
}

static void first_32_kib(void **state)
{
	static uint8_t file[0x9000];
	struct loader_job *t;

	(void)state;
	begin_header(file + 0x8000 - 48);
	WORDS(ADDRESS, 0x108000 - 48, 0x100000, 0, 0);
	WORDS(ENTRY, 0x100000);
	end_header();
	t = run(new_job(file, sizeof file), SEGUE_E_MULTIBOOT2_TRUNCATED);
	assert_sentence(t, "header of 64 bytes at offset 0x7fd0, which must end by 0x8000");
	free(t);
}

static void sizes_of_tags(void **state)
{
	static const uint32_t least[] = {[REQUEST] = 8, [ADDRESS] = 24, [ENTRY] = 12, [CONSOLE] = 12, [FRAMEBUFFER] = 20, [ALIGN] = 8,
					 [EFI_SERVICES] = 8, [EFI_32] = 8, [EFI_64] = 8, [RELOCATABLE] = 24, [11] = 8};
	(void)state;
	for (uint32_t type = 1; type < sizeof least / sizeof *least; type++)
		for (uint32_t size = 0; size < least[type]; size++) {
			char part[64];

			elf_kernel(false);
			tag(type, OPTIONAL, size);
			next = header + 40;
			end_header();
			snprintf(part, sizeof part, "short header tag: tag %u at offset 0x410 has %u bytes", type, size);
			refused(SEGUE_E_MULTIBOOT2_TAG_SIZE, part);
		}
	elf_kernel(false);
	end_header();
	put_le32(next - 4, 7);
	refused(SEGUE_E_MULTIBOOT2_TAG_SIZE, "tag 0 at offset 0x410");
}

static void unknown_tags(void **state)
{
	(void)state;
	for (uint32_t type = 11; type < 0x10000; type += 1 + type / 3) {
		char part[32];

		elf_kernel(false);
		tag(type, OPTIONAL, 9);
		end_header();
		free(run(job(), SEGUE_OK));
		elf_kernel(false);
		tag(type, 0x8000, 9);
		end_header();
		snprintf(part, sizeof part, "tag %u at offset 0x410", type);
		refused(SEGUE_E_MULTIBOOT2_TAG, part);
	}
	/* those of EFI boot services are read over */
	elf_kernel(false);
	tag(EFI_SERVICES, 0, 8);
	WORDS(EFI_32, 0x123);
	WORDS(EFI_64, 0x123);
	tag(ALIGN, 0, 8);
	end_header();
	free(run(job(), SEGUE_OK));
}

static void requests(void **state)
{
	(void)state;
	elf_kernel(false);
	WORDS(REQUEST, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21);
	WORDS(REQUEST, 21);
	words(REQUEST, OPTIONAL, 1, (uint32_t[]){77});
	tag(REQUEST, 0, 11);
	end_header();
	free(run(job(), SEGUE_OK));
	elf_kernel(false);
	WORDS(REQUEST, 6, 22);
	end_header();
	refused(SEGUE_E_MULTIBOOT2_REQUEST, "information 22, in the tag at offset 0x410");
}

static void doubled_tags(void **state)
{
	struct loader_job *t;

	(void)state;
	elf_kernel(false);
	WORDS(ENTRY, 0x100001);
	WORDS(ENTRY, 0x100004);
	end_header();
	t = run(job(), SEGUE_OK);
	assert_int_equal(t->job.entry.eip, 0x100004);
	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "two header tags 3: that at offset 0x420 counts");
	free(t);
}

static void entry_tag(void **state)
{
	(void)state;
	for (uint32_t at = 0xfffff; at <= 0x100301; at++) {
		elf_kernel(at & 1);
		WORDS(ENTRY, at);
		end_header();
		if (at >= 0x100000 && at < 0x100300) {
			struct loader_job *t = run(job(), SEGUE_OK);

			assert_int_equal(t->job.entry.eip, at);
			free(t);
		} else {
			refused(SEGUE_E_MULTIBOOT2_ENTRY, "is in no segment's bytes");
		}
		if (at == 0x100001)
			at = 0x1002f0;
	}
}

/* No ELF: an address tag, and an entry tag. */
static void flat_kernel(uint32_t header_addr, uint32_t load, uint32_t load_end, uint32_t bss_end)
{
	elf_kernel(false);
	image.at[0] = 0;
	WORDS(ADDRESS, header_addr, load, load_end, bss_end);
}

static void address_tag(void **state)
{
	static const struct {
		uint32_t header, load, load_end, bss_end, entry;
		int code;
		uint32_t dest, size, zeros;
		size_t from;
		const char *part;
	} cases[] = {
		{0x100400, 0x100000, 0, 0, 0x100440, 0, 0x100000, 0x4000, 0, 0, ""},
		{0x100400, 0xffffffff, 0, 0, 0x100440, 0, 0x100000, 0x4000, 0, 0, ""},
		{0x100000, 0x100000, 0x101000, 0, 0x100000, 0, 0x100000, 0x1000, 0, 0x400, ""},
		{0x100010, 0x100000, 0x101000, 0x103000, 0x100fff, 0, 0x100000, 0x3000, 0x2000, 0x3f0, ""},
		{0x3ff, 0xffffffff, 0, 0, 0, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "header_addr 0x3ff is below the header's offset 0x400"},
		/* load_addr above header_addr, as GRUB accepts it: what is below it in the file, and the header, is not loaded */
		{0x100000, 0x100040, 0x101000, 0x102000, 0x100040, 0, 0x100040, 0x1fc0, 0x1000, 0x440, ""},
		{0x100000, 0x100001, 0, 0, 0x103bff, 0, 0x100001, 0x3bff, 0, 0x401, ""},
		{0x100000, 0x103bff, 0, 0, 0x103bff, 0, 0x103bff, 1, 0, 0x3fff, ""},
		{0x100000, 0x100040, 0, 0, 0x10003f, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "entry_addr 0x10003f"},
		{0x100000, 0x103c00, 0, 0, 0x103c00, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "entry_addr 0x103c00"},
		{0x100000, 0x103c01, 0, 0, 0x103c01, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "load_addr 0x103c01 is above"},
		{0, 0xfffffffe, 0, 0, 0, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "load_addr 0xfffffffe is above"},
		{0x100401, 0x100000, 0, 0, 0, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "further below"},
		{0x100400, 0x100000, 0xfffff, 0, 0, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "load_end_addr 0xfffff is below"},
		{0x100400, 0x100000, 0x104001, 0, 0, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "past the file's end"},
		{0x100400, 0x100000, 0, 0x103fff, 0, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "bss_end_addr"},
		{0x100400, 0x100000, 0, 0, 0x104000, SEGUE_E_MULTIBOOT_ADDRESS, 0, 0, 0, 0, "entry_addr 0x104000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;
		const struct segment *s;

		flat_kernel(cases[i].header, cases[i].load, cases[i].load_end, cases[i].bss_end);
		WORDS(ENTRY, cases[i].entry);
		end_header();
		t = run(job(), cases[i].code);
		assert_sentence(t, cases[i].part);
		s = t->job.segments;
		if (!cases[i].code) {
			assert_int_equal(s->dest, cases[i].dest);
			assert_int_equal(s->size, cases[i].size);
			assert_int_equal(s->zero_size, cases[i].zeros);
			assert_ptr_equal(s->source.data, image.at + cases[i].from);
			assert_int_equal(t->job.entry.eip, cases[i].entry);
			assert_null(find(t, SECTIONS, 0));
			assert_int_equal(le32(passed(t, LOAD_BASE, 12)), cases[i].dest);
		}
		free(t);
	}
	/* the address tag comes before an ELF file's own headers */
	flat_kernel(0x200400, 0x200000, 0, 0);
	WORDS(ENTRY, 0x200000);
	end_header();
	image.at[0] = 0x7f;
	free(run(job(), SEGUE_OK));
	flat_kernel(0x100400, 0x100000, 0, 0);
	WORDS(EFI_64, 0x100000);
	end_header();
	refused(SEGUE_E_MULTIBOOT2_ENTRY, "an address tag, and no entry tag");
	elf_kernel(false);
	image.at[0] = 0;
	WORDS(ENTRY, 0x100000);
	end_header();
	refused(SEGUE_E_MULTIBOOT_FORMAT, "without an address tag");
}

static void relocatable(void **state)
{
	static const struct {
		uint32_t min, max, align, preference;
		int code;
		uint32_t base;
		const char *part;
	} cases[] = {
		/* RAM ends at 0x7fe0000; the kernel is 0x1000 to 0x1fff and has bytes up to 0x3000: linked at 1 MiB */
		{0, 0xffffffff, 0, 0, 0, 0x100000, ""},
		{0, 0xffffffff, 0x100000, 0, 0, 0x100000, ""},
		{0, 0xffffffff, 0x200000, 0, 0, 0x200000, ""},
		{0x100001, 0xffffffff, 0x1000, 0, 0, 0x101000, ""},
		{0x100001, 0xffffffff, 1, 0, 0, 0x100001, ""},
		{0, 0xffffffff, 1, 1, 0, 0x100000, ""},
		{0x123456, 0xffffffff, 0x1000, 1, 0, 0x124000, ""},
		{0, 0xffffffff, 0x1000, 2, 0, 0x7fdd000, ""},
		{0, 0xffffffff, 0x200000, 2, 0, 0x7e00000, ""},
		{0, 0x7000000, 0x1000, 2, 0, 0x6ffd000, ""},
		{0, 0x80000, 0x1000, 2, 0, 0x7d000, ""},
		{0, 0x80000, 0x1000, 1, 0, 0x1000, ""},
		{0, 0x80000, 0x1000, 0, 0, 0x1000, ""},
		{0x2000000, 0x2003000, 0x1000, 0, 0, 0x2000000, ""},
		{0x2000000, 0x2002fff, 1, 0, SEGUE_E_MULTIBOOT2_RELOCATABLE, 0, "12288 bytes do not fit between 0x2000000 and 0x2002fff"},
		{0, 0x2fff, 1, 0, SEGUE_E_MULTIBOOT2_RELOCATABLE, 0, "do not fit between 0x0 and 0x2fff"},
		{0xffffffff, 0, 1, 0, SEGUE_E_MULTIBOOT2_RELOCATABLE, 0, "do not fit"},
		{0, 0xffffffff, 3, 0, SEGUE_E_MULTIBOOT2_RELOCATABLE, 0, "align 0x3 is no power of two"},
		{0, 0xffffffff, 0x80000000, 0, SEGUE_E_MULTIBOOT2_PLACE, 0, "12288 bytes, aligned to 0x80000000, between 0x0 and 0xffffffff"},
		{0x8000000, 0x9000000, 1, 1, SEGUE_E_MULTIBOOT2_PLACE, 0, "between 0x8000000 and 0x9000000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int kind = 0; kind < 6; kind++) {
			uint32_t link = 0x100000;
			struct loader_job *t;

			/* ELF32, ELF64, flat; each with an entry tag or (flat ones: the same) without */
			if (kind % 3 < 2) {
				new_image(&image, kind % 3, 0xc0001020);
				add_program_header(&image, 4, 0, 0, 0, 0, 0);
				add_program_header(&image, PT_LOAD, 0x400, 0xc0001000, link + 0x1000, 0x300, 0x1000);
				add_program_header(&image, PT_LOAD, 0x800, 0xc0000000, link, 0x200, 0x300);
				add_program_header(&image, PT_LOAD, 0xa00, 0xc0002000, link + 0x2000, 0, 0x1000);
				begin_header(image.at + HEADER_AT);
			} else {
				flat_kernel(link + 0x1000, link + 0xc00, link + 0x1400, link + 0x3c00);
			}
			if (kind >= 2)
				WORDS(ENTRY, link + 0x1010);
			WORDS(RELOCATABLE, cases[i].min, cases[i].max, cases[i].align, cases[i].preference);
			end_header();
			if (kind % 3 == 2) {
				/* linked 0xc00 above, for the same numbers */
				put_le32(header + 24, link + 0x400);
				put_le32(header + 28, link);
				put_le32(header + 32, link + 0x1400);
				put_le32(header + 36, link + 0x3000);
			}
			t = job();
			run(t, cases[i].code);
			assert_sentence(t, cases[i].part);
			if (!cases[i].code) {
				assert_int_equal(t->job.entry.eip, cases[i].base + (kind >= 2 ? 0x1010 : 0x1020));
				assert_int_equal(le32(passed(t, LOAD_BASE, 12)), cases[i].base);
				assert_int_equal(t->job.segments[t->job.claims[0]].dest <= cases[i].base, 1);
				if (kind % 3 == 2) {
					assert_int_equal(t->job.segments[0].dest, cases[i].base);
					assert_int_equal(t->job.segments[0].size, 0x3000);
				} else {
					assert_int_equal(t->job.segments[0].dest, cases[i].base + 0x1000);
					assert_ptr_equal(t->job.segments[0].source.data, image.at + 0x400);
					assert_int_equal(t->job.segments[1].dest, cases[i].base);
					assert_int_equal(t->job.segments[2].dest, cases[i].base + 0x2000);
				}
			}
			free(t);
		}
}

/* Target memory elsewhere than the kernel is linked for: it is refused, or moves there. */
static void within(void **state)
{
	static const struct segue_range range = {0x2000000, 0x2800000, 0, 0};

	(void)state;
	for (int moves = 0; moves < 2; moves++) {
		struct loader_job *t;

		elf_kernel(false);
		if (moves)
			WORDS(RELOCATABLE, 0, 0xffffffff, 0x1000, 0);
		end_header();
		t = job();
		t->args.target_memory = &range;
		t->args.target_memory_count = 1;
		run(t, moves ? SEGUE_OK : SEGUE_E_SEGMENT_OUTSIDE);
		if (moves) {
			assert_int_equal(t->job.entry.eip, 0x2000020);
			assert_true(t->job.entry.ebx >= range.start && t->job.entry.ebx < range.end);
		}
		free(t);
	}
}

static void both_versions(void **state)
{
	static const struct {
		bool good_sum, is_elf;
		uint32_t flags;
		const char *protocol;
	} cases[] = {
		{true, true, 0, "Multiboot 1"}, {true, true, SEGUE_LOAD_MULTIBOOT_2, "Multiboot 2"}, {false, true, 0, "Multiboot 2"},
		{true, false, 0, "Multiboot 2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (uint32_t at = 0x300; at <= 0x600; at += 0x300) {
			struct loader_job *t;

			elf_kernel(false);
			if (!cases[i].is_elf) {
				/* version 1's header has no address, so it cannot be right */
				image.at[0] = 0;
				WORDS(ADDRESS, 0x100400, 0x100000, 0, 0);
				WORDS(ENTRY, 0x100000);
			}
			end_header();
			put_le32(image.at + at, 0x1badb002);
			put_le32(image.at + at + 4, 0);
			put_le32(image.at + at + 8, 0u - 0x1badb002 - !cases[i].good_sum);
			t = job();
			t->args.flags = cases[i].flags;
			run(t, SEGUE_OK);
			assert_string_equal(t->job.protocol, cases[i].protocol);
			assert_int_equal(t->job.entry.eax, cases[i].protocol[10] == '2' ? 0x36d76289 : 0x2badb002);
			free(t);
		}
}

static void video(void **state)
{
	struct loader_job *t;

	(void)state;
	for (int screen = 0; screen < 3; screen++) {
		elf_kernel(false);
		WORDS(FRAMEBUFFER, 800, 600, 32);
		end_header();
		t = job();
		t->args.machine = &t->machine;
		if (screen)
			t->machine.framebuffer = (struct segue_framebuffer){.addr = 0xe0000000, .width = 800, .height = 600, .pitch = 3200,
				.bpp = 32, .type = screen == 1 ? SEGUE_FRAMEBUFFER_RGB : SEGUE_FRAMEBUFFER_EGA_TEXT};
		run(t, SEGUE_OK);
		assert_int_equal(t->job.asks_video, SEGUE_VIDEO_GRAPHICS);
		assert_int_equal(t->job.video_width, 800);
		assert_int_equal(t->job.video_height, 600);
		assert_int_equal(t->job.video_depth, 32);
		assert_int_equal(t->warnings, screen != 1);
		free(t);
	}
	/* the flags tag, without a framebuffer tag */
	for (uint32_t flags = 0; flags < 4; flags++) {
		elf_kernel(false);
		WORDS(CONSOLE, flags);
		end_header();
		t = run(job(), SEGUE_OK);
		assert_int_equal(t->job.asks_video, flags & 2 ? SEGUE_VIDEO_TEXT : SEGUE_VIDEO_NOT_ASKED);
		assert_int_equal(t->warnings, flags & 1);
		if (flags & 1)
			assert_sentence(t, "requires a console");
		free(t);
	}
}

static void strings(void **state)
{
	(void)state;
	for (int bare = 0; bare < 2; bare++) {
		struct loader_job *t;

		elf_kernel(false);
		end_header();
		t = job();
		t->args.cmdline = "one two";
		t->parts[0].name = "k";
		t->args.flags = bare ? SEGUE_LOAD_NO_ARGV0 : 0;
		run(t, SEGUE_OK);
		assert_string_equal((const char *)passed(t, CMDLINE, bare ? 16 : 18), bare ? "one two" : "k one two");
		assert_string_equal((const char *)passed(t, LOADER_NAME, 8 + sizeof "Segue " SEGUE_VERSION_STRING), "Segue " SEGUE_VERSION_STRING);
		free(t);
	}
}

static void modules(void **state)
{
	static uint8_t bytes[0x1801];
	static const struct {
		size_t size;
		const char *name, *cmdline, *string;
		uint32_t start, end;
	} cases[] = {
		{0x1801, "first", "a=b c", "first a=b c", 0x101000, 0x102801}, {1, NULL, NULL, "module", 0x103000, 0x103001},
		{0, "empty", NULL, "empty", 0x103001, 0x103001}, {0x1000, "last", "", "last", 0x104000, 0x105000},
	};
	struct loader_job *t;

	(void)state;
	elf_kernel(false);
	end_header();
	t = job();
	for (size_t i = 0; i < 4; i++)
		add_module(t, bytes, cases[i].size, cases[i].name, cases[i].cmdline);
	/* run_loader() opens the blob, which takes the modules from args */
	t->args.modules = t->parts + 1;
	t->args.module_count = 4;
	run(t, SEGUE_OK);
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *p = find(t, MODULE, i);

		assert_non_null(p);
		assert_int_equal(le32(p + 4), 16 + strlen(cases[i].string) + 1);
		assert_int_equal(le32(p + 8), cases[i].start);
		assert_int_equal(le32(p + 12), cases[i].end);
		assert_string_equal((const char *)p + 16, cases[i].string);
	}
	assert_null(find(t, MODULE, 4));
	free(t);
}

/* A kernel that wants to lie high has no room after it. */
static void modules_of_a_high_kernel(void **state)
{
	static uint8_t bytes[0x100000];
	struct loader_job *t;

	(void)state;
	elf_kernel(false);
	WORDS(RELOCATABLE, 0, 0xffffffff, 0x1000, 2);
	end_header();
	t = job();
	add_module(t, bytes, sizeof bytes, NULL, NULL);
	t->args.modules = t->parts + 1;
	t->args.module_count = 1;
	run(t, SEGUE_OK);
	assert_int_equal(le32(find(t, MODULE, 0) + 8), 0x100000);
	assert_int_equal(t->warnings, 0);
	free(t);
}

static void memory_map(void **state)
{
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	elf_kernel(false);
	end_header();
	t = run(job(), SEGUE_OK);
	p = passed(t, MMAP, 16 + 6 * 24);
	assert_int_equal(le32(p), 24);
	assert_int_equal(le32(p + 4), 0);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(le64(p + 8 + 24 * i), pc_map[i].start);
		assert_int_equal(le64(p + 16 + 24 * i), pc_map[i].end - pc_map[i].start);
		assert_int_equal(le32(p + 24 + 24 * i), pc_map[i].type);
		assert_int_equal(le32(p + 28 + 24 * i), 0);
	}
	p = passed(t, MEMORY, 16);
	assert_int_equal(le32(p), 0x9fc00 / 1024);
	assert_int_equal(le32(p + 4), (0x7fe0000 - 0x100000) / 1024);
	free(t);
}

static void sections(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;
		const uint8_t *p;
		uint32_t size = is_64 ? 64 : 40, at;

		elf_kernel(is_64);
		end_header();
		add_section(&image, SHT_NULL, 0, 0, 0, 0);
		add_section(&image, 1, SHF_ALLOC, 0x100000, 0x400, 0x300);
		add_section(&image, 2, 0, 0, 0x2000, 0x30);
		add_section(&image, 3, 0, 0, 0x2030, 0x20);
		t = run(job(), SEGUE_OK);
		p = passed(t, SECTIONS, 20 + 4 * size);
		assert_int_equal(le32(p), 4);
		assert_int_equal(le32(p + 4), size);
		assert_int_equal(le32(p + 8), 3);
		assert_int_equal(section_address(&image, p + 12 + size), 0x100000);
		at = (uint32_t)section_address(&image, p + 12 + 2 * size);
		assert_int_equal(at, 0x101000);
		assert_memory_equal(target(t, at, 0x50), image.at + 0x2000, 0x50);
		assert_int_equal(section_address(&image, p + 12 + 3 * size), at + 0x30);
		free(t);
		/* headers that are not all in the file, and those that are too many */
		image.at[FIELD_AT(&image, header, e_shnum) + 1] = 1;
		for (int i = 0; i < 2; i++) {
			t = run(job(), SEGUE_OK);
			assert_null(find(t, SECTIONS, 0));
			assert_int_equal(t->warnings, 1);
			free(t);
			put_le16(image.at + FIELD_AT(&image, header, e_shentsize), 1);
		}
	}
}

static void too_many_sections(void **state)
{
	static uint8_t file[0x10000];
	struct loader_job *t;

	(void)state;
	elf_kernel(false);
	end_header();
	PUT(&image, image.at, header, e_shoff, 0x4000);
	put_le16(image.at + FIELD_AT(&image, header, e_shentsize), 40);
	put_le16(image.at + FIELD_AT(&image, header, e_shnum), 410);
	memcpy(file, image.at, sizeof image.at);
	t = run(new_job(file, sizeof file), SEGUE_OK);
	assert_null(find(t, SECTIONS, 0));
	assert_sentence(t, "no room for 410 section headers");
	free(t);
	put_le16(file + FIELD_AT(&image, header, e_shnum), 409);
	t = run(new_job(file, sizeof file), SEGUE_OK);
	passed(t, SECTIONS, 20 + 409 * 40);
	free(t);
}

static void machine(void **state)
{
	static const struct {
		enum segue_framebuffer_type type;
		uint32_t size;
	} screens[] = {{SEGUE_FRAMEBUFFER_INDEXED, 36}, {SEGUE_FRAMEBUFFER_RGB, 38}, {SEGUE_FRAMEBUFFER_EGA_TEXT, 32}};
	static uint8_t control[512], mode[256], rsdp[36], descriptors[96];
	static const struct segue_vbe vbe = {control, mode, 0x4118, 0xc000, 0x1234, 0x56};
	const uint8_t *p;

	(void)state;
	memset(control, 0xc1, sizeof control);
	memset(mode, 0x3e, sizeof mode);
	memset(descriptors, 0xed, sizeof descriptors);
	for (size_t i = 0; i < sizeof rsdp; i++)
		rsdp[i] = (uint8_t)(100 + i);
	for (uint32_t i = 0; i < 3; i++) {
		struct loader_job *t;

		elf_kernel(false);
		WORDS(CONSOLE, 0);
		end_header();
		t = job();
		t->args.machine = &t->machine;
		rsdp[15] = i == 2 ? 2 : 0;
		t->machine = (struct segue_machine){
			.framebuffer = {.addr = 0x123456789a, .pitch = 1, .width = 2, .height = 3, .bpp = 4, .type = (uint8_t)screens[i].type,
					.red_position = 5, .red_size = 6, .green_position = 7, .green_size = 8, .blue_position = 9, .blue_size = 10},
			.vbe = i ? &vbe : NULL,
			.has_boot_device = i < 2, .boot_device = i ? 0x80ffffff : 0x8101ff00,
			.rsdp_copy = rsdp, .rsdp_copy_size = i ? 36 : 20,
			.efi_bits = i == 1 ? 32 : i == 2 ? 64 : 0, .efi_system_table = 0x1234567812345678, .efi_descriptor_size = 48,
			.efi_descriptor_version = 1, .efi_memory_map = i ? descriptors : NULL, .efi_memory_map_size = sizeof descriptors,
		};
		run(t, SEGUE_OK);
		p = passed(t, FB, screens[i].size);
		assert_int_equal(le64(p), 0x123456789a);
		assert_int_equal(le32(p + 8), 1);
		assert_int_equal(le32(p + 12), 2);
		assert_int_equal(le32(p + 16), 3);
		assert_int_equal(p[20], 4);
		assert_int_equal(p[21], screens[i].type);
		assert_int_equal(le16(p + 22), 0);
		if (i == 0)
			assert_int_equal(le32(p + 24), 0);
		for (uint8_t k = 0; i == 1 && k < 6; k++)
			assert_int_equal(p[24 + k], 5 + k);
		if (i == 2) {
			assert_null(find(t, BOOT_DEVICE, 0));
		} else {
			p = passed(t, BOOT_DEVICE, 20);
			assert_int_equal(le32(p), i ? 0x80 : 0x81);
			assert_int_equal(le32(p + 4), i ? 0xffffffff : 1);
			assert_int_equal(le32(p + 8), 0xffffffff);
		}
		if (i == 0) {
			assert_null(find(t, VBE, 0));
			assert_null(find(t, EFI_MMAP, 0));
			assert_null(find(t, SYSTEM_32, 0));
		} else {
			p = passed(t, VBE, 784);
			assert_int_equal(le16(p), 0x4118);
			assert_int_equal(le16(p + 2), 0xc000);
			assert_int_equal(le16(p + 4), 0x1234);
			assert_int_equal(le16(p + 6), 0x56);
			assert_memory_equal(p + 8, control, 512);
			assert_memory_equal(p + 520, mode, 256);
			p = passed(t, EFI_MMAP, 16 + sizeof descriptors);
			assert_int_equal(le32(p), 48);
			assert_int_equal(le32(p + 4), 1);
			assert_memory_equal(p + 8, descriptors, sizeof descriptors);
		}
		if (i == 1)
			assert_int_equal(le32(passed(t, SYSTEM_32, 12)), 0x12345678);
		if (i == 2)
			assert_int_equal(le64(passed(t, SYSTEM_64, 16)), 0x1234567812345678);
		assert_memory_equal(passed(t, RSDP_OLD, 28), rsdp, 20);
		if (i == 2)
			assert_memory_equal(passed(t, RSDP_NEW, 44), rsdp, 36);
		else
			assert_null(find(t, RSDP_NEW, 0));
		free(t);
	}
}

/* GRUB's order, with the sections last. */
static void order_of_tags(void **state)
{
	static const uint32_t order[] = {LOAD_BASE, CMDLINE, LOADER_NAME, MMAP, MEMORY, SECTIONS, END};
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	elf_kernel(false);
	end_header();
	add_section(&image, SHT_NULL, 0, 0, 0, 0);
	t = run(job(), SEGUE_OK);
	p = target(t, t->job.entry.ebx, info_size(t)) + 8;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++, p += (le32(p + 4) + 7) & ~7u)
		assert_int_equal(le32(p), order[i]);
	free(t);
}

static void workspace_too_small(void **state)
{
	static char line[WORKSPACE_SIZE + 1];
	struct loader_job *t;

	(void)state;
	memset(line, 'x', sizeof line - 1);
	elf_kernel(false);
	end_header();
	t = job();
	t->args.cmdline = line;
	run(t, SEGUE_E_WORKSPACE_SMALL);
	free(t);
	elf_kernel(true);
	put_le16(image.at + FIELD_AT(&image, header, e_phnum), 65535);
	WORDS(RELOCATABLE, 0, 0xffffffff, 0x200000, 0);
	end_header();
	refused(SEGUE_E_ELF_TRUNCATED, "program headers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_state), cmocka_unit_test(search_for_the_header), cmocka_unit_test(nearly_a_header),
		cmocka_unit_test(truncated), cmocka_unit_test(first_32_kib), cmocka_unit_test(sizes_of_tags), cmocka_unit_test(unknown_tags),
		cmocka_unit_test(requests), cmocka_unit_test(doubled_tags), cmocka_unit_test(entry_tag), cmocka_unit_test(address_tag),
		cmocka_unit_test(relocatable), cmocka_unit_test(within), cmocka_unit_test(both_versions), cmocka_unit_test(video),
		cmocka_unit_test(strings), cmocka_unit_test(modules), cmocka_unit_test(modules_of_a_high_kernel), cmocka_unit_test(memory_map),
		cmocka_unit_test(sections), cmocka_unit_test(too_many_sections), cmocka_unit_test(machine), cmocka_unit_test(order_of_tags),
		cmocka_unit_test(workspace_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
