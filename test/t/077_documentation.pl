# The documentation is true: each block of README.md and doc/ is run in the order of its page, and prints what the page
# shows; each link leads somewhere.
#
# A page starts with a cluster and sample APIs of its own, and with the table of README's "First table".  DocRun.pm has the
# lists of what is put in place of what a page says, and of what may vary in an output.
#
# PYLON_PAGES=FOLDER test/run tap test/t/077_documentation.pl writes the pages there with the outputs that came out;
# PYLON_ONLY_PAGES names some of them, with blanks between.

use strict;
use warnings;

use DocPage;
use DocRun;
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonNode;
use PylonTest;
use Test::More;

# What measures the extension isn't meant for what the pages build: clang's notes of lines would replace gcc's.
delete $ENV{PROFILE};

# Sections that another test runs, since they need more than a server and the sample API.
my %elsewhere = (
	'doc/recipes.md#by-the-clock-with-pg_cron' => '078_neighbours.pl',
	'doc/recipes.md#pgbouncer' => '078_neighbours.pl',
	'doc/recipes.md#more-than-one-server' => '079_more_than_one_server.pl');

# Blocks that nobody has run here, by their first line; the page says so before them.
my @not_tried = (
	[
		'dnf install gcc make pkgconf-pkg-config libcurl-devel json-c-devel postgresql17-devel redhat-rpm-config',
		'a system with RPMs'
	],
	[ 'brew install postgresql@17 curl json-c pkgconf', 'a Mac' ],
	[ 'docker build --tag postgres-pylon .', 'Docker' ]);

# ---------------------------------------------------------------- pages

sub is_for_others
{
	my ($page, $block) = @_;
	my $where = $page->name . '#' . DocPage::anchor($block->{section});
	my ($first) = $block->{text} =~ /^(.*)$/m;

	if (my $test = $elsewhere{$where})
	{
		return pass("$where, line $block->{line}: run by $test");
	}
	for my $entry (@not_tried)
	{
		next unless $first eq $entry->[0];
		return like($block->{lead}, qr/not tried/i, "$where, line $block->{line}: not tried, and the page says so: $entry->[1]");
	}
	return 0;
}

sub run_page
{
	my ($page, @first) = @_;
	my $node = PylonNode->new($page->name =~ s/\W/_/gr);
	my @apis = (start_api(contacts => 2500), start_api(contacts => 10, seed => 2));
	my %outputs;

	$node->init;
	$node->append_conf('postgresql.conf', "jit = off\nmax_connections = 60\nlog_statement = none\nstatement_timeout = '170s'");
	# JDBC knows no other way
	$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'") if grep { $_->{lang} eq 'java' } $page->blocks;
	$node->start;
	my $place = surroundings(
		$node,
		url => $apis[0]{url},
		eu_url => $apis[1]{url},
		folder => PostgreSQL::Test::Utils::tempdir());
	$place->{psql}->run(put_in($_->{text}, $place)) for @first;
	for my $block ($page->blocks)
	{
		next if is_for_others($page, $block);
		my $output = run_block($page, $place, $block);
		$outputs{ $block->{line} } = $output if defined $output;
	}
	leave($place);
	$node->stop;
	stop_api($_) for @apis;
	write_page($page, %outputs) if $ENV{PYLON_PAGES};
	return;
}

sub write_page
{
	my ($page, %outputs) = @_;
	my $file = "$ENV{PYLON_PAGES}/" . $page->name;

	make_path(dirname($file));
	open my $to, '>', $file or die "$file: $!";
	print $to $page->with_outputs(%outputs);
	close $to or die "$file: $!";
	return;
}

# ---------------------------------------------------------------- links

# The anchors of a page of the repository.
my %anchors;

sub anchors
{
	my $file = shift;

	return $anchors{$file} //= { map { DocPage::anchor($_) => 1 } DocPage->read($file)->headings };
}

sub is_link_good
{
	my ($page, $link) = @_;
	my ($path, $anchor) = split /#/, $link, 2;
	my $folder = dirname($page->name);
	my $file = $path eq '' ? $page->name : $folder eq '.' ? $path : "$folder/$path";

	return 1 if $link =~ /^https:/;
	1 while $file =~ s{[^/]+/\.\./}{};
	$file .= '/README.md' if -d DocPage->root . "/$file" && defined $anchor;
	return 0 unless -e DocPage->root . "/$file";
	return !defined $anchor || exists anchors($file)->{$anchor};
}

# ---------------------------------------------------------------- numbers

# Seconds that requests one after another take, at 200 ms each and at most so many a minute.
sub seconds
{
	my ($requests, $limit) = @_;

	return $requests * 0.2 if !$limit || $limit * 0.2 >= 60;
	my $full = int(($requests - 1) / $limit);
	return $full * 60 + ($requests - $full * $limit) * 0.2;
}

sub in_words
{
	my $seconds = shift;

	return sprintf($seconds < 10 ? '%.1f s' : '%.0f s', $seconds) if $seconds < 60;
	return int($seconds / 60) . ' min ' . int($seconds % 60 + 0.5) . ' s';
}

sub numbers_are_right
{
	my $page = shift;
	my ($table) = $page->prose =~ /^(\| \| requests \|.*?)\n\n/ms or return fail('README has a table of numbers');
	my ($heading, undef, @lines) = split /\n/, $table;
	my @limits = map { /^(\d+) a minute/ ? $1 : 0 } grep { /limit|minute/ } split / *\| */, $heading;

	for my $line (@lines)
	{
		my (undef, $what, $requests, @times) = split / *\| */, $line;
		$requests =~ tr/,//d;
		my ($contacts) = $what =~ /^all of ([\d,]+) contacts/;
		is($requests, int(($contacts =~ tr/,//dr + 998) / 999), "$what: requests") if $contacts;
		is_deeply(\@times, [ map { in_words(seconds($requests, $_)) } @limits ], "$what: times");
	}
	return;
}

# ---------------------------------------------------------------- all of it

my %pages = map { $_ => DocPage->read($_) } DocPage::names();
my @first_table = grep { $_->{lang} eq 'sql' } $pages{'README.md'}->section('First table');
my @only = $ENV{PYLON_ONLY_PAGES} ? split(/ /, $ENV{PYLON_ONLY_PAGES}) : DocPage::names();

for my $name (DocPage::names(), qw(CONTRIBUTING.md SECURITY.md CHANGELOG.md))
{
	my $page = $pages{$name} // DocPage->read($name);
	is_deeply([ grep { !is_link_good($page, $_) } $page->links ], [], "$name: links lead somewhere");
	is_deeply([ $page->strays ], [], "$name: no lines that look like code and aren't run") if $pages{$name};
}
cmp_ok(scalar @{ $pages{'README.md'}{lines} }, '<=', 350, 'README is for one sitting');
numbers_are_right($pages{'README.md'});

for my $name (@only)
{
	my $page = $pages{$name};
	my $goes_on = $page->prose =~ /goes on from\s+\[First table\]/;
	run_page($page, $goes_on ? @first_table : ());
}

unless ($ENV{PYLON_ONLY_PAGES})
{
	is_deeply([ never_put_in() ], [], 'whatever is put in place of something stands on some page');
}
# What a user can type is in the reference.
my $reference = join '', @{ $pages{'doc/reference.md'}{lines} };
my $sources = join '', map { slurp_file($_) } glob DocPage->root . '/fdw/*.[ch] ' . DocPage->root . '/fdw/*/*.[ch]';
my $scripts = join '', map { slurp_file($_) } glob DocPage->root . '/fdw/*.sql';
my %names = (
	option => [ $sources =~ /^\t\{"(\w+)", ON_/mg ],
	setting => [ $sources =~ /"(pylon_fdw\.\w+)"/g ],
	function => [ grep { !/_(?:handler|validator)$/ } $scripts =~ /^CREATE FUNCTION (\w+)/mg ]);
for my $kind (sort keys %names)
{
	cmp_ok(scalar @{ $names{$kind} }, '>', 1, "there are names of the kind $kind");
	is_deeply([ grep { $reference !~ /`$_[`(]/ } @{ $names{$kind} } ], [], "the reference has each $kind");
}
my @reasons = map { s/ '.*//r } $sources =~ /^#define REASON_\w+\s+"(.*)"$/mg;
my $how = $pages{'doc/how-it-works.md'}->prose;
cmp_ok(scalar @reasons, '>', 5, 'there are reasons why a condition stays local');
is_deeply([ grep { index($how, "| $_ |") < 0 } @reasons ], [], 'how it works has each of them');

for my $where (sort keys %elsewhere)
{
	my ($name, $anchor) = split /#/, $where;
	my $test = dirname(__FILE__) . "/$elsewhere{$where}";
	my ($section) = grep { DocPage::anchor($_) eq $anchor } $pages{$name}->headings;
	ok($section && slurp_file($test) =~ /\Q$section\E/, "$where is run by $elsewhere{$where}");
}

# ---------------------------------------------------------------- what is wrong on a page is found

sub trouble { my $text = shift; return eval { DocPage->of('doc/page.md', $text); 1 } ? '' : $@; }

like(trouble("```\n1\n```\n"), qr/line 1: the output of nothing/, 'an output that nothing prints');
like(trouble("```sql\nSELECT 1;\n```\nText\n```\n1\n```\n"), qr/line 5: the output of nothing/, 'an output after other text');
like(trouble("```sql\nSELECT 1;\n"), qr/the block of line 1 has no end/, 'a block without end');
is_deeply([ DocPage->of('doc/api.md', "- ```sql\n  SELECT 1;\n  ```\n\n    make\n")->strays ],
	[ 1, 3, 5 ], 'blocks in a list or by indentation');

my $wrong = DocPage->of('doc/api.md', "[a](#endpoints) [b](#b) [c](reference.md#options) [d](reference.md#no) [e](no.md)\n");
is_deeply([ grep { !is_link_good($wrong, $_) } $wrong->links ], [ '#b', 'reference.md#no', 'no.md' ], 'links that lead nowhere');

my $outdated = DocPage->of('doc/page.md', "```sql\nA\n```\n\n```\nold\n```\n\n```sql\nB\n```\n\n```sql\nC\n```\n\n```\nold\n```\n");
is($outdated->with_outputs(1 => "new\n", 9 => "first\n", 13 => ''),
	"```sql\nA\n```\n\n```\nnew\n```\n\n```sql\nB\n```\n\n```\nfirst\n```\n\n```sql\nC\n```\n\n",
	'outputs are replaced, added and taken away');

is_deeply([ map { in_words(seconds(@$_)) } [ 101, 60 ], [ 101, 300 ], [ 60, 60 ], [ 61, 60 ], [ 1002, 120 ] ],
	[ '1 min 8 s', '20 s', '12 s', '1 min 0 s', '8 min 8 s' ], 'time that a rate limit takes');
ok(!can_run('cobol') && can_run('sql'), 'a language that nobody can run');

done_testing();
