/* SPDX-License-Identifier: MIT */
#include "bios.h"
#include "standalone.h"

#define PARAGRAPH 16u                 /* bytes a real-mode segment's unit */
#define VECTOR_VIDEO 0x10u
#define VECTOR_DISK 0x13u
#define VECTOR_SYSTEM 0x15u
#define BASE_MEMORY 0x413u            /* BIOS data area: KiB below the EBDA */
#define BASE_MEMORY_LEAST 256u
#define BASE_MEMORY_MOST 640u
#define ROM_END 0x100000u
#define EMPTY_ROM 0xffu

/* bios_image.asm; what its first words are stands at the top of stage1/bios_call.asm */
extern const uint8_t bios_call_image[], bios_call_image_end[];

static void (*enter)(uint32_t vector, struct bios_registers *registers);

static uint32_t word_at(const uint8_t *at)
{
	return at[0] + 256u * at[1];
}

static void add(uint8_t *at, uint32_t size, uint32_t number)
{
	for (uint32_t i = 0; i < size; i++) {
		number += at[i];
		at[i] = (uint8_t)number;
		number >>= 8;
	}
}

void bios_open(uint32_t page)
{
	uint8_t *image = physical(page);
	const uint8_t *patch = bios_call_image + word_at(bios_call_image + 2);

	for (const uint8_t *from = bios_call_image; from < bios_call_image_end; from++)
		image[from - bios_call_image] = *from;
	for (; word_at(patch); patch += 2)
		add(image + word_at(patch), 4, page);
	for (patch += 2; word_at(patch); patch += 2)
		add(image + word_at(patch), 2, page / PARAGRAPH);
	enter = (void (*)(uint32_t, struct bios_registers *))(uintptr_t)(image + word_at(image));
}

void bios_call(uint8_t vector, struct bios_registers *registers)
{
	enter(vector, registers);
}

/* A service lies in ROM, or in memory that a disk controller's ROM has taken from the end of base memory. */
static bool is_service(uint32_t vector, uint32_t memory_end)
{
	const uint8_t *entry = physical(4 * vector);
	uint32_t addr = word_at(entry + 2) * PARAGRAPH + word_at(entry);
	uint8_t first;

	if (addr < memory_end || addr >= ROM_END)
		return false;
	first = *(const uint8_t *)physical(addr);
	return first != 0 && first != EMPTY_ROM;
}

/*
 * UEFI leaves zeros here, or its own data; but some versions plant an INT 10h for old Windows, so that one vector
 * alone proves nothing.
 */
bool bios_is_there(void)
{
	uint32_t memory = word_at(physical(BASE_MEMORY));

	return memory >= BASE_MEMORY_LEAST && memory <= BASE_MEMORY_MOST && is_service(VECTOR_VIDEO, memory * 1024) &&
		is_service(VECTOR_DISK, memory * 1024) && is_service(VECTOR_SYSTEM, memory * 1024);
}
