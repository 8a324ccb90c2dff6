/* SPDX-License-Identifier: MIT */
/* For the gate out of the host and back, and segue_bios()'s ground. */
#include "leave/cross.h"
#include "numbers/numbers.h"

#define CROSSING(field) OFFSET(crossing, struct crossing, field)

const struct number segue_numbers[] = {
	CROSSING(leave), CROSSING(cpu), CROSSING(ascend), CROSSING(cr0), CROSSING(cr3), CROSSING(cr4), CROSSING(efer),
	CROSSING(fs_base), CROSSING(gs_base), CROSSING(s_cet), CROSSING(stack), CROSSING(cs), CROSSING(ss), CROSSING(ds),
	CROSSING(es), CROSSING(fs), CROSSING(gs), CROSSING(ldtr), CROSSING(tr), CROSSING(gdtr), CROSSING(idtr),
	OFFSET(pics, struct pics, vectors), OFFSET(pics, struct pics, masks), OFFSET(pics, struct pics, icw4),
	NUMBER(CPU_CR4),
	NUMBER(CPU_APIC),
	NUMBER(CPU_APIC_BASE),
	NUMBER(CPU_EFER),
	NUMBER(CPU_CET),
};
