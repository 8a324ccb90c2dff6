/* SPDX-License-Identifier: MIT */
#include "machine/hardware.h"
#include "standalone.h"
#include "options.h"

static struct {
	struct serial_port serial[OPTIONS_SERIAL_MAX];
	size_t serial_count;
	bool vga, framebuffer, debug_port;
	bool open, no_screen;
	int level;                    /* the highest level that is printed */
	uint32_t over;                /* characters of a line that the next say_over() replaces; 0: none */
	uint32_t column;              /* of the line that say_over() is writing */
} console = { .level = SEGUE_LOG_INFO };

static void put(void *context, char c)
{
	(void)context;
	for (size_t i = 0; i < console.serial_count; i++) {
		if (c == '\n')
			serial_put(&console.serial[i], '\r');
		serial_put(&console.serial[i], c);
	}
	if (console.vga)
		vga_put(c);
	if (console.framebuffer)
		framebuffer_put(c);
	if (console.debug_port)
		port_write8(DEBUG_PORT, (uint8_t)c);
}

static void open_serial(uint16_t port, uint32_t speed)
{
	if (serial_open(&console.serial[console.serial_count], port, speed))
		console.serial_count++;
}

/* NULL, or why the screen that the user chose cannot be written to. */
static const char *open_screen(const struct options *options, const struct segue_framebuffer *framebuffer)
{
	const char *why = NULL;

	if (framebuffer->type == SEGUE_FRAMEBUFFER_NONE) {
		console.no_screen = options->vga || options->framebuffer;
	} else if (framebuffer->type == SEGUE_FRAMEBUFFER_EGA_TEXT) {
		console.vga = options->vga;
		if (console.vga)
			vga_open(framebuffer);
	} else if (options->framebuffer) {
		why = framebuffer_open(framebuffer);
		console.framebuffer = !why;
	}
	return why;
}

uint32_t console_serial_port(void)
{
	return console.serial_count > 0 ? console.serial[0].base : 0;
}

static bool nothing_open(void)
{
	return console.serial_count == 0 && !console.vga && !console.framebuffer && !console.debug_port;
}

void console_open(const struct options *options, const struct segue_framebuffer *framebuffer)
{
	struct options all;
	const char *why;
	bool asked = options->serial_count > 0 || options->vga || options->framebuffer;

	console.open = true;
	if (options->quiet)
		console.level = SEGUE_LOG_ERROR;
	else if (options->verbose)
		console.level = SEGUE_LOG_DEBUG;
	for (size_t i = 0; i < options->serial_count; i++)
		open_serial(options->serial[i].port, options->serial[i].speed);
	console.debug_port = options->debug_port;
	why = open_screen(options, framebuffer);
	if (asked && nothing_open()) {
		options_default(&all);
		open_serial(all.serial[0].port, all.serial[0].speed);
		why = open_screen(&all, framebuffer);
		say(SEGUE_LOG_WARNING, "console= names no device of this machine; printing to the default.");
	}
	if (why)
		say(SEGUE_LOG_WARNING, "Nothing can be shown on the framebuffer at 0x%llx: %s.",
			(unsigned long long)framebuffer->addr, why);
	if (console.no_screen)
		say(SEGUE_LOG_INFO, "No screen: no text mode, and no framebuffer from the boot loader "
			"(GRUB on UEFI needs \"insmod all_video\").");
}

void console_change_screen(const struct options *options, const struct segue_framebuffer *framebuffer)
{
	const char *why;

	console.vga = console.framebuffer = false;
	why = open_screen(options, framebuffer);
	if (why)
		say(SEGUE_LOG_WARNING, "Nothing can be shown on the framebuffer at 0x%llx: %s.",
			(unsigned long long)framebuffer->addr, why);
}

void console_open_default(void)
{
	struct options options;
	struct segue_framebuffer framebuffer = { .type = SEGUE_FRAMEBUFFER_NONE };

	if (console.open)
		return;
	options_default(&options);
	vga_text_active(&framebuffer);
	console_open(&options, &framebuffer);
}

void console_flush(void)
{
	for (size_t i = 0; i < console.serial_count; i++)
		serial_flush(&console.serial[i]);
}

bool console_enter_pressed(void)
{
	bool pressed = keyboard_enter_pressed();

	for (size_t i = 0; i < console.serial_count; i++)
		pressed |= serial_enter_pressed(&console.serial[i]);
	return pressed;
}

void say(int level, const char *format, ...)
{
	va_list list;

	if (level > console.level)
		return;
	if (console.over)
		put(NULL, '\n');
	console.over = 0;
	va_start(list, format);
	format_text(put, NULL, format, list);
	va_end(list);
	put(NULL, '\n');
}

static void put_counted(void *context, char c)
{
	console.column++;
	put(context, c);
}

void say_over(int level, const char *format, ...)
{
	va_list list;

	if (level > console.level)
		return;
	put(NULL, '\r');
	console.column = 0;
	va_start(list, format);
	format_text(put_counted, NULL, format, list);
	va_end(list);
	while (console.column < console.over)
		put_counted(NULL, ' ');
	console.over = console.column;
}
