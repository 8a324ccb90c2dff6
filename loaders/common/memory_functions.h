/* SPDX-License-Identifier: MIT */
/* The four functions that a freestanding GCC may call anyway: the only ones the library asks of the host. */
#ifndef SEGUE_MEMORY_FUNCTIONS_H
#define SEGUE_MEMORY_FUNCTIONS_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *at, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
