# SPDX-License-Identifier: MIT
"""Our hosts (test/hosts) in every mode and state. Each starts the inspector, whose verdict must agree with the
registers that the emulator shows at the target's first instruction. Some start real targets."""
import os
import random
import re
import subprocess
import time

import pytest

import bochs
import host_matrix
import other_cpus
from cells import BUSYBOX_LINE, DOM0_LINE, INITRD, XEN_LINE, at, segue_pack
from device_state import DeviceState, loud_ones
from host_matrix import BOCHS, FACTORS, LONG, build_of, cell_id, pairwise, words
from images import Part, grub_iso, pack_fiwix, qemu_kernel, write
from qemu import BUILD, LOGS, ROOT, Qemu
from test_state import (LINUX, MULTIBOOT, PASSED, Verdict, check_entry, check_reserved, check_verdict, connect, name32,
                        run_to, verdict)

HOSTS = os.path.join(BUILD, "hosts")
LONG_BASE = 0xffffffff80000000
TARGETS = {"multiboot": MULTIBOOT, "linux": LINUX}
BAD = r"^(Refused: .*|host: exception .*|host: this CPU has no .*|host: no NMI came|host: out of .*|segue: exception .*)"

CR0 = dict(mp=1, em=2, ts=3, ne=5, wp=16, am=18, nw=29, cd=30)
CR4 = dict(pge=7, globals=7, pcide=17, smep=20, smap=21)
EFLAGS = dict(tf=8, pit=9, df=10, nt=14, ac=18)
# CR4 with all that QEMU's max and Bochs's tigerlake both offer beyond the mode: TSD DE PSE MCE PGE PCE OSFXSR
# OSXMMEXCPT UMIP OSXSAVE SMEP SMAP; in 64-bit mode also FSGSBASE and PKE
CR4_ALL = 0x340fdc
CR4_ALL_LONG = CR4_ALL | 1 << 16 | 1 << 22


def host(name):
    return os.path.join(HOSTS, name + ".elf")


def exec_address(name, code_base=0, base=LONG_BASE, gate="segue_exec"):
    """Return the linear address of segue_exec(), or of another gate, in a host."""
    listed = subprocess.run(["nm", os.path.join(HOSTS, name + ".kernel.elf")], capture_output=True, text=True,
                            check=True).stdout
    symbol = int(re.search(rf"^([0-9a-f]+) \w {gate}$", listed, re.MULTILINE)[1], 16)
    if name == "x86_64":
        return (symbol + base) & (1 << 64) - 1
    return (symbol + code_base) & 0xffffffff


def word(line, name):
    """Return a word's number (hexadecimal), or 0."""
    found = re.search(rf"\b{name}=([0-9a-f]+)", line)
    return int(found[1], 16) if found else 0


def has(line, name):
    return name in line.split()


def check_host(registers, line, cpu):
    """Check that the host is in the state it was asked for; otherwise the cell would show nothing."""
    wrong = []

    def want(what, good):
        if not good:
            wrong.append(what)

    mode = re.search(r"mode=(\w+)", line)[1]
    cr0, cr4, efer = registers["CR0"], registers.get("CR4", 0), registers.get("EFER", 0)
    flags = name32(registers, "EFL")
    want("CR0.PG", bool(cr0 >> 31) == (mode != "flat"))
    want("CR4.PAE", bool(cr4 >> 5 & 1) == (mode in ("pae", *LONG)))
    want("CR4.PSE", mode != "4m" or cr4 >> 4 & 1)
    want("CR4.LA57", bool(cr4 >> 12 & 1) == (mode == "la57"))
    want("EFER.LMA", bool(efer >> 10 & 1) == (mode in LONG))
    want("EFER.NXE", mode not in ("pae", *LONG) or efer >> 11 & 1)
    for name, bit in CR0.items():
        want(f"CR0 {name}", not has(line, name) or cr0 >> bit & 1)
    for name, bit in CR4.items():
        want(f"CR4 {name}", not has(line, name) or cr4 >> bit & 1)
    for name, bit in EFLAGS.items():
        want(f"EFLAGS {name}", not has(line, name) or flags >> bit & 1)
    if has(line, "cr4=all") and cpu == "max":
        all_bits = CR4_ALL_LONG if mode in LONG else CR4_ALL
        want(f"CR4, all of {all_bits:#x}", cr4 & all_bits == all_bits)
    want("EFER.SVME", not (has(line, "svm") or has(line, "clgi")) or efer >> 12 & 1)
    want("EFER.SCE", not has(line, "msr") or mode not in LONG or efer & 1)
    want("breakpoints", "dr=" not in line or registers["DR7"] & 0xff == 0xff)
    want("DR7.GD", not has(line, "dr=gd") or registers["DR7"] >> 13 & 1)
    want("XMM0", "fpu=sse" not in line or registers.get("XMM00"))
    want("YMM1", "fpu=avx" not in line or registers.get("YMM01"))
    want("x87", "fpu=x87" not in line or registers["FSW"] & 0x84 == 0x84)
    want("LDTR", not (has(line, "ldt") or has(line, "ldtcode")) or registers["LDT"]["selector"])
    want("CS", registers["CS"]["selector"] == (0x0c if has(line, "ldtcode") else word(line, "cs") or 8))
    want("SS", registers["SS"]["selector"] == 0x14 or not has(line, "ldtcode"))
    want("TR", not has(line, "tss") and "from=df" not in line or registers["TR"]["selector"])
    want("DS", registers["DS"]["selector"] == (0x23 if has(line, "userseg") else 0 if has(line, "nullseg") else 0x10))
    if mode not in LONG:
        want("CS's base", registers["CS"]["base"] == word(line, "cbase"))
        want("SS's base", registers["SS"]["base"] == word(line, "dbase"))
    stack = name32(registers, "ESP")
    want("stack", "stack=zero" not in line or stack == 0)
    want("stack", "stack=unmapped" not in line or stack & 0xffff == 0x8000)
    assert not wrong, "the host is not in the state asked for: " + ", ".join(wrong)


def high_memory(memory):
    """Return arguments for as much RAM above 4 GiB as below, if a PC would have none there."""
    if int(memory[:-1]) >= 4096:
        return {"memory": memory}
    return {"memory": f"{2 * int(memory[:-1])}M", "machine": f"pc,max-ram-below-4g={memory}"}


def modules_of(target, line=""):
    return [Part(target.path, target_words(line))]


def target_words(line):
    return "strict catcher" if has(line, "catcher") else "strict"


def machine(name, build, line, modules, args=(), **more):
    boot = qemu_kernel(Part(host(build), line), modules)
    boot["args"] += args
    if "blob=high" in line:
        more.update(high_memory(more.get("memory", "64M")))
    if other_cpus.count(line) > 1:
        boot["args"] += ["-smp", str(other_cpus.count(line))]
    return Qemu("hosts-" + name, **boot, **more)


def hand_over(name, build, line, target, bits, cpu, base=LONG_BASE, memory="64M", modules=None):
    """Let a host start the inspector; return (seconds, the verdict)."""
    target.load()
    exec_at = exec_address(build, word(line, "cbase"), base)
    with machine(name, build, line, modules or modules_of(target, line), memory=memory, bits=bits, cpu=cpu, gdb=True,
                 paused=True) as vm, connect(vm) as stub:
        stub.break_at(exec_at)
        try:
            stub.cont(30)
        except AssertionError:
            raise AssertionError("segue_exec() was never reached\n" + vm.serial()[-2000:])
        leaver = other_cpus.executing(stub, exec_at)
        registers = stub.info_registers()
        wide = (1 << (64 if build == "x86_64" else 32)) - 1
        assert name32(registers, "EIP") == exec_at - registers["CS"]["base"] & wide
        check_host(registers, line, cpu)
        home = other_cpus.home_of(stub, registers)
        stub.clear_break(exec_at)
        try:
            run_to(stub, target.entry, target.code)
        except AssertionError as why:
            stub.stop()
            raise AssertionError(f"{why}\n{vm.serial()[-2000:]}\n{stub.monitor('info registers')[:1500]}")
        entered = stub.info_registers()
        assert entered["A20"] == 1
        if "live=" in line:
            assert not loud_ones(DeviceState(vm, stub, leaver), line)
        if other_cpus.count(line) > 1:
            other_cpus.check(stub, line, home, target.entry, leaver, bits, cpu)
        stub.run()
        seen = verdict(vm)
        if "from=nmi" in line or has(line, "clgi"):
            # Point 16 of purgatory's contract: NMIs are not blocked, and GIF is 1. The inspector reports an NMI.
            vm.qmp("inject-nmi")
            vm.wait_for(r"^BAD: inspector: got vector 2 ", timeout=10)
        seconds = vm.elapsed()
    check_target(line, entered, target, seen)
    return seconds


def check_target(line, registers, target, seen):
    check_entry(registers, target, PASSED[target.name], has(line, "catcher"))
    check_verdict(seen, target, registers)
    if has(line, "catcher"):
        check_reserved(seen, registers)


def cells(factors, strength=2):
    """Return parameters for pytest: cells with their names."""
    return [pytest.param(cell, id=cell_id(cell, factors)) for cell in pairwise(factors, strength)]


def pytest_generate_tests(metafunc):
    full = metafunc.config.getoption("--full")
    if "qemu_cell" in metafunc.fixturenames:
        metafunc.parametrize("qemu_cell", cells(FACTORS, 3 if full else 2))
    if "bochs_cell" in metafunc.fixturenames:
        metafunc.parametrize("bochs_cell", cells(BOCHS) if full else bochs_few())


def test_host_state(qemu_cell, request, row):
    build, line = build_of(qemu_cell), words(qemu_cell, FACTORS)
    bits = 64 if qemu_cell["emulator"] == "x86_64" else 32
    cpu = "486" if qemu_cell["emulator"] == "486" else "max"
    name = re.sub(r"[^\w+=.-]", "_", request.node.name)
    row(hand_over(name, build, line, TARGETS[qemu_cell["target"]], bits, cpu))


# A kernel that uses everything at once.
TOGETHER = {
    "4k-high": "blob=pages globals dr=on fpu=sse",
    "pae-high": "blob=odd globals stack=page msr",
    "long": "blob=high globals tss ldt msr fpu=avx dr=on",
    "la57": "blob=high-odd from=df wp",
}
ALL_AT_ONCE = "catcher live=all quiet=all cpus=4 others=mixed init cr4=all pit"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("mode", TOGETHER)
def test_all_at_once(mode, target, row):
    build, mode_words = host_matrix.MODES[mode]
    line = f"{mode_words} {TOGETHER[mode]} {ALL_AT_ONCE}"
    row(hand_over(f"all-{mode}-{target}", build, line, TARGETS[target], 64, "max"))


def gate_page(build, base=LONG_BASE):
    return exec_address(build, 0, base) & ~0xfff


# The gate's linear page equals the physical address of this page of the workspace.
@pytest.mark.parametrize("page", [pytest.param(each, marks=[] if each in (0, 5, 6, 7) else [pytest.mark.full])
                                  for each in (*range(13), 17, 21, 31, 47)])
@pytest.mark.parametrize("build, mode", [("i386-mid", "4k"), ("i386-mid", "pae"), ("x86_64", "long")])
def test_gate_lies_at_a_physical_page_of_the_workspace(build, mode, page, row):
    line = f"mode={mode} base=1000000"
    phys = gate_page(build, 0x1000000) - page * 4096
    line += f" wsp={phys:x}"
    row(hand_over(f"gate-{build}-{mode}-{page}", build, line, MULTIBOOT, 64, "max", 0x1000000))


# Where the workspace's linear address is relative to its physical address.
PLACES = [
    ("i386-high", "4k", "wsp=2000000 wsv=2000000", "the same"),
    ("i386-high", "4k", "wsp=2000000 wsv=2001000", "one page higher"),
    ("i386-high", "4k", "wsp=2000000 wsv=1ff0000", "sixteen pages lower"),
    ("i386-high", "pae", "wsp=2000000 wsv=2005000", "five pages higher"),
    ("i386-high", "pae", "wsp=2000000 wsv=1fff000", "one page lower"),
    ("i386-high", "pae", "wsp=23ff000 wsv=dffff000", "across tables' ends"),
    ("i386-high", "4k", "wsp=23ff000 wsv=dffff000", "across tables' ends"),
    ("i386-high", "4k", "wsp=2000000 wsv=fff00000", "near the top"),
    ("i386-high", "4k", "wsp=3faf000 wsv=3faf000 catcher", "where the catcher goes"),
    ("x86_64", "long", "wsp=2000000 wsv=2000000", "the same"),
    ("x86_64", "long", "wsp=2000000 wsv=2001000", "one page higher"),
    ("x86_64", "long", "wsp=2000000 wsv=1ffc000", "four pages lower"),
    ("x86_64", "long", "wsp=21fd000 wsv=ffffff7ffffff000", "across all tables' ends"),
    ("x86_64", "long", "wsp=2000000 wsv=ffffffff7fff0000", "below the kernel"),
    ("x86_64", "la57", "wsp=21fd000 wsv=ff11fffffffff000", "across all tables' ends"),
    ("x86_64", "la57", "wsp=2000000 wsv=2003000", "three pages higher"),
    ("x86_64", "la57", "wsp=2000000 wsv=ffffc90000000000", "in a half that 4 levels have too"),
]


@pytest.mark.parametrize("build, mode, line, what", PLACES, ids=[f"{each[1]}-{each[3]}" for each in PLACES])
def test_workspace_place(build, mode, line, what, row):
    name = "place-" + re.sub(r"\W", "-", f"{mode}-{what}")
    row(hand_over(name, build, f"mode={mode} {line}", LINUX, 64, "max"))


# The 64-bit library links into a kernel at any address.
@pytest.mark.parametrize("mode, base", [
    ("long", 0xffff800000000000), ("long", 0x7f0000000000), ("long", 0), ("la57", 0xff80000000000000),
    ("la57", 0xffffffff00000000)], ids=lambda each: each if isinstance(each, str) else f"{each:x}")
def test_kernel_place(mode, base, row):
    row(hand_over(f"base-{mode}-{base:x}", "x86_64", f"mode={mode} base={base:x}", MULTIBOOT, 64, "max", base))


def shift_to(build, offset, gate="segue_exec"):
    """Return a shift of the kernel that puts a gate at this offset in its page. Within the last 200 bytes it crosses
    into the next page."""
    return (offset - exec_address(build, gate=gate)) & 0xfff


ACROSS = 4096 - 200


# Segment bases that are not multiples of a page; offset: where they put the gate.
@pytest.mark.parametrize("words_, offset", [
    ("mode=flat cbase=40000{0:03x} dbase=40000{0:03x}", 0xab0), ("mode=flat cbase=40000{0:03x} dbase=40000{0:03x}", 1),
    ("mode=flat cbase=40000{0:03x} dbase=40000{0:03x}", ACROSS), ("mode=4k cbase=10000{0:03x} dbase=8000{0:03x}", 0x7f3),
    ("mode=pae cbase=10000{0:03x} dbase=10000{0:03x}", 0xab0),
], ids=["flat-ab0", "flat-1", "flat-across", "4k-7f3", "pae-ab0"])
def test_odd_bases(words_, offset, row):
    shift = shift_to("i386-high", offset)
    line = words_.format(shift) + f" shift={shift:x}"
    row(hand_over(f"odd-{words_[5:9]}-{shift:x}", "i386-high", line, MULTIBOOT, 32, "max"))


REFUSED = [
    ("i386-high", "mode=4k wrong=code", 153), ("i386-high", "mode=4k wrong=data", 153),
    ("i386-low", "mode=flat wrong=unloaded", 150), ("x86_64", "mode=long wrong=unloaded", 150),
    ("i386-high", "mode=4k cbase=10000{0:03x} dbase=10000{0:03x} shift={0:03x}", 155),
]


@pytest.mark.parametrize("build, line, code", REFUSED, ids=[f"{each[0]} {each[1]}" for each in REFUSED])
def test_ready_refuses(build, line, code, row):
    """Each refusal has its code and a sentence, and the host continues."""
    line = line.format(shift_to(build, ACROSS))
    with machine("ready-" + re.sub(r"\W", "-", line), build, line, modules_of(MULTIBOOT), bits=64, cpu="max") as vm:
        said = vm.wait_for(r"^Refused: segue_ready: (\d+) (\S.+)\n", timeout=20, but_not="^host: exception.*|^INSPECT")
        row(vm.elapsed(), said[2])
    assert int(said[1]) == code


BY_THE_TABLES = r"^host: segue says \(0\) (workspace not at workspace_phys: page 0 is at \S+ by (?:the page tables|its address \(paging is off\)); expected \S+)\n"
NOT_VERIFIED = r"^host: segue says \(2\) (workspace_phys was not verified: .*)\n"
WORKSPACE_PLACE = 12


# Where a host may have its page tables mapped: all RAM at a base that is no power of two; by a slot of their own.
TABLES_MAPPED = {
    "4k": ("direct=20400000", "recursive=3ff", "recursive=123"),
    "4m": ("direct=20400000", "recursive=3ff"),
    "pae": ("direct=10200000", "recursive=7fc", "recursive=601"),
    "long": ("direct", "direct=ffff888000000000", "direct=ffffc94240000000", "direct=ffffff9640000000", "recursive=1fe",
             "recursive=3"),
    "la57": ("direct", "direct=ff11000000000000", "direct=ff11c94240000000", "recursive=101"),
}
PAGED = [each for each, (_, line) in host_matrix.MODES.items() if "mode=flat" not in line]
READABLE = [pytest.param(mode, how, id=f"{mode} {how}") for mode in PAGED
            for how in TABLES_MAPPED[re.search(r"mode=(\w+)", host_matrix.MODES[mode][1])[1]]]
# None, or in the page of 4 MiB that the kernel is in.
READABLE += [pytest.param(mode, "", id=mode) for mode in ("flat", "4m-high")]


@pytest.mark.parametrize("mode, how", READABLE)
def test_load_refuses_a_wrong_physical_address(mode, how, row):
    build, mode_words = host_matrix.MODES[mode]
    with machine(f"wrong-phys-{mode}-{how}", build, f"{mode_words} {how} search wrong=phys", modules_of(MULTIBOOT), bits=64,
                 cpu="max") as vm:
        said = vm.wait_for(BY_THE_TABLES, timeout=20, but_not="^host: exception.*|^INSPECT")
        code = vm.wait_for(r"^Refused: segue_load: (\d+) ", timeout=20)
        row(vm.elapsed(), said[1])
    assert int(code[1]) == WORKSPACE_PLACE


@pytest.mark.parametrize("mode, how", READABLE)
def test_load_takes_a_right_physical_address(mode, how, row):
    """From the same hosts, and says nothing of it."""
    build, mode_words = host_matrix.MODES[mode]
    with machine(f"right-phys-{mode}-{how}", build, f"{mode_words} {how} search", modules_of(MULTIBOOT), bits=64, cpu="max") as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad", timeout=20, but_not=BAD)
        said = vm.serial()
        row(vm.elapsed())
    assert not re.search(r"segue says \([01]\)|workspace", said), said


@pytest.mark.parametrize("mode", ("4k-high", "pae-high", "long", "la57"))
def test_tables_that_are_mapped_nowhere(mode, row):
    """No address can be verified there, right or wrong: that is said, and is no warning."""
    build, mode_words = host_matrix.MODES[mode]
    with machine("unmapped-tables-" + mode, build, mode_words + " search", modules_of(MULTIBOOT), bits=64, cpu="max") as vm:
        said = vm.wait_for(NOT_VERIFIED, timeout=20, but_not=BAD)
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad", timeout=20, but_not=BAD)
        whole = vm.serial()
        row(vm.elapsed(), said[1])
    assert whole.count("not verified") == 1
    # Without the flag it is said as well, of tables that would be found, too.
    with machine("unsearched-tables-" + mode, build, mode_words + " direct=" + ("20400000" if "i386" in build else "ffffc94240000000"),
                 modules_of(MULTIBOOT), bits=64, cpu="max") as vm:
        vm.wait_for(NOT_VERIFIED, timeout=20, but_not=BAD)
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad", timeout=20, but_not=BAD)
    with machine("unmapped-tables-wrong-" + mode, build, mode_words + " search wrong=phys", modules_of(MULTIBOOT), bits=64,
                 cpu="max") as vm:
        vm.wait_for(NOT_VERIFIED, timeout=20, but_not=BAD)


@pytest.mark.parametrize("mode, how", (("4k-high", ""), ("4k-high", "direct=20400000"), ("4k-bases", "recursive=3fe"),
                                       ("pae-high", "recursive=7fc"), ("long", "recursive=1fe")))
def test_load_reads_no_gdt_that_is_not_mapped(mode, how, row):
    build, mode_words = host_matrix.MODES[mode]
    with machine(f"no-gdt-{mode}-{how}", build, f"{mode_words} {how} nogdt", modules_of(MULTIBOOT), bits=64, cpu="max") as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad", timeout=20, but_not=BAD)
        row(vm.elapsed())


@pytest.mark.parametrize("mode, readable", (("4k-high", "view=d8000000 direct=d0000000"),
                                            ("long", "view=ffffc90010000000 direct=ffffc90000000000")), ids=("4k", "long"))
def test_what_walking_the_tables_costs(mode, readable, tmp_path, row):
    """For a blob that lies page by page, in instructions: less than a fifth of what segue_load() takes."""
    module = tmp_path / "module"
    module.write_bytes(bytes(8 << 20))
    blob = [Part(segue_pack(str(tmp_path / "bundle"), "--kernel", MULTIBOOT.path, "--module", str(module)), "strict")]
    build, mode_words = host_matrix.MODES[mode]
    took = []
    for how in (readable, ""):
        with machine(f"walk-cost-{mode}-{bool(how)}", build, f"{mode_words} blob=pages cost {how}", blob, bits=64, cpu="max",
                     args=["-icount", "shift=0,sleep=off"]) as vm:
            found = vm.wait_for(r"^host: segue_load took ([0-9a-f]+)\n", timeout=60, but_not=BAD)
            took.append(int(found[1], 16))
            elapsed = vm.elapsed()
    row(elapsed, f"{took[0]} instructions, {took[1]} where none can be read")
    assert took[0] < 1.2 * took[1]


def test_i386_refuses_what_lies_above_4_gib(row):
    with machine("high-i386", "i386-high", "mode=4k blob=high", modules_of(MULTIBOOT), bits=64, cpu="max") as vm:
        said = vm.wait_for(r"^Refused: segue_load: 7 (\S.+)\n", timeout=20, but_not="^host: exception.*|^INSPECT")
        row(vm.elapsed(), said[1])


REAL = {
    "linux-i386": ([Part(at("di-i386/linux"), BUSYBOX_LINE), INITRD], r"^INITRAMFS-OK ", False),
    "linux-amd64": ([Part(at("cloud-amd64/linux"), BUSYBOX_LINE), INITRD], r"^INITRAMFS-OK ", False),
    "multiboot": ([Part(at("multiboot-example/kernel"), "alpha beta"), Part(at("grub-invaders/kernel"), "gamma delta")],
                  r"^Halted\.", True),
    "xen": ([Part(at("xen/kernel"), XEN_LINE), Part(at("di-amd64/linux"), DOM0_LINE), INITRD],
            r"^INITRAMFS-OK ", False),
    "gnumach": ([Part(at("gnumach/kernel"), "console=com0"), Part(at("grub-invaders/kernel"), "one two"),
                 Part(at("memtest/ia32.bin"), "three")], r"^2 multiboot modules", False),
}
HIGH_MEMORY = 6144
DIRTY = "pit tss ldt msr cr4=all fpu=avx dr=on"
# Debian 12's Linux as dom0 crashes on QEMU's max, even if QEMU itself loads Xen.
XEN_CPU = "qemu64"
DIRTY_XEN = DIRTY.replace("avx", "sse")
REAL_CELLS = [
    ("flat", "linux-i386", "blob=odd " + DIRTY, 64, "i386"),
    ("4k-high", "linux-i386", "blob=pages from=irq globals " + DIRTY, 64, "i386"),
    ("pae-high", "linux-amd64", "blob=pages stack=page globals " + DIRTY, 160, "x86_64"),
    ("long", "linux-amd64", "blob=pages from=df globals " + DIRTY, 160, "x86_64"),
    ("la57", "linux-i386", "blob=odd stack=page " + DIRTY, 96, "x86_64"),
    ("long", "linux-amd64", "blob=high " + DIRTY, HIGH_MEMORY, "x86_64"),
    ("long", "xen", "blob=high-odd from=irq " + DIRTY_XEN, HIGH_MEMORY, "x86_64"),
    ("base", "multiboot", "blob=pages from=nmi " + DIRTY, 64, "i386"),
    ("4m-high", "gnumach", "blob=pages from=irq svm " + DIRTY, 64, "x86_64"),
    ("long", "multiboot", "blob=pages clgi " + DIRTY, 64, "x86_64"),
    ("long", "gnumach", "blob=odd " + DIRTY, 64, "x86_64"),
    # A Multiboot kernel on every host; test_devices.py starts Linux on each.
    ("flat", "multiboot", "blob=odd from=irq " + DIRTY, 64, "x86_64"),
    ("4k-identity", "multiboot", "blob=pages " + DIRTY, 64, "i386"),
    ("4k-high", "multiboot", "catcher stack=page " + DIRTY, 64, "x86_64"),
    ("4k-bases", "multiboot", "blob=odd from=df " + DIRTY, 64, "i386"),
    ("4m-identity", "multiboot", "blob=pages from=nmi " + DIRTY, 64, "i386"),
    ("pae-identity", "multiboot", "blob=odd from=irq " + DIRTY, 64, "x86_64"),
    ("pae-high", "multiboot", "catcher from=df globals " + DIRTY, 64, "i386"),
    ("la57", "multiboot", "catcher blob=high-odd globals " + DIRTY, 64, "x86_64"),
]
REAL_FULL = [(mode, target, line, memory, emulator) for mode in host_matrix.MODES for target in REAL
             if (mode, target) != ("la57", "xen")
             for line, memory in [("blob=pages " + (DIRTY_XEN if target == "xen" else DIRTY),
                                   {"multiboot": 64, "gnumach": 64, "xen": 1024}.get(target, 160))]
             # gnumach resets qemu-system-i386 -cpu max, whichever loader starts it
             for emulator in (["x86_64"] if mode in LONG or target in ("linux-amd64", "gnumach", "xen") else
                              ["i386", "x86_64"])]


@pytest.mark.parametrize("mode, target, line, memory, emulator",
                         [pytest.param(*each, id=f"{each[0]} {each[4]} {each[1]} {each[2]}") for each in REAL_CELLS] +
                         [pytest.param(*each, id=f"{each[0]} {each[4]} {each[1]} {each[2]} {each[3]}M",
                                       marks=[pytest.mark.full]) for each in REAL_FULL])
def test_real_target(mode, target, line, memory, emulator, targets, row):
    build, mode_words = host_matrix.MODES[mode]
    modules, marker, screen = REAL[target]
    bits = 64 if emulator == "x86_64" else 32
    with machine(f"real-{mode}-{target}-{emulator}", build, f"{mode_words} {line}", modules, memory=f"{memory}M",
                 bits=bits, cpu=XEN_CPU if target == "xen" else "max") as vm:
        vm.wait_for(r"^host: leaving", timeout=30, but_not=BAD)
        if screen:
            vm.wait_for(marker, screen=True, timeout=60)
        else:
            vm.wait_for(marker, timeout=60, but_not=BAD + "|INITRAMFS-BAD")
        row(vm.elapsed())


def test_a_multiboot_kernel_is_started_on_each_host():
    assert {mode for mode, target, *_ in REAL_CELLS if target in ("multiboot", "gnumach")} == set(host_matrix.MODES)


# States that only Bochs has, to real targets, up to their first output: Bochs is slow, and gnumach's PIC set-up panics
# it.
BOCHS_REAL = [
    pytest.param("long", "xen", r"^\(XEN\) Xen version", "vmx cet cr4=all globals msr fpu=avx dr=on", id="long xen vmx cet"),
    pytest.param("pae-high", "linux-i386", r"^\[ +0\.\d+\] Linux version", "vmx cet cr4=all globals from=irq pit",
                 id="pae-high linux-i386 vmx cet", marks=pytest.mark.full),
]


@pytest.mark.parametrize("mode, target, marker, state", BOCHS_REAL)
def test_real_target_in_bochs(mode, target, marker, state, targets, tmp_path, row):
    assert not bochs.missing(), bochs.missing()
    build, mode_words = host_matrix.MODES[mode]
    line = f"{mode_words} {state}"
    modules = REAL[target][0]
    if target == "linux-i386":
        modules = [Part(modules[0].path, "console=ttyS0 earlyprintk=serial"), INITRD]
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host(build), line), modules)
    began = time.monotonic()
    said = bochs.Bochs(f"real-{target}", iso, cpu="tigerlake", memory=256).wait_for(marker, timeout=120).serial
    row(time.monotonic() - began)
    check_said(said, line)


# Codes of segue_load() that only unit tests show: for permanently parked CPUs, a second segue_load() during the first, a
# bare ELF64, setup_data, a part above 4 GiB, completely full RAM, and defects. What is not linked (16, 24) the
# hosts of test/embed/test_blocks.py and test_choices.py show.
NOT_REFUSED_HERE = {11, 15, 16, 24, 72, 118, 130, 136, 137, 138, 140}
FIRST_READY_CODE = 150
MULTIBOOT2_CODES = range(200, 220)
VMLINUX_CODES = range(240, 250)


def load_codes():
    with open(os.path.join(ROOT, "include/segue.h")) as file:
        codes = {int(each) for each in re.findall(r"^\tSEGUE_E_\w+ = (\d+)", file.read(), re.MULTILINE)}
    return {each for each in codes if each < FIRST_READY_CODE or each in MULTIBOOT2_CODES or each in VMLINUX_CODES}


@pytest.mark.parametrize("mode", ["flat", "4k-high", "long",
                                  *(pytest.param(each, marks=pytest.mark.full)
                                    for each in ("4m-high", "pae-high", "4k-bases", "la57"))])
def test_refusals_change_nothing(mode, row):
    """Each kind a thousand times in the host: memory is compared by checksum, and so are control registers."""
    build, mode_words = host_matrix.MODES[mode]
    modules = [Part(MULTIBOOT.path, "strict"), Part(LINUX.path, "strict")]
    with machine("refusals-" + mode, build, f"{mode_words} refusals direct", modules, memory="24M", bits=64,
                 cpu="max") as vm:
        found = vm.wait_for(r"^REFUSALS: (\d+) kinds, (\d+) times each, (\d+) bad", timeout=150, but_not=BAD)
        said = vm.serial()
        row(vm.elapsed(), f"{found[1]} kinds, {found[2]} times each")
    assert not re.findall("^BAD: .*", said, re.MULTILINE)
    assert int(found[1]) >= 20 and int(found[2]) >= 1000 and int(found[3]) == 0
    assert len(re.findall("^ok: refusal ", said, re.MULTILINE)) == int(found[1])
    shown = set(map(int, re.findall(r"^ok: refusal .*: code (\d+)", said, re.MULTILINE))) - {0}
    assert shown | NOT_REFUSED_HERE == load_codes() and not shown & NOT_REFUSED_HERE


# The host's RAM disk starts at an offset in its page.
FIWIX_SKIP = 0x723
FIWIX_LINE = f"mode=4k stack=page tss pit skip={FIWIX_SKIP:x} fiwix="
MISMATCH = "WARNING: kexec: kexec_proto=linux, but the RAM disk holds a kernel for 'Multiboot 1', which is started."


def fiwix_ramdisk(path, content):
    """Write a first module that contains a RAM disk, of whole KB and larger than its content."""
    disk = content + bytes(1024 + -len(content) % 1024)
    write(path, b"\xa5" * FIWIX_SKIP + disk)
    return [Part(path, "strict")]


@pytest.mark.parametrize("protocol, target", [("multiboot1", "multiboot"), ("linux", "linux"), ("linux", "multiboot")])
def test_fiwix_kexec(protocol, target, tmp_path, row):
    """kexec.c for Fiwix in a host that looks like Fiwix; test_fiwix.py has Fiwix itself."""
    blob = TARGETS[target].path
    if target == "linux":
        blob = pack_fiwix(str(tmp_path / "blob"), blob)
    with open(blob, "rb") as file:
        modules = fiwix_ramdisk(str(tmp_path / "disk"), file.read())
    name = f"fiwix-{protocol}-{target}"
    row(hand_over(name, "i386-fiwix", FIWIX_LINE + protocol, TARGETS[target], 32, "max", modules=modules))
    with open(os.path.join(LOGS, "hosts-" + name, "serial.log")) as file:
        said = file.read()
    assert re.search(r"^kexec: .*, entry 0x\w+, \d+ KB moved in \d+ moves; leaving Fiwix\.$", said, re.MULTILINE)
    assert (MISMATCH in said) == (protocol == "linux" and target == "multiboot")


def test_fiwix_kexec_refuses(tmp_path, row):
    modules = fiwix_ramdisk(str(tmp_path / "disk"), b"\x01\x02\x03\x04" * 1000)
    with machine("fiwix-refused", "i386-fiwix", FIWIX_LINE + "linux", modules, bits=32, cpu="max") as vm:
        vm.wait_for(r"^host: Fiwix goes on", timeout=20, but_not=r"^INSPECT|^host: exception")
        said = re.findall("^ERROR: kexec: (.*)$", vm.serial(), re.MULTILINE)
        row(vm.elapsed(), said[0])
    assert said == ["not a kernel Segue knows: blob of 5120 bytes"]


BOCHS_HIGH_MEMORY = 4096 + 64


def bochs_few():
    """Return what only Bochs shows, once in each mode."""
    plain = {name: next(iter(values)) for name, values in BOCHS.items()}
    chosen = [
        dict(mode="long", virtual="vmx+cet", cr4="all+globals", msr="set", fpu="avx", breakpoints="on", entry="page"),
        dict(mode="long", virtual="cet-jump", cr4="all", entry="page", interrupts="pit", target="linux",
             catcher="on"),
        dict(mode="long", virtual="vmx", cr4="all+globals", entry="df", tables="tss+ldt", blob="pages", devices="old"),
        dict(mode="long", virtual="vmx+cet", cr4="all+globals", breakpoints="on", blob="high-odd"),
        dict(mode="4k-high", virtual="vmx+cet", cr4="all+globals", breakpoints="on", entry="zero"),
        dict(mode="pae-high", virtual="vmx+cet", cr4="all+globals", entry="irq", interrupts="pit", msr="set"),
        dict(mode="4m-high", virtual="vmx", cr4="all+globals", cr0="nw", target="linux", entry="nmi"),
        dict(mode="4m-identity", emulator="pentium", cr4="all", entry="unmapped", fpu="x87", msr="set",
             catcher="on", devices="old"),
        dict(mode="base", emulator="pentium", cr4="all", entry="irq", interrupts="pit", breakpoints="on", cr0="cd"),
    ]
    full = [{**plain, **each} for each in chosen]
    assert not any(host_matrix.absent(each) for each in full)
    return [pytest.param(each, id=cell_id(each, BOCHS)) for each in full]


def test_bochs_host(bochs_cell, tmp_path, row, request):
    assert not bochs.missing(), bochs.missing()
    target = TARGETS[bochs_cell["target"]].load()
    line = words(bochs_cell, BOCHS)
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host(build_of(bochs_cell)), line),
                   [Part(target.path, target_words(line) + " exit")])
    memory = BOCHS_HIGH_MEMORY if "blob=high" in line else 64
    run = bochs.Bochs("hosts-" + request.node.name, iso, cpu=bochs_cell["emulator"], memory=memory).run(target.entry,
                                                                                                    target.code)
    assert not re.search(BAD, run.serial, re.MULTILINE), run.serial[-2000:]
    check_said(run.serial, line)
    seen = Verdict(run.serial)
    assert run.registers, "the debugger never saw the target's first instruction"
    row(run.seconds)
    check_target(line, run.registers, target, seen)


@pytest.mark.parametrize("emulator", ["max", "tigerlake"])
def test_a_move_of_many_slides(emulator, tmp_path, row):
    """5 MiB above 4 GiB, checked by digest. Bochs's TLB still holds the windows' previous mappings, QEMU's mostly does
    not."""
    module = tmp_path / "module"
    module.write_bytes(random.Random(emulator).randbytes(5 << 20))
    target = MULTIBOOT.load()
    blob = [Part(segue_pack(str(tmp_path / "bundle"), "--digest", "--kernel", target.path, "--module", str(module)),
                 "strict exit")]
    line = "mode=long blob=high"
    if emulator == "max":
        with machine("slides", "x86_64", line, blob, cpu=emulator) as vm:
            vm.wait_for(r"^INSPECT: \d+ ok, 0 bad$", timeout=20, but_not=BAD + "|digest is")
            row(vm.elapsed())
        return
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host("x86_64"), line), blob)
    run = bochs.Bochs("hosts-slides", iso, cpu=emulator, memory=BOCHS_HIGH_MEMORY).run(target.entry, target.code, 120)
    row(run.seconds)
    assert not Verdict(run.serial).bad


def check_said(serial, line):
    """Check the host's own report of its registers, where no debugger stops it."""
    found = re.search(r"^host: CR0 (\w+) CR3 (\w+) CR4 (\w+)", serial, re.MULTILINE)
    assert found, serial[-2000:]
    cr0, cr3, cr4 = (int(each, 16) for each in found.groups())
    mode = re.search(r"mode=(\w+)", line)[1]
    assert bool(cr0 >> 31) == (mode != "flat")
    assert not has(line, "vmx") or cr4 >> 13 & 1
    assert not has(line, "cet") or cr4 >> 23 & 1
    assert not has(line, "globals") or cr4 >> 7 & 1
    if has(line, "cr4=all") and mode == "long":
        assert cr4 >> 17 & 1 and cr3 & 0xfff, "no PCID"
        assert cr4 & CR4_ALL_LONG == CR4_ALL_LONG


def test_the_matrix_is_whole():
    """Every pair of values that can occur does; every value occurs; no absent combination is present."""
    for factors in (FACTORS, BOCHS):
        chosen = pairwise(factors)
        assert not [each for each in chosen if host_matrix.absent(each)]
        for name, values in factors.items():
            assert {each[name] for each in chosen} == set(values), name
        seen = {frozenset(((a, cell[a]), (b, cell[b]))) for cell in chosen for a in cell for b in cell if a < b}
        lost = [pair for pair in all_pairs(factors) if pair not in seen]
        # Combinations that only two reasons together exclude.
        for pair in lost:
            assert host_matrix.complete(dict(pair), factors, list(factors), {}, 2) is None, pair


def all_pairs(factors):
    names = sorted(factors)
    return [frozenset(((a, x), (b, y))) for i, a in enumerate(names) for b in names[i + 1:]
            for x in factors[a] for y in factors[b] if not host_matrix.absent({a: x, b: y})]


@pytest.mark.parametrize("build", ["i386-low", "i386-mid", "i386-high", "x86_64"])
def test_the_gate_lies_in_one_page(build):
    """The gate's alignment keeps it in one page, wherever the linker puts it: stage2/leave/leave.h, GATE_ALIGN."""
    assert exec_address(build) % 2048 == 0
