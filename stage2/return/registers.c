/* SPDX-License-Identifier: MIT */
/* Debug registers, XCR0 and MSRs: registers.h. Intel SDM vol. 4; AMD APM vol. 2, appendix A. */
#include "return/registers.h"
#include "leave/cross.h"
#include "leave/processor.h"
#include "machine/hardware.h"

/* What the CPU has, of what the MSRs belong to. */
#define HAS_SEP 0x1u
#define HAS_PAT 0x2u
#define HAS_SYSCALL 0x4u
#define HAS_LM 0x8u
#define HAS_TSC_AUX 0x10u
#define HAS_TSC_ADJUST 0x20u
#define HAS_SPEC_CTRL 0x40u
#define HAS_XSS 0x80u
#define HAS_XFD 0x100u
#define HAS_PERFORMANCE 0x200u
#define HAS_SVM 0x400u
#define HAS_PKS 0x800u
#define HAS_CET 0x1000u
#define HAS_SHSTK 0x2000u
#define HAS_FRED 0x4000u

/* XSS is before the FPU's state; the CET MSRs are those that the gate leaves. */
static const struct {
	uint32_t msr, has;
} table[] = {
	{0x174, HAS_SEP},             /* IA32_SYSENTER_CS, ESP, EIP */
	{0x175, HAS_SEP},
	{0x176, HAS_SEP},
	{0x277, HAS_PAT},             /* IA32_PAT */
	{0xc0000081, HAS_SYSCALL},    /* STAR */
	{0xc0000082, HAS_LM},         /* LSTAR, CSTAR, FMASK */
	{0xc0000083, HAS_LM},
	{0xc0000084, HAS_LM},
	{0xc0000102, HAS_LM},         /* KERNEL_GS_BASE */
	{0xc0000103, HAS_TSC_AUX},
	{0x3b, HAS_TSC_ADJUST},
	{0x48, HAS_SPEC_CTRL},
	{0xda0, HAS_XSS},
	{0x1c4, HAS_XFD},             /* IA32_XFD, XFD_ERR */
	{0x1c5, HAS_XFD},
	{0x38f, HAS_PERFORMANCE},     /* IA32_PERF_GLOBAL_CTRL */
	{0xc0010117, HAS_SVM},        /* VM_HSAVE_PA */
	{0x6e1, HAS_PKS},
	{0x6a0, HAS_CET},             /* IA32_U_CET */
	{0x6a4, HAS_SHSTK},           /* IA32_PL0_SSP to PL3_SSP, INTERRUPT_SSP_TABLE_ADDR */
	{0x6a5, HAS_SHSTK},
	{0x6a6, HAS_SHSTK},
	{0x6a7, HAS_SHSTK},
#if ADDRESS_MAX > UINT32_MAX
	{0x6a8, HAS_SHSTK},
#endif
	{0x1cc, HAS_FRED},            /* IA32_FRED_RSP0 to RSP3, STKLVLS, SSP1 to SSP3, CONFIG */
	{0x1cd, HAS_FRED},
	{0x1ce, HAS_FRED},
	{0x1cf, HAS_FRED},
	{0x1d0, HAS_FRED},
	{0x1d1, HAS_FRED},
	{0x1d2, HAS_FRED},
	{0x1d3, HAS_FRED},
	{0x1d4, HAS_FRED},
};
#define MSRS (sizeof table / sizeof table[0])
_Static_assert(MSRS <= KEPT_MSRS, "registers.h");

/* A bit of CPUID, and what it means. */
static const struct {
	uint32_t leaf;
	uint8_t subleaf, reg, bit;    /* reg: EAX, EBX, ECX, EDX as 0 to 3 */
	uint16_t has;
} signs[] = {
	{1, 0, 3, 11, HAS_SEP},
	{1, 0, 3, 16, HAS_PAT},
	{0x80000001, 0, 3, 11, HAS_SYSCALL},
	{0x80000001, 0, 3, 29, HAS_LM | HAS_SYSCALL}, /* Intel's 64-bit CPUs show SYSCALL in 64-bit mode only */
	{0x80000001, 0, 3, 27, HAS_TSC_AUX},
	{0x80000001, 0, 2, 2, HAS_SVM},
	{7, 0, 1, 1, HAS_TSC_ADJUST},
	{7, 0, 2, 22, HAS_TSC_AUX},
	{7, 0, 2, 7, HAS_CET | HAS_SHSTK},
	{7, 0, 2, 31, HAS_PKS},
	{7, 0, 3, 20, HAS_CET},
	{7, 0, 3, 26, HAS_SPEC_CTRL},
	{7, 1, 0, 17, HAS_FRED},
	{0xd, 1, 0, 3, HAS_XSS},
	{0xd, 1, 0, 4, HAS_XFD},
	{0x80000008, 0, 1, 12, HAS_SPEC_CTRL}, /* AMD: IBRS, STIBP, SSBD */
	{0x80000008, 0, 1, 15, HAS_SPEC_CTRL},
	{0x80000008, 0, 1, 24, HAS_SPEC_CTRL},
};

static uint32_t find_features(void)
{
	uint32_t features = 0;

	if (!(segue_cpuid_features().edx & CPUID_MSR))
		return 0;
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
		struct cpuid found = segue_cpuid_if(signs[i].leaf, signs[i].subleaf);
		const uint32_t registers[] = {found.eax, found.ebx, found.ecx, found.edx};

		if (registers[signs[i].reg] >> signs[i].bit & 1)
			features |= signs[i].has;
	}
	/* Leaf 0AH, EAX: the version of performance monitoring; the MSR came with 2. */
	if ((segue_cpuid_if(0xa, 0).eax & 0xff) >= 2)
		features |= HAS_PERFORMANCE;
	return features;
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#define READ_DR(n, to) __asm__ volatile("mov %%dr" #n ", %0" : "=r"(to))
#define WRITE_DR(n, from) __asm__ volatile("mov %0, %%dr" #n : : "r"(from))

void segue_keep_registers(struct registers *kept, uint32_t cpu)
{
	uint32_t low, high;

	READ_DR(0, kept->dr0);
	READ_DR(1, kept->dr1);
	READ_DR(2, kept->dr2);
	READ_DR(3, kept->dr3);
	READ_DR(6, kept->dr6);
	kept->features = find_features();
	for (size_t i = 0; i < MSRS; i++)
		if (kept->features & table[i].has)
			kept->msrs[i] = read_msr(table[i].msr);
	if (cpu & CPU_XSAVE) {
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		kept->xcr0 = (uint64_t)high << 32 | low;
	}
}

void segue_put_back_registers(const struct registers *kept, uint32_t cpu)
{
	if (cpu & CPU_XSAVE)
		__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)kept->xcr0), "d"((uint32_t)(kept->xcr0 >> 32)));
	for (size_t i = 0; i < MSRS; i++)
		if (kept->features & table[i].has)
			write_msr(table[i].msr, kept->msrs[i]);
	WRITE_DR(0, kept->dr0);
	WRITE_DR(1, kept->dr1);
	WRITE_DR(2, kept->dr2);
	WRITE_DR(3, kept->dr3);
	WRITE_DR(6, kept->dr6);
}
