/*-------------------------------------------------------------------------
 *
 * query_owner.h
 *		Does what a query has opened still belong to it?
 *
 * IDENTIFICATION
 *		fdw/query/query_owner.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_QUERY_OWNER_H
#define PYLON_QUERY_OWNER_H

#include "lib/ilist.h"
#include "utils/resowner.h"

/* The resource owner of a query. */
typedef struct QueryOwner
{
	ResourceOwner owner;		/* NULL once its resources are released */
	dlist_node	node;			/* of those that are watched */
} QueryOwner;

extern void query_owner_watch(QueryOwner *query);
extern void query_owner_forget(QueryOwner *query);

#endif							/* PYLON_QUERY_OWNER_H */
