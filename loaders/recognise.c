/* SPDX-License-Identifier: MIT */
/*
 * Which boot protocol a kernel is for. What a blob holds is told by rules 1 to 3 in container/open.c; for the kernel in
 * it the first of these rules counts that claims it:
 *
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
 *
 * Rules 5 to 7 are the table in protocols.c.
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
