/* SPDX-License-Identifier: MIT */
#include "container/container.h"

struct member *segue_add_module(struct arena *arena, struct bundle *bundle)
{
	struct member *module = segue_arena_take(arena, sizeof *module, _Alignof(struct member));

	if (module && !bundle->module_count++)
		bundle->modules = module;
	return module;
}
