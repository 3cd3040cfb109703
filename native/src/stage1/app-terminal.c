#include "stage1/app-terminal.h"

#include <stdio.h>
#include <sys/mount.h>

#include "common/cleanup.h"
#include "stage1/mount-api.h"
#include "stage1/pty.h"
#include "stage1/report.h"
#include "stage1/resolve.h"
#include "stage1/terminal.h"

static int bind_console(const struct pty *pty, int root, struct rkt_error *err) {
  char path[32];
  snprintf(path, sizeof(path), "dev/pts/%u", pty->number);
  cleanup_close int console = resolve_beneath(root, "/dev/console", false);
  if (console < 0)
    return rkt_fail(err, -console, "opening /dev/console");
  cleanup_close int mount = -1;
  int result = mount_clone(root, path, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &mount, err);
  return result < 0 ? result : mount_attach(mount, console, "", err);
}

int app_terminal_open(const struct plan_app *app, uint32_t index, int root, int reports, struct rkt_error *err) {
  unsigned streams = plan_terminal_streams(app);
  if (streams == 0)
    return 0;
  struct pty pty;
  int result = pty_open(root, &pty, err);
  if (result < 0)
    return result;
  cleanup_close int master = pty.master;
  cleanup_close int slave = pty.slave;
  if (app->interactive != 0)
    terminal_imitate(streams, slave);
  result = bind_console(&pty, root, err);
  if (result == 0)
    result = pty_replace(slave, streams, err);
  if (result == 0)
    report_send_files(reports, &(struct report){.kind = REPORT_TERMINAL, .app = index}, &master, 1);
  return result;
}

int app_terminal_reopen(const struct plan_app *app, int master, struct rkt_error *err) {
  cleanup_close int slave = -1;
  int result = pty_open_slave(master, &slave, err);
  return result < 0 ? result : pty_replace(slave, plan_terminal_streams(app), err);
}

int app_terminal_control(const struct plan_app *app, struct rkt_error *err) {
  unsigned streams = plan_terminal_streams(app);
  return streams == 0 ? 0 : pty_control(__builtin_ctz(streams), app->uid, err);
}
