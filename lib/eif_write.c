/*
 * Writing enclave images. Sizes come from the inputs before they are read: one
 * that shrinks meanwhile is an error, one that grows is taken up to there. The
 * CRC stands before what it covers and a signature has no size before it is
 * made: so the file is written first and read back for its CRC, then once more
 * by the strict reader, which has the last word about everything.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "lib/crc32.h"
#include "lib/eif_impl.h"
#include "lib/io.h"
#include "lib/num.h"

/* AWS's builder writes these; nothing is known to read them. */
#define DEFAULT_MEM (1ULL << 30)
#define DEFAULT_CPUS 2U

struct writer {
	const struct hm_eif_plan *plan;
	int fd;
	struct hm_eif_measure measure;
	struct hm_crc32 crc;
	size_t count;	/* sections written */
	uint64_t at;
	uint8_t header[HM_EIF_HEADER_LEN];
	uint8_t chunk[HM_EIF_CHUNK];
};

void hm_eif_plan_init(struct hm_eif_plan *p)
{
	*p = (struct hm_eif_plan){
		.version = HM_EIF_VERSION_MAX,
		.default_mem = DEFAULT_MEM,
		.default_cpus = DEFAULT_CPUS,
	};
}

static int add_part(struct hm_eif_plan *p, struct hm_eif_part part,
		    struct hm_err *err)
{
	if (p->part_count == HM_EIF_SECTIONS_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "an image has at most %u sections",
			       HM_EIF_SECTIONS_MAX);
	p->parts[p->part_count++] = part;
	return HM_OK;
}

int hm_eif_plan_bytes(struct hm_eif_plan *p, enum hm_eif_type type,
		      struct hm_slice bytes, struct hm_err *err)
{
	return add_part(p, (struct hm_eif_part){.type = type, .fd = -1,
						.size = bytes.len,
						.bytes = bytes}, err);
}

int hm_eif_plan_file(struct hm_eif_plan *p, enum hm_eif_type type, int fd,
		     struct hm_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "fstat");
	if (!S_ISREG(st.st_mode))
		return hm_fail(err, HM_E_POLICY, 0, "not a regular file");
	return add_part(p, (struct hm_eif_part){.type = type, .fd = fd,
						.size = (uint64_t)st.st_size},
			err);
}

int hm_eif_plan_image(struct hm_eif_plan *p, const struct hm_eif *e, int fd,
		      struct hm_err *err)
{
	p->version = e->version;
	p->arm64 = e->arm64;
	p->default_mem = e->default_mem;
	p->default_cpus = e->default_cpus;
	for (size_t i = 0; i < e->section_count; i++) {
		const struct hm_eif_section *s = &e->sections[i];
		int rc;

		if (s->type == HM_EIF_SIGNATURE)
			continue;
		rc = add_part(p, (struct hm_eif_part){.type = s->type, .fd = fd,
						      .offset = s->offset,
						      .size = s->size}, err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int seek(int fd, uint64_t offset, struct hm_err *err)
{
	if (offset > INT64_MAX || lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "seek");
	return HM_OK;
}

static int put(struct writer *w, const void *data, size_t len,
	       struct hm_err *err)
{
	int rc = hm_io_write_all(w->fd, data, len, HM_NO_DEADLINE, err);

	if (rc == HM_OK)
		w->at += len;
	return rc;
}

static int begin_section(struct writer *w, enum hm_eif_type type, uint64_t size,
			 struct hm_err *err)
{
	uint8_t head[HM_EIF_SECTION_HEADER_LEN] = {0};

	if (w->count == HM_EIF_SECTIONS_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "an image has at most %u sections",
			       HM_EIF_SECTIONS_MAX);
	hm_put_u64be(w->header + HM_EIF_AT_OFFSETS + 8 * w->count, w->at);
	hm_put_u64be(w->header + HM_EIF_AT_SIZES + 8 * w->count, size);
	w->count++;
	hm_put_u16be(head, (uint16_t)type);
	hm_put_u64be(head + 4, size);
	hm_eif_measure_begin(&w->measure, type);
	return put(w, head, sizeof(head), err);
}

static int put_data(struct writer *w, enum hm_eif_type type, const void *data,
		    size_t len, struct hm_err *err)
{
	int rc = hm_eif_measure_add(&w->measure, type, data, len, err);

	return rc != HM_OK ? rc : put(w, data, len, err);
}

static int copy_file(struct writer *w, const struct hm_eif_part *part,
		     struct hm_err *err)
{
	uint64_t left = part->size;
	int rc = seek(part->fd, part->offset, err);

	while (rc == HM_OK && left > 0) {
		size_t n = left < HM_EIF_CHUNK ? (size_t)left : HM_EIF_CHUNK;

		rc = hm_io_read_full(part->fd, w->chunk, n, HM_NO_DEADLINE,
				     err);
		if (rc == HM_E_CLOSED)
			return hm_fail(err, HM_E_SYSTEM, 0,
				       "it got shorter while it was read");
		if (rc == HM_OK)
			rc = put_data(w, part->type, w->chunk, n, err);
		left -= n;
	}
	return rc;
}

static int put_parts(struct writer *w, struct hm_err *err)
{
	for (size_t i = 0; i < w->plan->part_count; i++) {
		const struct hm_eif_part *part = &w->plan->parts[i];
		int rc = begin_section(w, part->type, part->size, err);

		if (rc == HM_OK && part->fd < 0)
			rc = put_data(w, part->type, part->bytes.ptr,
				      part->bytes.len, err);
		else if (rc == HM_OK)
			rc = copy_file(w, part, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "%s",
					     hm_eif_type_name(part->type));
	}
	return HM_OK;
}

static int put_signature(struct writer *w, struct hm_err *err)
{
	AUTO_BUF struct hm_buf section;
	uint8_t pcr[HM_EIF_PCRS][HM_SHA384_LEN];
	int rc;

	hm_buf_init(&section, HM_EIF_SIGNATURE_MAX);
	rc = hm_eif_measure_end(&w->measure, pcr, err);
	if (rc == HM_OK)
		rc = hm_eif_signature_make(w->plan->key, w->plan->cert_pem,
					   pcr[0], &section, err);
	if (rc == HM_OK)
		rc = begin_section(w, HM_EIF_SIGNATURE, section.len, err);
	return rc != HM_OK ? rc : put(w, section.data, section.len, err);
}

static void fill_header(struct writer *w)
{
	uint8_t *h = w->header;

	memcpy(h, HM_EIF_MAGIC, strlen(HM_EIF_MAGIC));
	hm_put_u16be(h + HM_EIF_AT_VERSION, w->plan->version);
	hm_put_u16be(h + HM_EIF_AT_FLAGS,
		     w->plan->arm64 ? HM_EIF_FLAG_ARM64 : 0);
	hm_put_u64be(h + HM_EIF_AT_MEM, w->plan->default_mem);
	hm_put_u64be(h + HM_EIF_AT_CPUS, w->plan->default_cpus);
	hm_put_u16be(h + HM_EIF_AT_COUNT, (uint16_t)w->count);
}

/* The CRC of the header as it will be, then of the file as it is. */
static int finish_header(struct writer *w, struct hm_err *err)
{
	size_t n = 1;
	int rc = seek(w->fd, HM_EIF_HEADER_LEN, err);

	fill_header(w);
	hm_crc32_init(&w->crc);
	hm_crc32_update(&w->crc, w->header, HM_EIF_AT_CRC);
	while (rc == HM_OK && n > 0) {
		rc = hm_io_read_some(w->fd, w->chunk, HM_EIF_CHUNK,
				     HM_NO_DEADLINE, &n, err);
		if (rc == HM_OK)
			hm_crc32_update(&w->crc, w->chunk, n);
	}
	hm_put_u32be(w->header + HM_EIF_AT_CRC, hm_crc32_value(&w->crc));
	if (rc == HM_OK)
		rc = seek(w->fd, 0, err);
	return rc != HM_OK ? rc : put(w, w->header, HM_EIF_HEADER_LEN, err);
}

static int write_image(struct writer *w, struct hm_err *err)
{
	int rc = hm_eif_measure_init(&w->measure, err);

	if (rc == HM_OK)	/* zeros: no image until the end */
		rc = put(w, w->header, HM_EIF_HEADER_LEN, err);
	if (rc == HM_OK)
		rc = put_parts(w, err);
	if (rc == HM_OK && w->plan->key)
		rc = put_signature(w, err);
	if (rc == HM_OK)
		rc = finish_header(w, err);
	return rc != HM_OK ? rc : seek(w->fd, 0, err);
}

int hm_eif_write(const struct hm_eif_plan *p, int fd, struct hm_eif *ret,
		 struct hm_err *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "enclave image");
	w->plan = p;
	w->fd = fd;
	rc = write_image(w, err);
	hm_eif_measure_release(&w->measure);
	free(w);
	return rc != HM_OK ? rc : hm_eif_read(fd, ret, err);
}
