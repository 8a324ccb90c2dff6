# SPDX-License-Identifier: MIT
"""Linux by its 64-bit entry: the state at its first instruction by the inspector, QEMU and Bochs, from each kind of host; Debian's
kernel with little and much memory and an initrd above 4 GiB; the catcher and NMIs in 64-bit mode; a CPU that has none."""
import hashlib
import os
import re
import subprocess
import time

import pytest

import bochs
import host_matrix
from cells import BUSYBOX_LINE, INITRD, at
from images import Part, grub_iso, grub_uefi, qemu_kernel, segue_medium
from purgatory_blocks import number, offset_of
from qemu import BUILD, LOGS, ROOT, Qemu
from test_hosts import BAD, machine
from test_state import (CATCHER_SIZE, INSPECT, LINUX_PREF_ADDRESS, SEGUE, Target, Verdict, connect, name32, run_to, symbol, verdict)
from test_window import every_register

ENTRY_64 = 0x200                        # boot.rst: after the start of the code
FOUR_GIB = 1 << 32
FAULT_SOURCE = os.path.join(ROOT, "test/targets/fault/linux64.asm")
FAULT = LINUX_PREF_ADDRESS + 0x300      # test/targets/fault/linux64.asm
ABSENT = 0x123456789000                 # which Segue's tables do not map
TABLES = 28 << 10                       # segue.h, SEGUE_LOAD_LINUX_64
REGISTERS = ("RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", *(f"R{each}" for each in range(8, 16)))


def full(*values):
    return pytest.param(*values, marks=pytest.mark.full)


class Target64(Target):
    def load(self):
        super().load()
        with open(self.path, "rb") as file:
            data = file.read()
        at_ = (data[0x1f1] + 1) * 512 + ENTRY_64
        self.entry, self.code = LINUX_PREF_ADDRESS + ENTRY_64, data[at_:at_ + 16]
        return self


LINUX64 = Target64("linux64", "inspect.bzimage64", 0x10, 80)


def check_entry(registers, catcher=False, wide=True, entry=None):
    """The emulator's registers at the first instruction. wide: they have all 64 bits. entry: the inspector's if it is None."""
    wrong = []

    def same(what, got, want):
        if got != want:
            wrong.append(f"{what} is {got:#x}, not {want:#x}")

    for name in REGISTERS if wide else ():
        if name != "RSI":
            same(name, registers[name], 0)
    same("RFLAGS", registers["RFL" if wide else "EFL"], 2)
    same("RIP", registers["RIP" if wide else "EIP"], LINUX64.entry if entry is None else entry)
    for name, want in dict(CR0=0x80000011, CR2=0, CR4=0x20, EFER=0x500, DR0=0, DR1=0, DR2=0, DR3=0, DR7=0x400).items():
        same(name, registers[name], want)
    same("DR6's causes", registers["DR6"] & 0xe00f, 0)
    for name in ("CS", "DS", "ES", "FS", "GS", "SS"):
        code = name == "CS"
        same(name, registers[name]["selector"], 0x10 if code else 0x18)
        same(f"{name}'s base", registers[name]["base"], 0)
        same(f"{name}'s limit", registers[name]["limit"], 0xffffffff)
        # present, ring 0, accessed; 64-bit readable code or writable data; page granularity
        same(f"{name}'s type", registers[name]["flags"] & 0xf0ff00, 0xa09b00 if code else 0xc09300)
    same("LDTR", registers["LDT"]["selector"], 0)
    same("TR", registers["TR"]["selector"], 0x20)
    same("TR's base", registers["TR"]["base"], registers["GDT"]["base"] + 0x40)
    same("TR's limit", registers["TR"]["limit"], 0x67)
    # QEMU's LTR sets the busy bit only in memory, which the inspector reads; Bochs's sets it in the hidden part too.
    same("TR's type", registers["TR"]["flags"] & 0xff00, 0x8900 if wide else 0x8b00)
    same("GDT's limit", registers["GDT"]["limit"], 0x2f)
    same("CR3", registers["CR3"], registers["GDT"]["base"] + 4096)
    same("IDT's limit", registers["IDT"]["limit"], 32 * 16 - 1 if catcher else 0)
    same("IDT's place", registers["IDT"]["base"] % CATCHER_SIZE if catcher else registers["IDT"]["base"], 2048 if catcher else 0)
    assert not wrong, "\n".join(wrong)


def check_verdict(seen, registers):
    assert not seen.bad
    assert len(seen.good) >= LINUX64.few, f"only {len(seen.good)} items were judged"
    assert seen.values["entered_by"] == "64-bit entry"
    for name in REGISTERS:
        if name in registers:
            assert seen.number(name.lower()) == registers[name], name
    for name, table in (("gdtr", "GDT"), ("idtr", "IDT")):
        assert seen.number(f"wide.{name}.base") == registers[table]["base"]
        assert seen.number(f"wide.{name}.limit") == registers[table]["limit"]
    assert seen.number("wide.cr3") == registers["CR3"]


def hand_over(vm, stub, catcher=False):
    LINUX64.load()
    run_to(stub, LINUX64.entry, LINUX64.code)
    registers = stub.info_registers()
    stub.run()
    seen = verdict(vm)
    check_entry(registers, catcher)
    check_verdict(seen, registers)
    return seen


def words(catcher):
    return "strict catcher" if catcher else "strict"


@pytest.mark.parametrize("cpu, catcher", [("max", False), ("qemu64", True), full("max", True), full("qemu64", False), full("EPYC", False)])
def test_entry_state(cpu, catcher):
    """From segue.elf."""
    with Qemu(f"linux64-state-{cpu}-{catcher}", memory="64M", cpu=cpu, gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "linux64" + " catcher" * catcher), [Part(LINUX64.path, words(catcher))])) as vm, connect(vm) as stub:
        hand_over(vm, stub, catcher)
        assert "Target: Linux, 64-bit entry 0x01000200" in vm.serial()


@pytest.mark.parametrize("way", ["ide-cd", full("ahci-disk"), full("usb-stick"), full("uefi2")])
def test_media(way, tmp_path):
    parts = Part(LINUX64.path, "strict"), [Part(SEGUE)]
    if way == "uefi2":
        made = grub_uefi(str(tmp_path / "boot.iso"), Part(SEGUE, "linux64"), [parts[0], *parts[1]])
    else:
        made = segue_medium(way, str(tmp_path / "medium"), *parts, "linux64")
    with Qemu(f"linux64-{way}", memory="256M", **made) as vm:
        seen = verdict(vm, 60)
    assert not seen.bad and seen.values["entered_by"] == "64-bit entry"


# Each mode of a host, in turn with what a host may leave behind, an initrd that stays above 4 GiB, and the catcher.
HOST_CELLS = {
    "flat": "blob=odd pit", "4k-identity": "blob=pages tss ldt catcher", "4k-high": "blob=pages globals dr=on fpu=sse msr",
    "4k-bases": "blob=odd from=df", "4m-identity": "blob=pages from=nmi catcher", "4m-high": "svm quiet=all",
    "pae-identity": "blob=odd from=irq cr4=all", "pae-high": "stack=page msr catcher", "base": "blob=pages",
    "long": "blob=high-page globals tss ldt msr fpu=avx dr=on", "la57": "blob=high-page from=df wp catcher",
}


def host_of(mode):
    build, mode_words = host_matrix.MODES[mode]
    return build, f"{mode_words} linux64 {HOST_CELLS.get(mode, 'blob=pages')}"


@pytest.mark.parametrize("mode", [each if each in ("flat", "4k-high", "pae-high", "long") else full(each) for each in host_matrix.MODES])
def test_from_hosts(mode):
    build, line = host_of(mode)
    catcher = "catcher" in line
    with machine(f"linux64-{mode}", build, line, [Part(LINUX64.path, words(catcher)), Part(SEGUE)], memory="64M", cpu="max", gdb=True,
                 paused=True) as vm, connect(vm) as stub:
        seen = hand_over(vm, stub, catcher)
    high = "high-page" in line
    start = seen.number("ramdisk_image")
    assert (start >= FOUR_GIB) == high and start % 4096 == 0
    assert seen.number("ramdisk_size") == os.path.getsize(SEGUE)
    check_tables(seen)


def check_tables(seen):
    """GDT and tables are in one reserved range of the map, and nothing else of it is reserved for them."""
    size = TABLES + (4096 if seen.number("ramdisk_image") >= FOUR_GIB else 0)
    ranges = [[int(each, 0) for each in value.split()[:3]] for name, value in seen.values.items() if re.fullmatch(r"e820\.\d+", name)]
    start = seen.number("wide.gdtr.base")
    inside = [each for each in ranges if each[2] == 2 and each[0] <= start and start + size <= each[0] + each[1]]
    assert len(inside) == 1, ranges
    assert not [each for each in ranges if each[2] == 1 and each[0] < start + size and start < each[0] + each[1]]


# Where the initrd goes, by the host's place for it and by its size.
@pytest.mark.parametrize("line, memory, flag, stays", [
    ("blob=high", "6144M", True, False), full("blob=high-odd", "6144M", True, False), full("blob=high-page", "6144M", False, False)])
def test_a_low_place(line, memory, flag, stays, targets, tmp_path):
    """An initrd that cannot stay goes below 4 GiB; without the flag the 32-bit entry takes it there."""
    with machine(f"linux64-low-{line}-{flag}", "x86_64", f"mode=long {line}" + " linux64" * flag, [Part(LINUX64.path, "strict"), Part(SEGUE)],
                 memory=memory, cpu="max") as vm:
        seen = verdict(vm)
    assert not seen.bad
    assert seen.values["entered_by"] == ("64-bit entry" if flag else "32-bit entry")
    assert seen.number("ramdisk_image") < FOUR_GIB


def target_digest(kernel, initrd):
    """segue.h, digest: the kernel's code, then the initrd."""
    with open(kernel, "rb") as file:
        data = file.read()
    with open(initrd, "rb") as file:
        return hashlib.sha256(data[(data[0x1f1] + 1) * 512:] + file.read()).hexdigest()


# No room for the initrd below 4 GiB.
LITTLE = "within=10000-a0000,1000000-1400000,100000000-104000000"


@pytest.mark.parametrize("line, right", [("linux64 blob=high-page", True), ("linux64 blob=high-page", False), ("blob=high " + LITTLE, True),
                                         full("linux64 blob=high-odd", True), full("blob=high-odd " + LITTLE, True)])
def test_a_digest_above_4_gib(line, right, tmp_path):
    """Purgatory sums the initrd where it lies, through three windows."""
    initrd = str(tmp_path / "initrd")
    with open(initrd, "wb") as file:
        file.write(os.urandom(5 << 20))
    digest = target_digest(LINUX64.path, initrd)
    digest = digest if right else digest[:-1] + ("1" if digest[-1] == "0" else "0")
    with machine(f"linux64-digest-{line}-{right}", "x86_64", f"mode=long {line} digest={digest}",
                 [Part(LINUX64.path, "strict"), Part(initrd)], memory="64M", cpu="max") as vm:
        if right:
            seen = verdict(vm)
            assert not seen.bad and seen.values["entered_by"] == "64-bit entry"
            assert (seen.number("ramdisk_image") >= FOUR_GIB) == ("odd" not in line or LITTLE in line)
        else:
            said = vm.wait_for(r"^segue: digest is ([0-9a-f]{64}), must be ([0-9a-f]{64}); stopped$")
            assert (said[1], said[2]) == (target_digest(LINUX64.path, initrd), digest)


REAL = [("flat", "128M", "blob=odd"), ("long", "6144M", "blob=high-page fpu=avx msr"), full("4k-high", "6144M", "blob=pages"),
        full("pae-high", "128M", "from=irq pit quiet=all"), full("la57", "6144M", "blob=high-page catcher"), full("long", "20480M", "blob=high-page"),
        full("long", "256M", "within=10000-a0000,1000000-d000000 wsp=e000000")]


@pytest.mark.parametrize("mode, memory, line", REAL)
def test_linux(mode, memory, line, targets, row):
    """Debian's amd64 Linux, whose init checks a digest of what is in its initrd."""
    if memory == "20480M" and free_gib() < 22:
        pytest.skip("20 GiB of RAM for QEMU are not free")
    build, mode_words = host_matrix.MODES[mode]
    with machine(f"linux64-real-{mode}-{memory}", build, f"{mode_words} linux64 {line}", [Part(at("di-amd64/linux"), BUSYBOX_LINE.replace("quiet ", "")), INITRD],
                 memory=memory, cpu="max") as vm:
        vm.wait_for(r"^host: leaving", timeout=30, but_not=BAD)
        vm.wait_for(r"^INITRAMFS-OK ", timeout=90, but_not=BAD + "|INITRAMFS-BAD")
        text = vm.serial()
        assert "by its 64-bit entry" in text and re.search(r"^kernel: .* x86_64$", text, re.MULTILINE)
        row(vm.elapsed())
    start = int(re.search(r"RAMDISK: \[mem 0x(\w+)-0x\w+\]", text)[1], 16)
    assert (start >= FOUR_GIB) == ("high-page" in line), hex(start)


# Kernel, zero page and command line above 4 GiB: the target has only base memory below; or no RAM below has room for the kernel.
WITHIN_HIGH = "within=10000-a0000,100000000-140000000"
SMALL = dict(memory="1024M", machine="pc,max-ram-below-4g=48M")
# Linux's own map and zero page, then the usual init.
LOOK = ('rdinit=/bin/sh -- -c "mount -t proc proc /proc; mount -t sysfs sysfs /sys; cat /proc/iomem; hexdump -C '
        '/sys/kernel/boot_params/data; umount /sys; umount /proc; exec /init"')


def told(text, offset, size):
    """A field of the zero page, from what hexdump has printed of it."""
    found = re.search(rf"^{offset & ~15:08x}  ([0-9a-f ]+)\|", text, re.MULTILINE)[1].split()
    return int.from_bytes(bytes.fromhex("".join(found[offset % 16:offset % 16 + size])), "little")


# CPU, mode and words of the host, machine, with KASLR. The first CPU has 5 levels, to which the decompressor changes.
ABOVE = {
    "base memory": ("max", "long", "linux64 " + WITHIN_HIGH, {"memory": "6144M"}, False),
    "small": ("qemu64", "long", "", SMALL, True),
    "scattered": ("qemu64", "long", f"linux64 {WITHIN_HIGH} blob=high-odd", {"memory": "6144M"}, False),
    "blob above": ("max", "long", f"linux64 {WITHIN_HIGH} blob=high-page fpu=avx msr from=df", {"memory": "6144M"}, False),
    "two CPUs": ("max", "la57", WITHIN_HIGH + " quiet=all cpus=2 others=park", {"memory": "6144M"}, True),
}


@pytest.mark.parametrize("name", [each if each in ("base memory", "small") else full(each) for each in ABOVE])
def test_linux_above_4_gib(name, targets, row):
    """Debian's amd64 Linux: its registers at the first instruction, and what it says itself of where it is."""
    cpu, mode, line, more, kaslr = ABOVE[name]
    build_, mode_words = host_matrix.MODES[mode]
    kernel = at("cloud-amd64/linux")
    with open(kernel, "rb") as file:
        data = file.read()
    init_size = int.from_bytes(data[0x260:0x264], "little")
    its_line = BUSYBOX_LINE.replace("quiet ", "") + (" " if kaslr else " nokaslr ") + LOOK
    with machine(f"linux64-above-{name}", build_, f"{mode_words} {line} digest={target_digest(kernel, INITRD.path)}",
                 [Part(kernel, its_line), INITRD], cpu=cpu, gdb=True, paused=True, **more) as vm, connect(vm) as stub:
        # Other CPUs would stop there too; a blob above 4 GiB may be where the kernel would go.
        if "cpus=" not in line and "blob=" not in line:
            run_to(stub, FOUR_GIB + ENTRY_64, data[(data[0x1f1] + 1) * 512 + ENTRY_64:][:16])
            registers = stub.info_registers()
            check_entry(registers, entry=FOUR_GIB + ENTRY_64)
            assert registers["RSI"] == FOUR_GIB + init_size
            assert stub.read_mem(registers["RSI"] + 0x1000, len(its_line) + 1) == its_line.encode() + b"\0"
        stub.run()
        vm.wait_for(r"^INITRAMFS-OK ", timeout=90, but_not=BAD + "|INITRAMFS-BAD")
        text = vm.serial()
        row(vm.elapsed())
    assert "by its 64-bit entry" in text and f"cmdline: [{its_line}]" in text
    code = int(re.search(r"^ *([0-9a-f]+)-[0-9a-f]+ : Kernel code", text, re.MULTILINE)[1], 16)
    load = (told(text, 0xc8, 4) << 32) + told(text, 0x228, 4) - 0x1000 - init_size
    assert load >= FOUR_GIB and load % 0x200000 == 0
    assert code >= FOUR_GIB if kaslr else code == load
    if "within" in line:
        assert (told(text, 0xc0, 4) << 32) + told(text, 0x218, 4) >= FOUR_GIB


def test_a_wrong_digest_above_4_gib(targets):
    kernel = at("cloud-amd64/linux")
    digest = target_digest(kernel, INITRD.path)
    wrong = digest[:-1] + ("1" if digest[-1] == "0" else "0")
    with machine("linux64-above-digest", "x86_64", f"mode=long linux64 digest={wrong}", [Part(kernel), INITRD], cpu="max", **SMALL) as vm:
        said = vm.wait_for(r"^segue: digest is ([0-9a-f]{64}), must be ([0-9a-f]{64}); stopped$")
        assert (said[1], said[2]) == (digest, wrong)


def free_gib():
    with open("/proc/meminfo") as file:
        return int(re.search(r"^MemAvailable: +(\d+) kB", file.read(), re.MULTILINE)[1]) >> 20


def test_no_64_bit_mode():
    """Refused before anything is changed; by the 32-bit entry there is only a warning."""
    with Qemu("linux64-cpu", memory="64M", cpu="qemu32", bits=32,
              **qemu_kernel(Part(SEGUE, "linux64"), [Part(LINUX64.path, "strict")])) as vm:
        vm.wait_for(r"^Refused: .*no 64-bit CPU")
    with Qemu("linux64-cpu-host", memory="64M", cpu="pentium", bits=32,
              **qemu_kernel(Part(os.path.join(BUILD, "hosts/i386-low.elf"), "mode=flat linux64"), [Part(LINUX64.path, "strict")])) as vm:
        vm.wait_for(r"^Refused: segue_load: 121 no 64-bit CPU")


def test_no_64_bit_entry():
    with Qemu("linux64-entry", memory="64M",
              **qemu_kernel(Part(SEGUE, "linux64"), [Part(os.path.join(INSPECT, "inspect.bzimage"), "strict")])) as vm:
        vm.wait_for(r"^Refused: .*no 64-bit entry: boot protocol 2\.15, 32-bit")


@pytest.mark.parametrize("catcher", [True, full(False)])
def test_bochs(catcher, tmp_path):
    assert not bochs.missing(), bochs.missing()
    LINUX64.load()
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(SEGUE, "linux64" + " catcher" * catcher), [Part(LINUX64.path, words(catcher) + " exit")])
    run = bochs.Bochs(f"linux64-{catcher}", iso, cpu="tigerlake").run(LINUX64.entry, LINUX64.code)
    assert run.registers, "the debugger never saw the target's first instruction"
    check_entry(run.registers, catcher, wide=False)
    check_verdict(Verdict(run.serial), run.registers)


# ---- the catcher ----

class Case:
    """vector, error, mnemonic and CR2 as they must be printed; the address where it happens; are CR3's tables still Segue's?"""

    def __init__(self, vector, mnemonic, error=0, cr2=0, rip=FAULT, tables=True):
        self.vector, self.mnemonic, self.error, self.cr2, self.rip, self.tables = vector, mnemonic, error, cr2, rip, tables


CASES = {
    "FIRST": Case(6, "UD", rip=LINUX_PREF_ADDRESS + ENTRY_64),
    "UNDEFINED": Case(6, "UD"),
    "READ": Case(14, "PF", error=2, cr2=ABSENT),
    "SELECTOR": Case(13, "GP", error=0x30),
    "DIVIDE": Case(0, "DE"),
    "GDT": Case(6, "UD"),
    "TABLES": Case(6, "UD", tables=False),
    "FETCH": Case(14, "PF", cr2=ABSENT, rip=ABSENT),
}
BLOCK = re.compile(
    "^segue: exception (?P<vector>\\w{16}), error code (?P<error>\\w{16}),\n"
    "RIP (?P<RIP>\\w{16}), CR2 (?P<CR2>\\w{16})\n"
    "#(?P<mnemonic>..) in the target, which has no IDT of its own yet\n"
    "RAX (?P<RAX>\\w{16}) RBX (?P<RBX>\\w{16}) RCX (?P<RCX>\\w{16})\n"
    "RDX (?P<RDX>\\w{16}) RSI (?P<RSI>\\w{16}) RDI (?P<RDI>\\w{16})\n"
    "RBP (?P<RBP>\\w{16}) RSP (?P<RSP>\\w{16}) R8  (?P<R8>\\w{16})\n"
    "R9  (?P<R9>\\w{16}) R10 (?P<R10>\\w{16}) R11 (?P<R11>\\w{16})\n"
    "R12 (?P<R12>\\w{16}) R13 (?P<R13>\\w{16}) R14 (?P<R14>\\w{16})\n"
    "R15 (?P<R15>\\w{16}) CS  (?P<CS>\\w{16}) SS  (?P<SS>\\w{16})\n"
    "RFLAGS (?P<RFL>\\w{16}) CR0 (?P<CR0>\\w{16})\n"
    "CR3 (?P<CR3>\\w{16}) CR4 (?P<CR4>\\w{16})\n"
    "(?:code(?P<code>(?: \\w\\w){16}))?; stopped$", re.MULTILINE)
EFLAGS_RF = 1 << 16


def build(name):
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, f"fault64-{name}.bin")
    subprocess.run(["nasm", "-f", "bin", "-o", path, FAULT_SOURCE, f"-DCASE_{name}"], check=True, timeout=20)
    with open(path, "rb") as file:
        data = file.read()[1024:]
    return path, data


def start_fault(name, path, catcher=True, **more):
    return Qemu(f"linux64-fault-{name}", memory="64M", gdb=True, paused=True,
                **qemu_kernel(Part(SEGUE, "linux64" + " catcher" * catcher), [Part(path)]), **more)


def check_fault(vm, stub, case, data, moved=0):
    """moved: so far above the place where it is linked the target lies."""
    stop = FAULT if case.rip == ABSENT else case.rip
    code = data[stop - LINUX_PREF_ADDRESS:][:16]
    run_to(stub, stop + moved, code)
    registers = stub.info_registers()
    stub.run()
    vm.wait_for(BLOCK.pattern, timeout=10)
    found = BLOCK.search(vm.serial())
    said = {key: int(value, 16) for key, value in found.groupdict().items() if key not in ("mnemonic", "code")}
    assert (said["vector"], found["mnemonic"], said["error"], said["CR2"], said["RIP"]) == \
        (case.vector, case.mnemonic, case.error, case.cr2, case.rip + (moved if case.rip == stop else 0))
    for each in (*REGISTERS, "CR0", "CR3", "CR4"):
        assert said[each] == registers[each], each
    assert (said["CS"], said["SS"]) == (0x10, 0x18)
    assert said["RFL"] & ~EFLAGS_RF == registers["RFL"]
    assert bool(found["code"]) == (case.tables and case.rip == stop)
    if found["code"]:
        assert bytes.fromhex(found["code"]) == code
    if case.tables:
        screen = vm.screen()
        assert f"#{case.mnemonic} in the target" in screen and found["R15"] in screen
    assert "HLT=1" in vm.wait_halted()


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_printed(name):
    path, data = build(name)
    with start_fault(name, path) as vm, connect(vm) as stub:
        check_fault(vm, stub, CASES[name], data)


@pytest.mark.parametrize("name", ["UNDEFINED", full("READ"), full("FETCH"), full("TABLES")])
def test_a_fault_above_4_gib_is_printed(name):
    """The catcher and the tables have RAM below 4 GiB, and the kernel has not enough."""
    path, data = build(name)
    with machine(f"linux64-fault-above-{name}", "x86_64", "mode=long linux64 catcher within=10000-a0000,1000000-1080000,100000000-104000000",
                 [Part(path)], memory="128M", machine="pc,max-ram-below-4g=64M", gdb=True, paused=True) as vm, connect(vm) as stub:
        check_fault(vm, stub, CASES[name], data, FOUR_GIB - LINUX_PREF_ADDRESS)


def test_without_the_catcher_it_resets():
    path, data = build("UNDEFINED")
    with start_fault("no-catcher", path, False) as vm, connect(vm) as stub:
        stub.run()
        vm.wait_exit(20)
        assert "exception" not in vm.serial()


# ---- purgatory's way into 64-bit mode ----

# mov ebp, ebp; mov esp, esp: its first instructions in 64-bit mode; and the last one, IRETQ
IN_64_BIT = bytes.fromhex("89ed89e4")
IRETQ = bytes.fromhex("48cf")


def at_exec(stub):
    stub.break_at(symbol("segue_exec"))
    stub.cont(30)
    stub.clear_break(symbol("segue_exec"))
    workspace = name32(stub.info_registers(), "EAX")
    # Where purgatory runs: params.home
    return int.from_bytes(stub.read_mem(workspace + number("PURGATORY_PARAMS_AT") + number("params.home"), 4), "little")


def start_of_block(home):
    """Its first instruction, after struct long_entry."""
    return home + offset_of("long_mode", b"\0" * number("long_entry_size")) + number("long_entry_size")


def test_each_register():
    """All are loaded from struct long_entry, with 64 bits. Linux itself gets only RSI."""
    LINUX64.load()
    values = {name: 0x0123456789abcd00 + at for at, name in enumerate(REGISTERS)}
    with Qemu("linux64-registers", memory="64M", gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "linux64"), [Part(LINUX64.path, "strict")])) as vm, connect(vm) as stub:
        start = start_of_block(at_exec(stub))
        stub.break_at(start)
        stub.cont(30)
        stub.clear_break(start)
        for name, value in values.items():
            at_ = number("long_entry.r8") + 8 * (int(name[1:]) - 8) if name[1:].isdigit() else number(f"long_entry.{name.lower()}")
            where = start - number("long_entry_size") + at_
            assert stub.ask(f"M{where:x},8:{value.to_bytes(8, 'little').hex()}") == "OK"
        run_to(stub, LINUX64.entry, LINUX64.code)
        registers = stub.info_registers()
        assert {name: registers[name] for name in REGISTERS} == values


@pytest.mark.parametrize("code, vector, error", [("0f0b", 6, 0), ("66b828008ed8", 13, 0x28)], ids=["ud2", "selector"])
def test_an_exception_on_the_way(code, vector, error):
    """It is printed by the code that prints in 32-bit mode. An NMI does not end the halt."""
    with Qemu(f"linux64-way-{vector}", memory="64M", gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "linux64"), [Part(LINUX64.path, "strict")])) as vm, connect(vm) as stub:
        where = at_exec(stub) + offset_of("long_mode", IN_64_BIT)
        stub.ask(f"M{where:x},{len(code) // 2:x}:{code}")
        fault = where + (4 if code.startswith("66b8") else 0)
        stub.run()
        vm.wait_for(rf"segue: exception {vector:08X}, error code {error:08X}, EIP {fault:08X}, CR2 0{{8}} "
                    r"between host and target; stopped", timeout=10)
        vm.wait_halted()
        vm.hmp("nmi")
        time.sleep(0.5)
        assert "HLT=1" in vm.wait_halted()
        assert "INSPECT" not in vm.serial() and vm.serial().count("segue: exception") == 1


def test_tr_on_the_way():
    """It is no 16-bit TSS of the host's, with which a CPU refuses the mode. QEMU's does not."""
    with Qemu("linux64-tr", memory="64M", gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "linux64"), [Part(LINUX64.path, "strict")])) as vm, connect(vm) as stub:
        where = at_exec(stub) + offset_of("long_mode", IN_64_BIT)
        stub.break_at(where)
        stub.cont(30)
        registers = stub.info_registers()
        assert name32(registers, "EIP") == where
        # A 32-bit TSS; QEMU's LTR sets the busy bit only in memory.
        assert (registers["TR"]["selector"], registers["TR"]["flags"] & 0xff00) == (0x18, 0x8900)


@pytest.mark.parametrize("catcher", [False, True])
def test_an_nmi_at_each_instruction(catcher):
    """From the beginning of the block to the target's second instruction, or to the last LIDT without a catcher: each NMI finds a
    handler, which returns and changes no register."""
    LINUX64.load()
    done = 0
    with Qemu(f"linux64-nmi-{catcher}", memory="64M", gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "linux64" + " catcher" * catcher), [Part(LINUX64.path, words(catcher))])) as vm, connect(vm) as stub:
        home = at_exec(stub)
        start = start_of_block(home)
        last = home + offset_of("long_mode", IRETQ)
        stub.break_at(start)
        stub.cont(30)
        stub.clear_break(start)
        # The mask of NMIs and timers is QEMU's default; without it steps see interrupts.
        stub.sstep(1)
        times = {}
        while True:
            here = name32(stub.info_registers(), "EIP")
            if here == last and not catcher:
                break
            times[here] = times.get(here, 0) + 1
            if times[here] <= 2:
                before = every_register(stub)
                stub.monitor("nmi")
                for _ in range(3):
                    if name32(stub.info_registers(), "EIP") == here:
                        stub.step()
                assert name32(stub.info_registers(), "EIP") != here, f"no NMI came at {here:#x}"
                for _ in range(30):
                    if name32(stub.info_registers(), "EIP") == here:
                        break
                    stub.step()
                assert every_register(stub) == before, f"the NMI at {here:#x} changed a register"
                done += 1
            if here == LINUX64.entry:
                break
            stub.step()
        assert done > (80 if catcher else 60)
        stub.run()
        assert not verdict(vm).bad
