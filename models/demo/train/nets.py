"""The two networks: a detector that answers as SCRFD does, and a recogniser that answers as ArcFace does.

Plain 3x3 convolutions, few channels: what small pictures need and what every runtime does fast. Batch norm is folded into
the convolutions by the export, so that the graphs hold nothing but Conv, Relu, Add, Concat, Resize, Sigmoid and shapes.
"""

import torch
from torch import nn

from preprocess import ANCHORS, STRIDES


def conv(a, b, stride=1, size=3, groups=1, act=True):
    layers = [nn.Conv2d(a, b, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(b)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


class Block(nn.Module):
    """Half the size, then a residual of one convolution."""

    def __init__(self, a, b, stride=2):
        super().__init__()
        self.down, self.same = conv(a, b, stride), conv(b, b)

    def forward(self, x):
        x = self.down(x)
        return x + self.same(x)


class Head(nn.Module):
    """Score, distances to the sides of the box, and key points of each anchor of a grid."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(conv(width, width, groups=width), conv(width, 48, size=1), conv(48, 48, groups=48))
        self.score, self.box, self.points = (nn.Conv2d(48, ANCHORS * n, 1) for n in (1, 4, 10))
        # At the start hardly anything is a face; a box reaches about two strides to each side.
        nn.init.constant_(self.score.bias, -4.6)
        nn.init.constant_(self.box.bias, 2.0)

    def forward(self, x):
        x = self.body(x)
        return self.score(x), self.box(x), self.points(x)


class Detector(nn.Module):
    """[N, 3, S, S] to scores (logits), boxes and key points, each for strides 8, 16, 32 as [N, cells * 2, columns]."""

    def __init__(self, width=32):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 2), conv(8, 16, 2))
        self.s8, self.s16, self.s32 = Block(16, 24), Block(24, 48), Block(48, 64)
        self.deep = conv(64, 64)
        self.l8, self.l16, self.l32 = (conv(n, width, size=1) for n in (24, 48, 64))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.heads = nn.ModuleList(Head(width) for _ in STRIDES)

    def forward(self, x, flat=False):
        a = self.s8(self.stem(x))
        b = self.s16(a)
        c = self.s32(b)
        c = self.l32(c + self.deep(c))
        b = self.l16(b) + self.up(c)
        a = self.l8(a) + self.up(b)
        rows = [head(level) for head, level in zip(self.heads, (a, b, c))]
        # A cell's anchors follow one another: [N, anchors * columns, h, w] to [N, h * w * anchors, columns].
        shape = (-1,) if flat else (len(x), -1)
        return [level[k].permute(0, 2, 3, 1).reshape(*shape, n) for k, n in enumerate((1, 4, 10)) for level in rows]


class DetectorGraph(nn.Module):
    """The detector as it is exported: one picture, scores as they are read, rows [cells * 2, columns]."""

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def forward(self, x):
        return tuple(torch.sigmoid(r) if i < 3 else r for i, r in enumerate(self.detector(x, flat=True)))


class Recogniser(nn.Module):
    """[N, 3, 112, 112] to [N, 64]. Where a feature is says who somebody is, so the last layer sees places, not a mean."""

    def __init__(self, dimension=64):
        super().__init__()
        self.stem = conv(3, 16, 2)
        self.body = nn.Sequential(Block(16, 24), Block(24, 48), Block(48, 96))
        self.squeeze = conv(96, 32, size=1)
        self.drop = nn.Dropout(0.15)
        self.out = nn.Linear(32 * 7 * 7, dimension, bias=False)
        self.norm = nn.BatchNorm1d(dimension, affine=False)

    def forward(self, x):
        x = self.squeeze(self.body(self.stem(x)))
        return self.norm(self.out(self.drop(x.reshape(-1, 32 * 7 * 7))))


class RecogniserGraph(nn.Module):
    """The recogniser as it is exported: the norm at its end is a part of the last layer."""

    def __init__(self, recogniser):
        super().__init__()
        self.recogniser = recogniser
        out, norm = recogniser.out, recogniser.norm
        scale = (norm.running_var + norm.eps).rsqrt()
        recogniser.out = nn.Linear(out.in_features, out.out_features)
        recogniser.out.weight = nn.Parameter(out.weight.detach() * scale[:, None])
        recogniser.out.bias = nn.Parameter(-norm.running_mean * scale)
        recogniser.norm = nn.Identity()

    def forward(self, x):
        return self.recogniser(x)
