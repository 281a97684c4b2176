"""Re-verifies DIR/document.bin under DIR/root.pem. See cose_independent.sh."""
import datetime
import sys

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pycose.headers import Algorithm
from pycose.keys import EC2Key
from pycose.keys.curves import P384
from pycose.messages import CoseMessage, Sign1Message

count = 0
failed = False


def ok(condition, what):
    global count, failed
    count += 1
    failed = failed or not condition
    print(f"{'' if condition else 'not '}ok {count} - {what}")


def decode(raw):
    """pycose wants the tag that the hypervisor leaves out."""
    return CoseMessage.decode(b"\xd2" + raw)


def verify(raw):
    message = decode(raw)
    payload = cbor2.loads(message.payload)
    leaf = x509.load_der_x509_certificate(payload["certificate"])
    n = leaf.public_key().public_numbers()
    message.key = EC2Key(crv=P384, x=n.x.to_bytes(48, "big"),
                         y=n.y.to_bytes(48, "big"))
    return message.verify_signature(), message, payload, leaf


def check_chain(payload, leaf, root):
    bundle = [x509.load_der_x509_certificate(c) for c in payload["cabundle"]]
    chain = bundle + [leaf]
    at = datetime.datetime.fromtimestamp(payload["timestamp"] / 1000,
                                         datetime.timezone.utc)
    ok(len(chain) == 5 and bundle[0] == root, "five certificates, ours is the root")
    for above, cert in zip([chain[0]] + chain, chain):
        name = cert.subject.rfc4514_string()
        cert.verify_directly_issued_by(above)
        ok(cert.not_valid_before_utc <= at <= cert.not_valid_after_utc
           and isinstance(cert.public_key().curve, ec.SECP384R1)
           and isinstance(cert.signature_hash_algorithm, hashes.SHA384),
           f"P-384, SHA-384, issued by the one above, valid then: {name}")
    lengths = []
    for cert in chain:
        bc = cert.extensions.get_extension_for_class(x509.BasicConstraints)
        lengths.append((bc.critical, bc.value.ca, bc.value.path_length))
    ok(lengths == [(True, True, None), (True, True, 2), (True, True, 1),
                   (True, True, 0), (True, False, None)],
       "constraints as in AWS's chains")
    usage = [c.extensions.get_extension_for_class(x509.KeyUsage) for c in chain]
    ok(all(u.critical and u.value.key_cert_sign for u in usage[:4])
       and usage[4].value.digital_signature and not usage[4].value.key_cert_sign,
       "key usages as in AWS's chains")


def main(folder):
    raw = open(f"{folder}/document.bin", "rb").read()
    root = x509.load_pem_x509_certificate(open(f"{folder}/root.pem", "rb").read())
    key = open(f"{folder}/public_key.der", "rb").read()

    good, message, payload, leaf = verify(raw)
    ok(good, "pycose verifies the signature")
    ok(isinstance(message, Sign1Message) and len(message.phdr) == 1
       and message.phdr[Algorithm].identifier == -35 and not message.uhdr,
       "one protected header, ES384; none unprotected")
    check_chain(payload, leaf, root)
    ok(list(payload) == ["module_id", "digest", "timestamp", "pcrs", "certificate",
                         "cabundle", "public_key", "user_data", "nonce"],
       "the keys, in the hypervisor's order")
    ok(sorted(payload["pcrs"]) == list(range(17))
       and all(len(v) == 48 for v in payload["pcrs"].values()),
       "PCR0 to PCR15, and the one that was latched")
    want = hashes.Hash(hashes.SHA384())
    want.update(bytes(48) + b"\x01" + bytes(47))
    ok(payload["pcrs"][16] == want.finalize(), "PCR16 is SHA384(zeros, data)")
    ok(payload["public_key"] == key and payload["user_data"] == b"what was built"
       and payload["nonce"] == b"fresh", "the three fields")
    ok(serialization.load_der_public_key(key).curve.name == "secp256r1",
       "public_key is SubjectPublicKeyInfo on P-256")
    changed = bytearray(raw)
    changed[raw.index(b"what was built")] ^= 1
    ok(not verify(bytes(changed))[0], "a changed byte does not verify")


main(sys.argv[1])
print(f"1..{count}")
sys.exit(1 if failed else 0)
