# A backend's memory does not grow: not with rescans, not with statements, not with errors, not with pages.
#
# PYLON_TEST_SCALE is how many times as much is done as by default: 35 makes it 100,000 rescans and 2 million contacts.

use strict;
use warnings;

use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

# What may be in use more, in kB, than after the first tenth of the work: one or two blocks of a memory context, and
# for the process what malloc keeps for itself. A leak of 100 bytes a time would be 280 kB.
use constant CONTEXTS_MAY_GROW => 64;
use constant PROCESS_MAY_GROW => 2048;

# The same for a scan, whose pages are of different sizes, and what it may take in all: the page in use, the one on its
# way, and what is made of a row.
use constant SCAN_MAY_GROW => 4096;
use constant SCAN_MAY_TAKE => 16384;

plan skip_all => 'there is no /proc/self/status to measure by' unless -e '/proc/self/status';

my $scale = $ENV{PYLON_TEST_SCALE} // 1;
my $times = int(2800 * $scale) || 1;
my $contacts = int(60_000 * $scale) || 1;
my $node = start_node();
my $api = start_api(contacts => $contacts);
setup_server($node, $api, page_size => 2);

$node->append_conf('postgresql.conf', "statement_timeout = 0\n");
$node->reload;

# watch(n) notes how much memory the backend has at that time; it is always true, so that it can stand in a condition.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE memory (n bigint, contexts bigint, process bigint);
	CREATE FUNCTION watch(n bigint) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO memory
			SELECT n, (SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts),
				substring(pg_read_file('/proc/self/status') FROM 'VmRSS:\s*(\d+) kB')::bigint;
		RETURN true;
	END $$});

my $session;

# Lets a new session do something, and gives its notes of memory.
sub watched
{
	my ($sql, $result, $name) = @_;

	$session = PylonSession->new($node);
	$node->safe_psql('postgres', 'TRUNCATE memory');
	# what the first use of the watch and of the extension costs
	$session->query(
		"SELECT watch(-1); SELECT count(*) FROM contacts WHERE id = 'x'; SELECT watch(-1); DELETE FROM memory");
	$session->query("SELECT watch(0)");
	is($session->query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	$session->quit;
	api_ctl($api, 'clear');
	return map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', 'SELECT * FROM memory ORDER BY n');
}

sub does_not_grow
{
	my ($name, $sql, $result) = @_;
	my ($before, $first, @later) = watched($sql, $result, $name);
	my $contexts = max(map { $_->[1] } @later) - $first->[1];
	my $process = max(map { $_->[2] } @later) - $first->[2];

	is(scalar @later, 9, "$name: was watched");
	note("$name: memory contexts $first->[1] kB and $contexts kB more, process $first->[2] kB and $process kB more");
	cmp_ok($contexts, '<=', CONTEXTS_MAY_GROW, "$name: memory contexts");
	cmp_ok($process, '<=', PROCESS_MAY_GROW, "$name: process");
	return;
}

# So many rows, ten of which make a note.
sub rows
{
	my ($rows) = @_;
	my $tenth = int($rows / 10) || 1;

	$rows = 10 * $tenth;
	return ($rows, "(SELECT n FROM generate_series(1, $rows) n WHERE n % $tenth <> 0 OR watch(n) OFFSET 0) s");
}

# ---------------------------------------------------------------- rescans

my ($rows, $series) = rows($times);

does_not_grow('rescans with a search each',
	"SELECT count(*), count(c.name) FROM $series, LATERAL (SELECT name FROM contacts c
		WHERE c.email = 'nobody' || n OFFSET 0) c",
	'0|0');
does_not_grow(
	'rescans with a look-up each',
	"SELECT count(*), count(c.name) FROM $series,
		LATERAL (SELECT * FROM contacts c WHERE c.id = '00000000-0000-4000-8000-00000000000' || n % 9 + 1 OFFSET 0) c",
	"$rows|$rows");
my ($few, $few_series) = rows($times / 4);
does_not_grow(
	'rescans of three pages each',
	"SELECT count(*), count(c.name) FROM $few_series,
		LATERAL (SELECT * FROM contacts c WHERE account_id = '00000000-0000-4000-a000-000000000001'
			AND length(id) + n > 0 OFFSET 0) c",
	5 * $few . '|' . 5 * $few);
does_not_grow(
	'rescans broken off with a page on its way',
	"SELECT count(x) FROM (SELECT n, (SELECT count(*) FROM (SELECT * FROM contacts
		WHERE length(id) > n % 2 LIMIT 3) c) AS x
		FROM $few_series OFFSET 0) a",
	$few);
my ($many, $many_series) = rows($times * 10);
does_not_grow('rescans of the page in hand',
	"SELECT count(*) FROM $many_series, LATERAL (SELECT name FROM contacts c WHERE c.email = 'ada\@acme.com'
		AND length(id) + n > 0 OFFSET 0) c",
	$many);
does_not_grow('rescans with a list of values each',
	"SELECT count(*) FROM $few_series, LATERAL (SELECT name FROM contacts c
		WHERE c.email = ANY (ARRAY['ada\@acme.com', n::text]) OFFSET 0) c",
	$few);

# ---------------------------------------------------------------- statements

# In PL/pgSQL, since psql would have to be told each of them.
sub loop
{
	my ($rounds, $body, $exception) = @_;
	my $tenth = int($rounds / 10) || 1;

	return sprintf(
		q{DO $$ DECLARE found text; BEGIN
			FOR n IN 1 .. %d LOOP
				BEGIN %s %s END;
				IF n %% %d = 0 THEN PERFORM watch(n); END IF;
			END LOOP;
		END $$}, 10 * $tenth, $body, $exception // '', $tenth);
}

does_not_grow('statements with a search each',
	loop($times, q{SELECT name INTO found FROM contacts WHERE email = 'nobody' || n;}), '');
does_not_grow('statements that are planned anew',
	loop($times / 4, q{EXECUTE format('SELECT name FROM contacts WHERE email = %L', 'nobody' || n) INTO found;}), '');
does_not_grow('cursors that are closed early',
	loop(
		$times / 4, q{DECLARE c CURSOR FOR SELECT name FROM contacts; BEGIN OPEN c; FETCH c INTO found; CLOSE c; END;}),
	'');
does_not_grow('pylon_fdw_ping and pylon_fdw_stats',
	loop($times / 4, q{PERFORM pylon_fdw_ping('pylon'), pylon_fdw_stats();}), '');

# ---------------------------------------------------------------- errors

# Each in a subtransaction of its own, as a whole and with a page on its way.
does_not_grow('errors of a query that has a page on its way',
	loop($times / 4, 'PERFORM 1 / (length(id) - 36) FROM contacts;', 'EXCEPTION WHEN division_by_zero THEN NULL;'), '');

sub does_not_grow_with_fault
{
	my ($name, $fault, $condition) = @_;

	$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD max_retries '0')");
	api_fault($api, match => 'GET /contacts?', times => 0, %$fault);
	does_not_grow($name, loop($times / 4, 'PERFORM max(name) FROM contacts;', "EXCEPTION WHEN $condition THEN NULL;"),
		'');
	$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP max_retries)');
	api_clear($api);
	return;
}

does_not_grow_with_fault('requests that are refused',
	{ kind => 'status', status => 400, body => { errors => ['no'], request_id => 'r' } }, "SQLSTATE 'HV000'");
does_not_grow_with_fault('answers that are no JSON', { kind => 'garbage' }, 'protocol_violation');
does_not_grow_with_fault('values that can\'t be read', { kind => 'nul_escape' }, 'untranslatable_character');
does_not_grow_with_fault('connections that are lost', { kind => 'cut' }, 'connection_failure');

# ---------------------------------------------------------------- pages

setup_server($node, $api);
my $tenth = int($contacts / 10) || 1;
# All columns of all contacts are read, and none of them kept.
my ($before, $first, @later) = watched(
	"SELECT count(*), min(length(whole)) > 36 FROM (SELECT row_number() OVER () AS n, c::text AS whole
		FROM contacts c OFFSET 0) a
		WHERE n % $tenth <> 0 OR watch(n)",
	"$contacts|t", "a scan of $contacts contacts");
is(scalar @later, 9, 'a scan: was watched');
for my $case ([ 1, 'memory contexts' ], [ 2, 'process' ])
{
	my ($column, $what) = @$case;
	my $most = max(map { $_->[$column] } $first, @later);
	note("a scan: $what $before->[$column] kB before, $first->[$column] kB after the first tenth, $most kB at most");
	cmp_ok($most - $first->[$column], '<=', SCAN_MAY_GROW, "a scan: $what do not grow");
	cmp_ok($most - $before->[$column], '<=', SCAN_MAY_TAKE, "a scan: $what hold two pages, not the table");
}

done_testing();
