/* SPDX-License-Identifier: MIT */
/* The host's registers that neither the gate (cross.h) nor purgatory keeps, and that a target may change. */
#ifndef SEGUE_REGISTERS_H
#define SEGUE_REGISTERS_H

#include "common/bytes.h"

struct registers {
	uintptr_t dr0, dr1, dr2, dr3, dr6;
	uint32_t xcr0[2];             /* valid if CR4.OSXSAVE is on */
};

/* cpu: CPU_* of cross.h. Interrupts are off. */
void segue_keep_registers(struct registers *kept, uint32_t cpu);
/* Before the FPU's state is restored, which depends on XCR0. */
void segue_put_back_registers(const struct registers *kept, uint32_t cpu);

#endif
