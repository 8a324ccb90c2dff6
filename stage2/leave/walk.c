/* SPDX-License-Identifier: MIT */
/* Walks the page tables in force: walk.h. Intel SDM vol. 3, 4.3 to 4.5. */
#include "common/memory_functions.h"
#include "leave/processor.h"
#include "leave/walk.h"
#include "machine/hardware.h"

#define CR4_FRED 0x100000000u
/* Bits of a physical address, without those of memory encryption above them (AMD APM vol. 2, 15.34.1; TDX: 47 or 51). */
#define ENTRY_ADDRESS ((addr_t)0x3ffffffff000u)

#define EFLAGS_IF 0x200u
#define PAE_LEVELS 3u
#define ENTRY_ADDRESS_HIGH 0x3fffu     /* its upper doubleword */
#define LARGE_ADDRESS_HIGH 0x1fe000u

#if ADDRESS_MAX > UINT32_MAX
#define CODE_SEGMENT 0x00af9b00u      /* 64-bit */
#else
#define CODE_SEGMENT 0x00cf9b00u
#endif

/* Reads 8 bytes at a linear address to walk->peek.value. */
static bool peek_at(struct walk *walk, addr_t linear)
{
	walk->peek.at = (uintptr_t)(linear - walk->data_base);
	return segue_peek(&walk->peek);
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
	for (unsigned i = vector * PEEK_GATE; i < (vector + 1) * PEEK_GATE; i += 8)
		if (peek_at(walk, idt + i))
			memcpy(walk->idt + i, walk->peek.value, 8);
}

struct table_register {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));

/*
 * A fault loads CS from the GDT, and a host may run without having its GDT mapped. So our own GDT is used at first, with a
 * base such that the host's selector finds our descriptor.
 */
static void begin_to_peek(struct walk *walk, uint32_t cs, addr_t code_base)
{
	walk->peek.idt_limit = sizeof walk->idt - 1;
	walk->peek.idt_base = (uintptr_t)walk->idt + (uintptr_t)walk->data_base;
	put_gate(walk, VECTOR_PF, cs);
	put_gate(walk, VECTOR_GP, cs);
	/* Flat but for its base; accessed (Intel SDM vol. 3, 3.4.5). */
	put_le32(walk->code, 0xffff | (uint32_t)code_base << 16);
	put_le32(walk->code + 4, CODE_SEGMENT | ((uint32_t)code_base >> 16 & 0xff) | ((uint32_t)code_base & 0xff000000));
	walk->peek.gdt_limit = 0xffff;
	walk->peek.gdt_base = (uintptr_t)walk->code + (uintptr_t)walk->data_base - (cs & 0xfff8);
}

/* NMIs and machine checks go to the host's handlers. Its GDT and IDT may be unmapped, so segue_peek() reads them. */
static void take_tables_of_host(struct walk *walk, uint32_t cs)
{
	struct table_register gdtr, idtr;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("sidt %0" : "=m"(idtr));
	if (peek_at(walk, gdtr.base + (cs & 0xfff8))) {
		walk->peek.gdt_limit = gdtr.limit;
		walk->peek.gdt_base = gdtr.base;
	}
	if (idtr.limit < (VECTOR_NMI + 1) * PEEK_GATE - 1)
		return;
	copy_gate(walk, VECTOR_NMI, idtr.base);
	for (unsigned i = 0; i < PEEK_VECTORS && (i + 1) * PEEK_GATE - 1 <= idtr.limit; i++)
		if (i != VECTOR_NMI && i != VECTOR_GP && i != VECTOR_PF)
			copy_gate(walk, i, idtr.base);
}

/*
 * Our IDT's address depends on data_base, so it is checked against the GDT first. If interrupts are on, the GDT is mapped,
 * and can be read directly, so that a fault goes to the host's handler. If they are off it may be unmapped.
 */
static bool is_data_base(struct walk *walk)
{
	return segue_is_data_base(walk->data_base, walk->levels == 0 || segue_flags() & EFLAGS_IF ? NULL : walk);
}

bool segue_walk_begin(struct walk *walk, addr_t code_base, addr_t data_base)
{
	uintptr_t cr0, cr3, cr4;
	uint32_t cs;

	memset(walk, 0, sizeof *walk);
	walk->data_base = data_base;
	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	if (cs & 3)
		return false;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	if (!(cr0 & CR0_PG))
		return is_data_base(walk);
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	cr4 = segue_cr4();
#if ADDRESS_MAX > UINT32_MAX
	walk->levels = cr4 & CR4_LA57 ? 5 : 4;
	walk->root = cr3 & ENTRY_ADDRESS;
	if (cr4 & CR4_FRED)
		return false;
#else
	walk->levels = cr4 & CR4_PAE ? PAE_LEVELS : 2;
	walk->large = cr4 & CR4_PSE;
	walk->root = cr3 & (cr4 & CR4_PAE ? ~31u : ~(PAGE - 1));
	/* A handler would need ENDBR32, which is not an instruction of older CPUs. */
	if (cr4 & CR4_CET)
		return false;
#endif
	begin_to_peek(walk, cs, code_base);
	if (!is_data_base(walk))
		return false;
	take_tables_of_host(walk, cs);
	return true;
}

static unsigned index_bits(const struct walk *walk)
{
	return walk->levels == 2 ? 10 : 9;
}

static unsigned entry_size(const struct walk *walk)
{
	return walk->levels == 2 ? 4 : 8;
}

/* In 64-bit mode a linear address is sign-extended. These remove the sign bits, and add them. */
static addr_t without_sign(const struct walk *walk, addr_t linear)
{
#if ADDRESS_MAX > UINT32_MAX
	return linear & (((addr_t)1 << (12 + 9 * walk->levels)) - 1);
#else
	(void)walk;
	return linear;
#endif
}

static addr_t with_sign(const struct walk *walk, addr_t linear)
{
#if ADDRESS_MAX > UINT32_MAX
	addr_t sign = (addr_t)1 << (11 + 9 * walk->levels);

	return (without_sign(walk, linear) ^ sign) - sign;
#else
	(void)walk;
	return linear;
#endif
}

/* The address of an entry in the recursive window; for each higher level, the entry of that entry's address. */
static addr_t in_window(const struct walk *walk, addr_t linear, unsigned level)
{
	for (unsigned i = 0; i <= level; i++)
		linear = walk->way.at + (without_sign(walk, linear) >> 12) * entry_size(walk);
	return linear;
}

static bool read_entry(struct walk *walk, addr_t linear, addr_t *entry)
{
	uint32_t low, high = 0;

	/* 8 bytes on their boundary are on one page. */
	if (!peek_at(walk, linear & ~(addr_t)7))
		return false;
	low = walk->peek.value[linear >> 2 & 1];
	if (walk->levels > 2)
		high = walk->peek.value[1];
#if ADDRESS_MAX > UINT32_MAX
	*entry = (addr_t)high << 32 | low;
#else
	/* An address above 4 GiB does not fit addr_t. */
	*entry = high & ENTRY_ADDRESS_HIGH ? low | WALK_ABOVE : low;
#endif
	return (*entry & ENTRY_PRESENT) != 0;
}

static bool is_page(const struct walk *walk, unsigned level, addr_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & ENTRY_LARGE))
		return false;
	return walk->levels == 2 ? walk->large : level == 1 || (level == 2 && walk->levels > 3);
}

/* Does the table where the last walk ended map this address too? */
static bool is_near_last(const struct walk *walk, addr_t linear)
{
	/* Two shifts, because one by the full width is undefined. */
	addr_t within = ((addr_t)1 << (12 + index_bits(walk) * (walk->last_level + 1) - 1) << 1) - 1;

	return walk->last_table && ((linear ^ walk->last_linear) & ~within) == 0;
}

/* With PAE the window maps the tables of the lower levels only. */
static bool is_looking_for_root(const struct walk *walk)
{
	return walk->levels == PAE_LEVELS && walk->way.mapped == TABLES_WINDOW && !walk->way.root;
}

/* Walks to a linear address. sure: verify that each table is mapped where it is read. */
static addr_t lead(struct walk *walk, addr_t linear, bool sure)
{
	bool near = sure && is_near_last(walk, linear);
	addr_t table = near ? walk->last_table : walk->root, entry;
	unsigned level = near ? walk->last_level + 1 : walk->levels - is_looking_for_root(walk);

	while (level-- > 0) {
		unsigned shift = 12 + index_bits(walk) * level;
		addr_t within = ((addr_t)1 << shift) - 1;
		addr_t at = (uint32_t)(linear >> shift & ((1u << index_bits(walk)) - 1)) * entry_size(walk), is = table + at;

		if (level == walk->levels - 1)
			at += walk->way.root;
		else
			at = walk->way.mapped == TABLES_WINDOW ? in_window(walk, linear, level) : walk->way.at + is;
		if (sure && !near && lead(walk, at, false) != is)
			return WALK_UNKNOWN;
		if (!read_entry(walk, at, &entry))
			return WALK_UNKNOWN;
		if (is_page(walk, level, entry)) {
			if (sure) {
				walk->last_table = table;
				walk->last_linear = linear;
				walk->last_level = level;
			}
			/* PSE-36: bits 13 to 20 are the address's 32 to 39. */
			if (walk->levels == 2 && level == 1 && entry & LARGE_ADDRESS_HIGH)
				return WALK_ABOVE | (linear & (PAGE - 1));
			return (entry & ENTRY_ADDRESS & ~within) | (linear & within);
		}
		near = false;
		table = entry & ENTRY_ADDRESS;
	}
	return WALK_UNKNOWN;
}

/* With PAE the window maps the four page directories. The root's page is searched for in all that they map. */
static bool find_root(struct walk *walk)
{
	addr_t linear = 0, entry;

	for (unsigned i = 0; i < 4; i++)
		if (lead(walk, in_window(walk, (addr_t)i << 30, 1), false) == WALK_UNKNOWN)
			return false;
	do {
		if (!read_entry(walk, in_window(walk, linear, 1), &entry)) {
			linear += 512 * PAGE;
			continue;
		}
		if (lead(walk, linear, false) == (walk->root & ~(addr_t)(PAGE - 1))) {
			walk->way.root = linear + walk->root % PAGE;
			return true;
		}
		linear += PAGE;
	} while (linear);
	return false;
}

bool segue_walk_try(struct walk *walk, struct tables_way way)
{
	walk->way = way;
	walk->last_table = 0;
	if (way.mapped == TABLES_OFFSET)
		walk->way.root = walk->root + way.at;
	else if (walk->levels != PAE_LEVELS)
		walk->way.root = in_window(walk, 0, walk->levels - 1);
	else if (!way.root && !find_root(walk))
		return false;
	return lead(walk, walk->way.root, false) == walk->root;
}

/* Tries each entry of the table of that level for an address near: as the one that maps the root, or as a recursive slot. */
static bool try_entries(struct walk *walk, addr_t near, unsigned level, enum tables_mapped mapped)
{
	unsigned shift = 12 + index_bits(walk) * level;
	/* PAE's top level is not tried; the next one has 2048 entries in four tables. */
	unsigned bits = walk->levels == PAE_LEVELS && level == 1 ? 11 : index_bits(walk);
	addr_t start = near >> (shift + bits - 1) >> 1 << (shift + bits - 1) << 1;
	struct tables_way way = {.mapped = mapped};

	for (unsigned i = 1u << bits; i-- > 0;) {
		way.at = with_sign(walk, start + ((addr_t)i << shift));
		if (mapped == TABLES_OFFSET)
			way.at -= walk->root >> shift << shift;
		if (segue_walk_try(walk, way))
			return true;
	}
	return false;
}

bool segue_walk_search(struct walk *walk, const addr_t *near, unsigned count)
{
	unsigned top = walk->levels == PAE_LEVELS ? 1 : walk->levels - 1;

	if (try_entries(walk, 0, top, TABLES_OFFSET) || try_entries(walk, 0, top, TABLES_WINDOW))
		return true;
	while (top-- > 0)
		/* Single pages are tried near the kernel's text only: elsewhere they may map devices, which would be read. */
		for (unsigned i = 0; i < (top ? count : 1); i++)
			if (try_entries(walk, near[i], top, TABLES_OFFSET))
				return true;
	return false;
}

addr_t segue_walk(struct walk *walk, addr_t linear)
{
	return walk->levels == 0 ? linear : lead(walk, linear, true);
}

bool segue_walk_again(struct walk *walk, addr_t code_base, addr_t data_base, struct tables_way way)
{
	return segue_walk_begin(walk, code_base, data_base) &&
	       (walk->levels == 0 || (way.mapped != TABLES_NOT_KNOWN && segue_walk_try(walk, way)));
}
