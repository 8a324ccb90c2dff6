/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a bzImage. Three times of four the bytes by which one is recognised are written first. */
#include "check_linux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);
	uint8_t *kernel = raw_kernel(data, size, 0);

	if (!kernel)
		return 0;
	if (layout.flags >= 0x40 && size >= 0x208) {
		memcpy(kernel + 0x1fe, "\x55\xaa", 2);
		memcpy(kernel + 0x202, "HdrS", 4);
		kernel[0x207] = 2;
	}
	check_load(kernel, size, &layout, check_linux);
	return 0;
}
