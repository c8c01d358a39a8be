# What people read when something goes wrong: what happened, in words of their own, and what to do about it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 10);
my $create = 'POST /contacts$';
my $count = 'SELECT count(*) FROM contacts';
my $insert = "INSERT INTO contacts (name, email) VALUES ('New', 'new\@words.example')";

# ---------------------------------------------------------------- time-outs

setup_server($node, $api, request_timeout => patience_ms($node, 300), max_retries => 0);
api_fault($api, kind => 'slow', delay => 600);
fails_with($node, $count, '08006', qr/time-out of the request has passed.*HINT:  [^\n]*"request_timeout"/s,
	'a read that takes too long');
api_fault($api, kind => 'slow', delay => 600, match => 'PATCH');
fails_with($node, "UPDATE contacts SET name = 'Ada' WHERE email = 'ada\@acme.com'", '08006',
	qr/time-out of the request has passed.*It is unknown whether this was done.*HINT:  [^\n]*"request_timeout"/s,
	'an update that takes too long');
api_fault($api, kind => 'slow', delay => 600, match => $create);
fails_with($node, $insert, '40003', qr/timed out.*HINT:  [^\n]*"request_timeout"/s, 'a create that takes too long');

my $hole = blackhole();
setup_server($node, "http://127.0.0.1:$hole->{port}", connect_timeout => '200ms', max_retries => 0);
fails_with($node, $count, '08001', qr/time-out of the request has passed.*HINT:  [^\n]*"connect_timeout"/s,
	'a connection that takes too long');
setup_server($node, "http://127.0.0.1:$hole->{port}", request_timeout => '200ms', max_retries => 0);
fails_with($node, $count, '08001', qr/HINT:  [^\n]*"request_timeout"/s,
	'a connection that takes longer than the request may');

setup_server($node, $api, max_retries => 0);
api_fault($api, kind => 'close');
my $text = fails_with($node, $count, '08006', qr/the connection to the API was lost/, 'a lost connection');
unlike($text, qr/time/, 'a lost connection: that is no time-out');

# ---------------------------------------------------------------- nobody has heard of callbacks and framing layers

for my $fault ({ kind => 'close' }, { kind => 'reset' }, { kind => 'cut' })
{
	my $session = PylonSession->new($node);

	$session->query($count);
	api_fault($api, %$fault, match => $create);
	$session->query($insert);
	like($session->error, qr/ERROR:  40003/, "$fault->{kind}: the create is of unknown outcome");
	unlike($session->error, qr/callback|framing/, "$fault->{kind}: told in people's words");
	like($session->error, qr/1 create that was on its way\n.*HINT:  See whether it took effect/s,
		"$fault->{kind}: one is not many");
	$session->quit;
	$node->safe_psql('postgres', "DELETE FROM contacts WHERE email = 'new\@words.example'");
}

# ---------------------------------------------------------------- progress

{
	my $session = PylonSession->new($node);

	$session->query("ALTER SERVER pylon OPTIONS (ADD page_size '5')");
	api_set($api, latency => 150);
	$session->query("SET pylon_fdw.progress_interval = '50ms'; $count; $insert");
	api_set($api, latency => 0);
	like($session->error, qr/: 1 page, 5 contacts, /, 'progress: one page');
	unlike($session->error, qr/\b1 (?:pages|contacts|creates|updates|deletes)\b/, 'progress: one is not many');
	my @lines = $session->error =~ /^NOTICE: .*$/mg;
	my %lines = map { $_ => 1 } @lines;
	is(scalar(@lines), scalar(keys %lines), 'progress: no line twice') or diag($session->error);
	is($session->query('ANALYZE contacts'), '', 'progress: ANALYZE');
	api_set($api, latency => 150);
	$session->query($count);
	like($session->error, qr/: 1 page, 5 of about 11 contacts, /, 'progress: of how many, where statistics tell');
	$session->query("$count WHERE email LIKE '%\@%'");
	like($session->error, qr/: 1 page, \d contacts, /, 'progress: but not of a search');
	$session->query("ANALYZE contacts");
	like($session->error, qr/NOTICE:  00000: analyze foreign table "contacts": 1 page, 5 of about 11 contacts, /,
		'progress: of ANALYZE');
	$session->query("CREATE SCHEMA nowhere; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO nowhere OPTIONS (custom_fields 'columns')");
	like($session->error, qr/: read the custom fields of contacts: 0 pages, 0 custom fields, /, 'progress: of an import');
	$session->query("SELECT * FROM pylon_fdw_ping('pylon')");
	like($session->error, qr/NOTICE:  00000: ping server "pylon": no answer yet, \d+ s\n/, 'progress: of a single question');
	$session->quit;
}

# Many contacts are easier to read so.
{
	my $many = start_api(contacts => 2500, set => { latency => 150 });
	my $session;

	setup_server($node, $many);
	$session = PylonSession->new($node);
	$session->query("SET pylon_fdw.progress_interval = '50ms'; $count");
	like($session->error, qr/: 2 pages, 1,998 contacts, \d+ s/, 'progress: thousands are set apart');
	$session->quit;
	setup_server($node, $api, page_size => 5);
}

# ---------------------------------------------------------------- in pg_stat_activity

{
	my $session = PylonSession->new($node);
	my $pid = $session->pid;
	my $name = $node->safe_psql('postgres', 'SHOW server_version_num') < 170000 ? 'Extension' : 'PylonHttp';

	api_clear($api);
	api_fault($api, kind => 'slow', delay => 600);
	$session->begin($count);
	wait_for_requests($api, 1);
	ok($node->poll_query_until('postgres',
			"SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity WHERE pid = $pid", "Extension $name"),
		'a session that waits for the API says so');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	$session->result;
	$session->quit;
	api_clear($api);
}

# ---------------------------------------------------------------- the token's file

my $file = PostgreSQL::Test::Utils::tempdir() . '/token';

sub token_file
{
	my ($content, $mode) = @_;

	unlink $file;
	return unless defined $content;
	append_to_file($file, $content);
	chmod $mode // 0600, $file or die "$file: $!";
	return;
}

$node->safe_psql('postgres',
	"ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (DROP api_token, api_token_file '$file')");
for my $case (
	[ 'missing', undef, qr/No such file/ ], [ 'empty', '', qr/is empty/ ], [ 'blank', " \n", qr/is empty/ ],
	[ 'of two words', 'not a token', qr/doesn't hold just a token/ ])
{
	my ($name, $content, $pattern) = @$case;

	token_file($content);
	$text = fails_with(
		$node, $count, '28000', qr/DETAIL:  [^\n]*\Q$file\E[^\n]*$pattern.*HINT:  Put the token[^\n]*into that file/s,
		"a token file that is $name");
	unlike($text, qr/api_token '/, "a token file that is $name: the mapping needs no token");
}
SKIP:
{
	skip 'root may read everything', 2 if $> == 0;
	token_file($PylonTest::TOKEN, 0000);
	fails_with($node, $count, '28000', qr/\Q$file\E[^\n]*Permission denied.*HINT:  Put the token/s,
		'a token file that can\'t be read');
}
token_file('wrong-token');
fails_with($node, $count, '28000', qr/Invalid API token!.*HINT:  Check the token in file "\Q$file\E"/s,
	'a token file with a token that isn\'t accepted');
token_file($PylonTest::TOKEN);
is($node->safe_psql('postgres', $count), 11, 'a token file as it should be');

# ---------------------------------------------------------------- which row, and what was done before

setup_server($node, $api, max_concurrent_requests => 1);
api_fault($api, kind => 'status', status => 422, match => $create, holds => 'third@words.example');
$text = fails_with(
	$node,
	"INSERT INTO contacts (name, email) VALUES ('A', 'first\@words.example'), ('B', 'second\@words.example'), ('C', 'third\@words.example')",
	'22023',
	qr/could not insert contact "third\@words\.example".*Of this statement, 2 creates, 0 updates and 0 deletes were done/s,
	'an error in the middle');
like($text, qr/WARNING:  [^\n]*2 creates, 0 updates and 0 deletes of contacts remain/,
	'an error in the middle: the warning');

done_testing();
