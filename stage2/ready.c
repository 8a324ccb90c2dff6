/* SPDX-License-Identifier: MIT */
/* segue_ready(): is this CPU, as it runs now, one that segue_exec() can leave from? */
#include "loaded.h"

static int answer(int code, const char *text, const char **sentence)
{
	if (sentence)
		*sentence = text;
	return code;
}

#if defined(__i386__)

#define CR0_PG 0x80000000u
#define EFLAGS_VM 0x20000u
#define SELECTOR_TI 4u
#define SELECTOR_RPL 3u

/* Segment descriptor, Intel SDM vol. 3, 3.4.5 */
#define DESCRIPTOR_SIZE 8u
#define DESCRIPTOR_D 0x40u            /* byte 6: 32-bit */
#define DESCRIPTOR_G 0x80u            /* byte 6: limit in pages */

/* Is the descriptor at p 32-bit, from 0 to 4 GiB? p is the host's own GDT, trusted. */
static int is_flat(const uint8_t *p)
{
	return p[0] == 0xff && p[1] == 0xff && p[2] == 0 && p[3] == 0 && p[4] == 0 && p[7] == 0 &&
	       (p[6] & 0xf) == 0xf && (p[6] & DESCRIPTOR_G) && (p[6] & DESCRIPTOR_D);
}

static int selector_is_flat(const uint8_t *gdt, uint32_t limit, uint32_t selector)
{
	uint32_t at = selector & ~(SELECTOR_TI | SELECTOR_RPL);

	return !(selector & SELECTOR_TI) && at != 0 && at + DESCRIPTOR_SIZE - 1 <= limit && is_flat(gdt + at);
}

static int ready_here(const char **sentence)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) gdtr;
	uint32_t eflags, cr0;
	uint16_t cs, ds, ss;

	_Static_assert(sizeof gdtr == 6, "Intel SDM vol. 3, 2.4.1");
	__asm__ volatile("pushfl\n\tpopl %0" : "=r"(eflags));
	__asm__ volatile("movw %%cs, %0" : "=r"(cs));
	__asm__ volatile("movw %%ds, %0" : "=r"(ds));
	__asm__ volatile("movw %%ss, %0" : "=r"(ss));
	if (eflags & EFLAGS_VM)
		return answer(SEGUE_E_READY_VIRTUAL_8086, "the CPU is in virtual-8086 mode", sentence);
	if (cs & SELECTOR_RPL)
		return answer(SEGUE_E_READY_PRIVILEGE, "the CPU is not at privilege level 0", sentence);
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	if (cr0 & CR0_PG)
		return answer(SEGUE_E_READY_PAGING, "paging is on (CR0.PG): this version leaves flat, unpaged hosts only",
			      sentence);
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	if (!selector_is_flat((const uint8_t *)gdtr.base, gdtr.limit, cs) ||
	    !selector_is_flat((const uint8_t *)gdtr.base, gdtr.limit, ds) ||
	    !selector_is_flat((const uint8_t *)gdtr.base, gdtr.limit, ss))
		return answer(SEGUE_E_READY_SEGMENTS, "CS, DS or SS is not a flat 32-bit segment from 0 to 4 GiB", sentence);
	return answer(SEGUE_OK, "ready", sentence);
}

#else

static int ready_here(const char **sentence)
{
	return answer(SEGUE_E_READY_LONG_MODE, "the host is 64-bit: this version leaves 32-bit hosts only", sentence);
}

#endif

int segue_ready(const void *workspace, const char **sentence)
{
	if (!workspace || !segue_loaded(workspace))
		return answer(SEGUE_E_NOT_LOADED, "nothing is loaded in this workspace, or it was written over", sentence);
	return ready_here(sentence);
}
