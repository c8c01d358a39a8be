# Creates of a contact that is there already: which refusals say so, who is told its id, and two at once.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';
my $create = 'POST /contacts$';
my $node = start_node();
my $api = start_api(contacts => 10);

setup_server($node, $api, max_concurrent_requests => 8);

# ---------------------------------------------------------------- what is a duplicate

sub refusal
{
	my ($status, %body) = @_;

	api_fault($api, kind => 'status', status => $status, match => $create,
		body => { errors => ['Something is wrong'], request_id => 'r', %body });
	return;
}

my $insert = "INSERT INTO contacts (name, email) VALUES ('New', 'new\@dup.example')";
for my $exists_id ('', undef, 42, {})
{
	my $shown = encode_json([$exists_id]);

	for my $status (400, 409, 422)
	{
		my $sqlstate = $status == 409 ? 'HV000' : '22023';
		refusal($status, exists_id => $exists_id);
		fails_with($node, $insert, $sqlstate, qr/Something is wrong/, "$status with exists_id $shown");
		refusal($status, exists_id => $exists_id);
		fails_with($node, "$insert ON CONFLICT DO NOTHING", $sqlstate, qr/Something is wrong/,
			"$status with exists_id $shown: no conflict to do nothing on");
	}
}
for my $status (400, 409, 422)
{
	refusal($status, exists_id => 'x-1');
	fails_with($node, $insert, '23505', qr/It is contact x-1\./, "$status with exists_id");
	refusal($status, exists_id => 'x-1');
	is($node->safe_psql('postgres', "$insert ON CONFLICT DO NOTHING RETURNING id"),
		'', "$status with exists_id: nothing is done");
}
refusal(403, exists_id => 'x-1');
fails_with($node, $insert, '42501', qr/403/, 'exists_id with another status');

# ---------------------------------------------------------------- a success that holds errors, and no data

for my $data ({}, { data => undef }, { data => {} }, { exists_id => $ada })
{
	my $body = { errors => ['It went wrong'], request_id => 'r', %$data };
	my $name = '200 with errors, ' . JSON::PP->new->canonical->encode($data);

	api_fault($api, kind => 'wrong_shape', match => $create, body => $body);
	my $text = fails_with($node, $insert, '40003', qr/DETAIL:  [^\n]*It went wrong/, "$name: nobody knows");
	like($text, qr/it is unknown whether Pylon did 1 create that was on its way/, "$name: the warning");
	api_fault($api, kind => 'wrong_shape', match => $create, body => $body);
	fails_with($node, "$insert ON CONFLICT DO NOTHING", '40003', qr/It went wrong/, "$name: no duplicate");
	$node->safe_psql('postgres', "DELETE FROM contacts WHERE email = 'new\@dup.example'");
	api_fault($api, kind => 'wrong_shape', match => 'DELETE', body => $body);
	fails_with($node, "DELETE FROM contacts WHERE email = 'alan\@acme.com'", '08P01',
		qr/It went wrong.*holds errors and no data/s, "$name: a DELETE");
}
api_fault($api, kind => 'wrong_shape', match => $create,
	body => { errors => [], request_id => 'r', data => { id => 'x', name => 'New', email => 'new@dup.example' } });
is($node->safe_psql('postgres', "$insert RETURNING id"), 'x', '200 with an empty list of errors is a success');
$node->safe_psql('postgres', "DELETE FROM contacts WHERE email = 'new\@dup.example'");

# ---------------------------------------------------------------- who is told the id

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE writer LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE id_reader LOGIN;
CREATE ROLE owner LOGIN;
GRANT INSERT ON contacts TO writer, reader, id_reader, owner;
GRANT SELECT ON contacts TO reader, owner;
GRANT SELECT (id) ON contacts TO id_reader;
GRANT CREATE ON SCHEMA public TO owner;
SET ROLE owner;
CREATE VIEW through AS SELECT * FROM contacts;
GRANT INSERT ON through TO writer;
SQL
my $again = "INSERT INTO %s (name, email) VALUES ('Ada', 'ada\@acme.com')";
for my $case ([ 'postgres', 'contacts', 1 ], [ 'reader', 'contacts', 1 ], [ 'id_reader', 'contacts', 1 ],
	[ 'writer', 'contacts', 0 ], [ 'owner', 'through', 1 ], [ 'writer', 'through', 0 ])
{
	my ($role, $table, $told) = @$case;
	my $sql = "SET ROLE $role; " . sprintf($again, $table);
	my $text = fails_with($node, $sql, '23505', qr/there is such a contact already/, "$role, $table");

	$told
	  ? like($text, qr/It is contact \Q$ada\E/, "$role, $table: the id")
	  : unlike($text, qr/\Q$ada\E/, "$role, $table: no id");
}
# nor by way of the API's own words, or where these aren't understood
for my $errors ([ "Contact $ada has this address" ], [], [42])
{
	api_fault($api, kind => 'status', status => 400, match => $create,
		body => { errors => $errors, request_id => 'r', exists_id => $ada });
	my $text = fails_with($node, "SET ROLE writer; $insert", '23505', qr/such a contact/, 'the API\'s words quote it');
	unlike($text, qr/\Q$ada\E/, 'the API\'s words quote it: no id');
}

# ---------------------------------------------------------------- a refusal that is cut off

# A server that says so much of an answer, and closes the connection.
sub answers_with
{
	my ($answer, $sql) = @_;
	my $listener = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no socket: $!";
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		while (my $client = $listener->accept)
		{
			my $request = '';
			sysread $client, $request, 4096, length $request while $request !~ /\r\n\r\n\{.*\}$/s;
			print $client $answer;
			close $client;
		}
		POSIX::_exit(0);
	}
	setup_server($node, 'http://127.0.0.1:' . $listener->sockport);
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return $err;
}

for my $case ([ 400, '22023' ], [ 422, '22023' ], [ 403, '42501' ], [ 409, 'HV000' ])
{
	my ($status, $sqlstate) = @$case;
	my $text = answers_with(
		"HTTP/1.1 $status No\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"errors\":[\"cut",
		$insert);

	like($text, qr/ERROR:  $sqlstate:.*HTTP status $status/s,
		"$status whose body is cut off: it is refused all the same");
	unlike($text, qr/unknown whether/, "$status whose body is cut off: and not unknown");
}
like(
	answers_with(
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"data\":{\"id", $insert),
	qr/ERROR:  40003:/,
	'a success whose body is cut off is unknown');
like(answers_with("HTTP/1.1 400 No\r\nContent-Le", $insert), qr/ERROR:  40003:/, 'a head that is cut off is unknown');

# ---------------------------------------------------------------- two of one contact are never on their way together

# An API that looks for duplicates before it stores a contact lets both through when they come together.
setup_server($node, $api, max_concurrent_requests => 8);

# The most creates of a statement that were in flight at a time, each of which takes so many milliseconds.
sub most_of
{
	my ($latency, $rows) = @_;

	api_set($api, write_latency => $latency);
	api_take($api);
	$node->psql('postgres', "INSERT INTO contacts (name, email, external_ids) VALUES $rows");
	api_set($api, write_latency => 0);
	return most_in_flight($api, 'POST') . ' of ' . api_take($api);
}

for my $case (
	[ 'the same address', q|('A', 'one@dup.example', NULL), ('B', 'one@dup.example', NULL)| ],
	[ 'in another case', q|('A', 'two@dup.example', NULL), ('B', 'TWO@Dup.example', NULL)| ],
	[ 'with blanks', q|('A', 'three@dup.example', NULL), ('B', ' three@dup.example ', NULL)| ],
	[ 'in another case beyond ASCII', q|('A', 'é4@dup.example', NULL), ('B', 'É4@dup.example', NULL)| ],
	[
		'the same external id',
		q|('A', 'five@dup.example', '[{"external_id": "x-5", "label": "a"}]'), ('B', 'six@dup.example', '[{"label": "b", "external_id": "X-5"}]')|
	])
{
	my ($name, $rows) = @$case;

	is(most_of(100, $rows), '1 of 2', "$name: one after the other");
}
with_patience('others are on their way together',
	sub {
		my $factor = shift;
		my $found = most_of(
			200 * $factor, qq|('A', 'seven-$factor\@dup.example', '[{"external_id": "x-7-$factor", "label": "a"}]'),
		('B', 'eight-$factor\@dup.example', '[{"external_id": "x-8-$factor", "label": "a"}]'), ('C', NULL, NULL), ('D', NULL, NULL)|
		);
		return $found eq '4 of 4' ? () : $found;
	});

done_testing();
