/*-------------------------------------------------------------------------
 *
 * http_socket.h
 *		The sockets that libcurl wants watched. For http.c alone.
 *
 * IDENTIFICATION
 *		fdw/wire/http_socket.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_HTTP_SOCKET_H
#define PYLON_HTTP_SOCKET_H

#include <curl/curl.h>

extern int	socket_watch(CURL *easy, curl_socket_t fd, int what, void *arg,
						 void *socket_arg);
extern curl_socket_t socket_open(void *arg, curlsocktype purpose,
								 struct curl_sockaddr *address);
extern int	socket_close(void *arg, curl_socket_t fd);
extern int	socket_count(void);
extern curl_socket_t socket_fd(int i);
extern struct WaitEventSet *socket_wait_set(void);

#endif							/* PYLON_HTTP_SOCKET_H */
