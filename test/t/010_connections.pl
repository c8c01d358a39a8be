# The wire: connections and their reuse, TLS, HTTP/2, compression, proxies, and where the token comes from.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $count = 'SELECT count(*) FROM contacts';
my $contacts = 2500;
my $node = start_node();
my $api = start_api(contacts => $contacts);
my $session;

# By which connection each request in the log came: 1 for the first one, 2 for the next and so on.  Clears the log.
sub connection_order
{
	my $from = shift // $api;
	my @numbers = map { $_->{connection} } api_log($from);
	my %order;

	api_ctl($from, 'clear');
	for my $number (@numbers)
	{
		$order{$number} = 1 + keys %order unless $order{$number};
	}
	return map { $order{$_} } @numbers;
}

sub accepted { return api_connections(shift // $api)->{accepted}; }

# ---------------------------------------------------------------- one connection for all of a session

setup_server($node, $api);
api_clear($api);
my $before = accepted();
$session = PylonSession->new($node);
is($session->query("$count; $count; SELECT organization FROM pylon_fdw_ping('pylon'); BEGIN; $count; COMMIT"),
	"$contacts\n$contacts\nSample Organization\n$contacts", 'four statements of one session');
is_deeply([ connection_order() ], [ (1) x 10 ], 'their ten requests come by the same connection');
is(accepted() - $before, 1, 'and no other one was opened');

is($session->query('SELECT 1/0; SAVEPOINT s'), '', 'two failures');
is($session->query($count), $contacts, 'a statement after them');
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM contacts; FETCH ALL FROM c');
$session->query('ROLLBACK');
is_deeply([ connection_order() ], [ (1) x 6 ], 'neither an error nor a rollback costs a connection');
is(accepted() - $before, 1, 'it is still the first one');

my $other = PylonSession->new($node);
is($other->query($count), $contacts, 'another session');
is(accepted() - $before, 2, 'has a connection of its own');
$other->quit;
is(wait_for_open_connections($api, 1), 1, 'which ends with the session');
$session->quit;
is(wait_for_open_connections($api, 0), 0, 'as the first one does');

# A server that restarts closes its connections; nobody tries again on a dead one.
my ($port) = $api->{url} =~ /:(\d+)$/;
$session = PylonSession->new($node);
is($session->query($count), $contacts, 'before the API is restarted');
stop_api($api);
# libcurl looks for dead connections once a second at most
sleep 1.2;
$api = start_api(contacts => $contacts, port => $port);
is($session->query("SELECT pylon_fdw_stats_reset(); $count; SELECT requests, retries FROM pylon_fdw_stats()"),
	"\n$contacts\n3|0", 'the next statement opens a new connection without a failed try');

# ---------------------------------------------------------------- a transfer that was broken off

# A connection in mid-answer would give the rest of the old answer to the next request.
sub broken_off
{
	my ($name, $fault, $statement, $error) = @_;
	my $broken = 1 + ($fault->{skip} // 0);

	setup_server($node, $api);
	my $victim = PylonSession->new($node);
	$victim->query($count);
	api_clear($api);
	my $start = accepted();
	api_fault($api, match => 'GET /contacts?limit=999', %$fault);
	$victim->begin($statement);
	wait_for_requests($api, $broken);
	$victim->result;
	like($victim->error, $error, "$name: it is broken off");
	is($victim->query("ROLLBACK; $count; $count"), "$contacts\n$contacts", "$name: the next statements");
	is_deeply([ connection_order() ], [ (1) x $broken, (2) x 6 ], "$name: a new connection, which stays");
	is(accepted() - $start, 1, "$name: one connection was opened");
	is(wait_for_open_connections($api, 1), 1, "$name: the other one is closed");
	$victim->quit;
	return;
}

$session->quit;
broken_off('statement_timeout in mid-body', { kind => 'slow', stall => 600 },
	"SET statement_timeout = '" . patience_ms($node, 500) . "'; $count; RESET statement_timeout", qr/57014/);
broken_off('statement_timeout before the answer', { kind => 'slow', delay => 600 },
	"SET statement_timeout = '" . patience_ms($node, 500) . "'; $count; RESET statement_timeout", qr/57014/);
broken_off('statement_timeout in the second page', { kind => 'slow', stall => 600, skip => 1 },
	"SET statement_timeout = '" . patience_ms($node, 1000) . "'; $count; RESET statement_timeout", qr/57014/);
broken_off(
	'a cursor that is closed while a page is on its way', { kind => 'slow', stall => 600, skip => 1 },
	'BEGIN; DECLARE c CURSOR FOR SELECT * FROM contacts; FETCH 1 FROM c; CLOSE c; COMMIT', qr/^\z/);
broken_off(
	'an error while a page is on its way', { kind => 'slow', stall => 600, skip => 1 },
	"SELECT 1 / (CASE WHEN id > '' THEN 0 ELSE 1 END) FROM contacts", qr/22012/);

# pg_cancel_backend, as Ctrl-C sends it
setup_server($node, $api);
$session = PylonSession->new($node);
my $pid = $session->pid;
api_clear($api);
api_fault($api, kind => 'slow', stall => 600);
$session->begin($count);
wait_for_requests($api, 1);
sleep 0.3;
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$session->result;
like($session->error, qr/57014: canceling statement due to user request/, 'pg_cancel_backend in mid-body');
is($session->query($count), $contacts, 'pg_cancel_backend: the next statement');
is_deeply([ connection_order() ], [ 1, 2, 2, 2 ], 'pg_cancel_backend: on a new connection');
$session->quit;

# ---------------------------------------------------------------- failures on a connection that was used before

# It is a lost connection, not one that could not be made: what was sent may have been done. And the session waited for
# all of request_timeout, so that this is a try like any other.
for my $fault (
	{ kind => 'cut' },
	{ kind => 'slow', delay => 600 },
	{ kind => 'slow', stall => 600 })
{
	my $name = join ' ', map { "$_ $fault->{$_}" } sort keys %$fault;
	setup_server($node, $api, max_retries => 0, request_timeout => patience_ms($node, 1500));
	$session = PylonSession->new($node);
	is($session->query($count), $contacts, "$name: the first statement");
	api_clear($api);
	api_fault($api, %$fault, times => 0);
	$session->query("SELECT pylon_fdw_stats_reset(); $count");
	like($session->error, qr/ERROR:  08006: .*DETAIL:  GET \/contacts\?limit=999/s, "$name: a lost connection");
	is_deeply([ api_take($api) ], ['GET /contacts?limit=999'], "$name: one try with max_retries 0");
	is($session->query('SELECT requests, retries FROM pylon_fdw_stats()'), '1|0', "$name: counted as one");
	$session->quit;
	api_clear($api);
}

# A connection may end just when it is used again. Whoever repeats the request then, it is counted.
for my $kind ('close', 'reset')
{
	setup_server($node, $api);
	$session = PylonSession->new($node);
	is($session->query($count), $contacts, "$kind: the first statement");
	api_clear($api);
	api_fault($api, kind => $kind);
	is($session->query("SELECT pylon_fdw_stats_reset(); $count"), "\n$contacts", "$kind: the second one");
	is_deeply([ api_take($api) ],
		[ 'GET /contacts?limit=999', list_requests(limit => 999, contacts => $contacts) ], "$kind: one request more");
	is($session->query('SELECT requests, retries FROM pylon_fdw_stats()'), '4|1', "$kind: which is counted");
	$session->quit;
}

# ---------------------------------------------------------------- what a request says of itself

setup_server($node, $api);
api_clear($api);
requests_are($node, $api, "SELECT name FROM contacts WHERE email = 'ada\@acme.com'", 'Ada Lovelace',
	['POST /contacts/search {"filter":{"field":"email","operator":"equals","value":"ada@acme.com"},"limit":999}'],
	'a search');
$node->safe_psql('postgres', "SELECT name FROM contacts WHERE email = 'ada\@acme.com'; SELECT count(*) FROM contacts");
my ($search, $list) = api_log($api);
my $version = $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'pylon_fdw'");
is($search->{headers}{'User-Agent'}, "pylon_fdw/$version", 'User-Agent');
is($search->{headers}{Accept}, 'application/json', 'Accept');
is($search->{headers}{'Content-Type'}, 'application/json', 'Content-Type of a body');
is($list->{headers}{'Content-Type'}, undef, 'no Content-Type without a body');
is($list->{headers}{Authorization}, 'Bearer <token>', 'Authorization');
like($list->{headers}{'Accept-Encoding'}, qr/\bgzip\b/, 'Accept-Encoding');

# ---------------------------------------------------------------- compression

load_contacts($node, $api, 'expected');
my $differences = '
	CREATE TEMP TABLE found AS SELECT * FROM contacts;
	SELECT count(*) FROM found;
	SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE expected) a;
	SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) a';
for my $chunked ('off', 'on')
{
	api_set($api, compress => 'on', chunked => $chunked);
	api_clear($api);
	is($node->safe_psql('postgres', $differences), "$contacts\n0\n0",
		"compressed answers (chunked $chunked): the rows");
	my @log = api_log($api);
	is_deeply([ map { $_->{compressed} } @log ], [ ('gzip') x 3 ], "compressed answers (chunked $chunked): they were");

	# 999 contacts are some 500 kB, compressed less than 200 kB.
	cmp_ok($log[0]{bytes}, '<', 200_000, "compressed answers (chunked $chunked): the first is small");
	setup_server($node, $api, max_response_size => '200kB');
	api_clear($api);
	fails_with($node, $count, '08P01', qr/max_response_size/,
		"max_response_size counts inflated bytes (chunked $chunked)");
	is_deeply([ api_take($api) ], ['GET /contacts?limit=999'], 'max_response_size: not tried again');
	setup_server($node, $api, max_response_size => '1MB');
	is($node->safe_psql('postgres', $count), $contacts, 'and 1 MB is enough');
}
api_set($api, compress => 'off', chunked => 'off');
setup_server($node, $api, max_response_size => '200kB');
fails_with($node, $count, '08P01', qr/max_response_size/, 'max_response_size of an answer that is not compressed');
setup_server($node, $api, max_response_size => '200kB', page_size => 100);
is($node->safe_psql('postgres', $count), $contacts, 'smaller pages are the way out');

# ---------------------------------------------------------------- TLS

my $secure = start_api(contacts => $contacts, tls => 1);
setup_server($node, $secure);
$session = PylonSession->new($node);
$before = accepted($secure);
is($session->query("$count; $count"), "$contacts\n$contacts", 'TLS with a certificate of ca_file');
is_deeply([ connection_order($secure) ], [ (1) x 6 ], 'TLS: one connection for both statements');
is(accepted($secure) - $before, 1, 'TLS: one handshake');
$session->quit;
is(wait_for_open_connections($secure, 0), 0, 'TLS: closed with the session');

# A certificate that isn't trusted now will not be a moment later.
for my $case (
	[ 'without ca_file', { base_url => $secure->{url} }, qr/HINT:  .*ca_file/ ],
	[ 'with the wrong ca_file', { base_url => $secure->{url}, ca_file => $secure->{other_ca_file} }, qr/certificate/ ])
{
	my ($name, $options, $pattern) = @$case;
	setup_server($node, $secure->{url}, %$options, connect_timeout => '5min');
	api_clear($secure);
	$before = accepted($secure);
	fails_with($node, $count, '08001', $pattern, "TLS $name");
	is_deeply([ api_take($secure) ], [], "TLS $name: no request, no token");
	is(accepted($secure) - $before, 1, "TLS $name: not tried again");
}
setup_server($node, $secure, ca_file => "$PostgreSQL::Test::Utils::tmp_check/no-such-file.pem");
fails_with($node, $count, '08001', qr/no-such-file\.pem/, 'TLS with a ca_file that does not exist');

# Trust belongs to the server, not to a connection that another one has opened.
setup_server($node, $secure);
$node->safe_psql(
	'postgres', "SET log_statement = none;
	DROP SERVER IF EXISTS distrustful CASCADE;
	CREATE SERVER distrustful FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$secure->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER distrustful OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE FOREIGN TABLE distrustful_contacts (id text) SERVER distrustful");
$session = PylonSession->new($node);
is($session->query($count), $contacts, 'a server whose ca_file trusts the certificate');
$session->query('SELECT count(*) FROM distrustful_contacts');
like($session->error, qr/08001/, 'its open connection is not for a server that does not trust it');
$session->quit;
$node->safe_psql('postgres', 'DROP SERVER distrustful CASCADE');

# ---------------------------------------------------------------- HTTP/2

my ($nginx) = grep { -x } '/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx';

# Starts an nginx that speaks HTTP/2 to clients and asks the sample API; gives its URLs and the name of its log.
sub start_nginx
{
	my $directory = "$PostgreSQL::Test::Utils::tmp_check/nginx";
	my $certificates = $secure->{ca_file} =~ s/\/ca\.pem$//r;
	my $listen = PostgreSQL::Test::Cluster::get_free_port();

	mkdir $directory or die "$directory: $!";
	append_to_file(
		"$directory/nginx.conf", qq(
		pid $directory/pid;
		error_log $directory/error.log;
		events { }
		http {
			log_format wire '\$server_protocol \$connection \$request_method \$request_uri';
			access_log $directory/access.log wire;
			client_body_temp_path $directory/body;
			proxy_temp_path $directory/proxy;
			fastcgi_temp_path $directory/fastcgi;
			uwsgi_temp_path $directory/uwsgi;
			scgi_temp_path $directory/scgi;
			server {
				listen 127.0.0.1:$listen ssl http2;
				listen 127.0.0.2:$listen ssl http2;
				ssl_certificate $certificates/server.pem;
				ssl_certificate_key $certificates/server.key;
				location / {
					proxy_pass $api->{url};
					proxy_http_version 1.1;
				}
			}
		}));
	system_or_bail($nginx, '-p', $directory, '-e', "$directory/error.log", '-c', "$directory/nginx.conf");
	return {
		url => "https://localhost:$listen",
		other_name => "https://127.0.0.2:$listen",
		log => "$directory/access.log",
		pid => "$directory/pid"
	};
}

SKIP:
{
	skip 'nginx, which speaks HTTP/2, is not installed (package nginx-light)', 9 unless $nginx;

	my $proxy = start_nginx();
	setup_server($node, $proxy->{url}, ca_file => $secure->{ca_file});
	api_clear($api);
	$session = PylonSession->new($node);
	is($session->query($differences), "$contacts\n0\n0", 'HTTP/2: the rows');
	is($session->query("SELECT name FROM contacts WHERE email = 'ada\@acme.com'"), 'Ada Lovelace', 'HTTP/2: a search');
	# it logs a request after it has answered
	for (1 .. 100)
	{
		last if slurp_file($proxy->{log}) =~ tr/\n// >= 4;
		sleep 0.1;
	}
	my @log = map { [ split / / ] } split /\n/, slurp_file($proxy->{log});
	is_deeply([ map { $_->[0] } @log ], [ ('HTTP/2.0') x 4 ], 'HTTP/2: so the server says');
	is_deeply([ map { "$_->[2] $_->[3]" } @log ],
		[ list_requests(limit => 999, contacts => $contacts), 'POST /contacts/search' ], 'HTTP/2: the requests');

	# Two cursors, each with a page on its way: streams of one connection.
	api_set($api, latency => 100);
	is($session->query('BEGIN;
			DECLARE a CURSOR FOR SELECT 1 FROM contacts;
			DECLARE b CURSOR FOR SELECT 1 FROM contacts;
			FETCH 1 FROM a; FETCH 1 FROM b; MOVE ALL IN a; MOVE ALL IN b; COMMIT'),
		"1\n1", 'HTTP/2: two cursors at once');
	api_set($api, latency => 0);
	@log = map { [ split / / ] } split /\n/, slurp_file($proxy->{log});
	is_deeply([ map { $_->[1] } @log ], [ ($log[0][1]) x 10 ], 'HTTP/2: all requests by one connection');
	$session->quit;

	setup_server($node, $proxy->{other_name}, ca_file => $secure->{ca_file});
	api_clear($api);
	fails_with($node, $count, '08001', qr/127\.0\.0\.2/, 'a certificate for another host');
	is_deeply([ api_take($api) ], [], 'a certificate for another host: nothing is sent');
	kill 'QUIT', slurp_file($proxy->{pid}) =~ /(\d+)/;
}

# ---------------------------------------------------------------- proxies

# A proxy would see where each request goes, and over http the token as well.
my @variables = map { ($_, uc) } 'http_proxy', 'https_proxy', 'all_proxy';
{
	local @ENV{@variables} = ('http://127.0.0.1:1') x @variables;
	local @ENV{ 'no_proxy', 'NO_PROXY' } = ('', '');
	$node->restart;
}
is($node->safe_psql('postgres', "CREATE TEMP TABLE t (v text); COPY t FROM PROGRAM 'echo \$http_proxy'; TABLE t"),
	'http://127.0.0.1:1', 'the server was started with a proxy in its environment');
for my $target ($api, $secure)
{
	setup_server($node, $target, max_retries => 0);
	is($node->safe_psql('postgres', $count), $contacts, "$target->{url}: the environment's proxy is not asked");
}
delete local @ENV{@variables};
$node->restart;

# ---------------------------------------------------------------- the token's file

my $file = "$PostgreSQL::Test::Utils::tmp_check/token";

sub token_file
{
	my ($content) = @_;

	unlink $file;
	append_to_file($file, $content);
	chmod 0600, $file or die "$file: $!";
	return;
}

setup_server($node, $api);
$node->safe_psql('postgres',
	"ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (DROP api_token, api_token_file '$file')");

token_file($PylonTest::TOKEN);
is($node->safe_psql('postgres', $count), $contacts, 'api_token_file');
token_file(" \t$PylonTest::TOKEN\r\n\n");
is($node->safe_psql('postgres', $count), $contacts, 'api_token_file: white space around the token is trimmed');

my %no_tokens = (
	'blank inside' => "sekrit $PylonTest::TOKEN",
	'two lines' => "sekrit\n$PylonTest::TOKEN\n",
	'a NUL' => "sekrit\0$PylonTest::TOKEN",
	'a control character' => "sekrit\x01",
	'not ASCII' => "sekrit-\xc3\xa9",
	'nothing' => '',
	'white space' => " \n",
	'too long' => 'sekrit' . 'x' x 100_000);
for my $name (sort keys %no_tokens)
{
	token_file($no_tokens{$name});
	api_clear($api);
	my $text = fails_with($node, $count, '28000', qr/\Q$file\E/, "api_token_file with $name");
	like($text, qr/\Q$file\E" is empty\./, "api_token_file with $name: says so") if $no_tokens{$name} =~ /^\s*$/;
	unlike($text, qr/sekrit/, "api_token_file with $name: the message does not show it");
	is_deeply([ api_take($api) ], [], "api_token_file with $name: nothing is sent");
}
unlink $file;
fails_with($node, $count, '28000', qr/\Q$file\E.*No such file/, 'api_token_file that does not exist');
mkdir $file or die "$file: $!";
fails_with($node, $count, '28000', qr/\Q$file\E/, 'api_token_file that is a directory');
rmdir $file or die "$file: $!";

# Rotation: who changes the file changes the token, without a word to PostgreSQL.
token_file($PylonTest::TOKEN);
$session = PylonSession->new($node);
is($session->query("SET plan_cache_mode = force_generic_plan; PREPARE p AS $count; EXECUTE p"), $contacts,
	'rotation: the first token');
token_file('wrong-token');
$session->query('EXECUTE p');
like($session->error, qr/28000: .*token.*Invalid API token!/s, 'rotation: the second one is sent at once');
token_file($PylonTest::TOKEN);
is($session->query('EXECUTE p'), $contacts, 'rotation: and the third');
$session->quit;

done_testing();
