# SPDX-License-Identifier: MIT
"""segue crashkit: what is in the bundle, and what is refused. Kernel, busybox and modules are made here; test/boot/test_crashkit.py
boots real ones."""
import gzip
import lzma
import os
import re
import shutil
import struct
import subprocess

import pytest

from test_command import ROOT, linux_kernel, members, segue

RELEASE = "9.8.7-test"
SCRIPT = ROOT / "disk/crashkit.sh"
# What disk/crashkit.sh runs of busybox
PROGRAMS = ("base64 cat cp dd df findfs grep gzip head insmod mount mv poweroff reboot rm sed setsid sh sleep "
            "stat stty sync tr umount wc").split()
EM_386, EM_X86_64 = 3, 62


def elf(sections=(), programs=(), machine=EM_X86_64, more=b""):
    """An ELF file with sections [(name, contents)] and empty program headers of these types."""
    wide = machine == EM_X86_64
    header, program, section = (64, 56, 64) if wide else (52, 32, 40)
    body, heads = b"", [bytes(section)]
    names = b"\0" + b"".join(name + b"\0" for name, _ in sections) + b".shstrtab\0"
    start = header + program * len(programs)
    for name, contents in [*sections, (b".shstrtab", names)]:
        fields = (names.index(b"\0" + name + b"\0") + 1, 1, 0, 0, start + len(body), len(contents), 0, 0, 1, 0)
        heads.append(struct.pack("<IIQQQQIIQQ" if wide else "<10I", *fields))
        body += contents
    body += more
    table = start + len(body)
    head = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH", 1, machine, 1, 0, header if programs else 0, table, 0, header,
                        program, len(programs), section, len(heads), len(heads) - 1)
    return head + b"".join(struct.pack("<I", each).ljust(program, b"\0") for each in programs) + body + b"".join(heads)


def module(depends="", release=RELEASE):
    info = f"license=GPL\0depends={depends}\0name=x\0vermagic={release} SMP preempt mod_unload \0".encode()
    return elf([(b".text", b"\x90" * 99), (b".modinfo", info)])


def busybox(programs=PROGRAMS, headers=(1,), machine=EM_X86_64):
    return elf([(b".rodata", b"\0".join(each.encode() for each in ["[", *programs, "zcat"]) + b"\0")], headers, machine)


MODULES = {
    "kernel/drivers/virtio/virtio.ko": module(), "kernel/drivers/virtio/virtio_ring.ko": module("virtio"),
    "kernel/drivers/virtio/virtio_pci.ko": module("virtio,virtio_ring"), "kernel/drivers/block/virtio_blk.ko": module("virtio_ring,virtio"),
    "kernel/fs/fat/fat.ko": module(), "kernel/fs/fat/vfat.ko": module("fat"), "kernel/fs/nls/nls_iso8859-1.ko": module(), "kernel/fs/xfs/xfs.ko": module("libcrc32c"),
    "kernel/lib/libcrc32c.ko": module("crc32c-generic"), "kernel/crypto/crc32c_generic.ko": module(), "kernel/drivers/other.ko": b"no",
}


@pytest.fixture
def root(tmp_path):
    """A folder as unpacked packages make it, with an older kernel beside the one to be taken."""
    root = tmp_path / "root"
    for name, data in {
            f"boot/vmlinuz-{RELEASE}": linux_kernel(), "boot/vmlinuz-9.8.6-test": b"older", "boot/vmlinuz": b"other",
            "bin/busybox": busybox(), **{f"lib/modules/{RELEASE}/{name}": data for name, data in MODULES.items()},
            f"lib/modules/{RELEASE}/modules.builtin": b"kernel/fs/ext4/ext4.ko\nkernel/drivers/scsi/sd_mod.ko",
            f"lib/modules/{RELEASE}/modules.order": b"kernel/fs/fat/fat.ko\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture
def kit(root, tmp_path):
    """kit(WORDS...): what segue has said, the bundle's members, and those of its initramfs."""
    def make(*words):
        out = tmp_path / "kit.bundle"
        done = segue("crashkit", "--root", root, *words, "-o", out)
        bundle = {name: data for name, (_, data) in members(out.read_bytes()).items()}
        return done, bundle, {name: data for name, (_, data) in members(gzip.decompress(bundle["initrd"])).items()}
    return make


def modules_of(initrd):
    found = sorted(name for name in initrd if name.startswith("modules/"))
    assert [name[8:12] for name in found] == [f"{i:03}-" for i in range(len(found))]
    return [name[12:] for name in found]


def test_contents(root, kit):
    done, bundle, initrd = kit()
    assert set(bundle) == {"cmdline", "kernel", "initrd"} and bundle["kernel"] == linux_kernel()
    assert bundle["cmdline"].decode().split() == "console=tty0 console=ttyS0,115200 quiet reset_devices panic=60".split()
    assert initrd["init"] == SCRIPT.read_bytes() and initrd["bin/busybox"] == busybox()
    assert initrd["crashkit/settings"] == b"label=SEGUECORE\nserial=\nthen=poweroff\nwait=30\n"
    assert {name for name, data in initrd.items() if not data} == {"bin", "crashkit", "dev", "disk", "modules", "proc", "sys", "tmp"}
    # Each after what it needs; nothing that was not asked for.
    assert modules_of(initrd) == ["virtio", "virtio_ring", "virtio_pci", "virtio_blk", "crc32c_generic", "nls_iso8859-1", "fat", "vfat"]
    assert initrd["modules/006-fat"] == MODULES["kernel/fs/fat/fat.ko"]
    assert f"{root}/boot/vmlinuz-{RELEASE}, Linux {RELEASE}\n" in done.stdout
    lacking = next(line for line in done.stdout.splitlines() if line.startswith("  not available")).split()[2:]
    assert "ahci" in lacking and not {"ext4", "sd_mod", "vfat", "virtio_blk"} & set(lacking)
    assert "label SEGUECORE\n" in done.stdout and "turns the machine off\n" in done.stdout
    # init_size, the initramfs (packed and unpacked), 32 MiB, in steps of 16 MiB
    assert re.search(r"^  memory +48 MiB at least, and 64 KiB to 640 KiB$", done.stdout, re.MULTILINE)


def test_cpio_unpacks_it(kit, tmp_path):
    """So does Linux: with folders first, and programs that can be run."""
    archive = gzip.decompress(kit()[1]["initrd"])
    subprocess.run(["cpio", "-id", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert os.access(tmp_path / "init", os.X_OK) and os.access(tmp_path / "bin/busybox", os.X_OK)
    assert (tmp_path / "init").read_text().startswith("#!/bin/busybox sh\n")


def test_the_same_bytes(kit, tmp_path):
    kit()
    first = (tmp_path / "kit.bundle").read_bytes()
    kit()
    assert (tmp_path / "kit.bundle").read_bytes() == first


def test_options(root, kit, tmp_path):
    (tmp_path / "mine").write_bytes(b"#!/bin/busybox sh\n")
    done, bundle, initrd = kit("--label", "My_disk-1.x", "--serial", "ttyS1,57600", "--then", "reboot", "--wait", "7", "--append",
                               "console=ttyS2 x=y", "--module", "xfs", "--module", "vfat", "--script", tmp_path / "mine", "--digest")
    assert bundle["cmdline"].decode().endswith(" panic=60 console=ttyS2 x=y") and bundle["digest"][:64] != b"0" * 64
    assert initrd["crashkit/settings"] == b"label=My_disk-1.x\nserial=ttyS1,57600\nthen=reboot\nwait=7\n"
    assert initrd["init"] == b"#!/bin/busybox sh\n"
    # - and _ are the same in names.
    assert modules_of(initrd)[-2:] == ["libcrc32c", "xfs"]
    assert "or sends        ttyS1,57600" in done.stdout and "restarts the machine" in done.stdout
    _, _, initrd = kit("--serial", "ttyS0", "--then", "shell", "--modules", "none")
    assert initrd["crashkit/settings"] == b"label=\nserial=ttyS0\nthen=shell\nwait=30\n" and not modules_of(initrd)


@pytest.mark.parametrize("suffix, pack", [
    (".gz", gzip.compress), (".xz", lzma.compress),
    (".zst", lambda data: subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout)])
def test_packed_modules(root, kit, suffix, pack):
    """Debian 13 compresses modules by xz, Ubuntu by zstd. The kit is the same, so it needs no program for them."""
    plain = kit()[2]
    for each in root.rglob("*.ko"):
        each.with_name(each.name + suffix).write_bytes(pack(each.read_bytes()))
        each.unlink()
    assert kit()[2] == plain


def test_a_packed_module_that_is_cut(root, tmp_path):
    vfat = next(root.rglob("vfat.ko"))
    vfat.with_name("vfat.ko.xz").write_bytes(lzma.compress(vfat.read_bytes())[:-5])
    vfat.unlink()
    done = segue("crashkit", "--root", root, "-o", tmp_path / "out", status=1)
    assert re.search(r"vfat\.ko\.xz: unxz stops at offset \d+: the file ends too early", done.stderr)


def test_merged_usr(root, kit):
    """The kernel beside its modules, and all below usr."""
    plain = kit()[1]
    shutil.move(root / f"boot/vmlinuz-{RELEASE}", root / f"lib/modules/{RELEASE}/vmlinuz")
    shutil.rmtree(root / "boot")
    (root / "usr").mkdir()
    shutil.move(root / "lib", root / "usr/lib")
    shutil.move(root / "bin", root / "usr/bin")
    assert kit()[1] == plain


def test_files_that_are_named(root, tmp_path):
    """None of them is in the root."""
    for name, place in (("k", f"boot/vmlinuz-{RELEASE}"), ("b", "bin/busybox"), ("m", f"lib/modules/{RELEASE}")):
        shutil.move(root / place, tmp_path / name)
    shutil.rmtree(root)
    segue("crashkit", "--kernel", tmp_path / "k", "--busybox", tmp_path / "b", "--modules", tmp_path / "m", "-o", tmp_path / "out")
    assert segue("info", tmp_path / "out").stdout.count("9.8.7-test")


# Programs of busybox that a script may use, without the shell's own commands
APPLETS = set("""ash awk base64 basename blkid blockdev bunzip2 bzip2 cat chmod chown chroot cksum cmp cp crc32 cttyhack cut date dd depmod
    devmem df diff dirname dmesg du egrep env expr fdisk fgrep find findfs fold fsync getty grep gunzip gzip halt head hexdump hwclock id
    insmod install less ln losetup ls lsmod lsof lzma md5sum mdev mkdir mkfifo mknod mktemp modinfo modprobe more mount mountpoint mv nc
    nice nohup nproc od paste pidof poweroff ps pwd readlink realpath reboot reset rm rmdir rmmod sed seq setsid sh sha1sum sha256sum sleep
    sort split stat strings stty switch_root sync sysctl tac tail tar tee timeout touch tr truncate tty umount uname uniq unxz usleep
    uudecode uuencode vi watch wc wget which xargs xxd xz xzcat yes zcat""".split())


def test_the_script_is_a_shell_script():
    """And each program that it runs is one that the command looks for in a busybox."""
    subprocess.run(["sh", "-n", SCRIPT], check=True)
    code = re.sub(r"^\s*#(?!!).*$", "", SCRIPT.read_text(), flags=re.MULTILINE)
    # At the beginning of a command
    used = set(re.findall(r"(?:^\s*|[|&;({!]\s*|\b(?:then|do|if|else|until|while|setsid -c)\s+|/busybox )(?=([a-z0-9]+)\b(?![=)]))", code, re.MULTILINE))
    assert used & APPLETS == set(PROGRAMS)


def run_script(folder, words, cmdline=""):
    """Runs words after the script's functions and settings. What it would say on the consoles is in stderr."""
    code = SCRIPT.read_text()
    functions, settings = code[:code.index("/bin/busybox --install")], code[code.index("label= serial="):code.index("if ! [ -e $core ]")]
    (folder / "settings").write_text("wait=30\n")
    (folder / "cmdline").write_text(cmdline + "\n")
    text = functions.replace("export PATH=/bin", "") + '\nsay() { echo "$*" >&2; }\n' + settings
    for old, new in (("/tmp/", f"{folder}/"), ("/crashkit/settings", f"{folder}/settings"), ("/proc/cmdline", f"{folder}/cmdline")):
        text = text.replace(old, new)
    return subprocess.run(["sh", "-c", text + words], capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("disk, is_written", [
    (bytes(2 << 20), True), (bytes(0x10040) + b"_BHRfS_M" + bytes(2 << 20), False), (bytes(0xfffff) + b"x" + bytes(9999), False),
    (b"x" + bytes(2 << 20), False), (bytes(0x10000), False)], ids=("zeros", "btrfs", "1 MiB", "0", "short"))
def test_what_a_partition_must_begin_with(tmp_path, disk, is_written):
    """btrfs, ReiserFS, GFS2 and UFS2 have their superblocks at 64 KiB, and the bytes before these may be zeros."""
    (tmp_path / "disk").write_bytes(disk)
    (tmp_path / "vmcore").write_bytes(b"\x7fELF" * 9999)
    done = run_script(tmp_path, f"label=X disk={tmp_path}/disk total=1 core={tmp_path}/vmcore\necho 'mount: x: no' >{tmp_path}/why\nsave_to_partition")
    assert (done.returncode == 0) == is_written, done.stderr
    if is_written:
        assert gzip.decompress((tmp_path / "disk").read_bytes()) == b"\x7fELF" * 9999
    else:
        assert "cannot be mounted: no. It is not written to either: that needs 1 MiB of zeros at its beginning." in done.stderr
        assert (tmp_path / "disk").read_bytes() == disk


def test_a_partition_that_cannot_be_read(tmp_path):
    """Nothing that is read has no byte that is not zero."""
    done = run_script(tmp_path, f"label=X disk=/proc/self/mem total=1 core=/dev/null\necho 'mount: x: no' >{tmp_path}/why\nsave_to_partition")
    assert done.returncode and "It is not written to either" in done.stderr and "Saving" not in done.stderr


@pytest.mark.parametrize("value, left, sentence", [
    ("5", "4 4", ""), ("0", "-1 -1", ""), ("600", "599 599", ""),
    *((each, "29 59", f"crashkit.wait={each} is not a number of seconds. It stays 30.") for each in ("5s", "08", "", "-1", "left"))])
def test_seconds_on_the_command_line(tmp_path, value, left, sentence):
    """Arithmetic with what is no number ends a shell. This one is init, whose end stops Linux."""
    done = run_script(tmp_path, "echo $((wait - 1)) $((pause - 1))", f"quiet crashkit.wait={value} crashkit.pause={value}")
    assert done.returncode == 0 and done.stdout.split() == left.split() and sentence in done.stderr


SENTENCES = {
    "no kernel": (lambda root: shutil.rmtree(root / "boot"), "no boot/vmlinuz-RELEASE is there"),
    "not a Linux": (lambda root: (root / f"boot/vmlinuz-{RELEASE}").write_bytes(busybox()), "not a Linux (bzImage)"),
    "no release": (lambda root: (root / f"boot/vmlinuz-{RELEASE}").write_bytes(linux_kernel(version=0x209)), "which release of Linux"),
    "no busybox": (lambda root: (root / "bin/busybox").unlink(), "no bin/busybox is there"),
    "dynamic": (lambda root: (root / "bin/busybox").write_bytes(busybox(headers=(6, 3, 1))), "this busybox needs shared libraries"),
    "a script": (lambda root: (root / "bin/busybox").write_bytes(b"#!/bin/sh\n" * 99), "not a program for i386 or x86-64"),
    "cut": (lambda root: (root / "bin/busybox").write_bytes(busybox()[:60]), "not a program for i386 or x86-64"),
    "lean": (lambda root: (root / "bin/busybox").write_bytes(busybox([each for each in PROGRAMS if each != "findfs"])), "this busybox has no findfs"),
    "32-bit kernel": (lambda root: (root / f"boot/vmlinuz-{RELEASE}").write_bytes(linux_kernel(version=0x20b)), "a 64-bit program, and"),
    "no modules": (lambda root: shutil.rmtree(root / "lib"), "the modules of"),
    "empty": (lambda root: [each.unlink() for each in root.rglob("*.ko")], "there are no modules (.ko files) in it"),
    "release": (lambda root: next(root.rglob("fat.ko")).write_bytes(module(release="9.8.7-tes")), "a module for Linux 9.8.7-tes, but"),
    "need": (lambda root: next(root.rglob("virtio.ko")).unlink(), "this module needs virtio, which is not in"),
    "not a module": (lambda root: next(root.rglob("fat.ko")).write_bytes(busybox()), "fat.ko: not a module of Linux"),
    "cut module": (lambda root: next(root.rglob("fat.ko")).write_bytes(module()[:-100]), "fat.ko: not a module of Linux"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_refusals(case, root, tmp_path):
    spoil, sentence = SENTENCES[case]
    spoil(root)
    done = segue("crashkit", "--root", root, "-o", tmp_path / "out", status=1)
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1 and not done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["root"]


def test_a_module_that_is_not_there(root, tmp_path):
    done = segue("crashkit", "--root", root, "--module", "btrfs", "-o", tmp_path / "out", status=1)
    assert "there is no module btrfs" in done.stderr
    # One that is built in is there.
    segue("crashkit", "--root", root, "--module", "ext4", "-o", tmp_path / "out")


def test_a_32_bit_busybox(root, kit):
    """It runs on both kernels."""
    (root / "bin/busybox").write_bytes(busybox(machine=EM_386))
    assert kit()[2]["bin/busybox"] == busybox(machine=EM_386)
    (root / f"boot/vmlinuz-{RELEASE}").write_bytes(linux_kernel(version=0x20b))
    assert kit()[2]["bin/busybox"] == busybox(machine=EM_386)


def test_out(root, tmp_path):
    """A new file, or an ordinary one that is not read."""
    (tmp_path / "old").write_bytes(b"old")
    segue("crashkit", "--root", root, "-o", tmp_path / "old")
    assert (tmp_path / "old").read_bytes()[:6] == b"070701"
    for out, sentence in ((root, "this is a folder"), (root / "bin/busybox", "this is a file that is read"), ("/dev/null", "not an ordinary"),
                          (next(root.rglob("vfat.ko")), "this is a file that is read"), (tmp_path / "none/out", "No such file")):
        before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
        assert sentence in segue("crashkit", "--root", root, "-o", out, status=1).stderr
        assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


@pytest.mark.parametrize("words, sentence", [
    ([], "-o OUT is missing"), (["-o", "a", "b"], "b is not an option"), (["--label"], "--label needs an argument"),
    *((["--label", each, "-o", "a"], f"--label {each}: a label has 1 to 36 letters") for each in ("", "a b", "a'b", "a/b", "$x", "x" * 37)),
    *((["--serial", each, "-o", "a"], f"--serial {each} is not a port such as ttyS0") for each in ("", "S0", "tty", "ttyS0,", "ttyS0,fast", "../ttyS0", "ttyS0,1 2", "ttyS" + "0" * 13)),
    (["--then", "halt", "-o", "a"], "--then is poweroff, reboot or shell, not halt"),
    *((["--wait", each, "-o", "a"], f"--wait {each} is not a number of seconds up to 3600") for each in ("", "x", "-1", "3601", "5s")),
    (["--label", "a", "--label", "b"], "--label is given twice"), (["--modules", "none", "--module", "xfs", "-o", "a"], "exclude each other"),
    (["--append", "x" * 2000, "-o", "a"], "--append has more than"), (["--lab", "a"], "--lab is not an option; --label must not"),
])
def test_usage(words, sentence, tmp_path):
    assert sentence in segue("crashkit", *words, status=2, cwd=tmp_path).stderr
    assert list(tmp_path.iterdir()) == []
