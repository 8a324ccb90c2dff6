/* SPDX-License-Identifier: MIT */
/*
 * For segue_bios() and segue_physical_call(). bios_call.asm is assembled once for both architectures: numbers that it uses must
 * be the same in both.
 */
#include "bios/bios.h"
#include "numbers/numbers.h"

#define BIOS(field) OFFSET(bios, struct bios_crossing, field)
#define REGISTER(field) OFFSET(registers, struct segue_bios_registers, field)

const struct number segue_numbers[] = {
	NUMBER(BIOS_CALL_SIZE),
	REGISTER(eax), REGISTER(ebx), REGISTER(ecx), REGISTER(edx), REGISTER(esi), REGISTER(edi), REGISTER(ebp), REGISTER(ds),
	REGISTER(es), REGISTER(eflags),
	SIZE_OF(registers, struct segue_bios_registers),

	BIOS(target), BIOS(flat), BIOS(image), BIOS(low), BIOS(low_size), BIOS(entry), BIOS(tpr_at), BIOS(tpr), BIOS(result), BIOS(registers),
	NUMBER(SEGUE_E_BIOS_LOW),
	NUMBER(SEGUE_E_BIOS_GONE),
};
