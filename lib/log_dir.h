/*
 * A log of our own in a directory:
 *
 *   DIR/public/     what a web server serves: checkpoint, tile/, evidence/
 *   DIR/key.pem     Ed25519 private key, 0600
 *   DIR/log.vkey    the log's verifier key; written last by init
 *   DIR/signed      the newest checkpoint that was ever decided
 *   DIR/lock, tmp/  one writer at a time; files before they get their names
 *
 * An append is acknowledged when its tiles, then DIR/signed, then the memory
 * outside DIR, then public/checkpoint are on disk, in this order, each fsync'ed.
 * A crash before DIR/signed leaves the log as it was; a crash after it is rolled
 * forward when the log is opened next. A key never signs two trees of which one
 * does not begin with the other: what lies in the directory is compared with
 * everything that is remembered to be signed, and HM_E_POLICY names a directory
 * that was rolled back or forked.
 *
 * Several processes may append: flock on DIR/lock. Not thread safe.
 */
#pragma once

#include "lib/io.h"
#include "lib/tiles.h"

/* A batch is held in tiles of 256 as it is written, not in memory. */
#define HM_LOG_BATCH_MAX (1U << 20)

struct hm_log_dir;

/*
 * Where this host remembers the newest checkpoint of every log key, outside of
 * the log's own directory, so that a restored backup is noticed:
 * $XDG_STATE_HOME/hallmark/logs or ~/.local/state/hallmark/logs. Empty without
 * a home. out needs HM_PATH_MAX + 1 bytes.
 */
void hm_log_memory_default(char *out);

/*
 * Makes the directory (which may exist) and an empty signed log in it. key is
 * taken over; NULL makes a new one. HM_E_POLICY when there is a log already, or
 * when the key is remembered to have signed one.
 */
int hm_log_dir_create(const char *path, struct hm_slice origin,
		      struct hm_key *key, const char *memory,
		      struct hm_err *err) HM_MUST_CHECK;
/* memory: as above; "" = none. Does not wait for the lock. */
int hm_log_dir_open(const char *path, const char *memory,
		    struct hm_log_dir **ret_d, struct hm_err *err) HM_MUST_CHECK;
void hm_log_dir_free(struct hm_log_dir *d);
void hm_log_dir_cleanup(struct hm_log_dir **d);
#define AUTO_LOG_DIR HM_CLEANUP(hm_log_dir_cleanup)

const struct hm_note_key *hm_log_dir_key(const struct hm_log_dir *d);
int hm_log_dir_public_fd(const struct hm_log_dir *d);
/* The newest signed tree as of the last call below. */
const struct hm_signed_tree *hm_log_dir_head(const struct hm_log_dir *d);

/* Takes the lock, completes what a crash left undone, and lets go. */
int hm_log_dir_refresh(struct hm_log_dir *d, hm_deadline_t deadline,
		       struct hm_err *err) HM_MUST_CHECK;
/*
 * Appends and signs; *ret_first is the index of the first. Nothing is in the
 * log after a failure, or all of it is (a full disk while signing): who retries
 * looks with hm_tiles_find() first.
 */
int hm_log_dir_append(struct hm_log_dir *d, const struct hm_slice *entries,
		      size_t count, hm_deadline_t deadline, uint64_t *ret_first,
		      struct hm_err *err) HM_MUST_CHECK;
/*
 * Adds lines of witnesses below public/checkpoint when it is still the one that
 * they were made for (same text as the head's).
 */
int hm_log_dir_cosign(struct hm_log_dir *d, struct hm_slice lines,
		      hm_deadline_t deadline, struct hm_err *err) HM_MUST_CHECK;
/* public/evidence/<leaf hash>.sigstore.json, for monitors of public builds. */
int hm_log_dir_evidence(struct hm_log_dir *d, const struct hm_hash *leaf,
			struct hm_slice bundle, struct hm_err *err) HM_MUST_CHECK;

/* The public directory of a log: path/public, or path itself if it has none. */
int hm_log_public_open(const char *path, int *ret_fd, struct hm_err *err) HM_MUST_CHECK;
