/* What the sandbox writes and judges, without starting one. */
#include "enclave-worker/oci.h"
#include "enclave-worker/probe/probe.h"
#include "enclave-worker/runtime.h"
#include "enclave-worker/sandbox_env.h"
#include "enclave-worker/seccomp.h"
#include "enclave-worker/selftest.h"
#include "lib/json.h"

#include "tap.h"

static const struct hm_json *at(const struct hm_json *v, const char *a, const char *b)
{
	v = hm_json_get(v, a);
	return b ? hm_json_get(v, b) : v;
}

static bool text_is(const struct hm_json *v, const char *want)
{
	const char *s = hm_json_string(v);

	return s && strcmp(s, want) == 0;
}

static int64_t number(const struct hm_json *v)
{
	int64_t n = -1;

	return hm_json_integer(v, &n) ? n : -1;
}

static bool has_string(const struct hm_json *list, const char *want)
{
	for (size_t i = 0; i < hm_json_count(list); i++) {
		if (text_is(hm_json_at(list, i), want))
			return true;
	}
	return false;
}

static const struct hm_json *find(const struct hm_json *list, const char *key, const char *want)
{
	for (size_t i = 0; i < hm_json_count(list); i++) {
		if (text_is(hm_json_get(hm_json_at(list, i), key), want))
			return hm_json_at(list, i);
	}
	return NULL;
}

static void config(void)
{
	static const char *const sets[] = {"bounding", "effective", "inheritable", "permitted",
					   "ambient"};
	static const char *const spaces[] = {"pid", "ipc", "uts", "mount", "cgroup", "user",
					     "network"};
	const char *const argv[] = {"/bin/sh", "-euc", "echo \"hi\"\n", NULL};
	const char *const envp[] = {"A=b", NULL};
	struct hm_oci c = {.root = "/r", .build = "/b", .argv = argv, .envp = envp, .cwd = "/build/x",
			   .id_first = 100000, .id_count = 65536, .uid = 1000, .shm_bytes = 4096,
			   .nofile_max = 1024};
	AUTO_BUF struct hm_buf text;
	AUTO_JSON struct hm_json *v = NULL;
	const struct hm_json *p, *l, *m;
	struct hm_err err;
	bool yes = false;

	hm_buf_init(&text, 1U << 20);
	ok_call(hm_oci_write(&c, &text, &err), &err, "a configuration");
	ok_call(hm_json_parse(hm_buf_slice(&text), 1U << 20, &v, &err), &err, "is strict JSON");
	p = at(v, "process", NULL);
	l = at(v, "linux", NULL);
	for (size_t i = 0; i < HM_ARRAY_LEN(sets); i++) {
		const struct hm_json *set = at(p, "capabilities", sets[i]);

		ok(set && hm_json_type(set) == HM_JSON_ARRAY && hm_json_count(set) == 0,
		   "%s is there and empty", sets[i]);
	}
	ok(hm_json_bool(at(p, "noNewPrivileges", NULL), &yes) && yes, "no new privileges");
	ok(hm_json_bool(at(p, "terminal", NULL), &yes) && !yes, "no terminal");
	ok(number(at(p, "user", "uid")) == 1000 && number(at(p, "user", "gid")) == 1000 &&
	   number(at(p, "user", "umask")) == 022, "numeric ids and the umask");
	ok(text_is(hm_json_at(at(p, "args", NULL), 2), "echo \"hi\"\n"), "the command, byte for byte");
	ok(hm_json_count(at(p, "env", NULL)) == 1, "the environment is what was given");
	ok(number(at(p, "oomScoreAdj", NULL)) == 1000, "the build is the first to go");
	ok(find(at(p, "rlimits", NULL), "type", "RLIMIT_CORE") &&
	   !find(at(p, "rlimits", NULL), "type", "RLIMIT_NPROC"), "limits: no core; processes by cgroup");
	for (size_t i = 0; i < HM_ARRAY_LEN(spaces); i++)
		ok(find(at(l, "namespaces", NULL), "type", spaces[i]) != NULL, "namespace %s", spaces[i]);
	ok(hm_json_count(at(l, "namespaces", NULL)) == HM_ARRAY_LEN(spaces), "and no other");
	ok(!hm_json_get(find(at(l, "namespaces", NULL), "type", "network"), "path"),
	   "a network of its own");
	ok(hm_json_bool(at(v, "root", "readonly"), &yes) && yes, "the root is read-only");
	m = find(at(v, "mounts", NULL), "destination", "/dev");
	ok(m && text_is(hm_json_get(m, "type"), "tmpfs"), "a fresh tmpfs on /dev");
	m = find(at(v, "mounts", NULL), "destination", "/proc");
	ok(m && text_is(hm_json_get(m, "type"), "proc"), "a real proc on /proc");
	m = find(at(v, "mounts", NULL), "destination", "/build");
	ok(m && text_is(hm_json_get(m, "source"), "/b") &&
	   has_string(hm_json_get(m, "options"), "nosuid") &&
	   has_string(hm_json_get(m, "options"), "nodev"), "/build without set-uid and devices");
	ok(hm_json_count(at(v, "mounts", NULL)) == 4 &&
	   !find(at(v, "mounts", NULL), "destination", "/sys"), "nothing else, and no /sys");
	ok(number(hm_json_get(hm_json_at(at(l, "uidMappings", NULL), 0), "hostID")) == 100000 &&
	   number(hm_json_get(hm_json_at(at(l, "gidMappings", NULL), 0), "size")) == 65536,
	   "shifted ids");
	ok(has_string(at(l, "maskedPaths", NULL), "/proc/kcore") &&
	   has_string(at(l, "readonlyPaths", NULL), "/proc/sys"), "masked and read-only paths");
	ok(!at(l, "cgroupsPath", NULL), "no cgroup of the runtime's");

	hm_json_free(v);
	v = NULL;
	hm_buf_release(&text);
	hm_buf_init(&text, 1U << 20);
	c.netns = "/n";
	c.cgroup = "/sandbox/x";
	c.nproc_max = 77;
	ok_call(hm_oci_write(&c, &text, &err), &err, "with a network");
	ok_call(hm_json_parse(hm_buf_slice(&text), 1U << 20, &v, &err), &err, "is strict JSON");
	l = at(v, "linux", NULL);
	ok(text_is(hm_json_get(find(at(l, "namespaces", NULL), "type", "network"), "path"), "/n"),
	   "the given network namespace");
	ok(text_is(at(l, "cgroupsPath", NULL), "/sandbox/x"), "the given cgroup");
	ok(number(hm_json_get(find(at(at(v, "process", NULL), "rlimits", NULL), "type",
				   "RLIMIT_NPROC"), "hard")) == 77, "processes by rlimit");
	hm_buf_release(&text);
	hm_buf_init(&text, 100);
	fails(hm_oci_write(&c, &text, &err), &err, HM_E_TOO_LARGE, "config.json", "over the limit");
}

/* Every rule for name: does each compare argument index by op with a value? */
static bool guarded(const struct hm_json *rules, const char *name, size_t want_rules,
		    int64_t index, const char *op)
{
	size_t seen = 0;

	for (size_t i = 0; i < hm_json_count(rules); i++) {
		const struct hm_json *rule = hm_json_at(rules, i);
		const struct hm_json *arg = hm_json_at(hm_json_get(rule, "args"), 0);

		if (!has_string(hm_json_get(rule, "names"), name))
			continue;
		if (number(hm_json_get(arg, "index")) != index ||
		    !text_is(hm_json_get(arg, "op"), op))
			return false;
		seen++;
	}
	return seen == want_rules;
}

static void filter(void)
{
	static const char *const absent[] = {
		"add_key", "bpf", "chroot", "clone3", "delete_module", "fsopen", "init_module",
		"io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp", "kexec_load", "keyctl",
		"mount", "mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at",
		"open_tree", "perf_event_open", "pidfd_getfd", "pivot_root", "process_vm_readv",
		"process_vm_writev", "ptrace", "reboot", "request_key", "setns", "socketcall",
		"swapon", "umount2", "unshare", "userfaultfd",
	};
	AUTO_JSON struct hm_json *s = hm_seccomp_new();
	const struct hm_json *rules = hm_json_get(s, "syscalls");

	ok(text_is(hm_json_get(s, "defaultAction"), "SCMP_ACT_ERRNO") &&
	   number(hm_json_get(s, "defaultErrnoRet")) == ENOSYS, "what is not named is ENOSYS");
	ok(hm_json_count(hm_json_get(s, "architectures")) == 1, "one architecture, no 32-bit one");
	for (size_t i = 0; i < hm_json_count(rules); i++)
		if (!text_is(hm_json_get(hm_json_at(rules, i), "action"), "SCMP_ACT_ALLOW"))
			ok(false, "rule %zu denies", i);
	for (size_t i = 0; i < HM_ARRAY_LEN(absent); i++) {
		bool there = false;

		for (size_t r = 0; r < hm_json_count(rules); r++)
			there = there || has_string(hm_json_get(hm_json_at(rules, r), "names"), absent[i]);
		ok(!there, "%s is not allowed", absent[i]);
	}
	ok(guarded(rules, "socket", 4, 0, "SCMP_CMP_EQ"), "socket() only by equality of its family");
	ok(guarded(rules, "socketpair", 1, 0, "SCMP_CMP_EQ"), "socketpair() likewise");
	ok(guarded(rules, "clone", 1, 0, "SCMP_CMP_MASKED_EQ"), "clone() without namespaces");
	ok(guarded(rules, "mknodat", 1, 2, "SCMP_CMP_MASKED_EQ"), "mknodat() for FIFOs");
	ok(guarded(rules, "personality", 3, 0, "SCMP_CMP_EQ"), "personality() of three values");
}

static const char *value(const struct hm_sandbox_env *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->count; i++) {
		if (strncmp(e->items[i], name, len) == 0 && e->items[i][len] == '=')
			return e->items[i] + len + 1;
	}
	return "(absent)";
}

static void environment(void)
{
	const char *const added[] = {"TZ=Europe/Vienna", "A=", "A=2", NULL};
	const char *const epoch[] = {"SOURCE_DATE_EPOCH=0", NULL};
	const char *const nameless[] = {"=x", NULL};
	const char *const word[] = {"word", NULL};
	struct hm_sandbox_env e = {0};
	struct hm_err err;
	size_t before;

	ok_call(hm_sandbox_env_make("PATH=/p", 12, NULL, &e, &err), &err, "the fixed environment");
	ok(strcmp(value(&e, "SOURCE_DATE_EPOCH"), "12") == 0 && strcmp(value(&e, "PATH"), "/p") == 0 &&
	   strcmp(value(&e, "TZ"), "UTC") == 0, "holds the commit's time, PATH, UTC");
	ok(e.items[e.count] == NULL, "ends with NULL");
	before = e.count;
	hm_sandbox_env_release(&e);
	ok_call(hm_sandbox_env_make("PATH=/p", 12, added, &e, &err), &err, "with additions");
	ok(strcmp(value(&e, "TZ"), "Europe/Vienna") == 0, "an added name replaces ours");
	ok(strcmp(value(&e, "A"), "2") == 0 && e.count == before + 1, "the last of a name counts, once");
	hm_sandbox_env_release(&e);
	fails(hm_sandbox_env_make("PATH=/p", 12, epoch, &e, &err), &err, HM_E_POLICY, "commit's time",
	      "SOURCE_DATE_EPOCH can't be set");
	fails(hm_sandbox_env_make("PATH=/p", 12, nameless, &e, &err), &err, HM_E_POLICY,
	      "not NAME=value", "no name");
	fails(hm_sandbox_env_make("PATH=/p", 12, word, &e, &err), &err, HM_E_POLICY, "not NAME=value",
	      "no value");
	{
		static char many[HM_SANDBOX_ENV_MAX + 1][16];
		const char *list[HM_SANDBOX_ENV_MAX + 2] = {0};

		for (size_t i = 0; i <= HM_SANDBOX_ENV_MAX; i++) {
			(void)snprintf(many[i], sizeof(many[i]), "V%zu=x", i);
			list[i] = many[i];
		}
		fails(hm_sandbox_env_make("PATH=/p", 12, list, &e, &err), &err, HM_E_TOO_LARGE,
		      "more than", "too many");
	}
}

static int judge(const char *said, int code, bool signalled, struct hm_err *err)
{
	const struct hm_exit status = {.signalled = signalled, .code = code};

	return hm_selftest_judge(hm_slice_str(said), &status, err);
}

static void verdict(void)
{
	struct hm_slice probe = hm_selftest_probe();
	char good[80], text[160];
	struct hm_err err;

	(void)snprintf(good, sizeof(good), HM_PROBE_CLOSED "%d\n", HM_PROBE_CHECKS);
	ok(probe.len > 1000 && memcmp(probe.ptr, "\177ELF", 4) == 0, "the probe is a program");
	ok_call(judge(good, 0, false, &err), &err, "all closed");
	fails(judge("", 0, false, &err), &err, HM_E_POLICY, "status 0 and said ''", "silence");
	fails(judge(good, 1, false, &err), &err, HM_E_POLICY, "status 1", "a failed probe");
	fails(judge(good, 31, true, &err), &err, HM_E_POLICY, "signal 31", "a killed probe");
	(void)snprintf(text, sizeof(text), HM_PROBE_CLOSED "%d\n", HM_PROBE_CHECKS - 1);
	fails(judge(text, 0, false, &err), &err, HM_E_POLICY, "self-test", "a check too few");
	(void)snprintf(text, sizeof(text), "%sx", good);
	fails(judge(text, 0, false, &err), &err, HM_E_POLICY, "self-test", "a byte too many");
	(void)snprintf(text, sizeof(text), HM_PROBE_OPEN "one door\n" HM_PROBE_OPEN "two\n%s", good);
	fails(judge(text, 0, false, &err), &err, HM_E_POLICY, "the sandbox is open: one door, two",
	      "open doors, named");
	fails(judge(HM_PROBE_OPEN "a\033[2Jb\n", 1, false, &err), &err, HM_E_POLICY, "a\\x1b[2Jb",
	      "what it says is escaped");
}

int main(void)
{
	const struct hm_runtime *r;
	struct hm_err err;

	config();
	filter();
	environment();
	verdict();
	ok_call(hm_runtime_find("crun", &r, &err), &err, "crun is known");
	ok(strcmp(hm_runtime_name(r), "crun") == 0 && !hm_runtime_needs_root_id(r), "and is crun");
	fails(hm_runtime_find("docker", &r, &err), &err, HM_E_POLICY, "crun, runc and runsc",
	      "another runtime is not");
	fails(hm_runtime_find("", &r, &err), &err, HM_E_POLICY, "not known", "nor none");
	return tap_done();
}
