/* SPDX-License-Identifier: MIT */
/* segue_load() makes the core header of the host's memory: core.h. */
#include "core/core.h"
#include "core/slots.h"
#include "return/line.h"

static int write_core(const struct core *core)
{
	struct job *job = core->job;
	addr_t loads = segue_core_count_loads(core);
	struct elf64_header *header;
	struct elf64_program_header *first;
	uint32_t size = sizeof *header + (uint32_t)(loads + 1) * (uint32_t)sizeof *first;
	/* For a crash the notes have their room already. */
	uint32_t notes_size = job->core_cpus > 0 ? 0 : HOST_SIZE + STATUS_SIZE;

	if (loads >= CORE_HEADERS_MAX)
		return segue_refuse(&job->log, SEGUE_E_CORE, "%z ranges of memory, and a core has at most %z", loads,
				    (addr_t)CORE_HEADERS_MAX - 1);
	job->core_size = size + notes_size;
	header = segue_arena_take(&job->arena, job->core_size, PAGE);
	if (!header)
		return SEGUE_E_WORKSPACE_SMALL;
	first = (struct elf64_program_header *)(void *)(header + 1);
	job->core = job->workspace_phys + (addr_t)((uint8_t *)header - job->workspace);
	if (notes_size > 0) {
		job->core_notes = (uint32_t)((uint8_t *)header - job->workspace) + size;
		job->core_notes_size = notes_size;
	}
	segue_core_write_header(header, (uint32_t)loads + 1, job->workspace_phys + job->core_notes, job->core_notes_size);
	segue_core_write_loads(core, first + 1);
	segue_core_write_notes(job);
	return SEGUE_OK;
}

int segue_core_make(struct job *job)
{
	uint8_t *end = job->arena.end;
	struct core core = {.job = job};
	int error;

	if ((error = segue_core_find_pieces(&core)) != SEGUE_OK || (error = segue_core_find_mappings(&core)) != SEGUE_OK ||
	    (error = write_core(&core)) != SEGUE_OK)
		return error;
	job->arena.end = end;
	job->note_caller = segue_core_note_caller;
	/* Linux reads it as an early parameter, and these end at "--". After a crash nothing else tells a target. */
	return job->core_cpus > 0 || segue_is_for_linux(job) ? segue_add_to_line(job, true, "elfcorehdr=0x", (uint32_t)job->core) : SEGUE_OK;
}
