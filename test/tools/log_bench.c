/*
 * How fast our log is: log_bench DIR ENTRIES BATCH SINGLES. Makes a log in DIR,
 * appends ENTRIES leaves of the size of a real one in batches, then SINGLES one
 * by one, each acknowledged (fsync'ed) before the next; proves entries from a
 * cold start; audits everything. One "name value" line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/log_dir.h"
#include "lib/num.h"

#define LEAF 489
#define PROOFS 2000

static struct hm_err err;

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "log_bench: %s: %s\n", what, err.msg);
	exit(1);
}

static void fill(uint8_t leaf[LEAF], uint64_t n)
{
	memset(leaf, 'x', LEAF);
	hm_put_u64be(leaf, n);
}

static void append(struct hm_log_dir *d, uint64_t from, size_t count)
{
	struct hm_slice *slices = calloc(count, sizeof(*slices));
	uint8_t *leaves = malloc(count * LEAF);
	uint64_t first = 0;

	HM_BUG_ON(!slices || !leaves);
	for (size_t i = 0; i < count; i++) {
		fill(leaves + i * LEAF, from + i);
		slices[i] = hm_slice(leaves + i * LEAF, LEAF);
	}
	if (hm_log_dir_append(d, slices, count, HM_NO_DEADLINE, &first, &err) !=
	    HM_OK)
		die("append");
	free(slices);
	free(leaves);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void prove(struct hm_log_dir *d)
{
	const struct hm_signed_tree *head = hm_log_dir_head(d);
	struct hm_tiles *t = malloc(sizeof(*t));
	static double took[PROOFS];
	uint64_t x = 1;

	HM_BUG_ON(!t);
	for (size_t i = 0; i < PROOFS; i++) {
		struct hm_merkle_path path;
		struct hm_hash leaf;
		double since = now_s();

		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		hm_tiles_init(t, hm_log_dir_public_fd(d), head->size);
		if (hm_tiles_prove(t, (x >> 11) % head->size, &head->root, &leaf,
				   &path, &err) != HM_OK)
			die("prove");
		took[i] = (now_s() - since) * 1e6;
	}
	qsort(took, PROOFS, sizeof(took[0]), by_value);
	printf("proof_us_median %.0f\nproof_us_p99 %.0f\n", took[PROOFS / 2],
	       took[PROOFS * 99 / 100]);
	free(t);
}

static void audit(struct hm_log_dir *d)
{
	const struct hm_signed_tree *head = hm_log_dir_head(d);
	struct hm_tiles *t = malloc(sizeof(*t));
	double since = now_s();

	HM_BUG_ON(!t);
	hm_tiles_init(t, hm_log_dir_public_fd(d), head->size);
	if (hm_tiles_audit(t, &head->root, NULL, NULL, &err) != HM_OK)
		die("audit");
	printf("audit_per_s %.0f\n", (double)head->size / (now_s() - since));
	free(t);
}

int main(int argc, char **argv)
{
	struct hm_log_dir *d = NULL;
	uint64_t entries, batch, singles;
	double since;

	if (argc != 5 || !hm_parse_u64(hm_slice_str(argv[2]), 1ULL << 32, &entries) ||
	    !hm_parse_u64(hm_slice_str(argv[3]), HM_LOG_BATCH_MAX, &batch) ||
	    !hm_parse_u64(hm_slice_str(argv[4]), 1ULL << 32, &singles) || batch == 0)
		return 2;
	if (hm_log_dir_create(argv[1], hm_slice_str("bench.example.org"), NULL,
			      "", &err) != HM_OK ||
	    hm_log_dir_open(argv[1], "", &d, &err) != HM_OK)
		die("create");
	since = now_s();
	for (uint64_t n = 0; n < entries; n += batch)
		append(d, n, (size_t)(entries - n < batch ? entries - n : batch));
	printf("batch_per_s %.0f\n", (double)entries / (now_s() - since));
	(void)fflush(stdout);
	since = now_s();
	for (uint64_t n = 0; n < singles; n++)
		append(d, entries + n, 1);
	if (singles > 0)
		printf("single_per_s %.0f\n", (double)singles / (now_s() - since));
	(void)fflush(stdout);
	prove(d);
	audit(d);
	hm_log_dir_free(d);
	return 0;
}
