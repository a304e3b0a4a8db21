# Perl's core IPC::Msg and raw msgget/msgsnd/msgrcv/msgctl, as any Perl program uses them.
# Prints what it saw (the caller compares kernel and drop-in) and ends with "checked N".
use strict;
use warnings;
use Errno qw(E2BIG EAGAIN EEXIST EIDRM EINVAL ENOENT ENOMSG);
use IPC::Msg;
use IPC::SysV qw(
  IPC_PRIVATE IPC_CREAT IPC_EXCL IPC_NOWAIT IPC_RMID IPC_STAT MSG_NOERROR S_IRUSR S_IWUSR
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

sub wait_until { my ($code) = @_; select undef, undef, undef, 0.001 until $code->(); }

# Does a process sleep in a system call? (Waiting receivers are not counted anywhere else.)
sub sleeps {
  my ($pid) = @_;
  open my $file, '<', "/proc/$pid/stat" or return 0;
  my $state = (split / /, (split /\) /, <$file>)[1])[0];
  return $state eq 'S';
}

# A child that waits for one message; its exit status tells what came.
sub receiver {
  my ($queue, $type, $code) = @_;
  my $pid = fork // die "fork: $!";
  return $pid if $pid;
  alarm 60;    # alarms are not inherited
  my $buffer;
  my $got = $queue->rcv($buffer, 100, $type, 0);
  exit($code->($got, $buffer) ? 7 : 1);
}

# --- the object interface ---
my $queue = IPC::Msg->new(IPC_PRIVATE, S_IRUSR | S_IWUSR | IPC_CREAT) or die "new: $!";
my $buffer;
check 'nothing there', ($queue->rcv($buffer, 100, 0, IPC_NOWAIT) ? 'got' : $! + 0), ENOMSG;
for my $message ([5, 'five'], [3, 'three'], [9, 'nine'], [3, 'three again'], [5, '']) {
  $queue->snd(@$message, IPC_NOWAIT) or die "snd: $!";
}
my $stat = $queue->stat;
check 'messages', $stat->qnum, 5;
check 'stat mode', sprintf('%o', $stat->mode & 0777), '600';
check 'room', $stat->qbytes, 16384;
check 'last sender is ours', ($stat->lspid == $$ ? 'yes' : 'no'), 'yes';
check 'no receiver yet', $stat->lrpid . ' ' . $stat->rtime, '0 0';
check 'stime is set', ($stat->stime > 0 ? 'yes' : 'no'), 'yes';
check 'first', $queue->rcv($buffer, 100, 0) . " $buffer", '5 five';
check 'of a type', $queue->rcv($buffer, 100, 9) . " $buffer", '9 nine';
check 'lowest type', $queue->rcv($buffer, 100, -4) . " $buffer", '3 three';
check 'too long', ($queue->rcv($buffer, 4, 3, IPC_NOWAIT) ? 'got' : $! + 0), E2BIG;
check 'still there', $queue->stat->qnum, 2;
check 'cut', $queue->rcv($buffer, 4, 3, MSG_NOERROR) . " $buffer", '3 thre';
check 'empty message', $queue->rcv($buffer, 0, 0) . " <$buffer>", '5 <>';
check 'last receiver is ours', ($queue->stat->lrpid == $$ ? 'yes' : 'no'), 'yes';
check 'no type 0', ($queue->snd(0, 'x') ? 'sent' : $! + 0), EINVAL;
check 'too large', ($queue->snd(1, 'x' x 8193) ? 'sent' : $! + 0), EINVAL;
$queue->snd(1, "\0\1\xff" x 2730) or die "snd: $!";
check 'large and binary', $queue->rcv($buffer, 8192, 0) . ' ' . length($buffer), '1 8190';
check 'the same bytes', ($buffer eq "\0\1\xff" x 2730 ? 'yes' : 'no'), 'yes';

# --- sleepers in other processes ---
my $pid = receiver($queue, 4, sub { $_[0] == 4 && $_[1] eq 'for you' });
wait_until(sub { sleeps($pid) });
$queue->snd(5, 'not for you') or die "snd: $!";
$queue->snd(4, 'for you') or die "snd: $!";
waitpid $pid, 0;
check 'receiver returned', $? >> 8, 7;
check 'the other message stayed', $queue->stat->qnum, 1;
$queue->rcv($buffer, 100, 0) or die "rcv: $!";

$queue->set(qbytes => 10) or die "set: $!";
check 'less room', $queue->stat->qbytes, 10;
$queue->snd(1, 'x' x 8) or die "snd: $!";
check 'full', ($queue->snd(1, 'xyz', IPC_NOWAIT) ? 'sent' : $! + 0), EAGAIN;
$pid = fork // die "fork: $!";
if ($pid == 0) { alarm 60; exit($queue->snd(2, 'xyz') ? 8 : 1) }
wait_until(sub { sleeps($pid) });
check 'sender waits', $queue->stat->qnum, 1;
$queue->rcv($buffer, 100, 1) or die "rcv: $!";
waitpid $pid, 0;
check 'sender returned', $? >> 8, 8;
check 'its message', $queue->rcv($buffer, 100, 0) . " $buffer", '2 xyz';

# --- a receiver that is killed takes nothing with it ---
$pid = receiver($queue, 0, sub { 1 });
wait_until(sub { sleeps($pid) });
kill 'KILL', $pid;
waitpid $pid, 0;
$queue->snd(6, 'kept') or die "snd: $!";
check 'the dead received nothing', $queue->rcv($buffer, 100, 0, IPC_NOWAIT) . " $buffer", '6 kept';

# --- many messages between processes, each exactly once ---
$queue->set(qbytes => 500) or die "set: $!";
my @senders = map {
  my $number = $_;
  my $child = fork // die "fork: $!";
  if ($child == 0) {
    alarm 60;
    for (1 .. 300) { $queue->snd($number, pack 'NN', $number, $_) or exit 1 }
    exit 0;
  }
  $child;
} 1 .. 3;
my (%next, $wrong);
for (1 .. 900) {
  my $type = $queue->rcv($buffer, 8, 0) or die "rcv: $!";
  my ($number, $turn) = unpack 'NN', $buffer;
  $wrong++ if $number != $type || $turn != ++$next{$number};
}
check 'each once, in order', ($wrong // 0) . ' wrong', '0 wrong';
check 'senders', join(',', map { waitpid $_, 0; $? } @senders), '0,0,0';
check 'queue is empty', $queue->stat->qnum, 0;

# --- removal wakes the sleeper ---
$pid = receiver($queue, 0, sub { !$_[0] && $! == EIDRM });
wait_until(sub { sleeps($pid) });
check 'removed', ($queue->remove ? 'yes' : "$!"), 'yes';
waitpid $pid, 0;
check 'sleeper saw EIDRM', $? >> 8, 7;
check 'gone', ($queue->snd(1, 'x') ? 'sent' : $! + 0), EINVAL;

# --- the raw calls, with a key ---
my $key = 0x4d000000 | ($$ & 0xffffff);
check 'no such key', (defined msgget($key, 0600) ? 'there' : $! + 0), ENOENT;
my $id = msgget($key, IPC_CREAT | IPC_EXCL | 0640);
defined $id or die "msgget: $!";
check 'exclusive again', (defined msgget($key, IPC_CREAT | IPC_EXCL | 0640) ? 'made' : $! + 0),
  EEXIST;
check 'same id by key', (msgget($key, 0) == $id ? 'yes' : 'no'), 'yes';
msgsnd($id, pack('l! a*', 11, 'raw'), 0) or die "msgsnd: $!";
msgrcv($id, $buffer, 20, 0, 0) or die "msgrcv: $!";
check 'raw message', join(' ', unpack 'l! a*', $buffer), '11 raw';
msgctl($id, IPC_STAT, $buffer) or die "IPC_STAT: $!";
check 'raw IPC_STAT', length($buffer) > 0, 1;
msgctl($id, IPC_RMID, 0) or die "IPC_RMID: $!";
check 'key is free again', (defined msgget($key, 0) ? 'there' : $! + 0), ENOENT;

print "checked $checked\n";
