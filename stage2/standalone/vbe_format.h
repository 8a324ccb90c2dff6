/* SPDX-License-Identifier: MIT */
/* VESA BIOS Extensions 3.0: the two blocks that the BIOS fills in. */
#ifndef STANDALONE_VBE_FORMAT_H
#define STANDALONE_VBE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)

/* VBE 3.0, section 4.3: the fields of VbeInfoBlock that are read */
struct vbe_control_info {
	uint8_t signature[4];         /* "VESA"; "VBE2" asks for all 512 bytes */
	uint8_t version[2];
	uint8_t oem_name[4];
	uint8_t capabilities[4];
	uint8_t modes[4];             /* far pointer to numbers of 16 bits, up to 0xffff */
};
AT(vbe_control_info, signature, 0);
AT(vbe_control_info, version, 4);
AT(vbe_control_info, oem_name, 6);
AT(vbe_control_info, capabilities, 10);
AT(vbe_control_info, modes, 14);

/* VBE 3.0, section 4.4: the fields of ModeInfoBlock that describe a linear framebuffer */
struct vbe_mode_info {
	uint16_t attributes;
	uint8_t windows[14];
	uint16_t bytes_per_line;
	uint16_t width, height;
	uint8_t char_width, char_height;
	uint8_t planes, bits_per_pixel;
	uint8_t banks, memory_model;
	uint8_t bank_size, image_pages, reserved;
	uint8_t color_info[6];        /* size, then position of red, green, blue */
	uint8_t reserved_size, reserved_position;
	uint8_t direct_color;
	uint8_t physical_base[4];
	uint8_t off_screen[6];
	uint16_t linear_bytes_per_line;
	uint8_t banked_images, linear_images;
	uint8_t linear_color_info[6];
};
AT(vbe_mode_info, attributes, 0);
AT(vbe_mode_info, bytes_per_line, 16);
AT(vbe_mode_info, width, 18);
AT(vbe_mode_info, height, 20);
AT(vbe_mode_info, bits_per_pixel, 25);
AT(vbe_mode_info, memory_model, 27);
AT(vbe_mode_info, color_info, 31);
AT(vbe_mode_info, physical_base, 40);
AT(vbe_mode_info, linear_bytes_per_line, 50);
AT(vbe_mode_info, linear_color_info, 54);
#define VBE_ATTRIBUTE_SUPPORTED (1u << 0)
#define VBE_ATTRIBUTE_COLOR (1u << 3)
#define VBE_ATTRIBUTE_GRAPHICS (1u << 4)
#define VBE_ATTRIBUTE_LINEAR (1u << 7)
#define VBE_MODEL_PACKED_PIXEL 4
#define VBE_MODEL_DIRECT_COLOR 6
#define VBE_MODE_LINEAR (1u << 14)    /* VBE 3.0, section 4.5: in the number of the mode */

#undef AT
#endif
