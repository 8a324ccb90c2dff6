/* SPDX-License-Identifier: MIT */
#include "leave/known.h"
#include "load/loaded.h"

struct known segue_known;
_Static_assert(KNOWN_WORKSPACES == 8 && offsetof(struct known, serial) == KNOWN_WORKSPACES * sizeof(void *) &&
		       offsetof(struct loaded, magic) == 0,
	       "leave.inc: KNOWN_WORKSPACES, KNOWN_SERIAL, LOADED_AT");

static uint32_t place_of(const void *workspace)
{
	uint32_t i = 0;

	while (i < KNOWN_WORKSPACES && segue_known.workspaces[i] != workspace)
		i++;
	return i;
}

/* Of more than KNOWN_WORKSPACES the one that was loaded first is forgotten: a host may free memory without segue_unload(). */
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

/* What stands there, believed or not. */
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

bool segue_has_moved(const void *workspace)
{
	const struct loaded *loaded = workspace ? found(workspace) : NULL;

	return loaded && loaded->workspace != workspace && loaded->workspace && place_of(loaded->workspace) < KNOWN_WORKSPACES;
}

bool segue_is_parking(const void *workspace)
{
	const volatile struct parking *parking;

	if (!segue_loaded(workspace))
		return false;
	parking = (const volatile struct parking *)(const void *)((const uint8_t *)workspace + PARKING_AT);
	return parking->lock || parking->count;
}
