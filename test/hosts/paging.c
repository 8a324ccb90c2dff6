/* SPDX-License-Identifier: MIT */
/* Builds page tables while paging is off, so physical addresses are pointers. */
#include "paging.h"

/* Address bits below the entry at each level, from the root; 0 ends the list. */
static const uint8_t shifts_32[] = {22, 12, 0};
static const uint8_t shifts_pae[] = {30, 21, 12, 0};
static const uint8_t shifts_long[] = {39, 30, 21, 12, 0};
static const uint8_t shifts_la57[] = {48, 39, 30, 21, 12, 0};

static const uint8_t *shifts(enum host_mode mode)
{
	switch (mode) {
	case MODE_PAE:
		return shifts_pae;
	case MODE_LONG:
		return shifts_long;
	case MODE_LA57:
		return shifts_la57;
	default:
		return shifts_32;
	}
}

static bool is_32(const struct tables *tables)
{
	return tables->mode == MODE_4K || tables->mode == MODE_4M;
}

static uint64_t get(const struct tables *tables, uint64_t table, uint32_t index)
{
	if (is_32(tables))
		return ((const uint32_t *)(uintptr_t)table)[index];
	return ((const uint64_t *)(uintptr_t)table)[index];
}

static void set(const struct tables *tables, uint64_t table, uint32_t index, uint64_t entry)
{
	if (is_32(tables))
		((uint32_t *)(uintptr_t)table)[index] = (uint32_t)entry;
	else
		((uint64_t *)(uintptr_t)table)[index] = entry;
}

static uint32_t index_of(const struct tables *tables, uint64_t linear, uint8_t shift)
{
	uint32_t index = (uint32_t)(linear >> shift);

	if (tables->mode == MODE_PAE && shift == 30)
		return index & 3;
	return index & (is_32(tables) ? 1023 : 511);
}

static uint64_t address_of(uint64_t entry)
{
	return entry & 0x000ffffffffff000;
}

void tables_begin(struct tables *tables)
{
	tables->root = take_pages(1);
}

uint64_t large_page(const struct tables *tables)
{
	switch (tables->mode) {
	case MODE_FLAT:
	case MODE_4K:
		return PAGE;
	case MODE_4M:
		return 4 << 20;
	default:
		return 2 << 20;
	}
}

/* Maps one page. leaf is the shift of the level that holds its entry, which gives the page size. */
static void map_page(struct tables *tables, uint64_t linear, uint64_t entry, uint8_t leaf)
{
	const uint8_t *level = shifts(tables->mode);
	uint64_t table = tables->root;

	for (; *level != leaf; level++) {
		uint32_t index = index_of(tables, linear, *level);
		uint64_t found = get(tables, table, index);

		/* The large page that contains this address is mapped already. */
		if (found & ENTRY_LARGE && address_of(found) == (address_of(entry) & ~((1ull << *level) - 1)))
			return;
		if (found & ENTRY_LARGE) {
			say("host: %x is in a large page that goes elsewhere\n", linear);
			stop();
		}
		if (!(found & ENTRY_PRESENT)) {
			/* PAE's four page-directory-pointer entries have no such bit */
			bool plain = tables->mode == MODE_PAE && *level == 30;

			found = take_pages(1) | ENTRY_PRESENT | (plain ? 0 : ENTRY_WRITE);
			if (tables->settled && !plain)
				found |= ENTRY_ACCESSED;
			set(tables, table, index, found);
		}
		table = address_of(found);
	}
	set(tables, table, index_of(tables, linear, leaf), entry);
}

void map(struct tables *tables, uint64_t linear, uint64_t physical, uint64_t size, uint64_t flags, bool large)
{
	uint64_t large_size = large_page(tables);
	uint64_t end = physical + size;

	if (!tables->no_execute)
		flags &= ~ENTRY_NO_EXECUTE;
	if (!tables->global)
		flags &= ~(uint64_t)ENTRY_GLOBAL;
	if (tables->settled)
		flags |= ENTRY_ACCESSED | (flags & ENTRY_WRITE ? ENTRY_DIRTY : 0);
	while (physical < end) {
		bool big = large && large_size > PAGE && ((linear | physical) & (large_size - 1)) == 0 &&
			   end - physical >= large_size;
		uint64_t entry = physical | flags | ENTRY_PRESENT | (big ? ENTRY_LARGE : 0);

		if (tables->mode != MODE_LONG && tables->mode != MODE_LA57)
			linear &= 0xffffffff;
		map_page(tables, linear, entry, big ? (large_size == 4 << 20 ? 22 : 21) : 12);
		physical += big ? large_size : PAGE;
		linear += big ? large_size : PAGE;
	}
}

void map_recursively(struct tables *tables, uint32_t slot)
{
	uint64_t flags = ENTRY_PRESENT | ENTRY_WRITE | (tables->settled ? ENTRY_ACCESSED | ENTRY_DIRTY : 0);

	if (tables->mode != MODE_PAE) {
		set(tables, tables->root, slot, tables->root | flags);
		return;
	}
	for (uint32_t i = 0; i < 4; i++)
		if (!(get(tables, tables->root, i) & ENTRY_PRESENT))
			set(tables, tables->root, i, take_pages(1) | ENTRY_PRESENT);
	for (uint32_t i = 0; i < 4; i++)
		set(tables, address_of(get(tables, tables->root, (slot + i) / 512)), (slot + i) % 512,
		    address_of(get(tables, tables->root, i)) | flags);
}

void unmap_page(struct tables *tables, uint64_t linear)
{
	const uint8_t *level = shifts(tables->mode);
	uint64_t table = tables->root;

	for (; level[1] != 0; level++) {
		uint64_t found = get(tables, table, index_of(tables, linear, *level));

		if (!(found & ENTRY_PRESENT) || found & ENTRY_LARGE)
			return;
		table = address_of(found);
	}
	set(tables, table, index_of(tables, linear, 12), 0);
}
