/* SPDX-License-Identifier: MIT */
/* GCC may call these four functions in freestanding code too. The library needs no others from the host. */
#ifndef SEGUE_MEMORY_FUNCTIONS_H
#define SEGUE_MEMORY_FUNCTIONS_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *at, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
