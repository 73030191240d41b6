"""Files as other programs write them, and what is in them by NumPy 2 and ml_dtypes 0.6.

    python -m venv v && v/bin/pip install numpy ml_dtypes && v/bin/python generate.py

mixed.npz, mixed_deflated.npz: arrays that are read beside arrays that are not. eight_bits.safetensors: all 256 values of each 8-bit float
beside a complex tensor, which is not read; eight_bits.npy: the same values as float32, [3, 256]. padded.gz: labels in IDX, two members of
gzip with zeros between and after them. python2.npy: the header of NumPy 1 under Python 2 on Windows.
"""
import gzip
import io
import json
import pathlib
import struct
import zipfile

import ml_dtypes
import numpy as np

here = pathlib.Path(__file__).parent


def zipped(path, arrays, method):
    """What numpy.savez writes, with a text beside the arrays and without the time of day."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            archive.writestr(zipfile.ZipInfo(name + ".npy"), member.getvalue(), method)
        archive.writestr(zipfile.ZipInfo("README.txt"), b"not an array")


arrays = {
    "names": np.array(["one", "two"]),
    "x": np.array([1.5, -2], np.float32),
    "z": np.array([1 + 2j]),
    "large": np.array([7, 2**63], np.uint64),
    "count": np.array([3, 2**63 - 1], np.uint64),
    "pairs": np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f8")]),
    "objects": np.array([{}, None], object),
    "when": np.array(["2020-01-01"], "datetime64[D]"),
    "deep": np.zeros((1,) * 9),
    "y": np.array([[4, 5]], ">i2"),
}
zipped(here / "mixed.npz", arrays, zipfile.ZIP_STORED)
zipped(here / "mixed_deflated.npz", arrays, zipfile.ZIP_DEFLATED)

eight = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2, "F8_E8M0": ml_dtypes.float8_e8m0fnu}
bits = np.arange(256, dtype=np.uint8)
np.save(here / "eight_bits.npy", np.stack([bits.view(kind).astype(np.float32) for kind in eight.values()]))
header, data = {}, b""
for name, kind, shape, raw in [(k, k, [256], bits.tobytes()) for k in eight] + [
    ("z", "C64", [1], np.array([1 + 2j], np.complex64).tobytes()),
    ("count", "U64", [2], np.array([3, 2**63 - 1], np.uint64).tobytes()),
    ("large", "U64", [1], np.array([2**63], np.uint64).tobytes()),
    ("deep", "F32", [1] * 9, np.zeros(1, np.float32).tobytes()),
    ("x", "F32", [2], np.array([1.5, -2], np.float32).tobytes()),
]:
    header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
(here / "eight_bits.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)

labels = b"\0\0\x08\x01\0\0\0\x05" + bytes([3, 1, 4, 1, 5])
pack = lambda part: gzip.compress(part, mtime=0)
(here / "padded.gz").write_bytes(pack(labels[:9]) + bytes(700) + pack(labels[9:]) + bytes(17000))

header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }"
header = header.ljust(117) + b"\n"
(here / "python2.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + np.array([1.5, -2], "<f4").tobytes())
