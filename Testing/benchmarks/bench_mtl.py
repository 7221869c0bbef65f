"""One multitask network against three single-task ones, and one inference at the paper's size, in one run.

Usage: python Testing/benchmarks/bench_mtl.py [--device cpu|cuda] [--steps 2] [--rounds 3] [--size 96 128 128]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor

from COVIDMTLLib.cam import explain, scaled
from COVIDMTLLib.losses import make_loss, task_losses
from COVIDMTLLib.networks.build import NetworkSettings, build_network
from COVIDMTLLib.networks.summary import PAPER_SIZE, paper_networks, summarise
from COVIDMTLLib.tasks import TASKS

BATCH = 2
NAMES = tuple(task.name for task in TASKS)


def training_steps(settings: NetworkSettings, volume: Tensor, steps: int) -> Callable[[], None]:
    """So many SGD steps of a network on the same data."""
    network = build_network(settings).to(volume.device).train()
    loss = make_loss("random", settings.tasks)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, nesterov=True)
    labels = {name: torch.zeros(len(volume), dtype=torch.long, device=volume.device) for name in settings.tasks}

    def run() -> None:
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=True)
            loss(task_losses(network(volume), labels)).backward()
            optimiser.step()

    return run


def inference(settings: NetworkSettings, volume: Tensor, steps: int) -> Callable[[], None]:
    """So many inferences of a network."""
    network = build_network(settings).to(volume.device).eval()

    def run() -> None:
        with torch.no_grad():
            for _ in range(steps):
                network(volume)

    return run


def seconds(work: Callable[[], None], device: str) -> float:
    """Time of one call after the caller's warm-up: CUDA events on a GPU, CPU seconds of all threads otherwise.

    CPU seconds, since another program on the same cores must not decide a ratio.
    """
    if device == "cuda":
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / 1000
    started = time.process_time()
    work()
    return time.process_time() - started


def paper_inference(device: str) -> None:
    """Three tasks and their maps for one crop of the paper's size."""
    network = build_network(NetworkSettings()).to(device).eval()
    volume = torch.randn(1, 1, *PAPER_SIZE, device=device)

    def run() -> None:
        with torch.no_grad():
            shared = network.trunk(volume)
            network.from_shared(shared)
            for name in NAMES:
                scaled(explain(network, shared, name, 1)[0], PAPER_SIZE)

    if device == "cuda":
        run()  # the CPU's peak memory and first-call time are part of what a user waits for
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    took = seconds(run, device)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"inference of {PAPER_SIZE} with three tasks and CAM on {device}:", end=" ")
    print(f"{took:.2f} s of the processor, {wall:.2f} s on the clock,", end=" ")
    if device == "cuda":
        print(f"peak GPU memory {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    else:
        print(f"peak memory of the process {after / 2**20:.2f} GiB ({before / 2**20:.2f} GiB before)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=3, default=(96, 128, 128))
    arguments = parser.parse_args()
    print(f"{arguments.device}, {torch.get_num_threads()} threads")
    paper_inference(arguments.device)
    volume = torch.randn(BATCH, 1, *arguments.size, device=arguments.device)
    singles = [NetworkSettings("shiftnet3d", (name,)) for name in NAMES]
    for title, make in (("training", training_steps), ("inference", inference)):
        multitask = make(NetworkSettings(), volume, arguments.steps)
        apart_works = [make(single, volume, arguments.steps) for single in singles]
        for work in (multitask, *apart_works):
            work()  # kernels are chosen and memory is fetched on the first call; whoever is timed first would pay
        together = apart = 0.0
        for _ in range(arguments.rounds):  # in turn, so that a slow minute of the machine meets both
            together += seconds(multitask, arguments.device)
            apart += sum(seconds(work, arguments.device) for work in apart_works)
        print(f"{title}: multitask {together:.2f} s, three single-task {apart:.2f} s, ratio {together / apart:.3f}")
    for settings in paper_networks():
        found = summarise(settings)
        print(
            f"{found.architecture} ({', '.join(found.tasks)}{', features' if settings.n_features else ''}): "
            f"{found.parameters / 1e6:.2f} M parameters, {found.multiply_adds / 1e9:.1f} G multiply-adds"
        )


if __name__ == "__main__":
    main()
