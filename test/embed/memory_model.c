/* SPDX-License-Identifier: MIT */
/*
 * The library's four memory functions, named segue_* here by objcopy, against loops: every size up to SIZES, every
 * alignment, every overlap that such sizes can have. Ends with `N passed, N failed`.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void *segue_memcpy(void *restrict to, const void *restrict from, size_t size);
void *segue_memmove(void *to, const void *from, size_t size);
void *segue_memset(void *at, int value, size_t size);
int segue_memcmp(const void *a, const void *b, size_t size);

enum { SIZES = 40, ROOM = 128, MIDDLE = 44 };
static volatile uint8_t got[ROOM], want[ROOM];
static unsigned long passed, failed;

static void check(int good, const char *what, size_t size, size_t to, size_t from)
{
	if (good)
		passed++;
	else if (failed++ == 0)
		printf("%s: %zu bytes to %zu from %zu\n", what, size, to, from);
}

static void fill(void)
{
	for (size_t i = 0; i < ROOM; i++)
		got[i] = want[i] = (uint8_t)(i * 37 + 11);
}

static int same(void)
{
	for (size_t i = 0; i < ROOM; i++)
		if (got[i] != want[i])
			return 0;
	return 1;
}

/* By way of a third place, so that no overlap matters. */
static void move(size_t to, size_t from, size_t size)
{
	uint8_t between[ROOM];

	for (size_t i = 0; i < size; i++)
		between[i] = want[from + i];
	for (size_t i = 0; i < size; i++)
		want[to + i] = between[i];
}

static void try_moves(size_t size)
{
	for (size_t to = 0; to + size <= ROOM; to++) {
		size_t from = MIDDLE;
		uint8_t *at = (uint8_t *)got + to;

		fill();
		move(to, from, size);
		check(segue_memmove(at, (uint8_t *)got + from, size) == at && same(), "memmove", size, to, from);
		if (to + size > from && from + size > to)
			continue;
		fill();
		move(to, from, size);
		check(segue_memcpy(at, (uint8_t *)got + from, size) == at && same(), "memcpy", size, to, from);
	}
}

static void try_sets(size_t size)
{
	static const int values[] = {0, 1, 0x7f, 0x80, 0xff, 0x1a5, -1};

	for (size_t to = 0; to < 8; to++)
		for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
			uint8_t *at = (uint8_t *)got + MIDDLE + to;

			fill();
			for (size_t i = 0; i < size; i++)
				want[MIDDLE + to + i] = (uint8_t)values[v];
			check(segue_memset(at, values[v], size) == at && same(), "memset", size, to, v);
		}
}

/* A difference at each byte, in both directions, and one behind the end that is none. */
static void try_comparisons(size_t size)
{
	uint8_t a[SIZES + 1], b[SIZES + 1];

	for (size_t i = 0; i < sizeof a; i++)
		a[i] = b[i] = (uint8_t)(i * 5);
	a[size] = 1;
	b[size] = 2;
	check(segue_memcmp(a, b, size) == 0, "memcmp, equal", size, 0, 0);
	for (size_t i = 0; i < size; i++) {
		a[i] = 0x7f;
		b[i] = 0x80;
		check(segue_memcmp(a, b, size) < 0 && segue_memcmp(b, a, size) > 0, "memcmp", size, i, 0);
		a[i] = b[i];
	}
}

int main(void)
{
	for (size_t size = 0; size <= SIZES; size++) {
		try_moves(size);
		try_sets(size);
		try_comparisons(size);
	}
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
