/* SPDX-License-Identifier: MIT */
/* What segue_crash_cpu() pushes first, on the stack of its caller (note_*.asm): the registers that a call preserves. */
#ifndef SEGUE_CRASH_CALLER_H
#define SEGUE_CRASH_CALLER_H

#include <stdint.h>
#include "segue.h"

struct crash_caller {
#ifdef __x86_64__
	void *workspace;
	uintptr_t cpu;                /* the upper half is undefined */
	const struct segue_registers *registers;
	uintptr_t r15, r14, r13, r12;
#else
	uintptr_t di, si;
#endif
	uintptr_t bx, bp, flags;
	uintptr_t ip;                 /* the return address; the caller's stack begins after it */
#ifndef __x86_64__
	void *workspace;
	uintptr_t cpu;
	const struct segue_registers *registers;
#endif
};
SEGUE_REGISTER_CALL int segue_crash_from(const struct crash_caller *caller);

#endif
