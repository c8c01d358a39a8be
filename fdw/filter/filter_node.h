/*-------------------------------------------------------------------------
 *
 * filter_node.h
 *		The tree of a planned filter.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_node.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_NODE_H
#define PYLON_FILTER_NODE_H

#include "nodes/pg_list.h"

/*
 * A planned filter is a tree of Lists, so that plans can be copied and
 * cached. The first member of a node is an Integer, its FilterTest; a
 * FILTER_AND or FILTER_OR goes on with its children, a test of a field with
 * these members.
 */
typedef enum FilterNodeIndex
{
	FilterNodeTest,				/* Integer */
	FilterNodeField,			/* String: field or slug */
	FilterNodeFlags,			/* Integer: FILTER_NODE_... */
	FilterNodeAttnum,			/* Integer: the column, or 0 */
	FilterNodeMaxLength,		/* Integer: of a varchar(n), else 0 */
	FilterNodeCollation,		/* Integer: the one that folds case, or 0 */
	FilterNodeValue,			/* Integer: place in the list of values, or -1 */
} FilterNodeIndex;

#define FILTER_NODE_CUSTOM		0x01	/* the field is a slug */
#define FILTER_NODE_FOLD		0x02	/* case is to be ignored */
#define FILTER_NODE_EXTRACTED	0x04	/* by ->> from the column */
#define FILTER_NODE_LOOSE		0x08	/* the API may ignore case */
#define FILTER_NODE_LOOKUP		0x10	/* names one id: it goes into a path */
#define FILTER_NODE_WIDE		0x20	/* more comes than SQL wants */
#define FILTER_NODE_NULLS		0x40	/* just NULL decides; nothing is asked */
#define FILTER_NODE_ID			0x80	/* the field is the object's id */
#define FILTER_NODE_PROSE		0x100	/* ... text that people write */
#define FILTER_NODE_UNIQUE		0x200	/* ... hardly the same of two objects */
#define FILTER_NODE_ANY			0x400	/* any of an array's values does */
#define FILTER_NODE_NULL_UNSET	0x800	/* NULL asks for what is not set */
#define FILTER_NODE_NULL_ALL	0x1000	/* ... for what the API can't tell */
#define FILTER_NODE_PART		0x2000	/* of a part of the field's text */
#define FILTER_NODE_CUT			0x4000	/* cut off at the length by a cast */
#define FILTER_NODE_UUID		0x8000	/* cast to uuid */
#define FILTER_NODE_LIST		0x10000 /* takes no "equals": a list */
#define FILTER_NODE_SINGLE		0x20000 /* takes no "contains": a text */
#define FILTER_NODE_WITHIN		0x40000 /* the field is a list, in which SQL's
										 * operand is one */

/* What is asked of a field. */
typedef enum FilterTest
{
	FILTER_AND,
	FILTER_OR,
	FILTER_EQUALS,				/* f = value */
	FILTER_IN,					/* f = ANY (array) */
	FILTER_NOT_EQUALS,			/* f <> value */
	FILTER_NOT_IN,				/* f <> ALL (array) */
	FILTER_LIKE,				/* f LIKE pattern */
	FILTER_REGEX,				/* f ~ regex */
	FILTER_PREFIX,				/* starts_with(f, value) */
	FILTER_SUBSTRING,			/* strpos(f, value) > 0 */
	FILTER_SET,					/* f IS NOT NULL */
	FILTER_UNSET,				/* f IS NULL */
	FILTER_HAS,					/* value = ANY (f) */
	FILTER_HAS_ALL,				/* f @> array */
	FILTER_HAS_ANY,				/* f && array */
	FILTER_JSON,				/* custom_fields @> value */
	FILTER_MEMBER,				/* custom_fields -> slug = value */
	FILTER_MEMBER_HAS,			/* custom_fields -> slug @> value */
	FILTER_HOLDS_IDS,			/* external ids @> value */
	FILTER_KEYS,				/* f = ANY (keys of a lookup join) */
} FilterTest;

#endif							/* PYLON_FILTER_NODE_H */
