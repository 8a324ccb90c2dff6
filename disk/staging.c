/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700              /* realpath() */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "disk.h"
#include "staging.h"

#define PATHS 8u
#define NOT_STARTED 127
/* How many bytes are shown of the output's end, if a program fails. */
#define LAST_WORDS 800u

/* A signal handler reads these, so path_count is raised after the entry is complete. */
static char *paths[PATHS];
static volatile sig_atomic_t path_count;
static volatile sig_atomic_t child;
static char *folder, *target;
static const char *target_words;      /* as the user wrote it */
static mode_t target_mode;            /* of the file that is replaced; 0: none is */

static char *join(const char *start, const char *end)
{
	size_t length = strlen(start);
	char *path = allocate(length + strlen(end) + 1);

	memcpy(path, start, length);
	memcpy(path + length, end, strlen(end) + 1);
	return path;
}

static const char *add_path(char *path)
{
	if (path_count == PATHS)
		abort();
	paths[path_count] = path;
	path_count++;
	return path;
}

/* Calls only functions that POSIX allows in a signal handler. Errors for missing files are ignored. */
static void remove_all(void)
{
	int i;

	for (i = path_count; i-- > 0;)
		if (unlink(paths[i]))
			rmdir(paths[i]);
	path_count = 0;
}

static void interrupted(int number)
{
	if (child > 0)
		kill((pid_t)child, SIGTERM);
	remove_all();
	signal(number, SIG_DFL);
	raise(number);
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ };
#define SIGNALS (sizeof signals / sizeof *signals)

static void take_over(void (*from)(int), void (*to)(int))
{
	struct sigaction old, action = { .sa_handler = to };
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == from)
			sigaction(signals[i], &action, NULL);
}

/* SIG_BLOCK or SIG_UNBLOCK */
static void mask_signals(int how)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < SIGNALS; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(how, &set, NULL);
}

static bool is_standard_stream(const struct stat *status)
{
	struct stat ours;
	int i;

	for (i = 1; i <= 2; i++)
		if (!fstat(i, &ours) && ours.st_dev == status->st_dev && ours.st_ino == status->st_ino)
			return true;
	return false;
}

/* Why OUT must not be replaced, or NULL. */
static const char *why_not(const char *out, const struct stat *status)
{
	if (S_ISDIR(status->st_mode))
		return "this is a folder";
	if (file_is_input(status))
		return OVER_AN_INPUT;
	if (!S_ISREG(status->st_mode))
		return "this is not an ordinary file; write to one, and copy it with dd, for example";
	if (is_standard_stream(status))
		return "standard output or standard error goes to this file; name another file";
	return access(out, W_OK) ? strerror(errno) : NULL;
}

/* The file that a link names is replaced, not the link. A rename over a device would remove the device's name. */
static bool find_target(const char *out)
{
	struct stat status;
	const char *why;

	target_words = out;
	target_mode = 0;
	if (!strcmp(out, "-")) {
		complain(out, "standard output is used for messages; name a file (./- for one of this name)");
		return false;
	}
	if (stat(out, &status)) {
		why = errno != ENOENT ? strerror(errno) : !lstat(out, &status) ? "a link to a file that does not exist" : NULL;
		target = copy_string(out);
	} else {
		why = why_not(out, &status);
		target_mode = status.st_mode & 07777;
		target = realpath(out, NULL);
		if (!why && !target)
			why = strerror(errno);
	}
	if (why)
		complain(out, "%s", why);
	return !why;
}

bool staging_open(const char *out)
{
	if (!find_target(out))
		return false;
	folder = join(target, ".XXXXXX");
	take_over(SIG_DFL, interrupted);
	atexit(remove_all);
	if (mkdtemp(folder)) {
		add_path(folder);
		return true;
	}
	complain(out, "no folder can be made beside it for its parts: %s", strerror(errno));
	return false;
}

const char *staging_add(const char *name)
{
	char *slashed = join(folder, "/"), *path = join(slashed, name);

	free(slashed);
	return add_path(path);
}

bool staging_write(const char *name, const void *data, size_t size)
{
	return file_write(staging_add(name), target_words, data, size);
}

bool staging_folder(const char *name)
{
	if (!mkdir(staging_add(name), 0755))
		return true;
	complain(target_words, "no folder can be made beside it for its parts: %s", strerror(errno));
	return false;
}

static void start(char *const *argv, char *const *environment)
{
	int log = open("/dev/null", O_RDONLY);

	take_over(interrupted, SIG_DFL);
	mask_signals(SIG_UNBLOCK);
	if (log >= 0)
		dup2(log, 0);
	if (chdir(folder) || (log = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0)
		_exit(NOT_STARTED);
	dup2(log, 1);
	dup2(log, 2);
	for (; *environment; environment++)
		putenv(*environment);
	execvp(argv[0], argv);
	_exit(NOT_STARTED);
}

/* Reads the end of the log as text. */
static void read_last_words(const char *log, char *words, size_t size)
{
	FILE *in = fopen(log, "rb");
	size_t got = 0;
	long length;

	if (in && !fseek(in, 0, SEEK_END) && (length = ftell(in)) >= 0 &&
	    !fseek(in, length > (long)size - 1 ? length - (long)size + 1 : 0, SEEK_SET))
		got = fread(words, 1, size - 1, in);
	while (got && words[got - 1] == '\n')
		got--;
	words[got] = 0;
	if (in)
		fclose(in);
}

bool staging_run(char *const *argv, char *const *environment)
{
	const char *log = staging_add("log");
	char words[LAST_WORDS + 1];
	int status = 0;
	pid_t id;

	fflush(NULL);
	/* A handler needs the child's id, to end the child. */
	mask_signals(SIG_BLOCK);
	id = fork();
	if (!id)
		start(argv, environment);
	child = id;
	mask_signals(SIG_UNBLOCK);
	if (id < 0) {
		complain(argv[0], "%s", strerror(errno));
		return false;
	}
	while (waitpid(id, &status, 0) < 0 && errno == EINTR)
		;
	child = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	read_last_words(log, words, sizeof words);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED && !words[0])
		complain(target_words, "%s cannot be started; Debian has it in the package of that name", argv[0]);
	else if (WIFEXITED(status))
		complain(target_words, "%s failed with exit status %d:\n%s", argv[0], WEXITSTATUS(status), words);
	else
		complain(target_words, "%s was ended by signal %d:\n%s", argv[0], WTERMSIG(status), words);
	return false;
}

/* The new file is on the disk before the old one is replaced, so a crash leaves one of them. Some files cannot be synced. */
static bool sync_file(const char *path)
{
	int file = open(path, O_RDONLY);
	bool good = file >= 0 && (!fsync(file) || errno == EINVAL || errno == ENOTSUP);

	if (good && target_mode)
		good = !fchmod(file, target_mode);
	return file >= 0 && !close(file) && good;
}

bool staging_finish(const char *path)
{
	if (sync_file(path) && !rename(path, target))
		return true;
	complain(target_words, "%s", strerror(errno));
	return false;
}

void staging_close(void)
{
	int count = path_count, i;

	remove_all();
	for (i = 0; i < count; i++)
		if (paths[i] != folder)
			free(paths[i]);
	free(folder);
	free(target);
	folder = target = NULL;
}
