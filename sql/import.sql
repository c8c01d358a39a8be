-- IMPORT FOREIGN SCHEMA, and what the columns show.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/test/regress/setup.psql'
\set contacts 20
\i :setup

-- ====================================================================
-- The fixed columns; no request is made for them
-- ====================================================================
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
\d contacts
\echo `$ctl take`
SELECT * FROM contacts WHERE id = '00000000-0000-4000-8000-000000000001' \gx
SELECT name, email, account_id, emails, external_ids, avatar_url, portal_role
  FROM contacts WHERE email IS NULL ORDER BY name LIMIT 2;
-- absent, null and empty: NULL for fields, '' stays for a custom field, which
-- isn't there without a value; custom_fields is never NULL
SELECT name, custom_fields FROM contacts ORDER BY id LIMIT 3;
SELECT count(*) FROM contacts WHERE custom_fields IS NULL;
DROP FOREIGN TABLE contacts, accounts;

-- ====================================================================
-- LIMIT TO, EXCEPT
-- ====================================================================
IMPORT FOREIGN SCHEMA pylon LIMIT TO (accounts) FROM SERVER pylon INTO public;
\d contacts
DROP FOREIGN TABLE accounts;
IMPORT FOREIGN SCHEMA pylon EXCEPT (contacts, accounts) FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
\d contacts
IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public;
DROP FOREIGN TABLE contacts;
IMPORT FOREIGN SCHEMA pylon EXCEPT (accounts) FROM SERVER pylon INTO public;
DROP FOREIGN TABLE contacts;
\echo `$ctl take`

-- ====================================================================
-- Custom fields as columns
-- ====================================================================
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_fields 'columns');
\d contacts
\echo `$ctl take`
SELECT name, tier, seats + 1 AS seats, mrr * 2 AS mrr, vip, renewal, last_seen AT TIME ZONE 'UTC' AS last_seen,
       regions, notes, email_2
  FROM contacts ORDER BY id LIMIT 4;
DROP FOREIGN TABLE contacts, accounts;
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
SELECT count(*) AS differences FROM contacts
 WHERE custom_fields->>'tier' IS DISTINCT FROM tier
    OR custom_fields->>'notes' IS DISTINCT FROM notes
    OR (custom_fields->>'seats')::bigint IS DISTINCT FROM seats
    OR (custom_fields->>'vip')::boolean IS DISTINCT FROM vip;
DROP FOREIGN TABLE contacts, accounts;

-- names that clash, with each other too once they are cut, and odd ones
\set definitions '[{"slug":"name","type":"text"},{"slug":"name_2","type":"number"},{"slug":"Weird \\"slug\\" with ''quotes''","type":"formula"},{"slug":"zufriedenheit_übersicht_der_letzten_quartale_je_abteilung_und_region_a","type":"text"},{"slug":"zufriedenheit_übersicht_der_letzten_quartale_je_abteilung_und_region_b","type":"text"},{"slug":"custom_fields","type":"text","is_read_only":true},{"slug":"ctid","type":"text"},{"slug":"tableoid","type":"number"},{"slug":"tableoid_2","type":"text"}]'
\setenv definitions :definitions
\echo `$ctl custom-fields "$definitions"`
IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public OPTIONS (custom_fields 'columns');
SELECT attname, format_type(atttypid, atttypmod) AS type, attfdwoptions
  FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND attnum > 13 ORDER BY attnum;
DROP FOREIGN TABLE contacts;

-- ====================================================================
-- Errors
-- ====================================================================
IMPORT FOREIGN SCHEMA public FROM SERVER pylon INTO public;
\echo :LAST_ERROR_SQLSTATE
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_field 'both');
\echo :LAST_ERROR_SQLSTATE
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_fields 'all');
\echo :LAST_ERROR_SQLSTATE
\echo `$ctl fault '{"kind":"status","status":403,"body":"{\"errors\":[\"No.\"],\"request_id\":\"r-1\",\"code\":\"permission_denied\"}"}'`
IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
\echo :LAST_ERROR_SQLSTATE

-- ====================================================================
-- Tables made by hand: any columns, names and types
-- ====================================================================
CREATE TYPE regress_role AS ENUM ('no_access', 'member', 'admin');
CREATE DOMAIN regress_address AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN regress_regions AS text[] CHECK (cardinality(VALUE) < 3);
CREATE FOREIGN TABLE people (
  role regress_role OPTIONS (field 'portal_role'),
  seats integer OPTIONS (custom_field 'seats'),
  address regress_address OPTIONS (field 'email'),
  address_again varchar(320) OPTIONS (field 'email'),
  key uuid OPTIONS (field 'id'),
  addresses varchar(80)[] OPTIONS (field 'emails'),
  addresses_json json OPTIONS (field 'emails'),
  external_ids json,
  fields text OPTIONS (field 'custom_fields'),
  regions regress_regions OPTIONS (custom_field 'regions'),
  regions_json jsonb OPTIONS (custom_field 'regions'),
  "no such" text OPTIONS (custom_field 'no such'),
  mrr money OPTIONS (custom_field 'mrr')
) SERVER pylon;
SELECT role, seats, address, address_again, key, addresses, addresses_json FROM people WHERE address = 'ada@acme.com';
SELECT external_ids, fields, regions, regions_json, "no such", mrr FROM people WHERE address = 'ada@acme.com';
SELECT key FROM people WHERE key = '00000000-0000-4000-8000-000000000003';

-- values that don't fit: the type's own error, with column and contact
CREATE FOREIGN TABLE misfit (
  name integer,
  email varchar(3),
  tier integer OPTIONS (custom_field 'tier'),
  regions integer[] OPTIONS (custom_field 'regions'),
  number regress_address OPTIONS (custom_field 'seats'),
  few regress_regions OPTIONS (custom_field 'regions'),
  id text) SERVER pylon;
SELECT name FROM misfit;
\echo :LAST_ERROR_SQLSTATE
SELECT email FROM misfit;
\echo :LAST_ERROR_SQLSTATE
SELECT tier FROM misfit;
SELECT regions FROM misfit;
SELECT number FROM misfit;
SELECT count(id), count(few) > 0 AS few FROM misfit;

-- a domain may refuse NULL
CREATE DOMAIN regress_required AS text NOT NULL;
CREATE DOMAIN regress_required_list AS text[] NOT NULL;
CREATE FOREIGN TABLE required (name text, avatar_url regress_required,
  regions regress_required_list OPTIONS (custom_field 'regions')) SERVER pylon;
SELECT avatar_url FROM required;
SELECT regions FROM required;
\echo :LAST_ERROR_SQLSTATE

-- a column that shows nothing
CREATE FOREIGN TABLE nothing (id text, e_mail text) SERVER pylon;
EXPLAIN SELECT id FROM nothing;
\echo :LAST_ERROR_SQLSTATE
EXPLAIN INSERT INTO nothing (id) VALUES ('x');
ALTER FOREIGN TABLE nothing ALTER e_mail OPTIONS (ADD field 'mail');
SELECT id FROM nothing;
ALTER FOREIGN TABLE nothing ALTER e_mail OPTIONS (SET field 'email');
SELECT * FROM nothing LIMIT 1;

SET client_min_messages = warning;
DROP EXTENSION pylon_fdw CASCADE;
DROP TYPE regress_role;
DROP DOMAIN regress_address, regress_regions, regress_required, regress_required_list;
