/* SPDX-License-Identifier: MIT */
/*
 * Checks what a Linux kernel finds in fuzz_memory at its entry: its zero page or setup code, and what those point to.
 * Offsets are plain numbers from Documentation/x86/boot.rst and zero-page.rst.
 */
#ifndef FUZZ_CHECK_LINUX_H
#define FUZZ_CHECK_LINUX_H

#include "check.h"
#include "common/long_entry.h"
#include "container/seal.h"
#include "leave/loaded.h"

/* The kernel's size without the seal at the end of an image's blob. */
static inline size_t kernel_size(const struct world *w)
{
	size_t size = w->args.blob.size;

	if (size > sizeof(struct seal) && !memcmp((const uint8_t *)w->args.blob.data + size - sizeof(struct seal), SEAL_MAGIC, strlen(SEAL_MAGIC)))
		size -= sizeof(struct seal);
	return size;
}

static inline bool before(const struct world *w, unsigned version)
{
	return number_at((const uint8_t *)w->args.blob.data + 0x206, 2) < version;
}

/* A field of the kernel's file, defined since a version of the protocol. */
static inline uint64_t field(const struct world *w, size_t at, size_t size, unsigned since, uint64_t otherwise)
{
	return before(w, since) ? otherwise : number_at((const uint8_t *)w->args.blob.data + at, size);
}

static inline bool linux_segment(const struct world *w, const char *name, struct segue_segment *s)
{
	for (size_t i = 0; segue_segment_at(w->args.workspace, i, s) == SEGUE_OK; i++)
		if (!strcmp(s->name, name))
			return true;
	return false;
}

struct field_range {
	uint32_t from, to;
};

/* Compares all bytes except those that the loader fills, which other functions check. Changes expected. */
static inline void check_rest(const char *what, uint8_t *expected, const uint8_t *found, size_t size,
			      const struct field_range *filled, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
		if (filled[i].to <= size)
			memcpy(expected + filled[i].from, found + filled[i].from, filled[i].to - filled[i].from);
	if (!memcmp(expected, found, size))
		return;
	while (expected[at] == found[at])
		at++;
	FAIL("%s at %#zx: %#x, not %#x", what, at, found[at], expected[at]);
}

/*
 * Bytes of the page that neither the header, the map nor the loader fills are 0; the header's own bytes are copied. header begins
 * at 0x1f1.
 */
static inline void check_page(const struct world *w, const uint8_t *page, const uint8_t *header, size_t header_end)
{
	static const struct field_range in_header[] = {
		{0x1fa, 0x1fc}, {0x210, 0x212}, {0x214, 0x220}, {0x228, 0x22c}, {0x230, 0x234}, {0x250, 0x258},
	};
	static uint8_t expected[0x1000];
	size_t entries = page[0x1e8], count = 5;
	struct segue_range told[TOLD_MAX];
	struct field_range filled[5 + sizeof in_header / sizeof *in_header] = {
		{0, 0x40}, {0xc0, 0xcc}, {0x1e0, 0x1e4}, {0x1e8, 0x1e9}, {0x2d0, 0x2d0u + (uint32_t)entries * 20},
	};

	for (size_t i = 0; i < sizeof in_header / sizeof *in_header; i++)
		if (in_header[i].from < header_end) {
			filled[count] = in_header[i];
			if (filled[count].to > header_end)
				filled[count].to = (uint32_t)header_end;
			count++;
		}
	memset(expected, 0, sizeof expected);
	memcpy(expected + 0x1f1, header, header_end - 0x1f1);
	check_rest("zero page", expected, page, sizeof expected, filled, count);
	CHECK(page[0x210] == 0xff && page[0x211] == 1 && number_at(page + 0x1fa, 2) == 0xffff, "the loader's fields");
	CHECK(page[0x0f] == 1 && page[0x07] == 80 && page[0x0e] == 25, "the screen");
	CHECK(entries == told_map(w, told), "%zu ranges", entries);
	for (size_t i = 0; i < entries; i++) {
		const uint8_t *e = page + 0x2d0 + i * 20;

		CHECK(number_at(e, 8) == told[i].start && number_at(e + 8, 8) == told[i].end - told[i].start &&
		      number_at(e + 16, 4) == told[i].type, "range %zu of the map", i);
	}
}

static inline void check_kernel(const struct world *w, const uint8_t *page, uint64_t entry)
{
	struct segue_segment s;
	uint64_t preferred = field(w, 0x258, 8, 0x20a, 0), start = field(w, 0x214, 4, 0, 0), init_size = field(w, 0x260, 4, 0x20a, 0);
	uint64_t alignment = number_at(page + 0x230, 4), plain = start;
	bool relocatable = field(w, 0x234, 1, 0x205, 0) != 0;
	size_t setup = ((field(w, 0x1f1, 1, 0, 0) ? field(w, 0x1f1, 1, 0, 0) : 4) + 1) * 512;

	CHECK(linux_segment(w, "Linux kernel", &s) && s.dest == entry, "the entry is not the kernel's start");
	CHECK(number_at(page + 0x214, 4) == (entry < FOUR_GIB ? entry : start), "code32_start");
	CHECK(s.file_size == kernel_size(w) - setup, "of the kernel's code %llu bytes, not %zu", (unsigned long long)s.file_size,
	      kernel_size(w) - setup);
	CHECK(s.file_size + 15 >= field(w, 0x1f4, 4, 0x204, 0) * 16, "a kernel that is cut off");
	if (relocatable && preferred)
		plain = preferred;
	if (!relocatable && preferred) {
		CHECK(s.dest + s.size >= preferred + init_size, "it runs where nothing is claimed");
	} else if (relocatable) {
		uint64_t run = (s.dest + alignment - 1) / alignment * alignment;

		CHECK(s.dest + s.size >= run + init_size, "init_size is not claimed");
		CHECK(s.dest == plain || (s.dest > plain && s.dest % alignment == 0), "it lies where it may not");
		CHECK(alignment == field(w, 0x230, 4, 0x205, 0) ||
		      (!before(w, 0x20a) && alignment >= (uint64_t)1 << field(w, 0x235, 1, 0x20a, 0)), "alignment");
	}
	CHECK(relocatable || s.dest == start, "it was moved, and is not relocatable");
}

/* kernel: of its segment, where and how large it is */
static inline void check_initrd(const struct world *w, const uint8_t *page, uint64_t limit, const struct segue_segment *kernel)
{
	uint64_t at = number_at(page + 0x218, 4), size = number_at(page + 0x21c, 4), offset = 0;

	if (limit == UINT64_MAX)
		at += number_at(page + 0xc0, 4) << 32;

	for (size_t i = 0; i < w->args.module_count; i++) {
		const struct segue_part *part = &w->args.modules[i];

		for (; offset % 4 && part->size && offset < size; offset++)
			CHECK(fuzz_memory[at + offset] == 0, "no zeros between initrds");
		CHECK(part->size <= size - offset, "an initrd is missing");
		CHECK(!memcmp(fuzz_memory + at + offset, part->data, part->size), "initrd %zu is not whole", i);
		offset += part->size;
	}
	CHECK(offset == size, "the initrd has %llu bytes too many", (unsigned long long)(size - offset));
	if (size == 0) {
		CHECK(at == 0, "an initrd of no bytes");
		return;
	}
	CHECK(at % 4096 == 0 && at >= 0x100000, "the initrd lies at %#llx", (unsigned long long)at);
	CHECK(at + size - 1 <= limit, "the initrd lies above its limit");
	CHECK(!meets(at, (size + 4095) & ~4095ull, kernel->dest, kernel->size), "the initrd lies under the kernel");
}

/*
 * The setup code must equal the file's except for the loader's fields. Zeros follow up to the heap's end, then the
 * command line.
 */
static inline void check_setup(const struct world *w, uint32_t base, uint32_t heap_end, bool old)
{
	static const struct { uint16_t from, to, since; } written[] = {
		{0x1fa, 0x1fc, 0}, {0x210, 0x212, 0x200}, {0x214, 0x220, 0x200}, {0x224, 0x226, 0x201}, {0x228, 0x22c, 0x202},
		{0x230, 0x234, 0x20a},
	};
	static uint8_t expected[0xe000];
	struct field_range filled[2 + sizeof written / sizeof *written];
	const uint8_t *file = w->args.blob.data, *setup = fuzz_memory + base;
	const char *wanted = w->args.cmdline ? w->args.cmdline : "";
	size_t size = ((file[0x1f1] ? file[0x1f1] : 4u) + 1) * 512, count = 0;

	CHECK(size + 4096 <= heap_end && heap_end <= sizeof expected, "no stack");
	if (old || before(w, 0x202)) {
		filled[count++] = (struct field_range){0x20, 0x24};
		if (!old)
			filled[count++] = (struct field_range){0x212, 0x214};
	}
	for (size_t i = 0; i < sizeof written / sizeof *written; i++)
		if (written[i].since == 0 || (!old && !before(w, written[i].since)))
			filled[count++] = (struct field_range){written[i].from, written[i].to};
	memcpy(expected, file, size);
	memset(expected + size, 0, heap_end - size);
	check_rest("setup code", expected, setup, heap_end, filled, count);
	CHECK(!memcmp(setup + heap_end, wanted, strlen(wanted) + 1), "the command line");
	CHECK(number_at(setup + 0x1fa, 2) == 0xffff, "vid_mode");
	if (old || before(w, 0x202))
		CHECK(number_at(setup + 0x20, 2) == 0xa33f && number_at(setup + 0x22, 2) == heap_end, "command line's offset");
	if (old)
		return;
	CHECK(setup[0x210] == 0xff, "type_of_loader");
	CHECK(setup[0x211] == ((file[0x211] & 1) | (before(w, 0x201) ? 0 : 0x80)), "loadflags %#x", setup[0x211]);
	if (before(w, 0x202))
		CHECK(number_at(setup + 0x212, 2) == heap_end + strlen(wanted) + 1, "setup_move_size");
	else
		CHECK(number_at(setup + 0x228, 4) == base + heap_end, "cmd_line_ptr");
	CHECK(before(w, 0x201) || number_at(setup + 0x224, 2) == heap_end - 0x200, "heap_end_ptr");
	CHECK(strlen(wanted) <= field(w, 0x238, 4, 0x206, 255), "the command line is too long");
}

/* The part of the size in the header that the file really has. */
static inline uint64_t zimage_size(const struct world *w)
{
	const uint8_t *file = w->args.blob.data;
	size_t size = kernel_size(w) - ((file[0x1f1] ? file[0x1f1] : 4u) + 1) * 512;
	bool wide = !memcmp(file + 0x202, "HdrS", 4) && !before(w, 0x204);
	uint64_t said = number_at(file + 0x1f4, wide ? 4 : 2) * 16;

	return said != 0 && said < size ? said : size;
}

static inline void check_real_mode(const struct world *w, const struct segue_description *d)
{
	const uint8_t *file = w->args.blob.data;
	bool old = memcmp(file + 0x202, "HdrS", 4), low = old || !(file[0x211] & 1), fixed = low || before(w, 0x202);
	uint32_t start = (uint32_t)number_at(file + 0x214, 4);
	struct segue_segment s, kernel;

	CHECK(linux_segment(w, "Linux setup header", &s) && d->entry == s.dest + 0x200, "the entry is not the setup code's");
	CHECK(fixed ? s.dest == 0x90000 : s.dest >= 0x10000 && s.dest % 16 == 0, "setup code at %#llx", (unsigned long long)s.dest);
	CHECK(w->args.flags & SEGUE_LOAD_BIOS, "there is no BIOS");
	check_setup(w, (uint32_t)s.dest, fixed ? 0x9800 : 0xe000, old);
	CHECK(linux_segment(w, "Linux kernel", &kernel), "no kernel");
	if (low)
		CHECK(kernel.dest == 0x10000 && kernel.dest + kernel.size <= 0x90000 && kernel.file_size == zimage_size(w),
		      "a zImage's code");
	else if (start != 0)
		check_kernel(w, fuzz_memory + s.dest, (uint32_t)number_at(fuzz_memory + s.dest + 0x214, 4));
	else
		CHECK(number_at(fuzz_memory + s.dest + 0x214, 4) == 0, "code32_start 0");
	if (old)
		CHECK(!linux_segment(w, "initrd", &s), "an initrd for what knows none");
	else
		check_initrd(w, fuzz_memory + s.dest, field(w, 0x22c, 4, 0x203, 0x37ffffff), &kernel);
}

/* The 64-bit entry's tables: a GDT, and the first 4 GiB in pages of 2 MiB, and the one at 4 GiB if it is used, mapped to themselves. */
static inline void check_tables(const struct world *w, bool high)
{
	const struct loaded *loaded = (const void *)((const uint8_t *)w->args.workspace + LOADED_AT);
	const struct long_entry *entry = loaded->job.entry.wide;
	struct segue_segment s;
	const uint8_t *tables;

	CHECK(linux_segment(w, "64-bit tables", &s) && s.dest == entry->gdt && s.size == (high ? 0x8000 : 0x7000), "no tables");
	CHECK(entry->cr3 == s.dest + 0x1000 && (uint32_t)entry->rip == loaded->job.entry.eip, "CR3 or RIP");
	tables = fuzz_memory + s.dest;
	CHECK(number_at(tables + 0x10, 8) == 0x00af9b000000ffff && number_at(tables + 0x18, 8) == 0x00cf93000000ffff, "the GDT");
	for (size_t i = 0; i < 512; i++) {
		CHECK(number_at(tables + 0x1000 + i * 8, 8) == (i < 1 ? s.dest + 0x2003 : 0), "entry %zu of the top table", i);
		CHECK(number_at(tables + 0x2000 + i * 8, 8) == (i < (high ? 5 : 4) ? s.dest + 0x3003 + i * 0x1000 : 0), "entry %zu for 1 GiB", i);
		CHECK(!high || number_at(tables + 0x7000 + i * 8, 8) == (i == 0 ? FOUR_GIB + 0x83 : 0), "entry %zu above 4 GiB", i);
	}
	for (size_t i = 0; i < 2048; i++)
		CHECK(number_at(tables + 0x3000 + i * 8, 8) == i * 0x200000 + 0x83, "entry %zu for 2 MiB", i);
}

static inline void check_linux(const struct world *w)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s, kernel;
	const uint8_t *page, *line, *file = w->args.blob.data;
	const char *wanted = w->args.cmdline ? w->args.cmdline : "";
	uint64_t at;

	segue_describe(w->args.workspace, &d);
	if (strcmp(d.protocol, "Linux") || d.container[0] || !memcmp(file, "\177ELF", 4))
		return;
	if (d.real_mode) {
		check_real_mode(w, &d);
		return;
	}
	CHECK(linux_segment(w, "Linux boot parameters", &s), "there is no zero page");
	page = fuzz_memory + s.dest;
	check_page(w, page, file + 0x1f1, 0x202u + file[0x201]);
	CHECK(number_at(page + 0xc4, 4) == 0 && (d.long_mode || (number_at(page + 0xc0, 4) | number_at(page + 0xc8, 4)) == 0), "above 4 GiB");
	CHECK(field(w, 0x250, 8, 0x209, 0) == 0 || field(w, 0x250, 8, 0x209, 0) == number_at(page + 0x250, 8), "setup_data is lost");
	/* By itself only for a kernel or an initrd that the other entry takes nowhere. */
	CHECK(d.long_mode || !(w->args.flags & SEGUE_LOAD_LINUX_64), "not the entry that was asked for");
	CHECK(!d.long_mode || w->args.flags & SEGUE_LOAD_LINUX_64 || w->args.module_count > 0 || d.entry_high, "not asked for");
	CHECK(!d.long_mode || (!before(w, 0x20c) && field(w, 0x236, 2, 0, 0) & 1), "a kernel without a 64-bit entry");
	CHECK(!d.entry_high || (field(w, 0x236, 2, 0, 0) & 2 && field(w, 0x234, 1, 0, 0)), "a kernel that cannot lie above 4 GiB");
	if (d.long_mode)
		check_tables(w, d.entry_high || number_at(page + 0xc0, 4));
	check_kernel(w, page, entry_of(&d) - (d.long_mode ? 0x200 : 0));
	linux_segment(w, "Linux kernel", &kernel);
	check_initrd(w, page, d.long_mode && field(w, 0x236, 2, 0x20c, 0) & 2 ? UINT64_MAX : field(w, 0x22c, 4, 0x203, 0x37ffffff), &kernel);
	if (before(w, 0x202)) {
		CHECK(s.dest == 0x90000 && number_at(page + 0x20, 2) == 0xa33f, "2.01 finds its zero page at 0x90000");
		at = s.dest + number_at(page + 0x22, 2);
	} else {
		at = number_at(page + 0x228, 4) + (number_at(page + 0xc8, 4) << 32);
		CHECK(d.entry_high == at >> 32, "the command line is not where the kernel is");
	}
	CHECK(at >= s.dest + 0x1000 && at + strlen(wanted) + 1 <= s.dest + s.size, "the command line lies outside");
	line = fuzz_memory + at;
	CHECK(!memcmp(line, wanted, strlen(wanted) + 1), "the command line");
	CHECK(strlen(wanted) <= field(w, 0x238, 4, 0x206, 255), "the command line is too long");
}

#endif
