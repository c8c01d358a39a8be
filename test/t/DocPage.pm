package DocPage;

# A page of the documentation: its headings, its links, and its blocks of code, each with the output that the page shows
# for it.
#
#	my $page = DocPage->read('doc/recipes.md');
#	for my $block ($page->blocks) { ... }
#
# Of a block there are lang, text, shown (undefined if the page shows no output), line, section, and lead: the prose
# between it and the block before.
#
# A block with a language is something to be run; one without, that follows with nothing but blank lines between, is what
# that prints.  Pages know no other blocks: one that follows none is a mistake, and so are blocks by
# indentation or in a list, which are strays here.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $root = abs_path(dirname(__FILE__) . '/../..');

sub root { return $root; }

# All pages that are run, in the order in which one reads them.
sub names
{
	my @doc = map { substr $_, length("$root/") } sort glob "$root/doc/*.md";
	return ('README.md', @doc);
}

sub read
{
	my ($class, $name) = @_;

	open my $file, '<', "$root/$name" or die "$name: $!";
	local $/ = undef;
	return $class->of($name, <$file>);
}

# The page of that name, if this is its text.
sub of
{
	my ($class, $name, $text) = @_;
	my $self = bless { name => $name, headings => [], blocks => [], prose => [], strays => [], lines => [ $text =~ /.*\n/g ] }, $class;

	$self->parse;
	return $self;
}

sub name { my $self = shift; return $self->{name}; }

sub blocks { my $self = shift; return @{ $self->{blocks} }; }

sub headings { my $self = shift; return @{ $self->{headings} }; }

# Lines of what looks like code, and that nobody would run.
sub strays { my $self = shift; return @{ $self->{strays} }; }

sub prose { my $self = shift; return join '', @{ $self->{prose} }; }

sub parse
{
	my $self = shift;
	my ($section, $lead, $block, $before) = ('', '');

	for my $number (0 .. $#{ $self->{lines} })
	{
		my $line = $self->{lines}[$number];
		if ($block && $line =~ /^```\s*$/)
		{
			$before = $self->close_block($block, $before);
			undef $block;
		}
		elsif ($block) { $block->{text} .= $line; }
		elsif ($line =~ /^```(\S*)\s*$/)
		{
			$block = { lang => $1, text => '', line => $number + 1, section => $section, lead => $lead };
			$lead = '';
		}
		else
		{
			push @{ $self->{strays} }, $number + 1 if $line =~ /^(?:(?:- )?\s*(?:```|~~~)| {4}|\t)/;
			push @{ $self->{prose} }, $line;
			$lead .= $line;
			push @{ $self->{headings} }, $section = $1 if $line =~ /^#+ (.*?)\s*$/;
			undef $before if $line =~ /\S/;
		}
	}
	die "$self->{name}: the block of line $block->{line} has no end\n" if $block;
	return;
}

# Gives the block that an output may follow.
sub close_block
{
	my ($self, $block, $before) = @_;

	if ($block->{lang} ne '')
	{
		push @{ $self->{blocks} }, $block;
		return $block;
	}
	die "$self->{name}, line $block->{line}: the output of nothing\n" unless $before;
	@$before{ 'shown', 'shown_line' } = @$block{ 'text', 'line' };
	return;
}

# The blocks of a section, in their order.
sub section
{
	my ($self, $name) = @_;

	die "$self->{name} has no section \"$name\"\n" unless grep { $_ eq $name } $self->headings;
	return grep { $_->{section} eq $name } $self->blocks;
}

# What a heading is called in a link: as GitHub does it.
sub anchor
{
	my $heading = shift;

	$heading =~ s/[^\w\- ]//g;
	return lc $heading =~ tr/ /-/r;
}

# Targets of links, without those in code.
sub links
{
	my $self = shift;
	my $prose = $self->prose =~ s/`[^`\n]*`/code/gr;

	return $prose =~ /\[[^\]]*\]\(([^)\s]+)\)/g;
}

# The page with other outputs: a text by the number of the line where the block that prints it begins.
sub with_outputs
{
	my ($self, %outputs) = @_;
	my @lines = @{ $self->{lines} };

	for my $block (reverse $self->blocks)
	{
		my $output = $outputs{ $block->{line} } // next;
		my @new = $output eq '' ? () : ("```\n", $output, "```\n");
		# without its fences a block has as many lines as its text
		my $at = $block->{line} + 1 + ($block->{text} =~ tr/\n//);
		if (defined $block->{shown})
		{
			splice @lines, $block->{shown_line} - 1, 2 + ($block->{shown} =~ tr/\n//), @new;
		}
		elsif (@new) { splice @lines, $at, 0, "\n", @new; }
	}
	return join '', @lines;
}

1;
