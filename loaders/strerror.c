/* SPDX-License-Identifier: MIT */
#include "common/loader.h"

const char *segue_strerror(int code)
{
	const struct segue_loader *const *each = segue_loaders;

	while (*each && !segue_own_meaning((*each)->meanings, code))
		each++;
	return segue_meaning(*each ? (*each)->meanings : NULL, code);
}
