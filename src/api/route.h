/* route.h - from method and target to what is asked for. Pure; fuzzed together with target.h. */
#ifndef BN_API_ROUTE_H
#define BN_API_ROUTE_H

#include "api/target.h"
#include "http/http.h"

typedef enum bn_route_kind {
    BN_ROUTE_NOT_FOUND = 0,
    BN_ROUTE_METHOD,  /* the path is there, but not for this method */
    BN_ROUTE_OPTIONS, /* a preflight, for whatever path */
    BN_ROUTE_PROXY,   /* the proxy address without a target */
    BN_ROUTE_NO_APP,  /* an endpoint that is not served here: route.alias */
    BN_ROUTE_NO_PATH, /* a path that the endpoint does not have: route.app_path */
    BN_ROUTE_RUN,
    BN_ROUTE_APP_HEALTH,
    BN_ROUTE_SUBMIT,
    BN_ROUTE_STATUS, /* from here to CANCEL: route.id is the request's */
    BN_ROUTE_STATUS_STREAM,
    BN_ROUTE_RESULT,
    BN_ROUTE_CANCEL,
    BN_ROUTE_UPLOAD_INITIATE,
    BN_ROUTE_MULTIPART_INITIATE,
    BN_ROUTE_UPLOAD_TOKEN,
    BN_ROUTE_TOKENS,          /* answers with a bare string */
    BN_ROUTE_TOKENS_REALTIME, /* answers with an object */
    BN_ROUTE_JWKS,
    BN_ROUTE_PUT_FILE,     /* route.id is the upload's */
    BN_ROUTE_PUT_PART,     /* and route.part, 1 up */
    BN_ROUTE_PUT_COMPLETE, /* after the last part */
    BN_ROUTE_CDN_UPLOAD,   /* a whole file, by token */
    BN_ROUTE_CDN_MULTIPART,
    BN_ROUTE_FILE, /* route.id is the file's */
    BN_ROUTE_OPENAPI,
    BN_ROUTE_PRESETS,
    BN_ROUTE_HEALTH,
    BN_ROUTE_READY,
    BN_ROUTE_METRICS,
    BN_ROUTE_REMBG_GET,
    BN_ROUTE_REMBG_POST,
    BN_ROUTE_TOUCH_UP,
    BN_ROUTE_ADMIN_OVERVIEW,
    BN_ROUTE_ADMIN_KEY_MAKE,
    BN_ROUTE_ADMIN_KEY_REVOKE, /* route.id is the key's */
    BN_ROUTE_PAGE,             /* a file of the page: route.page */
} bn_route_kind;

typedef struct bn_route {
    bn_route_kind kind;
    const char *id;     /* points into the target */
    const char *alias;  /* NO_APP: what stands for the endpoint */
    const char *allow;  /* METHOD: for the Allow field */
    int part;           /* PUT_PART */
    bool admin;         /* a path below /admin: no page of others may ask, nor learn that it may not */
    char app_path[512]; /* of RUN, SUBMIT, NO_PATH: behind owner and alias, "/v2" */
    char page[128];     /* PAGE: "index.html", "js/app.js" */
} bn_route;

/* `force_queue`: a field that only queue submits carry was there. */
void bn_route_find(bn_method method, const bn_target *target, bool force_queue, bn_route *route);

#endif
