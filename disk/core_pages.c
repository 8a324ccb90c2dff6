/* SPDX-License-Identifier: MIT */
#include "common/bytes.h"
#include "core_pages.h"

#define PAGE 4096u
/* Intel SDM, volume 3, sections 2.2.1 and 2.5 */
#define CR0_PG (1ull << 31)
#define CR4_PAE (1u << 5)
#define CR4_LA57 (1u << 12)
#define EFER_LMA (1u << 10)
/* Formats of entries: section "Hierarchical Paging Structures" */
#define PRESENT 1u
#define IS_LARGE 0x80u
#define ADDRESS_32 0xfffff000u
#define ADDRESS_64 0x000ffffffffff000ull

/* Bits of the virtual address, counted from bit 0, that the table of a level does not translate. Level 1 maps 4 KiB pages. */
static unsigned shift_of(enum core_paging paging, unsigned level)
{
	return 12 + (paging == CORE_PAGING_32 ? 10 : 9) * (level - 1);
}

static unsigned levels_of(enum core_paging paging)
{
	static const unsigned levels[] = { 0, 2, 3, 4, 5 };

	return levels[paging];
}

enum core_paging core_paging_of(const struct segue_core_host *host)
{
	if (!(host->cr0 & CR0_PG))
		return CORE_PAGING_OFF;
	if (host->efer & EFER_LMA)
		return host->cr4 & CR4_LA57 ? CORE_PAGING_5_LEVEL : CORE_PAGING_4_LEVEL;
	return host->cr4 & CR4_PAE ? CORE_PAGING_PAE : CORE_PAGING_32;
}

const char *core_paging_name(enum core_paging paging)
{
	static const char *const names[] = { "off", "32-bit", "PAE", "4-level", "5-level" };

	return names[paging];
}

/* Bits 47 or 56 of a 64-bit virtual address are repeated above. */
static uint64_t canonical(enum core_paging paging, uint64_t virt)
{
	unsigned top = paging == CORE_PAGING_4_LEVEL ? 47 : 56;

	if (levels_of(paging) < 4 || !(virt >> top & 1))
		return virt;
	return virt | UINT64_MAX << top;
}

/* Adds the parts of a page that the core has. False: there are too many. */
static bool add_page(const struct core *core, struct core_walk *walk, uint64_t virt, uint64_t phys, uint64_t size)
{
	uint64_t end = phys + size;
	size_t i = core_find(&core->memory, phys);

	virt = canonical(walk->paging, virt);
	for (; i < core->memory.count && core->memory.at[i].phys < end; i++) {
		const struct core_range *memory = &core->memory.at[i];
		uint64_t from = memory->phys > phys ? memory->phys : phys;
		uint64_t to = memory->phys + memory->size < end ? memory->phys + memory->size : end;

		if (!core_add_merged(&walk->mapped, (struct core_range){ virt + (from - phys), from, to - from, 0 }, false)) {
			walk->too_many_ranges = true;
			return false;
		}
	}
	return true;
}

/* Is an entry with bit 7 a page? At other levels the bit is PAT or reserved. */
static bool may_be_large(const struct core_walk *walk, unsigned level)
{
	if (walk->paging == CORE_PAGING_32)
		return level == 2 && walk->large_pages;
	return level == 2 || (level == 3 && walk->paging != CORE_PAGING_PAE);
}

static uint64_t large_page_at(const struct core_walk *walk, uint64_t entry, uint64_t size)
{
	/* PSE-36: bits 20 to 13 are bits 39 to 32 of the address. */
	if (walk->paging == CORE_PAGING_32)
		return (entry & 0xffc00000u) + ((entry >> 13 & 0xff) << 32);
	return entry & ADDRESS_64 & ~(size - 1);
}

/* False: a bound is reached. */
static bool walk_table(const struct core *core, struct core_walk *walk, unsigned level, uint64_t table, uint64_t virt)
{
	bool is_32 = walk->paging == CORE_PAGING_32;
	/* The table that CR3 points to has four entries with PAE. */
	size_t count = is_32 ? 1024 : walk->paging == CORE_PAGING_PAE && level == 3 ? 4 : 512;
	size_t width = is_32 ? 4 : 8, i;
	uint64_t size = 1ull << shift_of(walk->paging, level);
	uint8_t bytes[PAGE];

	if (!walk->tables_left) {
		walk->too_many_tables = true;
		return false;
	}
	walk->tables_left--;
	if (!core_read(core, table, bytes, count * width)) {
		if (!walk->missing++) {
			walk->missing_at = table;
			walk->missing_virt = canonical(walk->paging, virt);
		}
		return true;
	}
	for (i = 0; i < count; i++) {
		uint64_t entry = is_32 ? le32(bytes + i * width) : le64(bytes + i * width);
		uint64_t at = virt + i * size, to = entry & (is_32 ? ADDRESS_32 : ADDRESS_64);
		bool good;

		if (!(entry & PRESENT))
			continue;
		if (level == 1)
			good = add_page(core, walk, at, to, size);
		else if (entry & IS_LARGE && may_be_large(walk, level))
			good = add_page(core, walk, at, large_page_at(walk, entry, size), size);
		else
			good = walk_table(core, walk, level - 1, to, at);
		if (!good)
			return false;
	}
	return true;
}

void core_walk(const struct core *core, struct core_walk *walk)
{
	uint64_t table = walk->cr3 & (walk->paging == CORE_PAGING_32 ? ADDRESS_32 : walk->paging == CORE_PAGING_PAE ? 0xffffffe0u : ADDRESS_64);

	if (walk->paging != CORE_PAGING_OFF)
		walk_table(core, walk, levels_of(walk->paging), table, 0);
}
