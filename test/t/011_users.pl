# Whose token a scan uses, who may set which option, that no token is ever shown, and when ALTER and DROP take effect.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $secret = 'sekrit-0123456789abcdef';
my $count = 'SELECT count(*) FROM contacts';
my $node = start_node();
my $api = start_api(contacts => 120, token => $secret);

# Runs statements as a role; the failure of any of them is for the caller to check.
sub run_as
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres',
		"\\set VERBOSITY verbose\nSET client_min_messages = warning;\nSET SESSION AUTHORIZATION $role;\n$sql");

	return ($out, $err);
}

# Checks what the statements of a role give, or that they fail.
sub succeeds_as
{
	my ($role, $sql, $result, $name) = @_;
	my ($out, $err) = run_as($role, $sql);

	is($out, $result, $name);
	is($err, '', "$name: no error");
	return;
}

sub fails_as
{
	my ($role, $sql, $sqlstate, $pattern, $name) = @_;

	return fails_with($node, "SET SESSION AUTHORIZATION $role;\n$sql", $sqlstate, $pattern, $name);
}

# ---------------------------------------------------------------- whose mapping

# Each role has a token that the API answers in another way, so that the outcome tells which one was sent.
setup_server($node, $api, token => 'eu-token');
$node->safe_psql(
	'postgres', "SET log_statement = none;
	CREATE ROLE owner LOGIN;
	CREATE ROLE alice LOGIN IN ROLE owner;
	CREATE ROLE bob LOGIN;
	CREATE ROLE carol LOGIN;
	CREATE USER MAPPING FOR owner SERVER pylon OPTIONS (api_token '$secret');
	CREATE USER MAPPING FOR alice SERVER pylon OPTIONS (api_token 'wrong-token');
	CREATE USER MAPPING FOR bob SERVER pylon OPTIONS (api_token 'no-permission');
	GRANT SELECT ON contacts TO owner, alice, bob, carol;
	GRANT CREATE ON SCHEMA public TO owner;");
my %outcome = (
	owner => qr/^120$/m,
	alice => qr/28000: .*Invalid API token!/s,
	bob => qr/42501: .*API token lacks permission!/s,
	PUBLIC => qr/28000: .*HINT:  .*https:\/\/api\.eu\.usepylon\.com/s);

# Checks that the statement, run by a role, sends the token in the mapping of another one (or of PUBLIC).
sub uses_mapping_of
{
	my ($role, $sql, $whose, $name) = @_;

	api_clear($api);
	my ($out, $err) = run_as($role, $sql);
	like($whose eq 'owner' ? $out : $err, $outcome{$whose}, "$name: the mapping of $whose");
	my @log = map { $_->{headers}{Authorization} } api_log($api);
	is_deeply(\@log, [ $whose eq 'owner' ? 'Bearer <token>' : 'Bearer <unknown>' ], "$name: one request");
	return;
}

uses_mapping_of($_, $count, $_, "$_ reads the table") for 'owner', 'alice', 'bob';
uses_mapping_of('carol', $count, 'PUBLIC', 'a role without a mapping reads the table');
uses_mapping_of('alice', "SET ROLE owner; $count", 'owner', 'SET ROLE');
uses_mapping_of('alice', "SET ROLE owner; RESET ROLE; $count", 'alice', 'RESET ROLE');
uses_mapping_of('alice', "SET plan_cache_mode = force_generic_plan; PREPARE p AS $count; SET ROLE owner; EXECUTE p",
	'owner', 'a plan made before SET ROLE');

run_as(
	'owner', "
	CREATE VIEW a_view AS $count;
	CREATE VIEW an_invoker_view WITH (security_invoker) AS $count;
	CREATE VIEW a_barrier_view WITH (security_barrier) AS SELECT * FROM contacts;
	CREATE FUNCTION a_definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS '$count';
	CREATE FUNCTION an_invoker() RETURNS bigint LANGUAGE sql AS '$count';
	CREATE FUNCTION a_plpgsql_definer() RETURNS bigint
		LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN ($count); END';
	CREATE FUNCTION a_cursor() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS
		'DECLARE c refcursor := ''c''; BEGIN OPEN c FOR $count; RETURN c; END';
	GRANT SELECT ON a_view, an_invoker_view, a_barrier_view TO PUBLIC");
$node->safe_psql(
	'postgres', "CREATE VIEW a_view_of_a_view AS SELECT * FROM a_view;
	ALTER VIEW a_view_of_a_view OWNER TO bob;
	CREATE VIEW a_view_of_carol AS SELECT * FROM a_view;
	ALTER VIEW a_view_of_carol OWNER TO carol;
	GRANT SELECT ON a_view_of_a_view, a_view_of_carol TO PUBLIC");

for my $role ('alice', 'bob', 'carol')
{
	uses_mapping_of($role, 'SELECT * FROM a_view', 'owner', "$role reads a view of owner");
	uses_mapping_of($role, 'SELECT count(*) FROM a_barrier_view',
		'owner', "$role reads a security_barrier view of owner");
	uses_mapping_of($role, 'SELECT * FROM a_view_of_a_view', 'owner', "$role reads a view of bob on a view of owner");
	uses_mapping_of($role, 'SELECT a_definer()', 'owner', "$role calls a SECURITY DEFINER function of owner");
	uses_mapping_of($role, 'SELECT a_plpgsql_definer()', 'owner', "$role calls one in PL/pgSQL");
	uses_mapping_of($role, 'BEGIN; SELECT a_cursor(); FETCH ALL FROM c',
		'owner', "$role fetches from a cursor of owner");

	my $own = $role eq 'carol' ? 'PUBLIC' : $role;
	uses_mapping_of($role, 'SELECT * FROM an_invoker_view', $own, "$role reads a security_invoker view of owner");
	uses_mapping_of($role, 'SELECT an_invoker()', $own, "$role calls a SECURITY INVOKER function of owner");
}

# In one statement, each scan with the token of its own user: the view succeeds where the table fails.
api_clear($api);
my ($out, $err) = run_as('alice', 'SELECT (SELECT * FROM a_view), (SELECT count(*) FROM contacts)');
like($err, $outcome{alice}, 'a view and the table in one statement');
is_deeply([ map { $_->{headers}{Authorization} } api_log($api) ], [ 'Bearer <token>', 'Bearer <unknown>' ],
	'a view and the table in one statement: a request with either token');

# ---------------------------------------------------------------- no mapping

$node->safe_psql('postgres', 'DROP USER MAPPING FOR PUBLIC SERVER pylon');
api_clear($api);
fails_as('carol', $count, '28000',
	qr/no API token for server "pylon"\n.*DETAIL:  There is no user mapping for user "carol"/s,
	'no mapping');
fails_as('carol', 'SELECT * FROM an_invoker_view', '28000', qr/user mapping for user "carol"/,
	'no mapping: a security_invoker view');
fails_as('carol', "SELECT name FROM contacts WHERE id = 'x'", '28000', qr/user mapping for user "carol"/,
	'no mapping: a look-up');
is_deeply([ api_take($api) ], [], 'no mapping: nothing is sent');
succeeds_as('carol', 'SELECT * FROM a_view', 120, 'no mapping: a view of someone who has one');
succeeds_as('carol', "EXPLAIN (COSTS OFF) $count",
	"Aggregate\n  ->  Foreign Scan on contacts\n        Pylon Request: GET /contacts",
	'no mapping: EXPLAIN needs none');
succeeds_as('carol', "SELECT count(*) FROM contacts WHERE id = ''", 0, 'no mapping: nor what asks nothing');
$node->safe_psql('postgres', 'CREATE USER MAPPING FOR carol SERVER pylon');
fails_as('carol', $count, '28000', qr/DETAIL:  .*api_token/, 'a mapping without a token');
$node->safe_psql('postgres', 'DROP USER MAPPING FOR carol SERVER pylon');

# ---------------------------------------------------------------- pylon_fdw_ping

my $ping = "SELECT organization FROM pylon_fdw_ping('pylon')";
succeeds_as('owner', $ping, 'Sample Organization', 'ping with a mapping of one\'s own');
succeeds_as('alice', "SET ROLE owner; $ping", 'Sample Organization', 'ping as another role');
fails_as('bob', $ping, '42501', qr/API token lacks permission!/, 'ping with a token without permission');
fails_as('alice', $ping, '28000', qr/Invalid API token!/, 'ping with a wrong token');
fails_as('carol', $ping, '42501', qr/permission denied for foreign server pylon/, 'ping without mapping or privilege');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER pylon TO carol');
fails_as('carol', $ping, '28000', qr/no user mapping for user "carol"|no API token/i, 'ping without mapping');
$node->safe_psql('postgres',
	"SET log_statement = none; CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token '$secret')");
succeeds_as('carol', $ping, 'Sample Organization', 'ping with the mapping of PUBLIC and USAGE');
$node->safe_psql('postgres', 'REVOKE USAGE ON FOREIGN SERVER pylon FROM carol');
fails_as('carol', $ping, '42501', qr/permission denied for foreign server pylon/,
	'ping with the mapping of PUBLIC but without USAGE');
succeeds_as('carol', $count, 120, 'a table that one may read needs no USAGE');
fails_as('carol', "SELECT * FROM pylon_fdw_ping('no_such_server')", '42704', qr/no_such_server/, 'ping of no server');

# ---------------------------------------------------------------- who may set which option

$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN DATA WRAPPER pylon_fdw TO carol');
my $create = 'CREATE SERVER s FOREIGN DATA WRAPPER pylon_fdw';
my $drop = 'DROP SERVER s CASCADE';
fails_as('carol', "$create OPTIONS (base_url '$api->{url}')", '42501', qr/permission denied to set option "base_url"/,
	'base_url of another host');
fails_as('carol', "$create OPTIONS (base_url 'https://api.usepylon.com.example')", '42501', qr/base_url/,
	'base_url of a host that looks like Pylon');
fails_as('carol', "$create OPTIONS (base_url 'https://api.usepylon.com:8443')", '42501', qr/base_url/,
	'base_url of another port');
fails_as('carol', "$create OPTIONS (base_url 'https://api.usepylon.com/proxy')", '42501', qr/base_url/,
	'base_url with a path');
for my $url ('https://api.usepylon.com', 'https://api.eu.usepylon.com', 'https://api.eu.usepylon.com/')
{
	succeeds_as('carol', "$create OPTIONS (base_url '$url'); $drop", '', "base_url $url");
}
fails_as('carol', "$create; ALTER SERVER s OPTIONS (ADD base_url '$api->{url}')",
	'42501', qr/base_url/, 'ALTER SERVER ... base_url by its owner');
succeeds_as('carol', "ALTER SERVER s OPTIONS (ADD page_size '10'); ALTER SERVER s OPTIONS (SET page_size '20'); $drop",
	'', 'other options are the owner\'s');

# What a superuser has set stays in force when the owner changes something else; it is not the owner who sets it.
$node->safe_psql('postgres', "$create OPTIONS (base_url '$api->{url}'); ALTER SERVER s OWNER TO carol");
# The validator sees all options of the server, so who may not set one of them may alter none.
fails_as('carol', "ALTER SERVER s OPTIONS (ADD page_size '10')", '42501', qr/base_url/,
	'page_size of a server whose base_url a superuser set');
fails_as('carol', "ALTER SERVER s OPTIONS (SET base_url 'https://127.0.0.1:1')", '42501', qr/"base_url"/,
	'another base_url for it');
$node->safe_psql('postgres', "$drop; $create OPTIONS (ca_file '/etc/hostname'); ALTER SERVER s OWNER TO carol");
fails_as('carol', "ALTER SERVER s OPTIONS (SET ca_file '/etc/passwd')", '42501', qr/"ca_file"/,
	'another ca_file than that of a superuser');
$node->safe_psql('postgres', $drop);

my $mapping = "CREATE USER MAPPING FOR carol SERVER s OPTIONS (api_token_file '/etc/passwd')";
fails_as('carol', "$create OPTIONS (ca_file '/etc/passwd')", '42501', qr/ca_file.*pg_read_server_files/s, 'ca_file');
fails_as('carol', "$create; $mapping", '42501', qr/api_token_file.*pg_read_server_files/s, 'api_token_file');
succeeds_as('carol', "CREATE USER MAPPING FOR carol SERVER s OPTIONS (api_token 'x'); $drop", '', 'api_token');
$node->safe_psql('postgres', 'GRANT pg_read_server_files TO carol');
succeeds_as('carol', "$create OPTIONS (ca_file '/etc/passwd'); $mapping; $drop", '', 'both with pg_read_server_files');
$node->safe_psql('postgres', 'REVOKE pg_read_server_files FROM carol');

# Whose table it is may show what he likes of it, but not where the server is.
fails_as('carol', "CREATE FOREIGN TABLE t (id text) SERVER pylon OPTIONS (base_url 'https://api.usepylon.com')",
	'(?:42501|HV00D)', qr/./, 'base_url of a table');

# ---------------------------------------------------------------- the token is nobody's to see

# Every level of every place that shows something, with statements that succeed and that fail.
$node->append_conf('postgresql.conf', "log_min_messages = debug5\nlog_error_verbosity = verbose\nlog_statement = all\n"
	  . "debug_print_parse = on\ndebug_print_rewritten = on\ndebug_print_plan = on\n");
$node->reload;
$node->safe_psql('postgres', 'SELECT pg_sleep(0.2)');
my $log_start = -s $node->logfile;

my $said = '';

sub hear
{
	my ($sql) = @_;
	my ($status, $out, $err) =
	  $node->psql('postgres', "SET client_min_messages = debug5;\n\\set VERBOSITY verbose\nSET ROLE owner;\n$sql");

	$said .= "$out\n$err\n";
	return "$out\n$err";
}

# is a like that doesn't print all of that when it fails.
sub hears
{
	my ($sql, $pattern, $name) = @_;
	my $heard = hear($sql);

	return ok($heard =~ $pattern, $name) || diag(grep { /ERROR|DETAIL:  [A-Z]/ } split /^/, $heard);
}

hears("EXPLAIN (ANALYZE, VERBOSE, BUFFERS, SETTINGS) $count", qr/Pylon Calls/, 'EXPLAIN says something');
hear("EXPLAIN (ANALYZE, VERBOSE, FORMAT $_) $count") for 'json', 'xml', 'yaml';
hear("$count; SELECT * FROM pylon_fdw_stats(); SELECT * FROM pylon_fdw_ping('pylon')");

# An API that repeats the token: in an error, in the answer's other parts, in a cursor that becomes a part of the path.
my @echoes = (
	{ kind => 'status', status => 400, body => { errors => ["filter of Bearer $secret"], code => $secret } },
	{ kind => 'status', status => 401, body => { errors => [$secret], request_id => $secret } },
	{ kind => 'status', status => 403, body => { errors => [ 'x' x 500 . $secret ] } },
	{ kind => 'status', status => 500, body => "<html>$secret</html>", times => 2 },
	{ kind => 'status', status => 404, body => "\x01$secret\x02" },
	{ kind => 'redirect', location => "$api->{url}/?token=$secret" },
	{ kind => 'wrong_shape', body => qq({"data":"$secret"}) },
	{ kind => 'wrong_shape', body => qq({"data":[{"id":"$secret") },
	{ kind => 'status', status => 200, headers => { "X-$secret" => $secret }, body => '[]' },
	{ kind => 'huge', bytes => 1_000_000 });
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD max_retries '1', ADD max_response_size '900kB')");
foreach my $echo (@echoes)
{
	api_clear($api);
	api_fault($api, match => 'GET /contacts', %$echo);
	hears($count, qr/ERROR:  [0-9A-Z]{5}/, "an answer that repeats the token is an error: $echo->{kind}");
}
api_clear($api);
api_fault($api, kind => 'wrong_shape',
	body => { data => [ { id => '1', name => 'x' } ], pagination => { cursor => $secret, has_next_page => \1 } });
api_fault($api, kind => 'status', status => 400, body => { errors => ['no such cursor'] });
hears($count, qr/no such cursor/, 'an answer whose cursor repeats the token');

# While a request is on its way
api_clear($api);
api_fault($api, kind => 'slow', delay => 60);
my $session = PylonSession->new($node);
my $pid = $session->pid;
$session->query('SET ROLE owner');
$session->begin($count);
wait_for_requests($api, 1);
my $activity = $node->safe_psql('postgres', "SELECT * FROM pg_stat_activity WHERE pid = $pid");
like($activity, qr/\Q$count\E/, 'pg_stat_activity shows the statement');
$said .= $activity . slurp_file("/proc/$pid/cmdline");
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$session->result;
like($session->error, qr/57014/, 'which is cancelled');
$said .= $session->error;
$session->quit;

# Who looks for tokens in the catalogs finds those that are his.
succeeds_as('alice', "SELECT count(umoptions) FROM pg_user_mappings WHERE usename <> 'alice'", 0,
	'the catalogs show nobody\'s token but one\'s own');

is_deeply([ grep { /sekrit/ } split /\n/, $said ], [], 'the token is in no message, plan or view');
my $log = substr slurp_file($node->logfile), $log_start;
ok($log =~ /DEBUG: .*StartTransaction/, 'the log is at its most talkative');
is_deeply([ grep { /sekrit/ } split /\n/, $log ], [], 'the token is not in the log');
$node->append_conf('postgresql.conf', "log_min_messages = warning\nlog_error_verbosity = default\n"
	  . "debug_print_parse = off\ndebug_print_rewritten = off\ndebug_print_plan = off\n");
$node->reload;

# ---------------------------------------------------------------- ALTER takes effect at the next statement

my $other_api = start_api(contacts => 30, token => $secret);
setup_server($node, $api, token => $secret);

# A session that is there all the time, with plans that are made once: their first parse and their last one.
$session = PylonSession->new($node);
$session->query(
	"SET plan_cache_mode = force_generic_plan;
	PREPARE all_contacts AS $count;
	PREPARE ada AS SELECT email FROM contacts WHERE id = '00000000-0000-4000-8000-000000000001';
	PREPARE by_email(text) AS SELECT name FROM contacts WHERE email = \$1;
	EXECUTE all_contacts; EXECUTE ada; EXECUTE by_email('x')");

# Checks what an ALTER in another session does to a statement of this one.
sub after
{
	my ($alter, $sql, $result, $requests, $name) = @_;

	$node->safe_psql('postgres', "SET log_statement = none; $alter");
	api_clear($api);
	my $found = $session->query($sql);
	is($session->error, '', "$name: no error");
	is($found, $result, "$name: result");
	is_deeply([ api_take($api) ], $requests, "$name: requests") if $requests;
	return;
}

sub after_which_fails
{
	my ($alter, $sql, $pattern, $name) = @_;

	$node->safe_psql('postgres', "SET log_statement = none; $alter");
	$session->query($sql);
	like($session->error, $pattern, $name);
	return;
}

my $execute = 'EXECUTE all_contacts';
after('', $execute, 120, [ list_requests(limit => 999, contacts => 120) ], 'before any ALTER');
after("ALTER SERVER pylon OPTIONS (ADD page_size '50')", $execute, 120, [ list_requests(limit => 50, contacts => 120) ],
	'ADD page_size to the server');
after("ALTER SERVER pylon OPTIONS (SET page_size '60')", $execute, 120, [ list_requests(limit => 60, contacts => 120) ],
	'SET page_size of the server');
after("ALTER FOREIGN TABLE contacts OPTIONS (ADD page_size '40')", $execute, 120,
	[ list_requests(limit => 40, contacts => 120) ], 'page_size of the table wins');
after("ALTER FOREIGN TABLE contacts OPTIONS (DROP page_size)", $execute, 120,
	[ list_requests(limit => 60, contacts => 120) ], 'DROP page_size of the table');
after("ALTER SERVER pylon OPTIONS (DROP page_size)", $execute, 120, [ list_requests(limit => 999, contacts => 120) ],
	'DROP page_size of the server');
after("ALTER SERVER pylon OPTIONS (SET base_url '$other_api->{url}')", $execute, 30, [], 'base_url: another API');
is_deeply([ api_take($other_api) ], [ list_requests(limit => 999, contacts => 30) ], 'base_url: its requests');
after("ALTER SERVER pylon OPTIONS (SET base_url '$api->{url}/')", $execute, 120,
	[ list_requests(limit => 999, contacts => 120) ], 'base_url: and back, with a slash');
after_which_fails("ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (SET api_token 'wrong-token')", $execute,
	qr/28000: .*Invalid API token!/s, 'api_token: a wrong one');
after("ALTER USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (SET api_token '$secret')", $execute, 120, undef,
	'api_token: and back');
after_which_fails("CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'no-permission')", $execute,
	qr/42501: /, 'a mapping of one\'s own comes before that of PUBLIC');
after('DROP USER MAPPING FOR CURRENT_USER SERVER pylon', $execute, 120, undef, 'until it is dropped');
after_which_fails('DROP USER MAPPING FOR PUBLIC SERVER pylon', $execute, qr/28000: .*no user mapping/si,
	'the last mapping is dropped');
after("CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token '$secret')", $execute, 120, undef,
	'and created again');

after('', 'EXECUTE ada', 'ada@acme.com', undef, 'column option field: before');
after("ALTER FOREIGN TABLE contacts ALTER COLUMN email OPTIONS (ADD field 'name')",
	'EXECUTE ada', 'Ada Lovelace', undef, 'column option field: another field');
is($session->query("EXECUTE by_email('ada\@acme.com')"), '', 'column option field: the e-mail is no longer compared');
is($session->query("EXECUTE by_email('Ada Lovelace')"), 'Ada Lovelace', 'column option field: but the name');
after("ALTER FOREIGN TABLE contacts ALTER COLUMN email OPTIONS (DROP field, ADD custom_field 'notes')",
	'EXECUTE ada', 'wrote the first program', undef, 'column option custom_field');
after('ALTER FOREIGN TABLE contacts ALTER COLUMN email OPTIONS (DROP custom_field)',
	'EXECUTE ada', 'ada@acme.com', undef, 'column option field: and back');
after('ALTER FOREIGN TABLE contacts ALTER COLUMN email DROP NOT NULL', "EXECUTE by_email('ada\@acme.com')",
	'Ada Lovelace',
	['POST /contacts/search {"filter":{"field":"email","operator":"equals","value":"ada@acme.com"},"limit":999}'],
	'which is compared again');
after_which_fails("ALTER FOREIGN TABLE contacts ALTER COLUMN email OPTIONS (ADD field 'e_mail')", 'EXECUTE ada',
	qr/HV005: .*column "email"/, 'column option field: no such field');
after("ALTER FOREIGN TABLE contacts ALTER COLUMN email OPTIONS (SET field 'email')",
	'EXECUTE ada', 'ada@acme.com', undef, 'column option field: by its own name');
after("ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '2')",
	"SELECT count(*) FROM contacts WHERE id = ANY('{a,b,c}')", 0, undef, 'lookup_batch_size');
# they are on their way together, and may arrive in any order
is_deeply([ sort(api_take($api)) ],
	[
		'POST /contacts/search {"filter":{"field":"id","operator":"in","values":["a","b"]},"limit":999}',
		'POST /contacts/search {"filter":{"field":"id","operator":"in","values":["c"]},"limit":999}'
	],
	'lookup_batch_size: requests');

# ---------------------------------------------------------------- DROP

my $names = 'SELECT string_agg(server_name, $$,$$ ORDER BY server_name) FROM pylon_fdw_stats()';
is($session->query($names), 'pylon', 'pylon_fdw_stats names the server');
after('ALTER SERVER pylon RENAME TO pylon_two', $names, 'pylon_two', undef, 'by its new name when it is renamed');
after('ALTER SERVER pylon_two RENAME TO pylon', $execute, 120, undef, 'and the plans go on');

$session->query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM contacts; FETCH 1 FROM c; DROP SERVER pylon CASCADE');
like($session->error, qr/55006/, 'a session can\'t drop the server under its own cursor');
$session->query('ROLLBACK');
is($session->query($execute), 120, 'and goes on using it');

after_which_fails('DROP SERVER pylon CASCADE', $execute, qr/42P01: .*contacts/,
	'DROP SERVER CASCADE in another session');
is($session->query("$names; SELECT pylon_fdw_stats_reset(); $names"), "\n\n", 'pylon_fdw_stats after DROP SERVER');
is($session->error, '', 'pylon_fdw_stats after DROP SERVER: no error');
$session->query("SELECT * FROM pylon_fdw_ping('pylon')");
like($session->error, qr/42704/, 'pylon_fdw_ping after DROP SERVER');

setup_server($node, $api, token => $secret);
is($session->query($execute), 120, 'a server of the same name');
is($session->query('SELECT server_name, requests, rows_read FROM pylon_fdw_stats()'), 'pylon|1|120',
	'starts counting at nothing');
$session->query('DROP SERVER pylon CASCADE');
is($session->query($names), '', 'a session drops a server that it has used');
$session->quit;

$node->safe_psql('postgres', 'DROP EXTENSION pylon_fdw CASCADE');
$node->safe_psql('postgres', 'CREATE EXTENSION pylon_fdw');
setup_server($node, $api, token => $secret);
is($node->safe_psql('postgres', $count), 120, 'DROP and CREATE EXTENSION');

done_testing();
