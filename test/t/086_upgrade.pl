# From 1.0 to the present version: the new library works with the definitions of the old one, ALTER EXTENSION … UPDATE
# leaves tables, views and sessions in use as they are, and ends at what CREATE EXTENSION makes.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 1200);

sub old { my ($sql) = @_; return $node->safe_psql('old', $sql); }

# What belongs to the extension, each with all that can be said of it.
my $members = q{
	SELECT pg_describe_object(d.classid, d.objid, 0), coalesce(obj_description(d.objid, c.relname), '-'),
		coalesce(pg_get_functiondef(p.oid), '-'), coalesce(p.proacl::text, '-'),
		f.fdwhandler::regproc, f.fdwvalidator::regproc, f.fdwoptions, f.fdwacl
	FROM pg_depend d JOIN pg_class c ON c.oid = d.classid
		LEFT JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
		LEFT JOIN pg_foreign_data_wrapper f ON f.oid = d.objid AND d.classid = 'pg_foreign_data_wrapper'::regclass
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pylon_fdw')
	ORDER BY pg_describe_object(d.classid, d.objid, 0) COLLATE "C"};

# ---------------------------------------------------------------- 1.0, as a user has it

$node->safe_psql('postgres', 'CREATE DATABASE old');
old(qq{CREATE EXTENSION pylon_fdw VERSION '1.0';
	CREATE ROLE reader;
	SET log_statement = none;
	CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}', page_size '500');
	CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'sample-token');
	IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public;
	CREATE FOREIGN TABLE people (mail text OPTIONS (field 'email'), tier text OPTIONS (custom_field 'tier')) SERVER pylon;
	CREATE VIEW acme AS SELECT id, name FROM contacts WHERE email LIKE '%\@acme.com';
	GRANT SELECT ON acme TO reader;
	CREATE MATERIALIZED VIEW kept AS SELECT id, email FROM contacts;
	CREATE FUNCTION by_mail(text) RETURNS SETOF contacts LANGUAGE sql AS 'SELECT * FROM contacts WHERE email = \$1';});

my $acme = old('SELECT name FROM acme ORDER BY name');
like($acme, qr/^Ada Lovelace$/m, 'a view of 1.0 reads with the new library');
is(old('SELECT pylon_fdw_version() <> extversion FROM pg_extension WHERE extname = $$pylon_fdw$$'),
	't', 'the library is newer than the definitions');
is(old(q{UPDATE contacts SET portal_role = 'member' WHERE email = 'ada@acme.com' RETURNING name}),
	'Ada Lovelace', 'and 1.0 writes with it');

# ---------------------------------------------------------------- the functions of 1.0 with the new library

my $read = 'SELECT count(*) FROM contacts;';
is(old("$read SELECT server_name, requests, contacts_read, contacts_created FROM pylon_fdw_stats()"),
	"1200\npylon|3|1200|0", 'pylon_fdw_stats() of 1.0 has the columns of 1.0');
is(old("$read SELECT pylon_fdw_stats_reset(); SELECT count(*) FROM pylon_fdw_stats() WHERE requests > 0"),
	"1200\n\n0", 'pylon_fdw_stats_reset() of 1.0');
is(old("SELECT base_url, latency_ms > 0 FROM pylon_fdw_ping('pylon')"), "$api->{url}|t", 'pylon_fdw_ping() of 1.0');

# ---------------------------------------------------------------- UPDATE, with something in its way

# Its columns are others in 1.1, so a view over the function can't stay as it is.
old('CREATE VIEW asked AS SELECT server_name, contacts_read FROM pylon_fdw_stats()');
my (undef, undef, $error) = $node->psql('old', "\\set VERBOSITY verbose\nALTER EXTENSION pylon_fdw UPDATE");
like($error, qr/ERROR:  2BP01: .*DETAIL:  view asked depends on function pylon_fdw_stats\(\)/s, 'a view over pylon_fdw_stats() is named');
is(old('SELECT extversion FROM pg_extension WHERE extname = $$pylon_fdw$$'), '1.0', 'all stays as it was');
is(old("$read SELECT contacts_read FROM asked"), "1200\n1200", 'the view, too');
old('DROP VIEW asked');

# ---------------------------------------------------------------- UPDATE, while a session is at work

my $session = PylonSession->new($node, 'old');
$session->query('PREPARE named(text) AS SELECT name FROM contacts WHERE email = $1;
	SET plan_cache_mode = force_generic_plan;
	EXECUTE named($$alan@acme.com$$)');
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts');
is($session->query('FETCH 1 FROM c; MOVE 600 IN c'), '00000000-0000-4000-8000-000000000001', 'a cursor is open');

old('ALTER EXTENSION pylon_fdw UPDATE');

is($session->query('FETCH 1000 FROM c') =~ tr/\n// + 1, 599, 'the cursor goes on to the end') or diag($session->error);
is($session->query('COMMIT; EXECUTE named($$alan@acme.com$$)'), 'Alan Turing', 'so does a prepared statement')
  or diag($session->error);

is(old(q{SELECT extversion = pylon_fdw_version() FROM pg_extension WHERE extname = 'pylon_fdw'}),
	't', 'library and definitions are of one version');
is(old('SELECT name FROM acme ORDER BY name'), $acme, 'the view reads as before');
is(old(q{SELECT has_table_privilege('reader', 'acme', 'SELECT')}), 't', 'and may be read by whom it was granted to');
is(old(q{SELECT mail, tier FROM people WHERE mail = 'ada@acme.com'}), 'ada@acme.com|gold', 'a table with its own columns');
is(old('REFRESH MATERIALIZED VIEW kept; SELECT count(*) FROM kept'), 1200, 'a materialized view is refreshed');
is(old(q{SELECT portal_role FROM by_mail('ada@acme.com')}), 'member', 'a function that returns rows of the table');

# ---------------------------------------------------------------- the same as a new one

my $fresh = $node->safe_psql('postgres', $members);
like($fresh, qr/^function pylon_fdw_stats\(\)\|/m, 'what belongs to the extension');
is(old($members), $fresh, 'what 1.0 was updated to is what CREATE EXTENSION makes');
is(old('SELECT extconfig, extcondition, extrelocatable, extversion FROM pg_extension WHERE extname = $$pylon_fdw$$'),
	$node->safe_psql('postgres',
		'SELECT extconfig, extcondition, extrelocatable, extversion FROM pg_extension WHERE extname = $$pylon_fdw$$'),
	'the extension itself, too');

done_testing();
