/* SPDX-License-Identifier: MIT */
/* PVH: the notes, the entry, and each field of the start info (Xen, include/public/elfnote.h, arch-x86/hvm/start_info.h). */
#include "elf_image.h"
#include "rsdp.h"
#include "loader_job.h"

#define NOTES 0x2000u
#define AT 0x100000u
#define ENTRY (AT + 0x20)
#define PHYS32_ENTRY 18u
/* Offsets and numbers of the headers named above, written independently of the loader's. */
enum {
	MAGIC = 0, VERSION = 4, FLAGS = 8, NR_MODULES = 12, MODLIST = 16, CMDLINE = 24, RSDP = 32, MEMMAP = 40, ENTRIES = 48,
	RESERVED = 52
};
enum { PADDR = 0, SIZE = 8, MODULE_CMDLINE = 16, MODULE_RESERVED = 24, MODULE_BYTES = 32, ENTRY_BYTES = 24 };
#define INFO_BYTES 56u

static struct image image;
static uint32_t notes_end;

/* A note after the others. size: what it says; the contents are the lowest bytes of value. */
static void add_note(const char *owner, uint32_t type, uint32_t size, uint64_t value)
{
	uint8_t *p = image.at + notes_end;
	uint32_t name = (uint32_t)strlen(owner) + 1;

	put_le32(p, name);
	put_le32(p + 4, size);
	put_le32(p + 8, type);
	memset(p + 12, 0, 0x40);
	memcpy(p + 12, owner, name);
	put_le64(p + 12 + ((name + 3) & ~3u), value);
	notes_end += 12 + ((name + 3) & ~3u) + ((size + 3) & ~3u);
	PUT(&image, segment_at(&image, 1), program_header, p_filesz, notes_end - NOTES);
}

/* A kernel at 1 MiB, with a PT_NOTE that has no notes yet, and an e_entry that leads nowhere. */
static void new_kernel(bool is_64)
{
	new_image(&image, is_64, 0xdead0000);
	add_program_header(&image, PT_LOAD, 0x400, 0xc0100000, AT, 0x300, 0x1000);
	add_program_header(&image, PT_NOTE, NOTES, 0, 0, 0, 0);
	notes_end = NOTES;
}

static void kernel(bool is_64)
{
	new_kernel(is_64);
	add_note("Xen", PHYS32_ENTRY, is_64 ? 8 : 4, ENTRY);
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

static const uint8_t *start_info(const struct loader_job *t)
{
	return target(t, t->job.entry.ebx, INFO_BYTES);
}

/* An address in the start info: 64 bits. */
static const uint8_t *passed(const struct loader_job *t, uint32_t field, uint32_t size)
{
	uint64_t at = le64(start_info(t) + field);

	assert_int_not_equal(at, 0);
	return target(t, at, size);
}

static void entry_state(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct entry_state expected = {.eip = ENTRY, .selectors = ENTRY_CODE_08_DATA_10};
		struct loader_job *t;

		kernel(is_64);
		t = run(job(), SEGUE_OK);
		expected.ebx = t->job.entry.ebx;
		expected.esp = t->job.entry.esp;
		assert_memory_equal(&t->job.entry, &expected, sizeof expected);
		assert_int_equal(expected.ebx, 0x10000);
		assert_int_equal(t->job.segments[0].dest, AT);
		assert_int_equal(t->job.segments[0].source.size, 0x300);
		assert_int_equal(t->job.segments[0].zero_size, 0xd00);
		assert_int_equal(t->job.is_64_bit, is_64);
		assert_int_equal(t->job.asks_video, SEGUE_VIDEO_NOT_ASKED);
		assert_string_equal(t->job.protocol, "PVH");
		assert_int_equal(t->warnings, 0);
		free(t);
	}
}

/* 4 and 8 bytes in files of both classes; among other notes, in the last of several PT_NOTEs. */
static void find_the_note(void **state)
{
	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++)
		for (uint32_t size = 4; size <= 8; size += 4) {
			struct loader_job *t;

			new_kernel(is_64);
			add_note("Linux", 0, 3, 6);
			add_note("GNU", PHYS32_ENTRY, 4, AT + 8);
			add_note("Xen", 6, 6, 0x78756e694c);
			add_note("Xen", PHYS32_ENTRY, size, ENTRY);
			add_note("XenX", PHYS32_ENTRY, 8, AT + 8);
			t = run(job(), SEGUE_OK);
			assert_int_equal(t->job.entry.eip, ENTRY);
			free(t);
			/* the same notes in a PT_NOTE after one that is empty, and one of another program */
			add_program_header(&image, PT_NOTE, NOTES, 0, 0, notes_end - NOTES, 0);
			PUT(&image, segment_at(&image, 1), program_header, p_filesz, 0);
			t = run(job(), SEGUE_OK);
			assert_int_equal(t->job.entry.eip, ENTRY);
			free(t);
		}
}

/* Other owners, types and lengths of the name: these are plain ELF files. */
static void other_notes(void **state)
{
	static const struct {
		const char *owner;
		uint32_t type;
	} cases[] = {{"Xem", PHYS32_ENTRY}, {"Xen2", PHYS32_ENTRY}, {"Xe", PHYS32_ENTRY}, {"", PHYS32_ENTRY}, {"Xen", 1}, {"Xen", 19}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes file = {image.at, sizeof image.at, 0};

		new_kernel(true);
		add_note(cases[i].owner, cases[i].type, 8, ENTRY);
		assert_false(segue_loader_pvh.recognise(&file));
		refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
	}
	/* a name that is longer or shorter than it says */
	for (uint32_t size = 0; size <= 8; size++) {
		kernel(true);
		put_le32(image.at + NOTES, size);
		if (size != 4)
			refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
	}
	/* no PT_NOTE; notes in a segment of another type */
	kernel(true);
	put_le32(segment_at(&image, 1), 0x60000000);
	refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
}

/* The contents cut by the segment's end and by the file's, and of other sizes. */
static void broken_note(void **state)
{
	(void)state;
	for (uint32_t cut = 1; cut <= 8; cut++) {
		char part[80];

		snprintf(part, sizeof part, "program header 1: a note of 8 bytes, of which %u are there", 8 - cut);
		kernel(true);
		PUT(&image, segment_at(&image, 1), program_header, p_filesz, notes_end - NOTES - cut);
		refused(SEGUE_E_PVH_NOTE, part);
		kernel(true);
		image.size = notes_end - cut;
		refused(SEGUE_E_PVH_NOTE, part);
		image.size = IMAGE_SIZE;
	}
	for (uint32_t size = 0; size <= 16; size++) {
		char part[80];

		if (size == 4 || size == 8)
			continue;
		new_kernel(false);
		add_note("Xen", PHYS32_ENTRY, size, ENTRY);
		snprintf(part, sizeof part, "broken PVH note: program header 1: a note of %u bytes, of which %u", size, size);
		refused(SEGUE_E_PVH_NOTE, part);
	}
	new_kernel(true);
	add_note("Xen", PHYS32_ENTRY, 8, ENTRY);
	put_le32(image.at + NOTES + 4, 0xfffffffc);
	refused(SEGUE_E_PVH_NOTE, "a note of 4294967292 bytes, of which 8 are there");
}

/* Cut before the contents, the note cannot be told from none: its header, its name, all of it after the file's end. */
static void no_note(void **state)
{
	(void)state;
	for (uint32_t size = 0; size < 16; size++) {
		kernel(true);
		PUT(&image, segment_at(&image, 1), program_header, p_filesz, size);
		refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
		kernel(true);
		image.size = NOTES + size;
		refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
		image.size = IMAGE_SIZE;
	}
	kernel(true);
	PUT(&image, segment_at(&image, 1), program_header, p_offset, UINT64_MAX - 4);
	refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
	/* sizes of another note that wrap, or lead past the segment: the notes end there */
	for (int field = 0; field < 8; field += 4) {
		new_kernel(true);
		add_note("GNU", 3, 20, 0);
		add_note("Xen", PHYS32_ENTRY, 8, ENTRY);
		free(run(job(), SEGUE_OK));
		put_le32(image.at + NOTES + field, 0xffffffff);
		refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
		put_le32(image.at + NOTES + field, 0xfffffff0);
		refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
	}
	/* two sizes that wrap together to the next note */
	new_kernel(true);
	add_note("GNU", 3, 20, 0);
	add_note("Xen", PHYS32_ENTRY, 8, ENTRY);
	put_le32(image.at + NOTES, 0x80000000);
	put_le32(image.at + NOTES + 4, 0x80000018);
	refused(SEGUE_E_ELF_64BIT, "64-bit ELF entry");
}

/* Every offset of the notes in the file and every cut of the file: accepted or refused, and nothing is read outside. */
static void misaligned(void **state)
{
	(void)state;
	for (uint32_t by = 1; by < 9; by++) {
		struct loader_job *t;

		kernel(true);
		memmove(image.at + NOTES + by, image.at + NOTES, notes_end - NOTES);
		PUT(&image, segment_at(&image, 1), program_header, p_offset, NOTES + by);
		t = run(job(), SEGUE_OK);
		assert_int_equal(t->job.entry.eip, ENTRY);
		free(t);
	}
	kernel(true);
	for (size_t size = 0; size < notes_end; size++) {
		uint8_t *exact = malloc(size + 1);
		struct loader_job *t;

		assert_non_null(exact);
		memcpy(exact, image.at, size);
		t = new_job(exact, size);
		assert_int_not_equal(run_loader(t, NULL), SEGUE_OK);
		free(t);
		free(exact);
	}
}

static void doubled(void **state)
{
	struct loader_job *t;

	(void)state;
	kernel(true);
	add_note("Xen", PHYS32_ENTRY, 4, ENTRY);
	t = run(job(), SEGUE_OK);
	assert_int_equal(t->job.entry.eip, ENTRY);
	free(t);
	kernel(true);
	add_note("Xen", PHYS32_ENTRY, 4, ENTRY + 4);
	refused(SEGUE_E_PVH_TWICE, "PVH notes differ: 0x100020 and 0x100024");
	/* in two segments */
	kernel(true);
	add_program_header(&image, PT_NOTE, notes_end, 0, 0, 0x20, 0);
	add_note("Xen", PHYS32_ENTRY, 8, ENTRY + 8);
	PUT(&image, segment_at(&image, 1), program_header, p_filesz, 0x18);
	refused(SEGUE_E_PVH_TWICE, "0x100020 and 0x100028");
	/* the second is broken */
	kernel(true);
	add_note("Xen", PHYS32_ENTRY, 5, ENTRY);
	refused(SEGUE_E_PVH_NOTE, "a note of 5 bytes");
}

/* As many bytes of notes are read as the file has: more are only in PT_NOTEs that overlap. */
static void overlapping(void **state)
{
	(void)state;
	for (uint32_t over = 0; over < 2; over++) {
		struct bytes file = {image.at, sizeof image.at, 0};
		uint32_t size;

		kernel(true);
		size = notes_end - NOTES;
		/* the first ends at once, at the file's header */
		PUT(&image, segment_at(&image, 1), program_header, p_offset, 0);
		PUT(&image, segment_at(&image, 1), program_header, p_filesz, image.size - size + over);
		add_program_header(&image, PT_NOTE, NOTES, 0, 0, size, 0);
		assert_int_equal(segue_loader_pvh.recognise(&file), !over);
	}
}

static void entry_outside(void **state)
{
	static const struct {
		uint64_t entry;
		bool good;
	} cases[] = {
		{AT - 1, false}, {AT, true}, {AT + 0x2ff, true}, {AT + 0x300, false}, {AT + 0xfff, false}, {AT + 0x1000, false}, {0, false},
		{0xffffffff, false}, {0x100000000 + ENTRY, false}, {UINT64_MAX, false}, {0xc0100000, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		new_kernel(true);
		add_note("Xen", PHYS32_ENTRY, 8, cases[i].entry);
		if (cases[i].good) {
			struct loader_job *t = run(job(), SEGUE_OK);

			assert_int_equal(t->job.entry.eip, cases[i].entry);
			free(t);
		} else {
			refused(SEGUE_E_PVH_ENTRY, "PVH entry in no segment: 0x");
		}
	}
}

/* Each in a sentence of its own, the code that other ELF files get. */
static void segments(void **state)
{
	static const struct {
		uint64_t offset, paddr, filesz, memsz;
		int code;
		const char *part;
	} cases[] = {
		{0x800, AT + 0xfff, 0x10, 0x10, SEGUE_E_SEGMENT_OVERLAP,
		 "ELF segment 2 at 0x100fff to 0x10100f; ELF segment 0x100000 to 0x101000"},
		{0x800, AT, 0x10, 0x10, SEGUE_E_SEGMENT_OVERLAP, "segments overlap"},
		{0x800, 0x200000, 0x11, 0x10, SEGUE_E_ELF_SEGMENT_SIZE, "segment 2"},
		{0x3ff1, 0x200000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_FILE, "segment 2"},
		{0x800, 0xfffffff0, 0x10, 0x20, SEGUE_E_ELF_SEGMENT_HIGH, "segment 2"},
		{0x800, 0x100000000, 0x10, 0x10, SEGUE_E_ELF_SEGMENT_HIGH, "segment 2, 0x10 bytes at 0x100000000"},
		{0x800, 0xa0000, 0x10, 0x10, SEGUE_E_SEGMENT_NOT_RAM, "ELF segment 2 at 0xa0000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		kernel(true);
		add_program_header(&image, PT_LOAD, cases[i].offset, 0, cases[i].paddr, cases[i].filesz, cases[i].memsz);
		refused(cases[i].code, cases[i].part);
	}
	/* only notes */
	kernel(true);
	put_le32(segment_at(&image, 0), 0);
	refused(SEGUE_E_ELF_NO_SEGMENTS, "2 program headers");
	/* an ELF header that is broken elsewhere */
	kernel(true);
	put_le16(image.at + 18, 40);
	refused(SEGUE_E_ELF_MACHINE, "40 at offset 18");
}

/* The host knows nothing of the machine. */
#define STACK_BYTES 256u
#define STACK_END (0x10000 + INFO_BYTES + 6 * ENTRY_BYTES + STACK_BYTES)
static void golden_start_info(void **state)
{
	uint64_t rsdp = UINT64_MAX;
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	kernel(false);
	t = run(job(), SEGUE_OK);
	/* The loader's variable may have had any value, too. */
	assert_int_equal(segue_place_rsdp(&t->job, &rsdp), SEGUE_OK);
	assert_int_equal(rsdp, 0);
	/* The stack, between the map and the command line */
	assert_int_equal(t->job.entry.esp, STACK_END);
	target(t, STACK_END - STACK_BYTES, STACK_BYTES);
	p = start_info(t);
	assert_int_equal(le32(p + MAGIC), 0x336ec578);
	assert_int_equal(le32(p + VERSION), 1);
	assert_int_equal(le32(p + FLAGS), 0);
	assert_int_equal(le32(p + NR_MODULES), 0);
	assert_int_equal(le64(p + MODLIST), 0);
	assert_int_equal(le64(p + CMDLINE), STACK_END);
	assert_int_equal(le64(p + RSDP), 0);
	assert_int_equal(le64(p + MEMMAP), 0x10000 + INFO_BYTES);
	assert_int_equal(le32(p + ENTRIES), 6);
	assert_int_equal(le32(p + RESERVED), 0);
	assert_string_at(t, le64(p + CMDLINE), "");
	free(t);
}

static void memory_map(void **state)
{
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	kernel(true);
	t = run(job(), SEGUE_OK);
	p = passed(t, MEMMAP, 6 * ENTRY_BYTES);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(le64(p + ENTRY_BYTES * i), pc_map[i].start);
		assert_int_equal(le64(p + ENTRY_BYTES * i + 8), pc_map[i].end - pc_map[i].start);
		assert_int_equal(le32(p + ENTRY_BYTES * i + 16), pc_map[i].type);
		assert_int_equal(le32(p + ENTRY_BYTES * i + 20), 0);
	}
	free(t);
}

/* The firmware's numbers that PVH does not have are told as reserved. */
static void memory_types(void **state)
{
	static const struct {
		uint32_t type, told;
	} cases[] = {{0, 2}, {2, 2}, {5, 5}, {6, 6}, {7, 7}, {8, 2}, {12, 2}, {20, 2}, {0xffffffff, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;

		kernel(true);
		t = job();
		t->map[2].type = cases[i].type;
		run(t, SEGUE_OK);
		assert_int_equal(le32(passed(t, MEMMAP, 6 * ENTRY_BYTES) + 2 * ENTRY_BYTES + 16), cases[i].told);
		free(t);
	}
}

/* No argv[0], with the flag and without it. */
static void command_line(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct loader_job *t;

		kernel(true);
		t = job();
		t->args.cmdline = "console=ttyS0 one two";
		t->parts[0].name = "vmlinux";
		t->args.flags = i ? SEGUE_LOAD_NO_ARGV0 : 0;
		run(t, SEGUE_OK);
		assert_string_at(t, le64(start_info(t) + CMDLINE), "console=ttyS0 one two");
		free(t);
	}
}

static void modules(void **state)
{
	static uint8_t bytes[0x1801];
	static const struct {
		size_t size;
		const char *name, *cmdline;
		uint32_t paddr;
	} cases[] = {
		{0x1801, "first", "a=b c", 0x101000}, {1, NULL, NULL, 0x103000}, {0, "empty", NULL, 0x103001}, {0x1000, "last", "", 0x104000},
	};
	struct loader_job *t;
	const uint8_t *p;

	(void)state;
	kernel(false);
	t = job();
	for (size_t i = 0; i < 4; i++)
		add_module(t, bytes, cases[i].size, cases[i].name, cases[i].cmdline);
	/* run_loader() opens the blob, which takes the modules from args */
	t->args.modules = t->parts + 1;
	t->args.module_count = 4;
	run(t, SEGUE_OK);
	assert_int_equal(le32(start_info(t) + NR_MODULES), 4);
	p = passed(t, MODLIST, 4 * MODULE_BYTES);
	assert_int_equal(le64(start_info(t) + MODLIST) % 8, 0);
	for (uint32_t i = 0; i < 4; i++, p += MODULE_BYTES) {
		assert_int_equal(le64(p + PADDR), cases[i].paddr);
		assert_int_equal(le64(p + SIZE), cases[i].size);
		assert_int_equal(le64(p + MODULE_RESERVED), 0);
		if (i == 0)
			assert_string_at(t, le64(p + MODULE_CMDLINE), "a=b c");
		else
			assert_int_equal(le64(p + MODULE_CMDLINE), 0);
		if (cases[i].size)
			assert_int_equal(segment_with(t, cases[i].paddr)->size, cases[i].size);
	}
	assert_int_equal(t->warnings, 0);
	free(t);
}

/* Where the modules are, if they may stay. */
static void modules_stay(void **state)
{
	static uint8_t bytes[0x1000];
	struct loader_job *t;

	(void)state;
	kernel(false);
	t = job();
	add_module(t, bytes, sizeof bytes, NULL, NULL);
	t->args.modules = t->parts + 1;
	t->args.module_count = 1;
	t->args.flags = SEGUE_LOAD_MODULES_STAY;
	run(t, SEGUE_OK);
	assert_int_equal(le64(passed(t, MODLIST, MODULE_BYTES)), MODULES_AT);
	free(t);
}

static void acpi(void **state)
{
	static uint8_t rsdp[36];
	static const struct {
		uint64_t rsdp;
		bool copy, wrong;
		uint64_t expected;
	} cases[] = {
		{0xf5a00, false, false, 0xf5a00}, {0xf5a00, true, false, 0xf5a00}, {0, false, false, 0},
		{0x123456789, false, false, 0x123456789},
		{0xf5a00, false, true, 0}, {0, true, false, 0x7fdf000}, {0xf5a00, true, true, 0x7fdf000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rsdp; i++)
		rsdp[i] = (uint8_t)(100 + i);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loader_job *t;

		kernel(true);
		t = job();
		t->args.machine = &t->machine;
		t->machine.rsdp = cases[i].rsdp;
		t->machine.rsdp_copy = cases[i].copy ? rsdp : NULL;
		t->machine.rsdp_copy_size = sizeof rsdp;
		t->job.rsdp_is_wrong = cases[i].wrong;
		run(t, SEGUE_OK);
		assert_int_equal(le64(start_info(t) + RSDP), cases[i].expected);
		if (cases[i].expected == 0x7fdf000) {
			const uint8_t *map = passed(t, MEMMAP, le32(start_info(t) + ENTRIES) * ENTRY_BYTES);
			uint32_t acpi_entries = 0;

			assert_memory_equal(target(t, 0x7fdf000, sizeof rsdp), rsdp, sizeof rsdp);
			for (uint32_t k = 0; k < le32(start_info(t) + ENTRIES); k++)
				acpi_entries += le64(map + ENTRY_BYTES * k) == 0x7fdf000 && le64(map + ENTRY_BYTES * k + 8) == 0x1000 &&
					le32(map + ENTRY_BYTES * k + 16) == SEGUE_MEMORY_ACPI;
			assert_int_equal(acpi_entries, 1);
		}
		free(t);
	}
}

/* Target memory elsewhere than the kernel, around it, and without RAM above 1 MiB. */
static void within(void **state)
{
	static const struct {
		struct segue_range range;
		int code;
	} cases[] = {
		{{0x2000000, 0x2800000, 0, 0}, SEGUE_E_SEGMENT_OUTSIDE}, {{0x100000, 0x180000, 0, 0}, SEGUE_OK},
		{{0x10000, 0x80000, 0, 0}, SEGUE_OK},
	};
	static uint8_t rsdp[36];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct loader_job *t;
		const uint8_t *map;
		uint32_t ram = 0;

		kernel(false);
		if (i == 2) {
			PUT(&image, segment_at(&image, 0), program_header, p_paddr, 0x20000);
			put_le32(image.at + NOTES + 16, 0x20020);
		}
		t = job();
		t->args.target_memory = &cases[i].range;
		t->args.target_memory_count = 1;
		t->args.machine = &t->machine;
		t->machine.rsdp_copy = rsdp;
		t->machine.rsdp_copy_size = sizeof rsdp;
		run(t, cases[i].code);
		if (cases[i].code == SEGUE_OK) {
			for (size_t k = 0; k < t->job.segment_count; k++) {
				assert_true(t->job.segments[k].dest >= cases[i].range.start);
				assert_true(t->job.segments[k].dest + t->job.segments[k].size <= cases[i].range.end);
			}
			map = passed(t, MEMMAP, le32(start_info(t) + ENTRIES) * ENTRY_BYTES);
			for (uint32_t k = 0; k < le32(start_info(t) + ENTRIES); k++)
				if (le32(map + ENTRY_BYTES * k + 16) == SEGUE_MEMORY_RAM)
					ram += (uint32_t)le64(map + ENTRY_BYTES * k + 8);
			assert_int_equal(ram, cases[i].range.end - cases[i].range.start - 4096);
		}
		free(t);
	}
}

static void workspace_too_small(void **state)
{
	static char line[WORKSPACE_SIZE + 1];
	static uint8_t byte;
	struct loader_job *t;

	(void)state;
	memset(line, 'x', sizeof line - 1);
	kernel(false);
	t = job();
	t->args.cmdline = line;
	run(t, SEGUE_E_WORKSPACE_SMALL);
	free(t);
	/* one string, many times */
	t = job();
	for (size_t i = 0; i < TEST_MODULES; i++)
		add_module(t, &byte, 1, NULL, line);
	t->args.modules = t->parts + 1;
	t->args.module_count = TEST_MODULES;
	run(t, SEGUE_E_WORKSPACE_SMALL);
	free(t);
}

/* A kernel with headers of both protocols is Multiboot's; with its loader alone PVH's. */
static void with_multiboot(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		uint8_t *p = image.at + 0x480;
		struct bytes file = {image.at, sizeof image.at, 0};
		struct loader_job *t;

		kernel(false);
		PUT(&image, image.at, header, e_entry, ENTRY);
		put_le32(p, version == 1 ? 0x1badb002 : 0xe85250d6);
		put_le32(p + 4, 0);
		put_le32(p + 8, version == 1 ? 0u - 0x1badb002 : 24);
		put_le32(p + 12, 0u - 0xe85250d6 - 24);
		put_le64(p + 16, (uint64_t)8 << 32);
		t = run(job(), SEGUE_OK);
		assert_string_equal(t->job.protocol, version == 1 ? "Multiboot 1" : "Multiboot 2");
		free(t);
		assert_true(segue_loader_pvh.recognise(&file));
		t = job();
		assert_int_equal(run_loader(t, &segue_loader_pvh), SEGUE_OK);
		assert_int_equal(t->job.entry.eip, ENTRY);
		free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_state), cmocka_unit_test(find_the_note), cmocka_unit_test(other_notes), cmocka_unit_test(broken_note),
		cmocka_unit_test(no_note), cmocka_unit_test(misaligned), cmocka_unit_test(doubled), cmocka_unit_test(overlapping), cmocka_unit_test(entry_outside),
		cmocka_unit_test(segments), cmocka_unit_test(golden_start_info), cmocka_unit_test(memory_map), cmocka_unit_test(memory_types), cmocka_unit_test(command_line),
		cmocka_unit_test(modules), cmocka_unit_test(modules_stay), cmocka_unit_test(acpi), cmocka_unit_test(within),
		cmocka_unit_test(workspace_too_small), cmocka_unit_test(with_multiboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
