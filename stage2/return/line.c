/* SPDX-License-Identifier: MIT */
/* Options for the target: line.h. */
#include "return/line.h"
#include "common/memory_functions.h"

#define LINE_DIGITS 8u

bool segue_is_for_linux(const struct job *job)
{
	for (const struct segue_loader *const *each = segue_loaders; *each; each++)
		if ((*each)->is_linux ? (*each)->is_linux(job) :
					(*each)->family == FAMILY_LINUX && (*each)->recognise(&job->bundle.kernel))
			return true;
	return false;
}

int segue_add_to_line(struct job *job, bool in_front, const char *text, uint32_t number)
{
	struct bytes *line = &job->bundle.cmdline;
	static const char digits[] = "0123456789abcdef";
	size_t length = 0, size;
	uint8_t *all, *option;

	while (text[length])
		length++;
	size = length + (number ? LINE_DIGITS : 0) + 1;
	all = segue_arena_take(&job->arena, line->size + size, 1);
	if (!all)
		return SEGUE_E_WORKSPACE_SMALL;
	option = in_front ? all : all + line->size + 1;
	if (line->size > 0)
		memcpy(in_front ? all + size : all, line->data, line->size);
	memcpy(option, text, length);
	for (unsigned i = 0; number && i < LINE_DIGITS; i++)
		option[length + i] = (uint8_t)digits[number >> (28 - 4 * i) & 15];
	all[in_front ? size - 1 : line->size] = ' ';
	*line = (struct bytes){.data = all, .size = line->size + size, .part = PART_WORKSPACE};
	return SEGUE_OK;
}
