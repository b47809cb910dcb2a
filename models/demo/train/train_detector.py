"""Trains the detector on rendered scenes; keeps a checkpoint every 50 steps, so that it can be stopped at any time."""

import argparse
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
import torch.nn.functional as F

from export import SHIFT
from nets import Detector
from preprocess import ANCHORS, STRIDES
from render import DETECTOR_SIZE

# The face (square root of the area of its box, px of the input) that each anchor is for, as in SCRFD; a face takes the
# closest one by ratio. The largest stands for whatever is larger too.
BASES = ((16, 32), (64, 128), (256, 512))
CUT = 192
LOG_BASES = torch.log2(torch.tensor(BASES, dtype=torch.float32).flatten())


@cache
def grid(size):
    """For an input of `size` px the centre of each row of the output, px, and its stride and anchor, over all strides."""
    centres, strides, anchors = [], [], []
    for s, stride in enumerate(STRIDES):
        n = size // stride
        y, x = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
        centre = torch.stack([x, y], -1).reshape(-1, 1, 2).expand(-1, ANCHORS, -1).reshape(-1, 2) * float(stride)
        centres.append(centre)
        strides.append(torch.full((len(centre),), float(stride)))
        anchors.append(torch.arange(ANCHORS).repeat(n * n) + s * ANCHORS)
    return torch.cat(centres), torch.cat(strides), torch.cat(anchors)


def assign(labels, size):
    """For each row of the output: 1 face, 0 none, -1 may say either; and which of the labels it is of."""
    centres, strides, anchors = grid(size)
    state, whose = torch.zeros(len(centres)), torch.zeros(len(centres), dtype=torch.long)
    for i, label in enumerate(labels):
        box = label[:4]
        extent = (box[2:] - box[:2]).clamp(min=1)
        if label[4:].isnan().any():  # cut by the edge of the crop
            state[((centres >= box[:2]) & (centres <= box[2:])).all(1) & (state != 1)] = -1
            continue
        off = (torch.log2(extent.prod().sqrt().clamp(12, 400)) - LOG_BASES[anchors]).abs()
        # The cells next to the middle, and of large faces the inner part.
        reach = extent * 0.18 + strides[:, None] * 0.5
        apart = (centres - (box[:2] + box[2:]) / 2).abs()
        yes = (apart <= reach).all(1) & (off <= 0.52)
        maybe = (apart <= 2.0 * reach).all(1) & (off <= 1.1) & ~yes & (state != 1)
        state[maybe] = -1
        state[yes], whose[yes] = 1, i
    return state, whose


def losses(rows, labels, size):
    """Of a batch: of scores (focal), of boxes (distance IoU) and of key points (in units of the face)."""
    logits = torch.cat([r[..., 0] for r in rows[:3]], 1)
    boxes, points = torch.cat(rows[3:6], 1), torch.cat(rows[6:9], 1)
    states, found, wanted, keep = [], [], [], []
    for n, label in enumerate(labels):
        label = label[~torch.isnan(label[:, 0])]
        state, whose = assign(label, size)
        states.append(state)
        at = (state == 1).nonzero()[:, 0]
        keep.append((torch.full_like(at, n), at))
        if len(at):
            wanted.append(label[whose[at]])
    states = torch.stack(states)
    target = (states == 1).float()
    p = torch.sigmoid(logits)
    weight = torch.where(target > 0, 0.5 * (1 - p) ** 2, 0.5 * p**2) * (states >= 0)
    count = target.sum().clamp(min=1)
    score = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight.detach()).sum() / count
    if not wanted:
        return score, logits.sum() * 0, logits.sum() * 0
    n, at = (torch.cat(v) for v in zip(*keep))
    wanted = torch.cat(wanted)
    centres, strides, _ = grid(size)
    centre, stride = centres[at], strides[at, None]
    far, where = boxes[n, at] * stride, points[n, at].reshape(-1, 5, 2) * stride[..., None] + centre[:, None]
    found = torch.cat([centre - far[:, :2], centre + far[:, 2:]], 1)
    extent = (wanted[:, 2:4] - wanted[:, :2]).clamp(min=1)
    inter = (torch.minimum(found[:, 2:], wanted[:, 2:4]) - torch.maximum(found[:, :2], wanted[:, :2])).clamp(min=0).prod(1)
    area = (found[:, 2:] - found[:, :2]).clamp(min=0).prod(1)
    iou = inter / (area + extent.prod(1) - inter)
    hull = (torch.maximum(found[:, 2:], wanted[:, 2:4]) - torch.minimum(found[:, :2], wanted[:, :2])).square().sum(1)
    apart = ((found[:, :2] + found[:, 2:] - wanted[:, :2] - wanted[:, 2:4]) / 2).square().sum(1)
    box = (1 - iou + apart / hull).mean()
    off = (where - wanted[:, 4:].reshape(-1, 5, 2)).abs() / extent.mean(1)[:, None, None]
    key = F.smooth_l1_loss(off, torch.zeros_like(off), beta=0.02, reduction="mean")
    return score, box, key


def cut(image, label, size, rng):
    """A square of `size` px of a scene, mostly around one of its faces; a face that its edge cuts loses its key points."""
    there = label[~np.isnan(label[:, 0])]
    if len(there) and rng.random() < 0.85:
        # Small faces are missed more often than large ones, so they are shown more often.
        weight = 1 / np.sqrt((there[:, 2:4] - there[:, :2]).clip(1).prod(1))
        box = there[rng.choice(len(there), p=weight / weight.sum())]
        x, y = (box[:2] + box[2:4]) / 2 - size / 2 + rng.uniform(-0.32, 0.32, 2) * size
    else:
        x, y = rng.uniform(0, DETECTOR_SIZE - size, 2)
    x, y = (int(np.clip(v, 0, DETECTOR_SIZE - size)) for v in (x, y))
    label = label - np.tile([x, y], 7).astype(np.float32)
    width, height = np.clip(label[:, 2:4], 0, size).T - np.clip(label[:, :2], 0, size).T
    whole = (label[:, 2:4] - label[:, :2]).prod(1)
    seen = width * height / whole
    points = label[:, 4:].reshape(-1, 5, 2)
    cuts = (seen < 0.75) | (points < 2).any((1, 2)) | (points > size - 2).any((1, 2))
    if size < DETECTOR_SIZE:
        label[cuts, 4:] = np.nan
        label[seen <= 0] = np.nan
    return image[y : y + size, x : x + size].copy(), label


def augment(images, labels, size, rng):
    """Cuts, mirrors and recolours a batch (uint8, RGB, last dimension colour); the labels go with it."""
    swap = [1, 0, 2, 4, 3]
    pairs = [cut(image, label, size, rng) for image, label in zip(images, labels)]
    images, labels = np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
    for n, image in enumerate(images):
        if rng.random() < 0.5:
            # The picture ends where the columns stay black; the border is on the right at run time too.
            lit = np.flatnonzero(image[::8].any((0, 2)))
            width = int(lit[-1]) + 1 if len(lit) else size
            image[:, :width] = image[:, :width][:, ::-1].copy()
            labels[n, :, [0, 2]] = width - labels[n, :, [2, 0]]
            points = labels[n, :, 4:].reshape(-1, 5, 2)[:, swap]
            points[..., 0] = width - points[..., 0]
            labels[n, :, 4:] = points.reshape(-1, 10)
        gain, lift = np.exp(rng.normal(0, 0.10, 3)), rng.normal(0, 6)
        level = np.clip(np.arange(256)[:, None] * gain + lift, 0, 255)
        level[0] = 0  # the border stays black
        images[n] = cv2.LUT(image, level.astype(np.uint8)[None])
    x = torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32)
    return x.sub_(127.5).div_(128), torch.from_numpy(labels)


def thaw(net, graph, x):
    """Takes the weights of an exported detector. Its batch norms are folded away: each is made anew from what the convolution
    before it gives for the pictures `x`, so that the network answers as the graph does and training can go on."""
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(graph).graph.initializer}
    folded = iter([torch.from_numpy(v.copy()) for name, v in weights.items() if name.startswith("onnx::Conv")])
    norms = []

    def take(layer, _, __):
        conv, norm = layer[0], layer[1]
        conv.weight.data, norm.bias.data = next(folded), next(folded)
        norm.weight.data.fill_(1)
        norm.running_mean.data.fill_(0)
        norm.running_var.data.fill_(1 - norm.eps)
        norms.append((conv, norm))

    # The graph holds them in the order in which they run.
    pairs = [m for m in net.modules() if isinstance(m, torch.nn.Sequential) and isinstance(m[0], torch.nn.Conv2d)]
    hooks = [m.register_forward_hook(take) for m in pairs]
    with torch.no_grad():
        net.eval()(x[:1])
    for hook in hooks:
        hook.remove()
    for at, (head, shift) in enumerate(zip(net.heads, SHIFT)):
        for part in ("score", "box", "points"):
            for what in ("weight", "bias"):
                getattr(getattr(head, part), what).data = torch.from_numpy(weights[f"detector.heads.{at}.{part}.{what}"].copy())
        head.score.bias.data += shift

    # All are measured in one pass, each still with the norm that changes nothing; then they are put in.
    measured = []
    keep = lambda _, __, out: measured.append((out.mean((0, 2, 3)), out.var((0, 2, 3))))
    hooks = [conv.register_forward_hook(keep) for conv, _ in norms]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    for (_, norm), (mean, var) in zip(norms, measured):
        norm.running_mean.data, norm.running_var.data = mean, var
        norm.weight.data = (var + norm.eps).sqrt()
        norm.bias.data += mean


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--steps", type=int, default=1200, help="on squares cut from the scenes, three times as fast as whole ones"
    )
    parser.add_argument("--whole", type=int, default=250, help="steps on whole scenes, afterwards")
    parser.add_argument("--rooms", action="store_true", help="with rooms without faces too")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--thaw", type=Path, help="go on from this exported graph")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(2 if a.resume else 1)
    images, labels = np.load(a.work / "scenes.npy", mmap_mode="r"), np.load(a.work / "labels.npy")
    if a.rooms:
        images = np.concatenate([images, np.load(a.work / "rooms.npy")])
        labels = np.concatenate([labels, np.full((len(images) - len(labels), *labels.shape[1:]), np.nan, np.float32)])
    net = Detector().train()
    if a.resume:
        net.load_state_dict(torch.load(a.work / "detector.pt"))
    if a.thaw:
        pick = rng.choice(len(images), 64, replace=False)
        thaw(net, a.thaw, augment(images[np.sort(pick)], labels[np.sort(pick)], DETECTOR_SIZE, rng)[0])
        net.train()
    optimiser = torch.optim.AdamW(net.parameters(), a.rate, weight_decay=1e-3)
    steps = a.steps + a.whole
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, a.rate, steps, pct_start=0.12)
    start, order, sums = time.time(), [], []
    for step in range(steps):
        if len(order) < a.batch:
            order = list(rng.permutation(len(images)))
        pick = np.sort([order.pop() for _ in range(a.batch)])
        size = CUT if step < a.steps else DETECTOR_SIZE
        x, y = augment(images[pick], labels[pick], size, rng)
        parts = losses(net(x), y, size)
        optimiser.zero_grad()
        (parts[0] + 1.5 * parts[1] + 12.0 * parts[2]).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        sums.append([float(p.detach()) for p in parts])
        if step % 50 == 49:
            torch.save(net.state_dict(), a.work / "detector.pt")
            print(
                f"{step + 1}/{steps}: score, box, points: {np.mean(sums[-50:], 0).round(4)} {time.time() - start:.0f} s",
                flush=True,
            )
    torch.save(net.state_dict(), a.work / "detector.pt")


if __name__ == "__main__":
    main()
