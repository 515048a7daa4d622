"""How busy the GPU is: read beside the training, once a second, through NVML."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import torch

from deepeyes_tui.link.threads import HiddenThread

EVERY = 1.0


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Share of time with work in [0, 1], bytes taken and bytes there."""

    busy: float = float("nan")
    memory: int = 0
    memory_total: int = 0


class GpuWatch:
    """A thread that keeps the latest figures of one CUDA device; none is started without NVML."""

    def __init__(self, device: torch.device) -> None:
        self.latest = GpuUse()
        self._closed = threading.Event()
        HiddenThread(self._watch, device)

    def close(self) -> None:
        """Let the thread end."""
        self._closed.set()

    def _watch(self, device: torch.device) -> None:
        try:
            import pynvml

            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
            while not self._closed.wait(EVERY):
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
                self.latest = GpuUse(busy, int(memory.used), int(memory.total))
        except Exception:  # NVMLError has no base class but Exception; without figures the header leaves them out
            return
