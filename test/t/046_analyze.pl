# ANALYZE: the statistics that a local table with the same rows would have; a parent's sample; what autovacuum leaves alone.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

my $node = start_node("autovacuum_naptime = 1s\n");
my $api = start_api(contacts => 2500);
my $small = start_api(contacts => 100);
setup_server($node, $api);
$node->safe_psql('postgres', "
	DROP FOREIGN TABLE contacts;
	IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO public OPTIONS (custom_fields 'both');
	CREATE TABLE copy AS TABLE contacts");
api_take($api);

# ---------------------------------------------------------------- the same statistics as a local table

my $statistics =
  "null_frac, avg_width, n_distinct, correlation, most_common_vals::text, most_common_freqs, histogram_bounds::text,
	most_common_elems::text, most_common_elem_freqs, elem_count_histogram";

sub statistics_of
{
	my $table = shift;
	return $node->safe_psql('postgres',
		"SELECT attname, $statistics FROM pg_stats WHERE tablename = '$table' ORDER BY attname");
}

$node->safe_psql('postgres', 'ANALYZE contacts; ANALYZE copy');
is_deeply([ api_take($api) ],
	[
		'GET /contacts?limit=999', 'GET /contacts?limit=999&cursor=after%3D998%2F%2B',
		'GET /contacts?limit=999&cursor=after%3D1997%2F%2B'
	], 'all pages are read once');
is(statistics_of('contacts'), statistics_of('copy'), 'statistics of all columns');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'contacts'"),
	2500, 'the number of contacts');

# A sample that is smaller than the table counts the rest, too.
my ($status, $out, $said) = $node->psql('postgres', 'SET default_statistics_target = 1; ANALYZE VERBOSE contacts');
like($said, qr/"contacts": table contains 2500 contacts; 300 rows in sample/, 'VERBOSE');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'contacts'"),
	2500, 'the number of contacts, by a sample');
$node->safe_psql('postgres',
	"DELETE FROM pg_statistic WHERE starelid = 'contacts'::regclass; ANALYZE contacts (email)");
is($node->safe_psql('postgres', "SELECT string_agg(attname, ',') FROM pg_stats WHERE tablename = 'contacts'"),
	'email', 'ANALYZE of one column');

# ---------------------------------------------------------------- a parent of several workspaces

$node->safe_psql('postgres', "
	CREATE SERVER small FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$small->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER small OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE TABLE people (id text, email text);
	CREATE FOREIGN TABLE large_part () INHERITS (people) SERVER pylon;
	CREATE FOREIGN TABLE small_part () INHERITS (people) SERVER small;
	CREATE TABLE local_part () INHERITS (people);
	INSERT INTO local_part SELECT id, email FROM copy;
	ANALYZE large_part, small_part, local_part");
($status, $out, $said) = $node->psql('postgres', 'SET default_statistics_target = 1; ANALYZE VERBOSE people');
my ($of_large) = $said =~ /"large_part": table contains 2500 contacts; (\d+) rows in sample/;
my ($of_small) = $said =~ /"small_part": table contains 100 contacts; (\d+) rows in sample/;
my ($of_local) = $said =~ /"local_part": .* (\d+) rows in sample/;
cmp_ok($of_small, '<', 25, 'a parent: the sample has few contacts of a small workspace');
cmp_ok($of_large, '>', 90, 'and many of a large one') or diag($said);
cmp_ok($of_local, '>', 90, 'and of a local table') or diag($said);

# ---------------------------------------------------------------- autovacuum

# The parent is analyzed after changes, with its local rows: nobody has asked for requests, and they may fail.
$node->safe_psql('postgres', "
	ALTER TABLE people SET (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0);
	ALTER SERVER small OPTIONS (SET base_url 'http://127.0.0.1:9', ADD max_retries '0')");
api_take($api);
my $analyzed = "SELECT autoanalyze_count FROM pg_stat_user_tables WHERE relname = 'people'";
my $before = $node->safe_psql('postgres', $analyzed);
$node->safe_psql('postgres', "INSERT INTO people SELECT 'more' || g FROM generate_series(1, 100) g");
ok($node->poll_query_until('postgres', "SELECT ($analyzed) > $before"), 'autovacuum analyzes a parent');
# It counts before it comes to the children.
$node->poll_query_until('postgres',
	"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'autovacuum: ANALYZE public.people%')");
is_deeply([ api_take($api) ], [], 'autovacuum asks the API nothing');

done_testing();
