/* SPDX-License-Identifier: MIT */
/* CPUID (Intel SDM vol. 2), which old CPUs lack. Not named cpuid.h, because the compiler has a header of that name. */
#ifndef SEGUE_PROCESSOR_H
#define SEGUE_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "machine/hardware.h"

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

struct cpuid segue_cpuid(uint32_t leaf);
/* The same; zeros if the CPU has no such leaf. Extended leaves begin at 0x80000000. */
struct cpuid segue_cpuid_if(uint32_t leaf);
bool segue_has_cpuid(void);
/* Leaf 1; zeros if the CPU has none. */
struct cpuid segue_cpuid_features(void);
/* Does the CPU of this leaf 1 have IA32_APIC_BASE? */
IN_REGISTER bool segue_has_apic_base(const struct cpuid *one);
/* Does the CPU have a 64-bit mode? Unknown on the build machine, which is not the target's: true. */
static inline bool segue_has_long_mode(void)
{
	return ADDRESS_MAX > UINT32_MAX || __STDC_HOSTED__ || segue_cpuid_if(0x80000001).edx & CPUID_LM;
}
static inline uintptr_t segue_flags(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf\n\tpop %0" : "=r"(flags) : : "memory");
	return flags;
}

static inline void segue_set_flags(uintptr_t flags)
{
	__asm__ volatile("push %0\n\tpopf" : : "r"(flags) : "cc", "memory");
}

/* CR4, at CPL 0; 0 if the CPU has none. */
uintptr_t segue_cr4(void);

#endif
