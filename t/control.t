# Control at run time: what each command of usherctl does to servers under traffic, how long it holds,
# and who may ask for it.

use strict;
use warnings;
use IO::Socket::UNIX;
use JSON::PP 'decode_json';
use POSIX ();
use Socket qw(SHUT_WR);
use Test::Certs 'certs';
use Test::Dns 'dns';
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $WORKERS = 3;
my $SOCKET  = "[admin]\nsocket = %%DIR%%/control\n";

# Workers before servers that answer with their names; a server is a name, or one with options.
sub controlled {
    my ($servers, %more) = @_;
    my @origins = map { origin(ref $_ ? $_->{script} : answer((split)[0])) } @$servers;
    my @lines = map { $origins[$_]{address} . (ref $servers->[$_] ? '' : $servers->[$_] =~ s/^\S+//r) } 0 .. $#origins;
    my $usherd = proxy(\@lines, options => {args => ['-g', "global.workers=$WORKERS"]}, %more,
        backend => "check = off\nslow_start = off\n" . ($more{backend} // ''), more => $SOCKET . ($more{more} // ''));
    $usherd->{of_test} = \@origins;
    return ($usherd, map { $_->{address} } @origins);
}

sub ask { return "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" }

# Connections that all workers have some of.
sub connections {
    my ($usherd, $n) = @_;
    my @c = map { client($usherd->port(1)) } 1 .. $n;
    $_->send(ask()) for @c;
    $_->response for @c;
    return @c;
}

# How often each server answers n requests over the connections.
sub spread {
    my ($n, @c) = @_;
    my %seen;
    for my $i (1 .. $n) {
        my $c = $c[$i % @c];
        $c->send(ask());
        $seen{$c->response->{body} // 'nothing'}++;
    }
    return \%seen;
}

sub servers {
    my ($usherd, @which) = @_;
    my $r = $usherd->usherctl('--json', 'servers', @which);
    is $r->{status}, 0, 'servers' or diag $r->{err};
    return map { $_->{server} => $_ } @{decode_json($r->{out})};
}

# The row of one server; an empty one if it is not listed.
sub server {
    my ($usherd, $name) = @_;
    my ($row) = grep { $_->{server} eq $name } @{decode_json($usherd->usherctl('--json', 'servers')->{out})};
    return $row // {};
}

# Runs a command that works, and returns what it prints.
sub done {
    my ($usherd, @command) = @_;
    my $r = $usherd->usherctl(@command);
    is $r->{status}, 0, "@command" or diag $r->{err};
    return $r->{out};
}

# Runs one that does not.
sub fails {
    my ($usherd, $status, $message, @command) = @_;
    my $r = $usherd->usherctl(@command);
    is $r->{status}, $status, "@command: exit status";
    like $r->{err}, $message, "@command: message";
    is $r->{out}, '', "@command: nothing on standard output";
    return;
}

# The bytes that the socket answers to these, which end the sending side.
sub raw {
    my ($usherd, $bytes) = @_;
    my $s = IO::Socket::UNIX->new(Peer => $usherd->dir . '/control') or die "control: $!";
    local $SIG{PIPE} = 'IGNORE';
    print {$s} $bytes;
    $s->flush;
    shutdown $s, SHUT_WR;
    local $/;
    return scalar <$s> // '';
}

subtest 'orders' => sub {
    my ($usherd, $a, $b, $c) = controlled([qw(a b c)]);
    my @c = connections($usherd, 12);
    is_deeply spread(60, @c), {a => 20, b => 20, c => 20}, 'before';
    like done($usherd, 'drain', 'app', $a), qr/\Abackend app: server \Q$a\E drains; 0 requests under way\n\z/, 'says so';
    is_deeply spread(40, @c), {b => 20, c => 20}, 'drained: at once, in all workers';
    done($usherd, 'disable', 'app', $b);
    is_deeply spread(20, @c), {c => 20}, 'disabled';
    ok wait_for { server($usherd, $b)->{connections} == 0 }, 'without idle connections';
    my %s = servers($usherd);
    is_deeply [map { "$s{$_}{state} $s{$_}{from}" } $a, $b, $c],
        ['draining usherctl', 'disabled usherctl', 'up config'], 'where it comes from';
    done($usherd, 'enable', 'app', $_) for $a, $b;
    is_deeply spread(60, @c), {a => 20, b => 20, c => 20}, 'enabled';
    is server($usherd, $a)->{state}, 'up', 'up again';
    my $line = $usherd->await_log(qr/control: uid \d+, pid \d+: drain app \Q$a\E/);
    ok $line, 'who asked stands in the log';
    is $usherd->usherctl('drain', 'app', '127.0.0.1:1')->{status}, 1, 'no such server';
    ok $usherd->await_log(qr/control: nothing changed: backend app has no server 127\.0\.0\.1:1;/), 'a failure, too';
    $usherd->stop;
};

subtest 'requests under way' => sub {
    my $dir  = scratch();
    my $slow = ['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl"],
        sub { wait_for { -e "$dir/go" }; '' }, [send => 'ow'], 'eof'];
    my ($usherd, $a, $b) = controlled([{script => $slow}, 'b']);
    my $first = client($usherd->port(1));
    $first->send(ask());
    ok wait_for { server($usherd, $a)->{requests} == 1 }, 'one request at a slow server';
    like done($usherd, 'disable', 'app', $a), qr/; 1 request under way$/, 'which the command says';
    like done($usherd, 'remove', 'app', $a), qr/was removed; 1 request under way$/, 'removing too';
    is_deeply spread(6, connections($usherd, 3)), {b => 6}, 'others go elsewhere';
    is server($usherd, $a)->{requests}, 1, 'it is still listed';
    spew("$dir/go", 'go');
    is $first->response->{body}, 'slow', 'it ends well';
    done($usherd, 'reset', 'app', $a);
    is server($usherd, $a)->{state}, 'up', 'and is back';
    $usherd->stop;
};

subtest 'traffic' => sub {
    my ($usherd, @addresses) = controlled([qw(a b c)]);
    my $new = origin(answer('new'));
    my $dir = scratch();
    my @pids;
    for (1 .. 4) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my ($failed, $c) = (0, client($usherd->port(1)));
            for (1 .. 20_000) {
                last if -e "$dir/done";
                $c->send(ask());
                my $r = $c->response;
                $failed++ unless $r && $r->{status} == 200;
                $c = client($usherd->port(1)) if lc(field($r, 'connection') // '') eq 'close';
            }
            POSIX::_exit($failed ? 1 : 0);
        }
        push @pids, $pid;
    }
    my $commands = 0;
    for my $i (1 .. 6) {
        my $one = $addresses[$i % 3];
        for (['drain', 'app', $one], ['weight', 'app', $one, $i], ['add', 'app', $new->{address}], ['enable', 'app', $one],
            ['disable', 'app', $addresses[0]], ['remove', 'app', $one], ['remove', 'app', $new->{address}], ['reset']) {
            $commands += $usherd->usherctl(@$_)->{status} == 0;
        }
        $usherd->usherctl('reload') if $i == 3;
    }
    spew("$dir/done", '');
    is $commands, 6 * 8, 'all is done';
    is join(' ', map { waitpid $_, 0; $? } @pids), '0 0 0 0', 'and no request fails';
    ok wait_for { !grep { $_->{requests} } @{decode_json($usherd->usherctl('--json', 'servers')->{out})} }, 'nothing is left under way';
    $usherd->stop;
};

subtest 'requests that wait' => sub {
    my ($usherd, $a) = controlled(['a'], backend => "queue = 10 timeout=1m\n");
    done($usherd, 'disable', 'app', $a);
    my @c = map { client($usherd->port(1)) } 1 .. 4;
    $_->send(ask()) for @c;
    ok wait_for { decode_json($usherd->usherctl('--json', 'generations')->{out})->[0]{requests} == 4 }, 'while none can be used';
    done($usherd, 'enable', 'app', $a);
    is $_->response->{body}, 'a', 'go on when it can' for @c;
    $usherd->stop;
};

subtest 'weights' => sub {
    my ($usherd, $a, $b) = controlled([qw(a b)]);
    my @c = connections($usherd, 12);
    is_deeply spread(40, @c), {a => 20, b => 20}, 'even';
    done($usherd, 'weight', 'app', $a, 3);
    is_deeply spread(40, @c), {a => 30, b => 10}, 'three to one';
    my $s = server($usherd, $a);
    is "$s->{weight} $s->{configured_weight}", '3 1', 'both weights are shown';
    like $usherd->usherctl('servers')->{out}, qr/\Q$a\E .* 3 \(1\) /, 'in the text too';
    done($usherd, 'reset', 'app', $a);
    is_deeply spread(40, @c), {a => 20, b => 20}, 'even again';
    fails($usherd, 2, qr/^usherctl: $_ is no weight, 1 to 256/, 'weight', 'app', $a, $_) for 0, 257, 'x', '1.5';
    $usherd->stop;
};

subtest 'adding and removing' => sub {
    my ($usherd, $a, $b) = controlled([qw(a b)]);
    my $new = origin(answer('new'));
    my @c = connections($usherd, 12);
    done($usherd, 'add', 'app', $new->{address}, 'weight=2');
    is_deeply spread(40, @c), {a => 10, b => 10, new => 20}, 'added, with its weight';
    my $s = server($usherd, $new->{address});
    is "$s->{state} $s->{from}", 'up usherctl', 'by usherctl';
    ok $s->{added}, 'marked';
    fails($usherd, 1, qr/has the server \Q$new->{address}\E already/, 'add', 'app', $new->{address});
    fails($usherd, 1, qr/has the server \Q$a\E already/, 'add', 'app', "http://$a");
    done($usherd, 'weight', 'app', $new->{address}, 1);
    is_deeply spread(30, @c), {a => 10, b => 10, new => 10}, 'it takes a weight';
    done($usherd, 'drain', 'app', $new->{address});
    is_deeply spread(20, @c), {a => 10, b => 10}, 'and orders';
    done($usherd, 'enable', 'app', $new->{address});
    done($usherd, 'remove', 'app', $a);
    is_deeply spread(20, @c), {b => 10, new => 10}, 'one of the configuration removed';
    is server($usherd, $a)->{state}, 'removed', 'it is still listed';
    fails($usherd, 1, qr/was removed \(reset app \Q$a\E brings it back\)/, 'drain', 'app', $a);
    done($usherd, 'remove', 'app', $new->{address});
    is_deeply spread(20, @c), {b => 20}, 'the added one removed';
    ok !%{server($usherd, $new->{address})}, 'and not listed any more';
    done($usherd, 'remove', 'app', $b);
    $usherd->expect_log(qr/503 no-server: backend app/);
    is get($usherd->port(1), '/')->{status}, 503, 'no server left';
    like done($usherd, 'reset'), qr/^back to the configuration$/, 'all back';
    like done($usherd, 'reset'), qr/^nothing was changed before$/, 'once';
    is_deeply spread(20, @c), {a => 10, b => 10}, 'as configured';
    fails($usherd, 2, qr/^usherctl: server: "x" has no port/, 'add', 'app', 'x');
    fails($usherd, 2, qr/^usherctl: server: "\Q$_\E": the port is a number from 1 to 65535$/, 'add', 'app', $_)
        for '127.0.0.1:0', '127.0.0.1:', '[::1]:0', 'http://127.0.0.1:0', 'https://[::1]:/';
    fails($usherd, 2, qr/^usherctl: server: "wieght=1": unknown option .*did you mean weight/, 'add', 'app', 'x:1', 'wieght=1');
    $usherd->stop;
};

subtest 'a server with https is added where there was none' => sub {
    my $pki   = certs();
    my $good  = origin({tls => $pki->leaf(good => names => ['127.0.0.1'])}, answer('good'));
    my $false = origin({tls => $pki->leaf(false => names => ['false.test'])}, answer('false'));
    my $other = "[route other]\npath = /other\nbackend = other\n[backend other]\nserver = 127.0.0.1:1\ncheck = off\n";
    my ($usherd, $a) = controlled(['a'], backend => 'tls_ca = ' . $pki->file('root') . "\n", more => $other);
    $usherd->allow_log(qr/tls_ca: has no effect/);
    my @c = connections($usherd, 6);
    done($usherd, 'add', 'app', "https://$good->{address}");
    is_deeply spread(20, @c), {a => 10, good => 10}, 'it serves';
    ok $usherd->reload, 'reload';
    is_deeply spread(20, connections($usherd, 6)), {a => 10, good => 10}, '... also after a reload';
    done($usherd, 'add', 'other', "https://$false->{address}");
    done($usherd, 'remove', 'other', '127.0.0.1:1');
    $usherd->expect_log(qr/backend other: server \Q$false->{address}\E: tls: expected a certificate for 127\.0\.0\.1/, qr/502 tls-verify/);
    is get($usherd->port(1), '/other')->{status}, 502, 'a certificate is checked';
    ok $usherd->reload($usherd->{text} =~ s/^\[admin\]\nsocket = .*\n//mr), 'a reload that takes the control socket away';
    is_deeply spread(20, connections($usherd, 6)), {a => 10, good => 10}, '... but not the server';
    is get($usherd->port(1), '/other')->{status}, 502, '... nor what is checked';
    $usherd->stop;
};

subtest 'a name that is added is asked for as often as those of its backend' => sub {
    my $port   = free_port();
    my @origin = map { origin({address => "127.0.0.$_", port => $port}, answer($_)) } 2, 3;
    my $dns = dns('new.test' => {A => ['127.0.0.2'], ttl => 3600});
    my ($usherd, $a) = controlled(['a'], global => "resolver = $dns->{address}", backend => "resolve = 1s\n");
    done($usherd, 'remove', 'app', $a);
    done($usherd, 'add', 'app', "new.test:$port");
    ok wait_for { get($usherd->port(1), '/')->{body} eq '2' }, 'it serves';
    $dns->set('new.test' => {A => ['127.0.0.3'], ttl => 3600});
    ok $dns->await_asked('new.test', 'A'), 'asked again long before its TTL';
    ok wait_for { get($usherd->port(1), '/')->{body} eq '3' }, '... and another server serves';
    $usherd->allow_log(qr/503 no-server/);
    $usherd->stop;
};

subtest 'reloads' => sub {
    my ($usherd, $a, $b) = controlled([qw(a b)]);
    my $new = origin(answer('new'));
    done($usherd, 'drain', 'app', $a);
    done($usherd, 'add', 'app', $new->{address});
    ok $usherd->reload, 'reload';
    is_deeply spread(20, connections($usherd, 6)), {b => 10, new => 10}, 'all of it holds';
    is server($usherd, $a)->{state}, 'draining', 'and is shown';

    my $text = $usherd->{text};
    ok $usherd->reload($text =~ s/^server = \Q$a\E$/server = $a weight=2/mr), 'the line of the server changes';
    my %s = servers($usherd);
    is "$s{$a}{state} $s{$a}{from} $s{$a}{weight}", 'up config 2', 'the drain is over';
    ok $s{$new->{address}}, 'the other change is not';
    ok $usherd->await_log(qr/1 change of servers at run time: over/), 'logged';
    ok $usherd->reload($text), 'the line is as before';
    is server($usherd, $a)->{state}, 'up', 'what is over stays over';

    ok $usherd->reload($text =~ s/^(server = \Q$b\E)$/$1\nserver = $new->{address} backup/mr), 'the added one in the file';
    my $s = server($usherd, $new->{address});
    ok !$s->{added} && $s->{backup}, 'is as the file says';
    ok $usherd->reload($text), 'and out again';
    ok !%{server($usherd, $new->{address})}, 'it is gone';

    done($usherd, 'disable', 'app', $a);
    $usherd->expect_log(qr/unknown key/, qr/reload failed/);
    spew($usherd->{ini}, "$text\nbogus = 1\n");
    $usherd->signal('HUP');
    ok $usherd->await_log(qr/reload failed/), 'a reload fails';
    is server($usherd, $a)->{state}, 'disabled', 'which changes nothing';
    $usherd->stop;
};

subtest 'what the configuration says' => sub {
    my ($usherd, $a, $b, $c) = controlled(['a', 'b down', 'c backup']);
    my @c = connections($usherd, 6);
    is_deeply spread(10, @c), {a => 10}, 'one down, one backup';
    my %s = servers($usherd);
    is "$s{$b}{state} $s{$b}{from}", 'down config', 'down by the configuration';
    ok $s{$c}{backup} && !$s{$a}{backup}, 'the backup is marked';
    done($usherd, 'enable', 'app', $b);
    is_deeply spread(20, @c), {a => 10, b => 10}, 'enabled all the same';
    is server($usherd, $b)->{from}, 'usherctl', 'by usherctl';
    done($usherd, 'disable', 'app', $_) for $a, $b;
    is_deeply spread(10, @c), {c => 10}, 'the backup takes over';
    done($usherd, 'reset', 'app');
    is server($usherd, $b)->{state}, 'down', 'reset of a backend';
    $usherd->stop;
};

subtest 'servers that fail' => sub {
    my $port = free_port();
    my ($usherd, $a) = controlled(['a'], backend => "server = 127.0.0.1:$port\neject = errors=1 time=5m max=100%\nretries = 1\n");
    my @c = connections($usherd, 3);
    spread(4, @c);
    my $s = server($usherd, "127.0.0.1:$port");
    is "$s->{state} $s->{from}", 'ejected eject', 'ejected by the workers';
    done($usherd, 'enable', 'app', "127.0.0.1:$port");
    is server($usherd, "127.0.0.1:$port")->{state}, 'up', 'enable ends that';
    $usherd->allow_log(qr/./);
    $usherd->stop;
};

subtest 'names' => sub {
    my $port = free_port();
    my @origins = map { origin({address => "127.0.0.$_", port => $port}, answer($_)) } 2 .. 4;
    my $dns = dns('app.test' => {A => ['127.0.0.2', '127.0.0.3']}, 'new.test' => {A => ['127.0.0.4']});
    my ($usherd) = controlled([], global => "resolver = $dns->{address}", backend => "server = app.test:$port\n",
        more => "[route twice]\npath = /twice\nbackend = twice\n"
            . "[backend twice]\ncheck = off\nserver = app.test:$port\nserver = https://app.test:1\n");
    my @c = connections($usherd, 6);
    my $states = sub {
        my $rows = decode_json($usherd->usherctl('--json', 'servers', 'app')->{out});
        return join ' ', map { ($_->{address} // 'none') =~ s/:.*//r . "=$_->{state}" } sort { ($a->{address} // '') cmp ($b->{address} // '') } @$rows;
    };
    is_deeply spread(20, @c), {2 => 10, 3 => 10}, 'both addresses serve';
    done($usherd, 'drain', 'app', "127.0.0.2:$port");
    is $states->(), '127.0.0.2=draining 127.0.0.3=up', 'an order for one address';
    is_deeply spread(10, @c), {3 => 10}, 'the other one serves';
    done($usherd, 'disable', 'app', "app.test:$port");
    is $states->(), '127.0.0.2=disabled 127.0.0.3=disabled', 'an order for the name is for both';
    done($usherd, 'enable', 'app', "127.0.0.2:$port");
    is $states->(), '127.0.0.2=up 127.0.0.3=disabled', 'one for an address after that goes before it';
    done($usherd, 'reset', 'app', "127.0.0.2:$port");
    is $states->(), '127.0.0.2=disabled 127.0.0.3=disabled', 'what was ordered for one is reset alone';
    done($usherd, 'weight', 'app', "127.0.0.2:$port", 5);
    is $states->(), '127.0.0.2=disabled 127.0.0.3=disabled', 'its weight is another matter';
    done($usherd, 'reset', 'app', "app.test:$port");
    is $states->(), '127.0.0.2=up 127.0.0.3=up', 'reset of the name resets all';
    is_deeply spread(20, @c), {2 => 10, 3 => 10}, 'the weight too';
    done($usherd, 'enable', 'app', "app.test:$port");
    done($usherd, 'remove', 'app', "127.0.0.3:$port");
    is $states->(), '127.0.0.2=up 127.0.0.3=removed', 'an address is removed';
    ok $usherd->reload, 'reload';
    is $states->(), '127.0.0.2=up 127.0.0.3=removed', 'which holds';
    done($usherd, 'add', 'app', "new.test:$port");
    ok wait_for { $states->() eq '127.0.0.2=up 127.0.0.3=removed 127.0.0.4=up' }, 'a name is added';
    done($usherd, 'reset', 'app', "127.0.0.3:$port");
    done($usherd, 'remove', 'app', "127.0.0.4:$port");
    is $states->(), '127.0.0.2=up 127.0.0.3=up', 'and goes by its address';
    fails($usherd, 1, qr/has no server 127\.0\.0\.9:1; there are: app\.test:$port \(127\.0\.0\.2:$port\) app\.test:$port \(127\.0\.0\.3:$port\)$/,
        'drain', 'app', '127.0.0.9:1');
    $usherd->stop;
};

subtest 'sticky clients' => sub {
    my ($usherd, $a, $b) = controlled([qw(a b)], backend => "sticky = cookie srv\n");
    my ($c) = client($usherd->port(1));
    $c->send(ask());
    my $r = $c->response;
    my ($cookie) = field($r, 'set-cookie') =~ /^(srv=[^;]+)/;
    my $own = $r->{body} eq 'a' ? $a : $b;
    my $again = sub {
        my $r = get($usherd->port(1), '/', "Cookie: $cookie");
        return $r->{body};
    };
    is $again->(), $r->{body}, 'a client stays' for 1 .. 3;
    done($usherd, 'drain', 'app', $own);
    is $again->(), $r->{body}, 'also while its server drains' for 1 .. 3;
    isnt get($usherd->port(1), '/')->{body}, $r->{body}, 'new ones do not come' for 1 .. 3;
    done($usherd, 'disable', 'app', $own);
    isnt $again->(), $r->{body}, 'disabled, it serves nobody';
    $usherd->stop;
};

subtest 'processes' => sub {
    my ($usherd, $a) = controlled(['a']);
    my ($g) = @{decode_json(done($usherd, 'generations', '--json'))};
    is_deeply [@$g{qw(generation state workers)}], [1, 'serving', $WORKERS], 'generations';
    my $v = decode_json(done($usherd, '--json', 'version'));
    is $v->{pid}, $usherd->{pid}, 'version: the pid';
    like done($usherd, 'version'), qr/^usherd \d[\w.]*, pid $usherd->{pid}, generation 1, running for /, 'as text';
    like done($usherd, 'reload'), qr/^generation 2 serves with $WORKERS workers$/, 'reload says what serves';
    my $idle = client($usherd->port(1));
    $idle->send(ask());
    $idle->response;
    done($usherd, 'reload');
    my @g = @{decode_json(done($usherd, '--json', 'generations'))};
    is_deeply [map { "$_->{generation} $_->{state}" } @g], ['2 draining', '3 serving'], 'the old one drains';
    is $g[0]{connections}, 1, 'with its connection';
    like done($usherd, 'generations'), qr/\AGENERATION +STATE +WORKERS .*\n +2  draining /, 'as text';

    $usherd->expect_log(qr/unknown key/, qr/has no address/, qr/reload failed/);
    spew($usherd->{ini}, $usherd->{text} =~ s/^bind/bnid/mr);
    my $r = $usherd->usherctl('reload');
    is $r->{status}, 1, 'a bad configuration';
    like $r->{err}, qr/usherd\.ini:\d+: \[listen web\] bnid: unknown key.*reload failed: all goes on/s, 'its errors';
    is get($usherd->port(1), '/')->{body}, 'a', 'all goes on';
    $r = $usherd->usherctl('--json', 'reload');
    like decode_json($r->{err})->{error}, qr/unknown key/, 'errors in JSON';

    $usherd->expect_log(qr/is taken|Address already in use/);
    my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => free_port_at(7), Listen => 1) or die;
    spew($usherd->{ini}, $usherd->{text} =~ s/^(bind = .*)$/"$1\nbind = 127.0.0.1:" . free_port_at(7)/mer);
    like $usherd->usherctl('reload')->{err}, qr/bind 127\.0\.0\.1:\d+: Address already in use/, 'what cannot be opened';
    $usherd->stop;
};

subtest 'warnings of a reload' => sub {
    my $dns = dns();
    my ($usherd) = controlled(['a'], global => "resolver = $dns->{address}");
    spew($usherd->{ini}, "$usherd->{text}\n[backend lonely]\nserver = gone.test:1\n");
    $usherd->expect_log(qr/lonely\]: nothing uses it/, qr/gone\.test: does not resolve/);
    my @lines = split /\n/, done($usherd, 'reload');
    like $lines[0], qr/\A\S+:\d+: warning: \[backend lonely\]: nothing uses it\z/, 'of the configuration: the word behind the place';
    like $lines[1], qr/\Awarning: name gone\.test: does not resolve/, 'others: the word before them';
    like $lines[2], qr/\Ageneration 2 serves/, 'and what came of it';
    $usherd->stop;
};

subtest 'drained' => sub {
    my ($usherd, $a) = controlled(['a']);
    $usherd->signal('WINCH');
    ok wait_for { !$usherd->workers }, 'no workers';
    fails($usherd, 1, qr/no configuration serves now/, 'servers');
    fails($usherd, 1, qr/no configuration serves now/, 'drain', 'app', $a);
    done($usherd, 'reload');
    is get($usherd->port(1), '/')->{body}, 'a', 'a reload brings them back';
    $usherd->stop;
};

subtest 'wrong requests' => sub {
    my ($usherd, $a) = controlled(['a']);
    fails($usherd, 2, qr/^usherctl: drian: no such command \(did you mean drain\?\)/, 'drian');
    fails($usherd, 2, qr/^usherctl: usage: drain BACKEND SERVER$/, 'drain', 'app');
    fails($usherd, 2, qr/^usherctl: usage: version$/, 'version', 'x');
    fails($usherd, 1, qr/there is no backend ap \(did you mean app\?\); there are: app$/, $_, 'ap', 'x')
        for qw(drain enable disable remove add reset);
    fails($usherd, 1, qr/there is no backend x; there are: app$/, 'servers', 'x');
    fails($usherd, 1, qr/^usherctl: backend app has no server x; there are: \Q$a\E$/, $_, 'app', 'x')
        for qw(drain enable disable remove reset);
    my $r = $usherd->usherctl('--json', 'drain', 'app', 'x');
    like decode_json($r->{err})->{error}, qr/has no server x/, 'in JSON';
    fails($usherd, 2, qr/too many words/, 'add', 'app', ('x') x 40);
    fails($usherd, 2, qr/empty or has control characters/, 'drain', 'app', "a\nb");
    fails($usherd, 2, qr/empty or has control characters/, 'drain', 'app', '');
    fails($usherd, 2, qr/no command/);
    fails($usherd, 2, qr/unknown option/, '-x', 'servers');
    fails($usherd, 2, qr/too long/, 'add', 'app', 'x' x 5000);

    like raw($usherd, "version\n"), qr/\Aok\nusherd /, 'by hand';
    like raw($usherd, '--json version'), qr/\Aok\n\{/, 'without a line end';
    is raw($usherd, "\n"), "usage\nno command (help lists them)\n", 'an empty line';
    is raw($usherd, ''), '', 'nothing at all';
    like raw($usherd, "\0\1\2\n"), qr/\Ausage\n/, 'garbage';
    like raw($usherd, 'x' x 100_000), qr/\Ausage\nthe request is too long\n\z/, 'endless garbage';
    like raw($usherd, "GET / HTTP/1.1\r\n\r\n"), qr/\Ausage\n/, 'HTTP';
    like raw($usherd, "version\nservers\n"), qr/\Aok\nusherd [^\n]*\n\z/, 'one request a connection';
    is raw($usherd, "drain app $a\n"), "ok\nbackend app: server $a drains; 0 requests under way\n", 'and it counts';
    $usherd->stop;
};

subtest 'many clients' => sub {
    my ($usherd, $a) = controlled(['a']);
    my @idle = map { IO::Socket::UNIX->new(Peer => $usherd->dir . '/control') } 1 .. 20;
    ok !grep({ !$_ } @idle), 'clients that say nothing';
    print {$idle[0]} 'vers';
    $idle[0]->flush;
    like done($usherd, 'version'), qr/^usherd/, 'stand in nobody\'s way';
    print {$idle[0]} "ion\n";
    $idle[0]->flush;
    like readline($idle[0]), qr/^ok$/, 'one says it in pieces';
    my @more = map { IO::Socket::UNIX->new(Peer => $usherd->dir . '/control') } 1 .. 13;
    like raw($usherd, "version\n"), qr/\Afailed\ntoo many clients\n/, 'too many are told so';
    @idle = @more = ();
    ok wait_for { $usherd->usherctl('version')->{status} == 0 }, 'until they leave';

    my $gone = IO::Socket::UNIX->new(Peer => $usherd->dir . '/control');
    print {$gone} "reload\n";
    $gone->flush;
    close $gone;
    ok $usherd->await_log(qr/generation 2 serves/), 'one that leaves has asked all the same';
    ok $usherd->usherctl('version')->{status} == 0, 'and nothing broke';
    $usherd->stop;
};

# A reload that takes its time: nobody answers for a name.
sub held {
    my $silent = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "udp: $!";
    my ($usherd, $a) = controlled(['a'], options => {args => ['-g', "global.workers=$WORKERS", '-g',
        'global.resolver=127.0.0.1:' . $silent->sockport]});
    spew($usherd->{ini}, $usherd->{text} =~ s/^(server = .*)$/$1\nserver = silence.test:80/mr);
    $usherd->allow_log(qr/silence\.test/);
    my @c = map { IO::Socket::UNIX->new(Peer => $usherd->dir . '/control') } 1 .. 3;
    for (@c) { print {$_} "reload\n"; $_->flush }
    ok $usherd->await_log(qr/another one is under way/), 'reloads at a time';
    $usherd->{silent} = $silent;
    return ($usherd, @c);
}

subtest 'who asks during a reload hears of the next one' => sub {
    my ($usherd, @c) = held();
    my @said = map { local $/; readline $_ } @c;
    like $said[0], qr/\Aok\n(?:.*\n)*generation 2 serves with 3 workers\n\z/, 'the first one';
    like $said[$_], qr/\Aok\n(?:.*\n)*generation 3 serves with 3 workers\n\z/, 'one of the others' for 1, 2;
    $usherd->stop;
};

subtest 'whoever waits while it all ends' => sub {
    my ($usherd, @c) = held();
    my $idle = IO::Socket::UNIX->new(Peer => $usherd->dir . '/control');
    $usherd->stop;
    my @said = map { local $/; readline $_ } @c;
    is_deeply \@said, [("failed\nusherd is ending\n") x 3], 'is told so';
    is readline($idle), undef, 'others are closed';
    ok !-e $usherd->dir . '/control', 'and the file is gone';
};

subtest 'the socket' => sub {
    my ($usherd, $a) = controlled(['a']);
    my $path = $usherd->dir . '/control';
    is sprintf('%o', (stat $path)[2] & 0777), '600', 'its rights';
    is((stat _)[4], $>, 'its owner');
    my $text = $usherd->{text};
    my ($inode) = slurp('/proc/net/unix') =~ /(\d+) \Q$path\E$/m;
    ok $inode, 'a socket';
    is_deeply [grep { (readlink($_) // '') eq "socket:[$inode]" } map { glob "/proc/$_/fd/*" } $usherd->workers], [],
        'which no worker has';

    ok $usherd->reload, 'reload';
    ok -S $path, 'the same socket';
    $usherd->reload($text =~ s/^socket = .*$/socket = $path.new/mr);
    ok wait_for { !-e $path }, 'moved away';
    is run_usherctl($usherd->dir, '-c', $usherd->{ini}, 'version')->{status}, 0, 'found by the configuration';
    $usherd->reload($text =~ s/\Q[admin]\E\nsocket = .*\n//r);
    ok wait_for { !-e "$path.new" }, 'taken away';
    my $r = run_usherctl($usherd->dir, '-c', $usherd->{ini}, 'version');
    is $r->{status}, 1, 'none in the configuration';
    like $r->{err}, qr/usherd\.ini has no control socket \(add one to its \[admin\]: socket = /, 'and how to have one';
    spew($usherd->{ini}, $text);
    $r = run_usherctl($usherd->dir, '-c', $usherd->{ini}, 'version');
    like $r->{err}, qr/\Q$path\E: No such file or directory \(is usherd running/, 'one that is not there yet';
    $usherd->reload;
    is $usherd->usherctl('version')->{status}, 0, 'and back';

    $r = run_usherctl($usherd->dir, '-c', $usherd->dir . '/nothing', 'version');
    like $r->{err}, qr/No such file or directory.*named with -s/s, 'no configuration';
    $usherd->allow_log(qr/the master is gone/);
    $usherd->kill_now;
    ok -S $path, 'killed, it leaves its socket behind';
    like $usherd->usherctl('version')->{err}, qr/Connection refused \(is usherd running/, 'which is dead';
    $usherd->start;
    is $usherd->usherctl('version')->{status}, 0, 'until the next one takes its place';

    $usherd->expect_log(qr/bind \Q$path\E\.taken: Address already in use/, qr/reload failed/);
    my $taken = IO::Socket::UNIX->new(Local => "$path.taken", Listen => 1);
    spew($usherd->{ini}, $text =~ s/^socket = .*$/socket = $path.taken/mr);
    like $usherd->usherctl('reload')->{err}, qr/usherd\.ini:\d+: bind \Q$path\E\.taken: Address already in use/, 'a path that is taken';
    is $usherd->usherctl('version')->{status}, 0, 'the old one stays';
    $usherd->stop;
    ok !-e $path, 'gone at the end';
    ok -S "$path.taken", 'and no other';
};

SKIP: {
    skip 'needs root', 1 if $>;
    subtest 'for a group' => sub {
        my $gid = getgrnam('www-data') // skip 'no group www-data', 1;
        my ($usherd, $a) = controlled(['a'], global => "user = www-data\ngroup = www-data\n");
        my $path = $usherd->dir . '/control';
        my @stat = stat $path;
        is sprintf('%o %d %d', $stat[2] & 0777, @stat[4, 5]), "660 0 $gid", 'shared with it';
        my $text = $usherd->{text};
        $usherd->reload($text =~ s/^group = .*\n//mr);
        is sprintf('%o', (stat $path)[2] & 0777), '600', 'no longer';
        $usherd->reload($text);
        is sprintf('%o', (stat $path)[2] & 0777), '660', 'and again';
        $usherd->stop;
    };
}

subtest 'the program' => sub {
    my $dir = scratch();
    my $r = run_usherctl($dir, '-h');
    like $r->{out}, qr/^  drain BACKEND SERVER/m, 'help lists the commands';
    like run_usherctl($dir, '-V')->{out}, qr/^usherctl \d/, 'version';
    is run_usherctl($dir, '-V')->{status}, 0, 'exit status';
    is run_usherctl($dir, '-c', 'x', '-s', 'y', 'version')->{status}, 2, '-c and -s';
    like run_usherctl($dir, '-s')->{err}, qr/a value is missing behind -s/, '-s alone';
    like run_usherctl($dir, '-s', "$dir/" . 'x' x 120, 'version')->{err}, qr/File name too long/, 'a long path';
    my $fake = IO::Socket::UNIX->new(Local => "$dir/fake", Listen => 1);
    if (my $pid = fork // die) {
        like run_usherctl($dir, '-s', "$dir/fake", 'version')->{err}, qr/no answer of usherd/, 'somebody else answers';
        waitpid $pid, 0;
    } else {
        my $s = $fake->accept;
        print {$s} "HTTP/1.1 400 Bad Request\r\n\r\n";
        close $s;
        POSIX::_exit(0);
    }
};

done_testing;
