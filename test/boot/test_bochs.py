# SPDX-License-Identifier: MIT
"""How Bochs is run: with its debugger, in either version, and never without it if the run is to stop somewhere."""
import os

import pytest

import bochs

HELP = {"2.7": "  -rc filename     execute debugger commands stored in file",
        "3.0": "  -debugger        start Bochs internal debugger on startup\n  -rc filename     execute debugger commands stored in file"}
# A fake Bochs whose guest prints a line and shuts down, without a debugger.
FAKE = """#!/bin/sh
[ "$1" != --help ] || {{ cat <<'END'
{help}
END
exit; }}
echo "$*" > {folder}/arguments
sed -n 's/^com1: .*dev=//p' bochsrc | while read -r port; do echo here > "$port"; done
sed -n 's/^log: //p' bochsrc | while read -r log; do echo "shutdown requested" > "$log"; done
"""


@pytest.fixture(params=HELP)
def version(request, tmp_path, monkeypatch):
    """A fake Bochs that runs no debugger."""
    program = tmp_path / "bochs"
    program.write_text(FAKE.format(help=HELP[request.param], folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    bochs.debugger_option.cache_clear()
    yield request.param
    bochs.debugger_option.cache_clear()


def fake(tmp_path, version, name):
    (tmp_path / "medium").write_bytes(b"")
    return bochs.Bochs(f"fake-{name}-{version}", str(tmp_path / "medium"))


def test_the_debugger_is_asked_for_where_there_is_the_option(version, tmp_path):
    fake(tmp_path, version, "option").wait_for("here", timeout=10)
    assert ("-debugger" in (tmp_path / "arguments").read_text().split()) == (version == "3.0")


@pytest.mark.parametrize("how", ["run", "wait_for"])
def test_a_run_without_a_debugger_log_fails(how, version, tmp_path):
    machine = fake(tmp_path, version, how)
    with pytest.raises(bochs.BochsError, match="left no debugger log: its debugger did not run"):
        if how == "run":
            machine.run(0x100000, b"\x90", timeout=10)
        else:
            machine.wait_for("here", timeout=10, stop_at=0x100000, code=b"\x90")
