/*
 * The queue on disk: one JSON file per item, replaced atomically, locked while
 * somebody is at it. The directory is the operator's; a file in it that is not
 * ours, or was cut by a full disk, is reported and left where it is.
 */
#include "runner-hook/publish_item.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/path.h"

#define ITEM_SUFFIX ".json"
/* A host that is offline for a year of builds. */
#define QUEUE_MAX 100000U

void hm_publish_item_init(struct hm_publish_item *it)
{
	memset(it, 0, sizeof(*it));
	it->lock_fd = -1;
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++)
		hm_buf_init(&it->bundles[i], HM_BUNDLE_MAX);
}

void hm_publish_item_release(struct hm_publish_item *it)
{
	free(it->tar);
	free(it->log);
	it->tar = it->log = NULL;
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++)
		hm_buf_release(&it->bundles[i]);
	hm_cleanup_fd(&it->lock_fd);
}

static void item_name(const char *id, char out[HM_PUBLISH_ID_LEN + 8])
{
	(void)snprintf(out, HM_PUBLISH_ID_LEN + 8, "%.*s" ITEM_SUFFIX,
		       HM_PUBLISH_ID_LEN, id);
}

int hm_queue_open(const char *path, int *ret_dir, struct hm_err *err)
{
	int rc = hm_mkdirs_durable(path, 0700, err);
	int fd;

	if (rc != HM_OK)
		return hm_err_prefix(err, "publishing queue");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "publishing queue");
	*ret_dir = fd;
	return HM_OK;
}

static struct hm_json *bundles_json(const struct hm_publish_item *it)
{
	struct hm_json *list = hm_json_new_array();

	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		AUTO_BUF struct hm_buf text;

		hm_buf_init(&text, HM_PUBLISH_ITEM_MAX);
		if (hm_base64_add(&text, hm_buf_slice(&it->bundles[i]), NULL) !=
		    HM_OK || !hm_json_append(list, hm_json_new_string(
						     hm_buf_slice(&text)))) {
			hm_json_free(list);
			return NULL;
		}
	}
	return list;
}

int hm_queue_save(int dir, const struct hm_publish_item *it, struct hm_err *err)
{
	AUTO_JSON struct hm_json *o = hm_json_new_object();
	char name[HM_PUBLISH_ID_LEN + 8];
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_buf_init(&text, HM_PUBLISH_ITEM_MAX);
	item_name(it->id, name);
	(void)(hm_json_set(o, "version", hm_json_new_integer(1)) &&
	       hm_json_set(o, "tar", hm_json_new_str(it->tar)) &&
	       hm_json_set(o, "log", hm_json_new_str(it->log)) &&
	       hm_json_set(o, "public", hm_json_new_bool(it->public_evidence)) &&
	       hm_json_set(o, "queuedMs", hm_json_new_integer(it->queued_ms)) &&
	       hm_json_set(o, "nextMs", hm_json_new_integer(it->next_ms)) &&
	       hm_json_set(o, "tries", hm_json_new_integer((int64_t)it->tries)) &&
	       hm_json_set(o, "bundles", bundles_json(it)));
	rc = hm_json_write(o, HM_JSON_PRETTY, &text, err);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(dir, name, hm_buf_slice(&text), 0600,
					  err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "publishing queue");
}

static int parse_bundles(const struct hm_json *list, struct hm_publish_item *it,
			 struct hm_err *err)
{
	if (!list || hm_json_count(list) != HM_PUBLISH_BUNDLES)
		return hm_fail(err, HM_E_FORMAT, 0, "bundles: not %d",
			       HM_PUBLISH_BUNDLES);
	for (size_t i = 0; i < HM_PUBLISH_BUNDLES; i++) {
		const char *text = hm_json_string(hm_json_at(list, i));

		if (!text || hm_base64_decode(&it->bundles[i],
					      hm_slice_str(text), err) != HM_OK)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "bundles.%zu: not base64", i);
	}
	return HM_OK;
}

static int parse_item(struct hm_slice text, struct hm_publish_item *it,
		      struct hm_err *err)
{
	AUTO_JSON struct hm_json *o = NULL;
	const char *tar, *log;
	int64_t version = 0, tries = 0;
	int rc = hm_json_parse(text, HM_PUBLISH_ITEM_MAX, &o, err);

	if (rc != HM_OK)
		return rc;
	tar = hm_json_get_string(o, "tar");
	log = hm_json_get_string(o, "log");
	if (!hm_json_integer(hm_json_get(o, "version"), &version) ||
	    version != 1 || !tar || !log ||
	    !hm_json_bool(hm_json_get(o, "public"), &it->public_evidence) ||
	    !hm_json_integer(hm_json_get(o, "queuedMs"), &it->queued_ms) ||
	    !hm_json_integer(hm_json_get(o, "nextMs"), &it->next_ms) ||
	    !hm_json_integer(hm_json_get(o, "tries"), &tries) || tries < 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "not an item of this version");
	it->tries = (uint64_t)tries;
	it->tar = strdup(tar);
	it->log = strdup(log);
	if (!it->tar || !it->log)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	return parse_bundles(hm_json_get(o, "bundles"), it, err);
}

/* The lock is on the file; a replaced or removed one is not the item any more. */
static int lock_item(int dir, const char *name, int *ret_fd, bool *ret_busy,
		     struct hm_err *err)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat by_fd, by_name;

	*ret_busy = true;
	if (fd < 0 && errno == ENOENT)
		return HM_OK;
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return HM_OK;
	if (fstat(fd, &by_fd) < 0 ||
	    fstatat(dir, name, &by_name, AT_SYMLINK_NOFOLLOW) < 0 ||
	    by_fd.st_ino != by_name.st_ino)
		return HM_OK;
	*ret_busy = false;
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

int hm_queue_load(int dir, const char *id, struct hm_publish_item *ret_it,
		  bool *ret_busy, struct hm_err *err)
{
	AUTO_PUBLISH_ITEM struct hm_publish_item it;
	char name[HM_PUBLISH_ID_LEN + 8];
	AUTO_BUF struct hm_buf text;
	int rc;

	hm_publish_item_init(&it);
	hm_buf_init(&text, HM_PUBLISH_ITEM_MAX);
	item_name(id, name);
	(void)snprintf(it.id, sizeof(it.id), "%s", id);
	rc = lock_item(dir, name, &it.lock_fd, ret_busy, err);
	if (rc == HM_OK && *ret_busy)
		return HM_OK;
	if (rc == HM_OK)
		rc = hm_io_read_to_end(it.lock_fd, &text, HM_NO_DEADLINE, err);
	if (rc == HM_OK)
		rc = parse_item(hm_buf_slice(&text), &it, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "publishing queue: '%s'", name);
	hm_publish_item_release(ret_it);
	*ret_it = it;
	hm_publish_item_init(&it);	/* transferred */
	return HM_OK;
}

int hm_queue_remove(int dir, const struct hm_publish_item *it,
		    struct hm_err *err)
{
	char name[HM_PUBLISH_ID_LEN + 8];

	item_name(it->id, name);
	if ((unlinkat(dir, name, 0) < 0 && errno != ENOENT) || fsync(dir) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "publishing queue: '%s'", name);
	return HM_OK;
}

struct listed {
	char id[HM_PUBLISH_ID_LEN + 1];
	struct timespec when;
};

static int by_age(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->when.tv_sec != y->when.tv_sec)
		return x->when.tv_sec < y->when.tv_sec ? -1 : 1;
	if (x->when.tv_nsec != y->when.tv_nsec)
		return x->when.tv_nsec < y->when.tv_nsec ? -1 : 1;
	return strcmp(x->id, y->id);
}

static bool is_item(const char *name)
{
	uint8_t raw[HM_PUBLISH_ID_LEN / 2];

	return strlen(name) == HM_PUBLISH_ID_LEN + strlen(ITEM_SUFFIX) &&
	       strcmp(name + HM_PUBLISH_ID_LEN, ITEM_SUFFIX) == 0 &&
	       hm_unhex(hm_slice(name, HM_PUBLISH_ID_LEN), raw, sizeof(raw));
}

static int add_listed(int dir, const char *name, struct listed **list,
		      size_t *count, struct hm_err *err)
{
	struct listed *grown;
	struct stat st;

	if (!is_item(name) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return HM_OK;
	if (*count == QUEUE_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "publishing queue: more than %u items",
			       QUEUE_MAX);
	grown = reallocarray(*list, *count + 1, sizeof(**list));
	if (!grown)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	*list = grown;
	(void)snprintf(grown[*count].id, sizeof(grown->id), "%.*s",
		       HM_PUBLISH_ID_LEN, name);
	grown[(*count)++].when = st.st_mtim;
	return HM_OK;
}

int hm_queue_list(int dir, char (**ret_ids)[HM_PUBLISH_ID_LEN + 1],
		  size_t *ret_count, struct hm_err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	AUTO_FREE struct listed *list = NULL;
	struct dirent *e;
	size_t count = 0;
	int rc = HM_OK;

	if (!d) {
		hm_cleanup_fd(&copy);
		return hm_fail(err, HM_E_SYSTEM, errno, "publishing queue");
	}
	while (rc == HM_OK && (e = readdir(d)) != NULL)
		rc = add_listed(dir, e->d_name, &list, &count, err);
	(void)closedir(d);
	if (rc != HM_OK)
		return rc;
	if (count > 0)
		qsort(list, count, sizeof(*list), by_age);
	*ret_ids = calloc(count + 1, sizeof(**ret_ids));
	if (!*ret_ids)
		return hm_fail(err, HM_E_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < count; i++)
		memcpy((*ret_ids)[i], list[i].id, sizeof(list[i].id));
	*ret_count = count;
	return HM_OK;
}
