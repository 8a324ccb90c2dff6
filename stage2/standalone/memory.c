/* SPDX-License-Identifier: MIT */
/* The four functions that a freestanding GCC may call. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dest, const void *restrict source, size_t size);
void *memmove(void *dest, const void *source, size_t size);
void *memset(void *dest, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

void *memcpy(void *restrict dest, const void *restrict source, size_t size)
{
	void *to = dest;
	size_t words = size / 4, bytes = size % 4;

	__asm__ volatile("rep movsl" : "+D"(to), "+S"(source), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(source), "+c"(bytes) : : "memory");
	return dest;
}

void *memmove(void *dest, const void *source, size_t size)
{
	uint8_t *to = (uint8_t *)dest + size - 1;
	const uint8_t *from = (const uint8_t *)source + size - 1;

	if ((uintptr_t)dest - (uintptr_t)source >= size)
		return memcpy(dest, source, size);
	__asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(to), "+S"(from), "+c"(size) : : "memory", "cc");
	return dest;
}

void *memset(void *dest, int value, size_t size)
{
	void *to = dest;
	size_t words = size / 4, bytes = size % 4;
	uint32_t word = (uint8_t)value * 0x01010101u;

	__asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(word) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(word) : "memory");
	return dest;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *left = a, *right = b;

	for (size_t i = 0; i < size; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}
