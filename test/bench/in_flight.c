/*
 * The least that a program can do to write many contacts with several requests
 * in flight: a connection for each, kept open, and the next one as soon as one
 * has its answer.
 *
 * Usage: in_flight METHOD BASE_URL TOKEN AT_ONCE FILE, where each line of FILE
 * is a path and, behind a blank, a body; prints requests and seconds. The
 * environment's CURL_CA_BUNDLE names the authorities, as for curl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#define MAX_AT_ONCE 64

static const char *method;
static const char *base_url;
static FILE *lines;
static struct curl_slist *headers = NULL;
static char *texts[MAX_AT_ONCE];	/* what each of those in flight sends */

static size_t
ignore(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) arg;
	return size * count;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Sends the next line with a handle that is free; 0 where none is left. */
static int
start_next(CURLM *multi, CURL *easy, int slot)
{
	char		url[1024];
	size_t		size = 0;
	char	   *body;
	ssize_t		length;

	free(texts[slot]);
	texts[slot] = NULL;
	length = getline(&texts[slot], &size, lines);
	if (length <= 1)
		return 0;
	texts[slot][length - 1] = '\0';
	body = strchr(texts[slot], ' ');
	if (body != NULL)
		*body++ = '\0';
	snprintf(url, sizeof(url), "%s%s", base_url, texts[slot]);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	if (body != NULL)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	curl_multi_add_handle(multi, easy);
	return 1;
}

static CURL *
make_handle(size_t slot)
{
	CURL	   *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *) slot);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (getenv("CURL_CA_BUNDLE") != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("CURL_CA_BUNDLE"));
	return easy;
}

/* Takes note of what is done and sends what is next; how many are left in flight. */
static int
collect(CURLM *multi, int in_flight, int *done, int *failed)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL	   *easy = message->easy_handle;
		CURLcode	result = message->data.result;
		char	   *slot;
		long		status = 0;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(multi, easy);
		*failed += result != CURLE_OK || status < 200 || status > 299;
		++*done;
		if (!start_next(multi, easy, (int) (size_t) slot))
			in_flight--;
	}
	return in_flight;
}

int
main(int argc, char **argv)
{
	char		authorization[1024];
	int			at_once = argc == 6 ? atoi(argv[4]) : 0;
	CURLM	   *multi;
	int			in_flight = 0;
	int			done = 0;
	int			failed = 0;
	double		start = now();

	if (at_once < 1 || at_once > MAX_AT_ONCE || (lines = fopen(argv[5], "r")) == NULL)
	{
		fprintf(stderr, "usage: in_flight METHOD BASE_URL TOKEN AT_ONCE FILE\n");
		return 2;
	}
	method = argv[1];
	base_url = argv[2];
	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", argv[3]);
	headers = curl_slist_append(curl_slist_append(NULL, authorization), "Content-Type: application/json");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	for (int i = 0; i < at_once; i++)
		in_flight += start_next(multi, make_handle(i), i);
	while (in_flight > 0)
	{
		int			running;

		curl_multi_perform(multi, &running);
		in_flight = collect(multi, in_flight, &done, &failed);
		if (in_flight > 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	printf("%d requests, %.3f s\n", done, now() - start);
	return failed > 0;
}
