/* SPDX-License-Identifier: MIT */
#include "video.h"
#include "boot_info.h"
#include "options.h"
#include "standalone.h"
#include "vbe.h"

_Static_assert(VIDEO_BUFFER_SIZE >= VBE_BUFFER_SIZE, "vbe.h");

static struct vbe vbe;                /* static, because the target gets copies of its blocks */

/* Describes a screen in a few words, for sentences. */
struct words {
	char text[32];
	uint32_t length;
};

static void put_word(void *context, char c)
{
	struct words *words = context;

	if (words->length + 1 < sizeof words->text)
		words->text[words->length++] = c;
}

static void __attribute__((format(printf, 2, 3))) write_words(struct words *words, const char *format, ...)
{
	va_list list;

	*words = (struct words){ .length = 0 };
	va_start(list, format);
	format_text(put_word, words, format, list);
	va_end(list);
}

static void write_screen(struct words *words, const struct segue_framebuffer *framebuffer)
{
	if (framebuffer->type == SEGUE_FRAMEBUFFER_NONE)
		write_words(words, "no screen");
	else if (framebuffer->type == SEGUE_FRAMEBUFFER_EGA_TEXT)
		write_words(words, "text %ux%u", framebuffer->width, framebuffer->height);
	else
		write_words(words, "%ux%ux%u", framebuffer->width, framebuffer->height, framebuffer->bpp);
}

static void write_wish(struct words *words, uint32_t video, const struct vbe_wish *wish)
{
	if (video == SEGUE_VIDEO_TEXT)
		write_words(words, "text");
	else if (wish->mode)
		write_words(words, "VBE mode 0x%x", wish->mode);
	else if (!wish->width && !wish->height)
		write_words(words, "graphics");
	else if (!wish->depth)
		write_words(words, "%ux%u", wish->width, wish->height);
	else
		write_words(words, "%ux%ux%u", wish->width, wish->height, wish->depth);
}

/* enum segue_video */
static uint32_t what_is_wanted(const struct options *options, const void *workspace,
	const struct segue_framebuffer *framebuffer, struct vbe_wish *wish)
{
	struct segue_description target = { .struct_size = sizeof target };

	*wish = (struct vbe_wish){ 0, options->video_width, options->video_height, options->video_depth };
	if (options->video == OPTION_VIDEO_SIZE)
		return SEGUE_VIDEO_GRAPHICS;
	if (options->video == OPTION_VIDEO_TEXT)
		return SEGUE_VIDEO_TEXT;
	if (options->video == OPTION_VIDEO_KEEP || segue_describe(workspace, &target) != SEGUE_OK)
		return SEGUE_VIDEO_NOT_ASKED;
	/* A target that starts in 16-bit code sets its modes itself, and prints in text mode until then. */
	if (target.real_mode)
		return framebuffer->type == SEGUE_FRAMEBUFFER_NONE ? SEGUE_VIDEO_NOT_ASKED : SEGUE_VIDEO_TEXT;
	*wish = (struct vbe_wish){ target.video_mode, target.video_width, target.video_height, target.video_depth };
	return target.asks_video;
}

static bool is_graphics(const struct segue_framebuffer *framebuffer)
{
	return framebuffer->type == SEGUE_FRAMEBUFFER_RGB || framebuffer->type == SEGUE_FRAMEBUFFER_INDEXED;
}

/* True if the present screen is the wanted one. */
static bool is_met(const struct segue_machine *machine, uint32_t video, const struct vbe_wish *wish)
{
	const struct segue_framebuffer *framebuffer = &machine->framebuffer;

	if (video == SEGUE_VIDEO_TEXT)
		return framebuffer->type == SEGUE_FRAMEBUFFER_EGA_TEXT;
	if (!is_graphics(framebuffer))
		return false;
	if (wish->mode)
		return machine->vbe && (machine->vbe->mode & VBE_MODE_NUMBER) == wish->mode;
	return (!wish->width || wish->width == framebuffer->width) &&
		(!wish->height || wish->height == framebuffer->height) &&
		(wish->depth ? wish->depth == framebuffer->bpp : framebuffer->type == SEGUE_FRAMEBUFFER_RGB);
}

static void set_text(struct segue_machine *machine)
{
	vbe_set_text();
	machine->vbe = NULL;
	machine->framebuffer = (struct segue_framebuffer){ .type = SEGUE_FRAMEBUFFER_NONE };
	vga_text_active(&machine->framebuffer);
}

/* NULL, or the reason why the screen is not as wanted; the machine may have changed even then. */
static const char *set(struct segue_machine *machine, uint32_t video, const struct vbe_wish *wish, uint32_t buffer)
{
	const char *why = NULL;

	vbe.touched = false;
	if (video == SEGUE_VIDEO_GRAPHICS) {
		why = vbe_set(&vbe, wish, buffer);
		if (!why) {
			machine->framebuffer = vbe.framebuffer;
			machine->vbe = &vbe.passed;
			return NULL;
		}
		if (!vbe.touched)
			return why;
	}
	set_text(machine);
	if (!why && machine->framebuffer.type != SEGUE_FRAMEBUFFER_EGA_TEXT)
		why = "the BIOS has no text screen";
	return why;
}

static bool differs(const struct segue_machine *machine, const struct segue_machine *before)
{
	const struct segue_framebuffer *a = &machine->framebuffer, *b = &before->framebuffer;

	return machine->vbe != before->vbe || a->type != b->type || a->addr != b->addr || a->width != b->width ||
		a->height != b->height || a->bpp != b->bpp || a->pitch != b->pitch;
}

bool video_settle(struct boot_info *boot, const struct options *options, const void *workspace, uint32_t buffer)
{
	struct segue_machine *machine = &boot->machine, before = *machine;
	struct words asked, got;
	struct vbe_wish wish;
	uint32_t video = what_is_wanted(options, workspace, &machine->framebuffer, &wish);
	const char *why = "there is no BIOS to set it with";
	bool changed;

	if (video == SEGUE_VIDEO_NOT_ASKED || is_met(machine, video, &wish))
		return false;
	if (buffer)
		why = set(machine, video, &wish, buffer);
	changed = differs(machine, &before);
	if (changed || (buffer && !why) || vbe.touched)
		console_change_screen(options, &machine->framebuffer);
	write_wish(&asked, video, &wish);
	write_screen(&got, &machine->framebuffer);
	if (why)
		say(SEGUE_LOG_WARNING, "Video: %s is asked for, but %s: %s.", asked.text, why, got.text);
	else if (!is_met(machine, video, &wish))
		say(SEGUE_LOG_WARNING, "Video: %s is asked for, the nearest available is %s.", asked.text, got.text);
	else
		say(SEGUE_LOG_INFO, "Video: %s.", got.text);
	return changed;
}
