package WriteOracle;

# Random values and statements for tests that write the same to a foreign table and to a copy.
#
#	srand 5;
#	my $update = 'UPDATE accounts SET ' . set_clause([ name => quoted(name()) ], [ tags => text_array('a', 'b') ]);

use strict;
use utf8;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(one_of chance quoted text_array json name url set_clause shown_row several @TEXTS);

our @TEXTS = (
	'plain', 'Zoë Ångström', '李 小龙', '🚀 launch', 'a "quoted" \\ back', "two\nlines", "O'Neill", ' blanks ',
	'100%_sure', '{"not": json}', "tab\there", '[]', 'null', '0');

sub one_of { return $_[ int rand @_ ]; }

sub chance { my $share = shift; return rand() < $share; }

sub quoted
{
	my $text = shift;
	return 'NULL' unless defined $text;
	$text =~ s/'/''/g;
	$text =~ s/\\/\\\\/g;
	return "E'$text'";
}

sub text_array { return 'ARRAY[' . join(', ', map { quoted($_) } @_) . ']::text[]'; }

sub json { return quoted(JSON::PP->new->canonical->allow_nonref->encode(shift)) . '::jsonb'; }

sub name { return one_of(@TEXTS) . ' ' . int rand 1000; }

sub url { return 'https://x.example/' . int(rand 1000) . one_of('.png', '.jpg', '.jpeg'); }

# Pairs of column and value as they are assigned.
sub set_clause { return join ', ', map { "$_->[0] = $_->[1]" } @_; }

# Now and then each row is found several times, and written once.
sub several { my $word = shift; return chance(0.3) ? " $word generate_series(1, 3) again" : ''; }

# A row as a tool shows it: its columns, and each value as text.  $run gives what a query prints.
sub shown_row
{
	my ($run, $table, $id) = @_;
	my @columns = split /\n/,
	  $run->("SELECT attname FROM pg_attribute WHERE attrelid = '$table'::regclass AND attnum > 0 ORDER BY attnum");
	my $row =
	  $run->('SELECT json_build_array('
		  . join(', ', map { "$_\::text" } @columns)
		  . ") FROM $table WHERE id = "
		  . quoted($id));

	return ([], []) if $row eq '';
	return (\@columns, JSON::PP->new->utf8->decode($row));
}

1;
