# Servers that attack who asks them: a table of attacks and verbs, in test/hostile/attacks.py.  Whatever they send, the
# statement ends as documented, soon, with little memory and few requests, and the session goes on.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

my $hostile = abs_path(dirname(__FILE__) . '/../hostile');
my $secret = 'sekrit-0123456789abcdef';

# OpenSSL as permissive as can be: what is refused is refused by the extension.
my $permissive = "$PostgreSQL::Test::Utils::tmp_check/openssl.cnf";
append_to_file($permissive, <<'CONF');
openssl_conf = default
[default]
ssl_conf = ssl
[ssl]
system_default = all
[all]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
CONF
$ENV{OPENSSL_CONF} = $permissive;

my %sql = (
	list => 'SELECT max(name) FROM contacts',
	search => "SELECT max(name) FROM contacts WHERE email = 'a\@x'",
	get => "SELECT max(name) FROM contacts WHERE id = 'c1'",
	insert => "INSERT INTO contacts (name, email) VALUES ('Ann', 'a\@x')",
	update => "UPDATE contacts SET name = 'Bob' WHERE id = 'c1'",
	emails => "UPDATE contacts SET emails = '{b\@x}' WHERE id = 'c1'",
	delete => "DELETE FROM contacts WHERE id = 'c1'",
	import => "IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO imported OPTIONS (custom_fields 'columns')",
	ping => "SELECT organization FROM pylon_fdw_ping('pylon')",
	(map { $_ => "SELECT count(*) FROM pylon_fdw_check('pylon')" } 'check', 'check_list', 'check_fields'),
	analyze => 'ANALYZE other.contacts',
	lookup => 'SELECT max(c.name) FROM keys k JOIN contacts c ON c.email = k.email',
	account_list => 'SELECT max(name) FROM accounts',
	account_search => "SELECT max(name) FROM accounts WHERE primary_domain = 'a.x'",
	account_get => "SELECT max(name) FROM accounts WHERE id = 'c1'",
	account_insert => "INSERT INTO accounts (name, domains) VALUES ('Ann', '{a.x}')",
	account_update => "UPDATE accounts SET name = 'Bob' WHERE id = 'c1'",
	account_emails => "UPDATE accounts SET domains = '{b.x}' WHERE id = 'c1'",
	account_analyze => 'ANALYZE other.accounts',
	account_lookup => 'SELECT max(a.name) FROM keys k JOIN accounts a ON a.primary_domain = k.domain');

my $certificates = "$PostgreSQL::Test::Utils::tmp_check/certificates";
my @command = ('python3', $hostile, '--cert-dir', $certificates, '--watch-pid', $$);
open my $table, '-|', @command or die $!;
my @rows = map { decode_json($_) } <$table>;
close $table or die 'the hostile server does not start';
my ($control) = $rows[0]{options}{base_url} =~ m{^(http://[^/]+)};
my $http = HTTP::Tiny->new(timeout => 60);

my $node = start_node("log_min_messages = debug1\n");
setup_server($node, $control, token => $secret);
$node->safe_psql('postgres', "CREATE TABLE keys AS SELECT 'a' || i || '\@x' AS email FROM generate_series(1, 20) i;
	UPDATE keys SET email = 'a\@x' WHERE email = 'a1\@x';
	ALTER TABLE keys ADD domain text; UPDATE keys SET domain = replace(email, '\@', '.'); ANALYZE keys;
	CREATE SCHEMA imported; CREATE SCHEMA other; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO other");

my $session = PylonSession->new($node);
my $killer = PylonSession->new($node);
my $pid = $session->pid;
my $said = '';

sub told { my $path = shift; return decode_json($http->get("$control/$path")->{content}); }

# The most memory that the backend has had, in MB; counted anew from here on.
sub memory_peak
{
	my ($peak) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
	open my $clear, '>', "/proc/$pid/clear_refs" or die $!;
	print $clear '5';
	close $clear;
	return $peak / 1024;
}

my %set = %{ $rows[0]{options} };
my %there = (base_url => 1);

# What gives the server just these options.
sub alter_server
{
	my ($options) = @_;
	my @changes = map { (exists $there{$_} ? 'SET' : 'ADD') . " $_ '$options->{$_}'" } sort keys %$options;

	push @changes, map { "DROP $_" } grep { !exists $options->{$_} } sort keys %there;
	%there = map { $_ => 1 } keys %$options;
	return 'ALTER SERVER pylon OPTIONS (' . join(', ', @changes) . ');';
}

# Runs an attack, and gives what the session says.
sub run_row
{
	my ($row) = @_;
	my $sql = $sql{ $row->{verb} };

	$sql = "BEGIN; $sql; ROLLBACK" if $row->{verb} eq 'import';
	$session->begin(alter_server($row->{options}) . "\n$sql");
	if ($row->{cancel})
	{
		ok(told('_active')->{active}, 'the attack goes on');
		# well into it, where a stream is unbroken
		$killer->query("SELECT pg_sleep(0.2), pg_cancel_backend($pid)");
	}
	$session->result;
	return $session->error;
}

$session->query("SET statement_timeout = '20s'");
foreach my $row (@rows)
{
	my $name = "$row->{name}, $row->{verb}";

	subtest $name => sub {
		memory_peak();
		my $before = memory_peak();
		my $start = time;
		my $error = run_row($row);
		note(sprintf '%.2f s', time - $start);
		my $growth = memory_peak() - $before;
		my ($state) = $error =~ /^(?:ERROR|FATAL):  (\w{5}):/m;
		my $log = told('_take');

		is($state // '00000', $row->{sqlstate}, 'SQLSTATE') or diag("$name: $error");
		cmp_ok($log->{requests}, '>=', $row->{requests}[0], 'requests') or diag($name);
		cmp_ok($log->{requests}, '<=', $row->{requests}[1], 'no more requests') or diag($name);
		cmp_ok($growth, '<', $row->{memory}, 'memory') or diag($name);
		cmp_ok($log->{left}, '>', 0, 'the server was still at it') or diag($name) if $row->{cancel};
		unlike($error, qr/contact/i, 'of accounts') if $row->{verb} =~ /^account_/;
		$said .= $error;
	};
}

is($session->pid, $pid, 'the session goes on');
is($session->query(alter_server(\%set) . "\n$sql{list}"), 'Ann', 'and reads what is sound');
unlike($said, qr/sekrit/, 'the token is shown to nobody');
unlike(slurp_file($node->logfile), qr/sekrit|PANIC|terminated by signal/, 'nor in the log; no backend crashed');

done_testing();
