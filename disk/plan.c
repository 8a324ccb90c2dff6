/* SPDX-License-Identifier: MIT */
/* segue plan: shows what segue_load() would do with a blob on an imaginary machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "digest.h"
#include "media_file.h"
#include "picture.h"

#define LEAST_MEMORY (1u << 20)
#define DEFAULT_MEMORY (512ull << 20)
#define NOT_GIVEN UINT64_MAX
#define PAGE 4096u
#define FOUR_GIB 0x100000000u

struct options {
	const char *blob, *map, *svg;
	uint64_t memory;
};

static const struct option words[] = {
	{ "module", required_argument, NULL, 'm' },
	{ "cmdline", required_argument, NULL, 'c' },
	{ "memory", required_argument, NULL, 'M' },
	{ "map", required_argument, NULL, 'f' },
	{ "at", required_argument, NULL, 'a' },
	{ "workspace", required_argument, NULL, 'w' },
	{ "within", required_argument, NULL, 'i' },
	{ "svg", required_argument, NULL, 's' },
	{ "elf-entry-32", no_argument, NULL, 'e' },
	{ "linux16", no_argument, NULL, 'r' },
	{ "linux64", no_argument, NULL, 'l' },
	{ "vmlinux", no_argument, NULL, 'v' },
	{ "catcher", no_argument, NULL, 'k' },
	{ "modules-stay", no_argument, NULL, 'y' },
	{ "multiboot2", no_argument, NULL, '2' },
	{ NULL, 0, NULL, 0 }
};

static int add_module(struct dry_run *run, char *text)
{
	struct placed_file *module;
	const char *path;

	run->modules = allocate_again(run->modules, (run->module_count + 1) * sizeof *run->modules);
	module = &run->modules[run->module_count];
	*module = (struct placed_file){ .at = DRY_RUN_ANYWHERE };
	split_module(text, &path, &module->cmdline);
	if (!file_read(path, &module->file))
		return STATUS_REFUSED;
	module->name = base_name(path);
	run->module_count++;
	return STATUS_OK;
}

/* START-END */
static int add_within(struct dry_run *run, const char *text)
{
	const char *dash = strchr(text, '-');
	struct segue_range range = { 0 };
	char *start = copy_string(text);
	bool good = dash != NULL;

	if (good) {
		start[dash - text] = 0;
		good = parse_size(start, &range.start) && parse_size(dash + 1, &range.end);
	}
	free(start);
	if (!good)
		return complain_usage(&command_plan, "--within %s is not a range such as 64K-640K or 0x1000000-0x2000000", text);
	if (range.end <= range.start)
		return complain_usage(&command_plan, "--within %s is empty", text);
	run->within = allocate_again(run->within, (run->within_count + 1) * sizeof range);
	run->within[run->within_count++] = range;
	return STATUS_OK;
}

static int read_options(int argc, char **argv, struct options *options, struct dry_run *run)
{
	int word;

	while ((word = next_option(&command_plan, argc, argv, ":", words, "mi")) != -1) {
		if (word == 'm') {
			if (add_module(run, optarg))
				return STATUS_REFUSED;
		} else if (word == 'i') {
			if (add_within(run, optarg))
				return STATUS_USAGE;
		} else if (word == 'c')
			run->cmdline = optarg;
		else if (word == 'f')
			options->map = optarg;
		else if (word == 's')
			options->svg = optarg;
		else if (word == 'e')
			run->flags |= SEGUE_LOAD_ELF_ENTRY_32;
		else if (word == 'r')
			run->flags |= SEGUE_LOAD_REAL_MODE;
		else if (word == 'l')
			run->flags |= SEGUE_LOAD_LINUX_64;
		else if (word == 'v')
			run->flags |= SEGUE_LOAD_VMLINUX;
		else if (word == 'k')
			run->flags |= SEGUE_LOAD_CATCHER;
		else if (word == 'y')
			run->flags |= SEGUE_LOAD_MODULES_STAY;
		else if (word == '2')
			run->flags |= SEGUE_LOAD_MULTIBOOT_2;
		else if (word == OPTION_WRONG)
			return STATUS_USAGE;
		else if (!parse_size(optarg, word == 'M' ? &options->memory : word == 'a' ? &run->blob.at : &run->workspace_at))
			return complain_usage(&command_plan, "%s is not a number such as 512M or 0x1000000", optarg);
	}
	if (argc - optind != 1)
		return complain_usage(&command_plan, "exactly one BLOB is needed");
	if (options->map && options->memory != NOT_GIVEN)
		return complain_usage(&command_plan, "--map and --memory exclude each other");
	if (options->memory == NOT_GIVEN)
		options->memory = DEFAULT_MEMORY;
	if (options->memory < LEAST_MEMORY)
		return complain_usage(&command_plan, "--memory is less than 1 MiB; 512M is 512 MiB");
	if (run->workspace_at != DRY_RUN_ANYWHERE && (run->workspace_at % PAGE || run->workspace_at >= FOUR_GIB))
		return complain_usage(&command_plan, "--workspace 0x%" PRIx64 " is not %s", run->workspace_at,
				      run->workspace_at % PAGE ? "on a page: a multiple of 4096" : "below 4 GiB");
	options->blob = argv[optind];
	return STATUS_OK;
}

static void print_sentences(const struct dry_run *run)
{
	size_t i;

	for (i = 0; i < run->sentence_count; i++)
		if (run->sentences[i].level == SEGUE_LOG_WARNING)
			complain(run->blob.file.path, "warning: %s", run->sentences[i].text);
}

/* A wrong digest would stop the machine after all moves. */
static void warn_of_digest(struct dry_run *run)
{
	char right[DIGEST_DIGITS + 1];

	if (dry_run_open(run) == SEGUE_OK && !digest_is_right(run, right))
		complain(run->blob.file.path, "warning: its digest is wrong; the right one is %s", right);
}

static void print_heading(const struct options *options, const struct dry_run *run)
{
	const struct segue_description *d = &run->description;

	printf("%s", options->blob);
	if (run->blob.file.packed_by)
		printf(" (unpacked by %s)", run->blob.file.packed_by);
	printf(": %s", d->protocol);
	if (d->container[0])
		printf(" in a %s%s", d->container, strcmp(d->container, "Fiwix") ? "" : " blob");
	printf(", %sentry 0x%08" PRIx64 ", ", d->real_mode ? "16-bit " : d->long_mode ? "64-bit " : "", dry_run_entry(run));
	if (options->map)
		printf("memory as in %s\n\n", options->map);
	else
		printf("%s of memory\n\n", human_size(options->memory));
}

/* The library's SEGUE_LOG_INFO sentences. */
static void print_found(const struct dry_run *run)
{
	size_t i;
	bool any = false;

	for (i = 0; i < run->sentence_count; i++)
		if (run->sentences[i].level == SEGUE_LOG_INFO) {
			print_text(run->sentences[i].text, strlen(run->sentences[i].text));
			putchar('\n');
			any = true;
		}
	if (any)
		putchar('\n');
}

static int draw(const struct options *options, const struct dry_run *run)
{
	struct picture picture;
	int status = STATUS_OK;

	picture_make(run, &picture);
	draw_text(&picture);
	if (options->svg && !draw_svg(&picture, options->svg))
		status = STATUS_REFUSED;
	picture_free(&picture);
	return status;
}

static int plan(const struct options *options, struct dry_run *run)
{
	struct media media;

	if (!media_read_blob(options->blob, &run->blob.file, &media))
		return STATUS_REFUSED;
	run->blob.name = base_name(options->blob);
	if (!options->map)
		map_of_pc(options->memory, &run->map);
	else if (!map_from_file(options->map, &run->map))
		return STATUS_REFUSED;
	if (!dry_run(run))
		return STATUS_REFUSED;
	print_sentences(run);
	if (run->error)
		return complain(options->blob, "%s (code %d)", dry_run_refusal(run), run->error);
	print_heading(options, run);
	print_found(run);
	/* Last, because it opens the blob again, which discards the sentences. */
	warn_of_digest(run);
	return draw(options, run);
}

static int run_plan(int argc, char **argv)
{
	struct options options = { .memory = NOT_GIVEN };
	struct dry_run run = { .blob = { .at = DRY_RUN_ANYWHERE }, .workspace_at = DRY_RUN_ANYWHERE };
	int status = read_options(argc, argv, &options, &run);

	if (!status)
		status = plan(&options, &run);
	dry_run_free(&run);
	return status;
}

const struct command command_plan = {
	.name = "plan",
	.summary = "show where every byte of a blob would go, without moving any",
	.help =
	"segue plan [OPTION]... BLOB\n"
	"\n"
	"Loads BLOB by the library's own code into an imaginary machine, and draws its memory before and\n"
	"after. Sizes and addresses are written as 512M or 0x1000000.\n"
	"\n"
	"  --module FILE[=ARGS]   a file beside the blob, for example an initrd; may be repeated\n"
	"  --cmdline WORDS        a command line instead of the blob's own\n"
	"  --memory SIZE          the memory of a PC (default 512M)\n"
	"  --map FILE             a memory map instead of a PC's: lines START END TYPE, with TYPE ram, reserved,\n"
	"                         acpi, nvs or unusable, and 0x before a hexadecimal number; or lines with\n"
	"                         [mem 0x...-0x...] from Linux's log\n"
	"  --at ADDR              where the host has the blob (default: at the top of RAM below 4 GiB)\n"
	"  --workspace ADDR       where the host has the workspace, a multiple of 4096 (default: below the files)\n"
	"  --within START-END     memory that the target may use, for example 64K-640K (default: all RAM); may be\n"
	"                         repeated\n"
	"  --svg FILE             draw a picture too; FILE is a new or ordinary file, and not one that is read\n"
	"  --elf-entry-32         the entry of an ELF64 kernel is 32-bit code\n"
	"  --linux16              a Linux is entered by its 16-bit setup code\n"
	"  --linux64              a Linux is entered by its 64-bit entry\n"
	"  --vmlinux              an ELF kernel is a Linux, also without notes that say so\n"
	"  --catcher              with the catcher, which prints the target's first exceptions\n"
	"  --modules-stay         a Multiboot or PVH target's modules stay where they are, if they can\n"
	"  --multiboot2           a kernel with Multiboot headers of both versions is loaded by version 2\n"
	"\n"
	"Exit status: 0 it can be loaded, 1 it is refused or cannot be read, 2 a wrong command line.\n",
	.run = run_plan
};
