package Test::Names;

# What the tests of names of servers have in common: origins at 127.0.0.2 and so on, all at one port,
# and a proxy that asks a DNS server of the test about them.

use strict;
use warnings;
use Exporter 'import';
use JSON::PP;
use Test::More;
use Test::Usherd;

our @EXPORT = qw(at config servers addresses await_addresses body answers $PORT);

our $PORT = free_port();

# An origin at 127.0.0.N that says its number.
sub at { my ($n, @script) = @_; return origin({address => "127.0.0.$n", port => $PORT}, @script ? @script : answer($n)) }

# A backend for each name or line of servers, at the path of its name, and the status pages.
sub config {
    my ($dns, @backends) = @_;
    my $text = "[global]\nworkers = 1\nresolver = $dns->{address}\n[listen web]\nbind = 127.0.0.1:%%PORT1%%\n"
        . "[defaults]\nresolve = 1s\n[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n";
    while (my ($name, $more) = splice @backends, 0, 2) {
        $text .= "[route $name]\npath = /$name\nbackend = $name\n[backend $name]\n$more\n";
    }
    return $text;
}

sub servers {
    my ($usherd, $backend) = @_;
    my $status = decode_json(get($usherd->port(9), '/status.json')->{body});
    my ($found) = grep { $_->{name} eq $backend } @{$status->{backends}};
    return @{$found->{servers}};
}

# The addresses in the list of a backend; for one without, its state.
sub addresses { return join ' ', sort map { $_->{address} =~ s/:\d+$//r || $_->{state} } servers(@_) }

sub await_addresses {
    my ($usherd, $backend, $want) = @_;
    my $seen;
    wait_for { ($seen = addresses($usherd, $backend)) eq $want };
    return is $seen, $want, "servers of $backend";
}

sub body { my ($usherd, $path) = @_; return get($usherd->port(1), $path)->{body} }

# Who answers n requests: {number => times}.
sub answers {
    my ($usherd, $path, $n) = @_;
    my %times;
    $times{body($usherd, $path)}++ for 1 .. $n;
    return \%times;
}

1;
