/* SPDX-License-Identifier: MIT */
/* Compares segue.elf's copy.asm with plain C, in a 32-bit program: copies and sums, with and without SSE2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "standalone/copy.h"

#define SECTOR 2048u
#define SECTORS_MAX 5u
#define GUARD 64u

extern uint8_t copy_by_sse2; /* copy.asm; copy_open() sets it, which needs CPL 0 */

static uint8_t source[SECTORS_MAX * SECTOR + 2 * GUARD] __attribute__((aligned(16)));
static uint8_t dest[sizeof source + GUARD], expected[sizeof dest];
static unsigned passed;

static void check(int good, const char *what, uint32_t a, uint32_t b)
{
	if (good)
		return;
	printf("%s: %u, %u, SSE2 %u\n%u passed, 1 failed\n", what, a, b, copy_by_sse2, passed);
	exit(1);
}

static uint32_t add_lanes(const uint32_t *lanes)
{
	return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

static void randomize(void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)data)[i] = (uint8_t)(rand() >> 7);
}

static void bytes(uint32_t from, uint32_t to, uint32_t size)
{
	randomize(dest, sizeof dest);
	memcpy(expected, dest, sizeof dest);
	memcpy(expected + to, source + from, size);
	copy_bytes(dest + to, source + from, size);
	check(!memcmp(dest, expected, sizeof dest), "copy_bytes", from * 100 + to, size);
}

static void sectors(uint32_t to, uint32_t count, int sums_only)
{
	struct copy_sums sums, before;
	uint32_t sum, sum_of_sums;

	randomize(&sums, sizeof sums);
	before = sums;
	sum = add_lanes(sums.sum);
	sum_of_sums = add_lanes(sums.sum_of_sums);
	for (uint32_t i = 0; i < count * SECTOR; i += 4) {
		uint32_t word;

		memcpy(&word, source + i, 4);
		sum += word;
		if (i % SECTOR == SECTOR - 4)
			sum_of_sums += sum;
	}
	randomize(dest, sizeof dest);
	memcpy(expected, dest, sizeof dest);
	if (!sums_only)
		memcpy(expected + to, source, count * SECTOR);
	copy_sectors(sums_only ? NULL : dest + to, source, count, &sums);
	check(!memcmp(dest, expected, sizeof dest), "copy_sectors, bytes", to, count);
	check(add_lanes(sums.sum) == sum, "copy_sectors, sum", to, count);
	check(add_lanes(sums.sum_of_sums) == sum_of_sums, "copy_sectors, sum of sums", to, count);
	check(count || !memcmp(&sums, &before, sizeof sums), "copy_sectors, nothing", to, count);
}

static void all_bytes(void)
{
	for (uint32_t from = 0; from < 16; from++)
		for (int turn = 0; turn < 50; turn++) {
			bytes(from, (uint32_t)rand() % 32, (uint32_t)rand() % (4 * SECTOR));
			bytes((uint32_t)rand() % 32, from, (uint32_t)rand() % 16);
		}
	for (uint32_t size = 240; size < 540; size++)
		bytes(3, 5, size);
	passed++;
}

static void all_sectors(void)
{
	for (int turn = 0; turn < 20; turn++)
		for (uint32_t to = 0; to < 16; to++)
			for (uint32_t count = 0; count <= SECTORS_MAX; count++)
				sectors(to, count, count > 0 && rand() % 2);
	passed++;
}

int main(void)
{
	randomize(source, sizeof source);
	for (copy_by_sse2 = 0; copy_by_sse2 < 2; copy_by_sse2++) {
		all_bytes();
		all_sectors();
	}
	printf("%u passed, 0 failed\n", passed);
	return 0;
}
