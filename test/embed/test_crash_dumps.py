# SPDX-License-Identifier: MIT
"""include/README.md's lines for a crash, at their word: with README's sample they are a host that panics, and Debian's Linux then has
its memory, its registers and its reason."""
import os
import re
import shutil
import struct
import subprocess

import pytest

import embed
from embed import ARCHES, HERE, ROOT, run
from images import Part, have, qemu_kernel
from qemu import Qemu
from test_come_back import STANDARDS
from test_crash import CRASH_NOTE, LINUX, LOADED, bytes_said, notes_of, pack

WHY = "as the lines say"


def host():
    """The sample of "Embed", changed as "Crash dumps" says. It panics as soon as Linux is loaded."""
    declared, body = embed.readme_block('#include "segue.h"').split("/* Starts the kernel in blob.")
    size = re.search(r"`(SEGUE_WORKSPACE_SIZE_RETURN\(1, 26\)[^`]*SIZE_CRASH[^`]*)`", (ROOT / "include/README.md").read_text())[1]
    declared = declared.replace("SEGUE_WORKSPACE_SIZE(1)", size)
    body = body.replace("\terror = segue_load(&args);\n", "\tprepare_crash(&args);\n\terror = segue_load(&args);\n")
    body = re.sub(r"\tif \(segue_ready\(.*?\tsegue_unload\(workspace\);\n", f'\tcrash("{WHY}");\n', body, flags=re.DOTALL)
    body = body.replace("\tconst char *why;\n", "")
    assert "SIZE_CRASH" in declared and body.count("prepare_crash") == body.count("\tcrash(") == 1 and "why" not in body
    return declared + "void crash(const char *why);\n\n" + embed.readme_block("static unsigned char low[") + \
        "\n/* Starts the kernel in blob." + body


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Linux with an init that prints what it finds."""
    have("fetch", os.path.dirname(LINUX["amd64"][0]))
    have("initramfs/build", "small")
    folder = tmp_path_factory.mktemp("bundle")
    shutil.copyfile(ROOT / "test/targets/initramfs/post_mortem", folder / "init")
    os.chmod(folder / "init", 0o755)
    packed = subprocess.run(["cpio", "-o", "--quiet", "-H", "newc"], input=b"init\n", cwd=folder, stdout=subprocess.PIPE, check=True)
    (folder / "post_mortem").write_bytes(packed.stdout)
    return pack(LINUX["amd64"][0], str(folder / "post_mortem"), str(folder))


@pytest.mark.parametrize("arch", ARCHES)
def test_linux_has_the_host(tmp_path, arch, bundle):
    for each in ("main.c", "kernel.ld", f"boot_{arch}.asm"):
        shutil.copy(HERE / "minimal" / each, tmp_path)
    (tmp_path / "start_kernel.c").write_text(host())
    (tmp_path / "segue").symlink_to(ROOT)
    (tmp_path / "Makefile").write_text(f"ARCH := {arch}\n" + (HERE / "minimal/host.mk").read_text() +
                                       embed.readme_block("SEGUE_DIR :=").replace("i386", arch))
    run("make", "-j2", f"CC={embed.compiler('gcc', arch)}", cwd=tmp_path)
    symbols = {name: int(value, 16) for value, name in re.findall(r"^([0-9a-f]+) \w (\S+)$", run("nm", tmp_path / "kernel32.elf"),
                                                                 re.MULTILINE)}
    medium = qemu_kernel(Part(str(tmp_path / "kernel32.elf")), [Part(bundle, f"console=ttyS0 quiet {LOADED}")])
    with Qemu(f"crash-dumps-{arch}", memory="256M", cpu="max", **medium) as vm:
        vm.wait_for("^linux: that is all", timeout=90, but_not="^(it was refused|segue: .*|LINUX-BAD .*|.*Kernel panic.*)")
        said = vm.serial()
    _, (name, kind, status), _, (_, crash_kind, crash) = notes_of(bytes_said(said, "notes"))[:4]
    assert (name, kind, crash_kind) == ("CORE", 1, CRASH_NOTE) and crash[24:].split(b"\0")[0] == WHY.encode()
    ip = struct.unpack_from("<I", status, 72 + 12 * 4)[0] if arch == "i386" else struct.unpack_from("<Q", status, 112 + 16 * 8)[0]
    # It may be inlined.
    assert max((value, each) for each, value in symbols.items() if value <= ip)[1] in ("crash", "start_kernel")


@pytest.mark.parametrize("compiler", STANDARDS, ids=" ".join)
@pytest.mark.parametrize("bits", (32, 64))
def test_the_lines_are_clean(tmp_path, bits, compiler):
    file = tmp_path / ("sample.cc" if compiler[0] == "g++" else "sample.c")
    file.write_text(host())
    # C++ calls a partial initializer a mistake, {0} as well.
    extra = () if compiler[0] == "g++" else ("-Wextra",)
    run(*compiler, f"-m{bits}", "-ffreestanding", "-Wall", *extra, "-Wpedantic", *embed.FATAL, f"-I{ROOT}/include", "-c",
        "-o", os.devnull, file)
