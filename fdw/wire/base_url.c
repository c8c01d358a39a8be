/*-------------------------------------------------------------------------
 *
 * base_url.c
 *		URLs to which a token may go: which are fit, and which are Pylon's.
 *
 * Who may set one is decided in option.c.
 *
 * IDENTIFICATION
 *		fdw/wire/base_url.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>

#include <curl/curl.h>

#include "wire/base_url.h"

/* Hosts to which any owner of a server may send its users' tokens. */
static const char *const pylon_urls[] = {BASE_URL_US, BASE_URL_EU};

static const char *host_of(const char *url, bool *encrypted, size_t *length);
static bool is_url(const char *url);
static bool is_loopback(const char *host, size_t length);

/*
 * NULL if "url" may be a base URL, else what is wrong with it, as a sentence.
 * Cleartext is for loopback hosts, since each request carries the token.
 *
 * The text itself is looked at, since libcurl lets pass what is empty ("#"),
 * and makes one thing of many ("127.1", "0x7f.1", "%6cocalhost").
 */
const char *
base_url_problem(const char *url)
{
	bool		encrypted;
	size_t		length;
	const char *host = host_of(url, &encrypted, &length);

	if (strstr(url, "://") == NULL)
		return "It does not begin with \"https://\".";
	if (host != NULL && memchr(host, '@', length) != NULL)
		return "It names a user.";
	if (host == NULL || !is_url(url))
		return "It is not a URL of a web server.";
	if (strpbrk(url, "?#") != NULL)
		return "It has a query or a fragment.";
	if (!encrypted && !is_loopback(host, length))
		return "The token is sent only over https, or to a loopback host.";
	return NULL;
}

/*
 * The host of a URL, with user and port if there are any, and whether it is
 * one of https; NULL for other schemes.
 */
static const char *
host_of(const char *url, bool *encrypted, size_t *length)
{
	const char *host;

	*encrypted = pg_strncasecmp(url, "https://", 8) == 0;
	if (!*encrypted && pg_strncasecmp(url, "http://", 7) != 0)
		return NULL;
	host = url + (*encrypted ? 8 : 7);
	*length = strcspn(host, "/?#\\");
	return *length > 0 ? host : NULL;
}

/* Does libcurl take it for one? Else no request would ever be sent. */
static bool
is_url(const char *url)
{
	CURLU	   *parsed = curl_url();
	bool		fit;

	if (parsed == NULL)
		return false;
	fit = strchr(url, '\\') == NULL &&
		curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK;
	curl_url_cleanup(parsed);
	return fit;
}

/*
 * Is it this machine, whatever a name server says? "host" may have a port.
 */
static bool
is_loopback(const char *host, size_t length)
{
	char		name[sizeof("255.255.255.255")];
	struct in_addr address;
	size_t		name_length = host[0] == '[' ? strlen("[::1]") :
		strcspn(host, ":/");

	name_length = Min(name_length, length);
	if (name_length >= sizeof(name) ||
		(name_length < length && host[name_length] != ':'))
		return false;
	memcpy(name, host, name_length);
	name[name_length] = '\0';
	if (pg_strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
		return true;
	/* Takes four decimal numbers, and nothing else. */
	return inet_pton(AF_INET, name, &address) == 1 &&
		(ntohl(address.s_addr) >> 24) == 127;
}

/* "url" without slashes at its end, allocated in the current context. */
char *
base_url_normalize(const char *url)
{
	char	   *normal = pstrdup(url);
	size_t		length = strlen(normal);

	while (length > 0 && normal[length - 1] == '/')
		normal[--length] = '\0';
	return normal;
}

/* Is it, apart from slashes at its end, one of Pylon's own? */
bool
base_url_is_pylon(const char *url)
{
	char	   *normal = base_url_normalize(url);

	for (size_t i = 0; i < lengthof(pylon_urls); i++)
	{
		if (strcmp(normal, pylon_urls[i]) == 0)
			return true;
	}
	return false;
}
