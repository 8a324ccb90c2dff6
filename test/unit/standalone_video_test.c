/* SPDX-License-Identifier: MIT */
/* Video modes with a simulated BIOS: which mode is chosen, what the target is told, and errors of BIOSes. */
#include <stdio.h>
#include "standalone_memory.h"
#include "format.c"
#include "vbe.c"
#include "video.c"

#define BUFFER 0x3000u
#define LIST 0xc0100u                 /* in ROM */
#define LFB 0xe0000000u
#define GUARD 0x55
#define SUPPORTED 0x9bu               /* attributes: supported, known in full, colour, graphics, linear */

struct mode {
	uint32_t number, width, height, depth;
	uint32_t attributes;          /* 0: SUPPORTED */
	uint32_t linear_pitch;
	uint32_t addr;                /* 0: LFB */
	uint32_t model;               /* 0: the size for the depth */
};

static struct {
	const struct mode *modes;
	size_t count;
	uint32_t version;             /* 0: no VBE */
	uint32_t list;                /* linear address */
	uint32_t pitch_more;          /* additional bytes per line */
	bool no_signature, refuses_mode, sets_another, no_interface, no_text, in_graphics;
	uint8_t edid[128];
	uint32_t edid_answers;        /* AX */
	uint32_t set, texts, calls;   /* the arguments that it got */
} bios;

static const struct mode usual[] = {
	{ 0x100, 640, 400, 8, 0, 0, 0, 0 }, { 0x101, 640, 480, 8, 0, 0, 0, 0 },
	{ 0x110, 640, 480, 15, 0, 0, 0, 0 }, { 0x111, 640, 480, 16, 0, 0, 0, 0 }, { 0x112, 640, 480, 24, 0, 0, 0, 0 },
	{ 0x103, 800, 600, 8, 0, 0, 0, 0 }, { 0x114, 800, 600, 16, 0, 0, 0, 0 }, { 0x115, 800, 600, 24, 0, 0, 0, 0 },
	{ 0x143, 800, 600, 32, 0, 0, 0, 0 },
	{ 0x105, 1024, 768, 8, 0, 0, 0, 0 }, { 0x117, 1024, 768, 16, 0, 0, 0, 0 }, { 0x144, 1024, 768, 32, 0, 0, 0, 0 },
	{ 0x11a, 1280, 1024, 16, 0, 0, 0, 0 }, { 0x11b, 1280, 1024, 24, 0, 0, 0, 0 },
};

static void put16(uint32_t addr, uint32_t value)
{
	memory[addr] = (uint8_t)value;
	memory[addr + 1] = (uint8_t)(value >> 8);
}

static void put_far(uint32_t addr, uint32_t linear)
{
	put16(addr, linear & 15);
	put16(addr + 2, linear >> 4);
}

static void give_control_info(uint32_t addr)
{
	assert_memory_equal(memory + addr, "VBE2", 4);
	if (!bios.no_signature)
		memcpy(memory + addr, "VESA", 4);
	put16(addr + 4, bios.version);
	put_far(addr + 14, bios.list);
	put16(addr + 18, 256);
	memcpy(memory + addr + 500, "the end", 8);
	if (bios.list >= addr && bios.list < addr + 512)
		for (size_t i = 0; i <= bios.count; i++)
			put16(bios.list + 2 * (uint32_t)i, i < bios.count ? bios.modes[i].number : 0xffff);
}

static const struct mode *find_mode(uint32_t number)
{
	for (size_t i = 0; i < bios.count; i++)
		if (bios.modes[i].number == (number & 0x1ff)) /* ignores unknown functions */
			return &bios.modes[i];
	return NULL;
}

static void give_mode_info(uint32_t addr, const struct mode *mode)
{
	static const struct {
		uint32_t depth;
		const char *colors;
	} colors[] = { { 15, "\x05\x0a\x05\x05\x05\x00" }, { 16, "\x05\x0b\x06\x05\x05\x00" },
		{ 24, "\x08\x10\x08\x08\x08\x00" }, { 32, "\x08\x10\x08\x08\x08\x00" } };

	put16(addr, mode->attributes ? mode->attributes : SUPPORTED);
	put16(addr + 16, mode->width * ((mode->depth + 7) / 8) + bios.pitch_more);
	put16(addr + 18, mode->width);
	put16(addr + 20, mode->height);
	memory[addr + 25] = (uint8_t)mode->depth;
	memory[addr + 27] = (uint8_t)(mode->model ? mode->model : mode->depth == 8 ? 4 : 6);
	for (size_t i = 0; i < sizeof colors / sizeof *colors; i++)
		if (colors[i].depth == mode->depth)
			memcpy(memory + addr + 31, colors[i].colors, 6);
	put32(addr + 40, mode->addr ? mode->addr : LFB);
	put16(addr + 50, mode->linear_pitch);
}

void bios_call(uint8_t vector, struct segue_bios_registers *r)
{
	uint32_t addr = r->es * 16u + (r->edi & 0xffff), function = r->eax & 0xffff;
	const struct mode *mode = find_mode(r->ecx & 0xffff);

	assert_int_equal(vector, 0x10);
	bios.calls++;
	if (function == 3) {
		bios.texts++;
		bios.in_graphics = bios.no_text;
		return;
	}
	r->eax = 0x014f;              /* supported, failed */
	if (!bios.version) {
		r->eax = function;
		return;
	}
	switch (function) {
	case 0x4f00:
		assert_true(addr >= BUFFER && addr + 512 <= BUFFER + VBE_BUFFER_SIZE);
		give_control_info(addr);
		break;
	case 0x4f01:
		assert_true(addr >= BUFFER && addr + 256 <= BUFFER + VBE_BUFFER_SIZE);
		for (uint32_t i = 0; i < 256; i++)
			assert_int_equal(memory[addr + i], 0);
		if (!mode)
			return;
		give_mode_info(addr, mode);
		break;
	case 0x4f02:
		assert_int_equal(r->ebx & ~0x1ffu, 0x4000);
		bios.in_graphics = true;
		if (bios.refuses_mode || !find_mode(r->ebx & 0x1ff))
			return;
		bios.set = r->ebx & 0x1ff;
		break;
	case 0x4f03:
		r->ebx = (bios.sets_another ? 0x101 : bios.set) | 0xc000;
		break;
	case 0x4f0a:
		if (bios.no_interface)
			return;
		r->es = 0xc000;
		r->edi = 0xffff1234;
		r->ecx = 0xffff0056;
		break;
	case 0x4f15:
		assert_int_equal(r->ebx & 0xff, 1);
		assert_true(addr >= BUFFER && addr + 128 <= BUFFER + VBE_BUFFER_SIZE);
		memcpy(memory + addr, bios.edid, 128);
		r->eax = bios.edid_answers;
		return;
	default:
		fail_msg("INT 10h, AX = 0x%x", function);
	}
	r->eax = 0x4f;
}

static struct vbe result;

static void new_bios(const struct mode *modes, size_t count)
{
	memset(&bios, 0, sizeof bios);
	memset(memory, GUARD, sizeof memory);
	memset(&result, GUARD, sizeof result);
	bios.modes = modes;
	bios.count = count;
	bios.version = 0x300;
	bios.list = LIST;
	bios.edid_answers = 0x014f;
	for (size_t i = 0; i <= count; i++)
		put16(LIST + 2 * (uint32_t)i, i < count ? modes[i].number : 0xffff);
}
#define NEW_BIOS(modes) new_bios(modes, sizeof modes / sizeof *modes)

/* Nothing outside the buffer was written. */
static void assert_guards(void)
{
	for (uint32_t i = 0; i < MEMORY_SIZE; i++)
		if ((i < BUFFER || i >= BUFFER + VBE_BUFFER_SIZE) && (i < LIST || i >= LIST + 2 * (bios.count + 1)))
			assert_int_equal(memory[i], GUARD);
}

static const char *set_mode(uint32_t mode, uint32_t width, uint32_t height, uint32_t depth)
{
	struct vbe_wish wish = { mode, width, height, depth };

	return vbe_set(&result, &wish, BUFFER);
}

static void sets_a_mode(void **state)
{
	const struct segue_framebuffer *f = &result.framebuffer;

	(void)state;
	NEW_BIOS(usual);
	assert_null(set_mode(0, 800, 600, 32));
	assert_int_equal(bios.set, 0x143);
	assert_int_equal(f->addr, LFB);
	assert_int_equal(f->width, 800);
	assert_int_equal(f->height, 600);
	assert_int_equal(f->pitch, 3200);
	assert_int_equal(f->bpp, 32);
	assert_int_equal(f->type, SEGUE_FRAMEBUFFER_RGB);
	assert_int_equal(f->red_position, 16);
	assert_int_equal(f->red_size, 8);
	assert_int_equal(f->green_position, 8);
	assert_int_equal(f->blue_position, 0);
	assert_int_equal(f->blue_size, 8);
	assert_int_equal(result.passed.mode, 0x4143);
	assert_int_equal(result.passed.interface_seg, 0xc000);
	assert_int_equal(result.passed.interface_off, 0x1234);
	assert_int_equal(result.passed.interface_len, 0x56);
	assert_ptr_equal(result.passed.control_info, result.control_info);
	assert_ptr_equal(result.passed.mode_info, result.mode_info);
	assert_memory_equal(result.control_info, "VESA\0\3", 6);
	assert_memory_equal(result.control_info + 500, "the end", 8);
	assert_int_equal(vbe_le16(result.mode_info + 18), 800);
	assert_true(result.touched);
	assert_int_equal(bios.texts, 0);
	assert_guards();
	/* far pointers in the block may point into the block itself */
	assert_memory_equal(memory + BUFFER, result.control_info, 512);

	NEW_BIOS(usual);
	bios.no_interface = true;
	assert_null(set_mode(0, 640, 480, 15));
	assert_int_equal(bios.set, 0x110);
	assert_int_equal(f->red_position, 10);
	assert_int_equal(f->red_size, 5);
	assert_int_equal(result.passed.interface_seg, 0);
	assert_int_equal(result.passed.interface_off, 0);
	assert_int_equal(result.passed.interface_len, 0);

	NEW_BIOS(usual);
	assert_null(set_mode(0, 1024, 768, 8));
	assert_int_equal(bios.set, 0x105);
	assert_int_equal(f->type, SEGUE_FRAMEBUFFER_INDEXED);
	assert_int_equal(f->red_size, 0);
	assert_int_equal(f->pitch, 1024);
}

static void chooses(void **state)
{
	static const struct {
		uint32_t width, height, depth, number;
	} cases[] = {
		{ 1024, 768, 32, 0x144 }, { 1024, 768, 0, 0x144 }, { 1024, 768, 16, 0x117 },
		{ 1024, 768, 24, 0x144 },     /* 32 for 24 */
		{ 1280, 1024, 32, 0x11b },    /* 24 for 32 */
		{ 1024, 768, 15, 0x117 },     /* 16 for 15 */
		{ 800, 600, 15, 0x114 }, { 640, 480, 16, 0x111 }, { 640, 480, 24, 0x112 }, { 640, 480, 8, 0x101 },
		{ 640, 480, 0, 0x112 },
		{ 1600, 1200, 32, 0x11b },    /* the largest that is not larger */
		{ 1280, 800, 32, 0x144 }, { 1023, 768, 32, 0x143 }, { 1024, 767, 16, 0x114 },
		{ 640, 400, 32, 0x100 },      /* not larger, so a palette */
		{ 320, 200, 16, 0x111 },      /* all are larger: the smallest of the kind */
		{ 320, 200, 8, 0x100 },
		{ 800, 0, 0, 0x143 }, { 0, 768, 0, 0x144 }, { 4000, 0, 16, 0x11a },
		{ 0, 0, 0, 0x144 },           /* no monitor reports its size: 1024x768 */
		{ 0, 0, 16, 0x117 },
	};

	static const struct mode few[] = { { 0x101, 640, 480, 8, 0, 0, 0, 0 }, { 0x112, 640, 480, 24, 0, 0, 0, 0 },
		{ 0x142, 640, 480, 32, 0, 0, 0, 0 }, { 0x1c2, 640, 480, 32, 0, 0, 0, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NEW_BIOS(usual);
		assert_null(set_mode(0, cases[i].width, cases[i].height, cases[i].depth));
		if (bios.set != cases[i].number)
			fail_msg("case %zu: mode 0x%x", i, bios.set);
	}
	NEW_BIOS(few);
	assert_null(set_mode(0, 640, 480, 16));
	assert_int_equal(bios.set, 0x142);    /* the deepest; the first of two equal ones */
}

static void by_number(void **state)
{
	static const struct mode some[] = { { 0x117, 1024, 768, 16, 0, 0, 0, 0 }, { 0x118, 1024, 768, 24, 0x1b, 0, 0, 0 } };

	(void)state;
	NEW_BIOS(some);
	assert_null(set_mode(0x117, 0, 0, 0));
	assert_int_equal(bios.set, 0x117);
	assert_int_equal(result.framebuffer.bpp, 16);
	NEW_BIOS(some);
	assert_non_null(strstr(set_mode(0x118, 0, 0, 0), "no such mode")); /* not linear */
	assert_non_null(strstr(set_mode(0x123, 0, 0, 0), "no such mode"));
	assert_false(result.touched);
	assert_int_equal(bios.set, 0);
}

/* Unusable modes are ignored. */
static void leaves_out(void **state)
{
	static const struct mode bad[] = {
		{ 0x120, 1024, 768, 32, 0x9a, 0, 0, 0 },  /* not supported by the monitor and the memory */
		{ 0x121, 1024, 768, 32, 0x93, 0, 0, 0 },  /* monochrome */
		{ 0x122, 1024, 768, 32, 0x8b, 0, 0, 0 },  /* text */
		{ 0x123, 1024, 768, 32, 0x1b, 0, 0, 0 },  /* banks only */
		{ 0x124, 1024, 768, 4, 0, 0, 0, 3 },      /* planes */
		{ 0x125, 1024, 768, 32, 0, 0, 0, 4 },     /* a palette of 32 bits */
		{ 0x126, 1024, 768, 12, 0, 0, 0, 6 },
		{ 0x127, 0, 768, 32, 0, 0, 0, 0 }, { 0x128, 1024, 0, 32, 0, 0, 0, 0 },
		{ 0x129, 1024, 768, 32, 0, 4092, 0, 0 },  /* a line too short */
		{ 0x12a, 1024, 768, 32, 0, 0, 0xffe00000, 0 }, /* across 4 GiB */
		{ 0x112, 640, 480, 24, 0, 0, 0, 0 },
	};
	static const struct mode addressless[] = { { 0x112, 640, 480, 24, 0, 0, 0, 0 } };
	uint8_t info[256];
	struct segue_framebuffer f;

	(void)state;
	NEW_BIOS(bad);
	assert_null(set_mode(0, 1024, 768, 32));
	assert_int_equal(bios.set, 0x112);
	new_bios(bad, sizeof bad / sizeof *bad - 1);
	assert_non_null(strstr(set_mode(0, 1024, 768, 32), "no mode with a linear framebuffer"));
	assert_false(result.touched);

	NEW_BIOS(addressless);
	give_mode_info(0x1000, &addressless[0]);
	memcpy(info, memory + 0x1000, sizeof info);
	memset(info + 50, 0, sizeof info - 50); /* the guards */
	assert_true(vbe_framebuffer(&f, info, 0x300));
	info[32] = 17;                        /* red across the pixel's end */
	assert_false(vbe_framebuffer(&f, info, 0x300));
	info[32] = 16;
	info[33] = 0;                         /* no green */
	assert_false(vbe_framebuffer(&f, info, 0x300));
	info[33] = 8;
	memset(info + 40, 0, 4);
	assert_false(vbe_framebuffer(&f, info, 0x300));
}

static void versions(void **state)
{
	static const struct mode modes[] = { { 0x112, 640, 480, 32, 0, 2600, 0, 0 } };

	(void)state;
	NEW_BIOS(modes);
	bios.pitch_more = 8;
	assert_null(set_mode(0, 640, 480, 32));
	assert_int_equal(result.framebuffer.pitch, 2600);
	NEW_BIOS(modes);
	bios.version = 0x200;                 /* has no such field */
	bios.pitch_more = 8;
	assert_null(set_mode(0, 640, 480, 32));
	assert_int_equal(result.framebuffer.pitch, 2568);
	NEW_BIOS(usual);
	bios.pitch_more = 8;                  /* version 3 with an empty field */
	assert_null(set_mode(0, 640, 480, 24));
	assert_int_equal(result.framebuffer.pitch, 1928);
	NEW_BIOS(usual);
	bios.version = 0x102;
	assert_non_null(strstr(set_mode(0, 640, 480, 24), "older than 2.0"));
	assert_int_equal(bios.calls, 1);
	NEW_BIOS(usual);
	bios.version = 0;
	assert_non_null(strstr(set_mode(0, 640, 480, 24), "no VESA BIOS Extensions"));
	assert_int_equal(bios.calls, 1);
	NEW_BIOS(usual);
	bios.no_signature = true;
	assert_non_null(strstr(set_mode(0, 640, 480, 24), "no VESA BIOS Extensions"));
	assert_false(result.touched);
}

static void lists(void **state)
{
	(void)state;
	/* in the buffer, where the next call overwrites it, so it must be read first */
	NEW_BIOS(usual);
	bios.list = BUFFER + 0x22;
	assert_null(set_mode(0, 1024, 768, 32));
	assert_int_equal(bios.set, 0x144);
	assert_guards();
	/* without a terminator: the same mode repeated */
	NEW_BIOS(usual);
	for (uint32_t i = 0; i < 0x10000; i++)
		memory[LIST + i] = i & 1 ? 1 : 0x44;
	assert_null(set_mode(0, 1024, 768, 32));
	assert_int_equal(bios.set, 0x144);
	assert_true(bios.calls < 300);
	/* an invalid pointer, and the last address of real mode */
	NEW_BIOS(usual);
	bios.list = 0;
	assert_non_null(set_mode(0, 1024, 768, 32));
	assert_int_equal(bios.set, 0);
	NEW_BIOS(usual);
	bios.list = 0xfffff;
	assert_non_null(set_mode(0, 1024, 768, 32));
	/* invalid and unknown mode numbers */
	NEW_BIOS(usual);
	put16(LIST, 0x8144);
	put16(LIST + 2, 0x0344);
	put16(LIST + 4, 0);
	put16(LIST + 6, 0x1ff);
	put16(LIST + 8, 0x111);
	put16(LIST + 10, 0xffff);
	assert_null(set_mode(0, 1024, 768, 32));
	assert_int_equal(bios.set, 0x111);
}

static void put_edid(uint32_t width, uint32_t height)
{
	uint8_t sum = 0;

	memset(bios.edid, 0, sizeof bios.edid);
	memset(bios.edid + 1, 0xff, 6);
	bios.edid[54] = 1;
	bios.edid[56] = (uint8_t)width;
	bios.edid[58] = (uint8_t)(width >> 8 << 4);
	bios.edid[59] = (uint8_t)height;
	bios.edid[61] = (uint8_t)(height >> 8 << 4);
	for (size_t i = 0; i < 127; i++)
		sum = (uint8_t)(sum + bios.edid[i]);
	bios.edid[127] = (uint8_t)-sum;
	bios.edid_answers = 0x4f;
}

static void monitors(void **state)
{
	(void)state;
	NEW_BIOS(usual);
	put_edid(1280, 1024);
	assert_null(set_mode(0, 0, 0, 0));
	assert_int_equal(bios.set, 0x11b);
	NEW_BIOS(usual);
	put_edid(1000, 600);
	assert_null(set_mode(0, 0, 0, 16));
	assert_int_equal(bios.set, 0x114);
	/* only if any size was requested */
	NEW_BIOS(usual);
	put_edid(1280, 1024);
	assert_null(set_mode(0, 640, 480, 0));
	assert_int_equal(bios.set, 0x112);
	/* broken: refused, checksum, header, no timing, no size, interlaced */
	for (int i = 0; i < 6; i++) {
		NEW_BIOS(usual);
		put_edid(i == 4 ? 0 : 1280, 1024);
		if (i == 0)
			bios.edid_answers = 0x014f;
		else if (i == 1)
			bios.edid[127]++;
		else if (i == 2)
			bios.edid[0]++, bios.edid[127]--;
		else if (i == 3)
			bios.edid[54]--, bios.edid[127]++;
		else if (i == 5)
			bios.edid[71] = 0x80, bios.edid[127] = (uint8_t)(bios.edid[127] - 0x80);
		assert_null(set_mode(0, 0, 0, 0));
		if (bios.set != 0x144)
			fail_msg("case %d: mode 0x%x", i, bios.set);
	}
}

static void modes_that_fail(void **state)
{
	(void)state;
	NEW_BIOS(usual);
	bios.refuses_mode = true;
	assert_non_null(strstr(set_mode(0, 800, 600, 32), "does not set"));
	assert_true(result.touched);
	NEW_BIOS(usual);
	bios.sets_another = true;
	assert_non_null(strstr(set_mode(0, 800, 600, 32), "another mode"));
	assert_true(result.touched);
}

/* ---- requests, and the sentences about them ---- */

static struct segue_description target;
static struct boot_info boot;
static struct options user;
static char sentence[256];
static int level, changes;

int segue_describe(const void *workspace, struct segue_description *description)
{
	(void)workspace;
	assert_int_equal(description->struct_size, sizeof *description);
	*description = target;
	return SEGUE_OK;
}

void say(int at, const char *format, ...)
{
	va_list list;

	level = at;
	va_start(list, format);
	vsnprintf(sentence, sizeof sentence, format, list);
	va_end(list);
}

void console_change_screen(const struct options *options, const struct segue_framebuffer *framebuffer)
{
	assert_ptr_equal(options, &user);
	assert_ptr_equal(framebuffer, &boot.machine.framebuffer);
	changes++;
}

static const struct segue_framebuffer text_screen = { .addr = 0xb8000, .pitch = 160, .width = 80, .height = 25,
	.bpp = 16, .type = SEGUE_FRAMEBUFFER_EGA_TEXT };

bool vga_text_active(struct segue_framebuffer *framebuffer)
{
	if (bios.in_graphics)
		return false;
	*framebuffer = text_screen;
	return true;
}

static void new_machine(const struct segue_framebuffer *framebuffer)
{
	NEW_BIOS(usual);
	bios.in_graphics = framebuffer->type != SEGUE_FRAMEBUFFER_EGA_TEXT;
	boot = (struct boot_info){ .machine = { .framebuffer = *framebuffer } };
	target = (struct segue_description){ .struct_size = sizeof target };
	user = (struct options){ .video = OPTION_VIDEO_AS_ASKED };
	*sentence = 0;
	level = -1;
	changes = 0;
}

static void target_asks(uint32_t width, uint32_t height, uint32_t depth)
{
	target.asks_video = SEGUE_VIDEO_GRAPHICS;
	target.video_width = width;
	target.video_height = height;
	target.video_depth = depth;
}

static bool settle(uint32_t buffer)
{
	return video_settle(&boot, &user, memory, buffer);
}

static void assert_said(int at, const char *text)
{
	assert_string_equal(sentence, text);
	assert_int_equal(level, at);
}

static const struct segue_framebuffer grub_screen = { .addr = LFB, .pitch = 4096, .width = 1024, .height = 768, .bpp = 32,
	.type = SEGUE_FRAMEBUFFER_RGB };
static const struct segue_framebuffer no_screen = { .type = SEGUE_FRAMEBUFFER_NONE };

static void nobody_asks(void **state)
{
	(void)state;
	new_machine(&text_screen);
	assert_false(settle(BUFFER));
	new_machine(&grub_screen);
	assert_false(settle(BUFFER));
	new_machine(&text_screen);
	target_asks(800, 600, 32);
	user.video = OPTION_VIDEO_KEEP;
	assert_false(settle(BUFFER));
	new_machine(&text_screen);
	target_asks(800, 600, 32);
	user.video = OPTION_VIDEO_TEXT;
	assert_false(settle(BUFFER));
	assert_int_equal(bios.calls, 0);
	assert_int_equal(changes, 0);
	assert_string_equal(sentence, "");
}

static void target_gets_what_it_asks_for(void **state)
{
	(void)state;
	new_machine(&text_screen);
	target_asks(800, 600, 32);
	assert_true(settle(BUFFER));
	assert_int_equal(bios.set, 0x143);
	assert_int_equal(boot.machine.framebuffer.width, 800);
	assert_int_equal(boot.machine.vbe->mode, 0x4143);
	assert_int_equal(changes, 1);
	assert_said(SEGUE_LOG_INFO, "Video: 800x600x32.");
	/* it is set already, or any size was requested */
	new_machine(&grub_screen);
	target_asks(1024, 768, 32);
	assert_false(settle(BUFFER));
	target_asks(0, 0, 0);
	assert_false(settle(BUFFER));
	target_asks(1024, 0, 0);
	assert_false(settle(BUFFER));
	assert_int_equal(bios.calls, 0);
	target_asks(1024, 768, 16);
	assert_true(settle(BUFFER));
	assert_int_equal(bios.set, 0x117);
	/* text has 16 bits, too */
	new_machine(&text_screen);
	target_asks(0, 0, 16);
	assert_true(settle(BUFFER));
	assert_int_equal(bios.set, 0x117);
	/* the same mode, but now its number is known */
	new_machine(&grub_screen);
	target_asks(0, 0, 0);
	target.video_mode = 0x144;
	assert_true(settle(BUFFER));
	assert_int_equal(boot.machine.vbe->mode, 0x4144);
	/* nearly the same */
	new_machine(&text_screen);
	target_asks(1280, 800, 32);
	assert_true(settle(BUFFER));
	assert_said(SEGUE_LOG_WARNING, "Video: 1280x800x32 is asked for, the nearest available is 1024x768x32.");
	/* the user's option has priority */
	new_machine(&text_screen);
	target_asks(800, 600, 32);
	user = (struct options){ .video = OPTION_VIDEO_SIZE, .video_width = 640, .video_height = 480 };
	assert_true(settle(BUFFER));
	assert_int_equal(bios.set, 0x112);
	/* Linux vga= */
	new_machine(&text_screen);
	target_asks(0, 0, 0);
	target.video_mode = 0x117;
	assert_true(settle(BUFFER));
	assert_said(SEGUE_LOG_INFO, "Video: 1024x768x16.");
	target.video_mode = 0x117;
	bios.calls = 0;
	assert_false(settle(BUFFER));
	assert_int_equal(bios.calls, 0);
}

static void to_text(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		new_machine(&grub_screen);
		boot.machine.vbe = &boot.vbe;
		if (i == 0)
			user.video = OPTION_VIDEO_TEXT;
		else if (i == 1)
			target.asks_video = SEGUE_VIDEO_TEXT;
		else
			target.real_mode = target.asks_video = 1;
		assert_true(settle(BUFFER));
		assert_int_equal(bios.texts, 1);
		assert_null(boot.machine.vbe);
		assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_EGA_TEXT);
		assert_int_equal(changes, 1);
		assert_said(SEGUE_LOG_INFO, "Video: text 80x25.");
	}
	/* for a target in 16-bit code the present text mode is kept */
	new_machine(&text_screen);
	target.real_mode = target.asks_video = 1;
	assert_false(settle(BUFFER));
	assert_int_equal(bios.calls, 0);
	new_machine(&grub_screen);
	bios.no_text = true;
	user.video = OPTION_VIDEO_TEXT;
	assert_true(settle(BUFFER));
	assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_NONE);
	assert_said(SEGUE_LOG_WARNING, "Video: text is asked for, but the BIOS has no text screen: no screen.");
}

/* A request that cannot be met gives a warning, and the screen is readable. */
static void wishes_that_fail(void **state)
{
	(void)state;
	new_machine(&no_screen);
	target_asks(800, 600, 32);
	assert_false(settle(0));
	assert_int_equal(bios.calls, 0);
	assert_said(SEGUE_LOG_WARNING, "Video: 800x600x32 is asked for, but there is no BIOS to set it with: no screen.");
	new_machine(&grub_screen);
	user.video = OPTION_VIDEO_TEXT;
	assert_false(settle(0));
	assert_said(SEGUE_LOG_WARNING, "Video: text is asked for, but there is no BIOS to set it with: 1024x768x32.");

	new_machine(&text_screen);
	bios.version = 0;
	target_asks(800, 600, 0);
	assert_false(settle(BUFFER));
	assert_int_equal(changes, 0);
	assert_int_equal(bios.texts, 0);
	assert_said(SEGUE_LOG_WARNING, "Video: 800x600 is asked for, but the BIOS has no VESA BIOS Extensions: text 80x25.");

	new_machine(&text_screen);
	bios.refuses_mode = true;
	target_asks(0, 0, 0);
	assert_false(settle(BUFFER));
	assert_int_equal(changes, 1);         /* the screen is empty, and its cursor at the top */
	assert_int_equal(bios.texts, 1);
	assert_null(boot.machine.vbe);
	assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_EGA_TEXT);
	assert_said(SEGUE_LOG_WARNING, "Video: graphics is asked for, but the BIOS does not set the mode: text 80x25.");

	new_machine(&grub_screen);
	bios.sets_another = true;
	target_asks(0, 0, 0);
	target.video_mode = 0x114;
	assert_true(settle(BUFFER));
	assert_int_equal(boot.machine.framebuffer.type, SEGUE_FRAMEBUFFER_EGA_TEXT);
	assert_said(SEGUE_LOG_WARNING, "Video: VBE mode 0x114 is asked for, but the BIOS has set another mode: text 80x25.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_a_mode),
		cmocka_unit_test(chooses),
		cmocka_unit_test(by_number),
		cmocka_unit_test(leaves_out),
		cmocka_unit_test(versions),
		cmocka_unit_test(lists),
		cmocka_unit_test(monitors),
		cmocka_unit_test(modes_that_fail),
		cmocka_unit_test(nobody_asks),
		cmocka_unit_test(target_gets_what_it_asks_for),
		cmocka_unit_test(to_text),
		cmocka_unit_test(wishes_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
