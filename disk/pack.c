/* SPDX-License-Identifier: MIT */
/*
 * segue pack: a kernel and what belongs to it in one file. The same input makes the same bytes:
 * no time, user or inode number goes in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "container.h"
#include "dry_run.h"

#define PAGE 4096u
#define BLOCK 512u                    /* what cpio writes a multiple of */
#define NEWC_HEADER_SIZE 110u
#define MODE_FILE 0100644u
#define MODE_FOLDER 0040755u
/* The machine on which the result is tried. */
#define TRIAL_MEMORY (3ull << 30)

struct module {
	struct file file;
	const char *args;             /* NULL: none */
};

struct output {
	uint8_t *data;
	size_t size, room;
	unsigned inode;
};

static void put(struct output *out, const void *data, size_t size)
{
	if (out->room - out->size < size) {
		out->room = out->size + out->room / 2 + size;
		out->data = allocate_again(out->data, out->room);
	}
	if (size)
		memcpy(out->data + out->size, data, size);
	out->size += size;
}

static void pad(struct output *out, size_t align)
{
	static const uint8_t zeros[BLOCK];

	while (out->size % align)
		put(out, zeros, align - out->size % align < BLOCK ? align - out->size % align : BLOCK);
}

/*
 * align: where the data shall start. The name's length counts NULs behind the name, and every
 * reader of newc takes the name to end at the first.
 */
static void put_member(struct output *out, const char *name, unsigned mode, const void *data, size_t size, size_t align)
{
	size_t name_size = strlen(name) + 1;
	size_t end = out->size + NEWC_HEADER_SIZE + name_size;
	size_t nuls = size ? -end & (align - 1) : 0;
	unsigned inode = strcmp(name, "TRAILER!!!") ? ++out->inode : 0;
	char header[NEWC_HEADER_SIZE + 1];
	static const char zeros[PAGE];

	snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0u, 0u,
		 mode == MODE_FOLDER ? 2u : 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)(name_size + nuls), 0u);
	put(out, header, NEWC_HEADER_SIZE);
	put(out, name, name_size);
	put(out, zeros, nuls);
	pad(out, 4);
	put(out, data, size);
	pad(out, 4);
}

static void put_modules(struct output *out, const struct module *modules, size_t count)
{
	int digits = count > 100 ? snprintf(NULL, 0, "%zu", count - 1) : 2;
	size_t i;

	if (count)
		put_member(out, "modules", MODE_FOLDER, NULL, 0, 4);
	for (i = 0; i < count; i++) {
		const char *file_name = base_name(modules[i].file.path);
		size_t size = strlen(file_name) + 64;
		char *name = allocate(size);

		if (modules[i].args) {
			snprintf(name, size, "modules/%0*zu-%s.cmdline", digits, i, file_name);
			put_member(out, name, MODE_FILE, modules[i].args, strlen(modules[i].args), 4);
		}
		snprintf(name, size, "modules/%0*zu-%s", digits, i, file_name);
		put_member(out, name, MODE_FILE, modules[i].file.data, modules[i].file.size, PAGE);
		free(name);
	}
}

static void put_bundle(struct output *out, const struct file *kernel, const struct output *initrd,
		       const struct module *modules, size_t count, const char *cmdline)
{
	if (cmdline)
		put_member(out, "cmdline", MODE_FILE, cmdline, strlen(cmdline), 4);
	put_member(out, "kernel", MODE_FILE, kernel->data, kernel->size, PAGE);
	if (initrd->size)
		put_member(out, "initrd", MODE_FILE, initrd->data, initrd->size, PAGE);
	put_modules(out, modules, count);
	put_member(out, "TRAILER!!!", 0, NULL, 0, 4);
	pad(out, BLOCK);
}

static void put_fiwix(struct output *out, const struct file *kernel, const struct output *initrd)
{
	uint8_t lengths[FIWIX_HEADER_SIZE];

	put_le32(lengths, (uint32_t)kernel->size);
	put_le32(lengths + 4, (uint32_t)initrd->size);
	put(out, lengths, sizeof lengths);
	put(out, kernel->data, kernel->size);
	put(out, initrd->data, initrd->size);
}

/* Several initrds are one: Linux takes archives one behind the other, each from a multiple of 4. */
static bool add_initrd(struct output *initrd, const char *path)
{
	struct file file;

	if (!file_read(path, &file))
		return false;
	if (!file.size) {
		complain(path, "the initrd has no bytes");
		return false;
	}
	pad(initrd, 4);
	put(initrd, file.data, file.size);
	file_free(&file);
	return true;
}

static bool add_module(struct module *module, char *text)
{
	static const char suffix[] = ".cmdline";
	const char *path;
	size_t length;

	split_module(text, &path, &module->args);
	length = strlen(path);
	if (length >= sizeof suffix - 1 && !strcmp(path + length - (sizeof suffix - 1), suffix)) {
		complain(path, "a module's name cannot end with .cmdline");
		return false;
	}
	return file_read(path, &module->file);
}

/* Says what the library makes of the kernel, before its file is hidden in the result. */
static bool check_kernel(const struct file *kernel)
{
	struct dry_run run = { .blob = { .file = *kernel } };
	bool good = dry_run_open(&run) == SEGUE_OK;

	if (!good)
		complain(kernel->path, "%s", dry_run_refusal(&run));
	else if (run.bundle.container[0])
		complain(kernel->path, "this is a %s already, not a kernel",
			 strcmp(run.bundle.container, "Fiwix") ? run.bundle.container : "Fiwix blob");
	good = good && !run.bundle.container[0];
	run.blob.file.data = NULL;
	dry_run_free(&run);
	return good;
}

/* Another version of Segue, or another machine, may be less strict: so it is a warning, unless nobody knows the kernel. */
static bool try_result(const char *kernel, const struct output *out, bool entry_32)
{
	struct dry_run run = {
		.blob = { .file = { .path = kernel, .data = out->data, .size = out->size }, .at = DRY_RUN_ANYWHERE },
		.workspace_at = DRY_RUN_ANYWHERE,
		.flags = entry_32 ? SEGUE_LOAD_ELF_ENTRY_32 : 0
	};
	bool good;

	map_of_pc(TRIAL_MEMORY, &run.map);
	good = dry_run(&run);
	if (good && run.error) {
		good = run.error != SEGUE_E_UNKNOWN && run.error != SEGUE_E_GZIP;
		complain(kernel, "%s%s", good ? "warning: this version of Segue refuses the result: " : "",
			 dry_run_refusal(&run));
	}
	run.blob.file.data = NULL;
	dry_run_free(&run);
	return good;
}

struct options {
	const char *kernel, *cmdline, *out;
	bool fiwix, entry_32;
	struct output initrd;
	struct module *modules;
	size_t module_count;
};

static const struct option words[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "module", required_argument, NULL, 'm' },
	{ "cmdline", required_argument, NULL, 'c' },
	{ "format", required_argument, NULL, 'f' },
	{ "elf-entry-32", no_argument, NULL, 'e' },
	{ "output", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 }
};

static int read_options(int argc, char **argv, struct options *options)
{
	int word;

	while ((word = getopt_long(argc, argv, "o:", words, NULL)) != -1) {
		if (word == 'k' && options->kernel)
			return complain_usage(&command_pack, "--kernel is given twice");
		if (word == 'k')
			options->kernel = optarg;
		else if (word == 'c')
			options->cmdline = optarg;
		else if (word == 'o')
			options->out = optarg;
		else if (word == 'e')
			options->entry_32 = true;
		else if (word == 'f' && (!strcmp(optarg, "fiwix") || !strcmp(optarg, "bundle")))
			options->fiwix = optarg[0] == 'f';
		else if (word == 'f')
			return complain_usage(&command_pack, "--format is bundle or fiwix, not %s", optarg);
		else if (word == 'i') {
			if (!add_initrd(&options->initrd, optarg))
				return STATUS_REFUSED;
		} else if (word == 'm') {
			options->modules = allocate_again(options->modules, (options->module_count + 1) * sizeof *options->modules);
			if (!add_module(&options->modules[options->module_count], optarg))
				return STATUS_REFUSED;
			options->module_count++;
		} else {
			return complain_usage(&command_pack, "the command line is wrong");
		}
	}
	if (optind < argc)
		return complain_usage(&command_pack, "%s is no option", argv[optind]);
	if (!options->kernel || !options->out)
		return complain_usage(&command_pack, "%s is missing", options->kernel ? "-o OUT" : "--kernel FILE");
	if (options->fiwix && (options->module_count || options->cmdline))
		return complain_usage(&command_pack, "Fiwix's format has no place for a %s",
				      options->cmdline ? "command line" : "module");
	return STATUS_OK;
}

static int pack(const struct options *options, const struct file *kernel, struct output *out)
{
	struct bytes bytes = { kernel->data, kernel->size, 0 };

	if (!check_kernel(kernel))
		return STATUS_REFUSED;
	if (options->fiwix && !segue_is_kernel(&bytes))
		return complain(options->kernel, "Fiwix's format holds Linux and ELF kernels only");
	if (options->fiwix)
		put_fiwix(out, kernel, &options->initrd);
	else
		put_bundle(out, kernel, &options->initrd, options->modules, options->module_count, options->cmdline);
	if (out->size > UINT32_MAX)
		return complain(options->out, "its %s are more than what fits below 4 GiB", human_size(out->size));
	if (!try_result(options->kernel, out, options->entry_32))
		return STATUS_REFUSED;
	return file_write(options->out, out->data, out->size) ? STATUS_OK : STATUS_REFUSED;
}

static int run(int argc, char **argv)
{
	struct options options = { .kernel = NULL };
	struct output out = { NULL, 0, 0, 0 };
	struct file kernel = { .path = NULL };
	int status = read_options(argc, argv, &options);

	if (!status && !file_read_kernel(options.kernel, &kernel))
		status = STATUS_REFUSED;
	if (!status)
		status = pack(&options, &kernel, &out);
	if (!status && kernel.packed_size)
		printf("%s: gunzipped from %s to %s\n", options.kernel, human_size(kernel.packed_size), human_size(kernel.size));
	if (!status)
		printf("%s: %s, %s\n", options.out, options.fiwix ? "Fiwix blob" : "bundle", human_size(out.size));
	file_free(&kernel);
	while (options.module_count)
		file_free(&options.modules[--options.module_count].file);
	free(options.modules);
	free(options.initrd.data);
	free(out.data);
	return status;
}

const struct command command_pack = {
	.name = "pack",
	.summary = "make one file of a kernel and what belongs to it",
	.help =
	"segue pack --kernel FILE [OPTION]... -o OUT\n"
	"\n"
	"  --kernel FILE          a Linux, Multiboot or ELF kernel; gunzipped if need be\n"
	"  --initrd FILE          for Linux; several are put one behind the other, as Linux takes them\n"
	"  --module FILE[=ARGS]   a module for Multiboot kernels, with arguments; as often as you like.\n"
	"                         The target sees FILE's name without its folder as argv[0]\n"
	"  --cmdline WORDS        the kernel's arguments\n"
	"  --format bundle        a newc cpio archive, with files on 4096-byte boundaries (the default);\n"
	"                         cpio -t looks into it, cpio -o -H newc makes one too\n"
	"  --format fiwix         what Fiwix' kexec takes: two lengths, kernel, initrd\n"
	"  --elf-entry-32         the entry of an ELF64 kernel is 32-bit code\n"
	"  -o, --output OUT\n"
	"\n"
	"The same input makes the same bytes. A kernel that nobody would boot is refused.\n",
	.run = run
};
