# Answers that are no page of contacts, although they look like one, and answers without bounds.
#
# What can't be told from "there are no such contacts" must not be taken for it: rows would be missing, unnoticed.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';
my $node = start_node();
my $api = start_api(contacts => 100);
my $json = JSON::PP->new->canonical;

setup_server($node, $api, max_retries => 1);
my $session = PylonSession->new($node);

sub answers
{
	my ($body, %options) = @_;
	api_fault($api, kind => 'status', status => 200, body => $body, %options);
	return;
}

sub reads
{
	my ($sql, $result, $name) = @_;

	is($session->query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	api_clear($api);
	return;
}

sub fails
{
	my ($sql, $sqlstate, $pattern, $name, $requests) = @_;

	fails_with($session, $sql, $sqlstate, $pattern, $name);
	is(scalar(api_take($api)), $requests // 1, "$name: requests");
	api_clear($api);
	return;
}

my %read = (
	'a list' => 'SELECT id FROM contacts',
	'a search' => "SELECT id FROM contacts WHERE email = 'ada\@acme.com'",
	'a look-up' => "SELECT id FROM contacts WHERE id = '$ada'",
	'a lookup join' => "SELECT c.id FROM (VALUES ('ada\@acme.com')) v (email) JOIN contacts c USING (email)");

# ---------------------------------------------------------------- 200 with errors inside

for my $name (sort keys %read)
{
	for my $answer (
		{}, { data => undef }, { pagination => { has_next_page => \0 } },
		{ pagination => { cursor => 'x', has_next_page => \1 } })
	{
		answers({ errors => ['The index is being rebuilt.'], request_id => 'r-77', %$answer });
		fails($read{$name}, '08P01',
			qr/could not read foreign table "contacts": the API answered with an error\nDETAIL:  .*HTTP status 200, "The index is being rebuilt\.", request_id r-77/,
			"$name: 200 with errors and " . join(', ', keys %$answer));
	}
}
for my $errors (['x'], [ { message => 'x' } ], { message => 'x' }, 'x')
{
	my $text = $json->encode([$errors]);
	answers({ errors => $errors, data => [] });
	fails($read{'a list'}, '08P01', qr/It holds errors and no data/, "errors $text and an empty list");
	answers({ errors => $errors, data => [ { id => 'here' } ] });
	reads($read{'a list'}, 'here', "errors $text and contacts");
}
for my $errors ([], {}, '', undef, \0)
{
	answers({ errors => $errors });
	reads($read{'a list'}, '', 'errors ' . $json->encode([$errors]) . ': none, and no contacts');
}
answers({ errors => ['Not today.'] }, match => 'GET /custom-fields');
fails("CREATE SCHEMA i; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO i OPTIONS (custom_fields 'columns')",
	'08P01', qr/"Not today\."/, 'IMPORT: 200 with errors');
answers({ errors => ['Not today.'] }, match => 'GET /me');
fails("SELECT organization FROM pylon_fdw_ping('pylon')", '08P01', qr/"Not today\."/, 'ping: 200 with errors');

# the second page of a list
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD page_size '40')");
answers({ errors => ['The index is being rebuilt.'] }, match => 'GET /contacts?limit=40&cursor');
fails($read{'a list'}, '08P01', qr/The index is being rebuilt/, 'a second page with errors', 2);
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP page_size)');

# ---------------------------------------------------------------- no such contact?

my $look_up = $read{'a look-up'};
for my $body (
	{ errors => ['Contact not found!'], request_id => 'r-1', code => 'not_found' },
	{ errors => ['Kontakt nicht gefunden'] })
{
	api_fault($api, kind => 'status', status => 404, body => $body);
	reads($look_up, '', 'a 404 of the API, ' . $json->encode($body));
}
for my $body (
	'', '<html>Not Found</html>', '{}', '[]', 'null', '{"message":"no Route matched with those values"}',
	'{"errors":[]}', '{"errors":null,"request_id":"r"}',
	'{"errors":"Contact not found!"}', '{"errors":[{"message":"x"}]}',
	'404 page not found', '{"errors":["Contact not found!"')
{
	api_fault($api, kind => 'status', status => 404, body => $body);
	fails($look_up, 'HV000', qr/the API has no such path\nDETAIL:  GET \/contacts\/$ada: HTTP status 404/,
		"a 404 that is not the API's: $body");
}
# A path in base_url that is wrong: the API knows no such contact there, nor anything else.
for my $path ('/v1', '/api/contacts')
{
	setup_server($node, $api, base_url => "$api->{url}$path");
	$session->query('SELECT pylon_fdw_stats_reset()');
	fails($look_up, 'HV000',
		qr/the API has no such path\nDETAIL:  GET $path\/contacts\/$ada: HTTP status 404, "Not found!".*\nHINT:  .*base_url/,
		"base_url with path $path: a look-up", 2);
	fails($read{'a list'}, 'HV000', qr/DETAIL:  GET $path\/contacts\?limit=999: HTTP status 404/,
		"base_url with path $path: a list");
	fails($read{'a search'}, 'HV000', qr/DETAIL:  POST $path\/contacts\/search: HTTP status 404/,
		"base_url with path $path: a search");
	fails("DELETE FROM contacts WHERE id = '$ada'", 'HV000', qr/has no such path/,
		"base_url with path $path: DELETE", 2);
}

# A path in base_url that is right: one request tells, once.
my $proxy = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => 0) // die "no socket: $!";
my $proxy_pid = fork() // die "fork: $!";
if ($proxy_pid == 0)
{
	alarm 120;
	while (my $client = $proxy->accept)
	{
		my $request = <$client>;
		1 while <$client> =~ /[^\r\n]/;
		my ($status, $body) =
		  $request =~ m{^GET /v1/contacts\?} ? (200, '{"data":[]}') : (404, '{"errors":["Contact not found!"]}');
		print $client "HTTP/1.1 $status x\r\nConnection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	}
	POSIX::_exit(0);
}
setup_server($node, 'http://127.0.0.1:' . $proxy->sockport . '/v1');
$session->query('SELECT pylon_fdw_stats_reset()');
for my $requests (2, 3)
{
	reads($look_up, '', 'base_url with a path that is right: a look-up of nobody');
	is($session->query('SELECT requests FROM pylon_fdw_stats()'),
		$requests, 'base_url with a path that is right: requests so far');
}
kill 'KILL', $proxy_pid;
waitpid $proxy_pid, 0;
setup_server($node, $api, max_retries => 1);
api_clear($api);

for my $write ("UPDATE contacts SET name = 'x' WHERE id = '$ada'", "DELETE FROM contacts WHERE id = '$ada'")
{
	my ($verb) = $write =~ /^(\w+)/;
	api_fault($api, kind => 'status', status => 404, body => 'nothing here',
		match => $verb eq 'UPDATE' ? 'PATCH' : 'DELETE');
	fails($write, 'HV000', qr/404, "nothing here"/, "$verb answered with a 404 that is not the API's", 2);
}
is($session->query('SELECT count(*) FROM contacts'), 100, 'nobody was deleted');
api_clear($api);

for my $body ('{}', '{"data":null}', '{"request_id":"r"}', '{"data":[]}', "{\"data\":[{\"id\":\"$ada\"}]}", '{"data":{ }}', '{"data":{},"errors":["x"]}',
	'')
{
	answers($body);
	fails($look_up, '08P01', qr/GET \/contacts\/$ada: HTTP status 200/, "a look-up answered with $body");
}
api_fault($api, kind => 'status', status => 204);
fails($look_up, '08P01', qr/HTTP status 204/, 'a look-up answered with 204');

# An update whose answer has no contact is read back; so it is with that answer.
api_set($api, patch_answer => 'no_data');
api_fault($api, kind => 'status', status => 200, body => '{"request_id":"r"}', match => 'GET', skip => 1);
fails("UPDATE contacts SET name = 'Ada' WHERE id = '$ada'", '08P01',
	qr/GET \/contacts\/$ada: HTTP status 200.*It does not hold the contact/,
	'an update read back without the contact', 3);
# a failure stays one, whatever it holds
api_fault($api, kind => 'status', status => 403, body => $json->encode({ data => { id => $ada, name => 'Adah' } }),
	match => 'GET', skip => 1);
fails("UPDATE contacts SET name = 'Adah' WHERE id = '$ada'", '42501', qr/GET \/contacts\/$ada: HTTP status 403/,
	'an update read back in vain', 3);
api_set($api, patch_answer => 'full');

# A create whose answer has none is done, but nobody can say under which id.
for my $body ('', '{}', '{"data":null}')
{
	api_fault($api, kind => 'status', status => 200, body => $body, match => 'POST /contacts$', when => 'after');
	fails("INSERT INTO contacts (name) VALUES ('New')", '08P01',
		qr/POST \/contacts: HTTP status 200.*It does not hold the new contact.*1 create, 0 updates and 0 deletes were done/,
		"a create answered with '$body'");
}

# ---------------------------------------------------------------- a success by its status alone

# A page to log in, a gateway, a queue: none of these has done anything.  A delete asks whether the object is gone.
my @others = (
	'<html>Log in</html>', 'OK', '[]', '5', '{"data":"deleted"}', '{"data":[]', '{"error":"quota"}', '{}', '{"data":null}',
	'{"data":{"deleted":false},"request_id":"r"}');
for my $body (@others)
{
	answers($body, match => 'DELETE');
	my $text = fails_with($session, "DELETE FROM contacts WHERE id = '$ada'", '08P01', qr/DELETE \/contacts\/$ada: HTTP status 200/,
		"a delete answered with $body");
	is_deeply([ map { /^(\w+)/ } api_take($api) ], [qw(GET DELETE GET)], "a delete answered with $body: requests");
	like($text, qr/0 deletes were done/, "a delete answered with $body: nothing is said to be done");
	like($text, qr/unknown whether Pylon did 1 delete/, "a delete answered with $body: nor not to be");
	api_clear($api);

	my ($made) = $session->query("INSERT INTO contacts (name) VALUES ('Gone') RETURNING id");
	answers($body, match => 'DELETE', when => 'after');
	api_take($api);
	is($session->query("DELETE FROM contacts WHERE id = '$made' RETURNING name"), 'Gone', "a delete that is done, answered with $body");
	is($session->error, '', "a delete that is done, answered with $body: no error");
	is(scalar(api_take($api)), 3, "a delete that is done, answered with $body: requests");
}
is($session->query("SELECT name FROM contacts WHERE id = '$ada'"), 'Adah', 'nobody was deleted');

# Another contact may have been deleted under this one's id: then it doesn't help that there is none with the id.
answers('{"data":{"id":"other"},"request_id":"r"}', match => 'DELETE', when => 'after');
my ($made) = $session->query("INSERT INTO contacts (name) VALUES ('Gone') RETURNING id");
api_take($api);
like(fails_with($session, "DELETE FROM contacts WHERE id = '$made'", '08P01', qr/It holds another contact/,
		'a delete answered with another contact'),
	qr/unknown whether Pylon did 1 delete/, 'a delete answered with another contact: the warning');
is_deeply([ map { /^(\w+)/ } api_take($api) ], [qw(GET DELETE)], 'a delete answered with another contact: requests');
api_clear($api);

# where the API has refused, nothing is to be asked
answers('{"errors":["no"],"request_id":"r"}', match => 'DELETE');
fails("DELETE FROM contacts WHERE id = '$ada'", '08P01', qr/"no"/, 'a delete refused with 200', 2);
# nor does a failure tell that it is gone, whatever it holds
answers('OK', match => 'DELETE');
api_fault($api, kind => 'status', status => 403, body => '{"data":{"id":"other"}}', match => 'GET', skip => 1);
fails("DELETE FROM contacts WHERE id = '$ada'", '08P01', qr/DELETE \/contacts\/$ada/, 'a delete that can\'t be looked after', 3);

# Where a create is not the only one of which nobody knows, all are told.
$session->query('BEGIN');
answers('OK', match => 'POST /contacts$', times => 2);
like(fails_with($session, "INSERT INTO contacts (name, email) VALUES ('One', 'one\@x.example'), ('Two', 'two\@x.example')", '40003',
		qr/one\@x\.example/, 'two creates answered with something else'),
	qr/DETAIL:[^\n]*two\@x\.example/, 'two creates answered with something else: DETAIL');
$session->query('ROLLBACK');
api_clear($api);
for my $body ('', '{"request_id":"r"}', '{"data":null,"request_id":"r"}', "{\"data\":{\"id\":\"$ada\"}}",
	'{"data":null,"request_id":"r","pagination":{"has_next_page":true,"cursor":"\u0000x"}}')
{
	answers($body, match => 'DELETE');
	api_take($api);
	is($session->query("DELETE FROM contacts WHERE id = '$ada' RETURNING id"), $ada, "a delete answered with '$body'");
	is(scalar(api_take($api)), 2, "a delete answered with '$body': requests");
}
for my $body (@others[ 0 .. 5 ])
{
	answers($body, match => 'POST /contacts$');
	my $text = fails_with($session, "INSERT INTO contacts (name, email) VALUES ('New', 'new\@x.example')", '40003',
		qr/new\@x\.example.*POST \/contacts: HTTP status 200.*0 creates, 0 updates and 0 deletes were done/s,
		"a create answered with $body");
	like($text, qr/unknown whether Pylon did 1 create/, "a create answered with $body: the warning");
	answers($body, match => 'PATCH');
	$text = fails_with($session, "UPDATE contacts SET name = 'New' WHERE id = '$ada'", '08P01',
		qr/PATCH \/contacts\/$ada: HTTP status 200.*0 creates, 0 updates and 0 deletes were done/s,
		"an update answered with $body");
	like($text, qr/unknown whether Pylon did 1 update/, "an update answered with $body: the warning");
	like($text, qr/DETAIL:[^\n]*It is unknown whether this was done\. Of this/, "an update answered with $body: DETAIL");
	api_clear($api);
}

# Nor is anything known where the answer can't be read at all.
setup_server($node, $api, max_retries => 1, max_response_size => '1MB');
for my $fault ({ kind => 'no_http' }, { kind => 'huge', bytes => 1_100_000 })
{
	api_fault($api, %$fault, match => 'POST /contacts$');
	like(fails_with($session, "INSERT INTO contacts (name) VALUES ('New')", '40003', qr/POST \/contacts/, "a create answered with $fault->{kind}"),
		qr/unknown whether Pylon did 1 create/, "a create answered with $fault->{kind}: the warning");
	api_clear($api);
}
setup_server($node, $api, max_retries => 1);

# The API's words are told, however many there are.
api_fault($api, kind => 'status', status => 400, body => { errors => [ 'the first', 7, 'the second' ] }, match => 'PATCH');
fails("UPDATE contacts SET name = 'New' WHERE id = '$ada'", '22023', qr/"the first; the second"/, 'several errors', 2);

# Where there was no value before, one that has the same letters and digits is what was sent; any other is a default.
answers('{"data":{"id":"n1","name":"Ada Lovelace"},"request_id":"r"}', match => 'POST /contacts$');
is($session->query("INSERT INTO contacts (name) VALUES ('Ada (Lovelace).') RETURNING name"), 'Ada Lovelace', 'a name without its marks');
is($session->error, '', 'a name without its marks: no error');
answers('{"data":{"id":"n2","name":"Ada Lovelace II"},"request_id":"r"}', match => 'POST /contacts$');
fails_with($session, "INSERT INTO contacts (name) VALUES ('Ada (Lovelace).')", '22023', qr/column "name"/, 'another name');
api_clear($api);

# An external id may be missing in front of others.
answers('{"data":[{"id":"1","name":"n","account":{"id":"a","external_ids":[{"label":"x"},{"external_id":null},{"external_id":"third"}]}}]}');
reads('SELECT account_external_id FROM contacts', 'third', 'external ids of which the first are none');

# ---------------------------------------------------------------- an answer without bounds

answers('{"data":[' . join(',', map { "{\"id\":\"$_\"}" } 1 .. 10_000) . ']}');
reads('SELECT count(*), count(DISTINCT id) FROM contacts', '10000|10000', 'a page of 10,000 contacts');
answers('{"data":[' . join(',', ('{}') x 10_001) . ']}');
fails('SELECT count(*) FROM contacts', '08P01', qr/It holds more than 10000 contacts/, 'a page of 10,001 contacts');

# The backend's own memory, the answer (30 MB) included.
my $peak = q{substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s*(\d+) kB')::int / 1024};
my $before = $session->query("SELECT $peak");
answers('{"data":[' . '{},' x 10_000_000 . '{}]}');
fails('SELECT * FROM contacts', '08P01', qr/It holds more than 10000 contacts/, 'a page of ten million contacts');
cmp_ok($session->query("SELECT $peak") - $before, '<', 150, 'a page of ten million contacts: memory in MB');

# nested as deep as may be, in a member that nobody reads and in one that is shown
for my $member ('unknown', 'external_ids')
{
	for my $depth (256, 257)
	{
		my $nested = '[' x $depth . ']' x $depth;
		answers("{\"data\":[{\"id\":\"1\",\"$member\":$nested}]}");
		if ($depth == 256)
		{
			reads('SELECT id, length(external_ids::text) FROM contacts', $member eq 'unknown' ? '1|' : '1|512',
				"$member, $depth levels");
		}
		else
		{
			fails('SELECT id, external_ids FROM contacts', '08P01', qr/nested more than 256 levels deep/,
				"$member, $depth levels");
		}
	}
}
answers("{\"data\":[{\"id\":\"1\",\"x\":" . '{"a":[' x 200_000);
fails('SELECT id FROM contacts', '08P01', qr/nested more than/, 'nested without end');
answers('{"x":' . '[' x 200_000);
fails($look_up, '08P01', qr/nested more than/, 'nested without end, beside the contact');

# ids that nobody can have: nothing is asked, and there is no row
for my $id ("repeat('x', 2049)", "repeat('x', 1000000)", "repeat(chr(233), 2000)")
{
	reads("SELECT count(*) FROM contacts WHERE id = $id", 0, "id = $id");
	is($session->query("PREPARE p AS SELECT count(*) FROM contacts WHERE id = \$1; EXECUTE p ($id)"),
		0, "id = \$1, $id");
	reads('DEALLOCATE p', '', 'no error');
	reads("UPDATE contacts SET name = 'x' WHERE id = $id; DELETE FROM contacts WHERE id = $id",
		'', "writes by id = $id");
}
api_take($api);
$session->query("SELECT count(*) FROM contacts WHERE id = repeat('x', 2049)");
is_deeply([ api_take($api) ], [], 'an id that is too long: no request');
$session->query("SELECT count(*) FROM contacts WHERE id = repeat('x', 2048)");
is_deeply([ api_take($api) ], [ 'GET /contacts/' . 'x' x 2048 ], 'the longest id that may be');

# cursors
for my $length (8000, 9000, 1_000_000)
{
	answers({ data => [ { id => 'x' } ], pagination => { cursor => 'c' x $length, has_next_page => \1 } });
	if ($length <= 8000)
	{
		fails('SELECT id FROM contacts', 'HV000', qr/invalid cursor/, "a cursor of $length bytes is followed", 2);
	}
	else
	{
		fails('SELECT id FROM contacts', '08P01', qr/Member "cursor" is longer than 8192 bytes/,
			"a cursor of $length bytes");
		answers({ data => [ { id => 'x' } ], pagination => { cursor => 'c' x $length, has_next_page => \0 } });
		reads('SELECT id FROM contacts', 'x', "a cursor of $length bytes that is not to be followed");
	}
}

$session->quit;
done_testing();
