/* SPDX-License-Identifier: MIT */
/*
 * /sbin/init for trying kexec.c: a program without a libc for Fiwix's system calls, which have the numbers of Linux on
 * i386. With "-- kexec" at the end of the kernel's command line it copies /blob into /dev/ram0 and halts, as `cp` and
 * `shutdown -h` would. Otherwise it says that it runs, and waits.
 */
typedef unsigned int word;

/* System calls, by number. */
enum { READ = 3, WRITE = 4, OPEN = 5, MKNOD = 14, PAUSE = 29, SYNC = 36, CLOSE = 6, REBOOT = 88 };
/* fcntl.h, sys/stat.h */
enum { READ_ONLY = 0, WRITE_ONLY = 1, CHARACTER = 0020000, BLOCK = 0060000 };
#define DEVICE(major, minor) ((major) << 8 | (minor))
/* reboot(2): its two magic numbers, and the one for a halt */
#define REBOOT_MAGIC_1 0xfee1deadu
#define REBOOT_MAGIC_2 672274793u
#define REBOOT_HALT 0xcdef0123u

static char buffer[65536];
static int console;

static int call(word number, word a, word b, word c)
{
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static void say(const char *text)
{
	word length = 0;

	while (text[length])
		length++;
	call(WRITE, (word)console, (word)text, length);
}

static int open_node(const char *path, word mode, word device, word how)
{
	if (device)
		call(MKNOD, (word)path, mode | 0600, device);
	return call(OPEN, (word)path, how, 0);
}

static int copy_blob(void)
{
	int from = open_node("/blob", 0, 0, READ_ONLY), to = open_node("/dev/ram0", BLOCK, DEVICE(1, 0), WRITE_ONLY), size;

	if (from < 0 || to < 0)
		return -1;
	while ((size = call(READ, (word)from, (word)buffer, sizeof buffer)) > 0) {
		/* write whole blocks of 1024 bytes, so that the disk need not be read first */
		word whole = ((word)size + 1023) & ~1023u, i;

		for (i = (word)size; i < whole; i++)
			buffer[i] = 0;
		if (call(WRITE, (word)to, (word)buffer, whole) != (int)whole)
			return -1;
	}
	call(CLOSE, (word)to, 0, 0);
	call(SYNC, 0, 0, 0);
	return size;
}

static int is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

__attribute__((noreturn, used)) static void run(const word *stack)
{
	int arguments = (int)stack[0];
	const char *const *argument = (const char *const *)(stack + 1);

	console = open_node("/dev/console", CHARACTER, DEVICE(5, 1), WRITE_ONLY);
	if (arguments > 1 && is(argument[1], "kexec")) {
		say(copy_blob() == 0 ? "init: /blob is in /dev/ram0; halting\n" : "init: /blob does not fit into /dev/ram0\n");
		call(REBOOT, REBOOT_MAGIC_1, REBOOT_MAGIC_2, REBOOT_HALT);
	}
	say("init: FIWIX-INIT-OK\n");
	for (;;)
		call(PAUSE, 0, 0, 0);
}

/* i386 ABI: at the entry ESP points to the argument count; the argument pointers follow. */
void _start(void);
__attribute__((naked)) void _start(void)
{
	__asm__("mov %esp, %eax; push %eax; call run");
}
