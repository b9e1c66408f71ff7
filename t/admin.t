# The status pages: who may see them, and whether the numbers are true.

use strict;
use warnings;
use JSON::PP;
use Test::More;
use Test::Usherd;

sub admin {
    my ($origin, %text) = @_;
    return proxy($origin, %text, more => "[admin]\nlisten = 127.0.0.1:%%PORT9%%\n" . ($text{more} // ''));
}

# The value of a metric with all the labels given, summed over the rest.
sub metric {
    my ($usherd, $name, %labels) = @_;
    my ($sum, $seen) = (0, 0);
    for (split /\n/, get($usherd->port(9), '/metrics')->{body}) {
        my ($labels, $value) = /^\Q$name\E(?:\{(.*)\})? (\S+)$/ or next;
        my %have = ($labels // '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;
        next if grep { ($have{$_} // '') ne $labels{$_} } keys %labels;
        $sum += $value;
        $seen++;
    }
    return $seen ? $sum : undef;
}

subtest 'the pages' => sub {
    my $usherd = admin(origin());
    my $port = $usherd->port(9);
    my $r = get($port, '/');
    is $r->{status}, 200, '/';
    like field($r, 'content-type'), qr{^text/html}, 'is HTML';
    like $r->{body}, qr/\bapp\b/, 'and names the backend';
    $r = get($port, '/status.json');
    like field($r, 'content-type'), qr{^application/json}, '/status.json';
    ok eval { decode_json($r->{body}) }, 'is JSON' or diag $r->{body};
    $r = get($port, '/metrics');
    like field($r, 'content-type'), qr{^text/plain}, '/metrics';
    my @bad = grep { !/^(?:#.*|[a-z_:][a-z0-9_:]*(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (?:[0-9.e+-]+|\+Inf|NaN))$/i } split /\n/, $r->{body};
    is_deeply \@bad, [], 'is in the text format';
    my %typed = map { $_ => 1 } $r->{body} =~ /^# TYPE (\S+)/mg;
    my @untyped = grep { my $n = s/_(?:bucket|sum|count)$//r; !$typed{$_} && !$typed{$n} } $r->{body} =~ /^([a-z_]+)[{ ]/mg;
    is_deeply \@untyped, [], 'every metric has its TYPE';
    is get($port, "/$_")->{status}, 200, "/$_" for qw(healthz readyz);
    is get($port, '/nonsense')->{status}, 404, 'others do not exist';
    is request($port, "POST /metrics HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")->{status}, 405, 'nothing can be posted';
    is request($port, "HEAD /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n")->{status}, 200, 'HEAD';
    $usherd->stop;
};

subtest 'the numbers' => sub {
    my $origin = origin(sub { $_[0]{target} eq '/bad' ? "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n" : answer('x' x 1000) });
    my $usherd = admin($origin);
    get($usherd->port(1), '/') for 1 .. 7;
    get($usherd->port(1), '/bad') for 1 .. 2;
    my $body = get($usherd->port(9), '/metrics')->{body};
    my %families = map { $_ => 1 } $body =~ /^# TYPE (\S+)/mg;
    my ($requests) = grep { /requests?_total$/ && /listen|^usherd_requests_total/ } sort keys %families;
    ok $requests, 'requests are counted' or diag $body;
    ok wait_for { (metric($usherd, $requests, listen => 'web') // metric($usherd, $requests)) >= 9 }, "$requests: nine of them" or diag $body;
    like $body, qr/server="?\Q$origin->{address}\E/, 'servers have theirs';
    like $body, qr/_bucket\{[^}]*le="\+Inf"/, 'and there are histograms';

    # Cumulative buckets never fall, and the last one is the count.
    my %last;
    for (split /\n/, $body) {
        my ($name, $labels, $value) = /^(\w+)_bucket\{(.*)\} (\d+)$/ or next;
        $labels =~ s/,?le="[^"]*"//;
        ok 0, "$name falls" if ($last{"$name $labels"} // 0) > $value;
        $last{"$name $labels"} = $value;
    }
    ok keys %last, 'buckets do not fall';
    $usherd->stop;
};

subtest 'who may see them' => sub {
    my $usherd = admin(origin(), more => "allow = 10.0.0.0/8\n");
    is get($usherd->port(9), "/$_")->{status}, 403, "/$_ is refused to others" for 'metrics', 'status.json', '';
    $usherd->stop;
};

subtest 'counters live longer than workers' => sub {
    my $usherd = admin(origin());
    get($usherd->port(1), '/') for 1 .. 5;
    my ($name) = get($usherd->port(9), '/metrics')->{body} =~ /^# TYPE (\S*requests?_total)/m;
    my $before = metric($usherd, $name);
    ok $usherd->reload, 'a reload';
    get($usherd->port(1), '/');
    ok wait_for { my $now = metric($usherd, $name); $now && $now > $before }, 'the totals go on from where they were';
    $usherd->stop;
};

subtest 'readyz while draining' => sub {
    my $origin = origin(['request', [stall => 1.5], [send => answer('late')]]);
    my $usherd = admin($origin);
    my ($busy, $admin) = (client($usherd->port(1)), client($usherd->port(9)));
    $admin->send("GET /readyz HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is $admin->response->{status}, 200, 'ready';
    $busy->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $origin->await_requests(1);
    $usherd->signal('QUIT');
    my $r;
    wait_for {
        $admin->send("GET /readyz HTTP/1.1\r\nHost: a.test\r\n\r\n");
        $r = $admin->response(timeout => 1);
        return !$r || $r->{status} == 503 || $r->{close};
    };
    is $r && $r->{status}, 503, 'no longer ready';
    is $busy->response->{body}, 'late', 'the busy request is answered';
    $usherd->stop(0);
};

done_testing;
