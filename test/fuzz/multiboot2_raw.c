/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a kernel, with the checksum of a Multiboot 2 header corrected. */
#include "check_multiboot2.h"
#include "mend_sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);
	uint8_t *kernel = raw_kernel(data, size, 0);

	if (!kernel)
		return 0;
	/* Three times of four */
	if (layout.flags >= 0x40)
		mend_sum(kernel, size, 0xe85250d6, 4, 8, 32768);
	check_load(kernel, size, &layout, check_multiboot2);
	return 0;
}
