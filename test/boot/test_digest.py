# SPDX-License-Identifier: MIT
"""The digest: purgatory's SHA-256 on the build machine, and boots with a right and a wrong digest."""
import hashlib
import os
import random
import re
import struct
import subprocess
import time

import pytest

import bochs
from cells import INITRD, NO_SELF_TESTS, at
from images import Part, grub_iso, qemu_kernel
from purgatory_blocks import offset_of
from qemu import BUILD, ROOT, Qemu
from test_purgatory import at_exec
from test_state import LINUX, SEGUE, Verdict, connect

PROGRAM = [os.path.join(ROOT, "test/run32"), os.path.join(BUILD, "test/planner/digest_program")]
# Its exit status if the CPU lacks the SHA extensions
NO_EXTENSIONS = 3
COMMAND = os.path.join(BUILD, "segue")
PAGE = 4096
# sha256_update's first instructions: mov eax, [edi + 32]; add [edi + 32], ecx
UPDATE = bytes.fromhex("8b4720014f20")
# sha256rnds2 xmm2, xmm1: in the block
SHA256RNDS2 = bytes.fromhex("0f38cbd1")
WRONG = r"^segue: digest is ([0-9a-f]{64}), must be ([0-9a-f]{64}); (stopped|reboot in 5 s)$"

methods = pytest.mark.parametrize("fast", [False, True], ids=["scalar", "extensions"])


def digests(cases, fast):
    """Return purgatory's digest of each case, a list of runs."""
    given = b"".join(struct.pack(f"<{2 + len(runs)}I", fast, len(runs), *map(len, runs)) + b"".join(runs) for runs in cases)
    done = subprocess.run(PROGRAM, input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if fast and done.returncode == NO_EXTENSIONS:
        pytest.skip("the CPU that 32-bit programs run on here has no SHA extensions")
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert len(done.stdout) == 32 * len(cases)
    return [done.stdout[at:at + 32].hex() for at in range(0, len(done.stdout), 32)]


@methods
def test_nist_vectors(fast):
    """FIPS 180-2, appendix B, and NIST's examples with lengths near a block's end."""
    vectors = {
        b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        b"a" * 1000000: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        bytes(55): "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7",
        bytes(56): "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb",
        bytes(64): "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
    }
    assert digests([[each] for each in vectors], fast) == list(vectors.values())


@methods
def test_any_lengths_and_splits(fast):
    rng = random.Random(20261)
    sizes = [0, 1, 2, 3, 31, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129]
    cases = [[rng.randbytes(size)] for size in range(260)]
    for _ in range(4000):
        cases.append([rng.randbytes(rng.choice(sizes) if rng.random() < 0.6 else rng.randrange(700))
                      for _ in range(rng.randrange(1, 8))])
    cases.append([rng.randbytes(3 << 20), b"x", rng.randbytes(1 << 20)])
    for runs, digest in zip(cases, digests(cases, fast)):
        assert digest == hashlib.sha256(b"".join(runs)).hexdigest(), list(map(len, runs))


# ---- boots ----

def read(path):
    with open(path, "rb") as file:
        return file.read()


def member(name, data, align=4, at=0):
    """Return a member of a newc archive that starts at offset at, with its data at a multiple of align."""
    name = name.encode() + b"\0"
    name += bytes(-(at + 110 + len(name)) % align)
    fields = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08X" % each for each in fields) + name
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)


def bundle(path, **members):
    archive = b""
    for name, data in members.items():
        archive += member(name, data, PAGE if len(data) > PAGE else 4, len(archive))
    with open(path, "wb") as file:
        file.write(archive + member("TRAILER!!!", b""))
    return path


def code_of(kernel):
    """Return the part of a bzImage that its segment loads (boot.rst: setup_sects)."""
    return kernel[(kernel[0x1f1] + 1) * 512:]


KERNEL_BIT, INITRD_BIT = 5 << 3 | 2, 12345 << 3 | 7


class Case:
    """A bundle of the inspector as a Linux kernel and an initrd. hashlib computes the digest, not the code under test."""

    def __init__(self, folder, kernel_bit=None, initrd_bit=None, text=None):
        kernel, initrd = bytearray(read(LINUX.path)), bytearray(random.Random(7).randbytes(70001))
        right = hashlib.sha256(code_of(kernel) + initrd).hexdigest()
        self.must_be = text or right
        if kernel_bit is not None:
            at = len(kernel) - len(code_of(kernel)) + (kernel_bit >> 3)
            kernel[at] ^= 1 << (kernel_bit & 7)
        if initrd_bit is not None:
            initrd[initrd_bit >> 3] ^= 1 << (initrd_bit & 7)
        self.initrd = bytes(initrd)
        self.code = bytes(code_of(kernel))
        self.digest = hashlib.sha256(self.code + initrd).hexdigest()
        self.path = bundle(os.path.join(folder, "bundle"), digest=self.must_be.encode() + b"\n", cmdline=b"strict",
                           kernel=bytes(kernel), initrd=bytes(initrd))


def machine(name, path, options="", **more):
    return Qemu("digest-" + name, memory="64M", **more, **qemu_kernel(Part(SEGUE, options), [Part(path)]))


def test_the_right_digest_boots(tmp_path):
    with machine("right", Case(tmp_path).path) as vm:
        vm.wait_for(r"^INSPECT: \d+ ok, \d+ bad$", timeout=20, but_not="digest is")
        assert Verdict(vm.serial()).bad == {}


def packed(tmp_path, *args):
    path = os.path.join(tmp_path, "packed")
    subprocess.run([COMMAND, "pack", "--digest", *args, "-o", path], check=True, stdout=subprocess.PIPE, timeout=60)
    return path


def test_linux_to_its_marker(targets, tmp_path):
    path = packed(tmp_path, "--kernel", at("di-i386/linux"), "--cmdline",
                  f"console=ttyS0 {NO_SELF_TESTS} segue.test=wait", "--initrd", INITRD.path)
    with Qemu("digest-linux", memory="128M", bits=32, **qemu_kernel(Part(SEGUE), [Part(path)])) as vm:
        vm.wait_for(r"^INITRAMFS-OK ", timeout=40, but_not="digest is|INITRAMFS-BAD")


def assert_stopped(vm, case):
    found = vm.wait_for(WRONG, timeout=20, but_not="INSPECT")
    assert found.groups() == (case.digest, case.must_be, "stopped")
    lines = vm.screen().splitlines()
    assert lines[:4] == ["segue: digest is", case.digest + ",", "must be", case.must_be + "; stopped"]
    before, serial = vm.wait_halted(), vm.serial()
    time.sleep(0.5)
    assert vm.hmp("info registers") == before and vm.serial() == serial and vm.running()


@pytest.mark.parametrize("what", [
    dict(kernel_bit=KERNEL_BIT), dict(initrd_bit=INITRD_BIT), dict(text="0123456789abcdef" * 4),
], ids=["kernel", "initrd", "text"])
@pytest.mark.parametrize("cpu", ["486", "max"])
def test_a_wrong_one_stops(what, cpu, tmp_path):
    case = Case(tmp_path, **what)
    assert case.digest != case.must_be
    with machine(f"wrong-{cpu}-{next(iter(what))}", case.path, bits=32, cpu=cpu) as vm:
        assert_stopped(vm, case)


def test_reboot_where_asked(tmp_path):
    case = Case(tmp_path, kernel_bit=KERNEL_BIT)
    with machine("reboot", case.path, "digest=reboot") as vm:
        found = vm.wait_for(WRONG, timeout=20)
        began = time.monotonic()
        assert found.groups() == (case.digest, case.must_be, "reboot in 5 s")
        assert vm.screen().splitlines()[3] == case.must_be + "; reboot in 5 s"
        assert vm.wait_exit(20) == 0
        assert 3 < time.monotonic() - began


@pytest.mark.parametrize("way, kind", [
    ("keyboard controller", dict(machine="isapc", cpu="486", bits=32)),
    ("reset control", dict(machine="pc,i8042=off")),
    ("triple fault", dict(machine="isapc,i8042=off", cpu="486", bits=32)),
], ids=["8042", "cf9", "triple"])
def test_ways_to_reboot(way, kind, tmp_path):
    """The ISA machine has no port 0xCF9."""
    log = os.path.join(tmp_path, "resets")
    vm = machine("reboot-" + way.split()[0], Case(tmp_path, kernel_bit=KERNEL_BIT).path, "digest=reboot", **kind)
    vm.args += ["-d", "cpu_reset", "-D", log]
    with vm:
        vm.wait_for(WRONG, timeout=20)
        assert vm.wait_exit(30) == 0
    with open(log) as file:
        assert ("Triple fault" in file.read()) == (way == "triple fault")


def test_what_is_overwritten_after_the_move_is_found(tmp_path):
    case = Case(tmp_path)
    with machine("overwritten", case.path, gdb=True, paused=True, bits=32) as vm, connect(vm) as stub:
        workspace, _ = at_exec(stub)
        update = workspace + stub.read_mem(workspace, 4 * PAGE).index(UPDATE)
        stub.break_at(update)
        stub.cont(10)
        assert stub.info_registers()["ECX"] == len(case.code)
        # QEMU stops again at a breakpoint from which it continues.
        stub.clear_break(update)
        stub.step()
        stub.break_at(update)
        stub.cont(10)
        registers = stub.info_registers()
        at, size = registers["ESI"], registers["ECX"]
        assert size == len(case.initrd)
        assert stub.read_mem(at, 4096) == case.initrd[:4096], "the initrd has not been moved yet"
        stub.clear_break(update)
        stub.write_mem(at + 40000, bytes([case.initrd[40000] ^ 0x10]))
        case.digest = hashlib.sha256(case.code + case.initrd[:40000] + bytes([case.initrd[40000] ^ 0x10])
                                     + case.initrd[40001:]).hexdigest()
        stub.send("c")
        assert_stopped(vm, case)


def test_without_a_digest_nothing_is_digested(tmp_path):
    with machine("none", LINUX.path, gdb=True, paused=True, bits=32) as vm, connect(vm) as stub:
        workspace, _ = at_exec(stub)
        assert UPDATE not in stub.read_mem(workspace, 5 * PAGE)
        stub.run()
        vm.wait_for(r"^INSPECT: \d+ ok, \d+ bad$", timeout=10)


def test_the_extensions_on_bochs(tmp_path):
    """Bochs's tigerlake has the SHA extensions; QEMU's TCG does not."""
    assert not bochs.missing(), bochs.missing()
    target = LINUX.load()
    path = packed(tmp_path, "--kernel", target.path, "--initrd", __file__, "--cmdline", "strict exit")
    iso = grub_iso(os.path.join(tmp_path, "digest.iso"), Part(SEGUE), [Part(path)])
    run = bochs.Bochs("digest", iso, cpu="tigerlake").run(target.entry, target.code)
    assert run.registers, "the debugger never saw the target's first instruction"
    assert run.registers["CR4"] == 0 and Verdict(run.serial).bad == {}
    # Purgatory's GDT is in its first page.
    home = run.registers["GDT"]["base"] & -PAGE
    run = bochs.Bochs("digest-fast", iso, cpu="tigerlake").run(home + offset_of("digest", SHA256RNDS2), SHA256RNDS2)
    assert run.registers, "the SHA extensions were not used"
