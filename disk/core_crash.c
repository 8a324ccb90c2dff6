/* SPDX-License-Identifier: MIT */
/* The notes that a host leaves when it crashes (segue_core.h). The file is not trusted: each size is checked. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "core_crash.h"
#include "disk.h"
#include "kernel_facts.h"

/* A larger ring is not shown. */
#define LOG_MAX (16u << 20)

/* The next note of this type from *index on, with at least this many bytes; NULL: there is none. */
static const struct core_note *next_note(const struct core *core, size_t *index, uint32_t type, size_t least)
{
	while (*index < core->note_count) {
		const struct core_note *note = &core->notes[(*index)++];

		if (note->type == type && note->name_size == strlen(SEGUE_CORE_NAME) &&
		    !memcmp(note->name, SEGUE_CORE_NAME, note->name_size) && note->desc_size >= least)
			return note;
	}
	return NULL;
}

#define FIELD_32(note, structure, name) le32((note)->desc + offsetof(struct structure, name))
#define FIELD_64(note, structure, name) le64((note)->desc + offsetof(struct structure, name))

/* A string with a zero after it, which may be missing at the end of the note. */
static size_t length_of(const uint8_t *text, size_t left)
{
	const uint8_t *end = left ? memchr(text, 0, left) : NULL;

	return end ? (size_t)(end - text) : left;
}

bool core_crashed(const struct core *core, uint32_t *number)
{
	size_t index = 0;
	const struct core_note *note = next_note(core, &index, SEGUE_CORE_CRASH, sizeof(struct segue_core_crash));

	if (!note || !FIELD_32(note, segue_core_crash, noted))
		return false;
	*number = FIELD_32(note, segue_core_crash, first);
	return true;
}

static void print_reason(const struct core *core)
{
	size_t index = 0;
	const struct core_note *note = next_note(core, &index, SEGUE_CORE_CRASH, sizeof(struct segue_core_crash));

	if (!note)
		return;
	fact("crash");
	if (FIELD_32(note, segue_core_crash, told))
		print_text(note->desc + offsetof(struct segue_core_crash, text),
			   length_of(note->desc + offsetof(struct segue_core_crash, text), SEGUE_CORE_TEXT));
	else
		fputs("no reason is told", stdout);
	if (FIELD_32(note, segue_core_crash, noted))
		printf("; CPU %" PRIu32 " was noted first\n", FIELD_32(note, segue_core_crash, first));
	else
		puts("; no CPU was noted");
}

static void print_lost(const struct core *core)
{
	size_t index = 0;
	const struct core_note *note;
	const char *separator = "";

	while ((note = next_note(core, &index, SEGUE_CORE_CPU, sizeof(struct segue_core_cpu)))) {
		if (FIELD_32(note, segue_core_cpu, flags) & SEGUE_CORE_CPU_NOTED)
			continue;
		if (!*separator)
			fact("lost");
		printf("%sCPU %" PRIu32, separator, FIELD_32(note, segue_core_cpu, cpu));
		separator = ", ";
	}
	if (*separator)
		putchar('\n');
}

static void print_kernel(const struct core *core)
{
	size_t index = 0, at = 0, length;
	const struct core_note *note = next_note(core, &index, SEGUE_CORE_KERNEL, 1);
	unsigned i;

	if (!note)
		return;
	fact("host");
	for (i = 0; i < 3 && at < note->desc_size; i++, at += length + 1) {
		length = length_of(note->desc + at, note->desc_size - at);
		if (i && length)
			fputs(i == 1 ? " " : ": ", stdout);
		print_text(note->desc + at, length);
	}
	putchar('\n');
}

void core_print_crash(const struct core *core)
{
	print_reason(core);
	print_lost(core);
	print_kernel(core);
}

void core_print_control(const struct core *core, uint32_t number)
{
	size_t index = 0;
	const struct core_note *note;

	while ((note = next_note(core, &index, SEGUE_CORE_CPU, sizeof(struct segue_core_cpu)))) {
		if (FIELD_32(note, segue_core_cpu, cpu) != number || !(FIELD_32(note, segue_core_cpu, flags) & SEGUE_CORE_CPU_NOTED))
			continue;
		fact("");
		printf("CR0 0x%" PRIx64 ", CR2 0x%" PRIx64 ", CR3 0x%" PRIx64 ", CR4 0x%" PRIx64 ", EFER 0x%" PRIx64 "\n",
		       FIELD_64(note, segue_core_cpu, cr0), FIELD_64(note, segue_core_cpu, cr2), FIELD_64(note, segue_core_cpu, cr3),
		       FIELD_64(note, segue_core_cpu, cr4), FIELD_64(note, segue_core_cpu, efer));
		return;
	}
}

/* Lines as they are; other bytes that are no text as '?'. Zeros, which a ring has until it is full, are left out. */
static void print_lines(const uint8_t *text, size_t size)
{
	size_t i, start = 0;

	for (i = 0; i <= size; i++) {
		if (i < size && text[i] && text[i] != '\n')
			continue;
		print_text(text + start, i - start);
		if (i < size && text[i] == '\n')
			putchar('\n');
		start = i + 1;
	}
}

/* Where in the ring the next byte goes. False: the core does not say. */
static bool read_next(const struct core *core, const struct core_note *note, uint64_t size, uint64_t *next)
{
	uint32_t next_size = FIELD_32(note, segue_core_log, next_size);
	uint8_t number[8] = { 0 };

	if ((next_size != 4 && next_size != 8) || !core_read(core, FIELD_64(note, segue_core_log, next), number, next_size))
		return false;
	*next = le64(number);
	if (FIELD_32(note, segue_core_log, flags) & SEGUE_CORE_LOG_COUNTS)
		*next %= size;
	return *next <= size;
}

void core_print_log(const struct core *core)
{
	size_t index = 0;
	const struct core_note *note = next_note(core, &index, SEGUE_CORE_LOG, sizeof(struct segue_core_log));
	uint64_t size, next;
	uint8_t *ring;

	if (!note)
		return;
	size = FIELD_64(note, segue_core_log, ring_size);
	printf("\n  log, %s\n", human_size(size));
	if (!size || size > LOG_MAX) {
		printf("  not shown: it must have 1 byte to %s\n", human_size(LOG_MAX));
		return;
	}
	ring = allocate(size);
	if (!read_next(core, note, size, &next) || !core_read(core, FIELD_64(note, segue_core_log, ring), ring, size)) {
		puts("  not shown: it is not in the core, or its end is outside of it");
	} else {
		print_lines(ring + next, size - next);
		print_lines(ring, next);
		if (next && ring[next - 1] != '\n')
			putchar('\n');
	}
	free(ring);
}
