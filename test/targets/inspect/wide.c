/* SPDX-License-Identifier: MIT */
/* The state of a 64-bit entry: registers, descriptors and page tables, which are all below 4 GiB here. */
#include "state.h"
#include "inspect_output.h"

#define FOUR_GIB 0x100000000u
/* Intel SDM vol. 3A, 2.2.1, 2.5 and 4.5 */
#define RFLAGS_IF 0x200u
#define CR0_PE_PG 0x80000001u
#define CR4_PAE 0x20u
#define EFER_LME_LMA 0x500u
#define ENTRY_PRESENT_WRITABLE 0x3u
#define ENTRY_LARGE 0x80u
#define ENTRY_ADDRESS 0x000ffffffffff000u

enum { TABLE_LEVELS = 4, LARGE_SHIFT = 21, TSS_LIMIT = 0x67, CATCHER_LIMIT = 32 * 16 - 1, CATCHER_SIZE = 16384 };

/* Not pointers: the bzImage's payload has no relocations. */
static const char names[WIDE_REGISTERS][4] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

/* The 64-bit entry keeps it after the other one. */
const struct saved_wide *wide_state(const struct saved *state, enum variant variant)
{
	return variant == VARIANT_LINUX64 ? (const void *)(state + 1) : NULL;
}

static uint64_t descriptor_at(const struct saved_wide *state, uint32_t selector)
{
	return selector + 7 <= state->gdt_limit ? peek64((uint32_t)state->gdt_base + selector) : 0;
}

/* Present, for ring 0, from 0 to 4 GiB; accessed or not. what: the type with S, and the upper flags without AVL. */
static bool is_flat(uint64_t d, uint32_t type, uint32_t flags)
{
	uint32_t low = (uint32_t)d, high = (uint32_t)(d >> 32);

	return low == 0xffff && (high & 0xff0f00ff) == 0x000f0000 && (high >> 8 & 0xfe) == type && (high >> 20 & 0xe) == flags;
}

void wide_print(const struct saved_wide *state)
{
	for (uint32_t i = 0; i < WIDE_REGISTERS; i++)
		print("%s = %X\n", names[i], state->registers[i]);
	print("rip = %X\n", state->rip);
	print("rflags = %X\n", state->rflags);
	print("wide.cr0 = %X\n", state->cr0);
	print("wide.cr2 = %X\n", state->cr2);
	print("wide.cr3 = %X\n", state->cr3);
	print("wide.cr4 = %X\n", state->cr4);
	print("wide.efer = %X\n", state->efer);
	print("wide.fs_base = %X\n", state->fs_base);
	print("wide.gs_base = %X\n", state->gs_base);
	print("wide.cs = %x\n", state->cs);
	print("wide.ds = %x\n", state->ds);
	print("wide.es = %x\n", state->es);
	print("wide.fs = %x\n", state->fs);
	print("wide.gs = %x\n", state->gs);
	print("wide.ss = %x\n", state->ss);
	print("wide.ldtr = %x\n", state->ldtr);
	print("wide.tr = %x\n", state->tr);
	print("wide.gdtr.base = %X\n", state->gdt_base);
	print("wide.gdtr.limit = %x\n", state->gdt_limit);
	print("wide.idtr.base = %X\n", state->idt_base);
	print("wide.idtr.limit = %x\n", state->idt_limit);
	for (uint32_t at = 0; at < state->gdt_limit; at += 8)
		print("gdt.%x = %X\n", at, descriptor_at(state, at));
}

/* The entry that maps an address, and the shift of its page; 0: none. */
static uint64_t entry_of(const struct saved_wide *state, uint64_t at, uint32_t *shift)
{
	uint64_t entry = state->cr3 | ENTRY_PRESENT_WRITABLE;

	for (*shift = 12 + 9 * TABLE_LEVELS; *shift > 12;) {
		uint32_t table = (uint32_t)(entry & ENTRY_ADDRESS);

		if ((entry & ENTRY_ADDRESS) >= FOUR_GIB)
			return 0;
		*shift -= 9;
		entry = peek64(table + 8 * ((uint32_t)(at >> *shift) & 511));
		if ((entry & ENTRY_PRESENT_WRITABLE) != ENTRY_PRESENT_WRITABLE)
			return 0;
		if (*shift <= LARGE_SHIFT + 9 && *shift > 12 && entry & ENTRY_LARGE)
			return entry;
	}
	return entry;
}

bool wide_maps(const struct saved_wide *state, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint32_t shift;
		uint64_t entry = entry_of(state, start, &shift), mask;

		if (entry == 0)
			return false;
		mask = ((uint64_t)1 << shift) - 1;
		if ((entry & ENTRY_ADDRESS & ~mask) != (start & ~mask))
			return false;
		start = (start | mask) + 1;
	}
	return true;
}

static void judge_strictly(const struct saved_wide *state, bool catcher)
{
	uint64_t task = descriptor_at(state, state->tr), high = descriptor_at(state, state->tr + 8u);
	uint64_t base = (task >> 16 & 0xffffff) | (task >> 32 & 0xff000000) | high << 32;

	for (uint32_t i = 0; i < WIDE_REGISTERS; i++)
		if (i != RSI)
			expect64(names[i], state->registers[i], 0);
	expect64("segue.rflags", state->rflags, 2);
	expect64("segue.cr0", state->cr0, CR0_PE_PG | 0x10);
	expect64("segue.cr2", state->cr2, 0);
	expect64("segue.cr4", state->cr4, CR4_PAE);
	expect64("segue.efer", state->efer, EFER_LME_LMA);
	expect64("segue.fs_base", state->fs_base, 0);
	expect64("segue.gs_base", state->gs_base, 0);
	expect("segue.fs", state->fs, 0x18);
	expect("segue.gs", state->gs, 0x18);
	expect("segue.ldtr", state->ldtr, 0);
	expect_that((task & 0xffff) == TSS_LIMIT && (task >> 40 & 0xff) == 0x8b && (task >> 52 & 0xf) == 0, "segue.tr",
		    "a busy 64-bit TSS of limit 0x67", "selector %x descriptor %X", state->tr, task);
	expect_that(base == state->gdt_base + 0x40 && wide_maps(state, base, base + TSS_LIMIT + 1), "segue.tss", "after the GDT", "%X", base);
	expect("segue.idtr.limit", state->idt_limit, catcher ? CATCHER_LIMIT : 0);
	expect64("segue.idtr.base", state->idt_base % CATCHER_SIZE, catcher ? 2048 : 0);
	expect_that(catcher || state->idt_base == 0, "segue.idtr", "0 without the catcher", "%X", state->idt_base);
	/* All that the 32-bit entry can reach, so devices and firmware's tables too. */
	expect_that(wide_maps(state, 0, FOUR_GIB), "segue.tables.low", "the first 4 GiB mapped", "CR3 %X", state->cr3);
	expect_that(!map_has_ram(state->cr3, state->cr3 + 4096) && !map_has_ram(state->gdt_base, state->gdt_base + 4096),
		    "segue.tables.reserved", "tables and GDT in reserved memory", "CR3 %X", state->cr3);
	expect("segue.tables.page", (uint32_t)state->cr3 & 4095, 0);
}

/* Linux's Documentation/x86/boot.rst, "64-bit Boot Protocol" */
void wide_judge(const struct saved_wide *state, bool strict, bool catcher)
{
	expect_masked("protocol.cr0", (uint32_t)state->cr0, CR0_PE_PG, CR0_PE_PG);
	expect_masked("protocol.cr4", (uint32_t)state->cr4, CR4_PAE, CR4_PAE);
	expect_masked("protocol.efer", (uint32_t)state->efer, EFER_LME_LMA, EFER_LME_LMA);
	expect_masked("protocol.rflags", (uint32_t)state->rflags, 0, RFLAGS_IF);
	expect64("protocol.rsi", state->registers[RSI] >> 32, 0);
	expect("protocol.cs", state->cs, 0x10);
	expect("protocol.ds", state->ds, 0x18);
	expect("protocol.es", state->es, 0x18);
	expect("protocol.ss", state->ss, 0x18);
	expect_that(is_flat(descriptor_at(state, 0x10), 0x9a, 0xa), "protocol.cs.flat", "a flat 64-bit code segment", "%X",
		    descriptor_at(state, 0x10));
	expect_that(is_flat(descriptor_at(state, 0x18), 0x92, 0xc), "protocol.ds.flat", "a flat data segment", "%X",
		    descriptor_at(state, 0x18));
	expect_that(wide_maps(state, state->gdt_base, state->gdt_base + state->gdt_limit + 1), "protocol.gdt", "mapped", "%X",
		    state->gdt_base);
	if (strict)
		judge_strictly(state, catcher);
}
