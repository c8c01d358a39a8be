/*-------------------------------------------------------------------------
 *
 * custom_value.c
 *		The value of a custom field, in whichever form the API gives it.
 *
 * IDENTIFICATION
 *		fdw/object/custom_value.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "object/custom_value.h"

/*
 * Reads the custom field at hand, {"value": ..., "values": [...]}, of which
 * one may be missing, or be empty beside the other. The list counts, unless it
 * is empty beside a value that isn't. What is no object is the value itself.
 */
JsonSlice
custom_value_read(JsonReader *reader)
{
	JsonSlice	value = JSON_SLICE_NULL;
	JsonSlice	values = JSON_SLICE_NULL;
	JsonSlice	key;
	bool		first = true;

	if (json_reader_token(reader) != JSON_TOKEN_OBJECT_START)
		return json_reader_value(reader);
	json_reader_enter(reader);
	while (json_reader_next_member(reader, &first, &key))
	{
		JsonSlice	member = json_reader_value(reader);

		if (json_slice_key_is(key, "value", 5))
			value = member;
		else if (json_slice_key_is(key, "values", 6))
			values = member;
	}
	if (json_slice_is_array(values) &&
		(!json_slice_is_empty(values) || json_slice_is_empty(value)))
		return values;
	return value;
}
