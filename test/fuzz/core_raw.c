/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as an ELF core. */
#include "check_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);
	uint8_t *core = raw_elf(data, size, 18);

	if (!core)
		return 0;
	core[5] = 1;
	core[16] = 4;
	core[17] = 0;
	load_core(core, size, &layout);
	return 0;
}
