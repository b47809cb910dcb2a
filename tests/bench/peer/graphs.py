"""Writes graphs with the topology of buffalo_l's detector and recogniser and with random weights, and a model card for them.

The real files are not free to be fetched by a benchmark. How long a graph takes to open, and how much memory it takes,
depends on its nodes and on the size of its weights and not on their values, so these stand in for that and for nothing
else: they find no face and know nobody.

usage: graphs.py FOLDER
"""

import hashlib
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# Upstream's bytes, to which these have to come close.
UPSTREAM = {"det_10g.onnx": 16_923_827, "w600k_r50.onnx": 174_383_860}


class Graph:
    """Nodes that are added one after the other; each method returns the name of what it adds."""

    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.nodes = []
        self.weights = []

    def constant(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def floats(self, values):
        return self.constant(numpy.asarray(values, numpy.float32))

    def noise(self, shape, deviation):
        return self.floats(self.random.standard_normal(shape, numpy.float32) * numpy.float32(deviation))

    def node(self, operator, *inputs, **attributes):
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def convolve(self, x, inputs, outputs, kernel=3, stride=1, bias=0.0):
        # He's deviation, somewhat smaller, so that values neither vanish nor overflow on their way through.
        weights = self.noise((outputs, inputs, kernel, kernel), 0.7 * (2 / (kernel * kernel * inputs)) ** 0.5)
        biases = self.floats(numpy.full(outputs, bias))
        shape = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        return self.node("Conv", x, weights, biases, **shape)

    def relu(self, x):
        return self.node("Relu", x)

    def prelu(self, x, channels):
        return self.node("PRelu", x, self.floats(numpy.full((channels, 1, 1), 0.25)))

    def normalise(self, x, channels):
        ones, zeros = numpy.ones(channels), numpy.zeros(channels)
        statistics = [self.floats(values) for values in (ones, zeros, zeros, ones)]
        return self.node("BatchNormalization", x, *statistics, epsilon=1e-5)

    def save(self, path, shape, outputs):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [value("input.1", TensorProto.FLOAT, shape)],
            [value(name, TensorProto.FLOAT, extents) for name, extents in outputs],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def recogniser(path):
    """ArcFace's ResNet-50: four groups of residual blocks and one large matrix at the end."""
    graph = Graph(seed=50)
    channels = 64
    x = graph.prelu(graph.convolve("input.1", 3, channels), channels)
    for blocks, width in [(3, 64), (4, 128), (14, 256), (3, 512)]:
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            shortcut = graph.convolve(x, channels, width, kernel=1, stride=stride) if block == 0 else x
            y = graph.convolve(graph.normalise(x, channels), channels, width)
            y = graph.convolve(graph.prelu(y, width), width, width, stride=stride)
            x, channels = graph.node("Add", y, shortcut), width
    x = graph.node("Flatten", graph.normalise(x, channels), axis=1)
    matrix = graph.noise((512, channels * 7 * 7), 0.006)
    x = graph.node("Gemm", x, matrix, graph.floats(numpy.zeros(512)), transB=1)
    graph.save(path, ["batch", 3, 112, 112], [(graph.normalise(x, 512), ["batch", 512])])


def detector(path):
    """SCRFD-10G: a residual backbone, a pyramid over three strides, and a head on each."""
    graph = Graph(seed=10)

    def step(x, inputs, outputs, stride=1):
        return graph.relu(graph.convolve(x, inputs, outputs, stride=stride))

    x = step(step(step("input.1", 3, 28, stride=2), 28, 28), 28, 56)
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels, levels = 56, []
    for group, (blocks, width) in enumerate([(3, 56), (4, 88), (2, 88), (3, 224)]):
        for block in range(blocks):
            stride = 2 if block == 0 and group > 0 else 1
            y = graph.convolve(step(x, channels, width, stride), width, width)
            shortcut = x
            if stride == 2:
                shortcut = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
            if stride == 2 or channels != width:
                shortcut = graph.convolve(shortcut, channels, width, kernel=1)
            x, channels = graph.relu(graph.node("Add", y, shortcut)), width
        levels.append((x, channels))

    pyramid = [graph.convolve(x, width, 56, kernel=1) for x, width in levels[1:]]
    no_region, twice = graph.floats([]), graph.floats([1, 1, 2, 2])
    for level in (1, 0):
        nearest = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
        larger = graph.node("Resize", pyramid[level + 1], no_region, twice, **nearest)
        pyramid[level] = graph.node("Add", pyramid[level], larger)
    pyramid = [graph.convolve(x, 56, 56) for x in pyramid]
    for level in (1, 2):
        smaller = graph.convolve(pyramid[level - 1], 56, 56, stride=2)
        pyramid[level] = graph.node("Add", pyramid[level], smaller)
    pyramid[1:] = [graph.convolve(x, 56, 56) for x in pyramid[1:]]

    scores, boxes, points = [], [], []
    for x in pyramid:
        for inputs in (56, 80, 80):
            x = step(x, inputs, 80)
        # Two anchors a cell. The bias of the scores lets no cell hold a face, whatever the noise says.
        for kind, columns, bias in [(scores, 1, -50.0), (boxes, 4, 0.0), (points, 10, 0.0)]:
            y = graph.node("Transpose", graph.convolve(x, 80, 2 * columns, bias=bias), perm=[2, 3, 0, 1])
            y = graph.node("Reshape", y, graph.constant(numpy.array([-1, columns], numpy.int64)))
            kind.append((graph.node("Sigmoid", y) if kind is scores else y, [None, columns]))
    graph.save(path, [1, 3, "height", "width"], scores + boxes + points)


def card(folder, files):
    lines = [
        "# Made by tests/bench/peer/graphs.py: random weights, for measuring how long opening takes.",
        f'name = "{folder.name}"',
        'title = "Graphs of the topology of buffalo_l with random weights"',
        'licence = "none needed: there is nothing in them"',
        "commercial = true",
        'origin = "tests/bench/peer/graphs.py"',
        "match_threshold = 1.0",
    ]
    for path, role in files:
        content = path.read_bytes()
        lines += ["", "[[file]]", f'name = "{path.name}"', f'role = "{role}"']
        lines += [f'sha256 = "{hashlib.sha256(content).hexdigest()}"', f"size = {len(content)}"]
    (folder / f"{folder.name}.toml").write_text("\n".join(lines) + "\n")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: graphs.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    files = [(folder / "det_10g.onnx", "detector"), (folder / "w600k_r50.onnx", "recogniser")]
    detector(files[0][0])
    recogniser(files[1][0])
    for path, _ in files:
        size, upstream = path.stat().st_size, UPSTREAM[path.name]
        print(f"{path.name}: {size:,} bytes; upstream's has {upstream:,}")
        if abs(size - upstream) > upstream * 0.02:
            sys.exit(f"{path.name} is not of the size of upstream's: the topology is another one")
    card(folder, files)


main()
