# SPDX-License-Identifier: MIT
"""The boots of `make check-quick` (pytest --quick): a few cheap ones for each thing that Segue does.

Each test is listed with all its parameters (ALL), with every Nth of them from the first on, or with names."""
import collections

import pytest

ALL = 1
CHOSEN = {
    # Each protocol, real kernels of 32 and 64 bits; GRUB on a BIOS and on UEFI; a CD and a disk made by Segue.
    "test_boots.py::test_boot": (
        "cloud-amd64-kernel-256M", "busybox-i386-grub1-64M", "fiwix-alone-kernel-64M", "bundle-gnumach-kernel-64M",
        "xen-kernel-128M", "kexec-test-kernel-64M", "memdisk-kernel-16M", "multiboot-example-kernel-64M",
        "grub-invaders-grub2-64M", "busybox-i386-uefi2-192M", "multiboot-example-ahci-cd-16M",
        "multiboot-example-ide-disk-6G-i386"),
    # The state at the target's first instruction, from segue.elf and from hosts in each mode.
    "test_state.py::test_entry_state": 2,
    "test_state.py::test_486_instructions": ALL,
    "test_state.py::test_modules_arrive": ALL,
    "test_linux64.py::test_entry_state": ALL,
    "test_linux64.py::test_from_hosts": 2,
    "test_linux64.py::test_a_digest_above_4_gib": 2,
    "test_hosts.py::test_host_state": 5,
    "test_hosts.py::test_all_at_once": 3,
    "test_hosts.py::test_workspace_place": 6,
    "test_hosts.py::test_refusals_change_nothing": 3,
    "test_hosts.py::test_fiwix_kexec": 2,
    "test_hosts.py::test_the_matrix_is_whole": ALL,
    "test_hosts.py::test_the_gate_lies_in_one_page": ALL,
    "test_cpus.py::test_others_are_out_of_the_way": 8,
    "test_devices.py::test_all_are_quiet": 3,
    "test_devices.py::test_acpi": 9,
    "test_devices.py::test_ticks": 4,
    "test_keep.py::test_as_before": 8,
    "test_bios_call.py::test_registers_go_both_ways": ALL,
    "test_bios_host.py::test_calls": 6,
    "test_bios_host.py::test_a_target_after_it": 4,
    "test_catcher.py::test_a_fault_is_printed": 10,
    "test_catcher.py::test_an_nmi": 3,
    "test_digest.py::test_nist_vectors": ALL,
    "test_digest.py::test_the_right_digest_boots": ALL,
    "test_digest.py::test_a_wrong_one_stops": 4,
    "test_purgatory.py::test_an_exception_is_printed": 2,
    "test_purgatory.py::test_an_nmi_is_survived": ALL,
    "test_real_mode.py::test_a_sector_as_a_module": 2,
    "test_real_mode.py::test_the_state": 6,
    "test_refusals.py::test_refusal": 6,
    "test_refusals.py::test_every_refusal_has_its_own_sentence": ALL,
    "test_stage1.py::test_enters_segue": 3,
    "test_stage1.py::test_bad_second_part": 7,
    "test_media.py::test_boot": 3,
    "test_media.py::test_a_changed_byte": 2,
    "test_video.py::test_target_asks": ALL,
    "test_call_state.py::test_a_target_that_changes_everything": 3,
    "test_call_state.py::test_other_cpus_stop_and_start_again": 4,
    "test_call_state.py::test_wrong_arguments": 2,
    "test_snapshot.py::test_after_a_reset_and_in_a_new_machine": 4,
    "test_crash.py::test_crash": 6,
    "test_window.py::test_an_exception_at_an_instruction": 6,
}


def chosen(items):
    """Return the items that are in the table. A name in it that no test has is an error, since it would silently choose
    nothing."""
    tests = collections.defaultdict(list)
    for item in items:
        tests[f"{item.path.name}::{item.originalname}"].append(item)
    keep = set()
    # A run of one file, or with -k, has only some of the tests.
    whole = len({item.path.name for item in items}) == len({name.partition("::")[0] for name in CHOSEN})
    for name, which in CHOSEN.items():
        found = tests.get(name, [])
        if isinstance(which, int):
            keep.update(found[::which])
        else:
            named = [item for item in found if item.callspec.id in which]
            keep.update(named)
            if found and len(named) != len(which):
                raise pytest.UsageError(f"quick.py: {name} has not all of {', '.join(which)}")
        if whole and not found:
            raise pytest.UsageError(f"quick.py: there is no test {name}")
    return keep
