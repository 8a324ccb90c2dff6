/* SPDX-License-Identifier: MIT */
/*
 * Determines the boot protocol of a kernel. Rules 1 to 3, in container/open.c, determine what a blob contains. For the
 * kernel in it, plain or from a bundle or Fiwix blob, the first of these rules that matches counts:
 *
 * 4. It starts with the magic of gzip or another compression: refused. This comes before Multiboot, because compressed
 *    bytes may hold Multiboot's magic of four bytes by chance.
 * 5. The loaders for cores, Linux, Multiboot, PVH, Linux as an ELF file and plain ELF are tried in this order. A core comes first,
 *    because the bytes in it are any memory. Linux comes before Multiboot, because its magic has one fixed offset while
 *    Multiboot's may lie anywhere in 8 KiB. PVH comes after Multiboot, as in QEMU: of a kernel with both the PVH entry may be for
 *    guests of Xen only, as Xen's own is. Linux's vmlinux may have PVH's note, and is then loaded by PVH, unless SEGUE_LOAD_VMLINUX
 *    is set. ELF comes last, because the others are ELF files; vmlinux.c says which of them are a Linux. A Multiboot 1 header that
 *    cannot be valid, in a file that is not ELF, gives way to rules 6 and 7. If a file has headers of both versions, version 1
 *    counts, unless its checksum is wrong, it gives way, its loader is not linked, or SEGUE_LOAD_MULTIBOOT_2 is set.
 * 6. A Linux from before "HdrS": it has the boot flag, and the file is as long as its header says.
 * 7. Exactly 512 bytes that end with the boot flag: a boot sector. This comes last, because a small kernel may end with
 *    the boot flag too. A disk image begins with such a sector but is longer, so it is not recognised.
 *
 * protocols.c lists rules 5 to 7 as a table. A kernel that fits a rule whose loader is not in the table is refused, before the
 * rules that come after; an old Linux (rule 6) is then not known, and a core, a PVH kernel or a vmlinux is a plain ELF.
 */
#include "common/bytes.h"
#include "common/loader.h"
#include "common/memory_map.h"
#include "container/magic.h"

static const struct segue_loader *const *find_loader(const struct bytes *kernel, const struct segue_loader *const *from)
{
	while (*from && !(*from)->recognise(kernel))
		from++;
	return from;
}

/* The first of the rules that the magic numbers fit, whether or not its loader is linked. */
static enum family family_of(const struct bytes *kernel)
{
	size_t i = 0;

	if (segue_is_linux(kernel))
		return FAMILY_LINUX;
	for (; segue_next_multiboot(kernel, &i); i += MULTIBOOT_ALIGN)
		if (segue_has_multiboot_sum(kernel->data + i))
			return FAMILY_MULTIBOOT;
	if (segue_find_multiboot2(kernel))
		return FAMILY_MULTIBOOT2;
	if (segue_is_elf(kernel))
		return FAMILY_ELF;
	return segue_is_boot_sector(kernel) ? FAMILY_BOOT_SECTOR : FAMILY_NONE;
}

/* Why the first bytes that look like the header of a linked protocol are not one; NULL if none do. */
static const char *nearly(const struct bytes *kernel, const char **name, size_t *offset)
{
	const char *why = NULL;

	for (const struct segue_loader *const *each = segue_loaders; SEGUE_SENTENCES && *each && !why; each++) {
		const struct searched_header *header = (*each)->searched;

		if (!header)
			continue;
		*name = header->name;
		why = header->nearly(kernel, offset);
	}
	return why;
}

static int refuse_unknown(const struct job *job, const char *what)
{
	const struct bytes *kernel = &job->bundle.kernel;
	const char *name, *why;
	size_t offset = 0;

	why = nearly(kernel, &name, &offset);
	if (!why)
		return segue_refuse(&job->log, SEGUE_E_UNKNOWN, "%s of %z bytes", what, (addr_t)kernel->size);
	return segue_refuse(&job->log, SEGUE_E_UNKNOWN, "%s of %z bytes; the %s header at offset %x %s", what, (addr_t)kernel->size,
			    name, (addr_t)offset, why);
}

static int refuse_family(const struct job *job, enum family family)
{
	static const char *const names[][2] = {
		[FAMILY_LINUX - FAMILY_LINUX] = {"Linux kernel", "loader_linux"},
		[FAMILY_MULTIBOOT - FAMILY_LINUX] = {"Multiboot kernel", "loader_multiboot"},
		[FAMILY_MULTIBOOT2 - FAMILY_LINUX] = {"Multiboot 2 kernel", "loader_multiboot2"},
		[FAMILY_ELF - FAMILY_LINUX] = {"plain ELF", "loader_elf"},
		[FAMILY_BOOT_SECTOR - FAMILY_LINUX] = {"boot sector", "loader_boot_sector"},
	};

	return segue_refuse_unlinked(&job->log, names[family - FAMILY_LINUX][0], names[family - FAMILY_LINUX][1]);
}

static void say_what_it_is_not(const struct job *job)
{
	const char *name, *why;
	size_t offset;

	why = nearly(&job->bundle.kernel, &name, &offset);
	if (why)
		segue_say(&job->log, SEGUE_LOG_WARNING, "taken for a plain ELF: the %s header at offset %x %s", name, (addr_t)offset, why);
}

static int load(struct job *job, const struct segue_loader *const *loader)
{
	const struct bytes *kernel = &job->bundle.kernel;
	uint32_t family = (*loader)->family;
	int error = LOADER_PASSES;

	for (; error == LOADER_PASSES && *loader; loader++) {
		if ((*loader)->family != family || !(*loader)->recognise(kernel))
			continue;
		if (family == FAMILY_ELF && !(*loader)->is_linux)
			say_what_it_is_not(job);
		job->protocol = (*loader)->protocol;
		job->next = loader + 1;
		job->log.meanings = (*loader)->meanings;
#if ADDRESS_MAX > UINT32_MAX
		if (job->no_low_ram && !(*loader)->takes_high)
			return segue_refuse(&job->log, job->no_low_ram, NO_LOW_RAM(job->no_low_ram));
#endif
		error = (*loader)->load(job);
	}
	/* Multiboot 2 passes only a kernel that Multiboot 1 recognises, PVH and vmlinux.c only one for the loaders after them. */
	return error == LOADER_PASSES ? segue_refuse_unlinked(&job->log, "Linux with a 16-bit entry", "loader_linux16") : error;
}

int segue_load_kernel(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	const char *what = *job->bundle.container ? "kernel" : "blob", *packed = segue_compression(kernel);
	const struct segue_loader *const *loader, *const *next;
	const struct searched_header *header;
	enum family family;

	if (segue_is_gzip(kernel))
		return segue_refuse(&job->log, SEGUE_E_GZIP, "%s; " INITRD_HINT, what);
	if (packed)
		return segue_refuse(&job->log, SEGUE_E_COMPRESSED, "%s, by %s; " INITRD_HINT, what, packed);
	loader = find_loader(kernel, segue_loaders);
	family = family_of(kernel);
	/* A linked loader of that family would have recognised it. */
	if (family < (*loader ? (*loader)->family : FAMILY_NONE))
		return refuse_family(job, family);
	if (!*loader)
		return refuse_unknown(job, what);
	header = (*loader)->searched;
	if (header && header->is_stray(kernel) && *(next = find_loader(kernel, loader + 1))) {
		segue_say(&job->log, SEGUE_LOG_INFO, "%s, in spite of a %s header that cannot be right", (*next)->protocol,
			  header->name);
		loader = next;
	}
	return load(job, loader);
}
