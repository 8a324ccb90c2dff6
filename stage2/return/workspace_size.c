/* SPDX-License-Identifier: MIT */
/* Alone, so that only a host that calls it links it. */
#include "segue.h"

size_t segue_workspace_size_return(size_t extents, size_t staging)
{
	return SEGUE_WORKSPACE_SIZE_RETURN(extents, staging);
}
