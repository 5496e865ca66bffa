/* engine.c - what concerns oneDNN as a whole: its level of instructions and its version. */
#include "nn/cpu/engine.h"

#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>

bool bn_engine_told_by_user(void)
{
    return getenv("ONEDNN_MAX_CPU_ISA") || getenv("DNNL_MAX_CPU_ISA");
}

#if defined(__x86_64__)
/* Of each bn_isa; the bits of a level are those of the levels below it and some more. */
static const dnnl_cpu_isa_t levels[] = {dnnl_cpu_isa_sse41,
                                        dnnl_cpu_isa_sse41,
                                        dnnl_cpu_isa_avx2,
                                        dnnl_cpu_isa_avx512_core,
                                        dnnl_cpu_isa_avx512_core_bf16,
                                        dnnl_cpu_isa_avx512_core_amx};

bn_isa bn_engine_isa(void)
{
    const unsigned effective = (unsigned)dnnl_get_effective_cpu_isa();
    bn_isa isa = BN_ISA_AMX;
    while (isa > BN_ISA_PLAIN && (effective & (unsigned)levels[isa]) != (unsigned)levels[isa]) isa--;
    return isa == BN_ISA_NEON ? BN_ISA_PLAIN : isa; /* NEON stands for plain here */
}

bn_status bn_engine_hold(bn_isa isa, bn_error *err)
{
    if (dnnl_set_max_cpu_isa(levels[isa]) == dnnl_success || bn_engine_isa() <= isa) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "oneDNN is in use in this process and cannot be held to %s any more: ask for it when the "
                   "first model is opened, or set ONEDNN_MAX_CPU_ISA",
                   bn_isa_name(isa));
}
#else
bn_isa bn_engine_isa(void)
{
    return bn_cpu_isa();
}

/* oneDNN has levels to choose from on x86 only. */
bn_status bn_engine_hold(bn_isa isa, bn_error *err)
{
    (void)isa;
    (void)err;
    return BIREFNET_OK;
}
#endif

void bn_engine_version(char *text, size_t size)
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, size, "%d.%d.%d", version->major, version->minor, version->patch);
}
