/* SPDX-License-Identifier: MIT */
/* Writes purgatory's core and its parameters (struct purgatory_params) to the workspace. */
#include "blocks/block.h"
#include "common/memory_functions.h"
#include "leave/loaded.h"
#include "leave/processor.h"
#include "load/purgatory_params.h"

_Static_assert(offsetof(struct entry_state, eip) == 32 && offsetof(struct entry_state, ebx) == 4, "purgatory.h: registers");

/* Code that shuts A20 can continue only if bit 20 of its addresses is 0. */
bool segue_is_good_home(const struct job *job, addr_t home, uint32_t pages)
{
	addr_t last = home + pages * PURGATORY_PAGE - 1;

	return !segue_shuts_a20(job) || ((home | last) & ONE_MIB) == 0;
}

/* The gate refuses other CPUs only where there is an IA32_APIC_BASE to tell them by. */
static bool only_for_boot_cpu(const struct job *job)
{
	struct cpuid features = segue_cpuid_features();

	return !(job->args->flags & (SEGUE_LOAD_ANY_CPU | SEGUE_LOAD_CRASH)) && segue_has_apic_base(&features);
}

/* Where purgatory prints an exception or a wrong digest. */
static void write_console(const struct job *job, struct purgatory_params *params)
{
	const struct segue_framebuffer *screen = segue_screen(job);

	if (job->machine)
		params->serial = (uint16_t)job->machine->serial_port;
	if (screen && screen->type == SEGUE_FRAMEBUFFER_EGA_TEXT && screen->width == 80)
		params->screen = (uint32_t)screen->addr;
}

void segue_write_purgatory(const struct job *job, const struct housing *housing)
{
	struct purgatory_params *params = (void *)(job->workspace + PURGATORY_PARAMS_AT);
	/* The Linux selectors are one descriptor further on: the GDT begins one earlier. */
	uint32_t shift = job->entry.selectors == ENTRY_CODE_10_DATA_18 ? 8 : 0;

	memcpy(job->workspace, segue_purgatory_core.bytes, segue_purgatory_core.size);
	params->pages = housing->pages;
	params->home = (uint32_t)housing->home;
	params->list = (uint32_t)housing->list;
	params->list_source = (uint32_t)housing->list_source;
	params->list_pages = housing->list_pages;
	params->tables = (uint32_t)housing->tables;
	if (housing->tables)
		params->flags |= PURGATORY_HIGH;
	params->gdt_offset = PURGATORY_GDT - shift;
	params->code_selector = 0x08 + shift;
	params->data_selector = 0x10 + shift;
	params->tss_selector = 0x18 + shift;
	memcpy(params->registers, &job->entry, sizeof params->registers);
	write_console(job, params);
	params->parking = (uint32_t)job->workspace_phys + PARKING_AT;
	if (only_for_boot_cpu(job))
		params->flags |= PURGATORY_BOOT_CPU_ONLY;
	segue_write_blocks(job, params);
	params->magic = PURGATORY_MAGIC;
}
