# postgres_fdw in front: a second database reads and writes the contacts through this one.  It knows a row by its ctid, so what it would
# write that way is refused, with nothing sent; what it can hand over as a whole statement works.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 20);
my ($ada, $grace, $alan) = map { "00000000-0000-4000-8000-00000000000$_" } 1 .. 3;

my $has_postgres_fdw =
  $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'");
plan skip_all => 'postgres_fdw is not installed' if !$has_postgres_fdw;

setup_server($node, $api);
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', 'CREATE DATABASE front');
$node->safe_psql('front', "
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER behind FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
	CREATE USER MAPPING FOR PUBLIC SERVER behind;
	CREATE SCHEMA via;
	IMPORT FOREIGN SCHEMA public LIMIT TO (contacts) FROM SERVER behind INTO via;
	CREATE TABLE local (email text, name text);
	INSERT INTO local VALUES ('ada\@acme.com', 'Ada King'), ('nobody\@acme.com', 'Nobody')");
my $session = PylonSession->new($node, 'front');
$session->query("SET client_min_messages = warning");

sub gives
{
	my ($sql, $result, $requests, $name) = @_;

	api_take($api);
	is($session->query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	is_deeply([ take_briefly($api) ], $requests, "$name: requests");
	return;
}

sub refused
{
	my ($sql, $name) = @_;

	api_take($api);
	$session->query($sql);
	like($session->error, qr/^ERROR:  0A000: cannot use system column "(?:ctid|xmin)" of foreign table "contacts"/m,
		"$name: refused");
	like($session->error, qr/HINT:  Use column "id"/, "$name: HINT");
	is_deeply([ api_take($api) ], [], "$name: nothing is sent");
	return;
}

gives("SELECT name FROM via.contacts WHERE email = 'ada\@acme.com'", 'Ada Lovelace', ['search'], 'a query');
gives("SELECT c.name FROM via.contacts c JOIN local l ON c.email = l.email WHERE c.id = '$ada'",
	'Ada Lovelace', ["GET /contacts/$ada"], 'a join');
gives("UPDATE via.contacts SET name = 'Ada King' WHERE id = '$ada' RETURNING name", 'Ada King',
	[ "GET /contacts/$ada", "PATCH /contacts/$ada {\"name\":\"Ada King\"}" ], 'an update that is handed over');
gives("UPDATE via.contacts SET name = 'Ada Lovelace' WHERE email = 'ada\@acme.com'",
	'', [ 'search', "GET /contacts/$ada", "PATCH /contacts/$ada {\"name\":\"Ada Lovelace\"}" ], 'another one');
gives("DELETE FROM via.contacts WHERE id = '$alan'", '', [ "GET /contacts/$alan", "DELETE /contacts/$alan" ],
	'a delete that is handed over');
gives("INSERT INTO via.contacts (name, email) VALUES ('New', 'new\@acme.com') RETURNING name",
	'New', ['POST /contacts {"name":"New","email":"new@acme.com"}'], 'an insert');

refused('SELECT ctid FROM via.contacts', 'a query for ctid');
refused('UPDATE via.contacts c SET name = l.name FROM local l WHERE c.email = l.email', 'an update with a local table');
refused('DELETE FROM via.contacts c USING local l WHERE c.email = l.email', 'a delete with a local table');
refused("UPDATE via.contacts SET name = upper(name) || random() WHERE id = '$grace'",
	'an update that is computed here');
refused("DELETE FROM via.contacts WHERE id = '$grace' AND random() < 2",
	'a delete by a condition that is checked here');
refused("UPDATE via.contacts SET name = 'x' WHERE ctid = '(0,0)'", 'an update by ctid');
$session->query("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER note BEFORE UPDATE ON via.contacts FOR EACH ROW EXECUTE FUNCTION note()");
refused("UPDATE via.contacts SET name = 'x' WHERE id = '$grace'", 'an update with a row trigger');
$session->quit;

done_testing();
