/* runner-hook/config: which source wins, what is refused and in what words. */
#include "runner-hook/config.h"

#include <sys/stat.h>

#include "test/unit/tap.h"

#define ARGS_MAX 100
#define ID40 "0123456789abcdef0123456789abcdef01234567"

static struct hm_err err;
static bool helped;

/* Arguments and environment as lists that end with NULL. */
static int parse_in(const char *const *args, const char *const *envp,
		    bool has_nitro, const char *self_dir,
		    struct hm_host_config *c)
{
	struct hm_host_facts facts = {
		.envp = envp, .self_dir = self_dir, .has_nitro = has_nitro};
	static char text[16384];
	static char *argv[ARGS_MAX];	/* operands outlive the call */
	size_t used = 0;
	int argc = 0;

	for (; *args && argc < ARGS_MAX; args++) {
		size_t n = strlen(*args) + 1;

		HM_BUG_ON(n > sizeof(text) - used);
		argv[argc++] = memcpy(text + used, *args, n);
		used += n;
	}
	return hm_host_config_parse_with(argc, argv, &facts, c, &helped, &err);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define ENV(...) LIST("HOME=/home/u" __VA_OPT__(, ) __VA_ARGS__)

static int parse(const char *const *args, const char *const *envp,
		 struct hm_host_config *c)
{
	return parse_in(args, envp, false, NULL, c);
}

static int try(const char *const *args, const char *const *envp)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0};

	return parse(args, envp, &c);
}

static bool same(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static void test_defaults(void)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0};

	ok_call(parse(LIST(), ENV(), &c), &err, "nothing given");
	ok(same(c.dir, ".") && same(c.config_path, "build.json") &&
		   same(c.output, "release.tar") && same(c.rev, "HEAD") &&
		   same(c.runtime, "crun"),
	   "names");
	ok(!c.ref && !c.repository && !c.eif &&
		   c.timeout_minutes == 0 && c.memory_mib == 0 && c.cpus == 0 &&
		   c.nonce_len == 0 && c.toolchains.count == 0 &&
		   !c.network && !c.quiet && !c.verbose && !c.json,
	   "nothing else is set");
	ok(same(c.enclave, "local") &&
		   same(c.worker, HM_PREFIX "/libexec/hallmark/enclave-worker"),
	   "local enclave, installed worker");
	ok(same(c.dev_root, "/home/u/.config/hallmark/dev-root"),
	   "development root");
}

static void test_command_line(void)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0};

	ok_call(parse(LIST("--config", "ci/build.json", "-o", "x.tar",
			   "--enclave=local", "--worker", "/w", "--ref",
			   "refs/tags/v1", "--commit", ID40, "--repository",
			   "https://example.org/o/r", "--timeout-minutes", "7",
			   "--memory-mib", "512", "--cpus", "2", "--nonce",
			   "00112233445566ff", "--toolchain", "/t1", "--toolchain",
			   "/t2", "--runtime", "runsc", "--network", "none",
			   "--allow-private-egress", "10.0.0.1:443", "--dev-root",
			   "dr", "-v", "--json", "sub/dir"),
		      ENV("HALLMARK_CONFIG=other.json", "HALLMARK_CPUS=9",
			  "HALLMARK_TOOLCHAIN=/t9", "HALLMARK_QUIET=true",
			  "HALLMARK_ENCLAVE=nitro"),
		      &c),
		&err, "everything given, over the environment");
	ok(same(c.dir, "sub/dir") && same(c.config_path, "ci/build.json") &&
		   same(c.output, "x.tar") && same(c.worker, "/w"),
	   "paths");
	ok(same(c.rev, ID40) && same(c.ref, "refs/tags/v1") &&
		   same(c.repository, "https://example.org/o/r"),
	   "source: the commit is built, the ref recorded");
	ok(same(c.enclave, "local") && c.timeout_minutes == 7 &&
		   c.memory_mib == 512 && c.cpus == 2,
	   "enclave and limits");
	ok(c.nonce_len == 8 && c.nonce[7] == 0xff && c.nonce[1] == 0x11, "nonce");
	ok(c.toolchains.count == 2 && same(c.toolchains.items[1], "/t2"),
	   "toolchains");
	ok(same(c.runtime, "runsc") && same(c.network, "none") &&
		   c.allow_private.count == 1 && same(c.dev_root, "dr"),
	   "sandbox");
	ok(c.verbose && !c.quiet && c.json, "talk");
}

static void test_environment(void)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0}, d = {0}, e = {0};

	ok_call(parse(LIST(),
		      ENV("HALLMARK_CONFIG=ci/b.json", "HALLMARK_OUTPUT=",
			  "HALLMARK_TIMEOUT_MINUTES=30", "HALLMARK_JSON=true",
			  "HALLMARK_QUIET=false", "HALLMARK_HELP=true",
			  "HALLMARK_TOOLCHAIN=/a\n\n/b\n",
			  "HALLMARK_ALLOW_PRIVATE_EGRESS=10.1.1.1:80",
			  "HALLMARK_REF=main", "RUNNER_DEBUG=1",
			  "GITHUB_ACTIONS=true", "HTTPS_PROXY=http://p:1",
			  "https_proxy=http://q:2", "NO_PROXY=a,b",
			  "XDG_CONFIG_HOME=/x"),
		      &c),
		&err, "from the environment");
	ok(same(c.config_path, "ci/b.json") && same(c.output, "release.tar"),
	   "an empty variable is one that is not set");
	ok(c.timeout_minutes == 30 && c.json && !c.quiet && !helped, "values");
	ok(c.toolchains.count == 2 && same(c.toolchains.items[0], "/a") &&
		   same(c.toolchains.items[1], "/b") &&
		   c.allow_private.count == 1,
	   "lists have one item per line");
	ok(same(c.rev, "main") && c.verbose, "ref; a runner's debug is verbose");
	ok(c.on_runner && same(c.proxy, "http://q:2") && same(c.no_proxy, "a,b"),
	   "runner and proxy");
	ok(same(c.dev_root, "/x/hallmark/dev-root"), "XDG_CONFIG_HOME");

	ok_call(parse(LIST("--ref", "v2", "--enclave", "local"),
		      ENV("HALLMARK_COMMIT=" ID40, "HALLMARK_EIF=/x.eif",
			  "XDG_CONFIG_HOME=relative"),
		      &d),
		&err, "the command line settles what belongs together");
	ok(same(d.rev, "v2") && !d.eif,
	   "--ref over HALLMARK_COMMIT, --enclave over HALLMARK_EIF");
	ok(same(d.dev_root, "/home/u/.config/hallmark/dev-root"),
	   "a relative XDG_CONFIG_HOME does not count");
	ok_call(parse(LIST("--enclave", "qemu"), ENV("HALLMARK_WORKER=/w"), &e),
		&err, "nor does a worker for an enclave with an image");
	ok(!e.worker, "it is dropped");
}

static void test_enclaves(void)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0}, d = {0}, e = {0};
	char dir[] = "/tmp/hm-test-XXXXXX", path[64];
	FILE *f;

	ok_call(parse_in(LIST(), LIST(), true, NULL, &c), &err,
		"a host with the device");
	ok(same(c.enclave, "nitro") && !c.worker && !c.dev_root,
	   "nitro, and nothing that it does not need");
	ok_call(parse(LIST("--enclave", "qemu", "--eif", "c.eif"), ENV(), &d),
		&err, "qemu");
	ok(same(d.enclave, "qemu") && same(d.eif, "c.eif"), "with an image");

	ok(mkdtemp(dir) != NULL, "temporary directory");
	(void)snprintf(path, sizeof(path), "%s/enclave-worker", dir);
	f = fopen(path, "we");
	ok(f && fchmod(fileno(f), 0700) == 0 && fclose(f) == 0, "a worker in it");
	ok_call(parse_in(LIST(), ENV(), false, dir, &e), &err, "beside us");
	ok(same(e.worker, path), "the worker beside runner-hook comes first");
	ok(unlink(path) == 0 && rmdir(dir) == 0, "clean up");
}

static void test_github(void)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0}, d = {0}, e = {0}, f = {0};
	const char *const *github =
		ENV("GITHUB_WORKSPACE=.", "GITHUB_SERVER_URL=https://github.com",
		    "GITHUB_REPOSITORY=o/r", "GITHUB_REF=refs/heads/main",
		    "GITHUB_SHA=" ID40);

	ok_call(parse(LIST(), github, &c), &err, "on a runner");
	ok(same(c.rev, ID40) &&
		   same(c.ref, "refs/heads/main") &&
		   same(c.repository, "https://github.com/o/r"),
	   "the runner says what is built");
	ok_call(parse(LIST("--ref", "v1", "--repository", "ssh://git@h/x"),
		      github, &d),
		&err, "unless told otherwise");
	ok(same(d.rev, "v1") && !d.ref && same(d.repository, "ssh://git@h/x"),
	   "revision and name are the caller's");
	ok_call(parse(LIST("/"), github, &e), &err, "another directory");
	ok(same(e.rev, "HEAD") && !e.ref && !e.repository,
	   "the runner's variables are not about that one");
	ok_call(parse(LIST("./"), github, &f), &err, "the same, other spelling");
	ok(same(f.rev, ID40), "is the same");
	fails(try(LIST(), ENV("GITHUB_WORKSPACE=.", "GITHUB_SHA=main")), &err,
	      HM_E_USAGE, "GITHUB_SHA=main: is no commit id", "no id");
	fails(try(LIST(), ENV("GITHUB_WORKSPACE=.", "GITHUB_SHA=" ID40,
			      "GITHUB_REF=--upload-pack=x")),
	      &err, HM_E_USAGE, "GITHUB_REF=--upload-pack=x: begins with '-'",
	      "a ref that looks like an option");
	fails(try(LIST(), ENV("GITHUB_WORKSPACE=.", "GITHUB_SERVER_URL=https://x",
			      "GITHUB_REPOSITORY=o/r\n::error::")),
	      &err, HM_E_USAGE, "holds a control character", "a second line");
}

struct refusal {
	const char *args[4];
	const char *message;
};

static void test_refusals(void)
{
	static const struct refusal table[] = {
		{{"--nonsense"}, "unknown option --nonsense"},
		{{"a", "b"}, "one directory is built at a time; b is one more"},
		{{""}, "the directory's name is empty"},
		{{"--config", "/etc/x.json"}, "--config /etc/x.json: is absolute"},
		{{"--config", "../x.json"}, "--config ../x.json: leaves the source root"},
		{{"--config="}, "--config : is empty"},
		{{"--output", "dir/"}, "--output dir/: names a directory"},
		{{"--output", "-"}, "--output -: begins with '-'"},
		{{"--enclave", "sgx"}, "--enclave sgx: must be local, qemu or nitro"},
		{{"--eif", "x.eif"}, "--eif x.eif: the local enclave has no image"},
		{{"--enclave=qemu", "--eif", "d/"}, "--eif d/: names a directory"},
		{{"--enclave=qemu", "--worker", "w"}, "--worker w: the worker of this enclave is in its image"},
		{{"--worker", "-w"}, "--worker -w: begins with '-'"},
		{{"--ref", "-x"}, "--ref -x: begins with '-'"},
		{{"--ref", "a\nb"}, "--ref a\\x0ab: holds a control character"},
		{{"--ref="}, "--ref : is empty"},
		{{"--commit", "abc123"}, "--commit abc123: must be a full commit id"},
		{{"--commit", "0123456789ABCDEF0123456789abcdef01234567"}, "must be a full commit id in lower-case hex"},
		{{"--repository", "o/r"}, "--repository o/r: is no URL"},
		{{"--repository", "://x"}, "is no URL"},
		{{"--repository", "https://tok@github.com/o/r"}, "holds credentials"},
		{{"--repository", "https://u:p@github.com/o/r"}, "holds credentials"},
		{{"--repository", "ssh://git:pw@github.com/o/r"}, "holds credentials"},
		{{"--repository", "https://a b/c"}, "is no URL"},
		{{"--timeout-minutes", "0"}, "not a number from 1 to 1440"},
		{{"--timeout-minutes", "1441"}, "not a number from 1 to 1440"},
		{{"--memory-mib", "63"}, "not a number from 64 to 1048576"},
		{{"--cpus", "0x2"}, "not a number from 1 to 256"},
		{{"--nonce", "0011"}, "must be 8 to 64 bytes in lower-case hex"},
		{{"--nonce", "00112233445566f"}, "must be 8 to 64 bytes"},
		{{"--nonce", "00112233445566FF"}, "must be 8 to 64 bytes"},
		{{"--toolchain", "rel"}, "--toolchain rel: must be an absolute path"},
		{{"--runtime", "docker"}, "--runtime docker: must be crun, runc or runsc"},
		{{"--network", "record"}, "an operator can only take the network away: none"},
		{{"--allow-private-egress", "10.0.0.1"}, "10.0.0.1"},
		{{"--dev-root="}, "--dev-root : is empty"},
		{{"-q", "-v"}, "quiet and verbose exclude each other"},
		{{"--cpus", "1", "--cpus", "2"}, "--cpus given twice"},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(table); i++)
		fails(try((const char *const[]){table[i].args[0], table[i].args[1],
						table[i].args[1] ? table[i].args[2] : NULL,
						table[i].args[3], NULL},
			  ENV()),
		      &err, HM_E_USAGE, table[i].message, "%s",
		      table[i].message);
}

static void test_refused_variables(void)
{
	char many[2 * (HM_CLI_LIST_MAX + 1) + 32] = "HALLMARK_TOOLCHAIN=";
	size_t used = strlen(many);

	fails(try(LIST(), ENV("HALLMARK_TIMEOUT_MINUTES=soon")), &err, HM_E_USAGE,
	      "HALLMARK_TIMEOUT_MINUTES=soon: not a number from 1 to 1440",
	      "a number");
	fails(try(LIST(), ENV("HALLMARK_JSON=yes")), &err, HM_E_USAGE,
	      "HALLMARK_JSON=yes: must be true or false", "a flag");
	fails(try(LIST(), ENV("HALLMARK_REF=-x")), &err, HM_E_USAGE,
	      "HALLMARK_REF=-x: begins with '-'", "the variable is named");
	fails(try(LIST(), ENV("HALLMARK_QUIET=1", "HALLMARK_VERBOSE=1")), &err,
	      HM_E_USAGE, "exclude each other", "both");
	fails(try(LIST(), LIST()), &err, HM_E_USAGE, "--dev-root is needed",
	      "no home");
	for (int i = 0; i <= HM_CLI_LIST_MAX; i++) {
		many[used++] = '/';
		many[used++] = '\n';
	}
	many[used] = '\0';
	fails(try(LIST(), ENV(many)), &err, HM_E_USAGE,
	      "HALLMARK_TOOLCHAIN: more than 64 lines", "too many");
}

static void test_help(void)
{
	AUTO_HOST_CONFIG struct hm_host_config c = {0};

	ok_call(parse(LIST("--help", "--ref", "-x"), LIST(), &c), &err,
		"--help wins over what is wrong besides");
	ok(helped, "and is told");
}

int main(void)
{
	test_defaults();
	test_command_line();
	test_environment();
	test_enclaves();
	test_github();
	test_refusals();
	test_refused_variables();
	test_help();
	return tap_done();
}
