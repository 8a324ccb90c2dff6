/* SPDX-License-Identifier: MIT */
/* A host that looks like Fiwix to kexec.c: its part of stop_kernel(), and the names that names.h declares. */
#include <stdarg.h>
#include "../kernel.h"
#include "names.h"
#include "kexec.h"

enum { KIB = 1024 };

struct bios_mem_map bios_mem_map[NR_BIOS_MM_ENT];
struct ramdisk ramdisk_table[1];
int ramdisk_minors = 1;
static struct serial serial = {.ioaddr = 0x3f8};
static struct tty console = {.dev = SERIAL_MAJOR << 8 | 1 << SERIAL_MSF, .driver_data = &serial};
struct sysconsole sysconsole_table[NR_SYSCONSOLES] = {{&console}};

/* Physical address of an address in the kernel's image or the RAM disk. */
unsigned int host_physical(unsigned int address)
{
	const struct host_part *part = &handover.part[0];
	const struct segue_extent *extent = (const struct segue_extent *)(uintptr_t)part->extents;

	if (address - part->data < part->size)
		return (unsigned int)(extent->addr + (address - part->data));
	return (unsigned int)physical_of((const void *)address);
}

/* Output here polls the port, so nothing ever waits for a tick. */
unsigned int host_ticks(void)
{
	return 0;
}

void printk(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		char one[2] = {*format, 0};

		if (*format == '\n') {
			say("\n");
			continue;
		}
		if (*format != '%') {
			say("%s", one);
			continue;
		}
		do
			format++;
		while (*format >= '0' && *format <= '9');
		if (*format == 's')
			say("%s", va_arg(arguments, const char *));
		else if (*format == 'x')
			say("%x", (uint64_t)va_arg(arguments, unsigned int));
		else
			say("%u", va_arg(arguments, unsigned int));
	}
	va_end(arguments);
}

void memset_b(void *at, unsigned char value, unsigned int size)
{
	__builtin_memset(at, value, size);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a - *b;
}

static void copy_words(char *to, const char *from, size_t limit)
{
	size_t i = 0;

	for (; from[i] && i < limit - 1; i++)
		to[i] = from[i];
	to[i] = 0;
}

/* skip=: bytes of the first module before the RAM disk, which therefore starts inside a page, as Fiwix's does. */
void fiwix_stop_kernel(void)
{
	const struct host_part *part = &handover.part[0];
	uint32_t skip = (uint32_t)word_number(handover.line, "skip=", 0);

	for (uint64_t i = 0; i < handover.map_count && i < NR_BIOS_MM_ENT; i++) {
		const struct segue_range *from = &handover.map[i];

		bios_mem_map[i] = (struct bios_mem_map){(uint32_t)from->start, (uint32_t)(from->start >> 32), (uint32_t)from->end,
						       (uint32_t)(from->end >> 32), (int)from->type};
	}
	ramdisk_table[0].addr = (char *)(uintptr_t)part->data + skip;
	ramdisk_table[0].size = (int)((part->size - skip) / KIB);
	copy_words(kexec_cmdline, behind_path(part->line), sizeof kexec_cmdline);
	if (word_is(handover.line, "fiwix=", "linux"))
		kexec_linux();
	else
		kexec_multiboot1();
	say("host: Fiwix goes on\n");
	stop();
}
