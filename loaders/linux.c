/* SPDX-License-Identifier: MIT */
/*
 * Linux kernels. bzImages, protocol 2.00 to 2.15, are entered at the 32-bit entry (boot.rst, 32-bit Boot Protocol). A
 * 64-bit kernel has the same entry and switches to long mode itself. Kernels with only a 16-bit entry use that one, as
 * does any kernel for which the host asks for it (linux_real.c).
 * linux_place.c says where a kernel and its initrd go.
 */
#include "common/memory_functions.h"
#include "container/magic.h"
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

static int load(struct job *job)
{
	struct linux_kernel k = {0};
	int error;

	if ((error = segue_linux_open(job, &k)) != SEGUE_OK)
		return error;
	if (k.real_mode)
		return LOADER_PASSES;
	if ((error = segue_linux_place_kernel(job, &k)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_pass(job, &k)) != SEGUE_OK)
		return error;
	if ((error = place_rsdp(job, &k)) != SEGUE_OK)
		return error;
	if ((error = segue_place_catcher(job)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_boot_params(job, &k)) != SEGUE_OK)
		return error;
	segue_linux_ask_video(job, &k);
	warn_of_low_ram(job);
	/* boot.rst, 32-bit Boot Protocol: EBP, EDI and EBX 0 */
	job->entry = (struct entry_state){
		.esi = (uint32_t)k.page, .eip = (uint32_t)k.load, .selectors = ENTRY_CODE_10_DATA_18,
	};
	return segue_linux_end(job, &k);
}

const struct segue_loader segue_loader_linux = {
	.protocol = "Linux", .recognise = segue_is_linux, .load = load, .family = FAMILY_LINUX,
};
