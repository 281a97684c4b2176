/*
 * The development root on disk. What it distrusts: other users of the machine
 * (the directory must be ours and closed to them, the key 0600), a second
 * process making a root at the same moment (a lock), and a crash in between
 * (the key is written first; a key alone gets its certificate, a certificate
 * alone is an error, because making another root would silently orphan what was
 * signed under it).
 */
#include "lib/dev_root.h"

#include <sys/file.h>

#include "lib/io.h"
#include "lib/path.h"

#define CERT_NAME "root.pem"
#define KEY_NAME "root-key.pem"
#define LOCK_NAME "lock"
/* A P-384 certificate of ours has about 900 bytes in PEM, a key about 310. */
#define PEM_MAX 4096

#define DAY_MS (24 * 3600 * 1000LL)
/* As AWS's root: thirty years. From yesterday, for clocks that differ. */
#define ROOT_LIFE_MS (30 * 365 * DAY_MS)

/* Ours, and closed to everybody else. */
static int check_private(int fd, const char *what, struct hm_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s", what);
	if (st.st_uid != geteuid())
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s belongs to user %u, not to you", what,
			       (unsigned int)st.st_uid);
	if ((st.st_mode & 077U) != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "%s is open to other users: chmod go-rwx it",
			       what);
	return HM_OK;
}

static int open_dir(const char *path, int *ret_dir, struct hm_err *err)
{
	AUTO_CLOSE int dir = -1;
	int rc = hm_mkdirs(path, 0700, err);

	if (rc != HM_OK)
		return rc;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'", path);
	rc = check_private(dir, "the directory", err);
	if (rc == HM_OK)
		*ret_dir = HM_TAKE_FD(dir);
	return rc;
}

static int take_lock(int dir, int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(dir, LOCK_NAME,
				   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				   0600);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open the lock");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return hm_fail(err, HM_E_SYSTEM, errno, "lock");
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

static int make_key(int dir, struct hm_buf *pem, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	int rc = hm_key_generate(HM_KEY_P384, &key, err);

	if (rc == HM_OK)
		rc = hm_key_private_pem(key, pem, err);
	return rc != HM_OK ? rc :
			     hm_file_write_atomic(dir, KEY_NAME,
						  hm_buf_slice(pem), 0600, err);
}

static int make_cert(int dir, const struct hm_key *key, struct hm_buf *pem,
		     struct hm_err *err)
{
	int64_t from = hm_wall_ms() - DAY_MS;
	const struct hm_cert_request req = {
		.common_name = HM_DEV_ROOT_NAME,
		.organization = "Hallmark",
		.unit = "development",
		.not_before_ms = from,
		.not_after_ms = from + ROOT_LIFE_MS,
		.is_ca = true,
		.path_len = -1,
		.key = key,
		.issuer_key = key,
	};
	AUTO_BUF struct hm_buf der;
	int rc;

	hm_buf_init(&der, PEM_MAX);
	rc = hm_cert_make(&req, &der, err);
	if (rc == HM_OK)
		rc = hm_cert_der_to_pem(hm_buf_slice(&der), pem, err);
	return rc != HM_OK ? rc :
			     hm_file_write_atomic(dir, CERT_NAME,
						  hm_buf_slice(pem), 0644, err);
}

/* True in *ret_found when the file is there and could be read. */
static int read_if_there(int dir, const char *name, bool is_private,
			 struct hm_buf *b, bool *ret_found, struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(dir, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0 && errno == ENOENT) {
		*ret_found = false;
		return HM_OK;
	}
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'", name);
	rc = is_private ? check_private(fd, "'" KEY_NAME "'", err) : HM_OK;
	if (rc == HM_OK)
		rc = hm_file_read(dir, name, b, err);
	if (rc == HM_OK)
		*ret_found = true;
	return rc;
}

int hm_dev_root_check(struct hm_slice cert_pem, const struct hm_key *key,
		      struct hm_buf *der, struct hm_err *err)
{
	AUTO_KEY struct hm_key *in_cert = NULL;
	AUTO_BUF struct hm_buf a, b;
	int rc;

	hm_buf_init(&a, PEM_MAX);
	hm_buf_init(&b, PEM_MAX);
	rc = hm_cert_pem_to_der(cert_pem, der, err);
	if (rc == HM_OK)
		rc = hm_cert_key(hm_buf_slice(der), &in_cert, err);
	if (rc == HM_OK)
		rc = hm_key_spki(in_cert, &a, err);
	if (rc == HM_OK)
		rc = hm_key_spki(key, &b, err);
	if (rc == HM_OK && !hm_slice_eq(hm_buf_slice(&a), hm_buf_slice(&b)))
		return hm_fail(err, HM_E_POLICY, 0,
			       "the key is not the certificate's");
	return rc;
}

static int load(const char *path, struct hm_buf *cert_pem,
		struct hm_buf *key_pem, struct hm_err *err)
{
	AUTO_CLOSE int dir = -1;
	AUTO_CLOSE int lock = -1;
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf der;
	bool has_key, has_cert;
	int rc = open_dir(path, &dir, err);

	hm_buf_init(&der, PEM_MAX);
	if (rc == HM_OK)
		rc = take_lock(dir, &lock, err);
	if (rc == HM_OK)
		rc = read_if_there(dir, KEY_NAME, true, key_pem, &has_key, err);
	if (rc == HM_OK)
		rc = read_if_there(dir, CERT_NAME, false, cert_pem, &has_cert,
				   err);
	if (rc == HM_OK && has_cert && !has_key)
		return hm_fail(err, HM_E_POLICY, 0,
			       "'" CERT_NAME "' is there without its '" KEY_NAME
			       "': restore the key, or remove the certificate to make a new root");
	if (rc == HM_OK && !has_key)
		rc = make_key(dir, key_pem, err);
	if (rc == HM_OK)
		rc = hm_key_from_private_pem(hm_buf_slice(key_pem), &key, err);
	if (rc == HM_OK && !has_cert)
		rc = make_cert(dir, key, cert_pem, err);
	return rc != HM_OK ? rc :
			     hm_dev_root_check(hm_buf_slice(cert_pem), key, &der,
					       err);
}

int hm_dev_root_load(const char *dir, struct hm_buf *cert_pem,
		     struct hm_buf *key_pem, struct hm_err *err)
{
	AUTO_BUF struct hm_buf cert, key;
	int rc;

	HM_BUG_ON(!key_pem->secret);
	hm_buf_init(&cert, PEM_MAX);
	hm_buf_init_secret(&key, PEM_MAX);
	rc = load(dir, &cert, &key, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(cert_pem, hm_buf_slice(&cert), err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(key_pem, hm_buf_slice(&key), err);
	return rc != HM_OK ? hm_err_prefix(err, "development root in '%s'", dir) :
			     HM_OK;
}
