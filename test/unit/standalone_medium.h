/* SPDX-License-Identifier: MIT */
/* Stubs: a BIOS drive on an array, a console that records its lines, and give_up() as a jump back into the test. */
#ifndef STANDALONE_MEDIUM_H
#define STANDALONE_MEDIUM_H

#include <stdio.h>
#include <sanitizer/asan_interface.h>
#include "standalone_memory.h"
#include "bios/bios.h"
#include "common/bytes.h"
#include "copy.h"
#include "media.h"

#define DRIVE 0xe0u

static struct {
	uint8_t *data;
	uint64_t size;
	bool size_unknown;            /* the BIOS reports all ones, as SeaBIOS does for a CD */
	uint32_t sector_size;
	uint32_t largest;             /* sectors a call */
	uint64_t bad_sector;          /* status of the refusal; 0: none */
	uint8_t status;
	uint32_t bad_times;
	uint32_t reads;
} drive;

/* The rest of the transfer buffer, which a read has not filled, is poisoned: ASan reports an access. */
static inline void guard_buffer(uint32_t from)
{
	ASAN_UNPOISON_MEMORY_REGION(memory + MEDIA_BUFFER, MEDIA_BUFFER_SIZE);
	ASAN_POISON_MEMORY_REGION(memory + from, MEDIA_BUFFER + MEDIA_BUFFER_SIZE - from);
}

static inline void unguard_buffer(void)
{
	guard_buffer(MEDIA_BUFFER + MEDIA_BUFFER_SIZE);
}

void bios_call(uint8_t vector, struct segue_bios_registers *r)
{
	const uint8_t *packet = memory + r->ds * 16u + (r->esi & 0xffff);
	uint64_t sector, count, to;

	r->eflags = 0;
	assert_int_equal(vector, 0x13);
	assert_int_equal(r->edx & 255, DRIVE);
	if ((r->eax & 0xff00) == 0x4100) {
		r->ebx = 0xaa55;
		r->ecx = 1;
		return;
	}
	if ((r->eax & 0xff00) == 0x4800) {
		put64(r->ds * 16u + (r->esi & 0xffff) + 16, drive.size_unknown ? UINT64_MAX :
		      drive.size / drive.sector_size);
		return;
	}
	if ((r->eax & 0xff00) != 0x4200)
		return;
	drive.reads++;
	sector = le64(packet + 8);
	count = le16(packet + 2);
	to = le16(packet + 6) * 16 + le16(packet + 4);
	r->eflags = SEGUE_BIOS_CARRY;
	r->eax = 0x0900;
	if (count > drive.largest)
		return;
	r->eax = (uint32_t)drive.status << 8;
	if (drive.bad_times && drive.bad_sector >= sector && drive.bad_sector < sector + count) {
		drive.bad_times--;
		return;
	}
	r->eax = 0x0400;
	if ((sector + count) * drive.sector_size > drive.size)
		return;
	guard_buffer((uint32_t)(to + count * drive.sector_size));
	memcpy(memory + to, drive.data + sector * drive.sector_size, count * drive.sector_size);
	r->eflags = r->eax = 0;
}

/* ---- a model of copy.asm; test/unit/copy_model.c compares both ---- */
void copy_open(void)
{
}

void copy_close(void)
{
}

void copy_bytes(void *dest, const void *source, uint32_t size)
{
	memcpy(dest, source, size);
}

void copy_sectors(void *dest, const void *source, uint32_t sectors, struct copy_sums *sums)
{
	const uint8_t *p = source;

	assert_int_equal((uintptr_t)source % 16, (uintptr_t)memory % 16);
	for (uint32_t i = 0; i < sectors * 2048; i += 4) {
		sums->sum[i / 4 % 4] += le32(p + i);
		for (int lane = 0; i % 2048 == 2044 && lane < 4; lane++)
			sums->sum_of_sums[lane] += sums->sum[lane];
	}
	if (dest)
		memcpy(dest, source, sectors * 2048);
}

/* ---- the console, and the end ---- */
static char spoken[16384];
static jmp_buf end_of_road;

static inline void add_spoken(const char *format, va_list list, const char *end)
{
	size_t length = strlen(spoken);

	length += (size_t)vsnprintf(spoken + length, sizeof spoken - length, format, list);
	assert_true(length + 2 < sizeof spoken);
	strcat(spoken, end);
}

void say(int level, const char *format, ...)
{
	va_list list;

	(void)level;
	va_start(list, format);
	add_spoken(format, list, "\n");
	va_end(list);
}

void say_over(int level, const char *format, ...)
{
	va_list list;

	(void)level;
	va_start(list, format);
	add_spoken(format, list, "\r");
	va_end(list);
}

void console_open_default(void)
{
}

void console_flush(void)
{
}

bool console_enter_pressed(void)
{
	return true;
}

void wait_50_ms(void)
{
}

void reboot(void)
{
	longjmp(end_of_road, 1);
}

/* False: the function refused, and its sentence is in spoken. */
#define GOES_ON(call) (spoken[0] = 0, !setjmp(end_of_road)) && ((call), true)

static inline void assert_said(const char *part)
{
	if (!strstr(spoken, part))
		fail_msg("\"%s\" is not in \"%s\"", part, spoken);
}

#endif
