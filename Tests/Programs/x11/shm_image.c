// An X11 client that sends an image to the server through shared memory, reads it back both through
// the socket and through shared memory, and compares. Prints what it saw and ends with "checked N".
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <sys/shm.h>
#include <unistd.h>

#include "../c/check.h"

#define SIDE 200

static int report_error(Display *display, XErrorEvent *error) {
  char text[200];
  XGetErrorText(display, error->error_code, text, sizeof text);
  fprintf(stderr, "X error: %s (request %d.%d)\n", text, error->request_code, error->minor_code);
  exit(1);
}

static unsigned long colour(int x, int y) { return (unsigned)(x * 31 + y * 7919) & 0xffffff; }

static int attachments(int id) {
  struct shmid_ds status;
  return shmctl(id, IPC_STAT, &status) == 0 ? (int)status.shm_nattch : -1;
}

static int differing_pixels(XImage *image) {
  int differing = 0;
  for (int y = 0; y < SIDE; y++) {
    for (int x = 0; x < SIDE; x++)
      differing += (XGetPixel(image, x, y) & 0xffffff) != colour(x, y);
  }
  return differing;
}

int main(void) {
  start_checks();
  Display *display = XOpenDisplay(NULL);
  if (!display) return fprintf(stderr, "no display\n"), 1;
  XSetErrorHandler(report_error);
  CHECK("the server has MIT-SHM", XShmQueryExtension(display), 1);
  int screen = DefaultScreen(display);

  XShmSegmentInfo segment = {0};
  XImage *image = XShmCreateImage(display, DefaultVisual(display, screen),
                                  (unsigned)DefaultDepth(display, screen), ZPixmap, NULL, &segment,
                                  SIDE, SIDE);
  size_t size = (size_t)image->bytes_per_line * SIDE;
  segment.shmid = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
  segment.shmaddr = image->data = shmat(segment.shmid, NULL, 0);
  CHECK("attached here", segment.shmaddr != (void *)-1, 1);
  CHECK("attach in the server", XShmAttach(display, &segment), 1);
  XSync(display, False);
  CHECK("attached in both", attachments(segment.shmid), 2);
  CHECK("remove, while attached", RESULT(shmctl(segment.shmid, IPC_RMID, NULL)), 0);

  Pixmap pixmap = XCreatePixmap(display, DefaultRootWindow(display), SIDE, SIDE,
                                (unsigned)DefaultDepth(display, screen));
  GC context = XCreateGC(display, pixmap, 0, NULL);
  for (int y = 0; y < SIDE; y++) {
    for (int x = 0; x < SIDE; x++) XPutPixel(image, x, y, colour(x, y));
  }
  XShmPutImage(display, pixmap, context, image, 0, 0, 0, 0, SIDE, SIDE, False);
  XSync(display, False);

  XImage *answer = XGetImage(display, pixmap, 0, 0, SIDE, SIDE, AllPlanes, ZPixmap);
  CHECK("pixels differing through the socket", differing_pixels(answer), 0);
  XDestroyImage(answer);
  memset(image->data, 0, size);
  XShmGetImage(display, pixmap, image, 0, 0, AllPlanes);
  CHECK("pixels differing through the segment", differing_pixels(image), 0);

  XShmDetach(display, &segment);
  XSync(display, False);
  CHECK("attached here only", attachments(segment.shmid), 1);
  CHECK("detach", RESULT(shmdt(segment.shmaddr)), 0);
  CHECK("gone", attachments(segment.shmid), -1);
  image->data = NULL;
  XDestroyImage(image);
  XCloseDisplay(display);
  return finish_checks();
}
