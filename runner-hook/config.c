/*
 * Options of the host side. The command line is the operator's, but on a runner
 * the environment also carries what a workflow author or a pull request chose
 * (a branch's name is in GITHUB_REF), so every value is checked whatever it
 * came from: nothing here may look like an option or a second line further on.
 */
#include "runner-hook/config.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/pattern.h"
#include "runner-hook/config_options.h"
#include "runner-hook/egress.h"

/* The wire takes texts of 4096 bytes; a ref or URL of half of that is absurd. */
#define TEXT_MAX 2048

void hm_host_config_release(struct hm_host_config *c)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(c->owned); i++)
		free(c->owned[i]);
	*c = (struct hm_host_config){0};
}

static const char *text_problem(const char *s)
{
	if (*s == '\0')
		return "is empty";
	if (*s == '-')
		return "begins with '-'";
	if (strlen(s) > TEXT_MAX)
		return "is longer than 2048 bytes";
	if (!hm_slice_is_text(hm_slice_str(s)))
		return "holds a control character or is not UTF-8";
	return NULL;
}

static const char *file_problem(const char *s)
{
	const char *problem = text_problem(s);

	if (!problem && s[strlen(s) - 1] == '/')
		return "names a directory; a file is wanted";
	return problem;
}

/*
 * Credentials would end in a public statement. ssh needs a user's name, but no
 * password; in http a name alone can be a token.
 */
static const char *url_problem(const char *s)
{
	const char *problem = text_problem(s), *host = strstr(s, "://");
	size_t user = 0;

	if (problem)
		return problem;
	if (!host || host == s || strchr(s, ' '))
		return "is no URL like https://github.com/owner/name";
	host += 3;
	for (size_t i = strcspn(host, "/"); i > 0 && user == 0; i--)
		user = host[i - 1] == '@' ? i : 0;
	if (user > 0 && (strncmp(s, "ssh://", 6) != 0 || memchr(host, ':', user)))
		return "holds credentials; leave them out, the URL is published";
	return NULL;
}

static bool is_commit_id(const char *s)
{
	uint8_t id[32];

	return hm_unhex(hm_slice_str(s), id, 20) ||
	       hm_unhex(hm_slice_str(s), id, 32);
}

static int check_files(struct hm_host_config *c, const struct hm_host_options *options,
		       struct hm_err *err)
{
	const char *problem;

	if (!c->config_path)
		c->config_path = "build.json";
	problem = text_problem(c->config_path);
	if (!problem)
		problem = hm_pattern_problem(c->config_path, false);
	if (problem)
		return hm_host_option_refuse(options, &c->config_path, c->config_path,
					     problem, err);
	if (!c->output)
		c->output = "release.tar";
	problem = file_problem(c->output);
	if (problem)
		return hm_host_option_refuse(options, &c->output, c->output, problem, err);
	for (size_t i = 0; i < c->logs.count; i++) {
		problem = text_problem(c->logs.items[i]);
		if (problem)
			return hm_host_option_refuse(options, &c->logs, c->logs.items[i],
						     problem, err);
	}
	for (size_t i = 0; i < c->toolchains.count; i++) {
		const char *dir = c->toolchains.items[i];

		problem = text_problem(dir);
		if (!problem && *dir != '/')
			problem = "must be an absolute path; the build sees it there";
		if (problem)
			return hm_host_option_refuse(options, &c->toolchains, dir, problem, err);
	}
	return HM_OK;
}

static int check_worker(struct hm_host_config *c, const char *self_dir,
			struct hm_err *err)
{
	static const char installed[] = HM_PREFIX "/libexec/hallmark/enclave-worker";
	char *beside = NULL;
	int rc;

	c->worker = installed;
	if (!self_dir)
		return HM_OK;
	if (asprintf(&beside, "%s/enclave-worker", self_dir) < 0)
		beside = NULL;
	rc = hm_host_config_own(c, beside, err);
	if (rc == HM_OK && access(beside, X_OK) == 0)
		c->worker = beside;
	return rc;
}

static int check_enclave(struct hm_host_config *c,
			 const struct hm_host_options *options,
			 const struct hm_host_facts *facts, struct hm_err *err)
{
	const char *problem = NULL;
	bool local;

	if (!c->enclave)
		c->enclave = facts->has_nitro ? "nitro" : "local";
	local = strcmp(c->enclave, "local") == 0;
	if (!local && strcmp(c->enclave, "qemu") != 0 &&
	    strcmp(c->enclave, "nitro") != 0)
		return hm_host_option_refuse(options, &c->enclave, c->enclave,
					     "must be local, qemu or nitro", err);
	/* --enclave on the command line puts a variable for another kind aside */
	if (local && hm_host_option_from_env(options, &c->eif))
		c->eif = NULL;
	if (!local && hm_host_option_from_env(options, &c->worker))
		c->worker = NULL;
	if (c->eif) {
		problem = local ? "the local enclave has no image; add --enclave qemu or nitro"
				: file_problem(c->eif);
		if (problem)
			return hm_host_option_refuse(options, &c->eif, c->eif, problem,
						     err);
	}
	if (c->worker) {
		problem = local ? file_problem(c->worker)
				: "the worker of this enclave is in its image; leave the "
				  "option out";
		if (problem)
			return hm_host_option_refuse(options, &c->worker, c->worker,
						     problem, err);
	}
	return local && !c->worker ? check_worker(c, facts->self_dir, err)
				   : HM_OK;
}

static int check_sandbox(struct hm_host_config *c, const struct hm_host_raw *r,
			 const struct hm_host_options *options, struct hm_err *err)
{
	if (!c->runtime)
		c->runtime = "crun";
	if (strcmp(c->runtime, "crun") != 0 && strcmp(c->runtime, "runc") != 0 &&
	    strcmp(c->runtime, "runsc") != 0)
		return hm_host_option_refuse(options, &c->runtime, c->runtime,
					     "must be crun, runc or runsc", err);
	if (c->network && strcmp(c->network, "none") != 0)
		return hm_host_option_refuse(options, &c->network, c->network,
					     "an operator can only take the network away: none",
					     err);
	if (r->nonce) {
		size_t len = strlen(r->nonce) / 2;

		if (len < HM_NONCE_MIN || len > HM_NONCE_MAX ||
		    !hm_unhex(hm_slice_str(r->nonce), c->nonce, len))
			return hm_host_option_refuse(options, &r->nonce, r->nonce,
						     "must be 8 to 64 bytes in lower-case hex",
						     err);
		c->nonce_len = len;
	}
	return HM_OK;
}

/*
 * The proxy is the operator's, from the variables that other programs read too.
 * Whether it can be spoken to is told when it is needed, not before.
 */
static int check_egress(struct hm_host_config *c, const char *const *envp,
			struct hm_err *err)
{
	const struct hm_egress_policy policy = {
		.allow_private = c->allow_private.items,
		.allow_private_count = c->allow_private.count};

	c->proxy = hm_host_env(envp, "https_proxy");
	if (!c->proxy)
		c->proxy = hm_host_env(envp, "HTTPS_PROXY");
	c->no_proxy = hm_host_env(envp, "no_proxy");
	if (!c->no_proxy)
		c->no_proxy = hm_host_env(envp, "NO_PROXY");
	return hm_egress_policy_check(&policy, err);
}

static bool same_directory(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* What the runner says about its checkout; see the header for when it counts. */
static int take_github(struct hm_host_config *c, const struct hm_host_raw *r,
		       const char *const *envp, struct hm_err *err)
{
	const char *workspace = hm_host_env(envp, "GITHUB_WORKSPACE");
	const char *server = hm_host_env(envp, "GITHUB_SERVER_URL");
	const char *name = hm_host_env(envp, "GITHUB_REPOSITORY");
	const char *sha = hm_host_env(envp, "GITHUB_SHA");
	const char *ref = hm_host_env(envp, "GITHUB_REF"), *problem;
	char *url = NULL;
	int rc;

	if (!workspace || !same_directory(workspace, c->dir))
		return HM_OK;
	if (!r->ref && !r->commit && sha) {
		if (!is_commit_id(sha))
			return hm_fail(err, HM_E_USAGE, 0,
				       "GITHUB_SHA=%s: is no commit id",
				       HM_ESC(hm_slice_str(sha)));
		problem = ref ? text_problem(ref) : NULL;
		if (problem)
			return hm_fail(err, HM_E_USAGE, 0, "GITHUB_REF=%s: %s",
				       HM_ESC(hm_slice_str(ref)), problem);
		c->rev = sha;
		c->ref = ref;
	}
	if (c->repository || !server || !name)
		return HM_OK;
	if (asprintf(&url, "%s/%s", server, name) < 0)
		url = NULL;
	rc = hm_host_config_own(c, url, err);
	if (rc < 0)
		return rc;
	problem = url_problem(url);
	if (problem)
		return hm_fail(err, HM_E_USAGE, 0,
			       "GITHUB_SERVER_URL/GITHUB_REPOSITORY %s: %s",
			       HM_ESC(hm_slice_str(url)), problem);
	c->repository = url;
	return HM_OK;
}

static int check_source(struct hm_host_config *c, const struct hm_host_raw *r,
			const struct hm_host_options *options, const char *const *envp,
			struct hm_err *err)
{
	const char *problem;

	c->rev = r->ref ? r->ref : "HEAD";
	problem = text_problem(c->rev);
	if (problem)
		return hm_host_option_refuse(options, &r->ref, r->ref, problem, err);
	if (r->commit) {
		if (!is_commit_id(r->commit))
			return hm_host_option_refuse(options, &r->commit, r->commit,
						     "must be a full commit id in lower-case "
						     "hex; for a name use --ref",
						     err);
		c->rev = r->commit;
		c->ref = r->ref;
	}
	problem = c->repository ? url_problem(c->repository) : NULL;
	if (problem)
		return hm_host_option_refuse(options, &c->repository, c->repository,
					     problem, err);
	return take_github(c, r, envp, err);
}

static int check_dev_root(struct hm_host_config *c,
			  const struct hm_host_options *options,
			  const char *const *envp, struct hm_err *err)
{
	const char *xdg = hm_host_env(envp, "XDG_CONFIG_HOME");
	const char *home = hm_host_env(envp, "HOME"), *problem;
	char *dir = NULL;
	int rc;

	if (c->dev_root) {
		problem = text_problem(c->dev_root);
		return problem ? hm_host_option_refuse(options, &c->dev_root, c->dev_root,
						       problem, err)
			       : HM_OK;
	}
	if (strcmp(c->enclave, "nitro") == 0)	/* hardware signs there */
		return HM_OK;
	/* the XDG specification: a relative path is to be ignored */
	if (xdg && *xdg == '/')
		rc = asprintf(&dir, "%s/hallmark/dev-root", xdg);
	else if (home && *home == '/')
		rc = asprintf(&dir, "%s/.config/hallmark/dev-root", home);
	else
		return hm_fail(err, HM_E_USAGE, 0,
			       "--dev-root is needed: neither HOME nor XDG_CONFIG_HOME "
			       "says where to keep the development root");
	rc = hm_host_config_own(c, rc < 0 ? NULL : dir, err);
	c->dev_root = dir;
	return rc;
}

static int check_all(struct hm_host_config *c, const struct hm_host_raw *r,
		     const struct hm_host_options *options,
		     const struct hm_host_facts *facts, struct hm_err *err)
{
	const char *debug = hm_host_env(facts->envp, "RUNNER_DEBUG");
	const char *runner = hm_host_env(facts->envp, "GITHUB_ACTIONS");
	int rc = check_files(c, options, err);

	if (rc == HM_OK)
		rc = check_enclave(c, options, facts, err);
	if (rc == HM_OK)
		rc = check_sandbox(c, r, options, err);
	if (rc == HM_OK)
		rc = check_egress(c, facts->envp, err);
	if (rc == HM_OK)
		rc = check_source(c, r, options, facts->envp, err);
	if (rc == HM_OK)
		rc = check_dev_root(c, options, facts->envp, err);
	if (rc < 0)
		return rc;
	if (c->quiet && c->verbose)
		return hm_fail(err, HM_E_USAGE, 0,
			       "quiet and verbose exclude each other");
	if (debug && strcmp(debug, "1") == 0 && !c->quiet)
		c->verbose = true;
	c->on_runner = runner && strcmp(runner, "true") == 0;
	return HM_OK;
}

int hm_host_config_parse_with(int argc, char **argv,
			      const struct hm_host_facts *facts,
			      struct hm_host_config *ret_c, bool *ret_help,
			      struct hm_err *err)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {.dir = "."};
	struct hm_host_raw r = {0};
	struct hm_host_options options = hm_host_options(&c, &r);
	size_t operands = 0;
	int rc = hm_cli_parse(options.at, HM_HOST_OPTIONS, argc, argv,
			      &operands, err);

	if (rc < 0)
		return rc;
	*ret_help = r.help;
	if (r.help)
		return HM_OK;
	if (operands > 1)
		return hm_fail(err, HM_E_USAGE, 0,
			       "one directory is built at a time; %s is one more",
			       HM_ESC(hm_slice_str(argv[1])));
	if (operands == 1)
		c.dir = argv[0];
	if (*c.dir == '\0')
		return hm_fail(err, HM_E_USAGE, 0,
			       "the directory's name is empty");
	rc = hm_host_options_env(&c, &r, &options, facts->envp, err);
	if (rc == HM_OK)
		rc = check_all(&c, &r, &options, facts, err);
	if (rc < 0)
		return rc;
	*ret_c = c;
	c = (struct hm_host_config){0};	/* transferred */
	return HM_OK;
}

int hm_host_config_parse(int argc, char **argv, struct hm_host_config *ret_c,
			 bool *ret_help, struct hm_err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const struct hm_host_facts facts = {
		.envp = (const char *const *)environ,
		.self_dir = n > 0 ? self : NULL,
		.has_nitro = access("/dev/nitro_enclaves", F_OK) == 0,
	};
	bool help = false;
	int rc;

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
	}
	rc = hm_host_config_parse_with(argc, argv, &facts, ret_c, &help, err);
	if (rc == HM_OK && help)
		hm_host_options_print();
	if (rc == HM_OK)
		*ret_help = help;
	return rc;
}
