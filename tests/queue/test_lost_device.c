/* test_lost_device.c - a server whose graphics card is lost while it computes: it opens the card anew, once, and requests go on;
 * and several photos at a time on one card. The card is the driver that computes on the CPU; that it is lost, its functions'
 * stand-ins say. */
#include "tests/test.h"

#include "tests/gpu/device.h"
#include "tests/queue/rig.h"

#include "gpu/vk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    atomic_int until;   /* submissions that still work; negative: all do */
    atomic_int opened;  /* devices */
    atomic_bool always; /* a device opened anew is lost at once, too */
    PFN_vkQueueSubmit submit;
    pthread_mutex_t held; /* a test that holds it stops submissions */
} lost = {.until = -1, .held = PTHREAD_MUTEX_INITIALIZER};

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count, const VkSubmitInfo *info,
                                             VkFence fence)
{
    pthread_mutex_lock(&lost.held);
    pthread_mutex_unlock(&lost.held);
    const int left = atomic_load(&lost.until);
    if (left == 0) return VK_ERROR_DEVICE_LOST;
    if (left > 0) atomic_fetch_sub(&lost.until, 1);
    return lost.submit(queue, count, info, fence);
}

/* The linker puts this in the place of vk_address.c's (--wrap): every device asks for this function once, when it is opened. */
PFN_vkVoidFunction __real_bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name);
PFN_vkVoidFunction __wrap_bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name);

PFN_vkVoidFunction __wrap_bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name)
{
    const PFN_vkVoidFunction real = __real_bn_vk_device_address(vk, device, name);
    if (strcmp(name, "vkQueueSubmit") != 0) return real;
    lost.submit = (PFN_vkQueueSubmit)real;
    atomic_fetch_add(&lost.opened, 1);
    if (!atomic_load(&lost.always)) atomic_store(&lost.until, -1);
    return (PFN_vkVoidFunction)submit;
}

/* Threads that compute step back for others, minutes on a machine that is busy with more: not here. */
int __wrap_setpriority(int which, unsigned who, int priority);
int __wrap_setpriority(int which, unsigned who, int priority)
{
    (void)which, (void)who, (void)priority;
    return 0;
}

static char said[8192];
static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;

static void listen(void *user, birefnet_log_level level, const char *line)
{
    (void)user, (void)level;
    pthread_mutex_lock(&saying);
    strncat(said, line, sizeof said - strlen(said) - 1);
    pthread_mutex_unlock(&saying);
}

static void open_on_card(rig *self, int sessions)
{
    static char device[16];
    const int index = test_device_index();
    if (index < 0) skip();
    snprintf(device, sizeof device, "gpu:%d", index);
    rig_close(self);
    self->options.devices = device;
    self->options.sessions = sessions;
    self->options.network_width = self->options.network_height = 64;
    self->options.log = (bn_log){.write = listen};
    rig_open(self);
}

static void a_lost_card_is_opened_once_more(void **state)
{
    rig *self = *state;
    char id[BN_REQUEST_ID_CHARS], etags[3][33];
    open_on_card(self, 1);
    char *body = rig_body(40, 50, "\"output_format\":\"png\"");
    for (int i = 0; i < 3; i++) {
        if (i == 1) atomic_store(&lost.until, 5); /* in the middle of the second one's network */
        rig_submit_body(self, body, id);
        rig_result_etag(self, id, etags[i]);
        assert_string_equal(etags[i], etags[0]);
        assert_int_equal(atomic_load(&lost.opened), i == 0 ? 1 : 2);
    }
    assert_non_null(strstr(said, "opening the device anew"));
    assert_non_null(strstr(said, "was lost"));
    /* what is lost again and again fails its request, and no more */
    atomic_store(&lost.always, true);
    atomic_store(&lost.until, 0);
    rig_submit_body(self, body, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, id).code, 500);
    atomic_store(&lost.always, false);
    atomic_store(&lost.until, -1);
    rig_submit_body(self, body, id);
    rig_result_etag(self, id, etags[1]);
    assert_string_equal(etags[1], etags[0]);
    free(body);
}

/* Two sessions on one card, which is lost while both compute: each request ends well, with the bytes of one alone. */
static void photos_beside_each_other_go_on(void **state)
{
    enum { PHOTOS = 4 };
    rig *self = *state;
    char ids[PHOTOS][BN_REQUEST_ID_CHARS], etags[2][PHOTOS][33];
    for (int sessions = 1; sessions <= 2; sessions++) {
        open_on_card(self, sessions);
        for (int i = 0; i < PHOTOS; i++) {
            char *body = rig_body(40 + 10 * i, 50, "\"output_format\":\"png\"");
            rig_submit_body(self, body, ids[i]);
            free(body);
        }
        if (sessions == 2) {
            rig_wait(self, ids[0], BN_REQUEST_COMPLETED);
            atomic_store(&lost.until, 7);
        }
        for (int i = 0; i < PHOTOS; i++) rig_result_etag(self, ids[i], etags[sessions - 1][i]);
    }
    atomic_store(&lost.until, -1);
    for (int i = 0; i < PHOTOS; i++) assert_string_equal(etags[0][i], etags[1][i]);
}

/* One card under two names stands for two: each is opened, and both compute. */
static void two_cards_share_the_work(void **state)
{
    enum { PHOTOS = 4 };
    rig *self = *state;
    char ids[PHOTOS][BN_REQUEST_ID_CHARS], etags[2][PHOTOS][33], devices[32];
    for (int cards = 1; cards <= 2; cards++) {
        open_on_card(self, 1);
        if (cards == 2) {
            rig_close(self);
            snprintf(devices, sizeof devices, "%s,gpu:0%s", self->options.devices, self->options.devices + 4);
            self->options.devices = devices;
            rig_open(self);
        }
        const int before = atomic_load(&lost.opened);
        for (int i = 0; i < PHOTOS; i++) {
            char *body = rig_body(40 + 10 * i, 50, "\"output_format\":\"png\"");
            rig_submit_body(self, body, ids[i]);
            free(body);
        }
        for (int i = 0; i < PHOTOS; i++) rig_result_etag(self, ids[i], etags[cards - 1][i]);
        while (atomic_load(&lost.opened) < before + cards) { /* one was done before the other woke up */
            char more[PHOTOS][BN_REQUEST_ID_CHARS], *body = rig_body(200, 200, "");
            for (int i = 0; i < PHOTOS; i++) rig_submit_body(self, body, more[i]);
            for (int i = 0; i < PHOTOS; i++) rig_wait(self, more[i], BN_REQUEST_COMPLETED);
            free(body);
        }
        assert_int_equal(atomic_load(&lost.opened), before + cards);
    }
    for (int i = 0; i < PHOTOS; i++) assert_string_equal(etags[0][i], etags[1][i]);
}

/* ---- several photos in one run ---- */

/* Until so many requests are at this step. */
static void wait_step(rig *self, const char *step, int count)
{
    for (int found = -1; found != count;) {
        bn_error err = {0};
        bn_buffer text;
        bn_buffer_init(&text, 1u << 20);
        assert_ok(bn_jobs_overview(self->jobs, &text, &err), err);
        found = 0;
        for (const char *at = (char *)text.data; (at = strstr(at, step)) != NULL; at++) found++;
        bn_buffer_free(&text);
    }
}

/* The network of the first stops until the others are decoded. */
static void submit_behind_one(rig *self, int photos, char (*ids)[BN_REQUEST_ID_CHARS])
{
    pthread_mutex_lock(&lost.held);
    for (int i = 0; i < photos; i++) {
        char *body = rig_body(40 + 10 * i, 50, "\"output_format\":\"png\"");
        rig_submit_body(self, body, ids[i]);
        wait_step(self, i ? "\"decoded\"" : "\"network\"", i ? i : 1);
        free(body);
    }
    pthread_mutex_unlock(&lost.held);
}

static bool went_together(rig *self, const char *id, const char *words)
{
    bn_error err = {0};
    bn_request_status status;
    assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
    const bool found = status.logs && strstr(status.logs, words);
    bn_request_status_free(&status);
    return found;
}

/* Three of them where so many wait; two do not make a run. */
static void waiting_photos_share_a_run(void **state)
{
    enum { PHOTOS = 4 };
    rig *self = *state;
    char ids[PHOTOS][BN_REQUEST_ID_CHARS], etags[3][PHOTOS][33];
    for (int run = 0; run < 3; run++) {
        const int photos = run < 2 ? PHOTOS : PHOTOS - 1;
        self->options.batch = run ? 3 : 1;
        self->options.prepare_threads = PHOTOS;
        open_on_card(self, 1);
        submit_behind_one(self, photos, ids);
        for (int i = 0; i < photos; i++) rig_result_etag(self, ids[i], etags[run][i]);
        for (int i = 0; i < photos; i++) {
            assert_int_equal(went_together(self, ids[i], "3 photos in one run"), run == 1 && i > 0);
            assert_int_equal(went_together(self, ids[i], "photos in one run"), run == 1 && i > 0);
            assert_string_equal(etags[run][i], etags[0][i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_lost_card_is_opened_once_more),
        RIG_TEST(photos_beside_each_other_go_on),
        RIG_TEST(two_cards_share_the_work),
        RIG_TEST(waiting_photos_share_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
