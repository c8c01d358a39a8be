# psqlODBC: a keyset cursor knows a row by its ctid and writes to it by that.  It must not write to any other row.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

my ($driver) = glob '/usr/lib/*/odbc/psqlodbcw.so';
plan skip_all => 'psqlODBC is not installed' unless defined $driver;

my $node = start_node();
my $api = start_api(contacts => 20);
my $client = abs_path(dirname(__FILE__) . '/odbc_client.py');
my $grace = '00000000-0000-4000-8000-000000000002';

setup_server($node, $api);
my $connection = join ';', "Driver=$driver", 'Server=' . $node->host, 'Port=' . $node->port, 'Database=postgres',
  'Uid=' . (getpwuid $<)[0], 'UpdatableCursors=1';

# What the client prints, and the requests that it made.
sub client
{
	my ($options, @arguments) = @_;
	my ($out, $err) = ('', '');

	api_take($api);
	IPC::Run::run([ 'python3', $client, "$connection;$options", @arguments ], '>', \$out, '2>', \$err);
	is($err, '', 'the client runs');
	return ($out, map { s/^POST .contacts.search .*/search/r } api_take($api));
}

for my $options ('', 'UseDeclareFetch=1', 'UseServerSidePrepare=0')
{
	for my $operation ('update', 'delete')
	{
		my ($out, @requests) = client($options, "SELECT name FROM contacts WHERE email LIKE '%\@acme.com'",
			$operation, 'Written by a cursor');
		my $name = "$operation by a keyset cursor $options";

		like($out,
			qr/(?:SQLExecDirect|SQLFetchScroll|SQLSetPos) .*cannot use system column "ctid" of foreign table "contacts"/,
			"$name: refused");
		is_deeply([ grep { /^(?:PATCH|DELETE)/ } @requests ], [], "$name: nothing is written");
	}
}

# By the id it works.
my ($out, @requests) = client('', 'UPDATE contacts SET name = ? WHERE id = ?', 'execute', 'Grace Murray', $grace);
like($out, qr/^rows 1$/m, 'an update by id: rows');
is_deeply(\@requests, [ "GET /contacts/$grace", "PATCH /contacts/$grace {\"name\":\"Grace Murray\"}" ],
	'an update by id: requests');
($out, @requests) =
  client('', 'INSERT INTO contacts (name, email) VALUES (?, ?)', 'execute', 'By ODBC', 'odbc@acme.com');
like($out, qr/^rows 1$/m, 'an insert: rows');
is_deeply(\@requests, ['POST /contacts {"name":"By ODBC","email":"odbc@acme.com"}'], 'an insert: requests');
($out, @requests) = client('', 'DELETE FROM contacts WHERE id = ?', 'execute', $grace);
like($out, qr/^rows 1$/m, 'a delete by id: rows');
is_deeply(\@requests, [ "GET /contacts/$grace", "DELETE /contacts/$grace" ], 'a delete by id: requests');

done_testing();
