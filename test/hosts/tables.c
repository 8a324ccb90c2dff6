/* SPDX-License-Identifier: MIT */
/* The kernel's GDT, IDT, TSS and LDT. Intel SDM vol. 3, 3.4.5, 6.11, 7.2. */
#include "kernel.h"

#define ACCESS_CODE 0x9bu
#define ACCESS_DATA 0x93u
#define ACCESS_USER_DATA 0xf3u
#define ACCESS_TSS 0x89u
#define ACCESS_LDT 0x82u
#define ACCESS_INTERRUPT_GATE 0x8eu
#define ACCESS_TASK_GATE 0x85u
#define GRANULARITY_4K 8u
#define DEFAULT_32 4u
#define LONG_MODE 2u
#define LIMIT_ALL 0xfffffu
#define TSS_LIMIT 0x67u

struct pseudo_descriptor {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));

#define GDT_ENTRIES 8192u

static uint64_t gdt[GDT_ENTRIES];
static uint64_t ldt[3];               /* user data, code, data */

static uint64_t descriptor(uint64_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)access << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 | (base >> 24 & 0xff) << 56;
}

/* The linear address of an object in the data segment. */
static uintptr_t linear(const void *at)
{
	return (uintptr_t)at + (uintptr_t)handover.data_base;
}

static void fill_narrow(void)
{
	gdt[SELECTOR_NARROW_DATA / 8] = descriptor(0x00bad000, PAGE - 1, ACCESS_USER_DATA, DEFAULT_32);
}

static uintptr_t stub_of(uint32_t vector)
{
	const uint8_t *stubs = word(handover.line, "cet") ? tracked_stubs : vector_stubs;

	return (uintptr_t)stubs + vector * VECTOR_STUB;
}

static void set_system(uint32_t selector, const void *at, uint32_t limit, uint32_t access)
{
	gdt[selector / 8] = descriptor(linear(at), limit, access, 0);
#ifdef __x86_64__
	gdt[selector / 8 + 1] = linear(at) >> 32;
#endif
}

#ifdef __x86_64__

struct gate {
	uint16_t low, selector;
	uint8_t stack, access;
	uint16_t middle;
	uint32_t high, reserved;
};
_Static_assert(sizeof(struct gate) == 16 && offsetof(struct gate, high) == 8, "Intel SDM vol. 3, 6.14.1");

struct tss {
	uint32_t reserved;
	uint64_t rsp[3], ist[8];      /* ist[0] is reserved */
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104 && offsetof(struct tss, ist) == 28, "Intel SDM vol. 3, 7.7");

static struct gate idt[VECTORS];
static struct tss tss;

static void set_gate(uint32_t vector)
{
	uintptr_t at = stub_of(vector);

	idt[vector].low = (uint16_t)at;
	idt[vector].middle = (uint16_t)(at >> 16);
	idt[vector].high = (uint32_t)(at >> 32);
	idt[vector].selector = SELECTOR_CODE;
	idt[vector].access = ACCESS_INTERRUPT_GATE;
}

static void fill_gdt(void)
{
	/* there is no 32-bit code segment */
	gdt[SELECTOR_CODE / 8] = descriptor(0, LIMIT_ALL, ACCESS_CODE, GRANULARITY_4K | LONG_MODE);
	gdt[SELECTOR_DATA / 8] = descriptor(0, LIMIT_ALL, ACCESS_DATA, GRANULARITY_4K | DEFAULT_32);
	gdt[SELECTOR_USER_DATA / 8] = descriptor(0, LIMIT_ALL, ACCESS_USER_DATA, GRANULARITY_4K | DEFAULT_32);
	ldt[0] = descriptor(0, LIMIT_ALL, ACCESS_USER_DATA, GRANULARITY_4K | DEFAULT_32);
	ldt[1] = gdt[SELECTOR_CODE / 8];
	ldt[2] = gdt[SELECTOR_DATA / 8];
}

void tables_load_task(void)
{
	tss.ist[1] = (uintptr_t)fault_stack_top;
	tss.io_map = sizeof tss;
	idt[8].stack = 1;
	set_system(SELECTOR_TSS, &tss, TSS_LIMIT, ACCESS_TSS);
	load_task(SELECTOR_TSS);
}

#else

struct gate {
	uint16_t low, selector;
	uint8_t reserved, access;
	uint16_t high;
};
_Static_assert(sizeof(struct gate) == 8 && offsetof(struct gate, high) == 6, "Intel SDM vol. 3, 6.11");

struct tss {
	uint32_t link, stacks[6];
	uint32_t cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, io_map;
};
_Static_assert(sizeof(struct tss) == 104 && offsetof(struct tss, cr3) == 28 && offsetof(struct tss, es) == 72,
	       "Intel SDM vol. 3, 7.2.1");

static struct gate idt[VECTORS];
static struct tss tss, fault_tss;

static void set_gate(uint32_t vector)
{
	uintptr_t at = stub_of(vector);

	idt[vector].low = (uint16_t)at;
	idt[vector].high = (uint16_t)(at >> 16);
	idt[vector].selector = SELECTOR_CODE;
	idt[vector].access = ACCESS_INTERRUPT_GATE;
}

static void fill_gdt(void)
{
	gdt[SELECTOR_CODE / 8] = descriptor(handover.code_base, LIMIT_ALL, ACCESS_CODE, GRANULARITY_4K | DEFAULT_32);
	gdt[SELECTOR_DATA / 8] = descriptor(handover.data_base, LIMIT_ALL, ACCESS_DATA, GRANULARITY_4K | DEFAULT_32);
	gdt[SELECTOR_USER_DATA / 8] =
		descriptor(handover.data_base, LIMIT_ALL, ACCESS_USER_DATA, GRANULARITY_4K | DEFAULT_32);
	ldt[0] = descriptor(handover.data_base, LIMIT_ALL, ACCESS_USER_DATA, GRANULARITY_4K | DEFAULT_32);
	ldt[1] = gdt[SELECTOR_CODE / 8];
	ldt[2] = gdt[SELECTOR_DATA / 8];
}

void tables_load_task(void)
{
	fault_tss.cr3 = (uint32_t)handover.cr3;
	fault_tss.eip = (uintptr_t)fault_task;
	fault_tss.eflags = 2;
	fault_tss.esp = (uintptr_t)fault_stack_top;
	fault_tss.cs = SELECTOR_CODE;
	fault_tss.ss = fault_tss.ds = fault_tss.es = SELECTOR_DATA;
	fault_tss.io_map = tss.io_map = sizeof tss;
	set_system(SELECTOR_TSS, &tss, TSS_LIMIT, ACCESS_TSS);
	set_system(SELECTOR_FAULT_TSS, &fault_tss, TSS_LIMIT, ACCESS_TSS);
	idt[8].selector = SELECTOR_FAULT_TSS;
	idt[8].access = ACCESS_TASK_GATE;
	load_task(SELECTOR_TSS);
}

void tables_left_task(struct segue_registers *registers)
{
	*registers = (struct segue_registers){
		.ax = tss.eax, .bx = tss.ebx, .cx = tss.ecx, .dx = tss.edx, .si = tss.esi, .di = tss.edi, .bp = tss.ebp, .sp = tss.esp,
		.ip = tss.eip, .flags = tss.eflags, .cs = tss.cs, .ss = tss.ss, .ds = tss.ds, .es = tss.es, .fs = tss.fs, .gs = tss.gs,
	};
}

#endif

void tables_load_ldt(void)
{
	set_system(SELECTOR_LDT, ldt, sizeof ldt - 1, ACCESS_LDT);
	load_ldt(SELECTOR_LDT);
}

void code_selector_put(uint32_t selector)
{
	gdt[selector / 8] = gdt[SELECTOR_CODE / 8];
}

void gate_absent(uint32_t vector)
{
	idt[vector].access = 0;
}

void tables_take(void)
{
	struct pseudo_descriptor gdtr = {sizeof gdt - 1, linear(gdt)}, idtr = {sizeof idt - 1, linear(idt)};

	load_tables(&gdtr, &idtr);
}

void tables_load(void)
{
	fill_gdt();
	fill_narrow();
	for (uint32_t i = 0; i < VECTORS; i++)
		set_gate(i);
	tables_take();
}

void tables_hide_gdt(bool hide)
{
	struct pseudo_descriptor gdtr = {sizeof gdt - 1, hide ? (uintptr_t)handover.unmapped : linear(gdt)};

	__asm__ volatile("lgdt %0" : : "m"(gdtr));
}
