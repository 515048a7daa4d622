"""One thread: threads that spin beside other work make small operations slow."""

import torch

torch.set_num_threads(1)
