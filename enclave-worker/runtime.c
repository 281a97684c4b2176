/*
 * Runtime adapter: argv templates. A runtime is trusted (it is in the measured
 * image) but its messages are not: they may quote the build's own words.
 */
#include "enclave-worker/runtime.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/path.h"

/* A template's words that stand for something. */
#define ROOT "%root"
#define BUNDLE "%bundle"
#define PID_FILE "%pid"
#define LOG "%log"
#define ID "%id"
#define NETWORK "%network"

#define WORDS_MAX 16
/* What a runtime says about one failure; the error keeps the end of it. */
#define MESSAGE_MAX 16384

struct hm_runtime {
	const char *name;
	bool needs_root_id;
	bool makes_cgroup;
	bool has_kernel;
	const char *global[WORDS_MAX];
	const char *verb[HM_RUNTIME_VERB_COUNT][WORDS_MAX];
};

static const struct hm_runtime table[] = {
	{
		/* cgroups are ours to manage: it would refuse a user without any */
		.name = "crun",
		.global = {"--root", ROOT, "--log", LOG, "--cgroup-manager", "disabled", NULL},
		.verb = {
			{"create", "--bundle", BUNDLE, "--pid-file", PID_FILE, ID, NULL},
			{"start", ID, NULL},
			{"delete", "--force", ID, NULL},
		},
	},
	{
		.name = "runc",
		.needs_root_id = true,
		.makes_cgroup = true,
		.global = {"--root", ROOT, "--log", LOG, NULL},
		.verb = {
			{"create", "--bundle", BUNDLE, "--pid-file", PID_FILE, ID, NULL},
			{"start", ID, NULL},
			{"delete", "--force", ID, NULL},
		},
	},
	{
		/* without --oci-seccomp it would ignore our list */
		.name = "runsc",
		.needs_root_id = true,
		.has_kernel = true,
		.global = {"--root", ROOT, "--log", LOG,
			   "--network", NETWORK, "--oci-seccomp", "--ignore-cgroups", NULL},
		.verb = {
			{"create", "--bundle", BUNDLE, "--pid-file", PID_FILE, ID, NULL},
			{"start", ID, NULL},
			{"delete", "--force", ID, NULL},
		},
	},
};

static const char *const verb_names[] = {"create", "start", "delete"};
_Static_assert(HM_ARRAY_LEN(verb_names) == HM_RUNTIME_VERB_COUNT, "a name per verb");

int hm_runtime_find(const char *name, const struct hm_runtime **ret_r, struct hm_err *err)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(table); i++) {
		if (strcmp(table[i].name, name) == 0) {
			*ret_r = &table[i];
			return HM_OK;
		}
	}
	return hm_fail(err, HM_E_POLICY, 0,
		       "sandbox runtime '%s' is not known; there are crun, runc and runsc",
		       HM_ESC(hm_slice_str(name)));
}

const char *hm_runtime_name(const struct hm_runtime *r)
{
	return r->name;
}

bool hm_runtime_needs_root_id(const struct hm_runtime *r)
{
	return r->needs_root_id;
}

bool hm_runtime_makes_cgroup(const struct hm_runtime *r)
{
	return r->makes_cgroup;
}

bool hm_runtime_has_kernel(const struct hm_runtime *r)
{
	return r->has_kernel;
}

int hm_runtime_version(const struct hm_runtime *r, hm_deadline_t deadline,
		       char out[HM_RUNTIME_VERSION_MAX], struct hm_err *err)
{
	const char *const argv[] = {r->name, "--version", NULL};
	const struct hm_process_spec spec = {.argv = argv, .stdin_fd = -1,
					     .stdout_fd = -1, .stderr_fd = -1};
	AUTO_BUF struct hm_buf text;
	AUTO_BUF struct hm_buf said;
	struct hm_exit status;
	const uint8_t *end;
	size_t len;
	int rc;

	hm_buf_init(&text, MESSAGE_MAX);
	hm_buf_init(&said, MESSAGE_MAX);
	rc = hm_process_run(&spec, &text, &said, deadline, &status, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "sandbox runtime (is %s installed?)", r->name);
	end = memchr(text.data, '\n', text.len);
	len = end ? (size_t)(end - text.data) : text.len;
	if (status.signalled || status.code != 0 || len == 0 ||
	    len >= HM_RUNTIME_VERSION_MAX || !hm_slice_is_text(hm_slice(text.data, len)))
		return hm_fail(err, HM_E_SYSTEM, 0,
			       "%s --version does not say its version (%s %d: %s)", r->name,
			       status.signalled ? "signal" : "exit status", status.code,
			       HM_ESC(hm_buf_slice(&said)));
	memcpy(out, text.data, len);
	out[len] = 0;
	return HM_OK;
}

static const char *word(const char *w, const struct hm_runtime_paths *p)
{
	const struct {
		const char *name;
		const char *value;
	} names[] = {{ROOT, p->root}, {BUNDLE, p->bundle}, {PID_FILE, p->pid_file},
		     {LOG, p->log}, {ID, p->id}, {NETWORK, p->network}};

	for (size_t i = 0; i < HM_ARRAY_LEN(names); i++) {
		if (strcmp(names[i].name, w) == 0)
			return names[i].value;
	}
	return w;
}

/* The last line of what it wrote to its log and to stderr. */
static void last_words(const struct hm_runtime_paths *p, const struct hm_buf *said,
		       char *out, size_t out_size)
{
	AUTO_BUF struct hm_buf log;
	struct hm_err ignored;
	struct hm_slice s;

	hm_buf_init(&log, MESSAGE_MAX);
	if (hm_file_read_user(p->log, &log, &ignored) != HM_OK)
		hm_buf_release(&log);
	s = log.len > 0 ? hm_buf_slice(&log) : hm_buf_slice(said);
	while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == ' '))
		s.len--;
	for (size_t i = s.len; i > 0; i--) {
		if (s.ptr[i - 1] == '\n') {
			s = hm_slice(s.ptr + i, s.len - i);
			break;
		}
	}
	(void)hm_escape(s, out, out_size);
}

int hm_runtime_run(const struct hm_runtime *r, enum hm_runtime_verb verb,
		   const struct hm_runtime_paths *paths, int stdout_fd, int stderr_fd,
		   hm_deadline_t deadline, struct hm_err *err)
{
	const char *argv[2 * WORDS_MAX + 1];
	struct hm_process_spec spec = {.argv = argv, .stdin_fd = -1,
				       .stdout_fd = stdout_fd, .stderr_fd = stderr_fd};
	AUTO_BUF struct hm_buf said;
	char why[HM_ERR_MSG_MAX - 64];
	struct hm_exit status;
	size_t n = 0;
	int rc;

	argv[n++] = r->name;
	for (size_t i = 0; i < WORDS_MAX && r->global[i]; i++)
		argv[n++] = word(r->global[i], paths);
	for (size_t i = 0; i < WORDS_MAX && r->verb[verb][i]; i++)
		argv[n++] = word(r->verb[verb][i], paths);
	argv[n] = NULL;

	hm_buf_init(&said, MESSAGE_MAX);
	(void)unlink(paths->log);
	/* CREATE's stderr is the container's; nothing may read it but the caller. */
	rc = hm_process_run(&spec, NULL, verb == HM_RUNTIME_CREATE ? NULL : &said, deadline,
			    &status, err);
	if (rc == HM_OK && !status.signalled && status.code == 0)
		return HM_OK;
	if (rc != HM_OK && rc != HM_E_TIMEOUT)
		return hm_err_prefix(err, "%s %s", r->name, verb_names[verb]);
	last_words(paths, &said, why, sizeof(why));
	if (rc == HM_E_TIMEOUT)
		return hm_fail(err, HM_E_TIMEOUT, 0, "%s %s did not end; it said: %s", r->name,
			       verb_names[verb], why);
	return hm_fail(err, HM_E_SYSTEM, 0, "%s %s failed: %s", r->name, verb_names[verb], why);
}
