/*
 * The strict reader of our release tar; its input is as hostile as can be. It
 * takes name, mode, size and time out of the headers, makes the headers again
 * with the writer's own function, and compares: whatever the writer would not
 * have put there is refused, so two programs cannot read two different lists
 * of files out of one archive that passed (CVE-2025-62518 class).
 */
#include "lib/tar_read.h"

#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/tar_header.h"

/* Big enough that the read calls vanish beside the hashing. */
#define CHUNK (256U << 10)

struct tar_in {
	int fd;
	uint64_t offset;	/* of buf[pos] in the file */
	size_t pos, len;
	unsigned int entries;
	int64_t mtime_s;	/* of the first file; all have the same */
	struct hm_tar_names names;
	/* Of the current file, as read. */
	struct hm_tar_head head;
	struct hm_tar_head again;
	uint8_t buf[CHUNK];
};

/* At least one byte into an empty buf; 0 bytes is the end of the file. */
static int refill(struct tar_in *t, struct hm_err *err)
{
	HM_BUG_ON(t->pos != t->len);
	t->pos = t->len = 0;
	return hm_io_read_some(t->fd, t->buf, sizeof(t->buf), HM_NO_DEADLINE,
			       &t->len, err);
}

static int take(struct tar_in *t, uint8_t *out, size_t len, struct hm_err *err)
{
	while (len > 0) {
		size_t n;
		int rc;

		if (t->pos == t->len) {
			rc = refill(t, err);
			if (rc < 0)
				return rc;
			if (t->len == 0)
				return hm_fail(err, HM_E_FORMAT, 0,
					       "tar: cut off after %llu bytes",
					       (unsigned long long)t->offset);
		}
		n = t->len - t->pos < len ? t->len - t->pos : len;
		memcpy(out, t->buf + t->pos, n);
		t->pos += n;
		t->offset += n;
		out += n;
		len -= n;
	}
	return HM_OK;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

/* Octal digits up to the NUL that must end the field. */
static bool get_octal(const uint8_t *field, size_t digits, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < digits; i++) {
		if (field[i] < '0' || field[i] > '7')
			return false;
		v = v << 3 | (uint64_t)(field[i] - '0');
	}
	*ret = v;
	return field[digits] == 0;
}

/* A field's text: up to its first NUL. */
static struct hm_slice get_text(const uint8_t *field, size_t max)
{
	const uint8_t *nul = memchr(field, 0, max);

	return hm_slice(field, nul ? (size_t)(nul - field) : max);
}

/*
 * One pax record off *rest when it is for key. The length in front is not
 * believed (the comparison with our own header settles it); the value ends at
 * the newline, which no name of ours can hold.
 */
static bool pax_record(struct hm_slice *rest, const char *key,
		       struct hm_slice *ret_value)
{
	const uint8_t *blank = memchr(rest->ptr, ' ', rest->len);
	size_t key_len = strlen(key);
	const uint8_t *value, *end;
	size_t left;

	if (!blank)
		return false;
	left = rest->len - (size_t)(blank + 1 - rest->ptr);
	if (left <= key_len || memcmp(blank + 1, key, key_len) != 0 ||
	    blank[1 + key_len] != '=')
		return false;
	value = blank + 1 + key_len + 1;
	left -= key_len + 1;
	end = memchr(value, '\n', left);
	if (!end)
		return false;
	*ret_value = hm_slice(value, (size_t)(end - value));
	*rest = hm_slice(end + 1, left - ret_value->len - 1);
	return true;
}

static const char *type_name(uint8_t type)
{
	switch (type) {
	case '1':
		return "a hard link";
	case '2':
		return "a symbolic link";
	case '3':
	case '4':
		return "a device";
	case '5':
		return "a directory";
	case '6':
		return "a FIFO";
	case 'g':
		return "a global pax header";
	case 'L':
	case 'K':
		return "a GNU long name";
	default:
		return "of an unknown type";
	}
}

static int check_block(const uint8_t *block, uint64_t offset,
		       struct hm_err *err)
{
	uint64_t sum;

	if (memcmp(block + HM_TAR_AT_MAGIC, "ustar", 6) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: no ustar header at byte %llu",
			       (unsigned long long)offset);
	if (!get_octal(block + HM_TAR_AT_CHECKSUM, 6, &sum) ||
	    sum != hm_tar_checksum(block))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: wrong header checksum at byte %llu",
			       (unsigned long long)offset);
	return HM_OK;
}

struct fields {
	uint8_t path[HM_PATH_MAX];	/* when prefix and name are joined */
	struct hm_slice name;
	uint64_t mode, size, mtime;
};

/* Name and size out of the pax header; the body is in t->head behind it. */
static int read_pax(struct tar_in *t, struct fields *f, bool *ret_path,
		    bool *ret_size, struct hm_err *err)
{
	uint8_t *body = t->head.bytes + HM_TAR_BLOCK;
	struct hm_slice rest, digits;
	uint64_t len;
	size_t padded;
	int rc;

	if (!get_octal(t->head.bytes + HM_TAR_AT_SIZE, 11, &len) || len == 0 ||
	    len > HM_TAR_PAX_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: pax header of a size we never write");
	padded = ((size_t)len + HM_TAR_BLOCK - 1) / HM_TAR_BLOCK * HM_TAR_BLOCK;
	rc = take(t, body, padded, err);
	if (rc < 0)
		return rc;
	t->head.len += padded;
	rest = hm_slice(body, (size_t)len);
	*ret_path = pax_record(&rest, "path", &f->name);
	*ret_size = pax_record(&rest, "size", &digits);
	if (*ret_size && !hm_parse_u64(digits, HM_TAR_MAX_BYTES, &f->size))
		return hm_fail(err, HM_E_FORMAT, 0, "tar: bad pax size '%s'",
			       HM_ESC(digits));
	if (rest.len > 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: pax record '%s' is not one of ours",
			       HM_ESC(rest));
	return take(t, t->head.bytes + t->head.len, HM_TAR_BLOCK, err);
}

/* prefix + '/' + name, or name alone. */
static void join_name(const uint8_t *block, struct fields *f)
{
	struct hm_slice prefix = get_text(block + HM_TAR_AT_PREFIX,
					  HM_TAR_AT_END - HM_TAR_AT_PREFIX);
	struct hm_slice name = get_text(block, HM_TAR_AT_MODE);

	if (prefix.len == 0) {
		f->name = name;
		return;
	}
	memcpy(f->path, prefix.ptr, prefix.len);
	f->path[prefix.len] = '/';
	memcpy(f->path + prefix.len + 1, name.ptr, name.len);
	f->name = hm_slice(f->path, prefix.len + 1 + name.len);
}

static int read_fields(struct tar_in *t, uint64_t offset, struct fields *f,
		       struct hm_err *err)
{
	const uint8_t *block = t->head.bytes;
	bool has_path = false, has_size = false;
	uint64_t size;
	int rc;

	rc = check_block(block, offset, err);
	if (rc < 0)
		return rc;
	if (block[HM_TAR_AT_TYPE] == 'x') {
		rc = read_pax(t, f, &has_path, &has_size, err);
		if (rc < 0)
			return rc;
		block = t->head.bytes + t->head.len;
		rc = check_block(block, t->offset - HM_TAR_BLOCK, err);
		if (rc < 0)
			return rc;
		t->head.len += HM_TAR_BLOCK;
	}
	if (!has_path)
		join_name(block, f);
	if (block[HM_TAR_AT_TYPE] != '0')
		return hm_fail(err, HM_E_POLICY, 0,
			       "tar: '%s' is %s; only regular files are allowed",
			       HM_ESC(f->name), type_name(block[HM_TAR_AT_TYPE]));
	if (!get_octal(block + HM_TAR_AT_MODE, 7, &f->mode) ||
	    !get_octal(block + HM_TAR_AT_SIZE, 11, &size) ||
	    !get_octal(block + HM_TAR_AT_MTIME, 11, &f->mtime))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: '%s': a number is not octal",
			       HM_ESC(f->name));
	if (!has_size)
		f->size = size;
	return HM_OK;
}

/* Which field the first wrong byte is in, for the message. */
static const char *field_at(size_t at)
{
	static const struct {
		size_t from;
		const char *name;
	} fields[] = {
		{HM_TAR_AT_NAME, "name"},   {HM_TAR_AT_MODE, "mode"},
		{HM_TAR_AT_UID, "uid"},	    {HM_TAR_AT_GID, "gid"},
		{HM_TAR_AT_SIZE, "size"},   {HM_TAR_AT_MTIME, "mtime"},
		{HM_TAR_AT_CHECKSUM, "checksum"},
		{HM_TAR_AT_TYPE, "type"},   {HM_TAR_AT_LINK, "link name"},
		{HM_TAR_AT_MAGIC, "magic"}, {HM_TAR_AT_USER, "user name"},
		{HM_TAR_AT_GROUP, "group name"},
		{HM_TAR_AT_DEVICE, "device"},
		{HM_TAR_AT_PREFIX, "prefix"},
		{HM_TAR_AT_END, "padding"},
	};
	const char *name = NULL;

	for (size_t i = 0; i < HM_ARRAY_LEN(fields); i++) {
		if (fields[i].from <= at)
			name = fields[i].name;
	}
	return name;
}

/*
 * Where two different heads differ first; a checksum only when nothing else
 * does, because it changes with every other field.
 */
static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t checksum = len;

	for (size_t i = 0; i < len; i++) {
		size_t at = i % HM_TAR_BLOCK;

		if (a[i] == b[i])
			continue;
		if (at < HM_TAR_AT_CHECKSUM || at >= HM_TAR_AT_TYPE)
			return i;
		if (checksum == len)
			checksum = i;
	}
	return checksum;
}

/* The headers must be those that the writer makes of what they say. */
static int check_head(struct tar_in *t, const struct fields *f,
		      struct hm_err *err)
{
	size_t at;
	int rc;

	rc = hm_tar_head_make(f->name, (unsigned int)f->mode, f->size,
			      (int64_t)f->mtime, &t->again, err);
	if (rc < 0)
		return rc;
	if (t->again.len == t->head.len &&
	    memcmp(t->again.bytes, t->head.bytes, t->head.len) == 0)
		return HM_OK;
	if (t->again.len != t->head.len)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: '%s': a pax header that is not needed",
			       HM_ESC(f->name));
	at = first_difference(t->again.bytes, t->head.bytes, t->head.len);
	if (t->head.len > HM_TAR_BLOCK && at >= HM_TAR_BLOCK &&
	    at < t->head.len - HM_TAR_BLOCK)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: '%s': a pax record is not as we write it",
			       HM_ESC(f->name));
	return hm_fail(err, HM_E_FORMAT, 0,
		       "tar: '%s': header field '%s' is not as we write it",
		       HM_ESC(f->name), field_at(at % HM_TAR_BLOCK));
}

static int read_data(struct tar_in *t, uint64_t size,
		     const struct hm_tar_events *events, void *ctx,
		     struct hm_err *err)
{
	uint8_t padding[HM_TAR_BLOCK];
	size_t pad = (size_t)(-size % HM_TAR_BLOCK);
	int rc;

	while (size > 0) {
		size_t n;

		if (t->pos == t->len) {
			rc = refill(t, err);
			if (rc < 0)
				return rc;
			if (t->len == 0)
				return hm_fail(err, HM_E_FORMAT, 0,
					       "tar: cut off after %llu bytes",
					       (unsigned long long)t->offset);
		}
		n = t->len - t->pos;
		if (n > size)
			n = (size_t)size;
		rc = events->data(ctx, t->buf + t->pos, n, err);
		if (rc < 0)
			return rc;
		t->pos += n;
		t->offset += n;
		size -= n;
	}
	rc = take(t, padding, pad, err);
	if (rc < 0)
		return rc;
	if (!is_zero(padding, pad))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: padding before byte %llu is not zero",
			       (unsigned long long)t->offset);
	return HM_OK;
}

static int read_entry(struct tar_in *t, uint64_t offset,
		      const struct hm_tar_events *events, void *ctx,
		      struct hm_err *err)
{
	struct hm_tar_entry entry;
	struct fields f;
	int rc;

	rc = read_fields(t, offset, &f, err);
	if (rc < 0)
		return rc;
	rc = check_head(t, &f, err);
	if (rc < 0)
		return rc;
	rc = hm_tar_names_next(&t->names, f.name, err);
	if (rc < 0)
		return rc;
	if (t->entries == HM_TAR_MAX_ENTRIES)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "tar: more than %u files", HM_TAR_MAX_ENTRIES);
	if (f.size > HM_TAR_MAX_BYTES || t->offset > HM_TAR_MAX_BYTES - f.size)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "tar: more than %llu bytes",
			       (unsigned long long)HM_TAR_MAX_BYTES);
	if (t->entries++ == 0)
		t->mtime_s = (int64_t)f.mtime;
	if ((int64_t)f.mtime != t->mtime_s)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: '%s' has another time than the files before",
			       HM_ESC(f.name));
	entry = (struct hm_tar_entry){
		.name = f.name,
		.mode = (unsigned int)f.mode,
		.size = f.size,
		.mtime_s = t->mtime_s,
	};
	rc = events->entry(ctx, &entry, err);
	if (rc < 0)
		return rc;
	rc = read_data(t, f.size, events, ctx, err);
	if (rc < 0)
		return rc;
	return events->end(ctx, err);
}

/* After the first zero block: one more, then the end of the file. */
static int read_end(struct tar_in *t, struct hm_err *err)
{
	uint8_t block[HM_TAR_BLOCK];
	int rc;

	rc = take(t, block, sizeof(block), err);
	if (rc < 0)
		return rc;
	if (!is_zero(block, sizeof(block)))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: a lone zero block before byte %llu",
			       (unsigned long long)t->offset);
	if (t->pos == t->len) {
		rc = refill(t, err);
		if (rc < 0)
			return rc;
	}
	if (t->len > 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "tar: bytes after the end marker, at %llu",
			       (unsigned long long)t->offset);
	return HM_OK;
}

int hm_tar_read(int fd, const struct hm_tar_events *events, void *ctx,
		struct hm_err *err)
{
	AUTO_FREE struct tar_in *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return hm_fail(err, HM_E_NOMEM, 0, "tar: out of memory");
	t->fd = fd;
	for (;;) {
		uint64_t offset = t->offset;

		rc = take(t, t->head.bytes, HM_TAR_BLOCK, err);
		if (rc < 0)
			return rc;
		t->head.len = HM_TAR_BLOCK;
		if (is_zero(t->head.bytes, HM_TAR_BLOCK))
			return read_end(t, err);
		rc = read_entry(t, offset, events, ctx, err);
		if (rc < 0)
			return rc;
	}
}
