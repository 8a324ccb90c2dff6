/* SPDX-License-Identifier: MIT */
/*
 * Determines the boot protocol of a kernel. Rules 1 to 3, in container/open.c, determine what a blob contains. For the
 * kernel in it, plain or from a bundle or Fiwix blob, the first of these rules that matches counts:
 *
 * 4. It starts with the magic of gzip or another compression: refused. This comes before Multiboot, because compressed
 *    bytes may hold Multiboot's magic of four bytes by chance.
 * 5. The loaders for Linux, Multiboot and ELF are tried in this order. Linux comes before Multiboot, because its magic
 *    has one fixed offset while Multiboot's may lie anywhere in 8 KiB. ELF comes after Multiboot, because Multiboot
 *    kernels are ELF files. A Multiboot header that cannot be valid, in a file that is not ELF, gives way to rules 6
 *    and 7.
 * 6. A Linux from before "HdrS": it has the boot flag, and the file is as long as its header says.
 * 7. Exactly 512 bytes that end with the boot flag: a boot sector. This comes last, because a small kernel may end with
 *    the boot flag too. A disk image begins with such a sector but is longer, so it is not recognised.
 *
 * protocols.c lists rules 5 to 7 as a table.
 */
#include "common/loader.h"
#include "container/magic.h"

static const struct loader *const *find_loader(const struct bytes *kernel, const struct loader *const *from)
{
	while (*from && !(*from)->recognise(kernel))
		from++;
	return from;
}

static int refuse_unknown(const struct job *job, const char *what)
{
	const struct bytes *kernel = &job->bundle.kernel;
	size_t offset = 0;

	for (const struct loader *const *each = segue_loaders; *each; each++) {
		const struct searched_header *header = (*each)->searched;
		const char *nearly = header ? header->nearly(kernel, &offset) : NULL;

		if (nearly)
			return segue_refuse(&job->log, SEGUE_E_UNKNOWN, "%s of %z bytes; the %s header at offset %x %s", what,
					    (addr_t)kernel->size, header->name, (addr_t)offset, nearly);
	}
	return segue_refuse(&job->log, SEGUE_E_UNKNOWN, "%s of %z bytes", what, (addr_t)kernel->size);
}

int segue_load_kernel(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	const char *what = *job->bundle.container ? "kernel" : "blob", *packed = segue_compression(kernel);
	const struct loader *const *loader, *const *next;
	const struct searched_header *header;

	if (segue_is_gzip(kernel))
		return segue_refuse(&job->log, SEGUE_E_GZIP, "%s; " INITRD_HINT, what);
	if (packed)
		return segue_refuse(&job->log, SEGUE_E_COMPRESSED, "%s, by %s; " INITRD_HINT, what, packed);
	loader = find_loader(kernel, segue_loaders);
	if (!*loader)
		return refuse_unknown(job, what);
	header = (*loader)->searched;
	if (header && header->is_stray(kernel) && *(next = find_loader(kernel, loader + 1))) {
		segue_say(&job->log, SEGUE_LOG_INFO, "%s, in spite of a %s header that cannot be right", (*next)->protocol,
			  header->name);
		loader = next;
	}
	job->protocol = (*loader)->protocol;
	return (*loader)->load(job);
}
