/* SPDX-License-Identifier: MIT */
/* What the processor is: CPUID (Intel SDM vol. 2), where it may be missing. Not named cpuid.h, as the compiler has one. */
#ifndef SEGUE_PROCESSOR_H
#define SEGUE_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

struct cpuid segue_cpuid(uint32_t leaf);
bool segue_has_cpuid(void);
/* Leaf 1; zeros where there is none. */
struct cpuid segue_cpuid_features(void);
/* By leaf 1: is there an IA32_APIC_BASE? */
IN_REGISTER bool segue_has_apic_base(const struct cpuid *one);
/* CR4, at CPL 0; 0 where there is none. */
uintptr_t segue_cr4(void);

#endif
