/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_CORE_CRASH_H
#define SEGUE_CORE_CRASH_H

#include "core_file.h"

/* The CPU that was noted first. False: no note says so. */
bool core_crashed(const struct core *core, uint32_t *number);
/* Prints what the notes of a crash say: the reason, the CPUs that are lost, and what the host says of itself. */
void core_print_crash(const struct core *core);
/* Prints the control registers of the CPU with this number, if a note has them. */
void core_print_control(const struct core *core, uint32_t number);
/* Prints the text in the ring buffer of the host's log, oldest first, if a note says where it is. */
void core_print_log(const struct core *core);

#endif
