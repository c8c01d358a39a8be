# Writes of accounts when the API fails, ignores, normalises, or answers with something else; who may see what; and that
# no domain is lost.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PylonSample;
use PylonTest;
use Test::More;

my $acme = '00000000-0000-4000-a000-000000000001';
my $globex = '00000000-0000-4000-a000-000000000002';
my $node = start_node();
my $api = start_api(contacts => 100);
my $session;

# The sample API as it was, and a new session.
sub start_over
{
	my %options = @_;

	$session->quit if $session;
	api_ctl($api, 'reset', 'contacts=100');
	setup_server($node, $api, max_concurrent_requests => 1, %options);
	api_clear($api);
	$session = PylonSession->new($node);
	return;
}

# Whether the API has an account with this name, and how many.
sub named { my $name = shift; return scalar grep { decode_json($_)->{name} eq $name } split /\n/, api_ctl($api, 'accounts'); }

start_over();

# ---------------------------------------------------------------- a create is never sent twice

my $number = 0;
for my $fault ({ kind => 'close', when => 'after' }, { kind => 'status', status => 500, when => 'after' }, { kind => 'reset' })
{
	my $name = 'Lost ' . ++$number;

	api_faults($api, { %$fault, match => 'POST /accounts$' });
	fails_with($session, "INSERT INTO accounts (name, domains) VALUES ('$name', '{lost$number.example}')", '40003',
		qr/did insert account "$name" into foreign table "accounts".*HINT:  It was not tried again, to not create the account twice/s,
		"$fault->{kind}");
	like($session->error, qr/^SCHEMA NAME:  public\nTABLE NAME:  accounts$/m, "$fault->{kind}: the table by name");
	is_deeply([ grep { /^POST/ } api_take($api) ],
		["POST /accounts {\"name\":\"$name\",\"domains\":[\"lost$number.example\"],\"primary_domain\":\"lost$number.example\"}"],
		"$fault->{kind}: sent once");
	is(named($name), $fault->{kind} eq 'reset' ? 0 : 1, "$fault->{kind}: what is there");
}
api_faults($api, { kind => 'status', status => 429, headers => { 'X-Retry-After' => '0' }, match => 'POST /accounts$' });
is($session->query("INSERT INTO accounts (name) VALUES ('Late') RETURNING name"), 'Late', 'the rate limit: it is sent again');
is(scalar(grep { /^POST/ } api_take($api)), 2, 'the rate limit: two requests');
api_faults($api, { kind => 'close', when => 'after', match => 'PATCH' });
is($session->query("UPDATE accounts SET tags = '{again}' WHERE id = '$acme' RETURNING tags"), '{again}', 'an update is sent again');
is(scalar(grep { /^PATCH/ } api_take($api)), 2, 'an update: two requests');

# What remains is told in the words of each object.
$session->query("BEGIN; INSERT INTO accounts (name) VALUES ('Left');
	UPDATE accounts SET tags = '{left}' WHERE id = '$acme'");
api_faults($api, { kind => 'close', match => 'POST /accounts$' });
$session->query("INSERT INTO accounts (name) VALUES ('Nobody knows')");
like($session->error, qr/ERROR:  40003/, 'a create of which nobody knows');
like($session->error, qr/1 create, 1 update and 0 deletes of accounts remain/, 'a rollback: what remains');
like($session->error, qr/it is unknown whether Pylon did 1 create .*\nDETAIL:  Insert account "Nobody knows" into foreign table "accounts"/,
	'a rollback: what is unknown');
$session->query('ROLLBACK');
is(named('Left'), 1, 'it does');

# Which domain is primary can be left to the list that is written with it.
is($session->query("UPDATE accounts SET domains = '{first.example,second.example}', primary_domain = NULL
		WHERE id = '$acme' RETURNING primary_domain"), 'first.example', 'no primary domain beside a list: the first one');
is($session->error, '', 'no primary domain beside a list: no error');

# ---------------------------------------------------------------- what the answer may be

start_over();
for my $answer (qw(empty no_data 204))
{
	api_set($api, patch_answer => $answer);
	is($session->query("UPDATE accounts SET type = 'partner', owner_id = NULL, domains = '{$answer.example}' WHERE id = '$acme'
		RETURNING type, owner_id IS NULL, primary_domain, domains"), "partner|t|$answer.example|{$answer.example}", "patch_answer=$answer");
	is((api_take($api))[-1], "GET /accounts/$acme", "patch_answer=$answer: it is read back");
	$session->query("UPDATE accounts SET type = 'customer' WHERE id = '$acme'");
	api_take($api);
}
start_over();
api_faults($api, { kind => 'status', status => 404, match => 'PATCH', body => '{"errors":["Account not found!"],"request_id":"r"}' });
is($session->query("UPDATE accounts SET name = 'Gone' WHERE id = '$acme' RETURNING name"), '', 'an account that is gone is no row');
is($session->error, '', 'and no error');
api_faults($api, { kind => 'wrong_shape', match => 'PATCH', body => { data => { id => $globex, name => 'Gone' }, request_id => 'r' } });
fails_with($session, "UPDATE accounts SET name = 'Gone' WHERE id = '$acme'", '22023',
	qr/the API answers with account $globex.*no longer that account's/s, 'another account');

# Forms of the API's own pass, and RETURNING shows them.
for my $forms (qw(case blanks order unicode))
{
	start_over();
	api_set($api, normalise => $forms);
	my $row = $session->query("INSERT INTO accounts (name, primary_domain, domains, tags) VALUES ('Form', 'Form.Example', '{Form.Example,a.example}', '{b,A}')
		RETURNING name, primary_domain, domains, tags");
	is($session->error, '', "normalise=$forms: INSERT");
	like($row, qr/^form\|form\.example\|/i, "normalise=$forms: RETURNING");
	is($session->query("UPDATE accounts SET domains = domains || '{B.example}'::text[], tags = '{C,d}' WHERE name ILIKE 'form' RETURNING cardinality(domains)"),
		3, "normalise=$forms: UPDATE") or diag($session->error);
}

# ---------------------------------------------------------------- domains go out as they were written

# Columns, their values; what is sent of an account that has acme.com (primary) and acme.example.
for my $case (
	[ "domains = '{ACME.COM,acme.example}'", [ 'ACME.COM', 'acme.example' ], 'ACME.COM' ],
	[ "domains = '{ACME.COM,acme.example}', primary_domain = primary_domain", [ 'ACME.COM', 'acme.example' ], 'ACME.COM' ],
	[ "domains = '{Acme.Com,acme.com,acme.com}'", [ 'Acme.Com', 'acme.com' ], 'acme.com' ],
	[ "primary_domain = 'Acme.com'", [ 'Acme.com', 'acme.example' ], 'Acme.com' ],
	[ "primary_domain = 'Acme.Example'", [ 'acme.com', 'Acme.Example' ], 'Acme.Example' ])
{
	my ($set, $domains, $primary) = @$case;

	start_over();
	is($session->query("UPDATE accounts SET $set WHERE id = '$acme' RETURNING primary_domain, domains"),
		"$primary|{" . join(',', @$domains) . '}', "$set: RETURNING") or diag($session->error);
	is_deeply(decode_json((api_take($api))[-1] =~ s/^PATCH \S+ //r), { domains => $domains, primary_domain => $primary }, "$set: sent");
}
is($session->query("INSERT INTO accounts (name, domains) VALUES ('Two', '{Two.example,two.example,Two.example}') RETURNING domains"),
	'{Two.example,two.example}', 'INSERT: two spellings, RETURNING');
is((api_take($api))[-1], 'POST /accounts {"name":"Two","domains":["Two.example","two.example"],"primary_domain":"Two.example"}',
	'INSERT: two spellings, sent');
is($session->query("UPDATE accounts SET domains = domains, primary_domain = primary_domain WHERE name = 'Two' RETURNING domains"),
	'{Two.example,two.example}', 'nothing changes');
is(scalar(grep { /^PATCH/ } api_take($api)), 0, 'nothing changes: nothing is sent');

# A dry run gives what it shows, of a column that goes along with another one, too.
start_over();
$session->query("SET pylon_fdw.dry_run = on;
	CREATE FOREIGN TABLE others (id text, name text, hosts jsonb OPTIONS (field 'domains'), host varchar(40) OPTIONS (field 'primary_domain'))
		SERVER pylon OPTIONS (object 'accounts')");
for my $case (
	[ "UPDATE accounts SET primary_domain = 'dry.example' WHERE id = '$acme' RETURNING primary_domain, domains",
		'dry.example|{acme.com,acme.example,dry.example}' ],
	[ "UPDATE accounts SET domains = '{}' WHERE id = '$acme' RETURNING primary_domain IS NULL, domains", 't|{}' ],
	[ "UPDATE accounts SET tags = '{dry}' WHERE id = '$acme' RETURNING primary_domain, domains", 'acme.com|{acme.com,acme.example}' ],
	[ "INSERT INTO accounts (name, domains) VALUES ('Dry', '{dry.example,b.example}') RETURNING primary_domain, domains",
		'dry.example|{dry.example,b.example}' ],
	[ "INSERT INTO accounts (name, primary_domain) VALUES ('Dry', 'dry.example') RETURNING primary_domain, domains", 'dry.example|{dry.example}' ],
	[ "INSERT INTO others (name, hosts) VALUES ('Dry', '[\"dry.example\"]') RETURNING host, hosts", 'dry.example|["dry.example"]' ])
{
	is($session->query($case->[0]), $case->[1], "dry run: $case->[0]") or diag($session->error);
}
$session->query('DROP FOREIGN TABLE others');

# ---------------------------------------------------------------- duplicates

for my $case ([ domain => 400 ], [ name => 409 ], [ domain => 422 ])
{
	my ($duplicate, $status) = @$case;
	my $insert = "INSERT INTO accounts (name, domains) VALUES ('Globex', '{GLOBEX.com}')";

	start_over();
	api_set($api, account_duplicate => $duplicate, duplicate_status => $status);
	fails_with($session, $insert, '23505', qr/there is such an account already.*It is account $globex/s, "account_duplicate=$duplicate, $status");
	is($session->query("$insert, ('Initech', '{initech.example}') ON CONFLICT DO NOTHING RETURNING name"), 'Initech',
		"account_duplicate=$duplicate, $status: skipped");
}
api_set($api, account_duplicate => 'none');
is($session->query("INSERT INTO accounts (name, domains) VALUES ('Globex', '{globex.com}') RETURNING name"), 'Globex', 'account_duplicate=none');
fails_with($session, qq{UPDATE accounts SET external_ids = '[{"external_id":"acme"}]' WHERE id = '$globex'}, '23505',
	qr/there is such an account already.*It is account $acme/s, 'an external id that another one has');
$node->safe_psql('postgres', 'CREATE ROLE writer LOGIN; GRANT INSERT ON accounts TO writer; GRANT SELECT (name), UPDATE (name) ON accounts TO writer');
my $writer = PylonSession->new($node);
$writer->query('SET ROLE writer');
unlike(fails_with($writer, qq{INSERT INTO accounts (name, external_ids) VALUES ('X', '[{"external_id":"acme"}]')}, '23505',
	qr/there is such an account already/, 'a duplicate, for who may not read'), qr/$acme/, 'its id is not shown');
is($writer->query("INSERT INTO accounts (name) VALUES ('Written') RETURNING name"), 'Written', 'columns that may be read are returned');
fails_with($writer, "UPDATE accounts SET type = 'partner' WHERE name = 'Written'", '42501', qr/permission denied/, 'others may not be written');
$writer->quit;

# ---------------------------------------------------------------- in flight together

start_over(max_concurrent_requests => 4);
api_set($api, write_latency => 20);
$session->query("INSERT INTO accounts (name, domains) SELECT 'Bulk ' || n, ARRAY['bulk' || n || '.example'] FROM generate_series(1, 12) n");
is($session->error, '', 'twelve creates');
cmp_ok(most_in_flight($api, 'POST'), '>', 1, 'some are in flight together');
is(named('Bulk 12'), 1, 'all are there');
api_clear($api);
$session->query("INSERT INTO accounts (name, primary_domain, domains) VALUES ('One', 'same.example', NULL), ('Two', NULL, '{other.example,Same.example}')
	ON CONFLICT DO NOTHING");
is(most_in_flight($api, 'POST'), 1, 'two with one domain are not');
is_deeply([ named('One'), named('Two') ], [ 1, 0 ], 'the first one is there');

# ---------------------------------------------------------------- views, policies, partitions

start_over();
$session->query("CREATE VIEW partners AS SELECT id, name, type FROM accounts WHERE type = 'partner' WITH CHECK OPTION");
fails_with($session, "INSERT INTO partners (name, type) VALUES ('Checked', 'customer')", '44000', qr/violates check option/, 'CHECK OPTION');
is(named('Checked'), 0, 'CHECK OPTION: nothing was sent');
is($session->query("INSERT INTO partners (name, type) VALUES ('Partner', 'partner') RETURNING name"), 'Partner', 'a row of the view');
fails_with($session, "DELETE FROM partners", '0A000', qr/cannot delete accounts from foreign table "accounts"/, 'DELETE of a view');
fails_with($session, "DELETE FROM contacts c USING accounts a WHERE a.id = c.account_id AND a.name = 'nobody'; DELETE FROM accounts", '0A000',
	qr/what becomes of its contacts/, 'DELETE');
is(scalar(grep { /^DELETE/ } api_take($api)), 0, 'none was sent');

my $other = start_api(contacts => 20, seed => 2);
$session->query("CREATE SERVER eu FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$other->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER eu OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE TABLE everywhere (region text, id text, name text, type text, domains text[], primary_domain text) PARTITION BY LIST (region);
	CREATE FOREIGN TABLE here (region text OPTIONS (custom_field 'notes'), id text, name text, type text, domains text[], primary_domain text)
		SERVER pylon OPTIONS (object 'accounts');
	CREATE FOREIGN TABLE there (region text OPTIONS (custom_field 'notes'), id text, name text, type text, domains text[], primary_domain text)
		SERVER eu OPTIONS (object 'accounts');
	ALTER TABLE everywhere ATTACH PARTITION here FOR VALUES IN ('us');
	ALTER TABLE everywhere ATTACH PARTITION there FOR VALUES IN ('eu')");
is($session->error, '', 'partitions of two workspaces');
api_clear($_) for $api, $other;
is($session->query("INSERT INTO everywhere (region, name) VALUES ('us', 'Routed'), ('eu', 'Routed') RETURNING tableoid::regclass"), "here\nthere", 'rows are routed');
is_deeply([ map { [ api_take($_) ] } $api, $other ], [ map { ["POST /accounts {\"custom_fields\":[{\"slug\":\"notes\",\"value\":\"$_\"}],\"name\":\"Routed\"}"] } 'us', 'eu' ],
	'to their servers') or diag($session->error);
is(join(' ', sort split /\n/, $session->query("UPDATE everywhere SET domains = ARRAY[region || '.example'] WHERE name = 'Routed' RETURNING primary_domain")),
	'eu.example us.example', 'and updated there') or diag($session->error);
fails_with($session, "DELETE FROM everywhere WHERE name = 'Routed'", '0A000', qr/foreign table "(?:t)?here"/, 'DELETE of a partitioned table');
fails_with($session, "EXPLAIN DELETE FROM everywhere", '0A000', qr/cannot delete accounts/, 'EXPLAIN of that');

# ---------------------------------------------------------------- what is read while it is written

start_over();
$session->query("BEGIN; DECLARE c CURSOR FOR SELECT name FROM accounts ORDER BY id; FETCH 1 FROM c; UPDATE accounts SET tags = tags || '{x}'::text[]");
is($session->error, '', 'all accounts are updated while a cursor is open');
is($session->query('FETCH ALL FROM c') =~ tr/\n// + 1, $session->query('SELECT count(*) FROM accounts') - 1, 'the cursor reads what it has left');
$session->query('COMMIT');
is($session->query("UPDATE accounts a SET custom_fields = a.custom_fields || jsonb_build_object('notes', c.name)
	FROM contacts c WHERE c.account_id = a.id AND c.email IN ('ada\@acme.com', 'grace\@acme.com') RETURNING a.name"), 'Acme',
	'an account with two contacts is written once');
my @domains = @{ stored_account($api, $acme)->{domains} };
is_deeply(\@domains, [ 'acme.com', 'acme.example' ], 'its domains are what they were');

# ---------------------------------------------------------------- a server without accounts

start_over();
api_set($api, accounts => 'off');
fails_with($session, "INSERT INTO accounts (name) VALUES ('X')", 'HV000', qr{no such path.*POST /accounts: HTTP status 404}s, 'no accounts: INSERT');
fails_with($session, "UPDATE accounts SET name = 'X' WHERE id = '$acme'", 'HV000', qr{no such path.*GET /accounts/$acme}s, 'no accounts: UPDATE');
fails_with($session, "UPDATE accounts SET name = 'X' WHERE name = 'Acme'", 'HV000', qr{no such path.*POST /accounts/search}s, 'no accounts: UPDATE of a search');
$session->query("CREATE SCHEMA i; IMPORT FOREIGN SCHEMA pylon LIMIT TO (accounts) FROM SERVER pylon INTO i OPTIONS (custom_fields 'columns')");
is($session->error, '', 'no accounts: IMPORT, since there may be definitions all the same');
is($session->query("SELECT count(*) FROM contacts WHERE email = 'ada\@acme.com'"), 1, 'contacts are there');
fails_with($session, "ANALYZE accounts", 'HV000', qr/This server has no accounts, it seems/, 'no accounts: ANALYZE');

$session->quit;
done_testing();
