/* SPDX-License-Identifier: MIT */
/* segue_ready(): is this CPU, as it runs now, one that segue_exec() can leave from? */
#include "loaded.h"

#if defined(__i386__)

#define CR0_PG 0x80000000u
#define SELECTOR_TI 4u
#define SELECTOR_RPL 3u

/* Segment descriptor, Intel SDM vol. 3, 3.4.5: base 0, limit 0xfffff, G and D set; P, DPL, AVL and L not read */
#define FLAT_LOW 0x0000ffffu
#define FLAT_HIGH 0x00cf0000u
#define FLAT_HIGH_MASK 0xffcf00ffu
/* S and type: code; data, expand-up and writable */
#define CODE_TYPE 0x1800u
#define CODE_TYPE_MASK 0x1800u
#define DATA_TYPE 0x1200u
#define DATA_TYPE_MASK 0x1e00u

struct gdtr {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct gdtr) == 6 && offsetof(struct gdtr, base) == 2, "Intel SDM vol. 3, 2.4.1");

static bool is_flat(const struct gdtr *gdtr, uint32_t selector, uint32_t type, uint32_t mask)
{
	uint32_t at = selector & ~(SELECTOR_TI | SELECTOR_RPL);
	const uint32_t *descriptor = (const uint32_t *)(gdtr->base + at);

	return !(selector & SELECTOR_TI) && at != 0 && at + 7 <= gdtr->limit && descriptor[0] == FLAT_LOW &&
	       (descriptor[1] & (FLAT_HIGH_MASK | mask)) == (FLAT_HIGH | type);
}

static int ready_here(void)
{
	struct gdtr gdtr;
	uint32_t cr0, cs, ds, ss;

	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	__asm__ volatile("movl %%ds, %0" : "=r"(ds));
	__asm__ volatile("movl %%ss, %0" : "=r"(ss));
	if (cs & SELECTOR_RPL)
		return SEGUE_E_READY_PRIVILEGE;
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	if (cr0 & CR0_PG)
		return SEGUE_E_READY_PAGING;
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	/* a 386 leaves the upper half of a register alone when it stores a selector there */
	if (!is_flat(&gdtr, cs & 0xffff, CODE_TYPE, CODE_TYPE_MASK) ||
	    !is_flat(&gdtr, ds & 0xffff, DATA_TYPE, DATA_TYPE_MASK) ||
	    !is_flat(&gdtr, ss & 0xffff, DATA_TYPE, DATA_TYPE_MASK))
		return SEGUE_E_READY_SEGMENTS;
	return SEGUE_OK;
}

#else

static int ready_here(void)
{
	return SEGUE_E_READY_LONG_MODE;
}

#endif

int segue_ready(const void *workspace, const char **sentence)
{
	int code = workspace && segue_loaded(workspace) ? ready_here() : SEGUE_E_NOT_LOADED;

	if (sentence)
		*sentence = segue_strerror(code);
	return code;
}
