# The recipes of doc/recipes.md, as they stand there: run twice, they give the same contacts as run once.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';
# the same address in another case
my $other_ada = '00000000-0000-4000-8000-000000000010';
my $node = start_node();
my $api = start_api(contacts => 10);
my $json = JSON::PP->new->canonical;
my $page = slurp_file(__FILE__ =~ s/[^\/]*$/..\/..\/doc\/recipes.md/r);

# The block of SQL in the page that holds this text.
sub recipe
{
	my $text = shift;
	my @found = grep { index($_, $text) >= 0 } $page =~ /^```sql\n(.*?)^```$/msg;

	is(scalar(@found), 1, "one recipe with \"$text\"");
	return $found[0];
}

# All contacts, as text.
sub contacts { return join "\n", sort map { $json->encode($json->decode($_)) } split /\n/, api_ctl($api, 'contacts'); }

sub writes { return grep { /^(?:PATCH|DELETE|POST \/contacts )/ } api_take($api); }

sub emails { return join ' ', sort map { $json->decode($_)->{email} // () } split /\n/, api_ctl($api, 'contacts'); }

# Runs a recipe twice; gives the writes of the first time.
sub twice
{
	my ($session, $sql, $name) = @_;

	api_take($api);
	$session->query($sql);
	unlike($session->error, qr/ERROR/, "$name: no error");
	my @first = writes();
	my $after = contacts();
	# what a recipe makes for itself goes with its session
	$session->query('DISCARD TEMP');
	$session->query($sql);
	unlike($session->error, qr/ERROR/, "$name, again: no error");
	is_deeply([ writes() ], [], "$name, again: nothing is written");
	is(contacts(), $after, "$name, again: the same contacts");
	return @first;
}

# Whether the API heeds case, looks for duplicates, and what the server's option says of case.
for my $world ([ 'on', 'off', undef ], [ 'on', 'on', 'true' ], [ 'off', 'off', 'false' ], [ 'off', 'on', undef ])
{
	my ($sensitive, $check, $option) = @$world;
	my $name = "case heeded: $sensitive, duplicates looked for: $check";

	api_ctl($api, 'reset');
	api_set($api, case_sensitive => $sensitive, duplicate_check => $check);
	setup_server($node, $api, defined $option ? (case_sensitive => $option) : ());
	my $session = PylonSession->new($node);
	$session->query(<<'SQL');
DROP TABLE IF EXISTS leads, crm, copy_of_contacts;
CREATE TABLE leads (name text, email text);
INSERT INTO leads VALUES ('Nobody', NULL), ('Nobody else', NULL), ('Blank', ''), ('Ada', 'ADA@acme.com'), ('Grace', 'grace@acme.com'),
  ('New', 'new@leads.example'), ('New again', 'new@leads.example'), ('NEW', 'New@Leads.example'), (NULL, 'nameless@leads.example');
CREATE TABLE crm (name text, email text);
INSERT INTO crm VALUES ('Nobody', NULL), ('Blank', ''), ('Ada King', 'ADA@acme.com'), ('Grace Hopper', 'grace@acme.com'), ('Ada Byron', 'ada@acme.com'),
  ('Max', 'max@crm.example'), ('Max M.', 'MAX@crm.example'), (NULL, 'nameless@crm.example');
CREATE TABLE copy_of_contacts (id text PRIMARY KEY, name text, email text);
SQL
	my $before = emails();

	my @sent = twice($session, recipe('SELECT DISTINCT ON (lower(l.email))'), "leads, $name");
	is(scalar(@sent), 1, "leads, $name: one create");
	is(emails(), join(' ', sort split(/ /, $before), 'new@leads.example'), "leads, $name: one contact more");

	@sent = sort { $a cmp $b } twice($session, recipe('email FROM crm'), "crm, $name");
	is_deeply(\@sent,
		[
			(map { "PATCH /contacts/$_ {\"name\":\"Ada Byron\"}" } $ada, $other_ada),
			'POST /contacts {"name":"Max","email":"max@crm.example"}'
		], "crm, $name: the writes");

	my $merge = recipe('MERGE INTO copy_of_contacts');
	$session->query($merge);
	is($session->error, '', "MERGE, $name: no error");
	is($session->query('SELECT count(*) FROM copy_of_contacts p JOIN contacts c USING (id, name)'),
		12, "MERGE, $name: a copy of all");
	twice($session, $merge, "MERGE, $name");
	is($session->query('SELECT count(*) FROM copy_of_contacts'), 12, "MERGE, $name: of each one");
	$session->quit;
}

# ---------------------------------------------------------------- many contacts at once, and one of two

api_ctl($api, 'reset');
setup_server($node, $api);
my $session = PylonSession->new($node);
my $before = contacts();
is_deeply([ twice($session, recipe("SET pylon_fdw.dry_run = on;\nUPDATE contacts SET"), 'the dry run') ],
	[], 'the dry run writes nothing');
is(contacts(), $before, 'the dry run: the contacts are as they were');
is($session->query('SHOW pylon_fdw.dry_run'), 'off', 'the dry run is over');

my @sent = twice($session, recipe('UPDATE contacts k'), 'two contacts made one');
is(scalar(grep { /^DELETE \/contacts\/$other_ada/ } @sent), 1, 'two contacts made one: the other one is deleted');
is($session->query("SELECT count(*) FROM contacts WHERE email = 'ada\@acme.com'"),
	1, 'two contacts made one: the one is there');

# ---------------------------------------------------------------- the mirror

# What the recipe has noticed since the last call.
sub noticed
{
	my $changes = $session->query(
		"SELECT string_agg(what || ' ' || (coalesce(after, before) ->> 'name'), ', ' ORDER BY what, id) FROM mirror_log");
	$session->query('TRUNCATE mirror_log');
	return $changes;
}

sub refresh { $session->query('CALL refresh_mirror()'); return $session->error; }

# A page of all contacts but the one, once.
sub leave_out
{
	my $id = shift;
	my @contacts = grep { $_->{id} ne $id } map { decode_json($_) } split /\n/, api_ctl($api, 'contacts');

	api_fault($api, kind => 'wrong_shape', match => 'GET /contacts?', body => { data => \@contacts });
	return;
}

api_ctl($api, 'reset');
$session->query(recipe('CREATE PROCEDURE refresh_mirror'));
$session->query(recipe('CREATE TRIGGER log_change'));
is($session->query('SELECT count(*) FROM mirror'), 10, 'the mirror has all contacts');
is(noticed(), '', 'the mirror: what was there at first is no news');
api_take($api);
is(refresh(), '', 'the mirror: again');
is_deeply([ api_take($api) ], ['GET /contacts?limit=999'], 'the mirror: one read');
is(noticed(), '', 'the mirror: nothing has changed');

$session->query("UPDATE contacts SET name = 'Ada King' WHERE id = '$ada';
	DELETE FROM contacts WHERE id = '$other_ada'; INSERT INTO contacts (name) VALUES ('Mary Shaw')");
api_take($api);
is(refresh(), '', 'the mirror: after changes');
is_deeply(
	[ api_take($api) ],
	[
		'GET /contacts?limit=999',
		"POST /contacts/search {\"filter\":{\"field\":\"id\",\"operator\":\"in\",\"values\":[\"$other_ada\"]},\"limit\":999}"
	],
	'the mirror: one read, and a look for the one that is missing');
is(noticed(), 'DELETE ada lovelace, INSERT Mary Shaw, UPDATE Ada King', 'the mirror: what has changed');

leave_out($ada);
is(refresh(), '', 'the mirror: a contact that a read has missed');
is(noticed(), '', 'the mirror: it is not gone');

api_ctl($api, 'replace', $json->encode([ { id => 'x', name => 'Somebody else' } ]));
like(refresh(), qr/more than half of the contacts are gone/, 'the mirror: another workspace');
is($session->query('SELECT count(*) FROM mirror'), 10, 'the mirror: nothing is lost');
is(noticed(), '', 'the mirror: nothing is noticed');

$session->query(
	'MERGE INTO contacts c USING (VALUES (\'x\')) v (name) ON false WHEN NOT MATCHED THEN INSERT (name) VALUES (v.name)'
);
like($session->error, qr/^ERROR:  (?:0A000|42809)/m, 'MERGE INTO contacts is refused');
$session->quit;

done_testing();
