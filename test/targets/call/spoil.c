/* SPDX-License-Identifier: MIT */
/* The word spoil: before it comes back, the target changes all of the CPU's state that it can. */
#include "spoil.h"

#define BIT(n) (1u << (n))
#define SELECTOR_LDT 0x18
#define SELECTOR_TSS 0x20
#define PORT_A 0x92
#define A20 BIT(20)

/* CPUID: leaf 1, 7, 80000001H */
#define EDX_FPU BIT(0)
#define EDX_MSR BIT(5)
#define EDX_SEP BIT(11)
#define EDX_PAT BIT(16)
#define EDX_FXSR BIT(24)
#define EDX_SSE BIT(25)
#define ECX_XSAVE BIT(26)
#define EBX7_SMEP BIT(7)
#define EBX7_TSC_ADJUST BIT(1)
#define EBX7_SMAP BIT(20)
#define ECX7_UMIP BIT(2)
#define ECX7_PKU BIT(3)
#define ECX7_CET_SS BIT(7)
#define ECX7_PKS BIT(31)
#define EXT_EDX_NX BIT(20)
#define EXT_EDX_RDTSCP BIT(27)
#define EXT_EDX_LM BIT(29)
#define EXT_ECX_SVM BIT(2)

/* PSE, DE, TSD, PAE, MCE, PGE, PCE: all Pentium Pros and later have them */
#define CR4_COMMON (BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define CR4_SSE (BIT(9) | BIT(10))
#define CR4_OSXSAVE BIT(18)
/* WP, NE, MP, AM, CD, TS */
#define CR0_ALL (BIT(16) | BIT(5) | BIT(1) | BIT(18) | BIT(30) | BIT(3))

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static uint64_t gdt[5], ldt[2];
static uint8_t tss[104];

static struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r = {0, 0, 0, 0};
	uint32_t last;

	__asm__ volatile("cpuid" : "=a"(last), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf & 0x80000000u), "c"(0));
	if (last < leaf)
		return (struct cpuid){0, 0, 0, 0};
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

static void write_msr(uint32_t number, uint32_t high, uint32_t low)
{
	__asm__ volatile("wrmsr" : : "c"(number), "a"(low), "d"(high));
}

static uint64_t descriptor(const void *at, uint32_t limit, uint32_t access)
{
	uint64_t base = (uint32_t)at;

	return (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)access << 40 | (base >> 24) << 56;
}

static void spoil_tables(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) gdtr = {sizeof gdt - 1, (uint32_t)gdt}, idtr = {0, 0x12345678};

	gdt[1] = 0x00cf9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	gdt[SELECTOR_LDT / 8] = descriptor(ldt, sizeof ldt - 1, 0x82);
	gdt[SELECTOR_TSS / 8] = descriptor(tss, sizeof tss - 1, 0x89);
	__asm__ volatile("lgdt %0\n\tlidt %1\n\tlldt %w2\n\tltr %w3"
			 : : "m"(gdtr), "m"(idtr), "r"(SELECTOR_LDT), "r"(SELECTOR_TSS));
	__asm__ volatile("mov %0, %%fs\n\tmov %0, %%gs\n\tmov %0, %%es" : : "r"(0));
	__asm__ volatile("mov %0, %%es" : : "r"(0x10));
}

/* MSRs that purgatory resets, and those that it only keeps for the host. */
static void spoil_msrs(const struct cpuid *one, const struct cpuid *seven, const struct cpuid *extended)
{
	if (one->edx & EDX_SEP)
		for (uint32_t number = 0x174; number <= 0x176; number++)
			write_msr(number, 0, 0x1230 + number);
	if (one->edx & EDX_PAT)
		write_msr(0x277, 0x00010406, 0x07050106);
	if (extended->edx & EXT_EDX_LM) {
		for (uint32_t number = 0xc0000081; number <= 0xc0000084; number++)
			write_msr(number, number == 0xc0000084 ? 0 : 0x1234, 0x10000 + (number & 0xff));
		for (uint32_t number = 0xc0000100; number <= 0xc0000102; number++)
			write_msr(number, 0x1111, 0x2000 + (number & 0xff));
	}
	if (extended->edx & EXT_EDX_RDTSCP)
		write_msr(0xc0000103, 0, 0x99);
	if (seven->ebx & EBX7_TSC_ADJUST)
		write_msr(0x3b, 0, 0x10000);
	if (one->ecx & ECX_XSAVE && cpuid(0xd, 1).eax & BIT(3))
		write_msr(0xda0, 0, cpuid(0xd, 1).ecx & BIT(12)); /* CET_S */
	if (extended->ecx & EXT_ECX_SVM)
		write_msr(0xc0010117, 0, 0x5000);
	if (seven->ecx & ECX7_PKS)
		write_msr(0x6e1, 0, 0x33);
	if (seven->ecx & ECX7_CET_SS) {
		write_msr(0x6a0, 0, BIT(0) | BIT(2));
		write_msr(0x6a2, 0, BIT(2));
		for (uint32_t number = 0x6a4; number <= 0x6a7; number++)
			write_msr(number, 0, 0x4000 + 8 * (number & 15));
	}
	/* EFER: SCE, NXE, LME */
	write_msr(0xc0000080, 0, (extended->edx & EXT_EDX_LM ? BIT(0) | BIT(8) : 0) |
		  (extended->edx & EXT_EDX_NX ? BIT(11) : 0) | (extended->ecx & EXT_ECX_SVM ? BIT(12) : 0));
}

static void spoil_fpu(const struct cpuid *one)
{
	static const uint32_t mxcsr = 0x1f40, four[4] = {0x51, 0x52, 0x53, 0x54};
	uint32_t cr4;

	__asm__ volatile("fninit\n\tfldpi\n\tfld1");
	if (!(one->edx & EDX_SSE))
		return;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_SSE | (one->ecx & ECX_XSAVE ? CR4_OSXSAVE : 0);
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	if (one->ecx & ECX_XSAVE)
		__asm__ volatile("xsetbv" : : "c"(0), "a"(3), "d"(0));
	__asm__ volatile("ldmxcsr %0\n\tmovups %1, %%xmm0\n\tmovups %1, %%xmm7" : : "m"(mxcsr), "m"(four));
}

static void spoil_debug(void)
{
	/* Enabled, at an address that nothing uses. DR7 last: DR6 may be written with breakpoints off only in some emulators. */
	__asm__ volatile("mov %0, %%dr0\n\tmov %0, %%dr1\n\tmov %0, %%dr2\n\tmov %0, %%dr3" : : "r"(0x5000));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff4ff5));
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x4ff));
}

void spoil(uint32_t entry)
{
	struct cpuid one = cpuid(1, 0), seven = cpuid(7, 0), extended = cpuid(0x80000001, 0);
	uint32_t cr0, cr4;
	uint8_t port;

	spoil_tables();
	spoil_fpu(&one);
	spoil_msrs(&one, &seven, &extended);
	spoil_debug();
	__asm__ volatile("mov %0, %%cr2\n\tmov %1, %%cr3" : : "r"(0xdeadb000), "r"(0x7000));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_COMMON | (seven.ecx & ECX7_UMIP ? BIT(11) : 0) | (seven.ebx & EBX7_SMEP ? BIT(20) : 0) |
	       (seven.ebx & EBX7_SMAP ? BIT(21) : 0) | (seven.ecx & ECX7_PKU ? BIT(22) : 0) | (seven.ecx & ECX7_PKS ? BIT(24) : 0);
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_ALL));
	/* With A20 off the return page must be reached all the same. */
	if (entry & A20)
		return;
	__asm__ volatile("inb %1, %0" : "=a"(port) : "Nd"((uint16_t)PORT_A));
	__asm__ volatile("outb %0, %1" : : "a"((uint8_t)(port & ~2u)), "Nd"((uint16_t)PORT_A));
}
