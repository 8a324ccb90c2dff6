/* SPDX-License-Identifier: MIT */
/* Messages to the host's log callback. */
#ifndef SEGUE_LOG_H
#define SEGUE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include "segue.h"

struct log {
	segue_log_fn *callback;       /* NULL: silent */
	void *context;
	const char *meanings;         /* of the loader that runs (struct segue_loader); NULL: none */
	bool second_try;              /* a refusal for lack of RAM is a warning: a second try follows, which moves no modules */
};

/* Will the load be tried again after this refusal? A move needs RAM that is neither source nor destination. */
static inline bool segue_tries_again(const struct log *log, int code)
{
	return log->second_try && (code == SEGUE_E_NO_PURGATORY || code == SEGUE_E_NO_PLACE || code == SEGUE_E_EXTRA);
}

/*
 * segue_refuse() logs the meaning of the code at SEGUE_LOG_ERROR; if format is not NULL, a colon and
 * the details follow. It returns the code. With log NULL it only returns the code. segue_say() logs a message at a
 * level.
 *
 * Formats:
 *   %s  char *
 *   %b  struct bytes *, printed up to 64 bytes, unprintable ones as '?'
 *   %p  uint32_t, the number of a part: "blob 0", "module 0"
 *   %u  uint32_t
 *   %x  addr_t, as 0x...
 *   %X  uint64_t, as 0x...
 *   %z  addr_t, in decimal
 *   %%
 */
int segue_refuse(const struct log *log, int code, const char *format, ...);
void segue_say(const struct log *log, int level, const char *format, ...);

/* What a code means; own: struct segue_loader, meanings. segue_own_meaning(): NULL if the code is none of these. */
const char *segue_own_meaning(const char *own, int code);
const char *segue_meaning(const char *own, int code);

/*
 * Compiled with SEGUE_SENTENCES 0, the library has codes and no sentences: the calls are checked by the compiler, and none is
 * made, so that their strings go too.
 */
#ifndef SEGUE_SENTENCES
#define SEGUE_SENTENCES 1
#endif
#if !SEGUE_SENTENCES
#define segue_refuse(log, code, ...) (false ? segue_refuse(log, code, __VA_ARGS__) : (code))
#define segue_say(log, level, ...) (false ? segue_say(log, level, __VA_ARGS__) : (void)0)
#endif

#endif
