/* SPDX-License-Identifier: MIT */
/* segue pack: makes one file of a kernel, its initrd or modules, and command lines. */
#include <stdio.h>
#include <stdlib.h>
#include "blob.h"
#include "blob_seal.h"

static const struct option words[] = {
	BLOB_ARGUMENTS,
	{ "seal", no_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 }
};

static int read_arguments(int argc, char **argv, struct blob_arguments *arguments, bool *seal)
{
	int word, status = STATUS_OK;

	while (!status && (word = next_option(&command_pack, argc, argv, BLOB_LETTERS, words, BLOB_REPEATABLE)) != -1) {
		if (word == 's')
			*seal = true;
		else
			status = blob_take_argument(&command_pack, arguments, word);
	}
	if (status)
		return status;
	if (optind < argc)
		return complain_usage(&command_pack, "%s is not an option", argv[optind]);
	if (!arguments->kernel)
		return complain_usage(&command_pack, "--kernel FILE is missing");
	return blob_check_arguments(&command_pack, arguments);
}

static int run(int argc, char **argv)
{
	struct blob_arguments arguments = { .kernel = NULL };
	struct output blob = { .data = NULL };
	bool seal = false;
	int status = read_arguments(argc, argv, &arguments, &seal);

	if (!status && (!blob_make(&arguments, &blob) || !blob_try(arguments.kernel, &blob, arguments.load_flags, NULL)))
		status = STATUS_REFUSED;
	if (!status && seal)
		seal_put(&blob);
	if (!status && !blob_write(arguments.out, &blob))
		status = STATUS_REFUSED;
	if (!status)
		printf("%s: %s, %s\n", arguments.out, arguments.fiwix ? "Fiwix blob" : "bundle", human_size(blob.size));
	blob_free_arguments(&arguments);
	free(blob.data);
	return status;
}

const struct command command_pack = {
	.name = "pack",
	.summary = "make one file of a kernel and what belongs to it",
	.help =
	"segue pack --kernel FILE [OPTION]... -o OUT\n"
	"\n"
	BLOB_ARGUMENTS_HELP
	"  --seal                 add the seal, which is checked when OUT is read from a CD or a disk; `segue\n"
	"                         iso` and `segue disk` add it themselves\n"
	OUTPUT_HELP
	"\n"
	"The same input makes the same bytes. A blob that Segue would refuse to start on a PC with a BIOS is\n"
	"refused here, also with --format fiwix.\n",
	.run = run
};
