/* SPDX-License-Identifier: MIT */
/* segue_ready()'s checks of the other CPUs: are all parked, or can the rest be stopped by INIT from this CPU? */
#include "leave/loaded.h"
#include "leave/processor.h"
#include "machine/hardware.h"

/* The low half of IA32_APIC_BASE; 0 if the CPU has none. */
static uint32_t apic_base(const struct cpuid *f)
{
	uint32_t low, high;

	if (!segue_has_apic_base(f))
		return 0;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC_BASE));
	return low;
}

static uint32_t others_of(const struct loaded *loaded)
{
	return loaded->cpu_count > 1 ? loaded->cpu_count - 1 : 0;
}

bool segue_cpus_are_missing(const struct loaded *loaded)
{
	return !(loaded->flags & SEGUE_LOAD_INIT_CPUS) && segue_parking_of(loaded)->count < others_of(loaded);
}

int segue_cpus_ready(const struct loaded *loaded)
{
	uint32_t others = others_of(loaded), parked = segue_parking_of(loaded)->count, base;
	struct cpuid features = segue_cpuid_features();
	bool is_boot_cpu;

	base = apic_base(&features);
	/* Without IA32_APIC_BASE this cannot be checked, and counts as the boot CPU. */
	is_boot_cpu = base == 0 || base & APIC_BASE_BSP;
	if (!is_boot_cpu && !(loaded->flags & (SEGUE_LOAD_ANY_CPU | SEGUE_LOAD_CRASH)))
		return SEGUE_E_READY_BOOT_CPU;
	/* With cpu_count 0 or 1 the flag still promises that all others get an INIT, so it must be possible to send one. */
	if (parked == others && (others > 0 || !(loaded->flags & SEGUE_LOAD_INIT_CPUS) || base == 0))
		return SEGUE_OK;
	/* CPUs that are not listed get the INIT to all but self, which from another CPU would reset the boot CPU. */
	if (parked > others || !(loaded->flags & SEGUE_LOAD_INIT_CPUS) || !(base & APIC_BASE_EN) || !is_boot_cpu)
		return SEGUE_E_READY_CPUS;
	/* If CR4.VMXE is set here, other CPUs may be in VMX root operation, which blocks INIT. */
	return segue_cr4() & CR4_VMXE ? SEGUE_E_READY_VMX : SEGUE_OK;
}
