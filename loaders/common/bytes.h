/* SPDX-License-Identifier: MIT */
/* Untrusted little-endian bytes, and arithmetic that says when it does not fit. Exported to segue.elf and the segue command. */
#ifndef SEGUE_BYTES_H
#define SEGUE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A physical address or a size in bytes, where targets live: below 4 GiB. 32 bits on i386, where
 * 64-bit arithmetic would double the library. ADDRESS_LIMIT is the end of what is used at all: the last
 * page below 4 GiB holds the reset vector, and without it every end fits into 32 bits.
 */
/* SEGUE_ADDRESS_32: i386's arithmetic on the build machine, for tests. */
#if defined(__i386__) || defined(SEGUE_ADDRESS_32)
typedef uint32_t addr_t;
#define ADDRESS_MAX UINT32_MAX
#else
typedef uint64_t addr_t;
#define ADDRESS_MAX UINT64_MAX
#endif
#define ADDRESS_LIMIT 0xfffff000u

/* The first argument in EAX rather than on the stack: fewer bytes at each call. */
#if defined(__i386__)
#define IN_REGISTER __attribute__((regparm(1)))
#else
#define IN_REGISTER
#endif

/* Hidden: what is linked in statically needs no GOT, whatever the host compiles with (-fPIE, -fPIC, neither). */
#define SEGUE_HIDDEN __attribute__((visibility("hidden")))

/*
 * Joined byte by byte: a prover follows sums, not casts. le32 is a function of its own, since GCC makes four loads
 * of it wherever it is inlined. Stores write bytes that nobody has to trust; GCC makes one instruction of a copy.
 */
static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] + 256u * p[1]);
}

IN_REGISTER uint32_t segue_le32(const uint8_t *p);

static inline uint32_t le32(const uint8_t *p)
{
	return segue_le32(p);
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) + 4294967296u * (uint64_t)le32(p + 4);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stores are copies");
static inline void put_le16(uint8_t *p, uint16_t value)
{
	__builtin_memcpy(p, &value, sizeof value);
}

static inline void put_le32(uint8_t *p, uint32_t value)
{
	__builtin_memcpy(p, &value, sizeof value);
}

static inline void put_le64(uint8_t *p, uint64_t value)
{
	__builtin_memcpy(p, &value, sizeof value);
}

/* A 64-bit number that is to be an address or a size: one above 4 GiB becomes ADDRESS_MAX, which no check passes. */
static inline addr_t le_addr(const uint8_t *p)
{
	return le32(p + 4) != 0 ? ADDRESS_MAX : le32(p);
}

/* For a function that GCC would inline although that is more code on i386. */
#define OUT_OF_LINE __attribute__((noinline))

/* Is [offset, offset + size) inside [0, limit)? */
static inline bool fits(addr_t offset, addr_t size, addr_t limit)
{
	return offset <= limit && size <= limit - offset;
}

/* a + b, unless that wraps. */
static inline bool add_addr(addr_t a, addr_t b, addr_t *sum)
{
	if (b > ADDRESS_MAX - a)
		return false;
	*sum = a + b;
	return true;
}

/* value rounded up to a multiple of align (a power of two), unless that wraps. */
static inline bool align_up(addr_t value, addr_t align, addr_t *aligned)
{
	addr_t sum;

	if (!add_addr(value, align - 1, &sum))
		return false;
	/* a mask and not %: a 64-bit division needs libgcc on i386 */
	*aligned = sum & ~(align - 1);
	return true;
}

#endif
