/* SPDX-License-Identifier: MIT */
/* Recognition of blobs, also if two rules match; and Fiwix's format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "blob_job.h"

#define KERNEL_SIZE 8192

static uint8_t linux_kernel[KERNEL_SIZE], elf_kernel[KERNEL_SIZE], flat_kernel[KERNEL_SIZE];
static struct blob blob;
static struct blob_job b;

static void put(uint8_t *to, uint32_t value)
{
	int i;

	for (i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static void put_multiboot(uint8_t *to, uint32_t flags)
{
	put(to, 0x1badb002);
	put(to + 4, flags);
	put(to + 8, 0u - 0x1badb002 - flags);
}

static void put_linux(uint8_t *to)
{
	to[0x1fe] = 0x55;
	to[0x1ff] = 0xaa;
	memcpy(to + 0x202, "HdrS", 4);
	to[0x206] = 0x0f;
	to[0x207] = 0x02;
	to[0x211] = 1;
}

static int setup(void **state)
{
	(void)state;
	memset(linux_kernel, 0, KERNEL_SIZE);
	put_linux(linux_kernel);
	memset(elf_kernel, 0, KERNEL_SIZE);
	memcpy(elf_kernel, "\177ELF\1\1\1", 7);
	memset(flat_kernel, 0x90, KERNEL_SIZE);
	free(blob.data);
	blob = (struct blob){ NULL, 0 };
	return 0;
}

/* Opens the blob and asks the loaders. Their errors for these incomplete files are ignored. */
static int load(void)
{
	int error;

	blob_job_start(&b, blob.data, blob.size);
	error = segue_open_blob(&b.job);
	return error ? error : segue_load_kernel(&b.job);
}

static void taken_for(const char *container, const char *protocol)
{
	load();
	if (!b.job.protocol)
		fail_msg("no protocol: %s", b.sentence);
	assert_string_equal(b.job.bundle.container, container);
	assert_string_equal(b.job.protocol, protocol);
}

static void refused(int code, const char *words)
{
	assert_int_equal(load(), code);
	assert_int_equal(b.sentences, 1);
	if (!strstr(b.sentence, words))
		fail_msg("\"%s\" does not say \"%s\"", b.sentence, words);
	assert_null(b.job.protocol);
}

static void fiwix(uint32_t kernel_size, uint32_t initrd_size, const uint8_t *kernel)
{
	uint8_t lengths[8];

	put(lengths, kernel_size);
	put(lengths + 4, initrd_size);
	blob_add(&blob, lengths, 8);
	blob_add(&blob, kernel, KERNEL_SIZE);
}

static void kernels_as_they_are(void **state)
{
	(void)state;
	blob_add(&blob, linux_kernel, KERNEL_SIZE);
	taken_for("", "Linux");
	setup(state);
	blob_add(&blob, elf_kernel, KERNEL_SIZE);
	taken_for("", "ELF");
	setup(state);
	put_multiboot(elf_kernel + 4096, 0);
	blob_add(&blob, elf_kernel, KERNEL_SIZE);
	taken_for("", "Multiboot 1");
	setup(state);
	put_multiboot(flat_kernel + 64, 0x10000);
	blob_add(&blob, flat_kernel, KERNEL_SIZE);
	taken_for("", "Multiboot 1");
}

static void kernels_in_a_bundle(void **state)
{
	(void)state;
	newc_add(&blob, "kernel", linux_kernel, KERNEL_SIZE);
	newc_end(&blob);
	taken_for("bundle", "Linux");
	setup(state);
	newc_add(&blob, "kernel", elf_kernel, KERNEL_SIZE);
	newc_end(&blob);
	taken_for("bundle", "ELF");
}

/* Two rules match each of these. */
static void linux_before_multiboot(void **state)
{
	(void)state;
	put_multiboot(linux_kernel + 1024, 0x10000);
	blob_add(&blob, linux_kernel, KERNEL_SIZE);
	taken_for("", "Linux");
}

static void offset_0_before_offset_8(void **state)
{
	(void)state;
	put_linux(linux_kernel + 8);
	memcpy(linux_kernel + 0x202, "HdrS\x0f\x02", 6);
	memcpy(linux_kernel + 0x1fe, "\x55\xaa", 2);
	memcpy(linux_kernel + 0x20a, "HdrS", 4);
	memcpy(linux_kernel + 0x206, "\x55\xaa", 2);
	put(linux_kernel, KERNEL_SIZE - 8);
	blob_add(&blob, linux_kernel, KERNEL_SIZE);
	taken_for("", "Linux");
	setup(state);
	put_linux(elf_kernel + 8);
	blob_add(&blob, elf_kernel, KERNEL_SIZE);
	taken_for("", "ELF");
}

static void fiwix_before_multiboot(void **state)
{
	(void)state;
	put_multiboot(elf_kernel + 4096, 0);
	fiwix(KERNEL_SIZE, 0, elf_kernel);
	taken_for("Fiwix", "Multiboot 1");
	assert_int_equal(b.job.bundle.kernel.size, KERNEL_SIZE);
	assert_ptr_equal(b.job.bundle.kernel.data, blob.data + 8);
}

static void fiwix_before_gzip(void **state)
{
	(void)state;
	fiwix(0x00088b1f, 0, linux_kernel);
	while (blob.size < 8 + 0x00088b1f)
		blob_add(&blob, elf_kernel, KERNEL_SIZE);
	taken_for("Fiwix", "Linux");
	assert_int_equal(b.job.bundle.kernel.size, 0x00088b1f);
}

static void gzip_before_multiboot(void **state)
{
	(void)state;
	memcpy(flat_kernel, "\x1f\x8b\x08\0\0\0\0\0\x02\x03", 10);
	put_multiboot(flat_kernel + 64, 0x10000);
	blob_add(&blob, flat_kernel, KERNEL_SIZE);
	refused(SEGUE_E_GZIP, ": blob");
}

static void bundle_before_fiwix(void **state)
{
	(void)state;
	newc_add(&blob, "kernel", elf_kernel, KERNEL_SIZE);
	newc_end(&blob);
	memcpy(blob.data + 8 + 0x1fe, "\x55\xaa", 2);
	memcpy(blob.data + 8 + 0x202, "HdrS", 4);
	taken_for("bundle", "ELF");
}

static void fiwix_blobs(void **state)
{
	(void)state;
	fiwix(KERNEL_SIZE, 6, linux_kernel);
	blob_add(&blob, "initrd, and then the rest of the disk", 37);
	blob_job_start(&b, blob.data, blob.size);
	b.parts[0].name = "/boot/disk";
	b.parts[1] = (struct segue_part){ "beside", 6, NULL, 0, "out", NULL };
	b.job.part_count = 2;
	b.args.cmdline = "words";
	assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
	assert_string_equal(b.job.bundle.container, "Fiwix");
	assert_int_equal(b.job.bundle.kernel.size, KERNEL_SIZE);
	assert_int_equal(b.job.bundle.kernel.part, 0);
	assert_ptr_equal(b.job.bundle.kernel.data, blob.data + 8);
	assert_true(bytes_are(b.job.bundle.initrd, "initrd"));
	assert_int_equal(b.job.bundle.initrd.part, 0);
	assert_true(bytes_are(b.job.bundle.kernel_name, "/boot/disk"));
	assert_true(bytes_are(b.job.bundle.cmdline, "words"));
	assert_int_equal(b.job.bundle.module_count, 1);
	assert_true(bytes_are(b.job.bundle.modules[0].name, "out"));

	setup(state);
	fiwix(KERNEL_SIZE, 0, linux_kernel);
	taken_for("Fiwix", "Linux");
	assert_int_equal(b.job.bundle.initrd.size, 0);
}

static void fiwix_lengths(void **state)
{
	static const uint32_t past[] = { KERNEL_SIZE + 1, 0x7fffffff, 0xfffffff8, 0xffffffff };
	size_t i;

	for (i = 0; i < sizeof past / sizeof *past; i++) {
		setup(state);
		fiwix(past[i], 0, linux_kernel);
		refused(SEGUE_E_FIWIX_KERNEL, " bytes, 8192 left");
		setup(state);
		fiwix(KERNEL_SIZE - 4, past[i] - KERNEL_SIZE + 4, linux_kernel);
		refused(SEGUE_E_FIWIX_INITRD, " bytes, 4 left");
	}
	/* a truncated kernel is not recognised */
	for (i = 0; i < 0x200; i += 0x20) {
		setup(state);
		fiwix((uint32_t)i, 0, linux_kernel);
		refused(SEGUE_E_UNKNOWN, ": kernel of ");
	}
	/* except its boot sector */
	setup(state);
	fiwix(0x200, 0, linux_kernel);
	assert_int_equal(load(), SEGUE_E_BOOT_SECTOR_BIOS);
}

static void nested(void **state)
{
	(void)state;
	fiwix(KERNEL_SIZE, 0, linux_kernel);
	{
		struct blob inner = blob;

		blob = (struct blob){ NULL, 0 };
		newc_add(&blob, "kernel", inner.data, inner.size);
		newc_end(&blob);
		free(inner.data);
	}
	refused(SEGUE_E_BUNDLE_NESTED, "bundle");
}

static void compressed_kernels(void **state)
{
	static const uint8_t gzip[64] = { 0x1f, 0x8b, 8 };

	(void)state;
	blob_add(&blob, gzip, sizeof gzip);
	refused(SEGUE_E_GZIP, ": blob");
	setup(state);
	blob_add(&blob, gzip, 3);
	refused(SEGUE_E_GZIP, ": blob");
	setup(state);
	newc_add(&blob, "kernel", gzip, sizeof gzip);
	newc_end(&blob);
	refused(SEGUE_E_GZIP, ": kernel");
	setup(state);
	memcpy(flat_kernel, gzip, 3);
	fiwix(KERNEL_SIZE - 10, 10, flat_kernel);
	refused(SEGUE_E_GZIP, ": kernel");
}

static void none_of_them(void **state)
{
	static const char *const texts[] = { "x", "hello", "12345678", "123456789", "#!/bin/sh\n", "07070" };
	size_t i;

	for (i = 0; i < sizeof texts / sizeof *texts; i++) {
		setup(state);
		blob_add(&blob, texts[i], strlen(texts[i]));
		refused(SEGUE_E_UNKNOWN, ": blob of ");
	}
	setup(state);
	blob_add(&blob, flat_kernel, KERNEL_SIZE);
	refused(SEGUE_E_UNKNOWN, ": blob of 8192 bytes");
	setup(state);
	newc_add(&blob, "kernel", flat_kernel, KERNEL_SIZE);
	newc_end(&blob);
	refused(SEGUE_E_UNKNOWN, ": kernel of ");
	setup(state);
	blob_add(&blob, "070707000000", 12);
	refused(SEGUE_E_UNKNOWN, ": blob of ");
	setup(state);
	blob_add(&blob, "\xc7\x71\0\0", 4);
	refused(SEGUE_E_UNKNOWN, ": blob of ");
}

static void no_bytes(void **state)
{
	(void)state;
	refused(SEGUE_E_EMPTY, "empty blob");
}

static void names_and_modules_of_a_plain_kernel(void **state)
{
	(void)state;
	blob_add(&blob, linux_kernel, KERNEL_SIZE);
	blob_job_start(&b, blob.data, blob.size);
	assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.kernel_name, "kernel"));
	assert_int_equal(b.job.bundle.kernel.size, KERNEL_SIZE);
	assert_int_equal(b.job.bundle.cmdline.size, 0);
	assert_int_equal(b.job.bundle.module_count, 0);

	blob_job_start(&b, blob.data, blob.size);
	b.parts[0].name = "vmlinuz";
	b.parts[0].cmdline = "is not read";
	b.parts[1] = (struct segue_part){ "initrd", 6, NULL, 0, "initrd.gz", "" };
	b.job.part_count = 2;
	assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
	assert_true(bytes_are(b.job.bundle.kernel_name, "vmlinuz"));
	assert_int_equal(b.job.bundle.cmdline.size, 0);
	assert_int_equal(b.job.bundle.initrd.size, 0);
	assert_int_equal(b.job.bundle.module_count, 1);
	assert_true(bytes_are(b.job.bundle.modules[0].file, "initrd"));
	assert_int_equal(b.job.bundle.modules[0].args.size, 0);
}

/* A kernel truncated at any length is not read past its end (ASan). */
static void short_blobs(void **state)
{
	size_t size;

	(void)state;
	for (size = 1; size < 0x300; size++) {
		uint8_t *exact = malloc(size + 8);

		put(exact, (uint32_t)size);
		put(exact + 4, 0);
		memcpy(exact + 8, linux_kernel, size);
		blob_job_start(&b, exact, size + 8);
		assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
		assert_string_equal(b.job.bundle.container, size < 0x206 ? "" : "Fiwix");
		blob_job_start(&b, exact + 8, size);
		assert_int_equal(segue_open_blob(&b.job), SEGUE_OK);
		assert_string_equal(b.job.bundle.container, "");
		free(exact);
	}
}

/* The sentence names the compressor, not only gzip. A file with only similar first bytes is not compressed. */
static void other_compressions(void **state)
{
	static const struct {
		const char *name;
		uint8_t bytes[13];
	} cases[] = {
		{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}}, {"zstd", {0x28, 0xb5, 0x2f, 0xfd}}, {"lz4", {0x02, 0x21, 0x4c, 0x18}},
		{"lz4", {0x04, 0x22, 0x4d, 0x18}}, {"bzip2", "BZh91AY&SY"}, {"lzop", {0x89, 'L', 'Z', 'O'}},
		{"lzma", {0x5d, 0, 0, 0x80, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"lzma", {0x5d, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0}},
		{NULL, "BZh91BY&SY"}, {NULL, "BZhello world"}, {NULL, {0x5d, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{NULL, {0xfd, '7', 'z', 'X', 'Z', 1}},
	};
	char words[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *name = cases[i].name;

		for (int bundled = 0; bundled < 2; bundled++) {
			free(blob.data);
			blob = (struct blob){ NULL, 0 };
			memcpy(flat_kernel, cases[i].bytes, 13);
			put_multiboot(flat_kernel + 64, 0);
			if (bundled)
				newc_add(&blob, "kernel", flat_kernel, KERNEL_SIZE);
			else
				blob_add(&blob, flat_kernel, KERNEL_SIZE);
			if (bundled)
				newc_end(&blob);
			snprintf(words, sizeof words, ": %s, by %s; if it is an initrd", bundled ? "kernel" : "blob", name ? name : "");
			if (name)
				refused(SEGUE_E_COMPRESSED, words);
			else
				taken_for(bundled ? "bundle" : "", "Multiboot 1");
		}
	}
}

/* A Linux from before HdrS, or a boot sector, that contains a Multiboot header without a load address. */
static void stray_multiboot(void **state)
{
	static const struct {
		uint32_t words[8];
		bool stray;
	} cases[] = {
		{{0x1badb002, 0, 0u - 0x1badb002}, true}, {{0x1badb002, 0x8000, 0u - 0x1badb002 - 0x8000}, true},
		{{0x1badb002, 5, 6}, true},
		{{0x1badb002, 0x10000, 0u - 0x1badb002 - 0x10000, 0x100000, 0x200000, 0, 0, 0x100000}, true},
		{{0x1badb002, 0x10000, 0u - 0x1badb002 - 0x10000, 0x200, 0x100, 0, 0, 0x100}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t size = 512; size <= KERNEL_SIZE; size += KERNEL_SIZE - 512) {
			memset(flat_kernel, 0, KERNEL_SIZE);
			flat_kernel[0x1f1] = 4;
			flat_kernel[0x1f4] = (KERNEL_SIZE - 5 * 512) / 16 & 0xff;
			flat_kernel[0x1f5] = (KERNEL_SIZE - 5 * 512) / 16 >> 8;
			flat_kernel[0x1fe] = 0x55;
			flat_kernel[0x1ff] = 0xaa;
			for (size_t k = 0; k < 8; k++)
				put(flat_kernel + 0x100 + 4 * k, cases[i].words[k]);
			free(blob.data);
			blob = (struct blob){ NULL, 0 };
			blob_add(&blob, flat_kernel, size);
			taken_for("", !cases[i].stray ? "Multiboot 1" : size == 512 ? "boot sector" : "Linux");
		}
	/* if no other loader matches, the Multiboot loader refuses it */
	flat_kernel[0x1f4] = 0;
	put_multiboot(flat_kernel + 0x100, 0);
	free(blob.data);
	blob = (struct blob){ NULL, 0 };
	blob_add(&blob, flat_kernel, KERNEL_SIZE);
	assert_int_equal(load(), SEGUE_E_MULTIBOOT_FORMAT);
}

static void unknown_with_a_misplaced_header(void **state)
{
	(void)state;
	put_multiboot(flat_kernel + 0x1002, 3);
	blob_add(&blob, flat_kernel, KERNEL_SIZE);
	refused(SEGUE_E_UNKNOWN, ": blob of 8192 bytes; the Multiboot header at offset 0x1002 is not at a multiple of 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(kernels_as_they_are, setup),
		cmocka_unit_test_setup(kernels_in_a_bundle, setup),
		cmocka_unit_test_setup(linux_before_multiboot, setup),
		cmocka_unit_test_setup(offset_0_before_offset_8, setup),
		cmocka_unit_test_setup(fiwix_before_multiboot, setup),
		cmocka_unit_test_setup(fiwix_before_gzip, setup),
		cmocka_unit_test_setup(gzip_before_multiboot, setup),
		cmocka_unit_test_setup(bundle_before_fiwix, setup),
		cmocka_unit_test_setup(fiwix_blobs, setup),
		cmocka_unit_test_setup(fiwix_lengths, setup),
		cmocka_unit_test_setup(nested, setup),
		cmocka_unit_test_setup(compressed_kernels, setup),
		cmocka_unit_test_setup(other_compressions, setup),
		cmocka_unit_test_setup(stray_multiboot, setup),
		cmocka_unit_test_setup(unknown_with_a_misplaced_header, setup),
		cmocka_unit_test_setup(none_of_them, setup),
		cmocka_unit_test_setup(no_bytes, setup),
		cmocka_unit_test_setup(names_and_modules_of_a_plain_kernel, setup),
		cmocka_unit_test_setup(short_blobs, setup),
	};
	int failed = cmocka_run_group_tests_name("recognise", tests, NULL, NULL);

	free(blob.data);
	return failed;
}
