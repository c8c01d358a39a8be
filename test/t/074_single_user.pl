# A single-user backend, in which there is no postmaster to wait for.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 2500);

setup_server($node, $api);
$node->stop;

# The statements end at the end of the line.
sub single_user
{
	my (@statements) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'postgres', '--single', '-F', '-D', $node->data_dir, 'postgres' ],
		'<', \join('', map { "$_\n" } @statements),
		'>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default)
	) or die "postgres --single: $err";
	return "$out$err";
}

like(single_user('SELECT count(*) FROM contacts'), qr/count = "2500"/, 'a scan');
like(
	single_user("INSERT INTO contacts (name, email) VALUES ('Single', 'single\@user.example') RETURNING name"),
	qr/name = "Single"/, 'a create');
like(
	single_user("UPDATE contacts SET name = 'Only' WHERE email = 'single\@user.example' RETURNING name"),
	qr/name = "Only"/, 'an update');
api_set($api, latency => 3000);
like(
	single_user("SET statement_timeout = '100ms'", 'SELECT count(*) FROM contacts'),
	qr/canceling statement due to statement timeout/, 'statement_timeout');

done_testing();
