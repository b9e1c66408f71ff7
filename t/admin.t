# The status pages: who may see them, and whether the numbers are true.

use strict;
use warnings;
use JSON::PP;
use Test::Certs 'certs';
use Test::Exposition 'exposition';
use Test::More;
use Test::Usherd;

sub admin {
    my ($origin, %text) = @_;
    return proxy($origin, %text, more => "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n" . ($text{more} // ''));
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

# A site whose name leads to the address of the status pages (DNS rebinding) must not read them.
subtest 'names' => sub {
    my $usherd = proxy(origin(), more => "[admin]\nlisten = 127.0.0.1:%%PORT9%%\n"
        . "names = status.test *.ops.test\nnames = b\xc3\xbccher.test\n");
    my $port = $usherd->port(9);
    my %ours = map { $_ => 1 } 'localhost', 'LocalHost.', "localhost:$port", 'x.localhost', '127.0.0.1', "127.0.0.1:$port", '127.1.2.3',
        '[::1]', "[::1]:$port", 'status.test', 'Status.TEST:80', 'a.ops.test', 'xn--bcher-kva.test';
    for my $host (sort(keys %ours), 'evil.test', 'ops.test', 'localhost.evil.test', '0.0.0.0', '192.0.2.1', '[::2]') {
        my $want = $ours{$host} ? 200 : 421;
        is get($port, $_, "Host: $host")->{status}, $want, "$host: $want for $_" for qw(/ /status.json /metrics /healthz /readyz);
    }
    my $r = get($port, '/status.json', 'Host: evil.test');
    unlike $r->{body}, qr/app|\d/, 'the refusal says nothing about us';
    like $r->{body}, qr/\[admin\] names/, 'but what to do';
    is request($port, "GET http://evil.test/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")->{status}, 421, 'the name of an absolute target counts';
    is request($port, "GET http://localhost/metrics HTTP/1.1\r\nHost: evil.test\r\n\r\n")->{status}, 200, '... and only that';
    is request($port, "GET /metrics HTTP/1.0\r\n\r\n")->{status}, 200, 'HTTP/1.0 without a Host is no browser';
    $usherd->stop;
};

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

# The families of /metrics, which must be as the format wants them.
sub families {
    my ($usherd, $what) = @_;
    my ($families, @wrong) = exposition(get($usherd->port(9), '/metrics')->{body});
    is_deeply \@wrong, [], "the text format: $what";
    return $families;
}

# The values of a family by one of its labels.
sub by_label { my ($family, $label) = @_; return {map { $_->{labels}{$label} => $_->{value} } @{$family->{samples}}} }

subtest 'the text format' => sub {
    my $origin = origin(sub { $_[0]{target} =~ m{^/(\d+)} ? "HTTP/1.1 $1 X\r\nContent-Length: 0\r\n\r\n" : answer('x') });
    my $pki    = certs();
    my $cert   = $pki->leaf(site => names => ['a.test']);
    my $usherd = admin($origin, more => <<"END");
[listen tls]
bind = 127.0.0.1:%%PORT2%%
tls = on
certificate = $cert->{pair}
[route odd.Name-1]
path = /odd
backend = odd
[backend odd]
server = unix:%%DIR%%/"quoted \\\\ path"
check = off
END
    families($usherd, 'at the start');
    get($usherd->port(1), "/$_") for qw(200 200 201 404 404 404 451 503 599 odd);
    $usherd->allow_log(qr/\[warn\]/);
    my $f = families($usherd, 'with traffic');
    is_deeply by_label($f->{usherd_listen_response_codes_total}, 'code'),
        {200 => 2, 201 => 1, 404 => 3, 451 => 1, 502 => 1, 503 => 1, other => 1}, 'a listen counts single codes';
    is_deeply by_label({samples => [grep { $_->{labels}{backend} eq 'app' } @{$f->{usherd_backend_response_codes_total}{samples}}]}, 'code'),
        {200 => 2, 201 => 1, 404 => 3, 451 => 1, 503 => 1, other => 1}, 'a backend too';
    my ($sum) = (0);
    $sum += $_->{value} for @{$f->{usherd_listen_responses_total}{samples}};
    is $sum, 10, 'the classes stay beside them';
    my $status = decode_json(get($usherd->port(9), '/status.json')->{body});
    my ($web) = grep { $_->{name} eq 'web' } @{$status->{listens}};
    is_deeply $web->{codes}, {200 => 2, 201 => 1, 404 => 3, 451 => 1, 502 => 1, 503 => 1, other => 1}, 'JSON has them as well';

    my %renamed = (usherd_start_time_seconds => 'usherd_start_timestamp_seconds', usherd_config_load_time_seconds => 'usherd_config_load_timestamp_seconds',
        usherd_server_last_check_time_seconds => 'usherd_server_last_check_timestamp_seconds', usherd_certificate_expiry_seconds => 'usherd_certificate_expiry_timestamp_seconds');
    for my $old (sort keys %renamed) {
        my @samples = map { my $name = $_; [map { [$_->{labels}, $_->{value}] } @{$f->{$name}{samples}}] } $old, $renamed{$old};
        is_deeply $samples[0], $samples[1], "$old has the value of $renamed{$old}";
        is $f->{$old}{help}, "Old name of $renamed{$old}, for two more releases.", 'and says so';
    }
    ok @{$f->{usherd_certificate_expiry_timestamp_seconds}{samples}} > 0, 'a certificate has its end';
    $usherd->stop;
};

# What processes use: by "master", and the numbers of workers.
sub usage {
    my ($usherd, $name) = @_;
    my ($families) = exposition(get($usherd->port(9), '/metrics')->{body});
    return {map { ($_->{labels}{worker} // $_->{labels}{process}) => $_->{value} } @{$families->{$name}{samples}}};
}

sub open_descriptors { my @fds = glob "/proc/$_[0]/fd/*"; return scalar @fds }

sub resident { return slurp("/proc/$_[0]/status") =~ /^VmRSS:\s+(\d+) kB/m ? $1 * 1024 : undef }

sub uses {
    my ($usherd, @processes) = @_;
    my $all = sub { my ($name) = @_; return wait_for { my $u = usage($usherd, $name); keys %$u == @processes ? $u : undef } };
    for my $name (qw(process_cpu_seconds_total process_resident_memory_bytes process_open_fds process_start_time_seconds)) {
        my $value = $all->($name);
        is_deeply [sort keys %{$value // {}}], [sort @processes], "$name of each process";
        is scalar(grep { $_ <= 0 } values %$value), 0, 'is more than nothing';
    }
    my $start = usage($usherd, 'process_start_time_seconds');
    is scalar(grep { $_ < $^T || $_ > time + 1 } values %$start), 0, 'all started during this test';
    ok wait_for { usage($usherd, 'process_open_fds')->{master} == open_descriptors($usherd->{pid}) }, 'descriptors are those of /proc';
    my $memory = usage($usherd, 'process_resident_memory_bytes')->{master};
    ok wait_for { abs(usage($usherd, 'process_resident_memory_bytes')->{master} - resident($usherd->{pid})) < 1 << 20 }, 'so is the memory' or diag $memory;
    return;
}

subtest 'what processes use' => sub {
    my $usherd = admin(origin(), global => 'max_connections = 500');
    uses($usherd, 'master', 0);
    my $before = usage($usherd, 'process_open_fds')->{0};
    my @c = map { client($usherd->port(1)) } 1 .. 100;
    ok wait_for { usage($usherd, 'process_open_fds')->{0} >= $before + 100 }, 'connections of a worker are among its descriptors';
    my ($old) = $usherd->workers;
    my $start = usage($usherd, 'process_start_time_seconds')->{0};
    kill KILL => $old;
    my $next = sub { my $u = eval { usage($usherd, 'process_start_time_seconds') } // {}; return $u->{0} // $u->{1} };
    ok wait_for { ($next->() // $start) > $start }, 'the next worker has a start of its own';
    uses($usherd, 'master', keys %{{map { $_ => 1 } grep { $_ ne 'master' } keys %{usage($usherd, 'process_start_time_seconds')}}});
    $usherd->expect_log(qr/worker 0 \(pid $old, generation 1\)/);
    $usherd->stop;
};

subtest 'of workers without rights, in a chroot' => sub {
    plan skip_all => 'needs root' if $>;
    my $dir = scratch();
    mkdir "$dir/root";
    my $usherd = admin(origin(), global => "user = nobody\nchroot = $dir/root", options => {env => {LSAN_OPTIONS => 'detect_leaks=0'}});
    uses($usherd, 'master', 0);
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

# Many backends, one worker, and a client that takes little of a page before the test goes on.
my $MANY = 2000;

sub big {
    my ($origin, %text) = @_;
    my $backends = join '', map { "[backend b$_]\nserver = 127.0.0.1:" . (10000 + $_) . "\n" } 1 .. $MANY;
    my $usherd = admin($origin, global => 'log_level = error', more => $backends . ($text{more} // ''));
    $usherd->allow_log(qr/./);
    return $usherd;
}

sub slow {
    my ($usherd, $target, $version) = @_;
    my $c = client($usherd->port(9), rcvbuf => 16384, timeout => 60);
    $c->send("GET $target HTTP/" . ($version // '1.1') . "\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    return $c;
}

# The response, read to the end before it is taken apart: it is long.
sub whole { my ($c) = @_; $c->end; return $c->response // {body => ''} }

# All of a page in the text format: problems with its order, and its samples by name.
sub samples {
    my ($body) = @_;
    my ($family, %n, %families, %seen, @bad) = '';
    for (split /\n/, $body) {
        if (/^# TYPE (\S+)/) {
            $family = $1;
            push @bad, "$family comes twice" if $families{$family}++;
        } elsif (!/^#/) {
            my ($name, $sample) = /^((\w+)(?:\{.*\})?) /  ? ($2, $1) : ('', $_);
            push @bad, "$sample in $family" if $name !~ /^\Q$family\E(?:_bucket|_sum|_count)?$/;
            push @bad, "$sample twice" if $seen{$sample}++;
            $n{$name}++;
        }
    }
    return (\@bad, \%n);
}

subtest 'a long page' => sub {
    my $usherd = big(origin());
    for my $version ('1.1', '1.0') {
        my $c = slow($usherd, '/metrics', $version);
        my $head = $c->read_until(qr/\r\n\r\n/);
        unlike $head, qr/Content-Length/i, "HTTP/$version: nobody knows its length before";
        is get($usherd->port(1), '/')->{body}, 'ok', 'the same worker answers others meanwhile' for 1 .. 3;
        $c->{buf} = $head . $c->{buf};
        my $r = whole($c);
        is $r->{status}, 200, 'the rest arrives';
        my ($bad, $n) = samples($r->{body});
        is_deeply $bad, [], 'the samples of a metric stand together';
        is $n->{usherd_server_up}, $MANY + 1, 'each server is there';
        is $n->{usherd_backend_response_seconds_count}, $MANY + 1, 'and each backend';
        my ($seen) = $r->{body} =~ /^usherd_server_requests_total\{backend="app".*\} (\d+)$/m;
        is $seen, $version eq '1.1' ? 3 : 6, 'the page is written as the client takes it: what came after its head is in it';
    }
    my $c = slow($usherd, '/status.json');
    $c->read_until(qr/"backends":\[/);
    is get($usherd->port(1), '/')->{body}, 'ok', 'JSON: others are answered';
    $c = slow($usherd, '/status.json');
    my $r = whole($c);
    my $status = eval { decode_json($r->{body}) };
    ok $status, 'is JSON' or diag substr $r->{body}, 0, 2000;
    is scalar(@{$status->{backends}}), $MANY + 1, 'with each backend';
    is scalar(grep { @{$_->{servers}} == 1 } @{$status->{backends}}), $MANY + 1, 'and its server';
    is ref $status->{certificates}, 'ARRAY', 'to its end';
    $r = whole(slow($usherd, '/'));
    like $r->{body}, qr{<td class="l">b$MANY</td>.*</html>\n\z}s, 'HTML too';
    for my $page ('/', '/metrics', '/status.json') {
        $c = client($usherd->port(9));
        for (1 .. 2) {
            $c->send("HEAD $page HTTP/1.1\r\nHost: a.test\r\n\r\n");
            $r = $c->response(method => 'HEAD');
            is $r && $r->{status}, 200, "HEAD $page";
        }
        $c->send("GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n");
        is +($c->response // {})->{body}, "ok\n", 'has no body';
    }
    $usherd->stop;
};

subtest 'clients that leave a long page' => sub {
    my $usherd = big(origin());
    my @slow = map { slow($usherd, $_ % 2 ? '/metrics' : '/status.json') } 1 .. 10;
    $_->read_until(qr/\r\n\r\n/) for @slow;
    cmp_ok metric($usherd, 'usherd_requests_in_flight'), '>=', 10, 'ten pages are on their way';
    $slow[$_]->reset for 0 .. 4;
    $slow[$_]->close for 5 .. 9;
    ok wait_for { metric($usherd, 'usherd_requests_in_flight') == 1 }, 'none is when they have left';
    $usherd->stop;
};

subtest 'a long page over a reload' => sub {
    my $usherd = big(origin());
    my @slow = map { slow($usherd, $_) } '/metrics', '/status.json';
    $_->read_until(qr/\r\n\r\n/) && ($_->{buf} = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n$_->{buf}") for @slow;
    my $config = $usherd->dir . '/usherd.ini';
    spew($config, slurp($config) =~ s/^\[backend b\d*[02468]\]\nserver = .*\n//mgr);
    ok $usherd->reload, 'half of the backends go';
    is get($usherd->port(1), '/')->{body}, 'ok', 'the next generation answers';
    my ($bad, $n) = samples(whole($slow[0])->{body});
    is_deeply $bad, [], 'the page goes on in order';
    is $n->{usherd_backend_requests_total}, $MANY + 1, 'with what its generation knows';
    is $n->{usherd_server_up}, $n->{usherd_server_weight}, 'servers too';
    my $status = eval { decode_json(whole($slow[1])->{body}) };
    is scalar(@{$status->{backends} // []}), $MANY + 1, 'JSON likewise';
    $usherd->stop;
};

subtest 'the memory of long pages' => sub {
    plan skip_all => 'not of a sanitizer' if sanitized();
    my $usherd = big(origin());
    my ($worker) = map { $_->{pid} } @{decode_json(whole(slow($usherd, '/status.json'))->{body})->{workers}};
    my $rss = sub { my ($kb) = slurp("/proc/$worker/status") =~ /^RssAnon:\s+(\d+)/m; return $kb };
    my $before = $rss->();
    my @slow = map { slow($usherd, '/metrics') } 1 .. 20;
    $_->read_until(qr/\r\n\r\n/) for @slow;
    cmp_ok $rss->() - $before, '<', 20 * 512, 'twenty at once take less than half a megabyte each, in kB';
    $_->close for @slow;
    $usherd->stop;
};

done_testing;
