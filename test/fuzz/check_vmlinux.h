/* SPDX-License-Identifier: MIT */
/* Checks what a Linux that was loaded as an ELF file finds in fuzz_memory. Reads the file's program headers by itself. */
#ifndef FUZZ_CHECK_VMLINUX_H
#define FUZZ_CHECK_VMLINUX_H

#include "check_linux.h"

/* Each segment lies at its address, with its zeros after it. *kernel receives the range from the first to the last. */
static inline void check_loads(const struct world *w, struct segue_segment *kernel)
{
	const uint8_t *file = w->args.blob.data;
	bool wide = file[4] == 2;
	const uint8_t *p = file + (wide ? number_at(file + 32, 8) : number_at(file + 28, 4));
	uint64_t low = UINT64_MAX, high = 0;

	for (unsigned i = 0; i < number_at(file + (wide ? 56 : 44), 2); i++, p += wide ? 56 : 32) {
		uint64_t offset = wide ? number_at(p + 8, 8) : number_at(p + 4, 4), at = wide ? number_at(p + 24, 8) : number_at(p + 12, 4);
		uint64_t size = wide ? number_at(p + 32, 8) : number_at(p + 16, 4), all = wide ? number_at(p + 40, 8) : number_at(p + 20, 4);

		if (number_at(p, 4) != 1 || all == 0)
			continue;
		CHECK(!memcmp(fuzz_memory + at, file + offset, size), "segment %u is not in place", i);
		CHECK(is_zero(fuzz_memory + at + size, all - size), "segment %u: no zeros", i);
		low = at < low ? at : low;
		high = at + all > high ? at + all : high;
	}
	kernel->dest = low;
	kernel->size = high - low;
}

static inline void check_vmlinux(const struct world *w)
{
	static const uint8_t made[0x26c - 0x1f1] = {
		[1] = 1, [0x0d] = 0x55, 0xaa, 0xeb, 0x6a, 'H', 'd', 'r', 'S', 0x0f, 0x02, [0x3b] = 0xff, 0xff, 0xff, 0x7f, [0x47] = 0xff, 0x07,
	};
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s, kernel = {.dest = 0};
	const uint8_t *page, *file = w->args.blob.data;
	const char *wanted = w->args.cmdline ? w->args.cmdline : "";
	uint64_t at;

	segue_describe(w->args.workspace, &d);
	if (strcmp(d.protocol, "Linux") || d.container[0] || memcmp(file, "\177ELF", 4))
		return;
	CHECK(d.is_64_bit == (file[4] == 2 || number_at(file + 18, 2) == 62) && d.long_mode == d.is_64_bit && !d.real_mode, "its mode");
	CHECK(linux_segment(w, "64-bit tables", &s) == !!d.long_mode, "the 64-bit tables");
	CHECK(linux_segment(w, "Linux boot parameters", &s), "there is no zero page");
	page = fuzz_memory + s.dest;
	check_page(w, page, made, 0x26c);
	CHECK((number_at(page + 0xc0, 8) | number_at(page + 0xc8, 4)) == 0, "above 4 GiB");
	check_loads(w, &kernel);
	CHECK(number_at(page + 0x214, 4) == d.entry, "code32_start");
	check_initrd(w, page, 0x7fffffff, &kernel);
	for (size_t i = 0; segue_segment_at(w->args.workspace, i, &s) == SEGUE_OK; i++)
		CHECK(!strcmp(s.name, "ELF segment") || !meets(s.dest, s.size, kernel.dest, kernel.size), "%s lies in the kernel", s.name);
	CHECK(!meets(d.purgatory, d.purgatory_size, kernel.dest, kernel.size) || d.purgatory == w->args.workspace_phys,
	      "purgatory lies in the kernel");
	at = number_at(page + 0x228, 4);
	CHECK(!memcmp(fuzz_memory + at, wanted, strlen(wanted) + 1), "the command line");
}

#endif
