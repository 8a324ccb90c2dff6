/* SPDX-License-Identifier: MIT */
#include "standalone.h"

const char *framebuffer_open(const struct segue_framebuffer *framebuffer)
{
	(void)framebuffer;
	return "not built yet";
}

void framebuffer_put(char c)
{
	(void)c;
}
