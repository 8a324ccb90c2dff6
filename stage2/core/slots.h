/* SPDX-License-Identifier: MIT */
/*
 * The notes that CPUs fill in when the host crashes: for each CPU a slot, with NT_PRSTATUS and struct segue_core_cpu; after the
 * slots struct segue_core_crash. Until a CPU is noted, the first note of its slot has another type, which gdb does not know.
 */
#ifndef SEGUE_SLOTS_H
#define SEGUE_SLOTS_H

#include "core/notes_format.h"
#include "segue_core.h"

/* Names of 5 and 6 bytes take the same room, so that a note's name can be exchanged. */
#define SLOT_NAME_SIZE ((uint32_t)ALIGN_4(sizeof SEGUE_CORE_NAME))
_Static_assert(SLOT_NAME_SIZE == ALIGN_4(sizeof CORE_NAME), "one layout for both names");
#define SLOT_CPU_AT (STATUS_SIZE + (uint32_t)sizeof(struct elf_note) + SLOT_NAME_SIZE) /* struct segue_core_cpu */
#define SLOT_SIZE (SLOT_CPU_AT + (uint32_t)sizeof(struct segue_core_cpu))
/* After all slots: */
#define CRASH_AT ((uint32_t)sizeof(struct elf_note) + SLOT_NAME_SIZE)
#define CRASH_SIZE (CRASH_AT + (uint32_t)sizeof(struct segue_core_crash))
_Static_assert(sizeof(struct segue_core_cpu) == 64 && sizeof(struct segue_core_crash) == 16, "segue_core.h, of both widths");
#define SLOTS_MAX 8192u

/* Offset of struct segue_core_host in the notes. It is the first one. */
#define HOST_AT (sizeof(struct elf_note) + ALIGN_4(sizeof SEGUE_CORE_NAME))
#define HOST_SIZE ((uint32_t)(HOST_AT + ALIGN_4(sizeof(struct segue_core_host))))

#endif
