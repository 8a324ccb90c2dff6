/* SPDX-License-Identifier: MIT */
/*
 * Refusals must leave the host unchanged. Each kind runs a thousand times, with a checksum of all memory except
 * workspace and stack before and after, and the control registers compared around each. Part 0 is the inspector as a
 * Multiboot kernel, part 1 as a bzImage.
 */
#include "kernel.h"

#define TIMES 1000u
#define PATCHES 15u

/* Offsets: ELF32 header, program headers 0 and 1 at 52 and 84; Multiboot header; Linux setup header */
enum {
	EI_CLASS = 4, EI_DATA = 5, EI_VERSION = 6, E_TYPE = 16, E_MACHINE = 18, E_ENTRY = 24, E_PHENTSIZE = 42,
	E_PHNUM = 44, PHDR0 = 52, PHDR1 = 84, P_OFFSET = 4, P_PADDR = 12, P_FILESZ = 16, P_MEMSZ = 20,
	E_SHENTSIZE = 46, MULTIBOOT = 0x1000, HDRS = 0x202, VERSION = 0x206, LOADFLAGS = 0x211, INITRD_ADDR_MAX = 0x22c,
	KERNEL_ALIGNMENT = 0x230, RELOCATABLE = 0x234,
};
#define ELF_MAGIC 0x464c457fu
#define PT_INTERP 3u
#define PT_NOTE 4u

struct patch {
	uint32_t offset, value, size;
};

struct kind {
	const char *name;
	int code;
	uint32_t part;
	struct patch patch[PATCHES];
	void (*change)(struct segue_load_args *args);
};

static struct segue_extent extent;
static struct segue_range range[4];
static struct segue_part module;
static char long_line[4096];
/* for load_arguments(); too large for the stack */
static struct segue_part modules[HOST_PARTS];

static void no_workspace(struct segue_load_args *args) { args->workspace = NULL; }
static void struct_size(struct segue_load_args *args) { args->struct_size = 12; }
static void align(struct segue_load_args *args) { args->workspace_phys += 4; }
static void high(struct segue_load_args *args) { args->workspace_phys = 0x100000000; }
static void small(struct segue_load_args *args) { args->workspace_size = PAGE; }
static void unknown_flag(struct segue_load_args *args) { args->flags = 0x80000000; }
static void no_modules(struct segue_load_args *args) { args->module_count = 3; args->modules = NULL; }
static void empty(struct segue_load_args *args) { args->blob.size = 0; }
static void no_data(struct segue_load_args *args) { args->blob.data = NULL; }

static void one_extent(struct segue_load_args *args, uint64_t addr, uint64_t size)
{
	extent.addr = addr;
	extent.size = size;
	args->blob.extents = &extent;
	args->blob.extent_count = 1;
}

static void cut(struct segue_load_args *args, size_t size)
{
	args->blob.size = size;
	one_extent(args, args->blob.extents[0].addr, size);
}

static void short_extent(struct segue_load_args *args)
{
	one_extent(args, args->blob.extents[0].addr, args->blob.size - 1);
}

static void long_extent(struct segue_load_args *args)
{
	one_extent(args, args->blob.extents[0].addr, args->blob.size + 1);
}

static void extent_in_workspace(struct segue_load_args *args)
{
	one_extent(args, args->workspace_phys + PAGE, args->blob.size);
}

static void extent_wraps(struct segue_load_args *args) { one_extent(args, UINT64_MAX - PAGE, args->blob.size); }
/* Beyond the physical address width of every CPU that QEMU and Bochs model. */
static void extent_beyond(struct segue_load_args *args) { one_extent(args, (uint64_t)1 << 51, args->blob.size); }
static void cut_40(struct segue_load_args *args) { cut(args, 40); }
static void cut_60(struct segue_load_args *args) { cut(args, 60); }
static void cut_8192(struct segue_load_args *args) { cut(args, 8192); }
static void cut_512(struct segue_load_args *args) { cut(args, 512); }
static void cut_in_multiboot(struct segue_load_args *args) { cut(args, MULTIBOOT + 12); }
static void cut_700(struct segue_load_args *args) { cut(args, 700); }
static void no_map(struct segue_load_args *args) { args->memory_map_count = 0; }

static void keep_from(struct segue_load_args *args, uint64_t start, uint64_t end)
{
	range[0] = (struct segue_range){start, end, 1, 0};
	args->keep = range;
	args->keep_count = 1;
}

static void keep_backwards(struct segue_load_args *args) { keep_from(args, 2 * PAGE, PAGE); }
static void keep_target(struct segue_load_args *args) { keep_from(args, 0x101000, 0x102000); }
static void keep_all(struct segue_load_args *args) { keep_from(args, 0, UINT32_MAX); }
static void keep_high(struct segue_load_args *args) { keep_from(args, 0x800000, UINT32_MAX); }

static void map_backwards(struct segue_load_args *args)
{
	range[0] = (struct segue_range){2 * PAGE, PAGE, 1, 0};
	args->memory_map = range;
	args->memory_map_count = 1;
}

static void within(struct segue_load_args *args, uint64_t start, uint64_t end)
{
	range[0] = (struct segue_range){start, end, 0, 0};
	args->target_memory = range;
	args->target_memory_count = 1;
}

static void within_nothing(struct segue_load_args *args) { args->target_memory = NULL; args->target_memory_count = 1; }
static void within_backwards(struct segue_load_args *args) { within(args, 0x800000, 0x400000); }
static void within_rom(struct segue_load_args *args) { within(args, 0xf0000, 0x100000); }
static void within_other_ram(struct segue_load_args *args) { within(args, 0x800000, 0x1000000); }

/* A target that comes back, with staging after it. */
static void come_back(struct segue_load_args *args)
{
	within(args, 0x100000, 0x200000);
	extent.addr = 0x400000;
	extent.size = 0x100000;
	args->flags |= SEGUE_LOAD_RETURN;
	args->staging = &extent;
	args->staging_count = 1;
}

static void core_alone(struct segue_load_args *args) { args->flags |= SEGUE_LOAD_CORE; }
static void core_mappings(struct segue_load_args *args)
{
	static const struct segue_mapping mappings[] = {{0x1000, 0, 0x2000}, {0x2fff, 0x10000, 0x1000}};

	come_back(args);
	args->flags |= SEGUE_LOAD_CORE;
	args->mappings = mappings;
	args->mapping_count = 2;
}

static void back_anywhere(struct segue_load_args *args) { come_back(args); args->target_memory_count = 0; }
static void back_on_any_cpu(struct segue_load_args *args) { come_back(args); args->flags |= SEGUE_LOAD_ANY_CPU; }
static void back_with_little(struct segue_load_args *args) { come_back(args); extent.size--; }
static void back_to_itself(struct segue_load_args *args) { come_back(args); extent.addr = 0x1ff000; }
static void back_to_the_workspace(struct segue_load_args *args) { come_back(args); extent.addr = args->workspace_phys - 1; }

static void back_over_the_workspace(struct segue_load_args *args)
{
	come_back(args);
	range[0].end = args->workspace_phys + 1;
}

/* A target for a crash, with the same memory. */
static struct segue_note note;
static void crash_with(struct segue_load_args *args, const char *name, size_t size)
{
	come_back(args);
	note = (struct segue_note){name, 1, &note, size};
	args->flags = (args->flags & ~SEGUE_LOAD_RETURN) | SEGUE_LOAD_CRASH;
	args->notes = &note;
	args->note_count = 1;
}

static void crash_and_back(struct segue_load_args *args) { crash_with(args, "Host", 4); args->flags |= SEGUE_LOAD_RETURN; }
static void crash_anywhere(struct segue_load_args *args) { crash_with(args, "Host", 4); args->target_memory_count = 0; }
static void crash_of_many(struct segue_load_args *args) { crash_with(args, "Host", 4); args->cpu_count = 8193; }
static void crash_without_a_name(struct segue_load_args *args) { crash_with(args, "", 4); }
static void crash_with_a_large_note(struct segue_load_args *args) { crash_with(args, "Host", 65537); }
static void crash_without_notes(struct segue_load_args *args) { crash_with(args, "Host", 4); args->notes = NULL; }
static void crash_with_little(struct segue_load_args *args) { crash_with(args, "Host", 4); extent.size -= PAGE; }

static void crash_over_the_workspace(struct segue_load_args *args)
{
	crash_with(args, "Host", 4);
	range[0].end = args->workspace_phys + 1;
}

static uint32_t field(const struct segue_load_args *args, uint32_t offset)
{
	uint32_t value;

	__builtin_memcpy(&value, (const uint8_t *)args->blob.data + offset, sizeof value);
	return value;
}

/* RAM for the target's segments, but not for its tables. */
static void map_full(struct segue_load_args *args)
{
	uint64_t first = field(args, PHDR0 + P_PADDR), second = field(args, PHDR1 + P_PADDR);

	keep_from(args, first + field(args, PHDR0 + P_MEMSZ), second);
	range[1] = (struct segue_range){first, second + field(args, PHDR1 + P_MEMSZ), 1, 0};
	args->memory_map = range + 1;
	args->memory_map_count = 1;
}

static void line_too_long(struct segue_load_args *args)
{
	__builtin_memset(long_line, 'x', sizeof long_line - 1);
	args->cmdline = long_line;
}

static void with_initrd(struct segue_load_args *args)
{
	module = args->blob;
	args->modules = &module;
	args->module_count = 1;
}

static void broken_module(struct segue_load_args *args)
{
	with_initrd(args);
	module.extents = NULL;
	module.data = NULL;
}

static void by_64_bit_entry(struct segue_load_args *args) { args->flags |= SEGUE_LOAD_LINUX_64; }

static void as_linux(struct segue_load_args *args) { args->flags |= SEGUE_LOAD_VMLINUX; }

static void hole_in_linux(struct segue_load_args *args)
{
	as_linux(args);
	keep_from(args, field(args, PHDR0 + P_PADDR) + field(args, PHDR0 + P_MEMSZ), field(args, PHDR1 + P_PADDR));
}

static void no_low_memory(struct segue_load_args *args)
{
	args->flags |= SEGUE_LOAD_BIOS | SEGUE_LOAD_REAL_MODE;
	keep_from(args, 0, 0xa0000);
}

/* newc: magic, inode, mode, owners, links, time, size, devices, length of the name, sum */
#define ZERO "00000000"
#define LINKED_MEMBER(mode, links, size, name_size) \
	"070701" ZERO mode ZERO ZERO links ZERO size ZERO ZERO ZERO ZERO name_size ZERO
#define MEMBER(mode, size, name_size) LINKED_MEMBER(mode, "00000001", size, name_size)
#define FILE_MODE "000081a4"
/* A header and its name fill whole words. */
#define TRAILER MEMBER(ZERO, ZERO, "0000000b") "TRAILER!!!\0\0\0\0"
#define KERNEL(size) MEMBER(FILE_MODE, size, "00000007") "kernel\0\0\0\0"
#define CMDLINE(size) MEMBER(FILE_MODE, size, "00000008") "cmdline\0\0\0"

static void archive(struct segue_load_args *args, const char *bytes, size_t size)
{
	args->blob.data = bytes;
	args->blob.size = size;
	one_extent(args, physical_of(bytes), size);
}

static void bundle_cut(struct segue_load_args *args)
{
	static const char bytes[] = KERNEL("00100000");

	archive(args, bytes, sizeof bytes);
}

static void bundle_member(struct segue_load_args *args)
{
	static const char bytes[] = MEMBER(FILE_MODE, ZERO, "00000005") "what\0\0" TRAILER;

	archive(args, bytes, sizeof bytes);
}

static void bundle_twice(struct segue_load_args *args)
{
	static const char bytes[] = CMDLINE(ZERO) CMDLINE(ZERO) TRAILER;

	archive(args, bytes, sizeof bytes);
}

static void bundle_kernel(struct segue_load_args *args)
{
	static const char bytes[] = KERNEL(ZERO) TRAILER;

	archive(args, bytes, sizeof bytes);
}

static void bundle_cmdline(struct segue_load_args *args)
{
	static const char bytes[] = CMDLINE("00000004") "a\0b\0" TRAILER;

	archive(args, bytes, sizeof bytes);
}

static void bundle_link(struct segue_load_args *args)
{
	static const char bytes[] = LINKED_MEMBER(FILE_MODE, "00000002", ZERO, "00000007") "kernel\0\0\0\0" TRAILER;

	archive(args, bytes, sizeof bytes - 1);
}

static void bundle_nested(struct segue_load_args *args)
{
	static const char bytes[] = KERNEL("00000008") "07070100" TRAILER;

	archive(args, bytes, sizeof bytes);
}

static void bundle_digest(struct segue_load_args *args)
{
	static const char bytes[] = MEMBER(FILE_MODE, "00000004", "00000007") "digest\0\0\0\0" "none" TRAILER;

	archive(args, bytes, sizeof bytes);
}

static uint64_t translate_nothing(void *context, const void *address)
{
	(void)context;
	(void)address;
	return SEGUE_NOT_MAPPED;
}

static uint64_t translate_workspace(void *context, const void *address)
{
	const struct segue_load_args *args = context;
	uintptr_t at = (uintptr_t)address - (uintptr_t)args->workspace;

	return at < args->workspace_size ? args->workspace_phys + at : SEGUE_NOT_MAPPED;
}

static void workspace_elsewhere(struct segue_load_args *args) { args->translate = translate_nothing; }

static void blob_elsewhere(struct segue_load_args *args)
{
	args->translate = translate_workspace;
	args->translate_context = args;
	args->blob.extents = NULL;
	args->blob.extent_count = 0;
}

static void map_in_workspace(struct segue_load_args *args) { args->memory_map = args->workspace; }

/* A Multiboot 2 header instead of the Multiboot 1 header, and a tag of it. */
#define MULTIBOOT2(length) {MULTIBOOT, 0xe85250d6, 4}, {MULTIBOOT + 4, 0, 4}, {MULTIBOOT + 8, length, 4}, \
	{MULTIBOOT + 12, 0u - 0xe85250d6 - (length), 4}
/* Not the Multiboot header, but a note of PVH's in the text, which program header 1 now describes. */
#define NOTES 0x1400
#define NOTE(at, size, entry) {(at), 4, 4}, {(at) + 4, size, 4}, {(at) + 8, 18, 4}, {(at) + 12, 0x006e6558, 4}, {(at) + 16, entry, 4}
#define PVH(size) {MULTIBOOT, 0, 4}, {PHDR1, PT_NOTE, 4}, {PHDR1 + P_OFFSET, NOTES, 4}, {PHDR1 + P_FILESZ, size, 4}
#define TAG(at, type, size) {MULTIBOOT + (at), type, 4}, {MULTIBOOT + (at) + 4, size, 4}
static const struct kind kinds[] = {
	{"no workspace", SEGUE_E_ARGUMENT, 0, {{0}}, no_workspace},
	{"struct size", SEGUE_E_STRUCT_SIZE, 0, {{0}}, struct_size},
	{"workspace not on a page", SEGUE_E_WORKSPACE_ALIGN, 0, {{0}}, align},
	{"workspace high", SEGUE_E_WORKSPACE_HIGH, 0, {{0}}, high},
	{"workspace small", SEGUE_E_WORKSPACE_SMALL, 0, {{0}}, small},
	{"workspace elsewhere", SEGUE_E_WORKSPACE_PLACE, 0, {{0}}, workspace_elsewhere},
	{"blob elsewhere", SEGUE_E_EXTENT_PLACE, 0, {{0}}, blob_elsewhere},
	{"map in the workspace", SEGUE_E_WORKSPACE_USED, 0, {{0}}, map_in_workspace},
	{"unknown flag", SEGUE_E_FLAGS, 0, {{0}}, unknown_flag},
	{"count without array", SEGUE_E_ARGUMENT, 0, {{0}}, no_modules},
	{"no data", SEGUE_E_ARGUMENT, 0, {{0}}, no_data},
	{"broken module", SEGUE_E_ARGUMENT, 0, {{0}}, broken_module},
	{"extent short", SEGUE_E_EXTENTS, 0, {{0}}, short_extent},
	{"extent long", SEGUE_E_EXTENTS, 0, {{0}}, long_extent},
	{"extent in the workspace", SEGUE_E_EXTENTS, 0, {{0}}, extent_in_workspace},
	{"extent wraps", SEGUE_E_EXTENT_HIGH, 0, {{0}}, extent_wraps},
	{"extent beyond the CPU's addresses", SEGUE_E_EXTENT_HIGH, 0, {{0}}, extent_beyond},
	{"map backwards", SEGUE_E_MEMORY_MAP, 0, {{0}}, map_backwards},
	{"keep backwards", SEGUE_E_MEMORY_MAP, 0, {{0}}, keep_backwards},
	{"no map", SEGUE_E_NO_RAM, 0, {{0}}, no_map},
	{"all kept", SEGUE_E_NO_RAM, 0, {{0}}, keep_all},
	{"target memory without an array", SEGUE_E_TARGET_MEMORY, 0, {{0}}, within_nothing},
	{"target memory backwards", SEGUE_E_TARGET_MEMORY, 0, {{0}}, within_backwards},
	{"target memory without RAM", SEGUE_E_TARGET_MEMORY, 0, {{0}}, within_rom},
	{"back without target memory", SEGUE_E_RETURN, 0, {{0}}, back_anywhere},
	{"back to any CPU", SEGUE_E_RETURN, 0, {{0}}, back_on_any_cpu},
	{"back, workspace in target memory", SEGUE_E_RETURN, 0, {{0}}, back_over_the_workspace},
	{"back with too little staging", SEGUE_E_STAGING, 0, {{0}}, back_with_little},
	{"back, staging in target memory", SEGUE_E_STAGING, 0, {{0}}, back_to_itself},
	{"back, staging in the workspace", SEGUE_E_STAGING, 0, {{0}}, back_to_the_workspace},
	{"crash and back", SEGUE_E_CRASH, 0, {{0}}, crash_and_back},
	{"crash without target memory", SEGUE_E_CRASH, 0, {{0}}, crash_anywhere},
	{"crash, workspace in target memory", SEGUE_E_CRASH, 0, {{0}}, crash_over_the_workspace},
	{"crash of too many CPUs", SEGUE_E_CRASH, 0, {{0}}, crash_of_many},
	{"crash without an array of notes", SEGUE_E_CRASH, 0, {{0}}, crash_without_notes},
	{"crash with a note without a name", SEGUE_E_CRASH, 0, {{0}}, crash_without_a_name},
	{"crash with a note that is too large", SEGUE_E_CRASH, 0, {{0}}, crash_with_a_large_note},
	{"crash with too little staging", SEGUE_E_STAGING, 0, {{0}}, crash_with_little},
	{"empty", SEGUE_E_EMPTY, 0, {{0}}, empty},
	{"unknown", SEGUE_E_UNKNOWN, 0, {{0, 0x20202020, 4}, {MULTIBOOT, 0, 4}}, NULL},
	{"gzip", SEGUE_E_GZIP, 0, {{0, 0x00088b1f, 4}, {MULTIBOOT, 0, 4}}, NULL},
	{"xz", SEGUE_E_COMPRESSED, 0, {{0, 0x587a37fd, 4}, {4, 0x5a, 2}, {MULTIBOOT, 0, 4}}, NULL},
	{"bundle", SEGUE_E_BUNDLE_HEADER, 0, {{0, 0x37303730, 4}, {4, 0x3130, 2}}, NULL},
	{"bundle cut", SEGUE_E_BUNDLE_TRUNCATED, 0, {{0}}, bundle_cut},
	{"bundle member", SEGUE_E_BUNDLE_MEMBER, 0, {{0}}, bundle_member},
	{"bundle with one member twice", SEGUE_E_BUNDLE_TWICE, 0, {{0}}, bundle_twice},
	{"bundle without a kernel", SEGUE_E_BUNDLE_KERNEL, 0, {{0}}, bundle_kernel},
	{"bundle command line", SEGUE_E_BUNDLE_CMDLINE, 0, {{0}}, bundle_cmdline},
	{"bundle with a link to nothing", SEGUE_E_BUNDLE_LINK, 0, {{0}}, bundle_link},
	{"bundle in a bundle", SEGUE_E_BUNDLE_NESTED, 0, {{0}}, bundle_nested},
	{"bundle digest", SEGUE_E_BUNDLE_DIGEST, 0, {{0}}, bundle_digest},
	{"Fiwix kernel length", SEGUE_E_FIWIX_KERNEL, 0, {{0, 0x7000000, 4}, {8, ELF_MAGIC, 4}}, NULL},
	{"Fiwix initramfs length", SEGUE_E_FIWIX_INITRD, 0, {{0, 16, 4}, {4, 0x7000000, 4}, {8, ELF_MAGIC, 4}}, NULL},
	{"ELF cut in its header", SEGUE_E_ELF_TRUNCATED, 0, {{0}}, cut_40},
	{"ELF cut in its table", SEGUE_E_ELF_TRUNCATED, 0, {{0}}, cut_60},
	{"ELF class", SEGUE_E_ELF_CLASS, 0, {{EI_CLASS, 9, 1}, {0}}, NULL},
	{"ELF data", SEGUE_E_ELF_DATA, 0, {{EI_DATA, 2, 1}, {0}}, NULL},
	{"ELF version", SEGUE_E_ELF_VERSION, 0, {{EI_VERSION, 7, 1}, {0}}, NULL},
	{"ELF type", SEGUE_E_ELF_TYPE, 0, {{E_TYPE, 1, 2}, {0}}, NULL},
	{"ELF machine", SEGUE_E_ELF_MACHINE, 0, {{E_MACHINE, 40, 2}, {0}}, NULL},
	{"ELF program header size", SEGUE_E_ELF_PHENTSIZE, 0, {{E_PHENTSIZE, 31, 2}, {0}}, NULL},
	{"ELF without segments", SEGUE_E_ELF_NO_SEGMENTS, 0, {{E_PHNUM, 0, 2}, {0}}, NULL},
	{"ELF cut in a segment", SEGUE_E_ELF_SEGMENT_FILE, 0, {{0}}, cut_8192},
	{"ELF memory size", SEGUE_E_ELF_SEGMENT_SIZE, 0, {{PHDR0 + P_MEMSZ, 16, 4}, {0}}, NULL},
	{"ELF segment wraps", SEGUE_E_ELF_SEGMENT_HIGH, 0, {{PHDR0 + P_PADDR, 0xfffff000, 4}, {0}}, NULL},
	{"ELF interpreter", SEGUE_E_ELF_INTERPRETER, 0, {{PHDR1, PT_INTERP, 4}, {MULTIBOOT, 0, 4}}, NULL},
	{"ELF entry", SEGUE_E_ELF_ENTRY, 0, {{E_ENTRY, 0x500000, 4}, {0}}, NULL},
	{"Multiboot checksum", SEGUE_E_MULTIBOOT_CHECKSUM, 0, {{MULTIBOOT + 8, 1, 4}, {0}}, NULL},
	{"Multiboot flags", SEGUE_E_MULTIBOOT_FLAGS, 0, {{MULTIBOOT + 4, 0x8003, 4}, {MULTIBOOT + 8, 0xe451cffb, 4}}, NULL},
	{"Multiboot cut", SEGUE_E_MULTIBOOT_TRUNCATED, 0,
	 {{MULTIBOOT + 4, 0x10003, 4}, {MULTIBOOT + 8, 0xe4514ffb, 4}}, cut_in_multiboot},
	{"Multiboot addresses", SEGUE_E_MULTIBOOT_ADDRESS, 0,
	 {{MULTIBOOT + 4, 0x10003, 4}, {MULTIBOOT + 8, 0xe4514ffb, 4}}, NULL},
	{"Multiboot 2 without an end tag", SEGUE_E_MULTIBOOT2_TRUNCATED, 0, {MULTIBOOT2(16)}, NULL},
	{"Multiboot 2 tag", SEGUE_E_MULTIBOOT2_TAG, 0, {MULTIBOOT2(32), TAG(16, 99, 8)}, NULL},
	{"Multiboot 2 tag's size", SEGUE_E_MULTIBOOT2_TAG_SIZE, 0, {MULTIBOOT2(32), TAG(16, 3, 8)}, NULL},
	{"Multiboot 2 request", SEGUE_E_MULTIBOOT2_REQUEST, 0, {MULTIBOOT2(40), TAG(16, 1, 12), {MULTIBOOT + 24, 22, 4}}, NULL},
	{"Multiboot 2 entry", SEGUE_E_MULTIBOOT2_ENTRY, 0,
	 {MULTIBOOT2(40), TAG(16, 3, 12), {MULTIBOOT + 24, 0x500000, 4}, TAG(32, 0, 8)}, NULL},
	{"Multiboot 2 alignment", SEGUE_E_MULTIBOOT2_RELOCATABLE, 0, {MULTIBOOT2(48), TAG(16, 10, 24), {MULTIBOOT + 24, 0, 4},
	 {MULTIBOOT + 28, 0xffffffff, 4}, {MULTIBOOT + 32, 3, 4}, {MULTIBOOT + 36, 0, 4}, TAG(40, 0, 8)}, NULL},
	{"Multiboot 2 place", SEGUE_E_MULTIBOOT2_PLACE, 0, {MULTIBOOT2(48), TAG(16, 10, 24), {MULTIBOOT + 24, 0xf0000000, 4},
	 {MULTIBOOT + 28, 0xffffffff, 4}, {MULTIBOOT + 32, 0, 4}, {MULTIBOOT + 36, 0, 4}, TAG(40, 0, 8)}, NULL},
	{"Multiboot without a format", SEGUE_E_MULTIBOOT_FORMAT, 0, {{0, 0x20202020, 4}, {0}}, NULL},
	{"PVH note", SEGUE_E_PVH_NOTE, 0, {PVH(20), NOTE(NOTES, 5, 0x100000)}, NULL},
	{"PVH notes that differ", SEGUE_E_PVH_TWICE, 0, {PVH(40), NOTE(NOTES, 4, 0x100000), NOTE(NOTES + 20, 4, 0x100004)}, NULL},
	{"PVH entry", SEGUE_E_PVH_ENTRY, 0, {PVH(20), NOTE(NOTES, 4, 0x500000)}, NULL},
	{"segments overlap", SEGUE_E_SEGMENT_OVERLAP, 0, {{PHDR1 + P_PADDR, 0x101000, 4}, {0}}, NULL},
	{"segment in video memory", SEGUE_E_SEGMENT_NOT_RAM, 0, {{PHDR1 + P_PADDR, 0xa0000, 4}, {0}}, NULL},
	{"segment kept", SEGUE_E_SEGMENT_KEPT, 0, {{0}}, keep_target},
	{"segment outside target memory", SEGUE_E_SEGMENT_OUTSIDE, 0, {{0}}, within_other_ram},
	{"no room beside the target", SEGUE_E_NO_PLACE, 0, {{0}}, map_full},
	{"core without a return", SEGUE_E_CORE, 0, {{0}}, core_alone},
	{"core with mappings that overlap", SEGUE_E_CORE, 0, {{0}}, core_mappings},
	{"Linux cut", SEGUE_E_LINUX_TRUNCATED, 1, {{0}}, cut_700},
	{"Linux version", SEGUE_E_LINUX_VERSION, 1, {{VERSION, 0x0300, 2}, {0}}, NULL},
	{"Linux in 16 bits", SEGUE_E_LINUX_REAL_MODE, 1, {{LOADFLAGS, 0, 1}}, NULL},
	{"Linux without low memory", SEGUE_E_LINUX_LOW, 1, {{0}}, no_low_memory},
	{"Linux alignment", SEGUE_E_LINUX_HEADER, 1, {{KERNEL_ALIGNMENT, 0x123456, 4}}, NULL},
	{"boot sector", SEGUE_E_BOOT_SECTOR_BIOS, 1, {{HDRS, 0, 4}}, cut_512},
	{"Linux command line", SEGUE_E_LINUX_CMDLINE, 1, {{0}}, line_too_long},
	{"Linux place", SEGUE_E_LINUX_PLACE, 1, {{RELOCATABLE, 0, 1}, {0}}, keep_high},
	{"Linux initrd", SEGUE_E_LINUX_INITRD, 1, {{INITRD_ADDR_MAX, 0x1000, 4}, {0}}, with_initrd},
	{"Linux without a 64-bit entry", SEGUE_E_LINUX_64, 1, {{0}}, by_64_bit_entry},
	{"vmlinux with a hole", SEGUE_E_VMLINUX_PLACE, 0, {{MULTIBOOT, 0, 4}, {PHDR0 + P_FILESZ, 0x1000, 4}, {PHDR0 + P_MEMSZ, 0x1000, 4}},
	 hole_in_linux},
	{"loaded and unloaded", SEGUE_OK, 0, {{0}}, NULL},
	{"Linux loaded and unloaded", SEGUE_OK, 1, {{0}}, NULL},
};

static void patch(const struct kind *kind, uint8_t saved[PATCHES][4], bool apply)
{
	uint8_t *data = (uint8_t *)(uintptr_t)handover.part[kind->part].data;

	for (uint32_t i = 0; i < PATCHES; i++) {
		const struct patch *each = &kind->patch[i];

		if (apply)
			__builtin_memcpy(saved[i], data + each->offset, each->size);
		for (uint32_t k = 0; k < each->size; k++)
			data[each->offset + k] = apply ? (uint8_t)(each->value >> 8 * k) : saved[i][k];
	}
}

/* Clears the variables that the kinds set, so that one checksum serves all of them. */
static void forget_changes(void)
{
	__builtin_memset(&extent, 0, sizeof extent);
	__builtin_memset(range, 0, sizeof range);
	__builtin_memset(&module, 0, sizeof module);
	__builtin_memset(&note, 0, sizeof note);
	__builtin_memset(long_line, 0, sizeof long_line);
}

static void run_kind(const struct kind *kind, struct segue_load_args *args, uint64_t whole, uint32_t *bad)
{
	uint8_t saved[PATCHES][4];
	struct registers before, after;
	uint64_t sum;
	uint32_t wrong_code = 0, wrong_registers = 0;
	int code = 0;

	patch(kind, saved, true);
	if (kind->change)
		kind->change(args);
	for (uint32_t i = 0; i < TIMES; i++) {
		read_registers(&before);
		code = segue_load(args);
		if (code == SEGUE_OK)
			segue_unload(args->workspace);
		read_registers(&after);
		wrong_code += code != kind->code;
		wrong_registers += __builtin_memcmp(&before, &after, sizeof before) != 0;
	}
	patch(kind, saved, false);
	forget_changes();
	sum = checksum_memory() - whole;
	if (wrong_code || wrong_registers || sum) {
		(*bad)++;
		say("BAD: refusal %s: code %u for %u, registers changed %u times, checksum differs by %x\n", kind->name,
		    (uint32_t)code, (uint32_t)kind->code, wrong_registers, sum);
	} else {
		say("ok: refusal %s: code %u\n", kind->name, (uint32_t)code);
	}
}

/* One load before the checksum: the library then has recorded its serial port, and load_arguments() has filled modules. */
static void load_once(void)
{
	struct segue_load_args args;
	struct segue_machine machine;

	load_arguments(&args, modules, &machine);
	args.module_count = 0;
	if (segue_load(&args) == SEGUE_OK)
		segue_unload(args.workspace);
}

void refusals(void)
{
	uint32_t count = sizeof kinds / sizeof kinds[0], bad = 0;
	uint64_t whole;

	load_once();
	whole = checksum_memory();

	/* the checksum must notice one changed byte */
	long_line[9]++;
	if (whole == checksum_memory()) {
		say("BAD: the checksum does not see a byte\n");
		bad++;
	}
	forget_changes();
	for (uint32_t i = 0; i < count; i++) {
		struct segue_load_args args;
		struct segue_machine machine;

		load_arguments(&args, modules, &machine);
		args.log = NULL;
		args.module_count = 0;
		if (kinds[i].part == 1)
			args.blob = modules[0];
		run_kind(&kinds[i], &args, whole, &bad);
	}
	say("REFUSALS: %u kinds, %u times each, %u bad\n", count, TIMES, bad);
}
