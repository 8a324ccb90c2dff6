# SPDX-License-Identifier: MIT
"""How test/targets/fetch finds its packages on machines of other distributions: small archives made here, which apt
reads as those machines would read theirs. Also what happens to a test whose target cannot be had."""
import hashlib
import os
import re
import shutil
import subprocess

import pytest

import cells
import images
from images import Part, write
from qemu import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt-get: fetch can fetch nothing here")

KERNEL, BUSYBOX = b"the kernel", b"\x7fELF of busybox"


def package(archive, name, files=(), depends="", version="1.0", compression="zstd"):
    """Make a .deb in the folder archive."""
    tree = os.path.join(archive, name)
    os.makedirs(os.path.join(tree, "DEBIAN"))
    for path, data in dict(files).items():
        os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
        write(os.path.join(tree, path), data)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody <a@b>\nDescription: none\n"
    write(os.path.join(tree, "DEBIAN/control"), (control + (f"Depends: {depends}\n" if depends else "")).encode())
    file = f"{name}_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", f"-Z{compression}", "--root-owner-group", "-b", tree, os.path.join(archive, file)],
                   check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def kernel(archive, version, data=KERNEL, path="boot/vmlinuz-{}", **more):
    package(archive, f"linux-image-{version}", {path.format(version): data}, **more)


def index(archive, origin, label):
    """Write Packages and Release, in a folder without a suite."""
    listed = ""
    for file in sorted(os.listdir(archive)):
        path = os.path.join(archive, file)
        control = subprocess.run(["dpkg-deb", "-f", path], check=True, stdout=subprocess.PIPE, text=True).stdout
        with open(path, "rb") as data:
            digest = hashlib.sha256(data.read()).hexdigest()
        listed += f"{control}Filename: ./{file}\nSize: {os.path.getsize(path)}\nSHA256: {digest}\n\n"
    write(os.path.join(archive, "Packages"), listed.encode())
    write(os.path.join(archive, "Release"), f"Origin: {origin}\nLabel: {label}\nSHA256:\n "
          f"{hashlib.sha256(listed.encode()).hexdigest()} {len(listed)} Packages\n".encode())


class Machine:
    """A machine whose apt reads these archives, and the folder into which it fetches."""

    def __init__(self, folder):
        self.folder, self.sources = str(folder), []
        self.out = os.path.join(self.folder, "out")

    def archive(self, origin, label=None):
        path = os.path.join(self.folder, f"archive-{len(self.sources)}")
        os.makedirs(path)
        self.sources.append((path, origin, label or origin))
        return path

    def fetch(self, *names):
        """Return the exit status, and fetch's message for each target that it cannot have."""
        for each in self.sources:
            index(*each)
        write(os.path.join(self.folder, "sources.list"),
              "".join(f"deb [trusted=yes] file:{path} ./\n" for path, _, _ in self.sources).encode())
        write(os.path.join(self.folder, "apt.conf"), f'Dir::Etc::SourceList "{self.folder}/sources.list";\n'
              'Dir::Etc::SourceParts "-";\nAPT::Default-Release "noble";\n'.encode())
        environment = {key: value for key, value in os.environ.items() if key != "SEGUE_DEBIAN_MIRROR"}
        environment.update(APT_CONFIG=os.path.join(self.folder, "apt.conf"), SEGUE_TARGETS=self.out)
        done = subprocess.run([os.path.join(ROOT, "test/targets/fetch"), *names], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        return done.returncode, dict(re.findall(r"^fetch: ([\w-]+): (.*)$", done.stderr, re.MULTILINE))

    def file(self, name):
        with open(os.path.join(self.out, name), "rb") as file:
            return file.read()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("meta", ["linux-image-virtual", "linux-image-kvm", "linux-image-generic"])
def test_ubuntu(machine, meta):
    """Packages compressed by zstd; the kernel that the newest package names, not a higher version; busybox below /usr."""
    archive = machine.archive("Ubuntu")
    package(archive, meta, depends="linux-modules-6.8.0-45-generic, linux-image-6.8.0-45-generic | other, wireless-regdb")
    kernel(archive, "6.8.0-9-generic", b"older")
    kernel(archive, "6.8.0-45-generic")
    kernel(archive, "6.11.0-8-lowlatency", b"another")
    package(archive, "linux-image-unsigned-6.11.0-1-generic", {"boot/vmlinuz": b"unsigned"})
    package(archive, "busybox-static", {"usr/bin/busybox": BUSYBOX, "usr/share/doc/busybox": b""})
    assert machine.fetch("run-linux", "run-busybox", "gnumach") == (1, {
        "gnumach": "this machine's apt uses no Debian mirror; SEGUE_DEBIAN_MIRROR names one"})
    assert machine.file("run-linux/linux") == KERNEL
    assert machine.file("run-busybox/busybox") == BUSYBOX and os.access(machine.out + "/run-busybox/busybox", os.X_OK)


@pytest.mark.parametrize("path", ["boot/vmlinuz-{}", "usr/lib/modules/{}/vmlinuz"])
def test_debian(machine, path):
    """The kernel for virtual machines is preferred to the one for all; it is found in either place."""
    archive = machine.archive("Debian")
    package(archive, "linux-image-amd64", depends="linux-image-7.0+deb14-amd64", compression="xz")
    kernel(archive, "7.0+deb14-amd64", b"for all machines", path)
    package(archive, "linux-image-cloud-amd64", depends="linux-image-7.0+deb14-cloud-amd64 (= 1.0)", compression="xz")
    kernel(archive, "7.0+deb14-cloud-amd64", KERNEL, path, compression="xz")
    assert machine.fetch("run-linux") == (0, {})
    assert machine.file("run-linux/linux") == KERNEL


def test_debian_after_13(machine):
    """After Debian 13 the package with the kernel's name is empty."""
    archive = machine.archive("Debian")
    package(archive, "linux-image-cloud-amd64", depends="linux-base-cloud-amd64, linux-image-7.2.12+deb14-cloud-amd64")
    package(archive, "linux-image-7.2.12+deb14-cloud-amd64",
            depends="dracut | initramfs-tools, linux-binary-7.2.12+deb14-cloud-amd64")
    package(archive, "linux-binary-7.2.12+deb14-cloud-amd64",
            {"usr/lib/modules/7.2.12+deb14-cloud-amd64/vmlinuz": KERNEL})
    assert machine.fetch("run-linux") == (0, {})
    assert machine.file("run-linux/linux") == KERNEL


def test_no_package_names_the_newest(machine):
    archive = machine.archive("Another")
    kernel(archive, "6.9.3-generic", b"older")
    kernel(archive, "6.10.3-generic")
    kernel(archive, "6.12.1-dbg", b"no kernel")
    assert machine.fetch("run-linux") == (0, {})
    assert machine.file("run-linux/linux") == KERNEL


def test_an_archive_that_has_moved_on(machine):
    """The lists are outdated: they are read again, once."""
    archive = machine.archive("Debian")
    package(archive, "busybox-static", {"bin/busybox": b"older"}, version="1.0")
    kernel(archive, "6.9.3-generic")
    assert machine.fetch("run-linux") == (0, {})
    os.remove(os.path.join(archive, "busybox-static_1.0_amd64.deb"))
    for each in ("Packages", "Release"):
        os.remove(os.path.join(archive, each))
    package(archive, "busybox-static", {"bin/busybox": BUSYBOX}, version="1.1")
    assert machine.fetch("run-busybox") == (0, {})
    assert machine.file("run-busybox/busybox") == BUSYBOX


def test_no_archive(machine):
    none = "this machine's apt names no archive (its lists of sources are empty)"
    assert machine.fetch("run-linux", "gnumach", "memtest") == (1, {
        "run-linux": none, **dict.fromkeys(("gnumach", "memtest"),
                                           f"no Debian mirror is known: {none}; SEGUE_DEBIAN_MIRROR names one")})


def test_all_builds_nothing(machine):
    """`make bench` fetches all, and does not ask for what a build of Linux needs."""
    _, failed = machine.fetch("--all")
    assert "kexec-amd64" in failed and "linux-jump" not in failed


def test_debian_12_is_asked_of_every_mirror(machine):
    """Only Debian's own mirrors are asked, not those of others or of its security team. These have no Debian 12."""
    mirrors = [machine.archive("Debian"), machine.archive("Debian")]
    for more in (machine.archive("Debian", "Debian-Security"), machine.archive("Somebody")):
        kernel(more, "6.9.3-generic")
    for each in mirrors:
        kernel(each, "6.9.3-generic")
    status, failed = machine.fetch("gnumach")
    assert status == 1 and [path in failed["gnumach"] for path, _, _ in machine.sources] == [True, True, False, False], failed


def test_a_test_without_its_target_is_skipped(monkeypatch):
    """A test is skipped whatever names the missing file; other tests run."""
    monkeypatch.setattr(images, "LACKING", {"gnumach": "the reason", "initramfs.cpio.gz": "the reason"})
    for ask in (lambda: cells.at("gnumach/kernel"), lambda: cells.TABLE["gnumach"].modules[0].path, lambda: cells.INITRD.path):
        with pytest.raises(pytest.skip.Exception, match="^no target [a-z.]+: the reason$"):
            ask()
    assert cells.at("xen/kernel") == os.path.join(images.TARGETS, "xen/kernel")
    assert Part("/boot/gnumach").path == "/boot/gnumach"
