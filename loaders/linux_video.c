/* SPDX-License-Identifier: MIT */
/*
 * vga= on a Linux command line (boot.rst, Special Command Line Options). The kernel does not read it: the boot loader
 * puts the mode into the header's vid_mode, and the setup code sets it. If the setup code does not run, only the boot
 * loader can set the mode.
 */
#include "common/bytes.h"
#include "linux.h"

/* Documentation/admin-guide/svga.rst: VBE modes start at 0x200. VBE 3.0, section 3: a mode number has 9 bits. */
#define VBE_BASE 0x200u
#define VBE_MODE_MAX 0x1ffu
#define VID_MODE_MAX 0xffffu

static uint32_t digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (uint32_t)'0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - (uint32_t)'a' + 10 : 16;
}

/* Parses a number in C's notation. LINUX_VIDEO_NORMAL if it is not a number. */
static uint32_t number_of(const struct bytes *value)
{
	const uint8_t *p = value->data, *end = p + value->size;
	uint32_t base = 10, number = 0;

	if (end - p > 1 && *p == '0') {
		base = (p[1] | 0x20) == 'x' ? 16 : 8;
		p += base == 16 ? 2 : 1;
	}
	if (p == end)
		return LINUX_VIDEO_NORMAL;
	for (; p < end; p++) {
		uint32_t digit = digit_of(*p);

		number = number * base + digit;
		if (digit >= base || number > VID_MODE_MAX)
			return LINUX_VIDEO_NORMAL;
	}
	return number;
}

/* Finds the value of the last vga= on the line. */
static bool find_vga(const struct bytes *line, struct bytes *value)
{
	struct bytes rest = *line;
	bool found = false;

	while (segue_linux_option(&rest, "vga", value))
		found = true;
	return found;
}

uint32_t segue_linux_vid_mode(const struct bytes *line)
{
	struct bytes value;

	if (!find_vga(line, &value) || segue_linux_is(&value, "normal"))
		return LINUX_VIDEO_NORMAL;
	if (segue_linux_is(&value, "ext"))
		return LINUX_VIDEO_EXTENDED;
	return segue_linux_is(&value, "ask") ? LINUX_VIDEO_ASK : number_of(&value);
}

void segue_linux_ask_video(struct job *job, struct linux_kernel *k)
{
	struct bytes value;
	uint32_t mode;

	(void)k;
	if (!find_vga(&job->bundle.cmdline, &value))
		return;
	mode = segue_linux_vid_mode(&job->bundle.cmdline);
	job->asks_video = SEGUE_VIDEO_TEXT;
	if (mode > VBE_BASE && mode <= VBE_BASE + VBE_MODE_MAX) {
		job->asks_video = SEGUE_VIDEO_GRAPHICS;
		job->video_mode = mode - VBE_BASE;
	}
}
