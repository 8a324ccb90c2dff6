/* SPDX-License-Identifier: MIT */
/* Do the segments have the bases that the host passed? In 64-bit mode they have none. */
#include "leave/walk.h"
#include "machine/hardware.h"

#if defined(__i386__)

struct gdtr {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct gdtr) == 6 && offsetof(struct gdtr, base) == 2, "Intel SDM vol. 3, 2.4.1");

/* Reads 8 bytes of a descriptor at an offset of the data segment; with walk by segue_peek(), because it may fault. */
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

/* Reads a segment's base from its descriptor (Intel SDM vol. 3, 3.4.5). A loaded selector is within its table. */
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

bool segue_is_base(uint32_t selector, uint32_t is, uint32_t data_base, struct walk *walk)
{
	uint32_t base;

	return !base_of(selector, data_base, walk, &base) || base == is;
}

bool segue_is_data_base(addr_t data_base, struct walk *walk)
{
	uint32_t ss;

	__asm__ volatile("movl %%ss, %0" : "=r"(ss));
	return segue_is_base(ss, data_base, data_base, walk);
}

#else

bool segue_is_data_base(addr_t data_base, struct walk *walk)
{
	(void)walk;
	return data_base == 0;
}

#endif
