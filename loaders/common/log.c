/* SPDX-License-Identifier: MIT */
/* Messages to the log callback. The formatter knows the formats listed in log.h and needs no libc. */
#include <stdarg.h>
#include "common/bundle.h"
#include "common/bytes.h"
#include "common/log.h"

#define SENTENCE_SIZE 240
#define BYTES_SHOWN 64

struct sentence {
	char text[SENTENCE_SIZE];
	size_t length;
};

static void put(struct sentence *s, unsigned c)
{
	if (s->length < sizeof s->text - 1)
		s->text[s->length++] = (char)c;
}

static void put_string(struct sentence *s, const char *string)
{
	while (*string)
		put(s, (unsigned char)*string++);
}

static void put_bytes(struct sentence *s, const struct bytes *bytes)
{
	for (size_t i = 0; i < bytes->size && i < BYTES_SHOWN; i++)
		put(s, bytes->data[i] >= 32 && bytes->data[i] < 127 ? bytes->data[i] : '?');
	if (bytes->size > BYTES_SHOWN)
		put_string(s, "...");
}

static void put_number(struct sentence *s, addr_t value)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (count > 0)
		put(s, (unsigned char)digits[--count]);
}

static void put_hex(struct sentence *s, uint64_t value)
{
	/* in two halves: some compilers need libgcc for a 64-bit shift on i386 */
	const uint32_t halves[] = {(uint32_t)(value >> 32), (uint32_t)value};
	bool any = false;

	put_string(s, "0x");
	for (unsigned i = 0; i < 16; i++) {
		uint32_t digit = halves[i / 8] >> (28 - i % 8 * 4) & 15;

		any = any || digit != 0 || i == 15;
		if (any)
			put(s, (unsigned char)"0123456789abcdef"[digit]);
	}
}

static void format_sentence(struct sentence *s, const char *format, va_list list)
{
	uint32_t part;

	for (; *format; format++) {
		if (*format != '%') {
			put(s, (unsigned char)*format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_string(s, va_arg(list, const char *));
			break;
		case 'b':
			put_bytes(s, va_arg(list, const struct bytes *));
			break;
		case 'p':
			part = va_arg(list, uint32_t);
			put_string(s, part == 0 ? "blob " : "module ");
			put_number(s, part == 0 ? 0 : part - 1);
			break;
		case 'u':
			put_number(s, va_arg(list, uint32_t));
			break;
		case 'z':
			put_number(s, va_arg(list, addr_t));
			break;
		case 'x':
			put_hex(s, va_arg(list, addr_t));
			break;
		case 'X':
			put_hex(s, va_arg(list, uint64_t));
			break;
		default:
			put(s, (unsigned char)*format);
		}
	}
	s->text[s->length] = 0;
}

void segue_say(const struct log *log, int level, const char *format, ...)
{
	struct sentence s = {.length = 0};
	va_list list;

	if (!log->callback)
		return;
	va_start(list, format);
	format_sentence(&s, format, list);
	va_end(list);
	log->callback(log->context, level, s.text);
}

int segue_refuse(const struct log *log, int code, const char *format, ...)
{
	struct sentence s = {.length = 0};
	va_list list;
	int level;

	if (!log || !log->callback)
		return code;
	level = segue_tries_again(log, code) ? SEGUE_LOG_WARNING : SEGUE_LOG_ERROR;
	put_string(&s, segue_meaning(log->meanings, code));
	if (format)
		put_string(&s, ": ");
	va_start(list, format);
	format_sentence(&s, format ? format : "", list);
	va_end(list);
	log->callback(log->context, level, s.text);
	return code;
}
