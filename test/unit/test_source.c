/*
 * The worker's side of step 4 in process: what git makes is taken and written
 * exactly, what differs in any byte is refused, and what is well-hashed but
 * hostile is refused by name.
 */
#include <sys/resource.h>

#include "test/unit/git_fixture.h"

#define ALL (1ULL << 30)

static const char small_repo[] =
	"git init -q repo; cd repo\n"
	"mkdir -p dir/deep empty-after\n"
	"printf 'hello\\n' >hello.c; printf '#!/bin/sh\\n' >run.sh\n"
	"chmod 755 run.sh; : >dir/empty; seq 60 >dir/deep/numbers\n"
	"ln -s ../hello.c dir/link; ln -s /etc/passwd dir/abs\n"
	"ln -s ../../../../../../etc dir/escape; cp hello.c dir/again\n"
	"printf x >\"$(printf 'caf\\351')\"; printf y >'a b'\n"
	"git add -A; git commit -qm one\n";

static struct fx_stream recorded;
static struct hm_git_id recorded_commit;

static void test_replay(void)
{
	AUTO_BUF struct hm_buf out;
	struct hm_source *src = NULL;
	const struct hm_source_result *r;
	char hex[HM_GIT_HEX_MAX];
	mode_t mask = umask(0777);	/* must not matter */

	hm_buf_init(&out, 1 << 20);
	for (size_t piece = 1; piece <= 1000; piece += 333) {
		ok_call(fx_replay(&recorded, &recorded_commit, ALL, piece, &src),
			&err, "in pieces of %zu", piece);
		r = hm_source_result(src);
		ok(r && r->files == 10 && r->committer_s == 1700000000, "facts");
		hm_git_id_hex(&r->tree, hex);
		umask(022);
		ok(fx_sh("cd repo; git rev-parse 'HEAD^{tree}'", &out) &&
		   hm_slice_eq_str(hm_buf_slice(&out), hex), "root tree");
		ok(fx_sh("mkdir a; (cd repo; git archive HEAD) | tar xf - -C a\n"
			 "diff -r --no-dereference a out; rm -r a", NULL),
		   "what git archive gives");
		ok(fx_sh("cd out; find . -not -type l -newermt @1700000000; "
			 "find . -not -newermt @1699999999", &out) && out.len == 0,
		   "all times are the committer's");
		ok(fx_sh("cd out; find . -type f -not -perm 644 -not -perm 755; "
			 "find . -type d -not -perm 755; ls -l run.sh | cut -c1-10",
			 &out) &&
		   hm_slice_eq_str(hm_buf_slice(&out), "-rwxr-xr-x"),
		   "modes are fixed whatever the umask");
		umask(0777);
		hm_source_free(HM_TAKE_PTR(src));
	}
	umask(mask);
}

/* Every byte that travels: kind, declared size, content. */
static void test_flips(void)
{
	size_t tried = 0, survived = 0;

	for (size_t i = 0; i < recorded.count; i++) {
		struct fx_object *o = &recorded.items[i];

		for (size_t at = 0; at < o->data.len; at++) {
			uint8_t bit = (uint8_t)(1U << (at % 8));

			o->data.data[at] ^= bit;
			survived += fx_replay(&recorded, &recorded_commit, ALL,
					      4096, NULL) == HM_OK;
			o->data.data[at] ^= bit;
			tried++;
		}
		for (unsigned int bit = 0; bit < 64; bit++) {
			o->size ^= 1ULL << bit;
			survived += fx_replay(&recorded, &recorded_commit, ALL,
					      4096, NULL) == HM_OK;
			o->size ^= 1ULL << bit;
			tried++;
		}
		for (unsigned int bit = 0; bit < 8; bit++) {
			o->kind ^= 1U << bit;
			survived += fx_replay(&recorded, &recorded_commit, ALL,
					      4096, NULL) == HM_OK;
			o->kind ^= 1U << bit;
			tried++;
		}
	}
	ok(tried > 1500 && survived == 0, "%zu flips, %zu survive", tried,
	   survived);
	ok_call(fx_replay(&recorded, &recorded_commit, ALL, 4096, NULL), &err,
		"the unchanged stream still passes");
}

/* A view of the recorded stream with objects left out, doubled or swapped. */
static int rearranged(const size_t *order, size_t count)
{
	struct fx_stream s = {.count = count};
	int rc;

	s.items = calloc(count + 1, sizeof(*s.items));
	if (!s.items)
		exit(99);
	for (size_t i = 0; i < count; i++)
		s.items[i] = recorded.items[order[i]];
	rc = fx_replay(&s, &recorded_commit, ALL, 4096, NULL);
	free(s.items);
	return rc;
}

static void test_order(void)
{
	size_t order[64], n = recorded.count, survived = 0, tried = 0;

	ok(n + 1 < HM_ARRAY_LEN(order), "room for %zu objects", n);
	for (size_t k = 0; k < n; k++) {
		size_t m = 0;

		for (size_t i = 0; i < n; i++)		/* dropped */
			if (i != k)
				order[m++] = i;
		survived += rearranged(order, m) == HM_OK;
		for (m = 0; m < k; m++)			/* cut off */
			order[m] = m;
		survived += rearranged(order, m) == HM_OK;
		tried += 2;
		m = 0;
		for (size_t i = 0; i < n; i++) {	/* repeated */
			order[m++] = i;
			if (i == k)
				order[m++] = i;
		}
		survived += rearranged(order, m) == HM_OK;
		tried++;
		for (size_t j = k + 1; j < n; j++) {	/* swapped */
			struct hm_slice a = hm_buf_slice(&recorded.items[k].data);
			struct hm_slice b = hm_buf_slice(&recorded.items[j].data);

			if (recorded.items[k].kind == recorded.items[j].kind &&
			    hm_slice_eq(a, b))
				continue;	/* the same object */
			for (size_t i = 0; i < n; i++)
				order[i] = i;
			order[k] = j;
			order[j] = k;
			survived += rearranged(order, n) == HM_OK;
			tried++;
		}
	}
	ok(survived == 0, "%zu rearrangements, %zu survive", tried, survived);
	for (size_t i = 0; i <= n; i++)
		order[i] = i < n ? i : 0;
	fails(rearranged(order, n + 1), &err, HM_E_PROTOCOL,
	      "an object where none may come", "nothing after the end");
	order[0] = 1;
	fails(rearranged(order, 1), &err, HM_E_PROTOCOL,
	      "expected its commit, got tree", "a tree first");
}

static void test_protocol(void)
{
	AUTO_CLOSE int fd = fx_new_dir("out");
	struct hm_source_spec spec = {.dest_fd = fd, .commit = recorded_commit,
				      .max_bytes = ALL};
	const struct fx_object *o = &recorded.items[0];
	struct hm_source *s = NULL;
	uint8_t head[HM_OBJECT_HEAD] = {0};

#define FRESH() (hm_source_free(s), s = NULL, hm_source_new(&spec, &s, &err))
	ok_call(FRESH(), &err, "new");
	fails(hm_source_data(s, hm_slice("x", 1), &err), &err, HM_E_PROTOCOL,
	      "more bytes than the object declared", "data before an object");
	fails(hm_source_begin(s, o->kind, o->size, &err), &err, HM_E_PROTOCOL,
	      "refused before", "an error is final");
	fails(hm_source_end(s, &err), &err, HM_E_PROTOCOL, "refused before",
	      "for every call");
	fails(hm_source_frame(s, 0, hm_slice("x", 1), &err), &err,
	      HM_E_PROTOCOL, "refused before", "and frame");
	ok_call(FRESH(), &err, "new");
	fails(hm_source_end(s, &err), &err, HM_E_PROTOCOL, "fewer bytes",
	      "an end before an object");
	ok_call(FRESH(), &err, "new");
	ok_call(hm_source_begin(s, o->kind, o->size, &err), &err, "a commit");
	fails(hm_source_begin(s, o->kind, o->size, &err), &err, HM_E_PROTOCOL,
	      "an object where none may come", "inside another");
	ok_call(FRESH(), &err, "new");
	ok_call(hm_source_begin(s, o->kind, o->size, &err), &err, "a commit");
	fails(hm_source_end(s, &err), &err, HM_E_PROTOCOL, "fewer bytes",
	      "that ends early");
	ok_call(FRESH(), &err, "new");
	ok_call(hm_source_begin(s, o->kind, 1, &err), &err, "a commit");
	fails(hm_source_data(s, hm_buf_slice(&o->data), &err), &err,
	      HM_E_PROTOCOL, "more bytes", "longer than declared");
	ok_call(FRESH(), &err, "new");
	fails(hm_source_begin(s, HM_GIT_COMMIT, HM_SOURCE_MAX_COMMIT + 1, &err),
	      &err, HM_E_TOO_LARGE, "a commit of 1048577 bytes", "huge commit");
	ok_call(FRESH(), &err, "new");
	fails(hm_source_frame(s, HM_FF_FIRST, hm_slice(head, 8), &err), &err,
	      HM_E_PROTOCOL, "an object without its head", "short head");
	ok_call(FRESH(), &err, "new");
	fails(hm_source_frame(s, HM_FF_LAST, hm_slice("x", 1), &err), &err,
	      HM_E_PROTOCOL, "never began", "a last frame first");
	hm_source_free(s);
	s = NULL;
	ok(mkdirat(fd, "x", 0700) == 0, "something in the directory");
	fails(hm_source_new(&spec, &s, &err), &err, HM_E_POLICY,
	      "not empty", "a directory that is not empty");
}

/* --- hostile trees with the right ids ------------------------------------------- */


/* A commit whose root tree has these bytes, then the blob `count` times. */
static int try_tree(enum hm_git_alg alg, const struct hm_buf *tree, size_t count,
		    uint64_t max_bytes)
{
	struct fx_stream s = {.items = NULL};
	struct hm_git_id id = fx_id(alg, HM_GIT_TREE, tree->data, tree->len);
	struct hm_git_id commit = fx_commit(&s, &id);
	int rc;

	fx_add(&s, HM_GIT_TREE, tree->data, tree->len);
	for (size_t i = 0; i < count; i++)
		fx_add(&s, HM_GIT_BLOB, "blob", 4);
	rc = fx_replay(&s, &commit, max_bytes, 4096, NULL);
	fx_stream_release(&s);
	return rc;
}

struct entry {
	const char *mode, *name;
};

static int try_entries(enum hm_git_alg alg, const struct entry *e, size_t count,
		       size_t blobs)
{
	AUTO_BUF struct hm_buf tree;
	struct hm_git_id blob = fx_id(alg, HM_GIT_BLOB, "blob", 4);

	hm_buf_init(&tree, 1 << 20);
	for (size_t i = 0; i < count; i++)
		fx_entry(&tree, e[i].mode, hm_slice_str(e[i].name), &blob);
	return try_tree(alg, &tree, blobs, ALL);
}

#define ENTRIES(...) (struct entry[]){__VA_ARGS__},                            \
	HM_ARRAY_LEN(((struct entry[]){__VA_ARGS__}))

static void test_trees(enum hm_git_alg alg)
{
	ok_call(try_entries(alg, NULL, 0, 0), &err, "an empty root tree");
	ok(fx_sh("test -z \"$(ls -A out)\"", NULL), "and nothing is written");
	ok_call(try_entries(alg, ENTRIES({"100644", "a"}, {"100755", "b"},
					 {"120000", "c"}), 3), &err, "three");
	ok_call(try_entries(alg, ENTRIES({"100644", "xt_TCPMSS.h"},
					 {"100644", "xt_tcpmss.h"}), 2), &err,
		"names that differ in case only are two names");
	fails(try_entries(alg, ENTRIES({"100644", "b"}, {"100644", "a"}), 2),
	      &err, HM_E_FORMAT, "not in git's order at 'a'", "wrong order");
	fails(try_entries(alg, ENTRIES({"100644", "a"}, {"100644", "a"}), 2),
	      &err, HM_E_FORMAT, "not in git's order at 'a'", "twice");
	fails(try_entries(alg, ENTRIES({"40000", "a"}, {"100644", "a.b"}), 2),
	      &err, HM_E_FORMAT, "not in git's order", "as if by strcmp");
	fails(try_entries(alg, ENTRIES({"100664", "a"}), 1), &err, HM_E_FORMAT,
	      "none of the modes", "group-writable");
	fails(try_entries(alg, ENTRIES({"100644", ".git"}), 1), &err, HM_E_POLICY,
	      "the name '.git' is '.git' to some", "a file .git");
	fails(try_entries(alg, ENTRIES({"40000", ".Git"}), 1), &err, HM_E_POLICY,
	      "'.Git' is '.git'", "a directory .Git");
	fails(try_entries(alg, ENTRIES({"120000", "git~1"}), 1), &err,
	      HM_E_POLICY, "'git~1' is '.git'", "a link git~1");
	fails(try_entries(alg, ENTRIES({"40000", ".."}), 1), &err, HM_E_POLICY,
	      "the name '..'", "the directory above");
	fails(try_entries(alg, ENTRIES({"100644", "a/b"}), 1), &err, HM_E_POLICY,
	      "slash", "a path for a name");
	fails(try_entries(alg, ENTRIES({"100644", "a"}, {"100644", "b"}), 1),
	      &err, HM_E_CLOSED, "ends early", "one blob missing");
	/* sorted and yet twice: "a", "a.b", "a/" */
	fails(try_entries(alg, ENTRIES({"100644", "a"}, {"100644", "a.b"},
				       {"40000", "a"}), 2), &err, HM_E_CLOSED,
	      "ends early", "a file and a directory of one name, so far");
}

static void test_truncated_trees(void)
{
	AUTO_BUF struct hm_buf tree;
	struct hm_git_id blob = fx_id(HM_GIT_SHA1, HM_GIT_BLOB, "blob", 4);
	size_t bad = 0;

	hm_buf_init(&tree, 4096);
	fx_entry(&tree, "100644", hm_slice_str("name"), &blob);
	fx_entry(&tree, "100755", hm_slice_str("next"), &blob);
	ok_call(try_tree(HM_GIT_SHA1, &tree, 2, ALL), &err, "whole");
	for (tree.len--; tree.len > 0; tree.len--) {
		if (tree.len == 32) {	/* just the first entry */
			ok_call(try_tree(HM_GIT_SHA1, &tree, 1, ALL), &err, "one");
			continue;
		}
		bad += try_tree(HM_GIT_SHA1, &tree, 2, ALL) != HM_E_FORMAT;
	}
	ok(bad == 0, "a tree cut anywhere else is no tree");
}

/* A link and a directory of one name: nothing may go through the link. */
static void test_link_then_directory(void)
{
	struct fx_stream s = {.items = NULL};
	AUTO_BUF struct hm_buf inner, root;
	const char target[] = "../victim";
	struct hm_git_id blob, link, sub, tree, commit;

	hm_buf_init(&inner, 4096);
	hm_buf_init(&root, 4096);
	ok(fx_sh("rm -rf victim; mkdir victim", NULL), "a victim");
	blob = fx_id(HM_GIT_SHA1, HM_GIT_BLOB, "blob", 4);
	link = fx_id(HM_GIT_SHA1, HM_GIT_BLOB, target, strlen(target));
	fx_entry(&inner, "100644", hm_slice_str("file"), &blob);
	sub = fx_id(HM_GIT_SHA1, HM_GIT_TREE, inner.data, inner.len);
	fx_entry(&root, "120000", hm_slice_str("a"), &link);
	fx_entry(&root, "40000", hm_slice_str("a"), &sub);
	tree = fx_id(HM_GIT_SHA1, HM_GIT_TREE, root.data, root.len);
	commit = fx_commit(&s, &tree);
	fx_add(&s, HM_GIT_TREE, root.data, root.len);
	fx_add(&s, HM_GIT_BLOB, target, strlen(target));
	fx_add(&s, HM_GIT_TREE, inner.data, inner.len);
	fx_add(&s, HM_GIT_BLOB, "blob", 4);
	fails(fx_replay(&s, &commit, ALL, 4096, NULL), &err, HM_E_POLICY,
	      "'a': this name comes twice in its directory", "refused");
	ok(fx_sh("test -L out/a && test -z \"$(ls -A victim)\"", NULL),
	   "the link is a leaf, nothing went through it");
	fx_stream_release(&s);
}

static int try_link(const void *target, size_t len)
{
	struct fx_stream s = {.items = NULL};
	AUTO_BUF struct hm_buf root;
	struct hm_git_id id = fx_id(HM_GIT_SHA1, HM_GIT_BLOB, target, len);
	struct hm_git_id commit;
	int rc;

	hm_buf_init(&root, 4096);
	fx_entry(&root, "120000", hm_slice_str("l"), &id);
	id = fx_id(HM_GIT_SHA1, HM_GIT_TREE, root.data, root.len);
	commit = fx_commit(&s, &id);
	fx_add(&s, HM_GIT_TREE, root.data, root.len);
	fx_add(&s, HM_GIT_BLOB, target, len);
	rc = fx_replay(&s, &commit, ALL, 100, NULL);
	fx_stream_release(&s);
	return rc;
}

static void test_links(void)
{
	char target[5000];

	memset(target, 'x', sizeof(target));
	for (size_t i = 200; i < sizeof(target); i += 200)
		target[i] = '/';
	ok_call(try_link("/", 1), &err, "an absolute target is kept");
	ok_call(try_link("../../..", 8), &err, "an escaping target is kept");
	ok_call(try_link("l", 1), &err, "a link to itself is kept");
	ok_call(try_link("\n\xff", 2), &err, "any bytes are");
	ok_call(try_link(target, 4095), &err, "as long as a path can be");
	fails(try_link(target, 4096), &err, HM_E_POLICY, "longer than any path",
	      "longer");
	fails(try_link("", 0), &err, HM_E_POLICY, "no system can express",
	      "an empty target");
	fails(try_link("a\0b", 3), &err, HM_E_POLICY, "no system can express",
	      "a NUL in a target");
}

/* Trees one in another: `levels` directories below the root. */
static int try_depth(size_t levels, size_t name_len)
{
	struct fx_stream s = {.items = NULL};
	char name[256];
	struct hm_git_id id, commit;
	struct hm_buf *trees = calloc(levels + 1, sizeof(*trees));
	int rc;

	if (!trees)
		exit(99);
	memset(name, 'd', sizeof(name));
	id = fx_id(HM_GIT_SHA1, HM_GIT_BLOB, "blob", 4);
	for (size_t i = levels + 1; i-- > 0;) {
		hm_buf_init(&trees[i], 4096);
		fx_entry(&trees[i], i == levels ? "100644" : "40000",
			 hm_slice(name, name_len), &id);
		id = fx_id(HM_GIT_SHA1, HM_GIT_TREE, trees[i].data, trees[i].len);
	}
	commit = fx_commit(&s, &id);
	for (size_t i = 0; i <= levels; i++)
		fx_add(&s, HM_GIT_TREE, trees[i].data, trees[i].len);
	fx_add(&s, HM_GIT_BLOB, "blob", 4);
	rc = fx_replay(&s, &commit, ALL, 4096, NULL);
	fx_stream_release(&s);
	for (size_t i = 0; i <= levels; i++)
		hm_buf_release(&trees[i]);
	free(trees);
	return rc;
}

static void test_limits(void)
{
	AUTO_BUF struct hm_buf tree;
	struct hm_git_id blob = fx_id(HM_GIT_SHA1, HM_GIT_BLOB, "blob", 4);
	char name[32];

	hm_buf_init(&tree, 1 << 20);
	ok_call(try_depth(HM_SOURCE_MAX_DEPTH - 1, 2), &err, "127 deep");
	fails(try_depth(HM_SOURCE_MAX_DEPTH, 2), &err, HM_E_TOO_LARGE,
	      "more than 128 directories deep", "128 deep");
	ok_call(try_depth(15, 255), &err, "a path of 4095 bytes");
	fails(try_depth(16, 255), &err, HM_E_POLICY, "is over 4095 bytes",
	      "a longer path");
	for (int i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		fx_entry(&tree, "100644", hm_slice_str(name), &blob);
	}
	ok_call(try_tree(HM_GIT_SHA1, &tree, 10, 40), &err, "40 bytes of 40");
	fails(try_tree(HM_GIT_SHA1, &tree, 10, 39), &err, HM_E_TOO_LARGE,
	      "'9': the source is larger than", "40 bytes of 39");
	fails(try_tree(HM_GIT_SHA1, &tree, 10, 0), &err, HM_E_TOO_LARGE,
	      "'0': the source is larger than", "4 bytes of none");
}

static void test_tree_sizes(void)
{
	AUTO_CLOSE int fd = fx_new_dir("out");
	struct fx_stream s = {.items = NULL};
	struct hm_git_id tree = {.alg = HM_GIT_SHA1};
	struct hm_source_spec spec = {.dest_fd = fd, .max_bytes = ALL};
	struct hm_source *src = NULL;

	spec.commit = fx_commit(&s, &tree);
	ok_call(hm_source_new(&spec, &src, &err), &err, "new");
	ok_call(fx_feed(src, &s.items[0], 4096), &err, "a commit");
	fails(hm_source_begin(src, HM_GIT_TREE, HM_SOURCE_MAX_TREE + 1, &err),
	      &err, HM_E_TOO_LARGE, "a directory listing of 25165825 bytes",
	      "a tree over the limit is refused by its size");
	hm_source_free(src);
	fx_stream_release(&s);
}

/* --- LFS ------------------------------------------------------------------------- */

static struct hm_git_id put(struct fx_stream *s, unsigned int kind,
			    const void *p, size_t len)
{
	fx_add(s, kind, p, len);
	return kind == HM_OBJECT_LFS ? (struct hm_git_id){.alg = HM_GIT_SHA1} :
		fx_id(HM_GIT_SHA1, (enum hm_git_type)kind, p, len);
}

/* .gitattributes, then a pointer to "content", then what is said to be it. */
static int try_lfs(const char *attributes, const char *content,
		   struct hm_source **ret_src)
{
	static const char pointer[] =
		"version https://git-lfs.github.com/spec/v1\noid sha256:"
		"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
		"\nsize 7\n";
	struct fx_stream s = {.items = NULL}, all = {.items = NULL};
	AUTO_BUF struct hm_buf root;
	struct hm_git_id a, p, tree, commit;
	int rc;

	hm_buf_init(&root, 4096);
	a = put(&s, HM_GIT_BLOB, attributes, strlen(attributes));
	p = put(&s, HM_GIT_BLOB, pointer, strlen(pointer));
	fx_entry(&root, "100644", hm_slice_str(".gitattributes"), &a);
	fx_entry(&root, "100755", hm_slice_str("data"), &p);
	tree = fx_id(HM_GIT_SHA1, HM_GIT_TREE, root.data, root.len);
	commit = fx_commit(&all, &tree);
	fx_add(&all, HM_GIT_TREE, root.data, root.len);
	fx_add(&all, HM_GIT_BLOB, attributes, strlen(attributes));
	fx_add(&all, HM_GIT_BLOB, pointer, strlen(pointer));
	if (content)
		fx_add(&all, HM_OBJECT_LFS, content, strlen(content));
	rc = fx_replay(&all, &commit, ALL, 3, ret_src);
	fx_stream_release(&s);
	fx_stream_release(&all);
	return rc;
}

static void test_lfs(void)
{
	static const char on[] = "* filter=lfs\n";
	struct hm_source *src = NULL;
	const struct hm_source_result *r;

	ok_call(try_lfs(on, "content", &src), &err, "LFS content");
	r = hm_source_result(src);
	ok(r && r->lfs_count == 1 && strcmp(r->lfs[0].path, "data") == 0 &&
	   r->lfs[0].size == 7 && r->lfs[0].sha256[0] == 0xed, "is noted");
	hm_source_free(HM_TAKE_PTR(src));
	ok(fx_sh("test \"$(cat out/data)\" = content && test -x out/data", NULL),
	   "and written instead of the pointer");
	fails(try_lfs(on, "CONTENT", NULL), &err, HM_E_CRYPTO,
	      "'data': LFS content is not what its pointer says", "other");
	fails(try_lfs(on, "content.", NULL), &err, HM_E_CRYPTO,
	      "LFS content of 8 bytes; its pointer says 7", "longer");
	fails(try_lfs(on, "", NULL), &err, HM_E_CRYPTO,
	      "LFS content of 0 bytes; its pointer says 7", "none");
	fails(try_lfs(on, NULL, NULL), &err, HM_E_CLOSED, "ends early",
	      "the pointer alone is not enough");
	ok_call(try_lfs("* text\n", NULL, NULL), &err, "no filter, no LFS");
	ok(fx_sh("grep -q spec/v1 out/data", NULL), "the pointer is the file");
	fails(try_lfs("* text\n", "content", NULL), &err, HM_E_PROTOCOL,
	      "an object where none may come", "content nobody asked for");
}

int main(void)
{
	struct rlimit files = {64, 64};

	if (!fx_init() || !fx_sh(small_repo, NULL) ||
	    fx_record("repo", "HEAD", &recorded, &recorded_commit) < 0) {
		printf("Bail out! %s\n", err.msg);
		return 1;
	}
	test_replay();
	test_flips();
	test_order();
	test_protocol();
	test_trees(HM_GIT_SHA1);
	test_trees(HM_GIT_SHA256);
	test_truncated_trees();
	test_link_then_directory();
	test_links();
	test_limits();
	test_tree_sizes();
	test_lfs();
	/* out of descriptors in the middle is an error, not a bad tree */
	ok(setrlimit(RLIMIT_NOFILE, &files) == 0, "64 descriptors");
	fails(try_depth(100, 2), &err, HM_E_SYSTEM, "Too many open files",
	      "100 deep with 64 descriptors");
	fx_stream_release(&recorded);
	fx_done();
	return tap_done();
}
