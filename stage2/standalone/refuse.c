/* SPDX-License-Identifier: MIT */
/* Prints the reason of a refusal, then waits for a reboot. */
#include "standalone.h"

static uint32_t patience;             /* seconds until a reboot; 0: none */

/* segue_load()'s last refusal. It is printed only if a larger workspace does not help. */
static struct {
	char text[256];
	size_t length;
} refusal;

/* Counts of segue_load()'s sentences. A second run repeats them, so those already shown are skipped. */
static size_t said, shown;

void give_up_after(uint32_t seconds)
{
	patience = seconds;
}

void give_up(void)
{
	console_open_default();
	if (patience)
		say(SEGUE_LOG_ERROR, "Rebooting in %u s; Enter reboots now.", patience);
	else
		say(SEGUE_LOG_ERROR, "Waiting; Enter reboots.");
	console_enter_pressed();      /* discard a key pressed before */
	for (uint32_t ticks = 0; patience == 0 || ticks / 20 < patience; ticks++) {
		if (console_enter_pressed())
			break;
		wait_50_ms();
	}
	console_flush();
	reboot();
}

void refuse(int code)
{
	say(SEGUE_LOG_ERROR, "Refused: %s.", refusal.length ? refusal.text : segue_strerror(code));
	refuse_with_code(code);
}

void refuse_with_code(int code)
{
	say(SEGUE_LOG_ERROR, "Code %u: %s.", (unsigned)code, segue_strerror(code));
	give_up();
}

void keep_refusal(const char *sentence)
{
	refusal.length = 0;
	while (sentence[refusal.length] && refusal.length + 1 < sizeof refusal.text) {
		refusal.text[refusal.length] = sentence[refusal.length];
		refusal.length++;
	}
	refusal.text[refusal.length] = 0;
}

void take_log(void *context, int level, const char *sentence)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR) {
		keep_refusal(sentence);
	} else if (++said > shown) {
		shown = said;
		say(level, "%s", sentence);
	}
}

void take_log_again(void)
{
	said = 0;
}
