/* SPDX-License-Identifier: MIT */
/* segue crashkit: a bundle of a Linux and an initramfs that saves the memory of a host that has crashed. */
#define _XOPEN_SOURCE 700              /* readlink() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "blob.h"
#include "cpio.h"
#include "crashkit.h"

#define USUAL_LABEL "SEGUECORE"
#define LABEL_MAX 36u                  /* the name of a partition in a GPT: UEFI 2.10, table 5.6 */
#define PORT_MAX 16u
#define WAIT_MAX 3600u
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define DIGITS "0123456789"
/* The screen, and the first serial port. If the script ends, Linux panics. */
#define USUAL_LINE "console=tty0 console=ttyS0,115200 quiet reset_devices panic=60"
#define LINE_SIZE 2048u
/* The unpacked packages that `make crashkit` has fetched, beside the command in the build folder. */
#define BUILD_ROOT "/targets/crashkit"

struct options {
	const char *label, *serial, *then, *append, *script, *out; /* NULL: not given */
	unsigned wait;
	bool digest;
};

static const struct option words[] = {
	{ "label", required_argument, NULL, 'l' },
	{ "serial", required_argument, NULL, 's' },
	{ "then", required_argument, NULL, 't' },
	{ "wait", required_argument, NULL, 'w' },
	{ "append", required_argument, NULL, 'a' },
	{ "root", required_argument, NULL, 'r' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "modules", required_argument, NULL, 'M' },
	{ "module", required_argument, NULL, 'm' },
	{ "busybox", required_argument, NULL, 'b' },
	{ "script", required_argument, NULL, 'S' },
	{ "digest", no_argument, NULL, 'd' },
	{ "output", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 }
};

/* The script reads settings as a shell does, and words of the command line, so no blank or quote is allowed. */
static bool is_label(const char *text)
{
	size_t length = strlen(text);

	return length && length <= LABEL_MAX && strspn(text, LETTERS "._+-") == length;
}

/* ttyS0, or ttyS0,115200 */
static bool is_port(const char *text)
{
	size_t name = strspn(text, LETTERS), digits;

	if (strncmp(text, "tty", 3) || name > PORT_MAX || text[name - 1] < '0' || text[name - 1] > '9')
		return false;
	if (!text[name])
		return true;
	digits = strspn(text + name + 1, DIGITS);
	return text[name] == ',' && digits && digits <= 7 && !text[name + 1 + digits];
}

static bool parse_wait(const char *text, unsigned *seconds)
{
	size_t length = strlen(text);

	if (!length || length > 4 || strspn(text, DIGITS) != length)
		return false;
	*seconds = (unsigned)strtoul(text, NULL, 10);
	return *seconds <= WAIT_MAX;
}

static void add_driver(struct crashkit *kit, const char *name)
{
	kit->more = allocate_again(kit->more, (kit->more_count + 1) * sizeof *kit->more);
	kit->more[kit->more_count++] = name;
}

static int take_option(struct crashkit *kit, struct options *options, int word)
{
	switch (word) {
	case 'l':
		options->label = optarg;
		return is_label(optarg) ? STATUS_OK : complain_usage(&command_crashkit, "--label %s: a label has 1 to %u letters, digits, "
								     "or characters of . _ + -", optarg, LABEL_MAX);
	case 's':
		options->serial = optarg;
		return is_port(optarg) ? STATUS_OK : complain_usage(&command_crashkit, "--serial %s is not a port such as ttyS0 or "
								    "ttyS1,115200", optarg);
	case 't':
		options->then = optarg;
		return !strcmp(optarg, "poweroff") || !strcmp(optarg, "reboot") || !strcmp(optarg, "shell") ? STATUS_OK :
			complain_usage(&command_crashkit, "--then is poweroff, reboot or shell, not %s", optarg);
	case 'w':
		return parse_wait(optarg, &options->wait) ? STATUS_OK : complain_usage(&command_crashkit, "--wait %s is not a number of "
										       "seconds up to %u", optarg, WAIT_MAX);
	case 'a':
		options->append = optarg;
		return STATUS_OK;
	case 'r':
		kit->root = optarg;
		return STATUS_OK;
	case 'k':
		kit->kernel_path = optarg;
		return STATUS_OK;
	case 'M':
		kit->drivers_path = optarg;
		return STATUS_OK;
	case 'm':
		add_driver(kit, optarg);
		return STATUS_OK;
	case 'b':
		kit->busybox_path = optarg;
		return STATUS_OK;
	case 'S':
		options->script = optarg;
		return STATUS_OK;
	case 'd':
		options->digest = true;
		return STATUS_OK;
	case 'o':
		options->out = optarg;
		return STATUS_OK;
	default: /* next_option() has complained */
		return STATUS_USAGE;
	}
}

static int read_options(int argc, char **argv, struct crashkit *kit, struct options *options)
{
	int word, status = STATUS_OK;

	while (!status && (word = next_option(&command_crashkit, argc, argv, ":o:", words, "m")) != -1)
		status = take_option(kit, options, word);
	if (status)
		return status;
	if (optind < argc)
		return complain_usage(&command_crashkit, "%s is not an option", argv[optind]);
	if (!options->out)
		return complain_usage(&command_crashkit, "-o OUT is missing");
	if (options->append && strlen(options->append) >= LINE_SIZE - sizeof USUAL_LINE)
		return complain_usage(&command_crashkit, "--append has more than %zu bytes", LINE_SIZE - sizeof USUAL_LINE - 1);
	if (kit->more_count && kit->drivers_path && !strcmp(kit->drivers_path, "none"))
		return complain_usage(&command_crashkit, "--module %s and --modules none exclude each other", kit->more[0]);
	if (!options->label && !options->serial)
		options->label = USUAL_LABEL;
	return STATUS_OK;
}

/* The folder where `make crashkit` has put packages, if this is the command in the build folder; else this machine's. */
static const char *usual_root(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof BUILD_ROOT);
	char *slash;

	if (length > 0) {
		path[length] = 0;
		slash = strrchr(path, '/');
		if (slash)
			memcpy(slash, BUILD_ROOT, sizeof BUILD_ROOT);
		if (slash && !access(path, F_OK))
			return path;
	}
	return "/";
}

/* Packs the files of the initramfs. False after a complaint. */
static bool put_archive(struct output *archive, const struct crashkit *kit, const struct options *options)
{
	static const char *const folders[] = { "bin", "crashkit", "dev", "disk", "modules", "proc", "sys", "tmp" };
	struct file script = { .data = NULL };
	char settings[256], name[256];
	size_t i;

	if (options->script && !file_read(options->script, &script))
		return false;
	for (i = 0; i < sizeof folders / sizeof *folders; i++)
		cpio_put(archive, folders[i], CPIO_FOLDER, NULL, 0, CPIO_ALIGN);
	if (options->script)
		cpio_put(archive, "init", CPIO_PROGRAM, script.data, script.size, CPIO_ALIGN);
	else
		cpio_put(archive, "init", CPIO_PROGRAM, crashkit_script, (size_t)(crashkit_script_end - crashkit_script), CPIO_ALIGN);
	file_free(&script);
	snprintf(settings, sizeof settings, "label=%s\nserial=%s\nthen=%s\nwait=%u\n", options->label ? options->label : "",
		 options->serial ? options->serial : "", options->then, options->wait);
	cpio_put(archive, "crashkit/settings", CPIO_FILE, settings, strlen(settings), CPIO_ALIGN);
	cpio_put(archive, "bin/busybox", CPIO_PROGRAM, kit->busybox.data, kit->busybox.size, CPIO_ALIGN);
	for (i = 0; i < kit->driver_count; i++) {
		/* The script loads them in the order of these names. */
		snprintf(name, sizeof name, "modules/%03zu-%.200s", i, kit->drivers[i].name);
		cpio_put(archive, name, CPIO_FILE, kit->drivers[i].file.data, kit->drivers[i].file.size, CPIO_ALIGN);
	}
	cpio_end(archive);
	return true;
}

/* zlib writes no time, so the same archive makes the same bytes. */
static bool compress_archive(const struct output *archive, struct output *initrd)
{
	z_stream stream = { .next_in = archive->data, .avail_in = (uInt)archive->size };
	bool good = archive->size < UINT32_MAX / 2 &&
		    deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK;

	if (good) {
		initrd->room = deflateBound(&stream, (uLong)archive->size);
		initrd->data = allocate(initrd->room);
		stream.next_out = initrd->data;
		stream.avail_out = (uInt)initrd->room;
		good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
		initrd->size = initrd->room - stream.avail_out;
		deflateEnd(&stream);
	}
	if (!good)
		complain(NULL, "the initramfs, %s, cannot be compressed", human_size(archive->size));
	return good;
}

/* What the kit was seen to need in QEMU, and some more: the kernel unpacks itself, then the initramfs, and must have memory left. */
#define MIB (1u << 20)
#define MEMORY_LEFT (32u * MIB)
#define MEMORY_STEP (16u * MIB)
static uint64_t memory_needed(const struct crashkit *kit, const struct output *archive, const struct output *initrd)
{
	uint64_t sum = (uint64_t)kit->init_size + initrd->size + archive->size + MEMORY_LEFT;

	return (sum + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP;
}

static void print_kit(const struct crashkit *kit, const struct options *options, const struct output *blob, uint64_t memory)
{
	const char *then = options->then[0] == 'p' ? "turns the machine off" :
			   options->then[0] == 'r' ? "restarts the machine" : "starts a shell";
	size_t i;

	printf("%s: crash kit, %s\n", options->out, human_size(blob->size));
	printf("  kernel          %s, Linux %s\n", kit->kernel_found, kit->release);
	printf("  busybox         %s\n", kit->busybox_found);
	printf("  drivers        ");
	for (i = 0; i < kit->driver_count; i++)
		printf(" %s", kit->drivers[i].name);
	printf("%s\n", kit->driver_count ? "" : " only those that are built in");
	if (*kit->missing)
		printf("  not available   %s\n", kit->missing);
	if (options->label)
		printf("  saves to        the file system or partition with the label %s\n", options->label);
	if (options->serial)
		printf("  %s        %s\n", options->label ? "or sends" : "sends   ", options->serial);
	printf("  then            %s\n", then);
	printf("  memory          %s at least, and 64 KiB to 640 KiB\n", human_size(memory));
}

static bool make(const struct crashkit *kit, const struct options *options, struct output *blob, uint64_t *memory)
{
	struct blob_arguments arguments = { .kernel = kit->kernel_found, .out = options->out, .digest = options->digest };
	struct output archive = { .data = NULL };
	char line[LINE_SIZE];
	bool good;

	snprintf(line, sizeof line, USUAL_LINE "%s%s", options->append ? " " : "", options->append ? options->append : "");
	arguments.cmdline = line;
	good = put_archive(&archive, kit, options) && compress_archive(&archive, &arguments.initrd) && blob_make(&arguments, blob) &&
	       blob_try(kit->kernel_found, blob, 0, NULL);
	*memory = memory_needed(kit, &archive, &arguments.initrd);
	free(archive.data);
	blob_free_arguments(&arguments);
	return good;
}

static int run(int argc, char **argv)
{
	struct crashkit kit = { .root = usual_root() };
	struct options options = { .then = "poweroff", .wait = 30 };
	struct output blob = { .data = NULL };
	uint64_t memory = 0;
	int status = read_options(argc, argv, &kit, &options);

	if (!status && (!crashkit_find_kernel(&kit) || !crashkit_find_busybox(&kit) || !crashkit_find_drivers(&kit) ||
			!make(&kit, &options, &blob, &memory) || !blob_write(options.out, &blob)))
		status = STATUS_REFUSED;
	if (!status)
		print_kit(&kit, &options, &blob, memory);
	crashkit_free(&kit);
	free(blob.data);
	return status;
}

const struct command command_crashkit = {
	.name = "crashkit",
	.summary = "make a Linux that saves the memory of a kernel that has crashed",
	.help =
	"segue crashkit [OPTION]... -o OUT\n"
	"\n"
	"Makes one file (a bundle) of a Linux and an initramfs. Your kernel loads it at boot with\n"
	"SEGUE_LOAD_CRASH. After a panic this Linux saves the memory of your kernel, compressed.\n"
	"\n"
	"  --label NAME           save it as vmcore-1.gz (or the next free number) to the file system with this\n"
	"                         label, or to the partition of a GPT with this name. The default is SEGUECORE\n"
	"  --serial PORT[,SPEED]  send it through a serial port, for example ttyS0,115200. With --label: only if\n"
	"                         it cannot be saved\n"
	"  --then poweroff        then turn the machine off (the default); or reboot, or shell\n"
	"  --wait SECONDS         wait so long for the disk; the default is 30\n"
	"  --append WORDS         more arguments for the kernel\n"
	"  --root FOLDER          a folder with unpacked packages: boot/vmlinuz-*, lib/modules, bin/busybox. The\n"
	"                         default is what `make crashkit` has fetched, else / of this machine\n"
	"  --kernel FILE          another Linux (bzImage)\n"
	"  --modules FOLDER       the modules of this Linux; none: its drivers are built in\n"
	"  --module NAME          one more module, with what it needs; may be repeated\n"
	"  --busybox FILE         another busybox; it must be static\n"
	"  --script FILE          another /init; share/segue/crashkit.sh is the usual one\n"
	"  --digest               add a SHA-256 digest, which is checked in memory before the target starts\n"
	OUTPUT_HELP
	"\n"
	"The same input makes the same bytes. disk/README.md says how a core that was sent is put together.\n",
	.run = run
};
