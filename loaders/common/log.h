/* SPDX-License-Identifier: MIT */
/* Sentences for the host's log callback. */
#ifndef SEGUE_LOG_H
#define SEGUE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include "segue.h"

struct log {
	segue_log_fn *callback;       /* NULL: silent */
	void *context;
	bool second_try;              /* a refusal for want of RAM is a warning: the modules move, and may stay instead */
};

/* Is there a second try after this refusal? A move needs RAM that is neither source nor destination. */
static inline bool segue_tries_again(const struct log *log, int code)
{
	return log->second_try && (code == SEGUE_E_NO_PURGATORY || code == SEGUE_E_NO_PLACE);
}

/*
 * refuse: logs what the code means (segue_strerror), and after a colon the details in format (NULL: none),
 * at SEGUE_LOG_ERROR; returns the code (log NULL: that is all). say: logs the sentence in format at a level.
 * The formats know %s (char *), %b (struct bytes *, printed up to 64 bytes, unprintables as '?'),
 * %u (uint32_t), %x (addr_t, as 0x...), %X (uint64_t, as 0x...), %z (addr_t, in decimal), %%.
 */
int segue_refuse(const struct log *log, int code, const char *format, ...);
void segue_say(const struct log *log, int level, const char *format, ...);

#endif
