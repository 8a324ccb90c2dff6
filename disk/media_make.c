/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "blob.h"
#include "media_make.h"
#include "media_file.h"
#include "blob_seal.h"
#include "container/media_format.h"
#include "standalone/options.h"

_Static_assert(BLOB_LIMIT + sizeof(struct seal) == UINT32_MAX, "a sealed blob");

struct request {
	struct blob_arguments arguments;
	const char *ready;            /* an existing blob; NULL: the blob is made from the arguments */
	char line[DISK_OPTIONS_SIZE]; /* the options, as they are written to the image */
	char words_of_line[DISK_OPTIONS_SIZE]; /* the same, split into words; taken.cmdline points into it */
	struct options taken;
};

static const struct option words[] = {
	BLOB_ARGUMENTS,
	{ "options", required_argument, NULL, 'O' },
	{ NULL, 0, NULL, 0 }
};

static bool is_one_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* Without this check a wrong option would be noticed only at the boot. */
static int take_options(const struct command *command, struct request *request)
{
	char *word = memcpy(request->words_of_line, request->line, sizeof request->line);
	size_t count;

	options_default(&request->taken);
	if (!options_split(word, &count))
		return complain_usage(command, "--options: a quote is not closed");
	for (; count--; word = options_next(word)) {
		enum option_verdict verdict = options_take(&request->taken, word);

		if (verdict != OPTION_TAKEN)
			return complain_usage(command, "--options: %s %s", verdict == OPTION_UNKNOWN ?
					      "segue.elf has no option" : "segue.elf does not accept", word);
	}
	return STATUS_OK;
}

static int read_options(const struct command *command, struct request *request, const char *options)
{
	/* What the image's segue.elf must be told too */
	static const struct {
		uint32_t flag;
		const char *word;
	} told[] = {{ SEGUE_LOAD_ELF_ENTRY_32, "elf64=32bit" }, { SEGUE_LOAD_VMLINUX, "vmlinux" }};
	size_t length = strlen(options);
	int status;

	if (!is_one_line(options))
		return complain_usage(command, "--options must be one line of text, without control characters");
	if (length >= sizeof request->line)
		return complain_usage(command, "--options has %zu bytes, and an image holds %zu", length,
				      sizeof request->line - 1);
	memcpy(request->line, options, length + 1);
	status = take_options(command, request);
	for (size_t i = 0; !status && i < sizeof told / sizeof *told; i++) {
		if (!(request->arguments.load_flags & ~request->taken.load_flags & told[i].flag))
			continue;
		length = strlen(request->line);
		if (length + strlen(told[i].word) + 1 >= sizeof request->line)
			return complain_usage(command, "--options: there is no room left for %s", told[i].word);
		snprintf(request->line + length, sizeof request->line - length, "%s%s", length ? " " : "", told[i].word);
		status = take_options(command, request);
	}
	return status;
}

static int read_arguments(const struct command *command, int argc, char **argv, struct request *request)
{
	struct blob_arguments *arguments = &request->arguments;
	const char *options = "";
	int word, status = STATUS_OK;

	while (!status && (word = next_option(command, argc, argv, BLOB_LETTERS, words, BLOB_REPEATABLE)) != -1) {
		if (word == 'O')
			options = optarg;
		else
			status = blob_take_argument(command, arguments, word);
	}
	if (status)
		return status;
	if (argc - optind > 1)
		return complain_usage(command, "only one BLOB is allowed, and %s is another", argv[optind + 1]);
	request->ready = argv[optind];
	if (!request->ready && !arguments->kernel)
		return complain_usage(command, "--kernel FILE or BLOB is missing");
	if (request->ready && (arguments->input_count || arguments->cmdline || arguments->fiwix))
		return complain_usage(command, "%s is the whole blob; a kernel's options need --kernel", request->ready);
	if (request->ready)
		blob_add_input(arguments, request->ready);
	status = blob_check_arguments(command, arguments);
	return status ? status : read_options(command, request, options);
}

/* The seal of a sealed blob is checked, and then made again. */
static bool read_ready_blob(const char *path, struct output *blob)
{
	struct file file;
	struct media media;
	enum seal_state seal;

	if (!media_look(path, &media))
		return false;
	if (*media.kind) {
		complain(path, "this is already an image (%s), not a blob", media.kind);
		return false;
	}
	if (!file_read_kernel(path, &file))
		return false;
	*blob = (struct output){ .data = file.data, .size = file.size, .room = file.size };
	seal = seal_look(blob->data, blob->size);
	if (seal == SEAL_GOOD)
		blob->size -= sizeof(struct seal);
	else if (seal != SEAL_NONE)
		complain(path, "%s", seal_words(seal));
	else if (blob->size > BLOB_LIMIT)
		complain(path, "its %s do not fit below 4 GiB", human_size(blob->size));
	return seal == SEAL_GOOD || (seal == SEAL_NONE && blob->size <= BLOB_LIMIT);
}

static bool make_blob(const struct request *request, struct output *blob)
{
	const char *name = request->ready ? request->ready : request->arguments.kernel;

	if (!(request->ready ? read_ready_blob(name, blob) : blob_make(&request->arguments, blob)))
		return false;
	if (!blob_try(name, blob, request->taken.load_flags, request->taken.cmdline))
		return false;
	seal_put(blob);
	return true;
}

int media_make(const struct command *command, int argc, char **argv, bool (*write)(const struct medium *image))
{
	static struct request request; /* Too large for the stack. */
	struct medium image = { .options = request.line };
	int status = read_arguments(command, argc, argv, &request);

	image.out = request.arguments.out;
	if (!status && (!make_blob(&request, &image.blob) || !write(&image)))
		status = STATUS_REFUSED;
	if (!status)
		printf("%s: for a BIOS, with a blob of %s\n", image.out, human_size(image.blob.size));
	blob_free_arguments(&request.arguments);
	free(image.blob.data);
	return status;
}
