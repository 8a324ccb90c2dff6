/* SPDX-License-Identifier: MIT */
/*
 * Prints what the headers of a kernel say, right or wrong. The library decides whether Segue would boot it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/bytes.h"
#include "container/bundle_reader.h"
#include "disk.h"
#include "elf.h"
#include "kernel_facts.h"
#include "linux.h"
#include "multiboot.h"
#include "pvh_format.h"

void fact(const char *label)
{
	printf("  %-15s ", label);
}

static void print_flags(uint32_t flags, const char *const *names, size_t count)
{
	const char *separator = "";
	size_t i;

	for (i = 0; i < 32; i++) {
		if (!(flags >> i & 1))
			continue;
		if (i < count && names[i])
			printf("%s%s", separator, names[i]);
		else
			printf("%sbit %zu", separator, i);
		separator = ", ";
	}
	if (!flags)
		printf("none");
}

/* boot.rst, payload_offset: the compressed vmlinux */
static void print_payload(const struct bytes *kernel, uint64_t at, uint32_t size)
{
	struct bytes payload;
	const char *packed;

	if (!size || !fits(at, size, kernel->size))
		return;
	payload = segue_bytes_at(*kernel, (size_t)at, size);
	packed = segue_is_gzip(&payload) ? "gzip" : segue_compression(&payload);
	fact("  payload");
	printf("%s at offset 0x%" PRIx64 ", %s\n", human_size(size), at, packed ? packed : "not compressed in a known way");
}

/* boot.rst, "The Real-Mode Kernel Header" */
static void print_linux(const struct bytes *kernel)
{
	static const char *const loadflags[] = {
		"loaded high", "KASLR", NULL, NULL, NULL, "quiet", "keep segments", "can use heap"
	};
	static const char *const xloadflags[] = {
		"64-bit entry", "may lie above 4 GiB", "32-bit EFI handover", "64-bit EFI handover", "EFI kexec",
		"5-level paging", "5-level paging on", "memory encryption"
	};
	/* Fields that the header lacks read as 0. */
	uint8_t h[offsetof(struct linux_boot_params, edd_mbr_sig_buffer)] = { 0 };
	uint32_t version, text;

	memcpy(h, kernel->data, kernel->size < sizeof h ? kernel->size : sizeof h);
	version = le16(LINUX_AT(h, hdr.version));
	fact("Linux");
	printf("boot protocol %u.%02u\n", version >> 8, version & 0xff);
	text = 0x200 + le16(LINUX_AT(h, hdr.kernel_version));
	if (version >= 0x200 && text > 0x200 && text < kernel->size) {
		size_t length = 0;

		while (length < 200 && text + length < kernel->size && kernel->data[text + length])
			length++;
		fact("  version");
		print_text(kernel->data + text, length);
		putchar('\n');
	}
	fact("  setup code");
	printf("%u sectors, header to 0x%x\n", segue_linux_setup_size(LINUX_AT(h, hdr.setup_sects)) / 512 - 1,
	       0x202u + *LINUX_AT(h, hdr.jump_distance));
	fact("  loadflags");
	print_flags(*LINUX_AT(h, hdr.loadflags), loadflags, 8);
	printf("\n");
	fact("  32-bit entry");
	printf("0x%x\n", le32(LINUX_AT(h, hdr.code32_start)));
	if (version >= 0x203) {
		fact("  initrd");
		printf("ends at 0x%" PRIx64 " at the latest\n", (uint64_t)le32(LINUX_AT(h, hdr.initrd_addr_max)) + 1);
	}
	if (version >= 0x205) {
		fact("  relocatable");
		printf(*LINUX_AT(h, hdr.relocatable_kernel) ? "yes" : "no");
		printf(", aligned to 0x%x", le32(LINUX_AT(h, hdr.kernel_alignment)));
		if (version >= 0x20a && *LINUX_AT(h, hdr.min_alignment) < 32)
			printf(", to 0x%x at least", 1u << *LINUX_AT(h, hdr.min_alignment));
		putchar('\n');
	}
	if (version >= 0x206) {
		fact("  command line");
		printf("%u bytes at most\n", le32(LINUX_AT(h, hdr.cmdline_size)));
	}
	if (version >= 0x20a) {
		fact("  prefers");
		printf("0x%" PRIx64 "\n", le64(LINUX_AT(h, hdr.pref_address)));
		fact("  needs");
		printf("0x%x bytes from there (%s)\n", le32(LINUX_AT(h, hdr.init_size)),
		       human_size(le32(LINUX_AT(h, hdr.init_size))));
	}
	if (version >= 0x20c) {
		fact("  xloadflags");
		print_flags(le16(LINUX_AT(h, hdr.xloadflags)), xloadflags, 8);
		printf("\n");
	}
	if (version >= 0x208)
		print_payload(kernel, segue_linux_setup_size(LINUX_AT(h, hdr.setup_sects)) + (uint64_t)le32(LINUX_AT(h, hdr.payload_offset)),
			      le32(LINUX_AT(h, hdr.payload_length)));
}

/* Multiboot 0.6.96, section 3.1 */
static void print_multiboot(const struct bytes *kernel)
{
	static const char *const flags_names[] = {
		"page-aligned modules", "memory information", "video mode"
	};
	size_t i = 0;

	for (; segue_next_multiboot(kernel, &i); i += MULTIBOOT_ALIGN) {
		const uint8_t *h = kernel->data + i;
		uint32_t flags = le32(h + offsetof(struct multiboot_header, flags));

		fact("Multiboot 1");
		if (le32(h) + flags + le32(h + offsetof(struct multiboot_header, checksum)) != 0) {
			printf("magic at offset 0x%zx, but a wrong checksum\n", i);
			continue;
		}
		printf("header at offset 0x%zx\n", i);
		fact("  asks for");
		print_flags(flags & MULTIBOOT_MUST_KNOW, flags_names, 3);
		printf(" (flags 0x%x)\n", flags);
		if (flags & MULTIBOOT_ADDRESS_FIELDS && fits(i, MULTIBOOT_HEADER_ADDRESS_FIELDS, kernel->size)) {
			fact("  address fields");
			printf("header 0x%x, load 0x%x to 0x%x, bss to 0x%x, entry 0x%x\n",
			       le32(h + offsetof(struct multiboot_header, header_addr)),
			       le32(h + offsetof(struct multiboot_header, load_addr)),
			       le32(h + offsetof(struct multiboot_header, load_end_addr)),
			       le32(h + offsetof(struct multiboot_header, bss_end_addr)),
			       le32(h + offsetof(struct multiboot_header, entry_addr)));
		}
		if (flags & MULTIBOOT_VIDEO_MODE && fits(i, sizeof(struct multiboot_header), kernel->size)) {
			bool text = le32(h + offsetof(struct multiboot_header, mode_type)) == 1;

			fact("  video mode");
			printf("%ux%u%s, %u bits\n", le32(h + offsetof(struct multiboot_header, width)),
			       le32(h + offsetof(struct multiboot_header, height)), text ? " characters" : "",
			       le32(h + offsetof(struct multiboot_header, depth)));
		}
		return;
	}
}

/* Multiboot 2, sections 3.1.4 to 3.1.13. Fields that the tag lacks read as 0. */
static void print_multiboot_2_tag(const uint8_t *tag, uint32_t size)
{
	static const char *const names[] = {
		NULL, "information", "address tag", "entry tag", "console", "framebuffer", "module align", "EFI services",
		"EFI entry", "EFI entry", "relocatable"
	};
	uint32_t type = le16(tag), count = (size - 8) / 4, i, w[4] = { 0 };
	bool optional = le16(tag + 2) & MULTIBOOT2_HEADER_OPTIONAL;
	char label[16];

	snprintf(label, sizeof label, "  %s", type < MULTIBOOT2_HEADER_TAGS ? names[type] : "unknown tag");
	fact(label);
	for (i = 0; i < 4 && i < count; i++)
		w[i] = le32(tag + 8 + 4 * i);
	switch (type) {
	case MULTIBOOT2_HEADER_REQUEST:
		printf("requests");
		for (i = 0; i < count; i++)
			printf(" %u", le32(tag + 8 + 4 * i));
		break;
	case MULTIBOOT2_HEADER_ADDRESS:
		printf("header 0x%x, load 0x%x to 0x%x, bss to 0x%x", w[0], w[1], w[2], w[3]);
		break;
	case MULTIBOOT2_HEADER_ENTRY:
	case MULTIBOOT2_HEADER_EFI_ENTRY_32:
	case MULTIBOOT2_HEADER_EFI_ENTRY_64:
		printf("0x%x%s", w[0], type == MULTIBOOT2_HEADER_ENTRY ? "" : ", not used");
		break;
	case MULTIBOOT2_HEADER_CONSOLE:
		printf("%s, %s", w[0] & MULTIBOOT2_CONSOLE_REQUIRED ? "required" : "not required",
		       w[0] & MULTIBOOT2_CONSOLE_EGA_TEXT ? "can be text" : "no text");
		break;
	case MULTIBOOT2_HEADER_FRAMEBUFFER:
		printf("%ux%u, %u bits", w[0], w[1], w[2]);
		break;
	case MULTIBOOT2_HEADER_RELOCATABLE:
		printf("0x%x to 0x%x, aligned to 0x%x, %s", w[0], w[1], w[2],
		       w[3] == MULTIBOOT2_PREFER_LOW ? "low" : w[3] == MULTIBOOT2_PREFER_HIGH ? "high" : "anywhere");
		break;
	case MULTIBOOT2_HEADER_MODULE_ALIGN:
		printf("on pages");
		break;
	case MULTIBOOT2_HEADER_EFI_BOOT_SERVICES:
		printf("not used");
		break;
	default:
		printf("type %u", type);
	}
	puts(optional ? " (optional)" : "");
}

/* Multiboot 2, section 3.1 */
static void print_multiboot_2(const struct bytes *kernel)
{
	const uint8_t *h = segue_find_multiboot2(kernel);
	uint64_t at = sizeof(struct multiboot2_header), size, length;

	if (!h)
		return;
	fact("Multiboot 2");
	printf("header at offset 0x%zx\n", (size_t)(h - kernel->data));
	length = le32(h + offsetof(struct multiboot2_header, header_length));
	if (length > kernel->size - (size_t)(h - kernel->data))
		length = kernel->size - (size_t)(h - kernel->data);
	for (; fits(at, 8, length) && le16(h + at) != MULTIBOOT2_HEADER_END; at += (size + 7) & ~7ull) {
		size = le32(h + at + 4);
		if (size < 8 || !fits(at, size, length))
			return;
		print_multiboot_2_tag(h + at, (uint32_t)size);
	}
}

/* The entries in Xen's notes, and whether one allows another place (Xen, include/public/elfnote.h). */
static void print_pvh(const uint8_t *notes, uint64_t size)
{
	struct elf_found_note note = { .contents = notes, .there = size };

	while (segue_elf_find_note(note.contents, note.there, PVH_NOTE_OWNER, PVH_NOTE_ENTRY, &note)) {
		fact("  PVH");
		if (note.size > note.there || (note.size != 4 && note.size != 8)) {
			printf("a note of %" PRIu64 " bytes\n", (uint64_t)note.size);
			return;
		}
		printf("entry 0x%" PRIx64 "\n", note.size == 8 ? le64(note.contents) : le32(note.contents));
		note.contents += note.size;
		note.there -= note.size;
	}
	if (segue_elf_find_note(notes, size, PVH_NOTE_OWNER, PVH_NOTE_RELOCATABLE, &note)) {
		fact("  PVH");
		printf("relocatable, which is not used\n");
	}
}

#define HEADER_16(h, wide, field) le16((h) + (wide ? offsetof(struct elf64_header, field) : offsetof(struct elf32_header, field)))
#define HEADER_WORD(h, wide, field) \
	(wide ? le64((h) + offsetof(struct elf64_header, field)) : le32((h) + offsetof(struct elf32_header, field)))
#define PROGRAM_WORD(p, wide, field) \
	(wide ? le64((p) + offsetof(struct elf64_program_header, field)) : le32((p) + offsetof(struct elf32_program_header, field)))
#define NOTE_BUILD_SALT 0x100u        /* Linux, include/linux/build-salt.h */

/* A Linux by the signs of loaders/elf_linux.c, one of which is the build salt. */
static void print_vmlinux(const struct bytes *kernel, const uint8_t *notes, uint64_t size)
{
	const struct job job = { .bundle.kernel = *kernel };
	struct elf_found_note note;

	if (!segue_elf_is_linux(&job))
		return;
	fact("  Linux");
	printf("vmlinux");
	if (segue_elf_find_note(notes, size, "Linux", NOTE_BUILD_SALT, &note) && note.size > 1 && note.size <= note.there &&
	    note.contents[0]) {
		printf(", build salt ");
		print_text(note.contents, note.size - !note.contents[note.size - 1]);
	}
	putchar('\n');
}

/* gABI, chapters 4 and 5 */
static void print_elf(const struct bytes *kernel)
{
	const uint8_t *h = kernel->data;
	bool wide = kernel->size > 4 && h[4] == 2;
	uint64_t table, unread = kernel->size;
	unsigned i, count, size, machine, loads = 0, notes = 0;

	if (kernel->size < (wide ? sizeof(struct elf64_header) : sizeof(struct elf32_header)))
		return;
	machine = HEADER_16(h, wide, e_machine);
	fact("ELF");
	printf("%s, %s-endian, ", h[4] == 1 ? "32-bit" : wide ? "64-bit" : "of no known class", h[5] == 1 ? "little" : "big");
	printf(machine == 3 ? "i386" : machine == 62 ? "x86-64" : "machine %u", machine);
	printf(", type %u\n", HEADER_16(h, wide, e_type));
	fact("  entry");
	printf("0x%" PRIx64 " (virtual, as the header has it)\n", HEADER_WORD(h, wide, e_entry));
	table = HEADER_WORD(h, wide, e_phoff);
	count = HEADER_16(h, wide, e_phnum);
	size = HEADER_16(h, wide, e_phentsize);
	if (size < (wide ? sizeof(struct elf64_program_header) : sizeof(struct elf32_program_header)) ||
	    !fits(table, (uint64_t)count * size, kernel->size))
		return;
	for (i = 0; i < count; i++) {
		const uint8_t *p = h + table + (uint64_t)i * size;
		uint64_t offset = PROGRAM_WORD(p, wide, p_offset), file_size = PROGRAM_WORD(p, wide, p_filesz);

		loads += le32(p) == 1;
		if (le32(p) == PT_NOTE && offset < kernel->size) {
			uint64_t there = file_size < kernel->size - offset ? file_size : kernel->size - offset;

			/* The PVH loader reads no more notes than this either. */
			if (there > unread)
				there = unread = 0;
			unread -= there;
			print_pvh(h + offset, there);
			if (notes++ == 0)
				print_vmlinux(kernel, h + offset, there);
		}
	}
	fact("  segments");
	printf("%u to load, of %u program headers\n", loads, count);
}

/* UEFI 2.10, section 2.1.1: a PE file */
static void print_pe(const struct bytes *kernel)
{
	uint32_t at;

	if (kernel->size < 0x40 || memcmp(kernel->data, "MZ", 2))
		return;
	at = le32(kernel->data + 0x3c);
	if (!fits(at, 6, kernel->size) || memcmp(kernel->data + at, "PE\0\0", 4))
		return;
	fact("UEFI");
	printf("also a PE file, machine 0x%x\n", le16(kernel->data + at + 4));
}

void print_kernel_facts(const struct bytes *kernel)
{
	if (segue_is_linux(kernel))
		print_linux(kernel);
	if (segue_is_elf(kernel))
		print_elf(kernel);
	print_multiboot(kernel);
	print_multiboot_2(kernel);
	print_pe(kernel);
}
