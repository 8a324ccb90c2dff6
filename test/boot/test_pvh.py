# SPDX-License-Identifier: MIT
"""PVH targets: the inspector's verdict from each way of booting and from hosts, its start info beside the one that QEMU gives the
same kernel, and Debian's vmlinux."""
import os
import re

import pytest

import expect
import host_matrix
import images
from cells import BUSYBOX_LINE, INITRD, at
from images import BUILD, Part
from qemu import Qemu
from test_calls import BAD, TARGET as CALLED_BY_MULTIBOOT, machine as caller
from test_hosts import LONG_BASE, hand_over
from test_multiboot2 import boot, checked
from test_state import (CATCHER_SIZE, CPUS, PASSED, PVH, SEGUE, check_entry, check_reserved, check_verdict, connect, patched, run_to,
                        verdict)

CALLED = os.path.join(BUILD, "call", "call-pvh.elf")
FILES = [Part(os.path.join(BUILD, "inspect", "inspect.plain.elf"), "gamma delta"), Part(SEGUE)]
LINUX_LINE = f"earlyprintk=ttyS0 {BUSYBOX_LINE}"
ISA = (0xa0000, 0x100000)


def full(*values):
    return pytest.param(*values, marks=pytest.mark.full)


def said_of_modules(text):
    return re.findall(r'^module = start (\w+) end (\w+) crc32 (\w+) string "?(.*?)"?$', text, re.MULTILINE)


def ram_of(text):
    lines = re.findall(r"^mmap\.\d+ = (.*) 1$", text, re.MULTILINE)
    return [[int(each, 16) for each in re.findall(r"0x\w+", line)] for line in lines]


@pytest.mark.parametrize("way, memory, options", [
    ("kernel", "64M", "within=1M-16M"), ("ide-cd", "16M", ""), ("grub2", "64M", ""), full("kernel", "64M", ""),
    full("ide-disk", "64M", ""), full("grub1", "64M", ""), full("uefi2", "256M", ""), full("kernel", "64M", "catcher"), full("kernel", "6G", ""),
    full("kernel", "64M", "within=0-640K,1M-16M"), full("ahci-cd", "64M", "modules=stay")])
def test_verdict(way, memory, options, tmp_path):
    target = Part(PVH.path, "strict catcher" if options == "catcher" else "strict")
    name = "pvh-" + re.sub(r"\W+", "-", f"{way} {memory} {options}")
    with Qemu(name, memory=memory, **boot(way, str(tmp_path), target, FILES, f"console=ttyS0 {options}".rstrip())) as vm:
        seen = verdict(vm, 60)
        text = vm.serial()
    assert not seen.bad
    assert len(seen.good) >= PVH.few + 10
    said = said_of_modules(text)
    assert [(int(end, 16) - int(start, 16), int(sum_, 16)) for start, end, sum_, _ in said] == [checked(each) for each in FILES]
    # Arguments without argv[0]
    assert [line for *_, line in said] == ["gamma delta", "none"], said
    assert seen.values["pvh.cmdline"] == f'"{target.args}"'
    # The machine's RSDP, where the kernel finds it.
    assert seen.number("pvh.rsdp") != 0
    if "within" in options:
        ram = ram_of(text)
        assert [1 << 20, 15 << 20] in ram and len(ram) == ("0-" in options) + 1


@pytest.mark.parametrize("cpu", [CPUS[0], *(full(each) for each in CPUS[1:])], ids=lambda each: each.name)
@pytest.mark.parametrize("catcher", [False, full(True)])
def test_entry_state(cpu, catcher):
    """QEMU's registers at the first instruction, and the verdict."""
    PVH.load()
    made = images.qemu_kernel(Part(SEGUE, "catcher" if catcher else ""), [Part(PVH.path, "strict catcher" if catcher else "strict")])
    with Qemu(f"pvh-state-{cpu.name}-{catcher}", memory="64M", cpu=cpu.model, bits=cpu.bits, gdb=True, paused=True, **made) as vm, \
            connect(vm) as stub:
        run_to(stub, PVH.entry, PVH.code)
        entered = stub.info_registers()
        stub.run()
        seen = verdict(vm)
    check_entry(entered, PVH, PASSED["pvh"], catcher)
    check_verdict(seen, PVH, entered)
    if catcher:
        check_reserved(seen, entered)


# Xen's start_info.h: offsets into the start info
VERSION, FLAGS, MODULES, CMDLINE, RSDP, MAP, RESERVED = 4, 8, 16, 24, 32, 40, 52


def wrong_head(info, _):
    for field, value in ((VERSION, 2), (FLAGS, 3), (RESERVED, 1), (CMDLINE + 4, 1), (RSDP + 4, 1)):
        info.put(field, value)


def wrong_modules(info, _):
    modules = info.get(MODULES)
    info.put(0, info.get(0, modules) + 1, base=modules)
    info.put(16, PVH.entry, base=modules)       # the line is in the kernel
    info.put(24, 1, base=modules)
    info.put(32, modules, base=modules)         # the second one is at the list
    info.put(32 + 12, 1, base=modules)


def module_in_kernel(info, _):
    info.put(0, PVH.entry & ~4095, base=info.get(MODULES))


def wrong_map(info, _):
    entries = info.get(MAP)
    info.put(20, 1, base=entries)
    info.put(24 + 16, 0, base=entries)
    info.put(24 * 2, info.get(0, entries), 8, entries)
    info.put(MAP + 4, 1)


def wrong_rsdp(info, _):
    info.put(RSDP, 0x2800000)


def no_magic(info, _):
    info.put(0, 0)


WRONG = {
    wrong_head: "protocol.version protocol.flags protocol.reserved protocol.cmdline_paddr.high protocol.rsdp_paddr.high",
    wrong_modules: """protocol.module.start protocol.module.cmdline protocol.module.reserved protocol.module.high
        protocol.module.overlaps""",
    module_in_kernel: "protocol.module",
    wrong_map: "protocol.memmap.reserved protocol.memmap.unknown_types protocol.map.overlaps protocol.memmap_paddr.high",
    wrong_rsdp: "protocol.rsdp.signature protocol.rsdp.place",
    no_magic: "protocol.magic",
}


@pytest.mark.parametrize("change", WRONG, ids=lambda each: each.__name__)
def test_inspector_sees(change):
    assert patched("pvh-" + change.__name__, PVH, FILES, change) == set(WRONG[change].split())


@pytest.mark.parametrize("mode, words", [
    ("long", "blob=high globals msr quiet=all catcher"),
    *(full(mode, "blob=pages quiet=all") for mode in host_matrix.MODES if mode not in ("long", "la57")),
    full("la57", "blob=high-odd quiet=all cr4=all")])
def test_from_hosts(mode, words):
    build, mode_words = host_matrix.MODES[mode]
    hand_over(f"pvh-{mode}", build, f"{mode_words} {words}", PVH, 64, "max", LONG_BASE)


@pytest.mark.parametrize("mode, line, words, more", [
    *((mode, "acpi", "module rsdp", [Part(CALLED)]) for mode in ("4k-high", "long")),
    *(full(mode, "acpi stage=odd", "module rsdp", [Part(CALLED)]) for mode in host_matrix.MODES),
    *(full(mode, "wsp=400000 tss msr cr4=all fpu=avx", "spoil", []) for mode in ("pae-high", "long", "la57")),
    full("long", "two", "module", [Part(CALLED_BY_MULTIBOOT)])])
def test_comes_back(mode, line, words, more):
    """segue_call() three times: the target finds its state, start info and module again. Its map has no RAM but target memory."""
    name = re.sub(r"\W+", "-", f"pvh-{mode}-{line}")
    with caller(name, mode, f"direct pit calls=3 tsize=40000 {line}", target=CALLED, words=f"ram=40000 {words}", more_parts=more) as vm:
        vm.wait_for(r"^host: 3 calls, 0 bad", timeout=30, but_not=BAD)


def test_a_bundle_with_a_digest(tmp_path):
    """Modules from a bundle have their lines, and purgatory checks the segments' bytes."""
    path = str(tmp_path / "bundle")
    module = FILES[0]
    images.segue_command("pack", "--digest", "--kernel", PVH.path, "--cmdline", "strict", "--initrd", SEGUE,
                         "--module", f"{module.path}={module.args}", "-o", path)
    with Qemu("pvh-bundle", memory="64M", **images.qemu_kernel(Part(SEGUE), [Part(path)])) as vm:
        seen = verdict(vm, 60)
        text = vm.serial()
    assert not seen.bad and "digest" in text
    assert [line for *_, line in said_of_modules(text)] == ["none", module.args]


def test_the_same_as_qemu(tmp_path):
    """QEMU's own loader gives the same kernel the same start info, but for addresses."""
    said = {}
    for loader in ("qemu", "segue"):
        kernel, module = Part(PVH.path, "alpha beta"), Part(FILES[0].path)
        made = images.qemu_kernel(kernel, [module]) if loader == "qemu" else images.qemu_kernel(Part(SEGUE), [kernel, module])
        with Qemu(f"pvh-beside-{loader}", memory="64M", **made) as vm:
            seen = verdict(vm, 60)
            said[loader] = seen, vm.serial()
    qemu, qemu_text = said["qemu"]
    ours, our_text = said["segue"]
    assert not ours.bad
    for name in ("pvh.magic", "pvh.version", "pvh.flags", "pvh.cmdline", "pvh.rsdp", "pvh.rsdp.copy"):
        assert ours.values[name] == qemu.values[name], name
    maps = [re.findall(r"^mmap\.\d+ = .*$", text, re.MULTILINE) for text in (our_text, qemu_text)]
    assert maps[0] == maps[1] and len(maps[0]) > 4
    modules = [[(int(end, 16) - int(start, 16), *rest) for start, end, *rest in said_of_modules(text)] for text in (our_text, qemu_text)]
    assert modules[0] == modules[1] and len(modules[0]) == 1


@pytest.mark.parametrize("way, memory, options", [
    ("kernel", "256M", ""), full("grub2", "6G", ""), full("ide-cd", "512M", ""), full("uefi2", "512M", ""),
    full("kernel", "512M", "within=64K-640K,1M-384M catcher")])
def test_linux(way, memory, options, targets, tmp_path, note):
    """Debian's vmlinux with an initramfs: to its own init, with all of the initramfs, the machine's map and ACPI's tables."""
    kernel = Part(at("vmlinux-amd64/vmlinux"), LINUX_LINE)
    made = boot(way, str(tmp_path), kernel, [INITRD], f"console=ttyS0 {options}".rstrip())
    with Qemu(f"pvh-linux-{way}-{memory}", memory=memory, **made) as vm:
        vm.wait_for(r"^INITRAMFS-(OK|BAD) .*\n", timeout=120, but_not=r"^Refused: .*")
        said, text = expect.parse_initramfs(vm.serial()), vm.serial()
        note(vm.elapsed())
    assert re.search(r"PVH", text)
    assert said["verdict"] == "OK" and said["digest"] == expect.digest_of(INITRD.path)
    line = images.grub_says(kernel.args) if way.startswith(("grub", "uefi")) else kernel.args
    assert said["cmdline"] == f"[{line}]"
    # Linux's number for a PVH start without Xen: 0xb0.
    assert said["loader"].startswith("176 ") and "FACP" in said["acpi"]
    # Linux adds this range itself.
    assert any(start <= ISA[0] and ISA[1] <= end for start, end, kind in said["map"] if kind == "Reserved")
    if "within" in options:
        # The catcher is at the end.
        assert expect.ram(said["map"])[-1][1] == (384 << 20) - CATCHER_SIZE
    else:
        assert expect.total(expect.ram(said["map"])) > (int(memory[:-1]) << (30 if memory[-1] == "G" else 20)) * 0.95
