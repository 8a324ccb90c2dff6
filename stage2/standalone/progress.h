/* SPDX-License-Identifier: MIT */
/* Shows the progress of reading on one line of the console. */
#ifndef STANDALONE_PROGRESS_H
#define STANDALONE_PROGRESS_H

#include <stdint.h>

void progress_start(uint32_t total);
/* Sets the bytes read so far. Shown a few times a second by the BIOS's clock, which runs while the BIOS reads. */
void progress_update(uint32_t done);
/* Ends the progress; its last line stays. */
void progress_end(uint32_t done);

#endif
