/* SPDX-License-Identifier: MIT */
/* Page tables in force, walked: walk.h. Intel SDM vol. 3, 4.3 to 4.5. */
#include "common/memory_functions.h"
#include "leave/processor.h"
#include "leave/walk.h"

#define CR0_PG 0x80000000u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_LA57 0x1000u
#define CR4_CET 0x800000u
#define CR4_FRED 0x100000000u
#define CPUID_ANY_CR4 0x010020deu     /* exec_i386.asm */

#define ENTRY_PRESENT 1u
#define ENTRY_LARGE 0x80u
/* Bits of a physical address; memory encryption has its own above (AMD APM vol. 2, 15.34.1; TDX: 47 or 51). */
#define ENTRY_ADDRESS ((addr_t)0x3ffffffff000u)

#define ENTRY_ADDRESS_HIGH 0x3fffu     /* its upper doubleword */
#define LARGE_ADDRESS_HIGH 0x1fe000u

#define VECTOR_NMI 2u
#define VECTOR_GP 13u
#define VECTOR_PF 14u
#define GATE_INTERRUPT 0x8e00u
#if ADDRESS_MAX > UINT32_MAX
#define CODE_SEGMENT 0x00af9b00u      /* 64-bit */
#else
#define CODE_SEGMENT 0x00cf9b00u
#endif

static bool peek_at(struct walk *walk, addr_t linear, uint32_t *value)
{
	walk->peek.at = (uintptr_t)(linear - walk->data_base);
	if (!segue_peek(&walk->peek))
		return false;
	*value = walk->peek.value;
	return true;
}

static void put_gate(struct walk *walk, unsigned vector, uint32_t selector)
{
	uint8_t *gate = walk->idt + vector * PEEK_GATE;
	uintptr_t handler = (uintptr_t)segue_peek_fault;

	memset(gate, 0, PEEK_GATE);
	put_le32(gate, (uint32_t)(handler & 0xffff) | selector << 16);
	put_le32(gate + 4, (uint32_t)(handler & 0xffff0000) | GATE_INTERRUPT);
#if ADDRESS_MAX > UINT32_MAX
	put_le32(gate + 8, (uint32_t)(handler >> 32));
#endif
}

static void copy_gate(struct walk *walk, unsigned vector, addr_t idt)
{
	for (unsigned i = vector * PEEK_GATE; i < (vector + 1) * PEEK_GATE; i += 4) {
		uint32_t value;

		if (peek_at(walk, idt + i, &value))
			put_le32(walk->idt + i, value);
	}
}

struct table_register {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));

/*
 * A fault loads CS from the GDT, which a host need not have mapped while it takes no exception: then one of our own, at
 * such a base that the selector finds our descriptor in it. Whether the host's can be read is found out so.
 */
static void choose_gdt(struct walk *walk, uint32_t cs, addr_t code_base)
{
	struct table_register gdtr;
	uint32_t value;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	/* Flat but for its base; accessed (Intel SDM vol. 3, 3.4.5). */
	put_le32(walk->code, 0xffff | (uint32_t)code_base << 16);
	put_le32(walk->code + 4, CODE_SEGMENT | ((uint32_t)code_base >> 16 & 0xff) | ((uint32_t)code_base & 0xff000000));
	walk->peek.gdt_limit = 0xffff;
	walk->peek.gdt_base = (uintptr_t)walk->code + (uintptr_t)walk->data_base - (cs & 0xfff8);
	if (!peek_at(walk, gdtr.base + (cs & 0xfff8), &value) || !peek_at(walk, gdtr.base + (cs & 0xfff8) + 4, &value))
		return;
	walk->peek.gdt_limit = gdtr.limit;
	walk->peek.gdt_base = gdtr.base;
}

/* An NMI or a machine check is the host's meanwhile. Its IDT may not be there at all, so it is read with care, too. */
static void make_idt(struct walk *walk, uint32_t cs, addr_t code_base)
{
	struct table_register idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	walk->peek.idt_limit = sizeof walk->idt - 1;
	walk->peek.idt_base = (uintptr_t)walk->idt + (uintptr_t)walk->data_base;
	put_gate(walk, VECTOR_PF, cs);
	put_gate(walk, VECTOR_GP, cs);
	choose_gdt(walk, cs, code_base);
	if (idtr.limit < (VECTOR_NMI + 1) * PEEK_GATE - 1)
		return;
	copy_gate(walk, VECTOR_NMI, idtr.base);
	for (unsigned i = 0; i < PEEK_VECTORS && (i + 1) * PEEK_GATE - 1 <= idtr.limit; i++)
		if (i != VECTOR_NMI && i != VECTOR_GP && i != VECTOR_PF)
			copy_gate(walk, i, idtr.base);
}

static uintptr_t read_cr4(void)
{
	uintptr_t cr4 = 0;

	if (sizeof(uintptr_t) > 4 || segue_cpuid_features().edx & CPUID_ANY_CR4)
		__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4;
}

bool segue_walk_begin(struct walk *walk, addr_t code_base, addr_t data_base)
{
	uintptr_t cr0, cr3, cr4;
	uint32_t cs;

	memset(walk, 0, sizeof *walk);
	walk->data_base = data_base;
	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	/* With another base our IDT would not be where it is told. */
	if (cs & 3 || !segue_is_data_base(data_base))
		return false;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	if (!(cr0 & CR0_PG))
		return true;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	cr4 = read_cr4();
#if ADDRESS_MAX > UINT32_MAX
	if (cr4 & CR4_FRED)
		return false;
	walk->levels = cr4 & CR4_LA57 ? 5 : 4;
	walk->root = cr3 & ENTRY_ADDRESS;
#else
	/* A handler would need ENDBR32, which older CPUs do not know. */
	if (cr4 & CR4_CET)
		return false;
	walk->levels = cr4 & CR4_PAE ? 3 : 2;
	walk->large = cr4 & CR4_PSE;
	walk->root = cr3 & (cr4 & CR4_PAE ? ~31u : ~(PAGE - 1));
#endif
	make_idt(walk, cs, code_base);
	return true;
}

/* An entry without its uppermost bits; on i386 with WALK_ABOVE for an address that addr_t does not hold. */
static bool read_entry(struct walk *walk, addr_t linear, addr_t *entry)
{
	uint32_t low, high = 0;

	if (!peek_at(walk, linear, &low) || (walk->levels > 2 && !peek_at(walk, linear + 4, &high)))
		return false;
#if ADDRESS_MAX > UINT32_MAX
	*entry = (addr_t)high << 32 | low;
#else
	*entry = high & ENTRY_ADDRESS_HIGH ? low | WALK_ABOVE : low;
#endif
	return true;
}

static bool is_page(const struct walk *walk, unsigned level, addr_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & ENTRY_LARGE))
		return false;
	return walk->levels == 2 ? walk->large : level == 1 || (level == 2 && walk->levels > 3);
}

/* sure: each table must be found to lie where it is read. */
static addr_t lead(struct walk *walk, addr_t linear, bool sure)
{
	unsigned bits = walk->levels == 2 ? 10 : 9;
	addr_t table = walk->root, entry;

	if (walk->levels == 0)
		return linear;
	for (unsigned level = walk->levels; level-- > 0; table = entry & ENTRY_ADDRESS) {
		unsigned shift = 12 + bits * level;
		addr_t within = ((addr_t)1 << shift) - 1;
		uint32_t index = (uint32_t)(linear >> shift) & ((1u << bits) - 1);

		if (sure && lead(walk, table + walk->offset, false) != table)
			return WALK_UNKNOWN;
		if (!read_entry(walk, table + walk->offset + index * (walk->levels == 2 ? 4 : 8), &entry) ||
		    !(entry & ENTRY_PRESENT))
			return WALK_UNKNOWN;
		if (!is_page(walk, level, entry))
			continue;
		/* PSE-36: bits 13 to 20 are the address's 32 to 39. */
		if (walk->levels == 2 && level == 1 && entry & LARGE_ADDRESS_HIGH)
			return WALK_ABOVE | (linear & (PAGE - 1));
		return (entry & ENTRY_ADDRESS & ~within) | (linear & within);
	}
	return WALK_UNKNOWN;
}

bool segue_walk_try(struct walk *walk, addr_t offset)
{
	walk->offset = offset;
	return lead(walk, walk->root + offset, false) == walk->root;
}

addr_t segue_walk(struct walk *walk, addr_t linear)
{
	return lead(walk, linear, true);
}
