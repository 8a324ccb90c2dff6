/* SPDX-License-Identifier: MIT */
/* Text on a graphics screen, for machines that have no text mode. */
#include "standalone.h"

#define COLUMNS_WANTED 80u
#define WIDTH_DOUBLE 720u             /* screens of this width or more use dots of at least two pixels */
#define COLUMNS_MAX 160u
#define ROWS_MAX 100u
#define CELL_WIDTH (FONT_WIDTH + 1)
#define CELL_HEIGHT (FONT_HEIGHT + 1)
#define GREY 0xc0u                    /* of 255 */
#define GREY_OF_VGA 7u                /* in the palette that a video BIOS sets */

static struct {
	uint8_t *pixels;
	uint32_t pitch;
	uint32_t pixel_bytes;
	uint32_t ink;                 /* the pixel value; the paper is 0 */
	uint32_t scale;
	uint32_t columns, rows;
	uint32_t column, row;
	/* A copy of the screen's characters, because a framebuffer is slow to write and slower to read. */
	char shown[ROWS_MAX][COLUMNS_MAX];
} screen;

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t ink_field(uint8_t position, uint8_t size)
{
	uint32_t value = size >= 8 ? GREY << (size - 8) : GREY >> (8 - size);

	return value << position;
}

static bool field_fits(uint8_t position, uint8_t size)
{
	return size > 0 && size <= 16 && position + size <= 32;
}

static const char *why_not_pixels(const struct segue_framebuffer *framebuffer)
{
	if (framebuffer->type == SEGUE_FRAMEBUFFER_INDEXED && framebuffer->bpp == 8)
		return NULL;
	if (framebuffer->type != SEGUE_FRAMEBUFFER_RGB)
		return "its pixels are not red, green and blue";
	if (framebuffer->bpp != 15 && framebuffer->bpp != 16 && framebuffer->bpp != 24 && framebuffer->bpp != 32)
		return "its pixels have neither 15, 16, 24 nor 32 bits";
	if (!field_fits(framebuffer->red_position, framebuffer->red_size) ||
	    !field_fits(framebuffer->green_position, framebuffer->green_size) ||
	    !field_fits(framebuffer->blue_position, framebuffer->blue_size))
		return "its colours do not fit into a pixel";
	return NULL;
}

static const char *why_not(const struct segue_framebuffer *framebuffer)
{
	const char *why = why_not_pixels(framebuffer);

	if (why)
		return why;
	if (framebuffer->width < CELL_WIDTH || framebuffer->height < CELL_HEIGHT || framebuffer->width > 65536 ||
	    framebuffer->height > 65536 || framebuffer->pitch / ((framebuffer->bpp + 7u) / 8) < framebuffer->width)
		return "its width, height or pitch is invalid";
	if (framebuffer->addr + (uint64_t)framebuffer->pitch * framebuffer->height > 0x100000000u ||
	    framebuffer->addr > UINT32_MAX)
		return "it is above 4 GiB, which 32-bit code cannot address";
	return NULL;
}

static void write_pixel(uint8_t *pixel, uint32_t color)
{
	if (screen.pixel_bytes == 4) {
		*(volatile uint32_t *)(void *)pixel = color;
		return;
	}
	for (uint32_t i = 0; i < screen.pixel_bytes; i++, color >>= 8)
		*(volatile uint8_t *)(pixel + i) = (uint8_t)(color & 255u);
}

/* One line of dots of a character, scale pixels high. */
static void draw_dots(uint8_t *pixels, uint32_t dots)
{
	for (uint32_t y = 0; y < screen.scale; y++, pixels += screen.pitch) {
		uint8_t *pixel = pixels;

		for (uint32_t bit = 1u << (CELL_WIDTH - 1); bit; bit >>= 1)
			for (uint32_t x = 0; x < screen.scale; x++, pixel += screen.pixel_bytes)
				write_pixel(pixel, dots & bit ? screen.ink : 0);
	}
}

static void show(uint32_t row, uint32_t column, char c)
{
	uint8_t *pixels = screen.pixels + row * CELL_HEIGHT * screen.scale * screen.pitch +
		column * CELL_WIDTH * screen.scale * screen.pixel_bytes;

	uint32_t number = (uint8_t)c;

	if (screen.shown[row][column] == c)
		return;
	screen.shown[row][column] = c;
	if (number < FONT_FIRST || number > FONT_LAST)
		number = FONT_LAST;
	number -= FONT_FIRST;
	/* Leave an empty line above and an empty column to the right. */
	for (uint32_t y = 1; y < CELL_HEIGHT; y++)
		draw_dots(pixels + y * screen.scale * screen.pitch,
			(uint32_t)font[number / 16][y - 1][number % 16] << 1);
}

const char *framebuffer_open(const struct segue_framebuffer *framebuffer)
{
	const char *why = why_not(framebuffer);

	if (why)
		return why;
	screen.pixels = physical((uint32_t)framebuffer->addr);
	screen.pitch = framebuffer->pitch;
	screen.pixel_bytes = (framebuffer->bpp + 7u) / 8;
	screen.ink = framebuffer->type == SEGUE_FRAMEBUFFER_INDEXED ? GREY_OF_VGA :
		ink_field(framebuffer->red_position, framebuffer->red_size) |
		ink_field(framebuffer->green_position, framebuffer->green_size) |
		ink_field(framebuffer->blue_position, framebuffer->blue_size);
	screen.scale = framebuffer->width / (COLUMNS_WANTED * CELL_WIDTH);
	if (screen.scale < 2)
		screen.scale = framebuffer->width < WIDTH_DOUBLE ? 1 : 2;
	while (framebuffer->height < CELL_HEIGHT * screen.scale)
		screen.scale--;
	screen.column = screen.row = 0;
	screen.columns = least(framebuffer->width / (CELL_WIDTH * screen.scale), COLUMNS_MAX);
	screen.rows = least(framebuffer->height / (CELL_HEIGHT * screen.scale), ROWS_MAX);
	for (uint32_t y = 0; y < framebuffer->height; y++)
		for (uint32_t x = 0; x < framebuffer->width; x++)
			write_pixel(screen.pixels + y * screen.pitch + x * screen.pixel_bytes, 0);
	for (uint32_t row = 0; row < screen.rows; row++)
		for (uint32_t column = 0; column < screen.columns; column++)
			screen.shown[row][column] = ' ';
	return NULL;
}

static void new_line(void)
{
	screen.column = 0;
	if (screen.row + 1 < screen.rows) {
		screen.row++;
		return;
	}
	for (uint32_t row = 0; row < screen.rows; row++)
		for (uint32_t column = 0; column < screen.columns; column++)
			show(row, column, row + 1 < screen.rows ? screen.shown[row + 1][column] : ' ');
}

void framebuffer_put(char c)
{
	if (c == '\n') {
		new_line();
		return;
	}
	if (c == '\r') {
		screen.column = 0;
		return;
	}
	if (screen.column == screen.columns)
		new_line();
	show(screen.row, screen.column++, c);
}
