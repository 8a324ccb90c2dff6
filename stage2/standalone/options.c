/* SPDX-License-Identifier: MIT */
#include "options.h"

#define FIRST_HARD_DISK 0x80u         /* INT 13h: drives from here on are fixed disks */

void options_default(struct options *options)
{
	*options = (struct options){ .vga = true, .framebuffer = true, .serial_count = 1 };
	options->serial[0].port = 0x3f8;
	options->serial[0].speed = 115200;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool options_split(char *line, size_t *count)
{
	char *out = line;
	char quote = 0;

	*count = 0;
	for (;;) {
		while (is_blank(*line))
			line++;
		if (!*line)
			return true;
		/* A word never grows, so out never overtakes line. */
		for (; *line && (quote || !is_blank(*line)); line++) {
			if (*line == '\\' && line[1]) {
				*out++ = *++line;
			} else if (quote ? *line == quote : *line == '"' || *line == '\'') {
				quote = quote ? 0 : *line;
			} else {
				*out++ = *line;
			}
		}
		++*count;
		if (!*line) {
			*out = 0;
			return !quote;
		}
		line++;
		*out++ = 0;
	}
}

char *options_next(char *word)
{
	while (*word)
		word++;
	return word + 1;
}

/* Moves *text past prefix; false if *text does not begin with it. */
static bool take_prefix(const char **text, const char *prefix)
{
	const char *at = *text;

	while (*prefix)
		if (*at++ != *prefix++)
			return false;
	*text = at;
	return true;
}

static bool is_word(const char *text, const char *word)
{
	return take_prefix(&text, word) && !*text;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Reads a number. False: there is no digit, or the number is above limit. */
static bool take_number(const char **text, uint32_t base, uint32_t limit, uint32_t *number)
{
	const char *at = *text;

	*number = 0;
	for (; (uint32_t)digit_value(*at) < base; at++) {
		uint32_t digit = (uint32_t)digit_value(*at);

		if (digit > limit || *number > (limit - digit) / base)
			return false;
		*number = *number * base + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

static bool at_end_of_item(const char *text)
{
	return *text == 0 || *text == ',';
}

static bool take_serial(struct options *options, const char **text)
{
	static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	uint32_t number, speed = 115200;
	const char *after;

	if (take_prefix(text, "ttyS")) {
		if (!take_number(text, 10, 3, &number))
			return false;
		number = ports[number];
	} else if (!take_prefix(text, "0x") || !take_number(text, 16, 0xfff8, &number)) {
		return false;
	}
	after = *text;
	if (*after == ',' && digit_value(after[1]) < 10) {
		after++;
		if (take_prefix(&after, "0x")) {
			after = *text;    /* the next port, not a speed */
		} else {
			if (!take_number(&after, 10, 115200, &speed) || speed < 50)
				return false;
			if (*after != ',' && *after && !take_prefix(&after, "8n1") && !take_prefix(&after, "n8"))
				return false;
		}
	}
	*text = after;
	if (options->serial_count == OPTIONS_SERIAL_MAX)
		return false;
	options->serial[options->serial_count].port = (uint16_t)number;
	options->serial[options->serial_count].speed = speed;
	options->serial_count++;
	return true;
}

static bool take_item(struct options *options, const char **text)
{
	if (take_prefix(text, "screen"))
		options->vga = options->framebuffer = true;
	else if (take_prefix(text, "vga"))
		options->vga = true;
	else if (take_prefix(text, "fb"))
		options->framebuffer = true;
	else if (take_prefix(text, "debug"))
		options->debug_port = true;
	else if (!take_prefix(text, "none"))
		return take_serial(options, text);
	return true;
}

static enum option_verdict take_console(struct options *options, const char *list)
{
	struct options taken = *options;

	if (!taken.console_given) {
		taken.console_given = true;
		taken.vga = taken.framebuffer = false;
		taken.serial_count = 0;
	}
	for (;;) {
		if (!take_item(&taken, &list) || !at_end_of_item(list))
			return OPTION_VALUE;
		if (!*list)
			break;
		list++;
	}
	*options = taken;
	return OPTION_TAKEN;
}

/* WIDTHxHEIGHT or WIDTHxHEIGHTxDEPTH */
static bool take_mode(struct options *options, const char *text)
{
	uint32_t width, height, depth = 0;

	if (!take_number(&text, 10, 0xffff, &width) || !take_prefix(&text, "x") ||
	    !take_number(&text, 10, 0xffff, &height) || width == 0 || height == 0)
		return false;
	if (take_prefix(&text, "x") && (!take_number(&text, 10, 32, &depth) ||
	    (depth != 8 && depth != 15 && depth != 16 && depth != 24 && depth != 32)))
		return false;
	if (*text)
		return false;
	options->video_width = width;
	options->video_height = height;
	options->video_depth = depth;
	return true;
}

static enum option_verdict take_video(struct options *options, const char *mode)
{
	struct options taken = *options;

	taken.video = OPTION_VIDEO_SIZE;
	taken.video_width = taken.video_height = taken.video_depth = 0;
	if (is_word(mode, "text"))
		taken.video = OPTION_VIDEO_TEXT;
	else if (is_word(mode, "keep"))
		taken.video = OPTION_VIDEO_KEEP;
	else if (!is_word(mode, "auto") && !take_mode(&taken, mode))
		return OPTION_VALUE;
	*options = taken;
	return OPTION_TAKEN;
}

static bool take_drive(const char **text, uint8_t *drive)
{
	uint32_t number;

	if (take_prefix(text, "0x")) {
		if (!take_number(text, 16, 0xff, &number))
			return false;
	} else if (take_prefix(text, "fd")) {
		if (!take_number(text, 10, 3, &number))
			return false;
	} else {
		if (!take_prefix(text, "hd") || !take_number(text, 10, 15, &number))
			return false;
		number += FIRST_HARD_DISK;
	}
	*drive = (uint8_t)number;
	return true;
}

static enum option_verdict take_boot_drive(struct options *options, const char *text)
{
	uint8_t drive;

	if (!take_drive(&text, &drive) || *text)
		return OPTION_VALUE;
	options->drive_given = true;
	options->drive = drive;
	return OPTION_TAKEN;
}

static enum option_verdict take_chain(struct options *options, const char *text)
{
	uint32_t partition = 0;
	uint8_t drive;

	if (!take_drive(&text, &drive))
		return OPTION_VALUE;
	if (take_prefix(&text, ",") && (!take_number(&text, 10, 4, &partition) || partition == 0))
		return OPTION_VALUE;
	if (*text)
		return OPTION_VALUE;
	options->chain_given = true;
	options->chain_drive = drive;
	options->chain_partition = partition;
	return OPTION_TAKEN;
}

/* How many times a number before this letter is multiplied by 1024. */
static uint32_t unit_of(char letter)
{
	letter |= 0x20;
	return letter == 'k' ? 1 : letter == 'm' ? 2 : letter == 'g' ? 3 : 0;
}

/* A number in decimal, or in hexadecimal after 0x; K, M or G may follow. */
static bool take_address(const char **text, uint64_t *address)
{
	uint32_t base = take_prefix(text, "0x") ? 16 : 10, unit;
	const char *at = *text;

	for (*address = 0; (uint32_t)digit_value(*at) < base; at++) {
		/* x86 has at most 2^52 bytes of memory; here the next digit still fits. */
		if (*address >> 48)
			return false;
		*address = *address * base + (uint32_t)digit_value(*at);
	}
	unit = unit_of(*at);
	if (at == *text)
		return false;
	*text = unit ? at + 1 : at;
	/* By a variable, clang -Oz shifts 64 bits in libgcc. */
	for (; unit > 0 && *address < 1ull << 42; unit--)
		*address <<= 10;
	return unit == 0 && *address < 1ull << 52;
}

/* A range that ends before it starts is refused by segue_load(), not here: the target would get all memory. */
static enum option_verdict take_within(struct options *options, const char *list)
{
	size_t count = options->within_count;

	do {
		struct segue_range *range = &options->within[count];

		if (count == OPTIONS_WITHIN_MAX || !take_address(&list, &range->start) || !take_prefix(&list, "-") ||
		    !take_address(&list, &range->end))
			return OPTION_VALUE;
		count++;
	} while (take_prefix(&list, ","));
	if (*list)
		return OPTION_VALUE;
	options->within_count = count;
	return OPTION_TAKEN;
}

enum option_verdict options_take(struct options *options, const char *word)
{
	uint32_t number;

	if (take_prefix(&word, "video="))
		return take_video(options, word);
	if (take_prefix(&word, "console="))
		return take_console(options, word);
	if (take_prefix(&word, "drive="))
		return take_boot_drive(options, word);
	if (take_prefix(&word, "chain="))
		return take_chain(options, word);
	if (take_prefix(&word, "within="))
		return take_within(options, word);
	if (take_prefix(&word, "cmdline=")) {
		options->cmdline = word;
		return OPTION_TAKEN;
	}
	if (take_prefix(&word, "panic=")) {
		if (!take_number(&word, 10, 0xffffffff, &number) || *word)
			return OPTION_VALUE;
		options->panic_seconds = number;
		return OPTION_TAKEN;
	}
	if (take_prefix(&word, "argv0=")) {
		if (!is_word(word, "no"))
			return OPTION_VALUE;
		options->load_flags |= SEGUE_LOAD_NO_ARGV0;
		return OPTION_TAKEN;
	}
	if (take_prefix(&word, "digest=")) {
		if (is_word(word, "reboot"))
			options->load_flags |= SEGUE_LOAD_DIGEST_REBOOT;
		else if (is_word(word, "stop"))
			options->load_flags &= ~SEGUE_LOAD_DIGEST_REBOOT;
		else
			return OPTION_VALUE;
		return OPTION_TAKEN;
	}
	if (take_prefix(&word, "modules=")) {
		if (!is_word(word, "stay"))
			return OPTION_VALUE;
		options->load_flags |= SEGUE_LOAD_MODULES_STAY;
		return OPTION_TAKEN;
	}
	if (take_prefix(&word, "multiboot=")) {
		if (!is_word(word, "2"))
			return OPTION_VALUE;
		options->load_flags |= SEGUE_LOAD_MULTIBOOT_2;
		return OPTION_TAKEN;
	}
	if (take_prefix(&word, "elf64=")) {
		if (!is_word(word, "32bit"))
			return OPTION_VALUE;
		options->load_flags |= SEGUE_LOAD_ELF_ENTRY_32;
		return OPTION_TAKEN;
	}
	if (is_word(word, "quiet"))
		options->quiet = true;
	else if (is_word(word, "verbose"))
		options->verbose = true;
	else if (is_word(word, "linux16"))
		options->load_flags |= SEGUE_LOAD_REAL_MODE;
	else if (is_word(word, "linux64"))
		options->load_flags |= SEGUE_LOAD_LINUX_64;
	else if (is_word(word, "vmlinux"))
		options->load_flags |= SEGUE_LOAD_VMLINUX;
	else if (is_word(word, "catcher"))
		options->load_flags |= SEGUE_LOAD_CATCHER;
	else
		return OPTION_UNKNOWN;
	return OPTION_TAKEN;
}
