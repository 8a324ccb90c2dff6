/* SPDX-License-Identifier: MIT */
/* For segue_bios(). bios_call.asm is assembled once for both architectures: numbers that it uses must be the same in both. */
#include "bios/bios.h"
#include "numbers/numbers.h"

#define CROSSING(field) OFFSET(crossing, struct crossing, field)
#define REGISTER(field) OFFSET(registers, struct segue_bios_registers, field)

const struct number segue_numbers[] = {
	NUMBER(BIOS_CALL_SIZE),
	REGISTER(eax), REGISTER(ebx), REGISTER(ecx), REGISTER(edx), REGISTER(esi), REGISTER(edi), REGISTER(ebp), REGISTER(ds),
	REGISTER(es), REGISTER(eflags),
	SIZE_OF(registers, struct segue_bios_registers),

	CROSSING(leave), CROSSING(cpu), CROSSING(vector), CROSSING(image), CROSSING(low), CROSSING(low_size), CROSSING(entry),
	CROSSING(ascend), CROSSING(tpr_at), CROSSING(tpr), CROSSING(result), CROSSING(registers), CROSSING(cr0), CROSSING(cr3),
	CROSSING(cr4), CROSSING(efer), CROSSING(fs_base), CROSSING(gs_base), CROSSING(stack), CROSSING(cs), CROSSING(ss),
	CROSSING(ds), CROSSING(es), CROSSING(fs), CROSSING(gs), CROSSING(ldtr), CROSSING(tr), CROSSING(gdtr), CROSSING(idtr),
	OFFSET(pics, struct pics, vectors), OFFSET(pics, struct pics, masks), OFFSET(pics, struct pics, icw4),
	NUMBER(CPU_CR4),
	NUMBER(CPU_APIC),
	NUMBER(CPU_APIC_BASE),
	NUMBER(SEGUE_E_BIOS_LOW),
	NUMBER(SEGUE_E_BIOS_GONE),
};
