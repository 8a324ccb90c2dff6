/* SPDX-License-Identifier: MIT */
/* The leave page and its page tables: leave.h. */
#include "common/memory_functions.h"
#include "leave/leave.h"
#include "machine/hardware.h"

/* Intel SDM vol. 3, tables 4-4 to 4-20; a PAE page-directory-pointer entry has no R/W bit. */
#define ENTRY_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE)
#define PAE_LEVELS 3u

static uint32_t take_table(struct leave_tables *tables)
{
	return tables->phys + PAGE * ++tables->used;
}

static uint32_t *entry_at(const struct leave_tables *tables, uint32_t table, uint32_t offset)
{
	return (uint32_t *)(void *)(tables->page + (table - tables->phys) + offset);
}

uint32_t segue_leave_map(struct leave_tables *tables, unsigned levels, const addr_t linear[3])
{
	uint32_t root = take_table(tables);
	/* Bits of the address at each level. An entry's lower 4 bytes are enough, because every page is below 4 GiB. */
	unsigned bits = levels == 2 ? 10 : 9, entry_size = levels == 2 ? 4 : 8;

	for (int i = 0; i < 3; i++) {
		uint32_t table = root;

		for (unsigned level = levels; level-- > 0;) {
			uint32_t index = (uint32_t)(linear[i] >> (12 + bits * level)) & ((1u << bits) - 1);
			uint32_t *entry = entry_at(tables, table, index * entry_size);

			if (level == 0)
				*entry = tables->phys | ENTRY_FLAGS;
			else if (*entry == 0)
				*entry = take_table(tables) |
					 (levels == PAE_LEVELS && level == PAE_LEVELS - 1 ? ENTRY_PRESENT : ENTRY_FLAGS);
			table = *entry & ~(PAGE - 1);
		}
	}
	return root;
}

#if ADDRESS_MAX > UINT32_MAX
uint32_t segue_leave_map_57(struct leave_tables *tables, uint32_t root_48, const addr_t linear[3])
{
	uint32_t root = take_table(tables);

	for (int i = 0; i < 3; i++)
		*entry_at(tables, root, ((uint32_t)(linear[i] >> 48) & 511) * 8) = root_48 | ENTRY_FLAGS;
	return root;
}
#endif

struct leave *segue_prepare_gate(struct leave_tables *tables, const struct gate *gate, addr_t code_base, addr_t data_base)
{
	/* The pages that are mapped: the gate, and the leave page at its linear and its physical address. */
	const addr_t linear[3] = {(addr_t)(uintptr_t)gate->start + code_base, (addr_t)(uintptr_t)tables->page + data_base,
				  tables->phys};
	uint32_t gate_at = (uint32_t)linear[0] & (PAGE - 1), leave_at;
	struct leave *leave;

	/* A gate that crosses a page (an odd code_base) works with paging off only. segue_ready_here() checks that. */
	if (!segue_gate_fits(gate_at, gate->size))
		gate_at = 0;
	leave_at = LEAVE_STACK + (gate_at >= LEAVE_SIZE ? 0 : PAGE - LEAVE_SIZE);
	/* The gate's text, read through the data segment. */
	memcpy(tables->page + gate_at, gate->start + (ptrdiff_t)(code_base - data_base), gate->size);
	leave = (struct leave *)(void *)(tables->page + leave_at);
	leave->linear = linear[1] + leave_at;
	leave->physical = tables->phys + leave_at;
	leave->gate = tables->phys + gate_at;
	leave->code_base = (uint32_t)code_base;
#if ADDRESS_MAX > UINT32_MAX
	leave->root = segue_leave_map(tables, 4, linear);
	leave->wide_root = segue_leave_map_57(tables, leave->root, linear);
#else
	leave->root = segue_leave_map(tables, 2, linear);
	leave->wide_root = segue_leave_map(tables, PAE_LEVELS, linear);
#endif
	return leave;
}

void segue_prepare_leave(const struct job *job)
{
	struct gate gate;
	struct leave_tables tables = {.page = job->workspace + LEAVE_AT, .phys = (uint32_t)job->workspace_phys + LEAVE_AT};
	struct leave *leave;

	segue_gate_is(&gate, segue_gate, segue_gate_end);
	leave = segue_prepare_gate(&tables, &gate, (addr_t)job->args->code_base, (addr_t)job->args->data_base);
	*(struct leave **)(void *)(job->workspace + LEAVE_POINTER_AT) = leave;
	leave->purgatory = (uint32_t)job->workspace_phys;
	if (job->machine)
		leave->serial = (uint16_t)job->machine->serial_port;
}
