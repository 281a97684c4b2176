/*
 * Collecting outputs from a tree that wants to be misread: patterns, order,
 * links, mounts, special files, names, sizes. Every refusal names the file.
 */
#include "test/unit/tap.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "enclave-worker/artifacts.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/path.h"

static char tmp_name[] = "/tmp/hm-artifacts-XXXXXX";
static int tmp_fd = -1;

static int new_root(const char *name)
{
	int fd;

	if (mkdirat(tmp_fd, name, 0755) < 0 ||
	    (fd = openat(tmp_fd, name, O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

/* Makes the directories of path, then the file. */
static void put(int root, const char *path, mode_t mode, const char *data)
{
	char copy[1024];
	AUTO_CLOSE int fd = -1;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		if (mkdirat(root, copy, 0755) < 0 && errno != EEXIST)
			exit(1);
		*p = '/';
	}
	fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, strlen(data)) != (ssize_t)strlen(data) ||
	    fchmod(fd, mode) < 0) {
		perror(path);
		exit(1);
	}
}

static const struct hm_artifacts_limits plenty = {1ULL << 40, HM_ARTIFACTS_MAX};

static int collect(int root, const char *pattern, struct hm_artifacts *a,
		   struct hm_err *err)
{
	hm_artifacts_release(a);
	return hm_artifacts_collect(root, &pattern, 1, &plenty, a, err);
}

/* The names as one string, blanks between. */
static const char *names_of(const struct hm_artifacts *a)
{
	static char out[4096];

	out[0] = 0;
	for (size_t i = 0; i < a->count; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s",
			 i > 0 ? " " : "", a->items[i].name);
	return out;
}

static void refused(int root, const char *pattern, enum hm_code code,
		    const char *message, const char *what)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	struct hm_err err;

	fails(collect(root, pattern, &a, &err), &err, code, message,
	      "refused: %s", what);
}

static void test_patterns(void)
{
	static const struct {
		const char *pattern, *want;
	} cases[] = {
		{"hello", "hello"},
		{"target/debug/app", "target/debug/app"},
		{"target", "target/debug/app target/debug/app.d "
			   "target/release/app target/release/deps/libx.a"},
		{"target/*/app", "target/debug/app target/release/app"},
		{"target/d*/app*", "target/debug/app target/debug/app.d"},
		{"target/*/app.?", "target/debug/app.d"},
		{"target/[a-e]*/app", "target/debug/app"},
		{"target/[!a-e]*/app", "target/release/app"},
		{"**/app", "target/debug/app target/release/app"},
		{"**/**/app", "target/debug/app target/release/app"},
		{"**/libx.a", "target/release/deps/libx.a"},
		{"target/**/libx.a", "target/release/deps/libx.a"},
		{"target/release/**", "target/release/app "
				      "target/release/deps/libx.a"},
		{"**/deps", "target/release/deps/libx.a"},
		{"**/release/**/libx.a", "target/release/deps/libx.a"},
		{"h*", "hello"},
		{"pages/[id].js", "pages/[id].js pages/i.js"},
		{"pages/[[]id].js", "pages/[id].js"},
		{"site", "site/.well-known/x site/a"},
		{"site/*", "site/a"},
		{"site/.*", "site/.well-known/x"},
		{"**/x", "x"},
		{"*", "hello pages/[id].js pages/i.js site/.well-known/x site/a "
		      "target/debug/app target/debug/app.d target/release/app "
		      "target/release/deps/libx.a x"},
	};
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	AUTO_CLOSE int root = new_root("patterns");
	struct hm_err err;

	put(root, "hello", 0755, "hi\n");
	put(root, "x", 0644, "");
	put(root, "target/debug/app", 0755, "1");
	put(root, "target/debug/app.d", 0644, "2");
	put(root, "target/release/app", 0700, "3");
	put(root, "target/release/deps/libx.a", 0600, "4");
	put(root, "pages/[id].js", 0644, "5");
	put(root, "pages/i.js", 0644, "6");
	put(root, "site/.well-known/x", 0644, "7");
	put(root, "site/a", 0644, "8");
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		int rc = collect(root, cases[i].pattern, &a, &err);

		ok(rc == HM_OK && strcmp(names_of(&a), cases[i].want) == 0,
		   "'%s' is %s", cases[i].pattern, cases[i].want);
		if (rc < 0)
			printf("# %s\n", err.msg);
		else if (strcmp(names_of(&a), cases[i].want) != 0)
			printf("# got %s\n", names_of(&a));
	}
}

static void test_facts(void)
{
	static const char *const overlapping[] = {"b", "**/f", "b/f", "a", "b"};
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	AUTO_CLOSE int root = new_root("facts");
	char hex[65];
	struct hm_err err;

	put(root, "b/f", 0711, "abc");
	put(root, "a", 0640, "");
	ok_call(hm_artifacts_collect(root, overlapping, 5, &plenty, &a, &err),
		&err, "patterns that overlap");
	ok(strcmp(names_of(&a), "a b/f") == 0, "give each file once, in order");
	ok(a.items[0].mode == 0644 && a.items[1].mode == 0755,
	   "mode is 0755 when anybody may execute it, else 0644");
	hm_hex(a.items[1].sha256, 32, hex);
	ok(a.items[1].size == 3 &&
	   strcmp(hex, "ba7816bf8f01cfea414140de5dae2223"
		       "b00361a396177a9cb410ff61f20015ad") == 0,
	   "size and SHA-256");
}

static void test_order(void)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0}, b = {.count = 0};
	AUTO_CLOSE int one = new_root("order1"), two = new_root("order2");
	uint8_t da[HM_SHA256_LEN], db[HM_SHA256_LEN];
	char name[32];
	struct hm_err err;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i % 7, i);
		put(one, name, 0644, name);
		snprintf(name, sizeof(name), "d%d/f%d", (299 - i) % 7, 299 - i);
		put(two, name, 0644, name);
	}
	ok(collect(one, "**", &a, &err) == HM_OK &&
	   collect(two, "**", &b, &err) == HM_OK && a.count == 300 &&
	   hm_artifacts_digest(&a, da, &err) == HM_OK &&
	   hm_artifacts_digest(&b, db, &err) == HM_OK &&
	   memcmp(da, db, sizeof(da)) == 0,
	   "300 files made in two orders have the same digest");
}

static void test_no_match(void)
{
	AUTO_CLOSE int root = new_root("nomatch");

	put(root, "target/debug/rust-project", 0755, "x");
	put(root, "target/debug/build/y", 0644, "x");
	put(root, "target/debug/.fingerprint", 0644, "x");
	mkdirat(root, "empty", 0755);
	refused(root, "target/debug/rust-projct", HM_E_POLICY,
		"output.files: nothing matches 'target/debug/rust-projct'; "
		"did you mean 'target/debug/rust-project'?", "a typing error");
	refused(root, "target/release/rust-project", HM_E_POLICY,
		"nothing matches 'target/release/rust-project'; 'target' holds "
		"'debug'", "another directory");
	refused(root, "target/debug/*.so", HM_E_POLICY,
		"nothing matches 'target/debug/*.so'; 'target/debug' holds "
		"'.fingerprint', 'build', 'rust-project'", "a glob");
	refused(root, "taget/debug/x", HM_E_POLICY, "did you mean 'target'?",
		"a typing error at the start");
	refused(root, "zzzzzz", HM_E_POLICY, "the source root holds 'empty', "
		"'target'", "nothing like it");
	refused(root, "target/debug/rust-project/x", HM_E_POLICY,
		"'target/debug/rust-project' is not a directory",
		"a file as a directory");
	refused(root, "empty", HM_E_POLICY,
		"output.files: 'empty' holds no file", "an empty directory");
	refused(root, "empty/x", HM_E_POLICY, "'empty' is empty",
		"in an empty directory");
	refused(root, "empty/**", HM_E_POLICY, "'empty/**' holds no file",
		"an empty tree");
	refused(root, "../nomatch/target", HM_E_POLICY, "output.files: ",
		"a pattern that leaves the root");
	refused(root, "/etc/passwd", HM_E_POLICY, "absolute path",
		"an absolute pattern");
}

static void test_links(void)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	AUTO_CLOSE int root = new_root("links");
	AUTO_CLOSE int outside = new_root("links-outside");
	struct hm_err err;

	put(outside, "secret", 0644, "s");
	put(root, "v1/out", 0644, "x");
	put(root, "lib/real", 0644, "x");
	if (symlinkat("/etc/passwd", root, "passwd") < 0 ||
	    symlinkat("v1", root, "latest") < 0 ||
	    symlinkat("real", root, "lib/alias") < 0 ||
	    symlinkat("nowhere", root, "lib2") < 0)
		exit(1);
	refused(root, "passwd", HM_E_POLICY,
		"output 'passwd' is a symbolic link; copy what it points to",
		"a link out of the tree");
	refused(root, "latest", HM_E_POLICY, "output 'latest' is a symbolic",
		"a link to a directory");
	refused(root, "latest/out", HM_E_POLICY, "output 'latest' is a symbolic",
		"a link on the way");
	refused(root, "lib", HM_E_POLICY, "output 'lib/alias' is a symbolic",
		"a link inside a directory");
	refused(root, "lib/a*", HM_E_POLICY, "output 'lib/alias' is a symbolic",
		"a link that a glob matches");
	refused(root, "lib2", HM_E_POLICY, "output 'lib2' is a symbolic",
		"a broken link");
	ok(collect(root, "*/out", &a, &err) == HM_OK &&
	   strcmp(names_of(&a), "v1/out") == 0,
	   "a wildcard does not go through a link");
	ok(collect(root, "**/real", &a, &err) == HM_OK &&
	   strcmp(names_of(&a), "lib/real") == 0,
	   "nor does a double star, and links beside it do no harm");

	if (linkat(root, "v1/out", root, "v1/deps-out", 0) < 0 ||
	    linkat(outside, "secret", root, "stolen", 0) < 0 ||
	    linkat(outside, "secret", root, "stolen2", 0) < 0)
		exit(1);
	ok(collect(root, "v1/out", &a, &err) == HM_OK && a.count == 1,
	   "a second name inside the tree is ordinary (cargo makes one)");
	ok(collect(root, "v1", &a, &err) == HM_OK && a.count == 2,
	   "so are both names");
	refused(root, "stolen", HM_E_POLICY,
		"output 'stolen' is a hard link to a file outside the build "
		"directory", "a hard link to the outside");
	refused(root, "stolen*", HM_E_POLICY, "'stolen' is a hard link",
		"both of them");
}

static void test_special(void)
{
	AUTO_CLOSE int root = new_root("special");
	AUTO_CLOSE int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/special/socket",
		 tmp_name);
	if (mkfifoat(root, "fifo", 0644) < 0 ||
	    bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		exit(1);
	refused(root, "fifo", HM_E_POLICY, "output 'fifo' is a FIFO", "a FIFO");
	refused(root, "socket", HM_E_POLICY, "output 'socket' is a socket",
		"a socket");
	if (mknodat(root, "null", S_IFCHR | 0666, makedev(1, 3)) == 0)
		refused(root, "null", HM_E_POLICY, "output 'null' is a device",
			"a device");
	else
		skip("no device can be made here");
	put(root, "su", 04755, "x");
	put(root, "sg", 02755, "x");
	put(root, "sticky", 01755, "x");
	refused(root, "su", HM_E_POLICY, "output 'su' has mode 4755",
		"set-user-ID");
	refused(root, "sg", HM_E_POLICY, "output 'sg' has mode 2755",
		"set-group-ID");
	refused(root, "sticky", HM_E_POLICY, "output 'sticky' has mode 1755",
		"a sticky file");
}

static void test_names(void)
{
	AUTO_CLOSE int root = new_root("names");

	put(root, "c/a\x1b[2Jb", 0644, "x");
	put(root, "n/a\nb", 0644, "x");
	put(root, "u/caf\xe9", 0644, "x");
	put(root, "d/caf\xe9/x", 0644, "x");
	put(root, "attestation/nitro.cbor", 0644, "x");
	refused(root, "c", HM_E_POLICY, "output 'c/a\\x1b[2Jb': the name is not",
		"a terminal escape in a name");
	refused(root, "n", HM_E_POLICY, "output 'n/a\\x0ab': the name is not",
		"a newline in a name");
	refused(root, "u", HM_E_POLICY, "output 'u/caf\\xe9': the name is not",
		"a name that is not UTF-8");
	refused(root, "d/**", HM_E_POLICY, "output 'd/caf\\xe9/x': the name",
		"a directory that is not UTF-8");
	refused(root, "attestation/nitro.cbor", HM_E_POLICY,
		"'attestation' is where the evidence goes", "our own names");
	refused(root, "attest*", HM_E_POLICY, "is where the evidence goes",
		"our own names by a glob");
}

static void test_limits(void)
{
	static const char *const both[] = {"a", "b"};
	const struct hm_artifacts_limits bytes = {6, 10}, files = {100, 1};
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	AUTO_CLOSE int root = new_root("limits"), fd = -1;
	struct hm_err err;

	put(root, "a", 0644, "1234");
	put(root, "b", 0644, "567");
	fails(hm_artifacts_collect(root, both, 2, &bytes, &a, &err), &err,
	      HM_E_TOO_LARGE, "output 'b': the outputs are too large together",
	      "7 bytes where 6 are allowed");
	fails(hm_artifacts_collect(root, both, 2, &files, &a, &err), &err,
	      HM_E_TOO_LARGE, "output.files: more than 1 files",
	      "two files where one is allowed");
	fd = openat(root, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, 1LL << 42) < 0) {
		skip("no sparse file of 4 TiB on this file system");
		return;
	}
	refused(root, "sparse", HM_E_TOO_LARGE, "output 'sparse': the outputs",
		"4 TiB of nothing, before they are read");
}

static void test_deep(void)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	AUTO_CLOSE int root = new_root("deep");
	int at = dup(root);
	struct hm_err err;

	for (int i = 0; i < 2100; i++) {
		int next;

		if (mkdirat(at, "d", 0755) < 0 ||
		    (next = openat(at, "d", O_DIRECTORY | O_CLOEXEC)) < 0)
			exit(1);
		if (i == 1000)
			put(next, "f", 0644, "x");
		close(at);
		at = next;
	}
	close(at);
	refused(root, "**/f", HM_E_TOO_LARGE, "a path of more than 4095 bytes",
		"2100 directories in each other");
	put(root, "d/g", 0644, "x");
	ok(collect(root, "d/g", &a, &err) == HM_OK,
	   "which do not matter to a pattern that does not go there");
	refused(root, "a/b/c/d/e/f/g/h/a/b/c/d/e/f/g/h/a/b/c/d/e/f/g/h/a/b/c/d/"
		      "e/f/g/h/a/b/c/d/e/f/g/h/a/b/c/d/e/f/g/h/a/b/c/d/e/f/g/h/"
		      "a/b/c/d/e/f/g/h", HM_E_POLICY, "is more than 63",
		"a pattern of 64 directories");
}

/* 3.8 KB of path each: a statement is full long before 100,000 files. */
static void test_long_names(void)
{
	AUTO_CLOSE int root = new_root("long");
	char name[256];
	int at = dup(root);

	memset(name, 'n', 254);
	name[254] = 0;
	for (int i = 0; i < 15; i++) {
		int next;

		if (mkdirat(at, name, 0755) < 0 ||
		    (next = openat(at, name, O_DIRECTORY | O_CLOEXEC)) < 0)
			exit(1);
		close(at);
		at = next;
	}
	for (int i = 0; i < 4200; i++) {
		snprintf(name, sizeof(name), "%d", i);
		put(at, name, 0644, "");
	}
	close(at);
	refused(root, "**", HM_E_TOO_LARGE,
		"output.files: 4200 files are more than a statement can hold",
		"4200 very long names");
}

/* Patterns that make naive matchers take exponential time. */
static void test_hard_patterns(void)
{
	AUTO_ARTIFACTS struct hm_artifacts a = {.count = 0};
	AUTO_CLOSE int root = new_root("hard");
	char name[256], path[512];
	int64_t start = hm_now_ms();
	struct hm_err err;

	memset(name, 'a', 200);
	name[200] = 0;
	put(root, name, 0644, "x");
	for (size_t i = 0; i < 200; i++)
		memcpy(path + 2 * i, "d/", 2);
	memcpy(path + 400, "y", 2);
	put(root, path, 0644, "x");
	fails(collect(root, "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", &a, &err),
	      &err, HM_E_POLICY, "nothing matches", "many stars in a name");
	fails(collect(root, "**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/x", &a,
		      &err), &err, HM_E_POLICY, "nothing matches",
	      "many double stars in a path");
	ok(hm_now_ms() - start < 2000, "take %lld ms",
	   (long long)(hm_now_ms() - start));
}

static void test_mounts(void)
{
	AUTO_CLOSE int root = new_root("mounts");
	struct hm_err err;
	char path[128];

	put(root, "m/x", 0644, "x");
	put(root, "f", 0644, "x");
	snprintf(path, sizeof(path), "%s/mounts/m", tmp_name);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", path, "tmpfs", 0, NULL) < 0) {
		skip("this user may not mount");
		skip("this user may not mount");
		return;
	}
	/* An fd from before belongs to the old namespace. */
	close(root);
	snprintf(path, sizeof(path), "%s/mounts", tmp_name);
	root = open(path, O_DIRECTORY | O_CLOEXEC);
	put(root, "m/x", 0644, "y");
	refused(root, "m", HM_E_POLICY, "'m' is a mount point",
		"a directory with something mounted over it");
	snprintf(path, sizeof(path), "%s/mounts/f", tmp_name);
	if (mount("/etc/hostname", path, NULL, MS_BIND, NULL) < 0) {
		skip("no bind mount of a file");
		return;
	}
	refused(root, "f", HM_E_POLICY,
		"output 'f' is behind a link or a mount",
		"a file with another bound over it");
	ok(hm_tree_remove(tmp_fd, "mounts", &err) == HM_E_SYSTEM &&
	   err.sys_errno == EBUSY && faccessat(root, "m/x", F_OK, 0) == 0,
	   "removing a tree stops at a mount, and what is mounted stays");
	umount2(path, MNT_DETACH);
	snprintf(path, sizeof(path), "%s/mounts/m", tmp_name);
	umount2(path, MNT_DETACH);
}

int main(void)
{
	struct hm_err err;

	if (!mkdtemp(tmp_name) ||
	    (tmp_fd = open(tmp_name, O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror(tmp_name);
		return 1;
	}
	test_patterns();
	test_facts();
	test_order();
	test_no_match();
	test_links();
	test_special();
	test_names();
	test_limits();
	test_deep();
	test_long_names();
	test_hard_patterns();
	test_mounts();
	ok_call(hm_tree_remove(AT_FDCWD, tmp_name, &err), &err, "cleaned up");
	return tap_done();
}
