/* SPDX-License-Identifier: MIT */
/* Sentences for the log callback: a formatter that knows what loader.h lists and needs no libc. */
#include <stdarg.h>
#include "bytes.h"
#include "loader.h"

#define SENTENCE_SIZE 240
#define BYTES_SHOWN 64

struct sentence {
	char text[SENTENCE_SIZE];
	size_t length;
};

static void put(struct sentence *s, char c)
{
	if (s->length + 1 < sizeof s->text)
		s->text[s->length++] = c;
}

static void put_string(struct sentence *s, const char *string)
{
	while (*string)
		put(s, *string++);
}

static void put_bytes(struct sentence *s, const struct bytes *bytes)
{
	for (size_t i = 0; i < bytes->size && i < BYTES_SHOWN; i++) {
		uint8_t c = bytes->data[i];

		put(s, c >= 32 && c < 127 ? (char)c : '?');
	}
	if (bytes->size > BYTES_SHOWN)
		put_string(s, "...");
}

static void put_hexadecimal(struct sentence *s, uint64_t value)
{
	int shift = 60;

	put_string(s, "0x");
	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put(s, "0123456789abcdef"[value >> shift & 15]);
}

static void put_decimal(struct sentence *s, uint64_t value)
{
	char digits[20];
	int count = 0;

	/* Division by hand, 16 bits at a time: i386 has no 64-bit division without libgcc. */
	do {
		uint32_t remainder = 0;
		uint64_t quotient = 0;

		for (int shift = 48; shift >= 0; shift -= 16) {
			uint32_t part = remainder * 65536u + (uint32_t)(value >> shift & 0xffff);

			quotient |= (uint64_t)(part / 10u) << shift;
			remainder = part % 10u;
		}
		digits[count++] = (char)('0' + remainder);
		value = quotient;
	} while (value != 0);
	while (count > 0)
		put(s, digits[--count]);
}

static void format_sentence(struct sentence *s, const char *format, va_list list)
{
	s->length = 0;
	for (; *format; format++) {
		if (*format != '%') {
			put(s, *format);
			continue;
		}
		format++;
		if (*format == 's') {
			put_string(s, va_arg(list, const char *));
		} else if (*format == 'b') {
			put_bytes(s, va_arg(list, const struct bytes *));
		} else if (*format == 'u') {
			put_decimal(s, va_arg(list, uint32_t));
		} else if (*format == 'z') {
			put_decimal(s, va_arg(list, uint64_t));
		} else if (*format == 'x') {
			put_hexadecimal(s, va_arg(list, uint64_t));
		} else if (*format == 'd') {
			int value = va_arg(list, int);

			if (value < 0)
				put(s, '-');
			put_decimal(s, value < 0 ? 0u - (unsigned)value : (unsigned)value);
		} else {
			put(s, *format);
		}
	}
	s->text[s->length] = 0;
}

static void say(const struct job *job, int level, const char *format, va_list list)
{
	struct sentence s;

	if (!job->args->log)
		return;
	format_sentence(&s, format, list);
	job->args->log(job->args->log_context, level, s.text);
}

void segue_say(const struct job *job, int level, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(job, level, format, list);
	va_end(list);
}

int segue_refuse(const struct job *job, int code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(job, SEGUE_LOG_ERROR, format, list);
	va_end(list);
	return code;
}
