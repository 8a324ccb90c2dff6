/* SPDX-License-Identifier: MIT */
/* Prints lines to COM1. */
#include <stdarg.h>
#include "host.h"
#include "machine.h"

enum { COM1 = 0x3f8, IER = 1, LCR = 3, LSR = 5, LCR_8N1 = 3, LCR_DIVISOR = 0x80, LSR_THRE = 1 << 5 };
enum { BOCHS_PORT = 0x8900 };

/* Sets 115200 8N1 (16550): Bochs starts with 5 data bits. */
void say_begin(void)
{
	out8(COM1 + IER, 0);
	out8(COM1 + LCR, LCR_DIVISOR);
	out8(COM1, 1);
	out8(COM1 + IER, 0);
	out8(COM1 + LCR, LCR_8N1);
}

static void put(char c)
{
	for (uint32_t patience = 100000; patience && !(in8(COM1 + LSR) & LSR_THRE); patience--)
		;
	out8(COM1, (uint8_t)c);
}

static void put_hexadecimal(uint64_t value)
{
	int shift = 60;

	while (shift > 0 && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static void put_decimal(uint32_t value)
{
	if (value >= 10)
		put_decimal(value / 10);
	put((char)('0' + value % 10));
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		if (*format == '\n')
			put('\r');
		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 's')
			for (const char *s = va_arg(arguments, const char *); *s; s++)
				put(*s);
		else if (*format == 'x')
			put_hexadecimal(va_arg(arguments, uint64_t));
		else
			put_decimal(va_arg(arguments, uint32_t));
	}
	va_end(arguments);
}

void stop(void)
{
	for (const char *s = "Shutdown"; *s; s++)
		out8(BOCHS_PORT, (uint8_t)*s);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
