/* SPDX-License-Identifier: MIT */
/* segue info: which formats a file has, what its headers say, where Segue would place it, or why it is refused. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "digest.h"
#include "kernel_facts.h"
#include "media_file.h"
#include "blob_seal.h"

/* Memory of the machine in the dry run. */
#define TRIAL_MEMORY (3ull << 30)

static void print_bytes(const char *label, const struct bytes *bytes, const struct bytes *blob)
{
	fact(label);
	printf("%s", human_size(bytes->size));
	if (bytes->part == 0 && bytes->data)
		printf(" at offset 0x%zx", (size_t)(bytes->data - blob->data));
	putchar('\n');
}

static void print_words(const char *label, const struct bytes *words)
{
	if (!words->size)
		return;
	fact(label);
	print_text(words->data, words->size);
	putchar('\n');
}

static void print_container(const struct dry_run *run)
{
	const struct bundle *bundle = &run->bundle;
	struct bytes blob = { run->blob.file.data, run->blob.file.size, 0 };
	size_t i;

	if (!bundle->container[0])
		return;
	fact("container");
	printf("%s\n", bundle->container);
	print_bytes("kernel", &bundle->kernel, &blob);
	print_words("command line", &bundle->cmdline);
	if (bundle->initrd.size)
		print_bytes("initrd", &bundle->initrd, &blob);
	for (i = 0; i < bundle->module_count; i++) {
		const struct member *module = &bundle->modules[i];

		print_bytes(i ? "" : "modules", &module->file, &blob);
		fact("");
		printf("  ");
		print_text(module->name.data, module->name.size);
		if (module->args.size)
			putchar(' ');
		print_text(module->args.data, module->args.size);
		putchar('\n');
	}
}

/* Prints the bundle's digest, and whether it is right if the target can be loaded. */
static void print_digest(const struct dry_run *run)
{
	char text[DIGEST_DIGITS + 1], right[DIGEST_DIGITS + 1];

	if (!run->opened || !run->bundle.digest)
		return;
	digest_text(run->bundle.digest, text);
	fact("digest");
	if (run->error) {
		printf("%s\n", text);
	} else if (digest_is_right(run, right)) {
		printf("%s, which is right\n", text);
	} else {
		printf("%s\n", text);
		fact("warning");
		printf("the digest must be %s\n", right);
	}
}

static void print_sentences(const struct dry_run *run)
{
	size_t i;

	for (i = 0; i < run->sentence_count; i++)
		if (run->sentences[i].level == SEGUE_LOG_WARNING) {
			fact("warning");
			print_text(run->sentences[i].text, strlen(run->sentences[i].text));
			putchar('\n');
		}
}

static void print_result(const struct dry_run *run)
{
	const struct segue_description *d = &run->description;
	struct segue_segment segment;
	char name[48];
	size_t i;

	fact("boots as");
	printf("%s%s\n", d->protocol, d->real_mode ? ", by a 16-bit entry: only on a PC with a BIOS" :
	       d->long_mode ? ", by its 64-bit entry" :
	       !strcmp(d->protocol, "ELF") ? ", entered in 32-bit mode with all registers zero" :
	       !strcmp(d->protocol, "ELF core") ? ", a saved host, which goes on in its segue_call() (see segue core)" : "");
	fact("entry");
	printf("0x%08" PRIx64 " (physical)\n", dry_run_entry(run));
	if (d->is_64_bit) {
		fact("needs");
		printf("a 64-bit CPU\n");
	}
	if (d->needs_memory) {
		fact("needs");
		printf("%s (0x%" PRIx64 ") for itself while it starts\n", human_size(d->needs_memory), d->needs_memory);
	}
	printf("\n  On a PC with %s of memory:\n", human_size(TRIAL_MEMORY));
	for (i = 0; !segue_segment_at(run->workspace, i, &segment); i++) {
		printf("  0x%08" PRIx64 " - 0x%08" PRIx64 "  %10" PRIu64 " bytes", segment.dest, segment.dest + segment.size,
		       segment.file_size);
		if (segment.size > segment.file_size)
			printf(" + %10" PRIu64, segment.size - segment.file_size);
		else
			printf(" %12s", "");
		dry_run_segment_name(run, i, name, sizeof name);
		printf("  %s\n", name);
	}
}

/* A guess about a file that is not recognised. */
static void print_hint(const struct dry_run *run)
{
	static const struct {
		int error;
		size_t size;
		const char *magic, *words;
	} hints[] = {
		{ SEGUE_E_UNKNOWN, 6, "070707", "a cpio archive of an old format: cpio -o -H newc makes a bundle" },
		{ SEGUE_E_UNKNOWN, 2, "\xc7\x71", "a cpio archive of an old format: cpio -o -H newc makes a bundle" },
	};
	const struct file *file = &run->blob.file;
	size_t i;

	for (i = 0; i < sizeof hints / sizeof *hints; i++)
		if (run->error == hints[i].error && file->size >= hints[i].size &&
		    !memcmp(file->data, hints[i].magic, hints[i].size)) {
			fact("perhaps");
			printf("%s\n", hints[i].words);
			return;
		}
}

static void print_refusal(const struct dry_run *run)
{
	const char *sentence = dry_run_refusal(run);

	fact("refused");
	print_text(sentence, strlen(sentence));
	printf(" (code %d)\n", run->error);
	print_hint(run);
}

static void print_media(const struct media *media)
{
	if (!*media->kind)
		return;
	fact("image");
	printf("%s, blob at offset 0x%" PRIx64 "\n", media->kind, media->blob_at);
	if (*media->options) {
		fact("options");
		print_text(media->options, strlen(media->options));
		putchar('\n');
	}
}

static void print_seal(enum seal_state seal)
{
	if (seal == SEAL_NONE)
		return;
	fact("seal");
	printf("%s\n", seal == SEAL_GOOD ? "fits the bytes before it" : seal_words(seal));
}

/* "FILE: Linux in a bundle, 34.4 MiB" */
static void print_headline(const struct dry_run *run)
{
	const struct file *file = &run->blob.file;

	printf("%s: ", file->path);
	if (run->error)
		printf("refused");
	else
		printf("%s", run->description.protocol);
	if (!run->error && run->bundle.container[0])
		printf(" in a %s%s", run->bundle.container, strcmp(run->bundle.container, "Fiwix") ? "" : " blob");
	printf(", %zu bytes", file->size);
	if (file->packed_by)
		printf(" unpacked by %s from %zu", file->packed_by, file->packed_size);
	putchar('\n');
}

static const struct option words[] = {
	{ "elf-entry-32", no_argument, NULL, 'e' },
	{ "linux16", no_argument, NULL, 'r' },
	{ "linux64", no_argument, NULL, 'l' },
	{ "vmlinux", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 }
};

static int run_info(int argc, char **argv)
{
	struct dry_run run = { .workspace_at = DRY_RUN_ANYWHERE };
	struct file *file = &run.blob.file;
	struct bytes blob;
	enum seal_state seal;
	struct media media;
	int word, error;
	bool fitted;

	while ((word = next_option(&command_info, argc, argv, ":", words, "")) != -1) {
		if (word == OPTION_WRONG)
			return STATUS_USAGE;
		run.flags |= word == 'e' ? SEGUE_LOAD_ELF_ENTRY_32 : word == 'l' ? SEGUE_LOAD_LINUX_64 :
			     word == 'v' ? SEGUE_LOAD_VMLINUX : SEGUE_LOAD_REAL_MODE;
	}
	if (argc - optind != 1)
		return complain_usage(&command_info, "exactly one FILE is needed");
	if (!media_read_blob(argv[optind], file, &media))
		return STATUS_REFUSED;

	run.blob.at = DRY_RUN_ANYWHERE;
	run.blob.name = base_name(file->path);
	map_of_pc(TRIAL_MEMORY, &run.map);
	seal = seal_look(file->data, file->size);
	blob = (struct bytes){ file->data, file->size - (seal ? sizeof(struct seal) : 0), 0 };
	error = dry_run_open(&run);
	fitted = dry_run(&run);
	error = error ? error : run.error;
	if (fitted) {
		print_headline(&run);
		print_media(&media);
		if (run.opened)
			print_container(&run);
		print_digest(&run);
		print_kernel_facts(run.opened ? &run.bundle.kernel : &blob);
		print_sentences(&run);
		print_seal(seal);
		if (!error)
			print_result(&run);
		else
			print_refusal(&run);
	}
	dry_run_free(&run);
	return fitted && !error && seal <= SEAL_GOOD ? STATUS_OK : STATUS_REFUSED;
}

const struct command command_info = {
	.name = "info",
	.summary = "say what a file is, what it asks for, or why it is refused",
	.help =
	"segue info [--elf-entry-32] [--linux16] [--linux64] [--vmlinux] FILE\n"
	"\n"
	"Says which formats FILE has, what its headers ask for, by which format Segue would boot it, its\n"
	"entry and the places of its parts in memory, or why Segue would refuse it. A file compressed by\n"
	"gzip, xz, zstd, lz4, lzma or bzip2 is unpacked first. Of an image that `segue iso` or `segue disk`\n"
	"made, the blob inside is examined.\n"
	"\n"
	"  --elf-entry-32   the entry of an ELF64 kernel is 32-bit code\n"
	"  --linux16        a Linux is entered by its 16-bit setup code\n"
	"  --linux64        a Linux is entered by its 64-bit entry\n"
	"  --vmlinux        an ELF kernel is a Linux, also without notes that say so\n"
	"\n"
	"Exit status: 0 Segue boots it, 1 it is refused or cannot be read, 2 a wrong command line.\n",
	.run = run_info
};
