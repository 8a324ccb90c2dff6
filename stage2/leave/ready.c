/* SPDX-License-Identifier: MIT */
/* segue_ready(): can segue_exec() be called in this CPU's present state? segue_bios() uses segue_ready_here() too. */
#include "leave/loaded.h"
#include "leave/places.h"
#include "leave/walk.h"
#include "machine/hardware.h"

/* The gate must fit in the one page that is mapped for it (leave.h). */
static int gate_fits(const struct here *here)
{
	uint32_t gate_at = ((uint32_t)(uintptr_t)here->gate.start + (uint32_t)here->code_base) % PAGE;

	return segue_gate_fits(gate_at, here->gate.size) ? SEGUE_OK : SEGUE_E_READY_GATE;
}

#if defined(__i386__)

/* Bits of LAR's result, a descriptor's upper doubleword: B or D; S and type: data, expand-up and writable. */
#define RIGHTS_32 0x00400000u
#define RIGHTS_DATA 0x1200u
#define RIGHTS_DATA_MASK 0x1e00u

int segue_ready_here(const struct here *here)
{
	uint32_t cr0, cs, ss, rights, limit;
	uint32_t data_base = here->data_base, linear = (uint32_t)here->workspace + data_base;

	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	__asm__ volatile("movl %%ss, %0" : "=r"(ss));
	if (cs & SELECTOR_RPL)
		return SEGUE_E_READY_PRIVILEGE;
	/* LAR and LSL leave 0 if they do not accept SS. */
	__asm__ volatile("larl %1, %0" : "=r"(rights) : "r"(ss), "0"(0));
	__asm__ volatile("lsll %1, %0" : "=r"(limit) : "r"(ss), "0"(0));
	if (!segue_is_base(cs, here->code_base, data_base, NULL) || !segue_is_data_base(data_base, NULL) ||
	    (rights & (RIGHTS_32 | RIGHTS_DATA_MASK)) != (RIGHTS_32 | RIGHTS_DATA) ||
	    limit < (uint32_t)here->workspace + here->size)
		return SEGUE_E_READY_SEGMENTS;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	if (cr0 & CR0_PG)
		return gate_fits(here);
	return linear != here->workspace_phys ? SEGUE_E_READY_WORKSPACE : SEGUE_OK;
}

#else

int segue_ready_here(const struct here *here)
{
	uint32_t cs;

	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	return cs & SELECTOR_RPL ? SEGUE_E_READY_PRIVILEGE : gate_fits(here);
}

#endif

int segue_ready(const void *workspace, const char **sentence)
{
	const struct loaded *loaded = segue_loaded(workspace);
	int code = SEGUE_E_NOT_LOADED;

	/* A wrong size or number of CPUs must not be used. */
	if (loaded && segue_loaded_head_sum(loaded) != loaded->head_sum)
		loaded = NULL;
	/* Before the sum, because a host asks again and again until its other CPUs are parked. */
	if (loaded && segue_cpus_are_missing(loaded)) {
		code = SEGUE_E_READY_CPUS;
	} else if (loaded && segue_loaded_sum(loaded) == loaded->sum) {
		struct here here = {.code_base = loaded->code_base, .data_base = loaded->data_base, .workspace = loaded->workspace,
				    .workspace_phys = loaded->workspace_phys, .size = LOADED_AT};

		segue_gate_is(&here.gate, segue_gate, segue_gate_end);
		code = segue_ready_here(&here);
	} else if (!loaded && segue_has_moved(workspace)) {
		code = SEGUE_E_READY_WORKSPACE;
	}
	for (const struct segue_check *const *each = segue_checks; *each && code == SEGUE_OK; each++)
		if (!(*each)->is_there(loaded))
			code = SEGUE_E_READY_WORKSPACE;
	if (code == SEGUE_OK)
		code = loaded->over ? SEGUE_E_CALL_OVER : segue_cpus_ready(loaded);
	if (sentence)
		*sentence = SEGUE_SENTENCES ? segue_meaning(NULL, code) : "";
	return code;
}
