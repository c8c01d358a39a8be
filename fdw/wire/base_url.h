/*-------------------------------------------------------------------------
 *
 * base_url.h
 *		URLs to which a token may go.
 *
 * IDENTIFICATION
 *		fdw/wire/base_url.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_BASE_URL_H
#define PYLON_BASE_URL_H

/* The API's regions. */
#define BASE_URL_US "https://api.usepylon.com"
#define BASE_URL_EU "https://api.eu.usepylon.com"

extern const char *base_url_problem(const char *url);
extern char *base_url_normalize(const char *url);
extern bool base_url_is_pylon(const char *url);

#endif							/* PYLON_BASE_URL_H */
