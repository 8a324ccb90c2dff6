/* SPDX-License-Identifier: MIT */
#include "crash/control.h"
#include "leave/processor.h"
#include "machine/hardware.h"

#define LEAF_EXTENDED 0x80000001u
/* EFER has a bit for each of these. */
#define CPUID_EFER (CPUID_SYSCALL | CPUID_NX | CPUID_LM)
#define APIC_ID_SHIFT 24              /* CPUID leaf 1, EBX */

#define READ_CONTROL(name, to) \
	do { \
		uintptr_t value; \
		__asm__ volatile("mov %%" name ", %0" : "=r"(value)); \
		(to) = value; \
	} while (0)
#define READ_SELECTOR(name, to) \
	do { \
		uint16_t value; \
		__asm__ volatile("mov %%" name ", %0" : "=r"(value)); \
		(to) = value; \
	} while (0)

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

void segue_crash_control(struct crash_control *control)
{
	struct cpuid features = segue_cpuid_features();

	READ_CONTROL("cr0", control->cr0);
	READ_CONTROL("cr2", control->cr2);
	READ_CONTROL("cr3", control->cr3);
	control->cr4 = segue_cr4();
	control->efer = segue_cpuid_if(LEAF_EXTENDED).edx & CPUID_EFER ? read_msr(MSR_EFER) : 0;
	control->apic_id = features.edx & CPUID_APIC ? features.ebx >> APIC_ID_SHIFT : UINT32_MAX;
}

void segue_crash_segments(struct segue_registers *registers)
{
	READ_SELECTOR("cs", registers->cs);
	READ_SELECTOR("ss", registers->ss);
	READ_SELECTOR("ds", registers->ds);
	READ_SELECTOR("es", registers->es);
	READ_SELECTOR("fs", registers->fs);
	READ_SELECTOR("gs", registers->gs);
	registers->fs_base = registers->gs_base = 0;
#ifdef __x86_64__
	registers->fs_base = read_msr(MSR_FS_BASE);
	registers->gs_base = read_msr(MSR_GS_BASE);
#endif
}
