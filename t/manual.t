# The manuals name everything that the sources know, and nothing else.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

sub text { return join '', map { slurp($_) // '' } map { glob } @_ }

my $ini     = text('man/usherd.ini.5');
my $program = text('man/usherd.8');
ok length $ini,     'there is usherd.ini(5)';
ok length $program, 'there is usherd(8)';

# Compares what stands in the sources with what the manual lists.
sub same {
    my ($what, $known, $written, $page) = @_;
    my %known   = map { $_ => 1 } @$known;
    my %written = map { $_ => 1 } @$written;
    ok(keys %known > 0, "the sources name $what");
    my @missing = grep { !$written{$_} } sort keys %known;
    my @extra   = grep { !$known{$_} } sort keys %written;
    ok(!@missing, "all $what stand in $page") or diag("  missing: @missing");
    ok(!@extra, "and no others") or diag("  unknown: @extra");
    return;
}

same('directives', [text('src/conf/table*.c') =~ /ROW\("(\w+)"\)/g],
    [$ini =~ /^\.It Ic (\w+) Li =/mg], 'usherd.ini(5)');

same('variables', [text('src/proxy/text/variables*.c') =~ /^\t\{ STR\("(\w+)"\),/mg],
    [$ini =~ /^\.It Li \$(\w+)/mg], 'usherd.ini(5)');

my ($json_lines) = $ini =~ /^\.Ss Lines in JSON\n(.*?)^\.S[hs] /ms;
same('members of JSON lines', [text('src/proxy/log/log_json.c') =~ /^\t\{ STR\("(\w+)"\),/mg],
    [$json_lines =~ /^\.It Li (\w+)/mg], 'usherd.ini(5)');

my @metrics = text('src/proxy/admin/metrics*.c') =~ /"((?:usherd|process)_\w+)",/g;
my @missing = grep { ($ini . $program) !~ /\b\Q$_\E\b/ } @metrics;
ok(@metrics > 0, 'the sources name metrics');
ok(!@missing, 'all metrics stand in a manual') or diag("  missing: @missing");

my @reasons = text('src/shm/metrics.c') =~ /\[FAIL_\w+\] = "([a-z-]+)"/g;
@missing = grep { ($ini . $program) !~ /\b\Q$_\E\b/ } @reasons;
ok(@reasons > 0, 'the sources name reasons of failure');
ok(!@missing, 'all reasons of failure stand in a manual') or diag("  missing: @missing");

# What each object of /status.json has: the fields that its function writes, and those of functions
# that it shares with others.
my %writes;
my $json = text('src/proxy/admin/status_json.c');
for ($json =~ /^(\w+\(struct buf \*out.*?\n\{\n.*?)^\}/msg) {
    my ($function) = /\A(\w+)/;
    $writes{$function} = [/(?:add_\w+|open_key)\(out, "(\w+)"/g];
}
my ($status) = $program =~ /^\.Sh STATUS\n(.*?)^\.Sh /ms;
my $lists = join '|', qw(workers listens routes backends servers certificates);
my %described;
for my $part (split /^\.Pp\n/m, $status) {
    my $of = $part =~ /\A(?:Of each of (?:the|its)\n\.Li ($lists))/ ? $1 : $part =~ /\AOf usherd itself/ ? '' : 'several';
    push @{$described{$of}}, map { split / , / } $part =~ /^\.It Li (.*)/mg;
}
my @counters = (@{$writes{add_counters}}, 'seconds', 'failures');
my @coded    = ('codes', @counters);
same('fields of all', [@{$writes{add_process} // []}, $json =~ /^\t\{ "((?!servers)(?:$lists))", STATUS_/mg], $described{''}, 'usherd(8)');
same("fields of $_->[0]", [@{$writes{$_->[1]} // []}, @$_[2 .. $#$_]], $described{$_->[0]}, 'usherd(8)') for (
    ['workers', 'add_worker'],
    ['listens', 'add_listen', 'handshakes', @coded[0 .. $#coded - 1]],
    ['routes', 'add_route', 'split', @counters[0 .. $#counters - 2]],
    ['backends', 'add_backend', @coded],
    ['servers', 'add_server', @counters, 'check'],
    ['certificates', 'add_certificate'],
    ['several', 'add_counters', 'codes', 'seconds', 'failures'],
    );
@missing = grep { $status !~ /^\.Li (?:.*\b)?\Q$_\E\b|^\.Pq Li \Q$_\E\b/m } map { my @own = @{$writes{$_} // []}; @own[1 .. $#own] } qw(add_handshakes add_times add_look);
ok(!@missing, 'fields of smaller objects stand there too') or diag("  missing: @missing");

my ($section) = $ini =~ /^\.Sh REASONS\n(.*?)^\.Sh /ms;
same('values of $why', [text('src/http/*.c', 'src/proxy/*.c', 'src/proxy/*/*.c') =~ /(?:(?:\b(?:0|[45]\d\d)|fail_503\(f), |why = |no_index\[\] = )"([a-z]+(?:-[a-z]+)*)"/g],
    [map { split / , / } $section =~ /^\.It Li (.*)/mg], 'usherd.ini(5)');

my $ctl = text('man/usherctl.8');
ok length $ctl, 'there is usherctl(8)';
same('commands of usherctl', [text('src/process/control_protocol.c') =~ /\[COMMAND_\w+\] = \{ "(\w+)"/g],
    [$ctl =~ /^\.It Cm (\w+)/mg], 'usherctl(8)');
same('options of usherctl', [text('src/ctl/main.c') =~ /^\t" +-(-?\w+)/mg],
    [map { s/^-(?=-)//r =~ s/^Fl /-/r } $ctl =~ /^\.It Fl ((?:Fl )?\S+)/mg], 'usherctl(8)');

my $help = run_usherd('-h')->{out};
same('options', [$help =~ /^ +-(-?\w+)/mg], [map { s/^\\-/-/r } $program =~ /^\.It Fl (?:Fl )?(\S+)/mg], 'usherd(8)');

done_testing;
