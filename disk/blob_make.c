/* SPDX-License-Identifier: MIT */
/* The blob that pack, iso and disk make. It contains no time, user or inode number, so the same input makes the same bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "blob.h"
#include "container/bundle_reader.h"
#include "container/magic.h"
#include "cpio.h"
#include "digest.h"
#include "staging.h"

#define PAGE 4096u
/* Memory of the machine in the dry run. */
#define TRIAL_MEMORY (3ull << 30)

static void put_modules(struct output *out, const struct module *modules, size_t count)
{
	int digits = count > 100 ? snprintf(NULL, 0, "%zu", count - 1) : 2;
	size_t i;

	if (count)
		cpio_put(out, "modules", CPIO_FOLDER, NULL, 0, CPIO_ALIGN);
	for (i = 0; i < count; i++) {
		const char *file_name = base_name(modules[i].file.path);
		size_t size = strlen(file_name) + 64;
		char *name = allocate(size);

		if (modules[i].args) {
			snprintf(name, size, "modules/%0*zu-%s.cmdline", digits, i, file_name);
			cpio_put(out, name, CPIO_FILE, modules[i].args, strlen(modules[i].args), CPIO_ALIGN);
		}
		snprintf(name, size, "modules/%0*zu-%s", digits, i, file_name);
		cpio_put(out, name, CPIO_FILE, modules[i].file.data, modules[i].file.size, PAGE);
		free(name);
	}
}

/* Returns the offset of the digest's digits, which are '0' at first; 0 without a digest. */
static size_t put_bundle(struct output *out, const struct file *kernel, const struct blob_arguments *arguments)
{
	const struct output *initrd = &arguments->initrd;
	const char *cmdline = arguments->cmdline;
	char digits[DIGEST_DIGITS + 1];
	size_t digest = 0;

	memset(digits, '0', DIGEST_DIGITS);
	digits[DIGEST_DIGITS] = '\n';
	if (arguments->digest)
		digest = cpio_put(out, "digest", CPIO_FILE, digits, sizeof digits, CPIO_ALIGN);
	if (cmdline)
		cpio_put(out, "cmdline", CPIO_FILE, cmdline, strlen(cmdline), CPIO_ALIGN);
	cpio_put(out, "kernel", CPIO_FILE, kernel->data, kernel->size, PAGE);
	if (initrd->size)
		cpio_put(out, "initrd", CPIO_FILE, initrd->data, initrd->size, PAGE);
	put_modules(out, arguments->modules, arguments->module_count);
	cpio_end(out);
	return digest;
}

static void put_fiwix(struct output *out, const struct file *kernel, const struct output *initrd)
{
	uint8_t lengths[FIWIX_HEADER_SIZE];

	put_le32(lengths, (uint32_t)kernel->size);
	put_le32(lengths + 4, (uint32_t)initrd->size);
	put(out, lengths, sizeof lengths);
	put(out, kernel->data, kernel->size);
	put(out, initrd->data, initrd->size);
}

/* Checks the kernel alone first, so that a complaint names its file. */
static bool check_kernel(const struct file *kernel)
{
	struct dry_run run = { .blob = { .file = *kernel } };
	bool good = dry_run_open(&run) == SEGUE_OK;

	if (!good)
		complain(kernel->path, "%s", dry_run_refusal(&run));
	else if (run.bundle.container[0])
		complain(kernel->path, "this is already a %s, not a kernel",
			 strcmp(run.bundle.container, "Fiwix") ? run.bundle.container : "Fiwix blob");
	good = good && !run.bundle.container[0];
	run.blob.file.data = NULL;
	dry_run_free(&run);
	return good;
}

static void open_trial(struct dry_run *run, const char *name, const struct output *blob, uint32_t flags)
{
	*run = (struct dry_run){
		.blob = { .file = { .path = name, .data = blob->data, .size = blob->size }, .at = DRY_RUN_ANYWHERE },
		.workspace_at = DRY_RUN_ANYWHERE,
		.flags = flags | SEGUE_LOAD_BIOS
	};
	map_of_pc(TRIAL_MEMORY, &run->map);
}

static void close_trial(struct dry_run *run)
{
	run->blob.file.data = NULL;
	dry_run_free(run);
}

static bool check_digest(struct dry_run *run)
{
	char right[DIGEST_DIGITS + 1];

	if (dry_run_open(run) || digest_is_right(run, right))
		return true;
	complain(run->blob.file.path, "its digest is wrong; the right one is %s", right);
	return false;
}

bool blob_try(const char *name, const struct output *blob, uint32_t flags, const char *cmdline)
{
	struct dry_run run;
	bool good;

	open_trial(&run, name, blob, flags);
	run.cmdline = cmdline;
	good = dry_run(&run);
	if (good && run.error) {
		complain(name, "%s", dry_run_refusal(&run));
		good = false;
	}
	good = good && check_digest(&run);
	close_trial(&run);
	return good;
}

/* After the rest of the bundle: the digest covers what the segments take from it. */
static bool fill_digest(const struct blob_arguments *arguments, struct output *blob, size_t at)
{
	uint8_t digest[DIGEST_SIZE];
	char text[DIGEST_DIGITS + 1];
	struct dry_run run;
	bool good;

	open_trial(&run, arguments->kernel, blob, arguments->load_flags);
	good = dry_run(&run);
	if (good && run.error) {
		complain(arguments->kernel, "no digest can be made: %s", dry_run_refusal(&run));
		good = false;
	}
	if (good) {
		digest_of(&run, digest);
		digest_text(digest, text);
		memcpy(blob->data + at, text, DIGEST_DIGITS);
	}
	close_trial(&run);
	return good;
}

static bool make(const struct blob_arguments *arguments, const struct file *kernel, struct output *blob)
{
	struct bytes bytes = { kernel->data, kernel->size, 0 };
	size_t digest = 0;

	if (!check_kernel(kernel))
		return false;
	if (arguments->fiwix && !segue_is_kernel(&bytes)) {
		complain(arguments->kernel, "Fiwix's format holds Linux and ELF kernels only");
		return false;
	}
	if (arguments->fiwix)
		put_fiwix(blob, kernel, &arguments->initrd);
	else
		digest = put_bundle(blob, kernel, arguments);
	if (blob->size <= BLOB_LIMIT)
		return !digest || fill_digest(arguments, blob, digest);
	complain(arguments->out, "its %s do not fit below 4 GiB", human_size(blob->size));
	return false;
}

bool blob_make(const struct blob_arguments *arguments, struct output *blob)
{
	struct file kernel;
	bool good = file_read_kernel(arguments->kernel, &kernel);

	if (!good)
		return false;
	good = make(arguments, &kernel, blob);
	if (good && kernel.packed_size)
		printf("%s: unpacked by %s from %s to %s\n", arguments->kernel, kernel.packed_by, human_size(kernel.packed_size),
		       human_size(kernel.size));
	file_free(&kernel);
	return good;
}

bool blob_write(const char *out, const struct output *blob)
{
	bool good = staging_open(out);

	if (good) {
		const char *path = staging_add("blob");

		good = file_write(path, out, blob->data, blob->size) && staging_finish(path);
	}
	staging_close();
	return good;
}
