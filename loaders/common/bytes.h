/* SPDX-License-Identifier: MIT */
/*
 * Reads of untrusted little-endian bytes, and arithmetic that reports overflow. Exported to segue.elf and the segue
 * command.
 */
#ifndef SEGUE_BYTES_H
#define SEGUE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A physical address or a size in bytes. Targets live below 4 GiB, so 32 bits suffice on i386, where 64-bit arithmetic
 * would double the size of the library. ADDRESS_LIMIT ends the memory that Segue uses: the last page below 4 GiB holds
 * the reset vector, and without that page every end address fits into 32 bits.
 */
/* Tests define SEGUE_ADDRESS_32 to get i386's arithmetic on the build machine. */
#if defined(__i386__) || defined(SEGUE_ADDRESS_32)
typedef uint32_t addr_t;
#define ADDRESS_MAX UINT32_MAX
#else
typedef uint64_t addr_t;
#define ADDRESS_MAX UINT64_MAX
#endif
#define ADDRESS_LIMIT 0xfffff000u
/*
 * Above 4 GiB the x86_64 library uses the memory of [HIGH_START, HIGH_LIMIT), for the few targets that take it: page tables of
 * four levels map twice as much, and Linux takes that much with them (Documentation/x86/x86_64/mm.rst).
 */
#define HIGH_START 0x100000000ull
#if defined(__i386__) || defined(SEGUE_ADDRESS_32)
#define HIGH_LIMIT ADDRESS_LIMIT
#else
#define HIGH_LIMIT ((addr_t)1 << 46)
#endif

/* Passes the first argument in EAX instead of on the stack, which makes each call shorter. */
#if defined(__i386__)
#define IN_REGISTER __attribute__((regparm(1)))
#else
#define IN_REGISTER
#endif

/*
 * Statically linked symbols are hidden, so that they need no GOT, whether the host compiles with -fPIE, -fPIC or
 * neither.
 */
#define SEGUE_HIDDEN __attribute__((visibility("hidden")))

/* For a function that GCC would inline although that makes i386 code larger, and for one that it would not. */
#define OUT_OF_LINE __attribute__((noinline))
#define IN_LINE inline __attribute__((always_inline))

/*
 * Little-endian, at any alignment and on any machine. Compilers make one instruction of bytes that are joined in this way; of
 * sums and products GCC makes four loads.
 */
static IN_LINE uint16_t le16(const uint8_t *p)
{
	return (uint16_t)((uint32_t)p[0] | ((uint32_t)p[1] << 8));
}

static IN_LINE uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) + ((uint64_t)le32(p + 4) << 32);
}

static IN_LINE void put_le16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static IN_LINE void put_le32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)(value >> 16);
	p[3] = (uint8_t)(value >> 24);
}

static IN_LINE void put_le64(uint8_t *p, uint64_t value)
{
	put_le32(p, (uint32_t)value);
	put_le32(p + 4, (uint32_t)(value >> 32));
}

/* Reads a 64-bit address or size. A value of 4 GiB or more becomes ADDRESS_MAX, which fails every check. */
static inline addr_t le_addr(const uint8_t *p)
{
	return le32(p + 4) != 0 ? ADDRESS_MAX : le32(p);
}

/* Above 4 GiB? Never on i386. */
static inline bool is_high(addr_t at)
{
	return (uint64_t)at >> 32 != 0;
}

/* Is [offset, offset + size) inside [0, limit)? */
static inline bool fits(addr_t offset, addr_t size, addr_t limit)
{
	return offset <= limit && size <= limit - offset;
}

/* *sum = a + b; false if that wraps. */
static inline bool add_addr(addr_t a, addr_t b, addr_t *sum)
{
	if (b > ADDRESS_MAX - a)
		return false;
	*sum = a + b;
	return true;
}

/* *left -= size; false if there is less. */
static inline bool take_addr(addr_t *left, addr_t size)
{
	addr_t before = *left;

	*left -= size;
	return *left <= before;
}

/* *aligned = value rounded up to a multiple of align, a power of two; false if that wraps. */
static inline bool align_up(addr_t value, addr_t align, addr_t *aligned)
{
	addr_t sum;

	if (!add_addr(value, align - 1, &sum))
		return false;
	/* a mask instead of %: a 64-bit division needs libgcc on i386 */
	*aligned = sum & ~(align - 1);
	return true;
}

#endif
