# SPDX-License-Identifier: MIT
# Segue's library, for GNU make: the lists of its sources, and rules for a host that builds this tree along with its own.
#
#     SEGUE_DIR := segue
#     SEGUE_ARCH := i386
#     include $(SEGUE_DIR)/stage2/segue.mk
#     kernel.elf: $(OBJECTS) $(SEGUE_LIBRARY)
#
# A host's file that calls it is compiled with -I$(SEGUE_DIR)/include. To be set before the include:
#
#     SEGUE_DIR      this tree; by default the one that holds this file
#     SEGUE_ARCH     i386 or x86_64; or lists, for only the lists, if the host has its own rules
#     SEGUE_OBJDIR   folder of the objects; by default build/segue-i386 or build/segue-x86_64
#     SEGUE_MEMORY   1: adds memcpy, memmove, memset and memcmp. They are weak: the host's own function wins
#
#     SEGUE_PROTOCOLS  of core linux64 linux multiboot2 multiboot vmlinux elf linux16 boot_sector those that are linked; by default all
#     SEGUE_CONTAINERS of bundle fiwix, in the same way; empty: none
#     SEGUE_CHECKS     of host, in the same way: the checks of the host's addresses
#     SEGUE_BLOCKS     of cpus real_mode high digest devices catcher return elf_core crash long_mode, in the same way:
#                      purgatory's optional blocks (segue.h says at segue_blocks what needs which)
#     SEGUE_EXTRAS     of exchange replay translate sections, in the same way: what few hosts or targets need (segue.h says at
#                      segue_load_extras what is for what)
#     SEGUE_SENTENCES  0: a refusal is a code, without a sentence; log gets nothing
#
# To be set anywhere, as usual: the host's CC, CFLAGS (or SEGUE_HOST_CFLAGS instead; without a sanitizer or a profiler),
# NASM and AR. The include defines:
#
#     SEGUE_SOURCES  every file that is compiled or assembled
#     SEGUE_LIBRARY  $(SEGUE_OBJDIR)/libsegue.a: a link takes only the objects it needs
#     SEGUE_OBJECTS  the objects, for a link that takes all of them
#     SEGUE_CFLAGS   the flags of the C files, added after the host's own
#
# All its names begin with SEGUE_, and the host's default goal does not change.

ifndef SEGUE_DIR
SEGUE_DIR := $(patsubst %/,%,$(dir $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))))
endif
# A comment after a value leaves blanks in the value.
override SEGUE_ARCH := $(strip $(SEGUE_ARCH))
ifeq ($(filter i386 x86_64 lists,$(SEGUE_ARCH)),)
$(error SEGUE_ARCH is i386 or x86_64, not '$(SEGUE_ARCH)')
endif

# ---- the lists, relative to SEGUE_DIR ----
SEGUE_WILDCARD = $(patsubst $(SEGUE_DIR)/%,%,$(sort $(wildcard $(addprefix $(SEGUE_DIR)/,$(1)))))
SEGUE_ROOMS := loaders loaders/common loaders/container $(addprefix stage2/,load blocks plan leave bios return core crash)
SEGUE_C := $(call SEGUE_WILDCARD,$(SEGUE_ROOMS:%=%/*.c))
SEGUE_MEMORY_C := $(call SEGUE_WILDCARD,stage2/memory/*.c)
SEGUE_HEADERS := $(call SEGUE_WILDCARD,include/*.h $(SEGUE_ROOMS:%=%/*.h) stage2/machine/*.h stage2/memory/*.h stage2/numbers/*.h stage2/purgatory/*.h)
SEGUE_ASM_i386 := $(call SEGUE_WILDCARD,$(SEGUE_ROOMS:%=%/*_i386.asm))
SEGUE_ASM_x86_64 := $(call SEGUE_WILDCARD,$(SEGUE_ROOMS:%=%/*_x86_64.asm))
SEGUE_ASM_INCLUDES := $(call SEGUE_WILDCARD,$(SEGUE_ROOMS:%=%/*.inc) stage2/machine/*.inc stage2/purgatory/*.inc)
# Tables of the numbers that C and NASM share; the build makes an .inc of each. One is for stage 1 and segue.elf.
SEGUE_NUMBERS := $(filter-out %/standalone.c,$(call SEGUE_WILDCARD,stage2/numbers/*.c))
# Flat binaries, embedded as bytes: of purgatory its core and each block in an object of its own.
SEGUE_EMBED := $(call SEGUE_WILDCARD,stage2/bios/*_embed.asm stage2/purgatory/*_embed.asm)
# purgatory.asm includes the others.
SEGUE_PURGATORY_ASM := $(filter-out %_embed.asm,$(call SEGUE_WILDCARD,stage2/purgatory/*.asm))

# ---- what is chosen ----
SEGUE_ALL_PROTOCOLS := core linux64 linux multiboot2 multiboot vmlinux elf linux16 boot_sector
SEGUE_ALL_CONTAINERS := bundle fiwix
SEGUE_ALL_CHECKS := host
SEGUE_ALL_EXTRAS := exchange replay translate sections
SEGUE_ALL_BLOCKS := cpus real_mode high digest devices catcher return elf_core crash long_mode
SEGUE_PROTOCOLS ?= $(SEGUE_ALL_PROTOCOLS)
SEGUE_CONTAINERS ?= $(SEGUE_ALL_CONTAINERS)
SEGUE_CHECKS ?= $(SEGUE_ALL_CHECKS)
SEGUE_BLOCKS ?= $(SEGUE_ALL_BLOCKS)
SEGUE_EXTRAS ?= $(SEGUE_ALL_EXTRAS)
override SEGUE_SENTENCES := $(strip $(SEGUE_SENTENCES))
override SEGUE_MEMORY := $(strip $(SEGUE_MEMORY))
ifneq ($(filter-out 0 1,$(SEGUE_SENTENCES) $(SEGUE_MEMORY)),)
$(error SEGUE_SENTENCES and SEGUE_MEMORY are 0 or 1, not '$(filter-out 0 1,$(SEGUE_SENTENCES) $(SEGUE_MEMORY))')
endif
ifneq ($(strip $(SEGUE_PROTOCOL)$(SEGUE_CONTAINER)$(SEGUE_CHECK)$(SEGUE_BLOCK)$(SEGUE_EXTRA)),)
$(error The names are SEGUE_PROTOCOLS, SEGUE_CONTAINERS, SEGUE_CHECKS, SEGUE_BLOCKS and SEGUE_EXTRAS)
endif
SEGUE_UNKNOWN := $(filter-out $(SEGUE_ALL_PROTOCOLS),$(SEGUE_PROTOCOLS)) $(filter-out $(SEGUE_ALL_CONTAINERS),$(SEGUE_CONTAINERS)) \
	$(filter-out $(SEGUE_ALL_CHECKS),$(SEGUE_CHECKS)) $(filter-out $(SEGUE_ALL_BLOCKS),$(SEGUE_BLOCKS)) \
	$(filter-out $(SEGUE_ALL_EXTRAS),$(SEGUE_EXTRAS))
ifneq ($(strip $(SEGUE_UNKNOWN)),)
$(error SEGUE_PROTOCOLS, SEGUE_CONTAINERS, SEGUE_CHECKS, SEGUE_BLOCKS and SEGUE_EXTRAS: Segue has no $(strip $(SEGUE_UNKNOWN)))
endif
ifeq ($(strip $(SEGUE_PROTOCOLS)),)
$(error SEGUE_PROTOCOLS names no protocol)
endif
# $(call SEGUE_UNLESS,NAMES,FILES): these files, if none of the names is chosen.
SEGUE_UNLESS = $(if $(filter $(1),$(SEGUE_PROTOCOLS) $(SEGUE_CONTAINERS) $(SEGUE_EXTRAS)),,$(addprefix $(or $(3),loaders/),$(2)))
SEGUE_LEFT_OUT := $(call SEGUE_UNLESS,linux,linux.c) $(call SEGUE_UNLESS,linux64,linux_64.c) $(call SEGUE_UNLESS,vmlinux,vmlinux.c) \
	$(call SEGUE_UNLESS,linux64 vmlinux,long_tables.c) $(call SEGUE_UNLESS,linux64 linux vmlinux,linux_tell.c linux_boot_params.c) \
	$(call SEGUE_UNLESS,linux16,linux_real.c) $(call SEGUE_UNLESS,linux64 linux vmlinux linux16,linux_%.c) \
	$(call SEGUE_UNLESS,multiboot,multiboot.c multiboot_info.c) $(call SEGUE_UNLESS,multiboot2,multiboot2.c multiboot2_info.c elf_move.c) \
	$(call SEGUE_UNLESS,multiboot multiboot2,multiboot_%.c) $(call SEGUE_UNLESS,elf,elf_plain.c) \
	$(call SEGUE_UNLESS,core,core.c) $(call SEGUE_UNLESS,core multiboot multiboot2 vmlinux elf,elf.c) $(call SEGUE_UNLESS,boot_sector,boot_sector.c) \
	$(call SEGUE_UNLESS,sections,multiboot_sections.c elf_sections.c) $(call SEGUE_UNLESS,multiboot multiboot2,elf_sections.c) \
	$(call SEGUE_UNLESS,exchange,load/exchange.c plan/plan_exchange.c,stage2/) \
	$(call SEGUE_UNLESS,replay,load/replay_extra.c,stage2/) \
	$(call SEGUE_UNLESS,replay exchange,load/check_plan.c plan/replay.c,stage2/) $(call SEGUE_UNLESS,translate,load/extents.c,stage2/) \
	$(call SEGUE_UNLESS,bundle,container/bundle%.c) $(call SEGUE_UNLESS,fiwix,container/fiwix.c) \
	$(if $(SEGUE_CHECKS),,stage2/leave/places.c stage2/leave/walk.c) $(if $(filter 0,$(SEGUE_SENTENCES)),loaders/common/log.c) \
	$(if $(filter return,$(SEGUE_BLOCKS)),,$(addprefix stage2/return/,call.c prepare.c registers.c workspace_size.c enter_%.asm)) \
	$(if $(filter return crash,$(SEGUE_BLOCKS)),,stage2/return/saves.c) \
	$(if $(filter return elf_core crash,$(SEGUE_BLOCKS)),,stage2/return/line.c) \
	$(if $(filter crash,$(SEGUE_BLOCKS)),,stage2/crash/%.c stage2/crash/note_%.asm) $(if $(filter elf_core crash,$(SEGUE_BLOCKS)),,stage2/core/%.c) \
	$(if $(filter long_mode,$(SEGUE_BLOCKS)),,stage2/purgatory/catcher64_embed.asm) \
	$(foreach each,$(filter-out $(SEGUE_BLOCKS),$(SEGUE_ALL_BLOCKS)),stage2/blocks/block_$(each).c stage2/purgatory/$(each)_embed.asm)
SEGUE_DEFINES_protocols := -DSEGUE_PROTOCOLS $(SEGUE_PROTOCOLS:%=-DSEGUE_PROTOCOL_%)
SEGUE_DEFINES_containers := -DSEGUE_CONTAINERS $(SEGUE_CONTAINERS:%=-DSEGUE_CONTAINER_%)
SEGUE_DEFINES_blocks := -DSEGUE_BLOCKS $(SEGUE_BLOCKS:%=-DSEGUE_BLOCK_%)
SEGUE_DEFINES_checks := -DSEGUE_CHECKS $(SEGUE_CHECKS:%=-DSEGUE_CHECK_%)
SEGUE_DEFINES_load_extras := -DSEGUE_EXTRAS $(SEGUE_EXTRAS:%=-DSEGUE_EXTRA_%)
SEGUE_DEFINES_multiboot_extras := $(SEGUE_DEFINES_load_extras)
SEGUE_DEFINES := $(if $(filter 0,$(SEGUE_SENTENCES)),-DSEGUE_SENTENCES=0)

# ---- the flags ----
# The only sections are .text, .rodata*, a .bss of 72 bytes at most (known.h) and, if pointers must be relocated,
# .data.rel.ro*: a kernel's linker script may take no others. The host's warnings are shown but are not errors, and C89
# warnings are off, as the sources are C11. The folders are for quoted includes only and come first, so that a host's
# loader.h or elf.h is not taken for Segue's.
SEGUE_INCLUDES := $(addprefix -iquote $(SEGUE_DIR)/,include loaders stage2)
SEGUE_CFLAGS := -std=c11 -ffreestanding -fno-strict-aliasing -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-function-sections -fno-data-sections -fno-lto \
	-mgeneral-regs-only -Wno-error -Wno-declaration-after-statement
SEGUE_CFLAGS_i386 := -m32
SEGUE_CFLAGS_x86_64 := -m64 -mno-red-zone
SEGUE_CFLAGS += $(SEGUE_CFLAGS_$(SEGUE_ARCH))
# $(call SEGUE_TAKE_NUMBERS,OBJECT,FILE): the rows of a table in stage2/numbers/, found in its object, as lines for NASM.
SEGUE_TAKE_NUMBERS = LC_ALL=C tr -c '[:print:]\n' ' ' < $(1) | sed -n 's/^:number \([A-Za-z0-9_.]*\)  *0*\([0-9][0-9]*\)$$/\1 equ \2/p' > $(2) && \
	{ [ -s $(2) ] || { echo 'segue.mk: $(1) has no numbers: a flag of CFLAGS keeps the compiler from writing them (-fwhole-program?)' >&2; exit 1; }; }
# $(call SEGUE_TAKE_BLOCKS,MAP,FILE): where NASM's map of purgatory has the core and each block, as lines for NASM.
SEGUE_TAKE_BLOCKS = awk '$$5 == "progbits" { b = "block_" ($$6 == ".text" ? "core" : substr($$6, 2)); \
	printf "%s.at equ 0x%s\n%s.start equ 0x%s\n%s.size equ 0x%s\n", b, $$1, b, $$2, b, $$4 }' $(1) > $(2) && \
	{ [ -s $(2) ] || { echo 'segue.mk: $(1) has no sections: this NASM writes another kind of map' >&2; exit 1; }; }
SEGUE_NASM_i386 := elf32
SEGUE_NASM_x86_64 := elf64

ifneq ($(SEGUE_ARCH),lists)
override SEGUE_OBJDIR := $(or $(strip $(SEGUE_OBJDIR)),build/segue-$(SEGUE_ARCH))
SEGUE_HOST_CFLAGS ?= $(CFLAGS)
SEGUE_ASM := $(filter-out $(SEGUE_LEFT_OUT),$(SEGUE_ASM_$(SEGUE_ARCH)) $(SEGUE_EMBED))
SEGUE_C_OBJECTS := $(patsubst %.c,$(SEGUE_OBJDIR)/%.o,$(filter-out $(SEGUE_LEFT_OUT),$(SEGUE_C)) $(if $(filter 1,$(SEGUE_MEMORY)),$(SEGUE_MEMORY_C)))
SEGUE_ASM_OBJECTS := $(patsubst %.asm,$(SEGUE_OBJDIR)/%.o,$(SEGUE_ASM))
override SEGUE_SOURCES := $(addprefix $(SEGUE_DIR)/,$(patsubst $(SEGUE_OBJDIR)/%.o,%.c,$(SEGUE_C_OBJECTS)) $(SEGUE_ASM))
override SEGUE_OBJECTS := $(SEGUE_C_OBJECTS) $(SEGUE_ASM_OBJECTS)
override SEGUE_LIBRARY := $(SEGUE_OBJDIR)/libsegue.a
SEGUE_INC := $(SEGUE_NUMBERS:%.c=$(SEGUE_OBJDIR)/%.inc)
SEGUE_ASSEMBLE = $(or $(NASM),nasm) -I$(SEGUE_DIR)/stage2/ -I$(SEGUE_OBJDIR)/stage2/ -I$(SEGUE_OBJDIR)/
SEGUE_COMPILE = $(CC) $(SEGUE_INCLUDES) $(SEGUE_HOST_CFLAGS) $(SEGUE_CFLAGS)

# ---- the rules ----
SEGUE_GOAL := $(.DEFAULT_GOAL)
# The choice and the compiler with its flags, in a file that is written when they change. Then everything is compiled again.
SEGUE_CHOICE = $(SEGUE_DEFINES_protocols) $(SEGUE_DEFINES_containers) $(SEGUE_DEFINES_checks) $(SEGUE_DEFINES_blocks) $(SEGUE_DEFINES_load_extras) $(SEGUE_DEFINES) \
	$(subst ','\'',$(SEGUE_COMPILE))
$(SEGUE_OBJDIR)/always: ;
$(SEGUE_OBJDIR)/choice: $(SEGUE_OBJDIR)/always
	@mkdir -p $(@D)
	@echo '$(SEGUE_CHOICE)' | cmp -s - $@ || echo '$(SEGUE_CHOICE)' > $@
$(SEGUE_C_OBJECTS) $(SEGUE_INC) $(SEGUE_LIBRARY): $(SEGUE_OBJDIR)/choice
$(SEGUE_C_OBJECTS): $(SEGUE_OBJDIR)/%.o: $(SEGUE_DIR)/%.c $(addprefix $(SEGUE_DIR)/,stage2/segue.mk $(SEGUE_HEADERS))
	@mkdir -p $(@D)
	$(SEGUE_COMPILE) $(SEGUE_DEFINES) $(SEGUE_DEFINES_$(basename $(@F))) -c -o $@ $<
$(SEGUE_INC): $(SEGUE_OBJDIR)/%.inc: $(SEGUE_DIR)/%.c $(addprefix $(SEGUE_DIR)/,stage2/segue.mk $(SEGUE_HEADERS))
	@mkdir -p $(@D)
	$(SEGUE_COMPILE) -c -o $@.object $<
	$(call SEGUE_TAKE_NUMBERS,$@.object,$@.new)
	@rm $@.object && mv $@.new $@
$(SEGUE_ASM_OBJECTS): $(SEGUE_OBJDIR)/%.o: $(SEGUE_DIR)/%.asm $(addprefix $(SEGUE_DIR)/,$(SEGUE_ASM_INCLUDES)) $(SEGUE_INC) $(SEGUE_OBJDIR)/purgatory_blocks.inc $(SEGUE_OBJDIR)/bios_call.bin
	@mkdir -p $(@D)
	$(SEGUE_ASSEMBLE) -f $(SEGUE_NASM_$(SEGUE_ARCH)) -DPURGATORY_BIN="'$(SEGUE_OBJDIR)/purgatory.bin'" -DBIOS_CALL_BIN="'$(SEGUE_OBJDIR)/bios_call.bin'" -o $@ $<
$(SEGUE_OBJDIR)/purgatory.bin: $(addprefix $(SEGUE_DIR)/,$(SEGUE_PURGATORY_ASM) $(SEGUE_ASM_INCLUDES)) $(SEGUE_INC)
	@mkdir -p $(@D)
	$(SEGUE_ASSEMBLE) -f bin -I$(SEGUE_DIR)/stage2/purgatory/ -DMAP=$(@:.bin=.map) -o $@ $(SEGUE_DIR)/stage2/purgatory/purgatory.asm
$(SEGUE_OBJDIR)/purgatory_blocks.inc: $(SEGUE_OBJDIR)/purgatory.bin
	$(call SEGUE_TAKE_BLOCKS,$(<:.bin=.map),$@)
$(SEGUE_OBJDIR)/bios_call.bin: $(SEGUE_DIR)/stage2/bios/bios_call.asm $(addprefix $(SEGUE_DIR)/,$(SEGUE_ASM_INCLUDES)) $(SEGUE_INC)
	@mkdir -p $(@D)
	$(SEGUE_ASSEMBLE) -f bin -o $@ $<
$(SEGUE_LIBRARY): $(SEGUE_OBJECTS)
	@rm -f $@
	$(AR) rcsD $@ $(SEGUE_OBJECTS)
.DEFAULT_GOAL := $(SEGUE_GOAL)
endif
