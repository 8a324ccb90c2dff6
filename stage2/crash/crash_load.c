/* SPDX-License-Identifier: MIT */
/* segue_load() for a crash: crash_load.h. */
#include "crash/crash_load.h"
#include "common/memory_functions.h"
#include "core/core.h"
#include "core/slots.h"
#include "leave/list.h"
#include "return/line.h"
#include "return/saves.h"

#define NAME_LIMIT 64u
#define NOTE_LIMIT 65536u
#define NOTES_LIMIT 64u

static uint32_t name_size(const struct segue_note *note)
{
	uint32_t length = 0;

	while (note->name && length <= NAME_LIMIT && note->name[length])
		length++;
	return length + 1;
}

static uint32_t note_size(const struct segue_note *note)
{
	return (uint32_t)sizeof(struct elf_note) + ALIGN_4(name_size(note)) + ALIGN_4((uint32_t)note->size);
}

/* Of the host's own notes; their bytes together fit in 32 bits. */
static int check_notes(const struct job *job, uint32_t *size)
{
	const struct segue_load_args *args = job->args;

	if (args->note_count > NOTES_LIMIT || (args->note_count > 0 && !args->notes))
		return segue_refuse(&job->log, SEGUE_E_CRASH, "note_count is %z, and its array is NULL, or it is above %u",
				    (addr_t)args->note_count, NOTES_LIMIT);
	for (size_t i = 0; i < args->note_count; i++) {
		const struct segue_note *note = &args->notes[i];
		uint32_t name = name_size(note);

		/* Linux takes an empty name for the end of all notes. */
		if (name == 1 || name > NAME_LIMIT + 1)
			return segue_refuse(&job->log, SEGUE_E_CRASH, "note %z has no name, or one of more than %u bytes", (addr_t)i,
					    NAME_LIMIT);
		if (note->size > NOTE_LIMIT || (note->size > 0 && !note->data))
			return segue_refuse(&job->log, SEGUE_E_CRASH, "note %z, of %z bytes, has no data, or more than %u bytes", (addr_t)i,
					    (addr_t)note->size, NOTE_LIMIT);
		*size += note_size(note);
	}
	return SEGUE_OK;
}

/* Each CPU is lost until it is noted. */
static void write_notes(const struct job *job, uint8_t *notes)
{
	static const struct core_status none;
	struct segue_core_crash crash = {.size = sizeof crash, .cpu_count = job->core_cpus};

	for (uint32_t i = 0; i < job->core_cpus; i++, notes += SLOT_SIZE) {
		struct segue_core_cpu cpu = {.size = sizeof cpu, .cpu = i, .apic_id = UINT32_MAX};

		segue_core_put_note(notes, SEGUE_CORE_NAME, sizeof SEGUE_CORE_NAME, SEGUE_CORE_NO_CPU, &none, sizeof none);
		segue_core_put_note(notes + STATUS_SIZE, SEGUE_CORE_NAME, sizeof SEGUE_CORE_NAME, SEGUE_CORE_CPU, &cpu, sizeof cpu);
	}
	segue_core_put_note(notes, SEGUE_CORE_NAME, sizeof SEGUE_CORE_NAME, SEGUE_CORE_CRASH, &crash, sizeof crash);
	notes += CRASH_SIZE;
	for (size_t i = 0; i < job->args->note_count; i++) {
		const struct segue_note *note = &job->args->notes[i];

		segue_core_put_note(notes, note->name, name_size(note), note->type,
				    note->size > 0 ? note->data : "", (uint32_t)note->size);
		notes += note_size(note);
	}
}

/* At the end of the workspace, because the sum of the workspace leaves out what CPUs write (leave/loaded.h). */
static int take_notes(struct job *job, uint32_t own)
{
	uint32_t cpus = job->args->cpu_count, size;
	uint8_t *notes;

	if (cpus > SLOTS_MAX)
		return segue_refuse(&job->log, SEGUE_E_CRASH, "cpu_count is %u; the limit is %u", cpus, SLOTS_MAX);
	job->core_cpus = cpus > 0 ? cpus : 1;
	size = HOST_SIZE + job->core_cpus * SLOT_SIZE + CRASH_SIZE + own;
	notes = segue_core_borrow(job, size, 1);
	if (!notes)
		return SEGUE_E_WORKSPACE_SMALL;
	memset(notes, 0, size);
	job->core_notes = (uint32_t)(notes - job->workspace);
	job->core_notes_size = size;
	write_notes(job, notes + HOST_SIZE);
	return SEGUE_OK;
}

static uint32_t sum_of(const struct bytes *source)
{
	uint32_t sum = SEGUE_MOVE_SUM_START;

	for (addr_t i = 0; i < source->size; i++)
		sum = sum * SEGUE_MOVE_SUM_BASE + source->data[i];
	return sum;
}

/* Does the command line have this word, which ends with '='? What follows "--" belongs to init. */
static bool has_word(const struct bytes *line, const char *word, addr_t size)
{
	for (addr_t i = 0; i + size <= line->size; i++) {
		if (i > 0 && line->data[i - 1] != ' ')
			continue;
		if (memcmp(line->data + i, word, size) == 0)
			return true;
		if (memcmp(line->data + i, "-- ", 3) == 0)
			return false;
	}
	return false;
}

int segue_crash_prepare(struct job *job)
{
	uint32_t own = 0;
	int error;

	if ((error = check_notes(job, &own)) != SEGUE_OK || (error = segue_check_return(job)) != SEGUE_OK ||
	    (error = take_notes(job, own)) != SEGUE_OK || (error = segue_find_saves(job)) != SEGUE_OK)
		return error;
	return segue_sort_saves(job);
}

/* The DIGEST entries are in the order of the segments. Pages of the list follow each other here; the last one has an END. */
void segue_crash_write(const struct job *job, struct purgatory_params *params)
{
	struct list_page *page = (struct list_page *)(void *)(job->workspace + (params->list_source - job->workspace_phys));
	const struct segment *segment = job->segments;

	for (uint32_t i = 0; page->moves[i].op != SEGUE_MOVE_END;) {
		struct segue_move *move = &page->moves[i];

		if (move->op == SEGUE_MOVE_DIGEST) {
			while (!segment->in_digest)
				segment++;
			move->op |= sum_of(&segment++->source) << SEGUE_MOVE_OP_BITS;
		}
		if (++i == LIST_MOVES) {
			page++;
			i = 0;
		}
	}
}

int segue_crash_tell(struct job *job)
{
	static const char word[] = "nr_cpus=";

	/* Of several, the smallest number counts (Linux, kernel/smp.c: nrcpus()). */
	if (has_word(&job->bundle.cmdline, word, sizeof word - 1) || !segue_is_for_linux(job))
		return SEGUE_OK;
	return segue_add_to_line(job, true, "nr_cpus=1", 0);
}
