/* SPDX-License-Identifier: MIT */
/* Instructions and their bits. Intel SDM vol. 3, 2.5 (CR0, CR4), 2.2.1 (EFER), vol. 4 (MSRs). */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define BIT(n) (1u << (n))

#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_CET BIT(23)
#define CR4_PKS BIT(24)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)

#define S_CET_SHSTK BIT(0)

#define EFLAGS_TF BIT(8)
#define EFLAGS_IF BIT(9)
#define EFLAGS_DF BIT(10)
#define EFLAGS_NT BIT(14)
#define EFLAGS_AC BIT(18)
#define EFLAGS_ID BIT(21)

enum {
	MSR_APIC_BASE = 0x1b,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_PAT = 0x277,
	MSR_PERF_GLOBAL_CTRL = 0x38f,
	MSR_VMX_BASIC = 0x480,
	MSR_S_CET = 0x6a2,
	MSR_PL0_SSP = 0x6a4,
	MSR_XSS = 0xda0,
	MSR_U_CET = 0x6a0,
	MSR_TSC_ADJUST = 0x3b,
	MSR_PKRS = 0x6e1,
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_VM_HSAVE_PA 0xc0010117u

/* Local APIC (Intel SDM vol. 3, 10.4.1 and 10.6.1) */
enum { APIC_ID = 0x20, APIC_SPURIOUS = 0xf0, APIC_ICR_LOW = 0x300, APIC_ICR_HIGH = 0x310 };
#define APIC_ENABLE BIT(8)
#define ICR_NMI (4u << 8 | BIT(14))
#define ICR_INIT (5u << 8 | BIT(14))
#define ICR_STARTUP (6u << 8 | BIT(14))
#define ICR_PENDING BIT(12)
#define ICR_OTHERS (3u << 18)

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* A delay of up to a microsecond for each read. */
static inline void slowly(uint32_t reads)
{
	while (reads-- > 0)
		in8(0x61);
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

#define CONTROL_REGISTER(name) \
	static inline uintptr_t read_##name(void) \
	{ \
		uintptr_t value; \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value)); \
		return value; \
	} \
	static inline void write_##name(uintptr_t value) \
	{ \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
CONTROL_REGISTER(dr0)
CONTROL_REGISTER(dr1)
CONTROL_REGISTER(dr2)
CONTROL_REGISTER(dr3)
CONTROL_REGISTER(dr6)
CONTROL_REGISTER(dr7)

static inline uint64_t read_msr(uint32_t number)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return low + ((uint64_t)high << 32);
}

static inline void write_msr(uint32_t number, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_raw(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uintptr_t read_flags(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf\n\tpop %0" : "=r"(flags));
	return flags;
}

static inline void write_flags(uintptr_t flags)
{
	__asm__ volatile("push %0\n\tpopf" : : "r"(flags) : "cc", "memory");
}

/* A CPUID leaf; zeros if the CPU does not have it. */
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	uintptr_t flags = read_flags();
	struct cpuid none = {0, 0, 0, 0};
	uint32_t last;

	write_flags(flags ^ EFLAGS_ID);
	if (!((read_flags() ^ flags) & EFLAGS_ID))
		return none;
	write_flags(flags);
	last = cpuid_raw(leaf & 0x80000000u, 0).eax;
	/* a CPU without extended leaves returns its last basic leaf */
	if (last < leaf || last > (leaf & 0x80000000u) + 0xffff)
		return none;
	return cpuid_raw(leaf, subleaf);
}

#endif
