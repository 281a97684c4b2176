#!/bin/bash
# action.yml as a runner executes it: each `run:` line through the runner's own
# bash arguments, with the environment that a step gets. A simulation: what a
# real engine does beyond that is not tested here.
. "$(dirname "$0")/../e2e.lib"
if ! python3 -c 'import yaml' 2>/dev/null && ! /usr/bin/python3 -c 'import yaml' 2>/dev/null; then
	echo "python3-yaml is missing: action.yml is not executed"
	exit 77
fi
PY=$(python3 -c 'import yaml' 2>/dev/null && echo python3 || echo /usr/bin/python3)
cp -r "$top/examples/c-hello" "$T/c-hello"
commit c-hello
sha=$(git -C "$T/c-hello" rev-parse HEAD)
cat >"$T/steps.py" <<'P'
import json, os, re, subprocess, sys, yaml
action, workspace, out, sha, bindir, root = sys.argv[1:7]
extra = dict(a.split("=", 1) for a in sys.argv[7:])
doc = yaml.safe_load(open(action))
inputs = {k: v.get("default", "") for k, v in doc["inputs"].items()}
inputs.update({"host-path": bindir, "enclave": "local", "trust-root": root, **extra})
base = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"],
        "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": sha, "GITHUB_REF": "refs/tags/v1",
        "GITHUB_WORKSPACE": workspace, "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1"}
outputs = {}
def expand(text):
    def value(m):
        e = m.group(1).strip()
        if e.startswith("inputs."): return inputs[e[7:]]
        if e.startswith("github."): return {"github.workspace": workspace, "github.server_url": "https://github.com",
                                            "github.repository": "o/r", "github.sha": sha}[e]
        m2 = re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", e)
        return outputs.get(m2.group(1), {}).get(m2.group(2), "")
    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))
for step in doc["runs"]["steps"]:
    script, file = os.path.join(out, "s.sh"), os.path.join(out, "o.txt")
    assert step["run"].startswith("exec "), "a run line without exec gets no signal on cancel"
    assert "${{" not in step["run"], "an expression in a run line is an injection"
    open(script, "w").write(step["run"]); open(file, "w").close()
    env = {**base, **{k: expand(v) for k, v in step.get("env", {}).items()}, "GITHUB_OUTPUT": file}
    r = subprocess.run(["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
                       cwd=expand(step["working-directory"]), env=env, stdin=subprocess.DEVNULL)
    outputs[step["id"]] = dict(l.split("=", 1) for l in open(file).read().splitlines())
    if r.returncode: sys.exit(r.returncode)
print(json.dumps({k: expand(v["value"]) for k, v in doc["outputs"].items()}))
P
run() { "$PY" "$T/steps.py" "$top/action.yml" "$T/c-hello" "$T" "$sha" "$BIN" "$ROOT_PEM" "$@" >"$T/action.log" 2>&1; }
run
ok $? 'both steps succeed' "$T/action.log"
grep -q '^PASSED$' "$T/action.log"
ok $? 'the result was verified before success was said' "$T/action.log"
tail -n 1 "$T/action.log" | jq -e --arg d "$(sha256sum <"$T/c-hello/release.tar" | cut -d' ' -f1)" \
	'."tar-sha256" == $d and (."tar-path" | endswith("/c-hello/release.tar"))' >/dev/null
ok $? 'the outputs name the tar and its digest' "$T/action.log"
rm "$T/c-hello/release.tar"
! run "trust-root=" && grep -q 'not a root that you trust' "$T/action.log"
ok $? 'without the development root named the step fails' "$T/action.log"
! run "config=missing.json" && grep -q '^::error.*missing.json' "$T/action.log"
ok $? 'a missing build.json is an annotation' "$T/action.log"
done_testing
