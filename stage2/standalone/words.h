/* SPDX-License-Identifier: MIT */
/* Words of a boot loader's strings. */
#ifndef STANDALONE_WORDS_H
#define STANDALONE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline const char *skip_blanks(const char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

static inline const char *skip_word(const char *text)
{
	while (*text && !is_blank(*text))
		text++;
	return text;
}

static inline size_t string_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

#endif
