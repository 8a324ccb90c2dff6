# SPDX-License-Identifier: MIT
"""segue_bios() and segue_physical_call() in our hosts (test/hosts, bios.c, physical.c). In every mode and in many states the
host calls the BIOS and binaries, and its state is unchanged afterwards, by its own comparison and by the emulator's
registers. The BIOS's memory map is the boot loader's, and a target that gets it starts."""
import os
import re
import subprocess

import pytest

import bochs
from cells import INITRD, NO_SELF_TESTS, at
from host_matrix import MODES
from images import Part, grub_iso, grub_uefi, qemu_kernel, qemu_linux
from qemu import Qemu
from test_hosts import ACROSS, BAD, HOSTS, LONG, LONG_BASE, has, host, machine, modules_of, shift_to, word
from test_state import LINUX, MSR, MULTIBOOT, Verdict, connect, found, log_to

SECTOR = 512
# Everything that a host can turn on, except what some CPU lacks.
ALL = "direct tss ldt msr cr4=all dr=on fpu=avx pit"
REFUSED_VMX, REFUSED_GATE, REFUSED_LOW, REFUSED_GONE = 170, 171, 172, 174
REFUSED_SEGMENTS, REFUSED_OVERLAP = 153, 177
GENERAL = {prefix + name for prefix in "ER" for name in ("AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP", "IP")}
# State internal to QEMU: flags not yet computed, timing.
NOT_COMPARED = GENERAL | {"CCS", "CCD", "CCO", "HLT", "A20", "II", "SMM"} | {f"R{n}" for n in range(8, 16)}
STATUS_FLAGS = 0x8d5

CELLS = [
    # mode, emulator, state
    *((mode, "x86_64", ALL) for mode in MODES),
    *((mode, "i386", ALL) for mode in MODES if mode not in LONG),
    ("4k-high", "486", "direct pit fpu=x87 ne"),
    ("4m-identity", "pentium,+apic", "direct pit fpu=x87 dr=on cr4=all"),
    ("base", "i386", "direct userseg am ac em ts ne mp"),
    ("long", "x86_64", "direct ldtcode pit fpu=sse"),
    ("pae-high", "i386", "direct ldtcode pit fpu=sse"),
    ("la57", "x86_64", "direct cs=fff8 from=nmi nonx nw"),
    ("4m-high", "i386", "direct cs=fff8 from=nmi cd globals"),
    ("4k-identity", "x86_64", "direct from=irq pit low=20000"),
    ("long", "x86_64", "direct from=df tss stack=page svm msr"),
    ("4k-bases", "i386", "direct from=df tss low=8b000"),
]
FEW = {("4m-high", "x86_64"), ("pae-identity", "x86_64"), ("long", "x86_64"), ("la57", "x86_64")}


def cells():
    for mode, emulator, state in CELLS:
        marks = [] if state != ALL or emulator == "i386" or (mode, emulator) in FEW else [pytest.mark.full]
        yield pytest.param(mode, emulator, state, id=f"{mode} {emulator} {state}", marks=marks)


def symbol(build, name, code_base, base=LONG_BASE):
    listed = subprocess.run(["nm", os.path.join(HOSTS, build + ".kernel.elf")], capture_output=True, text=True,
                            check=True).stdout
    at_ = int(re.search(rf"^([0-9a-f]+) \w {name}$", listed, re.MULTILINE)[1], 16)
    return at_ + base & (1 << 64) - 1 if build == "x86_64" else at_ + code_base & 0xffffffff


def sum_of(sector):
    """The same sum as sum_sector() of bios.c."""
    a = b = 0
    for each in sector:
        a += each + 1
        b += a
    return a | b << 32


def compared(registers):
    kept = {name: value for name, value in registers.items() if name not in NOT_COMPARED}
    flags = "EFL" if "EFL" in kept else "RFL"
    kept[flags] &= ~STATUS_FLAGS
    # The hidden part of a null LDTR has no meaning: a task switch and LLDT leave different ones.
    if not kept["LDT"]["selector"]:
        kept["LDT"] = 0
    return kept


@pytest.fixture
def disk(tmp_path):
    """Make a disk of noise; return it and what the host must say of its sector 1."""
    path = tmp_path / "disk.img"
    data = os.urandom(4 << 20)
    path.write_bytes(data)
    return str(path), sum_of(data[SECTOR:2 * SECTOR])


@pytest.mark.parametrize("mode, emulator, state", cells())
def test_calls(mode, emulator, state, disk, request, row):
    build, mode_words = MODES[mode]
    line = f"{mode_words} {state} map=bios bios=disk stay"
    bits, cpu = (64 if emulator == "x86_64" else 32), (emulator if emulator.startswith(("486", "pentium")) else "max")
    boot = qemu_kernel(Part(host(build), line), modules_of(MULTIBOOT.load()))
    boot["args"] += ["-drive", f"file={disk[0]},format=raw,if=ide"]
    before = symbol(build, "bios_before", word(line, "cbase"))
    after = symbol(build, "bios_after", word(line, "cbase"))
    end = symbol(build, "bios_end", word(line, "cbase"))
    name = "bios-" + re.sub(r"[^\w+=.-]", "_", request.node.callspec.id)
    with Qemu(name, memory="24M", bits=bits, cpu=cpu, gdb=True, paused=True, **boot) as vm, connect(vm) as stub:
        stub.break_at(before)
        try:
            stub.cont(40)
        except AssertionError:
            raise AssertionError("bios_before() was never reached\n" + vm.serial()[-2000:])
        at_first = stub.info_registers()
        stub.clear_break(before)
        stub.break_at(after)
        stub.cont(20)
        at_last = stub.info_registers()
        stub.clear_break(after)
        stub.break_at(end)
        try:
            stub.cont(60)
        except AssertionError:
            raise AssertionError("bios_end() was never reached\n" + vm.serial()[-2000:])
        at_end = stub.info_registers()
        stub.clear_break(end)
        stub.run()
        found = vm.wait_for(r"^BIOS: (\d+) bad", timeout=60, but_not=BAD)
        said, screen = vm.serial(), vm.screen()
        row(vm.elapsed())
    assert compared(at_first) == compared(at_last)
    # And after the handler that changes everything.
    assert compared(at_first) == compared(at_end)
    assert bool(at_first["CR0"] >> 31) == (mode not in ("flat", "base"))
    assert not has(state, "pit") or "from=" in state or at_first.get("EFL", at_first.get("RFL")) & 0x200
    assert found[1] == "0" and not re.findall("^BAD: .*", said, re.MULTILINE), said[-2000:]
    assert re.search(r"^host: map of [5-9] ranges from the BIOS, 0 bad", said, re.MULTILINE), said[-2000:]
    assert re.findall(r"^host: sector 1: (\w+)", said, re.MULTILINE) == [f"{disk[1]:x}"] * 2
    assert "Segue by way of INT 10h" in screen and "Segue by way of a binary" in screen


def test_a_pentium_has_no_apic_base():
    """A Pentium has a local APIC, but no IA32_APIC_BASE: reading that would be an exception. QEMU has the MSR, so an
    instruction log is checked."""
    class After:
        code = b""
        entry = symbol("i386-high", "bios_after", 0)

    boot = qemu_kernel(Part(host("i386-high"), "mode=4k bios=run stay"), modules_of(MULTIBOOT.load()))
    with Qemu("bios-pentium", memory="24M", bits=32, cpu="pentium,+apic", gdb=True, paused=True, **boot) as vm, \
            connect(vm) as stub:
        stub.break_at(symbol("i386-high", "bios_before", 0))
        stub.cont(40)
        stub.clear_break(symbol("i386-high", "bios_before", 0))
        listed = log_to(vm, stub, After)
    # The log covers the ground, which reads the end of base memory.
    assert found(listed, re.compile("0x413")) and not found(listed, MSR)


@pytest.mark.parametrize("mode, emulator", [("4k-high", "i386"), ("pae-high", "x86_64"), ("long", "x86_64"),
                                            ("la57", "x86_64"), ("base", "i386")])
@pytest.mark.parametrize("target", [MULTIBOOT, LINUX], ids=lambda each: each.name)
def test_a_target_after_it(mode, emulator, target, row):
    """The inspector gets the BIOS's map, from a host that called the BIOS in the state in which it leaves."""
    build, mode_words = MODES[mode]
    with machine(f"bios-then-{mode}-{target.name}", build, f"{mode_words} {ALL} map=bios bios=run",
                 modules_of(target.load()), memory="24M", bits=64 if emulator == "x86_64" else 32, cpu="max") as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, 0 bad", timeout=60, but_not=BAD + r"|^INSPECT: \d+ ok, [1-9]")
        said = vm.serial()
        row(vm.elapsed())
    assert re.search(r"^BIOS: 0 bad", said, re.MULTILINE)
    assert not Verdict(said).bad


def e820(said):
    return re.findall(r"BIOS-e820: (\[mem .*)", said)


@pytest.mark.parametrize("mode", ["4k-high", "long"])
def test_linux_gets_the_bios_map(mode, targets):
    """Linux prints the same map as when QEMU loads it."""
    build, mode_words = MODES[mode]
    words, kernel = f"console=ttyS0 {NO_SELF_TESTS} segue.test=wait", at("di-i386/linux")
    seen = []
    for name, boot in (
            ("segue", qemu_kernel(Part(host(build), f"{mode_words} map=bios bios=run pit"),
                                  [Part(kernel, words), INITRD])),
            ("qemu", qemu_linux(Part(kernel, words), INITRD))):
        with Qemu(f"bios-linux-{mode}-{name}", memory="96M", bits=64, cpu="max", **boot) as vm:
            vm.wait_for("INITRAMFS-OK", timeout=90, but_not=BAD)
            seen.append(e820(vm.serial()))
    assert seen[0] and seen[0] == seen[1]


@pytest.mark.parametrize("build, line, code", [
    ("i386-high", "mode=4k low=9f000", REFUSED_LOW), ("x86_64", "mode=long low=8e800", REFUSED_LOW),
    ("i386-high", "mode=4k low=8c000", 0),
    # A workspace over memory that real mode borrows, or over the BIOS's memory, is refused; one beside it is accepted.
    *((build, f"{mode} bwsp={at}", code) for build, mode in (("i386-low", "mode=flat"), ("i386-high", "mode=4k"),
                                                             ("x86_64", "mode=long"))
      for at, code in (("10000", REFUSED_OVERLAP), ("f000", REFUSED_OVERLAP), ("1000", REFUSED_OVERLAP),
                       ("2000", REFUSED_OVERLAP), ("11000", REFUSED_OVERLAP), ("12000", 0), ("13000", 0))),
    ("i386-high", "mode=4k bwsp=0", REFUSED_OVERLAP), ("i386-high", "mode=4k bwsp=8c000", REFUSED_OVERLAP),
    ("i386-high", "mode=4k bwsp=20000 low=1e000", 0), ("i386-high", "mode=4k bwsp=20000 low=1f000", REFUSED_OVERLAP),
    ("i386-high", "mode=pae wipe direct", REFUSED_GONE), ("x86_64", "mode=long wipe direct", REFUSED_GONE),
    ("i386-high", "mode=4k cbase=10000{0:03x} dbase=10000{0:03x} shift={0:03x}", REFUSED_GATE),
], ids=lambda each: str(each))
def test_refusals(build, line, code):
    """Each refusal has its code, and the host's state is unchanged."""
    line = line.format(shift_to(build, ACROSS & -64, "segue_cross"))
    with machine("bios-refused-" + re.sub(r"\W", "-", line), build, f"{line} bios=refused stay",
                 modules_of(MULTIBOOT.load()), memory="24M", bits=64, cpu="max") as vm:
        found = vm.wait_for(r"^host: segue_bios: (\d+)", timeout=30, but_not=BAD)
        assert int(found[1]) == code
        called = vm.wait_for(r"^host: segue_physical_call, real mode: (\d+)\n(?:.*\n)?host: segue_physical_call, 32-bit: (\d+)",
                             timeout=30, but_not=BAD)
        # A binary needs a page more. 32-bit mode needs no BIOS.
        no_room = any(line.endswith(end) for end in ("bwsp=12000", "bwsp=20000 low=1e000"))
        assert (int(called[1]), int(called[2])) == (REFUSED_OVERLAP if no_room else code, REFUSED_OVERLAP if no_room else
                                                    0 if code == REFUSED_GONE else code)
        assert not re.search("^BAD: ", vm.serial(), re.MULTILINE)


@pytest.mark.parametrize("mode", ["4k-high", "long"])
def test_no_bios(mode, tmp_path):
    """UEFI has no BIOS: the call is refused, and the host's state is unchanged."""
    build, mode_words = MODES[mode]
    boot = grub_uefi(str(tmp_path / "uefi.iso"), Part(host(build), f"{mode_words} bios=refused stay pit"),
                     modules_of(MULTIBOOT.load()), "multiboot")
    with Qemu("bios-none-" + mode, memory="256M", bits=64, cpu="max", **boot) as vm:
        found = vm.wait_for(r"^host: segue_bios: (\d+)", timeout=60, but_not=BAD)
        assert int(found[1]) == REFUSED_GONE
        vm.wait_for(rf"^host: segue_physical_call, real mode: {REFUSED_GONE}\n(?:.*\n)?host: segue_physical_call, 32-bit: 0\n",
                    timeout=30, but_not=BAD)
        assert re.search("^host: segue says .* no working BIOS", vm.serial(), re.MULTILINE)
        assert not re.search("^BAD: ", vm.serial(), re.MULTILINE)


@pytest.mark.parametrize("mode, state, code", [
    ("long", "vmx cr4=all msr", REFUSED_VMX), ("4k-high", "vmx", REFUSED_VMX),
    ("long", "cet cr4=all globals msr fpu=avx dr=on tss pit", 0), ("pae-high", "cet cr4=all msr fpu=avx tss ldt", 0),
    ("4m-high", "cr4=all globals msr fpu=sse pit", 0),
])
def test_bochs(mode, state, code, tmp_path):
    """VMX root operation is refused; shadow stack, PCID and global pages are restored."""
    assert not bochs.missing(), bochs.missing()
    build, mode_words = MODES[mode]
    line = f"{mode_words} {state} " + ("bios=refused" if code else "map=bios bios=run")
    target = MULTIBOOT.load()
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host(build), line), [Part(target.path, "strict exit")])
    machine = bochs.Bochs(f"bios-{mode}-{'vmx' if code else 'cet'}", iso, cpu="tigerlake")
    said = machine.wait_for(r"^INSPECT: \d+ ok, \d+ bad").serial
    assert not re.search(BAD, said, re.MULTILINE) and not re.search("^BAD: bios", said, re.MULTILINE), said[-2000:]
    assert re.search(r"^INSPECT: \d+ ok, 0 bad", said, re.MULTILINE)
    if code:
        assert f"host: segue_bios: {code}\n" in said
    else:
        assert "BIOS: 0 bad\n" in said
