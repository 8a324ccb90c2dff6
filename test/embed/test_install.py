# SPDX-License-Identifier: MIT
"""make install and uninstall, below a DESTDIR of the test's own."""
import os
import re

import pytest

import embed
from embed import ARCHES, ROOT, run

FILES = {"bin/segue", "include/segue/segue.h", "include/segue/segue_target.h", "include/segue/segue_core.h", "share/segue/segue.elf", "share/segue/return.elf", "share/segue/jump.elf", "share/segue/jump.sh", "share/segue/host_memory.sh", "share/segue/crashkit.sh", "share/man/man1/segue.1", "share/man/man3/segue.h.3",
         *(f"lib/segue/{arch}/{name}.a" for arch in ARCHES for name in ("libsegue", "libsegue-codes", "libsegue-memory")),
         *(f"share/pkgconfig/segue-{arch}.pc" for arch in ARCHES)}


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files(tmp_path):
    """Each is there, can be read by everybody, and says nothing of where it was built; again the same bytes."""
    files = tree(embed.install(tmp_path / "one", "/opt/segue"))
    assert set(files) == FILES
    assert set(tree(tmp_path / "one")) == {"opt/segue/" + name for name in FILES}
    assert tree(embed.install(tmp_path / "two", "/usr")) == files
    for name, data in files.items():
        assert str(ROOT).encode() not in data and b"/opt/segue" not in data, name
        mode = os.stat(tmp_path / "one/opt/segue" / name).st_mode & 0o777
        assert mode == (0o755 if name.startswith("bin/") else 0o644), name


def test_command_runs(tmp_path):
    prefix = embed.install(tmp_path)
    assert "Multiboot" in run(prefix / "bin/segue", "info", prefix / "share/segue/segue.elf")


@pytest.mark.parametrize("arch", ARCHES)
def test_pkg_config(tmp_path, arch):
    """Valid; points into the tree, wherever that has been moved; has the header's version."""
    moved = tmp_path / "elsewhere"
    embed.install(tmp_path / "first", "/p").rename(moved)
    package = f"segue-{arch}"
    embed.pkg_config(moved, "--validate", package)
    version = re.search(r'SEGUE_VERSION_STRING "(.*)"', (ROOT / "include/segue.h").read_text())[1]
    assert embed.pkg_config(moved, "--modversion", package) == version
    cflags, libs = (embed.pkg_config(moved, what, package).split() for what in ("--cflags", "--libs"))
    assert len(cflags) == 1 and os.path.samefile(cflags[0].removeprefix("-I"), moved / "include/segue")
    assert os.path.samefile(libs[0].removeprefix("-L"), moved / "lib/segue" / arch) and libs[1:] == ["-lsegue"]


def test_uninstall(tmp_path):
    """What install brought goes, with its folders; what others have there stays."""
    prefix = embed.install(tmp_path)
    other = prefix / "lib/segue/other"
    other.write_text("")
    embed.install(tmp_path, goal="uninstall")
    assert set(tree(prefix)) == {"lib/segue/other"}
    assert {path.name for path in prefix.rglob("*segue*")} == {"segue"}
    other.unlink()
    embed.install(tmp_path, goal="uninstall")
    assert not list(prefix.rglob("*segue*"))
