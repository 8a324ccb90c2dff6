/* SPDX-License-Identifier: MIT */
/* The screen that the target gets: what the user says, or what the target asks for, or what is there. */
#ifndef STANDALONE_VIDEO_H
#define STANDALONE_VIDEO_H

#include <stdbool.h>
#include <stdint.h>

struct boot_info;
struct options;

#define VIDEO_BUFFER_SIZE 1024u

/*
 * Call it when all is loaded, so that what goes wrong before stands on the screen that the user knows. Sets the mode
 * that options, or else the target in workspace, ask for; a wish that cannot be met is a warning. Going on with the
 * console on the new screen is part of it. True: boot->machine's framebuffer or vbe have changed, and so
 * segue_load() must run again for the target to hear of it.
 *
 * buffer: physical address of VIDEO_BUFFER_SIZE free bytes below 1 MiB, from a 16-byte boundary, and bios_open() has
 * been called; 0: there is no BIOS.
 */
bool video_settle(struct boot_info *boot, const struct options *options, const void *workspace, uint32_t buffer);

#endif
