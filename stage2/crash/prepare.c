/* SPDX-License-Identifier: MIT */
/* segue_load() for a crash: prepare.h. */
#include "crash/prepare.h"
#include "core/slots.h"
#include "return/line.h"
#include "return/saves.h"

#define NAME_MAX 64u
#define NOTE_MAX 65536u
#define NOTES_MAX 64u

static int check_notes(const struct job *job)
{
	const struct segue_load_args *args = job->args;

	if (args->note_count > NOTES_MAX)
		return segue_refuse(&job->log, SEGUE_E_CORE, "note_count is %z; the limit is %u", (addr_t)args->note_count, NOTES_MAX);
	for (size_t i = 0; i < args->note_count; i++) {
		const struct segue_note *note = &args->notes[i];
		uint32_t length = 0;

		while (note->name && length <= NAME_MAX && note->name[length])
			length++;
		if (length == 0 || length > NAME_MAX)
			return segue_refuse(&job->log, SEGUE_E_CORE, "note %z has no name, or one of more than %u bytes", (addr_t)i, NAME_MAX);
		if (note->size > NOTE_MAX || (note->size > 0 && !note->data))
			return segue_refuse(&job->log, SEGUE_E_CORE, "note %z has %z bytes and no data, or more than %u", (addr_t)i,
					    (addr_t)note->size, NOTE_MAX);
	}
	return SEGUE_OK;
}

int segue_crash_prepare(struct job *job)
{
	uint32_t cpus = job->args->cpu_count;
	int error;

	if (cpus > SLOTS_MAX)
		return segue_refuse(&job->log, SEGUE_E_CRASH, "cpu_count is %u; the limit is %u", cpus, SLOTS_MAX);
	job->core_slot_count = cpus > 0 ? cpus : 1;
	if ((error = check_notes(job)) != SEGUE_OK || (error = segue_check_return(job)) != SEGUE_OK ||
	    (error = segue_find_saves(job)) != SEGUE_OK)
		return error;
	return segue_sort_saves(job);
}

int segue_crash_tell(struct job *job)
{
	return segue_is_for_linux(job) ? segue_add_to_line(job, true, "nr_cpus=1", 0) : SEGUE_OK;
}
