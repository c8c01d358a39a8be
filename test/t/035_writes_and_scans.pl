# A statement and what it reads: each contact is written once, and a scan that is open doesn't see what is written.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

my $ada = '00000000-0000-4000-8000-000000000001';
my $alan = '00000000-0000-4000-8000-000000000003';
my $globex = '00000000-0000-4000-a000-000000000002';
my $many = 1500;
my $node = start_node();
my $api = start_api(contacts => $many, seed => 7, set => { cursor => 'offset' });

# ---------------------------------------------------------------- each contact exactly once

# How many contacts a kind of request was sent for, and how often at most.
sub once
{
	my ($method, $count, $name) = @_;
	my %times;

	/^$method \/contacts\/([^ ]+)/ && $times{$1}++ for api_take($api);
	is(scalar(keys %times), $count, "$name: contacts");
	is(scalar(grep { $_ != 1 } values %times), 0, "$name: each once");
	return;
}

setup_server($node, $api, page_size => 100);
$node->safe_psql('postgres', 'CREATE TABLE copied AS SELECT id, name, account_id FROM contacts');
my $start = time;
is($node->safe_psql(
		'postgres',
		"WITH u AS (UPDATE contacts SET portal_role_id = 'everyone' RETURNING id) SELECT count(*), count(DISTINCT id) FROM u"
	), "$many|$many", 'UPDATE of all: rows');
note(sprintf 'UPDATE of all: %.1f s', time - $start);
once('PATCH', $many, 'UPDATE of all');

# What it changes is what it looks for, and where that moves to comes later.
my ($account, $members) = split /\|/, $node->safe_psql('postgres',
	"SELECT account_id, count(*) FROM copied WHERE account_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1");
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET page_size '5')");
is($node->safe_psql(
		'postgres',
		"WITH u AS (UPDATE contacts SET account_id = NULL WHERE account_id = '$account' RETURNING id) SELECT count(DISTINCT id) FROM u"
	), $members, 'UPDATE of what is searched for: rows');
once('PATCH', $members, 'UPDATE of what is searched for');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET page_size '100')");

is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT 1 FROM contacts) c"),
	$many, 'INSERT ... SELECT from contacts: before it');
api_take($api);
$node->safe_psql('postgres',
	"INSERT INTO contacts (name, external_ids) SELECT 'copy of ' || name, '[]' FROM contacts WHERE portal_role = 'admin'"
);
my $copies = scalar grep { /^POST \/contacts / } api_take($api);
is($copies,
	$node->safe_psql('postgres', "SELECT count(*) FROM contacts WHERE portal_role = 'admin'"),
	'INSERT ... SELECT from contacts: each once');
is(scalar(grep { /^POST/ } api_take($api)), 0, 'INSERT ... SELECT from contacts: nothing more');

$start = time;
is($node->safe_psql(
		'postgres', "WITH d AS (DELETE FROM contacts RETURNING id) SELECT count(*), count(DISTINCT id) FROM d"),
	($many + $copies) . '|' . ($many + $copies), 'DELETE of all: rows');
note(sprintf 'DELETE of all: %.1f s', time - $start);
once('DELETE', $many + $copies, 'DELETE of all');
is(scalar(stored_contacts($api)), 0, 'DELETE of all: nobody is left');

# ---------------------------------------------------------------- writes while a scan is open

# What is written shows on the pages to come, so an open scan reads these before. Rows come as if nothing had been written.
control($api, 'POST', '_reset', { contacts => 10 });
api_set($api, cursor => 'offset');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET page_size '2')");
my $session = PylonSession->new($node);
$session->query('SET client_min_messages = error');

# Does this with each contact in a loop; then gives how many there were in it.
sub loop
{
	my ($select, $body) = @_;

	$session->query("DO \$\$ DECLARE r record; n int := 0;
		BEGIN FOR r IN $select LOOP n := n + 1; $body END LOOP; PERFORM set_config('pylon_test.n', n::text, false); END \$\$");
	is($session->error, '', "$body in a loop: no error");
	return $session->query("SELECT current_setting('pylon_test.n')");
}

api_take($api);
is(loop('SELECT name FROM contacts', "INSERT INTO contacts (name) VALUES (r.name || ' again');"), 10, 'creates in a loop end');
is(scalar(stored_contacts($api)), 20, 'creates in a loop: one for each');
is(scalar(grep { /^GET/ } api_take($api)), 5, 'creates in a loop: no page twice');
is(loop("SELECT name FROM contacts WHERE portal_role IS NOT NULL", "UPDATE contacts SET account_id = '$globex' WHERE name = r.name;"), 19, 'updates in a loop: all');
is(loop("SELECT id FROM contacts WHERE name LIKE '% again'", 'DELETE FROM contacts WHERE id = r.id;'), 10, 'deletes in a loop: all');
is(scalar(stored_contacts($api)), 10, 'deletes in a loop: all are gone');
is(loop('SELECT id FROM contacts', "BEGIN DELETE FROM contacts WHERE id = r.id; RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END;"),
	10, 'deletes in savepoints: all');
is(scalar(stored_contacts($api)), 0, 'deletes in savepoints: all are gone');

control($api, 'POST', '_reset', { contacts => 10 });
api_set($api, cursor => 'offset');
$session->query('CREATE FUNCTION remove_contact(text) RETURNS text LANGUAGE sql AS $$ DELETE FROM contacts WHERE id = $1 RETURNING name $$');
is($session->query('SELECT count(remove_contact(id)) FROM contacts'), 10, 'a function that deletes, of each row');
is(scalar(stored_contacts($api)), 0, 'a function that deletes: all are gone');

# Also where no page is read ahead, since one row is wanted.
control($api, 'POST', '_reset', { contacts => 10 });
api_set($api, cursor => 'offset');
my $third = (stored_contacts($api))[2];
$session->query("DO \$\$ DECLARE v text; BEGIN SELECT id INTO v FROM contacts WHERE remove_contact(id) = '$third->{name}';
	PERFORM set_config('pylon_test.n', v, false); END \$\$");
is($session->query("SELECT current_setting('pylon_test.n')"), $third->{id}, 'SELECT INTO with a function that deletes: the third row');
is(scalar(stored_contacts($api)), 7, 'SELECT INTO with a function that deletes: three are gone');

# The rows go to a file that outlives the savepoint in which it is made.
control($api, 'POST', '_reset', { contacts => 10 });
control($api, 'POST', '_contacts', { id => "many-$_", name => 'x' x 1000 . $_ }) for 1 .. 200;
$session->query("SET work_mem = '64kB'; BEGIN; DECLARE c CURSOR FOR SELECT name FROM contacts");
$session->query('FETCH 12 FROM c');
$session->query("SAVEPOINT s; DELETE FROM contacts WHERE id = 'many-100'; ROLLBACK TO s");
is($session->query('FETCH 99 FROM c') =~ s/x+//gr, join("\n", 3 .. 101), 'a cursor: rows in their order, also one that is gone');
is($session->query('MOVE ALL FROM c; COMMIT; SELECT 1'), 1, 'a cursor: to its end');

# Several scans under one Append, some of which wait for pages; rows of another server are left alone.
control($api, 'POST', '_reset', { contacts => 10 });
my $other = start_api(contacts => 10);
$session->query("CREATE SERVER other FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$other->{url}', page_size '2');
	CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (api_token 'sample-token');
	CREATE FOREIGN TABLE others (id text, name text) SERVER other");
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT 1 AS n, id FROM contacts UNION ALL SELECT 2, id FROM others; MOVE 1 FROM c');
api_take($other);
api_take($api);
$session->query("DELETE FROM contacts WHERE id = '$alan'");
cmp_ok(scalar(grep { /^GET .contacts.limit/ } api_take($api)), '>=', 3, 'an Append: the pages of the server that is written to are read');
cmp_ok(scalar(api_take($other)), '<=', 1, 'an Append: those of the other one are not, but for one that was on its way');
is($session->query('MOVE ALL FROM c; COMMIT; SELECT 1'), 1, 'an Append: no error');

# The scan itself runs what writes: it is left alone.
control($api, 'POST', '_reset', { contacts => 10 });
$session->query("CREATE FUNCTION note(text) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN
		INSERT INTO contacts (name) SELECT 'note' WHERE \$1 = 'Alan Turing'; RETURN true; END \$\$;
	CREATE DOMAIN noted AS text CHECK (note(VALUE));
	CREATE FOREIGN TABLE noted_contacts (name noted, email text) SERVER pylon");
is($session->query('SELECT count(email) FROM noted_contacts'), 9, 'a domain whose check writes');
is(scalar(stored_contacts($api)), 10, 'a domain whose check writes: not asked for, not checked');
like($session->query("SELECT name FROM noted_contacts WHERE name <> 'note'"), qr/^(?:.+\n){9}.+$/, 'a domain whose check writes: rows');

# Where the query may end anywhere, nothing is read that it may not need.
control($api, 'POST', '_reset', { contacts => 10 });
api_take($api);
is(loop("SELECT id FROM contacts WHERE portal_role IS NOT NULL LIMIT 1", "UPDATE contacts SET name = 'First' WHERE id = r.id;"), 1, 'a loop with LIMIT');
is_deeply([ grep { /^GET .contacts\?/ } api_take($api) ], ['GET /contacts?limit=2'], 'a loop with LIMIT: a page');

# A cursor that has failed below a savepoint is closed but for its memory: nothing is read for it, nor left behind.
control($api, 'POST', '_reset', { contacts => 10 });
control($api, 'POST', '_contacts', { id => "many-$_", name => 'x' x 1000 . $_ }) for 1 .. 200;
$session->query("SET work_mem = '64kB'; BEGIN; DECLARE c CURSOR FOR SELECT 1 / (row_number() OVER () - 3), name FROM contacts");
$session->query('MOVE 1 FROM c; SAVEPOINT s; MOVE 5 FROM c');
like($session->error, qr/22012/, 'a cursor that fails');
$session->query('ROLLBACK TO s');
api_take($api);
$session->query("DELETE FROM contacts WHERE id = 'many-100'");
is_deeply([ grep { !/many-100/ } api_take($api) ], [], 'a cursor that has failed: no page is read for it');
is($session->query('COMMIT; RESET work_mem; SELECT 1'), 1, 'a cursor that has failed: no error');

# A semijoin whose keys are decided wants no more pages of them.
control($api, 'POST', '_reset', { contacts => 10 });
control($api, 'POST', '_contacts', { id => "many-$_", name => "x$_", account => { id => $globex } }) for 1 .. 20;
$session->query("CREATE TABLE firms AS SELECT '$globex' AS id UNION ALL SELECT 'none' || n FROM generate_series(1, 3) n;
	SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; BEGIN; DECLARE c CURSOR FOR
	SELECT id FROM firms f WHERE id LIKE '0%' AND EXISTS (SELECT FROM contacts c WHERE c.account_id = f.id)");
api_take($api);
is($session->query('FETCH 1 FROM c'), $globex, 'a semijoin');
is(scalar(api_take($api)), 1, 'a semijoin: a page decides');
$session->query("DELETE FROM contacts WHERE id = 'many-20'");
is_deeply([ grep { !/many-20/ } api_take($api) ], [], 'a semijoin: no other page is read before a write');
is($session->query('FETCH 1 FROM c; COMMIT; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_nestloop; SELECT 1'), 1, 'a semijoin: no more rows');

# A dry run writes nothing; a scan that could not be read to its end doesn't just end.
$session->query('SET pylon_fdw.dry_run = on; BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts; FETCH 1 FROM c');
api_take($api);
$session->query("UPDATE contacts SET name = 'X' WHERE id = '$ada'");
is_deeply([ api_take($api) ], ["GET /contacts/$ada"], 'a dry run: no pages');
$session->query('COMMIT; RESET pylon_fdw.dry_run; BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts; FETCH 1 FROM c; SAVEPOINT s');
api_fault($api, kind => 'status', status => 403, match => 'GET /contacts?', skip => 1);
$session->query("UPDATE contacts SET name = 'X' WHERE id = '$ada'");
like($session->error, qr/42501: could not read foreign table "contacts"/, 'pages that cannot be read');
is(scalar(grep { $_->{name} eq 'X' } stored_contacts($api)), 0, 'pages that cannot be read: nothing is written');
$session->query("ROLLBACK TO s; UPDATE contacts SET name = 'X' WHERE id = '$ada'");
like($session->error, qr/55000: could not read foreign table "contacts": an error has come between its pages/, 'a second write');
$session->query('ROLLBACK');
api_ctl($api, 'faults-clear');
$session->quit;
unlike(slurp_file($node->logfile), qr/leak|still referenced/, 'nothing is left behind');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET page_size '100')");

done_testing();
