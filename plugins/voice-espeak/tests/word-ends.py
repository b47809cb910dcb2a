#!/usr/bin/env python3
"""Measures when each word ends, by the events of espeak-ng's library, which the program does not print.

    word-ends.py [--add README]

measures the texts of word-ends.json beside this script anew and writes the file. With --add the texts of a review table, such as
that of plugins/greeting/README.md, are taken in as well. It needs libespeak-ng.so.1 (Debian: libespeak-ng1), of the version
whose program the tests run: 1.51.
"""
import ctypes
import json
import multiprocessing
import pathlib
import sys

FILE = pathlib.Path(__file__).with_name("word-ends.json")
# Of espeak_EVENT_TYPE and espeak_PARAMETER.
END_OF_LIST, WORD, PHONEME = 0, 1, 7
RATE = 1
# espeak_AUDIO_OUTPUT of sound that is handed back, and espeakINITIALIZE_PHONEME_EVENTS.
RETRIEVAL, PHONEME_EVENTS = 2, 1
UTF_8 = 1


class What(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("at_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("what", What),
    ]


class Voice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Library:
    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.events = []
        self.callback = CALLBACK(self.take)
        if self.library.espeak_Initialize(RETRIEVAL, 0, None, PHONEME_EVENTS) <= 0:
            sys.exit("espeak-ng's library does not start: are its data installed (Debian: espeak-ng-data)?")
        self.library.espeak_SetSynthCallback(self.callback)

    def take(self, _sound, _samples, events):
        index = 0
        while events[index].kind != END_OF_LIST:
            event = events[index]
            if event.kind != WORD or event.length > 0:
                self.events.append((event.kind, event.at_ms, bytes(event.what.string)))
            index += 1
        return 0

    def word_ends(self, language, speed, text):
        """A word ends where the next one begins, or where the pause after it does."""
        self.events.clear()
        # As the program takes `-v`: a voice's name, or a language.
        voice = Voice(languages=language.encode())
        if self.library.espeak_SetVoiceByName(language.encode()) != 0:
            if self.library.espeak_SetVoiceByProperties(ctypes.byref(voice)) != 0:
                sys.exit(f"there is no voice {language}")
        self.library.espeak_SetParameter(RATE, speed, 0)
        said = as_said(text).encode() + b"\0"
        self.library.espeak_Synth(said, len(said), 0, 1, 0, UTF_8, None, None)
        ends, is_open = [], False
        for kind, at, string in self.events:
            if kind == WORD:
                if is_open:
                    ends.append(at)
                is_open = True
            elif kind == PHONEME and string.startswith(b"_") and is_open:
                ends.append(at)
                is_open = False
        return ends


def as_said(text):
    """As src/program.rs: before a pause the feminine ending is said as an h."""
    return text.replace("\u0629\u0652", "\u0647\u0652")


def review(readme):
    """The texts that are said, of the rows between the marks of a review table."""
    table = pathlib.Path(readme).read_text().split("<!-- review -->")[1].split("<!-- /review -->")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines()[3:] if line.startswith("|")]
    for row in rows:
        said = row[-1].strip().removesuffix("|").strip()
        arabic = any("\u0600" <= letter <= "\u06ff" for letter in said)
        yield {"language": "ar" if arabic else "en-gb", "speed": 150, "text": said}


def measured(row):
    return Library().word_ends(row["language"], row["speed"], row["text"])


def main():
    rows = json.loads(FILE.read_text())
    if sys.argv[1:2] == ["--add"] and len(sys.argv) == 3:
        known = {(row["language"], row["speed"], row["text"]) for row in rows}
        for row in review(sys.argv[2]):
            key = (row["language"], row["speed"], row["text"])
            if key not in known:
                known.add(key)
                rows.append(row)
    elif len(sys.argv) > 1:
        sys.exit(__doc__)
    # Each in a process of its own, as the program says each: the library keeps something of what it said before.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        ends = processes.map(measured, rows, chunksize=1)
    for row, measured_ends in zip(rows, ends, strict=True):
        row["word_ends_ms"] = measured_ends
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    FILE.write_text(f"[\n{lines}\n]\n")
    print(f"{len(rows)} texts, {sum(len(row['word_ends_ms']) for row in rows)} words")


if __name__ == "__main__":
    main()
