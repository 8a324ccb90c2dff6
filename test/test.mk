# SPDX-License-Identifier: MIT
# The tests and what they boot: included by the Makefile, whose variables it has.

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
$(B)/inspect/%.o: $(INSPECT_SRC)/%.c $(wildcard $(INSPECT_SRC)/*.h) Makefile test/test.mk
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
$(B)/hosts/$(1)/%.o: $(HOSTS_SRC)/%.c $(wildcard $(HOSTS_SRC)/*.h include/*.h) Makefile test/test.mk
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
$(B)/hosts/i386/fiwix/kexec.o: $(addprefix $(FIWIX_SRC)/,kexec.c kexec.h names.h) include/segue.h Makefile test/test.mk
	@mkdir -p $(@D) $(FIWIX_INCLUDE)/fiwix
	$(call say,cc,$@)
	@for each in $$(sed -n 's/^#include <\(fiwix.*\)>$$/\1/p' $<); do echo '#include "names.h"' > $(FIWIX_INCLUDE)/$$each; done
	@cp $(FIWIX_SRC)/kexec.h $(FIWIX_INCLUDE)/fiwix/kexec.h
	$(Q)$(FIWIX_CC) -I$(FIWIX_INCLUDE) -I$(FIWIX_SRC) -Iinclude -c -o $@ $<
# What Fiwix itself runs in the tests: a program for its system calls.
$(B)/hosts/fiwix-init: $(FIWIX_SRC)/init.c Makefile test/test.mk
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC32) $(FREE) $(ARCH_i386) -nostdlib -static $(if $(filter clang,$(CC32)),,-no-pie) -Wl,--build-id=none,-z,noexecstack -o $@ $<
$(eval $(call host,x86_64,x86_64))

# ---- tests ----
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_FLAGS := -std=gnu11 -g -O1 -Wall -Wextra $(FATAL) $(INCLUDES) -Itest/unit -Itest/fuzz -Istage2/standalone
UNIT := $(patsubst test/unit/%.c,$(B)/test/unit/%,$(wildcard test/unit/*_test.c))
$(B)/sanitized/%.o: %.c $(HEADERS) Makefile test/test.mk
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) -c -o $@ $<
$(B)/sanitized/libsegue.a: $(LIB_C:%.c=$(B)/sanitized/%.o) $(HOST_ASM)
	@rm -f $@
	$(call say,ar,$@)
	$(Q)$(AR) rcsD $@ $^
# A change of the library links them anew and compiles none.
$(B)/test/unit/%.o: test/unit/%.c $(HEADERS) $(wildcard test/unit/*.h) Makefile test/test.mk
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
$(B)/sanitized32/%.o: %.c $(HEADERS) Makefile test/test.mk
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) -DSEGUE_ADDRESS_32 -c -o $@ $<
$(B)/sanitized32/libsegue.a: $(LIB_C:%.c=$(B)/sanitized32/%.o) $(HOST_ASM)
	@rm -f $@
	$(call say,ar,$@)
	$(Q)$(AR) rcsD $@ $^
$(B)/test/unit32/%.o: test/unit/%.c $(HEADERS) $(wildcard test/unit/*.h) Makefile test/test.mk
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(HOSTCC) $(TEST_FLAGS) $(SANITIZE) -DSEGUE_ADDRESS_32 $$(pkg-config --cflags cmocka) -c -o $@ $<
$(B)/test/unit32/%: $(B)/test/unit32/%.o $(B)/sanitized32/libsegue.a
	$(call say,link,$@)
	$(Q)$(HOSTCC) $(SANITIZE) -o $@ $^ $$(pkg-config --libs cmocka)

FUZZ := $(patsubst test/fuzz/%.c,$(B)/test/fuzz/%,$(wildcard test/fuzz/*_raw.c test/fuzz/*_struct.c))
FUZZ_FLAGS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
$(B)/fuzz/%.o: %.c $(HEADERS) Makefile test/test.mk
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
