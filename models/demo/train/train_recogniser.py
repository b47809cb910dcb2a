"""Trains the recogniser on rendered upright faces with CosFace's loss; keeps a checkpoint every 50 steps."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from nets import Recogniser


def augment(crops, rng):
    """Moves, turns and recolours a batch by what cameras and detectors are off by."""
    x = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    n = len(x)
    r = lambda s, *shape: torch.from_numpy(rng.normal(0, s, shape)).float()
    turn, scale, shift = r(0.03, n), 1 + r(0.025, n), r(0.018, n, 2)
    rows = torch.stack(
        [
            torch.stack([scale * torch.cos(turn), -scale * torch.sin(turn), shift[:, 0]], 1),
            torch.stack([scale * torch.sin(turn), scale * torch.cos(turn), shift[:, 1]], 1),
        ],
        1,
    )
    x = F.grid_sample(x, F.affine_grid(rows, x.shape, align_corners=False), align_corners=False)
    x = x.contiguous(memory_format=torch.channels_last)
    x = (x * torch.exp(r(0.10, n, 3, 1, 1)) + r(8, n, 1, 1, 1)).clamp(0, 255)
    if rng.random() < 0.2:
        x = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return (x - 127.5) / 127.5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--margin", type=float, default=0.30)
    parser.add_argument("--scale", type=float, default=24.0)
    a = parser.parse_args()
    torch.manual_seed(2)
    torch.set_num_threads(a.threads)
    rng = np.random.default_rng(2)
    faces = np.load(a.work / "faces.npy", mmap_mode="r")
    people, views = faces.shape[:2]
    flat = faces.reshape(-1, *faces.shape[2:])
    net = Recogniser().train()
    centres = torch.nn.Parameter(torch.randn(people, 64) * 0.1)
    groups = [{"params": net.parameters(), "weight_decay": 1e-3}, {"params": [centres], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, a.steps, pct_start=0.12)
    start, order, sums = time.time(), [], []
    for step in range(a.steps):
        if len(order) < a.batch:
            order = list(rng.permutation(len(flat)))
        pick = np.sort([order.pop() for _ in range(a.batch)])
        who = torch.from_numpy(pick // views)
        cosine = F.normalize(net(augment(flat[pick], rng))) @ F.normalize(centres).t()
        # The margin grows in, or the first steps have nothing to follow.
        margin = a.margin * min(1.0, 3 * step / a.steps)
        loss = F.cross_entropy(a.scale * (cosine - margin * F.one_hot(who, people)), who)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        sums.append((float(loss.detach()), float((cosine.argmax(1) == who).float().mean())))
        if step % 50 == 49:
            torch.save(net.state_dict(), a.work / "recogniser.pt")
            loss, right = np.mean(sums[-50:], 0)
            print(f"{step + 1}/{a.steps}: loss {loss:.3f}, right {right:.3f} {time.time() - start:.0f} s", flush=True)
    torch.save(net.state_dict(), a.work / "recogniser.pt")


if __name__ == "__main__":
    main()
