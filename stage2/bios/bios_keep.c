/* SPDX-License-Identifier: MIT */
/* The state of the host's CPU, PICs and timer that C saves before the BIOS runs and restores after it. */
#include "bios/bios.h"
#include "common/memory_functions.h"
#include "leave/processor.h"
#include "machine/hardware.h"

#define CPUID_ECX_OSXSAVE 0x8000000u  /* CPUID.1:ECX */
#define LEAF_XSAVE 0xdu
#define XSAVE_HEADER_AT 512u          /* Intel SDM vol. 1, 13.4 */
#define XSAVE_HEADER_SIZE 64u
#define XSAVE_ALL UINT32_MAX
#define XSAVE_AVX 0x7u                /* x87, SSE, AVX: 832 bytes */

#define ICW4_AEOI 0x02u               /* 8259A */
/* 8254: counter 0, both bytes, and the mode */
#define PIT_BOTH_BYTES 0x30u
#define BIOS_PIT_MODE 3u

#define DESCRIPTOR_BUSY 0x02u         /* in the type, byte 5 */
#define DESCRIPTOR_SIZE (sizeof(uintptr_t) * 2)

struct table {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));
_Static_assert(offsetof(struct table, base) == 2, "Intel SDM vol. 3, 2.4.1");

static uintptr_t read_flags(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf\n\tpop %0" : "=r"(flags));
	return flags;
}

static void write_flags(uintptr_t flags)
{
	__asm__ volatile("push %0\n\tpopf" : : "r"(flags) : "cc", "memory");
}

uint32_t segue_bios_cpu(void)
{
	struct cpuid one = segue_cpuid_features();
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
	return cpu;
}

void segue_bios_copy_task(uint8_t *descriptor, addr_t data_base)
{
	struct table gdtr;
	uint32_t tr;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("str %0" : "=r"(tr));
	tr &= 0xffffu & ~SELECTOR_FLAGS;
	if (tr == 0)
		return;
	memcpy(descriptor, (const uint8_t *)(gdtr.base - (uintptr_t)data_base + tr), DESCRIPTOR_SIZE);
	descriptor[5] &= (uint8_t)~DESCRIPTOR_BUSY;
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

static void set_pit(uint32_t mode, uint32_t reload)
{
	out(PIT_CONTROL, PIT_BOTH_BYTES | mode << 1);
	out(PIT_CHANNEL_0, reload & 0xff);
	out(PIT_CHANNEL_0, reload >> 8);
}

/* The components to save: all that XCR0 enables, if they fit. */
static uint32_t xsave_mask(void)
{
	return segue_cpuid(LEAF_XSAVE).ebx <= BIOS_FPU_SIZE ? XSAVE_ALL : XSAVE_AVX;
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

void segue_bios_keep(struct kept *kept, const struct segue_bios_args *args, uint32_t cpu, uint8_t *fpu)
{
	/* This clears TF, NT, AC and IF. */
	kept->flags = read_flags();
	write_flags(EFLAGS_FIXED | (kept->flags & EFLAGS_ID));
	__asm__ volatile("mov %%cr0, %0" : "=r"(kept->cr0));
	__asm__ volatile("mov %%cr2, %0" : "=r"(kept->cr2));
	__asm__ volatile("mov %%dr7, %0" : "=r"(kept->dr7));
	__asm__ volatile("mov %0, %%dr7" : : "r"((uintptr_t)DR7_RESET));
	__asm__ volatile("mov %0, %%cr0" : : "r"(kept->cr0 & ~(uintptr_t)(CR0_EM | CR0_TS)));
	save_fpu(cpu, fpu);
	if (args->flags & SEGUE_BIOS_PIC) {
		const struct pics bios = {.vectors = {ICW2_BIOS_1, ICW2_BIOS_2},
					  .masks = {(uint8_t)~args->irqs, (uint8_t)(~args->irqs >> 8)}, .icw4 = ICW4_8086};

		kept->pics = (struct pics){.vectors = {args->pic_vector[0], args->pic_vector[1]},
					   .masks = {in(PIC_1 + 1), in(PIC_2 + 1)},
					   .icw4 = args->flags & SEGUE_BIOS_PIC_AEOI ? ICW4_8086 | ICW4_AEOI : ICW4_8086};
		segue_bios_set_pics(&bios);
	}
	if (args->flags & SEGUE_BIOS_PIT)
		set_pit(BIOS_PIT_MODE, 0);
}

void segue_bios_put_back(const struct kept *kept, const struct segue_bios_args *args, uint32_t cpu, const uint8_t *fpu)
{
	if (args->flags & SEGUE_BIOS_PIT)
		set_pit(args->pit_mode, args->pit_reload);
	if (args->flags & SEGUE_BIOS_PIC)
		segue_bios_set_pics(&kept->pics);
	put_back_fpu(cpu, fpu);
	__asm__ volatile("mov %0, %%cr2" : : "r"(kept->cr2));
	__asm__ volatile("mov %0, %%cr0" : : "r"(kept->cr0));
	__asm__ volatile("mov %0, %%dr7" : : "r"(kept->dr7));
	write_flags(kept->flags);
}
