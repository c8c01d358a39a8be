/*-------------------------------------------------------------------------
 *
 * http_facts.c
 *		How a request went: which steps it took, and how long each.
 *
 * For who wants to know where it ends on the way to the API. The request must
 * have been one with "observed" set: on a connection of its own, so that there
 * are such steps, and with what libcurl says of them noted.
 *
 * IDENTIFICATION
 *		fdw/wire/http_facts.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "wire/http_facts.h"
#include "wire/http_request.h"

/* The step that a code of libcurl is about, if the request wasn't sent. */
static const struct
{
	CURLcode	code;
	HttpStep	step;
}			failed_steps[] =

{
	{CURLE_COULDNT_RESOLVE_HOST, HTTP_STEP_DNS},
	{CURLE_COULDNT_CONNECT, HTTP_STEP_CONNECT},
	{CURLE_SSL_CONNECT_ERROR, HTTP_STEP_TLS},
	{CURLE_PEER_FAILED_VERIFICATION, HTTP_STEP_TLS},
	{CURLE_SSL_CACERT_BADFILE, HTTP_STEP_TLS},
	{CURLE_SSL_ISSUER_ERROR, HTTP_STEP_TLS},
	{CURLE_SSL_CIPHER, HTTP_STEP_TLS},
	{CURLE_SSL_CERTPROBLEM, HTTP_STEP_TLS},
	{CURLE_SSL_INVALIDCERTSTATUS, HTTP_STEP_TLS},
};

/* libcurl's clocks that stop at the end of each step. */
static const CURLINFO clocks[] = {
	CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T,
	CURLINFO_TOTAL_TIME_T,
};

static HttpStep step_of_failure(HttpRequest *request, const HttpFacts *facts);
static void note_times(HttpRequest *request, HttpFacts *facts);
static double read_clock(HttpRequest *request, HttpStep step);
static void note_certificate(HttpRequest *request, HttpFacts *facts);
static char *word_after(const char *line, const char *prefix);
static double number_in_head(HttpRequest *request, const char *name);

/*
 * The facts of a request that is done, in the current memory context; those of
 * its last try.
 */
HttpFacts *
http_facts(HttpRequest *request)
{
	HttpFacts  *facts = palloc0(sizeof(HttpFacts));
	const char *url = request->response.connection->options.base_url;
	char	   *address = NULL;
	long		port = 0;

	facts->encrypted = pg_strncasecmp(url, "https:", 6) == 0;
	note_times(request, facts);
	facts->ended = step_of_failure(request, facts);
	/* What follows the step that failed has taken no time. */
	for (int step = facts->ended + 1; step <= HTTP_STEP_ANSWER; step++)
		facts->ms[step] = 0;
	(void) curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_IP, &address);
	(void) curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_PORT, &port);
	facts->address = address != NULL && *address != '\0' ? pstrdup(address) : NULL;
	facts->port = (int) port;
	facts->tls_version = request->tls_version[0] != '\0' ? pstrdup(request->tls_version) : NULL;
	facts->untrusted = request->code == CURLE_PEER_FAILED_VERIFICATION;
	note_certificate(request, facts);
	facts->rate_left = number_in_head(request, "X-Rate-Limit-Remaining");
	return facts;
}

/*
 * For libcurl's words on a request that is observed: notes the version of TLS,
 * which it tells nowhere else. Called back by libcurl, so nothing here throws.
 */
void
http_facts_listen(HttpRequest *request, const char *text, size_t length)
{
	static const char prefix[] = "SSL connection using ";
	size_t		skipped = strlen(prefix);
	size_t		n;

	if (length < skipped || strncmp(text, prefix, skipped) != 0)
		return;
	for (n = 0; n < length - skipped && n < sizeof(request->tls_version) - 1; n++)
	{
		if (text[skipped + n] <= ' ' || text[skipped + n] == '/')
			break;
		request->tls_version[n] = text[skipped + n];
	}
	request->tls_version[n] = '\0';
}

/*
 * The other side is connected, and TLS is about to begin. In libcurl's own clock
 * the one step may end with the other.
 */
CURLcode
http_facts_securing(CURL *easy, void *context, void *arg)
{
	HttpRequest *request = arg;

	request->securing_at = connection_now();
	return CURLE_OK;
}

/* Where it ended: by its code, else (a time-out) by which clock still ran. */
static HttpStep
step_of_failure(HttpRequest *request, const HttpFacts *facts)
{
	if (request->response.sent || request->response.outcome == HTTP_ANSWERED)
		return HTTP_STEP_ANSWER;
	for (size_t i = 0; i < lengthof(failed_steps); i++)
	{
		if (failed_steps[i].code == request->code)
			return failed_steps[i].step;
	}
	for (HttpStep step = HTTP_STEP_DNS; step < HTTP_STEP_ANSWER; step++)
	{
		if (read_clock(request, step) == 0 && (step != HTTP_STEP_TLS || facts->encrypted))
			return step;
	}
	return HTTP_STEP_ANSWER;
}

/* Each clock runs from the start, so a step is what it adds. */
static void
note_times(HttpRequest *request, HttpFacts *facts)
{
	double		before = 0;

	for (HttpStep step = HTTP_STEP_DNS; step <= HTTP_STEP_ANSWER; step++)
	{
		double		ms = read_clock(request, step);

		facts->ms[step] = Max(ms - before, 0);
		before = Max(before, ms);
	}
}

/* Milliseconds from the start to the end of a step, 0 if it didn't come to that. */
static double
read_clock(HttpRequest *request, HttpStep step)
{
	curl_off_t	stopped = 0;

	if (step == HTTP_STEP_CONNECT && request->securing_at > 0)
		return request->securing_at - request->started;
	(void) curl_easy_getinfo(request->easy, clocks[step], &stopped);
	return stopped / 1000.0;
}

/* Of the host itself, which is the first of its chain. */
static void
note_certificate(HttpRequest *request, HttpFacts *facts)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(request->easy, CURLINFO_CERTINFO, &info) != CURLE_OK ||
		info == NULL || info->num_of_certs == 0)
		return;
	for (struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
	{
		if (facts->issuer == NULL)
			facts->issuer = word_after(line->data, "Issuer:");
		if (facts->expires == NULL)
			facts->expires = word_after(line->data, "Expire date:");
	}
}

static char *
word_after(const char *line, const char *prefix)
{
	return strncmp(line, prefix, strlen(prefix)) == 0 ? pstrdup(line + strlen(prefix)) : NULL;
}

/* A whole number in the head of the answer, -1 if there is none. */
static double
number_in_head(HttpRequest *request, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
		header->value[0] == '\0' || strlen(header->value) > 9 ||
		strspn(header->value, "0123456789") != strlen(header->value))
		return -1;
	return atoi(header->value);
}
