"""Shift3D against a plain copy and against the literal loop of Algorithm 2, in one run.

Usage: python Testing/benchmarks/bench_shift3d.py [--device cpu|cuda] [--repeats 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from COVIDMTLLib.networks.shift3d import Shift3D, Shifts, ShiftSettings, shift_maps

SHAPE = (10, 64, 50, 64, 64)  # a batch of the paper's after the stem


def literal_loop(x: Tensor, shifts: Shifts, per_channel: bool) -> Tensor:
    """Algorithm 2 map by map; unbound and stacked, so that its backward pass does not suffer from in-place writes."""
    rows = []
    for sample, maps in enumerate(x.unbind(0)):
        shifted = []
        for channel, one in enumerate(maps.unbind(0)):
            item = sample * x.shape[1] + channel if per_channel else sample
            lines = int(shifts.lines[item])
            shifted.append(torch.roll(one, lines, int(shifts.axes[item])) if lines else one)
        rows.append(torch.stack(shifted))
    return torch.stack(rows)


def seconds(work: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor, repeats: int) -> float:
    """Median time of forward and backward: CUDA events on a GPU, CPU seconds of all threads otherwise.

    CPU seconds, since another program on the same cores must not decide the ratio.
    """
    times = []
    for number in range(repeats + 1):
        x.grad = None
        if x.is_cuda:
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            work(x).backward(gradient)
            end.record()
            torch.cuda.synchronize()
            took = begin.elapsed_time(end) / 1000
        else:
            started = time.process_time()
            work(x).backward(gradient)
            took = time.process_time() - started
        if number:  # the first warms up
            times.append(took)
    return sorted(times)[len(times) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--chance", type=float, nargs="+", default=(0.25, 1.0))
    arguments = parser.parse_args()
    x = torch.randn(SHAPE, device=arguments.device, requires_grad=True)
    gradient = torch.randn(SHAPE, device=arguments.device)
    copy = seconds(torch.clone, x, gradient, arguments.repeats)
    print(f"{arguments.device}, {torch.get_num_threads()} threads, {SHAPE}: clone and its backward {copy:.4f} s")
    for per_channel in (False, True):
        for chance in arguments.chance:
            layer = Shift3D(ShiftSettings(chance=chance, per_channel=per_channel, seed=1))
            shifts = layer.draw(SHAPE)
            ours = seconds(lambda t: shift_maps(t, shifts), x, gradient, arguments.repeats)  # noqa: B023
            loop = seconds(lambda t: literal_loop(t, shifts, per_channel), x, gradient, arguments.repeats)  # noqa: B023
            draws = "channel" if per_channel else "sample"
            print(
                f"one draw a {draws}, chance {chance}: {ours:.4f} s, {ours / copy:.2f} times the copy; "
                f"literal loop {loop:.4f} s, {loop / ours:.1f} times ours"
            )


if __name__ == "__main__":
    main()
