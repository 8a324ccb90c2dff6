/* SPDX-License-Identifier: MIT */
/* What the CPU says of itself in a crash. Only at CPL 0, so unit tests have these functions of their own. */
#ifndef SEGUE_CRASH_CONTROL_H
#define SEGUE_CRASH_CONTROL_H

#include <stdint.h>
#include "segue.h"

/* As in struct segue_core_cpu; 0 is what the CPU does not have. */
struct crash_control {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint32_t apic_id;
};
void segue_crash_control(struct crash_control *control);
/* The segment registers and, in 64-bit mode, the bases of FS and GS */
void segue_crash_segments(struct segue_registers *registers);

#endif
