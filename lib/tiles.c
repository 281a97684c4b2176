/*
 * Reading tlog-tiles (C2SP, v0.1.0). The directory may be damaged, half copied
 * or made to deceive, so every file's length must be the one that the tree's
 * size gives, and nothing leaves here without a path to the signed root, but
 * entries, whose caller hashes them.
 */
#include "lib/tiles.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/tile_rows.h"

void hm_tile_path(unsigned int level, uint64_t n, unsigned int width,
		  char out[HM_TILE_PATH_MAX])
{
	char groups[40];	/* seven groups of "xNNN/", from the right */
	char *p = groups + sizeof(groups);
	char head[16] = "entries", tail[8] = "";

	/* 1234067 -> x001/x234/067 */
	p -= 4;
	(void)snprintf(p, 4, "%03u", (unsigned int)(n % 1000));
	while ((n /= 1000) != 0) {
		char group[8];

		(void)snprintf(group, sizeof(group), "x%03u/",
			       (unsigned int)(n % 1000));
		p -= 5;
		memcpy(p, group, 5);
	}
	if (level != HM_TILE_ENTRIES)
		(void)snprintf(head, sizeof(head), "%u", level & 63U);
	if (width != HM_TILE_WIDTH)
		(void)snprintf(tail, sizeof(tail), ".p/%u", width & 255U);
	(void)snprintf(out, HM_TILE_PATH_MAX, "tile/%s/%s%s", head, p, tail);
}

unsigned int hm_tile_width(unsigned int level, uint64_t n, uint64_t size)
{
	uint64_t row = level == HM_TILE_ENTRIES ? size : size >> (8 * level);

	if (n > row / HM_TILE_WIDTH)
		return 0;
	row -= n * HM_TILE_WIDTH;
	return row < HM_TILE_WIDTH ? (unsigned int)row : HM_TILE_WIDTH;
}

void hm_tiles_init(struct hm_tiles *t, int dir, uint64_t size)
{
	memset(t, 0, sizeof(*t));
	t->dir = dir;
	t->size = size;
}

/* HM_E_CLOSED: there is no such file. */
static int read_tile_file(int dir, const char *path, struct hm_buf *b,
			  struct hm_err *err)
{
	AUTO_CLOSE int fd = -1;
	int rc = hm_openat_beneath(dir, path, O_RDONLY | O_NONBLOCK, 0, &fd,
				   err);

	if (rc != HM_OK && err->sys_errno == ENOENT)
		return HM_E_CLOSED;
	if (rc == HM_OK)
		rc = hm_io_read_to_end(fd, b, HM_NO_DEADLINE, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "'%s'", path);
}

static int check_length(const char *path, unsigned int level,
			unsigned int have, unsigned int width,
			struct hm_buf *b, struct hm_err *err)
{
	if (level == HM_TILE_ENTRIES)
		return HM_OK;	/* entries have their own lengths */
	if (b->len != (size_t)have * HM_SHA256_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "'%s' has %zu bytes, not %u", path, b->len,
			       have * HM_SHA256_LEN);
	b->len = (size_t)width * HM_SHA256_LEN;
	return HM_OK;
}

int hm_tiles_read(const struct hm_tiles *t, unsigned int level, uint64_t n,
		  struct hm_buf *b, struct hm_err *err)
{
	unsigned int width = hm_tile_width(level, n, t->size), have = width;
	char path[HM_TILE_PATH_MAX];
	struct hm_err local;
	int rc;

	if (!err)
		err = &local;
	if (width == 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tile %llu of level %u is outside the tree",
			       (unsigned long long)n, level);
	b->len = 0;
	hm_tile_path(level, n, width, path);
	rc = read_tile_file(t->dir, path, b, err);
	/* Partial tiles may go once the full one is there: take that. */
	if (rc == HM_E_CLOSED && width != HM_TILE_WIDTH) {
		hm_tile_path(level, n, HM_TILE_WIDTH, path);
		rc = read_tile_file(t->dir, path, b, err);
		have = HM_TILE_WIDTH;
	}
	if (rc == HM_E_CLOSED) {
		hm_tile_path(level, n, width, path);
		return hm_fail(err, HM_E_FORMAT, 0, "'%s' is missing", path);
	}
	if (rc != HM_OK)
		return rc;
	return check_length(path, level, have, width, b, err);
}

static int load(struct hm_tiles *t, unsigned int level, uint64_t n,
		const struct hm_tiles_slot **ret_slot, struct hm_err *err)
{
	struct hm_tiles_slot *victim = &t->slots[0];
	AUTO_BUF struct hm_buf b;
	int rc;

	hm_buf_init(&b, HM_TILE_BYTES);
	for (size_t i = 0; i < HM_TILES_CACHE; i++) {
		struct hm_tiles_slot *s = &t->slots[i];

		if (s->used != 0 && s->level == level && s->n == n) {
			s->used = ++t->clock;
			*ret_slot = s;
			return HM_OK;
		}
		if (s->used < victim->used)
			victim = s;
	}
	rc = hm_tiles_read(t, level, n, &b, err);
	if (rc != HM_OK)
		return rc;
	memcpy(victim->hashes, b.data, b.len);
	victim->width = (unsigned int)(b.len / HM_SHA256_LEN);
	victim->level = level;
	victim->n = n;
	victim->used = ++t->clock;
	*ret_slot = victim;
	return HM_OK;
}

int hm_tiles_subtree(void *tiles, unsigned int level, uint64_t index,
		     struct hm_hash *ret, struct hm_err *err)
{
	struct hm_tiles *t = tiles;
	const struct hm_tiles_slot *slot;
	size_t count = (size_t)1 << (level % 8);
	uint64_t first = index << (level % 8);
	size_t at = (size_t)(first % HM_TILE_WIDTH);
	int rc = load(t, level / 8, first / HM_TILE_WIDTH, &slot, err);

	if (rc != HM_OK)
		return rc;
	if (at + count > slot->width)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "subtree outside the tree");
	return hm_tile_fold(slot->hashes + at, count, ret, err);
}

int hm_tiles_next_entry(struct hm_slice *rest, struct hm_slice *ret_entry,
			struct hm_err *err)
{
	size_t len;

	if (rest->len < 2)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "entries tile ends within a length");
	len = hm_get_u16be(rest->ptr);
	if (rest->len - 2 < len)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "entries tile ends within an entry");
	*ret_entry = hm_slice(rest->ptr + 2, len);
	*rest = hm_slice(rest->ptr + 2 + len, rest->len - 2 - len);
	return HM_OK;
}

int hm_tiles_entry(const struct hm_tiles *t, uint64_t index, struct hm_buf *b,
		   struct hm_err *err)
{
	AUTO_BUF struct hm_buf tile;
	struct hm_slice rest, entry = {NULL, 0};
	int rc;

	hm_buf_init(&tile, HM_ENTRY_TILE_MAX);
	if (index >= t->size)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "index %llu is outside a log of %llu",
			       (unsigned long long)index,
			       (unsigned long long)t->size);
	rc = hm_tiles_read(t, HM_TILE_ENTRIES, index / HM_TILE_WIDTH, &tile,
			   err);
	rest = hm_buf_slice(&tile);
	for (uint64_t i = 0; rc == HM_OK && i <= index % HM_TILE_WIDTH; i++)
		rc = hm_tiles_next_entry(&rest, &entry, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(b, entry, err);
	return rc;
}

/* --- checkpoints ---------------------------------------------------------- */

void hm_signed_tree_init(struct hm_signed_tree *s)
{
	memset(s, 0, sizeof(*s));
	hm_buf_init(&s->note, HM_NOTE_MAX);
}

void hm_signed_tree_release(struct hm_signed_tree *s)
{
	hm_buf_release(&s->note);
}

int hm_signed_tree_parse(struct hm_buf *note, const struct hm_note_key *key,
			 struct hm_signed_tree *ret_s, struct hm_err *err)
{
	AUTO_FREE struct hm_note *parsed = calloc(1, sizeof(*parsed));
	struct hm_checkpoint cp;
	int rc;

	if (!parsed)
		return hm_fail(err, HM_E_NOMEM, 0, "checkpoint");
	rc = hm_note_parse(hm_buf_slice(note), parsed, err);
	if (rc == HM_OK)
		rc = hm_note_verify(parsed, key, NULL, err);
	if (rc == HM_OK)
		rc = hm_checkpoint_parse(parsed->text, &cp, err);
	if (rc == HM_OK && !hm_slice_eq_str(cp.origin, key->name))
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "its origin is not the log '%s'", key->name);
	if (rc != HM_OK)
		return hm_err_prefix(err, "checkpoint");
	hm_signed_tree_release(ret_s);
	ret_s->size = cp.size;
	ret_s->root = cp.root;
	ret_s->note = *note;
	hm_buf_init(note, HM_NOTE_MAX);	/* transferred */
	return HM_OK;
}

int hm_tiles_checkpoint(int dir, const struct hm_note_key *key,
			struct hm_signed_tree *ret_s, struct hm_err *err)
{
	AUTO_BUF struct hm_buf note;
	int rc;

	hm_buf_init(&note, HM_NOTE_MAX);
	rc = hm_file_read(dir, "checkpoint", &note, err);
	if (rc != HM_OK)
		return rc;
	return hm_signed_tree_parse(&note, key, ret_s, err);
}

/* --- proofs --------------------------------------------------------------- */

int hm_tiles_prove(struct hm_tiles *t, uint64_t index,
		   const struct hm_hash *root, struct hm_hash *ret_leaf,
		   struct hm_merkle_path *ret_path, struct hm_err *err)
{
	struct hm_merkle_source src = hm_tiles_source(t);
	struct hm_merkle_path path;
	struct hm_hash leaf;
	int rc = hm_merkle_inclusion_path(&src, index, t->size, &path, err);

	if (rc == HM_OK)
		rc = hm_tiles_subtree(t, 0, index, &leaf, err);
	if (rc == HM_OK)
		rc = hm_merkle_inclusion_verify(index, t->size, &leaf, &path,
						root, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "proof from tiles");
	*ret_leaf = leaf;
	*ret_path = path;
	return HM_OK;
}

int hm_tiles_find(struct hm_tiles *t, uint64_t from, const struct hm_hash *leaf,
		  uint64_t *ret_index, struct hm_err *err)
{
	for (uint64_t i = from; i < t->size; i++) {
		const struct hm_tiles_slot *slot;
		int rc = load(t, 0, i / HM_TILE_WIDTH, &slot, err);

		if (rc != HM_OK)
			return rc;
		if (!hm_hash_equal(&slot->hashes[i % HM_TILE_WIDTH], leaf))
			continue;
		*ret_index = i;
		return HM_OK;
	}
	return hm_fail(err, HM_E_POLICY, 0, "not in the log");
}

int hm_tiles_consistent(struct hm_tiles *t, const struct hm_signed_tree *old_tree,
			const struct hm_signed_tree *new_tree,
			struct hm_err *err)
{
	struct hm_merkle_source src = hm_tiles_source(t);
	struct hm_merkle_path path = {.count = 0};
	int rc = HM_OK;

	if (old_tree->size < new_tree->size)
		rc = hm_merkle_consistency_path(&src, old_tree->size,
						new_tree->size, &path, err);
	if (rc == HM_OK)
		rc = hm_merkle_consistency_verify(old_tree->size,
						  &old_tree->root,
						  new_tree->size,
						  &new_tree->root, &path, err);
	return rc;
}
