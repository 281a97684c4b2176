/*
 * Making and opening a log directory. The private key never leaves DIR/key.pem;
 * what the key has signed is also remembered outside of DIR, because a restored
 * backup brings its own DIR/signed along.
 */
#include "lib/log_dir_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/path.h"

#define KEY_FILE_MAX 4096

const struct hm_note_key *hm_log_dir_key(const struct hm_log_dir *d)
{
	return &d->key;
}

int hm_log_dir_public_fd(const struct hm_log_dir *d)
{
	return d->public_dir;
}

const struct hm_signed_tree *hm_log_dir_head(const struct hm_log_dir *d)
{
	return &d->head;
}

void hm_log_memory_default(char *out)
{
	const char *state = secure_getenv("XDG_STATE_HOME");
	const char *home = secure_getenv("HOME");
	int n = 0;

	out[0] = '\0';
	if (state && state[0] == '/')
		n = snprintf(out, HM_PATH_MAX + 1, "%s/hallmark/logs", state);
	else if (home && home[0] == '/')
		n = snprintf(out, HM_PATH_MAX + 1,
			     "%s/.local/state/hallmark/logs", home);
	if (n > HM_PATH_MAX)
		out[0] = '\0';
}

int hm_log_public_open(const char *path, int *ret_fd, struct hm_err *err)
{
	AUTO_CLOSE int dir = -1;
	AUTO_CLOSE int public_dir = -1;
	int rc = hm_log_open_dir(AT_FDCWD, path, &dir, err);

	if (rc != HM_OK)
		return rc;
	public_dir = openat(dir, "public", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (public_dir < 0 && errno != ENOENT)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s/public'",
			       path);
	*ret_fd = public_dir < 0 ? HM_TAKE_FD(dir) : HM_TAKE_FD(public_dir);
	return HM_OK;
}

static int new_dir(const char *path, struct hm_log_dir **ret_d,
		   struct hm_err *err)
{
	AUTO_LOG_DIR struct hm_log_dir *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return hm_fail(err, HM_E_NOMEM, 0, "log");
	d->dir = d->public_dir = d->tmp_dir = d->memory_dir = -1;
	hm_signed_tree_init(&d->head);
	hm_buf_init(&d->entries, HM_ENTRY_TILE_MAX);
	d->rows = calloc(1, sizeof(*d->rows));
	if (!d->rows)
		return hm_fail(err, HM_E_NOMEM, 0, "log");
	rc = hm_log_open_dir(AT_FDCWD, path, &d->dir, err);
	if (rc != HM_OK)
		return rc;
	*ret_d = HM_TAKE_PTR(d);
	return HM_OK;
}

void hm_log_dir_free(struct hm_log_dir *d)
{
	if (!d)
		return;
	hm_log_drop_tiles(d);
	hm_cleanup_fd(&d->dir);
	hm_cleanup_fd(&d->public_dir);
	hm_cleanup_fd(&d->tmp_dir);
	hm_cleanup_fd(&d->memory_dir);
	hm_note_key_release(&d->key);
	hm_signed_tree_release(&d->head);
	hm_buf_release(&d->entries);
	free(d->rows);
	free(d);
}

void hm_log_dir_cleanup(struct hm_log_dir **d)
{
	hm_log_dir_free(*d);
	*d = NULL;
}

/* public/ and tmp/ (which a backup may leave out), and the memory. */
static int open_parts(struct hm_log_dir *d, const char *memory,
		      struct hm_err *err)
{
	int rc;

	if ((mkdirat(d->dir, "public", 0755) < 0 && errno != EEXIST) ||
	    (mkdirat(d->dir, "tmp", 0700) < 0 && errno != EEXIST))
		return hm_fail(err, HM_E_SYSTEM, errno, "make directory");
	rc = hm_log_open_dir(d->dir, "public", &d->public_dir, err);
	if (rc == HM_OK)
		rc = hm_log_open_dir(d->dir, "tmp", &d->tmp_dir, err);
	if (rc != HM_OK || memory[0] == '\0')
		return rc;
	hm_hex(d->key.id, HM_SHA256_LEN, d->memory_name);
	if (faccessat(AT_FDCWD, memory, F_OK, 0) < 0)
		rc = hm_mkdirs_durable(memory, 0700, err);
	if (rc == HM_OK)
		rc = hm_log_open_dir(AT_FDCWD, memory, &d->memory_dir, err);
	return rc == HM_OK ? rc :
			     hm_err_prefix(err, "memory of signed trees");
}

/* --- making ---------------------------------------------------------------- */

static int read_private(struct hm_log_dir *d, struct hm_key **ret_key,
			struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem;
	int rc;

	hm_buf_init_secret(&pem, KEY_FILE_MAX);
	rc = hm_file_read(d->dir, "key.pem", &pem, err);
	if (rc == HM_OK)
		rc = hm_key_from_private_pem(hm_buf_slice(&pem), ret_key, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "key.pem");
}

static int write_private(struct hm_log_dir *d, const struct hm_key *key,
			 struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem;
	int rc;

	hm_buf_init_secret(&pem, KEY_FILE_MAX);
	rc = hm_key_private_pem(key, &pem, err);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(d->dir, "key.pem", hm_buf_slice(&pem),
					  0600, err);
	return rc;
}

/* The given key, or that of an interrupted init, or a new one. */
static int choose_key(struct hm_log_dir *d, struct hm_key **key,
		      struct hm_err *err)
{
	bool there = faccessat(d->dir, "key.pem", F_OK, 0) == 0;
	int rc = HM_OK;

	if (!*key && there)
		return read_private(d, key, err);
	if (*key && there)
		return hm_fail(err, HM_E_POLICY, 0,
			       "key.pem exists already; remove it to use another key");
	if (!*key)
		rc = hm_key_generate(HM_KEY_ED25519, key, err);
	if (rc == HM_OK && hm_key_kind(*key) != HM_KEY_ED25519)
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "a log's key must be Ed25519");
	if (rc == HM_OK)
		rc = write_private(d, *key, err);
	return rc;
}

static int check_unused(struct hm_log_dir *d, struct hm_err *err)
{
	AUTO_SIGNED_TREE struct hm_signed_tree tree;
	bool found = false;
	int rc;

	hm_signed_tree_init(&tree);
	rc = hm_log_read_signed(d, d->memory_dir, d->memory_name, &tree, &found,
				err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "memory of signed trees");
	if (found && tree.size != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "this key has signed a log of %llu entries; a "
			       "new one would be a fork",
			       (unsigned long long)tree.size);
	return HM_OK;
}

static int publish_empty(struct hm_log_dir *d, struct hm_err *err)
{
	AUTO_SIGNED_TREE struct hm_signed_tree tree;
	AUTO_BUF struct hm_buf vkey;
	int rc;

	hm_signed_tree_init(&tree);
	hm_buf_init(&vkey, KEY_FILE_MAX);
	rc = hm_log_sign_rows(d, &tree, err);
	if (rc == HM_OK)
		rc = hm_log_commit(d, hm_buf_slice(&tree.note), err);
	if (rc == HM_OK)
		rc = hm_note_vkey_write(&d->key, &vkey, err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(&vkey, "\n", err);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(d->dir, "log.vkey",
					  hm_buf_slice(&vkey), 0644, err);
	return rc;
}

static int create_locked(struct hm_log_dir *d, struct hm_slice origin,
			 struct hm_key **key, const char *memory,
			 struct hm_err *err)
{
	int rc;

	if (faccessat(d->dir, "log.vkey", F_OK, 0) == 0)
		return hm_fail(err, HM_E_POLICY, 0, "there is a log already");
	rc = choose_key(d, key, err);
	if (rc == HM_OK)
		rc = hm_note_key_init(&d->key, origin, false,
				      HM_TAKE_PTR(*key), err);
	if (rc == HM_OK)
		rc = open_parts(d, memory, err);
	if (rc == HM_OK)
		rc = check_unused(d, err);
	if (rc == HM_OK)
		rc = publish_empty(d, err);
	return rc;
}

int hm_log_dir_create(const char *path, struct hm_slice origin,
		      struct hm_key *key_taken, const char *memory,
		      struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = key_taken;
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	AUTO_CLOSE int lock = -1;
	int rc = hm_log_origin_check(origin, err);

	if (rc == HM_OK)
		rc = hm_mkdirs_durable(path, 0755, err);
	if (rc == HM_OK && memory[0] != '\0')
		rc = hm_mkdirs_durable(memory, 0700, err);
	if (rc == HM_OK)
		rc = new_dir(path, &d, err);
	if (rc == HM_OK)
		rc = hm_log_lock(d, hm_deadline_in(0), &lock, err);
	if (rc == HM_OK)
		rc = create_locked(d, origin, &key, memory, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "log '%s'", path);
}

/* --- opening ---------------------------------------------------------------- */

static int read_keys(struct hm_log_dir *d, struct hm_err *err)
{
	AUTO_NOTE_KEY struct hm_note_key vkey = {.key = NULL};
	AUTO_BUF struct hm_buf text;
	struct hm_key *key = NULL;
	int rc;

	hm_buf_init(&text, KEY_FILE_MAX);
	rc = hm_file_read(d->dir, "log.vkey", &text, err);
	if (rc == HM_OK)
		rc = hm_note_vkey_parse(hm_buf_slice(&text), &vkey, err);
	if (rc == HM_OK)
		rc = read_private(d, &key, err);
	if (rc == HM_OK)
		rc = hm_note_key_init(&d->key, hm_slice_str(vkey.name), false,
				      key, err);
	if (rc != HM_OK)
		return rc;
	if (memcmp(d->key.id, vkey.id, HM_SHA256_LEN) != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "key.pem is not the key of log.vkey");
	return HM_OK;
}

int hm_log_dir_open(const char *path, const char *memory,
		    struct hm_log_dir **ret_d, struct hm_err *err)
{
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	int rc = new_dir(path, &d, err);

	if (rc == HM_OK)
		rc = read_keys(d, err);
	if (rc == HM_OK)
		rc = open_parts(d, memory, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "log '%s'", path);
	*ret_d = HM_TAKE_PTR(d);
	return HM_OK;
}
