"""A signed-note key pair as Go's tools read it: note_key.py NAME KEYFILE VKEYFILE"""
import base64, hashlib, subprocess, sys

name, private, public = sys.argv[1:]
der = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"],
                     check=True, capture_output=True).stdout
pub = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=der,
                     check=True, capture_output=True).stdout
seed, key = der[-32:], b"\x01" + pub[-32:]
key_id = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
with open(private, "w") as f:
    f.write(f"PRIVATE+KEY+{name}+{key_id}+{base64.b64encode(bytes([1]) + seed).decode()}")
with open(public, "w") as f:
    f.write(f"{name}+{key_id}+{base64.b64encode(key).decode()}\n")
