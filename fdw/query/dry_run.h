/*-------------------------------------------------------------------------
 *
 * dry_run.h
 *		Setting pylon_fdw.dry_run: writes are shown instead of sent.
 *
 * IDENTIFICATION
 *		fdw/query/dry_run.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_DRY_RUN_H
#define PYLON_DRY_RUN_H

#include "utils/rel.h"

extern void dry_run_define(void);
extern bool dry_run_is_on(Relation table, Oid userid);
extern void dry_run_show(const char *method, const char *path,
						 const char *body);

#endif							/* PYLON_DRY_RUN_H */
