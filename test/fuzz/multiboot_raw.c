/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a kernel, with the checksum of a Multiboot header corrected. */
#include "check_multiboot.h"

/* Three times of four the first header gets the right checksum, because a fuzzer seldom guesses it. */
static void mend(uint8_t *kernel, size_t size)
{
	for (size_t i = 0; i + 12 <= size && i < 8192; i += 4)
		if (!memcmp(kernel + i, "\x02\xb0\xad\x1b", 4)) {
			uint32_t flags, sum;

			memcpy(&flags, kernel + i + 4, 4);
			sum = 0u - 0x1badb002u - flags;
			memcpy(kernel + i + 8, &sum, 4);
			return;
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t kernel[BLOB_MAX];
	struct layout layout = take_layout(data, &size);

	if (size > BLOB_MAX)
		return 0;
	memcpy(kernel, data, size);
	if (layout.flags >= 0x40)
		mend(kernel, size);
	check_load(kernel, size, &layout, check_multiboot);
	return 0;
}
