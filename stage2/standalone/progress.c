/* SPDX-License-Identifier: MIT */
#include "progress.h"
#include "show.h"
#include "standalone.h"

#define TICKS 0x46cu                  /* BIOS data area: ticks, 18.2 a second */
#define TICKS_A_DAY 0x1800b0u         /* the ticks of a day; the count then starts again at 0 */
#define TICKS_IN_10_S 182u
#define STEP 4u                       /* 0.22 s */

static struct {
	uint32_t total;
	uint32_t start, shown;        /* in ticks */
} progress;

static uint32_t ticks(void)
{
	return *(volatile uint32_t *)physical(TICKS);
}

static uint32_t since(uint32_t start)
{
	uint32_t now = ticks();

	return now >= start ? now - start : now + TICKS_A_DAY - start;
}

/* KiB a second, computed within 32 bits for up to 4 GiB. */
static uint32_t rate(uint32_t done, uint32_t time)
{
	return (done >> 10) * (TICKS_IN_10_S / 2) / (time * 5);
}

void progress_start(uint32_t total)
{
	progress.total = total;
	progress.start = progress.shown = ticks();
}

void progress_update(uint32_t done)
{
	uint32_t number, total = progress.total >> 10, percent;
	const char *unit;

	if (since(progress.shown) < STEP)
		return;
	progress.shown = ticks();
	percent = total ? (done >> 10) * 100 / total : 0;
	show_size(progress.total, &number, &unit);
	say_over(SEGUE_LOG_INFO, "Reading: %u KiB of %u %s, %u%%, %u KiB/s", done >> 10, number, unit, percent,
		rate(done, since(progress.start)));
}

void progress_end(uint32_t done)
{
	uint32_t number, time = since(progress.start), tenths = time * 1000 / (TICKS_IN_10_S * 10);
	const char *unit;

	show_size(done, &number, &unit);
	if (time < STEP)
		say_over(SEGUE_LOG_INFO, "Read: %u %s in less than 0.3 s.", number, unit);
	else
		say_over(SEGUE_LOG_INFO, "Read: %u %s in %u.%u s, %u KiB/s.", number, unit, tenths / 10, tenths % 10,
			rate(done, time));
}
