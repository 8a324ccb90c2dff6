/* SPDX-License-Identifier: MIT */
#include "leave/known.h"
#include "leave/loaded.h"

struct known segue_known;

static uint32_t is_loading;

bool segue_begin(void)
{
	return __atomic_exchange_n(&is_loading, 1, __ATOMIC_ACQUIRE) == 0;
}

void segue_end(void)
{
	__atomic_store_n(&is_loading, 0, __ATOMIC_RELEASE);
}

static uint32_t place_of(const void *workspace)
{
	uint32_t i = 0;

	while (i < KNOWN_WORKSPACES && segue_known.workspaces[i] != workspace)
		i++;
	return i;
}

/* If the list is full, the oldest entry is dropped, because a host may free workspaces without segue_unload(). */
void segue_know(const void *workspace, uint32_t serial)
{
	segue_forget(workspace);
	for (uint32_t i = KNOWN_WORKSPACES - 1; i > 0; i--)
		segue_known.workspaces[i] = segue_known.workspaces[i - 1];
	segue_known.workspaces[0] = workspace;
	segue_known.serial = serial;
}

void segue_forget(const void *workspace)
{
	for (uint32_t i = place_of(workspace); i < KNOWN_WORKSPACES; i++)
		segue_known.workspaces[i] = i + 1 < KNOWN_WORKSPACES ? segue_known.workspaces[i + 1] : NULL;
}

/* The loaded state by its magic numbers alone. */
static const struct loaded *found(const void *workspace)
{
	const uint8_t *bytes = workspace;
	const struct purgatory_params *params = (const void *)(bytes + PURGATORY_PARAMS_AT);
	const struct loaded *loaded = (const void *)(bytes + LOADED_AT);

	return params->magic == PURGATORY_MAGIC && loaded->magic == LOADED_MAGIC ? loaded : NULL;
}

const struct loaded *segue_loaded(const void *workspace)
{
	return workspace && place_of(workspace) < KNOWN_WORKSPACES ? found(workspace) : NULL;
}

/* Of whole words, at least one */
static uint32_t sum_of(const void *from, size_t size)
{
	const uint32_t *word = from;
	uint32_t sum = 0;

	size /= sizeof *word;
	do
		sum += word[--size];
	while (size > 0);
	return sum;
}

uint32_t segue_loaded_head_sum(const struct loaded *loaded)
{
	return sum_of(&loaded->code_base, offsetof(struct loaded, sum) - offsetof(struct loaded, code_base));
}

uint32_t segue_loaded_sum(const struct loaded *loaded)
{
	const uint8_t *bytes = (const uint8_t *)loaded - LOADED_AT;

	return sum_of(bytes, PURGATORY_PARK) + sum_of(bytes + PARK_WRITES_END, PURGATORY_PAGE - PARK_WRITES_END) +
	       sum_of(bytes + 2 * PURGATORY_PAGE, LEAVE_AT - 2 * PURGATORY_PAGE) +
	       sum_of(loaded, loaded->summed - LOADED_AT) - loaded->sum;
}

bool segue_has_moved(const void *workspace)
{
	const struct loaded *loaded = workspace ? found(workspace) : NULL;

	return loaded && loaded->workspace != workspace && loaded->workspace && place_of(loaded->workspace) < KNOWN_WORKSPACES;
}

bool segue_is_parking(const void *workspace)
{
	const struct loaded *loaded = segue_loaded(workspace);

	return loaded && (segue_parking_of(loaded)->lock || segue_parking_of(loaded)->count);
}
