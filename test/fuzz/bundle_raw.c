/* SPDX-License-Identifier: MIT */
/* The bytes of a fuzzer as a bundle, or as a Fiwix blob if they are none. */
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
