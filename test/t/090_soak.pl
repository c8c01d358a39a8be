# Many sessions at a rate-limited API, and one session that does the same for a long time: nobody is left out, nothing is
# asked in vain, and neither memory nor descriptors grow.
#
# PYLON_SOAK is which part of the full size is done: 1 is 50 sessions, 100,000 rescans, 10,000 failed and 10,000 cancelled
# queries, and 100,000 rows written. test/soak does that.

use strict;
use warnings;

use List::Util qw(max sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

# What may be in use more than after the first tenth, in kB, as in 014_memory.pl; and descriptors.
use constant CONTEXTS_MAY_GROW => 64;
use constant PROCESS_MAY_GROW => 2048;
use constant DESCRIPTORS_MAY_GROW => 2;

# What a session remembers of the contacts that it has written within a minute or two: 2 × 8,192 at most (written.c).
use constant WRITTEN_LATELY => 2048;

plan skip_all => 'there is no /proc/self/status to measure by' unless -e '/proc/self/status';

my $part = $ENV{PYLON_SOAK} // 0.01;
my $checker = $ENV{PYLON_CHECKER};

# The figures are what a long run is for.
my $tell = defined $ENV{PYLON_SOAK} ? \&diag : \&note;

sub scaled { my ($full, $least) = @_; return max(int($full * $part), $least); }

my $sessions = scaled(50, 4);
my $node = start_node("max_connections = 100\njit = off\nlog_statement = none\nlog_min_error_statement = panic\n");
my $api = start_api(contacts => 100);

# ---------------------------------------------------------------- many sessions, few requests

# Each session makes so many requests; the API takes as many of all together in a second as one of them makes.
my $requests = 20;
setup_server($node, $api, max_retry_wait => '10min');
api_set($api, rate_limit => $requests, rate_window => 1);
my @sessions = map { PylonSession->new($node) } 1 .. $sessions;
my $started = time;
$_->begin(
	"DO \$\$ BEGIN FOR n IN 1 .. $requests LOOP PERFORM name FROM contacts WHERE email = 'nobody' || n; END LOOP; END \$\$;
	SELECT requests, retries, rate_limited, extract(epoch FROM clock_timestamp())
		FROM pylon_fdw_stats()") for @sessions;
my @done = map { [ split /\|/, $_->result ] } @sessions;
is(join('', map { $_->error } @sessions), '', "$sessions sessions: none fails");
is(scalar(grep { $_->[0] - $_->[1] == $requests } @done), $sessions, "$sessions sessions: each does all of its work");
my ($sent, $repeated, $limited) = map { my $i = $_; sum(map { $_->[$i] } @done) } 0 .. 2;
is($repeated, $limited, 'only what the API asks to repeat is repeated');
is(scalar(api_take($api)), $sent, 'requests: those that are needed, and those that the API asks to repeat');
$tell->(
	sprintf '%d sessions, %d requests and %d more that the API asked for; %.0f s, the first session after %.0f s',
	$sessions, $sessions * $requests, $limited,
	time - $started,
	(sort { $a <=> $b } map { $_->[3] - $started } @done)[0]);
$_->quit for @sessions;
api_set($api, rate_limit => 0);

# ---------------------------------------------------------------- one session, many times

my ($session, $pid);

# kB in memory contexts and in the process, open descriptors, and kB of what is remembered of writes.
sub in_use
{
	my ($process) = slurp_file("/proc/$pid/status") =~ /RssAnon:\s*(\d+) kB/;
	my ($all, $written) = split /\|/, $session->query(
		"SELECT sum(total_bytes) / 1024, coalesce(sum(total_bytes) FILTER (WHERE name = 'pylon_fdw contacts written lately'), 0) / 1024
			FROM pg_backend_memory_contexts");
	return ($all - $written, $process, scalar(() = glob("/proc/$pid/fd/*")), $written);
}

# Runs what "chunk" gives ten times, in one session; "check" sees what was printed, and what was said.
sub does_not_grow
{
	my ($name, $chunk, $check) = @_;
	my @uses;

	$session = PylonSession->new($node);
	$pid = $session->pid;
	my $begun = time;
	for my $round (1 .. 10)
	{
		my $out = $session->query($chunk->($round));
		$check->($out, $session->error, "$name, tenth $round");
		push @uses, [in_use()];
		api_ctl($api, 'clear');
	}
	$session->quit;
	my @grown = map {
		my $i = $_;
		max(map { $_->[$i] } @uses) - $uses[0][$i]
	} 0 .. 2;
	$tell->(
		sprintf '%s: %.0f s; contexts %d kB, process %d kB, %d descriptors; %d kB, %d kB, %d more than after a tenth',
		$name,
		time - $begun, @{ $uses[0] }[ 0 .. 2 ], @grown);
	cmp_ok($grown[0], '<=', CONTEXTS_MAY_GROW, "$name: memory contexts");
	cmp_ok(max(map { $_->[3] } @uses), '<=', WRITTEN_LATELY, "$name: contacts written lately");
	cmp_ok($grown[2], '<=', DESCRIPTORS_MAY_GROW, "$name: descriptors");
	# A checker keeps freed memory; malloc keeps what held the writes before the last ones.
	cmp_ok($grown[1], '<=', PROCESS_MAY_GROW + 2 * WRITTEN_LATELY, "$name: process") unless $checker;
	return;
}

# All of so many statements fail, in this way.
sub all_fail
{
	my ($count, $sqlstate) = @_;
	return sub {
		my ($out, $err, $name) = @_;
		is(scalar(() = $err =~ /^ERROR:  $sqlstate:/mg), $count, "$name: all fail with $sqlstate");
		return;
	};
}

sub gives
{
	my ($result) = @_;
	return sub { my ($out, $err, $name) = @_; is("$out$err", $result, "$name: result"); return; };
}

my $rescans = scaled(10_000, 100);
does_not_grow("$rescans × 10 rescans",
	sub {
		"SELECT count(*), count(c.name) FROM generate_series(1, $rescans) n, LATERAL (SELECT name FROM contacts c
			WHERE c.email = 'nobody' || n OFFSET 0) c";
	},
	gives('0|0'));

my $written = scaled(10_000, 100);
does_not_grow("$written × 10 rows written",
	sub {
		my $round = shift;
		"WITH w AS (INSERT INTO contacts (name) SELECT 'soak $round ' || n FROM generate_series(1, $written) n
			RETURNING id) SELECT count(DISTINCT id) FROM w";
	},
	gives($written));

my $failed = scaled(1000, 10);
setup_server($node, $api, max_retries => 0);
api_fault($api, match => 'GET /contacts?', times => 0, kind => 'status', status => 500,
	body => { errors => ['no'], request_id => 'r' });
does_not_grow("$failed × 10 failed queries", sub { "SELECT max(name) FROM contacts;\n" x $failed },
	all_fail($failed, '58000'));

# The answer would come after the statement's time is over.
api_ctl($api, 'faults-clear');
api_fault($api, match => 'GET /contacts?', times => 0, kind => 'slow', delay => 0.5);
does_not_grow("$failed × 10 cancelled queries",
	sub {
		"SET statement_timeout = '5ms';\n"
		  . ("SELECT max(name) FROM contacts;\n" x $failed)
		  . 'RESET statement_timeout;';
	},
	all_fail($failed, '57014'));

done_testing();
