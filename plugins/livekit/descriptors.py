"""Takes LiveKit's library and the descriptors of its messages out of a wheel: WHEEL MEMBER LIBRARY DESCRIPTORS.

Each *_pb2.py of the wheel holds one serialised file descriptor as a literal of bytes. The sources are read and not run, so
that neither protobuf nor the wheel itself has to be installed. What is written is one FileDescriptorSet: field 1, each with
its length before it.
"""

import ast
import shutil
import sys
import zipfile


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def descriptor(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "AddSerializedFile":
            return ast.literal_eval(node.args[0])
    raise SystemExit("a file of the wheel holds no descriptor")


wheel, member, library, descriptors = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    with archive.open(member) as source, open(library, "wb") as sink:
        shutil.copyfileobj(source, sink)
    names = sorted(n for n in archive.namelist() if n.startswith("livekit/rtc/_proto/") and n.endswith("_pb2.py"))
    if not names:
        raise SystemExit("the wheel holds no messages")
    with open(descriptors, "wb") as sink:
        for name in names:
            one = descriptor(archive.read(name).decode())
            sink.write(b"\x0a" + varint(len(one)) + one)
