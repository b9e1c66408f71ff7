package Test::Exposition;

# A strict reader of the Prometheus text format, version 0.0.4.
#
#	my ($families, @wrong) = exposition($body);
#	$families->{usherd_info}              # {type => 'gauge', help => '...', samples => [...]}
#	$families->{...}{samples}[0]          # {name => ..., labels => {...}, value => ...}

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(exposition);

my $NAME  = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/(?!__)[a-zA-Z_][a-zA-Z0-9_]*/;
my $VALUE = qr/[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN/;

sub exposition {
    my ($body) = @_;
    my (%families, %seen, $family, @wrong);
    push @wrong, 'no line end at the end' unless $body =~ /\n\z/;
    push @wrong, 'not UTF-8' unless utf8::decode(my $copy = $body);
    for (split /\n/, $body) {
        if (/^# HELP ($NAME) (.*)\z/) {
            push @wrong, "$1 stands there twice" if $families{$1};
            $family = $families{$1} = {name => $1, help => $2, samples => []};
            push @wrong, "help of $1" if $family->{help} =~ /\\(?![\\n])/;
        } elsif (/^# TYPE ($NAME) (counter|gauge|histogram)\z/) {
            push @wrong, "the type of $1 does not follow its help"
                if !$family || $family->{name} ne $1 || $family->{type} || @{$family->{samples}};
            $family->{type} = $2;
        } elsif (/^($NAME)(?:\{(.*)\})? ($VALUE)\z/) {
            my ($name, $labels, $value) = ($1, $2 // '', $3);
            push @wrong, "sample twice: $_" if $seen{"$name\{$labels\}"}++;
            push @wrong, "$name without a type" unless $family && $family->{type};
            my %labels = _labels($labels, \@wrong, $_);
            push @{$family->{samples}}, {name => $name, labels => \%labels, value => $value};
        } else {
            push @wrong, "no sample: $_";
        }
    }
    push @wrong, _wrong_in($_) for map { $families{$_} } sort keys %families;
    return (\%families, @wrong);
}

sub _labels {
    my ($text, $wrong, $line) = @_;
    my %labels;
    while ($text =~ /\G($LABEL)="((?:[^"\\]|\\["\\n])*)"(?:,(?=.)|\z)/gc) {
        push @$wrong, "label $1 twice: $line" if exists $labels{$1};
        $labels{$1} = $2;
    }
    push @$wrong, "labels: $line" if (pos $text // 0) < length $text;
    return %labels;
}

sub _wrong_in {
    my ($f) = @_;
    my ($name, $type) = ($f->{name}, $f->{type} // '');
    my @wrong;
    push @wrong, "$name is a $type" if ($type eq 'counter') != ($name =~ /_total\z/ ? 1 : 0);
    push @wrong, "$name is a point in time, and has another name"
        if $f->{help} =~ /since the epoch/ && $name !~ /_timestamp_seconds\z|\Aprocess_start_time_seconds\z/;
    return @wrong, _wrong_in_histogram($f) if $type eq 'histogram';
    for (@{$f->{samples}}) {
        push @wrong, "$_->{name} in $name" if $_->{name} ne $name;
        push @wrong, "$name is negative" if $type eq 'counter' && $_->{value} < 0;
    }
    return @wrong;
}

# Of each set of labels: buckets that get wider and do not fall, the last without a bound; then sum
# and count.
sub _wrong_in_histogram {
    my ($f) = @_;
    my (%sets, @wrong);
    for (@{$f->{samples}}) {
        my %labels = %{$_->{labels}};
        my $le     = delete $labels{le};
        my $set    = $sets{join ',', map { "$_=$labels{$_}" } sort keys %labels} //= {buckets => []};
        if    ($_->{name} eq "$f->{name}_bucket" && defined $le) { push @{$set->{buckets}}, [$le, $_->{value}] }
        elsif ($_->{name} =~ /\A\Q$f->{name}\E_(sum|count)\z/ && !defined $le) { $set->{$1} = $_->{value} }
        else                                                     { push @wrong, "$_->{name} in $f->{name}" }
    }
    for my $set (values %sets) {
        my @buckets = @{$set->{buckets}};
        push @wrong, "$f->{name}: no +Inf" if !@buckets || $buckets[-1][0] ne '+Inf';
        push @wrong, "$f->{name}: no sum" unless defined $set->{sum};
        push @wrong, "$f->{name}: count" if ($set->{count} // -1) != $buckets[-1][1];
        for (1 .. $#buckets) {
            push @wrong, "$f->{name}: bounds" if $buckets[$_][0] <= $buckets[$_ - 1][0];
            push @wrong, "$f->{name}: falls" if $buckets[$_][1] < $buckets[$_ - 1][1];
        }
    }
    return @wrong;
}

1;
