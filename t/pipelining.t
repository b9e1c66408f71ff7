# Requests one behind the other: more than are served in one turn, and with empty lines in between.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $N = 100;

sub all_are_answered {
    my ($who, $usherd) = @_;
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" x $N);
    my $answered = 0;
    for (1 .. $N) {
        my $r = $c->response or last;
        $answered += $r->{status} == 200 && $r->{body} eq 'ok';
    }
    is $answered, $N, "$who answers $N requests";
    $usherd->stop;
    return;
}

all_are_answered('a server', proxy(origin(answer('ok'))));
all_are_answered('usherd itself', usherd(<<"END"));
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route all]
path = /*
respond = 200 ok
END

# A few empty lines before a request are skipped (RFC 9112, 2.2), in one piece or in many.
my $usherd = proxy(origin(answer('ok')));
for my $case ([8, 200], [9, 400]) {
    my ($n, $status) = @$case;
    for my $step (1000, 1, 3) {
        my $c = client($usherd->port(1));
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        is $c->response->{status}, 200, 'a first request';
        $c->send("\r\n" x $n . "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", step => $step);
        is $c->response->{status}, $status, "$n empty lines in pieces of $step bytes: $status";
    }
}
$usherd->stop;
done_testing;
