/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "output.h"
#include "unpack.h"

#define NOT_STARTED 127
#define READ_STEP 65536u

static void start(const char *program, const char *path, const int *pipe_ends)
{
	dup2(pipe_ends[1], 1);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	execlp(program, program, "-dcq", "--", path, (char *)NULL);
	_exit(NOT_STARTED);
}

static void read_all(int in, struct output *out)
{
	static uint8_t bytes[READ_STEP];
	ssize_t got;

	while ((got = read(in, bytes, sizeof bytes)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0)
			put(out, bytes, (size_t)got);
}

static bool run(const char *program, const char *path, struct output *out)
{
	int ends[2], status = 0;
	pid_t id;

	fflush(NULL);
	if (pipe(ends)) {
		complain(path, "%s", strerror(errno));
		return false;
	}
	id = fork();
	if (!id)
		start(program, path, ends);
	close(ends[1]);
	if (id > 0)
		read_all(ends[0], out);
	close(ends[0]);
	while (id > 0 && waitpid(id, &status, 0) < 0 && errno == EINTR)
		;
	if (id > 0 && WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	if (id < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED))
		complain(path, "%s, which unpacks it, cannot be started", program);
	else
		complain(path, "%s cannot unpack it", program);
	return false;
}

static const char *program_for(const char *path)
{
	const char *end = strrchr(path, '.');

	return !end ? NULL : !strcmp(end, ".xz") ? "xz" : !strcmp(end, ".zst") ? "zstd" : NULL;
}

bool file_read_unpacked(const char *path, struct file *file)
{
	const char *program = program_for(path);
	struct output out = { .data = NULL };

	if (!file_read(path, file))
		return false;
	if (!program && (!file_is_gzip(file) || file_gunzip(file)))
		return true;
	if (!program || !run(program, path, &out)) {
		free(out.data);
		file_free(file);
		return false;
	}
	free(file->data);
	file->packed_size = file->size;
	file->data = out.data;
	file->size = out.size;
	return true;
}
