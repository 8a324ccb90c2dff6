/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a bundle, or else as a Fiwix blob. */
#include "check_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);

	if (!size || size > BLOB_MAX)
		return 0;
	if (size >= 6 && (!memcmp(data, "070701", 6) || !memcmp(data, "070702", 6)))
		check_bundle(data, size);
	check_load(data, size, &layout, NULL);
	return 0;
}
