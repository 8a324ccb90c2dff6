/* SPDX-License-Identifier: MIT */
/* VESA BIOS Extensions 2.0 and 3.0: finds the modes with a linear framebuffer, chooses one and sets it. */
#ifndef STANDALONE_VBE_H
#define STANDALONE_VBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/multiboot_format.h"
#include "segue.h"

#define VBE_BUFFER_SIZE 1024u         /* below 1 MiB, from a 16-byte boundary; free before and after each call */
#define VBE_MODE_NUMBER 0x1ffu        /* VBE 3.0, section 3: the bits of a mode's number */
#define VBE_MODE_FIRST 0x100u         /* numbers below are the VGA's own modes, of which VBE has no information */

/*
 * The requested mode; 0: any.
 *
 * By number: this mode or none. By size: of all modes with a linear framebuffer, those that are larger than requested
 * in neither direction; if all are larger, the smallest. Of these the largest, which is the requested size if it
 * exists. Of these the same depth; then one of the same kind (32 and 24 bits, 16 and 15); then the deepest. Modes with
 * a palette (8 bits) come last, or first if 8 is requested.
 * Any size: the monitor's own (EDID), or else 1024x768. Any depth: 32.
 */
struct vbe_wish {
	uint32_t mode;
	uint32_t width, height, depth;
};

/* A mode that is set. */
struct vbe {
	struct segue_framebuffer framebuffer;
	struct segue_vbe passed;      /* points to the two below */
	uint8_t control_info[VBE_CONTROL_INFO_SIZE];
	uint8_t mode_info[VBE_MODE_INFO_SIZE];
	bool touched;                 /* the BIOS was told to set a mode: if that failed, the screen may be anything */
};

/*
 * Sets the mode chosen for the request, with its linear framebuffer, cleared, and fills in vbe. NULL, or the reason in a
 * few words. buffer: physical address of VBE_BUFFER_SIZE bytes.
 */
const char *vbe_set(struct vbe *vbe, const struct vbe_wish *wish, uint32_t buffer);

/* Sets the VGA's text mode 3. vga_text_active() then reads the actual screen. */
void vbe_set_text(void);

/* Sets the BIOS's cursor on the text screen. */
void vbe_set_cursor(uint32_t column, uint32_t row);

/* vbe_mode.c: the parts that need no BIOS */

/* Reads the linear framebuffer from a mode information block. False: there is none that can be used. */
bool vbe_framebuffer(struct segue_framebuffer *framebuffer, const uint8_t *mode_info, uint32_t version);

/* The distance of a mode from the requested one; the least is chosen. */
uint64_t vbe_distance(const struct segue_framebuffer *mode, const struct vbe_wish *wish);

static inline uint32_t vbe_le16(const uint8_t *p)
{
	return p[0] + 256u * p[1];
}

#endif
