# A statement ends at once when it is cancelled, whatever it waits for: to connect, for an answer, or to try again.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep time);

# What is promised, in seconds; beside it goes what the same takes with a statement of PostgreSQL's own, just before.
use constant AT_ONCE => 0.1;

my $node = start_node();
my $api = start_api(contacts => 2500);
my $blackhole = blackhole();
my $silent = silent_listener();

# A second way to the same API, by which a session shows that it is still in order.
setup_server($node, $api);
$node->safe_psql(
	'postgres', "
	CREATE SERVER healthy FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}', page_size '500');
	CREATE USER MAPPING FOR PUBLIC SERVER healthy OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE SCHEMA healthy;
	IMPORT FOREIGN SCHEMA pylon FROM SERVER healthy INTO healthy");

# url: where server "pylon" is, if not the sample API.  fault: what happens to its requests, of which there must have
# been "requests" before the statement can be where the test wants it.
my @phases = (
	{ name => 'connecting', url => "http://127.0.0.1:$blackhole->{port}" },
	{ name => 'in the TLS handshake', url => 'https://127.0.0.1:' . $silent->sockport },
	{ name => 'waiting for the answer', fault => { kind => 'slow', delay => 600 } },
	{ name => 'reading an answer that stalls', fault => { kind => 'slow', stall => 600 } },
	{ name => 'reading an answer that trickles', fault => { kind => 'slow', rate => 1000 } },
	{ name => 'waiting for the second page', fault => { kind => 'slow', delay => 600, skip => 1 }, requests => 2 },
	{
		name => 'waiting for the rate limit',
		fault => { kind => 'status', status => 429, headers => { 'X-Retry-After' => '100' } }
	},
	{
		name => 'backing off from a 503',
		fault => { kind => 'status', status => 503, headers => { 'Retry-After' => '100' } }
	},
	{ name => 'backing off by its own measure', fault => { kind => 'status', status => 503 }, requests => 3 });

my $count = 'SELECT count(*) FROM contacts';
my $own = 'SELECT pg_sleep(600)';
my %errors = (
	statement_timeout => qr/ERROR:  57014: canceling statement due to statement timeout/,
	pg_cancel_backend => qr/ERROR:  57014: canceling statement due to user request/,
	pg_terminate_backend => qr/FATAL:  57P01/);
my $controller = PylonSession->new($node);

# Waits until a session is in a statement, and where the phase wants it, if there is one.
sub wait_until_there
{
	my ($pid, $phase) = @_;

	1 until $controller->query("SELECT state FROM pg_stat_activity WHERE pid = $pid") eq 'active';
	wait_for_requests($api, $phase->{requests} // 1) if $phase->{fault};
	# from the server's hands into the client's
	sleep 0.1;
	return;
}

# Ends a statement in one of these ways; gives the seconds that it went on, and the session.
sub seconds_to_end
{
	my ($way, $sql, $phase, $factor) = @_;
	my $session = PylonSession->new($node);
	my $pid = $session->pid;
	my $timeout = $way eq 'statement_timeout' ? 0.1 * $factor * ($phase->{requests} ? 5 : 1) : 0;

	$session->query("SET statement_timeout = '" . 1000 * $timeout . "ms'");
	my $start = time + $timeout;
	$session->begin($sql);
	if (!$timeout)
	{
		wait_until_there($pid, $phase);
		$start = time;
		$controller->query("SELECT $way($pid)");
	}
	$session->is_finished;
	return (time - $start, $session);
}

# With the errors that it doesn't end in time because the machine is busy, or only because of that, told apart.
sub ends_at_once
{
	my ($way, $phase) = @_;
	my $name = "$way while $phase->{name}";

	with_patience("$name: at once", sub {
		my $factor = shift;
		my ($own_seconds, $other) = seconds_to_end($way, $own, {}, $factor);

		$other->quit;
		api_clear($api);
		api_fault($api, match => 'GET /contacts?limit=999', times => 0, %{ $phase->{fault} }) if $phase->{fault};
		my ($seconds, $session) = seconds_to_end($way, $count, $phase, $factor);
		note(sprintf '%s: %.0f ms, pg_sleep %.0f ms', $name, 1000 * $seconds, 1000 * $own_seconds);
		my @wrong = $seconds <= $own_seconds + AT_ONCE ? () : sprintf '%.3f s, pg_sleep %.3f s', $seconds, $own_seconds;
		push @wrong, 'error: ' . $session->error unless $session->error =~ $errors{$way};
		push @wrong, 'the session does not go on'
		  unless $way eq 'pg_terminate_backend' || $session->query('SELECT count(*) FROM healthy.contacts') eq '2500';
		$session->quit;
		return @wrong;
	});
	return;
}

foreach my $phase (@phases)
{
	setup_server($node, $phase->{url} // $api, page_size => 999);
	ends_at_once($_, $phase) for 'statement_timeout', 'pg_cancel_backend', 'pg_terminate_backend';
}

# ---------------------------------------------------------------- what stays behind

api_clear($api);
setup_server($node, $api);
api_fault($api, match => 'GET /contacts?limit=999', kind => 'slow', stall => 600);
my $session = PylonSession->new($node);
$session->query("SET statement_timeout = '500ms'; $count; RESET statement_timeout");
like($session->error, qr/57014/, 'an answer is broken off');
is($session->query($count), 2500, 'an answer that was broken off does not spoil the next');
$session->quit;

is($node->safe_psql('postgres', 'SELECT count(*) FROM healthy.contacts'), 2500, 'the server is up');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no backend crashed');

done_testing();
