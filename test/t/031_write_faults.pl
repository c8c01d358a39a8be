# Writes through an API that fails: a create is never sent twice, what is harmless is tried again, and everything that
# remains in Pylon is told.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $ada = '00000000-0000-4000-8000-000000000001';
my $create = 'POST /contacts$';
my $node = start_node();
my $api = start_api(contacts => 10);
my $rows = 0;

# Addresses that nobody has.
sub new_addresses { my $count = shift; return map { 'row' . ++$rows . '@new.example' } 1 .. $count; }

sub insert_of
{
	my (@addresses) = @_;

	return 'INSERT INTO contacts (name, email) VALUES ' . join(', ', map { "('New', '$_')" } @addresses);
}

# How often each of these addresses is in a contact.
sub stored
{
	my (@addresses) = @_;
	my %count = map { $_ => 0 } @addresses;

	for my $line (split /\n/, api_ctl($api, 'contacts'))
	{
		my $email = decode_json($line)->{email};
		$count{$email}++ if defined $email && exists $count{$email};
	}
	return \%count;
}

sub total { my $count = shift; my $sum = 0; $sum += $_ for values %$count; return $sum; }

# How often each of these addresses was sent in a create.
sub sent
{
	my ($addresses, @log) = @_;
	my %count = map { $_ => 0 } @$addresses;

	/^POST \/contacts .*"email":"([^"]+)"/ && $count{$1}++ for @log;
	return \%count;
}

sub most { my $count = shift; my $most = 0; $most = $_ > $most ? $_ : $most for values %$count; return $most; }

# The counts of the warnings, as "creates updates deletes".
sub warnings
{
	my $text = shift;

	return [ map { s/.* Pylon: (\d+) creates?, (\d+) updates? and (\d+) deletes? .*/$1 $2 $3/r }
		  grep { /^(?:psql:\S* )?WARNING:  .*rolled back/ } split /\n/, $text ];
}

# The creates that DETAIL says were done.
sub creates_done { my ($count) = shift =~ /DETAIL:  .*Of this statement, (\d+) creates?/; return $count // 'none'; }

# ---------------------------------------------------------------- a create is never repeated

# Kind of failure; whether the contact is there afterwards.
my @unknown = (
	[ 'closed before',  0, { kind => 'close' } ],
	[ 'closed after',   1, { kind => 'close', when => 'after' } ],
	[ 'reset before',   0, { kind => 'reset' } ],
	[ 'reset after',    1, { kind => 'reset', when => 'after' } ],
	[ 'cut',            1, { kind => 'cut' } ],
	[ '500 before',     0, { kind => 'status', status => 500 } ],
	[ '500 after',      1, { kind => 'status', status => 500, when => 'after' } ],
	[ '502 of gateway', 1, { kind => 'html', when => 'after' } ],
	[ '503 after',      1, { kind => 'status', status => 503, headers => { 'Retry-After' => '0' }, when => 'after' } ],
	[ '504 after',      1, { kind => 'status', status => 504, when => 'after' } ],
	[ 'time-out',       1, { kind => 'slow', delay => 600 } ],
	[ 'a stall',        1, { kind => 'slow', stall => 600 } ]);

for my $case (@unknown)
{
	my ($name, $there, $fault) = @$case;

	setup_server($node, $api, $fault->{kind} eq 'slow' ? (request_timeout => patience_ms($node, 500)) : ());
	for my $before ('', 'SELECT FROM contacts LIMIT 1;')
	{
		my ($address) = new_addresses(1);
		my $connection = $before eq '' ? 'new connection' : 'used connection';

		api_faults($api, { %$fault, match => $create });
		like(fails_with($node, "$before " . insert_of($address), '40003', qr/ERROR:.*\Q$address\E/, "$name, $connection"),
			qr/^SCHEMA NAME:  public\nTABLE NAME:  contacts$/m, "$name, $connection: the table by name");
		is(sent([$address], api_take($api))->{$address}, 1, "$name, $connection: sent once");
		is(stored($address)->{$address}, $there, "$name, $connection: what is there");
	}
}

# An answer that makes no sense is no reason to ask again either.
for my $fault (
	{ kind => 'garbage' }, { kind => 'wrong_shape', body => [] },
	{ kind => 'redirect', location => '/contacts', status => 307 })
{
	my ($address) = new_addresses(1);

	api_faults($api, { %$fault, match => $create, when => 'after' });
	fails_with($node, insert_of($address), $fault->{kind} eq 'redirect' ? '08P01' : '40003', qr/\Q$address\E/,
		"$fault->{kind} in answer to a create");
	is(sent([$address], api_take($api))->{$address}, 1, "$fault->{kind} in answer to a create: sent once");
	is(stored($address)->{$address}, 1, "$fault->{kind} in answer to a create: what is there");
}

# One of several in flight; nothing is sent after it.
for my $fault (
	{ kind => 'close' }, { kind => 'reset', when => 'after' }, { kind => 'status', status => 503, when => 'after' })
{
	my @addresses = new_addresses(12);

	api_faults($api, { %$fault, match => $create, skip => 5 });
	my $text =
	  fails_with($node, insert_of(@addresses), '40003', qr/\@new\.example/, "$fault->{kind} for one of several");
	my $sent = sent(\@addresses, api_take($api));
	my $stored = stored(@addresses);
	my $done = total($stored) - (($fault->{when} // '') eq 'after');

	cmp_ok(most($sent), '<=', 1, "$fault->{kind} for one of several: none is sent twice");
	cmp_ok(most($stored), '<=', 1, "$fault->{kind} for one of several: none is there twice");
	is(total($stored),
		total($sent) - (($fault->{when} // '') ne 'after'),
		"$fault->{kind} for one of several: all others took effect");
	is_deeply(warnings($text), ["$done 0 0"], "$fault->{kind} for one of several: the warning counts what is there");
	is(creates_done($text), $done, "$fault->{kind} for one of several: so does DETAIL");
}

# ---------------------------------------------------------------- what was not sent or not done is tried again

{
	my ($address) = new_addresses(1);
	my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1);
	my $port = $probe->sockport;

	$probe->close;
	setup_server($node, "http://127.0.0.1:$port", max_retries => 20);
	my $session = start_session($node, insert_of($address), 'SELECT rows_created FROM pylon_fdw_stats()');
	sleep 0.4;
	my $late = start_api(contacts => 10, port => $port);
	finish_session($session);
	is($session->{err}, '', 'a refused connection is tried again');
	is($session->{out}, "1\n", 'a refused connection: the create is counted');
	is(sent([$address], api_take($late))->{$address}, 1, 'a refused connection: sent once');
	stop_api($late);

	setup_server($node, "http://127.0.0.1:$port", max_retries => 1);
	fails_with($node, insert_of($address), '08001', qr/\Q$address\E/, 'a connection that is always refused');
}

given (
	$node, $api, { max_retries => 0 },
	{ kind => 'status', status => 429, headers => { 'X-Retry-After' => '1' }, match => $create });
{
	my ($address) = new_addresses(1);

	is($node->safe_psql('postgres', insert_of($address) . ' RETURNING email'), $address, 'a create after 429');
	is(sent([$address], api_take($api))->{$address}, 2, 'a create after 429: sent again');
	is(stored($address)->{$address}, 1, 'a create after 429: there once');
}

given($node, $api, { max_concurrent_requests => 8 });
api_set($api, rate_limit => 5, rate_window => patience($node, 1));
{
	my @addresses = new_addresses(14);
	my ($status, $out, $err) = $node->psql('postgres', insert_of(@addresses));

	is($err, '', 'creates past the rate limit');
	is_deeply(stored(@addresses), { map { $_ => 1 } @addresses }, 'creates past the rate limit: each is there once');
}
api_set($api, rate_limit => 0);

my %harmless = (
	PATCH => "UPDATE contacts SET avatar_url = 'https://a.example/%d.png' WHERE email = 'ada\@acme.com' RETURNING 1",
	DELETE => "DELETE FROM contacts WHERE email = '%s' RETURNING 1");
for my $method ('PATCH', 'DELETE')
{
	for my $fault (
		{ kind => 'status', status => 503 },
		{ kind => 'status', status => 503, when => 'after' },
		{ kind => 'status', status => 429, headers => { 'Retry-After' => '0' } },
		{ kind => 'close', when => 'after' },
		{ kind => 'reset' },
		{ kind => 'cut', when => 'after' },
		{ kind => 'slow', delay => 600 })
	{
		my $name = join ' ', $method, 'after', map { $fault->{$_} // () } 'kind', 'status', 'when';
		my ($address) = new_addresses(1);

		setup_server($node, $api, $fault->{kind} eq 'slow' ? (request_timeout => patience_ms($node, 700)) : ());
		$node->safe_psql('postgres', insert_of($address)) if $method eq 'DELETE';
		api_faults($api, { %$fault, match => $method });
		is($node->safe_psql('postgres', sprintf $harmless{$method}, $method eq 'PATCH' ? ++$rows : $address),
			'1', "$name: done");
		my @sent = grep { s/^($method|GET) .*/$1/ } api_take($api);
		# a DELETE is sent again only where the contact is still there
		my $is_done = ($fault->{when} // '') eq 'after' || $fault->{kind} eq 'slow';
		is("@sent",
			$method eq 'PATCH'
			  || ($fault->{status} // 0) == 429 ? "$method $method" : $is_done ? 'DELETE GET' : 'DELETE GET DELETE',
			"$name: what was sent");
		is(stored($address)->{$address}, 0, "$name: gone") if $method eq 'DELETE';
	}
}

# One that is shown for some time after it was deleted is deleted twice, and counts as done though it isn't found then.
{
	my ($address) = new_addresses(1);

	given($node, $api, {});
	my $id = $node->safe_psql('postgres', insert_of($address) . ' RETURNING id');
	api_faults($api, { kind => 'close', when => 'after', match => 'DELETE' },
		{ kind => 'wrong_shape', match => "GET /contacts/$id", body => { data => { id => $id } } });
	is($node->safe_psql('postgres', sprintf $harmless{DELETE}, $address), '1', 'a deleted contact is shown once more: done');
	is(join(' ', map { /^(DELETE|GET) / } api_take($api)), 'DELETE GET DELETE', 'a deleted contact is shown once more: requests');
	is(stored($address)->{$address}, 0, 'a deleted contact is shown once more: gone');
}

# Where nobody can tell whether it is still there, it isn't sent again.
{
	my $id = $node->safe_psql('postgres', insert_of(new_addresses(1)) . ' RETURNING id');

	for my $body ('', '{"data":{}}')
	{
		given($node, $api, {}, { kind => 'close', match => 'DELETE' },
			{ kind => 'status', status => 200, match => "GET /contacts/$id", skip => 1, body => $body });
		fails_with($node, "DELETE FROM contacts WHERE id = '$id'", '08006', qr/It is unknown whether this was done\./,
			"a delete, and then an answer of '$body'");
		is(join(' ', map { /^(DELETE|GET) / } api_take($api)), 'GET DELETE GET', "a delete, and then an answer of '$body': requests");
	}
}

# Gone before anybody asked: no row.
for my $method ('PATCH', 'DELETE')
{
	my $sql = sprintf $harmless{$method}, $method eq 'PATCH' ? ++$rows : 'grace@acme.com';

	api_faults($api,
		{ kind => 'status', status => 404, match => $method, body => { errors => ['Contact not found!'] } });
	is($node->safe_psql('postgres', $sql), '', "$method answered 404");
	is(scalar(grep { /^$method / } api_take($api)), 1, "$method answered 404: not sent again");
	api_faults($api, { kind => 'status', status => 429, headers => { 'Retry-After' => '0' }, match => $method },
		{ kind => 'status', status => 404, match => $method, body => { errors => ['Contact not found!'] } });
	is($node->safe_psql('postgres', $sql), '', "$method answered 429, then 404: nobody did it");
}

# ---------------------------------------------------------------- an error in the middle of several creates

# Which requests come first is open; which rows are sent is not.
given($node, $api, {});
api_set($api, write_latency => 50);
for my $case (
	[ 422, '22023', qr/HTTP status 422/ ], [ 400, '22023', qr/HTTP status 400/ ], [ 401, '28000', qr/401/ ],
	[ 403, '42501', qr/403/ ])
{
	my ($status, $sqlstate, $pattern) = @$case;
	my @addresses = new_addresses(20);

	api_faults($api, { kind => 'status', status => $status, match => $create, holds => "\"$addresses[9]\"" });
	my $text = fails_with($node, insert_of(@addresses), $sqlstate, $pattern, "$status in the middle");
	my $sent = sent(\@addresses, api_take($api));
	my $stored = stored(@addresses);

	like($text, qr/ERROR:.*\Q$addresses[9]\E/, "$status in the middle: names the row");
	is(total($stored), total($sent) - 1, "$status in the middle: all in flight took effect");
	is_deeply($sent, { map { $addresses[$_] => ($_ < 9 + 4 ? 1 : 0) } 0 .. $#addresses },
		"$status in the middle: no more was sent");
	is(creates_done($text), total($stored), "$status in the middle: DETAIL");
	is_deeply(warnings($text), [ total($stored) . ' 0 0' ], "$status in the middle: the warning");
}
api_set($api, write_latency => 0);

# A duplicate among them, and two failures at once.
{
	my @addresses = new_addresses(12);

	api_faults($api);
	my $text = fails_with($node, insert_of(@addresses[ 0 .. 5 ], 'ada@acme.com', @addresses[ 6 .. 11 ]),
		'23505', qr/\Q$ada\E/, 'a duplicate in the middle');
	is(creates_done($text), total(stored(@addresses)), 'a duplicate in the middle: DETAIL');

	@addresses = new_addresses(12);
	api_faults($api, { kind => 'status', status => 422, match => $create, skip => 4, times => 3 });
	$text = fails_with($node, insert_of(@addresses), '22023', qr/422/, 'several refusals at once');
	is(creates_done($text), total(stored(@addresses)), 'several refusals at once: DETAIL');
	is_deeply(warnings($text), [ total(stored(@addresses)) . ' 0 0' ], 'several refusals at once: the warning');
}

# An update, and a delete; test/t/033_writes_in_flight.pl has more of that.  Four are in flight when the fourth fails.
{
	my @ids = map { $_->{id} } stored_contacts($api);

	api_faults($api, { kind => 'status', status => 422, match => "PATCH /contacts/$ids[3]" });
	my $text = fails_with(
		$node, "UPDATE contacts SET avatar_url = 'https://b.example/b.png'", '22023', qr/update contact \Q$ids[3]\E/,
		'an update in the middle');
	like($text, qr/DETAIL:  .*0 creates, 6 updates and 0 deletes/, 'an update in the middle: DETAIL');
	is_deeply(warnings($text), ['0 6 0'], 'an update in the middle: the warning');
	is(scalar(grep { /^PATCH/ } api_take($api)), 7, 'an update in the middle: no more was sent');

	$node->safe_psql('postgres', insert_of(new_addresses(6)));
	@ids = map { ($_->{email} // '') =~ /^row/ ? $_->{id} : () } stored_contacts($api);
	api_faults($api, { kind => 'status', status => 403, match => "DELETE /contacts/$ids[2]" });
	$text = fails_with(
		$node, "DELETE FROM contacts WHERE email LIKE 'row%'", '42501', qr/delete contact \Q$ids[2]\E/,
		'a delete in the middle');
	is_deeply(warnings($text), ['0 0 5'], 'a delete in the middle: the warning');
}

# ---------------------------------------------------------------- statement_timeout

given($node, $api, {});
my $latency = patience($node, 1.5);
api_set($api, write_latency => int(1000 * $latency));
for my $case ([ 'creates', insert_of(new_addresses(20)), 4 ], [ 'an update', sprintf($harmless{PATCH}, ++$rows), 1 ],
	[ 'COPY', "COPY contacts (name, email) FROM PROGRAM 'seq -f ''n,cancel%g\@x.example'' 20' (FORMAT csv)", 4 ])
{
	my ($what, $sql, $most) = @$case;
	my $session = PylonSession->new($node);

	$session->query('SELECT FROM contacts LIMIT 1; SET statement_timeout = ' . int(200 * $latency));
	api_take($api);
	my $start = time;
	$session->query($sql);
	my $took = time - $start;
	like($session->error, qr/57014/, "cancel of $what: SQLSTATE");
	cmp_ok($took, '<', $latency, "cancel of $what: no answer is waited for");
	$session->query('SET statement_timeout = 0');
	is($session->query("SELECT name FROM contacts WHERE id = '$ada'"),
		'Ada Lovelace', "cancel of $what: the session goes on");
	sleep $latency / 3;
	cmp_ok(scalar(grep { /^(?:POST \/contacts |PATCH)/ } api_take($api)),
		'<=', $most, "cancel of $what: nothing was sent after it");
	$session->quit;
}
api_set($api, write_latency => 0);

# ---------------------------------------------------------------- what nobody knows

# The names in the warning of what is unknown; how many it says there are.
sub unknown
{
	my $text = shift;
	my ($count, $names) =
	  $text =~
	  /WARNING:  [^\n]*it is unknown whether Pylon did ([^\n]*) that (?:was on its|were on their) way\n(?:psql\S* )?DETAIL:  ([^\n]*)/
	  or return 'none';

	return join ' ', $count, sort $names =~ /contact (\S+)/g;
}

sub quoted_names { return join ' ', map { "\"$_\"" } sort @_; }

given($node, $api, {});
api_set($api, write_latency => int(patience($node, 200)));
{
	# One is refused, three that are in flight with it are done although their answers say otherwise.
	my $lost = sub {
		return map { +{ kind => 'status', status => 502, when => 'after', match => $create, holds => $_ } } @_;
	};
	my @addresses = new_addresses(7);
	my $sql = insert_of('ada@acme.com', @addresses);

	api_faults($api, $lost->(@addresses[ 0 .. 2 ]));
	my $text = fails_with($node, $sql, '40003', qr/ERROR:.*\Q$addresses[0]\E/, 'unknown behind a duplicate');
	is(unknown($text), '3 creates ' . quoted_names(@addresses[ 0 .. 2 ]), 'unknown behind a duplicate: the warning');
	like($text,
		qr/DETAIL:  [^\n]*could not insert contact "ada\@acme.com"[^\n]*already[^\n]*\Q$addresses[1]\E[^\n]*\Q$addresses[2]\E[^\n]*Of this statement, 0 creates/,
		'unknown behind a duplicate: DETAIL');
	is(total(stored(@addresses)), 3, 'unknown behind a duplicate: what is there');

	# Whoever handles duplicates doesn't handle this.
	@addresses = new_addresses(7);
	api_faults($api, $lost->(@addresses[ 0 .. 2 ]));
	fails_with($node,
		'DO $$ BEGIN ' . insert_of('ada@acme.com', @addresses) . '; EXCEPTION WHEN unique_violation THEN NULL; END $$',
		'40003', qr/\Q$addresses[0]\E/, 'unknown behind a duplicate, which is handled');
	@addresses = new_addresses(7);
	api_faults($api, $lost->(@addresses[ 0 .. 2 ]));
	my ($status, $out, $err) = $node->psql('postgres',
		'DO $$ BEGIN ' . insert_of('ada@acme.com', @addresses) . '; EXCEPTION WHEN OTHERS THEN NULL; END $$');
	is(unknown($err),
		'3 creates ' . quoted_names(@addresses[ 0 .. 2 ]), 'unknown, and the error is handled: the warning');

	# The first of several.
	@addresses = new_addresses(8);
	api_faults($api, $lost->(@addresses[ 2 .. 5 ]));
	$text = fails_with($node, insert_of(@addresses), '40003', qr/ERROR:.*\Q$addresses[2]\E/, 'several unknown');
	is(unknown($text), '4 creates ' . quoted_names(@addresses[ 2 .. 5 ]), 'several unknown: the warning');
	like($text, qr/DETAIL:  POST [^\n]*\Q$addresses[3]\E[^\n]*\Q$addresses[4]\E[^\n]*\Q$addresses[5]\E/,
		'several unknown: DETAIL names them');
	is(creates_done($text), 2, 'several unknown: those done');
	is_deeply(warnings($text), ['2 0 0'], 'several unknown: the warning of what remains');
	is(total(stored(@addresses)), 6, 'several unknown: what is there');
}
api_set($api, write_latency => 0);

# An answer that makes no sense: the others are counted before the error is raised.
for my $fault ({ kind => 'garbage' }, { kind => 'wrong_shape', body => [] })
{
	my @addresses = new_addresses(3);

	api_set($api, write_latency => int(patience($node, 100)));
	api_faults($api, { %$fault, match => $create, holds => $addresses[1] });
	my $text =
	  fails_with($node, insert_of(@addresses), '40003', qr/\Q$addresses[1]\E/, "$fault->{kind} for one of several");
	is(creates_done($text), 2, "$fault->{kind} for one of several: DETAIL");
	is_deeply(warnings($text), ['2 0 0'], "$fault->{kind} for one of several: the warning");
	like($text, qr/unknown whether Pylon did 1 create/, "$fault->{kind} for one of several: the other one");
	api_set($api, write_latency => 0);
}

# An update or a delete.
for my $method ('PATCH', 'DELETE')
{
	# Writes a contact of its own while the API has these faults.
	my $fails = sub {
		my ($options, $faults, @expected) = @_;
		my $id = $node->safe_psql('postgres', insert_of(new_addresses(1)) . ' RETURNING id');

		given ($node, $api, $options, @$faults);
		return (
			$id,
			fails_with($node, $method eq 'PATCH'
				? "UPDATE contacts SET name = 'Changed' WHERE id = '$id'"
				: "DELETE FROM contacts WHERE id = '$id'", @expected));
	};

	given ($node, $api, {});
	my ($id, $text) = $fails->(
		{ max_retries => 1 }, [ { kind => 'status', status => 502, match => $method, times => 0 } ], '58000',
		qr/It is unknown whether this was done\. Of this statement, 0 creates/, "$method answered 502");
	is(unknown($text), ($method eq 'PATCH' ? '1 update' : '1 delete') . " $id", "$method answered 502: the warning");
	given ($node, $api, {});
	($id, $text) =
	  $fails->({}, [ { kind => 'status', status => 400, match => $method } ], '22023', qr/400/, "$method refused");
	unlike($text, qr/unknown/, "$method refused: that is known");
}

# An update on a used connection that breaks is sent again by libcurl itself, which tells nobody: the first one was done.
{
	my $id = $node->safe_psql('postgres', insert_of(new_addresses(1)) . ' RETURNING id');

	given($node, $api, { max_retries => 0 }, { kind => 'close', when => 'after', match => 'PATCH' },
		{ kind => 'status', status => 400, match => 'PATCH' });
	my $text = fails_with($node, "UPDATE contacts SET name = 'Changed' WHERE id = '$id'", '22023',
		qr/It is unknown whether this was done\./, 'refused the second time');
	is(unknown($text), "1 update $id", 'refused the second time: the warning');
	is(scalar(grep { /^PATCH/ } api_take($api)), 2, 'refused the second time: requests');
}

# Cancelled or terminated while creates are in flight.
given($node, $api, {});
{
	my $slow = sub { return map { +{ kind => 'slow', delay => 600, match => $create, holds => $_ } } @_; };
	my @addresses = new_addresses(8);
	my $session = PylonSession->new($node);

	$session->query("SELECT FROM contacts LIMIT 1; SET statement_timeout = '" . patience_ms($node, 600) . "'");
	api_faults($api, $slow->(@addresses[ 0 .. 2 ]));
	$session->query(insert_of('ada@acme.com', @addresses));
	like($session->error,
		qr/ERROR:  57014.*CONTEXT:  [^\n]*could not insert contact "ada\@acme.com"[^\n]*already exists/s,
		'cancel behind a duplicate: both are told');
	is(unknown($session->error),
		'3 creates ' . quoted_names(@addresses[ 0 .. 2 ]), 'cancel behind a duplicate: the warning');
	is_deeply(warnings($session->error), [], 'cancel behind a duplicate: nothing else');

	@addresses = new_addresses(8);
	api_faults($api, $slow->(@addresses[ 1 .. 3 ]));
	$session->query(
		"INSERT INTO contacts (name, email, custom_fields)
			SELECT 'n', e, CASE WHEN n = 1 THEN '{\"nosuch\": \"x\"}'::jsonb ELSE '{}' END FROM unnest('{"
		  . join(',', @addresses)
		  . "}'::text[]) WITH ORDINALITY u(e, n)");
	like($session->error, qr/ERROR:  57014.*CONTEXT:  [^\n]*the API ignored the value/s,
		'cancel behind an ignored value: both are told');
	is(unknown($session->error),
		'3 creates ' . quoted_names(@addresses[ 1 .. 3 ]), 'cancel behind an ignored value: the warning');
	is_deeply(warnings($session->error), ['1 0 0'], 'cancel behind an ignored value: what remains');

	api_faults($api, { kind => 'slow', delay => 600, match => 'PATCH' });
	$session->query("UPDATE contacts SET name = 'Slow' WHERE id = '$ada'");
	is(unknown($session->error), "1 update $ada", 'cancel of an update: the warning');

	# Those that have their answer are known.  (The first request on a new connection shows whether it takes several.)
	$session->query('SELECT FROM contacts LIMIT 1');
	@addresses = new_addresses(4);
	api_faults($api, $slow->($addresses[0]));
	$session->query(insert_of(@addresses));
	is(unknown($session->error), "1 create \"$addresses[0]\"", 'cancel of the first: one is unknown');
	is_deeply(warnings($session->error), ['3 0 0'], 'cancel of the first: the others are done');
	$session->query('SET statement_timeout = 0');

	@addresses = new_addresses(9);
	my $pid = $session->pid;
	my $from = -s $node->logfile;
	api_faults($api, $slow->(@addresses[ 2 .. 5 ]));
	$session->begin(insert_of(@addresses));
	# the sixth is sent when the first two have been answered
	wait_for_requests($api, 6);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)");
	my $log = substr slurp_file($node->logfile), $from;
	like($log, qr/2 creates, 0 updates and 0 deletes of contacts remain/, 'termination: what remains is logged');
	like($log, qr/unknown whether Pylon did 4 creates/, 'termination: what is unknown is logged');
	eval { $session->result };
}

# ---------------------------------------------------------------- the row that failed, and the count of the whole statement

given($node, $api, {});
{
	my $bad = sub {
		my ($expression, $column, $count, $at) = @_;
		return
			"INSERT INTO contacts (name, email, custom_fields) SELECT "
		  . ($column eq 'name' ? "CASE WHEN i = $at THEN NULL ELSE 'n' END" : "'n'")
		  . ", 'r' || i || '_"
		  . ++$rows
		  . "\@bad.example', "
		  . ($column eq 'name' ? "'{}'" : "CASE WHEN i = $at THEN '$expression'::jsonb ELSE '{}' END")
		  . " FROM generate_series(1, $count) i";
	};

	my $text = fails_with(
		$node, $bad->('{"nosuch": "1"}', 'custom_fields', 8, 3), '22023',
		qr/DETAIL:  Custom field "nosuch"\. The new contact has id "[-0-9a-f]{36}"\. Of this statement, 6 creates.*CONTEXT:  insert contact "r3_\d+\@bad\.example"/s,
		'an ignored value in the middle');
	is_deeply(warnings($text), ['6 0 0'], 'an ignored value in the middle: the warning');
	for my $case ([ '', 'name', '23502' ], [ '{"tier": {}}', 'custom_fields', '22023' ])
	{
		$text = fails_with(
			$node, $bad->(@$case[ 0, 1 ], 80, 70), $case->[2],
			qr/Of this statement, 64 creates.*CONTEXT:  insert contact "r70_\d+\@bad\.example"/s,
			"$case->[1] of a later row");
		is_deeply(warnings($text), ['64 0 0'], "$case->[1] of a later row: the warning");
	}
	my $narrow = 'CREATE FOREIGN TABLE narrow (id text, name text, email text, portal_role varchar(3)) SERVER pylon';
	$node->safe_psql('postgres', $narrow);
	$text = fails_with(
		$node, "INSERT INTO narrow (name, email) VALUES ('n', 'narrow\@x.example') RETURNING portal_role", '22001',
		qr/DETAIL:  Of this statement, 1 create,.*CONTEXT:  .*insert contact "narrow\@x\.example"/s,
		'an answer that does not fit');
	is($node->safe_psql('postgres', "INSERT INTO narrow (name) VALUES ('n'), ('m')"),
		'', 'what is not asked for need not fit');

	$text = fails_with(
		$node, "WITH u AS (UPDATE contacts SET avatar_url = 'https://w.example/"
		  . ++$rows
		  . ".png' WHERE id = '$ada' RETURNING 1)
		INSERT INTO narrow (name, email) SELECT 'x', 'ada\@acme.com' FROM u", '23505',
		qr/Of this statement, 0 creates, 1 update and 0 deletes were done/, 'two tables in a statement');
	is_deeply(warnings($text), ['0 1 0'], 'two tables in a statement: the warning');
	unlike($text, qr/\.\. /, 'two tables in a statement: full stops');
}

# ---------------------------------------------------------------- rollback

given($node, $api, {});
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 2');
$node->restart;
$node->safe_psql('postgres', 'CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
{
	my $session = PylonSession->new($node);
	my $update =
	  sub { return 'UPDATE contacts SET avatar_url = \'https://c.example/' . ++$rows . ".png' WHERE id = '$ada'"; };
	my $insert = sub { return insert_of(new_addresses(shift // 1)); };
	my $delete =
	  sub { return 'DELETE FROM contacts WHERE email = (SELECT min(email) FROM contacts WHERE email LIKE \'row%\')'; };

	# Checks what warnings each of the statements gives.
	my $warns = sub {
		my ($name, @steps) = @_;
		while (my ($sql, $warnings) = splice @steps, 0, 2)
		{
			$session->query($sql);
			is_deeply(warnings($session->error), $warnings, "$name: " . substr $sql, 0, 30) or diag($session->error);
		}
		return;
	};

	$warns->('committed at once', $insert->(3), [], $update->(), [], $delete->(), []);
	$warns->('COMMIT', 'BEGIN', [], $insert->(2), [], 'COMMIT', [], 'BEGIN', [], 'SELECT 1', [], 'ROLLBACK', []);
	$warns->('ROLLBACK', 'BEGIN', [], $insert->(3), [], $update->(), [], $update->(), [], $delete->(), [], 'ROLLBACK',
		['3 2 1'], 'BEGIN', [], 'ROLLBACK', []);
	$warns->('nothing changed', 'BEGIN', [], "UPDATE contacts SET name = name WHERE id = '$ada'", [], 'ROLLBACK', []);
	$warns->('dry_run', 'SET pylon_fdw.dry_run = on',
		[], 'BEGIN', [], $insert->(), [], 'ROLLBACK', [], 'RESET pylon_fdw.dry_run', []);
	$warns->('ROLLBACK TO, COMMIT', 'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $insert->(2), [], 'ROLLBACK TO a',
		['2 0 0'], 'ROLLBACK TO a', [], 'COMMIT', []);
	$warns->('ROLLBACK TO, ROLLBACK', 'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $update->(), [], 'ROLLBACK TO a',
		['0 1 0'], $insert->(), [], 'RELEASE a', [], 'ROLLBACK', ['2 0 0']);
	$warns->('savepoint in savepoint', 'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $insert->(),
		[], 'SAVEPOINT b', [], $insert->(2), [], 'RELEASE b', [], 'SAVEPOINT c', [], $update->(), [], 'RELEASE c',
		[], 'ROLLBACK TO a', ['3 1 0'], 'ROLLBACK', ['1 0 0']);
	$warns->('released without a write outside', 'BEGIN; SAVEPOINT a; SAVEPOINT b',
		[], $insert->(), [], 'RELEASE b', [], 'RELEASE a', [], 'SAVEPOINT d', [], 'ROLLBACK TO d',
		[], 'ROLLBACK', ['1 0 0']);
	$warns->('released, committed', 'BEGIN; SAVEPOINT a',
		[], $insert->(), [], 'RELEASE a', [], 'COMMIT', [], 'BEGIN; ROLLBACK', []);
	$warns->('an error later', 'BEGIN', [], $insert->(), [], 'SELECT 1 / 0', ['1 0 0'], 'ROLLBACK', []);
	$warns->('an error in a savepoint',
		'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $insert->(), [], 'SELECT 1 / 0', ['1 0 0'], 'ROLLBACK TO a',
		[], 'COMMIT', []);
	$warns->('EXCEPTION', 'DO $$ BEGIN '
		  . $insert->()
		  . '; BEGIN '
		  . $insert->(2) . '; '
		  . $update->()
		  . "; RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN NULL; END; END \$\$", ['2 1 0'], 'BEGIN; ROLLBACK', []);
	$warns->('EXCEPTION twice',
		'DO $$ BEGIN FOR i IN 1..2 LOOP BEGIN UPDATE contacts SET avatar_url = \'https://d.example/\' || i || '
		  . '\'.png\' WHERE id = \''
		  . $ada
		  . "'; RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END \$\$", [ '0 1 0', '0 1 0' ]);
	$warns->('at COMMIT', 'BEGIN', [], $insert->(), [], 'INSERT INTO child VALUES (1)', [], 'COMMIT', ['1 0 0']);

	# Open savepoints end with the transaction; every write is told, and told once.
	$session->query('BEGIN');
	$session->query($insert->());
	$session->query('SAVEPOINT a');
	$session->query($insert->(2));
	$session->query('ROLLBACK');
	is_deeply(warnings($session->error), ['3 0 0'], 'ROLLBACK with a savepoint open: one warning');
	$warns->('ROLLBACK with savepoints open',
		'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $insert->(), [], 'SAVEPOINT b', [], $insert->(), [],
		'ROLLBACK', ['3 0 0']);
	$warns->('ROLLBACK TO over levels',
		'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $insert->(), [], 'SAVEPOINT b', [], $insert->(), [],
		'ROLLBACK TO a', ['2 0 0'], $insert->(), [], 'ROLLBACK', ['2 0 0']);
	$warns->('an error in a savepoint, ROLLBACK',
		'BEGIN', [], $insert->(), [], 'SAVEPOINT a', [], $insert->(), [], 'SELECT 1 / 0', ['1 0 0'], 'ROLLBACK',
		['1 0 0']);
	$warns->('PREPARE', 'BEGIN', [], $insert->(), [], "PREPARE TRANSACTION 'y'", ['1 0 0'], 'ROLLBACK', []);
	like(
		fails_with(
			$node, 'BEGIN; ' . $insert->() . "; PREPARE TRANSACTION 'y'", '0A000', qr/cannot PREPARE/, 'PREPARE'),
		qr/1 create,/, 'PREPARE: the warning');

	# Some of a statement's rows, before it fails for a reason of its own.
	my $before = total(stored(map { "mid$_\@x.example" } 1 .. 300));
	$session->query(
		"INSERT INTO contacts (name, email) SELECT 'n' || 1 / (200 - i), 'mid' || i || '\@x.example'
			FROM generate_series(1, 300) i"
	);
	like($session->error, qr/22012/, 'division by zero in mid-statement');
	my $there = total(stored(map { "mid$_\@x.example" } 1 .. 300)) - $before;
	is_deeply(warnings($session->error), $there ? ["$there 0 0"] : [],
		'division by zero in mid-statement: the warning');
	$session->quit;
}

# ---------------------------------------------------------------- SQLSTATEs

given($node, $api, { max_retries => 1, max_retry_wait => '10s' });
my ($other) = new_addresses(1);
my $refused = sub {
	my ($fault, $sql, $sqlstate, $pattern, $name) = @_;
	api_faults($api, $fault);
	return fails_with($node, $sql, $sqlstate, $pattern, $name);
};
my $patch = sprintf $harmless{PATCH}, ++$rows;

$refused->({ kind => 'status', status => 429, headers => { 'X-Retry-After' => '30' }, match => $create },
	insert_of($other), '53400', qr/429/, '429 for long, create');
$refused->({ kind => 'status', status => 429, headers => { 'X-Retry-After' => '30' }, match => 'PATCH' },
	$patch, '53400', qr/429/, '429 for long, update');
is(stored($other)->{$other}, 0, '429 for long: not created');
$refused->({ kind => 'status', status => 503, match => 'PATCH', times => 0 },
	$patch, '58000', qr/PATCH \/contacts\/\Q$ada\E.*503/, '503 again and again');
is(scalar(grep { /^PATCH/ } api_take($api)), 2, '503 again and again: tried twice');
$refused->({ kind => 'reset', match => 'PATCH', times => 0 },
	$patch, '08006', qr/PATCH \/contacts\/\Q$ada\E.*\nSCHEMA NAME:  public\nTABLE NAME:  contacts\n/s, 'reset again and again');
$refused->({
		kind => 'status', status => 422, match => 'PATCH',
		body => { errors => ['no such thing'], request_id => 'req-5' }
	}, $patch, '22023', qr/no such thing.*req-5/, '422');
$refused->({ kind => 'status', status => 400, match => 'DELETE' },
	"DELETE FROM contacts WHERE id = '$ada'", '22023', qr/DELETE.*400/, '400 on a delete');
$refused->({ kind => 'status', status => 401, match => 'PATCH' }, $patch, '28000', qr/401/, '401');
$refused->({ kind => 'status', status => 403, match => 'PATCH' }, $patch, '42501', qr/403/, '403');
api_faults($api);
fails_with($node, 'INSERT INTO contacts (name, avatar_url) VALUES (\'x\', \'nonsense\')',
	'22023', qr/avatar_url/, 'refused by the API');
fails_with($node, "UPDATE contacts SET email = 'nonsense' WHERE id = '$ada'", '22023', qr/not an e-mail address/,
	'refused by the API in an update');

setup_server($node, $api, token => 'wrong');
fails_with($node, insert_of($other), '28000', qr/401/, 'a wrong token');
$node->safe_psql('postgres', 'DROP USER MAPPING FOR PUBLIC SERVER pylon');
api_faults($api);
fails_with($node, insert_of($other), '28000', qr/no API token/, 'no token');
is_deeply([ api_take($api) ], [], 'no token: no request');

done_testing();
