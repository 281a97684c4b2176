/*
 * Running git on a repository that may belong to somebody else.
 *
 * Git refuses such repositories by itself (safe.directory), because their
 * configuration can name programs to run. A runner's checkout often has another
 * owner for good reasons, so the refusal is lifted, and in exchange nothing that
 * a configuration names is run: no hook, file system monitor, filter, diff
 * driver, credential helper, pager or transport. The user's and the system's
 * configuration are not read at all, and replacement objects are not applied:
 * the worker would refuse them anyway, by their ids.
 */
#include "runner-hook/git_run.h"

#include "lib/log.h"

/*
 * protocol.allow and GIT_ALLOW_PROTOCOL close the network also for a git that
 * does not know GIT_NO_LAZY_FETCH (2.44) yet.
 */
static const char *const fixed[] = {
	"git", "--no-replace-objects", "--literal-pathspecs",
	"--no-optional-locks",
	"-c", "safe.directory=*",
	"-c", "core.fsmonitor=false",
	"-c", "core.hooksPath=/dev/null",
	"-c", "core.alternateRefsCommand=",
	"-c", "core.attributesFile=/dev/null",
	"-c", "core.askPass=",
	"-c", "core.pager=cat",
	"-c", "core.sshCommand=false",
	"-c", "core.gitProxy=",
	"-c", "core.quotePath=false",
	"-c", "credential.helper=",
	"-c", "diff.external=",
	"-c", "protocol.allow=never",
	"-c", "submodule.recurse=false",
	/* stream what is big instead of holding it */
	"-c", "core.bigFileThreshold=16m",
};

int hm_git_argv(const struct hm_repo *r, const char *dir,
		const char *const *args, struct hm_git_argv *ret_a,
		struct hm_err *err)
{
	size_t n = HM_ARRAY_LEN(fixed);

	memcpy(ret_a->argv, fixed, sizeof(fixed));
	if (r) {
		int a = snprintf(ret_a->git_dir, sizeof(ret_a->git_dir),
				 "--git-dir=%s", r->git_dir);
		int b = snprintf(ret_a->work_tree, sizeof(ret_a->work_tree),
				 "--work-tree=%s", r->root);

		if (a < 0 || (size_t)a >= sizeof(ret_a->git_dir) || b < 0 ||
		    (size_t)b >= sizeof(ret_a->work_tree))
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "the repository's path is too long");
		/* -C: relative paths of an answer are from the top */
		ret_a->argv[n++] = "-C";
		ret_a->argv[n++] = r->root;
		ret_a->argv[n++] = ret_a->git_dir;
		ret_a->argv[n++] = ret_a->work_tree;
	} else {
		ret_a->argv[n++] = "-C";
		ret_a->argv[n++] = dir;
	}
	for (; *args; args++) {
		HM_BUG_ON(n == HM_GIT_ARGS_MAX - 1);
		ret_a->argv[n++] = *args;
	}
	ret_a->argv[n] = NULL;
	return HM_OK;
}

const char *const *hm_git_env(void)
{
	static char path[4096] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static const char *const env[] = {
		path,
		"LC_ALL=C",
		"HOME=/nonexistent",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=none",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
		NULL,
	};
	const char *p = secure_getenv("PATH");

	/* git may live where only the user's PATH finds it (nix, brew) */
	if (p && strlen(p) < sizeof(path) - 5)
		(void)snprintf(path + 5, sizeof(path) - 5, "%s", p);
	return env;
}

int hm_git_run(const struct hm_repo *r, const char *dir,
	       const char *const *args, struct hm_buf *out, struct hm_buf *said,
	       int *ret_status, struct hm_err *err)
{
	struct hm_git_argv a;
	struct hm_process_spec spec = {
		.argv = a.argv,
		.envp = hm_git_env(),
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.die_with_parent = true,
	};
	struct hm_exit status;
	int rc = hm_git_argv(r, dir, args, &a, err);

	if (rc < 0)
		return rc;
	rc = hm_process_run(&spec, out, said, HM_NO_DEADLINE, &status, err);
	if (rc < 0)
		return rc;
	if (status.signalled)
		return hm_fail(err, HM_E_SYSTEM, 0, "git %s died of signal %d",
			       args[0], status.code);
	*ret_status = status.code;
	return HM_OK;
}
