/* SPDX-License-Identifier: MIT */
#include "container/container.h"

struct member *segue_add_module(struct job *job)
{
	struct member *module = segue_arena_take(&job->arena, sizeof *module, _Alignof(struct member));

	if (!module)
		segue_arena_refuse(job, sizeof *module);
	else if (!job->bundle.module_count++)
		job->bundle.modules = module;
	return module;
}
