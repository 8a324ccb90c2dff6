/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as an ELF core. */
#include "check_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t core[BLOB_MAX];
	struct layout layout = take_layout(data, &size);

	if (size < 18 || size > BLOB_MAX)
		return 0;
	memcpy(core, data, size);
	memcpy(core, "\x7f" "ELF", 4);
	core[5] = 1;
	core[16] = 4;
	core[17] = 0;
	load_core(core, size, &layout);
	return 0;
}
