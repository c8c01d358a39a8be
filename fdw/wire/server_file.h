/*-------------------------------------------------------------------------
 *
 * server_file.h
 *		Files that options name.
 *
 * IDENTIFICATION
 *		fdw/wire/server_file.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SERVER_FILE_H
#define PYLON_SERVER_FILE_H

extern char *server_file_read(const char *path, size_t limit, size_t *length,
							  bool *readable, const char **problem);

#endif							/* PYLON_SERVER_FILE_H */
