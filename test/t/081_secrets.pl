# What must not be seen: the token, in whatever form it comes back; what could spoil a message; files that are none; and
# that authorities are those of ca_file, as it is now.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(mkfifo);
use PylonSession;
use PylonTest;
use Test::More;

my $page = abs_path(dirname(__FILE__) . "/../../doc/security.md");
my $secret = 'sekrit/0123456789-abcdef';
my $api = start_api(contacts => 10, token => $secret);

# The server's log is as talkative as can be.
my $node = start_node(<<'CONF');
shared_preload_libraries = 'pg_stat_statements'
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
pg_stat_statements.track = all
log_statement = all
log_duration = on
log_min_duration_statement = 0
log_min_duration_sample = 0
log_statement_sample_rate = 1
log_transaction_sample_rate = 1
log_min_error_statement = debug5
log_min_messages = debug5
log_error_verbosity = verbose
CONF
$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements; CREATE ROLE app');

# ---------------------------------------------------------------- the documented way around the log

sub documented_recipe
{
	my ($recipe) = slurp_file($page) =~ /```sql\n(SET log_statement.*?)```/s;
	return $recipe // die 'no recipe';
}

sub kept
{
	my $text = shift;
	my $session = PylonSession->new($node);
	my $statements = $session->query("SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%$text%'");
	my $activity = $session->query("SELECT count(*) FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND query LIKE '%$text%'");

	$session->quit;
	# the question itself stands in the log, too
	my @lines = grep { /\Q$text\E/ && !/LIKE|~~/ } split /\n/, slurp_file($node->logfile);
	return "$statements|$activity|" . @lines;
}

my $session = PylonSession->new($node);
$session->query("CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}')");
$session->query("CREATE USER MAPPING FOR app SERVER pylon OPTIONS (api_token 'careless-token')");
like(kept('careless-token'), qr/^1\|1\|[1-9]/, 'a statement with a token is kept in three places');
$session->query('DROP USER MAPPING FOR app SERVER pylon');
(my $recipe = documented_recipe()) =~ s/…|\xe2\x80\xa6/careful-token/;
$session->query($recipe);
is($session->error, '', "the documented way: works");
is(kept('careful-token'), '0|0|0', "the documented way: the token is kept nowhere");
is($session->query("SELECT umoptions FROM pg_user_mappings WHERE usename = 'app'"), '{api_token=careful-token}',
	"the documented way: but in the user mapping");
$session->quit;
$node->safe_psql('postgres', 'DROP USER MAPPING FOR app SERVER pylon');

# What follows has the token in its statements, and looks for it in all other lines.
$node->append_conf('postgresql.conf', <<'CONF');
log_statement = none
log_min_duration_statement = -1
log_min_duration_sample = -1
log_transaction_sample_rate = 0
log_min_error_statement = panic
CONF
$node->reload;

# ---------------------------------------------------------------- the token comes back

setup_server($node, $api, token => $secret, max_retries => 0);
my $percent = join '', map { sprintf '%%%02x', ord } split //, $secret;
my $upper = join '', map { /\w/ ? $_ : sprintf '%%%02X', ord } split //, $secret;
my $escaped = join '', map { sprintf '\u%04x', ord } split //, $secret;
my %forms = (
	'as it is' => $secret,
	'with every byte in percent form' => $percent,
	'percent-encoded' => $upper,
	'with JSON escapes' => $escaped,
	'with its slash escaped' => $secret =~ s{/}{\\/}r);
foreach my $form (sort keys %forms)
{
	foreach
	  my $body ("{\"errors\":[\"you sent $forms{$form}\"],\"code\":\"$forms{$form}\"}", "you sent $forms{$form}, no")
	{
		api_fault($api, kind => 'status', status => 403, body => $body);
		my $text = fails_with($node, 'SELECT * FROM contacts', '42501', qr/you sent \*\*\*/, "the token $form");
		unlike($text, qr/abcdef|\Q$forms{$form}\E/i, "the token $form is not shown");
	}
}

# a cut must not leave a part of it
my $long = 'x' x 505;
api_fault($api, kind => 'status', status => 403, body => "$long$secret$secret");
unlike(fails_with($node, 'SELECT * FROM contacts', '42501', qr/x{505}/, 'the token at the cut'),
	qr/sekrit/, 'the token at the cut is not shown');

# ---------------------------------------------------------------- what spoils a message

my @unfit = ("\n", "\r", "\t", "\e[2J", "\x{7f}", "\x{85}", "\x{9b}", "\x{200b}", "\x{200e}", "\x{2028}", "\x{202e}",
	"\x{2066}", "\x{feff}", "\x{e0041}");
my $unfit = join 'é', @unfit;
my $pattern =
  '[\x00-\x09\x0b-\x1f\x7f-\x9f\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}\x{e0000}-\x{e0fff}]';
my $json = JSON::PP->new->canonical->ascii;

sub is_fit
{
	my ($text, $name) = @_;
	utf8::decode($text);
	my ($line) = $text =~ /((?:ERROR|NOTICE|WARNING): .*)/;

	unlike($text, qr/$pattern/, "$name: all of it shows");
	unlike($text, qr/sekrit/, "$name: no token");
	cmp_ok(length $text, '<', 3000, "$name: of some length");
	unlike($text, qr/^forged/m, "$name: on one line");
	return;
}

api_fault($api, kind => 'status', status => 403,
	body => $json->encode({ errors => ["a${unfit}b\nforged"], code => $unfit, request_id => "r${unfit}$secret" }));
is_fit(fails_with($node, 'SELECT * FROM contacts', '42501', qr/a .*b forged/, "the API's words"), "the API's words");

# An id is the API's, too.
my $id = "id${unfit}\nforged $secret" . ('y' x 600);
api_ctl($api, 'add', $json->encode({ id => $id, name => 'Eve', email => 'eve@x', custom_fields => {} }));
for my $verb ([ 'update', "UPDATE contacts SET name = 'Eva' WHERE email = 'eve\@x'" ],
	[ 'delete', "DELETE FROM contacts WHERE email = 'eve\@x'" ])
{
	api_fault($api, kind => 'status', status => 500, match => $_) for 'PATCH', 'DELETE';
	is_fit(fails_with($node, $verb->[1], '58000', qr/could not $verb->[0] contact id/, "an id, $verb->[0]"),
		"an id, $verb->[0]");
	api_ctl($api, 'faults-clear');
	my ($status, $out, $err) = $node->psql('postgres', "SET pylon_fdw.dry_run = on; $verb->[1]");
	is($status, 0, "an id, $verb->[0], dry run");
	is_fit($err, "an id, $verb->[0], dry run");
}
$node->safe_psql('postgres', "CREATE FOREIGN TABLE numbers (id text, name integer) SERVER pylon");
is_fit(
	fails_with($node, "SELECT * FROM numbers WHERE id = " . PylonTest::quoted('00000000-0000-4000-8000-000000000001'),
		'22P02', qr/contact id/, 'an id in a CONTEXT'),
	'an id in a CONTEXT');

# Whoever may not read the table learns no id; an id of stars must not keep the masking busy for ever.
$node->safe_psql('postgres', 'GRANT INSERT ON contacts TO app');
for my $exists ('*', '***', 'id-7')
{
	api_fault($api, kind => 'status', status => 409,
		body => $json->encode({ errors => ["is $exists"], exists_id => $exists }));
	unlike(
		fails_with($node, "SET ROLE app; INSERT INTO contacts (name) VALUES ('Ann')", '23505', qr/such a contact/,
			"an id to be masked, $exists"),
		qr/id-7/, "an id to be masked, $exists: is");
}

# ---------------------------------------------------------------- files that are none

my $place = "$PostgreSQL::Test::Utils::tmp_check/files";
mkdir $place or die $!;
mkfifo("$place/fifo", 0600) or die $!;
append_to_file("$place/large", ' ' x 5_000_000);
append_to_file("$place/long", 'x' x 4100);
append_to_file("$place/blank", "two words\n");
append_to_file("$place/control", "to\x01ken\n");
my %files = (
	'a pipe' => [ "$place/fifo", '22023', qr/not a regular file/ ],
	'a device' => [ '/dev/zero', '22023', qr/not a regular file/ ],
	'a folder' => [ $place, '22023', qr/not a regular file/ ],
	'nothing' => [ "$place/none", '08001', qr/No such file/ ],
	'a large one' => [ "$place/large", '22023', qr/larger than/ ]);
foreach my $file (sort keys %files)
{
	my ($path, $state, $words) = @{ $files{$file} };

	setup_server($node, $api, token => $secret);
	$node->safe_psql('postgres',
		"ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (DROP api_token, ADD api_token_file '$path')");
	fails_with($node, 'SELECT * FROM contacts', '28000', $words, "api_token_file, $file") if $file ne 'a large one';
	setup_server($node, $api, token => $secret);
	$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD ca_file '$path')");
	fails_with($node, 'SELECT * FROM contacts', $state, $words, "ca_file, $file");
}
for my $file ('large', 'long', 'blank', 'control')
{
	my $words = $file =~ /^l/ ? qr{\Q$place/$file\E.*larger than} : qr/\Q$place/;

	setup_server($node, $api, token => $secret);
	$node->safe_psql('postgres',
		"ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (DROP api_token, ADD api_token_file '$place/$file')");
	fails_with($node, 'SELECT * FROM contacts', '28000', $words, "api_token_file, $file");
}

# ---------------------------------------------------------------- authorities

my $secure = start_api(contacts => 10, token => $secret, tls => 1);
my $trusted = "$place/ca.pem";
my $count = 'SELECT count(*) FROM contacts';
append_to_file($trusted, slurp_file($secure->{ca_file}));
setup_server($node, $secure, token => $secret, ca_file => $trusted, max_retries => 0);
$session = PylonSession->new($node);
is($session->query($count), 10, 'an authority that is trusted');
open my $file, '>', $trusted or die $!;
print $file slurp_file($secure->{other_ca_file});
close $file;
is($session->query($count), '', 'it is trusted no more');
like($session->error, qr/08001.*certificate/s, 'neither the connection nor the TLS session made before is used');
$session->query("ALTER SERVER pylon OPTIONS (SET ca_file '$secure->{ca_file}')");
is($session->query($count), 10, 'another file');
$session->query("ALTER SERVER pylon OPTIONS (SET ca_file '$secure->{other_ca_file}')");
is($session->query($count), '', 'and another');
like($session->error, qr/08001.*certificate/s, 'and another: not trusted');
append_to_file("$place/no.pem", "no certificate\n");
$session->query("ALTER SERVER pylon OPTIONS (SET ca_file '$place/no.pem')");
is($session->query($count), '', 'a file without a certificate');
like($session->error, qr/08001/, 'a file without a certificate trusts nobody');
$session->quit;

# ---------------------------------------------------------------- a libcurl that can't keep the promise

SKIP:
{
	my $source = "$place/curl.c";
	append_to_file($source, <<'C');
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
curl_version_info_data *curl_version_info(CURLversion version)
{
	static curl_version_info_data data;
	curl_version_info_data *(*real)(CURLversion) = dlsym(RTLD_NEXT, "curl_version_info");
	data = *real(version);
	data.features &= ~CURL_VERSION_ASYNCHDNS;
	return &data;
}
C
	skip 'a checker has its own LD_PRELOAD', 2 if $ENV{PYLON_CHECKER};
	system("cc -shared -fPIC -o $place/curl.so $source -ldl") == 0 or skip 'no compiler', 2;
	$node->stop;
	local $ENV{LD_PRELOAD} = "$place/curl.so";
	$node->start;
	my ($status, $out, $err) = $node->psql('postgres', 'SELECT pylon_fdw_version()');
	like($err, qr/WARNING:.*synchronously/, 'a libcurl without asynchronous DNS');
	is($status, 0, 'it works all the same');
}

unlike(slurp_file($node->logfile), qr/sekrit/, 'the token is not in the log');

done_testing();
