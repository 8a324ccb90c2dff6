/* SPDX-License-Identifier: MIT */
/*
 * Mistakes of a host's author, by the first word behind the file. README's lines are compiled as they stand, with
 * start_kernel() and segue_exec() called otherwise, so that what is wrong is what they are told.
 */
#include "segue.h"

#define PAGE 4096u
#define PRESENT_WRITABLE 3u
#define LARGE 0x80u
#define FRAME_MASK (~(uintptr_t)(PAGE - 1))
#if defined(__i386__)
#define LARGE_PAGE 0x400000u
#else
#define LARGE_PAGE 0x200000u
#endif
#define ROM 0xfffc0000u               /* the firmware's last 256 KiB: reserved, and not to be written */
#define ROM_PAGES 50u                 /* README's workspace */
#define ENTRIES (LARGE_PAGE / PAGE)

extern uintptr_t page_tables[];       /* boot_*.asm */
extern unsigned char *const sample_workspace;

void print(const char *text);
uint64_t physical_address(const void *pointer);
uint64_t right_address(const void *pointer);
void sample_start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges);
void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges);
SEGUE_REGISTER_CALL void exec_late(void *workspace);

static const char *mistake;
static uint8_t *blob_data;
static uintptr_t own_table[2][ENTRIES] __attribute__((aligned(4096)));
static uint8_t frame[2][PAGE] __attribute__((aligned(4096)));

static int is(const char *name)
{
	const char *word = mistake;

	while (*name && *word == *name)
		word++, name++;
	return !*name && (!*word || *word == ' ');
}

static uintptr_t *large_entry_of(const void *address)
{
#if defined(__i386__)
	return &page_tables[(uintptr_t)address / LARGE_PAGE];
#else
	return &page_tables[2 * 512 + (uintptr_t)address / LARGE_PAGE % 512];
#endif
}

static uintptr_t *small_entry_of(const void *address)
{
	return &((uintptr_t *)((*large_entry_of(address) & FRAME_MASK) + BASE))[(uintptr_t)address / PAGE % ENTRIES];
}

static void flush(void)
{
	uintptr_t cr3;

	__asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* Makes 4 KiB pages of the large one that an address is in. */
static void split(const void *address, unsigned which)
{
	uintptr_t *large = large_entry_of(address);

	for (unsigned i = 0; *large & LARGE && i < ENTRIES; i++)
		own_table[which][i] = (*large & ~(uintptr_t)(LARGE_PAGE - 1)) + i * PAGE + PRESENT_WRITABLE;
	*large = (uintptr_t)right_address(own_table[which]) | PRESENT_WRITABLE;
}

/* Virtually a page stays where it is, with its bytes; the memory that it was in becomes zeros. */
static void move_elsewhere(const void *address, unsigned which)
{
	uintptr_t page = (uintptr_t)address & FRAME_MASK;

	split(address, which);
	for (unsigned i = 0; i < PAGE; i++) {
		frame[which][i] = ((uint8_t *)page)[i];
		((uint8_t *)page)[i] = 0;
	}
	*small_entry_of(address) = (uintptr_t)right_address(frame[which]) | PRESENT_WRITABLE;
	flush();
}

static void put_elsewhere(const uint8_t *address, uintptr_t physical)
{
	if (*large_entry_of(address) & LARGE)
		split(address, address != sample_workspace);
	*small_entry_of(address) = physical | PRESENT_WRITABLE;
	flush();
}

/* What README's lines ask. */
uint64_t physical_address(const void *pointer)
{
	if (is("rom") && (uintptr_t)pointer - (uintptr_t)sample_workspace < ROM_PAGES * PAGE)
		return ROM + ((uintptr_t)pointer - (uintptr_t)sample_workspace);
	if (is("virtual"))
		return (uintptr_t)pointer;
	if (is("off"))
		return right_address(pointer) + PAGE;
	if (is("told") && !(*large_entry_of(pointer) & LARGE))
		return (*small_entry_of(pointer) & FRAME_MASK) + (uintptr_t)pointer % PAGE;
	return right_address(pointer);
}

/* In the place of segue_exec(). */
SEGUE_REGISTER_CALL void exec_late(void *workspace)
{
	if (is("overwritten"))
		for (unsigned i = 0; i < 64; i++)
			blob_data[0x3000 + i] ^= 0xff;
	segue_exec(workspace);
}

void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges)
{
	mistake = cmdline;
	blob_data = (uint8_t *)(uintptr_t)blob;
	while (*cmdline && *cmdline != ' ')
		cmdline++;
	while (*cmdline == ' ')
		cmdline++;
	if (is("scattered") || is("told"))
		move_elsewhere(sample_workspace + 3 * PAGE, 0);
	for (unsigned i = 0; is("rom") && i < ROM_PAGES; i++)
		put_elsewhere(sample_workspace + i * PAGE, ROM + i * PAGE);
	if (is("page-by-page"))
		move_elsewhere((const uint8_t *)blob + 2 * PAGE, 1);
	sample_start_kernel(blob, size, cmdline, map, ranges);
}
