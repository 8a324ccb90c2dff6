/* SPDX-License-Identifier: MIT */
/* The command line of segue.elf, and the formatter of its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "options.c"
#include "format.c"

static char line[256];
static size_t count;

static bool split(const char *text)
{
	/* bytes after the line must not change */
	memset(line, '!', sizeof line);
	strcpy(line, text);
	bool closed = options_split(line, &count);
	for (size_t i = strlen(text) + 1; i < sizeof line; i++)
		assert_int_equal(line[i], '!');
	return closed;
}

static void assert_words(const char *const *words, size_t expected)
{
	const char *word = line;

	assert_int_equal(count, expected);
	for (size_t i = 0; i < expected; i++, word = options_next((char *)(uintptr_t)word))
		assert_string_equal(word, words[i]);
}

static void words(void **state)
{
	(void)state;
	assert_true(split(""));
	assert_words(NULL, 0);
	assert_true(split(" \t "));
	assert_words(NULL, 0);
	assert_true(split("quiet"));
	assert_words((const char *[]){ "quiet" }, 1);
	assert_true(split("  a  bc\td "));
	assert_words((const char *[]){ "a", "bc", "d" }, 3);
	assert_true(split("a\rbc\nd\r\n"));
	assert_words((const char *[]){ "a", "bc", "d" }, 3);
}

static void quotes(void **state)
{
	(void)state;
	assert_true(split("cmdline=\"a b\" x"));
	assert_words((const char *[]){ "cmdline=a b", "x" }, 2);
	assert_true(split("\"cmdline=a b\" x"));
	assert_words((const char *[]){ "cmdline=a b", "x" }, 2);
	assert_true(split("cmdline='a \"b\"  c'"));
	assert_words((const char *[]){ "cmdline=a \"b\"  c" }, 1);
	assert_true(split("a\"b 'c\"d'e \"f' \"\""));
	assert_words((const char *[]){ "ab 'cde \"f", "" }, 2);
	assert_true(split("cmdline=\"a \\\"b\\\\ c\\\"\""));
	assert_words((const char *[]){ "cmdline=a \"b\\ c\"" }, 1);
	assert_true(split("a\\ b \\'c"));
	assert_words((const char *[]){ "a b", "'c" }, 2);
	assert_true(split("end\\"));
	assert_words((const char *[]){ "end\\" }, 1);
	assert_false(split("a cmdline=\"b c "));
	assert_words((const char *[]){ "a", "cmdline=b c " }, 2);
	assert_false(split("'"));
	assert_words((const char *[]){ "" }, 1);
}

static struct options o;

static int take(const char *word)
{
	return (int)options_take(&o, word);
}

static void assert_serial(size_t index, uint16_t port, uint32_t speed)
{
	assert_true(index < o.serial_count);
	assert_int_equal(o.serial[index].port, port);
	assert_int_equal(o.serial[index].speed, speed);
}

static void defaults(void **state)
{
	(void)state;
	options_default(&o);
	assert_true(o.vga && o.framebuffer && !o.debug_port && !o.quiet && !o.verbose);
	assert_int_equal(o.serial_count, 1);
	assert_serial(0, 0x3f8, 115200);
	assert_null(o.cmdline);
	assert_int_equal(o.panic_seconds, 0);
	assert_int_equal(o.load_flags, 0);
}

static void consoles(void **state)
{
	(void)state;
	options_default(&o);
	assert_int_equal(take("console=ttyS1,9600n8,0x3e8,vga,debug"), OPTION_TAKEN);
	assert_int_equal(o.serial_count, 2);
	assert_serial(0, 0x2f8, 9600);
	assert_serial(1, 0x3e8, 115200);
	assert_true(o.vga && !o.framebuffer && o.debug_port);
	assert_int_equal(take("console=fb,0x2E8,1200,8n1"), OPTION_VALUE);
	assert_int_equal(take("console=fb,0x2E8,12008n1"), OPTION_VALUE);
	assert_int_equal(take("console=fb,0x2E8,1200"), OPTION_TAKEN); /* a second one is added */
	assert_int_equal(o.serial_count, 3);
	assert_serial(2, 0x2e8, 1200);
	assert_true(o.vga && o.framebuffer);

	options_default(&o);
	assert_int_equal(take("console=none"), OPTION_TAKEN);
	assert_true(!o.vga && !o.framebuffer && o.serial_count == 0);
	options_default(&o);
	assert_int_equal(take("console=screen"), OPTION_TAKEN);
	assert_true(o.vga && o.framebuffer && o.serial_count == 0);
	options_default(&o);
	assert_int_equal(take("console=0xaFfA,50,0x19,9600"), OPTION_TAKEN);
	assert_serial(0, 0xaffa, 50);
	assert_serial(1, 0x19, 9600);
	options_default(&o);
	assert_int_equal(take("console=ttyS3,115200"), OPTION_TAKEN);
	assert_serial(0, 0x2e8, 115200);
	options_default(&o);
	assert_int_equal(take("console=ttyS0,0x2f8"), OPTION_TAKEN);
	assert_serial(0, 0x3f8, 115200);
	assert_serial(1, 0x2f8, 115200);
}

static void consoles_refused(void **state)
{
	static const char *const wrong[] = {
		"console=", "console=ttyS", "console=ttyS4", "console=ttyS0,", "console=vgax", "console=,vga",
		"console=ttyS0,0", "console=ttyS0,49", "console=ttyS0,115201", "console=ttyS0,99999999999", "console=0x", "console=0xfff9",
		"console=0x10000000000", "console=0xg", "console=0x/", "console=0x:", "console=0x@", "console=0x`",
		"console=tty0", "console=ttyS0,ttyS1,ttyS2,ttyS3,ttyS0", "console=ttyS0,9600e7"
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		options_default(&o);
		assert_int_equal(take(wrong[i]), OPTION_VALUE);
		/* and it changes no option */
		assert_true(!o.console_given && o.vga && o.framebuffer && o.serial_count == 1);
	}
}

static void others(void **state)
{
	(void)state;
	options_default(&o);
	assert_int_equal(take("cmdline=root=/dev/sda1 a"), OPTION_TAKEN);
	assert_string_equal(o.cmdline, "root=/dev/sda1 a");
	assert_int_equal(take("cmdline="), OPTION_TAKEN);
	assert_string_equal(o.cmdline, "");
	assert_int_equal(take("panic=90"), OPTION_TAKEN);
	assert_int_equal(o.panic_seconds, 90);
	assert_int_equal(take("panic=4294967295"), OPTION_TAKEN);
	assert_int_equal(o.panic_seconds, 4294967295u);
	assert_int_equal(take("panic=4294967296"), OPTION_VALUE);
	assert_int_equal(take("panic="), OPTION_VALUE);
	assert_int_equal(take("panic=-1"), OPTION_VALUE);
	assert_int_equal(take("panic=5s"), OPTION_VALUE);
	assert_int_equal(o.panic_seconds, 4294967295u);
	assert_int_equal(take("argv0=yes"), OPTION_VALUE);
	assert_int_equal(take("elf64=64bit"), OPTION_VALUE);
	assert_int_equal(o.load_flags, 0);
	assert_int_equal(take("argv0=no"), OPTION_TAKEN);
	assert_int_equal(o.load_flags, SEGUE_LOAD_NO_ARGV0);
	assert_int_equal(take("digest=reboot"), OPTION_TAKEN);
	assert_int_equal(o.load_flags & SEGUE_LOAD_DIGEST_REBOOT, SEGUE_LOAD_DIGEST_REBOOT);
	assert_int_equal(take("digest=stop"), OPTION_TAKEN);
	assert_int_equal(o.load_flags & SEGUE_LOAD_DIGEST_REBOOT, 0);
	assert_int_equal(take("digest=go"), OPTION_VALUE);
	assert_int_equal(o.load_flags & SEGUE_LOAD_DIGEST_REBOOT, 0);
	assert_int_equal(take("modules=stay"), OPTION_TAKEN);
	assert_int_equal(o.load_flags & SEGUE_LOAD_MODULES_STAY, SEGUE_LOAD_MODULES_STAY);
	assert_int_equal(take("modules=move"), OPTION_VALUE);
	o.load_flags &= ~SEGUE_LOAD_MODULES_STAY;
	assert_int_equal(take("elf64=32bit"), OPTION_TAKEN);
	assert_int_equal(o.load_flags, SEGUE_LOAD_NO_ARGV0 | SEGUE_LOAD_ELF_ENTRY_32);
	assert_int_equal(take("quiet"), OPTION_TAKEN);
	assert_int_equal(take("verbose"), OPTION_TAKEN);
	assert_true(o.quiet && o.verbose);
	assert_int_equal(take("quiett"), OPTION_UNKNOWN);
	assert_int_equal(take("Console=vga"), OPTION_UNKNOWN);
	assert_int_equal(take(""), OPTION_UNKNOWN);
}

static void assert_video(enum option_video video, uint32_t width, uint32_t height, uint32_t depth)
{
	assert_int_equal(o.video, video);
	assert_int_equal(o.video_width, width);
	assert_int_equal(o.video_height, height);
	assert_int_equal(o.video_depth, depth);
}

static void drives(void **state)
{
	static const struct { const char *word; uint8_t drive; } right[] = {
		{ "drive=fd0", 0x00 }, { "drive=fd3", 0x03 }, { "drive=hd0", 0x80 }, { "drive=hd15", 0x8f },
		{ "drive=0x0", 0x00 }, { "drive=0xe0", 0xe0 }, { "drive=0xFF", 0xff },
	};
	static const char *const wrong[] = {
		"drive=", "drive=fd", "drive=fd4", "drive=hd", "drive=hd16", "drive=cd0", "drive=0x100", "drive=0x", "drive=128",
		"drive=hd0,1", "drive=hd0 ", "drive=HD0",
	};

	(void)state;
	options_default(&o);
	assert_false(o.drive_given);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(take(wrong[i]), OPTION_VALUE);
	assert_false(o.drive_given);
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		assert_int_equal(take(right[i].word), OPTION_TAKEN);
		assert_true(o.drive_given);
		assert_int_equal(o.drive, right[i].drive);
	}
	assert_false(o.chain_given);
	assert_int_equal(take("catcher"), OPTION_TAKEN);
	assert_int_equal(take("catcher=no"), OPTION_UNKNOWN);
	assert_int_equal(o.load_flags, SEGUE_LOAD_CATCHER);
	o.load_flags = 0;
	assert_int_equal(take("linux16"), OPTION_TAKEN);
	assert_int_equal(o.load_flags, SEGUE_LOAD_REAL_MODE);
	assert_int_equal(take("linux16=yes"), OPTION_UNKNOWN);
	o.load_flags = 0;
	assert_int_equal(take("linux64"), OPTION_TAKEN);
	assert_int_equal(o.load_flags, SEGUE_LOAD_LINUX_64);
	assert_int_equal(take("linux64=yes"), OPTION_UNKNOWN);
}

static void chains(void **state)
{
	static const struct { const char *word; uint8_t drive, partition; } right[] = {
		{ "chain=fd0", 0x00, 0 }, { "chain=hd0", 0x80, 0 }, { "chain=hd1,1", 0x81, 1 }, { "chain=hd0,4", 0x80, 4 },
		{ "chain=0x82,2", 0x82, 2 }, { "chain=0x82", 0x82, 0 },
	};
	static const char *const wrong[] = {
		"chain=", "chain=hd", "chain=hd0,", "chain=hd0,0", "chain=hd0,5", "chain=hd0,1,1", "chain=hd0,x", "chain=hd0;1",
		"chain=,1", "chain=sda1",
	};

	(void)state;
	options_default(&o);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(take(wrong[i]), OPTION_VALUE);
	assert_false(o.chain_given);
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		assert_int_equal(take(right[i].word), OPTION_TAKEN);
		assert_true(o.chain_given);
		assert_int_equal(o.chain_drive, right[i].drive);
		assert_int_equal(o.chain_partition, right[i].partition);
	}
	assert_false(o.drive_given);
}

static void videos(void **state)
{
	static const char *const wrong[] = {
		"video=", "video=1024", "video=1024x", "video=1024x768x", "video=x768", "video=0x768", "video=1024x0",
		"video=65536x768", "video=1024x65536", "video=1024x768x12", "video=1024x768x0", "video=1024x768x33",
		"video=1024x768x32x1", "video=1024X768", "video=1024x768@60", "video=-1x768", "video=texts", "video=Auto",
		"video=keep,text", "video= 1024x768"
	};

	(void)state;
	options_default(&o);
	assert_video(OPTION_VIDEO_AS_ASKED, 0, 0, 0);
	assert_int_equal(take("video=1024x768x32"), OPTION_TAKEN);
	assert_video(OPTION_VIDEO_SIZE, 1024, 768, 32);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(take(wrong[i]), OPTION_VALUE);
		assert_video(OPTION_VIDEO_SIZE, 1024, 768, 32);
	}
	assert_int_equal(take("video=1x65535"), OPTION_TAKEN);
	assert_video(OPTION_VIDEO_SIZE, 1, 65535, 0);
	assert_int_equal(take("video=640x480x8"), OPTION_TAKEN);
	assert_video(OPTION_VIDEO_SIZE, 640, 480, 8);
	assert_int_equal(take("video=640x480x15"), OPTION_TAKEN);
	assert_int_equal(take("video=640x480x16"), OPTION_TAKEN);
	assert_int_equal(take("video=640x480x24"), OPTION_TAKEN);
	assert_int_equal(take("video=auto"), OPTION_TAKEN);
	assert_video(OPTION_VIDEO_SIZE, 0, 0, 0);
	assert_int_equal(take("video=text"), OPTION_TAKEN);
	assert_video(OPTION_VIDEO_TEXT, 0, 0, 0);
	assert_int_equal(take("video=keep"), OPTION_TAKEN);
	assert_video(OPTION_VIDEO_KEEP, 0, 0, 0);
}

static char text[256];
static size_t length;

static void collect(void *context, char c)
{
	(void)context;
	assert_true(length + 1 < sizeof text);
	text[length++] = c;
	text[length] = 0;
}

static void __attribute__((format(printf, 2, 3))) assert_text(const char *expected, const char *format, ...)
{
	va_list list;

	length = 0;
	text[0] = 0;
	va_start(list, format);
	format_text(collect, NULL, format, list);
	va_end(list);
	assert_string_equal(text, expected);
}

static void formats(void **state)
{
	(void)state;
	assert_text("a b%c", "a %s%%%c", "b", 'c');
	assert_text("0 4294967295 18446744073709551615", "%u %u %llu", 0u, UINT32_MAX, (unsigned long long)UINT64_MAX);
	assert_text("1000000000000000000", "%llu", 1000000000000000000ull);
	assert_text("0x0 0xdeadbeef 0x123456789abcdef0", "0x%x 0x%x 0x%llx", 0u, 0xdeadbeefu, 0x123456789abcdef0ull);
	assert_text("000012ab   7 123456", "%08x %3u %3u", 0x12abu, 7u, 123456u);
	assert_text("        0", "%9u", 0u);
	assert_text("0100000000", "%010llx", 0x100000000ull);
}

static void assert_within(size_t index, uint64_t start, uint64_t end)
{
	assert_true(index < o.within_count);
	assert_int_equal(o.within[index].start, start);
	assert_int_equal(o.within[index].end, end);
}

static void within(void **state)
{
	static const char *const wrong[] = {
		"within=", "within=64K", "within=64K-", "within=-64K", "within=64K-640K,", "within=,64K-640K", "within=64K-640Kx",
		"within=64K-640KB", "within=64T-640T", "within=0x-0x10", "within=0xg-1", "within=1-2-3", "within=1 -2",
		"within=0x10000000000000-1", "within=4194304G-4194305G", "within=1-0x40000000000K", "within=99999999999999999999-1", "within=1-0x1ffffffffffffffff",
	};

	(void)state;
	options_default(&o);
	assert_int_equal(o.within_count, 0);
	assert_int_equal(take("within=64K-640k,0x1000000-0x2000000"), OPTION_TAKEN);
	assert_int_equal(o.within_count, 2);
	assert_within(0, 0x10000, 0xa0000);
	assert_within(1, 0x1000000, 0x2000000);
	/* a second one adds */
	assert_int_equal(take("within=3G-5G,0-4096,0xAbM-0xacm"), OPTION_TAKEN);
	assert_int_equal(o.within_count, 5);
	assert_within(2, 0xc0000000, 0x140000000);
	assert_within(3, 0, 4096);
	assert_within(4, 0xab00000, 0xac00000);
	/* segue_load() refuses these */
	assert_int_equal(take("within=2M-1M,1M-1M"), OPTION_TAKEN);
	assert_within(5, 0x200000, 0x100000);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		if (take(wrong[i]) != OPTION_VALUE)
			fail_msg("%s", wrong[i]);
		assert_int_equal(o.within_count, 7);
	}
	/* one more than there is room for: none is taken */
	assert_int_equal(take("within=1M-2M,2M-3M"), OPTION_VALUE);
	assert_int_equal(o.within_count, 7);
	assert_int_equal(take("within=0xfffffffffffff-4194303G"), OPTION_TAKEN);
	assert_within(7, 0xfffffffffffff, 0xfffffc0000000);
	assert_int_equal(take("within=1M-2M"), OPTION_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(quotes),
		cmocka_unit_test(defaults),
		cmocka_unit_test(consoles),
		cmocka_unit_test(consoles_refused),
		cmocka_unit_test(others),
		cmocka_unit_test(videos),
		cmocka_unit_test(drives),
		cmocka_unit_test(chains),
		cmocka_unit_test(within),
		cmocka_unit_test(formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
