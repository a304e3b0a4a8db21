# Perl's core IPC::Semaphore and raw semget/semop/semctl, as any Perl program uses them.
# Prints what it saw (the caller compares kernel and drop-in) and ends with "checked N".
use strict;
use warnings;
use Errno qw(EAGAIN EEXIST EINVAL EIDRM ENOENT ERANGE EFBIG);
use IPC::Semaphore;
use IPC::SysV qw(
  IPC_PRIVATE IPC_CREAT IPC_EXCL IPC_NOWAIT IPC_RMID IPC_STAT GETVAL GETALL SETVAL SETALL GETPID
  GETNCNT GETZCNT SEM_UNDO S_IRUSR S_IWUSR
);

$| = 1;
alarm 60;    # a hang is a failure
my $checked = 0;

sub check {
  my ($what, $got, $wanted) = @_;
  $got = 'undef' unless defined $got;
  die "$what: got <$got>, wanted <$wanted> (errno $!)\n" unless "$got" eq "$wanted";
  print "$what = $got\n";
  $checked++;
}

# Waits until CODE is true; alarm above is the watchdog.
sub wait_until { my ($code) = @_; select undef, undef, undef, 0.001 until $code->(); }

# --- the object interface ---
my $set = IPC::Semaphore->new(IPC_PRIVATE, 4, S_IRUSR | S_IWUSR | IPC_CREAT) or die "new: $!";
check 'fresh values', join(',', $set->getall), '0,0,0,0';
$set->setall(1, 2, 3, 4) or die "setall: $!";
check 'values after setall', join(',', $set->getall), '1,2,3,4';
$set->setval(2, 30) or die "setval: $!";
check 'getval', $set->getval(2), 30;
check 'op', ($set->op(0, -1, IPC_NOWAIT, 3, 5, 0) ? 'done' : "$!"), 'done';
check 'values after op', join(',', $set->getall), '0,2,30,9';
check 'getpid is ours', ($set->getpid(0) == $$ ? 'yes' : 'no'), 'yes';
check 'would block', ($set->op(0, -1, IPC_NOWAIT) ? 'done' : $! + 0), EAGAIN;
check 'all or nothing', ($set->op(1, -2, 0, 0, -1, IPC_NOWAIT) ? 'done' : $! + 0), EAGAIN;
check 'values unchanged', join(',', $set->getall), '0,2,30,9';
check 'too large', ($set->op(3, 32767, 0) ? 'done' : $! + 0), ERANGE;
check 'no such semaphore', ($set->op(4, 1, 0) ? 'done' : $! + 0), EFBIG;
my $stat = $set->stat;
check 'stat nsems', $stat->nsems, 4;
check 'stat mode', sprintf('%o', $stat->mode & 0777), '600';
check 'stat uid is ours', ($stat->uid == $> ? 'yes' : 'no'), 'yes';
check 'stat otime set', ($stat->otime > 0 ? 'yes' : 'no'), 'yes';

# --- a sleeper in another process ---
my $pid = fork // die "fork: $!";
if ($pid == 0) { exit($set->op(0, -2, 0) ? 7 : 1) }
wait_until(sub { $set->getncnt(0) == 1 });
check 'one waits', $set->getncnt(0) . '/' . $set->getzcnt(0), '1/0';
$set->op(0, 1, 0) or die "op: $!";
check 'still waits', $set->getncnt(0), 1;
$set->op(0, 1, 0) or die "op: $!";
waitpid $pid, 0;
check 'sleeper returned', $? >> 8, 7;
check 'its pid is on the semaphore', ($set->getpid(0) == $pid ? 'yes' : 'no'), 'yes';

# --- wait for zero ---
$set->setval(1, 1) or die;
$pid = fork // die "fork: $!";
if ($pid == 0) { exit($set->op(1, 0, 0) ? 8 : 1) }
wait_until(sub { $set->getzcnt(1) == 1 });
$set->op(1, -1, 0) or die;
waitpid $pid, 0;
check 'wait for zero returned', $? >> 8, 8;

# --- undo at exit and at SIGKILL ---
for my $how ('exit', 'kill') {
  $set->setval(0, 1) or die;
  $pid = fork // die "fork: $!";
  if ($pid == 0) {
    $set->op(0, -1, SEM_UNDO) or exit 1;
    $set->op(1, 1, 0) or exit 1;    # tells the parent
    exit 0 if $how eq 'exit';
    sleep 60;
    exit 1;
  }
  $set->op(1, -1, 0) or die "wait for child: $!";
  kill 'KILL', $pid if $how eq 'kill';
  waitpid $pid, 0;
  check "undone at $how", $set->getval(0), 1;
}

# --- removal wakes the sleeper ---
$pid = fork // die "fork: $!";
if ($pid == 0) { exit($set->op(1, -1, 0) ? 1 : $! == EIDRM ? 9 : 2) }
wait_until(sub { $set->getncnt(1) == 1 });
check 'removed', ($set->remove ? 'yes' : "$!"), 'yes';
waitpid $pid, 0;
check 'sleeper saw EIDRM', $? >> 8, 9;
check 'gone', (defined $set->getval(0) ? 'there' : $! + 0), EINVAL;

# --- the raw calls, with a key ---
my $key = 0x4f000000 | ($$ & 0xffffff);
check 'no such key', (defined semget($key, 2, 0600) ? 'there' : $! + 0), ENOENT;
my $id = semget($key, 2, IPC_CREAT | IPC_EXCL | 0640);
defined $id or die "semget: $!";
check 'exclusive again', (defined semget($key, 2, IPC_CREAT | IPC_EXCL | 0640) ? 'made' : $! + 0),
  EEXIST;
check 'same id by key', (semget($key, 0, 0) == $id ? 'yes' : 'no'), 'yes';
check 'too many asked', (defined semget($key, 3, 0) ? 'there' : $! + 0), EINVAL;
semctl($id, 0, SETALL, pack('s!*', 5, 6)) or die "SETALL: $!";
my $all = '';
semctl($id, 0, GETALL, $all) or die "GETALL: $!";
check 'raw values', join(',', unpack('s!*', $all)), '5,6';
semop($id, pack('s!3' x 3, 0, -5, 0, 0, 0, 0, 1, 1, IPC_NOWAIT)) or die "semop: $!";
check 'raw values after three operations',
  semctl($id, 0, GETVAL, 0) . ',' . semctl($id, 1, GETVAL, 0), '0 but true,7';
check 'setval out of range', (semctl($id, 0, SETVAL, 32768) ? 'set' : $! + 0), ERANGE;
check 'raw GETPID', (semctl($id, 1, GETPID, 0) == $$ ? 'ours' : 'other'), 'ours';
semctl($id, 0, IPC_RMID, 0) or die "IPC_RMID: $!";
check 'key is free again', (defined semget($key, 0, 0) ? 'there' : $! + 0), ENOENT;

print "checked $checked\n";
