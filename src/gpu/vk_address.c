/* vk_address.c - where functions of Vulkan are; a file of its own, so that a test can stand in its place. */
#include "gpu/vk.h"

PFN_vkVoidFunction bn_vk_address(const bn_vk *vk, VkInstance instance, const char *name)
{
    return vk->address_of(instance, name);
}

PFN_vkVoidFunction bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name)
{
    return vk->fn.GetDeviceProcAddr(device, name);
}
