/* SPDX-License-Identifier: MIT */
/* Text on a graphics screen: pixels of every size, scaling, wrapping, scrolling, and refusals. */
#include "standalone_memory.h"
#include "framebuffer.c"

/* Not the real font: 'A' has its top left dot, 'B' all dots, a space none, other characters a column. */
#define GLYPH(c, row) [(c - FONT_FIRST) / 16][row][(c - FONT_FIRST) % 16]
const uint8_t font[6][FONT_HEIGHT][16] = {
	GLYPH('A', 0) = 0x10,
	GLYPH('B', 0) = 0x1f, GLYPH('B', 1) = 0x1f, GLYPH('B', 2) = 0x1f, GLYPH('B', 3) = 0x1f,
	GLYPH('B', 4) = 0x1f, GLYPH('B', 5) = 0x1f, GLYPH('B', 6) = 0x1f, GLYPH('B', 7) = 0x1f,
	GLYPH('B', 8) = 0x1f,
	GLYPH(0x7f, 8) = 0x01
};

#define ADDR 0x1000u
#define GUARD 0x55

static struct segue_framebuffer f;

static uint32_t pixel_bytes(void)
{
	return (f.bpp + 7u) / 8;
}

static void new_screen(uint32_t width, uint32_t height, uint8_t bpp)
{
	f = (struct segue_framebuffer){ .addr = ADDR, .width = width, .height = height, .bpp = bpp,
		.type = SEGUE_FRAMEBUFFER_RGB, .red_position = 16, .red_size = 8, .green_position = 8,
		.green_size = 8, .blue_position = 0, .blue_size = 8 };
	if (bpp == 16) {
		f.red_position = 11;
		f.red_size = 5;
		f.green_position = 5;
		f.green_size = 6;
		f.blue_size = 5;
	}
	f.pitch = width * pixel_bytes() + 12;
	memset(memory, GUARD, sizeof memory);
	memset(&screen, 0, sizeof screen);
}

static void open_screen(uint32_t width, uint32_t height, uint8_t bpp)
{
	new_screen(width, height, bpp);
	assert_null(framebuffer_open(&f));
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < pixel_bytes(); i++)
		value |= (uint32_t)memory[ADDR + y * f.pitch + x * pixel_bytes() + i] << 8 * i;
	return value;
}

static void put_all(const char *text)
{
	while (*text)
		framebuffer_put(*text++);
}

/* Nothing outside the pixels is written: not before, after, or between the lines. */
static void assert_guards(void)
{
	for (uint32_t i = 0; i < MEMORY_SIZE; i++) {
		if (i >= ADDR && i < ADDR + f.pitch * f.height && (i - ADDR) % f.pitch < f.width * pixel_bytes())
			continue;
		assert_int_equal(memory[i], GUARD);
	}
}

/* The smallest rectangle around the pixels that are set, and their number. */
static void assert_ink(uint32_t left, uint32_t top, uint32_t right, uint32_t bottom, uint32_t count)
{
	uint32_t found[4] = { UINT32_MAX, UINT32_MAX, 0, 0 }, n = 0;

	for (uint32_t y = 0; y < f.height; y++) {
		for (uint32_t x = 0; x < f.width; x++) {
			if (pixel(x, y) == 0)
				continue;
			assert_int_equal(pixel(x, y), screen.ink);
			n++;
			found[0] = x < found[0] ? x : found[0];
			found[1] = y < found[1] ? y : found[1];
			found[2] = x + 1 > found[2] ? x + 1 : found[2];
			found[3] = y + 1 > found[3] ? y + 1 : found[3];
		}
	}
	assert_int_equal(n, count);
	assert_int_equal(found[0], left);
	assert_int_equal(found[1], top);
	assert_int_equal(found[2], right);
	assert_int_equal(found[3], bottom);
}

static void every_depth(void **state)
{
	static const struct {
		uint8_t bpp;
		uint32_t ink;
	} depths[] = { { 16, 24u << 11 | 48u << 5 | 24u }, { 24, 0xc0c0c0 }, { 32, 0xc0c0c0 } };

	(void)state;
	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
		open_screen(480, 40, depths[i].bpp);
		assert_int_equal(screen.columns, 80);
		assert_int_equal(screen.rows, 4);
		assert_int_equal(screen.scale, 1);
		put_all("\n  A");
		assert_ink(12, 11, 13, 12, 1);
		assert_int_equal(pixel(12, 11), depths[i].ink);
		put_all("\x01");      /* a character without a glyph: the box */
		assert_ink(12, 11, 23, 20, 2);
		put_all("B");
		assert_ink(12, 11, 29, 20, 1 + 1 + 45);
		assert_guards();
	}
	open_screen(480, 40, 32);
	assert_int_equal(ink_field(20, 10), 0x300u << 20); /* 30-bit colour */
}

static void palette(void **state)
{
	(void)state;
	new_screen(480, 40, 8);
	f.type = SEGUE_FRAMEBUFFER_INDEXED;
	f.red_size = f.green_size = f.blue_size = 0;
	assert_null(framebuffer_open(&f));
	put_all("\n  A");
	assert_ink(12, 11, 13, 12, 1);
	assert_int_equal(pixel(12, 11), 7);
	assert_guards();
}

/* A second screen begins at its own top. */
static void another_screen(void **state)
{
	(void)state;
	open_screen(60, 30, 32);
	put_all("B\n A");
	new_screen(120, 40, 16);
	screen.row = 2;               /* the first screen's state */
	screen.column = 9;
	assert_null(framebuffer_open(&f));
	put_all("A");
	assert_ink(0, 1, 1, 2, 1);
	assert_guards();
}

static void scales(void **state)
{
	static const struct {
		uint32_t width, scale;
	} widths[] = { { 480, 1 }, { 640, 1 }, { 719, 1 }, { 720, 2 }, { 800, 2 }, { 1024, 2 }, { 1280, 2 },
		{ 1440, 3 }, { 1920, 4 }, { 3840, 8 } };

	(void)state;
	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
		open_screen(widths[i].width, 100, 32);
		assert_int_equal(screen.scale, widths[i].scale);
		assert_int_equal(screen.columns, widths[i].width / (6 * widths[i].scale));
		assert_int_equal(screen.rows, 100 / (10 * widths[i].scale));
	}
	open_screen(800, 60, 24);
	put_all(" A");
	assert_ink(12, 2, 14, 4, 4);
	put_all("B");
	assert_ink(12, 2, 34, 20, 4 + 45 * 4);
	assert_guards();
}

static void wraps_and_scrolls(void **state)
{
	(void)state;
	open_screen(60, 30, 32);      /* 10 columns, 3 rows */
	put_all("         A\nA");     /* a full line leaves no empty one */
	assert_ink(0, 1, 55, 12, 2);
	open_screen(60, 30, 32);
	put_all("          A");
	assert_ink(0, 11, 1, 12, 1);
	open_screen(60, 30, 32);
	put_all("B\n A\n  A\n   A");  /* B scrolls out */
	assert_ink(6, 1, 19, 22, 3);
	put_all("\n\n\n");
	assert_ink(UINT32_MAX, UINT32_MAX, 0, 0, 0);
	assert_guards();
}

static void odd_sizes(void **state)
{
	(void)state;
	open_screen(65, 37, 32);      /* not a multiple of the cell size */
	put_all("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\nBBBBBBBBBB");
	assert_ink(0, 1, 59, 30, 30 * 45);
	assert_guards();
	new_screen(6, 10, 24);        /* one cell, and not a byte more */
	f.pitch = 18;
	assert_null(framebuffer_open(&f));
	put_all("B");
	assert_ink(0, 1, 5, 10, 45);
	assert_guards();
	open_screen(1300, 12, 24);    /* one row */
	put_all("A\nB\nA");
	assert_guards();
}

static void refused(const char *words)
{
	const char *why = framebuffer_open(&f);

	assert_non_null(why);
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	for (uint32_t i = 0; i < MEMORY_SIZE; i++)
		assert_int_equal(memory[i], GUARD);
}

static void refusals(void **state)
{
	(void)state;
	new_screen(480, 40, 32);
	f.type = SEGUE_FRAMEBUFFER_INDEXED;
	refused("red, green and blue");
	new_screen(480, 40, 8);
	refused("neither 15, 16, 24 nor 32");
	new_screen(480, 40, 32);
	f.green_size = 0;
	refused("colours");
	new_screen(480, 40, 32);
	f.red_position = 25;
	refused("colours");
	new_screen(5, 40, 32);
	refused("width");
	new_screen(480, 9, 32);
	refused("width");
	new_screen(480, 40, 24);
	f.pitch = 480 * 3 - 1;
	refused("pitch");
	new_screen(480, 40, 32);
	f.addr = 0x100000000;
	refused("above 4 GiB");
	new_screen(480, 40, 32);
	f.addr = 0x100000000 - f.pitch * 40 + 1;
	refused("above 4 GiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_depth),
		cmocka_unit_test(palette),
		cmocka_unit_test(another_screen),
		cmocka_unit_test(scales),
		cmocka_unit_test(wraps_and_scrolls),
		cmocka_unit_test(odd_sizes),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
