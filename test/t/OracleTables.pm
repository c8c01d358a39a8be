package OracleTables;

# The foreign tables of the oracles and their local copies, and sessions that run many queries of theirs.
#
#	my $tables = OracleTables->new($node, $api);   # adds odd contacts and accounts; copies are in the schema "local"
#	$tables->create_server('exact', case_sensitive => 'true');    # the same tables in a schema named like the server
#	my $other = $tables->add_workspace(contacts => 30);           # another API, with contacts of its own
#	$tables->create_families('exact');             # tables with the contacts of both, in that schema
#	my $marked = run_marked($session, $api, $sql); # SQL in which mark(5) tells where number 5 begins
#	print @{ $marked->{requests}{5} }, @{ $marked->{warnings}{5} };
#
# The tables are those of %WhereOracle::COLUMNS, each with the column custom_fields at its end.

use strict;
use utf8;
use warnings;

use Encode qw(decode_utf8 encode_utf8);
use Exporter qw(import);
use JSON::PP;
use PylonSample;
use PylonTest;
use Test::More;
use WhereOracle;

our @EXPORT = qw(filter_levels run_marked text_array);

our @LABELS = ('gold', 'silver', 'bronze', 'Gold', '50%');

# ---------------------------------------------------------------- contacts

# Contacts with what the generated ones lack.
sub add_contacts
{
	my $api = shift;
	my $id = 0;
	my @added;

	for my $odd (
		[ 'Padded   ', 'padded@acme.com' ], [ 'Padded', 'PADDED@ACME.COM' ], [ '%', '_@x' ], [ '\\', '\\@x' ],
		[ '[x]', '{y}@x' ], [ "Zo\x{eb}", "ZO\x{cb}\@acme.com" ], [ "ZO\x{cb}", "zo\x{eb}\@acme.com" ],
		[ "Zoe\x{308}", 'zoe@acme.com' ], [ 'a_b%c', 'a_b%c@x' ], [ 'A', 'null' ], [ 'NULL', 'NULL' ], [ '!', '!@!' ],
		[ 'Long name with blanks' . ' ' x 60, 'long@acme.com ' ], [ "\x{212a}", "\x{212a}\@acme.com" ],
		[ 'k', "k\@acme.com" ])
	{
		my ($name, $email) = @$odd;
		my @values = (
			"[$name]", $name, '', "{\"$id\": 1}", "\"$id\"", "[\"eu\"]", 'eu', 'true', 'null', '{}', '[]', "$id,eu",
			'x' . ' ' x 70, 'K', "\x{212a}");
		my @lists = (
			[ $name, 'eu' ], [''], [ 'eu', '' ], [ 'a,b', '{c}' ], ['"q"'], [ '\\', 'us' ], [ 'y' x 20 . '   ' ],
			['EU'], [ 'eu', 'EU' ], [], ['[eu]'], [ 'eu', 'eu' ], ['e u'], ['us'], ['US']);
		push @added,
		  {
			id => sprintf('00000000-0000-4000-8000-abcdef%06d', $id), name => $name, email => $email,
			account => $id % 2 ? { id => sprintf '00000000-0000-4000-a000-abcdef%06d', $id % 4 } : undef,
			custom_fields => {
				notes => { slug => 'notes', value => $values[$id] },
				regions => { slug => 'regions', values => $lists[$id] },
				tier => { slug => 'tier', value => ('Gold', '50%', 'gold')[ $id % 3 ] },
				website => { slug => 'website', value => $id % 3 ? $email : '' }
			}
		  };
		$id++;
	}
	api_ctl($api, 'add', JSON::PP->new->utf8->encode(\@added));
	return;
}

# Accounts with what the generated ones lack.  Ids are in lower case, as those of Pylon are taken to be: an API that ignores
# case would leave out another owner for one.
sub add_accounts
{
	my $api = shift;
	my $id = 0;
	my @added;

	for my $odd (
		[ 'Padded   ', [ 'padded.example ', 'padded.example' ] ], [ 'Padded', ['PADDED.EXAMPLE'] ], [ '%', [ '%', '_' ] ],
		[ '\\', ['\\'] ], [ '[x]', [ '[x]', '{y}' ] ], [ "Zo\x{eb}", ["zo\x{eb}.example"] ], [ "ZO\x{cb}", ["ZO\x{cb}.EXAMPLE"] ],
		[ 'NULL', [ 'null', 'NULL' ] ], [ 'a,b', ['a,b'] ], [ '"q"', [ '"q"', 'two.example', 'three.example' ] ],
		[ "\x{212a}", ["\x{212a}.example"] ], [ 'k', [ 'k.example', 'K.example' ] ])
	{
		my ($name, $domains) = @$odd;
		my @values = ("[$name]", $name, '', 'true', '{}', '[]', "$id,chat", 'x' . ' ' x 70);
		my @lists = ([ 'eu', '' ], [$name], ['EU'], [ 'a,b', '{c}' ], undef, [], ['e u'], [ 'eu', 'eu' ]);
		push @added,
		  {
			id => sprintf('00000000-0000-4000-a000-abcdef%06d', $id), name => $name, domains => $domains,
			primary_domain => $domains->[ $id % 2 ] // $domains->[0], type => $id % 3 ? 'customer' : '', tags => $lists[ $id % 8 ],
			owner => $id % 4 ? { id => $id % 2 ? lc "owner $name" : sprintf '00000000-0000-4000-b000-%012d', $id } : undef,
			external_ids => $id % 3 ? [ map { { external_id => $_, label => "label $_" } } $name, "$id" ] : $id % 2 ? [] : undef,
			is_disabled => $id % 2 ? \1 : \0, created_at => sprintf('2026-02-%02dT23:59:59.999999Z', $id + 1),
			custom_fields => {
				notes => { value => $values[ $id % 8 ] }, plan => { value => ('Team', 'team', '50%')[ $id % 3 ] },
				products => { value => '', values => $lists[ $id % 8 ] // [] }, status_page => { value => $id % 3 ? $name : '' }
			}
		  };
		$id++;
	}
	api_ctl($api, 'add-accounts', JSON::PP->new->utf8->encode(\@added));
	return;
}

# The values of an account under the names of pools of contacts, where something is like it.
my %ACCOUNT_POOLS = (
	plan => 'tier', status_page => 'website', csm => 'owner', products => 'regions', is_trial => 'vip', tags => 'private',
	'account.hubspot.annualrevenue' => 'sales_id');

sub account_pools_of
{
	my $account = shift;
	my %values = (
		id => [ $account->{id} ], name => [ $account->{name} ], account_id => [ $account->{owner}{id} ],
		owner_email => [ $account->{owner}{email} ], email => [ $account->{primary_domain} ], portal_role => [ $account->{type} ],
		domains => $account->{domains}, tags => $account->{tags}, external_ids => [ map { $_->{external_id} } @{ $account->{external_ids} // [] } ],
		created_at => [ $account->{created_at}, $account->{latest_customer_activity_time} ],
		custom_pools($account, \%ACCOUNT_POOLS));

	for my $pool (keys %values)
	{
		my @values = grep { defined && $_ ne '' } @{ $values{$pool} // [] };
		if (@values) { $values{$pool} = \@values; }
		else { delete $values{$pool}; }
	}
	return \%values;
}

# The values of custom fields, under other names than their slugs' if those are given.
sub custom_pools
{
	my ($object, $names) = @_;
	my %custom = %{ $object->{custom_fields} // {} };
	my %values;

	for my $slug (sort keys %custom)
	{
		my @values = grep { defined } @{ $custom{$slug}{values} // [] };
		@values = grep { defined } $custom{$slug}{value} unless $custom{$slug}{values};
		$values{ $names->{$slug} // $slug } = \@values if @values;
	}
	return %values;
}

# The values of a contact by what they are of.
sub pools_of
{
	my $contact = shift;
	my %values = (
		id => [ $contact->{id} ],
		custom_pools($contact, { email => 'private', 'contact.salesforce.Contact_ID_for_Pylon__c' => 'sales_id' }));

	$values{account_id} = [ $contact->{account}{id} ] if $contact->{account};
	for my $field ('name', 'email', 'portal_role')
	{
		$values{$field} = [ $contact->{$field} ] if defined $contact->{$field} && $contact->{$field} ne '';
	}
	return \%values;
}

# The same of all contacts or accounts, and odd ones.
sub all_pools
{
	my %values;

	for my $own (@_)
	{
		push @{ $values{$_} }, @{ $own->{$_} } for sort keys %$own;
	}
	$values{odd} = [
		'x', '[', '{', '%', '_', '\\', '"', '["eu"]', '["eu", "us"]', ' ', "\x{130}", "\x{212a}", '.', '..', 'crm-ada',
		'a/b?c', '{}', '[]', "\n"
	];
	return \%values;
}

# ---------------------------------------------------------------- tables

sub new
{
	my ($class, $node, $api) = @_;

	add_contacts($api);
	add_accounts($api);
	my @contacts = map { pools_of(JSON::PP->new->utf8->decode($_)) } split /\n/, api_ctl($api, 'contacts');
	my @accounts = map { account_pools_of(JSON::PP->new->utf8->decode($_)) } split /\n/, api_ctl($api, 'accounts');
	my $self = bless { node => $node, api => $api }, $class;
	$self->take_pools(contacts => @contacts);
	$self->take_pools(accounts => @accounts);
	$self->create_copies;
	return $self;
}

# Notes the values that more contacts or accounts have.
sub take_pools
{
	my ($self, $object, @own) = @_;
	my $of = $self->{objects}{$object} //= { each => [] };

	push @{ $of->{each} }, @own;
	$of->{all} = all_pools(@{ $of->{each} });
	return;
}

# The values of both objects, for queries that join them.
sub joined_pools
{
	my $self = shift;
	my @own = map { @{ $self->{objects}{$_}{each} } } sort keys %{ $self->{objects} };

	return { each => \@own, all => all_pools(@own) };
}

# Another API with some of the first one's contacts, as those of another workspace.  Their ids come after all others; of
# the addresses, some are in both.
sub add_workspace
{
	my ($self) = @_;
	my $api = start_api(contacts => 1);
	my $number = 0;
	my @contacts;

	for my $line (split /\n/, api_ctl($self->{api}, 'contacts'))
	{
		my $contact = JSON::PP->new->utf8->decode($line);

		next if $number++ % 3 == 0;
		$contact->{id} =~ s/^.{8}/ffffffff/;
		$contact->{email} .= '.other' if defined $contact->{email} && $number % 4 == 0;
		push @contacts, $contact;
	}
	my %ids = map { $_->{id} => $_ } @contacts;
	@contacts = map { $ids{$_} } sort keys %ids;
	api_ctl($api, 'replace', JSON::PP->new->utf8->encode(\@contacts));
	$self->take_pools(contacts => map { pools_of($_) } @contacts);
	load_contacts($self->{node}, $api, 'more_expected');
	$self->run("CREATE SERVER more_marker FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}');
		CREATE USER MAPPING FOR PUBLIC SERVER more_marker OPTIONS (api_token '$PylonTest::TOKEN');
		CREATE FOREIGN TABLE more_marker (id text) SERVER more_marker;
		CREATE OR REPLACE FUNCTION mark(number int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			RAISE NOTICE 'clause %', number;
			EXECUTE format('SELECT FROM public.marker WHERE id = %L', 'clause-' || number);
			EXECUTE format('SELECT FROM public.more_marker WHERE id = %L', 'clause-' || number);
		END \$\$");
	return $self->{other_api} = $api;
}

# Makes the API hold what it held at first; its switches are those of the start then, too.
sub restore
{
	my $self = shift;

	api_ctl($self->{api}, 'reset');
	add_contacts($self->{api});
	add_accounts($self->{api});
	return;
}

# What makes clauses about these contacts and accounts.
sub generator
{
	my $self = shift;

	return WhereOracle->new(objects => $self->{objects}, labels => \@LABELS);
}

sub run
{
	my ($self, $sql) = @_;

	return $self->{node}->safe_psql('postgres', encode_utf8($sql));
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

# The columns of a table as [name, type, field], with the options of the foreign table or without.
sub columns_of
{
	my ($self, $table, $options) = @_;
	my $pools = $self->{objects}{contacts}{all};
	my %length = (NAME => longest(@{ $pools->{name} }), NOTES => longest(@{ $pools->{notes} }));
	my @columns;

	for my $column (@{ $WhereOracle::COLUMNS{$table} },
		[ 'custom_fields', $WhereOracle::JSON_TYPE{$table}, 'custom_fields' ])
	{
		my ($name, $type, $field, undef, undef, $field_type) = @$column;
		next if grep { $_->[0] eq $name } @columns;
		$field = $1 ne '' ? $1 : $name if $field =~ /^-(.*)/;
		$type =~ s/^(NAME|NOTES)$/varchar($length{$1})/;
		my $option = $field =~ /^\*(.*)/ ? "custom_field '$1'" : "field '$field'";
		$option .= ", field_type '$field_type'" if defined $field_type;
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

	return
		$field eq 'custom_fields' ? "custom_fields::$plain"
	  : $type =~ /\[\]|jsonb|boolean|flag|timestamptz/ ? "$field\::$plain"
	  : "nullif($field, '')::$plain"
	  unless $field =~ s/^\*//;
	return "CASE WHEN jsonb_typeof(custom_fields->'$field') = 'array' THEN
		ARRAY(SELECT jsonb_array_elements_text(custom_fields->'$field'))::$plain END" if $plain =~ /\[\]$/;
	return "(custom_fields->>'$field')::$plain";
}

# What the copy of a table has of "expected", or of another table made by load_contacts.
sub local_rows
{
	my ($self, $table, $from) = @_;

	$from //= $WhereOracle::OBJECT{$table} eq 'accounts' ? 'expected_accounts' : 'expected';
	return 'SELECT ' . join(', ', map { local_value(@$_) . " AS $_->[0]" } $self->columns_of($table)) . " FROM $from";
}

sub create_copies
{
	my $self = shift;
	my $labels = join ', ', map { "'$_'" } @LABELS;

	load_contacts($self->{node}, $self->{api}, 'expected');
	load_accounts($self->{node}, $self->{api}, 'expected_accounts');
	$self->run("
		CREATE EXTENSION citext;
		CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
		CREATE TYPE tier AS ENUM ($labels);
		CREATE DOMAIN tiers AS tier;
		CREATE DOMAIN words AS text;
		CREATE DOMAIN flag AS boolean;
		CREATE SCHEMA local;
		CREATE SERVER marker FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$self->{api}{url}');
		CREATE USER MAPPING FOR PUBLIC SERVER marker OPTIONS (api_token '$PylonTest::TOKEN');
		CREATE FOREIGN TABLE marker (id text) SERVER marker;
		CREATE FUNCTION mark(number int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			RAISE NOTICE 'clause %', number;
			EXECUTE format('SELECT FROM public.marker WHERE id = %L', 'clause-' || number);
		END \$\$");
	for my $table (sort keys %WhereOracle::COLUMNS)
	{
		$self->run("CREATE TABLE local.$table (" . join(', ', map { "$_->[0] $_->[1]" } $self->columns_of($table)) . ");
			INSERT INTO local.$table " . $self->local_rows($table));
	}
	return;
}

# A server, and its tables in a schema of the same name.
sub create_server
{
	my ($self, $server, %options) = @_;
	my $options = join ', ', "base_url '$self->{api}{url}'", map { "$_ '$options{$_}'" } sort keys %options;

	$self->run("CREATE SCHEMA $server;
		CREATE SERVER $server FOREIGN DATA WRAPPER pylon_fdw OPTIONS ($options);
		CREATE USER MAPPING FOR PUBLIC SERVER $server OPTIONS (api_token '$PylonTest::TOKEN')");
	$self->create_table($server, $_, $_, $server) for sort keys %WhereOracle::COLUMNS;
	return;
}

# A foreign table like one of WhereOracle's.  Its copy has the same name, and is made here where it lacks.
sub create_table
{
	my ($self, $schema, $name, $table, $server) = @_;
	my @columns = $self->columns_of($table);
	my $names = join ', ', map { "$_->[0]::text" } grep { $_->[0] ne 'custom_fields' } @columns;

	$self->run("CREATE FOREIGN TABLE $schema.$name ("
		. join(', ', map { "$_->[0] $_->[1]" } $self->columns_of($table, 1)) . ") SERVER $server OPTIONS (object '$WhereOracle::OBJECT{$table}');
		CREATE TABLE IF NOT EXISTS local.$name AS TABLE local.$table");
	my $difference = $self->run(
		"SELECT count(*) FROM ((SELECT $names FROM $schema.$name EXCEPT SELECT $names FROM local.$name)
		UNION ALL (SELECT $names FROM local.$name EXCEPT SELECT $names FROM $schema.$name)) d");
	is($difference, 0, "table $schema.$name has the rows of its copy");
	return;
}

# Tables with the contacts of both workspaces in a schema, or with "local" their copies: partitions, the branches of a
# view, with the same types or with others, and the children of a table that has rows itself.  All look like "plain".
sub create_families
{
	my ($self, $schema, %options) = @_;
	my $names = join ', ', map { $_->[0] } $self->columns_of('plain');
	my $columns = join ', ', map { "$_->[0] $_->[1]" } $self->columns_of('plain');
	my $with_options = join ', ', map { "$_->[0] $_->[1]" } $self->columns_of('plain', 1);
	my $options = join ', ', "base_url '$self->{other_api}{url}'", map { "$_ '$options{$_}'" } sort keys %options;
	my $foreign = $schema ne 'local';

	$self->run("CREATE SERVER more_$schema FOREIGN DATA WRAPPER pylon_fdw OPTIONS ($options);
		CREATE USER MAPPING FOR PUBLIC SERVER more_$schema OPTIONS (api_token '$PylonTest::TOKEN')") if $foreign;
	my $create = sub {
		my ($name, $of, $parent) = @_;
		my $child = $parent eq '' ? '' : "INHERITS ($schema.$parent)";

		return
		  "CREATE FOREIGN TABLE $schema.$name ($with_options) $child SERVER "
		  . ($of eq 'expected' ? $schema : "more_$schema") . ';'
		  if $foreign;
		return
		  "CREATE TABLE $schema.$name ($columns) $child; INSERT INTO $schema.$name "
		  . $self->local_rows('plain', $of) . ';';
	};
	$self->run(
			"CREATE TABLE $schema.parted ($columns) PARTITION BY RANGE (id);"
		  . $create->('part_1', 'expected', '')
		  . $create->('part_2', 'more_expected', '') . "
		ALTER TABLE $schema.parted ATTACH PARTITION $schema.part_1 FOR VALUES FROM (MINVALUE) TO ('ffffffff');
		ALTER TABLE $schema.parted ATTACH PARTITION $schema.part_2 FOR VALUES FROM ('ffffffff') TO (MAXVALUE);
		CREATE TABLE $schema.family ($columns);
		INSERT INTO $schema.family SELECT * FROM ("
		  . $self->local_rows('plain', 'expected')
		  . ") e WHERE length(id || name) % 9 = 0;
		" . $create->('child_1', 'expected', 'family') . $create->('child_2', 'more_expected', 'family') . "
		CREATE VIEW $schema.branches AS SELECT $names FROM $schema.part_2 UNION ALL SELECT "
		  . $names =~ s/\bname\b/upper(name)/r
		  . " FROM $schema.others
			UNION ALL SELECT $names FROM $schema.plain WHERE vip;
		CREATE VIEW $schema.mixed AS SELECT $names FROM $schema.part_2
			UNION ALL SELECT id::text, account_id::text, name::text, email::text, tier::text, notes::text,
			website::text, owner::text, NULL, NULL, regions::text[], vip::boolean, seats::integer, NULL, NULL, custom_fields::jsonb FROM $schema.typed WHERE seats > 10"
	);
	return;
}

# ---------------------------------------------------------------- filters

# The operators of each field of the objects themselves.
my %OPERATORS = (
	contacts => {
		(map { $_ => 'equals|in|not_in' } 'id', 'account_id'),
		(map { $_ => 'equals|in|not_in|string_contains' } 'name', 'email')
	},
	accounts => {
		id => 'equals|in|not_in', name => 'equals|in|not_in|string_contains',
		owner_id => 'equals|in|not_in|is_set|is_unset', domains => 'contains', tags => 'contains', external_ids => 'equals'
	});

# Levels of and/or above the leaves of a filter of an object; dies where the API would refuse it.  With the longest list
# that may be sent, its values are looked at, too; a filter of a plan has none yet.
sub filter_levels
{
	my ($object, $filter, $batch) = @_;
	my $operator = $filter->{operator};
	my $deepest = 0;

	if ($operator =~ /^(?:and|or)$/)
	{
		die "an empty \"$operator\"\n" unless @{ $filter->{subfilters} };
		for my $part (@{ $filter->{subfilters} })
		{
			my $levels = filter_levels($object, $part, $batch);
			$deepest = $levels if $levels > $deepest;
		}
		return $deepest + 1;
	}
	# of "custom_fields @> $1" a plan knows no field yet
	return 0 if !defined $filter->{field} && !defined $batch;
	die "a condition on no field\n" unless defined $filter->{field};
	my $allowed = $OPERATORS{$object}{ $filter->{field} } // 'equals|in|string_contains|is_set|is_unset|contains';
	die "operator \"$operator\" on $filter->{field}\n" unless $operator =~ /^(?:$allowed)$/;
	return 0 unless defined $batch;
	die "\"$operator\" without values\n" if exists $filter->{values} && !@{ $filter->{values} };
	die "a list of " . @{ $filter->{values} } . "\n" if @{ $filter->{values} // [] } > $batch;
	die "\"$operator\" needs values\n" if $operator =~ /in$/ && !$filter->{values};
	die "\"$operator\" with \"\"\n" if grep { defined && $_ eq '' } $filter->{value}, @{ $filter->{values} // [] };
	return 0;
}

# ---------------------------------------------------------------- many queries in a session

sub text_array { return 'ARRAY[' . join(', ', map { WhereOracle::quoted($_) } @_) . ']::text[]'; }

# Notes the requests that were logged since the last time by the number that was marked before them.
sub take_requests
{
	my ($api, $requests) = @_;
	my $at = 0;

	for my $line (map { decode_utf8($_) } api_take($api))
	{
		if ($line =~ m{^GET /contacts/clause-(\d+)$}) { $at = $1; }
		else { push @{ $requests->{$at} }, $line; }
	}
	return;
}

# Runs statements in an open session; mark(n) in them begins number n.  Gives what they printed (undef if the session
# ended), the last number, and warnings and requests of each.  $api may be a list.
sub run_marked
{
	my ($session, $api, $sql) = @_;
	my @apis = ref $api eq 'ARRAY' ? @$api : $api;
	my (%warnings, %requests);
	my $at = 0;

	api_ctl($_, 'clear') for @apis;
	my $output = eval { $session->query(encode_utf8($sql)) };
	my $failure = $@;
	for my $line (split /\n/, $session->error)
	{
		$at = $1 if $line =~ /NOTICE: .*clause (\d+)$/;
		push @{ $warnings{$at} }, decode_utf8($line) if $line =~ /WARNING: /;
	}
	take_requests($_, \%requests) for @apis;
	return { output => $output, failure => $failure, last => $at, warnings => \%warnings, requests => \%requests };
}

1;
