/* tls.c - a private certificate authority and the server's certificate, by GnuTLS. */
#include "http/tls.h"

#include "base/file.h"
#include "base/size.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEM_MAX_BYTES    ((size_t)1 << 20)
#define BUNDLE_MAX_BYTES ((size_t)8 << 20)
#define DAY_S            ((time_t)86400)
#define CA_DAYS          3650
#define SERVER_DAYS      397 /* the most that strict clients accept */
#define RENEW_DAYS       30

typedef struct pair {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
} pair;

static void free_pair(pair *own)
{
    if (own->certificate) gnutls_x509_crt_deinit(own->certificate);
    if (own->key) gnutls_x509_privkey_deinit(own->key);
    *own = (pair){0};
}

static bn_status check(int code, const char *what, bn_error *err)
{
    if (code >= 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_INTERNAL, "cannot %s: %s", what, gnutls_strerror(code));
}

static void join(char path[1024], const char *folder, const char *name)
{
    snprintf(path, 1024, "%s/%s", folder, name);
}

void bn_certificate_free(bn_certificate *certificate)
{
    bn_buffer_free(&certificate->chain);
    bn_buffer_free(&certificate->key);
}

bn_status bn_certificate_read(const char *chain_file, const char *key_file, bn_certificate *certificate,
                              bn_error *err)
{
    bn_buffer_init(&certificate->chain, PEM_MAX_BYTES);
    bn_buffer_init(&certificate->key, PEM_MAX_BYTES);
    bn_status status = bn_file_read(chain_file, &certificate->chain, err);
    if (status == BIREFNET_OK) status = bn_file_read(key_file, &certificate->key, err);
    if (status != BIREFNET_OK) bn_certificate_free(certificate);
    return status;
}

/* NOT_FOUND where one of the two files is missing. */
static bn_status read_pair(const char *chain_file, const char *key_file, pair *own, bn_error *err)
{
    bn_certificate text = {0};
    BN_TRY(bn_certificate_read(chain_file, key_file, &text, err));
    const gnutls_datum_t chain = {text.chain.data, (unsigned)text.chain.size};
    const gnutls_datum_t key = {text.key.data, (unsigned)text.key.size};
    bn_status status = check(gnutls_x509_crt_init(&own->certificate), "read a certificate", err);
    if (status == BIREFNET_OK) status = check(gnutls_x509_privkey_init(&own->key), "read a key", err);
    if (status == BIREFNET_OK)
        status = check(gnutls_x509_crt_import(own->certificate, &chain, GNUTLS_X509_FMT_PEM),
                       "read a certificate", err);
    if (status == BIREFNET_OK)
        status = check(gnutls_x509_privkey_import(own->key, &key, GNUTLS_X509_FMT_PEM), "read a key", err);
    bn_certificate_free(&text);
    if (status != BIREFNET_OK) free_pair(own);
    return status;
}

/* As bn_file_write_atomic, but never readable by others, not for a moment. */
static bn_status write_secret(const char *path, const gnutls_datum_t *text, bn_error *err)
{
    char part[1100];
    snprintf(part, sizeof part, "%s.part", path);
    unlink(part);
    const int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return bn_fail_errno(err, errno, "cannot create %s", part);
    const bool written = write(fd, text->data, text->size) == (ssize_t)text->size && fsync(fd) == 0;
    if (close(fd) == 0 && written && rename(part, path) == 0) return BIREFNET_OK;
    const int reason = errno;
    unlink(part);
    return bn_fail_errno(err, reason, "cannot write %s", path);
}

static bn_status write_pair(const pair *own, const pair *issuer, const char *chain_file, const char *key_file,
                            bn_error *err)
{
    gnutls_datum_t mine = {0}, above = {0}, key = {0};
    bn_buffer chain;
    bn_buffer_init(&chain, PEM_MAX_BYTES);
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(check(gnutls_x509_privkey_export2(own->key, GNUTLS_X509_FMT_PEM, &key), "write a key", err));
    BN_TRY_DONE(check(gnutls_x509_crt_export2(own->certificate, GNUTLS_X509_FMT_PEM, &mine),
                      "write a certificate", err));
    BN_TRY_DONE(bn_buffer_append(&chain, mine.data, mine.size, err));
    if (issuer != own) {
        BN_TRY_DONE(check(gnutls_x509_crt_export2(issuer->certificate, GNUTLS_X509_FMT_PEM, &above),
                          "write a certificate", err));
        BN_TRY_DONE(bn_buffer_append(&chain, above.data, above.size, err));
    }
    BN_TRY_DONE(write_secret(key_file, &key, err));
    BN_TRY_DONE(bn_file_write_atomic(chain_file, chain.data, chain.size, err));
done:
    gnutls_free(mine.data);
    gnutls_free(above.data);
    gnutls_free(key.data);
    bn_buffer_free(&chain);
    return status;
}

/* What the two kinds of certificate share: key, serial number, validity. */
static bn_status start_pair(pair *own, const char *name, int days, bn_error *err)
{
    uint8_t serial[16];
    const time_t now = time(NULL);
    BN_TRY(check(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial), "make random numbers", err));
    serial[0] &= 0x7f; /* positive */
    BN_TRY(check(gnutls_x509_privkey_init(&own->key), "make a key", err));
    BN_TRY(check(gnutls_x509_privkey_generate(own->key, GNUTLS_PK_ECDSA,
                                              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                 "make a key", err));
    BN_TRY(check(gnutls_x509_crt_init(&own->certificate), "make a certificate", err));
    gnutls_x509_crt_t crt = own->certificate;
    BN_TRY(check(gnutls_x509_crt_set_version(crt, 3), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_serial(crt, serial, sizeof serial), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_key(crt, own->key), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_activation_time(crt, now - DAY_S), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_expiration_time(crt, now + days * DAY_S), "make a certificate", err));
    uint8_t key_id[64];
    size_t key_id_bytes = sizeof key_id;
    BN_TRY(check(gnutls_x509_crt_get_key_id(crt, 0, key_id, &key_id_bytes), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_subject_key_id(crt, key_id, key_id_bytes), "make a certificate", err));
    return check(
        gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)),
        "make a certificate", err);
}

static bn_status make_authority(pair *own, bn_error *err)
{
    char name[160], machine[65] = "this machine";
    gethostname(machine, sizeof machine - 1);
    snprintf(name, sizeof name, "birefnet private authority of %s", machine);
    BN_TRY(start_pair(own, name, CA_DAYS, err));
    gnutls_x509_crt_t crt = own->certificate;
    BN_TRY(check(gnutls_x509_crt_set_basic_constraints(crt, 1, 0), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN),
                 "make a certificate", err));
    return check(gnutls_x509_crt_sign2(crt, crt, own->key, GNUTLS_DIG_SHA256, 0), "sign a certificate", err);
}

static bn_status add_name(gnutls_x509_crt_t crt, const char *name, bn_error *err)
{
    struct in6_addr six;
    struct in_addr four;
    const void *data = name;
    size_t size = strlen(name);
    gnutls_x509_subject_alt_name_t kind = GNUTLS_SAN_DNSNAME;
    if (inet_pton(AF_INET, name, &four) == 1) {
        data = &four, size = sizeof four, kind = GNUTLS_SAN_IPADDRESS;
    } else if (inet_pton(AF_INET6, name, &six) == 1) {
        data = &six, size = sizeof six, kind = GNUTLS_SAN_IPADDRESS;
    }
    return check(gnutls_x509_crt_set_subject_alt_name(crt, kind, data, (unsigned)size, GNUTLS_FSAN_APPEND),
                 "name a certificate", err);
}

static bool is_real_name(const char *host)
{
    return *host && strcmp(host, "0.0.0.0") != 0 && strcmp(host, "::") != 0;
}

static bn_status make_server(const pair *authority, const char *host, bn_name_at name_at, pair *own,
                             bn_error *err)
{
    BN_TRY(start_pair(own, "birefnet serve", SERVER_DAYS, err));
    gnutls_x509_crt_t crt = own->certificate;
    BN_TRY(add_name(crt, "localhost", err));
    for (size_t i = 0; name_at(i); i++) BN_TRY(add_name(crt, name_at(i), err));
    BN_TRY(add_name(crt, "127.0.0.1", err));
    BN_TRY(add_name(crt, "::1", err));
    char machine[65] = "";
    if (gethostname(machine, sizeof machine - 1) == 0 && *machine) BN_TRY(add_name(crt, machine, err));
    if (is_real_name(host)) BN_TRY(add_name(crt, host, err));
    uint8_t id[64];
    size_t id_bytes = sizeof id;
    BN_TRY(check(gnutls_x509_crt_get_subject_key_id(authority->certificate, id, &id_bytes, NULL),
                 "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_authority_key_id(crt, id, id_bytes), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_basic_constraints(crt, 0, -1), "make a certificate", err));
    BN_TRY(
        check(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE), "make a certificate", err));
    BN_TRY(check(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0), "make a certificate",
                 err));
    return check(gnutls_x509_crt_sign2(crt, authority->certificate, authority->key, GNUTLS_DIG_SHA256, 0),
                 "sign a certificate", err);
}

static bool still_good(const pair *own, const pair *authority, const char *host)
{
    const time_t until = gnutls_x509_crt_get_expiration_time(own->certificate);
    return until > time(NULL) + RENEW_DAYS * DAY_S &&
           gnutls_x509_crt_check_issuer(own->certificate, authority->certificate) == 1 &&
           (!is_real_name(host) || gnutls_x509_crt_check_hostname(own->certificate, host) != 0);
}

static bn_status write_bundle(const char *folder, const char *ca_file, char bundle[1024], bn_error *err)
{
    static const char *const system_files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                               "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    bn_buffer text;
    bn_buffer_init(&text, BUNDLE_MAX_BYTES);
    for (size_t i = 0; i < BN_COUNT(system_files) && text.size == 0; i++)
        if (bn_file_read(system_files[i], &text, NULL) != BIREFNET_OK) bn_buffer_free(&text);
    join(bundle, folder, "ca-bundle.pem");
    bn_status status = bn_file_read(ca_file, &text, err);
    if (status == BIREFNET_OK) status = bn_file_write_atomic(bundle, text.data, text.size, err);
    bn_buffer_free(&text);
    return status;
}

bn_status bn_certificate_make(const char *folder, const char *host, bn_name_at name_at,
                              bn_certificate *certificate, char bundle[1024], bn_error *err)
{
    char ca_file[1024], ca_key[1024], server_file[1024], server_key[1024];
    pair authority = {0}, server = {0};
    join(ca_file, folder, "ca.pem");
    join(ca_key, folder, "ca-key.pem");
    join(server_file, folder, "server.pem");
    join(server_key, folder, "server-key.pem");
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(bn_folder_make(folder, err));
    if (read_pair(ca_file, ca_key, &authority, err) != BIREFNET_OK) {
        BN_TRY_DONE(make_authority(&authority, err));
        BN_TRY_DONE(write_pair(&authority, &authority, ca_file, ca_key, err));
    }
    if (read_pair(server_file, server_key, &server, err) != BIREFNET_OK ||
        !still_good(&server, &authority, host)) {
        free_pair(&server);
        BN_TRY_DONE(make_server(&authority, host, name_at, &server, err));
        BN_TRY_DONE(write_pair(&server, &authority, server_file, server_key, err));
    }
    BN_TRY_DONE(write_bundle(folder, ca_file, bundle, err));
    status = bn_certificate_read(server_file, server_key, certificate, err);
done:
    free_pair(&authority);
    free_pair(&server);
    return status;
}
