package PylonTest;

# What the TAP tests share: a node, the sample API beside it, and a foreign server between the two.
#
# A server is set up anew for each group of tests, with the options that it is about:
#
#	my $node = start_node();
#	my $api = start_api(contacts => 2500);
#	setup_server($node, $api, max_retries => 1);
#	api_fault($api, kind => 'status', status => 503);
#	is($node->safe_psql('postgres', 'SELECT count(*) FROM contacts'), 2500);
#	is_deeply([api_take($api)], ['GET /contacts?limit=999', ...]);
#
# test/sample_api/README.md explains the API's switches, faults and log.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use PylonNode;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  start_node setup_server given fails_with
  start_api stop_api control api_ctl api_take api_set api_fault api_faults api_clear wait_for_requests requests_are
  blackhole silent_listener start_session finish_session
  patience patience_ms with_patience
);

our $TOKEN = 'sample-token';

# What a statement in a session of its own takes on an idle machine, generously.
use constant IDLE_ROUND_TRIP => 0.02;

my $sample_api = abs_path(dirname(__FILE__) . '/../sample_api');
my $json = JSON::PP->new->canonical;
# Control needs no TLS, and no proxy may be asked.
my $http = HTTP::Tiny->new(
	timeout => $PostgreSQL::Test::Utils::timeout_default, http_proxy => undef, https_proxy => undef, proxy => undef);

# ---------------------------------------------------------------- server and session

# A running node with the extension; a text may follow for its postgresql.conf.
sub start_node
{
	my ($settings) = @_;
	my $node = PylonNode->new('main');

	$node->init;
	# Sessions come faster than a busy machine ends those before them.
	$node->append_conf('postgresql.conf', 'max_connections = 60');
	# Plans with requests are expensive enough to be compiled, which costs more than all that the tests do with them.  A
	# statement that hangs must fail, not stop the tests.
	$node->append_conf('postgresql.conf',
		"jit = off\nstatement_timeout = '" . ($ENV{PYLON_CHECKER} ? 3000 : 170) . "s'\n" . ($settings // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pylon_fdw');
	return $node;
}

sub quoted
{
	my $text = shift;
	$text =~ s/'/''/g;
	return "'$text'";
}

# Makes server "pylon" anew, with a mapping for all and the table contacts.  $api is one of start_api, or just a URL;
# the options are those of the server, but for "token".
sub setup_server
{
	my ($node, $api, %options) = @_;
	my $token = delete $options{token} // $TOKEN;

	$api = { url => $api } unless ref $api;
	$options{base_url} //= $api->{url};
	$options{ca_file} //= $api->{ca_file} if defined $api->{ca_file};
	my $options = join ', ', map { "$_ " . quoted($options{$_}) } sort keys %options;

	# The node logs all statements; the token in this one is not for the log.
	$node->safe_psql('postgres', "SET client_min_messages = warning;
		SET log_statement = none;
		DROP SERVER IF EXISTS pylon CASCADE;
		CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS ($options);
		CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token " . quoted($token) . ");
		IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;");
	return;
}

# The same, and the API fails so.
sub given
{
	my ($node, $api, $options, @faults) = @_;

	setup_server($node, $api, %$options);
	api_faults($api, @faults);
	return;
}

# Checks that a statement fails with this SQLSTATE (or one that fits this pattern), and that message, DETAIL and HINT
# match the other pattern.  Gives the text.  A PylonSession may stand for the node.
sub fails_with
{
	my ($node, $sql, $sqlstate, $pattern, $name) = @_;
	my ($out, $err) =
	  $node->isa('PylonSession')
	  ? ($node->query($sql), $node->error)
	  : ($node->psql('postgres', "\\set VERBOSITY verbose\n$sql"))[ 1, 2 ];
	my ($found) = $err =~ /^(?:psql:[^ ]* )?ERROR:  ([0-9A-Z]{5}):/m;

	like($found // 'none', qr/^$sqlstate$/, "$name: SQLSTATE") or diag($err eq '' ? "it succeeded: $out" : $err);
	like($err, $pattern, "$name: message");
	return $err;
}

# Starts a psql that runs these statements one after the other, whether they fail or not; finish_session waits for it.
sub start_session
{
	my ($node, @statements) = @_;
	my $session = { out => '', err => '' };
	my @command = ('psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'));

	$session->{run} = IPC::Run::start([ @command, map { ('-c', $_) } @statements ],
		'<', \undef, '>', \$session->{out}, '2>', \$session->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $session;
}

sub finish_session
{
	my $session = shift;

	$session->{run}->finish;
	return $session;
}

# ---------------------------------------------------------------- sample API

# Starts a sample API that ends with this test: contacts => N, seed => S, token => T, tls => 1, set => {name => value}.
sub start_api
{
	my (%options) = @_;
	my $switches = delete $options{set} // {};
	my $api = {};
	my @command = ('python3', $sample_api, '--background', '--watch-pid', $$);

	if (delete $options{tls})
	{
		my $directory = "$PostgreSQL::Test::Utils::tmp_check/certificates";
		push @command, '--tls', '--cert-dir', $directory;
		$api->{ca_file} = "$directory/ca.pem";
		$api->{other_ca_file} = "$directory/other-ca.pem";
	}
	push @command, map { ("--$_", $options{$_}) } sort keys %options;
	push @command, map { ('--set', "$_=$switches->{$_}") } sort keys %$switches;
	$api->{url} = output_of(@command);
	chomp $api->{url};
	return $api;
}

sub output_of
{
	my (@command) = @_;

	open my $pipe, '-|', @command or die "@command: $!";
	local $/ = undef;
	my $output = <$pipe>;
	close $pipe or die "@command: failed";
	return $output // '';
}

# What test/sample_api/ctl asks for; the forms are how the words become a body.
my %controls = (
	'log' => [ 'GET', '_log' ],
	'log-json' => [ 'GET', '_log?format=json' ],
	'take' => [ 'DELETE', '_log' ],
	'clear' => [ 'DELETE', '_log' ],
	'count' => [ 'GET', '_count' ],
	'set' => [ 'POST', '_set', 'pairs' ],
	'fault' => [ 'POST', '_fault', 'json' ],
	'faults' => [ 'GET', '_fault' ],
	'faults-clear' => [ 'DELETE', '_fault' ],
	'add' => [ 'POST', '_contacts', 'json' ],
	'replace' => [ 'PUT', '_contacts', 'json' ],
	'contacts' => [ 'GET', '_contacts' ],
	'connections' => [ 'GET', '_connections' ],
	'accounts' => [ 'GET', '_accounts' ],
	'add-accounts' => [ 'POST', '_accounts', 'json' ],
	'replace-accounts' => [ 'PUT', '_accounts', 'json' ],
	'custom-fields' => [ 'POST', '_custom_fields', 'json' ],
	'account-custom-fields' => [ 'POST', '_custom_fields?object_type=account', 'json' ],
	'reset' => [ 'POST', '_reset', 'pairs' ],
	'stop' => [ 'POST', '_stop' ]);

# Does the same as a command of ctl, without starting a program for it; gives what it would print, and dies where it fails.
sub api_ctl
{
	my ($api, $command, @words) = @_;
	my ($method, $path, $form) = @{ $controls{$command} // die "no command \"$command\"" };
	my $body = join ' ', @words;

	$body = $json->encode({ map { split /=/, $_, 2 } @words }) if ($form // '') eq 'pairs';
	return control($api, $method, $path, $body);
}

# A request of the sample API, control or another client's; gives the answer's body.  What is no text is sent as JSON.
sub control
{
	my ($api, $method, $path, $body) = @_;
	my ($port) = $api->{url} =~ /:(\d+)$/;

	$body = encode_json($body) if ref $body;
	utf8::encode($body) if defined $body && utf8::is_utf8($body);
	my $answer = $http->request(
		$method,
		"http://127.0.0.1:$port/$path",
		{
			content => $body // '',
			headers => { Authorization => "Bearer $TOKEN", 'Content-Type' => 'application/json' }
		});
	die "$method $path: $answer->{status} $answer->{content}" unless $answer->{success};
	return $answer->{content};
}

# Returns when nobody listens there any more.
sub stop_api
{
	my $api = shift;
	my ($port) = $api->{url} =~ /:(\d+)$/;

	api_ctl($api, 'stop');
	sleep 0.05 while IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp');
	return;
}

# The requests since the last call, a line each; the log is empty then.
sub api_take { my $api = shift; return split /\n/, api_ctl($api, 'take'); }

sub api_set
{
	my ($api, %switches) = @_;

	api_ctl($api, 'set', map { "$_=$switches{$_}" } sort keys %switches);
	return;
}

sub api_fault { my ($api, %fault) = @_; api_ctl($api, 'fault', $json->encode(\%fault)); return; }

# Only these faults, for requests that are none yet.
sub api_faults { my ($api, @faults) = @_; api_clear($api); api_fault($api, %$_) for @faults; return; }

# Forgets queued faults and logged requests.
sub api_clear { my $api = shift; api_ctl($api, $_) for 'faults-clear', 'clear'; return; }

sub wait_for_requests
{
	my ($api, $count) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	while (api_ctl($api, 'count') < $count)
	{
		die "no $count requests" if time > $until;
		sleep 0.05;
	}
	return;
}

# Checks what a statement gives, and exactly which requests it makes.
sub requests_are
{
	my ($node, $api, $sql, $result, $requests, $name) = @_;

	api_take($api);
	is($node->safe_psql('postgres', $sql), $result, "$name: result") if defined $result;
	$node->safe_psql('postgres', $sql) unless defined $result;
	is_deeply([ api_take($api) ], $requests, "$name: requests");
	return;
}

# ---------------------------------------------------------------- time

# A machine can be busy. Where a test needs a time-out or a latency, so long that what it doesn't concern is done before:
# the seconds given, or more by how much slower the machine is now than one that has nothing else to do.
sub patience
{
	my ($node, $seconds) = @_;
	my $start = time;

	$node->safe_psql('postgres', 'SELECT 1');
	my $factor = (time - $start) / IDLE_ROUND_TRIP;
	return $factor > 1 ? $seconds * $factor : $seconds;
}

# The same in milliseconds and as an option's value: patience_ms($node, 500) is '500ms' or more.
sub patience_ms { my ($node, $ms) = @_; return int(patience($node, $ms)) . 'ms'; }

# Checks what depends on time: the function gets a factor for its times and gives what is wrong, if anything. What goes
# wrong because the machine is busy goes right with longer times, what is wrong doesn't.
sub with_patience
{
	my ($name, $try) = @_;
	my @wrong;

	for my $factor (1, 2, 4, 8, 16)
	{
		@wrong = $try->($factor);
		last unless @wrong;
		note("$name, with a factor of $factor: @wrong");
	}
	return is(join("\n", @wrong), '', $name);
}

# ---------------------------------------------------------------- hosts that don't answer

# A listening socket that accepts connections (the kernel does) and never says a word.
sub silent_listener
{
	return IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0) // die "no socket: $!";
}

# A listening socket whose queue is full: who connects to it hears nothing.  Keep the reference.
sub blackhole
{
	my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)
	  // die "no socket: $!";
	my %there = (PeerAddr => '127.0.0.1', PeerPort => $listener->sockport, Proto => 'tcp', Blocking => 0);

	listen($listener, 0);
	my @clients = map { IO::Socket::INET->new(%there) } 1 .. 4;
	sleep 0.1;
	return { port => $listener->sockport, sockets => [ $listener, @clients ] };
}

1;
