"""Bundles that a lying log, or a liar who found one, could show.

Usage: alter_bundle.py BUNDLE DIRECTORY: writes DIRECTORY/NAME.json, one change each.
"""
import base64, copy, json, sys

good = json.load(open(sys.argv[1]))
entry_of = lambda b: b["verificationMaterial"]["tlogEntries"][0]


def flip(text):
    raw = bytearray(base64.b64decode(text))
    raw[3] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def write(name, change):
    b = copy.deepcopy(good)
    e = entry_of(b)
    p = e["inclusionProof"]
    change(b, e, p, p["checkpoint"])
    json.dump(b, open(f"{sys.argv[2]}/{name}.json", "w"))


size = entry_of(good)["inclusionProof"]["treeSize"]
index = int(entry_of(good)["logIndex"])
other = str(index - 1 if index else index + 1)
smaller = str(int(size) - 1)
write("wrong-root", lambda b, e, p, c: p.update(rootHash=flip(p["rootHash"])))
write("path-hash", lambda b, e, p, c: p["hashes"].__setitem__(0, flip(p["hashes"][0])))
write("short-path", lambda b, e, p, c: p["hashes"].pop())
write("long-path", lambda b, e, p, c: p["hashes"].append(p["hashes"][0]))
write("other-index", lambda b, e, p, c: (p.update(logIndex=other), e.update(logIndex=other)))
write("index-of-entry", lambda b, e, p, c: e.update(logIndex=other))
write("smaller-tree", lambda b, e, p, c: p.update(treeSize=smaller))
write("checkpoint-size", lambda b, e, p, c: (
    c.update(envelope=c["envelope"].replace(f"\n{size}\n", f"\n{smaller}\n")), p.update(treeSize=smaller)))
write("checkpoint-unsigned", lambda b, e, p, c: c.update(envelope=c["envelope"].split("\n\n")[0] + "\n\n"))
write("body", lambda b, e, p, c: e.update(canonicalizedBody=flip(e["canonicalizedBody"])))
write("kind", lambda b, e, p, c: e["kindVersion"].update(version="0.0.1"))
write("time", lambda b, e, p, c: e.update(integratedTime="1795312381"))
write("no-entry", lambda b, e, p, c: b["verificationMaterial"].update(tlogEntries=[]))
write("other-log", lambda b, e, p, c: e["logId"].update(keyId=flip(e["logId"]["keyId"])))
write("signature", lambda b, e, p, c: b["dsseEnvelope"]["signatures"][0].update(
    sig=flip(b["dsseEnvelope"]["signatures"][0]["sig"])))
write("payload", lambda b, e, p, c: b["dsseEnvelope"].update(payload=flip(b["dsseEnvelope"]["payload"])))
