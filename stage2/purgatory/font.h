/* SPDX-License-Identifier: MIT */
/* font.inc: 0x20 to 0x7f, in bands of FONT_BAND characters. Exported to segue.elf. */
#ifndef SEGUE_FONT_H
#define SEGUE_FONT_H

#define FONT_WIDTH 5
#define FONT_HEIGHT 9
#define FONT_BAND 16

#endif
