/*-------------------------------------------------------------------------
 *
 * http.c
 *		One HTTP request to its answer.
 *
 * One libcurl multi handle serves all requests of the backend, so that
 * scans and statements share its connections. It is driven by
 * curl_multi_socket_action from exactly one waiting place, which also waits
 * for the latch (cancel, termination) and for the end of back-off times.
 *
 * Nothing that libcurl calls back may throw: a longjmp would leave libcurl's
 * state behind half changed. The callbacks note what went wrong and return;
 * who waits looks at it. Each request belongs to a memory context from birth:
 * when that is reset, a transfer in flight is broken off and its connection
 * closed rather than used again.
 *
 * The other side may be anyone's, and all that it sends is bounded: what
 * comes, head and trailers included, by max_response_size; the time by
 * request_timeout; and what is done without looking at interrupts by a few
 * hundredths of a second, however fast and long it sends.
 *
 * How long to wait before another try is decided in http_retry.c, and who
 * waits along with it in http_limit.c; what an answer means, and its
 * SQLSTATE, in pylon_api.c and failure.c.
 *
 * IDENTIFICATION
 *		fdw/wire/http.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "storage/latch.h"
#include "wire/http.h"
#include "wire/http_failure.h"
#include "wire/http_head.h"
#include "wire/http_limit.h"
#include "wire/http_request.h"
#include "wire/http_retry.h"
#include "wire/http_socket.h"
#include "wire/http_transfer.h"

/*
 * 7.87 brought CURLOPT_QUICK_EXIT, without which a cancel waits until the
 * resolver thread gives up.
 */
#if LIBCURL_VERSION_NUM < 0x075700
#error "pylon_fdw needs libcurl 7.87 or newer"
#endif

/*
 * Connections kept for the next page and the next statement. Libcurl counts
 * those in use, too, so scans under one Append would lose theirs to each
 * other if there were more of them.
 */
#define MAX_CONNECTIONS_KEPT 64L

/*
 * Nobody drove the transfer for so long (ms): its time-out means nothing. It is
 * below the time-outs that people set, and above what a row takes.
 */
#define NEGLECT_TIME 1000.0

/*
 * libcurl works for so long (ms) before interrupts are looked at: it always
 * has more to do where a peer sends without end. A cancel is late by that.
 */
#define DRIVE_TIME 10.0

/* The wait wakes at least so often (ms), should libcurl set no timer. */
#define LONGEST_WAIT 1000.0

sigset_t	http_signals_before;

static CURLM *multi = NULL;
static CURLSH *share = NULL;
static dlist_head unfinished = DLIST_STATIC_INIT(unfinished);
static double timer_at = -1;	/* when libcurl wants to be called, or -1 */
static double driven_at = 0;	/* when we last looked */
static bool news = false;		/* a request is done that nobody may know of */

/* libcurl's callbacks */
static int	note_timer(CURLM *handle, long timeout, void *arg);

/* life of a request */
static void http_initialize(void);
static bool is_limit_used(const HttpLimit *limit);
static void send_after(HttpRequest *request, double delay);
static void start_transfer(HttpRequest *request);
static void stop_transfer(HttpRequest *request);
static void release_request(void *arg);
static void finish_transfer(HttpRequest *request, CURLcode code);
static void finish_request(HttpRequest *request, HttpOutcome outcome,
						   const char *error);
static bool is_unknown(const HttpResponse *response);
static void classify_failure(HttpRequest *request, CURLcode code,
							 bool *transient);
static void count_transfer(HttpRequest *request);
static void wait_and_resume(HttpRequest *request, double wait);

/* driving and waiting */
static void http_drive(void);
static void socket_action(curl_socket_t fd, int events);
static void resume_requests(double now);
static void collect_finished(void);
static double next_deadline(void);
static void wait_for_events(void);
static void report_progress(const HttpRequest *request);

#define SETMULTI(option, value) \
	do { \
		CURLMcode	code_ = curl_multi_setopt(multi, option, value); \
		if (code_ != CURLM_OK) \
			elog(ERROR, "could not set %s: %s", #option, \
				 curl_multi_strerror(code_)); \
	} while (0)

/*
 * To be called when the module is loaded: a libcurl that looks up names in
 * the backend's own thread works, but not as promised.
 */
void
http_check_library(void)
{
	if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0)
		ereport(WARNING,
				(errmsg("libcurl looks up host names synchronously"),
				 errdetail("A statement can't be canceled while a name server doesn't answer."),
				 errhint("Use a libcurl that was built with the threaded resolver or c-ares.")));
}

/*
 * Sends a request and returns without waiting for the answer, nor for the end
 * of its delay.
 *
 * The request and all it holds belong to the current memory context; the
 * strings of "call" and "connection" must live as long. Raises an error only
 * where no request can be made at all; what happens to it, http_wait tells.
 */
HttpRequest *
http_start(PylonConnection *connection, const HttpCall *call)
{
	HttpRequest *request = palloc0(sizeof(HttpRequest));

	http_initialize();
	request->response.connection = connection;
	request->response.call = *call;
	if (call->purpose == NULL)
		request->response.call.purpose = connection->purpose;
	request->callback.func = release_request;
	request->callback.arg = request;
	MemoryContextRegisterResetCallback(CurrentMemoryContext,
									   &request->callback);
	http_transfer_prepare(request, share);
	request->limit = http_limit_of(connection->session, call);
	if (!is_limit_used(request->limit))
		http_limit_forget(request->limit, connection->started);

	/* Out with it, while the caller has other things to do. */
	send_after(request, call->delay);
	http_drive();
	return request;
}

/* Is any request on its way, or waiting, at this endpoint? */
static bool
is_limit_used(const HttpLimit *limit)
{
	dlist_iter	iter;

	dlist_foreach(iter, &unfinished)
	{
		if (dlist_container(HttpRequest, node, iter.cur)->limit == limit)
			return true;
	}
	return false;
}

/* The next http_drive sends it, unless it has to wait. */
static void
send_after(HttpRequest *request, double delay)
{
	dlist_push_tail(&unfinished, &request->node);
	request->listed = true;
	request->state = HTTP_BACKING_OFF;
	request->resume_at = connection_now() + Max(delay, 0);
}

/*
 * Waits until "request" has its final outcome, all retries done; drives all
 * other requests meanwhile. Interruptible. Raises nothing else: the response
 * (which lives as long as the request) says what happened.
 */
const HttpResponse *
http_wait(HttpRequest *request)
{
	http_drive();
	while (request->state != HTTP_DONE)
	{
		wait_for_events();
		http_drive();
		report_progress(request);
	}
	CHECK_FOR_INTERRUPTS();
	return &request->response;
}

/*
 * Milliseconds after which a request that isn't repeatable, and that failed so
 * that nobody knows whether it was done, may be sent again by http_resend: by
 * a caller who has found out meanwhile that it wasn't. It counts as another
 * retry, with the back-off and the bounds of one; -1 if there is to be none.
 */
double
http_resend_wait(HttpRequest *request)
{
	double		wait = -1;

	if (request->response.unknown && request->transient)
		wait = http_retry_failure_wait(request);
	if (wait >= 0)
		http_retry_note(request, wait);
	return wait;
}

/* Sends such a request again; http_wait gives what becomes of it then. */
void
http_resend(HttpRequest *request)
{
	send_after(request, 0);
	http_drive();
}

/* A request that has ended with a success says too little: whether it was done isn't known. */
void
http_doubt(HttpRequest *request)
{
	request->response.unknown = true;
}

/*
 * Takes a request back that waits to be sent, if no earlier try of it can have
 * done anything: it has come to its end then. False for any other one, which
 * ends as soon as such a wait would begin.
 */
bool
http_withdraw(HttpRequest *request)
{
	request->withdrawn = true;
	if (request->state != HTTP_BACKING_OFF || http_is_unknown(request))
		return false;
	finish_request(request, HTTP_NO_CONNECTION, "It was taken back before it was sent.");
	return true;
}

/*
 * Has "request" its final outcome, so that http_wait won't wait? Does what is
 * due for all requests, but doesn't wait.
 */
bool
http_is_done(HttpRequest *request)
{
	if (request->state != HTTP_DONE)
		http_drive();
	return request->state == HTTP_DONE;
}

/*
 * Sends a request again that is done, but whose answer is of no use, after a
 * wait that grows from time to time; its response becomes invalid. False, and
 * nothing is done, if that was often enough or max_retry_wait would be passed.
 */
bool
http_repeat(HttpRequest *request)
{
	double		wait;

	Assert(request->state == HTTP_DONE && request->response.call.repeatable);
	wait = http_retry_repeat_wait(request);
	if (wait < 0)
		return false;
	send_after(request, wait);
	http_retry_note(request, wait);
	return true;
}

/* The response where it is there already, else NULL; does nothing for it. */
const HttpResponse *
http_peek(const HttpRequest *request)
{
	return request->state == HTTP_DONE ? &request->response : NULL;
}

/* Is it a success, whatever it holds? */
bool
http_is_success(const HttpResponse *response)
{
	return response->outcome == HTTP_ANSWERED &&
		response->status >= 200 && response->status <= 299;
}

/*
 * Is it unknown whether what "request" asks for was done? That is so while it
 * is on its way, and where it failed without anybody hearing why.
 */
bool
http_is_unknown(const HttpRequest *request)
{
	if (request->state == HTTP_DONE)
		return request->response.unknown;
	return request->sent || request->response.sent || request->response.unheard;
}

/* How many requests to a server have not come to their end. */
int
http_in_flight(Oid serverid)
{
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &unfinished)
	{
		if (dlist_container(HttpRequest, node, iter.cur)->response.connection->serverid == serverid)
			count++;
	}
	return count;
}

/*
 * Waits until something stirs, which need not be the end of any request: who
 * has several in flight looks at all of them (http_is_done) between calls.
 * Returns at once where nothing is in flight, or where a request has come to
 * its end since the last call. Interruptible; raises nothing else.
 */
void
http_wait_any(void)
{
	dlist_iter	iter;

	http_drive();
	if (!news && !dlist_is_empty(&unfinished))
	{
		wait_for_events();
		http_drive();
	}
	news = false;
	dlist_foreach(iter, &unfinished)
		report_progress(dlist_container(HttpRequest, node, iter.cur));
}

/*
 * Lets requests in flight make progress without waiting, so that an answer
 * larger than the kernel's buffers arrives while its predecessor is used.
 */
void
http_poll(void)
{
	if (dlist_is_empty(&unfinished))
		return;
	/* Each call may change the table. */
	for (int i = socket_count() - 1; i >= 0; i--)
	{
		if (i < socket_count())
			socket_action(socket_fd(i), 0);
	}
	http_drive();
}

/* ------------------------------------------------------------------------
 * Callbacks of libcurl: these note and return
 * ------------------------------------------------------------------------
 */

/* libcurl wants to be called after "timeout" ms; -1 takes that back. */
static int
note_timer(CURLM *handle, long timeout, void *arg)
{
	timer_at = timeout < 0 ? -1 : connection_now() + timeout;
	return 0;
}

/* ------------------------------------------------------------------------
 * The life of a request
 * ------------------------------------------------------------------------
 */

/*
 * Once per backend, at the first request: never in the postmaster, which
 * would hand libcurl's threads and TLS state down to its children.
 */
static void
http_initialize(void)
{
	if (multi != NULL)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		elog(ERROR, "could not initialize libcurl");
	if (share == NULL)
		share = curl_share_init();
	if (share == NULL ||
		curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
		elog(ERROR, "could not set up libcurl's cache of TLS sessions");
	multi = curl_multi_init();
	if (multi == NULL)
		elog(ERROR, "could not set up libcurl");
	SETMULTI(CURLMOPT_SOCKETFUNCTION, socket_watch);
	SETMULTI(CURLMOPT_TIMERFUNCTION, note_timer);
	SETMULTI(CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS_KEPT);
}

/* Hands the transfer to libcurl, at first or again. */
static void
start_transfer(HttpRequest *request)
{
	CURLMcode	code;

	request->length = request->received = request->head_received = 0;
	request->response.sent |= request->sent;
	request->sent = request->refused = request->neglected = false;
	request->securing_at = 0;
	request->problem = NULL;
	request->head_complete = request->out_of_memory = false;
	request->error[0] = '\0';
	request->started = connection_now();
	code = curl_multi_add_handle(multi, request->easy);
	if (code != CURLM_OK)
	{
		/* Whoever waits for it hears of it; it may not be the caller. */
		finish_request(request, HTTP_OUT_OF_MEMORY, curl_multi_strerror(code));
		return;
	}
	request->state = HTTP_TRANSFERRING;
	request->in_multi = true;
	http_limit_open(request->limit);
	request->response.tries++;
}

/* If it is in mid-transfer, libcurl closes its connection. */
static void
stop_transfer(HttpRequest *request)
{
	if (!request->in_multi)
		return;
	(void) curl_multi_remove_handle(multi, request->easy);
	request->in_multi = false;
	http_limit_close(request->limit);
}

/* Reset callback of the memory context that owns the request. */
static void
release_request(void *arg)
{
	HttpRequest *request = arg;

	if (request->listed)
		dlist_delete(&request->node);
	request->listed = false;
	stop_transfer(request);
	if (request->easy != NULL)
		curl_easy_cleanup(request->easy);
	request->easy = NULL;
	curl_slist_free_all(request->headers);
	request->headers = NULL;
	free(request->body);
	request->body = NULL;
}

/* A try has ended: the final outcome, or a wait before the next try. */
static void
finish_transfer(HttpRequest *request, CURLcode code)
{
	HttpResponse *response = &request->response;
	bool		transient = false;
	long		status = 0;
	double		wait;

	(void) curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	request->code = code;
	/* To libcurl, half a head without a body is an answer like any other. */
	if (code == CURLE_OK && !request->head_complete)
	{
		code = CURLE_GOT_NOTHING;
		strlcpy(request->error, "The connection was closed in the head of the answer.",
				sizeof(request->error));
	}

	/*
	 * Of a refusal, cut off or not, the head says it all. Only what it is
	 * that isn't found stands in the body.
	 */
	if (status == 429 ||
		(status >= 400 && status <= 499 && status != 404 &&
		 request->head_complete && request->problem == NULL))
		code = CURLE_OK;
	response->status = code == CURLE_OK ? (int) status : 0;
	response->outcome = HTTP_ANSWERED;
	response->timed_out = false;
	response->retry_after = http_head_retry_after(request->easy);
	if (code != CURLE_OK)
		classify_failure(request, code, &transient);
	else
		transient = status >= 500;
	if (request->refused && code != CURLE_OK)
	{
		request->sent = false;
		strlcpy(request->error, "The server has refused the request without looking at it.",
				sizeof(request->error));
	}
	request->transient = transient;
	if (transient)
		response->unheard |= request->sent;
	if (response->status == 429)
		request->sent = false;	/* refused before anything was done */
	count_transfer(request);
	stop_transfer(request);

	wait = http_retry_wait(request);
	if (request->withdrawn && !http_is_unknown(request))
		wait = -1;
	if (status == 429)
		http_limit_told(request->limit, wait);
	else if (status != 0)
		http_limit_passed(request);
	if (wait >= 0)
	{
		wait_and_resume(request, wait);
		if (status == 429)
			CONNECTION_COUNT(request->response.connection, rate_limit_wait, wait);
		return;
	}

	finish_request(request, response->outcome,
				   request->error[0] != '\0' ? request->error :
				   code != CURLE_OK ? curl_easy_strerror(code) : "");
}

/* The request is sent again after "wait" ms. */
static void
wait_and_resume(HttpRequest *request, double wait)
{
	request->state = HTTP_BACKING_OFF;
	request->resume_at = connection_now() + wait;
	http_retry_note(request, wait);
}

/* The outcome is final. */
static void
finish_request(HttpRequest *request, HttpOutcome outcome, const char *error)
{
	request->state = HTTP_DONE;
	news = true;
	dlist_delete(&request->node);
	request->listed = false;
	request->response.outcome = outcome;
	request->response.body = request->body != NULL ? request->body : "";
	request->response.length = request->length;
	request->response.error = error;
	request->response.sent |= request->sent;
	request->response.unknown = is_unknown(&request->response);
}

/* A refusal was heard of, but an earlier try may have got through. */
static bool
is_unknown(const HttpResponse *response)
{
	if (response->outcome == HTTP_ANSWERED && response->status <= 299)
		return false;
	/* A failure of the server's is among what is unheard. */
	return response->unheard || (response->sent && response->outcome != HTTP_ANSWERED);
}

/* From libcurl's code to what it amounts to. */
static void
classify_failure(HttpRequest *request, CURLcode code, bool *transient)
{
	HttpResponse *response = &request->response;

	response->outcome = http_failure_outcome(code, request->error, request->sent,
											 transient);
	if (http_failure_is_long_line(code, request->sent))
		request->problem = HEAD_TOO_LARGE;
	if (request->out_of_memory)
		response->outcome = HTTP_OUT_OF_MEMORY;
	if (code == CURLE_FILESIZE_EXCEEDED)
		request->problem = ANSWER_TOO_LARGE;
	response->too_large = request->problem != NULL &&
		strcmp(request->problem, ANSWER_TOO_LARGE) == 0;
	if (request->problem == NULL)
		request->problem = http_failure_words(code);
	if (request->problem != NULL)
		strlcpy(request->error, request->problem, sizeof(request->error));
	response->timed_out = code == CURLE_OPERATION_TIMEDOUT;
}

static void
count_transfer(HttpRequest *request)
{
	PylonConnection *connection = request->response.connection;
	long		head_sent = 0;
	long		head_received = 0;
	curl_off_t	sent = 0;
	curl_off_t	received = 0;

	(void) curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &head_sent);
	(void) curl_easy_getinfo(request->easy, CURLINFO_HEADER_SIZE, &head_received);
	(void) curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	(void) curl_easy_getinfo(request->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	CONNECTION_COUNT(connection, bytes_sent, head_sent + sent);
	CONNECTION_COUNT(connection, bytes_received, head_received + received);
	if (request->response.status == 429)
		CONNECTION_COUNT(connection, rate_limited, 1);
}

/* ------------------------------------------------------------------------
 * Driving libcurl, and waiting
 * ------------------------------------------------------------------------
 */

/*
 * Does what is due now; never waits, and raises no interrupt: who calls may
 * have to take note of a request first. What is left over where a peer sends
 * faster than we read waits for the next call.
 */
static void
http_drive(void)
{
	double		now = connection_now();
	dlist_iter	iter;

	dlist_foreach(iter, &unfinished)
	{
		HttpRequest *request = dlist_container(HttpRequest, node, iter.cur);

		if (now - Max(driven_at, request->started) > NEGLECT_TIME)
			request->neglected = true;
	}
	driven_at = now;

	resume_requests(now);
	while (timer_at >= 0 && timer_at <= connection_now() &&
		   connection_now() - now < DRIVE_TIME)
	{
		timer_at = -1;
		socket_action(CURL_SOCKET_TIMEOUT, 0);
	}
	collect_finished();
}

/*
 * Lets libcurl work. Signals are blocked meanwhile, since a resolver thread
 * that it starts would inherit the mask and take the backend's signals.
 */
static void
socket_action(curl_socket_t fd, int events)
{
	sigset_t	all;
	int			running;
	CURLMcode	code;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &http_signals_before);
	code = curl_multi_socket_action(multi, fd, events, &running);
	sigprocmask(SIG_SETMASK, &http_signals_before, NULL);
	if (code != CURLM_OK)
		elog(ERROR, "could not drive a request: %s", curl_multi_strerror(code));
}

/* Sends again what has backed off for long enough. */
static void
resume_requests(double now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &unfinished)
	{
		HttpRequest *request = dlist_container(HttpRequest, node, iter.cur);

		if (request->state == HTTP_BACKING_OFF && http_limit_due(request) <= now)
			start_transfer(request);
	}
}

static void
collect_finished(void)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURLcode	code = message->data.result;
		HttpRequest *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
								 (char **) &request);
		finish_transfer(request, code);
	}
}

/* When something is due even if no socket stirs, in monotonic ms. */
static double
next_deadline(void)
{
	double		now = connection_now();
	double		deadline = now + LONGEST_WAIT;
	long		progress = connection_progress_due();
	dlist_iter	iter;

	if (timer_at >= 0)
		deadline = Min(deadline, timer_at);
	if (progress >= 0)
		deadline = Min(deadline, now + progress);
	dlist_foreach(iter, &unfinished)
	{
		HttpRequest *request = dlist_container(HttpRequest, node, iter.cur);

		if (request->state == HTTP_BACKING_OFF)
			deadline = Min(deadline, http_limit_due(request));
	}
	return deadline;
}

/*
 * The one place where pylon_fdw waits: for libcurl's sockets and timer, the
 * end of a back-off, a cancel, the end of the postmaster.
 */
static void
wait_for_events(void)
{
	WaitEvent	events[16];
	double		timeout = next_deadline() - connection_now();
	int			count;

	count = WaitEventSetWait(socket_wait_set(), timeout > 0 ? (long) ceil(timeout) : 0,
							 events, lengthof(events), compat_wait_event());
	for (int i = 0; i < count; i++)
	{
		int			action = 0;

		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		if (events[i].events & WL_SOCKET_READABLE)
			action |= CURL_CSELECT_IN;
		if (events[i].events & WL_SOCKET_WRITEABLE)
			action |= CURL_CSELECT_OUT;
		if (action != 0)
			socket_action(events[i].fd, action);
	}
	/* libcurl sets a timer for all it waits for; this is for when it errs. */
	if (count == 0)
		socket_action(CURL_SOCKET_TIMEOUT, 0);
	driven_at = connection_now();	/* waiting isn't neglecting */
	CHECK_FOR_INTERRUPTS();
}

static void
report_progress(const HttpRequest *request)
{
	double		due = request->state == HTTP_BACKING_OFF ? http_limit_due(request) : 0;

	connection_report_progress(request->response.connection,
							   request->response.call.purpose,
							   due > 0 && !isinf(due) ? due - connection_now() : 0);
}
