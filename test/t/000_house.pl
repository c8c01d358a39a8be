# The house is built as CONTRIBUTING says: every include runs downhill, no circle, and each thing is known in one place.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Test::More;

my $source = abs_path(dirname(__FILE__) . '/../../fdw');

# Who may include whom: a folder those below it, and itself.  filter/ and api/ don't know each other.
my %below = (
	roof => [qw(query filter api object wire ground)],
	query => [qw(filter api object wire ground)],
	filter => [qw(object wire ground)],
	api => [qw(object wire ground)],
	object => [qw(wire ground)],
	wire => [qw(ground)],
	ground => []);

# The only files that may hold these.
my @reserved = (
	[ 'libcurl', qr/#include <curl\//, qr/^wire\/(?:http\w*|base_url)\.[ch]$/ ],
	[ 'json-c', qr/#include <json-c\//, qr/^wire\/json\.c$/ ],
	[ 'versions of PostgreSQL', qr/PG_VERSION_NUM/, qr/^compat\.h$/ ]);

# Text of each file below a folder, by its name there.
sub read_files
{
	my ($root) = @_;
	my %files;

	for my $file (glob("$root/*.[ch] $root/*/*.[ch]"))
	{
		open my $handle, '<', $file or die "$file: $!";
		local $/ = undef;
		$files{ substr($file, length($root) + 1) } = <$handle>;
	}
	return %files;
}

sub folder_of
{
	my ($file) = @_;

	return 'ground' if $file eq 'compat.h';
	return $file =~ m{^(\w+)/} ? $1 : 'roof';
}

sub includes { my ($text) = @_; return $text =~ /^#include "([^"]+)"/mg; }

# A file and its header are one.
sub unit { my ($file) = @_; return $file =~ s/\.[ch]$//r; }

sub runs_upward
{
	my (%files) = @_;
	my @found;

	for my $file (sort keys %files)
	{
		my $folder = folder_of($file);
		my %allowed = map { $_ => 1 } $folder, @{ $below{$folder} // [] };

		for my $included (grep { $files{$_} } includes($files{$file}))
		{
			push @found, "$file includes $included" unless $allowed{ folder_of($included) };
		}
	}
	return @found;
}

# Units that include each other in a circle: what is left when all that include nothing more have been taken away.
sub circles
{
	my (%files) = @_;
	my %needs;

	for my $file (keys %files)
	{
		$needs{ unit($file) }{ unit($_) } = 1
		  for grep { $files{$_} && unit($_) ne unit($file) } includes($files{$file});
		$needs{ unit($file) } //= {};
	}
	while (my @free = grep { !%{ $needs{$_} } } keys %needs)
	{
		delete @needs{@free};
		delete @{$_}{@free} for values %needs;
	}
	return map { "$_ is in a circle" } sort keys %needs;
}

sub out_of_place
{
	my (%files) = @_;
	my @found;

	for my $rule (@reserved)
	{
		my ($what, $pattern, $places) = @$rule;
		push @found, map { "$_ knows $what" } grep { $files{$_} =~ $pattern && $_ !~ $places } sort keys %files;
	}
	return @found;
}

# Names of fields stand in the objects' tables, and nowhere else as a text.
sub names_of_fields
{
	my (%files) = @_;
	my %tables = map { $_ => 1 } grep { /^object\/(?:contacts|accounts)\.c$/ } keys %files;
	my %names = map { $_ => 1 } map { $files{$_} =~ /^\s*\{?\.name = "(\w+)"/mg } keys %tables;
	my @found;

	# the small answers of the API have members of the same names
	for my $file (grep { !$tables{$_} && $_ ne 'wire/json.c' } sort keys %files)
	{
	# words of SQL and of the API's answers, too; custom_fields is an option of IMPORT
		push @found, map { "$file knows field $_" }
		  grep { $names{$_} && !/^(?:id|name|type|custom_fields)$/ } $files{$file} =~ /"(\w+)"/g;
	}
	return @found;
}

my @rules = (
	[ 'includes run downhill', \&runs_upward ],
	[ 'no circles', \&circles ],
	[ 'each library in its place', \&out_of_place ],
	[ 'names of fields in the tables alone', \&names_of_fields ]);

my %files = read_files($source);
cmp_ok(scalar keys %files, '>', 50, 'there are files');
cmp_ok(scalar(grep { $files{$_} =~ /^\s*\{?\.name = "email"/m } keys %files), '==', 1, 'there is a table of fields');
for my $rule (@rules)
{
	my ($name, $check) = @$rule;
	is_deeply([ $check->(%files) ], [], $name);
}

# A number in CONTRIBUTING or in a list of tests means one file.
my %tests;
push @{ $tests{ basename($_) =~ s/_.*//r } }, basename($_) for glob(dirname(__FILE__) . '/*.pl');
is_deeply([ grep { @$_ > 1 } values %tests ], [], 'each number of a test is used once');

# ---------------------------------------------------------------- each rule finds what breaks it

my @violations = (
	[ 0, 'wire/http.c', '#include "api/failure.h"' ],
	[ 0, 'filter/filter.c', '#include "api/pylon_api.h"' ],
	[ 0, 'object/page.h', '#include "query/scan.h"' ],
	[ 1, 'wire/json_slice.h', '#include "wire/json.h"' ],
	[ 2, 'query/plan.c', '#include <curl/curl.h>' ],
	[ 2, 'object/page.c', '#include <json-c/json.h>' ],
	[ 2, 'query/scan.c', '#if PG_VERSION_NUM >= 160000' ],
	[ 3, 'query/modify.c', 'strcmp(field->name, "portal_role")' ]);
for my $violation (@violations)
{
	my ($rule, $file, $line) = @$violation;
	my ($name, $check) = @{ $rules[$rule] };

	ok(exists $files{$file}, "$file is there");
	isnt(scalar($check->(%files, $file => "$files{$file}\n$line\n")), 0, "$name: $line in $file is found");
}

done_testing();
