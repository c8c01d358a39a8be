/*-------------------------------------------------------------------------
 *
 * filter_operand.h
 *		What filter.c and filter_operand.c know of a condition.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_operand.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_FILTER_OPERAND_H
#define PYLON_FILTER_OPERAND_H

#include "filter/filter_node.h"
#include "nodes/pathnodes.h"
#include "object/object.h"
#include "utils/relcache.h"
#include "wire/option.h"

/* What translating a condition needs to know of the scan. */
typedef struct FilterContext
{
	PlannerInfo *root;
	Relation	table;
	const PylonObject *object;	/* that it shows */
	RelOptInfo *rel;
	PylonCase	case_sensitive;
	List	   *values;
	Node	   *covered;		/* what of the last one was pushed */
	const char *reason;			/* why the last one couldn't be */
} FilterContext;

/* The part of a condition that the API knows: a field, or a custom field. */
typedef struct FilterOperand
{
	const char *field;			/* its name, or the slug */
	const PylonField *entry;
	int			operators;		/* FIELD_...: those of the entry that it takes */
	int			flags;			/* FILTER_NODE_... */
	AttrNumber	attnum;
	int			max_length;
	Oid			type;			/* base type of the column */
	bool		citext;			/* compared by the operators of citext */
	bool		member;			/* the jsonb of a custom field */
	Oid			collation;		/* by which case is folded */
	const char *custom_type;	/* in the API, NULL where it isn't known */
} FilterOperand;

/* Why a condition stays local, as EXPLAIN VERBOSE says it. */
#define REASON_EXPRESSION	"not a comparison that the API knows"
#define REASON_FIELD		"the API can't search this field that way"
#define REASON_VALUE		"the other side depends on the row or is volatile"
#define REASON_ROWS			"it would read nearly everything again for each row of another table"
#define REASON_COLLATION	"the collation calls different texts equal"
#define REASON_TYPE			"the column's type compares in another way than the API"
#define REASON_CASE			"needs option case_sensitive 'false'"
#define REASON_EXACT		"needs option case_sensitive 'true'"
#define REASON_REGEX		"the regular expression is more than literals and .*"
#define REASON_NEGATION		"the API can't negate it"
#define REASON_NAME			"the slug must be a constant"
#define REASON_SLUG			"the slug is empty or the name of a field"

extern bool operand_find(FilterContext *context, Node *node,
						 FilterOperand *operand);
extern bool operand_extracted(FilterContext *context, Node *node,
							  FilterOperand *operand);
extern bool operand_member(FilterContext *context, Node *node,
						   FilterOperand *operand);
extern bool operand_of_column(FilterContext *context, Var *column,
							  FilterOperand *operand);
extern bool operand_of_slug(FilterContext *context, const char *slug,
							FilterOperand *operand);
extern bool operand_fold_case(FilterContext *context, FilterOperand *operand,
							  FilterTest test, Oid collation);
extern bool operand_test(const FilterOperand *operand, Oid opno,
						 FilterTest *test, bool *fold);
extern Var *operand_scanned_column(FilterContext *context, Node *node);
extern bool operand_is_custom_fields(FilterContext *context, Node *node);
extern Node *operand_strip_relabel(Node *node);
extern char *operand_constant_text(Node *node);
extern List *operand_constant_texts(Node *node);
extern bool operand_is_text(Oid type);
extern bool operand_is_list(Oid type);

#endif							/* PYLON_FILTER_OPERAND_H */
