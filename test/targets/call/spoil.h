/* SPDX-License-Identifier: MIT */
#ifndef CALL_SPOIL_H
#define CALL_SPOIL_H

#include <stdint.h>

/* entry: the return address. With bit 20 of it clear, A20 is off afterwards. */
void spoil(uint32_t entry);

#endif
