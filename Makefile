# SPDX-License-Identifier: MIT
# Builds Segue: the library, segue.elf, the boot sectors and the segue command. `make help` lists the goals.
# stage2/segue.mk has the library's lists and flags, which a host's build uses too; test/test.mk has the tests.

B := build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/sh

# ---- toolchain: the first of these that is there ----
CC32 := $(firstword \
	$(if $(shell command -v i686-elf-gcc),i686-elf-gcc) \
	$(if $(shell command -v i686-linux-gnu-gcc),i686-linux-gnu-gcc) \
	$(if $(shell echo | gcc -m32 -E - 2>/dev/null),gcc) \
	clang)
M32 := $(if $(filter gcc clang,$(CC32)),-m32)
CC64 ?= $(if $(filter clang,$(CC32)),clang,gcc)
HOSTCC ?= $(CC64)
AR ?= ar
NASM ?= nasm
# The build machine's objcopy may not know i686-elf's output.
OBJCOPY32 := $(if $(filter i686-elf-gcc,$(CC32)),i686-elf-)objcopy

# ---- the library's lists and flags ----
SEGUE_DIR := .
SEGUE_ARCH := lists
include stage2/segue.mk
# The library's C refers to its assembly; a program of the build machine links that too and never runs segue_exec().
ASM_i386 := $(patsubst %.asm,$(B)/i386/%.o,$(SEGUE_EMBED) $(SEGUE_ASM_i386))
ASM_x86_64 := $(patsubst %.asm,$(B)/x86_64/%.o,$(SEGUE_EMBED) $(SEGUE_ASM_x86_64))

# libsegue-codes.a: the same without sentences.
LIBRARIES := libsegue.a libsegue-codes.a libsegue-memory.a
.PHONY: all
all: $(B)/.need
all: $(foreach each,i386 x86_64,$(LIBRARIES:%=$(B)/$(each)/%)) $(B)/segue.elf $(B)/mbr.bin $(B)/boot.img $(B)/segue $(B)/return.elf $(B)/jump.elf $(B)/jump.sh $(B)/host_memory.sh budgets ## build everything (the default)
# Names the packages that are missing, before a compiler fails.
$(B)/.need: test/need
	@test/need build --say
	@mkdir -p $(@D) && touch $@

# ---- flags ----
# WERROR=1, as .ci/run has it: a warning is an error. A user's newer compiler may have new warnings.
FATAL := $(if $(filter 1,$(WERROR)),-Werror)
# A kernel may call the library on a stack of 4 KiB: no large frames, no variable-length arrays.
WARN := -Wall -Wextra -Wpedantic $(FATAL) -Wshadow -Wconversion -Wvla -Wframe-larger-than=1024
INCLUDES := -Iinclude -Iloaders -Istage2
FREE := $(SEGUE_CFLAGS) $(WARN)
# gcc before 12 has no -Oz.
small = $(if $(shell echo | $(1) -Oz -E - 2>/dev/null),-Oz,-Os)
# -march=i386: any 32-bit CPU runs it. -Wno-format: newlib's uint32_t is unsigned long, which printf-like checks refuse.
I386 := $(M32) $(call small,$(CC32)) $(if $(filter i686-elf-gcc,$(CC32)),-Wno-format) -march=i386
# -fno-pie: distributions' compilers default to PIE, and a kernel's i386 code is linked where it runs.
ARCH_i386 := $(I386) -fno-pie
ifneq ($(CC32),clang)
# For size; clang knows none of them. gcc aligns stacks to 16 bytes for SSE, which the library does not use: 4 save 1,321
# bytes with gcc 12.2. The passes that are off trade size for speed, or do not pay with -Oz: without -fno-inline-functions-called-once
# and its two neighbours 650 bytes more, without those that follow 1700. Other versions of gcc were not measured.
ARCH_i386 += -mpreferred-stack-boundary=2 -fno-inline-functions-called-once -fno-tree-pre -fno-code-hoisting \
	-fno-guess-branch-probability -fno-tree-loop-optimize -fno-shrink-wrap -fno-optimize-sibling-calls -fno-move-loop-invariants \
	-fno-tree-vrp -fno-tree-dominator-opts -fno-tree-slsr -fno-tree-loop-im -fno-tree-ccp -fomit-frame-pointer -mtune=pentiumpro
else
# So aligned segue.elf is 4 KiB smaller, and fits the images of stage 1.
ARCH_i386 += -mstack-alignment=4 -fomit-frame-pointer
endif
# A 64-bit kernel may link it at any address, so it is position-independent; hidden symbols need no GOT.
ARCH_x86_64 := $(SEGUE_CFLAGS_x86_64) $(call small,$(CC64)) -fPIE -fvisibility=hidden

# ---- objects and programs: every rule that compiles, assembles, links or archives calls one of these ----
# V=1 shows the commands.
Q := $(if $(V),,@)
begin = @mkdir -p $(@D) $(B)/deps$(if $(V),,; printf '  %-8s %s\n' $(1) $@)
# $(call compile,COMPILER AND FLAGS). -MMD: build/deps/ keeps which headers each object depends on; -MP: one may vanish.
define compile
$(call begin,cc)
$(Q)$(1) -MMD -MP -MF $(B)/deps/$(subst /,+,$(@:$(B)/%=%)).d -c -o $@ $<
endef
# $(call assemble,FORMAT AND FLAGS). The files that sources embed lie in build/. Flat binaries are 32-bit.
EMBED := -DPURGATORY_BIN="'$(B)/purgatory.bin'" -DBIOS_CALL_BIN="'$(B)/bios_call.bin'" -DMBR_BIN="'$(B)/mbr.bin'" -DBOOT_IMG="'$(B)/boot.img'"
define assemble
$(call begin,nasm)
$(Q)$(NASM) -f $(1) -I$(dir $<) -Istage2/ -I$(B)/$(if $(filter elf64,$(1)),x86_64,i386)/stage2/ -I$(B)/ $(EMBED) -o $@ $<
endef
MAP = -DMAP="$(@:.bin=.map)"
# $(call link,COMPILER AND FLAGS,LIBRARIES)
define link
$(call begin,link)
$(Q)$(1) -o $@ $(filter %.o %.a,$^) $(2)
endef
# Made anew: ar would keep the members of sources that are gone.
$(B)/%.a:
	$(call begin,ar)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

# $(call objects,FLAVOUR,FOLDER/,FORMAT): build/FLAVOUR/PATH.o from FOLDER/PATH.c by $(CC_FLAVOUR), or from FOLDER/PATH.asm.
# They are made anew when a makefile read so far changes, for the flags. NASM 2.16's -MD leaves out %include: every *.inc.
NUMBERS := $(foreach each,i386 x86_64,$(SEGUE_NUMBERS:%.c=$(B)/$(each)/%.inc)) $(B)/i386/stage2/numbers/standalone.inc
ASM_INCLUDES := $(SEGUE_ASM_INCLUDES) $(wildcard stage1/*.inc) $(NUMBERS)
define objects
$(B)/$(1)/%.o: $(2)%.c $(MAKEFILE_LIST)
	$$(call compile,$$(CC_$(1)))
$(B)/$(1)/%.o: $(2)%.asm $(ASM_INCLUDES) $(if $(2),$(wildcard $(2)*.inc)) $(MAKEFILE_LIST)
	$$(call assemble,$(3))
endef

# ---- the library, for each architecture ----
CC_i386 = $(CC32) $(FREE) $(ARCH_i386) $(INCLUDES)
CC_x86_64 = $(CC64) $(FREE) $(ARCH_x86_64) $(INCLUDES)
$(eval $(call objects,i386,,elf32))
$(eval $(call objects,x86_64,,elf64))
CC_codes/i386 = $(CC_i386) -DSEGUE_SENTENCES=0
CC_codes/x86_64 = $(CC_x86_64) -DSEGUE_SENTENCES=0
$(eval $(call objects,codes/i386,,elf32))
$(eval $(call objects,codes/x86_64,,elf64))
define library
$(B)/$(1)/libsegue.a: $(SEGUE_C:%.c=$(B)/$(1)/%.o) $(ASM_$(1))
$(B)/$(1)/libsegue-codes.a: $(patsubst %.c,$(B)/codes/$(1)/%.o,$(filter-out %/log.c,$(SEGUE_C))) $(ASM_$(1))
$(B)/$(1)/libsegue-memory.a: $(SEGUE_MEMORY_C:%.c=$(B)/$(1)/%.o)
$(SEGUE_EMBED:%.asm=$(B)/$(1)/%.o): $(B)/purgatory_blocks.inc
$(B)/$(1)/stage2/bios/bios_embed.o: $(B)/bios_call.bin
endef
$(foreach each,i386 x86_64,$(eval $(call library,$(each))))
# The numbers that C and NASM share (stage2/numbers/numbers.h).
$(NUMBERS): %.inc: %.o stage2/segue.mk
	$(call begin,numbers)
	$(Q)$(call SEGUE_TAKE_NUMBERS,$<,$@)
# Purgatory, and INT N from flat 32-bit code: flat bytes, which both libraries embed. Their numbers must be the same in both.
one_for_both = $(Q)$(foreach each,$(1),cmp $(B)/i386/stage2/numbers/$(each).inc $(B)/x86_64/stage2/numbers/$(each).inc &&) :
$(B)/purgatory.bin: stage2/purgatory/purgatory.asm $(SEGUE_PURGATORY_ASM) $(ASM_INCLUDES)
	$(call one_for_both,hardware purgatory font)
	$(call assemble,bin -l $(@:.bin=.lst) $(MAP))
$(B)/purgatory_blocks.inc: $(B)/purgatory.bin stage2/segue.mk
	$(call begin,numbers)
	$(Q)$(call SEGUE_TAKE_BLOCKS,$(<:.bin=.map),$@)
$(B)/bios_call.bin: stage2/bios/bios_call.asm $(ASM_INCLUDES)
	$(call one_for_both,hardware bios)
	$(call assemble,bin)

# What a Linux comes back through: once, and again and again.
$(B)/return.elf: stage2/return/stub.asm $(ASM_INCLUDES)
	$(call assemble,bin)
$(B)/jump.elf: stage2/return/jump.asm $(ASM_INCLUDES)
	$(call assemble,bin)
$(B)/jump.sh $(B)/host_memory.sh: $(B)/%: stage2/return/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# ---- segue.elf: stage 2 alone ----
# _asm: a C file and an assembly file may have the same name.
$(B)/i386/%_asm.o: %.asm $(ASM_INCLUDES) $(MAKEFILE_LIST)
	$(call assemble,elf32)
ELF_OBJECTS := $(patsubst %.c,$(B)/i386/%.o,$(wildcard stage2/standalone/*.c)) \
	$(patsubst %.asm,$(B)/i386/%_asm.o,$(wildcard stage2/standalone/*.asm))
# --build-id: no section that the script does not place, and the same bytes from the same code.
LINK_FREE := -nostdlib -Wl,--build-id=none,-z,noexecstack
# The linker script is the first prerequisite.
SCRIPT = -Wl,-T,$<
SMALL_AND_MAPPED = -Wl,--gc-sections,-Map,$(@D)/segue.map
NO_PIE := $(if $(filter clang,$(CC32)),,-no-pie)
$(B)/segue.debug.elf: linker.ld $(ELF_OBJECTS) $(B)/i386/libsegue.a $(B)/i386/libsegue-memory.a
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(NO_PIE) $(SCRIPT) $(SMALL_AND_MAPPED))
$(B)/segue.elf: $(B)/segue.debug.elf
	$(call begin,strip)
	$(Q)$(OBJCOPY32) --strip-all $< $@

# ---- stage 1: the disk's boot sector; the CD's, followed by the second part and segue.elf ----
$(B)/mbr.bin $(B)/cd.bin: $(B)/%.bin: stage1/%.asm $(ASM_INCLUDES)
	$(call assemble,bin $(MAP))
# It carries the sums of its own bytes, taken with the sums 0: it is assembled twice.
LOADER_SUMS := '{ for (i = 1; i <= NF; i++) { s = (s + $$i) % 4294967296; if (++n % 512 == 0) t = (t + s) % 4294967296 } } \
	END { printf "-DSUM=%.0f -DSUM_OF_SUMS=%.0f\n", s, t }'
$(B)/loader.bin: stage1/loader.asm $(ASM_INCLUDES) $(B)/segue.elf
	$(call assemble,bin $(MAP) -DSEGUE_ELF="'$(B)/segue.elf'" -DSUM=0 -DSUM_OF_SUMS=0)
	@sums=$$(od -An -v -tu4 $@ | awk $(LOADER_SUMS)) && $(NASM) -f bin -Istage1/ -Istage2/ -I$(B)/i386/stage2/ $(MAP) -DSEGUE_ELF="'$(B)/segue.elf'" $$sums -o $@ $<
$(B)/boot.img: $(B)/cd.bin $(B)/loader.bin
	$(call begin,cat)
	$(Q)cat $^ > $@

# ---- the segue command, on the build machine ----
# No kernel's stack, so frames may be large; -ffile-prefix-map: -g gives the same bytes wherever the tree lies.
HOST_FLAGS := -std=c11 -O2 -g -ffile-prefix-map=$(CURDIR)=. $(filter-out -Wframe-larger-than=%,$(WARN)) $(INCLUDES) -D_POSIX_C_SOURCE=200809L
CC_host = $(HOSTCC) $(HOST_FLAGS)
$(eval $(call objects,host,,elf64))
DISK_OBJECTS := $(patsubst %.c,$(B)/host/%.o,$(wildcard disk/*.c))
# What it shares with segue.elf.
DISK_SHARED := $(addprefix $(B)/host/stage2/standalone/,options.o iso9660.o partition.o)
# bzip2 has no file for pkg-config everywhere.
DISK_LIBRARIES := zlib libmd liblzma libzstd liblz4
$(DISK_OBJECTS): CC_host = $(HOSTCC) $(HOST_FLAGS) -Idisk $$(pkg-config --cflags $(DISK_LIBRARIES))
$(B)/host/libsegue.a: $(SEGUE_C:%.c=$(B)/host/%.o) $(ASM_x86_64)
$(B)/host/disk/boot_image.o: $(B)/mbr.bin $(B)/boot.img
$(B)/host/disk/crashkit_script.o: disk/crashkit.sh
$(B)/segue: $(DISK_OBJECTS) $(B)/host/disk/boot_image.o $(B)/host/disk/crashkit_script.o $(DISK_SHARED) $(B)/host/libsegue.a
	$(call link,$(HOSTCC),$$(pkg-config --libs $(DISK_LIBRARIES)) -lbz2)

# ---- budgets: printed by every build, and it fails over them ----
BUDGET_PURGATORY := 4096
BUDGET_BLOCKS := 12288
BUDGET_BLOCK_cpus := 640
BUDGET_BLOCK_real_mode := 416
BUDGET_BLOCK_high := 448
BUDGET_BLOCK_digest := 2560
BUDGET_BLOCK_devices := 4608
BUDGET_BLOCK_catcher := 1280
BUDGET_BLOCK_return := 640
BUDGET_BLOCK_long_mode := 1024
BUDGET_BLOCK_catcher64 := 1024
# The size of the core or a block
block = $$(($$(awk '$$1 == "block_$(1).size" { print $$3 }' $(B)/purgatory_blocks.inc)))
# elf_core and crash have no bytes in purgatory; long_mode has two pieces.
PURGATORY_BLOCKS := catcher64 $(patsubst stage2/blocks/block_%.c,%,$(filter-out %_elf_core.c %_crash.c,$(filter stage2/blocks/block_%,$(SEGUE_C))))
BUDGET_ELF := 122880
# Code and the beginning of the packet that the patched LBA at 0x1b0 ends.
BUDGET_BOOT_SECTOR := 432
BUDGET_LOADER := 2048
# A symbol that NASM's map gives the size of.
mapped = $$((0x$$(awk '$$2 == "$(2)" { print $$1 }' $(1))))
budget = used=$(2); printf '  %-44s %6d of %6d bytes\n' $(1) "$$used" $(3); [ "$$used" -le $(3) ]
.PHONY: budgets
budgets: $(B)/purgatory.bin $(LIBRARIES:%=$(B)/i386/%) $(B)/segue.elf $(B)/mbr.bin $(B)/boot.img ## print what the budgets allow and what is used
	@$(call budget,"purgatory core",$(call block,core),$(BUDGET_PURGATORY))
	@$(call budget,"purgatory's optional blocks",$$(($$(wc -c < $(B)/purgatory.bin) - $(call block,core))),$(BUDGET_BLOCKS))
	@$(foreach each,$(PURGATORY_BLOCKS),$(call budget,"  $(each)",$(call block,$(each)),$(BUDGET_BLOCK_$(each))) &&) :
	@WERROR=$(WERROR) CC='$(CC_i386)' LINK='$(CC32) $(M32) $(LINK_FREE) -static $(NO_PIE)' test/budgets $(B) $(if $(filter clang,$(CC32)),clang)
	@$(call budget,"segue.elf",$$(wc -c < $(B)/segue.elf),$(BUDGET_ELF))
	@$(call budget,"boot sector",$(call mapped,$(B)/mbr.map,boot_sector_used),$(BUDGET_BOOT_SECTOR))
	@$(call budget,"stage 1's second part",$(call mapped,$(B)/loader.map,loader_used),$(BUDGET_LOADER))

# ---- install: what a kernel links with, the segue command, segue.elf ----
PREFIX ?= /usr/local
DESTDIR ?=
INSTALL ?= install
ARCHES := i386 x86_64
VERSION := $(shell sed -n 's/^#define SEGUE_VERSION_STRING "\(.*\)"/\1/p' include/segue.h)
INSTALL_PROGRAMS := bin/segue
INSTALL_DATA := include/segue/segue.h include/segue/segue_target.h include/segue/segue_core.h share/segue/segue.elf share/segue/return.elf share/segue/jump.elf share/segue/jump.sh share/segue/host_memory.sh share/segue/crashkit.sh share/man/man1/segue.1 share/man/man3/segue.h.3 $(ARCHES:%=share/pkgconfig/segue-%.pc) \
	$(foreach each,$(ARCHES),$(LIBRARIES:%=lib/segue/$(each)/%))
# Our own folders, the inner ones first.
INSTALL_FOLDERS := include/segue share/segue $(ARCHES:%=lib/segue/%) lib/segue
# A kernel's search path gets no folder with other headers or libraries in it; the files say nothing of PREFIX, so that
# the tree may move.
$(B)/segue-%.pc: include/segue.h Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' 'prefix=$${pcfiledir}/../..' 'includedir=$${prefix}/include/segue' 'libdir=$${prefix}/lib/segue/$*' '' \
		'Name: segue-$*' 'Description: hands a running machine from one kernel to the next; for a kernel on $*' \
		'Version: $(VERSION)' 'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -lsegue' > $@
# Below PREFIX, and in this tree.
installed_from = $(or $(filter %/$(notdir $(1)),include/segue.h include/segue_target.h include/segue_core.h include/segue.h.3 disk/segue.1 disk/crashkit.sh),$(B)/$(if $(filter lib/%,$(1)),$(1:lib/segue/%=%),$(notdir $(1))))
.PHONY: install uninstall
install: all $(ARCHES:%=$(B)/segue-%.pc) ## into PREFIX (/usr/local), below DESTDIR
	$(Q)$(foreach each,$(INSTALL_PROGRAMS),$(INSTALL) -D -m 755 $(call installed_from,$(each)) '$(DESTDIR)$(PREFIX)/$(each)' &&) \
	$(foreach each,$(INSTALL_DATA),$(INSTALL) -D -m 644 $(call installed_from,$(each)) '$(DESTDIR)$(PREFIX)/$(each)' &&) :
uninstall: ## what install has put there
	$(Q)rm -f $(foreach each,$(INSTALL_PROGRAMS) $(INSTALL_DATA),'$(DESTDIR)$(PREFIX)/$(each)')
	$(Q)for each in $(INSTALL_FOLDERS); do rmdir "$(DESTDIR)$(PREFIX)/$$each" 2>/dev/null || :; done

# ---- a tarball that builds without git: what is committed ----
DIST := segue-$(VERSION)
.PHONY: dist
dist: ## a tarball of HEAD that builds without git (build/segue-VERSION.tar.gz)
	@mkdir -p $(B)
	$(Q)git diff --quiet HEAD -- || echo "dist: changes that are not committed are left out" >&2
	$(call say,git,$(B)/$(DIST).tar.gz)
	$(Q)git archive --format=tar.gz --prefix=$(DIST)/ -o $(B)/$(DIST).tar.gz HEAD

.PHONY: format-check
format-check: ## do the lines of C that changed follow .clang-format?
	@test/format

# ---- images and run: a real Linux to a shell prompt ----
T := $(B)/targets
KERNEL ?= $(T)/run-linux/linux
INITRD ?= $(T)/initramfs-run.cpio.gz
CMDLINE ?= console=ttyS0
# segue.elf's own
OPTIONS ?=
ISO ?= $(B)/segue.iso
DISK ?= $(B)/segue.img
# what boots it: iso, disk, grub (segue.elf from GRUB's ISO), kernel (segue.elf as QEMU's -kernel)
VIA ?= iso
RUN_MEMORY ?= 512
QEMU ?= qemu-system-x86_64
$(T)/run-linux/linux: test/targets/fetch
	$(Q)test/targets/fetch run-linux || { echo "make run KERNEL=... INITRD=... boots files of yours" >&2; exit 1; }
$(T)/initramfs-run.cpio.gz: test/targets/initramfs/build test/targets/initramfs/init
	$(Q)test/targets/initramfs/build run
# Files of the user's; what is in build/ has rules of its own.
ifneq ($(filter-out $(B)/%,$(KERNEL) $(INITRD)),)
$(filter-out $(B)/%,$(KERNEL) $(INITRD)):
	@echo "There is no file $@. KERNEL= and INITRD= name the files to boot." >&2; exit 1
endif
# A word for the shell.
quoted = '$(subst ','\'',$(1))'
# QEMU splits at single commas.
comma := ,
commas = $(subst $(comma),$(comma)$(comma),$(1))
IMAGE_ARGUMENTS = --kernel $(call quoted,$(KERNEL)) $(if $(INITRD),--initrd $(call quoted,$(INITRD))) \
	$(if $(CMDLINE),--cmdline $(call quoted,$(CMDLINE))) $(if $(OPTIONS),--options $(call quoted,$(OPTIONS)))
# The two default files are downloads.
needs = @test/need $(if $(filter $(T)/%,$(KERNEL) $(INITRD)),run,$(1))
.PHONY: iso iso-now disk disk-now
iso: ## an ISO that boots by itself (KERNEL= INITRD= CMDLINE= OPTIONS= ISO=)
	$(call needs,iso)
	@$(MAKE) --no-print-directory iso-now
iso-now: $(B)/segue $(KERNEL) $(INITRD)
	$(Q)$(B)/segue iso $(IMAGE_ARGUMENTS) -o $(call quoted,$(ISO))
disk: ## a disk image that does (KERNEL= INITRD= CMDLINE= OPTIONS= DISK=)
	$(call needs,build)
	@$(MAKE) --no-print-directory disk-now
disk-now: $(B)/segue $(KERNEL) $(INITRD)
	$(Q)$(B)/segue disk $(IMAGE_ARGUMENTS) -o $(call quoted,$(DISK))

# ---- a Linux that saves the memory of a kernel that has crashed ----
CRASHKIT ?= $(B)/crashkit.bundle
# --label NAME, --serial ttyS0 and others: segue help crashkit
CRASHKIT_OPTIONS ?=
# pc: a larger kernel, with AHCI and USB too
CRASHKIT_KERNEL ?=
CRASHKIT_FROM = crashkit$(CRASHKIT_KERNEL:%=-%)
.PHONY: crashkit crashkit-now
crashkit: ## a Linux for SEGUE_LOAD_CRASH, which saves your kernel's memory (CRASHKIT_OPTIONS= CRASHKIT_KERNEL=pc CRASHKIT=)
	@case '$(CRASHKIT_KERNEL)' in '' | pc) ;; *) echo "CRASHKIT_KERNEL is pc or empty, not $(CRASHKIT_KERNEL)" >&2; exit 2;; esac
	@test/need crashkit
	@$(MAKE) --no-print-directory crashkit-now
crashkit-now: $(B)/segue
	$(Q)test/targets/fetch $(CRASHKIT_FROM)
	$(Q)$(B)/segue crashkit --root $(T)/$(CRASHKIT_FROM) $(CRASHKIT_OPTIONS) -o $(call quoted,$(CRASHKIT))

.PHONY: run run-now run-iso run-disk run-grub run-kernel
run: ## boot a Linux to a shell prompt in QEMU (VIA=iso|disk|grub|kernel, and as for iso)
	@case $(VIA) in iso|disk|grub|kernel) ;; *) echo "VIA is iso, disk, grub or kernel, not $(VIA)" >&2; exit 2;; esac
	@test/need $(if $(filter grub,$(VIA)),run-grub,run)
	@$(MAKE) --no-print-directory run-now
run-now: run-$(VIA)
RUN = @echo "QEMU: leave with Ctrl-A X"; $(if $(V),set -x;) $(QEMU) -accel tcg -m $(RUN_MEMORY) -nographic -no-reboot
run-iso: iso-now
	$(RUN) -M q35 -boot d -cdrom $(call quoted,$(ISO))
run-disk: disk-now
	$(RUN) -M q35 -drive $(call quoted,file=$(call commas,$(DISK))$(comma)format=raw$(comma)if=ide)
run-kernel: $(B)/segue.elf $(KERNEL) $(INITRD)
	$(RUN) -kernel $(B)/segue.elf $(if $(OPTIONS),-append $(call quoted,$(OPTIONS))) \
		-initrd $(call quoted,$(KERNEL) $(call commas,$(CMDLINE))$(if $(INITRD),$(comma)$(INITRD)))
run-grub: $(B)/segue.elf $(KERNEL) $(INITRD)
	$(Q)rm -rf $(B)/grub && mkdir -p $(B)/grub/boot/grub && cp $(B)/segue.elf $(B)/grub/boot
	$(Q)cp $(call quoted,$(KERNEL)) $(B)/grub/boot/kernel
	$(Q)$(if $(INITRD),cp $(call quoted,$(INITRD)) $(B)/grub/boot/initrd)
	$(Q)printf '%s\n' 'set timeout=0' 'multiboot /boot/segue.elf '$(call quoted,$(OPTIONS)) \
		'module /boot/kernel '$(call quoted,$(CMDLINE)) $(if $(INITRD),'module /boot/initrd') boot > $(B)/grub/boot/grub/grub.cfg
	$(Q)grub-mkrescue -d /usr/lib/grub/i386-pc -o $(B)/grub.iso $(B)/grub 2> $(B)/grub.log || { cat $(B)/grub.log; exit 1; }
	$(RUN) -M q35 -boot d -cdrom $(B)/grub.iso

include test/test.mk

# What the compilers found: the headers of each object (compile).
-include $(wildcard $(B)/deps/*.d)

.PHONY: clean
clean: ## remove build/ but what was downloaded
	[ ! -d $(B) ] || find $(B) -mindepth 1 -maxdepth 1 ! -name targets -exec rm -rf {} +

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' Makefile test/test.mk | expand -t 14
