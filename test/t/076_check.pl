# pylon_fdw_check(server): the way to the API, step by step.  sql/check.sql has what needs no TLS, no clock and no other
# encoding.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 10, tls => 1);
my $silent = silent_listener();
my $hole = blackhole();
my $all = "SELECT \"check\", ok FROM pylon_fdw_check('pylon')";
my $last = 'SELECT "check", ok, detail, coalesce(hint, \'\')';

# The row that the way ends with, as name|ok|detail|hint.
sub ends_with
{
	my ($pattern, $name, $database) = @_;
	my @rows = split /\n/, $node->safe_psql($database // 'postgres', "$last FROM pylon_fdw_check('pylon')");

	like($rows[-1], $pattern, $name);
	return @rows;
}

# ---------------------------------------------------------------- TLS

setup_server($node, $api);
my ($me) = grep { /^GET \/me/ } api_take($api);
is($me, undef, 'setting up asks nothing');
my @rows = ends_with(qr/^custom_fields\|t\|/, 'https: to the end');
like((grep { /^dns/ } @rows)[0], qr/^dns\|t\|localhost is (?:127\.0\.0\.1|::1), \d+\.\d ms\|$/, 'https: dns');
like((grep { /^connect/ } @rows)[0], qr/^connect\|t\|(?:127\.0\.0\.1|::1) port \d+, \d+\.\d ms\|$/, 'https: connect');
like((grep { /^tls/ } @rows)[0],
	qr/^tls\|t\|TLSv1\.[23], certificate by CN ?= ?Sample API ca until \w+ +\d+ [\d:]+ 20\d\d GMT, \d+\.\d ms\|$/,
	'https: version, issuer, end of the certificate');
is(scalar(api_take($api)), 2 + (grep { /^(?:contacts|accounts)\|/ } @rows), 'https: a request a row');

# A second check takes the same steps again: no connection, no session of TLS, no name is kept from the first.
@rows = ends_with(qr/^custom_fields\|t\|/, 'again');
like((grep { /^tls/ } @rows)[0], qr/certificate by/, 'again: the certificate is looked at');

setup_server($node, $api, ca_file => $api->{other_ca_file});
api_clear($api);
ends_with(qr/^tls\|f\|no connection to the API\. GET \/me: [^|]*certificate[^|]*\|Install the system's certificates/i,
	'a certificate by nobody that is trusted');
is(scalar(api_take($api)), 0, 'a certificate by nobody that is trusted: nothing was sent');

# ---------------------------------------------------------------- what the answers may be

setup_server($node, $api);
api_clear($api);
api_fault($api, kind => 'wrong_shape', match => 'GET /contacts?limit=1',
	body => '{"data":[],"pagination":{"has_next_page":true,"cursor":"x"}}');
@rows = ends_with(qr/^custom_fields\|t\|/, 'a page without a contact that announces another one');
like((grep { /^contacts/ } @rows)[0], qr/^contacts\|t\|can be read, (?!but)/, 'a page without a contact that announces another one: there are some');
api_fault($api, kind => 'wrong_shape', match => 'GET /contacts?limit=1', body => '{"data":[{"id":"1"');
ends_with(qr/^contacts\|f\|/, 'contacts that break off');
api_fault($api, kind => 'wrong_shape', match => 'GET /custom-fields', body => '{"errors":["no"],"data":[]}');
ends_with(qr/^custom_fields\|f\|[^|]*It is no list of custom fields/, 'an error in place of definitions');
api_clear($api);
api_fault($api, kind => 'status', status => 200, body => '{"data":[]}', match => 'GET /contacts', headers => { 'X-Rate-Limit-Remaining' => '0' });
like((grep { /^contacts/ } ends_with(qr/^custom_fields\|t/, 'no request is left'))[0], qr/requests left of the rate limit: 0\|/,
	'no request is left: says so');
api_clear($api);

# ---------------------------------------------------------------- time-outs

setup_server($node, 'https://127.0.0.1:' . $silent->sockport, connect_timeout => '200ms');
ends_with(qr/^tls\|f\|the time-out of the request has passed\.[^|]*\|[^|]*"connect_timeout"/, 'silence in place of TLS');
setup_server($node, "http://127.0.0.1:$hole->{port}", connect_timeout => '200ms');
ends_with(qr/^connect\|f\|the time-out of the request has passed\.[^|]*\|[^|]*"connect_timeout"/, 'nobody at home');
setup_server($node, 'http://127.0.0.1:' . $silent->sockport, request_timeout => '200ms');
ends_with(qr/^authentication\|f\|the time-out of the request has passed\.[^|]*\|[^|]*"request_timeout"/, 'no answer');

# ---------------------------------------------------------------- a cancel is no row

setup_server($node, 'http://127.0.0.1:' . $silent->sockport);
fails_with($node, "SET statement_timeout = '200ms'; $all", '57014', qr/canceling statement/, 'statement_timeout');

# ---------------------------------------------------------------- the session goes on, and its transaction

$api = start_api(contacts => 10);
setup_server($node, $api, max_retries => 3);
api_fault($api, kind => 'slow', delay => 20_000, match => 'GET /contacts');
fails_with($node, "SET statement_timeout = '2s'; $all", '57014', qr/canceling statement/, 'statement_timeout at a later row');
api_clear($api);
my $session = PylonSession->new($node);
$session->query('BEGIN READ ONLY; SAVEPOINT s; DECLARE c CURSOR FOR SELECT id FROM contacts ORDER BY id; FETCH 1 FROM c');
api_fault($api, kind => 'status', status => 503, match => 'GET /contacts');
api_take($api);
like($session->query($all), qr/contacts\|f$/, 'in a transaction: the row of what fails');
is_deeply([ api_take($api) ], [ 'GET /me', 'GET /contacts?limit=1' ], 'in a transaction: once, whatever max_retries says');
is($session->query('FETCH 1 FROM c; RELEASE s; COMMIT'), '00000000-0000-4000-8000-000000000002',
	'in a transaction: what came before goes on');
is($session->error, '', 'in a transaction: no message');
is($session->query("SELECT rows_created IS NOT NULL FROM (SELECT 1 AS rows_created) s, LATERAL
		(SELECT count(*) FROM generate_series(1, 20), pylon_fdw_check('pylon')) c"), 't', 'many times over');
is($session->query('SELECT count(*) FROM contacts'), 10, 'many times over: the session is in order');
$session->quit;

# ---------------------------------------------------------------- the token's file; what the API says of itself

my $file = PostgreSQL::Test::Utils::tempdir() . '/token';
append_to_file($file, "not just a token\n");
$node->safe_psql('postgres', "ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (DROP api_token, api_token_file '$file')");
ends_with(qr/^token\|f\|[^|]*doesn't hold just a token\. It has a blank[^|]*\|Put the token/, 'a file that holds more');
unlink $file;
append_to_file($file, "$PylonTest::TOKEN\n");
like(join("\n", ends_with(qr/^custom_fields\|t/, 'a file as it should be')), qr/^token\|t\|in file "\Q$file\E"\|$/m,
	'a file as it should be: named');

my $name = "Caf\x{e9} \x{5c71}\x{7530} $PylonTest::TOKEN \\u001b[31m";
api_fault($api, kind => 'status', status => 200, times => 0, match => 'GET /me',
	body => qq({"data":{"name":"$name","user":{"name":"u"}}}));
@rows = ends_with(qr/^custom_fields\|t\|/, 'an organization with an odd name');
like((grep { /^authentication/ } @rows)[0], qr/^authentication\|t\|organization "Caf\xc3\xa9 [^"]* \*\*\*  \[31m", token "u"/,
	'an organization with an odd name: fit to be shown, and without the token');

# ---------------------------------------------------------------- other encodings

$node->safe_psql('postgres', "CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
$node->safe_psql('latin1', "CREATE EXTENSION pylon_fdw;
	CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}');
	CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token '$PylonTest::TOKEN')");
@rows = ends_with(qr/^custom_fields\|t\|/, 'a name that LATIN1 lacks', 'latin1');
like((grep { /^authentication/ } @rows)[0], qr/^authentication\|t\|organization "Caf\?\? /, 'a name that LATIN1 lacks: shown in part');
like($node->safe_psql('latin1', "SELECT organization FROM pylon_fdw_ping('pylon')"), qr/^Caf\?\? /, 'nor does ping fail');

unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no backend crashed');

done_testing();
