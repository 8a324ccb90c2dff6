# SPDX-License-Identifier: MIT
"""For pytest (-p progress): tells test/check how far a run is, in the file that SEGUE_PROGRESS names.

A line each: `total N` when the tests are known, then `done NODEID` or `failed NODEID`.
"""
import os

import pytest


class Progress:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)

    def pytest_collection_finish(self, session):
        # Under xdist the workers collect.
        if session.items:
            self.file.write(f"total {len(session.items)}\n")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        if node.gateway.id == "gw0":
            self.file.write(f"total {len(ids)}\n")

    def pytest_runtest_logreport(self, report):
        # A test has three of them; one that is set up badly has no call.
        if report.failed:
            self.file.write(f"failed {report.nodeid}\n")
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self.file.write(f"done {report.nodeid}\n")


def pytest_configure(config):
    # xdist's workers report to the process that tells.
    if "SEGUE_PROGRESS" in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(os.environ["SEGUE_PROGRESS"]), "segue-progress")
