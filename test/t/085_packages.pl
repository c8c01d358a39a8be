# What packagers need: a build in another folder than the sources, one version in all places, and a distribution that is
# complete, holds nothing built, and is what PGXN asks for.

use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use IPC::Run qw(run);
use JSON::PP;
use Test::More;

my $source = abs_path(dirname(__FILE__) . '/../..');
my $scratch = tempdir(CLEANUP => 1);

sub contents
{
	my ($file) = @_;

	open my $handle, '<', $file or die "$file: $!";
	local $/ = undef;
	return scalar <$handle>;
}

# Runs a command in a folder; what it says is shown if it fails.
sub succeeds
{
	my ($folder, $name, @command) = @_;
	my $said = '';
	my $ok = run(\@command, '<', \undef, '>&', \$said, init => sub { chdir $folder or die "$folder: $!" });

	ok($ok, $name) or diag("@command\n$said");
	return $said;
}

my ($version) = contents("$source/pylon_fdw.control") =~ /^default_version = '([0-9.]+)'$/m;
my $release = $version =~ /^\d+\.\d+$/ ? "$version.0" : $version;
my $meta = decode_json(contents("$source/META.json"));

# ---------------------------------------------------------------- one version

is($meta->{version}, $release, 'META.json: the version of the control file, in three parts');
is($meta->{provides}{pylon_fdw}{version}, $release, 'META.json: and that of the extension');
like(contents("$source/debian/changelog"), qr/\Apostgresql-pylon-fdw \(\Q$version\E-/, 'debian/changelog: its newest entry')
  if -d "$source/debian";
like(contents("$source/CHANGELOG.md"), qr/^\N*\n+## \Q$version\E\b/, 'CHANGELOG.md: its newest section');

# Each version that there ever was leads to the present one; CREATE EXTENSION and ALTER EXTENSION go step by step.
my %next = map { /--([0-9.]+)--([0-9.]+)\.sql$/ ? ($1 => $2) : () } glob("$source/fdw/*.sql");
my @begun = map { /--([0-9.]+)\.sql$/ && !/--.*--/ ? $1 : () } glob("$source/fdw/*.sql");

for my $old (sort keys %{ { map { $_ => 1 } @begun, keys %next } })
{
	my $reached = $old;
	$reached = $next{$reached} while $next{$reached};
	is($reached, $version, "scripts lead from $old to $version");
}

# ---------------------------------------------------------------- META.json

# What PGXN's specification 1.0.0 asks for; it refuses a distribution that lacks one of these.
my %must = (
	name => qr/^[^\s\/\\\0]{2,}$/,
	version => qr/^\d+\.\d+\.\d+$/,
	abstract => qr/\S/,
	maintainer => qr/\S/,
	license => qr/^(?:agpl_3|apache_2_0|bsd|gpl_2|gpl_3|lgpl_2_1|lgpl_3_0|mit|mozilla_2_0|postgresql|open_source)$/,
	release_status => qr/^(?:stable|testing|unstable)$/);
# And what it knows besides; anything else must begin with "x_".
my %may = map { $_ => 1 } qw(description generated_by prereqs provides tags resources no_index meta-spec), keys %must;

like($meta->{$_} // 'nothing', $must{$_}, "META.json: $_") for sort keys %must;
is_deeply([ grep { !$may{$_} && !/^x_/ } sort keys %$meta ], [], 'META.json: no other keys');
is($meta->{'meta-spec'}{version}, '1.0.0', 'META.json: the version of the specification');
is_deeply([ grep { !-e "$source/$_" } map { @$_{qw(file docfile)} } values %{ $meta->{provides} } ],
	[], 'META.json: the files that it names are there');
is_deeply([ grep { !/^\d+\.\d+\.\d+$/ } map { values %$_ } map { values %$_ } values %{ $meta->{prereqs} } ],
	[], 'META.json: what is required has versions in three parts');
is_deeply([ grep { length > 255 || /[\/\\[:cntrl:]]/ } @{ $meta->{tags} } ], [], 'META.json: tags');

# ---------------------------------------------------------------- the distribution

# "make dist" takes what is committed; this folder may be a copy without a repository.
my $repository = "$scratch/repository";
my @git = ('git', '-c', 'user.name=test', '-c', 'user.email=test', '-c', 'commit.gpgsign=false');
my $archive = "pylon_fdw-$release.zip";
my $unpacked = "$scratch/pylon_fdw-$release";

system('cp', '-R', $source, $repository) == 0 or die;
system('rm', '-rf', "$repository/.git") == 0 or die;
succeeds($repository, 'a repository', 'sh', '-ec', '"$@" init -q; "$@" add -A; "$@" commit -qm test', 'sh', @git);
system('touch', "$repository/stray.o") == 0 or die;
succeeds($repository, 'make dist', 'make', '-s', 'dist');
succeeds($scratch, 'the archive is a zip', 'python3', '-m', 'zipfile', '-e', "$repository/$archive", '.');

my @files = sort map { substr($_, length($unpacked) + 1) } split /\n/, `find '$unpacked' -type f`;
is_deeply([ grep { /\.(?:o|d|bc|so|zip)$|^\.|^debian\// } @files ], [], 'nothing built in it, nothing of other packagers');
is_deeply([ grep { !-e "$unpacked/$_" } qw(META.json README.md LICENSE CHANGELOG.md Makefile pylon_fdw.control test/run) ],
	[], 'what belongs there is in it');

# ---------------------------------------------------------------- a build from it, in another folder

# As Debian's pg_buildext does it.  Without optimisation, for speed.
my $build = "$scratch/build";
my $installed = "$scratch/installed";
my @make = (
	'make', '-s', '-f', "../pylon_fdw-$release/Makefile",
	"VPATH=../pylon_fdw-$release", 'with_llvm=no', 'COPT=-O0 -Werror');
mkdir $build or die;
# what measures the other build leaves files of its own behind
delete local $ENV{PROFILE};
succeeds($build, 'it builds out of the tree', @make, '-j2');
like(succeeds($build, 'nm', 'nm', '-D', '--defined-only', 'pylon_fdw.so'),
	qr/ T pylon_fdw_handler$/m, 'the library has the handler');
succeeds($build, 'it installs out of the tree', @make, "DESTDIR=$installed", 'install');
is_deeply(
	[ sort map { basename($_) } split /\n/, `find '$installed' -type f` ],
	[ sort 'pylon_fdw.so', 'pylon_fdw.control', map { basename($_) } glob("$source/fdw/*.sql") ],
	'library, control file and scripts are installed, and nothing else');
is_deeply([ sort map { substr($_, length($unpacked) + 1) } split /\n/, `find '$unpacked' -type f` ],
	\@files, 'the sources are as they were');
succeeds($build, 'make clean', @make, 'clean');
is(`find '$build' -type f`, '', 'nothing is left of the build');

done_testing();
