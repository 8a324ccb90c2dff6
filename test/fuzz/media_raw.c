/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a CD, as an ISO on a disk, or as a disk of `segue disk`. */
#include "check_media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t medium, start;

	if (size < 2 || size - 2 > BLOCKS_MAX * BLOCK)
		return 0;
	medium = STAGE1_CD + data[0] % 3;
	start = medium == STAGE1_DISK ? 0 : SYSTEM_AREA * BLOCK;
	memset(image, 0, sizeof image);
	memcpy(image + start, data + 2, size - 2);
	check_media(medium, data[1], start + (size - 2 + BLOCK - 1) / BLOCK * BLOCK);
	return 0;
}
