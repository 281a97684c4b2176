/*
 * The host's side of step 4 on repositories as they are found: bare, shallow,
 * partial, with submodules, somebody else's. What git makes of a commit is
 * compared with what arrives, and each thing that can be missing is named.
 */
#include <ctype.h>

#include "runner-hook/git_run.h"
#include "test/unit/git_fixture.h"

#define ALL (1ULL << 30)

static const char basic[] =
	"git init -q repo; cd repo\n"
	"mkdir -p sub/dir; echo one >a; echo two >sub/dir/b; echo '{}' >build.json\n"
	"ln -s a link; git add -A; git commit -qm one; git tag v1\n"
	"git tag -am annotated v2; echo more >>a; git commit -qam two; cd ..\n";

static int open_repo(const char *path, struct hm_repo *r)
{
	char full[256];

	hm_repo_release(r);
	(void)snprintf(full, sizeof(full), "%s/%s", fx_dir, path);
	return hm_repo_open(full, r, &err);
}

static bool is_in(const char *path, const char *name)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", fx_dir, name);
	return path && strcmp(path, full) == 0;
}

static void test_open(void)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};

	ok_call(open_repo("repo", &r), &err, "a work tree");
	ok(is_in(r.root, "repo") && is_in(r.git_dir, "repo/.git") &&
	   is_in(r.common_dir, "repo/.git") && !r.bare && !r.shallow, "its parts");
	ok_call(open_repo("repo/sub/dir", &r), &err, "from below");
	ok(is_in(r.root, "repo"), "its top");
	ok(fx_sh("git clone -q --bare repo bare; git clone -q repo sep "
		 "--separate-git-dir gitdir; cd repo; git worktree add -q ../wt v1",
		 NULL), "more forms");
	ok_call(open_repo("bare", &r), &err, "a bare repository");
	ok(r.bare && is_in(r.root, "bare") && is_in(r.git_dir, "bare"), "parts");
	ok_call(open_repo("sep", &r), &err, "--separate-git-dir");
	ok(is_in(r.root, "sep") && is_in(r.git_dir, "gitdir"), "parts");
	ok_call(open_repo("wt", &r), &err, "a linked work tree");
	ok(is_in(r.root, "wt") && is_in(r.git_dir, "repo/.git/worktrees/wt") &&
	   is_in(r.common_dir, "repo/.git"), "parts");
	ok_call(open_repo("repo/.git", &r), &err, "inside .git");
	ok(is_in(r.git_dir, "repo/.git"), "parts");
	ok(fx_sh("mkdir plain", NULL), "a plain directory");
	fails(open_repo("plain", &r), &err, HM_E_SYSTEM,
	      "plain' is not in a git repository", "has no repository");
	fails(open_repo("nowhere", &r), &err, HM_E_SYSTEM,
	      "nowhere' is not in a git repository", "no directory");
}

static void test_resolve(void)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};
	static const char *const revs[] = {
		"HEAD", "main", "v1", "v2", "refs/tags/v1", "HEAD~1", "v2^{}",
	};
	AUTO_BUF struct hm_buf out;
	struct hm_git_id id;
	char hex[HM_GIT_HEX_MAX], script[200];

	hm_buf_init(&out, 4096);
	ok_call(open_repo("repo", &r), &err, "open");
	for (size_t i = 0; i < HM_ARRAY_LEN(revs); i++) {
		ok_call(hm_repo_resolve(&r, revs[i], &id, &err), &err, "%s",
			revs[i]);
		hm_git_id_hex(&id, hex);
		(void)snprintf(script, sizeof(script),
			       "cd repo; git rev-parse '%s^{commit}'", revs[i]);
		ok(fx_sh(script, &out) &&
		   hm_slice_eq_str(hm_buf_slice(&out), hex), "its commit");
		hex[10] = 0;
		ok_call(hm_repo_resolve(&r, hex, &id, &err), &err, "abbreviated");
	}
	fails(hm_repo_resolve(&r, "nope", &id, &err), &err, HM_E_POLICY,
	      "'nope' names no commit of this repository", "unknown");
	fails(hm_repo_resolve(&r, "HEAD:a", &id, &err), &err, HM_E_POLICY,
	      "names no commit", "a blob");
	fails(hm_repo_resolve(&r, "--all", &id, &err), &err, HM_E_USAGE,
	      "'--all' is not a revision", "an option");
	fails(hm_repo_resolve(&r, "", &id, &err), &err, HM_E_USAGE,
	      "is not a revision", "nothing");
	fails(hm_repo_resolve(&r, "a\nb", &id, &err), &err, HM_E_USAGE,
	      "'a\\x0ab' is not a revision", "a newline");
	ok(fx_sh("git clone -q --depth 1 \"file://$PWD/repo\" shallow", NULL),
	   "a shallow clone");
	ok_call(open_repo("shallow", &r), &err, "open");
	ok(r.shallow, "is known to be one");
	ok_call(hm_repo_resolve(&r, "HEAD", &id, &err), &err, "its HEAD");
	fails(hm_repo_resolve(&r, "v1", &id, &err), &err, HM_E_POLICY,
	      "run `git fetch --depth=1 origin v1`", "what it does not have");
}

static void check_ref(struct hm_repo *r, const char *rev, const char *want)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 4096);
	ok(hm_repo_ref(r, rev, &b, &err) == HM_OK &&
	   hm_slice_eq_str(hm_buf_slice(&b), want), "ref of %s is '%s'", rev, want);
}

static void test_ref(void)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 4096);
	ok_call(open_repo("repo", &r), &err, "open");
	check_ref(&r, "HEAD", "refs/heads/main");
	check_ref(&r, "main", "refs/heads/main");
	check_ref(&r, "v1", "refs/tags/v1");
	check_ref(&r, "refs/tags/v2", "refs/tags/v2");
	check_ref(&r, "HEAD~1", "");
	check_ref(&r, "nope", "");
	fails(hm_repo_ref(&r, "-x", &b, &err), &err, HM_E_USAGE, "not a revision",
	      "an option");
	ok_call(open_repo("wt", &r), &err, "open");
	check_ref(&r, "HEAD", "");	/* detached */
}

static void test_origin(void)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{"https://github.com/o/r", "https://github.com/o/r"},
		{"https://user:secret@github.com/o/r.git",
		 "https://github.com/o/r.git"},
		{"https://x-access-token:ghs_secret@github.com/o/r",
		 "https://github.com/o/r"},
		{"https://a@b:secret@host/o/r", "https://host/o/r"},
		{"https://host/o/r?private_token=secret", "https://host/o/r"},
		{"https://u:secret@host/o@r#secret", "https://host/o@r"},
		{"ssh://git:secret@host:22/o/r", "ssh://host:22/o/r"},
		{"git@github.com:o/r.git", "git@github.com:o/r.git"},
		{"/srv/git/r.git", "/srv/git/r.git"},
		{"https://secret@", "https://"},
		{"file:///x/y", "file:///x/y"},
	};
	AUTO_REPO struct hm_repo r = {.root = NULL};
	AUTO_BUF struct hm_buf b;
	char script[300];

	hm_buf_init(&b, 4096);
	ok_call(open_repo("repo", &r), &err, "open");
	ok(hm_repo_origin(&r, &b, &err) == HM_OK && b.len == 0, "no origin");
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		(void)snprintf(script, sizeof(script), "cd repo; git config "
			       "remote.origin.url '%s'", cases[i].url);
		b.len = 0;
		ok(fx_sh(script, NULL) && hm_repo_origin(&r, &b, &err) == HM_OK &&
		   hm_slice_eq_str(hm_buf_slice(&b), cases[i].want),
		   "origin %s", cases[i].want);
	}
	ok(fx_sh("cd repo; git config --unset remote.origin.url", NULL), "reset");
}

static bool dirty(const char *script)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};
	bool yes = true, no = true;

	if (!fx_sh("rm -rf d; git clone -q repo d", NULL) || !fx_sh(script, NULL) ||
	    open_repo("d", &r) < 0 || hm_repo_dirty(&r, &yes, &err) < 0) {
		printf("# %s\n", err.msg);
		return !no;
	}
	return yes;
}

/* Everything in the repository that could name a program names a canary. */
static const char hostile_config[] =
	"cd d; cat >../canary <<'X'\n#!/bin/sh\ntouch \"$0.ran\"\nexit 0\nX\n"
	"chmod 755 ../canary; C=$PWD/../canary; rm -f ../canary.ran\n"
	"echo '* filter=x diff=x' >.git/info/attributes\n"
	"for k in filter.x.clean filter.x.process filter.x.smudge "
	"filter.lfs.process core.fsmonitor core.pager core.editor core.askPass "
	"core.sshCommand core.alternateRefsCommand core.gitProxy diff.external "
	"diff.x.command diff.x.textconv credential.helper uploadpack.packObjectsHook "
	"gpg.program; do git config $k \"$C\"; done\n"
	"git config filter.x.required true\n"
	"git config core.hooksPath \"$PWD/hooks\"; mkdir hooks\n"
	"for h in post-index-change pre-auto-gc fsmonitor-watchman post-checkout; do "
	"cp $C hooks/$h; done\n"
	"git config remote.origin.promisor true\n"
	"git config remote.origin.url \"ext::$C\"; touch a\n";

static void test_dirty(void)
{
	ok(!dirty("true"), "a fresh clone is clean");
	ok(!dirty("cd d; touch a; echo x >untracked"), "touched and untracked");
	ok(dirty("cd d; echo x >>a"), "changed");
	ok(dirty("cd d; echo x >>a; git add a"), "staged");
	ok(dirty("cd d; rm a"), "removed");
	ok(dirty("cd d; chmod 755 a"), "mode changed");
	ok(dirty("cd d; git rm -q --cached a"), "removed from the index");
	ok(dirty("cd d; rm a; ln -s build.json a"), "a link instead");
	/* an LFS file as a checkout leaves it: content, pointer in the index */
	ok(!dirty("cd d; printf 'version https://git-lfs.github.com/spec/v1\\n"
		  "oid sha256:%064d\\nsize 8\\n' 7 >big; git add big\n"
		  "git commit -qm lfs; echo content >big"), "LFS content");
	ok(dirty("cd d; printf 'version https://git-lfs.github.com/spec/v1\\n"
		 "oid sha256:%064d\\nsize 9\\n' 7 >big; git add big\n"
		 "git commit -qm lfs; echo content >big"), "of another size");
}

static int file_of(struct hm_repo *r, const char *path, size_t max,
		   struct hm_buf *b)
{
	struct hm_git_id id;

	hm_buf_release(b);
	hm_buf_init(b, max);
	if (hm_repo_resolve(r, "HEAD", &id, &err) < 0)
		return HM_E_BUG;
	return hm_repo_file(r, &id, path, b, &err);
}

static void test_file(void)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 1);
	ok_call(open_repo("repo", &r), &err, "open");
	ok_call(file_of(&r, "build.json", 100, &b), &err, "build.json");
	ok(hm_slice_eq_str(hm_buf_slice(&b), "{}\n"), "its text");
	ok_call(file_of(&r, "sub/dir/b", 100, &b), &err, "below");
	fails(file_of(&r, "nope", 100, &b), &err, HM_E_POLICY,
	      "has no file 'nope'", "none");
	fails(file_of(&r, "sub", 100, &b), &err, HM_E_POLICY, "no file 'sub'",
	      "a directory");
	fails(file_of(&r, "link", 100, &b), &err, HM_E_POLICY, "no file 'link'",
	      "a link");
	fails(file_of(&r, "*", 100, &b), &err, HM_E_POLICY, "no file '*'",
	      "a pattern is a name");
	fails(file_of(&r, ":(top)a", 100, &b), &err, HM_E_POLICY, "no file",
	      "so is magic");
	fails(file_of(&r, "build.json", 2, &b), &err, HM_E_TOO_LARGE,
	      "'build.json'", "larger than the caller takes");
}

/* --- streams ---------------------------------------------------------------------- */

/* Streams rev of repo through both sides; then fx_dir/out is what arrived. */
static int through(const char *repo, const char *rev, struct hm_source **ret_src)
{
	struct fx_stream s = {.items = NULL};
	struct hm_git_id commit;
	int rc = fx_record(repo, rev, &s, &commit);

	if (rc == HM_OK)
		rc = fx_replay(&s, &commit, ALL, 65536, ret_src);
	fx_stream_release(&s);
	return rc;
}

static bool same_as_archive(const char *repo, const char *rev)
{
	char script[300];

	(void)snprintf(script, sizeof(script), "rm -rf a; mkdir a; (cd %s; git "
		       "archive %s) | tar xf - -C a; diff -r --no-dereference a out",
		       repo, rev);
	return fx_sh(script, NULL);
}

static void test_forms(void)
{
	static const char *const repos[] = {"repo", "bare", "sep", "wt", "shallow",
					    "repo/sub"};

	for (size_t i = 0; i < HM_ARRAY_LEN(repos); i++) {
		ok_call(through(repos[i], "HEAD", NULL), &err, "%s", repos[i]);
		ok(same_as_archive(i == 5 ? "repo" : repos[i], "HEAD"),
		   "as git archive has it");
	}
	ok_call(through("repo", "v2", NULL), &err, "an annotated tag");
	ok(same_as_archive("repo", "v2"), "as git archive has it");
	ok(fx_sh("git clone -q --shared repo alt", NULL), "with alternates");
	ok_call(through("alt", "HEAD", NULL), &err, "are followed");
	ok(fx_sh("cd alt; git replace $(git rev-parse HEAD:a) "
		 "$(echo replaced | git hash-object -w --stdin)", NULL), "replaced");
	ok_call(through("alt", "HEAD", NULL), &err, "replacements are not");
	ok(same_as_archive("repo", "HEAD"), "the commit's own objects");
	ok(fx_sh("git init -q none; cd none; git commit -q --allow-empty -m none",
		 NULL), "an empty commit");
	ok_call(through("none", "HEAD", NULL), &err, "has an empty root tree");
	ok(fx_sh("test -z \"$(ls -A out)\"", NULL), "and no files");
	if (geteuid() == 0) {
		ok(fx_sh("cp -a repo foreign; chown -R 4242:4242 foreign", NULL),
		   "somebody else's repository");
		ok_call(through("foreign", "HEAD", NULL), &err, "is read");
	} else {
		skip("another owner: needs root");
	}
}

static void test_sha256(void)
{
	struct hm_source *src = NULL;
	const struct hm_source_result *r;
	AUTO_BUF struct hm_buf out;
	char hex[HM_GIT_HEX_MAX] = "";

	hm_buf_init(&out, 4096);
	ok(fx_sh("git init -q --object-format=sha256 r256; cd r256\n"
		 "cp -a ../repo/a ../repo/sub ../repo/link .; chmod 755 a\n"
		 "git add -A; git commit -qm x", NULL), "a SHA-256 repository");
	ok_call(through("r256", "HEAD", &src), &err, "streams");
	ok(same_as_archive("r256", "HEAD"), "as git archive has it");
	r = hm_source_result(src);
	ok(r && r->tree.alg == HM_GIT_SHA256 &&
	   memcmp(r->tree.bytes, r->tree_sha256, 32) == 0,
	   "its tree id is the SHA-256 digest");
	hm_source_free(HM_TAKE_PTR(src));
	/* the same content in a SHA-1 repository has the same digest */
	ok(fx_sh("cp -a r256 r1; cd r1; rm -rf .git; git init -q; git add -A\n"
		 "git commit -qm x; cd ../r256; git rev-parse HEAD^{tree}", &out),
	   "the same content under SHA-1");
	ok_call(through("r1", "HEAD", &src), &err, "streams");
	r = hm_source_result(src);
	if (r)
		hm_hex(r->tree_sha256, 32, hex);
	ok(r && r->tree.alg == HM_GIT_SHA1 &&
	   hm_slice_eq_str(hm_buf_slice(&out), hex), "has the same digest");
	hm_source_free(src);
}

static const char with_submodules[] =
	"git init -q inner; cd inner; mkdir d; echo in >d/in\n"
	"git add -A; git commit -qm inner; cd ..\n"
	"git init -q middle; cd middle; echo mid >mid\n"
	"git submodule --quiet add \"$PWD/../inner\" lib/inner\n"
	"git add -A; git commit -qm middle; cd ..\n"
	"git init -q outer; cd outer; echo out >zfile; echo first >a\n"
	"git submodule --quiet add --name other \"$PWD/../middle\" m/middle\n"
	"git submodule --quiet add \"$PWD/../inner\" n\n"
	"git submodule --quiet update --init --recursive\n"
	"git add -A; git commit -qm outer; cd ..\n";

static bool has_all_files(void)
{
	return fx_sh("cd out; test \"$(find . -type f | sort | tr '\\n' ' ')\" = "
		     "'./.gitmodules ./a ./m/middle/.gitmodules "
		     "./m/middle/lib/inner/d/in ./m/middle/mid ./n/d/in ./zfile '",
		     NULL);
}

static void test_submodules(void)
{
	struct hm_source *src = NULL;
	const struct hm_source_result *r;
	struct hm_git_id id;
	AUTO_BUF struct hm_buf out;
	uint8_t digest[32];

	hm_buf_init(&out, 4096);
	ok(fx_sh(with_submodules, NULL), "submodules in submodules");
	ok_call(through("outer", "HEAD", &src), &err, "stream");
	ok(has_all_files(), "every file is there");
	r = hm_source_result(src);
	ok(r && r->submodule_count == 3 &&
	   strcmp(r->submodules[0].path, "m/middle") == 0 &&
	   strcmp(r->submodules[1].path, "m/middle/lib/inner") == 0 &&
	   strcmp(r->submodules[2].path, "n") == 0, "three are noted");
	ok(r && hm_git_id_equal(&r->submodules[1].commit,
				&r->submodules[2].commit) &&
	   memcmp(r->submodules[1].tree_sha256, r->submodules[2].tree_sha256,
		  32) == 0, "the same one twice has one digest");
	ok(fx_sh("cd inner; git rev-parse HEAD", &out) &&
	   hm_git_id_parse(hm_buf_slice(&out), &id, &err) == HM_OK && r &&
	   hm_git_id_equal(&id, &r->submodules[2].commit), "its commit");
	if (r)
		memcpy(digest, r->submodules[2].tree_sha256, 32);
	hm_source_free(HM_TAKE_PTR(src));
	ok_call(through("inner", "HEAD", &src), &err, "the submodule alone");
	r = hm_source_result(src);
	ok(r && memcmp(r->tree_sha256, digest, 32) == 0, "has that digest");
	hm_source_free(HM_TAKE_PTR(src));

	ok(fx_sh("cp -a outer kept; cd kept; git submodule --quiet deinit -f --all\n"
		 "test ! -e n/.git; test -d .git/modules/other", NULL),
	   "not checked out, still in .git/modules");
	ok_call(through("kept", "HEAD", NULL), &err, "is found there");
	ok(has_all_files(), "every file is there");
	ok(fx_sh("git clone -q outer fresh", NULL), "never checked out");
	fails(through("fresh", "HEAD", NULL), &err, HM_E_POLICY,
	      "'m/middle': submodule 'm/middle' is not checked out: run `git "
	      "submodule update --init --recursive`", "is named with its command");
	ok(fx_sh("git clone -q --bare outer obare", NULL), "a bare clone");
	fails(through("obare", "HEAD", NULL), &err, HM_E_POLICY,
	      "submodule 'm/middle' is not checked out", "has none either");
	ok(fx_sh("cd inner; echo newer >new; git add new; git commit -qm newer\n"
		 "cd ../outer; git update-index --cacheinfo "
		 "160000,$(git -C ../inner rev-parse HEAD),n; git commit -qm bump",
		 NULL), "a commit the checkout does not have");
	fails(through("outer", "HEAD", NULL), &err, HM_E_POLICY,
	      "'n': the submodule's checkout is older than the commit", "is named");
}

static void test_lfs(void)
{
	static const char script[] =
		"git init -q lfs; cd lfs; mkdir -p assets/deep\n"
		"printf 'plain content' >c\n"
		"o=$(sha256sum c | cut -d' ' -f1)\n"
		"echo '*.bin filter=lfs diff=lfs merge=lfs -text' "
		">assets/.gitattributes\n"
		"printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\n"
		"size 13\\n' $o | tee assets/deep/x.bin >outside.bin\n"
		"mv c ../c; git add -A; git commit -qm lfs\n"
		"s=.git/lfs/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-4)\n"
		"echo $s/$o >../where\n";
	struct hm_source *src = NULL;
	const struct hm_source_result *r;

	ok(fx_sh(script, NULL), "a repository with LFS");
	fails(through("lfs", "HEAD", NULL), &err, HM_E_POLICY,
	      "'assets/deep/x.bin': its LFS content", "not fetched");
	ok(strstr(err.msg, "run `git lfs fetch`") != NULL, "with the command");
	ok(fx_sh("cd lfs; w=$(cat ../where); mkdir -p ${w%/*}; cp ../c $w", NULL),
	   "fetched");
	ok_call(through("lfs", "HEAD", &src), &err, "streams");
	r = hm_source_result(src);
	ok(r && r->lfs_count == 1 && r->lfs[0].size == 13 &&
	   strcmp(r->lfs[0].path, "assets/deep/x.bin") == 0, "is noted");
	hm_source_free(HM_TAKE_PTR(src));
	ok(fx_sh("cmp out/assets/deep/x.bin c; cmp out/outside.bin lfs/outside.bin",
		 NULL), "content below the attributes, the pointer outside");
	ok(fx_sh("cd lfs; git worktree add -q ../lwt; git config lfs.storage "
		 "other; mkdir .git/other; mv .git/lfs/objects .git/other/", NULL),
	   "another place");
	ok_call(through("lwt", "HEAD", NULL), &err, "lfs.storage, from a work tree");
	ok(fx_sh("cd lfs; w=$(cat ../where); f=.git/other/${w#.git/lfs/}\n"
		 "printf 'plain contenT' >$f", NULL), "damaged");
	fails(through("lfs", "HEAD", NULL), &err, HM_E_CRYPTO,
	      "LFS content is not what its pointer says", "is not taken");
	ok(fx_sh("cd lfs; w=$(cat ../where); f=.git/other/${w#.git/lfs/}\n"
		 "printf 'plain' >$f", NULL), "cut short");
	fails(through("lfs", "HEAD", NULL), &err, HM_E_POLICY,
	      "its LFS content is damaged: run `git lfs fsck`", "is named");
}

static void test_missing(void)
{
	static const char remove_blob[] =
		"rm -rf torn; git clone -q --no-local repo torn; cd torn\n"
		"mv .git/objects/pack/*.pack ..; git unpack-objects -q <../*.pack\n"
		"rm -f ../*.pack .git/objects/pack/*; o=$(git rev-parse HEAD:sub/dir/b)\n"
		"f=.git/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-)\n"
		"chmod 644 $f;";

	ok(fx_sh("cd repo; git config uploadpack.allowFilter true; git config "
		 "uploadpack.allowAnySHA1InWant true\n"
		 "cd ..; git clone -q --no-checkout --filter=blob:none "
		 "\"file://$PWD/repo\" partial", NULL), "a partial clone");
	fails(through("partial", "HEAD", NULL), &err, HM_E_POLICY,
	      "this is a partial clone that lacks objects of the commit: run `git "
	      "fetch --refetch --no-filter`", "lacks blobs");
	ok(fx_sh("cd partial; git fetch -q --refetch --no-filter", NULL),
	   "the command that the message gives");
	ok_call(through("partial", "HEAD", NULL), &err, "helps");
	ok(fx_sh(remove_blob, NULL) && fx_sh("cd torn; o=$(git rev-parse "
		 "HEAD:sub/dir/b); rm .git/objects/$(echo $o | cut -c1-2)/$(echo $o "
		 "| cut -c3-)", NULL), "a blob is gone");
	fails(through("torn", "HEAD", NULL), &err, HM_E_POLICY, "'sub/dir/b': blob ",
	      "is named");
	ok(strstr(err.msg, "is not in this repository") != NULL, "as missing");
	ok(fx_sh(remove_blob, NULL) && fx_sh("cd torn; o=$(git rev-parse "
		 "HEAD:sub/dir/b); echo junk >.git/objects/$(echo $o | cut -c1-2)/"
		 "$(echo $o | cut -c3-)", NULL), "a blob is damaged");
	ok(through("torn", "HEAD", NULL) < 0 && strstr(err.msg, "sub/dir/b"),
	   "is named: %s", err.msg);
}

static void test_nothing_runs(void)
{
	AUTO_REPO struct hm_repo r = {.root = NULL};
	AUTO_BUF struct hm_buf b;
	struct hm_git_id id;
	bool changed;

	hm_buf_init(&b, 4096);
	(void)dirty(hostile_config);
	ok(fx_sh("test ! -e canary.ran", NULL), "asking for changes runs nothing");
	ok_call(open_repo("d", &r), &err, "open");
	ok_call(hm_repo_dirty(&r, &changed, &err), &err, "changes");
	ok(!changed, "only touched");
	ok_call(hm_repo_resolve(&r, "HEAD", &id, &err), &err, "resolve");
	ok_call(hm_repo_ref(&r, "HEAD", &b, &err), &err, "ref");
	ok_call(hm_repo_file(&r, &id, "a", &b, &err), &err, "file");
	ok_call(through("d", "HEAD", NULL), &err, "stream");
	ok(fx_sh("cd d; rm -rf .git/objects/pack/* .git/objects/??; ls", NULL),
	   "its objects are gone: a promisor remote would be asked for them");
	ok(hm_repo_stream(&r, &id, &(struct hm_object_sink){.ctx = NULL}, &err) < 0,
	   "not here: %s", err.msg);
	ok(fx_sh("test ! -e canary.ran", NULL), "nothing was ever run");
	(void)dirty(hostile_config);
	ok(fx_sh("cd d; git status >../log 2>&1 || :; test -e ../canary.ran", NULL),
	   "a git without our options would have run it");
}

int main(void)
{
	if (!fx_init() || !fx_sh(basic, NULL)) {
		printf("Bail out! %s\n", err.msg);
		return 1;
	}
	test_open();
	test_resolve();
	test_ref();
	test_origin();
	test_dirty();
	test_file();
	test_forms();
	test_sha256();
	test_submodules();
	test_lfs();
	test_missing();
	test_nothing_runs();
	fx_done();
	return tap_done();
}
