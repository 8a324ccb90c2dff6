/* SPDX-License-Identifier: MIT */
#include "standalone.h"

struct number {
	uint64_t value;
	uint32_t base;
	uint32_t width;
	char fill;
};

/* value / base, 16 bits at a time: without libgcc, i386 has no 64-bit division and, with clang, no 64-bit shifts. */
static uint32_t divide(uint64_t *value, uint32_t base)
{
	uint32_t high = (uint32_t)(*value >> 32), low = (uint32_t)*value, remainder = 0;
	uint32_t parts[4] = { high >> 16, high & 0xffff, low >> 16, low & 0xffff };

	for (int i = 0; i < 4; i++) {
		uint32_t part = remainder << 16 | parts[i];

		parts[i] = part / base;
		remainder = part % base;
	}
	*value = (uint64_t)(parts[0] << 16 | parts[1]) << 32 | (parts[2] << 16 | parts[3]);
	return remainder;
}

static void put_number(void (*put)(void *context, char c), void *context, struct number number)
{
	char digits[20];
	uint32_t count = 0;

	do {
		digits[count++] = "0123456789abcdef"[divide(&number.value, number.base)];
	} while (number.value != 0);
	for (; number.width > count; number.width--)
		put(context, number.fill);
	while (count > 0)
		put(context, digits[--count]);
}

void format_text(void (*put)(void *context, char c), void *context, const char *format, va_list list)
{
	for (; *format; format++) {
		struct number number = { 0, 10, 0, ' ' };
		bool is_64_bit = false;

		if (*format != '%') {
			put(context, *format);
			continue;
		}
		format++;
		if (*format == '0')
			number.fill = '0';
		for (; *format >= '0' && *format <= '9'; format++)
			number.width = number.width * 10 + (uint32_t)(*format - '0');
		if (format[0] == 'l' && format[1] == 'l') {
			is_64_bit = true;
			format += 2;
		}
		if (*format == 's') {
			for (const char *text = va_arg(list, const char *); *text; text++)
				put(context, *text);
		} else if (*format == 'c') {
			put(context, (char)va_arg(list, int));
		} else if (*format == 'u' || *format == 'x') {
			if (*format == 'x')
				number.base = 16;
			number.value = is_64_bit ? va_arg(list, unsigned long long) : va_arg(list, unsigned);
			put_number(put, context, number);
		} else {
			put(context, *format);
			if (!*format)
				return;
		}
	}
}
