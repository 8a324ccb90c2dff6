/* SPDX-License-Identifier: MIT */
/* Records the host state that a call of the BIOS must leave unchanged. */
#include "kernel.h"

#define HOLE_START 0xa0000u           /* video memory and ROMs */
#define BIOS_START 0x9f000u           /* the page of the BIOS's extended data */
#define HOLE_END 0x100000u
#define STATUS_FLAGS 0x8d5u           /* OF SF ZF AF PF CF */
#define EDX_MSR BIT(5)
#define EDX_APIC BIT(9)
#define EDX_SEP BIT(11)
#define EDX_PAT BIT(16)
#define EDX_FXSR BIT(24)
#define ECX_OSXSAVE BIT(27)
#define EXT_EDX_NX BIT(20)
#define EXT_EDX_LM BIT(29)
#define EXT_EDX_RDTSCP BIT(27)
#define EXT_ECX_SVM BIT(2)
#define ECX_XSAVE BIT(26)
#define EBX7_TSC_ADJUST BIT(1)
#define ECX7_CET_SS BIT(7)
#define ECX7_PKS BIT(31)
#define EAX_XSS BIT(3)                /* leaf 0xd, 1 */
#define APIC_TPR 0x80u

static void read_msrs(struct registers *r)
{
	static const uint32_t sysenter[] = {MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};
	static const uint32_t syscall[] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_FS_BASE, MSR_GS_BASE,
					   MSR_KERNEL_GS_BASE};
	struct cpuid one = cpuid(1, 0), extended = cpuid(0x80000001, 0);
	uint32_t count = 0;

	if (extended.edx & EXT_EDX_NX)
		r->msr[count++] = read_msr(MSR_EFER);
	if (one.edx & EDX_PAT)
		r->msr[count++] = read_msr(MSR_PAT);
	for (uint32_t i = 0; i < sizeof sysenter / sizeof sysenter[0] && one.edx & EDX_SEP; i++)
		r->msr[count++] = read_msr(sysenter[i]);
	for (uint32_t i = 0; i < sizeof syscall / sizeof syscall[0] && extended.edx & EXT_EDX_LM; i++)
		r->msr[count++] = read_msr(syscall[i]);
	if (one.edx & EDX_APIC && one.edx & EDX_MSR)
		r->tpr = *(volatile uint32_t *)(uintptr_t)(handover.apic + APIC_TPR);
}

void read_registers(struct registers *r)
{
	__builtin_memset(r, 0, sizeof *r);
	r->cr0 = read_cr0();
	r->cr2 = read_cr2();
	r->cr3 = read_cr3();
	r->cr4 = cpuid(1, 0).edx ? read_cr4() : 0;
	r->dr[0] = read_dr0();
	r->dr[1] = read_dr1();
	r->dr[2] = read_dr2();
	r->dr[3] = read_dr3();
	r->dr[4] = read_dr7();
	r->flags = read_flags() & ~(uintptr_t)STATUS_FLAGS;
	__asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(r->gdtr), "=m"(r->idtr));
	__asm__ volatile("mov %%cs, %0\n\tmov %%ds, %1\n\tmov %%es, %2" : "=m"(r->cs), "=m"(r->ds), "=m"(r->es));
	__asm__ volatile("mov %%fs, %0\n\tmov %%gs, %1\n\tmov %%ss, %2" : "=m"(r->fs), "=m"(r->gs), "=m"(r->ss));
	__asm__ volatile("sldt %0\n\tstr %1" : "=m"(r->ldtr), "=m"(r->tr));
	read_msrs(r);
}

struct fpu fpu_before, fpu_after;

/* Clears CR0.TS and EM while it reads. */
void read_fpu(struct fpu *fpu)
{
	uintptr_t cr0 = read_cr0();
	struct cpuid one = cpuid(1, 0);

	__builtin_memset(fpu, 0, sizeof *fpu);
	write_cr0(cr0 & ~(uintptr_t)(CR0_EM | CR0_TS));
	if (one.ecx & ECX_OSXSAVE)
		__asm__ volatile("xsave %0" : "+m"(*fpu) : "a"(-1), "d"(-1));
	else if (one.edx & EDX_FXSR)
		__asm__ volatile("fxsave %0" : "+m"(*fpu));
	else
		/* twice, because QEMU's FRSTOR forgets the address of the last instruction */
		__asm__ volatile("fnsave %0\n\tfrstor %0\n\tfnsave %0\n\tfrstor %0" : "+m"(*fpu));
	write_cr0(cr0);
}

/* The MSRs of CET. */
static uint32_t read_cet(struct more *more, uint32_t count)
{
	static const uint32_t all[] = {MSR_U_CET, MSR_S_CET, MSR_PL0_SSP, MSR_PL0_SSP + 1, MSR_PL0_SSP + 2, MSR_PL0_SSP + 3};

	for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++)
		more->msr[count++] = read_msr(all[i]);
	return count;
}

void read_more(struct more *more)
{
	struct cpuid one = cpuid(1, 0), seven = cpuid(7, 0), extended = cpuid(0x80000001, 0);
	uint32_t count = 0, low, high;

	__builtin_memset(more, 0, sizeof *more);
	more->dr6 = read_dr6();
	if (one.ecx & ECX_OSXSAVE) {
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		more->xcr0 = low + ((uint64_t)high << 32);
	}
	if (one.edx & EDX_APIC && one.edx & EDX_MSR && (one.eax >> 8 & 15) >= 6)
		more->msr[count++] = read_msr(MSR_APIC_BASE);
	if (extended.edx & EXT_EDX_RDTSCP)
		more->msr[count++] = read_msr(MSR_TSC_AUX);
	if (seven.ebx & EBX7_TSC_ADJUST)
		more->msr[count++] = read_msr(MSR_TSC_ADJUST);
	if (one.ecx & ECX_XSAVE && cpuid(0xd, 1).eax & EAX_XSS)
		more->msr[count++] = read_msr(MSR_XSS);
	if (extended.ecx & EXT_ECX_SVM)
		more->msr[count++] = read_msr(MSR_VM_HSAVE_PA);
	if (seven.ecx & ECX7_PKS)
		more->msr[count++] = read_msr(MSR_PKRS);
	if (seven.ecx & ECX7_CET_SS)
		read_cet(more, count);
}

static bool apart(uint64_t page, uint64_t start, uint64_t size)
{
	return page + PAGE <= start || page >= start + size;
}

static uint64_t checksum_page(uint64_t page, uint64_t sum)
{
	const uint32_t *at = (const uint32_t *)(uintptr_t)(handover.direct + page);
	uint32_t a = (uint32_t)sum, b = (uint32_t)(sum >> 32);

	/* Fletcher's checksum: a word at another place counts differently */
	for (uint32_t i = 0; i < PAGE / 4; i++) {
		a += at[i] + 1;
		b += a;
	}
	return a + ((uint64_t)b << 32);
}

/* Sums all RAM from first on, except the hole, the workspaces, staging and the kernel's stacks. */
static uint64_t checksum(uint64_t first, uint64_t hole_start)
{
	uint64_t stacks = physical_of(fault_stack_top) - 8 * PAGE;
	uint64_t shadow = physical_of(shadow_stack);
	uint64_t sum = 0;

	for (uint64_t page = first; page < handover.ram_end; page += PAGE)
		if ((page < hole_start || page >= HOLE_END) &&
		    apart(page, handover.workspace_phys, handover.workspace_size) && apart(page, stacks, 8 * PAGE) &&
		    apart(page, handover.bios_workspace_phys, BIOS_WORKSPACE_SIZE) &&
		    apart(page, shadow & ~(uint64_t)(PAGE - 1), 2 * PAGE) &&
		    apart(page, handover.calls[0].staging_phys, handover.calls[0].staging_size) &&
		    apart(page, handover.calls[1].staging_phys, handover.calls[1].staging_size) &&
		    apart(page, handover.calls[1].workspace_phys, handover.calls[1].workspace_size))
			sum = checksum_page(page, sum);
	return sum;
}

uint64_t checksum_memory_from(uint64_t first)
{
	return checksum(first, HOLE_START);
}

uint64_t checksum_memory_of_host(void)
{
	return checksum(PAGE, BIOS_START);
}

uint64_t checksum_memory(void)
{
	return checksum_memory_from(0);
}
