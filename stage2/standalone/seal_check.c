/* SPDX-License-Identifier: MIT */
#include "container/seal.h"
#include "common/bytes.h"
#include "seal_check.h"

#define LANES 4u
_Static_assert(sizeof(struct seal) == SEAL_SIZE, "seal_check.h");

static void end_sector(struct seal_check *check)
{
	for (uint32_t i = 0; i < LANES; i++)
		check->sums.sum_of_sums[i] += check->sums.sum[i];
}

/* Reads a word; bytes past the end count as zeros. */
static uint32_t word(const uint8_t *bytes, uint32_t size)
{
	uint32_t value = 0;

	if (size >= 4)
		return le32(bytes);
	while (size--)
		value = value * 256 + bytes[size];
	return value;
}

void seal_add(struct seal_check *check, const uint8_t *bytes, uint32_t size)
{
	while (size) {
		uint32_t step = size < 4 ? size : 4;

		if (check->size % SEAL_SECTOR == 0 && size >= SEAL_SECTOR) {
			step = size & ~(SEAL_SECTOR - 1);
			copy_sectors(NULL, bytes, step / SEAL_SECTOR, &check->sums);
			check->size += step;
		} else {
			check->sums.sum[0] += word(bytes, step);
			check->size += step;
			if (check->size % SEAL_SECTOR == 0)
				end_sector(check);
		}
		bytes += step;
		size -= step;
	}
}

void seal_copy(struct seal_check *check, uint8_t *dest, const uint8_t *bytes, uint32_t size)
{
	copy_sectors(dest, bytes, size / SEAL_SECTOR, &check->sums);
	check->size += size;
}

void seal_end(struct seal_check *check)
{
	if (check->size % SEAL_SECTOR != 0)
		end_sector(check);
}

bool seal_is_there(const uint8_t *seal)
{
	static const char magic[] = SEAL_MAGIC;

	for (uint32_t i = 0; i < sizeof magic - 1; i++)
		if (seal[offsetof(struct seal, magic) + i] != (uint8_t)magic[i])
			return false;
	return true;
}

static uint32_t of_lanes(const uint32_t *lanes)
{
	return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

const char *seal_why(const struct seal_check *check, const uint8_t *seal)
{
	if (le32(seal + offsetof(struct seal, size)) != check->size || le32(seal + offsetof(struct seal, size) + 4) != 0)
		return "it is not as long as its seal says";
	if (le32(seal + offsetof(struct seal, sum)) != of_lanes(check->sums.sum) ||
	    le32(seal + offsetof(struct seal, sum_of_sums)) != of_lanes(check->sums.sum_of_sums))
		return "what was read is not what was written: its sum does not match its seal";
	return NULL;
}
