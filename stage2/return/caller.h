/* SPDX-License-Identifier: MIT */
/* What segue_call() pushes first, on the stack of its caller (enter_*.asm): the registers that a call preserves. */
#ifndef SEGUE_CALLER_H
#define SEGUE_CALLER_H

#include <stdint.h>
#include "segue.h"

struct caller {
#ifdef __x86_64__
	struct segue_call_args *args;
	uintptr_t r15, r14, r13, r12;
#else
	uintptr_t di, si;
#endif
	uintptr_t bx, bp, flags;
	uintptr_t ip;                 /* the return address; the caller's stack begins after it */
#ifndef __x86_64__
	struct segue_call_args *args;
#endif
};
/* segue_call(), entered with interrupts as the caller has them. */
SEGUE_REGISTER_CALL int segue_call_from(const struct caller *caller);

#endif
