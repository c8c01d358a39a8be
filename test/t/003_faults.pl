# An API that fails: what is tried again, what is reported with which SQLSTATE, and that the token is never shown.

use strict;
use warnings;

use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

my $count = 'SELECT count(*) FROM contacts';
my $first = 'GET /contacts?limit=999';

my $node = start_node();
my $api = start_api(contacts => 1200);

sub status
{
	my ($status, $headers, %rest) = @_;

	return { kind => 'status', status => $status, headers => $headers // {}, %rest };
}

# Checks that the table reads in full, in so many requests and no sooner than after so many seconds.
sub reads
{
	my ($requests, $least, $name) = @_;
	my $start = time;

	is($node->safe_psql('postgres', $count), 1200, "$name: all contacts");
	my $took = time - $start;
	note(sprintf '%s: %.1f s', $name, $took);
	is(scalar(api_take($api)), $requests, "$name: requests");
	cmp_ok($took, '>=', $least, "$name: waited");
	return;
}

sub fails
{
	my ($sqlstate, $pattern, $requests, $name) = @_;
	my $text = fails_with($node, $count, $sqlstate, $pattern, $name);

	is(scalar(api_take($api)), $requests, "$name: requests");
	return $text;
}

# ---------------------------------------------------------------- failures that pass

given($node, $api, {}, status(503, {}, times => 2));
reads(4, 0.2, 'two 503');

given($node, $api, {}, { kind => 'html', skip => 1 });
reads(3, 0.1, 'a 502 of a gateway on the second page');

for my $kind ('cut', 'reset', 'close')
{
	given($node, $api, {}, { kind => $kind });
	reads(3, 0, "$kind on the first page");
	given($node, $api, {}, { kind => $kind, skip => 1 });
	reads(3, 0, "$kind on the second page");
}

# The first back-off is a quarter of a second at most.  Who wakes for it just when all else is looked at, once a second,
# is never that fast; a busy machine is now and then.
{
	my $session = PylonSession->new($node);
	my $fastest = 60;

	given($node, $api, {});
	for (my $try = 0; $try < 30 && $fastest > 0.9; $try++)
	{
		api_faults($api, status(503));
		my $start = time;
		$session->query("SELECT FROM contacts WHERE id = 'x'");
		my $took = time - $start;
		$fastest = $took if $took < $fastest;
	}
	cmp_ok($fastest, '<=', 0.9, 'a try after a back-off is made when that ends');
	api_clear($api);
	$session->quit;
}

is($node->safe_psql('postgres', "$count; SELECT requests, retries FROM pylon_fdw_stats()"),
	"1200\n2|0", 'without a failure there are no retries');
given($node, $api, {}, status(500));
is($node->safe_psql('postgres', "$count; SELECT requests, retries FROM pylon_fdw_stats()"),
	"1200\n3|1", 'pylon_fdw_stats counts retries');

# ---------------------------------------------------------------- failures that stay

given($node, $api, { max_retries => 0 }, status(503, {}, times => 0));
fails('58000', qr/DETAIL:  .*GET \/contacts\?limit=999.*503/, 1, 'max_retries 0');

given (
	$node, $api, { max_retries => 2 },
	status(500, {}, times => 0, body => { errors => ['it broke'], request_id => 'req-77' }));
fails('58000', qr/DETAIL:  .*it broke.*req-77 \(tries: 3\)/, 3, 'max_retries 2');

given($node, $api, { max_retries => 1 }, { kind => 'html', times => 0 });
fails('58000', qr/502/, 2, 'a gateway that fails');

# Nobody listens there.
given($node, $api, { max_retries => 1 });
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET base_url 'http://127.0.0.1:1')");
fails_with($node, $count, '08001', qr/\(tries: 2\)/, 'a connection that is refused is tried again');

for my $kind ('cut', 'reset', 'close')
{
	given($node, $api, { max_retries => 1 }, { kind => $kind, times => 0 });
	fails('08006', qr/DETAIL:  .*GET \/contacts\?limit=999/, 2, "$kind again and again");
}

# The second page comes by the connection of the first, which is there then, whatever happens.
for my $kind ('cut', 'reset', 'close')
{
	given($node, $api, { max_retries => 0 }, { kind => $kind, skip => 1, times => 0 });
	fails_with($node, $count, '08006', qr/DETAIL:  .*cursor=/, "$kind on a connection that was used before");
}
given (
	$node, $api, { max_retries => 0, request_timeout => patience_ms($node, 500) },
	{ kind => 'slow', delay => 600, skip => 1 });
fails('08006', qr/request_timeout/, 2, 'no answer on a connection that was used before');

given($node, $api, { max_retries => 0, request_timeout => patience_ms($node, 500) }, { kind => 'slow', delay => 600 });
fails('08006', qr/request_timeout/, 1, 'no answer within request_timeout');
given($node, $api, { max_retries => 0, request_timeout => patience_ms($node, 500) }, { kind => 'slow', rate => 1000 });
fails('08006', qr/request_timeout/, 1, 'an answer that trickles past request_timeout');
given($node, $api, { max_retries => 5, max_retry_wait => '500ms' }, status(503, {}, times => 0));
fails_with($node, $count, '58000', qr/503/, 'back-off past max_retry_wait');
cmp_ok(scalar(api_take($api)), '<', 6, 'back-off past max_retry_wait: not as often as max_retries');

# ---------------------------------------------------------------- rate limit

given($node, $api, { max_retries => 0 }, status(429, { 'X-Retry-After' => '1' }));
reads(3, 1, '429 with X-Retry-After, which is no failed try');
given($node, $api, {}, status(429, { 'Retry-After' => '1' }));
reads(3, 1, '429 with Retry-After in seconds');
my $date = int(time) + 3;
given($node, $api, {}, status(429, { 'Retry-After' => strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime($date)) }));
reads(3, 0, '429 with Retry-After as a date');
cmp_ok(time, '>=', $date, '429 with Retry-After as a date: not before that');
given($node, $api, {}, status(429, { 'Retry-After' => strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time - 3600)) }));
reads(3, 0, '429 with a date that is past');
# By the server's clock, which needn't be right, another hour is to go.
given (
	$node, $api, { max_retry_wait => '1min' },
	status(429, { 'Date' => 'Thu, 01 Jan 2026 00:00:00 GMT', 'Retry-After' => 'Thu, 01 Jan 2026 01:00:00 GMT' }, times => 0));
fails('53400', qr/max_retry_wait/, 1, "429 with a date that is past, but not to the server");
given($node, $api, {}, status(429, { 'X-Retry-After' => '1', 'Retry-After' => '3600' }));
reads(3, 1, 'X-Retry-After comes first');
given($node, $api, {}, status(429, {}, times => 2));
reads(4, 0.5, '429 that says nothing');
for my $nonsense ('', 'soon', '-5', 'nan', '0x10')
{
	given($node, $api, {}, status(429, { 'X-Retry-After' => $nonsense }));
	reads(3, 0, "429 with X-Retry-After \"$nonsense\"");
}
given($node, $api, {}, status(503, { 'Retry-After' => '1' }));
reads(3, 1, '503 with Retry-After');

# a refusal for the rate limit that is cut off is still one
api_set($api, rate_limit => 1, rate_window => patience($node, 2));
given ($node, $api, { max_retries => 0 }, { kind => 'cut', skip => 1 });
is($node->safe_psql(
		'postgres',
		"SELECT count(*) FROM contacts; SELECT retries, rate_limited, rate_limit_wait_ms > 100 FROM pylon_fdw_stats()"),
	"1200\n1|1|t", '429 that is cut off');
is(scalar(api_take($api)), 3, '429 that is cut off: requests');
api_set($api, rate_limit => 0);

given($node, $api, { max_retry_wait => '2500ms' }, status(429, { 'X-Retry-After' => '1' }, times => 0));
fails_with($node, $count, '53400', qr/DETAIL:  .*429.*The API asks to wait for 1 s; [\d.]+ s of 2 s are used up/, '429 until max_retry_wait is used up');
my $tries = api_take($api);
cmp_ok($tries, '>=', 2, '429 until max_retry_wait is used up: was tried again');
cmp_ok($tries, '<=', 3, '429 until max_retry_wait is used up: as often as that allows');
for my $long ('30', '99999999999999999999')
{
	given($node, $api, { max_retry_wait => '10s' }, status(429, { 'X-Retry-After' => $long }, times => 0));
	my $start = time;
	fails('53400', qr/max_retry_wait/, 1, "X-Retry-After $long is past max_retry_wait");
	cmp_ok(time - $start, '<', 10, "X-Retry-After $long: does not wait in vain");
}

given($node, $api, {});
api_set($api, rate_limit => 1, rate_window => patience($node, 1));
reads(3, 0.5, "the API's own limit");
api_set($api, rate_limit => 0);

# ---------------------------------------------------------------- answers that are not the API's

my $other = start_api();
for my $status (301, 302, 303, 307, 308)
{
	given($node, $api, {}, { kind => 'redirect', status => $status, location => "$other->{url}/contacts?limit=999" });
	fails('08P01', qr/redirect/, 1, "redirect $status");
}
is_deeply([ api_take($other) ], [], 'redirects are not followed');

given($node, $api, {}, { kind => 'no_http' });
fails('08P01', qr/GET \/contacts\?limit=999.*\nHINT:  Check option "base_url" of the server\.$/m, 1, 'something that is not HTTP');
given($node, $api, {}, { kind => 'garbage' });
fails('08P01', qr/GET \/contacts\?limit=999/, 1, 'something that is not JSON');
given($node, $api, {}, { kind => 'wrong_shape', body => '' });
fails('08P01', qr/GET \/contacts\?limit=999/, 1, 'an empty answer');
given($node, $api, {}, status(200, { 'Content-Encoding' => 'gzip' }, body => '{"data":[]}', times => 0));
fails('08P01', qr/GET \/contacts\?limit=999/, 1, 'an answer that is not packed as it says');

my %wrong_shapes = (
	'null' => 'null',
	'a string' => '"data"',
	'an array' => '[{"id":"1"}]',
	'an array that ends as an object' => '[}',
	'an array with keys' => '["data":[]}',
	'data is an object' => '{"data":{"id":"1"}}',
	'data is a string' => '{"data":"none"}',
	'a contact is a number' => '{"data":[1]}',
	'a contact is an array' => '{"data":[[]]}',
	'pagination is a string' => '{"data":[],"pagination":"none"}',
	'the cursor is an object' => '{"data":[],"pagination":{"cursor":{},"has_next_page":true}}',
	'cut off, with the right length' => '{"data":[{"id":"1","name":"x"}],"pagi',
	'more than one answer' => '{"data":[]}{"data":[]}');
foreach my $shape (sort keys %wrong_shapes)
{
	given($node, $api, {}, { kind => 'wrong_shape', body => $wrong_shapes{$shape} });
	fails_with($node, 'SELECT id, name FROM contacts', '08P01', qr/GET \/contacts\?limit=999/, "wrong shape: $shape");
}

given($node, $api, {}, { kind => 'wrong_shape', body => '{"data":[{"id":' . '[' x 100_000 });
fails_with($node, $count, '08P01', qr/nested more than 256 levels deep/, 'an answer nested without end');

given($node, $api, { max_response_size => '100kB', page_size => 50 }, { kind => 'huge', bytes => 1_000_000 });
fails_with($node, $count, '08P01', qr/max_response_size/, 'an answer that is too large');
api_set($api, compress => 'on');
given($node, $api, { max_response_size => '100kB', page_size => 50 }, { kind => 'huge', bytes => 1_000_000 });
fails_with($node, $count, '08P01', qr/max_response_size/, 'an answer that is too large when it is unpacked');
api_set($api, compress => 'off');

given($node, $api, { page_size => 500 }, { kind => 'repeat_cursor', skip => 1 });
fails_with($node, $count, '08P01', qr/cursor/, 'a cursor that comes again');

given($node, $api, {}, { kind => 'bad_utf8' });
fails_with($node, 'SELECT name FROM contacts', '(?:08P01|22021)', qr/./, 'a name that is not UTF-8');
given($node, $api, {}, { kind => 'nul_escape' });
fails_with($node, 'SELECT name FROM contacts', '(?:08P01|22P05)', qr/./, 'a name with a NUL');

# ---------------------------------------------------------------- who may not

given($node, $api, { token => 'wrong-token' });
fails('28000', qr/Invalid API token!/, 1, 'a wrong token');
given($node, $api, { token => 'eu-token' });
fails('28000', qr/HINT:  .*https:\/\/api\.eu\.usepylon\.com/, 1, 'a token of the other region');
given($node, $api, { token => 'no-permission' });
fails('42501', qr/API token lacks permission!/, 1, 'a token without permission');

# ---------------------------------------------------------------- no connection

# Nobody listens where a server has just gone.
my $gone = start_api();
stop_api($gone);
setup_server($node, $gone, max_retries => 1);
fails_with($node, $count, '08001', qr/GET \/contacts\?limit=999/, 'nobody listens');

setup_server($node, 'https://no-such-host.invalid', max_retries => 0);
fails_with($node, $count, '08001', qr/no-such-host\.invalid/, 'no such host');

my $blackhole = blackhole();
setup_server($node, "http://127.0.0.1:$blackhole->{port}", max_retries => 0, connect_timeout => '500ms');
my $start = time;
fails_with($node, $count, '08001', qr/GET \/contacts/, 'connect_timeout');
cmp_ok(time - $start, '<', 10, 'connect_timeout: sooner than by default');

# A socket that never came to a connection is given back, too: a session may have a third of a thousand.
{
	my $session = PylonSession->new($node);

	setup_server($node, "http://127.0.0.1:$blackhole->{port}", max_retries => 0, connect_timeout => '1ms');
	$session->query(q{DO $$ BEGIN
		FOR i IN 1 .. 400 LOOP
			BEGIN
				PERFORM FROM contacts LIMIT 1;
			EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection THEN NULL;
			END;
		END LOOP; END $$});
	is($session->error, '', 'no connection, 400 times');
	setup_server($node, $api);
	is($session->query($count), 1200, 'no connection, 400 times: and then one') or diag($session->error);
	$session->quit;
}

my $secure = start_api(contacts => 1200, tls => 1);
setup_server($node, $secure);
is($node->safe_psql('postgres', $count), 1200, 'TLS with a certificate of ca_file');
setup_server($node, $secure, ca_file => $secure->{other_ca_file});
fails_with($node, $count, '08001', qr/certificate/, 'TLS with a certificate of another authority');
setup_server($node, $secure->{url});
fails_with($node, $count, '08001', qr/HINT:  .*ca_file/, 'TLS with a certificate that the system does not know');
setup_server($node, $api->{url} =~ s/^http:/https:/r, max_retries => 0);
fails_with($node, $count, '08001', qr/./, 'TLS with a server that does not speak it');

# ---------------------------------------------------------------- the token

# All of this at the most talkative level of client and log, with an API that repeats the token in its answers.
my $secret = 'sekrit-0123456789abcdef';
my $private = start_api(contacts => 20, token => $secret);
setup_server($node, $private, token => $secret, max_retries => 1, max_retry_wait => '1s');
my $echo = qq({"errors":["Bearer $secret is not welcome"],"code":"$secret","request_id":"$secret"});
my @answers = (
	map({ status($_, { 'X-Retry-After' => '30', 'X-Echo' => $secret }, body => $echo) }
		200, 204, 400, 401, 403, 404, 422, 429, 500),
	map({ status($_, {}, body => "plain $secret") } 200, 400, 500),
	{ kind => 'redirect', location => "$private->{url}/?token=$secret" },
	{ kind => 'wrong_shape', body => "{\"data\":\"$secret\"}" },
	{ kind => 'wrong_shape', body => "{\"data\":[$secret" },
	{ kind => 'cut' },
	{ kind => 'slow', delay => 0 });

$node->append_conf('postgresql.conf', "log_min_messages = debug5\nlog_error_verbosity = verbose");
$node->reload;
my $said = '';
foreach my $answer (@answers)
{
	api_ctl($private, 'faults-clear');
	api_fault($private, %$answer, times => 0);
	my ($status, $out, $err) = $node->psql(
		'postgres', "SET client_min_messages = debug5;
		\\set VERBOSITY verbose
		SELECT * FROM contacts;
		SELECT * FROM pylon_fdw_ping('pylon');
		EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM contacts WHERE email = 'x';
		SELECT * FROM pylon_fdw_stats();",
		on_error_stop => 0);
	$said .= "$out\n$err\n";
}
like($said, qr/is not welcome/, 'the answers of the API are shown');
unlike($said, qr/sekrit/, 'the token is shown to nobody');
unlike(slurp_file($node->logfile), qr/sekrit/, 'the token is not in the log');

done_testing();
