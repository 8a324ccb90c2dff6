/* SPDX-License-Identifier: MIT */
/* Cores as blobs: segments, entry, and the sentence of each refusal. */
#include "elf_image.h"
#include "loader_job.h"
#include "segue_core.h"

#define NOTES 0x300u                  /* offset in the file */
#define HOST_NOTE (NOTES + 24u)       /* after a note of another name */
#define DESC (HOST_NOTE + 12u + 8u)
#define HOST_WORKSPACE 0x200000u
#define HOST_WORKSPACE_SIZE 0x1000u
#define ENTRY 0x200123u

static struct image image;

static void put_note(uint8_t *p, const char *name, uint32_t name_size, uint32_t size, uint32_t type)
{
	put_le32(p, name_size);
	put_le32(p + 4, size);
	put_le32(p + 8, type);
	memcpy(p + 12, name, name_size);
}

/* Notes; a page with 0x300 bytes and zeros at 1 MiB; the workspace at 2 MiB. */
static void new_core(bool is_64)
{
	new_image(&image, is_64, 0);
	memset(image.at + IMAGE_SEGMENTS, 0, 0x300);
	put_le16(image.at + 16, ET_CORE);
	put_note(image.at + NOTES, "CORE", 5, 4, 1);
	put_note(image.at + HOST_NOTE, SEGUE_CORE_NAME, 6, sizeof(struct segue_core_host), SEGUE_CORE_HOST);
	put_le32(image.at + DESC, sizeof(struct segue_core_host));
	put_le32(image.at + DESC + 8, is_64 ? 64 : 32);
	put_le32(image.at + DESC + 12, SEGUE_CORE_RESTORES);
	put_le64(image.at + DESC + 16, HOST_WORKSPACE);
	put_le64(image.at + DESC + 24, HOST_WORKSPACE_SIZE);
	put_le32(image.at + DESC + 32, ENTRY);
	add_program_header(&image, PT_NOTE, NOTES, 0, 0, DESC + sizeof(struct segue_core_host) - NOTES, 0);
	add_program_header(&image, PT_LOAD, 0x400, 0xc0100000, 0x100000, 0x300, 0x1000);
	add_program_header(&image, PT_LOAD, 0x1000, 0xc0200000, HOST_WORKSPACE, HOST_WORKSPACE_SIZE, HOST_WORKSPACE_SIZE);
}

static struct loader_job *load_core(int expected)
{
	struct loader_job *t = new_job(image.at, image.size);
	int error = run_loader(t, NULL);

	if (error != expected)
		fail_msg("code %d, not %d: %s", error, expected, t->sentence);
	return t;
}

static void refused(int code, const char *part)
{
	struct loader_job *t = load_core(code);

	assert_sentence(t, part);
	assert_string_equal(t->job.protocol, "ELF core");
	free(t);
}

static void segments_and_entry(void **state)
{
	struct entry_state expected = {.eip = ENTRY, .selectors = ENTRY_CODE_08_DATA_10};

	(void)state;
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct loader_job *t;
		const struct segment *s;

		new_core(is_64);
		t = load_core(SEGUE_OK);
		assert_int_equal(t->job.segment_count, 2);
		s = &t->job.segments[0];
		assert_int_equal(s->dest, 0x100000);
		assert_int_equal(s->size, 0x1000);
		assert_int_equal(s->zero_size, 0xd00);
		assert_ptr_equal(s->source.data, image.at + 0x400);
		assert_int_equal(s->source.size, 0x300);
		s = &t->job.segments[1];
		assert_int_equal(s->dest, HOST_WORKSPACE);
		assert_int_equal(s->source.size, HOST_WORKSPACE_SIZE);
		assert_memory_equal(&t->job.entry, &expected, sizeof expected);
		assert_int_equal(t->job.is_64_bit, is_64);
		assert_int_equal(t->warnings, 0);
		free(t);
	}
}

/* Its first bytes may hold Multiboot's magic: they are the host's memory. */
static void is_no_multiboot_kernel(void **state)
{
	(void)state;
	new_core(true);
	put_le32(image.at + 0x400, 0x1badb002);
	put_le32(image.at + 0x404, 0);
	put_le32(image.at + 0x408, 0u - 0x1badb002u);
	free(load_core(SEGUE_OK));
}

/* Ranges that the host has mapped twice, also in other pieces, are in two segments, and count once. */
static void mapped_twice(void **state)
{
	struct loader_job *t;
	const struct segment *s;

	(void)state;
	new_core(true);
	add_program_header(&image, PT_LOAD, 0x1000, 0x8200000, HOST_WORKSPACE, HOST_WORKSPACE_SIZE, HOST_WORKSPACE_SIZE);
	add_program_header(&image, PT_LOAD, 0x1800, 0x9200000, HOST_WORKSPACE + 0x800, 0x1000, 0x1000);
	add_program_header(&image, PT_LOAD, 0x400, 0x9100000, 0x100000, 0x300, 0x2000);
	add_program_header(&image, PT_LOAD, 0x600, 0xa100000, 0x100200, 0x100, 0x100);
	add_program_header(&image, PT_LOAD, 0, 0xa100000, 0x100300, 0, 0x80);
	t = load_core(SEGUE_OK);
	assert_int_equal(t->job.segment_count, 4);
	s = segment_with(t, HOST_WORKSPACE + 0x1000);
	assert_int_equal(s->dest, HOST_WORKSPACE + 0x1000);
	assert_int_equal(s->size, 0x800);
	assert_ptr_equal(s->source.data, image.at + 0x2000);
	s = segment_with(t, 0x101000);
	assert_int_equal(s->size, 0x1000);
	assert_int_equal(s->source.size, 0);
	assert_int_equal(s->zero_size, 0x1000);
	free(t);
}

/* Linux's /proc/vmcore has the bytes of each PT_LOAD once more. */
static void copied_twice(void **state)
{
	struct loader_job *t;

	(void)state;
	new_core(true);
	memcpy(image.at + 0x2800, image.at + 0x1000, HOST_WORKSPACE_SIZE);
	add_program_header(&image, PT_LOAD, 0x2800, 0x8200000, HOST_WORKSPACE, HOST_WORKSPACE_SIZE, HOST_WORKSPACE_SIZE);
	add_program_header(&image, PT_LOAD, 0x2900, 0x9200000, HOST_WORKSPACE + 0x100, 0xf00, 0xf00);
	add_program_header(&image, PT_LOAD, 0x400, 0xa100000, 0x100000, 0x300, 0x400);
	t = load_core(SEGUE_OK);
	assert_int_equal(t->job.segment_count, 2);
	free(t);
	/* Their last byte, and a copy that ends after the file */
	image.at[0x2800 + 0xfff] ^= 1;
	refused(SEGUE_E_SEGMENT_OVERLAP, "ELF segment 3 at ");
	image.at[0x2800 + 0xfff] ^= 1;
	PUT(&image, segment_at(&image, 3), program_header, p_offset, IMAGE_SIZE - 0xfff);
	refused(SEGUE_E_ELF_SEGMENT_FILE, "segment 3, ");
}

/* Two segments that say different things of the same memory */
static void contradictions(void **state)
{
	static const struct {
		uint32_t offset, paddr, file_size, size;
	} rows[] = {
		{0x1001, HOST_WORKSPACE, 0x1000, 0x1000}, /* other bytes */
		{0x1000, HOST_WORKSPACE, 0xfff, 0x1000}, /* zeros for bytes */
		{0x400, 0x100000, 0x301, 0x1000}, /* bytes for zeros */
		{0x1fff, HOST_WORKSPACE + 0xffe, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		new_core(true);
		add_program_header(&image, PT_LOAD, rows[i].offset, 0, rows[i].paddr, rows[i].file_size, rows[i].size);
		refused(SEGUE_E_SEGMENT_OVERLAP, "ELF segment 3 at ");
	}
}

static void notes(void **state)
{
	(void)state;
	/* of another kernel */
	new_core(true);
	memcpy(image.at + HOST_NOTE + 12, "Linux", 6);
	refused(SEGUE_E_CORE_NOTE, "3 program headers");
	new_core(true);
	image.at[HOST_NOTE + 8] = 2;
	refused(SEGUE_E_CORE_NOTE, "3 program headers");
	new_core(true);
	put_le32(segment_at(&image, 0), PT_LOAD + 4);
	refused(SEGUE_E_CORE_NOTE, "3 program headers");
	/* a note before it that is longer than all of them, and one that wraps */
	new_core(true);
	put_le32(image.at + NOTES + 4, 0x1000);
	refused(SEGUE_E_CORE_NOTE, "3 program headers");
	new_core(true);
	put_le32(image.at + NOTES, 0xfffffffd);
	refused(SEGUE_E_CORE_NOTE, "3 program headers");
	new_core(true);
	put_le32(image.at + NOTES, 0xfffffff0);
	put_le32(image.at + NOTES + 4, 0x28);
	refused(SEGUE_E_CORE_NOTE, "3 program headers");
	/* too short; and cut by the end of the notes, in the structure and in the name */
	new_core(true);
	put_le32(image.at + HOST_NOTE + 4, 71);
	refused(SEGUE_E_CORE_NOTE_SIZE, ": 71 bytes, of which 71 are there; it has 72");
	new_core(true);
	PUT(&image, segment_at(&image, 0), program_header, p_filesz, DESC + 71 - NOTES);
	refused(SEGUE_E_CORE_NOTE_SIZE, ": 72 bytes, of which 71 are there; it has 72");
	new_core(true);
	PUT(&image, segment_at(&image, 0), program_header, p_filesz, HOST_NOTE + 12 + 6 - NOTES);
	refused(SEGUE_E_CORE_NOTE_SIZE, ": 72 bytes, of which 0 are there");
	/* notes outside of the file */
	new_core(true);
	PUT(&image, segment_at(&image, 0), program_header, p_offset, IMAGE_SIZE - 8);
	refused(SEGUE_E_CORE_NOTE_SIZE, "program header 0: the notes end after the file");
	new_core(true);
	PUT(&image, segment_at(&image, 0), program_header, p_offset, 0x100000000);
	refused(SEGUE_E_CORE_NOTE_SIZE, "program header 0: the notes end after the file");
	/* longer ones are of later versions */
	new_core(true);
	put_le32(image.at + HOST_NOTE + 4, 80);
	PUT(&image, segment_at(&image, 0), program_header, p_filesz, DESC + 80 - NOTES);
	free(load_core(SEGUE_OK));
	/* as many bytes of notes as the file has, and one more: they overlap then. The first ones end at once, at the file's header. */
	for (uint32_t over = 0; over < 2; over++) {
		uint32_t size = DESC + sizeof(struct segue_core_host) - NOTES;

		new_core(true);
		PUT(&image, segment_at(&image, 0), program_header, p_offset, 0);
		PUT(&image, segment_at(&image, 0), program_header, p_filesz, IMAGE_SIZE - size + over);
		add_program_header(&image, PT_NOTE, NOTES, 0, 0, size, 0);
		if (over)
			refused(SEGUE_E_CORE_NOTE, "4 program headers");
		else
			free(load_core(SEGUE_OK));
	}
}

static void the_host(void **state)
{
	(void)state;
	new_core(true);
	put_le32(image.at + DESC + 12, 0xfffffffe);
	refused(SEGUE_E_CORE_RESTORE, "flags 0xfffffffe, entry 0x200123");
	new_core(true);
	put_le32(image.at + DESC + 32, 0);
	refused(SEGUE_E_CORE_RESTORE, "flags 0x1, entry 0x0");
	/* below, in zeros, and at the end */
	new_core(true);
	put_le32(image.at + DESC + 32, 0xfffff);
	refused(SEGUE_E_CORE_ENTRY, ": 0xfffff");
	new_core(true);
	put_le32(image.at + DESC + 32, 0x100300);
	refused(SEGUE_E_CORE_ENTRY, ": 0x100300");
	new_core(true);
	put_le32(image.at + DESC + 32, 0xffffffff);
	refused(SEGUE_E_CORE_ENTRY, ": 0xffffffff");
	new_core(true);
	put_le64(image.at + DESC + 24, HOST_WORKSPACE_SIZE + 1);
	refused(SEGUE_E_CORE_WORKSPACE, "it is 0x1001 bytes at 0x200000; 0x201000 is in no segment");
	new_core(true);
	put_le64(image.at + DESC + 16, HOST_WORKSPACE - 1);
	refused(SEGUE_E_CORE_WORKSPACE, "it is 0x1000 bytes at 0x1fffff; 0x1fffff is in no segment");
	new_core(true);
	put_le64(image.at + DESC + 16, 0x100200000);
	refused(SEGUE_E_CORE_WORKSPACE, "it is 0x1000 bytes at ");
	new_core(true);
	put_le64(image.at + DESC + 24, 0);
	refused(SEGUE_E_CORE_WORKSPACE, "it is 0x0 bytes at 0x200000");
}

static void broken_files(void **state)
{
	(void)state;
	new_core(true);
	image.size = 0x100 + 3 * 56 - 1;
	refused(SEGUE_E_ELF_TRUNCATED, "program headers 3");
	new_core(true);
	image.size = 0x1fff;
	refused(SEGUE_E_ELF_SEGMENT_FILE, "segment 2, 0x1000 bytes at offset 0x1000, file's end 0x1fff");
	new_core(true);
	put_le16(image.at + 18, 183);
	refused(SEGUE_E_ELF_MACHINE, ": 183 at offset 18");
	new_core(true);
	PUT(&image, segment_at(&image, 1), program_header, p_memsz, 0x2ff);
	refused(SEGUE_E_ELF_SEGMENT_SIZE, "segment 1, 0x300 in the file, 0x2ff in memory");
	/* of a host with memory above 4 GiB */
	new_core(true);
	PUT(&image, segment_at(&image, 1), program_header, p_paddr, 0x100000000);
	refused(SEGUE_E_ELF_SEGMENT_HIGH, "segment 1, 0x1000 bytes at 0x100000000");
	new_core(true);
	PUT(&image, segment_at(&image, 1), program_header, p_memsz, 0xffefffff);
	refused(SEGUE_E_ELF_SEGMENT_HIGH, "segment 1, 0xffefffff bytes at 0x100000");
}

static void other_machines_and_flags(void **state)
{
	struct loader_job *t;

	(void)state;
	/* a machine with less memory */
	new_core(true);
	PUT(&image, segment_at(&image, 1), program_header, p_paddr, 0x7fdf001);
	refused(SEGUE_E_SEGMENT_NOT_RAM, "ELF segment 1 at 0x7fdf001 to 0x7fe0001");
	/* the BIOS's vectors and data are the host's */
	new_core(true);
	PUT(&image, segment_at(&image, 1), program_header, p_paddr, 0);
	t = load_core(SEGUE_OK);
	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "takes the BIOS's vectors and data");
	free(t);
	t = new_job(image.at, image.size);
	t->job.return_page = 0x5000;
	assert_int_equal(run_loader(t, &segue_loader_core), SEGUE_E_RETURN);
	assert_sentence(t, "does not come back");
	free(t);
	new_core(true);
	t = new_job(image.at, image.size);
	add_module(t, "x", 1, NULL, NULL);
	assert_int_equal(run_loader(t, NULL), SEGUE_OK);
	assert_sentence(t, "a core gets no command line, initrd or modules");
	free(t);
}

static int never(struct job *job)
{
	(void)job;
	fail();
	return SEGUE_OK;
}

static void no_catcher(void **state)
{
	struct loader_job *t;

	(void)state;
	new_core(true);
	t = new_job(image.at, image.size);
	t->job.place_catcher = never;
	assert_int_equal(run_loader(t, NULL), SEGUE_OK);
	assert_sentence(t, "a core gets no catcher");
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_and_entry), cmocka_unit_test(is_no_multiboot_kernel), cmocka_unit_test(mapped_twice),
		cmocka_unit_test(copied_twice),		cmocka_unit_test(contradictions), cmocka_unit_test(notes), cmocka_unit_test(the_host), cmocka_unit_test(broken_files),
		cmocka_unit_test(other_machines_and_flags), cmocka_unit_test(no_catcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
