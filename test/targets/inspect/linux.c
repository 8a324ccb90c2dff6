/* SPDX-License-Identifier: MIT */
/* Linux's boot_params: Documentation/x86/zero-page.rst and boot.rst. */
#include "state.h"
#include "inspect_output.h"

/* offsets */
enum {
	SCREEN_X = 0x00,
	SCREEN_Y = 0x01,
	SCREEN_EXT_MEM_K = 0x02,
	SCREEN_PAGE = 0x04,
	SCREEN_MODE = 0x06,
	SCREEN_COLS = 0x07,
	SCREEN_FLAGS = 0x08,
	SCREEN_EGA_BX = 0x0a,
	SCREEN_LINES = 0x0e,
	SCREEN_IS_VGA = 0x0f,
	SCREEN_POINTS = 0x10,
	SCREEN_LFB_WIDTH = 0x12,
	SCREEN_LFB_HEIGHT = 0x14,
	SCREEN_LFB_DEPTH = 0x16,
	SCREEN_LFB_BASE = 0x18,
	SCREEN_LFB_SIZE = 0x1c,
	SCREEN_LFB_LINE = 0x24,
	SCREEN_COLOURS = 0x26,
	SCREEN_VESA_ATTRIBUTES = 0x34,
	SCREEN_CAPABILITIES = 0x36,
	SCREEN_EXT_LFB_BASE = 0x3a,
	APM_BIOS_INFO = 0x40,
	PAD_54 = 0x54,
	TBOOT_ADDR = 0x58,
	ACPI_RSDP_ADDR = 0x70,
	PAD_78 = 0x78,
	EXT_RAMDISK_IMAGE = 0xc0,
	EXT_RAMDISK_SIZE = 0xc4,
	EXT_CMD_LINE_PTR = 0xc8,
	PAD_CC = 0xcc,
	CC_BLOB_ADDRESS = 0x13c,
	EDID_INFO = 0x140,
	EFI_INFO = 0x1c0,
	ALT_MEM_K = 0x1e0,
	E820_ENTRIES = 0x1e8,
	EDDBUF_ENTRIES = 0x1e9,
	EDD_SIGNATURES = 0x1ea,
	KBD_STATUS = 0x1eb,
	SECURE_BOOT = 0x1ec,
	PAD_1ED = 0x1ed,
	SENTINEL = 0x1ef,
	PAD_1F0 = 0x1f0,
	HDR_SETUP_SECTS = 0x1f1,
	HDR_SYSSIZE = 0x1f4,
	HDR_VID_MODE = 0x1fa,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_JUMP_LENGTH = 0x201,
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_TYPE_OF_LOADER = 0x210,
	HDR_LOADFLAGS = 0x211,
	HDR_CODE32_START = 0x214,
	HDR_RAMDISK_IMAGE = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_HEAP_END_PTR = 0x224,
	HDR_EXT_LOADER_VER = 0x226,
	HDR_EXT_LOADER_TYPE = 0x227,
	HDR_CMD_LINE_PTR = 0x228,
	HDR_INITRD_ADDR_MAX = 0x22c,
	HDR_KERNEL_ALIGNMENT = 0x230,
	HDR_RELOCATABLE = 0x234,
	HDR_MIN_ALIGNMENT = 0x235,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_HARDWARE_SUBARCH = 0x23c,
	HDR_PAYLOAD_OFFSET = 0x248,
	HDR_SETUP_DATA = 0x250,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_LIMIT = 0x290,		/* offset of the next field of boot_params */
	E820_TABLE = 0x2d0,
	E820_MAX = 128,
	E820_BYTES = 20,
	PAD_CD0 = 0xcd0,
	EDDBUF = 0xd00,
	PAD_EEC = 0xeec,
	BOOT_PARAMS_SIZE = 0x1000,
	ENTERED_BY_SETUP = 0x16b17,	/* variant.inc says the same */
	SETUP_DATA_MAX = 64,
	SETUP_E820_EXT = 1,
	LOADED_HIGH = 1,
	CAN_USE_HEAP = 0x80,
	XLF_CAN_BE_LOADED_ABOVE_4G = 2,
};
#define MAGIC_HDRS		0x53726448u
#define FOUR_GIB		0x100000000u

_Static_assert(E820_TABLE + E820_MAX * E820_BYTES == PAD_CD0, "zero-page.rst");
_Static_assert(EDDBUF + 6 * 82 == PAD_EEC, "zero-page.rst");

/* pref_address and alignment are 0 in the ELF file: it has no setup header, and the zero page's is the loader's own */
extern const uint32_t layout_init_size, layout_pref_address, layout_alignment;

static uint32_t params;

static uint32_t field(uint32_t offset)
{
	return peek32(params + offset);
}

static uint64_t join(uint32_t low, uint32_t high)
{
	return low + ((uint64_t)high << 32);
}

static uint64_t ramdisk(void)
{
	return join(field(HDR_RAMDISK_IMAGE), field(EXT_RAMDISK_IMAGE));
}

static uint64_t ramdisk_size(void)
{
	return join(field(HDR_RAMDISK_SIZE), field(EXT_RAMDISK_SIZE));
}

bool linux_is_elf(void)
{
	return layout_pref_address == 0;
}

/* ESI may have any value: does it point to a setup header? */
static bool has_params(const struct saved *state)
{
	params = state->esi;
	return field(HDR_MAGIC) == MAGIC_HDRS;
}

uint32_t linux_command_line(const struct saved *state)
{
	return has_params(state) ? field(HDR_CMD_LINE_PTR) : 0;
}

static void print_screen_info(void)
{
	print("screen.x = %u\n", peek8(params + SCREEN_X));
	print("screen.y = %u\n", peek8(params + SCREEN_Y));
	print("screen.ext_mem_k = %u\n", peek16(params + SCREEN_EXT_MEM_K));
	print("screen.page = %u\n", peek16(params + SCREEN_PAGE));
	print("screen.mode = %x\n", peek8(params + SCREEN_MODE));
	print("screen.cols = %u\n", peek8(params + SCREEN_COLS));
	print("screen.flags = %x\n", peek8(params + SCREEN_FLAGS));
	print("screen.ega_bx = %x\n", peek16(params + SCREEN_EGA_BX));
	print("screen.lines = %u\n", peek8(params + SCREEN_LINES));
	print("screen.is_vga = %x\n", peek8(params + SCREEN_IS_VGA));
	print("screen.points = %u\n", peek16(params + SCREEN_POINTS));
	print("screen.lfb_width = %u\n", peek16(params + SCREEN_LFB_WIDTH));
	print("screen.lfb_height = %u\n", peek16(params + SCREEN_LFB_HEIGHT));
	print("screen.lfb_depth = %u\n", peek16(params + SCREEN_LFB_DEPTH));
	print("screen.lfb_base = %X\n", join(field(SCREEN_LFB_BASE), field(SCREEN_EXT_LFB_BASE)));
	print("screen.lfb_size = %x\n", field(SCREEN_LFB_SIZE));
	print("screen.lfb_linelength = %u\n", peek16(params + SCREEN_LFB_LINE));
	print("screen.colours = %x %x\n", field(SCREEN_COLOURS), field(SCREEN_COLOURS + 4));
	print("screen.vesa_attributes = %x\n", peek16(params + SCREEN_VESA_ATTRIBUTES));
	print("screen.capabilities = %x\n", field(SCREEN_CAPABILITIES));
}

static void print_header(void)
{
	print("hdr.setup_sects = %u\n", peek8(params + HDR_SETUP_SECTS));
	print("hdr.syssize = %x\n", field(HDR_SYSSIZE));
	print("hdr.vid_mode = %x\n", peek16(params + HDR_VID_MODE));
	print("hdr.boot_flag = %x\n", peek16(params + HDR_BOOT_FLAG));
	print("hdr.length = %x\n", HDR_MAGIC + peek8(params + HDR_JUMP_LENGTH));
	print("hdr.version = %x\n", peek16(params + HDR_VERSION));
	print("hdr.type_of_loader = %x\n", peek8(params + HDR_TYPE_OF_LOADER));
	print("hdr.loadflags = %x\n", peek8(params + HDR_LOADFLAGS));
	print("hdr.code32_start = %x\n", field(HDR_CODE32_START));
	print("hdr.heap_end_ptr = %x\n", peek16(params + HDR_HEAP_END_PTR));
	print("hdr.ext_loader_ver = %x\n", peek8(params + HDR_EXT_LOADER_VER));
	print("hdr.ext_loader_type = %x\n", peek8(params + HDR_EXT_LOADER_TYPE));
	print("hdr.initrd_addr_max = %x\n", field(HDR_INITRD_ADDR_MAX));
	print("hdr.kernel_alignment = %x\n", field(HDR_KERNEL_ALIGNMENT));
	print("hdr.relocatable_kernel = %u\n", peek8(params + HDR_RELOCATABLE));
	print("hdr.min_alignment = %u\n", peek8(params + HDR_MIN_ALIGNMENT));
	print("hdr.xloadflags = %x\n", peek16(params + HDR_XLOADFLAGS));
	print("hdr.cmdline_size = %u\n", field(HDR_CMDLINE_SIZE));
	print("hdr.hardware_subarch = %x\n", field(HDR_HARDWARE_SUBARCH));
	print("hdr.setup_data = %X\n", peek64(params + HDR_SETUP_DATA));
	print("hdr.pref_address = %X\n", peek64(params + HDR_PREF_ADDRESS));
	print("hdr.init_size = %x\n", field(HDR_INIT_SIZE));
}

static void print_e820(uint32_t table, uint32_t count, uint32_t *number)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t entry = table + E820_BYTES * i;

		print("e820.%u = %X %X %u\n", *number, peek64(entry), peek64(entry + 8), peek32(entry + 16));
		map_add(peek64(entry), peek64(entry + 8), peek32(entry + 16));
		++*number;
	}
}

/* struct setup_data: next (8), type (4), len (4), data; all below 4 GiB here */
static void print_setup_data(uint32_t *number)
{
	uint64_t next = peek64(params + HDR_SETUP_DATA);

	for (uint32_t i = 0; next && i < SETUP_DATA_MAX; i++) {
		uint32_t node = (uint32_t)next;

		if (next + 16 > UINT32_MAX) {
			print("setup_data.%u = above 4 GiB at %X\n", i, next);
			return;
		}
		print("setup_data.%u = at %x type %x len %x crc32 %x\n", i, node, peek32(node + 8),
		      peek32(node + 12), crc32(node + 16, peek32(node + 12)));
		if (peek32(node + 8) == SETUP_E820_EXT)
			print_e820(node + 16, peek32(node + 12) / E820_BYTES, number);
		next = peek64(node);
	}
}

void linux_print(const struct saved *state, const struct saved_wide *wide)
{
	uint32_t number = 0;

	if (!has_params(state)) {
		print("boot_params = no: ESI does not point to a setup header\n");
		return;
	}
	print("entered_by = %s\n", wide ? "64-bit entry" : state->eax == ENTERED_BY_SETUP ? "16-bit setup" : "32-bit entry");
	print("boot_params = %x\n", params);
	print_screen_info();
	print("alt_mem_k = %u\n", field(ALT_MEM_K));
	print("acpi_rsdp_addr = %X\n", peek64(params + ACPI_RSDP_ADDR));
	print("efi_info = %x %x %x %x %x %x %x %x\n", field(EFI_INFO), field(EFI_INFO + 4),
	      field(EFI_INFO + 8), field(EFI_INFO + 12), field(EFI_INFO + 16), field(EFI_INFO + 20),
	      field(EFI_INFO + 24), field(EFI_INFO + 28));
	print("secure_boot = %x\n", peek8(params + SECURE_BOOT));
	print("sentinel = %x\n", peek8(params + SENTINEL));
	print_header();
	print("ramdisk_image = %X\n", ramdisk());
	print("ramdisk_size = %X\n", ramdisk_size());
	if (ramdisk() + ramdisk_size() <= UINT32_MAX)
		print("ramdisk_crc32 = %x\n", crc32((uint32_t)ramdisk(), (uint32_t)ramdisk_size()));
	print("cmd_line_ptr = %X\n", join(field(HDR_CMD_LINE_PTR), field(EXT_CMD_LINE_PTR)));
	if (field(HDR_CMD_LINE_PTR))
		print("cmdline = %q\n", field(HDR_CMD_LINE_PTR));
	print("e820_entries = %u\n", peek8(params + E820_ENTRIES));
	print_e820(params + E820_TABLE, peek8(params + E820_ENTRIES), &number);
	print_setup_data(&number);
}

/* Bytes outside all fields: unknown fields must be zero (boot.rst). */
static void judge_zero(const char *name, uint32_t start, uint32_t end)
{
	uint32_t wrong = 0, first = 0;

	for (uint32_t i = start; i < end; i++) {
		if (peek8(params + i) && wrong++ == 0)
			first = i;
	}
	expect_that(wrong == 0, name, "all zero", "%u nonzero bytes, first at offset %x", wrong, first);
}

static void judge_zeros(void)
{
	judge_zero("protocol.zero.0x54", PAD_54, TBOOT_ADDR);
	judge_zero("protocol.zero.0x78", PAD_78, PAD_78 + 8);
	judge_zero("protocol.zero.0xcc", PAD_CC, CC_BLOB_ADDRESS);
	judge_zero("protocol.zero.0x1ed", PAD_1ED, SENTINEL);
	expect("protocol.sentinel", peek8(params + SENTINEL), 0);
	judge_zero("protocol.zero.0x1f0", PAD_1F0, HDR_SETUP_SECTS);
	judge_zero("protocol.zero.behind_hdr", HDR_MAGIC + peek8(params + HDR_JUMP_LENGTH), HDR_LIMIT);
	judge_zero("protocol.zero.behind_e820", E820_TABLE + E820_BYTES * peek8(params + E820_ENTRIES),
		   PAD_CD0);
	judge_zero("protocol.zero.0xcd0", PAD_CD0, EDDBUF);
	judge_zero("protocol.zero.0xeec", PAD_EEC, BOOT_PARAMS_SIZE);
}

/* The fields of the image's header must have the values of the file. */
static void judge_header(void)
{
	expect("protocol.hdr.boot_flag", peek16(params + HDR_BOOT_FLAG), 0xaa55);
	expect("protocol.hdr.version", peek16(params + HDR_VERSION), 0x020f);
	expect("protocol.hdr.kernel_alignment", field(HDR_KERNEL_ALIGNMENT), layout_alignment);
	expect64("protocol.hdr.pref_address", peek64(params + HDR_PREF_ADDRESS), layout_pref_address);
	expect("protocol.hdr.init_size", field(HDR_INIT_SIZE), linux_is_elf() ? 0 : layout_init_size);
	expect("protocol.hdr.relocatable_kernel", peek8(params + HDR_RELOCATABLE), !linux_is_elf());
	expect_that(peek8(params + HDR_TYPE_OF_LOADER) != 0, "protocol.hdr.type_of_loader", "not 0", "%x",
		    peek8(params + HDR_TYPE_OF_LOADER));
	expect_masked("protocol.hdr.loadflags", peek8(params + HDR_LOADFLAGS), LOADED_HIGH, LOADED_HIGH);
	expect("protocol.hdr.hardware_subarch", field(HDR_HARDWARE_SUBARCH), 0);
}

static void judge_place(const struct saved *state)
{
	uint64_t end = state->entry + (uint64_t)layout_init_size;

	expect("protocol.hdr.code32_start", field(HDR_CODE32_START), state->entry);
	if (!linux_is_elf())
		expect_masked("protocol.load.aligned", state->entry, 0, layout_alignment - 1);
	expect_that(map_has_ram(state->entry, end), "protocol.load.in_ram", "init_size bytes of available memory",
		    "[%x, %X)", state->entry, end);
	expect_that(!ranges_meet(params, params + BOOT_PARAMS_SIZE, state->entry, end),
		    "protocol.boot_params", "outside the kernel", "%x", params);
}

static void judge_ramdisk(const struct saved *state, const struct saved_wide *wide)
{
	uint64_t start = ramdisk(), end = start + ramdisk_size();
	uint64_t kernel_end = state->entry + (uint64_t)layout_init_size;

	if (start == end) {
		expect64("protocol.ramdisk_image", start, 0);
		return;
	}
	if (wide && field(HDR_XLOADFLAGS) & XLF_CAN_BE_LOADED_ABOVE_4G)
		not_applicable("protocol.ramdisk.addr_max", "the kernel takes an initrd anywhere");
	else
		expect_that(end - 1 <= field(HDR_INITRD_ADDR_MAX), "protocol.ramdisk.addr_max",
			    "below initrd_addr_max", "[%X, %X)", start, end);
	expect_that(map_has_ram(start, end), "protocol.ramdisk.in_ram", "all in available memory", "[%X, %X)",
		    start, end);
	expect_that(!ranges_meet(start, end, state->entry, kernel_end) &&
		    !ranges_meet(start, end, params, params + BOOT_PARAMS_SIZE),
		    "protocol.ramdisk.apart", "outside kernel and boot_params", "[%X, %X)", start, end);
}

/* boot.rst, 64-bit Boot Protocol: what must be mapped to itself. Segue maps the ramdisk too. */
static void judge_mapping(const struct saved *state, const struct saved_wide *wide)
{
	uint32_t line = field(HDR_CMD_LINE_PTR);

	expect_that(wide_maps(wide, state->entry, state->entry + (uint64_t)layout_init_size), "protocol.map.kernel", "mapped", "%x",
		    state->entry);
	expect_that(wide_maps(wide, params, params + BOOT_PARAMS_SIZE), "protocol.map.boot_params", "mapped", "%x", params);
	expect_that(wide_maps(wide, line, line + (uint64_t)field(HDR_CMDLINE_SIZE) + 1), "protocol.map.cmdline", "mapped", "%x", line);
	expect_that(wide_maps(wide, ramdisk(), ramdisk() + ramdisk_size()), "segue.map.ramdisk", "mapped", "%X", ramdisk());
	expect_that(!wide_maps(wide, FOUR_GIB, FOUR_GIB + 1) || ramdisk() >= FOUR_GIB, "segue.map.end", "nothing else above 4 GiB",
		    "%X", wide->cr3);
}

static void judge_command_line(const struct saved *state)
{
	uint32_t start = field(HDR_CMD_LINE_PTR), length = 0;
	uint64_t kernel_end = state->entry + (uint64_t)layout_init_size;

	if (!start)
		return;
	while (length <= field(HDR_CMDLINE_SIZE) && peek8(start + length))
		length++;
	expect_that(length <= field(HDR_CMDLINE_SIZE), "protocol.cmdline.length", "at most cmdline_size", "%u",
		    length);
	expect_that(!ranges_meet(start, start + length + 1, state->entry, kernel_end) &&
		    !ranges_meet(start, start + length + 1, ramdisk(), ramdisk() + ramdisk_size()) &&
		    !ranges_meet(start, start + length + 1, params, params + BOOT_PARAMS_SIZE),
		    "protocol.cmdline.apart", "outside kernel, ramdisk and boot_params", "%x", start);
}

void linux_judge(const struct saved *state, const struct saved_wide *wide, bool strict)
{
	expect_that(has_params(state), "protocol.esi", "boot_params with a setup header", "%x", state->esi);
	if (!has_params(state))
		return;
	judge_header();
	judge_zeros();
	judge_place(state);
	judge_ramdisk(state, wide);
	if (wide)
		judge_mapping(state, wide);
	judge_command_line(state);
	expect_that(peek8(params + E820_ENTRIES) <= E820_MAX, "protocol.e820_entries", "at most 128", "%u",
		    peek8(params + E820_ENTRIES));
	map_judge();
	if (!strict)
		return;
	expect_masked("segue.boot_params.aligned", params, 0, 0xf);
	expect_that(map_has_ram(params, params + BOOT_PARAMS_SIZE), "segue.boot_params.in_ram",
		    "available memory", "%x", params);
	judge_zero("segue.zero.apm_bios_info", APM_BIOS_INFO, PAD_54);
	judge_zero("segue.zero.tboot", TBOOT_ADDR, 0x60);
	judge_zero("segue.zero.edd", EDDBUF, PAD_EEC);
	expect("segue.hdr.can_use_heap", peek8(params + HDR_LOADFLAGS) & CAN_USE_HEAP, 0);
}
