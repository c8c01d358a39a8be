# pylon_fdw.dry_run: one's own writes are shown and not sent, those of other users are refused, and a value that makes no
# sense is not taken for "off".

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 10);
my $update = "UPDATE contacts SET name = 'Changed' WHERE email = 'ada\@acme.com'";
my $shown = qr/NOTICE:  00000: PATCH \/contacts\/[-0-9a-f]{36} \{"name":"Changed"\}/;

setup_server($node, $api);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
GRANT bob TO alice;
GRANT ALL ON contacts TO alice, bob;
GRANT CREATE ON SCHEMA public TO alice, bob;
CREATE TABLE local (name text);
GRANT ALL ON local TO PUBLIC;
SELECT pylon_fdw_version();
SET ROLE bob;
-- what bob lets others do
CREATE FUNCTION definer() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN UPDATE contacts SET name = 'Changed' WHERE email = 'ada@acme.com'; RETURN 'done'; END $$;
CREATE FUNCTION definer_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN PERFORM definer(); RETURN NEW; END $$;
CREATE FUNCTION invoker() RETURNS text LANGUAGE plpgsql AS $$
BEGIN UPDATE contacts SET name = 'Changed' WHERE email = 'ada@acme.com'; RETURN 'done'; END $$;
CREATE FUNCTION dry_definer() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET pylon_fdw.dry_run = on AS $$
BEGIN UPDATE contacts SET name = 'Changed' WHERE email = 'ada@acme.com'; RETURN 'done'; END $$;
CREATE FUNCTION leaving_it_on() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN SET pylon_fdw.dry_run = on; RETURN 'done'; END $$;
CREATE VIEW bobs AS SELECT * FROM contacts;
CREATE VIEW invokers WITH (security_invoker) AS SELECT * FROM contacts;
GRANT ALL ON bobs, invokers TO alice;
CREATE TABLE ruled (name text);
CREATE RULE r AS ON INSERT TO ruled DO ALSO INSERT INTO contacts (name) VALUES (NEW.name);
CREATE TABLE triggered (name text);
CREATE TRIGGER t AFTER INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION definer_trigger();
GRANT ALL ON ruled, triggered TO alice;
SQL

# A session of this user; statements may come before the first that needs the library.
sub session_of
{
	my ($user, @statements) = @_;
	my $session = PylonSession->new($node);

	$session->query("SET SESSION AUTHORIZATION $user");
	$session->query($_) for @statements;
	return $session;
}

# What becomes of a statement: "shown", "sent", or the SQLSTATE; nothing is sent but where it is "sent".
sub becomes
{
	my ($session, $sql, $expected, $name) = @_;

	api_take($api);
	$session->query($sql);
	my @sent = grep { is_write($_) } api_take($api);
	my ($sqlstate) = $session->error =~ /^ERROR:  ([0-9A-Z]{5})/m;
	my $found = $sqlstate
	  // (@sent ? 'sent' : $session->error =~ /NOTICE:  00000: (?:PATCH|POST|DELETE) / ? 'shown' : 'nothing');
	is($found, $expected, $name) or diag($session->error);
	is(scalar(@sent), 0, "$name: nothing is sent") unless $expected eq 'sent';
	unlike($session->error, qr/NOTICE:  00000: (?:PATCH|POST|DELETE) /, "$name: nothing is shown")
	  unless $expected eq 'shown';
	$session->query(
		"SET SESSION AUTHORIZATION DEFAULT; SET pylon_fdw.dry_run = off; UPDATE contacts SET name = 'Ada Lovelace'
			WHERE email = 'ada\@acme.com'"
	) if $expected eq 'sent';
	return;
}

# ---------------------------------------------------------------- one's own

{
	my $session = session_of('alice', 'SET pylon_fdw.dry_run = on');

	becomes($session, $update, 'shown', 'one\'s own UPDATE');
	like($session->error, $shown, 'one\'s own UPDATE: what would be sent');
	becomes($session, "INSERT INTO contacts (name) VALUES ('New')", 'shown', 'one\'s own INSERT');
	becomes($session, "DELETE FROM contacts WHERE email = 'ada\@acme.com'", 'shown', 'one\'s own DELETE');
	becomes($session, 'SELECT invoker()', 'shown', 'a function that runs as the caller');
	becomes($session, "UPDATE invokers SET name = 'Changed' WHERE email = 'ada\@acme.com'",
		'shown', 'a view with security_invoker');
	becomes($session, "PREPARE p AS $update; EXECUTE p", 'shown', 'a prepared statement');

	# ---------------------------------------------------------------- of other users
	becomes($session, 'SELECT definer()', '42501', 'a SECURITY DEFINER function');
	like($session->error, qr/as user "bob" in a dry run of user "alice"/, 'a SECURITY DEFINER function: the message');
	becomes($session, "UPDATE bobs SET name = 'Changed' WHERE email = 'ada\@acme.com'",
		'42501', 'a view of another user');
	becomes($session, "INSERT INTO bobs (name) VALUES ('New')", '42501', 'INSERT through such a view');
	becomes($session, "DELETE FROM bobs WHERE email = 'ada\@acme.com'", '42501', 'DELETE through such a view');
	becomes($session, "INSERT INTO ruled VALUES ('New')", '42501', 'a rule of another user');
	becomes($session, "INSERT INTO triggered VALUES ('New')", '42501', 'a trigger function of another user');
	$session->query('SET plan_cache_mode = force_generic_plan; PREPARE d AS SELECT definer()');
	becomes($session, 'EXECUTE d', '42501', 'a prepared statement that calls a SECURITY DEFINER function');
	becomes($session, "EXPLAIN (COSTS OFF) UPDATE bobs SET name = 'Changed'",
		'nothing', 'plain EXPLAIN of such a write');

	# off again
	$session->query('RESET pylon_fdw.dry_run');
	becomes($session, 'SELECT definer()', 'sent', 'after RESET');
	$session->quit;
}

# ---------------------------------------------------------------- who has set it

# by the role that one has taken
{
	my $session = session_of('alice', 'SET pylon_fdw.dry_run = on');

	becomes($session, 'SELECT 1', 'nothing', 'before the library is loaded');
	$session->quit;
	$session = session_of('alice', 'SELECT count(*) FROM contacts', 'SET pylon_fdw.dry_run = on', 'SET ROLE bob');
	becomes($session, $update, '42501', 'SET ROLE afterwards');
	$session->query('SET pylon_fdw.dry_run = on');
	becomes($session, $update, 'shown', 'set again by the role');
	becomes($session, 'SELECT definer()', 'shown', 'and then what runs as that role is one\'s own');
	$session->query('RESET ROLE');
	becomes($session, $update, '42501', 'RESET ROLE');
	$session->quit;
}

# by a function
{
	my $session = session_of('alice', 'SELECT count(*) FROM contacts');

	becomes($session, 'SELECT dry_definer()',
		'shown', 'a SECURITY DEFINER function with SET of its own: so its owner wants it');
	becomes($session, $update, 'sent', 'and afterwards it is as before');
	$session->quit;

	$session = session_of('alice', 'SELECT count(*) FROM contacts', 'SET pylon_fdw.dry_run = on');
	becomes($session, 'SELECT dry_definer()', 'shown', 'such a function in a dry run of the caller');
	becomes($session, $update, 'shown', 'and afterwards it is the caller\'s');
	becomes($session, 'SELECT definer()', '42501', 'the caller\'s alone');
	$session->query('SET pylon_fdw.dry_run = off; SELECT leaving_it_on()');
	becomes($session, $update, '42501', 'left on by another user\'s function: not taken for done');
	$session->quit;
}

# in a transaction or savepoint that ends
{
	my $session = session_of('alice', 'SELECT count(*) FROM contacts', 'SET pylon_fdw.dry_run = on');

	$session->query('BEGIN; SET LOCAL ROLE bob; SET LOCAL pylon_fdw.dry_run = on');
	becomes($session, $update, 'shown', 'SET LOCAL by a role');
	$session->query('COMMIT');
	becomes($session, $update, 'shown', 'and then it is the user\'s again');
	becomes($session, 'SELECT definer()', '42501', 'not the role\'s');
	$session->query('BEGIN; SAVEPOINT s; SET LOCAL ROLE bob; SET LOCAL pylon_fdw.dry_run = on; ROLLBACK TO s');
	becomes($session, $update, 'shown', 'the same with a savepoint');
	$session->query('ROLLBACK; SET pylon_fdw.dry_run = off; BEGIN; SET LOCAL pylon_fdw.dry_run = on');
	becomes($session, $update, 'shown', 'SET LOCAL');
	$session->query('COMMIT');
	becomes($session, $update, 'sent', 'SET LOCAL ends with the transaction');
	$session->quit;
}

# before the library is loaded, which another user's function does
{
	my $session = session_of('alice', 'SET pylon_fdw.dry_run = on');

	becomes($session, 'SELECT definer()', '42501', 'the library is loaded in a SECURITY DEFINER function');
	becomes($session, $update, 'shown', 'and then one\'s own');
	$session->quit;
}

# by an administrator: for the session's user, whatever role it takes
for my $setting (
	[ 'ALTER ROLE', 'ALTER ROLE alice SET pylon_fdw.dry_run = on', 'ALTER ROLE alice RESET pylon_fdw.dry_run' ],
	[
		'ALTER DATABASE', 'ALTER DATABASE postgres SET pylon_fdw.dry_run = on',
		'ALTER DATABASE postgres RESET pylon_fdw.dry_run'
	],
	[
		'postgresql.conf', "ALTER SYSTEM SET pylon_fdw.dry_run = on; SELECT pg_reload_conf(), pg_sleep(0.5)",
		'ALTER SYSTEM RESET pylon_fdw.dry_run; SELECT pg_reload_conf(), pg_sleep(0.5)'
	])
{
	my ($name, $set, $reset) = @$setting;

	$node->safe_psql('postgres', "LOAD 'pylon_fdw'; $_") for split /; /, $set;
	local $ENV{PGUSER} = 'alice';
	my $session = PylonSession->new($node);
	becomes($session, $update, 'shown', "$name: one's own");
	becomes($session, 'SELECT definer()', '42501', "$name: a SECURITY DEFINER function");
	$session->query('SET ROLE bob');
	becomes($session, $update, 'shown', "$name: as a role that one takes");
	$session->quit;
	delete local $ENV{PGUSER};
	$node->safe_psql('postgres', "LOAD 'pylon_fdw'; $_") for split /; /, $reset;
}

# ---------------------------------------------------------------- no boolean

for my $value ('onn', 'tru e', '2', '')
{
	my $session = session_of('alice', "SET pylon_fdw.dry_run = '$value'");

	becomes($session, $update, '22023', "'$value' before the library is loaded");
	like($session->error, qr/"pylon_fdw\.dry_run" was set to "\Q$value\E".*HINT:  Set it to on or off/s,
		"'$value': the message");
	becomes($session, $update, '22023', "'$value': the next one, too");
	becomes($session, "INSERT INTO contacts (name) VALUES ('New')", '22023', "'$value': INSERT");
	is($session->query("SELECT name FROM contacts WHERE email = 'ada\@acme.com'"),
		'Ada Lovelace', "'$value': reading goes on");
	$session->query("SET pylon_fdw.dry_run = '$value'");
	like($session->error, qr/22023.*requires a Boolean value/s, "'$value' once more: now the server sees to it");
	becomes($session, $update, '22023', "'$value': still");
	$session->query('BEGIN; SET LOCAL pylon_fdw.dry_run = on');
	becomes($session, $update, 'shown', "'$value', on for a transaction");
	$session->query('COMMIT');
	becomes($session, $update, '22023', "'$value': still, after the transaction");
	$session->query('SET pylon_fdw.dry_run = on');
	becomes($session, $update, 'shown', "'$value', then on");
	$session->query('SET pylon_fdw.dry_run = off');
	becomes($session, $update, 'sent', "'$value', then off");
	$session->quit;
}
for my $value ('on', 'YES', 't', '1')
{
	my $session = session_of('alice', "SET pylon_fdw.dry_run = '$value'");

	becomes($session, $update, 'shown', "'$value' before the library is loaded");
	$session->quit;
}

done_testing();
