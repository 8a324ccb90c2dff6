/* SPDX-License-Identifier: MIT */
/* What a Linux that the host calls reads and writes of the host's memory. Words: pattern=, spots=. Needs the word direct. */
#include "kernel.h"

#define SPOTS 4u

static uint32_t kept[SPOTS];
uint32_t lent_crc;                    /* of the pattern; a debugger finds it in the core */

static volatile uint32_t *at_physical(uint64_t address)
{
	return (volatile uint32_t *)(uintptr_t)(handover.direct + address);
}

/* The CRC of gzip and of busybox's crc32 (RFC 1952, 8). */
static uint32_t crc32(uint64_t start, uint64_t end)
{
	const volatile uint8_t *bytes = (const volatile uint8_t *)at_physical(0);
	uint32_t crc = 0xffffffff;

	for (uint64_t at = start; at < end; at++) {
		crc ^= bytes[at];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* Does something for each address in spots=. */
static void each_spot(void (*visit)(uint32_t number, uint64_t address))
{
	const char *at = word(handover.line, "spots=");
	uint64_t address;

	for (uint32_t i = 0; at && *at && *at != ' ' && i < SPOTS; i++, at += *at == ',') {
		at = read_hexadecimal(at, &address);
		visit(i, address);
	}
}

static void keep(uint32_t number, uint64_t address)
{
	kept[number] = *at_physical(address);
}

static void restore(uint32_t number, uint64_t address)
{
	say("host: %x has %x\n", address, (uint64_t)*at_physical(address));
	*at_physical(address) = kept[number];
}

/* The pattern of each call is another. */
void lend(uint32_t number)
{
	struct segue_range pattern;

	if (read_ranges(handover.line, "pattern=", &pattern, 1)) {
		for (uint64_t at = pattern.start; at < pattern.end; at += 4)
			*at_physical(at) = (uint32_t)at * 0x9e3779b1u + number;
		lent_crc = crc32(pattern.start, pattern.end);
		say("host: crc32 %x\n", (uint64_t)lent_crc);
	}
	each_spot(keep);
}

void take_back(void)
{
	each_spot(restore);
}
