# Perl's core IPC::SharedMem and raw shmget/shmread/shmwrite/shmctl, as any Perl program uses them.
# Prints what it saw (the caller compares kernel and drop-in) and ends with "checked N".
use strict;
use warnings;
use Errno qw(EEXIST EINVAL ENOENT);
use IPC::SharedMem;
use IPC::SysV qw(
  IPC_PRIVATE IPC_CREAT IPC_EXCL IPC_RMID IPC_STAT S_IRUSR S_IWUSR SHM_RDONLY shmat shmdt memread
  memwrite
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
sub ours { $_[0] == $$ ? 'ours' : 'not ours' }

# --- the object interface ---
my $memory = IPC::SharedMem->new(IPC_PRIVATE, 10000, S_IRUSR | S_IWUSR | IPC_CREAT)
  or die "new: $!";
my $stat = $memory->stat;
check 'size', $stat->segsz, 10000;
check 'mode', sprintf('%o', $stat->mode & 0777), '600';
check 'not attached', $stat->nattch . ' ' . $stat->lpid . ' ' . $stat->atime, '0 0 0';
check 'creator', ours($stat->cpid), 'ours';
check 'fresh memory', ($memory->read(0, 10000) eq "\0" x 10000 ? 'zeros' : 'not zeros'), 'zeros';
check 'write', ($memory->write('Omega', 4096, 5) ? 'yes' : "$!"), 'yes';
check 'read back', $memory->read(4094, 9), "\0\0Omega\0\0";
check 'not attached between the calls', $memory->stat->nattch, 0;
check 'last process', ours($memory->stat->lpid), 'ours';
check 'attach', ($memory->attach ? 'yes' : "$!"), 'yes';
check 'attached', $memory->stat->nattch, 1;
check 'contents', $memory->read(4096, 5), 'Omega';

# --- attachments of other processes ---
my ($from_child, $to_parent, $from_parent, $to_child);
pipe $from_child, $to_parent or die;
pipe $from_parent, $to_child or die;
for my $how ('exit', 'exec', 'kill') {
  my $pid = fork // die "fork: $!";
  if ($pid == 0) {
    alarm 60;    # alarms are not inherited
    $memory->write("child, $how", 0, 20);
    syswrite $to_parent, 'x';
    sysread $from_parent, my $go, 1;
    exec $^X, '-e', 'exit 5' if $how eq 'exec';
    exit 5;
  }
  sysread $from_child, my $ready, 1;
  check "attached twice after fork ($how)", $memory->stat->nattch, 2;
  check "written by the child ($how)", $memory->read(0, 20) =~ s/\0+$//r, "child, $how";
  if ($how eq 'kill') { kill 'KILL', $pid } else { syswrite $to_child, 'x' }
  waitpid $pid, 0;
  check "attached once after $how", $memory->stat->nattch, 1;
  check "last process after $how", ($memory->stat->lpid == $pid ? 'child' : 'another'), 'child';
}

# --- several attachments, and one that is read-only ---
my $second = shmat($memory->id, undef, 0) // die "shmat: $!";
my $third = shmat($memory->id, undef, SHM_RDONLY) // die "shmat: $!";
check 'attached three times', $memory->stat->nattch, 3;
memwrite($second, 'through the second', 100, 18) or die "memwrite: $!";
check 'one memory', $memory->read(100, 18), 'through the second';
memread($third, my $seen, 100, 18) or die "memread: $!";
check 'also read-only', $seen, 'through the second';
my $writer = fork // die "fork: $!";
if ($writer == 0) { memwrite($third, 'x', 0, 1); exit 0 }
waitpid $writer, 0;
check 'writing to it is a fault', ($? & 127), 11;
defined shmdt($second) or die "shmdt: $!";
defined shmdt($third) or die "shmdt: $!";
check 'detached twice', (defined shmdt($third) ? 'done' : $! + 0), EINVAL;
check 'attached once', $memory->stat->nattch, 1;

# --- removed while attached ---
check 'remove', ($memory->remove ? 'yes' : "$!"), 'yes';
check 'marked', ($memory->stat->mode & 01000 ? 'dest' : 'no'), 'dest';
check 'still usable', $memory->read(100, 18), 'through the second';
check 'still attachable', (defined($second = shmat($memory->id, undef, 0)) ? 'yes' : "$!"), 'yes';
defined shmdt($second) or die "shmdt: $!";
my $id = $memory->id;
check 'detach', ($memory->detach ? 'yes' : "$!"), 'yes';
check 'gone with the last detach', (shmctl($id, IPC_STAT, my $data) ? 'there' : $! + 0), EINVAL;

# --- the raw calls, with a key ---
my $key = 0x53000000 | ($$ & 0xffffff);
check 'no such key', (defined shmget($key, 1, 0600) ? 'there' : $! + 0), ENOENT;
check 'no empty segment', (defined shmget($key, 0, IPC_CREAT | 0600) ? 'made' : $! + 0), EINVAL;
$id = shmget($key, 100, IPC_CREAT | IPC_EXCL | 0640) // die "shmget: $!";
check 'exclusive again', (defined shmget($key, 100, IPC_CREAT | IPC_EXCL) ? 'made' : $! + 0),
  EEXIST;
check 'larger', (defined shmget($key, 101, 0) ? 'there' : $! + 0), EINVAL;
check 'same id by key', (shmget($key, 0, 0) == $id ? 'yes' : 'no'), 'yes';
shmwrite($id, 'raw', 50, 10) or die "shmwrite: $!";
shmread($id, $data, 50, 10) or die "shmread: $!";
check 'raw read', $data, "raw\0\0\0\0\0\0\0";
shmread($id, $data, 0, 100) or die "shmread: $!";
check 'raw read of all', length($data), 100;
shmctl($id, IPC_RMID, 0) or die "IPC_RMID: $!";
check 'key is free again', (defined shmget($key, 1, 0) ? 'there' : $! + 0), ENOENT;

print "checked $checked\n";
