/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as an ELF file. */
#include "check_pvh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t kernel[BLOB_MAX];
	struct layout layout = take_layout(data, &size);

	if (size < 4 || size > BLOB_MAX)
		return 0;
	memcpy(kernel, data, size);
	memcpy(kernel, "\x7f" "ELF", 4);
	check_load(kernel, size, &layout, check_pvh);
	return 0;
}
