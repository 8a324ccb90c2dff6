/* SPDX-License-Identifier: MIT */
/* The Multiboot 2 information: Multiboot2 Specification 2.0, 3.6. */
#include "state.h"
#include "inspect_output.h"

#define LOADER_MAGIC	0x36d76289u

/* types of tags */
enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER_NAME = 2,
	TAG_MODULE = 3,
	TAG_MEMORY = 4,
	TAG_BOOT_DEVICE = 5,
	TAG_MMAP = 6,
	TAG_VBE = 7,
	TAG_FRAMEBUFFER = 8,
	TAG_SECTIONS = 9,
	TAG_EFI_32 = 11,
	TAG_EFI_64 = 12,
	TAG_RSDP_OLD = 14,
	TAG_RSDP_NEW = 15,
	TAG_EFI_MMAP = 17,
	TAG_LOAD_BASE = 21,
	TAGS = 22,
};

/* of fields in tags, and of the information's head */
enum {
	SIZE = 4,
	DATA = 8,
	HEAD = 8,
	MODULE_STRING = 16,
	MMAP_ENTRIES = 16,
	SECTION_HEADERS = 20,
	PAGE = 4096,
};

/* ELF32 section header offsets and values: System V ABI, chapter 4 */
enum {
	SHDR_TYPE = 4,
	SHDR_ADDR = 12,
	SHDR_SIZE = 20,
	SHDR_LINK = 24,
	SHDR_BYTES = 40,
	SHT_SYMTAB = 2,
	SHT_NOBITS = 8,
	SYM_BYTES = 16,
};

extern const uint32_t inspect_landmark;

static uint32_t info;

static uint32_t info_end(void)
{
	return info + peek32(info);
}

/* The tag after this one, 0: the first; 0 after the last, which is the end tag, and where a tag is broken. */
static uint32_t next_tag(uint32_t tag)
{
	uint32_t next = tag ? tag + ((peek32(tag + SIZE) + 7) & ~7u) : info + HEAD;

	if (tag && (peek32(tag) == TAG_END || peek32(tag + SIZE) < HEAD))
		return 0;
	return next >= info + HEAD && next + HEAD <= info_end() ? next : 0;
}

static uint32_t find(uint32_t type)
{
	uint32_t tag = next_tag(0);

	while (tag && peek32(tag) != type)
		tag = next_tag(tag);
	return tag;
}

static uint32_t tag_end(uint32_t tag)
{
	return tag + peek32(tag + SIZE);
}

uint32_t multiboot2_command_line(const struct saved *state)
{
	uint32_t tag;

	info = state->ebx;
	tag = state->eax == LOADER_MAGIC ? find(TAG_CMDLINE) : 0;
	return tag ? tag + DATA : 0;
}

static uint32_t section_at(uint32_t tag, uint32_t i)
{
	return tag + SECTION_HEADERS + peek32(tag + DATA + 4) * i;
}

static uint8_t byte_sum(uint32_t start, uint32_t size)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < size; i++)
		sum += peek8(start + i);
	return (uint8_t)sum;
}

static void print_tag(uint32_t tag)
{
	uint32_t type = peek32(tag), size = peek32(tag + SIZE), at = tag + DATA, i;

	print("tag.%u = size %u crc32 %x\n", type, size, crc32(tag, size));
	switch (type) {
	case TAG_CMDLINE:
		print("multiboot2.cmdline = %q\n", at);
		break;
	case TAG_LOADER_NAME:
		print("boot_loader_name = %q\n", at);
		break;
	case TAG_MODULE:
		print("module = start %x end %x crc32 %x string %q\n", peek32(at), peek32(at + 4),
		      crc32(peek32(at), peek32(at + 4) - peek32(at)), tag + MODULE_STRING);
		break;
	case TAG_MEMORY:
		print("multiboot2.mem_lower = %u\n", peek32(at));
		print("multiboot2.mem_upper = %u\n", peek32(at + 4));
		break;
	case TAG_BOOT_DEVICE:
		print("multiboot2.boot_device = %x %x %x\n", peek32(at), peek32(at + 4), peek32(at + 8));
		break;
	case TAG_MMAP:
		print("mmap.entry = size %u version %u\n", peek32(at), peek32(at + 4));
		for (at = tag + MMAP_ENTRIES, i = 0; at < tag_end(tag); at += peek32(tag + DATA), i++) {
			print("mmap.%u = %X %X %u\n", i, peek64(at), peek64(at + 8), peek32(at + 16));
			map_add(peek64(at), peek64(at + 8), peek32(at + 16));
			if (peek32(tag + DATA) < 20)
				break;
		}
		break;
	case TAG_VBE:
		print("vbe = mode %x interface %x:%x length %x\n", peek16(at), peek16(at + 2), peek16(at + 4), peek16(at + 6));
		break;
	case TAG_FRAMEBUFFER:
		print("framebuffer = addr %X pitch %u size %u x %u bpp %u type %u\n", peek64(at), peek32(at + 8), peek32(at + 12),
		      peek32(at + 16), peek8(at + 20), peek8(at + 21));
		if (peek8(at + 21) == 1)
			print("framebuffer.colours = red %u %u green %u %u blue %u %u\n", peek8(at + 24), peek8(at + 25), peek8(at + 26),
			      peek8(at + 27), peek8(at + 28), peek8(at + 29));
		break;
	case TAG_SECTIONS:
		print("elf = num %u size %u shndx %u\n", peek32(at), peek32(at + 4), peek32(at + 8));
		for (i = 0; i < peek32(at); i++)
			print("elf.section.%u = type %u addr %x size %x\n", i, peek32(section_at(tag, i) + SHDR_TYPE),
			      peek32(section_at(tag, i) + SHDR_ADDR), peek32(section_at(tag, i) + SHDR_SIZE));
		break;
	case TAG_EFI_32:
		print("efi32 = %x\n", peek32(at));
		break;
	case TAG_EFI_64:
		print("efi64 = %X\n", peek64(at));
		break;
	case TAG_EFI_MMAP:
		print("efi_mmap = descriptor size %u version %u\n", peek32(at), peek32(at + 4));
		break;
	case TAG_RSDP_OLD:
	case TAG_RSDP_NEW:
		print("rsdp.%u = revision %u rsdt %x\n", type, peek8(at + 15), peek32(at + 16));
		break;
	case TAG_LOAD_BASE:
		print("load_base = %x\n", peek32(at));
		break;
	default:
		break;
	}
}

void multiboot2_print(const struct saved *state)
{
	info = state->ebx;
	if (state->eax != LOADER_MAGIC) {
		print("multiboot2 = no: EAX is not the magic\n");
		return;
	}
	print("multiboot2.info = %x\n", info);
	print("multiboot2.size = %u\n", peek32(info));
	for (uint32_t tag = next_tag(0); tag; tag = next_tag(tag))
		print_tag(tag);
}

static void judge_placed(const char *name, uint32_t start, uint32_t end)
{
	expect_that(start != 0 && start <= end && !ranges_meet(start, end, image_start(), image_end()), name,
		    "outside the kernel", "[%x, %x)", start, end);
}

/* Is there a NUL in the tag from at on? Nothing but padding may follow it. */
static void judge_string(const char *name, uint32_t tag, uint32_t at)
{
	uint32_t nul = at;

	while (nul < tag_end(tag) && peek8(nul))
		nul++;
	expect(name, nul + 1, tag_end(tag));
}

static void judge_modules(void)
{
	for (uint32_t tag = next_tag(0); tag; tag = next_tag(tag)) {
		uint32_t start = peek32(tag + DATA), end = peek32(tag + DATA + 4), meets = 0;

		if (peek32(tag) != TAG_MODULE)
			continue;
		expect_masked("protocol.module.start", start, 0, PAGE - 1);
		judge_placed("protocol.module", start, end);
		expect_that(map_has_ram(start, end), "protocol.module.in_ram", "all in available memory", "[%x, %x)", start, end);
		judge_string("protocol.module.string", tag, tag + MODULE_STRING);
		for (uint32_t other = next_tag(0); other < tag; other = next_tag(other))
			if (peek32(other) == TAG_MODULE && ranges_meet(start, end, peek32(other + DATA), peek32(other + DATA + 4)))
				meets++;
		expect("protocol.module.overlaps", meets + ranges_meet(start, end, info, info_end()), 0);
	}
}

static bool same_string(uint32_t address, const char *want)
{
	uint32_t i = 0;

	while (want[i] && peek8(address + i) == (uint8_t)want[i])
		i++;
	return want[i] == 0 && peek8(address + i) == 0;
}

static void judge_sections(uint32_t tag)
{
	uint32_t count = peek32(tag + DATA), found = 0, lost = 0, misplaced = 0;

	expect("protocol.elf.entsize", peek32(tag + DATA + 4), SHDR_BYTES);
	expect("protocol.elf.tag_size", peek32(tag + SIZE), SECTION_HEADERS + SHDR_BYTES * count);
	expect_that(peek32(tag + DATA + 8) < count, "protocol.elf.shndx", "less than the number of sections", "%u",
		    peek32(tag + DATA + 8));
	for (uint32_t i = 1; i < count; i++) {
		uint32_t section = section_at(tag, i), addr = peek32(section + SHDR_ADDR), size = peek32(section + SHDR_SIZE), names;

		if (peek32(section + SHDR_TYPE) == SHT_NOBITS || !size)
			continue;
		if (!addr)
			lost++;
		else if (!map_has_ram(addr, (uint64_t)addr + size))
			misplaced++;
		if (peek32(section + SHDR_TYPE) != SHT_SYMTAB || !addr || peek32(section + SHDR_LINK) >= count)
			continue;
		names = peek32(section_at(tag, peek32(section + SHDR_LINK)) + SHDR_ADDR);
		for (uint32_t at = 0; at + SYM_BYTES <= size; at += SYM_BYTES)
			if (same_string(names + peek32(addr + at), "inspect_landmark"))
				found = peek32(addr + at + 4);
	}
	expect("protocol.elf.sections_without_address", lost, 0);
	expect("protocol.elf.sections_outside_ram", misplaced, 0);
	expect("protocol.elf.landmark", found, (uint32_t)(uintptr_t)&inspect_landmark);
}

/* Each tag once, except modules; the end tag ends the information. */
static void judge_tags(void)
{
	uint32_t seen = 0, twice = 0, unknown = 0, last = 0;

	for (uint32_t tag = next_tag(0); tag; last = tag, tag = next_tag(tag)) {
		uint32_t type = peek32(tag);

		if (type >= TAGS)
			unknown++;
		else if (type != TAG_MODULE && seen & 1u << type)
			twice++;
		else
			seen |= 1u << type;
	}
	expect("protocol.tags.twice", twice, 0);
	expect("protocol.tags.unknown", unknown, 0);
	expect("protocol.tags.end", last ? peek32(last) : 1, TAG_END);
	expect("protocol.total_size", last + HEAD, info_end());
}

static void judge_memory(bool strict)
{
	uint32_t tag = find(TAG_MMAP), upper = peek32(find(TAG_MEMORY) + DATA + 4);

	expect("protocol.mmap.entry_version", peek32(tag + DATA + 4), 0);
	expect("protocol.mmap.whole_entries", (tag_end(tag) - tag - MMAP_ENTRIES) % peek32(tag + DATA), 0);
	map_judge();
	expect_that(map_has_ram(0x100000, 0x100000 + (uint64_t)upper * 1024), "protocol.mem_upper.in_map",
		    "all available in the memory map", "%u KiB", upper);
	for (uint32_t at = tag + MMAP_ENTRIES; strict && at < tag_end(tag); at += peek32(tag + DATA))
		if (peek32(at + 20))
			expect("segue.mmap.reserved", peek32(at + 20), 0);
}

void multiboot2_judge(const struct saved *state, bool strict)
{
	static const uint32_t wanted[] = {TAG_CMDLINE, TAG_LOADER_NAME, TAG_MEMORY, TAG_MMAP, TAG_SECTIONS, TAG_LOAD_BASE};
	uint32_t missing = 0, tag;

	info = state->ebx;
	expect("protocol.eax", state->eax, LOADER_MAGIC);
	if (state->eax != LOADER_MAGIC)
		return;
	expect_masked("protocol.ebx", info, 0, 7);
	judge_placed("protocol.info", info, info_end());
	expect("protocol.reserved", peek32(info + 4), 0);
	judge_tags();
	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		missing += !find(wanted[i]);
	expect("protocol.tags.missing", missing, 0);
	if (missing)
		return;
	judge_memory(strict);
	judge_string("protocol.cmdline", find(TAG_CMDLINE), find(TAG_CMDLINE) + DATA);
	judge_string("protocol.boot_loader_name", find(TAG_LOADER_NAME), find(TAG_LOADER_NAME) + DATA);
	judge_modules();
	judge_sections(find(TAG_SECTIONS));
	expect("protocol.load_base", peek32(find(TAG_LOAD_BASE) + DATA), image_start());
	tag = find(TAG_RSDP_OLD);
	if (tag) {
		expect("protocol.rsdp_old.size", peek32(tag + SIZE), DATA + 20);
		expect("protocol.rsdp_old.sum", byte_sum(tag + DATA, 20), 0);
	}
	tag = find(TAG_RSDP_NEW);
	if (tag) {
		expect("protocol.rsdp_new.size", peek32(tag + SIZE), DATA + peek32(tag + DATA + 20));
		expect("protocol.rsdp_new.sum", byte_sum(tag + DATA, peek32(tag + SIZE) - DATA), 0);
	}
	tag = find(TAG_FRAMEBUFFER);
	if (tag)
		expect_that(peek8(tag + DATA + 21) <= 2 && peek32(tag + DATA + 8) && peek32(tag + DATA + 12), "protocol.framebuffer",
			    "a known type, and sizes", "type %u", peek8(tag + DATA + 21));
	if (strict)
		expect_that(map_has_ram(info, info_end()) && info >= 0x1000, "segue.ebx.in_ram",
			    "available memory above the first page", "[%x, %x)", info, info_end());
}
