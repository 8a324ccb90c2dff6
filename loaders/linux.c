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
	/* boot.rst, 32-bit Boot Protocol: EBP, EDI and EBX 0 */
	job->entry = (struct entry_state){
		.esi = (uint32_t)k.page, .eip = (uint32_t)k.load, .selectors = ENTRY_CODE_10_DATA_18,
	};
	return segue_linux_end(job, &k);
}

const struct segue_loader segue_loader_linux = {
	.protocol = "Linux", .recognise = segue_is_linux, .load = load, .family = FAMILY_LINUX,
};
