/* SPDX-License-Identifier: MIT */
/* Memory maps of imaginary machines. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dry_run.h"

#define FOUR_GIB 0x100000000u
#define LOW_END 0xc0000000u           /* QEMU's pc: RAM below 4 GiB ends here at the latest; the rest is above 4 GiB */
#define TABLES 0x20000u               /* at the end of RAM, for ACPI */

static void add(struct machine_map *map, uint64_t start, uint64_t end, uint32_t type)
{
	map->ranges = allocate_again(map->ranges, (map->count + 1) * sizeof *map->ranges);
	map->ranges[map->count++] = (struct segue_range){ start, end, type, 0 };
}

void map_of_pc(uint64_t memory, struct machine_map *map)
{
	uint64_t low = memory < LOW_END ? memory : LOW_END;

	*map = (struct machine_map){ NULL, 0 };
	add(map, 0, 0x9fc00, SEGUE_MEMORY_RAM);
	add(map, 0x9fc00, 0xa0000, SEGUE_MEMORY_RESERVED);
	add(map, 0xf0000, 0x100000, SEGUE_MEMORY_RESERVED);
	add(map, 0x100000, low - TABLES, SEGUE_MEMORY_RAM);
	add(map, low - TABLES, low, SEGUE_MEMORY_RESERVED);
	add(map, 0xfffc0000u, FOUR_GIB, SEGUE_MEMORY_RESERVED);
	if (memory > low)
		add(map, FOUR_GIB, FOUR_GIB + memory - low, SEGUE_MEMORY_RAM);
}

static uint32_t type_of(const char *word)
{
	static const struct {
		const char *word;
		uint32_t type;
	} types[] = {
		{ "usable", SEGUE_MEMORY_RAM }, { "ram", SEGUE_MEMORY_RAM },
		{ "reserved", SEGUE_MEMORY_RESERVED },
		{ "acpi nvs", SEGUE_MEMORY_NVS }, { "nvs", SEGUE_MEMORY_NVS },
		{ "acpi", SEGUE_MEMORY_ACPI },
		{ "unusable", SEGUE_MEMORY_UNUSABLE },
	};
	size_t i, j;

	for (i = 0; i < sizeof types / sizeof *types; i++) {
		for (j = 0; types[i].word[j] && tolower((unsigned char)word[j]) == types[i].word[j]; j++)
			;
		if (!types[i].word[j])
			return types[i].type;
	}
	return (uint32_t)strtoul(word, NULL, 0);
}

/* Reads "[mem 0xSTART-0xLAST] usable", as Linux logs it, or "START END TYPE"; START may equal END. False: another line. */
static bool parse_line(const char *line, uint64_t *start, uint64_t *end, uint32_t *type)
{
	unsigned long long first, second;
	const char *mem = strstr(line, "[mem 0x");
	int used = 0;

	if (mem && sscanf(mem, "[mem %llx-%llx] %n", &first, &second, &used) >= 2 && used)
		second++;
	else if (sscanf(line, "%lli %lli %n", (long long *)&first, (long long *)&second, &used) < 2 || !used)
		return false;
	*start = first;
	*end = second;
	*type = type_of((mem ? mem : line) + used);
	return *type && *end >= *start;
}

/* Is one of the first two words a hexadecimal number without 0x? */
static bool lacks_0x(const char *line)
{
	int i;

	for (i = 0; i < 2; i++) {
		size_t length = strspn(line += strspn(line, " \t"), "0123456789abcdefABCDEF");

		if (length && strspn(line, "0123456789") < length && strchr(" \t\r\n", line[length]))
			return true;
		line += strcspn(line, " \t\r\n");
	}
	return false;
}

bool map_from_file(const char *path, struct machine_map *map)
{
	FILE *in = file_open(path);
	unsigned number = 0;
	char line[512];
	bool good = true;

	*map = (struct machine_map){ NULL, 0 };
	if (!in) {
		complain(path, "%s", strerror(errno));
		return false;
	}
	while (good && fgets(line, sizeof line, in)) {
		uint64_t start, end;
		uint32_t type;

		number++;
		if (line[strspn(line, " \t\r\n")] == 0 || line[strspn(line, " \t")] == '#')
			continue;
		good = parse_line(line, &start, &end, &type);
		if (good && end > start)
			add(map, start, end, type);
		else if (!good)
			complain(path, "line %u is neither START END TYPE nor a line of Linux's log%s", number,
				 lacks_0x(line) ? "; a hexadecimal number begins with 0x" : "");
	}
	fclose(in);
	if (good && !map->count)
		complain(path, "no line has a range");
	if (!good || !map->count)
		map_free(map);
	return good && map->count;
}

uint64_t map_top(const struct machine_map *map)
{
	uint64_t top = 0;
	size_t i;

	for (i = 0; i < map->count; i++)
		if (map->ranges[i].type == SEGUE_MEMORY_RAM && map->ranges[i].end > top)
			top = map->ranges[i].end;
	return top;
}

void map_free(struct machine_map *map)
{
	free(map->ranges);
	*map = (struct machine_map){ NULL, 0 };
}
