/* hazard.c - does what must not be done: a copy reads what another writes, with nothing between them. Shows that the validation
 * layers under which the tests run see such things. */
#include "gpu/vk.h"

#include <stdio.h>

int main(void)
{
    bn_gpu *gpu = NULL;
    bn_gpu_buffer *buffer = NULL;
    VkCommandBuffer commands;
    uint64_t number;
    bn_error err = {0};
    bn_status status;
    BN_TRY_DONE(bn_gpu_open(0, &gpu, &err));
    BN_TRY_DONE(bn_gpu_buffer_create(gpu, 4096, &buffer, &err));
    BN_TRY_DONE(bn_vk_commands(gpu, &commands, &err));
    BN_TRY_DONE(bn_vk_begin(gpu, commands, true, &err));
    for (VkDeviceSize i = 0; i < 2; i++) {
        const VkBufferCopy region = {.srcOffset = 1024 * i, .dstOffset = 1024 * (i + 1), .size = 1024};
        gpu->fn.CmdCopyBuffer(commands, buffer->handle, buffer->handle, 1, &region);
    }
    BN_TRY_DONE(bn_vk_check(gpu, gpu->fn.EndCommandBuffer(commands), "copy", &err));
    BN_TRY_DONE(bn_vk_submit(gpu, commands, &number, &err));
    BN_TRY_DONE(bn_vk_wait(gpu, number, &err));
done:
    if (status != BIREFNET_OK) printf("%s\n", err.message);
    bn_gpu_buffer_destroy(&buffer);
    bn_gpu_close(&gpu);
    return 0;
}
