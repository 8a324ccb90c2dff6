/* SPDX-License-Identifier: MIT */
/* Multiboot, both versions, and PVH: what is placed before the information, and what is known of it. */
#include "common/bytes.h"
#include "multiboot.h"

static addr_t end_of_segments(const struct job *job)
{
	const struct segment *last = &job->segments[job->claims[job->segment_count - 1]];

	return last->dest + last->size;
}

IN_REGISTER int segue_multiboot_lay_out(struct job *job, const struct elf_file *elf, struct multiboot_table *table)
{
	const struct segue_multiboot_extra *sections = elf && elf->section_header_count ? *segue_multiboot_extras : NULL;
	addr_t size = 0;
	int error;

	table->floor = segue_floor(job);
	table->kernel = job->segments[job->claims[0]].dest;
	if (!table->kernel_end)
		table->kernel_end = end_of_segments(job);
	table->kernel_segments = job->segment_count;
	table->module_count = job->bundle.module_count + (job->bundle.initrd.size != 0);
	if (!sections && elf && elf->section_header_count)
		segue_say(&job->log, SEGUE_LOG_INFO, "the kernel gets no ELF sections: segue_extra_sections is not linked");
	if (sections && sections->has_sections(job, elf, &size))
		table->sections = sections;
	if (table->kernel_end < table->floor)
		table->kernel_end = table->floor;
	error = segue_multiboot_place_modules(job, table, size);
	table->end = end_of_segments(job);
	return error ? error : segue_place_catcher(job);
}
