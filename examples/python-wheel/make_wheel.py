"""Packs src/ into a pure Python wheel (PEP 427) with fixed times and order.

Needs nothing but the standard library, so it builds without a network."""

import base64
import hashlib
import os
import time
import zipfile

NAME, VERSION = "hello_wheel", "0.1.0"
INFO = f"{NAME}-{VERSION}.dist-info"
STAMP = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800))[:6]


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"{name},sha256={digest.decode()},{len(data)}\n"


def main():
    files = {}
    for root, dirs, names in os.walk("src"):
        dirs.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            with open(path, "rb") as f:
                files[os.path.relpath(path, "src")] = f.read()
    files[f"{INFO}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n").encode()
    files[f"{INFO}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: make_wheel\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n")
    record = "".join(record_line(n, d) for n, d in sorted(files.items()))
    files[f"{INFO}/RECORD"] = (record + f"{INFO}/RECORD,,\n").encode()
    os.makedirs("dist", exist_ok=True)
    with zipfile.ZipFile(f"dist/{NAME}-{VERSION}-py3-none-any.whl", "w") as z:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, STAMP)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data)


if __name__ == "__main__":
    main()
