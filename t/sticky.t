# Cookies that keep a client with one server.

use strict;
use warnings;
use Test::Certs 'certs';
use Test::More;
use Test::Usherd;

my $BARE = "check = off\neject = off\n";

sub servers { return map { origin(answer($_)) } @_ }

sub sticky { my ($origins, $backend, %more) = @_; return proxy($origins, backend => "sticky = cookie srv\n$BARE" . ($backend // ''), %more) }

# GET with a cookie (or none); returns the body, and the name=value and attributes that were set.
sub visit {
    my ($usherd, $cookie, @fields) = @_;
    my $r = request($usherd->port(1), join("\r\n", 'GET / HTTP/1.1', 'Host: a.test', defined $cookie ? "Cookie: $cookie" : (), @fields, '', ''));
    my @set = map { $_->[1] } grep { $_->[0] eq 'set-cookie' && $_->[1] =~ /^srv=/ } @{$r->{fields}};
    is scalar(@set), 1, 'one cookie' if @set > 1;
    my ($pair, $attributes) = @set ? split(/; /, $set[0], 2) : ();
    return ($r->{body}, $pair, $attributes, $r);
}

sub finish { my ($usherd, @more) = @_; $usherd->allow_log(qr/\[warn\]/, @more); $usherd->stop; return }

subtest 'a client keeps its server' => sub {
    my @origins = servers(qw(a b c));
    my $usherd = sticky(\@origins);
    my %cookie;
    for (1 .. 6) {
        my ($body, $pair, $attributes) = visit($usherd);
        like $pair, qr/^srv=[0-9a-f]{16}\.[0-9a-f]{32}$/, "$body: a cookie";
        is $attributes, 'Path=/; HttpOnly; SameSite=Lax', 'with its attributes';
        is $cookie{$body} // $pair, $pair, 'always the same for this server';
        $cookie{$body} = $pair;
    }
    is_deeply [sort keys %cookie], [qw(a b c)], 'clients without one are balanced';
    for my $name (sort keys %cookie) {
        my @visits = map { [(visit($usherd, "x=1; $cookie{$name}; y=2"))[0, 1]] } 1 .. 4;
        is_deeply \@visits, [([$name, undef]) x 4], "$name keeps its clients, and says nothing new";
    }
    is field($origins[0]->last_request, 'cookie'), "x=1; $cookie{a}; y=2", 'servers see it too';
    $usherd->stop;
};

subtest 'behind a prefix' => sub {
    my $origin = origin(answer('a', 'Set-Cookie: theirs=1; Path=/'));
    my $usherd = sticky([$origin], '', route => "strip_prefix = /app\n");
    my (undef, $pair, $attributes, $r) = visit($usherd);
    is $attributes, 'Path=/; HttpOnly; SameSite=Lax', 'our own cookie is for all paths';
    like join("\n", map { $_->[1] } @{$r->{fields}}), qr{^theirs=1; Path=/app$}m, 'that of the server is for the prefix';
    $usherd->stop;
};

subtest 'cookies that are not ours' => sub {
    my @origins = servers(qw(a b));
    my $usherd = sticky(\@origins);
    my (undef, $pair) = visit($usherd);
    my ($id, $mac) = $pair =~ /^srv=(\w+)\.(\w+)$/;
    my $zero = '0' x 32;
    my $other = $mac =~ tr/0-9a-f/1-9a-f0/r;
    for my $forged ('', 'x', '.', $id, "$id.", "$id.$zero", "$id.$other", uc("$id.$mac"), "$id.9999999999.$mac",
        '0000000000000001.' . $mac, "$id.$mac.", "$id.$mac$mac", 'x' x 4000, "$id.%00$mac") {
        my (%seen, @set);
        for (1 .. 4) {
            my ($body, $new) = visit($usherd, "srv=$forged");
            $seen{$body}++;
            push @set, $new // 'none';
        }
        is_deeply \%seen, {a => 2, b => 2}, 'srv=' . substr($forged, 0, 60) . ': chooses nothing';
        is scalar(grep { /^srv=/ } @set), 4, 'and is replaced';
    }
    $usherd->stop;
    $usherd = sticky(\@origins);
    my %seen;
    $seen{(visit($usherd, $pair))[0]}++ for 1 .. 4;
    is_deeply \%seen, {a => 2, b => 2}, 'without a secret, the next master does not know it';
    $usherd->stop;
};

subtest 'a secret in common' => sub {
    my @origins = servers(qw(a b));
    my $usherd = sticky(\@origins, 'sticky_secret = the same 0123456789abcdef');
    my (undef, $pair) = visit($usherd);
    $usherd->stop;
    for my $case (['the same', 1], ['another', 2]) {
        my ($secret, $servers) = @$case;
        my %seen;
        $usherd = sticky(\@origins, "sticky_secret = $secret 0123456789abcdef");
        $seen{(visit($usherd, $pair))[0]}++ for 1 .. 4;
        is keys %seen, $servers, "the cookie where the secret is $secret";
        $usherd->stop;
    }
};

subtest 'when its server is gone' => sub {
    my ($a, $b) = servers(qw(a b));
    my $usherd = sticky([$a, $b], "retries = 3\nkeepalive = 0");
    my %cookie;
    for (1 .. 2) {
        my ($body, $pair) = visit($usherd);
        $cookie{$body} = $pair;
    }
    my $port = $a->{port};
    $a->stop;
    undef $a;
    my ($body, $moved) = visit($usherd, $cookie{a});
    is $body, 'b', 'another one answers';
    is $moved, $cookie{b}, 'and sets its own cookie';
    is_deeply [(visit($usherd, $moved))[0, 1]], ['b', undef], 'which holds';
    $a = origin({port => $port}, answer('a2'));
    is_deeply [(visit($usherd, $moved))[0, 1]], ['b', undef], 'also when the first is back';
    finish($usherd);
};

subtest 'ttl' => sub {
    my @origins = servers(qw(a b));
    my $conf = sub { my ($ttl) = @_; return "check = off\neject = off\nsticky = cookie srv $ttl\nsticky_secret = 0123456789abcdef0123456789abcdef\n" };
    my $usherd = proxy(\@origins, backend => $conf->('ttl=1h'));
    my ($body, $pair, $attributes) = visit($usherd);
    like $pair, qr/^srv=[0-9a-f]{16}\.\d+\.[0-9a-f]{32}$/, 'the value has its end';
    is $attributes, 'Path=/; HttpOnly; SameSite=Lax; Max-Age=3600', 'the browser is told too';
    is_deeply [(visit($usherd, $pair))[0, 1]], [$body, undef], 'it holds';
    my ($id, $end, $mac) = $pair =~ /^srv=(\w+)\.(\d+)\.(\w+)$/;
    cmp_ok abs($end - time - 3600), '<', 60, 'an hour from now';
    my %seen;
    $seen{(visit($usherd, "srv=$id." . ($end + 1) . ".$mac"))[0]}++ for 1 .. 4;
    is keys %seen, 2, 'nobody can give himself more time';
    $usherd->stop;

    # One that was made for a longer time is as good; one that has half of its time left is renewed.
    my $short = proxy(\@origins, backend => $conf->('ttl=4h'));
    my ($again, $renewed) = visit($short, $pair);
    is $again, $body, 'the same server';
    like $renewed, qr/^srv=$id\.\d+\./, 'and a new cookie when half of the time is gone';
    $short->stop;

    $short = proxy(\@origins, backend => $conf->('ttl=1s'));
    ($body, $pair) = visit($short);
    my %after;
    ok wait_for { $after{(visit($short, $pair))[0]}++; keys %after == 2 }, 'one that has run out chooses nothing';
    $short->stop;
};

subtest 'Secure' => sub {
    my @origins = servers('a');
    my $pki = certs();
    my $leaf = $pki->leaf(front => names => ['a.test']);
    my $usherd = sticky(\@origins, '', listen => "trusted_proxies = 127.0.0.1\n",
        more => "[listen tls]\nbind = 127.0.0.1:%%PORT2%%\ntls = on\ncertificate = $leaf->{pair}\n");
    is +(visit($usherd))[2], 'Path=/; HttpOnly; SameSite=Lax', 'not over plain HTTP';
    is +(visit($usherd, undef, 'X-Forwarded-Proto: https'))[2], 'Path=/; HttpOnly; SameSite=Lax; Secure', 'but where a trusted proxy says https';
    my $c = client($usherd->port(2), tls => {SSL_hostname => 'a.test'});
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    like field($c->response, 'set-cookie'), qr/; Secure$/, 'and over TLS';
    $usherd->stop;
};

subtest 'it outlives reloads and workers' => sub {
    my @origins = servers(qw(a b c));
    my $usherd = sticky(\@origins, '', options => {args => ['-g', 'global.workers=2']});
    my ($body, $pair) = visit($usherd);
    my $same = sub { my %seen; $seen{join '|', map { $_ // '' } (visit($usherd, $pair))[0, 1]}++ for 1 .. 4; return \%seen };
    is_deeply $same->(), {"$body|" => 4}, 'all workers know it';
    ok $usherd->reload, 'a reload';
    is_deeply $same->(), {"$body|" => 4}, 'does not change that';
    kill KILL => ($usherd->workers)[0];
    wait_for { $usherd->workers == 2 && $usherd->log_text =~ /died/ };
    ok wait_for { eval { visit($usherd); 1 } }, 'nor a worker that dies';
    is_deeply $same->(), {"$body|" => 4}, 'and is replaced';
    finish($usherd, qr/\[error\].*died/);
};

subtest 'with other responses of the server' => sub {
    my $origin = origin("HTTP/1.1 404 Not Found\r\nSet-Cookie: app=1\r\nContent-Length: 2\r\n\r\nno");
    my $usherd = sticky($origin);
    my (undef, $pair, undef, $r) = visit($usherd);
    ok $pair, 'every response of a server has it';
    is scalar(grep { $_->[0] eq 'set-cookie' } @{$r->{fields}}), 2, 'beside those of the server';
    $usherd->stop;

    $usherd = sticky('127.0.0.1:' . free_port() . ' down');
    is +(visit($usherd))[1], undef, 'no response of our own has';
    finish($usherd);
};


subtest 'a server that drains' => sub {
    my @origins = servers(qw(a b));
    my $usherd = sticky(\@origins, '', more => "[admin]\nsocket = %%DIR%%/control\n");
    my %cookie;
    for (1 .. 2) {
        my ($body, $pair) = visit($usherd);
        $cookie{$body} = $pair;
    }
    is $usherd->usherctl('drain', 'app', $origins[0]{address})->{status}, 0, 'drain';
    is_deeply [map { (visit($usherd))[0] } 1 .. 4], [('b') x 4], 'new clients go elsewhere';
    is_deeply [map { [(visit($usherd, $cookie{a}))[0, 1]] } 1 .. 4], [(['a', undef]) x 4], 'it keeps its own';
    is $usherd->usherctl('disable', 'app', $origins[0]{address})->{status}, 0, 'disable';
    is_deeply [(visit($usherd, $cookie{a}))[0, 1]], ['b', $cookie{b}], 'sends them away too';
    is $usherd->usherctl('enable', 'app', $origins[0]{address})->{status}, 0, 'enable';
    is_deeply [(visit($usherd, $cookie{a}))[0, 1]], ['a', undef], 'and they may come back';
    $usherd->stop;
};

done_testing;
