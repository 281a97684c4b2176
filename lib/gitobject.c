/*
 * Parsers for tree and commit objects and LFS pointers. The bytes have the right
 * id, so nobody on the way changed them, but their author may be hostile: a name
 * that leaves the directory (CVE-2018-11235 class) or that another file system
 * reads as ".git" (CVE-2014-9390, CVE-2019-1352 class) is refused here, before
 * anybody could create it.
 */
#include "lib/gitobject.h"

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool starts_fold(struct hm_slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s.len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(s.ptr[i]) != (uint8_t)prefix[i])
			return false;
	return true;
}

/*
 * NTFS: ".git" or its short name "git~1", then any number of dots and blanks
 * (which it drops), then the end, a stream (":...") or a backslash.
 */
static bool is_ntfs_dotgit(struct hm_slice s)
{
	size_t i;

	if (starts_fold(s, ".git"))
		i = 4;
	else if (starts_fold(s, "git~1"))
		i = 5;
	else
		return false;
	while (i < s.len && (s.ptr[i] == '.' || s.ptr[i] == ' '))
		i++;
	return i == s.len || s.ptr[i] == ':' || s.ptr[i] == '\\';
}

/* Code points HFS+ ignores when it compares names, as UTF-8 (3 bytes each). */
static bool is_hfs_ignorable(const uint8_t *p)
{
	if (p[0] == 0xe2 && p[1] == 0x80)	/* U+200C-200F, U+202A-202E */
		return (p[2] >= 0x8c && p[2] <= 0x8f) ||
		       (p[2] >= 0xaa && p[2] <= 0xae);
	if (p[0] == 0xe2 && p[1] == 0x81)	/* U+206A-206F */
		return p[2] >= 0xaa && p[2] <= 0xaf;
	return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf;	/* U+FEFF */
}

static bool is_hfs_dotgit(struct hm_slice s)
{
	static const char want[] = ".git";
	size_t matched = 0;

	for (size_t i = 0; i < s.len;) {
		if (s.len - i >= 3 && is_hfs_ignorable(s.ptr + i)) {
			i += 3;
			continue;
		}
		if (matched == 4 || lower(s.ptr[i]) != (uint8_t)want[matched])
			return false;
		matched++;
		i++;
	}
	return matched == 4;
}

/* "100644 " and so on: octal, exactly one spelling each. */
static bool take_mode(struct hm_slice *s, uint32_t *ret_mode)
{
	static const struct {
		const char *text;
		uint32_t mode;
	} modes[] = {
		{"100644 ", HM_GIT_MODE_FILE},
		{"40000 ", HM_GIT_MODE_DIR},
		{"100755 ", HM_GIT_MODE_EXEC},
		{"120000 ", HM_GIT_MODE_LINK},
		{"160000 ", HM_GIT_MODE_SUBMODULE},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(modes); i++) {
		size_t n = strlen(modes[i].text);

		if (s->len < n || memcmp(s->ptr, modes[i].text, n) != 0)
			continue;
		*ret_mode = modes[i].mode;
		*s = hm_slice(s->ptr + n, s->len - n);
		return true;
	}
	return false;
}

int hm_git_tree_next(struct hm_slice *rest, enum hm_git_alg alg,
		     struct hm_git_entry *ret_entry, struct hm_err *err)
{
	struct hm_git_entry e = {.id = {.alg = alg}};
	struct hm_slice s = *rest;
	size_t id_len = hm_git_id_len(alg);
	const uint8_t *nul;
	int rc;

	if (!take_mode(&s, &e.mode))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tree entry '%s' has none of the modes that "
			       "git writes today: commit it again",
			       HM_ESC(hm_slice(s.ptr, s.len < 24 ? s.len : 24)));
	nul = memchr(s.ptr, 0, s.len);
	if (!nul)
		return hm_fail(err, HM_E_FORMAT, 0, "tree ends inside a name");
	e.name = hm_slice(s.ptr, (size_t)(nul - s.ptr));
	s = hm_slice(nul + 1, s.len - e.name.len - 1);
	if (s.len < id_len)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tree ends inside the id of '%s'", HM_ESC(e.name));
	memcpy(e.id.bytes, s.ptr, id_len);
	s = hm_slice(s.ptr + id_len, s.len - id_len);

	rc = hm_name_check(e.name, err);
	if (rc < 0)
		return rc;
	if (is_ntfs_dotgit(e.name) || is_hfs_dotgit(e.name))
		return hm_fail(err, HM_E_POLICY, 0,
			       "the name '%s' is '.git' to some file systems",
			       HM_ESC(e.name));
	*rest = s;
	*ret_entry = e;
	return HM_OK;
}

int hm_git_entry_cmp(const struct hm_git_entry *a, const struct hm_git_entry *b)
{
	size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
	int c = n > 0 ? memcmp(a->name.ptr, b->name.ptr, n) : 0;
	unsigned int ca = 0, cb = 0;

	if (c != 0)
		return c;
	if (a->name.len > n)
		ca = a->name.ptr[n];
	else if (a->mode == HM_GIT_MODE_DIR)
		ca = '/';
	if (b->name.len > n)
		cb = b->name.ptr[n];
	else if (b->mode == HM_GIT_MODE_DIR)
		cb = '/';
	return (int)ca - (int)cb;
}

/* Takes "key value\n" off *rest when the next line has that key. */
static bool take_line(struct hm_slice *rest, const char *key,
		      struct hm_slice *ret_value)
{
	size_t n = strlen(key);
	const uint8_t *end;
	size_t len;

	if (rest->len <= n || memcmp(rest->ptr, key, n) != 0 ||
	    rest->ptr[n] != ' ')
		return false;
	end = memchr(rest->ptr, '\n', rest->len);
	if (!end)
		return false;
	len = (size_t)(end - rest->ptr);
	*ret_value = hm_slice(rest->ptr + n + 1, len - n - 1);
	*rest = hm_slice(end + 1, rest->len - len - 1);
	return true;
}

/*
 * "Name <mail> 1700000000 +0100". Names may hold anything but a newline, so the
 * time is looked for from the end. The zone is not used, only its form.
 */
static bool committer_time(struct hm_slice line, uint64_t *ret_s)
{
	size_t end = line.len, zone, start;

	for (zone = end; zone > 0 && line.ptr[zone - 1] != ' '; zone--)
		;
	if (zone == 0 || end - zone < 2 ||
	    (line.ptr[zone] != '+' && line.ptr[zone] != '-'))
		return false;
	for (size_t i = zone + 1; i < end; i++)
		if (line.ptr[i] < '0' || line.ptr[i] > '9')
			return false;
	end = zone - 1;
	for (start = end; start > 0 && line.ptr[start - 1] != ' '; start--)
		;
	if (start < 2 || line.ptr[start - 2] != '>')
		return false;
	return hm_parse_u64(hm_slice(line.ptr + start, end - start),
			    HM_GIT_TIME_MAX, ret_s);
}

int hm_git_commit_parse(struct hm_slice content, enum hm_git_alg alg,
			struct hm_git_commit *ret_c, struct hm_err *err)
{
	struct hm_git_commit c = {.committer_s = 0};
	struct hm_git_id parent;
	struct hm_slice value;
	uint64_t when;
	bool author = false;

	if (!take_line(&content, "tree", &value) ||
	    hm_git_id_parse(value, &c.tree, NULL) < 0 || c.tree.alg != alg)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "commit does not begin with its tree");
	while (take_line(&content, "parent", &value))
		if (hm_git_id_parse(value, &parent, NULL) < 0 ||
		    parent.alg != alg)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "commit has a parent that is no id");
	while (take_line(&content, "author", &value))
		author = true;
	if (!author || !take_line(&content, "committer", &value))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "commit has no author or no committer");
	if (!committer_time(value, &when))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "commit has no committer time between the years "
			       "1970 and 9999 in '%s'", HM_ESC(value));
	c.committer_s = (int64_t)when;
	*ret_c = c;
	return HM_OK;
}

static bool take_text(struct hm_slice *s, const char *text)
{
	size_t n = strlen(text);

	if (s->len < n || memcmp(s->ptr, text, n) != 0)
		return false;
	*s = hm_slice(s->ptr + n, s->len - n);
	return true;
}

bool hm_lfs_pointer_parse(struct hm_slice s, struct hm_lfs_pointer *ret_p)
{
	struct hm_lfs_pointer p;

	if (s.len > HM_LFS_POINTER_MAX ||
	    !take_text(&s, "version https://git-lfs.github.com/spec/v1\n") ||
	    !take_text(&s, "oid sha256:") || s.len < 2 * HM_LFS_ID_LEN ||
	    !hm_unhex(hm_slice(s.ptr, 2 * HM_LFS_ID_LEN), p.sha256, HM_LFS_ID_LEN))
		return false;
	s = hm_slice(s.ptr + 2 * HM_LFS_ID_LEN, s.len - 2 * HM_LFS_ID_LEN);
	if (!take_text(&s, "\nsize ") || s.len < 2 || s.ptr[s.len - 1] != '\n' ||
	    !hm_parse_u64(hm_slice(s.ptr, s.len - 1), INT64_MAX, &p.size))
		return false;
	*ret_p = p;
	return true;
}

static const char LFS_TOKEN[] = "filter=lfs";

void hm_lfs_scan_add(struct hm_lfs_scan *s, struct hm_slice piece)
{
	for (size_t i = 0; i < piece.len && !s->found; i++) {
		uint8_t c = piece.ptr[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			(void)hm_lfs_scan_end(s);
		} else if (!s->mid_word && s->matched < sizeof(LFS_TOKEN) - 1 &&
			   c == (uint8_t)LFS_TOKEN[s->matched]) {
			s->matched++;
		} else {
			s->mid_word = true;
		}
	}
}

bool hm_lfs_scan_end(struct hm_lfs_scan *s)
{
	if (!s->mid_word && s->matched == sizeof(LFS_TOKEN) - 1)
		s->found = true;
	s->matched = 0;
	s->mid_word = false;
	return s->found;
}
