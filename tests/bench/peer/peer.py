"""Python InsightFace as the benchmark drives it: a command a line on stdin, an answer a line on stdout, both in JSON.

It waits between commands, so that its rounds can alternate with ours. What it measures is what a program of its kind does
with a decoded picture: `FaceAnalysis.get`, then the closest enrolled person for each face.

  {"do": "open", "root": FOLDER, "pack": NAME, "threads": N}        models of FOLDER/models/NAME
  {"do": "enrol", "people": [{"id": TEXT, "photo": FILE}]}          the largest face of each
  {"do": "recognise", "photos": [FILE], "passes": N, "period_s": S} each photograph in turn, one a period
  {"do": "memory"}

An answer holds "error" when the command failed. It ends when stdin does.
"""

import json
import os
import sys
import time


def memory():
    with open("/proc/self/status", encoding="ascii") as file:
        rows = dict(line.split(":", 1) for line in file if ":" in line)
    return {
        "resident_bytes": int(rows["VmRSS"].split()[0]) * 1024,
        "anonymous_bytes": int(rows["RssAnon"].split()[0]) * 1024,
    }


class Peer:
    """InsightFace with people who are enrolled."""

    def open(self, root, pack, threads):
        memories = {"start": memory()}
        begun = time.perf_counter()
        import cv2
        import insightface
        import numpy
        import onnxruntime
        from insightface.app import FaceAnalysis
        from insightface.model_zoo import model_zoo

        imported = time.perf_counter()
        memories["imports"] = memory()
        cv2.setNumThreads(threads)
        session = model_zoo.PickableInferenceSession

        class Session(session):
            """0.7.3 hands no options on to its sessions, so the number of threads is set here. The rest is as it ships."""

            def __init__(self, path, **options):
                settings = onnxruntime.SessionOptions()
                settings.intra_op_num_threads = threads
                super().__init__(path, sess_options=settings, **options)

        model_zoo.PickableInferenceSession = Session
        self.cv2, self.numpy = cv2, numpy
        modules = ["detection", "recognition"]
        opening = time.perf_counter()
        self.app = FaceAnalysis(pack, root, allowed_modules=modules, providers=["CPUExecutionProvider"])
        self.app.prepare(ctx_id=0, det_size=(640, 640))
        opened = time.perf_counter()
        if sorted(self.app.models) != modules:
            raise RuntimeError(f"it took the files of {pack} for {sorted(self.app.models)}")
        memories["models"] = memory()
        packages = [insightface, onnxruntime, cv2, numpy]
        return {
            "import_s": imported - begun,
            "open_s": opened - opening,
            "memory": memories,
            "versions": {package.__name__: package.__version__ for package in packages},
        }

    def read(self, path):
        picture = self.cv2.imread(path)
        if picture is None:
            raise RuntimeError(f"OpenCV cannot read {path}")
        return picture

    def enrol(self, people):
        def area(face):
            left, top, right, bottom = face.bbox
            return (right - left) * (bottom - top)

        self.ids, rows = [], []
        for person in people:
            faces = self.app.get(self.read(person["photo"]))
            if not faces:
                raise RuntimeError(f"there is no face on {person['photo']}")
            self.ids.append(person["id"])
            rows.append(max(faces, key=area).normed_embedding)
        self.matrix = self.numpy.stack(rows)
        return {"enrolled": len(rows)}

    def closest(self, face):
        similarities = self.matrix @ face.normed_embedding
        best = int(similarities.argmax())
        return self.ids[best], float(similarities[best])

    def recognise(self, photos, passes, period_s):
        calls, due = [], time.perf_counter()
        for photo, path in [*enumerate(photos)] * passes:
            time.sleep(max(0.0, due - time.perf_counter()))
            due += period_s
            picture = self.read(path)
            begun = time.perf_counter_ns()
            people = [self.closest(face) for face in self.app.get(picture)]
            took = time.perf_counter_ns() - begun
            similarity = max((similarity for _, similarity in people), default=None)
            calls.append({"photo": photo, "took_ns": took, "faces": len(people), "similarity": similarity})
        return {"calls": calls}

    def memory(self):
        return memory()


def main():
    # InsightFace prints to stdout while it opens. Answers go to a copy that only this program writes to.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(peer, command.pop("do"))(**command)
        except Exception as error:  # Whatever it is, the benchmark tells it.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
