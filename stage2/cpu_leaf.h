/* SPDX-License-Identifier: MIT */
/* CPUID, where there is one, and what more than one file asks of it (Intel SDM vol. 2, CPUID). */
#ifndef SEGUE_CPU_LEAF_H
#define SEGUE_CPU_LEAF_H

#include <stdbool.h>
#include <stdint.h>

struct cpuid_leaf {
	uint32_t eax, ebx, ecx, edx;
};

#define CPUID_EFLAGS_ID 0x200000u
/* Leaf 1 */
#define CPUID_FAMILY(eax) ((eax) >> 8 & 15u)
#define CPUID_FAMILY_P6 6u
#define CPUID_EDX_MSR 0x20u
#define CPUID_EDX_APIC 0x200u

/* A 386 and an early 486 have none. */
static inline bool has_cpuid(void)
{
#if defined(__i386__)
	uint32_t flags, changed;

	__asm__ volatile("pushfl\n\tpopl %0\n\tmovl %0, %1\n\txorl %2, %1\n\tpushl %1\n\tpopfl\n\tpushfl\n\tpopl %1\n\t"
			 "pushl %0\n\tpopfl"
			 : "=&r"(flags), "=&r"(changed)
			 : "i"(CPUID_EFLAGS_ID)
			 : "cc");
	return (flags ^ changed) & CPUID_EFLAGS_ID;
#else
	return true;
#endif
}

/* Subleaf 0. */
static inline struct cpuid_leaf cpuid(uint32_t leaf)
{
	struct cpuid_leaf r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

/* By leaf 1: is there an IA32_APIC_BASE? The Pentium has an APIC, but not this MSR. */
static inline bool has_apic_base(const struct cpuid_leaf *one)
{
	return (one->edx & CPUID_EDX_APIC) && (one->edx & CPUID_EDX_MSR) && CPUID_FAMILY(one->eax) >= CPUID_FAMILY_P6;
}

#endif
