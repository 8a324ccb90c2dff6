/* SPDX-License-Identifier: MIT */
#include "vbe.h"
#include "vbe_format.h"

#define VERSION_3 0x300u
#define DEPTH_ANY 32u
#define KINDS_APART 2u

#define FIELD(info, name) ((info) + offsetof(struct vbe_mode_info, name))

static void take_colors(struct segue_framebuffer *framebuffer, const uint8_t *colors)
{
	framebuffer->red_size = colors[0];
	framebuffer->red_position = colors[1];
	framebuffer->green_size = colors[2];
	framebuffer->green_position = colors[3];
	framebuffer->blue_size = colors[4];
	framebuffer->blue_position = colors[5];
}

static bool takes_bits(const struct segue_framebuffer *framebuffer, uint32_t size, uint32_t position)
{
	uint32_t bits = (framebuffer->bpp + 7u) & ~7u;

	return size > 0 && size <= bits && position <= bits - size;
}

/* Fills in the pixel format. False if the mode has neither a palette nor red, green and blue pixels. */
static bool take_pixels(struct segue_framebuffer *framebuffer, const uint8_t *mode_info, bool linear)
{
	uint32_t model = *FIELD(mode_info, memory_model);

	framebuffer->bpp = *FIELD(mode_info, bits_per_pixel);
	if (model == VBE_MODEL_PACKED_PIXEL && framebuffer->bpp == 8) {
		framebuffer->type = SEGUE_FRAMEBUFFER_INDEXED;
		return true;
	}
	if (model != VBE_MODEL_DIRECT_COLOR || (framebuffer->bpp != 15 && framebuffer->bpp != 16 &&
	    framebuffer->bpp != 24 && framebuffer->bpp != 32))
		return false;
	framebuffer->type = SEGUE_FRAMEBUFFER_RGB;
	take_colors(framebuffer, linear && *FIELD(mode_info, linear_color_info) ? FIELD(mode_info, linear_color_info) :
		FIELD(mode_info, color_info));
	return takes_bits(framebuffer, framebuffer->red_size, framebuffer->red_position) &&
		takes_bits(framebuffer, framebuffer->green_size, framebuffer->green_position) &&
		takes_bits(framebuffer, framebuffer->blue_size, framebuffer->blue_position);
}

bool vbe_framebuffer(struct segue_framebuffer *framebuffer, const uint8_t *mode_info, uint32_t version)
{
	uint32_t attributes = vbe_le16(FIELD(mode_info, attributes));
	uint32_t linear_pitch = vbe_le16(FIELD(mode_info, linear_bytes_per_line));
	struct segue_framebuffer found = { .type = SEGUE_FRAMEBUFFER_NONE };

	if (!(attributes & VBE_ATTRIBUTE_GRAPHICS) || !(attributes & VBE_ATTRIBUTE_LINEAR) ||
	    !take_pixels(&found, mode_info, version >= VERSION_3))
		return false;
	found.addr = vbe_le16(FIELD(mode_info, physical_base)) + 65536u * vbe_le16(FIELD(mode_info, physical_base) + 2);
	found.width = vbe_le16(FIELD(mode_info, width));
	found.height = vbe_le16(FIELD(mode_info, height));
	found.pitch = vbe_le16(FIELD(mode_info, bytes_per_line));
	/* VBE 3.0, section 4.4: a line may be longer in linear modes than in banked ones. */
	if (version >= VERSION_3 && linear_pitch)
		found.pitch = linear_pitch;
	if (found.addr == 0 || found.width == 0 || found.height == 0 || found.pitch < found.width * ((found.bpp + 7u) / 8) ||
	    found.addr + found.pitch * found.height > 0x100000000u)
		return false;
	*framebuffer = found;
	return true;
}

static uint32_t depth_distance(uint32_t depth, uint32_t wanted)
{
	if (depth == wanted)
		return 0;
	if ((depth >= 24) == (wanted >= 24))
		return 1;
	return KINDS_APART + 32 - depth;
}

uint64_t vbe_distance(const struct segue_framebuffer *mode, const struct vbe_wish *wish)
{
	uint32_t depth = wish->depth ? wish->depth : DEPTH_ANY;
	bool larger = (wish->width && mode->width > wish->width) || (wish->height && mode->height > wish->height);
	bool other_kind = (mode->type == SEGUE_FRAMEBUFFER_INDEXED) != (depth == 8);
	/* 16 bits each */
	uint32_t area = mode->width * mode->height;

	if (!larger)
		area = UINT32_MAX - area;
	return (uint64_t)(larger * 2u + other_kind) << 40 | (uint64_t)area << 8 | depth_distance(mode->bpp, depth);
}
