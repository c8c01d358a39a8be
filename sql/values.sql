-- Custom fields: each form in which the API gives a value, in each kind of column.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 20
\i :setup
CREATE DOMAIN regress_words AS varchar(20);
CREATE DOMAIN regress_count AS integer CHECK (VALUE >= 0);
CREATE TYPE regress_tier AS ENUM ('gold', 'silver');
CREATE FOREIGN TABLE forms (
  id text,
  custom_fields jsonb,
  t text OPTIONS (custom_field 'f'),
  v varchar(20) OPTIONS (custom_field 'f'),
  w regress_words OPTIONS (custom_field 'f'),
  l text[] OPTIONS (custom_field 'f'),
  j jsonb OPTIONS (custom_field 'f'),
  n numeric OPTIONS (custom_field 'f'),
  i8 bigint OPTIONS (custom_field 'f'),
  i4 regress_count OPTIONS (custom_field 'f'),
  i2 smallint OPTIONS (custom_field 'f'),
  li integer[] OPTIONS (custom_field 'f'),
  x double precision OPTIONS (custom_field 'f'),
  b boolean OPTIONS (custom_field 'f'),
  d date OPTIONS (custom_field 'f'),
  e regress_tier OPTIONS (custom_field 'f'),
  u uuid OPTIONS (custom_field 'f')
) SERVER pylon;

-- ====================================================================
-- Every form: with and without slug, one or several values, both members
-- ====================================================================
\set forms '[{"id":"01 absent"},{"id":"02 null","custom_fields":null},{"id":"03 no such slug","custom_fields":{"g":{"value":"x"}}},{"id":"04 null entry","custom_fields":{"f":null}},{"id":"05 nothing in it","custom_fields":{"f":{}}},{"id":"06 slug alone","custom_fields":{"f":{"slug":"f"}}},{"id":"07 null value","custom_fields":{"f":{"value":null}}},{"id":"08 both null","custom_fields":{"f":{"value":null,"values":null}}},{"id":"09 empty","custom_fields":{"f":{"value":""}}},{"id":"10 empty, values null","custom_fields":{"f":{"value":"","values":null}}},{"id":"11 empty, values no list","custom_fields":{"f":{"value":"","values":"x"}}},{"id":"12 both empty","custom_fields":{"f":{"value":"","values":[]}}},{"id":"13 null and empty list","custom_fields":{"f":{"value":null,"values":[]}}},{"id":"14 empty list","custom_fields":{"f":{"values":[ ]}}},{"id":"15 value","custom_fields":{"f":{"value":"7"}}},{"id":"16 value with slug","custom_fields":{"f":{"slug":"f","value":"7"}}},{"id":"17 value, empty list","custom_fields":{"f":{"value":"7","values":[]}}},{"id":"18 value, values null","custom_fields":{"f":{"values":null,"value":"7"}}},{"id":"19 number","custom_fields":{"f":{"value":7,"interpreted_value":"seven"}}},{"id":"20 bare string","custom_fields":{"f":"7"}},{"id":"21 list","custom_fields":{"f":{"values":["7"]}}},{"id":"22 list with slug","custom_fields":{"f":{"slug":"f","values":["7","8"]}}},{"id":"23 empty and list","custom_fields":{"f":{"value":"","values":["7","8"],"interpreted_values":["Seven","Eight"]}}},{"id":"24 null and list","custom_fields":{"f":{"value":null,"values":["7"]}}},{"id":"25 both","custom_fields":{"f":{"value":"9","values":["7"]}}},{"id":"26 list in value","custom_fields":{"f":{"value":["7","8"]}}},{"id":"27 list in value, empty list","custom_fields":{"f":{"value":["7"],"values":[]}}},{"id":"28 odd elements","custom_fields":{"f":{"values":["",null,7,"8"]}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT id, custom_fields, t, v, w, l, j FROM forms;
-- elements of another type: "" is none
SELECT id, li FROM forms OFFSET 8;

-- ====================================================================
-- Columns of other types: '' is no value, nor is a list of nothing
-- ====================================================================
\set forms '[{"id":"empty","custom_fields":{"f":{"value":""}}},{"id":"empty, null list","custom_fields":{"f":{"value":"","values":null}}},{"id":"both empty","custom_fields":{"f":{"value":"","values":[]}}},{"id":"null","custom_fields":{"f":{"value":null}}},{"id":"absent"}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT id, n, i8, i4, i2, x, b, d, e, u, j FROM forms;

-- ====================================================================
-- Whole numbers, however they are written
-- ====================================================================
\set forms '[{"id":"1","custom_fields":{"f":{"value":"67340.0"}}},{"id":"2","custom_fields":{"f":{"value":67340.0}}},{"id":"3","custom_fields":{"f":{"value":"6.734e4"}}},{"id":"4","custom_fields":{"f":{"value":6.734E+04}}},{"id":"5","custom_fields":{"f":{"value":"67340.","values":[]}}},{"id":"6","custom_fields":{"f":{"value":" 67340 "}}},{"id":"7","custom_fields":{"f":{"value":"0.0"}}},{"id":"8","custom_fields":{"f":{"value":"9007199254740993.000"}}},{"id":"9","custom_fields":{"f":{"value":"9223372036854775807.0"}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT id, n, i8 FROM forms;
SELECT id, i8, l FROM forms WHERE i8 = 67340;
SELECT i4, li FROM forms LIMIT 7;
-- the type's own errors, with column and contact
SELECT i2 FROM forms;
\echo :LAST_ERROR_SQLSTATE
\set forms '[{"id":"half","custom_fields":{"f":{"value":"67340.5"}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT n, x FROM forms;
SELECT i8 FROM forms;
\echo :LAST_ERROR_SQLSTATE
SELECT i4 FROM forms;
SELECT li FROM forms;
\set forms '[{"id":"negative","custom_fields":{"f":{"value":"-3.0"}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT i8, i2, li FROM forms;
SELECT i4 FROM forms;
\echo :LAST_ERROR_SQLSTATE
\set forms '[{"id":"words","custom_fields":{"f":{"value":"1.e"}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT i8 FROM forms;
\echo :LAST_ERROR_SQLSTATE
SELECT d FROM forms;
\set forms '[{"id":"large","custom_fields":{"f":{"value":"1e999999"}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT i8 FROM forms;
\set forms '[{"id":"too large","custom_fields":{"f":{"value":"9223372036854775808.0"}}}]'
\setenv forms :forms
\echo `$ctl replace "$forms"`
SELECT i8 FROM forms;
\echo :LAST_ERROR_SQLSTATE

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP DOMAIN regress_words, regress_count;
DROP TYPE regress_tier;
