# An API that fails where accounts are read and written: each kind of fault on each way to ask, with the SQLSTATE, the
# requests and the rows that contacts have (003, 031, 060 and 061 have them in full).  What is said speaks of accounts.

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
my $api = start_api(contacts => 100, accounts => 100);
my $json = JSON::PP->new->canonical;
my ($session, $new) = (undef, 0);

# A new session at an API that fails so.
sub start_over
{
	my ($options, @faults) = @_;

	$session->quit if $session;
	setup_server($node, $api, max_retries => 1, %{ $options // {} });
	$node->safe_psql('postgres', 'CREATE TABLE IF NOT EXISTS plans AS SELECT * FROM (VALUES (\'acme.com\', 1), (\'globex.com\', 2), (\'nobody.example\', 3)) v (domain, n);
		ANALYZE plans');
	$session = PylonSession->new($node);
	api_faults($api, @faults);
	return;
}

sub status { my ($status, %rest) = @_; return { kind => 'status', status => $status, %rest }; }

# What the error says, and that it is about accounts.
sub fails
{
	my ($sql, $sqlstate, $pattern, $name, $requests) = @_;
	my $text = fails_with($session, $sql, $sqlstate, $pattern, $name);

	unlike($text, qr/contact/i, "$name: no word of contacts");
	is(scalar(api_take($api)), $requests, "$name: requests") if defined $requests;
	api_clear($api);
	return $text;
}

sub gives
{
	my ($sql, $result, $name, $requests) = @_;

	is($session->query($sql), $result, "$name: result");
	is($session->error, '', "$name: nothing is said");
	is(scalar(api_take($api)), $requests, "$name: requests") if defined $requests;
	is(api_ctl($api, 'faults'), "[]\n", "$name: the faults have happened");
	api_clear($api);
	return;
}

# ---------------------------------------------------------------- reading

# Statement, what it gives, the path that it asks, and how often.
my %ask = (
	list => [ 'SELECT count(*) FROM accounts', 100, 'GET /accounts?limit=999', 1 ],
	search => [ "SELECT id FROM accounts WHERE name = 'Acme'", $acme, 'POST /accounts/search', 1 ],
	'look-up' => [ "SELECT name FROM accounts WHERE id = '$acme'", 'Acme', "GET /accounts/$acme", 1 ],
	join => [ 'SELECT n, name FROM plans p JOIN accounts a ON a.primary_domain = p.domain ORDER BY 1', "1|Acme\n2|Globex", 'POST /accounts/search', 1 ],
	join_of_both => [ "SELECT c.email, a.name FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE c.email = 'ada\@acme.com'", 'ada@acme.com|Acme', 'POST /accounts/search', 2 ],
	analyze => [ 'ANALYZE accounts', '', 'GET /accounts?limit=999', 1 ]);

# Failures that pass: asked again, the rows are right.
for my $fault (status(503), { kind => 'html' }, { kind => 'cut' }, { kind => 'reset' }, { kind => 'close' },
	status(429, headers => { 'X-Retry-After' => '0' }), status(500, headers => { 'Retry-After' => '0' }))
{
	for my $verb (sort keys %ask)
	{
		my ($sql, $result, $path, $requests) = @{ $ask{$verb} };

		start_over({}, { %$fault, match => $path });
		gives($sql, $result, join(' ', "$verb:", map { $fault->{$_} // () } qw(kind status)), $requests + 1);
	}
}

# Failures that stay.
my @stay = (
	[ '503' => status(503), '58000', qr/503/, 2 ],
	[ '500 with words' => status(500, body => { errors => ['it broke'], request_id => 'req-77' }), '58000', qr/it broke.*req-77/, 2 ],
	[ 'a gateway' => { kind => 'html' }, '58000', qr/502/, 2 ],
	(map { [ $_ => { kind => $_ }, '08006', qr/connection/, 2 ] } qw(cut reset close)),
	[ 'the rate limit' => status(429, headers => { 'X-Retry-After' => '300' }), '53400', qr/max_retry_wait/, 1 ],
	[ 'a redirect' => { kind => 'redirect', location => 'http://127.0.0.1:1/accounts' }, '08P01', qr/redirect/, 1 ],
	[ 'no HTTP' => { kind => 'no_http' }, '08P01', qr/HTTP|Invalid status line/, 1 ],
	[ 'no JSON' => { kind => 'garbage' }, '08P01', qr/./, 1 ],
	[ 'nothing' => { kind => 'wrong_shape', body => '' }, '08P01', qr/./, 1 ],
	[ 'null' => { kind => 'wrong_shape', body => 'null' }, '08P01', qr/./, 1 ],
	[ 'an account that is a number' => { kind => 'wrong_shape', body => '{"data":[1]}' }, '08P01', qr/./, 1 ],
	[ 'errors inside' => { kind => 'wrong_shape', body => '{"errors":["The index is being rebuilt."],"request_id":"r-7"}' }, '08P01',
		qr/the API answered with an error\nDETAIL:  .*"The index is being rebuilt\.", request_id r-7/, 1 ],
	[ 'nested without end' => { kind => 'wrong_shape', body => '{"data":[{"id":' . '[' x 100_000 }, '08P01',
		qr/nested more than 256 levels deep|Member "data"/, 1 ],
	[ 'too large' => { kind => 'huge', bytes => 1_100_000 }, '08P01', qr/max_response_size/, 1 ],
	[ 'a wrong token' => status(401, body => { errors => ['Invalid API token!'] }), '28000', qr/Invalid API token!/, 1 ],
	[ 'no permission' => status(403), '42501', qr/403/, 1 ],
	[ 'no such path' => status(404, body => 'nothing here'), 'HV000', qr/the API has no such path/, 1 ]);
for my $case (@stay)
{
	my ($name, $fault, $sqlstate, $pattern, $tries) = @$case;

	start_over({ max_response_size => '1MB' });
	for my $verb (sort keys %ask)
	{
		my ($sql, undef, $path, $requests) = @{ $ask{$verb} };

		api_faults($api, { %$fault, match => $path, times => 0 });
		# what breaks on a connection that has been used before is tried once more
		my $is_used = $sqlstate eq '08006' && $verb eq 'join_of_both';
		my $text = fails($sql, $sqlstate, $pattern, "$verb: $name", $is_used ? undef : $requests - 1 + $tries);
		like($text, qr/could not (?:read|analyze) foreign table "accounts"/, "$verb: $name: which table");
		like($text, qr/\Q$path\E/, "$verb: $name: which path");
		is(scalar($text =~ /HINT: .*"page_size"/), $verb eq 'look-up' ? '' : 1, "$verb: $name: smaller pages help")
		  if $name eq 'too large';
	}
}
start_over();
for my $case ([ bad_utf8 => '22021' ], [ nul_escape => '22P05' ])
{
	my ($kind, $sqlstate) = @$case;
	for my $verb (qw(list search look-up))
	{
		my ($sql, undef, $path) = @{ $ask{$verb} };
		api_faults($api, { kind => $kind, match => $path });
		fails($sql =~ s{^SELECT \S+}{SELECT max(name)}r, $sqlstate, qr/./, "$verb: $kind", 1);
	}
}
start_over({ max_retries => 0, request_timeout => patience_ms($node, 500) }, { kind => 'slow', delay => 600, match => 'GET /accounts', times => 0 });
fails($ask{list}[0], '08006', qr/request_timeout/, 'a list: no answer', 1);
start_over({ page_size => 30 }, { kind => 'repeat_cursor', match => 'GET /accounts', skip => 1 });
fails($ask{list}[0], '08P01', qr/cursor/, 'a cursor that comes again', 2);

# A search that is refused is done without: the rows are right, and it is said of which table.
start_over({}, status(400, body => { errors => ['no such operator'] }, match => 'POST /accounts/search', times => 0));
is($session->query($ask{search}[0]), $acme, 'a search that is refused: rows');
like($session->error, qr/WARNING: .*refused a condition on foreign table "accounts".*\n.*no such operator/, 'a search that is refused: warning');
unlike($session->error, qr/contact/i, 'a search that is refused: no word of contacts');
api_clear($api);
gives($ask{join}[0], $ask{join}[1], 'a join, then');

# ---------------------------------------------------------------- hollow pages

my @pages = map { s/contacts/accounts/r } list_requests(limit => 30, contacts => 100);
my $sum = 'SELECT count(*), count(DISTINCT id) FROM accounts';

start_over({ page_size => 30 });
for my $n (0 .. $#pages)
{
	for my $shape ({}, { data => 'null' }, { data => 'absent', times => 2 }, { data => 'kept', cursor => 'null' })
	{
		api_faults($api, { kind => 'hollow', match => "$pages[$n]\$", %$shape });
		gives($sum, '100|100', "page $n is hollow", @pages + ($shape->{times} // 1));
	}
}
api_faults($api, { kind => 'hollow', match => "$pages[1]\$", times => 0 });
fails($sum, '08P01', qr/could not read foreign table "accounts": a page that announces another one is empty.*tries: 4/s, 'hollow for ever', 5);
api_faults($api, { kind => 'hollow', match => "$pages[1]\$" });
gives('ANALYZE accounts', '', 'ANALYZE', 5);
is($session->query("SELECT reltuples FROM pg_class WHERE oid = 'accounts'::regclass"), 100, 'ANALYZE: all of them');
for my $verb (qw(search join join_of_both))
{
	my ($sql, $result, $path, $requests) = @{ $ask{$verb} };
	api_faults($api, { kind => 'hollow', match => $path });
	gives($sql, $result, "$verb is hollow", $requests + 1);
}
# whoever is there isn't created again
api_faults($api, { kind => 'hollow', match => 'POST /accounts/search' });
gives("INSERT INTO accounts (name, domains) SELECT 'Twice', ARRAY[domain] FROM plans p
	WHERE domain NOT LIKE 'nobody%' AND NOT EXISTS (SELECT FROM accounts a WHERE a.primary_domain = p.domain)", '', 'INSERT of those that are not there', 2);
api_set($api, short_pages => 5);
api_faults($api, { kind => 'hollow', match => 'GET /custom-fields?object_type=account', skip => 1 });
gives("CREATE SCHEMA fields; IMPORT FOREIGN SCHEMA pylon LIMIT TO (accounts) FROM SERVER pylon INTO fields OPTIONS (custom_fields 'columns')", '',
	'IMPORT', 4);
is($session->query("SELECT count(*) FROM pg_attribute WHERE attrelid = 'fields.accounts'::regclass AND attnum > 0"), 17 + 13, 'IMPORT: all columns');
api_set($api, short_pages => 0);
$session->query('DROP SCHEMA fields CASCADE');

# ---------------------------------------------------------------- odd answers

start_over();
api_faults($api, status(404, body => { errors => ['Account not found!'], request_id => 'r-1' }, match => 'GET /accounts/'));
gives($ask{'look-up'}[0], '', 'an account that is not there', 1);
for my $body ('{}', '{"data":null}', '{"data":[]}', '{"data":{},"errors":["x"]}')
{
	api_faults($api, status(200, body => $body, match => 'GET /accounts/'));
	fails($ask{'look-up'}[0], '08P01', qr/GET \/accounts\/$acme: HTTP status 200/, "a look-up answered with $body", 1);
}
api_faults($api, status(204, match => 'GET /accounts/'));
fails($ask{'look-up'}[0], '08P01', qr/HTTP status 204/, 'a look-up answered with 204', 1);
api_faults($api, status(200, body => { data => { id => $globex, name => 'Globex' } }, match => 'GET /accounts/'));
gives($ask{'look-up'}[0], '', 'a look-up that finds another account', 1);
api_faults($api, status(200, body => '{"data":[' . join(',', map { "{\"id\":\"$_\"}" } 1 .. 10_000) . ']}'));
gives('SELECT count(*), count(DISTINCT id) FROM accounts', '10000|10000', 'a page of 10,000 accounts', 1);
api_faults($api, status(200, body => '{"data":[' . join(',', ('{}') x 10_001) . ']}'));
fails('SELECT count(*) FROM accounts', '08P01', qr/It holds more than 10000 accounts/, 'a page of 10,001 accounts', 1);
api_set($api, patch_answer => 'no_data');
api_faults($api, status(200, body => '{"request_id":"r"}', match => 'GET', skip => 1));
fails("UPDATE accounts SET name = 'Acme' || '!' WHERE id = '$acme'", '08P01',
	qr/GET \/accounts\/$acme: HTTP status 200.*It does not hold the account/, 'an update read back without the account', 3);
api_set($api, patch_answer => 'full');
api_ctl($api, 'reset', 'contacts=100', 'accounts=100');

# ---------------------------------------------------------------- creates

sub new_domains { my $count = shift; return map { 'row' . ++$new . '.example' } 1 .. $count; }

sub insert_of { return 'INSERT INTO accounts (name, primary_domain) VALUES ' . join ', ', map { "('of $_', '$_')" } @_; }

# How many of these are there.
sub stored
{
	my %there = map { (decode_json($_)->{primary_domain} // '') => 1 } split /\n/, api_ctl($api, 'accounts');

	return scalar grep { $there{$_} } @_;
}

# What is unknown, as "3 creates" and the names.
sub unknown
{
	my $text = shift;
	my ($count, $names) = $text =~ /it is unknown whether Pylon did ([^\n]*) that (?:was on its|were on their) way\n(?:psql\S* )?DETAIL:  ([^\n]*)/
	  or return 'none';

	return join ' ', $count, sort $names =~ /account ("[^"]*"|\S+)/g;
}

my $create = 'POST /accounts$';

# Kind of failure; whether the account is there afterwards.
for my $case (
	[ 'closed before', 0, { kind => 'close' } ], [ 'closed after', 1, { kind => 'close', when => 'after' } ],
	[ 'reset after', 1, { kind => 'reset', when => 'after' } ], [ 'cut', 1, { kind => 'cut' } ], [ '500 before', 0, status(500) ],
	[ '502 of a gateway', 1, { kind => 'html', when => 'after' } ],
	[ '503 after', 1, status(503, headers => { 'Retry-After' => '0' }, when => 'after') ], [ '504 after', 1, status(504, when => 'after') ],
	[ 'no JSON', 1, { kind => 'garbage', when => 'after' } ], [ 'wrong shape', 1, { kind => 'wrong_shape', body => [], when => 'after' } ],
	[ 'errors inside', 1, { kind => 'wrong_shape', body => { errors => ['x'] }, when => 'after' } ],
	[ 'time-out', 1, { kind => 'slow', delay => 600 } ])
{
	my ($name, $there, $fault) = @$case;
	my ($domain) = new_domains(1);

	start_over($fault->{kind} eq 'slow' ? { request_timeout => patience_ms($node, 500) } : {}, { %$fault, match => $create });
	fails_with($session, insert_of($domain), '(?:40003|08P01)', qr/insert account "of \Q$domain\E" into foreign table "accounts"/, $name);
	unlike($session->error, qr/contact/i, "$name: no word of contacts");
	is(scalar(grep { /^POST/ } api_take($api)), 1, "$name: sent once");
	is(stored($domain), $there, "$name: what is there");
}

# One of several in flight.
for my $case ([ 422, '22023' ], [ 400, '22023' ], [ 401, '28000' ], [ 403, '42501' ])
{
	my ($status, $sqlstate) = @$case;
	my @domains = new_domains(20);

	start_over({}, status($status, match => $create, holds => "\"$domains[9]\""));
	api_set($api, write_latency => 20);
	my $text = fails(insert_of(@domains), $sqlstate, qr/insert account "of \Q$domains[9]\E"/, "$status in the middle");
	my $there = stored(@domains);
	like($text, qr/Of this statement, $there creates/, "$status in the middle: DETAIL");
	like($text, qr/$there creates, 0 updates and 0 deletes of accounts remain/, "$status in the middle: what remains");
	api_set($api, write_latency => 0);
}
start_over();
api_set($api, write_latency => int patience($node, 200));
{
	# One is refused, three that are in flight with it are done although their answers say otherwise.
	my @domains = new_domains(7);
	api_faults($api, map { status(502, when => 'after', match => $create, holds => "\"$_\"") } @domains[ 0 .. 2 ]);
	my $text = fails(insert_of('acme.com', @domains), '40003', qr/ERROR:.*\Q$domains[0]\E/, 'unknown behind a duplicate');
	like(unknown($text), qr/^3 creates .*$domains[0].*$domains[1].*$domains[2]/, 'unknown behind a duplicate: the warning');
	is(stored(@domains), 3, 'unknown behind a duplicate: what is there');

	@domains = new_domains(6);
	api_faults($api, map { +{ kind => 'slow', delay => 600, match => $create, holds => "\"$_\"" } } @domains[ 0 .. 2 ]);
	$session->query("SET statement_timeout = '" . patience_ms($node, 600) . "'");
	$text = fails(insert_of(@domains), '57014', qr/statement timeout/, 'a time-out while creates are in flight');
	like(unknown($text), qr/^3 creates /, 'a time-out while creates are in flight: what is unknown');
	$session->query('RESET statement_timeout');
}
api_set($api, write_latency => 0);

# ---------------------------------------------------------------- updates

my $update = "UPDATE accounts SET tags = ARRAY['%d'] WHERE id = '$acme' RETURNING 1";
for my $fault (
	status(503), status(503, when => 'after'), status(429, headers => { 'Retry-After' => '0' }), { kind => 'close', when => 'after' }, { kind => 'reset' },
	{ kind => 'cut', when => 'after' })
{
	start_over({}, { %$fault, match => 'PATCH' });
	gives(sprintf($update, ++$new), 1, join(' ', 'PATCH after', map { $fault->{$_} // () } qw(kind status when)), 3);
}
for my $case (
	[ status(503), '58000', qr/PATCH \/accounts\/$acme.*503.*It is unknown whether this was done/s, "1 update $acme" ],
	[ { kind => 'reset' }, '08006', qr/PATCH \/accounts\/$acme/, "1 update $acme" ],
	[ status(422, body => { errors => ['no such thing'], request_id => 'req-5' }), '22023', qr/no such thing.*req-5/, 'none' ],
	[ status(401), '28000', qr/401/, 'none' ], [ status(403), '42501', qr/403/, 'none' ],
	[ status(429, headers => { 'X-Retry-After' => '300' }), '53400', qr/429/, 'none' ],
	[ status(404, body => 'nothing here'), 'HV000', qr/404, "nothing here"/, 'none' ])
{
	my ($fault, $sqlstate, $pattern, $unknown) = @$case;
	my $name = join ' ', 'PATCH:', map { $fault->{$_} // () } qw(kind status);

	start_over({}, { %$fault, match => 'PATCH', times => 0 });
	is(unknown(fails(sprintf($update, ++$new), $sqlstate, $pattern, $name)), $unknown, "$name: what is unknown");
}
{
	my @ids = map { decode_json($_)->{id} } split /\n/, api_ctl($api, 'accounts');

	start_over({}, status(422, match => "PATCH /accounts/$ids[3]"));
	my $text = fails("UPDATE accounts SET tags = '{all}'", '22023', qr/update account \Q$ids[3]\E/, 'an update in the middle');
	like($text, qr/0 creates, \d updates and 0 deletes of accounts remain/, 'an update in the middle: what remains');
}

# ---------------------------------------------------------------- rollback: each object by its name

start_over();
my $c = "INSERT INTO contacts (name) VALUES ('Rolled back')";
my $a = "INSERT INTO accounts (name) VALUES ('Rolled back')";
for my $case (
	[ "BEGIN; $a; $a; ROLLBACK", '2 creates, 0 updates and 0 deletes of accounts remain' ],
	[ "BEGIN; $a; SAVEPOINT s; $c; ROLLBACK TO s; COMMIT", '1 create, 0 updates and 0 deletes of contacts remain' ],
	[ "BEGIN; $c; SAVEPOINT s; $a; ROLLBACK TO s; COMMIT", '1 create, 0 updates and 0 deletes of accounts remain' ],
	[ "BEGIN; $a; $c; UPDATE accounts SET tags = '{rolled}' WHERE id = '$globex'; ROLLBACK", '1 create, 1 update and 0 deletes of accounts remain',
		'1 create, 0 updates and 0 deletes of contacts remain' ],
	[ "SET pylon_fdw.dry_run = on; SET client_min_messages = warning; BEGIN; $a; ROLLBACK; RESET pylon_fdw.dry_run" ],
	[ "BEGIN; UPDATE accounts SET name = name WHERE id = '$acme'; ROLLBACK" ])
{
	my ($sql, @warnings) = @$case;
	$session->query($sql);
	like($session->error, qr/\Q$_\E/, "$sql: $_") for @warnings;
	is(scalar(grep { /WARNING/ } split /\n/, $session->error), scalar @warnings, "$sql: warnings") or diag($session->error);
}

$session->quit;
done_testing();
