/* SPDX-License-Identifier: MIT */
/*
 * What a blob is, by its content. The first rule that claims it has it:
 *
 *  1. "070701" or "070702" at offset 0: a bundle. (As a Fiwix blob: a kernel of 883 MiB.)
 *  2. Linux' boot flag and "HdrS", or ELF's magic, where they are if a kernel starts at
 *     offset 0: a kernel as it is, even if one seems to start at offset 8 too.
 *  3. The same where they are if a kernel starts at offset 8: a Fiwix blob. Before gzip, whose
 *     magic may be the length of a kernel of 547 KiB, and before Multiboot, whose header is
 *     searched for and would be found in the kernel behind the lengths.
 *  4. gzip's magic at offset 0: refused. Before Multiboot, of whose magic compressed bytes
 *     may hold four by chance.
 *  5. A kernel as it is, or of a bundle or Fiwix blob, is then offered to the loaders:
 *     Linux, Multiboot, ELF. Linux before Multiboot because its magic has one place while
 *     Multiboot's may lie anywhere in 8 KiB; ELF last because it is what Multiboot kernels are.
 */
#include "bytes.h"
#include "container.h"

static const struct loader *const loaders[] = {
	&segue_loader_linux,
	&segue_loader_multiboot,
	&segue_loader_elf
};

static bool starts_with(const struct bytes *bytes, const char *magic, size_t size)
{
	return bytes->size >= size && !__builtin_memcmp(bytes->data, magic, size);
}

bool segue_is_kernel(const struct bytes *bytes)
{
	return segue_loader_linux.recognise(bytes) || segue_loader_elf.recognise(bytes);
}

/* RFC 1952, section 2.3.1: ID1, ID2, and CM 8 (deflate), the only method there is. */
static bool is_gzip(const struct bytes *bytes)
{
	return starts_with(bytes, "\x1f\x8b\x08", 3);
}

/* A string of the host's; it lies in no part, and only tables are made from it. */
static struct bytes string_bytes(const char *string)
{
	struct bytes bytes = { (const uint8_t *)string, 0, PART_WORKSPACE };

	while (string[bytes.size])
		bytes.size++;
	return bytes;
}

static struct bytes part_bytes(const struct job *job, uint32_t part)
{
	struct bytes bytes = { job->parts[part].data, job->parts[part].size, part };

	return bytes;
}

int segue_take_modules(struct job *job, size_t count)
{
	uint64_t all = (uint64_t)count + (job->part_count - 1);
	uint64_t size = all * sizeof *job->bundle.modules;

	if (!all)
		return SEGUE_OK;
	if (all > UINT32_MAX / sizeof *job->bundle.modules)
		return segue_arena_refuse(job, SIZE_MAX);
	job->bundle.modules = segue_arena_take(&job->arena, (size_t)size, sizeof(void *));
	if (!job->bundle.modules)
		return segue_arena_refuse(job, (size_t)size);
	return SEGUE_OK;
}

static void append_callers_modules(struct job *job)
{
	size_t i;

	for (i = 1; i < job->part_count; i++) {
		const struct segue_part *part = &job->parts[i];
		struct member *module = &job->bundle.modules[job->bundle.module_count++];

		module->file = part_bytes(job, (uint32_t)i);
		module->name = string_bytes(part->name ? part->name : "module");
		if (part->cmdline)
			module->args = string_bytes(part->cmdline);
	}
}

int segue_open_blob(struct job *job)
{
	struct bytes blob = part_bytes(job, 0);
	struct bundle *bundle = &job->bundle;
	int error;

	if (!blob.size)
		return segue_refuse(job, SEGUE_E_EMPTY, "the blob has no bytes");
	*bundle = (struct bundle){ .container = "", .kernel = blob };
	bundle->kernel_name = string_bytes(job->parts[0].name ? job->parts[0].name : "kernel");
	if (segue_is_bundle(&blob))
		error = segue_open_bundle(job, &blob);
	else if (!segue_is_kernel(&blob) && segue_is_fiwix(&blob))
		error = segue_open_fiwix(job, &blob);
	else
		error = segue_take_modules(job, 0);
	if (error)
		return error;
	append_callers_modules(job);
	if (job->args->cmdline)
		bundle->cmdline = string_bytes(job->args->cmdline);
	return SEGUE_OK;
}

/* Nobody wants it: if it looks like a mistake that is easily made, say which. */
static int refuse_unknown(const struct job *job, const struct bytes *kernel)
{
	uint32_t head = 0;

	if (!job->bundle.container[0] && kernel->size > FIWIX_HEADER_SIZE) {
		struct bytes inner = segue_bytes_at(*kernel, FIWIX_HEADER_SIZE, kernel->size - FIWIX_HEADER_SIZE);
		uint64_t length = (uint64_t)le32(kernel->data) + le32(kernel->data + 4);

		if (length <= inner.size && is_gzip(&inner))
			return segue_refuse(job, SEGUE_E_GZIP,
					    "the kernel at offset 8 of the Fiwix blob is compressed by gzip: gunzip it first");
		if (length <= inner.size && segue_is_bundle(&inner))
			return segue_refuse(job, SEGUE_E_BUNDLE_NESTED,
					    "the kernel at offset 8 of the Fiwix blob is a bundle");
	}
	/* cpio's default is its old binary format, 0o070707 in the byte order of the machine */
	if (starts_with(kernel, "070707", 6) || starts_with(kernel, "\xc7\x71", 2))
		return segue_refuse(job, SEGUE_E_UNKNOWN,
				    "the %s is a cpio archive of an old format; a bundle is made by cpio -o -H newc",
				    job->bundle.container[0] ? "kernel" : "blob");
	if (kernel->size >= 4)
		head = le32(kernel->data);
	return segue_refuse(job, SEGUE_E_UNKNOWN,
			    "the %s (%z bytes, the first four are %x) is no bundle, Fiwix blob, Linux, Multiboot or ELF kernel",
			    job->bundle.container[0] ? "kernel" : "blob", (uint64_t)kernel->size, (uint64_t)head);
}

int segue_load_kernel(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	size_t i;

	if (is_gzip(kernel))
		return segue_refuse(job, SEGUE_E_GZIP, "the %s is compressed by gzip: gunzip it first",
				    job->bundle.container[0] ? "kernel" : "blob");
	for (i = 0; i < sizeof loaders / sizeof *loaders; i++) {
		if (!loaders[i]->recognise(kernel))
			continue;
		job->protocol = loaders[i]->protocol;
		return loaders[i]->load(job);
	}
	return refuse_unknown(job, kernel);
}
