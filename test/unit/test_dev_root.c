/* lib/dev_root: made once, kept closed, shared by racing processes. */
#include "lib/dev_root.h"

#include <sys/wait.h>

#include "lib/path.h"
#include "test/unit/tap.h"

static struct hm_err err;
static char base[] = "/tmp/hm-dev-root.XXXXXX";
static int base_fd = -1;

static int load(const char *name, struct hm_buf *cert, struct hm_buf *key)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", base, name);
	hm_buf_init(cert, 4096);
	hm_buf_init_secret(key, 4096);
	return hm_dev_root_load(path, cert, key, &err);
}

static void test_make_and_load(void)
{
	AUTO_BUF struct hm_buf cert, key, cert2, key2, der;
	struct hm_cert_info info;
	struct stat st;

	hm_buf_init(&der, 4096);
	ok_call(load("a/b", &cert, &key), &err, "a root is made");
	ok_call(load("a/b", &cert2, &key2), &err, "and loaded");
	ok(hm_slice_eq(hm_buf_slice(&cert), hm_buf_slice(&cert2)) &&
		   hm_slice_eq(hm_buf_slice(&key), hm_buf_slice(&key2)),
	   "the same both times");
	ok(fstatat(base_fd, "a/b", &st, 0) == 0 && (st.st_mode & 0777U) == 0700,
	   "its directory is closed");
	ok(fstatat(base_fd, "a/b/root-key.pem", &st, 0) == 0 &&
		   (st.st_mode & 0777U) == 0600, "its key is closed");
	ok_call(hm_cert_pem_to_der(hm_buf_slice(&cert), &der, &err), &err,
		"its certificate");
	ok_call(hm_cert_info(hm_buf_slice(&der), &info, &err), &err, "reads");
	ok(strcmp(info.subject,
		  "CN=hallmark development root: no hardware vouches for this,"
		  "OU=development,O=Hallmark") == 0 &&
		   strcmp(info.subject, info.issuer) == 0,
	   "and says what it is: %s", info.subject);
	ok(info.not_after_ms - info.not_before_ms == 30 * 365 * 86400000LL,
	   "for thirty years");
}

/* Loads into buffers that nobody looks at. */
static int try(const char *name)
{
	AUTO_BUF struct hm_buf cert, key;

	return load(name, &cert, &key);
}

static void test_refusals(void)
{
	ok_call(try("x"), &err, "one root");
	ok(fchmodat(base_fd, "x/root-key.pem", 0640, 0) == 0, "key opened");
	fails(try("x"), &err, HM_E_POLICY,
	      "'root-key.pem' is open to other users", "an open key");
	ok(fchmodat(base_fd, "x/root-key.pem", 0600, 0) == 0 &&
		   fchmodat(base_fd, "x", 0755, 0) == 0, "directory opened");
	fails(try("x"), &err, HM_E_POLICY,
	      "the directory is open to other users", "an open directory");
	ok(fchmodat(base_fd, "x", 0700, 0) == 0 &&
		   renameat(base_fd, "x/root-key.pem", base_fd, "x/away") == 0,
	   "key gone");
	fails(try("x"), &err, HM_E_POLICY, "without its 'root-key.pem'",
	      "a certificate alone");
	ok(symlinkat("away", base_fd, "x/root-key.pem") == 0, "key a link");
	fails(try("x"), &err, HM_E_POLICY, "root-key.pem", "a linked key");
	ok(unlinkat(base_fd, "x/root-key.pem", 0) == 0, "link gone");
	ok_call(try("y"), &err, "another root");
	ok(renameat(base_fd, "y/root-key.pem", base_fd, "x/root-key.pem") == 0,
	   "its key moved over");
	fails(try("x"), &err, HM_E_POLICY, "the key is not the certificate's",
	      "two that do not belong together");
	ok(unlinkat(base_fd, "x/root.pem", 0) == 0, "certificate gone");
	ok_call(try("x"), &err, "a key alone (a crash) gets its certificate");
	ok(hm_file_write_atomic(base_fd, "file", hm_slice("", 0), 0600,
				&err) == HM_OK, "a file");
	fails(try("file"), &err, HM_E_SYSTEM, "development root in",
	      "a file where the directory belongs");
	if (geteuid() != 0) {
		skip("NOT ROOT: another user's directory is not tried");
		return;
	}
	ok(fchownat(base_fd, "x", 1, 1, 0) == 0, "owner changed");
	fails(try("x"), &err, HM_E_POLICY, "belongs to user 1", "not ours");
}

/* Eight processes at once end up with one root. */
static void test_race(void)
{
	AUTO_BUF struct hm_buf cert, key;
	pid_t pids[8];
	int good = 0;

	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			AUTO_BUF struct hm_buf mine, secret;
			char name[16];
			int rc = load("race", &mine, &secret);

			(void)snprintf(name, sizeof(name), "cert-%d", i);
			if (rc == HM_OK)
				rc = hm_file_write_atomic(base_fd, name,
							  hm_buf_slice(&mine),
							  0600, &err);
			hm_buf_release(&secret);
			hm_buf_release(&mine);
			_exit(rc == HM_OK ? 0 : 1);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status = -1;

		good += waitpid(pids[i], &status, 0) == pids[i] && status == 0;
	}
	ok(good == 8, "eight processes load at once");
	ok_call(load("race", &cert, &key), &err, "so do we");
	for (int i = 0; i < 8; i++) {
		AUTO_BUF struct hm_buf theirs;
		char name[16];

		hm_buf_init(&theirs, 4096);
		(void)snprintf(name, sizeof(name), "cert-%d", i);
		ok(hm_file_read(base_fd, name, &theirs, &err) == HM_OK &&
			   hm_slice_eq(hm_buf_slice(&theirs),
				       hm_buf_slice(&cert)),
		   "process %d has the same root", i);
	}
}

int main(void)
{
	struct hm_err ignored;

	if (!mkdtemp(base))
		return 1;
	base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_make_and_load();
	test_refusals();
	test_race();
	ok(hm_tree_remove(AT_FDCWD, base, &ignored) == HM_OK, "cleaned up");
	return tap_done();
}
