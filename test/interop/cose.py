"""The attestation document, verified by pycose and cryptography alone: COSE
signature under the leaf, every certificate under the next, root by digest."""
import hashlib
import sys

import cbor2
from cryptography import x509
from pycose.keys import EC2Key
from pycose.keys.curves import P384
from pycose.messages import Sign1Message

data = open(sys.argv[1], "rb").read()
root = x509.load_pem_x509_certificate(open(sys.argv[2], "rb").read())
message = Sign1Message.decode(data if data[0] == 0xD2 else b"\xd2" + data)
doc = cbor2.loads(message.payload)
chain = [x509.load_der_x509_certificate(c) for c in doc["cabundle"] + [doc["certificate"]]]
assert chain[0] == root, "foreign root"
for above, below in zip(chain, chain[1:]):
    below.verify_directly_issued_by(above)
point = chain[-1].public_key().public_numbers()
message.key = EC2Key(crv=P384, x=point.x.to_bytes(48, "big"), y=point.y.to_bytes(48, "big"))
assert message.verify_signature(), "signature"
print("accepted", hashlib.sha256(data).hexdigest())
