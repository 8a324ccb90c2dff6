/* SPDX-License-Identifier: MIT */
/*
 * Words of a Linux command line, parsed as the kernel parses its early options such as mem= (next_arg() in
 * lib/cmdline.c, parse_args() in kernel/params.c). Blanks outside double quotes separate words. Quotes around a word or
 * a value are not part of it. The word -- and everything after it belongs to init.
 *
 * vga= follows the same rule, although the kernel leaves it to the boot loader: a word that the kernel would not take
 * for an option is not an option here. The kernel's setup code and decompressor search for their own options (quiet,
 * earlyprintk=, console=) by a simpler rule that knows neither quotes nor -- (__cmdline_find_option() in
 * arch/x86/boot/cmdline.c). Segue uses none of those.
 */
#include "common/bytes.h"
#include "linux.h"

/* isspace() of lib/ctype.c. */
static bool is_blank(uint8_t c)
{
	return c == ' ' || c - 9u < 5 || c == 0xa0;
}

static OUT_OF_LINE bool is_text(const uint8_t *p, const uint8_t *end, const char *text)
{
	while (p < end && *text && *p == (uint8_t)*text) {
		p++;
		text++;
	}
	return p == end && !*text;
}

bool segue_linux_option(struct bytes *rest, const char *name, struct bytes *value)
{
	const uint8_t *p = rest->data, *limit = rest->size > 0 ? p + rest->size : p;

	for (;;) {
		const uint8_t *word, *equals = NULL, *end;
		bool quoted, inside;

		while (p < limit && is_blank(*p))
			p++;
		if (p == limit)
			return false;
		quoted = inside = *p == '"';
		word = p += quoted;
		for (; p < limit && (inside || !is_blank(*p)); p++) {
			if (*p == '=' && !equals && p > word)
				equals = p;
			if (*p == '"')
				inside = !inside;
		}
		end = p;
		if (end > word && end[-1] == '"' && (quoted || (equals && equals + 1 < end && equals[1] == '"')))
			end--;
		if (!equals && is_text(word, end, "--"))
			return false;
		if (!equals || !is_text(word, equals, name))
			continue;
		if (++equals < limit && *equals == '"')
			equals++;
		value->data = equals;
		value->size = end > equals ? (size_t)(end - equals) : 0;
		rest->size = (size_t)(limit - p);
		rest->data = p;
		return true;
	}
}

bool segue_linux_is(const struct bytes *value, const char *text)
{
	return is_text(value->data, value->data + value->size, text);
}
