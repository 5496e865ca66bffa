/* openapi_own.h - the part of the OpenAPI document that is not the endpoint's: this server's own routes. */
#ifndef BN_SCHEMA_OPENAPI_OWN_H
#define BN_SCHEMA_OPENAPI_OWN_H

#include <jansson.h>
#include <stdbool.h>

/* Add them to the document's object of paths; server_url as for bn_schema_openapi. False: memory ran out. */
bool bn_openapi_add_own(json_t *paths, const char *server_url);

#endif
