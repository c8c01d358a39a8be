# Accounts beside contacts: each column in each shape that the API gives it, joins from either side in the fewest requests,
# several workspaces, and a server that has none.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PylonSample;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 3000, accounts => 400);
setup_server($node, $api);
load_accounts($node, $api, 'expected_accounts');
load_contacts($node, $api, 'expected_contacts');
my $session = PylonSession->new($node);

sub account { my $number = shift; return sprintf '00000000-0000-4000-a000-%012d', $number; }

# Requests as "accounts: id in 3": object, field, operator and how many values.
sub in_short
{
	return map {
		my ($object, $body) = m{^POST /(\w+)/search (.*)} or return "not a search: $_";
		my ($field, $operator) = $body =~ /"field":"(\w+)","operator":"(\w+)"/;
		my ($values) = $body =~ /"values":\[(.*?)\]/;
		"$object: $field $operator" . (defined $values ? ' ' . ($values =~ tr/,// + 1) : '');
	} @_;
}

# The rows of a query are those of the same on the local tables, and these are its requests.
sub asks
{
	my ($name, $sql, @requests) = @_;
	my $expected = $session->query($sql =~ s/\b(accounts|contacts)\b/expected_$1/gr);

	api_take($api);
	is($session->query($sql), $expected, "$name: rows") or diag($session->error);
	isnt($expected, '', "$name: there are some");
	is_deeply([ in_short(api_take($api)) ], \@requests, "$name: requests")
	  or diag($session->query("EXPLAIN $sql"));
	return;
}

# ---------------------------------------------------------------- every column, in every shape

# What is unset may be null, absent or empty; "" is NULL, and so is a list that isn't there.
sub rows_are
{
	my ($name, $columns) = @_;

	is($session->query("SELECT count(*) FROM (SELECT $columns FROM accounts EXCEPT ALL SELECT $columns FROM expected_accounts) d"),
		0, "$name: no other rows") or diag($session->error);
	is($session->query("SELECT count(*) FROM (SELECT $columns FROM expected_accounts EXCEPT ALL SELECT $columns FROM accounts) d"),
		0, "$name: all of them");
	return;
}

my @lists = qw(domains tags external_ids channels);
my $set = join ', ', map { "nullif($_, '" . (/channels|external_ids/ ? '[]' : '{}') . "')" } @lists;
my $others = join ', ', grep { my $name = $_; !grep { $_ eq $name } @lists }
  split /\n/, $session->query("SELECT attname FROM pg_attribute WHERE attrelid = 'accounts'::regclass AND attnum > 0
	AND attname <> 'crm_settings' ORDER BY attnum");

for my $absent (qw(mixed null absent empty))
{
	api_set($api, absent => $absent, extra_keys => $absent eq 'null' ? 'on' : 'off', custom_slug => $absent eq 'empty' ? 'on' : 'off');
	rows_are("absent=$absent", "$others, $set, nullif(crm_settings, '{}')");
}
api_set($api, absent => 'mixed', extra_keys => 'off', custom_slug => 'off');
is($session->query("SELECT tags IS NULL, owner_id IS NULL, crm_settings IS NULL, domains FROM accounts WHERE id = '@{[ account(3) ]}'"),
	't|t|f|{globex.example}', 'an account without tags and owner');
is($session->query("SELECT domains, primary_domain IS NULL, crm_settings IS NULL FROM accounts WHERE id = '@{[ account(5) ]}'"),
	'{}|t|t', 'an account without domains and CRM');
for my $shape ([ last_page => 'empty_cursor' ], [ last_page => 'null_cursor' ], [ last_page => 'no_has_next' ],
	[ short_pages => 37 ], [ page_order => 'pagination_first' ], [ multi_valued => 'values' ], [ chunked => 'on' ])
{
	my ($name, $value) = @$shape;
	api_set($api, $name => $value);
	rows_are("$name=$value", "$others, $set");
	api_ctl($api, 'reset', 'contacts=3000', 'accounts=400');
}
api_fault($api, kind => 'hollow', match => 'GET /accounts');
is($session->query('SELECT count(*) FROM accounts'), 400, 'the only page announces no other one');
api_set($api, short_pages => 150);
is($session->query('SELECT count(*) FROM accounts'), 400, 'a hollow page is asked for again');
api_ctl($api, 'reset', 'contacts=3000', 'accounts=400');
for my $era (qw(A B C))
{
	api_set($api, era => $era);
	rows_are("era $era", 'id, name, type, primary_domain, owner_id, is_disabled, created_at, custom_fields');
}
is($session->query('SELECT count(*) FROM accounts WHERE updated_at IS NULL'), 0, 'when it was updated');

# ---------------------------------------------------------------- with contacts, from either side

asks('accounts of contacts', "SELECT a.name, count(*) FROM contacts c JOIN accounts a ON a.id = c.account_id
	WHERE c.email IN ('ada\@acme.com', 'katherine\@globex.com', 'zoe\@globex.com') GROUP BY 1 ORDER BY 1",
	'contacts: email in 3', 'accounts: id in 2');
# How many a LIKE finds is a guess, and that of its contacts' accounts another one.
asks('accounts of contacts with a domain', "SELECT a.name, count(*) FROM contacts c JOIN accounts a ON a.id = c.account_id
	WHERE c.email LIKE '%\@umbrella%' GROUP BY 1 ORDER BY 1",
	'contacts: email string_contains', 'accounts: id in ' . $session->query(
		"SELECT count(DISTINCT account_id) FROM expected_contacts WHERE email LIKE '%\@umbrella%'"));
asks('contacts of an account', "SELECT c.id FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE a.name = 'Acme' ORDER BY 1",
	'accounts: name equals', 'contacts: account_id in 1');
asks('contacts of accounts with a tag', "SELECT a.name, c.id FROM accounts a LEFT JOIN contacts c ON c.account_id = a.id
	WHERE 'churn risk' = ANY (a.tags) ORDER BY 1, 2",
	'accounts: tags contains', 'contacts: account_id in ' . $session->query(
		"SELECT count(*) FROM expected_accounts WHERE 'churn risk' = ANY (tags)"));

# ---------------------------------------------------------------- three ways, with a local table

$session->query("CREATE TABLE plans (domain text PRIMARY KEY, plan text);
	INSERT INTO plans VALUES ('acme.com', 'gold'), ('acme.example', 'old'), ('globex.com', 'silver'), ('nobody.example', 'none');
	ANALYZE plans");
asks('plans by domain', "SELECT p.plan, a.name FROM plans p JOIN accounts a ON a.primary_domain = p.domain ORDER BY 1",
	'accounts: domains contains 4');
asks('plans of no account', 'SELECT p.plan FROM plans p WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.primary_domain = p.domain) ORDER BY 1',
	'accounts: domains contains 4');
asks('contacts by plan', "SELECT p.plan, c.id FROM plans p JOIN accounts a ON a.primary_domain = p.domain
	JOIN contacts c ON c.account_id = a.id ORDER BY 1, 2", 'accounts: domains contains 4', 'contacts: account_id in 2');
asks('plans of some contacts', "SELECT c.id, a.name, p.plan FROM contacts c JOIN accounts a ON a.id = c.account_id
	LEFT JOIN plans p ON p.domain = a.primary_domain WHERE c.email IN ('ada\@acme.com', 'zoe\@globex.com', 'grace\@acme.com') ORDER BY 1",
	'contacts: email in 3', 'accounts: id in 2');
$session->query("CREATE TABLE crm AS SELECT jsonb_build_array(jsonb_build_object('external_id', 'acct-' || n)) AS ref, n
	FROM generate_series(3, 12, 3) n; ANALYZE crm");
is($session->query('SELECT n, name FROM crm JOIN accounts a ON a.external_ids @> crm.ref ORDER BY 1'),
	$session->query('SELECT n, name FROM crm JOIN expected_accounts a ON a.external_ids @> crm.ref ORDER BY 1'), 'by external id: rows');

# Both sides, in plans that are made for a value and those that aren't; here without statistics, below with them.
my $of_contacts = "SELECT a.name, count(*) FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE c.email LIKE '%\@acme.com' GROUP BY 1";
my $of_account = "SELECT c.name FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE a.name = 'Acme' ORDER BY 1";

sub asks_for_both
{
	my $when = shift;
	my @of_contacts = ('contacts: email string_contains', 'accounts: id in 1');
	my @of_account = ('accounts: name equals', 'contacts: account_id in 1');

	asks("accounts of contacts, $when", $of_contacts, @of_contacts);
	asks("contacts of an account, $when", $of_account, @of_account);
	for my $mode (qw(force_custom_plan force_generic_plan auto))
	{
		$session->query("SET plan_cache_mode = $mode; PREPARE of_contacts(text) AS " . $of_contacts =~ s/'.*?'/\$1/r
			  . '; PREPARE of_account(text) AS ' . $of_account =~ s/'.*?'/\$1/r);
		# the sixth time, a generic plan may be chosen
		for my $time (1 .. ($mode eq 'auto' ? 6 : 1))
		{
			api_take($api);
			$session->query("EXECUTE of_contacts('%\@acme.com')");
			is_deeply([ in_short(api_take($api)) ], \@of_contacts, "accounts of contacts, $when, $mode $time");
			$session->query("EXECUTE of_account('Acme')");
			is_deeply([ in_short(api_take($api)) ], \@of_account, "contacts of an account, $when, $mode $time");
		}
		$session->query('DEALLOCATE ALL; RESET plan_cache_mode');
	}
	return;
}

asks_for_both('without statistics');

# The API finds more accounts by a domain than have it as the primary one, so a LIMIT says nothing of how many to ask for.
api_take($api);
is($session->query("SELECT name FROM accounts WHERE primary_domain = 'acme.com' LIMIT 1"), 'Acme', 'LIMIT above a primary domain');
is($session->query("SELECT name FROM accounts WHERE 'acme.com' = ANY (domains) LIMIT 1"), 'Acme', 'LIMIT above domains');
is_deeply([ map { /"limit":(\d+)/ } api_take($api) ], [ 999, 1 ], 'LIMIT: how many are asked for');

# ---------------------------------------------------------------- with statistics

is($session->query('ANALYZE accounts, contacts'), '', 'ANALYZE') or diag($session->error);
is($session->query("SELECT reltuples FROM pg_class WHERE oid = 'accounts'::regclass"), 400, 'accounts are counted');
api_take($api);
asks('few contacts, once it is known', "SELECT a.name, c.id FROM contacts c JOIN accounts a ON a.id = c.account_id
	WHERE c.email IN ('ada\@acme.com', 'zoe\@globex.com') ORDER BY 1, 2", 'contacts: email in 2', 'accounts: id in 2');
my $all = 'SELECT a.name, count(*) FROM contacts c JOIN accounts a ON a.id = c.account_id GROUP BY a.id, a.name ORDER BY 1, 2';
is($session->query($all), $session->query($all =~ s/\b(accounts|contacts)\b/expected_$1/gr), 'all of both');
is_deeply([ sort map { s/\?.*//r } api_take($api) ], [ 'GET /accounts', ('GET /contacts') x 4 ], 'all of both: each is read once');

asks_for_both('with statistics');

# ---------------------------------------------------------------- plans that stay

$session->query("SET plan_cache_mode = force_generic_plan;
	PREPARE of_domain(text) AS SELECT name FROM accounts WHERE primary_domain = \$1;
	PREPARE of_domains(text[]) AS SELECT name FROM accounts WHERE domains && \$1 ORDER BY 1;
	PREPARE of_owner(text) AS SELECT count(*) FROM accounts WHERE owner_id IS NOT DISTINCT FROM \$1;
	PREPARE of_id(jsonb) AS SELECT name FROM accounts WHERE external_ids @> \$1");
api_take($api);
is($session->query("EXECUTE of_domain('acme.com'); EXECUTE of_domain('acme.example'); EXECUTE of_domain(NULL)"), 'Acme',
	'by a domain that is a parameter');
is($session->query("EXECUTE of_domains('{acme.example,globex.com}'); EXECUTE of_domains('{}'); EXECUTE of_domains(NULL)"),
	"Acme\nGlobex", 'by domains');
is($session->query('EXECUTE of_owner(NULL)'), $session->query('SELECT count(*) FROM expected_accounts WHERE owner_id IS NULL'),
	'without an owner');
is($session->query(q{EXECUTE of_id('[{"external_id":"acme"}]'); EXECUTE of_id('{}'); EXECUTE of_id(NULL)}), 'Acme', 'by external id');
is_deeply([ map { s/^GET .*/list/r } api_take($api) ], [
	search('domains', 'contains', '"value":"acme.com"'), search('domains', 'contains', '"value":"acme.example"'),
	search('domains', 'contains', '"values":["acme.example","globex.com"]'), '{"field":"owner_id","operator":"is_unset"}' =~ s/(.*)/POST \/accounts\/search {"filter":$1,"limit":999}/r,
	search('external_ids', 'equals', '"value":"acme"'), 'list' ], 'parameters: requests');

sub search
{
	my ($field, $operator, $value) = @_;
	return "POST /accounts/search {\"filter\":{\"field\":\"$field\",\"operator\":\"$operator\",$value},\"limit\":999}";
}

# ---------------------------------------------------------------- refusals

# A server without one operator: the rows stay right, and what was refused is not tried again.
$session->query('RESET plan_cache_mode');
for my $case ([ 'custom_operators', 'equals', q{custom_fields->>'plan' LIKE '%rise'} ],
	[ 'max_in', 2, q{primary_domain IN ('acme.com', 'globex.com', 'acme.test')} ],
	[ 'refuse_name_filter', 'on', q{name LIKE 'Acme%'} ])
{
	my ($switch, $value, $where) = @$case;
	my $fresh = PylonSession->new($node);

	api_set($api, $switch => $value);
	is($fresh->query("SELECT count(*) FROM accounts WHERE $where"),
		$session->query("SELECT count(*) FROM expected_accounts WHERE $where"), "$switch: rows");
	like($fresh->error, qr/WARNING: .* the API refused a condition on foreign table "accounts".*\n.*accounts\/search/, "$switch: warning");
	api_take($api);
	$fresh->query("SELECT count(*) FROM accounts WHERE $where");
	is_deeply([ api_take($api) ], ['GET /accounts?limit=999'], "$switch: once");
	$fresh->quit;
	api_ctl($api, 'reset', 'contacts=3000', 'accounts=400');
}
# ---------------------------------------------------------------- several workspaces

my $other = start_api(contacts => 400, accounts => 60, seed => 2);
$session->query("CREATE SERVER eu FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$other->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER eu OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE SCHEMA eu; IMPORT FOREIGN SCHEMA pylon FROM SERVER eu INTO eu;
	CREATE VIEW everybody AS SELECT 'us' AS region, id, name, primary_domain FROM accounts UNION ALL SELECT 'eu', id, name, primary_domain FROM eu.accounts;");
is($session->query("SELECT region, name FROM everybody WHERE name = 'Acme' ORDER BY 1"), "eu|Acme\nus|Acme", 'accounts of two workspaces');
$_->{taken} = [ api_take($_) ] for $api, $other;
is($session->query("SELECT p.plan, e.region FROM plans p JOIN everybody e ON e.primary_domain = p.domain ORDER BY 1, 2"),
	"gold|eu\ngold|us\nsilver|eu\nsilver|us", 'joined with a local table: rows') or diag($session->error);
is_deeply([ map { in_short(api_take($_)) } $api, $other ], [ ('accounts: domains contains 4') x 2 ], 'joined with a local table: requests');

# ---------------------------------------------------------------- what a session has asked

is($session->query("SELECT pylon_fdw_stats_reset(); SELECT count(*) FROM eu.accounts; SELECT count(*) FROM contacts WHERE email = 'ada\@acme.com';
	SELECT server_name, object, requests, rows_read FROM pylon_fdw_stats() WHERE requests > 0 ORDER BY 1, 2"),
	"\n60\n1\neu|accounts|1|60\npylon|contacts|1|1", 'counted by server and object');

$session->quit;
done_testing();
