"""What common GPUs multiply in a second, by their makers' figures."""

from typing import Final, NamedTuple


class Gpu(NamedTuple):
    """A GPU.

    Attributes:
        name: Its name.
        memory_gb: Its memory, in 10^9 bytes.
        tflops: Matrix products of 16-bit numbers summed in 32 bits, dense, in 10^12 operations a second.
        precision: What `auto` takes there; the preset `paper` takes fp16 on all of them.
        source: Where the rate is from.
    """

    name: str
    memory_gb: int
    tflops: float
    precision: str
    source: str


_COUNTED = (
    "counted: multiprocessors x 4 tensor cores x multiplications a clock x 2 x boost clock, of NVIDIA's whitepaper"
)

GPUS: Final = (
    Gpu("RTX 3060", 12, 25.5, "bf16", f"{_COUNTED} on GA10x: 28 x 4 x 64 x 2 x 1.777 GHz"),
    Gpu("T4", 16, 65, "fp16", "NVIDIA T4 datasheet"),
    Gpu("A10G", 24, 70, "bf16", "NVIDIA A10G datasheet"),
    Gpu("L4", 24, 121, "bf16", "NVIDIA L4 datasheet, without sparsity"),
    Gpu("V100 SXM2", 16, 125, "fp16", "NVIDIA V100 datasheet"),
    Gpu("RTX 4090", 24, 165.2, "bf16", f"{_COUNTED} on Ada: 128 x 4 x 64 x 2 x 2.52 GHz"),
    Gpu("A100 SXM", 40, 312, "bf16", "NVIDIA A100 datasheet"),
    Gpu("H100 SXM", 80, 989, "bf16", "NVIDIA H100 datasheet, without sparsity"),
)
"""From the slowest to the fastest."""
