/* SPDX-License-Identifier: MIT */
#include "state.h"
#include "inspect_output.h"

#include <stdarg.h>

enum {
	COM1 = 0x3f8,
	COM_DIVISOR_LOW = COM1,
	COM_INTERRUPTS = COM1 + 1,
	COM_FIFO = COM1 + 2,
	COM_LINE = COM1 + 3,
	COM_MODEM = COM1 + 4,
	COM_LINE_STATUS = COM1 + 5,
	LINE_8N1 = 0x03,
	LINE_DIVISOR = 0x80,
	STATUS_TRANSMITTER_EMPTY = 0x20,
	DEBUG_PORT = 0xe9,
	SCREEN = 0xb8000,
	COLUMNS = 80,
	ROWS = 25,
	QUOTED_MAX = 4096,
};

static uint32_t good_items, bad_items;
static uint32_t row, column;
static bool serial_works, screen_off;

void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static volatile uint16_t *screen_cell(uint32_t at_row, uint32_t at_column)
{
	return (volatile uint16_t *)(uintptr_t)(SCREEN + 2 * (at_row * COLUMNS + at_column));
}

static void clear_row(uint32_t at_row)
{
	for (uint32_t i = 0; i < COLUMNS; i++)
		*screen_cell(at_row, i) = 0x0720;
}

void output_begin(void)
{
	out8(COM_INTERRUPTS, 0);
	out8(COM_LINE, LINE_DIVISOR);
	out8(COM_DIVISOR_LOW, 1);	/* 115200 */
	out8(COM_INTERRUPTS, 0);
	out8(COM_LINE, LINE_8N1);
	out8(COM_FIFO, 0x07);
	out8(COM_MODEM, 0x03);
	serial_works = in8(COM_LINE_STATUS) != 0xff;
	for (uint32_t i = 0; i < ROWS; i++)
		clear_row(i);
}

static void screen_char(char c)
{
	if (c == '\n' || column == COLUMNS) {
		column = 0;
		row++;
	}
	if (row == ROWS) {
		for (uint32_t i = 0; i < (ROWS - 1) * COLUMNS; i++)
			*screen_cell(0, i) = *screen_cell(1, i);
		clear_row(ROWS - 1);
		row = ROWS - 1;
	}
	if (c != '\n')
		*screen_cell(row, column++) = (uint16_t)(0x0700 | (uint8_t)c);
}

static void serial_char(char c)
{
	uint32_t patience = 100000;

	while (!(in8(COM_LINE_STATUS) & STATUS_TRANSMITTER_EMPTY)) {
		if (--patience == 0) {
			serial_works = false;
			return;
		}
	}
	out8(COM1, (uint8_t)c);
}

static void put(char c)
{
	out8(DEBUG_PORT, (uint8_t)c);
	if (serial_works && c == '\n')
		serial_char('\r');
	if (serial_works)
		serial_char(c);
	if (!screen_off)
		screen_char(c);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_hex(uint32_t value, uint32_t digits)
{
	while (digits--) {
		uint32_t digit = value >> (4 * digits) & 15;

		put((char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
	}
}

static void put_decimal(uint32_t value)
{
	char digits[10];
	uint32_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		put(digits[--n]);
}

static void put_quoted(uint32_t address)
{
	put('"');
	for (uint32_t i = 0; i < QUOTED_MAX; i++) {
		uint32_t c = peek8(address + i);

		if (c == 0)
			break;
		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
			put_string("\\x");
			put_hex(c, 2);
		} else {
			put((char)c);
		}
	}
	put('"');
}

static void print_list(const char *format, va_list list)
{
	uint64_t wide;

	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		switch (*++format) {
		case 'u':
			put_decimal(va_arg(list, uint32_t));
			break;
		case 'x':
			put_string("0x");
			put_hex(va_arg(list, uint32_t), 8);
			break;
		case 'X':
			wide = va_arg(list, uint64_t);
			put_string("0x");
			put_hex((uint32_t)(wide >> 32), 8);
			put_hex((uint32_t)wide, 8);
			break;
		case 's':
			put_string(va_arg(list, const char *));
			break;
		case 'q':
			put_quoted(va_arg(list, uint32_t));
			break;
		}
	}
}

void print(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print_list(format, list);
	va_end(list);
}

void expect_that(bool good, const char *name, const char *want, const char *format, ...)
{
	va_list list;

	if (good)
		good_items++;
	else
		bad_items++;
	screen_off = good;	/* the screen is short, so it shows wrong items only */
	print(good ? "ok: %s = " : "BAD: %s: got ", name);
	va_start(list, format);
	print_list(format, list);
	va_end(list);
	if (!good)
		print(" want %s", want);
	put('\n');
	screen_off = false;
}

void expect(const char *name, uint32_t got, uint32_t want)
{
	expect_masked(name, got, want, 0xffffffff);
}

void expect_masked(const char *name, uint32_t got, uint32_t want, uint32_t mask)
{
	bool good = (got & mask) == want;

	if (good)
		good_items++;
	else
		bad_items++;
	screen_off = good;
	print(good ? "ok: %s = %x" : "BAD: %s: got %x", name, got);
	if (!good)
		print(" want %x", want);
	if (mask != 0xffffffff)
		print(" (mask %x)", mask);
	put('\n');
	screen_off = false;
}

void expect64(const char *name, uint64_t got, uint64_t want)
{
	bool good = got == want;

	if (good)
		good_items++;
	else
		bad_items++;
	screen_off = good;
	print(good ? "ok: %s = %X" : "BAD: %s: got %X", name, got);
	if (!good)
		print(" want %X", want);
	put('\n');
	screen_off = false;
}

void not_applicable(const char *name, const char *why)
{
	screen_off = true;
	print("n/a: %s: %s\n", name, why);
	screen_off = false;
}

uint32_t verdict(void)
{
	print("INSPECT: %u ok, %u bad\n", good_items, bad_items);
	return bad_items;
}
