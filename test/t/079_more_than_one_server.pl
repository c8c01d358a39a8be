# "More than one server" of doc/recipes.md: a hot standby reads and refuses to write, and the mirror is carried on to a
# server that has neither the extension nor a token.

use strict;
use warnings;

use DocPage;
use DocRun;
use DocShell;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonNode;
use PylonTest;
use Test::More;

my $page = DocPage->read('doc/recipes.md');
my @first_table = grep { $_->{lang} eq 'sql' } DocPage->read('README.md')->section('First table');
my ($on_standby, $publish, $subscribe) = $page->section('More than one server');
my @mirror = $page->section('What has changed since last time');
my $api = start_api(contacts => 10);

my $primary = PylonNode->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', 'jit = off');
$primary->start;

sub place_of
{
	my $node = shift;

	return surroundings(
		$node,
		url => $api->{url},
		folder => PostgreSQL::Test::Utils::tempdir(),
		stand_ins => [
			[ qr/host=crm\.internal dbname=crm/, sub { $primary->connstr('postgres') =~ s/'//gr }, 'the publisher' ] ]);
}

my $here = place_of($primary);
$here->{psql}->run(put_in($_->{text}, $here)) for @first_table;

# ---------------------------------------------------------------- hot standby

my $standby = PylonNode->new('standby');
$primary->backup('base');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

my $there = place_of($standby);
api_take($api);
run_block($page, $there, $on_standby);
is_deeply(
	[ api_take($api) ],
	['POST /contacts/search {"filter":{"field":"email","operator":"equals","value":"ada@acme.com"},"limit":999}'],
	'the standby asks the API once, and nothing for the refused write');
fails_with($standby, "INSERT INTO contacts (name) VALUES ('Ada')", '25006', qr/read-only transaction/, 'a create on a standby');
is_deeply([ api_take($api) ], [], 'nothing was asked');
leave($there);
$standby->stop;

# ---------------------------------------------------------------- logical replication

my $subscriber = PylonNode->new('subscriber');
$subscriber->init;
$subscriber->start;
my $elsewhere = place_of($subscriber);

$here->{psql}->run(put_in($_->{text}, $here)) for @mirror[ 0, 1 ];
run_block($page, $here, $publish);
$elsewhere->{psql}->run(put_in($subscribe->{text}, $elsewhere));
$subscriber->wait_for_subscription_sync($primary, 'contacts');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM mirror'), 10, 'the subscriber has the contacts');

$here->{psql}->run(put_in($_->{text}, $here)) for @mirror[ 2, 3 ];
$primary->wait_for_catchup('contacts');
is( $subscriber->safe_psql('postgres', "SELECT string_agg(name, ', ' ORDER BY name) FROM mirror WHERE name IN ('Ada King', 'Grace Hopper', 'Mary Shaw')"),
	'Ada King, Mary Shaw',
	'what was changed, deleted and created in Pylon has come');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION contacts');

leave($_) for $here, $elsewhere;
$_->stop for $subscriber, $primary;
done_testing();
