// Messages that show when they are torn, lost or doubled. See queue.h.
#include "queue.h"

// Not cleared each time: stepped calls are to be short.
static __thread struct wire {
  long type;
  unsigned char text[LARGEST];
} wires[2];
__thread int in_queue_handler;

int new_queue(unsigned long bytes) {
  int id = omega_msgget(IPC_PRIVATE, 0600);
  if (id < 0) give_up("msgget");
  struct msqid_ds status;
  if (!bytes) return id;
  if (omega_msgctl(id, IPC_STAT, &status) < 0) give_up("IPC_STAT");
  status.msg_qbytes = bytes;
  if (omega_msgctl(id, IPC_SET, &status) < 0) give_up("IPC_SET");
  return id;
}

void remove_queue(int id) {
  if (omega_msgctl(id, IPC_RMID, NULL) < 0) give_up("IPC_RMID of a queue");
}

bool queue_status(int id, struct msqid_ds *status) {
  return omega_msgctl(id, IPC_STAT, status) == 0;
}

// The first four bytes are the serial number, the others tell of it again and again.
static void write_text(unsigned char *text, int size, unsigned serial) {
  unsigned number = serial;
  for (; size >= 4; size -= 4, text += 4) {
    memcpy(text, &number, 4);
    number = serial * 2654435761u + 12345;
  }
  if (size > 0) memcpy(text, &number, (size_t)size);
}

static int read_text(const unsigned char *text, int size, struct note *note) {
  unsigned number;
  note->size = size;
  note->serial = 0;
  memcpy(&note->serial, text, size < 4 ? (size_t)size : 4);
  number = note->serial;
  for (; size >= 4; size -= 4, text += 4) {
    if (memcmp(text, &number, 4)) return EBADMSG;
    number = note->serial * 2654435761u + 12345;
  }
  return size > 0 && memcmp(text, &number, (size_t)size) ? EBADMSG : 0;
}

int send_note(int id, struct note note, int flags) {
  struct wire *wire = &wires[in_queue_handler];
  wire->type = note.type;
  write_text(wire->text, note.size, note.serial);
  return omega_msgsnd(id, wire, (size_t)note.size, flags) < 0 ? errno : 0;
}

int receive_note(int id, long type, int capacity, int flags, struct note *note) {
  struct wire *wire = &wires[in_queue_handler];
  wire->type = -1;
  *note = (struct note){0, 0, 0};
  ssize_t size = omega_msgrcv(id, wire, (size_t)capacity, type, flags);
  if (size < 0) return errno;
  note->type = wire->type;
  if (size > capacity || wire->type < 1) return EBADMSG;
  return read_text(wire->text, (int)size, note);
}

int call_queue(int id, const struct message_call *call, struct note *received) {
  if (call->note.type > 0) return send_note(id, call->note, call->flags);
  return receive_note(id, call->type, call->capacity, call->flags, received);
}

const char *peek_all(int id, struct note *notes, int *count) {
  *count = 0;
  while (true) {
    struct note note;
    int error = receive_note(id, *count, LARGEST, IPC_NOWAIT | MSG_COPY, &note);
    if (error == ENOMSG) return NULL;
    if (error == EBADMSG) return message("message %d is torn", *count);
    if (error) return message("MSG_COPY: %s", error_name(error));
    if (*count == MAX_NOTES) return "too many messages";
    notes[(*count)++] = note;
  }
}

const char *drain(int id, struct note *notes, int *count) {
  *count = 0;
  while (true) {
    struct note note;
    int error = receive_note(id, 0, LARGEST, IPC_NOWAIT, &note);
    if (error == ENOMSG) return NULL;
    if (error == EBADMSG) return message("message %d is torn", *count);
    if (error) return message("msgrcv: %s", error_name(error));
    if (*count == MAX_NOTES) return "too many messages";
    notes[(*count)++] = note;
  }
}

// Messages of less than four bytes carry a part of their serial number only.
static bool same_note(const struct note *a, const struct note *b) {
  unsigned mask = a->size < 4 ? (1u << (8 * a->size)) - 1 : ~0u;
  return a->type == b->type && a->size == b->size && ((a->serial ^ b->serial) & mask) == 0;
}

bool same_notes(const struct note *a, int count, const struct note *b, int other) {
  if (count != other) return false;
  for (int i = 0; i < count; i++)
    if (!same_note(&a[i], &b[i])) return false;
  return true;
}

const char *notes_text(const struct note *notes, int count) {
  static char text[4][600];
  static int next;
  char *out = text[next++ % 4];
  int at = snprintf(out, sizeof text[0], "[");
  for (int i = 0; i < count && at < 540; i++)
    at += snprintf(out + at, sizeof text[0] - (size_t)at, "%stype %ld, %d bytes, no %u",
                   i ? "; " : "", notes[i].type, notes[i].size, notes[i].serial);
  snprintf(out + at, sizeof text[0] - (size_t)at, "]");
  return out;
}

static const char *fill_once(int id, int size, unsigned long capacity) {
  int sent = 0, error;
  struct note note;
  while (!(error = send_note(id, (struct note){1 + sent % 5, size, (unsigned)sent}, IPC_NOWAIT)))
    sent++;
  if (error != EAGAIN) return message("filling with %d bytes: %s", size, error_name(error));
  if (sent != (int)(capacity / (unsigned)size))
    return message("%d messages of %d bytes fit, not %d", sent, size,
                   (int)(capacity / (unsigned)size));
  for (int i = 0; i < sent; i++) {
    error = receive_note(id, 0, LARGEST, IPC_NOWAIT, &note);
    if (error || !same_note(&note, &(struct note){1 + i % 5, size, (unsigned)i}))
      return message("message %d of %d: %s, %s", i, sent, error_name(error), notes_text(&note, 1));
  }
  return NULL;
}

const char *fill_again(int id) {
  static const int sizes[] = {2000, 500, 100};
  struct msqid_ds status;
  if (!queue_status(id, &status)) return message("IPC_STAT: %s", error_name(errno));
  for (int i = 0; i < 3; i++) {
    if ((unsigned long)sizes[i] > status.msg_qbytes) continue;
    const char *wrong = fill_once(id, sizes[i], status.msg_qbytes);
    if (wrong) return wrong;
  }
  if (!queue_status(id, &status)) return message("IPC_STAT: %s", error_name(errno));
  if (status.msg_qnum || status.__msg_cbytes)
    return message("qnum %lu, cbytes %lu in an empty queue", status.msg_qnum, status.__msg_cbytes);
  return NULL;
}
