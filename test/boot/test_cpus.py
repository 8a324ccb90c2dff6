# SPDX-License-Identifier: MIT
"""Other CPUs of a host, parked, stopped by INIT, or both, do not disturb the target. Linux starts all of them again.
segue_ready() refuses if they would disturb it."""
import re

import pytest

import bochs
import host_matrix
from cells import INITRD, NO_SELF_TESTS, at
from images import Part, grub_iso
from other_cpus import PAGE, WAIT
from purgatory_blocks import offset_of
from test_hosts import BAD, hand_over, host, machine, modules_of
from test_state import LINUX, MULTIBOOT

OTHERS = {
    "park": "others=park",
    "park-init": "others=park init",
    "busy-init": "others=busy init",
    "halt-init": "others=halt init",
    "mixed-init": "others=mixed init",
    "untold-init": "told=0 others=busy init",
    "nmis": "others=park nmis",
    "other-leaves": "others=park leaver=other any",
    "other-leaves-cd": "others=park leaver=other any othercd",
}
WIDE = ("flat", "4k-high", "4k-bases", "4m-high", "pae-high", "long", "la57")
FEW = ("4k-high", "long")
# The target overwrites the workspace, so purgatory and the CPUs that wait in it move.
MOVES = " wsp=1000000"


def where(mode, others):
    """In the full run all in every mode; otherwise all in two modes, and each mode once."""
    if mode in FEW or others in ("park", "mixed-init"):
        return []
    return [pytest.mark.full]


@pytest.mark.parametrize("mode, others", [pytest.param(mode, others, marks=where(mode, others))
                                          for mode in WIDE for others in OTHERS])
def test_others_are_out_of_the_way(mode, others, row):
    build, words = host_matrix.MODES[mode]
    line = f"{words} cpus=4 {OTHERS[others]}"
    row(hand_over(f"cpus-{mode}-{others}", build, line, MULTIBOOT, 64, "max"))


@pytest.mark.parametrize("mode, others", [(mode, others) for mode in FEW
                                          for others in ("park", "park-init", "other-leaves", "nmis")])
def test_others_move_with_purgatory(mode, others, row):
    build, words = host_matrix.MODES[mode]
    line = f"{words} cpus=4 {OTHERS[others]}{MOVES}"
    row(hand_over(f"cpus-move-{mode}-{others}", build, line, LINUX, 64, "max"))


@pytest.mark.parametrize("mode", ["flat", "4k-high", "4m-high"])
@pytest.mark.parametrize("place", ["", MOVES], ids=["stays", "moves"])
def test_others_rest_where_no_init_can_be_sent(mode, place, row):
    """On the Pentium all CPUs move with purgatory to its home and halt there, with caches enabled again."""
    build, words = host_matrix.MODES[mode]
    line = f"{words} cpus=4 others=park othercd{place}"
    row(hand_over(f"cpus-rest-{mode}-{place[1:4]}", build, line, LINUX, 32, "pentium"))


@pytest.mark.parametrize("mode, others, place", [("long", "park", MOVES), ("la57", "other-leaves", MOVES),
                                                 ("long", "mixed-init", "")])
def test_with_all_else_that_purgatory_can_do(mode, others, place, row):
    """Sources above 4 GiB, a catcher, devices quieted, other CPUs parked or stopped; if the target overwrites the
    workspace, all of it moves."""
    build, words = host_matrix.MODES[mode]
    line = f"{words} cpus=4 {OTHERS[others]} blob=high-odd catcher live=all quiet=all{place}"
    row(hand_over(f"cpus-all-{mode}-{others}", build, line, LINUX if place else MULTIBOOT, 64, "max"))


# QEMU's time-stamp counter runs at 1 GHz. Told so (lpj: cycles a jiffy), Linux does not measure it on each CPU by the
# timer's interrupts, which come late where four CPUs share a loaded machine.
LINE = f"console=ttyS0 {NO_SELF_TESTS} segue.test=wait lpj=4000000"
AMD64, I386 = "di-amd64/linux", "di-i386/linux"
# The same with everything that a host can ask for, from 4k-high, pae-high and long: test_devices.py.
SMP = [
    ("flat", I386, "others=park", "i386"), ("4k-high", I386, "others=mixed init", "i386"),
    ("4m-high", I386, "others=park init", "x86_64"), ("long", I386, "others=park", "x86_64"),
    ("la57", AMD64, "others=park", "x86_64"),
]
SMP_FULL = [(mode, linux, others, "x86_64") for mode in WIDE for linux in (AMD64, I386)
            for others in ("others=park", "others=park init", "others=busy init", "others=halt init")]


@pytest.mark.parametrize("mode, linux, others, emulator", [
    *SMP, *(pytest.param(*each, marks=pytest.mark.full) for each in SMP_FULL if each not in SMP)])
def test_linux_brings_all_up(mode, linux, others, emulator, targets, row):
    build, words = host_matrix.MODES[mode]
    with machine(f"smp-{mode}-{linux[:7]}-{others}-{emulator}", build, f"{words} cpus=4 {others}",
                 [Part(at(linux), LINE), INITRD], memory="160M", bits=64 if emulator == "x86_64" else 32, cpu="max",
                 one_thread=True) as vm:
        vm.wait_for(r"smp: Brought up 1 node, 4 CPUs", timeout=60, but_not=BAD + "|INITRAMFS-BAD")
        vm.wait_for(r"^cpus: 4\n[\s\S]*^INITRAMFS-OK ", timeout=60, but_not=BAD + "|INITRAMFS-BAD")
        row(vm.elapsed())


def test_linux_on_another_cpu(targets, row):
    """Linux on another CPU must not start the boot CPU, which stays halted in a workspace that the memory map calls
    reserved. QEMU sends it an SMI when Linux enables ACPI, after which it continues past its HLT: a Linux that took that
    memory would reset the machine. Linux unpacks itself at random: the highest of eight places would reach that memory,
    if the map that it gets had it as RAM (test/unit/multiboot_test.c)."""
    build, words = host_matrix.MODES["long"]
    with machine("smp-other", build, f"{words} cpus=4 others=park leaver=other any reserved",
                 [Part(at(AMD64), LINE + " disable_cpu_apicid=0"), INITRD], memory="160M", bits=64, cpu="max",
                 one_thread=True) as vm:
        vm.wait_for(r"^cpus: 3\n[\s\S]*^INITRAMFS-OK ", timeout=90, but_not=BAD + "|INITRAMFS-BAD")
        row(vm.elapsed())


REFUSED = {
    "another CPU": ("cpus=4 others=park leaver=other", 156),
    "none parked": ("cpus=4 others=busy", 157),
    "one of three parked": ("cpus=4 others=mixed", 157),
    "more than there are": ("told=5 cpus=4 others=park", 157),
    "another CPU sends no INIT to strangers": ("told=5 cpus=4 others=park leaver=other any init", 157),
}


@pytest.mark.parametrize("mode", ["flat", "4k-high", "long"])
@pytest.mark.parametrize("why", REFUSED)
def test_ready_refuses(mode, why, row):
    build, words = host_matrix.MODES[mode]
    line, code = REFUSED[why]
    with machine("cpus-ready-" + re.sub(r"\W", "-", f"{mode} {why}"), build, f"{words} {line}", modules_of(MULTIBOOT),
                 bits=64, cpu="max") as vm:
        said = vm.wait_for(r"^Refused: segue_ready: (\d+) (\S.+)\n", timeout=30, but_not="^host: exception.*|^INSPECT")
        row(vm.elapsed(), said[2])
    assert int(said[1]) == code


def bochs_host(name, mode, words, tmp_path):
    """A host in Bochs, which has VMX and x2APIC but only one CPU in Debian's build."""
    assert not bochs.missing(), bochs.missing()
    MULTIBOOT.load()
    build, mode_words = host_matrix.MODES[mode]
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host(build), f"{mode_words} {words}"),
                   [Part(MULTIBOOT.path, "strict exit")])
    return bochs.Bochs(name, iso, cpu="tigerlake")


@pytest.mark.parametrize("told", [2, 1, 0])
def test_no_init_in_vmx_root(told, tmp_path, row):
    """If this CPU has CR4.VMXE set, the others may too, and an INIT would be blocked. The same if the host reports no
    other CPUs."""
    run = bochs_host(f"cpus-vmx-{told}", "long", f"vmx told={told} init", tmp_path).run(MULTIBOOT.entry, MULTIBOOT.code)
    assert re.search(r"^Refused: segue_ready: 158 \S.+", run.serial, re.MULTILINE), run.serial[-2000:]
    row(run.seconds)


@pytest.mark.parametrize("mode", ["4k-high", "pae-high", "long"])
def test_parked_from_vmx_root_and_x2apic(mode, tmp_path, row):
    """Checks the state of a CPU that waits. In Bochs 2.7 a disabled APIC cannot be enabled again, like on CPUs with
    x2APIC (Intel SDM vol. 3, 10.12.5.1): its log shows the steps up to there."""
    workspace = 0x2000000
    at = workspace + offset_of("cpus", WAIT)
    run = bochs_host(f"cpus-park-{mode}", mode, f"vmx x2apic cr4=all msr cd told=2 leaver=other wsp={workspace:x}",
                     tmp_path).run(at, WAIT, to_the_end=False)
    assert run.registers, run.serial[-2000:]
    for name, want in dict(CR0=0x11, CR3=0, CR4=0, EFER=0, DR7=0x400).items():
        assert run.registers[name] == want, f"{name} is {run.registers[name]:#x}"
    assert run.registers["IDT"]["base"] & -PAGE == workspace + 17 * PAGE      # parking.h
    modes = [int(each, 16) >> 10 & 3 for each in re.findall(r"WRMSR: wrote \w+:(\w+) to MSR_APICBASE", run.log)]
    assert modes == [3, 0], "x2APIC, then disabled"
    row(run.seconds)


def test_init_from_x2apic(tmp_path, row):
    """INIT is sent through x2APIC's ICR; no CPU receives it."""
    run = bochs_host("cpus-x2apic", "long", "x2apic told=2 init", tmp_path).run(MULTIBOOT.entry, MULTIBOOT.code)
    assert re.search(r"^INSPECT: \d+ ok, 0 bad$", run.serial, re.MULTILINE), run.serial[-2000:]
    row(run.seconds)
