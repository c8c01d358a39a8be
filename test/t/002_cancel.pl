# A statement ends at once when it is cancelled, whatever it waits for: to connect, for an answer, or to try again.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep time);

# It should take some milliseconds; starting a psql and a busy machine are in this, too.
use constant AT_ONCE => 1.0;
use constant STATEMENT_TIMEOUT => 0.5;

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
	{ name => 'waiting for the answer', fault => { kind => 'slow', delay => 60 } },
	{ name => 'reading an answer that stalls', fault => { kind => 'slow', stall => 60 } },
	{ name => 'reading an answer that trickles', fault => { kind => 'slow', rate => 1000 } },
	{ name => 'waiting for the second page', fault => { kind => 'slow', delay => 60, skip => 1 }, requests => 2 },
	{
		name => 'waiting for the rate limit',
		fault => { kind => 'status', status => 429, headers => { 'X-Retry-After' => '60' } }
	},
	{
		name => 'backing off from a 503',
		fault => { kind => 'status', status => 503, headers => { 'Retry-After' => '60' } }
	},
	{ name => 'backing off by its own measure', fault => { kind => 'status', status => 503 }, requests => 3 });

my $victim = "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'";
my @healthy = ("SELECT 'alive', count(*) FROM healthy.contacts", 'alive|2500');

# Brings a session to where it waits; gives the session.
sub bring_to
{
	my ($phase, @before) = @_;

	api_clear($api);
	api_fault($api, match => 'GET /contacts?limit=999', times => 0, %{ $phase->{fault} }) if $phase->{fault};
	return start_session($node, "SET application_name = 'victim'", @before, 'SELECT count(*) FROM contacts', $healthy[0]);
}

sub wait_until_there
{
	my $phase = shift;

	$node->poll_query_until('postgres', "SELECT EXISTS ($victim AND state = 'active' AND query ~ 'contacts')")
	  or die 'the session does not start';
	wait_for_requests($api, $phase->{requests} // 1) if $phase->{fault};
	# from the server's hands into the client's
	sleep 0.2;
	return;
}

sub is_soon
{
	my ($took, $name) = @_;

	note(sprintf '%s: %.0f ms', $name, 1000 * $took);
	cmp_ok($took, '<', AT_ONCE, "$name: at once");
	return;
}

sub session_is_in_order
{
	my ($session, $pattern, $name) = @_;

	like($session->{err}, $pattern, "$name: error");
	is($session->{out}, "$healthy[1]\n", "$name: the session goes on");
	return;
}

foreach my $phase (@phases)
{
	my ($session, $start);
	setup_server($node, $phase->{url} // $api, page_size => 999);

	my $name = "statement_timeout while $phase->{name}";
	my $timeout = 1000 * ($phase->{requests} ? 3 : 1) * STATEMENT_TIMEOUT;
	$start = time;
	$session = bring_to($phase, "SET statement_timeout = $timeout");
	finish_session($session);
	is_soon(time - $start - $timeout / 1000, $name);
	session_is_in_order($session, qr/ERROR:  57014: canceling statement due to statement timeout/, $name);

	$name = "pg_cancel_backend while $phase->{name}";
	$session = bring_to($phase);
	wait_until_there($phase);
	$start = time;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(($victim))");
	finish_session($session);
	is_soon(time - $start, $name);
	session_is_in_order($session, qr/ERROR:  57014: canceling statement due to user request/, $name);

	$name = "pg_terminate_backend while $phase->{name}";
	$session = bring_to($phase);
	wait_until_there($phase);
	$start = time;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(($victim))");
	finish_session($session);
	is_soon(time - $start, $name);
	like($session->{err}, qr/FATAL:  57P01/, "$name: error");
}

# ---------------------------------------------------------------- what stays behind

api_clear($api);
setup_server($node, $api);
api_fault($api, match => 'GET /contacts?limit=999', kind => 'slow', stall => 60);
my $session =
  finish_session(start_session($node, "SET statement_timeout = '500ms'", ('SELECT count(*) FROM contacts') x 2));
is($session->{out}, "2500\n", 'an answer that was broken off does not spoil the next');

is($node->safe_psql('postgres', 'SELECT count(*) FROM healthy.contacts'), 2500, 'the server is up');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no backend crashed');

done_testing();
