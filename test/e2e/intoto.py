"""Run by intoto.sh inside its virtual environment."""
import base64
import copy
import glob
import hashlib
import json
import sys

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.scai.v0 import scai, scai_pb2
from in_toto_attestation.v1 import resource_descriptor, statement, statement_pb2

count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")


def parse(document, message):
    """The protobuf message, or the parser's complaint as text."""
    try:
        return json_format.Parse(json.dumps(document), message, ignore_unknown_fields=False)
    except json_format.ParseError as e:
        return str(e)


def complaint(validate):
    """None, or what their validator says."""
    try:
        validate()
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return None


def check_descriptors(name, descriptors):
    for d in descriptors:
        rd = resource_descriptor.ResourceDescriptor.copy_from_pb(d)
        said = complaint(rd.validate)
        ok(said is None, f"{name}: descriptor {d.name or d.uri} is valid ({said})")


def check_statement(path):
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    s = parse(document, statement_pb2.Statement())
    ok(not isinstance(s, str), f"{path} is an in-toto Statement ({s if isinstance(s, str) else ''})")
    said = complaint(statement.Statement.copy_from_pb(s).validate)
    ok(said is None, f"{path}: in-toto's validator has nothing to say ({said})")
    ok([x.name for x in s.subject] == [x["name"] for x in document["subject"]]
       and all(x.digest["sha256"] == y["digest"]["sha256"]
               for x, y in zip(s.subject, document["subject"])),
       f"{path}: the same subjects")
    extra = dict(document, extra=1)
    ok(isinstance(parse(extra, statement_pb2.Statement()), str),
       f"{path}: an unknown field would have been seen")
    return document, s


for path in sorted(glob.glob("schema/samples/provenance/*.json")):
    document, s = check_statement(path)
    p = parse(document["predicate"], provenance_pb2.Provenance())
    ok(not isinstance(p, str), f"{path} is SLSA Provenance v1 ({p if isinstance(p, str) else ''})")
    d, r = p.build_definition, p.run_details
    ok(d.build_type == "https://hallmark.dev/build/v1"
       and d.external_parameters["commit"] == d.resolved_dependencies[0].digest["gitCommit"],
       f"{path}: build type, and the commit in both places")
    check_descriptors(path, d.resolved_dependencies)
    check_descriptors(path, r.builder.builder_dependencies)
    check_descriptors(path, r.byproducts)
    backend = d.internal_parameters["backend"] + "-" + d.internal_parameters["attester"]
    ok(r.builder.id == f"https://hallmark.dev/builder/{backend}/v1", f"{path}: builder {r.builder.id}")
    ok(0 < r.metadata.started_on.ToMilliseconds() <= r.metadata.finished_on.ToMilliseconds(),
       f"{path}: times are protobuf timestamps")
    bent = copy.deepcopy(document["predicate"])
    bent["runDetails"]["metadata"]["phases"] = []
    ok(isinstance(parse(bent, provenance_pb2.Provenance()), str),
       f"{path}: an unknown field of the predicate would have been seen")

for path in sorted(glob.glob("schema/samples/evidence/*.json")):
    document, s = check_statement(path)
    a = parse(document["predicate"], scai_pb2.AttributeReport())
    ok(not isinstance(a, str), f"{path} is a SCAI report ({a if isinstance(a, str) else ''})")
    one = a.attributes[0]
    said = complaint(scai.AttributeAssertion.copy_from_pb(one).validate)
    ok(said is None, f"{path}: SCAI's validator has nothing to say ({said})")
    check_descriptors(path, [one.target, one.evidence])
    ok(len(a.attributes) == 1 and one.attribute == "NITRO_ATTESTED_BUILD", f"{path}: one attribute")
    ok(hashlib.sha256(one.evidence.content).hexdigest() == one.evidence.digest["sha256"]
       and one.evidence.content
       == base64.b64decode(document["predicate"]["attributes"][0]["evidence"]["content"]),
       f"{path}: the document under its digest")

print(f"1..{count}")
sys.exit(failed != 0)
