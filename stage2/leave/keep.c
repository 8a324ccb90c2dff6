/* SPDX-License-Identifier: MIT */
/* The state of the host's CPU that C saves before the gate and restores after it, and the PICs and the timer. */
#include "common/memory_functions.h"
#include "leave/cross.h"
#include "leave/processor.h"
#include "machine/hardware.h"

#define CPUID_ECX_OSXSAVE 0x8000000u  /* CPUID.1:ECX */
#define LEAF_XSAVE 0xdu
#define LEAF_EXTENDED_FEATURES 0x80000001u /* EDX */
#define LEAF_STRUCTURED 7u
#define CPUID_SHSTK 0x80u             /* ECX */
#define CPUID_IBT 0x100000u           /* EDX */
#define XSAVE_HEADER_AT 512u          /* Intel SDM vol. 1, 13.4 */
#define XSAVE_HEADER_SIZE 64u
#define XSAVE_ALL UINT32_MAX
#define XSAVE_AVX 0x7u                /* x87, SSE, AVX: 832 bytes */

/* 8254: counter 0, both bytes, and the mode */
#define PIT_BOTH_BYTES 0x30u

/* Byte 5 of a descriptor (Intel SDM vol. 3, 7.2.2) */
#define DESCRIPTOR_BUSY 0x02u
#define DESCRIPTOR_DPL 0x60u
#define DESCRIPTOR_BUSY_TSS 0x8bu
#define DESCRIPTOR_SIZE (sizeof(uintptr_t) * 2)

struct table {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));
_Static_assert(offsetof(struct table, base) == 2, "Intel SDM vol. 3, 2.4.1");

uint32_t segue_cpu_has(void)
{
	struct cpuid one = segue_cpuid_features(), seven;
	uint32_t cpu = 0;

	if (one.edx & CPUID_ANY_CR4)
		cpu |= CPU_CR4;
	if (one.edx & CPUID_APIC)
		cpu |= CPU_APIC;
	if (segue_has_apic_base(&one))
		cpu |= CPU_APIC_BASE;
	if (one.edx & CPUID_FPU)
		cpu |= CPU_FPU;
	if (one.edx & CPUID_FXSR)
		cpu |= CPU_FXSR;
	if (one.ecx & CPUID_ECX_OSXSAVE)
		cpu |= CPU_XSAVE;
	if (segue_cpuid_if(LEAF_EXTENDED_FEATURES).edx & (CPUID_SYSCALL | CPUID_NX | CPUID_LM))
		cpu |= CPU_EFER;
	seven = segue_cpuid_if(LEAF_STRUCTURED);
	if (seven.ecx & CPUID_SHSTK || seven.edx & CPUID_IBT)
		cpu |= CPU_CET;
	return cpu;
}

void segue_copy_task(uint8_t *descriptor, addr_t data_base)
{
	struct table gdtr;
	uint32_t tr;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("str %0" : "=r"(tr));
	memset(descriptor, 0, DESCRIPTOR_SIZE);
	tr &= 0xffffu & ~SELECTOR_FLAGS;
	if (tr == 0 || tr + DESCRIPTOR_SIZE - 1 > gdtr.limit)
		return;
	memcpy(descriptor, (const uint8_t *)(gdtr.base - (uintptr_t)data_base + tr), DESCRIPTOR_SIZE);
	if ((descriptor[5] & ~DESCRIPTOR_DPL) == DESCRIPTOR_BUSY_TSS)
		descriptor[5] &= (uint8_t)~DESCRIPTOR_BUSY;
	else
		memset(descriptor, 0, DESCRIPTOR_SIZE);
}

static void out(uint32_t port, uint32_t value)
{
	__asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port));
}

static uint8_t in(uint32_t port)
{
	uint8_t value;

	__asm__ volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port));
	return value;
}

void segue_set_pit(uint32_t mode, uint32_t reload)
{
	out(PIT_CONTROL, PIT_BOTH_BYTES | mode << 1);
	out(PIT_CHANNEL_0, reload & 0xff);
	out(PIT_CHANNEL_0, reload >> 8);
}

void segue_read_pic_masks(struct pics *pics)
{
	pics->masks[0] = in(PIC_1 + 1);
	pics->masks[1] = in(PIC_2 + 1);
}

void segue_write_pic_masks(const struct pics *pics)
{
	out(PIC_1 + 1, pics->masks[0]);
	out(PIC_2 + 1, pics->masks[1]);
}

/* The components to save: all that XCR0 enables, if they fit. */
static uint32_t xsave_mask(void)
{
	return segue_cpuid(LEAF_XSAVE).ebx <= CROSS_FPU_SIZE ? XSAVE_ALL : XSAVE_AVX;
}

#if defined(__x86_64__)
#define WIDE "64"
#else
#define WIDE ""
#endif

static void save_fpu(uint32_t cpu, uint8_t *fpu)
{
	if (cpu & CPU_XSAVE) {
		uint32_t mask = xsave_mask();

		memset(fpu + XSAVE_HEADER_AT, 0, XSAVE_HEADER_SIZE);
		__asm__ volatile("xsave" WIDE " %0" : "+m"(*fpu) : "a"(mask), "d"(mask) : "memory");
	} else if (cpu & CPU_FXSR) {
		__asm__ volatile("fxsave" WIDE " %0" : "+m"(*fpu) : : "memory");
	} else if (cpu & CPU_FPU) {
		__asm__ volatile("fnsave %0" : "+m"(*fpu) : : "memory");
	}
	/* A pending exception would become IRQ 13 in the BIOS. */
	if (cpu & CPU_FPU)
		__asm__ volatile("fninit");
}

static void put_back_fpu(uint32_t cpu, const uint8_t *fpu)
{
	if (cpu & CPU_XSAVE) {
		uint32_t mask = xsave_mask();

		__asm__ volatile("xrstor" WIDE " %0" : : "m"(*fpu), "a"(mask), "d"(mask) : "memory");
	} else if (cpu & CPU_FXSR) {
		__asm__ volatile("fxrstor" WIDE " %0" : : "m"(*fpu) : "memory");
	} else if (cpu & CPU_FPU) {
		__asm__ volatile("frstor %0" : : "m"(*fpu) : "memory");
	}
}

void segue_keep(struct kept *kept, uint32_t cpu, uint8_t *fpu)
{
	/* This clears TF, NT, AC and IF. */
	kept->flags = segue_flags();
	segue_set_flags(EFLAGS_FIXED | (kept->flags & EFLAGS_ID));
	__asm__ volatile("mov %%cr0, %0" : "=r"(kept->cr0));
	__asm__ volatile("mov %%cr2, %0" : "=r"(kept->cr2));
	__asm__ volatile("mov %%dr7, %0" : "=r"(kept->dr7));
	__asm__ volatile("mov %0, %%dr7" : : "r"((uintptr_t)DR7_RESET));
	__asm__ volatile("mov %0, %%cr0" : : "r"(kept->cr0 & ~(uintptr_t)(CR0_EM | CR0_TS)));
	save_fpu(cpu, fpu);
}

void segue_put_back(const struct kept *kept, uint32_t cpu, const uint8_t *fpu)
{
	put_back_fpu(cpu, fpu);
	__asm__ volatile("mov %0, %%cr2" : : "r"(kept->cr2));
	__asm__ volatile("mov %0, %%cr0" : : "r"(kept->cr0));
	__asm__ volatile("mov %0, %%dr7" : : "r"(kept->dr7));
	segue_set_flags(kept->flags);
}
