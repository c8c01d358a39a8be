# The tour of test/demo: what it shows is right, fits a terminal, and nothing is written, in the sample or in a workspace
# of one's own.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

my $folder = abs_path(dirname(__FILE__) . '/..');
my $node = start_node();
my $api = start_api(contacts => 5000);

$node->safe_psql('postgres', 'DROP EXTENSION pylon_fdw');

# What these parts of the tour print, from a session as test/demo starts it.
sub tour
{
	my ($updatable, @parts) = @_;
	my $script = join '', map { slurp_file("$folder/$_.sql") } @parts;
	my @command = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off', '-P', "null=\xe2\x88\x85",
		'-v', "base_url=$api->{url}", '-v', "updatable=$updatable", '-d', $node->connstr('postgres'));
	my ($out, $err) = ('', '');

	local $ENV{PYLON_API_TOKEN} = $PylonTest::TOKEN;
	api_clear($api);
	ok(IPC::Run::run(\@command, '<', \$script, '>', \$out, '2>', \$err), "updatable $updatable: the tour comes to its end")
	  or diag($err);
	unlike($err, qr/ERROR|WARNING/, "updatable $updatable: without a complaint");
	unlike($out . $err, qr/\Q$PylonTest::TOKEN\E/, "updatable $updatable: the token is not shown");
	my @asked = api_take($api);
	is_deeply([ grep { !/^(?:GET|POST \/\w+\/search) / } @asked ], [], "updatable $updatable: nothing is written");
	$node->safe_psql('postgres', 'SET client_min_messages = warning; DROP EXTENSION pylon_fdw CASCADE; DROP TABLE billing');
	return ($out, $err, scalar @asked);
}

sub is_shown
{
	my ($out, $text, $name) = @_;

	return ok(index($out, $text) >= 0, $name) || diag("not shown:\n$text");
}

# ---------------------------------------------------------------- the sample

my ($out, $err, $asked) = tour('true', 'demo', 'demo_changes', 'demo_cost');
my $all = $out . $err;
utf8::decode($all);
is_deeply([ grep { length > 100 } split /\n/, $all ], [], 'no line is wider than 100 columns');

like($out, qr/custom_fields +\| t +\|/, 'the check goes through');
is_shown($out, <<'END', 'who they are');
 contacts | with_address | accounts 
----------+--------------+----------
     5000 |         4856 |      252
END
like($out, qr/\n Ada Lovelace \| ada\@acme.com \| admin\n/, 'somebody is found');
like($out, qr/Pylon Calls: requests=1 pages=1 contacts=1 /, 'in one request');
is_shown($out, <<'END', 'renewals');
 2026-12-02 | enterprise |    1500 | Initech 8 Ltd   |     19 | farid.schmidt4508@initech8.example
 2026-12-03 | team       |     950 | Umbrella 25     |     20 | marie.patel1775@umbrella25.example
END
like($out, qr/Pylon Request: POST \/contacts\/search\n.*\n.*\n +Pylon Keys: 10\n +Pylon Calls: requests=1 /,
	'renewals: contacts are looked up');
like($out, qr/Pylon Request: POST \/accounts\/search\n.*\n.*\n +Pylon Keys: 10\n +Pylon Calls: requests=1 /,
	'renewals: accounts are looked up');
is_shown($out, <<'END', 'the dashboard');
  month  | customers | monthly | of_enterprises | people |                              
---------+-----------+---------+----------------+--------+------------------------------
 2026-12 |        15 |   17750 |           7500 |    268 | **************************
 2027-01 |        17 |   18100 |           4150 |    283 | ****************************
 2027-02 |        15 |   15250 |           7850 |    242 | ************************
 2027-03 |        16 |   14050 |           3750 |    282 | ****************************
 2027-04 |        13 |   13150 |           2600 |    229 | **********************
 2027-05 |        14 |   15950 |           4900 |    246 | ************************
END
is($err, <<'END', 'what would have been sent');
NOTICE:  POST /contacts {"name":"Radia Perlman","email":"radia@acme.com"}
NOTICE:  PATCH /contacts/00000000-0000-4000-8000-000000000001 {"portal_role":"member"}
NOTICE:  PATCH /accounts/736ae249-f797-436c-865f-6a85fb8453c6 {"tags":["enterprise","renews-soon"]}
END
my ($cost) = $out =~ /pylon_fdw_stats\(\) ORDER BY object;\n(.*)\z/s;
my $requests = 0;
$requests += $_ for $cost =~ /^ \S+ +\| +(\d+) \|/mg;
is($requests, $asked, 'what it has cost is what was asked');

# ---------------------------------------------------------------- a workspace of one's own

($out, $err, $asked) = tour('false', 'demo', 'demo_cost');
unlike($out, qr/^(?:INSERT|UPDATE|SET pylon_fdw)/m, 'a workspace of one\'s own: nothing is changed, not even for show');
is($err, '', 'a workspace of one\'s own: no notice of a write');

# that nobody has used yet
$api = start_api(contacts => 0);
api_ctl($api, 'replace', '[]');
tour('false', 'demo', 'demo_cost');

done_testing();
