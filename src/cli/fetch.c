/* fetch.c - a photo that the user names, by the exchange that the server uses, too: here any address may be reached, and
 * the user's proxies are used. */
#include "cli/fetch.h"

#include "net/fetch.h"

bool bn_is_url(const char *text)
{
    return bn_is_web_url(text);
}

typedef struct asker {
    bool (*cancelled)(void);
} asker;

static bool ask(void *user)
{
    const asker *self = user;
    return self->cancelled();
}

bn_status bn_fetch(const char *url, bool (*cancelled)(void), bn_buffer *buffer, bn_error *err)
{
    asker self = {cancelled};
    const bn_web_options options = {
        .allow_private = true, .use_proxies = true, .redirects = 5, .cancelled = ask, .user = &self};
    return bn_web_exchange(url, &options, buffer, NULL, err);
}
