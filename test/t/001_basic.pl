# How many requests a statement makes, and which: the API allows few a minute.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';

my $node = start_node();
my $api = start_api(contacts => 2500);
setup_server($node, $api);

# The filters of all searches among these requests.
sub filters
{
	return map { decode_json($_)->{filter} } map { /^POST \/contacts\/search (.*)/ ? $1 : () } @_;
}

# ---------------------------------------------------------------- nothing remote before it is needed

is_deeply([ api_take($api) ], [], 'creating server, mapping and table sends nothing');
requests_are($node, $api, 'EXPLAIN SELECT * FROM contacts', undef, [], 'EXPLAIN');
requests_are($node, $api, "EXPLAIN (VERBOSE) SELECT * FROM contacts WHERE id = '$ada'", undef, [], 'EXPLAIN VERBOSE');
requests_are($node, $api, 'PREPARE p AS SELECT * FROM contacts; DEALLOCATE p', undef, [], 'PREPARE');
requests_are($node, $api, 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM contacts; CLOSE c; COMMIT', undef, [],
	'a cursor that nobody reads');

# ---------------------------------------------------------------- pages

my @pages = (
	'GET /contacts?limit=999',
	'GET /contacts?limit=999&cursor=after%3D998%2F%2B',
	'GET /contacts?limit=999&cursor=after%3D1997%2F%2B');
requests_are($node, $api, 'SELECT count(*) FROM contacts', 2500, \@pages, 'a scan of 2,500 contacts');
requests_are($node, $api, 'SELECT count(DISTINCT id), count(email) > 2300 FROM contacts', '2500|t', \@pages,
	'a scan that needs columns');
requests_are($node, $api, 'SELECT count(*) FROM (SELECT * FROM contacts LIMIT 10) c', 10, ['GET /contacts?limit=10'],
	'LIMIT 10');
requests_are(
	$node, $api, 'SELECT count(*) FROM (SELECT * FROM contacts LIMIT 1000) c', 1000,
	[ 'GET /contacts?limit=999', 'GET /contacts?limit=1&cursor=after%3D998%2F%2B' ], 'LIMIT 1000');
requests_are($node, $api, 'SELECT count(*) FROM (SELECT * FROM contacts LIMIT 0) c', 0, [], 'LIMIT 0');
api_take($api);
is($node->safe_psql('postgres', 'SELECT EXISTS (SELECT FROM contacts); SELECT pg_sleep(0.1)'), "t\n", 'EXISTS: result');
is(scalar(api_take($api)), 1, 'EXISTS: one request, the next page is not fetched in advance');

# ---------------------------------------------------------------- look-ups

requests_are($node, $api, "SELECT name FROM contacts WHERE id = '$ada'", 'Ada Lovelace', ["GET /contacts/$ada"],
	'a contact by id');
requests_are($node, $api, "SELECT count(*) FROM contacts WHERE id = 'not there'", 0, ['GET /contacts/not%20there'],
	'an id that does not exist');
requests_are($node, $api, "SELECT count(*) FROM contacts WHERE id = 'crm-ada'", 0, ['GET /contacts/crm-ada'],
	'an external id is not an id');
for my $id ('', '.', '..')
{
	requests_are($node, $api, "SELECT count(*) FROM contacts WHERE id = '$id'", 0, [], "'$id' can't be an id");
}
requests_are($node, $api, "SELECT count(*) FROM contacts WHERE id = 'a/../b?c#d%'", 0,
	['GET /contacts/a%2F..%2Fb%3Fc%23d%25'], 'an id with every special character');

# ---------------------------------------------------------------- lists of keys

my @ids = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM contacts ORDER BY id LIMIT 250');
my $list = join ', ', map { "'$_'" } @ids;
api_take($api);
is($node->safe_psql('postgres', "SELECT count(*) FROM contacts WHERE id IN ($list)"), 250, '250 ids: result');
my @requests = api_take($api);
my @filters = filters(@requests);
is(scalar @requests, 3, '250 ids: three requests');
is_deeply([ sort map { "$_->{field} $_->{operator} " . @{ $_->{values} } } @filters ],
	[ 'id in 100', 'id in 100', 'id in 50' ], '250 ids: all of them searches, with up to 100 values');
is_deeply([ sort map { @{ $_->{values} } } @filters ], \@ids, '250 ids: each was asked for once');

api_take($api);
is($node->safe_psql('postgres', "SELECT count(*) FROM contacts WHERE id = ANY(ARRAY[$list, $list, NULL])"),
	250, 'repeated ids: no row comes twice');
is(scalar(api_take($api)), 3, 'repeated ids: no value is sent twice');

# ---------------------------------------------------------------- conditions that can't be true

requests_are($node, $api, "SELECT count(*) FROM contacts WHERE id = ANY('{}')", 0, [], 'an empty list');
requests_are($node, $api, "SELECT count(*) FROM contacts WHERE id = ANY('{NULL}')", 0, [], 'a list of NULL');
requests_are($node, $api, 'SELECT count(*) FROM contacts WHERE id = NULL', 0, [], 'NULL');
requests_are($node, $api, "PREPARE p(text) AS SELECT count(*) FROM contacts WHERE email = \$1; EXECUTE p(NULL)", 0, [],
	'a parameter that is NULL');
requests_are($node, $api, 'SELECT count(*) FROM contacts WHERE false', 0, [], 'false');

# ---------------------------------------------------------------- filters

sub filter_is
{
	my ($condition, $count, $filter, $name) = @_;

	api_take($api);
	is($node->safe_psql('postgres', "SELECT count(*) FROM contacts WHERE $condition"), $count, "$name: result");
	is_deeply([ filters(api_take($api)) ], [$filter], "$name: filter");
	return;
}

filter_is("email = 'ada\@acme.com'", 1, { field => 'email', operator => 'equals', value => 'ada@acme.com' }, 'equals');
filter_is(
	"email IN ('ada\@acme.com', 'grace\@acme.com')", 2,
	{ field => 'email', operator => 'in', values => [ 'ada@acme.com', 'grace@acme.com' ] }, 'IN');
# ---------------------------------------------------------------- who asks, and what was spent

is($node->safe_psql('postgres', "SELECT organization, base_url FROM pylon_fdw_ping('pylon')"),
	"Sample Organization|$api->{url}", 'pylon_fdw_ping');
is_deeply([ api_take($api) ], ['GET /me'], 'pylon_fdw_ping: one request');
is($node->safe_psql(
		'postgres', "SELECT count(*) FROM contacts;
		SELECT server_name, requests, retries, rows_read FROM pylon_fdw_stats();
		SELECT pylon_fdw_stats_reset();
		SELECT coalesce(sum(requests), 0) FROM pylon_fdw_stats()"),
	"2500\npylon|3|0|2500\n\n0",
	'pylon_fdw_stats counts, and starts over');

done_testing();
