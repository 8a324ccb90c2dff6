# SPDX-License-Identifier: MIT
"""Other CPUs of a host: parked, stopped by INIT, or both, they are nowhere in the way of the target; Linux brings all
of them up again; and segue_ready() refuses where they would be in the way."""
import re

import pytest

import host_matrix
from cells import INITRD, at
from images import Part
from test_hosts import BAD, hand_over, machine, modules_of, row
from test_state import LINUX, MULTIBOOT

assert row      # a fixture

# What the others do: all park and halt in purgatory's home; with caches off before; ...
OTHERS = {
    "park": "others=park",
    "park-cd": "others=park othercd",
    "park-init": "others=park init",
    "busy-init": "others=busy init",
    "halt-init": "others=halt init",
    "mixed-init": "others=mixed init",
    "nmis": "others=park nmis",
    "other-leaves": "others=park leaver=other any",
    "other-leaves-init": "others=park leaver=other any init",
}
WIDE = ("flat", "4k-high", "4k-bases", "4m-high", "pae-high", "long", "la57")
FEW = ("4k-high", "long")
# The target goes where the workspace is, so that purgatory and who waits with it move.
MOVES = " wsp=1000000"


def where(mode, others):
    """All in every mode in the full run; else two modes, and all modes once."""
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
                                          for others in ("park", "park-init", "other-leaves-init", "nmis")])
def test_others_move_with_purgatory(mode, others, row):
    build, words = host_matrix.MODES[mode]
    line = f"{words} cpus=4 {OTHERS[others]}{MOVES}"
    row(hand_over(f"cpus-move-{mode}-{others}", build, line, LINUX, 64, "max"))


LINE = "console=ttyS0 segue.test=wait"
AMD64, I386 = "di-amd64/linux", "di-i386/linux"
SMP = [
    ("flat", I386, "others=park", "i386"), ("4k-high", I386, "others=mixed init", "i386"),
    ("4m-high", I386, "others=park init", "x86_64"), ("pae-high", AMD64, "others=park", "x86_64"),
    ("long", AMD64, "others=mixed init", "x86_64"), ("long", I386, "others=park", "x86_64"),
    ("la57", AMD64, "others=park", "x86_64"),
]
SMP_FULL = [(mode, linux, others, "x86_64") for mode in WIDE for linux in (AMD64, I386)
            for others in ("others=park", "others=park init", "others=busy init", "others=halt init")]


@pytest.mark.parametrize("mode, linux, others, emulator", [
    *SMP, *(pytest.param(*each, marks=pytest.mark.full) for each in SMP_FULL if each not in SMP)])
def test_linux_brings_all_up(mode, linux, others, emulator, targets, row):
    build, words = host_matrix.MODES[mode]
    with machine(f"smp-{mode}-{linux[:7]}-{others}-{emulator}", build, f"{words} cpus=4 {others}",
                 [Part(at(linux), LINE), INITRD], memory="160M", bits=64 if emulator == "x86_64" else 32, cpu="max") as vm:
        vm.wait_for(r"smp: Brought up 1 node, 4 CPUs", timeout=60, but_not=BAD + "|INITRAMFS-BAD")
        vm.wait_for(r"^cpus: 4\n[\s\S]*^INITRAMFS-OK ", timeout=60, but_not=BAD + "|INITRAMFS-BAD")
        row(vm.elapsed())


def test_linux_on_another_cpu(targets, row):
    """Which must not start the boot CPU; that halts on."""
    build, words = host_matrix.MODES["long"]
    with machine("smp-other", build, f"{words} cpus=4 others=park leaver=other any init",
                 [Part(at(AMD64), LINE + " disable_cpu_apicid=0"), INITRD], memory="160M", bits=64, cpu="max") as vm:
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
