/* SPDX-License-Identifier: MIT */
/* The target's command line: what it is told of the host. Alone, so that the core's block links no more of this folder. */
#ifndef SEGUE_LINE_H
#define SEGUE_LINE_H

#include "common/loader.h"

/* Is the blob's kernel a Linux? */
bool segue_is_for_linux(const struct job *job);
/* Adds an option to the target's command line: text, then number in hexadecimal, if it is not 0. */
int segue_add_to_line(struct job *job, bool in_front, const char *text, uint32_t number);

#endif
