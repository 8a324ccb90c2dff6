/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a kernel, with the checksum of a Multiboot header corrected. */
#include "check_multiboot.h"
#include "mend_sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t kernel[BLOB_MAX];
	struct layout layout = take_layout(data, &size);

	if (size > BLOB_MAX)
		return 0;
	memcpy(kernel, data, size);
	/* Three times of four */
	if (layout.flags >= 0x40)
		mend_sum(kernel, size, 0x1badb002, 3, 4, 8192);
	check_load(kernel, size, &layout, check_multiboot);
	return 0;
}
