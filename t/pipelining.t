# More pipelined requests than are served in one turn, all in one packet: none waits for ever.

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
done_testing;
