/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a kernel, with the checksum of a Multiboot header corrected. */
#include "check_multiboot.h"
#include "mend_sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);
	uint8_t *kernel = raw_kernel(data, size, 0);

	if (!kernel)
		return 0;
	/* Three times of four */
	if (layout.flags >= 0x40)
		mend_sum(kernel, size, 0x1badb002, 3, 4, 8192);
	check_load(kernel, size, &layout, check_multiboot);
	return 0;
}
