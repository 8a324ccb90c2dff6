/* SPDX-License-Identifier: MIT */
/* What a Linux that the host calls reads and writes of the host's memory. Words: pattern=, spots=. Needs the word direct. */
#include "kernel.h"

#define SPOTS 4u

static uint32_t kept[SPOTS];

static volatile uint32_t *at_physical(uint64_t address)
{
	return (volatile uint32_t *)(uintptr_t)(handover.direct + address);
}

/* POSIX, cksum: a CRC of the bytes and then of their number, without leading zeros */
static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	crc ^= (uint32_t)byte << 24;
	for (int bit = 0; bit < 8; bit++)
		crc = crc << 1 ^ (crc & BIT(31) ? 0x04c11db7u : 0);
	return crc;
}

static uint32_t cksum(uint64_t start, uint64_t end)
{
	uint32_t crc = 0;

	for (uint64_t at = start; at < end; at++)
		crc = crc_byte(crc, *((const volatile uint8_t *)at_physical(0) + at));
	for (uint64_t size = end - start; size; size >>= 8)
		crc = crc_byte(crc, (uint8_t)size);
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

void lend(void)
{
	struct segue_range pattern;

	if (read_ranges(handover.line, "pattern=", &pattern, 1)) {
		for (uint64_t at = pattern.start; at < pattern.end; at += 4)
			*at_physical(at) = (uint32_t)at * 0x9e3779b1u;
		say("host: cksum %u\n", cksum(pattern.start, pattern.end));
	}
	each_spot(keep);
}

void take_back(void)
{
	each_spot(restore);
}
