/* SPDX-License-Identifier: MIT */
/*
 * Determines what a blob contains. The first rule that matches counts:
 *
 * 1. "070701" or "070702" at offset 0: a bundle. (A Fiwix blob that starts so would hold a kernel of 883 MiB.)
 * 2. Linux' boot flag and "HdrS", or ELF's magic, at their offsets from the start of the blob: a plain kernel, even if
 *    another one seems to start at offset 8.
 * 3. The same, or gzip's magic, at their offsets from offset 8: a Fiwix blob. This rule comes before gzip at offset 0,
 *    because gzip's magic may be the length of a kernel of 547 KiB. It comes before Multiboot, because the search for a
 *    Multiboot header would find the one in the kernel after the lengths.
 *
 * Anything else is a plain kernel. recognise.c continues with the rules for kernels.
 */
#include "common/bytes.h"
#include "common/loader.h"
#include "common/memory_functions.h"
#include "container/container.h"
#include "container/magic.h"
#include "container/seal.h"

/* A string of the host. It belongs to no part; its bytes only go into tables. */
static void set_string(struct bytes *bytes, const char *string)
{
	bytes->data = (const uint8_t *)string;
	bytes->part = PART_WORKSPACE;
	for (bytes->size = 0; string[bytes->size]; bytes->size++)
		;
}

static int add_callers_modules(struct job *job)
{
	size_t i;

	for (i = 1; i < job->part_count; i++) {
		const struct segue_part *part = &job->parts[i];
		struct member *module = segue_add_module(&job->arena, &job->bundle);

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

/* Drops the seal that `segue iso` and `segue disk` append to a blob: it is not part of the kernel. */
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
	const struct segue_container *const *container = segue_containers;
	const char *name = NULL;
	int error = SEGUE_OK;

	if (!blob.size)
		return segue_refuse(&job->log, SEGUE_E_EMPTY, NULL);
	drop_seal(&blob);
	while (*container && !(*container)->recognise(&blob))
		container++;
	if (segue_is_bundle(&blob))
		name = "container_bundle";
	else if (!segue_is_kernel(&blob) && segue_is_fiwix(&blob))
		name = "container_fiwix";
	if (!*container && name)
		return segue_refuse_unlinked(&job->log, "container", name);
	bundle->container = *container ? (*container)->name : "";
	set_string(&bundle->kernel_name, part->name ? part->name : "kernel");
	if (*container)
		error = (*container)->open(&job->arena, bundle, &blob);
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
