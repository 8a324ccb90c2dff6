# SPDX-License-Identifier: MIT
# The whole build. `make help` lists the targets.

B := build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
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
PYTHON := /usr/bin/python3
# V=1 shows the commands
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-8s %s\n' $(1) $(2))

WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wvla -Wframe-larger-than=1024
FREE := -std=c11 -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-mgeneral-regs-only -Os -ffunction-sections -fdata-sections $(WARN)
ARCH_i386 := $(M32) -march=i386 -fno-pie -mpreferred-stack-boundary=2
ARCH_x86_64 := -m64 -fPIC -fvisibility=hidden -mno-red-zone
ifeq ($(CC32),clang)
ARCH_i386 := -m32 -march=i386 -fno-pie
endif
CC_i386 := $(CC32)
CC_x86_64 := $(CC64)
NASM_i386 := elf32
NASM_x86_64 := elf64
INCLUDES := -Iinclude -Iloaders -Istage2

LIB_C := $(wildcard loaders/*.c) $(wildcard stage2/*.c)
HEADERS := $(wildcard include/*.h loaders/*.h stage2/*.h stage2/purgatory/*.h stage2/standalone/*.h disk/*.h)
STANDALONE_C := $(wildcard stage2/standalone/*.c)
STANDALONE_ASM := $(wildcard stage2/standalone/*.asm)
DISK_C := $(wildcard disk/*.c)
PURGATORY_ASM := $(wildcard stage2/purgatory/*.asm)

.PHONY: all
all: $(B)/i386/libsegue.a $(B)/x86_64/libsegue.a $(B)/segue.elf $(B)/segue budgets ## build everything (the default)

# ---- purgatory: flat bytes, embedded into every library ----
$(B)/purgatory.bin: $(PURGATORY_ASM)
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f bin -Istage2/purgatory/ -l $(B)/purgatory.lst -o $@ stage2/purgatory/purgatory.asm

# ---- the library, for each architecture ----
define library
$(B)/$(1)/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$$(CC_$(1)) $$(FREE) $$(ARCH_$(1)) $$(INCLUDES) -c -o $$@ $$<
$(B)/$(1)/stage2/purgatory_image.o: stage2/purgatory/image.asm $(B)/purgatory.bin
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(NASM_$(1)) -DPURGATORY_BIN="'$(B)/purgatory.bin'" -o $$@ $$<
$(B)/$(1)/stage2/exec.o: stage2/exec_$(1).asm
	@mkdir -p $$(@D)
	$$(call say,nasm,$$@)
	$$(Q)$$(NASM) -f $$(NASM_$(1)) -o $$@ $$<
$(B)/$(1)/libsegue.a: $(LIB_C:%.c=$(B)/$(1)/%.o) $(B)/$(1)/stage2/purgatory_image.o $(B)/$(1)/stage2/exec.o
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
$(B)/segue.debug.elf: $(STANDALONE_C:%.c=$(B)/i386/%.o) $(STANDALONE_ASM:%.asm=$(B)/i386/%_asm.o) $(B)/i386/libsegue.a linker.ld
	$(call say,link,$@)
	$(Q)$(CC32) $(M32) -nostdlib -static -no-pie -Wl,-T,linker.ld,--build-id=none,--gc-sections,-z,noexecstack,-Map,$(B)/segue.map -o $@ \
		$(filter %.o %.a,$^)
$(B)/segue.elf: $(B)/segue.debug.elf
	$(if $(filter i686-elf-gcc,$(CC32)),i686-elf-,)objcopy --strip-all $< $@

# ---- the segue command, on the build machine ----
HOST_FLAGS := -std=c11 -O2 -g $(WARN) $(INCLUDES) -D_POSIX_C_SOURCE=200809L
$(B)/host/%.o: %.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(HOST_FLAGS) $(if $(filter disk/%,$<),-Idisk $$(pkg-config --cflags zlib)) -c -o $@ $<
$(B)/host/stage2/purgatory_image.o: stage2/purgatory/image.asm $(B)/purgatory.bin
	@mkdir -p $(@D)
	$(call say,nasm,$@)
	$(Q)$(NASM) -f elf64 -DPURGATORY_BIN="'$(B)/purgatory.bin'" -o $@ $<
$(B)/host/libsegue.a: $(LIB_C:%.c=$(B)/host/%.o) $(B)/host/stage2/purgatory_image.o
	@rm -f $@
	$(call say,ar,$@)
	$(Q)$(AR) rcsD $@ $^
$(B)/segue: $(DISK_C:%.c=$(B)/host/%.o) $(B)/host/libsegue.a
	$(call say,cc,$@)
	$(Q)$(HOSTCC) -o $@ $^ $$(pkg-config --libs zlib)

.PHONY: budgets
budgets: $(B)/purgatory.bin $(B)/i386/libsegue.a $(B)/segue.elf ## print what the budgets allow and what is used
	@true

.PHONY: clean
clean: ## remove build/ but what was downloaded
	find $(B) -mindepth 1 -maxdepth 1 ! -name targets ! -name downloads -exec rm -rf {} +

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' Makefile | expand -t 14
