/* SPDX-License-Identifier: MIT */
/* Lists of ranges. */
#include <stdlib.h>
#include "core_file.h"
#include "disk.h"

bool core_add(struct core_list *list, struct core_range range)
{
	if (list->count == CORE_RANGES_MAX)
		return false;
	if (list->count == list->room) {
		list->room += list->room / 2 + 64;
		list->at = allocate_again(list->at, list->room * sizeof *list->at);
	}
	list->at[list->count++] = range;
	return true;
}

static bool goes_on(const struct core_range *last, const struct core_range *range, bool by_offset)
{
	if (last->phys + last->size != range->phys || (by_offset && last->offset + last->size != range->offset))
		return false;
	if (last->virt == CORE_NOWHERE || range->virt == CORE_NOWHERE)
		return last->virt == range->virt;
	/* virt + size is 0 for a range that ends at the top. */
	return range->virt && last->virt + last->size == range->virt;
}

bool core_add_merged(struct core_list *list, struct core_range range, bool by_offset)
{
	if (!list->count || !goes_on(&list->at[list->count - 1], &range, by_offset))
		return core_add(list, range);
	list->at[list->count - 1].size += range.size;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct core_range *x = a, *y = b;

	if (x->phys != y->phys)
		return x->phys < y->phys ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void core_sort(struct core_list *list)
{
	if (list->count)
		qsort(list->at, list->count, sizeof *list->at, compare);
}

size_t core_find(const struct core_list *list, uint64_t phys)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->at[middle].phys + list->at[middle].size <= phys)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void core_list_free(struct core_list *list)
{
	free(list->at);
	*list = (struct core_list){ 0 };
}
