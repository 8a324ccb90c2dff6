/* SPDX-License-Identifier: MIT */
/* Collects the drivers of a crash kit from the modules of its kernel, each after those that it needs. */
#define _XOPEN_SOURCE 700              /* nftw() */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crashkit.h"
#include "elf_look.h"
#include "unpack.h"

#define FOLDERS_OPEN 16
#define NAME_SIZE 64u

/*
 * What finds a disk and its file system. Linux asks for some by an alias that no program of the kit would answer: ext4 for crc32c, FAT
 * for its character sets.
 */
static const char *const usual[] = {
	"virtio_pci", "virtio_blk", "virtio_scsi", "ahci", "ata_piix", "ata_generic", "nvme", "vmd", "mptspi", "vmw_pvscsi", "hv_storvsc",
	"ehci_pci", "xhci_pci", "usb_storage", "uas", "sd_mod", "crc32c_generic", "ext4", "nls_cp437", "nls_ascii", "nls_iso8859_1",
	"nls_utf8", "vfat", "exfat"
};

struct module_file {
	char *path;
	bool taken;
};

struct tree {
	struct crashkit *kit;
	const char *folder;
	struct module_file *files;
	size_t count;
	struct file built_in;         /* modules.builtin */
};

/* For nftw(), which passes no pointer on. */
static struct tree *walked;

/* Is this the file of a module: NAME.ko, or that with a suffix? In names, - and _ are the same. */
static bool is_module(const char *file, const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (file[i] != name[i] && !((file[i] == '-' || file[i] == '_') && (name[i] == '-' || name[i] == '_')))
			return false;
	}
	return !strncmp(file + length, ".ko", 3) && (!file[length + 3] || file[length + 3] == '.');
}

static int add_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
	const char *end = strstr(path + place->base, ".ko");

	(void)status;
	if (type != FTW_F || !end || (end[3] && end[3] != '.'))
		return 0;
	walked->files = allocate_again(walked->files, (walked->count + 1) * sizeof *walked->files);
	walked->files[walked->count++] = (struct module_file){ .path = copy_string(path) };
	return 0;
}

static struct module_file *find_file(const struct tree *tree, const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
		if (is_module(base_name(tree->files[i].path), name, length))
			return &tree->files[i];
	return NULL;
}

/* Is it a line of modules.builtin, such as kernel/fs/ext4/ext4.ko? */
static bool is_built_in(const struct tree *tree, const char *name)
{
	const char *at = (const char *)tree->built_in.data, *end = at ? at + tree->built_in.size : NULL;

	while (at && at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		char line[256];
		size_t length = (size_t)((line_end ? line_end : end) - at);

		if (length < sizeof line) {
			memcpy(line, at, length);
			line[length] = 0;
			if (is_module(base_name(line), name, strlen(name)))
				return true;
		}
		at = line_end ? line_end + 1 : end;
	}
	return false;
}

/* The value of key= in .modinfo, strings that end with NULs. *length is its length. NULL: it is not there. */
static const char *info(const uint8_t *section, size_t size, const char *key, size_t *length)
{
	size_t key_length = strlen(key), at = 0;

	while (at < size) {
		const uint8_t *nul = memchr(section + at, 0, size - at);
		size_t end = nul ? (size_t)(nul - section) : size;

		if (end - at > key_length && !memcmp(section + at, key, key_length) && section[at + key_length] == '=') {
			*length = end - at - key_length - 1;
			return (const char *)section + at + key_length + 1;
		}
		at = end + 1;
	}
	return NULL;
}

/* vermagic begins with the release of the kernel that the module was built for. */
static bool check_release(const struct crashkit *kit, const struct file *file, const char *magic, size_t length)
{
	size_t word = 0;

	while (word < length && magic[word] != ' ')
		word++;
	if (word == strlen(kit->release) && !memcmp(magic, kit->release, word))
		return true;
	complain(file->path, "a module for Linux %.*s, but %s is %s", (int)word, magic, kit->kernel_found, kit->release);
	return false;
}

static bool take(struct tree *tree, struct module_file *from);

/* depends=A,B */
static bool take_needed(struct tree *tree, const char *path, const char *names, size_t length)
{
	size_t at = 0;

	while (at < length) {
		const char *comma = memchr(names + at, ',', length - at);
		size_t end = comma ? (size_t)(comma - names) : length;
		struct module_file *found = end > at ? find_file(tree, names + at, end - at) : NULL;

		if (end > at && !found) {
			complain(path, "this module needs %.*s, which is not in %s", (int)(end - at), names + at, tree->folder);
			return false;
		}
		if (found && !take(tree, found))
			return false;
		at = end + 1;
	}
	return true;
}

/* Distributions compress modules, by one of several programs. */
static bool read_unpacked(const char *path, struct file *file)
{
	if (!file_read(path, file))
		return false;
	if (!unpack_format(file->data, file->size) || unpack(file))
		return true;
	file_free(file);
	return false;
}

/* Reads the module, takes what it needs, and appends it. */
static bool take(struct tree *tree, struct module_file *from)
{
	struct crashkit *kit = tree->kit;
	const char *name = base_name(from->path), *needs, *magic;
	struct driver driver;
	const uint8_t *section;
	size_t size = 0, length = 0;

	if (from->taken)
		return true;
	from->taken = true;
	if (!read_unpacked(from->path, &driver.file))
		return false;
	section = elf_machine(&driver.file) ? elf_section(&driver.file, ".modinfo", &size) : NULL;
	magic = section ? info(section, size, "vermagic", &length) : NULL;
	if (!magic)
		complain(from->path, "not a module of Linux");
	if (!magic || !check_release(kit, &driver.file, magic, length)) {
		file_free(&driver.file);
		return false;
	}
	needs = info(section, size, "depends", &length);
	if (needs && !take_needed(tree, from->path, needs, length)) {
		file_free(&driver.file);
		return false;
	}
	driver.name = copy_string(name);
	*strstr(driver.name, ".ko") = 0;
	kit->drivers = allocate_again(kit->drivers, (kit->driver_count + 1) * sizeof driver);
	kit->drivers[kit->driver_count++] = driver;
	return true;
}

static void add_missing(struct crashkit *kit, const char *name)
{
	size_t length = strlen(kit->missing);

	kit->missing = allocate_again(kit->missing, length + strlen(name) + 2);
	snprintf(kit->missing + length, strlen(name) + 2, "%s%s", length ? " " : "", name);
}

/* asked: by the user, who must get it */
static bool take_named(struct tree *tree, const char *name, bool asked)
{
	struct module_file *found = find_file(tree, name, strlen(name));

	if (found)
		return take(tree, found);
	if (is_built_in(tree, name))
		return true;
	if (asked)
		complain(tree->folder, "there is no module %s", name);
	else
		add_missing(tree->kit, name);
	return !asked;
}

static bool take_all(struct tree *tree)
{
	struct crashkit *kit = tree->kit;
	size_t i;

	for (i = 0; i < sizeof usual / sizeof *usual; i++)
		if (!take_named(tree, usual[i], false))
			return false;
	for (i = 0; i < kit->more_count; i++)
		if (!take_named(tree, kit->more[i], true))
			return false;
	return true;
}

/* The folder of the kernel's modules; to be freed. NULL after a complaint. */
static char *find_folder(const struct crashkit *kit)
{
	static const char *const folders[] = { "lib/modules", "usr/lib/modules" };
	size_t size = strlen(kit->root) + RELEASE_SIZE + NAME_SIZE, i;
	char *path;

	if (kit->drivers_path)
		return copy_string(kit->drivers_path);
	path = allocate(size);
	for (i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, size, "%s/%s/%s", kit->root, folders[i], kit->release);
		if (!access(path, F_OK))
			return path;
	}
	snprintf(path, size, "%s/%s/%s", strcmp(kit->root, "/") ? kit->root : "", folders[0], kit->release);
	complain(path, "the modules of %s are not there; name their folder with --modules, or write --modules none if all its drivers are "
		       "built in", kit->kernel_found);
	free(path);
	return NULL;
}

static bool read_folder(struct tree *tree)
{
	size_t size = strlen(tree->folder) + NAME_SIZE;
	char *path = allocate(size);
	bool good = true;

	walked = tree;
	if (nftw(tree->folder, add_file, FOLDERS_OPEN, FTW_PHYS)) {
		complain(tree->folder, "%s", strerror(errno));
		good = false;
	} else if (!tree->count) {
		complain(tree->folder, "there are no modules (.ko files) in it");
		good = false;
	}
	snprintf(path, size, "%s/modules.builtin", tree->folder);
	if (good && !access(path, F_OK))
		good = file_read(path, &tree->built_in);
	free(path);
	return good;
}

bool crashkit_find_drivers(struct crashkit *kit)
{
	struct tree tree = { .kit = kit };
	char *folder;
	bool good;

	kit->missing = copy_string("");
	if (kit->drivers_path && !strcmp(kit->drivers_path, "none"))
		return true;
	tree.folder = folder = find_folder(kit);
	good = folder && read_folder(&tree) && take_all(&tree);
	while (tree.count)
		free(tree.files[--tree.count].path);
	free(tree.files);
	file_free(&tree.built_in);
	free(folder);
	return good;
}
