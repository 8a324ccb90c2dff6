# SPDX-License-Identifier: MIT
# The whole build. `make help` lists the targets.

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
# V=1 shows the commands
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-8s %s\n' $(1) $(2))

# WERROR=1, as .ci/run has it: a warning is an error. A user's newer compiler may have new ones.
FATAL := $(if $(filter 1,$(WERROR)),-Werror)
WARN := -Wall -Wextra -Wpedantic $(FATAL) -Wshadow -Wconversion -Wvla -Wframe-larger-than=1024
# gcc before 12 has no -Oz
small = $(if $(shell echo | $(1) -Oz -E - 2>/dev/null),-Oz,-Os)
SMALL32 := $(call small,$(CC32))
SMALL64 := $(call small,$(CC64))
# newlib's uint32_t is unsigned long, which printf-like checks mind
WARN32 := $(if $(filter i686-elf-gcc,$(CC32)),-Wno-format)
FREE = $(SEGUE_CFLAGS) $(WARN)
ARCH_i386 := $(M32) $(SMALL32) $(WARN32) -march=i386 -fno-pie -mpreferred-stack-boundary=2 -fno-if-conversion -fno-inline-functions-called-once -fno-tree-pre -fno-code-hoisting
ARCH_x86_64 = $(SEGUE_CFLAGS_x86_64) $(SMALL64) -fPIE -fvisibility=hidden
ifeq ($(CC32),clang)
ARCH_i386 := -m32 $(SMALL32) -march=i386 -fno-pie
endif
CC_i386 := $(CC32)
CC_x86_64 := $(CC64)
INCLUDES := -Iinclude -Iloaders -Istage2

# The lists and flags that a host which vendors this tree has.
SEGUE_DIR := .
SEGUE_ARCH := lists
include stage2/segue.mk
LIB_C := $(SEGUE_C)
# With the flags.
HEADERS := stage2/segue.mk $(SEGUE_HEADERS) $(wildcard stage1/*.h stage2/standalone/*.h disk/*.h)
STANDALONE_C := $(wildcard stage2/standalone/*.c)
STANDALONE_ASM := $(wildcard stage2/standalone/*.asm)
DISK_C := $(wildcard disk/*.c)
PURGATORY_ASM := $(SEGUE_PURGATORY_ASM) $(SEGUE_ASM_INCLUDES)

.PHONY: all
# Names the packages that are missing, before the first compiler does.
$(B)/.need: test/need
	@test/need build --say
	@mkdir -p $(@D) && touch $@
all: $(B)/.need
all: $(foreach each,i386 x86_64,$(B)/$(each)/libsegue.a $(B)/$(each)/libsegue-memory.a) $(B)/segue.elf $(B)/mbr.bin $(B)/boot.img $(B)/segue budgets ## build everything (the default)

# ---- purgatory: flat bytes, embedded into every library ----
$(B)/purgatory.bin: $(PURGATORY_ASM)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f bin -Istage2/purgatory/ -l $(B)/purgatory.lst -o $@ stage2/purgatory/purgatory.asm

# ---- INT N from flat 32-bit code, which the library and segue.elf embed ----
$(B)/bios_call.bin: stage2/bios/bios_call.asm
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f bin -o $@ $<

# ---- the library, for each architecture ----
define library
$(B)/$(1)/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$$(CC_$(1)) $$(FREE) $$(ARCH_$(1)) $$(INCLUDES) -c -o $$@ $$<
$(B)/$(1)/stage2/purgatory/purgatory_embed.o: stage2/purgatory/purgatory_embed.asm $(B)/purgatory.bin
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(SEGUE_NASM_$(1)) -DPURGATORY_BIN="'$(B)/purgatory.bin'" -o $$@ $$<
$(B)/$(1)/stage2/bios/bios_embed.o: stage2/bios/bios_embed.asm $(B)/bios_call.bin
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(SEGUE_NASM_$(1)) -DBIOS_CALL_BIN="'$(B)/bios_call.bin'" -o $$@ $$<
$(B)/$(1)/stage2/%_$(1).o: stage2/%_$(1).asm $(SEGUE_ASM_INCLUDES)
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(SEGUE_NASM_$(1)) -Istage2/ -o $$@ $$<
$(B)/$(1)/libsegue.a: $(LIB_C:%.c=$(B)/$(1)/%.o) $(B)/$(1)/stage2/purgatory/purgatory_embed.o $(B)/$(1)/stage2/bios/bios_embed.o $(SEGUE_ASM_$(1):%.asm=$(B)/$(1)/%.o)
$(B)/$(1)/libsegue-memory.a: $(SEGUE_MEMORY_C:%.c=$(B)/$(1)/%.o)
$(B)/$(1)/libsegue.a $(B)/$(1)/libsegue-memory.a:
	@rm -f $$@
	$$(call say,ar,$$@)
	$$(Q)$$(AR) rcsD $$@ $$^
endef
$(eval $(call library,i386))
$(eval $(call library,x86_64))

# ---- segue.elf: stage 2 alone ----
$(B)/i386/%_asm.o: %.asm
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf32 -I$(dir $<) -o $@ $<
$(B)/i386/stage2/standalone/font_asm.o: stage2/purgatory/font.inc
$(B)/segue.debug.elf: $(STANDALONE_C:%.c=$(B)/i386/%.o) $(STANDALONE_ASM:%.asm=$(B)/i386/%_asm.o) $(B)/i386/libsegue.a $(B)/i386/libsegue-memory.a linker.ld
	$(call say,link,$@)
	$(Q)$(CC32) $(M32) -nostdlib -static $(if $(filter clang,$(CC32)),,-no-pie) -Wl,-T,linker.ld,--build-id=none,--gc-sections,-z,noexecstack,-Map,$(B)/segue.map -o $@ \
		$(filter %.o %.a,$^)
$(B)/segue.elf: $(B)/segue.debug.elf
	$(call say,strip,$@)
	$(Q)$(if $(filter i686-elf-gcc,$(CC32)),i686-elf-)objcopy --strip-all $< $@

# ---- stage 1: the disk's boot sector; the CD's, with the second part and segue.elf behind it ----
$(B)/mbr.bin: stage1/mbr.asm $(wildcard stage1/*.inc)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f bin -Istage1/ -DMAP="$(@:.bin=.map)" -o $@ $<
$(B)/cd.bin: stage1/cd.asm $(wildcard stage1/*.inc)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f bin -Istage1/ -o $@ $<
# The sums that it carries are those of what it is without them.
LOADER_SUMS := '{ for (i = 1; i <= NF; i++) { s = (s + $$i) % 4294967296; if (++n % 512 == 0) t = (t + s) % 4294967296 } } \
	END { printf "-DSUM=%.0f -DSUM_OF_SUMS=%.0f\n", s, t }'
NASM_LOADER = $(NASM) -f bin -Istage1/ -DMAP="$(@:.bin=.map)" -DSEGUE_ELF="'$(B)/segue.elf'" -o $@ stage1/loader.asm
$(B)/loader.bin: stage1/loader.asm $(wildcard stage1/*.inc) $(B)/segue.elf
	$(call say,nasm,$@)
	$(Q)$(NASM_LOADER) -DSUM=0 -DSUM_OF_SUMS=0
	$(Q)sums=$$(od -An -v -tu4 $@ | awk $(LOADER_SUMS)) && $(NASM_LOADER) $$sums
$(B)/boot.img: $(B)/cd.bin $(B)/loader.bin
	$(call say,cat,$@)
	$(Q)cat $^ > $@

# ---- the segue command, on the build machine ----
# What the library's C refers to; segue_exec() is never called there.
HOST_ASM := $(B)/host/stage2/purgatory/purgatory_embed.o $(B)/x86_64/stage2/bios/bios_embed.o $(SEGUE_ASM_x86_64:%.asm=$(B)/x86_64/%.o)
# No kernel's stack; the same bytes wherever the tree lies.
HOST_FLAGS := -std=c11 -O2 -g -ffile-prefix-map=$(CURDIR)=. $(filter-out -Wframe-larger-than=%,$(WARN)) $(INCLUDES) -D_POSIX_C_SOURCE=200809L
$(B)/host/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(HOST_FLAGS) $(if $(filter disk/%,$<),-Idisk $$(pkg-config --cflags zlib libmd)) -c -o $@ $<
$(B)/host/stage2/purgatory/purgatory_embed.o: stage2/purgatory/purgatory_embed.asm $(B)/purgatory.bin
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf64 -DPURGATORY_BIN="'$(B)/purgatory.bin'" -o $@ $<
$(B)/host/libsegue.a: $(LIB_C:%.c=$(B)/host/%.o) $(HOST_ASM)
	@rm -f $@
	$(call say,ar,$@)
	$(Q)$(AR) rcsD $@ $^
$(B)/host/disk/boot_image.o: disk/boot_image.asm $(B)/mbr.bin $(B)/boot.img
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf64 -DMBR_BIN="'$(B)/mbr.bin'" -DBOOT_IMG="'$(B)/boot.img'" -o $@ $<
$(B)/segue: $(DISK_C:%.c=$(B)/host/%.o) $(B)/host/disk/boot_image.o $(B)/host/stage2/standalone/options.o $(B)/host/libsegue.a
	$(call say,cc,$@)
	$(Q)$(HOSTCC) -o $@ $^ $$(pkg-config --libs zlib libmd)

# ---- budgets: printed by every build, and it fails over them ----
BUDGET_PURGATORY := 4096
BUDGET_BLOCKS := 12288
# params.blocks, purgatory.h: the core's size
PURGATORY_CORE = $$(od -An -tu4 -j88 -N4 $(B)/purgatory.bin | tr -d ' ')
# The aim is 24576 (README says so); this keeps it from growing.
BUDGET_LIBRARY := $(if $(filter clang,$(CC32)),78848,70656)
BUDGET_ELF := 106496
# Code and the beginning of the packet that the patched LBA at 0x1b0 ends.
BUDGET_BOOT_SECTOR := 432
BUDGET_LOADER := 2048
# A symbol that NASM's map gives the size of.
mapped = $$((0x$$(awk '$$2 == "$(2)" { print $$1 }' $(1))))
budget = used=$(2); printf '  %-44s %6d of %6d bytes\n' $(1) "$$used" $(3); [ "$$used" -le $(3) ]
.PHONY: budgets
budgets: $(B)/purgatory.bin $(B)/i386/libsegue.a $(B)/segue.elf $(B)/mbr.bin $(B)/boot.img ## print what the budgets allow and what is used
	@$(call budget,"purgatory core",$(PURGATORY_CORE),$(BUDGET_PURGATORY))
	@$(call budget,"purgatory's optional blocks",$$(($$(wc -c < $(B)/purgatory.bin) - $(PURGATORY_CORE))),$(BUDGET_BLOCKS))
	@$(call budget,"i386 library text and rodata",$$(size -A $(B)/i386/libsegue.a | awk '/^\.(text|rodata)/ { n += $$2 } END { print n }'),$(BUDGET_LIBRARY))
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
INSTALL_DATA := include/segue/segue.h share/segue/segue.elf $(ARCHES:%=share/pkgconfig/segue-%.pc) \
	$(ARCHES:%=lib/segue/%/libsegue.a) $(ARCHES:%=lib/segue/%/libsegue-memory.a)
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
installed_from = $(or $(filter %/$(notdir $(1)),include/segue.h),$(B)/$(if $(filter lib/%,$(1)),$(1:lib/segue/%=%),$(notdir $(1))))
.PHONY: install uninstall
install: all $(ARCHES:%=$(B)/segue-%.pc) ## into PREFIX (/usr/local), below DESTDIR
	$(Q)$(foreach each,$(INSTALL_PROGRAMS),$(INSTALL) -D -m 755 $(call installed_from,$(each)) '$(DESTDIR)$(PREFIX)/$(each)' &&) \
	$(foreach each,$(INSTALL_DATA),$(INSTALL) -D -m 644 $(call installed_from,$(each)) '$(DESTDIR)$(PREFIX)/$(each)' &&) :
uninstall: ## what install has put there
	$(Q)rm -f $(foreach each,$(INSTALL_PROGRAMS) $(INSTALL_DATA),'$(DESTDIR)$(PREFIX)/$(each)')
	$(Q)for each in $(INSTALL_FOLDERS); do rmdir "$(DESTDIR)$(PREFIX)/$$each" 2>/dev/null || :; done

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

# ---- the inspector: a target that judges how it was booted ----
INSPECT := $(addprefix $(B)/inspect/inspect.,mb.elf mb-video.elf plain.elf bzimage)
INSPECT_SRC := test/targets/inspect
INSPECT_OBJ := $(patsubst $(INSPECT_SRC)/%.c,$(B)/inspect/%.o,$(wildcard $(INSPECT_SRC)/*.c)) \
	$(B)/inspect/save.o $(B)/inspect/pattern.o
# One set of objects for all four: position-independent for the bzImage's payload.
INSPECT_CC := $(CC32) $(FREE) $(SMALL32) $(WARN32) $(M32) -march=i386 -fpie -fvisibility=hidden -fcf-protection=none
INSPECT_LINK := $(CC32) $(M32) -nostdlib -static -Wl,-z,noexecstack,--build-id=none,-T
.PHONY: inspect
inspect: $(INSPECT) ## the diagnostic target (build/inspect/)
$(B)/inspect/%.o: $(INSPECT_SRC)/%.c $(wildcard $(INSPECT_SRC)/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(INSPECT_CC) -c -o $@ $<
$(B)/inspect/%.o: $(INSPECT_SRC)/%.asm $(wildcard $(INSPECT_SRC)/*.inc)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf32 -I$(INSPECT_SRC)/ -o $@ $<
$(B)/inspect/entry.mb.o $(B)/inspect/entry.mb-video.o $(B)/inspect/entry.plain.o: $(INSPECT_SRC)/entry_elf.asm $(wildcard $(INSPECT_SRC)/*.inc)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf32 -I$(INSPECT_SRC)/ $(if $(findstring .mb,$@),-DMULTIBOOT) $(if $(findstring video,$@),-DVIDEO) -o $@ $<
$(B)/inspect/inspect.%.elf: $(B)/inspect/entry.%.o $(INSPECT_OBJ) $(INSPECT_SRC)/elf.ld
	$(call say,link,$@)
	$(Q)$(INSPECT_LINK),$(INSPECT_SRC)/elf.ld -o $@ $(filter %.o,$^)
$(B)/inspect/payload.bin: $(B)/inspect/entry_linux.o $(INSPECT_OBJ) $(INSPECT_SRC)/linux.ld
	$(call say,link,$@)
	$(Q)$(INSPECT_LINK),$(INSPECT_SRC)/linux.ld,-pie,--no-dynamic-linker -o $(@:.bin=.elf) $(filter %.o,$^)
	$(Q)$(if $(filter i686-elf-gcc,$(CC32)),i686-elf-)objcopy -O binary -j .image $(@:.bin=.elf) $@
$(B)/inspect/inspect.bzimage: $(INSPECT_SRC)/setup.asm $(B)/inspect/payload.bin $(wildcard $(INSPECT_SRC)/*.inc)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f bin -I$(INSPECT_SRC)/ -I$(B)/inspect/ -o $@ $<

# ---- host kernels of our own: a boot stage, and in it a kernel that links the library ----
HOSTS := $(addprefix $(B)/hosts/,i386-low.elf i386-high.elf i386-mid.elf i386-fiwix.elf x86_64.elf fiwix-init)
HOSTS_SRC := test/hosts
HOST_BOOT := boot paging output
HOST_KERNEL := kernel cpus tables state devices refusals bios hostile witness output
HOST_LINK_i386-low := 0
HOST_LINK_i386-high := 0xc0000000
HOST_LINK_i386-mid := 0x01000000
HOST_LINK_i386-fiwix := 0xc0000000
HOST_MORE_i386-fiwix := fiwix/host.o fiwix/kexec.o
HOST_LINK_x86_64 := 0
.PHONY: hosts
hosts: $(HOSTS) ## host kernels for the tests (build/hosts/)
define host_objects
$(B)/hosts/$(1)/%.o: $(HOSTS_SRC)/%.c $(wildcard $(HOSTS_SRC)/*.h include/*.h) Makefile
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$$(CC_$(1)) $$(FREE) $$(ARCH_$(1)) -Iinclude -fvisibility=hidden -fcf-protection=none -c -o $$@ $$<
$(B)/hosts/$(1)/hostile.o: $(HOSTS_SRC)/hostile.asm
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(SEGUE_NASM_$(1)) -o $$@ $$<
$(B)/hosts/$(1)/cpu.o: $(HOSTS_SRC)/cpu_$(1).asm $(HOSTS_SRC)/stacks.inc
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(SEGUE_NASM_$(1)) -I$(HOSTS_SRC)/ -o $$@ $$<
endef
$(eval $(call host_objects,i386))
$(eval $(call host_objects,x86_64))
define host
$(B)/hosts/$(1).bin: $(HOSTS_SRC)/kernel.ld $(addprefix $(B)/hosts/$(2)/,cpu.o $(HOST_KERNEL:=.o) $(HOST_MORE_$(1))) $(B)/$(2)/libsegue.a $(B)/$(2)/libsegue-memory.a
	$$(call say,link,$$@)
	$$(Q)$$(CC_$(2)) $(if $(filter i386,$(2)),$$(M32)) -nostdlib -static$(if $(filter x86_64,$(2)),-pie -Wl$(comma)--no-dynamic-linker) \
		-Wl,-T,$(HOSTS_SRC)/kernel.ld,--defsym,LINK=$$(HOST_LINK_$(1)),--defsym,BITS=$(if $(filter i386,$(2)),32,64) \
		-Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096 -o $$(@:.bin=.kernel.elf) $$(filter %.o %.a,$$^)
	$$(Q)objcopy -O binary $$(@:.bin=.kernel.elf) $$@
$(B)/hosts/$(1).elf: $(HOSTS_SRC)/boot.asm $(HOSTS_SRC)/boot.ld $(addprefix $(B)/hosts/i386/,$(HOST_BOOT:=.o)) $(B)/i386/libsegue-memory.a $(B)/hosts/$(1).bin
	$$(call say,link,$$@)
	$$(Q)$$(NASM) -f elf32 -DKERNEL="'$(B)/hosts/$(1).bin'" -o $$(@:.elf=.boot.o) $$<
	$$(Q)$$(CC32) $$(M32) -nostdlib -static -Wl,-T,$(HOSTS_SRC)/boot.ld,--build-id=none,-z,noexecstack -o $$@ $$(@:.elf=.boot.o) \
		$$(filter %.o %.a,$$^)
endef
$(foreach each,i386-low i386-high i386-mid i386-fiwix,$(eval $(call host,$(each),i386)))
# Fiwix's kexec.c, compiled as Fiwix does, against names.h.
FIWIX_SRC := $(HOSTS_SRC)/fiwix
FIWIX_INCLUDE := $(B)/hosts/fiwix
FIWIX_CC := $(CC32) $(M32) -march=i386 -std=c89 -D__KERNEL__ -O2 -fno-pie -fno-common -ffreestanding -Wall -Wstrict-prototypes \
	-Wextra $(FATAL) -fno-stack-protector
$(B)/hosts/i386/fiwix/kexec.o: $(addprefix $(FIWIX_SRC)/,kexec.c kexec.h names.h) include/segue.h Makefile
	@mkdir -p $(@D) $(FIWIX_INCLUDE)/fiwix
	$(call say,cc,$@)
	@for each in $$(sed -n 's/^#include <\(fiwix.*\)>$$/\1/p' $<); do echo '#include "names.h"' > $(FIWIX_INCLUDE)/$$each; done
	@cp $(FIWIX_SRC)/kexec.h $(FIWIX_INCLUDE)/fiwix/kexec.h
	$(Q)$(FIWIX_CC) -I$(FIWIX_INCLUDE) -I$(FIWIX_SRC) -Iinclude -c -o $@ $<
# What Fiwix itself runs in the tests: a program for its system calls.
$(B)/hosts/fiwix-init: $(FIWIX_SRC)/init.c Makefile
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC32) $(FREE) $(ARCH_i386) -nostdlib -static $(if $(filter clang,$(CC32)),,-no-pie) -Wl,--build-id=none,-z,noexecstack -o $@ $<
$(eval $(call host,x86_64,x86_64))

# ---- tests ----
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_FLAGS := -std=gnu11 -g -O1 -Wall -Wextra $(FATAL) $(INCLUDES) -Itest/unit -Itest/fuzz -Istage2/standalone
UNIT := $(patsubst test/unit/%.c,$(B)/test/unit/%,$(wildcard test/unit/*_test.c))
$(B)/sanitized/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) -c -o $@ $<
$(B)/sanitized/libsegue.a: $(LIB_C:%.c=$(B)/sanitized/%.o) $(HOST_ASM)
	@rm -f $@
	$(call say,ar,$@)
	$(Q)$(AR) rcsD $@ $^
# A change of the library links them anew and compiles none.
$(B)/test/unit/%.o: test/unit/%.c $(HEADERS) $(wildcard test/unit/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) $$(pkg-config --cflags cmocka) -c -o $@ $<
$(B)/test/unit/%: $(B)/test/unit/%.o $(B)/sanitized/libsegue.a
	$(call say,link,$@)
	$(Q)$(HOSTCC) $(SANITIZE) -o $@ $^ $$(pkg-config --libs cmocka)
# These include its sources.
$(patsubst %,%.o,$(filter $(B)/test/unit/standalone_%,$(UNIT))): $(STANDALONE_C)

# The same tests with i386's 32-bit addresses (loaders/common/bytes.h), still on the build machine.
UNIT32 := $(patsubst test/unit/%.c,$(B)/test/unit32/%,$(filter-out test/unit/standalone_% test/unit/plan_test.c,$(wildcard test/unit/*_test.c)))
$(B)/sanitized32/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) -DSEGUE_ADDRESS_32 -c -o $@ $<
$(B)/sanitized32/libsegue.a: $(LIB_C:%.c=$(B)/sanitized32/%.o) $(HOST_ASM)
	@rm -f $@
	$(call say,ar,$@)
	$(Q)$(AR) rcsD $@ $^
$(B)/test/unit32/%.o: test/unit/%.c $(HEADERS) $(wildcard test/unit/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) -DSEGUE_ADDRESS_32 $$(pkg-config --cflags cmocka) -c -o $@ $<
$(B)/test/unit32/%: $(B)/test/unit32/%.o $(B)/sanitized32/libsegue.a
	$(call say,link,$@)
	$(Q)$(HOSTCC) $(SANITIZE) -o $@ $^ $$(pkg-config --libs cmocka)

FUZZ := $(patsubst test/fuzz/%.c,$(B)/test/fuzz/%,$(wildcard test/fuzz/*_raw.c test/fuzz/*_struct.c))
FUZZ_FLAGS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
$(B)/fuzz/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)clang $(TEST_FLAGS) -O2 $(FUZZ_FLAGS) -c -o $@ $<
$(B)/test/fuzz/%: test/fuzz/%.c $(LIB_C:%.c=$(B)/fuzz/%.o) $(HOST_ASM) $(wildcard test/fuzz/*.h)
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)clang $(TEST_FLAGS) -O2 $(FUZZ_FLAGS) $$(pkg-config --cflags cmocka) -o $@ $< $(filter %.o,$^) $$(pkg-config --libs cmocka)
# These include its sources, and the unit tests' machine, which has cmocka.
$(filter $(B)/test/fuzz/media_% $(B)/test/fuzz/fetch_%,$(FUZZ)): $(STANDALONE_C) $(HEADERS) $(wildcard test/unit/*.h)

# The planner's exhaustive tests and benches run purgatory's own mover: 32-bit programs with a libc.
$(B)/i386/mover.o: stage2/purgatory/mover_object.asm $(PURGATORY_ASM)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf32 -Istage2/purgatory/ -o $@ $<

PROGRAM32 := $(if $(shell command -v i686-linux-gnu-gcc),i686-linux-gnu-gcc,gcc -m32) -static -std=gnu11 -O2 -g -Wall -Wextra $(FATAL) $(INCLUDES) -Itest/unit
PLANNER_C := $(wildcard stage2/plan/*.c)
$(B)/test/planner/%: test/unit/%.c $(PLANNER_C) $(B)/i386/mover.o $(HEADERS) test/unit/executor_model.h
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(PROGRAM32) -DMOVER -o $@ $< $(PLANNER_C) $(B)/i386/mover.o
# The planner as x86_64 has it, with the C model of the mover.
$(B)/test/planner/plan_worlds_64: test/unit/plan_worlds.c $(PLANNER_C) $(HEADERS) test/unit/executor_model.h
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) -O2 -o $@ $< $(PLANNER_C)
# segue.elf's copies and sums, in a 32-bit program as well.
$(B)/test/planner/copy_model: test/unit/copy_model.c $(B)/i386/stage2/standalone/copy_asm.o $(HEADERS)
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(PROGRAM32) -o $@ $< $(B)/i386/stage2/standalone/copy_asm.o
PLANNER := $(addprefix $(B)/test/planner/,plan_worlds plan_worlds_64 mover_model copy_model)
# test/boot/test_digest.py feeds it
DIGEST_PROGRAM := $(B)/test/planner/digest_program

$(B)/bench/planner: test/bench/planner.c $(PLANNER_C) $(HEADERS)
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) -O2 -o $@ $< $(PLANNER_C)
$(B)/bench/mover: test/bench/mover.c $(B)/i386/mover.o $(HEADERS)
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(PROGRAM32) -o $@ $< $(B)/i386/mover.o
bench: ## planner, bytes moved, mover; and from power-on to the target beside GRUB, isolinux and qemu -kernel
	@test/need bench
	@$(MAKE) --no-print-directory bench-now
.PHONY: bench-now
bench-now: $(B)/bench/planner $(B)/bench/mover $(B)/segue
	@test/targets/fetch --all && test/targets/initramfs/build
	@failed=0; \
	echo "== planner"; $(B)/bench/planner || failed=1; \
	echo "== bytes moved"; test/bench/boots || failed=1; \
	echo "== mover"; test/run32 $(B)/bench/mover || failed=1; \
	echo "== from power-on to the target"; test/bench/media.py || failed=1; \
	exit $$failed
fuzz: ## every fuzzer for FUZZ_SECONDS (600), the corpus in build/fuzz-corpus/
	@test/need check
	@$(MAKE) --no-print-directory fuzz-now
fuzz-now: test-lists
	@test/check --only fuzz --fuzz-seconds $(or $(FUZZ_SECONDS),600)

.PHONY: fuzz-seeded
fuzz-seeded: $(FUZZ) ## defects seeded into the parsers one by one: does the smoke run find them?
	@FUZZ_CC="clang $(TEST_FLAGS) -O2 $(FUZZ_FLAGS) $$(pkg-config --cflags cmocka)" FUZZ_LIBS="$$(pkg-config --libs cmocka)" \
		FUZZ_OBJECTS="$(LIB_C:%.c=$(B)/fuzz/%.o) $(filter %.o,$(HOST_ASM))" test/fuzz/seeded

.PHONY: check check-now check-all check-quick check-quick-now fuzz bench tests
check: ## everything that needs no human; installs what it lacks; ends in one line
	@test/need check
	@$(MAKE) --no-print-directory check-now
check-all: ## the same with the whole matrix of boots
	@test/need check
	@$(MAKE) --no-print-directory check-now CHECK=--full
check-quick: ## two minutes of it, for the edit cycle: source, unit, a shorter planner, some boots
	@test/need check
	@$(MAKE) --no-print-directory check-quick-now
# What test/check runs.
.PHONY: test-lists lists
test-lists: tests lists
lists:
	@mkdir -p $(B)/test
	@echo $(UNIT) > $(B)/test/unit.list; echo $(UNIT32) > $(B)/test/unit32.list
	@echo $(PLANNER) > $(B)/test/planner.list; echo $(FUZZ) > $(B)/test/fuzz.list
.PHONY: tests-quick
tests-quick: $(UNIT) $(UNIT32) $(INSPECT) $(PLANNER) $(DIGEST_PROGRAM) $(HOSTS)
tests: tests-quick $(FUZZ)
# On all CPUs, where nobody has said on how many.
MAKE_TESTS = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
check-now:
	@$(MAKE_TESTS) all test-lists || { test/check --not-built; exit 1; }
	@test/check $(CHECK)
check-quick-now:
	@$(MAKE_TESTS) all tests-quick lists || { test/check --not-built; exit 1; }
	@test/check --quick $(CHECK)

.PHONY: clean
clean: ## remove build/ but what was downloaded
	[ ! -d $(B) ] || find $(B) -mindepth 1 -maxdepth 1 ! -name targets -exec rm -rf {} +

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' Makefile | expand -t 14
