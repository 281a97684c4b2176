/*
 * Starts and ends the interceptor and turns its messages into network.json.
 * Entries are parsed as JSON objects and kept as the bytes they came in; an
 * interceptor that a hostile server took over can lie about what it saw, but not
 * grow our memory, break the format or make the session wait.
 */
#include "enclave-worker/network.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "enclave-worker/interceptor/conn.h"
#include "enclave-worker/interceptor/interceptor.h"
#include "enclave-worker/interceptor/report.h"
#include "enclave-worker/netns.h"
#include "enclave-worker/purl.h"
#include "lib/path.h"
#include "lib/process.h"

/* Two namespaces and a veth pair take 50 ms; a loaded machine may be slow. */
#define START_MS 20000
/* One list of network.json. */
#define LIST_MAX (HM_NETWORK_JSON_MAX / 4)
/*
 * Messages taken before the session may look at its clock and its host again:
 * an interceptor that was taken over may have one more ready at any time.
 */
#define HANDLE_MAX 256U

enum list {
	LIST_EXCHANGES,
	LIST_REFUSED,
	LIST_NAMES,
	LIST_COUNT,
};

static const struct {
	enum hm_report_kind kind;
	const char *key;
} lists[] = {
	[LIST_EXCHANGES] = {HM_REPORT_EXCHANGE, "exchanges"},
	[LIST_REFUSED] = {HM_REPORT_REFUSED, "refused"},
	[LIST_NAMES] = {HM_REPORT_NAME, "names"},
};
_Static_assert(HM_ARRAY_LEN(lists) == LIST_COUNT, "one key per list");

struct hm_network {
	enum hm_network_mode mode;
	struct hm_process process;
	int sock;		/* -1 = mode none, or it ended */
	int build_fd;
	bool mounted;
	bool finished;		/* the summary came */
	const char *broken;	/* why the record cannot be whole; NULL = it is */
	char state_dir[HM_PATH_MAX + 1];
	char netns_path[HM_PATH_MAX + 16];
	char ca_path[HM_PATH_MAX + 16];
	char resolv_path[HM_PATH_MAX + 16];
	struct hm_buf entries[LIST_COUNT];
	size_t counts[LIST_COUNT];
	struct hm_buf summary;
	struct hm_json *downloads;
};

static const char *const no_env[] = {NULL};

#define BUNDLE "/etc/ssl/certs/ca-certificates.crt"
/*
 * For programs that bring roots of their own or look elsewhere: OpenSSL, curl,
 * git, Python requests and pip, Node and npm, cargo, Deno, uv, the AWS and Google
 * tools, Nix, Java. The path is inside the sandbox.
 */
static const char *const ca_env[] = {
	"SSL_CERT_FILE=" BUNDLE,
	"CURL_CA_BUNDLE=" BUNDLE,
	"GIT_SSL_CAINFO=" BUNDLE,
	"REQUESTS_CA_BUNDLE=" BUNDLE,
	"PIP_CERT=" BUNDLE,
	"NODE_EXTRA_CA_CERTS=" BUNDLE,
	"NPM_CONFIG_CAFILE=" BUNDLE,
	"CARGO_HTTP_CAINFO=" BUNDLE,
	"DENO_CERT=" BUNDLE,
	"UV_SYSTEM_CERTS=1",
	"AWS_CA_BUNDLE=" BUNDLE,
	"HTTPLIB2_CA_CERTS=" BUNDLE,
	"NIX_SSL_CERT_FILE=" BUNDLE,
	"JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/etc/ssl/certs/java/cacerts",
	NULL,
};

static int network_new(const struct hm_network_spec *spec,
		       struct hm_network **ret_net, struct hm_err *err)
{
	struct hm_network *net = calloc(1, sizeof(*net));

	if (!net)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "network");
	net->mode = spec->mode;
	net->process = HM_PROCESS_NONE;
	net->sock = -1;
	net->build_fd = -1;
	for (size_t i = 0; i < LIST_COUNT; i++)
		hm_buf_init(&net->entries[i], LIST_MAX);
	hm_buf_init(&net->summary, HM_REPORT_MAX);
	net->downloads = hm_json_new_array();
	if (!net->downloads) {
		hm_network_free(net);
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "network");
	}
	*ret_net = net;
	return HM_OK;
}

static int make_path(char *out, size_t size, const char *dir, const char *name,
		     struct hm_err *err)
{
	int n = snprintf(out, size, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= size)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "path '%s' too long",
			       dir);
	return HM_OK;
}

static int make_files(struct hm_network *net, char *empty, size_t empty_size,
		      struct hm_err *err)
{
	static const char text[] = "nameserver " HM_NETNS_GATEWAY_TEXT "\n";
	AUTO_CLOSE int dir = -1;

	if (hm_mkdirs(net->state_dir, 0755, err) != HM_OK ||
	    make_path(empty, empty_size, net->state_dir, "empty", err) != HM_OK ||
	    make_path(net->netns_path, sizeof(net->netns_path), net->state_dir,
		      "netns", err) != HM_OK ||
	    make_path(net->resolv_path, sizeof(net->resolv_path),
		      net->state_dir, "resolv.conf", err) != HM_OK ||
	    make_path(net->ca_path, sizeof(net->ca_path), net->state_dir, "ca",
		      err) != HM_OK ||
	    hm_mkdirs(empty, 0555, err) != HM_OK ||
	    hm_mkdirs(net->ca_path, 0755, err) != HM_OK)
		return err->code;
	dir = open(net->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       net->state_dir);
	return hm_file_write_atomic(dir, "resolv.conf", hm_slice_str(text), 0644,
				    err);
}

/* True when id is one that this user namespace maps ("first outside count"). */
static bool id_is_mapped(const char *map, uint32_t id)
{
	FILE *f = fopen(map, "re");
	unsigned long long first, outside, count;
	bool found = false;

	while (f && !found &&
	       fscanf(f, "%llu %llu %llu", &first, &outside, &count) == 3)
		found = id >= first && id - first < count;
	if (f)
		(void)fclose(f);
	return found;
}

/* setgroups must be allowed too, or the ids can't be given up whole. */
static bool may_become(uint32_t id)
{
	char text[8] = "";
	AUTO_CLOSE int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, 5) == 5 && strcmp(text, "allow") == 0 &&
	       id_is_mapped("/proc/self/uid_map", id) &&
	       id_is_mapped("/proc/self/gid_map", id);
}

struct spawn_text {
	char uid[16], gid[16], body_max[24], head_ms[16], window_ms[16],
		window_min[16];
};

static void format_arguments(const struct hm_network_spec *spec,
			     struct spawn_text *t)
{
	struct hm_conn_limits l = spec->limits ? *spec->limits : HM_CONN_LIMITS;
	uint32_t own = may_become(HM_NETWORK_UID) ? HM_NETWORK_UID : 0;

	snprintf(t->uid, sizeof(t->uid), "%u", spec->uid ? spec->uid : own);
	snprintf(t->gid, sizeof(t->gid), "%u", spec->uid ? spec->gid : own);
	snprintf(t->body_max, sizeof(t->body_max), "%llu",
		 (unsigned long long)l.body_max);
	snprintf(t->head_ms, sizeof(t->head_ms), "%u", l.head_ms);
	snprintf(t->window_ms, sizeof(t->window_ms), "%u", l.window_ms);
	snprintf(t->window_min, sizeof(t->window_min), "%u", l.window_min);
}

static int spawn(struct hm_network *net, const struct hm_network_spec *spec,
		 const char *empty, struct hm_err *err)
{
	static const char *const envp[] = {NULL};
	struct spawn_text t;
	const char *const argv[] = {
		"/proc/self/exe", HM_INTERCEPTOR_FLAG, empty, net->ca_path,
		spec->ca_bundle ? spec->ca_bundle : HM_NETWORK_CA_BUNDLE, t.uid,
		t.gid, t.body_max, t.head_ms, t.window_ms, t.window_min, NULL};
	int pair[2];
	struct hm_process_spec p = {
		.argv = argv,
		.envp = envp,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = STDERR_FILENO,
		.keep_fds = &pair[1],
		.keep_count = 1,
		.new_session = true,
		.die_with_parent = true,
	};
	int rc;

	format_arguments(spec, &t);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "socket pair");
	net->sock = pair[0];
	rc = hm_process_start(&p, &net->process, err);
	(void)close(pair[1]);
	return rc;
}

/* The namespace's fd, or the sentence that says why there is none. */
static int await_ready(struct hm_network *net, struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(START_MS);
	uint8_t buf[1 + HM_ERR_MSG_MAX];
	size_t len = 0;
	int rc;

	do {
		if (hm_io_wait(net->sock, POLLIN, deadline, "interceptor", err) !=
		    HM_OK)
			return err->code;
		rc = hm_report_receive(net->sock, buf, sizeof(buf), &len,
				       &net->build_fd, err);
		if (rc < 0)
			return hm_err_prefix(err, "interceptor did not start");
	} while (rc == 0);
	if (buf[0] == HM_REPORT_ERROR)
		return hm_fail(err, HM_E_SYSTEM, 0, "%.*s", (int)(len - 1),
			       (const char *)buf + 1);
	if (buf[0] != HM_REPORT_READY || net->build_fd < 0)
		return hm_fail(err, HM_E_BUG, 0,
			       "interceptor: first message '%c'", buf[0]);
	return HM_OK;
}

/*
 * A bind mount outlives nothing and can be opened by the OCI runtime whoever it
 * is; where we may not mount, our own /proc entry does.
 */
static int publish_netns(struct hm_network *net, struct hm_err *err)
{
	char link[64];
	AUTO_CLOSE int fd = open(net->netns_path,
				 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "'%s'",
			       net->netns_path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", net->build_fd);
	net->mounted = mount(link, net->netns_path, NULL, MS_BIND, NULL) == 0;
	if (!net->mounted)
		snprintf(net->netns_path, sizeof(net->netns_path),
			 "/proc/%d/fd/%d", (int)getpid(), net->build_fd);
	return HM_OK;
}

int hm_network_start(const struct hm_network_spec *spec,
		     struct hm_network **ret_net, struct hm_err *err)
{
	struct hm_network *net = NULL;
	char empty[HM_PATH_MAX + 16];

	if (spec->mode == HM_NET_LOCKED)
		return hm_fail(err, HM_E_POLICY, 0,
			       "input.network \"locked\" is not offered by this "
			       "version; use \"none\" or \"record\"");
	if (network_new(spec, &net, err) != HM_OK)
		return err->code;
	if (spec->mode == HM_NET_NONE) {
		*ret_net = net;
		return HM_OK;
	}
	if (make_path(net->state_dir, sizeof(net->state_dir), spec->state_dir,
		      "network", err) != HM_OK ||
	    make_files(net, empty, sizeof(empty), err) != HM_OK ||
	    spawn(net, spec, empty, err) != HM_OK ||
	    await_ready(net, err) != HM_OK || publish_netns(net, err) != HM_OK) {
		hm_network_free(net);
		return err->code;
	}
	*ret_net = net;
	return HM_OK;
}

const char *hm_network_netns_path(const struct hm_network *net)
{
	return net->mode == HM_NET_NONE ? NULL : net->netns_path;
}

const char *hm_network_ca_dir(const struct hm_network *net)
{
	return net->mode == HM_NET_NONE ? NULL : net->ca_path;
}

const char *hm_network_resolv_conf(const struct hm_network *net)
{
	return net->mode == HM_NET_NONE ? NULL : net->resolv_path;
}

const char *const *hm_network_env(const struct hm_network *net)
{
	return net->mode == HM_NET_NONE ? no_env : ca_env;
}

int hm_network_give_lane(struct hm_network *net, int fd, struct hm_err *err)
{
	AUTO_CLOSE int lane = fd;
	int rc;

	if (net->sock < 0)
		return HM_OK;
	rc = hm_report_send_fd(net->sock, HM_REPORT_LANE, lane,
			       hm_deadline_in(5000), err);
	if (rc == HM_E_CLOSED)	/* hm_network_handle() finds out and says so */
		return HM_OK;
	return rc;
}

int hm_network_pollfd(const struct hm_network *net)
{
	return net->sock;
}

static void lose(struct hm_network *net, const char *why)
{
	if (!net->broken)
		net->broken = why;
}

/* One successful download as a ResourceDescriptor. */
static int add_download(struct hm_network *net, const struct hm_json *x,
			struct hm_err *err)
{
	struct hm_buf purl HM_CLEANUP(hm_buf_release);
	const char *url = hm_json_get_string(x, "url");
	const char *sha256 = hm_json_get_string(x, "sha256");
	const char *type = hm_json_get_string(x, "contentType");
	struct hm_json *d = hm_json_new_object();
	struct hm_json *digest = hm_json_new_object();

	hm_buf_init(&purl, 4096);
	hm_json_set(digest, "sha256", hm_json_new_str(sha256));
	if (hm_purl_add(hm_slice_str(url), &purl, err) != HM_OK) {
		hm_json_free(d);
		hm_json_free(digest);
		return err->code;
	}
	if (purl.len > 0)
		hm_json_set(d, "uri", hm_json_new_string(hm_buf_slice(&purl)));
	else
		hm_json_set(d, "uri", hm_json_new_str(url));
	hm_json_set(d, "digest", digest);
	if (purl.len > 0)
		hm_json_set(d, "downloadLocation", hm_json_new_str(url));
	if (type)
		hm_json_set(d, "mediaType", hm_json_new_str(type));
	if (!hm_json_append(net->downloads, d))
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "downloads");
	return HM_OK;
}

/* GET, answered 200 with a body, whole: that is what a build is made from. */
static bool is_download(const struct hm_json *x)
{
	const char *method = hm_json_get_string(x, "method");
	int64_t status = 0, size = 0;

	return method && strcmp(method, "GET") == 0 &&
	       hm_json_get_string(x, "url") && hm_json_get_string(x, "sha256") &&
	       !hm_json_get(x, "error") &&
	       hm_json_integer(hm_json_get(x, "status"), &status) &&
	       status == 200 && hm_json_integer(hm_json_get(x, "size"), &size) &&
	       size > 0;
}

/* Keeps an entry's bytes when they are a JSON object and there is room. */
static void keep_entry(struct hm_network *net, enum list list,
		       struct hm_slice text)
{
	struct hm_buf *b = &net->entries[list];
	AUTO_JSON struct hm_json *v = NULL;
	struct hm_err err;
	size_t before = b->len;

	if (hm_json_parse(text, HM_REPORT_MAX, &v, &err) != HM_OK ||
	    hm_json_type(v) != HM_JSON_OBJECT) {
		lose(net, "the interceptor reported something unreadable");
		return;
	}
	if (hm_buf_add_str(b, before == 0 ? "\n" : ",\n", &err) != HM_OK ||
	    hm_buf_add_slice(b, text, &err) != HM_OK) {
		b->len = before;
		lose(net, "more happened than the record has room for");
		return;
	}
	net->counts[list]++;
	if (list == LIST_EXCHANGES && is_download(v) &&
	    add_download(net, v, &err) != HM_OK)
		lose(net, "a download could not be listed");
}

static void take_message(struct hm_network *net, struct hm_slice message,
			 hm_network_notice_fn *notice, void *ctx)
{
	struct hm_slice body = hm_slice(message.ptr + 1, message.len - 1);
	struct hm_err err;

	for (size_t i = 0; i < LIST_COUNT; i++)
		if (message.ptr[0] == (uint8_t)lists[i].kind) {
			keep_entry(net, (enum list)i, body);
			return;
		}
	switch (message.ptr[0]) {
	case HM_REPORT_NOTICE:
		if (notice)
			notice(ctx, body);
		return;
	case HM_REPORT_SUMMARY:
		if (net->finished ||
		    hm_buf_add_slice(&net->summary, body, &err) != HM_OK)
			lose(net, "the interceptor ended twice");
		net->finished = true;
		return;
	default:
		lose(net, "the interceptor reported something unreadable");
	}
}

int hm_network_handle(struct hm_network *net, hm_network_notice_fn *notice,
		      void *ctx, struct hm_err *err)
{
	static uint8_t buf[1 + HM_REPORT_MAX];
	struct hm_err gone;
	size_t len = 0;
	int fd = -1;
	int rc = 1;

	(void)err;
	for (unsigned int n = 0; net->sock >= 0 && n < HANDLE_MAX; n++) {
		rc = hm_report_receive(net->sock, buf, sizeof(buf), &len, &fd,
				       &gone);
		if (rc == 0)
			break;
		hm_cleanup_fd(&fd);
		if (rc == 1) {
			take_message(net, hm_slice(buf, len), notice, ctx);
			continue;
		}
		if (rc != HM_E_CLOSED)
			lose(net, "the interceptor broke its protocol");
		hm_cleanup_fd(&net->sock);
	}
	return HM_OK;
}

static void finish_process(struct hm_network *net, hm_deadline_t deadline)
{
	struct hm_err err;

	if (net->sock >= 0 &&
	    hm_report_send_fd(net->sock, HM_REPORT_FINISH, -1, deadline, &err) !=
		    HM_OK)
		lose(net, "the interceptor did not end");
	while (net->sock >= 0) {
		/* Its last word may be one of many, so the clock is asked, too. */
		if (hm_deadline_left(deadline) == 0 ||
		    hm_io_wait(net->sock, POLLIN, deadline, "interceptor",
			       &err) != HM_OK) {
			lose(net, "the interceptor did not end");
			hm_cleanup_fd(&net->sock);
			break;
		}
		if (hm_network_handle(net, NULL, NULL, &err) != HM_OK)
			lose(net, "the interceptor broke its protocol");
	}
	hm_process_kill(&net->process);
	if (!net->finished)
		lose(net, "the interceptor ended before the build did");
}

static int write_json(const struct hm_network *net, bool complete,
		      struct hm_buf *b, struct hm_err *err)
{
	if (hm_buf_addf(b, err,
			"{\"version\":1,\n\"mode\":\"%s\",\n"
			"\"recorded\":true,\n\"complete\":%s",
			hm_network_mode_name(net->mode),
			complete ? "true" : "false") != HM_OK)
		return err->code;
	if (net->broken && hm_buf_addf(b, err, ",\n\"incompleteBecause\":\"%s\"",
				       net->broken) != HM_OK)
		return err->code;
	for (size_t i = 0; i < LIST_COUNT; i++)
		if (hm_buf_addf(b, err, ",\n\"%s\":[", lists[i].key) != HM_OK ||
		    hm_buf_add_slice(b, hm_buf_slice(&net->entries[i]), err) !=
			    HM_OK ||
		    hm_buf_add_str(b, "]", err) != HM_OK)
			return err->code;
	if (net->summary.len > 0 &&
	    (hm_buf_add_str(b, ",\n\"summary\":", err) != HM_OK ||
	     hm_buf_add_slice(b, hm_buf_slice(&net->summary), err) != HM_OK))
		return err->code;
	return hm_buf_add_str(b, "}\n", err);
}

int hm_network_finish(struct hm_network *net, hm_deadline_t deadline,
		      struct hm_buf *network_json,
		      struct hm_network_facts *ret_facts, struct hm_err *err)
{
	bool none = net->mode == HM_NET_NONE;
	AUTO_JSON struct hm_json *summary = NULL;
	struct hm_err bad;
	int64_t lost = 0;
	bool complete;

	if (!none)
		finish_process(net, deadline);
	if (net->summary.len > 0 &&
	    hm_json_parse(hm_buf_slice(&net->summary), HM_REPORT_MAX, &summary,
			  &bad) != HM_OK) {
		lose(net, "the interceptor reported something unreadable");
		net->summary.len = 0;
	}
	if (summary && hm_json_integer(hm_json_get(summary, "lost"), &lost) &&
	    lost != 0)
		lose(net, "more happened than could be reported");
	complete = net->broken == NULL;
	if (write_json(net, complete, network_json, err) != HM_OK)
		return hm_err_prefix(err, "network.json");
	*ret_facts = (struct hm_network_facts){
		.recorded = true,
		.complete = complete,
		.downloads = HM_TAKE_PTR(net->downloads),
	};
	return HM_OK;
}

void hm_network_free(struct hm_network *net)
{
	if (!net)
		return;
	hm_process_kill(&net->process);
	hm_cleanup_fd(&net->sock);
	if (net->mounted)
		(void)umount2(net->netns_path, MNT_DETACH);
	hm_cleanup_fd(&net->build_fd);
	for (size_t i = 0; i < LIST_COUNT; i++)
		hm_buf_release(&net->entries[i]);
	hm_buf_release(&net->summary);
	hm_json_free(net->downloads);
	free(net);
}
