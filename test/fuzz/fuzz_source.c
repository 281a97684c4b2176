/*
 * The source receiver. Random bytes would never get past the first id, so the
 * input describes objects and the ids in commits and trees are put right first:
 * what is left to go wrong is everything but hashing. Property: no error and
 * every object taken, or an error and no result; and nothing is ever written
 * beside the directory.
 *
 * Input: u8 algorithm and frame size; then per object u8 kind, u8 added to the
 * declared size, u16 length, bytes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "enclave-worker/source.h"
#include "lib/githash.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECTS_MAX 64U

struct object {
	uint8_t kind, more;
	size_t len;
	uint8_t *data;		/* OBJECT_HEAD bytes of room, then the content */
};

static char dir[] = "/dev/shm/hm-fuzz-XXXXXX";
static int dir_fd = -1;

static void remove_dir(void)
{
	int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)!hm_tree_remove(shm, dir + strlen("/dev/shm/"), NULL);
	(void)close(shm);
}

static void make_dir(void)
{
	if (dir_fd >= 0)
		return;
	HM_BUG_ON(!mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HM_BUG_ON(dir_fd < 0 || mkdirat(dir_fd, "victim", 0700) < 0);
	(void)atexit(remove_dir);
}

static struct hm_git_id id_of(enum hm_git_alg alg, const struct object *o)
{
	static struct hm_git_hasher *hashers[2];	/* for the whole run */
	struct hm_git_id id = {.alg = alg};
	enum hm_git_type type = o->kind >= 1 && o->kind <= 3 ?
					(enum hm_git_type)o->kind : HM_GIT_BLOB;
	struct hm_err err;

	if (!hashers[alg])
		HM_BUG_ON(hm_git_hasher_new(alg, &hashers[alg], &err) < 0);
	HM_BUG_ON(hm_git_hasher_begin(hashers[alg], type, o->len, &err) < 0 ||
		  hm_git_hasher_update(hashers[alg], o->data + HM_OBJECT_HEAD,
				       o->len, &err) < 0 ||
		  hm_git_hasher_end(hashers[alg], &id, &err) < 0);
	return id;
}

/*
 * Objects stand in the order in which they are referred to, so from the last to
 * the first, each takes the ids of those that no later one has taken.
 */
static void put_ids(struct object *o, size_t count, enum hm_git_alg alg,
		    struct hm_git_id *ret_first)
{
	struct hm_git_id waiting[OBJECTS_MAX];
	size_t n = 0, id_len = hm_git_id_len(alg);

	for (size_t i = count; i-- > 0;) {
		uint8_t *p = o[i].data + HM_OBJECT_HEAD, *end = p + o[i].len;

		if (o[i].kind == HM_GIT_COMMIT && n > 0 &&
		    o[i].len >= 5 + 2 * id_len) {
			char hex[HM_GIT_HEX_MAX];

			hm_git_id_hex(&waiting[--n], hex);
			memcpy(p + 5, hex, 2 * id_len);
		}
		while (o[i].kind == HM_GIT_TREE && n > 0) {
			uint8_t *nul = memchr(p, 0, (size_t)(end - p));

			if (!nul || (size_t)(end - nul - 1) < id_len)
				break;
			memcpy(nul + 1, waiting[--n].bytes, id_len);
			p = nul + 1 + id_len;
		}
		if (o[i].kind != HM_OBJECT_LFS)
			waiting[n++] = id_of(alg, &o[i]);
	}
	if (n > 0)
		*ret_first = waiting[n - 1];
}

static int feed(struct hm_source *s, struct object *o, size_t frame)
{
	size_t at = 0, all = HM_OBJECT_HEAD + o->len;
	struct hm_err err;
	int rc;

	o->data[0] = o->kind;
	hm_put_u64be(o->data + 1, o->len + o->more);
	do {
		size_t n = all - at < frame + HM_OBJECT_HEAD ?
				   all - at : frame + HM_OBJECT_HEAD;
		uint16_t flags = at == 0 ? HM_FF_FIRST : 0;

		if (at + n == all)
			flags |= HM_FF_LAST;
		rc = hm_source_frame(s, flags, hm_slice(o->data + at, n), &err);
		at += n;
	} while (rc == HM_OK && at < all);
	return rc;
}

static void check_beside(void)
{
	int fd = openat(dir_fd, "victim", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int n = 0;
	DIR *d = fdopendir(fd);

	HM_BUG_ON(!d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	HM_BUG_ON(n != 2);	/* "." and ".." */
}

static void run(struct object *o, size_t count, enum hm_git_alg alg, size_t frame)
{
	struct hm_source_spec spec = {.max_bytes = 1U << 20,
				      .commit = {.alg = alg}};
	struct hm_source *s = NULL;
	struct hm_err err;
	size_t taken = 0;
	int rc;

	make_dir();
	put_ids(o, count, alg, &spec.commit);
	HM_BUG_ON(hm_tree_remove(dir_fd, "out", &err) < 0 ||
		  mkdirat(dir_fd, "out", 0700) < 0);
	spec.dest_fd = openat(dir_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = hm_source_new(&spec, &s, &err);
	for (; rc == HM_OK && taken < count; taken++)
		rc = feed(s, &o[taken], frame);
	if (s) {
		HM_BUG_ON(rc < 0 && hm_source_complete(s));
		HM_BUG_ON(hm_source_complete(s) != !!hm_source_result(s));
	}
	check_beside();
	hm_source_free(s);
	(void)close(spec.dest_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct object o[OBJECTS_MAX];
	size_t count = 0, at = 1;

	if (size < 1)
		return 0;
	while (count < OBJECTS_MAX && size - at >= 4) {
		size_t len = hm_get_u16be(data + at + 2);

		if (len > size - at - 4)
			len = size - at - 4;
		o[count] = (struct object){.kind = data[at],
					   .more = data[at + 1], .len = len};
		o[count].data = malloc(HM_OBJECT_HEAD + len);
		HM_BUG_ON(!o[count].data);
		memcpy(o[count].data + HM_OBJECT_HEAD, data + at + 4, len);
		at += 4 + len;
		count++;
	}
	run(o, count, (data[0] & 1) ? HM_GIT_SHA256 : HM_GIT_SHA1, data[0] >> 1);
	for (size_t i = 0; i < count; i++)
		free(o[i].data);
	return 0;
}
