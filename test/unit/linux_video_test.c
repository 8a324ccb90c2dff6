/* SPDX-License-Identifier: MIT */
/* vga= on a Linux command line: boot.rst's notation, and the VBE mode that it requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "linux.h"

/* On the heap and without a NUL, so that ASan reports a read past the end. */
static struct bytes line_of(const char *text)
{
	struct bytes line = {.size = strlen(text), .part = PART_WORKSPACE};
	uint8_t *copy = malloc(line.size ? line.size : 1);

	assert_non_null(copy);
	memcpy(copy, text, line.size);
	line.data = copy;
	return line;
}

static const struct {
	const char *line;
	uint32_t vid_mode, asks, mode;
} cases[] = {
	{"", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"quiet", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0},
	{"xvga=0x317 vga vga:3", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"vg", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0},
	{"a=vga=0x317", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0},
	{"vga=0x317", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117}, {"vga=791", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"vga=01427", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117}, {"quiet vga=0X31A splash", 0x31a, SEGUE_VIDEO_GRAPHICS, 0x11a},
	{"  vga=0x31b  ", 0x31b, SEGUE_VIDEO_GRAPHICS, 0x11b}, {"vga=3 vga=0x343", 0x343, SEGUE_VIDEO_GRAPHICS, 0x143},
	{"vga=0x343 vga=normal", 0xffff, SEGUE_VIDEO_TEXT, 0},
	{"vga=0x201", 0x201, SEGUE_VIDEO_GRAPHICS, 1}, {"vga=0x3ff", 0x3ff, SEGUE_VIDEO_GRAPHICS, 0x1ff},
	{"vga=0x200", 0x200, SEGUE_VIDEO_TEXT, 0}, {"vga=0x400", 0x400, SEGUE_VIDEO_TEXT, 0},
	{"vga=0", 0, SEGUE_VIDEO_TEXT, 0}, {"vga=6", 6, SEGUE_VIDEO_TEXT, 0}, {"vga=0xf07", 0xf07, SEGUE_VIDEO_TEXT, 0},
	{"vga=normal", 0xffff, SEGUE_VIDEO_TEXT, 0}, {"vga=ext", 0xfffe, SEGUE_VIDEO_TEXT, 0},
	{"vga=ask", 0xfffd, SEGUE_VIDEO_TEXT, 0}, {"vga=asks", 0xffff, SEGUE_VIDEO_TEXT, 0},
	{"vga=as", 0xffff, SEGUE_VIDEO_TEXT, 0},
	/* the kernel's rules for words: any blank, quotes, and the words after -- belong to init */
	{"quiet\tvga=791", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117}, {"\nvga=791\r", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"vga=791\xa0x", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"\"vga=791\"", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117}, {"vga=\"791\" x", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"vga=\"ask\"", 0xfffd, SEGUE_VIDEO_TEXT, 0}, {"vga=\"", 0xffff, SEGUE_VIDEO_TEXT, 0},
	{"dyndbg=\"file a.c vga=791 +p\"", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0},
	{"a=\"x vga=791", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"a\"b c\"d vga=791", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"quiet -- vga=791", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"vga=791 -- vga=3", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"\"--\" vga=791", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"--x vga=791", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117},
	{"--=1 vga=791", 0x317, SEGUE_VIDEO_GRAPHICS, 0x117}, {"=vga=791", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0},
	{"\"", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"\"\"", 0xffff, SEGUE_VIDEO_NOT_ASKED, 0}, {"vga=\"\"", 0xffff, SEGUE_VIDEO_TEXT, 0},
	/* no numbers */
	{"vga=", 0xffff, SEGUE_VIDEO_TEXT, 0}, {"vga=0x", 0xffff, SEGUE_VIDEO_TEXT, 0}, {"vga=317h", 0xffff, SEGUE_VIDEO_TEXT, 0},
	{"vga=0791", 0xffff, SEGUE_VIDEO_TEXT, 0}, {"vga=0x31g", 0xffff, SEGUE_VIDEO_TEXT, 0},
	{"vga=65536", 0xffff, SEGUE_VIDEO_TEXT, 0}, {"vga=0x100000317", 0xffff, SEGUE_VIDEO_TEXT, 0},
	{"vga=99999999999999999999", 0xffff, SEGUE_VIDEO_TEXT, 0}, {"vga=-1", 0xffff, SEGUE_VIDEO_TEXT, 0},
};

static void every_notation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct job job = {.bundle.cmdline = line_of(cases[i].line)};
		struct linux_kernel kernel = {0};
		uint32_t vid_mode = segue_linux_vid_mode(&job.bundle.cmdline);

		segue_linux_ask_video(&job, &kernel);
		if (vid_mode != cases[i].vid_mode || job.asks_video != cases[i].asks || job.video_mode != cases[i].mode)
			fail_msg("%s: vid_mode 0x%x, asks %u, mode 0x%x", cases[i].line, vid_mode, job.asks_video, job.video_mode);
		free((void *)(uintptr_t)job.bundle.cmdline.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_notation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
