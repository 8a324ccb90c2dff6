/* SPDX-License-Identifier: MIT */
/* Options: stricter than getopt_long(), and with sentences of our own. */
#include <string.h>
#include "disk.h"

static bool is_whole_name(const char *word, const char *name)
{
	return strcspn(word + 2, "=") == strlen(name);
}

int next_option(const struct command *command, int argc, char **argv, const char *letters, const struct option *words,
		const char *repeatable)
{
	static bool given[256];
	int index = -1, option;
	const char *word;

	opterr = 0;
	option = getopt_long(argc, argv, letters, words, &index);
	if (option == -1)
		return -1;
	/* The option's own word, also if its argument is the next word. */
	word = argv[optind - 1];
	if (index >= 0 && optarg == word)
		word = argv[optind - 2];
	if (option == ':')
		complain_usage(command, "%s needs an argument", word);
	else if (option == '?' && optopt && !strncmp(word, "--", 2))
		complain_usage(command, "%.*s takes no argument", (int)strcspn(word, "="), word);
	else if (option == '?' && optopt)
		complain_usage(command, "-%c is not an option", optopt);
	else if (option == '?')
		complain_usage(command, "%s is not an option", word);
	else if (index >= 0 && !is_whole_name(word, words[index].name))
		complain_usage(command, "%s is not an option; --%s must not be abbreviated", word, words[index].name);
	else if (given[option] && !strchr(repeatable, option) && index >= 0)
		complain_usage(command, "--%s is given twice", words[index].name);
	else if (given[option] && !strchr(repeatable, option))
		complain_usage(command, "-%c is given twice", option);
	else {
		given[option] = true;
		return option;
	}
	return OPTION_WRONG;
}
