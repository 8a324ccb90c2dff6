/* SPDX-License-Identifier: MIT */
/* What the 32-bit and the 64-bit entry of a Linux kernel share, after kernel and initrd are placed. */
#include "common/memory_functions.h"
#include "linux.h"

/* Linux leaves the first 64 KiB to the BIOS. RAM ends here at the earliest: what is above may be the BIOS's too. */
#define LOW_RAM 0x10000u
#define LOW_RAM_END 0x80000u

/*
 * Linux puts the code that starts other CPUs below 1 MiB, also if there is only one, and panics if there is no room for it
 * (reserve_real_mode() in arch/x86/realmode/init.c).
 */
static void warn_of_low_ram(const struct job *job)
{
	const struct segue_load_args *args = job->args;

	if (args->target_memory_count > 0 &&
	    segue_run_end(args->target_memory, args->target_memory_count, LOW_RAM, 0) < LOW_RAM_END)
		segue_say(&job->log, SEGUE_LOG_WARNING, "Linux may panic without 64 KiB to 640 KiB in target_memory");
}

/* A copy of the RSDP gets a page of its own, of type ACPI in the target's map, so that Linux does not use it. */
static int place_rsdp(struct job *job, struct linux_kernel *k)
{
	static const struct place place = {
		.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = PAGE, .from_top = true, .not_in_place = true, .error = SEGUE_E_NO_PLACE,
	};
	const struct segue_machine *m = job->machine;
	uint8_t *copy;
	addr_t at;
	int error;

	if (!m)
		return SEGUE_OK;
	k->rsdp = job->rsdp_is_wrong ? 0 : m->rsdp;
	if (k->rsdp != 0 || !m->rsdp_copy)
		return SEGUE_OK;
	error = segue_add_table(job, "ACPI RSDP", PAGE, &place, &copy, &at);
	if (error != SEGUE_OK)
		return error;
	k->rsdp = at;
	job->segments[job->segment_count - 1].target_type = SEGUE_MEMORY_ACPI;
	memcpy(copy, m->rsdp_copy, m->rsdp_copy_size < PAGE ? m->rsdp_copy_size : PAGE);
	return SEGUE_OK;
}

int segue_linux_tell(struct job *job, struct linux_kernel *k)
{
	int error;

	if ((error = place_rsdp(job, k)) != SEGUE_OK)
		return error;
	if ((error = segue_place_catcher(job)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_boot_params(job, k)) != SEGUE_OK)
		return error;
	segue_linux_ask_video(job, k);
	warn_of_low_ram(job);
	return SEGUE_OK;
}
