/* SPDX-License-Identifier: MIT */
/* Other CPUs, as the host's side sees them: who waits, and whether the rest can be stopped from here. */
#include "leave/loaded.h"
#include "leave/processor.h"
#include "machine/hardware.h"


/* IA32_APIC_BASE's lower half; 0 where there is none. */
static uint32_t apic_base(const struct cpuid *f)
{
	uint32_t low, high;

	if (!segue_has_apic_base(f))
		return 0;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC_BASE));
	return low;
}

static const volatile struct parking *parking_of(const void *workspace)
{
	return (const volatile struct parking *)(const void *)((const uint8_t *)workspace + PARKING_AT);
}

int segue_cpus_ready(const struct loaded *loaded)
{
	uint32_t others = loaded->cpu_count > 1 ? loaded->cpu_count - 1 : 0;
	uint32_t parked = parking_of(loaded->workspace)->count, base;
	struct cpuid features = segue_cpuid_features();
	bool is_boot_cpu;

	base = apic_base(&features);
	/* Where nothing tells, there is one CPU, or the host knows. */
	is_boot_cpu = base == 0 || base & APIC_BASE_BSP;
	if (!is_boot_cpu && !(loaded->flags & SEGUE_LOAD_ANY_CPU))
		return SEGUE_E_READY_BOOT_CPU;
	/* Where the host tells of no others, the flag still promises that whoever else runs is stopped. */
	if (parked == others && (others > 0 || !(loaded->flags & SEGUE_LOAD_INIT_CPUS) || base == 0))
		return SEGUE_OK;
	/* To CPUs that it knows nothing of, the boot CPU sends an INIT by one shorthand; from another it would hit that. */
	if (parked > others || !(loaded->flags & SEGUE_LOAD_INIT_CPUS) || !(base & APIC_BASE_EN) || !is_boot_cpu)
		return SEGUE_E_READY_CPUS;
	/* Others may be in VMX root operation, where an INIT is held back, if this one could be. */
	return segue_cr4() & CR4_VMXE ? SEGUE_E_READY_VMX : SEGUE_OK;
}
