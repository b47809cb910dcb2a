"""What happens to a frame at run time, in the arithmetic of the plugin insightface (resize, paste, decode, NMS, align).

Training and evaluation go through this file, so that the networks learn the pictures that they will be given.
"""

import cv2
import numpy as np

TEMPLATE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
STRIDES = (8, 16, 32)
ANCHORS = 2


def paste(image, size):
    """`image` scaled into the top left corner of a black square of `size` px; the square, and px of it a px of the image."""
    height, width = image.shape[:2]
    ratio = height / width
    w, h = (int(size / ratio), size) if ratio > 1 else (size, int(size * ratio))
    square = np.zeros((size, size, 3), np.uint8)
    square[:h, :w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
    return square, h / height


def decode(outputs, size, scale, threshold):
    """Boxes, scores and key points above `threshold`, in px of the frame, best first, without overlaps."""
    boxes, scores, points = [], [], []
    for i, stride in enumerate(STRIDES):
        score, box, point = (np.reshape(outputs[3 * k + i], (-1, n)) for k, n in enumerate((1, 4, 10)))
        keep = np.flatnonzero(score[:, 0] >= threshold)
        cell, columns = keep // ANCHORS, size // stride
        centre = np.stack([cell % columns, cell // columns], 1) * float(stride)
        far = box[keep] * stride
        boxes.append(np.concatenate([centre - far[:, :2], centre + far[:, 2:]], 1) / scale)
        points.append((centre[:, None] + point[keep].reshape(-1, 5, 2) * stride) / scale)
        scores.append(score[keep, 0])
    boxes, scores, points = (np.concatenate(v) for v in (boxes, scores, points))
    order = np.argsort(-scores, kind="stable")
    boxes, scores, points = boxes[order], scores[order], points[order]
    kept = suppress(boxes, 0.4)
    return boxes[kept], scores[kept], points[kept]


def suppress(boxes, overlap):
    """Indices of boxes that no better one overlaps by more than `overlap`; areas count a px more a side, as in SCRFD."""
    kept, left = [], np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[iou(boxes[best], boxes[left], 1.0) <= overlap]
    return np.array(kept, int)


def iou(a, b, pixel=0.0):
    """Intersection over union of box `a` with each of `b`."""
    size = np.maximum(0, np.minimum(a[2:], b[:, 2:]) - np.maximum(a[:2], b[:, :2]) + pixel).prod(1)
    area = lambda v: (v[..., 2:] - v[..., :2] + pixel).prod(-1)
    return size / (area(a) + area(b) - size)


def similarity(points):
    """The 2x3 matrix that brings five key points closest to the template (rotation, one scale, shift)."""
    source, target = points - points.mean(0), TEMPLATE - TEMPLATE.mean(0)
    spread = (source**2).sum()
    a = (source * target).sum() / spread
    b = (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum() / spread
    turn = np.array([[a, -b], [b, a]])
    return np.concatenate([turn, (TEMPLATE.mean(0) - turn @ points.mean(0))[:, None]], 1)


def align(image, points):
    """The upright face, 112 x 112 px."""
    return cv2.warpAffine(image, similarity(np.asarray(points, np.float64)), (112, 112), borderValue=0)


class Pack:
    """Detector and recogniser as ONNX Runtime runs them."""

    def __init__(self, folder, threads=1):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        load = lambda name: onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
        self.detector, self.recogniser = load("detector.onnx"), load("recogniser.onnx")
        self.size = self.detector.get_inputs()[0].shape[2]

    def detect(self, image, threshold=0.5):
        """Boxes, scores and key points of an RGB picture."""
        square, scale = paste(image, self.size)
        blob = ((square.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]
        return decode(self.detector.run(None, {self.detector.get_inputs()[0].name: blob}), self.size, scale, threshold)

    def embed(self, crops):
        """Embeddings of length 1 of upright faces."""
        blob = ((np.asarray(crops, np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2)
        name = self.recogniser.get_inputs()[0].name
        raw = np.concatenate([self.recogniser.run(None, {name: blob[i : i + 64]})[0] for i in range(0, len(blob), 64)])
        return raw / np.linalg.norm(raw, axis=1, keepdims=True)
