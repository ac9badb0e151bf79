"""Runs on one thread: the computations are so small that threads would mostly wait for each other."""

import torch

torch.set_num_threads(1)
