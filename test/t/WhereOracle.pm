package WhereOracle;

# Random WHERE clauses, for a test that compares a foreign table with a local copy of the same contacts or accounts.
#
#	my $generator = WhereOracle->new(objects => { contacts => { all => \%pools, each => \@pools }, accounts => … }, labels => \@labels);
#	my $clause = $generator->clause(seed => 5, table => 'plain', case => 'heeded');
#	print $clause->{sql};                          # as written with constants
#	my ($prepare, $run) = $clause->statements('generic', 'remote.plain');
#
# A clause is made of seed and options alone.  "case" is what the server knows of the API: heeded, ignored or unknown;
# "empties" says that a list that isn't there may be shown as an empty one.  What is known of a clause beforehand: "never" says
# that values make it untrue for all rows in a way that sends no request; "push" that it is one row of the table of what
# is pushed down, with the fewest requests that can answer it.  Both are silent where in doubt.

use strict;
use utf8;
use warnings;

use POSIX qw(ceil);

our $BATCH = 3;

# The columns of the tables: [name, type, what the API calls it, how it compares, pool of values].  How: text, fold
# (citext), loose (a collation under which different texts are equal), blank (char(n)), uuid, enum, flag, number, list,
# ids (external ids as jsonb), moment.  An asterisk marks a column of a custom field, a dash one that the API can't search, a
# dash with a name behind it such a one with another name.  A sixth member says its field_type.  Accounts have the names of
# "plain" where something is like it, so that queries that are made for contacts go over them, too.
our %COLUMNS = (
	plain => [
		[qw(id text id text id)], [qw(account_id text account_id text account_id)],
		[qw(name text name text name)], [qw(email text email text email)],
		[qw(tier text *tier text tier)], [qw(notes text *notes text notes)], [qw(website text *website text website)],
		[ 'owner', 'text', '*owner', 'text', 'owner' ], [qw(private text *email loose_field private)],
		[ 'sales_id', 'text', '*contact.salesforce.Contact_ID_for_Pylon__c', 'text', 'sales_id' ],
		[qw(regions text[] *regions list regions multiselect)], [qw(vip boolean *vip flag vip boolean)],
		[qw(seats integer *seats number seats)], [qw(portal_role text - text portal_role)],
		[qw(emails text[] - list email)],
	],
	typed => [
		[qw(id uuid id uuid id)], [qw(account_id uuid account_id uuid account_id)],
		[qw(name citext name fold name)], [qw(email citext email fold email)],
		[qw(tier tier *tier enum tier)], [qw(notes NOTES *notes text notes)],
		[qw(website words *website text website)], [qw(owner uuid *owner uuid owner)],
		[ 'regions', 'varchar(20)[]', '*regions', 'list', 'regions' ], [qw(vip flag *vip flag vip)],
		[qw(seats bigint *seats number seats)],
	],
	odd => [
		[ 'id', 'text COLLATE loose', 'id', 'loose', 'id' ],
		[ 'account_id', 'varchar(36)', 'account_id', 'text', 'account_id' ], [ 'name', 'NAME', 'name', 'text', 'name' ],
		[ 'loose_name', 'text COLLATE loose', 'name', 'loose', 'name' ],
		[ 'c_name', 'text COLLATE "C"', 'name', 'text', 'name' ], [ 'email', 'char(60)', 'email', 'blank', 'email' ],
		[ 'mail', 'words', 'email', 'text', 'email' ], [ 'notes', 'text COLLATE loose', '*notes', 'loose', 'notes' ],
		[ 'short_notes', 'NOTES', '*notes', 'text', 'notes' ], [ 'tier', 'tiers', '*tier', 'enum', 'tier' ],
		[ 'regions', 'text[] COLLATE loose', '*regions', 'loose_list', 'regions' ],
		[ 'places', 'citext[]', '*regions', 'fold_list', 'regions' ],
		[ 'website', 'citext', '*website', 'fold', 'website' ],
	],
	accounts => [
		[qw(id text id text id)], [qw(account_id text owner_id text account_id)],
		[qw(name text name text name)], [qw(email text primary_domain text email)],
		[qw(tier text *plan text tier)], [qw(notes text *notes text notes)], [qw(website text *status_page text website)],
		[qw(owner text *csm text owner)], [qw(private text *tags loose_field private)],
		[qw(sales_id text *account.hubspot.annualrevenue text sales_id)],
		[qw(regions text[] *products list regions multiselect)], [qw(vip boolean *is_trial flag vip boolean)],
		[qw(seats integer *seats number seats)], [qw(portal_role text -type text portal_role)],
		[qw(domains text[] domains list domains)], [qw(tags text[] tags list tags)], [qw(tags text[] tags list tags)],
		[qw(external_ids jsonb external_ids ids external_ids)], [qw(external_ids jsonb external_ids ids external_ids)],
		[qw(is_disabled boolean - flag vip)], [qw(owner_email text - text owner_email)],
		[qw(created_at timestamptz - moment created_at)],
		[qw(latest_customer_activity_time timestamptz - moment created_at)],
	],);

# Accounts with other types.
$COLUMNS{firms} = [
	[qw(id uuid id uuid id)], [ 'account_id', 'varchar(60)', 'owner_id', 'text', 'account_id' ],
	[qw(name citext name fold name)], [qw(email citext primary_domain fold email)],
	[ 'loose_domain', 'text COLLATE loose', 'primary_domain', 'loose', 'email' ], [ 'c_domain', 'text COLLATE "C"', 'primary_domain', 'text', 'email' ],
	[ 'site', 'char(60)', 'primary_domain', 'blank', 'email' ],
	[ 'domains', 'varchar(60)[]', 'domains', 'list', 'domains' ], [ 'hosts', 'citext[]', 'domains', 'fold_list', 'domains' ],
	[ 'tags', 'text[] COLLATE loose', 'tags', 'loose_list', 'tags' ], [qw(labels citext[] tags fold_list tags)],
	[qw(external_ids jsonb external_ids ids external_ids)], [qw(website words *status_page text website)],
	[ 'notes', 'text COLLATE loose', '*notes', 'loose', 'notes' ], [ 'regions', 'varchar(20)[]', '*products', 'list', 'regions' ],
	[qw(vip flag *is_trial flag vip)], [qw(seats bigint *seats number seats)], [qw(is_disabled flag - flag vip)],
];

# What a table shows, and which have the names and types of "plain".
our %OBJECT = (accounts => 'accounts', firms => 'accounts', map { $_ => 'contacts' } qw(plain typed odd));
my %LIKE_PLAIN = (plain => 1, accounts => 1);

our %JSON_TYPE = (plain => 'jsonb', typed => 'json', odd => 'jsonb', accounts => 'jsonb', firms => 'json');

# Slug, pool, and what is special about it: a list, a boolean, or the name of a field of the object itself, which is what a
# search would look at.
my %SLUGS = (
	contacts => [
		[qw(tier tier)], [qw(notes notes)], [qw(website website)], [qw(regions regions list)], [qw(vip vip flag)],
		[qw(seats seats)], [qw(email private field)], [ 'contact.salesforce.Contact_ID_for_Pylon__c', 'sales_id' ],
		[qw(unheard_of tier)]
	],
	accounts => [
		[qw(plan tier)], [qw(notes notes)], [qw(status_page website)], [qw(products regions list)], [qw(is_trial vip flag)],
		[qw(seats seats)], [qw(tags private field)], [qw(account.hubspot.annualrevenue sales_id)], [qw(unheard_of tier)]
	],);

sub new
{
	my ($class, %self) = @_;

	return bless {%self}, $class;
}

# ---------------------------------------------------------------- chance

sub chance { my $share = shift; return rand() < $share; }

sub one_of { return $_[ int rand @_ ]; }

sub quoted { my $text = shift; $text =~ s/'/''/g; return "'$text'"; }

# ---------------------------------------------------------------- values

# A value of the data, often of the contact that the clause is about, so that conditions hold together.
sub known
{
	my ($self, $pool) = @_;
	my $own = $self->{focus}{$pool};

	return chance($self->{focused} ? 0.9 : 0.5) && $own ? one_of(@$own) : one_of(@{ $self->{pools}{$pool} });
}

# A text as it may stand in the data, or nearly.
sub text
{
	my ($self, $pool) = @_;
	my $text = $self->known(chance(0.05) ? 'name' : $pool);

	return $text if $self->{focused} && chance(0.9);
	return undef if chance(0.04);
	return '' if chance(0.04);
	return $text if chance(0.7);
	return one_of(
		$text . one_of('x', ' ', '%', 'é'),
		one_of('x', ' ', '_') . $text,
		substr($text, 0, -1),
		$text =~ s/^.//sr, $self->recased($text), $self->recased($text),
		one_of(@{ $self->{pools}{odd} }));
}

sub recased
{
	my ($self, $text) = @_;

	return one_of(uc $text, lc $text, ucfirst lc $text, lcfirst $text);
}

# Of a type, by how it compares: undef, or what its input function takes.
sub scalar_of
{
	my ($self, $how, $pool) = @_;

	return $self->text($pool) unless $how =~ /^(?:uuid|enum)$/;
	return undef if chance(0.04);
	return chance(0.5) ? $self->known('tier') : one_of(@{ $self->{labels} }) if $how eq 'enum';
	my $uuid = $self->known($pool);
	return chance(0.15) ? uc $uuid : chance(0.1) ? one_of(@{ $self->{pools}{account_id} }) : $uuid;
}

sub list_of
{
	my ($self, $how, $pool) = @_;
	my $length = chance(0.06) ? 0 : 1 + int rand(one_of(2, 3, 4, 12));
	my @list = map { my $value = $self->scalar_of($how, $pool); $value } 1 .. $length;

	if ($self->{focused})
	{
		# the rest is of other contacts, so that the list is long
		local $self->{focus} = {};
		push @list, map { my $value = $self->scalar_of($how, $pool); $value } 0 .. int rand 8;
	}

	@list = grep { defined } @list unless chance(0.3);
	push @list, @list[ 0 .. $#list / 2 ] if @list && chance(0.2);
	return \@list;
}

# A pattern of LIKE made from a text of the data.
sub pattern
{
	my ($self, $pool, $escape) = @_;
	my $text = $self->known($pool);
	my $protected = sub { my $piece = shift; $piece =~ s/([\\%_])/$escape$1/g unless chance(0.15); $piece };
	my ($from, $length) = (int rand(1 + length $text), 1 + int rand 6);
	my $piece = $protected->(substr $text, $from, $length);
	my $head = $protected->(substr $text, 0, $length);
	my $tail = $protected->($length < length $text ? substr $text, -$length : $text);
	my $whole = $protected->($text);

	return undef if chance(0.03);
	my $pattern = one_of(
		"%$piece%", "%$piece%", "$head%", "$head%", "%$tail", "$head%$tail", "%$piece%$tail", $whole, $whole,
		$whole =~ s/^(.)./$1_/sr, "$head%%$tail", "_$tail", "$head" . '_%', "%$piece" . '_%', '%', '%%', '_%', '', '_',
		"$escape$escape%", "%$escape$escape%", "%$escape%%", "$head$escape", "%$piece$escape" . 'x%', $escape,
		"%$head%$piece%$tail%");
	$pattern = $self->recased($pattern) if chance(0.15);
	return $pattern;
}

# ---------------------------------------------------------------- placeholders

# Remembers how a value is made, and gives what stands for it in the template.
sub value
{
	my ($self, $type, $maker) = @_;
	my $first = $maker->();

	push @{ $self->{values} }, { type => $type, maker => $maker, first => $first, cast => chance(0.3) };
	return ("\x01" . $#{ $self->{values} } . "\x02", $first);
}

sub literal
{
	my ($type, $value) = @_;

	return 'NULL' unless defined $value;
	return 'ARRAY[' . join(', ', map { defined $_ ? quoted($_) : 'NULL' } @$value) . ']' if ref $value;
	return quoted($value);
}

# ---------------------------------------------------------------- clauses

sub clause
{
	my ($self, %options) = @_;

	srand($options{seed});
	$self->{options} = \%options;
	$self->{values} = [];
	@$self{qw(pools contacts)} = @{ $self->{objects}{ $OBJECT{ $options{table} } } }{qw(all each)};
	$self->{focus} = one_of(@{ $self->{contacts} });
	my $tree = $self->tree(one_of(0, 0, 1, 1, 1, 2, 2, 3, 4));
	# alternatives that weren't taken have left values behind
	my (@values, %place);
	$tree->{sql} =~ s/\x01(\d+)\x02/
		$place{$1} \/\/= push(@values, $self->{values}[$1]) - 1;
		"\x01$place{$1}\x02"/xge;
	return bless {
		template => $tree->{sql}, values => \@values, never => $tree->{never},
		push => $tree->{push}, rows => int rand 3, seed => $options{seed} }, 'WhereOracle::Clause';
}

sub tree
{
	my ($self, $depth) = @_;

	return $self->leaf if $depth == 0 || chance(0.15);
	if (chance(0.2))
	{
		local $self->{negated} = 1;
		my $part = $self->tree($depth - 1);
		return { sql => "NOT ($part->{sql})", never => $part->{never_not}, never_not => $part->{never} };
	}
	# now and then only conditions that one contact is likely to meet, lists of any length beside an id
	local $self->{focused} = $self->{focused} || chance(0.2);
	my $operator = one_of('AND', $self->{focused} && chance(0.7) ? 'AND' : 'OR');
	my @parts = map { $self->tree($depth - 1) } 0 .. one_of(1, 1, 2);
	my $count = grep { $_->{never} } @parts;
	my $count_not = grep { $_->{never_not} } @parts;
	my $all = $operator eq 'OR' ? @parts : 1;
	my $all_not = $operator eq 'AND' ? @parts : 1;
	return {
		sql => join(" $operator ", map { "($_->{sql})" } @parts), never => $count >= $all,
		never_not => $count_not >= $all_not };
}

sub leaf
{
	my $self = shift;
	my $table = $self->{options}{table};

	return $self->focused_leaf if $self->{focused} && chance(0.7);
	return $self->json_leaf if $JSON_TYPE{$table} eq 'jsonb' && chance(0.1);
	return $self->member_leaf if $JSON_TYPE{$table} eq 'jsonb' && chance(0.08);
	return $self->extracted_leaf if chance(0.12);
	my ($name, $type, $field, $how, $pool) = @{ one_of(@{ $COLUMNS{$table} }) };
	($name, $type, $field, $how, $pool) = @{ one_of(@{ $COLUMNS{$table} }[ 0 .. 3 ]) } if chance(0.4);
	my $sql = $type eq 'tiers' ? "t.$name\::tier" : $name eq 'emails' ? "coalesce(t.$name, '{}')" : "t.$name";
	my %column = (sql => $sql, type => $type, field => $field, how => $how, pool => $pool);
	$column{searchable} = $field !~ /^-/ && $how ne 'loose_field';
	$column{custom} = $field =~ /^\*/;
	return $self->ids_leaf(\%column) if $how eq 'ids';
	return $self->moment_leaf(\%column) if $how eq 'moment';
	return $self->flag_leaf(\%column) if $how eq 'flag';
	return $self->number_leaf(\%column) if $how eq 'number';
	return $self->list_leaf(\%column) if $how =~ /list$/;
	return $self->null_leaf(\%column) if chance(0.06);
	return $self->equality_leaf({ %column, sql => "$sql\::uuid", type => 'uuid', how => 'uuid' })
	  if $field =~ /id$/ && $how eq 'text' && $LIKE_PLAIN{$table} && !$column{custom} && chance(0.15);
	if ($how =~ /^(?:uuid|enum)$/)
	{
		return $self->equality_leaf(\%column) if chance(0.7);
		%column = (%column, sql => "$column{sql}::text", how => 'text', cast => 1);
	}
	return $self->text_leaf(\%column);
}

sub focused_leaf
{
	my $self = shift;
	my ($name, $type, $field, $how, $pool) = @{ one_of(@{ $COLUMNS{ $self->{options}{table} } }[ 0 .. 3 ]) };

	return $self->equality_leaf(
		{ sql => "t.$name", type => $type, field => $field, how => $how, pool => $pool, searchable => 1 });
}

# One of the object's slugs: its name, its pool, and what is special about it.
sub slug
{
	my $self = shift;
	my ($slug, $pool, $special) = @{ one_of(@{ $SLUGS{ $OBJECT{ $self->{options}{table} } } }) };

	return ($slug, $pool, $special // '');
}

sub extracted_leaf
{
	my $self = shift;
	my ($slug, $pool, $special) = $self->slug;
	my $json = $JSON_TYPE{ $self->{options}{table} };
	my $sql = one_of(
		"(t.custom_fields->>'$slug')", "(t.custom_fields->>'$slug')",
		"(t.custom_fields #>> ARRAY['$slug'])", "${json}_extract_path_text(t.custom_fields, '$slug')");
	my %column = (
		sql => $sql, type => 'text', field => "*$slug", custom => 1, how => 'text', pool => $pool,
		searchable => $special ne 'field', extracted => 1);

	# what is known to have several values has no text of its own, nor are parts asked for of what is known to be boolean
	$column{several} = $special eq 'list' && $LIKE_PLAIN{ $self->{options}{table} };
	$column{whole} = $column{several} || ($special eq 'flag' && $LIKE_PLAIN{ $self->{options}{table} });

	# the text of a list in json, as opposed to jsonb, is that of the API
	return $self->null_leaf(\%column) if chance(0.2) || ($special eq 'list' && $json eq 'json');
	return $self->text_leaf(\%column);
}

sub null_leaf
{
	my ($self, $column) = @_;
	my $negative = chance(0.5) ? ' NOT' : '';

	return { sql => "$column->{sql} IS$negative NULL",
		push => ($column->{custom} || $column->{field} eq 'owner_id') && $column->{searchable} && !$column->{cast} ? { requests => 1 } : undef };
}

# Is the value one that every reading of the API understands?
sub is_regular
{
	my ($column, $value, $ignored_case) = @_;

	return defined $value && $value =~ /^[a-zA-Z0-9@. :\/=-]+$/
	  && !($column->{type} =~ /^[A-Z]|varchar/ && length $value > 5);
}

sub is_exact { my $how = shift; return $how =~ /^(?:text|uuid|enum)$/; }

# Can the API look for a part of the text?  A domain is one of a list to it, which it has no negation of, either.
sub has_parts { my $column = shift; return $column->{field} !~ /id$|^primary_domain$/; }

sub has_negation { my $column = shift; return $column->{field} ne 'primary_domain'; }

# Does this table's server promise to push an equality of the column?
sub is_pushed
{
	my ($self, $column) = @_;
	my $how = $column->{how};

	return 0 unless $column->{searchable} && !$column->{several};
	return 0 if $column->{custom} && ($how eq 'uuid' || $column->{cast});
	return is_exact($how) || ($how eq 'fold' && $self->{options}{case} eq 'ignored');
}

# Where the API may ignore case, only values in lower case are left out by it: the other case of one is another id in SQL.
sub can_negate
{
	my ($self, @values) = @_;

	return $self->{options}{case} eq 'heeded' || !grep { /[A-Z]|[^\x00-\x7f]/ } @values;
}

# Is it a text that no contact has there?
sub is_impossible
{
	my ($self, $column, $value) = @_;

	return !$column->{custom} && ($value eq '' || ($column->{field} eq 'id' && $value =~ /^\.\.?$/));
}

# =, <>, IN and the like
sub equality_leaf
{
	my ($self, $column) = @_;
	my ($sql, $how, $pool) = @$column{qw(sql how pool)};
	my $type =
	  $how =~ /^(?:uuid|enum)$/ ? $column->{type} : $how eq 'fold' ? 'citext' : $how eq 'blank' ? 'bpchar' : 'text';
	$type = 'tier' if $type eq 'tiers';
	my $pushed = $self->is_pushed($column);
	my $built_in = !$column->{custom};
	my $negatable =
	  $pushed && $built_in && has_negation($column) && ($self->{options}{case} eq 'heeded' || $column->{field} !~ /^(?:name|email)$/);
	# that NULL makes it untrue is known in any case
	my $null_decides = $pushed && $built_in && has_negation($column) && is_exact($how);
	my $kind = one_of(qw(equals equals not_equals in in any not_in all));

	if ($kind =~ /equals$/)
	{
		my ($value, $is) = $self->value($type, sub { $self->scalar_of($how, $pool) });
		my $operator = $kind eq 'equals' ? '=' : one_of('<>', '!=');
		my $null = !defined $is;
		my $none = $null || $self->is_impossible($column, $is);
		my %leaf = (sql => chance(0.75) ? "$sql $operator $value" : "$value $operator $sql");

		$leaf{never} = $pushed && $none if $kind eq 'equals';
		$leaf{never_not} = $null_decides && $null if $kind eq 'equals';
		$leaf{never} = $null_decides && $null if $kind eq 'not_equals';
		$leaf{never_not} = $pushed && $none if $kind eq 'not_equals';
		$leaf{push} = { requests => 1, id => $column->{field} eq 'id' && $kind eq 'equals' }
		  if is_regular($column, $is) && !$none && ($kind eq 'equals' ? $pushed : $negatable && $self->can_negate($is));
		return \%leaf;
	}
	my ($list, $is) = ('', []);
	if ($kind =~ /in$/)
	{
		my $length = one_of(1, 2, 3, 4, 8);
		for (1 .. $length)
		{
			my ($value, $item) = $self->value($type, sub { $self->scalar_of($how, $pool) });
			$list .= ($list eq '' ? '' : ', ') . $value;
			push @$is, $item;
		}
		$list = ($kind eq 'in' ? 'IN' : 'NOT IN') . " ($list)";
	}
	else
	{
		my $null = chance(0.03);
		($list, $is) = $self->value("$type\[]", sub { $null ? undef : $self->list_of($how, $pool) });
		$list = ($kind eq 'any' ? '= ANY' : '<> ALL') . " ($list)";
	}
	my %leaf = (sql => "$sql $list");
	my $has_null = !defined $is || grep { !defined } @$is;
	my @some = grep { defined && !$self->is_impossible($column, $_) } @{ $is // [] };
	my ($never_any, $never_all) = ($pushed && !@some, $null_decides && $has_null);
	my $all = $kind =~ /not_in|all/;
	@leaf{qw(never never_not)} = $all ? ($never_all, $never_any) : ($never_any, $never_all);
	my %distinct = map { ($how eq 'fold' || $how eq 'uuid' ? lc : $_) => 1 } @some;
	if (@some && !grep { !is_regular($column, $_) } @some)
	{
		# a member of json, as opposed to jsonb, is not looked up by the scan, so its lists aren't split
		my $split = !$column->{extracted} || $JSON_TYPE{ $self->{options}{table} } eq 'jsonb' || keys(%distinct) <= $BATCH;
		$leaf{push} = { requests => ceil(keys(%distinct) / $BATCH) } if !$all && $pushed && $split;
		# one value is compared as by = or <>
		$leaf{push}{id} = 1 if $kind eq 'in' && @$is == 1 && $column->{field} eq 'id' && $leaf{push};
		$leaf{push} = { requests => 1 }
		  if $all && $negatable && !$has_null && keys(%distinct) <= $BATCH && $self->can_negate(@some);
	}
	return \%leaf;
}

# All that there is for text.
sub text_leaf
{
	my ($self, $column) = @_;
	my ($sql, $how, $pool) = @$column{qw(sql how pool)};
	my $type = $how eq 'fold' && chance(0.8) ? 'citext' : $how eq 'blank' ? 'bpchar' : 'text';
	my $value = sub { my $of = shift // $type; my ($text) = $self->value($of, sub { $self->text($pool) }); $text };
	my $array = sub { my ($text) = $self->value("$type\[]", sub { $self->list_of('text', $pool) }); $text };
	my $list = join ', ', map { $value->() } 0 .. int rand 4;

	return $self->equality_leaf($column) if chance(0.35);
	return $self->like_leaf($column) if chance(0.4) && $how ne 'loose';
	return $self->regex_leaf($column) if chance(0.12) && $how ne 'loose';
	return $self->part_leaf($column) if chance(0.2) && $how !~ /^(?:loose|fold)$/;
	if ($how !~ /^(?:loose|fold)$/ && chance(0.3))
	{
		my ($text, $is) = $self->value('text', sub { $self->text($pool) });
		my $like =
		  !$column->{cast} && $how eq 'text' && $column->{searchable} && !$column->{whole} && has_parts($column);
		my ($expression, $positive) = @{
			one_of([ "starts_with($sql, $text)", 1 ], [ "$sql ^@ $text", 1 ], [ "strpos($sql, $text) > 0", 1 ],
				[ "strpos($sql, $text) >= 1", 1 ], [ "0 < strpos($sql, $text)", 1 ], [ "strpos($sql, $text) <> 0", 1 ],
				[ "0 <> strpos($sql, $text)", 1 ], [ "1 <= strpos($sql, $text)", 1 ],
				[ "position($text in $sql) > 0", 1 ], [ "strpos($sql, $text) = 0", 0 ],
				[ "strpos($sql, $text) >= 0", 0 ], [ "strpos($sql, $text) > 1", 0 ], [ "strpos($sql, $text) < 1", 0 ],
				[ "strpos($text, $sql) > 0", 0 ], [ "NOT starts_with($sql, $text)", 0 ], [ "$text ^@ $sql", 0 ],
				[ "strpos($sql, $text) BETWEEN 1 AND 3", 0 ], [ "starts_with($sql, $text) IS TRUE", 0 ],
				[ "position($text in $sql) != 0", 1 ])
		};
		return {
			sql => $expression, never => $positive && $like && !defined $is,
			push => $positive && $like && is_regular($column, $is) && $is ne ' ' ? { requests => 1 } : undef
		};
	}
	if (chance(0.4))
	{
		my $folded = one_of('lower', 'lower', 'lower', 'upper', 'trim');
		my ($text, $is) =
		  $self->value('text', sub { my $text = $self->text($pool); defined $text && chance(0.7) ? lc $text : $text });
		my $pushed =
			 $folded eq 'lower'
		  && $self->is_pushed($column)
		  && $self->{options}{case} eq 'ignored'
		  && $column->{how} eq 'text'
		  && !$column->{cast};
		return { sql => chance(0.7) ? "$folded($sql) = $text" : "$text = $folded($sql)",
			push => $pushed && is_regular($column, $is) ? { requests => 1 } : undef } if chance(0.5);
		my ($texts) = $self->value('text[]', sub {
			[ map { defined && chance(0.8) ? lc : $_ } @{ $self->list_of('text', $pool) } ] });
		return { sql => one_of("$folded($sql) = ANY ($texts)", "NOT ($folded($sql) = ANY ($texts))",
				"$folded($sql) LIKE $text", "starts_with($folded($sql), $text)", "lower($text) = lower($sql)",
				"lower(upper($sql)) = $text", "strpos(lower($sql), $text) > 0", "$folded($sql) || '' = $text") };
	}
	my $other =
	  $LIKE_PLAIN{ $self->{options}{table} } ? one_of('t.name', 't.email', 't.tier', "(t.custom_fields->>'notes')") : $sql;
	my @more = (
		"$sql IS NOT DISTINCT FROM " . $value->(), "($sql = " . $value->() . ') IS TRUE', "$sql >= " . $value->(),
		"$sql < " . $value->(), "$sql BETWEEN " . $value->() . ' AND ' . $value->(),
		"$sql COLLATE \"C\" = " . $value->(), "$sql COLLATE loose = " . $value->(),
		"$sql = " . $value->() . ' COLLATE loose', "$sql\::varchar = " . $value->('text'),
		"$sql\::varchar(" . one_of(3, 12, 36, 255) . ') = ' . $value->('text'),
		"$sql\::varchar(" . one_of(2, 8, 40) . ') IN (' . $value->('text') . ', ' . $value->('text') . ')',
		"$sql\::varchar(" . one_of(3, 30) . ') ' . one_of('LIKE', '<>', '^@') . ' ' . $value->('text'), "$sql\::char(5) = " . $value->('text'),
		"$sql\::char(60) = " . $value->('text'), "$sql\::citext = " . $value->('citext'),
		"$sql\::citext IN (" . join(', ', $value->('citext'), $value->('citext')) . ')',
		"$sql\::text = " . $value->('text'),
		"$sql\::text COLLATE \"C\" IN (" . $value->('text') . ', ' . $value->('text') . ')',
		"coalesce($sql, " . one_of("'x'", "''") . ") = " . $value->(), "coalesce($sql, '') <> " . $value->(),
		"coalesce($sql, '') " . one_of('', 'NOT ') . "IN (" . $value->() . ', ' . $value->() . ')',
		"coalesce($sql, 'x') LIKE " . $value->('text'), "coalesce($sql = " . $value->() . ', false)',
		"$sql || '' = " . $value->('text'), "$sql = " . $value->() . " || ''",
		"$sql = lower(" . $value->() . ')', "CASE WHEN $sql = " . $value->() . ' THEN true END', "$sql = ($other)",
		"$sql = ALL (" . $array->() . ')', "$sql = $other || " . $value->('text'),
		"$sql\::bpchar = " . $value->('bpchar'), "$sql = " . $value->('varchar'), "$sql = " . $value->('name'),
		"$sql COLLATE loose IN (" . $value->() . ', ' . $value->() . ')',
		"nullif($sql, " . $value->() . ') IS NOT NULL');
	push @more, "$sql IS DISTINCT FROM " . $value->(),
	  "($sql = " . $value->() . ') IS ' . one_of('FALSE', 'NOT TRUE', 'NOT FALSE', 'UNKNOWN', 'NOT UNKNOWN'),
	  "($sql <> " . $value->() . ') IS ' . one_of('FALSE', 'TRUE', 'NOT TRUE', 'UNKNOWN'),
	  "($sql IN ($list)) IS " . one_of('FALSE', 'TRUE', 'UNKNOWN'),
	  "$sql <> ANY (" . $array->() . ')', "$sql <> $other", "$sql COLLATE loose <> " . $value->(),
	  "coalesce($sql = " . $value->() . ', true)',
	  "($sql IN ($list)) = false", "($sql = " . $value->() . ') <> true', "$sql\::citext <> " . $value->('citext'),
	  "$sql <> " . $value->('varchar');
	@more = grep { !/(?:<|>=|BETWEEN)/ } @more if $how eq 'loose';
	return { sql => one_of(@more) };
}

sub like_leaf
{
	my ($self, $column) = @_;
	my ($sql, $how, $pool) = @$column{qw(sql how pool)};
	my $negation = chance(0.75) ? '' : 'NOT ';
	my $any_case = chance(0.3) ? 'I' : '';
	my $escape = chance(0.15) ? '!' : '\\';
	my ($pattern, $is) = $self->value('text', sub { $self->pattern($pool, $escape) });
	my $ignores = $any_case || $how eq 'fold';
	my $pushed =
		!$negation
	  && $column->{searchable}
	  && !$column->{whole}
	  && $how =~ /^(?:text|fold)$/
	  && !$column->{cast}
	  && has_parts($column)
	  && (!$ignores || $self->{options}{case} eq 'ignored');
	my $regular =
		 defined $is
	  && $is =~ /^[%a-zA-Z0-9@. :\/=-]+$/
	  && grep({ $_ ne '' && $_ ne ' ' } split /%/, $is)
	  && !($column->{type} =~ /^[A-Z]/ && length $is > 5);

	if (chance(0.1))
	{
		my ($patterns) = $self->value('text[]', sub { [ map { $self->pattern($pool, '\\') } 0 .. int rand 4 ] });
		return { sql => "$sql $negation$any_case" . 'LIKE ' . one_of('ANY', 'ALL') . " ($patterns)" };
	}
	return { sql => "$sql $negation$any_case" . "LIKE $pattern" . ($escape eq '!' ? " ESCAPE '!'" : ''),
		never => $pushed && !defined $is, push => $pushed && $regular && $escape ne '!' ? { requests => 1 } : undef };
}

# A regular expression made from a text of the data.  What is known of one is just that it must find the same rows.
sub regex_leaf
{
	my ($self, $column) = @_;
	my ($sql, $how, $pool) = @$column{qw(sql how pool)};
	my $operator = one_of('~', '~', '~', '~', '~*', '!~');
	my $maker = sub {
		my $text = $self->known($pool);
		my $literal = sub { my $piece = shift; $piece =~ s/([^\w\s@])/\\$1/g unless chance(0.1); $piece };
		my $head = $literal->(substr $text, 0, 1 + int rand 4);
		my $tail = $literal->(length $text < 4 ? $text : substr $text, -4);

		return undef if chance(0.03);
		return one_of(
			$head, "^$head", "$tail\$", "^$head.*$tail\$", "$head.+$tail", '^' . $literal->($text) . '$', "^.$tail", "$head?",
			"($head|$tail)", "[$head]", "$head*$tail", "^$head|x", '', '^', "$head\$", "^(?:$head.*)\$", "$head\\d",
			'***=' . $head, "(?i)$head", "$head\{0}", "$head.?$tail", "$head.\{1}", "\\m$head", ".*$tail") };

	if (chance(0.15))
	{
		my ($regexes) = $self->value('text[]', sub { [ map { $maker->() } 0 .. int rand 4 ] });
		return { sql => "$sql $operator " . one_of('ANY', 'ANY', 'ALL') . " ($regexes)" };
	}
	if (chance(0.15))
	{
		my ($pattern) = $self->value('text', sub { $self->pattern($pool, '\\') });
		return { sql => "$sql " . one_of('', '', 'NOT ') . "SIMILAR TO $pattern" };
	}
	my ($regex) = $self->value('text', $maker);
	return { sql => "$sql $operator $regex" };
}

# A part of the text.
sub part_leaf
{
	my ($self, $column) = @_;
	my ($sql, $how, $pool) = @$column{qw(sql how pool)};
	my $length = 1 + int rand 6;
	my ($expression, $of) = @{
		one_of([ "left($sql, $length)", sub { substr $_[0], 0, $length } ],
			[ "left($sql, -2)", sub { substr $_[0], 0, -2 } ],
			[ "right($sql, $length)", sub { length $_[0] > $length ? substr $_[0], -$length : $_[0] } ],
			[ "split_part($sql, '\@', 2)", sub { (split /@/, $_[0])[1] // '' } ],
			[ "split_part($sql, ' ', 1)", sub { (split / /, $_[0])[0] // '' } ],
			[ "substr($sql, 2)", sub { length $_[0] > 1 ? substr $_[0], 1 : '' } ],
			[ "substr($sql, 2, $length)", sub { length $_[0] > 1 ? substr $_[0], 1, $length : '' } ],
			[ "substring($sql FROM '\@(.*)\$')", sub { $_[0] =~ /@(.*)$/s ? $1 : '' } ],
			[ one_of('trim', 'ltrim', 'rtrim') . "($sql)", sub { $_[0] } ],
			[ "btrim($sql, 'ax')", sub { $_[0] =~ s/^[ax]+|[ax]+$//gr } ]) };
	my $maker = sub { my $text = $self->text($pool); defined $text ? $of->($text) : undef };
	my ($text, $is) = $self->value('text', $maker);
	my ($more) = $self->value('text', $maker);
	my ($list) = $self->value('text[]', sub { [ map { $maker->() } 0 .. int rand 5 ] });
	my $pushed =
		 !$column->{cast}
	  && $how eq 'text'
	  && $column->{searchable}
	  && !$column->{whole}
	  && has_parts($column)
	  && $expression !~ /'\\@/;

	return { sql => one_of("$expression = $text", "$text = $expression"), never => $pushed && !defined $is,
		push => $pushed && is_regular($column, $is) && $is ne ' ' ? { requests => 1 } : undef } if chance(0.5);
	return { sql => one_of("$expression IN ($text, $more)", "$expression = ANY ($list)", "$expression <> $text",
			"$expression NOT IN ($text, $more)", "$expression LIKE $text", "$expression ^@ $text",
			"$expression IS NOT DISTINCT FROM $text", "lower($expression) = $text", "$expression IS NULL",
			"coalesce($expression, '') = $text", "strpos($expression, $text) > 0", "$expression ~ '^a'") };
}

sub flag_leaf
{
	my ($self, $column) = @_;
	my $sql = $column->{sql};
	my $pushed = $column->{searchable} && $column->{type} eq 'boolean' && { requests => 1 };
	my ($value) = $self->value('boolean', sub { one_of('true', 'false', 'true', 'false', undef) });

	return @{
		[
			{ sql => $sql, push => $pushed }, { sql => "NOT $sql", push => $pushed },
			{ sql => "$sql = true", push => $pushed }, { sql => "$sql = false", push => $pushed },
			{ sql => "$sql <> true", push => $pushed }, { sql => "false = $sql", push => $pushed },
			{ sql => "$sql IS TRUE" }, { sql => "$sql IS NOT TRUE" }, { sql => "$sql IS FALSE" },
			{ sql => "$sql IS NOT FALSE" }, { sql => "$sql IS UNKNOWN" }, { sql => "$sql IS NOT UNKNOWN" },
			{ sql => "$sql IS NULL", push => $column->{searchable} && { requests => 1 } }, { sql => "$sql = $value" },
			{ sql => "$sql <> $value" }, { sql => "$sql IN (true, $value)" }, { sql => "$sql < true" },
			{ sql => "$sql\::text = 'true'" }, { sql => "$sql IS DISTINCT FROM $value" }
		]
	}[ int rand 19 ];
}

sub number_leaf
{
	my ($self, $column) = @_;
	my $sql = $column->{sql};
	my ($value) = $self->value('integer', sub { one_of(@{ $self->{pools}{seats} }, undef) });
	my ($list) = $self->value(
		'integer[]',
		sub {
			[ map { one_of(@{ $self->{pools}{seats} }, undef) } 0 .. int rand 5 ]
		});

	return {
		sql => one_of(
			"$sql = $value", "$sql > $value", "$sql IN (1, $value)", "$sql = ANY ($list)", "$sql + 0 <= $value",
			"$value >= $sql", "$sql > 0", "0 < $sql", "$sql <> 0", "$sql\::text = '25'", "$sql\::text LIKE '2%'")
	  }
	  if chance(0.7);
	return $self->null_leaf({ %$column, searchable => 1 });
}

sub list_leaf
{
	my ($self, $column) = @_;
	my ($sql, $how, $pool) = @$column{qw(sql how pool)};
	my $base = $how eq 'fold_list' ? 'citext' : $column->{type} =~ /varchar/ ? 'varchar' : 'text';
	my $pushed = $column->{searchable} && $how eq 'list' && $base eq 'text';
	my $negation = chance(0.8) ? '' : 'NOT ';
	my ($item, $one) = $self->value($base, sub { $self->text($pool) });
	my ($list, $all) = $self->value("$base\[]", sub { chance(0.03) ? undef : $self->list_of('text', $pool) });
	my $null = !defined $all || grep { !defined } @$all;
	my @some = grep { defined } @{ $all // [] };
	my $regular = @some && !grep { !is_regular($column, $_) } @some;
	my %distinct = map { $_ => 1 } @some;
	my ($kind, $expression) = @{
		one_of([ one => "$item = ANY ($sql)" ], [ one => "$item = ANY ($sql)" ], [ has => "$sql @> $list" ],
			[ has => "$list <@ $sql" ], [ has => "$sql @> ARRAY[$item]::$base\[]" ], [ any => "$sql && $list" ],
			[ any => "$list && $sql" ], [ any => "$sql && ARRAY[$item, $item]::$base\[]" ], [ more => "$sql <@ $list" ],
			[ more => "$list @> $sql" ], [ more => "$sql = $list" ], [ more => "$item <> ALL ($sql)" ],
			[ more => "$item = ALL ($sql)" ], [ more => "$item <> ANY ($sql)" ], [ more => "($sql)[1] = $item" ],
			[ more => "cardinality($sql) > 1" ], [ more => "$item LIKE ANY ($sql)" ], [ more => "$sql = '{}'" ],
			[ null => '' ], [ more => "$sql <> $list" ], [ more => "$sql || ARRAY[$item]::$base\[] @> $list" ],
			[ more => "$item = ANY ($sql || ARRAY[$item]::$base\[])" ], [ more => "$sql @> $sql" ],
			[ more => "$sql && $sql" ], [ more => "array_to_string($sql, ',') = $item" ])
	};

	return $self->null_leaf($column) if $kind eq 'null' && !($self->{options}{empties} && !$column->{custom});
	$expression = "$sql <> $list" if $kind eq 'null';
	# a list of the object itself may be shown as {} or NULL where there is none
	$expression =~ s/\Q$sql\E(?!\w)/coalesce($sql, '{}')/g
	  if $self->{options}{empties} && !$column->{custom} && ($negation || $self->{negated} || $kind !~ /^(?:one|has|any)$/);
	my %leaf = (sql => "$negation$expression");
	return \%leaf if $negation || !$pushed || $expression =~ /ARRAY\[/;
	$leaf{never} = !defined $one if $kind eq 'one';
	$leaf{never} = $null if $kind eq 'has';
	$leaf{never} = !@some if $kind eq 'any';
	$leaf{push} = { requests => 1 }
	  if ($kind eq 'one' && is_regular($column, $one)) || ($kind eq 'has' && $regular && !$null)
	  || ($kind eq 'any' && $regular && keys(%distinct) <= $BATCH);
	return \%leaf;
}

# External ids as the API gives them.  It is asked for one, where the value holds one.
sub ids_leaf
{
	my ($self, $column) = @_;
	# where there are none, NULL and [] may be shown
	my $all = $self->{options}{empties} ? "coalesce($column->{sql}, '[]')" : $column->{sql};
	my $own = $self->{negated} ? $all : $column->{sql};
	my ($id, $plain);
	my $maker = sub {
		$id = $self->text($column->{pool});
		$plain = defined $id && chance(0.6);
		return undef if !defined $id;
		my $text = json_text($id);
		return "[{\"external_id\": $text}]" if $plain;
		my $other = json_text($self->known($column->{pool}));
		return one_of("[{\"external_id\": $text, \"label\": \"crm\"}]", "[{\"external_id\": $text}, {\"external_id\": $other}]",
			"[{\"label\": \"crm\"}, {\"external_id\": $text}]", "[{\"label\": $text}]", "{\"external_id\": $text}", "[$text]",
			"[[{\"external_id\": $text}]]", '[{"external_id": null}]', '[{"external_id": 5}]', '[{"external_id": {}}]', '[{}]', '[]', '{}', 'null',
			$text);
	};
	my ($value, $is) = $self->value('jsonb', $maker);
	my ($one, $is_plain) = ($id, $plain);
	my ($list) = $self->value('jsonb[]', sub { [ map { $maker->() } 0 .. int rand 4 ] });
	my ($text) = $self->value('text', sub { $self->text($column->{pool}) });

	return { sql => one_of("$own @> $value", "$value <@ $own"), never => $own eq $column->{sql} && !defined $is,
		push => $is_plain && is_regular($column, $one) ? { requests => 1 } : undef }
	  if chance(0.6);
	return { sql => one_of("NOT $all @> $value", "$all @> ANY ($list)", "$all @> ALL ($list)", "NOT $all @> ANY ($list)", "$all = $value",
			"$all <> $value", "$all <@ $value", "$all->0->>'external_id' = $text", "jsonb_array_length($all) > 1",
			"$all @? '\$[*] ? (@.label == \"crm\")'", "EXISTS (SELECT FROM jsonb_array_elements($all) e WHERE e->>'external_id' = $text)",
			"($all @> $value) IS NOT TRUE", "($all @> $value) IS NULL", "$all @> '[]'", "coalesce($all @> $value, true)",
			$self->{options}{empties} ? "$all <> '[]'" : "$all IS " . one_of('', 'NOT ') . 'NULL') };
}

# A time of the object itself, which the API can't be asked for.
sub moment_leaf
{
	my ($self, $column) = @_;
	my $sql = $column->{sql};
	my $type = one_of('timestamptz', 'timestamptz', 'timestamp', 'date');
	my $maker = sub { chance(0.05) ? undef : $self->known($column->{pool}) };
	my ($value) = $self->value($type, $maker);
	my ($other) = $self->value($type, $maker);

	return { sql => one_of("$sql = $value", "$sql > $value", "$sql <= $value", "$sql BETWEEN $value AND $other", "$sql IN ($value, $other)",
			"$sql <> $value", "$sql IS NULL", "$sql IS NOT NULL", "$sql\::date = $value", "date_trunc('month', $sql) < $value",
			"extract(dow FROM $sql) = 1", "$sql > $value - interval '1 day'", "$sql IS NOT DISTINCT FROM $value") };
}

sub json_text
{
	my $text = shift;
	$text =~ s/(["\\])/\\$1/g;
	$text =~ s/\n/\\n/g;
	$text =~ s/\t/\\t/g;
	return "\"$text\"";
}

# One member for custom_fields @>.
sub json_member
{
	my $self = shift;
	my ($slug, $pool) = $self->slug;
	my $item = sub { json_text($self->text($pool) // 'null') };

	return
	  json_text($slug) . ': '
	  . one_of($item->(), $item->(), $item->(), $item->(), '[' . join(', ', map { $item->() } 0 .. int rand 3) . ']',
		'[]', 'null', 'true', '5', '{}', '{"a": "b"}', '[["eu"]]', '[null]', '["eu", 5]');
}

sub json_leaf
{
	my $self = shift;
	my ($slug, $pool, $special) = $self->slug;
	my $sql = 't.custom_fields';
	my $negation = chance(0.75) ? '' : 'NOT ';
	my ($json, $is) = $self->value('jsonb', sub {
		return one_of(undef, '{}', '[]', '"tier"', '["tier"]', '{"a": {"tier": "gold"}}') if chance(0.1);
		return '{' . join(', ', map { $self->json_member } 0 .. one_of(0, 0, 1, 2)) . '}' });
	my ($text) = $self->value('text', sub { $self->text($pool) });
	my $kind = one_of(qw(has has exists exists more));

	return {
		sql => $negation . one_of("$sql @> $json", "$sql @> $json", "$json <@ $sql"),
		never => !$negation && !defined $is
	  }
	  if $kind eq 'has';
	return { sql => "$negation$sql ? '$slug'", push => $special ne 'field' ? { requests => 1 } : undef }
	  if $kind eq 'exists';
	return {
		sql => $negation
		  . one_of(
			"$sql <@ $json", "$json @> $sql", "$sql ?| ARRAY['$slug', 'tier']", "$sql ?& ARRAY['$slug']",
			"$sql ?| ARRAY['$slug', 'notes', NULL]", "$sql ?& ARRAY['$slug', 'tier', 'notes']", "jsonb_exists($sql, '$slug')",
			"jsonb_exists_any($sql, '{$slug,vip}')",
			"$sql->'$slug' = to_jsonb($text\::text)", "$sql #>> '{$slug}' = $text", "$sql->'$slug' ? $text", "$sql ? $text",
			"$sql = $json", "$sql IS NOT NULL", "$sql->'regions'->>0 = $text", "$sql->'$slug' IS NOT NULL",
			"$sql->>('$slug' || '') = $text", "jsonb_typeof($sql->'$slug') = 'array'", "$sql || '{}'::jsonb @> $json",
			"$sql->'$slug' @> $json")
	};
}

# A custom field as jsonb.
sub member_leaf
{
	my $self = shift;
	my ($slug, $pool, $special) = $self->slug;
	my $column = 't.custom_fields';
	my $sql = one_of("$column->'$slug'", "($column #> '{$slug}')", "jsonb_extract_path($column, '$slug')", "$column\['$slug']",
		"($column #> ARRAY['$slug']::text[])");
	my ($plain, $text);
	my $maker = sub {
		$plain = chance(0.75);
		$text = $self->text($pool);
		return defined $text ? json_text($text) : undef if $plain;
		return one_of('5', 'null', 'true', '{}', '[]', '[["eu"]]', '["eu", 5]', map { '[' . join(', ', @$_) . ']' }
			  [ map { json_text($self->text($pool) // 'null') } 0 .. int rand 3 ]) };
	my ($value, $is) = $self->value('jsonb', $maker);
	my ($is_plain, $one) = ($plain, $text);
	my ($list) = $self->value('jsonb[]', sub { [ map { $maker->() } 0 .. int rand 5 ] });
	my $searchable = $special ne 'field';
	my $several = $special eq 'list' && $LIKE_PLAIN{ $self->{options}{table} };
	my $nothing = !defined $is || $is =~ /^(?:5|null|true|\{\})$/;

	return { sql => one_of("$sql = $value", "$value = $sql"), never => $searchable && $nothing,
		push => $searchable && !$several && $is_plain && is_regular({ type => 'jsonb' }, $one) ? { requests => 1 } : undef }
	  if chance(0.4);
	return { sql => "$sql IS NOT NULL", push => $searchable ? { requests => 1 } : undef } if chance(0.1);
	return { sql => one_of("$sql IN ($value, $value)", "$sql = ANY ($list)", "$sql @> $value", "$value <@ ($sql)",
			"NOT $sql @> $value", "$sql <> $value", "$sql IS NOT DISTINCT FROM $value", "$sql IS DISTINCT FROM $value",
			"$sql <> ALL ($list)", "$sql = ALL ($list)", "$sql IS NULL", "NOT ($sql = $value)", "$sql <@ $value",
			"($sql)::text = ($value)::text", "coalesce($sql, '5') = $value", "$sql >= $value") };
}

package WhereOracle::Clause;

# The condition with its values in one of the styles.
sub sql
{
	my ($clause, $style) = @_;

	$style //= 'constants';
	return $clause->{template} =~ s/\x01(\d+)\x02/$clause->shown($1, $style)/ger;
}

sub shown
{
	my ($clause, $number, $style) = @_;
	my $value = $clause->{values}[$number];
	my ($type, $literal) = ($value->{type}, WhereOracle::literal($value->{type}, $value->{first}));

	return '$' . ($number + 1) if $style eq 'parameters';
	return "v.p$number" if $style eq 'lateral';
	if ($style eq 'subqueries')
	{
		# the cast keeps IN ((SELECT ...)) from being a list of rows
		return "(SELECT $literal\::$type)::$type" unless $type =~ /\[\]$/;
		return $value->{cast} || !defined $value->{first}
		  ? "(SELECT $literal\::$type)::$type"
		  : "ARRAY(SELECT x FROM unnest($literal\::$type) x)";
	}
	return "($literal\::$type)" if $value->{cast} || $type =~ /\[\]$/;
	return $literal;
}

# What to run: settings, a statement to prepare (or undef), and the query, which gives one array of text.
sub statements
{
	my ($clause, $style, $table) = @_;
	my @values = @{ $clause->{values} };
	my $from = "FROM $table t WHERE ";
	my $limit = $clause->{rows} + 1;
	my $rows = sub { my ($key, $rest) = @_; return "SELECT array_agg(k ORDER BY k) FROM (SELECT $key AS k $rest) q" };

	$style = 'constants' unless @values || $style eq 'limit';
	return ([], undef, $rows->('t.id::text', $from . $clause->sql)) if $style eq 'constants';
	return ([], undef, "SELECT array[count(*)::text] FROM (SELECT t.id $from" . $clause->sql . " LIMIT $limit) q")
	  if $style eq 'limit';
	return ([], undef, $rows->('t.id::text', $from . $clause->sql('subqueries'))) if $style eq 'subqueries';
	if ($style =~ /^(?:custom|generic)$/)
	{
		my $types = join ', ', map { $_->{type} } @values;
		my $given = join ', ', map { WhereOracle::literal($_->{type}, $_->{first}) . "::$_->{type}" } @values;
		return ([ "plan_cache_mode=force_${style}_plan" ],
			"PREPARE p($types) AS " . $rows->('t.id::text', $from . $clause->sql('parameters')), "EXECUTE p($given)");
	}
	my $lines = $clause->{lines} //= join ', ', map {
		my $row = $_;
		'('
		  . join(', ',
			$row,
			map { WhereOracle::literal($_->{type}, $row ? $_->{maker}->() : $_->{first}) . "::$_->{type}" } @values)
		  . ')'
	} 0 .. $clause->{rows};
	my $names = join ', ', 'n', map { "p$_" } 0 .. $#values;
	my $condition = $clause->sql('lateral');
	return ([ map { "enable_$_=off" } qw(hashjoin mergejoin material memoize) ], undef,
		$style eq 'lateral'
		? $rows->(
			"v.n || ':' || c.id", "FROM (VALUES $lines) v($names), LATERAL (SELECT t.id $from$condition OFFSET 0) c")
		: $rows->("v.n || ':' || t.id", "FROM (VALUES $lines) v($names) JOIN $table t ON $condition"));
}

1;
