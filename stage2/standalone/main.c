/* SPDX-License-Identifier: MIT */
/* The standalone host: turns what the boot loader has passed into the arguments of segue_load(). */
#include "bios_services.h"
#include "bios_memory.h"
#include "boot_info.h"
#include "chain.h"
#include "fetch.h"
#include "media_open.h"
#include "options.h"
#include "parts.h"
#include "room.h"
#include "show.h"
#include "standalone.h"
#include "vbe.h"
#include "video.h"
#include "words.h"

/* For video and chain=; the largest need is one sector of a drive with 4096-byte sectors. */
#define LOW_BUFFER_SIZE 4096u
_Static_assert(LOW_BUFFER_SIZE >= VIDEO_BUFFER_SIZE && LOW_BUFFER_SIZE >= CHAIN_BUFFER_SIZE, "video.h, chain.h");
#define SPARE_EXTENTS 64              /* a bundle's members need extents too; more are found by trying */

SEGUE_NORETURN void standalone_main(uint32_t magic, uint32_t info);

extern const uint8_t image_start[], image_end[]; /* linker.ld */

static struct boot_info boot;
static struct options options;
static struct room room;
static struct parts parts;
static struct media media;
static uint32_t low_buffer;           /* LOW_BUFFER_SIZE bytes for the BIOS; 0: there is no BIOS */

/* BIOS calls need some memory that real mode can address. Stage 1 has reserved it; after another loader it is searched for. */
static void open_bios(void)
{
	uint32_t page = BIOS_CALL_PAGE;

	if (boot.protocol != BOOT_STAGE1) {
		page = bios_is_there() ? room_find(&room, 0x1000, 0x90000, BIOS_CALL_SIZE + LOW_BUFFER_SIZE) : 0;
		if (!page)
			return;
		room_take(&room, page, page + BIOS_CALL_SIZE + LOW_BUFFER_SIZE);
	}
	bios_open(page);
	low_buffer = boot.protocol == BOOT_STAGE1 ? MEDIA_BUFFER : page + BIOS_CALL_SIZE;
}

/* Reads the BIOS's memory map if the boot loader has passed none. */
static void read_map(void)
{
	static struct segue_range map[BIOS_MAP_MAX];
	size_t count;

	if (boot.map_kind != BOOT_MAP_NONE || !low_buffer)
		return;
	count = bios_memory_map(map, low_buffer);
	if (count)
		boot_info_set_map(&boot, map, count);
	else if (boot.protocol == BOOT_STAGE1)
		media_refuse("Memory", "the BIOS reports none above 1 MiB");
}

static void read_options(void)
{
	size_t count = 0;
	char *line = boot.cmdline, *word;
	bool closed = true;
	struct options scratch;

	options_default(&options);
	if (line && boot_strings_name_file(&boot))
		line += skip_word(skip_blanks(line)) - line;
	if (line)
		closed = options_split(line, &count);
	word = line;
	for (size_t i = 0; i < count; i++, word = options_next(word))
		options_take(&options, word);
	if (boot.machine.framebuffer.type == SEGUE_FRAMEBUFFER_NONE)
		vga_text_active(&boot.machine.framebuffer);
	console_open(&options, &boot.machine.framebuffer);
	give_up_after(options.panic_seconds);
	if (!closed)
		say(SEGUE_LOG_WARNING, "Command line: a quote is not closed.");
	options_default(&scratch);
	word = line;
	for (size_t i = 0; i < count; i++, word = options_next(word)) {
		enum option_verdict verdict = options_take(&scratch, word);

		if (verdict == OPTION_UNKNOWN)
			say(SEGUE_LOG_WARNING, "Command line: \"%s\" is not an option of segue.elf; ignored.", word);
		else if (verdict == OPTION_VALUE)
			say(SEGUE_LOG_WARNING, "Command line: \"%s\" has an invalid value; ignored.", word);
	}
}

/* Writes the memory map for segue_load() into free RAM. */
static void give_map(struct segue_load_args *args)
{
	uint32_t size = (uint32_t)(boot.range_count * sizeof(struct segue_range));
	uint32_t addr = room_find(&room, ROOM_FLOOR, ROOM_CEILING, size);
	struct segue_range *map = physical(addr);

	if (!addr) {
		say(SEGUE_LOG_ERROR, "Refused: no free memory for a map of %u ranges, %u bytes; the largest free piece has %u.",
			(unsigned)boot.range_count, size, room_largest(&room, ROOM_FLOOR, ROOM_CEILING));
		refuse_with_code(SEGUE_E_NO_PLACE);
	}
	room_take(&room, addr, addr + (uint64_t)size);
	for (size_t i = 0; i < boot.range_count; i++)
		boot_range_at(&boot, i, &map[i]);
	args->memory_map = map;
	args->memory_map_count = boot.range_count;
}

static void give_parts(struct segue_load_args *args)
{
	args->blob = parts.parts[0];
	args->modules = parts.parts + 1;
	args->module_count = parts.count - 1;
	args->cmdline = options.cmdline ? options.cmdline : parts.cmdline;
	args->digest = parts.digest;
}

static void give_workspace(struct segue_load_args *args, size_t size)
{
	uint32_t addr = room_find(&room, ROOM_FLOOR, ROOM_CEILING, (uint32_t)size);

	if (!addr) {
		say(SEGUE_LOG_ERROR, "Refused: no free memory for a workspace of %u bytes; the largest free piece has %u.",
			(unsigned)size, room_largest(&room, ROOM_FLOOR, ROOM_CEILING));
		refuse_with_code(SEGUE_E_WORKSPACE_SMALL);
	}
	args->workspace = physical(addr);
	args->workspace_phys = addr;
	args->workspace_size = size;
}

static void load(struct segue_load_args *args)
{
	size_t size = segue_workspace_size(parts.count + SPARE_EXTENTS);

	for (;;) {
		int code;

		give_workspace(args, size);
		take_log_again();
		code = segue_load(args);
		if (code == SEGUE_OK)
			return;
		/* A bundle of many members needs more extents than there are modules. */
		if ((code != SEGUE_E_WORKSPACE_SMALL && code != SEGUE_E_PLAN_SPACE) || size > 0x20000000)
			refuse(code);
		size *= 2;
	}
}

/* Records the text screen's cursor for the target. True if it has moved since the last call. */
static bool read_cursor(void)
{
	struct segue_machine *machine = &boot.machine;
	uint32_t column, row;
	bool moved;

	if (machine->framebuffer.type != SEGUE_FRAMEBUFFER_EGA_TEXT)
		return false;
	vga_cursor(&machine->framebuffer, &column, &row);
	moved = column != machine->cursor_column || row != machine->cursor_row;
	machine->cursor_column = column;
	machine->cursor_row = row;
	return moved;
}

static void load_again(const struct segue_load_args *args)
{
	int code;

	take_log_again();
	code = segue_load(args);
	if (code != SEGUE_OK)
		refuse(code);
}

static void check_ready(const void *workspace)
{
	const char *sentence = NULL;
	int code = segue_ready(workspace, &sentence);

	if (code == SEGUE_OK)
		return;
	if (sentence)
		keep_refusal(sentence);
	refuse(code);
}

/* A real-mode target prints at the BIOS's cursor: put that below our last line. */
static void give_cursor(const void *workspace)
{
	struct segue_description target = { .struct_size = sizeof target };

	if (low_buffer && boot.machine.framebuffer.type == SEGUE_FRAMEBUFFER_EGA_TEXT &&
	    segue_describe(workspace, &target) == SEGUE_OK && target.real_mode)
		vbe_set_cursor(boot.machine.cursor_column, boot.machine.cursor_row);
}

static void give_drive(void)
{
	if (!options.drive_given)
		return;
	boot.machine.has_boot_device = 1;
	boot.machine.boot_device = (uint32_t)options.drive << 24 | 0x00ffffff;
}

static void find_parts(void)
{
	if (options.chain_given) {
		chain_parts(&options, low_buffer, &boot, &parts);
	} else if (boot.protocol == BOOT_STAGE1) {
		fetch_parts(&media, &room, &parts);
	} else if (boot.module_count) {
		parts_from_modules(&room, &parts);
	} else {
		say(SEGUE_LOG_ERROR, "Refused: the boot loader has passed no module, so there is nothing to start.");
		give_up();
	}
}

void standalone_main(uint32_t magic, uint32_t info)
{
	struct segue_load_args args = { .struct_size = sizeof args };
	bool changed;

	exceptions_install();
	if (!boot_info_read(&boot, magic, info)) {
		console_open_default();
		say(SEGUE_LOG_ERROR, "segue.elf was not started by a Multiboot loader: EAX is 0x%08x.", magic);
		give_up();
	}
	room.boot = &boot;
	room_take(&room, physical_address(image_start), physical_address(image_end));
	open_bios();
	read_map();
	if (boot.protocol == BOOT_STAGE1) {
		media_open(&media, boot.medium, (uint8_t)(boot.machine.boot_device >> 24));
		boot_info_set_cmdline(&boot, media.options);
	}
	read_options();
	show_boot_info(&boot, options.verbose);
	find_parts();
	give_drive();
	read_cursor();
	acpi_settle_rsdp(&boot);

	args.flags = options.load_flags | SEGUE_LOAD_VIDEO | (low_buffer ? SEGUE_LOAD_BIOS : 0);
	boot.machine.serial_port = console_serial_port();
	args.machine = &boot.machine;
	args.target_memory = options.within;
	args.target_memory_count = options.within_count;
	args.log = take_log;
	give_map(&args);
	give_parts(&args);
	load(&args);
	show_target(args.workspace, options.verbose);
	check_ready(args.workspace);
	changed = video_settle(&boot, &options, args.workspace, low_buffer);
	say(SEGUE_LOG_INFO, "Starting.");
	/* The target must print below our last line, not over it. */
	if (read_cursor() || changed)
		load_again(&args);
	give_cursor(args.workspace);
	console_flush();
	segue_exec(args.workspace);
}
