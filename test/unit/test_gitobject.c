/* Parsers of trees, commits, LFS pointers and attributes. */
#include "lib/gitobject.h"
#include "test/unit/tap.h"

static struct hm_err err;

static int one_entry(const char *mode, const void *name, size_t name_len,
		     size_t cut, enum hm_git_alg alg, struct hm_git_entry *e)
{
	static uint8_t data[1024];	/* the entry's name points into it */
	size_t n = 0;
	struct hm_slice rest;
	int rc;

	memcpy(data, mode, strlen(mode));
	n = strlen(mode);
	data[n++] = ' ';
	memcpy(data + n, name, name_len);
	n += name_len;
	data[n++] = 0;
	memset(data + n, 0x11, 32);
	n += hm_git_id_len(alg);
	rest = hm_slice(data, n - cut);
	rc = hm_git_tree_next(&rest, alg, e, &err);
	if (rc == HM_OK && rest.len != 0)
		return HM_E_BUG;
	return rc;
}

static int named(const char *name)
{
	struct hm_git_entry e;

	return one_entry("100644", name, strlen(name), 0, HM_GIT_SHA1, &e);
}

static void test_names(void)
{
	static const char *const dotgit[] = {
		".git", ".GIT", ".gIt", "git~1", "GIT~1", ".git ", ".git.",
		".git . .", "git~1...", ".git::$INDEX_ALLOCATION", ".git:x",
		".git\\config", "GIT~1\\x",
		".g\xe2\x80\x8cit", "\xef\xbb\xbf.git", ".git\xe2\x81\xaf",
		"\xe2\x80\xae.\xe2\x80\xaaG\xe2\x81\xaaI\xe2\x80\x8fT",
	};
	static const char *const fine[] = {
		"a", ".gitignore", ".gitattributes", ".gitmodules", "git", "git~2",
		"git~10", ".gitx", ".git x", "..git", ".gi", "...", "a\\b", "CON",
		"name with blanks ", "\xff\xfe not utf-8", "\xc3\xa9",
		".g\xe2\x80\x8bit", "dev-\\x2d.device", "-rf", "~",
	};
	char longest[257];

	for (size_t i = 0; i < HM_ARRAY_LEN(dotgit); i++)
		fails(named(dotgit[i]), &err, HM_E_POLICY,
		      "is '.git' to some file systems", "dotgit %zu", i);
	for (size_t i = 0; i < HM_ARRAY_LEN(fine); i++)
		ok_call(named(fine[i]), &err, "name %zu", i);
	fails(named(""), &err, HM_E_POLICY, "empty name", "empty");
	fails(named("."), &err, HM_E_POLICY, "the name '.'", "dot");
	fails(named(".."), &err, HM_E_POLICY, "the name '..'", "dot dot");
	fails(named("a/b"), &err, HM_E_POLICY, "slash", "slash");
	fails(named("a\nb"), &err, HM_E_POLICY, "control character", "newline");
	fails(named("\x1b[31m"), &err, HM_E_POLICY, "control", "escape");
	fails(named("a\x7f"), &err, HM_E_POLICY, "control", "delete");
	memset(longest, 'x', 256);
	longest[256] = 0;
	fails(named(longest), &err, HM_E_POLICY, "256 bytes", "256 bytes");
	longest[255] = 0;
	ok_call(named(longest), &err, "255 bytes");
}

static void test_modes(void)
{
	static const struct {
		const char *text;
		uint32_t mode;
	} good[] = {
		{"100644", HM_GIT_MODE_FILE}, {"100755", HM_GIT_MODE_EXEC},
		{"40000", HM_GIT_MODE_DIR},   {"120000", HM_GIT_MODE_LINK},
		{"160000", HM_GIT_MODE_SUBMODULE},
	};
	static const char *const bad[] = {
		"040000", "0100644", "100664", "100600", "100777", "120777",
		"160755", "40755", "0", "", "1", "100648", "10064", "1006440",
		"60000", "20000", "140000", "104755", "-100644", " 100644",
	};
	struct hm_git_entry e;

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++) {
		ok_call(one_entry(good[i].text, "n", 1, 0, HM_GIT_SHA256, &e),
			&err, "mode %s", good[i].text);
		ok(e.mode == good[i].mode && hm_slice_eq_str(e.name, "n") &&
		   e.id.alg == HM_GIT_SHA256 && e.id.bytes[31] == 0x11,
		   "its fields");
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(one_entry(bad[i], "n", 1, 0, HM_GIT_SHA1, &e), &err,
		      HM_E_FORMAT, "none of the modes", "mode '%s'", bad[i]);
}

static void test_truncated(void)
{
	struct hm_git_entry e;

	for (int alg = HM_GIT_SHA1; alg <= HM_GIT_SHA256; alg++) {
		size_t id = hm_git_id_len((enum hm_git_alg)alg);

		for (size_t cut = 1; cut <= id; cut++)
			fails(one_entry("100644", "name", 4, cut,
					(enum hm_git_alg)alg, &e),
			      &err, HM_E_FORMAT, "ends inside the id of 'name'",
			      "id cut by %zu", cut);
		for (size_t cut = id + 1; cut <= id + 5; cut++)
			fails(one_entry("100644", "name", 4, cut,
					(enum hm_git_alg)alg, &e),
			      &err, HM_E_FORMAT, "ends inside a name",
			      "name cut by %zu", cut);
		for (size_t cut = id + 6; cut <= id + 12; cut++)
			fails(one_entry("100644", "name", 4, cut,
					(enum hm_git_alg)alg, &e),
			      &err, HM_E_FORMAT, "none of the modes",
			      "mode cut by %zu", cut);
	}
}

static int cmp(const char *a, uint32_t mode_a, const char *b, uint32_t mode_b)
{
	struct hm_git_entry x = {.mode = mode_a, .name = hm_slice_str(a)};
	struct hm_git_entry y = {.mode = mode_b, .name = hm_slice_str(b)};
	int c = hm_git_entry_cmp(&x, &y);

	return (c > 0) - (c < 0);
}

static void test_order(void)
{
	const uint32_t f = HM_GIT_MODE_FILE, d = HM_GIT_MODE_DIR;
	const uint32_t s = HM_GIT_MODE_SUBMODULE;

	ok(cmp("a", f, "b", f) < 0 && cmp("b", f, "a", f) > 0, "by name");
	ok(cmp("a", f, "a.b", f) < 0, "a file before what it is a prefix of");
	ok(cmp("a.b", f, "a", d) < 0, "a directory sorts as if with a slash");
	ok(cmp("a", d, "a0", f) < 0, "before a digit");
	ok(cmp("a", s, "a.b", f) < 0, "a submodule sorts as a file");
	ok(cmp("a", f, "a", f) == 0 && cmp("a", d, "a", d) == 0, "equal");
	ok(cmp("a", f, "a", d) < 0, "a file before a directory of its name");
	ok(cmp("\x7f", f, "\x80", f) < 0, "bytes are unsigned");
}

#define TREE "tree 3b18e512dba79e4c8300dd08aeb37f8e728b8dad\n"
#define PARENT "parent e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"
#define AUTHOR "author A U Thor <a@example.com> 1 +0000\n"
#define COMMITTER(t) "committer C <c@example.com> " t "\n"

static int commit(const char *text, struct hm_git_commit *c)
{
	return hm_git_commit_parse(hm_slice_str(text), HM_GIT_SHA1, c, &err);
}

static void test_commit(void)
{
	static const struct {
		const char *text;
		int64_t when;
	} good[] = {
		{TREE AUTHOR COMMITTER("1700000000 +0100") "\nmessage", 1700000000},
		{TREE PARENT PARENT AUTHOR COMMITTER("0 -0000"), 0},
		{TREE AUTHOR COMMITTER("253402300799 +0000") "gpgsig x\n y\n\nm",
		 253402300799},
		{TREE AUTHOR AUTHOR "committer > 5 <> 7 +0000\n\n", 7},
		{TREE AUTHOR "committer  <> 7 +051800\n\n", 7},
	};
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "begin with its tree"},
		{TREE, "no author"},
		{"tree 3b18\n" AUTHOR COMMITTER("1 +0000"), "begin with its tree"},
		{"tree 0bd69098bd9b9cc5934a610ab65da429b525361147faa7b5b922919e9a"
		 "23143d\n" AUTHOR COMMITTER("1 +0000"), "begin with its tree"},
		{" " TREE AUTHOR COMMITTER("1 +0000"), "begin with its tree"},
		{TREE "parent 12\n" AUTHOR COMMITTER("1 +0000"), "parent"},
		{TREE COMMITTER("1 +0000"), "no author"},
		{TREE AUTHOR, "no committer"},
		{TREE AUTHOR "committer C <c> 1 +0000", "no committer"},
		{TREE AUTHOR COMMITTER("-1 +0000"), "committer time"},
		{TREE AUTHOR COMMITTER("253402300800 +0000"), "committer time"},
		{TREE AUTHOR COMMITTER("99999999999999999999 +0000"),
		 "committer time"},
		{TREE AUTHOR COMMITTER("1 0000"), "committer time"},
		{TREE AUTHOR COMMITTER("1 +"), "committer time"},
		{TREE AUTHOR COMMITTER("1 +00x0"), "committer time"},
		{TREE AUTHOR COMMITTER("1"), "committer time"},
		{TREE AUTHOR COMMITTER("01 +0000"), "committer time"},
		{TREE AUTHOR COMMITTER("0x1 +0000"), "committer time"},
		{TREE AUTHOR COMMITTER(" +0000"), "committer time"},
		{TREE AUTHOR "committer 1 +0000\n", "committer time"},
		{TREE AUTHOR "committer \n", "committer time"},
		{TREE AUTHOR COMMITTER("1  +0000"), "committer time"},
	};
	struct hm_git_commit c;

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++) {
		ok_call(commit(good[i].text, &c), &err, "commit %zu", i);
		ok(c.committer_s == good[i].when && c.tree.bytes[0] == 0x3b,
		   "its time and tree");
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(commit(bad[i].text, &c), &err, HM_E_FORMAT, bad[i].why,
		      "bad commit %zu", i);
}

#define OID "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
#define POINTER(oid, size)                                                     \
	"version https://git-lfs.github.com/spec/v1\noid sha256:" oid         \
	"\nsize " size "\n"

static void test_lfs(void)
{
	static const char *const bad[] = {
		"", "version https://git-lfs.github.com/spec/v1\n",
		POINTER(OID, ""), POINTER(OID, "-1"), POINTER(OID, "01"),
		POINTER(OID, "9223372036854775808"), POINTER("12", "1"),
		POINTER(OID, "1") "x", POINTER(OID, "1") "\n", " " POINTER(OID, "1"),
		"version https://git-lfs.github.com/spec/v2\noid sha256:" OID
		"\nsize 1\n",
		"version https://git-lfs.github.com/spec/v1\next-0-x sha256:" OID
		"\noid sha256:" OID "\nsize 1\n",
		"version https://git-lfs.github.com/spec/v1\r\noid sha256:" OID
		"\r\nsize 1\r\n",
		"version https://git-lfs.github.com/spec/v1\nsize 1\noid sha256:"
		OID "\n",
		"version https://git-lfs.github.com/spec/v1\noid sha256:" OID
		"\nsize 1",
	};
	struct hm_lfs_pointer p;

	ok(hm_lfs_pointer_parse(hm_slice_str(POINTER(OID, "12345")), &p) &&
	   p.size == 12345 && p.sha256[0] == 0x4d && p.sha256[31] == 0x93,
	   "a pointer");
	ok(hm_lfs_pointer_parse(hm_slice_str(POINTER(OID, "0")), &p) &&
	   p.size == 0, "of nothing");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		ok(!hm_lfs_pointer_parse(hm_slice_str(bad[i]), &p),
		   "no pointer %zu", i);
}

static bool scan(struct hm_slice text, size_t piece)
{
	struct hm_lfs_scan s = {.matched = 0};

	for (size_t i = 0; i < text.len; i += piece)
		hm_lfs_scan_add(&s, hm_slice(text.ptr + i,
					     text.len - i < piece ?
						     text.len - i : piece));
	return hm_lfs_scan_end(&s);
}

static void test_scan(void)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{"*.bin filter=lfs diff=lfs merge=lfs -text\n", true},
		{"filter=lfs", true}, {"x filter=lfs", true},
		{"x\tfilter=lfs\r\n", true}, {"filter=lfs ", true},
		{"x filter=lf\ny filter=lfs", true}, {"", false}, {" ", false},
		{"-filter=lfs", false}, {"x filter=lfsx\n", false},
		{"xfilter=lfs\n", false}, {"filter=lf", false},
		{"filter=LFS", false}, {"filter= lfs", false},
		{"filter=lfsfilter=lfs", false}, {"ffilter=lfs", false},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		struct hm_slice text = hm_slice_str(cases[i].text);

		ok(scan(text, 1000) == cases[i].want &&
		   scan(text, 1) == cases[i].want &&
		   scan(text, 3) == cases[i].want, "attributes %zu", i);
	}
	/* a NUL is a character like any other, also after the whole token */
	ok(!scan(hm_slice("filter=lfs\0", 11), 100), "NUL after the token");
	ok(!scan(hm_slice("filter=lfs\0\0\0x", 14), 100), "NULs after the token");
}

int main(void)
{
	test_names();
	test_modes();
	test_truncated();
	test_order();
	test_commit();
	test_lfs();
	test_scan();
	return tap_done();
}
