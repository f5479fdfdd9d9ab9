"""Memory that training keeps: no page is fetched twice, all of it goes back, and large pages where there are some."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import resource
from toxres.allocator import keeping_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        b"x" * (1 << 24)
        b"x" * (3 << 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1])

def kept():
    with keeping_memory():
        with keeping_memory():
            b"x" * (3 << 24)
        first = resident()
        counted = faults()
    return counted, first - resident()

print(faults(), *kept(), *keeping_memory()(kept)(), faults())
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def ran(**environment):
    words = [sys.executable, "-c", FAULTS]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def test_memory_is_kept_within_the_block_and_given_back_after_it():
    before, inside, freed, again, _, after = ran()
    assert min(before, after) > 20 * (1 + max(inside, again))
    assert freed > (1 << 24) // 4_096


LARGE = """
from toxres.allocator import keeping_memory

with keeping_memory():
    import torch

    taken = torch.ones(64 << 20, dtype=torch.uint8)
    told = open("/proc/self/smaps_rollup").read()
print(int(told.split("AnonHugePages:")[1].split()[0]))
"""


def test_torch_takes_large_pages_where_the_system_gives_them():
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    given = setting.is_file() and "[never]" not in setting.read_text()
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, timeout=120, env={})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 16 << 10 or not given


def test_what_the_environment_sets_is_left_alone():
    before, inside, *_ = ran(MALLOC_MMAP_THRESHOLD_="65536")
    assert inside > before / 2
