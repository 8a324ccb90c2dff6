/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a blob of any kind. */
#include "check_multiboot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);

	if (size <= BLOB_MAX)
		check_load(data, size, &layout, check_multiboot);
	return 0;
}
