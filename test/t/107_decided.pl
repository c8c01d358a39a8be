# Where one contact with a key decides on a row, in semijoins and antijoins, a lookup join asks for no more pages once all
# keys of its batch are decided, and then for those alone that aren't.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 2000);
setup_server($node, $api, page_size => 100);
load_contacts($node, $api, 'copies');
$node->safe_psql('postgres', "
	CREATE FOREIGN TABLE tiered (id text, name text, tier text OPTIONS (custom_field 'tier'), account_id text) SERVER pylon
		OPTIONS (estimated_contacts '1000000');
	CREATE VIEW tiered_copies AS SELECT id, name, custom_fields->>'tier' AS tier, account_id FROM copies;
	CREATE TABLE tiers AS SELECT * FROM (VALUES ('gold'), ('silver'), ('bronze')) v (tier);
	CREATE TABLE firms AS SELECT DISTINCT account_id FROM copies WHERE account_id IS NOT NULL;
	INSERT INTO firms SELECT 'no account ' || g FROM generate_series(1, 5) g;
	ANALYZE");
my $session = PylonSession->new($node);
$session->query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_material = off');

# The rows of a lookup join are those of the same on the copy; gives the requests.
sub same
{
	my ($name, $sql) = @_;
	my $expected = $session->query($sql =~ s/\btiered\b/tiered_copies/gr);

	like($session->query("EXPLAIN $sql"), qr/Pylon Lookup Join/, "$name: the plan");
	api_take($api);
	is($session->query($sql), $expected, "$name: rows");
	is($session->error, '', "$name: no error");
	return api_take($api);
}

sub keys_of { return map { /"values":(\[[^]]*\])/ ? scalar @{ decode_json($1) } : 1 } @_; }

# ---------------------------------------------------------------- few keys, many contacts

my $exists = 'SELECT t.tier FROM tiers t WHERE %s (SELECT FROM tiered c WHERE c.tier = t.tier%s) ORDER BY 1';

for my $verb ('EXISTS', 'NOT EXISTS')
{
	my @requests = same($verb, sprintf $exists, $verb, '');
	is(scalar @requests, 1, "$verb: one page decides on all three keys");
	is_deeply([ keys_of(@requests) ], [3], "$verb: which it asks for together");
}

# A key that nobody has is asked for alone, when all others are decided.
$session->query("INSERT INTO tiers VALUES ('tin'), (NULL)");
for my $verb ('EXISTS', 'NOT EXISTS')
{
	my @requests = same("$verb, a strange key", sprintf $exists, $verb, '');
	is_deeply([ keys_of(@requests) ], [ 4, 1 ], "$verb, a strange key: the first page, and that key");
	is(scalar(grep { /cursor/ } @requests), 0, "$verb, a strange key: no cursor is followed");
}

# A condition that is checked here may leave contacts out whose key isn't decided then.
my @requests = same('a condition that stays here', sprintf $exists, 'EXISTS', ' AND length(c.name) > 12');
cmp_ok(scalar @requests, '<', 15, 'a condition that stays here: no more than all pages');
@requests = same('a condition that nobody satisfies', sprintf $exists, 'NOT EXISTS', ' AND length(c.name) > 1000');
my $all = () = same('all of them', 'SELECT t.tier, count(c.id) FROM tiers t JOIN tiered c ON c.tier = t.tier GROUP BY 1 ORDER BY 1');
is(scalar @requests, $all, 'a condition that nobody satisfies: all pages, each once');

# A further condition of the join decides on each pair, so that all contacts are needed.
@requests = same('a further condition', 'SELECT t.tier FROM tiers t WHERE EXISTS
	(SELECT FROM tiered c WHERE c.tier = t.tier AND c.name < t.tier) ORDER BY 1');
is(scalar @requests, $all, 'a further condition: all pages');

# A loop that looks up one key at a time leaves its scan at the first match, so the next page isn't asked for ahead.
$session->query("SET pylon_fdw.enable_lookup_join = off; SET enable_nestloop = on; CREATE TABLE golden AS
	SELECT 'gold' AS tier UNION ALL SELECT 'tin'; ANALYZE golden");
for my $verb ('EXISTS', 'NOT EXISTS')
{
	my $sql = "SELECT t.tier FROM golden t WHERE $verb (SELECT FROM tiered c WHERE c.tier = t.tier AND length(c.name) > 5)";
	my $expected = $session->query($sql =~ s/tiered/tiered_copies/r);

	like($session->query("EXPLAIN $sql"), qr/Nested Loop/, "$verb, a loop: the plan");
	api_take($api);
	is($session->query($sql), $expected, "$verb, a loop: rows");
	is(scalar(api_take($api)), 2, "$verb, a loop: a page for each key");
}
# With a further condition, it goes on to the pages that it needs.
my $further = "SELECT t.tier FROM golden t WHERE EXISTS (SELECT FROM tiered c WHERE c.tier = t.tier AND c.name > t.tier || '%s')";
for my $least ('', 'zzzzzzzz')
{
	my $sql = sprintf $further, $least;

	is($session->query($sql), $session->query($sql =~ s/tiered/tiered_copies/r), "a loop with a further condition: rows");
}
$session->query('RESET pylon_fdw.enable_lookup_join; SET enable_nestloop = off');

# ---------------------------------------------------------------- many keys

my $firms = $session->query('SELECT count(*) FROM firms');
for my $verb ('EXISTS', 'NOT EXISTS')
{
	my @made = same("accounts, $verb", "SELECT f.account_id FROM firms f WHERE $verb
		(SELECT FROM tiered c WHERE c.account_id = f.account_id) ORDER BY 1");
	cmp_ok(scalar @made, '<', 20, "accounts, $verb: fewer than the pages of all contacts");
	my %times;
	$times{$_}++ for @made;
	is_deeply([ grep { $_ > 1 } values %times ], [], "accounts, $verb: no request twice");
}

# ---------------------------------------------------------------- short pages, several at once, a LIMIT, a refusal

for my $switches ({ short_pages => 7 }, { end_page => 'trailing', zero_matches => 'missing' })
{
	api_set($api, %$switches);
	my $name = join ' ', %$switches;
	same("$name: $_", sprintf $exists, $_, '') for 'EXISTS', 'NOT EXISTS';
	api_set($api, short_pages => 0, end_page => 'exact', zero_matches => 'empty');
}
$session->query('CREATE VIEW twice AS SELECT * FROM tiered UNION ALL SELECT * FROM tiered');
my $of_twice = 'SELECT t.tier FROM tiers t WHERE NOT EXISTS (SELECT FROM twice c WHERE c.tier = t.tier) ORDER BY 1';
like($session->query("EXPLAIN $of_twice"), qr/Pylon Lookup Join/, 'two tables: the plan');
is($session->query($of_twice), $session->query($of_twice =~ s/twice/tiered_copies/r), 'two tables: rows');
api_take($api);
@requests = same('LIMIT', 'SELECT f.account_id FROM (SELECT * FROM firms ORDER BY 1 OFFSET 0) f
	WHERE EXISTS (SELECT FROM tiered c WHERE c.account_id = f.account_id) LIMIT 5');
cmp_ok(scalar @requests, '<=', 3, 'LIMIT: the first batch');
for my $skip (0, 1)
{
	$session->quit;
	$session = PylonSession->new($node);
	$session->query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_material = off');
	for my $verb ('EXISTS', 'NOT EXISTS')
	{
		my $sql = sprintf $exists, $verb, '';
		my $expected = $session->query($sql =~ s/tiered/tiered_copies/r);
		api_faults($api, { kind => 'status', status => 400, match => 'POST /contacts/search', skip => $skip, times => 0,
			body => { errors => ['no'], request_id => 'r' } });
		is($session->query($sql), $expected, "$verb, refused after $skip: rows");
		api_clear($api);
	}
}

$session->quit;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no backend crashed');

done_testing();
