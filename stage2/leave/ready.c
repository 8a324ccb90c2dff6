/* SPDX-License-Identifier: MIT */
/* segue_ready(): is this CPU, as it runs now, one that segue_exec() can leave from? And segue_bios()? */
#include "load/loaded.h"
#include "load/places.h"
#include "leave/walk.h"

#define SELECTOR_TI 4u
#define SELECTOR_RPL 3u

/* One page is mapped for it (leave.h). */
static int gate_fits(const struct here *here)
{
	uint32_t gate_at = ((uint32_t)(uintptr_t)here->gate.start + (uint32_t)here->code_base) % PAGE;

	return segue_gate_fits(gate_at, here->gate.size) ? SEGUE_OK : SEGUE_E_READY_GATE;
}

#if defined(__i386__)

#define CR0_PG 0x80000000u

/* What LAR shows of a descriptor's upper doubleword: B or D; S and type: data, expand-up and writable. */
#define RIGHTS_32 0x00400000u
#define RIGHTS_DATA 0x1200u
#define RIGHTS_DATA_MASK 0x1e00u

struct gdtr {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct gdtr) == 6 && offsetof(struct gdtr, base) == 2, "Intel SDM vol. 3, 2.4.1");

/* A descriptor, or a part of one that is 8 bytes, in memory as the data segment has it. */
static bool read_descriptor(uint32_t at, struct walk *walk, uint32_t value[2])
{
	const uint8_t *bytes = (const uint8_t *)at;

	if (walk) {
		walk->peek.at = at;
		if (!segue_peek(&walk->peek))
			return false;
		value[0] = walk->peek.value[0];
		value[1] = walk->peek.value[1];
		return true;
	}
	value[0] = le32(bytes);
	value[1] = le32(bytes + 4);
	return true;
}

/* A segment's base, by its descriptor (Intel SDM vol. 3, 3.4.5). Selectors that are loaded are within their table. */
static bool base_of(uint32_t selector, uint32_t data_base, struct walk *walk, uint32_t *base)
{
	struct gdtr gdtr;
	uint32_t table, ldt, value[2];

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	table = gdtr.base;
	if (selector & SELECTOR_TI) {
		__asm__ volatile("sldt %0" : "=r"(ldt));
		if (!base_of(ldt & 0xfff8, data_base, walk, &table))
			return false;
	}
	if (!read_descriptor(table - data_base + (selector & 0xfff8), walk, value))
		return false;
	*base = value[0] >> 16 | (value[1] & 0xff) << 16 | (value[1] & 0xff000000);
	return true;
}

static bool is_base(uint32_t selector, uint32_t is, uint32_t data_base, struct walk *walk)
{
	uint32_t base;

	return !base_of(selector, data_base, walk, &base) || base == is;
}

bool segue_is_data_base(addr_t data_base, struct walk *walk)
{
	uint32_t ss;

	__asm__ volatile("movl %%ss, %0" : "=r"(ss));
	return is_base(ss, data_base, data_base, walk);
}

int segue_ready_here(const struct here *here)
{
	uint32_t cr0, cs, ss, rights, limit;
	uint32_t data_base = here->data_base, linear = (uint32_t)here->workspace + data_base;

	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	__asm__ volatile("movl %%ss, %0" : "=r"(ss));
	if (cs & SELECTOR_RPL)
		return SEGUE_E_READY_PRIVILEGE;
	/* Zero where SS is one that they do not describe. */
	__asm__ volatile("larl %1, %0" : "=r"(rights) : "r"(ss), "0"(0));
	__asm__ volatile("lsll %1, %0" : "=r"(limit) : "r"(ss), "0"(0));
	if (!is_base(cs, here->code_base, data_base, NULL) || !segue_is_data_base(data_base, NULL) ||
	    (rights & (RIGHTS_32 | RIGHTS_DATA_MASK)) != (RIGHTS_32 | RIGHTS_DATA) ||
	    limit < (uint32_t)here->workspace + here->size)
		return SEGUE_E_READY_SEGMENTS;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	if (cr0 & CR0_PG)
		return gate_fits(here);
	return linear != here->workspace_phys ? SEGUE_E_READY_WORKSPACE : SEGUE_OK;
}

#else

bool segue_is_data_base(addr_t data_base, struct walk *walk)
{
	(void)walk;
	return data_base == 0;
}

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

	if (loaded && segue_loaded_sum(loaded) == loaded->sum) {
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
		code = segue_cpus_ready(loaded);
	if (sentence)
		*sentence = SEGUE_SENTENCES ? segue_strerror(code) : "";
	return code;
}
