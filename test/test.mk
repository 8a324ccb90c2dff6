# SPDX-License-Identifier: MIT
# The tests and what they boot. The Makefile includes it: its variables and rules (compile, link, objects) are used here.

# ---- the inspector: a target that judges how it was booted ----
INSPECT := $(addprefix $(B)/inspect/inspect.,mb.elf mb-video.elf mb2.elf pvh.elf vmlinux.elf plain.elf bzimage bzimage64)
INSPECT_SRC := test/targets/inspect
# -fpie: one set of objects for all, and the bzImages' payload is position-independent.
# -fcf-protection=none: where a compiler has it on by default, it refuses -march=i386.
CC_inspect = $(CC32) $(FREE) $(I386) -fpie -fvisibility=hidden -fcf-protection=none
$(eval $(call objects,inspect,$(INSPECT_SRC)/,elf32))
INSPECT_OBJECTS := $(patsubst $(INSPECT_SRC)/%.c,$(B)/inspect/%.o,$(wildcard $(INSPECT_SRC)/*.c)) \
	$(B)/inspect/save.o $(B)/inspect/pattern.o
.PHONY: inspect
inspect: $(INSPECT) ## the diagnostic target (build/inspect/)
$(B)/inspect/entry.%.o: $(INSPECT_SRC)/entry_elf.asm $(wildcard $(INSPECT_SRC)/*.inc) $(MAKEFILE_LIST)
	$(call assemble,elf32 $(if $(findstring .mb2,$@),-DMULTIBOOT2,$(if $(findstring .mb,$@),-DMULTIBOOT)) $(if $(findstring .vmlinux,$@),-DVMLINUX) $(if $(findstring .pvh,$@),-DPVH) $(if $(findstring video,$@),-DVIDEO))
$(B)/inspect/inspect.vmlinux.elf: $(INSPECT_SRC)/vmlinux.ld $(B)/inspect/entry.vmlinux.o $(INSPECT_OBJECTS)
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(SCRIPT))
$(B)/inspect/inspect.%.elf: $(INSPECT_SRC)/elf.ld $(B)/inspect/entry.%.o $(INSPECT_OBJECTS)
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(SCRIPT))
$(B)/inspect/inspect.pvh.elf: $(INSPECT_SRC)/pvh.ld $(B)/inspect/entry.pvh.o $(INSPECT_OBJECTS)
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(SCRIPT))
NO_INTERPRETER := -Wl,--no-dynamic-linker
$(B)/inspect/payload.elf: $(INSPECT_SRC)/linux.ld $(B)/inspect/entry_linux.o $(INSPECT_OBJECTS)
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static -pie $(NO_INTERPRETER) $(SCRIPT))
$(B)/inspect/payload.bin: $(B)/inspect/payload.elf
	$(Q)$(OBJCOPY32) -O binary -j .image $< $@
# xloadflags (boot.rst): 3, it has a 64-bit entry, and what it gets may be above 4 GiB
$(B)/inspect/inspect.bzimage $(B)/inspect/inspect.bzimage64: $(INSPECT_SRC)/setup.asm $(B)/inspect/payload.bin $(wildcard $(INSPECT_SRC)/*.inc) $(MAKEFILE_LIST)
	$(call assemble,bin -I$(B)/inspect/ -DXLOADFLAGS=$(if $(filter %64,$@),3,0))

# ---- a target that comes back: linked at 16 MiB, and over the hosts' kernel; entered by Multiboot or PVH ----
CALL_TARGETS := $(addprefix $(B)/call/,call.elf call-on-host.elf call-pvh.elf)
CALL_AT_call := 0x1000000
CALL_AT_call-pvh := $(CALL_AT_call)
CALL_AT_call-on-host := 0x120000
CC_call = $(CC32) $(FREE) $(I386) -fno-pie -Iinclude -fcf-protection=none
$(eval $(call objects,call,test/targets/call/,elf32))
CALL_OBJECTS := $(addprefix $(B)/call/,main.o read_core.o spoil.o start_info.o)
$(B)/call/entry_pvh.o: test/targets/call/entry.asm $(MAKEFILE_LIST)
	$(call assemble,elf32 -DPVH)
$(B)/call/call-pvh.elf: test/targets/call/pvh.ld $(B)/call/entry_pvh.o $(CALL_OBJECTS)
$(filter-out %-pvh.elf,$(CALL_TARGETS)): test/targets/call/call.ld $(B)/call/entry.o $(CALL_OBJECTS)
$(CALL_TARGETS): $(B)/call/%.elf:
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(NO_PIE) $(CALL_LAYOUT))
CALL_LAYOUT = $(SCRIPT),--defsym,TARGET_AT=$(CALL_AT_$(*F))

# ---- a target that saves its host to a disk ----
SAVE := $(B)/save/save.elf
CC_save = $(CC32) $(FREE) $(I386) -fno-pie $(INCLUDES) -fcf-protection=none
$(eval $(call objects,save,test/targets/save/,elf32))
$(SAVE): test/targets/call/call.ld $(B)/save/entry.o $(B)/save/main.o $(B)/i386/libsegue.a $(B)/i386/libsegue-memory.a
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(NO_PIE) $(SCRIPT)$(comma)--defsym$(comma)TARGET_AT=$(CALL_AT_call))

# ---- a kernel around purgatory's keep_devices and wake_devices ----
KEEP := $(B)/keep/keep.elf
CC_keep = $(CC32) $(FREE) $(I386) $(INCLUDES) $(if $(filter clang,$(CC32)),,-fno-pie) -fcf-protection=none
$(eval $(call objects,keep,test/targets/keep/,elf32))
$(B)/keep/start.o: $(B)/purgatory_blocks.inc
$(KEEP): test/targets/keep/keep.ld $(B)/keep/start.o $(B)/keep/main.o
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(NO_PIE) $(SCRIPT))

# ---- host kernels of our own: a boot stage, and in it a kernel that links the library ----
HOSTS := $(addprefix $(B)/hosts/,i386-low.elf i386-high.elf i386-mid.elf i386-fiwix.elf x86_64.elf fiwix-init)
HOSTS_SRC := test/hosts
HOST_BOOT := boot paging output
HOST_KERNEL := kernel cpus tables state devices refusals bios physical binaries calls lend cores snapshot call_refusals crash hostile witness output
HOST_LINK_i386-low := 0
HOST_LINK_i386-high := 0xc0000000
HOST_LINK_i386-mid := 0x01000000
HOST_LINK_i386-fiwix := 0xc0000000
HOST_MORE_i386-fiwix := fiwix/host.o fiwix/kexec.o
HOST_LINK_x86_64 := 0
.PHONY: hosts
hosts: $(HOSTS) $(CALL_TARGETS) $(SAVE) ## host kernels for the tests (build/hosts/)
CC_hosts/i386 = $(CC32) $(FREE) $(ARCH_i386) -Iinclude -Itest/targets/call -Itest/targets/save -fvisibility=hidden -fcf-protection=none -g
CC_hosts/x86_64 = $(CC64) $(FREE) $(ARCH_x86_64) -Iinclude -Itest/targets/call -Itest/targets/save -fvisibility=hidden -fcf-protection=none -g
$(eval $(call objects,hosts/i386,$(HOSTS_SRC)/,elf32))
$(eval $(call objects,hosts/x86_64,$(HOSTS_SRC)/,elf64))
# static-pie: the kernel carries its relocations, and the boot stage applies them.
LINK_KERNEL_i386 := $(CC32) $(M32) $(LINK_FREE) -static -Wl,--defsym,BITS=32
LINK_KERNEL_x86_64 := $(CC64) $(LINK_FREE) -static-pie $(NO_INTERPRETER) -Wl,--defsym,BITS=64
# max-page-size: with the linker's default for x86_64, 2 MiB, the flat kernel would be holes for the most part.
HOST_KERNEL_LAYOUT = $(SCRIPT),--defsym,LINK=$(HOST_LINK_$(*F)),-z,max-page-size=4096
define host
$(B)/hosts/$(1).kernel.elf: $(B)/hosts/%.kernel.elf: $(HOSTS_SRC)/kernel.ld $(addprefix $(B)/hosts/$(2)/,cpu_$(2).o $(HOST_KERNEL:=.o) $(HOST_MORE_$(1))) $(B)/$(2)/libsegue.a $(B)/$(2)/libsegue-memory.a
	$$(call link,$$(LINK_KERNEL_$(2)) $$(HOST_KERNEL_LAYOUT))
endef
$(foreach each,i386-low i386-high i386-mid i386-fiwix,$(eval $(call host,$(each),i386)))
$(eval $(call host,x86_64,x86_64))
$(B)/hosts/%.bin: $(B)/hosts/%.kernel.elf
	$(Q)objcopy -O binary $< $@
$(B)/hosts/%.boot.o: $(HOSTS_SRC)/boot.asm $(B)/hosts/%.bin
	$(call assemble,elf32 -DKERNEL="'$(@:.boot.o=.bin)'")
$(B)/hosts/%.elf: $(HOSTS_SRC)/boot.ld $(B)/hosts/%.boot.o $(HOST_BOOT:%=$(B)/hosts/i386/%.o) $(B)/i386/libsegue-memory.a
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(SCRIPT))
# Fiwix's kexec.c, compiled as Fiwix does. Each header of Fiwix's that it includes leads to names.h.
FIWIX_SRC := $(HOSTS_SRC)/fiwix
FIWIX_INCLUDE := $(B)/hosts/fiwix
$(B)/hosts/i386/fiwix/kexec.o: $(FIWIX_INCLUDE)/fiwix/kexec.h
$(B)/hosts/i386/fiwix/kexec.o: CC_hosts/i386 = $(CC32) $(M32) -march=i386 -std=c89 -D__KERNEL__ -O2 -fno-pie -fno-common -ffreestanding \
	-Wall -Wstrict-prototypes -Wextra $(FATAL) -fno-stack-protector -I$(FIWIX_INCLUDE) -I$(FIWIX_SRC) -Iinclude
$(FIWIX_INCLUDE)/fiwix/kexec.h: $(FIWIX_SRC)/kexec.c $(FIWIX_SRC)/kexec.h
	@mkdir -p $(@D)
	@for each in $$(sed -n 's/^#include <\(fiwix.*\)>$$/\1/p' $<); do echo '#include "names.h"' > $(FIWIX_INCLUDE)/$$each; done
	@cp $(FIWIX_SRC)/kexec.h $@
# What Fiwix itself runs in the tests: a program for its system calls.
$(B)/hosts/fiwix-init: $(B)/hosts/i386/fiwix/init.o
	$(call link,$(CC32) $(M32) $(LINK_FREE) -static $(NO_PIE))

# ---- unit tests: programs of the build machine ----
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_FLAGS := -std=gnu11 -g -O1 -Wall -Wextra $(FATAL) $(INCLUDES) -Itest/unit -Itest/fuzz -Istage2/standalone -Idisk
CMOCKA_FLAGS = $$(pkg-config --cflags cmocka)
CMOCKA = $$(pkg-config --libs cmocka)
CC_sanitized = $(HOSTCC) $(TEST_FLAGS) $(SANITIZE)
# As i386 has it, with 32-bit addresses (loaders/common/bytes.h).
CC_sanitized32 = $(CC_sanitized) -DSEGUE_ADDRESS_32
$(eval $(call objects,sanitized,,elf64))
$(eval $(call objects,sanitized32,,elf64))
UNIT_C := $(wildcard test/unit/*_test.c)
UNIT := $(patsubst test/unit/%.c,$(B)/test/unit/%,$(UNIT_C))
UNIT32 := $(patsubst test/unit/%.c,$(B)/test/unit32/%,$(filter-out test/unit/standalone_% test/unit/plan_test.c,$(UNIT_C)))
$(B)/sanitized/test/unit/%.o: CC_sanitized += $(CMOCKA_FLAGS)
$(B)/sanitized32/test/unit/%.o: CC_sanitized32 += $(CMOCKA_FLAGS)
$(foreach each,sanitized sanitized32,$(eval $(B)/$(each)/libsegue.a: $(SEGUE_C:%.c=$(B)/$(each)/%.o) $(ASM_x86_64)))
$(B)/test/unit/%: $(B)/sanitized/test/unit/%.o $(B)/sanitized/libsegue.a
	$(call link,$(HOSTCC) $(SANITIZE),$(CMOCKA))
$(B)/test/unit32/%: $(B)/sanitized32/test/unit/%.o $(B)/sanitized32/libsegue.a
	$(call link,$(HOSTCC) $(SANITIZE),$(CMOCKA))

# ---- fuzzers ----
FUZZ := $(patsubst test/fuzz/%.c,$(B)/test/fuzz/%,$(wildcard test/fuzz/*_raw.c test/fuzz/*_struct.c))
FUZZ_FLAGS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_OBJECTS := $(SEGUE_C:%.c=$(B)/fuzz/%.o) $(ASM_x86_64)
CC_fuzz = clang $(TEST_FLAGS) -O2 $(FUZZ_FLAGS)
$(eval $(call objects,fuzz,,elf64))
# Its sum of the workspace compares nothing of the input. Tracing its loop took a third of the time.
$(B)/fuzz/stage2/leave/known.o: CC_fuzz += -fno-sanitize-coverage=trace-cmp
# Some include the unit tests' machine, which has cmocka.
$(B)/fuzz/test/fuzz/%.o: CC_fuzz += $(CMOCKA_FLAGS)
$(B)/test/fuzz/%: $(B)/fuzz/test/fuzz/%.o $(FUZZ_OBJECTS)
	$(call link,clang $(FUZZ_FLAGS),$(CMOCKA))

# ---- the planner's exhaustive tests and benches ----
# They run purgatory's own mover: 32-bit programs with a libc, which the freestanding compiler may not have.
PROGRAM32 := $(if $(shell command -v i686-linux-gnu-gcc),i686-linux-gnu-gcc,gcc -m32) -static
CC_program32 = $(PROGRAM32) -std=gnu11 -O2 -g -Wall -Wextra $(FATAL) $(INCLUDES) -Itest/unit -DMOVER
# The planner as x86_64 has it, with the C model of the mover.
CC_program64 = $(HOSTCC) $(TEST_FLAGS) -O2
$(eval $(call objects,program32,,elf32))
$(eval $(call objects,program64,,elf64))
PLANNER_C := $(wildcard stage2/plan/*.c)
MOVER := $(B)/i386/stage2/purgatory/mover_object.o
$(MOVER): $(SEGUE_PURGATORY_ASM)
PLANNER := $(addprefix $(B)/test/planner/,plan_worlds plan_worlds_64 mover_model copy_model)
# test/boot/test_digest.py feeds it.
DIGEST_PROGRAM := $(B)/test/planner/digest_program
$(B)/test/planner/%: $(B)/program32/test/unit/%.o
	$(call link,$(PROGRAM32))
$(addprefix $(B)/test/planner/,plan_worlds mover_model digest_program): $(PLANNER_C:%.c=$(B)/program32/%.o) $(MOVER)
# segue.elf's copies and sums.
$(B)/test/planner/copy_model: $(B)/i386/stage2/standalone/copy_asm.o
$(B)/test/planner/plan_worlds_64: $(B)/program64/test/unit/plan_worlds.o $(PLANNER_C:%.c=$(B)/program64/%.o)
	$(call link,$(HOSTCC))
$(B)/bench/planner: $(B)/program64/test/bench/planner.o $(PLANNER_C:%.c=$(B)/program64/%.o)
	$(call link,$(HOSTCC))
$(B)/bench/mover: $(B)/program32/test/bench/mover.o $(MOVER)
	$(call link,$(PROGRAM32))

# ---- goals ----
bench: ## planner, bytes moved, mover, a call and its return; and from power-on to the target beside GRUB, isolinux and qemu -kernel
	@test/need bench
	@$(MAKE) --no-print-directory bench-now
.PHONY: bench-now
bench-now: $(B)/bench/planner $(B)/bench/mover $(B)/segue $(foreach each,i386 x86_64,$(B)/$(each)/libsegue.a $(B)/$(each)/libsegue-memory.a)
	@test/targets/fetch --all && test/targets/initramfs/build
	@failed=0; \
	echo "== planner"; $(B)/bench/planner || failed=1; \
	echo "== bytes moved"; test/bench/boots || failed=1; \
	echo "== mover"; test/run32 $(B)/bench/mover || failed=1; \
	echo "== a round trip of segue_call()"; test/bench/round_trip.py || failed=1; \
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
		FUZZ_OBJECTS="$(FUZZ_OBJECTS)" test/fuzz/seeded

.PHONY: check check-now check-all check-quick check-quick-now fuzz bench tests
check: ## everything that needs no human; installs what it lacks; ends in one line
	@test/need check
	@$(MAKE) --no-print-directory check-now
check-all: ## the same with the whole matrix of boots
	@test/need check-all
	@# It is built for minutes, beside no boot. If it cannot be had, its tests are skipped.
	-@test/targets/fetch linux-jump
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
tests-quick: $(UNIT) $(UNIT32) $(INSPECT) $(PLANNER) $(DIGEST_PROGRAM) $(HOSTS) $(CALL_TARGETS) $(SAVE) $(KEEP)
tests: tests-quick $(FUZZ)
# On all CPUs, where nobody has said on how many.
MAKE_TESTS = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
check-now:
	@$(MAKE_TESTS) all test-lists || { test/check --not-built; exit 1; }
	@test/check $(CHECK)
check-quick-now:
	@$(MAKE_TESTS) all tests-quick lists || { test/check --not-built; exit 1; }
	@test/check --quick $(CHECK)
