/* SPDX-License-Identifier: MIT */
/*
 * vga= on a Linux command line (boot.rst, Special Command Line Options): the kernel does not read it, its setup
 * code finds the mode in the header's vid_mode, where the boot loader puts it. A kernel that is entered behind its
 * setup code has nobody but the boot loader to set it.
 */
#include "bytes.h"
#include "linux.h"

/* Documentation/admin-guide/svga.rst: from 0x200 on VBE's modes; VBE 3.0, section 3: a number has 9 bits */
#define VBE_BASE 0x200u
#define VBE_MODE_MAX 0x1ffu
#define VID_MODE_MAX 0xffffu

struct word {
	const uint8_t *at, *end;
};

static bool is_word(const struct word *word, const char *text)
{
	const uint8_t *p = word->at;

	while (p < word->end && *text && *p == (uint8_t)*text) {
		p++;
		text++;
	}
	return p == word->end && !*text;
}

static uint32_t digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (uint32_t)'0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - (uint32_t)'a' + 10 : 16;
}

/* In C's notation. LINUX_VIDEO_NORMAL where it is no number. */
static uint32_t number_of(struct word word)
{
	uint32_t base = 10, number = 0;

	if (word.end - word.at > 1 && *word.at == '0') {
		base = (word.at[1] | 0x20) == 'x' ? 16 : 8;
		word.at += base == 16 ? 2 : 1;
	}
	if (word.at == word.end)
		return LINUX_VIDEO_NORMAL;
	for (; word.at < word.end; word.at++) {
		uint32_t digit = digit_of(*word.at);

		number = number * base + digit;
		if (digit >= base || number > VID_MODE_MAX)
			return LINUX_VIDEO_NORMAL;
	}
	return number;
}

/* What stands behind the last vga= of the line. */
static bool find_vga(const struct bytes *line, struct word *value)
{
	const uint8_t *p = line->data, *end = line->size > 0 ? p + line->size : p;
	bool found = false;

	while (p < end) {
		struct word word = {.at = p};

		while (p < end && *p != ' ')
			p++;
		word.end = p;
		if (word.end - word.at >= 4 && word.at[0] == 'v' && word.at[1] == 'g' && word.at[2] == 'a' && word.at[3] == '=') {
			found = true;
			value->at = word.at + 4;
			value->end = word.end;
		}
		if (p < end)
			p++;
	}
	return found;
}

uint32_t segue_linux_vid_mode(const struct bytes *line)
{
	struct word value = {NULL, NULL};

	if (!find_vga(line, &value) || is_word(&value, "normal"))
		return LINUX_VIDEO_NORMAL;
	if (is_word(&value, "ext"))
		return LINUX_VIDEO_EXTENDED;
	return is_word(&value, "ask") ? LINUX_VIDEO_ASK : number_of(value);
}

int segue_linux_ask_video(struct job *job, struct linux_kernel *k)
{
	struct word value;
	uint32_t mode;

	(void)k;
	if (!find_vga(&job->bundle.cmdline, &value))
		return SEGUE_OK;
	mode = segue_linux_vid_mode(&job->bundle.cmdline);
	job->asks_video = SEGUE_VIDEO_TEXT;
	if (mode > VBE_BASE && mode <= VBE_BASE + VBE_MODE_MAX) {
		job->asks_video = SEGUE_VIDEO_GRAPHICS;
		job->video_mode = mode - VBE_BASE;
	}
	return SEGUE_OK;
}
