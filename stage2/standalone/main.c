/* SPDX-License-Identifier: MIT */
/* The standalone host: what a Multiboot loader has brought becomes the arguments of segue_load(). */
#include "boot_info.h"
#include "options.h"
#include "room.h"
#include "standalone.h"

#define SPARE_EXTENTS 64              /* a bundle's members need extents too; more are found by trying */
#define ROWS_SHOWN 8                  /* of modules and of segments, without verbose */

SEGUE_NORETURN void standalone_main(uint32_t magic, uint32_t info);

extern const uint8_t image_start[], image_end[]; /* linker.ld */

static struct boot_info boot;
static struct options options;

/* Why segue_load() refused, kept until it is known that no larger workspace will help. */
static struct {
	char text[256];
	size_t length;
} refusal;

void give_up(void)
{
	uint32_t seconds = options.panic_seconds;

	if (seconds)
		say(SEGUE_LOG_ERROR, "Rebooting in %u s; Enter reboots now.", seconds);
	else
		say(SEGUE_LOG_ERROR, "Waiting; Enter reboots.");
	console_enter_pressed();      /* a key from before is no answer */
	for (uint32_t ticks = 0; seconds == 0 || ticks / 20 < seconds; ticks++) {
		if (console_enter_pressed())
			break;
		wait_50_ms();
	}
	console_flush();
	reboot();
}

SEGUE_NORETURN static void refuse(int code)
{
	say(SEGUE_LOG_ERROR, "Refused: %s.", refusal.length ? refusal.text : segue_strerror(code));
	say(SEGUE_LOG_ERROR, "Code %u: %s.", (unsigned)code, segue_strerror(code));
	give_up();
}

static void keep_refusal(const char *sentence)
{
	refusal.length = 0;
	while (sentence[refusal.length] && refusal.length + 1 < sizeof refusal.text) {
		refusal.text[refusal.length] = sentence[refusal.length];
		refusal.length++;
	}
	refusal.text[refusal.length] = 0;
}

/* Sentences of segue_load(): it says the same when it runs again, so what was shown is not repeated. */
static size_t said, shown;

static void take_log(void *context, int level, const char *sentence)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR) {
		keep_refusal(sentence);
	} else if (++said > shown) {
		shown = said;
		say(level, "%s", sentence);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

static const char *skip_word(const char *text)
{
	while (*text && !is_blank(*text))
		text++;
	return text;
}

static size_t string_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* A size for people: in the largest unit that leaves three digits or more. */
static void size_in_words(uint64_t size, uint32_t *number, const char **unit)
{
	*unit = "bytes";
	if (size >= 10240) {
		size >>= 10;
		*unit = "KiB";
	}
	if (size >= 10240) {
		size >>= 10;
		*unit = "MiB";
	}
	*number = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
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
	if (!closed)
		say(SEGUE_LOG_WARNING, "Command line: a quote is not closed.");
	options_default(&scratch);
	word = line;
	for (size_t i = 0; i < count; i++, word = options_next(word)) {
		enum option_verdict verdict = options_take(&scratch, word);

		if (verdict == OPTION_UNKNOWN)
			say(SEGUE_LOG_WARNING, "Command line: \"%s\" is no option of segue.elf; ignored.", word);
		else if (verdict == OPTION_VALUE)
			say(SEGUE_LOG_WARNING, "Command line: \"%s\" has a value that is none; ignored.", word);
	}
}

/* The first rows of a list are for everybody, the rest is for who asks. */
static int row_level(size_t index)
{
	return index < ROWS_SHOWN ? SEGUE_LOG_INFO : SEGUE_LOG_DEBUG;
}

static void show_rest(size_t count)
{
	if (count > ROWS_SHOWN && !options.verbose)
		say(SEGUE_LOG_INFO, "  and %u more", (unsigned)(count - ROWS_SHOWN));
}

static uint64_t memory_in_all(void)
{
	struct segue_range range;
	uint64_t size = 0;

	for (size_t i = 0; boot_range_at(&boot, i, &range); i++)
		if (range.type == SEGUE_MEMORY_RAM)
			size += range.end - range.start;
	return size;
}

static void show_boot_info(void)
{
	const struct segue_framebuffer *framebuffer = &boot.machine.framebuffer;
	struct boot_module module;
	struct segue_range range;
	const char *unit;
	uint32_t number;

	size_in_words(memory_in_all(), &number, &unit);
	say(SEGUE_LOG_INFO, "Segue %s, started by %s (Multiboot %u); %u %s of memory.", SEGUE_VERSION_STRING,
		boot.loader_name ? boot.loader_name : "a loader without a name", boot.protocol, number, unit);
	for (size_t i = 0; boot_range_at(&boot, i, &range); i++)
		say(SEGUE_LOG_DEBUG, "Memory 0x%09llx..0x%09llx type %u", (unsigned long long)range.start,
			(unsigned long long)range.end, range.type);
	if (framebuffer->type != SEGUE_FRAMEBUFFER_NONE)
		say(SEGUE_LOG_DEBUG, "Screen: type %u, %ux%u, %u bits, 0x%llx", framebuffer->type,
			framebuffer->width, framebuffer->height, framebuffer->bpp,
			(unsigned long long)framebuffer->addr);
	for (size_t i = 0; boot_module_at(&boot, i, &module); i++) {
		size_in_words(module.size, &number, &unit);
		say(row_level(i), "Module %u: 0x%08x, %u %s: %s", (unsigned)i, module.addr, number, unit,
			module.string);
	}
	show_rest(boot.module_count);
}

/* What segue_load() gets, and where it lies: RAM that the loader left free. */
static struct {
	struct segue_part *parts;
	struct segue_range *map;
	char *strings;
	size_t size;
} tables;

static size_t tables_size(void)
{
	struct boot_module module;
	size_t size = boot.module_count * sizeof *tables.parts + boot.range_count * sizeof *tables.map;

	for (size_t i = 0; boot_module_at(&boot, i, &module); i++)
		size += string_length(module.string) + 2;
	return size;
}

static const char *copy_string(char **at, const char *text, size_t length)
{
	const char *copy = *at;

	for (size_t i = 0; i < length; i++)
		*(*at)++ = text[i];
	*(*at)++ = 0;
	return copy;
}

/* "/boot/vmlinuz quiet" is the name "vmlinuz" and the arguments "quiet". */
static void split_string(struct segue_part *part, char **at, const char *string)
{
	const char *name, *end;

	if (!boot_strings_name_file(&boot)) {
		part->cmdline = copy_string(at, string, string_length(string));
		return;
	}
	name = skip_blanks(string);
	end = skip_word(name);
	for (const char *c = name; c < end; c++)
		if (*c == '/')
			name = c + 1;
	if (name < end)
		part->name = copy_string(at, name, (size_t)(end - name));
	end = skip_blanks(end);
	part->cmdline = copy_string(at, end, string_length(end));
}

static void fill_tables(uint32_t addr)
{
	char *strings;
	struct boot_module module;

	tables.map = physical(addr);
	tables.parts = (struct segue_part *)(tables.map + boot.range_count);
	strings = (char *)(tables.parts + boot.module_count);
	for (size_t i = 0; i < boot.range_count; i++)
		boot_range_at(&boot, i, &tables.map[i]);
	for (size_t i = 0; boot_module_at(&boot, i, &module); i++) {
		tables.parts[i] = (struct segue_part){ .data = physical(module.addr), .size = module.size };
		split_string(&tables.parts[i], &strings, module.string);
	}
}

/* The image and the tables: where the workspace may not go. */
static struct segue_range taken[2];

static void take_tables(void)
{
	size_t size = tables_size();
	uint32_t addr;

	taken[0] = (struct segue_range){ physical_address(image_start), physical_address(image_end), 0, 0 };
	addr = room_find(&boot, taken, 1, (uint32_t)size);
	if (!addr) {
		keep_refusal("the boot loader leaves no free memory for the list of modules");
		refuse(SEGUE_E_NO_RAM);
	}
	taken[1] = (struct segue_range){ addr, addr + (uint64_t)size, 0, 0 };
	fill_tables(addr);
}

static void give_workspace(struct segue_load_args *args, size_t size)
{
	uint32_t addr = room_find(&boot, taken, 2, (uint32_t)size);

	if (!addr) {
		say(SEGUE_LOG_ERROR, "No free memory for a workspace of %u bytes.", (unsigned)size);
		refuse(SEGUE_E_WORKSPACE_SMALL);
	}
	args->workspace = physical(addr);
	args->workspace_phys = addr;
	args->workspace_size = size;
}

static void load(struct segue_load_args *args)
{
	size_t size = segue_workspace_size(boot.module_count + SPARE_EXTENTS);

	for (;;) {
		int code;

		give_workspace(args, size);
		said = 0;
		code = segue_load(args);
		if (code == SEGUE_OK)
			return;
		/* a bundle of many members needs more than the modules tell */
		if ((code != SEGUE_E_WORKSPACE_SMALL && code != SEGUE_E_PLAN_SPACE) || size > 0x20000000)
			refuse(code);
		size *= 2;
	}
}

static void show_segments(const void *workspace, const struct segue_description *description)
{
	struct segue_segment segment;
	const char *unit;
	uint32_t number;

	for (size_t i = 0; segue_segment_at(workspace, i, &segment) == SEGUE_OK; i++) {
		size_in_words(segment.size, &number, &unit);
		say(row_level(i), "  0x%08llx..0x%08llx  %s %u, %u %s",
			(unsigned long long)segment.dest, (unsigned long long)(segment.dest + segment.size),
			segment.name, segment.number, number, unit);
	}
	show_rest(description->segment_count);
}

static void show_moves(const void *workspace)
{
	struct segue_move_description move;

	for (size_t i = 0; segue_move_at(workspace, i, &move) == SEGUE_OK; i++) {
		const char *kind = move.kind == SEGUE_MOVE_KIND_COPY ? "copy" :
			move.kind == SEGUE_MOVE_KIND_ZERO ? "zero" : "swap";

		say(SEGUE_LOG_DEBUG, "  %s 0x%08llx <- 0x%08llx, 0x%llx bytes%s", kind,
			(unsigned long long)move.dest, (unsigned long long)move.source,
			(unsigned long long)move.size, move.descending ? ", from the end" : "");
	}
}

static void show_target(const void *workspace)
{
	struct segue_description description = { .struct_size = sizeof description };

	if (segue_describe(workspace, &description) != SEGUE_OK)
		return;
	say(SEGUE_LOG_INFO, "Target: %s%s%s, entry 0x%08x, %u segment%s:", description.protocol,
		*description.container ? " in " : "", description.container, description.entry,
		(unsigned)description.segment_count, description.segment_count == 1 ? "" : "s");
	show_segments(workspace, &description);
	say(SEGUE_LOG_INFO, "Plan: %u move%s: %llu bytes of payload, %llu in place, %llu moved, "
		"%llu set aside, %llu zeroed.", (unsigned)description.move_count,
		description.move_count == 1 ? "" : "s",
		(unsigned long long)description.payload, (unsigned long long)description.in_place,
		(unsigned long long)description.moved, (unsigned long long)description.set_aside,
		(unsigned long long)description.zeroed);
	say(SEGUE_LOG_DEBUG, "Purgatory: 0x%08x, %u bytes; workspace: 0x%08x", description.purgatory,
		description.purgatory_size, physical_address(workspace));
	show_moves(workspace);
}

/* The text screen's cursor, as the target is to find it. True if it has moved since. */
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

void standalone_main(uint32_t magic, uint32_t info)
{
	struct segue_load_args args = { .struct_size = sizeof args };
	const char *sentence = NULL;
	int code;

	exceptions_install();
	if (!boot_info_read(&boot, magic, info)) {
		console_open_default();
		say(SEGUE_LOG_ERROR, "segue.elf was not started by a Multiboot loader: EAX is 0x%08x.", magic);
		give_up();
	}
	read_options();
	show_boot_info();
	if (boot.module_count == 0) {
		say(SEGUE_LOG_ERROR, "Refused: the boot loader has passed no module, so there is nothing to start.");
		give_up();
	}
	take_tables();
	read_cursor();
	acpi_settle_rsdp(&boot);

	args.flags = options.load_flags;
	args.blob = tables.parts[0];
	args.modules = tables.parts + 1;
	args.module_count = boot.module_count - 1;
	args.cmdline = options.cmdline;
	if (!args.cmdline && *args.blob.cmdline)
		args.cmdline = args.blob.cmdline;
	args.memory_map = tables.map;
	args.memory_map_count = boot.range_count;
	boot.machine.serial_port = console_serial_port();
	args.machine = &boot.machine;
	args.log = take_log;
	load(&args);
	show_target(args.workspace);

	code = segue_ready(args.workspace, &sentence);
	if (code != SEGUE_OK) {
		if (sentence)
			keep_refusal(sentence);
		refuse(code);
	}
	say(SEGUE_LOG_INFO, "Starting.");
	/* the target goes on writing below these lines, and not over them */
	said = 0;
	if (read_cursor() && (code = segue_load(&args)) != SEGUE_OK)
		refuse(code);
	console_flush();
	segue_exec(args.workspace);
}
