"""Run by schema.sh: every sample and every must-fail case of each schema."""
import json
import os
import sys

from jsonschema import Draft202012Validator

# schema, folder of good samples, folder of must-fail cases, least of each
SETS = [
    ("schema/build.schema.json", "schema/samples/build", "test/reject/build", 5, 60),
    ("schema/policy.schema.json", "schema/samples/policy", "test/reject/policy", 3, 50),
    ("schema/image-index.schema.json", "schema/samples/image-index",
     "test/reject/image-index", 1, 50),
    ("schema/provenance.schema.json", "schema/samples/provenance",
     "test/reject/provenance", 2, 30),
    ("schema/evidence.schema.json", "schema/samples/evidence", "test/reject/evidence", 1, 9),
]
count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")


def verdict(validator, path):
    """None when the validator takes the file, else its first complaint."""
    try:
        with open(path, "rb") as f:
            document = json.loads(f.read().decode("utf-8"))
    except (ValueError, RecursionError) as e:
        return f"not JSON: {e}"
    error = next(iter(validator.iter_errors(document)), None)
    return error.message[:200] if error else None


for schema, good_dir, bad_dir, least_good, least_bad in SETS:
    with open(schema, encoding="utf-8") as f:
        text = json.load(f)
    try:
        Draft202012Validator.check_schema(text)
        ok(True, f"{schema} is a JSON Schema")
    except Exception as e:
        ok(False, f"{schema} is a JSON Schema: {e}")
        continue
    validator = Draft202012Validator(text)
    good = sorted(os.listdir(good_dir))
    ok(len(good) >= least_good, f"{good_dir} has {len(good)} samples")
    for name in good:
        complaint = verdict(validator, f"{good_dir}/{name}")
        ok(complaint is None, f"{good_dir}/{name} is taken ({complaint})")
    bad = sorted(os.listdir(bad_dir))
    ok(len(bad) >= least_bad, f"{bad_dir} has {len(bad)} cases")
    for name in bad:
        case = f"{bad_dir}/{name}"
        complaint = verdict(validator, f"{case}/input")
        if os.path.exists(f"{case}/schema-accepts"):
            with open(f"{case}/schema-accepts", encoding="utf-8") as f:
                why = f.read().strip()
            ok(complaint is None and why, f"{case}: beyond a schema: {why}")
        else:
            ok(complaint is not None, f"{case} is refused: {complaint}")
print(f"1..{count}")
sys.exit(failed != 0)
