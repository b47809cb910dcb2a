"""Trains the recogniser on rendered upright faces; keeps a checkpoint every 50 steps.

CosFace's loss tells the people of the training set apart. Beside it the embedding has to say how a person was drawn: the
traits of identity.py, by a linear map that is thrown away afterwards. That is known exactly for every picture, and teaches
within a few hundred steps what the names alone would take thousands to teach.
"""

import argparse
import time
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from identity import population
from nets import Recogniser
from render import TRAINING


def traits(people):
    """A row of numbers a person, each column of mean 0 and deviation 1: lengths and colours as they are, kinds as 0 or 1."""
    columns = []
    for field in fields(people[0]):
        values = [getattr(person, field.name) for person in people]
        if field.name in ("seed", "moles"):
            continue
        if isinstance(values[0], str) or field.name in ("glasses", "nose_kind"):
            columns += [[float(v == kind) for v in values] for kind in sorted(set(values))]
        elif isinstance(values[0], tuple):
            columns += [list(v) for v in zip(*values)]
        else:
            columns.append([float(v) for v in values])
    table = np.array(columns, np.float32).T
    return torch.from_numpy((table - table.mean(0)) / table.std(0))


def augment(crops, rng, shake):
    """Moves, turns and recolours a batch by what cameras and detectors are off by."""
    batch = np.empty_like(crops)
    grey = rng.random() < 0.15
    for n, crop in enumerate(crops):
        move = cv2.getRotationMatrix2D((55.5, 55.5), rng.normal(0, 1.7 * shake), 1 + rng.normal(0, 0.025 * shake))
        move[:, 2] += rng.normal(0, 1.0 * shake, 2)
        level = np.arange(256)[:, None] * np.exp(rng.normal(0, 0.10, 3)) + rng.normal(0, 8)
        moved = cv2.warpAffine(crop, move, (112, 112))
        batch[n] = cv2.LUT(moved, np.clip(level, 0, 255).astype(np.uint8)[None])
        if grey:
            batch[n] = cv2.cvtColor(cv2.cvtColor(batch[n], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return torch.from_numpy(batch).permute(0, 3, 1, 2).to(torch.float32).sub_(127.5).div_(127.5)


def begin(net, centres, tell, faces, drawn, rng):
    """Sets the people's centres and the map to their traits, which no checkpoint keeps, to what a trained network says."""
    net.eval()
    with torch.no_grad():
        views = [torch.cat([net(augment(part, rng, 0.5)) for part in np.array_split(faces[:, k], 12)]) for k in (0, 5, 10)]
        mean = torch.stack([F.normalize(view) for view in views]).mean(0)
        centres.copy_(F.normalize(mean))
        told = torch.linalg.lstsq(torch.cat([views[0], torch.ones(len(mean), 1)], 1), drawn).solution
        tell.weight.copy_(told[:-1].t())
        tell.bias.copy_(told[-1])
    net.train()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument(
        "--shake", type=float, default=1.0, help="how badly crops are aligned; 1 is a turn of 1.7 degrees, 1 px"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--margin", type=float, default=0.30)
    parser.add_argument("--scale", type=float, default=24.0)
    parser.add_argument("--traits", type=float, default=6.0, help="how much the traits count beside the names")
    a = parser.parse_args()
    torch.manual_seed(2)
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(3 if a.resume else 2)
    faces = np.load(a.work / "faces.npy", mmap_mode="r")
    people, views = faces.shape[:2]
    flat = faces.reshape(-1, *faces.shape[2:])
    net = Recogniser().train().to(memory_format=torch.channels_last)
    drawn = traits(population(TRAINING, people))
    tell = torch.nn.Linear(64, drawn.shape[1])
    centres = torch.nn.Parameter(torch.randn(people, 64) * 0.1)
    if a.resume:
        net.load_state_dict(torch.load(a.work / "recogniser.pt"))
        begin(net, centres, tell, faces, drawn, rng)
    groups = [
        {"params": [*net.parameters(), *tell.parameters()], "weight_decay": 1e-3},
        {"params": [centres], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, a.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, a.rate, a.steps, pct_start=0.12)
    start, order, sums = time.time(), [], []
    for step in range(a.steps):
        if len(order) < a.batch:
            order = list(rng.permutation(len(flat)))
        pick = np.sort([order.pop() for _ in range(a.batch)])
        who = torch.from_numpy(pick // views)
        embedding = net(augment(flat[pick], rng, a.shake))
        cosine = F.normalize(embedding) @ F.normalize(centres).t()
        # The margin grows in, or the first steps have nothing to follow.
        margin = a.margin * (1.0 if a.resume else min(1.0, 3 * step / a.steps))
        loss = F.cross_entropy(a.scale * (cosine - margin * F.one_hot(who, people)), who)
        told = F.mse_loss(tell(embedding), drawn[who])
        optimiser.zero_grad()
        (loss + a.traits * told).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        sums.append((float(loss.detach()), float(told.detach()), float((cosine.argmax(1) == who).float().mean())))
        if step % 50 == 49:
            torch.save(net.state_dict(), a.work / "recogniser.pt")
            loss, told, right = np.mean(sums[-50:], 0)
            print(
                f"{step + 1}/{a.steps}: loss {loss:.3f}, traits {told:.3f}, right {right:.3f} {time.time() - start:.0f} s",
                flush=True,
            )
    torch.save(net.state_dict(), a.work / "recogniser.pt")


if __name__ == "__main__":
    main()
