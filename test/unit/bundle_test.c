/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "blob_job.h"

static struct blob blob;
static struct blob_job b;

static int setup(void **state)
{
	(void)state;
	free(blob.data);
	blob = (struct blob){ NULL, 0 };
	return 0;
}

static int open_blob(void)
{
	blob_job_start(&b, blob.data, blob.size);
	return segue_open_blob(&b.job);
}

static void refused(int code, const char *words)
{
	assert_int_equal(open_blob(), code);
	assert_int_equal(b.sentences, 1);
	if (!strstr(b.sentence, words))
		fail_msg("\"%s\" does not say \"%s\"", b.sentence, words);
}

static void all_members(void **state)
{
	(void)state;
	newc_add_text(&blob, "kernel", "the kernel");
	newc_add_text(&blob, "cmdline", "a=b  c\r\n\n");
	newc_add_text(&blob, "initrd", "the initrd");
	newc_add_text(&blob, "modules/00-disk.img", "first");
	newc_add_text(&blob, "modules/01-two", "second!");
	newc_add_text(&blob, "modules/01-two.cmdline", "x y\n");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_string_equal(b.job.bundle.container, "bundle");
	assert_true(bytes_are(b.job.bundle.kernel, "the kernel"));
	assert_int_equal(b.job.bundle.kernel.part, 0);
	assert_true(bytes_are(b.job.bundle.kernel_name, "kernel"));
	assert_true(bytes_are(b.job.bundle.cmdline, "a=b  c"));
	assert_true(bytes_are(b.job.bundle.initrd, "the initrd"));
	assert_int_equal(b.job.bundle.initrd.part, 0);
	assert_int_equal(b.job.bundle.module_count, 2);
	assert_true(bytes_are(b.job.bundle.modules[0].name, "disk.img"));
	assert_true(bytes_are(b.job.bundle.modules[0].file, "first"));
	assert_int_equal(b.job.bundle.modules[0].args.size, 0);
	assert_true(bytes_are(b.job.bundle.modules[1].name, "two"));
	assert_true(bytes_are(b.job.bundle.modules[1].file, "second!"));
	assert_int_equal(b.job.bundle.modules[1].file.part, 0);
	assert_true(bytes_are(b.job.bundle.modules[1].args, "x y"));
}

static void kernel_alone(void **state)
{
	(void)state;
	newc_add_text(&blob, "kernel", "K");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_int_equal(b.job.bundle.cmdline.size, 0);
	assert_int_equal(b.job.bundle.initrd.size, 0);
	assert_int_equal(b.job.bundle.module_count, 0);
}

/* The output of find . | cpio -o -H newc: folders, "./", any order, padding to the end of a block. */
static void as_find_lists_it(void **state)
{
	(void)state;
	newc_add_raw(&blob, "070701", NEWC_FOLDER, 3, ".", 2, "", 0);
	newc_add_raw(&blob, "070701", NEWC_FOLDER, 3, "./.", 4, "", 0);
	newc_add_raw(&blob, "070701", NEWC_FOLDER, 2, "./modules", 10, "", 0);
	newc_add_text(&blob, "./modules/02-b.cmdline", "for b");
	newc_add_text(&blob, "./modules/10-c", "c");
	newc_add_text(&blob, "./modules/02-b", "b");
	newc_add_text(&blob, "././cmdline", "words");
	newc_add_text(&blob, "./kernel", "K");
	newc_end(&blob);
	blob_add(&blob, "\xff\xff\xff 070701", 11);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.kernel, "K"));
	assert_true(bytes_are(b.job.bundle.cmdline, "words"));
	assert_int_equal(b.job.bundle.module_count, 2);
	assert_true(bytes_are(b.job.bundle.modules[0].name, "b"));
	assert_true(bytes_are(b.job.bundle.modules[0].args, "for b"));
	assert_true(bytes_are(b.job.bundle.modules[1].name, "c"));
}

static void modules_go_by_number_then_name(void **state)
{
	static const char *const names[] = { "123456789-z", "99-y", "002-b", "02-a", "010-a-b", "10-a", "02-ab", "01-0" };
	static const char *const sorted[] = { "0", "a", "ab", "b", "a", "a-b", "y", "z" };
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		char name[32];

		snprintf(name, sizeof name, "modules/%s", names[i]);
		newc_add_text(&blob, name, names[i]);
	}
	newc_add_text(&blob, "kernel", "K");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_int_equal(b.job.bundle.module_count, 8);
	for (i = 0; i < 8; i++)
		if (!bytes_are(b.job.bundle.modules[i].name, sorted[i]) || b.job.bundle.modules[i].file.part)
			fail_msg("module %zu is not %s", i, sorted[i]);
	assert_true(bytes_are(b.job.bundle.modules[4].file, "10-a"));
	assert_true(bytes_are(b.job.bundle.modules[7].file, "123456789-z"));
}

static void many_modules_in_descending_order(void **state)
{
	int i;

	(void)state;
	for (i = 199; i >= 0; i--) {
		char name[32], text[16];

		snprintf(name, sizeof name, "modules/%03d-m", i);
		snprintf(text, sizeof text, "%d", i);
		newc_add_text(&blob, name, text);
	}
	newc_add_text(&blob, "kernel", "K");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_int_equal(b.job.bundle.module_count, 200);
	for (i = 0; i < 200; i++) {
		char text[16];

		snprintf(text, sizeof text, "%d", i);
		assert_true(bytes_are(b.job.bundle.modules[i].file, text));
	}
}

/* `segue pack` makes names longer by NULs so that the data starts a page. */
static void name_padded_by_nuls(void **state)
{
	char name[4096 - 110] = "kernel";

	(void)state;
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, name, sizeof name, "K", 1);
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.kernel, "K"));
	assert_ptr_equal(b.job.bundle.kernel.data, blob.data + 4096);
}

static void crc_format_is_read_too(void **state)
{
	(void)state;
	newc_add_raw(&blob, "070702", NEWC_FILE, 1, "kernel", 7, "K", 1);
	newc_add_raw(&blob, "070702", 0, 1, "TRAILER!!!", 11, "", 0);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_string_equal(b.job.bundle.container, "bundle");
}

static void lower_case_digits(void **state)
{
	(void)state;
	newc_add(&blob, "kernel", "0123456789", 10);
	memcpy(blob.data + 6 + 8 * 6, "0000000a", 8);
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_int_equal(b.job.bundle.kernel.size, 10);
}

static void caller_overrides_and_appends(void **state)
{
	(void)state;
	newc_add_text(&blob, "kernel", "K");
	newc_add_text(&blob, "cmdline", "from the bundle");
	newc_add_text(&blob, "modules/07-in", "in");
	newc_end(&blob);
	blob_job_start(&b, blob.data, blob.size);
	b.parts[0].name = "/boot/blob.cpio";
	b.parts[1] = (struct segue_part){ "beside", 6, NULL, 0, "out", "its words" };
	b.parts[2] = (struct segue_part){ "", 0, NULL, 0, NULL, NULL };
	b.job.part_count = 3;
	b.args.cmdline = "from the caller";
	assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.kernel_name, "kernel"));
	assert_true(bytes_are(b.job.bundle.cmdline, "from the caller"));
	assert_int_equal(b.job.bundle.module_count, 3);
	assert_true(bytes_are(b.job.bundle.modules[0].name, "in"));
	assert_true(bytes_are(b.job.bundle.modules[1].name, "out"));
	assert_true(bytes_are(b.job.bundle.modules[1].file, "beside"));
	assert_true(bytes_are(b.job.bundle.modules[1].args, "its words"));
	assert_int_equal(b.job.bundle.modules[1].file.part, 1);
	assert_true(bytes_are(b.job.bundle.modules[2].name, "module"));
	assert_int_equal(b.job.bundle.modules[2].file.part, 2);

	memset(&b.job.bundle, 0, sizeof b.job.bundle);
	b.args.cmdline = "";
	assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
	assert_int_equal(b.job.bundle.cmdline.size, 0);
}

static const uint8_t digest_bytes[32] = {
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
	0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00,
};
#define DIGEST_DIGITS "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

static void digest(void **state)
{
	static const char *const ends[] = { "", "\n", "\r\n", "\n\n" };
	static const uint8_t other[32] = "the caller's own digest";
	char text[80];
	size_t i;

	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		setup(state);
		/* the modules before and after it form one array */
		newc_add_text(&blob, "modules/00-a", "a");
		snprintf(text, sizeof text, "%s%s", DIGEST_DIGITS, ends[i]);
		newc_add_text(&blob, i & 1 ? "./digest" : "digest", text);
		newc_add_text(&blob, "modules/01-b", "b");
		newc_add_text(&blob, "kernel", "K");
		newc_end(&blob);
		assert_int_equal(open_blob(), SEGUE_OK);
		assert_memory_equal(b.job.bundle.digest, digest_bytes, 32);
		assert_int_equal(b.job.bundle.module_count, 2);
		assert_true(bytes_are(b.job.bundle.modules[1].file, "b"));
		blob_job_start(&b, blob.data, blob.size);
		b.args.digest = other;
		assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
		assert_ptr_equal(b.job.bundle.digest, other);
	}
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_null(b.job.bundle.digest);
}

static void broken_digests(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} row[] = {
		{ "", 0 }, { "\n", 1 }, { DIGEST_DIGITS, 63 }, { DIGEST_DIGITS "0", 65 }, { DIGEST_DIGITS " ", 65 },
		{ " " DIGEST_DIGITS, 64 }, { DIGEST_DIGITS "\0", 65 }, { DIGEST_DIGITS "\n0", 66 }, { DIGEST_DIGITS "  kernel", 72 },
		{ "0x" DIGEST_DIGITS, 66 }, { "g0112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100", 64 },
		{ "00112233445566778899aabbccddeeffFFEEDDCCBBAA9988776655443322110:", 64 },
	};
	size_t i;

	for (i = 0; i < sizeof row / sizeof *row; i++) {
		setup(state);
		newc_add_text(&blob, "kernel", "K");
		newc_add(&blob, "digest", row[i].text, row[i].size);
		newc_end(&blob);
		refused(SEGUE_E_BUNDLE_DIGEST, ": digest at offset 0x7c");
	}
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	newc_add_text(&blob, "digest", DIGEST_DIGITS);
	newc_add_text(&blob, "digest", DIGEST_DIGITS);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_TWICE, ": digest at offset 0x134");
}

static void refusals(void **state)
{
	static const struct {
		const char *name, *text;
		int code;
		const char *words;
	} row[] = {
		{ "", "x", SEGUE_E_BUNDLE_MEMBER, ":  at offset 0x7c" },
		{ "vmlinuz", "x", SEGUE_E_BUNDLE_MEMBER, "vmlinuz" },
		{ "kernel2", "x", SEGUE_E_BUNDLE_MEMBER, "kernel2" },
		{ "/kernel", "x", SEGUE_E_BUNDLE_MEMBER, "/kernel" },
		{ "modules/", "x", SEGUE_E_BUNDLE_MEMBER, ": modules/ at offset 0x7c" },
		{ "modules/1-a", "x", SEGUE_E_BUNDLE_MEMBER, "modules/1-a" },
		{ "modules/01-/a", "x", SEGUE_E_BUNDLE_MEMBER, "01-/a" },
		{ "modules/1:-a", "x", SEGUE_E_BUNDLE_MEMBER, "1:-a" },
		{ "modules/01a", "x", SEGUE_E_BUNDLE_MEMBER, "01a" },
		{ "modules/01-", "x", SEGUE_E_BUNDLE_MEMBER, "01-" },
		{ "modules/01-.cmdline", "x", SEGUE_E_BUNDLE_MEMBER, "01-" },
		{ "modules/x/01-a", "x", SEGUE_E_BUNDLE_MEMBER, "x/01-a" },
		{ "modules/01-a/b", "x", SEGUE_E_BUNDLE_MEMBER, "01-a/b" },
		{ "modules/1234567890-a", "x", SEGUE_E_BUNDLE_MEMBER, "1234567890-a" },
		{ "kernel", "x", SEGUE_E_BUNDLE_TWICE, "kernel" },
		{ "./kernel", "x", SEGUE_E_BUNDLE_TWICE, "kernel" },
		{ "modules/01-a.cmdline", "x", SEGUE_E_BUNDLE_CMDLINE, ": a at offset 0x7c" },
	};
	size_t i;

	for (i = 0; i < sizeof row / sizeof *row; i++) {
		setup(state);
		newc_add_text(&blob, "kernel", "K");
		newc_add_text(&blob, row[i].name, row[i].text);
		newc_end(&blob);
		refused(row[i].code, row[i].words);
	}
}

static void twice(void **state)
{
	static const char *const pairs[][2] = {
		{ "initrd", "./initrd" }, { "cmdline", "cmdline" },
		{ "modules/01-a", "modules/01-a" }, { "modules/01-a", "modules/001-a" },
	};
	size_t i;

	for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		setup(state);
		newc_add_text(&blob, "kernel", "K");
		newc_add_text(&blob, pairs[i][0], "");
		newc_add_text(&blob, pairs[i][1], "");
		newc_end(&blob);
		refused(SEGUE_E_BUNDLE_TWICE, i < 2 ? pairs[i][1] + 2 * (i == 0) : ": a at offset 0xf");
	}
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	newc_add_text(&blob, "modules/01-a", "m");
	newc_add_text(&blob, "modules/01-a.cmdline", "");
	newc_add_text(&blob, "modules/01-a.cmdline", "x");
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_TWICE, ": a at offset 0x180");
}

static void kernel_missing_or_empty(void **state)
{
	(void)state;
	newc_add_text(&blob, "cmdline", "x");
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_KERNEL, "no kernel");
	setup(state);
	newc_add_text(&blob, "kernel", "");
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_KERNEL, "no kernel");
}

static void nul_in_command_lines(void **state)
{
	(void)state;
	newc_add_text(&blob, "kernel", "K");
	newc_add(&blob, "cmdline", "\0ab", 3);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_CMDLINE, "cmdline at offset 0x7c");
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	newc_add_text(&blob, "modules/00-m", "m");
	newc_add(&blob, "modules/00-m.cmdline", "a\0", 2);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_CMDLINE, ": m at offset 0xfc");
}

static void wrong_kinds(void **state)
{
	(void)state;
	newc_add_raw(&blob, "070701", 0120777, 1, "kernel", 7, "vmlinuz", 7);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_MEMBER, "kernel at offset 0x0");
	setup(state);
	newc_add_raw(&blob, "070701", NEWC_FOLDER, 1, "kernel", 7, "", 0);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_MEMBER, "kernel at offset 0x0");
	setup(state);
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, "modules", 8, "", 0);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_MEMBER, "modules at offset 0x0");
	setup(state);
	newc_add_text(&blob, "init", "an initrd, really");
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_MEMBER, "init at offset 0x0; if it is an initrd, hand it over after the kernel");
}

static void add_link(const char *name, const char *text)
{
	newc_add_raw(&blob, "070701", NEWC_FILE, 2, name, strlen(name) + 1, text, strlen(text));
}

/* cpio writes the data of a file with several names under its last name only. */
static void hard_links(void **state)
{
	size_t link, other;

	(void)state;
	newc_add_text(&blob, "kernel", "K");
	add_link("modules/00-a", "");
	add_link("modules/01-b.cmdline", "");
	add_link("initrd", "");
	add_link("modules/01-b", "text");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.modules[0].file, "text"));
	assert_true(bytes_are(b.job.bundle.modules[1].file, "text"));
	assert_true(bytes_are(b.job.bundle.modules[1].args, "text"));
	assert_true(bytes_are(b.job.bundle.initrd, "text"));
	setup(state);
	add_link("kernel", "");
	add_link("cmdline", "");
	add_link("modules/00-a", "words\n");
	newc_end(&blob);
	assert_int_equal(open_blob(), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.kernel, "words\n"));
	assert_true(bytes_are(b.job.bundle.cmdline, "words"));
	/* a NUL in a file that is a command line by its other name */
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	add_link("cmdline", "");
	newc_add_raw(&blob, "070701", NEWC_FILE, 2, "modules/00-a", 13, "a\0b", 3);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_CMDLINE, "");
	/* a member with another inode or device is another file */
	for (size_t field = 0; field < 9; field += field ? 1 : 7) {
		setup(state);
		newc_add_text(&blob, "kernel", "K");
		add_link("modules/00-a", "");
		other = blob.size;
		add_link("modules/01-b", "text");
		blob.data[other + 6 + 8 * field + 7] = '9';
		newc_end(&blob);
		refused(SEGUE_E_BUNDLE_LINK, "hard link without its file: a");
	}
	/* The trailer has no data, even if it claims to be the same file. */
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	link = blob.size;
	add_link("modules/00-a", "");
	other = blob.size;
	newc_end(&blob);
	memcpy(blob.data + other + 6, blob.data + link + 6, 11 * 8);
	blob.data[other + 6 + 8 * 6 + 7] = '9';
	refused(SEGUE_E_BUNDLE_LINK, "hard link without its file: a");
	setup(state);
	add_link("kernel", "");
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_LINK, ": kernel");
	setup(state);
	add_link("kernel", "");
	add_link("kernel", "K");
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_TWICE, "kernel");
}

static void nested(void **state)
{
	struct blob inner = { NULL, 0 };

	(void)state;
	newc_add_text(&inner, "kernel", "K");
	newc_end(&inner);
	newc_add(&blob, "kernel", inner.data, inner.size);
	newc_end(&blob);
	refused(SEGUE_E_BUNDLE_NESTED, "bundle");
	free(inner.data);
}

static void headers(void **state)
{
	size_t field;

	(void)state;
	for (field = 0; field < 13; field++) {
		setup(state);
		newc_add_text(&blob, "kernel", "K");
		newc_end(&blob);
		blob.data[6 + 8 * field + field % 8] = "g/:@G` \0"[field % 8];
		refused(SEGUE_E_BUNDLE_HEADER, "header at offset 0x0");
	}
	setup(state);
	newc_add_text(&blob, "kernel", "K");
	newc_add_raw(&blob, "070707", NEWC_FILE, 1, "initrd", 7, "", 0);
	refused(SEGUE_E_BUNDLE_HEADER, "header at offset 0x7c");
	setup(state);
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, "kernel", 6, "K", 1);
	refused(SEGUE_E_BUNDLE_HEADER, "header at offset 0x0");
	setup(state);
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, "", 0, "K", 1);
	refused(SEGUE_E_BUNDLE_HEADER, "header at offset 0x0");
}

/* An archive that is truncated anywhere before the trailer's NUL is refused, and never read past its end (ASan). */
static void truncated_anywhere(void **state)
{
	size_t size, whole;

	(void)state;
	newc_add_text(&blob, "kernel", "K");
	newc_add_text(&blob, "modules/01-a", "module");
	newc_add_text(&blob, "modules/01-a.cmdline", "words");
	whole = blob.size + 110 + 11;
	newc_end(&blob);
	for (size = 6; size <= whole; size++) {
		uint8_t *exact = malloc(size);

		memcpy(exact, blob.data, size);
		blob_job_start(&b, exact, size);
		assert_int_equal(segue_open_blob(&b.job), size < whole ? SEGUE_E_BUNDLE_TRUNCATED : SEGUE_OK);
		free(exact);
	}
}

static void sizes_that_would_wrap(void **state)
{
	static const char *const sizes[] = { "FFFFFFFF", "FFFFFFFC", "FFFFFF80", "80000000", "00000005" };
	size_t i;

	for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		setup(state);
		newc_add_text(&blob, "kernel", "Kern");
		memcpy(blob.data + 6 + 8 * 6, sizes[i], 8);
		refused(SEGUE_E_BUNDLE_TRUNCATED, "kernel at offset 0x0");
		setup(state);
		newc_add_text(&blob, "kernel", "");
		memcpy(blob.data + 6 + 8 * 11, i < 4 ? sizes[i] : "0000000B", 8);
		refused(SEGUE_E_BUNDLE_TRUNCATED, "header at offset 0x0");
	}
}

static void too_many_for_the_workspace(void **state)
{
	int i;

	(void)state;
	newc_add_text(&blob, "kernel", "K");
	for (i = 0; i < 400; i++) {
		char name[32];

		snprintf(name, sizeof name, "modules/%03d-m", i);
		newc_add_text(&blob, name, "");
	}
	newc_end(&blob);
	refused(SEGUE_E_WORKSPACE_SMALL, "workspace");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_members, setup),
		cmocka_unit_test_setup(kernel_alone, setup),
		cmocka_unit_test_setup(as_find_lists_it, setup),
		cmocka_unit_test_setup(modules_go_by_number_then_name, setup),
		cmocka_unit_test_setup(many_modules_in_descending_order, setup),
		cmocka_unit_test_setup(name_padded_by_nuls, setup),
		cmocka_unit_test_setup(crc_format_is_read_too, setup),
		cmocka_unit_test_setup(lower_case_digits, setup),
		cmocka_unit_test_setup(caller_overrides_and_appends, setup),
		cmocka_unit_test_setup(digest, setup),
		cmocka_unit_test_setup(broken_digests, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(twice, setup),
		cmocka_unit_test_setup(kernel_missing_or_empty, setup),
		cmocka_unit_test_setup(nul_in_command_lines, setup),
		cmocka_unit_test_setup(wrong_kinds, setup),
		cmocka_unit_test_setup(hard_links, setup),
		cmocka_unit_test_setup(nested, setup),
		cmocka_unit_test_setup(headers, setup),
		cmocka_unit_test_setup(truncated_anywhere, setup),
		cmocka_unit_test_setup(sizes_that_would_wrap, setup),
		cmocka_unit_test_setup(too_many_for_the_workspace, setup),
	};
	int failed = cmocka_run_group_tests_name("bundle", tests, NULL, NULL);

	free(blob.data);
	return failed;
}
