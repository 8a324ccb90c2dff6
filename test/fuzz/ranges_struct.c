/* SPDX-License-Identifier: MIT */
/* Valid memory maps with the fuzzer's numbers: the same ranges are returned, and one byte less is refused. */
#include <stdint.h>
#include <string.h>
#include "common/bytes.h"
#include "fail.h"
#include "segue.h"

#define MOST 64u

static uint8_t map[16384];
static size_t at;

static void put32(uint32_t value)
{
	put_le32(map + at, value);
	at += 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct segue_range want[MOST], got[MOST];
	size_t count, ranges = 0, extra, tag, skipped;
	int version;

	if (size < 3 + 20)
		return 0;
	version = 1 + data[0] % 2;
	extra = data[1] % 16u;
	skipped = data[2];
	data += 3;
	size -= 3;
	memset(map, 0xa5, sizeof map);
	at = version == 2 ? 8 : 0;
	if (version == 2 && skipped) {
		put32(1 + skipped % 5);
		put32((uint32_t)(8 + skipped));
		at += skipped;
		at += -at & 7;
	}
	tag = at;
	if (version == 2) {
		put32(6);
		put32(0);
		put32((uint32_t)(20 + extra));
		put32(0);
	}
	for (; size >= 20 && ranges < MOST; data += 20, size -= 20) {
		struct segue_range *range = &want[ranges++];

		*range = (struct segue_range){le64(data), 0, le32(data + 16), 0};
		range->end = range->start + le64(data + 8) % (UINT64_MAX - range->start + 1ull ? UINT64_MAX - range->start + 1ull : 1);
		if (version == 1)
			put32((uint32_t)(20 + extra));
		put_le64(map + at, range->start);
		put_le64(map + at + 8, range->end - range->start);
		at += 16;
		put32(range->type);
		at += extra;
	}
	if (version == 2) {
		put_le32(map + tag + 4, (uint32_t)(at - tag));
		at += -at & 7;
		put32(0);
		put32(8);
		put_le32(map, (uint32_t)at);
	}
	CHECK(segue_range_from_multiboot(version, map, at, got, MOST, &count) == SEGUE_OK, "refused");
	CHECK(count == ranges && !memcmp(got, want, count * sizeof *got), "other ranges");
	CHECK(segue_range_from_multiboot(version, map, at - 1, got, MOST, &count) == SEGUE_E_RANGE_MAP && count == 0, "cut, and taken");
	return 0;
}
