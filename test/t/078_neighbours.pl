# Recipes that need other software beside the server: "By the clock, with pg_cron" and "pgbouncer", as they stand in
# doc/recipes.md.

use strict;
use warnings;

use DocPage;
use DocRun;
use DocShell;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonNode;
use PylonTest;
use Test::More;

my $page = DocPage->read('doc/recipes.md');
my @first_table = grep { $_->{lang} eq 'sql' } DocPage->read('README.md')->section('First table');
my $bouncer = '/usr/sbin/pgbouncer';

sub place
{
	my ($name, %more) = @_;
	my $node = PylonNode->new($name);
	my $api = start_api(contacts => 10);

	$node->init;
	$node->append_conf('postgresql.conf', 'jit = off');
	$node->start;
	my $place = surroundings($node, url => $api->{url}, folder => PostgreSQL::Test::Utils::tempdir(), %more);
	$place->{api} = $api;
	run_quietly($place, @first_table);
	return $place;
}

sub run_quietly
{
	my ($place, @blocks) = @_;

	$place->{psql}->run(put_in($_->{text}, $place)) for @blocks;
	return;
}

# Skips a recipe, and says so where everybody sees it.
sub missing
{
	my $software = shift;

	diag("there is no $software: its recipe is not run");
	skip("there is no $software", 1);
	return;
}

# ---------------------------------------------------------------- pg_cron

SKIP:
{
	my $library = qx($ENV{PG_CONFIG} --pkglibdir);
	chomp $library;
	missing('pg_cron') unless -e "$library/pg_cron.so";

	my $place = place('clock');
	run_quietly($place, map { $page->section($_) } 'A local copy', 'What has changed since last time');
	my ($settings, $schedule, $outcome) = $page->section('By the clock, with pg_cron');
	run_block($page, $place, $_) for $settings, $schedule;
	api_take($place->{api});
	ok( $place->{node}->poll_query_until('postgres', "SELECT count(*) > 0 FROM cron.job_run_details WHERE jobid = 1 AND status = 'succeeded'"),
		'a job has run');
	run_block($page, $place, $outcome);
	is((api_take($place->{api}))[0], 'GET /contacts?limit=999', 'it has read contacts');
	leave($place);
	$place->{node}->stop;
}

# ---------------------------------------------------------------- pgbouncer

# Starts one with the page's configuration, on a socket of its own.
sub start_bouncer
{
	my ($place, $text) = @_;
	my $file = "$place->{folder}/pgbouncer.ini";
	my $name = getpwuid($>);

	open my $ini, '>', $file or die "$file: $!";
	# one server session, so that all clients share it
	print $ini put_in($text, $place) =~ s/^crm = .*/$& user=$name/mr, "auth_type = any\ndefault_pool_size = 1\nlisten_addr =\n";
	close $ini or die "$file: $!";
	return IPC::Run::start([ $bouncer, '-q', $file ], '<', \undef, '>', "$place->{folder}/pgbouncer.log", '2>&1');
}

SKIP:
{
	missing('pgbouncer') unless -x $bouncer;

	my $place = place(
		'pool',
		stand_ins => [
			[
				qr{host=/var/run/postgresql dbname=crm},
				sub { $_[0]{node}->connstr('postgres') =~ s/'//gr },
				'the server'
			],
			[ qr{(?<=unix_socket_dir = ).*}, sub { $_[0]{folder} }, 'the socket' ]
		]);
	my ($configuration, @sql) = $page->section('pgbouncer');
	my $run = start_bouncer($place, $configuration->{text});
	my $connection = "host=$place->{folder} port=6432 dbname=crm";
	for (1 .. 100)
	{
		last if -e "$place->{folder}/.s.PGSQL.6432";
		select undef, undef, undef, 0.1;
	}

	my $node_psql = $place->{psql};
	my $other = DocShell->psql($connection);
	$place->{psql} = DocShell->psql($connection);
	api_take($place->{api});
	run_block($page, $place, $_) for @sql;
	is_deeply([ grep { !/^(?:GET|POST .contacts.search) / } api_take($place->{api}) ], [], 'nothing is written in a dry run');
	like(($other->run("SHOW pylon_fdw.dry_run;\n"))[0], qr/ off$/m, 'SET LOCAL reaches nobody else');
	$place->{psql}->run("SET pylon_fdw.dry_run = on;\n");
	like(($other->run("SHOW pylon_fdw.dry_run;\n"))[0], qr/ on$/m, 'SET reaches another client');
	$_->quit for $other, $node_psql;
	leave($place);
	$run->kill_kill;
	$place->{node}->stop;
}

done_testing();
