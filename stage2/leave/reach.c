/* SPDX-License-Identifier: MIT */
#include "leave/reach.h"
#include "leave/processor.h"

#define LEAF_ADDRESSES 0x80000008u    /* EAX, bits 7 to 0: the physical addresses' width (Intel SDM vol. 2, CPUID) */

/*
 * On i386 the limit is addr_t; on x86_64 this CPU's physical addresses; on the build machine, whose CPU is not the target's,
 * the architecture's (Intel SDM vol. 3, 4.1.4).
 */
addr_t segue_reach(void)
{
#if ADDRESS_MAX == UINT32_MAX
	return ADDRESS_LIMIT;
#elif __STDC_HOSTED__
	return (addr_t)1 << 52;
#else
	return (addr_t)1 << (segue_cpuid(LEAF_ADDRESSES).eax & 0xff);
#endif
}

bool segue_is_in_reach(const struct segue_extent *extent, addr_t end)
{
	addr_t at = (addr_t)extent->addr, size = (addr_t)extent->size;

	if (at != extent->addr || size != extent->size || !fits(at, size, end))
		return false;
	return at + size <= ADDRESS_LIMIT || extent->addr > UINT32_MAX;
}
