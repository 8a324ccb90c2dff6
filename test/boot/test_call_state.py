# SPDX-License-Identifier: MIT
"""segue_call() around what else a machine has: a target that changes all of the CPU's state, other CPUs, a root table above
4 GiB, virtualisation, x2APIC, a call from an NMI's handler; and what it refuses, with nothing changed."""
import re

import pytest

import bochs
from host_matrix import MODES
from images import Part, grub_iso
from test_calls import BAD, GATE, NO_RETURN, TARGET, VMX, machine
from test_cpus import host
from test_hosts import ACROSS, high_memory, modules_of, shift_to
from test_hosts import machine as host_machine
from test_state import MULTIBOOT

NO_HOST = r"^segue: the target has come back, and was not entered by segue_call\(\); stopped"
# All state that a host can have, and the spoiler has other values for.
STATE = "tss ldt msr cr4=all dr=on fpu=avx"


def call(name, mode, line, count, **more):
    with machine(name, mode, f"{line} calls={count:x}", **more) as vm:
        vm.wait_for(rf"^host: {count} calls, 0 bad", timeout=60, but_not=BAD)
        return vm.elapsed()


def in_bochs(name, mode, line, tmp_path, words="", memory=64):
    """Return a Bochs that boots this host with the target."""
    assert not bochs.missing(), bochs.missing()
    build, mode_words = MODES[mode]
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host(build), f"{mode_words} {line}"), [Part(TARGET, words)])
    return bochs.Bochs(name, iso, cpu="tigerlake", memory=memory)


@pytest.mark.parametrize("mode, emulator", [
    *(pytest.param(mode, "x86_64", marks=[] if mode in ("4k-high", "pae-high", "la57") else [pytest.mark.full])
      for mode in MODES), ("flat", "i386"), ("4m-high", "486"), ("long", "qemu64"),
])
def test_a_target_that_changes_everything(mode, emulator, row):
    """Tables, CR0, CR2, CR4, EFER, debug registers, XCR0, MXCSR and every MSR that return_msrs.asm lists, if the CPU has
    it. With the workspace below 5 MiB bit 20 of the return page's address is clear, and A20 is off too."""
    old = emulator == "486"
    state = "pit fpu=x87" if old else STATE if emulator != "qemu64" else STATE.replace("fpu=avx", "fpu=sse")
    bits, cpu = (64, "max") if emulator == "x86_64" else (64, emulator) if emulator == "qemu64" else (32, "486" if old else "max")
    mode = "4k-high" if old else mode
    row(call(f"spoil-{mode}-{emulator}", mode, f"{state} wsp=400000", 3, words="spoil", bits=bits, cpu=cpu))


@pytest.mark.parametrize("mode, state", [
    ("pae-high", "cet cr4=all msr fpu=avx tss"), ("long", "cet cr4=all globals msr fpu=avx dr=on tss"),
])
def test_a_target_that_changes_everything_in_bochs(mode, state, tmp_path, row):
    """Bochs refuses MSRs that the CPU does not have, and has those of CET."""
    run = in_bochs(f"call-spoil-{mode}", mode, f"{state} calls=3 wsp=400000", tmp_path, "spoil") \
        .wait_for(r"^host: 3 calls, \d+ bad|^BAD: .*|^host: exception .*|^segue: .*")
    assert re.search(r"^host: 3 calls, 0 bad", run.serial, re.MULTILINE), run.serial[-2000:]


CPUS = {"park": "others=park", "halt-init": "others=halt init", "busy-init": "others=busy init"}


@pytest.mark.parametrize("mode, others", [
    *(pytest.param(mode, "park") for mode in ("flat", "4k-high", "pae-high", "long", "la57")),
    *(pytest.param(mode, others, marks=[] if mode in ("4k-high", "long") else [pytest.mark.full])
      for mode in ("flat", "4k-high", "pae-high", "long", "la57") for others in ("halt-init", "busy-init")),
])
def test_other_cpus_stop_and_start_again(mode, others, row):
    """Before each call they park, or get purgatory's INIT as they are. After it the host starts them, and they run in the
    kernel. Until they have parked again segue_ready() and segue_call() refuse."""
    row(call(f"cpus-{mode}-{others}", mode, f"cpus=4 {CPUS[others]}{' direct' if others == 'park' else ''}", 3,
             args=["-smp", "4"]))


@pytest.mark.parametrize("mode, state", [("long", ""), ("long", "cr4=all tss msr"), ("la57", "")])
@pytest.mark.parametrize("kind", ["call", "bios"])
def test_a_root_table_above_4_gib(mode, state, kind, row):
    line = f"{state} cr3=high"
    if kind == "call":
        row(call(f"cr3-{mode}-{state}", mode, line, 3, **high_memory("24M")))
        return
    with host_machine(f"cr3-bios-{mode}-{state.replace(' ', '-')}", MODES[mode][0], f"{MODES[mode][1]} {line} bios=run stay",
                      modules_of(MULTIBOOT.load()), bits=64, cpu="max", **high_memory("24M")) as vm:
        vm.wait_for(r"^BIOS: 0 bad", timeout=60, but_not=BAD)
        row(vm.elapsed())


def test_a_root_table_above_4_gib_with_a_pcid(tmp_path):
    """Bochs has PCIDs."""
    run = in_bochs("call-cr3", "long", "cr3=high cr4=all globals calls=3", tmp_path, memory=6144) \
        .wait_for(r"^host: 3 calls, \d+ bad|^BAD: .*|^host: exception .*|^segue: .*")
    assert re.search(r"^host: 3 calls, 0 bad", run.serial, re.MULTILINE), run.serial[-2000:]
    found = re.search(r"^host: CR0 \w+ CR3 (\w+) CR4 (\w+)", run.serial, re.MULTILINE)
    assert int(found[1], 16) > 1 << 32 and int(found[1], 16) & 0xfff and int(found[2], 16) >> 17 & 1


@pytest.mark.parametrize("mode", ["4k-high", "long"])
def test_vmx_root_is_refused(mode, tmp_path):
    run = in_bochs(f"call-vmx-{mode}", mode, "vmx msr calls=1", tmp_path).wait_for(r"^Refused: .*, \d+ bad|^host: 1 calls")
    found = re.search(r"^Refused: segue_call: (\d+) .*, (\d+) bad", run.serial, re.MULTILINE)
    assert found and (int(found[1]), found[2]) == (VMX, "0"), run.serial[-2000:]


@pytest.mark.parametrize("mode", ["4k-high", "long"])
def test_x2apic_stays(mode, tmp_path):
    run = in_bochs(f"call-x2apic-{mode}", mode, "x2apic cr4=all calls=3", tmp_path) \
        .wait_for(r"^host: 3 calls, \d+ bad|^BAD: .*|^host: exception .*|^segue: .*")
    assert re.search(r"^host: 3 calls, 0 bad", run.serial, re.MULTILINE), run.serial[-2000:]


@pytest.mark.parametrize("mode", ["flat", "4k-high", "long"])
def test_wrong_arguments(mode, row):
    with machine(f"arguments-{mode}", mode, "direct calls=refused tss") as vm:
        vm.wait_for(r"^host: 7 refusals, 0 bad", timeout=60, but_not=r"^BAD: .*|^host: exception .*|^Refused: .*|^segue: .*")
        row(vm.elapsed())


@pytest.mark.parametrize("mode, line, code", [
    ("4k-high", "direct noreturn", NO_RETURN), ("long", "direct noreturn", NO_RETURN),
    ("4k-high", "cbase=10000{0:03x} dbase=10000{0:03x} shift={0:03x}", GATE),
], ids=["noreturn-4k", "noreturn-long", "across"])
def test_refusals(mode, line, code, row):
    line = line.format(shift_to(MODES[mode][0], ACROSS & -64, "segue_cross"))
    with machine(f"refused-{mode}-{code}", mode, f"{line} calls=1") as vm:
        found = vm.wait_for(r"^Refused: segue_call: (\d+) .*, (\d+) bad", timeout=60, but_not="^BAD: .*|exception .*|^host: 1 calls")
        assert (int(found[1]), found[2]) == (code, "0")
        row(vm.elapsed())


@pytest.mark.parametrize("mode", ["flat", "4k-high", "long"])
@pytest.mark.parametrize("before", [0, 2])
def test_a_target_that_segue_exec_enters_has_no_host(mode, before, row):
    """Also after calls: then it goes on where it has left."""
    with machine(f"exec-{mode}-{before}", mode, f"calls={before} exec", words="executed") as vm:
        vm.wait_for(NO_HOST, timeout=60, but_not=r"^BAD: .*|^host: exception .*|^Refused: .*|^segue: exception .*")
        assert re.search(rf"^host: {before} calls, 0 bad", vm.serial(), re.MULTILINE)
        row(vm.elapsed())
