"""A statement through the protobuf classes of in-toto-attestation: unknown
fields, wrong types and missing members of their formats are errors."""
import json
import sys

from google.protobuf import json_format
import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance
import in_toto_attestation.predicates.scai.v0.scai_pb2 as scai
import in_toto_attestation.v1.statement_pb2 as statement
from in_toto_attestation.v1.statement import Statement

KINDS = {
    "https://slsa.dev/provenance/v1": provenance.Provenance,
    "https://in-toto.io/attestation/scai/v0.3": scai.AttributeReport,
}
text = open(sys.argv[1], encoding="utf-8").read()
s = json_format.Parse(text, statement.Statement())
Statement.copy_from_pb(s).validate()
kind = json.loads(text)["predicateType"]
if kind not in KINDS:
    # A VSA: the class of 0.9.3 takes verifiedLevels for one string, against
    # SLSA's text, so only the statement around it is checked.
    print("accepted: the statement around", kind)
    sys.exit(0)
predicate = json_format.ParseDict(json.loads(text)["predicate"], KINDS[kind]())
if kind.endswith("provenance/v1"):
    definition, details = predicate.build_definition, predicate.run_details
    assert definition.build_type and definition.external_parameters.fields
    assert definition.resolved_dependencies and details.builder.id
print("accepted", kind)
