/*-------------------------------------------------------------------------
 *
 * filter_pattern.h
 *		Regular expressions as patterns of LIKE.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_pattern.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_PATTERN_H
#define PYLON_FILTER_PATTERN_H

extern char *filter_regex_pattern(const char *regex);

#endif							/* PYLON_FILTER_PATTERN_H */
