/* SPDX-License-Identifier: MIT */
/*
 * The names that kexec.c takes from Fiwix's headers, for the test host (host.c). They have the same meanings, and each
 * structure has only the members that kexec.c reads. The Makefile maps every <fiwix/...> that kexec.c includes to this
 * file. C89, like Fiwix.
 */
#ifndef FIWIX_NAMES_H
#define FIWIX_NAMES_H

#define CONFIG_KEXEC

#ifndef NULL
#define NULL		((void *)0)
#endif
#define NAME_MAX	255
#define PAGE_SIZE	4096
#define NR_BIOS_MM_ENT	50
#define NR_SYSCONSOLES	1
#define HZ		100
#define UTS_SYSNAME	"Fiwix"

/* device numbers; the first minor number of the serial ports is 1 << SERIAL_MSF */
#define MAJOR(device)	((device) >> 8)
#define MINOR(device)	((device) & 0xff)
#define SERIAL_MAJOR	4
#define SERIAL_MSF	6

#define V2P(address)	host_physical(address)
unsigned int host_physical(unsigned int address);

#define CURRENT_TICKS	host_ticks()
unsigned int host_ticks(void);
#define HLT()		__asm__ __volatile__("hlt" : : : "memory")

/* Ends are exclusive; a type of 0 ends the table. */
struct bios_mem_map {
	unsigned int from, from_hi, to, to_hi;
	int type;
};
extern struct bios_mem_map bios_mem_map[NR_BIOS_MM_ENT];

struct ramdisk {
	char *addr;
	int size;	/* in KB */
};
extern struct ramdisk ramdisk_table[];
extern int ramdisk_minors;

struct serial {
	unsigned short ioaddr;
};
struct tty {
	unsigned short dev;
	struct {
		int count;	/* bytes waiting */
	} write_q;
	void *driver_data;
};
struct sysconsole {
	struct tty *tty;
};
extern struct sysconsole sysconsole_table[NR_SYSCONSOLES];

extern int kexec_proto, kexec_size;
extern char kexec_cmdline[NAME_MAX + 1];

void printk(const char *format, ...);
void memset_b(void *at, unsigned char value, unsigned int size);
int strcmp(const char *a, const char *b);

#endif
