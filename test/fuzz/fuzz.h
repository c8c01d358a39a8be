/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *		What the fuzz targets share.
 *
 * IDENTIFICATION
 *		test/fuzz/fuzz.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FUZZ_H
#define PYLON_FUZZ_H

#include "postgres.h"

#include "utils/elog.h"

/* The input that is not yet used up. */
typedef struct FuzzInput
{
	const uint8 *data;
	size_t		size;
} FuzzInput;

/* Something to attack: "prepare" once, then "run" for each input. */
typedef struct FuzzTarget
{
	const char *name;
	void		(*prepare) (void);
	void		(*run) (FuzzInput *input);
} FuzzTarget;

extern const FuzzTarget fuzz_read;
extern const FuzzTarget fuzz_filter;
extern const FuzzTarget fuzz_option;
extern const FuzzTarget fuzz_answer;

/* A promise that isn't kept ends the process, as a memory error does. */
#define PROMISE(condition) \
	do { \
		if (!(condition)) \
			fuzz_broken(#condition, __FILE__, __LINE__); \
	} while (0)

pg_attribute_noreturn() extern void fuzz_broken(const char *promise, const char *file, int line);
extern int	fuzz_byte(FuzzInput *input);
extern char *fuzz_text(FuzzInput *input);
extern char *fuzz_rest(FuzzInput *input);
extern bool fuzz_is_json(const char *json);

#endif							/* PYLON_FUZZ_H */
