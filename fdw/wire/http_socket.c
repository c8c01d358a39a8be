/*-------------------------------------------------------------------------
 *
 * http_socket.c
 *		The sockets that libcurl wants watched, as a wait set of PostgreSQL's.
 *
 * The functions that libcurl calls back note and return; they never throw.
 * Who waits, and for how long, is decided in http.c.
 *
 * IDENTIFICATION
 *		fdw/wire/http_socket.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "wire/http_socket.h"

/* One socket that libcurl wants watched. */
typedef struct WatchedSocket
{
	curl_socket_t fd;
	int			what;			/* CURL_POLL_... */
} WatchedSocket;

/* One that counts against the files that the backend may have open. */
typedef struct CountedSocket
{
	curl_socket_t fd;
	ino_t		inode;			/* tells it from a later one with its number */
} CountedSocket;

static WatchedSocket *watched = NULL;
static int	nwatched = 0;
static int	watched_capacity = 0;
static CountedSocket *counted = NULL;
static int	ncounted = 0;
static int	counted_capacity = 0;
static WaitEventSet *wait_set = NULL;
static bool wait_set_stale = true;

static bool socket_count_in(curl_socket_t fd);
static void socket_count_out(int i);
static bool socket_is_open(const CountedSocket *socket);
static void rebuild_wait_set(void);

/* For CURLMOPT_SOCKETFUNCTION: libcurl wants "fd" watched in another way. */
int
socket_watch(CURL *easy, curl_socket_t fd, int what, void *arg,
			 void *socket_arg)
{
	int			i;

	wait_set_stale = true;
	for (i = 0; i < nwatched && watched[i].fd != fd; i++)
		;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < nwatched)
			watched[i] = watched[--nwatched];
		return 0;
	}
	if (i == watched_capacity)
	{
		int			capacity = watched_capacity + 16;
		WatchedSocket *table = realloc(watched, capacity * sizeof(WatchedSocket));

		if (table == NULL)
			return -1;
		watched = table;
		watched_capacity = capacity;
	}
	if (i == nwatched)
		nwatched++;
	watched[i].fd = fd;
	watched[i].what = what;
	return 0;
}

/*
 * For CURLOPT_OPENSOCKETFUNCTION: sockets count against the files that the
 * backend may have open.
 */
curl_socket_t
socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	curl_socket_t fd;

	/* libcurl 7.88 closes by itself those that no connection came of. */
	for (int i = ncounted - 1; i >= 0; i--)
	{
		if (!socket_is_open(&counted[i]))
			socket_count_out(i);
	}
	if (!AcquireExternalFD())
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype, address->protocol);
	if (fd != CURL_SOCKET_BAD && !socket_count_in(fd))
	{
		close(fd);
		fd = CURL_SOCKET_BAD;
	}
	if (fd == CURL_SOCKET_BAD)
		ReleaseExternalFD();
	else
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* For CURLOPT_CLOSESOCKETFUNCTION. */
int
socket_close(void *arg, curl_socket_t fd)
{
	for (int i = ncounted - 1; i >= 0; i--)
	{
		if (counted[i].fd == fd)
			socket_count_out(i);
	}
	return close(fd);
}

/* False if there is no memory for it. */
static bool
socket_count_in(curl_socket_t fd)
{
	struct stat status;

	if (ncounted == counted_capacity)
	{
		int			capacity = counted_capacity + 16;
		CountedSocket *table = realloc(counted, capacity * sizeof(CountedSocket));

		if (table == NULL)
			return false;
		counted = table;
		counted_capacity = capacity;
	}
	if (fstat(fd, &status) != 0)
		return false;
	counted[ncounted].fd = fd;
	counted[ncounted++].inode = status.st_ino;
	return true;
}

static void
socket_count_out(int i)
{
	counted[i] = counted[--ncounted];
	ReleaseExternalFD();
}

/* Has nobody closed it, whatever has its number now? */
static bool
socket_is_open(const CountedSocket *socket)
{
	struct stat status;

	return fstat(socket->fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
		status.st_ino == socket->inode;
}

/* How many sockets are watched. */
int
socket_count(void)
{
	return nwatched;
}

/* The i-th of them; any call into libcurl may change which that is. */
curl_socket_t
socket_fd(int i)
{
	return watched[i].fd;
}

/*
 * A wait set of all of them, the latch and the end of the postmaster. It
 * belongs to this file, and is good until libcurl is called again.
 */
WaitEventSet *
socket_wait_set(void)
{
	if (wait_set_stale)
		rebuild_wait_set();
	return wait_set;
}

/* PostgreSQL can't take a socket out of a wait set. */
static void
rebuild_wait_set(void)
{
	if (wait_set != NULL)
	{
		WaitEventSet *old = wait_set;

		wait_set = NULL;
		FreeWaitEventSet(old);
	}
	wait_set = compat_create_wait_event_set(nwatched + 2);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	/* A single-user backend has no postmaster that could end. */
	if (IsUnderPostmaster)
		AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < nwatched; i++)
	{
		int			what = watched[i].what;
		uint32		wanted = 0;

		if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
			wanted |= WL_SOCKET_READABLE;
		if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
			wanted |= WL_SOCKET_WRITEABLE;
		AddWaitEventToSet(wait_set, wanted, watched[i].fd, NULL, NULL);
	}
	wait_set_stale = false;
}
