package DocRun;

# Runs the blocks of a documentation page beside a cluster and the sample API, and compares what they print with what the
# page shows.  What is put in place of what a page says, and what of an output may vary, stands in the lists below, and
# nowhere else.
#
#	my $place = surroundings($node, url => $api->{url}, folder => $folder, ...);
#	my $output = run_block($page, $place, $block);      # the output where it is another one, for the page
#
# A place has, beside its node: url and eu_url of two sample APIs, a folder for files, stand_ins of a test of its own, and
# psql and bash, which stay open from block to block as a reader has them.

use strict;
use warnings;

use DocPage;
use DocShell;
use Exporter qw(import);
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

our @EXPORT = qw(surroundings leave run_block can_run put_in never_put_in);

my $user = getpwuid($>);

# What a page says, what is run instead, and why.
my @stand_ins = (
	[ qr/(?<=api_token ')…(?=')/, sub { $PylonTest::TOKEN }, 'a token' ],
	[
		qr/CREATE SERVER \w+ FOREIGN DATA WRAPPER pylon_fdw\K(?=;)/,
		sub { " OPTIONS (base_url '$_[0]{url}')" },
		'a server of Pylon'
	],
	[ qr{https://api\.eu\.usepylon\.com}, sub { $_[0]{eu_url} }, 'the other region' ],
	[ qr{/etc/postgresql(?=/pylon\.token)}, sub { $_[0]{folder} }, 'a folder of the server' ],
	[
		qr/host 'crm\.internal', dbname 'crm'/,
		sub { "host '" . $_[0]{node}->host . "', port '" . $_[0]{node}->port . "', dbname 'postgres'" },
		'a server with this extension, for postgres_fdw'
	],
	[
		qr{(?<=jdbc:postgresql://)localhost/crm},
		sub { '127.0.0.1:' . $_[0]{node}->port . "/postgres?user=$user" },
		'the same, for JDBC'
	]);

# What varies in outputs, on either side: ports, sizes of messages, numbers of requests since the sample API began, times,
# what libcurl says by its version, who runs the tests, and the planner's costs.
my @varying = (
	[ qr{(?<=//127\.0\.0\.1:)\d+}, 'PORT' ],
	[ qr/(?<=bytes=)\d+/, 'BYTES' ],
	[ qr/(?<=req-)\d+/, 'NUMBER' ],
	[ qr/\b\d[\d.]*(?= ms\b)/, 'TIME' ],
	[ qr/(?:transfer closed|end of response|Failed to connect|Empty reply) .*?(?=\. Of this| \(tries|$)/m, 'WORDS OF LIBCURL' ],
	[ qr/(?<=user ")(?:postgres|\Q$user\E)(?=")/, 'WHO RUNS THE TESTS' ],
	[ qr/(?<=\(cost=)[\d.]+/, 'COST' ]);

# What psql prints and pages leave out: tags of statements that give and change no rows, the heading of EXPLAIN, and what
# newer versions of PostgreSQL add to it; LOCATION, which is the place in a source file.
my @left_out = (
	[ qr/^(?:CREATE|ALTER|DROP|GRANT|REVOKE|IMPORT|REFRESH)(?: [A-Z]+)+\n/m, '' ],
	[ qr/^(?:SET|RESET|ANALYZE|GRANT|REVOKE|BEGIN|COMMIT|ROLLBACK|PREPARE|DISCARD|LOAD|VACUUM|DO|CALL)\n/m, '' ],
	[ qr/^ *QUERY PLAN *\n-+\n(.*?)^\(\d+ rows?\)\n/ms, '$1' ],
	[ qr/^ *(?:Planning:|Buffers: .*)\n/m, '' ],
	[ qr/(?<=actual )rows=(\d+)\.00/, 'rows=$1' ],
	[ qr/^LOCATION: .*\n/m, '' ],
	[ qr/ +$/m, '' ],
	[ qr/\n{3,}/, "\n\n" ],
	[ qr/\A\n+/, '' ]);

my %languages = (sql => \&run_sql, sh => \&run_sh, python => \&run_python, js => \&run_js, java => \&run_java, conf => \&run_conf);
my $jdbc = '/usr/share/java/postgresql.jar';
my %used;

# ---------------------------------------------------------------- beside a page

sub surroundings
{
	my ($node, %place) = @_;

	$place{node} = $node;
	$place{environment} = {
		PGHOST => $node->host,
		PGPORT => $node->port,
		PGDATABASE => 'postgres',
		SAMPLE_API => $place{url},
		NODE_PATH => $ENV{NODE_PATH} // '/usr/share/nodejs',
		PATH => stand_in_commands($place{folder}) . ":$ENV{PATH}",
		MAKEFLAGS => " -- with_llvm=no PG_CONFIG=$ENV{PG_CONFIG} DESTDIR=$place{folder}/installed"
	};
	local %ENV = (%ENV, %{ $place{environment} });
	$place{bash} = DocShell->bash(DocPage->root);
	# not in the environment: with it the demo would read a workspace
	$place{bash}->run("PYLON_API_TOKEN=$PylonTest::TOKEN\n");
	$place{psql} = DocShell->psql($node->connstr('postgres'));
	return \%place;
}

sub leave { my $place = shift; $place->{$_}->quit for 'bash', 'psql'; return; }

# apt-get that installs nothing: it fails where one of the packages is neither there nor to be had.  In an image without
# apt's lists nobody can tell.
sub stand_in_commands
{
	my $folder = shift;

	open my $script, '>', "$folder/apt-get" or die "apt-get: $!";
	print $script <<'SH';
#!/bin/sh
command -v dpkg-query >/dev/null || exit 0
[ "$1" = install ] || exit 0
[ -n "$(find /var/lib/apt/lists -name '*Packages*' 2>/dev/null)" ] || exit 0
shift
for package; do
	dpkg-query -W "$package" >/dev/null 2>&1 || apt-cache show "$package" >/dev/null || exit 1
done
SH
	close $script or die "apt-get: $!";
	chmod 0755, "$folder/apt-get";
	return $folder;
}

sub put_in
{
	my ($text, $place) = @_;

	for my $stand_in (@stand_ins, @{ $place->{stand_ins} // [] })
	{
		my ($pattern, $instead, $what) = @$stand_in;
		$text =~ s/$pattern/$used{$what}++; $instead->($place)/ge;
	}
	return $text;
}

# What no page has said.
sub never_put_in { return grep { !$used{$_} } map { $_->[2] } @stand_ins; }

# ---------------------------------------------------------------- languages

# Each gives what was printed and whether all is well, or else why it can't be run here.

sub run_sql { my ($place, $text) = @_; return $place->{psql}->run($text); }

sub run_sh
{
	my ($place, $text) = @_;
	my ($output, $is_alive) = $place->{bash}->run($text);

	return ($output =~ s/\n\z//r, $is_alive);
}

sub run_program
{
	my ($place, $file, $text, $needs, @command) = @_;

	local %ENV = (%ENV, %{ $place->{environment} });
	return (undef, $needs->[0]) if system("$needs->[1] >/dev/null 2>&1") != 0;
	open my $program, '>', "$place->{folder}/$file" or die "$file: $!";
	print $program $text;
	close $program or die "$file: $!";
	my $output = qx(@command $place->{folder}/$file 2>&1);
	return ($output, $? == 0);
}

sub run_python
{
	my ($place, $text) = @_;
	my ($module) = $text =~ /^(?:import|from) (\w+)/m;

	return run_program($place, 'program.py', $text, [ "Python has no $module", "python3 -c 'import $module'" ], 'python3');
}

sub run_js
{
	my ($place, $text) = @_;

	return run_program($place, 'program.cjs', $text,
		[ 'Node.js has no pg', q(node -e 'require("pg")') ], 'node');
}

sub run_java
{
	my ($place, $text) = @_;

	return run_program($place, 'Program.java', $text, [ 'no JDK, or no JDBC driver', "test -e $jdbc && command -v javac" ],
		'java', '-cp', $jdbc);
}

# Lines of postgresql.conf, and the restart that they take.
sub run_conf
{
	my ($place, $text) = @_;

	$place->{psql}->quit;
	$place->{node}->append_conf('postgresql.conf', $text);
	$place->{node}->restart;
	$place->{psql} = DocShell->psql($place->{node}->connstr('postgres'));
	return ('', 1);
}

# ---------------------------------------------------------------- comparing

sub replace_all
{
	my ($text, @list) = @_;

	for my $entry (@list)
	{
		my ($pattern, $instead) = @$entry;
		$text =~ s/$pattern/my $first = $1; $instead =~ s|\$1|$first|r/ge;
	}
	return $text;
}

sub as_shown { my $output = shift; return replace_all($output, @left_out) =~ s/\n*\z/\n/r =~ s/\A\n\z//r; }

# A WARNING of the rollback comes after its ERROR, but psql prints first what it reads first.
my $rest_of_message = qr/.*\n(?:(?:DETAIL|HINT|CONTEXT|SCHEMA NAME|TABLE NAME|COLUMN NAME): .*\n)*/;

sub comparable
{
	my $text = shift;

	$text =~ s/((?:^WARNING:$rest_of_message)+)(^ERROR:$rest_of_message)/$2$1/mg;
	return replace_all($text, @varying);
}

sub can_run { my $language = shift; return exists $languages{$language}; }

# Gives the output where the page shows another one.
sub run_block
{
	my ($page, $place, $block) = @_;
	my $name = $page->name . ", line $block->{line}";

	return fail_quietly("$name: nobody knows how to run \"$block->{lang}\"") unless can_run($block->{lang});
	my ($output, $is_well) = $languages{ $block->{lang} }->($place, put_in($block->{text}, $place));
	return skip_quietly($name, $is_well) unless defined $output;
	$output = as_shown($output);
	ok($is_well, "$name: runs") or return diag_quietly($output);
	# of a shell's block the outcome counts, unless the page shows what it prints
	return if $block->{lang} eq 'sh' && !defined $block->{shown};
	return if is(comparable($output), comparable($block->{shown} // ''), "$name: prints what the page shows");
	return $output;
}

sub fail_quietly { fail(shift); return; }

sub diag_quietly { diag(shift); return; }

sub skip_quietly
{
	my ($name, $reason) = @_;

	diag("$name: not run: $reason");
  SKIP:
	{
		skip "$name: $reason", 1;
	}
	return;
}

1;
