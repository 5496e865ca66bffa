/* rig.c - see rig.h. */
#include "tests/test.h"

#include "tests/queue/rig.h"
#include "tests/store/postgres.h"

#include "blobs/s3_http.h"
#include "store/ids.h"
#include "store/store.h"

#include "image/codec.h"
#include "schema/datauri.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t injected_now(void *user)
{
    return atomic_load(&((rig *)user)->now_ms);
}

static void print_line(void *user, birefnet_log_level level, const char *line)
{
    (void)user;
    if (level <= BIREFNET_LOG_WARNING && getenv("BN_TEST_LOG")) fprintf(stderr, "%s\n", line);
}

bool rig_shares_store(void)
{
    return getenv("BN_TEST_STORE") != NULL;
}

void rig_init(rig *self)
{
    /* in memory where there is such a folder: every commit waits for the disk */
    char folder[] = "/dev/shm/bn-jobs-XXXXXX";
    if (access("/dev/shm", W_OK) != 0) strcpy(folder, "/tmp/bn-jobs-XXXXXX");
    assert_non_null(mkdtemp(folder));
    if (rig_shares_store()) test_postgres_prepare();
    rig_init_at(self, folder);
}

/* BN_TEST_FILES, with a folder of this rig's own behind its path. */
static void choose_files(rig *self)
{
    const char *place = getenv("BN_TEST_FILES");
    if (!place) return;
    const size_t path = strcspn(place, "?");
    char id[BN_FILE_ID_CHARS];
    bn_id_make(id);
    snprintf(self->files, sizeof self->files, "%.*s/%s%s", (int)path, place, id, place + path);
    self->options.files = self->files;
}

void rig_init_at(rig *self, const char *folder)
{
    memset(self, 0, sizeof *self);
    snprintf(self->folder, sizeof self->folder, "%s", folder);
    bn_jobs_options_default(&self->options);
    self->options.data_folder = self->folder;
    choose_files(self);
    self->options.fallback_model = SEEDED;
    self->options.models_folder = self->folder; /* no presets in there, whatever this machine has */
    self->options.network_width = self->options.network_height = 64;
    self->options.threads = 1;
    self->options.log.write = print_line;
    if (rig_shares_store()) self->options.store = getenv("BN_TEST_STORE");
}

void rig_open(rig *self)
{
    bn_error err = {0};
    if (atomic_load(&self->now_ms) != 0) {
        self->options.now_ms = injected_now;
        self->options.now_user = self;
    }
    assert_ok(bn_jobs_open(&self->options, &self->jobs, &err), err);
}

void rig_close(rig *self)
{
    bn_jobs_close(&self->jobs);
}

void rig_destroy(rig *self)
{
    char command[100];
    rig_close(self);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    assert_int_equal(system(command), 0);
}

void rig_keys_home(rig *self, bn_keys_home *home)
{
    bn_error err = {0};
    *home = (bn_keys_home){.data_folder = self->folder};
    if (rig_shares_store()) assert_ok(bn_store_open(getenv("BN_TEST_STORE"), &home->store, &err), err);
}

void rig_make_key(rig *self, const char *name, const bn_key_limits *limits, char key[BN_KEY_CHARS],
                  bn_key_facts *facts)
{
    bn_error err = {0};
    bn_key_facts wanted = {.limits = limits ? *limits : (bn_key_limits){-1, -1, -1}};
    snprintf(wanted.name, sizeof wanted.name, "%s", name);
    assert_ok(bn_jobs_key_make(self->jobs, &wanted, key, facts, &err), err);
}

void rig_revoke_key(rig *self, const char *id)
{
    bn_error err = {0};
    assert_ok(bn_jobs_key_revoke(self->jobs, id, &err), err);
}

uint8_t *rig_png(int width, int height, size_t *size)
{
    bn_error err = {0};
    bn_image *image;
    bn_buffer out;
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_PNG);
    bn_buffer_init(&out, 1u << 26);
    assert_ok(bn_image_create(width, height, 3, 8, &image, &err), err);
    uint8_t *pixel = image->pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, pixel += 3) {
            const int dx = x - width / 2, dy = y - height / 2;
            const bool inside = 9 * (dx * dx + dy * dy) < width * height;
            pixel[0] = inside ? 230 : (uint8_t)(x * 255 / width);
            pixel[1] = inside ? 40 : (uint8_t)(y * 255 / height);
            pixel[2] = inside ? 30 : 120;
        }
    assert_ok(bn_image_encode(image, &options, &out, &err), err);
    bn_image_destroy(&image);
    *size = out.size;
    return out.data;
}

char *rig_body(int width, int height, const char *extra)
{
    bn_error err = {0};
    size_t size;
    bn_buffer body;
    uint8_t *png = rig_png(width, height, &size);
    bn_buffer_init(&body, 1u << 26);
    assert_ok(bn_buffer_printf(&body, &err, "{\"image_url\":\""), err);
    assert_ok(bn_data_uri_write("image/png", png, size, &body, &err), err);
    assert_ok(bn_buffer_printf(&body, &err, "\"%s%s}", extra[0] ? "," : "", extra), err);
    free(png);
    return (char *)body.data;
}

void rig_submit(rig *self, const bn_submit *submit, char id[BN_REQUEST_ID_CHARS])
{
    bn_answer answer;
    bn_jobs_submit(self->jobs, submit, id, NULL, &answer);
    if (answer.code != 200) fail_msg("refused with %d: %s", answer.code, answer.body);
    assert_null(answer.body);
    bn_answer_free(&answer);
}

void rig_submit_body(rig *self, const char *body, char id[BN_REQUEST_ID_CHARS])
{
    const bn_submit submit = {.body = body, .body_bytes = strlen(body), .max_queue_length = -1};
    rig_submit(self, &submit, id);
}

/* ---- waiting ---- */

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool news;
} waiter;

static void tell(void *user)
{
    waiter *self = user;
    pthread_mutex_lock(&self->lock);
    self->news = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void wait_until(rig *self, const char *id, bool (*there)(const bn_request_status *, int), int what)
{
    bn_error err = {0};
    bn_watch *watch;
    waiter wait = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .news = true};
    assert_ok(bn_jobs_watch(self->jobs, id, tell, &wait, &watch, &err), err);
    for (bool done = false; !done;) {
        bn_request_status status;
        pthread_mutex_lock(&wait.lock);
        while (!wait.news) pthread_cond_wait(&wait.changed, &wait.lock);
        wait.news = false;
        pthread_mutex_unlock(&wait.lock);
        assert_ok(bn_jobs_status(self->jobs, id, false, 0, &status, &err), err);
        done = there(&status, what);
        bn_request_status_free(&status);
    }
    bn_jobs_unwatch(&watch);
}

static bool has_state(const bn_request_status *status, int state)
{
    return (int)status->state >= state;
}

void rig_wait(rig *self, const char *id, bn_request_state state)
{
    wait_until(self, id, has_state, (int)state);
}

static bool has_position(const bn_request_status *status, int position)
{
    return status->state == BN_REQUEST_QUEUED && status->position == position;
}

void rig_wait_position(rig *self, const char *id, int position)
{
    wait_until(self, id, has_position, position);
}

bn_status rig_file_open(bn_jobs *jobs, const char *id, bn_file_facts *facts, int *fd, bn_error *err)
{
    bn_file_bytes bytes;
    size_t got;
    BN_TRY(bn_jobs_file_find(jobs, id, facts, err));
    BN_TRY(bn_jobs_file_open(jobs, facts, &bytes, err));
    *fd = bytes.fd;
    if (*fd >= 0) return BIREFNET_OK;
    uint8_t *all = malloc((size_t)facts->size + 1);
    assert_non_null(all);
    const bn_status status = bn_jobs_file_read_at(&bytes, 0, all, (size_t)facts->size, &got, err);
    bn_jobs_file_close(&bytes);
    if (status == BIREFNET_OK) *fd = rig_fd(all, got);
    if (*fd >= 0) lseek(*fd, 0, SEEK_SET);
    free(all);
    return status;
}

int rig_fd(const void *bytes, size_t size)
{
    const int fd = memfd_create("upload", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    return fd;
}

/* ---- a photo that comes when it is told to ---- */

static void *serve(void *user)
{
    slow_photo *self = user;
    for (;;) {
        const int fd = accept(self->listener, NULL, NULL);
        if (fd < 0) return NULL;
        char request[4096], head[200];
        if (read(fd, request, sizeof request) > 0) {
            pthread_mutex_lock(&self->lock);
            self->asked = true;
            pthread_cond_broadcast(&self->changed);
            while (!self->go) pthread_cond_wait(&self->changed, &self->lock);
            pthread_mutex_unlock(&self->lock);
            const int length =
                snprintf(head, sizeof head,
                         "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", self->size);
            if (send(fd, head, (size_t)length, MSG_NOSIGNAL) > 0)
                send(fd, self->bytes, self->size, MSG_NOSIGNAL);
        }
        close(fd);
    }
}

void slow_photo_start(slow_photo *self, const uint8_t *bytes, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    *self = (slow_photo){.bytes = bytes, .size = size};
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(self->listener, 16), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
}

void slow_photo_wait_asked(slow_photo *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->asked) pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

void slow_photo_answer(slow_photo *self)
{
    pthread_mutex_lock(&self->lock);
    self->go = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void slow_photo_stop(slow_photo *self)
{
    slow_photo_answer(self);
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->listener);
}

/* What lies in the bucket's folder, as S3 lists it. */
static size_t count_objects(const rig *self)
{
    static char answer[1 << 20];
    bn_error err = {0};
    bn_s3_place place;
    bn_s3 *s3;
    const bn_s3_options options = {.deadline_ms = 60000, .connect_ms = 5000, .slow_s = 10};
    assert_ok(bn_s3_place_parse(self->files + 3, &place, &err), err);
    assert_ok(bn_s3_open(&place, &options, &s3, &err), err);
    bn_s3_call list = {.method = "GET",
                       .query = {{"list-type", "2"}, {"prefix", place.prefix}},
                       .query_count = 2,
                       .into = answer,
                       .room = sizeof answer - 1};
    assert_ok(bn_s3_do(s3, &list, &err), err);
    answer[list.got] = '\0';
    bn_s3_close(&s3);
    size_t count = 0;
    for (const char *at = answer; (at = strstr(at, "<Key>")) != NULL; at++) count++;
    return count;
}

size_t rig_count_files(rig *self, const char *name)
{
    if (self->files[0]) return strcmp(name, "files") == 0 ? count_objects(self) : 0;
    char path[400];
    size_t count = 0;
    struct stat facts;
    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] == '.') continue;
        assert_int_equal(fstatat(dirfd(listing), entry->d_name, &facts, 0), 0);
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        count += S_ISDIR(facts.st_mode) ? rig_count_files(self, path) : 1;
    }
    closedir(listing);
    return count;
}
