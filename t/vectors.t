# Raw requests and responses of every shape that proxies have been fooled with, t/vectors/*.jsonl,
# each request also byte by byte: the verdict must be the same.

use strict;
use warnings;
use JSON::PP;
use Test::More;
use Test::Usherd;
use Test::Vectors;

my $JOBS = 8;
$SIG{PIPE} = 'IGNORE';

my @work;
for my $case (Test::Vectors::load("t/vectors/requests.jsonl")) {
    push @work, ["request $case->{id}", sub { $_[0]->request_case($case, 0) }];
    push @work, ["request $case->{id}, byte by byte", sub { $_[0]->request_case($case, 1) }]
        if length $case->{bytes} < 4096;
}
for my $case (Test::Vectors::load("t/vectors/responses.jsonl")) {
    push @work, ["response $case->{id}", sub { $_[0]->response_case($case) }];
}

# Every job has a proxy and an origin of its own, so that nothing one case leaves behind can be
# blamed on another.
my @jobs;
for my $n (0 .. $JOBS - 1) {
    my ($listen, $origin) = (free_port(), free_port());
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:$listen
[route all]
path = /*
backend = app
[backend app]
server = 127.0.0.1:$origin
END
    my $results = "$usherd->{dir}/results";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $vectors = Test::Vectors->new("127.0.0.1:$listen", $origin);
        my %faults;
        for (my $i = $n; $i < @work; $i += $JOBS) {
            my ($name, $play) = @{$work[$i]};
            $faults{$name} = eval { [$play->($vectors)] } // ["died: $@"];
        }
        spew($results, encode_json(\%faults));
        POSIX::_exit(0);
    }
    push @jobs, {pid => $pid, usherd => $usherd, results => $results};
}

my %faults;
for my $job (@jobs) {
    waitpid $job->{pid}, 0;
    %faults = (%faults, %{decode_json(slurp($job->{results}) || '{}')});
}
for (@work) {
    my ($name) = @$_;
    my $found = $faults{$name} // ['was not run'];
    ok(!@$found, $name) or diag(map { "    $_\n" } @$found);
}
for my $job (@jobs) {
    $job->{usherd}->allow_log(qr/\[warn\]/);
    $job->{usherd}->stop;
}
done_testing;
