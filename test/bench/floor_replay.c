/*
 * The least that a program can do for a list of requests: send them with so
 * many in flight, over connections that are kept, and look at no answer.  The
 * requests are lines "METHOD path[?query][ body]", as the sample API's log has
 * them, on standard input.  "fresh" takes a new connection for each, as a
 * create does; "warm" sends the first one once before the clock starts.
 *
 * Usage: floor_replay BASE_URL TOKEN IN_FLIGHT keep|fresh|warm [CA_FILE];
 * prints requests and seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#define MAX_IN_FLIGHT	64

static const char *base_url;
static const char *ca_file;
static struct curl_slist *headers;
static char **requests;
static int	nrequests;

static size_t
drop(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) arg;
	return size * count;
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void
read_requests(void)
{
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		length;

	while ((length = getline(&line, &size, stdin)) > 0)
	{
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		requests = realloc(requests, (nrequests + 1) * sizeof(char *));
		requests[nrequests++] = strdup(line);
	}
	free(line);
}

static void
fill_handle(CURL *curl, const char *request, int fresh)
{
	const char *path = strchr(request, ' ') + 1;
	const char *body = strchr(path, ' ');
	char		method[16];
	char		url[4096];

	snprintf(method, sizeof(method), "%.*s", (int) (path - request - 1), request);
	snprintf(url, sizeof(url), "%s%.*s", base_url, body ? (int) (body - path) : (int) strlen(path), path);
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	if (body)
		curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body + 1);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long) fresh);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, (long) fresh);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	if (ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
}

/* Puts the handles of what has ended back to work; false where one failed. */
static int
go_on(CURLM *multi, int *next, int end, int *running, int fresh)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL	   *curl = message->easy_handle;

		if (message->data.result != CURLE_OK)
		{
			fprintf(stderr, "%s\n", curl_easy_strerror(message->data.result));
			return 0;
		}
		curl_multi_remove_handle(multi, curl);
		(*running)--;
		if (*next < end)
		{
			fill_handle(curl, requests[(*next)++], fresh);
			curl_multi_add_handle(multi, curl);
			(*running)++;
		}
	}
	return 1;
}

static int
replay(CURLM *multi, CURL **handles, int in_flight, int end, int fresh)
{
	int			next;
	int			running = 0;

	for (next = 0; next < end && next < in_flight; next++, running++)
	{
		fill_handle(handles[next], requests[next], fresh);
		curl_multi_add_handle(multi, handles[next]);
	}
	while (running > 0)
	{
		int			active;

		curl_multi_perform(multi, &active);
		if (!go_on(multi, &next, end, &running, fresh))
			return 0;
		if (running > 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	return 1;
}

int
main(int argc, char **argv)
{
	CURLM	   *multi;
	CURL	   *handles[MAX_IN_FLIGHT];
	char		authorization[256];
	double		start = seconds();
	int			in_flight;
	int			i;

	if (argc < 5 || (in_flight = atoi(argv[3])) < 1 || in_flight > MAX_IN_FLIGHT)
		return 2;
	base_url = argv[1];
	ca_file = argc > 5 ? argv[5] : NULL;
	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", argv[2]);
	headers = curl_slist_append(NULL, authorization);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	read_requests();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	for (i = 0; i < in_flight; i++)
		handles[i] = curl_easy_init();
	if (strcmp(argv[4], "warm") == 0)
	{
		if (!replay(multi, handles, 1, 1, 0))
			return 1;
		start = seconds();
	}
	if (!replay(multi, handles, in_flight, nrequests, strcmp(argv[4], "fresh") == 0))
		return 1;
	printf("%d %.6f\n", nrequests, seconds() - start);
	return 0;
}
