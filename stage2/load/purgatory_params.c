/* SPDX-License-Identifier: MIT */
/* Purgatory, as the workspace holds it: its code, and what it is told (struct purgatory_params). */
#include "common/memory_functions.h"
#include "leave/loaded.h"
#include "leave/processor.h"
#include "load/purgatory_params.h"
#include "load/quiet.h"

_Static_assert(offsetof(struct entry_state, eip) == 32 && offsetof(struct entry_state, ebx) == 4, "purgatory.h: registers");

static const struct purgatory_params *params_of_build(void)
{
	return (const struct purgatory_params *)(const void *)(segue_purgatory_core + PURGATORY_PARAMS_AT);
}

/* Those that segue_load() was told of, and those that get an INIT untold. */
static bool has_other_cpus(const struct job *job)
{
	return job->args->cpu_count > 1 || job->args->flags & SEGUE_LOAD_INIT_CPUS;
}

static bool shuts_a20(const struct job *job)
{
	return segue_is_real_mode(&job->entry) && job->machine && job->machine->a20_was_shut;
}

/* The blocks are asked for by a digest, by real mode, by other CPUs and by high sources. */
uint32_t segue_purgatory_pages(const struct job *job, bool high)
{
	return job->bundle.digest || segue_is_real_mode(&job->entry) || has_other_cpus(job) || high ? PURGATORY_PAGES
												     : PURGATORY_PLAIN_PAGES;
}

/* What shuts A20 goes on running only where bit 20 of its addresses is 0. */
bool segue_is_good_home(const struct job *job, addr_t home, uint32_t pages)
{
	addr_t last = home + pages * PURGATORY_PAGE - 1;

	return !shuts_a20(job) || ((home | last) & ONE_MIB) == 0;
}

static void write_cpus(const struct job *job, struct purgatory_params *params)
{
	struct cpuid features = segue_cpuid_features();

	params->parking = (uint32_t)job->workspace_phys + PARKING_AT;
	if (has_other_cpus(job))
		params->flags |= PURGATORY_PARKED;
	if (job->args->flags & SEGUE_LOAD_INIT_CPUS)
		params->flags |= PURGATORY_INIT_CPUS;
	if (!(job->args->flags & SEGUE_LOAD_ANY_CPU) && segue_has_apic_base(&features))
		params->flags |= PURGATORY_BOOT_CPU_ONLY;
}

static void write_real_mode(const struct job *job, struct purgatory_params *params)
{
	if (!segue_is_real_mode(&job->entry))
		return;
	if (job->args->flags & SEGUE_LOAD_CATCHER)
		segue_say(&job->log, SEGUE_LOG_WARNING, "a target in real mode gets no catcher");
	params->flags |= PURGATORY_REAL_MODE;
	if (job->entry.real_interrupts)
		params->flags |= PURGATORY_INTERRUPTS;
	if (shuts_a20(job))
		params->flags |= PURGATORY_SHUT_A20;
	params->code_selector = job->entry.real_code;
	params->data_selector = job->entry.real_data;
}

/* What purgatory needs to check the digest, and to show a wrong one. */
static void write_digest(const struct job *job, struct purgatory_params *params)
{
	_Static_assert(SEGUE_LOAD_DIGEST_REBOOT == PURGATORY_DIGEST_REBOOT, "copied as it stands");
	if (!job->bundle.digest)
		return;
	params->flags |= (uint16_t)(PURGATORY_DIGEST | (job->args->flags & SEGUE_LOAD_DIGEST_REBOOT));
	memcpy(params->digest, job->bundle.digest, sizeof params->digest);
}

static void write_catcher(const struct job *job, struct purgatory_params *params)
{
	uint32_t offset = params_of_build()->catcher;

	if (!job->catcher)
		return;
	memcpy(job->catcher, segue_purgatory_core + offset, segue_purgatory_core_size - offset);
	params->catcher = (uint32_t)job->catcher_dest;
}

/* Where what has no console of its own prints. */
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
	uint32_t blocks = params_of_build()->blocks, catcher = params_of_build()->catcher;
	/* The Linux selectors are one descriptor further on: the GDT begins one earlier. */
	uint32_t shift = job->entry.selectors == ENTRY_CODE_10_DATA_18 ? 8 : 0;

	memcpy(job->workspace, segue_purgatory_core, blocks);
	memcpy(job->workspace + PURGATORY_PLAIN_PAGES * PURGATORY_PAGE, segue_purgatory_core + blocks, catcher - blocks);
	params->catcher = 0;
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
	write_digest(job, params);
	write_catcher(job, params);
	write_real_mode(job, params);
	segue_write_quiet(job);
	write_cpus(job, params);
	params->magic = PURGATORY_MAGIC;
}
