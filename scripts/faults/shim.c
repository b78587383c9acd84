/*
 * A disk that fails on demand: preloaded into every process of a command (LD_PRELOAD, Linux), it
 * sees each call that changes a file below the folders of a trial, and lets the n-th call of one
 * kind at one place fail, tear, or be the last.
 *
 * It is told what to do by variables:
 *   FAULTS_ROOTS  the folders that count: name=/path, joined by ':'; a name stands for its folder
 *   FAULTS_LOG    a file that gets a line for each call: call, place, program, joined by tabs
 *   FAULTS_CALL, FAULTS_PLACE, FAULTS_NTH   which call, the first being 1; `*` is every call, and a
 *                 place that ends in `*` is each that begins so
 *   FAULTS_DO     what becomes of it: the number of an error, or one of the words in `strike`
 *   FAULTS_STAYS  "1": from then on every call that such a disk refuses is refused
 *   FAULTS_COUNT  a file that grows by a byte with each such call, of whatever process
 *   FAULTS_CLOCK  a file that holds how many seconds the clock is off
 *
 * A place is a path without what chance chose: `#` stands for eight hex digits and more, and for a
 * number between two `-` (the maker of a file), `##` for the folder of a Git object, `?` for what
 * mkstemp chose. So the n-th call is the same in each run.
 *
 * It needs no header, so that a compiler alone makes it.
 */

typedef unsigned long size_t;
typedef long ssize_t;
typedef long off_t;
struct iovec { void *base; size_t length; };
struct timespec { long seconds; long nanoseconds; };

extern int *__errno_location(void);
extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern char *getcwd(char *, size_t);
extern ssize_t readlink(const char *, char *, size_t);
extern ssize_t read(int, void *, size_t);
extern int close(int);
extern off_t lseek(int, off_t, int);
extern int kill(int, int);
extern int getpid(void);
extern size_t strlen(const char *);
extern int strcmp(const char *, const char *);
extern int strncmp(const char *, const char *, size_t);
extern char *strchr(const char *, int);
extern char *strrchr(const char *, int);
extern void *memcpy(void *, const void *, size_t);
extern long strtol(const char *, char **, int);

enum { LONGEST = 4096, HERE = -100, KILL = 9, STOP = 19 };
enum { EACCES = 13, EISDIR = 21, ENOSPC = 28 };
enum { WRITE_ONLY = 1, READ_WRITE = 2, CREATE = 0100, TRUNCATE = 01000, APPEND = 02000 };

/* What a call gets to hear. */
enum verdict { PASS, REFUSED, TORN, SHORT, LAST };

#define REAL(name) ((real_##name == 0) ? (real_##name = dlsym((void *)-1, #name)) : real_##name)

static int (*real_open)(const char *, int, unsigned);
static ssize_t (*real_write)(int, const void *, size_t);

/* ---- what happened so far ---- */

static long append(const char *file, const char *text, size_t length) {
  int handle = REAL(open)(file, WRITE_ONLY | CREATE | APPEND, 0600);
  if (handle < 0) return 0;
  REAL(write)(handle, text, length);
  /* After a write to the end of a file, the position is the end of that write. */
  long end = lseek(handle, 0, 1);
  close(handle);
  return end;
}

static long size_of(const char *file) {
  int handle = REAL(open)(file, 0, 0);
  if (handle < 0) return 0;
  long size = lseek(handle, 0, 2);
  close(handle);
  return size;
}

/* ---- places ---- */

static void absolute(int folder, const char *path, char *out) {
  size_t length = 0;
  if (path[0] != '/') {
    if (folder == HERE) {
      if (getcwd(out, LONGEST) == 0) out[0] = 0;
    } else {
      char link[64] = "/proc/self/fd/";
      char digits[16];
      int count = 0, at = 14, left = folder;
      do digits[count++] = '0' + left % 10; while ((left /= 10) > 0);
      while (count > 0) link[at++] = digits[--count];
      link[at] = 0;
      ssize_t got = readlink(link, out, LONGEST - 1);
      out[got < 0 ? 0 : got] = 0;
    }
    length = strlen(out);
  }
  while (*path != 0 && length < LONGEST - 2) {
    size_t part = 0;
    while (path[part] != 0 && path[part] != '/') part++;
    if (part == 2 && path[0] == '.' && path[1] == '.') {
      while (length > 0 && out[length - 1] != '/') length--;
      if (length > 0) length--;
    } else if (part > 0 && !(part == 1 && path[0] == '.')) {
      if (length + part + 2 > LONGEST) break;
      out[length++] = '/';
      memcpy(out + length, path, part);
      length += part;
    }
    path += part;
    while (*path == '/') path++;
  }
  out[length] = 0;
}

static int is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

static int starts(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* One component of a path, without what chance chose. */
static size_t harmonize(const char *part, size_t length, char *out) {
  if (length == 2 && is_hex(part[0]) && is_hex(part[1])) {
    memcpy(out, "##", 2);
    return 2;
  }
  if (length > 12 && (starts(part, "tmp_obj") || starts(part, "tmp_pack_") ||
                      starts(part, "tmp_idx_") || starts(part, "bulk_fsync_"))) {
    memcpy(out, part, length - 6);
    out[length - 6] = '?';
    return length - 5;
  }
  size_t made = 0;
  for (size_t at = 0; at < length;) {
    size_t run = 0, digits = 0;
    while (at + run < length && is_hex(part[at + run])) run++;
    while (digits < run && part[at + digits] <= '9') digits++;
    int is_between = at > 0 && part[at - 1] == '-' && part[at + run] == '-';
    if (run >= 8 || (run > 0 && digits == run && is_between)) out[made++] = '#';
    else {
      if (run == 0) run = 1;
      memcpy(out + made, part + at, run);
      made += run;
    }
    at += run;
  }
  return made;
}

/* `repo:.git/objects/##/#` for a path below one of the folders; nothing for any other. */
static int place_of(const char *path, char *place) {
  const char *roots = getenv("FAULTS_ROOTS");
  for (const char *at = roots; at != 0 && *at != 0;) {
    const char *is = strchr(at, '=');
    if (is == 0) return 0;
    const char *folder = is + 1;
    const char *end = strchr(folder, ':');
    size_t length = end == 0 ? strlen(folder) : (size_t)(end - folder);
    if (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0)) {
      size_t made = is - at;
      memcpy(place, at, made);
      place[made++] = ':';
      const char *part = path + length;
      while (*part == '/') {
        part++;
        size_t size = 0;
        while (part[size] != 0 && part[size] != '/') size++;
        made += harmonize(part, size, place + made);
        part += size;
        if (*part == '/') place[made++] = '/';
      }
      place[made] = 0;
      return 1;
    }
    at = end == 0 ? 0 : end + 1;
  }
  return 0;
}

/* ---- what becomes of a call ---- */

/* `git update-ref`, `node`: from the command line, without the options of git. */
static const char *program(void) {
  static char line[8192];
  static char name[128];
  if (name[0] != 0) return name;
  int handle = REAL(open)("/proc/self/cmdline", 0, 0);
  ssize_t got = handle < 0 ? 0 : read(handle, line, sizeof line - 1);
  if (handle >= 0) close(handle);
  char *end = line + (got < 0 ? 0 : got);
  char *word = strrchr(line, '/') == 0 ? line : strrchr(line, '/') + 1;
  size_t length = strlen(word);
  if (length > 60) length = 60;
  memcpy(name, word, length);
  if (strcmp(word, "git") != 0) return name;
  char *at = line + strlen(line) + 1;
  while (at < end && at[0] == '-') {
    if (strcmp(at, "-c") == 0 || strcmp(at, "-C") == 0) at += strlen(at) + 1;
    at += strlen(at) + 1;
  }
  if (at >= end || strlen(at) > 60) return name;
  name[length++] = ' ';
  memcpy(name + length, at, strlen(at) + 1);
  return name;
}

static void record(const char *call, const char *place) {
  const char *log = getenv("FAULTS_LOG");
  if (log == 0) return;
  char line[2 * LONGEST];
  size_t length = 0;
  const char *words[3] = {call, place, program()};
  for (int at = 0; at < 3; at++) {
    size_t size = strlen(words[at]);
    memcpy(line + length, words[at], size);
    length += size;
    line[length++] = at == 2 ? '\n' : '\t';
  }
  append(log, line, length);
}

static int is_one_of(const char *call, const char *calls) {
  size_t length = strlen(call);
  for (const char *at = calls; at != 0; at = strchr(at, ' ')) {
    if (*at == ' ') at++;
    if (strncmp(at, call, length) == 0 && (at[length] == ' ' || at[length] == 0)) return 1;
  }
  return 0;
}

/* Whether a disk that fails in this way for good refuses this call, too. */
static int is_refused_for_good(long error, const char *call, const char *place) {
  const char *struck = getenv("FAULTS_PLACE");
  int is_same_disk = strncmp(struck, place, strchr(struck, ':') - struck + 1) == 0;
  if (error == ENOSPC) {
    return is_one_of(call, "open mkdir write link symlink rename fallocate copy_file_range");
  }
  if (error == EACCES) {
    const char *calls = "open mkdir link symlink rename unlink rmdir chmod utimens";
    return is_same_disk && is_one_of(call, calls);
  }
  return is_same_disk;
}

static int is_struck(const char *call, const char *place) {
  const char *which = getenv("FAULTS_CALL");
  const char *where = getenv("FAULTS_PLACE");
  size_t length = strlen(where);
  if (strcmp(which, "*") != 0 && strcmp(which, call) != 0) return 0;
  if (length > 0 && where[length - 1] == '*') return strncmp(where, place, length - 1) == 0;
  return strcmp(where, place) == 0;
}

/* 0 is the whole process group. */
static void die(int who) {
  kill(who, KILL);
  for (;;) ;
}

/* The word for a blow: whom it kills or stops, and when. */
static enum verdict strike(const char *what) {
  if (strcmp(what, "kill") == 0) die(getpid());
  if (strcmp(what, "kill-all") == 0) die(0);
  if (strcmp(what, "stop") == 0) {
    kill(0, STOP);
    return PASS;
  }
  if (strcmp(what, "torn") == 0) return TORN;
  if (strcmp(what, "short") == 0) return SHORT;
  if (strcmp(what, "kill-after") == 0 || strcmp(what, "kill-all-after") == 0) return LAST;
  *__errno_location() = strtol(what, 0, 10);
  return REFUSED;
}

static enum verdict judge(const char *call, int folder, const char *path) {
  char whole[LONGEST], place[2 * LONGEST];
  int before = *__errno_location();
  enum verdict verdict = PASS;
  absolute(folder, path, whole);
  if (place_of(whole, place)) {
    const char *what = getenv("FAULTS_DO");
    record(call, place);
    if (what != 0) {
      const char *count = getenv("FAULTS_COUNT");
      const char *stays = getenv("FAULTS_STAYS");
      long nth = strtol(getenv("FAULTS_NTH"), 0, 10);
      long error = strcmp(what, "short") == 0 ? ENOSPC : strtol(what, 0, 10);
      if (stays != 0 && size_of(count) >= nth && is_refused_for_good(error, call, place)) {
        *__errno_location() = error;
        return REFUSED;
      }
      if (is_struck(call, place) && append(count, ".", 1) == nth) verdict = strike(what);
    }
  }
  if (verdict != REFUSED) *__errno_location() = before;
  return verdict;
}

static enum verdict judge_open_file(const char *call, int handle) {
  return judge(call, handle, "");
}

static void die_after(void) {
  const char *what = getenv("FAULTS_DO");
  die(strcmp(what, "kill-after") == 0 ? getpid() : 0);
}

/* A call that does something at a path. */
#define AT(call, folder, path, act)                   \
  do {                                                \
    enum verdict verdict = judge(call, folder, path); \
    if (verdict == REFUSED) return -1;                \
    int result = act;                                 \
    if (verdict == LAST) die_after();                 \
    return result;                                    \
  } while (0)

/* A call that does something with an open file. */
#define WITH(call, handle, act)                          \
  do {                                                   \
    enum verdict verdict = judge_open_file(call, handle); \
    if (verdict == REFUSED) return -1;                   \
    ssize_t result = act;                                \
    if (verdict == LAST) die_after();                    \
    return result;                                       \
  } while (0)

/* ---- opening ---- */

static int changes(int flags) {
  return (flags & (WRITE_ONLY | READ_WRITE | CREATE | TRUNCATE)) != 0;
}

#define OPEN(name)                                              \
  static int (*real_##name)(const char *, int, unsigned);       \
  int name(const char *path, int flags, unsigned mode) {        \
    if (!changes(flags)) return REAL(name)(path, flags, mode);  \
    AT("open", HERE, path, REAL(name)(path, flags, mode));      \
  }
int open(const char *path, int flags, unsigned mode) {
  if (!changes(flags)) return REAL(open)(path, flags, mode);
  AT("open", HERE, path, REAL(open)(path, flags, mode));
}
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)

#define OPENAT(name)                                                      \
  static int (*real_##name)(int, const char *, int, unsigned);            \
  int name(int folder, const char *path, int flags, unsigned mode) {      \
    if (!changes(flags)) return REAL(name)(folder, path, flags, mode);    \
    AT("open", folder, path, REAL(name)(folder, path, flags, mode));      \
  }
OPENAT(openat)
OPENAT(openat64)

#define CREAT(name)                                       \
  static int (*real_##name)(const char *, unsigned);      \
  int name(const char *path, unsigned mode) {             \
    AT("open", HERE, path, REAL(name)(path, mode));       \
  }
CREAT(creat)
CREAT(creat64)

#define FOPEN(name)                                                              \
  static void *(*real_##name)(const char *, const char *);                       \
  void *name(const char *path, const char *mode) {                               \
    int is_read = mode[0] == 'r' && strchr(mode, '+') == 0;                      \
    if (!is_read && judge("open", HERE, path) == REFUSED) return 0;              \
    return REAL(name)(path, mode);                                               \
  }
FOPEN(fopen)
FOPEN(fopen64)

#define MKSTEMP(name)                                \
  static int (*real_##name)(char *);                 \
  int name(char *path) { AT("open", HERE, path, REAL(name)(path)); }
MKSTEMP(mkstemp)
MKSTEMP(mkstemp64)

static char *(*real_mkdtemp)(char *);
char *mkdtemp(char *path) {
  enum verdict verdict = judge("mkdir", HERE, path);
  if (verdict == REFUSED) return 0;
  char *result = REAL(mkdtemp)(path);
  if (verdict == LAST) die_after();
  return result;
}

/* ---- writing ---- */

static ssize_t write_part(int handle, const void *bytes, size_t count, enum verdict verdict) {
  size_t part = verdict == TORN || verdict == SHORT ? count / 2 : count;
  ssize_t result = REAL(write)(handle, bytes, part);
  if (verdict == TORN || verdict == LAST) die_after();
  return result;
}

ssize_t write(int handle, const void *bytes, size_t count) {
  enum verdict verdict = judge_open_file("write", handle);
  if (verdict == PASS) return REAL(write)(handle, bytes, count);
  return verdict == REFUSED ? -1 : write_part(handle, bytes, count, verdict);
}

#define PWRITE(name)                                                                   \
  static ssize_t (*real_##name)(int, const void *, size_t, off_t);                     \
  ssize_t name(int handle, const void *bytes, size_t count, off_t at) {                \
    enum verdict verdict = judge_open_file("write", handle);                           \
    if (verdict == REFUSED) return -1;                                                 \
    size_t part = verdict == TORN || verdict == SHORT ? count / 2 : count;             \
    ssize_t result = REAL(name)(handle, bytes, part, at);                              \
    if (verdict == TORN || verdict == LAST) die_after();                               \
    return result;                                                                     \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

static ssize_t (*real_writev)(int, const struct iovec *, int);
ssize_t writev(int handle, const struct iovec *parts, int count) {
  enum verdict verdict = judge_open_file("write", handle);
  if (verdict == REFUSED) return -1;
  if (verdict == TORN || verdict == SHORT) {
    return write_part(handle, parts[0].base, parts[0].length, verdict);
  }
  ssize_t result = REAL(writev)(handle, parts, count);
  if (verdict == LAST) die_after();
  return result;
}

#define PWRITEV(name)                                                              \
  static ssize_t (*real_##name)(int, const struct iovec *, int, off_t);            \
  ssize_t name(int handle, const struct iovec *parts, int count, off_t at) {       \
    WITH("write", handle, REAL(name)(handle, parts, count, at));                   \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define SENDFILE(name)                                                             \
  static ssize_t (*real_##name)(int, int, off_t *, size_t);                        \
  ssize_t name(int to, int from, off_t *at, size_t count) {                        \
    WITH("write", to, REAL(name)(to, from, at, count));                            \
  }
SENDFILE(sendfile)
SENDFILE(sendfile64)

static ssize_t (*real_copy_file_range)(int, off_t *, int, off_t *, size_t, unsigned);
ssize_t copy_file_range(int from, off_t *a, int to, off_t *b, size_t count, unsigned flags) {
  WITH("copy_file_range", to, REAL(copy_file_range)(from, a, to, b, count, flags));
}

/* ---- making durable, making room ---- */

#define SYNC(name)                                                    \
  static int (*real_##name)(int);                                     \
  int name(int handle) { WITH("fsync", handle, REAL(name)(handle)); }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

static int (*real_sync_file_range)(int, off_t, off_t, unsigned);
int sync_file_range(int handle, off_t at, off_t count, unsigned flags) {
  WITH("sync_file_range", handle, REAL(sync_file_range)(handle, at, count, flags));
}

#define FTRUNCATE(name)                                                            \
  static int (*real_##name)(int, off_t);                                           \
  int name(int handle, off_t length) { WITH("truncate", handle, REAL(name)(handle, length)); }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define TRUNCATE_AT(name)                                                          \
  static int (*real_##name)(const char *, off_t);                                  \
  int name(const char *path, off_t length) { AT("truncate", HERE, path, REAL(name)(path, length)); }
TRUNCATE_AT(truncate)
TRUNCATE_AT(truncate64)

#define FALLOCATE(name)                                                            \
  static int (*real_##name)(int, int, off_t, off_t);                               \
  int name(int handle, int mode, off_t at, off_t count) {                          \
    WITH("fallocate", handle, REAL(name)(handle, mode, at, count));                \
  }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

/* ---- names ---- */

static int (*real_rename)(const char *, const char *);
int rename(const char *from, const char *to) { AT("rename", HERE, to, REAL(rename)(from, to)); }
static int (*real_renameat)(int, const char *, int, const char *);
int renameat(int a, const char *from, int b, const char *to) {
  AT("rename", b, to, REAL(renameat)(a, from, b, to));
}
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  AT("rename", b, to, REAL(renameat2)(a, from, b, to, flags));
}
static int (*real_link)(const char *, const char *);
int link(const char *from, const char *to) { AT("link", HERE, to, REAL(link)(from, to)); }
static int (*real_linkat)(int, const char *, int, const char *, int);
int linkat(int a, const char *from, int b, const char *to, int flags) {
  AT("link", b, to, REAL(linkat)(a, from, b, to, flags));
}
static int (*real_symlink)(const char *, const char *);
int symlink(const char *from, const char *to) { AT("symlink", HERE, to, REAL(symlink)(from, to)); }
static int (*real_symlinkat)(const char *, int, const char *);
int symlinkat(const char *from, int b, const char *to) {
  AT("symlink", b, to, REAL(symlinkat)(from, b, to));
}
static int (*real_unlink)(const char *);
int unlink(const char *path) { AT("unlink", HERE, path, REAL(unlink)(path)); }
static int (*real_unlinkat)(int, const char *, int);
int unlinkat(int folder, const char *path, int flags) {
  AT(flags == 0 ? "unlink" : "rmdir", folder, path, REAL(unlinkat)(folder, path, flags));
}
static int (*real_rmdir)(const char *);
int rmdir(const char *path) { AT("rmdir", HERE, path, REAL(rmdir)(path)); }
/* As the C library does it, which takes no way through us. */
int remove(const char *path) {
  int done = unlink(path);
  return done != 0 && *__errno_location() == EISDIR ? rmdir(path) : done;
}
static int (*real_mkdir)(const char *, unsigned);
int mkdir(const char *path, unsigned mode) { AT("mkdir", HERE, path, REAL(mkdir)(path, mode)); }
static int (*real_mkdirat)(int, const char *, unsigned);
int mkdirat(int folder, const char *path, unsigned mode) {
  AT("mkdir", folder, path, REAL(mkdirat)(folder, path, mode));
}

/* ---- modes and times ---- */

static int (*real_chmod)(const char *, unsigned);
int chmod(const char *path, unsigned mode) { AT("chmod", HERE, path, REAL(chmod)(path, mode)); }
static int (*real_fchmodat)(int, const char *, unsigned, int);
int fchmodat(int folder, const char *path, unsigned mode, int flags) {
  AT("chmod", folder, path, REAL(fchmodat)(folder, path, mode, flags));
}
static int (*real_fchmod)(int, unsigned);
int fchmod(int handle, unsigned mode) { WITH("chmod", handle, REAL(fchmod)(handle, mode)); }

#define UTIMES(name)                                                     \
  static int (*real_##name)(const char *, const void *);                 \
  int name(const char *path, const void *times) {                        \
    AT("utimens", HERE, path, REAL(name)(path, times));                  \
  }
UTIMES(utime)
UTIMES(utimes)
UTIMES(lutimes)
static int (*real_utimensat)(int, const char *, const void *, int);
int utimensat(int folder, const char *path, const void *times, int flags) {
  AT("utimens", folder, path == 0 ? "" : path, REAL(utimensat)(folder, path, times, flags));
}
static int (*real_futimens)(int, const void *);
int futimens(int handle, const void *times) {
  WITH("utimens", handle, REAL(futimens)(handle, times));
}

/* ---- the clock ---- */

static long off_by(void) {
  const char *file = getenv("FAULTS_CLOCK");
  if (file == 0) return 0;
  char digits[32];
  int handle = REAL(open)(file, 0, 0);
  ssize_t got = handle < 0 ? 0 : read(handle, digits, sizeof digits - 1);
  if (handle >= 0) close(handle);
  digits[got < 0 ? 0 : got] = 0;
  return strtol(digits, 0, 10);
}

static int (*real_clock_gettime)(int, struct timespec *);
int clock_gettime(int clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  /* Only the clock of the day can be set; those that count from the start cannot. */
  if (result == 0 && (clock == 0 || clock == 5)) now->seconds += off_by();
  return result;
}
static int (*real_gettimeofday)(struct timespec *, void *);
int gettimeofday(struct timespec *now, void *zone) {
  int result = REAL(gettimeofday)(now, zone);
  if (result == 0) now->seconds += off_by();
  return result;
}
static long (*real_time)(long *);
long time(long *now) {
  long result = REAL(time)(0) + off_by();
  if (now != 0) *now = result;
  return result;
}
