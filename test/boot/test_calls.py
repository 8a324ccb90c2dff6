# SPDX-License-Identifier: MIT
"""segue_call() from our hosts (test/hosts, calls.c) to a target of ours (test/targets/call) that comes back. In every mode
and in many states the host is unchanged afterwards, by its own comparison and by the emulator's registers; the target finds
its own state again."""
import os
import re

import pytest

import bochs
from host_matrix import LONG, MODES
from images import Part, grub_iso, qemu_kernel
from qemu import BUILD, Qemu
from test_bios_host import compared, symbol
from test_hosts import host, word
from test_state import connect

TARGET = os.path.join(BUILD, "call", "call.elf")
# Linked over the host's kernel.
TARGET_ON_HOST = os.path.join(BUILD, "call", "call-on-host.elf")
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*)"
# Everything that a host can turn on, except what some CPU lacks.
ALL = "direct tss ldt msr cr4=all dr=on fpu=avx pit"
OVER, NOT_PARKED, WRONG_DIGEST, VMX, GATE, NO_RETURN = 183, 157, 184, 180, 181, 182


def machine(name, mode, line, target=TARGET, words="", more_parts=(), args=(), **more):
    build, mode_words = MODES[mode]
    more = {"memory": "24M", "bits": 64, "cpu": "max", **more}
    boot = qemu_kernel(Part(host(build), f"{mode_words} {line}"), [Part(target, words), *more_parts])
    boot["args"] += args
    return Qemu("calls-" + re.sub(r"[^\w+=.-]", "_", name), **more, **boot)


def call(name, mode, line, **more):
    """Make the calls; return what the host has printed."""
    count = word(line, "calls")
    with machine(name, mode, line, **more) as vm:
        vm.wait_for(rf"^host: {count} calls, 0 bad", timeout=60 + count / 50, but_not=BAD)
        return vm.serial()


CELLS = [
    *((mode, "x86_64", ALL) for mode in MODES),
    *((mode, "i386", ALL) for mode in MODES if mode not in LONG),
    ("4k-high", "486", "direct pit fpu=x87 ne"),
    ("4m-identity", "pentium,+apic", "direct pit fpu=x87 dr=on cr4=all"),
    ("base", "i386", "direct userseg am ac em ts ne mp"),
    ("long", "qemu64", "direct ldtcode pit fpu=sse"),
    ("pae-high", "i386", "direct ldtcode pit fpu=sse"),
    ("la57", "x86_64", "direct cs=fff8 from=nmi nonx nw"),
    ("4m-high", "i386", "direct cs=fff8 from=nmi cd globals"),
    ("4k-identity", "x86_64", "direct from=irq pit"),
    ("long", "x86_64", "direct from=df tss stack=page svm msr"),
    ("4k-bases", "i386", "direct from=df tss"),
]


@pytest.mark.parametrize("mode, emulator, state", CELLS, ids=lambda each: each)
def test_the_host_is_unchanged(mode, emulator, state, request, row):
    """The emulator's registers before the first call, after it, and after the third are the same."""
    build, _ = MODES[mode]
    bits = 64 if emulator in ("x86_64", "qemu64") else 32
    cpu = "max" if emulator in ("x86_64", "i386") else emulator
    base = word(MODES[mode][1], "cbase")
    before, after = (symbol(build, name, base) for name in ("calls_before", "calls_after"))
    seen = []
    with machine(request.node.callspec.id, mode, f"{state} calls=3", bits=bits, cpu=cpu, gdb=True, paused=True) as vm, \
            connect(vm) as stub:
        for address in (before, after, before, after, before, after):
            stub.break_at(address)
            stub.cont(40)
            seen.append(compared(stub.info_registers()))
            stub.clear_break(address)
        stub.run()
        vm.wait_for("^host: 3 calls, 0 bad", timeout=60, but_not=BAD)
        row(vm.elapsed())
    # A null TR cannot be loaded again.
    if not seen[0]["TR"]["selector"]:
        for each in seen:
            each["TR"] = 0
    assert seen == [seen[0]] * 6
    assert bool(seen[0]["CR0"] >> 31) == (mode not in ("flat", "base"))


@pytest.mark.parametrize("mode, state", [
    ("4k-high", "pit tss"), ("long", "pit fpu=avx cr4=all"),
    *(pytest.param(*each, marks=pytest.mark.full) for each in (
        ("flat", "pit"), ("4m-high", "pit"), ("pae-high", "pit msr cr4=all"), ("la57", "pit tss"))),
])
def test_ten_thousand_calls(mode, state, row):
    """Both sides' counters are exact; each hundredth call all of the host's memory is compared."""
    said = call("many-" + mode, mode, f"{state} direct calls=2710 tsize=8000")
    assert re.search(r"^host: 10000 calls, 0 bad", said, re.MULTILINE)
    row(0)


@pytest.mark.parametrize("stage", ["", "pages", "odd"])
@pytest.mark.parametrize("mode", ["4k-high", "long"])
def test_layouts(mode, stage, row):
    call(f"layout-{mode}-{stage}", mode, f"direct pit calls=20 tsize=40123 stage={stage} quiet=all")
    call(f"clear-{mode}-{stage}", mode, f"direct calls=3 tsize=40123 stage={stage} clear blob=odd")
    row(0)


@pytest.mark.parametrize("mode", ["flat", "4k-high", "pae-high", "long", "la57"])
def test_both_timers_go_on(mode, row):
    """The PIT's interrupts by the PIC and LINT0, and the local APIC's own, after purgatory has quieted all devices."""
    call("timers-" + mode, mode, "direct pit apictimer calls=5 quiet=all")
    row(0)


@pytest.mark.parametrize("words", ["", "stage=pages tsize=40000", "three half quiet=all", "target=120000 tsize=a0000"])
@pytest.mark.parametrize("mode", ["flat", "4k-high", "pae-high", "long", "la57"])
def test_core(mode, words, row):
    """The target finds all of the host's memory by the core header, as the host had summed it up. The notes have the registers of
    the call, and the host finds the target's memory."""
    on_host = "target=" in words
    said = call(f"core-{mode}-{words}", mode, f"core direct calls=3 {words}", target=TARGET_ON_HOST if on_host else TARGET, words="core")
    assert re.search("^host: 3 calls, 0 bad, with a core", said, re.MULTILINE)
    row(0)


@pytest.mark.parametrize("mode", ["4k-high", "pae-high", "long"])
def test_three_ranges(mode, row):
    """Target memory in three ranges, in no order; and a quarter of it that the host does not use."""
    for words in ("three", "three half", "three half clear stage=odd"):
        call(f"ranges-{mode}-{words}", mode, f"direct pit calls=20 {words}")
    row(0)


@pytest.mark.parametrize("mode", ["4k-high", "long", "la57"])
def test_two_targets_in_turn(mode, row):
    """Each keeps its state: in the same target memory, and in memory of its own."""
    call(f"turn-{mode}-same", mode, "direct pit calls=40 two")
    call(f"turn-{mode}-apart", mode, "direct pit calls=40 two target2=120000 tsize=a0000", more_parts=[Part(TARGET_ON_HOST)])
    row(0)


@pytest.mark.parametrize("mode", ["flat", "4k-high", "pae-high", "long"])
def test_a_wrong_digest(mode, row):
    """Nothing is entered, and the host gets all of its memory back."""
    with machine("digest-" + mode, mode, "direct calls=1 digest=wrong pit") as vm:
        found = vm.wait_for(r"^Refused: segue_call: (\d+) .*, (\d+) bad", timeout=60, but_not="^BAD|exception")
        assert (int(found[1]), found[2]) == (WRONG_DIGEST, "0")
        row(vm.elapsed())


@pytest.mark.parametrize("mode", ["flat", "4k-high", "pae-identity", "long", "la57"])
def test_target_memory_holds_the_host(mode, row):
    """The host's kernel with its stack, its data and the library lies in target memory."""
    call("on-host-" + mode, mode, "direct pit calls=20 target=120000 tsize=a0000", target=TARGET_ON_HOST)
    row(0)


@pytest.mark.parametrize("mode", ["flat", "4k-high", "long"])
def test_a_bad_return(mode, row):
    """The target jumps back without a stack, with interrupts on and DF, NT and AC set. It cannot be entered again."""
    with machine("badly-" + mode, mode, "direct calls=2 quiet=all", words="badly") as vm:
        found = vm.wait_for(r"^Refused: segue_call: (\d+)", timeout=60, but_not="^BAD|exception")
        assert int(found[1]) == OVER
        assert re.search(r"^host: segue says \(0\) .* ESP 0x0 and the return address ", vm.serial(), re.MULTILINE)
        row(vm.elapsed())


@pytest.mark.parametrize("mode, state", [
    ("flat", ""), ("4k-high", "tss msr"), ("4m-high", "cr4=all globals fpu=sse"), ("pae-high", "cet cr4=all msr fpu=avx tss"),
    ("long", "cet cr4=all globals msr fpu=avx dr=on tss pit"),
])
def test_bochs(mode, state, tmp_path):
    """Fewer calls: shadow stack, PCID and global pages are restored."""
    assert not bochs.missing(), bochs.missing()
    build, mode_words = MODES[mode]
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host(build), f"{mode_words} {state} calls=32 direct"), [Part(TARGET)])
    said = bochs.Bochs(f"calls-{mode}", iso, cpu="tigerlake").wait_for(r"^host: 50 calls, \d+ bad").serial
    assert re.search(r"^host: 50 calls, 0 bad", said, re.MULTILINE) and not re.search(BAD, said, re.MULTILINE), said[-2000:]
