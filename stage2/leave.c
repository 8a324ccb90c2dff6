/* SPDX-License-Identifier: MIT */
/* The leave page and its page tables: leave.h. */
#include "memory_functions.h"
#include "leave.h"

/* Intel SDM vol. 3, tables 4-4 to 4-20; a PAE page-directory-pointer entry has no R/W bit. */
#define ENTRY_PRESENT 0x1u
#define ENTRY_WRITABLE 0x2u
#define ENTRY_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE)
#define PAE_LEVELS 3u
#define BITS_32 10u                   /* of the linear address for each level: entries have 4 bytes, others 8 */

static uint32_t take_table(struct leave_tables *tables)
{
	return tables->phys + PAGE * tables->used++;
}

/* Every page lies below 4 GiB: of an entry of 8 bytes the upper 4 stay 0. */
static uint32_t *entry_at(const struct leave_tables *tables, uint32_t table, uint32_t index, unsigned bits)
{
	return (uint32_t *)(void *)(tables->pages + (table - tables->phys)) + (bits == BITS_32 ? index : index * 2);
}

uint32_t segue_leave_map(struct leave_tables *tables, unsigned levels, unsigned bits, const addr_t linear[3],
			 uint32_t page)
{
	uint32_t root = take_table(tables);

	for (int i = 0; i < 3; i++) {
		uint32_t table = root, *entry;

		for (unsigned level = levels - 1;; level--) {
			uint32_t index = (uint32_t)(linear[i] >> (12 + bits * level)) & ((1u << bits) - 1);

			entry = entry_at(tables, table, index, bits);
			if (level == 0)
				break;
			if (*entry == 0)
				*entry = take_table(tables) |
					 (levels == PAE_LEVELS && level == PAE_LEVELS - 1 ? ENTRY_PRESENT : ENTRY_FLAGS);
			table = *entry & ~(PAGE - 1);
		}
		*entry = page | ENTRY_FLAGS;
	}
	return root;
}

#if ADDRESS_MAX > UINT32_MAX
uint32_t segue_leave_map_57(struct leave_tables *tables, uint32_t root_48, const addr_t linear[3])
{
	uint32_t root = take_table(tables);

	for (int i = 0; i < 3; i++)
		*entry_at(tables, root, (uint32_t)(linear[i] >> 48) & 511, 9) = root_48 | ENTRY_FLAGS;
	return root;
}
#endif

static void write_leave(const struct job *job, struct leave *leave, const addr_t linear[3])
{
	uint32_t page = (uint32_t)linear[2];
	struct leave_tables tables = {.pages = job->workspace + LEAVE_AT + PAGE, .phys = page + PAGE};

	leave->purgatory = (uint32_t)job->workspace_phys;
	leave->code_base = (uint32_t)job->args->code_base;
	if (job->args->machine)
		leave->serial = (uint16_t)job->args->machine->serial_port;
#if ADDRESS_MAX > UINT32_MAX
	leave->root = segue_leave_map(&tables, 4, 9, linear, page);
	leave->wide_root = segue_leave_map_57(&tables, leave->root, linear);
#else
	leave->root = segue_leave_map(&tables, 2, BITS_32, linear, page);
	leave->wide_root = segue_leave_map(&tables, PAE_LEVELS, 9, linear, page);
#endif
}

void segue_prepare_leave(const struct job *job)
{
	addr_t code_base = (addr_t)job->args->code_base, data_base = (addr_t)job->args->data_base;
	uint8_t *page = job->workspace + LEAVE_AT;
	/* What is mapped: the gate, the leave page as the host has it, and as it is. */
	const addr_t linear[3] = {(addr_t)(uintptr_t)segue_gate + code_base, (addr_t)(uintptr_t)page + data_base,
				  job->workspace_phys + LEAVE_AT};
	uint32_t gate_at = (uint32_t)linear[0] & (PAGE - 1), leave_at;
	struct leave *leave;

	/* Only an odd code_base puts the gate across two pages; segue_ready() wants paging off then. */
	if (gate_at > PAGE - GATE_LIMIT)
		gate_at = 0;
	leave_at = LEAVE_STACK + (gate_at >= LEAVE_SIZE ? 0 : PAGE - LEAVE_SIZE);
	/* Text as the data segment has it. */
	memcpy(page + gate_at, segue_gate + (ptrdiff_t)(code_base - data_base), (size_t)(segue_gate_end - segue_gate));
	leave = (struct leave *)(void *)(page + leave_at);
	memcpy(job->workspace + LEAVE_POINTER_AT, &leave, sizeof leave);
	leave->linear = linear[1] + leave_at;
	leave->physical = (uint32_t)linear[2] + leave_at;
	leave->gate = (uint32_t)linear[2] + gate_at;
	write_leave(job, leave, linear);
}
