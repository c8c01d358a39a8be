# The contact that was meant, once, and as it is: ids that have become another contact's, deletes of which nobody heard, contacts
# that come several times, and searches that lag behind what the session has written.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = start_node();
my $api = start_api(contacts => 20);
my ($ada, $grace, $alan, $katherine) = map { "00000000-0000-4000-8000-00000000000$_" } 1 .. 4;

# A session of its own with an API as after the start but for these switches; the server has these options.
my $session;

sub start_anew
{
	my ($switches, %options) = @_;

	$session->quit if $session;
	api_ctl($api, 'reset');
	api_set($api, %$switches);
	setup_server($node, $api, max_concurrent_requests => 1, %options);
	$session = PylonSession->new($node);
	$session->query('SELECT pylon_fdw_version()');
	take_briefly($api);
	return;
}

# Checks what a statement gives, and exactly which requests it makes, in that session.
sub gives
{
	my ($sql, $result, $requests, $name) = @_;

	is($session->query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	is_deeply([ take_briefly($api) ], $requests, "$name: requests");
	return;
}

# Checks that it fails so.
sub fails
{
	my ($sql, $sqlstate, $pattern, $requests, $name) = @_;

	my $error = fails_with($session, $sql, $sqlstate, $pattern, $name);
	is_deeply([ take_briefly($api) ], $requests, "$name: requests");
	return $error;
}

# Somebody else does something with a contact, which is not in the log.
sub others { my (@request) = @_; control($api, @request); api_take($api); return; }

# Looked at again in the end.
my $old_session = PylonSession->new($node);
my $written_at = time;
$old_session->query("CREATE SERVER old FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER old OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE FOREIGN TABLE of_old (id text, name text, email text) SERVER old");
is($old_session->query("UPDATE of_old SET name = 'B' WHERE email = 'ada\@acme.com' RETURNING name"),
	'B', 'a write of a minute ago');

# ---------------------------------------------------------------- a search that lags

start_anew({ search_lag => 50 });
gives("UPDATE contacts SET name = 'B' WHERE email = 'ada\@acme.com' RETURNING name", 'B',
	[ 'search', patch($ada, '{"name":"B"}') ], 'a first update');
gives("UPDATE contacts SET name = 'Ada Lovelace' WHERE email = 'ada\@acme.com' RETURNING name",
	'Ada Lovelace', [ 'search', "GET /contacts/$ada", patch($ada, '{"name":"Ada Lovelace"}') ], 'and back');
is(stored_contact($api, $ada)->{name}, 'Ada Lovelace', 'and back: the API has it');
gives("UPDATE contacts SET name = 'Ada Lovelace' WHERE email = 'ada\@acme.com' RETURNING name", 'Ada Lovelace',
	[ 'search', "GET /contacts/$ada" ], 'nothing to do');
gives("UPDATE contacts SET name = name || '!' WHERE name = 'Ada Lovelace' AND email LIKE 'ada%' RETURNING name",
	'Ada Lovelace!', [ 'search', "GET /contacts/$ada", patch($ada, '{"name":"Ada Lovelace!"}') ],
	'a value computed from it');
gives("UPDATE contacts SET name = 'C' WHERE name = 'Ada Lovelace' AND email LIKE 'ada%' RETURNING name", '',
	[ 'search', "GET /contacts/$ada" ], 'the condition is checked on the contact as it is');
gives(
	"UPDATE contacts c SET name = 'D' FROM (VALUES ('ada\@acme.com'), ('grace\@acme.com')) v(email)
		WHERE c.email = v.email RETURNING c.name",
	"D\nD", [ 'search', "GET /contacts/$ada", patch($ada, '{"name":"D"}'), patch($grace, '{"name":"D"}') ],
	'below a join');
gives("SELECT name FROM contacts WHERE email IN ('ada\@acme.com', 'grace\@acme.com') ORDER BY id",
	"Ada Lovelace\nGrace Hopper", ['search'], 'a query believes the search');
gives(
	'WITH w AS (INSERT INTO contacts (name) SELECT name FROM contacts WHERE email = \'ada@acme.com\' RETURNING name) '
	  . 'SELECT name FROM w',
	'D', [ 'search', "GET /contacts/$ada", 'POST /contacts {"name":"D"}' ], 'rows to be inserted');
gives(
	'CREATE TABLE local AS SELECT name FROM contacts WHERE email = \'ada@acme.com\'; INSERT INTO local SELECT name '
	  . 'FROM contacts WHERE email = \'ada@acme.com\'; UPDATE local SET name = c.name FROM contacts c WHERE email = '
	  . '\'ada@acme.com\'',
	'', [ ('search') x 3 ], 'rows that are written to a local table');
$session->query("BEGIN; UPDATE contacts SET name = 'E' WHERE email = 'ada\@acme.com'; ROLLBACK");
take_briefly($api);
gives("UPDATE contacts SET name = 'D' WHERE email = 'ada\@acme.com' RETURNING name", 'D',
	[ 'search', "GET /contacts/$ada", patch($ada, '{"name":"D"}') ], 'after a rollback, which undoes nothing');
gives("UPDATE contacts SET email = 'countess\@acme.com' WHERE email = 'ada\@acme.com' RETURNING name", 'D',
	[ 'search', "GET /contacts/$ada", patch($ada, '{"email":"countess@acme.com"}') ], 'another address');
gives("DELETE FROM contacts WHERE email = 'ada\@acme.com' RETURNING name", '', [ 'search', "GET /contacts/$ada" ],
	'by the address that it had');
gives("DELETE FROM contacts WHERE email = 'countess\@acme.com' RETURNING name",
	'', ['search'], 'by the address that the search does not know yet');
gives("UPDATE contacts SET name = 'List' WHERE length(name) = 1 AND email LIKE '%ess\@acme.com' RETURNING name",
	'', ['search'], 'the same with more conditions');
gives("UPDATE contacts SET name = 'List' WHERE upper(email) LIKE 'C%ESS\@ACME.COM' RETURNING name", 'List',
	[
		'GET /contacts?limit=999',
		(map { "GET /contacts/$_" } $ada, $grace, map { stored_id('D', $_) } 1), patch($ada, '{"name":"List"}')
	], 'a list is read again, too');
gives("UPDATE contacts SET name = 'By id' WHERE id = '$ada' RETURNING name", 'By id',
	[ "GET /contacts/$ada", patch($ada, '{"name":"By id"}') ], 'a look-up by id is the contact as it is');
gives("DELETE FROM contacts WHERE email = 'grace\@acme.com' RETURNING name",
	'D', [ 'search', "GET /contacts/$grace", "DELETE /contacts/$grace" ], 'a delete');
gives("DELETE FROM contacts WHERE email = 'grace\@acme.com' RETURNING name", '', [ 'search', "GET /contacts/$grace" ],
	'what is deleted is no row');
gives("SELECT name FROM contacts WHERE email = 'grace\@acme.com'", 'Grace Hopper', ['search'], 'but one of a query');
{
	my $other = PylonSession->new($node);

	is($other->query("UPDATE contacts SET name = 'F' WHERE email = 'ada\@acme.com' RETURNING name"),
		'F', 'another session believes the search');
	is_deeply([ take_briefly($api) ], [ 'search', patch($ada, '{"name":"F"}') ],
		'another session believes the search: requests');
	$other->quit;
}

sub stored_id
{
	my ($name) = @_;
	return
	  map { $_->{id} } grep { $_->{name} eq $name && $_->{id} ne $ada && $_->{id} ne $grace } stored_contacts($api);
}

# What nobody knows of may have been done.
start_anew({ search_lag => 50 }, max_retries => 0);
api_fault($api, kind => 'cut', match => 'PATCH');
fails("UPDATE contacts SET name = 'B' WHERE email = 'ada\@acme.com'", '08006', qr/unknown whether this was done/,
	[ 'search', patch($ada, '{"name":"B"}') ], 'an update of unknown outcome');
gives("UPDATE contacts SET name = 'Ada Lovelace' WHERE email = 'ada\@acme.com' RETURNING name", 'Ada Lovelace',
	[ 'search', "GET /contacts/$ada", patch($ada, '{"name":"Ada Lovelace"}') ], 'is read again');
api_fault($api, kind => 'close', match => 'DELETE', when => 'after');
fails("DELETE FROM contacts WHERE email = 'grace\@acme.com'", '08006', qr/unknown whether this was done/,
	[ 'search', "DELETE /contacts/$grace" ], 'a delete of unknown outcome');
gives("UPDATE contacts SET name = 'B' WHERE email = 'grace\@acme.com' RETURNING name", '',
	[ 'search', "GET /contacts/$grace" ], 'is read again, and is gone');
api_fault($api, kind => 'status', status => 400, match => 'PATCH');
fails("UPDATE contacts SET name = 'B' WHERE email = 'alan\@acme.com'", '22023', qr/400/,
	[ 'search', patch($alan, '{"name":"B"}') ], 'an update that was refused');
gives("UPDATE contacts SET name = 'B' WHERE email = 'alan\@acme.com' RETURNING name",
	'B', [ 'search', patch($alan, '{"name":"B"}') ], 'is none');
my $cancelled_after = int(1000 * patience($node, 0.4));
$session->query("SET statement_timeout = '${cancelled_after}ms'");
api_fault($api, kind => 'slow', delay => 3 * $cancelled_after, match => 'PATCH');
fails("UPDATE contacts SET name = 'Z' WHERE email = 'zoe\@globex.com'", '57014', qr/unknown whether Pylon did 1 update/,
	[ 'search', patch('00000000-0000-4000-8000-000000000006', '{"name":"Z"}') ], 'an update that was cancelled');
$session->query('RESET statement_timeout');
gives("UPDATE contacts SET name = 'Zoë Ångström' WHERE email = 'zoe\@globex.com' RETURNING length(name)", '12',
	[
		'search', 'GET /contacts/00000000-0000-4000-8000-000000000006',
		patch('00000000-0000-4000-8000-000000000006', '{"name":"Zoë Ångström"}')
	], 'is read again, too');

# Several of a page, by several requests at once; small pages; a scan that starts over.
start_anew({ search_lag => 50 }, max_concurrent_requests => 4, page_size => 7);
$session->query("UPDATE contacts SET portal_role = 'admin' WHERE email LIKE '%\@%'");
my @changed = sort map { /^PATCH .contacts.(\S+)/ } take_briefly($api);
cmp_ok(scalar @changed, '>', 8, 'an update of many');
$session->query("UPDATE contacts SET portal_role = 'viewer' WHERE email LIKE '%\@%'");
is_deeply([ sort map { /^(GET .*)/ } take_briefly($api) ], [ map { "GET /contacts/$_" } @changed ],
	'a second update of many: each is read once');
is(scalar(grep { (stored_contact($api, $_)->{portal_role} // '') eq 'viewer' } @changed),
	scalar @changed, 'a second update of many: the API has it');
api_fault($api, kind => 'status', status => 403, match => "GET /contacts/$changed[3]");
$session->query("UPDATE contacts SET portal_role = 'none' WHERE email LIKE '%\@%'");
like($session->error, qr/^ERROR:  42501:/m, 'an error when a contact is read again');
is(scalar(grep { (stored_contact($api, $_)->{portal_role} // '') eq 'none' } @changed),
	0, 'an error when a contact is read again: nothing is written');

# ---------------------------------------------------------------- an id that is another contact's by now

# The search still gives Alan, who is gone; his id is an external id of Grace.
sub given_stale
{
	my (@arguments) = @_;

	start_anew(@arguments);
	api_set($api, search_lag => 50);
	control($api, 'DELETE', "contacts/$alan");
	others('PATCH', "contacts/$grace", { external_ids => [ { external_id => $alan, label => 'old' } ] });
	return;
}

for my $answer ('full', 'empty', 'no_data', '204')
{
	given_stale({ patch_answer => $answer });
	my $text = fails("UPDATE contacts SET name = 'Meant for Alan' WHERE email = 'alan\@acme.com'", '22023',
		qr/could not update contact $alan of foreign table "contacts": the API answers with contact $grace/,
		[ 'search', patch($alan, '{"name":"Meant for Alan"}'), $answer eq 'full' ? () : "GET /contacts/$alan" ],
		"another contact, answer $answer");
	like($text, qr/DETAIL:.*Of this statement, 0 creates, 1 update and 0 deletes were done/,
		"another contact, answer $answer: what was done");
	like($text, qr/WARNING:.*1 update and 0 deletes of contacts remain/,
		"another contact, answer $answer: the warning");
}
given_stale({});
gives("SELECT name FROM contacts WHERE id = '$alan'", '', ["GET /contacts/$alan"], 'no row of a query');
gives("UPDATE contacts SET name = 'Meant for Alan' WHERE id = '$alan' RETURNING id",
	'', ["GET /contacts/$alan"], 'nor of an update by id');
fails("UPDATE contacts SET name = 'Meant for Alan' WHERE email = 'alan\@acme.com'", '22023',
	qr/answers with contact $grace/, [ 'search', patch($alan, '{"name":"Meant for Alan"}') ], 'an update by address');
gives("UPDATE contacts SET name = 'Meant for Alan' WHERE email = 'alan\@acme.com'", '',
	[ 'search', "GET /contacts/$alan" ], 'written once, it is read again');

# What is read again is Grace, who stands among the rows herself: she isn't there twice.
$session->query("INSERT INTO contacts (name) SELECT name || ' copy' FROM contacts WHERE email LIKE '%\@acme.com'");
is($session->error, '', 'copies of what is read again: no error');
my @copies = grep { / copy$/ } map { $_->{name} } stored_contacts($api);
is(scalar @copies, scalar(grep { ($_->{email} // '') =~ /\@acme\.com$/ } stored_contacts($api)),
	'copies of what is read again: one of each contact that is there');
is(scalar(grep { /Grace|Alan/ } @copies), 1, 'copies of what is read again: Grace is among them once');
take_briefly($api);

# A column of type uuid brings ids into its own form.
start_anew({});
control($api, 'POST', '_contacts',
	[
		{
			id => 'ABCDEF00-0000-4000-8000-000000000001', name => 'Capital',
			external_ids => [ { external_id => 'abcdef00-0000-4000-8000-000000000001', label => 'x' } ]
		}
	]);
take_briefly($api);
gives(
	"CREATE FOREIGN TABLE by_uuid (id uuid, name text) SERVER pylon; UPDATE by_uuid SET name = 'Small'
		WHERE name = 'Capital' RETURNING name",
	'Small', [ 'search', patch('abcdef00-0000-4000-8000-000000000001', '{"name":"Small"}') ],
	'the same id in another form');

# ---------------------------------------------------------------- a delete of which nobody heard

my $delete = "DELETE FROM contacts WHERE email = 'alan\@acme.com' RETURNING name";
my ($sent, $look) = ("DELETE /contacts/$alan", "GET /contacts/$alan");

for my $lost (
	{ kind => 'close' }, { kind => 'reset' }, { kind => 'status', status => 500 }, { kind => 'status', status => 503 },
	{ kind => 'slow', delay => 600 }, { kind => 'close', when => 'after' }, { kind => 'cut' },
	{ kind => 'status', status => 502, when => 'after' })
{
	my $name = join ' ', 'a delete:', map { $lost->{$_} // () } 'kind', 'status', 'when';
	my $is_done = ($lost->{when} // '') eq 'after' || $lost->{kind} =~ /slow|cut/;

	# done or not, Grace has the id as her external id afterwards
	start_anew({}, request_timeout => patience_ms($node, 500));
	api_fault($api, %$lost, match => 'DELETE');
	others('PATCH', "contacts/$grace", { external_ids => [ { external_id => $alan, label => 'old' } ] });
	gives($delete, 'Alan Turing', [ 'search', $sent, $look, $is_done ? () : $sent ], $name);
	is(stored_contact($api, $alan), undef, "$name: gone");
	is(stored_contact($api, $grace)->{name}, 'Grace Hopper', "$name: nobody else");
	is($session->query('SELECT requests, retries, rows_deleted FROM pylon_fdw_stats()'),
		($is_done ? 3 : 4) . '|1|1', "$name: counted");
	is($session->query("BEGIN; $delete; ROLLBACK"), '', "$name: no row after it");
	is($session->error, '', "$name: nothing unknown after it");
}

start_anew({}, max_retries => 2);
api_fault($api, kind => 'status', status => 503, match => 'DELETE', times => 0);
my $text = fails(
	$delete, '58000', qr/It is unknown whether this was done\. Of this statement, 0 creates, 0 updates and 0 deletes/,
	[ 'search', $sent, $look, $sent, $look, $sent ], 'as often as max_retries says');
like($text, qr/WARNING: .*unknown whether Pylon did 1 delete/, 'as often as max_retries says: the warning');
start_anew({}, max_retries => 0);
api_fault($api, kind => 'close', match => 'DELETE', when => 'after');
fails($delete, '08006', qr/It is unknown whether this was done/, [ 'search', $sent ], 'max_retries 0');
start_anew({}, max_retry_wait => '5s');
api_fault($api, kind => 'status', status => 503, match => 'DELETE', headers => { 'Retry-After' => '60' });
fails($delete, '58000', qr/503/, [ 'search', $sent ], 'max_retry_wait');
start_anew({}, max_retries => 1);
api_fault($api, kind => 'close', match => 'DELETE', when => 'after');
api_fault($api, kind => 'status', status => 503, match => 'GET', times => 0);
fails($delete, '08006', qr/DELETE .*It is unknown whether this was done/, [ 'search', $sent, $look, $look ],
	'a look that fails');
start_anew({}, max_retries => 1);
api_fault($api, kind => 'close', match => 'DELETE');
api_fault($api, kind => 'garbage', match => 'GET');
fails($delete, '08006', qr/It is unknown whether this was done/, [ 'search', $sent, $look ],
	'a look that tells nothing');
start_anew({}, max_retries => 1);
api_fault($api, kind => 'close', match => 'DELETE');
api_fault($api, kind => 'wrong_shape', body => { data => { name => 'Alan Turing' } }, match => 'GET');
fails($delete, '08006', qr/It is unknown whether this was done/, [ 'search', $sent, $look ],
	'a look that finds nobody knows whom');
start_anew({});
api_fault($api, kind => 'status', status => 429, match => 'DELETE', headers => { 'Retry-After' => '0' }, times => 2);
gives($delete, 'Alan Turing', [ 'search', $sent, $sent, $sent ], 'a rate limit: nothing was done, so nobody looks');
start_anew({});
api_fault($api, kind => 'status', status => 503, match => 'DELETE');
api_fault($api, kind => 'status', status => 429, match => 'GET', headers => { 'Retry-After' => '0' });
api_fault($api, kind => 'status', status => 429, match => 'DELETE', headers => { 'Retry-After' => '0' });
gives($delete, 'Alan Turing', [ 'search', $sent, $look, $look, $sent, $sent ], 'a rate limit in between');
start_anew({});
api_fault($api, kind => 'status', status => 403, match => 'DELETE');
fails($delete, '42501', qr/403/, [ 'search', $sent ], 'a refusal is heard');
start_anew({});
api_fault($api, kind => 'close', match => 'DELETE', skip => 1);
gives("DELETE FROM contacts WHERE email IN ('alan\@acme.com', 'grace\@acme.com') RETURNING name",
	"Grace Hopper\nAlan Turing", [ 'search', "DELETE /contacts/$grace", $sent, $look, $sent ], 'one of several');

# Cancelled while it waits to look.
start_anew({});
api_fault($api, kind => 'status', status => 503, match => 'DELETE', headers => { 'Retry-After' => '30' });
$session->query("SET statement_timeout = '" . patience_ms($node, 400) . "'");
$text = fails($delete, '57014', qr/statement timeout/, [ 'search', $sent ], 'a cancel before the look');
like($text, qr/unknown whether Pylon did 1 delete/, 'a cancel before the look: the warning');

# ---------------------------------------------------------------- once

# A contact on two pages.
start_anew({}, page_size => 2);
control($api, 'PUT', '_contacts',
	[ map { { id => $_, name => "Contact $_", email => "$_\@x.example" } } 'a', 'b', 'a', 'c', 'b', 'd' ]);
take_briefly($api);
is($session->query('SELECT count(*) FROM contacts'), '6', 'contacts that come twice');
take_briefly($api);
is($session->query("UPDATE contacts SET name = upper(name) RETURNING id"), "a\nb\nc\nd", 'contacts on two pages: rows');
is_deeply([ map { /^PATCH .contacts.(\w)/ } take_briefly($api) ], [ 'a' .. 'd' ],
	'contacts on two pages: an update each');
is($session->query('DELETE FROM contacts RETURNING id'), "a\nb\nc\nd", 'contacts on two pages: rows deleted');
is_deeply([ map { /^DELETE .contacts.(\w)/ } take_briefly($api) ], [ 'a' .. 'd' ],
	'contacts on two pages: a delete each');

# The same id in two workspaces is two contacts.
start_anew({});
my $other_api = start_api(contacts => 20);
$session->query("SET client_min_messages = warning;
	CREATE SERVER other FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$other_api->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE TABLE people (id text, name text);
	CREATE FOREIGN TABLE people_here () INHERITS (people) SERVER pylon;
	CREATE FOREIGN TABLE people_here_again () INHERITS (people) SERVER pylon;
	CREATE FOREIGN TABLE people_there () INHERITS (people) SERVER other");
is($session->query(
		"WITH u AS (UPDATE people SET name = 'Everywhere' WHERE id = '$ada' RETURNING name) SELECT count(*) FROM u"),
	'2', 'two workspaces and three tables: rows');
is(scalar(grep { /^PATCH/ } take_briefly($api)), 1, 'two workspaces and three tables: one update here');
is(scalar(grep { /^PATCH/ } api_take($other_api)), 1, 'two workspaces and three tables: one update there');
$session->query('DROP TABLE people CASCADE; DROP SERVER other CASCADE');

# Which rows are counted.
{
	my $out;
	my $update = sub {
		my $sql = shift;
		IPC::Run::run([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', $sql ], '>', \$out, '2>&1');
		return $out;
	};

	start_anew({});
	is($update->(
			"UPDATE contacts c SET name = v.n FROM (VALUES ('A'), ('B'), ('C')) v(n)
				WHERE c.email IN ('alan\@acme.com', 'grace\@acme.com')"
		), "UPDATE 2\n", 'command tag of UPDATE');
	is($update->(
			"DELETE FROM contacts c USING (VALUES ('A'), ('B'), ('C')) v(n)
				WHERE c.email IN ('alan\@acme.com', 'grace\@acme.com')"
		), "DELETE 2\n", 'command tag of DELETE');
}

# ---------------------------------------------------------------- a minute later

$session->quit;
sleep 0.1 while time < $written_at + 61.5;
take_briefly($api);
is($old_session->query("UPDATE of_old SET name = 'C' WHERE email = 'ada\@acme.com' RETURNING name"),
	'C', 'after a minute: result');
is_deeply([ take_briefly($api) ], [ 'search', patch($ada, '{"name":"C"}') ], 'after a minute the search is believed');
$old_session->quit;

done_testing();
