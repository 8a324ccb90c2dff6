/* SPDX-License-Identifier: MIT */
/* How far reading has come, on one line of the console. */
#ifndef STANDALONE_PROGRESS_H
#define STANDALONE_PROGRESS_H

#include <stdint.h>

void progress_start(uint32_t total);
/* So many bytes are read. Shown a few times a second, as the BIOS's clock has it: it runs while the BIOS reads. */
void progress_update(uint32_t done);
/* The last line stays. */
void progress_end(uint32_t done);

#endif
