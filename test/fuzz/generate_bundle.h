/* SPDX-License-Identifier: MIT */
/* Generates nearly valid bundles: members with known and nearly known names, and small errors in their headers. */
#ifndef FUZZ_GENERATE_BUNDLE_H
#define FUZZ_GENERATE_BUNDLE_H

#include <stdio.h>
#include "generate.h"

/* Overwrites fields that put_member() of generate.h has filled in, where the stream says so. */
static inline void put_field(struct file *f, size_t header, unsigned index, uint32_t value)
{
	put_hex(f, header + 6 + 8 * index, value);
}

static inline void generate_member(struct file *f, struct stream *s, const struct file *kernel)
{
	static const char *const names[] = {
		"kernel", "cmdline", "initrd", "modules", ".", "./kernel", "./", "TRAILER!!!", "modules/", "strange", "", "././cmdline",
	};
	static const char *const stems[] = { "a", "b", "a.cmdline", "b.cmdline", ".cmdline", "", "c/d", "." };
	uint8_t data[72], kind = take_8(s), how = take_8(s);
	size_t header = f->size, size = take_8(s) % 64;
	char name[64];

	static const char digits[] = "0123456789abcdefABCDEF9876543210deadBEEF0123456789abcdef01234567\n";
	bool digest;

	for (size_t i = 0; i < size; i++)
		data[i] = how & 1 ? take_8(s) : (uint8_t)("word =\n"[i % 7]);
	if (kind < 0x60)
		snprintf(name, sizeof name, "%s", names[kind % (sizeof names / sizeof *names)]);
	else
		snprintf(name, sizeof name, "%smodules/%0*u-%s", kind & 1 ? "./" : "", 1 + (kind >> 1 & 3), (unsigned)take_8(s) % 12,
			 stems[(kind >> 3) % (sizeof stems / sizeof *stems)]);
	/* nearly a digest: the right length, or a little off, or with a wrong character */
	digest = !strcmp(name, "strange") && how & 4;
	if (digest) {
		snprintf(name, sizeof name, "%sdigest", kind & 1 ? "./" : "");
		memcpy(data, digits, 65);
		data[size] = how & 1 ? (uint8_t)digits[(size + 3) % 64] : data[size];
		size = how & 8 ? size : 64 + (kind >> 1 & 1);
	}
	if (kind < 0x60 && strstr(name, "kernel"))
		put_member(f, name, kernel->at, kernel->size);
	else
		put_member(f, name, data, size);
	if (f->size == header)
		return;
	if (!strcmp(name, "modules") || !strcmp(name, "."))
		put_field(f, header, 1, 0040755);
	if (how & 2)
		f->at[header + 5] = '2';
	if ((how & 0xf0) == 0xf0)
		put_field(f, header, take_8(s) % 13, (uint32_t)take_number(s, how & 4 ? 0x81a4 : 2));
}

/* As pack does: NULs follow the name until the data starts on a page. */
static inline void pad_first_member(struct file *f)
{
	static struct file padded;
	uint32_t length = 4096 - 110;
	size_t data = 120;

	if (f->size < data || memcmp(f->at + 110, "kernel", 7) || f->size - data + 4096 > sizeof padded.at)
		return;
	padded = (struct file){.size = 4096};
	memcpy(padded.at, f->at, 117);
	put_hex(&padded, 94, length);
	memcpy(padded.at + 4096, f->at + data, f->size - data);
	padded.size += f->size - data;
	*f = padded;
}

#endif
