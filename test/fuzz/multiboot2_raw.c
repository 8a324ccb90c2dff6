/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a kernel, with the checksum of a Multiboot 2 header corrected. */
#include "check_multiboot2.h"

/* Three times of four the first header gets the right checksum, because a fuzzer seldom guesses it. */
static void mend(uint8_t *kernel, size_t size)
{
	for (size_t i = 0; i + 16 <= size && i < 32768; i += 8)
		if (!memcmp(kernel + i, "\xd6\x50\x52\xe8", 4)) {
			uint32_t architecture, length, sum;

			memcpy(&architecture, kernel + i + 4, 4);
			memcpy(&length, kernel + i + 8, 4);
			sum = 0u - 0xe85250d6u - architecture - length;
			memcpy(kernel + i + 12, &sum, 4);
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
	check_load(kernel, size, &layout, check_multiboot2);
	return 0;
}
