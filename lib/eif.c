/*
 * Reading and measuring enclave images. What it distrusts: the header's tables.
 * AWS's tools walk the sections one after the other and never look at them,
 * QEMU follows them and never walks; an image on which the two disagree would
 * be measured as one thing and booted as another. So both must say the same:
 * sections contiguous, in order, as many as announced, the last one ending with
 * the file. It also distrusts every bit that has no meaning yet: it is refused,
 * not skipped.
 */
#include "lib/eif.h"

#include "lib/crc32.h"
#include "lib/eif_impl.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/num.h"

struct walk {
	int fd;
	struct hm_crc32 crc;
	struct hm_eif_measure measure;
	struct hm_buf signature;
	uint64_t at;	/* offset in the image */
	unsigned int kernels, cmdlines, metadatas;
	uint8_t header[HM_EIF_HEADER_LEN];
	uint8_t chunk[HM_EIF_CHUNK];
};

const char *hm_eif_type_name(enum hm_eif_type type)
{
	switch (type) {
	case HM_EIF_KERNEL:
		return "kernel";
	case HM_EIF_CMDLINE:
		return "cmdline";
	case HM_EIF_RAMDISK:
		return "ramdisk";
	case HM_EIF_SIGNATURE:
		return "signature";
	case HM_EIF_METADATA:
		return "metadata";
	}
	return "unknown";
}

void hm_eif_release(struct hm_eif *e)
{
	hm_buf_release(&e->cmdline);
	hm_buf_release(&e->metadata);
}

/* --- measuring --------------------------------------------------------------- */

int hm_eif_measure_init(struct hm_eif_measure *m, struct hm_err *err)
{
	int rc = HM_OK;

	*m = (struct hm_eif_measure){.ramdisks = 0};
	for (size_t i = 0; rc == HM_OK && i < HM_EIF_PCRS; i++)
		rc = hm_digest_new(HM_SHA384, &m->pcr[i], err);
	return rc;
}

void hm_eif_measure_release(struct hm_eif_measure *m)
{
	for (size_t i = 0; i < HM_EIF_PCRS; i++)
		hm_digest_cleanup(&m->pcr[i]);
}

void hm_eif_measure_begin(struct hm_eif_measure *m, enum hm_eif_type type)
{
	m->ramdisks += type == HM_EIF_RAMDISK;
}

int hm_eif_measure_add(struct hm_eif_measure *m, enum hm_eif_type type,
		       const void *data, size_t len, struct hm_err *err)
{
	bool later = type == HM_EIF_RAMDISK && m->ramdisks > 1;
	int rc;

	if (type == HM_EIF_SIGNATURE || type == HM_EIF_METADATA)
		return HM_OK;
	rc = hm_digest_update(m->pcr[0], data, len, err);
	return rc != HM_OK ? rc :
	       hm_digest_update(m->pcr[later ? 2 : 1], data, len, err);
}

int hm_eif_extend(const uint8_t digest[HM_SHA384_LEN],
		  uint8_t pcr[HM_SHA384_LEN], struct hm_err *err)
{
	uint8_t both[2 * HM_SHA384_LEN] = {0};

	memcpy(both + HM_SHA384_LEN, digest, HM_SHA384_LEN);
	return hm_sha384(hm_slice(both, sizeof(both)), pcr, err);
}

int hm_eif_measure_end(struct hm_eif_measure *m,
		       uint8_t pcr[HM_EIF_PCRS][HM_SHA384_LEN],
		       struct hm_err *err)
{
	int rc = HM_OK;

	for (size_t i = 0; rc == HM_OK && i < HM_EIF_PCRS; i++) {
		uint8_t digest[HM_SHA384_LEN];

		rc = hm_digest_final(m->pcr[i], digest, err);
		if (rc == HM_OK)
			rc = hm_eif_extend(digest, pcr[i], err);
	}
	return rc;
}

/* --- reading ----------------------------------------------------------------- */

static int take(struct walk *w, void *buf, size_t len, const char *what,
		struct hm_err *err)
{
	int rc = hm_io_read_full(w->fd, buf, len, HM_NO_DEADLINE, err);

	if (rc == HM_E_CLOSED)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: the file ends in the middle of it", what);
	if (rc == HM_OK)
		w->at += len;
	return rc;
}

static int check_header(const uint8_t *h, struct hm_err *err)
{
	unsigned int version = hm_get_u16be(h + HM_EIF_AT_VERSION);
	unsigned int flags = hm_get_u16be(h + HM_EIF_AT_FLAGS);
	unsigned int count = hm_get_u16be(h + HM_EIF_AT_COUNT);

	if (version < HM_EIF_VERSION_MIN || version > HM_EIF_VERSION_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "header: version %u is not one of 2 to 4",
			       version);
	if ((flags & ~HM_EIF_FLAG_ARM64) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "header: unknown flags 0x%04x",
			       flags & ~HM_EIF_FLAG_ARM64);
	if (hm_get_u16be(h + HM_EIF_AT_RESERVED) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "header: the reserved field at byte 24 is not 0");
	if (hm_get_u32be(h + HM_EIF_AT_UNUSED) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "header: the unused field at byte 540 is not 0");
	if (count < 2 || count > HM_EIF_SECTIONS_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "header: %u sections, not 2 to 32", count);
	for (unsigned int i = count; i < HM_EIF_SECTIONS_MAX; i++)
		if (hm_get_u64be(h + HM_EIF_AT_OFFSETS + 8 * i) != 0 ||
		    hm_get_u64be(h + HM_EIF_AT_SIZES + 8 * i) != 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "header: slot %u is used, but there are only %u sections",
				       i, count);
	return HM_OK;
}

static int read_header(struct walk *w, struct hm_eif *e, struct hm_err *err)
{
	uint8_t *h = w->header;
	size_t magic = strlen(HM_EIF_MAGIC);
	int rc = take(w, h, magic, "header", err);

	if (rc == HM_OK && memcmp(h, HM_EIF_MAGIC, magic) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "not an enclave image: it does not begin with '.eif'");
	if (rc == HM_OK)
		rc = take(w, h + magic, HM_EIF_HEADER_LEN - magic, "header",
			  err);
	if (rc == HM_OK)
		rc = check_header(h, err);
	if (rc != HM_OK)
		return rc;
	hm_crc32_update(&w->crc, h, HM_EIF_AT_CRC);
	e->version = hm_get_u16be(h + HM_EIF_AT_VERSION);
	e->arm64 = hm_get_u16be(h + HM_EIF_AT_FLAGS) == HM_EIF_FLAG_ARM64;
	e->default_mem = hm_get_u64be(h + HM_EIF_AT_MEM);
	e->default_cpus = hm_get_u64be(h + HM_EIF_AT_CPUS);
	e->section_count = hm_get_u16be(h + HM_EIF_AT_COUNT);
	e->crc32 = hm_get_u32be(h + HM_EIF_AT_CRC);
	return HM_OK;
}

/* How many of each, in which order, in which version. */
static int check_place(struct walk *w, struct hm_eif *e, enum hm_eif_type type,
		       struct hm_err *err)
{
	const char *problem = NULL;

	switch (type) {
	case HM_EIF_KERNEL:
		problem = w->kernels++ > 0 ? "a second kernel" : NULL;
		break;
	case HM_EIF_CMDLINE:
		problem = w->cmdlines++ > 0 ? "a second cmdline" : NULL;
		break;
	case HM_EIF_RAMDISK:
		problem = w->kernels == 0 ? "a ramdisk before the kernel" : NULL;
		break;
	case HM_EIF_SIGNATURE:
		if (e->version < HM_EIF_VERSION_SIGNATURE)
			problem = "a signature, which needs version 3";
		else if (e->has_signature)
			problem = "a second signature";
		e->has_signature = true;
		break;
	case HM_EIF_METADATA:
		if (e->version < HM_EIF_VERSION_METADATA)
			problem = "metadata, which need version 4";
		else if (w->metadatas++ > 0)
			problem = "a second metadata section";
		break;
	}
	return problem ? hm_fail(err, HM_E_FORMAT, 0, "%s", problem) : HM_OK;
}

/* Where the content is kept and how long it may be; NULL: it is only hashed. */
static struct hm_buf *kept(struct walk *w, struct hm_eif *e,
			   enum hm_eif_type type)
{
	switch (type) {
	case HM_EIF_CMDLINE:
		return &e->cmdline;
	case HM_EIF_METADATA:
		return &e->metadata;
	case HM_EIF_SIGNATURE:
		return &w->signature;
	case HM_EIF_KERNEL:
	case HM_EIF_RAMDISK:
		break;
	}
	return NULL;
}

static int read_section_header(struct walk *w, struct hm_eif *e, size_t i,
			       struct hm_err *err)
{
	uint64_t offset = hm_get_u64be(w->header + HM_EIF_AT_OFFSETS + 8 * i);
	uint64_t size = hm_get_u64be(w->header + HM_EIF_AT_SIZES + 8 * i);
	uint8_t head[HM_EIF_SECTION_HEADER_LEN];
	unsigned int type, flags;
	uint64_t own_size, end;
	int rc;

	if (offset != w->at)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "the header says it is at byte %llu, %s byte %llu",
			       (unsigned long long)offset,
			       offset < w->at ? "but what is before it reaches to" :
						"leaving a gap from",
			       (unsigned long long)w->at);
	rc = take(w, head, sizeof(head), "its header", err);
	if (rc != HM_OK)
		return rc;
	hm_crc32_update(&w->crc, head, sizeof(head));
	type = hm_get_u16be(head);
	flags = hm_get_u16be(head + 2);
	own_size = hm_get_u64be(head + 4);
	if (type < HM_EIF_KERNEL || type > HM_EIF_METADATA)
		return hm_fail(err, HM_E_FORMAT, 0, "unknown type %u", type);
	if (flags != 0)
		return hm_fail(err, HM_E_FORMAT, 0, "unknown flags 0x%04x",
			       flags);
	if (own_size != size)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "it says that it has %llu bytes, the file's header says %llu",
			       (unsigned long long)own_size,
			       (unsigned long long)size);
	if (!hm_u64_add(w->at, size, &end) || end > INT64_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%llu bytes: no file is that large",
			       (unsigned long long)size);
	e->sections[i] = (struct hm_eif_section){
		.type = (enum hm_eif_type)type, .offset = w->at, .size = size};
	return check_place(w, e, e->sections[i].type, err);
}

static int read_data(struct walk *w, struct hm_eif *e,
		     const struct hm_eif_section *s, struct hm_err *err)
{
	struct hm_buf *b = kept(w, e, s->type);
	uint64_t left = s->size;
	int rc = HM_OK;

	if (b && s->size > b->max)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%llu bytes, more than the limit of %zu",
			       (unsigned long long)s->size, b->max);
	if (s->type == HM_EIF_KERNEL && s->size == 0)
		return hm_fail(err, HM_E_FORMAT, 0, "it is empty");
	hm_eif_measure_begin(&w->measure, s->type);
	while (rc == HM_OK && left > 0) {
		size_t n = left < HM_EIF_CHUNK ? (size_t)left : HM_EIF_CHUNK;

		rc = take(w, w->chunk, n, "its data", err);
		if (rc != HM_OK)
			break;
		hm_crc32_update(&w->crc, w->chunk, n);
		rc = hm_eif_measure_add(&w->measure, s->type, w->chunk, n, err);
		if (rc == HM_OK && b)
			rc = hm_buf_add(b, w->chunk, n, err);
		left -= n;
	}
	return rc;
}

static int read_sections(struct walk *w, struct hm_eif *e, struct hm_err *err)
{
	for (size_t i = 0; i < e->section_count; i++) {
		int rc = read_section_header(w, e, i, err);

		if (rc != HM_OK)
			return hm_err_prefix(err, "section %zu", i);
		rc = read_data(w, e, &e->sections[i], err);
		if (rc != HM_OK)
			return hm_err_prefix(
				err, "section %zu (%s)", i,
				hm_eif_type_name(e->sections[i].type));
	}
	return HM_OK;
}

static int check_end(struct walk *w, struct hm_eif *e, struct hm_err *err)
{
	const char *missing = w->kernels == 0 ? "kernel" :
			      w->cmdlines == 0 ? "cmdline" :
			      w->measure.ramdisks == 0 ? "ramdisk" :
			      e->version >= HM_EIF_VERSION_METADATA &&
			      w->metadatas == 0 ? "metadata" : NULL;
	size_t more;
	int rc = hm_io_read_some(w->fd, w->chunk, 1, HM_NO_DEADLINE, &more, err);

	if (rc != HM_OK)
		return rc;
	if (more != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "bytes follow the last section, which ends at byte %llu",
			       (unsigned long long)w->at);
	if (missing)
		return hm_fail(err, HM_E_FORMAT, 0, "there is no %s section",
			       missing);
	if (hm_crc32_value(&w->crc) != e->crc32)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "the checksum is %08x, the header says %08x",
			       (unsigned int)hm_crc32_value(&w->crc),
			       (unsigned int)e->crc32);
	e->size = w->at;
	return HM_OK;
}

static int check_metadata(const struct hm_eif *e, struct hm_err *err)
{
	AUTO_JSON struct hm_json *v = NULL;
	int rc;

	if (e->version < HM_EIF_VERSION_METADATA)
		return HM_OK;
	rc = hm_json_parse(hm_buf_slice(&e->metadata), HM_EIF_METADATA_MAX, &v,
			   err);
	if (rc == HM_OK && hm_json_type(v) != HM_JSON_OBJECT)
		rc = hm_fail(err, HM_E_FORMAT, 0, "not a JSON object");
	return rc != HM_OK ? hm_err_prefix(err, "metadata") : HM_OK;
}

static int walk_image(struct walk *w, struct hm_eif *e, struct hm_err *err)
{
	int rc = hm_eif_measure_init(&w->measure, err);

	hm_crc32_init(&w->crc);
	if (rc == HM_OK)
		rc = read_header(w, e, err);
	if (rc == HM_OK)
		rc = read_sections(w, e, err);
	if (rc == HM_OK)
		rc = check_end(w, e, err);
	if (rc == HM_OK)
		rc = check_metadata(e, err);
	if (rc == HM_OK)
		rc = hm_eif_measure_end(&w->measure, e->pcr, err);
	if (rc == HM_OK && e->has_signature)
		rc = hm_eif_signature_check(hm_buf_slice(&w->signature), e,
					    err);
	return rc;
}

int hm_eif_read(int fd, struct hm_eif *ret, struct hm_err *err)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct hm_eif e = {.version = 0};
	int rc;

	if (!w)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "enclave image");
	w->fd = fd;
	hm_buf_init(&w->signature, HM_EIF_SIGNATURE_MAX);
	hm_buf_init(&e.cmdline, HM_EIF_CMDLINE_MAX);
	hm_buf_init(&e.metadata, HM_EIF_METADATA_MAX);
	rc = walk_image(w, &e, err);
	hm_eif_measure_release(&w->measure);
	hm_buf_release(&w->signature);
	free(w);
	if (rc == HM_OK)
		*ret = e;
	else
		hm_eif_release(&e);
	return rc;
}
