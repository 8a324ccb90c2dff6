/* SPDX-License-Identifier: MIT */
/* The target's screen: the user's choice, else the target's request, else the present one. */
#ifndef STANDALONE_VIDEO_H
#define STANDALONE_VIDEO_H

#include <stdbool.h>
#include <stdint.h>

struct boot_info;
struct options;

#define VIDEO_BUFFER_SIZE 1024u

/*
 * Sets the mode that the options, or else the target in workspace, ask for, and continues the console on the new
 * screen. A request that cannot be met is a warning. Call it after loading, so that earlier errors are printed on the
 * screen that the user knows. True: boot->machine's framebuffer or vbe has changed, so segue_load() must run again to
 * pass it to the target.
 *
 * buffer: physical address of VIDEO_BUFFER_SIZE free bytes below 1 MiB, from a 16-byte boundary, with bios_open()
 * called before; 0: there is no BIOS.
 */
bool video_settle(struct boot_info *boot, const struct options *options, const void *workspace, uint32_t buffer);

#endif
