# The sources keep to their floors and to their size.

use strict;
use warnings;
use Test::More;

# What each floor may include besides itself; its folders may include it as well.
my %FLOORS = (
    base    => [],
    net     => [qw(base)],
    shm     => [qw(base)],
    http    => [qw(base net shm)],
    conf    => [qw(base net shm http)],
    proxy   => [qw(base net shm http conf)],
    process => [qw(base net shm http conf proxy)],
    ctl     => [qw(base conf process)],
);

# What the folders of proxy/ may include of each other.
my %FOLDERS = (
    text    => [],
    route   => [qw(text)],
    tls     => [qw(route)],
    filter  => [qw(text)],
    balance => [qw(text)],
    fetch   => [qw(balance)],
    forward => [qw(balance fetch filter text)],
    bucket  => [qw(filter forward)],
    files   => [qw(text)],
    log     => [qw(text)],
    servers => [],
    admin   => [qw(servers text)],
    explain => [qw(files forward route tls)],
);

# Each library is known to one place.
my %LIBRARIES = (
    qr{^llhttp\.h$}         => qr{^src/http/h1_parse\.c$},
    qr{^ini\.h$}            => qr{^src/conf/(?:conf_)?file\.c$},
    qr{^idn2\.h$}           => qr{^src/conf/idn\.c$},
    qr{^openssl/}           => qr{^src/(?:net/tls\w*|base/digest)\.[ch]$},
    qr{^ares\w*\.h$}        => qr{^src/net/resolver\.c$},
    qr{^pcre2\.h$}          => qr{^src/base/regex\.c$},
    qr{^zlib\.h$}           => qr{^src/proxy/filter/coder_gzip\.c$},
    qr{^brotli/}            => qr{^src/proxy/filter/coder_br\.c$},
    qr{^zstd\.h$}           => qr{^src/proxy/filter/coder_zstd\.c$},
);

my ($MAX_FILE, $MAX_FUNCTION, $MAX_LINE) = (700, 80, 100);

my @sources = sort glob 'src/*/*.[ch] src/*/*/*.[ch]';
my @others  = sort glob 't/unit/*.[ch] t/fuzz/*.[ch] t/bench/*.[ch]';
ok(@sources > 0, 'there are sources');

sub lines_of {
    my ($path) = @_;
    open my $f, '<:encoding(UTF-8)', $path or die "$path: $!";
    chomp(my @lines = <$f>);
    return @lines;
}

# Collects what is wrong, so that a failure lists it all.
sub none {
    my ($name, @faults) = @_;
    ok(!@faults, $name) or diag(map { "  $_\n" } @faults);
    return;
}

my (%includes, @upward, @sideways, @foreign, @missing);
for my $path (@sources) {
    my ($floor) = $path =~ m{^src/(\w+)/};
    my %may = map { $_ => 1 } $floor, @{$FLOORS{$floor} // []};
    push @upward, "$path: src/$floor is no floor" unless $FLOORS{$floor};
    for (lines_of($path)) {
        next unless /^\s*#\s*include\s+(["<])([^">]+)[">]/;
        my ($own, $header) = ($1 eq '"', $2);
        if ($own) {
            my ($other) = $header =~ m{^(\w+)/};
            push @missing, "$path: $header" unless -f "src/$header";
            push @upward, "$path: $header" unless $other && $may{$other};
            my ($folder) = $path =~ m{^src/proxy/(\w+)/};
            my ($sibling) = $header =~ m{^proxy/(\w+)/};
            push @sideways, "$path: $header" if $folder && $sibling && $folder ne $sibling
                && !grep { $_ eq $sibling } @{$FOLDERS{$folder} // []};
            push @{$includes{$path}}, "src/$header";
        }
        while (my ($library, $place) = each %LIBRARIES) {
            push @foreign, "$path: $header" if $header =~ $library && $path !~ $place;
        }
    }
}
none('every include names a file as "floor/thing.h"', @missing);
none('nothing includes a higher floor', @upward);
none('folders of proxy/ include only those that they may', @sideways);
none('each library is included in its one place', @foreign);

# Depth first; a path that meets itself is a cycle.
my (%state, @cycles);

sub visit {
    my ($node, @path) = @_;
    if (($state{$node} // '') eq 'open') {
        push @cycles, join ' -> ', @path, $node;
        return;
    }
    return if $state{$node};
    $state{$node} = 'open';
    visit($_, @path, $node) for @{$includes{$node} // []};
    $state{$node} = 'done';
    return;
}
visit($_) for grep { /\.h$/ } @sources;
none('no header includes itself by a detour', @cycles);

my (@long_files, @long_functions, @long_lines, @blanks, @uncommented, @unguarded);
for my $path (@sources, @others) {
    my @lines = lines_of($path);
    push @long_files, "$path: " . @lines if @lines > $MAX_FILE;
    push @uncommented, $path unless @lines && $lines[0] =~ m{^/\*};
    push @unguarded, $path if $path =~ /\.h$/ && !grep { /^#ifndef \w+_H\b/ || /^#pragma once/ } @lines;
    my ($name, $start) = ('?');
    for my $i (0 .. $#lines) {
        my $line = $lines[$i];
        my $at = "$path:" . ($i + 1);
        push @blanks, $at if $line =~ /[ \t]$/;
        my $wide = $line;
        1 while $wide =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
        push @long_lines, $at if length $wide > $MAX_LINE;
        $name = $1 if $line =~ /^(\w+)\(/;
        $start = $i if $line eq '{';
        if ($line eq '}' && defined $start) {
            my $length = $i - $start - 1;
            push @long_functions, "$at: $name: $length" if $length > $MAX_FUNCTION;
            undef $start;
        }
    }
}
none("no file is longer than $MAX_FILE lines", @long_files);
none("no function is longer than $MAX_FUNCTION lines", @long_functions);
none("no line is wider than $MAX_LINE columns", @long_lines);
none('no line ends in blanks', @blanks);
none('every file begins with a comment that says what it is for', @uncommented);
none('every header has a guard', @unguarded);

done_testing;
