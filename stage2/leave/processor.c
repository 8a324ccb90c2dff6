/* SPDX-License-Identifier: MIT */
#include "leave/processor.h"
#include "machine/hardware.h"

/* Leaf 1 */
#define CPUID_FAMILY(eax) ((eax) >> 8 & 15u)
#define CPUID_FAMILY_P6 6u
#define LEAF_EXTENDED 0x80000000u

struct cpuid segue_cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

/* Can EFLAGS.ID be changed? (Intel SDM vol. 1, 3.4.3) */
bool segue_has_cpuid(void)
{
#if defined(__i386__)
	uint32_t flags, changed;

	__asm__ volatile("pushfl\n\tpopl %0\n\tmovl %0, %1\n\txorl %2, %1\n\tpushl %1\n\tpopfl\n\tpushfl\n\tpopl %1\n\t"
			 "pushl %0\n\tpopfl"
			 : "=&r"(flags), "=&r"(changed)
			 : "i"(EFLAGS_ID)
			 : "cc");
	return (flags ^ changed) & EFLAGS_ID;
#else
	return true;
#endif
}

struct cpuid segue_cpuid_features(void)
{
	if (!segue_has_cpuid() || segue_cpuid(0).eax == 0)
		return (struct cpuid){0, 0, 0, 0};
	return segue_cpuid(1);
}

/* CPUs without extended leaves return garbage there, or the last basic leaf. */
struct cpuid segue_cpuid_if(uint32_t leaf)
{
	uint32_t first = leaf & LEAF_EXTENDED, last;

	if (!segue_has_cpuid())
		return (struct cpuid){0, 0, 0, 0};
	last = segue_cpuid(first).eax;
	if (last < leaf || last > (first | 0xffff))
		return (struct cpuid){0, 0, 0, 0};
	return segue_cpuid(leaf);
}

/* The Pentium has an APIC without this MSR. */
IN_REGISTER bool segue_has_apic_base(const struct cpuid *one)
{
	return (one->edx & CPUID_APIC) && (one->edx & CPUID_MSR) && CPUID_FAMILY(one->eax) >= CPUID_FAMILY_P6;
}

uintptr_t segue_cr4(void)
{
	uintptr_t cr4 = 0;

	if (sizeof(uintptr_t) > 4 || segue_cpuid_features().edx & CPUID_ANY_CR4)
		__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4;
}
