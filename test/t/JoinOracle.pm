package JoinOracle;

# Random queries that join contacts, accounts or both with other relations, for a test that runs them on foreign tables
# and on copies.
#
#	my $generator = JoinOracle->new(where => $where, pools => \%pools, each => \@pools);
#	print $generator->tables;                      # SQL that makes the local tables l1 to l4
#	my $query = $generator->query(seed => 5, case => 'heeded');
#	print $query->{clause}->sql('constants');
#
# What is said of contacts here goes for accounts, whose table has the same names of columns.
#
# A query names tables without a schema: search_path tells whether they are foreign.  What is known of a query: "simple"
# holds the type of its one join, "keys" a query for the number of different keys that it looks up, and "asked" how many
# foreign tables are asked for them; "settings" are those without which the plan that it is about isn't chosen.

use strict;
use utf8;
use warnings;

use WhereOracle;

*chance = \&WhereOracle::chance;
*one_of = \&WhereOracle::one_of;
*quoted = \&WhereOracle::quoted;

my @COLUMNS = qw(id account_id email name tier notes);
my %ROWS = (l1 => 24, l2 => 11, l3 => 5);

# Tables of contacts with the columns of "plain"; and all with their names and types.
my $AS_PLAIN = qr/^(?:plain|others|parted|branches|mixed|family)$/;
my $LIKE_PLAIN = qr/$AS_PLAIN|^accounts$/;

sub new
{
	my ($class, %self) = @_;

	return bless {%self}, $class;
}

# ---------------------------------------------------------------- local tables

sub literal { my $text = shift; return defined $text ? quoted($text) : 'NULL'; }

# A key: mostly one that is there, once or more often.
sub key_of
{
	my ($self, $column, $pool) = @_;
	my $known = $self->{contact}{$column};
	my $text = $known && chance(0.6) ? one_of(@$known) : one_of(@{ $self->{pools}{$column} });

	return undef if chance(0.08);
	return '' if chance(0.04);
	return one_of(@$pool) if @$pool && chance(0.2);
	return $text if chance(0.75);
	return one_of(uc $text, lc $text, ucfirst lc $text,
		"$text ", "nobody$column", "o'nobody", '[x]', '{a,b}', '"', 'a,b', '\\', "Zo\x{eb}",
		"\x{1f680}", 'x' x 5000, one_of(@{ $self->{pools}{odd} }) =~ s/\x00//gr);
}

sub rows_of
{
	my ($self, $count) = @_;
	my %used = map { $_ => [] } @COLUMNS;
	my @rows;

	for my $n (1 .. $count)
	{
		# the values of a row are often those of one contact, so that several keys meet
		$self->{contact} = one_of(@{ $self->{each} });
		my @keys = map { my $key = $self->key_of($_, $used{$_}); push @{ $used{$_} }, $key; literal($key) } @COLUMNS;
		my $id = chance(0.1) ? 'NULL' : literal($self->{contact}{id}[0]) . '::uuid';
		push @rows, '(' . join(', ', $n, @keys, int(rand 12), $id) . ')';
	}
	return join ",\n", @rows;
}

sub tables
{
	my $self = shift;
	my $sql = '';

	srand 7;
	for my $table (sort keys %ROWS)
	{
		$sql .=
			"CREATE TABLE $table (n int PRIMARY KEY, "
		  . join(', ', map { "$_ text" } @COLUMNS)
		  . ", x int, uid uuid);
			INSERT INTO $table VALUES " . $self->rows_of($ROWS{$table}) . ";\n";
	}
	return $sql
	  . 'CREATE INDEX ON l2 (email); UPDATE l3 SET email = email || n WHERE n > 2; CREATE UNIQUE INDEX ON l3 (email);
		-- many rows that are too wide for a small work_mem, one in three with the keys of a row of l1
		CREATE TABLE l4 AS SELECT (g * 24 + n)::int AS n, CASE WHEN g % 3 = 0 THEN id ELSE g || id END AS id, CASE WHEN g % 3 = 0 THEN account_id END AS account_id,
			CASE WHEN g % 3 = 0 THEN email ELSE email || g END AS email, CASE WHEN g % 3 = 0 THEN name END AS name, CASE g WHEN 0 THEN tier END AS tier,
			repeat(g::text, 700) AS notes, x, CASE WHEN g % 3 = 0 THEN uid END AS uid
			FROM l1, generate_series(0, 9) g WHERE length(email) < 1000 OR g = 3 ORDER BY md5(n::text || g);
		ANALYZE l1, l2, l3, l4;';
}

# ---------------------------------------------------------------- what is joined

sub alias { my $self = shift; return 'a' . ++$self->{aliases}; }

# Contacts, as an item of FROM.
sub contacts
{
	my ($self, $table) = @_;
	my $alias = $self->alias;

	$table //=
	  one_of(qw(plain plain plain plain plain plain accounts accounts accounts typed odd others parted branches mixed family));
	return {
		from => "$table AS $alias", alias => $alias, table => $table, contacts => 1,
		row => "$alias.id::text COLLATE \"C\""
	};
}

# Another relation, with the columns of l1.
sub other
{
	my ($self, $table) = @_;
	my $alias = $self->alias;
	my %item = (alias => $alias, row => "$alias.n", x => "$alias.x");
	my $base = $table // one_of(qw(l1 l1 l1 l2 l2 l2 l3 l3 l4));
	my $columns = join ', ', 'n', @COLUMNS, 'x', 'uid';

	return { %item, from => "$base AS $alias", table => $base } if defined $table || chance(0.6);
	return { %item, from => "(VALUES " . $self->rows_of(one_of(1, 3, 6)) . ") AS $alias ($columns)" } if chance(0.15);
	if (chance(0.15))
	{
		my $number = 1 + int rand 6;
		my $texts = join ', ', map {
			my $column = $_;
			'(' . WhereOracle::literal('text[]', [ map { $self->known($column) } 1 .. 4 ]) . ")[g] AS $column"
		} @COLUMNS;
		return {
			%item,
			from => "(SELECT g AS n, $texts, g AS x, NULL::uuid AS uid FROM generate_series(1, $number) g) AS $alias"
		};
	}
	if (chance(0.2))
	{
		my $with = 'w' . ++$self->{aliases};
		push @{ $self->{with} },
			"$with AS "
		  . one_of('', 'MATERIALIZED ', 'NOT MATERIALIZED ')
		  . "(SELECT * FROM $base WHERE x < "
		  . int(rand 14) . ')';
		return { %item, from => "$with AS $alias" };
	}
	my $inner = one_of(
		"SELECT * FROM $base WHERE x > 2", "SELECT * FROM $base ORDER BY n LIMIT 4 OFFSET 1",
		"SELECT * FROM $base OFFSET 0",
		"SELECT min(n) AS n, min(id COLLATE \"C\") AS id, min(account_id COLLATE \"C\") AS account_id, email, min(name COLLATE \"C\") AS name, min(tier COLLATE \"C\") AS tier,
			min(notes COLLATE \"C\") AS notes, count(*)::int AS x, NULL::uuid AS uid FROM $base GROUP BY email",
		"SELECT DISTINCT 1 AS n, id, account_id, email, name, tier, notes, 5 AS x, uid FROM $base",
		"SELECT b.n, b.id, b.account_id, d.email, d.name, b.tier, b.notes, d.x, b.uid FROM $base b
			JOIN l3 d ON b.n <= d.n",
		"SELECT * FROM l2 UNION ALL SELECT * FROM l3",
		"SELECT b.n, d.id, d.account_id, b.email, coalesce(d.name, b.name) AS name, b.tier, d.notes, b.x, b.uid
			FROM $base b LEFT JOIN plain d ON d.email = b.email",
		"SELECT length(id) AS n, id, account_id, email, name, tier, notes, seats AS x, id::uuid AS uid FROM plain
			WHERE vip",
		"SELECT cardinality(domains) AS n, id, account_id, email, name, tier, notes, seats AS x, NULL::uuid AS uid FROM accounts
			WHERE is_disabled IS NOT NULL",
		"SELECT b.n, c.id, c.account_id, b.email, a.name, a.tier, b.notes, b.x, b.uid
			FROM $base b JOIN plain c ON c.email = b.email LEFT JOIN accounts a ON a.id = c.account_id"
	);
	return { %item, from => "($inner) AS $alias" };
}

# ---------------------------------------------------------------- values

# What stands for a value in the template.
sub value
{
	my ($self, $type, $value) = @_;

	push @{ $self->{values} }, { type => $type, first => $value, maker => sub { return $value }, cast => chance(0.3) };
	return "\x01$#{ $self->{values} }\x02";
}

sub known { my ($self, $column) = @_; return one_of(@{ $self->{pools}{$column} }); }

# A random clause about contacts, with its values among those of the query.
sub clause
{
	my ($self, $contacts) = @_;
	my $table = $contacts->{table} =~ $AS_PLAIN ? 'plain' : $contacts->{table};
	my $clause = $self->{where}->clause(seed => int rand 2**31, table => $table, case => $self->{case});
	my $first = @{ $self->{values} };
	my $sql = $clause->{template} =~ s/\bt\.(?=[a-z])/$contacts->{alias}./gr;

	push @{ $self->{values} }, @{ $clause->{values} };
	return '(' . $sql =~ s/\x01(\d+)\x02/"\x01" . ($first + $1) . "\x02"/ger . ')';
}

# ---------------------------------------------------------------- conditions

# An equality of contacts and another item (contacts, too).
sub key
{
	my ($self, $contacts, $other, $plain) = @_;
	my ($c, $o) = ($contacts->{alias}, $other->{alias});
	my $column = one_of(qw(email email email email id id account_id name tier notes));

	return $self->belongs($contacts, $other) if chance(0.8) && is_belonging($contacts, $other);
	my ($left, $right) = ("$c.$column", "$o.$column");

	$left = "($c.custom_fields->>'$column')" if $column =~ /tier|notes/ && $contacts->{table} ne 'typed' && chance(0.4);
	if ($contacts->{table} eq 'typed' && $left !~ /custom/)
	{
		return "$c.id = $o.uid" if !$other->{contacts} && chance(0.3);
		$left .= '::text' if $column =~ /id|tier/ || chance(0.2);
	}
	elsif ($contacts->{table} eq 'odd' && $column =~ /tier/ && $left !~ /custom/) { $left .= '::text'; }
	$right .= '::text' if ($other->{table} // '') =~ /typed|odd/;
	return chance(0.5) ? "$left = $right" : "$right = $left" if $plain || chance(0.6);
	$left = one_of(
		"lower($left)", "lower($left)", "$left\::varchar", "$left\::text",
		"$left\::varchar(12)", "$left COLLATE \"C\"", "coalesce($left, 'x')", "$left || ''", $left) if chance(0.4);
	$right = one_of(
		"lower($right)", "$right\::varchar", "$right\::text", "$right\::varchar(12)",
		"$right\::citext", "coalesce($right, $o.email)", "nullif($right, '')", "$right || ''",
		"CASE WHEN $other->{row} IS NOT NULL THEN $right END", "trim($right)", "$right\::name") if chance(0.7);
	return chance(0.5) ? "$left = $right" : "$right = $left";
}

# Are these contacts and accounts?
sub is_belonging
{
	my @items = @_;

	return 2 == grep({ $_->{contacts} } @items) && 1 == grep { $_->{table} eq 'accounts' } @items;
}

# What joins contacts with accounts: to which one each belongs, or the domain of the address.
sub belongs
{
	my ($self, @items) = @_;
	my ($contacts, $accounts) =
	  map { $_->{alias} } sort { ($a->{table} eq 'accounts') <=> ($b->{table} eq 'accounts') } @items;
	my $cast = (grep { $_->{table} =~ /typed|odd/ } @items) ? '::text' : '';
	my $domain = "split_part($contacts.email::text, '\@', 2)";

	return one_of("$accounts.id = $contacts.account_id$cast", "$contacts.account_id$cast = $accounts.id") if chance(0.75);
	return one_of("$accounts.email = $domain", "$domain = ANY ($accounts.domains)", "$accounts.domains @> ARRAY[$domain]");
}

# A condition on one item alone.
sub own
{
	my ($self, $item) = @_;
	my $a = $item->{alias};

	if ($item->{contacts})
	{
		return $self->clause($item) if chance(0.4);
		return one_of("$a.id IS NOT NULL", "$a.email IS NOT NULL", "$a.name IS NULL")
		  if $item->{table} eq 'typed' && chance(0.5);
		my $tier = $self->value('text', one_of('gold', 'silver', 'bronze', 'none', $self->known('tier')));
		my $address = $self->value('text', one_of('%acme%', '%example', 'a%', '%@%', '%z%'));
		my $mail = $self->value('text', $self->known('email'));
		my $list = $self->value('text[]', [ map { $self->known(one_of('tags', 'domains')) } 0 .. int rand 3 ]);
		return one_of("$a.domains @> ARRAY[$mail]", "$a.domains && $list", "$a.tags && $list", "$mail = ANY ($a.tags)", "NOT $a.is_disabled",
			"$a.account_id IS NULL", "$a.created_at > '2025-12-01'",
			"$a.external_ids @> jsonb_build_array(jsonb_build_object('external_id', 'acct-3'))")
		  if $item->{table} eq 'accounts' && chance(0.4);
		return one_of(
			"$a.tier::text = $tier", "$a.email LIKE $address", "$a.name::text LIKE $address",
			"$a.account_id IS NOT NULL", "$a.email = $mail", "length($a.name::text) > 12", "$a.email IS NULL",
			"($a.tier::text = $tier OR $a.email LIKE $address)", "$a.tier::text IN ($tier, 'gold')");
	}
	my $number = $self->value('integer', int rand 12);
	my $text = $self->value('text', $self->known(one_of('email', 'tier')));
	return one_of(
		"$item->{x} > $number", "$item->{x} <= $number", "$item->{row} % 3 = 1", "$a.email = $text", "$a.tier = $text",
		"$a.email IS NOT NULL", "$a.name IS NULL", "$a.email LIKE 'a%'", "($item->{x} = $number OR $a.email = $text)");
}

# A condition on contacts and another item.
sub both
{
	my ($self, $contacts, $other) = @_;
	my ($c, $o) = ($contacts->{alias}, $other->{alias});
	my $x = $other->{x} // "length($o.id::text) - 30";

	return
		'('
	  . $self->key($contacts, $other) . ' OR '
	  . one_of($self->key($contacts, $other), $self->own($contacts), $self->own($other)) . ')'
	  if chance(0.2);
	return one_of(
		"length($c.name::text) > $x + 8", "$c.name::text < $o.name::text", "$c.tier::text <> $o.tier::text",
		"$c.id::text <> $o.id::text", "coalesce($c.tier::text, '') = coalesce($o.tier::text, '')",
		"($x IS NULL OR $c.tier IS NOT NULL)", "($c.account_id::text = $o.account_id::text OR $x > 4)",
		"length($c.email::text) % 3 <> $x", "$c.id::text IS DISTINCT FROM $o.id::text", "$c.tier::text = $o.tier::text",
		"$x IN (SELECT z.x FROM l3 z WHERE z.n < length($c.name::text) - 8)",
		"EXISTS (SELECT FROM l2 z WHERE z.email = $o.email AND z.x < length($c.name::text))",
		"length($c.name::text) > (SELECT count(*) + 8 FROM l2 z WHERE z.x > $x)",
		"starts_with($c.email::text, left($o.email::text, 1))", "$x + 10 < ALL (ARRAY[length($c.name::text), 20])");
}

# What joins contacts with another item.
sub on
{
	my ($self, $contacts, $other, $type) = @_;
	my @conditions = ($self->key($contacts, $other));

	return join ' AND ', @conditions, chance(0.2) ? $self->key($contacts, $other) : () if ($type // '') eq 'FULL';
	push @conditions, $self->key($contacts, $other) if chance(0.12);
	push @conditions, $self->both($contacts, $other) if chance(0.25);
	push @conditions, $self->own($contacts) if chance(0.25);
	push @conditions, $self->own($other) if chance(0.15);
	return join ' AND ', chance(0.3) ? reverse @conditions : @conditions;
}

# ---------------------------------------------------------------- lists of targets

# Something to be seen of an item.
sub target
{
	my ($self, $item) = @_;
	my $a = $item->{alias};

	return $self->subplan($item) if chance(0.07);
	return one_of("$a.n", "$a.x + 1 AS y", "$a.email", "$a", "$a.name || '!' AS named", "$a.tier", 'tableoid') =~
	  s/^tableoid/$item->{table} ? "$a.tableoid::regclass" : "$a.n"/er
	  unless $item->{contacts};
	my @texts = (
		"$a.id", "$a.email", "$a.name", "$a.tier",
		"$a.account_id", "$a.notes", "upper($a.name::text) AS upper", "$a.regions", "$a.email IS NULL AS none");
	push @texts, "$a.tableoid::regclass" unless $item->{table} =~ /^(?:branches|mixed)$/;
	push @texts, "$a", "$a.*", "$a", "$a.custom_fields->>'seats' AS seats", "$a.custom_fields"
	  unless $item->{table} eq 'typed';
	return one_of(@texts);
}

# A subquery in the list of targets that depends on an item, contacts within or without.
sub subplan
{
	my ($self, $item) = @_;
	my $contacts = $item->{contacts} ? $item : $self->contacts;
	my $other = $item->{contacts} ? $self->other(one_of('l2', 'l3')) : $item;
	my $inner = $item->{contacts} ? $other : $contacts;
	my $where = "$inner->{from} WHERE " . $self->key($contacts, $other);

	return one_of(
		"(SELECT count(*) FROM $where) AS found", "EXISTS (SELECT FROM $where) AS found",
		"(SELECT max($inner->{row}) FROM $where) AS found",
		"(SELECT $inner->{row} FROM $where ORDER BY 1 LIMIT 1) AS found",
		"ARRAY(SELECT $inner->{row} FROM $where ORDER BY 1) AS found",
		"$item->{alias}.email::text IN (SELECT $inner->{alias}.email::text FROM $inner->{from}) AS found",
		"$item->{alias}.name::text NOT IN (SELECT $inner->{alias}.name::text FROM $where AND $inner->{alias}.name IS NOT NULL) AS found"
	);
}

sub targets
{
	my ($self, @items) = @_;
	my ($contacts) = grep { $_->{contacts} } @items;
	my ($other) = grep { !$_->{contacts} } @items;
	my @targets = map { $self->target(one_of(@items)) } 0 .. int rand 4;

	push @targets, "coalesce($contacts->{alias}.email::text, $other->{alias}.email) AS either"
	  if $contacts && $other && chance(0.15);
	push @targets, "CASE WHEN $contacts->{alias}.tier IS NULL THEN $other->{x} ELSE 0 END AS which"
	  if $contacts && $other && chance(0.1);
	return join ', ', @targets;
}

# A query over a FROM and WHERE clause in one of many forms.
sub select
{
	my ($self, $from, @items) = @_;
	my @rows = map { $_->{row} } @items;
	my $rows = join ', ', @rows;
	my $form = rand;
	my $outer = $from =~ /LEFT|RIGHT|FULL/;
	my ($some) = grep { $_->{table} && !$_->{contacts} } @items;
	my $ids = join ' || ', "''", map { $_->{contacts} ? "coalesce($_->{row}, '-')" : () } @items;

	return 'SELECT ' . $self->targets(@items) . " $from" if $form < 0.46;
	return
		'SELECT count(*), count(s.r) FROM (SELECT 1 AS r '
	  . "$from LIMIT "
	  . int(rand 40)
	  . one_of('', ' OFFSET 3') . ') s'
	  if $form < 0.5;
	return "SELECT $rows $from" if $form < 0.58;
	return "SELECT count(*) $from" if $form < 0.65;
	return
		"SELECT $rows $from ORDER BY "
	  . join(', ', map { $_ . one_of('', ' DESC', ' NULLS FIRST') } @rows)
	  . ' LIMIT '
	  . int(rand 9)
	  . one_of('', ' OFFSET 2')
	  if $form < 0.75;
	return "SELECT DISTINCT $rows[0] AS r $from" if $form < 0.77;
	return
		"SELECT DISTINCT ON (r) $rows[0] AS r, "
	  . join(', ', map { "$rows[$_] AS r$_" } 1 .. $#rows, 0)
	  . " $from ORDER BY 1"
	  . join('', map { ", $_" } 2 .. @rows + 1)
	  if $form < 0.8;
	return "SELECT EXISTS (SELECT $from)" if $form < 0.83;
	if ($some && !$outer && $form < 0.88)
	{
		return
			'SELECT '
		  . $self->targets(@items)
		  . " $from FOR "
		  . one_of('UPDATE', 'SHARE', 'NO KEY UPDATE')
		  . " OF $some->{alias}";
	}
	return "SELECT $rows[0] AS r, count(*), string_agg($ids, ',' ORDER BY $ids COLLATE \"C\") $from GROUP BY 1"
	  . one_of('', ' HAVING count(*) > 1')
	  if $form < 0.94;
	return
		'SELECT '
	  . join(', ', map { "$rows[$_] AS r$_" } 0 .. $#rows)
	  . ", count(*) FILTER (WHERE $items[0]{alias}.email IS NULL), grouping($rows[0]) $from GROUP BY "
	  . one_of("ROLLUP ($rows)", "GROUPING SETS (($rows[0]), ($rows), ())", $rows)
	  if $form < 0.965;
	return "SELECT r, count(*) OVER (), count(*) OVER (PARTITION BY r) FROM (SELECT $rows[0] AS r $from) s";
}

# ---------------------------------------------------------------- queries

# Joins of up to four items, contacts among them.
sub joins
{
	my $self = shift;
	my @items = ($self->contacts, map { $self->other } 1 .. one_of(1, 1, 1, 2, 2, 3));

	push @items, $self->contacts if chance(@items == 2 ? 0.2 : 0.3);
	@items = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @items;
	my @done = (shift @items);
	my $from = "FROM $done[0]{from}";
	my @where;

	for my $item (@items)
	{
		my $type = one_of('INNER', 'INNER', 'INNER', 'INNER', 'LEFT', 'LEFT', 'LEFT', 'RIGHT', 'FULL', ',');
		my @partners = grep { $_->{contacts} xor $item->{contacts} } @done;
		my $partner = @partners ? one_of(@partners) : one_of(@done);
		my ($contacts, $other) = $item->{contacts} ? ($item, $partner) : ($partner, $item);

		if ($type eq ',' && $from !~ /JOIN/)
		{
			$from .= ", $item->{from}";
			push @where,
			  $contacts->{contacts} ? $self->on($contacts, $other) : "$other->{alias}.email = $contacts->{alias}.email";
		}
		else
		{
			$type = 'INNER' if $type eq ',';
			my $both = one_of('email', 'x');
			my $on =
				$contacts->{contacts}
			  ? $self->on($contacts, $other, $type)
			  : "$other->{alias}.$both = $contacts->{alias}.$both";
			my $shared = one_of('email', 'id', 'email');
			my $using =
				 @done == 1
			  && $contacts->{contacts}
			  && $contacts->{table} =~ $LIKE_PLAIN
			  && ($other->{table} // '') !~ /typed|odd/
			  && chance(0.15);
			$from .= " $type JOIN $item->{from} " . ($using ? "USING ($shared)" : "ON $on");
		}
		push @done, $item;
	}
	push @where, $self->own(one_of(@done)) if chance(0.4);
	push @where, $self->both((grep { $_->{contacts} } @done)[0], (grep { !$_->{contacts} } @done)[0]) if chance(0.15);
	push @where, (grep { $_->{contacts} } @done)[0]{alias} . '.id IS ' . one_of('NULL', 'NOT NULL')
	  if $from =~ /LEFT|RIGHT|FULL/ && chance(0.2);
	$from .= ' WHERE ' . join ' AND ', @where if @where;
	return $self->select($from, @done);
}

# EXISTS, IN and their opposites, contacts within or without.
sub semijoins
{
	my $self = shift;
	my ($contacts, $other) = ($self->contacts, $self->other);
	my ($outer, $inner) = chance(0.65) ? ($other, $contacts) : ($contacts, $other);
	my $not = chance(0.4) ? 'NOT ' : '';
	my @where;
	my $from = "FROM $outer->{from}";

	if (chance(0.2))
	{
		my $more = $self->other;
		$from .= " JOIN $more->{from} ON "
		  . ($outer->{contacts} ? $self->key($outer, $more) : "$more->{alias}.x = $outer->{alias}.x");
	}
	if (chance(0.55))
	{
		my $deeper = chance(0.25) ? ' AND ' . $self->nested($inner, $outer) : '';
		push @where,
			"${not}EXISTS (SELECT "
		  . one_of('1', '*', "$inner->{alias}.id")
		  . " FROM $inner->{from} WHERE "
		  . $self->on($contacts, $other)
		  . "$deeper)";
	}
	else
	{
		my $column = one_of(qw(email email email id name account_id tier));
		my @cast = map { ($_->{table} // '') =~ /typed|odd/ ? '::text' : '' } $outer, $inner;
		my @inner = (chance(0.3) ? $self->own($inner) : (), chance(0.15) ? $self->both($contacts, $other) : ());
		push @inner, "$inner->{alias}.$column IS NOT NULL" if $not && chance(0.7);
		push @inner, $self->nested($inner, $outer) if chance(0.15);
		my $what = chance(0.15) && $column ne 'email' ? 'email' : '';
		my $left = join ', ', map { "$outer->{alias}.$_$cast[0]" } grep { $_ } $column, $what;
		my $right = join ', ', map { "$inner->{alias}.$_$cast[1]" } grep { $_ } $column, $what;
		push @where, "($left) ${not}IN (SELECT $right FROM $inner->{from}"
		  . (@inner ? ' WHERE ' . join(' AND ', @inner) : '') . ')';
	}
	push @where, $self->own($outer) if chance(0.25);
	push @where, 'true' unless @where;
	return $self->select("$from WHERE " . join(one_of(' AND ', ' AND ', ' AND ', ' OR '), @where), $outer);
}

# A semijoin within one: it depends on the item that encloses it, now and then on the one around that, too.
sub nested
{
	my ($self, $inner, $outer) = @_;
	my $innermost = $inner->{contacts} ? $self->other : $self->contacts;
	my ($contacts, $other) = $inner->{contacts} ? ($inner, $innermost) : ($innermost, $inner);
	my $where = $self->key($contacts, $other);

	$where .= ' AND ' . $self->own($innermost) if chance(0.2);
	$where .= " AND $innermost->{alias}.email::text IS DISTINCT FROM $outer->{alias}.name::text" if chance(0.3);
	return one_of('', 'NOT ') . "EXISTS (SELECT FROM $innermost->{from} WHERE $where)";
}

# A join on the nullable side of another one, and one above a subquery with a join.
sub nests
{
	my $self = shift;
	my ($outer, $contacts, $other) = ($self->other, $self->contacts, $self->other);
	my $join = one_of('JOIN', 'LEFT JOIN', 'JOIN', 'RIGHT JOIN', 'FULL JOIN');
	my $pair = "$contacts->{from} $join $other->{from} ON "
	  . $self->on($contacts, $other, $join eq 'FULL JOIN' ? 'FULL' : 'INNER');
	my $link = one_of(
		$self->key($contacts, $outer), $self->key($contacts, $outer), "$other->{alias}.x = $outer->{x}",
		"$other->{alias}.email = $outer->{alias}.email");

	return $self->select("FROM $outer->{from} " . one_of('LEFT JOIN', 'LEFT JOIN', 'JOIN') . " ($pair) ON $link",
		$outer, $contacts, $other)
	  if chance(0.5);
	my $more = $self->contacts;
	my $grouped =
	  chance(0.4) ? 'GROUP BY 2' : chance(0.3) ? "GROUP BY 2 HAVING count(*) > 1" : 'GROUP BY 2 ORDER BY 2 LIMIT 8';
	my $subquery =
		"SELECT min($other->{row}) AS n, "
	  . one_of("$other->{alias}.email", "$contacts->{alias}.id::text", "$contacts->{alias}.email::text")
	  . " COLLATE \"C\" AS k, count(*) AS x FROM $pair $grouped";
	return
		"SELECT s.n, s.k, s.x, $more->{row} FROM ($subquery) s "
	  . one_of('JOIN', 'LEFT JOIN')
	  . " $more->{from} ON $more->{alias}."
	  . one_of('email', 'id')
	  . '::text = s.k';
}

sub laterals
{
	my $self = shift;
	my ($contacts, $other) = ($self->contacts, $self->other);
	my $alias = $contacts->{alias};
	my $rest =
	  one_of('', '', 'OFFSET 0', "ORDER BY $contacts->{row} LIMIT 2", "ORDER BY $contacts->{row} DESC LIMIT 1");
	my @more = chance(0.3) ? $self->other(one_of('l2', 'l3')) : ();
	my $inner = join ' JOIN ', $contacts->{from}, map { "$_->{from} ON " . $self->key($contacts, $_) } @more;
	my $from =
		"FROM $other->{from} "
	  . one_of('LEFT JOIN', 'JOIN')
	  . " LATERAL (SELECT $alias.id, $alias.email, $alias.tier FROM $inner WHERE "
	  . $self->on($contacts, $other)
	  . " $rest) s ON "
	  . one_of('true', 'true', "s.email IS NOT NULL");

	return "SELECT $other->{alias}.n, s.* $from" if chance(0.6);
	return "SELECT $other->{row}, s.id::text $from";
}

# Subqueries with a join inside, begun anew for each row outside.
sub correlated
{
	my $self = shift;
	my $outer = $self->other(one_of('l2', 'l3'));
	my ($contacts, $other) = ($self->contacts, $self->other);
	my $link = one_of(
		"$other->{x} = $outer->{x}", "$other->{x} <= $outer->{x}", $self->key($contacts, $outer),
		$self->both($contacts, $outer), "$contacts->{alias}.tier::text = $outer->{alias}.tier");
	my $join =
	  "$other->{from} " . one_of('JOIN', 'JOIN', 'LEFT JOIN') . " $contacts->{from} ON " . $self->on($contacts, $other);
	my $value = one_of(
		'count(*)', "count($contacts->{alias}.id)",
		"max($contacts->{row})", "string_agg($contacts->{row}, ',' ORDER BY $contacts->{row})");

	return "SELECT $outer->{alias}.n, (SELECT $value FROM $join WHERE $link) AS v FROM $outer->{from}" if chance(0.5);
	return
	  "SELECT $outer->{alias}.n, (SELECT count(*) FROM (SELECT FROM $join
		WHERE $link LIMIT 1 + $outer->{alias}.n % 3) s) AS v FROM $outer->{from}"
	  if chance(0.4);
	return
		"SELECT $outer->{alias}.n FROM $outer->{from} WHERE "
	  . one_of('', 'NOT ')
	  . "EXISTS (SELECT FROM $join WHERE $link OFFSET 0)";
}

# A join that is left at the first match, with a batch on its way, and begun anew for the next row outside.
sub broken_off
{
	my $self = shift;
	my ($outer, $contacts, $other) = (
		$self->other(one_of('l1', 'l2')), $self->contacts(one_of('plain', 'plain', 'parted')),
		$self->other(one_of('l1', 'l4')));
	my $join = "$other->{from} JOIN $contacts->{from} ON " . $self->key($contacts, $other, 1);
	# no equality: by one, the rows would be made distinct and read once
	my $test =
	  one_of("s.x > $outer->{x}", "s.x >= $outer->{x} + 3", "s.e > $outer->{alias}.email", "s.x < $outer->{x}");

	$self->{settings} = [ map { "enable_$_=off" } qw(material memoize hashjoin mergejoin) ];
	return "SELECT $outer->{alias}.n FROM $outer->{from} WHERE " . one_of('', 'NOT ')
	  . "EXISTS (SELECT FROM (SELECT $other->{x} AS x, $contacts->{alias}.email::text AS e FROM $join OFFSET 0) s
		WHERE $test)";
}

# One value in several places.
sub chains
{
	my $self = shift;
	my ($contacts, $one, $two) = ($self->contacts(one_of('plain', 'others', 'parted')), $self->other, $self->other);
	my ($c, $o, $t) = map { $_->{alias} } $contacts, $one, $two;
	my $column = one_of(qw(email email id name tier));
	my @where = one_of(
		[ "$c.$column = $o.$column", "$o.$column = $t.$column" ],
		[ "$t.$column = $o.$column", "$c.$column = $t.$column", "$c.$column = $o.$column" ],
		[ "$c.$column = $o.$column", "$t.x = $o.x", "$o.$column = " . $self->value('text', $self->known($column)) ],
		[ "$c.$column = $o.$column", "$c.$column = $t.$column", "$t.email = $o.email" ],
		[ "$c.$column = $o.$column", "$c.id = $t.id" ]);

	return $self->select("FROM $one->{from}, $two->{from}, $contacts->{from} WHERE " . join(' AND ', @{ $where[0] }),
		$one, $two, $contacts);
}

sub unions
{
	my $self = shift;
	my @parts = map {
		my ($contacts, $other) = ($self->contacts, $self->other);
		"SELECT $other->{row}, $contacts->{row} FROM $other->{from} "
		  . one_of('JOIN', 'LEFT JOIN')
		  . " $contacts->{from} ON "
		  . $self->on($contacts, $other)
	} 1, 2;

	return join one_of(' UNION ALL ', ' UNION ALL ', ' EXCEPT ', ' INTERSECT ', ' EXCEPT ALL '), @parts;
}

# One join whose requests can be foreseen.
sub simple
{
	my $self = shift;
	my $table = one_of('l1', 'l2', 'l4');
	my $column = one_of(qw(email email id account_id name tier));
	my $type = one_of(qw(Inner Left Semi Anti));
	my $contacts = one_of('plain', 'accounts', 'parted');
	my $more = chance(0.2) ? ' AND c.email IS NOT NULL' : chance(0.2) ? ' AND length(c.name) > l.x' : '';
	my $on = "c.$column = l.$column$more";

	$self->{simple} = $type;
	$self->{keys} = "SELECT count(DISTINCT $column) FROM $table";
	$self->{asked} = $contacts eq 'parted' ? 2 : 1;
	return "SELECT l.n, c.id FROM $table l JOIN $contacts c ON $on" if $type eq 'Inner';
	return "SELECT l.n, c.id, c.name FROM $table l LEFT JOIN $contacts c ON $on" if $type eq 'Left';
	return "SELECT l.n FROM $table l WHERE EXISTS (SELECT FROM $contacts c WHERE $on)" if $type eq 'Semi';
	return "SELECT l.n FROM $table l WHERE NOT EXISTS (SELECT FROM $contacts c WHERE $on)";
}

# What all queries are made by.
sub make
{
	my ($self, $options, @kinds) = @_;

	srand($options->{seed});
	@$self{qw(aliases values with settings simple keys asked case)} =
	  (0, [], [], [], undef, undef, undef, $options->{case} // 'heeded');
	my $kind = one_of(@kinds);
	my $sql = $self->$kind;

	$sql = 'WITH ' . join(', ', @{ $self->{with} }) . " $sql" if @{ $self->{with} };
	# alternatives that weren't taken have left values behind
	my (@values, %place);
	$sql =~ s/\x01(\d+)\x02/
		$place{$1} \/\/= push(@values, $self->{values}[$1]) - 1;
		"\x01$place{$1}\x02"/xge;
	return {
		kind => $kind, simple => $self->{simple}, keys => $self->{keys}, asked => $self->{asked},
		settings => $self->{settings}, values => \@values, seed => $options->{seed},
		clause => bless { template => $sql, values => \@values }, 'WhereOracle::Clause'
	};
}

sub query
{
	my ($self, %options) = @_;

	return $self->make(\%options,
		qw(joins joins joins joins joins joins semijoins semijoins semijoins laterals correlated correlated broken_off chains unions nests nests simple simple)
	);
}

# ---------------------------------------------------------------- writes

# A statement that writes contacts or a local table.  Where a contact meets several rows of the other side, it is written
# once, but which of them counts is open.
sub write
{
	my ($self, %options) = @_;

	return $self->make(\%options, qw(update update delete again again by_others insert insert_local));
}

# One row a key, and the key.
sub unique
{
	my $self = shift;
	my $column = one_of(qw(email email id name));
	my $table = one_of('l1', 'l1', 'l2', 'l3');

	return ("(SELECT DISTINCT ON ($column) * FROM $table ORDER BY $column, n) l", "c.$column = l.$column");
}

sub update
{
	my $self = shift;
	my ($from, $key) = $self->unique;
	my $set = one_of(
		"name = coalesce(l.name, '') || ' of ' || l.n", "tier = 'gold'", "notes = 'n' || l.x, name = upper(c.name)",
		"notes = nullif(l.tier, '')");
	my $more =
	  one_of('', '', ' AND l.x > 3', ' AND length(c.name) > 12', ' AND c.tier IS NOT NULL', " AND c.name <> l.name");
	my $target = one_of(qw(plain plain accounts));
	my %item = (alias => 'c', table => $target, contacts => 1);

	$set =~ s/gold/team/ if $target eq 'accounts';
	$more .= ' AND ' . $self->clause(\%item) if chance(0.2);
	return
		"UPDATE $target c SET $set WHERE EXISTS (SELECT FROM "
	  . one_of('l1', 'l2')
	  . " l WHERE $key$more) RETURNING c.id, c.email"
	  if $set !~ /\bl\./ && chance(0.3);
	return "UPDATE $target c SET $set FROM $from WHERE $key$more RETURNING l.n, c.id, c.name";
}

sub delete
{
	my $self = shift;
	my ($from, $key) = $self->unique;
	my $more = one_of('', ' AND l.x > 3', ' AND length(c.name) > 12', ' AND c.email IS NOT NULL');

	return
		'DELETE FROM plain c WHERE '
	  . one_of('', 'id LIKE \'%1\' AND NOT ')
	  . "EXISTS (SELECT FROM l2 l WHERE $key$more) RETURNING c.id"
	  if chance(0.3);
	return "DELETE FROM plain c USING $from WHERE $key$more RETURNING l.n, c.id, c.email";
}

# A contact that meets several rows of the other side; nothing that is written or returned shows which of them counts.
sub again
{
	my $self = shift;
	my $column = one_of(qw(email email id name));
	my $from = one_of('l1', 'l1', 'l2', 'l3') . ' l' . one_of('', '', ', generate_series(1, 2) g');
	my $where =
	  "c.$column = l.$column" . one_of('', ' AND l.x > 3', ' AND length(c.name) > 12', ' AND c.tier IS NOT NULL');
	my $set = one_of("tier = 'gold'", "notes = 'n' || length(c.name), name = upper(c.name)", "name = c.name || '!'");

	return "DELETE FROM plain c USING $from WHERE $where RETURNING c.id, c.name, c.email" if chance(0.4);
	return "UPDATE plain c SET $set FROM $from WHERE $where RETURNING c.id, c.name, c.tier" if chance(0.6);
	return 'UPDATE accounts c SET ' . $set =~ s/gold/team/r . " FROM $from WHERE $where RETURNING c.id, c.name, c.tier";
}

# The rows to be written are chosen by a join that reads the same contacts.
sub by_others
{
	my $self = shift;
	my $table = one_of(qw(plain others parted branches mixed family));
	my $column = one_of(qw(email email id name));
	my $among =
		one_of('', 'NOT ')
	  . "IN (SELECT f.id FROM "
	  . one_of('l1', 'l2', 'l3')
	  . " l JOIN $table f ON f.$column = l.$column"
	  . one_of('', ' AND l.x > 3', " WHERE f.email LIKE '%c%'") . ')';

	return "DELETE FROM plain c WHERE c.id $among AND c.tier IS NOT NULL RETURNING c.id, c.email" if chance(0.3);
	return
	  "UPDATE accounts a SET notes = 'n' || length(a.name) WHERE a.id IN (SELECT c.account_id FROM plain c JOIN l1 l ON c.$column = l.$column)
		RETURNING a.id, a.notes"
	  if chance(0.3);
	return
	  "UPDATE plain c SET notes = 'n' || length(c.name) WHERE c.id $among AND length(c.name) < 12
		RETURNING c.id, c.notes";
}

sub insert
{
	my $self = shift;
	my ($from, $key) = $self->unique;
	my $join = one_of('JOIN', 'LEFT JOIN');

	return
	  "INSERT INTO plain (name, email, notes) SELECT 'new ' || l.n, 'new' || l.n || '\@' || row_number() OVER (ORDER BY l.n, c.id COLLATE \"C\") || '.example', nullif(c.tier, '')
		FROM $from $join plain c ON $key RETURNING name, email";
}

sub insert_local
{
	my $self = shift;

	return
		'INSERT INTO seen SELECT l.n, c.id FROM '
	  . one_of('l1', 'l2') . ' l '
	  . one_of('JOIN', 'LEFT JOIN')
	  . one_of(' plain', ' accounts') . ' c ON c.email = l.email RETURNING n, id';
}

1;
