/*-------------------------------------------------------------------------
 *
 * http_failure.c
 *		What libcurl's codes amount to.
 *
 * IDENTIFICATION
 *		fdw/wire/http_failure.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "wire/http_failure.h"

/* CURLE_TOO_LARGE, which libcurl's header has from 8.6 on. */
#define TOO_LARGE ((CURLcode) 100)

/* What a failed transfer amounts to, and whether another try may help. */
static const struct
{
	CURLcode	code;
	HttpOutcome outcome;
	bool		transient;
}			transfer_failures[] =

{
	{CURLE_COULDNT_RESOLVE_HOST, HTTP_NO_CONNECTION, true},
	{CURLE_COULDNT_CONNECT, HTTP_NO_CONNECTION, true},
	{CURLE_SSL_CONNECT_ERROR, HTTP_NO_CONNECTION, true},
	{CURLE_PEER_FAILED_VERIFICATION, HTTP_NO_CONNECTION, false},
	{CURLE_SSL_CACERT_BADFILE, HTTP_NO_CONNECTION, false},
	{CURLE_SSL_ISSUER_ERROR, HTTP_NO_CONNECTION, false},
	{CURLE_SSL_CIPHER, HTTP_NO_CONNECTION, false},
	{CURLE_SSL_CERTPROBLEM, HTTP_NO_CONNECTION, false},
	{CURLE_SSL_INVALIDCERTSTATUS, HTTP_NO_CONNECTION, false},
	{CURLE_UNSUPPORTED_PROTOCOL, HTTP_NO_CONNECTION, false},
	{CURLE_URL_MALFORMAT, HTTP_NO_CONNECTION, false},
	{CURLE_BAD_CONTENT_ENCODING, HTTP_BAD_ANSWER, false},
	{CURLE_WEIRD_SERVER_REPLY, HTTP_BAD_ANSWER, false},
	{CURLE_FILESIZE_EXCEEDED, HTTP_BAD_ANSWER, false},
	{CURLE_WRITE_ERROR, HTTP_BAD_ANSWER, false},
	{CURLE_OUT_OF_MEMORY, HTTP_OUT_OF_MEMORY, false},
};

/* Where libcurl speaks of its own insides, what that is for others. */
static const struct
{
	CURLcode	code;
	const char *words;
}			transfer_words[] =

{
	{CURLE_ABORTED_BY_CALLBACK, "The connection was lost before an answer came."},
	{CURLE_HTTP2, "The server broke off the HTTP/2 connection."},
	{CURLE_SEND_FAIL_REWIND, "The connection was lost while the request was sent."},
};

/*
 * The outcome of a transfer that failed; "sent" is whether the request was
 * sent, "error" libcurl's words. "transient" is set to whether another try
 * may help.
 */
HttpOutcome
http_failure_outcome(CURLcode code, const char *error, bool sent,
					 bool *transient)
{
	/* There is a connection; what came by it is no HTTP. */
	if (sent && (code == CURLE_UNSUPPORTED_PROTOCOL ||
				 http_failure_is_long_line(code, sent) ||
				 (code == CURLE_RECV_ERROR && strstr(error, "chunk") != NULL)))
		code = CURLE_WEIRD_SERVER_REPLY;
	for (size_t i = 0; i < lengthof(transfer_failures); i++)
	{
		if (transfer_failures[i].code == code)
		{
			*transient = transfer_failures[i].transient;
			return transfer_failures[i].outcome;
		}
	}
	/* A time-out before anything could be sent is no lost connection. */
	*transient = true;
	return sent ? HTTP_CONNECTION_LOST : HTTP_NO_CONNECTION;
}

/*
 * Does the code stand for a line of a head or trailer that libcurl has no
 * room for? It has none for that alone.
 */
bool
http_failure_is_long_line(CURLcode code, bool sent)
{
	return sent && (code == CURLE_OUT_OF_MEMORY || code == TOO_LARGE);
}

/* Words in place of libcurl's, or NULL where these will do. */
const char *
http_failure_words(CURLcode code)
{
	for (size_t i = 0; i < lengthof(transfer_words); i++)
	{
		if (transfer_words[i].code == code)
			return transfer_words[i].words;
	}
	return NULL;
}
