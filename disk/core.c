/* SPDX-License-Identifier: MIT */
/* segue core: what an ELF core of a host has, and a core that gdb opens. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "blob.h"
#include "core_gdb.h"
#include "core_layout.h"
#include "core_print.h"
#include "disk.h"
#include "staging.h"

#define COPY_STEP (1u << 20)
#define STACK_PAGE 4096u

struct options {
	const char *file, *out, *kernel;
	const char *tables;           /* NULL: not given */
	enum core_paging paging;      /* CORE_PAGING_OFF: not given */
};

static const struct option words[] = {
	{ "page-tables", required_argument, NULL, 't' },
	{ "paging", required_argument, NULL, 'p' },
	{ "gdb", required_argument, NULL, 'g' },
	{ "output", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 }
};

static bool read_file(const struct core *core, uint64_t offset, void *to, size_t size)
{
	uint8_t *out = to;

	while (size) {
		ssize_t got = pread(core->file, out, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (!got)
			errno = EIO;
		if (got <= 0)
			return false;
		out += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

/* By seeking: the size of a block device is not in its status. */
static bool find_size(FILE *in, struct core *core)
{
	struct stat status;
	off_t size;

	if (fstat(fileno(in), &status)) {
		complain(core->path, "%s", strerror(errno));
		return false;
	}
	size = S_ISDIR(status.st_mode) ? -1 : lseek(fileno(in), 0, SEEK_END);
	if (size < 0) {
		complain(core->path, S_ISDIR(status.st_mode) ? "this is a folder" : "it cannot be read in any order: copy it to a file first");
		return false;
	}
	core->file = fileno(in);
	core->file_size = (uint64_t)size;
	core->read = read_file;
	return true;
}

static bool parse_paging(const char *text, enum core_paging *paging)
{
	static const char *const names[] = { "", "32", "pae", "4", "5" };
	size_t i;

	for (i = 1; i < sizeof names / sizeof *names; i++)
		if (!strcmp(text, names[i])) {
			*paging = (enum core_paging)i;
			return true;
		}
	return false;
}

static int read_options(int argc, char **argv, struct options *options)
{
	int word;

	while ((word = next_option(&command_core, argc, argv, ":o:", words, "")) != -1) {
		if (word == OPTION_WRONG)
			return STATUS_USAGE;
		if (word == 't')
			options->tables = optarg;
		else if (word == 'g')
			options->kernel = optarg;
		else if (word == 'o')
			options->out = optarg;
		else if (!parse_paging(optarg, &options->paging))
			return complain_usage(&command_core, "--paging %s is not 32, pae, 4 or 5", optarg);
	}
	if (options->paging && !options->tables)
		return complain_usage(&command_core, "--paging says how to read --page-tables, which is missing");
	if (argc - optind != 1)
		return complain_usage(&command_core, "exactly one FILE is needed");
	options->file = argv[optind];
	return STATUS_OK;
}

static int set_up_walk(const struct options *options, const struct core *core, struct core_walk *walk)
{
	*walk = (struct core_walk){ .tables_left = CORE_TABLES_MAX };
	if (!strcmp(options->tables, "note")) {
		if (!core->has_host || !core->host.cr0)
			return complain(core->path, "no note says what CR3 was; give it as a number, and --paging");
		walk->cr3 = core->host.cr3;
	} else if (!parse_size(options->tables, &walk->cr3)) {
		return complain_usage(&command_core, "--page-tables %s is neither a number nor the word note", options->tables);
	}
	walk->paging = options->paging;
	/* Without a word about CR4, pages of 4 MiB are taken as such. */
	walk->large_pages = !core->has_host || !core->host.cr0 || options->paging || core->host.cr4 & 1u << 4;
	if (walk->paging)
		return STATUS_OK;
	if (!core->has_host || !core->host.cr0)
		return complain(core->path, "no note says how the host paged; give --paging 32, pae, 4 or 5");
	walk->paging = core_paging_of(&core->host);
	if (!walk->paging)
		return complain(core->path, "the host did not page: its CR0 is 0x%" PRIx64, core->host.cr0);
	return STATUS_OK;
}

static int walk_tables(const struct options *options, const struct core *core, struct core_walk *walk)
{
	int status = set_up_walk(options, core, walk);

	if (status)
		return status;
	core_walk(core, walk);
	if (walk->too_many_tables)
		return complain(core->path, "the page tables at 0x%" PRIx64 " do not end after %u tables (%s paging)", walk->cr3, CORE_TABLES_MAX,
				core_paging_name(walk->paging));
	if (walk->too_many_ranges)
		return complain(core->path, "the page tables at 0x%" PRIx64 " map more than %u ranges (%s paging)", walk->cr3, CORE_RANGES_MAX,
				core_paging_name(walk->paging));
	if (walk->missing == 1)
		complain(core->path, "warning: the page table at 0x%" PRIx64 ", for virtual 0x%" PRIx64 ", is not in the core", walk->missing_at,
			 walk->missing_virt);
	else if (walk->missing)
		complain(core->path, "warning: %zu page tables are not in the core, the first at 0x%" PRIx64 " for virtual 0x%" PRIx64,
			 walk->missing, walk->missing_at, walk->missing_virt);
	if (!walk->mapped.count)
		return complain(core->path, "the page tables at 0x%" PRIx64 " map none of the core's memory (%s paging)", walk->cr3,
				core_paging_name(walk->paging));
	return STATUS_OK;
}

static bool put_zeros(FILE *out, uint64_t count)
{
	for (; count; count--)
		if (putc(0, out) == EOF)
			return false;
	return true;
}

/* Copies the core's memory to where the layout has it. */
static bool copy_data(const struct core *core, const struct core_layout *layout, FILE *out, const char *name, uint64_t at)
{
	uint8_t *buffer = allocate(COPY_STEP);
	bool good = true;
	size_t i;

	for (i = 0; good && i < layout->data.count; i++) {
		const struct core_range *data = &layout->data.at[i];
		uint64_t done = 0;

		good = put_zeros(out, data->offset - at);
		at = data->offset + data->size;
		while (good && done < data->size) {
			size_t step = data->size - done < COPY_STEP ? (size_t)(data->size - done) : COPY_STEP;

			if (!core->read(core, data->virt + done, buffer, step)) {
				complain(core->path, "offset 0x%" PRIx64 " cannot be read: %s", data->virt + done, strerror(errno));
				free(buffer);
				return false;
			}
			good = fwrite(buffer, 1, step, out) == step;
			done += step;
		}
	}
	if (!good)
		complain(name, "%s", strerror(errno));
	free(buffer);
	return good;
}

static bool write_core(const struct core *core, const struct core_layout *layout, const char *path, const char *name)
{
	FILE *out = fopen(path, "wbx");
	bool good = out && fwrite(layout->headers.data, 1, layout->headers.size, out) == layout->headers.size;

	if (!good)
		complain(name, "%s", strerror(errno));
	good = good && copy_data(core, layout, out, name, layout->headers.size);
	if (good && fflush(out))
		good = !complain(name, "%s", strerror(errno));
	if (out && fclose(out) && good)
		good = !complain(name, "%s", strerror(errno));
	return good;
}

/* The segments are sorted, but a broken core's may overlap. */
static bool is_mapped(const struct core_layout *layout, uint64_t virt)
{
	size_t low = 0, high = layout->segments.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (layout->segments.at[middle].virt <= virt)
			low = middle + 1;
		else
			high = middle;
	}
	return low && virt - layout->segments.at[low - 1].virt < layout->segments.at[low - 1].size;
}

/* After an overflow the stack pointer is in the page below the stack. 0: the host does not know it. */
static void warn_of_stacks(const struct core *core, const struct core_layout *layout, bool by_tables)
{
	uint64_t first = 0;
	uint32_t pid = 0;
	size_t count = 0, i;

	for (i = 0; i < core->cpu_count; i++) {
		const struct core_cpu *cpu = &core->cpus[i];
		uint64_t at = core_cpu_register(cpu, cpu->is_64 ? CORE_STACK_POINTER_64 : CORE_STACK_POINTER_32);

		if (cpu->is_64 != (core->width == 64) || !at || is_mapped(layout, at) || is_mapped(layout, at + STACK_PAGE))
			continue;
		if (!count++) {
			first = at;
			pid = core_cpu_pid(cpu);
		}
	}
	if (count)
		complain(core->path, "warning: no range has the stacks of %zu CPUs, the first at virtual 0x%" PRIx64 " of pr_pid %" PRIu32 "%s",
			 count, first, pid, by_tables ? "" : "; --page-tables note takes the addresses from the host's page tables");
}

static void warn_of_layout(const struct core *core, const struct core_layout *layout)
{
	size_t i;

	for (i = 0; i < core->damage_count && i < CORE_DAMAGES; i++)
		complain(core->path, "warning: %s", core->damages[i]);
	if (layout->too_high)
		complain(core->path, "warning: %s at physical addresses from %s on are left out: the file has no such addresses",
			 human_size(layout->too_high), core->width == 32 ? "4 GiB" : "2^52");
	if (layout->unmapped)
		complain(core->path, "warning: %s that are mapped nowhere are left out: an ELF32 core has virtual addresses only for what is mapped",
			 human_size(layout->unmapped));
	if (layout->notes_left_out)
		complain(core->path, "warning: %zu notes with registers of another width are left out", layout->notes_left_out);
	if (!core->cpu_count)
		complain(core->path, "warning: no note has the registers of a CPU, so gdb has no backtrace");
}

static int convert(const struct options *options, const struct core *core, const struct core_list *mapped)
{
	struct core_layout layout;
	bool good = core_lay_out(core, mapped, &layout);

	if (good) {
		warn_of_layout(core, &layout);
		warn_of_stacks(core, &layout, options->tables != NULL);
		good = staging_open(options->out);
		if (good) {
			const char *path = staging_add("core");

			good = write_core(core, &layout, path, options->out) && staging_finish(path);
		}
		staging_close();
	}
	if (good)
		printf("%s: ELF%u core for gdb, %zu ranges, %" PRIu64 " bytes\n", options->out, core->width, layout.segments.count, layout.size);
	core_layout_free(&layout);
	return good ? STATUS_OK : STATUS_REFUSED;
}

static int work(const struct options *options, struct core *core)
{
	struct core_walk walk = { 0 };
	int status = STATUS_OK;

	if (!core_open(core))
		return complain(core->path, "%s", core->refusal);
	if (options->tables)
		status = walk_tables(options, core, &walk);
	if (!status && options->out)
		status = convert(options, core, options->tables ? &walk.mapped : &core->segments);
	else if (!status && !options->kernel)
		core_print(core, options->tables ? &walk.mapped : NULL);
	if (!status && options->kernel)
		status = core_print_gdb(core, options->kernel, options->out, options->tables);
	else if (!status && !options->out && core->damage_count)
		status = STATUS_REFUSED;
	core_list_free(&walk.mapped);
	return status;
}

static int run_core(int argc, char **argv)
{
	struct options options = { 0 };
	struct core core = { 0 };
	int status = read_options(argc, argv, &options);
	FILE *in;

	if (status)
		return status;
	core.path = options.file;
	in = file_open(options.file);
	if (!in)
		return complain(options.file, "%s", strerror(errno));
	status = find_size(in, &core) ? work(&options, &core) : STATUS_REFUSED;
	core_free(&core);
	fclose(in);
	return status;
}

const struct command command_core = {
	.name = "core",
	.summary = "show the ELF core of a host, and make one that gdb opens",
	.help =
	"segue core [OPTION]... FILE\n"
	"\n"
	"Shows what the ELF core in FILE is of: ranges of memory, registers, notes, and whether the host can be\n"
	"restored from it. FILE is what a target has saved of its host's memory, for example Linux's\n"
	"/proc/vmcore. With -o it writes a core that gdb opens: ELF32 of a 32-bit host, ELF64 of a 64-bit one.\n"
	"\n"
	"  --page-tables CR3      virtual addresses by the host's page tables, from this CR3 on; the word note is\n"
	"                         the CR3 in the core's note\n"
	"  --paging MODE          the format of the page tables: 32, pae, 4 or 5 (levels). By default the note\n"
	"                         says it\n"
	"  --gdb KERNEL           print the command line that starts gdb with the host's ELF file\n"
	OUTPUT_HELP
	"\n"
	"In OUT, memory of a 64-bit host that is mapped nowhere has the virtual address 0x4000000000000000 plus\n"
	"its physical one. Of a 32-bit host it is left out, and so is memory above 4 GiB.\n"
	"\n"
	"Exit status: 0 success, 1 the file is refused, cut, damaged or cannot be read (with -o, what there is of\n"
	"a damaged core is written, with warnings), 2 a wrong command line.\n",
	.run = run_core
};
