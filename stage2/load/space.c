/* SPDX-License-Identifier: MIT */
/* What a plan takes of the workspace. */
#include "load/arrangement.h"

uint32_t segue_pages_for(uint32_t entries)
{
	return entries / LIST_MOVES + 1;
}

size_t segue_list_size(const struct arrangement *a)
{
	return (size_t)segue_pages_for(a->list.count) * PAGE;
}

int segue_refuse_space(const struct arrangement *a, size_t need)
{
	if (need <= a->memory_size)
		need = a->memory_size * 2;
	return segue_refuse(&a->job->log, SEGUE_E_PLAN_SPACE, "%z bytes, %z more are needed for %u moves or more",
			    (addr_t)a->job->args->workspace_size, (addr_t)(need - a->memory_size), a->list.count);
}
