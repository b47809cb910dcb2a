"""Writes the trained networks as ONNX graphs, checks that they answer as PyTorch does, and writes the model card."""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from nets import Detector, DetectorGraph, Recogniser, RecogniserGraph
from preprocess import STRIDES
from render import DETECTOR_SIZE

# What is taken from the logits of each grid. A stage counts scores from 0.5 on. On 800 scenes of the people of calibration 99 % of
# the faces stayed there and a false box came in one of 200; what lies on the coarser grids is large, and found with certainty.
SHIFT = (1.0, 1.9, 1.9)

CARD = """\
# Our own pack, for a first run: it knows drawn faces, and only those. Its card in words is models/demo/README.md; how it is
# made is models/demo/train/README.md, which also writes this file.

name = "demo"
title = "A small SCRFD ({size} x {size}) and a small ArcFace ({dimension} dimensions) for drawn faces only; a real exhibition needs a real pack"
licence = "Apache-2.0"
commercial = true
origin = "the folder models/demo of this project"
# {reason}
match_threshold = {threshold}
"""

FILE = """
[[file]]
name = "{name}"
role = "{role}"
normalisation = "RGB, (value - 127.5) / {deviation}"
sha256 = "{sha256}"
size = {size}
"""


def write(module, example, path, inputs, outputs, axes):
    """Exports a module, compares its graph with it, and says what running it costs."""
    module.eval()
    products = []

    def count(layer, _, output):
        products.append(output[0].numel() * layer.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    with torch.no_grad():
        wanted = module(example)
    for hook in hooks:
        hook.remove()
    torch.onnx.export(
        module,
        example,
        path,
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=13,
        do_constant_folding=True,
    )
    graph = onnx.load(path)
    onnx.checker.check_model(graph)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {inputs[0]: example.numpy()})
    for a, b in zip(found, wanted if isinstance(wanted, tuple) else (wanted,)):
        off = np.abs(a - b.numpy()).max()
        if a.shape != tuple(b.shape) or off > 1e-3:
            raise SystemExit(f"{path}: answers {a.shape} and PyTorch {tuple(b.shape)}; they differ by {off}")
    kinds = " ".join(sorted({node.op_type for node in graph.graph.node}))
    print(f"{path.name}: {path.stat().st_size} bytes, {sum(products) / 1e6:.1f} million products a picture; {kinds}")


def card(folder, threshold, reason):
    """Writes NAME.toml beside the pack's folder."""
    text = CARD.format(size=DETECTOR_SIZE, dimension=64, threshold=threshold, reason=reason)
    for role, deviation in (("detector", 128), ("recogniser", 127.5)):
        data = (folder / f"{role}.onnx").read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        text += FILE.format(name=f"{role}.onnx", role=role, deviation=deviation, sha256=digest, size=len(data))
    (folder.parent / f"{folder.name}.toml").write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pack", type=Path, default=Path(__file__).resolve().parent.parent)
    a = parser.parse_args()
    torch.manual_seed(0)
    detector, recogniser = Detector(), Recogniser()
    detector.load_state_dict(torch.load(a.work / "detector.pt"))
    recogniser.load_state_dict(torch.load(a.work / "recogniser.pt"))
    for head, shift in zip(detector.heads, SHIFT):
        head.score.bias.data -= shift
    names = [f"{what}_{stride}" for what in ("score", "box", "points") for stride in STRIDES]
    write(
        DetectorGraph(detector),
        torch.randn(1, 3, DETECTOR_SIZE, DETECTOR_SIZE),
        a.pack / "detector.onnx",
        ["image"],
        names,
        None,
    )
    write(
        RecogniserGraph(recogniser),
        torch.randn(2, 3, 112, 112),
        a.pack / "recogniser.onnx",
        ["face"],
        ["embedding"],
        {"face": {0: "faces"}, "embedding": {0: "faces"}},
    )


if __name__ == "__main__":
    main()
