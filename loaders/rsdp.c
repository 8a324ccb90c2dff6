/* SPDX-License-Identifier: MIT */
/* ACPI's RSDP, for protocols that pass its address: Linux and PVH. */
#include "common/memory_functions.h"
#include "rsdp.h"

int segue_place_rsdp(struct job *job, uint64_t *rsdp)
{
	static const struct place place = {
		.max = ADDRESS_LIMIT, .align = PAGE, .from_top = true, .not_in_place = true, .error = SEGUE_E_NO_PLACE,
	};
	const struct segue_machine *m = job->machine;
	uint8_t *copy;
	addr_t at;
	int error = SEGUE_OK;

	*rsdp = 0;
	if (m && !job->rsdp_is_wrong)
		*rsdp = m->rsdp;
	if (!m || *rsdp != 0 || !m->rsdp_copy || (error = segue_add_table(job, "RSDP", PAGE, &place, &copy, &at)) != SEGUE_OK)
		return error;
	*rsdp = at;
	job->segments[job->segment_count - 1].target_type = SEGUE_MEMORY_ACPI;
	memcpy(copy, m->rsdp_copy, m->rsdp_copy_size < PAGE ? m->rsdp_copy_size : PAGE);
	return error;
}
