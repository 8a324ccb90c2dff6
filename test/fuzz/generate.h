/* SPDX-License-Identifier: MIT */
/*
 * Generates nearly valid files from a fuzzer's bytes. Every decision takes one or more bytes, and takes the plain
 * choice when none are left.
 */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "fail.h"

struct stream {
	const uint8_t *next, *end;
};

struct file {
	size_t size;
	uint8_t at[0x8000];
};


/* Fills a file with bytes that differ from their neighbours. */
FUZZ_UNTRACED static inline void fill_pattern(struct file *f, size_t from, unsigned step)
{
	for (size_t i = from; i < f->size; i++)
		f->at[i] = (uint8_t)(i * step + i / 256);
}

static inline uint8_t take_8(struct stream *s)
{
	return s->next < s->end ? *s->next++ : 0;
}

static inline uint32_t take_32(struct stream *s)
{
	uint32_t value = take_8(s);

	value |= (uint32_t)take_8(s) << 8;
	value |= (uint32_t)take_8(s) << 16;
	return value | (uint32_t)take_8(s) << 24;
}

/* Returns a number: usually plain plus a little, sometimes any number, sometimes one at an edge. */
static inline uint64_t take_number(struct stream *s, uint64_t plain)
{
	static const uint64_t edges[] = {
		0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
		0xfffffffffffff000, 0xffffffffffffffff,
	};
	uint8_t how = take_8(s);

	if (how < 0xc0)
		return plain + how;
	if (how < 0xe0)
		return plain - (how & 0x1f);
	if (how < 0xf0)
		return edges[(how & 0xf) % (sizeof edges / sizeof *edges)];
	if (how < 0xf8)
		return take_32(s);
	return plain + ((uint64_t)take_32(s) << 32);
}

FUZZ_UNTRACED static inline void put(struct file *f, size_t at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size && at + i < sizeof f->at; i++)
		f->at[at + i] = (uint8_t)(value >> (8 * i));
}

/* Changes a few bytes at random, and may cut off part of the end. */
static inline void spoil(struct file *f, struct stream *s)
{
	for (unsigned count = take_8(s) & 3; count > 0 && f->size; count--) {
		size_t at = (take_8(s) | (size_t)take_8(s) << 8) % f->size;

		f->at[at] = take_8(s);
	}
	if (take_8(s) & 0x80)
		f->size -= (take_8(s) | (size_t)take_8(s) << 8) % (f->size + 1);
}

static inline void put_multiboot_header(struct file *f, size_t at, struct stream *s, uint32_t flags, uint32_t base)
{
	/* the end of the loaded bytes: 0, which means the file's end, or that address itself */
	uint32_t end = take_8(s) & 1 ? base + (uint32_t)f->size : 0;
	uint32_t plain[9] = {(uint32_t)(base + at), base, end, 0, base + 0x40, 0, 1024, 768, 32};

	put(f, at, 0x1badb002, 4);
	put(f, at + 4, flags, 4);
	put(f, at + 8, 0u - 0x1badb002u - flags + (take_8(s) == 0xff), 4);
	for (unsigned i = 0; i < 9; i++)
		put(f, at + 12 + 4 * i, take_number(s, plain[i]), 4);
}

/* Generates an ELF file of either class: up to 7 segments, up to 7 sections, perhaps a Multiboot header. */
static inline void generate_elf(struct file *f, struct stream *s, bool multiboot)
{
	bool is_64 = take_8(s) & 1;
	unsigned word = is_64 ? 8 : 4, segments = 1 + take_8(s) % 7, sections = take_8(s) & 7, type = take_8(s);
	uint64_t base = 0x100000u + (take_8(s) & 0x3f) * 0x8000u, next = base, shift = take_8(s) & 1 ? 0xc0000000u : 0;

	f->size = 0x1000 + (take_8(s) & 3) * 0x800u;
	memset(f->at, 0, 0x400);
	fill_pattern(f, 0x400, 13);
	put(f, 0, 0x464c457f, 4);
	put(f, 4, is_64 ? 0x010102 : 0x010101, 3);
	put(f, 16, type < 0xe0 ? 2 : type & 7, 2);
	put(f, 18, is_64 ? 62 : 3, 2);
	put(f, 20, 1, 4);
	put(f, 24, take_number(s, base + shift), word);
	put(f, 24 + word, take_number(s, 0x100), word);
	put(f, 24 + 2 * word, sections ? take_number(s, 0x300) : 0, word);
	put(f, 30 + 3 * word, is_64 ? 56 : 32, 2);
	put(f, 32 + 3 * word, segments, 2);
	put(f, 34 + 3 * word, is_64 ? 64 : 40, 2);
	put(f, 36 + 3 * word, sections, 2);
	put(f, 38 + 3 * word, sections ? sections - 1 : 0, 2);
	for (unsigned i = 0; i < segments; i++) {
		size_t at = 0x100 + i * (is_64 ? 56u : 32u), field = is_64 ? at + 8 : at + 4;
		uint64_t size = 16u + (take_8(s) & 0x1f) * 16u, more = (take_8(s) & 0xf) * 64u;
		uint8_t edges = take_8(s);
		/* some segments touch the previous one, or end at the end of the file */
		uint64_t dest = edges & 1 ? next : base + i * 0x1000u, offset = edges & 2 ? f->size - size : 0x400 + i * 0x100u;

		put(f, at, edges < 0xf0 ? 1 : take_8(s) & 7, 4);
		put(f, field, take_number(s, offset), word);
		put(f, field + word, take_number(s, dest + shift), word);
		put(f, field + 2 * word, take_number(s, dest), word);
		put(f, field + 3 * word, take_number(s, size), word);
		put(f, field + 4 * word, take_number(s, size + more), word);
		next = dest + size + more;
	}
	for (unsigned i = 1; i < sections; i++) {
		size_t at = 0x300 + i * (is_64 ? 64u : 40u), field = at + 8;
		uint8_t kind = take_8(s);

		put(f, at + 4, kind & 0xf, 4);
		put(f, field, kind >> 6, word);
		put(f, field + word, take_number(s, 0), word);
		put(f, field + 2 * word, take_number(s, 0x900 + i * 0x40), word);
		put(f, field + 3 * word, take_number(s, 16u + (take_8(s) & 3u) * 16u), word);
	}
	if (multiboot)
		put_multiboot_header(f, 0x400, s, (take_8(s) & 7u) | (take_8(s) < 0xf0 ? 0u : 0x10000u), (uint32_t)base - 0x400);
}

/* A note, at *at, which moves to the next one. */
static inline size_t put_note(struct file *f, size_t *at, const char *name, struct stream *s, size_t size, unsigned type)
{
	size_t desc = *at + 12 + ((strlen(name) + 4) & ~(size_t)3);

	put(f, *at, take_number(s, strlen(name) + 1), 4);
	put(f, *at + 4, take_number(s, size), 4);
	put(f, *at + 8, type, 4);
	memcpy(f->at + *at + 12, name, strlen(name) + 1);
	*at = desc + ((size + 3) & ~(size_t)3);
	return desc;
}

/* Generates a core of a host (segue_core.h) of either class: notes, the workspace, and up to 6 more segments, some of them twice. */
static inline void generate_core(struct file *f, struct stream *s)
{
	bool is_64 = !(take_8(s) & 1);
	unsigned word = is_64 ? 8 : 4, header = is_64 ? 56 : 32, segments = 1 + take_8(s) % 7, order = take_8(s);
	uint64_t base = 0x100000u + (take_8(s) & 0x3f) * 0x8000u, dest = base, offset = 0x800;
	size_t notes = 0x500, end = notes, host;

	f->size = 0x1800;
	memset(f->at, 0, 0x800);
	fill_pattern(f, 0x800, 19);
	put(f, 0, 0x464c457f, 4);
	put(f, 4, is_64 ? 0x010102 : 0x010101, 3);
	put(f, 16, 4, 2);
	put(f, 18, is_64 ? 62 : 3, 2);
	put(f, 20, 1, 4);
	put(f, 24 + word, take_number(s, 0x100), word);
	put(f, 30 + 3 * word, header, 2);
	put(f, 32 + 3 * word, segments + 1, 2);
	if (order & 1)
		put_note(f, &end, "CORE", s, take_8(s) & 0x3f, 1);
	host = put_note(f, &end, order & 0x80 ? "Linux" : "Segue", s, 72, 0x5301);
	put(f, host, 72, 4);
	put(f, host + 8, take_8(s) & 1 ? 32 : 64, 4);
	put(f, host + 12, take_number(s, 1), 4);
	put(f, host + 16, take_number(s, base), 8);
	put(f, host + 24, take_number(s, 0x200), 8);
	put(f, host + 32, take_number(s, base + 0x10), 4);
	/* The file ends after the notes, or in them. */
	if ((order & 0xc) == 0xc) {
		end -= take_8(s) & 0x3f;
		f->size = end;
	}
	for (unsigned i = 0; i <= segments; i++) {
		/* the notes are first or last */
		unsigned index = order & 2 ? segments - i : i;
		size_t at = 0x100 + index * header, field = at + word;
		uint64_t size = 0x210u + (take_8(s) & 0xf) * 16u, more = (take_8(s) & 3) * 256u;
		uint8_t kind = i == 0 ? 0 : take_8(s);

		put(f, at, i == 0 ? 4 : kind < 0xf8 ? 1 : kind & 7, 4);
		if (i == 0) {
			offset = notes;
			size = end - notes;
		} else if (i == 1 || kind & 1) {
			/* touches the one before it */
			offset = 0x800 + (i - 1) * 0x280u;
		} else if (kind & 2) {
			/* the same memory again, or a part of it */
			dest -= kind & 4 ? 0x100 : 0;
			offset -= kind & 4 ? 0x100 : 0;
		} else {
			dest += 0x1000;
			offset = 0x800 + (i - 1) * 0x280u;
		}
		put(f, field, take_number(s, offset), word);
		put(f, field + word, take_number(s, dest + 0xc0000000u), word);
		put(f, field + 2 * word, i == 0 ? 0 : take_number(s, dest), word);
		put(f, field + 3 * word, take_number(s, size), word);
		put(f, field + 4 * word, i == 0 ? 0 : take_number(s, size + more), word);
		if (i > 0 && !(kind & 8)) {
			dest += size + more;
			offset += size + more;
		}
	}
}

static inline void generate_flat(struct file *f, struct stream *s)
{
	size_t at = (take_8(s) & 0x7f) * 4u;

	f->size = 0x800 + (take_8(s) & 0x1f) * 0x100u;
	fill_pattern(f, 0, 11);
	put_multiboot_header(f, at, s, 0x10000u | (take_8(s) & 7u), 0x100000u + take_8(s) * 0x2000u);
}

/* Generates a bzImage by its setup header (Linux, Documentation/arch/x86/boot.rst). */
static inline void generate_linux(struct file *f, struct stream *s)
{
	unsigned sectors = 1 + take_8(s) % 4;

	f->size = (sectors + 1) * 512u + 0x200 + take_8(s) * 16u;
	memset(f->at, 0, 0x260);
	fill_pattern(f, 0x260, 17);
	put(f, 0x1f1, sectors, 1);
	put(f, 0x1f4, take_number(s, (f->size - (sectors + 1) * 512u) / 16), 4);
	put(f, 0x1fe, 0xaa55, 2);
	put(f, 0x200, 0x66eb, 2);
	put(f, 0x202, 0x53726448, 4);
	put(f, 0x206, 0x200 + take_8(s) % 17, 2);
	put(f, 0x211, 1, 1);
	put(f, 0x214, take_number(s, 0x100000), 4);
	put(f, 0x22c, take_number(s, 0x3fffff), 4);
	put(f, 0x230, take_number(s, 0x1000), 4);
	put(f, 0x234, take_8(s) & 1, 1);
	put(f, 0x235, 12 + (take_8(s) & 3u), 1);
	put(f, 0x238, take_number(s, 255), 4);
	put(f, 0x258, take_number(s, 0x100000), 8);
	put(f, 0x260, take_number(s, 0x8000), 4);
}

static inline void put_hex(struct file *f, size_t at, uint32_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 4)
		f->at[at + (size_t)i] = (uint8_t)"0123456789abcdef"[value & 15];
}

/* Appends a member of a newc archive, unless the file is full. */
static inline void put_member(struct file *f, const char *name, const uint8_t *data, size_t size)
{
	size_t length = strlen(name) + 1, at = f->size, end = (at + 110 + length + 3) & ~(size_t)3;

	if (end + size + 4 > sizeof f->at)
		return;
	memset(f->at + at, '0', 110);
	memcpy(f->at + at, "070701", 6);
	put_hex(f, at + 14, 0100644);
	put_hex(f, at + 38, 1);
	put_hex(f, at + 54, (uint32_t)size);
	put_hex(f, at + 94, (uint32_t)length);
	memcpy(f->at + at + 110, name, length);
	memset(f->at + at + 110 + length, 0, end - at - 110 - length);
	memcpy(f->at + end, data, size);
	f->size = (end + size + 3) & ~(size_t)3;
}

#endif
