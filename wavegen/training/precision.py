"""Which precision a device is fast at."""

from __future__ import annotations

import torch


def fast_precision(device: torch.device) -> str:
    """`bfloat16` where the products of this device gain from it, else `float32`.

    On a CPU that means AVX512-BF16 or AMX: elsewhere bfloat16 is emulated and slower.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device.type == "cpu":
        has_bf16 = torch.cpu._is_avx512_bf16_supported()  # pyright: ignore[reportPrivateUsage]
        return "bfloat16" if has_bf16 else "float32"
    return "float32"
