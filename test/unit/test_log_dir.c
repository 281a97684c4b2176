/*
 * A log on disk: the files it must consist of, proofs out of tiles, the audit,
 * and every way in which a directory is refused for further signing.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/log_dir.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/process.h"
#include "test/unit/tap.h"

static struct hm_err err;
static char base[64] = "/tmp/hm-log-XXXXXX";

static const char *at(const char *name)
{
	static char paths[8][256];
	static size_t next;
	char *p = paths[next++ % 8];

	(void)snprintf(p, 256, "%s/%s", base, name);
	return p;
}

static void run(const char *program, const char *a, const char *b, const char *c)
{
	const char *argv[] = {program, a, b, c, NULL};
	struct hm_process_spec spec = {.argv = argv, .stdin_fd = -1,
				       .stdout_fd = -1, .stderr_fd = 2};
	struct hm_exit how;
	struct hm_buf out;

	hm_buf_init(&out, 4096);
	HM_BUG_ON(hm_process_run(&spec, &out, NULL, HM_NO_DEADLINE, &how,
				 &err) != HM_OK);
	HM_BUG_ON(how.signalled || how.code != 0);
	hm_buf_release(&out);
}

/* Replaces a copy of a directory by the directory. */
static void copy(const char *from, const char *to)
{
	run("rm", "-rf", "--", at(to));
	run("cp", "-a", at(from), at(to));
}

static struct hm_log_dir *open_log(const char *name, const char *memory)
{
	struct hm_log_dir *d = NULL;

	ok_call(hm_log_dir_open(at(name), memory, &d, &err), &err, "open %s",
		name);
	HM_BUG_ON(!d);
	return d;
}

static int64_t wait_ms = 60000;

/* count entries "PREFIX NUMBER" from a number on, in one batch. */
static int append(struct hm_log_dir *d, const char *prefix, uint64_t from,
		  size_t count, uint64_t *ret_first)
{
	struct hm_slice *entries = calloc(count, sizeof(*entries));
	char (*text)[32] = calloc(count, sizeof(*text));
	int rc;

	HM_BUG_ON(!entries || !text);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%s %llu", prefix,
			       (unsigned long long)(from + i));
		entries[i] = hm_slice_str(text[i]);
	}
	rc = hm_log_dir_append(d, entries, count, hm_deadline_in(wait_ms),
			       ret_first, &err);
	free(entries);
	free(text);
	return rc;
}

static int audit(const char *name, const struct hm_note_key *key,
		 uint64_t *ret_size)
{
	static struct hm_tiles t;
	AUTO_SIGNED_TREE struct hm_signed_tree tree;
	AUTO_CLOSE int dir = -1;
	int rc = hm_log_public_open(at(name), &dir, &err);

	hm_signed_tree_init(&tree);
	if (rc == HM_OK)
		rc = hm_tiles_checkpoint(dir, key, &tree, &err);
	if (rc != HM_OK)
		return rc;
	*ret_size = tree.size;
	hm_tiles_init(&t, dir, tree.size);
	return hm_tiles_audit(&t, &tree.root, NULL, NULL, &err);
}

static void test_paths(void)
{
	static const struct {
		unsigned int level;
		uint64_t n;
		unsigned int width;
		const char *path;
	} cases[] = {
		{0, 5, 256, "tile/0/005"},
		{0, 1234067, 256, "tile/0/x001/x234/067"},
		{1, 273, 112, "tile/1/273.p/112"},
		{HM_TILE_ENTRIES, 1000, 1, "tile/entries/x001/000.p/1"},
		{7, UINT64_MAX, 256,
		 "tile/7/x018/x446/x744/x073/x709/x551/615"},
	};
	static const struct {
		unsigned int level;
		uint64_t n, size;
		unsigned int width;
	} widths[] = {	/* facts of a log of 70,000 entries */
		{0, 272, 70000, 256}, {0, 273, 70000, 112}, {0, 274, 70000, 0},
		{1, 0, 70000, 256}, {1, 1, 70000, 17}, {2, 0, 70000, 1},
		{3, 0, 70000, 0}, {0, 0, 256, 256}, {1, 0, 256, 1},
		{HM_TILE_ENTRIES, 273, 70000, 112}, {0, 0, 0, 0},
	};
	char path[HM_TILE_PATH_MAX];

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		hm_tile_path(cases[i].level, cases[i].n, cases[i].width, path);
		ok(strcmp(path, cases[i].path) == 0, "path %s", cases[i].path);
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(widths); i++)
		ok(hm_tile_width(widths[i].level, widths[i].n,
				 widths[i].size) == widths[i].width,
		   "width of tile %llu of level %u at %llu",
		   (unsigned long long)widths[i].n, widths[i].level,
		   (unsigned long long)widths[i].size);
}

static size_t count_files(const char *dir)
{
	const char *argv[] = {"find", at(dir), "-type", "f", "-printf", ".",
			      NULL};
	struct hm_process_spec spec = {.argv = argv, .stdin_fd = -1,
				       .stdout_fd = -1, .stderr_fd = 2};
	struct hm_exit how;
	struct hm_buf out;
	size_t n;

	hm_buf_init(&out, 1U << 20);
	HM_BUG_ON(hm_process_run(&spec, &out, NULL, HM_NO_DEADLINE, &how,
				 &err) != HM_OK);
	n = out.len;
	hm_buf_release(&out);
	return n;
}

static void test_create(void)
{
	struct hm_slice origin = hm_slice_str("log.example.org");
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	struct hm_key *key = NULL;
	struct stat st;
	uint64_t size = 1;

	fails(hm_log_dir_create(at("a"), hm_slice_str("a/b"), NULL, "", &err),
	      &err, HM_E_FORMAT, "bare lower-case host", "origin with a path");
	HM_BUG_ON(hm_key_generate(HM_KEY_P256, &key, &err) != HM_OK);
	fails(hm_log_dir_create(at("a"), origin, key, "", &err), &err,
	      HM_E_POLICY, "must be Ed25519", "log with an ECDSA key");
	ok_call(hm_log_dir_create(at("a"), origin, NULL, at("memory"), &err),
		&err, "create");
	ok(stat(at("a/key.pem"), &st) == 0 && (st.st_mode & 07777) == 0600,
	   "the key is for its owner only");
	fails(hm_log_dir_create(at("a"), origin, NULL, "", &err), &err,
	      HM_E_POLICY, "there is a log already", "create twice");
	d = open_log("a", at("memory"));
	ok_call(audit("a", hm_log_dir_key(d), &size), &err, "audit nothing");
	ok(size == 0, "an empty log has a checkpoint too");
	fails(append(d, "", 0, 0, &size), &err, HM_E_TOO_LARGE,
	      "batch of 0", "no entries");
}

static void test_limits(void)
{
	AUTO_LOG_DIR struct hm_log_dir *d = open_log("a", at("memory"));
	static uint8_t big[HM_LEAF_MAX + 1];
	struct hm_slice entry = hm_slice(big, sizeof(big));
	hm_deadline_t soon = hm_deadline_in(1000);
	uint64_t first = 0;

	fails(hm_log_dir_append(d, &entry, 1, soon, &first, &err), &err,
	      HM_E_TOO_LARGE, "entry of 65536", "an entry over 16 bits");
	entry.len = 0;
	fails(hm_log_dir_append(d, &entry, 1, soon, &first, &err), &err,
	      HM_E_TOO_LARGE, "entry of 0", "an empty entry");
	entry.len = HM_LEAF_MAX;
	ok_call(hm_log_dir_append(d, &entry, 1, soon, &first, &err), &err,
		"the largest entry, after failures");
	ok(first == 0, "is the first");
}

static void test_growing(void)
{
	static const size_t steps[] = {1, 1, 253, 1, 1, 255, 300, 1000, 69};
	AUTO_LOG_DIR struct hm_log_dir *d = open_log("a", at("memory"));
	static struct hm_signed_tree seen[HM_ARRAY_LEN(steps)];
	static struct hm_tiles t;
	struct hm_merkle_path path;
	struct hm_hash leaf, want;
	uint64_t size = 1, first = 0, index = 0;
	AUTO_BUF struct hm_buf entry;

	hm_buf_init(&entry, HM_LEAF_MAX);
	for (size_t i = 0; i < HM_ARRAY_LEN(steps); i++) {
		ok_call(append(d, "entry", size, steps[i], &first), &err,
			"append %zu to %llu", steps[i],
			(unsigned long long)size);
		ok(first == size, "they come last");
		size += steps[i];
		ok_call(audit("a", hm_log_dir_key(d), &first), &err, "audit");
		ok(first == size && hm_log_dir_head(d)->size == size,
		   "of %llu", (unsigned long long)size);
		hm_signed_tree_init(&seen[i]);
		ok_call(hm_tiles_checkpoint(hm_log_dir_public_fd(d),
					    hm_log_dir_key(d), &seen[i], &err),
			&err, "keep the checkpoint");
	}
	hm_tiles_init(&t, hm_log_dir_public_fd(d), size);
	for (size_t i = 0; i < HM_ARRAY_LEN(steps); i++)
		ok_call(hm_tiles_consistent(&t, &seen[i], hm_log_dir_head(d),
					    &err), &err,
			"tree of %llu begins the last one",
			(unsigned long long)seen[i].size);
	fails(hm_tiles_consistent(&t, hm_log_dir_head(d), &seen[3], &err), &err,
	      HM_E_CRYPTO, "shrank", "a smaller tree is refused by name");
	seen[3].root.bytes[0] ^= 1;
	fails(hm_tiles_consistent(&t, &seen[3], hm_log_dir_head(d), &err), &err,
	      HM_E_CRYPTO, "another old root", "so is a fork");
	for (uint64_t i = 0; i < size; i += 97)
		if (hm_tiles_prove(&t, i, &hm_log_dir_head(d)->root, &leaf,
				   &path, &err) != HM_OK)
			ok(false, "proof of %llu: %s", (unsigned long long)i,
			   err.msg);
	ok_call(hm_tiles_entry(&t, 1234, &entry, &err), &err, "entry 1234");
	ok(hm_slice_eq_str(hm_buf_slice(&entry), "entry 1234"),
	   "is what was appended");
	HM_BUG_ON(hm_merkle_leaf_hash(hm_buf_slice(&entry), &want, &err) != 0);
	ok_call(hm_tiles_find(&t, 1000, &want, &index, &err), &err, "find it");
	ok(index == 1234, "by its hash");
	fails(hm_tiles_find(&t, 1235, &want, &index, &err), &err, HM_E_POLICY,
	      "not in the log", "it is there once");
	fails(hm_tiles_entry(&t, size, &entry, &err), &err, HM_E_FORMAT,
	      "outside a log", "no entry beyond the end");
	fails(hm_tiles_prove(&t, 5, &want, &leaf, &path, &err), &err,
	      HM_E_CRYPTO, "another root", "no proof to a root that is not ours");
	ok(faccessat(hm_log_dir_public_fd(d), "tile/0/000.p", F_OK, 0) != 0,
	   "partial tiles are gone once the tile is full");
	for (size_t i = 0; i < HM_ARRAY_LEN(steps); i++)
		hm_signed_tree_release(&seen[i]);
}

/* 1, 255, 256, 257 and 70,000: the sizes at which shapes change. */
static void test_shapes(void)
{
	static const struct {
		size_t size, files;
	} shapes[] = {
		{1, 3}, {255, 3}, {256, 4}, {257, 6}, {70000, 552},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(shapes); i++) {
		AUTO_LOG_DIR struct hm_log_dir *d = NULL;
		uint64_t first = 0, size = 0;

		run("rm", "-rf", "--", at("s"));
		ok_call(hm_log_dir_create(at("s"), hm_slice_str("s"), NULL, "",
					  &err), &err, "create");
		d = open_log("s", "");
		ok_call(append(d, "x", 0, shapes[i].size, &first), &err,
			"append %zu", shapes[i].size);
		ok(count_files("s/public") == shapes[i].files,
		   "a log of %zu has %zu files", shapes[i].size,
		   shapes[i].files);
		ok_call(audit("s", hm_log_dir_key(d), &size), &err, "audit");
	}
}

static void flip(const char *path, off_t offset)
{
	AUTO_CLOSE int fd = open(at(path), O_RDWR | O_CLOEXEC);
	uint8_t byte;

	HM_BUG_ON(fd < 0 || pread(fd, &byte, 1, offset) != 1);
	byte ^= 4;
	HM_BUG_ON(pwrite(fd, &byte, 1, offset) != 1);
}

static void test_damage(void)
{
	static const struct {
		const char *path;
		off_t flip;	/* -1: cut by a byte; -2: removed */
		enum hm_code code;
		const char *message;
	} cases[] = {
		{"tile/entries/003", 5, HM_E_CRYPTO, "does not follow"},
		{"tile/entries/003", 0, HM_E_FORMAT, "ends within an entry"},
		{"tile/entries/003", -1, HM_E_FORMAT, "ends within an entry"},
		{"tile/entries/003", -2, HM_E_FORMAT, "is missing"},
		{"tile/entries/273.p/112", 4, HM_E_CRYPTO, "does not follow"},
		{"tile/0/000", 4000, HM_E_CRYPTO, "does not follow"},
		{"tile/0/000", -1, HM_E_FORMAT, "has 8191 bytes"},
		{"tile/0/273.p/112", 3, HM_E_CRYPTO, "does not follow"},
		{"tile/1/000", 77, HM_E_CRYPTO, "does not follow"},
		{"tile/1/001.p/17", 0, HM_E_CRYPTO, "does not follow"},
		{"tile/2/000.p/1", 0, HM_E_CRYPTO, "does not follow"},
		{"tile/2/000.p/1", -2, HM_E_FORMAT, "is missing"},
		{"checkpoint", 5, HM_E_CRYPTO, "signature of 's'"},
	};
	AUTO_LOG_DIR struct hm_log_dir *d = open_log("s", "");
	uint64_t size;

	copy("s", "damaged");
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "damaged/public/%s",
			       cases[i].path);
		run("cp", at(path), at("saved"), NULL);
		if (cases[i].flip >= 0)
			flip(path, cases[i].flip);
		else if (cases[i].flip == -1)
			run("truncate", "-s", "-1", at(path));
		else
			run("rm", "--", at(path), NULL);
		fails(audit("damaged", hm_log_dir_key(d), &size), &err,
		      cases[i].code, cases[i].message,
		      "audit finds a change of %s (%ld)", cases[i].path,
		      (long)cases[i].flip);
		run("cp", at("saved"), at(path), NULL);
	}
	ok_call(audit("damaged", hm_log_dir_key(d), &size), &err,
		"and nothing where all is as it was");
	run("cp", at("damaged/public/tile/0/272"),
	    at("damaged/public/tile/0/273"), NULL);
	run("rm", "-r", at("damaged/public/tile/0/273.p"), NULL);
	fails(audit("damaged", hm_log_dir_key(d), &size), &err, HM_E_CRYPTO,
	      "'tile/0/273.p/112' does not follow",
	      "a full tile stands for a partial one, and is checked");
}

static void test_rollback(void)
{
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	uint64_t first = 0;

	run("rm", "-rf", "--", at("b"));
	ok_call(hm_log_dir_create(at("b"), hm_slice_str("b"), NULL,
				  at("memory"), &err), &err, "create");
	d = open_log("b", at("memory"));
	ok_call(append(d, "one", 0, 10, &first), &err, "append");
	copy("b", "backup");
	ok_call(append(d, "two", 10, 10, &first), &err, "append after backup");
	hm_log_dir_cleanup(&d);

	/* A restored backup: all files are ten entries back. */
	copy("b", "later");
	copy("backup", "b");
	d = open_log("b", at("memory"));
	fails(append(d, "three", 10, 1, &first), &err, HM_E_POLICY,
	      "rolled back or damaged: its key has signed 20",
	      "a restored backup may not sign");
	hm_log_dir_cleanup(&d);
	d = open_log("b", "");
	ok_call(hm_log_dir_refresh(d, hm_deadline_in(0), &err), &err,
		"without memory nobody could tell");
	hm_log_dir_cleanup(&d);

	/* Only the tiles came back: rolled forward, since they carry it. */
	copy("later", "b");
	run("cp", at("backup/signed"), at("b/signed"), NULL);
	run("cp", at("backup/public/checkpoint"), at("b/public/checkpoint"),
	    NULL);
	d = open_log("b", at("memory"));
	ok_call(append(d, "three", 20, 1, &first), &err,
		"old checkpoints over newer tiles are no loss");
	ok(first == 20, "it goes on where it was");
	hm_log_dir_cleanup(&d);

	/* DIR/signed is ahead: a crash just after the decision. */
	copy("b", "later");
	run("cp", at("backup/public/checkpoint"), at("b/public/checkpoint"),
	    NULL);
	d = open_log("b", "");
	ok_call(hm_log_dir_refresh(d, hm_deadline_in(0), &err), &err,
		"a crash after the decision");
	ok(hm_log_dir_head(d)->size == 21, "is rolled forward");
	hm_log_dir_cleanup(&d);
	run("rm", at("b/signed"), at("b/public/checkpoint"), NULL);
	d = open_log("b", "");
	fails(hm_log_dir_refresh(d, hm_deadline_in(0), &err), &err, HM_E_FORMAT,
	      "are missing", "a log without any checkpoint");
}

static void test_fork(void)
{
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf pem;
	uint64_t first = 0;

	/* The backup went on elsewhere, with the same key. */
	d = open_log("backup", "");
	ok_call(append(d, "other", 10, 5, &first), &err, "the twin appends");
	hm_log_dir_cleanup(&d);
	copy("later", "b");
	run("cp", at("backup/public/checkpoint"), at("b/public/checkpoint"),
	    NULL);
	d = open_log("b", "");
	fails(append(d, "x", 21, 1, &first), &err, HM_E_POLICY,
	      "forked: its key has signed another tree of 15 entries",
	      "a fork is called one");
	hm_log_dir_cleanup(&d);
	copy("later", "b");
	flip("b/public/tile/entries/000.p/21", 3);
	d = open_log("b", "");
	fails(append(d, "x", 21, 1, &first), &err, HM_E_POLICY,
	      "rolled back or damaged", "changed entries may not be signed over");
	hm_log_dir_cleanup(&d);
	copy("later", "b");
	run("cp", at("a/key.pem"), at("b/key.pem"), NULL);
	fails(hm_log_dir_open(at("b"), "", &d, &err), &err, HM_E_POLICY,
	      "not the key of log.vkey", "another key");

	/* A new log with a key that has signed one. */
	hm_buf_init(&pem, 4096);
	HM_BUG_ON(hm_file_read_user(at("later/key.pem"), &pem, &err) != HM_OK);
	HM_BUG_ON(hm_key_from_private_pem(hm_buf_slice(&pem), &key, &err) !=
		  HM_OK);
	fails(hm_log_dir_create(at("c"), hm_slice_str("b"), key, at("memory"),
				&err), &err, HM_E_POLICY,
	      "has signed a log of 21 entries", "an old key for a new log");
}

static void test_writers(void)
{
	enum { WRITERS = 4, EACH = 15 };
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	AUTO_CLOSE int lock = -1;
	uint64_t size = 0;
	int good = 0;

	ok_call(hm_log_dir_create(at("w"), hm_slice_str("w"), NULL, "", &err),
		&err, "create");
	(void)fflush(stdout);
	for (int w = 0; w < WRITERS; w++) {
		if (fork() == 0) {
			struct hm_log_dir *mine = NULL;
			int rc = hm_log_dir_open(at("w"), "", &mine, &err);

			for (int i = 0; rc == HM_OK && i < EACH; i++)
				rc = append(mine, w % 2 == 0 ? "even" : "odd",
					    (uint64_t)i, (size_t)(1 + w), &size);
			_exit(rc == HM_OK ? 0 : 1);
		}
	}
	for (int w = 0; w < WRITERS; w++) {
		int status = 1;

		good += wait(&status) > 0 && status == 0;
	}
	ok(good == WRITERS, "four processes append at a time");
	d = open_log("w", "");
	ok_call(audit("w", hm_log_dir_key(d), &size), &err, "audit");
	ok(size == EACH * (1 + 2 + 3 + 4), "nothing is lost (%llu)",
	   (unsigned long long)size);
	lock = open(at("w/lock"), O_RDWR | O_CLOEXEC);
	HM_BUG_ON(lock < 0 || flock(lock, LOCK_EX) < 0);
	wait_ms = 20;
	fails(append(d, "late", 0, 1, &size), &err, HM_E_TIMEOUT,
	      "another process is writing", "a lock is not waited for longer");
	wait_ms = 60000;
}

static void test_cosign(void)
{
	static const char line[] = "\xe2\x80\x94 w.example/1 AAAAAAA=\n";
	AUTO_LOG_DIR struct hm_log_dir *d = open_log("w", "");
	hm_deadline_t late = hm_deadline_in(10000);
	AUTO_BUF struct hm_buf note;
	struct hm_hash leaf = {{0xab}};
	uint64_t first = 0;

	hm_buf_init(&note, HM_NOTE_MAX);
	ok_call(hm_log_dir_refresh(d, late, &err), &err, "refresh");
	ok_call(hm_log_dir_cosign(d, hm_slice_str(line), late, &err), &err,
		"add a witness");
	HM_BUG_ON(hm_file_read(hm_log_dir_public_fd(d), "checkpoint", &note,
			       &err) != HM_OK);
	ok(memmem(note.data, note.len, line, strlen(line)) != NULL,
	   "its line is published");
	fails(hm_log_dir_cosign(d, hm_slice_str("nonsense\n"), late, &err),
	      &err, HM_E_FORMAT, "does not begin with a dash",
	      "a witness cannot break the checkpoint");
	ok_call(append(d, "more", 0, 1, &first), &err, "append");
	{
		AUTO_LOG_DIR struct hm_log_dir *e = open_log("w", "");

		ok_call(append(e, "more", 1, 1, &first), &err, "another appends");
	}
	fails(hm_log_dir_cosign(d, hm_slice_str(line), late, &err), &err,
	      HM_E_POLICY, "has grown since", "a line for an old checkpoint");
	ok_call(hm_log_dir_evidence(d, &leaf, hm_slice_str("{}"), &err), &err,
		"evidence");
	ok(faccessat(hm_log_dir_public_fd(d),
		     "evidence/ab00000000000000000000000000000000000000000000000000000000000000.sigstore.json",
		     F_OK, 0) == 0, "under its leaf's hash");
}

/* A directory that Tessera wrote, and one of Rekor v2. */
static void test_vectors(void)
{
	static const char *const cases[][3] = {
		{"log/tlog/tessera-log", "log/tlog/tessera.vkey", "Tessera"},
		{"log/rekor2/tiles", "log/rekor2/vkey", "Rekor v2"},
	};
	const char *vectors = getenv("HM_VECTORS");

	vectors = vectors ? vectors : "../shared/vectors";
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		static struct hm_tiles t;
		AUTO_NOTE_KEY struct hm_note_key key = {.key = NULL};
		AUTO_SIGNED_TREE struct hm_signed_tree tree;
		AUTO_CLOSE int dir = -1;
		AUTO_BUF struct hm_buf vkey;
		char path[4096];

		hm_signed_tree_init(&tree);
		hm_buf_init(&vkey, 4096);
		(void)snprintf(path, sizeof(path), "%s/%s", vectors,
			       cases[i][1]);
		if (hm_file_read_user(path, &vkey, &err) != HM_OK) {
			skip("NO VECTORS under '%s' (HM_VECTORS): %s", vectors,
			     cases[i][2]);
			continue;
		}
		(void)snprintf(path, sizeof(path), "%s/%s", vectors,
			       cases[i][0]);
		ok_call(hm_note_vkey_parse(hm_buf_slice(&vkey), &key, &err),
			&err, "key of %s", cases[i][2]);
		ok_call(hm_log_public_open(path, &dir, &err), &err, "open");
		ok_call(hm_tiles_checkpoint(dir, &key, &tree, &err), &err,
			"checkpoint of %s", cases[i][2]);
		hm_tiles_init(&t, dir, tree.size);
		ok_call(hm_tiles_audit(&t, &tree.root, NULL, NULL, &err), &err,
			"audit of a log that %s wrote", cases[i][2]);
	}
}

int main(void)
{
	HM_BUG_ON(!mkdtemp(base));
	test_paths();
	test_create();
	test_limits();
	test_growing();
	test_shapes();
	test_damage();
	test_rollback();
	test_fork();
	test_writers();
	test_cosign();
	test_vectors();
	run("rm", "-rf", "--", base);
	return tap_done();
}
