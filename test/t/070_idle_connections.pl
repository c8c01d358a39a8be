# Creates through a server that ends connections, as balancers do: none is lost, none is done twice.
#
# nginx stands before the sample API.  It closes connections that are idle, those that have had their number of
# requests, and all of them when it is told to read its configuration again.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep);

my ($nginx) = grep { -x } '/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx';
plan skip_all => 'nginx is not installed (package nginx-light)' unless $nginx;

my $node = start_node();
my $api = start_api(contacts => 10);
# only for its certificates
my $secure = start_api(contacts => 1, tls => 1);
my $certificates = $secure->{ca_file} =~ s/\/ca\.pem$//r;
my $batches = 0;

# ---------------------------------------------------------------- a proxy that ends connections

# Starts an nginx with these settings of its own; gives what setup_server wants, and what nginx_command needs.
sub start_nginx
{
	my ($name, $protocol, $settings) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir() . "/$name";
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $paths = join '', map { "${_}_temp_path $directory/$_; " } 'client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi';

	mkdir $directory or die "$directory: $!";
	append_to_file("$directory/nginx.conf", qq(
		pid $directory/pid;
		error_log $directory/error.log;
		worker_processes 2;
		events { }
		http {
			log_format wire '\$server_protocol \$connection \$request_method';
			access_log $directory/access.log wire;
			$paths
			$settings
			server {
				listen 127.0.0.1:$port ssl $protocol;
				ssl_certificate $certificates/server.pem;
				ssl_certificate_key $certificates/server.key;
				location / { proxy_pass $api->{url}; proxy_http_version 1.1; }
			}
		}));
	my $proxy = { url => "https://localhost:$port", ca_file => $secure->{ca_file}, directory => $directory };
	nginx_command($proxy);
	return $proxy;
}

sub nginx_command
{
	my ($proxy, @words) = @_;

	system_or_bail($nginx, '-q', '-p', $proxy->{directory}, '-e', "$proxy->{directory}/error.log",
		'-c', "$proxy->{directory}/nginx.conf", @words);
	return;
}

sub protocols
{
	my $proxy = shift;
	my %seen = map { (split / /)[0] => 1 } split /\n/, slurp_file("$proxy->{directory}/access.log");

	return join ' ', sort keys %seen;
}

# An INSERT of so many contacts, and the pattern of their addresses.
sub insert_of
{
	my $count = shift;

	$batches++;
	return (
		"INSERT INTO contacts (name, email) SELECT 'New', 'row' || n || '\@batch$batches.example'
			FROM generate_series(1, $count) n",
		qr/^row\d+\@batch$batches\.example$/);
}

# How many addresses that fit a pattern are there, and how many contacts have them.
sub stored
{
	my $pattern = shift;
	my %count;

	$count{$_}++
	  for grep { $_ =~ $pattern } map { decode_json($_)->{email} // '' } split /\n/, api_ctl($api, 'contacts');
	my $contacts = 0;
	$contacts += $_ for values %count;
	return keys(%count) . " in $contacts";
}

# Inserts so many contacts, with something to be done meanwhile.
sub creates_once
{
	my ($session, $count, $name, $meanwhile) = @_;
	my ($sql, $pattern) = insert_of($count);

	$session->begin($sql);
	$meanwhile->() if $meanwhile;
	$session->result;
	is($session->error, '', "$name: no error");
	is(stored($pattern), "$count in $count", "$name: each contact is there once");
	return;
}

for my $protocol ('HTTP/1.1', 'HTTP/2.0')
{
	my $listen = $protocol eq 'HTTP/2.0' ? 'http2' : '';
	my $name = $protocol =~ s/\W/_/gr;

	# The server has closed the connection, and nobody has looked at it since.
	my $idle = start_nginx("idle_$name", $listen, 'keepalive_timeout 1s;');
	setup_server($node, $idle->{url}, ca_file => $idle->{ca_file});
	my $session = PylonSession->new($node);
	for my $pause (1, 1.3, 2.5)
	{
		is($session->query('SELECT count(*) FROM contacts WHERE id = \'nobody\''), 0, "$protocol: a read");
		sleep $pause;
		creates_once($session, 1, "$protocol: a create $pause s after a read");
	}
	sleep 1.3;
	creates_once($session, 1, "$protocol: a create after another one");
	sleep 1.3;
	is($session->query('SELECT count(*) FROM contacts WHERE id = \'nobody\''), 0, "$protocol: a read after that");
	is(protocols($idle), $protocol, "$protocol: that is what was spoken");
	$session->quit;

	# It ends connections after some requests, in the middle of a statement.
	my $limited = start_nginx("limited_$name", $listen, 'keepalive_requests 7;');
	setup_server($node, $limited->{url}, ca_file => $limited->{ca_file}, max_concurrent_requests => 8);
	$session = PylonSession->new($node);
	creates_once($session, 300, "$protocol: keepalive_requests");
	is($session->query("SELECT requests, retries FROM pylon_fdw_stats()"),
		'300|0', "$protocol: keepalive_requests: each is sent once");
	$session->quit;

	# It reads its configuration again, now and then.
	my $reloaded = start_nginx("reloaded_$name", $listen, 'keepalive_requests 20;');
	setup_server($node, $reloaded->{url}, ca_file => $reloaded->{ca_file}, max_concurrent_requests => 8);
	$session = PylonSession->new($node);
	api_set($api, write_latency => 20);
	creates_once($session, 400, "$protocol: reload", sub {
		for (1 .. 6)
		{
			sleep 0.15;
			nginx_command($reloaded, '-s', 'reload');
		}
	});
	api_set($api, write_latency => 0);
	$session->quit;

	nginx_command($_, '-s', 'quit') for $idle, $limited, $reloaded;
}

# One stream at a time on each connection.
my $narrow = start_nginx('narrow', 'http2', 'http2_max_concurrent_streams 1; keepalive_requests 5;');
setup_server($node, $narrow->{url}, ca_file => $narrow->{ca_file}, max_concurrent_requests => 16);
my $session = PylonSession->new($node);
creates_once($session, 100, 'http2_max_concurrent_streams 1');
$session->quit;
nginx_command($narrow, '-s', 'quit');

# ---------------------------------------------------------------- what HTTP/2 says of a request

# Starts the server by hand; gives its URL and the pipe that its lines come from.
sub start_http2
{
	my ($behaviour, $times) = @_;
	my $script = __FILE__ =~ s/[^\/]*$/http2_server.py/r;

	my $pid = open my $lines, '-|', 'python3', $script, $certificates, $behaviour, $times, $$ or die "$script: $!";
	my $port = <$lines>;
	chomp $port;
	return { url => "https://localhost:$port", lines => $lines, pid => $pid };
}

sub stop_http2 { my $server = shift; kill 'TERM', $server->{pid}; close $server->{lines}; return; }

# Behaviour; whether the server has said that nothing was done.
for my $case ([ 'refuse', 1 ], [ 'goaway', 1 ], [ 'goaway-stay', 1 ], [ 'goaway-done', 0 ], [ 'cancel', 0 ],
	[ 'close', 0 ])
{
	my ($behaviour, $nothing_done) = @$case;
	my $server = start_http2($behaviour, 2);
	my ($sql) = insert_of(1);

	setup_server($node, $server->{url}, ca_file => $secure->{ca_file});
	$session = PylonSession->new($node);
	$session->query("$sql RETURNING id");
	if ($nothing_done)
	{
		is($session->error, '', "$behaviour: nothing was done, so it is sent again");
		is($session->query('SELECT requests, retries, rows_created FROM pylon_fdw_stats()'),
			'3|2|1', "$behaviour: until it is done");
	}
	else
	{
		like($session->error, qr/^ERROR:  40003: /m, "$behaviour: nobody knows whether it was done");
		is($session->query('SELECT requests FROM pylon_fdw_stats()'), 1, "$behaviour: so it isn't sent again");
	}
	$session->quit;
	stop_http2($server);
}

# A server that refuses for ever: that is no unknown outcome.
for my $behaviour ('refuse', 'goaway')
{
	my $server = start_http2($behaviour, 1000);
	my ($sql) = insert_of(1);

	setup_server($node, $server->{url}, ca_file => $secure->{ca_file}, max_retries => 1);
	fails_with($node, $sql, '08006', qr/refused the request without looking at it/, "$behaviour for ever");
	stop_http2($server);
}

done_testing();
