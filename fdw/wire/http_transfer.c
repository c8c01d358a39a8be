/*-------------------------------------------------------------------------
 *
 * http_transfer.c
 *		What libcurl is told of a request, and tells of its sending.
 *
 * IDENTIFICATION
 *		fdw/wire/http_transfer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "wire/http_socket.h"
#include "wire/http_transfer.h"

/*
 * What would have to be looked for goes out on a connection that was idle for
 * at most so many seconds. Servers and balancers close theirs after 5 to 75.
 */
#define YOUNG_CONNECTION 2L

static void use_own_connection(HttpRequest *request);
static void observe_transfer(HttpRequest *request);
static void trust_only_ca_file(HttpRequest *request);
static void add_header(HttpRequest *request, const char *header);
static int	note_sending(void *arg, char *remote, char *local,
						 int remote_port, int local_port);
static int	note_refusal(CURL *easy, curl_infotype type, char *text,
						 size_t length, void *arg);

#define SETOPT(request, option, value) \
	do { \
		CURLcode	code_ = curl_easy_setopt((request)->easy, option, value); \
		if (code_ != CURLE_OK) \
			elog(ERROR, "could not set %s: %s", #option, \
				 curl_easy_strerror(code_)); \
	} while (0)

/*
 * A new easy handle with all its options, for "request" to own; nothing is
 * sent. TLS sessions are kept in "share".
 */
void
http_transfer_prepare(HttpRequest *request, CURLSH *share)
{
	const PylonOptions *options = &request->response.connection->options;
	const HttpCall *call = &request->response.call;
	char	   *url = psprintf("%s%s", options->base_url, call->path);
	char	   *authorization = psprintf("Authorization: Bearer %s",
										 request->response.connection->token);

	request->easy = curl_easy_init();
	if (request->easy == NULL)
		elog(ERROR, "could not set up a request");

	SETOPT(request, CURLOPT_PRIVATE, request);
	SETOPT(request, CURLOPT_ERRORBUFFER, request->error);
	SETOPT(request, CURLOPT_SHARE, share);
	/* No SIGALRM handler, and no siglongjmp from one. */
	SETOPT(request, CURLOPT_NOSIGNAL, 1L);
	SETOPT(request, CURLOPT_QUICK_EXIT, 1L);
	SETOPT(request, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	SETOPT(request, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
	SETOPT(request, CURLOPT_PREREQFUNCTION, note_sending);
	SETOPT(request, CURLOPT_PREREQDATA, request);

	/* The token goes to this URL and nowhere else. */
	SETOPT(request, CURLOPT_URL, url);
	SETOPT(request, CURLOPT_PROTOCOLS_STR, "http,https");
	SETOPT(request, CURLOPT_FOLLOWLOCATION, 0L);
	SETOPT(request, CURLOPT_PATH_AS_IS, 1L);
	SETOPT(request, CURLOPT_PROXY, "");
	SETOPT(request, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SETOPT(request, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	if (options->ca_file != NULL)
		trust_only_ca_file(request);
	add_header(request, authorization);
	explicit_bzero(authorization, strlen(authorization));

	SETOPT(request, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);

	/*
	 * Whether plain HTTP is shared shows in the first answer only, and it is
	 * not.
	 */
	SETOPT(request, CURLOPT_PIPEWAIT, strncmp(url, "https:", 6) == 0 ? 1L : 0L);
	SETOPT(request, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	SETOPT(request, CURLOPT_USERAGENT, "pylon_fdw/" PYLON_FDW_VERSION);
	add_header(request, "Accept: application/json");
	SETOPT(request, CURLOPT_CUSTOMREQUEST, call->method);
	if (call->body != NULL)
	{
		add_header(request, "Content-Type: application/json");
		add_header(request, "Expect:");
		SETOPT(request, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(call->body));
		SETOPT(request, CURLOPT_POSTFIELDS, call->body);
	}
	SETOPT(request, CURLOPT_HTTPHEADER, request->headers);
	if (call->looked_for)
		SETOPT(request, CURLOPT_MAXAGE_CONN, YOUNG_CONNECTION);
	else if (!call->repeatable)
		use_own_connection(request);
	if (call->observed)
		observe_transfer(request);

	SETOPT(request, CURLOPT_CONNECTTIMEOUT_MS, (long) options->connect_timeout);
	SETOPT(request, CURLOPT_TIMEOUT_MS, (long) options->request_timeout);
	SETOPT(request, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_SIZE);
	SETOPT(request, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) options->max_response_size);
	SETOPT(request, CURLOPT_WRITEFUNCTION, http_receive_body);
	SETOPT(request, CURLOPT_WRITEDATA, request);
	SETOPT(request, CURLOPT_HEADERFUNCTION, http_receive_head);
	SETOPT(request, CURLOPT_HEADERDATA, request);
}

/* Of the system's authorities, those in a folder would be trusted as well. */
static void
trust_only_ca_file(HttpRequest *request)
{
	PylonConnection *connection = request->response.connection;
	struct curl_blob blob = {.data = connection->ca,.len = connection->ca_length,.flags = CURL_BLOB_NOCOPY};

	SETOPT(request, CURLOPT_CAINFO_BLOB, &blob);
	SETOPT(request, CURLOPT_CAPATH, NULL);
}

/*
 * What can't be repeated goes out on a connection of its own. One from the
 * pool may have been closed by the server or a balancer, at that very moment
 * even, and over TLS libcurl doesn't notice before it writes; then nobody
 * could say whether the request was done. Of a new connection, libcurl tells
 * where the server has refused the request unseen.
 */
static void
use_own_connection(HttpRequest *request)
{
	SETOPT(request, CURLOPT_FRESH_CONNECT, 1L);
	SETOPT(request, CURLOPT_FORBID_REUSE, 1L);
	SETOPT(request, CURLOPT_DEBUGFUNCTION, note_refusal);
	SETOPT(request, CURLOPT_DEBUGDATA, request);
	SETOPT(request, CURLOPT_VERBOSE, 1L);
}

/* Each step to the answer is taken anew, and libcurl keeps what it sees. */
static void
observe_transfer(HttpRequest *request)
{
	SETOPT(request, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SETOPT(request, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SETOPT(request, CURLOPT_CERTINFO, 1L);
	/* Not every library for TLS has it; then libcurl's clocks must do. */
	(void) curl_easy_setopt(request->easy, CURLOPT_SSL_CTX_FUNCTION, http_facts_securing);
	(void) curl_easy_setopt(request->easy, CURLOPT_SSL_CTX_DATA, request);
}

static void
add_header(HttpRequest *request, const char *header)
{
	struct curl_slist *headers = curl_slist_append(request->headers, header);

	if (headers == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	request->headers = headers;
}

/* ------------------------------------------------------------------------
 * Callbacks of libcurl: these note and return
 * ------------------------------------------------------------------------
 */

/*
 * A request is about to be sent. libcurl does that a second time by itself
 * when a connection from the pool turns out to be dead, which must not happen
 * to what can't be repeated, and when the server has refused it unseen.
 */
static int
note_sending(void *arg, char *remote, char *local, int remote_port,
			 int local_port)
{
	HttpRequest *request = arg;

	if (request->sent && !request->refused && !request->response.call.repeatable)
		return CURL_PREREQFUNC_ABORT;
	if (request->sent)
	{
		request->response.unheard |= !request->refused;
		CONNECTION_COUNT(request->response.connection, retries, 1);
	}
	CONNECTION_COUNT(request->response.connection, requests, 1);
	request->sent = true;
	request->refused = false;
	return CURL_PREREQFUNC_OK;
}

/*
 * What libcurl says as it works on a request that has a connection of its
 * own. A server that ends an HTTP/2 connection, or has too much to do, tells
 * which requests it has not looked at: by RST_STREAM with REFUSED_STREAM, or
 * by GOAWAY with the last one that it has. libcurl passes that on in these
 * words alone; should they ever change, what is refused counts as unknown,
 * and is not sent again.
 */
static int
note_refusal(CURL *easy, curl_infotype type, char *text, size_t length,
			 void *arg)
{
	HttpRequest *request = arg;
	char		words[128];
	const char *last;

	if (type == CURLINFO_TEXT && request->response.call.observed)
		http_facts_listen(request, text, length);
	/* These begin so; what doesn't, and may be the token, isn't even copied. */
	if (type != CURLINFO_TEXT || length == 0 || (text[0] != 'R' && text[0] != 'r'))
		return 0;
	strlcpy(words, text, Min(length + 1, sizeof(words)));
	last = strstr(words, " GOAWAY, error=") == NULL ? NULL : strstr(words, ", last_stream=");
	if (strncmp(words, "REFUSED_STREAM, retrying", 24) == 0 ||
		(last != NULL && atoi(last + strlen(", last_stream=")) == 0))
		request->refused = true;
	return 0;
}
