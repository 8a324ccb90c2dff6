/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a Multiboot memory map (first byte even) or as Multiboot 2 information (odd). */
#include <stdint.h>
#include <string.h>
#include "fail.h"
#include "segue.h"

#define MOST 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct segue_range all[MOST], some[MOST], untouched[MOST];
	size_t count = 1, again = 1, limit;
	int version, code;

	if (size < 1 || size > 20 * MOST)
		return 0;
	version = 1 + data[0] % 2;
	limit = data[0] / 2;
	data++;
	size--;
	code = segue_range_from_multiboot(version, data, size, all, MOST, &count);
	CHECK(code != SEGUE_E_ARGUMENT && code != SEGUE_E_RANGE_LIMIT, "code %d", code);
	CHECK((code == SEGUE_OK) == (count > 0) && count <= size / 20, "code %d with %zu ranges of %zu bytes", code, count, size);
	for (size_t i = 0; i < count; i++)
		CHECK(all[i].start <= all[i].end && all[i].reserved == 0, "range %zu", i);
	/* With less room: the same count and first ranges, and nothing is written after them. */
	memset(some, 0x5a, sizeof some);
	memset(untouched, 0x5a, sizeof untouched);
	CHECK(segue_range_from_multiboot(version, data, size, some, limit, &again) ==
	      (code == SEGUE_OK && count > limit ? SEGUE_E_RANGE_LIMIT : code), "another code with room for %zu", limit);
	CHECK(again == count, "%zu ranges, then %zu", count, again);
	CHECK(!memcmp(some, all, (count < limit ? count : limit) * sizeof *all), "other ranges");
	CHECK(!memcmp(some + limit, untouched, (MOST - limit) * sizeof *some), "written past the limit");
	return 0;
}
