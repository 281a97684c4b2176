/*
 * Theory of operation. The directory is ours, but crashes, full disks, restored
 * backups and a second writer are expected at any point.
 *
 * Should: write every file under tmp/ first, fsync it, rename it into place and
 * fsync every directory that got a new name, before DIR/signed is replaced.
 * Mustn't: sign a tree before its tiles are on disk; sign anything when the
 * tiles do not carry the newest tree that is remembered; change a tile that a
 * signed tree needs (a tile beyond the signed size may be left by a crash and
 * is replaced); trust DIR/signed alone, since it travels with the directory.
 */
#include "lib/log_dir_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/num.h"
#include "lib/path.h"

static int load_tail(struct hm_log_dir *d, struct hm_tiles *t,
		     struct hm_err *err)
{
	uint64_t n = t->size / HM_TILE_WIDTH;
	struct hm_slice rest, entry;
	struct hm_hash leaf;
	int rc = hm_tile_rows_load(d->rows, t, err);

	d->entries.len = 0;
	if (rc != HM_OK || t->size % HM_TILE_WIDTH == 0)
		return rc;
	rc = hm_tiles_read(t, HM_TILE_ENTRIES, n, &d->entries, err);
	if (rc != HM_OK)
		return rc;
	/* A full tile beyond the signed tree may stand for the partial one. */
	rest = hm_buf_slice(&d->entries);
	for (uint64_t i = 0; i < t->size % HM_TILE_WIDTH; i++) {
		rc = hm_tiles_next_entry(&rest, &entry, err);
		if (rc == HM_OK)
			rc = hm_merkle_leaf_hash(entry, &leaf, err);
		if (rc == HM_OK && !hm_hash_equal(&leaf, &d->rows->tail[0][i]))
			rc = hm_fail(err, HM_E_FORMAT, 0,
				     "the last entries are not those of the tree");
		if (rc != HM_OK)
			return rc;
	}
	d->entries.len -= rest.len;
	return HM_OK;
}

/* The tiles carry the newest tree, whose root is signed. */
static int load_tiles(struct hm_log_dir *d, struct hm_tiles *t,
		      const struct hm_signed_tree *newest, struct hm_err *err)
{
	struct hm_hash root;
	int rc = load_tail(d, t, err);

	if (rc == HM_OK)
		rc = hm_tile_rows_root(d->rows, &root, err);
	if (rc == HM_OK && !hm_hash_equal(&root, &newest->root))
		rc = hm_fail(err, HM_E_FORMAT, 0, "another root");
	if (rc == HM_OK || rc == HM_E_NOMEM || rc == HM_E_SYSTEM)
		return rc;
	(void)hm_err_prefix(err, "log was rolled back or damaged: its key has "
			    "signed %llu entries, which its tiles do not hold",
			    (unsigned long long)newest->size);
	err->code = HM_E_POLICY;
	return HM_E_POLICY;
}

/*
 * Partial tiles are not needed once the full one is published: those of the
 * tiles that have become full since this size, and of the last full tile of
 * each row, where a crash may have left some. Failing costs space only.
 */
static void drop_partials(struct hm_log_dir *d, uint64_t since)
{
	for (unsigned int i = 0; i <= HM_TILE_LEVELS; i++) {
		unsigned int level = i == HM_TILE_LEVELS ? HM_TILE_ENTRIES : i;
		unsigned int shift = i == HM_TILE_LEVELS ? 0 : 8 * level;
		uint64_t full = (d->head.size >> shift) / HM_TILE_WIDTH;
		uint64_t n[2] = {(since >> shift) / HM_TILE_WIDTH, full - 1};
		char path[HM_TILE_PATH_MAX + 2];
		struct hm_err ignored;

		for (size_t k = 0; full != 0 && k < 2; k++) {
			if (n[k] >= full)
				continue;
			hm_tile_path(level, n[k], HM_TILE_WIDTH, path);
			memcpy(path + strlen(path), ".p", 3);
			if (hm_tree_remove(d->public_dir, path, &ignored) !=
			    HM_OK)
				return;
		}
	}
}

enum place_kind { AT_DIR, AT_PUBLIC, AT_MEMORY, PLACES };

struct heads {	/* the same log as three places remember it */
	struct hm_signed_tree trees[PLACES];
	bool found[PLACES];
	size_t newest;
};

static int compare_heads(struct hm_log_dir *d, struct heads *h,
			 struct hm_tiles *t, struct hm_err *err)
{
	const struct hm_signed_tree *newest = &h->trees[h->newest];
	bool behind = false;
	int rc;

	hm_tiles_init(t, d->public_dir, newest->size);
	rc = load_tiles(d, t, newest, err);
	for (size_t i = 0; rc == HM_OK && i < PLACES; i++) {
		if (i == AT_MEMORY && d->memory_dir < 0)
			continue;
		behind = behind || !h->found[i] ||
			 h->trees[i].size != newest->size;
		if (!h->found[i])
			continue;
		rc = hm_tiles_consistent(t, &h->trees[i], newest, err);
		if (rc == HM_E_CRYPTO) {
			(void)hm_err_prefix(err, "log is forked: its key has "
					    "signed another tree of %llu entries",
					    (unsigned long long)h->trees[i].size);
			rc = err->code = HM_E_POLICY;
		}
	}
	if (rc == HM_OK && behind)
		rc = hm_log_commit(d, hm_buf_slice(&newest->note), err);
	return rc;
}

static int read_heads(struct hm_log_dir *d, struct heads *h, struct hm_err *err)
{
	const struct {
		int dir;
		const char *name;
	} places[PLACES] = {
		[AT_DIR] = {d->dir, "signed"},
		[AT_PUBLIC] = {d->public_dir, "checkpoint"},
		[AT_MEMORY] = {d->memory_dir, d->memory_name},
	};

	for (size_t i = 0; i < PLACES; i++) {
		int rc = hm_log_read_signed(d, places[i].dir, places[i].name,
				     &h->trees[i], &h->found[i], err);

		if (rc != HM_OK)
			return rc;
		if (h->found[i] && (!h->found[h->newest] ||
				    h->trees[i].size > h->trees[h->newest].size))
			h->newest = i;
	}
	if (!h->found[h->newest])
		return hm_fail(err, HM_E_FORMAT, 0,
			       "'signed' and 'checkpoint' are missing");
	return HM_OK;
}

/* With the lock held: head, rows and entries are those of the newest tree. */
static int recover(struct hm_log_dir *d, struct hm_err *err)
{
	AUTO_FREE struct hm_tiles *t = malloc(sizeof(*t));
	struct heads h = {.newest = 0};
	int rc;

	if (!t)
		return hm_fail(err, HM_E_NOMEM, 0, "log");
	d->loaded = false;
	hm_log_drop_tiles(d);
	for (size_t i = 0; i < PLACES; i++)
		hm_signed_tree_init(&h.trees[i]);
	rc = read_heads(d, &h, err);
	if (rc == HM_OK)
		rc = compare_heads(d, &h, t, err);
	if (rc == HM_OK) {
		hm_signed_tree_release(&d->head);
		d->head = h.trees[h.newest];
		hm_signed_tree_init(&h.trees[h.newest]);	/* transferred */
		d->loaded = true;
		drop_partials(d, d->head.size);
	}
	for (size_t i = 0; i < PLACES; i++)
		hm_signed_tree_release(&h.trees[i]);
	return rc;
}

/* As recover(), but nothing is read again when nobody else has written. */
static int catch_up(struct hm_log_dir *d, struct hm_err *err)
{
	AUTO_BUF struct hm_buf note;

	hm_buf_init(&note, HM_NOTE_MAX);
	if (d->loaded && hm_file_read(d->dir, "signed", &note, err) == HM_OK &&
	    hm_slice_eq(hm_buf_slice(&note), hm_buf_slice(&d->head.note)))
		return HM_OK;
	return recover(d, err);
}

/* --- appending ------------------------------------------------------------- */

static int write_tile(void *ctx, unsigned int level, uint64_t n,
		      unsigned int width, const struct hm_hash *hashes,
		      struct hm_err *err)
{
	char path[HM_TILE_PATH_MAX];

	hm_tile_path(level, n, width, path);
	return hm_log_place(ctx, path, hm_slice(hashes, width * sizeof(*hashes)), err);
}

static int write_entries(struct hm_log_dir *d, uint64_t n, unsigned int width,
			 struct hm_err *err)
{
	char path[HM_TILE_PATH_MAX];

	hm_tile_path(HM_TILE_ENTRIES, n, width, path);
	return hm_log_place(d, path, hm_buf_slice(&d->entries), err);
}

static int add_entry(struct hm_log_dir *d, struct hm_slice entry,
		     struct hm_err *err)
{
	struct hm_hash leaf;
	uint8_t len[2];
	int rc;

	if (entry.len == 0 || entry.len > HM_LEAF_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "entry of %zu bytes; 1 to %d are possible",
			       entry.len, HM_LEAF_MAX);
	hm_put_u16be(len, (uint16_t)entry.len);
	rc = hm_buf_add(&d->entries, len, sizeof(len), err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(&d->entries, entry, err);
	if (rc == HM_OK)
		rc = hm_merkle_leaf_hash(entry, &leaf, err);
	if (rc == HM_OK)
		rc = hm_tile_rows_add(d->rows, &leaf, write_tile, d, err);
	if (rc == HM_OK && d->rows->size % HM_TILE_WIDTH == 0) {
		rc = write_entries(d, d->rows->size / HM_TILE_WIDTH - 1,
				   HM_TILE_WIDTH, err);
		d->entries.len = 0;
	}
	return rc;
}

/* All tiles of the grown tree; hm_log_commit() syncs them before it decides. */
static int write_tiles(struct hm_log_dir *d, const struct hm_slice *entries,
		       size_t count, struct hm_err *err)
{
	uint64_t since = d->rows->size;
	unsigned int width;
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < count; i++)
		rc = add_entry(d, entries[i], err);
	width = (unsigned int)(d->rows->size % HM_TILE_WIDTH);
	if (rc == HM_OK && width != 0)
		rc = write_entries(d, d->rows->size / HM_TILE_WIDTH, width,
				   err);
	if (rc == HM_OK)
		rc = hm_tile_rows_partial(d->rows, since, write_tile, d, err);
	return rc;
}

int hm_log_sign_rows(struct hm_log_dir *d, struct hm_signed_tree *ret_s,
		     struct hm_err *err)
{
	struct hm_slice origin = hm_slice_str(d->key.name);
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_buf_init(&text, HM_NOTE_MAX);
	ret_s->size = d->rows->size;
	rc = hm_tile_rows_root(d->rows, &ret_s->root, err);
	if (rc == HM_OK)
		rc = hm_checkpoint_write(origin, ret_s->size, &ret_s->root,
					 &text, err);
	if (rc == HM_OK)
		rc = hm_note_sign(hm_buf_slice(&text), &d->key, &ret_s->note,
				  err);
	return rc;
}

static int append_locked(struct hm_log_dir *d, const struct hm_slice *entries,
			 size_t count, uint64_t *ret_first, struct hm_err *err)
{
	AUTO_SIGNED_TREE struct hm_signed_tree tree;
	uint64_t first;
	int rc = catch_up(d, err);

	hm_signed_tree_init(&tree);
	if (rc != HM_OK)
		return rc;
	first = d->rows->size;
	d->loaded = false;	/* until it is done */
	rc = write_tiles(d, entries, count, err);
	if (rc == HM_OK)
		rc = hm_log_sign_rows(d, &tree, err);
	if (rc == HM_OK)
		rc = hm_log_commit(d, hm_buf_slice(&tree.note), err);
	if (rc != HM_OK)
		return rc;
	hm_signed_tree_release(&d->head);
	d->head = tree;
	hm_signed_tree_init(&tree);	/* transferred */
	d->loaded = true;
	drop_partials(d, first);
	*ret_first = first;
	return HM_OK;
}

int hm_log_dir_refresh(struct hm_log_dir *d, hm_deadline_t deadline,
		       struct hm_err *err)
{
	AUTO_CLOSE int lock = -1;
	int rc = hm_log_lock(d, deadline, &lock, err);

	return rc == HM_OK ? recover(d, err) : rc;
}

int hm_log_dir_append(struct hm_log_dir *d, const struct hm_slice *entries,
		      size_t count, hm_deadline_t deadline, uint64_t *ret_first,
		      struct hm_err *err)
{
	AUTO_CLOSE int lock = -1;
	int rc;

	if (count == 0 || count > HM_LOG_BATCH_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "batch of %zu entries; 1 to %u are possible",
			       count, HM_LOG_BATCH_MAX);
	rc = hm_log_lock(d, deadline, &lock, err);
	return rc == HM_OK ? append_locked(d, entries, count, ret_first, err) :
			     rc;
}

int hm_log_dir_cosign(struct hm_log_dir *d, struct hm_slice lines,
		      hm_deadline_t deadline, struct hm_err *err)
{
	AUTO_CLOSE int lock = -1;
	AUTO_BUF struct hm_buf note;
	AUTO_BUF struct hm_buf asked_for;
	AUTO_SIGNED_TREE struct hm_signed_tree tree;
	int rc;

	hm_signed_tree_init(&tree);
	hm_buf_init(&note, HM_NOTE_MAX);
	hm_buf_init(&asked_for, HM_NOTE_MAX);
	rc = hm_buf_add_slice(&asked_for, hm_buf_slice(&d->head.note), err);
	if (rc == HM_OK)
		rc = hm_log_lock(d, deadline, &lock, err);
	if (rc == HM_OK)
		rc = catch_up(d, err);
	if (rc != HM_OK)
		return rc;
	if (!hm_slice_eq(hm_buf_slice(&asked_for), hm_buf_slice(&d->head.note)))
		return hm_fail(err, HM_E_POLICY, 0,
			       "the log has grown since its witnesses were asked");
	rc = hm_file_read(d->public_dir, "checkpoint", &note, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(&note, lines, err);
	if (rc == HM_OK)	/* what a witness sent must leave it a note */
		rc = hm_signed_tree_parse(&note, &d->key, &tree, err);
	if (rc == HM_OK)
		rc = hm_log_put_checkpoint(d, hm_buf_slice(&tree.note), err);
	return rc;
}

int hm_log_dir_evidence(struct hm_log_dir *d, const struct hm_hash *leaf,
			struct hm_slice bundle, struct hm_err *err)
{
	char name[2 * HM_SHA256_LEN + 32];
	AUTO_CLOSE int dir = -1;
	int rc;

	if (mkdirat(d->public_dir, "evidence", 0755) < 0 ? errno != EEXIST :
							  fsync(d->public_dir) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "make directory 'evidence'");
	hm_hex(leaf->bytes, HM_SHA256_LEN, name);
	memcpy(name + 2 * HM_SHA256_LEN, ".sigstore.json",
	       sizeof(".sigstore.json"));
	rc = hm_log_open_dir(d->public_dir, "evidence", &dir, err);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(dir, name, bundle, 0644, err);
	return rc;
}
