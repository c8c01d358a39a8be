/*-------------------------------------------------------------------------
 *
 * server_file.c
 *		Files that options name: regular ones, of a size that is expected.
 *
 * A pipe would hang, a device may do anything, and a file without end takes
 * all memory; none of them is a token, or a list of authorities.
 *
 * IDENTIFICATION
 *		fdw/wire/server_file.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"
#include "wire/server_file.h"

static const char *read_all(int fd, const char *path, char *buffer,
							size_t size, size_t *length);

/*
 * The contents of a regular file of at most "limit" bytes, with a NUL behind,
 * in the current memory context. NULL for any other: "problem" says what is
 * wrong, as a sentence, and "readable" whether it is the file itself rather
 * than that it can't be read.
 */
char *
server_file_read(const char *path, size_t limit, size_t *length,
				 bool *readable, const char **problem)
{
	char	   *buffer = NULL;
	struct stat status;
	int			fd;

	*problem = NULL;
	*readable = true;
	/* Who opens a pipe, or a terminal, doesn't wait and isn't bound to it. */
	fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | PG_BINARY);
	if (fd < 0 || fstat(fd, &status) != 0)
	{
		*readable = false;
		*problem = psprintf("Could not open file \"%s\": %m.%s", path,
							is_absolute_path(path) ? "" :
							" A path that does not begin with a slash is one in the data directory.");
	}
	else if (!S_ISREG(status.st_mode))
		*problem = psprintf("\"%s\" is not a regular file.", path);
	else
	{
		buffer = palloc(limit + 2);
		*problem = read_all(fd, path, buffer, limit + 1, length);
		*readable = *problem == NULL;
		if (*problem == NULL && *length > limit)
			*problem = psprintf("File \"%s\" is larger than %zu bytes.", path, limit);
	}
	if (fd >= 0)
		CloseTransientFile(fd);
	return *problem == NULL ? repalloc(buffer, *length + 1) : NULL;
}

/* Up to "size" bytes; what went wrong, or NULL. */
static const char *
read_all(int fd, const char *path, char *buffer, size_t size, size_t *length)
{
	ssize_t		count;

	*length = 0;
	while (*length < size && (count = read(fd, buffer + *length, size - *length)) != 0)
	{
		if (count > 0)
			*length += count;
		else if (errno != EINTR)
			return psprintf("Could not read file \"%s\": %m.", path);
	}
	buffer[*length] = '\0';
	return NULL;
}
