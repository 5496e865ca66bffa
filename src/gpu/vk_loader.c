/* vk_loader.c - opening Vulkan's loader when somebody asks for a device, and an instance of it. */
#include "base/library.h"
#include "gpu/vk.h"

#include <string.h>

#define LOADER "libvulkan.so.1"

static bool fill_table(bn_vk *vk)
{
#define FIND(name)                                                                                           \
    vk->fn.name = (PFN_vk##name)bn_vk_address(vk, vk->instance, "vk" #name);                                 \
    if (!vk->fn.name) return false;
    BN_VK_INSTANCE_FUNCTIONS(FIND)
#undef FIND
    return true;
}

static VkResult create_instance(bn_vk *vk)
{
    const PFN_vkCreateInstance create = (PFN_vkCreateInstance)bn_vk_address(vk, NULL, "vkCreateInstance");
    if (!create) return VK_ERROR_INITIALIZATION_FAILED;
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .pApplicationName = "birefnet",
                                           .apiVersion = VK_API_VERSION_1_3};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application};
    return create(&info, NULL, &vk->instance);
}

bn_status bn_vk_open(bn_vk *vk, bn_error *err)
{
    static const bn_library_symbol symbols[] = {{"vkGetInstanceProcAddr", offsetof(bn_vk, address_of)}};
    memset(vk, 0, sizeof *vk);
    if (!bn_library_load(LOADER, symbols, 1, vk))
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                       "no Vulkan here: install libvulkan1 and the driver of the card");
    const VkResult result = create_instance(vk);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "%s", bn_vk_hint(""));
    BN_TRY(bn_vk_say(result, "Vulkan", "start", err));
    if (fill_table(vk)) return BIREFNET_OK;
    bn_vk_close(vk);
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, LOADER " is too old: 1.2 or newer is needed");
}

void bn_vk_close(bn_vk *vk)
{
    if (vk->instance && vk->fn.DestroyInstance) vk->fn.DestroyInstance(vk->instance, NULL);
    memset(vk, 0, sizeof *vk);
}

bn_status bn_vk_say(VkResult result, const char *device, const char *what, bn_error *err)
{
    switch (result) {
    case VK_SUCCESS:
        return BIREFNET_OK;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "%s: cannot %s: out of memory", device, what);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "%s: cannot %s: out of the card's memory", device, what);
    case VK_ERROR_DEVICE_LOST:
        return bn_fail(err, BIREFNET_ERROR_DEVICE,
                       "%s was lost: its driver gave up, or it was reset or taken away", device);
    default:
        return bn_fail(err, BIREFNET_ERROR_DEVICE, "%s: cannot %s (Vulkan's result %d)", device, what,
                       (int)result);
    }
}
