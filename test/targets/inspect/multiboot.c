/* SPDX-License-Identifier: MIT */
/* The Multiboot 1 information structure: Multiboot 0.6.96, 3.3. */
#include "state.h"
#include "inspect_output.h"

#define BOOTLOADER_MAGIC	0x2badb002u

/* offsets */
enum {
	INFO_FLAGS = 0,
	INFO_MEM_LOWER = 4,
	INFO_MEM_UPPER = 8,
	INFO_BOOT_DEVICE = 12,
	INFO_CMDLINE = 16,
	INFO_MODS_COUNT = 20,
	INFO_MODS_ADDR = 24,
	INFO_SHDR_NUM = 28,
	INFO_SHDR_SIZE = 32,
	INFO_SHDR_ADDR = 36,
	INFO_SHDR_SHNDX = 40,
	INFO_MMAP_LENGTH = 44,
	INFO_MMAP_ADDR = 48,
	INFO_DRIVES_LENGTH = 52,
	INFO_DRIVES_ADDR = 56,
	INFO_CONFIG_TABLE = 60,
	INFO_BOOT_LOADER_NAME = 64,
	INFO_APM_TABLE = 68,
	INFO_VBE_CONTROL = 72,
	INFO_VBE_MODE_INFO = 76,
	INFO_VBE_MODE = 80,
	INFO_VBE_SEGMENT = 82,
	INFO_VBE_OFFSET = 84,
	INFO_VBE_LENGTH = 86,
	INFO_FB_ADDR = 88,
	INFO_FB_PITCH = 96,
	INFO_FB_WIDTH = 100,
	INFO_FB_HEIGHT = 104,
	INFO_FB_BPP = 108,
	INFO_FB_TYPE = 109,
	INFO_FB_COLOUR = 110,
	INFO_FB_COLOUR_ALIGNED = 112,	/* the offset in the specification's multiboot.h, which GRUB uses */
	INFO_SIZE = 116,
	MODULE_SIZE = 16,
	PAGE = 4096,
};

/* flags */
enum {
	HAS_MEMORY = 1 << 0,
	HAS_BOOT_DEVICE = 1 << 1,
	HAS_CMDLINE = 1 << 2,
	HAS_MODULES = 1 << 3,
	HAS_AOUT = 1 << 4,
	HAS_ELF = 1 << 5,
	HAS_MMAP = 1 << 6,
	HAS_DRIVES = 1 << 7,
	HAS_CONFIG = 1 << 8,
	HAS_LOADER_NAME = 1 << 9,
	HAS_APM = 1 << 10,
	HAS_VBE = 1 << 11,
	HAS_FRAMEBUFFER = 1 << 12,
	KNOWN_FLAGS = (1 << 13) - 1,
};

/* ELF32 section header offsets and values: System V ABI, chapter 4 */
enum {
	SHDR_NAME = 0,
	SHDR_TYPE = 4,
	SHDR_ADDR = 12,
	SHDR_OFFSET = 16,
	SHDR_SIZE = 20,
	SHDR_LINK = 24,
	SHDR_BYTES = 40,
	SHT_SYMTAB = 2,
	SHT_NOBITS = 8,
	SYM_BYTES = 16,
};

/* Searched by its name in the symbol table that the loader passes. */
const uint32_t inspect_landmark = 0x5e60e;

static uint32_t info;

static bool has(uint32_t flag)
{
	return (peek32(info + INFO_FLAGS) & flag) != 0;
}

static uint32_t field(uint32_t offset)
{
	return peek32(info + offset);
}

uint32_t multiboot_command_line(const struct saved *state)
{
	info = state->ebx;
	return state->eax == BOOTLOADER_MAGIC && has(HAS_CMDLINE) ? field(INFO_CMDLINE) : 0;
}

static uint32_t module_at(uint32_t i)
{
	return field(INFO_MODS_ADDR) + MODULE_SIZE * i;
}

static uint32_t section_at(uint32_t i)
{
	return field(INFO_SHDR_ADDR) + field(INFO_SHDR_SIZE) * i;
}

/* An entry with a too small size field ends the loop. */
static uint32_t next_mmap(uint32_t entry)
{
	return peek32(entry) < 20 ? 0 : entry + 4 + peek32(entry);
}

static void print_modules(void)
{
	print("multiboot.mods_count = %u\n", field(INFO_MODS_COUNT));
	print("multiboot.mods_addr = %x\n", field(INFO_MODS_ADDR));
	for (uint32_t i = 0; i < field(INFO_MODS_COUNT); i++) {
		uint32_t start = peek32(module_at(i)), end = peek32(module_at(i) + 4);

		print("module.%u.start = %x\n", i, start);
		print("module.%u.end = %x\n", i, end);
		print("module.%u.string_addr = %x\n", i, peek32(module_at(i) + 8));
		if (peek32(module_at(i) + 8))
			print("module.%u.string = %q\n", i, peek32(module_at(i) + 8));
		print("module.%u.reserved = %x\n", i, peek32(module_at(i) + 12));
		if (start <= end)
			print("module.%u.crc32 = %x\n", i, crc32(start, end - start));
	}
}

static void print_sections(void)
{
	uint32_t names = 0;

	print("elf.num = %u\n", field(INFO_SHDR_NUM));
	print("elf.size = %u\n", field(INFO_SHDR_SIZE));
	print("elf.addr = %x\n", field(INFO_SHDR_ADDR));
	print("elf.shndx = %u\n", field(INFO_SHDR_SHNDX));
	if (field(INFO_SHDR_SHNDX) < field(INFO_SHDR_NUM))
		names = peek32(section_at(field(INFO_SHDR_SHNDX)) + SHDR_ADDR);
	for (uint32_t i = 0; i < field(INFO_SHDR_NUM); i++) {
		uint32_t section = section_at(i);

		if (names)
			print("elf.section.%u.name = %q\n", i, names + peek32(section + SHDR_NAME));
		print("elf.section.%u = type %u addr %x size %x link %u\n", i, peek32(section + SHDR_TYPE),
		      peek32(section + SHDR_ADDR), peek32(section + SHDR_SIZE), peek32(section + SHDR_LINK));
	}
}

static void print_mmap(void)
{
	uint32_t entry = field(INFO_MMAP_ADDR), end = entry + field(INFO_MMAP_LENGTH), i = 0;

	print("mmap.addr = %x\n", entry);
	print("mmap.length = %u\n", field(INFO_MMAP_LENGTH));
	for (; entry && entry < end; entry = next_mmap(entry), i++) {
		print("mmap.%u = %X %X %u size %u\n", i, peek64(entry + 4), peek64(entry + 12),
		      peek32(entry + 20), peek32(entry));
		map_add(peek64(entry + 4), peek64(entry + 12), peek32(entry + 20));
	}
}

static void print_colours(const char *name, uint32_t at)
{
	print("%s = red %u %u green %u %u blue %u %u\n", name, peek8(info + at), peek8(info + at + 1),
	      peek8(info + at + 2), peek8(info + at + 3), peek8(info + at + 4), peek8(info + at + 5));
}

static void print_video(void)
{
	if (has(HAS_VBE)) {
		print("vbe.control_info = %x\n", field(INFO_VBE_CONTROL));
		print("vbe.mode_info = %x\n", field(INFO_VBE_MODE_INFO));
		print("vbe.mode = %x\n", peek16(info + INFO_VBE_MODE));
		print("vbe.interface_segment = %x\n", peek16(info + INFO_VBE_SEGMENT));
		print("vbe.interface_offset = %x\n", peek16(info + INFO_VBE_OFFSET));
		print("vbe.interface_length = %x\n", peek16(info + INFO_VBE_LENGTH));
	}
	if (has(HAS_FRAMEBUFFER)) {
		print("framebuffer.addr = %X\n", peek64(info + INFO_FB_ADDR));
		print("framebuffer.pitch = %u\n", field(INFO_FB_PITCH));
		print("framebuffer.width = %u\n", field(INFO_FB_WIDTH));
		print("framebuffer.height = %u\n", field(INFO_FB_HEIGHT));
		print("framebuffer.bpp = %u\n", peek8(info + INFO_FB_BPP));
		print("framebuffer.type = %u\n", peek8(info + INFO_FB_TYPE));
		if (peek8(info + INFO_FB_TYPE) == 1) {
			print_colours("framebuffer.colours_at_110", INFO_FB_COLOUR);
			print_colours("framebuffer.colours_at_112", INFO_FB_COLOUR_ALIGNED);
		}
	}
}

void multiboot_print(const struct saved *state)
{
	info = state->ebx;
	if (state->eax != BOOTLOADER_MAGIC) {
		print("multiboot = no: EAX is not the magic\n");
		return;
	}
	print("multiboot.info = %x\n", info);
	print("multiboot.flags = %x\n", field(INFO_FLAGS));
	if (has(HAS_MEMORY)) {
		print("multiboot.mem_lower = %u\n", field(INFO_MEM_LOWER));
		print("multiboot.mem_upper = %u\n", field(INFO_MEM_UPPER));
	}
	if (has(HAS_BOOT_DEVICE))
		print("multiboot.boot_device = %x\n", field(INFO_BOOT_DEVICE));
	if (has(HAS_CMDLINE)) {
		print("multiboot.cmdline_addr = %x\n", field(INFO_CMDLINE));
		print("multiboot.cmdline = %q\n", field(INFO_CMDLINE));
	}
	if (has(HAS_MODULES))
		print_modules();
	if (has(HAS_AOUT))
		print("aout = tabsize %x strsize %x addr %x\n", field(INFO_SHDR_NUM),
		      field(INFO_SHDR_SIZE), field(INFO_SHDR_ADDR));
	if (has(HAS_ELF))
		print_sections();
	if (has(HAS_MMAP))
		print_mmap();
	if (has(HAS_DRIVES))
		print("drives = length %u addr %x\n", field(INFO_DRIVES_LENGTH), field(INFO_DRIVES_ADDR));
	if (has(HAS_CONFIG))
		print("config_table = %x\n", field(INFO_CONFIG_TABLE));
	if (has(HAS_LOADER_NAME))
		print("boot_loader_name = %q\n", field(INFO_BOOT_LOADER_NAME));
	if (has(HAS_APM))
		print("apm_table = %x\n", field(INFO_APM_TABLE));
	print_video();
}

static void judge_memory(void)
{
	uint64_t upper_end = 0x100000 + (uint64_t)field(INFO_MEM_UPPER) * 1024;

	expect_that(has(HAS_MEMORY), "protocol.flags.memory", "set: our header asks for it", "%x",
		    field(INFO_FLAGS));
	if (!has(HAS_MEMORY))
		return;
	expect_that(field(INFO_MEM_LOWER) > 0 && field(INFO_MEM_LOWER) <= 640, "protocol.mem_lower",
		    "1 to 640", "%u", field(INFO_MEM_LOWER));
	expect_that(field(INFO_MEM_UPPER) > 0, "protocol.mem_upper", "not 0", "%u", field(INFO_MEM_UPPER));
	if (!has(HAS_MMAP))
		return;
	expect_that(map_has_ram(0x100000, upper_end), "protocol.mem_upper.in_map",
		    "all available in the memory map", "[0x100000, %X)", upper_end);
}

static void judge_mmap(void)
{
	uint32_t entry = field(INFO_MMAP_ADDR), end = entry + field(INFO_MMAP_LENGTH);

	while (entry && entry < end)
		entry = next_mmap(entry);
	expect("protocol.mmap.end", entry, end);
	map_judge();
}

static bool apart_from_image(uint64_t start, uint64_t end)
{
	return !ranges_meet(start, end, image_start(), image_end());
}

static uint32_t string_end(uint32_t address)
{
	uint32_t end = address;

	while (end - address < PAGE && peek8(end))
		end++;
	return end + 1;
}

static void judge_placed(const char *name, uint32_t start, uint32_t end)
{
	expect_that(start != 0 && start <= end && apart_from_image(start, end), name,
		    "outside the kernel", "[%x, %x)", start, end);
}

static void judge_modules(void)
{
	uint32_t count = field(INFO_MODS_COUNT), list_end = module_at(count);

	if (!count)
		return;
	judge_placed("protocol.mods_addr", field(INFO_MODS_ADDR), list_end);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t start = peek32(module_at(i)), end = peek32(module_at(i) + 4);
		uint32_t string = peek32(module_at(i) + 8);
		uint32_t meets = 0;

		print("module = %u\n", i);
		expect_masked("protocol.module.start", start, 0, PAGE - 1);
		judge_placed("protocol.module", start, end);
		expect_that(!has(HAS_MMAP) || map_has_ram(start, end), "protocol.module.in_ram",
			    "all in available memory", "[%x, %x)", start, end);
		expect("protocol.module.reserved", peek32(module_at(i) + 12), 0);
		if (string)
			judge_placed("protocol.module.string", string, string_end(string));
		if (ranges_meet(start, end, info, info + INFO_SIZE) ||
		    ranges_meet(start, end, field(INFO_MODS_ADDR), list_end) ||
		    (string && ranges_meet(start, end, string, string_end(string))))
			meets++;
		for (uint32_t j = 0; j < i; j++)
			if (ranges_meet(start, end, peek32(module_at(j)), peek32(module_at(j) + 4)))
				meets++;
		expect("protocol.module.overlaps", meets, 0);
	}
}

static bool same_string(uint32_t address, const char *want)
{
	uint32_t i = 0;

	while (want[i] && peek8(address + i) == (uint8_t)want[i])
		i++;
	return want[i] == 0 && peek8(address + i) == 0;
}

/* The value of our own symbol, found as a debugger in the target would find it. */
static uint32_t find_landmark(void)
{
	uint32_t count = field(INFO_SHDR_NUM);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t table = peek32(section_at(i) + SHDR_ADDR), size = peek32(section_at(i) + SHDR_SIZE);
		uint32_t link = peek32(section_at(i) + SHDR_LINK), names;

		if (peek32(section_at(i) + SHDR_TYPE) != SHT_SYMTAB || !table || link >= count)
			continue;
		names = peek32(section_at(link) + SHDR_ADDR);
		for (uint32_t at = 0; at + SYM_BYTES <= size; at += SYM_BYTES)
			if (same_string(names + peek32(table + at), "inspect_landmark"))
				return peek32(table + at + 4);
	}
	return 0;
}

static void judge_sections(void)
{
	uint32_t lost = 0, misplaced = 0;

	expect("protocol.elf.size", field(INFO_SHDR_SIZE), SHDR_BYTES);
	expect_that(field(INFO_SHDR_SHNDX) < field(INFO_SHDR_NUM), "protocol.elf.shndx",
		    "less than the number of sections", "%u", field(INFO_SHDR_SHNDX));
	judge_placed("protocol.elf.addr", field(INFO_SHDR_ADDR), section_at(field(INFO_SHDR_NUM)));
	for (uint32_t i = 1; i < field(INFO_SHDR_NUM); i++) {
		uint32_t addr = peek32(section_at(i) + SHDR_ADDR), size = peek32(section_at(i) + SHDR_SIZE);

		if (peek32(section_at(i) + SHDR_TYPE) == SHT_NOBITS || !size)
			continue;
		if (!addr)
			lost++;
		else if (has(HAS_MMAP) && !map_has_ram(addr, (uint64_t)addr + size))
			misplaced++;
	}
	expect("protocol.elf.sections_without_address", lost, 0);
	expect("protocol.elf.sections_outside_ram", misplaced, 0);
	expect("protocol.elf.landmark", find_landmark(), (uint32_t)(uintptr_t)&inspect_landmark);
}

static void judge_video(void)
{
	uint32_t type = peek8(info + INFO_FB_TYPE), bpp = peek8(info + INFO_FB_BPP);
	/* a text mode's pitch counts characters of two bytes */
	uint32_t line = field(INFO_FB_WIDTH) * (type == 2 ? 2 : (bpp + 7) / 8);

	expect_that(has(HAS_VBE | HAS_FRAMEBUFFER), "protocol.flags.video", "set: our header asks for it",
		    "%x", field(INFO_FLAGS));
	if (!has(HAS_FRAMEBUFFER))
		return;
	expect_that(type <= 2, "protocol.framebuffer.type", "0, 1 or 2", "%u", type);
	expect_that(field(INFO_FB_WIDTH) && field(INFO_FB_HEIGHT) && field(INFO_FB_PITCH) >= line,
		    "protocol.framebuffer.size", "a pitch of at least one line", "%u x %u pitch %u",
		    field(INFO_FB_WIDTH), field(INFO_FB_HEIGHT), field(INFO_FB_PITCH));
	expect_that(!ranges_meet(peek64(info + INFO_FB_ADDR), peek64(info + INFO_FB_ADDR) + 1,
				 image_start(), image_end()) && peek64(info + INFO_FB_ADDR),
		    "protocol.framebuffer.addr", "an address outside the kernel", "%X",
		    peek64(info + INFO_FB_ADDR));
}

void multiboot_judge(const struct saved *state, bool video, bool strict)
{
	info = state->ebx;
	expect("protocol.eax", state->eax, BOOTLOADER_MAGIC);
	if (state->eax != BOOTLOADER_MAGIC)
		return;
	judge_placed("protocol.ebx", info, info + INFO_SIZE);
	expect_that(!has(HAS_AOUT) || !has(HAS_ELF), "protocol.flags.symbols", "not both bits 4 and 5",
		    "%x", field(INFO_FLAGS));
	judge_memory();
	if (has(HAS_CMDLINE))
		judge_placed("protocol.cmdline", field(INFO_CMDLINE), string_end(field(INFO_CMDLINE)));
	if (has(HAS_MODULES))
		judge_modules();
	if (has(HAS_ELF))
		judge_sections();
	if (has(HAS_MMAP))
		judge_mmap();
	if (has(HAS_LOADER_NAME))
		judge_placed("protocol.boot_loader_name", field(INFO_BOOT_LOADER_NAME),
			     string_end(field(INFO_BOOT_LOADER_NAME)));
	if (video)
		judge_video();
	if (!strict)
		return;
	expect_masked("segue.flags.unknown", field(INFO_FLAGS), 0, ~(uint32_t)KNOWN_FLAGS);
	expect_that(has(HAS_MMAP), "segue.flags.mmap", "set", "%x", field(INFO_FLAGS));
	expect_that(has(HAS_ELF), "segue.flags.elf", "set", "%x", field(INFO_FLAGS));
	expect_that(has(HAS_CMDLINE), "segue.flags.cmdline", "set", "%x", field(INFO_FLAGS));
	expect_that(has(HAS_LOADER_NAME), "segue.flags.boot_loader_name", "set", "%x", field(INFO_FLAGS));
	/* writable by the target: not the firmware's, and not the hole below 1 MiB */
	expect_that(map_has_ram(info, info + INFO_SIZE) && info >= 0x1000, "segue.ebx.in_ram",
		    "available memory above the first page", "[%x, %x)", info, info + INFO_SIZE);
}
