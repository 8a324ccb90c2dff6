/* SPDX-License-Identifier: MIT */
/* segue_target_core(): the core header of the target's memory, for the host. */
#include "common/memory_functions.h"
#include "core/core.h"
#include "core/notes_format.h"
#include "core/target_memory.h"
#include "return/return_page.h"

struct output {
	struct elf64_program_header *next;
	uint32_t count;
};

static void count_load(void *context, const struct segue_target_extent *extent)
{
	struct output *output = context;

	(void)extent;
	output->count++;
}

static void write_load(void *context, const struct segue_target_extent *extent)
{
	struct output *output = context;

	/* How the target maps its memory is not known. */
	segue_core_write_load(output->next++, extent->target, extent->target, extent->addr, extent->size);
}

/* The CPU goes on after the call of the return address. */
static void write_status(const struct return_page *page, uint8_t *notes)
{
	struct core_status status = {.pid = 1};

	status.registers[CORE_IP] = page->eip;
	status.registers[CORE_SP] = page->esp + 4;
	status.registers[CORE_BP] = page->ebp;
	status.registers[CORE_ORIG_AX] = (core_word)-1;
	segue_core_put_note(notes, CORE_NAME, sizeof CORE_NAME, NT_PRSTATUS, &status, sizeof status);
}

int segue_target_core(const void *workspace, void *header, uint64_t header_phys, size_t size, size_t *need)
{
	const struct loaded *loaded;
	struct output output = {0};
	size_t notes;
	int error;

	if (!workspace || !need || (!header && size > 0) || (uintptr_t)header % sizeof(uint64_t) != 0)
		return SEGUE_E_ARGUMENT;
	*need = 0;
	if ((error = segue_find_target(workspace, &loaded)) != SEGUE_OK)
		return error;
	segue_each_target_extent(loaded, count_load, &output);
	if (output.count >= CORE_HEADERS_MAX)
		return SEGUE_E_CORE;
	notes = sizeof(struct elf64_header) + (output.count + 1) * sizeof(struct elf64_program_header);
	*need = notes + STATUS_SIZE;
	if (size < *need)
		return SEGUE_E_RANGE_LIMIT;
	memset(header, 0, *need);
	segue_core_write_header(header, output.count + 1, header_phys + notes, STATUS_SIZE);
	output.next = (struct elf64_program_header *)(void *)((uint8_t *)header + sizeof(struct elf64_header)) + 1;
	segue_each_target_extent(loaded, write_load, &output);
	write_status(segue_target_page(loaded), (uint8_t *)header + notes);
	return SEGUE_OK;
}
