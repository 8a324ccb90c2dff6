# SPDX-License-Identifier: MIT
"""The order of the tests under xdist: the longest first, the same number for each worker, so that all end together."""
import cells


def seconds(item):
    """Estimate how long a test takes, relative to others."""
    cell = getattr(item, "callspec", None) and item.callspec.params.get("cell")
    if item.path.name == "test_boots.py" and cell:
        return cells.cell_seconds(cell)
    name = item.name.lower()
    # A real kernel's boot; Bochs; a machine stepped through a window.
    return 8 if "targets" in item.fixturenames or "linux" in item.originalname else 5 if "bochs" in name else \
        4 if item.path.name in ("test_window.py", "test_call_window.py") else 1


def dealt(items, workers):
    """Order the tests for xdist. It first gives each worker a run of len / (4 * workers) items, and later gives the
    rest to those that end early."""
    longest = sorted(items, key=seconds, reverse=True)
    first = max(len(items) // (4 * workers), 2) * workers
    return [item for worker in range(workers) for item in longest[:first][worker::workers]] + longest[first:]
