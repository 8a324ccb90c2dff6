/* SPDX-License-Identifier: MIT */
/*
 * Where the notes are that CPUs write when the host crashes: after the note of the host a slot for each CPU, with NT_PRSTATUS and
 * struct segue_core_cpu, then struct segue_core_crash. Until a CPU is noted, the first note of its slot has the name and the type of
 * one that debuggers do not know.
 */
#ifndef SEGUE_SLOTS_H
#define SEGUE_SLOTS_H

#include "core/notes_format.h"
#include "segue_core.h"

/* The note of the host is the first one of every core. */
#define HOST_AT (sizeof(struct elf_note) + ALIGN_4(sizeof SEGUE_CORE_NAME)) /* struct segue_core_host */
#define HOST_SIZE ((uint32_t)(HOST_AT + ALIGN_4(sizeof(struct segue_core_host))))

/* Both names take the same room, so that one may replace the other. */
#define SLOT_NAME_SIZE ((uint32_t)ALIGN_4(sizeof SEGUE_CORE_NAME))
_Static_assert(SLOT_NAME_SIZE == ALIGN_4(sizeof CORE_NAME), "one layout for both");
#define SLOT_CPU_AT (STATUS_SIZE + (uint32_t)sizeof(struct elf_note) + SLOT_NAME_SIZE) /* struct segue_core_cpu */
#define SLOT_SIZE (SLOT_CPU_AT + (uint32_t)sizeof(struct segue_core_cpu))
#define SLOTS_MAX 8192u

/* After the last slot: */
#define CRASH_AT ((uint32_t)sizeof(struct elf_note) + SLOT_NAME_SIZE) /* struct segue_core_crash */
#define CRASH_SIZE (CRASH_AT + (uint32_t)sizeof(struct segue_core_crash))

/* Both widths have one layout, and no note is padded. */
_Static_assert(sizeof(struct segue_core_cpu) == 64, "segue_core.h");
_Static_assert(offsetof(struct segue_core_cpu, cr0) == 24, "segue_core.h");
_Static_assert(sizeof(struct segue_core_crash) == 256, "segue_core.h");
_Static_assert(offsetof(struct segue_core_crash, text) == 24, "segue_core.h");
_Static_assert(sizeof(struct segue_core_log) == 40, "segue_core.h");
_Static_assert(offsetof(struct segue_core_log, next) == 24, "segue_core.h");

#endif
