/*-------------------------------------------------------------------------
 *
 * custom_value.h
 *		The value of a custom field.
 *
 * IDENTIFICATION
 *		fdw/object/custom_value.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_CUSTOM_VALUE_H
#define PYLON_CUSTOM_VALUE_H

#include "wire/json_slice.h"

extern JsonSlice custom_value_read(JsonReader *reader);

#endif							/* PYLON_CUSTOM_VALUE_H */
