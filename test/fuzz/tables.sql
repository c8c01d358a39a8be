-- The tables that target "read" reads into. Nothing is ever asked of this server. In a single-user backend, a statement
-- ends with an empty line.
CREATE EXTENSION pylon_fdw;

CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url 'http://127.0.0.1:1');

IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public;

CREATE TYPE tier AS ENUM ('gold', 'silver');

CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'x');

CREATE DOMAIN given AS text NOT NULL;

CREATE DOMAIN pair AS text[] CHECK (cardinality(VALUE) < 3);

CREATE FOREIGN TABLE typed (
	id uuid,
	name text,
	email varchar(9),
	account_id short,
	emails pair,
	phone_numbers json,
	external_ids jsonb,
	custom_fields json,
	a text OPTIONS (custom_field 'a'),
	b integer OPTIONS (custom_field 'b'),
	c bigint OPTIONS (custom_field 'c'),
	d numeric OPTIONS (custom_field 'd'),
	e boolean OPTIONS (custom_field 'e'),
	f date OPTIONS (custom_field 'f'),
	g timestamptz OPTIONS (custom_field 'g'),
	h text[] OPTIONS (custom_field 'h')) SERVER pylon;

CREATE FOREIGN TABLE many (
	id text,
	avatar_url text,
	a tier OPTIONS (custom_field 'a'),
	b integer[] OPTIONS (custom_field 'b'),
	c pair OPTIONS (custom_field 'c'),
	d short OPTIONS (custom_field 'd'),
	e given OPTIONS (custom_field 'e'),
	f jsonb OPTIONS (custom_field 'f'),
	g bytea OPTIONS (custom_field 'g'),
	h interval OPTIONS (custom_field 'h'),
	i text OPTIONS (custom_field 'i'), j text OPTIONS (custom_field 'aa'), k text OPTIONS (custom_field 'ab'),
	l text OPTIONS (custom_field 'ac'), m text OPTIONS (custom_field 'ad'), n text OPTIONS (custom_field 'ae'),
	o text OPTIONS (custom_field 'é'), p text OPTIONS (custom_field 'id'), q text OPTIONS (custom_field 'name'),
	r text OPTIONS (custom_field '"'), s text OPTIONS (custom_field '\')) SERVER pylon;

CREATE FOREIGN TABLE few (name text, email text) SERVER pylon;

CREATE FUNCTION pylon_fuzz(text, text[]) RETURNS void LANGUAGE c AS 'pylon_fdw';

