# Random WHERE clauses give the same rows as on a local copy of the contacts and accounts, whatever the API is like; and
# what is sent is fit for the API, and as little as can be.
#
# PYLON_ORACLE_CLAUSES says how many, PYLON_ORACLE_SEED where to begin; PYLON_ORACLE_MODE keeps to one mode,
# PYLON_ORACLE_SHOW is how many failures of a kind are shown, PYLON_ORACLE_VERBOSE shows what SQL itself refused.  A clause
# that fails is shown with its own seed: PYLON_ORACLE_CLAUSES=1 and that seed and mode run it alone.

use strict;
use warnings;

use Encode qw(encode_utf8);
use JSON::PP;
use OracleTables;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use WhereOracle;

my $clauses = $ENV{PYLON_ORACLE_CLAUSES} // 600;
my $seed = $ENV{PYLON_ORACLE_SEED} // 1;
my $json = JSON::PP->new->utf8;

# What the API is like, and what may be expected of a scan then: "strict" APIs answer some filters with 400.
my %relaxed = (typed_operators => 'off', unknown_slug => 'empty', lists_hold_text => 'into');
my @modes = (
	{ name => 'exact', set => {%relaxed} },
	{ name => 'ignores case', set => { %relaxed, case_sensitive => 'off' }, case => 'ignored' },
	{ name => 'ignores case, unknown to the server', set => { %relaxed, case_sensitive => 'off' }, case => 'unknown' },
	{ name => 'heeds case, unknown to the server', set => {%relaxed}, case => 'unknown' },
	{ name => 'by type', set => { typed_operators => 'on', unknown_slug => 'error' }, strict => 1 },
	{ name => 'reference only', set => { custom_operators => 'equals', refuse_name_filter => 'on' }, strict => 1 },
	{
		name => 'no custom fields',
		set => { custom_operators => 'none', refuse_name_filter => 'on', unknown_slug => 'error' }, strict => 1
	},
	# where nothing says so, a custom field is taken to have one value, or text to be looked for in each of them
	{
		name => 'no text in lists', set => { %relaxed, lists_hold_text => 'none', text_pattern => 'on' },
		tables => [ 'plain', 'typed', 'accounts', 'firms' ]
	},
	{ name => 'no text in lists, as refused', set => { %relaxed, lists_hold_text => 'refuse' }, strict => 1 },
	{ name => 'text as pattern', set => { %relaxed, text_pattern => 'on' } },
	{
		name => 'not_in skips',
		set => { %relaxed, not_in_null => 'skip', empty_in => 'none', zero_matches => 'missing' }
	},
	{
		name => 'short pages',
		set => { %relaxed, short_pages => 7, last_page => 'null_cursor', end_page => 'trailing' }, paged => 1
	},
	{
		name => 'flat',
		set => {
			%relaxed, depth_counts_leaves => 'off', last_page => 'empty_cursor', custom_slug => 'on',
			multi_valued => 'values', zero_matches => 'null', absent => 'absent'
		}
	},
	{ name => 'short lists', set => { %relaxed, max_in => 3, last_page => 'no_has_next', absent => 'null' } },
	{ name => 'shorter lists', set => { %relaxed, max_in => 2, absent => 'empty' }, strict => 1 },
	{
		name => 'all in the empty list',
		set => { %relaxed, empty_in => 'all', case_sensitive => 'off', not_in_null => 'skip' }, case => 'ignored'
	},
	{
		name => 'strict and ignores case', set => { custom_operators => 'equals,in', case_sensitive => 'off' },
		strict => 1, case => 'ignored'
	},);
my %default = (
	typed_operators => 'on', unknown_slug => 'error', lists_hold_text => 'refuse', text_pattern => 'off',
	case_sensitive => 'on', custom_operators => 'all', refuse_name_filter => 'off', not_in_null => 'match',
	empty_in => 'error', zero_matches => 'empty', short_pages => 0, last_page => 'no_pagination', custom_slug => 'off',
	multi_valued => 'both', end_page => 'exact', depth_counts_leaves => 'on', absent => 'mixed', max_in => 0);
@modes = grep { $_->{name} eq $ENV{PYLON_ORACLE_MODE} } @modes if defined $ENV{PYLON_ORACLE_MODE};
my @used_tables = ('plain', 'accounts', 'plain', 'typed', 'accounts', 'odd', 'firms');
my @styles = ('constants', 'constants', 'constants', 'custom', 'generic', 'subqueries', 'lateral', 'join', 'limit');

my $node = start_node();
my $api = start_api(contacts => 290, accounts => 190);
api_set($api, %relaxed);
my $tables = setup();

# ---------------------------------------------------------------- set-up

sub setup
{
	my $tables = OracleTables->new($node, $api);

	$tables->create_server('exact', lookup_batch_size => $WhereOracle::BATCH, case_sensitive => 'true');
	$tables->create_server('folded', lookup_batch_size => $WhereOracle::BATCH, case_sensitive => 'false');
	$tables->create_server('unsaid', lookup_batch_size => $WhereOracle::BATCH);
	$tables->run(<<'SQL');
	CREATE FUNCTION rows_of(settings text[], prepare text,
		query text, explain bool, OUT ids text[], OUT plan jsonb, OUT failure text)
		LANGUAGE plpgsql AS $$
	DECLARE
		setting text;
		before bigint;
	BEGIN
		FOREACH setting IN ARRAY settings LOOP
			PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true);
		END LOOP;
		IF prepare <> '' THEN
			DEALLOCATE ALL;
			EXECUTE prepare;
		END IF;
		IF explain THEN
			SELECT sum(requests) INTO before FROM pylon_fdw_stats();
			EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) ' || query INTO plan;
			IF before < (SELECT sum(requests) FROM pylon_fdw_stats()) THEN
				failure := 'EXPLAIN sends requests';
				RETURN;
			END IF;
		END IF;
		EXECUTE query INTO ids;
	EXCEPTION WHEN OTHERS THEN
		failure := SQLSTATE || ' ' || SQLERRM;
	END $$;

	CREATE FUNCTION compare(number int, server text, settings text[], foreign_prepare text, foreign_query text,
		local_prepare text, local_query text) RETURNS json LANGUAGE plpgsql AS $$
	DECLARE
		foreign_rows record;
		local_rows record;
		before record;
		afterwards record;
	BEGIN
		PERFORM mark(number);
		SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(rows_read), 0) AS read INTO before
			FROM pylon_fdw_stats() WHERE server_name = server;
		SELECT * INTO foreign_rows FROM rows_of(settings, foreign_prepare, foreign_query, number % 3 = 0);
		SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(rows_read), 0) AS read INTO afterwards
			FROM pylon_fdw_stats() WHERE server_name = server;
		SELECT * INTO local_rows FROM rows_of(settings, local_prepare, local_query, false);
		RETURN json_build_object('number', number,
			'plan', foreign_rows.plan, 'failure', foreign_rows.failure, 'local_failure', local_rows.failure,
			'read', afterwards.read - before.read, 'requests', afterwards.requests - before.requests,
			'rows', coalesce(cardinality(local_rows.ids), 0),
			'distinct', (SELECT count(DISTINCT id) FROM unnest(local_rows.ids) id),
			'missing', ARRAY(SELECT unnest(local_rows.ids) EXCEPT ALL SELECT unnest(foreign_rows.ids)),
			'unwanted', ARRAY(SELECT unnest(foreign_rows.ids) EXCEPT ALL SELECT unnest(local_rows.ids)));
	END $$;
SQL
	return $tables;
}

# ---------------------------------------------------------------- judging a clause

my %failures;
my %shown;
my $matched = 0;
my $searched = 0;
my %invalid;

sub failed
{
	my ($kind, $clause, @details) = @_;

	$failures{$kind}++;
	return if ++$shown{$kind} > ($ENV{PYLON_ORACLE_SHOW} // 3);
	diag(
		encode_utf8(
			join "\n",
			"$kind: seed $clause->{seed}, mode \"$clause->{mode}\", $clause->{style}, table $clause->{table}",
			"    WHERE " . $clause->{clause}->sql,
			($clause->{style} eq 'constants' ? () : "    ran: " . substr($clause->{run}, 0, 3000)),
			map { "    $_" } @details, map { "request: $_" } @{ $clause->{requests} }));
	return;
}

# The filters that a plan shows.
sub planned_filters
{
	my $plan = shift;

	return map { planned_filters($_) } @$plan if ref $plan eq 'ARRAY';
	return () if ref $plan ne 'HASH';
	return map { $_ eq 'Pylon Filter' ? $plan->{$_} : planned_filters($plan->{$_}) } sort keys %$plan;
}

sub judge
{
	my ($mode, $clause, $result, $warnings) = @_;
	my @requests = @{ $clause->{requests} };
	my $single = $clause->{style} !~ /^(?:lateral|join|limit)$/;
	my $push = $clause->{clause}{push};
	my $object = $WhereOracle::OBJECT{ $clause->{table} };

	$matched++ if $result->{rows};
	$searched++ if grep { /^POST/ } @requests;
	# Either scan may not come to the row in question; a bad pattern of LIKE, and a part of a text whose collation knows
	# none, are errors for the rows that meet them.
	my ($refused) = grep { defined } $result->{local_failure},
	  grep { defined && /^(?:22025|0A000 nondeterministic)/ } $result->{failure};
	if (defined $refused)
	{
		$invalid{ substr $refused, 0, 60 }++;
		return;
	}
	return failed('error', $clause, $result->{failure}) if defined $result->{failure};
	if (@{ $result->{missing} } || @{ $result->{unwanted} })
	{
		failed('wrong rows', $clause, "$result->{rows} rows expected",
			map {
				my $kind = $_;
				@{ $result->{$kind} }
				  ? "$kind: @{ $result->{$kind} }[0 .. ($#{ $result->{$kind} } > 3 ? 3 : $#{ $result->{$kind} })]"
				  : ()
			} 'missing', 'unwanted');
	}
	failed('fewer read than rows', $clause, "$result->{read} read, $result->{distinct} rows")
	  if $single && $result->{read} < $result->{distinct};
	# a page that was read ahead, and not wanted, may reach the log late
	failed('number of requests', $clause, "$result->{requests} counted")
	  if !$mode->{paged} && $result->{requests} != @requests;
	failed('warnings', $clause, @$warnings) if @$warnings > ($mode->{strict} ? 1 : 0);
	for my $request (@requests)
	{
		my ($body) = $request =~ /^POST \S+ (.*)/ or next;
		my $filter = $json->decode(encode_utf8($body))->{filter};
		my $levels = eval { filter_levels($object, $filter, $WhereOracle::BATCH) };
		failed('filter', $clause, $@ eq '' ? "$levels levels" : $@) if !defined $levels || $levels > 2;
	}
	for my $filter (planned_filters($result->{plan} // []))
	{
		my $levels = eval { filter_levels($object, $json->decode(encode_utf8($filter))) };
		failed('planned filter', $clause, $filter, $@ eq '' ? "$levels levels" : $@) if !defined $levels || $levels > 2;
	}
	return if !$single;
	failed('a request for nothing', $clause) if $clause->{clause}{never} && @requests;
	return if !$push || $mode->{strict};
	my $pattern = $push->{id} ? qr{^GET /$object/\S} : qr{^POST /$object/search};
	failed('not pushed', $clause) if !@requests || grep { !/$pattern/ } @requests;
	failed('more requests than needed', $clause, "$push->{requests} are enough")
	  if !$mode->{paged} && @requests != $push->{requests};
	return;
}

# ---------------------------------------------------------------- running them

# Runs some clauses in a session of their own.
sub run_block
{
	my ($mode, $first, $count) = @_;
	my $generator = $tables->generator;
	my $server = { ignored => 'folded', unknown => 'unsaid' }->{ $mode->{case} // '' } // 'exact';
	my $session = PylonSession->new($node);
	my @clauses;
	my $sql = "SET jit = off; SET client_min_messages = notice;\n";

	api_set($api, %default, %{ $mode->{set} });
	for my $number ($first .. $first + $count - 1)
	{
		my @tables = @{ $mode->{tables} // \@used_tables };
		my $table = $tables[ $number % @tables ];
		my $clause = $generator->clause(seed => $number, table => $table, case => $mode->{case} // 'heeded',
			empties => ($mode->{set}{absent} // '') eq 'empty');
		my $style = WhereOracle::one_of(@styles);
		my ($settings, $foreign_prepare, $foreign) = $clause->statements($style, "$server.$table");
		my (undef, $local_prepare, $local) = $clause->statements($style, "local.$table");

		push @clauses,
		  {
			clause => $clause, seed => $number, mode => $mode->{name}, table => $table, style => $style,
			run => join '; ',
			grep { defined } $foreign_prepare, $foreign
		  };
		$sql .=
			"SELECT compare($number, '$server', "
		  . text_array(@$settings) . ', '
		  . join(', ', map { WhereOracle::quoted($_ // '') } $foreign_prepare, $foreign, $local_prepare, $local)
		  . ");\n";
	}
	my $marked = run_marked($session, $api, $sql);
	if (!defined $marked->{output})
	{
		failed('crash', (grep { $_->{seed} == ($marked->{last} || $first) } @clauses)[0], $marked->{failure});
		return;
	}
	my %result = map { my $result = $json->decode($_); $result->{number} => $result } split /\n/, $marked->{output};
	for my $clause (@clauses)
	{
		my $number = $clause->{seed};
		$clause->{requests} = $marked->{requests}{$number} // [];
		if (!$result{$number}) { failed('no result', $clause, $session->error =~ /(ERROR.*)/); next; }
		judge($mode, $clause, $result{$number}, $marked->{warnings}{$number} // []);
	}
	$session->quit;
	return;
}

my $block = int($clauses / @modes);
$block = $block > 60 ? 60 : $block < 5 ? 5 : $block;
my $done = 0;
for (my $turn = 0; $done < $clauses; $turn++)
{
	my $mode = $modes[ $turn % @modes ];
	my $count = $mode->{strict} && $block > 12 ? 12 : $block;

	$count = $clauses - $done if $count > $clauses - $done;
	run_block($mode, $seed + $done, $count);
	$done += $count;
}
diag(map { encode_utf8("$invalid{$_} x $_\n") } sort keys %invalid) if $ENV{PYLON_ORACLE_VERBOSE};
($ENV{PYLON_ORACLE_VERBOSE} ? \&diag : \&note)
  ->("$done clauses from seed $seed: $matched match something, $searched search");
is(join(', ', map { "$_: $failures{$_}" } sort keys %failures),
	'', "$done clauses from seed $seed: as on the local copy, with requests that are fit");
cmp_ok($matched, '>=', $done / 4, 'many clauses match something') if $done >= 100;
cmp_ok($searched, '>=', $done / 4, 'many clauses search') if $done >= 100;

done_testing();
