/* SPDX-License-Identifier: MIT */
/* The notes of a core: gABI, chapter 5, "Note Section", with words of 4 bytes in both classes, as all systems have it. */
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "core_file.h"
#include "disk.h"
#include "elf.h"

#define NOTE_HEADER 12u
/* A later version may have more fields. */
#define HOST_SIZE (offsetof(struct segue_core_host, efer) + 8)

uint32_t core_cpu_pid(const struct core_cpu *cpu)
{
	return le32(cpu->desc + (cpu->is_64 ? PRSTATUS_PID_64 : PRSTATUS_PID_32));
}

uint64_t core_cpu_register(const struct core_cpu *cpu, unsigned index)
{
	return cpu->is_64 ? le64(cpu->desc + PRSTATUS_REGISTERS_64 + 8 * index) : le32(cpu->desc + PRSTATUS_REGISTERS_32 + 4 * index);
}

static bool has_name(const struct core_note *note, const char *name)
{
	return note->name_size == strlen(name) && !memcmp(note->name, name, note->name_size);
}

#define HOST_32(note, name) le32((note)->desc + offsetof(struct segue_core_host, name))
#define HOST_64(note, name) le64((note)->desc + offsetof(struct segue_core_host, name))

static void take_host(struct core *core, const struct core_note *note)
{
	struct segue_core_host host;

	if (core->has_host) {
		core_damaged(core, "it has a second note of a host; the first one counts");
		return;
	}
	if (note->desc_size < HOST_SIZE || HOST_32(note, size) < HOST_SIZE || HOST_32(note, size) > note->desc_size) {
		core_damaged(core, "the note of the host has %zu bytes and says 0x%" PRIx32 ": it must have %zu or more", note->desc_size,
			     note->desc_size < 4 ? 0 : HOST_32(note, size), HOST_SIZE);
		return;
	}
	host = (struct segue_core_host){
		.size = HOST_32(note, size), .version = HOST_32(note, version), .width = HOST_32(note, width), .flags = HOST_32(note, flags),
		.workspace = HOST_64(note, workspace), .workspace_size = HOST_64(note, workspace_size),
		.restore_entry = HOST_32(note, restore_entry), .return_entry = HOST_32(note, return_entry),
		.cr0 = HOST_64(note, cr0), .cr3 = HOST_64(note, cr3), .cr4 = HOST_64(note, cr4), .efer = HOST_64(note, efer)
	};
	if (host.width != 32 && host.width != 64) {
		core_damaged(core, "the note of the host says that it has %" PRIu32 " bits: it must be 32 or 64", host.width);
		return;
	}
	core->has_host = true;
	core->host = host;
}

static void take_cpu(struct core *core, struct core_note *note)
{
	if (note->desc_size != PRSTATUS_SIZE_32 && note->desc_size != PRSTATUS_SIZE_64) {
		core_damaged(core, "an NT_PRSTATUS note has %zu bytes: it must have %u (32-bit) or %u (64-bit)", note->desc_size,
			     PRSTATUS_SIZE_32, PRSTATUS_SIZE_64);
		return;
	}
	if (core->cpu_count == CORE_CPUS_MAX) {
		core_damaged(core, "it has NT_PRSTATUS notes of more than %u CPUs; the first ones count", CORE_CPUS_MAX);
		return;
	}
	core->cpus[core->cpu_count] = (struct core_cpu){ note->desc, note->desc_size == PRSTATUS_SIZE_64 };
	note->cpu = &core->cpus[core->cpu_count++];
}

/* Zeros are room that was left for more notes. No note of a core has an empty name. */
static void skip_zeros(const struct core *core, size_t *at, size_t size)
{
	size_t i = *at;

	while (i < size && !core->note_bytes[i])
		i++;
	/* Notes are aligned to 4 bytes. */
	*at = i == size ? size : i & ~(size_t)3;
}

/* False: the bytes end here. */
static bool take_note(struct core *core, size_t *at, size_t size)
{
	const uint8_t *p;
	size_t left, name_size, desc_size, desc_at;
	struct core_note *note = &core->notes[core->note_count];

	skip_zeros(core, at, size);
	p = core->note_bytes + *at;
	left = size - *at;
	if (left < NOTE_HEADER) {
		if (left)
			core_damaged(core, "the notes end with 0x%zx bytes that are no note", left);
		return false;
	}
	name_size = le32(p);
	desc_size = le32(p + 4);
	desc_at = NOTE_HEADER + ((name_size + 3) & ~(size_t)3);
	if (!fits(desc_at, desc_size, left)) {
		core_damaged(core, "note %zu, with a name of 0x%zx bytes and 0x%zx bytes, is longer than the 0x%zx bytes that are left",
			     core->note_count, name_size, desc_size, left);
		return false;
	}
	*note = (struct core_note){ p + NOTE_HEADER, p + desc_at, name_size, desc_size, le32(p + 8), NULL };
	while (note->name_size && !note->name[note->name_size - 1])
		note->name_size--;
	core->note_count++;
	/* The padding of the last note may be missing. */
	*at += desc_at + desc_size;
	*at += -*at % 4;
	return *at < size;
}

void core_take_notes(struct core *core, size_t size)
{
	size_t at = 0, i;

	core->notes = allocate(size / NOTE_HEADER * sizeof *core->notes);
	while (size && take_note(core, &at, size))
		;
	core->cpus = allocate((core->note_count < CORE_CPUS_MAX ? core->note_count : CORE_CPUS_MAX) * sizeof *core->cpus);
	for (i = 0; i < core->note_count; i++) {
		struct core_note *note = &core->notes[i];

		if (has_name(note, SEGUE_CORE_NAME) && note->type == SEGUE_CORE_HOST)
			take_host(core, note);
		else if (has_name(note, "CORE") && note->type == NT_PRSTATUS)
			take_cpu(core, note);
	}
	for (i = 0; i < core->cpu_count && core->has_host; i++)
		if (core->cpus[i].is_64 != (core->host.width == 64))
			core_damaged(core, "CPU %zu has the registers of a %d-bit host, but the host has %" PRIu32 " bits", i,
				     core->cpus[i].is_64 ? 64 : 32, core->host.width);
}
