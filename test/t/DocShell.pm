package DocShell;

# A program that reads commands from its standard input and stays, with what it prints on both streams in one: psql or
# bash, as a reader has them open beside the page.
#
#	my $psql = DocShell->psql($node->connstr('postgres'));
#	my ($output, $status) = $psql->run("SELECT 1;\n");

use strict;
use warnings;

use IO::Select;
use IPC::Open3 qw(open3);

# Seconds that a block may take: the demo builds the extension, on a machine that is busy with other tests.
use constant LONGEST => 600;

my $marks = 0;

sub psql
{
	my ($class, $connection) = @_;
	my @command = ('psql', '-X', '-P', 'pager=off', '-d', $connection);

	return $class->start(sub { "\\echo $_[0] 0\n" }, @command);
}

# -e: a command that fails ends it.
sub bash
{
	my ($class, $folder) = @_;

	return $class->start(sub { "echo; echo $_[0] 0\n" }, 'env', '-C', $folder, 'bash', '-e', '-u', '-o', 'pipefail');
}

sub start
{
	my ($class, $mark, @command) = @_;
	my $self = bless { mark => $mark }, $class;

	$self->{pid} = open3(@$self{ 'to', 'from' }, undef, @command);
	$self->{to}->autoflush(1);
	return $self;
}

# Gives what was printed, and whether the program is still there.
sub run
{
	my ($self, $text) = @_;
	my $mark = 'end of block ' . ++$marks;
	my $output = '';
	my $until = time + LONGEST;
	my $select = IO::Select->new($self->{from});

	local $SIG{PIPE} = 'IGNORE';
	print { $self->{to} } $text, $self->{mark}->($mark);
	until ($output =~ s/\Q$mark\E 0\n\z//)
	{
		die "no end of:\n$text\n$output" if time > $until;
		next unless $select->can_read(1);
		sysread($self->{from}, $output, 65536, length $output) or return ($output, 0);
	}
	return ($output, 1);
}

sub quit
{
	my $self = shift;

	close $self->{to};
	local $?;
	waitpid $self->{pid}, 0;
	return;
}

1;
