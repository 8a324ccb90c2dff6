/* SPDX-License-Identifier: MIT */
/*
 * What a blob is, by its content. The first rule that claims it has it:
 *
 *  1. "070701" or "070702" at offset 0: a bundle. (As a Fiwix blob: a kernel of 883 MiB.)
 *  2. Linux' boot flag and "HdrS", or ELF's magic, where they are if a kernel starts at
 *     offset 0: a kernel as it is, even if one seems to start at offset 8 too.
 *  3. The same, or gzip's magic, where they are if a kernel starts at offset 8: a Fiwix blob.
 *     Before gzip at offset 0, whose magic may be the length of a kernel of 547 KiB, and before
 *     Multiboot, whose header is searched for and would be found in the kernel behind the lengths.
 *  4. A kernel as it is, or of a bundle or Fiwix blob, that starts with gzip's magic, or that of
 *     another compression: refused. Before Multiboot, of whose magic compressed bytes may hold
 *     four by chance.
 *  5. It is then offered to the loaders: Linux, Multiboot, ELF. Linux before Multiboot because
 *     its magic has one place while Multiboot's may lie anywhere in 8 KiB; ELF after it because it
 *     is what Multiboot kernels are. A Multiboot header that cannot be right, in a file that is no
 *     ELF, yields to rules 6 and 7.
 *  6. A Linux from before "HdrS": the boot flag, and a file just as long as its header says.
 *  7. Exactly 512 bytes that end with the boot flag: a boot sector. Last, as a small kernel may
 *     end so too; a disk image, which begins so, is none.
 */
#include "common/bytes.h"
#include "container/container.h"
#include "common/memory_functions.h"
#include "multiboot.h"
#include "../stage1/stage1.h"

static const struct loader *const loaders[] = {
	&segue_loader_linux,
	&segue_loader_multiboot,
	&segue_loader_elf,
	&segue_loader_linux_old,
	&segue_loader_boot_sector
};
#define AFTER_MULTIBOOT 2u            /* index of the next */

bool segue_is_kernel(const struct bytes *bytes)
{
	return segue_loader_linux.recognise(bytes) || segue_loader_elf.recognise(bytes);
}

bool segue_is_gzip(const struct bytes *bytes)
{
	return bytes->size >= 3 && le16(bytes->data) == 0x8b1f && bytes->data[2] == 8;
}

/* A string of the host's; it lies in no part, and only tables are made from it. */
static void set_string(struct bytes *bytes, const char *string)
{
	bytes->data = (const uint8_t *)string;
	bytes->part = PART_WORKSPACE;
	for (bytes->size = 0; string[bytes->size]; bytes->size++)
		;
}

struct member *segue_add_module(struct job *job)
{
	struct member *module = segue_arena_take(&job->arena, sizeof *module, _Alignof(struct member));

	if (!module)
		segue_arena_refuse(job, sizeof *module);
	else if (!job->bundle.module_count++)
		job->bundle.modules = module;
	return module;
}

static int add_callers_modules(struct job *job)
{
	size_t i;

	for (i = 1; i < job->part_count; i++) {
		const struct segue_part *part = &job->parts[i];
		struct member *module = segue_add_module(job);

		if (!module)
			return SEGUE_E_WORKSPACE_SMALL;
		module->file.data = part->data;
		module->file.size = part->size;
		module->file.part = (uint32_t)i;
		set_string(&module->name, part->name ? part->name : "module");
		if (part->cmdline)
			set_string(&module->args, part->cmdline);
	}
	return SEGUE_OK;
}

/* What follows a blob on an image that `segue iso` or `segue disk` has made is none of a kernel's bytes. */
static void drop_seal(struct bytes *blob)
{
	size_t left = blob->size - sizeof(struct seal);

	if (blob->size > sizeof(struct seal) && !memcmp(blob->data + left, SEAL_MAGIC, sizeof SEAL_MAGIC - 1))
		blob->size = left;
}

int segue_open_blob(struct job *job)
{
	const struct segue_part *part = &job->parts[0];
	struct bundle *bundle = &job->bundle;
	struct bytes blob = { part->data, part->size, 0 };
	bool is_bundle;
	int error = SEGUE_OK;

	if (!blob.size)
		return segue_refuse(job, SEGUE_E_EMPTY, NULL);
	drop_seal(&blob);
	bundle->container = "";
	is_bundle = segue_is_bundle(&blob);
	set_string(&bundle->kernel_name, part->name && !is_bundle ? part->name : "kernel");
	if (is_bundle)
		error = segue_open_bundle(job, &blob);
	else if (!segue_is_kernel(&blob) && segue_is_fiwix(&blob))
		error = segue_open_fiwix(job, &blob);
	else
		bundle->kernel = blob;
	if (error)
		return error;
	if (job->args->cmdline)
		set_string(&bundle->cmdline, job->args->cmdline);
	if (job->args->digest)
		bundle->digest = job->args->digest;
	return add_callers_modules(job);
}

/* The magic numbers of Linux' lib/decompress.c, lz4's frames, and xz's and zstd's formats; LZMA's is checked further. */
static const struct {
	char name[6];
	uint8_t size, magic[6];
} compressions[] = {
	{"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}}, {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}}, {"lz4", 4, {0x02, 0x21, 0x4c, 0x18}},
	{"lz4", 4, {0x04, 0x22, 0x4d, 0x18}}, {"bzip2", 3, "BZh"}, {"lzop", 4, {0x89, 'L', 'Z', 'O'}}, {"lzma", 3, {0x5d, 0, 0}},
};

/* NULL: by none. */
static const char *compression(const struct bytes *file)
{
	for (size_t i = 0; file->size > 12 && i < sizeof compressions / sizeof *compressions; i++) {
		const uint8_t *p = file->data;

		if (memcmp(p, compressions[i].magic, compressions[i].size))
			continue;
		/* bzip2: block size, and pi. LZMA: the unpacked size, below 2^40 or -1. */
		if (p[0] == 'B' && (p[3] - (uint32_t)'1' > 8 || p[4] != '1' || p[5] != 'A'))
			continue;
		if (p[0] == 0x5d && (p[10] != p[11] || (p[12] + 1) % 256 > 1))
			continue;
		return compressions[i].name;
	}
	return NULL;
}

static const struct loader *find_loader(const struct bytes *kernel, size_t from)
{
	for (; from < sizeof loaders / sizeof *loaders; from++)
		if (loaders[from]->recognise(kernel))
			return loaders[from];
	return NULL;
}

static int refuse_unknown(const struct job *job, const char *what)
{
	const struct bytes *kernel = &job->bundle.kernel;
	size_t offset = 0;
	const char *nearly = segue_multiboot_nearly(kernel, &offset);

	if (nearly)
		return segue_refuse(job, SEGUE_E_UNKNOWN, "%s of %z bytes; the Multiboot header at offset %x %s", what,
				    (addr_t)kernel->size, (addr_t)offset, nearly);
	return segue_refuse(job, SEGUE_E_UNKNOWN, "%s of %z bytes", what, (addr_t)kernel->size);
}

int segue_load_kernel(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	const char *what = *job->bundle.container ? "kernel" : "blob", *packed = compression(kernel);
	const struct loader *loader, *next;

	if (segue_is_gzip(kernel))
		return segue_refuse(job, SEGUE_E_GZIP, "%s; " INITRD_HINT, what);
	if (packed)
		return segue_refuse(job, SEGUE_E_COMPRESSED, "%s, by %s; " INITRD_HINT, what, packed);
	loader = find_loader(kernel, 0);
	if (!loader)
		return refuse_unknown(job, what);
	if (loader == &segue_loader_multiboot && segue_multiboot_is_stray(kernel) && (next = find_loader(kernel, AFTER_MULTIBOOT))) {
		segue_say(job, SEGUE_LOG_INFO, "%s, in spite of a Multiboot header that cannot be right", next->protocol);
		loader = next;
	}
	job->protocol = loader->protocol;
	return loader->load(job);
}
