/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "output.h"

void put(struct output *out, const void *data, size_t size)
{
	if (out->room - out->size < size) {
		out->room = out->size + out->room / 2 + size;
		out->data = allocate_again(out->data, out->room);
	}
	if (size)
		memcpy(out->data + out->size, data, size);
	out->size += size;
}

void pad(struct output *out, size_t align)
{
	static const uint8_t zeros[512];

	while (out->size % align) {
		size_t missing = align - out->size % align;

		put(out, zeros, missing < sizeof zeros ? missing : sizeof zeros);
	}
}
