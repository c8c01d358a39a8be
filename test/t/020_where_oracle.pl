# Random WHERE clauses give the same rows as on a local copy of the contacts, whatever the API is like; and what is sent
# is fit for the API, and as little as can be.
#
# PYLON_ORACLE_CLAUSES says how many, PYLON_ORACLE_SEED where to begin; PYLON_ORACLE_MODE keeps to one mode,
# PYLON_ORACLE_SHOW is how many failures of a kind are shown, PYLON_ORACLE_VERBOSE shows what SQL itself refused.  A clause
# that fails is shown with its own seed: PYLON_ORACLE_CLAUSES=1 and that seed and mode run it alone.

use strict;
use warnings;

use Encode qw(decode_utf8 encode_utf8);
use JSON::PP;
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
my %relaxed = (typed_operators => 'off', unknown_slug => 'empty');
my @modes = (
	{ name => 'exact', set => {%relaxed} },
	{ name => 'ignores case', set => { %relaxed, case_sensitive => 'off' }, ignore_case => 1 },
	{ name => 'ignores case, unknown to the server', set => { %relaxed, case_sensitive => 'off' }, no_negation => 1 },
	{ name => 'by type', set => { typed_operators => 'on', unknown_slug => 'error' }, strict => 1 },
	{ name => 'reference only', set => { custom_operators => 'equals', refuse_name_filter => 'on' }, strict => 1 },
	{ name => 'no custom fields', set => { custom_operators => 'none', refuse_name_filter => 'on', unknown_slug => 'error' }, strict => 1 },
	{ name => 'not_in skips', set => { %relaxed, not_in_null => 'skip', empty_in => 'none', zero_matches => 'missing' } },
	{ name => 'short pages', set => { %relaxed, short_pages => 7, last_page => 'null_cursor', end_page => 'trailing' }, paged => 1 },
	{ name => 'flat', set => { %relaxed, depth_counts_leaves => 'off', last_page => 'no_pagination', zero_matches => 'null', absent => 'absent' } },
	{ name => 'short lists', set => { %relaxed, max_in => 3, last_page => 'no_has_next', absent => 'null' } },
	{ name => 'shorter lists', set => { %relaxed, max_in => 2, absent => 'empty' }, strict => 1 },
	{ name => 'all in the empty list', set => { %relaxed, empty_in => 'all', case_sensitive => 'off', not_in_null => 'skip' }, ignore_case => 1 },
	{ name => 'strict and ignores case', set => { custom_operators => 'equals,in', case_sensitive => 'off' }, strict => 1, ignore_case => 1 },
);
my %default = (
	typed_operators => 'on', unknown_slug => 'error', case_sensitive => 'on', custom_operators => 'all', refuse_name_filter => 'off',
	not_in_null => 'match', empty_in => 'error', zero_matches => 'empty', short_pages => 0, last_page => 'empty_cursor',
	end_page => 'exact', depth_counts_leaves => 'on', absent => 'mixed', max_in => 0);
@modes = grep { $_->{name} eq $ENV{PYLON_ORACLE_MODE} } @modes if defined $ENV{PYLON_ORACLE_MODE};
my @tables = ('plain', 'plain', 'typed', 'odd');
my @styles = ('constants', 'constants', 'constants', 'custom', 'generic', 'subqueries', 'lateral', 'join', 'limit');

my $node = start_node();
my $api = start_api(contacts => 290);
api_set($api, %relaxed);
add_contacts();
my @contacts = map { $json->decode($_) } split /\n/, api_ctl($api, 'contacts');
my @own_pools = map { pools_of($_) } @contacts;
my %pools = all_pools();
my @labels = ('gold', 'silver', 'bronze', 'Gold', '50%');
setup();

# ---------------------------------------------------------------- set-up

# Contacts with what the generated ones lack.
sub add_contacts
{
	my $id = 0;
	my @added;

	for my $odd (
		[ 'Padded   ', 'padded@acme.com' ], [ 'Padded', 'PADDED@ACME.COM' ], [ '%', '_@x' ], [ '\\', '\\@x' ], [ '[x]', '{y}@x' ],
		[ "Zo\x{eb}", "ZO\x{cb}\@acme.com" ], [ "ZO\x{cb}", "zo\x{eb}\@acme.com" ], [ "Zoe\x{308}", 'zoe@acme.com' ], [ 'a_b%c', 'a_b%c@x' ],
		[ 'A', 'null' ], [ 'NULL', 'NULL' ], [ '!', '!@!' ], [ 'Long name with blanks' . ' ' x 60, 'long@acme.com ' ],
		[ "\x{212a}", "\x{212a}\@acme.com" ], [ 'k', "k\@acme.com" ])
	{
		my ($name, $email) = @$odd;
		my @values = ("[$name]", $name, '', "{\"$id\": 1}", "\"$id\"", "[\"eu\"]", 'eu', 'true', 'null', '{}', '[]', "$id,eu", 'x' . ' ' x 70, 'K', "\x{212a}");
		my @lists = ([ $name, 'eu' ], [''], [ 'eu', '' ], [ 'a,b', '{c}' ], ['"q"'], [ '\\', 'us' ], ['y' x 20 . '   '], ['EU'], [ 'eu', 'EU' ], [], ['[eu]'], [ 'eu', 'eu' ], ['e u'], ['us'], ['US']);
		push @added, {
			id => sprintf('00000000-0000-4000-8000-abcdef%06d', $id), name => $name, email => $email,
			account => $id % 2 ? { id => sprintf '00000000-0000-4000-a000-abcdef%06d', $id % 4 } : undef, custom_fields => {
				notes => { slug => 'notes', value => $values[$id] }, regions => { slug => 'regions', values => $lists[$id] },
				tier => { slug => 'tier', value => ('Gold', '50%', 'gold')[ $id % 3 ] }, website => { slug => 'website', value => $id % 3 ? $email : '' } } };
		$id++;
	}
	api_ctl($api, 'add', $json->encode(\@added));
	return;
}

# The values of a contact by what they are of.
sub pools_of
{
	my $contact = shift;
	my %custom = %{ $contact->{custom_fields} // {} };
	my %name = (email => 'private', 'contact.salesforce.Contact_ID_for_Pylon__c' => 'sales_id');
	my %values = (id => [ $contact->{id} ]);

	$values{account_id} = [ $contact->{account}{id} ] if $contact->{account};
	for my $field ('name', 'email', 'portal_role')
	{
		$values{$field} = [ $contact->{$field} ] if defined $contact->{$field} && $contact->{$field} ne '';
	}
	for my $slug (sort keys %custom)
	{
		my @values = grep { defined } $custom{$slug}{value} // @{ $custom{$slug}{values} // [] };
		$values{ $name{$slug} // $slug } = \@values if @values;
	}
	return \%values;
}

sub all_pools
{
	my %values;

	for my $own (@own_pools)
	{
		push @{ $values{$_} }, @{ $own->{$_} } for sort keys %$own;
	}
	$values{odd} = [ 'x', '[', '{', '%', '_', '\\', '"', '["eu"]', '["eu", "us"]', ' ', "\x{130}", "\x{212a}", '.', '..', 'crm-ada', 'a/b?c', '{}', '[]', "\n" ];
	return %values;
}

# The length of varchar columns that hold everything but blanks at the end.
sub longest
{
	my $length = 0;

	for my $text (@_)
	{
		my $without = $text =~ s/ +\z//r;
		$length = length $without if length $without > $length;
	}
	return $length;
}

sub columns_of
{
	my ($table, $options) = @_;
	my %length = (NAME => longest(@{ $pools{name} }), NOTES => longest(@{ $pools{notes} }));
	my @columns;

	for my $column (@{ $WhereOracle::COLUMNS{$table} }, [ 'custom_fields', $WhereOracle::JSON_TYPE{$table}, 'custom_fields' ])
	{
		my ($name, $type, $field) = @$column;
		$field = $name if $field eq '-';
		$type =~ s/^(NAME|NOTES)$/varchar($length{$1})/;
		my $option = $field =~ /^\*(.*)/ ? "custom_field '$1'" : "field '$field'";
		$type =~ s/^(\S+)(.*)/$1 OPTIONS ($option)$2/ if $options;
		push @columns, [ $name, $type, $field ];
	}
	return @columns;
}

# The local value of a column, from $FOREIGN_ROWS and with the casts of PostgreSQL.
sub local_value
{
	my ($name, $type, $field) = @_;
	my $plain = $type =~ s/ COLLATE.*//r;

	return $field eq 'custom_fields' ? "custom_fields::$plain" : $field eq 'emails' ? 'emails' : "nullif($field, '')::$plain"
	  unless $field =~ s/^\*//;
	return "CASE WHEN jsonb_typeof(custom_fields->'$field') = 'array' THEN
		ARRAY(SELECT jsonb_array_elements_text(custom_fields->'$field'))::$plain END" if $plain =~ /\[\]$/;
	return "(custom_fields->>'$field')::$plain";
}

sub setup
{
	my $psql = PylonSession->new($node);
	my $run = sub { my $out = $psql->query(encode_utf8(shift)); die $psql->error if $psql->error =~ /ERROR|FATAL/; return $out };
	my $labels = join ', ', map { "'$_'" } @labels;

	load_contacts($node, $api, 'expected');
	$run->("
		CREATE EXTENSION IF NOT EXISTS citext;
		CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
		CREATE TYPE tier AS ENUM ($labels);
		CREATE DOMAIN tiers AS tier;
		CREATE DOMAIN words AS text;
		CREATE DOMAIN flag AS boolean;
		CREATE SCHEMA local;
		CREATE SERVER marker FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}');
		CREATE USER MAPPING FOR PUBLIC SERVER marker OPTIONS (api_token '$PylonTest::TOKEN');
		CREATE FOREIGN TABLE marker (id text) SERVER marker");
	for my $server ('exact', 'folded')
	{
		my $exact = $server eq 'exact' ? 'true' : 'false';
		$run->("CREATE SCHEMA $server;
			CREATE SERVER $server FOREIGN DATA WRAPPER pylon_fdw
				OPTIONS (base_url '$api->{url}', lookup_batch_size '$WhereOracle::BATCH', case_sensitive '$exact');
			CREATE USER MAPPING FOR PUBLIC SERVER $server OPTIONS (api_token '$PylonTest::TOKEN')");
		for my $table (sort keys %WhereOracle::COLUMNS)
		{
			$run->("CREATE FOREIGN TABLE $server.$table (" . join(', ', map { "$_->[0] $_->[1]" } columns_of($table, 1))
				. ") SERVER $server");
		}
	}
	for my $table (sort keys %WhereOracle::COLUMNS)
	{
		my @columns = columns_of($table);
		$run->("CREATE TABLE local.$table (" . join(', ', map { "$_->[0] $_->[1]" } @columns) . ");
			INSERT INTO local.$table SELECT " . join(', ', map { local_value(@$_) } @columns) . ' FROM expected');
		for my $server ('exact', 'folded')
		{
			my $names = join ', ', map { "$_->[0]::text" } grep { $_->[0] ne 'custom_fields' } @columns;
			my $difference = $run->("SELECT count(*) FROM ((SELECT $names FROM $server.$table EXCEPT SELECT $names FROM local.$table)
				UNION ALL (SELECT $names FROM local.$table EXCEPT SELECT $names FROM $server.$table)) d");
			is($difference, 0, "table $server.$table has the rows of its copy");
		}
	}
	$run->(<<'SQL');
	CREATE FUNCTION rows_of(settings text[], prepare text, query text, explain bool, OUT ids text[], OUT plan jsonb, OUT failure text)
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
		RAISE NOTICE 'clause %', number;
		EXECUTE format('SELECT FROM marker WHERE id = %L', 'clause-' || number);
		SELECT coalesce(max(requests), 0) AS requests, coalesce(max(contacts_read), 0) AS contacts INTO before
			FROM pylon_fdw_stats() WHERE server_name = server;
		SELECT * INTO foreign_rows FROM rows_of(settings, foreign_prepare, foreign_query, number % 3 = 0);
		SELECT coalesce(max(requests), 0) AS requests, coalesce(max(contacts_read), 0) AS contacts INTO afterwards
			FROM pylon_fdw_stats() WHERE server_name = server;
		SELECT * INTO local_rows FROM rows_of(settings, local_prepare, local_query, false);
		RETURN json_build_object('number', number,
			'plan', foreign_rows.plan, 'failure', foreign_rows.failure, 'local_failure', local_rows.failure,
			'contacts', afterwards.contacts - before.contacts, 'requests', afterwards.requests - before.requests,
			'rows', coalesce(cardinality(local_rows.ids), 0),
			'distinct', (SELECT count(DISTINCT id) FROM unnest(local_rows.ids) id),
			'missing', ARRAY(SELECT unnest(local_rows.ids) EXCEPT ALL SELECT unnest(foreign_rows.ids)),
			'unwanted', ARRAY(SELECT unnest(foreign_rows.ids) EXCEPT ALL SELECT unnest(local_rows.ids)));
	END $$;
SQL
	$psql->quit;
	return;
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
	diag(encode_utf8(join "\n", "$kind: seed $clause->{seed}, mode \"$clause->{mode}\", $clause->{style}, table $clause->{table}",
		"    WHERE " . $clause->{clause}->sql, ($clause->{style} eq 'constants' ? () : "    ran: " . substr($clause->{run}, 0, 3000)), map { "    $_" } @details,
		map { "request: $_" } @{ $clause->{requests} }));
	return;
}

# Levels of and/or above the leaves of a filter; dies where the API would refuse it.
sub levels
{
	my ($filter, $planned) = @_;
	my $operator = $filter->{operator};
	my $deepest = 0;

	if ($operator =~ /^(?:and|or)$/)
	{
		die "an empty \"$operator\"\n" unless @{ $filter->{subfilters} };
		for my $part (@{ $filter->{subfilters} })
		{
			my $levels = levels($part, $planned);
			$deepest = $levels if $levels > $deepest;
		}
		return $deepest + 1;
	}
	my %allowed = (
		(map { $_ => 'equals|in|not_in' } 'id', 'account_id'), (map { $_ => 'equals|in|not_in|string_contains' } 'name', 'email'));
	my $allowed = $allowed{ $filter->{field} } // 'equals|in|string_contains|is_set|is_unset|contains';
	die "operator \"$operator\" on $filter->{field}\n" unless $operator =~ /^(?:$allowed)$/;
	return 0 if $planned;
	die "\"$operator\" without values\n" if exists $filter->{values} && !@{ $filter->{values} };
	die "a list of " . @{ $filter->{values} } . "\n" if @{ $filter->{values} // [] } > $WhereOracle::BATCH;
	die "\"$operator\" needs values\n" if $operator =~ /in$/ && !$filter->{values};
	die "\"$operator\" with \"\"\n" if grep { defined && $_ eq '' } $filter->{value}, @{ $filter->{values} // [] };
	return 0;
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

	$matched++ if $result->{rows};
	$searched++ if grep { /^POST/ } @requests;
	if (defined $result->{local_failure})
	{
		$invalid{ substr $result->{local_failure}, 0, 60 }++;
		return;    # the foreign scan may not come to the row in question
	}
	return failed('error', $clause, $result->{failure}) if defined $result->{failure};
	if (@{ $result->{missing} } || @{ $result->{unwanted} })
	{
		failed('wrong rows', $clause, "$result->{rows} rows expected",
			map { my $kind = $_; @{ $result->{$kind} } ? "$kind: @{ $result->{$kind} }[0 .. ($#{ $result->{$kind} } > 3 ? 3 : $#{ $result->{$kind} })]" : () }
			  'missing', 'unwanted');
	}
	failed('fewer contacts than rows', $clause, "$result->{contacts} contacts, $result->{distinct} rows")
	  if $single && $result->{contacts} < $result->{distinct};
	failed('number of requests', $clause, "$result->{requests} counted") if $result->{requests} != @requests;
	failed('warnings', $clause, @$warnings) if @$warnings > ($mode->{strict} ? 1 : 0);
	for my $request (@requests)
	{
		my ($body) = $request =~ /^POST \S+ (.*)/ or next;
		my $filter = $json->decode(encode_utf8($body))->{filter};
		my $levels = eval { levels($filter) };
		failed('filter', $clause, $@ eq '' ? "$levels levels" : $@) if !defined $levels || $levels > 2;
	}
	for my $filter (planned_filters($result->{plan} // []))
	{
		my $levels = eval { levels($json->decode(encode_utf8($filter)), 'planned') };
		failed('planned filter', $clause, $filter, $@ eq '' ? "$levels levels" : $@) if !defined $levels || $levels > 2;
	}
	return if !$single;
	failed('a request for nothing', $clause) if $clause->{clause}{never} && @requests;
	return if !$push || $mode->{strict};
	my $pattern = $push->{id} ? qr{^GET /contacts/\S} : qr{^POST /contacts/search};
	failed('not pushed', $clause) if !@requests || grep { !/$pattern/ } @requests;
	failed('more requests than needed', $clause, "$push->{requests} are enough")
	  if !$mode->{paged} && @requests != $push->{requests};
	return;
}

# ---------------------------------------------------------------- running them

sub text_array { return 'ARRAY[' . join(', ', map { WhereOracle::quoted($_) } @_) . ']::text[]'; }

# Runs some clauses in a session of their own.
sub run_block
{
	my ($mode, $first, $count) = @_;
	my $generator = WhereOracle->new(pools => \%pools, contacts => \@own_pools, labels => \@labels);
	my $server = $mode->{ignore_case} ? 'folded' : 'exact';
	my $session = PylonSession->new($node);
	my @clauses;
	my $sql = "SET jit = off; SET client_min_messages = notice;\n";

	api_set($api, %default, %{ $mode->{set} });
	for my $number ($first .. $first + $count - 1)
	{
		my $table = $tables[ $number % @tables ];
		my $clause = $generator->clause(seed => $number, table => $table, map { $_ => $mode->{$_} } 'ignore_case', 'no_negation');
		my $style = WhereOracle::one_of(@styles);
		my ($settings, $foreign_prepare, $foreign) = $clause->statements($style, "$server.$table");
		my (undef, $local_prepare, $local) = $clause->statements($style, "local.$table");

		push @clauses, { clause => $clause, seed => $number, mode => $mode->{name}, table => $table, style => $style,
			run => join '; ', grep { defined } $foreign_prepare, $foreign };
		$sql .= "SELECT compare($number, '$server', " . text_array(@$settings) . ', '
		  . join(', ', map { WhereOracle::quoted($_ // '') } $foreign_prepare, $foreign, $local_prepare, $local) . ");\n";
	}
	api_take($api);
	my $output = eval { $session->query(encode_utf8($sql)) };
	if (!defined $output)
	{
		my ($last) = ($session->error =~ /.*clause (\d+)/s);
		failed('crash', (grep { $_->{seed} == ($last // $first) } @clauses)[0], $@);
		return;
	}
	my %result = map { my $result = $json->decode($_); $result->{number} => $result } split /\n/, $output;
	my (%warnings, %requests);
	my $at = 0;
	for my $line (split /\n/, $session->error)
	{
		$at = $1 if $line =~ /NOTICE: .*clause (\d+)$/;
		push @{ $warnings{$at} }, decode_utf8($line) if $line =~ /WARNING: /;
	}
	for my $line (map { decode_utf8($_) } api_take($api))
	{
		if ($line =~ m{^GET /contacts/clause-(\d+)$}) { $at = $1; }
		else { push @{ $requests{$at} }, $line; }
	}
	for my $clause (@clauses)
	{
		my $number = $clause->{seed};
		$clause->{requests} = $requests{$number} // [];
		if (!$result{$number}) { failed('no result', $clause, $session->error =~ /(ERROR.*)/); next; }
		judge($mode, $clause, $result{$number}, $warnings{$number} // []);
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
($ENV{PYLON_ORACLE_VERBOSE} ? \&diag : \&note)->("$done clauses from seed $seed: $matched match contacts, $searched search");
is(join(', ', map { "$_: $failures{$_}" } sort keys %failures), '', "$done clauses from seed $seed: as on the local copy, with requests that are fit");
cmp_ok($matched, '>=', $done / 4, 'many clauses match something') if $done >= 100;
cmp_ok($searched, '>=', $done / 4, 'many clauses search') if $done >= 100;

done_testing();
