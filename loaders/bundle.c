/* SPDX-License-Identifier: MIT */
/*
 * A bundle is a cpio archive of the format "newc" with these members, in any order:
 *
 *   kernel                     must be there
 *   cmdline                    the kernel's arguments, without argv[0]
 *   initrd
 *   modules/NN-NAME            NN: two to nine digits, the order; NAME: argv[0]
 *   modules/NN-NAME.cmdline    its arguments
 *
 * A name may begin with "./", and there may be the folders that find lists. Newlines at the
 * end of a command line are dropped: echo makes them. "070702" is read as "070701" is; its
 * sums are not checked. What follows the trailer is ignored.
 *
 * newc: 6 bytes magic, 13 fields of 8 hexadecimal digits, the name with its NUL, padding to 4,
 * the data, padding to 4. Offsets count from the start of the archive. A name may be followed by
 * more NULs that its length counts; `segue pack` pads by them so that the data starts a page.
 */
#include "bytes.h"
#include "container.h"

#define HEADER_SIZE 110u
#define MAGIC_SIZE 6u
#define FIELD_SIZE 8u
enum field { FIELD_MODE = 1, FIELD_NLINK = 4, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };
_Static_assert(MAGIC_SIZE + 13 * FIELD_SIZE == HEADER_SIZE, "newc header");

#define MODE_KIND 0170000u
#define MODE_FILE 0100000u
#define MODE_FOLDER 0040000u

#define DIGITS_MAX 9u

enum member_kind {
	MEMBER_KERNEL, MEMBER_CMDLINE, MEMBER_INITRD, MEMBER_MODULE, MEMBER_MODULE_CMDLINE,
	MEMBER_FOLDER, MEMBER_UNKNOWN, MEMBER_TRAILER
};

/* The archive, and the member that was read last. */
struct reader {
	struct job *job;
	struct bytes archive;
	size_t next;                  /* offset of the next member */
	size_t at;                    /* offset of this one */
	enum member_kind kind;
	struct bytes name;            /* without "./"; of a module only NN-NAME */
	struct bytes data;
};

bool segue_is_bundle(const struct bytes *blob)
{
	return blob->size >= MAGIC_SIZE && !__builtin_memcmp(blob->data, "07070", 5) &&
	       (blob->data[5] == '1' || blob->data[5] == '2');
}

static bool read_field(const uint8_t *header, enum field field, uint32_t *value)
{
	const uint8_t *digit = header + MAGIC_SIZE + FIELD_SIZE * (unsigned)field;
	size_t i;

	*value = 0;
	for (i = 0; i < FIELD_SIZE; i++) {
		uint32_t d = digit[i];

		if (d >= '0' && d <= '9')
			d -= '0';
		else if (d >= 'a' && d <= 'f')
			d -= 'a' - 10;
		else if (d >= 'A' && d <= 'F')
			d -= 'A' - 10;
		else
			return false;
		*value = *value * 16 + d;
	}
	return true;
}

static bool name_is(const struct bytes *name, const char *wanted, size_t size)
{
	return name->size == size && !__builtin_memcmp(name->data, wanted, size);
}
#define NAME_IS(name, wanted) name_is(name, wanted, sizeof wanted - 1)

/* Drops so many bytes at the start. */
static void skip(struct bytes *bytes, size_t size)
{
	bytes->data += size;
	bytes->size -= size;
}

/* NN-NAME: how long is NN, and its value? 0: it is none. */
static size_t module_number(const struct bytes *name, uint32_t *number)
{
	size_t digits = 0;

	*number = 0;
	while (digits < name->size && name->data[digits] >= '0' && name->data[digits] <= '9') {
		if (digits == DIGITS_MAX)
			return 0;
		*number = *number * 10 + (name->data[digits] - (uint32_t)'0');
		digits++;
	}
	return digits >= 2 && digits + 1 < name->size && name->data[digits] == '-' ? digits : 0;
}

static enum member_kind module_kind(struct bytes *name)
{
	static const char suffix[] = ".cmdline";
	const size_t suffix_size = sizeof suffix - 1;
	enum member_kind kind = MEMBER_MODULE;
	uint32_t number;
	size_t i;

	for (i = 0; i < name->size; i++)
		if (name->data[i] == '/')
			return MEMBER_UNKNOWN;
	if (name->size > suffix_size && !__builtin_memcmp(name->data + name->size - suffix_size, suffix, suffix_size)) {
		name->size -= suffix_size;
		kind = MEMBER_MODULE_CMDLINE;
	}
	return module_number(name, &number) ? kind : MEMBER_UNKNOWN;
}

static enum member_kind member_kind(struct bytes *name)
{
	if (NAME_IS(name, "TRAILER!!!"))
		return MEMBER_TRAILER;
	while (name->size > 2 && !__builtin_memcmp(name->data, "./", 2))
		skip(name, 2);
	if (NAME_IS(name, "kernel"))
		return MEMBER_KERNEL;
	if (NAME_IS(name, "cmdline"))
		return MEMBER_CMDLINE;
	if (NAME_IS(name, "initrd"))
		return MEMBER_INITRD;
	if (NAME_IS(name, ".") || NAME_IS(name, "modules"))
		return MEMBER_FOLDER;
	if (name->size < 8 || __builtin_memcmp(name->data, "modules/", 8))
		return MEMBER_UNKNOWN;
	skip(name, 8);
	return module_kind(name);
}

static int refuse(const struct reader *reader, int code, const char *what)
{
	return segue_refuse(reader->job, code, "bundle of %z bytes, offset %x: %b %s",
			    (uint64_t)reader->archive.size, (uint64_t)reader->at, &reader->name, what);
}

static int next_member(struct reader *reader)
{
	const struct bytes *archive = &reader->archive;
	uint32_t mode, links, file_size, name_size;
	size_t left = archive->size - reader->next, data, padding;
	struct bytes header = segue_bytes_at(*archive, reader->next, left), whole_name;

	reader->at = reader->next;
	reader->name = (struct bytes){ (const uint8_t *)"header", 6, PART_WORKSPACE };
	if (left < HEADER_SIZE)
		return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED, "reaches past the end");
	if (!segue_is_bundle(&header))
		return refuse(reader, SEGUE_E_BUNDLE_HEADER, "has not newc's magic 070701");
	if (!read_field(header.data, FIELD_MODE, &mode) || !read_field(header.data, FIELD_NLINK, &links) ||
	    !read_field(header.data, FIELD_FILESIZE, &file_size) ||
	    !read_field(header.data, FIELD_NAMESIZE, &name_size))
		return refuse(reader, SEGUE_E_BUNDLE_HEADER, "has a field that is no hexadecimal number");

	left -= HEADER_SIZE;
	if (name_size > left)
		return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED, "has a name that reaches past the end");
	skip(&header, HEADER_SIZE);
	if (!name_size || header.data[name_size - 1])
		return refuse(reader, SEGUE_E_BUNDLE_HEADER, "has a name that does not end with a NUL byte");
	reader->name = segue_bytes_at(header, 0, 0);
	while (header.data[reader->name.size])
		reader->name.size++;
	whole_name = reader->name;
	reader->kind = member_kind(&reader->name);
	if (reader->kind == MEMBER_UNKNOWN)
		reader->name = whole_name;
	if (reader->kind == MEMBER_TRAILER)
		return SEGUE_OK;

	left -= name_size;
	data = reader->at + HEADER_SIZE + name_size;
	padding = -data & 3;
	if (padding > left || file_size > left - padding)
		return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED, "has data that reaches past the end");
	left -= padding + file_size;
	reader->data = segue_bytes_at(*archive, data + padding, file_size);
	data += padding + file_size;
	padding = -data & 3;
	reader->next = data + (padding < left ? padding : left);

	if (reader->kind == MEMBER_UNKNOWN)
		return refuse(reader, SEGUE_E_BUNDLE_MEMBER, "is no member that a bundle has");
	if ((mode & MODE_KIND) != (reader->kind == MEMBER_FOLDER ? MODE_FOLDER : MODE_FILE))
		return refuse(reader, SEGUE_E_BUNDLE_MEMBER, "is of a wrong kind");
	/* cpio writes the bytes of a file with several names only once, with the last of them */
	if (reader->kind != MEMBER_FOLDER && links > 1 && !file_size)
		return refuse(reader, SEGUE_E_BUNDLE_MEMBER, "is a hard link without bytes of its own");
	return SEGUE_OK;
}

static int read_file(const struct reader *reader, struct bytes *file)
{
	if (file->data)
		return refuse(reader, SEGUE_E_BUNDLE_TWICE, "is there already");
	*file = reader->data;
	return SEGUE_OK;
}

static int read_cmdline(const struct reader *reader, struct bytes *cmdline)
{
	int error = read_file(reader, cmdline);
	size_t i;

	if (error)
		return error;
	while (cmdline->size && (cmdline->data[cmdline->size - 1] == '\n' || cmdline->data[cmdline->size - 1] == '\r'))
		cmdline->size--;
	for (i = 0; i < cmdline->size; i++)
		if (!cmdline->data[i])
			return refuse(reader, SEGUE_E_BUNDLE_CMDLINE, "has a NUL byte in its command line");
	return SEGUE_OK;
}

/* By number, then by name: what find lists in any order has one order here. */
static int compare(const struct bytes *a, const struct bytes *b)
{
	uint32_t a_number, b_number;
	size_t i = module_number(a, &a_number), j = module_number(b, &b_number);

	if (a_number != b_number)
		return a_number < b_number ? -1 : 1;
	for (; i < a->size && j < b->size; i++, j++)
		if (a->data[i] != b->data[j])
			return a->data[i] < b->data[j] ? -1 : 1;
	return (i < a->size) - (j < b->size);
}

/* Shell's sort: in place, without recursion, and O(n^1.5) whatever the order was. */
static void sort_modules(struct member *modules, size_t count)
{
	size_t gap = 1, i, j;

	while (gap < count / 3)
		gap = gap * 3 + 1;
	for (; gap; gap /= 3)
		for (i = gap; i < count; i++) {
			struct member module = modules[i];

			for (j = i; j >= gap && compare(&module.name, &modules[j - gap].name) < 0; j -= gap)
				modules[j] = modules[j - gap];
			modules[j] = module;
		}
}

static struct member *find_module(const struct bundle *bundle, const struct bytes *name)
{
	size_t low = 0, high = bundle->module_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(name, &bundle->modules[middle].name);

		if (!order)
			return &bundle->modules[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* First pass: all members but the modules, which are counted. */
static int read_members(struct reader *reader, size_t *modules)
{
	struct bundle *bundle = &reader->job->bundle;
	struct bytes *kernel = &bundle->kernel;
	int error;

	*kernel = (struct bytes){ NULL, 0, 0 };
	for (*modules = 0;;) {
		error = next_member(reader);
		if (error)
			return error;
		if (reader->kind == MEMBER_TRAILER)
			break;
		if (reader->kind == MEMBER_MODULE)
			++*modules;
		else if (reader->kind == MEMBER_KERNEL)
			error = read_file(reader, kernel);
		else if (reader->kind == MEMBER_INITRD)
			error = read_file(reader, &bundle->initrd);
		else if (reader->kind == MEMBER_CMDLINE)
			error = read_cmdline(reader, &bundle->cmdline);
		if (error)
			return error;
	}
	if (!kernel->size)
		return segue_refuse(reader->job, SEGUE_E_BUNDLE_KERNEL, "bundle: the member kernel is %s",
				    kernel->data ? "empty" : "missing");
	if (segue_is_bundle(kernel) || (!segue_is_kernel(kernel) && segue_is_fiwix(kernel)))
		return segue_refuse(reader->job, SEGUE_E_BUNDLE_NESTED,
				    "bundle: the member kernel is itself a bundle or a Fiwix blob");
	return SEGUE_OK;
}

/* Next member of this kind, in an archive that read_members() has accepted. */
static bool next_of_kind(struct reader *reader, enum member_kind kind)
{
	do {
		if (next_member(reader) || reader->kind == MEMBER_TRAILER)
			return false;
	} while (reader->kind != kind);
	return true;
}

static int list_modules(struct reader *reader)
{
	struct bundle *bundle = &reader->job->bundle;
	struct member *module = bundle->modules;
	size_t i;

	reader->next = 0;
	while (next_of_kind(reader, MEMBER_MODULE)) {
		module->file = reader->data;
		module->name = reader->name;
		module++;
		bundle->module_count++;
	}
	sort_modules(bundle->modules, bundle->module_count);
	for (i = 1; i < bundle->module_count; i++)
		if (!compare(&bundle->modules[i - 1].name, &bundle->modules[i].name))
			return segue_refuse(reader->job, SEGUE_E_BUNDLE_TWICE, "bundle: the modules %b and %b are one",
					    &bundle->modules[i - 1].name, &bundle->modules[i].name);
	return SEGUE_OK;
}

static int give_cmdlines(struct reader *reader)
{
	int error = SEGUE_OK;

	reader->next = 0;
	while (!error && next_of_kind(reader, MEMBER_MODULE_CMDLINE)) {
		struct member *module = find_module(&reader->job->bundle, &reader->name);

		error = module ? read_cmdline(reader, &module->args)
			       : refuse(reader, SEGUE_E_BUNDLE_CMDLINE, "has a command line but is not there");
	}
	return error;
}

int segue_open_bundle(struct job *job, const struct bytes *blob)
{
	struct reader reader = { .job = job, .archive = *blob };
	struct bundle *bundle = &job->bundle;
	size_t count, i;
	int error;

	bundle->container = "bundle";
	bundle->kernel_name = (struct bytes){ (const uint8_t *)"kernel", 6, PART_WORKSPACE };
	error = read_members(&reader, &count);
	if (!error)
		error = segue_take_modules(job, count);
	if (!error)
		error = list_modules(&reader);
	if (!error)
		error = give_cmdlines(&reader);
	if (error)
		return error;
	for (i = 0; i < bundle->module_count; i++) {
		struct bytes *name = &bundle->modules[i].name;
		uint32_t number;

		skip(name, module_number(name, &number) + 1);
	}
	return SEGUE_OK;
}
