/* SPDX-License-Identifier: MIT */
/* The VGA's text screen: detected by the VGA's registers; output continues at its cursor. */
#include "standalone.h"

void *memmove(void *dest, const void *source, size_t size); /* stage2/memory */

#define VGA_MISC_READ 0x3cc
#define VGA_MISC_COLOR 0x01           /* the CRTC answers at 0x3d4 and not at 0x3b4 */
#define VGA_GRAPHICS_INDEX 0x3ce
#define VGA_GRAPHICS_DATA 0x3cf
#define GRAPHICS_MISC 6
#define GRAPHICS_MISC_GRAPHICS 0x01
#define GRAPHICS_MISC_MAP 0x0c
#define GRAPHICS_MISC_MAP_B8000 0x0c
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_COLUMNS 0x01             /* less one */
#define CRTC_OVERFLOW 0x07
#define CRTC_CELL_HEIGHT 0x09         /* less one, 5 bits */
#define CRTC_START_HIGH 0x0c
#define CRTC_START_LOW 0x0d
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW 0x0f
#define CRTC_LINES 0x12               /* less one; bits 8 and 9 are overflow bits 1 and 6 */
#define ABSENT 0xff

#define TEXT_ADDR 0xb8000u
#define TEXT_CELLS 0x4000u
#define TEXT_GREY_ON_BLACK 0x0700u

static struct {
	volatile uint16_t *cells;
	uint32_t columns, rows;
	uint32_t column, row;
} screen;

static uint8_t crtc_read(uint8_t index)
{
	port_write8(CRTC_INDEX, index);
	return port_read8(CRTC_DATA);
}

static void crtc_write(uint8_t index, uint8_t value)
{
	port_write8(CRTC_INDEX, index);
	port_write8(CRTC_DATA, value);
}

static uint32_t crtc_read16(uint8_t high, uint8_t low)
{
	return crtc_read(high) * 256u + crtc_read(low);
}

bool vga_text_active(struct segue_framebuffer *framebuffer)
{
	volatile uint16_t *cell = physical(TEXT_ADDR);
	uint16_t saved, other;
	uint32_t lines, height, overflow;
	uint8_t index, misc = port_read8(VGA_MISC_READ);

	if (misc == ABSENT || !(misc & VGA_MISC_COLOR))
		return false;
	index = port_read8(VGA_GRAPHICS_INDEX);
	port_write8(VGA_GRAPHICS_INDEX, GRAPHICS_MISC);
	misc = port_read8(VGA_GRAPHICS_DATA);
	port_write8(VGA_GRAPHICS_INDEX, index);
	/* In a VBE mode, too, the VGA's registers report graphics. */
	if ((misc & GRAPHICS_MISC_GRAPHICS) || (misc & GRAPHICS_MISC_MAP) != GRAPHICS_MISC_MAP_B8000)
		return false;
	saved = *cell;
	other = (uint16_t)~saved;
	*cell = other;
	if (*cell != other)
		return false;
	*cell = saved;

	*framebuffer = (struct segue_framebuffer){ .addr = TEXT_ADDR, .bpp = 16, .width = 80, .height = 25,
		.type = SEGUE_FRAMEBUFFER_EGA_TEXT };
	overflow = crtc_read(CRTC_OVERFLOW);
	lines = crtc_read(CRTC_LINES) + (overflow & 0x02u) * 128u + (overflow & 0x40u) * 8u + 1u;
	height = (crtc_read(CRTC_CELL_HEIGHT) & 31u) + 1u;
	if (crtc_read(CRTC_COLUMNS) >= 39 && crtc_read(CRTC_COLUMNS) < 160)
		framebuffer->width = crtc_read(CRTC_COLUMNS) + 1u;
	if (lines / height >= 20 && lines / height <= 100)
		framebuffer->height = lines / height;
	framebuffer->pitch = framebuffer->width * 2;
	return true;
}

void vga_cursor(const struct segue_framebuffer *framebuffer, uint32_t *column, uint32_t *row)
{
	uint32_t start = crtc_read16(CRTC_START_HIGH, CRTC_START_LOW);
	uint32_t cursor = crtc_read16(CRTC_CURSOR_HIGH, CRTC_CURSOR_LOW);

	cursor = cursor >= start ? cursor - start : 0;
	if (cursor >= framebuffer->width * framebuffer->height)
		cursor = framebuffer->width * (framebuffer->height - 1);
	*column = cursor % framebuffer->width;
	*row = cursor / framebuffer->width;
}

static void place_cursor(void)
{
	uint32_t cursor = screen.row * screen.columns + screen.column;

	crtc_write(CRTC_CURSOR_HIGH, (uint8_t)(cursor >> 8));
	crtc_write(CRTC_CURSOR_LOW, (uint8_t)(cursor & 255));
}

static void new_line(void)
{
	uint32_t last = screen.columns * (screen.rows - 1);

	screen.column = 0;
	if (screen.row + 1 < screen.rows) {
		screen.row++;
		return;
	}
	/* Copy by dwords: a VGA is slow to read. */
	memmove((void *)(uintptr_t)screen.cells, (const void *)(uintptr_t)(screen.cells + screen.columns), last * 2);
	for (uint32_t i = 0; i < screen.columns; i++)
		screen.cells[last + i] = TEXT_GREY_ON_BLACK | ' ';
}

void vga_open(const struct segue_framebuffer *framebuffer)
{
	uint32_t start = crtc_read16(CRTC_START_HIGH, CRTC_START_LOW);

	screen.cells = physical((uint32_t)framebuffer->addr);
	screen.columns = framebuffer->width;
	screen.rows = framebuffer->height;
	vga_cursor(framebuffer, &screen.column, &screen.row);
	/* Move the visible text to the address where the target will expect it. */
	if (start != 0 && start + screen.columns * screen.rows <= TEXT_CELLS)
		for (uint32_t i = 0; i < screen.columns * screen.rows; i++)
			screen.cells[i] = screen.cells[start + i];
	crtc_write(CRTC_START_HIGH, 0);
	crtc_write(CRTC_START_LOW, 0);
	if (screen.column != 0)
		new_line();
	place_cursor();
}

void vga_put(char c)
{
	if (c == '\n') {
		new_line();
		place_cursor();
		return;
	}
	if (c == '\r') {
		screen.column = 0;
		return;
	}
	/* Scroll only when a character needs the line, so that a full line leaves no empty one. */
	if (screen.column == screen.columns)
		new_line();
	screen.cells[screen.row * screen.columns + screen.column] =
		(uint16_t)(TEXT_GREY_ON_BLACK | (uint8_t)c);
	screen.column++;
}
