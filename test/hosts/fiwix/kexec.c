/* SPDX-License-Identifier: MIT */
/*
 * Replaces kernel/kexec.c in Fiwix. After the system has shut down, Segue (libsegue.a for i386) starts the contents of
 * the last RAM disk. README.md in this folder says how to build it in, and what changes.
 *
 * stop_kernel() calls kexec_multiboot1() or kexec_linux(), by kexec_proto=, with interrupts enabled, on the caller's
 * kernel stack of one page. They return if they refuse, and Fiwix shuts down as without them.
 */
#include <fiwix/asm.h>
#include <fiwix/config.h>
#include <fiwix/kernel.h>
#include <fiwix/bios.h>
#include <fiwix/fs.h>
#include <fiwix/kexec.h>
#include <fiwix/mm.h>
#include <fiwix/ramdisk.h>
#include <fiwix/serial.h>
#include <fiwix/stdio.h>
#include <fiwix/string.h>
#include <fiwix/sysconsole.h>
#include <fiwix/system.h>
#include <fiwix/timer.h>

#ifdef CONFIG_KEXEC

#include <segue.h>

#define MODULES		32	/* maximum in a bundle */
#define PATIENCE	(2 * HZ)	/* for a console that does not empty its queue */

/* set by the kernel's command line */
int kexec_proto;
int kexec_size;
char kexec_cmdline[NAME_MAX + 1];

/* Physically contiguous, like the whole kernel. The blob is one extent (segue.h, SEGUE_WORKSPACE_SIZE). */
static unsigned char workspace[SEGUE_WORKSPACE_SIZE(1 + 7 * MODULES)] __attribute__((aligned(PAGE_SIZE)));
static struct segue_range memory_map[NR_BIOS_MM_ENT];

static void say(void *context, int level, const char *sentence)
{
	(void)context;
	if(level <= SEGUE_LOG_INFO) {
		printk("%skexec: %s\n", level == SEGUE_LOG_ERROR ? "ERROR: " : level == SEGUE_LOG_WARNING ? "WARNING: " : "",
			sentence);
	}
}

/*
 * Reads the firmware's map as Fiwix keeps it: ends are exclusive, and type 0 follows the last entry. Returns the number
 * of entries.
 */
static size_t read_memory_map(void)
{
	const struct bios_mem_map *from = bios_mem_map;
	size_t n;

	for(n = 0; n < NR_BIOS_MM_ENT && from->type; n++, from++) {
		memory_map[n].start = (uint64_t)from->from_hi << 32 | from->from;
		memory_map[n].end = (uint64_t)from->to_hi << 32 | from->to;
		memory_map[n].type = from->type;
		memory_map[n].reserved = 0;
	}
	return n;
}

/* The I/O port of the serial console; 0 if no console is serial. */
static uint32_t serial_console(void)
{
	int n;

	for(n = 0; n < NR_SYSCONSOLES; n++) {
		struct tty *tty = sysconsole_table[n].tty;

		/* the virtual consoles have the same major number */
		if(tty && MAJOR(tty->dev) == SERIAL_MAJOR && MINOR(tty->dev) >= 1 << SERIAL_MSF) {
			return ((struct serial *)tty->driver_data)->ioaddr;
		}
	}
	return 0;
}

static int load(void)
{
	const struct ramdisk *disk = &ramdisk_table[ramdisk_minors - 1];
	struct segue_load_args args;
	struct segue_machine machine;
	struct segue_extent extent;

	memset_b(&machine, 0, sizeof(machine));
	machine.serial_port = serial_console();
	extent.addr = V2P((unsigned int)disk->addr);
	extent.size = disk->size * 1024;
	memset_b(&args, 0, sizeof(args));
	args.struct_size = sizeof(args);
	/* also puts the screen back into text mode, after bga= too */
	args.flags = SEGUE_LOAD_QUIET_ALL;
	args.blob.data = disk->addr;
	args.blob.size = extent.size;
	args.blob.extents = &extent;
	args.blob.extent_count = 1;
	args.blob.name = UTS_SYSNAME;
	/* NULL: a bundle's own command line is used */
	args.cmdline = kexec_cmdline[0] ? kexec_cmdline : NULL;
	args.memory_map = memory_map;
	args.memory_map_count = read_memory_map();
	args.workspace = workspace;
	args.workspace_phys = V2P((unsigned int)workspace);
	args.workspace_size = sizeof(workspace);
	args.machine = &machine;
	args.log = say;
	return segue_load(&args);
}

/* Waits for the serial output queues to empty: they drain by interrupts, which are about to end. */
static void empty_consoles(void)
{
	unsigned int start = CURRENT_TICKS;
	int n;

	for(n = 0; n < NR_SYSCONSOLES; n++) {
		struct tty *tty = sysconsole_table[n].tty;

		while(tty && tty->write_q.count && CURRENT_TICKS - start < PATIENCE) {
			HLT();
		}
	}
}

/* Does not return. */
static void start(const char *parameter, const char *protocol)
{
	struct segue_description found;

	found.struct_size = sizeof(found);
	segue_describe(workspace, &found);
	if(strcmp(found.protocol, protocol)) {
		printk("WARNING: kexec: kexec_proto=%s, but the RAM disk holds a kernel for '%s', which is started.\n", parameter,
			found.protocol);
	}
	printk("kexec: %s, entry 0x%08x, %u KB moved in %u moves; leaving Fiwix.\n", found.protocol, found.entry,
		(unsigned int)(found.moved / 1024), found.move_count);
	empty_consoles();
	segue_exec(workspace);
}

static void try(const char *parameter, const char *protocol)
{
	const char *why;

	if(load() == SEGUE_OK) {
		if(segue_ready(workspace, &why) == SEGUE_OK) {
			start(parameter, protocol);
		}
		say(NULL, SEGUE_LOG_ERROR, why);
		segue_unload(workspace);
	}
	/* stop_kernel() continues and disables interrupts */
	empty_consoles();
}

void kexec_multiboot1(void)
{
	try("multiboot1", "Multiboot 1");
}

void kexec_linux(void)
{
	try("linux", "Linux");
}

#endif /* CONFIG_KEXEC */
