<?php
// Every function of PHP's sysvmsg extension, with a second process. Ends with "checked N".
declare(strict_types=1);

$checked = 0;

function check(string $what, mixed $got, mixed $wanted): void
{
    global $checked;
    if ($got !== $wanted) {
        $words = 'got ' . var_export($got, true) . ', wanted ' . var_export($wanted, true);
        fwrite(STDERR, "$what: $words\n");
        exit(1);
    }
    echo "$what = ", var_export($got, true), "\n";
    $checked++;
}

$key = 0x51000000 | (getmypid() & 0xffffff);
check('not there yet', msg_queue_exists($key), false);
$queue = msg_get_queue($key, 0640);
check('msg_get_queue', $queue instanceof SysvMessageQueue, true);
check('there', msg_queue_exists($key), true);
$about = msg_stat_queue($queue);
check('mode', $about['msg_perm.mode'], 0640);
check('nothing in it', [$about['msg_qnum'], $about['msg_stime'], $about['msg_lspid']], [0, 0, 0]);
$got = msg_receive($queue, 0, $type, 100, $data, true, MSG_IPC_NOWAIT, $error);
check('nothing to receive', $got, false);
check('its error', $error, MSG_ENOMSG);

check('send a value', msg_send($queue, 3, ['name' => 'Omega', 'list' => [1, 2.5, null]]), true);
check('send bytes', msg_send($queue, 2, "bytes\0and more", false), true);
check('two messages', msg_stat_queue($queue)['msg_qnum'], 2);
check('sender is this one', msg_stat_queue($queue)['msg_lspid'] === getmypid(), true);
check('too small', msg_receive($queue, 2, $type, 3, $data, false, MSG_IPC_NOWAIT, $error), false);
check('its error (E2BIG)', $error, 7);
check('lowest type', msg_receive($queue, -3, $type, 100, $data, false, MSG_NOERROR), true);
check('the bytes', [$type, $data], [2, "bytes\0and more"]);
check('another type', msg_receive($queue, 2, $type, 100, $data, true, MSG_EXCEPT), true);
check('the value', [$type, $data], [3, ['name' => 'Omega', 'list' => [1, 2.5, null]]]);
check('less room', msg_set_queue($queue, ['msg_qbytes' => 10, 'msg_perm.mode' => 0600]), true);
$about = msg_stat_queue($queue);
check('set', [$about['msg_qbytes'], $about['msg_perm.mode']], [10, 0600]);
check('does not fit', @msg_send($queue, 1, 'twelve bytes', false, false, $error), false);
check('its error', $error, MSG_EAGAIN);

// Another process answers what it gets; the queue holds less than one round's messages.
$code = '$q = msg_get_queue((int) $argv[1]);
    while (msg_receive($q, 1, $t, 100, $d, false)) {
        if ($d === "end") { exit(5); }
        msg_send($q, 2, strrev($d), false);
    }';
$child = proc_open([PHP_BINARY, '-r', $code, '--', (string) $key], [], $pipes);
$answers = [];
foreach (['one', 'second', 'third 3', ''] as $word) {
    msg_send($queue, 1, $word, false);
    msg_receive($queue, 2, $type, 100, $data, false);
    $answers[] = $data;
}
check('answers', $answers, ['eno', 'dnoces', '3 driht', '']);
msg_send($queue, 1, 'end', false);
while (($status = proc_get_status($child))['running']) {
    usleep(1000);
}
check('other process', $status['exitcode'], 5);
check('remove', msg_remove_queue($queue), true);
check('gone', msg_queue_exists($key), false);
check('send to nothing', @msg_send($queue, 1, 'x', true, false, $error), false);
check('its error (EINVAL)', $error, 22);

echo "checked $checked\n";
