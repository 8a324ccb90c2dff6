/* SPDX-License-Identifier: MIT */
/* Reads and prints numbers and words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "disk.h"

void *allocate(size_t size)
{
	return allocate_again(NULL, size);
}

void *allocate_again(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);

	if (!memory) {
		complain(NULL, "out of memory: %zu bytes", size);
		exit(STATUS_REFUSED);
	}
	return memory;
}

char *copy_string(const char *string)
{
	size_t size = strlen(string) + 1;

	return memcpy(allocate(size), string, size);
}

void print_text(const void *text, size_t size)
{
	const unsigned char *bytes = text;
	size_t i;

	for (i = 0; i < size; i++)
		putchar(bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '?');
}

const char *human_size(uint64_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	static char buffers[4][32];
	static unsigned turn;
	char *text = buffers[turn++ % 4];
	double value = (double)size;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		value /= 1024;
		unit++;
	}
	if (value == (double)(uint64_t)value)
		snprintf(text, sizeof *buffers, "%.0f %s", value, size == 1 ? "byte" : units[unit]);
	else
		snprintf(text, sizeof *buffers, "%.1f %s", value, units[unit]);
	return text;
}

bool parse_size(const char *text, uint64_t *value)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	unsigned shift = 0;
	unsigned long long number;

	if (*text < '0' || *text > '9')
		return false;
	number = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	unit = *end ? strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (!strncmp(end, "iB", 2))
			end += 2;
		else if (*end == 'B')
			end++;
	}
	/* x86 has at most 2^52 bytes of memory. The bound also catches strtoull()'s overflow. */
	if (*end || number > (1ull << 52) >> shift)
		return false;
	*value = (uint64_t)number << shift;
	return true;
}

const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_file(const char *path)
{
	struct stat status;

	return !stat(path, &status) && !S_ISDIR(status.st_mode);
}

/* The '=' after the name, or NULL if all of text is the name. */
static char *find_end_of_name(char *text)
{
	size_t end;

	if (is_file(text))
		return NULL;
	for (end = strlen(text); end--;) {
		bool found;

		if (text[end] != '=')
			continue;
		text[end] = 0;
		found = is_file(text);
		text[end] = '=';
		if (found)
			return text + end;
	}
	return strchr(text, '=');
}

void split_module(char *text, const char **path, const char **args)
{
	char *equals = find_end_of_name(text);

	*path = text;
	*args = NULL;
	if (equals) {
		*equals = 0;
		*args = equals + 1;
	}
}
