/* plan_inputs.c - operands to photos: files, folders with all below them, patterns, URLs, standard input. */
#include "cli/plan.h"

#include "cli/fetch.h"
#include "cli/set.h"
#include "image/codec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 64

typedef struct search {
    bn_plan *plan;
    bn_set seen;        /* entries of folders, and URLs: no photo is done twice */
    bool has_output;    /* the output folder exists: it is not searched when it lies below an input folder */
    struct stat output; /* which it is */
    bn_error *err;
} search;

static bn_status add_photo(search *self, const char *source, const char *relative, bn_photo **added)
{
    bn_plan *plan = self->plan;
    if (plan->count == plan->capacity) {
        const size_t capacity = plan->capacity ? plan->capacity * 2 : 16;
        bn_photo *grown = realloc(plan->photos, capacity * sizeof *grown);
        if (!grown) return bn_fail_memory(self->err, capacity * sizeof *grown, "a list of photos");
        plan->photos = grown;
        plan->capacity = capacity;
    }
    bn_photo *photo = &plan->photos[plan->count];
    *photo = (bn_photo){.source = strdup(source), .relative = strdup(relative)};
    plan->count++; /* freed with the plan even where strdup failed */
    if (!photo->source || !photo->relative) return bn_fail_memory(self->err, strlen(source) + 1, "a name");
    if (added) *added = photo;
    return BIREFNET_OK;
}

static bn_status add_problem(search *self, const char *source, const bn_error *problem)
{
    bn_photo *photo;
    BN_TRY(add_photo(self, source, source, &photo));
    return bn_photo_set_problem(photo, BN_STAGE_READ, problem, self->err);
}

/* A file, once; a file that is not there becomes a photo too and fails when it is read. */
static bn_status add_file(search *self, const char *path, const char *relative)
{
    char *entry = bn_plan_entry(path);
    bool is_new = true;
    if (!entry) return bn_fail_memory(self->err, strlen(path) + 1, "a name");
    bn_status status = bn_set_add(&self->seen, entry, &is_new, self->err);
    free(entry);
    if (status == BIREFNET_OK && is_new) status = add_photo(self, path, relative, NULL);
    return status;
}

/* ---- folders ---- */

typedef struct listing {
    char **names; /* sorted by bytes */
    size_t count, capacity;
} listing;

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_free(listing *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->names[i]);
    free(list->names);
}

static bn_status listing_add(listing *list, const char *name, bn_error *err)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 64;
        char **grown = realloc(list->names, capacity * sizeof *grown);
        if (!grown) return bn_fail_memory(err, capacity * sizeof *grown, "a folder's names");
        list->names = grown;
        list->capacity = capacity;
    }
    list->names[list->count] = strdup(name);
    if (!list->names[list->count]) return bn_fail_memory(err, strlen(name) + 1, "a name");
    list->count++;
    return BIREFNET_OK;
}

/* Names of a folder, hidden ones left out. */
static bn_status listing_read(const char *folder, listing *list, bn_error *err)
{
    DIR *stream = opendir(folder);
    if (!stream) return bn_fail_errno(err, errno, "cannot open %s", folder);
    bn_status status = BIREFNET_OK;
    for (struct dirent *entry; status == BIREFNET_OK && (entry = readdir(stream));)
        if (entry->d_name[0] != '.') status = listing_add(list, entry->d_name, err);
    closedir(stream);
    if (list->count) qsort(list->names, list->count, sizeof *list->names, compare_names);
    return status;
}

/* Whether the folder holds an image whose name starts with `start` (of this length). */
static bool listing_has_image(const listing *list, const char *start, size_t length)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (strncmp(list->names[middle], start, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < list->count && strncmp(list->names[low], start, length) == 0; low++)
        if (bn_format_from_path(list->names[low]) != BN_FORMAT_NONE) return true;
    return false;
}

static bool listing_has(const listing *list, const char *name)
{
    return bsearch(&name, list->names, list->count, sizeof *list->names, compare_names) != NULL;
}

/* Whether `name` is what an earlier run wrote beside its photo (plan_names.c): photo-cutout.png or photo-mask.png beside
 * photo.jpg, photo-png-cutout.png beside photo.png, photo-image-cutout.png beside photo. Beside any photo.SUFFIX, too, or
 * photo: so earlier versions called it. */
static bool is_own_output(const listing *list, const char *name)
{
    static const char *const endings[] = {"-cutout", "-mask"};
    const size_t stem = bn_stem_length(name);
    for (size_t i = 0; i < 2; i++) {
        const size_t ending = strlen(endings[i]);
        if (stem <= ending || strncmp(name + stem - ending, endings[i], ending) != 0) continue;
        char base[512];
        const int length = snprintf(base, sizeof base, "%.*s.", (int)(stem - ending), name);
        if (length < 0 || (size_t)length >= sizeof base) return false;
        if (listing_has_image(list, base, (size_t)length)) return true;
        base[length - 1] = '\0';
        if (listing_has(list, base)) return true;
        char *dash = strrchr(base, '-');
        if (!dash) return false;
        *dash = '.';
        if (listing_has_image(list, base, (size_t)length - 1)) return true;
        *dash = '\0'; /* photo-image, of a photo without a suffix */
        return strcmp(dash + 1, "image") == 0 && listing_has(list, base);
    }
    return false;
}

/* ---- what is passed over ---- */

static int compare_counts(const void *a, const void *b)
{
    const bn_passed_over *left = a, *right = b;
    if (left->count != right->count) return left->count < right->count ? 1 : -1;
    return strcmp(left->kind, right->kind);
}

static void pass_over(bn_plan *plan, const char *kind)
{
    size_t i = 0;
    while (i < plan->passed_kinds && strcmp(plan->passed[i].kind, kind) != 0) i++;
    if (i == BN_PASSED_KINDS) plan->passed[--i].kind = "of other kinds";
    if (i == plan->passed_kinds) plan->passed[plan->passed_kinds++] = (bn_passed_over){kind, 0};
    plan->passed[i].count++;
}

/* "2 JPEG 2000"; "2 camera raw files", which are told as "a camera raw file" where they stand alone. */
static int tell_kind(const bn_passed_over *passed, char *text, size_t size)
{
    const bool counts = strncmp(passed->kind, "a ", 2) == 0;
    return snprintf(text, size, "%zu %s%s", passed->count, passed->kind + (counts ? 2 : 0),
                    counts && passed->count > 1 ? "s" : "");
}

void bn_plan_tell_passed(const bn_plan *plan, char *text, size_t size)
{
    size_t all = 0, used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < plan->passed_kinds; i++) all += plan->passed[i].count;
    if (all > 0) used = (size_t)snprintf(text, size, "%zu passed over", all);
    for (size_t i = 0; i < plan->passed_kinds && used + 2 < size; i++) {
        memcpy(text + used, i == 0 ? ": " : ", ", 3);
        used += 2;
        used += (size_t)tell_kind(&plan->passed[i], text + used, size - used);
    }
}

/* By the first bytes where they say what it is, else by the suffix: a file with a photo's name that is none fails when it
 * is read. Pictures that are not read are counted. */
static bool looks_like_image(search *self, const char *path)
{
    uint8_t start[1024];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t got = fd < 0 ? 0 : read(fd, start, sizeof start);
    if (fd >= 0) close(fd);
    const bool is_named_so = bn_format_from_path(path) != BN_FORMAT_NONE;
    const bn_kind *kind = got > 0 ? bn_kind_of(start, (size_t)got) : NULL;
    if (!kind) kind = bn_kind_of_path(path);
    if (kind && kind->is_picture) {
        pass_over(self->plan, kind->name);
        return false;
    }
    const bn_format format = got > 0 ? bn_format_from_bytes(start, (size_t)got) : BN_FORMAT_NONE;
    const char *missing = bn_format_missing(format);
    if (missing) pass_over(self->plan, missing);
    return !missing && (is_named_so || format != BN_FORMAT_NONE);
}

static bn_status search_folder(search *self, const char *folder, const char *relative, int depth);

static bool is_output(const search *self, const struct stat *folder)
{
    return self->has_output && folder->st_dev == self->output.st_dev && folder->st_ino == self->output.st_ino;
}

static bn_status search_entry(search *self, const listing *list, const char *folder, const char *relative,
                              const char *name, int depth)
{
    char path[4096], below[4096];
    struct stat facts;
    const bn_error too_long = {BIREFNET_ERROR_LIMIT, "holds a file whose path is too long"};
    const size_t bare = strlen(folder) - (folder[strlen(folder) - 1] == '/');
    if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)bare, folder, name) >= sizeof path ||
        (size_t)snprintf(below, sizeof below, "%s%s%s", relative, *relative ? "/" : "", name) >= sizeof below)
        return add_problem(self, folder, &too_long);
    if (lstat(path, &facts) != 0) return BIREFNET_OK; /* gone since */
    if (S_ISLNK(facts.st_mode) && (stat(path, &facts) != 0 || S_ISDIR(facts.st_mode))) return BIREFNET_OK;
    if (S_ISDIR(facts.st_mode))
        return is_output(self, &facts) ? BIREFNET_OK : search_folder(self, path, below, depth + 1);
    if (!S_ISREG(facts.st_mode) || is_own_output(list, name) || !looks_like_image(self, path))
        return BIREFNET_OK;
    return add_file(self, path, below);
}

static bn_status search_folder(search *self, const char *folder, const char *relative, int depth)
{
    listing list = {0};
    bn_error problem = {0};
    bn_status status = BIREFNET_OK;
    if (depth > MAX_DEPTH)
        bn_fail(&problem, BIREFNET_ERROR_LIMIT, "%s is more than %d folders deep", folder, MAX_DEPTH);
    else
        listing_read(folder, &list, &problem);
    if (problem.status != BIREFNET_OK) status = add_problem(self, folder, &problem);
    for (size_t i = 0; i < list.count && status == BIREFNET_OK; i++)
        status = search_entry(self, &list, folder, relative, list.names[i], depth);
    listing_free(&list);
    return status;
}

/* ---- operands ---- */

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* A name for what a URL leads to: the last part of its path. */
static bn_status add_url(search *self, const char *url)
{
    char name[256];
    const char *path = strstr(url, "://") + 3;
    path += strcspn(path, "/?#");
    const size_t length = strcspn(path, "?#");
    const char *start = path + length;
    while (start > path && start[-1] != '/') start--;
    snprintf(name, sizeof name, "%.*s", (int)(path + length - start), start);
    bool is_new;
    BN_TRY(bn_set_add(&self->seen, url, &is_new, self->err));
    if (!is_new) return BIREFNET_OK;
    return add_photo(self, url, name[0] && name[0] != '.' ? name : "image.jpg", NULL);
}

static bn_status add_operand(search *self, const char *operand);

static bn_status add_pattern(search *self, const char *pattern)
{
    glob_t found = {0};
    bn_status status = BIREFNET_OK;
    const int answer = glob(pattern, 0, NULL, &found);
    if (answer == GLOB_NOSPACE) {
        status = bn_fail_memory(self->err, 0, "a pattern's matches");
    } else if (answer != 0) {
        bn_error problem;
        bn_fail(&problem, BIREFNET_ERROR_NOT_FOUND, "nothing matches %s", pattern);
        status = add_problem(self, pattern, &problem);
    }
    self->plan->many = true;
    for (size_t i = 0; answer == 0 && i < found.gl_pathc && status == BIREFNET_OK; i++)
        status = add_operand(self, found.gl_pathv[i]);
    globfree(&found);
    return status;
}

static bn_status add_operand(search *self, const char *operand)
{
    struct stat facts;
    if (strcmp(operand, "-") == 0) return add_photo(self, "-", "image.jpg", NULL); /* its output: image */
    if (bn_is_url(operand)) return add_url(self, operand);
    if (stat(operand, &facts) != 0)
        return strpbrk(operand, "*?[") ? add_pattern(self, operand)
                                       : add_file(self, operand, last_component(operand));
    if (!S_ISDIR(facts.st_mode)) return add_file(self, operand, last_component(operand));

    self->plan->many = true;
    const size_t before = self->plan->count;
    BN_TRY(search_folder(self, operand, "", 0));
    if (self->plan->count > before) return BIREFNET_OK;
    bn_error problem;
    char passed[256];
    bn_plan_tell_passed(self->plan, passed, sizeof passed);
    bn_fail(&problem, BIREFNET_ERROR_NOT_FOUND, "there are no images in %s that are read here%s%s", operand,
            *passed ? "; " : "", passed);
    return add_problem(self, operand, &problem);
}

bn_status bn_plan_find_inputs(char *const *operands, int count, const char *output, bn_plan *plan,
                              bn_error *err)
{
    search self = {.plan = plan, .err = err};
    bn_status status = BIREFNET_OK;
    plan->many = count > 1;
    self.has_output = output && stat(output, &self.output) == 0 && S_ISDIR(self.output.st_mode);
    for (int i = 0; i < count && status == BIREFNET_OK; i++) status = add_operand(&self, operands[i]);
    qsort(plan->passed, plan->passed_kinds, sizeof *plan->passed, compare_counts);
    bn_set_free(&self.seen);
    return status;
}
