/* SPDX-License-Identifier: MIT */
#include "purgatory/font.h"
#include "numbers/numbers.h"

const struct number segue_numbers[] = {
	NUMBER(FONT_WIDTH),
	NUMBER(FONT_HEIGHT),
	NUMBER(FONT_BAND),
};
