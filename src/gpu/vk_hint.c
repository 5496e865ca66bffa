/* vk_hint.c - where Vulkan finds no driver: the words that help, by what of a card is seen in /dev. */
#include "gpu/vk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool is_there(const char *root, const char *path)
{
    char name[4096];
    snprintf(name, sizeof name, "%s%s", root, path);
    return access(name, F_OK) == 0;
}

/* The number of a card's node that exists but may not be opened; -1: none. */
static int find_closed_node(const char *root, bool *any)
{
    *any = false;
    for (int i = 128; i < 144; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/dev/dri/renderD%d", root, i);
        const int file = open(name, O_RDWR | O_CLOEXEC);
        if (file >= 0) close(file);
        if (file >= 0 || errno != ENOENT) *any = true;
        if (file < 0 && (errno == EACCES || errno == EPERM)) return i;
    }
    return -1;
}

bool bn_vk_may_be_here(const char *root)
{
    bool any;
    find_closed_node(root, &any);
    return any || is_there(root, "/dev/nvidiactl") || is_there(root, "/dev/dxg"); /* the last: Windows' */
}

bool bn_gpu_may_be_here(void)
{
    return bn_vk_may_be_here("");
}

const char *bn_vk_hint(const char *root)
{
    if (is_there(root, "/dev/nvidiactl"))
        return "an NVIDIA card is here, but not its Vulkan driver: a container needs "
               "NVIDIA_DRIVER_CAPABILITIES=all (or "
               "compute,utility,graphics); elsewhere install the driver whole, not its part for computing "
               "alone";
    bool any;
    if (find_closed_node(root, &any) >= 0)
        return "a card is here, but /dev/dri/renderD* may not be opened: put the user into its group "
               "(render, on some "
               "systems video); a container needs --device /dev/dri and that group";
    if (any)
        return "a card is here, but no Vulkan driver for it: install mesa-vulkan-drivers (AMD, Intel) or the "
               "maker's "
               "driver";
    return "Vulkan finds no card here: install the card's driver; a container must be given the card "
           "(NVIDIA: --gpus all "
           "and NVIDIA_DRIVER_CAPABILITIES=all; others: --device /dev/dri)";
}
