/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as an ELF file. */
#include "check_pvh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);
	const uint8_t *kernel = raw_elf(data, size, 4);

	if (kernel)
		check_load(kernel, size, &layout, check_pvh);
	return 0;
}
