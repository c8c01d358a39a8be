/*-------------------------------------------------------------------------
 *
 * filter_operand.c
 *		The sides of a comparison: which field of the API an expression is.
 *
 * Knows what of a type's own comparison the API shares; what may be asked of
 * a field is decided in filter.c.
 *
 * IDENTIFICATION
 *		fdw/filter/filter_operand.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "filter/filter_operand.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Built-in functions behind the operators that compare a field with a value. */
static const struct
{
	Oid			function;
	FilterTest	test;
}			comparisons[] =

{
	{F_TEXTEQ, FILTER_EQUALS},
	{F_UUID_EQ, FILTER_EQUALS},
	{F_ENUM_EQ, FILTER_EQUALS},
	{F_TEXTNE, FILTER_NOT_EQUALS},
	{F_UUID_NE, FILTER_NOT_EQUALS},
	{F_ENUM_NE, FILTER_NOT_EQUALS},
	{F_TEXTLIKE, FILTER_LIKE},
	{F_TEXTREGEXEQ, FILTER_REGEX},
	{F_STARTS_WITH, FILTER_PREFIX},
	{F_TEXTICLIKE, FILTER_LIKE},
	{F_TEXTICREGEXEQ, FILTER_REGEX},
	{F_JSONB_EQ, FILTER_MEMBER},
};

/* The same for citext, whose operators have no fixed OIDs. */
static const struct
{
	const char *name;
	FilterTest	test;
}			citext_comparisons[] =

{
	{"=", FILTER_EQUALS},
	{"<>", FILTER_NOT_EQUALS},
	{"~~", FILTER_LIKE},
	{"~~*", FILTER_LIKE},
	{"~", FILTER_REGEX},
	{"~*", FILTER_REGEX},
};

/* Functions whose result is a part of their first argument. */
static const Oid parts[] =
{
	F_LEFT, F_RIGHT, F_SPLIT_PART,
	F_SUBSTR_TEXT_INT4, F_SUBSTR_TEXT_INT4_INT4,
	F_SUBSTRING_TEXT_INT4, F_SUBSTRING_TEXT_INT4_INT4, F_SUBSTRING_TEXT_TEXT,
	F_BTRIM_TEXT, F_LTRIM_TEXT, F_RTRIM_TEXT,
	F_BTRIM_TEXT_TEXT, F_LTRIM_TEXT_TEXT, F_RTRIM_TEXT_TEXT,
};

static Oid	called_function(Node *node, List **args);
static char *only_text(Node *path);
static bool operand_in_function(FilterContext *context, FuncExpr *func,
								FilterOperand *operand);
static bool others_are_values(List *args);
static bool operand_cut(FilterOperand *operand, Node *typmod);
static bool operand_converted(FilterContext *context, CoerceViaIO *expr,
							  FilterOperand *operand);
static bool slug_is_unknown(FilterContext *context, Node *slug);
static void restrict_to_type(FilterOperand *operand);
static bool is_array_as_text(Node *node);
static bool is_citext(Oid type);

/*
 * Recognizes what the API knows as a field: a column of text (or an array of
 * it), custom_fields ->> 'slug', either of them in lower(), cut off or in
 * part; custom_fields -> 'slug'; a uuid or enum as such or cast to text, and
 * an id cast to uuid.
 */
bool
operand_find(FilterContext *context, Node *node, FilterOperand *operand)
{
	Oid			type = exprType(node);
	Var		   *column;

	memset(operand, 0, sizeof(*operand));
	context->reason = REASON_EXPRESSION;
	node = operand_strip_relabel(node);
	if (operand_extracted(context, node, operand) || operand_member(context, node, operand))
		return true;
	if (IsA(node, FuncExpr))
		return operand_in_function(context, (FuncExpr *) node, operand);
	if (IsA(node, CoerceViaIO))
		return operand_converted(context, (CoerceViaIO *) node, operand);
	column = operand_scanned_column(context, node);
	if (column == NULL || !operand_of_column(context, column, operand))
		return false;
	if (is_citext(getBaseType(type)))
		operand->citext = true;
	return true;
}

/* lower(f), f::varchar(n), or a part of f */
static bool
operand_in_function(FilterContext *context, FuncExpr *func, FilterOperand *operand)
{
	if (func->funcid == F_LOWER_TEXT)
		return operand_find(context, linitial(func->args), operand) &&
			operand_fold_case(context, operand, FILTER_LIKE, func->inputcollid);
	if (func->funcid == F_VARCHAR_VARCHAR_INT4_BOOL)
		return operand_find(context, linitial(func->args), operand) &&
			operand_cut(operand, lsecond(func->args));
	for (size_t i = 0; i < lengthof(parts); i++)
	{
		if (func->funcid != parts[i])
			continue;
		if (!operand_find(context, linitial(func->args), operand))
			return false;
		operand->flags |= FILTER_NODE_PART | FILTER_NODE_WIDE;
		/* It is NULL where another argument is, or of a text that doesn't match. */
		if (func->funcid == F_SUBSTRING_TEXT_TEXT || !others_are_values(func->args))
			operand->operators &= ~FIELD_IS_SET;
		return true;
	}
	return false;
}

/* Is each argument but the first one a constant, and not NULL? */
static bool
others_are_values(List *args)
{
	ListCell   *lc;

	for_each_from(lc, args, 1)
	{
		if (!IsA(lfirst(lc), Const) || ((Const *) lfirst(lc))->constisnull)
			return false;
	}
	return true;
}

/* Of a text cut off at n characters no more is known if it has so many. */
static bool
operand_cut(FilterOperand *operand, Node *typmod)
{
	int			length;

	if (!IsA(typmod, Const))
		return false;
	length = DatumGetInt32(((Const *) typmod)->constvalue) - VARHDRSZ;
	if (operand->max_length == 0 || length < operand->max_length)
		operand->max_length = length;
	operand->flags |= FILTER_NODE_CUT;
	return true;
}

/*
 * A uuid or an enum as text, or an id as uuid: the ids of the API are taken
 * to be written as PostgreSQL does.
 */
static bool
operand_converted(FilterContext *context, CoerceViaIO *expr, FilterOperand *operand)
{
	Var		   *column = operand_scanned_column(context, (Node *) expr->arg);
	Oid			type = column != NULL ? getBaseType(column->vartype) : InvalidOid;

	if (expr->resulttype == TEXTOID && (type == UUIDOID ||
										(OidIsValid(type) && type_is_enum(type))))
		return operand_of_column(context, column, operand);
	if (expr->resulttype != UUIDOID || column == NULL || !operand_is_text(type) ||
		!operand_of_column(context, column, operand))
		return false;
	operand->type = UUIDOID;
	operand->flags |= FILTER_NODE_UUID;
	return true;
}

/*
 * custom_fields ->> 'slug', custom_fields #>> '{slug}', or the function behind
 * the latter
 */
bool
operand_extracted(FilterContext *context, Node *node, FilterOperand *operand)
{
	List	   *args;
	char	   *slug;

	switch (called_function(node, &args))
	{
		case F_JSONB_OBJECT_FIELD_TEXT:
		case F_JSON_OBJECT_FIELD_TEXT:
			slug = operand_constant_text(lsecond(args));
			break;
		case F_JSONB_EXTRACT_PATH_TEXT:
		case F_JSON_EXTRACT_PATH_TEXT:
			slug = only_text(lsecond(args));
			break;
		default:
			return false;
	}
	if (!operand_is_custom_fields(context, linitial(args)))
		return false;
	if (slug == NULL)
		return slug_is_unknown(context, lsecond(args));
	operand->flags = FILTER_NODE_CUSTOM | FILTER_NODE_EXTRACTED;
	operand->type = TEXTOID;
	operand->attnum = operand_scanned_column(context, linitial(args))->varattno;
	return operand_of_slug(context, slug, operand);
}

/* What can be asked of a custom field depends on which one it is. */
static bool
slug_is_unknown(FilterContext *context, Node *slug)
{
	if (!IsA(slug, Const))
		context->reason = REASON_NAME;
	return false;
}

/*
 * custom_fields -> 'slug', custom_fields #> '{slug}' or the function behind
 * it, custom_fields['slug']; in jsonb, for json has no comparison
 */
bool
operand_member(FilterContext *context, Node *node, FilterOperand *operand)
{
	List	   *args = NIL;
	char	   *slug;

	node = operand_strip_relabel(node);
	if (IsA(node, SubscriptingRef))
	{
		SubscriptingRef *subscript = (SubscriptingRef *) node;

		args = list_make1(subscript->refexpr);
		slug = list_length(subscript->refupperindexpr) == 1 && subscript->reflowerindexpr == NIL ?
			operand_constant_text(linitial(subscript->refupperindexpr)) : NULL;
	}
	else
	{
		Oid			function = called_function(node, &args);

		slug = function == F_JSONB_OBJECT_FIELD ? operand_constant_text(lsecond(args)) :
			function == F_JSONB_EXTRACT_PATH ? only_text(lsecond(args)) : NULL;
		if (slug == NULL && function == F_JSONB_OBJECT_FIELD &&
			operand_is_custom_fields(context, linitial(args)))
			return slug_is_unknown(context, lsecond(args));
	}
	if (slug == NULL || !operand_is_custom_fields(context, linitial(args)))
		return false;
	operand->flags = FILTER_NODE_CUSTOM;
	operand->type = JSONBOID;
	operand->member = true;
	if (!operand_of_slug(context, slug, operand))
		return false;
	operand->flags |= (operand->operators & FIELD_EQUALS) ? 0 : FILTER_NODE_LIST;
	operand->flags |= (operand->operators & FIELD_CONTAINS) ? 0 : FILTER_NODE_SINGLE;
	return true;
}

/* The function that an operator or a call with two arguments stands for. */
static Oid
called_function(Node *node, List **args)
{
	Oid			function = InvalidOid;

	if (IsA(node, OpExpr))
	{
		*args = ((OpExpr *) node)->args;
		function = get_opcode(((OpExpr *) node)->opno);
	}
	else if (IsA(node, FuncExpr))
	{
		*args = ((FuncExpr *) node)->args;
		function = ((FuncExpr *) node)->funcid;
	}
	return OidIsValid(function) && list_length(*args) == 2 ? function : InvalidOid;
}

/* A constant of type text, or a literal without a type; else NULL. */
char *
operand_constant_text(Node *node)
{
	Const	   *value = (Const *) node;

	if (!IsA(node, Const) || value->constisnull)
		return NULL;
	if (value->consttype == UNKNOWNOID)
		return DatumGetCString(value->constvalue);
	return value->consttype == TEXTOID ? TextDatumGetCString(value->constvalue) : NULL;
}

/*
 * The elements of a constant array of texts, without NULLs, or of a constant
 * text the text alone; NIL of anything else.
 */
List *
operand_constant_texts(Node *node)
{
	Const	   *value = (Const *) node;
	char	   *single = operand_constant_text(node);
	List	   *texts = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (single != NULL)
		return list_make1(single);
	if (!IsA(node, Const) || value->constisnull || value->consttype != TEXTARRAYOID)
		return NIL;
	deconstruct_array_builtin(DatumGetArrayTypeP(value->constvalue), TEXTOID,
							  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			texts = lappend(texts, TextDatumGetCString(elements[i]));
	}
	return texts;
}

/* The only element of a constant path, or NULL. */
static char *
only_text(Node *path)
{
	List	   *texts = operand_constant_texts(path);
	ArrayType  *array;

	if (list_length(texts) != 1)
		return NULL;
	/* With a NULL in it, it leads nowhere. */
	array = DatumGetArrayTypeP(((Const *) path)->constvalue);
	return array_contains_nulls(array) ? NULL : linitial(texts);
}

/* What can be asked about a member of the column of all custom fields. */
bool
operand_of_slug(FilterContext *context, const char *slug, FilterOperand *operand)
{
	if (!object_slug_is_searchable(context->object, slug))
	{
		context->reason = REASON_SLUG;
		return false;
	}
	operand->field = slug;
	operand->custom_type = object_slug_type(context->table, slug);
	operand->entry = context->object->custom_field;
	restrict_to_type(operand);
	return true;
}

/* Of the operators of custom fields, those that the type of this one takes. */
static void
restrict_to_type(FilterOperand *operand)
{
	operand->operators = operand->entry->operators & object_type_operators(operand->custom_type);
}

/* A column that shows a field which can be searched at all. */
bool
operand_of_column(FilterContext *context, Var *column, FilterOperand *operand)
{
	char	   *slug;
	const PylonField *field = object_column_field(context->table,
												  column->varattno, &slug);
	int32		typmod = column->vartypmod;

	operand->field = slug != NULL ? slug : field->name;
	operand->entry = field;
	operand->operators = field->operators;
	if (slug != NULL)
	{
		operand->custom_type = object_column_type(context->table, column->varattno);
		restrict_to_type(operand);
	}
	if (slug != NULL && !object_slug_is_searchable(context->object, slug))
		operand->operators = 0;
	operand->attnum = column->varattno;
	operand->type = getBaseTypeAndTypmod(column->vartype, &typmod);
	if (slug != NULL)
		operand->flags = FILTER_NODE_CUSTOM;
	if ((operand->type == VARCHAROID ||
		 get_element_type(operand->type) == VARCHAROID) && typmod >= (int32) VARHDRSZ)
		operand->max_length = typmod - VARHDRSZ;
	context->reason = slug != NULL ? REASON_SLUG : REASON_FIELD;
	return operand->operators != 0;
}

/* The column of all custom fields as JSON. */
bool
operand_is_custom_fields(FilterContext *context, Node *node)
{
	Var		   *column = operand_scanned_column(context, operand_strip_relabel(node));
	char	   *slug;

	return column != NULL &&
		(column->vartype == JSONBOID || column->vartype == JSONOID) &&
		object_column_field(context->table, column->varattno, &slug)->kind == FIELD_CUSTOM_FIELDS;
}

/* The scanned table's column that "node" is, or NULL. */
Var *
operand_scanned_column(FilterContext *context, Node *node)
{
	Var		   *var;

	node = operand_strip_relabel(node);
	var = (Var *) node;
	if (!IsA(node, Var) || var->varattno <= 0 ||
		!bms_is_member(var->varno, context->rel->relids))
		return NULL;
	return var;
}

/* What is relabelled as another type, be it element by element. */
Node *
operand_strip_relabel(Node *node)
{
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (is_array_as_text(node))
			node = (Node *) ((ArrayCoerceExpr *) node)->arg;
		else
			return node;
	}
}

/* array::text[], which changes no element */
static bool
is_array_as_text(Node *node)
{
	ArrayCoerceExpr *array = (ArrayCoerceExpr *) node;

	return IsA(node, ArrayCoerceExpr) && array->resulttype == TEXTARRAYOID &&
		IsA(array->elemexpr, RelabelType) &&
		IsA(((RelabelType *) array->elemexpr)->arg, CaseTestExpr);
}

/* Types whose values are the very text of the API. */
bool
operand_is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || is_citext(type) ||
		(OidIsValid(type) && type_is_enum(type));
}

/* The same for arrays; those of citext are compared ignoring case. */
bool
operand_is_list(Oid type)
{
	Oid			element = get_base_element_type(type);

	return OidIsValid(element) && operand_is_text(getBaseType(element)) &&
		!is_citext(getBaseType(element));
}

/* The extension's type, which may live in any schema. */
static bool
is_citext(Oid type)
{
	HeapTuple	tuple;
	bool		result;

	if (type < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	result = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "citext") == 0;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Sets "test" to what an operator asks, and "fold" to whether it ignores
 * case; false for an operator that we don't know.
 */
bool
operand_test(const FilterOperand *operand, Oid opno, FilterTest *test, bool *fold)
{
	Oid			function = get_opcode(opno);

	*fold = operand->citext || function == F_TEXTICLIKE || function == F_TEXTICREGEXEQ;
	if (operand->citext)
	{
		const char *name = get_opname(opno);

		for (size_t i = 0; i < lengthof(citext_comparisons); i++)
		{
			if (strcmp(citext_comparisons[i].name, name) != 0)
				continue;
			*test = citext_comparisons[i].test;
			return true;
		}
		return false;
	}
	for (size_t i = 0; i < lengthof(comparisons); i++)
	{
		if (comparisons[i].function != function)
			continue;
		*test = comparisons[i].test;
		return true;
	}
	return false;
}

/*
 * The comparison ignores case: is that how the API compares? citext folds by
 * the database's collation where it is compared, and else as ILIKE does.
 */
bool
operand_fold_case(FilterContext *context, FilterOperand *operand, FilterTest test, Oid collation)
{
	if (context->case_sensitive != CASE_IGNORED)
	{
		context->reason = REASON_CASE;
		return false;
	}
	operand->flags |= FILTER_NODE_FOLD;
	operand->collation = operand->citext && test != FILTER_LIKE && test != FILTER_REGEX ?
		DEFAULT_COLLATION_OID : collation;
	return true;
}
