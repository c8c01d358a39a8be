# Random queries that join contacts, accounts or both with other relations give the same rows as on local copies, whatever
# plan is chosen and whatever the API is like; a lookup join makes no more requests than its keys need.  Then random writes
# with joins.
#
# PYLON_ORACLE_JOINS says how many queries, PYLON_ORACLE_WRITES how many writes, PYLON_ORACLE_SEED where to begin, PYLON_ORACLE_SHOW how many failures of a kind
# are shown; PYLON_ORACLE_VERBOSE shows what SQL itself refused, and how often each kind of plan was chosen.  A query that
# fails is shown with its own seed: PYLON_ORACLE_JOINS=1 and that seed run it alone, under the same circumstances.

use strict;
use warnings;

use Encode qw(encode_utf8);
use JSON::PP;
use JoinOracle;
use OracleTables;
use POSIX qw(ceil);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonPlans;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use WhereOracle;

my $queries = $ENV{PYLON_ORACLE_JOINS} // 250;
my $writes = $ENV{PYLON_ORACLE_WRITES} // int($queries / 16);
my $seed = $ENV{PYLON_ORACLE_SEED} // 1;
my $json = JSON::PP->new->utf8->canonical;

# What follows from a query's number, so that one alone runs under the same circumstances.
my $block = 10;

# What the API is like, and what of it the server knows; "strict" APIs answer some filters with 400.  A fault comes with
# each query, after some of its searches.
my %relaxed = (typed_operators => 'off', unknown_slug => 'empty', lists_hold_text => 'into');
my @modes = (
	{ name => 'exact', set => {%relaxed} },
	{ name => 'exact', set => {%relaxed} },
	{ name => 'ignores case', set => { %relaxed, case_sensitive => 'off' }, case => 'ignored' },
	{ name => 'ignores case, unknown to the server', set => { %relaxed, case_sensitive => 'off' }, case => 'unknown' },
	{ name => 'reference only', set => { custom_operators => 'equals', refuse_name_filter => 'on' }, strict => 1 },
	{ name => 'short lists', set => { %relaxed, max_in => 2 }, strict => 1 },
	{ name => 'no search', set => {%relaxed}, strict => 1, fault => 1 },
	{
		name => 'short pages', set => { %relaxed, short_pages => 7, end_page => 'trailing', zero_matches => 'missing' },
		paged => 1
	},
	{ name => 'slow', set => { %relaxed, latency => 4, chunked => 'on', compress => 'on' } },
	{
		name => 'refuses a search now and then', set => {%relaxed}, strict => 1,
		sudden => { kind => 'status', status => 400, body => { errors => ['no'], request_id => 'r' } }
	},
	{ name => 'breaks off a search now and then', set => {%relaxed}, unsteady => 1, sudden => { kind => 'close' } });
my %default = (
	typed_operators => 'on', unknown_slug => 'error', lists_hold_text => 'refuse', case_sensitive => 'on',
	custom_operators => 'all', refuse_name_filter => 'off', zero_matches => 'empty', short_pages => 0,
	end_page => 'exact', max_in => 0, latency => 0, chunked => 'off', compress => 'off');
my @batches = (100, 3, 1, 100, 3);
my @pages = (999, 999, 7, 999, 1, 999, 999);
my @costs = (1000, 1000, 1, 1000, 0);
my @at_once = (4, 1, 64, 2);
my @styles = ('plain', 'plain', 'plain', 'plain', 'subqueries', 'custom', 'generic', 'auto', 'cursor', 'parallel');
my @settings = (
	(   map { "enable_$_=off" }
		  qw(hashjoin hashjoin mergejoin nestloop memoize material sort hashagg indexscan seqscan bitmapscan async_append incremental_sort)
	), 'enable_partitionwise_join=on', 'enable_partitionwise_aggregate=on', 'join_collapse_limit=1',
	'from_collapse_limit=1', 'geqo_threshold=2');

my $node = start_node();
my @parallel = (
	($node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . '=on',
	'parallel_setup_cost=0', 'parallel_tuple_cost=0', 'min_parallel_table_scan_size=0',
	'min_parallel_index_scan_size=0');
my $api = start_api(contacts => 70, accounts => 40);
my $has_lookups = has_lookups();
my $tables = OracleTables->new($node, $api);
my $other_api = $tables->add_workspace;
my @apis = ($api, $other_api);
my $joined = $tables->joined_pools;
my $generator = JoinOracle->new(where => $tables->generator, pools => $joined->{all}, each => $joined->{each});
setup();

# ---------------------------------------------------------------- set-up

# Is there a lookup join in this library?  A setting that nothing defined is a text.
sub has_lookups
{
	return $node->safe_psql('postgres', "SELECT pylon_fdw_version() <> '' AND count(*) = 1
		FROM pg_settings WHERE name = 'pylon_fdw.enable_lookup_join' AND vartype = 'bool'") eq 't';
}

sub setup
{
	api_set($_, %relaxed) for @apis;
	$tables->create_server('another', lookup_batch_size => 5);
	for my $server ('exact', 'folded', 'unsaid')
	{
		my %options = (
			lookup_batch_size => 100, page_size => 999, request_cost => 1000, max_concurrent_requests => 4);

		$options{case_sensitive} = $server eq 'exact' ? 'true' : 'false' if $server ne 'unsaid';

		$tables->create_server($server, %options);
		$tables->create_table($server, 'others', 'plain', 'another');
		$tables->create_families($server, %options);
	}
	$tables->create_families('local');
	$tables->run($generator->tables . <<'SQL');
	CREATE TABLE seen (n int, id text);

	-- A cursor's plan is never parallel, nor is that of EXECUTE ... INTO executed so.
	CREATE FUNCTION rows_at_once(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN QUERY EXECUTE format('SELECT q::text FROM (%s) q', query);
	END $$;

	-- How a statement is run: as it is, by a cursor, prepared and so often that its plan may become a generic one, or twice
	-- where the kind of plan is given, or by workers; its rows as text.
	CREATE FUNCTION rows_of(how text, query text) RETURNS text[] LANGUAGE plpgsql AS $$
	DECLARE
		line record;
		rows text[] := '{}';
		again text[] := '{}';
		answer text[];
		cur refcursor;
	BEGIN
		IF how IN ('prepared', 'twice') THEN
			FOR i IN 1 .. CASE how WHEN 'twice' THEN 2 ELSE 7 END LOOP
				EXECUTE query INTO answer;
				rows := rows || answer;
			END LOOP;
		ELSIF how = 'cursor' THEN
			-- forth, back a bit and forth again, then all the way back
			OPEN cur SCROLL FOR EXECUTE query;
			LOOP
				FETCH cur INTO line;
				EXIT WHEN NOT FOUND;
				rows := rows || line::text;
				IF cardinality(rows) = 4 THEN
					MOVE BACKWARD 2 FROM cur;
					FETCH cur INTO line;
					IF line::text IS DISTINCT FROM rows[3] THEN
						rows := rows || format('row 3 is %s later on', line);
					END IF;
					MOVE FORWARD 1 FROM cur;
				END IF;
			END LOOP;
			LOOP
				FETCH BACKWARD FROM cur INTO line;
				EXIT WHEN NOT FOUND;
				again := line::text || again;
			END LOOP;
			CLOSE cur;
			IF again <> rows THEN
				rows := rows || format('%s rows backwards', cardinality(again));
			END IF;
		ELSIF how = 'parallel' THEN
			rows := ARRAY(SELECT rows_at_once(query));
		ELSE
			FOR line IN EXECUTE query LOOP
				rows := rows || line::text;
			END LOOP;
		END IF;
		RETURN rows;
	END $$;

	CREATE FUNCTION run(number int, schema text, settings text[], how text, prepare text, query text, explain text,
		OUT rows text[], OUT plan jsonb, OUT failure text) LANGUAGE plpgsql AS $$
	DECLARE
		setting text;
	BEGIN
		FOREACH setting IN ARRAY settings LOOP
			PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true);
		END LOOP;
		PERFORM set_config('search_path', schema || ', public', true);
		IF prepare <> '' THEN
			DEALLOCATE ALL;
			EXECUTE prepare;
		END IF;
		IF number IS NOT NULL THEN
			PERFORM mark(number * 10);
			EXECUTE 'EXPLAIN (FORMAT JSON, ' || explain || ') ' || query INTO plan;
			PERFORM mark(number * 10 + 1);
		END IF;
		rows := rows_of(how, query);
	EXCEPTION WHEN OTHERS THEN
		failure := SQLSTATE || ' ' || SQLERRM;
	END $$;

	CREATE FUNCTION compare(number int, schema text, settings text[], how text, prepare text, query text,
		explain text, keys text)
		RETURNS json LANGUAGE plpgsql AS $$
	DECLARE
		foreign_rows record;
		local_rows record;
		n bigint;
	BEGIN
		SELECT * INTO foreign_rows FROM run(number, schema, settings, how, prepare, query, explain);
		SELECT * INTO local_rows FROM run(NULL, 'local', settings, how, prepare, query, explain);
		IF keys <> '' THEN
			EXECUTE keys INTO n;
		END IF;
		RETURN json_build_object('number', number, 'plan', foreign_rows.plan, 'keys', n,
			'failure', foreign_rows.failure, 'local_failure', local_rows.failure, 'rows', cardinality(local_rows.rows),
			'missing', ARRAY(SELECT left(r, 300) FROM (SELECT unnest(local_rows.rows) EXCEPT ALL SELECT unnest(foreign_rows.rows)) d (r) LIMIT 4),
			'unwanted', ARRAY(SELECT left(r, 300) FROM (SELECT unnest(foreign_rows.rows) EXCEPT ALL SELECT unnest(local_rows.rows)) d (r) LIMIT 4));
	END $$;
SQL
	return;
}

# ---------------------------------------------------------------- judging a query

my (%failures, %shown, %invalid, %plans, %simple_lookups);
my ($compared, $matched, $wrote) = (0, 0, 0);

sub failed
{
	my ($kind, $query, @details) = @_;
	my $plan = $query->{result}{plan};

	$failures{$kind}++;
	return if ++$shown{$kind} > ($ENV{PYLON_ORACLE_SHOW} // 2);
	diag(
		encode_utf8(
			join "\n", "$kind: seed $query->{seed}, $query->{circumstances}",
			map({ s/^/    /gmr } $query->{sql}, @details),
			map({ 'request: ' . substr $_, 0, 300 } grep { defined } @{ $query->{requests} // [] }[ 0 .. 5 ]),
			$plan ? map({ s/^/    /gmr } outline($plan->[0]{Plan}, 0)) : ()));
	return;
}

sub kind_of
{
	my $node = shift;

	return $node->{'Custom Plan Provider'} // $node->{'Node Type'};
}

# A plan as EXPLAIN's text, nearly: what matters of each node.
sub outline
{
	my ($node, $depth) = @_;
	my @members = map { ref $node->{$_} ? () : "$_: $node->{$_}" }
	  grep { /Cond|Filter|Pylon|Join Type|Relation Name|Key|Cache|Actual Rows|Loops/ } sort keys %$node;

	return (
		'  ' x $depth . join('; ', kind_of($node), @members),
		map { outline($_, $depth + 1) } @{ $node->{Plans} // [] });
}

# Filters must be fit for the API, with lists that are no longer than asked for, and in which no value is twice.
sub judge_filters
{
	my $query = shift;

	for my $request (@{ $query->{requests} })
	{
		my ($object, $body) = $request =~ m{^POST /(\w+)\S* (.*)} or next;
		my $filter = $json->decode(encode_utf8($body))->{filter};
		my $batch = $query->{batch} > 5 ? $query->{batch} : 5;
		my $levels = eval { filter_levels($object, $filter, $batch) };
		failed('filter', $query, $request, $@ eq '' ? "$levels levels" : $@) if !defined $levels || $levels > 2;
		for my $list (grep { $_->{values} } $filter, @{ $filter->{subfilters} // [] })
		{
			my %values = map { $_ => 1 } @{ $list->{values} };
			failed('a value twice', $query, $request) if keys %values != @{ $list->{values} };
		}
	}
	return;
}

# A lookup join alone asks for each key once; plain EXPLAIN asks for nothing.
sub judge_requests
{
	my ($mode, $query) = @_;
	my $result = $query->{result};
	my @nodes = nodes($result->{plan}[0]{Plan});
	my $lookups = grep { kind_of($_) eq 'Pylon Lookup Join' } @nodes;

	failed('EXPLAIN sends requests', $query, @{ $query->{explain_requests} })
	  if !$query->{simple} && @{ $query->{explain_requests} };
	return unless $query->{simple} && $lookups == 1;
	$simple_lookups{ $query->{simple} }++;
	return if $mode->{strict} || $mode->{paged} || $mode->{unsteady} || $query->{page} < 999;
	my $enough = $query->{asked} * (ceil($result->{keys} / $query->{batch}) + 1);
	for my $requests ($query->{explain_requests}, $query->{requests})
	{
		failed('requests of a lookup join', $query, scalar(@$requests) . " requests for $result->{keys} keys")
		  if @$requests > $enough * ($requests == $query->{requests} ? $query->{runs} : 1);
	}
	return;
}

sub judge
{
	my ($mode, $query, $warnings) = @_;
	my $result = $query->{result};

	# Whether a bad pattern of LIKE is an error depends on the rows that meet it, which are others in another plan.
	my ($refused) = grep { defined } $result->{local_failure}, grep { defined && /^22025/ } $result->{failure};
	if (defined $refused)
	{
		$invalid{ substr $refused, 0, 70 }++;
		diag(encode_utf8("$refused: seed $query->{seed}, $query->{sql}")) if ($ENV{PYLON_ORACLE_VERBOSE} // 0) > 1;
		return;
	}
	$compared++;
	$matched++ if $result->{rows};
	return failed('error', $query, $result->{failure}) if defined $result->{failure};
	if (@{ $result->{missing} } || @{ $result->{unwanted} })
	{
		failed('wrong rows', $query, "$result->{rows} rows expected",
			map {
				my $kind = $_;
				map { "$kind: $_" } @{ $result->{$kind} }
			} 'missing', 'unwanted');
	}
	my %kinds = map { kind_of($_) => 1 } nodes($result->{plan}[0]{Plan});
	$plans{$_}++ for keys %kinds;
	failed('warnings', $query, @$warnings) if @$warnings && !$mode->{strict};
	judge_filters($query);
	judge_requests($mode, $query);
	return;
}

# ---------------------------------------------------------------- running them

# The statements of a query: what to prepare (or ''), and what to run; and settings that go with it.
sub statements
{
	my ($style, $query) = @_;
	my ($clause, @values) = ($query->{clause}, @{ $query->{values} });

	return ('', $clause->sql($style eq 'subqueries' ? $style : 'constants'))
	  if $style =~ /^(?:plain|subqueries|cursor|parallel)$/;
	my $types = join ', ', map { $_->{type} } @values;
	my $given = join ', ', map { WhereOracle::literal($_->{type}, $_->{first}) . "::$_->{type}" } @values;
	my $rows = 'SELECT array_agg(q::text) FROM (' . $clause->sql('parameters') . ') q';
	return ('PREPARE p' . (@values ? "($types)" : '') . " AS $rows", 'EXECUTE p' . (@values ? "($given)" : ''),
		$style eq 'auto' ? () : "plan_cache_mode=force_${style}_plan");
}

# A query with all that decides how it runs.
sub make_query
{
	my ($number, $mode) = @_;
	my $query = $generator->query(seed => $number, case => $mode->{case} // 'heeded');
	my $style = WhereOracle::one_of(@styles);
	my @set = map { WhereOracle::one_of(@settings) } 1 .. WhereOracle::one_of(0, 0, 1, 2, 3);

	@set = () if $query->{simple};
	push @set, @{ $query->{settings} };
	$style = 'plain' if $query->{simple} && $style =~ /custom|generic|auto/;
	# a cursor's plan is that of EXPLAIN then
	push @set, 'cursor_tuple_fraction=1' if $query->{simple};
	my ($prepare, $run, @more) = statements($style, $query);
	push @set, @more;
	my $is_parallel = $style eq 'parallel' || WhereOracle::chance(0.05);
	# A Gather starts its workers again with each rescan, which can be thousands of processes where nothing keeps its rows.
	@set = ((grep { !/^enable_(?:material|memoize)=off/ } @set), @parallel) if $is_parallel;
	push @set, 'work_mem=64kB' if WhereOracle::chance(0.2);
	push @set, 'pylon_fdw.enable_lookup_join=off' if WhereOracle::chance(0.12) && $has_lookups && !$query->{simple};
	return {
		%$query, style => $style, how => $prepare ne '' ? ($style eq 'auto' ? 'prepared' : 'twice')
		: $style =~ /^(?:cursor|parallel)$/ ? $style
		: 'plain', runs => 1,
		faults => [
			map {
				{ %{ $mode->{sudden} }, match => 'POST /', skip => int rand 4 }
			} $mode->{sudden} ? 1 .. 1 + int rand 2 : ()
		], prepare => $prepare, run => $run, settings => \@set, sql => join('; ', grep { $_ ne '' } $prepare, $run),
		explain => $query->{simple} ? 'ANALYZE' : WhereOracle::one_of('VERBOSE', 'COSTS OFF', 'VERBOSE')
	};
}

# Some queries in a session of their own, under the circumstances of their block.
sub run_block
{
	my ($first, $count) = @_;
	my $at = int($first / $block);
	my ($mode, $batch, $page, $cost, $at_once) = (
		$modes[ $at % @modes ], $batches[ $at % @batches ], $pages[ $at % @pages ],
		$costs[ ($at + int($at / @costs)) % @costs ], $at_once[ ($at + int($at / @modes)) % @at_once ]);
	my $server = { ignored => 'folded', unknown => 'unsaid' }->{ $mode->{case} // '' } // 'exact';
	my $session = PylonSession->new($node);
	my @queries = map { make_query($_, $mode) } $first .. $first + $count - 1;

	for my $query (@queries)
	{
		@$query{qw(batch page)} = ($batch, $page);
		$query->{circumstances} =
		  "API \"$mode->{name}\", lookup_batch_size $batch, page_size $page, request_cost $cost, $at_once at once, $query->{kind}, $query->{style}, settings: @{ $query->{settings} }";
		$query->{call} =
			"SELECT compare($query->{seed}, '$server', "
		  . text_array(@{ $query->{settings} }) . ', '
		  . join(', ', map { WhereOracle::quoted($_ // '') } @$query{qw(how prepare run explain keys)}) . ");\n";
	}
	for my $api (@apis)
	{
		control($api, 'POST', '_set', { %default, %{ $mode->{set} } });
		control($api, 'POST', '_fault',
			{
				kind => 'status', status => 400, body => { errors => ['no'], request_id => 'r' },
				match => 'POST /', times => 0
			}) if $mode->{fault};
	}
	# altered, a server is one that has refused nothing yet
	my $alter =
	  join('', map { "ALTER SERVER $_ OPTIONS (SET lookup_batch_size '$batch', SET page_size '$page',
			SET request_cost '$cost', SET max_concurrent_requests '$at_once');\n" } $server, "more_$server");
	$session->query("SET jit = off; SET client_min_messages = notice; LOAD 'pylon_fdw'; $alter");
	for my $together ($mode->{sudden} ? map { [$_] } @queries : \@queries)
	{
		# what is refused is a search, not a page of one that has been answered
		my @faults = map {
			{ %$_, $_->{kind} eq 'status' ? (holds => "\"limit\":$page}") : () }
		} map { @{ $_->{faults} } } @$together;
		for my $api (@apis) { control($api, 'POST', '_fault', $_) for @faults; }
		last unless run_together($session, $mode, $mode->{sudden} ? $alter : '', $together);
		api_ctl($_, 'faults-clear') for @apis;
	}
	api_ctl($_, 'faults-clear') for @apis;
	$session->quit if defined eval { $session->pid };
	return;
}

# Some of a block's queries; false if the session has ended.
sub run_together
{
	my ($session, $mode, $before, $queries) = @_;
	my @queries = @$queries;
	my $marked = run_marked($session, \@apis, join '', $before, map { $_->{call} } @queries);

	if (!defined $marked->{output})
	{
		failed('crash', (grep { $_->{seed} == int($marked->{last} / 10) } @queries, $queries[0])[0],
			$marked->{failure});
		return 0;
	}
	my %result = map { my $result = $json->decode($_); ($result->{number} => $result) } split /\n/, $marked->{output};
	for my $query (@queries)
	{
		my $number = $query->{seed};
		$query->{explain_requests} = $marked->{requests}{"${number}0"} // [];
		$query->{requests} = $marked->{requests}{"${number}1"} // [];
		$query->{result} = $result{$number};
		if (!$result{$number}) { failed('no result', $query, $session->error =~ /(ERROR.*)/); next; }
		judge($mode, $query, [ map { @{ $marked->{warnings}{"$number$_"} // [] } } 0, 1 ]);
	}
	return 1;
}

# ---------------------------------------------------------------- writes

# Some of the rows that the other list has not.
sub only
{
	my ($these, $others) = @_;
	my %count;

	$count{$_}++ for @$others;
	return grep { defined } (grep { --$count{$_} < 0 } @$these)[ 0 .. 3 ];
}

# A write on the contacts, whose state in the API must then be that of the copy after the same; undone on both.
sub run_write
{
	my ($session, $number) = @_;
	my $write = $generator->write(seed => $number);
	my $sql = $write->{clause}->sql;
	my @settings = map { WhereOracle::one_of(@settings) } 1 .. WhereOracle::one_of(0, 0, 1, 2);
	my $arguments = text_array(@settings) . ", 'plain', '', " . WhereOracle::quoted($sql) . ", 'COSTS OFF'";
	my $query = { seed => $number, sql => $sql, circumstances => "$write->{kind}, settings: @settings" };
	my $state = sub {
		my $from = shift;
		return
		  "SELECT CASE WHEN name NOT LIKE 'new %' THEN id END, account_id, name, email, tier, notes, website, owner
			FROM $from p";
	};
	my $results = sub {
		my ($numbered, $schema) = @_;
		return
		  "SELECT json_build_object('rows', ARRAY(SELECT left(r, 300) FROM unnest(rows) r
			ORDER BY r COLLATE \"C\"), 'plan', plan, 'failure', failure)
			FROM run($numbered, '$schema', $arguments)";
	};

	my $foreign = run_marked($session, $api, $results->($number, 'exact') . ';');
	return failed('crash in a write', $query, $foreign->{failure}) if !defined $foreign->{output};
	my $table = $sql =~ /^UPDATE accounts/ ? 'accounts' : 'plain';
	my $held = $tables->local_rows($table, 'held');
	$table eq 'accounts' ? load_accounts($node, $api, 'held') : load_contacts($node, $api, 'held');
	my @local = split /\n/, $session->query(
		encode_utf8('SET client_min_messages = warning; BEGIN; '
			  . $results->('NULL', 'local') . ";
		SELECT json_agg(d) FROM (SELECT 'in the API' AS only, a::text AS contact FROM ("
			  . $state->("($held)")
			  . ' EXCEPT ALL '
			  . $state->("local.$table") . ") a
			UNION ALL SELECT 'in the copy', c::text FROM ("
			  . $state->("local.$table")
			  . ' EXCEPT ALL '
			  . $state->("($held)")
			  . ') c LIMIT 6) d;
		ROLLBACK; SET client_min_messages = notice'));
	my ($is, $should) = map { $json->decode($_) } $foreign->{output}, $local[0];
	@$query{qw(result requests)} = ($is, $foreign->{requests}{"${number}1"});
	$plans{$_}++ for map { kind_of($_) } $is->{plan} ? nodes($is->{plan}[0]{Plan}) : ();
	if (defined $should->{failure})
	{
		$invalid{ substr $should->{failure}, 0, 70 }++;
	}
	elsif (defined $is->{failure}) { failed('error in a write', $query, $is->{failure}); }
	elsif ($json->encode($is->{rows}) ne $json->encode($should->{rows}))
	{
		failed('wrong RETURNING', $query,
			map { scalar(@{ $_->[0]{rows} }) . ' rows, among them: ' . join ' ', only($_->[0]{rows}, $_->[1]{rows}) }
			  [ $is, $should ], [ $should, $is ]);
	}
	elsif ($local[1])
	{
		failed('what was written', $query, map { "$_->{only}: $_->{contact}" } @{ $json->decode($local[1]) });
	}
	$wrote++ if @{ $should->{rows} // [] };
	return unless grep { !/^(?:GET|POST .*search)/ } @{ $query->{requests} // [] };
	$tables->restore;
	api_set($api, %relaxed);
	return;
}

sub run_writes
{
	my $session = PylonSession->new($node);

	api_set($_, %default, %relaxed) for @apis;
	$tables->run("ALTER SERVER exact OPTIONS (SET lookup_batch_size '7', SET page_size '20')");
	$session->query("SET jit = off; LOAD 'pylon_fdw'");
	run_write($session, $_) for $seed .. $seed + $writes - 1;
	$session->quit;
	is(join(', ', map { "$_: $failures{$_}" } sort keys %failures),
		'', "$writes writes from seed $seed: as on the local copies");
	cmp_ok($wrote, '>=', $writes / 2, 'many writes write') if $writes >= 10;
	return;
}

my $done = 0;
while ($done < $queries)
{
	my $first = $seed + $done;
	my $count = $block - $first % $block;

	$count = $queries - $done if $count > $queries - $done;
	run_block($first, $count);
	$done += $count;
}
is(join(', ', map { "$_: $failures{$_}" } sort keys %failures),
	'', "$done queries from seed $seed: as on the local copies");
%failures = ();
run_writes() if $writes;
my $counts = join ', ', map { "$_ $plans{$_}" } sort { $plans{$b} <=> $plans{$a} } keys %plans;
my $tell = $ENV{PYLON_ORACLE_VERBOSE} ? \&diag : \&note;
$tell->(map { encode_utf8("$invalid{$_} x $_\n") } sort keys %invalid) if %invalid;
$tell->("$done queries from seed $seed: $compared compared, $matched with rows; nodes in their plans: $counts");
if ($done >= 100)
{
	cmp_ok($compared, '>=', $done * 0.8, 'most queries are valid');
	cmp_ok($matched, '>=', $done / 2, 'many queries give rows');
	cmp_ok($plans{$_} // 0, '>=', $done / 20, "many plans have a $_") for 'Nested Loop', 'Hash Join';
}
SKIP:
{
	skip 'there is no lookup join', 2 unless $has_lookups;
	skip 'too few queries', 2 if $done < 200;
	cmp_ok($plans{'Pylon Lookup Join'} // 0, '>=', $done / 6, 'many plans have a lookup join');
	is(join(' ', sort keys %simple_lookups), 'Anti Inner Left Semi', 'lookup joins of each type');
}

done_testing();
