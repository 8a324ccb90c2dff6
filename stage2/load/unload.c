/* SPDX-License-Identifier: MIT */
/* What needs no target's description, so that a host that asks for none does not link what makes one. */
#include "common/memory_functions.h"
#include "leave/known.h"
#include "leave/loaded.h"

void segue_unload(void *workspace)
{
	if (segue_loaded(workspace) && !segue_is_parking(workspace)) {
		segue_forget(workspace);
		memset((uint8_t *)workspace + PURGATORY_PARAMS_AT, 0, sizeof(struct purgatory_params));
		memset((uint8_t *)workspace + LOADED_AT, 0, sizeof(struct loaded));
	}
}

size_t segue_workspace_size(size_t extents)
{
	return SEGUE_WORKSPACE_SIZE(extents);
}

uint32_t segue_version(void)
{
	return SEGUE_VERSION;
}
